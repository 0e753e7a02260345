//! The indexer against chains that these tests write: what it answers must be what the chain says.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod answers;
mod contracts;
mod history;
mod kill;
mod postgres;
mod recovery;
mod replay;
mod served;
mod stream;
