//! Putting a dataset into the store: encrypted rows, and in clear the card, the provenance and an index of it all.

use bytes::Bytes;
use lumora_core::{hash::Hash, provenance};
use serde::{Deserialize, Serialize};

use super::build::{Dataset, Origin};
use crate::{
    cid::Cid,
    error::{Error, Result},
    key::ContentKey,
    segment,
    shard::RobotsNote,
    store::Store,
};

pub(super) const VERSION: u32 = 1;

/// The index of a packaged dataset: a JSON object in the store. Its name goes into the listing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatasetIndex {
    /// Version of the format: 1.
    pub version: u32,
    /// The id under which it is listed; salts the content key.
    #[serde(with = "hex::serde")]
    pub dataset_id: [u8; 32],
    /// The data card (JSON).
    pub card: Cid,
    /// The provenance of the rows (JSON).
    pub provenance: Cid,
    /// [`segment::Header::encode`].
    #[serde(with = "hex::serde")]
    pub header: Vec<u8>,
    /// The encrypted segments, in order.
    pub segments: Vec<Cid>,
    /// [`segment::ciphertext_root`].
    #[serde(with = "hex::serde")]
    pub ciphertext_root: Hash,
    /// [`segment::plaintext_root`].
    #[serde(with = "hex::serde")]
    pub plaintext_root: Hash,
    /// Merkle root of the rows' provenance.
    #[serde(with = "hex::serde")]
    pub provenance_root: Hash,
    /// Number of rows.
    pub rows: u64,
    /// Bytes of the rows as JSON Lines.
    pub bytes: u64,
}

/// What was stored: what a listing needs.
#[derive(Clone, Debug)]
pub struct Packaged {
    /// Name of the index.
    pub index_cid: Cid,
    /// The index.
    pub index: DatasetIndex,
}

/// The provenance object.
#[derive(Serialize, Deserialize)]
pub(super) struct Provenance {
    pub version: u32,
    pub shards: Vec<ShardOrigin>,
    pub rows: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ShardOrigin {
    #[serde(with = "hex::serde")]
    pub job: [u8; 32],
    pub shard: u32,
    #[serde(with = "hex::serde")]
    pub node: [u8; 32],
    #[serde(with = "hex::serde")]
    pub result_root: Hash,
    /// The leaves one after the other, 64 digits each.
    leaves: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Row {
    /// Which of the shards.
    pub origin: usize,
    #[serde(with = "hex::serde")]
    pub record_hash: Hash,
    #[serde(with = "hex::serde")]
    pub url_hash: Hash,
    pub fetched_at: i64,
    pub robots: RobotsNote,
}

impl Provenance {
    fn new(dataset: &Dataset) -> Result<Self> {
        let row = |leaf: &provenance::Leaf| {
            let origin = dataset
                .origins
                .binary_search_by_key(&(leaf.job, leaf.shard), |origin| (origin.job, origin.shard))
                .map_err(|_| Error::InconsistentShard {
                    shard: leaf.shard,
                    why: "its origin is missing".to_owned(),
                })?;
            Ok(Row {
                origin,
                record_hash: leaf.record_hash,
                url_hash: leaf.url_hash,
                fetched_at: leaf.fetched_at,
                robots: leaf.robots.into(),
            })
        };
        Ok(Self {
            version: VERSION,
            shards: dataset.origins.iter().map(ShardOrigin::new).collect(),
            rows: dataset.provenance.iter().map(row).collect::<Result<_>>()?,
        })
    }

    /// The provenance leaf of row `index`.
    pub fn leaf(&self, index: usize) -> Option<provenance::Leaf> {
        let row = self.rows.get(index)?;
        let origin = self.shards.get(row.origin)?;
        Some(provenance::Leaf {
            record_hash: row.record_hash,
            url_hash: row.url_hash,
            fetched_at: row.fetched_at,
            robots: row.robots.into(),
            node: origin.node,
            job: origin.job,
            shard: origin.shard,
        })
    }
}

impl ShardOrigin {
    fn new(origin: &Origin) -> Self {
        let leaves = origin.leaves.iter().map(hex::encode).collect();
        Self {
            job: origin.job,
            shard: origin.shard,
            node: origin.node,
            result_root: origin.result_root,
            leaves,
        }
    }

    pub fn leaves(&self) -> Result<Vec<Hash>> {
        let malformed = |why: &str| Error::Malformed {
            what: "the provenance",
            why: why.to_owned(),
        };
        let bytes = hex::decode(&self.leaves).map_err(|_| malformed("leaves are not hexadecimal"))?;
        let (leaves, rest) = bytes.as_chunks::<32>();
        if rest.is_empty() {
            Ok(leaves.to_vec())
        } else {
            Err(malformed("leaves are not of 32 bytes"))
        }
    }
}

/// Encrypts the rows under `key` (which belongs to the dataset's id) and stores everything.
pub async fn package(dataset: &Dataset, key: &ContentKey, segment_size: u32, store: &Store) -> Result<Packaged> {
    let rows = dataset.json_lines();
    let sealed = segment::encrypt(key, &rows, segment_size)?;
    let mut segments = Vec::with_capacity(sealed.segments.len());
    for segment in sealed.segments {
        segments.push(store.put(Bytes::from(segment)).await?);
    }
    let index = DatasetIndex {
        version: VERSION,
        dataset_id: dataset.dataset_id,
        card: store.put(json(&dataset.card)?).await?,
        provenance: store.put(json(&Provenance::new(dataset)?)?).await?,
        header: sealed.header.encode().to_vec(),
        segments,
        ciphertext_root: sealed.ciphertext_root,
        plaintext_root: sealed.plaintext_root,
        provenance_root: dataset.provenance_root,
        rows: dataset.records.len() as u64,
        bytes: rows.len() as u64,
    };
    Ok(Packaged {
        index_cid: store.put(json(&index)?).await?,
        index,
    })
}

fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| Error::Malformed {
        what: "the package",
        why: error.to_string(),
    })
}
