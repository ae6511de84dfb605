//! `POST /api/owner`: an anonymous owner.

pub(crate) mod route;
mod service;
