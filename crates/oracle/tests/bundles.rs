//! What oracles hand each other as evidence: it is its author's, whole and in order, or it is refused; receipts that do
//! not hold are dropped, and by every oracle alike.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{EPOCH, NETWORK, NODE, Net};
use lumora_oracle::{
    aggregate::aggregate,
    bundle::{Bundle, BundleError, Sighting},
    evidence::evidence,
};
use lumora_pob::{Reason, SignedReceipt};

/// A member that was drawn for both rounds, and one that was not drawn for the first.
fn drawn_and_not(net: &Net) -> (u8, u8) {
    let [first, second] = [0, 1].map(|round| net.rules.challengers(round, &NODE));
    let drawn = *first.iter().find(|member| second.contains(member)).unwrap();
    let other = (0..4).find(|member| !first.contains(member)).unwrap();
    (drawn, other)
}

#[test]
fn a_bundle_is_the_same_whatever_order_its_receipts_came_in() {
    let net = Net::new(4);
    let (member, _) = drawn_and_not(&net);
    let mut receipts = net.receipts(member, 8_000);
    receipts.extend(receipts.clone());
    let bundle = |receipts| Bundle::new(NETWORK, EPOCH, net.key(member), receipts, vec![net.sighting()]);
    let one = bundle(receipts.clone());
    receipts.reverse();
    let other = bundle(receipts);
    assert_eq!((one.root(), one.entries()), (other.root(), 3));
    let key = &net.oracles[usize::from(member)];
    assert_eq!(one.seal(key), other.seal(key));
}

#[test]
fn a_sealed_bundle_opens_for_its_own_oracle_epoch_and_network_only() {
    let net = Net::new(4);
    let bundle = net.bundle(0, 8_000);
    let sealed = bundle.seal(&net.oracles[0]);
    assert_eq!(Bundle::open(&sealed, &NETWORK, EPOCH, &net.key(0)), Ok(bundle.clone()));
    for (network, epoch, oracle) in [
        ([8; 32], EPOCH, net.key(0)),
        (NETWORK, EPOCH + 1, net.key(0)),
        (NETWORK, EPOCH, net.key(1)),
    ] {
        assert_eq!(
            Bundle::open(&sealed, &network, epoch, &oracle),
            Err(BundleError::OtherBundle)
        );
    }
    let by_another = bundle.seal(&net.oracles[1]);
    assert_eq!(
        Bundle::open(&by_another, &NETWORK, EPOCH, &net.key(0)),
        Err(BundleError::Signature)
    );
}

#[test]
fn no_byte_of_a_sealed_bundle_can_be_changed() {
    let net = Net::new(4);
    let (member, _) = drawn_and_not(&net);
    let sealed = net.bundle(member, 8_000).seal(&net.oracles[usize::from(member)]);
    for at in (0..sealed.len()).step_by(5) {
        let mut bent = sealed.clone();
        bent[at] ^= 1;
        assert!(
            Bundle::open(&bent, &NETWORK, EPOCH, &net.key(member)).is_err(),
            "byte {at}"
        );
    }
    let mut long = sealed.clone();
    long.push(0);
    assert_eq!(
        Bundle::open(&long, &NETWORK, EPOCH, &net.key(member)),
        Err(BundleError::Encoding)
    );
}

#[test]
fn a_bundle_out_of_order_is_refused() {
    let net = Net::new(4);
    let (member, _) = drawn_and_not(&net);
    let bundle = net.bundle(member, 8_000);
    let sealed = bundle.seal(&net.oracles[usize::from(member)]);
    // Network, epoch, oracle, number of receipts; then two receipts of one length.
    let (from, length) = (32 + 8 + 32 + 4, bundle.receipts()[0].encode().len());
    let mut swapped = sealed.clone();
    swapped[from..from + length].copy_from_slice(&sealed[from + length..from + 2 * length]);
    swapped[from + length..from + 2 * length].copy_from_slice(&sealed[from..from + length]);
    assert_eq!(
        Bundle::open(&swapped, &NETWORK, EPOCH, &net.key(member)),
        Err(BundleError::Order)
    );
}

#[test]
fn honest_receipts_all_count() {
    let net = Net::new(4);
    let mut evidence = evidence(&net.rules, &net.bundles(8_000));
    assert_eq!((evidence.measurements.len(), evidence.dropped.len()), (6, 0));
    let used = BTreeSet::from([0, 1, 2, 3]);
    let result = aggregate(
        &net.rules,
        &used,
        &evidence.nodes,
        &mut evidence.measurements,
        &BTreeMap::new(),
    );
    let [leaf] = result.leaves[..] else { panic!("one leaf") };
    assert_eq!(
        (leaf.down_kbps, leaf.up_kbps, leaf.rtt_us, leaf.uptime_bps),
        (8_000, 8_000, 4_000, 10_000)
    );
    assert_eq!((leaf.contribution, leaf.cumulative_reward), (8_000 * 60, 1_000_000));
}

#[test]
fn receipts_that_do_not_hold_are_dropped_with_the_reason() {
    let net = Net::new(4);
    let (drawn, not_drawn) = drawn_and_not(&net);
    let (good, seed) = net.receipt(drawn, 0, 8_000);
    let bend = |change: fn(&mut SignedReceipt)| {
        let mut signed = net.sign(drawn, good, seed);
        change(&mut signed);
        (drawn, signed)
    };
    let (elsewhere, elsewhere_seed) = net.receipt(not_drawn, 0, 8_000);
    let stranger = lumora_pob::Identity::from_secret([55; 32]);
    let mut by_a_stranger = good;
    by_a_stranger.prover_key = stranger.public();
    let mut by_a_stranger = net.sign(drawn, by_a_stranger, seed);
    by_a_stranger.prover_signature = Some(by_a_stranger.receipt.sign(&stranger));
    let resigned = |change: fn(&mut lumora_pob::Receipt)| {
        let mut receipt = good;
        change(&mut receipt);
        (drawn, net.sign(drawn, receipt, seed))
    };

    for ((member, signed), named) in [
        (bend(|signed| signed.receipt.down.kbps = 80_000), "80000 kbit/s where"),
        (bend(|signed| signed.prover_signature = None), "prover's signature"),
        (
            bend(|signed| signed.challenger_signature[3] ^= 1),
            "challenger's signature",
        ),
        (bend(|signed| signed.seed = [3; 32]), "seed"),
        (resigned(|receipt| receipt.epoch = 6), "epoch"),
        (resigned(|receipt| receipt.network_id = [4; 32]), "network"),
        (resigned(|receipt| receipt.node = [5; 32]), "did not see on chain"),
        (resigned(|receipt| receipt.round = 2), "not drawn"),
        ((drawn, by_a_stranger), "transport key"),
        ((not_drawn, net.sign(not_drawn, elsewhere, elsewhere_seed)), "not drawn"),
        ((not_drawn, net.sign(drawn, good, seed)), "not the author"),
    ] {
        let mut bundles = net.bundles(8_000);
        let bundle = Bundle::new(NETWORK, EPOCH, net.key(member), vec![signed], vec![net.sighting()]);
        bundles.insert(member, bundle);
        let evidence = evidence(&net.rules, &bundles);
        let [dropped] = &evidence.dropped[..] else {
            panic!("{named}: {:?}", evidence.dropped)
        };
        assert!(
            dropped.member == member && dropped.why.contains(named),
            "{named}: {}",
            dropped.why
        );
    }
}

#[test]
fn receipts_with_a_made_up_transcript_are_found_out_by_the_replayed_sample() {
    let net = Net::new(4);
    let (drawn, _) = drawn_and_not(&net);
    let (mut receipt, seed) = net.receipt(drawn, 0, 8_000);
    receipt.transcript_root = [66; 32];
    let mut found_out = 0;
    for time in 0..64 {
        receipt.unix_timestamp = time;
        let signed = net.sign(drawn, receipt, seed);
        let bundle = Bundle::new(NETWORK, EPOCH, net.key(drawn), vec![signed], vec![net.sighting()]);
        let evidence = evidence(&net.rules, &BTreeMap::from([(drawn, bundle)]));
        found_out += evidence
            .dropped
            .iter()
            .filter(|dropped| dropped.why.contains("transcript"))
            .count();
    }
    // One in eight on average: none of 64 has a chance of one in five thousand, and the draw is fixed by the inputs.
    assert!((1..32).contains(&found_out), "{found_out} of 64");
}

#[test]
fn failures_are_evidence_of_a_reason_and_not_of_a_rate() {
    let net = Net::new(4);
    let mut bundles = BTreeMap::new();
    for member in 0..4 {
        let failed = net.receipts(member, 8_000).into_iter().map(|signed| {
            let mut receipt = signed.receipt;
            (receipt.down, receipt.up) = Default::default();
            receipt.reason = Reason::Aborted as u8;
            SignedReceipt {
                prover_signature: None,
                ..net.sign(member, receipt, signed.seed)
            }
        });
        let bundle = Bundle::new(NETWORK, EPOCH, net.key(member), failed.collect(), vec![net.sighting()]);
        bundles.insert(member, bundle);
    }
    let mut evidence = evidence(&net.rules, &bundles);
    assert_eq!(evidence.dropped, []);
    let used = BTreeSet::from([0, 1, 2, 3]);
    let result = aggregate(
        &net.rules,
        &used,
        &evidence.nodes,
        &mut evidence.measurements,
        &BTreeMap::new(),
    );
    let leaf = result.leaves[0];
    assert_eq!(
        (leaf.reason, leaf.down_kbps, leaf.uptime_bps),
        (Reason::Aborted as u8, 0, 0)
    );
}

#[test]
fn a_lying_minority_cannot_invent_a_node_nor_change_what_the_chain_says_of_one() {
    let net = Net::new(4);
    let truth = Sighting {
        completed: 20,
        expired: 1,
        marred: 30_000,
        ..net.sighting()
    };
    let said = |member, sightings| {
        let bundle = Bundle::new(NETWORK, EPOCH, net.key(member), net.receipts(member, 8_000), sightings);
        (member, bundle)
    };
    for marred in [0, u64::MAX] {
        let lie = Sighting {
            limit_kbps: u32::MAX,
            transport_key: [3; 32],
            completed: 0,
            failed: 1_000,
            marred,
            paused: true,
            ..truth
        };
        let invented = Sighting {
            node: [77; 32],
            ..truth
        };
        let bundles = BTreeMap::from([
            said(0, vec![lie, invented]),
            said(1, vec![truth]),
            said(2, vec![truth]),
            said(3, vec![truth]),
        ]);
        let evidence = evidence(&net.rules, &bundles);
        assert_eq!(evidence.nodes.keys().collect::<Vec<_>>(), [&NODE]);
        let facts = evidence.nodes[&NODE];
        assert_eq!((facts.limit_kbps, facts.paused), (100_000, false));
        let outcomes = (facts.completed, facts.failed, facts.expired, facts.marred);
        assert_eq!(outcomes, (20, 0, 1, 30_000));
        assert_eq!((facts.transport_key, evidence.dropped.len()), (net.node.public(), 0));
    }
}
