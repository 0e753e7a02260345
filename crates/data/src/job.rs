//! What a job says is to be done: its manifest, and the pages of each shard. The nodes that do it and the oracles that
//! check it read it alike.

use lumora_core::hash::Hash;
use url::Url;

use crate::{
    cid::Cid,
    error::Error,
    manifest::{Manifest, ManifestError, Pages, shards},
    store::Store,
};

/// A job's manifest and pages.
#[derive(Clone, Debug)]
pub struct JobPages {
    /// The manifest.
    pub manifest: Manifest,
    /// The pages of each shard.
    pub shards: Vec<Vec<Url>>,
}

/// Why a job cannot be worked on.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The manifest, or its list of pages, is not in the store.
    #[error("its manifest cannot be had: {0}")]
    Missing(#[source] Error),
    /// The manifest breaks a rule, or has fewer pages than the job has shards.
    #[error("its manifest cannot be used: {0}. Its client has to make another job")]
    Manifest(#[from] ManifestError),
    /// The manifest is written in another way than the one that is hashed.
    #[error(
        "its stored manifest is not in canonical form, so its hash is not the job's. Its client has to make another job"
    )]
    NotCanonical,
}

impl JobPages {
    /// Reads the manifest with this hash, and its list of pages where that is an object of its own.
    pub async fn read(store: &Store, manifest_hash: &Hash, shard_count: u32) -> Result<Self, JobError> {
        // The store checks that what comes back has this hash.
        let get = async |digest| store.get(&Cid::from_digest(digest)).await.map_err(JobError::Missing);
        let manifest = Manifest::from_json(&get(*manifest_hash).await?)?;
        if manifest.hash() != *manifest_hash {
            return Err(JobError::NotCanonical);
        }
        let list = match &manifest.pages {
            Pages::Urls(_) => None,
            Pages::UrlList(list) => Some(get(list.sha256).await?),
        };
        let list = list.map(|list| String::from_utf8_lossy(&list).into_owned());
        let urls = manifest.urls(list.as_deref())?;
        Ok(Self {
            shards: shards(&urls, shard_count)?,
            manifest,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::manifest::url_list;

    fn manifest() -> Manifest {
        Manifest::from_json(include_bytes!("../examples/manifest.json")).unwrap()
    }

    #[tokio::test]
    async fn pages_come_from_the_manifest_or_from_the_list_that_it_names() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::local(folder.path()).unwrap();
        let inline = manifest();
        let urls = inline.urls(None).unwrap();
        let (list, reference) = url_list(urls.clone());
        let listed = Manifest {
            pages: Pages::UrlList(reference),
            ..inline.clone()
        };
        for manifest in [&inline, &listed] {
            store.put(manifest.canonical()).await.unwrap();
        }
        let missing = JobPages::read(&store, &listed.hash(), 1).await.unwrap_err();
        assert!(
            matches!(missing, JobError::Missing(Error::MissingObject { .. })),
            "{missing}"
        );
        store.put(list).await.unwrap();
        for manifest in [inline, listed] {
            let job = JobPages::read(&store, &manifest.hash(), 2).await.unwrap();
            assert_eq!((job.shards.len(), job.shards.concat()), (2, urls.clone()));
            assert_eq!(job.manifest, manifest);
        }
    }

    #[tokio::test]
    async fn a_manifest_that_cannot_be_used_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::local(folder.path()).unwrap();
        let manifest = manifest();
        let absent = JobPages::read(&store, &manifest.hash(), 1).await.unwrap_err();
        assert!(absent.to_string().contains("cannot be had"), "{absent}");

        store.put(manifest.canonical()).await.unwrap();
        let pages = manifest.urls(None).unwrap().len() as u32;
        let split = JobPages::read(&store, &manifest.hash(), pages + 1).await.unwrap_err();
        assert!(
            matches!(split, JobError::Manifest(ManifestError::TooManyShards { .. })),
            "{split}"
        );

        let spaced = [b" ".as_slice(), &manifest.canonical()].concat();
        let digest = *store.put(spaced).await.unwrap().digest();
        let odd = JobPages::read(&store, &digest, 1).await.unwrap_err();
        assert!(matches!(odd, JobError::NotCanonical), "{odd}");

        let digest = *store.put(&b"{}"[..]).await.unwrap().digest();
        assert!(matches!(
            JobPages::read(&store, &digest, 1).await,
            Err(JobError::Manifest(ManifestError::Json(_)))
        ));
    }
}
