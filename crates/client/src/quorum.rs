//! The ed25519 precompile instruction that carries a quorum's signatures of one statement. Its layout is the interface's:
//! the bandwidth program accepts no other.

use {
    lumora_core::hash::Hash,
    lumora_interface::{Address, bandwidth::signatures},
    solana_instruction::Instruction,
    solana_signature::Signature,
};

/// Has the precompile verify the signatures of several keys over one digest; must stand directly before `submit_attestation`.
///
/// Each signature takes 110 bytes, so that about seven fit into one transaction beside the attestation; more are spread over several.
pub fn signatures_instruction(digest: &Hash, signed: &[(Address, Signature)]) -> Instruction {
    let signed: Vec<(Address, [u8; 64])> = signed
        .iter()
        .map(|(key, signature)| (*key, (*signature).into()))
        .collect();
    Instruction {
        program_id: signatures::PROGRAM,
        accounts: vec![],
        data: signatures::instruction_data(digest, &signed),
    }
}
