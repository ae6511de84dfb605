//! Links and files of an owner: share, list, revoke, delete.

pub(crate) mod route;
mod service;

pub(crate) use service::describe;
