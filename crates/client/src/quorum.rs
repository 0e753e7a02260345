//! The instruction of the ed25519 program that carries a quorum's signatures of one digest.

use {
    lumora_interface::bandwidth::signatures, solana_address::Address, solana_instruction::Instruction,
    solana_signature::Signature,
};

/// Builds the instruction for one digest and the signatures of several oracles over it; it must stand just before the
/// instruction that counts them. The layout is the one that `bandwidth` accepts (`lumora_interface::bandwidth::signatures`).
///
/// Seven signatures take 804 bytes: with the attestation instruction that is about what fits into one transaction
/// (1,232 bytes). More are spread over several transactions.
pub fn signatures_instruction(digest: &[u8; 32], oracle_signatures: &[(Address, Signature)]) -> Instruction {
    let pairs: Vec<(Address, [u8; 64])> = oracle_signatures
        .iter()
        .map(|(key, signature)| (*key, (*signature).into()))
        .collect();
    Instruction {
        program_id: signatures::PROGRAM,
        accounts: vec![],
        data: signatures::instruction_data(digest, &pairs),
    }
}

#[cfg(test)]
mod tests {
    use {super::*, solana_keypair::Keypair, solana_signer::Signer};

    #[test]
    fn the_program_reads_back_who_signed() {
        let digest = [7; 32];
        let signers: Vec<Keypair> = (0..5u8).map(|seed| Keypair::new_from_array([seed + 1; 32])).collect();
        let carried: Vec<_> = signers
            .iter()
            .map(|key| (key.pubkey(), key.sign_message(&digest)))
            .collect();
        let data = signatures_instruction(&digest, &carried).data;
        let read: Vec<_> = signatures::signers(&data, 0, &digest).unwrap().copied().collect();
        assert_eq!(
            read,
            signers.iter().map(|key| key.pubkey().to_bytes()).collect::<Vec<_>>()
        );
        assert_eq!(data.len(), 2 + 5 * 14 + 32 + 5 * 96);
    }
}
