//! The rules of assignment and agreement as inputs and outputs, one file each in `vectors/`, for other implementations to
//! check themselves against. Numbers of 64 bits are decimal strings: JSON's numbers do not hold them everywhere.
#![allow(clippy::unwrap_used)]

use lumora_core::{
    agreement::{Revealed, Tolerance, agrees, majority},
    allocation::{
        Candidate, LOAD_CEILING, RawWeights, by_capacity, by_rank, raw_scores, shards_allowed, with_load_ceiling,
    },
    geo::{UnitVector, chord_distance, is_coarse_cell},
    hash::sha256,
    score::{Figures, Scoring, Weights, claimable_at, jitter_millis, score, terms},
    sketch::{Sketch, is_volatile, samples},
    turn::{Open, Turns, Vacant, completable, is_known, round_start, takes_part},
    units::{Bps, Kbps, Kilometres, Micros, Seconds},
};
use serde_json::{Value, json};

/// `LUMORA_WRITE_VECTORS=1 cargo t -p lumora-core` writes the files anew after a deliberate change of a rule.
fn check(name: &str, made: Value) {
    let path = format!("{}/tests/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("LUMORA_WRITE_VECTORS").is_some() {
        std::fs::write(&path, serde_json::to_string_pretty(&made).unwrap() + "\n").unwrap();
    }
    let stored: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    // Not `assert_eq`: the files are long.
    assert!(stored == made, "{path} is not what the code makes");
}

/// Numbers that look drawn and are the same everywhere.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 += 1;
        let digest = sha256(&[b"lumora vectors", &self.0.to_le_bytes()]);
        u64::from_le_bytes(core::array::from_fn(|i| digest[i]))
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

fn text(numbers: &[u64]) -> Vec<String> {
    numbers.iter().map(u64::to_string).collect()
}

#[test]
fn score_vectors() {
    let mut numbers = Numbers(1_000);
    let networks = [
        ([4_000, 3_000, 2_000, 1_000], [1_000_000, 1_000, 50_000]),
        ([10_000, 0, 0, 0], [100_000, 1, 1]),
        ([2_500, 2_500, 2_500, 2_500], [0, 0, 0]),
    ];
    let mut cases = Vec::new();
    for (weights, [reference, half_distance, half_latency]) in networks {
        let scoring = Scoring {
            weights: Weights {
                bandwidth: Bps(weights[0]),
                proximity: Bps(weights[1]),
                latency: Bps(weights[2]),
                reputation: Bps(weights[3]),
            },
            reference: Kbps(reference),
            half_distance: Kilometres(half_distance),
            half_latency: Micros(half_latency),
        };
        assert!(scoring.weights.is_normalised());
        for index in 0..8 {
            let extreme = |value: u64| match index {
                0 => 0,
                1 => u64::from(u32::MAX),
                _ => value,
            } as u32;
            let figures = Figures {
                attested: Kbps(extreme(numbers.below(2_000_000))),
                limit: Kbps(extreme(numbers.below(2_000_000))),
                distance: Kilometres(extreme(numbers.below(12_742))),
                rtt: Micros(extreme(numbers.below(300_000))),
                reputation: Bps(extreme(numbers.below(12_000)) as u16),
            };
            let (opened_at, max_wait, shard) = (1_700_000_000i64, 120i64, numbers.below(5_000) as u32);
            let (slot_hash, node) = (sha256(&[b"slot"]), sha256(&[b"node", &[index]]));
            let terms = terms(&scoring, &figures);
            let score = score(&scoring, &figures);
            let jitter = jitter_millis(&slot_hash, &node, shard);
            cases.push(json!({
                "weights": weights,
                "reference_kbps": reference,
                "half_distance_km": half_distance,
                "half_latency_us": half_latency,
                "attested_kbps": figures.attested.0,
                "limit_kbps": figures.limit.0,
                "distance_km": figures.distance.0,
                "rtt_us": figures.rtt.0,
                "reputation_bps": figures.reputation.0,
                "terms": [terms.bandwidth.0, terms.proximity.0, terms.latency.0, terms.reputation.0],
                "score": score.0,
                "slot_hash": hex::encode(slot_hash),
                "node": hex::encode(node),
                "shard": shard,
                "jitter_millis": jitter,
                "opened_at": opened_at,
                "max_wait": max_wait,
                "claimable_at": claimable_at(Seconds(opened_at), Seconds(max_wait), score, jitter).0,
            }));
        }
    }
    check("score", json!({"about": "crates/core/src/score.rs", "cases": cases}));
}

#[test]
fn allocation_vectors() {
    let mut numbers = Numbers(2_000);
    let mut shares = Vec::new();
    let lists = [
        (1_000, vec![80, 100, 50]),
        (10, vec![1, 1, 1]),
        (5, vec![0, 0]),
        (u64::MAX, vec![u64::MAX, 1]),
        (150, vec![100, 100]),
        (200, vec![100, 100]),
    ];
    let drawn = (0..6).map(|_| {
        let total = numbers.below(5_000);
        (total, (0..1 + numbers.below(7)).map(|_| numbers.below(1_000)).collect())
    });
    for (total, capacities) in lists.into_iter().chain(drawn.collect::<Vec<_>>()) {
        let ceiling = with_load_ceiling(total, &capacities);
        shares.push(json!({
            "total": total.to_string(),
            "capacities": text(&capacities),
            "by_capacity": text(&by_capacity(total, &capacities)),
            "with_load_ceiling": {"tasks": text(&ceiling.tasks), "unallocated": ceiling.unallocated.to_string()},
        }));
    }
    let mut ranks = Vec::new();
    let examples = [
        vec![(10, 15, 100), (20, 10, 150), (15, 20, 80)],
        vec![(0, 0, u32::MAX), (u32::MAX, u32::MAX, 0)],
        vec![(7, 7, 7), (7, 7, 7)],
    ];
    for candidates in examples {
        let candidates: Vec<Candidate> = candidates
            .into_iter()
            .map(|(proximity_ms, latency_ms, capacity)| Candidate {
                proximity_ms,
                latency_ms,
                capacity,
            })
            .collect();
        let weights = RawWeights {
            alpha: Bps(4_000),
            beta: Bps(4_000),
            gamma: Bps(2_000),
        };
        let scores = raw_scores(weights, &candidates);
        let allocation = by_rank(500, &scores, &candidates);
        let inputs = candidates
            .iter()
            .map(|it| [it.proximity_ms, it.latency_ms, it.capacity]);
        ranks.push(json!({
            "weights": [4_000, 4_000, 2_000],
            "candidates": inputs.collect::<Vec<_>>(),
            "raw_scores_millionths": text(&scores),
            "total": "500",
            "tasks": text(&allocation.tasks),
            "unallocated": allocation.unallocated.to_string(),
        }));
    }
    let allowed: Vec<Value> = (0..=12u16)
        .chain([64, u16::MAX])
        .map(|capacity| json!({"capacity": capacity, "allowed": shards_allowed(capacity, LOAD_CEILING)}))
        .collect();
    check(
        "allocation",
        json!({
            "about": "crates/core/src/allocation.rs",
            "shares": shares,
            "ranks": ranks,
            "shards_allowed": {"ceiling_bps": LOAD_CEILING.0, "cases": allowed},
        }),
    );
}

#[test]
fn geo_vectors() {
    let mut numbers = Numbers(3_000);
    let mut vectors = vec![
        [32_767, 0, 0],
        [-32_767, 0, 0],
        [0, 0, 32_767],
        [i16::MIN, i16::MIN, i16::MIN],
        [i16::MAX, i16::MAX, i16::MAX],
        [0, 0, 0],
    ];
    vectors.extend((0..6).map(|_| core::array::from_fn(|_| numbers.next() as i16)));
    let vector = |[x, y, z]: [i16; 3]| UnitVector { x, y, z };
    let mut distances = Vec::new();
    for (index, a) in vectors.iter().enumerate() {
        for b in &vectors[index..] {
            distances.push(json!({"a": a, "b": b, "km": chord_distance(vector(*a), vector(*b)).0}));
        }
    }
    let units: Vec<Value> = vectors
        .iter()
        .map(|v| json!({"vector": v, "is_unit": vector(*v).is_unit()}))
        .collect();
    let cells: Vec<Value> = [
        0x0831_f1df_ffff_ffff,
        0x0821_f1ff_ffff_ffff,
        0x0841_f1d5_ffff_ffff,
        0x1031_f1df_ffff_ffff,
        0x0831_f1df_ffff_fffe,
        0x083f_f1df_ffff_ffff,
        0x0831_f1ff_ffff_ffff,
        0u64,
    ]
    .map(|cell| json!({"cell": format!("{cell:016x}"), "is_coarse": is_coarse_cell(cell)}))
    .into();
    check(
        "geo",
        json!({"about": "crates/core/src/geo.rs", "distances": distances, "units": units, "cells": cells}),
    );
}

#[test]
fn sketch_vectors() {
    let mut numbers = Numbers(4_000);
    let mut sketches = Vec::new();
    for (number, pages) in [(0, 1u32), (0, 20), (1, 20), (3, 200), (0, 100_000)] {
        let mut sketch = Sketch::default();
        let mut records = Vec::new();
        for count in [0, 1, 5, 30] {
            let name = numbers.next();
            let shingles: Vec<u64> = (0..count).map(|_| numbers.next()).collect();
            sketch.toggle_record(number, name, &shingles, samples(pages));
            records.push(json!({"name": name.to_string(), "shingles": text(&shingles)}));
        }
        sketches.push(json!({
            "number": number,
            "pages": pages,
            "samples": samples(pages),
            "records": records,
            "sketch": text(&sketch.0),
        }));
    }
    let words = [
        "2026-11-22",
        "11/22/2026,",
        "17:03",
        "(17:03:14.5)",
        "1.95.0",
        "42",
        "3-4",
        "std::vec",
        "",
        "::",
    ];
    let volatile: Vec<Value> = words
        .map(|word| json!({"word": word, "is_volatile": is_volatile(word)}))
        .into();
    check(
        "sketch",
        json!({"about": "crates/core/src/sketch.rs", "sketches": sketches, "words": volatile}),
    );
}

#[test]
fn agreement_vectors() {
    let mut numbers = Numbers(5_000);
    let mut cases = Vec::new();
    for index in 0..24 {
        let centre = numbers.next();
        let count = [0, 1, 2, 3, 5, 7, 9][index % 7];
        let results: Vec<Revealed> = (0..count)
            .map(|_| {
                // A few of the first bits, mostly.
                let flips = numbers.next() & numbers.next() & if numbers.below(4) == 0 { u64::MAX } else { 0xff };
                Revealed {
                    sketch: Sketch([centre ^ flips, centre, 0, 0]),
                    records: 95 + numbers.below(11) as u32,
                }
            })
            .collect();
        let tolerance = Tolerance {
            bits: 3,
            count: Bps(500),
        };
        let replicas = count.max(1 + index % 4);
        let revealed = results
            .iter()
            .map(|it| json!({"sketch": text(&it.sketch.0), "records": it.records}));
        let pairs = results
            .iter()
            .map(|a| results.iter().map(|b| agrees(a, b, tolerance)).collect::<Vec<_>>());
        cases.push(json!({
            "tolerance": {"bits": tolerance.bits, "count_bps": tolerance.count.0},
            "replicas": replicas,
            "results": revealed.collect::<Vec<_>>(),
            "agree": pairs.collect::<Vec<_>>(),
            "winners": majority(results.iter(), replicas, tolerance),
        }));
    }
    check(
        "agreement",
        json!({"about": "crates/core/src/agreement.rs", "cases": cases}),
    );
}

#[test]
fn turn_vectors() {
    let rounds: Vec<Value> = [0i64, 1, 2, 3, 1_700_000_000, -1]
        .map(|now| json!({"now": now, "start": round_start(Seconds(now)).0}))
        .into();
    let mut part = Vec::new();
    for start in [0i64, 1, 50, 51, 60] {
        for score in [0u16, 5_000, 10_000] {
            let takes_part = takes_part(Seconds(start), Seconds(0), Seconds(100), Bps(score));
            part.push(
                json!({"start": start, "opened_at": 0, "max_wait": 100, "score": score, "takes_part": takes_part}),
            );
        }
    }
    let known: Vec<Value> = [(5i64, 3i64), (5, 4), (5, 5), (-1, -3)]
        .map(|(start, at)| json!({"start": start, "at": at, "is_known": is_known(Seconds(start), Seconds(at))}))
        .into();
    let needs = [0u64, 2, 2, 0, 2, 1];
    let vacant = (0u32..).zip(needs).map(|(shard, needs)| Vacant {
        open: Open { shard, replica: 0 },
        needs,
    });
    let begun: Vec<Value> = [0u64, 1, 3, 9]
        .map(|room| {
            let shards: Vec<u32> = completable(vacant.clone(), room)
                .map(|shard| shard.open.shard)
                .collect();
            json!({"room": room, "shards": shards})
        })
        .into();
    let mut turns = Turns::new((0..6).map(|shard| Open { shard, replica: 0 }));
    let mut taken = Vec::new();
    for (room, held) in [(2usize, None), (2, Some(2u32)), (0, None), (9, None)] {
        let shards: Vec<u32> = turns
            .take(room, |shard| Some(shard) == held)
            .iter()
            .map(|open| open.shard)
            .collect();
        taken.push(json!({"room": room, "holds": held, "takes": shards}));
    }
    check(
        "turn",
        json!({
            "about": "crates/core/src/turn.rs",
            "rounds": rounds,
            "known": known,
            "part": part,
            "needs": needs,
            "completable": begun,
            "open": 6,
            "turns": taken,
        }),
    );
}
