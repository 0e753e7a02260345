//! Datasets that cross between the Rust and the TypeScript client, as files in `tests/vectors/dataset`: this side writes
//! `rust/`, which the tests of `app/client` open and seal again, and opens `typescript/`, which those tests write.
#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use lumora_core::{
    delivery::{
        Point, Sale,
        dalek::{BuyerSecret, ListingSecret, open, prove},
    },
    hash::{Hash, sha256},
};
use lumora_data::{
    cid::Cid,
    dataset::{self, Build, Listed, Packaged, Sample, sample_rows},
    fetch::SkipReason,
    key::{ContentKey, ResultsSecretKey},
    manifest::Manifest,
    record::Record,
    shard::{PageOutcome, RobotsNote, ShardResult, Work},
    store::Store,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::Url;

const SEGMENT_SIZE: u32 = 2_048;

fn vectors(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/dataset")).join(name)
}

fn fixed(name: &str) -> [u8; 32] {
    sha256(&[b"dataset vectors", name.as_bytes()])
}

/// A listing as it is written to the files.
#[derive(Serialize, Deserialize)]
struct StoredListing {
    dataset_id: String,
    package: Cid,
    card: Cid,
    ciphertext_root: String,
    plaintext_root: String,
    provenance_root: String,
    rows: u64,
    segments: u32,
}

impl From<&Packaged> for StoredListing {
    fn from(packaged: &Packaged) -> Self {
        Self {
            dataset_id: hex::encode(packaged.dataset_id),
            package: packaged.package_cid,
            card: packaged.card_cid,
            ciphertext_root: hex::encode(packaged.ciphertext_root),
            plaintext_root: hex::encode(packaged.plaintext_root),
            provenance_root: hex::encode(packaged.provenance_root),
            rows: packaged.rows,
            segments: packaged.segments,
        }
    }
}

impl StoredListing {
    fn read(&self) -> Listed {
        let hash = |text: &String| -> Hash { hex::decode(text).unwrap().try_into().unwrap() };
        Listed {
            dataset_id: hash(&self.dataset_id),
            package: self.package,
            card: self.card,
            ciphertext_root: hash(&self.ciphertext_root),
            plaintext_root: hash(&self.plaintext_root),
            provenance_root: hash(&self.provenance_root),
            rows: self.rows,
            segments: self.segments,
        }
    }
}

fn manifest() -> Manifest {
    let field = || json!({"css": "p"});
    let text = json!({
        "version": 1, "name": "Pages made for a test", "description": "", "licence": "CC0-1.0",
        "contact": "mailto:ops@example.org", "sites": ["https://a.example", "https://b.example"],
        "pages": {"urls": ["https://a.example/"]},
        "fields": {
            "text": {"css": "p", "required": true}, "count": field(), "long": field(), "price": field(),
            "tags": field(), "mixed": field(), "it's \"one\"": field(), "never": field(), "yes": field(),
        },
    });
    Manifest::from_json(text.to_string().as_bytes()).unwrap()
}

/// Members of every kind, among them what canonical JSON is easily got wrong for.
fn members(number: u32) -> Value {
    let price = [0.1, 1e21, 1e-7, 333_333_333.333_333_3, 5e-324][number as usize % 5];
    let text = [
        "plain",
        "“quoted” \u{1f600} \u{fb33}",
        "line\nbreak\t\u{1}\u{7f}\u{2028}",
        "\\\"/",
    ][number as usize % 4];
    let mut members = json!({
        "text": format!("{text} {}", if number.is_multiple_of(9) { 0 } else { number }),
        "tags": ["a", text],
        "count": number,
    });
    let more = members.as_object_mut().unwrap();
    if number.is_multiple_of(9) {
        // The same content under many addresses.
        more.insert("count".to_owned(), json!(0));
        more.insert("tags".to_owned(), json!([]));
        more.insert("text".to_owned(), json!("the same everywhere"));
        return members;
    }
    more.insert("price".to_owned(), json!(price));
    more.insert("long".to_owned(), json!(9_007_199_254_740_993_i64 + i64::from(number)));
    more.insert("yes".to_owned(), json!(number.is_multiple_of(2)));
    more.insert("it's \"one\"".to_owned(), Value::Null);
    let mixed = [
        json!({"b": [1, {}], "a": -0.5}),
        json!(u64::MAX),
        json!(i64::MIN),
        json!("text"),
    ];
    more.insert("mixed".to_owned(), mixed[number as usize % 4].clone());
    members
}

/// What a shard's records are made from, as it is written to the file.
#[derive(Serialize)]
struct StoredShard {
    job: String,
    shard: u32,
    node: String,
    records: Vec<StoredRecord>,
}

#[derive(Serialize)]
struct StoredRecord {
    url: String,
    members: Value,
    fetched_at: i64,
    robots: RobotsNote,
}

fn shards() -> Vec<(ShardResult, StoredShard)> {
    let shard = |number: u32| {
        let work = Work {
            job: fixed("job"),
            shard: number,
            node: fixed(&format!("node {number}")),
            manifest: manifest().hash(),
        };
        let records: Vec<StoredRecord> = (0..30)
            .map(|place| {
                let page = place * 4 + number;
                let site = if page.is_multiple_of(3) { "a" } else { "b" };
                StoredRecord {
                    url: format!("https://{site}.example/{}?page={page}", "é".repeat(page as usize % 3)),
                    members: members(page),
                    fetched_at: 1_790_000_000 + i64::from(page),
                    robots: if page.is_multiple_of(5) {
                        RobotsNote::NoRules
                    } else {
                        RobotsNote::Allowed
                    },
                }
            })
            .collect();
        let fetched = records.iter().map(|record| {
            let url = Url::parse(&record.url).unwrap();
            PageOutcome::Fetched {
                url: url.to_string(),
                at: record.fetched_at,
                bytes: 10,
                robots: record.robots,
                record: Record::new(&url, record.members.as_object().unwrap().clone()),
            }
        });
        let skipped = PageOutcome::Skipped {
            url: format!("https://a.example/private/{number}"),
            at: 1_790_000_000,
            reason: SkipReason::RobotsDisallowed,
            detail: String::new(),
        };
        let result = ShardResult::new(work, fetched.chain([skipped]).collect());
        let stored = StoredShard {
            job: hex::encode(work.job),
            shard: number,
            node: hex::encode(work.node),
            records,
        };
        (result, stored)
    };
    // Not in order: whoever merges them sorts.
    [2, 0, 3, 1].into_iter().map(shard).collect()
}

/// Everything that `rust/` holds, by path.
async fn made_here() -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::local(folder.path().join("store")).unwrap();
    let seller = ListingSecret::from_entropy(&[1; 64]);
    let buyer = BuyerSecret::from_entropy(&[2; 64]);
    let dataset_id = fixed("dataset");
    let content_key = seller.shared().content_key(&dataset_id);
    let key = ContentKey::from(content_key.clone());

    let (results, stored): (Vec<ShardResult>, Vec<StoredShard>) = shards().into_iter().unzip();
    let manifest = manifest();
    let build = Build::new(dataset_id, &manifest, results.as_slice());
    let built = dataset::build(&build, &folder.path().join("work"), |_| ()).unwrap();
    let packaged = dataset::package(&built, &key, SEGMENT_SIZE, &store, |_| ())
        .await
        .unwrap();
    let (listing, beacon) = (fixed("listing"), fixed("beacon"));
    let sample = Sample::new(&built, &packaged, &key, &listing, &beacon).unwrap();
    sample.publish(&store).await.unwrap();

    let (network, program, purchase, wallet) = (fixed("network"), fixed("program"), fixed("purchase"), fixed("wallet"));
    let (listing_key, buyer_key) = (seller.public(), buyer.public());
    let sale = Sale {
        network: &network,
        program: &program,
        listing: &listing,
        purchase: &purchase,
        buyer: &wallet,
        listing_key: &listing_key,
        buyer_key: &buyer_key,
    };
    let delivery = prove(&seller, &sale, &[3; 32]).unwrap();
    let opened = open(&buyer, &delivery.ephemeral, &delivery.sealed).unwrap();
    assert_eq!(opened.content_key(&dataset_id), content_key);
    let sample_rows = [0, 9, 10, 99, 1_000_000, (1 << 63) + 1, u64::MAX].map(|rows| {
        let chosen = sample_rows(&beacon, &listing, &packaged.provenance_root, rows);
        json!({"rows": rows, "chosen": chosen})
    });
    let point = |point: Point| hex::encode(point.0);
    let document = json!({
        "about": "A sealed dataset and what it was made from, by crates/data/tests/typescript.rs. Byte strings in \
                  hexadecimal. `store` is the store's folder, `rows.jsonl` what the buyer reads.",
        "listed": StoredListing::from(&packaged),
        "listing": hex::encode(listing),
        "beacon": hex::encode(beacon),
        "sale": {
            "network": hex::encode(network), "program": hex::encode(program), "purchase": hex::encode(purchase),
            "buyer": hex::encode(wallet), "listing_key": point(listing_key), "buyer_key": point(buyer_key),
        },
        "delivery": {
            "ephemeral": point(delivery.ephemeral), "sealed": point(delivery.sealed),
            "proof": hex::encode(delivery.proof.to_bytes()),
        },
        "listing_secret": hex::encode(*seller.to_bytes()),
        "buyer_secret": hex::encode(*buyer.to_bytes()),
        "content_key": hex::encode(*content_key),
        "segment_size": SEGMENT_SIZE,
        "sample_rows": sample_rows,
        "card": {
            "name": manifest.name, "description": manifest.description, "licence": manifest.licence,
            "contact": manifest.contact, "manifest": hex::encode(manifest.hash()),
            "columns": manifest.fields.keys().collect::<Vec<_>>(), "skipped": {"robots_disallowed": 4},
        },
        "shards": stored,
    });
    let mut files = files_below(&folder.path().join("store"), "store");
    files.insert("rows.jsonl".to_owned(), fs::read(built.rows()).unwrap());
    let text = serde_json::to_string(&document).unwrap() + "\n";
    files.insert("dataset.json".to_owned(), text.into_bytes());
    files
}

/// The content of all files below a folder, by their paths.
fn files_below(folder: &Path, name: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{name}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            files.extend(files_below(&entry.path(), &path));
        } else {
            files.insert(path, fs::read(entry.path()).unwrap());
        }
    }
    files
}

/// `LUMORA_WRITE_VECTORS=1 cargo test -p lumora-data` writes the folder anew after a deliberate change of the format.
#[tokio::test]
async fn the_dataset_for_typescript_is_reproduced() {
    let folder = vectors("rust");
    let made = made_here().await;
    if std::env::var_os("LUMORA_WRITE_VECTORS").is_some() {
        let _ = fs::remove_dir_all(&folder);
        for (name, bytes) in &made {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
    let mut stored = files_below(&folder.join("store"), "store");
    for name in ["rows.jsonl", "dataset.json"] {
        stored.insert(name.to_owned(), fs::read(folder.join(name)).unwrap());
    }
    assert!(stored.keys().eq(made.keys()), "other objects are made than are stored");
    for (name, bytes) in &stored {
        assert!(made[name] == *bytes, "{name} is made otherwise than it is stored");
    }
}

#[tokio::test]
async fn what_typescript_sealed_opens_here() {
    #[derive(Deserialize)]
    struct Document {
        listed: StoredListing,
        listing_secret: String,
    }
    let folder = vectors("typescript");
    let text = fs::read(folder.join("dataset.json")).unwrap();
    let document: Document = serde_json::from_slice(&text).unwrap();
    let listed = document.listed.read();
    let secret: [u8; 32] = hex::decode(document.listing_secret).unwrap().try_into().unwrap();
    let seller = ListingSecret::from_bytes(&secret).unwrap();
    let key = ContentKey::from(seller.shared().content_key(&listed.dataset_id));

    // A copy: opening a store may create folders in it.
    let place = tempfile::tempdir().unwrap();
    let store = Store::local(place.path().join("store")).unwrap();
    for (name, bytes) in files_below(&folder.join("store"), "store") {
        let cid = store.put(bytes).await.unwrap();
        assert!(name.ends_with(&cid.to_string()), "{name} is not named by its content");
    }
    let described = dataset::describe(&listed, &store).await.unwrap();
    let rows = place.path().join("rows.jsonl");
    let (card, verification) = dataset::download(&listed, &key, &store, &rows, |_| ()).await.unwrap();
    assert_eq!(card, described.card);
    assert!(verification.is_complete(), "{:?}", verification.problems);
    assert_eq!(verification.rows, listed.rows);
    assert!(verification.segments > 1 && verification.shards.len() > 1);
    assert!(card.duplicates_removed > 0);
    let text = fs::read(&rows).unwrap();
    assert!(text == fs::read(folder.join("rows.jsonl")).unwrap());
    for line in text.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n') {
        // Canonical here as well, or its hash would be another.
        Record::parse(line).unwrap();
        assert!(serde_json::from_slice::<Map<String, Value>>(line).is_ok());
    }
}

#[test]
fn a_results_key_is_made_from_its_seed_as_by_typescript() {
    // The same seed and key stand in `app/client/test/delivery.test.ts`.
    assert_eq!(
        ResultsSecretKey::from_seed(&[7; 32]).public().to_string(),
        "6eb77eec4ff223ecd6fa0c335c74dce994eea5ce9b9b0224840db4654f3b883b"
    );
}
