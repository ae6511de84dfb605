//! Which user of this machine holds the other end of a loopback connection, as `/proc/net` tells (Linux).

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use tokio::sync::{OnceCell, Semaphore};

/// The system's table is read whole each time: by few at once.
static LOOKS: Semaphore = Semaphore::const_new(2);
/// Open files of other programs that are looked at for one connection.
const LOOKS_MAX: u32 = 200_000;

/// Whose program it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum User {
    /// A user's.
    Uid(u32),
    /// That of a program which itself takes connections from other machines.
    Server,
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
    let tables =
        ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| std::fs::read_to_string(path).unwrap_or_default());
    let sockets = || tables.iter().flat_map(|table| table.lines().skip(1).filter_map(socket));
    let Some(found) = sockets().find(|socket| (socket.local, socket.remote) == (peer, own)) else {
        return User::Unknown;
    };
    // A socket that no program has any more has no inode, and no user either.
    if found.inode == 0 {
        return User::Gone;
    }
    let open = |socket: &Socket| socket.is_listening && !socket.local.ip().is_loopback();
    let listening: HashSet<u64> = sockets().filter(open).map(|socket| socket.inode).collect();
    if !listening.is_empty() && listens(found.inode, &listening) {
        return User::Server;
    }
    User::Uid(found.uid)
}

/// Whether the program that has a socket has one of `listening` as well, as far as this process may look.
fn listens(socket: u64, listening: &HashSet<u64>) -> bool {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut looks = 0;
    for process in processes.filter(|entry| entry.file_name().as_encoded_bytes()[0].is_ascii_digit()) {
        let files = std::fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten();
        let sockets: HashSet<u64> =
            files.inspect(|_| looks += 1).filter_map(|file| inode(&file.path())).collect();
        if sockets.contains(&socket) {
            return !sockets.is_disjoint(listening);
        }
        if looks > LOOKS_MAX {
            return false;
        }
    }
    false
}

/// The inode in `socket:[29070]`, where an open file is a socket.
fn inode(file: &Path) -> Option<u64> {
    let target = std::fs::read_link(file).ok()?;
    target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// A line of `/proc/net/tcp`, proc(5).
struct Socket {
    local: SocketAddr,
    remote: SocketAddr,
    is_listening: bool,
    uid: u32,
    inode: u64,
}

fn socket(line: &str) -> Option<Socket> {
    let mut fields = line.split_ascii_whitespace();
    let local = fields.nth(1).and_then(address)?;
    let remote = fields.next().and_then(address)?;
    let is_listening = fields.next()? == "0A";
    let uid = fields.nth(3)?.parse().ok()?;
    Some(Socket { local, remote, is_listening, uid, inode: fields.nth(1)?.parse().ok()? })
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
        let read = |table: &str| {
            let read = |line: &str| {
                let socket = socket(line)?;
                Some((
                    socket.local.to_string(),
                    socket.remote.to_string(),
                    socket.is_listening,
                    socket.uid,
                    socket.inode,
                ))
            };
            table.lines().skip(1).map(read).collect::<Option<Vec<_>>>().unwrap()
        };
        let line = |local: &str, remote: &str, is_listening, uid, inode| {
            (local.to_owned(), remote.to_owned(), is_listening, uid, inode)
        };
        assert_eq!(
            read(&four),
            [
                line("127.0.0.1:8080", "0.0.0.0:0", true, 0, 25_637),
                line("127.0.0.1:8080", "127.0.0.1:40000", false, 0, 29_071),
                line("127.0.0.1:40000", "127.0.0.1:8080", false, 33, 29_070),
                line("127.0.0.1:40001", "127.0.0.1:8080", false, 0, 0),
            ]
        );
        assert_eq!(
            read(&six),
            [
                line("127.0.0.1:40002", "127.0.0.1:8080", false, 1_000, 29_072),
                line("[::1]:40000", "[::1]:8080", false, 101, 29_073),
            ]
        );
        assert!(socket("nonsense").is_none() && socket("").is_none());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_program_that_listens_is_told_from_one_that_does_not() {
        use std::os::fd::AsRawFd;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let inode = |fd: i32| inode(Path::new(&format!("/proc/self/fd/{fd}"))).unwrap();
        let (own, listening) = (inode(client.as_raw_fd()), inode(listener.as_raw_fd()));
        assert!(listens(own, &HashSet::from([listening])));
        assert!(!listens(own, &HashSet::from([u64::MAX])));
        assert!(!listens(u64::MAX, &HashSet::from([listening])), "nobody has such a socket");
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
