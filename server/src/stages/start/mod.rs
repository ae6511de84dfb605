//! `POST /api/start`: a session.

pub(crate) mod route;
mod service;

pub(crate) use service::{check_size, start};
