//! Instructions of `rewards`.

use lumora_interface::{bandwidth, event_authority, registry, rewards};
use solana_address::Address;
use solana_instruction::Instruction;

use super::{SYSTEM_PROGRAM, TOKEN_PROGRAM, build};
use crate::world::{EPOCH_SECONDS, FIRST_AMOUNT, START};

/// The emission schedule in tests.
pub fn schedule() -> lumora_rewards::instructions::InitializeRewardsArguments {
    lumora_rewards::instructions::InitializeRewardsArguments {
        genesis: START,
        epoch_seconds: EPOCH_SECONDS,
        epochs_per_cycle: 10,
        first_amount: FIRST_AMOUNT,
        decay: 500,
        cap: rewards::SUPPLY_CAP - rewards::EARLY_POOL_AMOUNT,
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

/// `rewards.claim`
pub fn claim(payer: &Address, node: &Address, destination: &Address) -> Instruction {
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
            token_program: TOKEN_PROGRAM,
            system_program: SYSTEM_PROGRAM,
            event_authority: event_authority(&rewards::ID),
            program: rewards::ID,
        },
        lumora_rewards::instruction::Claim {},
    )
}

/// `rewards.grant`
pub fn grant(authority: &Address, destination: &Address, amount: u64) -> Instruction {
    build(
        rewards::ID,
        lumora_rewards::accounts::Grant {
            authority: *authority,
            network: registry::NETWORK,
            emission: rewards::EMISSION,
            mint: rewards::MINT,
            early_pool: rewards::EARLY_POOL,
            destination: *destination,
            token_program: TOKEN_PROGRAM,
            event_authority: event_authority(&rewards::ID),
            program: rewards::ID,
        },
        lumora_rewards::instruction::Grant {
            arguments: lumora_rewards::instructions::GrantArguments { amount },
        },
    )
}
