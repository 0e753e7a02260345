//! What a job is made of, fetched once: manifest, pages by shard, and the fetcher that keeps the sites' pace for all of
//! its shards.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use lumora_data::{
    cid::Cid,
    fetch::{FetchOptions, Fetcher},
    key::ResultsPublicKey,
    manifest::{Manifest, Pages, shards},
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
    #[error("the manifest of job {job} cannot be had: {source}")]
    Missing { job: Address, source: lumora_data::Error },
    #[error("the manifest of job {job} cannot be used: {source}. Its client has to make another job")]
    Manifest {
        job: Address,
        source: lumora_data::manifest::ManifestError,
    },
    #[error(
        "the manifest of job {0} has no `results_key`, so a result could not be sealed for its client. Its client has to make another job"
    )]
    NoResultsKey(Address),
    #[error(
        "the stored manifest of job {0} is not in canonical form, so its hash is not the job's. Its client has to make another job"
    )]
    NotCanonical(Address),
}

/// Jobs' materials. Cheap to clone.
#[derive(Clone)]
pub(super) struct Library {
    pub store: Store,
    journals: PathBuf,
    allow_private_addresses: bool,
    known: Arc<Mutex<HashMap<Address, Arc<Material>>>>,
}

impl Library {
    pub fn new(agent: &Agent) -> Result<Self> {
        Ok(Self {
            store: Store::local(&agent.config.store)?,
            journals: agent.config.data_dir.join("shards"),
            allow_private_addresses: agent.config.fetching.allow_private_addresses,
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
        let missing = |source| MaterialError::Missing { job: address, source };
        let wrong = |source| MaterialError::Manifest { job: address, source };
        // The store checks that what comes back has this hash.
        let text = self
            .store
            .get(&Cid::from_digest(job.manifest_hash))
            .await
            .map_err(missing)?;
        let manifest = Manifest::from_json(&text).map_err(wrong)?;
        if manifest.hash() != job.manifest_hash {
            return Err(MaterialError::NotCanonical(address));
        }
        let list = match &manifest.pages {
            Pages::Urls(_) => None,
            Pages::UrlList(list) => Some(self.store.get(&Cid::from_digest(list.sha256)).await.map_err(missing)?),
        };
        let list = list.map(|list| String::from_utf8_lossy(&list).into_owned());
        let urls = manifest.urls(list.as_deref()).map_err(wrong)?;
        let options = FetchOptions {
            allow_private_addresses: self.allow_private_addresses,
            ..FetchOptions::for_manifest(&manifest)
        };
        Ok(Material {
            shards: shards(&urls, job.shard_count).map_err(wrong)?,
            results_key: manifest.results_key.ok_or(MaterialError::NoResultsKey(address))?,
            fetcher: Arc::new(Fetcher::new(options).map_err(missing)?.paused_by(agent.gate.watch())),
            manifest: Arc::new(manifest),
        })
    }
}
