//! Twenty epochs in which nodes and oracles are killed at random moments, and started again: every node's rewards are what
//! anybody works out from the receipts, to the base unit.
//!
//! Needs the built programs (`cargo xtask build-sbf`). `LUMORA_SEED` repeats a run's kills.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod fleet;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use fleet::{EPOCH_SECONDS, Fleet, Place, lumora, wait_for};
use lumora_core::hash::sha256;
use lumora_interface::{
    Address,
    bandwidth::{Epoch, ORACLE_SET, OracleSet, epoch_state},
    registry::{NETWORK, Network},
    rewards::{EMISSION, Emission, Reward, reward_address},
};
use lumora_oracle::bundle::Bundle;

const ORACLES: usize = 4;
const EPOCHS: u64 = 20;
/// What each node shares, kbit/s.
const RATES: [u32; 3] = [4_000, 8_000, 12_000];
const PATIENCE: Duration = Duration::from_secs(90);

/// Numbers for the choice of victims and pauses; they need be neither secret nor fair.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_epochs_with_kills_pay_what_the_receipts_say() {
    let seed = std::env::var("LUMORA_SEED").ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64);
    println!("LUMORA_SEED={seed}");
    let mut dice = Dice(seed);
    let mut fleet = Fleet::new((0..ORACLES).map(|_| Place::free()).collect(), RATES.len() as u16).await;
    let mut configs = BTreeMap::new();
    for index in 0..ORACLES {
        let (rpc, websocket) = (fleet.localnet.rpc_url(), fleet.localnet.websocket_url());
        let config = fleet.oracle_config(index, rpc, websocket, "");
        configs.insert(format!("oracle-{index}"), ("oracle", config));
    }
    let mut nodes = BTreeMap::new();
    for (index, rate) in RATES.into_iter().enumerate() {
        let (config, address) = fleet.node_config(index as u16, rate);
        configs.insert(format!("node-{index}"), ("node", config));
        nodes.insert(address, format!("node-{index}"));
    }
    let start = |fleet: &mut Fleet, name: &str| {
        let (kind, config) = &configs[name];
        let mut command = lumora();
        command.args([kind, "run", "--config"]).arg(config);
        fleet.start(name, command);
    };
    for name in configs.keys() {
        start(&mut fleet, name);
    }

    // One oracle of four may be away without stopping the others, and nodes may come and go as they like.
    let mut attested: BTreeMap<u64, Epoch> = BTreeMap::new();
    let mut away: Vec<(String, Instant)> = Vec::new();
    let mut kills = BTreeMap::<&str, u32>::new();
    let mut next_kill = Instant::now() + Duration::from_secs(15);
    let began = Instant::now();
    while (attested.len() as u64) < EPOCHS {
        let limit = Duration::from_secs(u64::from(EPOCH_SECONDS) * EPOCHS * 3);
        assert!(began.elapsed() < limit, "{} epochs in {limit:?}", attested.len());
        tokio::time::sleep(Duration::from_millis(250)).await;
        note_attested(&fleet, &mut attested).await;
        let (back, still): (Vec<_>, Vec<_>) = away.drain(..).partition(|(_, until)| Instant::now() >= *until);
        away = still;
        for (name, _) in back {
            start(&mut fleet, &name);
        }
        if Instant::now() >= next_kill {
            next_kill += Duration::from_millis(1_000 + dice.below(4_000));
            let victim = configs.keys().nth(dice.below(configs.len() as u64) as usize).unwrap();
            let kind = configs[victim].0;
            if away.iter().any(|(name, _)| configs[name].0 == kind) {
                continue;
            }
            assert!(
                fleet.is_running(victim),
                "{victim} ended by itself:\n{}",
                fleet.said(victim)
            );
            fleet.kill(victim);
            *kills.entry(kind).or_default() += 1;
            away.push((
                victim.clone(),
                Instant::now() + Duration::from_millis(200 + dice.below(5_000)),
            ));
        }
    }
    for (name, _) in away {
        start(&mut fleet, &name);
    }
    println!("killed: {kills:?}");
    assert!(kills["oracle"] > 5 && kills["node"] > 5, "{kills:?}");

    // What everybody gets from the receipts alone, and what the chain paid once the nodes have claimed it.
    let last = *attested.keys().next_back().unwrap();
    let lifetime = from_receipts(&fleet, &attested).await;
    assert_eq!(lifetime.keys().collect::<Vec<_>>(), nodes.keys().collect::<Vec<_>>());
    for (node, name) in &nodes {
        let expected = lifetime[node][&last];
        assert!(expected > 0, "{name} earned nothing");
        let proof = wait_for("the leaf", PATIENCE, async || {
            fleet.client(0).leaf(last, node).await.ok().flatten()
        })
        .await;
        assert_eq!(proof.figures.cumulative_reward, expected, "{name}, epoch {last}");
        assert!(proof.is_under(&attested[&last].root, attested[&last].leaf_count));
        // Claims go on while this looks, each up to an epoch of its own.
        let due: BTreeSet<u64> = lifetime[node].values().copied().collect();
        wait_for("the claim", PATIENCE, async || {
            let reward: Option<Reward> = fleet
                .connection()
                .fetch_optional(&reward_address(node).0)
                .await
                .unwrap();
            let claimed = reward.map_or(0, |reward| reward.claimed);
            assert!(
                claimed == 0 || claimed > expected || due.contains(&claimed),
                "{name} claimed {claimed}"
            );
            (claimed >= expected).then_some(())
        })
        .await;
    }
    println!(
        "{} epochs attested, up to epoch {last}; each node's rewards are those of its receipts",
        attested.len()
    );
}

/// Keeps the accounts of epochs that are attested, before they are closed.
async fn note_attested(fleet: &Fleet, attested: &mut BTreeMap<u64, Epoch>) {
    let Ok(set) = fleet.connection().fetch::<OracleSet>(&ORACLE_SET).await else {
        return;
    };
    let from = attested.keys().next_back().map_or(0, |last| last + 1);
    for number in from..set.attestable_from {
        let epoch = fleet.epoch(number).await;
        if epoch.state == epoch_state::ATTESTED {
            attested.insert(number, epoch);
        }
    }
}

/// Each node's lifetime reward after each epoch, worked out from the bundles by the rules as they are documented, by other
/// code than the oracles'.
async fn from_receipts(fleet: &Fleet, attested: &BTreeMap<u64, Epoch>) -> BTreeMap<Address, BTreeMap<u64, u64>> {
    let set: OracleSet = fleet.connection().fetch(&ORACLE_SET).await.unwrap();
    let network: Network = fleet.connection().fetch(&NETWORK).await.unwrap();
    let emission: Emission = fleet.connection().fetch(&EMISSION).await.unwrap();
    let mut lifetime: BTreeMap<Address, BTreeMap<u64, u64>> = BTreeMap::new();
    for (number, epoch) in attested {
        let mut bundles = BTreeMap::new();
        for member in (0..ORACLES).filter(|member| epoch.bundles >> member & 1 == 1) {
            let key = set.keys[member];
            // An oracle that was just killed and started again does not answer yet.
            let sealed = wait_for("a bundle", PATIENCE, async || {
                match fleet.client(0).bundle_of(*number, &key).await.ok()? {
                    Some(sealed) => Some(sealed),
                    None => fleet.client(member).bundle(*number).await.ok()?,
                }
            })
            .await;
            let bundle = Bundle::open(&sealed, &network.network_id, *number, key.as_array()).unwrap();
            assert_eq!(bundle.root(), epoch.bundle_roots[member]);
            bundles.insert(member, bundle);
        }
        let mut contributions = BTreeMap::new();
        let seen = bundles.values().flat_map(|bundle| bundle.sightings());
        for sighting in seen
            .map(|sighting| (sighting.node, *sighting))
            .collect::<BTreeMap<_, _>>()
            .values()
        {
            let saw = |bundle: &&Bundle| bundle.sightings().iter().any(|other| other.node == sighting.node);
            if 2 * bundles.values().filter(saw).count() <= bundles.len() {
                continue;
            }
            let mut order: Vec<usize> = (0..ORACLES).filter(|member| epoch.members >> member & 1 == 1).collect();
            order.sort_by_key(|member| {
                let (round, key) = (0u32.to_le_bytes(), set.keys[*member]);
                sha256(&[b"lumora schedule v1", &epoch.seed, &round, &sighting.node, key.as_ref()])
            });
            let drawn: Vec<usize> = order
                .into_iter()
                .take(3)
                .filter(|member| bundles.contains_key(member))
                .collect();
            let measured = drawn.iter().flat_map(|member| {
                let receipts = bundles[member].receipts().iter();
                receipts.filter(|signed| signed.receipt.node == sighting.node && signed.receipt.is_measured())
            });
            let mut rates: Vec<u32> = measured
                .map(|signed| {
                    signed.verify().unwrap();
                    assert_eq!(signed.receipt.prover_key, sighting.transport_key);
                    signed.receipt.down.kbps
                })
                .collect();
            // Two different challengers at least, of which one may lie; present if more than a third of those drawn say so.
            let is_there = rates.len() >= 2 && rates.len() > drawn.len() / 3;
            let trim = rates.len().saturating_sub(1) / 3;
            rates.sort_unstable();
            let kept = &rates[trim..rates.len() - trim];
            let rate = if is_there { kept[(kept.len() - 1) / 2] } else { 0 };
            let contribution = u128::from(rate.min(sighting.limit_kbps)) * u128::from(EPOCH_SECONDS);
            contributions.insert(Address::new_from_array(sighting.node), contribution);
        }
        let total: u128 = contributions.values().sum();
        let amount = u128::from(emission.schedule().amount(*number).0);
        let (mut paid, mut altogether) = (0, 0);
        for (node, contribution) in contributions {
            let reward = (contribution * amount).checked_div(total).unwrap_or_default() as u64;
            let history = lifetime.entry(node).or_default();
            let sum = history.values().next_back().copied().unwrap_or_default() + reward;
            history.insert(*number, sum);
            paid += reward;
        }
        for history in lifetime.values() {
            altogether += history.values().next_back().copied().unwrap_or_default();
        }
        assert_eq!(
            (epoch.epoch_reward, epoch.cumulative_reward),
            (paid, altogether),
            "epoch {number}"
        );
    }
    lifetime
}
