//! One stage of the market benchmark in a process of its own, so that its peak memory is its own. `cargo xtask bench
//! market` runs them one after the other:
//!
//! `market_bench corpus FOLDER DOCUMENTATION`, then `build FOLDER RECORDS BYTES`, `encrypt FOLDER`, `upload FOLDER`,
//! `download FOLDER`, `parquet FOLDER`, `copy FOLDER`. Each prints one line of JSON.

use std::{
    error::Error,
    fs::File,
    io::{BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use lumora_data::{
    dataset::{self, Build, Built, Format, Listed, Packaged, Shards},
    key::ContentKey,
    manifest::Manifest,
    record::Record,
    segment::{Encryptor, SEGMENT_SIZE},
    shard::{PageOutcome, RobotsNote, ShardRows, Work},
    store::Store,
};
use serde_json::{Value, json};
use url::Url;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Paragraphs of the corpus that make a shard.
const PARAGRAPHS: u64 = 10_000;
/// Every so many-th record is collected a second time, from a mirror: a duplicate.
const MIRRORED: u64 = 50;
/// Shorter texts between two block tags are labels and punctuation.
const SHORTEST: usize = 40;
/// Longer paragraphs are cut.
const LONGEST: usize = 300;
const COLLECTED_AT: i64 = 1_790_000_000;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let started = Instant::now();
    let mut figures = match arguments.as_slice() {
        ["corpus", folder, documentation] => corpus(Path::new(folder), Path::new(documentation))?,
        ["build", folder, records, bytes] => build(Path::new(folder), records.parse()?, bytes.parse()?)?,
        ["encrypt", folder] => encrypt(Path::new(folder))?,
        ["upload", folder] => upload(Path::new(folder))?,
        ["download", folder] => download(Path::new(folder))?,
        ["parquet", folder] => parquet(Path::new(folder))?,
        ["copy", folder] => copy(Path::new(folder))?,
        _ => return Err("name a stage and a folder: see the source".into()),
    };
    figures["seconds"] = json!(started.elapsed().as_secs_f64());
    figures["peak_kib"] = json!(peak_kib()?);
    println!("{figures}");
    Ok(())
}

/// Most memory that this process ever had (VmHWM).
fn peak_kib() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let figure = line.and_then(|line| line.split_whitespace().next());
    Ok(figure.ok_or("/proc/self/status names no VmHWM")?.parse()?)
}

fn key() -> ContentKey {
    ContentKey::from_bytes([42; 32])
}

fn store(folder: &Path) -> Outcome<Store> {
    Ok(Store::local(folder.join("store"))?)
}

fn built(folder: &Path) -> Outcome<Built> {
    Ok(Built::open(&folder.join("work"))?.ok_or("run the stage `build` first")?)
}

fn runtime() -> Outcome<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?)
}

/// Writes the paragraphs of all pages, one on a line: page, number, text.
fn corpus(folder: &Path, documentation: &Path) -> Outcome<Value> {
    std::fs::create_dir_all(folder)?;
    let mut out = BufWriter::new(File::create(folder.join("corpus"))?);
    let (mut pages, mut paragraphs, mut bytes) = (0u64, 0u64, 0u64);
    let mut folders = vec![documentation.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "html") {
                files.push(path);
            }
        }
    }
    files.sort();
    for path in files {
        let page = path.strip_prefix(documentation)?.display().to_string();
        let text = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
        pages += 1;
        for (number, paragraph) in paragraphs_of(&text).into_iter().enumerate() {
            bytes += paragraph.len() as u64;
            paragraphs += 1;
            writeln!(out, "{page}\t{number}\t{paragraph}")?;
        }
    }
    out.flush()?;
    Ok(json!({"pages": pages, "paragraphs": paragraphs, "bytes": bytes}))
}

/// The texts between block tags.
fn paragraphs_of(html: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut text = String::new();
    for piece in html.split('<') {
        let (tag, rest) = piece.split_once('>').unwrap_or(("", piece));
        let name = tag
            .trim_start_matches('/')
            .split([' ', '\n'])
            .next()
            .unwrap_or_default();
        let is_inline = matches!(
            name,
            "a" | "code" | "em" | "strong" | "span" | "b" | "i" | "wbr" | "sup" | "sub"
        );
        if !is_inline {
            if text.len() >= SHORTEST {
                found.push(text.chars().take(LONGEST).collect());
            }
            text.clear();
        }
        if !matches!(name, "script" | "style") {
            for word in rest.split_whitespace() {
                if !text.is_empty() {
                    text.push(' ');
                }
                text.push_str(word);
            }
        }
    }
    found
}

/// Results of shards, made of the corpus when they are asked for: one record for each paragraph, cycling.
struct Corpus {
    path: PathBuf,
    manifest: [u8; 32],
    /// Where each chunk of `PARAGRAPHS` lines begins.
    chunks: Vec<u64>,
    shards: u32,
    /// Nanoseconds that were spent in making shards, all threads together.
    spent: AtomicU64,
}

impl Corpus {
    fn open(folder: &Path, manifest: &Manifest, records: u64, bytes: u64) -> Outcome<Self> {
        let path = folder.join("corpus");
        let mut lines = BufReader::new(File::open(&path)?);
        let (mut chunks, mut count, mut offset) = (Vec::new(), 0u64, 0u64);
        let mut line = Vec::new();
        loop {
            if count.is_multiple_of(PARAGRAPHS) {
                chunks.push(offset);
            }
            line.clear();
            let length = lines.read_until(b'\n', &mut line)?;
            if length == 0 {
                break;
            }
            offset += length as u64;
            count += 1;
        }
        // The last one is not full.
        chunks.pop();
        if chunks.is_empty() {
            return Err("the corpus is too small".into());
        }
        let mut corpus = Self {
            path,
            manifest: manifest.hash(),
            chunks,
            shards: 0,
            spent: AtomicU64::new(0),
        };
        // As many as both wishes take; the sizes vary little between chunks, and a tenth is added.
        let mut probe_bytes = 0;
        let probes = corpus.chunks.len().min(20);
        for number in 0..probes {
            let rows = corpus.rows(number * corpus.chunks.len() / probes)?;
            let kept = rows.records.iter().filter(|record| !record.url().contains("mirror"));
            probe_bytes += kept.map(|record| record.bytes().len() as u64 + 1).sum::<u64>();
        }
        let by_bytes = bytes * 11 / 10 * probes as u64 / probe_bytes.max(1);
        corpus.shards = u32::try_from(records.div_ceil(PARAGRAPHS).max(by_bytes))?;
        Ok(corpus)
    }

    fn work(&self, shard: u32) -> Work {
        Work {
            job: [1; 32],
            shard,
            node: [2; 32],
            manifest: self.manifest,
        }
    }

    fn rows(&self, number: usize) -> Outcome<ShardRows> {
        let cycle = number / self.chunks.len();
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.chunks[number % self.chunks.len()]))?;
        let mut pages = Vec::new();
        for (place, line) in (0..PARAGRAPHS).zip(BufReader::new(file).lines()) {
            let line = line?;
            let mut parts = line.splitn(3, '\t');
            let (page, paragraph) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let text = parts.next().unwrap_or_default();
            let members = json!({"page": page, "paragraph": paragraph, "cycle": cycle, "text": text});
            let Value::Object(members) = members else { continue };
            let hosts = ["doc.rust-lang.org", "mirror.rust-lang.org"];
            let copies = if place.is_multiple_of(MIRRORED) { 2 } else { 1 };
            for host in hosts.into_iter().take(copies) {
                let url = Url::parse(&format!("https://{host}/{page}?cycle={cycle}#{paragraph}"))?;
                pages.push(PageOutcome::Fetched {
                    url: url.to_string(),
                    at: COLLECTED_AT + i64::try_from(place)?,
                    bytes: text.len() as u64,
                    robots: RobotsNote::Allowed,
                    record: Record::new(&url, members.clone()),
                });
            }
        }
        Ok(ShardRows::new(self.work(u32::try_from(number)?), pages))
    }
}

impl Shards for Corpus {
    fn works(&self) -> Vec<Work> {
        (0..self.shards).map(|shard| self.work(shard)).collect()
    }

    fn load(&self, number: usize) -> lumora_data::Result<ShardRows> {
        let started = Instant::now();
        let rows = self
            .rows(number)
            .map_err(|error| lumora_data::Error::Worker { why: error.to_string() });
        self.spent
            .fetch_add(started.elapsed().as_nanos() as u64, Ordering::Relaxed);
        rows
    }
}

fn build(folder: &Path, records: u64, bytes: u64) -> Outcome<Value> {
    let manifest = json!({
        "version": 1, "name": "Paragraphs of the Rust documentation", "licence": "MIT OR Apache-2.0",
        "contact": "mailto:nobody@localhost", "sites": ["https://doc.rust-lang.org", "https://mirror.rust-lang.org"],
        "pages": {"urls": ["https://doc.rust-lang.org/"]},
        "fields": {"page": {"text": true}, "paragraph": {"text": true}, "cycle": {"text": true}, "text": {"text": true}},
    });
    let manifest = Manifest::from_json(manifest.to_string().as_bytes())?;
    let corpus = Corpus::open(folder, &manifest, records, bytes)?;
    let started = Instant::now();
    let build = Build::new([7; 32], &manifest, &corpus);
    let built = dataset::build(&build, &folder.join("work"), |progress| {
        eprint!("\r{progress:?}          ")
    })?;
    let card = built.card();
    Ok(json!({
        "stage_seconds": started.elapsed().as_secs_f64(), "records": card.rows, "bytes": card.bytes,
        "duplicates": card.duplicates_removed, "shards": corpus.shards, "threads": build.threads,
        "cycles": (corpus.shards as usize).div_ceil(corpus.chunks.len()),
        "making_shards_seconds": corpus.spent.load(Ordering::Relaxed) as f64 / 1e9,
    }))
}

/// Encryption alone, on one thread: what `openssl speed` measures, and reading the file.
fn encrypt(folder: &Path) -> Outcome<Value> {
    let built = built(folder)?;
    let bytes = built.card().bytes;
    let encryptor = Encryptor::new(&key(), [1; 32], SEGMENT_SIZE, bytes)?;
    let mut rows = File::open(built.rows())?;
    let mut sealing = std::time::Duration::ZERO;
    let started = Instant::now();
    for index in 0..encryptor.header().segment_count()? {
        let length = encryptor.header().plaintext_len_of(index);
        let mut segment = Vec::with_capacity(length as usize + 16);
        (&mut rows).take(length).read_to_end(&mut segment)?;
        let sealed = Instant::now();
        std::hint::black_box(encryptor.seal(index, segment)?);
        sealing += sealed.elapsed();
    }
    Ok(json!({
        "stage_seconds": started.elapsed().as_secs_f64(), "sealing_seconds": sealing.as_secs_f64(), "bytes": bytes,
    }))
}

fn upload(folder: &Path) -> Outcome<Value> {
    let (built, store) = (built(folder)?, store(folder)?);
    let started = Instant::now();
    let packaged = runtime()?.block_on(dataset::package(&built, &key(), SEGMENT_SIZE, &store, |_| ()))?;
    let seconds = started.elapsed().as_secs_f64();
    std::fs::write(folder.join("packaged.json"), serde_json::to_vec(&packaged)?)?;
    Ok(json!({"stage_seconds": seconds, "bytes": built.card().bytes}))
}

fn download(folder: &Path) -> Outcome<Value> {
    let packaged: Packaged = serde_json::from_slice(&std::fs::read(folder.join("packaged.json"))?)?;
    let (listed, store) = (Listed::from(&packaged), store(folder)?);
    let rows = folder.join("bought.jsonl");
    let started = Instant::now();
    let (_, verification) = runtime()?.block_on(dataset::download(&listed, &key(), &store, &rows, |_| ()))?;
    if !verification.is_complete() {
        return Err(format!("not everything verified: {:?}", verification.problems).into());
    }
    Ok(json!({
        "stage_seconds": started.elapsed().as_secs_f64(), "bytes": verification.bytes, "rows_verified": verification.rows_verified,
    }))
}

fn parquet(folder: &Path) -> Outcome<Value> {
    let built = built(folder)?;
    let to = folder.join("rows.parquet");
    let started = Instant::now();
    dataset::export(&folder.join("bought.jsonl"), built.card(), Format::Parquet, &to)?;
    Ok(json!({
        "stage_seconds": started.elapsed().as_secs_f64(), "bytes": built.card().bytes,
        "file_bytes": std::fs::metadata(to)?.len(),
    }))
}

/// What a copy of the rows takes, for comparison.
fn copy(folder: &Path) -> Outcome<Value> {
    let to = folder.join("copy");
    let started = Instant::now();
    let bytes = std::fs::copy(built(folder)?.rows(), &to)?;
    let seconds = started.elapsed().as_secs_f64();
    std::fs::remove_file(to)?;
    Ok(json!({"stage_seconds": seconds, "bytes": bytes}))
}
