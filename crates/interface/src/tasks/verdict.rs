//! Signatures of oracles that reject a result, until they are a quorum.

use crate::Address;

/// Declares [`Verdict`].
#[macro_export]
macro_rules! verdict_account {
    ($(#[$attribute:meta])*) => {
        /// Which oracles have signed one verdict; see `core::verdict`. Its address holds the digest, so that no other
        /// verdict about the same result, whoever brings it, is in the way.
        $(#[$attribute])*
        pub struct Verdict {
            /// Layout version.
            pub version: u8,
            /// Bump of this account's address.
            pub bump: u8,
            /// Zero.
            pub _padding: [u8; 2],
            /// Bitmap of the seats of the oracle set that have signed.
            pub signers: u32,
            /// What they signed; part of its address.
            pub digest: [u8; 32],
            /// Address of the assignment whose result is to be rejected.
            pub assignment: Address,
            /// Who paid the rent and gets it back.
            pub rent_payer: Address,
            /// Unix time after which the signatures are void.
            pub expires_at: i64,
            /// Room for later fields; zero.
            pub _reserved: [u8; 32],
        }
    };
}

verdict_account!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
account!(
    Verdict,
    owner = super::ID,
    discriminator = [169, 1, 171, 69, 24, 106, 66, 193]
);
