//! Instructions of program `rewards`.

use {
    crate::{
        instruction::{build, event_accounts, readonly, readonly_signer, writable, writable_signer},
        token::{ASSOCIATED_TOKEN_PROGRAM, TOKEN_PROGRAM, create_lmr_account, lmr_account},
    },
    lumora_interface::{
        Address,
        bandwidth::{attestation_address, epoch_address},
        registry,
        rewards::{
            EARLY_POOL, EMISSION, FEES, GrantArguments, ID, InitializeRewardsArguments, METADATA, MINT, POOL,
            SetBreakerArguments, TOKEN_METADATA, grant_address, instruction, reward_address,
        },
    },
    solana_instruction::Instruction,
    solana_sdk_ids::system_program,
};

/// Creates the LMR mint, the program's token accounts and the emission schedule.
pub fn initialize(authority: &Address, arguments: &InitializeRewardsArguments) -> Instruction {
    let mut accounts = vec![
        writable_signer(*authority),
        readonly(registry::NETWORK),
        writable(EMISSION),
        writable(MINT),
        writable(POOL),
        writable(EARLY_POOL),
        writable(FEES),
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

/// Pays a node's attested but unclaimed reward to its owner's associated LMR account, which is created if it does not exist.
/// Anybody may pay for it. While the circuit breaker holds payments back, it pays a part.
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
        readonly(*owner),
        readonly(TOKEN_PROGRAM),
        readonly(ASSOCIATED_TOKEN_PROGRAM),
        readonly(system_program::ID),
    ];
    accounts.extend(event_accounts(ID));
    build(ID, instruction::CLAIM, &(), accounts)
}

/// Does for one to [`MAX_CLAIMS`](lumora_interface::rewards::MAX_CLAIMS) nodes what [`claim`] does for one, at a quarter of
/// the price. `nodes`: each with its owner; each must have claimed before, and its owner's LMR account must exist.
///
/// Twelve nodes of one owner fit a transaction by themselves; of different owners, eight. For more, put the accounts into a
/// [lookup table](crate::lookup).
pub fn claim_many(nodes: &[(Address, Address)]) -> Instruction {
    let mut accounts = vec![writable(EMISSION), writable(POOL), readonly(TOKEN_PROGRAM)];
    accounts.extend(event_accounts(ID));
    for (node, owner) in nodes {
        accounts.extend([
            readonly(attestation_address(node).0),
            writable(reward_address(node).0),
            writable(lmr_account(owner)),
        ]);
    }
    build(ID, instruction::CLAIM_MANY, &(), accounts)
}

/// Allocates `amount` LMR base units of the early-participant pool to a wallet; [`release`] pays them as they vest. `index`
/// tells the recipient's grants apart.
pub fn grant(authority: &Address, recipient: &Address, index: u32, amount: u64) -> Instruction {
    let mut accounts = vec![
        writable_signer(*authority),
        readonly(registry::NETWORK),
        writable(EMISSION),
        readonly(EARLY_POOL),
        readonly(*recipient),
        writable(grant_address(recipient, index).0),
        readonly(system_program::ID),
    ];
    accounts.extend(event_accounts(ID));
    build(ID, instruction::GRANT, &(index, GrantArguments { amount }), accounts)
}

/// Pays what has vested of a grant to its recipient's LMR account, which must exist. Anybody may ask for it. `rent_payer`: the
/// authority that made the grant.
pub fn release(recipient: &Address, index: u32, rent_payer: &Address) -> Instruction {
    let mut accounts = vec![
        writable(grant_address(recipient, index).0),
        writable(EMISSION),
        readonly(MINT),
        writable(EARLY_POOL),
        writable(lmr_account(recipient)),
        writable(*rent_payer),
        readonly(TOKEN_PROGRAM),
    ];
    accounts.extend(event_accounts(ID));
    build(ID, instruction::RELEASE, &(), accounts)
}

/// A grant that vests at once, paid in the same transaction: opens the recipient's LMR account, allocates, releases. For
/// networks without a vesting schedule, such as one on this machine; on others the chain refuses the release.
pub fn grant_at_once(authority: &Address, recipient: &Address, amount: u64) -> [Instruction; 3] {
    const INDEX: u32 = 0;
    [
        create_lmr_account(authority, recipient),
        grant(authority, recipient, INDEX, amount),
        release(recipient, INDEX, authority),
    ]
}

/// Lets at most `limit` LMR base units be claimed in each window of `seconds`; a limit of zero switches that off.
pub fn set_breaker(authority: &Address, limit: u64, seconds: u32) -> Instruction {
    let accounts = vec![
        readonly_signer(*authority),
        readonly(registry::NETWORK),
        writable(EMISSION),
    ];
    build(
        ID,
        instruction::SET_BREAKER,
        &SetBreakerArguments { limit, seconds },
        accounts,
    )
}

/// Burns the network's share of the fees and pays the rest to the LMR account of its authority, which must exist unless all
/// is burned. Anybody may ask for it.
pub fn burn_fees(authority: &Address) -> Instruction {
    let mut accounts = vec![
        readonly(registry::NETWORK),
        writable(EMISSION),
        writable(MINT),
        writable(FEES),
        writable(lmr_account(authority)),
        readonly(TOKEN_PROGRAM),
    ];
    accounts.extend(event_accounts(ID));
    build(ID, instruction::BURN_FEES, &(), accounts)
}

/// Gives the LMR mint a name, a symbol and a URI, on networks that have the Token Metadata program.
pub fn create_metadata(authority: &Address, name: &str, symbol: &str, uri: &str) -> Instruction {
    let accounts = vec![
        writable_signer(*authority),
        readonly(registry::NETWORK),
        readonly(EMISSION),
        readonly(MINT),
        writable(METADATA),
        readonly(TOKEN_METADATA),
        readonly(system_program::ID),
    ];
    build(ID, instruction::CREATE_METADATA, &(name, symbol, uri), accounts)
}
