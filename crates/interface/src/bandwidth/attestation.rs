//! A node's latest proven figures.

use crate::Address;

/// Declares [`Attestation`].
#[macro_export]
macro_rules! attestation_account {
    ($(#[$attribute:meta])*) => {
        /// A node's latest proven figures.
        $(#[$attribute])*
        pub struct Attestation {
            /// Layout version.
            pub version: u8,
            /// Bump of this account's address.
            pub bump: u8,
            /// Why the figures are what they are: a code of `core::reason`.
            pub reason: u8,
            /// Zero.
            pub _padding: u8,
            /// Share of the scheduled rounds that the node answered, in basis points.
            pub uptime_bps: u16,
            /// Reputation, in basis points.
            pub reputation_bps: u16,
            /// Address of the node's account.
            pub node: Address,
            /// Epoch that the figures are of.
            pub epoch: u64,
            /// Attested rate towards the node, kbit/s.
            pub down_kbps: u32,
            /// Attested rate from the node, kbit/s.
            pub up_kbps: u32,
            /// Attested round-trip time, microseconds.
            pub rtt_us: u32,
            /// Zero.
            pub _padding_2: u32,
            /// Contribution of that epoch, kbit.
            pub contribution: u64,
            /// Contribution of the node's lifetime, kbit.
            pub cumulative_contribution: u64,
            /// Reward of the node's lifetime, LMR base units.
            pub cumulative_reward: u64,
            /// Unix time at which the epoch's measurement ended: what its freshness is counted from.
            pub measured_at: i64,
            /// Unix time of the proof.
            pub proven_at: i64,
            /// Who paid the rent and gets it back.
            pub rent_payer: Address,
            /// Number, plus one, of the latest epoch for whose figures the node was slashed; zero when it never was.
            pub punished: u64,
            /// Room for later fields; zero.
            pub _reserved: [u8; 24],
        }
    };
}

attestation_account!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
account!(
    Attestation,
    owner = super::ID,
    discriminator = [152, 125, 183, 86, 36, 146, 121, 73]
);
