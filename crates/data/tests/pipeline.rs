//! From pages on a real server to a dataset that its buyer verifies, with a kill in between.
#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use lumora_core::{agreement::DEFAULT_TOLERANCE, merkle};
use lumora_data::{
    Error,
    cid::Cid,
    dataset::{self, Build, Kind, Listed},
    discover::discover,
    fetch::{AGENT, FetchOptions, Fetcher, SkipReason},
    key::{ContentKey, ResultsSecretKey},
    manifest::{Manifest, shards, url_list},
    shard::{self, PageOutcome, ShardResult, Work, run_shard},
    site::{Site, SiteOptions, list_pages},
    store::Store,
};
use serde_json::json;
use tempfile::TempDir;
use url::Url;

const ROBOTS: &str = "User-agent: *\nDisallow: /secret/\nDisallow: /*private*\n\nUser-agent: Other\nDisallow: /\n";

/// A folder of pages that link to one another, a tenth of them forbidden.
fn pages(count: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..count {
        let name = page_name(number);
        let file = folder.path().join(&name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let words: String = (0..600).map(|word| format!("w{} ", number * 500 + word)).collect();
        let next = page_name(number + 1);
        let text = format!(
            "<html><head><title>Page {number}</title></head><body><h1>Page <em>{number}</em></h1><p>{words}</p>\
             <a href=\"/{next}\">next</a><a href=\"https://elsewhere.example/\">away</a></body></html>"
        );
        std::fs::write(file, text).unwrap();
    }
    folder
}

fn page_name(number: usize) -> String {
    match number % 10 {
        9 => format!("secret/{number}.html"),
        4 => format!("a b/{number}.html"),
        _ => format!("docs/{number}.html"),
    }
}

async fn serve(root: &Path, visit_noise: bool) -> Site {
    Site::start(SiteOptions {
        robots_txt: Some(ROBOTS.to_owned()),
        visit_noise,
        ..SiteOptions::new(root)
    })
    .await
    .unwrap()
}

fn manifest(site: &Site, urls: Vec<Url>) -> Manifest {
    Manifest::from_json(
        json!({
            "version": 1, "name": "Numbered pages", "description": "A test.", "licence": "CC0-1.0",
            "contact": "mailto:ops@example.org", "sites": [site.url()], "pages": {"urls": urls},
            "fields": {
                "title": {"css": "title", "required": true}, "text": {"text": true},
                "links": {"css": "a", "attribute": "href", "multiple": true},
            },
            "requests_per_second": 1_000.0,
        })
        .to_string()
        .as_bytes(),
    )
    .unwrap()
}

fn fetcher(manifest: &Manifest) -> Arc<Fetcher> {
    let options = FetchOptions {
        allow_private_addresses: true,
        ..FetchOptions::for_manifest(manifest)
    };
    Arc::new(Fetcher::new(options).unwrap())
}

fn work(manifest: &Manifest, shard: u32, node: u8) -> Work {
    Work {
        job: [1; 32],
        shard,
        node: [node; 32],
        manifest: manifest.hash(),
    }
}

async fn run(manifest: &Manifest, urls: &[Url], work: Work, journal: &Path) -> ShardResult {
    run_shard(
        fetcher(manifest),
        Arc::new(manifest.clone()),
        urls,
        work,
        journal,
        |_| (),
    )
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_pages_to_a_verified_dataset() {
    let root = pages(60);
    let site = serve(root.path(), true).await;
    let urls = list_pages(root.path(), "", "html", &site.url(), 1_000).unwrap();
    assert_eq!(urls.len(), 60);
    let manifest = manifest(&site, urls.clone());
    let parts = shards(&manifest.urls(None).unwrap(), 6).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = Store::local(folder.path().join("store")).unwrap();
    let client = ResultsSecretKey::random().unwrap();

    // Two nodes do each shard; the site shows each visit something else.
    let mut opened = Vec::new();
    for (number, part) in (0..).zip(&parts) {
        let first = run(
            &manifest,
            part,
            work(&manifest, number, 1),
            &folder.path().join(format!("1-{number}")),
        )
        .await;
        let second = run(
            &manifest,
            part,
            work(&manifest, number, 2),
            &folder.path().join(format!("2-{number}")),
        )
        .await;
        assert_eq!(first.count(), second.count());
        assert_eq!(
            first.result_root == second.result_root,
            first.records.is_empty(),
            "the noise reaches the records"
        );
        assert!(
            first.sketch[0].distance(&second.sketch[0]) <= u32::from(DEFAULT_TOLERANCE.bits),
            "{}",
            first.sketch[0].distance(&second.sketch[0])
        );

        let sealed = shard::seal(&first, &client.public(), &store).await.unwrap();
        let result = shard::open(&sealed, &client, &store).await.unwrap();
        assert_eq!(
            (result.result_root, result.sketch, result.work),
            (first.result_root, first.sketch, first.work)
        );
        assert_eq!(result.pages, first.pages);
        let stranger = ResultsSecretKey::random().unwrap();
        assert!(matches!(
            shard::open(&sealed, &stranger, &store).await,
            Err(Error::NotSealedForUs)
        ));
        opened.push(result);
    }
    let skipped: u64 = opened
        .iter()
        .map(|result| {
            result
                .counts
                .skipped_by
                .get(&SkipReason::RobotsDisallowed)
                .copied()
                .unwrap_or_default()
        })
        .sum();
    assert_eq!(skipped, 6);
    assert_eq!(
        site.forbidden_requests(AGENT),
        Default::default(),
        "a forbidden page was asked for"
    );
    assert!(site.requests().keys().any(|path| path == "/a%20b/4.html"));

    let build = Build::new([7; 32], &manifest, opened.as_slice());
    let built = dataset::build(&build, &folder.path().join("work"), |_| ()).unwrap();
    let card = built.card();
    assert_eq!((card.rows, card.preview.len(), card.robots.forbidden), (54, 5, 6));
    assert_eq!(card.robots.allowed, 54);
    let columns: Vec<_> = card
        .schema
        .iter()
        .map(|field| (field.name.as_str(), field.kind))
        .collect();
    let text_but_links = [Kind::TextList, Kind::Text, Kind::Text, Kind::Text];
    assert_eq!(
        columns,
        ["links", "text", "title", "url"]
            .into_iter()
            .zip(text_but_links)
            .collect::<Vec<_>>()
    );
    let key = ContentKey::random().unwrap();
    // Small segments, so that rows run across their edges.
    let packaged = dataset::package(&built, &key, 1_000, &store, |_| ()).await.unwrap();
    assert!(packaged.segments > 20);
    let listed = Listed::from(&packaged);
    let bought = folder.path().join("bought.jsonl");
    let (opened_card, verification) = dataset::download(&listed, &key, &store, &bought, |_| ()).await.unwrap();
    assert_eq!(opened_card, *card);
    assert!(verification.is_complete(), "{:?}", verification.problems);
    assert_eq!((verification.rows, verification.rows_verified), (54, 54));
    assert_eq!(std::fs::read(&bought).unwrap(), std::fs::read(built.rows()).unwrap());
    let claimed: BTreeSet<_> = verification
        .shards
        .iter()
        .map(|claim| (claim.shard, claim.result_root))
        .collect();
    assert_eq!(
        claimed,
        opened
            .iter()
            .map(|result| (result.work.shard, result.result_root))
            .collect()
    );
    assert_eq!(verification.shards.iter().map(|claim| claim.rows).sum::<u64>(), 54);
    site.stop().await;
}

/// Runs in a process of its own, which is killed: see the next test.
#[tokio::test]
#[ignore = "run by a_killed_shard_goes_on_where_it_stopped"]
async fn child_that_is_killed() {
    let Ok(text) = std::env::var("LUMORA_TEST_SHARD") else {
        return;
    };
    let (manifest, journal): (Manifest, PathBuf) = serde_json::from_str(&text).unwrap();
    let urls = manifest.urls(None).unwrap();
    run(&manifest, &urls, work(&manifest, 0, 1), &journal).await;
}

#[tokio::test]
async fn a_killed_shard_goes_on_where_it_stopped() {
    let root = pages(40);
    let site = serve(root.path(), false).await;
    let urls = list_pages(root.path(), "", "html", &site.url(), 1_000).unwrap();
    let mut slow = manifest(&site, urls.clone());
    slow.requests_per_second = 20.0;
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("shard.journal");
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "child_that_is_killed"])
        .env("LUMORA_TEST_SHARD", serde_json::to_string(&(&slow, &journal)).unwrap())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while site.requests().len() < 12 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        assert!(child.try_wait().unwrap().is_none(), "the child ended by itself");
    }
    // SIGKILL.
    child.kill().await.unwrap();
    let before = site.requests();

    let mut quick = slow.clone();
    quick.requests_per_second = 1_000.0;
    let mut seen = Vec::new();
    let resumed = run_shard(
        fetcher(&quick),
        Arc::new(quick),
        &urls,
        work(&slow, 0, 1),
        &journal,
        |progress| {
            seen.push((progress.done, progress.total));
        },
    )
    .await
    .unwrap();
    assert!(seen.len() < 40, "everything was fetched again");
    assert_eq!(seen.last(), Some(&(40, 40)));
    // The page that was under way when the kill came may be fetched twice, no other.
    let after = site.requests();
    let again = before
        .iter()
        .filter(|(path, count)| *path != "/robots.txt" && after[*path] > **count)
        .count();
    assert!(again <= 1, "{again} pages were fetched again");

    let fresh = run(
        &slow_free(&slow),
        &urls,
        work(&slow, 0, 1),
        &folder.path().join("other.journal"),
    )
    .await;
    assert_eq!(
        (resumed.result_root, resumed.counts.fetched),
        (fresh.result_root, fresh.counts.fetched)
    );

    // Another run of the finished shard fetches nothing.
    let total: u64 = site.requests().values().sum();
    let again = run(&slow, &urls, work(&slow, 0, 1), &journal).await;
    assert_eq!(again.pages, resumed.pages);
    assert_eq!(site.requests().values().sum::<u64>(), total);
    assert_eq!(site.forbidden_requests(AGENT), Default::default());
}

fn slow_free(manifest: &Manifest) -> Manifest {
    Manifest {
        requests_per_second: 1_000.0,
        ..manifest.clone()
    }
}

#[tokio::test]
async fn pages_that_could_not_be_had_are_written_down_and_tried_again() {
    let root = pages(3);
    let site = serve(root.path(), false).await;
    let mut urls = list_pages(root.path(), "", "html", &site.url(), 10).unwrap();
    urls.push(site.url().join("docs/none.html").unwrap());
    let manifest = manifest(&site, urls.clone());
    let journal = root.path().join("journal");
    site.stop().await;
    let nothing = run(&manifest, &urls, work(&manifest, 0, 1), &journal).await;
    assert_eq!(nothing.counts.skipped_by[&SkipReason::RobotsUnreachable], 4);
    assert_eq!(nothing.result_root, merkle::empty_root());

    // The same address, alive again.
    let address = manifest.sites[0].socket_addrs(|| None).unwrap()[0];
    let site = Site::start(SiteOptions {
        address,
        ..SiteOptions::new(root.path())
    })
    .await
    .unwrap();
    let result = run(&manifest, &urls, work(&manifest, 0, 1), &journal).await;
    assert_eq!((result.counts.fetched, result.counts.skipped), (3, 1));
    let missing = result
        .pages
        .iter()
        .find(|page| page.url().ends_with("none.html"))
        .unwrap();
    assert!(
        matches!(
            missing,
            PageOutcome::Skipped {
                reason: SkipReason::NotFound,
                ..
            }
        ),
        "{missing:?}"
    );
    drop(site);
}

#[tokio::test]
async fn links_lead_to_the_pages_in_scope() {
    let root = pages(12);
    let site = serve(root.path(), false).await;
    let manifest = manifest(&site, vec![site.url().join("docs/0.html").unwrap()]);
    let found = discover(&fetcher(&manifest), &manifest, 100, |_| ()).await;
    // 9 is forbidden: it is listed, and not read, so that its link to 10 stays unknown.
    assert_eq!(found.len(), 10);
    assert!(found.iter().all(|url| url.origin() == site.url().origin()));
    assert_eq!(discover(&fetcher(&manifest), &manifest, 4, |_| ()).await.len(), 4);
    let (text, reference) = url_list(found.clone());
    assert_eq!((text.lines().count(), reference.count), (10, 10));
    assert_eq!(site.forbidden_requests(AGENT), Default::default());
}

#[tokio::test]
async fn the_site_serves_nothing_outside_its_folder() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("public")).unwrap();
    std::fs::write(root.path().join("secret.html"), "secret").unwrap();
    std::fs::write(root.path().join("public/index.html"), "<body>home</body>").unwrap();
    std::os::unix::fs::symlink(root.path().join("secret.html"), root.path().join("public/link.html")).unwrap();
    let site = serve(&root.path().join("public"), true).await;
    let get = async |path: &str| {
        // Raw, because a URL library would tidy the path up.
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut socket = tokio::net::TcpStream::connect(site.address()).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer
    };
    for path in [
        "/../secret.html",
        "/%2e%2e/secret.html",
        "/..%2fsecret.html",
        "/link.html",
        "/%00",
        "/x%2",
        "//secret.html",
    ] {
        let answer = get(path).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
    }
    let home = get("/").await;
    assert!(home.contains("<body>home<aside class=\"visit\">"), "{home}");
    assert_eq!(site.requests()["/link.html"], 1);
}

#[tokio::test]
async fn a_sealed_shard_under_another_label_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::local(folder.path()).unwrap();
    let client = ResultsSecretKey::random().unwrap();
    let work = Work {
        job: [1; 32],
        shard: 0,
        node: [2; 32],
        manifest: [3; 32],
    };
    let result = ShardResult::new(work, Vec::new());
    let sealed = shard::seal(&result, &client.public(), &store).await.unwrap();
    let mut index: serde_json::Value = serde_json::from_slice(&store.get(&sealed).await.unwrap()).unwrap();
    index["work"]["shard"] = json!(1);
    let relabelled = store.put(index.to_string().into_bytes()).await.unwrap();
    assert!(matches!(
        shard::open(&relabelled, &client, &store).await,
        Err(Error::NotSealedForUs)
    ));
    assert!(matches!(
        shard::open(&Cid::of(b"none"), &client, &store).await,
        Err(Error::MissingObject { .. })
    ));
    let noise = store.put(&b"not JSON"[..]).await.unwrap();
    assert!(matches!(
        shard::open(&noise, &client, &store).await,
        Err(Error::Malformed { .. })
    ));
}
