//! What every route shares: bodies, JSON, problems, headers.

mod base;
mod body;
mod channel;
mod connections;
mod content_digest;
mod cross_origin;
mod disposition;
mod json;
mod line;
mod listen;
mod old;
mod path;
mod problem;
mod range;
mod request;
mod seated;
mod security;
mod socket;
mod websocket;

pub(crate) use base::take_off_base;
pub(crate) use body::{Body, Pace, keep_payload};
pub(crate) use channel::Channel;
pub(crate) use connections::Seats;
pub(crate) use content_digest::sha256_in;
pub(crate) use cross_origin::{for_everybody, preflight};
pub(crate) use disposition::attachment;
pub(crate) use json::{json_body, optional_json_body, parse};
pub(crate) use line::Line;
pub(crate) use listen::{Manners, listen};
pub(crate) use path::{last, page_limit, path_behind, query, variable};
pub(crate) use problem::problem_response;
pub(crate) use range::{Range, requested_range};
pub(crate) use request::asker;
pub(crate) use seated::seated;
pub(crate) use security::{guard, harden, is_strict, keep_private, strict};
#[cfg(any(test, feature = "fuzz"))]
pub(crate) use websocket::pieces;
