//! Program `bandwidth`: the oracle set, epochs, and Proof-of-Bandwidth attestations.

mod arguments;
mod attestation;
mod epoch;
mod error;
mod events;
mod oracle_set;
pub mod signatures;

pub use arguments::{
    AddOracleArguments, CommitBundleArguments, InitializeOraclesArguments, ProveArguments, SubmitAttestationArguments,
};
pub use attestation::Attestation;
pub use epoch::Epoch;
pub use error::BandwidthError;
pub use events::{BundleCommitted, EpochAttested, EpochOpened, NodeProven, OracleAdded};
pub use oracle_set::OracleSet;

use crate::Address;

/// Address of the program.
pub const ID: Address = Address::from_str_const("DvHz6Rqo98xzcN3whVGx9kTVBb6jhsEp3YarYdoQGQp5");

/// Address of the one [`OracleSet`].
pub const ORACLE_SET: Address = Address::from_str_const("E7WpT46588JDT9HbziG3uo69yj3SWewK12cXtPLJK5n3");

/// First seed of each derived address.
pub mod seed {
    /// The one [`OracleSet`](super::OracleSet).
    pub const ORACLES: &[u8] = b"oracles";
    /// An [`Epoch`](super::Epoch); followed by its number, u64 little endian.
    pub const EPOCH: &[u8] = b"epoch";
    /// An [`Attestation`](super::Attestation); followed by the address of the node's account.
    pub const ATTESTATION: &[u8] = b"attestation";
}

instructions! {
    INITIALIZE = 0, initialize;
    ADD_ORACLE = 1, add_oracle;
    OPEN_EPOCH = 2, open_epoch;
    COMMIT_BUNDLE = 3, commit_bundle;
    SUBMIT_ATTESTATION = 4, submit_attestation;
    PROVE = 5, prove;
}

/// Values of an element of [`OracleSet::states`].
pub mod member {
    /// The slot was never used.
    pub const EMPTY: u8 = 0;
    /// Measures and signs.
    pub const ACTIVE: u8 = 1;
    /// Removed by the authority.
    pub const REMOVED: u8 = 2;
    /// Caught signing two statements about one epoch.
    pub const JAILED: u8 = 3;
}

/// Values of [`Epoch::state`].
pub mod epoch_state {
    /// Being measured, or waiting for its quorum.
    pub const OPEN: u8 = 0;
    /// A quorum has signed; final once the dispute window is over.
    pub const ATTESTED: u8 = 1;
}

/// Address and bump of an [`Epoch`].
pub fn epoch_address(epoch: u64) -> (Address, u8) {
    Address::find_program_address(&[seed::EPOCH, &epoch.to_le_bytes()], &ID)
}

/// Address and bump of the [`Attestation`] of the node whose account is `node`.
pub fn attestation_address(node: &Address) -> (Address, u8) {
    Address::find_program_address(&[seed::ATTESTATION, node.as_ref()], &ID)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_addresses_are_those_of_their_seeds() {
        assert_eq!(ORACLE_SET, Address::find_program_address(&[seed::ORACLES], &ID).0);
    }

    #[test]
    fn discriminators_are_those_the_framework_computes() {
        assert_discriminators!("account", crate::Account, OracleSet, Epoch, Attestation);
        assert_discriminators!(
            "event",
            crate::Event,
            OracleAdded,
            EpochOpened,
            BundleCommitted,
            EpochAttested,
            NodeProven
        );
    }
}
