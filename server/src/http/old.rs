//! A POST of HTTP/1.0 that has no body and says no length: what a plain nginx makes of `curl -X POST`. The library answers 400 to it, as
//! RFC 1945 section 7.2.2 has it; here it is given the length that it means.

use std::task::Poll;

/// Longer heads go by as they are.
const HEAD_BYTES_MAX: usize = 16 * 1_024;
const LENGTH: &[u8] = b"Content-Length: 0\r\n";

/// What has come of a connection's first head, until it is known what that is. Later ones go by: HTTP/1.0 has one.
#[derive(Debug, Default)]
pub(super) struct FirstHead(Vec<u8>);

impl FirstHead {
    /// More of it came; ready with what is to be read in its place once that is settled, and then nothing more is to be asked.
    pub(super) fn came(&mut self, bytes: &[u8]) -> Poll<Vec<u8>> {
        self.0.extend_from_slice(bytes);
        match settled(&self.0) {
            None => Poll::Pending,
            Some(Meant::AsItIs) => Poll::Ready(std::mem::take(&mut self.0)),
            Some(Meant::Empty) => {
                let mut head = std::mem::take(&mut self.0);
                head.splice(head.len() - 2..head.len() - 2, LENGTH.iter().copied());
                Poll::Ready(head)
            }
        }
    }

    /// Nothing more comes.
    pub(super) fn ended(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

enum Meant {
    AsItIs,
    Empty,
}

fn settled(head: &[u8]) -> Option<Meant> {
    let start = b"POST ";
    if head[..head.len().min(start.len())] != start[..head.len().min(start.len())]
        || head.len() > HEAD_BYTES_MAX
    {
        return Some(Meant::AsItIs);
    }
    let line = find(head, b"\r\n")?;
    if !head[..line].ends_with(b" HTTP/1.0") {
        return Some(Meant::AsItIs);
    }
    let end = find(head, b"\r\n\r\n")? + 4;
    let says_length = head[line + 2..end].split(|byte| *byte == b'\n').any(|field| {
        let name = field.split(|byte| *byte == b':').next().unwrap_or_default();
        name.eq_ignore_ascii_case(b"content-length") || name.eq_ignore_ascii_case(b"transfer-encoding")
    });
    // With bytes behind it there is a body, whose length nobody knows.
    Some(if says_length || end < head.len() { Meant::AsItIs } else { Meant::Empty })
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In one piece, and byte by byte.
    fn read(bytes: &str) -> String {
        let whole = match FirstHead::default().came(bytes.as_bytes()) {
            Poll::Ready(read) => read,
            Poll::Pending => panic!("{bytes:?} is not settled"),
        };
        let mut head = FirstHead::default();
        let mut single = Vec::new();
        let mut is_settled = false;
        for byte in bytes.as_bytes() {
            if is_settled {
                single.push(*byte);
            } else if let Poll::Ready(read) = head.came(&[*byte]) {
                single.extend(read);
                is_settled = true;
            }
        }
        if !bytes.ends_with("body") {
            assert_eq!(String::from_utf8_lossy(&whole), String::from_utf8_lossy(&single));
        }
        String::from_utf8(whole).unwrap()
    }

    #[test]
    fn an_old_post_without_a_length_is_empty_and_all_else_goes_by() {
        assert_eq!(
            read("POST /a HTTP/1.0\r\nHost: x\r\n\r\n"),
            "POST /a HTTP/1.0\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
        );
        assert_eq!(read("POST /a HTTP/1.0\r\n\r\n"), "POST /a HTTP/1.0\r\nContent-Length: 0\r\n\r\n");
        for same in [
            "POST /a HTTP/1.0\r\nHost: x\r\ncontent-length: 3\r\n\r\n",
            "POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST /a HTTP/1.0\r\nHost: x\r\n\r\nbody",
            "POST /a HTTP/1.1\r\n",
            "PUT",
            "GET / HTTP/1.0\r\n\r\n",
        ] {
            assert_eq!(read(same), same);
        }
        let long = format!("POST /{} HTTP/1.0\r\n", "a".repeat(HEAD_BYTES_MAX));
        assert_eq!(read(&long).len(), long.len());
        let mut cut = FirstHead::default();
        assert!(cut.came(b"POST /a HTTP/1.0\r\nHo").is_pending());
        assert_eq!(cut.ended(), b"POST /a HTTP/1.0\r\nHo");
    }
}
