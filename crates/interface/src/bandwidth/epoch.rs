//! One reward period: its seed, what each oracle committed to and signed, and the attested root.

use lumora_core::attestation::Statement;

use crate::Address;

/// Declares [`Epoch`].
#[macro_export]
macro_rules! epoch_account {
    ($(#[$attribute:meta])*) => {
        /// One reward period. Bit `i` of a bitmap, and element `i` of an array, belong to member `i` of the oracle set.
        $(#[$attribute])*
        pub struct Epoch {
            /// Layout version.
            pub version: u8,
            /// Bump of this account's address.
            pub bump: u8,
            /// Open or attested; see `epoch_state`.
            pub state: u8,
            /// Signatures needed: floor(2n/3) + 1 of the members when the epoch was opened.
            pub quorum: u8,
            /// Bitmap of the members when the epoch was opened.
            pub members: u32,
            /// Number of the epoch.
            pub epoch: u64,
            /// Decides who measures whom; zero until it is drawn. See `core::seed`.
            pub seed: [u8; 32],
            /// Slot that was named for the seed; once it is drawn, the slot that it comes from.
            pub seed_slot: u64,
            /// Unix time at which measurement begins.
            pub starts_at: i64,
            /// Unix time at which measurement ends.
            pub ends_at: i64,
            /// Unix time after which no bundle may be committed.
            pub cutoff_at: i64,
            /// Unix time at which the quorum was reached; zero before.
            pub attested_at: i64,
            /// Unix time from which the attestation is final; zero before the quorum.
            pub final_at: i64,
            /// Version of the oracle set when the epoch was opened.
            pub set_version: u32,
            /// Bitmap of the members that committed a bundle.
            pub committed: u32,
            /// Bitmap of the members that signed the attested statement.
            pub signers: u32,
            /// Bitmap of the members whose bundles the attested figures rest on.
            pub bundles: u32,
            /// Root of the attested leaves.
            pub root: [u8; 32],
            /// Number of attested leaves.
            pub leaf_count: u32,
            /// Zero.
            pub _padding: u32,
            /// Sum of this epoch's contributions, kbit.
            pub total_contribution: u64,
            /// What this epoch adds to the rewards, LMR base units.
            pub epoch_reward: u64,
            /// Sum of all rewards up to and with this epoch, LMR base units.
            pub cumulative_reward: u64,
            /// Who paid the rent and gets it back.
            pub rent_payer: Address,
            /// Root of each member's bundle of receipts.
            pub bundle_roots: [[u8; 32]; 32],
            /// Number of entries in each member's bundle: receipts, and what it saw of nodes.
            pub bundle_counts: [u32; 32],
            /// Content of the statement that each member signed; zero before, and `VOID` where the member was jailed for
            /// this epoch. Kept per member, so that no minority can hold up a quorum by submitting another statement
            /// first.
            pub signed: [[u8; 32]; 32],
            /// Room for later fields; zero.
            pub _reserved: [u8; 64],
        }
    };
}

epoch_account!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
account!(
    Epoch,
    owner = super::ID,
    discriminator = [93, 83, 120, 89, 151, 138, 152, 108]
);

/// Stands in [`Epoch::signed`] for a member that was jailed for what it signed about the epoch. No hash is ever equal to it.
pub const VOID: [u8; 32] = [0xff; 32];

impl Epoch {
    /// Whether it is known who measures whom. Before, nothing can be measured, committed or signed.
    pub fn is_drawn(&self) -> bool {
        self.seed != [0; 32]
    }

    /// Whether nothing more can be committed: the cut-off is over, or every member has committed.
    pub fn is_committed(&self, now: i64) -> bool {
        now > self.cutoff_at || self.committed == self.members
    }

    /// Whether the attested figures can no longer be disputed.
    pub fn is_final(&self, now: i64) -> bool {
        self.state == super::epoch_state::ATTESTED && now >= self.final_at
    }

    /// What a quorum signs about this epoch.
    pub fn statement(&self, network_id: [u8; 32], figures: &super::SubmitAttestationArguments) -> Statement {
        Statement {
            network_id,
            program: super::ID.to_bytes(),
            epoch: self.epoch,
            set_version: self.set_version,
            root: figures.root,
            leaf_count: figures.leaf_count,
            total_contribution: figures.total_contribution,
            epoch_reward: figures.epoch_reward,
            cumulative_reward: figures.cumulative_reward,
            bundles: figures.bundles,
            expires_at: figures.expires_at,
        }
    }
}
