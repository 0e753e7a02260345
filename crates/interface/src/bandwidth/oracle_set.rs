//! Who measures and signs, what each has at stake, and how long the steps of an epoch last.

use crate::Address;

/// Declares [`OracleSet`].
#[macro_export]
macro_rules! oracle_set_account {
    ($(#[$attribute:meta])*) => {
        /// The oracles, and the clock of epochs. Seat `i` is element `i` of each array.
        $(#[$attribute])*
        pub struct OracleSet {
            /// Layout version.
            pub version: u8,
            /// Bump of this account's address.
            pub bump: u8,
            /// Seats in use, from the first on. The seat of an oracle that has left is given to another once no epoch that it
            /// could still act in is open: see `is_free`.
            pub count: u8,
            /// Zero.
            pub _padding: u8,
            /// Rises with every change of membership; bound into what a quorum signs.
            pub set_version: u32,
            /// Least seconds between the starts of two epochs; also how long an epoch is measured.
            pub epoch_seconds: u32,
            /// Seconds after measurement in which bundles may be committed.
            pub commit_seconds: u32,
            /// Seconds after a quorum in which an epoch may still be disputed.
            pub dispute_seconds: u32,
            /// Zero.
            pub _padding_2: u32,
            /// Number of the epoch that will be opened next; the first is 0.
            pub next_epoch: u64,
            /// Unix time at which the latest epoch was opened; zero before the first.
            pub opened_at: i64,
            /// Lowest epoch that may still be attested: epochs are attested in order, a late one is lost.
            pub attestable_from: u64,
            /// Sum of all contributions attested so far, kbit.
            pub cumulative_contribution: u64,
            /// Sum of all rewards attested so far, LMR base units.
            pub cumulative_reward: u64,
            /// ed25519 keys with which the members sign, and which they prove in their QUIC handshakes.
            pub keys: [Address; 32],
            /// Where a node reaches each challenger: IPv6 address (IPv4 mapped), then port, both big endian.
            pub endpoints: [[u8; 18]; 32],
            /// LMR base units each has at stake.
            pub bonds: [u64; 32],
            /// First epoch in which each counts.
            pub since: [u64; 32],
            /// State of each; see `member`.
            pub states: [u8; 32],
            /// Zero; layout 1 ends here.
            pub _reserved: [u8; 128],
            /// Wallets that control the seats' bonds; zero for an oracle that was added under layout 1.
            pub owners: [Address; 32],
            /// First epoch in which each no longer counts; the highest number while it serves.
            pub until: [u64; 32],
            /// Unix time from which the bond of one that was removed may be withdrawn; zero before.
            pub unbonds_at: [i64; 32],
            /// LMR base units that an oracle must have at stake to count in the epochs that are opened from now on.
            pub minimum_bond: u64,
            /// LMR base units of bond in the vault.
            pub bonded: u64,
            /// Seconds between the removal of an oracle and the withdrawal of its bond.
            pub unbonding_seconds: i64,
            /// Unix time from which the epoch attested last can no longer be disputed.
            pub final_at: i64,
            /// What `attestable_from` was before that epoch was attested, and will be should it be reopened.
            pub previously_attestable_from: u64,
            /// Seconds after its end for which an epoch's account stays, so that its leaves can be proven and its liars reported.
            pub retention_seconds: u32,
            /// Bump of the bond vault's address; zero before it was created.
            pub vault_bump: u8,
            /// Zero.
            pub _padding_3: [u8; 3],
            /// Room for later fields; zero.
            pub _reserved_2: [u8; 256],
        }
    };
}

oracle_set_account!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
account!(
    OracleSet,
    owner = super::ID,
    discriminator = [128, 26, 73, 134, 218, 90, 126, 42]
);

/// Layout version of the oracle set that this release writes.
pub const ORACLE_SET_VERSION: u8 = 2;

/// Bytes of an oracle set of layout 1, the discriminator included.
pub const ORACLE_SET_SPACE_V1: usize = 2_344;

/// What an oracle set that was created under layout 1 gets from its migration, which anybody may run: a minimum bond of zero,
/// since its oracles have none; seven days until a bond may be withdrawn, and thirty for which an epoch's account stays.
pub mod migrated {
    /// See the module.
    pub const MINIMUM_BOND: u64 = 0;
    /// See the module.
    pub const UNBONDING_SECONDS: i64 = 7 * 86_400;
    /// See the module.
    pub const RETENTION_SECONDS: u32 = 30 * 86_400;
}

impl OracleSet {
    /// Index of the seat whose oracle signs with `key`, whatever its state.
    pub fn index_of(&self, key: &Address) -> Option<usize> {
        self.keys
            .iter()
            .take(usize::from(self.count))
            .position(|member| member == key)
    }

    /// Whether what seat `index` does or signs about epoch `number` counts, given that the epoch was opened with it as a
    /// member. One that was jailed counts nowhere any more, and a later oracle on the same seat does not act for its
    /// predecessor.
    pub fn serves(&self, index: usize, number: u64) -> bool {
        match (self.states.get(index), self.since.get(index), self.until.get(index)) {
            (Some(state), Some(since), Some(until)) => {
                *state != super::member::JAILED && *since <= number && number < *until
            }
            _ => false,
        }
    }

    /// Lowest epoch that may be attested at `now`, or could be if the epoch attested last were reopened.
    pub fn unsettled_from(&self, now: i64) -> u64 {
        if now >= self.final_at {
            self.attestable_from
        } else {
            self.previously_attestable_from
        }
    }

    /// Whether epoch `number` is attested, but may be reopened at `now`.
    pub fn is_disputable(&self, number: u64, now: i64) -> bool {
        now < self.final_at && number.checked_add(1) == Some(self.attestable_from)
    }

    /// Whether seat `index` can be given to another oracle at `now`: its own has left and taken its bond, and every epoch in
    /// which it counted is settled.
    pub fn is_free(&self, index: usize, now: i64) -> bool {
        let has_left = matches!(
            self.states.get(index),
            Some(&(super::member::REMOVED | super::member::JAILED))
        );
        let has_no_bond = self.bonds.get(index).is_some_and(|bond| *bond == 0);
        let is_settled = self
            .until
            .get(index)
            .is_some_and(|until| *until <= self.unsettled_from(now));
        has_left && has_no_bond && is_settled
    }
}
