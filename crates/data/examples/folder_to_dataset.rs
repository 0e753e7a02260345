//! The whole pipeline on a folder of HTML pages, served on loopback: fetch, extract, build, encrypt, open, verify.
//! Prints what it did and how long it took: `folder_to_dataset FOLDER [PAGES] [SHARDS]`.

use std::{error::Error, path::PathBuf, sync::Arc, time::Instant};

use lumora_data::{
    dataset::{self, Build, Listed},
    fetch::{AGENT, FetchOptions, Fetcher},
    key::{ContentKey, ResultsSecretKey},
    manifest::{Field, Format, Manifest, Pages, Scope, VERSION, shards},
    segment::SEGMENT_SIZE,
    shard::{self, Work, run_shard},
    site::{Site, SiteOptions, list_pages},
    store::Store,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let root = PathBuf::from(arguments.next().ok_or("name a folder of HTML pages")?);
    let limit = arguments.next().map_or(Ok(200), |pages| pages.parse())?;
    let shard_count = arguments.next().map_or(Ok(4), |shards| shards.parse())?;
    let robots_txt = "User-agent: *\nDisallow: /*/trait.\n".to_owned();
    let options = SiteOptions {
        robots_txt: Some(robots_txt),
        visit_noise: true,
        ..SiteOptions::new(&root)
    };
    let site = Site::start(options).await?;
    let field = |css: &str, required| Field {
        css: Some(css.to_owned()),
        required,
        ..Field::default()
    };
    let manifest = Arc::new(Manifest {
        version: VERSION,
        name: "Pages of a folder".to_owned(),
        description: String::new(),
        licence: "NOASSERTION".to_owned(),
        contact: "mailto:nobody@localhost".to_owned(),
        sites: vec![site.url()],
        pages: Pages::Urls(list_pages(&root, "", "html", &site.url(), limit)?),
        scope: Scope::default(),
        format: Format::Html,
        fields: [
            ("title".to_owned(), field("title", false)),
            (
                "text".to_owned(),
                Field {
                    text: true,
                    ..Field::default()
                },
            ),
        ]
        .into(),
        max_bytes: 4 << 20,
        requests_per_second: 1_000.0,
        timeout_seconds: 30,
        results_key: None,
    });
    manifest.validate()?;
    let folder = std::env::temp_dir().join(format!("lumora-folder-to-dataset-{}", std::process::id()));
    let store = Store::local(folder.join("store"))?;
    let client = ResultsSecretKey::random()?;
    let fetcher = |seed: u8| {
        let options = FetchOptions {
            allow_private_addresses: true,
            ..FetchOptions::for_manifest(&manifest)
        };
        Fetcher::new(options).map(|fetcher| (seed, Arc::new(fetcher)))
    };
    let mut results = Vec::new();
    let started = Instant::now();
    let (nodes, mut furthest, mut nearest) = ([fetcher(1)?, fetcher(2)?], 0, 64);
    for (number, urls) in (0u32..).zip(shards(&manifest.urls(None)?, shard_count)?) {
        let mut replicas = Vec::new();
        for (node, fetcher) in &nodes {
            let work = Work {
                job: [0; 32],
                shard: number,
                node: [*node; 32],
                manifest: manifest.hash(),
            };
            let journal = folder.join(format!("{node}-{number}.journal"));
            replicas.push(
                run_shard(
                    Arc::clone(fetcher),
                    Arc::clone(&manifest),
                    &urls,
                    work,
                    &journal,
                    |_| (),
                )
                .await?,
            );
        }
        let Some(second) = replicas.pop() else { continue };
        let Some(first) = replicas.pop() else { continue };
        let distance = first.sketch[0].distance(&second.sketch[0]);
        println!(
            "shard {number}: {} records, {} bytes of pages, replicas differ in {distance} bits",
            first.count(),
            first.counts.bytes
        );
        furthest = furthest.max(distance);
        let sealed = shard::seal(&first, &client.public(), &store).await?;
        let opened = shard::open(&sealed, &client, &store).await?;
        if let Some(other) = results.last().map(|other: &shard::ShardResult| other.sketch[0]) {
            nearest = nearest.min(opened.sketch[0].distance(&other));
        }
        results.push(opened);
    }
    let fetched: u64 = results.iter().map(|result| result.counts.fetched).sum();
    let bytes: u64 = results.iter().map(|result| result.counts.bytes).sum();
    println!(
        "fetched twice: {fetched} pages, {bytes} bytes each time, in {:.1?}",
        started.elapsed()
    );
    println!("sketches: at most {furthest} bits between replicas, at least {nearest} between neighbouring shards");
    for result in &results {
        for (reason, count) in &result.counts.skipped_by {
            println!("shard {}: skipped {count}: {reason}", result.work.shard);
        }
    }
    println!("forbidden pages asked for: {}", site.forbidden_requests(AGENT).len());
    let started = Instant::now();
    let build = Build::new([7; 32], &manifest, results.as_slice());
    let built = dataset::build(&build, &folder.join("work"), |_| ())?;
    let key = ContentKey::random()?;
    let packaged = dataset::package(&built, &key, SEGMENT_SIZE, &store, |_| ()).await?;
    println!(
        "dataset: {} rows, {} bytes, {} duplicates left out, in {:.1?}",
        built.card().rows,
        built.card().bytes,
        built.card().duplicates_removed,
        started.elapsed()
    );
    let started = Instant::now();
    let listed = Listed::from(&packaged);
    let rows = folder.join("rows.jsonl");
    let (_, verification) = dataset::download(&listed, &key, &store, &rows, |_| ()).await?;
    println!(
        "opened: {} of {} rows verified, in {:.1?}",
        verification.rows_verified,
        verification.rows,
        started.elapsed()
    );
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
