//! Which host names this server answers for: a wall against DNS rebinding and forged links.

use std::net::IpAddr;
use std::str::FromStr;

use url::Host;

use crate::config::{Config, PublicUrl};

const NO_NAME: &str = "it must be host names such as files.lan or *.home.lan, split by commas";

/// A further name that a server answers for: `files.lan`, or `*.home.lan` for every name below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownHost {
    name: String,
    is_wildcard: bool,
}

impl FromStr for KnownHost {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        if text.contains("://") || text.contains('/') {
            return Err(
                "it must be names alone, such as files.lan; an address with http:// or https:// goes into public_url",
            );
        }
        let (name, is_wildcard) = match text.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (text, false),
        };
        if name.contains('*') {
            return Err("a * may stand for what is before the first dot alone, such as *.home.lan");
        }
        if name
            .rsplit_once(':')
            .is_some_and(|(name, port)| !name.contains(':') && port.parse::<u16>().is_ok())
        {
            return Err("it must be names without a port: a name is known with every port");
        }
        match Host::parse(name).or_else(|_| Host::parse(&format!("[{name}]"))) {
            Ok(Host::Domain(name)) if !is_name(&name) => Err(NO_NAME),
            Ok(Host::Domain(name)) => {
                Ok(Self { name: name.strip_suffix('.').unwrap_or(&name).to_owned(), is_wildcard })
            }
            Ok(Host::Ipv4(_) | Host::Ipv6(_)) if is_wildcard => {
                Err("a * goes with names, not with IP addresses")
            }
            Ok(Host::Ipv4(ip)) => Ok(Self { name: ip.to_string(), is_wildcard }),
            Ok(Host::Ipv6(ip)) => Ok(Self { name: ip.to_string(), is_wildcard }),
            Err(_) => Err(NO_NAME),
        }
    }
}

impl KnownHost {
    /// The host of the address that people use.
    pub(crate) fn of(url: &PublicUrl) -> Self {
        Self { name: url.host().to_owned(), is_wildcard: false }
    }

    fn is(&self, name: &str) -> bool {
        if !self.is_wildcard {
            return name == self.name;
        }
        name.strip_suffix(self.name.as_str())
            .and_then(|below| below.strip_suffix('.'))
            .is_some_and(|below| !below.is_empty())
    }
}

/// Whether a name is one that somebody can have: letters, digits, hyphens and underscores between dots. Addresses may hold more (URL
/// standard), which no browser finds.
pub(crate) fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.strip_suffix('.').unwrap_or(name).split('.').all(is_label)
}

/// The known host names.
#[derive(Debug, Clone, Default)]
pub(crate) struct HostRule {
    known: Vec<KnownHost>,
}

impl HostRule {
    /// Loopback names and IP literals are always known; `known` are further ones.
    pub(crate) fn new(known: impl IntoIterator<Item = KnownHost>) -> Self {
        Self { known: known.into_iter().collect() }
    }

    /// Those of the settings.
    pub(crate) fn of(config: &Config) -> Self {
        Self::new(config.hosts.iter().cloned().chain(config.public_url.as_ref().map(KnownHost::of)))
    }

    /// Whether a `Host` header names this server.
    pub(crate) fn knows(&self, header: &str) -> bool {
        let Some((name, _)) = split(header) else { return false };
        is_loopback_name(&name) || ip(&name).is_some() || self.known.iter().any(|known| known.is(&name))
    }
}

/// Whether a `Host` header names the loopback.
pub(crate) fn is_loopback(header: &str) -> bool {
    split(header)
        .is_some_and(|(name, _)| is_loopback_name(&name) || ip(&name).is_some_and(|ip| ip.is_loopback()))
}

/// Whether a `Host` header names the host of an address, with whatever port.
pub(crate) fn is_sent_to(header: &str, url: &PublicUrl) -> bool {
    split(header).is_some_and(|(name, _)| name == url.host())
}

/// Name and port in `name`, `name:port`, `[v6]` or `[v6]:port`, in lower case.
pub(super) fn split(header: &str) -> Option<(String, Option<u16>)> {
    let (name, port) = match header.strip_prefix('[') {
        Some(rest) => {
            let (v6, port) = rest.split_once(']')?;
            let port = if port.is_empty() { None } else { Some(port.strip_prefix(':')?) };
            (v6, port)
        }
        None => header.split_once(':').map_or((header, None), |(name, port)| (name, Some(port))),
    };
    let port = port.map(|port| port.parse::<u16>().ok());
    let fits = !name.is_empty() && port != Some(None) && !name.contains(['/', '@', '?', '#', ' ']);
    fits.then(|| (name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase(), port.flatten()))
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
        let known = ["Files.Example.org", "*.Home.lan", "bücher.example"].map(|name| name.parse().unwrap());
        let rule = HostRule::new(known);
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
            "nas.home.lan:8080",
            "a.nas.home.lan",
            "xn--bcher-kva.example",
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
            "home.lan",
            ".home.lan",
            "evilhome.lan",
        ] {
            assert!(!rule.knows(foreign), "{foreign}");
        }
        assert!(is_loopback("127.9.9.9:1") && is_loopback("LOCALHOST"));
        assert!(!is_loopback("192.168.1.5") && !is_loopback("evil.test"));
    }

    #[test]
    fn what_can_never_match_is_refused_with_its_reason() {
        let wrong = |text: &str| text.parse::<KnownHost>().unwrap_err();
        assert!(wrong("nas.lan:8099").contains("without a port"));
        assert!(wrong("https://files.lan").contains("public_url"));
        assert!(wrong("files.lan/cairn").contains("public_url"));
        assert!(wrong("*").contains("*.home.lan"));
        assert!(wrong("*.*.lan").contains("*.home.lan"));
        assert!(wrong("nas*.lan").contains("*.home.lan"));
        for odd in ["a b", "a!b.lan", "a..lan", "$(hostname)", "*.~"] {
            assert!(wrong(odd).contains("files.lan"), "{odd}");
        }
        assert!("my_nas.lan.".parse::<KnownHost>().is_ok());
        assert!("192.168.1.5".parse::<KnownHost>().is_ok() && "2001:db8::1".parse::<KnownHost>().is_ok());
    }
}
