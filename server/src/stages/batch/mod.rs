//! `POST /api/batch/{start,check,upload,finish}`: many small requests in one, durable in one commit.

mod frames;
pub(crate) mod route;
mod service;
mod upload;
