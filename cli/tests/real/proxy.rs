//! The proxies that Debian has, each run by a test on a port of its own, as this user, and ended with it.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Nginx,
    Apache,
    Haproxy,
    Caddy,
}

/// How it is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lines<'a> {
    /// With nothing but where to.
    Default,
    /// As docs/OPERATIONS.md has it.
    Documented,
    /// With these lines beside where to.
    And(&'a str),
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Nginx, Self::Apache, Self::Haproxy, Self::Caddy];

    fn program(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Apache => "apache2",
            Self::Haproxy => "haproxy",
            Self::Caddy => "caddy",
        }
    }

    /// Its block in docs/OPERATIONS.md.
    fn documented(self) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/OPERATIONS.md");
        let name = self.program().trim_end_matches('2');
        let text = fs::read_to_string(path).unwrap();
        let (_, rest) = text.split_once(&format!("<!-- test: {name} -->\n```{name}\n")).unwrap();
        rest.split("```").next().unwrap().to_owned()
    }
}

/// Where set-up unpacked them; the system's own where that is not said.
fn unpacked() -> Option<PathBuf> {
    std::env::var_os("CAIRN_PROXIES").map(PathBuf::from).filter(|folder| folder.is_dir())
}

fn find(program: &str) -> Option<PathBuf> {
    let roots = unpacked().into_iter().chain([PathBuf::from("/")]);
    roots
        .flat_map(|root| ["usr/sbin", "usr/bin"].map(|bin| root.join(bin).join(program)))
        .find(|path| path.is_file())
}

/// One that runs; it is ended when this is dropped.
pub(crate) struct Proxy {
    child: Child,
    pub(crate) port: u16,
    _folder: tempfile::TempDir,
}

impl Proxy {
    /// In front of a server's port; `None`, said aloud, where it is not installed.
    pub(crate) fn start(kind: Kind, upstream: u16, lines: Lines<'_>) -> Option<Self> {
        let Some(program) = find(kind.program()) else {
            let note = format!("SKIPPED: {kind:?} is not here; `cargo xtask setup` gets it on Debian\n");
            // Past the test harness, which shows nothing of tests that succeed.
            std::io::stderr().write_all(note.as_bytes()).unwrap();
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = folder.path().join("config");
        fs::write(&config, configured(kind, folder.path(), port, upstream, lines)).unwrap();
        let mut command = Command::new(program);
        match kind {
            Kind::Nginx => command.arg("-e").arg(folder.path().join("log")).arg("-c").arg(&config),
            Kind::Apache => command.arg("-f").arg(&config).args(["-D", "FOREGROUND"]),
            Kind::Haproxy => command.arg("-db").arg("-f").arg(&config),
            Kind::Caddy => command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&config),
        };
        if let Some(root) = unpacked() {
            let libraries = fs::read_dir(root.join("usr/lib")).into_iter().flatten().flatten();
            let libraries = libraries
                .map(|entry| entry.path())
                .filter(|path| path.to_string_lossy().ends_with("-linux-gnu"));
            command.env("LD_LIBRARY_PATH", std::env::join_paths(libraries).unwrap());
        }
        command.env("XDG_DATA_HOME", folder.path()).env("XDG_CONFIG_HOME", folder.path());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut proxy = Self { child, port, _folder: folder };
        proxy.wait(kind);
        Some(proxy)
    }

    fn wait(&mut self, kind: Kind) {
        for _ in 0..1_000 {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            assert!(self.child.try_wait().unwrap().is_none(), "{kind:?} does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{kind:?} does not listen");
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Gently, so that it ends its own children.
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        for _ in 0..500 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configured(kind: Kind, folder: &Path, port: u16, upstream: u16, lines: Lines<'_>) -> String {
    let documented = kind.documented().replace("127.0.0.1:8080", &format!("127.0.0.1:{upstream}"));
    match kind {
        Kind::Nginx => nginx(folder, port, upstream, lines, &documented),
        Kind::Apache => apache(folder, port, upstream, lines, &documented),
        Kind::Haproxy => haproxy(port, upstream, lines, &documented),
        Kind::Caddy => caddy(port, upstream, lines, &documented),
    }
}

fn nginx(folder: &Path, port: u16, upstream: u16, lines: Lines<'_>, documented: &str) -> String {
    let folder = folder.display();
    let server = match lines {
        Lines::Documented => documented.replace("listen 80;", &format!("listen 127.0.0.1:{port};")),
        Lines::Default | Lines::And(_) => {
            let more = if let Lines::And(more) = lines { more } else { "" };
            format!(
                "server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{upstream}; {more} }} }}"
            )
        }
    };
    let mut text = format!(
        "daemon off; master_process off; pid {folder}/pid; error_log {folder}/log;\nevents {{}}\nhttp {{ access_log off;\n"
    );
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        writeln!(text, "{kind}_temp_path {folder}/{kind};").unwrap();
    }
    format!("{text}{server}\n}}\n")
}

fn apache(folder: &Path, port: u16, upstream: u16, lines: Lines<'_>, documented: &str) -> String {
    let modules =
        unpacked().map(|root| root.join("usr/lib/apache2/modules")).filter(|folder| folder.is_dir());
    let modules = modules.unwrap_or_else(|| PathBuf::from("/usr/lib/apache2/modules"));
    let folder = folder.display();
    let mut text = format!(
        "ServerRoot {folder}\nPidFile {folder}/pid\nErrorLog {folder}/log\nServerName localhost\nListen 127.0.0.1:{port}\n"
    );
    for module in ["mpm_event", "authz_core", "proxy", "proxy_http", "headers"] {
        writeln!(text, "LoadModule {module}_module {}/mod_{module}.so", modules.display()).unwrap();
    }
    if rustix::process::geteuid().is_root() {
        text += "User nobody\nGroup nogroup\n";
    }
    text + &match lines {
        Lines::Documented => documented.to_owned(),
        Lines::Default => format!("ProxyPass \"/\" \"http://127.0.0.1:{upstream}/\"\n"),
        Lines::And(more) => format!("{more}\nProxyPass \"/\" \"http://127.0.0.1:{upstream}/\"\n"),
    }
}

fn haproxy(port: u16, upstream: u16, lines: Lines<'_>, documented: &str) -> String {
    if lines == Lines::Documented {
        return documented.replace("bind :80", &format!("bind 127.0.0.1:{port}"));
    }
    let (global, backend) = match lines {
        Lines::And(more) if more.starts_with("global") => (more, ""),
        Lines::And(more) => ("", more),
        Lines::Default | Lines::Documented => ("", ""),
    };
    let check = if backend.is_empty() { "" } else { "check inter 100 fall 1" };
    format!(
        "{global}\ndefaults\n    mode http\n    timeout client 30s\n    timeout server 30s\n    timeout connect 5s\n\
         frontend f\n    bind 127.0.0.1:{port}\n    default_backend b\n\
         backend b\n{backend}\n    server s 127.0.0.1:{upstream} {check}\n"
    )
}

fn caddy(port: u16, upstream: u16, lines: Lines<'_>, documented: &str) -> String {
    let site = match lines {
        Lines::Documented => documented.replace(
            "files.example.org {",
            // The second name is one that leads here.
            &format!("http://files.example.org:{port}, http://localhost:{port} {{\n    bind 127.0.0.1"),
        ),
        Lines::Default => {
            format!("http://:{port} {{\n    bind 127.0.0.1\n    reverse_proxy 127.0.0.1:{upstream}\n}}\n")
        }
        Lines::And(more) => {
            format!(
                "http://:{port} {{\n    bind 127.0.0.1\n{more}\n    reverse_proxy 127.0.0.1:{upstream}\n}}\n"
            )
        }
    };
    format!("{{\n    admin off\n    auto_https off\n}}\n{site}")
}
