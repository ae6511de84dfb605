//! A WebSocket (RFC 6455) as a row of requests: a text, the bytes that belong to it, an answer; then the next.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use actix_ws::{CloseCode, Session};
use bytes::Bytes;
use cairn_shared::limits::JSON_BYTES_MAX;
use cairn_shared::{Problem, ProblemCode};
use futures_util::{Stream, StreamExt};
use serde::Serialize;

use super::body::{Pace, Paced};
use super::websocket::{Piece, WebSocket};
use super::{Body, Line};
use crate::refusal::{Answer, Refusal};

/// The server's end.
pub(crate) struct Channel {
    incoming: Rc<RefCell<Incoming>>,
    session: Session,
    pace: Pace,
    line: Option<Rc<Line>>,
}

impl Channel {
    /// Answers the opening handshake; the response has to be given to the client before anything comes.
    pub(crate) async fn open(request: &HttpRequest, body: Body) -> Answer<(HttpResponse, Self)> {
        let (payload, pace) = body.upgraded();
        // What comes in is read here: the library waits for whole frames, of any length.
        let none =
            web::Payload::from_request(request, &mut Payload::None).await.map_err(Refusal::internal)?;
        let (response, session, _) = actix_ws::handle(request, none).map_err(|error| {
            let detail = format!("This address takes WebSockets only (RFC 6455): {error}.");
            Problem::new(ProblemCode::HeaderInvalid, detail).with_field("Upgrade")
        })?;
        let incoming = Incoming { socket: WebSocket::new(payload), left: 0, ping: None };
        let line = request.conn_data::<Rc<Line>>().cloned();
        Ok((response, Self { incoming: Rc::new(RefCell::new(incoming)), session, pace, line }))
    }

    /// The next text; `None` once the client has closed it, or sends what is out of turn.
    pub(crate) async fn text(&mut self) -> Option<Vec<u8>> {
        // Where the server has too many connections, a channel that waits for its client is among the first to go.
        let line = self.line.clone();
        if let Some(line) = &line {
            line.rest();
        }
        let text = self.next_text().await;
        if let Some(line) = &line {
            line.work();
        }
        text
    }

    async fn next_text(&mut self) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        loop {
            let piece = poll_fn(|context| self.incoming.borrow_mut().socket.poll(context)).await;
            match piece {
                Piece::Text(bytes, is_last) => {
                    text.extend_from_slice(&bytes);
                    if text.len() > JSON_BYTES_MAX {
                        return None;
                    }
                    if is_last {
                        return Some(text);
                    }
                }
                Piece::Ping(bytes) => self.session.pong(&bytes).await.ok()?,
                Piece::Bytes(_) | Piece::End => return None,
            }
        }
    }

    /// So many bytes follow the text.
    pub(crate) fn expect(&self, length: u64) {
        self.incoming.borrow_mut().left = length;
    }

    /// The bytes that follow the text and were not taken yet, as fast as a request's body has to come.
    pub(crate) fn bytes(&self) -> impl Stream<Item = Answer<Bytes>> + Unpin + 'static {
        let length = self.incoming.borrow().left;
        Paced::new(Following(self.incoming.clone()), self.pace, length)
    }

    /// Answers; false where nobody is there any more.
    pub(crate) async fn answer(&mut self, answer: &impl Serialize) -> bool {
        match serde_json::to_string(answer) {
            Ok(text) => self.session.text(text).await.is_ok(),
            Err(_) => false,
        }
    }

    /// Takes what is left of the bytes that were announced; false where they don't come.
    pub(crate) async fn pass_over(&mut self) -> bool {
        if self.incoming.borrow().socket.is_over() {
            return false;
        }
        let mut rest = self.bytes();
        while let Some(bytes) = rest.next().await {
            if bytes.is_err() {
                return false;
            }
        }
        let ping = self.incoming.borrow_mut().ping.take();
        match ping {
            Some(ping) => self.session.pong(&ping).await.is_ok(),
            None => true,
        }
    }

    /// Says good-bye.
    pub(crate) async fn close(self, code: CloseCode) {
        // It may have gone already.
        drop(self.session.close(Some(code.into())).await);
    }
}

/// What comes in.
struct Incoming {
    socket: WebSocket<Payload>,
    /// Bytes that were announced and have not come.
    left: u64,
    /// To be answered, of several the last one only (RFC 6455 section 5.5.3).
    ping: Option<Bytes>,
}

/// The bytes that were announced.
struct Following(Rc<RefCell<Incoming>>);

impl Stream for Following {
    type Item = Answer<Bytes>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut incoming = self.0.borrow_mut();
        loop {
            if incoming.left == 0 {
                return Poll::Ready(None);
            }
            let answer = match ready!(incoming.socket.poll(context)) {
                Piece::Bytes(bytes) if bytes.len() as u64 <= incoming.left => {
                    incoming.left -= bytes.len() as u64;
                    Ok(bytes)
                }
                Piece::Ping(bytes) => {
                    incoming.ping = Some(bytes);
                    continue;
                }
                Piece::Bytes(_) | Piece::Text(..) => {
                    incoming.socket.end();
                    let detail = "More bytes came than were announced, or a text before all of them.";
                    Err(Refusal::new(ProblemCode::BodyBroken, detail))
                }
                Piece::End => {
                    let detail =
                        "The channel ended before all bytes that were announced. Nothing was changed.";
                    Err(Refusal::new(ProblemCode::BodyShort, detail))
                }
            };
            return Poll::Ready(Some(answer));
        }
    }
}
