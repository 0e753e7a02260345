//! What stops a node, and what to do about it.

use std::path::PathBuf;

use lumora_interface::Address;
use thiserror::Error;

/// Result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// See the module.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration cannot be used.
    #[error("the configuration {} cannot be used: {reason}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The configuration, however it came, breaks a rule.
    #[error("the configuration cannot be used: {0}")]
    Settings(String),
    /// The chain, or the way to it.
    #[error(transparent)]
    Chain(#[from] lumora_client::Error),
    /// Fetching, sealing or storing.
    #[error(transparent)]
    Data(#[from] lumora_data::Error),
    /// Measuring.
    #[error(transparent)]
    Measurement(#[from] lumora_pob::PobError),
    /// The local state could not be read or written.
    #[error("the node's state {} could not be {action}: {source}. Check that the disk is not full and that no other node uses this folder", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: Box<redb::Error>,
    },
    /// An entry of the local state is not what this version writes.
    #[error(
        "the node's state holds a {what} that this version cannot read. Move the folder away: work that was not committed is done again"
    )]
    StateEntry {
        /// What kind of entry.
        what: &'static str,
    },
    /// The state belongs to another node or network.
    #[error("the state in {} belongs to node {found}, this is {expected}, or the network was started anew. Give this node a `data_dir` of its own, or move the old one away", path.display())]
    ForeignState {
        /// The file.
        path: PathBuf,
        /// As configured.
        expected: Address,
        /// As found.
        found: Address,
    },
    /// A file of the node.
    #[error("the file {} could not be written: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The node is not on chain and cannot be put there.
    #[error(
        "node {index} of {owner} is not registered: give `owner_key` in the configuration, it signs the registration"
    )]
    NotRegistered {
        /// The owner.
        owner: Address,
        /// Which of the owner's nodes.
        index: u16,
    },
    /// The owner's key is needed and is not in the configuration.
    #[error("{what} needs the signature of the node's owner {owner}: give `owner_key` in the configuration")]
    OwnerKeyNeeded {
        /// What is to be signed.
        what: &'static str,
        /// Whose signature.
        owner: Address,
    },
    /// An oracle that the configuration does not know was named.
    #[error("no oracle {0} is among the `oracles` of the configuration")]
    UnknownOracle(Address),
    /// There is no round in which a measurement could count.
    #[error("{0}")]
    NotMeasurable(String),
    /// More bond was asked back than there is.
    #[error("the node's bond is {bond} base units, so {asked} cannot be asked back. Ask for {bond} or less")]
    BondTooSmall {
        /// LMR base units deposited.
        bond: u64,
        /// LMR base units asked for.
        asked: u64,
    },
    /// The keys on chain are not those of the configuration.
    #[error(
        "node {node} is registered with another {what} ({found}): give `owner_key` so that it can be changed, or use that key"
    )]
    OtherKey {
        /// The node.
        node: Address,
        /// Which key.
        what: &'static str,
        /// As registered.
        found: Address,
    },
    /// A task of the node ended unexpectedly.
    #[error("a part of the node stopped: {0}. Start the node again, its state is on disk")]
    Task(#[from] tokio::task::JoinError),
}
