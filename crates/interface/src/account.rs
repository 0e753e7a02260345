//! What all accounts have in common: an owner, a discriminator, a fixed size.

use bytemuck::Pod;

use crate::Address;

/// An account of one of the programs: eight bytes of discriminator, then the fields as they lie in memory.
pub trait Account: Pod {
    /// First eight bytes of SHA-256(`account:<Name>`).
    const DISCRIMINATOR: [u8; 8];
    /// The program that owns accounts of this type.
    const OWNER: Address;
    /// Bytes of account data, the discriminator included.
    const SPACE: usize = 8 + size_of::<Self>();

    /// Reads an account that was fetched from the chain, refusing one that is not this program's or not of this type.
    fn from_account(owner: &Address, data: &[u8]) -> Result<Self, AccountError> {
        if *owner != Self::OWNER {
            return Err(AccountError::Owner);
        }
        Self::from_account_data(data)
    }

    /// Reads account data whose owner the caller has checked.
    fn from_account_data(data: &[u8]) -> Result<Self, AccountError> {
        let (discriminator, fields) = data.split_at_checked(8).ok_or(AccountError::Size)?;
        if discriminator != Self::DISCRIMINATOR {
            return Err(AccountError::Discriminator);
        }
        let fields = fields.get(..size_of::<Self>()).ok_or(AccountError::Size)?;
        Ok(bytemuck::pod_read_unaligned(fields))
    }
}

/// Why bytes are not the account that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountError {
    /// Another program owns the account.
    Owner,
    /// The account is of another type, or not initialised.
    Discriminator,
    /// The data is shorter than the layout.
    Size,
}

impl core::fmt::Display for AccountError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Owner => "the account belongs to another program: check the address and the program ids in use",
            Self::Discriminator => "the account is of another type: check the address",
            Self::Size => "the account is shorter than its layout: it was written by an older version, migrate it",
        })
    }
}

impl core::error::Error for AccountError {}

/// Ties a layout to its program and discriminator; under feature `anchor` also for the framework, so that a sibling
/// program can name `Account<T>` and have owner and discriminator checked.
macro_rules! account {
    ($name:ident, owner = $owner:expr, discriminator = $discriminator:expr) => {
        impl $crate::Account for $name {
            const DISCRIMINATOR: [u8; 8] = $discriminator;
            const OWNER: Address = $owner;
        }

        #[cfg(feature = "anchor")]
        impl anchor_lang::Owner for $name {
            const OWNER: Address = $owner;
        }

        #[cfg(feature = "anchor")]
        impl anchor_lang::Discriminator for $name {
            const DISCRIMINATOR: &'static [u8] = &<Self as $crate::Account>::DISCRIMINATOR;
        }

        // The owner's IDL describes the type; a program that only reads it does not repeat it.
        #[cfg(feature = "anchor")]
        impl anchor_lang::IdlAccountType for $name {}
    };
}

/// Asserts that a discriminator literal is what the framework will compute from the type's name.
#[cfg(test)]
macro_rules! assert_discriminators {
    ($prefix:literal, $trait:path, $($name:ident),+ $(,)?) => {
        $(assert_eq!(
            <$name as $trait>::DISCRIMINATOR,
            lumora_core::hash::sha256(&[concat!($prefix, ":", stringify!($name)).as_bytes()])[..8],
            stringify!($name)
        );)+
    };
}
