//! Instructions of program `rewards`.

use {
    crate::{
        instruction::{build, event_accounts, readonly, readonly_signer, writable, writable_signer},
        token::{TOKEN_PROGRAM, lmr_account},
    },
    lumora_interface::{
        Address,
        bandwidth::{attestation_address, epoch_address},
        registry,
        rewards::{
            EARLY_POOL, EMISSION, GrantArguments, ID, InitializeRewardsArguments, MINT, POOL, instruction,
            reward_address,
        },
    },
    solana_instruction::Instruction,
    solana_sdk_ids::system_program,
};

/// Creates the LMR mint, the pools and the emission schedule.
pub fn initialize(authority: &Address, arguments: &InitializeRewardsArguments) -> Instruction {
    let mut accounts = vec![
        writable_signer(*authority),
        readonly(registry::NETWORK),
        writable(EMISSION),
        writable(MINT),
        writable(POOL),
        writable(EARLY_POOL),
        readonly(TOKEN_PROGRAM),
        readonly(system_program::ID),
    ];
    accounts.extend(event_accounts(ID));
    build(ID, instruction::INITIALIZE, arguments, accounts)
}

/// Mints a final epoch's rewards into the pool; anybody may ask for it.
pub fn fund_epoch(epoch: u64) -> Instruction {
    let mut accounts = vec![
        readonly(epoch_address(epoch).0),
        writable(EMISSION),
        writable(MINT),
        writable(POOL),
        readonly(TOKEN_PROGRAM),
    ];
    accounts.extend(event_accounts(ID));
    build(ID, instruction::FUND_EPOCH, &(), accounts)
}

/// Pays a node's attested but unclaimed reward to its owner's LMR account, which must exist. Anybody may pay for it.
pub fn claim(payer: &Address, node: &Address, owner: &Address) -> Instruction {
    let mut accounts = vec![
        writable_signer(*payer),
        readonly(*node),
        readonly(attestation_address(node).0),
        writable(EMISSION),
        writable(reward_address(node).0),
        readonly(MINT),
        writable(POOL),
        writable(lmr_account(owner)),
        readonly(TOKEN_PROGRAM),
        readonly(system_program::ID),
    ];
    accounts.extend(event_accounts(ID));
    build(ID, instruction::CLAIM, &(), accounts)
}

/// Pays `amount` LMR base units from the early-participant pool to a wallet's LMR account, which must exist.
pub fn grant(authority: &Address, recipient: &Address, amount: u64) -> Instruction {
    let mut accounts = vec![
        readonly_signer(*authority),
        readonly(registry::NETWORK),
        writable(EMISSION),
        readonly(MINT),
        writable(EARLY_POOL),
        writable(lmr_account(recipient)),
        readonly(TOKEN_PROGRAM),
    ];
    accounts.extend(event_accounts(ID));
    build(ID, instruction::GRANT, &GrantArguments { amount }, accounts)
}
