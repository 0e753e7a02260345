//! What a shard gave: an outcome for each page, and what follows from them.

use std::collections::BTreeMap;

use lumora_core::{hash::Hash, provenance, result::WORDS, sketch::Sketch};
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    fetch::SkipReason,
    record::{Record, result_root, sketch},
};

/// Whose work a result is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// Address of the job.
    #[serde(with = "hex::serde")]
    pub job: [u8; 32],
    /// Number of the shard, from 0.
    pub shard: u32,
    /// Address of the node.
    #[serde(with = "hex::serde")]
    pub node: [u8; 32],
    /// [`crate::manifest::Manifest::hash`].
    #[serde(with = "hex::serde")]
    pub manifest: Hash,
}

/// What became of one page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum PageOutcome {
    /// It gave a record.
    Fetched {
        /// As the manifest lists it.
        url: String,
        /// Unix time.
        at: i64,
        /// Bytes of the page.
        bytes: u64,
        /// What robots.txt said.
        robots: RobotsNote,
        /// What was extracted.
        record: Record,
    },
    /// It gave none.
    Skipped {
        /// As the manifest lists it.
        url: String,
        /// Unix time.
        at: i64,
        /// Why.
        reason: SkipReason,
        /// What was seen.
        detail: String,
    },
}

impl PageOutcome {
    /// The page.
    pub fn url(&self) -> &str {
        match self {
            Self::Fetched { url, .. } | Self::Skipped { url, .. } => url,
        }
    }
}

/// Why a page might be fetched, as it is written down; [`provenance::RobotsDecision`] in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RobotsNote {
    /// The site has no robots.txt.
    NoRules,
    /// robots.txt allows the page.
    Allowed,
}

impl From<RobotsNote> for provenance::RobotsDecision {
    fn from(note: RobotsNote) -> Self {
        match note {
            RobotsNote::NoRules => Self::NoRules,
            RobotsNote::Allowed => Self::Allowed,
        }
    }
}

impl From<provenance::RobotsDecision> for RobotsNote {
    fn from(decision: provenance::RobotsDecision) -> Self {
        match decision {
            provenance::RobotsDecision::NoRules => Self::NoRules,
            provenance::RobotsDecision::Allowed => Self::Allowed,
        }
    }
}

/// The figures of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Pages of the shard that were tried.
    pub pages: u64,
    /// Pages that gave a record.
    pub fetched: u64,
    /// Pages that did not.
    pub skipped: u64,
    /// Bytes of the pages that did.
    pub bytes: u64,
    /// Skipped pages by reason.
    pub skipped_by: BTreeMap<SkipReason, u64>,
}

impl Counts {
    /// Adds another shard's figures.
    pub fn add(&mut self, other: &Self) {
        self.pages += other.pages;
        self.fetched += other.fetched;
        self.skipped += other.skipped;
        self.bytes += other.bytes;
        for (reason, count) in &other.skipped_by {
            *self.skipped_by.entry(*reason).or_default() += count;
        }
    }
}

/// The result of a shard. Everything beside `work` and `pages` follows from them.
#[derive(Clone, Debug)]
pub struct ShardResult {
    /// Whose work it is.
    pub work: Work,
    /// Each page's outcome, by URL.
    pub pages: Vec<PageOutcome>,
    /// The records in canonical order: by URL, then bytes.
    pub records: Vec<Record>,
    /// The provenance of each record, in the same order.
    pub provenance: Vec<provenance::Leaf>,
    /// Merkle root of the records: what the node commits to and reveals.
    pub result_root: Hash,
    /// Similarity sketch of the records, word by word: what is compared with other replicas.
    pub sketch: [Sketch; WORDS],
    /// The figures.
    pub counts: Counts,
}

/// A result as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    work: Work,
    pages: Vec<PageOutcome>,
}

const VERSION: u32 = 1;

impl Stored {
    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let stored: Self = serde_json::from_slice(bytes).map_err(malformed)?;
        if stored.version != VERSION {
            return Err(Error::Malformed {
                what: "a shard result",
                why: format!("it has version {}", stored.version),
            });
        }
        let listed_elsewhere =
            |page: &&PageOutcome| matches!(page, PageOutcome::Fetched { url, record, .. } if url != record.url());
        if let Some(page) = stored.pages.iter().find(listed_elsewhere) {
            let why = format!("the record of {} names another URL", page.url());
            return Err(Error::InconsistentShard {
                shard: stored.work.shard,
                why,
            });
        }
        Ok(stored)
    }
}

/// What a dataset takes from a shard's result: the rows and the figures, without what only replicas compare.
#[derive(Clone, Debug)]
pub struct ShardRows {
    /// Whose work it is.
    pub work: Work,
    /// The records in canonical order: by URL, then bytes.
    pub records: Vec<Record>,
    /// The provenance of each record, in the same order.
    pub provenance: Vec<provenance::Leaf>,
    /// Merkle root of the records.
    pub result_root: Hash,
    /// The figures.
    pub counts: Counts,
}

impl ShardRows {
    /// The rows that these outcomes make.
    pub fn new(work: Work, pages: impl IntoIterator<Item = PageOutcome>) -> Self {
        let mut rows = Vec::new();
        let mut counts = Counts::default();
        for page in pages {
            counts.pages += 1;
            match page {
                PageOutcome::Fetched {
                    at,
                    bytes,
                    robots,
                    record,
                    ..
                } => {
                    counts.fetched += 1;
                    counts.bytes += bytes;
                    rows.push((record, at, robots));
                }
                PageOutcome::Skipped { reason, .. } => {
                    counts.skipped += 1;
                    *counts.skipped_by.entry(reason).or_default() += 1;
                }
            }
        }
        rows.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        let provenance = rows
            .iter()
            .map(|(record, at, robots)| provenance::Leaf {
                record_hash: record.hash(),
                url_hash: record.url_hash(),
                fetched_at: *at,
                robots: (*robots).into(),
                node: work.node,
                job: work.job,
                shard: work.shard,
            })
            .collect();
        let records: Vec<Record> = rows.into_iter().map(|(record, ..)| record).collect();
        Self {
            work,
            provenance,
            result_root: result_root(&records),
            records,
            counts,
        }
    }

    /// Reads the rows of a stored result.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let stored = Stored::from_bytes(bytes)?;
        Ok(Self::new(stored.work, stored.pages))
    }
}

impl From<&ShardResult> for ShardRows {
    fn from(result: &ShardResult) -> Self {
        Self {
            work: result.work,
            records: result.records.clone(),
            provenance: result.provenance.clone(),
            result_root: result.result_root,
            counts: result.counts.clone(),
        }
    }
}

impl ShardResult {
    /// The result that these outcomes make.
    pub fn new(work: Work, mut pages: Vec<PageOutcome>) -> Self {
        pages.sort_by(|a, b| a.url().cmp(b.url()));
        let rows = ShardRows::new(work, pages.iter().cloned());
        let count = u32::try_from(pages.len()).unwrap_or(u32::MAX);
        Self {
            work,
            sketch: sketch(&rows.records, count),
            pages,
            records: rows.records,
            provenance: rows.provenance,
            result_root: rows.result_root,
            counts: rows.counts,
        }
    }

    /// Number of records, as it is revealed.
    pub fn count(&self) -> u32 {
        u32::try_from(self.records.len()).unwrap_or(u32::MAX)
    }

    /// The result as JSON, for storing (encrypted).
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let stored = Stored {
            version: VERSION,
            work: self.work,
            pages: self.pages.clone(),
        };
        serde_json::to_vec(&stored).map_err(malformed)
    }

    /// Reads a stored result and works out everything that follows from it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let stored = Stored::from_bytes(bytes)?;
        Ok(Self::new(stored.work, stored.pages))
    }
}

fn malformed(error: serde_json::Error) -> Error {
    Error::Malformed {
        what: "a shard result",
        why: error.to_string(),
    }
}
