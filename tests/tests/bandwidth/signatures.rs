//! Reading back what the ed25519 program has verified: one test for each way in which others were deceived.

use lumora_core::attestation;
use lumora_interface::{
    bandwidth::{BandwidthError, SubmitAttestationArguments, epoch_state, signatures},
    registry,
};
use lumora_tests::{
    World, instructions,
    oracles::{Figures, leaf, signed_by},
    world::{LMR, keypair},
};
use solana_instruction::{AccountMeta, Instruction};
use solana_keypair::Keypair;
use solana_signer::Signer;

use super::{epoch_of, oracles, ready};

/// An epoch that three of its four oracles are about to attest.
fn three() -> (World, Figures, Vec<Keypair>) {
    let (world, figures, _) = ready();
    let signers = oracles(&world).into_iter().take(3).collect();
    (world, figures, signers)
}

fn submission(world: &World, figures: &Figures, signers: &[Keypair]) -> [Instruction; 2] {
    world.submission(figures, &signers.iter().collect::<Vec<_>>())
}

/// Refused, and nobody's signature is counted.
fn refused(world: &mut World, figures: &Figures, instructions: &[Instruction], error: BandwidthError) {
    world.refused(instructions, &[], error.code());
    assert_eq!(epoch_of(world, figures.epoch).signed, [[0; 32]; 32]);
}

/// A transfer of nothing: some instruction that is not the ed25519 program's.
fn something_else(world: &World) -> Instruction {
    let payer = world.payer.pubkey();
    Instruction {
        program_id: instructions::SYSTEM_PROGRAM,
        accounts: vec![AccountMeta::new(payer, true), AccountMeta::new(payer, true)],
        data: vec![2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    }
}

#[test]
fn the_instruction_before_must_be_the_ed25519_programs() {
    let (mut world, figures, signers) = three();
    let [verification, submit] = submission(&world, &figures, &signers);
    refused(
        &mut world,
        &figures,
        &[submit.clone()],
        BandwidthError::SignaturesMissing,
    );
    let other = something_else(&world);
    refused(
        &mut world,
        &figures,
        &[other, submit.clone()],
        BandwidthError::SignaturesMissing,
    );
    // The same bytes, sent to another program that takes whatever it is given: here, a precompile for another curve.
    let secp256k1 = Instruction {
        program_id: solana_address::Address::from_str_const("KeccakSecp256k11111111111111111111111111111"),
        data: vec![0],
        ..verification
    };
    refused(
        &mut world,
        &figures,
        &[secp256k1, submit],
        BandwidthError::SignaturesMissing,
    );
}

#[test]
fn the_ed25519_instruction_must_stand_directly_before() {
    let (mut world, figures, signers) = three();
    let [verification, submit] = submission(&world, &figures, &signers);
    let between = something_else(&world);
    let apart = [verification.clone(), between, submit.clone()];
    refused(&mut world, &figures, &apart, BandwidthError::SignaturesMissing);
    // After it, it is no help either.
    refused(
        &mut world,
        &figures,
        &[submit, verification],
        BandwidthError::SignaturesMissing,
    );
}

#[test]
fn a_verification_of_no_signature_is_refused() {
    let (mut world, figures, signers) = three();
    let [verification, submit] = submission(&world, &figures, &signers);
    let empty = Instruction {
        data: vec![0, 0],
        ..verification
    };
    refused(
        &mut world,
        &figures,
        &[empty, submit],
        BandwidthError::SignaturesMissing,
    );
}

#[test]
fn the_signature_count_must_be_that_of_the_data() {
    let (mut world, figures, signers) = three();
    let [verification, submit] = submission(&world, &figures, &signers);
    // One fewer than there are: the native program checks the first two, and the third is not verified by anybody.
    let mut fewer = verification;
    fewer.data[0] = 2;
    refused(&mut world, &figures, &[fewer, submit], BandwidthError::SignatureLayout);
}

#[test]
fn trailing_data_is_refused() {
    let (mut world, figures, signers) = three();
    let [mut trailing, submit] = submission(&world, &figures, &signers);
    trailing.data.push(0);
    refused(
        &mut world,
        &figures,
        &[trailing, submit],
        BandwidthError::SignatureLayout,
    );
}

#[test]
fn each_of_the_three_instruction_indices_must_name_the_verification_itself() {
    let (mut world, figures, signers) = three();
    let [verification, submit] = submission(&world, &figures, &signers);
    for signature in 0..3 {
        for field in [1, 3, 6] {
            // Taken from an equal instruction before: all bytes are right there, so that the native program is content.
            let mut elsewhere = verification.clone();
            let at = 2 + signature * 14 + field * 2;
            elsewhere.data[at..at + 2].copy_from_slice(&0u16.to_le_bytes());
            let sent = [verification.clone(), elsewhere, submit.clone()];
            refused(&mut world, &figures, &sent, BandwidthError::SignatureLayout);
        }
    }
    // Its own number means the same as "this instruction".
    let mut named = verification;
    for signature in 0..3 {
        for field in [1, 3, 6] {
            let at = 2 + signature * 14 + field * 2;
            named.data[at..at + 2].copy_from_slice(&0u16.to_le_bytes());
        }
    }
    world.must(&[named, submit], &[]);
    assert_eq!(epoch_of(&world, figures.epoch).state, epoch_state::ATTESTED);
}

#[test]
fn a_signature_of_a_key_that_is_no_oracle_of_this_epoch_is_refused() {
    let (mut world, figures, signers) = three();
    let stranger = keypair("oracle", 77);
    for with_stranger in [vec![&signers[0], &signers[1], &stranger], vec![&stranger]] {
        let sent = world.submission(&figures, &with_stranger);
        refused(&mut world, &figures, &sent, BandwidthError::SignerNotOracle);
    }
    // An oracle, but added after this epoch was opened.
    world.add_oracle(4);
    let late = world.oracles[4].insecure_clone();
    let sent = world.submission(&figures, &[&signers[0], &signers[1], &late]);
    refused(&mut world, &figures, &sent, BandwidthError::SignerNotOracle);
}

#[test]
fn an_oracle_counts_once_in_an_instruction_and_across_transactions() {
    let (mut world, figures, signers) = three();
    let doubled = world.submission(&figures, &[&signers[0], &signers[0], &signers[0]]);
    refused(&mut world, &figures, &doubled, BandwidthError::SignerTwice);
    let first = submission(&world, &figures, &signers[..2]);
    world.must(&first, &[]);
    world.refused(&first, &[], BandwidthError::SignerTwice.code());
    let again = world.submission(&figures, &[&signers[2], &signers[1]]);
    world.refused(&again, &[], BandwidthError::SignerTwice.code());
    assert_eq!(epoch_of(&world, figures.epoch).state, epoch_state::OPEN);
}

#[test]
fn the_same_figures_with_a_later_expiry_are_no_offence_and_no_second_vote() {
    let (mut world, figures, signers) = three();
    let first = submission(&world, &figures, &signers[..2]);
    world.must(&first, &[]);
    let mut later = world.figures(figures.epoch, figures.leaves.clone());
    later.arguments.expires_at += 1_000;
    let again = submission(&world, &later, &signers[..1]);
    world.refused(&again, &[], BandwidthError::SignerTwice.code());
    // The first two have expired by now; what they signed still counts, and the third's newer signature joins them.
    world.pass(700);
    let third = submission(&world, &later, &signers[2..]);
    world.must(&third, &[]);
    assert_eq!(epoch_of(&world, figures.epoch).signers, 0b0111);
}

#[test]
fn a_signature_that_is_none_fails_the_transaction() {
    let (mut world, figures, signers) = three();
    let [mut wrong, submit] = submission(&world, &figures, &signers);
    wrong.data[2 + 3 * 14 + 40] ^= 1;
    assert!(world.send(&[wrong, submit], &[]).is_err());
    assert_eq!(epoch_of(&world, figures.epoch).signed, [[0; 32]; 32]);
}

#[test]
fn an_expired_statement_is_refused() {
    let (mut world, mut figures, signers) = three();
    figures.arguments.expires_at = world.now();
    let sent = submission(&world, &figures, &signers);
    world.pass(1);
    refused(&mut world, &figures, &sent, BandwidthError::StatementExpired);
}

#[test]
fn every_byte_that_was_signed_is_bound() {
    let (mut world, figures, signers) = three();
    let digest = world.digest(&figures);
    type Bend = fn(&mut SubmitAttestationArguments);
    let bends: [Bend; 10] = [
        |a| a.root[0] ^= 1,
        |a| a.root[31] ^= 1,
        |a| a.leaf_count ^= 1,
        |a| a.leaf_count ^= 1 << 31,
        |a| a.total_contribution ^= 1,
        |a| a.total_contribution ^= 1 << 63,
        |a| (a.epoch_reward, a.cumulative_reward) = (a.epoch_reward + 1, a.cumulative_reward + 1),
        |a| a.bundles ^= 1,
        |a| a.expires_at += 1,
        |a| a.expires_at += 1 << 40,
    ];
    let keys: Vec<&Keypair> = signers.iter().collect();
    for bend in bends {
        let mut arguments = figures.arguments;
        bend(&mut arguments);
        let sent = [
            signed_by(&keys, &digest),
            instructions::submit_attestation(figures.epoch, &arguments),
        ];
        refused(&mut world, &figures, &sent, BandwidthError::SignatureMessage);
    }
    // Totals that do not add up are refused before anybody's signature is looked at.
    let bends: [Bend; 2] = [|a| a.epoch_reward ^= 1, |a| a.cumulative_reward ^= 1];
    for bend in bends {
        let mut arguments = figures.arguments;
        bend(&mut arguments);
        let sent = [
            signed_by(&keys, &digest),
            instructions::submit_attestation(figures.epoch, &arguments),
        ];
        refused(&mut world, &figures, &sent, BandwidthError::TotalsMismatch);
    }
}

#[test]
fn a_signature_for_another_network_program_epoch_or_set_is_refused() {
    let (mut world, figures, signers) = three();
    let epoch = epoch_of(&world, figures.epoch);
    let statement = epoch.statement(world.network_id, &figures.arguments);
    type Bend = fn(&mut attestation::Statement);
    let bends: [Bend; 6] = [
        |s| s.network_id[0] ^= 1,
        |s| s.network_id[31] ^= 1,
        |s| s.program[0] ^= 1,
        |s| s.epoch += 1,
        |s| s.set_version += 1,
        |s| s.set_version ^= 1 << 31,
    ];
    let keys: Vec<&Keypair> = signers.iter().collect();
    let submit = instructions::submit_attestation(figures.epoch, &figures.arguments);
    for bend in bends {
        let mut other = statement;
        bend(&mut other);
        let sent = [signed_by(&keys, &other.digest()), submit.clone()];
        refused(&mut world, &figures, &sent, BandwidthError::SignatureMessage);
    }
}

#[test]
fn a_signature_over_the_same_fields_under_another_domain_is_refused() {
    let (mut world, figures, signers) = three();
    let statement = epoch_of(&world, figures.epoch).statement(world.network_id, &figures.arguments);
    let keys: Vec<&Keypair> = signers.iter().collect();
    let submit = instructions::submit_attestation(figures.epoch, &figures.arguments);
    let expiry = statement.expires_at.to_le_bytes();
    let elsewhere = [
        // The content itself, without the statement's domain and expiry.
        statement.content(),
        lumora_core::hash::sha256(&[&statement.content(), &expiry]),
        lumora_core::hash::sha256(&[b"lumora attestation statement v1\0", &statement.content(), &expiry]),
    ];
    for message in elsewhere {
        let sent = [signed_by(&keys, &message), submit.clone()];
        refused(&mut world, &figures, &sent, BandwidthError::SignatureMessage);
    }
}

#[test]
fn a_signature_over_the_figures_of_another_epoch_is_refused() {
    let (mut world, figures, signers) = three();
    let (_, node) = world.register("third");
    let next = world.open_epoch();
    world.commit_bundles(next);
    let newer = world.figures(next, vec![leaf(&node, next, 1, LMR)]);
    let [verification, _] = submission(&world, &newer, &signers);
    let submit = instructions::submit_attestation(figures.epoch, &newer.arguments);
    refused(
        &mut world,
        &figures,
        &[verification, submit],
        BandwidthError::SignatureMessage,
    );
}

#[test]
fn a_forged_sysvar_of_instructions_is_refused() {
    let (mut world, figures, signers) = three();
    let mut sent = submission(&world, &figures, &signers);
    for forged in [
        instructions::SLOT_HASHES_SYSVAR,
        registry::BOND_VAULT,
        signatures::PROGRAM,
    ] {
        sent[1].accounts[3].pubkey = forged;
        world.refused_with(&sent, &[], "InvalidArgument");
    }
    assert_eq!(epoch_of(&world, figures.epoch).signed, [[0; 32]; 32]);
}
