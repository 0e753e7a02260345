//! What the five programs look like from outside: ids, seeds, account layouts, arguments, events and errors.
//!
//! Each layout is written once, as a macro that takes attributes. The program expands it with `#[account]`, so that the
//! framework makes it an account owned by that program; this crate expands it as plain data, for clients and for the
//! sibling programs, none of which may depend on the program itself. `Address` must be in scope where a macro is
//! expanded: behind a path, the IDL would not know what it is.
//!
//! # Program ids
//!
//! The ids are those of the embedded network. Their keypairs are public on purpose: the ed25519 secret seed of program
//! `<name>` is SHA-256 of the text `lumora localnet program <name>`, so that any machine can deploy to the same
//! addresses. Never deploy to a public cluster with them.

#![no_std]
#![deny(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

#[macro_use]
mod account;
#[macro_use]
mod arguments;
#[macro_use]
mod event;
#[macro_use]
mod error;
#[macro_use]
mod instruction;

pub mod bandwidth;
pub mod market;
pub mod registry;
pub mod rewards;
#[cfg(feature = "anchor")]
pub mod self_call;
pub mod tasks;
#[cfg(feature = "anchor")]
pub mod tokens;

pub use account::{Account, AccountError};
pub use event::{Event, SELF_CALL_TAG};
/// Address of an account, a program or a wallet; an ed25519 public key unless it is derived from a program's.
pub use solana_address::Address;

/// Seed under which each program signs the calls to itself that record events.
pub const EVENT_AUTHORITY_SEED: &[u8] = b"__event_authority";

/// The address under which `program` signs the calls to itself that record events.
pub fn event_authority(program: &Address) -> Address {
    Address::find_program_address(&[EVENT_AUTHORITY_SEED], program).0
}

/// Version that every account and event of this release carries.
pub const VERSION: u8 = 1;
