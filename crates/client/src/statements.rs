//! Statements about an epoch whose signatures were put on chain. The chain keeps only what a member signed ([`Epoch::signed`]);
//! its signature is in the transaction that brought it, and whoever reports two statements needs both signatures.

use {
    crate::{
        Connection, Error,
        history::{self, ExecutedInstruction},
        oracle_api::SignedStatement,
    },
    borsh::BorshDeserialize,
    lumora_interface::{
        Address,
        bandwidth::{Epoch, ID, SubmitAttestationArguments, epoch_address, instruction, signatures},
    },
    solana_signature::Signature,
};

/// Bytes of the precompile instruction before the first offsets, of each signature's offsets, and of a signature.
const HEADER_LEN: usize = 2;
const OFFSETS_LEN: usize = 14;
const SIGNATURE_LEN: usize = 64;

/// What was submitted about an epoch, oldest first; every signature is checked. What the node no longer has is missing.
pub async fn submitted(
    connection: &Connection,
    network_id: [u8; 32],
    epoch: &Epoch,
) -> Result<Vec<SignedStatement>, Error> {
    let entries = history::history(connection, &epoch_address(epoch.epoch).0).await?;
    Ok(entries
        .iter()
        .flat_map(|entry| read(&entry.instructions, network_id, epoch))
        .collect())
}

/// The statements in a transaction's instructions.
fn read(instructions: &[ExecutedInstruction], network_id: [u8; 32], epoch: &Epoch) -> Vec<SignedStatement> {
    let mut found = Vec::new();
    for (index, pair) in instructions.windows(2).enumerate() {
        let [verified, submitted] = pair else { continue };
        let is_submission = verified.program == signatures::PROGRAM
            && submitted.program == ID
            && submitted.discriminator == instruction::SUBMIT_ATTESTATION;
        let arguments = submitted
            .data
            .get(1..)
            .and_then(|bytes| SubmitAttestationArguments::try_from_slice(bytes).ok());
        if let (true, Some(arguments)) = (is_submission, arguments) {
            found.extend(signed(&verified.data, index, network_id, epoch, &arguments));
        }
    }
    found
}

fn signed(
    data: &[u8],
    index: usize,
    network_id: [u8; 32],
    epoch: &Epoch,
    arguments: &SubmitAttestationArguments,
) -> Vec<SignedStatement> {
    let statement = epoch.statement(network_id, arguments);
    let own_index = u16::try_from(index).unwrap_or(u16::MAX);
    let Ok(keys) = signatures::signers(data, own_index, &statement.digest()) else {
        return Vec::new();
    };
    keys.enumerate()
        .filter_map(|(place, key)| {
            // The layout was checked with the keys: the first of the offsets is that of the signature.
            let at = HEADER_LEN + place * OFFSETS_LEN;
            let offset = usize::from(u16::from_le_bytes([*data.get(at)?, *data.get(at + 1)?]));
            let signature: [u8; SIGNATURE_LEN] = *data.get(offset..)?.first_chunk()?;
            let signed = SignedStatement::new(Address::new_from_array(*key), &statement, Signature::from(signature));
            signed.is_authentic().then_some(signed)
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bytemuck::Zeroable;
    use solana_keypair::Keypair;
    use solana_signer::Signer;

    use super::*;
    use crate::bandwidth::submit_attestation;

    #[test]
    fn what_was_submitted_is_read_back_with_its_signatures() {
        let mut epoch = Epoch::zeroed();
        (epoch.epoch, epoch.set_version) = (6, 2);
        let arguments = SubmitAttestationArguments {
            root: [3; 32],
            leaf_count: 4,
            total_contribution: 5,
            epoch_reward: 6,
            cumulative_reward: 7,
            bundles: 1,
            expires_at: 99,
        };
        let statement = epoch.statement([9; 32], &arguments);
        let signed: Vec<SignedStatement> = (0..2)
            .map(|_| SignedStatement::sign(&Keypair::new(), &statement))
            .collect();
        let signatures: Vec<_> = signed.iter().map(|signed| (signed.oracle, signed.signature)).collect();
        let instructions: Vec<ExecutedInstruction> =
            submit_attestation(6, &arguments, &statement.digest(), &signatures)
                .into_iter()
                .map(|instruction| ExecutedInstruction {
                    program: instruction.program_id,
                    discriminator: instruction.data[0],
                    data: instruction.data,
                    compute_units: 0,
                })
                .collect();
        assert_eq!(read(&instructions, [9; 32], &epoch), signed);
        // Of another network, the digest is another one.
        assert_eq!(read(&instructions, [8; 32], &epoch), []);
        let stranger = Keypair::new();
        assert!(!signed.iter().any(|signed| signed.oracle == stranger.pubkey()));
    }
}
