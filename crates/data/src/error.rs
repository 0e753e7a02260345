//! What can go wrong in this crate, each with what to do about it. A page that could not be had is not an error: it is
//! an outcome of the shard (`fetch::Skip`).

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::cid::Cid;

/// Result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// See the module.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The manifest breaks a rule.
    #[error(transparent)]
    Manifest(#[from] crate::manifest::ManifestError),

    /// A file could not be read or written.
    #[error("could not {what} `{}`: {source}. Check that the path exists, is writable and that the disk is not full", path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The object store failed.
    #[error("the store could not {what}: {source}. Check that it is reachable and writable, then try again")]
    Store {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: object_store::Error,
    },
    /// The store does not have the object.
    #[error("the store has no object {cid}. Ask whoever gave you the name for a copy, or point to another store")]
    MissingObject {
        /// What was asked for.
        cid: Cid,
    },
    /// The stored bytes are not those the name stands for.
    #[error(
        "object {cid} was damaged or replaced in the store: its bytes do not have that hash. Fetch it from another copy"
    )]
    CorruptObject {
        /// What was asked for.
        cid: Cid,
    },
    /// The object is larger than any we make.
    #[error("object {cid} has {bytes} bytes, more than any object of the network may have. It is not one of ours")]
    ObjectTooLarge {
        /// What was asked for.
        cid: Cid,
        /// Its size.
        bytes: u64,
    },
    /// The store sends too slowly.
    #[error("the store sent object {cid} too slowly to be of use. Try again later, or point to another store")]
    SlowObject {
        /// What was asked for.
        cid: Cid,
    },
    /// The store sent another part than was asked for.
    #[error(
        "the store sent object {cid} from byte {sent} where it was asked to go on from byte {asked}. Point to another store"
    )]
    WrongRange {
        /// What was asked for.
        cid: Cid,
        /// From where.
        asked: u64,
        /// From where it came.
        sent: u64,
    },
    /// A place that is no store.
    #[error(
        "`{place}` is no store: name a folder, `s3://bucket/prefix`, or the address of a web server with a store's folder, as `https://example.org/store`"
    )]
    UnknownStore {
        /// As given.
        place: String,
    },

    /// An object is not in the form it should have.
    #[error(
        "{what} is not in the expected form: {why}. It was made by another version, or is not what its name was given for"
    )]
    Malformed {
        /// Which object.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },

    /// The system gave no random numbers.
    #[error("the operating system gave no random numbers ({why}); keys cannot be made without them")]
    NoRandomness {
        /// Why.
        why: String,
    },
    /// Bytes that are not a point of the group.
    #[error(
        "this is not a public key: expected 32 bytes (64 hexadecimal digits) that encode a ristretto255 point other than the identity"
    )]
    NotAPoint,
    /// A sealed key for somebody else.
    #[error(
        "the sealed key does not open: it was sealed for another recipient or another shard, or was changed. Use the secret key whose public half is the manifest's `results_key`"
    )]
    NotSealedForUs,
    /// The key is not the one the segments were encrypted with.
    #[error(
        "this is not the key the data was encrypted with (its commitment differs). Check that the key belongs to this dataset"
    )]
    WrongKey,
    /// A segment does not decrypt.
    #[error(
        "segment {index} does not decrypt: it was changed, reordered, or taken from other data. Fetch it again from another copy"
    )]
    TamperedSegment {
        /// Number of the segment, from 0.
        index: u32,
    },
    /// Segments are missing or too many.
    #[error("{found} segments where the header announces {expected}: the data was cut off or extended. Fetch it again")]
    SegmentCount {
        /// As the header says.
        expected: u64,
        /// As there are.
        found: u64,
    },
    /// A segment that is not as long as the header says.
    #[error(
        "segment {index} does not have the length that the header gives it: the file changed while it was encrypted. Package it again"
    )]
    SegmentLength {
        /// Number of the segment, from 0.
        index: u32,
    },
    /// More data than the segment counter can number.
    #[error("{bytes} bytes are too many for segments of {segment_size}: choose larger segments")]
    TooManySegments {
        /// Length of the data.
        bytes: u64,
        /// Chosen size.
        segment_size: u32,
    },
    /// A root differs from the listed one.
    #[error("the {what} root is {found}, but {expected} was announced: this is not the dataset that was listed")]
    RootMismatch {
        /// Which root.
        what: &'static str,
        /// As announced.
        expected: String,
        /// As computed.
        found: String,
    },

    /// The card is not of the dataset.
    #[error("the data card's {what} do not fit the dataset: do not buy by this card")]
    CardMismatch {
        /// What differs.
        what: &'static str,
    },
    /// The package is not what was listed.
    #[error(
        "the package's {what} is {found}, where the listing says {expected}: this is not the dataset that was listed"
    )]
    PackageMismatch {
        /// What differs.
        what: &'static str,
        /// As listed.
        expected: u64,
        /// As found.
        found: u64,
    },
    /// A row nobody says anything about.
    #[error("row {row} has no provenance: the dataset was not made as the listing says")]
    RowWithoutProvenance {
        /// Number of the row, from 0.
        row: u64,
    },
    /// Provenance of rows that are not there.
    #[error("there is provenance for more than the {rows} rows: rows were left out after the listing was made")]
    ProvenanceWithoutRow {
        /// Number of rows.
        rows: u64,
    },
    /// A row of the export is not what a table can hold.
    #[error("row {row} cannot be written: {why}")]
    UnwritableRow {
        /// Number of the row, from 0.
        row: u64,
        /// Why.
        why: String,
    },
    /// The sample is not the one that chance chose.
    #[error("the sample is not to be trusted: {why}")]
    BadSample {
        /// Why.
        why: String,
    },
    /// More shards than a dataset may have.
    #[error("{found} shards are more than the 65,536 that a dataset may have: build several datasets")]
    TooManyOrigins {
        /// So many.
        found: usize,
    },
    /// The work folder was changed.
    #[error("`{}` was changed since the dataset was built: remove its folder and build again", path.display())]
    WorkFolderChanged {
        /// The file.
        path: PathBuf,
    },

    /// A secret that is kept encrypted does not open.
    #[error("`{}` does not open with this {lock}: use the one it was locked with", path.display())]
    WrongUnlock {
        /// The file.
        path: PathBuf,
        /// What was tried: a passphrase or a key file.
        lock: &'static str,
    },
    /// A passphrase or key file that protects nothing.
    #[error("{why}")]
    WeakLock {
        /// Why, and what to use.
        why: String,
    },

    /// Two results of one shard.
    #[error("two results for shard {shard} of one job: pass one of them, from the group of replicas that was settled")]
    ShardTwice {
        /// Which shard.
        shard: u32,
    },
    /// The results are of different manifests.
    #[error("shard {shard} was made for another manifest than the dataset's: build from the shards of one manifest")]
    OtherManifest {
        /// Which shard.
        shard: u32,
    },
    /// A shard's records are not what its root says.
    #[error("shard {shard} of the results does not hold together: {why}. Fetch it again, or leave the shard out")]
    InconsistentShard {
        /// Which shard.
        shard: u32,
        /// What does not fit.
        why: String,
    },

    /// The HTTP client could not be set up.
    #[error("the HTTP client could not be set up: {source}")]
    Client {
        /// Why.
        source: rustls::Error,
    },
    /// The contact is missing or is not one.
    #[error(
        "the user agent needs a contact that a site's owner can write to, as `mailto:you@example.org` or a web page; `{found}` is neither"
    )]
    BadContact {
        /// As given.
        found: String,
    },
    /// A task of the crawl ended unexpectedly.
    #[error("a worker of the crawl stopped ({why}); run the shard again, fetched pages are kept")]
    Worker {
        /// Why.
        why: String,
    },
}

impl Error {
    pub(crate) fn file(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self::File {
            what,
            path: path.to_owned(),
            source,
        }
    }
}
