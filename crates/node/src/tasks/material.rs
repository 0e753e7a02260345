//! What a job is made of, fetched once: manifest, pages by shard, and the fetcher that keeps the sites' pace for all of
//! its shards.

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use lumora_data::{
    fetch::{FetchOptions, Fetcher, Hosts},
    job::{JobError, JobPages},
    key::ResultsPublicKey,
    manifest::Manifest,
    store::Store,
};
use lumora_interface::{Address, tasks::Job};
use url::Url;

use crate::{agent::Agent, error::Result};

/// What a job is made of.
pub(super) struct Material {
    pub manifest: Arc<Manifest>,
    pub shards: Vec<Vec<Url>>,
    pub results_key: ResultsPublicKey,
    pub fetcher: Arc<Fetcher>,
}

/// Why a job cannot be worked on.
#[derive(Debug, thiserror::Error)]
pub(super) enum MaterialError {
    #[error("job {job} cannot be worked on: {source}")]
    Unusable { job: Address, source: JobError },
    #[error("the pages of job {job} cannot be fetched: {source}")]
    NoFetcher { job: Address, source: lumora_data::Error },
    #[error(
        "the manifest of job {0} has no `results_key`, so a result could not be sealed for its client. Its client has to make another job"
    )]
    NoResultsKey(Address),
}

/// Jobs' materials. Cheap to clone.
#[derive(Clone)]
pub(super) struct Library {
    pub store: Store,
    journals: PathBuf,
    private_addresses: Arc<Vec<SocketAddr>>,
    /// One site may be part of several jobs, and is owed one pace.
    hosts: Hosts,
    known: Arc<Mutex<HashMap<Address, Arc<Material>>>>,
}

impl Library {
    pub fn new(agent: &Agent) -> Result<Self> {
        Ok(Self {
            store: Store::open(&agent.config.store)?,
            journals: agent.config.data_dir.join("shards"),
            private_addresses: Arc::new(agent.config.fetching.private_addresses.clone()),
            hosts: Hosts::default(),
            known: Arc::default(),
        })
    }

    /// Where finished pages of a shard are kept until its result is stored.
    pub fn journal(&self, assignment: &Address) -> PathBuf {
        self.journals.join(format!("{assignment}.journal"))
    }

    /// Removes what an ended assignment left behind.
    pub fn forget(&self, assignment: &Address) {
        // It is there only if the shard was not finished.
        let _ = std::fs::remove_file(self.journal(assignment));
    }

    /// What a job is made of.
    pub async fn material(&self, agent: &Agent, address: Address, job: &Job) -> Result<Arc<Material>, MaterialError> {
        if let Some(known) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&address) {
            return Ok(known.clone());
        }
        let material = Arc::new(self.read(agent, address, job).await?);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // Another shard may have been faster: all must share one fetcher, or the site would be asked at twice the rate.
        Ok(known.entry(address).or_insert(material).clone())
    }

    async fn read(&self, agent: &Agent, address: Address, job: &Job) -> Result<Material, MaterialError> {
        let unusable = |source| MaterialError::Unusable { job: address, source };
        let JobPages { manifest, shards } = JobPages::read(&self.store, &job.manifest_hash, job.shard_count)
            .await
            .map_err(unusable)?;
        let options = FetchOptions::for_manifest_at(&manifest, &self.private_addresses);
        let fetcher = Fetcher::throttled(options, agent.link.throttle().clone())
            .map_err(|source| MaterialError::NoFetcher { job: address, source })?
            .sharing(self.hosts.clone());
        Ok(Material {
            shards,
            results_key: manifest.results_key.ok_or(MaterialError::NoResultsKey(address))?,
            fetcher: Arc::new(fetcher),
            manifest: Arc::new(manifest),
        })
    }
}
