//! Similarity sketches: a few bytes that are near for results that are nearly the same.
//!
//! A [`Sketch`] weighs all records alike and tells a tenth of them from what sites vary by themselves. A SimHash (Charikar,
//! "Similarity estimation techniques from rounding algorithms", 2002) weighs all text alike and cannot;
//! `bench/agreement.json` measures both.
//!
//! # How it is made
//!
//! A record is reduced to [`samples`] elements by MinHash (Broder, "On the resemblance and containment of documents",
//! 1997): for each of as many hash functions, the least hash of its shingles. Two versions of a page whose sets of
//! shingles have the Jaccard similarity J share each element with probability J, however long the page is: an
//! advertisement changes few elements of its record, another text all of them.
//!
//! The elements of all records, about [`ELEMENTS`] however many pages the shard has, go into a bitmap of n bits by
//! parity: each flips one bit, chosen by its hash (Mitzenmacher, Pagh and Pham, "Efficient estimation for high
//! similarities using odd sketches", 2014). What two results share cancels out, so the bits in which their sketches
//! differ are the odd sketch of the d elements that one of them has and the other has not. Each of those lands on any bit
//! with equal probability, so for the number z of differing bits
//!
//! ```text
//! E z   = n/2 (1 - (1 - 2/n)^d), about d while d is small against n, and n/2 at most
//! Var z = n/4 (1 + (n - 1)(1 - 4/n)^d - n (1 - 2/n)^2d)
//! ```
//!
//! (a bit's parity X = +-1 has E X = (1 - 2/n)^d, two bits' have E XY = (1 - 4/n)^d, and z = (n - sum X)/2). A record
//! that is replaced changes `samples` elements on either side, so d is about `2 ELEMENTS` times the share of records that
//! are: 102 for a tenth of them, where z is 70 with a deviation of 5.5. Sampling adds nothing: each record has the same
//! number of elements.
//!
//! A record that is missing changes only the elements of the side that has it: a result that lacks a tenth of the records
//! is told from the whole by its count rather than by its sketch.
//!
//! A result has several sketches, numbered, each from hash functions of its own: whoever has seen one knows nothing of the
//! next unless it has the records.
//!
//! What it cannot do: a rule that lets an advertisement pass lets an alteration of that size pass. And it speaks of the
//! work that a node did, not of the data it hands over: that is bound by the Merkle root, from which anybody who has the
//! records can compute the sketch anew.

/// Elements of a shard, as far as its number of pages allows.
pub const ELEMENTS: u32 = 512;

/// Numbers of 64 bits that a sketch consists of.
pub const LANES: usize = 4;

/// Bits of a sketch.
pub const SKETCH_BITS: u32 = 64 * LANES as u32;

/// Elements that each record of a shard with so many pages has. The number of pages, which the manifest fixes, and not
/// that of the records: it must be the same for all replicas.
pub fn samples(pages: u32) -> u32 {
    ELEMENTS.div_ceil(pages.max(1))
}

/// The odd sketch of a result's records: bit i is bit i % 64 of number i / 64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sketch(pub [u64; LANES]);

impl Sketch {
    /// Bits in which two sketches differ.
    pub fn distance(&self, other: &Self) -> u32 {
        self.0
            .iter()
            .zip(&other.0)
            .fold(0u32, |sum, (a, b)| sum.saturating_add((a ^ b).count_ones()))
    }

    /// Adds a record to sketch `number` of a result: `name` is a hash of what tells it from the shard's other records (its
    /// URL), `shingles` are the hashes of its shingles, in any order and with or without repetitions. Adding it again takes
    /// it out.
    pub fn toggle_record(&mut self, number: u32, name: u64, shingles: &[u64], samples: u32) {
        let first = number.saturating_mul(samples);
        for function in first..first.saturating_add(samples) {
            // Each record has functions of its own: a line that a site adds to all of its pages moves a few of them, and
            // not the same element of every one.
            let key = mix(name ^ mix(u64::from(function)));
            self.toggle(mix(key ^ least(shingles, key)));
        }
    }

    fn toggle(&mut self, element: u64) {
        let (word, bit) = (element >> 6, element & 63);
        // One of the words: the remainder is below their number.
        if let Some(word) = self.0.get_mut((word % LANES as u64) as usize) {
            *word ^= 1 << bit;
        }
    }
}

/// Whether a word is a date or a time of day in digits, such as `2026-11-22`, `17:03` or `2026-11-22T17:03:14Z`: what
/// pages say about the moment in which they were served. Such words are left out of the shingles.
pub fn is_volatile(word: &str) -> bool {
    let word = word.trim_matches(|c: char| c.is_ascii_punctuation());
    let is_part = |c: char| c.is_ascii_digit() || matches!(c, '-' | '/' | ':' | '.' | '+' | 'T' | 'Z');
    let count = |separators: [char; 2]| word.matches(separators).count();
    word.starts_with(|c: char| c.is_ascii_digit())
        && word.chars().all(is_part)
        && (count([':', ':']) >= 1 || count(['-', '/']) >= 2)
}

/// The least value of the hash function with this key; of no shingles, the largest number.
fn least(shingles: &[u64], key: u64) -> u64 {
    shingles
        .iter()
        .map(|shingle| mix(shingle ^ key))
        .min()
        .unwrap_or(u64::MAX)
}

/// A bijection of 64-bit words in which every input bit moves every output bit: the finaliser of SplitMix64 (Steele, Lea
/// and Flood, "Fast splittable pseudorandom number generators", 2014).
fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn shingle(i: u32) -> u64 {
        mix(u64::from(i))
    }

    fn record(page: u32, version: u32) -> Vec<u64> {
        (0..200)
            .map(|word| shingle((page * 1_000 + version) * 1_000 + word))
            .collect()
    }

    fn odd(pages: u32, version: impl Fn(u32) -> u32) -> Sketch {
        let mut sketch = Sketch::default();
        for page in 0..pages {
            sketch.toggle_record(0, shingle(page), &record(page, version(page)), samples(pages));
        }
        sketch
    }

    #[test]
    fn dates_and_times_are_volatile_and_other_numbers_are_not() {
        for word in [
            "2026-11-22",
            "11/22/2026,",
            "17:03",
            "(17:03:14.5)",
            "2026-11-22T17:03:14+01:00",
            "2026-11-22T17:03Z",
        ] {
            assert!(is_volatile(word), "{word}");
        }
        for word in [
            "",
            "1.95.0",
            "42",
            "1,299.00",
            "a:b",
            "std::vec",
            "3-4",
            "-",
            "::",
            "12:00h",
            "\u{663}:\u{663}",
        ] {
            assert!(!is_volatile(word), "{word}");
        }
    }

    #[test]
    fn the_sketches_of_a_result_are_independent() {
        let sketch = |number, version: u32| {
            let mut sketch = Sketch::default();
            for page in 0..50 {
                sketch.toggle_record(number, shingle(page), &record(page, version), samples(50));
            }
            sketch
        };
        for (one, other) in [(0, 1), (0, 3), (1, 2)] {
            let distance = sketch(one, 0).distance(&sketch(other, 0));
            // Half of the bits: 128, with a deviation of 8.
            assert!((96..160).contains(&distance), "{one}, {other}: {distance}");
        }
    }

    /// The number of differing bits is that of the formulas: the mean over ten pairs is within three of its deviations.
    #[test]
    fn a_tenth_of_the_records_moves_the_odd_sketch_as_the_formula_says() {
        let n = f64::from(SKETCH_BITS);
        for pages in [20u32, 50, 200] {
            let changed = pages / 10;
            let d = 2.0 * f64::from(changed * samples(pages));
            let power = |base: f64, exponent: f64| (base.ln() * exponent).exp();
            let mean = n / 2.0 * (1.0 - power(1.0 - 2.0 / n, d));
            let variance = n / 4.0 * (1.0 + (n - 1.0) * power(1.0 - 4.0 / n, d) - n * power(1.0 - 2.0 / n, 2.0 * d));
            let version = |number: u32| odd(pages, |page| if page < changed { number } else { 0 });
            let distances: Vec<u32> = (0..10)
                .map(|pair| version(2 * pair + 1).distance(&version(2 * pair + 2)))
                .collect();
            let average = f64::from(distances.iter().sum::<u32>()) / 10.0;
            let error = (average - mean).abs() / (variance / 10.0).sqrt();
            assert!(error < 3.0, "{pages} pages: {average} bits, expected {mean}");
        }
    }

    proptest! {
        #[test]
        fn distances_are_a_metric(a in any::<[u64; LANES]>(), b in any::<[u64; LANES]>(), c in any::<[u64; LANES]>()) {
            let [a, b, c] = [a, b, c].map(Sketch);
            prop_assert_eq!(a.distance(&a), 0);
            prop_assert_eq!(a.distance(&b), b.distance(&a));
            prop_assert!(a.distance(&c) <= a.distance(&b) + b.distance(&c));
            prop_assert!(a.distance(&b) <= SKETCH_BITS);
        }

        #[test]
        fn order_and_repetition_do_not_matter(number in 0u32..4, name in any::<u64>(), shingles in prop::collection::vec(any::<u64>(), 0..40), samples in 0u32..40) {
            let mut forwards = Sketch::default();
            forwards.toggle_record(number, name, &shingles, samples);
            let twice: Vec<u64> = shingles.iter().rev().chain(&shingles).copied().collect();
            let mut backwards = Sketch::default();
            backwards.toggle_record(number, name, &twice, samples);
            prop_assert_eq!(forwards, backwards);
            prop_assert!(forwards.distance(&Sketch::default()) <= samples);
            backwards.toggle_record(number, name, &shingles, samples);
            prop_assert_eq!(backwards, Sketch::default());
        }

        #[test]
        fn there_are_about_as_many_elements_whatever_the_pages(pages in any::<u32>()) {
            let total = u64::from(samples(pages)) * u64::from(pages.max(1));
            prop_assert!(samples(pages) >= 1);
            prop_assert!(total >= u64::from(ELEMENTS) && total < u64::from(ELEMENTS) + u64::from(pages.max(1)));
        }
    }
}
