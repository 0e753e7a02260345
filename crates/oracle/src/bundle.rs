//! An oracle's bundle: its receipts of an epoch and what it saw of each node on chain, in canonical order, under one
//! Merkle root that the oracle commits to on chain.

use std::cmp::Ordering;

use borsh::{BorshDeserialize, BorshSerialize};
use lumora_core::{
    hash::{Hash, sha256},
    merkle::{self, Tree},
};
use lumora_pob::SignedReceipt;
use solana_keypair::Keypair;
use solana_signature::Signature;
use solana_signer::Signer;
use thiserror::Error;

const DOMAIN: &[u8; 32] = b"lumora oracle bundle v2\0\0\0\0\0\0\0\0\0";
const RECEIPT_KIND: u8 = 0;
const SIGHTING_KIND: u8 = 1;

/// What an oracle saw of a node on chain when its epoch ended. Accounts change between two reads, so that oracles could
/// not agree on what "the" account says; they agree on the middle of what they saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Sighting {
    /// Address of the node's account.
    pub node: Hash,
    /// Key with which the node signs receipts.
    pub transport_key: Hash,
    /// Wallet that owns the node.
    pub owner: Hash,
    /// Rate that its provider is willing to share, kbit/s.
    pub limit_kbps: u32,
    /// Whether its owner keeps it from being measured.
    pub paused: bool,
    /// Assignments completed in its lifetime.
    pub completed: u64,
    /// Assignments whose result the majority did not agree with.
    pub failed: u64,
    /// Assignments that ran out of time.
    pub expired: u64,
    /// What buyers' ratings take off, in parts of 10,000 of a shard; see `core::reputation`.
    pub marred: u64,
}

/// An oracle's evidence of one epoch.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Bundle {
    network_id: [u8; 32],
    epoch: u64,
    oracle: Hash,
    /// By round, then node; one of each at most.
    receipts: Vec<SignedReceipt>,
    /// By node; one of each at most.
    sightings: Vec<Sighting>,
}

impl Bundle {
    /// Puts the evidence into canonical order. Of two receipts of one node and round, and of two sightings of one node,
    /// the first stays.
    pub fn new(
        network_id: [u8; 32],
        epoch: u64,
        oracle: Hash,
        mut receipts: Vec<SignedReceipt>,
        mut sightings: Vec<Sighting>,
    ) -> Self {
        receipts.sort_by(|a, b| receipt_order(a).cmp(&receipt_order(b)));
        receipts.dedup_by(|a, b| receipt_order(a) == receipt_order(b));
        sightings.sort_by_key(|sighting| sighting.node);
        sightings.dedup_by_key(|sighting| sighting.node);
        Self {
            network_id,
            epoch,
            oracle,
            receipts,
            sightings,
        }
    }

    /// Whose it is.
    pub fn oracle(&self) -> &Hash {
        &self.oracle
    }

    /// The receipts, by round and node.
    pub fn receipts(&self) -> &[SignedReceipt] {
        &self.receipts
    }

    /// The sightings, by node.
    pub fn sightings(&self) -> &[Sighting] {
        &self.sightings
    }

    /// Number of entries: receipts and sightings.
    pub fn entries(&self) -> u32 {
        u32::try_from(self.receipts.len() + self.sightings.len()).unwrap_or(u32::MAX)
    }

    /// Root of the Merkle tree over all entries, receipts first. Each leaf begins with its kind, so that a sighting cannot
    /// pass for a receipt.
    pub fn root(&self) -> Hash {
        let receipts = self.receipts.iter().map(|receipt| leaf(RECEIPT_KIND, receipt));
        let sightings = self.sightings.iter().map(|sighting| leaf(SIGHTING_KIND, sighting));
        Tree::new(receipts.chain(sightings).collect()).root()
    }

    /// The bytes that are handed on, signed, so that a bundle is its author's even before its root is on chain.
    pub fn seal(&self, key: &Keypair) -> Vec<u8> {
        let signature: [u8; 64] = key.sign_message(&self.digest()).into();
        encode(&(self, signature))
    }

    /// Reads a sealed bundle and checks that it is `oracle`'s of this epoch, signed and in canonical order. The receipts
    /// are not checked here: a bad one is dropped by whoever aggregates.
    pub fn open(bytes: &[u8], network_id: &[u8; 32], epoch: u64, oracle: &Hash) -> Result<Self, BundleError> {
        let (bundle, signature): (Self, [u8; 64]) = borsh::from_slice(bytes).map_err(|_| BundleError::Encoding)?;
        if bundle.network_id != *network_id || bundle.epoch != epoch || bundle.oracle != *oracle {
            return Err(BundleError::OtherBundle);
        }
        let ordered = bundle
            .receipts
            .windows(2)
            .all(|pair| receipt_order(&pair[0]) < receipt_order(&pair[1]))
            && bundle
                .sightings
                .windows(2)
                .all(|pair| pair[0].node.cmp(&pair[1].node) == Ordering::Less);
        if !ordered {
            return Err(BundleError::Order);
        }
        if !Signature::from(signature).verify(oracle, &bundle.digest()) {
            return Err(BundleError::Signature);
        }
        Ok(bundle)
    }

    fn digest(&self) -> Hash {
        sha256(&[
            DOMAIN,
            &self.network_id,
            &self.epoch.to_le_bytes(),
            &self.oracle,
            &self.entries().to_le_bytes(),
            &self.root(),
        ])
    }
}

/// Why bytes are not the bundle that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BundleError {
    /// Not borsh, or something follows.
    #[error("its bytes are not a bundle")]
    Encoding,
    /// Another network, epoch or oracle.
    #[error("it is another oracle's, of another epoch or of another network")]
    OtherBundle,
    /// The order is part of what is agreed on.
    #[error("its entries are not in canonical order, or one is there twice")]
    Order,
    /// Not its author's.
    #[error("its author's signature is wrong")]
    Signature,
    /// Its author committed to something else.
    #[error("its root is not the one that its author committed to on chain")]
    Root,
}

fn receipt_order(receipt: &SignedReceipt) -> (u32, &Hash) {
    (receipt.receipt.round, &receipt.receipt.node)
}

fn leaf(kind: u8, entry: &impl BorshSerialize) -> Hash {
    merkle::leaf_hash(&encode(&(kind, entry)))
}

fn encode(value: &impl BorshSerialize) -> Vec<u8> {
    borsh::to_vec(value).expect("writing to a vector cannot fail")
}
