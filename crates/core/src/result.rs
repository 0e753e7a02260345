//! The commitment to a shard's result, opened word by word, so that who copies what another replica shows cannot go on.
//!
//! A result is compared by its sketch, which takes [`WORDS`] words, each of which describes all of the records. The words
//! are committed to together and shown one at a time, in rounds: what is shown in a round says nothing about the words
//! that follow. So a node that joins a shard late is judged by a word that nobody had shown when it committed.
//!
//! ```text
//! x_4 = 0
//! x_j = SHA-256(domain, word_j, salt_j, x_{j+1})
//! commitment = SHA-256(domain, slot, records, result root, word_0, salt_0, x_1)
//! ```
//!
//! Round `j` shows `word_j`, `salt_j` and `x_{j+1}`, round 0 the root and the number of records as well. Whoever holds the
//! commitment, or `x_j`, checks them and holds `x_{j+1}` from then on.

use crate::{
    hash::{Hash, sha256},
    sketch::{LANES, Sketch, samples},
};

/// Words of a result's sketch, each of them a sketch of its own: rounds in which a shard can be decided.
pub const WORDS: usize = 4;

/// Where a result belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot<'a> {
    /// The network's id.
    pub network_id: &'a [u8; 32],
    /// Address of the job.
    pub job: &'a [u8; 32],
    /// Shard of the job.
    pub shard: u32,
    /// Replica of the shard.
    pub replica: u8,
    /// Address of the node.
    pub node: &'a [u8; 32],
}

/// The words of the records of a shard with so many pages: see [`Sketch::toggle_record`] for the parts of a record.
pub fn words<'a>(records: impl Iterator<Item = (u64, &'a [u64])>, pages: u32) -> [Sketch; WORDS] {
    let samples = samples(pages);
    let mut words = [Sketch::default(); WORDS];
    for (name, shingles) in records {
        for (number, word) in (0u32..).zip(&mut words) {
            word.toggle_record(number, name, shingles, samples);
        }
    }
    words
}

/// Bytes of a word, as they are hashed.
fn word_bytes(word: Sketch) -> [u8; 8 * LANES] {
    let mut bytes = [0; 8 * LANES];
    for (bytes, lane) in bytes.as_chunks_mut().0.iter_mut().zip(word.0) {
        *bytes = lane.to_le_bytes();
    }
    bytes
}

/// What a replica shows in one round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The round's word.
    pub word: Sketch,
    /// Random bytes that keep the word from being guessed before.
    pub salt: [u8; 32],
    /// What the following words are committed to with: `x_{j+1}`.
    pub rest: Hash,
}

impl Opening {
    /// What the word and all that follow it were committed to with: `x_j`.
    pub fn head(&self) -> Hash {
        sha256(&[b"lumora result word v1", &word_bytes(self.word), &self.salt, &self.rest])
    }
}

/// What a replica knows before it shows anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secret {
    /// The words of its sketch.
    pub words: [Sketch; WORDS],
    /// A salt for each.
    pub salts: [[u8; 32]; WORDS],
}

impl Secret {
    /// What is shown in a round, or `None` where there is no such round.
    pub fn opening(&self, round: usize) -> Option<Opening> {
        let rounds = self.words.iter().zip(&self.salts).enumerate().rev();
        let mut rest = [0; 32];
        for (index, (word, salt)) in rounds {
            let opening = Opening {
                word: *word,
                salt: *salt,
                rest,
            };
            if index == round {
                return Some(opening);
            }
            rest = opening.head();
        }
        None
    }

    /// What is committed to.
    pub fn commitment(&self, slot: &Slot, root: &Hash, records: u32) -> Hash {
        let rest = self.opening(1).map_or([0; 32], |opening| opening.head());
        let (word, salt) = (self.words[0], self.salts[0]);
        commitment(slot, root, records, &Opening { word, salt, rest })
    }
}

/// SHA-256 of domain, slot, number of records, result root, and what is shown first. Numbers are little-endian.
pub fn commitment(slot: &Slot, root: &Hash, records: u32, first: &Opening) -> Hash {
    // One piece: on chain each one costs as much as hashing twenty bytes.
    let mut numbers = [slot.replica; 9];
    numbers[..4].copy_from_slice(&slot.shard.to_le_bytes());
    numbers[5..].copy_from_slice(&records.to_le_bytes());
    sha256(&[
        b"lumora result commitment v2",
        slot.network_id,
        slot.job,
        slot.node,
        &numbers,
        root,
        &word_bytes(first.word),
        &first.salt,
        &first.rest,
    ])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    const SLOT: Slot = Slot {
        network_id: &[1; 32],
        job: &[2; 32],
        shard: 3,
        replica: 4,
        node: &[5; 32],
    };
    const SECRET: Secret = Secret {
        words: [Sketch([10; 4]), Sketch([11; 4]), Sketch([12; 4]), Sketch([13; 4])],
        salts: [[20; 32], [21; 32], [22; 32], [23; 32]],
    };

    #[test]
    fn everything_is_bound() {
        let base = SECRET.commitment(&SLOT, &[8; 32], 7);
        let slots = [
            Slot {
                network_id: &[0; 32],
                ..SLOT
            },
            Slot { job: &[0; 32], ..SLOT },
            Slot { shard: 0, ..SLOT },
            Slot { replica: 0, ..SLOT },
            Slot { node: &[0; 32], ..SLOT },
        ];
        for slot in slots {
            assert_ne!(SECRET.commitment(&slot, &[8; 32], 7), base, "{slot:?}");
        }
        assert_ne!(SECRET.commitment(&SLOT, &[0; 32], 7), base);
        assert_ne!(SECRET.commitment(&SLOT, &[8; 32], 0), base);
        for word in 0..WORDS {
            let mut other = SECRET;
            other.words[word].0[word] = 0;
            assert_ne!(other.commitment(&SLOT, &[8; 32], 7), base, "word {word}");
            let mut other = SECRET;
            other.salts[word] = [0; 32];
            assert_ne!(other.commitment(&SLOT, &[8; 32], 7), base, "salt {word}");
        }
    }

    #[test]
    fn each_round_opens_what_the_one_before_left() {
        let first = SECRET.opening(0).unwrap();
        assert_eq!(
            SECRET.commitment(&SLOT, &[8; 32], 7),
            commitment(&SLOT, &[8; 32], 7, &first)
        );
        assert_eq!(first.word, SECRET.words[0]);
        let mut held = first.rest;
        for round in 1..WORDS {
            let opening = SECRET.opening(round).unwrap();
            assert_eq!(opening.word, SECRET.words[round]);
            assert_eq!(opening.head(), held);
            held = opening.rest;
        }
        assert_eq!(held, [0; 32], "nothing is left");
        assert_eq!(SECRET.opening(WORDS), None);
    }

    proptest! {
        /// Whoever does not know a word cannot open its round with another one.
        #[test]
        fn another_word_does_not_open(round in 0..WORDS, word: [u64; LANES], salt: [u8; 32], rest: [u8; 32]) {
            let opening = SECRET.opening(round).unwrap();
            let other = Opening { word: Sketch(word), salt, rest };
            prop_assume!(other != opening);
            prop_assert_ne!(other.head(), opening.head());
        }

        /// The order of the records does not matter, and each word has hash functions of its own.
        #[test]
        fn words_are_those_of_the_set(mut records in prop::collection::vec((any::<u64>(), prop::collection::vec(any::<u64>(), 1..9)), 8..40)) {
            let of = |records: &[(u64, Vec<u64>)]| {
                let records = records.iter().map(|(name, shingles)| (*name, shingles.as_slice()));
                words(records, 20)
            };
            let base = of(&records);
            records.reverse();
            prop_assert_eq!(of(&records), base);
            for (index, word) in base.iter().enumerate() {
                prop_assert!(base[index + 1..].iter().all(|other| other != word));
            }
        }
    }
}
