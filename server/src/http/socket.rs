//! A socket that ends where a head does not come in time, where nothing of an answer is read for long, or where others need the place.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use rustix::net::sockopt::set_socket_linger;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::connections::Seat;
use super::line::Line;
use super::old::FirstHead;

/// The first head is read by so much.
const FIRST_BYTES: usize = 4_096;

/// One connection's socket.
pub(super) struct Socket {
    stream: TcpStream,
    line: Rc<Line>,
    /// For the next head, or, while the client reads nothing, for that.
    timer: Pin<Box<Sleep>>,
    /// How long it stays whose client reads nothing.
    answer_idle: Duration,
    /// The client has not taken what there is for it.
    is_unread: bool,
    /// Until it is known what the first head is.
    first: Option<FirstHead>,
    /// Came and was not taken yet.
    read: Vec<u8>,
    _seat: Option<Seat>,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, line: Rc<Line>, answer_idle: Duration, seat: Option<Seat>) -> Self {
        Self {
            stream,
            line,
            timer: Box::pin(tokio::time::sleep_until(Instant::now())),
            answer_idle,
            is_unread: false,
            first: Some(FirstHead::default()),
            read: Vec::new(),
            _seat: seat,
        }
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(super) fn line(&self) -> &Rc<Line> {
        &self.line
    }

    /// Whether the time for the next head is over; else somebody is woken when it is.
    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        let Some(deadline) = self.line.deadline().filter(|_| !self.is_unread) else { return false };
        if self.timer.deadline() != deadline {
            self.timer.as_mut().reset(deadline);
        }
        self.timer.as_mut().poll(context).is_ready()
    }

    /// Reads what came, an old POST without a length as one that has it.
    fn read(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while self.read.is_empty() {
            let Some(first) = &mut self.first else {
                return Pin::new(&mut self.stream).poll_read(context, buffer);
            };
            let mut bytes = [0; FIRST_BYTES];
            let mut came = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut came))?;
            let settled =
                if came.filled().is_empty() { Poll::Ready(first.ended()) } else { first.came(came.filled()) };
            if let Poll::Ready(head) = settled {
                (self.first, self.read) = (None, head);
            }
        }
        let taken = self.read.len().min(buffer.remaining());
        buffer.put_slice(&self.read[..taken]);
        self.read.drain(..taken);
        if self.read.is_empty() {
            self.read = Vec::new();
        }
        Poll::Ready(Ok(()))
    }

    /// Watches how a client takes what there is for it. The system alone ends a connection whose other end is gone, after some 15 min.
    fn wrote<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            if self.is_unread {
                self.is_unread = false;
                self.line.moved();
            }
            return written;
        }
        if !self.is_unread {
            self.is_unread = true;
            self.line.stuck();
        }
        self.line.wait(context.waker());
        let patience = self.line.patience(self.answer_idle);
        if !patience.is_zero() {
            self.timer.as_mut().reset(Instant::now() + patience);
            if self.timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
        // What waits in the system's buffer goes with it.
        if let Err(error) = set_socket_linger(&self.stream, Some(Duration::ZERO)) {
            tracing::debug!(%error, "what nobody reads stays in the system for a while");
        }
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.line.wait(context.waker());
        // Nothing more is read: that is how a connection ends that has nothing to answer.
        if self.line.has_ended() {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = self.read(context, buffer);
        if read.is_ready() && buffer.filled().len() > before {
            self.line.came();
        }
        // At the end of its time nothing more is read, as above.
        if read.is_pending() && self.is_over(context) { Poll::Ready(Ok(())) } else { read }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.wrote(context, written)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.line.close();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;
    use crate::http::line::Resting;

    const HOUR: Duration = Duration::from_secs(3_600);

    async fn pair() -> (Socket, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let line = Line::open(Duration::from_secs(15), Rc::new(Resting::new(9)));
        (Socket::new(listener.accept().await.unwrap().0, line, HOUR, None), client)
    }

    /// Writes until the client would have to read.
    async fn fill(socket: &mut Socket) -> usize {
        let mut bytes = 0;
        loop {
            let written = poll_fn(|context| {
                Poll::Ready(match Pin::new(&mut *socket).poll_write(context, &[7; 65_536]) {
                    Poll::Ready(written) => Some(written.unwrap()),
                    Poll::Pending => None,
                })
            });
            let Some(written) = written.await else { return bytes };
            bytes += written;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_reads_again_within_the_hour_stays_and_who_does_not_is_cut() {
        let (mut socket, mut client) = pair().await;
        for _ in 0..3 {
            let mut bytes = fill(&mut socket).await;
            tokio::time::advance(HOUR - Duration::from_secs(60)).await;
            assert_eq!(fill(&mut socket).await, 0, "it is still there");
            let mut buffer = vec![0; bytes];
            client.read_exact(&mut buffer).await.unwrap();
            // The system tells that there is room again.
            bytes = poll_fn(|context| Pin::new(&mut socket).poll_write(context, &[7])).await.unwrap();
            client.read_exact(&mut buffer[..bytes]).await.unwrap();
        }
        fill(&mut socket).await;
        let began = Instant::now();
        let ended = poll_fn(|context| Pin::new(&mut socket).poll_write(context, &[7])).await;
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() >= HOUR && began.elapsed() < HOUR * 2);
        drop(socket);
        let gone = client.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::ConnectionReset, "nothing of it stays in the system");
    }
}
