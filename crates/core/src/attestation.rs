//! What oracles attest: the leaf that holds one node's figures, and the statement that a quorum signs over all leaves.

use crate::{
    hash::{Hash, sha256},
    merkle,
};

/// Version of the leaf's layout.
pub const LEAF_VERSION: u8 = 1;
/// Encoded size of a [`Leaf`] in bytes.
pub const LEAF_LEN: usize = 82;

const CONTENT_DOMAIN: &[u8; 32] = b"lumora attestation content v2\0\0\0";
const STATEMENT_DOMAIN: &[u8; 32] = b"lumora attestation statement v2\0";

/// One node's figures in one epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leaf {
    /// Address of the node's account.
    pub node: [u8; 32],
    /// Epoch measured.
    pub epoch: u64,
    /// Attested rate towards the node, kbit/s.
    pub down_kbps: u32,
    /// Attested rate from the node, kbit/s.
    pub up_kbps: u32,
    /// Attested round-trip time, microseconds.
    pub rtt_us: u32,
    /// Share of the scheduled rounds that the node answered, bp.
    pub uptime_bps: u16,
    /// Reputation, bp.
    pub reputation_bps: u16,
    /// Why a figure is what it is: a [`crate::reason::Reason`].
    pub reason: u8,
    /// Contribution of this epoch, kbit.
    pub contribution: u64,
    /// Contribution of the node's lifetime, kbit.
    pub cumulative_contribution: u64,
    /// Reward of the node's lifetime, LMR base units. Cumulative, so that a missed epoch costs nothing and a repeated
    /// claim pays nothing.
    pub cumulative_reward: u64,
}

impl Leaf {
    /// The leaf's canonical bytes: version, then the fields in order, little endian.
    pub fn encode(&self) -> [u8; LEAF_LEN] {
        self.with_fields(|fields| {
            let mut bytes = [0; LEAF_LEN];
            for (slot, byte) in bytes.iter_mut().zip(fields.into_iter().flatten()) {
                *slot = *byte;
            }
            bytes
        })
    }

    fn with_fields<T>(&self, read: impl FnOnce([&[u8]; 12]) -> T) -> T {
        read([
            &[LEAF_VERSION],
            &self.node,
            &self.epoch.to_le_bytes(),
            &self.down_kbps.to_le_bytes(),
            &self.up_kbps.to_le_bytes(),
            &self.rtt_us.to_le_bytes(),
            &self.uptime_bps.to_le_bytes(),
            &self.reputation_bps.to_le_bytes(),
            &[self.reason],
            &self.contribution.to_le_bytes(),
            &self.cumulative_contribution.to_le_bytes(),
            &self.cumulative_reward.to_le_bytes(),
        ])
    }

    /// The leaf behind its canonical bytes; `None` where they are of another version.
    pub fn decode(bytes: &[u8; LEAF_LEN]) -> Option<Self> {
        fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
            let (field, after) = rest.split_first_chunk()?;
            *rest = after;
            Some(*field)
        }
        let mut rest: &[u8] = bytes;
        if take(&mut rest)? != [LEAF_VERSION] {
            return None;
        }
        Some(Self {
            node: take(&mut rest)?,
            epoch: u64::from_le_bytes(take(&mut rest)?),
            down_kbps: u32::from_le_bytes(take(&mut rest)?),
            up_kbps: u32::from_le_bytes(take(&mut rest)?),
            rtt_us: u32::from_le_bytes(take(&mut rest)?),
            uptime_bps: u16::from_le_bytes(take(&mut rest)?),
            reputation_bps: u16::from_le_bytes(take(&mut rest)?),
            reason: u8::from_le_bytes(take(&mut rest)?),
            contribution: u64::from_le_bytes(take(&mut rest)?),
            cumulative_contribution: u64::from_le_bytes(take(&mut rest)?),
            cumulative_reward: u64::from_le_bytes(take(&mut rest)?),
        })
    }

    /// The leaf's hash in the epoch's tree: that of its bytes, without putting them together first, which on chain
    /// costs more than the hash.
    pub fn hash(&self) -> Hash {
        self.with_fields(|fields| {
            let mut parts = [merkle::LEAF_PREFIX; 13];
            for (part, field) in parts.iter_mut().skip(1).zip(fields) {
                *part = field;
            }
            sha256(&parts)
        })
    }
}

/// What each oracle of a quorum signs about an epoch. Everything that could make the same signature mean something else
/// is bound: the network, the program, the epoch, the version of the oracle set, the data used, an expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The network's id.
    pub network_id: [u8; 32],
    /// Address of the bandwidth program.
    pub program: [u8; 32],
    /// Epoch attested.
    pub epoch: u64,
    /// Version of the oracle set that signs.
    pub set_version: u32,
    /// Root of the epoch's leaves.
    pub root: Hash,
    /// Number of leaves.
    pub leaf_count: u32,
    /// Sum of the leaves' contributions of this epoch, kbit.
    pub total_contribution: u64,
    /// What this epoch adds to the leaves' cumulative rewards, LMR base units.
    pub epoch_reward: u64,
    /// Sum of the leaves' cumulative rewards, LMR base units.
    pub cumulative_reward: u64,
    /// Which oracles' bundles were used: bit i for member i of the set.
    pub bundles: u32,
    /// Unix time after which the signatures are void.
    pub expires_at: i64,
}

impl Statement {
    /// Hash of what is stated: everything but the expiry. Two signatures of one oracle over different contents about one
    /// epoch are an offence; the same content signed anew, with a later expiry, is not.
    pub fn content(&self) -> Hash {
        sha256(&[
            CONTENT_DOMAIN,
            &self.network_id,
            &self.program,
            &self.epoch.to_le_bytes(),
            &self.set_version.to_le_bytes(),
            &self.root,
            &self.leaf_count.to_le_bytes(),
            &self.total_contribution.to_le_bytes(),
            &self.epoch_reward.to_le_bytes(),
            &self.cumulative_reward.to_le_bytes(),
            &self.bundles.to_le_bytes(),
        ])
    }

    /// The 32 bytes that are signed.
    pub fn digest(&self) -> Hash {
        digest(&self.content(), self.expires_at)
    }
}

/// The 32 bytes that are signed about a [content](Statement::content), valid until `expires_at` (Unix time).
pub fn digest(content: &Hash, expires_at: i64) -> Hash {
    sha256(&[STATEMENT_DOMAIN, content, &expires_at.to_le_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAF: Leaf = Leaf {
        node: [7; 32],
        epoch: 1,
        down_kbps: 2,
        up_kbps: 3,
        rtt_us: 4,
        uptime_bps: 5,
        reputation_bps: 6,
        reason: 7,
        contribution: 8,
        cumulative_contribution: 9,
        cumulative_reward: 10,
    };

    #[test]
    fn the_fields_fill_the_leaf_in_order() {
        let bytes = LEAF.encode();
        assert_eq!(bytes[0], LEAF_VERSION);
        assert_eq!(bytes[33], 1);
        assert_eq!(bytes[41], 2);
        assert_eq!(bytes[57], 7);
        assert_eq!(bytes[74..], 10u64.to_le_bytes());
    }

    #[test]
    fn a_leaf_comes_back_from_its_bytes() {
        let mut bytes = LEAF.encode();
        assert_eq!(Leaf::decode(&bytes), Some(LEAF));
        bytes[0] = LEAF_VERSION + 1;
        assert_eq!(Leaf::decode(&bytes), None);
    }

    #[test]
    fn the_hash_is_that_of_the_bytes() {
        assert_eq!(LEAF.hash(), merkle::leaf_hash(&LEAF.encode()));
    }

    #[test]
    fn every_field_changes_the_hash() {
        let changed = [
            Leaf { node: [8; 32], ..LEAF },
            Leaf { epoch: 2, ..LEAF },
            Leaf { down_kbps: 0, ..LEAF },
            Leaf { up_kbps: 0, ..LEAF },
            Leaf { rtt_us: 0, ..LEAF },
            Leaf { uptime_bps: 0, ..LEAF },
            Leaf {
                reputation_bps: 0,
                ..LEAF
            },
            Leaf { reason: 0, ..LEAF },
            Leaf {
                contribution: 0,
                ..LEAF
            },
            Leaf {
                cumulative_contribution: 0,
                ..LEAF
            },
            Leaf {
                cumulative_reward: 0,
                ..LEAF
            },
        ];
        for leaf in changed {
            assert_ne!(leaf.hash(), LEAF.hash(), "{leaf:?}");
        }
    }

    #[test]
    fn every_field_changes_the_digest() {
        let statement = Statement {
            network_id: [1; 32],
            program: [2; 32],
            epoch: 3,
            set_version: 4,
            root: [5; 32],
            leaf_count: 6,
            total_contribution: 7,
            epoch_reward: 8,
            cumulative_reward: 9,
            bundles: 10,
            expires_at: 11,
        };
        let changed = [
            Statement {
                network_id: [0; 32],
                ..statement
            },
            Statement {
                program: [0; 32],
                ..statement
            },
            Statement { epoch: 0, ..statement },
            Statement {
                set_version: 0,
                ..statement
            },
            Statement {
                root: [0; 32],
                ..statement
            },
            Statement {
                leaf_count: 0,
                ..statement
            },
            Statement {
                total_contribution: 0,
                ..statement
            },
            Statement {
                epoch_reward: 0,
                ..statement
            },
            Statement {
                cumulative_reward: 0,
                ..statement
            },
            Statement {
                bundles: 0,
                ..statement
            },
            Statement {
                expires_at: 0,
                ..statement
            },
        ];
        for other in changed {
            assert_ne!(other.digest(), statement.digest(), "{other:?}");
            // The expiry, and nothing else, is no part of what is stated.
            let same_content = other.expires_at != statement.expires_at;
            assert_eq!(other.content() == statement.content(), same_content, "{other:?}");
        }
    }
}
