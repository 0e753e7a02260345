//! Instructions of program `bandwidth`.

use {
    crate::{
        instruction::{build, readonly, readonly_signer, writable, writable_signer},
        quorum::signatures_instruction,
    },
    lumora_core::hash::Hash,
    lumora_interface::{
        Address,
        bandwidth::{
            AddOracleArguments, CommitBundleArguments, ID, InitializeOraclesArguments, ORACLE_SET, ProveArguments,
            SubmitAttestationArguments, attestation_address, epoch_address, instruction,
        },
        registry,
    },
    solana_instruction::Instruction,
    solana_sdk_ids::{system_program, sysvar},
    solana_signature::Signature,
};

/// Creates the oracle set.
pub fn initialize(authority: &Address, arguments: &InitializeOraclesArguments) -> Instruction {
    let accounts = vec![
        writable_signer(*authority),
        readonly(registry::NETWORK),
        writable(ORACLE_SET),
        readonly(system_program::ID),
    ];
    build(ID, instruction::INITIALIZE, arguments, accounts)
}

/// Adds a member to the oracle set; it counts from the next epoch on.
pub fn add_oracle(authority: &Address, arguments: &AddOracleArguments) -> Instruction {
    let accounts = vec![
        readonly_signer(*authority),
        readonly(registry::NETWORK),
        writable(ORACLE_SET),
    ];
    build(ID, instruction::ADD_ORACLE, arguments, accounts)
}

/// Opens the next epoch, whose number is the oracle set's `next_epoch`.
pub fn open_epoch(payer: &Address, number: u64) -> Instruction {
    let accounts = vec![
        writable_signer(*payer),
        writable(ORACLE_SET),
        writable(epoch_address(number).0),
        readonly(sysvar::slot_hashes::ID),
        readonly(system_program::ID),
    ];
    build(ID, instruction::OPEN_EPOCH, &(), accounts)
}

/// Commits an oracle to its bundle of receipts.
pub fn commit_bundle(oracle: &Address, epoch: u64, arguments: &CommitBundleArguments) -> Instruction {
    let accounts = vec![
        readonly_signer(*oracle),
        readonly(ORACLE_SET),
        writable(epoch_address(epoch).0),
    ];
    build(ID, instruction::COMMIT_BUNDLE, arguments, accounts)
}

/// Submits signatures over a statement, whose digest is `digest`: the precompile instruction and the one that reads it, in this order and
/// with nothing between them.
pub fn submit_attestation(
    epoch: u64,
    arguments: &SubmitAttestationArguments,
    digest: &Hash,
    signed: &[(Address, Signature)],
) -> [Instruction; 2] {
    let accounts = vec![
        readonly(registry::NETWORK),
        writable(ORACLE_SET),
        writable(epoch_address(epoch).0),
        readonly(sysvar::instructions::ID),
    ];
    [
        signatures_instruction(digest, signed),
        build(ID, instruction::SUBMIT_ATTESTATION, arguments, accounts),
    ]
}

/// Proves a node's figures against a final epoch. `path`: the siblings of its leaf, from the leaf upwards.
pub fn prove(payer: &Address, epoch: u64, node: &Address, arguments: &ProveArguments, path: &[Hash]) -> Instruction {
    let accounts = vec![
        writable_signer(*payer),
        readonly(epoch_address(epoch).0),
        readonly(*node),
        writable(attestation_address(node).0),
        readonly(system_program::ID),
    ];
    build(ID, instruction::PROVE, &(arguments, path), accounts)
}
