//! How an instruction is written: one byte that names it, then its arguments in borsh.

use {
    borsh::BorshSerialize,
    solana_address::Address,
    solana_instruction::{AccountMeta, Instruction},
};

/// Builds an instruction from its one-byte discriminator, its arguments and its accounts in the program's order.
pub(crate) fn build(
    program: Address,
    discriminator: u8,
    arguments: &impl BorshSerialize,
    accounts: Vec<AccountMeta>,
) -> Instruction {
    let mut data = vec![discriminator];
    arguments.serialize(&mut data).expect("writing to a vector cannot fail");
    Instruction {
        program_id: program,
        accounts,
        data,
    }
}

/// What a program needs to record an event by calling itself: its event authority and itself, after all other accounts.
pub(crate) fn event_accounts(program: Address) -> [AccountMeta; 2] {
    [readonly(lumora_interface::event_authority(&program)), readonly(program)]
}

pub(crate) fn writable(address: Address) -> AccountMeta {
    AccountMeta::new(address, false)
}

pub(crate) fn writable_signer(address: Address) -> AccountMeta {
    AccountMeta::new(address, true)
}

pub(crate) fn readonly(address: Address) -> AccountMeta {
    AccountMeta::new_readonly(address, false)
}

pub(crate) fn readonly_signer(address: Address) -> AccountMeta {
    AccountMeta::new_readonly(address, true)
}
