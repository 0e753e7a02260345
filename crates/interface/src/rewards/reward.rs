//! What a node has claimed of its rewards.

use crate::Address;

/// Declares [`Reward`].
#[macro_export]
macro_rules! reward_account {
    ($(#[$attribute:meta])*) => {
        /// What a node has claimed of its rewards.
        $(#[$attribute])*
        pub struct Reward {
            /// Layout version.
            pub version: u8,
            /// Bump of this account's address.
            pub bump: u8,
            /// Zero.
            pub _padding: [u8; 6],
            /// Address of the node's account.
            pub node: Address,
            /// LMR base units claimed in the node's lifetime.
            pub claimed: u64,
            /// Unix time of the latest claim that paid anything.
            pub claimed_at: i64,
            /// Who paid the rent and gets it back.
            pub rent_payer: Address,
            /// Wallet that owns the node, which never changes; zero until the first `claim` that writes it.
            pub owner: Address,
        }
    };
}

reward_account!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
account!(
    Reward,
    owner = super::ID,
    discriminator = [174, 129, 42, 212, 190, 18, 45, 34]
);
