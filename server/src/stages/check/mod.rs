//! `POST /api/check`: what is here already, of a blob or of a session's rows.

mod proofs;
pub(crate) mod route;
mod service;

pub(crate) use service::{admit, declare};
