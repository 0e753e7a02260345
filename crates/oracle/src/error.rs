//! What can stop an oracle, and what to do about it.

use std::{io, net::SocketAddr, path::PathBuf};

use thiserror::Error;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What can stop an oracle.
#[derive(Debug, Error)]
pub enum Error {
    /// The configuration cannot be used.
    #[error("the configuration {path} cannot be used: {reason}")]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The chain, or the way to it.
    #[error(transparent)]
    Chain(#[from] lumora_client::Error),
    /// The measurement endpoint.
    #[error(transparent)]
    Measurement(#[from] lumora_pob::PobError),
    /// The HTTP address is taken or not this machine's.
    #[error("cannot serve HTTP on {address}: {source}. Choose another address, or free the port")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// The state cannot be read or written.
    #[error(
        "the oracle's state in {path} cannot be used: {reason}. Check the disk, and that no other process uses the folder"
    )]
    Store {
        /// The database file.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// The store with the manifests, or fetching pages.
    #[error(transparent)]
    Data(#[from] lumora_data::Error),
    /// The archive cannot be written or read.
    #[error(transparent)]
    Archive(#[from] crate::archive::ArchiveError),
    /// A bundle is not what its author committed to.
    #[error("a bundle was refused: {0}")]
    Bundle(#[from] crate::bundle::BundleError),
    /// The client for other oracles could not be made.
    #[error(transparent)]
    Peer(#[from] lumora_client::oracle_api::OracleApiError),
}
