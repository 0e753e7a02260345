//! Nodes and challengers that lie, over QUIC against the real other side. Cheats whose gain is a matter of time are tried
//! in simulated time (`protocol::tests`) and measured by `cargo xtask bench pob`.
#![allow(clippy::unwrap_used)]

use lumora_core::median::trimmed_lower_median;
use lumora_pob::lab::cheat::{Attempt, Cheat, attempt};
use lumora_pob::receipt::{Context, replay};
use lumora_pob::transcript::{self, Transcript};
use lumora_pob::{
    Challenger, Claim, Config, Decision, DirectionResult, Identity, Permit, PobError, Reason, Receipt, Request,
    SignedReceipt, chunk, keystream,
};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

const LIMIT_KBPS: u32 = 10_000;

/// A cheat against a challenger on loopback, and the receipt that the challenger kept.
async fn try_it(cheat: Cheat) -> (Attempt, SignedReceipt) {
    let challenger = Challenger::bind(([127, 0, 0, 1], 0).into(), Identity::generate(), Config::default()).unwrap();
    let (address, key) = (challenger.local_addr().unwrap(), challenger.key());
    let (sender, mut receipts) = mpsc::channel(4);
    let everybody = |_: Claim| async { Decision::Allow(Permit::up_to(LIMIT_KBPS)) };
    tokio::spawn(async move { challenger.serve(everybody, sender).await });
    let attempt = attempt(address, key, &Identity::generate(), Request::default(), cheat).await;
    (attempt, receipts.recv().await.unwrap())
}

/// The node is told why, and the challenger keeps a receipt that says so and counts nothing.
fn assert_refused((attempt, kept): (Attempt, SignedReceipt), why: &str) {
    match attempt.outcome {
        Err(PobError::Refused { reason, sentence }) => {
            assert_eq!(reason, Reason::WrongDigest as u8);
            assert!(sentence.contains(why), "{sentence}");
        }
        other => panic!("{other:?}"),
    }
    kept.verify().unwrap();
    assert_eq!(kept.receipt.reason, Reason::WrongDigest as u8);
    assert_eq!((kept.receipt.down.kbps, kept.receipt.up.kbps), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_before_the_chunk_has_come_is_refused() {
    assert_refused(try_it(Cheat::EarlyAnswers).await, "answer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_of_another_measurement_are_refused() {
    let (honest, kept) = try_it(Cheat::None).await;
    assert!(honest.answers.len() > 8);
    // On a machine with far too much to do an honest measurement may be inconclusive; its answers were right all the same.
    assert!(kept.receipt.is_measured() || kept.receipt.reason != Reason::WrongDigest as u8);
    assert_refused(
        try_it(Cheat::ReplayedAnswers(honest.answers)).await,
        "answer to chunk 0 is wrong",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payload_that_would_compress_is_refused() {
    assert_refused(
        try_it(Cheat::CompressiblePayload).await,
        "payload of chunk 0 is not the keystream",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_skewed_clock_changes_no_figure_and_an_hour_is_noticed() {
    let (slightly, kept) = try_it(Cheat::SkewedClock { seconds: 300 }).await;
    if let Ok(signed) = slightly.outcome {
        assert!(signed.receipt.down.kbps <= LIMIT_KBPS && signed.receipt.up.kbps <= LIMIT_KBPS);
        assert_eq!(signed, kept, "the time is the challenger's, on both sides");
    }
    let (hour, kept) = try_it(Cheat::SkewedClock { seconds: -3_600 }).await;
    let error = hour.outcome.unwrap_err().to_string();
    assert!(error.contains("set the clock"), "{error}");
    assert!(!kept.receipt.is_measured());
}

/// A challenger that tells the node its seed beforehand, or that signs whatever the node likes: the receipt holds in every
/// respect.
fn made_up(kbps: u32) -> SignedReceipt {
    let (challenger, prover) = (Identity::from_secret([1; 32]), Identity::from_secret([2; 32]));
    let context = Context {
        network_id: [0; 32],
        epoch: 1,
        round: 0,
        node: [3; 32],
        prover_key: prover.public(),
        challenger_key: challenger.public(),
    };
    let (seed, chunks) = ([4; 32], 40);
    let seed_commitment = keystream::commitment(&seed);
    let hash = |direction| {
        let mut keystream = keystream::Keystream::new(&keystream::direction_key(&seed, &context, direction));
        let mut transcript = Transcript::new(direction, &seed_commitment);
        for index in 0..chunks {
            transcript.push(&Sha256::digest(keystream.take(chunk::length(index) as usize)).into());
        }
        transcript.after(chunks).unwrap()
    };
    let result = DirectionResult {
        kbps,
        chunks,
        first_counted_chunk: 0,
        counted_bytes: 8_000,
        duration_us: 64_000_000 / u64::from(kbps),
        background_bytes: 0,
    };
    let (down, up) = (hash(keystream::Direction::Down), hash(keystream::Direction::Up));
    let receipt = Receipt {
        version: Receipt::VERSION,
        network_id: context.network_id,
        epoch: context.epoch,
        round: context.round,
        node: context.node,
        prover_key: context.prover_key,
        challenger_key: context.challenger_key,
        limit_kbps: u32::MAX,
        down: result,
        up: result,
        rtt_samples_us: [1; 4],
        min_rtt_us: 1,
        transcript_root: transcript::root(chunks, &down, chunks, &up),
        seed_commitment,
        unix_timestamp: 0,
        network: [0; 8],
        pass: Receipt::UNSCHEDULED,
        reason: Reason::None as u8,
    };
    SignedReceipt {
        receipt,
        challenger_signature: receipt.sign(&challenger),
        prover_signature: Some(receipt.sign(&prover)),
        seed,
    }
}

/// What seven challengers agree on when two of them say `corrupt`.
fn agreed(honest: [u64; 5], corrupt: u32) -> u64 {
    let mut figures = honest.to_vec();
    figures.extend([u64::from(corrupt); 2]);
    trimmed_lower_median(&mut figures).unwrap()
}

#[test]
fn a_seed_shared_by_corrupt_challengers_makes_perfect_receipts_that_move_nothing() {
    let signed = made_up(64_000_000);
    signed.verify().unwrap();
    replay(&signed.receipt, &signed.seed).unwrap();
    let honest = [49_800, 49_900, 50_000, 50_100, 50_200];
    assert!(honest.contains(&agreed(honest, signed.receipt.down.kbps)));
}

#[test]
fn challengers_that_under_report_move_nothing_beyond_what_honest_ones_say() {
    let signed = made_up(1_000);
    signed.verify().unwrap();
    let honest = [49_800, 49_900, 50_000, 50_100, 50_200];
    assert!(honest.contains(&agreed(honest, signed.receipt.down.kbps)));
    assert_eq!(agreed([50_000; 5], 0), 50_000);
}
