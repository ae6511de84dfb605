//! Whether a request comes from this very machine, without anything between.

use actix_web::dev::RequestHead;
use actix_web::http::Version;
use cairn_shared::{Problem, ProblemCode};

use super::host::is_loopback;
use crate::config::{Config, LocalUpload};
use crate::platform::User;

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// From this machine.
    Here,
    /// From anywhere, and why this has to be assumed.
    Elsewhere(Why),
}

/// What makes a request one that may come from anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// Nobody is local here.
    Off(&'static str),
    /// Its peer is another machine.
    Peer,
    /// It was sent to another name than the loopback's.
    Host,
    /// It has a header that proxies write.
    Mark(&'static str),
    /// No program of these days speaks HTTP/1.0, but for proxies.
    Old,
    /// The program that sends it belongs to a system account, as those of proxies do.
    System(u32),
    /// The program that sends it takes connections from other machines itself.
    Server,
    /// The program that sent it has let go of the connection.
    Gone,
}

/// Headers that proxies and what stands in front of them write, and browsers and other clients don't. One ending in a hyphen
/// stands for all that begin so; one beginning with a hyphen for all that end so.
const MARKS: &[&str] = &[
    "forwarded",
    "via",
    "x-forwarded",
    "x-forwarded-",
    "-forwarded-for",
    "x-original-",
    "x-real-",
    "x-remote-",
    "x-client-",
    "x-cluster-",
    "x-envoy-",
    "x-proxy-",
    "x-proxyuser-",
    "x-varnish",
    "x-scheme",
    "x-url-scheme",
    "x-host",
    "x-originating-",
    "x-azure-",
    "x-appengine-",
    "x-amzn-",
    "x-amz-cf-",
    "x-arr-",
    "x-vercel-",
    "x-nf-",
    "x-akamai-",
    "x-sucuri-",
    "x-ssl-",
    "x-auth-request-",
    "-client-ip",
    "-real-ip",
    "-connecting-ip",
    "-client-addr",
    "-proxy-client-ip",
    "client-ip",
    "cf-",
    "cdn-",
    "fastly-",
    "fly-",
    "akamai-",
    "incap-",
    "tailscale-",
    "proxy-",
    "ssl-client-",
    "front-end-https",
    "surrogate-capability",
    "remote-addr",
    "remote-user",
    "early-data",
];

/// A uid that systems give to services, not to people: the usual `SYS_UID_MAX`, systemd's dynamic users, and `nobody`, who also
/// stands for every user of another container.
fn is_system(uid: u32) -> bool {
    matches!(uid, 1..=999 | 61_184..=65_534)
}

/// Whether there may be local requests at all.
pub(crate) fn why_nobody(config: &Config) -> Option<&'static str> {
    match config.local_upload {
        LocalUpload::On => None,
        LocalUpload::Off => Some("CAIRN_LOCAL_UPLOAD is false"),
        LocalUpload::Auto if config.public_url.is_some() => Some("CAIRN_PUBLIC_URL is set"),
        LocalUpload::Auto if !config.hosts.is_empty() => Some("CAIRN_HOSTS is set"),
        LocalUpload::Auto if !config.listen.ip().is_loopback() => Some("other machines reach this server"),
        LocalUpload::Auto => None,
    }
}

/// DESIGN 10, as far as the request itself tells: peer and `Host` are loopback, and no proxy left its mark.
pub(crate) fn place(config: &Config, head: &RequestHead, host: &str) -> Place {
    let why = if let Some(why) = why_nobody(config) {
        Why::Off(why)
    } else if !head.peer_addr.is_some_and(|peer| peer.ip().to_canonical().is_loopback()) {
        Why::Peer
    } else if !is_loopback(host) {
        Why::Host
    } else if let Some(mark) = head.headers().keys().find_map(|name| mark(name.as_str())) {
        Why::Mark(mark)
    } else if !matches!(head.version, Version::HTTP_11 | Version::HTTP_2 | Version::HTTP_3) {
        Why::Old
    } else {
        return Place::Here;
    };
    Place::Elsewhere(why)
}

/// The same, with what the system says of the program at the other end. Under `local_upload = true` programs of system accounts
/// are welcome; a server under one takes its own.
pub(crate) fn place_of_user(config: &Config, user: User, own_uid: u32) -> Place {
    match user {
        User::Uid(uid) if config.local_upload == LocalUpload::Auto && uid != own_uid && is_system(uid) => {
            Place::Elsewhere(Why::System(uid))
        }
        User::Server if config.local_upload == LocalUpload::Auto => Place::Elsewhere(Why::Server),
        User::Gone if config.local_upload == LocalUpload::Auto => Place::Elsewhere(Why::Gone),
        User::Uid(_) | User::Server | User::Gone | User::Unknown => Place::Here,
    }
}

fn mark(name: &str) -> Option<&'static str> {
    MARKS.iter().copied().find(|mark| {
        if mark.starts_with('-') {
            name.ends_with(mark)
        } else if mark.ends_with('-') {
            name.starts_with(mark)
        } else {
            name == *mark
        }
    })
}

impl Why {
    /// 403 for somebody who is not local where guests may not upload, and what to do about it.
    pub(crate) fn refusal(self) -> Problem {
        let here = match self {
            Self::Off(why) => format!(
                "Nobody counts as being on the server's own machine, because {why}; CAIRN_LOCAL_UPLOAD=true changes that."
            ),
            Self::Peer => "This request comes from another machine.".to_owned(),
            Self::Host => {
                "This request was not sent to the loopback, such as http://127.0.0.1 or http://localhost.".to_owned()
            }
            Self::Mark(mark) => format!("This request came through a proxy: it has the header {}.", spelled(mark)),
            Self::Old => "This request came through a proxy, or from an old program: it is HTTP/1.0.".to_owned(),
            Self::System(uid) => format!(
                "The program that sent this request belongs to a system account (uid {uid}), as a proxy's does; CAIRN_LOCAL_UPLOAD=true trusts those of this machine."
            ),
            Self::Server => {
                "The program that sent this request takes connections from other machines itself, as a proxy does; CAIRN_LOCAL_UPLOAD=true trusts those of this machine.".to_owned()
            }
            Self::Gone => "The program that sent this request is gone.".to_owned(),
        };
        let detail = format!(
            "Only requests from the server's own machine may upload. {here} CAIRN_GUESTS=true lets everybody upload who reaches this server, through a proxy as well."
        );
        Problem::new(ProblemCode::GuestsOff, detail)
    }
}

/// A mark as people read it: `x-forwarded-...`.
fn spelled(mark: &str) -> String {
    match (mark.strip_prefix('-'), mark.strip_suffix('-')) {
        (Some(_), _) => format!("...{mark}"),
        (None, Some(_)) => format!("{mark}..."),
        (None, None) => mark.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;
    use actix_web::test::TestRequest;

    fn config(settings: &[(&'static str, &str)]) -> Config {
        let given: BTreeMap<_, _> = settings.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        Config::read(&given, |_| None, Path::new("/nowhere/cairn.toml"), false).unwrap()
    }

    fn asked(config: &Config, peer: &str, host: &str, headers: &[(&str, &str)], version: Version) -> Place {
        let mut request = TestRequest::default().peer_addr(peer.parse().unwrap()).version(version);
        for header in headers {
            request = request.append_header(*header);
        }
        place(config, request.to_http_request().head(), host)
    }

    fn here(settings: &[(&'static str, &str)]) -> Place {
        asked(&config(settings), "127.0.0.1:1", "localhost:8080", &[], Version::HTTP_11)
    }

    #[test]
    fn nobody_is_local_where_others_are_to_reach_the_server() {
        assert_eq!(here(&[]), Place::Here);
        for (key, value) in [
            ("public_url", "https://f.example.org"),
            ("hosts", "f.example.org"),
            ("listen", "0.0.0.0:8080"),
            ("listen", "[::]:8080"),
            ("listen", "192.168.1.5:8080"),
        ] {
            assert!(matches!(here(&[(key, value)]), Place::Elsewhere(Why::Off(_))), "{key} {value}");
            assert_eq!(here(&[(key, value), ("local_upload", "true")]), Place::Here, "{key} {value}");
        }
        assert!(matches!(here(&[("local_upload", "false")]), Place::Elsewhere(Why::Off(_))));
    }

    #[test]
    fn every_mark_of_a_proxy_counts_whatever_the_setting_says() {
        for setting in ["auto", "true"] {
            let config = config(&[("local_upload", setting)]);
            let with =
                |name: &str| asked(&config, "127.0.0.1:1", "localhost", &[(name, "x")], Version::HTTP_11);
            for name in [
                "Forwarded",
                "Via",
                "X-Forwarded-For",
                "X-Forwarded-Proto",
                "X-Forwarded",
                "X-Real-IP",
                "X-Real-Port",
                "CF-Connecting-IP",
                "CF-Ray",
                "True-Client-IP",
                "X-Client-IP",
                "Fastly-Client-IP",
                "X-Original-URL",
                "X-Original-Forwarded-For",
                "X-Cluster-Client-IP",
                "CDN-Loop",
                "X-ProxyUser-Ip",
                "Fly-Client-IP",
                "X-Envoy-External-Address",
                "WL-Proxy-Client-IP",
                "Ali-CDN-Real-IP",
                "DO-Connecting-IP",
            ] {
                assert!(matches!(with(name), Place::Elsewhere(Why::Mark(_))), "{name} {setting}");
            }
            for name in
                ["User-Agent", "Origin", "Referer", "Sec-Fetch-Site", "Connection", "X-Requested-With", "DNT"]
            {
                assert_eq!(with(name), Place::Here, "{name}");
            }
            let old = asked(&config, "127.0.0.1:1", "localhost", &[], Version::HTTP_10);
            assert_eq!(old, Place::Elsewhere(Why::Old));
            let other = asked(&config, "192.168.1.9:1", "localhost", &[], Version::HTTP_11);
            assert_eq!(other, Place::Elsewhere(Why::Peer));
            let mapped = asked(&config, "[::ffff:127.0.0.1]:1", "[::1]:80", &[], Version::HTTP_11);
            assert_eq!(mapped, Place::Here);
            for host in ["192.168.1.5", "files.example.org", ""] {
                let named = asked(&config, "127.0.0.1:1", host, &[], Version::HTTP_11);
                assert_eq!(named, Place::Elsewhere(Why::Host), "{host}");
            }
        }
    }

    #[test]
    fn programs_of_system_accounts_are_proxies_unless_the_server_is_theirs_or_they_are_welcome() {
        let auto = config(&[]);
        let on = config(&[("local_upload", "true")]);
        for uid in [0, 1_000, 60_000, 100_000] {
            assert_eq!(place_of_user(&auto, User::Uid(uid), 33), Place::Here);
        }
        for uid in [33, 101, 999, 62_000, 65_534] {
            assert_eq!(place_of_user(&auto, User::Uid(uid), 0), Place::Elsewhere(Why::System(uid)));
            assert_eq!(place_of_user(&auto, User::Uid(uid), uid), Place::Here);
            assert_eq!(place_of_user(&on, User::Uid(uid), 0), Place::Here);
        }
        assert_eq!(place_of_user(&auto, User::Gone, 0), Place::Elsewhere(Why::Gone));
        assert_eq!(place_of_user(&auto, User::Server, 0), Place::Elsewhere(Why::Server));
        assert_eq!(place_of_user(&on, User::Server, 0), Place::Here);
        assert_eq!(place_of_user(&auto, User::Unknown, 0), Place::Here);
    }

    #[test]
    fn a_refusal_says_why_and_what_to_do() {
        let all = [
            Why::Off("CAIRN_HOSTS is set"),
            Why::Peer,
            Why::Host,
            Why::Mark("x-forwarded-"),
            Why::Old,
            Why::System(33),
            Why::Server,
            Why::Gone,
        ];
        for why in all {
            let detail = why.refusal().detail;
            assert!(detail.contains("CAIRN_GUESTS=true"), "{detail}");
        }
        assert!(Why::Mark("x-forwarded-").refusal().detail.contains("x-forwarded-..."));
    }
}
