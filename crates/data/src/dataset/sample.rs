//! The free sample: rows that neither seller nor buyer chose, shown in clear with the path that proves each of them to be
//! that row of the listed dataset. Nobody needs a key to check it.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufRead, BufReader},
};

use lumora_core::{
    hash::{Hash, sha256},
    merkle,
};
use serde::{Deserialize, Serialize};

use super::{
    build::Built,
    open::Listed,
    package::{Packaged, tree_file},
    provenance::{Entry, RowSource},
};
use crate::{
    blinding::{Blinding, Tree, blinded_leaf},
    cid::Cid,
    error::{Error, Result},
    key::ContentKey,
    merkle::TreeReader,
    record::UrlOfRow,
    shard::RobotsNote,
    store::Store,
};

const VERSION: u32 = 1;
/// Most rows of a sample.
const MAX_ROWS: u64 = 10;
/// A sample has at most one row of so many.
const ONE_IN: u64 = 10;
/// Largest sample that is read.
const MAX_SAMPLE_BYTES: u64 = 64 << 20;
/// Longest path: a tree has at most 2^64 leaves.
const MAX_PATH: usize = 64;
const DOMAIN: &[u8] = b"lumora sample v1";

/// The numbers of the rows that are the sample, in order: ten, and at most a tenth of the dataset.
///
/// `beacon` is the hash of the first block after the one in which the dataset was listed. Whoever lists knows what the
/// rows are but not the beacon; nobody who knows the beacon can change the rows.
pub fn sample_rows(beacon: &[u8; 32], listing: &[u8; 32], provenance_root: &Hash, rows: u64) -> Vec<u64> {
    let wanted = (rows / ONE_IN).min(MAX_ROWS);
    // Draws at or above this would make small numbers likelier than large ones.
    let fair = rows.checked_mul(u64::MAX.checked_div(rows).unwrap_or(0)).unwrap_or(0);
    let mut chosen = BTreeSet::new();
    let mut counter: u64 = 0;
    while (chosen.len() as u64) < wanted {
        let digest = sha256(&[DOMAIN, beacon, listing, provenance_root, &counter.to_le_bytes()]);
        let draw = u64::from_le_bytes(std::array::from_fn(|i| digest[i]));
        if draw < fair {
            chosen.insert(draw % rows);
        }
        counter += 1;
    }
    chosen.into_iter().collect()
}

/// A published sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// Version of the format: 1.
    pub version: u32,
    /// Address of the listing.
    #[serde(with = "hex::serde")]
    pub listing: [u8; 32],
    /// The hash that chose the rows.
    #[serde(with = "hex::serde")]
    pub beacon: [u8; 32],
    /// The rows.
    pub rows: Vec<SampleRow>,
}

/// A row of a sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleRow {
    /// Which row of the dataset, from 0.
    pub number: u64,
    /// The record, as it stands in the dataset.
    pub record: String,
    /// Address of the job.
    #[serde(with = "hex::serde")]
    pub job: [u8; 32],
    /// Number of the shard.
    pub shard: u32,
    /// Address of the node.
    #[serde(with = "hex::serde")]
    pub node: [u8; 32],
    /// Unix time of the fetch.
    pub fetched_at: i64,
    /// What robots.txt said.
    pub robots: RobotsNote,
    /// The blinding value of the row's leaf.
    #[serde(with = "hex::serde")]
    blinding: [u8; 32],
    /// Siblings from the leaf up to the provenance root.
    path: Vec<Sibling>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
struct Sibling(#[serde(with = "hex::serde")] Hash);

/// Name under which the sample of a listing is found in the store ([`Store::resolve`]).
pub fn sample_name(listing: &[u8; 32]) -> String {
    format!("samples/{}", hex::encode(listing))
}

impl Sample {
    /// The sample of a dataset that was built and packaged here, and then listed.
    pub fn new(
        built: &Built,
        packaged: &Packaged,
        key: &ContentKey,
        listing: &[u8; 32],
        beacon: &[u8; 32],
    ) -> Result<Self> {
        let wanted = sample_rows(beacon, listing, &packaged.provenance_root, packaged.rows);
        let blinding = Blinding::new(key, &packaged.dataset_id, Tree::Provenance);
        let mut tree = TreeReader::open(&tree_file(built), packaged.rows)?;
        let mut rows = Vec::new();
        for (number, record, source) in find(built, &wanted)? {
            let changed = || Error::WorkFolderChanged { path: built.rows() };
            let origin = built.origins().get(source.origin as usize).ok_or_else(changed)?;
            let path = tree.path(number)?.ok_or_else(changed)?;
            rows.push(SampleRow {
                number,
                record,
                job: origin.job,
                shard: origin.shard,
                node: origin.node,
                fetched_at: source.fetched_at,
                robots: source.robots,
                blinding: blinding.value(number),
                path: path.into_iter().map(Sibling).collect(),
            });
        }
        let sample = Self {
            version: VERSION,
            listing: *listing,
            beacon: *beacon,
            rows,
        };
        sample.verify(&Listed::from(packaged), listing, beacon)?;
        Ok(sample)
    }

    /// Checks that these are the rows that the beacon chose, and that each stands at its place in the listed dataset.
    pub fn verify(&self, listed: &Listed, listing: &[u8; 32], beacon: &[u8; 32]) -> Result<()> {
        let bad = |why: String| Err(Error::BadSample { why });
        if self.version != VERSION {
            return bad(format!("it has version {}", self.version));
        }
        if self.listing != *listing {
            return bad("it is of another listing".to_owned());
        }
        if self.beacon != *beacon {
            return bad("it was chosen by another hash than that of the block after the listing".to_owned());
        }
        let wanted = sample_rows(beacon, listing, &listed.provenance_root, listed.rows);
        if !self.rows.iter().map(|row| row.number).eq(wanted) {
            return bad("it has other rows than those that the block's hash chose".to_owned());
        }
        for row in &self.rows {
            if !row.is_in(listed)? {
                return bad(format!("row {} is not that row of the listed dataset", row.number));
            }
        }
        Ok(())
    }

    /// Publishes the sample.
    pub async fn publish(&self, store: &Store) -> Result<Cid> {
        let text = serde_json::to_vec(self).map_err(|error| malformed(&error))?;
        let cid = store.put(text).await?;
        store.point(&sample_name(&self.listing), &cid).await?;
        Ok(cid)
    }

    /// The published sample of a listing, unchecked; `None` if there is none.
    pub async fn find(listing: &[u8; 32], store: &Store) -> Result<Option<Self>> {
        let Some(cid) = store.resolve(&sample_name(listing)).await? else {
            return Ok(None);
        };
        let text = store.get_at_most(&cid, MAX_SAMPLE_BYTES).await?;
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| malformed(&error))
    }
}

impl SampleRow {
    fn is_in(&self, listed: &Listed) -> Result<bool> {
        let record = self.record.as_bytes();
        let url = UrlOfRow::of(record)?;
        let leaf = lumora_core::provenance::Leaf {
            record_hash: sha256(&[record]),
            url_hash: sha256(&[url.as_bytes()]),
            fetched_at: self.fetched_at,
            robots: self.robots.into(),
            node: self.node,
            job: self.job,
            shard: self.shard,
        };
        let path: Vec<Hash> = self.path.iter().take(MAX_PATH + 1).map(|sibling| sibling.0).collect();
        let leaf = blinded_leaf(&self.blinding, &leaf.hash());
        Ok(merkle::verify(
            &listed.provenance_root,
            &leaf,
            self.number,
            listed.rows,
            &path,
        ))
    }
}

fn malformed(error: &serde_json::Error) -> Error {
    Error::Malformed {
        what: "a sample",
        why: error.to_string(),
    }
}

/// Reads the rows with these numbers, which are sorted.
fn find(built: &Built, wanted: &[u64]) -> Result<Vec<(u64, String, RowSource)>> {
    let open = |path: &std::path::Path| {
        let file = File::open(path).map_err(|source| Error::file("read", path, source))?;
        Ok::<_, Error>(BufReader::with_capacity(1 << 20, file))
    };
    let (rows_path, provenance_path) = (built.rows(), built.provenance());
    let (mut rows, mut entries) = (open(&rows_path)?, open(&provenance_path)?);
    let mut found = Vec::new();
    let (mut row, mut number) = (Vec::new(), 0);
    while found.len() < wanted.len() {
        let entry = Entry::read(&mut entries).map_err(|source| Error::file("read", &provenance_path, source))?;
        let source = match entry {
            Some(Entry::Row(source)) => source,
            Some(Entry::LeftOut { .. }) => continue,
            None => return Err(Error::WorkFolderChanged { path: provenance_path }),
        };
        row.clear();
        rows.read_until(b'\n', &mut row)
            .map_err(|source| Error::file("read", &rows_path, source))?;
        if wanted.get(found.len()) == Some(&number) {
            let record = row.strip_suffix(b"\n").unwrap_or(&row).to_vec();
            let record = String::from_utf8(record).map_err(|_| Error::WorkFolderChanged {
                path: rows_path.clone(),
            })?;
            found.push((number, record, source));
        }
        number += 1;
    }
    Ok(found)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_sample_has_ten_rows_and_at_most_a_tenth() {
        for (rows, sample) in [(0, 0), (9, 0), (10, 1), (99, 9), (100, 10), (u64::MAX, 10)] {
            let chosen = sample_rows(&[1; 32], &[2; 32], &[3; 32], rows);
            assert_eq!(chosen.len(), sample, "{rows} rows");
            assert!(chosen.is_sorted_by(|a, b| a < b) && chosen.iter().all(|row| *row < rows));
        }
    }

    #[test]
    fn the_choice_depends_on_block_listing_and_dataset() {
        let chosen = sample_rows(&[1; 32], &[2; 32], &[3; 32], 1_000_000);
        assert_eq!(chosen, sample_rows(&[1; 32], &[2; 32], &[3; 32], 1_000_000));
        for (beacon, listing, root) in [(0, 2, 3), (1, 0, 3), (1, 2, 0)] {
            assert_ne!(
                chosen,
                sample_rows(&[beacon; 32], &[listing; 32], &[root; 32], 1_000_000)
            );
        }
    }

    /// 10,000 samples of 10 out of 100 rows: every row is drawn about 1,000 times.
    #[test]
    fn every_row_is_as_likely_as_another() {
        let mut drawn = [0u32; 100];
        for number in 0..10_000u64 {
            let beacon = sha256(&[&number.to_le_bytes()]);
            for row in sample_rows(&beacon, &[2; 32], &[3; 32], 100) {
                drawn[row as usize] += 1;
            }
        }
        // Six standard deviations of a binomial with p = 0.1.
        assert!(drawn.iter().all(|count| count.abs_diff(1_000) < 180), "{drawn:?}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_sample_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = serde_json::from_slice::<Sample>(&bytes);
        }
    }
}
