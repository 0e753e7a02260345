//! Vectors of trees and provenance leaves that TypeScript checks as well.
#![allow(clippy::unwrap_used)]

use lumora_core::{
    hash::{Hash, sha256},
    merkle::{Tree, leaf_hash, verify},
    provenance::{Leaf, RobotsDecision},
};
use serde::{Deserialize, Serialize};

/// A tree whose leaf number i is the leaf hash of i as 64 bits, little-endian.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct StoredTree {
    leaves: u64,
    root: String,
    /// Of some leaves: number and siblings from the leaf upwards.
    paths: Vec<(u64, Vec<String>)>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct StoredLeaf {
    record_hash: String,
    url_hash: String,
    fetched_at: String,
    robots: u8,
    node: String,
    job: String,
    shard: u32,
    hash: String,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Vectors {
    about: String,
    trees: Vec<StoredTree>,
    provenance: Vec<StoredLeaf>,
}

fn stored_tree(leaves: u64) -> StoredTree {
    let hashes: Vec<Hash> = (0..leaves).map(|number| leaf_hash(&number.to_le_bytes())).collect();
    let tree = Tree::new(hashes.clone());
    let mut shown = vec![0, 1, leaves / 2, leaves.saturating_sub(2), leaves.saturating_sub(1)];
    shown.sort_unstable();
    shown.dedup();
    let paths = shown.into_iter().filter(|number| *number < leaves).map(|number| {
        let path = tree.path(number).unwrap();
        assert!(verify(&tree.root(), &hashes[number as usize], number, leaves, &path));
        (number, path.iter().map(hex::encode).collect())
    });
    StoredTree {
        leaves,
        root: hex::encode(tree.root()),
        paths: paths.collect(),
    }
}

fn stored_leaf(seed: u8, fetched_at: i64, robots: RobotsDecision, shard: u32) -> StoredLeaf {
    let part = |name: &[u8]| sha256(&[name, &[seed]]);
    let leaf = Leaf {
        record_hash: part(b"record"),
        url_hash: part(b"url"),
        fetched_at,
        robots,
        node: part(b"node"),
        job: part(b"job"),
        shard,
    };
    StoredLeaf {
        record_hash: hex::encode(leaf.record_hash),
        url_hash: hex::encode(leaf.url_hash),
        fetched_at: fetched_at.to_string(),
        robots: robots as u8,
        node: hex::encode(leaf.node),
        job: hex::encode(leaf.job),
        shard,
        hash: hex::encode(leaf.hash()),
    }
}

/// `LUMORA_WRITE_VECTORS=1 cargo test -p lumora-core` writes the file anew after a deliberate change of the format.
#[test]
fn the_shared_vectors_are_reproduced() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/merkle.json");
    let made = Vectors {
        about: "Merkle trees and provenance leaves, made by crates/core. Leaf i of a tree is the leaf hash of i as 64 \
                bits, little-endian. Byte strings in hexadecimal."
            .to_owned(),
        trees: (0..10).chain([16, 17, 31, 33, 100]).map(stored_tree).collect(),
        provenance: vec![
            stored_leaf(0, 0, RobotsDecision::NoRules, 0),
            stored_leaf(1, 1_790_000_000, RobotsDecision::Allowed, 7),
            stored_leaf(2, -1, RobotsDecision::Allowed, u32::MAX),
            stored_leaf(3, i64::MAX, RobotsDecision::NoRules, 65_535),
        ],
    };
    if std::env::var_os("LUMORA_WRITE_VECTORS").is_some() {
        std::fs::write(path, serde_json::to_string_pretty(&made).unwrap() + "\n").unwrap();
    }
    let stored: Vectors = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(stored, made);
}
