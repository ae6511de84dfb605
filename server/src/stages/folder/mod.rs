//! `/api/folder`: trees that an owner keeps, and their receipts.

pub(crate) mod route;
mod service;
