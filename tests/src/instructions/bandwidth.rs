//! Instructions of `bandwidth`.

use lumora_interface::{bandwidth, event_authority, registry, rewards};
use solana_address::Address;
use solana_instruction::Instruction;

use super::{INSTRUCTIONS_SYSVAR, SLOT_HASHES_SYSVAR, SYSTEM_PROGRAM, TOKEN_PROGRAM, build};
use crate::world::ORACLES;

/// `bandwidth.initialize` with the tests' figures.
pub fn initialize_oracles(authority: &Address) -> Instruction {
    initialize_oracles_with(authority, ORACLES)
}

/// `bandwidth.initialize`
pub fn initialize_oracles_with(authority: &Address, arguments: bandwidth::InitializeOraclesArguments) -> Instruction {
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
                epoch_seconds: arguments.epoch_seconds,
                commit_seconds: arguments.commit_seconds,
                dispute_seconds: arguments.dispute_seconds,
                minimum_bond: arguments.minimum_bond,
                unbonding_seconds: arguments.unbonding_seconds,
                retention_seconds: arguments.retention_seconds,
            },
        },
    )
}

/// `bandwidth.create_oracle_vault`
pub fn create_oracle_vault(payer: &Address) -> Instruction {
    build(
        bandwidth::ID,
        lumora_bandwidth::accounts::CreateOracleVault {
            payer: *payer,
            oracle_set: bandwidth::ORACLE_SET,
            mint: rewards::MINT,
            vault: bandwidth::BOND_VAULT,
            token_program: TOKEN_PROGRAM,
            system_program: SYSTEM_PROGRAM,
        },
        lumora_bandwidth::instruction::CreateOracleVault {},
    )
}

/// `bandwidth.add_oracle`
pub fn add_oracle(authority: &Address, oracle: &Address, owner: &Address) -> Instruction {
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
                owner: *owner,
            },
        },
    )
}

/// `bandwidth.update_oracle`
pub fn update_oracle(owner: &Address, oracle: &Address, endpoint: [u8; 18]) -> Instruction {
    build(
        bandwidth::ID,
        lumora_bandwidth::accounts::UpdateOracle {
            owner: *owner,
            oracle_set: bandwidth::ORACLE_SET,
        },
        lumora_bandwidth::instruction::UpdateOracle {
            arguments: lumora_bandwidth::instructions::UpdateOracleArguments {
                oracle: *oracle,
                endpoint,
            },
        },
    )
}

/// `bandwidth.deposit_oracle_bond`
pub fn deposit_oracle_bond(depositor: &Address, oracle: &Address, source: &Address, amount: u64) -> Instruction {
    build(
        bandwidth::ID,
        lumora_bandwidth::accounts::DepositOracleBond {
            depositor: *depositor,
            oracle_set: bandwidth::ORACLE_SET,
            mint: rewards::MINT,
            source: *source,
            vault: bandwidth::BOND_VAULT,
            token_program: TOKEN_PROGRAM,
            event_authority: event_authority(&bandwidth::ID),
            program: bandwidth::ID,
        },
        lumora_bandwidth::instruction::DepositOracleBond {
            arguments: lumora_bandwidth::instructions::DepositOracleBondArguments {
                oracle: *oracle,
                amount,
            },
        },
    )
}

/// `bandwidth.remove_oracle`
pub fn remove_oracle(remover: &Address, oracle: &Address) -> Instruction {
    build(
        bandwidth::ID,
        lumora_bandwidth::accounts::RemoveOracle {
            remover: *remover,
            network: registry::NETWORK,
            oracle_set: bandwidth::ORACLE_SET,
        },
        lumora_bandwidth::instruction::RemoveOracle {
            arguments: lumora_bandwidth::instructions::RemoveOracleArguments { oracle: *oracle },
        },
    )
}

/// `bandwidth.withdraw_oracle_bond`
pub fn withdraw_oracle_bond(owner: &Address, oracle: &Address, destination: &Address) -> Instruction {
    build(
        bandwidth::ID,
        lumora_bandwidth::accounts::WithdrawOracleBond {
            owner: *owner,
            oracle_set: bandwidth::ORACLE_SET,
            mint: rewards::MINT,
            vault: bandwidth::BOND_VAULT,
            destination: *destination,
            token_program: TOKEN_PROGRAM,
            event_authority: event_authority(&bandwidth::ID),
            program: bandwidth::ID,
        },
        lumora_bandwidth::instruction::WithdrawOracleBond {
            arguments: lumora_bandwidth::instructions::WithdrawOracleBondArguments { oracle: *oracle },
        },
    )
}

/// `bandwidth.set_minimum_bond`
pub fn set_minimum_bond(authority: &Address, minimum_bond: u64) -> Instruction {
    build(
        bandwidth::ID,
        lumora_bandwidth::accounts::SetMinimumBond {
            authority: *authority,
            network: registry::NETWORK,
            oracle_set: bandwidth::ORACLE_SET,
        },
        lumora_bandwidth::instruction::SetMinimumBond {
            arguments: lumora_bandwidth::instructions::SetMinimumBondArguments { minimum_bond },
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
            system_program: SYSTEM_PROGRAM,
        },
        lumora_bandwidth::instruction::OpenEpoch {},
    )
}

/// `bandwidth.draw_seed`
pub fn draw_seed(epoch: u64) -> Instruction {
    build(
        bandwidth::ID,
        lumora_bandwidth::accounts::DrawSeed {
            epoch: bandwidth::epoch_address(epoch).0,
            slot_hashes: SLOT_HASHES_SYSVAR,
        },
        lumora_bandwidth::instruction::DrawSeed {},
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
            arguments: theirs(figures),
        },
    )
}

fn theirs(
    figures: &bandwidth::SubmitAttestationArguments,
) -> lumora_bandwidth::instructions::SubmitAttestationArguments {
    lumora_bandwidth::instructions::SubmitAttestationArguments {
        root: figures.root,
        leaf_count: figures.leaf_count,
        total_contribution: figures.total_contribution,
        epoch_reward: figures.epoch_reward,
        cumulative_reward: figures.cumulative_reward,
        bundles: figures.bundles,
        expires_at: figures.expires_at,
    }
}

/// `bandwidth.report_equivocation`
pub fn report_equivocation(
    epoch: u64,
    reporter_tokens: &Address,
    figures: [&bandwidth::SubmitAttestationArguments; 2],
) -> Instruction {
    build(
        bandwidth::ID,
        lumora_bandwidth::accounts::ReportEquivocation {
            network: registry::NETWORK,
            oracle_set: bandwidth::ORACLE_SET,
            epoch: bandwidth::epoch_address(epoch).0,
            mint: rewards::MINT,
            vault: bandwidth::BOND_VAULT,
            reporter_tokens: *reporter_tokens,
            instructions: INSTRUCTIONS_SYSVAR,
            token_program: TOKEN_PROGRAM,
            event_authority: event_authority(&bandwidth::ID),
            program: bandwidth::ID,
        },
        lumora_bandwidth::instruction::ReportEquivocation {
            first: theirs(figures[0]),
            second: theirs(figures[1]),
        },
    )
}

/// `bandwidth.slash_node`
pub fn slash_node(node: &Address, reporter_tokens: &Address) -> Instruction {
    build(
        bandwidth::ID,
        lumora_bandwidth::accounts::SlashNode {
            slasher: bandwidth::SLASHER,
            network: registry::NETWORK,
            node: *node,
            attestation: bandwidth::attestation_address(node).0,
            mint: rewards::MINT,
            vault: registry::BOND_VAULT,
            reporter_tokens: *reporter_tokens,
            token_program: TOKEN_PROGRAM,
            registry_event_authority: event_authority(&registry::ID),
            registry_program: registry::ID,
        },
        lumora_bandwidth::instruction::SlashNode {},
    )
}

/// `bandwidth.close_epoch`
pub fn close_epoch(epoch: u64, rent_payer: &Address) -> Instruction {
    build(
        bandwidth::ID,
        lumora_bandwidth::accounts::CloseEpoch {
            oracle_set: bandwidth::ORACLE_SET,
            epoch: bandwidth::epoch_address(epoch).0,
            rent_payer: *rent_payer,
        },
        lumora_bandwidth::instruction::CloseEpoch {},
    )
}

/// `bandwidth.migrate_oracle_set`
pub fn migrate_oracle_set(payer: &Address) -> Instruction {
    build(
        bandwidth::ID,
        lumora_bandwidth::accounts::MigrateOracleSet {
            payer: *payer,
            oracle_set: bandwidth::ORACLE_SET,
            system_program: SYSTEM_PROGRAM,
        },
        lumora_bandwidth::instruction::MigrateOracleSet {},
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

/// `bandwidth.adapt_ranking`
pub fn adapt_ranking(
    payer: &Address,
    rent_payer: &Address,
    epoch: u64,
    arguments: &bandwidth::AdaptRankingArguments,
) -> Instruction {
    let bandwidth::AdaptRankingArguments {
        digest,
        weights,
        max_wait_seconds,
        reasons,
        expires_at,
    } = *arguments;
    build(
        bandwidth::ID,
        lumora_bandwidth::accounts::AdaptRanking {
            payer: *payer,
            adapter: registry::ADAPTER,
            network: registry::NETWORK,
            oracle_set: bandwidth::ORACLE_SET,
            epoch: bandwidth::epoch_address(epoch).0,
            adaptation: bandwidth::adaptation_address(&digest).0,
            rent_payer: *rent_payer,
            instructions: INSTRUCTIONS_SYSVAR,
            registry_program: registry::ID,
            system_program: SYSTEM_PROGRAM,
        },
        lumora_bandwidth::instruction::AdaptRanking {
            arguments: lumora_bandwidth::instructions::AdaptRankingArguments {
                digest,
                weights,
                max_wait_seconds,
                reasons,
                expires_at,
            },
        },
    )
}

/// `bandwidth.close_adaptation`
pub fn close_adaptation(digest: &[u8; 32], rent_payer: &Address) -> Instruction {
    build(
        bandwidth::ID,
        lumora_bandwidth::accounts::CloseAdaptation {
            network: registry::NETWORK,
            adaptation: bandwidth::adaptation_address(digest).0,
            rent_payer: *rent_payer,
        },
        lumora_bandwidth::instruction::CloseAdaptation {},
    )
}
