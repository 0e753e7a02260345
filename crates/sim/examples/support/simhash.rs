//! The sketch that `core::sketch` is compared with.

/// The SimHash of distinct hashed shingles (Charikar, "Similarity estimation techniques from rounding algorithms", 2002):
/// bit i is what most of the hashes have at bit i.
pub fn simhash(shingles: &[u64]) -> u64 {
    let is_set = |bit: &u32| shingles.iter().filter(|shingle| **shingle >> bit & 1 == 1).count() * 2 > shingles.len();
    (0..u64::BITS).filter(is_set).fold(0, |sketch, bit| sketch | 1 << bit)
}
