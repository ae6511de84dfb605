//! `Content-Disposition` with any name in it (RFC 6266, RFC 8187).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// RFC 8187 section 3.2.1: what `attr-char` lets stand as it is.
const ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// `attachment` with a plain fallback for old clients and the exact name for all others.
pub(crate) fn attachment(name: &str) -> String {
    let fallback: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    format!("attachment; filename=\"{fallback}\"; filename*=UTF-8''{}", utf8_percent_encode(name, ATTR_CHAR))
}

/// Characters that every client reads the same inside a quoted string (RFC 6266 appendix D).
fn is_plain(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%' | '/' | ';') || c == ' '
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_name_and_nothing_breaks_out() {
        assert_eq!(attachment("a b.txt"), "attachment; filename=\"a b.txt\"; filename*=UTF-8''a%20b.txt");
        assert_eq!(
            attachment("\"\\;x\u{e4}%41.pdf"),
            "attachment; filename=\"___x__41.pdf\"; filename*=UTF-8''%22%5C%3Bx%C3%A4%2541.pdf"
        );
        let nasty: String = (0u32..0x300).filter_map(char::from_u32).collect();
        let header = attachment(&nasty);
        assert!(header.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
        assert_eq!(header.matches('"').count(), 2);
    }
}
