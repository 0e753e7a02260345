//! The oracle: measures nodes, agrees with the other oracles on what was measured, signs it and puts it on chain.
//!
//! - [`run`] is the whole of it, from a configuration ([`OracleConfig`]) to a stop; it prints [`Event`]s as JSON lines.
//! - [`aggregate`], [`evidence`] and [`agreement`] are the rules: pure functions, the same answer for every oracle.
//! - [`archive`] keeps the evidence behind attested epochs for good; [`audit`] works them out again from it.
//! - [`bundle`] is an oracle's evidence of an epoch; [`store`] is what it must not forget; [`http`] and [`peers`] are how
//!   oracles and nodes ask each other.
//!
//! # An epoch
//! While it is measured, the challenger endpoint keeps receipts. When it ends, each oracle makes its bundle and the others
//! fetch it; once a quorum holds it, its author commits to its root on chain. When nothing more can be committed, all work
//! out the same leaves from the committed bundles, each signs the root, and whoever first has a quorum of signatures
//! submits them. From then on the leaves are served with their Merkle paths.
//!
//! # Several processes
//! One process agrees and signs; any number of others, each with a `front`, measure for it ([`OracleConfig::workers`]). Nodes
//! dial the main process, which sends each on to the one that measures it.
//!
//! # A single result
//! Where a job has one replica, nobody else can disagree. Beside the epochs, each oracle that is configured for it visits the
//! pages of such results again, and signs that one is rejected if two visits contradict it; see `core::verdict`.
//!
//! # The score
//! Beside the epochs, each oracle works out from what happened in the epoch attested last whether the score's weights and the
//! longest wait should be adapted; see [`adaptation`] and `core::adaptation`.
//!
//! # Ratings
//! What buyers thought of data lowers the reputation of those who were paid for collecting it; see [`feedback`] and
//! `core::reputation`.

pub mod adaptation;
pub mod aggregate;
pub mod agreement;
pub mod archive;
pub mod audit;
pub mod bundle;
mod chain;
mod challenger;
mod closing;
mod config;
mod cranks;
pub mod crowd;
mod epoch;
mod error;
mod event;
pub mod evidence;
mod explain;
pub mod feedback;
pub mod front;
pub mod http;
mod oracle;
pub mod peers;
pub mod shares;
pub mod store;
mod text;
mod verdicts;
pub mod watch;
mod worker;

pub use config::{FrontDoor, Measurement, OracleConfig, Peer, Verdicts};
pub use error::{Error, Result};
pub use event::Event;
pub use oracle::run_observed;

use tokio_util::sync::CancellationToken;

/// Runs an oracle until it is told to stop, printing what it does as JSON lines on standard output.
pub async fn run(config: OracleConfig, shutdown: CancellationToken) -> Result<()> {
    run_observed(config, shutdown, |event| event.print()).await
}
