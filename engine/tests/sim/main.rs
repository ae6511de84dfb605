//! The engine against a simulated server, reader and line, in simulated time.

mod faults;
mod random;
mod resume;
mod upload;
mod world;
