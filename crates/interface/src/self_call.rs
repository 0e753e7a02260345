//! Records an event as a call of a program to itself, so that no indexer can miss it: logs may be cut off, instructions
//! are not. The same bytes as the framework's `emit_cpi!`, without its allocations, at a third of the price.

extern crate alloc;

use alloc::vec::Vec;

use anchor_lang::{
    Event, Result,
    cpi::{CpiSeed, CpiSigner, InstructionAccount, InstructionView},
    pinocchio::{account::AccountView, cpi::invoke_signed},
};
use bytemuck::Pod;

use crate::{Address, EVENT_AUTHORITY_SEED, event::SELF_CALL_TAG};

/// Records `event`. `authority` is the account, and `bump` the bump, that `#[event_cpi]` adds to an instruction.
pub fn record<E: Event + Pod>(event: &E, authority: &AccountView, bump: u8, program: &Address) -> Result<()> {
    send(&encode(event), authority, bump, program)
}

/// The data of the call: tag, discriminator, fields.
pub fn encode<E: Event + Pod>(event: &E) -> Vec<u8> {
    let mut data = Vec::with_capacity(SELF_CALL_TAG.len() + E::DISCRIMINATOR.len() + size_of::<E>());
    data.extend_from_slice(&SELF_CALL_TAG);
    data.extend_from_slice(E::DISCRIMINATOR);
    data.extend_from_slice(bytemuck::bytes_of(event));
    data
}

/// Makes the call with data from [`encode`].
#[inline(never)]
pub fn send(data: &[u8], authority: &AccountView, bump: u8, program: &Address) -> Result<()> {
    invoke_signed(
        &InstructionView {
            program_id: program,
            accounts: &[InstructionAccount::readonly_signer(authority.address())],
            data,
        },
        &[authority],
        &[CpiSigner::from(&[
            CpiSeed::from(EVENT_AUTHORITY_SEED),
            CpiSeed::from(&[bump]),
        ])],
    )
}
