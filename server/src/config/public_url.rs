//! The address that people use, and what is derived from it.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

use crate::access::is_name;

/// An address such as `https://files.example.org` or `https://example.org/cairn`, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
    host: String,
    path: String,
    is_https: bool,
}

impl FromStr for PublicUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let is_https = match text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase()).as_deref()
        {
            Some("https") => true,
            Some("http") => false,
            Some(_) | None => return Err("it must begin with http:// or https://"),
        };
        let url = Url::parse(text)
            .map_err(|_| "it is no address: http:// or https://, then a host name, is needed")?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("it must have no name and no password in it");
        }
        if url.query().is_some() {
            return Err("it must have no query: leave out the ? and what follows");
        }
        if url.fragment().is_some() {
            return Err("it must have no fragment: leave out the # and what follows");
        }
        let Some(host) = url.host() else { return Err("it must name a host") };
        if let Host::Domain(name) = host
            && !is_name(name)
        {
            return Err(
                "it must be the one address that people use, and its host a name such as files.example.org; further names, and *.home.lan, go into hosts",
            );
        }
        let path = url.path().trim_end_matches('/').to_owned();
        if ["/api", "/d", "/r", "/healthz"]
            .iter()
            .any(|own| path.strip_prefix(own).is_some_and(|rest| !rest.starts_with(|c| c != '/')))
        {
            return Err(
                "its path must not begin with /api, /d, /r or /healthz, where this server's own addresses are",
            );
        }
        if path.contains("//") {
            return Err("its path must not have two slashes in a row");
        }
        Ok(Self { origin: url.origin().ascii_serialization(), host: bare(&host), path, is_https })
    }
}

/// A host as `Host` headers name it, without brackets and port.
fn bare(host: &Host<&str>) -> String {
    match host {
        Host::Domain(name) => name.strip_suffix('.').unwrap_or(name).to_owned(),
        Host::Ipv4(ip) => ip.to_string(),
        Host::Ipv6(ip) => ip.to_string(),
    }
}

impl PublicUrl {
    /// Its host name, in the letters that travel (IDNA), or its IP address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Scheme, host and port, as browsers write `Origin`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Its path, empty or beginning with a slash and ending without.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether people use TLS.
    pub fn is_https(&self) -> bool {
        self.is_https
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.origin, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_understood() {
        let read = |text: &str| {
            let url: PublicUrl = text.parse().unwrap();
            (url.to_string(), url.host().to_owned(), url.path().to_owned(), url.is_https())
        };
        let all = |url: &str, host: &str, path: &str, is_https| {
            (url.to_owned(), host.to_owned(), path.to_owned(), is_https)
        };
        assert_eq!(
            read("https://f.example.org:8443/"),
            all("https://f.example.org:8443", "f.example.org", "", true)
        );
        assert_eq!(read("HTTP://Nas.Lan:80"), all("http://nas.lan", "nas.lan", "", false));
        assert_eq!(
            read("https://bücher.example"),
            all("https://xn--bcher-kva.example", "xn--bcher-kva.example", "", true)
        );
        assert_eq!(
            read("https://x.example/cairn//"),
            all("https://x.example/cairn", "x.example", "/cairn", true)
        );
        assert_eq!(read("http://[2001:DB8::1]:81"), all("http://[2001:db8::1]:81", "2001:db8::1", "", false));
    }

    #[test]
    fn the_rest_is_refused_with_its_reason() {
        let wrong = |text: &str| text.parse::<PublicUrl>().unwrap_err();
        assert!(wrong("files.example.org").contains("http://"));
        assert!(wrong("ftp://files.example.org").contains("http://"));
        assert!(wrong("files.example.org:8080").contains("http://"));
        assert!(wrong("https://x.example?a=b").contains("query"));
        assert!(wrong("https://x.example/#a").contains("fragment"));
        assert!(wrong("https://me:pw@x.example").contains("password"));
        assert!(wrong("https://").contains("no address"));
        assert!(wrong("https://a b.example").contains("no address"));
        assert!(wrong("https://x.example/a//b").contains("slashes"));
        assert!(wrong("https://x.example/d").contains("own addresses"));
        assert!(wrong("https://x.example/api/v1").contains("own addresses"));
        assert!(wrong("https://*.example").contains("go into hosts"));
        assert!(wrong("https://files.example..org").contains("go into hosts"));
        assert!("https://x.example/daten".parse::<PublicUrl>().is_ok());
    }
}
