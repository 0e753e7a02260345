//! What others rely on: every event and account of the programs is known, metrics keep their contract, and the dashboard
//! asks for nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use bytemuck::Zeroable;
use lumora_indexer::{
    catalog::CATALOG,
    metrics::{CONTRACT, COUNTED, Kind},
};
use lumora_interface::{Account, Address, Event, bandwidth, market, registry, rewards, tasks};
use serde_json::Value;

use crate::{
    history::Author,
    served::{ONCE, Served, sqlite},
};

fn descriptions() -> BTreeMap<String, Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../idl");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    files
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap())
        })
        .collect()
}

#[test]
fn every_event_account_and_error_of_every_idl_is_known() {
    let descriptions = descriptions();
    let known: BTreeSet<String> = CATALOG.programs().iter().map(|program| program.name.clone()).collect();
    assert_eq!(known, descriptions.keys().cloned().collect());
    for (name, description) in &descriptions {
        let program = CATALOG.program_named(name).unwrap();
        assert_eq!(program.address.to_string(), description["address"].as_str().unwrap());
        let data = |entry: &Value| -> Vec<u8> {
            let discriminator = entry["discriminator"].as_array().unwrap().iter();
            discriminator.map(|byte| byte.as_u64().unwrap() as u8).collect()
        };
        for event in description["events"].as_array().unwrap() {
            let layout = program
                .event(&data(event))
                .unwrap_or_else(|| panic!("{name} does not know {}", event["name"]));
            assert_eq!(layout.name, event["name"]);
            let whole = [data(event), vec![1; layout.size]].concat();
            assert!(!layout.decode(&whole).is_empty());
        }
        for account in description["accounts"].as_array().unwrap() {
            assert_eq!(program.account(&data(account)).unwrap().name, account["name"]);
        }
        for error in description["errors"].as_array().unwrap() {
            assert_eq!(
                program.error(error["code"].as_u64().unwrap() as u32),
                error["name"].as_str()
            );
        }
    }
}

/// The descriptions are of the very layouts that this program is compiled with.
#[test]
fn layouts_are_those_of_the_interface() {
    fn account<T: Account>() {
        let program = CATALOG.program(&T::OWNER).unwrap();
        assert_eq!(program.account(&T::DISCRIMINATOR).unwrap().size, size_of::<T>());
    }
    fn event<T: Event>(program: &str) {
        let layout = CATALOG
            .program_named(program)
            .unwrap()
            .event(&T::DISCRIMINATOR)
            .unwrap();
        assert_eq!(layout.size, size_of::<T>(), "{}", layout.name);
    }
    account::<registry::Network>();
    account::<registry::Node>();
    account::<bandwidth::OracleSet>();
    account::<bandwidth::Epoch>();
    account::<bandwidth::Attestation>();
    account::<rewards::Emission>();
    account::<rewards::Reward>();
    account::<rewards::Grant>();
    account::<tasks::TasksConfig>();
    account::<tasks::Job>();
    account::<tasks::Assignment>();
    account::<tasks::Work>();
    account::<tasks::Verdict>();
    account::<market::MarketConfig>();
    account::<market::Listing>();
    account::<market::Purchase>();
    event::<registry::BondSlashed>("registry");
    event::<registry::ParametersAnnounced>("registry");
    event::<bandwidth::SeedDrawn>("bandwidth");
    event::<bandwidth::EpochReopened>("bandwidth");
    event::<rewards::EpochFunded>("rewards");
    event::<rewards::RewardClaimed>("rewards");
    event::<rewards::RewardsClaimed>("rewards");
    event::<rewards::Granted>("rewards");
    event::<tasks::JobCreated>("tasks");
    event::<tasks::JobClosed>("tasks");
    event::<tasks::ShardClaimed>("tasks");
    event::<tasks::ShardSettled>("tasks");
    event::<tasks::AssignmentExpired>("tasks");
    event::<tasks::AssignmentSlashed>("tasks");
    event::<tasks::ResultRejected>("tasks");
    event::<tasks::JobRefunded>("tasks");
    event::<market::ListingUpdated>("market");
    event::<market::ListingClosed>("market");
    event::<market::ListingBondAdded>("market");
    event::<market::ListingBondWithdrawn>("market");
    event::<market::PenaltyPaid>("market");
    event::<market::PurchaseClosed>("market");
    event::<market::DatasetBought>("market");
    event::<market::DatasetDelivered>("market");
    event::<market::PurchaseRefunded>("market");
    event::<market::PurchaseRated>("market");
}

#[test]
fn what_lies_in_lists_and_in_groups_of_fields_is_read_too() {
    fn data<T: Event>(event: &T) -> Vec<u8> {
        [T::DISCRIMINATOR.as_slice(), bytemuck::bytes_of(event)].concat()
    }
    let announced = data(&registry::ParametersAnnounced {
        announced_for: 7,
        parameters: registry::NetworkParameters {
            minimum_bond: 5,
            weights: [1, 2, 3, 4],
            ..Zeroable::zeroed()
        },
        ..Zeroable::zeroed()
    });
    let layout = CATALOG.program_named("registry").unwrap().event(&announced).unwrap();
    let fields = layout.decode(&announced);
    assert_eq!(fields["announced_for"], 7);
    assert_eq!(fields["parameters"]["minimum_bond"], "5");
    assert_eq!(fields["parameters"]["weights"], serde_json::json!([1, 2, 3, 4]));
    assert!(fields["parameters"].get("_padding").is_none());

    let [node, owner] = [5, 6].map(|byte| Address::new_from_array([byte; 32]));
    let mut paid = rewards::RewardsClaimed {
        count: 2,
        ..Zeroable::zeroed()
    };
    (paid.nodes[1], paid.owners[0], paid.owners[1]) = (node, owner, owner);
    let paid = data(&paid);
    let layout = CATALOG.program_named("rewards").unwrap().event(&paid).unwrap();
    assert_eq!(layout.addresses(&paid), [node, owner]);
}

/// Names of the samples that a metric is told by.
fn samples(name: &str, kind: Kind) -> Vec<String> {
    match kind {
        Kind::Gauge | Kind::Counter => vec![name.to_owned()],
        Kind::Histogram => ["_bucket", "_sum", "_count"]
            .map(|ending| format!("{name}{ending}"))
            .into(),
    }
}

#[test]
fn the_contract_is_sound() {
    let names: BTreeSet<&str> = CONTRACT.metrics.iter().map(|metric| metric.name.as_str()).collect();
    assert_eq!(names.len(), CONTRACT.metrics.len(), "a name is there twice");
    for metric in &CONTRACT.metrics {
        assert!(metric.name.starts_with("lumora_"), "{}", metric.name);
        assert_eq!(
            metric.name.ends_with("_total"),
            metric.kind == Kind::Counter,
            "{}",
            metric.name
        );
        assert!(
            !metric.help.is_empty() && !metric.help.ends_with('.'),
            "{}",
            metric.name
        );
    }
    for name in COUNTED {
        assert!(names.contains(name), "{name} is counted and not in the contract");
    }
}

#[tokio::test]
async fn the_exporter_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let mut author = Author::new(8);
    for _ in 0..200 {
        author.slot(8);
    }
    let served = Served::open(&sqlite(&folder)).await;
    served.follow(author.chain(), ONCE).round().await.unwrap();
    let (status, kind, text) = served.ask("/metrics").await;
    assert_eq!(status, 200, "{text}");
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    assert!(text.ends_with("# EOF\n"));
    // Labels by name of the sample, `le` excepted, which is the format's own.
    let mut exported: BTreeMap<&str, BTreeSet<Vec<&str>>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (sample, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().unwrap() >= 0.0, "{line}");
        let (name, labels) = sample.split_once('{').unwrap_or((sample, "}"));
        let labels = labels
            .trim_end_matches('}')
            .split("\",")
            .filter(|label| !label.is_empty());
        let labels = labels
            .map(|label| label.split_once('=').unwrap().0)
            .filter(|label| *label != "le");
        exported.entry(name).or_default().insert(labels.collect());
    }
    let mut promised = BTreeSet::new();
    for metric in &CONTRACT.metrics {
        for sample in samples(&metric.name, metric.kind) {
            let labels = exported
                .get(sample.as_str())
                .unwrap_or_else(|| panic!("{sample} is not exported"));
            let expected: Vec<&str> = metric.labels.iter().map(String::as_str).collect();
            assert_eq!(*labels, BTreeSet::from([expected]), "{sample}");
            promised.insert(sample);
        }
    }
    for name in exported.keys() {
        assert!(promised.contains(*name), "{name} is exported and not in the contract");
    }
}

#[test]
fn the_dashboard_asks_for_what_the_contract_has_and_leaves_nothing_out() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("grafana/lumora.json");
    let dashboard: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let promised: BTreeMap<String, (&str, &[String])> = CONTRACT
        .metrics
        .iter()
        .flat_map(|metric| {
            let sample = |sample| (sample, (metric.name.as_str(), metric.labels.as_slice()));
            samples(&metric.name, metric.kind).into_iter().map(sample)
        })
        .collect();
    let mut shown = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title} has another's id");
        if panel["type"] == "row" {
            continue;
        }
        assert!(
            panel["description"].as_str().is_some_and(|text| !text.is_empty()),
            "{title} is not explained"
        );
        assert_eq!(panel["datasource"]["uid"], "${source}", "{title}");
        for target in panel["targets"].as_array().unwrap() {
            let query = target["expr"].as_str().unwrap();
            let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let mut labels = BTreeSet::from(["le"]);
            for word in words.filter(|word| word.starts_with("lumora_")) {
                let (metric, names) = promised
                    .get(word)
                    .unwrap_or_else(|| panic!("{title}: there is no {word}"));
                shown.insert(*metric);
                labels.extend(names.iter().map(String::as_str));
            }
            for group in query.split("by (").skip(1) {
                let group = group.split(')').next().unwrap();
                for label in group.split(',').map(str::trim) {
                    assert!(labels.contains(label), "{title}: no metric there has the label {label}");
                }
            }
        }
    }
    let missing: Vec<&str> = CONTRACT
        .metrics
        .iter()
        .map(|metric| metric.name.as_str())
        .filter(|name| !shown.contains(name))
        .collect();
    assert!(missing.is_empty(), "the dashboard does not show {missing:?}");
}
