//! The JSON bodies of every route, in the order of a file's life.

mod batch;
mod channel;
mod check;
mod file;
mod finish;
mod folder;
mod link;
mod owner;
mod share;
mod start;
mod status;

pub use batch::{BatchCheck, BatchFinish, BatchRequest, BatchResponse, Outcome, Stored};
pub use channel::ChannelPut;
pub use check::{CheckRequest, CheckResponse, Declared, HashResponse, RowState};
pub use file::{FileItem, ListResponse};
pub use finish::{FinishRequest, FinishResponse};
pub use folder::{EntryKind, FolderEntry, FolderItem, FolderListResponse, FolderRequest, FolderResponse};
pub use link::{LinkItem, LinkListResponse, LinkRight};
pub use owner::OwnerResponse;
pub use share::{ShareRequest, ShareResponse};
pub use start::{Limits, StartRequest, StartResponse};
pub use status::{SessionState, StatusResponse};
