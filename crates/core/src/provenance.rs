//! Where a record came from, as a Merkle leaf that a buyer can check.

use crate::{
    hash::{Hash, sha256},
    merkle,
};

/// What robots.txt said about a page when it was fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RobotsDecision {
    /// There was no robots.txt (4xx): everything is allowed.
    NoRules = 0,
    /// A rule, or the absence of one, allowed the page.
    Allowed = 1,
}

/// The provenance of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// SHA-256 of the canonical record.
    pub record_hash: Hash,
    /// SHA-256 of the URL it was taken from.
    pub url_hash: Hash,
    /// Unix time of the fetch.
    pub fetched_at: i64,
    /// What robots.txt said.
    pub robots: RobotsDecision,
    /// Node that fetched it.
    pub node: [u8; 32],
    /// Job it was fetched for.
    pub job: [u8; 32],
    /// Shard of the job.
    pub shard: u32,
}

impl Leaf {
    /// The leaf's hash in a provenance tree: the leaf hash of SHA-256(domain, fields in order, little endian).
    pub fn hash(&self) -> Hash {
        merkle::leaf_hash(&sha256(&[
            b"lumora provenance v1",
            &self.record_hash,
            &self.url_hash,
            &self.fetched_at.to_le_bytes(),
            &[self.robots as u8],
            &self.node,
            &self.job,
            &self.shard.to_le_bytes(),
        ]))
    }
}
