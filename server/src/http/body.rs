//! The one way to read a request body: bounded in size, in waiting, and in slowness.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, dev};
use bytes::Bytes;
use cairn_shared::ProblemCode;
use futures_util::{Stream, StreamExt};
use tokio::time::{Instant, Sleep};

use super::line::{self, Line};
use crate::refusal::{Answer, Refusal};

/// How slowly a body may come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// The longest wait for the next bytes.
    pub(crate) idle: Duration,
    /// The average over each window must reach the rate below.
    pub(crate) window: Duration,
    /// In bytes a window: 1 KiB/s, which real 2G lines reach (TRUST 4.2).
    pub(crate) window_bytes: u64,
}

impl Pace {
    /// At least 1 KiB/s over three idle times.
    pub(crate) fn new(idle: Duration) -> Self {
        let window = idle * 3;
        Self { idle, window, window_bytes: window.as_millis() as u64 * 1_024 / 1_000 }
    }
}

/// The payload of a request, kept until its answer has been sent. Of a dropped one actix would take the rest of a
/// chunked body for as long as somebody sends it, or keeps silent; where one is left after an early answer, it reads on
/// for a moment, so that the answer arrives, and closes the connection.
#[derive(Clone)]
struct Kept(Rc<RefCell<dev::Payload>>);

impl Stream for Kept {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.borrow_mut().poll_next_unpin(context)
    }
}

impl Kept {
    fn new(payload: dev::Payload) -> Self {
        Self(Rc::new(RefCell::new(payload)))
    }
}

/// Keeps the payload of every request, whether or not its route reads it, until its answer has been sent.
pub(crate) async fn keep_payload(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let answering = request.request().conn_data::<Rc<Line>>().map(Line::answer);
    let kept = Kept::new(request.take_payload());
    request.extensions_mut().insert(kept.clone());
    let response = next.call(request).await?.map_into_boxed_body();
    Ok(response.map_body(|_, body| Answering { body, _payload: kept, _answering: answering }))
}

/// A response's body, the payload of its request, and what says that the connection is busy with it.
struct Answering {
    body: BoxBody,
    _payload: Kept,
    _answering: Option<line::Answering>,
}

impl MessageBody for Answering {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}

/// A request's body, not read yet. Routes take this, never a raw payload.
pub(crate) struct Body {
    payload: Kept,
    pace: Pace,
    declared: Option<u64>,
}

impl FromRequest for Body {
    type Error = actix_web::Error;
    type Future = std::future::Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let declared = request
            .headers()
            .get(CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok())
            .and_then(|length| length.parse().ok());
        let pace = request.app_data::<Pace>().copied().unwrap_or_else(|| Pace::new(Duration::from_secs(10)));
        let kept = request.extensions().get::<Kept>().cloned();
        let payload = kept.unwrap_or_else(|| Kept::new(payload.take()));
        std::future::ready(Ok(Self { payload, pace, declared }))
    }
}

impl Body {
    /// The bytes that follow the head of an upgraded connection, for as long as it lives.
    pub(super) fn upgraded(self) -> (dev::Payload, Pace) {
        (dev::Payload::Stream { payload: Box::pin(self.payload) }, self.pace)
    }

    /// `Content-Length`, in bytes.
    pub(crate) fn declared(&self) -> Option<u64> {
        self.declared
    }

    /// The bytes as they come, `length_max` at most: one more is `BodyLarge`.
    pub(crate) fn stream(self, length_max: u64) -> impl Stream<Item = Answer<Bytes>> + Unpin {
        let bytes = self.payload.map(|bytes| bytes.map_err(broken));
        Box::pin(Paced::new(bytes, self.pace, length_max))
    }

    /// All bytes, `length_max` at most.
    pub(crate) async fn collect(self, length_max: usize) -> Answer<Vec<u8>> {
        if self.declared.is_some_and(|declared| declared > length_max as u64) {
            return Err(large(length_max as u64));
        }
        let mut all = Vec::with_capacity(self.declared.unwrap_or(0) as usize);
        let mut stream = self.stream(length_max as u64);
        while let Some(bytes) = stream.next().await {
            all.extend_from_slice(&bytes?);
        }
        Ok(all)
    }
}

/// A stream with a time limit on every wait, a minimum rate and a maximum length.
pub(super) struct Paced<S> {
    bytes: S,
    pace: Pace,
    left: u64,
    length_max: u64,
    idle: Pin<Box<Sleep>>,
    window_end: Instant,
    window_bytes: u64,
}

impl<S> Paced<S> {
    pub(super) fn new(bytes: S, pace: Pace, length_max: u64) -> Self {
        let now = Instant::now();
        Self {
            bytes,
            pace,
            left: length_max,
            length_max,
            idle: Box::pin(tokio::time::sleep_until(now + pace.idle)),
            window_end: now + pace.window,
            window_bytes: 0,
        }
    }

    fn admit(&mut self, bytes: Bytes) -> Answer<Bytes> {
        let length = bytes.len() as u64;
        self.left = self.left.checked_sub(length).ok_or_else(|| large(self.length_max))?;
        let now = Instant::now();
        self.idle.as_mut().reset(now + self.pace.idle);
        self.window_bytes += length;
        if now >= self.window_end {
            if self.window_bytes < self.pace.window_bytes {
                return Err(slow());
            }
            self.window_end = now + self.pace.window;
            self.window_bytes = 0;
        }
        Ok(bytes)
    }
}

impl<S: Stream<Item = Answer<Bytes>> + Unpin> Stream for Paced<S> {
    type Item = Answer<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.bytes.poll_next_unpin(context) {
            Poll::Ready(Some(Ok(bytes))) => Poll::Ready(Some(self.admit(bytes))),
            Poll::Ready(other) => Poll::Ready(other),
            Poll::Pending => self.idle.as_mut().poll(context).map(|()| Some(Err(slow()))),
        }
    }
}

fn broken(error: PayloadError) -> Refusal {
    if matches!(error, PayloadError::Incomplete(_)) {
        let detail = "The body ended before its declared length. Nothing was changed.";
        return Refusal::new(ProblemCode::BodyShort, detail);
    }
    Refusal::new(ProblemCode::BodyBroken, format!("The body can't be read: {error}."))
}

fn large(length_max: u64) -> Refusal {
    Refusal::new(ProblemCode::BodyLarge, format!("The body may have {length_max} bytes at most."))
}

fn slow() -> Refusal {
    Refusal::new(
        ProblemCode::BodySlow,
        "The body stalled, or came at less than 1 KiB/s. Nothing was changed.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;

    /// Gives `bytes` each `every`, `times` times.
    fn drip(bytes: usize, every: Duration, times: usize) -> impl Stream<Item = Answer<Bytes>> + Unpin {
        Box::pin(stream::unfold(0, move |step| async move {
            if step == times {
                return None;
            }
            tokio::time::sleep(every).await;
            Some((Ok(Bytes::from(vec![0; bytes])), step + 1))
        }))
    }

    async fn outcome(
        bytes: impl Stream<Item = Answer<Bytes>> + Unpin,
        length_max: u64,
    ) -> Result<usize, ProblemCode> {
        let mut paced = Box::pin(Paced::new(bytes, Pace::new(Duration::from_secs(10)), length_max));
        let mut length = 0;
        while let Some(bytes) = paced.next().await {
            length += bytes.map_err(|refusal| refusal.0.code)?.len();
        }
        Ok(length)
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_line_passes_and_a_stalled_one_does_not() {
        let second = Duration::from_secs(1);
        assert_eq!(outcome(drip(2_000, second, 120), 1 << 20).await, Ok(240_000));
        assert_eq!(outcome(drip(2_000, 9 * second, 3), 1 << 20).await, Ok(6_000));
        assert_eq!(outcome(drip(2_000, 11 * second, 3), 1 << 20).await, Err(ProblemCode::BodySlow));
        assert_eq!(outcome(drip(1, 9 * second, 30), 1 << 20).await, Err(ProblemCode::BodySlow));
    }

    #[tokio::test(start_paused = true)]
    async fn one_byte_too_many_is_refused_when_it_comes() {
        let at_once = Duration::ZERO;
        assert_eq!(outcome(drip(100, at_once, 10), 1_000).await, Ok(1_000));
        assert_eq!(outcome(drip(100, at_once, 10), 999).await, Err(ProblemCode::BodyLarge));
    }
}
