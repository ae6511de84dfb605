//! The address that a request comes from: the peer's, or what proxies of one's own say.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use actix_web::dev::RequestHead;
use ipnet::IpNet;

/// Each proxy on the way adds its client's address at the end; the one header of this kind that every proxy can write.
const FORWARDED_FOR: &str = "x-forwarded-for";
/// More proxies than anybody puts one behind the other; what stands before them is not looked at.
const HOPS_MAX: usize = 16;

/// The networks whose addresses are proxies that tell the truth.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

/// Larger ones hold strangers: the largest private ones are 10.0.0.0/8 and fc00::/7.
const PREFIX_MIN: (u8, u8) = (8, 7);

/// What can be nobody's proxies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworksError {
    /// No address and no network.
    #[error("{0} is neither an IP address nor a network such as 10.0.0.0/8; they are split by commas")]
    Form(String),
    /// Strangers are in it.
    #[error(
        "{0} holds strangers, who could claim any address; name the proxies alone, or their network (IPv4: at most /8, IPv6: at most /7)"
    )]
    Large(IpNet),
}

impl FromStr for Networks {
    type Err = NetworksError;

    /// Addresses and networks, split by commas.
    fn from_str(text: &str) -> Result<Self, NetworksError> {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let read = |item: &str| {
            let network = item.parse().or_else(|_| item.parse::<IpAddr>().map(IpNet::from));
            let network: IpNet = network.map_err(|_| NetworksError::Form(item.to_owned()))?;
            let (v4, v6) = PREFIX_MIN;
            let least = if network.addr().is_ipv4() { v4 } else { v6 };
            if network.prefix_len() < least { Err(NetworksError::Large(network)) } else { Ok(network) }
        };
        Ok(Self(items.map(read).collect::<Result<_, _>>()?))
    }
}

impl Networks {
    /// Whether this is an address of theirs.
    pub(crate) fn contain(&self, ip: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&ip))
    }
}

/// Where a request comes from, as far as this can be known. It proves nothing about who sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ClientAddress(IpAddr);

impl From<IpAddr> for ClientAddress {
    fn from(ip: IpAddr) -> Self {
        Self(ip.to_canonical())
    }
}

impl ClientAddress {
    /// The address; an IPv4 one is never written as IPv6.
    pub(crate) fn ip(self) -> IpAddr {
        self.0
    }

    /// What one customer of a provider has at least: an IPv4 address, or the first 64 bits of an IPv6 one, the rest zero.
    pub(crate) fn group(self) -> IpAddr {
        match self.0 {
            v4 @ IpAddr::V4(_) => v4,
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        }
    }
}

/// The peer's address; where that is one of `trusted`, the rightmost in `X-Forwarded-For` that is not. A peer without an
/// address counts as `0.0.0.0`.
pub(crate) fn client_address(head: &RequestHead, trusted: &Networks) -> ClientAddress {
    let mut client = head.peer_addr.map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.ip().to_canonical());
    if trusted.contain(client) {
        let lines: Vec<_> = head.headers().get_all(FORWARDED_FOR).collect();
        // Several lines are one list (RFC 9110 section 5.2).
        let hops = lines.iter().rev().flat_map(|line| line.to_str().unwrap_or("?").rsplit(','));
        for hop in hops.take(HOPS_MAX) {
            // Behind what can't be read nobody is known: the proxy that wrote it stands for its clients.
            let Some(ip) = hop_address(hop.trim()) else { break };
            client = ip;
            if !trusted.contain(ip) {
                break;
            }
        }
    }
    ClientAddress(client)
}

/// An address as proxies write it: bare, with a port, in brackets.
fn hop_address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let ip = bare.parse::<IpAddr>().ok().or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()))?;
    Some(ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn seen(peer: &str, lines: &[&str], trusted: &str) -> String {
        let mut request = TestRequest::default().peer_addr(peer.parse().unwrap());
        for line in lines {
            request = request.append_header((FORWARDED_FOR, *line));
        }
        let request = request.to_http_request();
        let trusted = trusted.parse().unwrap();
        client_address(request.head(), &trusted).ip().to_string()
    }

    #[test]
    fn a_header_counts_from_trusted_proxies_alone() {
        assert_eq!(seen("198.51.100.7:1", &["192.0.2.1"], ""), "198.51.100.7");
        assert_eq!(seen("198.51.100.7:1", &["192.0.2.1"], "127.0.0.1, 10.0.0.0/8"), "198.51.100.7");
        assert_eq!(seen("127.0.0.1:1", &["192.0.2.1"], "127.0.0.1, 10.0.0.0/8"), "192.0.2.1");
        assert_eq!(seen("[::ffff:10.1.1.1]:1", &["192.0.2.1"], "10.0.0.0/8"), "192.0.2.1");
        assert_eq!(seen("127.0.0.1:1", &[], "127.0.0.1"), "127.0.0.1");
    }

    #[test]
    fn the_rightmost_that_is_not_trusted_counts() {
        let trusted = "127.0.0.1, 10.0.0.0/8, fd00::/8";
        assert_eq!(seen("127.0.0.1:1", &["6.6.6.6, 192.0.2.1, 10.0.0.2"], trusted), "192.0.2.1");
        assert_eq!(seen("127.0.0.1:1", &["6.6.6.6", "192.0.2.1", "10.0.0.2,fd00::1"], trusted), "192.0.2.1");
        assert_eq!(seen("127.0.0.1:1", &["10.0.0.3, 10.0.0.2"], trusted), "10.0.0.3");
        for (hop, ip) in [
            ("192.0.2.1:4711", "192.0.2.1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
        ] {
            assert_eq!(seen("127.0.0.1:1", &[hop], trusted), ip);
        }
        // The last proxy that can be named.
        assert_eq!(seen("127.0.0.1:1", &["6.6.6.6, unknown, 10.0.0.2"], trusted), "10.0.0.2");
        assert_eq!(seen("127.0.0.1:1", &["6.6.6.6, "], trusted), "127.0.0.1");
    }

    #[test]
    fn a_group_is_what_one_customer_has() {
        let group = |ip: &str| ClientAddress(ip.parse().unwrap()).group().to_string();
        assert_eq!(group("192.0.2.1"), "192.0.2.1");
        assert_eq!(group("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }

    #[test]
    fn networks_are_read_or_named() {
        assert_eq!("".parse(), Ok(Networks::default()));
        assert!("10.0.0.0/8 ,::1".parse::<Networks>().unwrap().contain("10.9.9.9".parse().unwrap()));
        for wrong in ["10.0.0.0/33", "proxy.lan", "10.0.0", "10.0.0.1,*"] {
            assert!(matches!(wrong.parse::<Networks>(), Err(NetworksError::Form(_))), "{wrong}");
        }
        for large in ["0.0.0.0/0", "::/0", "10.0.0.1,2000::/3", "0.0.0.0/1"] {
            assert!(matches!(large.parse::<Networks>(), Err(NetworksError::Large(_))), "{large}");
        }
        assert!("10.0.0.0/8,fc00::/7,::1,127.0.0.1".parse::<Networks>().is_ok());
    }
}
