//! Similarity sketches: 64 bits that are near for results that are nearly the same (SimHash, Charikar 2002).

/// A SimHash over the shingles of a result's records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sketch(pub u64);

impl Sketch {
    /// Bits in which two sketches differ.
    pub fn distance(self, other: Self) -> u32 {
        (self.0 ^ other.0).count_ones()
    }
}

/// The sketch of a set of hashed shingles: bit i is what most of the hashes have at bit i. Order does not matter; no
/// shingles at all give zero.
pub fn simhash(shingles: impl IntoIterator<Item = u64>) -> Sketch {
    let mut balance = [0i64; 64];
    for shingle in shingles {
        for (bit, count) in balance.iter_mut().enumerate() {
            let vote = if shingle >> bit & 1 == 1 { 1 } else { -1 };
            *count = count.saturating_add(vote);
        }
    }
    Sketch(
        balance
            .iter()
            .enumerate()
            .fold(0, |sketch, (bit, count)| sketch | u64::from(*count > 0) << bit),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::sha256;

    fn shingle(i: u32) -> u64 {
        let digest = sha256(&[&i.to_le_bytes()]);
        u64::from_le_bytes(core::array::from_fn(|b| digest[b]))
    }

    #[test]
    fn near_for_near_sets_and_far_for_others() {
        let base = simhash((0..1_000).map(shingle));
        let nearly = simhash((5..1_005).map(shingle));
        let other = simhash((5_000..6_000).map(shingle));
        assert!(base.distance(nearly) <= 6, "{}", base.distance(nearly));
        assert!(base.distance(other) >= 16, "{}", base.distance(other));
        assert_eq!(simhash([]), Sketch(0));
    }
}
