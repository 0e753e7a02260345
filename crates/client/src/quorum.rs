//! The ed25519 precompile instruction that carries a quorum's signatures of one message.
//!
//! Layout of the data (the precompile's own): `count: u8`, a padding byte, `count` offset records of seven
//! little-endian u16, then the message once, then each public key followed by its signature. All records point into this very
//! instruction (index 0xffff): the program that reads it back refuses any other index, so that a signature over
//! bytes elsewhere cannot pass for one over the message.

use {solana_address::Address, solana_instruction::Instruction, solana_signature::Signature};

const HEADER_BYTES: usize = 2;
const RECORD_BYTES: usize = 14;
const KEY_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 64;
/// "The instruction that these offsets stand in."
const THIS_INSTRUCTION: u16 = u16::MAX;

/// Builds the instruction for one message and the signatures of several keys over it.
///
/// Seven signatures of a 32-byte message take 804 bytes: with the attestation instruction that is about what fits into one
/// transaction (1,232 bytes). More are spread over several transactions.
///
/// # Panics
/// Never for what fits into a transaction: offsets are 16 bits wide, a transaction is 1,232 bytes.
pub fn signatures_instruction(message: &[u8], signatures: &[(Address, Signature)]) -> Instruction {
    let message_at = HEADER_BYTES + RECORD_BYTES * signatures.len();
    let keys_at = message_at + message.len();
    let length = keys_at + signatures.len() * (KEY_BYTES + SIGNATURE_BYTES);
    assert!(
        length <= usize::from(u16::MAX),
        "a transaction is at most 1,232 bytes long"
    );

    let mut data = Vec::with_capacity(length);
    data.extend([signatures.len() as u8, 0]);
    for index in 0..signatures.len() {
        let key_at = keys_at + index * (KEY_BYTES + SIGNATURE_BYTES);
        let record = [
            (key_at + KEY_BYTES) as u16,
            THIS_INSTRUCTION,
            key_at as u16,
            THIS_INSTRUCTION,
            message_at as u16,
            message.len() as u16,
            THIS_INSTRUCTION,
        ];
        data.extend(record.into_iter().flat_map(u16::to_le_bytes));
    }
    data.extend_from_slice(message);
    for (key, signature) in signatures {
        data.extend_from_slice(key.as_ref());
        data.extend_from_slice(signature.as_ref());
    }
    Instruction {
        program_id: solana_sdk_ids::ed25519_program::ID,
        accounts: vec![],
        data,
    }
}

#[cfg(test)]
mod tests {
    use {super::*, solana_keypair::Keypair, solana_signer::Signer};

    #[test]
    fn every_record_points_at_its_key_its_signature_and_the_one_message() {
        let message = b"lumora attestation";
        let signers: Vec<Keypair> = (0..5u8).map(|seed| Keypair::new_from_array([seed + 1; 32])).collect();
        let signatures: Vec<_> = signers
            .iter()
            .map(|key| (key.pubkey(), key.sign_message(message)))
            .collect();
        let data = signatures_instruction(message, &signatures).data;

        assert_eq!(data[0], 5);
        for (index, (key, signature)) in signatures.iter().enumerate() {
            let field = |position: usize| {
                let at = 2 + index * 14 + position * 2;
                usize::from(u16::from_le_bytes([data[at], data[at + 1]]))
            };
            assert_eq!(&data[field(0)..field(0) + 64], signature.as_ref());
            assert_eq!(&data[field(2)..field(2) + 32], key.as_ref());
            assert_eq!(&data[field(4)..field(4) + field(5)], message);
            assert_eq!([field(1), field(3), field(6)], [0xffff; 3]);
        }
        assert_eq!(data.len(), 2 + 5 * 14 + message.len() + 5 * 96);
    }
}
