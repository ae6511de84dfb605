//! What a request for bytes asks for, by its conditions and its range (RFC 9110 sections 13 and 14).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::http::header::{
    HeaderMap, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};
use cairn_shared::UnixMs;
use cairn_store::model::File;

use crate::http::{Range, requested_range};

/// What tells one content of a file from another.
pub(super) struct Version {
    /// Strong: the identity of the content, in quotes.
    pub(super) tag: String,
    /// In seconds since 1970.
    modified: u64,
    size: u64,
}

/// What is to be answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The bytes, or some.
    Bytes(Range),
    /// The client has them: 304.
    NotModified,
    /// They are not those of this header: 412.
    Failed(&'static str),
}

impl Version {
    /// Of `file` at `now`.
    pub(super) fn of(file: &File, now: UnixMs) -> Self {
        // A date to come says nothing (section 8.8.2.1).
        let modified = file.fields.mtime.filter(|mtime| *mtime <= now).unwrap_or(file.created_at.min(now));
        let tag = format!("\"{}\"", file.manifest_digest);
        Self { tag, modified: modified / 1_000, size: file.size }
    }

    /// As `Last-Modified` has it.
    pub(super) fn last_modified(&self) -> String {
        // Later than the year 9999 can't be written.
        httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(self.modified.min(253_402_300_799)))
    }

    /// In the order of section 13.2.2; a header that can't be read is none.
    pub(super) fn asked(&self, headers: &HeaderMap) -> Asked {
        let text = |name: HeaderName| value(headers, name);
        match text(IF_MATCH) {
            Some(tags) if !matches(&tags, &self.tag, true) => return Asked::Failed("If-Match"),
            Some(_) => {}
            None => {
                if text(IF_UNMODIFIED_SINCE).and_then(seconds).is_some_and(|since| self.modified > since) {
                    return Asked::Failed("If-Unmodified-Since");
                }
            }
        }
        let has_it = match text(IF_NONE_MATCH) {
            Some(tags) => matches(&tags, &self.tag, false),
            None => text(IF_MODIFIED_SINCE).and_then(seconds).is_some_and(|since| self.modified <= since),
        };
        if has_it {
            return Asked::NotModified;
        }
        // A date says nothing here (section 13.1.5 wants a strong one): what takes a file's place in a folder may be as old as it was.
        let is_same = text(IF_RANGE).is_none_or(|given| given == self.tag);
        let range = text(RANGE).filter(|_| is_same);
        Asked::Bytes(requested_range(range.as_deref(), self.size))
    }
}

fn value(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(|value| value.trim().to_owned())
}

fn seconds(date: String) -> Option<u64> {
    let at: SystemTime = httpdate::parse_http_date(&date).ok()?;
    at.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs())
}

/// Section 8.8.3.2: a weak tag matches in a weak comparison only.
fn matches(tags: &str, tag: &str, strong: bool) -> bool {
    tags == "*"
        || tags
            .split(',')
            .map(str::trim)
            .any(|given| given == tag || (!strong && given.strip_prefix("W/") == Some(tag)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Sat, 21 Nov 2026 04:19:00 GMT";
    const EARLIER: &str = "Sat, 21 Nov 2026 04:18:59 GMT";

    fn asked(given: &[(&str, &str)]) -> Asked {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.insert(name.parse().unwrap(), value.parse().unwrap());
        }
        let modified = seconds(DATE.to_owned()).unwrap();
        Version { tag: "\"t\"".to_owned(), modified, size: 100 }.asked(&headers)
    }

    #[test]
    fn tags_come_before_dates() {
        let whole = Asked::Bytes(Range::Whole);
        assert_eq!(asked(&[]), whole);
        assert_eq!(asked(&[("if-modified-since", DATE)]), Asked::NotModified);
        assert_eq!(asked(&[("if-modified-since", EARLIER)]), whole);
        assert_eq!(asked(&[("if-modified-since", DATE), ("if-none-match", "\"u\"")]), whole);
        assert_eq!(asked(&[("if-none-match", "W/\"t\"")]), Asked::NotModified);
        assert_eq!(asked(&[("if-unmodified-since", EARLIER)]), Asked::Failed("If-Unmodified-Since"));
        assert_eq!(asked(&[("if-unmodified-since", DATE)]), whole);
        assert_eq!(asked(&[("if-unmodified-since", EARLIER), ("if-match", "\"t\"")]), whole);
        assert_eq!(asked(&[("if-match", "W/\"t\"")]), Asked::Failed("If-Match"));
        for nonsense in ["yesterday", "", "0"] {
            assert_eq!(asked(&[("if-modified-since", nonsense), ("if-unmodified-since", nonsense)]), whole);
        }
    }

    #[test]
    fn a_range_holds_for_the_content_that_was_meant() {
        let some = Asked::Bytes(Range::Bytes { first: 1, last: 2 });
        let range = |if_range: &str| asked(&[("range", "bytes=1-2"), ("if-range", if_range)]);
        assert_eq!(asked(&[("range", "bytes=1-2")]), some);
        assert_eq!(range("\"t\""), some);
        for other in ["\"u\"", "W/\"t\"", DATE, EARLIER, "nonsense"] {
            assert_eq!(range(other), Asked::Bytes(Range::Whole), "{other}");
        }
    }
}
