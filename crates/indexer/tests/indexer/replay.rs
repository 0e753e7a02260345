//! Random histories, replayed: at every slot at which the indexer has caught up, its answers are what the chain says.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, atomic::Ordering},
};

use lumora_indexer::catalog::CATALOG;
use lumora_interface::{
    Account, Address, Event as _,
    bandwidth::{Attestation, Epoch, epoch_state},
    market::{DatasetDelivered, Listing},
    registry::Node,
    rewards::{Emission, Reward, RewardClaimed},
    tasks::{Assignment, Job, ShardState, Work},
};
use serde_json::{Value, json};

use crate::{
    history::{Author, Ledger},
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
    let epochs = by_address(served.all("/v1/epochs", page).await);
    assert_eq!(shaped(epochs.values(), EPOCH), expected.epochs);

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
        .map(|(shard, it)| format!("{} {} {} {}", shard["job"], shard["shard"], it["replica"], it["node"]))
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
    assert_eq!(network["bandwidth"]["active_assignments"], expected.assignments.len());
    assert_eq!(network["oracles"]["active"].as_array().unwrap().len(), 3);
    let regions = served.all("/v1/regions", 1).await;
    let nodes_in_regions: u64 = regions.iter().map(|region| region["nodes"].as_u64().unwrap()).sum();
    assert_eq!(nodes_in_regions, nodes.len() as u64);

    let metric = async |name| served.metric(name, "").await;
    assert_eq!(
        metric("lumora_rewards_claimed_base_units_total").await,
        expected.claimed as f64
    );
    assert_eq!(metric("lumora_sales_base_units_total").await, expected.sold as f64);
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
    "settled_shards",
    "paid",
    "fees",
    "refunded",
    "closed_at",
];
const LISTING: &[&str] = &["address", "state", "seller", "price", "sales", "refunds", "ratings"];
const PURCHASE: &[&str] = &["address", "state", "amount", "rating"];
const EPOCH: &[&str] = &["address", "epoch", "state", "epoch_reward", "root"];
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
    epochs: BTreeSet<String>,
    events: Vec<Value>,
    minted: u64,
    claimed: u64,
    sold: u64,
    offered: u64,
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
                "address": text(address), "state": job.state, "settled_shards": job.settled,
                "paid": job.paid.to_string(), "fees": job.fees.to_string(), "refunded": job.refunded.to_string(),
                "closed_at": job.closed_at,
            })
        };
        let listing = |(address, it): &(Address, Listing)| {
            json!({
                "address": text(address), "state": if it.state == 1 { "active" } else { "withdrawn" },
                "seller": text(&it.seller), "price": it.price.to_string(), "sales": it.sales.to_string(),
                "refunds": it.refunds.to_string(), "ratings": it.ratings.to_string(),
            })
        };
        let purchase = |(address, it): (&Address, &crate::history::PurchaseFacts)| {
            json!({
                "address": text(address), "state": it.state, "amount": it.amount.to_string(),
                "rating": (it.rating != 0).then_some(it.rating),
            })
        };
        let epoch = |(address, it): &(Address, Epoch)| {
            json!({
                "address": text(address), "epoch": it.epoch.to_string(),
                "state": if it.state == epoch_state::ATTESTED { "attested" } else { "open" },
                "epoch_reward": it.epoch_reward.to_string(), "root": hex::encode(it.root),
            })
        };
        let strings = |values: Vec<Value>| values.iter().map(ToString::to_string).collect();
        Self {
            slot: ledger.slot,
            nodes: strings(nodes.iter().map(node).collect()),
            jobs: strings(ledger.jobs.iter().map(job).collect()),
            shards: strings(shards(ledger)),
            assignments: ledger
                .all::<Assignment>()
                .iter()
                .map(|(_, it)| format!("\"{}\" {} {} \"{}\"", it.job, it.shard, it.replica, it.node))
                .collect(),
            listings: strings(ledger.all::<Listing>().iter().map(listing).collect()),
            purchases: strings(ledger.purchases.iter().map(purchase).collect()),
            epochs: strings(ledger.all::<Epoch>().iter().map(epoch).collect()),
            events: events(ledger),
            minted: ledger.all::<Emission>().first().map_or(0, |(_, it)| it.minted),
            claimed: sum(ledger, |data| RewardClaimed::from_event_data(data).map(|it| it.amount)),
            sold: sum(ledger, |data| {
                DatasetDelivered::from_event_data(data).map(|it| it.amount)
            }),
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

fn sum(ledger: &Ledger, amount: impl Fn(&[u8]) -> Option<u64>) -> u64 {
    ledger.events().iter().filter_map(|(_, _, data)| amount(data)).sum()
}

fn shards(ledger: &Ledger) -> Vec<Value> {
    let mut shards = Vec::new();
    for (address, job) in ledger.all::<Job>() {
        for (number, state) in Job::shard_states(&ledger.accounts[&address].data).iter().enumerate() {
            let state = ShardState(*state);
            let name = match (state.is_settled(), state.first_free(job.replicas)) {
                (true, _) => "settled",
                (false, Some(_)) => "open",
                (false, None) => "assigned",
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
