//! What can stop an indexer, and what to do about it.

use std::{io, net::SocketAddr, path::PathBuf};

use thiserror::Error;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What can stop an indexer. What passes by itself (a chain or a database that is away) is tried again instead.
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
    /// A setting cannot be used.
    #[error("the setting `{name}` cannot be used: {reason}")]
    Setting {
        /// Its name.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The database cannot be opened.
    #[error(
        "the database {url} cannot be opened: {reason}. It is given as sqlite://FILE or postgres://USER:PASSWORD@HOST/NAME"
    )]
    Open {
        /// Its address without the password.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// The database does not do what it is asked to.
    #[error("the database failed: {0}. Check its disk and that it runs; nothing that was written before is lost")]
    Database(#[from] sqlx::Error),
    /// What the database holds is not what this version writes.
    #[error("the database holds something that this version does not understand: {0}. Index anew into an empty one")]
    Stored(String),
    /// The HTTP address is taken or not this machine's.
    #[error("cannot serve HTTP on {address}: {source}. Choose another address, or free the port")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// The chain, or the way to it.
    #[error(transparent)]
    Chain(#[from] crate::chain::ChainError),
}
