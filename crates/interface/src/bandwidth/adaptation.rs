//! Signatures under an adaptation of the ranking, while they are no quorum.

use lumora_core::adaptation::Adaptation;

use super::{AdaptRankingArguments, Epoch};
use crate::{Address, registry::Network};

/// Declares [`AdaptationCount`].
#[macro_export]
macro_rules! adaptation_count_account {
    ($(#[$attribute:meta])*) => {
        /// Counts the oracles that signed one adaptation. Each has an account of its own, so that no minority can hold up a
        /// quorum by signing another one first. Closed with the quorum, or by anybody once it is void.
        $(#[$attribute])*
        pub struct AdaptationCount {
            /// Layout version.
            pub version: u8,
            /// Bump of this account's address.
            pub bump: u8,
            /// Zero.
            pub _padding: [u8; 2],
            /// Bitmap of the members of the epoch whose signatures were counted.
            pub signers: u32,
            /// What they signed; part of the address.
            pub digest: [u8; 32],
            /// Who paid the rent and gets it back.
            pub rent_payer: Address,
            /// The epoch in which the figures were measured.
            pub epoch: u64,
            /// Unix time after which the signatures are void.
            pub expires_at: i64,
            /// Adaptations of the network before this one.
            pub sequence: u32,
            /// Room for later fields; zero.
            pub _reserved: [u8; 20],
        }
    };
}

adaptation_count_account!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
account!(
    AdaptationCount,
    owner = super::ID,
    discriminator = [143, 212, 23, 151, 219, 199, 121, 26]
);

impl AdaptationCount {
    /// Whether it can never become a quorum any more: it expired, or the ranking was adapted since.
    pub fn is_void(&self, network: &Network, now: i64) -> bool {
        now > self.expires_at || network.adaptations != self.sequence
    }
}

/// What a quorum signs about the network as it is, with the figures of `epoch`.
pub fn adaptation(network: &Network, epoch: &Epoch, arguments: &AdaptRankingArguments) -> Adaptation {
    Adaptation {
        network_id: network.network_id,
        program: super::ID.to_bytes(),
        set_version: epoch.set_version,
        sequence: network.adaptations,
        from: network.ranking_hash(),
        to: arguments.tuning(),
        reasons: arguments.reasons,
        epoch: epoch.epoch,
        expires_at: arguments.expires_at,
    }
}
