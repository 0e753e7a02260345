//! From bundles to what may be aggregated: node facts that the bundles agree on, and receipts that hold. Every oracle
//! comes to the same answer, because nothing but the bundles and the epoch's rules goes in.

use std::collections::BTreeMap;

use lumora_core::{
    hash::{Hash, sha256},
    median::trimmed_lower_median,
};
use lumora_pob::{SignedReceipt, receipt};

use crate::{
    aggregate::{EpochRules, Measurement, NodeFacts},
    bundle::{Bundle, Sighting},
};

/// One receipt in so many is replayed: its payload is made again from the revealed seed and compared. Which ones follows
/// from the roots of all bundles, so that all oracles replay the same, and a challenger that commits cannot know yet
/// which of its receipts will be.
const REPLAYED_ONE_IN: u8 = 8;

/// What an epoch's bundles say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The nodes that more than half of the bundles saw.
    pub nodes: BTreeMap<Hash, NodeFacts>,
    /// The receipts that hold, by node, round and member.
    pub measurements: Vec<Measurement>,
    /// Why receipts were dropped, in the order of members, rounds and nodes.
    pub dropped: Vec<Dropped>,
}

/// A receipt that does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Index of the oracle in whose bundle it stands.
    pub member: u8,
    /// Its round.
    pub round: u32,
    /// Its node.
    pub node: Hash,
    /// What is wrong with it.
    pub why: String,
}

/// Reads the bundles that are used, each under its author's index in the oracle set.
pub fn evidence(rules: &EpochRules, bundles: &BTreeMap<u8, Bundle>) -> Evidence {
    let nodes = agree_on_nodes(bundles.values().map(Bundle::sightings));
    let mut evidence = Evidence {
        nodes,
        ..Evidence::default()
    };
    let roots: Vec<Hash> = bundles.values().map(Bundle::root).collect();
    let draw = sha256(&[b"lumora replay v1", &rules.seed, roots.as_flattened()]);
    for (member, bundle) in bundles {
        for signed in bundle.receipts() {
            match check(rules, &evidence.nodes, &draw, *member, bundle.oracle(), signed) {
                Ok(measurement) => evidence.measurements.push(measurement),
                Err(why) => {
                    let (round, node) = (signed.receipt.round, signed.receipt.node);
                    evidence.dropped.push(Dropped {
                        member: *member,
                        round,
                        node,
                        why,
                    });
                }
            }
        }
    }
    evidence.measurements.sort_unstable();
    evidence
}

/// A node is there when more than half of the bundles saw it; each of its figures is the trimmed lower median of those
/// that saw it, its key the one that most saw (of equals the smallest).
fn agree_on_nodes<'a>(bundles: impl Iterator<Item = &'a [Sighting]>) -> BTreeMap<Hash, NodeFacts> {
    let mut seen: BTreeMap<Hash, Vec<&Sighting>> = BTreeMap::new();
    let mut count = 0;
    for sightings in bundles {
        count += 1;
        for sighting in sightings {
            seen.entry(sighting.node).or_default().push(sighting);
        }
    }
    seen.retain(|_, sightings| sightings.len() * 2 > count);
    seen.into_iter()
        .map(|(node, sightings)| (node, agree_on_node(&sightings)))
        .collect()
}

fn agree_on_node(sightings: &[&Sighting]) -> NodeFacts {
    let middle = |figure: fn(&Sighting) -> u64| {
        let mut figures: Vec<u64> = sightings.iter().map(|sighting| figure(sighting)).collect();
        trimmed_lower_median(&mut figures).unwrap_or_default()
    };
    let mut keys: BTreeMap<Hash, usize> = BTreeMap::new();
    for sighting in sightings {
        *keys.entry(sighting.transport_key).or_default() += 1;
    }
    let most = keys.values().max().copied().unwrap_or_default();
    let transport_key = keys
        .into_iter()
        .find(|(_, count)| *count == most)
        .map(|(key, _)| key)
        .unwrap_or_default();
    NodeFacts {
        transport_key,
        // Came from 32 bits.
        limit_kbps: u32::try_from(middle(|sighting| u64::from(sighting.limit_kbps))).unwrap_or(u32::MAX),
        paused: middle(|sighting| u64::from(sighting.paused)) == 1,
        completed: middle(|sighting| sighting.completed),
        failed: middle(|sighting| sighting.failed),
        expired: middle(|sighting| sighting.expired),
    }
}

fn check(
    rules: &EpochRules,
    nodes: &BTreeMap<Hash, NodeFacts>,
    draw: &Hash,
    member: u8,
    oracle: &Hash,
    signed: &SignedReceipt,
) -> Result<Measurement, String> {
    let receipt = &signed.receipt;
    let facts = nodes
        .get(&receipt.node)
        .ok_or("it is about a node that most oracles did not see on chain")?;
    if receipt.network_id != rules.network_id || receipt.epoch != rules.epoch {
        return Err("it is of another network or epoch".into());
    }
    if receipt.challenger_key != *oracle {
        return Err("its challenger is not the author of the bundle".into());
    }
    if receipt.prover_key != facts.transport_key {
        return Err("its prover's key is not the node's transport key".into());
    }
    // Rounds beyond the epoch's last would let a challenger measure a node as often as it likes.
    if receipt.round >= rules.rounds || !rules.challengers(receipt.round, &receipt.node).contains(&member) {
        return Err("this oracle was not drawn to measure this node in this round".into());
    }
    signed.verify().map_err(|error| error.to_string())?;
    if receipt.is_measured() && is_replayed(draw, signed) {
        receipt::replay(receipt, &signed.seed).map_err(|error| error.to_string())?;
    }
    Ok(Measurement {
        node: receipt.node,
        round: receipt.round,
        member,
        down_kbps: receipt.down.kbps,
        up_kbps: receipt.up.kbps,
        rtt_us: receipt.min_rtt_us,
        reason: receipt.reason,
        measured: receipt.is_measured(),
    })
}

fn is_replayed(draw: &Hash, signed: &SignedReceipt) -> bool {
    let [first, ..] = sha256(&[draw, &signed.encode()]);
    first % REPLAYED_ONE_IN == 0
}
