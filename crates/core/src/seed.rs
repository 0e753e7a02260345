//! The seed that decides who measures whom in an epoch: drawn from the hash of a slot that was named before it was there.
//!
//! Whoever opens an epoch names a slot of the near future, and nobody chooses afterwards: the seed comes from the first slot
//! from there on that has a block, whoever draws it and whenever. Taking the newest hash instead would let the opener wait
//! for a slot that suits it.
//!
//! What remains: the producer of that one block can try orders of its transactions, or leave it out in favour of the next
//! producer's, and so choose among the few seeds that it has the time to compute. It has to be that slot's leader, or the
//! accomplice of an opener that is the first of all to open an epoch which everybody may open; and the trimmed medians of an
//! epoch bear a third of lying challengers anyway.

use crate::hash::{Hash, sha256};

/// Slots between the opening of an epoch and the slot that its seed comes from. A leader has four slots in a row: one fewer,
/// and the leader that picks the moment of the opening could produce the block of the seed as well.
pub const DELAY_SLOTS: u64 = 4;

const COUNT_LEN: usize = 8;
const SLOT_LEN: usize = 8;
const ENTRY_LEN: usize = 40;

/// What drawing a seed comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draw {
    /// The seed.
    Drawn {
        /// Slot that it comes from.
        slot: u64,
        /// The seed.
        seed: Hash,
    },
    /// The named slot, and those after it, have no block yet.
    TooEarly,
    /// The sysvar no longer reaches back to the named slot, so that which slot came first can no longer be told.
    TooLate,
}

/// Draws the seed of an epoch for which `named_slot` was named.
///
/// `slot_hashes`: data of the sysvar, that is a count, then a slot and its hash for each of the latest slots that have a block,
/// the newest first. `None` where it is something else.
pub fn draw(epoch: u64, named_slot: u64, slot_hashes: &[u8]) -> Option<Draw> {
    let (count, rest) = slot_hashes.split_first_chunk::<COUNT_LEN>()?;
    let count = usize::try_from(u64::from_le_bytes(*count)).ok()?;
    let (entries, _) = rest.as_chunks::<ENTRY_LEN>();
    let entries = entries.get(..count)?;
    let slot = |entry: &[u8; ENTRY_LEN]| {
        let mut bytes = [0; SLOT_LEN];
        bytes.copy_from_slice(entry.first_chunk::<SLOT_LEN>().unwrap_or(&[0; SLOT_LEN]));
        u64::from_le_bytes(bytes)
    };
    let oldest = slot(entries.last()?);
    // Slots fall from entry to entry: those from the named one on come first.
    let from_named_on = entries.partition_point(|entry| slot(entry) >= named_slot);
    let Some(entry) = from_named_on.checked_sub(1).and_then(|last| entries.get(last)) else {
        return Some(Draw::TooEarly);
    };
    if oldest > named_slot {
        return Some(Draw::TooLate);
    }
    let (_, slot_hash) = entry.split_last_chunk::<32>()?;
    Some(Draw::Drawn {
        slot: slot(entry),
        seed: sha256(&[b"lumora epoch seed v1", &epoch.to_le_bytes(), slot_hash]),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use alloc::{collections::BTreeSet, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    /// A sysvar with room for more entries than it has, as the chain's.
    fn sysvar(slots: &[u64]) -> Vec<u8> {
        let mut data = (slots.len() as u64).to_le_bytes().to_vec();
        for slot in slots {
            data.extend(slot.to_le_bytes());
            data.extend(sha256(&[&slot.to_le_bytes()]));
        }
        data.resize(data.len() + 3 * ENTRY_LEN, 0);
        data
    }

    fn seed(epoch: u64, slot: u64) -> Draw {
        let hash = sha256(&[&slot.to_le_bytes()]);
        Draw::Drawn {
            slot,
            seed: sha256(&[b"lumora epoch seed v1", &epoch.to_le_bytes(), &hash]),
        }
    }

    #[test]
    fn the_first_slot_with_a_block_decides() {
        let hashes = sysvar(&[109, 108, 105, 104, 100]);
        assert_eq!(draw(7, 104, &hashes), Some(seed(7, 104)));
        assert_eq!(draw(7, 106, &hashes), Some(seed(7, 108)));
        assert_eq!(draw(7, 100, &hashes), Some(seed(7, 100)));
        assert_eq!(draw(7, 110, &hashes), Some(Draw::TooEarly));
        assert_eq!(draw(7, 99, &hashes), Some(Draw::TooLate));
        assert_ne!(draw(7, 104, &hashes), draw(8, 104, &hashes));
    }

    #[test]
    fn what_is_not_the_sysvar_is_told() {
        let hashes = sysvar(&[3, 2, 1]);
        assert_eq!(draw(0, 2, &[]), None);
        assert_eq!(draw(0, 2, &hashes[..7]), None);
        assert_eq!(draw(0, 2, &hashes[..8 + 3 * ENTRY_LEN - 1]), None);
        assert_eq!(draw(0, 2, &sysvar(&[])), None);
        assert_eq!(draw(0, 2, &[255; 8 + ENTRY_LEN]), None);
    }

    proptest! {
        #[test]
        fn the_search_finds_what_looking_at_each_finds(slots: BTreeSet<u8>, named: u8) {
            let slots: Vec<u64> = slots.into_iter().rev().map(u64::from).collect();
            let named = u64::from(named);
            let drawn = draw(1, named, &sysvar(&slots));
            let first = slots.iter().copied().filter(|slot| *slot >= named).min();
            let expected = match (first, slots.last()) {
                (_, None) => None,
                (None, _) => Some(Draw::TooEarly),
                (_, Some(oldest)) if *oldest > named => Some(Draw::TooLate),
                (Some(slot), _) => Some(seed(1, slot)),
            };
            prop_assert_eq!(drawn, expected);
        }
    }
}
