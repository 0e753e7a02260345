//! Putting a dataset into the store: rows and provenance encrypted, and in clear the card and the package that names
//! everything. In constant memory, and resumable: what is in the store is not encrypted again.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use lumora_core::{
    hash::{Hash, sha256},
    merkle,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;

use super::{
    build::Built,
    provenance::{Entry, Origin},
};
use crate::{
    blinding::{Blinding, Tree},
    cid::Cid,
    error::{Error, Result},
    files,
    journal::Journal,
    json::canonical,
    key::{ContentKey, derive},
    merkle::{Accumulator, TreeWriter},
    record::UrlOfRow,
    segment::{Encryptor, TAG_SIZE},
    store::Store,
};

pub(super) const VERSION: u32 = 2;
/// Largest package that is read: half a million segments.
pub const MAX_PACKAGE_BYTES: u64 = 32 << 20;
/// Bytes of segments that are under way at once, on the way up or down.
const IN_FLIGHT: u64 = 24 << 20;

const SALT_INFO: &[u8] = b"lumora dataset salt v1";
const IDENTITY_INFO: &[u8] = b"lumora package identity v1";
const TREE: &str = "provenance.tree";
const PACKAGED: &str = "packaged.json";

/// The package of a dataset: a JSON object in the store that names everything but the card. Its hash is in the listing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Version of the format: 2.
    pub version: u32,
    /// The id under which it is listed; salts the content key.
    #[serde(with = "hex::serde")]
    pub dataset_id: [u8; 32],
    /// The rows as JSON Lines, encrypted.
    pub rows: SealedStream,
    /// Where each row comes from, encrypted.
    pub provenance: SealedStream,
    /// The shards that the rows come from, by job and number.
    pub origins: Vec<Origin>,
    /// Root of the rows' header (leaf 0) and encrypted segments.
    #[serde(with = "hex::serde")]
    pub ciphertext_root: Hash,
    /// Root of the rows' segments in clear, blinded.
    #[serde(with = "hex::serde")]
    pub plaintext_root: Hash,
    /// Root of the provenance of the rows, blinded.
    #[serde(with = "hex::serde")]
    pub provenance_root: Hash,
    /// Number of rows.
    pub row_count: u64,
    /// Bytes of the rows as JSON Lines.
    pub bytes: u64,
}

/// Encrypted data in the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedStream {
    /// [`crate::segment::Header::encode`].
    #[serde(with = "hex::serde")]
    pub header: Vec<u8>,
    /// The encrypted segments, in order.
    pub segments: Vec<Cid>,
}

/// What was stored: what a listing needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Packaged {
    /// Name of the package.
    pub package_cid: Cid,
    /// Name of the data card.
    pub card_cid: Cid,
    /// The id under which it is listed.
    #[serde(with = "hex::serde")]
    pub dataset_id: [u8; 32],
    /// See [`Package::ciphertext_root`].
    #[serde(with = "hex::serde")]
    pub ciphertext_root: Hash,
    /// See [`Package::plaintext_root`].
    #[serde(with = "hex::serde")]
    pub plaintext_root: Hash,
    /// See [`Package::provenance_root`].
    #[serde(with = "hex::serde")]
    pub provenance_root: Hash,
    /// Number of rows.
    pub rows: u64,
    /// Bytes of the rows' encrypted segments.
    pub ciphertext_bytes: u64,
    /// Number of the rows' encrypted segments.
    pub segments: u32,
}

/// How far packaging, or opening, is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Segments that are done, those of an earlier run included.
    pub done: u64,
    /// Of so many.
    pub total: u64,
}

/// Encrypts what was built under `key` (which belongs to the dataset's id) and stores everything. Goes on where a killed
/// run with the same key stopped. The same dataset and key give the same objects.
pub async fn package(
    built: &Built,
    key: &ContentKey,
    segment_size: u32,
    store: &Store,
    mut progress: impl FnMut(Progress),
) -> Result<Packaged> {
    let facts = built.facts();
    let card = &facts.card;
    // Under the key, so that what lies on disk says nothing about rows that could be guessed.
    let parts = sha256(&[
        &facts.rows_sha256,
        &facts.provenance_sha256,
        &card.dataset_id,
        &segment_size.to_le_bytes(),
    ]);
    let identity = hex::encode(derive(key.expose(), &parts, IDENTITY_INFO));
    let done = built.folder().join(PACKAGED);
    if let Some((of, packaged)) = files::read_json::<(String, Packaged)>(&done)?
        && of == identity
        && store.has(&packaged.package_cid).await?
        && store.has(&packaged.card_cid).await?
    {
        return Ok(packaged);
    }

    let provenance_root = {
        let (built, key) = (built.clone(), key.clone());
        blocking(move || provenance_tree(&built, &key)).await?
    };
    let blinding = Blinding::new(key, &card.dataset_id, Tree::Plaintext);
    let rows = Upload::new(
        built.rows(),
        &facts.rows_sha256,
        "rows",
        key,
        segment_size,
        Some(blinding),
    )?;
    let provenance = Upload::new(
        built.provenance(),
        &facts.provenance_sha256,
        "provenance",
        key,
        segment_size,
        None,
    )?;
    let total = u64::from(rows.count) + u64::from(provenance.count);
    let mut done_segments = 0;
    let mut report = || {
        done_segments += 1;
        progress(Progress {
            done: done_segments,
            total,
        });
    };
    let journal = |name: &str| built.folder().join(format!("{name}.journal"));
    let rows = rows.run(store, &journal("rows"), &identity, &mut report).await?;
    let provenance = provenance
        .run(store, &journal("provenance"), &identity, &mut report)
        .await?;

    let package = Package {
        version: VERSION,
        dataset_id: card.dataset_id,
        ciphertext_root: ciphertext_root(&rows),
        plaintext_root: rows
            .leaves
            .iter()
            .filter_map(|stored| stored.plaintext)
            .collect::<Accumulator>()
            .root(),
        rows: rows.stream(),
        provenance: provenance.stream(),
        origins: facts.origins.clone(),
        provenance_root,
        row_count: card.rows,
        bytes: card.bytes,
    };
    let text = serde_json::to_value(&package).map_err(|error| Error::Malformed {
        what: "the package",
        why: error.to_string(),
    })?;
    let text = canonical(&text);
    if text.len() as u64 > MAX_PACKAGE_BYTES {
        return Err(Error::TooManySegments {
            bytes: card.bytes,
            segment_size,
        });
    }
    let package_cid = Cid::of(&text);
    let card_cid = store.put(card.croissant(&package_cid, text.len() as u64)?).await?;
    store.put(text).await?;
    let packaged = Packaged {
        package_cid,
        card_cid,
        dataset_id: card.dataset_id,
        ciphertext_root: package.ciphertext_root,
        plaintext_root: package.plaintext_root,
        provenance_root,
        rows: card.rows,
        ciphertext_bytes: card.bytes + u64::from(TAG_SIZE) * package.rows.segments.len() as u64,
        segments: rows.count(),
    };
    files::write_json(&done, &(identity, &packaged))?;
    Ok(packaged)
}

/// Where the tree of a package's provenance is.
pub(super) fn tree_file(built: &Built) -> PathBuf {
    built.folder().join(TREE)
}

/// Writes the tree over the rows' provenance and returns its root. Reads everything that will be encrypted, and so sees
/// whether it is what was built: a salt must not meet other data than it was made for.
fn provenance_tree(built: &Built, key: &ContentKey) -> Result<Hash> {
    let facts = built.facts();
    let blinding = Blinding::new(key, &facts.card.dataset_id, Tree::Provenance);
    let (rows_path, provenance_path) = (built.rows(), built.provenance());
    let mut rows = BufReader::with_capacity(1 << 20, open(&rows_path)?);
    let mut entries = BufReader::with_capacity(1 << 20, Hashing::new(open(&provenance_path)?));
    let path = tree_file(built);
    let mut tree = TreeWriter::create(&path)?;
    let mut hasher = Sha256::new();
    let (mut row, mut number) = (Vec::new(), 0);
    while let Some(entry) = Entry::read(&mut entries).map_err(|source| Error::file("read", &provenance_path, source))? {
        let Entry::Row(source) = entry else { continue };
        row.clear();
        rows.read_until(b'\n', &mut row)
            .map_err(|source| Error::file("read", &rows_path, source))?;
        hasher.update(&row);
        let record = row.strip_suffix(b"\n").unwrap_or(&row);
        let changed = || Error::WorkFolderChanged {
            path: rows_path.clone(),
        };
        let url = UrlOfRow::of(record).map_err(|_| changed())?;
        let origin = facts.origins.get(source.origin as usize).ok_or_else(changed)?;
        let leaf = source.leaf(origin, sha256(&[record]), sha256(&[url.as_bytes()]));
        tree.push(blinding.leaf(number, &leaf.hash()))?;
        number += 1;
    }
    let rows_hash: Hash = hasher.finalize().into();
    let entries_hash = entries.into_inner().finish();
    for (path, expected, found) in [
        (rows_path, facts.rows_sha256, rows_hash),
        (provenance_path, facts.provenance_sha256, entries_hash),
    ] {
        if expected != found {
            return Err(Error::WorkFolderChanged { path });
        }
    }
    tree.finish()
}

/// Hashes what is read.
struct Hashing {
    file: File,
    hasher: Sha256,
}

impl Hashing {
    fn new(file: File) -> Self {
        Self {
            file,
            hasher: Sha256::new(),
        }
    }

    fn finish(self) -> Hash {
        self.hasher.finalize().into()
    }
}

impl Read for Hashing {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(|source| Error::file("read", path, source))
}

/// Segments that may be under way at once.
pub(super) fn in_flight(segment_size: u32) -> usize {
    usize::try_from(IN_FLIGHT / u64::from(segment_size.max(1)))
        .unwrap_or(1)
        .clamp(1, 16)
}

/// Runs `work` where it may take long.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    spawn_blocking(work)
        .await
        .map_err(|error| Error::Worker { why: error.to_string() })?
}

/// A file on its way into the store.
struct Upload {
    path: PathBuf,
    encryptor: Arc<Encryptor>,
    blinding: Option<Blinding>,
    count: u32,
    parallel: usize,
}

/// A segment that is in the store.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Stored {
    cid: Cid,
    #[serde(with = "hex::serde")]
    ciphertext: Hash,
    /// The blinded leaf of the segment in clear, where there is a tree of those.
    plaintext: Option<Hash>,
}

/// A file that is in the store.
struct Uploaded {
    header: Vec<u8>,
    leaves: Vec<Stored>,
}

impl Uploaded {
    fn stream(&self) -> SealedStream {
        SealedStream {
            header: self.header.clone(),
            segments: self.leaves.iter().map(|stored| stored.cid).collect(),
        }
    }

    /// The journal numbers segments with 32 bits.
    fn count(&self) -> u32 {
        u32::try_from(self.leaves.len()).unwrap_or(u32::MAX)
    }
}

fn ciphertext_root(rows: &Uploaded) -> Hash {
    let leaves = rows.leaves.iter().map(|stored| stored.ciphertext);
    std::iter::once(merkle::leaf_hash(&rows.header))
        .chain(leaves)
        .collect::<Accumulator>()
        .root()
}

impl Upload {
    fn new(
        path: PathBuf,
        sha256_of_file: &Hash,
        name: &str,
        key: &ContentKey,
        segment_size: u32,
        blinding: Option<Blinding>,
    ) -> Result<Self> {
        let length = open(&path)?
            .metadata()
            .map_err(|source| Error::file("read", &path, source))?
            .len();
        // The salt is a hash of the plaintext under the key: equal data under one key encrypts equally, so that a killed
        // run can be continued, and different data never meets the same key and nonce.
        let label = sha256(&[name.as_bytes(), sha256_of_file, &segment_size.to_le_bytes()]);
        let encryptor = Encryptor::new(key, derive(key.expose(), &label, SALT_INFO), segment_size, length)?;
        Ok(Self {
            count: encryptor.header().segment_count()?,
            parallel: in_flight(segment_size),
            path,
            encryptor: Arc::new(encryptor),
            blinding,
        })
    }

    async fn run(self, store: &Store, journal: &Path, identity: &str, report: &mut impl FnMut()) -> Result<Uploaded> {
        let (mut journal, mut leaves) = Journal::open::<Stored>(journal, identity)?;
        // The store may have lost what the journal says was put there.
        let kept = leaves.len();
        let indexes = (0..self.count).zip(leaves.clone());
        let missing: Vec<u32> = stream::iter(indexes)
            .map(|(index, stored)| async move { Ok::<_, Error>((!store.has(&stored.cid).await?).then_some(index)) })
            .buffered(self.parallel)
            .try_filter_map(async |missing| Ok(missing))
            .try_collect()
            .await?;
        for index in missing {
            self.put(store, index).await?;
        }
        (0..kept).for_each(|_| report());

        let rest = u32::try_from(kept).unwrap_or(u32::MAX)..self.count;
        let mut stored = stream::iter(rest)
            .map(|index| self.put(store, index))
            .buffered(self.parallel);
        while let Some(stored) = stored.try_next().await? {
            journal.append(&stored)?;
            leaves.push(stored);
            report();
        }
        let header = self.encryptor.header().encode().to_vec();
        Ok(Uploaded { header, leaves })
    }

    async fn put(&self, store: &Store, index: u32) -> Result<Stored> {
        let (path, encryptor, blinding) = (self.path.clone(), Arc::clone(&self.encryptor), self.blinding.clone());
        let (segment, ciphertext, plaintext) = blocking(move || {
            let segment = read_segment(&path, &encryptor, index)?;
            let plaintext = blinding.map(|blinding| blinding.leaf(u64::from(index), &segment));
            let segment = encryptor.seal(index, segment)?;
            let leaf = merkle::leaf_hash(&segment);
            Ok((Bytes::from(segment), leaf, plaintext))
        })
        .await?;
        Ok(Stored {
            cid: store.put(segment).await?,
            ciphertext,
            plaintext,
        })
    }
}

fn read_segment(path: &Path, encryptor: &Encryptor, index: u32) -> Result<Vec<u8>> {
    let header = encryptor.header();
    let length = header.plaintext_len_of(index);
    let mut segment = Vec::with_capacity((length + u64::from(TAG_SIZE)) as usize);
    let mut file = open(path)?;
    file.seek(SeekFrom::Start(u64::from(header.segment_size) * u64::from(index)))
        .and_then(|_| file.take(length).read_to_end(&mut segment))
        .map_err(|source| Error::file("read", path, source))?;
    Ok(segment)
}
