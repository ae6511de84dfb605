//! What every route shares: bodies, JSON, problems, headers.

mod body;
mod channel;
mod connections;
mod content_digest;
mod disposition;
mod json;
mod path;
mod problem;
mod range;
mod request;
mod security;
mod websocket;

pub(crate) use body::{Body, Pace, keep_payload};
pub(crate) use channel::Channel;
pub(crate) use connections::{end_unread, limits as connection_limits};
pub(crate) use content_digest::sha256_in;
pub(crate) use disposition::attachment;
pub(crate) use json::{json_body, optional_json_body, parse};
pub(crate) use path::{last, page_limit, path_behind, query, variable};
pub(crate) use problem::problem_response;
pub(crate) use range::{Range, requested_range};
pub(crate) use request::asker;
pub(crate) use security::{guard, harden, keep_private};
#[cfg(any(test, feature = "fuzz"))]
pub(crate) use websocket::pieces;
