//! What oracles tell over HTTP, to each other and to nodes: the wire types, and a small client for them.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/status` | [`Status`] |
//! | `GET /v1/epochs/{epoch}` | [`EpochFigures`] |
//! | `GET /v1/epochs/{epoch}/bundle` | the oracle's own bundle, bytes |
//! | `GET /v1/epochs/{epoch}/bundles/{oracle}` | another oracle's bundle that this one holds, bytes |
//! | `GET /v1/epochs/{epoch}/have` | [`SignedHolding`] |
//! | `GET /v1/epochs/{epoch}/signature` | [`SignedStatement`] |
//! | `GET /v1/epochs/{epoch}/signatures` | what it has seen that oracles signed, an array of [`SignedStatement`] |
//! | `POST /v1/epochs/{epoch}/signatures` | takes a [`SignedStatement`] of anybody's, for its watch |
//! | `GET /v1/epochs/{epoch}/leaves` | every leaf of the epoch, an array of [`LeafFigures`] |
//! | `GET /v1/epochs/{epoch}/leaves/{node}` | [`LeafProof`] |
//! | `GET /v1/epochs/{epoch}/explain/{node}` | [`Explanation`] |
//! | `GET /v1/adaptation` | [`AdaptationReport`] |
//!
//! What does not exist (yet) is answered with 404. Nothing here has to be believed: bundles, holdings and statements are
//! signed, leaves are checked against the root on chain.

mod adaptation;
mod figures;

use std::{net::SocketAddr, time::Duration};

use lumora_core::{
    attestation::{Leaf, Statement},
    hash::{Hash, sha256},
    merkle,
    reason::Reason,
    schedule::NetworkTag,
};
use lumora_interface::{
    Address,
    bandwidth::{ProveArguments, SubmitAttestationArguments},
};
use reqwest::{RequestBuilder, StatusCode, header::CONTENT_TYPE};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use solana_keypair::Keypair;
use solana_signature::Signature;
use solana_signer::Signer;
use thiserror::Error;
use url::Url;

pub use self::adaptation::{AdaptationFigures, AdaptationReport, SignedAdaptation, TuningFigures};
pub use figures::{
    EpochFigures, EpochMember, EpochState, ExplainedChallenger, ExplainedDrop, ExplainedMeasurement, Explanation,
    PeerStatus, Standing,
};

/// Largest answer that the client accepts, bytes: a peer must not be able to fill this machine's memory.
pub const MAX_ANSWER_BYTES: u64 = 256 << 20;

const HOLDING_DOMAIN: &[u8; 32] = b"lumora oracle holding v1\0\0\0\0\0\0\0\0";
const DELIVERY_DOMAIN: &[u8; 32] = b"lumora oracle delivery v1\0\0\0\0\0\0\0";

/// Who an oracle is and what it is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Key with which it signs.
    #[serde(with = "base58")]
    pub oracle: Address,
    /// The network it serves.
    #[serde(with = "hex_bytes")]
    pub network_id: [u8; 32],
    /// Epoch being measured, if one is open.
    pub epoch: Option<u64>,
    /// Latest epoch whose attested leaves it can serve.
    pub attested_epoch: Option<u64>,
    /// Rounds of measurement in an epoch.
    pub rounds_per_epoch: u32,
    /// Oracles that measure a node in a round.
    pub challengers_per_round: u32,
    /// What the chain says about it.
    #[serde(default)]
    pub standing: Option<Standing>,
    /// The other oracles that it asks.
    #[serde(default)]
    pub peers: Vec<PeerStatus>,
}

/// Which bundles of an epoch an oracle holds and can hand on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedHolding {
    /// Who says so.
    #[serde(with = "base58")]
    pub oracle: Address,
    /// The epoch.
    pub epoch: u64,
    /// What it holds, by author, ascending.
    pub bundles: Vec<HeldBundle>,
    /// Whether the list is final: the oracle will accept no further bundle from its author.
    pub closed: bool,
    /// ed25519 over [`Self::digest`].
    #[serde(with = "base58")]
    pub signature: Signature,
}

/// A bundle that an oracle holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldBundle {
    /// The bundle's author.
    #[serde(with = "base58")]
    pub oracle: Address,
    /// Root of the bundle.
    #[serde(with = "hex_bytes")]
    pub root: Hash,
}

impl SignedHolding {
    /// Signs a holding.
    pub fn sign(key: &Keypair, network_id: &[u8; 32], epoch: u64, bundles: Vec<HeldBundle>, closed: bool) -> Self {
        let mut holding = Self {
            oracle: key.pubkey(),
            epoch,
            bundles,
            closed,
            signature: Signature::default(),
        };
        holding.signature = key.sign_message(&holding.digest(network_id));
        holding
    }

    /// The 32 bytes that are signed.
    pub fn digest(&self, network_id: &[u8; 32]) -> Hash {
        let mut bundles = Vec::with_capacity(self.bundles.len() * 64);
        for bundle in &self.bundles {
            bundles.extend_from_slice(bundle.oracle.as_ref());
            bundles.extend_from_slice(&bundle.root);
        }
        let header = [self.epoch.to_le_bytes().as_slice(), &[u8::from(self.closed)]].concat();
        sha256(&[HOLDING_DOMAIN, network_id, self.oracle.as_ref(), &header, &bundles])
    }

    /// Whether its author signed it for this network.
    pub fn is_authentic(&self, network_id: &[u8; 32]) -> bool {
        self.signature.verify(self.oracle.as_ref(), &self.digest(network_id))
    }
}

/// What an oracle signed about an epoch, with its signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedStatement {
    /// Who signed.
    #[serde(with = "base58")]
    pub oracle: Address,
    /// The network's id.
    #[serde(with = "hex_bytes")]
    pub network_id: [u8; 32],
    /// Address of the bandwidth program.
    #[serde(with = "base58")]
    pub program: Address,
    /// Epoch attested.
    pub epoch: u64,
    /// Version of the oracle set that signs.
    pub set_version: u32,
    /// Root of the epoch's leaves.
    #[serde(with = "hex_bytes")]
    pub root: Hash,
    /// Number of leaves.
    pub leaf_count: u32,
    /// Sum of the leaves' contributions of this epoch, kbit.
    pub total_contribution: u64,
    /// What this epoch adds to the leaves' cumulative rewards, LMR base units.
    pub epoch_reward: u64,
    /// Sum of the leaves' cumulative rewards, LMR base units.
    pub cumulative_reward: u64,
    /// Bit i: the bundle of member i was used.
    pub bundles: u32,
    /// Unix time after which the signature is void.
    pub expires_at: i64,
    /// ed25519 over the statement's digest.
    #[serde(with = "base58")]
    pub signature: Signature,
}

impl SignedStatement {
    /// Signs a statement. An oracle must never sign two about one epoch: see to it before calling this.
    pub fn sign(key: &Keypair, statement: &Statement) -> Self {
        Self::new(key.pubkey(), statement, key.sign_message(&statement.digest()))
    }

    /// A statement with somebody's signature, which is not checked here.
    pub fn new(oracle: Address, statement: &Statement, signature: Signature) -> Self {
        Self {
            oracle,
            network_id: statement.network_id,
            program: Address::new_from_array(statement.program),
            epoch: statement.epoch,
            set_version: statement.set_version,
            root: statement.root,
            leaf_count: statement.leaf_count,
            total_contribution: statement.total_contribution,
            epoch_reward: statement.epoch_reward,
            cumulative_reward: statement.cumulative_reward,
            bundles: statement.bundles,
            expires_at: statement.expires_at,
            signature,
        }
    }

    /// The figures, as the bandwidth program takes them.
    pub fn arguments(&self) -> SubmitAttestationArguments {
        SubmitAttestationArguments {
            root: self.root,
            leaf_count: self.leaf_count,
            total_contribution: self.total_contribution,
            epoch_reward: self.epoch_reward,
            cumulative_reward: self.cumulative_reward,
            bundles: self.bundles,
            expires_at: self.expires_at,
        }
    }

    /// What was signed.
    pub fn statement(&self) -> Statement {
        Statement {
            network_id: self.network_id,
            program: self.program.to_bytes(),
            epoch: self.epoch,
            set_version: self.set_version,
            root: self.root,
            leaf_count: self.leaf_count,
            total_contribution: self.total_contribution,
            epoch_reward: self.epoch_reward,
            cumulative_reward: self.cumulative_reward,
            bundles: self.bundles,
            expires_at: self.expires_at,
        }
    }

    /// Whether the signature is its author's over these figures.
    pub fn is_authentic(&self) -> bool {
        self.signature.verify(self.oracle.as_ref(), &self.statement().digest())
    }
}

/// One node's figures in one epoch: a leaf, as JSON. Units are those of [`Leaf`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct LeafFigures {
    #[serde(with = "base58")]
    pub node: Address,
    pub epoch: u64,
    pub down_kbps: u32,
    pub up_kbps: u32,
    pub rtt_us: u32,
    pub uptime_bps: u16,
    pub reputation_bps: u16,
    pub reason: u8,
    pub contribution: u64,
    pub cumulative_contribution: u64,
    pub cumulative_reward: u64,
}

impl LeafFigures {
    /// The leaf that the oracles sign over.
    pub fn leaf(&self) -> Leaf {
        Leaf {
            node: self.node.to_bytes(),
            epoch: self.epoch,
            down_kbps: self.down_kbps,
            up_kbps: self.up_kbps,
            rtt_us: self.rtt_us,
            uptime_bps: self.uptime_bps,
            reputation_bps: self.reputation_bps,
            reason: self.reason,
            contribution: self.contribution,
            cumulative_contribution: self.cumulative_contribution,
            cumulative_reward: self.cumulative_reward,
        }
    }

    /// What the reason code means, if this version knows it.
    pub fn reason_sentence(&self) -> &'static str {
        Reason::from_code(self.reason).map_or("The reason is unknown to this version.", Reason::sentence)
    }
}

impl From<Leaf> for LeafFigures {
    fn from(leaf: Leaf) -> Self {
        Self {
            node: Address::new_from_array(leaf.node),
            epoch: leaf.epoch,
            down_kbps: leaf.down_kbps,
            up_kbps: leaf.up_kbps,
            rtt_us: leaf.rtt_us,
            uptime_bps: leaf.uptime_bps,
            reputation_bps: leaf.reputation_bps,
            reason: leaf.reason,
            contribution: leaf.contribution,
            cumulative_contribution: leaf.cumulative_contribution,
            cumulative_reward: leaf.cumulative_reward,
        }
    }
}

/// A leaf and its place in the epoch's tree: what `prove` takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeafProof {
    /// The leaf.
    #[serde(flatten)]
    pub figures: LeafFigures,
    /// Which leaf it is.
    pub index: u32,
    /// Number of leaves.
    pub count: u32,
    /// Siblings from the leaf upwards.
    #[serde(with = "hex_list")]
    pub path: Vec<Hash>,
}

impl LeafProof {
    /// Whether this is the leaf of an attested root; take root and count from the chain.
    pub fn is_under(&self, root: &Hash, count: u32) -> bool {
        self.count == count
            && merkle::verify(
                root,
                &self.figures.leaf().hash(),
                u64::from(self.index),
                u64::from(count),
                &self.path,
            )
    }

    /// The arguments of `prove`; the path follows them in the instruction.
    pub fn arguments(&self) -> ProveArguments {
        let figures = &self.figures;
        ProveArguments {
            index: self.index,
            down_kbps: figures.down_kbps,
            up_kbps: figures.up_kbps,
            rtt_us: figures.rtt_us,
            uptime_bps: figures.uptime_bps,
            reputation_bps: figures.reputation_bps,
            reason: figures.reason,
            contribution: figures.contribution,
            cumulative_contribution: figures.cumulative_contribution,
            cumulative_reward: figures.cumulative_reward,
        }
    }
}

/// What a process that measures for an oracle brings to the oracle's main process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Where the worker measures, as nodes reach it.
    pub worker: SocketAddr,
    /// The worker's clock, Unix seconds.
    pub sent_at: i64,
    /// Receipts in the encoding of bundles, as base64.
    #[serde(with = "base64_list")]
    pub receipts: Vec<Vec<u8>>,
    /// ed25519 of the oracle's key over all of it.
    #[serde(with = "base58")]
    pub signature: Signature,
}

impl Delivery {
    /// Signs a delivery with the oracle's key.
    pub fn sign(key: &Keypair, worker: SocketAddr, sent_at: i64, receipts: Vec<Vec<u8>>) -> Self {
        let mut delivery = Self {
            worker,
            sent_at,
            receipts,
            signature: Signature::default(),
        };
        delivery.signature = key.sign_message(&delivery.digest());
        delivery
    }

    fn digest(&self) -> Hash {
        let receipts: Vec<Hash> = self.receipts.iter().map(|receipt| sha256(&[receipt])).collect();
        let worker = self.worker.to_string();
        let sent_at = self.sent_at.to_le_bytes();
        sha256(&[DELIVERY_DOMAIN, &sent_at, receipts.as_flattened(), worker.as_bytes()])
    }

    /// Whether it was signed with the key of this oracle.
    pub fn is_authentic(&self, oracle: &Address) -> bool {
        self.signature.verify(oracle.as_ref(), &self.digest())
    }
}

/// What the main process says to a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryAnswer {
    /// Receipts that were new.
    pub taken: u32,
    /// Tags of the networks that several nodes dial from, which are measured at one instant.
    pub shared: Vec<NetworkTag>,
}

/// Why an oracle could not be asked.
#[derive(Debug, Error)]
pub enum OracleApiError {
    /// The request did not get through.
    #[error("the oracle at {url} did not answer: {source}. Check that it runs and that the address is right")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// What went wrong.
        source: reqwest::Error,
    },
    /// It said no.
    #[error("the oracle at {url} answered {status}: {message}")]
    Refused {
        /// What was asked for.
        url: String,
        /// HTTP status.
        status: StatusCode,
        /// Its words.
        message: String,
    },
    /// Its answer is not what it should be.
    #[error(
        "the oracle at {url} answered with something else than was asked for: {reason}. Check that its version fits"
    )]
    Malformed {
        /// What was asked for.
        url: String,
        /// What is wrong.
        reason: String,
    },
}

/// Asks one oracle.
#[derive(Clone, Debug)]
pub struct OracleClient {
    base: Url,
    http: reqwest::Client,
}

impl OracleClient {
    /// For the oracle with this base address, as `http://127.0.0.1:7002`. `timeout` bounds each request.
    pub fn new(base: Url, timeout: Duration) -> Result<Self, OracleApiError> {
        let http = reqwest::Client::builder()
            .timeout(timeout)
            .connect_timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|source| OracleApiError::Unreachable {
                url: base.to_string(),
                source,
            })?;
        Ok(Self { base, http })
    }

    /// Base address of the oracle.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// Who it is.
    pub async fn status(&self) -> Result<Status, OracleApiError> {
        self.json("v1/status")
            .await?
            .ok_or_else(|| self.malformed("v1/status", "it has no status"))
    }

    /// What it knows of an epoch; `None` where that is nothing. Check it against the chain.
    pub async fn epoch(&self, epoch: u64) -> Result<Option<EpochFigures>, OracleApiError> {
        self.json(&format!("v1/epochs/{epoch}")).await
    }

    /// Its own bundle of an epoch; `None` while it has none.
    pub async fn bundle(&self, epoch: u64) -> Result<Option<Vec<u8>>, OracleApiError> {
        self.bytes(&format!("v1/epochs/{epoch}/bundle")).await
    }

    /// Another oracle's bundle, if this one holds it.
    pub async fn bundle_of(&self, epoch: u64, oracle: &Address) -> Result<Option<Vec<u8>>, OracleApiError> {
        self.bytes(&format!("v1/epochs/{epoch}/bundles/{oracle}")).await
    }

    /// Which bundles it holds. Check the signature.
    pub async fn holding(&self, epoch: u64) -> Result<Option<SignedHolding>, OracleApiError> {
        self.json(&format!("v1/epochs/{epoch}/have")).await
    }

    /// What it signed about an epoch. Check the signature.
    pub async fn signature(&self, epoch: u64) -> Result<Option<SignedStatement>, OracleApiError> {
        self.json(&format!("v1/epochs/{epoch}/signature")).await
    }

    /// What it has seen that oracles signed about an epoch. Check the signatures.
    pub async fn signatures(&self, epoch: u64) -> Result<Option<Vec<SignedStatement>>, OracleApiError> {
        self.json(&format!("v1/epochs/{epoch}/signatures")).await
    }

    /// Shows it what an oracle signed.
    pub async fn show(&self, signed: &SignedStatement) -> Result<(), OracleApiError> {
        let path = format!("v1/epochs/{}/signatures", signed.epoch);
        let body = serde_json::to_vec(signed).map_err(|error| self.malformed(&path, &error.to_string()))?;
        self.post(&path, "application/json", body).await.map(|_| ())
    }

    /// All leaves of an attested epoch. Check them against the root on chain.
    pub async fn leaves(&self, epoch: u64) -> Result<Option<Vec<LeafFigures>>, OracleApiError> {
        self.json(&format!("v1/epochs/{epoch}/leaves")).await
    }

    /// A node's leaf of an attested epoch with its Merkle path. Check it against the root on chain.
    pub async fn leaf(&self, epoch: u64, node: &Address) -> Result<Option<LeafProof>, OracleApiError> {
        self.json(&format!("v1/epochs/{epoch}/leaves/{node}")).await
    }

    /// How a node's figures of an epoch came about.
    pub async fn explain(&self, epoch: u64, node: &Address) -> Result<Option<Explanation>, OracleApiError> {
        self.json(&format!("v1/epochs/{epoch}/explain/{node}")).await
    }

    /// Hands receipts over to the main process of one's own oracle.
    pub async fn deliver(&self, delivery: &Delivery) -> Result<DeliveryAnswer, OracleApiError> {
        let path = "v1/receipts";
        let body = serde_json::to_vec(delivery).map_err(|error| self.malformed(path, &error.to_string()))?;
        let answer = self.post(path, "application/json", body).await?;
        serde_json::from_slice(&answer).map_err(|error| self.malformed(path, &error.to_string()))
    }

    /// What it makes of the epoch attested last for the score; `None` while it has not looked. Check the signature.
    pub async fn adaptation(&self) -> Result<Option<AdaptationReport>, OracleApiError> {
        self.json("v1/adaptation").await
    }

    async fn json<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, OracleApiError> {
        let Some(bytes) = self.bytes(path).await? else {
            return Ok(None);
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| self.malformed(path, &error.to_string()))
    }

    async fn bytes(&self, path: &str) -> Result<Option<Vec<u8>>, OracleApiError> {
        let url = self.url(path)?;
        let request = self.http.get(url.clone());
        self.answer(path, url, request).await
    }

    async fn post(&self, path: &str, kind: &'static str, body: Vec<u8>) -> Result<Vec<u8>, OracleApiError> {
        let url = self.url(path)?;
        let request = self.http.post(url.clone()).header(CONTENT_TYPE, kind).body(body);
        let answer = self.answer(path, url, request).await?;
        answer.ok_or_else(|| self.malformed(path, "it does not know this request"))
    }

    fn url(&self, path: &str) -> Result<Url, OracleApiError> {
        self.base
            .join(path)
            .map_err(|error| self.malformed(path, &error.to_string()))
    }

    async fn answer(&self, path: &str, url: Url, request: RequestBuilder) -> Result<Option<Vec<u8>>, OracleApiError> {
        let unreachable = |source| OracleApiError::Unreachable {
            url: url.to_string(),
            source,
        };
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if (bytes.len() + chunk.len()) as u64 > MAX_ANSWER_BYTES {
                return Err(self.malformed(path, "the answer is larger than 256 MiB"));
            }
            bytes.extend_from_slice(&chunk);
        }
        match status {
            StatusCode::OK => Ok(Some(bytes)),
            StatusCode::NOT_FOUND => Ok(None),
            _ => {
                let message = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
                Err(OracleApiError::Refused {
                    url: url.to_string(),
                    status,
                    message,
                })
            }
        }
    }

    fn malformed(&self, path: &str, reason: &str) -> OracleApiError {
        OracleApiError::Malformed {
            url: format!("{}{path}", self.base),
            reason: reason.to_owned(),
        }
    }
}

/// Addresses and signatures as base58 text.
mod base58 {
    use std::{fmt::Display, str::FromStr};

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub fn deserialize<'de, T: FromStr, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map_err(|_| D::Error::custom(format!("`{text}` is not the base58 text that belongs here")))
    }
}

/// Lists of bytes as base64 texts.
mod base64_list {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(list: &[Vec<u8>], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(list.iter().map(|bytes| BASE64_STANDARD.encode(bytes)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<u8>>, D::Error> {
        Vec::<String>::deserialize(deserializer)?
            .into_iter()
            .map(|text| BASE64_STANDARD.decode(text).map_err(D::Error::custom))
            .collect()
    }
}

/// 32 bytes as hexadecimal text.
mod hex_bytes {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(bytes: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        super::read_hex(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// Hashes as a list of hexadecimal texts.
mod hex_list {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(list: &[[u8; 32]], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(list.iter().map(hex::encode))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<[u8; 32]>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts
            .iter()
            .map(|text| super::read_hex(text).map_err(D::Error::custom))
            .collect()
    }
}

fn read_hex(text: &str) -> Result<[u8; 32], String> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes)
        .map_err(|error| format!("`{text}` is not 32 bytes in hexadecimal: {error}"))?;
    Ok(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use lumora_core::merkle::Tree;

    use super::*;

    const NETWORK: [u8; 32] = [7; 32];

    fn leaf(node: u8) -> Leaf {
        Leaf {
            node: [node; 32],
            epoch: 4,
            down_kbps: 50_000,
            cumulative_reward: 1_234_567,
            ..Leaf::default()
        }
    }

    #[test]
    fn a_leaf_proof_survives_json_and_proves_only_its_own_figures() {
        let leaves = [leaf(1), leaf(2), leaf(3)];
        let tree = Tree::new(leaves.iter().map(Leaf::hash).collect());
        let proof = LeafProof {
            figures: leaves[1].into(),
            index: 1,
            count: 3,
            path: tree.path(1).unwrap(),
        };
        let read: LeafProof = serde_json::from_str(&serde_json::to_string(&proof).unwrap()).unwrap();
        assert_eq!(read, proof);
        assert!(read.is_under(&tree.root(), 3));
        assert!(!read.is_under(&tree.root(), 4));
        let richer = LeafProof {
            figures: LeafFigures {
                cumulative_reward: 1_234_568,
                ..read.figures
            },
            ..read
        };
        assert!(!richer.is_under(&tree.root(), 3));
    }

    #[test]
    fn a_statement_survives_json_and_a_changed_figure_voids_the_signature() {
        let statement = Statement {
            network_id: NETWORK,
            program: [2; 32],
            epoch: 4,
            set_version: 1,
            root: [3; 32],
            leaf_count: 5,
            total_contribution: 6,
            epoch_reward: 7,
            cumulative_reward: 8,
            bundles: 0b111,
            expires_at: 9,
        };
        let signed = SignedStatement::sign(&Keypair::new(), &statement);
        let read: SignedStatement = serde_json::from_str(&serde_json::to_string(&signed).unwrap()).unwrap();
        assert_eq!((read, read.statement()), (signed, statement));
        assert!(read.is_authentic());
        assert!(
            !SignedStatement {
                epoch_reward: 8,
                ..read
            }
            .is_authentic()
        );
        assert!(
            !SignedStatement {
                oracle: Keypair::new().pubkey(),
                ..read
            }
            .is_authentic()
        );
    }

    #[test]
    fn a_holding_counts_for_its_network_and_list_only() {
        let bundles = vec![
            HeldBundle {
                oracle: Address::new_from_array([8; 32]),
                root: [1; 32],
            },
            HeldBundle {
                oracle: Address::new_from_array([9; 32]),
                root: [2; 32],
            },
        ];
        let signed = SignedHolding::sign(&Keypair::new(), &NETWORK, 4, bundles, false);
        let read: SignedHolding = serde_json::from_str(&serde_json::to_string(&signed).unwrap()).unwrap();
        assert_eq!(read, signed);
        assert!(read.is_authentic(&NETWORK));
        assert!(!read.is_authentic(&[8; 32]));
        assert!(
            !SignedHolding {
                closed: true,
                ..read.clone()
            }
            .is_authentic(&NETWORK)
        );
        assert!(
            !SignedHolding {
                bundles: read.bundles[..1].to_vec(),
                ..read
            }
            .is_authentic(&NETWORK)
        );
    }
}
