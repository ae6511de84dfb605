//! What was read for a client and waits for it: put there by who reads, taken by who sends, and taken back where nobody sends.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::{FutureExt as _, Stream};
use tokio::sync::{Notify, mpsc};

use super::haste::Haste;

/// Pieces that wait for a client. More would be memory for each that is slow; with fewer the reading
/// would not get through its pauses.
pub(super) const AHEAD: usize = 2;

struct Waiting {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    /// Of the piece that is being taken.
    rest: Bytes,
    /// Bytes that were not taken of all that the client asked for.
    left: u64,
}

struct Shared {
    waiting: Mutex<Waiting>,
    /// A piece was taken.
    taken: Notify,
    /// The client would take more than there is.
    wanted: Notify,
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of who reads.
pub(super) struct Shelf {
    pieces: mpsc::Sender<io::Result<Bytes>>,
    shared: Arc<Shared>,
}

/// The end of who sends.
pub(super) struct Pieces(Arc<Shared>);

/// Both, for so many bytes.
pub(super) fn pair(left: u64) -> (Shelf, Pieces) {
    let (sender, pieces) = mpsc::channel(AHEAD);
    let waiting = Mutex::new(Waiting { pieces, rest: Bytes::new(), left });
    let shared = Arc::new(Shared { waiting, taken: Notify::new(), wanted: Notify::new() });
    shared.taken.notify_one();
    (Shelf { pieces: sender, shared: shared.clone() }, Pieces(shared))
}

impl Shelf {
    /// Waits until one piece more may be read: as soon as there is room, or, without leave to read ahead, when the last one was taken.
    /// Where all was read it waits for each piece that is taken. False once nobody takes any more.
    pub(super) async fn room(&self, may_be_ahead: bool, is_last: bool) -> bool {
        if is_last || !may_be_ahead {
            tokio::select! {
                () = self.shared.taken.notified() => {}
                () = self.pieces.closed() => return false,
            }
        }
        if is_last {
            return true;
        }
        self.pieces.reserve().await.is_ok()
    }

    /// Lays one there, for which there is room; dropped where nobody takes any more.
    pub(super) fn put(&self, piece: io::Result<Bytes>) {
        drop(self.pieces.try_send(piece));
    }

    /// How many bytes were not taken of all that the client asked for.
    pub(super) fn left(&self) -> u64 {
        self.shared.waiting().left
    }

    /// Takes back all that lies there; so many bytes have to be read again.
    pub(super) fn take_back(&self) -> u64 {
        let mut waiting = self.shared.waiting();
        let mut back = std::mem::take(&mut waiting.rest).len() as u64;
        while let Ok(piece) = waiting.pieces.try_recv() {
            back += piece.map_or(0, |bytes| bytes.len() as u64);
        }
        if back > 0 {
            // What was told before counts no more: there was something to take.
            let _ = self.shared.wanted.notified().now_or_never();
        }
        back
    }

    /// Waits until the client would take more; false where it went away.
    pub(super) async fn wanted(&self) -> bool {
        tokio::select! {
            () = self.shared.wanted.notified() => true,
            () = self.pieces.closed() => false,
        }
    }
}

impl Stream for Pieces {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut waiting = self.0.waiting();
        if waiting.left == 0 {
            waiting.pieces.close();
            return Poll::Ready(None);
        }
        if waiting.rest.is_empty() {
            let came = waiting.pieces.poll_recv(context);
            if came.is_pending() {
                self.0.wanted.notify_one();
            }
            let came = ready!(came);
            self.0.taken.notify_one();
            match came {
                Some(Ok(bytes)) => waiting.rest = bytes,
                ended => return Poll::Ready(ended),
            }
        }
        let given = waiting.rest.len().min(Haste::given(waiting.rest.len()));
        waiting.left -= given as u64;
        Poll::Ready(Some(Ok(waiting.rest.split_to(given))))
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        self.0.waiting().pieces.close();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::StreamExt as _;
    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_secs(1);

    fn piece(bytes: usize) -> io::Result<Bytes> {
        Ok(Bytes::from(vec![7; bytes]))
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_takes_is_taken_back_and_asked_for_again() {
        let (shelf, mut pieces) = pair(300_000);
        for _ in 0..2 {
            assert!(shelf.room(true, false).await);
            shelf.put(piece(100_000));
        }
        assert!(timeout(SOON, shelf.room(true, false)).await.is_err(), "there is no room");
        assert_eq!(pieces.next().await.unwrap().unwrap().len(), 65_536);
        assert_eq!(shelf.take_back(), 200_000 - 65_536);
        assert_eq!(shelf.take_back(), 0);
        assert!(timeout(SOON, shelf.wanted()).await.is_err(), "nobody takes");
        let took = tokio::spawn(async move {
            let mut bytes = 65_536;
            while let Some(piece) = pieces.next().await {
                bytes += piece.unwrap().len();
            }
            bytes
        });
        assert!(shelf.wanted().await);
        for bytes in [200_000, 100_000 - 65_536] {
            assert!(shelf.room(true, false).await);
            shelf.put(piece(bytes));
        }
        while shelf.room(true, true).await {}
        assert_eq!(took.await.unwrap(), 300_000);
    }

    #[tokio::test(start_paused = true)]
    async fn without_leave_one_piece_is_read_for_each_that_is_taken() {
        let (shelf, mut pieces) = pair(300_000);
        assert!(shelf.room(false, false).await);
        shelf.put(piece(50_000));
        assert!(timeout(SOON, shelf.room(false, false)).await.is_err());
        assert_eq!(pieces.next().await.unwrap().unwrap().len(), 50_000);
        assert!(shelf.room(false, false).await);
        drop(pieces);
        assert!(!shelf.room(false, false).await && !shelf.room(true, true).await && !shelf.wanted().await);
    }
}
