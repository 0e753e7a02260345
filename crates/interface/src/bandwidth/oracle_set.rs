//! Who measures and signs, and how long the steps of an epoch last.

use crate::Address;

/// Declares [`OracleSet`].
#[macro_export]
macro_rules! oracle_set_account {
    ($(#[$attribute:meta])*) => {
        /// The oracles, and the clock of epochs. Member `i` is element `i` of each of the five arrays.
        $(#[$attribute])*
        pub struct OracleSet {
            /// Layout version.
            pub version: u8,
            /// Bump of this account's address.
            pub bump: u8,
            /// Slots in use, from the first on; a slot is never given to another oracle.
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
            /// Room for later fields; zero.
            pub _reserved: [u8; 128],
        }
    };
}

oracle_set_account!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
account!(
    OracleSet,
    owner = super::ID,
    discriminator = [128, 26, 73, 134, 218, 90, 126, 42]
);

impl OracleSet {
    /// Index of the member that signs with `key`, whatever its state.
    pub fn index_of(&self, key: &Address) -> Option<usize> {
        self.keys
            .iter()
            .take(usize::from(self.count))
            .position(|member| member == key)
    }
}
