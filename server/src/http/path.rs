//! Reads the variable parts of an address.

use std::borrow::Cow;
use std::str::FromStr;

use actix_web::{HttpRequest, web};
use cairn_shared::limits::LIST_ITEMS_MAX;
use cairn_shared::{Name, ProblemCode, RelPath};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use crate::refusal::{Answer, Refusal};

/// The first variable part. What is no id names nothing: 404, like an unknown one.
pub(crate) fn variable<T: FromStr>(request: &HttpRequest) -> Answer<T> {
    parse(request, 0)?.ok_or_else(Refusal::not_found)
}

/// The second variable part, a number.
pub(crate) fn last(request: &HttpRequest) -> Answer<u32> {
    parse(request, 1)?.ok_or_else(|| {
        Refusal::new(
            ProblemCode::PathInvalid,
            "The index at the end of the address is a number from 0 to 4294967295.",
        )
    })
}

fn parse<T: FromStr>(request: &HttpRequest, position: usize) -> Answer<Option<T>> {
    let text = request.match_info().iter().nth(position).map(|(_, text)| text);
    let text = text.ok_or_else(|| Refusal::internal("a route lacks a variable part"))?;
    // A plus sign or leading zeros would give one thing two addresses.
    if text.starts_with('+') || (text.len() > 1 && text.len() <= 10 && text.starts_with('0')) {
        return Ok(None);
    }
    Ok(text.parse().ok())
}

/// How many items a page of a listing may have, as its query says.
pub(crate) fn page_limit(said: Option<usize>) -> Answer<usize> {
    let limit = said.unwrap_or(LIST_ITEMS_MAX);
    if (1..=LIST_ITEMS_MAX).contains(&limit) {
        Ok(limit)
    } else {
        Err(Refusal::field("limit", format!("is not between 1 and {LIST_ITEMS_MAX}")))
    }
}

/// The path of a file at the end of an address, behind `segments` parts: each of its names percent-encoded (RFC 3986
/// section 2.1), the slashes between them plain. What decodes to no path names nothing: 404.
pub(crate) fn path_behind(request: &HttpRequest, segments: usize) -> Answer<RelPath> {
    // The router decodes some characters and not others; the address is read as it was sent.
    let encoded = request.uri().path().splitn(segments + 2, '/').nth(segments + 1).unwrap_or_default();
    let mut names = Vec::new();
    for part in encoded.split('/') {
        let name = decoded(part)?.parse::<Name>().map_err(|_| Refusal::not_found())?;
        names.push(name.to_string());
    }
    names.join("/").parse().map_err(|_| Refusal::not_found())
}

fn decoded(part: &str) -> Answer<String> {
    let bytes = part.as_bytes();
    let is_broken = |at: usize| {
        let digits = bytes.get(at + 1..at + 3);
        !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let broken = (0..bytes.len()).any(|at| bytes[at] == b'%' && is_broken(at));
    let text = percent_decode_str(part).decode_utf8().ok().filter(|_| !broken);
    text.map(Cow::into_owned).ok_or_else(|| {
        Refusal::new(
            ProblemCode::PathInvalid,
            "The path at the end of the address is not percent-encoded UTF-8.",
        )
    })
}

/// The query, each parameter once, unknown ones refused.
pub(crate) fn query<T: DeserializeOwned>(request: &HttpRequest) -> Answer<T> {
    web::Query::<T>::from_query(request.query_string()).map(web::Query::into_inner).map_err(|error| {
        Refusal::new(ProblemCode::PathInvalid, format!("The query of the address can't be read: {error}."))
    })
}
