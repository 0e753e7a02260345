//! Accounts of this program.

mod adaptation;
mod attestation;
mod epoch;
mod oracle_set;

pub use adaptation::AdaptationCount;
pub use attestation::Attestation;
pub use epoch::Epoch;
pub use oracle_set::OracleSet;
