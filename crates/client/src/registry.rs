//! Instructions of program `registry`.

use {
    crate::{
        instruction::{build, event_accounts, readonly, readonly_signer, writable, writable_signer},
        token,
    },
    lumora_interface::{
        Address,
        registry::{
            AdaptArguments, BOND_VAULT, DepositBondArguments, ID, InitializeRegistryArguments, NETWORK,
            NetworkParameters, PROGRAM_DATA, RegisterNodeArguments, UpdateNodeArguments, instruction, node_address,
        },
        rewards,
    },
    solana_instruction::{AccountMeta, Instruction},
    solana_sdk_ids::system_program,
};

/// Creates the network; `authority`, who must be the program's upgrade authority, pays and becomes the network's.
pub fn initialize(authority: &Address, arguments: &InitializeRegistryArguments) -> Instruction {
    let accounts = vec![
        writable_signer(*authority),
        writable(NETWORK),
        readonly(PROGRAM_DATA),
        readonly(system_program::ID),
    ];
    build(ID, instruction::INITIALIZE, arguments, accounts)
}

/// Registers a node of `owner`, who pays its rent.
pub fn register_node(owner: &Address, arguments: &RegisterNodeArguments) -> Instruction {
    let accounts = vec![
        writable_signer(*owner),
        readonly(NETWORK),
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

/// Adds `amount` LMR base units of `owner` to its node's bond.
pub fn deposit_bond(owner: &Address, node: &Address, amount: u64) -> Instruction {
    let mut accounts = vec![
        readonly_signer(*owner),
        writable(NETWORK),
        writable(*node),
        readonly(rewards::MINT),
        writable(token::lmr_account(owner)),
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

/// Proposes who shall be the authority; the zero address withdraws a proposal.
pub fn propose_authority(authority: &Address, proposed: &Address) -> Instruction {
    build(ID, instruction::PROPOSE_AUTHORITY, proposed, by_authority(authority))
}

/// Makes `proposed` the authority, if it was proposed.
pub fn accept_authority(proposed: &Address) -> Instruction {
    build(ID, instruction::ACCEPT_AUTHORITY, &(), by_authority(proposed))
}

/// Names who may pause besides the authority; the zero address names nobody.
pub fn set_guardian(authority: &Address, guardian: &Address) -> Instruction {
    build(ID, instruction::SET_GUARDIAN, guardian, by_authority(authority))
}

/// Gives the authority up for good, once [`INCINERATOR`](lumora_interface::registry::INCINERATOR) was proposed.
pub fn renounce_authority(authority: &Address) -> Instruction {
    build(ID, instruction::RENOUNCE_AUTHORITY, &(), by_authority(authority))
}

/// Stops new commitments: `bits` of [`pause`](lumora_interface::registry::pause). `caller` is the authority or the guardian.
pub fn pause(caller: &Address, bits: u32) -> Instruction {
    build(ID, instruction::PAUSE, &bits, by_authority(caller))
}

/// Allows commitments again: `bits` of [`pause`](lumora_interface::registry::pause).
pub fn unpause(authority: &Address, bits: u32) -> Instruction {
    build(ID, instruction::UNPAUSE, &bits, by_authority(authority))
}

/// Announces parameters, at most one step from those that hold: see [`lumora_core::parameters`].
pub fn announce_parameters(authority: &Address, parameters: &NetworkParameters) -> Instruction {
    build(
        ID,
        instruction::ANNOUNCE_PARAMETERS,
        parameters,
        by_authority(authority),
    )
}

/// Withdraws announced parameters that were not applied yet.
pub fn withdraw_announcement(authority: &Address) -> Instruction {
    build(ID, instruction::WITHDRAW_ANNOUNCEMENT, &(), by_authority(authority))
}

/// Makes announced parameters hold once the notice has passed; anybody may.
pub fn apply_parameters() -> Instruction {
    build(ID, instruction::APPLY_PARAMETERS, &(), vec![writable(NETWORK)])
}

/// Asks back `amount` LMR base units of a node's bond in all; zero asks for nothing any more.
pub fn request_unbond(owner: &Address, node: &Address, amount: u64) -> Instruction {
    build(
        ID,
        instruction::REQUEST_UNBOND,
        &amount,
        vec![readonly_signer(*owner), readonly(NETWORK), writable(*node)],
    )
}

/// Pays the bond that was asked back, once it is due, to the LMR account of `owner`.
pub fn withdraw_bond(owner: &Address, node: &Address) -> Instruction {
    let mut accounts = vec![
        readonly_signer(*owner),
        writable(NETWORK),
        writable(*node),
        writable(BOND_VAULT),
        writable(token::lmr_account(owner)),
        readonly(token::TOKEN_PROGRAM),
    ];
    accounts.extend(event_accounts(ID));
    build(ID, instruction::WITHDRAW_BOND, &(), accounts)
}

/// Closes a node that has no bond, or whose bond was wholly asked back and is due: paid to the LMR account of `owner`.
/// `rent_payer` is the one that the node's account names, as a rule the owner.
pub fn close_node(owner: &Address, node: &Address, rent_payer: &Address) -> Instruction {
    let mut accounts = vec![
        readonly_signer(*owner),
        writable(NETWORK),
        writable(*node),
        writable(BOND_VAULT),
        writable(token::lmr_account(owner)),
        writable(*rent_payer),
        readonly(token::TOKEN_PROGRAM),
    ];
    accounts.extend(event_accounts(ID));
    build(ID, instruction::CLOSE_NODE, &(), accounts)
}

/// Takes bond off a node. Only `tasks` and `bandwidth` can sign as `slasher`, so that no transaction can send this; it is
/// here to be simulated, and for completeness.
pub fn slash(slasher: &Address, node: &Address, reporter: &Address, injured: &Address, amount: u64) -> Instruction {
    let mut accounts = vec![
        readonly_signer(*slasher),
        writable(NETWORK),
        writable(*node),
        writable(rewards::MINT),
        writable(BOND_VAULT),
        readonly(*reporter),
        readonly(*injured),
        readonly(token::TOKEN_PROGRAM),
    ];
    accounts.extend(event_accounts(ID));
    build(ID, instruction::SLASH, &amount, accounts)
}

/// Adapts the ranking. Only `bandwidth` can sign as `adapter`, for a quorum of oracles (see
/// [`adapt_ranking`](crate::bandwidth::adapt_ranking)), so that no transaction can send this; it is here for completeness.
pub fn adapt(adapter: &Address, arguments: &AdaptArguments) -> Instruction {
    build(ID, instruction::ADAPT, arguments, by_authority(adapter))
}

/// Keeps the oracles from adapting the ranking. `caller` is the authority or the guardian.
pub fn freeze_adaptation(caller: &Address) -> Instruction {
    build(ID, instruction::FREEZE_ADAPTATION, &(), by_authority(caller))
}

/// Lets the oracles adapt the ranking again.
pub fn unfreeze_adaptation(authority: &Address) -> Instruction {
    build(ID, instruction::UNFREEZE_ADAPTATION, &(), by_authority(authority))
}

/// Accounts of an instruction that one signer gives to the network.
fn by_authority(signer: &Address) -> Vec<AccountMeta> {
    vec![readonly_signer(*signer), writable(NETWORK)]
}
