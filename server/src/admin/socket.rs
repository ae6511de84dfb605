//! The socket in the data folder: bound so that nobody else's user ever gets in, and found by whoever has the folder.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with};

/// The socket's name in the data folder.
const NAME: &str = "admin.sock";
/// Who may wait to be let in.
const WAITING: i32 = 16;

/// Binds it; what a killed server left is replaced. To be called by who holds the store's lock, so that it is no living server's.
pub(super) fn listen_in(data: &Path) -> io::Result<(PathBuf, UnixListener)> {
    let path = data.join(NAME);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let (address, _folder) = address(data)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket: OwnedFd = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    bind(&socket, &address)?;
    // Before it listens: until then nobody gets in.
    fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    listen(&socket, WAITING)?;
    Ok((path, UnixListener::from(socket)))
}

/// Comes in by it. `NotFound` and `ConnectionRefused` where no server runs, or one that has none.
pub fn connect(data: &Path) -> io::Result<UnixStream> {
    let (address, _folder) = address(data)?;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    rustix::net::connect(&socket, &address)?;
    Ok(UnixStream::from(socket))
}

/// An address takes 107 bytes. A longer path goes through the folder, which is kept open for it.
fn address(data: &Path) -> io::Result<(SocketAddrUnix, Option<File>)> {
    match SocketAddrUnix::new(data.join(NAME)) {
        Ok(address) => Ok((address, None)),
        Err(rustix::io::Errno::NAMETOOLONG) => {
            let folder = File::open(data)?;
            let path = format!("/proc/self/fd/{}/{NAME}", folder.as_raw_fd());
            Ok((SocketAddrUnix::new(path)?, Some(folder)))
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    fn comes_in(data: &Path) {
        let (path, listener) = listen_in(data).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        listener.set_nonblocking(false).unwrap();
        connect(data).unwrap().write_all(b"here").unwrap();
        let mut came = String::new();
        listener.accept().unwrap().0.read_to_string(&mut came).unwrap();
        assert_eq!(came, "here");
    }

    #[test]
    fn one_that_was_left_is_replaced_and_a_long_path_is_no_matter() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(connect(data.path()).unwrap_err().kind(), io::ErrorKind::NotFound);
        for _ in 0..2 {
            comes_in(data.path());
            assert_eq!(connect(data.path()).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        }
        let long = data.path().join("a".repeat(200));
        fs::create_dir(&long).unwrap();
        comes_in(&long);
    }
}
