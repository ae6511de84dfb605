//! What must hold of the headers that the server reads and writes, whatever bytes they are made of.

use actix_web::http::header::{ContentDisposition, DispositionType, HeaderValue};
use data_encoding::BASE64;

use crate::http::{Range, attachment, pieces, requested_range, sha256_in};

/// The name of a corpus, and what must hold of each of its files.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("range", range),
    ("content_digest", content_digest),
    ("content_disposition", content_disposition),
    ("websocket", websocket),
];

/// A size in the first line, a header behind it: a range lies inside the size, and is the one that its numbers say.
pub fn range(bytes: &[u8]) {
    let Some((size, header)) = str::from_utf8(bytes).ok().and_then(|text| text.split_once('\n')) else {
        return;
    };
    let Ok(size) = size.parse() else { return };
    match requested_range(Some(header), size) {
        Range::Bytes { first, last } => {
            assert!(first <= last && last < size);
            let plain = format!("bytes={first}-{last}");
            assert_eq!(requested_range(Some(&plain), size), Range::Bytes { first, last });
        }
        // No larger file makes sense of a range that is none, and of two no file does.
        Range::Whole => assert_eq!(requested_range(Some(header), u64::MAX), Range::Whole),
        Range::Unsatisfiable => assert_eq!(requested_range(Some(header), 0), Range::Unsatisfiable),
    }
}

/// A digest that is read stands in the header as it would be written, and is found behind other algorithms too.
pub fn content_digest(bytes: &[u8]) {
    let Ok(header) = str::from_utf8(bytes) else { return };
    match sha256_in(header) {
        Ok(Some(digest)) => {
            let plain = format!("sha-256=:{}:", BASE64.encode(digest.as_bytes()));
            assert!(header.contains(&plain));
            assert_eq!(sha256_in(&plain), Ok(Some(digest)));
            assert_eq!(sha256_in(&format!("sha-512=:AA==:, {plain}")), Ok(Some(digest)));
        }
        Ok(None) => assert!(!header.trim_start().starts_with("sha-256=")),
        Err(_) => assert!(header.contains("sha-256=")),
    }
}

/// What a client sends by WebSocket means the same however it arrives.
pub fn websocket(bytes: &[u8]) {
    let whole = pieces(bytes, bytes.len().max(1));
    for at_a_time in [1, 2, 5, 13] {
        assert_eq!(pieces(bytes, at_a_time), whole);
    }
}

/// Any name makes a header that is valid, that has no parameter but the two names, and that gives the name back.
pub fn content_disposition(bytes: &[u8]) {
    let Ok(name) = str::from_utf8(bytes) else { return };
    let header = attachment(name);
    assert!(header.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
    assert_eq!(header.matches('"').count(), 2);
    let exact = header.rsplit_once("UTF-8''").map_or("", |(_, exact)| exact);
    assert!(exact.bytes().all(|byte| byte == b'%' || is_attr_char(byte)));
    let value = HeaderValue::from_str(&header).ok();
    let parsed = value.and_then(|value| ContentDisposition::from_raw(&value).ok());
    let Some(parsed) = parsed else { panic!("{header:?} is no Content-Disposition") };
    assert_eq!(parsed.disposition, DispositionType::Attachment);
    assert_eq!(parsed.parameters.len(), 2);
    assert_eq!(parsed.get_filename().map(|plain| plain.chars().count()), Some(name.chars().count()));
    assert_eq!(parsed.get_filename_ext().map(|exact| &exact.value[..]), Some(name.as_bytes()));
}

/// RFC 8187 section 3.2.1.
fn is_attr_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte)
}

#[cfg(test)]
#[path = "../../fuzz/src/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    #[test]
    fn every_file_of_the_corpora_passes() {
        super::replay::all(super::TARGETS);
    }
}
