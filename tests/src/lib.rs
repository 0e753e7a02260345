//! What the tests of the programs share: a chain in this process with the programs on it, and ways to drive it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on must stop"
)]

pub mod compute;
pub mod fixtures;
pub mod instructions;
pub mod jobs;
pub mod oracles;
pub mod refusals;
pub mod sales;
pub mod tokens;
pub mod world;

pub use world::{Refused, Sent, World};
