//! `GET /api/status/{session}` and giving a session up.

pub(crate) mod route;
mod service;
