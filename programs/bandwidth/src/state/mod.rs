//! Accounts of this program.

mod attestation;
mod epoch;
mod oracle_set;

pub use attestation::Attestation;
pub use epoch::Epoch;
pub use oracle_set::OracleSet;
