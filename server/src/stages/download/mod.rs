//! `GET /d/{token}`: the share page and the bytes.

mod media;
mod page;
pub(crate) mod route;
mod service;
