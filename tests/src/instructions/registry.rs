//! Instructions of `registry`.

use lumora_interface::{event_authority, registry, rewards};
use solana_address::Address;
use solana_instruction::Instruction;

use super::{BERLIN, SYSTEM_PROGRAM, TOKEN_PROGRAM, build};
use crate::world::{LMR, keypair};

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
