//! Which host names this server answers for: a wall against DNS rebinding and forged links.

use std::net::IpAddr;

/// The known host names.
#[derive(Debug, Clone, Default)]
pub(crate) struct HostRule {
    names: Vec<String>,
}

impl HostRule {
    /// Loopback names and IP literals are always known; `names` are further ones, without a port.
    pub(crate) fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self { names: names.into_iter().map(|name| name.to_ascii_lowercase()).collect() }
    }

    /// Whether a `Host` header names this server.
    pub(crate) fn knows(&self, header: &str) -> bool {
        let Some(name) = host_name(header) else { return false };
        is_loopback_name(&name) || ip(&name).is_some() || self.names.contains(&name)
    }
}

/// Whether a `Host` header names the loopback.
pub(crate) fn is_loopback(header: &str) -> bool {
    host_name(header)
        .is_some_and(|name| is_loopback_name(&name) || ip(&name).is_some_and(|ip| ip.is_loopback()))
}

/// The name in `name`, `name:port`, `[v6]` or `[v6]:port`, in lower case.
fn host_name(header: &str) -> Option<String> {
    let (name, port) = match header.strip_prefix('[') {
        Some(rest) => {
            let (v6, port) = rest.split_once(']')?;
            (v6, port.strip_prefix(':').or(port.is_empty().then_some("0"))?)
        }
        None => header.split_once(':').unwrap_or((header, "0")),
    };
    let fits = !name.is_empty() && port.parse::<u16>().is_ok() && !name.contains(['/', '@', '?', '#', ' ']);
    fits.then(|| name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase())
}

fn is_loopback_name(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

fn ip(name: &str) -> Option<IpAddr> {
    name.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_itself_and_nobody_else() {
        let rule = HostRule::new(["Files.Example.org".to_owned()]);
        for known in [
            "localhost",
            "localhost:8080",
            "a.localhost:1",
            "127.0.0.1:8080",
            "[::1]:80",
            "[::1]",
            "192.168.1.5",
            "files.example.org",
            "FILES.example.org.:443",
        ] {
            assert!(rule.knows(known), "{known}");
        }
        for foreign in [
            "",
            "evil.test",
            "files.example.org.evil.test",
            "localhost.evil.test",
            "127.0.0.1.evil.test",
            "a@localhost",
            "localhost:99999",
            "[::1",
            "files.example.org:x",
        ] {
            assert!(!rule.knows(foreign), "{foreign}");
        }
        assert!(is_loopback("127.9.9.9:1") && is_loopback("LOCALHOST"));
        assert!(!is_loopback("192.168.1.5") && !is_loopback("evil.test"));
    }
}
