//! `POST /api/finish/{session}`: the session becomes a file.

pub(crate) mod route;
mod service;

pub(crate) use service::{AT_ONCE, admit, finish, published};
