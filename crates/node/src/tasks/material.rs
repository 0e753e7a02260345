//! What a job is made of, fetched once: manifest, pages by shard, and the fetcher that keeps the sites' pace for all of
//! its shards.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use lumora_data::{
    cid::Cid,
    fetch::{FetchOptions, Fetcher, Hosts},
    key::ResultsPublicKey,
    manifest::{Manifest, Pages, shards},
    store::Store,
};
use lumora_interface::{Address, tasks::Job};
use url::{Host, Url};

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
    private_addresses: Arc<Vec<SocketAddr>>,
    /// One site may be part of several jobs, and is owed one pace.
    hosts: Hosts,
    known: Arc<Mutex<HashMap<Address, Arc<Material>>>>,
}

impl Library {
    pub fn new(agent: &Agent) -> Result<Self> {
        Ok(Self {
            store: Store::local(&agent.config.store)?,
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
            // Pages and redirects stay on the manifest's sites, so these are all that could be reached.
            allow_private_addresses: manifest
                .sites
                .iter()
                .all(|site| is_listed(site, &self.private_addresses)),
            ..FetchOptions::for_manifest(&manifest)
        };
        let fetcher = Fetcher::new(options).map_err(missing)?;
        let fetcher = fetcher.sharing(self.hosts.clone()).paused_by(agent.gate.watch());
        Ok(Material {
            shards: shards(&urls, job.shard_count).map_err(wrong)?,
            results_key: manifest.results_key.ok_or(MaterialError::NoResultsKey(address))?,
            fetcher: Arc::new(fetcher),
            manifest: Arc::new(manifest),
        })
    }
}

/// Whether the site is one of the listed addresses, written as an address: a name could lead anywhere.
fn is_listed(site: &Url, listed: &[SocketAddr]) -> bool {
    let address: IpAddr = match site.host() {
        Some(Host::Ipv4(address)) => address.into(),
        Some(Host::Ipv6(address)) => address.into(),
        _ => return false,
    };
    site.port_or_known_default()
        .is_some_and(|port| listed.contains(&SocketAddr::new(address, port)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_addresses_are_let_through() {
        let listed = ["10.77.1.1:80".parse().unwrap(), "[::1]:8080".parse().unwrap()];
        let is_listed = |site: &str| is_listed(&site.parse().unwrap(), &listed);
        assert!(is_listed("http://10.77.1.1/docs") && is_listed("http://[::1]:8080"));
        for other in [
            "http://10.77.1.1:81",
            "https://10.77.1.1",
            "http://10.77.1.2",
            "http://localhost:8080",
            "http://[::1]",
        ] {
            assert!(!is_listed(other), "{other}");
        }
    }
}
