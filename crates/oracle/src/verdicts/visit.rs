//! Visits to the pages of a shard, by the pipeline that nodes use: the same robots.txt, pace, user agent and bounds.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lumora_core::{agreement::Revealed, hash::Hash, verdict::Visit};
use lumora_data::{
    fetch::{FetchOptions, Fetcher, Hosts, SkipReason},
    job::{JobError, JobPages},
    manifest::Manifest,
    shard::{PageOutcome, Work, run_shard},
    store::Store,
};
use lumora_interface::Address;
use url::Url;

use super::docket::Case;
use crate::error::Result;

/// Why a shard could not be visited. It is tried again while its result is open.
#[derive(Debug, thiserror::Error)]
pub enum VisitError {
    /// The manifest.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The fetcher, or the folder for what was visited.
    #[error(transparent)]
    Data(#[from] lumora_data::Error),
    /// The job's manifest has no pages for the shard.
    #[error("the manifest has no pages for this shard")]
    NoPages,
}

/// Result of a visit.
pub type Visited<T> = std::result::Result<T, VisitError>;

/// What a job is made of.
pub struct Material {
    manifest: Arc<Manifest>,
    shards: Vec<Vec<Url>>,
    fetcher: Arc<Fetcher>,
}

impl Material {
    /// The pages of a case.
    fn pages(&self, case: &Case) -> Visited<&[Url]> {
        let shard = usize::try_from(case.assignment.shard).unwrap_or(usize::MAX);
        self.shards.get(shard).map(Vec::as_slice).ok_or(VisitError::NoPages)
    }

    /// Least time that a visit can take: one page after the other on each site, at the pace that it is owed.
    pub fn least_time(&self, case: &Case) -> Visited<Duration> {
        let mut sites: BTreeMap<String, u32> = BTreeMap::new();
        for page in self.pages(case)? {
            *sites.entry(page.origin().ascii_serialization()).or_default() += 1;
        }
        let longest = sites.into_values().max().unwrap_or_default();
        Ok(self
            .fetcher
            .options()
            .interval()
            .saturating_mul(longest.saturating_sub(1)))
    }
}

/// Goes through the pages of shards.
pub struct Visitor {
    store: Store,
    journals: PathBuf,
    private_addresses: Vec<SocketAddr>,
    /// One site may be part of several jobs, and is owed one pace.
    hosts: Hosts,
    known: Mutex<HashMap<Address, Arc<Material>>>,
}

impl Visitor {
    /// `store`: where manifests are; `journals`: folder for what was visited, so that a restart goes on from there.
    pub fn open(store: &str, journals: PathBuf, private_addresses: &[SocketAddr]) -> Result<Self> {
        Ok(Self {
            store: Store::open(store)?,
            journals,
            private_addresses: private_addresses.to_vec(),
            hosts: Hosts::default(),
            known: Mutex::default(),
        })
    }

    /// What the job of a case is made of.
    pub async fn material(&self, case: &Case) -> Visited<Arc<Material>> {
        let address = case.assignment.job;
        if let Some(known) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&address) {
            return Ok(Arc::clone(known));
        }
        let JobPages { manifest, shards } =
            JobPages::read(&self.store, &case.job.manifest_hash, case.job.shard_count).await?;
        let fetcher = Fetcher::new(FetchOptions::for_manifest_at(&manifest, &self.private_addresses))?;
        let material = Arc::new(Material {
            manifest: Arc::new(manifest),
            shards,
            fetcher: Arc::new(fetcher.sharing(self.hosts.clone())),
        });
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(known.entry(address).or_insert(material)))
    }

    /// Visits every page of a case's shard. A visit with the same `number` that was broken off goes on where it stopped.
    pub async fn visit(&self, material: &Material, case: &Case, number: usize) -> Visited<Visit> {
        let work = Work {
            job: case.assignment.job.to_bytes(),
            shard: case.assignment.shard,
            node: case.assignment.node.to_bytes(),
            manifest: case.job.manifest_hash,
        };
        let journal = self
            .journals
            .join(format!("{}-{number}.journal", hex::encode(case.id())));
        let (fetcher, manifest) = (Arc::clone(&material.fetcher), Arc::clone(&material.manifest));
        let result = run_shard(fetcher, manifest, material.pages(case)?, work, &journal, |_| ()).await?;
        let unread = result.pages.iter().filter(|page| is_unread(page)).count();
        let number_of = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Ok(Visit {
            found: Revealed {
                // A node cannot have shown more words than there are.
                sketch: result.sketch.get(case.word()).copied().unwrap_or_default(),
                records: result.count(),
            },
            pages: number_of(result.pages.len()),
            unread: number_of(unread),
        })
    }

    /// Forgets all but these cases.
    pub fn keep_only(&self, cases: &[Case]) {
        let jobs: BTreeSet<Address> = cases.iter().map(|case| case.assignment.job).collect();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|job, _| jobs.contains(job));
        drop(known);
        let ids: BTreeSet<String> = cases.iter().map(|case| hex::encode(case.id())).collect();
        // There is no folder before the first visit; and a journal that stays is only in nobody's way.
        for entry in std::fs::read_dir(&self.journals).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let id = name.to_str().and_then(|name| name.split_once('-')).map(|(id, _)| id);
            if id.is_some_and(|id| id.len() == 2 * size_of::<Hash>() && !ids.contains(id)) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

/// Whether it is not known what is on a page: it could not be had this time, or it is kept from oracles and may not be
/// from nodes.
fn is_unread(page: &PageOutcome) -> bool {
    match page {
        PageOutcome::Fetched { .. } => false,
        PageOutcome::Skipped { reason, .. } => {
            reason.is_transient() || matches!(reason, SkipReason::Forbidden | SkipReason::OtherStatus)
        }
    }
}
