//! How a node's assignments ended.

use crate::Address;

/// Declares [`Work`].
#[macro_export]
macro_rules! work_account {
    ($(#[$attribute:meta])*) => {
        /// How a node's assignments ended. Feeds its reputation.
        $(#[$attribute])*
        pub struct Work {
            /// Layout version.
            pub version: u8,
            /// Bump of this account's address.
            pub bump: u8,
            /// Zero.
            pub _padding: [u8; 2],
            /// Assignments for which a part of its bond stands: those that it works on, and those that expired or were
            /// rejected and for which it was not slashed yet.
            pub active: u32,
            /// Address of the node's account.
            pub node: Address,
            /// Assignments that were in the agreeing majority, and paid.
            pub completed: u64,
            /// Assignments whose result the majority, or a quorum of oracles, did not agree with.
            pub failed: u64,
            /// Assignments that ran out of time.
            pub expired: u64,
            /// LMR base units earned.
            pub earned: u64,
            /// Who paid the rent and gets it back.
            pub rent_payer: Address,
            /// Unix time of the last change.
            pub changed_at: i64,
            /// Room for later fields; zero.
            pub _reserved: [u8; 32],
        }
    };
}

work_account!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
account!(
    Work,
    owner = super::ID,
    discriminator = [140, 4, 80, 230, 31, 233, 85, 175]
);
