//! A socket whose reading ends where a head does not come in time, or where others need the place.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::rt::net::TcpStream;
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
    timer: Pin<Box<Sleep>>,
    /// The client has not taken what there is for it: the system's own time for that counts (`end_unread`).
    is_unread: bool,
    /// Until it is known what the first head is.
    first: Option<FirstHead>,
    /// Came and was not taken yet.
    read: Vec<u8>,
    _seat: Option<Seat>,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, line: Rc<Line>, seat: Option<Seat>) -> Self {
        Self {
            stream,
            line,
            timer: Box::pin(tokio::time::sleep_until(Instant::now())),
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

    fn wrote<T>(&mut self, written: Poll<T>) -> Poll<T> {
        self.is_unread = written.is_pending();
        written
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
        self.wrote(written)
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
        self.wrote(written)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.line.close();
    }
}
