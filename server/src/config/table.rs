//! The table of settings, and the page of documentation that is made from it.

use std::fmt::Write as _;

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its key in `cairn.toml`.
    pub key: &'static str,
    /// Its environment variable.
    pub variable: &'static str,
    /// What it is where nobody says otherwise.
    pub default: &'static str,
    /// What it does, in one or two sentences.
    pub doc: &'static str,
}

/// Every setting.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "listen",
        variable: "CAIRN_LISTEN",
        default: "127.0.0.1:8080",
        doc: "Address and port to listen on. Port 0 takes a free one; the address is printed.",
    },
    Setting {
        key: "data",
        variable: "CAIRN_DATA",
        default: "cairn-data",
        doc: "Folder that holds everything: chunks, log, index, secret. Made at the first start.",
    },
    Setting {
        key: "page",
        variable: "CAIRN_PAGE",
        default: "",
        doc: "Folder of another page than the binary's own.",
    },
    Setting {
        key: "public_url",
        variable: "CAIRN_PUBLIC_URL",
        default: "",
        doc: "Address that people use, such as `https://files.example.org`, or `https://example.org/cairn` behind a proxy that passes what is below that path, with or without it. Its host is known, and nobody is local any more (`local_upload`).",
    },
    Setting {
        key: "hosts",
        variable: "CAIRN_HOSTS",
        default: "",
        doc: "Further known host names, split by commas, without ports: `nas.lan`, or `*.home.lan` for all names below that one. Requests to unknown ones get 421. Loopback names and IP addresses are always known. Nobody is local any more (`local_upload`).",
    },
    Setting {
        key: "guests",
        variable: "CAIRN_GUESTS",
        default: "false",
        doc: "Whether people without a credential may upload from elsewhere than the server's own machine.",
    },
    Setting {
        key: "local_upload",
        variable: "CAIRN_LOCAL_UPLOAD",
        default: "auto",
        doc: "Whether people on the server's own machine may upload without being guests. `auto`: yes, where neither `public_url` nor `hosts` is set and the server listens on loopback alone. `true`: yes. `false`: no. A request is theirs only where peer and `Host` are loopback and no header tells of a proxy. Behind a proxy on the same machine set `false` (docs/OPERATIONS.md says why).",
    },
    Setting {
        key: "trusted_proxies",
        variable: "CAIRN_TRUSTED_PROXIES",
        default: "",
        doc: "Proxies of your own, as IP addresses or networks, split by commas. From these, `X-Forwarded-For` says where a request comes from. Nobody becomes local by it.",
    },
    Setting {
        key: "dedup",
        variable: "CAIRN_DEDUP",
        default: "members",
        doc: "Within which circle of people nothing is sent twice: `members` (everybody on the server's own machine, who has to prove that he has the bytes; guests have what is their own), `owner` (what is his own), `off`. What is stored is stored once in any case. docs/THREATS.md says who can learn what.",
    },
    Setting {
        key: "session_ttl",
        variable: "CAIRN_SESSION_TTL",
        default: "72h",
        doc: "How long an unfinished upload is kept. Each chunk that arrives keeps it at least a third of that longer.",
    },
    Setting {
        key: "sweep_every",
        variable: "CAIRN_SWEEP_EVERY",
        default: "6h",
        doc: "Pause between two clean-ups. One runs at every start.",
    },
    Setting {
        key: "delete_after",
        variable: "CAIRN_DELETE_AFTER",
        default: "1h",
        doc: "How long a chunk that nobody holds any more stays on disk.",
    },
    Setting {
        key: "checkpoint_bytes",
        variable: "CAIRN_CHECKPOINT_BYTES",
        default: "67108864",
        doc: "How long the log may grow, in bytes, before a snapshot of all facts takes its place.",
    },
    Setting {
        key: "index",
        variable: "CAIRN_INDEX",
        default: "sled",
        doc: "The library that keeps the index: `sled` or `redb`. redb reads less from the disk and takes less of it once a store has more than a million chunks (docs/STORAGE.md). Another one than before builds the index anew at the next start.",
    },
    Setting {
        key: "answer_idle",
        variable: "CAIRN_ANSWER_IDLE",
        default: "1h",
        doc: "How long a connection stays whose client reads nothing of an answer: proxies that store answers and players that pause do so. A download that was paused for longer goes on with a new request. Where memory for downloads is scarce nothing is kept read for it after half a minute. Where there are nearly as many connections as the server can have, those whose clients have read nothing for a minute end earlier.",
    },
    Setting {
        key: "compress",
        variable: "CAIRN_COMPRESS",
        default: "true",
        doc: "Whether chunks that compress well are stored compressed. Those that are there stay as they are and can be read either way. A data folder that was opened with `true` can't be opened by versions of Cairn from before there was this setting.",
    },
    Setting {
        key: "body_idle",
        variable: "CAIRN_BODY_IDLE",
        default: "10s",
        doc: "The longest wait for the next bytes of a request body. Over three times that span a body must come with 1 KiB/s at least.",
    },
    Setting {
        key: "download_ahead_bytes",
        variable: "CAIRN_DOWNLOAD_AHEAD_BYTES",
        default: "67108864",
        doc: "How much memory all downloads together may take for what they read ahead of their clients, in bytes. Those for whom nothing is left read 64 KiB at a time, and no more than that ahead.",
    },
    Setting {
        key: "head_time",
        variable: "CAIRN_HEAD_TIME",
        default: "15s",
        doc: "How long the head of each request of a connection may take, from its first byte to its end. A connection on which nothing comes ends 15 s after its last answer.",
    },
    Setting {
        key: "address_connections",
        variable: "CAIRN_ADDRESS_CONNECTIONS",
        default: "512",
        doc: "How many connections one address (IPv6: one /64) may have at the same time; 0 is no limit. Those from the server's own machine and from `trusted_proxies` are not counted, since a proxy's are everybody's; of each client behind `trusted_proxies` as many requests may be under way at the same time, and more get 429. Where there are nearly as many as the server can have (a third of its open files), those that rest end first.",
    },
    Setting {
        key: "owner_rate",
        variable: "CAIRN_OWNER_RATE",
        default: "60",
        doc: "How many owner keys guests may ask for in a minute, from one address (IPv6: one /64). As many may come at once (of more than 1,000 a twelfth, 1,000 at least); more get 429 and the time to wait. 0 is no limit. Requests from the server's own machine are not counted, here and below.",
    },
    Setting {
        key: "start_rate",
        variable: "CAIRN_START_RATE",
        default: "60000",
        doc: "How many uploads and folders guests may start in a minute, with one owner key and from one address. Each item of a batch counts.",
    },
    Setting {
        key: "check_rate",
        variable: "CAIRN_CHECK_RATE",
        default: "60000",
        doc: "How often guests may declare rows in a minute, with one owner key and from one address. Each item of a batch counts, and each 64 rows count as one more.",
    },
    Setting {
        key: "status_rate",
        variable: "CAIRN_STATUS_RATE",
        default: "60000",
        doc: "How often guests may ask in a minute what has arrived of an upload, with one owner key and from one address. Each 1,000 rows that are looked at count as one more; so do those of `finish`.",
    },
    Setting {
        key: "guest_facts_bytes",
        variable: "CAIRN_GUEST_FACTS_BYTES",
        default: "268435456",
        doc: "How many bytes the names, rows and links of one guest may take, without the content of his files: some 80,000 files. Long paths count several times. Besides, they take no more than 8 bytes for each byte that he sent. 0 is no limit. What owners from the server's own machine keep is not counted.",
    },
    Setting {
        key: "guests_facts_bytes",
        variable: "CAIRN_GUESTS_FACTS_BYTES",
        default: "4294967296",
        doc: "The same for all guests together.",
    },
    Setting {
        key: "guest_rows_ahead",
        variable: "CAIRN_GUEST_ROWS_AHEAD",
        default: "65536",
        doc: "How many rows of an upload a guest may declare before their chunks come. 0 is no limit.",
    },
    Setting {
        key: "guest_idle",
        variable: "CAIRN_GUEST_IDLE",
        default: "6h",
        doc: "How long a guest's upload is kept of which nothing has come, and a guest's owner key that never held anything. The next clean-up removes them.",
    },
];

/// Variables that other parts read: the commands, the builds, the tests and the benchmarks.
pub(super) const OTHER_VARIABLES: &[&str] = &[
    "CAIRN_LOG",
    "CAIRN_SERVER",
    "CAIRN_STATE",
    "CAIRN_CACHE",
    "CAIRN_BENCH_PEERS",
    "CAIRN_BENCH_REPORT",
    "CAIRN_BIN",
    "CAIRN_BLESS",
    "CAIRN_CHROMIUM",
    "CAIRN_CHUNKS",
    "CAIRN_FAULT",
    "CAIRN_PICTURES",
    "CAIRN_PROXIES",
    "CAIRN_ROUNDS",
    "CAIRN_SCHEDULES",
    "CAIRN_SEED",
    "CAIRN_SEEDS",
];

/// `docs/CONFIG.md`.
pub fn markdown() -> String {
    let mut text = String::from(
        "# Settings\n\nThis page is made from `server/src/config/table.rs`; a test fails where they differ.\n\n\
         A setting is taken from the command line (`--listen`, `--data`, `--page`), else from its environment\n\
         variable, else from `cairn.toml` in the working folder (or `--config FILE`), else it has its default.\n\
         Unknown keys in `cairn.toml` are errors; unknown variables that begin with `CAIRN_` are told at the start. Times are written as `90s`, `15m`, `72h`, `30days`.\n\n\
         | key in `cairn.toml` | variable | default | what it does |\n| --- | --- | --- | --- |\n",
    );
    for Setting { key, variable, default, doc } in SETTINGS {
        let default = if default.is_empty() { "none".to_owned() } else { format!("`{default}`") };
        // Writing to a string can't fail.
        let _ = writeln!(text, "| `{key}` | `{variable}` | {default} | {doc} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documentation_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/CONFIG.md");
        if std::env::var_os("CAIRN_BLESS").is_some() {
            std::fs::write(path, markdown()).unwrap();
        }
        let stored = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(stored, markdown(), "docs/CONFIG.md is stale: run with CAIRN_BLESS=1");
    }
}
