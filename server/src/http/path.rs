//! Reads the variable parts of an address.

use std::str::FromStr;

use actix_web::{HttpRequest, web};
use cairn_shared::ProblemCode;
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

/// The query, each parameter once, unknown ones refused.
pub(crate) fn query<T: DeserializeOwned>(request: &HttpRequest) -> Answer<T> {
    web::Query::<T>::from_query(request.query_string()).map(web::Query::into_inner).map_err(|error| {
        Refusal::new(ProblemCode::PathInvalid, format!("The query of the address can't be read: {error}."))
    })
}
