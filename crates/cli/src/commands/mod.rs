//! One module a command.

pub mod allocate;
pub mod dataset;
pub mod indexer;
pub mod job;
pub mod listing;
pub mod localnet;
pub mod migrate;
pub mod node;
pub mod oracle;
pub mod pob;
pub mod robots;
pub mod score;
pub mod sim;
