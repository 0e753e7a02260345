//! Opening a dataset that was bought: decrypt, write out, and check every promise of the listing.

use std::{collections::HashSet, io::Write};

use lumora_core::{hash::Hash, merkle};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    card::Card,
    package::{DatasetIndex, Provenance, VERSION},
};
use crate::{
    cid::Cid,
    error::{Error, Result},
    key::ContentKey,
    record::Record,
    segment::{Decryptor, Header},
    store::Store,
};

/// Problems that are described one by one; more are only counted.
const DESCRIBED_PROBLEMS: usize = 20;
/// Longest row: a record has at most 8 MiB of text, which JSON may write six times as long.
const MAX_ROW: usize = 64 << 20;

/// What the listing on chain promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The dataset's id.
    pub dataset_id: [u8; 32],
    /// Root of header and ciphertext segments.
    pub ciphertext_root: Hash,
    /// Root of the plaintext segments.
    pub plaintext_root: Hash,
    /// Root of the rows' provenance.
    pub provenance_root: Hash,
}

impl From<&DatasetIndex> for Listed {
    fn from(index: &DatasetIndex) -> Self {
        Self {
            dataset_id: index.dataset_id,
            ciphertext_root: index.ciphertext_root,
            plaintext_root: index.plaintext_root,
            provenance_root: index.provenance_root,
        }
    }
}

/// What was verified. The three roots are the listed ones, or `open` would have failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Rows that were decrypted.
    pub rows: u64,
    /// Rows whose provenance holds: the leaf is the row's, its path leads to the listed root, and the record is a leaf of
    /// its shard's result root.
    pub rows_verified: u64,
    /// What is wrong with rows that do not verify; the first twenty.
    pub problems: Vec<String>,
    /// Segments that were decrypted.
    pub segments: u32,
    /// Bytes of plaintext.
    pub bytes: u64,
    /// The shards that the rows claim to come from. Compare each `result_root` with the settled shard on chain.
    pub shards: Vec<ShardClaim>,
}

impl Verification {
    /// Whether every row verified.
    pub fn is_complete(&self) -> bool {
        self.rows == self.rows_verified && self.problems.is_empty()
    }
}

/// A shard that rows claim to come from, whose record leaves do give this root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShardClaim {
    /// Address of the job.
    #[serde(with = "hex::serde")]
    pub job: [u8; 32],
    /// Number of the shard.
    pub shard: u32,
    /// Address of the node.
    #[serde(with = "hex::serde")]
    pub node: [u8; 32],
    /// The result root it revealed.
    #[serde(with = "hex::serde")]
    pub result_root: Hash,
    /// Rows from it.
    pub rows: u64,
}

/// Decrypts the dataset that `index` names into `out` (JSON Lines), checking it against what was `listed`.
///
/// Roots that differ are an error, and what was written until then is worth nothing; rows whose provenance does not hold
/// are counted.
pub async fn open(
    index: &Cid,
    listed: &Listed,
    key: &ContentKey,
    store: &Store,
    out: &mut (dyn Write + Send),
) -> Result<(Card, Verification)> {
    let index: DatasetIndex = parse("the dataset's index", &store.get(index).await?)?;
    if index.version != VERSION {
        let why = format!("it has version {}", index.version);
        return Err(Error::Malformed {
            what: "the dataset's index",
            why,
        });
    }
    if index.dataset_id != listed.dataset_id {
        return Err(mismatch("id, not a", &listed.dataset_id, &index.dataset_id));
    }
    let card: Card = parse("the data card", &store.get(&index.card).await?)?;
    let provenance: Provenance = parse("the provenance", &store.get(&index.provenance).await?)?;
    let mut rows = RowChecks::new(&provenance, listed)?;

    let header = Header::decode(&index.header)?;
    let decryptor = Decryptor::new(key, &header)?;
    let (expected, found) = (u64::from(decryptor.segment_count()), index.segments.len() as u64);
    if expected != found {
        return Err(Error::SegmentCount { expected, found });
    }
    let mut ciphertext_leaves = vec![merkle::leaf_hash(&header.encode())];
    let mut plaintext_leaves = Vec::new();
    let mut unfinished_row = Vec::new();
    for (number, segment) in (0u32..).zip(&index.segments) {
        let ciphertext = store.get(segment).await?;
        let plaintext = decryptor.open(number, &ciphertext)?;
        ciphertext_leaves.push(merkle::leaf_hash(&ciphertext));
        plaintext_leaves.push(merkle::leaf_hash(&plaintext));
        out.write_all(&plaintext)
            .map_err(|source| Error::file("write", "the opened dataset".as_ref(), source))?;
        for piece in plaintext.split_inclusive(|byte| *byte == b'\n') {
            unfinished_row.extend_from_slice(piece);
            if let Some(row) = unfinished_row.strip_suffix(b"\n") {
                rows.check(row);
                unfinished_row.clear();
            } else if unfinished_row.len() > MAX_ROW {
                return Err(Error::Malformed {
                    what: "a row",
                    why: "it is longer than any record".to_owned(),
                });
            }
        }
    }
    if !unfinished_row.is_empty() {
        rows.check(&unfinished_row);
    }
    same(
        "ciphertext",
        &listed.ciphertext_root,
        &merkle::Tree::new(ciphertext_leaves).root(),
    )?;
    same(
        "plaintext",
        &listed.plaintext_root,
        &merkle::Tree::new(plaintext_leaves).root(),
    )?;
    let mut verification = rows.finish();
    verification.segments = decryptor.segment_count();
    verification.bytes = header.plaintext_len;
    Ok((card, verification))
}

/// Holds rows against the provenance, one after the other.
struct RowChecks<'a> {
    provenance: &'a Provenance,
    provenance_root: Hash,
    tree: merkle::Tree,
    /// Record leaves of each shard.
    shard_leaves: Vec<HashSet<Hash>>,
    verification: Verification,
}

impl<'a> RowChecks<'a> {
    fn new(provenance: &'a Provenance, listed: &Listed) -> Result<Self> {
        let mut leaves = Vec::with_capacity(provenance.rows.len());
        for index in 0..provenance.rows.len() {
            let leaf = provenance.leaf(index).ok_or_else(|| Error::Malformed {
                what: "the provenance",
                why: format!("row {index} names a shard that is not there"),
            })?;
            leaves.push(leaf.hash());
        }
        let tree = merkle::Tree::new(leaves);
        same("provenance", &listed.provenance_root, &tree.root())?;
        let mut shard_leaves = Vec::new();
        let mut verification = Verification::default();
        for origin in &provenance.shards {
            let leaves = origin.leaves()?;
            // A list that does not give the root would let any row pass for one of the shard's.
            if merkle::Tree::new(leaves.clone()).root() != origin.result_root {
                let why = "its record leaves do not give its result root".to_owned();
                return Err(Error::InconsistentShard {
                    shard: origin.shard,
                    why,
                });
            }
            shard_leaves.push(leaves.into_iter().collect());
            verification.shards.push(ShardClaim {
                job: origin.job,
                shard: origin.shard,
                node: origin.node,
                result_root: origin.result_root,
                rows: 0,
            });
        }
        Ok(Self {
            provenance,
            provenance_root: listed.provenance_root,
            tree,
            shard_leaves,
            verification,
        })
    }

    fn check(&mut self, row: &[u8]) {
        let index = self.verification.rows;
        self.verification.rows += 1;
        match self.verify(index, row) {
            Ok(origin) => {
                self.verification.rows_verified += 1;
                if let Some(shard) = self.verification.shards.get_mut(origin) {
                    shard.rows += 1;
                }
            }
            Err(problem) => self.problem(format!("row {index}: {problem}")),
        }
    }

    /// The origin of the row, or what is wrong with it.
    fn verify(&self, index: u64, row: &[u8]) -> Result<usize, String> {
        let record = Record::parse(row).map_err(|error| error.to_string())?;
        let position =
            usize::try_from(index).map_err(|_| "there are more rows than this machine can count".to_owned())?;
        let (Some(claimed), Some(leaf)) = (self.provenance.rows.get(position), self.provenance.leaf(position)) else {
            return Err("it has no provenance".to_owned());
        };
        if leaf.record_hash != record.hash() || leaf.url_hash != record.url_hash() {
            return Err("its provenance is another record's".to_owned());
        }
        let path = self.tree.path(index).unwrap_or_default();
        if !merkle::verify(&self.provenance_root, &leaf.hash(), index, self.tree.len(), &path) {
            return Err("its provenance does not lead to the listed root".to_owned());
        }
        if !self
            .shard_leaves
            .get(claimed.origin)
            .is_some_and(|leaves| leaves.contains(&record.leaf()))
        {
            return Err("the shard it claims to come from did not contain it".to_owned());
        }
        Ok(claimed.origin)
    }

    fn problem(&mut self, problem: String) {
        if self.verification.problems.len() < DESCRIBED_PROBLEMS {
            self.verification.problems.push(problem);
        }
    }

    fn finish(mut self) -> Verification {
        if self.verification.rows != self.tree.len() {
            let (rows, leaves) = (self.verification.rows, self.tree.len());
            self.problem(format!("{rows} rows, but provenance for {leaves}"));
        }
        self.verification
    }
}

fn parse<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| Error::Malformed {
        what,
        why: error.to_string(),
    })
}

fn same(what: &'static str, expected: &Hash, found: &Hash) -> Result<()> {
    if expected == found {
        Ok(())
    } else {
        Err(mismatch(what, expected, found))
    }
}

fn mismatch(what: &'static str, expected: &Hash, found: &Hash) -> Error {
    Error::RootMismatch {
        what,
        expected: hex::encode(expected),
        found: hex::encode(found),
    }
}
