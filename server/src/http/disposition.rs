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

/// The longest name as it is encoded, in bytes: proxies take 4 KiB for a whole head. Names from the usual file systems are shorter.
const ENCODED_BYTES_MAX: usize = 2_400;
/// Characters at the end of a name that is too long which are kept: its ending tells what it is.
const ENDING: usize = 16;

/// `attachment` with a plain fallback for old clients and the exact name for all others; one that is too long is cut in the middle.
pub(crate) fn attachment(name: &str) -> String {
    let name = &fitting(name);
    let fallback: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    format!("attachment; filename=\"{fallback}\"; filename*=UTF-8''{}", utf8_percent_encode(name, ATTR_CHAR))
}

fn fitting(name: &str) -> String {
    let length = |text: &str| utf8_percent_encode(text, ATTR_CHAR).map(str::len).sum::<usize>();
    if length(name) <= ENCODED_BYTES_MAX {
        return name.to_owned();
    }
    let at = name.char_indices().rev().nth(ENDING - 1).map_or(0, |(at, _)| at);
    let (begin, ending) = name.split_at(at);
    let mut room = ENCODED_BYTES_MAX.saturating_sub(length(ending));
    let mut kept = String::new();
    for c in begin.chars() {
        let more = length(c.encode_utf8(&mut [0; 4]));
        if more > room {
            break;
        }
        room -= more;
        kept.push(c);
    }
    kept + ending
}

/// Characters that every client reads the same inside a quoted string (RFC 6266 appendix D).
fn is_plain(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%' | '/' | ';') || c == ' '
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_stays_small_whatever_the_name() {
        let long = "\u{3042}".repeat(250) + "-1.pdf";
        assert!(
            attachment(&long).ends_with("-1.pdf") && attachment(&long).contains(&"%E3%81%82".repeat(250))
        );
        let longer = "\u{3042}".repeat(339) + "-1.pdf";
        let header = attachment(&longer);
        assert!(header.len() < 2_900 && header.ends_with("%E3%81%82-1.pdf"), "{}", header.len());
    }

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
