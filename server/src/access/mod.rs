//! Who may do what. Rights are types, and only this folder can build one.

mod address;
mod admin;
mod credential;
mod host;
mod local;
mod origin;
mod rights;
mod scope;
mod secret;

pub use address::Networks;
pub(crate) use address::{ClientAddress, NetworksError, client_address};
pub(crate) use admin::{AdminRight, admin_right, admin_right_by_files};
pub(crate) use credential::{Asker, Credential, bearer_credential, credential};
pub use host::KnownHost;
pub(crate) use host::{HostRule, is_name, is_sent_to};
pub(crate) use local::{Place, place, place_of_user, why_nobody};
pub(crate) use origin::cross_site;
pub(crate) use rights::{
    FileRight, FindRight, FolderRight, Lasting, LinkEnd, LinkRight, Opened, OwnerRight, StartRight,
    TargetRight, TreeRight, UploadRight, file_right, find_right, folder_right, inside, link_right,
    owner_right, share_right, start_right, target_right, upload_right,
};
pub(crate) use scope::Scope;
pub(crate) use secret::{Secret, sha256};
