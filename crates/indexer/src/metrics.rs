//! Metrics, by the contract in `metrics.toml`. Every value comes from the database or from the running indexer at the
//! moment at which it is asked for, so a restart resets nothing that happened on the chain.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, LazyLock},
};

use lumora_interface::bandwidth::member;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, NoLabelSet, text},
    metrics::MetricType,
    registry::Registry,
};
use serde::Deserialize;
use sqlx::Row as _;

use crate::{
    database::{Database, mark, select, unsigned},
    effects::{BEYOND, SECONDS_BUCKETS, SUM, assignment_state_name, metric, reason_name},
    error::{Error, Result},
    status::Status,
    totals,
};

/// The content type of what is exported.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// More regions than there are cells of resolution 3 on Earth.
const ALL_REGIONS: u32 = 50_000;

/// The contract.
pub static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
    toml::from_str(include_str!("../metrics.toml")).expect("the contract is part of this program, and a test reads it")
});

/// The metrics that there are.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// In the order in which they are exported.
    #[serde(rename = "metric")]
    pub metrics: Vec<Metric>,
}

/// A metric.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// As queries name it.
    pub name: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Names of its labels, in order.
    pub labels: Vec<String>,
    /// What it means, with its unit.
    pub help: String,
}

/// Types of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Goes up and down.
    Gauge,
    /// Goes up.
    Counter,
    /// Counts durations by their length.
    Histogram,
}

/// Makes the text that Prometheus reads.
pub struct Exporter {
    database: Database,
    status: Arc<Status>,
    node_metrics: u32,
}

impl Exporter {
    /// Exports what a database and a running indexer say, with metrics of their own for so many nodes.
    pub fn new(database: Database, status: Arc<Status>, node_metrics: u32) -> Self {
        Self {
            database,
            status,
            node_metrics,
        }
    }

    /// All metrics as of now, in the text format of OpenMetrics.
    pub async fn export(&self) -> Result<String> {
        let samples = self.samples().await?;
        let mut registry = Registry::default();
        registry.register_collector(Box::new(samples));
        let mut exported = String::new();
        text::encode(&mut exported, &registry).map_err(|_| Error::Stored("a metric that cannot be written".into()))?;
        Ok(exported)
    }

    async fn samples(&self) -> Result<Samples> {
        let mut samples = Samples::default();
        let mut step = self.database.read().await?;
        for region in totals::regions(&mut step, "", ALL_REGIONS).await? {
            let name = region.region.as_str();
            samples.add("lumora_nodes", [name, "active"], region.active_nodes);
            samples.add(
                "lumora_nodes",
                [name, "paused"],
                region.nodes.saturating_sub(region.active_nodes),
            );
            samples.add("lumora_bandwidth_offered_kbps", [name], region.offered_kbps);
            samples.add("lumora_bandwidth_attested_down_kbps", [name], region.attested_down_kbps);
            samples.add("lumora_bandwidth_attested_up_kbps", [name], region.attested_up_kbps);
            samples.add("lumora_bandwidth_in_use_kbps", [name], region.in_use_kbps);
            samples.add("lumora_shard_capacity", [name], region.shard_capacity);
            samples.add("lumora_active_assignments", [name], region.active_assignments);
            if let Some(rtt) = region.mean_rtt_us {
                samples.add("lumora_attested_rtt_microseconds", [name], rtt);
            }
        }
        for (node, region, assignments) in totals::busiest(&mut step, self.node_metrics).await? {
            samples.add("lumora_node_active_assignments", [&node, &region], assignments);
        }
        for (code, number) in totals::reasons(&mut step).await? {
            let reason = u8::try_from(code).map_or_else(|_| code.to_string(), reason_name);
            samples.add("lumora_attested_nodes", [&reason], number);
        }
        for (code, number) in totals::assignments(&mut step).await? {
            let state = assignment_state_name(u8::try_from(code).unwrap_or_default());
            samples.add("lumora_assignments", [state], number);
        }
        for (name, counts) in [
            ("lumora_jobs", totals::jobs(&mut step).await?),
            ("lumora_listings", totals::listings(&mut step).await?),
            ("lumora_purchases", totals::purchases(&mut step).await?),
        ] {
            counts
                .iter()
                .for_each(|(state, number)| samples.add(name, [state], *number));
        }
        let (bonded, slashed) = totals::bonds(&mut step).await?;
        samples.add("lumora_bonded_base_units", [], bonded);
        samples.add("lumora_slashed_base_units", [], slashed);
        let held = totals::held(&mut step).await?;
        samples.add("lumora_escrowed_base_units", ["work"], held.work);
        samples.add("lumora_escrowed_base_units", ["data"], held.data);
        samples.add("lumora_listing_bonds_base_units", [], held.listing_bonds);
        samples.add("lumora_open_penalties_base_units", [], held.open_penalties);
        let singles = totals::singles(&mut step).await?;
        if let Some(network) = singles.network {
            let weights = network.tuning().weights();
            for (term, weight) in ["bandwidth", "proximity", "latency", "reputation"]
                .into_iter()
                .zip(weights)
            {
                samples.add("lumora_ranking_weight_bps", [term], weight.0.into());
            }
            samples.add("lumora_ranking_max_wait_seconds", [], network.max_wait_seconds.into());
            samples.add("lumora_ranking_frozen", [], network.adaptation_frozen.into());
        }
        if let Some(emission) = singles.emission {
            samples.add("lumora_emission_cap_base_units", [], emission.cap);
            samples.add("lumora_burned_base_units", [], emission.burned);
        }
        if let Some(set) = singles.oracles {
            samples.add("lumora_rewards_attested_base_units", [], set.cumulative_reward);
            samples.add("lumora_next_epoch", [], set.next_epoch);
            let states = set.states.iter().take(usize::from(set.count));
            samples.add(
                "lumora_oracles",
                [],
                states.filter(|state| **state == member::ACTIVE).count() as u64,
            );
        }
        samples.add(
            "lumora_indexer_indexed_slot",
            [],
            mark(&mut step, "indexed_slot").await?,
        );
        samples.add(
            "lumora_indexer_pending_transactions",
            [],
            totals::pending(&mut step).await?,
        );
        samples.add("lumora_indexer_chain_slot", [], self.status.chain_slot());
        samples.add("lumora_indexer_failures_total", [], self.status.failures());
        samples.add("lumora_indexer_subscriptions_total", [], self.status.subscriptions());
        samples.add("lumora_indexer_differences_total", [], self.status.differences());
        for row in select(&mut step, "SELECT metric, labels, value FROM counters", Vec::new()).await? {
            let labels: String = row.try_get("labels")?;
            let labels: Vec<String> =
                serde_json::from_str(&labels).map_err(|error| Error::Stored(format!("labels {labels}: {error}")))?;
            let name: String = row.try_get("metric")?;
            samples
                .values
                .entry(name)
                .or_default()
                .insert(labels, unsigned(&row, "value")?);
        }
        Ok(samples)
    }
}

/// Values by metric and labels.
#[derive(Debug, Default)]
struct Samples {
    values: HashMap<String, BTreeMap<Vec<String>, u64>>,
}

impl Samples {
    fn add<const N: usize>(&mut self, name: &str, labels: [&str; N], value: u64) {
        let labels = labels.map(str::to_owned).into();
        self.values.entry(name.to_owned()).or_default().insert(labels, value);
    }
}

impl Collector for Samples {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let none = BTreeMap::new();
        for metric in &CONTRACT.metrics {
            let values = self.values.get(&metric.name).unwrap_or(&none);
            match metric.kind {
                Kind::Gauge => {
                    let mut family = encoder.encode_descriptor(&metric.name, &metric.help, None, MetricType::Gauge)?;
                    for (labels, value) in values {
                        if labels.is_empty() {
                            family.encode_gauge(value)?;
                        } else {
                            family.encode_family(&pairs(metric, labels))?.encode_gauge(value)?;
                        }
                    }
                }
                Kind::Counter => {
                    // The format appends the ending.
                    let name = metric.name.trim_end_matches("_total");
                    let mut family = encoder.encode_descriptor(name, &metric.help, None, MetricType::Counter)?;
                    if metric.labels.is_empty() {
                        // What has never happened is told as zero, where there is one value to tell.
                        let value = values.values().next().copied().unwrap_or_default();
                        family.encode_counter::<NoLabelSet, _, f64>(&value, None)?;
                    } else {
                        for (labels, value) in values {
                            let labels = pairs(metric, labels);
                            family
                                .encode_family(&labels)?
                                .encode_counter::<NoLabelSet, _, f64>(value, None)?;
                        }
                    }
                }
                Kind::Histogram => {
                    let (sum, count, buckets) = histogram(values);
                    encoder
                        .encode_descriptor(&metric.name, &metric.help, None, MetricType::Histogram)?
                        .encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
                }
            }
        }
        Ok(())
    }
}

fn pairs(metric: &Metric, labels: &[String]) -> Vec<(String, String)> {
    metric.labels.iter().cloned().zip(labels.iter().cloned()).collect()
}

/// Sum, number, and for each bucket its upper bound and its number.
fn histogram(values: &BTreeMap<Vec<String>, u64>) -> (f64, u64, Vec<(f64, u64)>) {
    let value = |label: &str| {
        values
            .get(std::slice::from_ref(&label.to_owned()))
            .copied()
            .unwrap_or_default()
    };
    let bounds = SECONDS_BUCKETS
        .iter()
        .map(|bound| (*bound as f64, value(&bound.to_string())));
    let buckets: Vec<(f64, u64)> = bounds.chain([(f64::INFINITY, value(BEYOND))]).collect();
    let count = buckets.iter().map(|(_, number)| number).sum();
    (value(SUM) as f64, count, buckets)
}

/// Names of the metrics that events add to.
pub const COUNTED: [&str; 21] = [
    metric::EVENTS,
    metric::REFUSALS,
    metric::REWARDS_CLAIMED,
    metric::EMITTED,
    metric::GRANTED,
    metric::SHARDS_SETTLED,
    metric::TASKS_PAID,
    metric::EXPIRED,
    metric::REJECTED,
    metric::ASSIGNMENTS_SLASHED,
    metric::BONDS_SLASHED,
    metric::TASKS_REFUNDED,
    metric::CLAIM_DELAY,
    metric::COMPLETION,
    metric::RANKING_ADAPTED,
    metric::SALES,
    metric::SALES_VOLUME,
    metric::REFUNDS,
    metric::PENALTIES,
    metric::RATINGS,
    metric::UNAVAILABLE,
];
