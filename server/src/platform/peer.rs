//! Which user of this machine holds the other end of a loopback connection, as `/proc/net` tells (Linux).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::sync::{OnceCell, Semaphore};

/// The system's table is read whole each time: by few at once.
static LOOKS: Semaphore = Semaphore::const_new(2);

/// Whose program it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum User {
    /// A user's.
    Uid(u32),
    /// Nobody's any more.
    Gone,
    /// The system doesn't tell.
    Unknown,
}

/// The two ends of one connection, and who was found at the other.
#[derive(Debug)]
pub(crate) struct Peer {
    peer: SocketAddr,
    own: SocketAddr,
    user: OnceCell<User>,
}

impl Peer {
    /// Not looked for yet.
    pub(crate) fn new(peer: SocketAddr, own: SocketAddr) -> Self {
        Self { peer: canonical(peer), own: canonical(own), user: OnceCell::new() }
    }

    /// The user, looked for once a connection.
    pub(crate) async fn user(&self) -> User {
        let (peer, own) = (self.peer, self.own);
        let look = || async move {
            let Ok(_permit) = LOOKS.acquire().await else { return User::Unknown };
            tokio::task::spawn_blocking(move || look_up(peer, own)).await.unwrap_or(User::Unknown)
        };
        *self.user.get_or_init(look).await
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// A program may use an IPv6 socket for IPv4: it stands in the other table then.
fn look_up(peer: SocketAddr, own: SocketAddr) -> User {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(std::fs::read_to_string);
    let mut all = tables.iter().flatten();
    all.find_map(|table| user_in(table, peer, own)).unwrap_or(User::Unknown)
}

/// The user of the socket from `peer` to `own` in a table of `/proc/net`, proc(5).
fn user_in(table: &str, peer: SocketAddr, own: SocketAddr) -> Option<User> {
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let local = fields.nth(1).and_then(address)?;
        let remote = fields.next().and_then(address)?;
        if (local, remote) != (peer, own) {
            return None;
        }
        let uid = fields.nth(4)?.parse().ok()?;
        // A socket that no program has any more has no inode, and no user either.
        let inode: u64 = fields.nth(1)?.parse().ok()?;
        Some(if inode == 0 { User::Gone } else { User::Uid(uid) })
    })
}

/// `0100007F:1F90`: words of 32 bits in the machine's own order, then the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let word = |at: usize| Some(u32::from_str_radix(ip.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    let ip: IpAddr = match ip.len() {
        8 => Ipv4Addr::from(word(0)?).into(),
        32 => {
            let mut bytes = [0; 16];
            for (index, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(index * 8)?);
            }
            Ipv6Addr::from(bytes).into()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip.to_canonical(), u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn the_tables_are_read() {
        let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
        let four = format!(
            "{head}   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 25637 1 0 100\n\
             \x20  1: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 29071 1 0 20\n\
             \x20  2: 0100007F:9C40 0100007F:1F90 01 00000000:00000000 00:00000000 00000000    33        0 29070 1 0 20\n\
             \x20  3: 0100007F:9C41 0100007F:1F90 04 00000000:00000000 00:00000000 00000000     0        0 0 1 0 20\n"
        );
        let six = format!(
            "{head}   0: 0000000000000000FFFF00000100007F:9C42 0000000000000000FFFF00000100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 29072 1 0 20\n\
             \x20  1: 00000000000000000000000001000000:9C40 00000000000000000000000001000000:1F90 01 00000000:00000000 00:00000000 00000000   101        0 29073 1 0 20\n"
        );
        let ask = |table: &str, peer: &str, own: &str| user_in(table, peer.parse().unwrap(), own.parse().unwrap());
        assert_eq!(ask(&four, "127.0.0.1:40000", "127.0.0.1:8080"), Some(User::Uid(33)));
        assert_eq!(ask(&four, "127.0.0.1:40001", "127.0.0.1:8080"), Some(User::Gone));
        assert_eq!(ask(&four, "127.0.0.1:40002", "127.0.0.1:8080"), None);
        assert_eq!(ask(&six, "127.0.0.1:40002", "127.0.0.1:8080"), Some(User::Uid(1_000)));
        assert_eq!(ask(&six, "[::1]:40000", "[::1]:8080"), Some(User::Uid(101)));
        assert_eq!(user_in("nonsense\nmore", "127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap()), None);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_own_user_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let peer = Peer::new(client.local_addr().unwrap(), client.peer_addr().unwrap());
        assert_eq!(peer.user().await, User::Uid(rustix::process::geteuid().as_raw()));
    }
}
