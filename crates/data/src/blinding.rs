//! Hashes of what is for sale become public: roots on chain, paths of the free sample. A hash of content that can be
//! guessed tells whether the guess is right, so every leaf of those trees is blinded with a value that only who has the
//! content key can compute. A single value may be shown without giving away the others.

use lumora_core::hash::{Hash, sha256};
use zeroize::Zeroizing;

use crate::key::{ContentKey, derive};

/// Prefix of a leaf (RFC 9162, section 2.1.1).
const LEAF_PREFIX: [u8; 1] = [0];

/// Which tree is blinded: one tree's values say nothing of another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tree {
    /// The segments in clear.
    Plaintext,
    /// The provenance of the rows.
    Provenance,
}

impl Tree {
    const fn info(self) -> &'static [u8] {
        match self {
            Self::Plaintext => b"lumora plaintext blinding v1",
            Self::Provenance => b"lumora provenance blinding v1",
        }
    }
}

/// The blinding values of one tree of one dataset.
#[derive(Clone)]
pub(crate) struct Blinding(Zeroizing<[u8; 32]>);

impl Blinding {
    pub(crate) fn new(key: &ContentKey, dataset_id: &[u8; 32], tree: Tree) -> Self {
        Self(Zeroizing::new(derive(key.expose(), dataset_id, tree.info())))
    }

    /// The value of leaf `index`: SHA-256 of a secret and a number, both of fixed length, is a pseudorandom function of
    /// the number.
    pub(crate) fn value(&self, index: u64) -> [u8; 32] {
        sha256(&[self.0.as_slice(), &index.to_le_bytes()])
    }

    /// The hashed leaf `index` with this content.
    pub(crate) fn leaf(&self, index: u64, content: &[u8]) -> Hash {
        blinded_leaf(&self.value(index), content)
    }
}

/// The leaf hash of the blinding value followed by the content.
pub(crate) fn blinded_leaf(value: &[u8; 32], content: &[u8]) -> Hash {
    sha256(&[&LEAF_PREFIX, value, content])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_are_those_of_the_tree_and_differ_by_key_dataset_tree_and_place() {
        let key = ContentKey::from_bytes([1; 32]);
        let blinding = Blinding::new(&key, &[2; 32], Tree::Plaintext);
        let value = blinding.value(3);
        let leaf = blinding.leaf(3, b"content");
        assert_eq!(leaf, lumora_core::merkle::leaf_hash(&[&value[..], b"content"].concat()));
        let others = [
            Blinding::new(&ContentKey::from_bytes([0; 32]), &[2; 32], Tree::Plaintext).leaf(3, b"content"),
            Blinding::new(&key, &[0; 32], Tree::Plaintext).leaf(3, b"content"),
            Blinding::new(&key, &[2; 32], Tree::Provenance).leaf(3, b"content"),
            blinding.leaf(4, b"content"),
            blinding.leaf(3, b"Content"),
        ];
        assert!(others.iter().all(|other| *other != leaf));
    }
}
