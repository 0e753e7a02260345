//! Merging the results of shards into one dataset.

use std::collections::{BTreeSet, HashSet};

use lumora_core::{hash::Hash, merkle, provenance};

use super::card::Card;
use crate::{
    error::{Error, Result},
    manifest::Manifest,
    record::Record,
    shard::{Counts, ShardResult},
};

/// What a dataset is made from.
pub struct Build<'a> {
    /// The id under which it will be listed.
    pub dataset_id: [u8; 32],
    /// The manifest of the job.
    pub manifest: &'a Manifest,
    /// One result for each shard, from the group of replicas that was settled.
    pub shards: &'a [ShardResult],
    /// Rows of the free sample in the card.
    pub sample_rows: usize,
}

/// A dataset before it is encrypted.
#[derive(Debug)]
pub struct Dataset {
    /// The id under which it will be listed.
    pub dataset_id: [u8; 32],
    /// The rows in canonical order (by URL, then bytes), without repeated content.
    pub records: Vec<Record>,
    /// The provenance of each row, in the same order.
    pub provenance: Vec<provenance::Leaf>,
    /// Merkle root of the provenance.
    pub provenance_root: Hash,
    /// The shards it came from, with all their record leaves: from these a buyer recomputes the settled result roots.
    pub origins: Vec<Origin>,
    /// The data card.
    pub card: Card,
}

/// One shard of a dataset.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Address of the job.
    pub job: [u8; 32],
    /// Number of the shard.
    pub shard: u32,
    /// Address of the node.
    pub node: [u8; 32],
    /// The result root that the node revealed.
    pub result_root: Hash,
    /// Leaves of that root, in order; those of rows that were left out as duplicates included.
    pub leaves: Vec<Hash>,
}

impl Dataset {
    /// The rows as JSON Lines: what is encrypted and sold.
    pub fn json_lines(&self) -> Vec<u8> {
        let mut lines = Vec::with_capacity(self.records.iter().map(|record| record.bytes().len() + 1).sum());
        for record in &self.records {
            lines.extend_from_slice(record.bytes());
            lines.push(b'\n');
        }
        lines
    }
}

/// Merges shard results: checks that they belong together, leaves out content that is there already (the first page by
/// URL keeps it), and sorts.
pub fn build(from: Build<'_>) -> Result<Dataset> {
    let manifest_hash = from.manifest.hash();
    let mut seen_shards = BTreeSet::new();
    let mut counts = Counts::default();
    let mut rows = Vec::new();
    let mut origins = Vec::new();
    for result in from.shards {
        let work = result.work;
        if work.manifest != manifest_hash {
            return Err(Error::OtherManifest { shard: work.shard });
        }
        if !seen_shards.insert((work.job, work.shard)) {
            return Err(Error::ShardTwice { shard: work.shard });
        }
        counts.add(&result.counts);
        rows.extend(result.records.iter().zip(&result.provenance));
        origins.push(Origin {
            job: work.job,
            shard: work.shard,
            node: work.node,
            result_root: result.result_root,
            leaves: result.records.iter().map(Record::leaf).collect(),
        });
    }
    rows.sort_by(|(a, _), (b, _)| a.cmp(b));
    let merged = rows.len();
    let mut seen_content = HashSet::new();
    rows.retain(|(record, _)| seen_content.insert(record.content_hash()));
    origins.sort_by_key(|origin| (origin.job, origin.shard));

    let (records, leaves): (Vec<Record>, Vec<provenance::Leaf>) =
        rows.into_iter().map(|(record, leaf)| (record.clone(), *leaf)).unzip();
    let provenance_root = merkle::Tree::new(leaves.iter().map(provenance::Leaf::hash).collect()).root();
    let duplicates = merged.saturating_sub(records.len()) as u64;
    let card = Card::new(&from, &records, &leaves, &counts, duplicates);
    Ok(Dataset {
        dataset_id: from.dataset_id,
        records,
        provenance: leaves,
        provenance_root,
        origins,
        card,
    })
}
