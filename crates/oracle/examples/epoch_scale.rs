//! One oracle's work at the end of an epoch of many nodes: checks the receipts of all bundles, works out the figures,
//! builds the tree and signs. Run by `cargo xtask bench oracle`.
//!
//! `make FOLDER NODES` writes the sealed bundles of seven oracles that each measured every node; `work FOLDER NODES`, a
//! process of its own so that its memory can be told, does what an oracle does with them and prints its figures as JSON.
//! The receipts are whole: signed by both, with the transcript of their payload, which is short, so that what an oracle
//! replays of it costs less than a real one's.

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on must stop")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::Instant,
};

use lumora_core::{hash::sha256, reason::Reason, schedule, units::Lmr};
use lumora_oracle::{
    aggregate::{EpochRules, aggregate},
    bundle::{Bundle, BundleError, Sighting},
    evidence::evidence_from,
};
use lumora_pob::{
    DirectionResult, Identity, Receipt, SignedReceipt, chunk,
    keystream::{self, Direction, Keystream},
    receipt::RTT_SAMPLES,
    transcript::{self, Transcript},
};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use solana_keypair::Keypair;
use solana_signer::Signer;

const ORACLES: u8 = 7;
const NETWORK: [u8; 32] = [1; 32];
const EPOCH: u64 = 7;
/// Chunks of each direction's payload: 8 KiB.
const CHUNKS: u32 = 4;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, folder, nodes] = &arguments[..] else {
        panic!("usage: make|work FOLDER NODES");
    };
    let (folder, nodes) = (Path::new(folder), nodes.parse().unwrap());
    match what.as_str() {
        "make" => make(folder, nodes),
        "work" => work(folder, nodes),
        other => panic!("there is no {other}"),
    }
}

fn oracle(member: u8) -> Keypair {
    Keypair::new_from_array(sha256(&[b"oracle", &[member]]))
}

fn rules() -> EpochRules {
    EpochRules {
        network_id: NETWORK,
        epoch: EPOCH,
        seed: [2; 32],
        members: (0..ORACLES)
            .map(|member| (member, oracle(member).pubkey().to_bytes()))
            .collect(),
        rounds: 1,
        challengers_per_round: ORACLES.into(),
        seconds: 3_600,
        amount: Lmr(1_000_000_000_000),
        nodes_per_network: 8,
        nodes_per_owner: 1_000,
    }
}

fn path(folder: &Path, member: u8) -> PathBuf {
    folder.join(format!("bundle-{member}"))
}

fn make(folder: &Path, nodes: u32) {
    for member in 0..ORACLES {
        let key = oracle(member);
        let (receipts, sightings) = (0..nodes)
            .into_par_iter()
            .map(|node| measured(&key, member, node))
            .unzip();
        let bundle = Bundle::new(NETWORK, EPOCH, key.pubkey().to_bytes(), receipts, sightings);
        std::fs::write(path(folder, member), bundle.seal(&key)).unwrap();
    }
}

/// What one oracle knows of a node: every fourth shares its network with three others.
fn measured(oracle: &Keypair, member: u8, number: u32) -> (SignedReceipt, Sighting) {
    let node = sha256(&[b"node", &number.to_le_bytes()]);
    let prover = Identity::from_secret(sha256(&[b"transport", &node]));
    let challenger = Identity::from_secret(*oracle.secret_bytes());
    let seed = sha256(&[b"seed", &[member], &node]);
    let commitment = keystream::commitment(&seed);
    let home = if number % 16 < 4 { number / 16 } else { number | 1 << 31 };
    let network = schedule::network_tag(&[0; 32], &home.to_le_bytes());
    let counted_bytes = chunk::total(CHUNKS) - 192;
    let kbps = 80 * (1 + number % 100);
    let direction = DirectionResult {
        kbps,
        chunks: CHUNKS,
        first_counted_chunk: 0,
        counted_bytes,
        duration_us: counted_bytes * 8_000 / u64::from(kbps),
        background_bytes: 0,
    };
    let mut receipt = Receipt {
        version: Receipt::VERSION,
        network_id: NETWORK,
        epoch: EPOCH,
        round: 0,
        node,
        prover_key: prover.public(),
        challenger_key: challenger.public(),
        limit_kbps: 1_000_000,
        down: direction,
        up: direction,
        rtt_samples_us: [10_000; RTT_SAMPLES],
        min_rtt_us: 10_000,
        transcript_root: [0; 32],
        seed_commitment: commitment,
        unix_timestamp: 1_000,
        network,
        pass: 0,
        reason: Reason::None as u8,
    };
    for direction in [&mut receipt.down, &mut receipt.up] {
        direction.kbps = u32::try_from(direction.counted_bytes * 8_000 / direction.duration_us).unwrap();
    }
    let [down, up] = [Direction::Down, Direction::Up].map(|direction| {
        let mut payload = Keystream::new(&keystream::direction_key(&seed, &receipt.context(), direction));
        let mut transcript = Transcript::new(direction, &commitment);
        for index in 0..CHUNKS {
            transcript.push(&Sha256::digest(payload.take(chunk::length(index) as usize)).into());
        }
        transcript.after(CHUNKS).unwrap()
    });
    receipt.transcript_root = transcript::root(CHUNKS, &down, CHUNKS, &up);
    let signed = SignedReceipt {
        receipt,
        challenger_signature: receipt.sign(&challenger),
        prover_signature: Some(receipt.sign(&prover)),
        seed,
    };
    let sighting = Sighting {
        node,
        transport_key: prover.public(),
        owner: node,
        limit_kbps: 1_000_000,
        paused: false,
        completed: 10,
        failed: 0,
        expired: 0,
        marred: 0,
    };
    (signed, sighting)
}

fn work(folder: &Path, nodes: u32) {
    let rules = rules();
    let keys: BTreeMap<u8, [u8; 32]> = rules.members.iter().copied().collect();
    let read = |member: u8| -> Result<Bundle, BundleError> {
        let sealed = std::fs::read(path(folder, member)).unwrap();
        Bundle::open(&sealed, &NETWORK, EPOCH, &keys[&member])
    };
    let members: Vec<u8> = keys.keys().copied().collect();
    let used: BTreeSet<u8> = keys.keys().copied().collect();

    let began = Instant::now();
    let mut evidence = evidence_from(&rules, &members, read).unwrap();
    let checked = began.elapsed();
    assert!(evidence.dropped.is_empty(), "{:?}", evidence.dropped.first());
    let receipts = evidence.measurements.len();
    let result = aggregate(
        &rules,
        &used,
        &evidence.nodes,
        &mut evidence.measurements,
        &BTreeMap::new(),
    );
    let aggregated = began.elapsed();
    let statement = result.statement(&rules, [3; 32], 1, 0b111_1111, 2_000).unwrap();
    let signature = oracle(0).sign_message(&statement.digest());
    let seconds = began.elapsed();
    assert!(signature.verify(&keys[&0], &statement.digest()));
    assert_eq!(
        (result.leaves.len(), receipts),
        (nodes as usize, nodes as usize * usize::from(ORACLES))
    );
    let earning = result.leaves.iter().filter(|leaf| leaf.contribution > 0).count();
    assert_eq!(earning, nodes as usize);

    let bytes: u64 = members
        .iter()
        .map(|member| std::fs::metadata(path(folder, *member)).unwrap().len())
        .sum();
    let per_second = receipts as f64 / checked.as_secs_f64();
    println!(
        "{}",
        serde_json::json!({
            "nodes": nodes,
            "receipts": receipts,
            "seconds": rounded(seconds.as_secs_f64()),
            "receipts_per_s": rounded(per_second),
            "receipts_per_s_per_core": rounded(per_second / std::thread::available_parallelism().unwrap().get() as f64),
            "peak_mb": peak_mb(),
            "bundle_mb": bytes / 1_000_000,
            "verify_seconds": rounded(checked.as_secs_f64()),
            "aggregate_seconds": rounded((aggregated - checked).as_secs_f64()),
            "tree_and_sign_seconds": rounded((seconds - aggregated).as_secs_f64()),
        })
    );
}

fn rounded(figure: f64) -> f64 {
    (figure * 100.0).round() / 100.0
}

/// The most memory that this process ever had, MB.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1_024 / 1_000_000
}
