//! From bundles to what may be aggregated: node facts that the bundles agree on, and receipts that hold. Every oracle
//! comes to the same answer, because nothing but the bundles and the epoch's rules goes in.

use std::{borrow::Borrow, collections::BTreeMap, convert::Infallible};

use lumora_core::{
    hash::{Hash, sha256},
    median::trimmed_lower_median,
};
use lumora_pob::{SignedReceipt, chunk, receipt};
use rayon::prelude::*;

use crate::{
    aggregate::{EpochRules, Measurement, NodeFacts},
    bundle::{Bundle, Sighting},
};

/// One receipt in so many is replayed at least: its payload is made again from the revealed seed and compared. Which ones
/// follows from the roots of all bundles, so that all oracles replay the same, and a challenger that commits cannot know yet
/// which of its receipts will be.
const REPLAYED_ONE_IN: u64 = 8;

/// Payload bytes that are made again at most, on average: where an epoch has more, fewer receipts are drawn.
const REPLAYED_BYTES: u64 = 64 << 30;

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
    let members: Vec<u8> = bundles.keys().copied().collect();
    let read = |member: u8| Ok::<_, Infallible>(&bundles[&member]);
    match evidence_from(rules, &members, read) {
        Ok(evidence) => evidence,
        Err(never) => match never {},
    }
}

/// [`evidence`] from bundles that are not all in memory: each is read twice. `members` ascending.
pub fn evidence_from<B: Borrow<Bundle>, E>(
    rules: &EpochRules,
    members: &[u8],
    read: impl Fn(u8) -> Result<B, E>,
) -> Result<Evidence, E> {
    let mut roots: Vec<Hash> = Vec::with_capacity(members.len());
    let mut sightings: Vec<Sighting> = Vec::new();
    let mut payload_bytes: u64 = 0;
    for member in members {
        let bundle = read(*member)?;
        let bundle = bundle.borrow();
        roots.push(bundle.root());
        sightings.extend_from_slice(bundle.sightings());
        payload_bytes = bundle.receipts().iter().fold(payload_bytes, |sum, signed| {
            let [down, up] = [signed.receipt.down, signed.receipt.up].map(|direction| chunk::total(direction.chunks));
            sum.saturating_add(down).saturating_add(up)
        });
    }
    let draw = Draw {
        salt: sha256(&[b"lumora replay v1", &rules.seed, roots.as_flattened()]),
        one_in: payload_bytes.div_ceil(REPLAYED_BYTES).max(REPLAYED_ONE_IN),
    };
    let mut evidence = Evidence {
        nodes: agree_on_nodes(sightings, members.len()),
        ..Evidence::default()
    };
    for member in members {
        let bundle = read(*member)?;
        let bundle = bundle.borrow();
        let checked: Vec<Result<Measurement, String>> = bundle
            .receipts()
            .par_iter()
            .with_min_len(RECEIPTS_PER_TASK)
            .map(|signed| check(rules, &evidence.nodes, &draw, *member, bundle.oracle(), signed))
            .collect();
        for (signed, outcome) in bundle.receipts().iter().zip(checked) {
            match outcome {
                Ok(measurement) => evidence.measurements.push(measurement),
                Err(why) => evidence.dropped.push(Dropped {
                    member: *member,
                    round: signed.receipt.round,
                    node: signed.receipt.node,
                    why,
                }),
            }
        }
    }
    evidence.measurements.sort_unstable();
    Ok(evidence)
}

/// Receipts for which another processor is worth asking.
const RECEIPTS_PER_TASK: usize = 256;

/// Which receipts are replayed.
struct Draw {
    salt: Hash,
    one_in: u64,
}

impl Draw {
    fn takes(&self, signed: &SignedReceipt) -> bool {
        let [a, b, c, d, e, f, g, h, ..] = sha256(&[&self.salt, &signed.encode()]);
        u64::from_le_bytes([a, b, c, d, e, f, g, h]).is_multiple_of(self.one_in)
    }
}

/// A node is there when more than half of the bundles saw it; each of its figures is the trimmed lower median of those
/// that saw it, its keys the ones that most saw (of equals the smallest).
fn agree_on_nodes(mut sightings: Vec<Sighting>, bundles: usize) -> BTreeMap<Hash, NodeFacts> {
    sightings.sort_unstable_by_key(|sighting| sighting.node);
    sightings
        .chunk_by(|a, b| a.node == b.node)
        .filter(|seen| seen.len() * 2 > bundles)
        .filter_map(|seen| Some((seen.first()?.node, agree_on_node(seen))))
        .collect()
}

fn agree_on_node(sightings: &[Sighting]) -> NodeFacts {
    let middle = |figure: fn(&Sighting) -> u64| {
        let mut figures: Vec<u64> = sightings.iter().map(figure).collect();
        trimmed_lower_median(&mut figures).unwrap_or_default()
    };
    NodeFacts {
        transport_key: most_seen(sightings.iter().map(|sighting| sighting.transport_key)),
        owner: most_seen(sightings.iter().map(|sighting| sighting.owner)),
        // Came from 32 bits.
        limit_kbps: u32::try_from(middle(|sighting| u64::from(sighting.limit_kbps))).unwrap_or(u32::MAX),
        paused: middle(|sighting| u64::from(sighting.paused)) == 1,
        completed: middle(|sighting| sighting.completed),
        failed: middle(|sighting| sighting.failed),
        expired: middle(|sighting| sighting.expired),
        marred: middle(|sighting| sighting.marred),
    }
}

fn most_seen(keys: impl Iterator<Item = Hash>) -> Hash {
    let mut counts: BTreeMap<Hash, usize> = BTreeMap::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    let most = counts.values().max().copied().unwrap_or_default();
    counts
        .into_iter()
        .find(|(_, count)| *count == most)
        .map(|(key, _)| key)
        .unwrap_or_default()
}

fn check(
    rules: &EpochRules,
    nodes: &BTreeMap<Hash, NodeFacts>,
    draw: &Draw,
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
    if receipt.is_measured() && draw.takes(signed) {
        receipt::replay(receipt, &signed.seed).map_err(|error| error.to_string())?;
    }
    Ok(Measurement {
        node: receipt.node,
        round: receipt.round,
        member,
        down_kbps: receipt.down.kbps,
        up_kbps: receipt.up.kbps,
        rtt_us: receipt.min_rtt_us,
        network: receipt.network,
        pass: receipt.pass,
        reason: receipt.reason,
        measured: receipt.is_measured(),
    })
}
