//! The commitment to a shard's result: a replica that copies another's reveal cannot have committed to it.

use crate::{
    agreement::Revealed,
    hash::{Hash, sha256},
};

/// Where a result belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The network's id.
    pub network_id: [u8; 32],
    /// Address of the job.
    pub job: [u8; 32],
    /// Shard of the job.
    pub shard: u32,
    /// Replica of the shard.
    pub replica: u8,
    /// Address of the node.
    pub node: [u8; 32],
}

/// SHA-256 of domain, slot, result root, sketch, count and salt.
pub fn commitment(slot: &Slot, root: &Hash, revealed: Revealed, salt: &[u8; 32]) -> Hash {
    sha256(&[
        b"lumora result commitment v1",
        &slot.network_id,
        &slot.job,
        &slot.shard.to_le_bytes(),
        &[slot.replica],
        &slot.node,
        root,
        &revealed.sketch.0.to_le_bytes(),
        &revealed.records.to_le_bytes(),
        salt,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::Sketch;

    #[test]
    fn everything_is_bound() {
        let slot = Slot {
            network_id: [1; 32],
            job: [2; 32],
            shard: 3,
            replica: 4,
            node: [5; 32],
        };
        let revealed = Revealed {
            sketch: Sketch(6),
            records: 7,
        };
        let base = commitment(&slot, &[8; 32], revealed, &[9; 32]);
        let others = [
            commitment(
                &Slot {
                    network_id: [0; 32],
                    ..slot
                },
                &[8; 32],
                revealed,
                &[9; 32],
            ),
            commitment(&Slot { job: [0; 32], ..slot }, &[8; 32], revealed, &[9; 32]),
            commitment(&Slot { shard: 0, ..slot }, &[8; 32], revealed, &[9; 32]),
            commitment(&Slot { replica: 0, ..slot }, &[8; 32], revealed, &[9; 32]),
            commitment(&Slot { node: [0; 32], ..slot }, &[8; 32], revealed, &[9; 32]),
            commitment(&slot, &[0; 32], revealed, &[9; 32]),
            commitment(
                &slot,
                &[8; 32],
                Revealed {
                    sketch: Sketch(0),
                    ..revealed
                },
                &[9; 32],
            ),
            commitment(&slot, &[8; 32], Revealed { records: 0, ..revealed }, &[9; 32]),
            commitment(&slot, &[8; 32], revealed, &[0; 32]),
        ];
        assert!(others.iter().all(|other| *other != base));
    }
}
