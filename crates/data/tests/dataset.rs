//! Building, packaging, opening and exporting datasets: the same whatever happens on the way, and every lie is found.
#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use arrow_array::{Array, Float64Array, Int64Array, ListArray, StringArray, cast::AsArray};
use lumora_core::hash::sha256;
use lumora_data::{
    Error,
    cid::Cid,
    dataset::{
        self, Build, BuildProgress, Built, Format, Formulas, Kind, Listed, Package, Packaged, Sample, Shards,
        sample_rows,
    },
    key::ContentKey,
    manifest::Manifest,
    record::Record,
    segment::SEGMENT_SIZE,
    shard::{PageOutcome, RobotsNote, ShardResult, ShardRows, Work},
    store::Store,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use url::Url;

const ID: [u8; 32] = [7; 32];

fn manifest() -> Manifest {
    let field = || json!({"css": "p"});
    Manifest::from_json(
        json!({
            "version": 1, "name": "Made-up pages", "description": "A test.", "licence": "CC0-1.0",
            "contact": "mailto:ops@example.org", "sites": ["https://a.example"],
            "pages": {"urls": ["https://a.example/"]},
            "fields": {"text": {"css": "p", "required": true}, "count": field(), "price": field(), "tags": field(), "any": field()},
        })
        .to_string()
        .as_bytes(),
    )
    .unwrap()
}

fn key() -> ContentKey {
    ContentKey::from_bytes([42; 32])
}

fn page(url: &str, members: Value, at: i64) -> PageOutcome {
    let Value::Object(members) = members else {
        panic!("members are an object")
    };
    PageOutcome::Fetched {
        url: url.to_owned(),
        at,
        bytes: 10,
        robots: RobotsNote::Allowed,
        record: Record::new(&Url::parse(url).unwrap(), members),
    }
}

fn shard(number: u32, pages: Vec<PageOutcome>) -> ShardResult {
    let work = Work {
        job: [1; 32],
        shard: number,
        node: [2; 32],
        manifest: manifest().hash(),
    };
    ShardResult::new(work, pages)
}

/// `count` shards of `pages` pages each, spread so that neighbours in the dataset come from different shards; every
/// seventh page says what the first does.
fn shards(count: u32, pages: u32) -> Vec<ShardResult> {
    (0..count)
        .map(|number| {
            let pages = (0..pages).map(|place| {
                let page_number = place * count + number;
                let text = if page_number.is_multiple_of(7) { 0 } else { page_number };
                let url = format!("https://a.example/{page_number:06}");
                page(
                    &url,
                    json!({"text": format!("text {text}")}),
                    1_790_000_000 + i64::from(page_number),
                )
            });
            shard(number, pages.collect())
        })
        .collect()
}

/// A folder to work in.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn store(&self) -> Store {
        Store::local(self.path("store")).unwrap()
    }

    fn build(&self, shards: &[ShardResult]) -> Built {
        let manifest = manifest();
        dataset::build(&Build::new(ID, &manifest, shards), &self.path("work"), |_| ()).unwrap()
    }

    async fn package(&self, built: &Built, segment_size: u32) -> Packaged {
        dataset::package(built, &key(), segment_size, &self.store(), |_| ())
            .await
            .unwrap()
    }

    async fn download(&self, listed: &Listed) -> Result<dataset::Verification, Error> {
        let (_, verification) = dataset::download(listed, &key(), &self.store(), &self.path("rows"), |_| ()).await?;
        Ok(verification)
    }

    /// Changes the package as a seller could who then lists the changed one.
    async fn relist(&self, packaged: &Packaged, change: impl FnOnce(&mut Package)) -> Listed {
        let store = self.store();
        let mut package: Package = serde_json::from_slice(&store.get(&packaged.package_cid).await.unwrap()).unwrap();
        let card = store.get(&packaged.card_cid).await.unwrap();
        let size = store.get(&packaged.package_cid).await.unwrap().len() as u64;
        let card = dataset::Card::from_croissant(&card, &packaged.package_cid, size).unwrap();
        change(&mut package);
        let text = serde_json::to_vec(&package).unwrap();
        let size = text.len() as u64;
        let package_cid = store.put(text).await.unwrap();
        Listed {
            package: package_cid,
            card: store.put(card.croissant(&package_cid, size).unwrap()).await.unwrap(),
            ciphertext_root: package.ciphertext_root,
            plaintext_root: package.plaintext_root,
            provenance_root: package.provenance_root,
            ..Listed::from(packaged)
        }
    }
}

fn rows(path: &Path) -> Vec<Map<String, Value>> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

// ---- Building

#[tokio::test]
async fn the_same_shards_give_the_same_dataset_in_any_order_and_with_any_number_of_threads() {
    let manifest = manifest();
    let mut results = shards(9, 40);
    let mut roots = Vec::new();
    for (turn, threads) in [1, 4, 2].into_iter().enumerate() {
        results.rotate_left(turn * 2);
        let place = Place::new();
        let mut build = Build::new(ID, &manifest, results.as_slice());
        build.threads = threads;
        // So small that every shard or two makes a run.
        build.sort_memory = 10_000 * (turn + 1);
        let built = dataset::build(&build, &place.path("work"), |_| ()).unwrap();
        assert_eq!(built.card().duplicates_removed, 360 / 7);
        let packaged = place.package(&built, 512).await;
        roots.push((packaged, fs::read(built.rows()).unwrap()));
    }
    assert_eq!(roots[0], roots[1]);
    assert_eq!(roots[0], roots[2]);
}

#[test]
fn rows_are_sorted_and_equal_content_is_kept_once() {
    let place = Place::new();
    let built = place.build(&shards(5, 30));
    let rows = rows(&built.rows());
    assert_eq!(rows.len(), 150 - 150 / 7);
    let urls: Vec<&str> = rows.iter().map(|row| row["url"].as_str().unwrap()).collect();
    assert!(urls.is_sorted_by(|a, b| a < b));
    assert_eq!(urls[0], "https://a.example/000000");
    assert!(
        !urls.contains(&"https://a.example/000007"),
        "the first page by URL keeps the content"
    );
    assert_eq!(
        built
            .card()
            .schema
            .iter()
            .find(|field| field.name == "text")
            .unwrap()
            .present,
        129
    );
    let counted: u64 = built.origins().iter().map(|origin| origin.records).sum();
    assert_eq!(counted, 150);
    assert_eq!(
        (built.card().collected_from, built.card().collected_until),
        (1_790_000_000, 1_790_000_149)
    );
    // What only the build needs is gone.
    let mut left: Vec<_> = fs::read_dir(built.folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["facts.json", "identity", "provenance.bin", "rows.jsonl"]);
}

#[test]
fn shards_that_do_not_belong_together_are_refused() {
    let place = Place::new();
    let manifest = manifest();
    let refused = |shards: Vec<ShardResult>| {
        dataset::build(
            &Build::new(ID, &manifest, shards.as_slice()),
            &place.path("work"),
            |_| (),
        )
        .unwrap_err()
    };
    assert!(matches!(
        refused(vec![shard(3, vec![]), shard(3, vec![])]),
        Error::ShardTwice { shard: 3 }
    ));
    let mut other = shard(4, vec![]);
    other.work.manifest = [0; 32];
    assert!(matches!(refused(vec![other]), Error::OtherManifest { shard: 4 }));
    let mut short = shards(1, 3).remove(0);
    short.provenance.pop();
    assert!(matches!(
        refused(vec![short]),
        Error::InconsistentShard { shard: 0, .. }
    ));
    for (members, why) in [
        (json!({"text": "x", "extra": 1}), "extra"),
        (json!({"count": 1}), "`text`"),
    ] {
        let odd = shard(5, vec![page("https://a.example/odd", members, 0)]);
        let error = refused(vec![odd]);
        assert!(
            matches!(&error, Error::InconsistentShard { shard: 5, why: said } if said.contains(why)),
            "{error}"
        );
    }
}

/// Counts what is loaded, and fails from a certain load on, as if the process were killed there.
struct Flaky {
    results: Vec<ShardResult>,
    loads: AtomicUsize,
    fail_from: usize,
}

impl Shards for Flaky {
    fn works(&self) -> Vec<Work> {
        self.results.as_slice().works()
    }

    fn load(&self, number: usize) -> Result<ShardRows, Error> {
        if self.loads.fetch_add(1, Ordering::SeqCst) >= self.fail_from {
            return Err(Error::Worker {
                why: "stopped".to_owned(),
            });
        }
        self.results.as_slice().load(number)
    }
}

#[test]
fn shards_that_were_taken_before_an_interruption_are_not_taken_again() {
    let manifest = manifest();
    let (place, undisturbed) = (Place::new(), Place::new());
    let results = shards(12, 20);
    let mut flaky = Flaky {
        results: results.clone(),
        loads: AtomicUsize::new(0),
        fail_from: 8,
    };
    fn build<'a>(manifest: &'a Manifest, flaky: &'a Flaky) -> Build<'a, Flaky> {
        Build {
            threads: 1,
            sort_memory: 4_000,
            ..Build::new(ID, manifest, flaky)
        }
    }
    let failed = dataset::build(&build(&manifest, &flaky), &place.path("work"), |_| ());
    assert!(matches!(failed, Err(Error::Worker { .. })));
    flaky.fail_from = usize::MAX;
    flaky.loads = AtomicUsize::new(0);
    let mut first = None;
    let built = dataset::build(&build(&manifest, &flaky), &place.path("work"), |progress| {
        first.get_or_insert(progress);
    })
    .unwrap();
    assert!(flaky.loads.load(Ordering::SeqCst) <= 6, "{:?}", flaky.loads);
    assert!(
        matches!(first, Some(BuildProgress::Shards { done: 7.., total: 12 })),
        "{first:?}"
    );
    assert_eq!(
        fs::read(built.rows()).unwrap(),
        fs::read(undisturbed.build(&results).rows()).unwrap()
    );
    // A finished build loads nothing, and another dataset in the same folder starts afresh.
    flaky.loads = AtomicUsize::new(0);
    dataset::build(&build(&manifest, &flaky), &place.path("work"), |_| ()).unwrap();
    assert_eq!(flaky.loads.load(Ordering::SeqCst), 0);
    let mut other = build(&manifest, &flaky);
    other.dataset_id = [8; 32];
    let other = dataset::build(&other, &place.path("work"), |_| ()).unwrap();
    assert_eq!(
        (flaky.loads.load(Ordering::SeqCst), other.card().dataset_id),
        (12, [8; 32])
    );
}

/// Runs in a process of its own, which is killed: see the next test.
#[tokio::test]
#[ignore = "run by a_process_killed_anywhere_goes_on_to_the_same_dataset"]
async fn child_that_is_killed() {
    let Ok(folder) = std::env::var("LUMORA_TEST_FOLDER") else {
        return;
    };
    whole(Path::new(&folder)).await;
}

/// Build, package, download.
async fn whole(folder: &Path) -> (Packaged, Vec<u8>) {
    let manifest = manifest();
    let results = shards(30, 60);
    let mut build = Build::new(ID, &manifest, results.as_slice());
    build.sort_memory = 20_000;
    let built = dataset::build(&build, &folder.join("work"), |_| ()).unwrap();
    let store = Store::local(folder.join("store")).unwrap();
    let packaged = dataset::package(&built, &key(), 400, &store, |_| ()).await.unwrap();
    let rows = folder.join("rows");
    let listed = Listed::from(&packaged);
    let (_, verification) = dataset::download(&listed, &key(), &store, &rows, |_| ()).await.unwrap();
    assert!(verification.is_complete());
    (packaged, fs::read(rows).unwrap())
}

#[tokio::test]
async fn a_process_killed_anywhere_goes_on_to_the_same_dataset() {
    let undisturbed = Place::new();
    let expected = whole(undisturbed.0.path()).await;
    let place = Place::new();
    let (mut kills, mut pause) = (0, 10);
    loop {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "child_that_is_killed"])
            .env("LUMORA_TEST_FOLDER", place.0.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
        pause += 15;
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            break;
        }
        // SIGKILL.
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
    }
    assert!(kills > 0, "the child was never killed");
    assert_eq!(whole(place.0.path()).await, expected);
    assert!(!place.path("rows.part").exists() && !place.path("rows.progress").exists());
}

#[test]
fn a_full_disk_is_an_error_that_names_the_file_and_the_next_run_goes_on() {
    let place = Place::new();
    let results = shards(2, 10);
    let built = place.build(&results);
    let expected = fs::read(built.rows()).unwrap();
    fs::remove_file(built.folder().join("facts.json")).unwrap();
    fs::remove_file(built.rows()).unwrap();
    std::os::unix::fs::symlink("/dev/full", built.rows()).unwrap();
    let manifest = manifest();
    let again = || {
        dataset::build(
            &Build::new(ID, &manifest, results.as_slice()),
            &place.path("work"),
            |_| (),
        )
    };
    let error = again().unwrap_err();
    assert!(
        matches!(&error, Error::File { path, .. } if *path == built.rows()),
        "{error}"
    );
    fs::remove_file(built.rows()).unwrap();
    assert_eq!(fs::read(again().unwrap().rows()).unwrap(), expected);
}

// ---- Packaging and opening

#[tokio::test]
async fn packaging_again_encrypts_only_what_the_store_has_lost() {
    let place = Place::new();
    let built = place.build(&shards(4, 30));
    let packaged = place.package(&built, 256).await;
    assert!(packaged.segments > 20);
    let objects = || -> BTreeMap<PathBuf, std::time::SystemTime> {
        let folders = fs::read_dir(place.path("store"))
            .unwrap()
            .map(|entry| entry.unwrap().path());
        folders
            .flat_map(|folder| fs::read_dir(folder).unwrap())
            .map(|entry| {
                (
                    entry.as_ref().unwrap().path(),
                    entry.unwrap().metadata().unwrap().modified().unwrap(),
                )
            })
            .collect()
    };
    let before = objects();
    assert_eq!(place.package(&built, 256).await, packaged);
    assert_eq!(objects(), before, "nothing was stored again");

    let package: Package = serde_json::from_slice(&place.store().get(&packaged.package_cid).await.unwrap()).unwrap();
    let lost = package.rows.segments[3];
    for cid in [lost, packaged.package_cid] {
        let path = before.keys().find(|path| path.ends_with(cid.to_string())).unwrap();
        fs::remove_file(path).unwrap();
    }
    assert_eq!(place.package(&built, 256).await, packaged);
    assert!(place.store().has(&lost).await.unwrap());
    let changed = objects()
        .into_iter()
        .filter(|(path, time)| before.get(path) != Some(time))
        .count();
    // The segment, the package, and the card, which is put without asking.
    assert_eq!(changed, 3);
}

#[tokio::test]
async fn a_work_folder_that_changed_is_not_encrypted() {
    let place = Place::new();
    let built = place.build(&shards(2, 10));
    let mut text = fs::read(built.rows()).unwrap();
    let at = text.len() - 4;
    text[at] ^= 1;
    fs::write(built.rows(), text).unwrap();
    let refused = dataset::package(&built, &key(), SEGMENT_SIZE, &place.store(), |_| ()).await;
    assert!(
        matches!(&refused, Err(Error::WorkFolderChanged { path }) if *path == built.rows()),
        "{refused:?}"
    );
}

#[tokio::test]
async fn different_data_or_segments_never_share_a_nonce_and_guesses_cannot_be_confirmed() {
    let place = Place::new();
    let built = place.build(&shards(2, 10));
    let store = place.store();
    let package = async |built: &Built, key: &ContentKey, size: u32| -> Package {
        let packaged = dataset::package(built, key, size, &store, |_| ()).await.unwrap();
        serde_json::from_slice(&store.get(&packaged.package_cid).await.unwrap()).unwrap()
    };
    let base = package(&built, &key(), 256).await;
    let salt = |stream: &dataset::SealedStream| stream.header[1..33].to_vec();
    let mut salts = vec![salt(&base.rows), salt(&base.provenance)];
    let coarse = package(&built, &key(), 512).await;
    salts.extend([salt(&coarse.rows), salt(&coarse.provenance)]);
    let other_key = package(&built, &ContentKey::from_bytes([43; 32]), 256).await;
    salts.extend([salt(&other_key.rows), salt(&other_key.provenance)]);
    let other_place = Place::new();
    let other_rows = package(&other_place.build(&shards(2, 11)), &key(), 256).await;
    salts.extend([salt(&other_rows.rows), salt(&other_rows.provenance)]);
    let distinct: std::collections::BTreeSet<_> = salts.iter().collect();
    assert_eq!(distinct.len(), salts.len());

    // Whoever guesses all rows right cannot tell by anything that is public: the roots differ with the key, and no
    // object in the store is or holds the hash of a record.
    assert_ne!(base.plaintext_root, other_key.plaintext_root);
    assert_ne!(base.provenance_root, other_key.provenance_root);
    let hashes: Vec<[u8; 32]> = fs::read(built.rows())
        .unwrap()
        .split(|byte| *byte == b'\n')
        .flat_map(|row| [sha256(&[row]), lumora_core::merkle::leaf_hash(row)])
        .collect();
    for folder in fs::read_dir(place.path("store")).unwrap() {
        for object in fs::read_dir(folder.unwrap().path()).unwrap() {
            let bytes = fs::read(object.unwrap().path()).unwrap();
            for hash in &hashes {
                assert!(!bytes.windows(32).any(|window| window == hash));
                assert!(!bytes.windows(64).any(|window| window == hex::encode(hash).as_bytes()));
            }
        }
    }
}

#[tokio::test]
async fn what_was_bought_is_what_was_built_and_can_be_verified_again() {
    let place = Place::new();
    let built = place.build(&shards(6, 25));
    let packaged = place.package(&built, 300).await;
    let listed = Listed::from(&packaged);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let report = move |progress| noted.lock().unwrap().push(progress);
    let (card, verification) = dataset::download(&listed, &key(), &place.store(), &place.path("rows"), report)
        .await
        .unwrap();
    assert_eq!(card, *built.card());
    assert!(verification.is_complete() && verification.ciphertext_checked);
    assert_eq!((verification.rows, verification.shards.len()), (129, 6));
    assert_eq!(fs::read(place.path("rows")).unwrap(), fs::read(built.rows()).unwrap());
    let last = *seen.lock().unwrap().last().unwrap();
    assert_eq!(
        (last.done, last.total),
        (u64::from(packaged.segments), u64::from(packaged.segments))
    );

    let said = verification.statements(Some(120));
    assert!(
        said.verified
            .iter()
            .any(|line| line.starts_with("120 rows come from shards whose")),
        "{said:?}"
    );
    assert!(
        said.not_verified
            .iter()
            .any(|line| line.starts_with("9 rows do not come")),
        "{said:?}"
    );
    let (_, again) = dataset::verify(&listed, &key(), &place.store(), &place.path("rows"), |_| ())
        .await
        .unwrap();
    assert!(again.is_complete() && !again.ciphertext_checked);
    assert!(
        again
            .statements(None)
            .not_verified
            .iter()
            .any(|line| line.contains("nothing was downloaded"))
    );

    let mut text = fs::read(place.path("rows")).unwrap();
    text[20] ^= 1;
    fs::write(place.path("rows"), &text).unwrap();
    let changed = dataset::verify(&listed, &key(), &place.store(), &place.path("rows"), |_| ()).await;
    assert!(changed.is_err());
    text.pop();
    fs::write(place.path("rows"), &text).unwrap();
    let short = dataset::verify(&listed, &key(), &place.store(), &place.path("rows"), |_| ()).await;
    assert!(
        matches!(
            short,
            Err(Error::PackageMismatch {
                what: "length of the rows",
                ..
            })
        ),
        "{short:?}"
    );
}

#[tokio::test]
async fn a_dataset_without_rows_is_a_dataset() {
    let place = Place::new();
    let built = place.build(&[shard(0, vec![])]);
    let packaged = place.package(&built, SEGMENT_SIZE).await;
    let verification = place.download(&Listed::from(&packaged)).await.unwrap();
    assert!(verification.is_complete());
    assert_eq!((verification.rows, verification.segments), (0, 1));
}

#[tokio::test]
async fn a_download_goes_on_where_it_stopped() {
    let place = Place::new();
    let built = place.build(&shards(6, 25));
    let packaged = place.package(&built, 200).await;
    let listed = Listed::from(&packaged);
    let package: Package = serde_json::from_slice(&place.store().get(&packaged.package_cid).await.unwrap()).unwrap();
    let object = |cid: &Cid| {
        let name = cid.to_string();
        place.path("store").join(&name[name.len() - 2..]).join(name)
    };
    // The tenth segment is away.
    let hidden = object(&package.rows.segments[10]);
    fs::rename(&hidden, place.path("hidden")).unwrap();
    let missing = place.download(&listed).await;
    assert!(matches!(missing, Err(Error::MissingObject { cid }) if cid == package.rows.segments[10]));
    let kept = fs::read(place.path("rows.part")).unwrap();
    assert!(kept.len() >= 200 && fs::read(built.rows()).unwrap().starts_with(&kept));
    assert!(!place.path("rows").exists());

    // Back again, while those that were downloaded before are away: they are not needed.
    fs::rename(place.path("hidden"), &hidden).unwrap();
    let first = object(&package.rows.segments[0]);
    fs::rename(&first, place.path("hidden")).unwrap();
    assert!(place.download(&listed).await.unwrap().is_complete());
    assert_eq!(fs::read(place.path("rows")).unwrap(), fs::read(built.rows()).unwrap());
    fs::rename(place.path("hidden"), first).unwrap();

    // What another program did to the part file is found, and it is downloaded anew.
    fs::rename(&hidden, place.path("hidden")).unwrap();
    place.download(&listed).await.unwrap_err();
    let mut part = fs::read(place.path("rows.part")).unwrap();
    part[7] ^= 1;
    fs::write(place.path("rows.part"), part).unwrap();
    fs::rename(place.path("hidden"), &hidden).unwrap();
    assert!(place.download(&listed).await.unwrap().is_complete());
    assert_eq!(fs::read(place.path("rows")).unwrap(), fs::read(built.rows()).unwrap());
}

#[tokio::test]
async fn a_full_disk_stops_a_download() {
    let place = Place::new();
    let packaged = place.package(&place.build(&shards(2, 10)), 200).await;
    std::os::unix::fs::symlink("/dev/full", place.path("rows.part")).unwrap();
    let error = place.download(&Listed::from(&packaged)).await.unwrap_err();
    assert!(
        matches!(&error, Error::File { path, .. } if *path == place.path("rows.part")),
        "{error}"
    );
    assert!(error.to_string().contains("disk is not full"));
}

// ---- Lies

#[tokio::test]
async fn what_the_listing_promised_must_come() {
    let place = Place::new();
    let packaged = place.package(&place.build(&shards(3, 20)), 300).await;
    let listed = Listed::from(&packaged);
    let wrong = ContentKey::from_bytes([43; 32]);
    let opened = dataset::download(&listed, &wrong, &place.store(), &place.path("rows"), |_| ()).await;
    assert!(matches!(opened, Err(Error::WrongKey)));
    assert!(
        !place.path("rows.part").exists(),
        "nothing is written before the key is checked"
    );

    type Change = fn(&mut Listed);
    let roots: [Change; 4] = [
        |listed| listed.dataset_id[0] ^= 1,
        |listed| listed.ciphertext_root[0] ^= 1,
        |listed| listed.plaintext_root[0] ^= 1,
        |listed| listed.provenance_root[0] ^= 1,
    ];
    for change in roots {
        let mut other = listed;
        change(&mut other);
        let opened = place.download(&other).await;
        assert!(matches!(opened, Err(Error::RootMismatch { .. })), "{opened:?}");
    }
    let counts: [Change; 2] = [|listed| listed.rows += 1, |listed| listed.segments += 1];
    for change in counts {
        let mut other = listed;
        change(&mut other);
        let opened = place.download(&other).await;
        assert!(matches!(opened, Err(Error::PackageMismatch { .. })), "{opened:?}");
    }
    let mut other = listed;
    other.card = Cid::of(b"none");
    assert!(matches!(place.download(&other).await, Err(Error::MissingObject { .. })));
}

/// A seller who lists roots that the data does not have.
#[tokio::test]
async fn announced_roots_are_computed_again() {
    let place = Place::new();
    let packaged = place.package(&place.build(&shards(3, 20)), 300).await;
    let changes: [(&str, fn(&mut Package)); 3] = [
        ("ciphertext", |package| package.ciphertext_root[0] ^= 1),
        ("plaintext", |package| package.plaintext_root[0] ^= 1),
        ("provenance", |package| package.provenance_root[0] ^= 1),
    ];
    for (root, change) in changes {
        let listed = place.relist(&packaged, change).await;
        let opened = place.download(&listed).await;
        assert!(
            matches!(opened, Err(Error::RootMismatch { what, .. }) if what == root),
            "{opened:?}"
        );
        assert!(!place.path("rows").exists() && !place.path("rows.part").exists());
    }
}

#[tokio::test]
async fn swapped_reordered_missing_and_foreign_segments_do_not_open() {
    let place = Place::new();
    let packaged = place.package(&place.build(&shards(3, 20)), 300).await;
    let other_place = Place::new();
    let other_built = other_place.build(&shards(3, 21));
    // The same key, another dataset.
    let other = dataset::package(&other_built, &key(), 300, &place.store(), |_| ())
        .await
        .unwrap();
    let other: Package = serde_json::from_slice(&place.store().get(&other.package_cid).await.unwrap()).unwrap();

    let listed = place
        .relist(&packaged, |package| package.rows.segments.swap(2, 3))
        .await;
    let opened = place.download(&listed).await;
    assert!(matches!(opened, Err(Error::TamperedSegment { index: 2 })), "{opened:?}");
    let listed = place
        .relist(&packaged, |package| package.rows.segments[4] = other.rows.segments[4])
        .await;
    let opened = place.download(&listed).await;
    assert!(matches!(opened, Err(Error::TamperedSegment { index: 4 })), "{opened:?}");
    let listed = place
        .relist(&packaged, |package| package.rows = other.rows.clone())
        .await;
    let opened = place.download(&listed).await;
    assert!(matches!(opened, Err(Error::PackageMismatch { .. })), "{opened:?}");
    let listed = place
        .relist(&packaged, |package| package.provenance = other.provenance.clone())
        .await;
    let opened = place.download(&listed).await;
    assert!(
        matches!(
            opened,
            Err(Error::RootMismatch { .. } | Error::ProvenanceWithoutRow { .. } | Error::Malformed { .. })
        ),
        "{opened:?}"
    );

    let listed = place
        .relist(&packaged, |package| {
            package.rows.segments.truncate(package.rows.segments.len() - 1)
        })
        .await;
    let opened = place.download(&listed).await;
    assert!(
        matches!(
            opened,
            Err(Error::PackageMismatch {
                what: "number of segments",
                ..
            })
        ),
        "{opened:?}"
    );
    let fewer = Listed {
        segments: listed.segments - 1,
        ..listed
    };
    let opened = place.download(&fewer).await;
    assert!(matches!(opened, Err(Error::SegmentCount { .. })), "{opened:?}");
    let listed = place
        .relist(&packaged, |package| {
            package
                .provenance
                .segments
                .truncate(package.provenance.segments.len() - 1)
        })
        .await;
    let opened = place.download(&listed).await;
    assert!(matches!(opened, Err(Error::SegmentCount { .. })), "{opened:?}");

    // A header that commits to another key.
    let listed = place.relist(&packaged, |package| package.rows.header[50] ^= 1).await;
    assert!(matches!(place.download(&listed).await, Err(Error::WrongKey)));
    // Bytes in the store that are not those of the name.
    let package: Package = serde_json::from_slice(&place.store().get(&packaged.package_cid).await.unwrap()).unwrap();
    let name = package.rows.segments[5].to_string();
    let path = place.path("store").join(&name[name.len() - 2..]).join(name);
    let mut bytes = fs::read(&path).unwrap();
    bytes[0] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let opened = place.download(&Listed::from(&packaged)).await;
    assert!(matches!(opened, Err(Error::CorruptObject { .. })), "{opened:?}");
    bytes.pop();
    fs::write(&path, &bytes).unwrap();
    assert!(matches!(
        place.download(&Listed::from(&packaged)).await,
        Err(Error::CorruptObject { .. })
    ));
}

/// A seller who changes the work folder before packaging, and the facts so that they fit.
fn forge(built: &Built, rows: impl FnOnce(&mut Vec<String>), entries: impl FnOnce(&mut Vec<Vec<u8>>)) -> Built {
    let mut lines: Vec<String> = fs::read_to_string(built.rows())
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    rows(&mut lines);
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    fs::write(built.rows(), &text).unwrap();

    let path = built.folder().join("provenance.bin");
    let mut rest = fs::read(&path).unwrap();
    let mut list = Vec::new();
    while !rest.is_empty() {
        let tail = rest.split_off(if rest[0] == 2 { 37 } else { 13 });
        list.push(std::mem::replace(&mut rest, tail));
    }
    entries(&mut list);
    let list = list.concat();
    fs::write(path, &list).unwrap();

    let path = built.folder().join("facts.json");
    let mut facts: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    facts["rows_sha256"] = json!(hex::encode(sha256(&[text.as_bytes()])));
    facts["provenance_sha256"] = json!(hex::encode(sha256(&[&list])));
    facts["card"]["rows"] = json!(lines.len());
    facts["card"]["bytes"] = json!(text.len());
    fs::write(path, facts.to_string()).unwrap();
    Built::open(built.folder()).unwrap().unwrap()
}

#[tokio::test]
async fn a_seller_who_changes_rows_is_found_out() {
    let changes: [(&str, fn(&mut Vec<String>)); 3] = [
        ("another text under the same URL", |rows| {
            rows[2] = rows[2].replace("text 2", "text x")
        }),
        ("another row's content", |rows| {
            rows[2] = rows[1].replace("000001", "000002")
        }),
        ("an invented page", |rows| {
            rows[2] = "{\"text\":\"x\",\"url\":\"https://a.example/000002x\"}".to_owned();
        }),
    ];
    for (what, change) in changes {
        let place = Place::new();
        let built = place.build(&shards(3, 20));
        let origin = 2;
        let forged = forge(&built, change, |_| ());
        let packaged = place.package(&forged, 300).await;
        let verification = place.download(&Listed::from(&packaged)).await.unwrap();
        assert!(!verification.is_complete(), "{what}");
        let shards: Vec<u32> = verification.shards.iter().map(|claim| claim.shard).collect();
        assert_eq!(shards, [0, 1], "{what}");
        assert_eq!(verification.problems.len(), 1);
        assert!(
            verification.problems[0].contains(&format!("shard {origin} ")),
            "{}",
            verification.problems[0]
        );
        let said = verification.statements(None).not_verified;
        assert!(said.contains(&verification.problems[0]));
    }
}

#[tokio::test]
async fn a_provenance_path_to_another_shard_is_found_out() {
    let place = Place::new();
    // Row 1 is shard 1's, and is said to be shard 0's.
    let forged = forge(&place.build(&shards(3, 20)), |_| (), |entries| entries[1][1] = 0);
    let packaged = place.package(&forged, 300).await;
    let verification = place.download(&Listed::from(&packaged)).await.unwrap();
    let shards: Vec<u32> = verification.shards.iter().map(|claim| claim.shard).collect();
    assert_eq!((shards, verification.problems.len()), (vec![2], 2));
    // A shard that is not there at all.
    let place = Place::new();
    let built = place.build(&shards_of_two());
    let packaged = place.package(&built, 300).await;
    let listed = place.relist(&packaged, |package| package.origins.truncate(1)).await;
    let opened = place.download(&listed).await;
    assert!(
        matches!(
            opened,
            Err(Error::Malformed {
                what: "the provenance",
                ..
            })
        ),
        "{opened:?}"
    );
    // Another root for the shard than its node's, or another number of records.
    let listed = place
        .relist(&packaged, |package| package.origins[0].result_root = [9; 32])
        .await;
    assert_eq!(place.download(&listed).await.unwrap().problems.len(), 1);
    let listed = place.relist(&packaged, |package| package.origins[1].records += 1).await;
    assert_eq!(place.download(&listed).await.unwrap().problems.len(), 1);
}

fn shards_of_two() -> Vec<ShardResult> {
    shards(2, 10)
}

#[tokio::test]
async fn rows_and_provenance_must_match_one_to_one() {
    let place = Place::new();
    let built = place.build(&shards(3, 20));
    let packaged = place.package(&built, 300).await;
    let store = place.store();
    // Streams under the right key, of the right form, but of another dataset with fewer and with more rows.
    let of = async |pages: u32| -> Package {
        let other = Place::new();
        let packaged = dataset::package(&other.build(&shards(3, pages)), &key(), 300, &store, |_| ())
            .await
            .unwrap();
        serde_json::from_slice(&store.get(&packaged.package_cid).await.unwrap()).unwrap()
    };
    let (fewer, more) = (of(10).await, of(30).await);
    let listed = place
        .relist(&packaged, |package| package.provenance = fewer.provenance.clone())
        .await;
    let opened = place.download(&listed).await;
    assert!(
        matches!(opened, Err(Error::RowWithoutProvenance { row }) if row == fewer.row_count),
        "{opened:?}"
    );
    let listed = place
        .relist(&packaged, |package| package.provenance = more.provenance.clone())
        .await;
    let opened = place.download(&listed).await;
    assert!(
        matches!(opened, Err(Error::ProvenanceWithoutRow { rows }) if rows == packaged.rows),
        "{opened:?}"
    );
}

#[tokio::test]
async fn a_card_of_another_dataset_is_refused() {
    let place = Place::new();
    let packaged = place.package(&place.build(&shards(3, 20)), 300).await;
    let listed = Listed::from(&packaged);
    let store = place.store();
    let size = store.get(&packaged.package_cid).await.unwrap().len() as u64;
    let document = store.get(&packaged.card_cid).await.unwrap();
    let card = dataset::Card::from_croissant(&document, &packaged.package_cid, size).unwrap();
    let changes: [(&str, fn(&mut dataset::Card)); 3] = [
        ("dataset id", |card| card.dataset_id[0] ^= 1),
        ("number of rows", |card| card.rows += 1),
        ("size", |card| card.bytes += 1),
    ];
    for (named, change) in changes {
        let mut other = card.clone();
        change(&mut other);
        let card = store
            .put(other.croissant(&packaged.package_cid, size).unwrap())
            .await
            .unwrap();
        let described = dataset::describe(&Listed { card, ..listed }, &store).await;
        assert!(
            matches!(described, Err(Error::CardMismatch { what }) if what == named),
            "{described:?}"
        );
    }
    // Columns are seen when the rows are.
    place.download(&listed).await.unwrap();
    let mut other = card.clone();
    other.schema.retain(|field| field.name != "text");
    let exported = dataset::export(
        &place.path("rows"),
        &other,
        Format::Parquet,
        &place.path("rows.parquet"),
    );
    assert!(matches!(exported, Err(Error::CardMismatch { what: "columns" })));
    assert!(!place.path("rows.parquet").exists());
}

// ---- The sample

#[tokio::test]
async fn the_sample_is_what_chance_chose_and_proves_itself_without_a_key() {
    let place = Place::new();
    let built = place.build(&shards(7, 31));
    let packaged = place.package(&built, 300).await;
    let listed = Listed::from(&packaged);
    let (listing, beacon) = ([5; 32], [6; 32]);
    let sample = Sample::new(&built, &packaged, &key(), &listing, &beacon).unwrap();
    let all = rows(&built.rows());
    assert_eq!(sample.rows.len(), 10);
    for row in &sample.rows {
        let record: Map<String, Value> = serde_json::from_str(&row.record).unwrap();
        assert_eq!(record, all[row.number as usize]);
    }
    sample.publish(&place.store()).await.unwrap();
    let found = Sample::find(&listing, &place.store()).await.unwrap().unwrap();
    assert_eq!(found, sample);
    found.verify(&listed, &listing, &beacon).unwrap();
    assert_eq!(Sample::find(&[0; 32], &place.store()).await.unwrap(), None);

    let refused = |sample: &Sample, listed: &Listed, listing: &[u8; 32], beacon: &[u8; 32]| {
        matches!(sample.verify(listed, listing, beacon), Err(Error::BadSample { .. }))
    };
    assert!(refused(&sample, &listed, &[0; 32], &beacon));
    assert!(refused(&sample, &listed, &listing, &[0; 32]));
    let mut other = listed;
    other.provenance_root[0] ^= 1;
    assert!(refused(&sample, &other, &listing, &beacon));
    type Change = fn(&mut Sample);
    let changes: [Change; 8] = [
        |sample| sample.version = 2,
        |sample| drop(sample.rows.pop()),
        |sample| sample.rows[0].record = sample.rows[0].record.replace("text ", "Text "),
        |sample| sample.rows[0].number += 1,
        |sample| sample.rows[0].fetched_at += 1,
        |sample| sample.rows[0].robots = RobotsNote::NoRules,
        |sample| sample.rows[0].node[0] ^= 1,
        |sample| sample.rows[0].shard += 1,
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut changed = sample.clone();
        change(&mut changed);
        assert!(refused(&changed, &listed, &listing, &beacon), "change {number}");
    }
    // Another row of the dataset, with its own good proof, in place of the one that was drawn.
    let second_beacon = [9; 32];
    let second = Sample::new(&built, &packaged, &key(), &listing, &second_beacon).unwrap();
    let mut chosen = sample.clone();
    chosen.rows[3] = second.rows[3].clone();
    assert!(refused(&chosen, &listed, &listing, &beacon));
    assert_ne!(
        sample_rows(&beacon, &listing, &packaged.provenance_root, packaged.rows),
        sample_rows(&second_beacon, &listing, &packaged.provenance_root, packaged.rows)
    );
}

// ---- Formats

fn odd_values() -> Vec<ShardResult> {
    let values = [
        json!({"text": "=1+1", "count": 1, "price": 1.5, "tags": ["a", "b,c"], "any": {"x": [1]}}),
        json!({"text": "+x", "count": -2, "price": 2, "tags": [], "any": "text"}),
        json!({"text": "-x", "count": null, "price": null, "tags": null, "any": null}),
        json!({"text": "@x\n\"quoted\", and more", "count": 9_007_199_254_740_993i64, "price": -0.25, "any": 3}),
        json!({"text": "\tx", "tags": ["ü"]}),
        json!({"text": "plain"}),
    ];
    let pages = values
        .into_iter()
        .enumerate()
        .map(|(number, members)| page(&format!("https://a.example/{number}"), members, 0));
    vec![shard(0, pages.collect())]
}

#[tokio::test]
async fn csv_keeps_every_value_and_runs_no_formula() {
    let place = Place::new();
    let built = place.build(&odd_values());
    let read = |formulas| {
        let path = place.path("rows.csv");
        dataset::export(&built.rows(), built.card(), Format::Csv(formulas), &path).unwrap();
        let mut reader = csv::Reader::from_path(&path).unwrap();
        assert_eq!(
            reader.headers().unwrap(),
            vec!["any", "count", "price", "tags", "text", "url"]
        );
        reader.records().map(|record| record.unwrap()).collect::<Vec<_>>()
    };
    let texts = |records: &[csv::StringRecord]| records.iter().map(|record| record[4].to_owned()).collect::<Vec<_>>();
    let kept = read(Formulas::Kept);
    assert_eq!(
        texts(&kept),
        ["=1+1", "+x", "-x", "@x\n\"quoted\", and more", "\tx", "plain"]
    );
    assert_eq!(
        &kept[0],
        vec![
            "{\"x\":[1]}",
            "1",
            "1.5",
            "[\"a\",\"b,c\"]",
            "=1+1",
            "https://a.example/0"
        ]
    );
    assert_eq!(&kept[2], vec!["", "", "", "", "-x", "https://a.example/2"]);
    let defused = read(Formulas::Defused);
    assert_eq!(
        texts(&defused),
        ["'=1+1", "'+x", "'-x", "'@x\n\"quoted\", and more", "'\tx", "plain"]
    );
    assert_eq!(&defused[1][1], "-2", "a number is no formula");
}

#[tokio::test]
async fn parquet_has_typed_columns_and_bounded_row_groups() {
    let place = Place::new();
    let built = place.build(&odd_values());
    let kinds: Vec<_> = built
        .card()
        .schema
        .iter()
        .map(|field| (field.name.as_str(), field.kind))
        .collect();
    let expected = [
        ("any", Kind::Json),
        ("count", Kind::Integer),
        ("price", Kind::Number),
        ("tags", Kind::TextList),
        ("text", Kind::Text),
        ("url", Kind::Text),
    ];
    assert_eq!(kinds, expected);
    let path = place.path("rows.parquet");
    dataset::export(&built.rows(), built.card(), Format::Parquet, &path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(&path).unwrap()).unwrap();
    let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    let batch = &batches[0];
    let column = |name: &str| batch.column_by_name(name).unwrap();
    let counts: &Int64Array = column("count").as_primitive();
    assert_eq!(
        counts.iter().collect::<Vec<_>>(),
        [Some(1), Some(-2), None, Some(9_007_199_254_740_993), None, None]
    );
    let prices: &Float64Array = column("price").as_primitive();
    assert_eq!(prices.iter().flatten().collect::<Vec<_>>(), [1.5, 2.0, -0.25]);
    let any: &StringArray = column("any").as_string();
    assert_eq!(
        any.iter().collect::<Vec<_>>(),
        [Some("{\"x\":[1]}"), Some("\"text\""), None, Some("3"), None, None]
    );
    let tags: &ListArray = column("tags").as_list();
    assert_eq!(
        (tags.value_length(0), tags.value_length(1), tags.is_null(2)),
        (2, 0, true)
    );
    let first = tags.value(0);
    let first: &StringArray = first.as_string();
    assert_eq!(first.iter().flatten().collect::<Vec<_>>(), ["a", "b,c"]);

    // 300 rows of 200 kB that do not compress: several row groups.
    let place = Place::new();
    let noise = |seed: u32| -> String {
        (0u32..3_200)
            .map(|part| hex::encode(sha256(&[&seed.to_le_bytes(), &part.to_le_bytes()])))
            .collect()
    };
    let pages = (0..300).map(|number| {
        page(
            &format!("https://a.example/{number}"),
            json!({"text": noise(number)}),
            0,
        )
    });
    let built = place.build(&[shard(0, pages.collect())]);
    let path = place.path("rows.parquet");
    dataset::export(&built.rows(), built.card(), Format::Parquet, &path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(&path).unwrap()).unwrap();
    assert!(reader.metadata().num_row_groups() > 1);
    assert_eq!(reader.metadata().file_metadata().num_rows(), 300);
}

#[test]
fn rows_that_no_table_can_hold_are_named() {
    let place = Place::new();
    let built = place.build(&shards(1, 3));
    for hostile in [
        "not JSON".to_owned(),
        "[1]".to_owned(),
        format!(
            "{{\"text\":{}1{},\"url\":\"u\"}}",
            "[".repeat(100_000),
            "]".repeat(100_000)
        ),
    ] {
        let path = place.path("hostile");
        fs::write(&path, format!("{{\"text\":\"x\",\"url\":\"u\"}}\n{hostile}\n")).unwrap();
        for format in [Format::Csv(Formulas::default()), Format::Parquet] {
            let exported = dataset::export(&path, built.card(), format, &place.path("out"));
            assert!(
                matches!(
                    exported,
                    Err(Error::UnwritableRow { row: 1, .. } | Error::CardMismatch { .. })
                ),
                "{exported:?}"
            );
        }
    }
    assert!(!place.path("out").exists());
}

#[test]
fn an_export_onto_a_full_disk_leaves_nothing() {
    let place = Place::new();
    let built = place.build(&shards(1, 3));
    let target = Path::new("/proc/rows.csv");
    for format in [Format::JsonLines, Format::Csv(Formulas::default()), Format::Parquet] {
        let exported = dataset::export(&built.rows(), built.card(), format, target);
        assert!(matches!(exported, Err(Error::File { .. })), "{exported:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Whatever the records say, what comes out is what went in.
    #[test]
    fn any_records_survive_the_whole_way(texts in prop::collection::btree_map("[a-z]{1,6}", any::<String>(), 0..30), split in 1usize..5, size in 1u32..400) {
        let pages: Vec<_> = texts
            .iter()
            .map(|(name, text)| page(&format!("https://a.example/{name}"), json!({"text": text}), 3))
            .collect();
        let parts: Vec<ShardResult> = pages
            .chunks(pages.len().div_ceil(split).max(1))
            .zip(0..)
            .map(|(pages, number)| shard(number, pages.to_vec()))
            .collect();
        let place = Place::new();
        let built = place.build(&parts);
        let distinct: std::collections::BTreeSet<&String> = texts.values().collect();
        prop_assert_eq!(built.card().rows, distinct.len() as u64);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let verification = runtime.block_on(async {
            let packaged = place.package(&built, size).await;
            place.download(&Listed::from(&packaged)).await.unwrap()
        });
        prop_assert!(verification.is_complete(), "{:?}", verification.problems);
        prop_assert_eq!(fs::read(place.path("rows")).unwrap(), fs::read(built.rows()).unwrap());
    }
}
