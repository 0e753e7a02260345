//! Instructions of `rewards`.

use lumora_interface::{bandwidth, event_authority, registry, rewards};
use solana_address::Address;
use solana_instruction::{AccountMeta, Instruction};

use super::{SYSTEM_PROGRAM, TOKEN_PROGRAM, build};
use crate::{
    tokens::{ASSOCIATED_TOKEN_PROGRAM, associated_account},
    world::{EPOCH_SECONDS, FIRST_AMOUNT, START},
};

/// The emission schedule in tests. Grants vest at once, and there is no circuit breaker.
pub fn schedule() -> lumora_rewards::instructions::InitializeRewardsArguments {
    lumora_rewards::instructions::InitializeRewardsArguments {
        genesis: START,
        epoch_seconds: EPOCH_SECONDS,
        epochs_per_cycle: 10,
        first_amount: FIRST_AMOUNT,
        decay: 500,
        cap: rewards::SUPPLY_CAP - rewards::EARLY_POOL_AMOUNT,
        vesting_cliff_seconds: 0,
        vesting_seconds: 0,
        breaker_limit: 0,
        breaker_seconds: 0,
    }
}

/// `rewards.initialize`
pub fn initialize_rewards(authority: &Address) -> Instruction {
    initialize_rewards_with(authority, schedule())
}

/// `rewards.initialize` with another schedule.
pub fn initialize_rewards_with(
    authority: &Address,
    arguments: lumora_rewards::instructions::InitializeRewardsArguments,
) -> Instruction {
    build(
        rewards::ID,
        lumora_rewards::accounts::Initialize {
            authority: *authority,
            network: registry::NETWORK,
            emission: rewards::EMISSION,
            mint: rewards::MINT,
            pool: rewards::POOL,
            early_pool: rewards::EARLY_POOL,
            fees: rewards::FEES,
            token_program: TOKEN_PROGRAM,
            system_program: SYSTEM_PROGRAM,
            event_authority: event_authority(&rewards::ID),
            program: rewards::ID,
        },
        lumora_rewards::instruction::Initialize { arguments },
    )
}

/// `rewards.fund_epoch`
pub fn fund_epoch(epoch: u64) -> Instruction {
    build(
        rewards::ID,
        lumora_rewards::accounts::FundEpoch {
            epoch: bandwidth::epoch_address(epoch).0,
            emission: rewards::EMISSION,
            mint: rewards::MINT,
            pool: rewards::POOL,
            token_program: TOKEN_PROGRAM,
            event_authority: event_authority(&rewards::ID),
            program: rewards::ID,
        },
        lumora_rewards::instruction::FundEpoch {},
    )
}

/// `rewards.claim` into a token account of the node's owner.
pub fn claim(payer: &Address, node: &Address, owner: &Address, destination: &Address) -> Instruction {
    build(
        rewards::ID,
        lumora_rewards::accounts::Claim {
            payer: *payer,
            node: *node,
            attestation: bandwidth::attestation_address(node).0,
            emission: rewards::EMISSION,
            reward: rewards::reward_address(node).0,
            mint: rewards::MINT,
            pool: rewards::POOL,
            destination: *destination,
            owner: *owner,
            token_program: TOKEN_PROGRAM,
            associated_token_program: ASSOCIATED_TOKEN_PROGRAM,
            system_program: SYSTEM_PROGRAM,
            event_authority: event_authority(&rewards::ID),
            program: rewards::ID,
        },
        lumora_rewards::instruction::Claim {},
    )
}

/// `rewards.claim_many` of these nodes, each with the token account that is to be paid.
pub fn claim_many(nodes: &[(Address, Address)]) -> Instruction {
    let mut instruction = build(
        rewards::ID,
        lumora_rewards::accounts::ClaimMany {
            emission: rewards::EMISSION,
            pool: rewards::POOL,
            token_program: TOKEN_PROGRAM,
            event_authority: event_authority(&rewards::ID),
            program: rewards::ID,
        },
        lumora_rewards::instruction::ClaimMany {},
    );
    for (node, destination) in nodes {
        instruction.accounts.extend([
            AccountMeta::new_readonly(bandwidth::attestation_address(node).0, false),
            AccountMeta::new(rewards::reward_address(node).0, false),
            AccountMeta::new(*destination, false),
        ]);
    }
    instruction
}

/// `rewards.grant`
pub fn grant(authority: &Address, recipient: &Address, index: u32, amount: u64) -> Instruction {
    build(
        rewards::ID,
        lumora_rewards::accounts::AllocateGrant {
            authority: *authority,
            network: registry::NETWORK,
            emission: rewards::EMISSION,
            early_pool: rewards::EARLY_POOL,
            recipient: *recipient,
            grant: rewards::grant_address(recipient, index).0,
            system_program: SYSTEM_PROGRAM,
            event_authority: event_authority(&rewards::ID),
            program: rewards::ID,
        },
        lumora_rewards::instruction::Grant {
            index,
            arguments: lumora_rewards::instructions::GrantArguments { amount },
        },
    )
}

/// `rewards.release` into the recipient's associated token account.
pub fn release(recipient: &Address, index: u32, rent_payer: &Address) -> Instruction {
    build(
        rewards::ID,
        lumora_rewards::accounts::Release {
            grant: rewards::grant_address(recipient, index).0,
            emission: rewards::EMISSION,
            mint: rewards::MINT,
            early_pool: rewards::EARLY_POOL,
            destination: associated_account(recipient, &rewards::MINT),
            rent_payer: *rent_payer,
            token_program: TOKEN_PROGRAM,
            event_authority: event_authority(&rewards::ID),
            program: rewards::ID,
        },
        lumora_rewards::instruction::Release {},
    )
}

/// `rewards.set_breaker`
pub fn set_breaker(authority: &Address, limit: u64, seconds: u32) -> Instruction {
    build(
        rewards::ID,
        lumora_rewards::accounts::SetBreaker {
            authority: *authority,
            network: registry::NETWORK,
            emission: rewards::EMISSION,
        },
        lumora_rewards::instruction::SetBreaker {
            arguments: lumora_rewards::instructions::SetBreakerArguments { limit, seconds },
        },
    )
}

/// `rewards.burn_fees`; the rest goes to the authority's associated token account.
pub fn burn_fees(authority: &Address) -> Instruction {
    build(
        rewards::ID,
        lumora_rewards::accounts::BurnFees {
            network: registry::NETWORK,
            emission: rewards::EMISSION,
            mint: rewards::MINT,
            fees: rewards::FEES,
            destination: associated_account(authority, &rewards::MINT),
            token_program: TOKEN_PROGRAM,
            event_authority: event_authority(&rewards::ID),
            program: rewards::ID,
        },
        lumora_rewards::instruction::BurnFees {},
    )
}

/// `rewards.create_metadata`
pub fn create_metadata(authority: &Address, name: &str, symbol: &str, uri: &str) -> Instruction {
    build(
        rewards::ID,
        lumora_rewards::accounts::CreateMetadata {
            authority: *authority,
            network: registry::NETWORK,
            emission: rewards::EMISSION,
            mint: rewards::MINT,
            metadata: rewards::METADATA,
            metadata_program: rewards::TOKEN_METADATA,
            system_program: SYSTEM_PROGRAM,
        },
        lumora_rewards::instruction::CreateMetadata {
            name: name.to_owned(),
            symbol: symbol.to_owned(),
            uri: uri.to_owned(),
        },
    )
}
