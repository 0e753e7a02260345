//! A shard's result on its way from the node to the client: encrypted before it leaves the node, under a key of its own
//! that only the client can unwrap.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::result::{ShardResult, ShardRows, Work};
use crate::{
    cid::Cid,
    error::{Error, Result},
    key::{ContentKey, ResultsPublicKey, ResultsSecretKey, SealedKey},
    segment::{self, Header, SEGMENT_SIZE},
    store::Store,
};

const VERSION: u32 = 1;

/// The index of a sealed result: a JSON object in the store, in clear.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SealedShard {
    /// Version of the format: 1.
    pub version: u32,
    /// Whose work it is.
    pub work: Work,
    /// [`Header::encode`].
    #[serde(with = "hex::serde")]
    pub header: Vec<u8>,
    /// The encrypted segments, in order.
    pub segments: Vec<Cid>,
    /// The key, for the client.
    pub key: SealedKey,
}

/// Encrypts `result` for `recipient`, stores it, and returns the name of its index.
pub async fn seal(result: &ShardResult, recipient: &ResultsPublicKey, store: &Store) -> Result<Cid> {
    let key = ContentKey::random()?;
    let sealed = segment::encrypt(&key, &result.to_bytes()?, SEGMENT_SIZE)?;
    let mut segments = Vec::with_capacity(sealed.segments.len());
    for segment in sealed.segments {
        segments.push(store.put(Bytes::from(segment)).await?);
    }
    let index = SealedShard {
        version: VERSION,
        work: result.work,
        header: sealed.header.encode().to_vec(),
        segments,
        key: SealedKey::seal(&key, recipient, &context(&result.work))?,
    };
    store.put(serde_json::to_vec(&index).map_err(malformed)?).await
}

/// Name under which a node puts its sealed result into the store ([`Store::point`]), and under which the client looks for
/// it ([`Store::resolve`]): the chain names the node and the result root, but not the sealed object.
pub fn result_name(job: &[u8; 32], shard: u32, node: &[u8; 32]) -> String {
    format!("results/{}/{shard}/{}", hex::encode(job), hex::encode(node))
}

/// Fetches and decrypts a sealed result. Whether it is the one that was settled, the caller sees by comparing its
/// `result_root` with the shard's on chain.
pub async fn open(index: &Cid, secret: &ResultsSecretKey, store: &Store) -> Result<ShardResult> {
    let (label, bytes) = decrypt(index, secret, store).await?;
    let result = ShardResult::from_bytes(&bytes)?;
    labelled(&label, &result.work)?;
    Ok(result)
}

/// As [`open`], for building a dataset: without the sketch, which takes longer than everything else.
pub async fn open_rows(index: &Cid, secret: &ResultsSecretKey, store: &Store) -> Result<ShardRows> {
    let (label, bytes) = decrypt(index, secret, store).await?;
    let rows = ShardRows::from_bytes(&bytes)?;
    labelled(&label, &rows.work)?;
    Ok(rows)
}

/// What the index says it is, and the result's bytes.
async fn decrypt(index: &Cid, secret: &ResultsSecretKey, store: &Store) -> Result<(Work, Vec<u8>)> {
    let index: SealedShard = serde_json::from_slice(&store.get(index).await?).map_err(malformed)?;
    if index.version != VERSION {
        return Err(Error::Malformed {
            what: "a sealed shard",
            why: format!("it has version {}", index.version),
        });
    }
    let key = index.key.open(secret, &context(&index.work))?;
    let mut segments = Vec::with_capacity(index.segments.len());
    for segment in &index.segments {
        segments.push(store.get(segment).await?);
    }
    let bytes = segment::decrypt(&key, &Header::decode(&index.header)?, &segments)?;
    Ok((index.work, bytes))
}

fn labelled(label: &Work, work: &Work) -> Result<()> {
    if label == work {
        Ok(())
    } else {
        let why = "the index is labelled as another shard's or node's".to_owned();
        Err(Error::InconsistentShard {
            shard: label.shard,
            why,
        })
    }
}

/// What the wrapped key is bound to: a key sealed for one shard cannot be passed off as another's.
fn context(work: &Work) -> Vec<u8> {
    [
        b"lumora shard result v1".as_slice(),
        &work.job,
        &work.shard.to_le_bytes(),
        &work.node,
        &work.manifest,
    ]
    .concat()
}

fn malformed(error: serde_json::Error) -> Error {
    Error::Malformed {
        what: "a sealed shard",
        why: error.to_string(),
    }
}
