//! Instructions of `registry`, `bandwidth` and `rewards`, built with what the programs themselves generate: if the
//! interface and a program disagree about an argument or an account, tests fail here.

use anchor_lang::{InstructionData, ToAccountMetas};
use lumora_interface::{bandwidth, event_authority, registry, rewards};
use solana_address::Address;
use solana_instruction::Instruction;

use crate::world::{COMMIT_SECONDS, DISPUTE_SECONDS, EPOCH_SECONDS, FIRST_AMOUNT, LMR, START, keypair};

/// Address of the token program.
pub const TOKEN_PROGRAM: Address = Address::from_str_const("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");
/// Address of the system program.
pub const SYSTEM_PROGRAM: Address = Address::from_str_const("11111111111111111111111111111111");
/// Address of the sysvar with a transaction's instructions.
pub const INSTRUCTIONS_SYSVAR: Address = Address::from_str_const("Sysvar1nstructions1111111111111111111111111");
/// Address of the sysvar with the hashes of recent slots.
pub const SLOT_HASHES_SYSVAR: Address = Address::from_str_const("SysvarS1otHashes111111111111111111111111111");
/// An H3 cell of resolution 3 (Berlin).
pub const BERLIN: u64 = 0x0831_f1df_ffff_ffff;

fn build(program: Address, accounts: impl ToAccountMetas, data: impl InstructionData) -> Instruction {
    Instruction {
        program_id: program,
        accounts: accounts.to_account_metas(None),
        data: data.data(),
    }
}

/// Parameters of the network in tests.
pub fn registry_parameters(network_id: [u8; 32]) -> lumora_registry::instructions::InitializeRegistryArguments {
    lumora_registry::instructions::InitializeRegistryArguments {
        guardian: {
            use solana_signer::Signer;
            keypair("guardian", 0).pubkey()
        },
        network_id,
        minimum_bond: 0,
        shard_bond: LMR,
        unbonding_seconds: 3_600,
        weights: [4_000, 3_000, 1_000, 2_000],
        reference_kbps: 100_000,
        half_distance_km: 1_000,
        half_latency_us: 50_000,
        max_wait_seconds: 60,
        attestation_max_age_seconds: 3_600,
        capacity_share: 8_000,
        expiry_slash: 1_000,
        protocol_fee: 100,
        burn_share: 5_000,
    }
}

/// `registry.initialize`
pub fn initialize_registry(authority: &Address, network_id: [u8; 32]) -> Instruction {
    initialize_registry_with(authority, registry_parameters(network_id))
}

/// `registry.initialize` with other parameters.
pub fn initialize_registry_with(
    authority: &Address,
    arguments: lumora_registry::instructions::InitializeRegistryArguments,
) -> Instruction {
    build(
        registry::ID,
        lumora_registry::accounts::Initialize {
            authority: *authority,
            network: registry::NETWORK,
            system_program: SYSTEM_PROGRAM,
        },
        lumora_registry::instruction::Initialize { arguments },
    )
}

/// Figures of a node that passes every check.
pub fn node_arguments(operator: &Address) -> lumora_registry::instructions::RegisterNodeArguments {
    lumora_registry::instructions::RegisterNodeArguments {
        index: 0,
        operator: *operator,
        transport_key: [5; 32],
        h3_cell: BERLIN,
        location: [i16::MAX, 0, 0],
        limit_kbps: 50_000,
        shard_capacity: 4,
    }
}

/// `registry.register_node`
pub fn register_node(owner: &Address, arguments: lumora_registry::instructions::RegisterNodeArguments) -> Instruction {
    build(
        registry::ID,
        lumora_registry::accounts::RegisterNode {
            owner: *owner,
            network: registry::NETWORK,
            node: registry::node_address(owner, arguments.index).0,
            system_program: SYSTEM_PROGRAM,
        },
        lumora_registry::instruction::RegisterNode { arguments },
    )
}

/// `registry.update_node`
pub fn update_node(
    owner: &Address,
    node: &Address,
    arguments: lumora_registry::instructions::UpdateNodeArguments,
) -> Instruction {
    build(
        registry::ID,
        lumora_registry::accounts::UpdateNode {
            owner: *owner,
            node: *node,
        },
        lumora_registry::instruction::UpdateNode { arguments },
    )
}

/// `registry.create_vault`
pub fn create_vault(payer: &Address) -> Instruction {
    build(
        registry::ID,
        lumora_registry::accounts::CreateVault {
            payer: *payer,
            network: registry::NETWORK,
            mint: rewards::MINT,
            vault: registry::BOND_VAULT,
            token_program: TOKEN_PROGRAM,
            system_program: SYSTEM_PROGRAM,
        },
        lumora_registry::instruction::CreateVault {},
    )
}

/// `registry.deposit_bond`
pub fn deposit_bond(depositor: &Address, node: &Address, source: &Address, amount: u64) -> Instruction {
    build(
        registry::ID,
        lumora_registry::accounts::DepositBond {
            depositor: *depositor,
            network: registry::NETWORK,
            node: *node,
            mint: rewards::MINT,
            source: *source,
            vault: registry::BOND_VAULT,
            token_program: TOKEN_PROGRAM,
            event_authority: event_authority(&registry::ID),
            program: registry::ID,
        },
        lumora_registry::instruction::DepositBond {
            arguments: lumora_registry::instructions::DepositBondArguments { amount },
        },
    )
}

/// `bandwidth.initialize`
pub fn initialize_oracles(authority: &Address) -> Instruction {
    build(
        bandwidth::ID,
        lumora_bandwidth::accounts::Initialize {
            authority: *authority,
            network: registry::NETWORK,
            oracle_set: bandwidth::ORACLE_SET,
            system_program: SYSTEM_PROGRAM,
        },
        lumora_bandwidth::instruction::Initialize {
            arguments: lumora_bandwidth::instructions::InitializeOraclesArguments {
                epoch_seconds: EPOCH_SECONDS,
                commit_seconds: COMMIT_SECONDS,
                dispute_seconds: DISPUTE_SECONDS,
            },
        },
    )
}

/// `bandwidth.add_oracle`
pub fn add_oracle(authority: &Address, oracle: &Address) -> Instruction {
    build(
        bandwidth::ID,
        lumora_bandwidth::accounts::AddOracle {
            authority: *authority,
            network: registry::NETWORK,
            oracle_set: bandwidth::ORACLE_SET,
        },
        lumora_bandwidth::instruction::AddOracle {
            arguments: lumora_bandwidth::instructions::AddOracleArguments {
                key: *oracle,
                endpoint: [1; 18],
            },
        },
    )
}

/// `bandwidth.open_epoch`
pub fn open_epoch(payer: &Address, epoch: u64) -> Instruction {
    build(
        bandwidth::ID,
        lumora_bandwidth::accounts::OpenEpoch {
            payer: *payer,
            oracle_set: bandwidth::ORACLE_SET,
            epoch: bandwidth::epoch_address(epoch).0,
            slot_hashes: SLOT_HASHES_SYSVAR,
            system_program: SYSTEM_PROGRAM,
        },
        lumora_bandwidth::instruction::OpenEpoch {},
    )
}

/// `bandwidth.commit_bundle`
pub fn commit_bundle(oracle: &Address, epoch: u64, root: [u8; 32], count: u32) -> Instruction {
    build(
        bandwidth::ID,
        lumora_bandwidth::accounts::CommitBundle {
            oracle: *oracle,
            oracle_set: bandwidth::ORACLE_SET,
            epoch: bandwidth::epoch_address(epoch).0,
        },
        lumora_bandwidth::instruction::CommitBundle {
            arguments: lumora_bandwidth::instructions::CommitBundleArguments { root, count },
        },
    )
}

/// `bandwidth.submit_attestation`
pub fn submit_attestation(epoch: u64, figures: &bandwidth::SubmitAttestationArguments) -> Instruction {
    build(
        bandwidth::ID,
        lumora_bandwidth::accounts::SubmitAttestation {
            network: registry::NETWORK,
            oracle_set: bandwidth::ORACLE_SET,
            epoch: bandwidth::epoch_address(epoch).0,
            instructions: INSTRUCTIONS_SYSVAR,
        },
        lumora_bandwidth::instruction::SubmitAttestation {
            arguments: lumora_bandwidth::instructions::SubmitAttestationArguments {
                root: figures.root,
                leaf_count: figures.leaf_count,
                total_contribution: figures.total_contribution,
                epoch_reward: figures.epoch_reward,
                cumulative_reward: figures.cumulative_reward,
                bundles: figures.bundles,
                expires_at: figures.expires_at,
            },
        },
    )
}

/// `bandwidth.prove`
pub fn prove(
    payer: &Address,
    epoch: u64,
    node: &Address,
    leaf: &lumora_core::attestation::Leaf,
    index: u32,
    path: Vec<[u8; 32]>,
) -> Instruction {
    build(
        bandwidth::ID,
        lumora_bandwidth::accounts::Prove {
            payer: *payer,
            epoch: bandwidth::epoch_address(epoch).0,
            node: *node,
            attestation: bandwidth::attestation_address(node).0,
            system_program: SYSTEM_PROGRAM,
        },
        lumora_bandwidth::instruction::Prove {
            arguments: lumora_bandwidth::instructions::ProveArguments {
                index,
                down_kbps: leaf.down_kbps,
                up_kbps: leaf.up_kbps,
                rtt_us: leaf.rtt_us,
                uptime_bps: leaf.uptime_bps,
                reputation_bps: leaf.reputation_bps,
                reason: leaf.reason,
                contribution: leaf.contribution,
                cumulative_contribution: leaf.cumulative_contribution,
                cumulative_reward: leaf.cumulative_reward,
            },
            path: &path,
        },
    )
}

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
