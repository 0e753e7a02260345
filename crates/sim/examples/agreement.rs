//! Whether replicas agree: two visits of real pages by the real extractor, with what sites vary by themselves, against
//! results that were tampered with. Writes `agreement.json` and `agreement.svg`.
//!
//! `agreement <folder of HTML pages> <what they are> <output folder>`

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use lumora_core::{
    agreement::{DEFAULT_TOLERANCE, Revealed, Tolerance, agrees},
    sketch::{ELEMENTS, SKETCH_BITS, Sketch, samples},
    units::Bps,
};
use lumora_data::{extract::Extractor, manifest::Manifest, record::Record};
use rand::{
    RngExt as _, SeedableRng as _,
    seq::{IndexedRandom as _, index::sample},
};
use rand_pcg::Pcg64;
use serde::Serialize;
use serde_json::{Map, Value, json};
use url::Url;

#[path = "support/plot.rs"]
mod plot;
#[path = "support/simhash.rs"]
mod simhash;

const SEED: u64 = 1;
/// Pages that are taken, evenly spread over the folder.
const PAGES: usize = 6_000;
/// Visits of each page. A shard's two results take two of them, for each page others.
const VISITS: usize = 4;
/// Shards that are compared.
const SHARDS: usize = 20_000;
/// Of these the SimHash too, which is slow over whole shards.
const SIMHASH_SHARDS: usize = 1_000;
/// Pages of a shard.
const SHARD_PAGES: (usize, usize) = (20, 200);
/// Share of the pages that say when they were served.
const TIMESTAMPS: f64 = 0.2;
/// Share of the visits that show an advertisement.
const ADVERTISEMENTS: f64 = 0.05;
/// Different advertisements.
const ADVERTISEMENT_POOL: usize = 40;
/// Share of the visits that fail.
const FAILURES: f64 = 0.002;
/// Share of a tampered result's records that are not what the site said.
const TAMPERED: f64 = 0.1;
/// Share of the words that a cheat changes in a record: of the last it invents all.
const REWRITTEN: [f64; 6] = [0.02, 0.05, 0.1, 0.2, ALTERED, INVENTED];
const ALTERED: f64 = 0.5;
const INVENTED: f64 = 1.0;
/// Tolerated difference of the counts.
const COUNT: Bps = Bps(500);
/// What tells a page that forwards to another.
const REFRESH: &str = "http-equiv=\"refresh\"";
/// What is asked for.
const HONEST_GOAL: f64 = 0.995;
const TAMPERED_GOAL: f64 = 0.999;

/// What becomes of a tenth of the records.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Case {
    /// Nothing.
    Honest,
    Dropped,
    /// This share of their words is replaced.
    Rewritten(f64),
}

/// Every case, and where it stands in [`Found`].
fn cases() -> Vec<Case> {
    let rewritten = REWRITTEN.into_iter().map(Case::Rewritten);
    [Case::Honest, Case::Dropped].into_iter().chain(rewritten).collect()
}

/// A page's record in each visit, and what a cheat makes of it.
struct Page {
    name: u64,
    visits: Vec<Version>,
    /// In the order of [`REWRITTEN`].
    rewritten: Vec<Version>,
}

/// The shingles of a record, each once.
type Version = Vec<u64>;

fn version(record: &Record) -> Version {
    let mut shingles = record.shingles();
    shingles.sort_unstable();
    shingles.dedup();
    shingles
}

fn main() -> Result<()> {
    let mut arguments = env::args_os().skip(1);
    let (Some(folder), Some(source), Some(output)) = (arguments.next(), arguments.next(), arguments.next()) else {
        bail!("give a folder of HTML pages, what they are, and a folder for the figures");
    };
    let pages = visit_all(Path::new(&folder))?;
    eprintln!("{} pages, each visited {VISITS} times", pages.len());
    let (odd, sim) = compare_all(&pages);
    write(Path::new(&output), &source.to_string_lossy(), pages.len(), &odd, &sim)
}

// --- pages

fn visit_all(folder: &Path) -> Result<Vec<Page>> {
    let mut files = Vec::new();
    html_files(folder, &mut files)?;
    ensure!(
        files.len() >= 1_000,
        "{} holds only {} HTML pages",
        folder.display(),
        files.len()
    );
    files.sort();
    let step = files.len().div_ceil(PAGES);
    let extractor = Extractor::new(&manifest()?)?;
    let mut rng = Pcg64::seed_from_u64(SEED);
    let vocabulary: Vec<String> = (0..5_000).map(|_| word(&mut rng)).collect();
    let advertisements: Vec<String> = (0..ADVERTISEMENT_POOL)
        .map(|_| {
            (0..rng.random_range(6..15))
                .map(|_| word(&mut rng))
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    let mut pages = Vec::new();
    for file in files.iter().step_by(step) {
        let html = String::from_utf8_lossy(&fs::read(file).with_context(|| file.display().to_string())?).into_owned();
        let path = file.strip_prefix(folder)?.to_string_lossy().into_owned();
        let url = Url::parse("https://site.example/")?.join(&path)?;
        let has_timestamp = rng.random_bool(TIMESTAMPS);
        let extract = |html: &str| extractor.extract(&url, Some("text/html; charset=utf-8"), html.as_bytes());
        // Forwarding pages and pages without a title are no records.
        if html.contains(REFRESH) || extract(&html).is_err() {
            continue;
        }
        let mut visits = Vec::new();
        for _ in 0..VISITS {
            visits.push(
                extract(&served(&html, has_timestamp, &advertisements, &mut rng))
                    .map_err(|skip| anyhow!("{path}: {}", skip.detail))?,
            );
        }
        let rewritten = REWRITTEN.map(|share| version(&rewritten(&visits[0], &url, share, &vocabulary, &mut rng)));
        let hash = visits[0].url_hash();
        pages.push(Page {
            name: u64::from_le_bytes(std::array::from_fn(|i| hash[i])),
            visits: visits.iter().map(version).collect(),
            rewritten: rewritten.into(),
        });
    }
    Ok(pages)
}

fn html_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            html_files(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "html") {
            files.push(path);
        }
    }
    Ok(())
}

fn manifest() -> Result<Manifest> {
    Ok(serde_json::from_value(json!({
        "version": 1,
        "name": "Documentation pages",
        "licence": "Apache-2.0 OR MIT",
        "contact": "https://github.com/lumora-network/lumora",
        "sites": ["https://site.example/"],
        "pages": {"urls": []},
        "fields": {
            "title": {"css": "title", "required": true},
            "heading": {"css": "h1"},
            "text": {"css": "body"},
        },
    }))?)
}

/// The page as one visitor sees it: with the time, where the page shows it, and now and then an advertisement, both in
/// paragraphs that the manifest selects.
fn served(html: &str, has_timestamp: bool, advertisements: &[String], rng: &mut Pcg64) -> String {
    let mut html = html.to_owned();
    if rng.random_bool(ADVERTISEMENTS)
        && let Some(text) = advertisements.choose(rng)
    {
        let at = html.find("</p>").map_or(html.len(), |at| at + 4);
        html.insert_str(at, &format!("<p>Sponsored: {text}</p>"));
    }
    if has_timestamp {
        let [hour, minute, second] = [24, 60, 60].map(|below| rng.random_range(0..below));
        let at = html.find("<main").unwrap_or(0);
        html.insert_str(
            at,
            &format!("<p>Served at {hour:02}:{minute:02}:{second:02} on 2026-11-22</p>"),
        );
    }
    html
}

fn word(rng: &mut Pcg64) -> String {
    (0..rng.random_range(3..10))
        .map(|_| char::from(rng.random_range(b'a'..=b'z')))
        .collect()
}

/// The record with this share of the words in its texts replaced by others.
fn rewritten(record: &Record, url: &Url, share: f64, vocabulary: &[String], rng: &mut Pcg64) -> Record {
    let mut rewrite = |text: &str| -> String {
        let words = text.split(' ').map(|word| match vocabulary.choose(rng) {
            Some(other) if rng.random_bool(share) => other.as_str(),
            _ => word,
        });
        words.collect::<Vec<_>>().join(" ")
    };
    let members: Map<String, Value> = record
        .members()
        .into_iter()
        .map(|(name, value)| {
            let value = match value {
                Value::String(text) => Value::String(rewrite(&text)),
                Value::Array(items) => items
                    .iter()
                    .filter_map(Value::as_str)
                    .map(&mut rewrite)
                    .map(Value::from)
                    .collect(),
                other => other,
            };
            (name, value)
        })
        .collect();
    Record::new(url, members)
}

// --- results

/// Distances and counts of the pairs of results, by case.
type Found = Vec<Vec<Pair>>;

#[derive(Clone, Copy)]
struct Pair {
    distance: u32,
    records: (u32, u32),
}

/// Compares many shards by sketch, and the first of them by SimHash.
fn compare_all(pages: &[Page]) -> (Found, Found) {
    let mut rng = Pcg64::seed_from_u64(SEED);
    let cases = cases();
    let (mut odd, mut sim) = (vec![Vec::new(); cases.len()], vec![Vec::new(); cases.len()]);
    for number in 0..SHARDS {
        let size = rng.random_range(SHARD_PAGES.0..=SHARD_PAGES.1);
        let start = rng.random_range(0..=pages.len() - size);
        let shard = &pages[start..start + size];
        let (mut one, mut other) = (Vec::with_capacity(size), Vec::with_capacity(size));
        for page in shard {
            let first = rng.random_range(0..VISITS);
            let second = (first + rng.random_range(1..VISITS)) % VISITS;
            for (result, visit) in [(&mut one, first), (&mut other, second)] {
                result.push((!rng.random_bool(FAILURES)).then_some(&page.visits[visit]));
            }
        }
        let chosen = sample(&mut rng, size, (size as f64 * TAMPERED).ceil() as usize).into_vec();
        let base = Sketched::new(shard, &one, number);
        for (index, case) in cases.iter().enumerate() {
            let result = Sketched::new(shard, &tampered(shard, &other, *case, &chosen), number);
            let records = (base.records, result.records);
            let distance = base.sketch.distance(&result.sketch);
            odd[index].push(Pair { distance, records });
            if let (Some(one), Some(other)) = (base.simhash, result.simhash) {
                let distance = (one ^ other).count_ones();
                sim[index].push(Pair { distance, records });
            }
        }
    }
    (odd, sim)
}

fn tampered<'a>(
    shard: &'a [Page],
    honest: &[Option<&'a Version>],
    case: Case,
    chosen: &[usize],
) -> Vec<Option<&'a Version>> {
    let mut result = honest.to_vec();
    for index in chosen {
        match case {
            Case::Honest => {}
            Case::Dropped => result[*index] = None,
            Case::Rewritten(share) => {
                let which = REWRITTEN.iter().position(|known| *known == share);
                result[*index] = which.map(|which| &shard[*index].rewritten[which]);
            }
        }
    }
    result
}

struct Sketched {
    sketch: Sketch,
    simhash: Option<u64>,
    records: u32,
}

impl Sketched {
    fn new(shard: &[Page], result: &[Option<&Version>], number: usize) -> Self {
        let samples = samples(shard.len() as u32);
        let mut sketch = Sketch::default();
        for (page, version) in shard.iter().zip(result) {
            if let Some(version) = version {
                sketch.toggle_record(0, page.name, version, samples);
            }
        }
        let simhash = (number < SIMHASH_SHARDS).then(|| {
            let mut shingles: Vec<u64> = result
                .iter()
                .flatten()
                .flat_map(|version| version.iter().copied())
                .collect();
            shingles.sort_unstable();
            shingles.dedup();
            simhash::simhash(&shingles)
        });
        Self {
            sketch,
            simhash,
            records: result.iter().flatten().count() as u32,
        }
    }
}

// --- figures

#[derive(Clone, Copy, Serialize)]
struct Point {
    threshold: u32,
    honest_agree_share: f64,
    dropped_reject_share: f64,
    altered_reject_share: f64,
    invented_reject_share: f64,
}

impl Point {
    fn rejected(&self) -> f64 {
        self.dropped_reject_share
            .min(self.altered_reject_share)
            .min(self.invented_reject_share)
    }

    fn reaches_the_goals(&self) -> bool {
        self.honest_agree_share >= HONEST_GOAL && self.rejected() >= TAMPERED_GOAL
    }
}

/// A case's pairs.
fn pairs(found: &Found, case: Case) -> &[Pair] {
    let index = cases().iter().position(|known| *known == case);
    index.map_or(&[], |index| &found[index])
}

/// Share of the pairs that agree at this threshold, by the rule of `core::agreement`.
fn agreeing(pairs: &[Pair], threshold: u32) -> f64 {
    let tolerance = Tolerance {
        bits: threshold as u8,
        count: COUNT,
    };
    let agree = pairs.iter().filter(|pair| {
        // So many ones differ from none in so many bits.
        let ones = |word: usize| match pair.distance.saturating_sub(64 * word as u32) {
            count @ 0..64 => (1 << count) - 1,
            _ => u64::MAX,
        };
        let one = Revealed {
            sketch: Sketch::default(),
            records: pair.records.0,
        };
        let other = Revealed {
            sketch: Sketch(std::array::from_fn(ones)),
            records: pair.records.1,
        };
        agrees(&one, &other, tolerance)
    });
    rounded(agree.count() as f64 / pairs.len() as f64)
}

fn curve(found: &Found, bits: u32) -> Vec<Point> {
    let rejecting = |case, threshold| rounded(1.0 - agreeing(pairs(found, case), threshold));
    (0..=bits / 2)
        .map(|threshold| Point {
            threshold,
            honest_agree_share: agreeing(pairs(found, Case::Honest), threshold),
            dropped_reject_share: rejecting(Case::Dropped, threshold),
            altered_reject_share: rejecting(Case::Rewritten(ALTERED), threshold),
            invented_reject_share: rejecting(Case::Rewritten(INVENTED), threshold),
        })
        .collect()
}

fn rounded(share: f64) -> f64 {
    (share * 100_000.0).round() / 100_000.0
}

fn write(output: &Path, source: &str, pages: usize, odd: &Found, sim: &Found) -> Result<()> {
    let points = curve(odd, SKETCH_BITS);
    let good: Vec<&Point> = points.iter().filter(|point| point.reaches_the_goals()).collect();
    // The strictest at which honest results reach their goal with two deviations of the sample to spare; where none does,
    // the one that is nearest to the goals.
    let spare = 2.0 * (HONEST_GOAL * (1.0 - HONEST_GOAL) / SHARDS as f64).sqrt();
    let nearest = || points.iter().max_by(|a, b| balance(a).total_cmp(&balance(b)));
    let chosen = good
        .iter()
        .find(|point| point.honest_agree_share >= HONEST_GOAL + spare)
        .copied()
        .or_else(nearest)
        .context("there are thresholds")?;
    // A cheat that drops records may state the count of those that it should have.
    let forged: Vec<Pair> = pairs(odd, Case::Dropped)
        .iter()
        .map(|pair| Pair {
            records: (pair.records.0, pair.records.0),
            ..*pair
        })
        .collect();
    let simhash_points = curve(sim, 64);
    let simhash = simhash_points.iter().max_by(|a, b| balance(a).total_cmp(&balance(b)));
    let by_words: Vec<Value> = REWRITTEN
        .iter()
        .map(|share| {
            let agree = agreeing(pairs(odd, Case::Rewritten(*share)), chosen.threshold);
            json!({"share_of_words": share, "reject_share": rounded(1.0 - agree)})
        })
        .collect();
    let figures = json!({
        "honest_agree_share": chosen.honest_agree_share,
        "tampered_reject_share": chosen.rejected(),
        "threshold": chosen.threshold,
        "thresholds_that_reach_both_goals": [good.first().map(|p| p.threshold), good.last().map(|p| p.threshold)],
        "dropped_with_forged_count_reject_share": rounded(1.0 - agreeing(&forged, chosen.threshold)),
        "goals": {"honest_agree_share": HONEST_GOAL, "tampered_reject_share": TAMPERED_GOAL},
        "sketch": {"kind": "odd sketch", "bits": SKETCH_BITS, "elements": ELEMENTS},
        "rewritten_tenth": by_words,
        "settings": {
            "source": source,
            "pages": pages,
            "shards": SHARDS,
            "pages_per_shard": SHARD_PAGES,
            "visits_of_each_page": VISITS,
            "pages_with_timestamp": TIMESTAMPS,
            "visits_with_advertisement": ADVERTISEMENTS,
            "advertisements": ADVERTISEMENT_POOL,
            "visits_that_fail": FAILURES,
            "tampered_records": TAMPERED,
            "altered_words": ALTERED,
            "tolerated_count_bps": COUNT.0,
            "seed": SEED,
        },
        "simhash": {"bits": 64, "shards": SIMHASH_SHARDS, "best": simhash, "curve": simhash_points},
        "curve": points,
    });
    let text = serde_json::to_string_pretty(&figures)? + "\n";
    fs::write(output.join("agreement.json"), text).context("cannot write agreement.json")?;
    plot(&output.join("agreement.svg"), &points)?;
    println!(
        "At {} of {SKETCH_BITS} bits {:.2} % of honest pairs agree, and {:.2} % of those with a tampered result do not.",
        chosen.threshold,
        100.0 * chosen.honest_agree_share,
        100.0 * chosen.rejected()
    );
    ensure!(chosen.reaches_the_goals(), "no threshold reaches both goals");
    ensure!(
        chosen.threshold == u32::from(DEFAULT_TOLERANCE.bits),
        "clients are given {} bits by default",
        DEFAULT_TOLERANCE.bits
    );
    Ok(())
}

/// How near a threshold comes to the worse of the two goals.
fn balance(point: &Point) -> f64 {
    point.honest_agree_share.min(point.rejected())
}

fn plot(file: &Path, points: &[Point]) -> Result<()> {
    let line = |name: &'static str, share: fn(&Point) -> f64| plot::Line {
        name,
        points: points
            .iter()
            .map(|point| (f64::from(point.threshold), 100.0 * share(point)))
            .collect(),
    };
    plot::draw(
        file,
        "Agreement of two results over the tolerated difference of their sketches",
        ["tolerated difference, bits of 256", "share of the pairs, %"],
        plot::Legend::MiddleRight,
        &[
            line("honest, agree", |point| point.honest_agree_share),
            line("a tenth dropped, rejected", |point| point.dropped_reject_share),
            line("a tenth altered, rejected", |point| point.altered_reject_share),
            line("a tenth invented, rejected", |point| point.invented_reject_share),
        ],
    )
}
