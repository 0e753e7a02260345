//! Content-addressed storage over any `object_store`: what comes back is what was asked for, or an error.

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, local::LocalFileSystem, path::Path as ObjectPath};

use crate::{
    cid::Cid,
    error::{Error, Result},
};

/// Largest object that [`Store::get`] reads: segments are 1 MiB, indexes and provenance grow with the dataset.
pub const MAX_OBJECT_BYTES: u64 = 1 << 30;

/// A content-addressed store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
}

impl Store {
    /// A store in a folder, which is created when it is missing. Several processes may share it.
    pub fn local(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        std::fs::create_dir_all(folder).map_err(|source| Error::file("create the store folder", folder, source))?;
        let objects = LocalFileSystem::new_with_prefix(folder).map_err(|source| Error::Store {
            what: format!("open {}", folder.display()),
            source,
        })?;
        Ok(Self::new(Arc::new(objects)))
    }

    /// A store in any back end.
    pub fn new(objects: Arc<dyn ObjectStore>) -> Self {
        Self { objects }
    }

    /// Stores `bytes` and returns their name. Storing the same bytes again changes nothing.
    pub async fn put(&self, bytes: impl Into<Bytes>) -> Result<Cid> {
        let bytes = bytes.into();
        let cid = Cid::of(&bytes);
        self.objects
            .put(&location(&cid), PutPayload::from_bytes(bytes))
            .await
            .map_err(|source| Error::Store {
                what: format!("store {cid}"),
                source,
            })?;
        Ok(cid)
    }

    /// Lets `name` lead to an object, whatever it led to before. Names are hints for finding things: what is found is
    /// believed for its own hash and for what the chain says, never for its name.
    pub async fn point(&self, name: &str, cid: &Cid) -> Result<()> {
        self.objects
            .put(&pointer(name), PutPayload::from(cid.to_string().into_bytes()))
            .await
            .map_err(|source| Error::Store {
                what: format!("store the name {name}"),
                source,
            })?;
        Ok(())
    }

    /// The object that `name` leads to; `None` if there is no such name.
    pub async fn resolve(&self, name: &str) -> Result<Option<Cid>> {
        let failed = |source| Error::Store {
            what: format!("read the name {name}"),
            source,
        };
        let found = match self.objects.get(&pointer(name)).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            found => found.map_err(failed)?,
        };
        let bytes = found.bytes().await.map_err(failed)?;
        String::from_utf8_lossy(&bytes)
            .parse()
            .map(Some)
            .map_err(|error| Error::Malformed {
                what: "a name in the store",
                why: format!("{name} does not hold a content identifier: {error}"),
            })
    }

    /// Reads an object and checks that it is the one named.
    pub async fn get(&self, cid: &Cid) -> Result<Bytes> {
        let store_error = |source| match source {
            object_store::Error::NotFound { .. } => Error::MissingObject { cid: *cid },
            source => Error::Store {
                what: format!("read {cid}"),
                source,
            },
        };
        let found = self.objects.get(&location(cid)).await.map_err(store_error)?;
        // The name says nothing about the length, and a hostile gateway may send for ever.
        if found.meta.size > MAX_OBJECT_BYTES {
            return Err(Error::ObjectTooLarge {
                cid: *cid,
                bytes: found.meta.size,
            });
        }
        let bytes = found.bytes().await.map_err(store_error)?;
        if cid.names(&bytes) {
            Ok(bytes)
        } else {
            Err(Error::CorruptObject { cid: *cid })
        }
    }

    /// Whether the store holds an object of that name (its content is not checked).
    pub async fn has(&self, cid: &Cid) -> Result<bool> {
        match self.objects.head(&location(cid)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(source) => Err(Error::Store {
                what: format!("look for {cid}"),
                source,
            }),
        }
    }
}

fn pointer(name: &str) -> ObjectPath {
    ObjectPath::from(format!("names/{name}"))
}

/// Objects are spread over folders by their last two letters, which are random (the first are the same for all).
fn location(cid: &Cid) -> ObjectPath {
    let name = cid.to_string();
    let folder = name.get(name.len().saturating_sub(2)..).unwrap_or_default().to_owned();
    ObjectPath::from_iter([folder, name])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_leads_to_the_latest_object() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::local(folder.path()).unwrap();
        assert_eq!(store.resolve("results/a").await.unwrap(), None);
        for content in ["first", "second"] {
            let cid = store.put(content).await.unwrap();
            store.point("results/a", &cid).await.unwrap();
            assert_eq!(store.resolve("results/a").await.unwrap(), Some(cid));
        }
    }

    #[tokio::test]
    async fn objects_come_back_and_tampering_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::local(folder.path().join("new/store")).unwrap();
        let cid = store.put(&b"a segment"[..]).await.unwrap();
        assert_eq!(store.put(&b"a segment"[..]).await.unwrap(), cid);
        assert_eq!(store.get(&cid).await.unwrap(), &b"a segment"[..]);
        assert!(store.has(&cid).await.unwrap());

        let missing = Cid::of(b"never stored");
        assert!(!store.has(&missing).await.unwrap());
        assert!(matches!(store.get(&missing).await, Err(Error::MissingObject { cid }) if cid == missing));

        let file = folder.path().join("new/store").join(location(&cid).to_string());
        std::fs::write(file, b"another segment").unwrap();
        assert!(matches!(store.get(&cid).await, Err(Error::CorruptObject { .. })));
    }
}
