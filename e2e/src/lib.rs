//! Real browsers against the real binary: what tests and benches are made of.
//!
//! Everything has a deadline, and everything that is started ends with the value that stands for it, also when a
//! test panics or is killed.

mod browser;
mod cdp;
mod clock;
mod gate;
mod group;
mod half_way;
mod http;
mod make;
mod page;
mod proxy;
mod server;
mod tab;
mod tree;
mod visitor;
mod way;

pub use browser::{Browser, Options};
pub use clock::{Deadline, Timer};
pub use gate::{Body, Gate};
pub use group::Group;
pub use half_way::{HalfWay, WINDOW_BYTES};
pub use http::{Answer, body, get, get_json};
pub use make::{insert_byte, random_file, seed, sha256_file};
pub use page::Page;
pub use proxy::{Passed, Proxy, Refusal};
pub use server::Server;
pub use tab::{Key, Screen, Tab};
pub use tree::{Listed, Tree, listed, listed_sizes};
pub use visitor::{Consent, Visit, Visitor};
