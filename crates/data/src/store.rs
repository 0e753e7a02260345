//! Content-addressed storage over any `object_store`: what comes back is what was asked for, or an error.

use std::{path::Path, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use object_store::{
    ClientOptions, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutPayload, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    http::HttpBuilder,
    local::LocalFileSystem,
    path::Path as ObjectPath,
    prefix::PrefixStore,
};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::{
    cid::Cid,
    error::{Error, Result},
};

/// Largest object that [`Store::get`] reads: the sealed results of shards, and indexes of such, are smaller.
pub const MAX_OBJECT_BYTES: u64 = 1 << 30;
/// Most bytes of what a name leads to: a content identifier has 59.
const MAX_NAME_BYTES: u64 = 256;
/// Longest wait for the next bytes of an object.
const PATIENCE: Duration = Duration::from_secs(30);
/// An object may take [`PATIENCE`] and as long as its bytes take at this rate, in bytes per second. A server that sends a
/// byte now and then would hold a buyer up for ever.
const SLOWEST: u64 = 32 << 10;
/// Times that a broken transfer is continued.
const CONTINUATIONS: u32 = 4;

/// A content-addressed store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    patience: Duration,
}

impl Store {
    /// A store in a folder, which is created when it is missing. Several processes may share it.
    pub fn local(folder: impl AsRef<Path>) -> Result<Self> {
        Ok(Self::new(open_folder(folder.as_ref())?))
    }

    /// The store that a person names, as [`open_objects`] takes it, with the settings of the environment.
    pub fn open(place: &str) -> Result<Self> {
        Self::open_with(place, std::env::vars())
    }

    /// As [`Store::open`], with these settings for S3 instead of the environment's. Those of other things are ignored.
    pub fn open_with(place: &str, settings: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        Ok(Self::new(open_objects(place, settings)?))
    }

    /// A store in any back end.
    pub fn new(objects: Arc<dyn ObjectStore>) -> Self {
        Self {
            objects,
            patience: PATIENCE,
        }
    }

    /// The same store, waiting at most this long for the next bytes of an object.
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
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
        if found.meta.size > MAX_NAME_BYTES {
            return Err(Error::Malformed {
                what: "a name in the store",
                why: format!("{name} leads to {} bytes", found.meta.size),
            });
        }
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
        self.get_at_most(cid, MAX_OBJECT_BYTES).await
    }

    /// As [`Store::get`], refusing objects of more than `limit` bytes before they take memory. The name says nothing about
    /// the length, and a hostile server may send for ever. A transfer that breaks is continued where it broke.
    pub async fn get_at_most(&self, cid: &Cid, limit: u64) -> Result<Bytes> {
        let allowed = self.patience + Duration::from_secs_f64(limit as f64 / SLOWEST as f64);
        let deadline = Instant::now() + allowed;
        let mut body = BytesMut::new();
        let mut continuations = 0;
        while let Err(error) = self.read(cid, limit, deadline, &mut body).await {
            let is_broken = matches!(error, Error::Store { .. }) && !body.is_empty();
            if !is_broken || continuations == CONTINUATIONS {
                return Err(error);
            }
            continuations += 1;
        }
        let body = body.freeze();
        if cid.names(&body) {
            Ok(body)
        } else {
            Err(Error::CorruptObject { cid: *cid })
        }
    }

    /// Reads what `body` lacks of an object.
    async fn read(&self, cid: &Cid, limit: u64, deadline: Instant, body: &mut BytesMut) -> Result<()> {
        let failed = |source| match source {
            object_store::Error::NotFound { .. } => Error::MissingObject { cid: *cid },
            source => Error::Store {
                what: format!("read {cid}"),
                source,
            },
        };
        let too_slow = |_| Error::SlowObject { cid: *cid };
        let next = || deadline.min(Instant::now() + self.patience);
        let start = body.len() as u64;
        let options = GetOptions {
            range: (start > 0).then_some(GetRange::Offset(start)),
            ..GetOptions::default()
        };
        let found = timeout_at(next(), self.objects.get_opts(&location(cid), options))
            .await
            .map_err(too_slow)?
            .map_err(failed)?;
        let too_large = |bytes| Err(Error::ObjectTooLarge { cid: *cid, bytes });
        if found.meta.size > limit {
            return too_large(found.meta.size);
        }
        if found.range.start != start {
            return Err(Error::WrongRange {
                cid: *cid,
                asked: start,
                sent: found.range.start,
            });
        }
        let mut chunks = found.into_stream();
        while let Some(chunk) = timeout_at(next(), chunks.try_next())
            .await
            .map_err(too_slow)?
            .map_err(failed)?
        {
            // Whatever length the server announced.
            let bytes = (body.len() as u64).saturating_add(chunk.len() as u64);
            if bytes > limit {
                return too_large(bytes);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(())
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

/// The back end that a person names: a folder (`data/store`, `file:///srv/store`), a bucket of S3 or whatever speaks its
/// protocol (`s3://bucket/prefix`; endpoint, region and keys in `settings`, as `AWS_ENDPOINT`, `AWS_REGION`,
/// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`), or a web server with the folder (`https://example.org/store`). Settings of
/// other things are ignored.
pub fn open_objects(place: &str, settings: impl IntoIterator<Item = (String, String)>) -> Result<Arc<dyn ObjectStore>> {
    let failed = |source| Error::Store {
        what: format!("open {place}"),
        source,
    };
    let url = match Url::parse(place) {
        Ok(url) if place.contains("://") => url,
        _ => return open_folder(Path::new(place)),
    };
    let retry = RetryConfig {
        max_retries: 3,
        retry_timeout: PATIENCE,
        ..RetryConfig::default()
    };
    match url.scheme() {
        "file" => open_folder(&url.to_file_path().map_err(|()| Error::UnknownStore {
            place: place.to_owned(),
        })?),
        "s3" | "s3a" => {
            let mut builder = AmazonS3Builder::new().with_url(place).with_retry(retry);
            for (name, value) in settings {
                let name = name.to_ascii_lowercase();
                if let (true, Ok(key)) = (name.starts_with("aws_"), name.parse::<AmazonS3ConfigKey>()) {
                    builder = builder.with_config(key, value);
                }
            }
            let bucket = builder.build().map_err(failed)?;
            let prefix = ObjectPath::from_url_path(url.path()).map_err(|error| failed(error.into()))?;
            Ok(Arc::new(PrefixStore::new(bucket, prefix)))
        }
        "http" | "https" => {
            let options = ClientOptions::new()
                .with_allow_http(url.scheme() == "http")
                .with_connect_timeout(PATIENCE);
            let server = HttpBuilder::new()
                .with_url(place)
                .with_client_options(options)
                .with_retry(retry)
                .build()
                .map_err(failed)?;
            Ok(Arc::new(server))
        }
        _ => Err(Error::UnknownStore {
            place: place.to_owned(),
        }),
    }
}

fn open_folder(folder: &Path) -> Result<Arc<dyn ObjectStore>> {
    std::fs::create_dir_all(folder).map_err(|source| Error::file("create the store folder", folder, source))?;
    let objects = LocalFileSystem::new_with_prefix(folder).map_err(|source| Error::Store {
        what: format!("open {}", folder.display()),
        source,
    })?;
    Ok(Arc::new(objects))
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
