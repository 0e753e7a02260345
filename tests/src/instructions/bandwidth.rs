//! Instructions of `bandwidth`.

use lumora_interface::{bandwidth, registry};
use solana_address::Address;
use solana_instruction::Instruction;

use super::{INSTRUCTIONS_SYSVAR, SLOT_HASHES_SYSVAR, SYSTEM_PROGRAM, build};
use crate::world::{COMMIT_SECONDS, DISPUTE_SECONDS, EPOCH_SECONDS};

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
