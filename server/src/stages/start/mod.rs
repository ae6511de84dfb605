//! `POST /api/start`: a session.

pub(crate) mod route;
mod service;

pub(crate) use service::{HEAD_BYTES, check_size, start};
