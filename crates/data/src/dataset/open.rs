//! Opening a dataset that was bought: download, decrypt, write out, and check every promise of the listing. In memory
//! that does not grow with the dataset, and going on where a killed download stopped.
//!
//! The segments arrive on the threads of the network and are decrypted and checked, in order, on one of their own. The
//! rows and their provenance are read side by side.

use std::{
    fs::File,
    io::{self, BufRead, Cursor, Read, Seek, Write},
    path::{Path, PathBuf},
};

use futures_util::{StreamExt, stream};
use lumora_core::{
    hash::{Hash, sha256},
    merkle,
};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::{
    build::MAX_SHARDS,
    card::{Card, MAX_CARD_BYTES},
    package::{MAX_PACKAGE_BYTES, Package, Packaged, Progress, SealedStream, VERSION, blocking, in_flight},
    provenance::{Entry, Origin},
};
use crate::{
    blinding::{Blinding, Tree},
    cid::Cid,
    error::{Error, Result},
    journal::Journal,
    key::ContentKey,
    merkle::Accumulator,
    record::UrlOfRow,
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
    /// Name of the [`Package`].
    pub package: Cid,
    /// Name of the data card.
    pub card: Cid,
    /// See [`Package::ciphertext_root`].
    pub ciphertext_root: Hash,
    /// See [`Package::plaintext_root`].
    pub plaintext_root: Hash,
    /// See [`Package::provenance_root`].
    pub provenance_root: Hash,
    /// Number of rows.
    pub rows: u64,
    /// Number of the rows' encrypted segments.
    pub segments: u32,
}

impl From<&Packaged> for Listed {
    fn from(packaged: &Packaged) -> Self {
        Self {
            dataset_id: packaged.dataset_id,
            package: packaged.package_cid,
            card: packaged.card_cid,
            ciphertext_root: packaged.ciphertext_root,
            plaintext_root: packaged.plaintext_root,
            provenance_root: packaged.provenance_root,
            rows: packaged.rows,
            segments: packaged.segments,
        }
    }
}

/// What a dataset says about itself before it is bought.
#[derive(Clone, Debug)]
pub struct Described {
    /// The data card.
    pub card: Card,
    /// The package.
    pub package: Package,
}

/// Reads card and package and holds them against the listing and each other. Needs no key.
pub async fn describe(listed: &Listed, store: &Store) -> Result<Described> {
    let text = store.get_at_most(&listed.package, MAX_PACKAGE_BYTES).await?;
    let package = read_package(&text, listed)?;
    let document = store.get_at_most(&listed.card, MAX_CARD_BYTES).await?;
    let card = Card::from_croissant(&document, &listed.package, text.len() as u64)?;
    for (what, is_so) in [
        ("dataset id", card.dataset_id == package.dataset_id),
        ("number of rows", card.rows == package.row_count),
        ("size", card.bytes == package.bytes),
    ] {
        if !is_so {
            return Err(Error::CardMismatch { what });
        }
    }
    Ok(Described { card, package })
}

/// Reads a package and checks that it is the listed one and holds together.
fn read_package(text: &[u8], listed: &Listed) -> Result<Package> {
    let malformed = |why: String| Error::Malformed {
        what: "the package",
        why,
    };
    let package: Package = serde_json::from_slice(text).map_err(|error| malformed(error.to_string()))?;
    if package.version != VERSION {
        return Err(malformed(format!("it has version {}", package.version)));
    }
    if package.dataset_id != listed.dataset_id {
        return Err(mismatch("id, not a", &listed.dataset_id, &package.dataset_id));
    }
    same("ciphertext", &listed.ciphertext_root, &package.ciphertext_root)?;
    same("plaintext", &listed.plaintext_root, &package.plaintext_root)?;
    same("provenance", &listed.provenance_root, &package.provenance_root)?;
    for (what, expected, found) in [
        ("number of rows", listed.rows, package.row_count),
        (
            "number of segments",
            u64::from(listed.segments),
            package.rows.segments.len() as u64,
        ),
        (
            "length of the rows",
            package.bytes,
            Header::decode(&package.rows.header)?.plaintext_len,
        ),
    ] {
        if expected != found {
            return Err(Error::PackageMismatch { what, expected, found });
        }
    }
    if package.origins.len() > MAX_SHARDS {
        return Err(Error::TooManyOrigins {
            found: package.origins.len(),
        });
    }
    Ok(package)
}

/// What was verified. The roots are the listed ones, or opening would have failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Rows that were decrypted.
    pub rows: u64,
    /// Rows that come from shards which hold together: all their records, in order, give the result root.
    pub rows_verified: u64,
    /// What is wrong with shards that do not; the first twenty.
    pub problems: Vec<String>,
    /// Segments of rows.
    pub segments: u32,
    /// Bytes of rows.
    pub bytes: u64,
    /// Whether the encrypted segments were there to be checked, or only the rows that were decrypted earlier.
    pub ciphertext_checked: bool,
    /// The shards that hold together. Compare each `result_root` with the settled shard on chain.
    pub shards: Vec<ShardClaim>,
}

/// A shard that rows come from.
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
    /// The result root that the node revealed.
    #[serde(with = "hex::serde")]
    pub result_root: Hash,
    /// Rows from it.
    pub rows: u64,
}

/// What was and what was not verified, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Statements {
    /// What holds.
    pub verified: Vec<String>,
    /// What fails, could not be checked, or cannot be checked by anybody who was not there.
    pub not_verified: Vec<String>,
}

impl Verification {
    /// Whether every row verified.
    pub fn is_complete(&self) -> bool {
        self.rows == self.rows_verified && self.problems.is_empty()
    }

    /// In words. `settled` is the number of verified rows whose shard the chain saw settled, where that was looked up.
    pub fn statements(&self, settled: Option<u64>) -> Statements {
        let (rows, shards) = (self.rows, self.shards.len());
        let mut verified = vec![
            format!("the {rows} rows are those the listing's plaintext root stands for"),
            "the provenance of every row is that which the listing's provenance root stands for".to_owned(),
            format!(
                "{} rows come from shards ({shards}) all records of which give the result root that is claimed for them",
                self.rows_verified
            ),
        ];
        let mut not_verified = self.problems.clone();
        let segments = format!(
            "the encrypted segments ({}) are those of the listing's ciphertext root",
            self.segments
        );
        if self.ciphertext_checked {
            verified.insert(0, segments);
        } else {
            not_verified.push(format!("that {segments}: nothing was downloaded"));
        }
        match settled {
            Some(settled) => {
                verified.push(format!(
                    "{settled} rows come from shards whose result root the chain saw win"
                ));
                if settled < rows {
                    let others = rows - settled;
                    not_verified.push(format!(
                        "{others} rows do not come from a shard that the chain saw settled"
                    ));
                }
            }
            None => not_verified.push("whether the chain saw those shards settled: it was not asked".to_owned()),
        }
        not_verified.push(
            "that the pages said what the rows say: this rests on the replicas that agreed on each shard".to_owned(),
        );
        not_verified.push(
            "the times of the fetches and what robots.txt said: these are the statements of one node each".to_owned(),
        );
        Statements { verified, not_verified }
    }
}

/// Downloads and decrypts the dataset that was `listed` into the file `to` (JSON Lines), checking everything.
///
/// A file beside it, `to` with `.part` added, grows while segments come; the next call goes on there. `to` is written
/// only when the roots are the listed ones. Rows of shards that do not hold together are counted.
pub async fn download(
    listed: &Listed,
    key: &ContentKey,
    store: &Store,
    to: &Path,
    progress: impl FnMut(Progress) + Send + 'static,
) -> Result<(Card, Verification)> {
    let described = describe(listed, store).await?;
    let beside = |extension: &str| {
        let mut name = to.as_os_str().to_owned();
        name.push(extension);
        PathBuf::from(name)
    };
    let (part, journal) = (beside(".part"), beside(".progress"));
    let checks = Checks::new(&described.package, listed, key)?;
    let (checks, resumed) = {
        let (part, journal) = (part.clone(), journal.clone());
        blocking(move || Resumed::open(&part, &journal, &checks).map(|resumed| (checks, resumed))).await?
    };
    let rows = feed(store, &described.package.rows, resumed.finished.len())?;
    let provenance = feed(store, &described.package.provenance, 0)?;
    let verification = blocking(move || {
        let segments = Arriving {
            resumed,
            segments: rows,
        };
        checks.run(segments, provenance, progress)
    })
    .await;
    // What has the wrong roots is of no use to a later call.
    let is_rubbish = matches!(
        verification,
        Err(Error::RootMismatch { .. } | Error::RowWithoutProvenance { .. } | Error::ProvenanceWithoutRow { .. })
    );
    if is_rubbish {
        remove(&part)?;
    } else if verification.is_ok() {
        std::fs::rename(&part, to).map_err(|source| Error::file("write", to, source))?;
    }
    if is_rubbish || verification.is_ok() {
        remove(&journal)?;
    }
    Ok((described.card, verification?))
}

fn remove(path: &Path) -> Result<()> {
    std::fs::remove_file(path).map_err(|source| Error::file("remove", path, source))
}

/// Checks the rows of an earlier [`download`] in the file `rows` again. Of the store it needs card, package and provenance.
pub async fn verify(
    listed: &Listed,
    key: &ContentKey,
    store: &Store,
    rows: &Path,
    progress: impl FnMut(Progress) + Send + 'static,
) -> Result<(Card, Verification)> {
    let described = describe(listed, store).await?;
    let checks = Checks::new(&described.package, listed, key)?;
    let failed = |source| Error::file("read", rows, source);
    let file = File::open(rows).map_err(failed)?;
    let (expected, found) = (described.package.bytes, file.metadata().map_err(failed)?.len());
    if expected != found {
        let what = "length of the rows";
        return Err(Error::PackageMismatch { what, expected, found });
    }
    let provenance = feed(store, &described.package.provenance, 0)?;
    let path = rows.to_owned();
    let verification = blocking(move || checks.run(Decrypted { file, path }, provenance, progress)).await?;
    Ok((described.card, verification))
}

/// Encrypted segments, in order, as they arrive.
type Feed = mpsc::Receiver<Result<bytes::Bytes>>;

/// Fetches the segments of a stream from number `from` on.
fn feed(store: &Store, sealed: &SealedStream, from: usize) -> Result<Feed> {
    let header = Header::decode(&sealed.header)?;
    let (expected, found) = (u64::from(header.segment_count()?), sealed.segments.len() as u64);
    if expected != found {
        return Err(Error::SegmentCount { expected, found });
    }
    let (sender, receiver) = mpsc::channel(1);
    let (store, segments) = (store.clone(), sealed.segments.clone());
    tokio::spawn(async move {
        let store = &store;
        let fetched = (0u32..).zip(segments).skip(from).map(|(index, cid)| async move {
            // A segment has the length it must have, or does not take memory.
            store.get_at_most(&cid, header.ciphertext_len_of(index)).await
        });
        let mut fetched = stream::iter(fetched).buffered(in_flight(header.segment_size));
        while let Some(segment) = fetched.next().await {
            // The receiver is gone when the checks have failed.
            if sender.send(segment).await.is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}

fn receive(feed: &mut Feed) -> Result<bytes::Bytes> {
    feed.blocking_recv().unwrap_or_else(|| {
        Err(Error::Worker {
            why: "the download ended early".to_owned(),
        })
    })
}

/// What a download wrote down of a finished segment.
#[derive(Clone, Serialize, Deserialize)]
struct Finished {
    #[serde(with = "hex::serde")]
    ciphertext: Hash,
    #[serde(with = "hex::serde")]
    plaintext: Hash,
}

/// A download that may have been begun earlier.
struct Resumed {
    part: File,
    path: PathBuf,
    journal: Journal,
    /// Segments that are in the part file already.
    finished: Vec<Finished>,
}

impl Resumed {
    /// Opens the part file and keeps what is good of it.
    fn open(path: &Path, journal_path: &Path, checks: &Checks) -> Result<Self> {
        let identity = checks.listed.package.to_string();
        let (mut journal, mut finished) = Journal::open::<Finished>(journal_path, &identity)?;
        let failed = |source| Error::file("write", path, source);
        let mut part = match Self::good_part(path, &finished, checks) {
            Some(part) => part,
            None => {
                // The journal speaks of a file that is not there any more.
                if !finished.is_empty() {
                    drop(journal);
                    remove(journal_path)?;
                    (journal, finished) = Journal::open(journal_path, &identity)?;
                }
                let mut options = File::options();
                options.read(true).write(true).create(true).truncate(true);
                options.open(path).map_err(failed)?
            }
        };
        if !finished.is_empty() {
            part.rewind().map_err(failed)?;
        }
        Ok(Self {
            part,
            path: path.to_owned(),
            journal,
            finished,
        })
    }

    /// The part file, cut to the finished segments, if it holds these.
    fn good_part(path: &Path, finished: &[Finished], checks: &Checks) -> Option<File> {
        if finished.is_empty() {
            return None;
        }
        let mut part = File::options().read(true).write(true).open(path).ok()?;
        let mut length = 0;
        for (index, segment) in (0u32..).zip(finished) {
            let plaintext = read_exactly(&mut part, path, checks.header.plaintext_len_of(index)).ok()?;
            if checks.blinding.leaf(u64::from(index), &plaintext) != segment.plaintext {
                return None;
            }
            length += plaintext.len() as u64;
        }
        part.set_len(length).ok()?;
        Some(part)
    }
}

/// Where the segments in clear come from.
trait Segments {
    /// Segment `index`, in order, and the leaf of its encrypted form where that is known.
    fn next(&mut self, index: u32, checks: &Checks) -> Result<(Vec<u8>, Option<Hash>)>;
}

/// From the part file first, then from the network.
struct Arriving {
    resumed: Resumed,
    segments: Feed,
}

impl Segments for Arriving {
    fn next(&mut self, index: u32, checks: &Checks) -> Result<(Vec<u8>, Option<Hash>)> {
        let Resumed {
            part,
            path,
            journal,
            finished,
        } = &mut self.resumed;
        if let Some(finished) = finished.get(index as usize) {
            let plaintext = read_exactly(part, path, checks.header.plaintext_len_of(index))?;
            return Ok((plaintext, Some(finished.ciphertext)));
        }
        let ciphertext = receive(&mut self.segments)?;
        let plaintext = checks.rows.open(index, &ciphertext)?;
        part.write_all(&plaintext)
            .map_err(|source| Error::file("write", path, source))?;
        let ciphertext = merkle::leaf_hash(&ciphertext);
        journal.append(&Finished {
            ciphertext,
            plaintext: checks.blinding.leaf(u64::from(index), &plaintext),
        })?;
        Ok((plaintext, Some(ciphertext)))
    }
}

/// From the file of an earlier download.
struct Decrypted {
    file: File,
    path: PathBuf,
}

impl Segments for Decrypted {
    fn next(&mut self, index: u32, checks: &Checks) -> Result<(Vec<u8>, Option<Hash>)> {
        let plaintext = read_exactly(&mut self.file, &self.path, checks.header.plaintext_len_of(index))?;
        Ok((plaintext, None))
    }
}

fn read_exactly(file: &mut File, path: &Path, length: u64) -> Result<Vec<u8>> {
    // At most a segment.
    let mut bytes = vec![0; length as usize];
    file.read_exact(&mut bytes)
        .map_err(|source| Error::file("read", path, source))?;
    Ok(bytes)
}

/// Everything that rows are held against.
struct Checks {
    listed: Listed,
    header: Header,
    rows: Decryptor,
    provenance: Decryptor,
    blinding: Blinding,
    provenance_blinding: Blinding,
    origins: Vec<Origin>,
    bytes: u64,
}

impl Checks {
    /// Checks that `key` is the one the package was encrypted with, before anything is decrypted.
    fn new(package: &Package, listed: &Listed, key: &ContentKey) -> Result<Self> {
        let header = Header::decode(&package.rows.header)?;
        Ok(Self {
            listed: *listed,
            header,
            rows: Decryptor::new(key, &header)?,
            provenance: Decryptor::new(key, &Header::decode(&package.provenance.header)?)?,
            blinding: Blinding::new(key, &listed.dataset_id, Tree::Plaintext),
            provenance_blinding: Blinding::new(key, &listed.dataset_id, Tree::Provenance),
            origins: package.origins.clone(),
            bytes: package.bytes,
        })
    }

    fn run(
        self,
        mut segments: impl Segments,
        provenance: Feed,
        mut progress: impl FnMut(Progress),
    ) -> Result<Verification> {
        let total = u64::from(self.rows.segment_count());
        let mut entries = Entries {
            feed: provenance,
            decryptor: &self.provenance,
            next: 0,
            segment: Cursor::default(),
        };
        let mut held = Held {
            checks: &self,
            shards: vec![Shard::default(); self.origins.len()],
            provenance: Accumulator::default(),
        };
        let (mut plaintext_tree, mut ciphertext_tree) = (Accumulator::default(), Accumulator::default());
        ciphertext_tree.push(merkle::leaf_hash(&self.header.encode()));
        let mut ciphertext_checked = true;
        let mut row = Vec::new();
        for index in 0..self.rows.segment_count() {
            let (plaintext, ciphertext) = segments.next(index, &self)?;
            match ciphertext {
                Some(leaf) => ciphertext_tree.push(leaf),
                None => ciphertext_checked = false,
            }
            plaintext_tree.push(self.blinding.leaf(u64::from(index), &plaintext));
            let mut rest = plaintext.as_slice();
            while !rest.is_empty() {
                rest.read_until(b'\n', &mut row).map_err(unreadable)?;
                if let Some(record) = row.strip_suffix(b"\n") {
                    held.row(record, &mut entries)?;
                    row.clear();
                } else if row.len() > MAX_ROW {
                    return Err(Error::Malformed {
                        what: "a row",
                        why: "it is longer than any record".to_owned(),
                    });
                }
            }
            progress(Progress {
                done: u64::from(index) + 1,
                total,
            });
        }
        if !row.is_empty() {
            held.row(&row, &mut entries)?;
        }
        held.rest(&mut entries)?;
        if ciphertext_checked {
            same("ciphertext", &self.listed.ciphertext_root, &ciphertext_tree.root())?;
        }
        same("plaintext", &self.listed.plaintext_root, &plaintext_tree.root())?;
        same("provenance", &self.listed.provenance_root, &held.provenance.root())?;
        let mut verification = held.finish();
        verification.segments = self.rows.segment_count();
        verification.bytes = self.bytes;
        verification.ciphertext_checked = ciphertext_checked;
        let (what, expected, found) = ("number of rows", self.listed.rows, verification.rows);
        if expected != found {
            return Err(Error::PackageMismatch { what, expected, found });
        }
        Ok(verification)
    }
}

/// The provenance entries, decrypted as they are read.
struct Entries<'a> {
    feed: Feed,
    decryptor: &'a Decryptor,
    /// The segment after the one that is being read.
    next: u32,
    segment: Cursor<Vec<u8>>,
}

impl Entries<'_> {
    fn next(&mut self) -> Result<Option<Entry>> {
        Entry::read(self).map_err(unreadable)
    }
}

impl Read for Entries<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.segment.read(buffer)?;
            if count > 0 || buffer.is_empty() || self.next == self.decryptor.segment_count() {
                return Ok(count);
            }
            let opened = receive(&mut self.feed).and_then(|segment| self.decryptor.open(self.next, &segment));
            self.segment = Cursor::new(opened.map_err(io::Error::other)?);
            self.next += 1;
        }
    }
}

/// Our own error, if that is what stopped the reading; else what was read has no meaning.
fn unreadable(error: io::Error) -> Error {
    error.downcast::<Error>().unwrap_or_else(|error| Error::Malformed {
        what: "the provenance",
        why: error.to_string(),
    })
}

/// The records of a shard, as far as they were seen.
#[derive(Clone, Default)]
struct Shard {
    leaves: Accumulator,
    rows: u64,
}

/// Holds rows against their provenance, one after the other.
struct Held<'a> {
    checks: &'a Checks,
    shards: Vec<Shard>,
    provenance: Accumulator,
}

impl Held<'_> {
    fn row(&mut self, record: &[u8], entries: &mut Entries<'_>) -> Result<()> {
        let number = self.provenance.len();
        let source = loop {
            match entries.next()? {
                Some(Entry::Row(source)) => break source,
                Some(Entry::LeftOut { origin, leaf }) => self.shard(origin)?.leaves.push(leaf),
                None => return Err(Error::RowWithoutProvenance { row: number }),
            }
        };
        let url = UrlOfRow::of(record)?;
        let shard = self.shard(source.origin)?;
        shard.leaves.push(merkle::leaf_hash(record));
        shard.rows += 1;
        let origin = self
            .checks
            .origins
            .get(source.origin as usize)
            .ok_or_else(|| missing_origin(source.origin))?;
        let leaf = source.leaf(origin, sha256(&[record]), sha256(&[url.as_bytes()]));
        self.provenance
            .push(self.checks.provenance_blinding.leaf(number, &leaf.hash()));
        Ok(())
    }

    /// Reads the entries behind the last row.
    fn rest(&mut self, entries: &mut Entries<'_>) -> Result<()> {
        while let Some(entry) = entries.next()? {
            match entry {
                Entry::LeftOut { origin, leaf } => self.shard(origin)?.leaves.push(leaf),
                Entry::Row(_) => {
                    let rows = self.provenance.len();
                    return Err(Error::ProvenanceWithoutRow { rows });
                }
            }
        }
        Ok(())
    }

    fn shard(&mut self, origin: u32) -> Result<&mut Shard> {
        self.shards
            .get_mut(origin as usize)
            .ok_or_else(|| missing_origin(origin))
    }

    fn finish(self) -> Verification {
        let mut verification = Verification {
            rows: self.provenance.len(),
            ..Verification::default()
        };
        for (origin, shard) in self.checks.origins.iter().zip(&self.shards) {
            if shard.leaves.root() == origin.result_root && shard.leaves.len() == origin.records {
                verification.rows_verified += shard.rows;
                verification.shards.push(ShardClaim {
                    job: origin.job,
                    shard: origin.shard,
                    node: origin.node,
                    result_root: origin.result_root,
                    rows: shard.rows,
                });
            } else if verification.problems.len() < DESCRIBED_PROBLEMS {
                verification.problems.push(format!(
                    "the {} rows that are said to come from shard {} are not what its node delivered: with them its records \
                     do not give its result root",
                    shard.rows, origin.shard
                ));
            }
        }
        verification
    }
}

fn missing_origin(origin: u32) -> Error {
    Error::Malformed {
        what: "the provenance",
        why: format!("a row names shard {origin} of the package, which is not there"),
    }
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn listed() -> Listed {
        Listed {
            dataset_id: [1; 32],
            package: Cid::of(b"package"),
            card: Cid::of(b"card"),
            ciphertext_root: [2; 32],
            plaintext_root: [3; 32],
            provenance_root: [4; 32],
            rows: 5,
            segments: 1,
        }
    }

    fn package() -> Package {
        let header = Header {
            salt: [0; 32],
            segment_size: 1 << 20,
            plaintext_len: 100,
            commitment: [0; 32],
        };
        let stream = SealedStream {
            header: header.encode().to_vec(),
            segments: vec![Cid::of(b"segment")],
        };
        Package {
            version: VERSION,
            dataset_id: [1; 32],
            rows: stream.clone(),
            provenance: stream,
            origins: Vec::new(),
            ciphertext_root: [2; 32],
            plaintext_root: [3; 32],
            provenance_root: [4; 32],
            row_count: 5,
            bytes: 100,
        }
    }

    #[test]
    fn a_package_is_held_against_its_listing() {
        type Change = fn(&mut Package);
        let read = |package: &Package| read_package(&serde_json::to_vec(package).unwrap(), &listed());
        assert_eq!(read(&package()).unwrap(), package());
        let origin = Origin {
            job: [0; 32],
            shard: 0,
            node: [0; 32],
            result_root: [0; 32],
            records: 0,
        };
        let changes: [(Change, fn(&Error) -> bool); 8] = [
            (|p| p.version = 1, |e| matches!(e, Error::Malformed { .. })),
            (
                |p| p.dataset_id[0] ^= 1,
                |e| matches!(e, Error::RootMismatch { what: "id, not a", .. }),
            ),
            (
                |p| p.ciphertext_root[0] ^= 1,
                |e| matches!(e, Error::RootMismatch { what: "ciphertext", .. }),
            ),
            (
                |p| p.plaintext_root[0] ^= 1,
                |e| matches!(e, Error::RootMismatch { what: "plaintext", .. }),
            ),
            (
                |p| p.provenance_root[0] ^= 1,
                |e| matches!(e, Error::RootMismatch { what: "provenance", .. }),
            ),
            (
                |p| p.row_count += 1,
                |e| {
                    matches!(
                        e,
                        Error::PackageMismatch {
                            what: "number of rows",
                            ..
                        }
                    )
                },
            ),
            (
                |p| p.bytes += 1,
                |e| {
                    matches!(
                        e,
                        Error::PackageMismatch {
                            what: "length of the rows",
                            ..
                        }
                    )
                },
            ),
            (
                |p| p.rows.segments.clear(),
                |e| {
                    matches!(
                        e,
                        Error::PackageMismatch {
                            what: "number of segments",
                            ..
                        }
                    )
                },
            ),
        ];
        for (change, check) in changes {
            let mut other = package();
            change(&mut other);
            let error = read(&other).unwrap_err();
            assert!(check(&error), "{error:?}");
        }
        let mut crowded = package();
        crowded.origins = vec![origin; MAX_SHARDS + 1];
        assert!(matches!(read(&crowded), Err(Error::TooManyOrigins { .. })));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_package_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200), at in any::<usize>(), new in any::<u8>()) {
            let _ = read_package(&bytes, &listed());
            let mut text = serde_json::to_vec(&package()).unwrap();
            let at = at % text.len();
            text[at] = new;
            let _ = read_package(&text, &listed());
        }
    }
}
