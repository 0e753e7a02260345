//! Merkle trees in the shape of RFC 9162: leaves and inner nodes are hashed under different prefixes, so that an inner
//! node cannot pass for a leaf, and an odd node is promoted rather than doubled, so that no two lists share a root.

use alloc::vec::Vec;

use crate::hash::{Hash, sha256};

pub(crate) const LEAF_PREFIX: &[u8] = &[0];
const NODE_PREFIX: &[u8] = &[1];

/// Root of a tree without leaves: SHA-256 of nothing, as in the RFC.
pub fn empty_root() -> Hash {
    sha256(&[])
}

/// Hash of a leaf's bytes.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    sha256(&[LEAF_PREFIX, leaf])
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[NODE_PREFIX, left, right])
}

/// Whether `leaf` (already hashed with [`leaf_hash`]) is leaf number `index` of the `count` leaves under `root`.
///
/// `path` holds the siblings from the leaf upwards (RFC 9162, section 2.1.3.2).
pub fn verify(root: &Hash, leaf: &Hash, index: u64, count: u64, path: &[Hash]) -> bool {
    if index >= count {
        return false;
    }
    let mut position = index;
    let mut last = count.saturating_sub(1);
    let mut hash = *leaf;
    for sibling in path {
        if last == 0 {
            return false;
        }
        if position & 1 == 1 || position == last {
            hash = node_hash(sibling, &hash);
            // Skip the levels at which this node was promoted for lack of a sibling.
            while position & 1 == 0 && position != 0 {
                position >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        position >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// A whole tree, kept in memory to hand out paths.
pub struct Tree {
    /// Hashes of each level, the leaves first; a promoted node stands in every level it passes.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// Builds the tree over hashed leaves, in the order given.
    pub fn new(leaves: Vec<Hash>) -> Self {
        let mut levels = Vec::new();
        let mut level = leaves;
        while level.len() > 1 {
            let next = level
                .chunks(2)
                .map(|pair| match pair {
                    [left, right] => node_hash(left, right),
                    // chunks(2) yields one or two elements.
                    rest => rest.first().copied().unwrap_or_default(),
                })
                .collect();
            levels.push(core::mem::replace(&mut level, next));
        }
        levels.push(level);
        Self { levels }
    }

    /// The root.
    pub fn root(&self) -> Hash {
        self.levels
            .last()
            .and_then(|top| top.first())
            .copied()
            .unwrap_or_else(empty_root)
    }

    /// Number of leaves.
    pub fn len(&self) -> u64 {
        self.levels.first().map_or(0, Vec::len) as u64
    }

    /// Whether there are no leaves.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Siblings from leaf `index` up to the root, or `None` where there is no such leaf.
    pub fn path(&self, index: u64) -> Option<Vec<Hash>> {
        if index >= self.len() {
            return None;
        }
        let mut position = usize::try_from(index).ok()?;
        let mut path = Vec::new();
        for level in &self.levels {
            if let Some(sibling) = level.get(position ^ 1) {
                path.push(*sibling);
            }
            position >>= 1;
        }
        Some(path)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|i| leaf_hash(&i.to_le_bytes())).collect()
    }

    #[test]
    fn small_roots_are_those_of_the_definition() {
        let l = leaves(3);
        assert_eq!(Tree::new(vec![]).root(), empty_root());
        assert_eq!(Tree::new(vec![l[0]]).root(), l[0]);
        assert_eq!(Tree::new(l.clone()).root(), node_hash(&node_hash(&l[0], &l[1]), &l[2]));
    }

    proptest! {
        #[test]
        fn every_leaf_verifies_and_nothing_else_does(count in 1u64..200, pick in any::<u64>(), flip in any::<(usize, u8)>()) {
            let hashes = leaves(count);
            let tree = Tree::new(hashes.clone());
            let index = pick % count;
            let leaf = hashes[index as usize];
            let path = tree.path(index).unwrap();
            prop_assert!(verify(&tree.root(), &leaf, index, count, &path));
            prop_assert!(!verify(&tree.root(), &leaf_hash(b"forged"), index, count, &path));
            prop_assert!(!verify(&tree.root(), &leaf, index, count + count, &path) || path.is_empty());
            if count > 1 {
                let wrong = (index + 1) % count;
                prop_assert!(!verify(&tree.root(), &leaf, wrong, count, &path));
                prop_assert!(!verify(&tree.root(), &leaf, index, count, &path[1..]));
                let mut bent = path.clone();
                let at = flip.0 % bent.len();
                bent[at][usize::from(flip.1) % 32] ^= 1;
                prop_assert!(!verify(&tree.root(), &leaf, index, count, &bent));
            }
            let mut long = path.clone();
            long.push([0; 32]);
            prop_assert!(!verify(&tree.root(), &leaf, index, count, &long));
        }
    }
}
