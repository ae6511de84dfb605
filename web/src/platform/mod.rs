//! Everything that touches the browser. Nothing outside this folder names `web_sys`.

pub mod blob;
pub mod channel;
pub mod clipboard;
pub mod clock;
pub mod digest;
pub mod document;
pub mod drop;
pub mod files;
pub mod folder;
pub mod given;
pub mod handle;
pub mod http;
pub mod idb;
pub mod locks;
pub mod memory;
pub mod random;
pub mod scroll;
pub mod settings;
pub mod worker_port;
pub mod worker_scope;
