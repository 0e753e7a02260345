//! Random histories, replayed: at every slot at which the indexer has caught up, its answers are what the chain says.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, atomic::Ordering},
};

use lumora_indexer::catalog::CATALOG;
use lumora_interface::{
    Account, Address,
    bandwidth::{Attestation, Epoch, epoch_state},
    market::Listing,
    registry::{self, Network, Node},
    rewards::{Emission, Reward},
    tasks::{Assignment, Job, ShardState, Work, assignment_state},
};
use serde_json::{Value, json};

use crate::{
    history::{Author, Ledger, Money, PurchaseFacts},
    postgres::Postgres,
    served::{ALWAYS, ONCE, Served, sqlite},
};

#[tokio::test]
async fn answers_agree_with_the_chain_at_every_slot_on_sqlite() {
    for seed in 1..4 {
        let folder = tempfile::tempdir().unwrap();
        follow_exactly(&sqlite(&folder), seed).await;
    }
}

#[tokio::test]
async fn answers_agree_with_the_chain_at_every_slot_on_postgresql() {
    let postgres = Postgres::start();
    for seed in 1..4 {
        follow_exactly(&postgres.database(&format!("replay_{seed}")), seed).await;
    }
}

#[tokio::test]
async fn a_node_that_fails_and_lags_delays_answers_and_spoils_none_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    follow_through_faults(&sqlite(&folder), 11).await;
}

#[tokio::test]
async fn a_node_that_fails_and_lags_delays_answers_and_spoils_none_on_postgresql() {
    let postgres = Postgres::start();
    follow_through_faults(&postgres.database("faults"), 12).await;
}

/// What the programs can do, the histories do: nothing of it is compared with the chain otherwise.
#[test]
fn histories_have_every_event_of_work_and_trade() {
    let mut author = Author::new(1);
    for _ in 0..300 {
        author.slot(8);
    }
    let ledger = author.ledger.lock().unwrap();
    let happened: BTreeSet<String> = events(&ledger)
        .iter()
        .map(|event| event["name"].as_str().unwrap().to_owned())
        .collect();
    for program in ["tasks", "market"] {
        for name in CATALOG.program_named(program).unwrap().event_names() {
            assert!(happened.contains(name), "{program}: {name} never happens");
        }
    }
    for name in [
        "SeedDrawn",
        "SeedPostponed",
        "EpochReopened",
        "EpochClosed",
        "BondSlashed",
        "RewardsClaimed",
        "RankingAdapted",
    ] {
        assert!(happened.contains(name), "{name} never happens");
    }
}

/// A history of which the first part is there before the indexer is, and the rest happens while it follows.
async fn follow_exactly(database: &str, seed: u64) {
    let mut author = Author::new(seed);
    for _ in 0..150 {
        author.slot(8);
    }
    let served = Served::open(database).await;
    let mut follower = served.follow(author.chain(), ONCE);
    follower.round().await.unwrap();
    compare(&served, &author.ledger, true).await;
    for step in 0..8 {
        for _ in 0..=step % 3 {
            author.slot(1 + step * 4);
        }
        follower.round().await.unwrap();
        compare(&served, &author.ledger, true).await;
    }
    assert_eq!(served.status.failures(), 0);
    assert_eq!(
        served.status.differences(),
        0,
        "touched accounts were read without a comparison"
    );
}

/// Errors, nodes that are behind, and comparisons at every round while the history goes on.
async fn follow_through_faults(database: &str, seed: u64) {
    let mut author = Author::new(seed);
    let chain = author.chain();
    for _ in 0..20 {
        author.slot(8);
    }
    let served = Served::open(database).await;
    let mut follower = served.follow(chain.clone(), ALWAYS);
    chain.faults.errors.store(9, Ordering::Relaxed);
    chain.faults.behind.store(7, Ordering::Relaxed);
    let mut failures = 0;
    for _ in 0..60 {
        author.slot(12);
        failures += u32::from(follower.round().await.is_err());
    }
    assert!(
        failures > 10,
        "only {failures} rounds of 60 failed: the faults do not strike"
    );
    chain.faults.errors.store(0, Ordering::Relaxed);
    chain.faults.behind.store(0, Ordering::Relaxed);
    // The slot must be new, or nothing tells that there is something to read.
    author.slot(1);
    follower.round().await.unwrap();
    compare(&served, &author.ledger, false).await;
}

/// Compares every answer with the ledger. `ordered`: whether events must also be numbered in the order of the chain, which
/// a node that showed an older transaction later cannot give.
async fn compare(served: &Served, ledger: &Mutex<Ledger>, ordered: bool) {
    let expected = {
        let ledger = ledger.lock().unwrap();
        Expected::of(&ledger)
    };
    let page = 13;
    let by_address = |items: Vec<Value>| -> BTreeMap<String, Value> {
        let count = items.len();
        let map: BTreeMap<_, _> = items
            .into_iter()
            .map(|it| (it["address"].as_str().unwrap().to_owned(), it))
            .collect();
        assert_eq!(map.len(), count, "an item was on two pages");
        map
    };
    let nodes = by_address(served.all("/v1/nodes", page).await);
    assert_eq!(shaped(nodes.values(), NODE), expected.nodes);
    let jobs = by_address(served.all("/v1/jobs", page).await);
    assert_eq!(shaped(jobs.values(), JOB), expected.jobs);
    let listings = by_address(served.all("/v1/listings", page).await);
    assert_eq!(shaped(listings.values(), LISTING), expected.listings);
    let purchases = by_address(served.all("/v1/purchases", page).await);
    assert_eq!(shaped(purchases.values(), PURCHASE), expected.purchases);
    for (address, facts) in &expected.bought {
        check_promises(&purchases[address], facts);
    }
    let epochs = by_address(served.all("/v1/epochs", page).await);
    assert_eq!(shaped(epochs.values(), EPOCH), expected.epochs);
    for job in jobs.values().filter(|job| job["state"] == "closed") {
        let amount = |field: &str| job[field].as_str().unwrap().parse::<u64>().unwrap();
        assert_eq!(
            amount("escrowed"),
            amount("paid") + amount("fees") + amount("refunded"),
            "{job}"
        );
    }

    let shards = served.all("/v1/shards", page).await;
    assert_eq!(shards.len(), expected.shards.len());
    assert_eq!(shaped(shards.iter(), SHARD), expected.shards);
    let assigned: BTreeSet<String> = shards
        .iter()
        .flat_map(|shard| {
            shard["assignments"]
                .as_array()
                .unwrap()
                .iter()
                .map(move |it| (shard, it))
        })
        .map(|(shard, it)| {
            let place = format!("{} {} {}", shard["job"], shard["shard"], it["replica"]);
            let ended = format!("{} {} {}", it["ended_at"], it["slashed"], !it["reason_text"].is_null());
            format!("{place} {} {} {ended}", it["node"], it["state"])
        })
        .collect();
    assert_eq!(assigned, expected.assignments);

    let events = served.all("/v1/events?order=oldest", 499).await;
    let numbers = events
        .iter()
        .map(|event| event["seq"].as_str().unwrap().parse::<usize>().unwrap());
    assert!(numbers.eq(1..=events.len()), "events are numbered without gaps");
    let mut told: Vec<Value> = events.iter().map(|event| pick(event, EVENT)).collect();
    let mut happened = expected.events;
    if !ordered {
        let text = |event: &Value| event.to_string();
        told.sort_by_key(text);
        happened.sort_by_key(text);
    }
    assert_eq!(told.len(), happened.len());
    assert!(told == happened, "the events differ");

    let network = served.get("/v1/network").await;
    assert_eq!(network["slot"], expected.slot);
    assert_eq!(network["emission"]["minted"], expected.minted.to_string());
    assert_eq!(network["bandwidth"]["offered_kbps"], expected.offered.to_string());
    assert_eq!(network["bandwidth"]["active_assignments"], expected.at_work);
    assert_eq!(network["held"], expected.held);
    assert_eq!(network["parameters"]["minimum_bond"], expected.minimum_bonds.0);
    assert_eq!(
        network["parameters"]["announced"]["minimum_bond"],
        json!(expected.minimum_bonds.1)
    );
    let adaptation = &network["parameters"]["adaptation"];
    assert_eq!(
        (&adaptation["count"], &adaptation["base"]["max_wait_seconds"]),
        (&json!(expected.adapted.0), &json!(expected.adapted.1))
    );
    assert_eq!(network["oracles"]["active"].as_array().unwrap().len(), 3);
    let regions = served.all("/v1/regions", 1).await;
    let nodes_in_regions: u64 = regions.iter().map(|region| region["nodes"].as_u64().unwrap()).sum();
    assert_eq!(nodes_in_regions, nodes.len() as u64);

    let metric = async |name| served.metric(name, "").await;
    assert_eq!(
        metric("lumora_rewards_claimed_base_units_total").await,
        expected.claimed as f64
    );
    let money = &expected.money;
    for (name, amount) in [
        ("lumora_sales_base_units_total", money.sold),
        ("lumora_penalties_base_units_total", money.to_late_buyers),
        ("lumora_tasks_paid_base_units_total", money.to_executors),
        ("lumora_tasks_refunded_base_units_total", money.to_clients),
        ("lumora_listing_bonds_base_units", money.bonds.values().sum()),
    ] {
        assert_eq!(metric(name).await, amount as f64, "{name}");
    }
    for (to, amount) in ["reporter", "injured", "burned"].into_iter().zip(money.slashed) {
        let label = format!("to=\"{to}\"");
        let told = served.metric("lumora_bonds_slashed_base_units_total", &label).await;
        assert_eq!(told, amount as f64, "{to}");
    }
    assert_eq!(
        served.metric_sum("lumora_results_rejected_total").await,
        expected.rejected as f64
    );
    assert_eq!(
        served.metric_sum("lumora_assignments_slashed_total").await,
        expected.slashed_assignments as f64
    );
    assert_eq!(
        served.metric_sum("lumora_active_assignments").await,
        expected.at_work as f64
    );
    assert_eq!(
        metric("lumora_shard_completion_seconds_count").await,
        expected.completions.len() as f64
    );
    if ordered {
        let sum: i64 = expected.completions.iter().sum();
        assert_eq!(metric("lumora_shard_completion_seconds_sum").await, sum as f64);
    }
}

const NODE: &[&str] = &[
    "address",
    "owner",
    "index",
    "active",
    "limit_kbps",
    "bond",
    "claimed",
    "registered_at",
    "attested",
    "active_work",
];
const JOB: &[&str] = &[
    "address",
    "state",
    "max_replicas",
    "settled_shards",
    "live_assignments",
    "tombstones",
    "paid",
    "fees",
    "refunded",
    "closed_at",
];
const LISTING: &[&str] = &[
    "address",
    "state",
    "seller",
    "revision",
    "price",
    "open_purchases",
    "sales",
    "refunds",
    "ratings",
    "bonded",
    "bond",
    "open_penalties",
    "penalty",
];
const PURCHASE: &[&str] = &["address", "state", "amount", "rating", "closed_at"];
const EPOCH: &[&str] = &["address", "epoch", "state", "seed", "seed_slot", "epoch_reward", "root"];
const SHARD: &[&str] = &["job", "shard", "state", "winners"];
const EVENT: &[&str] = &["signature", "program", "name", "fields"];

/// These fields of an item; a few are drawn out of what belongs to it.
fn pick(item: &Value, fields: &[&str]) -> Value {
    let value = |field: &str| match field {
        "attested" => item["attestation"]["cumulative_reward"].clone(),
        "active_work" => item["work"]["active"].clone(),
        _ => item[field].clone(),
    };
    fields
        .iter()
        .map(|field| ((*field).to_owned(), value(field)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// What only the account of a purchase says is told of every purchase whose account exists, and of any other where it is
/// told at all. What a refund paid is told always.
fn check_promises(told: &Value, facts: &PurchaseFacts) {
    let is_gone = facts.closed_at.is_some();
    let right = |field: &str, value: String| told[field] == value || told[field].is_null();
    assert!(right("penalty", facts.penalty.to_string()), "{told} {facts:?}");
    assert!(right("dataset_id", hex::encode(facts.dataset_id)), "{told} {facts:?}");
    assert!(is_gone || !told["dataset_id"].is_null(), "{told} {facts:?}");
    let is_told = !is_gone || facts.state == "refunded";
    assert!(!is_told || !told["penalty"].is_null(), "{told} {facts:?}");
}

fn shaped<'a>(items: impl Iterator<Item = &'a Value>, fields: &[&str]) -> BTreeSet<String> {
    items.map(|item| pick(item, fields).to_string()).collect()
}

/// What the answers must be, worked out from the ledger alone.
struct Expected {
    slot: u64,
    nodes: BTreeSet<String>,
    jobs: BTreeSet<String>,
    shards: BTreeSet<String>,
    assignments: BTreeSet<String>,
    listings: BTreeSet<String>,
    purchases: BTreeSet<String>,
    bought: BTreeMap<String, PurchaseFacts>,
    epochs: BTreeSet<String>,
    events: Vec<Value>,
    minted: u64,
    claimed: u64,
    offered: u64,
    at_work: usize,
    held: Value,
    money: Money,
    /// Now, and as announced.
    minimum_bonds: (String, Option<String>),
    /// Adaptations, and the longest wait that they started from.
    adapted: (u32, i64),
    rejected: u64,
    slashed_assignments: u64,
    completions: Vec<i64>,
}

impl Expected {
    fn of(ledger: &Ledger) -> Self {
        let text = |address: &Address| address.to_string();
        let nodes = ledger.all::<Node>();
        let attestations = by_node(ledger.all::<Attestation>(), |it| it.node);
        let works = by_node(ledger.all::<Work>(), |it| it.node);
        let rewards = by_node(ledger.all::<Reward>(), |it| it.node);
        let node = |(address, node): &(Address, Node)| {
            json!({
                "address": text(address), "owner": text(&node.owner), "index": node.index, "active": node.is_active(),
                "limit_kbps": node.limit_kbps, "bond": node.bond.to_string(),
                "claimed": rewards.get(address).map_or(0, |it| it.claimed).to_string(),
                "registered_at": node.registered_at,
                "attested": attestations.get(address).map(|it| it.cumulative_reward.to_string()),
                "active_work": works.get(address).map(|it| it.active),
            })
        };
        let job = |(address, job): (&Address, &crate::history::JobFacts)| {
            json!({
                "address": text(address), "state": job.state, "max_replicas": job.max_replicas,
                "settled_shards": job.settled, "live_assignments": job.live, "tombstones": job.tombstones,
                "paid": job.paid.to_string(), "fees": job.fees.to_string(), "refunded": job.refunded.to_string(),
                "closed_at": job.closed_at,
            })
        };
        let listing = |(address, it): &(Address, Listing)| {
            json!({
                "address": text(address), "state": if it.state == 1 { "active" } else { "withdrawn" },
                "seller": text(&it.seller), "revision": it.revision, "price": it.price.to_string(),
                "open_purchases": it.open_purchases, "sales": it.sales.to_string(),
                "refunds": it.refunds.to_string(), "ratings": it.ratings.to_string(),
                "bonded": it.bond_bump != 0, "bond": it.bond.to_string(),
                "open_penalties": it.open_penalties.to_string(),
                "penalty": if it.bond_bump == 0 { 0 } else { it.price / 10 }.to_string(),
            })
        };
        let purchase = |(address, it): (&Address, &crate::history::PurchaseFacts)| {
            json!({
                "address": text(address), "state": it.state, "amount": it.amount.to_string(),
                "rating": (it.rating != 0).then_some(it.rating), "closed_at": it.closed_at,
            })
        };
        let epoch = |(address, it): &(Address, Epoch)| {
            json!({
                "address": text(address), "epoch": it.epoch.to_string(),
                "state": if it.state == epoch_state::ATTESTED { "attested" } else { "open" },
                "seed": (it.seed != [0; 32]).then(|| hex::encode(it.seed)), "seed_slot": it.seed_slot,
                "epoch_reward": it.epoch_reward.to_string(), "root": hex::encode(it.root),
            })
        };
        let network: Network = ledger.get(&registry::NETWORK).unwrap();
        let announced = (network.announced_for != 0).then(|| network.announced.minimum_bond.to_string());
        let assignments = ledger.all::<Assignment>();
        let money = ledger.money.clone();
        let open_penalties: u64 = ledger
            .purchases
            .values()
            .filter(|it| it.state == "open")
            .map(|it| it.penalty)
            .sum();
        let strings = |values: Vec<Value>| values.iter().map(ToString::to_string).collect();
        Self {
            slot: ledger.slot,
            nodes: strings(nodes.iter().map(node).collect()),
            jobs: strings(ledger.jobs.iter().map(job).collect()),
            shards: strings(shards(ledger)),
            at_work: assignments
                .iter()
                .filter(|(_, it)| it.state <= assignment_state::REVEALED)
                .count(),
            assignments: assignments.iter().map(|(_, it)| assignment(it)).collect(),
            listings: strings(ledger.all::<Listing>().iter().map(listing).collect()),
            purchases: strings(ledger.purchases.iter().map(purchase).collect()),
            bought: ledger
                .purchases
                .iter()
                .map(|(address, it)| (text(address), it.clone()))
                .collect(),
            epochs: strings(ledger.all::<Epoch>().iter().map(epoch).collect()),
            events: events(ledger),
            minted: ledger.all::<Emission>().first().map_or(0, |(_, it)| it.minted),
            claimed: rewards.values().map(|it| it.claimed).sum(),
            held: json!({
                "work": money.escrows.values().sum::<u64>().to_string(),
                "data": money.vaults.values().sum::<u64>().to_string(),
                "listing_bonds": money.bonds.values().sum::<u64>().to_string(),
                "open_penalties": open_penalties.to_string(),
            }),
            money,
            minimum_bonds: (network.minimum_bond.to_string(), announced),
            adapted: (network.adaptations, network.base_tuning().max_wait.0),
            rejected: ledger.rejected,
            slashed_assignments: ledger.slashed_assignments,
            offered: nodes
                .iter()
                .filter(|(_, it)| it.is_active())
                .map(|(_, it)| u64::from(it.limit_kbps))
                .sum(),
            completions: ledger.completions.clone(),
        }
    }
}

fn by_node<T: Account>(accounts: Vec<(Address, T)>, node: impl Fn(&T) -> Address) -> BTreeMap<Address, T> {
    accounts
        .into_iter()
        .map(|(_, account)| (node(&account), account))
        .collect()
}

/// As the answer of its shard is put in a line.
fn assignment(it: &Assignment) -> String {
    let state = ["", "claimed", "committed", "revealed", "expired", "rejected"][usize::from(it.state)];
    let ended_at = match it.ended_at {
        0 => "null".to_owned(),
        at => at.to_string(),
    };
    let place = format!("\"{}\" {} {}", it.job, it.shard, it.replica);
    let ended = format!("{ended_at} {} {}", it.slashed == 1, it.reason != 0);
    format!("{place} \"{}\" \"{state}\" {ended}", it.node)
}

fn shards(ledger: &Ledger) -> Vec<Value> {
    let mut shards = Vec::new();
    for (address, job) in ledger.all::<Job>() {
        for (number, state) in Job::shard_states(&ledger.accounts[&address].data).iter().enumerate() {
            let state = ShardState(*state);
            let taken = state.replicas();
            // Replicas from the lowest up without a gap, and as many as the shard needs.
            let is_full = taken & (taken + 1) == 0 && taken.count_ones() >= u32::from(job.replicas);
            let name = match (state.is_settled(), is_full) {
                (true, _) => "settled",
                (false, true) => "assigned",
                (false, false) => "open",
            };
            let winners: Vec<u8> = (0..7)
                .filter(|replica| state.is_settled() && state.has(*replica))
                .collect();
            shards.push(json!({"job": address.to_string(), "shard": number, "state": name, "winners": winners}));
        }
    }
    shards
}

fn events(ledger: &Ledger) -> Vec<Value> {
    let event = |(signature, program, data): (&str, Address, &[u8])| {
        let program = CATALOG.program(&program).unwrap();
        let layout = program.event(data).unwrap();
        json!({
            "signature": signature, "program": program.name, "name": layout.name, "fields": layout.decode(data),
        })
    };
    ledger.events().into_iter().map(event).collect()
}
