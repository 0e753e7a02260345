//! From measurements to leaves: integers only, no I/O, and the same bytes for the same set of inputs in whatever order
//! they came.

use std::collections::{BTreeMap, BTreeSet};

use lumora_core::{
    attestation::{Leaf, Statement},
    contribution,
    hash::{Hash, sha256},
    median::trimmed_lower_median,
    merkle::Tree,
    reason::Reason,
    reputation,
    schedule::{self, NetworkTag},
    units::{Bps, Kbps, Lmr},
};

use crate::shares::{self, Neighbour};

/// What all oracles know about an epoch beforehand, from the chain and the network's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochRules {
    /// The network's id.
    pub network_id: [u8; 32],
    /// Number of the epoch.
    pub epoch: u64,
    /// Decides who measures whom.
    pub seed: Hash,
    /// The members when the epoch was opened: index in the oracle set, and key. Ascending.
    pub members: Vec<(u8, Hash)>,
    /// Rounds of measurement.
    pub rounds: u32,
    /// Oracles that measure a node in a round.
    pub challengers_per_round: u32,
    /// Length of the epoch in seconds.
    pub seconds: u32,
    /// What the emission schedule gives for the epoch.
    pub amount: Lmr,
    /// Nodes behind one network that can earn.
    pub nodes_per_network: u32,
    /// Nodes of one owner that can earn.
    pub nodes_per_owner: u32,
}

impl EpochRules {
    /// Indices (in the oracle set) of the members that measure `node` in `round`.
    pub fn challengers(&self, round: u32, node: &Hash) -> Vec<u8> {
        let keys: Vec<Hash> = self.members.iter().map(|(_, key)| *key).collect();
        let count = usize::try_from(self.challengers_per_round).unwrap_or(usize::MAX);
        schedule::challengers(&self.seed, round, node, &keys, count)
            .into_iter()
            .filter_map(|chosen| self.members.get(chosen).map(|(index, _)| *index))
            .collect()
    }

    /// Decides between nodes that are equal otherwise, anew in each epoch.
    fn lot(&self, node: &Hash) -> Hash {
        sha256(&[b"lumora lot v1", &self.seed, node])
    }

    /// Least number of different challengers behind a figure. Of `n` members fewer than a third lie, that is at most
    /// `f = (n - 1) / 3`; the lower median of `2 f` figures or more is at most some honest one.
    pub fn least_challengers(&self) -> usize {
        (2 * (self.members.len().saturating_sub(1) / 3)).max(1)
    }
}

/// What the oracles agree on about a node that is on chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeFacts {
    /// Key with which the node signs receipts.
    pub transport_key: Hash,
    /// Wallet that owns the node.
    pub owner: Hash,
    /// Rate that its provider is willing to share, kbit/s.
    pub limit_kbps: u32,
    /// Whether its owner keeps it from being measured.
    pub paused: bool,
    /// Assignments completed in its lifetime.
    pub completed: u64,
    /// Assignments whose result the majority did not agree with.
    pub failed: u64,
    /// Assignments that ran out of time.
    pub expired: u64,
    /// What buyers' ratings take off, in parts of 10,000 of a shard; see `core::reputation`.
    pub marred: u64,
}

/// A receipt that passed every check, less what is not needed any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Measurement {
    /// Address of the node's account.
    pub node: Hash,
    /// The round.
    pub round: u32,
    /// Index of the challenger in the oracle set.
    pub member: u8,
    /// Rate towards the node, kbit/s.
    pub down_kbps: u32,
    /// Rate from the node, kbit/s.
    pub up_kbps: u32,
    /// Smallest round trip, microseconds.
    pub rtt_us: u32,
    /// Tells which network it came from.
    pub network: NetworkTag,
    /// The pass of its round in which it began with its network, if it did.
    pub pass: u8,
    /// A code of [`Reason`].
    pub reason: u8,
    /// Whether something was measured, as against a failure that the challenger recorded.
    pub measured: bool,
}

/// Lifetime figures that an epoch starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Contribution, kbit.
    pub contribution: u64,
    /// Reward, LMR base units.
    pub reward: u64,
}

/// An epoch's figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aggregate {
    /// One leaf per node, by node.
    pub leaves: Vec<Leaf>,
    /// Rounds that counted, and of them those that the node answered; in the order of the leaves.
    pub rounds: Vec<Rounds>,
    /// Sum of the contributions of this epoch, kbit.
    pub total_contribution: u64,
    /// Sum of the rewards of this epoch, LMR base units.
    pub epoch_reward: u64,
    /// Sum of the lifetime rewards, LMR base units.
    pub cumulative_reward: u64,
}

/// How much of an epoch a node was there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rounds {
    /// Rounds of which at least one challenger's bundle was used.
    pub counted: u32,
    /// Rounds that the node answered.
    pub answered: u32,
}

impl Aggregate {
    /// The Merkle tree over the leaves.
    pub fn tree(&self) -> Tree {
        tree(&self.leaves)
    }

    /// What a quorum signs about these figures. `None` where there are more leaves than the chain can count.
    pub fn statement(
        &self,
        rules: &EpochRules,
        program: [u8; 32],
        set_version: u32,
        bundles: u32,
        expires_at: i64,
    ) -> Option<Statement> {
        Some(Statement {
            network_id: rules.network_id,
            program,
            epoch: rules.epoch,
            set_version,
            root: self.tree().root(),
            leaf_count: u32::try_from(self.leaves.len()).ok()?,
            total_contribution: self.total_contribution,
            epoch_reward: self.epoch_reward,
            cumulative_reward: self.cumulative_reward,
            bundles,
            expires_at,
        })
    }
}

/// The Merkle tree over leaves, in their order.
pub fn tree(leaves: &[Leaf]) -> Tree {
    Tree::new(leaves.iter().map(Leaf::hash).collect())
}

/// One node's figures before rewards, which depend on everybody's.
struct Figures {
    facts: NodeFacts,
    /// The network that it was measured on, if it was.
    network: Option<NetworkTag>,
    down: u32,
    up: u32,
    rtt: u32,
    rounds: Rounds,
    uptime: Bps,
    reputation: Bps,
    reason: Reason,
    contribution: u64,
}

/// Works out every node's leaf. `used` are the members whose bundles count; `measurements` come from those only, one per
/// node, round and member; they are sorted. Nodes that were rewarded before keep their leaf for ever, for a claim pays the difference to
/// the lifetime figure.
pub fn aggregate(
    rules: &EpochRules,
    used: &BTreeSet<u8>,
    nodes: &BTreeMap<Hash, NodeFacts>,
    measurements: &mut [Measurement],
    carried: &BTreeMap<Hash, Carried>,
) -> Aggregate {
    measurements.sort_unstable();
    let measurements = &*measurements;
    let everybody: BTreeSet<Hash> = nodes.keys().chain(carried.keys()).copied().collect();
    let mut figures: Vec<(Hash, Figures)> = everybody
        .into_iter()
        .map(|node| {
            let own = of_node(measurements, &node);
            (node, figures(rules, used, &node, nodes.get(&node), own))
        })
        .collect();
    share_networks(rules, measurements, &mut figures);
    for (_, figures) in &mut figures {
        let seconds = contribution::available_seconds(figures.uptime, rules.seconds);
        // Fetching is what the network buys of a link, so the rate towards the node is what counts.
        figures.contribution = contribution::contribution(Kbps(figures.down), Kbps(figures.facts.limit_kbps), seconds);
    }
    share_owners(rules, &mut figures);
    let total = figures
        .iter()
        .fold(0u64, |sum, (_, figures)| sum.saturating_add(figures.contribution));

    let mut leaves = Vec::with_capacity(figures.len());
    let (mut epoch_reward, mut cumulative_reward) = (0u64, 0u64);
    for (node, figures) in &figures {
        let before = carried.get(node).copied().unwrap_or_default();
        let reward = contribution::reward(figures.contribution, total, rules.amount, figures.reputation).0;
        epoch_reward = epoch_reward.saturating_add(reward);
        let lifetime = before.reward.saturating_add(reward);
        cumulative_reward = cumulative_reward.saturating_add(lifetime);
        leaves.push(Leaf {
            node: *node,
            epoch: rules.epoch,
            down_kbps: figures.down,
            up_kbps: figures.up,
            rtt_us: figures.rtt,
            uptime_bps: figures.uptime.0,
            reputation_bps: figures.reputation.0,
            reason: figures.reason as u8,
            contribution: figures.contribution,
            cumulative_contribution: before.contribution.saturating_add(figures.contribution),
            cumulative_reward: lifetime,
        });
    }
    let rounds = figures.iter().map(|(_, figures)| figures.rounds).collect();
    Aggregate {
        leaves,
        rounds,
        total_contribution: total,
        epoch_reward,
        cumulative_reward,
    }
}

fn figures(
    rules: &EpochRules,
    used: &BTreeSet<u8>,
    node: &Hash,
    facts: Option<&NodeFacts>,
    measurements: &[Measurement],
) -> Figures {
    let (measured, failed): (Vec<Measurement>, Vec<Measurement>) = measurements
        .iter()
        .copied()
        .partition(|measurement| measurement.measured);
    let network = network(&measured);
    let measured: Vec<Measurement> = measured
        .into_iter()
        .filter(|measurement| Some(measurement.network) == network)
        .collect();
    let rounds = rounds(rules, used, node, &measured);
    let uptime = Bps::ratio(u64::from(rounds.answered), u64::from(rounds.counted));
    let facts = facts.copied().unwrap_or_default();
    let reputation = reputation::from_outcomes(facts.completed, facts.failed, facts.expired, facts.marred);
    let nothing = |reason| Figures {
        facts,
        network: None,
        down: 0,
        up: 0,
        rtt: 0,
        rounds,
        uptime,
        reputation,
        reason,
        contribution: 0,
    };

    let challengers: BTreeSet<u8> = measured.iter().map(|measurement| measurement.member).collect();
    if challengers.is_empty() {
        return nothing(if facts.paused {
            Reason::Paused
        } else {
            why_nothing(&failed)
        });
    }
    if challengers.len() < rules.least_challengers() {
        return nothing(Reason::TooFewChallengers);
    }
    Figures {
        facts,
        network,
        down: agreed(&measured, |measurement| measurement.down_kbps),
        up: agreed(&measured, |measurement| measurement.up_kbps),
        rtt: agreed(&measured, |measurement| measurement.rtt_us),
        rounds,
        uptime,
        reputation,
        reason: why_not_more(uptime, &measured),
        contribution: 0,
    }
}

/// A node's part of measurements that are sorted.
fn of_node<'a>(measurements: &'a [Measurement], node: &Hash) -> &'a [Measurement] {
    let begin = measurements.partition_point(|measurement| measurement.node < *node);
    let rest = &measurements[begin..];
    &rest[..rest.partition_point(|measurement| measurement.node == *node)]
}

/// The network that most of the measurements came from, of equals the one with the lowest tag. Those from elsewhere do not
/// count: a node that could be measured through another network each time would never meet its neighbours.
fn network(measured: &[Measurement]) -> Option<NetworkTag> {
    let mut counts: BTreeMap<NetworkTag, usize> = BTreeMap::new();
    for measurement in measured {
        *counts.entry(measurement.network).or_default() += 1;
    }
    let most = counts.values().max().copied()?;
    counts.into_iter().find(|(_, count)| *count == most).map(|(tag, _)| tag)
}

/// Where nodes share a network, none gets more than its part of what they showed together.
fn share_networks(rules: &EpochRules, measurements: &[Measurement], figures: &mut [(Hash, Figures)]) {
    let mut networks: BTreeMap<NetworkTag, Vec<usize>> = BTreeMap::new();
    for (index, (_, figures)) in figures.iter().enumerate() {
        if let Some(network) = figures.network {
            networks.entry(network).or_default().push(index);
        }
    }
    for (tag, members) in networks {
        if members.len() < 2 {
            continue;
        }
        let neighbour = |index: &usize| {
            let (node, figures) = &figures[*index];
            let counted = of_node(measurements, node)
                .iter()
                .filter(|measurement| measurement.measured && measurement.network == tag);
            let present = counted.filter_map(|measurement| {
                let challengers = rules.challengers(measurement.round, node);
                let order = challengers.iter().position(|member| *member == measurement.member)?;
                Some(((measurement.round, order), measurement.pass))
            });
            Neighbour {
                kbps: figures.down,
                present: present.collect(),
                lot: rules.lot(node),
            }
        };
        let neighbours: Vec<Neighbour> = members.iter().map(neighbour).collect();
        let most = usize::try_from(rules.nodes_per_network).unwrap_or(usize::MAX);
        for (index, share) in members.into_iter().zip(shares::of_network(&neighbours, most)) {
            let figures = &mut figures[index].1;
            match share {
                None => figures.withhold(Reason::NetworkShare),
                Some(share) if share < figures.down => {
                    // What is left of Up is told in proportion; it earns nothing.
                    let up = u64::from(figures.up) * u64::from(share) / u64::from(figures.down.max(1));
                    (figures.down, figures.up) = (share, u32::try_from(up).unwrap_or_default());
                    figures.reason = Reason::SharedLink;
                }
                Some(_) => {}
            }
        }
    }
}

/// No more than so many nodes of one owner earn; a lot decides which.
fn share_owners(rules: &EpochRules, figures: &mut [(Hash, Figures)]) {
    let mut owners: BTreeMap<Hash, Vec<usize>> = BTreeMap::new();
    for (index, (_, figures)) in figures.iter().enumerate() {
        if figures.contribution > 0 {
            owners.entry(figures.facts.owner).or_default().push(index);
        }
    }
    let most = usize::try_from(rules.nodes_per_owner).unwrap_or(usize::MAX);
    for (_, mut nodes) in owners {
        if nodes.len() > most {
            nodes.sort_by_cached_key(|index| rules.lot(&figures[*index].0));
            for index in nodes.drain(most..) {
                figures[index].1.withhold(Reason::OwnerShare);
            }
        }
    }
}

impl Figures {
    /// Earns nothing, for this reason.
    fn withhold(&mut self, reason: Reason) {
        (self.down, self.up, self.contribution) = (0, 0, 0);
        self.reason = reason;
    }
}

/// A round counts when at least one of its challengers' bundles is used: what dead oracles did not measure is not held
/// against the node. It is answered when more than a third of those challengers measured the node: a lying minority
/// cannot make an absent node present.
fn rounds(rules: &EpochRules, used: &BTreeSet<u8>, node: &Hash, measured: &[Measurement]) -> Rounds {
    let mut rounds = Rounds::default();
    for round in 0..rules.rounds {
        let present = rules
            .challengers(round, node)
            .iter()
            .filter(|member| used.contains(member))
            .count();
        if present == 0 {
            continue;
        }
        rounds.counted += 1;
        let answers = measured.iter().filter(|measurement| measurement.round == round).count();
        if answers > present / 3 {
            rounds.answered += 1;
        }
    }
    rounds
}

/// The trimmed lower median of the challengers' figures: who was drawn more often does not count more, so that the bound
/// "fewer than a third of the challengers lie" holds.
fn agreed(measured: &[Measurement], figure: impl Fn(&Measurement) -> u32) -> u32 {
    let mut figures: Vec<u64> = of_each_challenger(measured, figure)
        .into_values()
        .map(u64::from)
        .collect();
    // Each figure came from 32 bits.
    trimmed_lower_median(&mut figures)
        .and_then(|figure| u32::try_from(figure).ok())
        .unwrap_or_default()
}

/// What each challenger says: the lower median of what it measured.
pub fn of_each_challenger(measured: &[Measurement], figure: impl Fn(&Measurement) -> u32) -> BTreeMap<u8, u32> {
    let mut by_challenger: BTreeMap<u8, Vec<u64>> = BTreeMap::new();
    for measurement in measured {
        by_challenger
            .entry(measurement.member)
            .or_default()
            .push(u64::from(figure(measurement)));
    }
    let middle = |(member, mut figures): (u8, Vec<u64>)| {
        // Each figure came from 32 bits.
        Some((member, u32::try_from(trimmed_lower_median(&mut figures)?).ok()?))
    };
    by_challenger.into_iter().filter_map(middle).collect()
}

/// The failure that was recorded most often, of equals the one with the lowest code. Never that answers were forged: it costs
/// part of a bond, and here one challenger's word would be enough.
fn why_nothing(failed: &[Measurement]) -> Reason {
    let mut counts: BTreeMap<u8, usize> = BTreeMap::new();
    for measurement in failed
        .iter()
        .filter(|measurement| measurement.reason != Reason::Forged as u8)
    {
        *counts.entry(measurement.reason).or_default() += 1;
    }
    let most = counts.values().max().copied().unwrap_or_default();
    counts
        .into_iter()
        .find(|(_, count)| *count == most)
        .and_then(|(code, _)| Reason::from_code(code))
        .filter(|reason| *reason != Reason::None)
        .unwrap_or(Reason::NoMeasurement)
}

fn why_not_more(uptime: Bps, measured: &[Measurement]) -> Reason {
    let at_limit = measured
        .iter()
        .filter(|measurement| measurement.reason == Reason::AtLimit as u8)
        .count();
    if uptime < Bps::ONE {
        Reason::RoundsMissed
    } else if at_limit * 2 > measured.len() {
        Reason::AtLimit
    } else {
        Reason::None
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use lumora_core::merkle;
    use proptest::{prelude::*, sample::subsequence};

    use super::*;

    const AMOUNT: u64 = 1_000_000_000;

    fn rules(members: u8, rounds: u32, challengers_per_round: u32) -> EpochRules {
        EpochRules {
            network_id: [1; 32],
            epoch: 7,
            seed: [2; 32],
            members: (0..members).map(|index| (index, [index + 100; 32])).collect(),
            rounds,
            challengers_per_round,
            seconds: 60,
            amount: Lmr(AMOUNT),
            nodes_per_network: 4,
            nodes_per_owner: 100,
        }
    }

    fn aggregated(
        rules: &EpochRules,
        used: &BTreeSet<u8>,
        nodes: &BTreeMap<Hash, NodeFacts>,
        measurements: &[Measurement],
        carried: &BTreeMap<Hash, Carried>,
    ) -> Aggregate {
        aggregate(rules, used, nodes, &mut measurements.to_vec(), carried)
    }

    fn facts(limit_kbps: u32) -> NodeFacts {
        NodeFacts {
            limit_kbps,
            ..NodeFacts::default()
        }
    }

    fn everyone(rules: &EpochRules) -> BTreeSet<u8> {
        rules.members.iter().map(|(index, _)| *index).collect()
    }

    /// Every scheduled measurement of a node by the members given, at the rate that `rate` says.
    fn measured(rules: &EpochRules, node: u8, used: &BTreeSet<u8>, rate: impl Fn(u8) -> u32) -> Vec<Measurement> {
        let (node, network) = ([node; 32], [node; 8]);
        let mut all = Vec::new();
        for round in 0..rules.rounds {
            for member in rules
                .challengers(round, &node)
                .into_iter()
                .filter(|member| used.contains(member))
            {
                let kbps = rate(member);
                let (down_kbps, up_kbps, rtt_us) = (kbps, kbps / 2, kbps / 10);
                all.push(Measurement {
                    node,
                    round,
                    member,
                    down_kbps,
                    up_kbps,
                    rtt_us,
                    network,
                    pass: u8::MAX,
                    reason: 0,
                    measured: true,
                });
            }
        }
        all
    }

    #[test]
    fn an_honest_node_gets_its_rate_its_uptime_and_its_part() {
        let rules = rules(4, 3, 3);
        let used = everyone(&rules);
        let nodes = BTreeMap::from([([1; 32], facts(100_000)), ([2; 32], facts(10_000))]);
        let all = [
            measured(&rules, 1, &used, |_| 30_000),
            measured(&rules, 2, &used, |_| 30_000),
        ]
        .concat();
        let before = BTreeMap::from([(
            [2; 32],
            Carried {
                contribution: 5,
                reward: 7,
            },
        )]);
        let result = aggregated(&rules, &used, &nodes, &all, &before);

        let [one, two] = result.leaves[..] else {
            panic!("two leaves")
        };
        assert_eq!(
            (one.down_kbps, one.up_kbps, one.rtt_us, one.uptime_bps),
            (30_000, 15_000, 3_000, 10_000)
        );
        assert_eq!((one.contribution, two.contribution), (1_800_000, 600_000));
        assert_eq!(
            (one.cumulative_reward, two.cumulative_reward),
            (750_000_000, 250_000_007)
        );
        assert_eq!(
            (two.cumulative_contribution, result.total_contribution),
            (600_005, 2_400_000)
        );
        assert_eq!((result.epoch_reward, result.cumulative_reward), (AMOUNT, AMOUNT + 7));
    }

    #[test]
    fn a_node_that_is_gone_keeps_its_lifetime_figures() {
        let rules = rules(4, 2, 3);
        let before = BTreeMap::from([(
            [9; 32],
            Carried {
                contribution: 11,
                reward: 13,
            },
        )]);
        let result = aggregated(&rules, &everyone(&rules), &BTreeMap::new(), &[], &before);
        let [leaf] = result.leaves[..] else { panic!("one leaf") };
        assert_eq!(
            (leaf.cumulative_contribution, leaf.cumulative_reward, leaf.contribution),
            (11, 13, 0)
        );
        assert_eq!((leaf.reason, result.epoch_reward), (Reason::NoMeasurement as u8, 0));
    }

    #[test]
    fn every_zero_has_its_reason() {
        let rules = rules(4, 2, 3);
        let used = everyone(&rules);
        let limit = facts(1_000);
        let nodes = BTreeMap::from([
            ([1; 32], limit),
            ([2; 32], NodeFacts { paused: true, ..limit }),
            ([3; 32], limit),
            ([4; 32], limit),
            ([5; 32], limit),
            ([6; 32], limit),
            ([7; 32], limit),
        ]);
        let mut all = Vec::new();
        // That answers were forged is not taken from the challengers' word for a node that nobody measured.
        for (node, reason) in [(3, Reason::WrongDigest), (7, Reason::Forged)] {
            for measurement in measured(&rules, node, &used, |_| 0) {
                all.push(Measurement {
                    measured: false,
                    reason: reason as u8,
                    ..measurement
                });
            }
        }
        all.extend(measured(&rules, 4, &used, |_| 500).first());
        all.extend(
            measured(&rules, 5, &used, |_| 500)
                .into_iter()
                .filter(|measurement| measurement.round == 0),
        );
        for measurement in measured(&rules, 6, &used, |_| 1_000) {
            all.push(Measurement {
                reason: Reason::AtLimit as u8,
                ..measurement
            });
        }
        let result = aggregated(&rules, &used, &nodes, &all, &BTreeMap::new());
        let reasons: Vec<Reason> = result
            .leaves
            .iter()
            .filter_map(|leaf| Reason::from_code(leaf.reason))
            .collect();
        assert_eq!(
            reasons,
            [
                Reason::NoMeasurement,
                Reason::Paused,
                Reason::WrongDigest,
                Reason::TooFewChallengers,
                Reason::RoundsMissed,
                Reason::AtLimit,
                Reason::NoMeasurement
            ]
        );
        let earning: Vec<bool> = result.leaves.iter().map(|leaf| leaf.contribution > 0).collect();
        assert_eq!(earning, [false, false, false, false, true, true, false]);
        assert_eq!(result.leaves[4].uptime_bps, 5_000);
    }

    #[test]
    fn a_link_is_not_sold_twice_and_only_some_of_a_network_earn() {
        let mut rules = rules(4, 2, 3);
        let used = everyone(&rules);
        let nodes: BTreeMap<Hash, NodeFacts> = (1..=3).map(|node| ([node; 32], facts(100_000))).collect();
        // All three say that they have the whole link: two of them are never measured when the others are.
        let behind_one = |pass_of: fn(u8) -> u8| -> Vec<Measurement> {
            let all = (1..=3).flat_map(|node| measured(&rules, node, &used, |_| 60_000));
            all.map(|measurement| Measurement {
                network: [9; 8],
                pass: pass_of(measurement.node[0]),
                ..measurement
            })
            .collect()
        };
        let (apart, together) = (
            behind_one(|node| if node == 1 { 0 } else { u8::MAX }),
            behind_one(|_| 0),
        );
        let result = aggregated(&rules, &used, &nodes, &apart, &BTreeMap::new());
        let rates: Vec<u32> = result.leaves.iter().map(|leaf| leaf.down_kbps).collect();
        assert_eq!((rates[0], rates.iter().sum::<u32>()), (60_000, 63_000));
        let reasons = result
            .leaves
            .iter()
            .filter(|leaf| leaf.reason == Reason::SharedLink as u8);
        assert_eq!(reasons.count(), 2);
        // Measured at the same time, each has a link of its own.
        let result = aggregated(&rules, &used, &nodes, &together, &BTreeMap::new());
        assert!(result.leaves.iter().all(|leaf| leaf.down_kbps == 60_000));

        rules.nodes_per_network = 2;
        let result = aggregated(&rules, &used, &nodes, &together, &BTreeMap::new());
        let withheld = result
            .leaves
            .iter()
            .filter(|leaf| leaf.reason == Reason::NetworkShare as u8);
        assert_eq!(withheld.map(|leaf| leaf.contribution).collect::<Vec<_>>(), [0]);
        (rules.nodes_per_network, rules.nodes_per_owner) = (4, 1);
        let result = aggregated(&rules, &used, &nodes, &together, &BTreeMap::new());
        let withheld = result
            .leaves
            .iter()
            .filter(|leaf| leaf.reason == Reason::OwnerShare as u8);
        assert_eq!(
            withheld
                .map(|leaf| (leaf.contribution, leaf.down_kbps))
                .collect::<Vec<_>>(),
            [(0, 0); 2]
        );
    }

    #[test]
    fn what_came_through_another_network_does_not_count() {
        let rules = rules(4, 3, 3);
        let used = everyone(&rules);
        let nodes = BTreeMap::from([([1; 32], facts(100_000))]);
        let mut all = measured(&rules, 1, &used, |_| 30_000);
        for measurement in all.iter_mut().filter(|measurement| measurement.round == 2) {
            (measurement.network, measurement.down_kbps) = ([8; 8], 90_000);
        }
        let leaf = aggregated(&rules, &used, &nodes, &all, &BTreeMap::new()).leaves[0];
        assert_eq!((leaf.down_kbps, leaf.uptime_bps), (30_000, 6_666));
    }

    #[test]
    fn failed_shards_cost_reward() {
        let rules = rules(4, 2, 3);
        let used = everyone(&rules);
        let nodes = BTreeMap::from([(
            [1; 32],
            NodeFacts {
                failed: 8,
                ..facts(1_000)
            },
        )]);
        let result = aggregated(
            &rules,
            &used,
            &nodes,
            &measured(&rules, 1, &used, |_| 900),
            &BTreeMap::new(),
        );
        assert_eq!(
            (result.leaves[0].reputation_bps, result.epoch_reward),
            (5_000, AMOUNT / 2)
        );
    }

    #[test]
    fn dead_oracles_cost_the_node_nothing() {
        let rules = rules(4, 4, 3);
        let nodes = BTreeMap::from([([1; 32], facts(100_000))]);
        let all = everyone(&rules);
        let whole = aggregated(
            &rules,
            &all,
            &nodes,
            &measured(&rules, 1, &all, |_| 40_000),
            &BTreeMap::new(),
        );
        for dead in 0..4 {
            let used: BTreeSet<u8> = all.iter().copied().filter(|member| *member != dead).collect();
            let result = aggregated(
                &rules,
                &used,
                &nodes,
                &measured(&rules, 1, &used, |_| 40_000),
                &BTreeMap::new(),
            );
            assert_eq!(result.leaves, whole.leaves, "without oracle {dead}");
        }
    }

    #[test]
    fn a_lying_minority_cannot_make_an_absent_node_present() {
        let rules = rules(4, 6, 3);
        let used = everyone(&rules);
        let nodes = BTreeMap::from([([1; 32], facts(100_000))]);
        for liar in 0..4 {
            let lies: Vec<Measurement> = measured(&rules, 1, &used, |_| 90_000)
                .into_iter()
                .filter(|measurement| measurement.member == liar)
                .collect();
            let result = aggregated(&rules, &used, &nodes, &lies, &BTreeMap::new());
            assert_eq!((result.leaves[0].uptime_bps, result.epoch_reward), (0, 0));
        }
    }

    proptest! {
        #[test]
        fn the_order_of_inputs_does_not_matter(
            all in Just({
                let rules = rules(7, 3, 4);
                let used = everyone(&rules);
                (1..6).flat_map(|node| measured(&rules, node, &used, |m| 10_000 + u32::from(m))).collect::<Vec<_>>()
            }).prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        ) {
            let rules = rules(7, 3, 4);
            let used = everyone(&rules);
            let nodes: BTreeMap<Hash, NodeFacts> = (1..6u8).map(|node| ([node; 32], facts(50_000))).collect();
            let (sorted, shuffled) = all;
            let a = aggregated(&rules, &used, &nodes, &sorted, &BTreeMap::new());
            let b = aggregated(&rules, &used, &nodes, &shuffled, &BTreeMap::new());
            prop_assert_eq!(a.tree().root(), b.tree().root());
            prop_assert_eq!(a, b);
        }

        #[test]
        fn fewer_than_a_third_of_liars_cannot_raise_or_sink_a_rate(
            members in 4u8..=13,
            liars in any::<prop::sample::Index>(),
            lies in prop::collection::vec(any::<u32>(), 13),
        ) {
            // All members measure the node, so that the liars are fewer than a third of its challengers.
            let rules = rules(members, 2, u32::from(members));
            let used = everyone(&rules);
            let nodes = BTreeMap::from([([1; 32], facts(u32::MAX))]);
            let most = usize::from(members - 1) / 3;
            let first = liars.index(usize::from(members));
            let is_liar = |member: u8| (usize::from(member) + usize::from(members) - first) % usize::from(members) < most;
            let honest = |member: u8| 50_000 + u32::from(member);
            let all = measured(&rules, 1, &used, |m| if is_liar(m) { lies[usize::from(m)] } else { honest(m) });
            let leaf = aggregated(&rules, &used, &nodes, &all, &BTreeMap::new()).leaves[0];
            prop_assert!((50_000..50_000 + u32::from(members)).contains(&leaf.down_kbps), "{}", leaf.down_kbps);
        }

        #[test]
        fn with_honest_oracles_missing_the_liars_cannot_raise_a_rate(
            members in 4u8..=13,
            present in (4u8..=13).prop_flat_map(|n| subsequence((0..n).collect::<Vec<u8>>(), 0..=usize::from(n))),
            lies in prop::collection::vec(any::<u32>(), 13),
        ) {
            let rules = rules(members, 2, u32::from(members));
            let most = usize::from(members - 1) / 3;
            // The first `most` members lie and are always there; of the honest ones some are missing.
            let used: BTreeSet<u8> = (0..members)
                .filter(|member| usize::from(*member) < most || present.contains(member))
                .collect();
            let nodes = BTreeMap::from([([1; 32], facts(u32::MAX))]);
            let all =
                measured(&rules, 1, &used, |m| if usize::from(m) < most { lies[usize::from(m)] } else { 50_000 });
            let leaf = aggregated(&rules, &used, &nodes, &all, &BTreeMap::new()).leaves[0];
            prop_assert!(leaf.down_kbps <= 50_000, "{} of {used:?}", leaf.down_kbps);
        }

        #[test]
        fn an_epoch_never_pays_more_than_its_amount_and_every_leaf_proves(
            rates in prop::collection::vec((any::<u32>(), any::<u32>(), 0u64..50), 1..20),
        ) {
            let rules = rules(4, 2, 3);
            let used = everyone(&rules);
            let mut nodes = BTreeMap::new();
            let mut all = Vec::new();
            for (index, (rate, limit, failed)) in rates.iter().enumerate() {
                let node = index as u8 + 1;
                nodes.insert([node; 32], NodeFacts { failed: *failed, ..facts(*limit) });
                all.extend(measured(&rules, node, &used, |_| *rate));
            }
            let result = aggregated(&rules, &used, &nodes, &all, &BTreeMap::new());
            prop_assert!(result.epoch_reward <= AMOUNT);
            prop_assert_eq!(result.leaves.iter().map(|leaf| leaf.cumulative_reward).sum::<u64>(), result.epoch_reward);
            let tree = result.tree();
            for (index, leaf) in result.leaves.iter().enumerate() {
                let path = tree.path(index as u64).unwrap();
                prop_assert!(merkle::verify(&tree.root(), &leaf.hash(), index as u64, tree.len(), &path));
            }
        }
    }
}
