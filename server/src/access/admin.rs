//! Who may do what the operator does: whoever may enter the data folder, and nobody by TCP.

use rustix::process::geteuid;

/// Permits to look at everything that is stored, and to remove it.
pub(crate) struct AdminRight(());

/// Who came in by the socket in the data folder, as the kernel says: the server's own user, or root. The socket's mode lets nobody else
/// in; a system that looks at no modes of sockets has this.
pub(crate) fn admin_right(peer: Option<u32>) -> Option<AdminRight> {
    let peer = peer?;
    (peer == 0 || peer == geteuid().as_raw()).then_some(AdminRight(()))
}

/// Who has opened the files of a server that doesn't run.
pub(crate) fn admin_right_by_files() -> AdminRight {
    AdminRight(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_servers_own_user_and_root_come_in() {
        let own = geteuid().as_raw();
        assert!(admin_right(Some(own)).is_some() && admin_right(Some(0)).is_some());
        assert!(admin_right(Some(own + 1)).is_none() && admin_right(None).is_none());
    }
}
