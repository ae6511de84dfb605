//! `Range` with one range (RFC 9110 section 14).

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Range {
    /// Everything: no range, several, or one that is no byte range.
    Whole,
    /// Bytes `first..=last`, inside the file.
    Bytes {
        /// The first byte.
        first: u64,
        /// The last byte.
        last: u64,
    },
    /// A range outside the file.
    Unsatisfiable,
}

/// Reads a `Range` header for a file of `size` bytes. A malformed one is ignored (RFC 9110 section 14.2), and
/// so are several at once, which a server need not honour.
pub(crate) fn requested_range(header: Option<&str>, size: u64) -> Range {
    let Some((unit, spec)) = header.and_then(|header| header.split_once('=')) else { return Range::Whole };
    let Some((first, last)) = spec.trim().split_once('-') else { return Range::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") || spec.contains(',') {
        return Range::Whole;
    }
    match (number(first), number(last)) {
        (Some(Some(first)), Some(last)) => {
            let last = last.unwrap_or(u64::MAX);
            if last < first {
                Range::Whole
            } else if first >= size {
                Range::Unsatisfiable
            } else {
                Range::Bytes { first, last: last.min(size - 1) }
            }
        }
        (Some(None), Some(Some(suffix))) => {
            if suffix == 0 || size == 0 {
                Range::Unsatisfiable
            } else {
                Range::Bytes { first: size.saturating_sub(suffix), last: size - 1 }
            }
        }
        _ => Range::Whole,
    }
}

/// `Some(None)` for nothing, `None` for what is no number. Larger than any file counts as the largest.
fn number(text: &str) -> Option<Option<u64>> {
    let text = text.trim();
    if text.is_empty() {
        return Some(None);
    }
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| Some(text.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_one_range_and_ignores_the_rest() {
        let bytes = |first, last| Range::Bytes { first, last };
        for (header, expected) in [
            ("bytes=0-9", bytes(0, 9)),
            ("bytes=90-", bytes(90, 99)),
            ("bytes=90-1000", bytes(90, 99)),
            ("bytes=-10", bytes(90, 99)),
            ("bytes=-1000", bytes(0, 99)),
            ("BYTES=5-5", bytes(5, 5)),
            ("bytes=99-99999999999999999999999", bytes(99, 99)),
            ("bytes=100-", Range::Unsatisfiable),
            ("bytes=-0", Range::Unsatisfiable),
            ("bytes=9-0", Range::Whole),
            ("bytes=0-1,2-3", Range::Whole),
            ("bytes=-", Range::Whole),
            ("bytes=a-b", Range::Whole),
            ("bytes=+1-2", Range::Whole),
            ("items=0-1", Range::Whole),
            ("", Range::Whole),
        ] {
            assert_eq!(requested_range(Some(header), 100), expected, "{header}");
        }
        assert_eq!(requested_range(None, 100), Range::Whole);
        assert_eq!(requested_range(Some("bytes=0-"), 0), Range::Unsatisfiable);
    }
}
