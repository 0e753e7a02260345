//! Running a shard: every page once, several sites at a time, one page after the other on each.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use tokio::{
    sync::{Semaphore, mpsc},
    task::{JoinSet, spawn_blocking},
};
use url::Url;

use super::result::{PageOutcome, ShardResult, Work};
use crate::{
    error::{Error, Result},
    extract::Extractor,
    fetch::{Fetcher, Page, Skip, SkipReason},
    journal::Journal,
    manifest::Manifest,
};

/// Sites that are visited at the same time.
const SITES_AT_ONCE: usize = 8;

/// How far a shard is.
#[derive(Debug)]
pub struct Progress<'a> {
    /// Pages that are finished, those of an earlier run included.
    pub done: usize,
    /// Pages of the shard.
    pub total: usize,
    /// The page that was just finished.
    pub latest: &'a PageOutcome,
}

/// Fetches and extracts every page of a shard and calls `on_page` after each.
///
/// Finished pages are kept in the file `journal`: when the run is killed or dropped, the next one with the same `work`
/// goes on where it stopped. Pages whose failure may have passed are tried again then. The caller removes the file when
/// the result is stored.
pub async fn run_shard(
    fetcher: Arc<Fetcher>,
    manifest: Arc<Manifest>,
    urls: &[Url],
    work: Work,
    journal: &Path,
    mut on_page: impl FnMut(Progress<'_>),
) -> Result<ShardResult> {
    let extractor = Arc::new(Extractor::new(&manifest)?);
    let identity = serde_json::to_string(&work).map_err(|error| Error::Malformed {
        what: "the shard's identity",
        why: error.to_string(),
    })?;
    let (mut journal, entries) = Journal::open::<PageOutcome>(journal, &identity)?;
    // Later entries replace earlier ones: a page that was tried again is there twice.
    let mut finished: HashMap<String, PageOutcome> =
        entries.into_iter().map(|page| (page.url().to_owned(), page)).collect();
    finished.retain(|_, page| !matches!(page, PageOutcome::Skipped { reason, .. } if reason.is_transient()));
    finished.retain(|url, _| urls.iter().any(|listed| listed.as_str() == url));

    let mut sites: BTreeMap<String, Vec<Url>> = BTreeMap::new();
    for url in urls.iter().filter(|url| !finished.contains_key(url.as_str())) {
        sites
            .entry(url.origin().ascii_serialization())
            .or_default()
            .push(url.clone());
    }

    let (sender, mut outcomes) = mpsc::channel(SITES_AT_ONCE);
    let slots = Arc::new(Semaphore::new(SITES_AT_ONCE));
    let mut visits = JoinSet::new();
    for pages in sites.into_values() {
        let (fetcher, manifest, extractor) = (Arc::clone(&fetcher), Arc::clone(&manifest), Arc::clone(&extractor));
        let (sender, slots) = (sender.clone(), Arc::clone(&slots));
        visits.spawn(async move {
            let _slot = slots.acquire().await;
            for url in pages {
                let outcome = match visit(&fetcher, &manifest, &extractor, &url).await {
                    Ok(outcome) => outcome,
                    Err(skip) => {
                        let (reason, detail) = (skip.reason, skip.detail);
                        PageOutcome::Skipped {
                            url: url.into(),
                            at: unix_time(),
                            reason,
                            detail,
                        }
                    }
                };
                if sender.send(outcome).await.is_err() {
                    return;
                }
            }
        });
    }
    drop(sender);

    while let Some(page) = outcomes.recv().await {
        journal.append(&page)?;
        let url = page.url().to_owned();
        let page = finished.entry(url).insert_entry(page);
        let latest = page.get().clone();
        on_page(Progress {
            done: finished.len(),
            total: urls.len(),
            latest: &latest,
        });
    }
    while let Some(visit) = visits.join_next().await {
        visit.map_err(|error| Error::Worker { why: error.to_string() })?;
    }
    Ok(ShardResult::new(work, finished.into_values().collect()))
}

async fn visit(
    fetcher: &Fetcher,
    manifest: &Manifest,
    extractor: &Arc<Extractor>,
    url: &Url,
) -> Result<PageOutcome, Skip> {
    let page = fetcher.fetch(manifest, url).await?;
    let Some(decision) = page.robots.provenance() else {
        return Err(Skip::new(SkipReason::RobotsDisallowed, url.to_string()));
    };
    let (at, bytes) = (page.fetched_at, page.body.len() as u64);
    let extractor = Arc::clone(extractor);
    // Parsing takes milliseconds, for hostile pages seconds: not on the threads that answer the network.
    let record = spawn_blocking(move || {
        let Page {
            url,
            content_type,
            body,
            ..
        } = page;
        extractor.extract(&url, content_type.as_deref(), &body)
    })
    .await
    .map_err(|error| Skip::new(SkipReason::Unreadable, error.to_string()))??;
    Ok(PageOutcome::Fetched {
        url: url.to_string(),
        at,
        bytes,
        robots: decision.into(),
        record,
    })
}

fn unix_time() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}
