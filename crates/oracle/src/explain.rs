//! How each node's figures came about, for the node's owner and for whoever doubts them.

use std::collections::BTreeMap;

use lumora_client::oracle_api::{ExplainedChallenger, ExplainedDrop, ExplainedMeasurement, Explanation};
use lumora_core::{
    attestation::Leaf,
    contribution,
    hash::Hash,
    reason::Reason,
    units::{Bps, Lmr},
};
use lumora_interface::Address;

use crate::{
    aggregate::{Aggregate, EpochRules, Measurement, Rounds, of_each_challenger},
    evidence::{Dropped, Evidence},
};

/// Explains every leaf, in the order of the leaves.
pub fn explanations<'a>(
    rules: &'a EpochRules,
    result: &'a Aggregate,
    evidence: &'a Evidence,
) -> impl Iterator<Item = (&'a Hash, Explanation)> {
    let keys: BTreeMap<u8, Address> = rules
        .members
        .iter()
        .map(|(index, key)| (*index, Address::new_from_array(*key)))
        .collect();
    let mut dropped: BTreeMap<Hash, Vec<&Dropped>> = BTreeMap::new();
    for drop in &evidence.dropped {
        dropped.entry(drop.node).or_default().push(drop);
    }
    result.leaves.iter().zip(&result.rounds).map(move |(leaf, rounds)| {
        let from = evidence
            .measurements
            .partition_point(|measurement| measurement.node < leaf.node);
        let count = evidence.measurements[from..].partition_point(|measurement| measurement.node == leaf.node);
        let mut explanation = explain(rules, leaf, rounds, &evidence.measurements[from..from + count], &keys);
        explanation.total_contribution = result.total_contribution;
        explanation.reward = contribution::reward(
            leaf.contribution,
            result.total_contribution,
            rules.amount,
            Bps(leaf.reputation_bps),
        )
        .0;
        if let Some(facts) = evidence.nodes.get(&leaf.node) {
            explanation.limit_kbps = facts.limit_kbps;
            explanation.completed = facts.completed;
            explanation.failed = facts.failed;
            explanation.expired = facts.expired;
            explanation.marred = facts.marred;
        }
        explanation.dropped = dropped
            .get(&leaf.node)
            .into_iter()
            .flatten()
            .map(|drop| explain_drop(drop))
            .collect();
        (&leaf.node, explanation)
    })
}

/// What can be said about a leaf without looking at others.
fn explain(
    rules: &EpochRules,
    leaf: &Leaf,
    rounds: &Rounds,
    measurements: &[Measurement],
    keys: &BTreeMap<u8, Address>,
) -> Explanation {
    let Lmr(amount) = rules.amount;
    Explanation {
        figures: (*leaf).into(),
        sentence: Reason::from_code(leaf.reason).map_or("", Reason::sentence).to_owned(),
        counted_rounds: rounds.counted,
        answered_rounds: rounds.answered,
        measurements: measurements.iter().map(explain_measurement).collect(),
        challengers: explain_challengers(measurements, keys),
        dropped: Vec::new(),
        limit_kbps: 0,
        completed: 0,
        failed: 0,
        expired: 0,
        marred: 0,
        epoch_seconds: rules.seconds,
        available_seconds: contribution::available_seconds(Bps(leaf.uptime_bps), rules.seconds),
        total_contribution: 0,
        amount,
        reward: 0,
    }
}

fn explain_measurement(measurement: &Measurement) -> ExplainedMeasurement {
    ExplainedMeasurement {
        round: measurement.round,
        member: measurement.member,
        down_kbps: measurement.down_kbps,
        up_kbps: measurement.up_kbps,
        rtt_us: measurement.rtt_us,
        reason: measurement.reason,
    }
}

fn explain_challengers(measurements: &[Measurement], keys: &BTreeMap<u8, Address>) -> Vec<ExplainedChallenger> {
    let measured: Vec<Measurement> = measurements
        .iter()
        .filter(|measurement| measurement.measured)
        .copied()
        .collect();
    let down = of_each_challenger(&measured, |measurement| measurement.down_kbps);
    let up = of_each_challenger(&measured, |measurement| measurement.up_kbps);
    let rtt = of_each_challenger(&measured, |measurement| measurement.rtt_us);
    let figure = |figures: &BTreeMap<u8, u32>, member| figures.get(&member).copied().unwrap_or_default();
    down.iter()
        .map(|(member, down_kbps)| ExplainedChallenger {
            member: *member,
            oracle: keys.get(member).copied().unwrap_or_default(),
            down_kbps: *down_kbps,
            up_kbps: figure(&up, *member),
            rtt_us: figure(&rtt, *member),
        })
        .collect()
}

fn explain_drop(dropped: &Dropped) -> ExplainedDrop {
    ExplainedDrop {
        round: dropped.round,
        member: dropped.member,
        why: dropped.why.clone(),
    }
}
