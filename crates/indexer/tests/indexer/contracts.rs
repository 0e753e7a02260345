//! What others rely on: every event and account of the programs is known, metrics keep their contract, and the dashboard
//! asks for nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use lumora_indexer::{
    catalog::CATALOG,
    metrics::{CONTRACT, COUNTED, Kind},
};
use lumora_interface::{Account, Event, bandwidth, market, registry, rewards, tasks};
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
    account::<tasks::TasksConfig>();
    account::<tasks::Job>();
    account::<tasks::Assignment>();
    account::<tasks::Work>();
    account::<market::MarketConfig>();
    account::<market::Listing>();
    account::<market::Purchase>();
    event::<rewards::EpochFunded>("rewards");
    event::<rewards::RewardClaimed>("rewards");
    event::<rewards::Granted>("rewards");
    event::<tasks::JobCreated>("tasks");
    event::<tasks::JobClosed>("tasks");
    event::<tasks::ShardClaimed>("tasks");
    event::<tasks::ShardSettled>("tasks");
    event::<tasks::AssignmentExpired>("tasks");
    event::<market::DatasetBought>("market");
    event::<market::DatasetDelivered>("market");
    event::<market::PurchaseRefunded>("market");
    event::<market::PurchaseRated>("market");
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
            promised.insert(sample.clone());
            let Some(labels) = exported.get(sample.as_str()) else {
                // Nothing of the kind happened: it is announced, and has no values.
                let name = metric.name.trim_end_matches("_total");
                assert!(text.contains(&format!("# TYPE {name} ")), "{sample} is not exported");
                assert!(!metric.labels.is_empty(), "{sample} has no value");
                continue;
            };
            let expected: Vec<&str> = metric.labels.iter().map(String::as_str).collect();
            assert_eq!(*labels, BTreeSet::from([expected]), "{sample}");
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
