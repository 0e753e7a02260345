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
        notice_seconds: 600,
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
            program_data: registry::PROGRAM_DATA,
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
pub fn deposit_bond(owner: &Address, node: &Address, source: &Address, amount: u64) -> Instruction {
    build(
        registry::ID,
        lumora_registry::accounts::DepositBond {
            owner: *owner,
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

/// `registry.propose_authority`
pub fn propose_authority(authority: &Address, proposed: &Address) -> Instruction {
    build(
        registry::ID,
        lumora_registry::accounts::ProposeAuthority {
            authority: *authority,
            network: registry::NETWORK,
        },
        lumora_registry::instruction::ProposeAuthority { proposed: *proposed },
    )
}

/// `registry.accept_authority`
pub fn accept_authority(proposed: &Address) -> Instruction {
    build(
        registry::ID,
        lumora_registry::accounts::AcceptAuthority {
            proposed: *proposed,
            network: registry::NETWORK,
        },
        lumora_registry::instruction::AcceptAuthority {},
    )
}

/// `registry.set_guardian`
pub fn set_guardian(authority: &Address, guardian: &Address) -> Instruction {
    build(
        registry::ID,
        lumora_registry::accounts::SetGuardian {
            authority: *authority,
            network: registry::NETWORK,
        },
        lumora_registry::instruction::SetGuardian { guardian: *guardian },
    )
}

/// `registry.renounce_authority`
pub fn renounce_authority(authority: &Address) -> Instruction {
    build(
        registry::ID,
        lumora_registry::accounts::RenounceAuthority {
            authority: *authority,
            network: registry::NETWORK,
        },
        lumora_registry::instruction::RenounceAuthority {},
    )
}

/// `registry.pause`
pub fn pause(caller: &Address, bits: u32) -> Instruction {
    build(
        registry::ID,
        lumora_registry::accounts::Pause {
            caller: *caller,
            network: registry::NETWORK,
        },
        lumora_registry::instruction::Pause { bits },
    )
}

/// `registry.unpause`
pub fn unpause(authority: &Address, bits: u32) -> Instruction {
    build(
        registry::ID,
        lumora_registry::accounts::Unpause {
            authority: *authority,
            network: registry::NETWORK,
        },
        lumora_registry::instruction::Unpause { bits },
    )
}

/// `registry.announce_parameters`
pub fn announce_parameters(authority: &Address, parameters: &registry::NetworkParameters) -> Instruction {
    build(
        registry::ID,
        lumora_registry::accounts::AnnounceParameters {
            authority: *authority,
            network: registry::NETWORK,
        },
        lumora_registry::instruction::AnnounceParameters {
            parameters: bytemuck::cast(*parameters),
        },
    )
}

/// `registry.withdraw_announcement`
pub fn withdraw_announcement(authority: &Address) -> Instruction {
    build(
        registry::ID,
        lumora_registry::accounts::WithdrawAnnouncement {
            authority: *authority,
            network: registry::NETWORK,
        },
        lumora_registry::instruction::WithdrawAnnouncement {},
    )
}

/// `registry.apply_parameters`
pub fn apply_parameters() -> Instruction {
    build(
        registry::ID,
        lumora_registry::accounts::ApplyParameters {
            network: registry::NETWORK,
        },
        lumora_registry::instruction::ApplyParameters {},
    )
}

/// `registry.request_unbond`
pub fn request_unbond(owner: &Address, node: &Address, amount: u64) -> Instruction {
    build(
        registry::ID,
        lumora_registry::accounts::RequestUnbond {
            owner: *owner,
            network: registry::NETWORK,
            node: *node,
        },
        lumora_registry::instruction::RequestUnbond { amount },
    )
}

/// `registry.withdraw_bond`
pub fn withdraw_bond(owner: &Address, node: &Address, destination: &Address) -> Instruction {
    build(
        registry::ID,
        lumora_registry::accounts::WithdrawBond {
            owner: *owner,
            network: registry::NETWORK,
            node: *node,
            vault: registry::BOND_VAULT,
            destination: *destination,
            token_program: TOKEN_PROGRAM,
            event_authority: event_authority(&registry::ID),
            program: registry::ID,
        },
        lumora_registry::instruction::WithdrawBond {},
    )
}

/// `registry.close_node`
pub fn close_node(owner: &Address, node: &Address, destination: &Address) -> Instruction {
    build(
        registry::ID,
        lumora_registry::accounts::CloseNode {
            owner: *owner,
            network: registry::NETWORK,
            node: *node,
            vault: registry::BOND_VAULT,
            destination: *destination,
            rent_payer: *owner,
            token_program: TOKEN_PROGRAM,
            event_authority: event_authority(&registry::ID),
            program: registry::ID,
        },
        lumora_registry::instruction::CloseNode {},
    )
}

/// `registry.slash`, which a program must send: a transaction cannot sign for it. See [`forward_slash`].
pub fn slash(slasher: &Address, node: &Address, reporter: &Address, injured: &Address, amount: u64) -> Instruction {
    build(
        registry::ID,
        lumora_registry::accounts::Slash {
            slasher: *slasher,
            network: registry::NETWORK,
            node: *node,
            mint: rewards::MINT,
            vault: registry::BOND_VAULT,
            reporter: *reporter,
            injured: *injured,
            token_program: TOKEN_PROGRAM,
            event_authority: event_authority(&registry::ID),
            program: registry::ID,
        },
        lumora_registry::instruction::Slash { amount },
    )
}

/// `slash` by the program at this address, which must be the forwarder: as `tasks` and `bandwidth` send it. A party that is
/// `registry` itself stands for nobody.
pub fn forward_slash(
    forwarder: &Address,
    node: &Address,
    reporter: &Address,
    injured: &Address,
    amount: u64,
) -> Instruction {
    let (slasher, bump) = Address::find_program_address(&[registry::seed::SLASHER], forwarder);
    let mut instruction = slash(&slasher, node, reporter, injured, amount);
    instruction.program_id = *forwarder;
    // A transaction cannot sign for the slasher: the forwarder does.
    instruction.accounts[0].is_signer = false;
    // `slash` does not ask for parties to be writable, since one that stands for nobody cannot be.
    for party in &mut instruction.accounts[5..7] {
        party.is_writable = party.pubkey != registry::ID;
    }
    instruction.data = amount.to_le_bytes().to_vec();
    instruction.data.push(bump);
    instruction
}

/// `registry.adapt`, which `bandwidth` must send: a transaction cannot sign for its adapter.
pub fn adapt(adapter: &Address, arguments: &registry::AdaptArguments) -> Instruction {
    let registry::AdaptArguments {
        weights,
        max_wait_seconds,
        reasons,
        epoch,
    } = *arguments;
    build(
        registry::ID,
        lumora_registry::accounts::Adapt {
            adapter: *adapter,
            network: registry::NETWORK,
        },
        lumora_registry::instruction::Adapt {
            arguments: lumora_registry::instructions::AdaptArguments {
                weights,
                max_wait_seconds,
                reasons,
                epoch,
            },
        },
    )
}

/// `registry.freeze_adaptation`
pub fn freeze_adaptation(caller: &Address) -> Instruction {
    build(
        registry::ID,
        lumora_registry::accounts::FreezeAdaptation {
            caller: *caller,
            network: registry::NETWORK,
        },
        lumora_registry::instruction::FreezeAdaptation {},
    )
}

/// `registry.unfreeze_adaptation`
pub fn unfreeze_adaptation(authority: &Address) -> Instruction {
    build(
        registry::ID,
        lumora_registry::accounts::UnfreezeAdaptation {
            authority: *authority,
            network: registry::NETWORK,
        },
        lumora_registry::instruction::UnfreezeAdaptation {},
    )
}
