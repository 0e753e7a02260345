//! Merging the results of shards into one dataset, in memory that does not grow with it.
//!
//! Everything happens in a work folder, in three steps, each of which is kept once it is done. First, shards are taken
//! and their records written as sorted runs; a journal says which shards are in which run. Second, the runs are merged to
//! number the records, and the content hashes sorted to find the duplicates. Third, the runs are merged again, and the
//! rows, their provenance and the facts about them are written. The result depends on the records alone: not on the
//! order of the shards, the number of threads, or how often the process was killed.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, BufWriter, Read, Write},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use lumora_core::{
    hash::{Hash, sha256},
    merkle,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    card::{Card, RobotsSummary, Sources, VERSION},
    provenance::{Entry, Origin, RowSource},
    schema::Inference,
};
use crate::{
    error::{Error, Result},
    fetch::SkipReason,
    files,
    journal::Journal,
    manifest::Manifest,
    record::Record,
    shard::{Counts, RobotsNote, ShardResult, ShardRows, Work},
    sort::{Item, Merge, Sorter, write_run},
};

/// Memory for records that are being sorted, where nothing else is asked for.
const SORT_MEMORY: usize = 48 << 20;
/// Memory for sorting content hashes and numbers.
const HASH_MEMORY: usize = 24 << 20;
/// Longer rows are not shown in the card.
const PREVIEW_ROW_BYTES: usize = 64 << 10;
/// Rows between two reports of progress.
const REPORT_EVERY: u64 = 50_000;
/// Most shards of a dataset: a buyer keeps some hashes for each.
pub const MAX_SHARDS: usize = 65_536;

/// The results that a dataset is made from: one for each shard, from the group of replicas that was settled.
pub trait Shards: Sync {
    /// Whose work they are.
    fn works(&self) -> Vec<Work>;

    /// Loads result number `number` of [`Self::works`]. Called from several threads, and again after a kill.
    fn load(&self, number: usize) -> Result<ShardRows>;
}

impl Shards for [ShardResult] {
    fn works(&self) -> Vec<Work> {
        self.iter().map(|result| result.work).collect()
    }

    fn load(&self, number: usize) -> Result<ShardRows> {
        // Numbers are positions in `works`, which is as long.
        Ok(ShardRows::from(&self[number]))
    }
}

/// What a dataset is made from, and how.
pub struct Build<'a, S: Shards + ?Sized> {
    /// The id under which it will be listed.
    pub dataset_id: [u8; 32],
    /// The manifest of the job.
    pub manifest: &'a Manifest,
    /// The results.
    pub shards: &'a S,
    /// Rows that the card shows.
    pub preview_rows: usize,
    /// Threads that take shards.
    pub threads: usize,
    /// Bytes of records that are sorted in memory, all threads together. Each thread holds one shard's result besides.
    pub sort_memory: usize,
}

impl<'a, S: Shards + ?Sized> Build<'a, S> {
    /// A build with the usual settings.
    pub fn new(dataset_id: [u8; 32], manifest: &'a Manifest, shards: &'a S) -> Self {
        Self {
            dataset_id,
            manifest,
            shards,
            preview_rows: 5,
            threads: std::thread::available_parallelism().map_or(1, usize::from).min(8),
            sort_memory: SORT_MEMORY,
        }
    }
}

/// How far a build is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildProgress {
    /// Shards were taken.
    Shards {
        /// So many.
        done: usize,
        /// Of so many.
        total: usize,
    },
    /// Records were looked through for duplicates.
    Compared(u64),
    /// Rows were written.
    Rows {
        /// So many.
        done: u64,
        /// Of so many.
        total: u64,
    },
}

/// A dataset before it is encrypted: a folder.
#[derive(Clone, Debug)]
pub struct Built {
    folder: PathBuf,
    facts: Facts,
}

/// What is known of the rows beside themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Facts {
    pub(super) card: Card,
    pub(super) origins: Vec<Origin>,
    /// SHA-256 of the rows as JSON Lines.
    #[serde(with = "hex::serde")]
    pub(super) rows_sha256: Hash,
    /// SHA-256 of the provenance entries.
    #[serde(with = "hex::serde")]
    pub(super) provenance_sha256: Hash,
}

impl Built {
    /// The data card.
    pub fn card(&self) -> &Card {
        &self.facts.card
    }

    /// The shards it came from.
    pub fn origins(&self) -> &[Origin] {
        &self.facts.origins
    }

    /// The rows as JSON Lines, in canonical order (by URL, then bytes), without repeated content.
    pub fn rows(&self) -> PathBuf {
        self.folder.join(ROWS)
    }

    pub(super) fn provenance(&self) -> PathBuf {
        self.folder.join(PROVENANCE)
    }

    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The work folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Opens what [`build`] left in `folder`; `None` if it did not finish there.
    pub fn open(folder: &Path) -> Result<Option<Self>> {
        let facts: Option<Facts> = files::read_json(&folder.join(FACTS))?;
        Ok(facts.map(|facts| Self {
            folder: folder.to_owned(),
            facts,
        }))
    }
}

const ROWS: &str = "rows.jsonl";
const PROVENANCE: &str = "provenance.bin";
const FACTS: &str = "facts.json";
const JOURNAL: &str = "shards.journal";
const RUNS: &str = "runs";
const DUPLICATES: &str = "duplicates";
const IDENTITY: &str = "identity";

/// Merges shard results: checks that they belong together, leaves out content that is there already (the first page by
/// URL keeps it), and sorts. Goes on where a killed run with the same shards stopped; what `folder` holds of other work
/// is removed.
pub fn build<S: Shards + ?Sized>(
    from: &Build<'_, S>,
    folder: &Path,
    mut progress: impl FnMut(BuildProgress) + Send,
) -> Result<Built> {
    let works = checked_works(from)?;
    let identity = identity(from, &works);
    if files::read_json::<String>(&folder.join(IDENTITY))?.as_ref() != Some(&identity) {
        files::empty_folder(folder)?;
        files::write_json(&folder.join(IDENTITY), &identity)?;
    }
    if let Some(built) = Built::open(folder)? {
        remove_intermediate(folder)?;
        return Ok(built);
    }
    let taken = take_shards(from, &works, &identity, folder, &mut progress)?;
    let origins = taken.origins;
    let found = find_duplicates(&taken.runs, folder, &mut progress)?;
    let facts = write_rows(from, &taken.runs, origins, &taken.counts, &found, folder, &mut progress);
    if matches!(facts, Err(Error::InconsistentShard { .. })) {
        // It may be fetched again: what was taken of it must not be kept.
        files::empty_folder(folder)?;
    }
    let facts = facts?;
    files::write_json(&folder.join(FACTS), &facts)?;
    remove_intermediate(folder)?;
    Ok(Built {
        folder: folder.to_owned(),
        facts,
    })
}

/// The shards by job and number, and where they are in the caller's list.
fn checked_works<S: Shards + ?Sized>(from: &Build<'_, S>) -> Result<Vec<(Work, usize)>> {
    let manifest = from.manifest.hash();
    let mut works: Vec<(Work, usize)> = from.shards.works().into_iter().zip(0..).collect();
    works.sort_by_key(|(work, _)| (work.job, work.shard));
    for (index, (work, _)) in works.iter().enumerate() {
        if work.manifest != manifest {
            return Err(Error::OtherManifest { shard: work.shard });
        }
        let before = index.checked_sub(1).and_then(|before| works.get(before));
        if before.is_some_and(|(before, _)| (before.job, before.shard) == (work.job, work.shard)) {
            return Err(Error::ShardTwice { shard: work.shard });
        }
    }
    if works.len() > MAX_SHARDS {
        return Err(Error::TooManyOrigins { found: works.len() });
    }
    Ok(works)
}

/// Tells builds apart: what a folder holds of another one must not be used.
fn identity<S: Shards + ?Sized>(from: &Build<'_, S>, works: &[(Work, usize)]) -> String {
    let mut parts = vec![from.dataset_id.to_vec(), from.manifest.hash().to_vec()];
    parts.push((from.preview_rows as u64).to_le_bytes().to_vec());
    for (work, _) in works {
        parts.push([&work.job[..], &work.shard.to_le_bytes(), &work.node].concat());
    }
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    hex::encode(sha256(&parts))
}

fn remove_intermediate(folder: &Path) -> Result<()> {
    files::remove_folder(&folder.join(RUNS))?;
    for name in [JOURNAL, DUPLICATES] {
        let path = folder.join(name);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(Error::file("remove", &path, source));
            }
            _ => {}
        }
    }
    Ok(())
}

/// A record on its way into the dataset.
#[derive(PartialEq, Eq)]
struct Row {
    source: RowSource,
    content: Hash,
    url_len: usize,
    /// The URL, then the record.
    text: Vec<u8>,
}

impl Row {
    fn new(source: RowSource, record: &Record) -> Self {
        Self {
            source,
            content: record.content_hash(),
            url_len: record.url().len(),
            text: [record.url().as_bytes(), record.bytes()].concat(),
        }
    }

    fn url(&self) -> &[u8] {
        self.text.get(..self.url_len).unwrap_or_default()
    }

    fn record(&self) -> &[u8] {
        self.text.get(self.url_len..).unwrap_or_default()
    }
}

impl Ord for Row {
    fn cmp(&self, other: &Self) -> Ordering {
        let rest = |row: &Self| (row.source.origin, row.source.fetched_at, row.source.robots);
        self.url()
            .cmp(other.url())
            .then_with(|| self.record().cmp(other.record()))
            .then_with(|| rest(self).cmp(&rest(other)))
    }
}

impl PartialOrd for Row {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Item for Row {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        Entry::Row(self.source).write(out)?;
        let length = |length: usize| u32::try_from(length).map_err(|_| io::Error::other("a record has 4 GiB"));
        out.write_all(&self.content)?;
        out.write_all(&length(self.url_len)?.to_le_bytes())?;
        out.write_all(&length(self.text.len())?.to_le_bytes())?;
        out.write_all(&self.text)
    }

    fn read(first: u8, input: &mut impl Read) -> io::Result<Self> {
        let Some(Entry::Row(source)) = Entry::read(&mut [first].chain(&mut *input))? else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a row"));
        };
        let (mut content, mut url_len, mut text_len) = ([0; 32], [0; 4], [0; 4]);
        input.read_exact(&mut content)?;
        input.read_exact(&mut url_len)?;
        input.read_exact(&mut text_len)?;
        let mut text = vec![0; u32::from_le_bytes(text_len) as usize];
        input.read_exact(&mut text)?;
        Ok(Self {
            source,
            content,
            url_len: u32::from_le_bytes(url_len) as usize,
            text,
        })
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.text.len()
    }
}

/// A shard that is in a run.
#[derive(Clone, Serialize, Deserialize)]
struct Taken {
    number: usize,
    origin: Origin,
    counts: Counts,
}

/// A line of the journal: a run and what is in it.
#[derive(Serialize, Deserialize)]
struct Spilled {
    run: String,
    bytes: u64,
    shards: Vec<Taken>,
}

/// All shards, taken.
struct AllTaken {
    runs: Vec<PathBuf>,
    origins: Vec<Origin>,
    counts: Counts,
}

fn take_shards<S: Shards + ?Sized>(
    from: &Build<'_, S>,
    works: &[(Work, usize)],
    identity: &str,
    folder: &Path,
    progress: &mut (impl FnMut(BuildProgress) + Send),
) -> Result<AllTaken> {
    let runs = folder.join(RUNS);
    let (journal, entries) = Journal::open::<Spilled>(&folder.join(JOURNAL), identity)?;
    // A power cut can leave a journal that is ahead of a run.
    let is_whole = |spilled: &Spilled| {
        std::fs::metadata(runs.join(&spilled.run)).is_ok_and(|metadata| metadata.len() == spilled.bytes)
    };
    let kept: Vec<Spilled> = entries.into_iter().filter(is_whole).collect();
    let done: BTreeSet<usize> = kept
        .iter()
        .flat_map(|spilled| spilled.shards.iter().map(|taken| taken.number))
        .collect();
    let open: Vec<usize> = (0..works.len()).filter(|number| !done.contains(number)).collect();
    if !open.is_empty() {
        // What was merged of other runs than there will be.
        files::empty_folder(&merged(folder))?;
    }
    let total = works.len();
    let shared = Mutex::new((journal, kept, progress, done.len()));
    let next = AtomicUsize::new(0);
    let threads = from.threads.clamp(1, open.len().max(1));
    let budget = from.sort_memory / threads;

    let worker = || -> Result<()> {
        let (mut rows, mut size, mut shards) = (Vec::new(), 0, Vec::new());
        loop {
            let number = open.get(next.fetch_add(1, Relaxed)).copied();
            if let Some((number, (work, place))) = number.and_then(|number| Some((number, works.get(number)?))) {
                let taken = take(from.shards.load(*place)?, work, number, &mut rows)?;
                size += rows
                    .get(rows.len() - taken.origin.records as usize..)
                    .map_or(0, size_of_rows);
                shards.push(taken);
                if size < budget {
                    continue;
                }
            }
            if !shards.is_empty() {
                let spilled = spill(&runs, &mut rows, std::mem::take(&mut shards))?;
                size = 0;
                let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
                let (journal, kept, progress, done) = &mut *shared;
                journal.append(&spilled)?;
                *done += spilled.shards.len();
                progress(BuildProgress::Shards { done: *done, total });
                kept.push(spilled);
            }
            if number.is_none() {
                return Ok(());
            }
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().unwrap_or_else(|_| {
                Err(Error::Worker {
                    why: "it panicked".to_owned(),
                })
            })
        })
    })?;

    let (_, kept, ..) = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut counts = Counts::default();
    let mut origins = BTreeMap::new();
    let mut paths = BTreeSet::new();
    for spilled in kept {
        paths.insert(runs.join(&spilled.run));
        for taken in spilled.shards {
            counts.add(&taken.counts);
            origins.insert(taken.number, taken.origin);
        }
    }
    Ok(AllTaken {
        runs: paths.into_iter().collect(),
        origins: origins.into_values().collect(),
        counts,
    })
}

/// Where runs are merged when they are many.
fn merged(folder: &Path) -> PathBuf {
    folder.join(RUNS).join("merged")
}

fn size_of_rows(rows: &[Row]) -> usize {
    rows.iter().map(Row::size).sum()
}

/// Adds a shard's records to `rows`.
fn take(shard: ShardRows, work: &Work, number: usize, rows: &mut Vec<Row>) -> Result<Taken> {
    let inconsistent = |why: &str| Error::InconsistentShard {
        shard: work.shard,
        why: why.to_owned(),
    };
    if shard.work != *work {
        return Err(inconsistent("it is the result of other work"));
    }
    if shard.records.len() != shard.provenance.len() {
        return Err(inconsistent("it does not have the provenance of every record"));
    }
    // The number is below MAX_SHARDS.
    let origin = u32::try_from(number).map_err(|_| Error::TooManyOrigins { found: number })?;
    for (record, leaf) in shard.records.iter().zip(&shard.provenance) {
        let source = RowSource {
            origin,
            fetched_at: leaf.fetched_at,
            robots: leaf.robots.into(),
        };
        rows.push(Row::new(source, record));
    }
    Ok(Taken {
        number,
        origin: Origin {
            job: work.job,
            shard: work.shard,
            node: work.node,
            result_root: shard.result_root,
            records: shard.records.len() as u64,
        },
        counts: shard.counts,
    })
}

fn spill(runs: &Path, rows: &mut Vec<Row>, shards: Vec<Taken>) -> Result<Spilled> {
    rows.sort_unstable();
    let first = shards.iter().map(|taken| taken.number).min().unwrap_or_default();
    let run = format!("shards-{first:05}");
    let path = runs.join(&run);
    write_run(&path, rows.drain(..).map(Ok))?;
    let bytes = std::fs::metadata(&path)
        .map_err(|source| Error::file("read", &path, source))?
        .len();
    Ok(Spilled { run, bytes, shards })
}

/// A content hash and the number of the record, in canonical order, that has it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Content(Hash, u64);

impl Item for Content {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.0)?;
        out.write_all(&self.1.to_le_bytes())
    }

    fn read(first: u8, input: &mut impl Read) -> io::Result<Self> {
        let (mut hash, mut number) = ([first; 32], [0; 8]);
        input.read_exact(&mut hash[1..])?;
        input.read_exact(&mut number)?;
        Ok(Self(hash, u64::from_le_bytes(number)))
    }

    fn size(&self) -> usize {
        size_of::<Self>()
    }
}

/// Records whose content stands earlier in canonical order.
struct Duplicates {
    /// Their numbers, a sorted run.
    path: PathBuf,
    count: u64,
    /// Records, duplicates included.
    records: u64,
}

fn find_duplicates(runs: &[PathBuf], folder: &Path, progress: &mut impl FnMut(BuildProgress)) -> Result<Duplicates> {
    let scratch = |name: &str| folder.join(RUNS).join(name);
    let mut contents = Sorter::new(scratch("contents"), HASH_MEMORY)?;
    let mut records = 0;
    for row in Merge::<Row>::new(runs.to_vec(), &merged(folder))? {
        contents.push(Content(row?.content, records))?;
        records += 1;
        if records % REPORT_EVERY == 0 {
            progress(BuildProgress::Compared(records));
        }
    }
    let mut numbers = Sorter::new(scratch("numbers"), HASH_MEMORY)?;
    let (mut last, mut count) = (None, 0);
    for content in contents.finish()? {
        let Content(hash, number) = content?;
        if last.replace(hash) == Some(hash) {
            numbers.push(number)?;
            count += 1;
        }
    }
    let path = folder.join(DUPLICATES);
    write_run(&path, numbers.finish()?)?;
    files::remove_folder(&scratch("contents"))?;
    files::remove_folder(&scratch("numbers"))?;
    Ok(Duplicates { path, count, records })
}

/// A file whose hash is computed as it is written.
struct HashedFile {
    out: BufWriter<File>,
    path: PathBuf,
    hasher: Sha256,
}

impl HashedFile {
    fn create(path: PathBuf) -> Result<Self> {
        let file = File::create(&path).map_err(|source| Error::file("create", &path, source))?;
        Ok(Self {
            out: BufWriter::with_capacity(1 << 20, file),
            path,
            hasher: Sha256::new(),
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.out
            .write_all(bytes)
            .map_err(|source| Error::file("write", &self.path, source))
    }

    fn finish(mut self) -> Result<Hash> {
        self.out
            .flush()
            .map_err(|source| Error::file("write", &self.path, source))?;
        Ok(self.hasher.finalize().into())
    }
}

fn write_rows<S: Shards + ?Sized>(
    from: &Build<'_, S>,
    runs: &[PathBuf],
    origins: Vec<Origin>,
    counts: &Counts,
    duplicates: &Duplicates,
    folder: &Path,
    progress: &mut impl FnMut(BuildProgress),
) -> Result<Facts> {
    let total = duplicates.records - duplicates.count;
    let step = total.checked_div(from.preview_rows as u64).unwrap_or_default().max(1);
    let mut left_out = Merge::<u64>::new(vec![duplicates.path.clone()], folder)?;
    let mut next_left_out = left_out.next().transpose()?;
    let mut rows = HashedFile::create(folder.join(ROWS))?;
    let mut provenance = HashedFile::create(folder.join(PROVENANCE))?;
    let mut inference = Inference::of(from.manifest);
    let mut sources = Sources::default();
    let mut robots = RobotsSummary {
        forbidden: counts
            .skipped_by
            .get(&SkipReason::RobotsDisallowed)
            .copied()
            .unwrap_or_default(),
        ..RobotsSummary::default()
    };
    let (mut written, mut bytes, mut preview) = (0, 0, Vec::new());
    let mut collected: Option<(i64, i64)> = None;
    let mut entry = Vec::new();
    for (number, row) in (0..).zip(Merge::<Row>::new(runs.to_vec(), &merged(folder))?) {
        let row = row?;
        entry.clear();
        let is_left_out = next_left_out == Some(number);
        let written_entry = if is_left_out {
            next_left_out = left_out.next().transpose()?;
            let leaf = merkle::leaf_hash(row.record());
            let origin = row.source.origin;
            Entry::LeftOut { origin, leaf }
        } else {
            Entry::Row(row.source)
        };
        written_entry
            .write(&mut entry)
            .map_err(|source| Error::file("write", &provenance.path, source))?;
        provenance.write(&entry)?;
        if is_left_out {
            continue;
        }
        inference.row(row.record()).map_err(|misfit| Error::InconsistentShard {
            shard: origins.get(row.source.origin as usize).map_or(0, |origin| origin.shard),
            why: format!("the record of {}: {misfit}", String::from_utf8_lossy(row.url())),
        })?;
        sources.count(&String::from_utf8_lossy(row.url()));
        match row.source.robots {
            RobotsNote::Allowed => robots.allowed += 1,
            RobotsNote::NoRules => robots.no_rules += 1,
        }
        let at = row.source.fetched_at;
        collected = Some(collected.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
        if written % step == 0 && preview.len() < from.preview_rows && row.record().len() <= PREVIEW_ROW_BYTES {
            preview.push(serde_json::from_slice::<Value>(row.record()).unwrap_or_default());
        }
        rows.write(row.record())?;
        rows.write(b"\n")?;
        written += 1;
        bytes += row.record().len() as u64 + 1;
        if written % REPORT_EVERY == 0 {
            progress(BuildProgress::Rows { done: written, total });
        }
    }
    progress(BuildProgress::Rows { done: written, total });
    let (collected_from, collected_until) = collected.unwrap_or_default();
    Ok(Facts {
        card: Card {
            version: VERSION,
            dataset_id: from.dataset_id,
            name: from.manifest.name.clone(),
            description: from.manifest.description.clone(),
            licence: from.manifest.licence.clone(),
            contact: from.manifest.contact.clone(),
            manifest: from.manifest.hash(),
            schema: inference.finish(),
            rows: written,
            bytes,
            duplicates_removed: duplicates.count,
            preview,
            sources: sources.finish(),
            robots,
            skipped: counts.skipped_by.clone(),
            collected_from,
            collected_until,
        },
        origins,
        rows_sha256: rows.finish()?,
        provenance_sha256: provenance.finish()?,
    })
}
