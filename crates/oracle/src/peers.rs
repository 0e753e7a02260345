//! Asks the other oracles. Whatever they answer is checked here; one that is away or lies is as good as one that is not.

use futures_util::{StreamExt, future, stream};
use lumora_client::oracle_api::{OracleApiError, OracleClient, SignedHolding, SignedStatement};
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
    peers: Vec<(Address, OracleClient)>,
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
        let client = |url| OracleClient::new(url, config.peer_timeout());
        let peers = others
            .map(|peer| Ok((peer.key, client(peer.http.clone())?)))
            .collect::<Result<_>>()?;
        Ok(Self { network_id, peers })
    }

    /// What each that answers says it holds of an epoch.
    pub async fn holdings(&self, epoch: u64) -> Vec<SignedHolding> {
        let asked = self.peers.iter().map(|(key, client)| async move {
            let holding = answer(key, client.holding(epoch).await)?;
            let is_its_own = holding.oracle == *key && holding.epoch == epoch;
            (is_its_own && holding.is_authentic(&self.network_id)).then_some(holding)
        });
        future::join_all(asked).await.into_iter().flatten().collect()
    }

    /// What each that answers signed about an epoch.
    pub async fn signatures(&self, epoch: u64) -> Vec<SignedStatement> {
        let asked = self.peers.iter().map(|(key, client)| async move {
            let signed = answer(key, client.signature(epoch).await)?;
            let is_its_own = signed.oracle == *key && signed.epoch == epoch && signed.network_id == self.network_id;
            (is_its_own && signed.is_authentic()).then_some(signed)
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
        let mut order: Vec<&(Address, OracleClient)> = self
            .peers
            .iter()
            .filter(|(key, _)| key == author || holders.contains(key))
            .collect();
        order.sort_by_key(|(key, _)| key != author);
        for (key, client) in order {
            let sealed = if key == author {
                client.bundle(epoch).await
            } else {
                client.bundle_of(epoch, author).await
            };
            let Some(sealed) = answer(key, sealed) else { continue };
            match self.check(epoch, author, committed, sealed) {
                Ok(fetched) => return Some(fetched),
                Err(why) => tracing::warn!(%author, from = %key, epoch, %why, "a bundle was refused"),
            }
        }
        None
    }

    /// The leaves under an attested root, from whoever has them.
    pub async fn leaves(&self, epoch: u64, root: &Hash) -> Option<Vec<Leaf>> {
        let asked = stream::iter(&self.peers).filter_map(|(key, client)| async move {
            let figures = answer(key, client.leaves(epoch).await)?;
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

fn answer<T>(key: &Address, result: std::result::Result<Option<T>, OracleApiError>) -> Option<T> {
    result.unwrap_or_else(|error| {
        tracing::debug!(peer = %key, %error, "another oracle did not answer");
        None
    })
}
