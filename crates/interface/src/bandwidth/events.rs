//! Events of program `bandwidth`.

use crate::Address;

/// Layout version of [`EpochOpened`].
pub const EPOCH_OPENED_VERSION: u8 = 2;

/// Declares [`OracleAdded`].
#[macro_export]
macro_rules! oracle_added_event {
    ($(#[$attribute:meta])*) => {
        /// An oracle joined the set; it counts from the next epoch on.
        $(#[$attribute])*
        pub struct OracleAdded {
            /// Layout version.
            pub version: u8,
            /// Its index in the set.
            pub index: u8,
            /// Zero.
            pub _padding: [u8; 2],
            /// Version of the set from now on.
            pub set_version: u32,
            /// ed25519 key with which it signs.
            pub key: Address,
        }
    };
}

/// Declares [`EpochOpened`].
#[macro_export]
macro_rules! epoch_opened_event {
    ($(#[$attribute:meta])*) => {
        /// An epoch began.
        $(#[$attribute])*
        pub struct EpochOpened {
            /// Layout version: 2, since seeds are drawn after the opening.
            pub version: u8,
            /// Signatures that will be needed.
            pub quorum: u8,
            /// Zero.
            pub _padding: [u8; 2],
            /// Bitmap of its members.
            pub members: u32,
            /// Number of the epoch.
            pub epoch: u64,
            /// Slot named for its seed.
            pub seed_slot: u64,
            /// Unix time at which measurement ends.
            pub ends_at: i64,
            /// Unix time after which no bundle may be committed.
            pub cutoff_at: i64,
        }
    };
}

/// Declares [`BundleCommitted`].
#[macro_export]
macro_rules! bundle_committed_event {
    ($(#[$attribute:meta])*) => {
        /// An oracle committed its receipts of an epoch.
        $(#[$attribute])*
        pub struct BundleCommitted {
            /// Layout version.
            pub version: u8,
            /// Index of the oracle in the set.
            pub oracle: u8,
            /// Zero.
            pub _padding: [u8; 2],
            /// Number of entries: receipts, and what the oracle saw of nodes.
            pub count: u32,
            /// Number of the epoch.
            pub epoch: u64,
            /// Root of the bundle.
            pub root: [u8; 32],
        }
    };
}

/// Declares [`EpochAttested`].
#[macro_export]
macro_rules! epoch_attested_event {
    ($(#[$attribute:meta])*) => {
        /// A quorum signed an epoch's figures.
        $(#[$attribute])*
        pub struct EpochAttested {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 3],
            /// Bitmap of the members that signed.
            pub signers: u32,
            /// Number of the epoch.
            pub epoch: u64,
            /// Root of its leaves.
            pub root: [u8; 32],
            /// Number of leaves.
            pub leaf_count: u32,
            /// Bitmap of the members whose bundles were used.
            pub bundles: u32,
            /// Sum of the contributions, kbit.
            pub total_contribution: u64,
            /// What this epoch adds to the rewards, LMR base units.
            pub epoch_reward: u64,
            /// Unix time from which it is final.
            pub final_at: i64,
        }
    };
}

/// Declares [`NodeProven`].
#[macro_export]
macro_rules! node_proven_event {
    ($(#[$attribute:meta])*) => {
        /// A node's figures of an epoch were proven.
        $(#[$attribute])*
        pub struct NodeProven {
            /// Layout version.
            pub version: u8,
            /// Why the figures are what they are.
            pub reason: u8,
            /// Reputation, in basis points.
            pub reputation_bps: u16,
            /// Attested rate towards the node, kbit/s.
            pub down_kbps: u32,
            /// Attested rate from the node, kbit/s.
            pub up_kbps: u32,
            /// Attested round-trip time, microseconds.
            pub rtt_us: u32,
            /// Address of the node's account.
            pub node: Address,
            /// Number of the epoch.
            pub epoch: u64,
            /// Contribution of this epoch, kbit.
            pub contribution: u64,
            /// Reward of the node's lifetime, LMR base units.
            pub cumulative_reward: u64,
        }
    };
}

/// Declares [`OracleUpdated`].
#[macro_export]
macro_rules! oracle_updated_event {
    ($(#[$attribute:meta])*) => {
        /// An oracle is reached elsewhere from now on.
        $(#[$attribute])*
        pub struct OracleUpdated {
            /// Layout version.
            pub version: u8,
            /// Index of its seat in the set.
            pub index: u8,
            /// Where nodes reach it: IPv6 address (IPv4 mapped), then port, both big endian.
            pub endpoint: [u8; 18],
            /// Key of the oracle.
            pub oracle: Address,
        }
    };
}

/// Declares [`OracleRemoved`].
#[macro_export]
macro_rules! oracle_removed_event {
    ($(#[$attribute:meta])*) => {
        /// An oracle was removed or has resigned; it counts in the epochs that are open, and in no later one.
        $(#[$attribute])*
        pub struct OracleRemoved {
            /// Layout version.
            pub version: u8,
            /// Index of its seat in the set.
            pub index: u8,
            /// Zero.
            pub _padding: [u8; 2],
            /// Version of the set from now on.
            pub set_version: u32,
            /// First epoch in which it no longer counts.
            pub until: u64,
            /// Unix time from which its bond may be withdrawn.
            pub unbonds_at: i64,
            /// Key of the oracle.
            pub oracle: Address,
        }
    };
}

/// Declares [`OracleBondDeposited`].
#[macro_export]
macro_rules! oracle_bond_deposited_event {
    ($(#[$attribute:meta])*) => {
        /// LMR was added to an oracle's bond.
        $(#[$attribute])*
        pub struct OracleBondDeposited {
            /// Layout version.
            pub version: u8,
            /// Index of its seat in the set.
            pub index: u8,
            /// Zero.
            pub _padding: [u8; 6],
            /// LMR base units deposited.
            pub amount: u64,
            /// LMR base units of the whole bond.
            pub bond: u64,
            /// Key of the oracle.
            pub oracle: Address,
        }
    };
}

/// Declares [`OracleBondWithdrawn`].
#[macro_export]
macro_rules! oracle_bond_withdrawn_event {
    ($(#[$attribute:meta])*) => {
        /// A removed oracle's bond was paid back to its owner.
        $(#[$attribute])*
        pub struct OracleBondWithdrawn {
            /// Layout version.
            pub version: u8,
            /// Index of its seat in the set.
            pub index: u8,
            /// Zero.
            pub _padding: [u8; 6],
            /// LMR base units.
            pub amount: u64,
            /// Key of the oracle.
            pub oracle: Address,
            /// The owner.
            pub owner: Address,
        }
    };
}

/// Declares [`OracleJailed`].
#[macro_export]
macro_rules! oracle_jailed_event {
    ($(#[$attribute:meta])*) => {
        /// An oracle signed two statements about one epoch: it is jailed, and its bond is gone.
        $(#[$attribute])*
        pub struct OracleJailed {
            /// Layout version.
            pub version: u8,
            /// Index of its seat in the set.
            pub index: u8,
            /// One where the epoch lost its quorum by it and is open again, otherwise zero.
            pub reopened: u8,
            /// Zero.
            pub _padding: u8,
            /// Version of the set from now on.
            pub set_version: u32,
            /// Number of the epoch.
            pub epoch: u64,
            /// LMR base units that went to who reported it.
            pub reward: u64,
            /// LMR base units that were burned.
            pub burned: u64,
            /// Key of the oracle.
            pub oracle: Address,
            /// The two contents that it signed.
            pub contents: [[u8; 32]; 2],
        }
    };
}

/// Declares [`SeedDrawn`].
#[macro_export]
macro_rules! seed_drawn_event {
    ($(#[$attribute:meta])*) => {
        /// It is known who measures whom in an epoch.
        $(#[$attribute])*
        pub struct SeedDrawn {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// Number of the epoch.
            pub epoch: u64,
            /// Slot that the seed comes from.
            pub slot: u64,
            /// The seed.
            pub seed: [u8; 32],
        }
    };
}

/// Declares [`SeedPostponed`].
#[macro_export]
macro_rules! seed_postponed_event {
    ($(#[$attribute:meta])*) => {
        /// Nobody drew an epoch's seed while its slot was on record: another slot is named.
        $(#[$attribute])*
        pub struct SeedPostponed {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// Number of the epoch.
            pub epoch: u64,
            /// Slot that is named now.
            pub seed_slot: u64,
        }
    };
}

/// Declares [`EpochReopened`].
#[macro_export]
macro_rules! epoch_reopened_event {
    ($(#[$attribute:meta])*) => {
        /// An attested epoch lost its quorum while it could be disputed: it is to be attested anew.
        $(#[$attribute])*
        pub struct EpochReopened {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 3],
            /// Bitmap of the members whose signatures were left.
            pub signers: u32,
            /// Number of the epoch.
            pub epoch: u64,
            /// The root that is not attested any more.
            pub root: [u8; 32],
        }
    };
}

/// Declares [`EpochClosed`].
#[macro_export]
macro_rules! epoch_closed_event {
    ($(#[$attribute:meta])*) => {
        /// An epoch's account was closed, long after it was over.
        $(#[$attribute])*
        pub struct EpochClosed {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// Number of the epoch.
            pub epoch: u64,
            /// Who got the rent back.
            pub rent_payer: Address,
        }
    };
}

/// Declares [`NodePunished`].
#[macro_export]
macro_rules! node_punished_event {
    ($(#[$attribute:meta])*) => {
        /// A node lost part of its bond because its figures say that it forged answers.
        $(#[$attribute])*
        pub struct NodePunished {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// Address of the node's account.
            pub node: Address,
            /// Number of the epoch.
            pub epoch: u64,
            /// LMR base units that it was to lose; less is taken where its bond is smaller.
            pub amount: u64,
        }
    };
}

/// Declares [`OracleSetMigrated`].
#[macro_export]
macro_rules! oracle_set_migrated_event {
    ($(#[$attribute:meta])*) => {
        /// The oracle set grew to its present layout.
        $(#[$attribute])*
        pub struct OracleSetMigrated {
            /// Layout version.
            pub version: u8,
            /// Layout version that the set has from now on.
            pub to: u8,
        }
    };
}

/// Declares [`MinimumBondSet`].
#[macro_export]
macro_rules! minimum_bond_set_event {
    ($(#[$attribute:meta])*) => {
        /// From the next epoch on, only oracles with this bond count.
        $(#[$attribute])*
        pub struct MinimumBondSet {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// LMR base units.
            pub minimum_bond: u64,
        }
    };
}

oracle_added_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
epoch_opened_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
bundle_committed_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
epoch_attested_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
node_proven_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
oracle_updated_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
oracle_removed_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
oracle_bond_deposited_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
oracle_bond_withdrawn_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
oracle_jailed_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
seed_drawn_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
seed_postponed_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
epoch_reopened_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
epoch_closed_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
node_punished_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
oracle_set_migrated_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
minimum_bond_set_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
event!(OracleAdded, discriminator = [48, 0, 207, 33, 20, 56, 215, 219]);
event!(EpochOpened, discriminator = [136, 166, 130, 170, 78, 145, 67, 78]);
event!(BundleCommitted, discriminator = [121, 109, 72, 109, 189, 54, 130, 129]);
event!(EpochAttested, discriminator = [152, 73, 218, 104, 70, 32, 96, 222]);
event!(NodeProven, discriminator = [194, 93, 231, 54, 92, 245, 203, 40]);
event!(OracleUpdated, discriminator = [138, 9, 51, 219, 228, 198, 11, 147]);
event!(OracleRemoved, discriminator = [62, 112, 125, 81, 128, 93, 194, 96]);
event!(
    OracleBondDeposited,
    discriminator = [77, 251, 205, 200, 10, 101, 133, 223]
);
event!(
    OracleBondWithdrawn,
    discriminator = [139, 238, 182, 178, 44, 4, 31, 154]
);
event!(OracleJailed, discriminator = [121, 169, 21, 42, 201, 158, 117, 253]);
event!(SeedDrawn, discriminator = [48, 246, 86, 166, 122, 44, 12, 240]);
event!(SeedPostponed, discriminator = [148, 150, 202, 26, 54, 253, 67, 242]);
event!(EpochReopened, discriminator = [0, 77, 235, 100, 238, 216, 115, 203]);
event!(EpochClosed, discriminator = [21, 4, 48, 56, 29, 169, 77, 42]);
event!(NodePunished, discriminator = [5, 220, 63, 21, 153, 202, 80, 79]);
event!(
    OracleSetMigrated,
    discriminator = [254, 191, 110, 147, 209, 170, 174, 31]
);
event!(MinimumBondSet, discriminator = [194, 236, 60, 116, 3, 187, 61, 57]);
