//! Takes apart what a client sends by WebSocket (RFC 6455 section 5), as it comes: a frame may be as long as it likes, and none is
//! waited for as a whole.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::error::PayloadError;
use bytes::{Buf, Bytes, BytesMut};
use futures_util::Stream;

/// Longest head of a frame, in bytes.
const HEAD_BYTES_MAX: usize = 14;
/// Longest payload of a ping, a pong or a good-bye, in bytes (section 5.5).
const CONTROL_BYTES_MAX: u64 = 125;

/// A part of what comes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Of a text, and whether that ends with it.
    Text(Bytes, bool),
    /// Of bytes.
    Bytes(Bytes),
    /// To be answered with the same bytes.
    Ping(Bytes),
    /// Nothing more comes: the client said so, broke the rules, or is gone.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Bytes,
    Close,
    Ping,
    Pong,
}

/// The frame whose payload comes.
#[derive(Debug, Clone, Copy)]
struct Frame {
    kind: Kind,
    /// The last one of its message.
    is_last: bool,
    left: u64,
    /// Of the next bytes.
    mask: [u8; 4],
}

/// What came and was not taken yet.
pub(super) struct WebSocket<S> {
    bytes: S,
    ready: BytesMut,
    /// What is here of a head.
    head: BytesMut,
    frame: Option<Frame>,
    /// The message that goes on with the next frame.
    open: Option<Kind>,
    control: BytesMut,
    is_over: bool,
}

impl<S: Stream<Item = Result<Bytes, PayloadError>> + Unpin> WebSocket<S> {
    pub(super) fn new(bytes: S) -> Self {
        Self {
            bytes,
            ready: BytesMut::new(),
            head: BytesMut::new(),
            frame: None,
            open: None,
            control: BytesMut::new(),
            is_over: false,
        }
    }

    /// The next piece; after `End` only that.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Piece> {
        while !self.is_over {
            if let Some(piece) = self.take() {
                return Poll::Ready(piece);
            }
            if self.is_over {
                break;
            }
            match ready!(Pin::new(&mut self.bytes).poll_next(context)) {
                Some(Ok(bytes)) => self.ready = BytesMut::from(bytes),
                Some(Err(_)) | None => self.is_over = true,
            }
        }
        Poll::Ready(Piece::End)
    }

    /// Nothing is taken any more.
    pub(super) fn end(&mut self) {
        self.is_over = true;
    }

    /// Whether nothing more comes.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// A piece of what is here; `None` once that is used up.
    fn take(&mut self) -> Option<Piece> {
        loop {
            let Some(mut frame) = self.frame.take() else {
                self.begin()?;
                continue;
            };
            if self.ready.is_empty() && frame.left > 0 {
                self.frame = Some(frame);
                return None;
            }
            let length = usize::try_from(frame.left).unwrap_or(usize::MAX).min(self.ready.len());
            let mut bytes = self.ready.split_to(length);
            unmask(&mut bytes, frame.mask);
            frame.mask.rotate_left(length % 4);
            frame.left -= length as u64;
            let is_through = frame.left == 0;
            if !is_through {
                self.frame = Some(frame);
            }
            match frame.kind {
                Kind::Text => return Some(Piece::Text(bytes.freeze(), is_through && frame.is_last)),
                Kind::Bytes if bytes.is_empty() => {}
                Kind::Bytes => return Some(Piece::Bytes(bytes.freeze())),
                Kind::Close => {
                    self.is_over = true;
                    return None;
                }
                Kind::Ping | Kind::Pong => {
                    self.control.extend_from_slice(&bytes);
                    if is_through {
                        let control = self.control.split().freeze();
                        if frame.kind == Kind::Ping {
                            return Some(Piece::Ping(control));
                        }
                    }
                }
            }
        }
    }

    /// Reads the next head; `None` where it is not all here, or breaks the rules.
    fn begin(&mut self) -> Option<()> {
        let missing = (HEAD_BYTES_MAX - self.head.len()).min(self.ready.len());
        let had = self.head.len();
        self.head.extend_from_slice(&self.ready[..missing]);
        match parse(&self.head, self.open) {
            Ok(None) => {
                self.ready.advance(missing);
                None
            }
            Ok(Some((frame, head_bytes))) => {
                self.ready.advance(head_bytes - had);
                self.head.clear();
                if matches!(frame.kind, Kind::Text | Kind::Bytes) {
                    self.open = (!frame.is_last).then_some(frame.kind);
                }
                self.frame = Some(frame);
                Some(())
            }
            Err(Broken) => {
                self.is_over = true;
                None
            }
        }
    }
}

/// The client breaks the rules.
struct Broken;

/// The frame that begins with these bytes, and how many of them are its head; nothing where they are too few.
fn parse(bytes: &[u8], open: Option<Kind>) -> Result<Option<(Frame, usize)>, Broken> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let is_last = first & 0x80 != 0;
    let is_masked = second & 0x80 != 0;
    // Nothing was agreed on that would give a meaning to the other bits; clients mask (section 5.1).
    if first & 0x70 != 0 || !is_masked {
        return Err(Broken);
    }
    let kind = match (first & 0x0f, open) {
        (0, Some(open)) => open,
        (1, None) => Kind::Text,
        (2, None) => Kind::Bytes,
        (8, _) => Kind::Close,
        (9, _) => Kind::Ping,
        (10, _) => Kind::Pong,
        _ => return Err(Broken),
    };
    let (left, rest) = match (second & 0x7f, rest) {
        (126, [a, b, rest @ ..]) => (u64::from(u16::from_be_bytes([*a, *b])), rest),
        (127, [a, b, c, d, e, f, g, h, rest @ ..]) => {
            (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), rest)
        }
        (126 | 127, _) => return Ok(None),
        (length, rest) => (u64::from(length), rest),
    };
    if matches!(kind, Kind::Close | Kind::Ping | Kind::Pong) && (left > CONTROL_BYTES_MAX || !is_last) {
        return Err(Broken);
    }
    let Some(mask) = rest.first_chunk() else { return Ok(None) };
    let head_bytes = bytes.len() - rest.len() + mask.len();
    Ok(Some((Frame { kind, is_last, left, mask: *mask }, head_bytes)))
}

fn unmask(bytes: &mut [u8], mask: [u8; 4]) {
    let wide: [u8; 16] = std::array::from_fn(|at| mask[at % 4]);
    let (blocks, rest) = bytes.as_chunks_mut::<16>();
    for block in blocks {
        block.iter_mut().zip(wide).for_each(|(byte, mask)| *byte ^= mask);
    }
    rest.iter_mut().zip(wide).for_each(|(byte, mask)| *byte ^= mask);
}

/// Everything that comes of bytes that arrive so many at a time, pieces of one kind joined.
#[cfg(any(test, feature = "fuzz"))]
pub(crate) fn pieces(bytes: &[u8], at_a_time: usize) -> Vec<Piece> {
    let arrivals = bytes.chunks(at_a_time).map(|some| Ok(Bytes::copy_from_slice(some)));
    let mut socket = WebSocket::new(futures_util::stream::iter(arrivals.collect::<Vec<_>>()));
    let mut context = Context::from_waker(std::task::Waker::noop());
    let mut all = Vec::new();
    while let Poll::Ready(piece) = socket.poll(&mut context) {
        match (all.last_mut(), piece) {
            (_, Piece::End) => break,
            (Some(Piece::Bytes(before)), Piece::Bytes(more)) => {
                *before = [&before[..], &more].concat().into();
            }
            (Some(Piece::Text(before, is_last)), Piece::Text(more, ends)) if !*is_last => {
                *before = [&before[..], &more].concat().into();
                *is_last = ends;
            }
            (_, piece) => all.push(piece),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first];
        match payload.len() {
            length @ ..126 => bytes.push(0x80 | length as u8),
            length @ ..65_536 => {
                bytes.push(0x80 | 126);
                bytes.extend((length as u16).to_be_bytes());
            }
            length => {
                bytes.push(0x80 | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        bytes.extend(MASK);
        bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        bytes
    }

    #[test]
    fn frames_are_read_however_they_arrive() {
        let long: Vec<u8> = (0..70_000_u32).map(|number| number as u8).collect();
        let sent = [
            frame(0x81, b"{\"a\":1}"),
            frame(0x02, &long[..300]),
            frame(0x89, b"are you there"),
            frame(0x00, &long[300..300]),
            frame(0x8a, b"I am"),
            frame(0x80, &long[300..]),
            frame(0x01, b"he"),
            frame(0x80, b"llo"),
            frame(0x88, &[3, 232]),
            frame(0x81, b"nobody hears this"),
        ];
        let expected = [
            Piece::Text(Bytes::from_static(b"{\"a\":1}"), true),
            Piece::Bytes(Bytes::copy_from_slice(&long[..300])),
            Piece::Ping(Bytes::from_static(b"are you there")),
            Piece::Bytes(Bytes::copy_from_slice(&long[300..])),
            Piece::Text(Bytes::from_static(b"hello"), true),
        ];
        let sent = sent.concat();
        for at_a_time in [1, 2, 3, 7, 14, 100, 4_096, sent.len()] {
            assert_eq!(pieces(&sent, at_a_time), expected, "{at_a_time} bytes at a time");
        }
    }

    #[test]
    fn bytes_of_a_frame_that_never_ends_are_not_kept() {
        let mut endless = frame(0x82, &[7; 70_000]);
        endless[2..10].copy_from_slice(&u64::MAX.to_be_bytes());
        assert_eq!(pieces(&endless, 1_000), [Piece::Bytes(Bytes::from(vec![7; 70_000]))]);
    }

    #[test]
    fn what_breaks_the_rules_is_the_end() {
        let unmasked = vec![0x81, 1, b'a'];
        let too_long = frame(0x89, &[0; 126]);
        let broken = [
            unmasked,
            too_long,
            frame(0xc1, b"compressed"),
            frame(0x83, b"unknown"),
            frame(0x80, b"goes on from nothing"),
            frame(0x09, b"a ping in parts"),
            [frame(0x01, b"a"), frame(0x81, b"another before its end")].concat(),
        ];
        for bytes in broken {
            for at_a_time in [1, bytes.len()] {
                let whole = pieces(&[bytes.clone(), frame(0x81, b"after")].concat(), at_a_time);
                assert!(
                    whole.iter().all(|piece| matches!(piece, Piece::Text(text, false) if &text[..] == b"a"))
                );
            }
        }
    }
}
