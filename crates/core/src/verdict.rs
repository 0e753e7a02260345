//! Verdicts: which single results the oracles check, when a result is wrong, and what a quorum of them then signs.
//!
//! A shard with one replica has nobody to agree with. So oracles visit its pages again, and where what they find is not
//! what the node showed, they sign that its result is rejected. Each decides alone, but signatures add up only under the
//! same bytes: which results are checked, what makes one wrong, the reason and the expiry follow from the chain and the
//! visits by the functions here.
//!
//! # Who could steer the lot
//! Whether a result is checked depends on the hash of the block that holds its reveal (of several, of the last one), so
//! the node has committed to its words, and sent them, before anybody can know. What is left:
//!
//! - The producer of that one block can try orders of its transactions until the lot falls as it likes. It can do so for
//!   the results that are revealed in its own slots: a node that conspires with it reveals there, and is never checked
//!   where the share is below one. A later block would not help: the node chooses when to reveal.
//! - A node cannot take a reveal back, nor make it depend on the hash, which no program knows while the block is made.
//! - A node could try many roots for the same words, or many assignments: the lot of each is drawn when it is too late.
//! - Oracles have no say in it: whoever draws another lot than the others signs alone.
//!
//! Where the share is all, nobody can steer anything.

use crate::{
    agreement::{Revealed, Tolerance, agrees},
    hash::{Hash, sha256},
    reason::Reason,
    sketch::samples,
    units::{Bps, Seconds},
};

/// Whether a result is among the share of all that is checked. `block_hash`: of the block that holds its reveal;
/// `assignment`: address of the node's assignment.
pub fn is_checked(block_hash: &Hash, assignment: &[u8; 32], result_root: &Hash, share: Bps) -> bool {
    let hash = sha256(&[b"lumora check v1", block_hash, assignment, result_root]);
    let mut lot = [0; 8];
    lot.copy_from_slice(hash.first_chunk::<8>().unwrap_or(&[0; 8]));
    // The lot as a number of [0, 10,000): the highest 64 bits of a product of 64 and 14 bits.
    let lot = u128::from(u64::from_le_bytes(lot)).saturating_mul(u128::from(Bps::ONE.0)) >> 64;
    lot < u128::from(share.0)
}

/// When the signatures under a verdict are void: when the result can no longer be rejected. `revealed_at` and
/// `challenge_seconds` as the assignment and the job have them.
pub fn expires_at(revealed_at: Seconds, challenge_seconds: u32) -> Seconds {
    Seconds(revealed_at.0.saturating_add(i64::from(challenge_seconds)))
}

/// The reason for which a wrong result is rejected. From what the node showed alone: what oracles find may differ a little
/// from one to the next, and a node that aims between two reasons must not split their signatures.
///
/// [`Reason::ResultUnavailable`] is for people: results are sealed for the client, so that oracles cannot look.
pub fn reason(shown: &Revealed) -> Reason {
    if shown.records == 0 {
        Reason::PagesMissing
    } else {
        Reason::SampleDiffers
    }
}

/// What one visit to all pages of a shard found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The records, by the word of their sketch that the node showed last.
    pub found: Revealed,
    /// Pages of the shard.
    pub pages: u32,
    /// Of these, pages that could not be had: what is on them is not known.
    pub unread: u32,
}

impl Visit {
    /// Whether a result differs from what was found, whatever is on the pages that could not be had.
    pub fn contradicts(&self, shown: &Revealed, tolerance: Tolerance) -> bool {
        let Self { found, pages, unread } = *self;
        // A page has at most one record, and a record changes as many bits of a sketch as it has samples.
        let unknown_bits = unread.saturating_mul(samples(pages));
        let bits = shown.sketch.distance(&found.sketch).saturating_sub(unknown_bits);
        let records = shown.records.clamp(found.records, found.records.saturating_add(unread));
        let nearest = Revealed {
            sketch: shown.sketch,
            records,
        };
        bits > u32::from(tolerance.bits) || !agrees(shown, &nearest, tolerance)
    }
}

/// What the visits of one oracle come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A visit found what the node showed.
    Agrees,
    /// Nothing is certain yet: the pages are to be visited again after a pause, for a site may have been down.
    LookAgain,
    /// Two visits found the same, and not what the node showed.
    Wrong,
    /// No verdict: the pages differ from one visit to the next.
    Changing,
    /// No verdict: too many pages could not be had.
    Unread,
}

/// Most visits that [`judge`] asks for.
pub const MOST_VISITS: usize = 3;

/// What an oracle's visits say about a result, in the order in which they were made. In doubt the result stands.
pub fn judge(shown: &Revealed, visits: &[Visit], tolerance: Tolerance) -> Finding {
    if visits.iter().any(|visit| agrees(shown, &visit.found, tolerance)) {
        return Finding::Agrees;
    }
    let mut against = visits.iter().filter(|visit| visit.contradicts(shown, tolerance));
    let (first, second) = (against.next(), against.next());
    let counted = usize::from(first.is_some()).saturating_add(usize::from(second.is_some()));
    match (first, second) {
        (Some(first), Some(second)) if agrees(&first.found, &second.found, tolerance) => Finding::Wrong,
        (Some(_), Some(_)) => Finding::Changing,
        _ if visits.len().saturating_sub(counted) >= 2 || visits.len() >= MOST_VISITS => Finding::Unread,
        _ => Finding::LookAgain,
    }
}

/// The statement that one replica's result must be rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The network's id.
    pub network_id: [u8; 32],
    /// Id of program `tasks`.
    pub program: [u8; 32],
    /// Address of the job.
    pub job: [u8; 32],
    /// Shard of the job.
    pub shard: u32,
    /// Replica of the shard.
    pub replica: u8,
    /// Address of the node.
    pub node: [u8; 32],
    /// Merkle root of the records that it showed.
    pub result_root: Hash,
    /// Why; one of [`Reason::VERDICTS`](crate::reason::Reason::VERDICTS).
    pub reason: u8,
    /// Version of the oracle set that signs.
    pub set_version: u32,
    /// Unix time after which the signatures are void.
    pub expires_at: i64,
}

impl Verdict {
    /// The 32 bytes that are signed.
    pub fn digest(&self) -> Hash {
        sha256(&[
            b"lumora verdict v1",
            &self.network_id,
            &self.program,
            &self.job,
            &self.shard.to_le_bytes(),
            &[self.replica],
            &self.node,
            &self.result_root,
            &[self.reason],
            &self.set_version.to_le_bytes(),
            &self.expires_at.to_le_bytes(),
        ])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sketch::Sketch;

    const TOLERANCE: Tolerance = Tolerance {
        bits: 40,
        count: Bps(500),
    };
    /// Of 100 pages: each record has 6 samples.
    const PAGES: u32 = 100;

    /// A result of which the first `bits` bits differ from those of `result(0, _)`.
    fn result(bits: u32, records: u32) -> Revealed {
        let mut sketch = Sketch::default();
        for bit in 0..bits {
            sketch.0[bit as usize / 64] |= 1 << (bit % 64);
        }
        Revealed { sketch, records }
    }

    fn visit(bits: u32, records: u32, unread: u32) -> Visit {
        Visit {
            found: result(bits, records),
            pages: PAGES,
            unread,
        }
    }

    #[test]
    fn only_two_visits_that_found_the_same_make_a_result_wrong() {
        let shown = result(0, 100);
        let down = visit(0, 0, 100);
        let table: &[(&[Visit], Finding)] = &[
            (&[], Finding::LookAgain),
            (&[visit(40, 96, 0)], Finding::Agrees),
            // Different once, and as shown the second time.
            (&[visit(128, 100, 0)], Finding::LookAgain),
            (&[visit(128, 100, 0), visit(0, 100, 0)], Finding::Agrees),
            // Different twice, and the same.
            (&[visit(128, 100, 0), visit(120, 100, 0)], Finding::Wrong),
            (&[visit(0, 90, 0), visit(0, 91, 0)], Finding::Wrong),
            // Different twice, and different from each other.
            (&[visit(100, 100, 0), visit(200, 100, 0)], Finding::Changing),
            (&[visit(0, 90, 0), visit(0, 80, 0)], Finding::Changing),
            // The site was down.
            (&[down], Finding::LookAgain),
            (&[down, down], Finding::Unread),
            (&[down, visit(128, 100, 0)], Finding::LookAgain),
            (&[down, visit(128, 100, 0), visit(128, 100, 0)], Finding::Wrong),
            (&[visit(128, 100, 0), down, visit(128, 100, 0)], Finding::Wrong),
            (&[down, visit(128, 100, 0), down], Finding::Unread),
            (&[visit(128, 100, 0), down, down], Finding::Unread),
        ];
        for (visits, finding) in table {
            assert_eq!(judge(&shown, visits, TOLERANCE), *finding, "{visits:?}");
        }
    }

    #[test]
    fn pages_that_could_not_be_had_speak_for_the_node() {
        let shown = result(0, 100);
        for (visit, contradicts) in [
            (visit(41, 100, 0), true),
            (visit(41, 99, 1), false),
            // Ten pages account for 60 bits and for ten records.
            (visit(100, 90, 10), false),
            (visit(101, 90, 10), true),
            (visit(0, 85, 10), false),
            (visit(0, 84, 10), true),
        ] {
            assert_eq!(visit.contradicts(&shown, TOLERANCE), contradicts, "{visit:?}");
        }
    }

    #[test]
    fn whoever_shows_nothing_is_told_that_there_are_pages() {
        assert_eq!(reason(&result(0, 0)), Reason::PagesMissing);
        assert_eq!(reason(&result(0, 1)), Reason::SampleDiffers);
        for records in [0, 1] {
            assert!(Reason::is_verdict(reason(&result(0, records)) as u8));
        }
    }

    #[test]
    fn a_verdict_is_void_when_the_result_can_be_paid() {
        assert_eq!(expires_at(Seconds(100), 25), Seconds(125));
        assert_eq!(expires_at(Seconds(i64::MAX), 1), Seconds(i64::MAX));
    }

    proptest! {
        #[test]
        fn as_many_are_checked_as_the_share_says(seed: [u8; 32], share in 0u16..=10_000) {
            const RESULTS: u32 = 1_000;
            let checked = (0..RESULTS)
                .filter(|number| is_checked(&seed, &sha256(&[&number.to_le_bytes()]), &[7; 32], Bps(share)))
                .count() as f64;
            let (n, p) = (f64::from(RESULTS), f64::from(share) / 10_000.0);
            // Six deviations: once in 500 million tries by chance.
            let bound = 6.0 * (n * p * (1.0 - p)).sqrt();
            prop_assert!((checked - n * p).abs() <= bound, "{} of {} at {}", checked, n, share);
        }

        #[test]
        fn each_input_draws_a_lot_of_its_own(block: [u8; 32], assignment: [u8; 32], root: [u8; 32], byte in 0usize..32, bit in 0u8..8) {
            let flipped = |hash: &[u8; 32], number: u8| {
                let mut hash = sha256(&[hash, &[number]]);
                hash[byte] ^= 1 << bit;
                hash
            };
            // Of 64 lots at one half, all fall on one side once in 2^63.
            let both = |draw: &dyn Fn(u8) -> bool| {
                let checked = (0..64).filter(|number| draw(*number)).count();
                (1..64).contains(&checked)
            };
            prop_assert!(both(&|number| is_checked(&flipped(&block, number), &assignment, &root, Bps(5_000))));
            prop_assert!(both(&|number| is_checked(&block, &flipped(&assignment, number), &root, Bps(5_000))));
            prop_assert!(both(&|number| is_checked(&block, &assignment, &flipped(&root, number), Bps(5_000))));
        }

        #[test]
        fn who_is_checked_at_a_share_is_checked_at_a_larger_one(block: [u8; 32], share in 0u16..10_000, more in 0u16..10_000) {
            let is_checked = |share| is_checked(&block, &[1; 32], &[2; 32], Bps(share));
            prop_assert!(!is_checked(share) || is_checked(share.saturating_add(more)));
            prop_assert!(is_checked(10_000) && !is_checked(0));
        }

        #[test]
        fn no_verdict_without_two_visits_against_the_node(
            shown in any::<([u64; 4], u32)>(),
            visits in prop::collection::vec((any::<[u64; 4]>(), any::<u32>(), any::<u32>(), any::<u32>()), 0..4),
            bits in any::<u8>(), count in any::<u16>(),
        ) {
            let tolerance = Tolerance { bits, count: Bps(count) };
            let revealed = |(sketch, records)| Revealed { sketch: Sketch(sketch), records };
            let shown = revealed(shown);
            let visits: alloc::vec::Vec<Visit> = visits
                .into_iter()
                .map(|(sketch, records, pages, unread)| Visit { found: revealed((sketch, records)), pages, unread })
                .collect();
            let against = visits.iter().filter(|visit| visit.contradicts(&shown, tolerance)).count();
            prop_assert!(judge(&shown, &visits, tolerance) != Finding::Wrong || against >= 2);
            prop_assert!(judge(&shown, &visits, tolerance) != Finding::LookAgain || visits.len() < MOST_VISITS);
            for visit in &visits {
                let whole = Visit { unread: 0, ..*visit };
                prop_assert_eq!(whole.contradicts(&shown, tolerance), !agrees(&shown, &visit.found, tolerance));
                prop_assert!(whole.contradicts(&shown, tolerance) || !visit.contradicts(&shown, tolerance));
            }
        }
    }

    #[test]
    fn every_field_changes_the_digest() {
        let verdict = Verdict {
            network_id: [1; 32],
            program: [2; 32],
            job: [3; 32],
            shard: 4,
            replica: 5,
            node: [6; 32],
            result_root: [7; 32],
            reason: 10,
            set_version: 8,
            expires_at: 9,
        };
        let changed = [
            Verdict {
                network_id: [0; 32],
                ..verdict
            },
            Verdict {
                program: [0; 32],
                ..verdict
            },
            Verdict {
                job: [0; 32],
                ..verdict
            },
            Verdict { shard: 0, ..verdict },
            Verdict { replica: 0, ..verdict },
            Verdict {
                node: [0; 32],
                ..verdict
            },
            Verdict {
                result_root: [0; 32],
                ..verdict
            },
            Verdict { reason: 0, ..verdict },
            Verdict {
                set_version: 0,
                ..verdict
            },
            Verdict {
                expires_at: 0,
                ..verdict
            },
        ];
        for other in changed {
            assert_ne!(other.digest(), verdict.digest(), "{other:?}");
        }
    }
}
