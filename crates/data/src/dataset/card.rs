//! The data card: what a buyer sees before paying.

use std::collections::{BTreeMap, BTreeSet};

use lumora_core::{hash::Hash, provenance};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::build::Build;
use crate::{fetch::SkipReason, record::Record, shard::Counts};

/// Describes a dataset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Version of the format: 1.
    pub version: u32,
    /// The id under which it is listed.
    #[serde(with = "hex::serde")]
    pub dataset_id: [u8; 32],
    /// Its name.
    pub name: String,
    /// What it holds.
    pub description: String,
    /// Licence of the content.
    pub licence: String,
    /// Hash of the manifest it was made from.
    #[serde(with = "hex::serde")]
    pub manifest: Hash,
    /// The members of each row.
    pub schema: Vec<FieldSchema>,
    /// Number of rows.
    pub rows: u64,
    /// Bytes of the rows as JSON Lines.
    pub bytes: u64,
    /// Rows left out because another page has the same content.
    pub duplicates_removed: u64,
    /// Some rows, spread evenly.
    pub sample: Vec<Value>,
    /// Where the rows come from.
    pub sources: Vec<Source>,
    /// What robots.txt said.
    pub robots: RobotsSummary,
    /// Pages that gave no row, by reason.
    pub skipped: BTreeMap<SkipReason, u64>,
    /// Unix time of the first fetch; 0 for a dataset without rows.
    pub collected_from: i64,
    /// Unix time of the last fetch; 0 for a dataset without rows.
    pub collected_until: i64,
}

/// One member of the rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldSchema {
    /// Its name.
    pub name: String,
    /// The JSON types that occur: string, number, boolean, array, object, null.
    pub types: Vec<String>,
    /// Rows in which it is not null.
    pub present: u64,
}

/// A site that rows come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Scheme, host and port.
    pub site: String,
    /// Rows from it.
    pub rows: u64,
}

/// What robots.txt said about the pages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RobotsSummary {
    /// Rows from pages that it allows.
    pub allowed: u64,
    /// Rows from sites that have none.
    pub no_rules: u64,
    /// Pages that it forbids: they were not fetched.
    pub forbidden: u64,
}

impl Card {
    pub(super) fn new(
        from: &Build<'_>,
        records: &[Record],
        leaves: &[provenance::Leaf],
        counts: &Counts,
        duplicates_removed: u64,
    ) -> Self {
        let with = |decision| leaves.iter().filter(|leaf| leaf.robots == decision).count() as u64;
        Self {
            version: 1,
            dataset_id: from.dataset_id,
            name: from.manifest.name.clone(),
            description: from.manifest.description.clone(),
            licence: from.manifest.licence.clone(),
            manifest: from.manifest.hash(),
            schema: schema(records),
            rows: records.len() as u64,
            bytes: records.iter().map(|record| record.bytes().len() as u64 + 1).sum(),
            duplicates_removed,
            sample: sample(records, from.sample_rows),
            sources: sources(records),
            robots: RobotsSummary {
                allowed: with(provenance::RobotsDecision::Allowed),
                no_rules: with(provenance::RobotsDecision::NoRules),
                forbidden: counts
                    .skipped_by
                    .get(&SkipReason::RobotsDisallowed)
                    .copied()
                    .unwrap_or_default(),
            },
            skipped: counts.skipped_by.clone(),
            collected_from: leaves.iter().map(|leaf| leaf.fetched_at).min().unwrap_or_default(),
            collected_until: leaves.iter().map(|leaf| leaf.fetched_at).max().unwrap_or_default(),
        }
    }
}

fn schema(records: &[Record]) -> Vec<FieldSchema> {
    let mut fields: BTreeMap<String, (BTreeSet<&'static str>, u64)> = BTreeMap::new();
    for record in records {
        for (name, value) in record.members() {
            let (types, present) = fields.entry(name).or_default();
            types.insert(json_type(&value));
            *present += u64::from(!value.is_null());
        }
    }
    fields
        .into_iter()
        .map(|(name, (types, present))| {
            let types = types.into_iter().map(str::to_owned).collect();
            FieldSchema { name, types, present }
        })
        .collect()
}

fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn sample(records: &[Record], rows: usize) -> Vec<Value> {
    let step = records.len().checked_div(rows).unwrap_or_default().max(1);
    records
        .iter()
        .step_by(step)
        .take(rows)
        .map(|record| Value::Object(record.members()))
        .collect()
}

fn sources(records: &[Record]) -> Vec<Source> {
    let mut rows: BTreeMap<String, u64> = BTreeMap::new();
    for record in records {
        let site =
            Url::parse(record.url()).map_or_else(|_| record.url().to_owned(), |url| url.origin().ascii_serialization());
        *rows.entry(site).or_default() += 1;
    }
    rows.into_iter().map(|(site, rows)| Source { site, rows }).collect()
}
