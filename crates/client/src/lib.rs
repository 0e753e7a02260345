//! Rust SDK of Lumora: builds instructions, reads accounts, follows them, and lands transactions.
//!
//! ```no_run
//! # async fn example(owner: solana_keypair::Keypair) -> Result<(), lumora_client::Error> {
//! use lumora_client::{Connection, Sender};
//! use lumora_interface::registry::Network;
//!
//! let connection = Connection::new("http://127.0.0.1:8899")?;
//! let network: Network = connection.fetch(&lumora_interface::registry::NETWORK).await?;
//! let sender = Sender::new(connection, owner);
//! # Ok(()) }
//! ```

mod connection;
mod error;
mod fees;
mod fetch;
mod instruction;
mod refusal;
mod reveal;
mod sender;

/// What happened to an account, from its transactions.
pub mod history;
/// Keypair files.
pub mod keys;
/// Coarse locations.
pub mod location;
/// Address lookup tables, for transactions with many accounts.
pub mod lookup;
/// What oracles tell over HTTP, and a client for it.
pub mod oracle_api;

/// Instructions of program `bandwidth`: the oracle set, epochs, attestations.
pub mod bandwidth;
/// Instructions of program `market`: listings, purchases, deliveries.
pub mod market;
/// Instructions of program `registry`: the network, nodes, bonds.
pub mod registry;
/// Instructions of program `rewards`: the LMR mint, emission, payouts, grants and fees.
pub mod rewards;
/// Instructions of program `tasks`: jobs, assignments, settlement.
pub mod tasks;

/// The ed25519 precompile instruction that carries a quorum's signatures.
pub mod quorum;
/// When a node is measured, and by which oracles.
pub mod rounds;
/// What oracles signed about an epoch, from the transactions that brought it.
pub mod statements;
/// LMR token accounts.
pub mod token;
/// Subscriptions that survive a dropped socket.
pub mod watch;

pub use connection::Connection;
pub use error::Error;
pub use fetch::Filter;
pub use lumora_interface as interface;
pub use refusal::Refusal;
pub use sender::{Batch, Landed, Outcome, PriorityFee, Sender, SenderOptions};
