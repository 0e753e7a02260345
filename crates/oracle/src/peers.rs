//! Asks the other oracles. Whatever they answer is checked here; one that is away or lies is as good as one that is not.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

use futures_util::{StreamExt, future, stream};
use lumora_client::oracle_api::{
    OracleApiError, OracleClient, PeerStatus, SignedAdaptation, SignedHolding, SignedStatement,
};
use lumora_core::{attestation::Leaf, hash::Hash};
use lumora_interface::Address;

use crate::{
    aggregate,
    bundle::{Bundle, BundleError},
    config::OracleConfig,
    error::Result,
};

/// The other oracles.
pub struct Peers {
    network_id: [u8; 32],
    peers: Vec<Peer>,
}

/// Another oracle.
struct Peer {
    key: Address,
    client: OracleClient,
    /// When it answered last, if only to say that it has not got what was asked for.
    answered_at: Mutex<Option<Instant>>,
}

/// A bundle as it came, checked.
pub struct Fetched {
    /// Root of the bundle.
    pub root: Hash,
    /// Number of its receipts.
    pub receipts: u32,
    /// The bytes to hand on.
    pub sealed: Vec<u8>,
}

impl Peers {
    /// Those that the configuration names, less this oracle itself.
    pub fn new(config: &OracleConfig, network_id: [u8; 32], own: &Address) -> Result<Self> {
        let others = config.peers.iter().filter(|peer| peer.key != *own);
        let peers = others
            .map(|peer| {
                Ok(Peer {
                    key: peer.key,
                    client: OracleClient::new(peer.http.clone(), config.peer_timeout())?,
                    answered_at: Mutex::default(),
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self { network_id, peers })
    }

    /// Which of them answer.
    pub fn status(&self) -> Vec<PeerStatus> {
        self.peers.iter().map(Peer::status).collect()
    }

    /// What each that answers says it holds of an epoch.
    pub async fn holdings(&self, epoch: u64) -> Vec<SignedHolding> {
        let asked = self.peers.iter().map(|peer| async move {
            let holding = peer.answer(peer.client.holding(epoch).await)?;
            let is_its_own = holding.oracle == peer.key && holding.epoch == epoch;
            (is_its_own && holding.is_authentic(&self.network_id)).then_some(holding)
        });
        future::join_all(asked).await.into_iter().flatten().collect()
    }

    /// What each that answers signed about an epoch.
    pub async fn signatures(&self, epoch: u64) -> Vec<SignedStatement> {
        let asked = self.peers.iter().map(|peer| async move {
            let signed = peer.answer(peer.client.signature(epoch).await)?;
            let is_its_own = signed.oracle == peer.key && signed.epoch == epoch && signed.network_id == self.network_id;
            (is_its_own && signed.is_authentic()).then_some(signed)
        });
        future::join_all(asked).await.into_iter().flatten().collect()
    }

    /// What each that answers has seen that oracles signed about an epoch, itself included. Not checked.
    pub async fn seen_signatures(&self, epoch: u64) -> Vec<SignedStatement> {
        let asked = self
            .peers
            .iter()
            .map(|peer| async move { peer.answer(peer.client.signatures(epoch).await) });
        future::join_all(asked).await.into_iter().flatten().flatten().collect()
    }

    /// The signatures under the adaptation with this digest, of each that answers and came to the same.
    pub async fn adaptations(&self, digest: &Hash) -> Vec<SignedAdaptation> {
        let asked = self.peers.iter().map(|peer| async move {
            let signed = peer.answer(peer.client.adaptation().await)?.signed?;
            (signed.oracle == peer.key && signed.is_of(digest)).then_some(signed)
        });
        future::join_all(asked).await.into_iter().flatten().collect()
    }

    /// A bundle, from its author or from another that holds it: the first that is right. Where `committed` is the root on
    /// chain, no other bundle is taken.
    pub async fn bundle(
        &self,
        epoch: u64,
        author: &Address,
        holders: &[Address],
        committed: Option<&Hash>,
    ) -> Option<Fetched> {
        let mut order: Vec<&Peer> = self
            .peers
            .iter()
            .filter(|peer| peer.key == *author || holders.contains(&peer.key))
            .collect();
        order.sort_by_key(|peer| peer.key != *author);
        for peer in order {
            let sealed = if peer.key == *author {
                peer.client.bundle(epoch).await
            } else {
                peer.client.bundle_of(epoch, author).await
            };
            let Some(sealed) = peer.answer(sealed) else { continue };
            match self.check(epoch, author, committed, sealed) {
                Ok(fetched) => return Some(fetched),
                Err(why) => tracing::warn!(%author, from = %peer.key, epoch, %why, "a bundle was refused"),
            }
        }
        None
    }

    /// The leaves under an attested root, from whoever has them.
    pub async fn leaves(&self, epoch: u64, root: &Hash) -> Option<Vec<Leaf>> {
        let asked = stream::iter(&self.peers).filter_map(|peer| async move {
            let figures = peer.answer(peer.client.leaves(epoch).await)?;
            let leaves: Vec<Leaf> = figures.iter().map(|figures| figures.leaf()).collect();
            (aggregate::tree(&leaves).root() == *root).then_some(leaves)
        });
        std::pin::pin!(asked).next().await
    }

    fn check(
        &self,
        epoch: u64,
        author: &Address,
        committed: Option<&Hash>,
        sealed: Vec<u8>,
    ) -> std::result::Result<Fetched, BundleError> {
        let bundle = Bundle::open(&sealed, &self.network_id, epoch, &author.to_bytes())?;
        let root = bundle.root();
        if committed.is_some_and(|committed| *committed != root) {
            return Err(BundleError::Root);
        }
        let receipts = u32::try_from(bundle.receipts().len()).unwrap_or(u32::MAX);
        Ok(Fetched { root, receipts, sealed })
    }
}

impl Peer {
    fn answer<T>(&self, result: std::result::Result<Option<T>, OracleApiError>) -> Option<T> {
        match result {
            Ok(answer) => {
                *self.answered_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
                answer
            }
            Err(error) => {
                tracing::debug!(peer = %self.key, %error, "another oracle did not answer");
                None
            }
        }
    }

    fn status(&self) -> PeerStatus {
        let answered_at = *self.answered_at.lock().unwrap_or_else(PoisonError::into_inner);
        PeerStatus {
            oracle: self.key,
            http: self.client.base().clone(),
            answered_seconds_ago: answered_at.map(|at| at.elapsed().as_secs()),
        }
    }
}
