//! Program `bandwidth`: the oracle set, epochs, and Proof-of-Bandwidth attestations.

mod adaptation;
mod arguments;
mod attestation;
mod epoch;
mod error;
mod events;
mod oracle_set;
pub mod signatures;

pub use adaptation::{AdaptationCount, adaptation};
pub use arguments::{
    AdaptRankingArguments, AddOracleArguments, CommitBundleArguments, DepositOracleBondArguments,
    InitializeOraclesArguments, ProveArguments, RemoveOracleArguments, SetMinimumBondArguments,
    SubmitAttestationArguments, UpdateOracleArguments, WithdrawOracleBondArguments,
};
pub use attestation::Attestation;
pub use epoch::{Epoch, VOID};
pub use error::BandwidthError;
pub use events::{
    BundleCommitted, EPOCH_OPENED_VERSION, EpochAttested, EpochClosed, EpochOpened, EpochReopened, MinimumBondSet,
    NodeProven, NodePunished, OracleAdded, OracleBondDeposited, OracleBondWithdrawn, OracleJailed, OracleRemoved,
    OracleSetMigrated, OracleUpdated, SeedDrawn, SeedPostponed,
};
pub use oracle_set::{ORACLE_SET_SPACE_V1, ORACLE_SET_VERSION, OracleSet, migrated};

use lumora_core::hash::Hash;

use crate::Address;

/// Address of the program.
pub const ID: Address = Address::from_str_const("DvHz6Rqo98xzcN3whVGx9kTVBb6jhsEp3YarYdoQGQp5");

/// Address of the one [`OracleSet`].
pub const ORACLE_SET: Address = Address::from_str_const("E7WpT46588JDT9HbziG3uo69yj3SWewK12cXtPLJK5n3");

/// Address of the token account that holds the oracles' bonds.
pub const BOND_VAULT: Address = Address::from_str_const("5DRwVK4XWkGedHiGcaPomoD2pM4rkgNLn83XYKdHSMoh");

/// Under which the program signs when it has a node's bond slashed.
pub const SLASHER: Address = crate::registry::SLASHERS[1];

/// First seed of each derived address.
pub mod seed {
    /// The one [`OracleSet`](super::OracleSet).
    pub const ORACLES: &[u8] = b"oracles";
    /// An [`Epoch`](super::Epoch); followed by its number, u64 little endian.
    pub const EPOCH: &[u8] = b"epoch";
    /// An [`Attestation`](super::Attestation); followed by the address of the node's account.
    pub const ATTESTATION: &[u8] = b"attestation";
    /// An [`AdaptationCount`](super::AdaptationCount); followed by what is signed.
    pub const ADAPTATION: &[u8] = b"adaptation";
    /// The token account that holds the oracles' bonds.
    pub const BOND: &[u8] = b"bond";
}

instructions! {
    INITIALIZE = 0, initialize;
    ADD_ORACLE = 1, add_oracle;
    OPEN_EPOCH = 2, open_epoch;
    COMMIT_BUNDLE = 3, commit_bundle;
    SUBMIT_ATTESTATION = 4, submit_attestation;
    PROVE = 5, prove;
    DRAW_SEED = 6, draw_seed;
    CREATE_ORACLE_VAULT = 7, create_oracle_vault;
    DEPOSIT_ORACLE_BOND = 8, deposit_oracle_bond;
    UPDATE_ORACLE = 9, update_oracle;
    REMOVE_ORACLE = 10, remove_oracle;
    WITHDRAW_ORACLE_BOND = 11, withdraw_oracle_bond;
    REPORT_EQUIVOCATION = 12, report_equivocation;
    SLASH_NODE = 13, slash_node;
    CLOSE_EPOCH = 14, close_epoch;
    MIGRATE_ORACLE_SET = 15, migrate_oracle_set;
    SET_MINIMUM_BOND = 16, set_minimum_bond;
    ADAPT_RANKING = 17, adapt_ranking;
    CLOSE_ADAPTATION = 18, close_adaptation;
}

/// Values of an element of [`OracleSet::states`].
pub mod member {
    /// The seat was never used.
    pub const EMPTY: u8 = 0;
    /// Measures and signs.
    pub const ACTIVE: u8 = 1;
    /// Removed by the authority, or by its owner.
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

/// Address and bump of the [`AdaptationCount`] of the adaptation that is signed as `digest`.
pub fn adaptation_address(digest: &Hash) -> (Address, u8) {
    Address::find_program_address(&[seed::ADAPTATION, digest], &ID)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_addresses_are_those_of_their_seeds() {
        assert_eq!(ORACLE_SET, Address::find_program_address(&[seed::ORACLES], &ID).0);
        assert_eq!(BOND_VAULT, Address::find_program_address(&[seed::BOND], &ID).0);
    }

    #[test]
    fn discriminators_are_those_the_framework_computes() {
        assert_discriminators!(
            "account",
            crate::Account,
            OracleSet,
            Epoch,
            Attestation,
            AdaptationCount
        );
        assert_discriminators!(
            "event",
            crate::Event,
            OracleAdded,
            EpochOpened,
            BundleCommitted,
            EpochAttested,
            NodeProven,
            OracleUpdated,
            OracleRemoved,
            OracleBondDeposited,
            OracleBondWithdrawn,
            OracleJailed,
            SeedDrawn,
            SeedPostponed,
            EpochReopened,
            EpochClosed,
            NodePunished,
            OracleSetMigrated,
            MinimumBondSet
        );
    }
}
