//! Instructions of program `registry`.

use {
    crate::{
        instruction::{build, event_accounts, readonly, readonly_signer, writable, writable_signer},
        token,
    },
    lumora_interface::{
        Address,
        registry::{
            BOND_VAULT, DepositBondArguments, ID, InitializeRegistryArguments, NETWORK, RegisterNodeArguments,
            UpdateNodeArguments, instruction, node_address,
        },
        rewards,
    },
    solana_instruction::Instruction,
    solana_sdk_ids::system_program,
};

/// Creates the network; `authority` pays and becomes its authority.
pub fn initialize(authority: &Address, arguments: &InitializeRegistryArguments) -> Instruction {
    let accounts = vec![
        writable_signer(*authority),
        writable(NETWORK),
        readonly(system_program::ID),
    ];
    build(ID, instruction::INITIALIZE, arguments, accounts)
}

/// Registers a node of `owner`, who pays its rent.
pub fn register_node(owner: &Address, arguments: &RegisterNodeArguments) -> Instruction {
    let accounts = vec![
        writable_signer(*owner),
        writable(NETWORK),
        writable(node_address(owner, arguments.index).0),
        readonly(system_program::ID),
    ];
    build(ID, instruction::REGISTER_NODE, arguments, accounts)
}

/// Changes a node's keys, location, limits or status.
pub fn update_node(owner: &Address, node: &Address, arguments: &UpdateNodeArguments) -> Instruction {
    build(
        ID,
        instruction::UPDATE_NODE,
        arguments,
        vec![readonly_signer(*owner), writable(*node)],
    )
}

/// Creates the token account that holds all bonds, once the LMR mint exists.
pub fn create_vault(payer: &Address) -> Instruction {
    let accounts = vec![
        writable_signer(*payer),
        writable(NETWORK),
        readonly(rewards::MINT),
        writable(BOND_VAULT),
        readonly(token::TOKEN_PROGRAM),
        readonly(system_program::ID),
    ];
    build(ID, instruction::CREATE_VAULT, &(), accounts)
}

/// Adds `amount` LMR base units of `depositor` to a node's bond.
pub fn deposit_bond(depositor: &Address, node: &Address, amount: u64) -> Instruction {
    let mut accounts = vec![
        readonly_signer(*depositor),
        writable(NETWORK),
        writable(*node),
        readonly(rewards::MINT),
        writable(token::lmr_account(depositor)),
        writable(BOND_VAULT),
        readonly(token::TOKEN_PROGRAM),
    ];
    accounts.extend(event_accounts(ID));
    build(
        ID,
        instruction::DEPOSIT_BOND,
        &DepositBondArguments { amount },
        accounts,
    )
}
