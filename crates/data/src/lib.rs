//! From a manifest to a dataset: what executors fetch and extract, what clients and sellers build of it, what buyers open
//! and check.
//!
//! - Before a job: [`manifest`] says what to do, [`discover`] finds pages, [`manifest::shards`] splits them; [`job`] reads
//!   it back.
//! - On a node: [`robots`] and [`fetch`] get pages politely, [`extract`] makes a [`record`] of each, [`shard`] runs and
//!   resumes a shard and seals its result for the client.
//! - After a job: [`dataset`] merges results, packages them for sale, and opens and verifies what was bought.
//! - Underneath: [`json`] (canonical form), [`key`], [`segment`] (encryption), [`locked`] (secrets at rest), [`cid`] and
//!   [`store`] (content addressing), [`merkle`] (trees larger than memory), [`journal`] (what survives a kill), [`text`],
//!   [`address`].
//! - For demonstrations and tests: [`site`] serves a folder over HTTP and counts what is asked for.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod address;
mod blinding;
pub mod cid;
pub mod dataset;
pub mod discover;
mod error;
pub mod extract;
pub mod fetch;
mod files;
pub mod job;
pub mod journal;
pub mod json;
pub mod key;
pub mod locked;
pub mod manifest;
pub mod merkle;
pub mod record;
pub mod robots;
pub mod segment;
pub mod shard;
pub mod site;
mod sort;
pub mod store;
pub mod text;

pub use error::{Error, Result};
