//! Merkle trees over more leaves than fit in memory. The trees are those of `lumora_core::merkle` (RFC 9162): a root is
//! computed from a stack of at most 64 subtree roots, and paths are read from a file.
//!
//! The file holds every node of the complete subtrees in the order in which they become complete: a leaf, then each
//! node that the leaf completes. Node (height h, first leaf i) then stands at 2(i + 2^h - 1) - ones(i + 2^h - 1) + h, so
//! that a path costs one small read for each level, however large the tree is.

use std::{
    fs::File,
    io::{BufWriter, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use lumora_core::{
    hash::{Hash, sha256},
    merkle::empty_root,
};

use crate::error::{Error, Result};

/// Prefix of an inner node (RFC 9162, section 2.1.1).
const NODE_PREFIX: [u8; 1] = [1];
const HASH_BYTES: u64 = 32;

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&NODE_PREFIX, left, right])
}

/// The root of leaves that come one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accumulator {
    leaves: u64,
    /// Roots of the complete subtrees, the largest first: one for each bit that is set in `leaves`.
    peaks: Vec<Hash>,
}

impl Accumulator {
    /// Adds a hashed leaf.
    pub fn push(&mut self, leaf: Hash) {
        // The closure cannot fail, so neither can this.
        let _ = self.push_each(leaf, |_| Ok::<_, std::convert::Infallible>(()));
    }

    /// Adds a hashed leaf and shows every node that becomes complete by it, the leaf first.
    fn push_each<E>(&mut self, leaf: Hash, mut complete: impl FnMut(&Hash) -> Result<(), E>) -> Result<(), E> {
        complete(&leaf)?;
        let mut node = leaf;
        for _ in 0..self.leaves.trailing_ones() {
            let Some(left) = self.peaks.pop() else { break };
            node = node_hash(&left, &node);
            complete(&node)?;
        }
        self.peaks.push(node);
        self.leaves += 1;
        Ok(())
    }

    /// Number of leaves.
    pub const fn len(&self) -> u64 {
        self.leaves
    }

    /// Whether there are no leaves.
    pub const fn is_empty(&self) -> bool {
        self.leaves == 0
    }

    /// The root of all leaves so far.
    pub fn root(&self) -> Hash {
        bag(&self.peaks).unwrap_or_else(empty_root)
    }
}

/// Root over subtrees of falling size: each odd one is promoted until it meets what is right of it.
fn bag(peaks: &[Hash]) -> Option<Hash> {
    peaks
        .iter()
        .rev()
        .copied()
        .reduce(|right, left| node_hash(&left, &right))
}

impl FromIterator<Hash> for Accumulator {
    fn from_iter<I: IntoIterator<Item = Hash>>(leaves: I) -> Self {
        let mut accumulator = Self::default();
        leaves.into_iter().for_each(|leaf| accumulator.push(leaf));
        accumulator
    }
}

/// Writes a tree to a file, leaf by leaf.
pub struct TreeWriter {
    out: BufWriter<File>,
    path: PathBuf,
    accumulator: Accumulator,
}

impl TreeWriter {
    /// Starts a tree in a new file at `path`.
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).map_err(|source| Error::file("create", path, source))?;
        Ok(Self {
            out: BufWriter::new(file),
            path: path.to_owned(),
            accumulator: Accumulator::default(),
        })
    }

    /// Adds a hashed leaf.
    pub fn push(&mut self, leaf: Hash) -> Result<()> {
        let out = &mut self.out;
        self.accumulator
            .push_each(leaf, |node| out.write_all(node))
            .map_err(|source| Error::file("write", &self.path, source))
    }

    /// Completes the file and returns the root.
    pub fn finish(mut self) -> Result<Hash> {
        self.out
            .flush()
            .map_err(|source| Error::file("write", &self.path, source))?;
        Ok(self.accumulator.root())
    }
}

/// Reads paths from the file of a [`TreeWriter`].
pub struct TreeReader {
    file: File,
    path: PathBuf,
    leaves: u64,
}

impl TreeReader {
    /// Opens the tree of `leaves` leaves at `path`.
    pub fn open(path: &Path, leaves: u64) -> Result<Self> {
        let failed = |source| Error::file("read", path, source);
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        if Some(length) != nodes_before(leaves).checked_mul(HASH_BYTES) {
            return Err(Error::Malformed {
                what: "the provenance tree",
                why: format!(
                    "{} has {length} bytes, which is no tree of {leaves} leaves",
                    path.display()
                ),
            });
        }
        Ok(Self {
            file,
            path: path.to_owned(),
            leaves,
        })
    }

    /// Siblings from leaf `index` up to the root, as `lumora_core::merkle::verify` takes them; `None` where there is no
    /// such leaf.
    pub fn path(&mut self, index: u64) -> Result<Option<Vec<Hash>>> {
        if index >= self.leaves {
            return Ok(None);
        }
        let mut path = Vec::new();
        let (mut left, mut right) = (Vec::new(), Vec::new());
        let (mut first, leaves) = (0, self.leaves);
        for height in (0..u64::BITS).rev().filter(|height| leaves >> height & 1 == 1) {
            let next = first + (1 << height);
            if next <= index {
                left.push(self.node(height, first)?);
            } else if first > index {
                right.push(self.node(height, first)?);
            } else {
                for level in 0..height {
                    path.push(self.node(level, (index >> level ^ 1) << level)?);
                }
            }
            first = next;
        }
        path.extend(bag(&right));
        path.extend(left.into_iter().rev());
        Ok(Some(path))
    }

    /// The root of the complete subtree of `height` that begins at leaf `first`.
    fn node(&mut self, height: u32, first: u64) -> Result<Hash> {
        let place = nodes_before(first + (1 << height) - 1) + u64::from(height);
        let mut hash = [0; 32];
        self.file
            .seek(SeekFrom::Start(place * HASH_BYTES))
            .and_then(|_| self.file.read_exact(&mut hash))
            .map_err(|source| Error::file("read", &self.path, source))?;
        Ok(hash)
    }
}

/// Nodes of a tree's file that stand before leaf `leaf`.
fn nodes_before(leaf: u64) -> u64 {
    leaf.saturating_mul(2).saturating_sub(u64::from(leaf.count_ones()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use lumora_core::merkle::{Tree, leaf_hash, verify};

    use super::*;

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|i| leaf_hash(&i.to_le_bytes())).collect()
    }

    #[test]
    fn roots_and_paths_are_those_of_the_tree_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tree");
        for count in (0..70).chain([127, 128, 129, 255, 1_000]) {
            let leaves = leaves(count);
            let tree = Tree::new(leaves.clone());
            let accumulator: Accumulator = leaves.iter().copied().collect();
            assert_eq!(
                (accumulator.root(), accumulator.len()),
                (tree.root(), count),
                "{count} leaves"
            );

            let mut writer = TreeWriter::create(&file).unwrap();
            for leaf in &leaves {
                writer.push(*leaf).unwrap();
            }
            assert_eq!(writer.finish().unwrap(), tree.root());
            let mut reader = TreeReader::open(&file, count).unwrap();
            for (index, leaf) in (0..).zip(&leaves) {
                let path = reader.path(index).unwrap().unwrap();
                assert_eq!(path, tree.path(index).unwrap(), "leaf {index} of {count}");
                assert!(verify(&tree.root(), leaf, index, count, &path));
            }
            assert_eq!(reader.path(count).unwrap(), None);
        }
    }

    #[test]
    fn a_file_of_another_length_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tree");
        let mut writer = TreeWriter::create(&file).unwrap();
        leaves(5).into_iter().for_each(|leaf| writer.push(leaf).unwrap());
        writer.finish().unwrap();
        assert!(TreeReader::open(&file, 5).is_ok());
        for count in [0, 4, 6, u64::MAX] {
            assert!(
                matches!(TreeReader::open(&file, count), Err(Error::Malformed { .. })),
                "{count}"
            );
        }
    }
}
