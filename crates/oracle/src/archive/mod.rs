//! The evidence behind attested epochs, for good and for everybody: Parquet in a folder, a bucket or behind a web server.
//!
//! | object | holds |
//! |---|---|
//! | `epoch=N/receipts.parquet` | every receipt of the bundles used, with the seat of the bundle's author ([`ReceiptRow`]) |
//! | `epoch=N/sightings.parquet` | what the authors saw of nodes on chain ([`SightingRow`]) |
//! | `epoch=N/leaves.parquet` | the attested leaves |
//! | `epoch=N/statement.json` | what was attested and by which rules ([`Record`]); written last: where it is, all is |
//!
//! Whoever has these can work out every leaf again ([`crate::audit`]), and check each input: receipts are signed by both
//! sides, and each bundle's root is on chain. The objects of an epoch are the same whoever writes them, so that several
//! oracles may share an archive.

mod columns;
mod keeper;

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::TryStreamExt;
use lumora_client::oracle_api::EpochFigures;
use lumora_core::{attestation::Leaf, hash::Hash, units::Lmr};
use lumora_data::store;
use lumora_interface::Address;
use object_store::{ObjectStore, ObjectStoreExt as _, buffered::BufWriter, path::Path as ObjectPath};
use parquet::{
    arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder},
    basic::{Compression, ZstdLevel},
    file::properties::WriterProperties,
};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use thiserror::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

pub use self::columns::{ReceiptRow, Row, SightingRow};
pub(crate) use self::keeper::keep;
use crate::{
    aggregate::EpochRules,
    bundle::Bundle,
    text::{base58, hexadecimal},
};

/// Rows of a row group: with receipts of some 600 bytes, about 10 MB.
const GROUP_ROWS: usize = 16 << 10;
/// Up to so many bytes are handed to the store at once; more in parts of this size.
const PART_BYTES: usize = 16 << 20;
/// Bytes that are read from a file at once.
const READ_BYTES: usize = 1 << 20;
/// Largest `statement.json`: it has a few lines for each of at most 32 oracles.
const MAX_RECORD_BYTES: u64 = 1 << 20;
/// Largest object that is read, bytes. A store must not be able to fill this machine's disk.
const MAX_OBJECT_BYTES: u64 = 64 << 30;

/// Why an archive cannot be written or read.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// The place is none.
    #[error(transparent)]
    Open(#[from] lumora_data::Error),
    /// The store refused.
    #[error("the archive cannot {what}: {source}. Check that the store is there and that its keys allow it")]
    Store {
        /// What was attempted.
        what: String,
        /// What the store says.
        source: object_store::Error,
    },
    /// What is there is not what it should be.
    #[error("{object} in the archive cannot be used: {reason}")]
    Malformed {
        /// The object.
        object: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file beside the oracle's state.
    #[error("a file in {folder} cannot be written: {source}. Check the disk")]
    File {
        /// The folder.
        folder: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
}

/// Result of this module.
pub type Result<T> = std::result::Result<T, ArchiveError>;

/// What was attested about an epoch, and by which rules it was worked out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The network's id.
    #[serde(with = "hexadecimal")]
    pub network_id: [u8; 32],
    /// Number of the epoch.
    pub epoch: u64,
    /// The epoch attested before, from whose lifetime figures this one goes on; `None` for the first.
    pub previous: Option<u64>,
    /// Decides who measures whom.
    #[serde(with = "hexadecimal")]
    pub seed: Hash,
    /// Version of the oracle set that signed.
    pub set_version: u32,
    /// Length of the epoch in seconds.
    pub seconds: u32,
    /// Rounds of measurement.
    pub rounds: u32,
    /// Oracles that measure a node in a round.
    pub challengers_per_round: u32,
    /// Nodes behind one network that can earn.
    pub nodes_per_network: u32,
    /// Nodes of one owner that can earn.
    pub nodes_per_owner: u32,
    /// What the emission schedule gives for the epoch, LMR base units.
    pub amount: u64,
    /// The oracles of the epoch, by seat.
    pub members: Vec<RecordedMember>,
    /// Root of the leaves.
    #[serde(with = "hexadecimal")]
    pub root: Hash,
    /// Number of leaves.
    pub leaf_count: u32,
    /// Sum of the contributions, kbit.
    pub total_contribution: u64,
    /// What the epoch adds to the rewards, LMR base units.
    pub epoch_reward: u64,
    /// Sum of all rewards up to and with the epoch, LMR base units.
    pub cumulative_reward: u64,
}

/// One oracle's part in an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedMember {
    /// Its seat in the oracle set.
    pub seat: u8,
    /// Key with which it signs.
    #[serde(with = "base58")]
    pub oracle: Address,
    /// Root of the bundle that it committed to; zero where it did not.
    #[serde(with = "hexadecimal")]
    pub bundle_root: Hash,
    /// Whether the figures rest on its bundle.
    pub used: bool,
}

impl Record {
    /// Of an attested epoch.
    pub fn new(figures: &EpochFigures, rules: &EpochRules, previous: Option<u64>) -> Self {
        let Lmr(amount) = rules.amount;
        Self {
            network_id: rules.network_id,
            epoch: figures.epoch,
            previous,
            seed: figures.seed,
            set_version: figures.set_version,
            seconds: rules.seconds,
            rounds: rules.rounds,
            challengers_per_round: rules.challengers_per_round,
            nodes_per_network: rules.nodes_per_network,
            nodes_per_owner: rules.nodes_per_owner,
            amount,
            members: figures
                .members
                .iter()
                .map(|member| RecordedMember {
                    seat: member.seat,
                    oracle: member.oracle,
                    bundle_root: member.bundle_root,
                    used: member.used,
                })
                .collect(),
            root: figures.root,
            leaf_count: figures.leaf_count,
            total_contribution: figures.total_contribution,
            epoch_reward: figures.epoch_reward,
            cumulative_reward: figures.cumulative_reward,
        }
    }

    /// By which the figures were worked out.
    pub fn rules(&self) -> EpochRules {
        EpochRules {
            network_id: self.network_id,
            epoch: self.epoch,
            seed: self.seed,
            members: self
                .members
                .iter()
                .map(|member| (member.seat, member.oracle.to_bytes()))
                .collect(),
            rounds: self.rounds,
            challengers_per_round: self.challengers_per_round,
            seconds: self.seconds,
            amount: Lmr(self.amount),
            nodes_per_network: self.nodes_per_network,
            nodes_per_owner: self.nodes_per_owner,
        }
    }

    /// Those whose bundles the figures rest on.
    pub fn used(&self) -> impl Iterator<Item = &RecordedMember> {
        self.members.iter().filter(|member| member.used)
    }
}

/// An archive. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Archive {
    objects: Arc<dyn ObjectStore>,
    /// Where files are put together before they are handed over, and unpacked.
    folder: PathBuf,
}

impl Archive {
    /// The archive at `place`: a folder, `s3://bucket/prefix` (keys in the environment) or `https://...`. Files are put
    /// together in `folder`, which is made when it is missing; what a killed process left there is removed.
    pub fn open(place: &str, folder: &Path) -> Result<Self> {
        clear(folder).map_err(|source| ArchiveError::File {
            folder: folder.to_owned(),
            source,
        })?;
        Ok(Self {
            objects: store::open_objects(place, std::env::vars())?,
            folder: folder.to_owned(),
        })
    }

    /// Whether all of an epoch is there.
    pub async fn has(&self, epoch: u64) -> Result<bool> {
        Ok(self.record(epoch).await?.is_some())
    }

    /// What was attested about an epoch; `None` where it is not in the archive, or not whole.
    pub async fn record(&self, epoch: u64) -> Result<Option<Record>> {
        let name = object(epoch, STATEMENT);
        let failed = |source| self.failed(format!("read {name}"), source);
        let found = match self.objects.get(&name).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            found => found.map_err(failed)?,
        };
        let malformed = |reason: String| ArchiveError::Malformed {
            object: name.to_string(),
            reason,
        };
        if found.meta.size > MAX_RECORD_BYTES {
            return Err(malformed(format!("it has {} bytes", found.meta.size)));
        }
        let bytes = found.bytes().await.map_err(failed)?;
        let record: Record = serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
        if record.epoch != epoch {
            return Err(malformed(format!("it is about epoch {}", record.epoch)));
        }
        Ok(Some(record))
    }

    /// Writes an epoch. Each object is whole or absent, and the one that says that all are there comes last: an epoch that
    /// was begun and not ended is written again. `bundles` are those used, by seat; one at a time is in memory with its rows.
    pub async fn write(
        &self,
        record: &Record,
        leaves: Vec<Leaf>,
        bundles: impl Fn(u8) -> std::result::Result<Bundle, crate::error::Error> + Send + Sync + 'static,
    ) -> std::result::Result<Written, crate::error::Error> {
        let (epoch, seats) = (
            record.epoch,
            record.used().map(|member| member.seat).collect::<Vec<u8>>(),
        );
        let folder = self.folder.clone();
        let files = tokio::task::spawn_blocking(move || -> std::result::Result<_, crate::error::Error> {
            let mut receipts = Table::<ReceiptRow>::create(&folder)?;
            let mut sightings = Table::<SightingRow>::create(&folder)?;
            for member in seats {
                let bundle = bundles(member)?;
                for part in bundle.receipts().chunks(GROUP_ROWS) {
                    let row = |signed: &lumora_pob::SignedReceipt| ReceiptRow {
                        member,
                        signed: signed.clone(),
                    };
                    receipts.push(&part.iter().map(row).collect::<Vec<_>>())?;
                }
                for part in bundle.sightings().chunks(GROUP_ROWS) {
                    let row = |sighting: &crate::bundle::Sighting| SightingRow {
                        member,
                        sighting: *sighting,
                    };
                    sightings.push(&part.iter().map(row).collect::<Vec<_>>())?;
                }
            }
            let mut table = Table::<Leaf>::create(&folder)?;
            for part in leaves.chunks(GROUP_ROWS) {
                table.push(part)?;
            }
            Ok((receipts.finish()?, sightings.finish()?, table.finish()?))
        });
        let ((receipts, receipt_count), (sightings, sighting_count), (table, _)) =
            files.await.map_err(|error| self.file(std::io::Error::other(error)))??;
        let mut bytes = 0;
        for (file, name) in [(receipts, RECEIPTS), (sightings, SIGHTINGS), (table, LEAVES)] {
            bytes += self.upload(&file, object(epoch, name)).await?;
        }
        let name = object(epoch, STATEMENT);
        let json = serde_json::to_vec_pretty(record).expect("figures and text, which JSON can always hold");
        self.objects
            .put(&name, json.into())
            .await
            .map_err(|source| self.failed(format!("write {name}"), source))?;
        Ok(Written {
            receipts: receipt_count,
            sightings: sighting_count,
            bytes,
        })
    }

    /// The receipts of an epoch, by seat, round and node.
    pub async fn receipts(&self, epoch: u64) -> Result<Vec<ReceiptRow>> {
        self.read(object(epoch, RECEIPTS)).await
    }

    /// What the authors of the bundles saw, by seat and node.
    pub async fn sightings(&self, epoch: u64) -> Result<Vec<SightingRow>> {
        self.read(object(epoch, SIGHTINGS)).await
    }

    /// The attested leaves, by node. Hold their root against the chain's.
    pub async fn leaves(&self, epoch: u64) -> Result<Vec<Leaf>> {
        self.read(object(epoch, LEAVES)).await
    }

    async fn upload(&self, file: &NamedTempFile, name: ObjectPath) -> Result<u64> {
        let failed = |source| self.failed(format!("write {name}"), source);
        let mut from = tokio::fs::File::open(file.path())
            .await
            .map_err(|error| self.file(error))?;
        let mut to = BufWriter::with_capacity(Arc::clone(&self.objects), name.clone(), PART_BYTES);
        let mut buffer = vec![0; READ_BYTES];
        let mut bytes = 0;
        loop {
            let count = from.read(&mut buffer).await.map_err(|error| self.file(error))?;
            if count == 0 {
                break;
            }
            bytes += count as u64;
            to.write_all(&buffer[..count])
                .await
                .map_err(|error| failed(generic(error)))?;
        }
        to.shutdown().await.map_err(|error| failed(generic(error)))?;
        Ok(bytes)
    }

    async fn read<T: Row + Send + 'static>(&self, name: ObjectPath) -> Result<Vec<T>> {
        let failed = |source| self.failed(format!("read {name}"), source);
        let malformed = {
            let object = name.to_string();
            move |reason: String| ArchiveError::Malformed {
                object: object.clone(),
                reason,
            }
        };
        let found = self.objects.get(&name).await.map_err(failed)?;
        let mut file = unfinished(&self.folder).map_err(|error| self.file(error))?;
        let mut chunks = found.into_stream();
        let mut bytes = 0;
        while let Some(chunk) = chunks.try_next().await.map_err(failed)? {
            bytes += chunk.len() as u64;
            if bytes > MAX_OBJECT_BYTES {
                return Err(malformed(format!("it has more than {MAX_OBJECT_BYTES} bytes")));
            }
            file.write_all(&chunk).map_err(|error| self.file(error))?;
        }
        let file = file.reopen().map_err(|error| self.file(error))?;
        let joined = tokio::task::spawn_blocking(move || read_rows(file)).await;
        joined
            .map_err(|error| self.file(std::io::Error::other(error)))?
            .map_err(malformed)
    }

    fn failed(&self, what: String, source: object_store::Error) -> ArchiveError {
        ArchiveError::Store { what, source }
    }

    fn file(&self, source: std::io::Error) -> ArchiveError {
        ArchiveError::File {
            folder: self.folder.clone(),
            source,
        }
    }
}

/// What was written about an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Number of receipts.
    pub receipts: u64,
    /// Number of sightings.
    pub sightings: u64,
    /// Bytes of Parquet.
    pub bytes: u64,
}

/// How files begin that are not handed over yet.
const UNFINISHED: &str = "unfinished-";

fn unfinished(folder: &Path) -> std::io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)
}

/// Makes the folder, and removes what a killed process left in it.
fn clear(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

const RECEIPTS: &str = "receipts.parquet";
const SIGHTINGS: &str = "sightings.parquet";
const LEAVES: &str = "leaves.parquet";
const STATEMENT: &str = "statement.json";

fn object(epoch: u64, name: &str) -> ObjectPath {
    ObjectPath::from_iter([format!("epoch={epoch}").as_str(), name])
}

fn generic(error: std::io::Error) -> object_store::Error {
    object_store::Error::Generic {
        store: "archive",
        source: Box::new(error),
    }
}

/// A Parquet file that is being written.
struct Table<T> {
    folder: PathBuf,
    file: NamedTempFile,
    out: ArrowWriter<File>,
    rows: u64,
    kind: std::marker::PhantomData<T>,
}

impl<T: Row> Table<T> {
    fn create(folder: &Path) -> Result<Self> {
        let failed = |source| ArchiveError::File {
            folder: folder.to_owned(),
            source,
        };
        let file = unfinished(folder).map_err(failed)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .set_created_by("lumora".to_owned())
            .build();
        let schema = T::schema().map_err(|error| failed(std::io::Error::other(error)))?;
        let handle = file.reopen().map_err(failed)?;
        let out = ArrowWriter::try_new(handle, schema, Some(properties))
            .map_err(|error| failed(std::io::Error::other(error)))?;
        Ok(Self {
            folder: folder.to_owned(),
            file,
            out,
            rows: 0,
            kind: std::marker::PhantomData,
        })
    }

    fn push(&mut self, rows: &[T]) -> Result<()> {
        let written = columns::batch_of(rows)
            .map_err(std::io::Error::other)
            .and_then(|batch| self.out.write(&batch).map_err(std::io::Error::other));
        self.rows += rows.len() as u64;
        written.map_err(|source| ArchiveError::File {
            folder: self.folder.clone(),
            source,
        })
    }

    fn finish(self) -> Result<(NamedTempFile, u64)> {
        self.out.close().map_err(|error| ArchiveError::File {
            folder: self.folder,
            source: std::io::Error::other(error),
        })?;
        Ok((self.file, self.rows))
    }
}

fn read_rows<T: Row>(file: File) -> std::result::Result<Vec<T>, String> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| error.to_string())?;
    if !columns::is_of::<T>(builder.schema()).map_err(|error| error.to_string())? {
        return Err("its columns are not those of an archive of this version".into());
    }
    let mut rows = Vec::new();
    for batch in builder.build().map_err(|error| error.to_string())? {
        rows.extend(T::read(&batch.map_err(|error| error.to_string())?)?);
    }
    Ok(rows)
}
