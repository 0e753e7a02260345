//! Whose turn it is: how nodes that all may claim keep from claiming the same thing.
//!
//! The program lets a node in once its wait is over, and refuses whoever comes second to a replica. In a large network
//! that alone wastes most claims: a thousand idle nodes of nearly one score are let in within the second or two that a
//! claim takes to be executed and seen, and all want the same shards. But everything that orders them is public: figures,
//! places, what each node holds. So each node works out whom a dispatcher would choose, and claims what falls to itself.
//! Nothing enforces that. A node that claims out of turn races, and mostly pays for a refusal; one whose view of the
//! chain is old, or who is taken for absent, loses a claim and no more.
//!
//! The convention, the same for every node:
//!
//! 1. Time is cut into rounds of [`ROUND`] on the chain's clock. A round goes by what was executed until [`LAG`] before
//!    it began, which everybody has seen by then.
//! 2. Jobs come in the order in which they opened, of equals the lower address first. Of each shard one replica is open
//!    in a round, the lowest that is free: a claim names the assignments of the shard's other replicas, so two in one
//!    round would be in each other's way. A shard that nobody works on is [begun](completable) only if there is room for
//!    all of its replicas: nodes that each hold another shard, with no room left, would wait for each other.
//! 3. Nodes come in the order of their scores for the job, of equals the lower address first; those only that have room
//!    and, with the longest jitter, may claim by then. Each [takes](Turns::take) as much as it has room for.
//! 4. A node that let its turn pass is asleep, and its room is not counted on. It is passed over until it is seen to
//!    claim; when it wakes it claims of what [would fall](Turns::offer) to it, at the risk of meeting the node that has
//!    its turn.

use alloc::vec::Vec;

use crate::{
    score::{LONGEST_JITTER_MILLIS, claimable_at},
    units::{Bps, Seconds},
};

/// Length of a round: enough for a claim to be sent, executed, and seen by everybody.
pub const ROUND: Seconds = Seconds(3);

/// What was executed this long before a round is known to everybody in it.
pub const LAG: Seconds = Seconds(1);

/// When the round began that contains `now`.
pub fn round_start(now: Seconds) -> Seconds {
    Seconds(now.0.saturating_sub(now.0.checked_rem_euclid(ROUND.0).unwrap_or(0)))
}

/// Whether everybody has seen, when a round begins, what bears this time on the chain. The chain shows whole seconds, so
/// that it may have been executed up to one later.
pub fn is_known(start: Seconds, at: Seconds) -> bool {
    at.0.saturating_add(LAG.0) < start.0
}

/// Whether a node with this score takes part, in the round that begins at `start`, for a replica that became free at
/// `opened_at`.
pub fn takes_part(start: Seconds, opened_at: Seconds, max_wait: Seconds, score: Bps) -> bool {
    is_known(start, opened_at) && claimable_at(opened_at, max_wait, score, LONGEST_JITTER_MILLIS) <= start
}

/// A replica that can be claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// Shard of the job.
    pub shard: u32,
    /// Replica of the shard.
    pub replica: u8,
}

/// A shard with a replica that can be claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vacant {
    /// The replica.
    pub open: Open,
    /// Room that has to be found before the shard is begun, in replicas: none if somebody works on it already.
    pub needs: u64,
}

/// What of a job is open in a round, where nodes have room for so many replicas besides those that shards which were begun
/// still miss.
pub fn completable(vacant: impl IntoIterator<Item = Vacant>, mut room: u64) -> impl Iterator<Item = Vacant> {
    vacant.into_iter().filter(move |shard| {
        let left = room.checked_sub(shard.needs);
        room = left.unwrap_or(room);
        left.is_some()
    })
}

/// One job's replicas in one round, handed out to one node after the other.
#[derive(Clone, Debug)]
pub struct Turns {
    open: Vec<Open>,
}

impl Turns {
    /// What is open, the lowest shard first; at most one replica of a shard.
    pub fn new(open: impl IntoIterator<Item = Open>) -> Self {
        Self {
            open: open.into_iter().collect(),
        }
    }

    /// Whether everything is handed out.
    pub fn is_over(&self) -> bool {
        self.open.is_empty()
    }

    /// What falls to the next node: the first replicas, as many as it has room for, but none of a shard of which its
    /// owner holds one.
    pub fn take(&mut self, room: usize, holds: impl Fn(u32) -> bool) -> Vec<Open> {
        let taken = self.offer(room, holds);
        let mut rest = taken.iter().peekable();
        self.open.retain(|open| rest.next_if_eq(&open).is_none());
        taken
    }

    /// What would fall to the next node, and is left to the one after it.
    pub fn offer(&self, room: usize, holds: impl Fn(u32) -> bool) -> Vec<Open> {
        self.open
            .iter()
            .filter(|open| !holds(open.shard))
            .take(room)
            .copied()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn open(shards: impl IntoIterator<Item = u32>) -> impl IntoIterator<Item = Open> {
        shards.into_iter().map(|shard| Open { shard, replica: 0 })
    }

    fn shards(taken: &[Open]) -> Vec<u32> {
        taken.iter().map(|open| open.shard).collect()
    }

    #[test]
    fn each_takes_what_the_ones_before_it_left() {
        let mut turns = Turns::new(open(0..6));
        assert_eq!(shards(&turns.take(2, |_| false)), [0, 1]);
        // Holds a replica of shard 2 already.
        assert_eq!(shards(&turns.take(2, |shard| shard == 2)), [3, 4]);
        assert_eq!(shards(&turns.offer(9, |_| false)), [2, 5]);
        assert_eq!(shards(&turns.take(9, |_| false)), [2, 5]);
        assert!(turns.is_over());
    }

    #[test]
    fn rounds_are_the_same_for_everybody() {
        assert_eq!(round_start(Seconds(8)), Seconds(6));
        assert_eq!(round_start(Seconds(9)), Seconds(9));
        assert_eq!(round_start(Seconds(-1)), Seconds(-3));
        round_start(Seconds(i64::MIN));
        // Seconds 0 to 1.999 may bear 1.
        assert!(!is_known(Seconds(2), Seconds(1)) && is_known(Seconds(3), Seconds(1)));
        // 100 s of wait at half score, and at most a second of jitter.
        let part = |start| takes_part(Seconds(start), Seconds(0), Seconds(100), Bps(5_000));
        assert!(!part(50) && part(51));
    }

    #[test]
    fn shards_are_begun_as_far_as_they_can_be_finished() {
        let vacant = [0, 2, 2, 0, 2, 1].into_iter().zip(0..).map(|(needs, shard)| Vacant {
            open: Open { shard, replica: 0 },
            needs,
        });
        let begun = |room| {
            completable(vacant.clone(), room)
                .map(|vacant| vacant.open.shard)
                .collect::<Vec<_>>()
        };
        assert_eq!(begun(0), [0, 3]);
        assert_eq!(begun(3), [0, 1, 3, 5]);
        assert_eq!(begun(9), [0, 1, 2, 3, 4, 5]);
    }

    proptest! {
        #[test]
        fn nothing_is_handed_out_twice_or_kept_back(rooms in prop::collection::vec(0usize..9, 0..40), count in 0u32..60) {
            let mut turns = Turns::new(open(0..count));
            let mut handed_out: Vec<u32> = Vec::new();
            for room in &rooms {
                let taken = turns.take(*room, |_| false);
                prop_assert!(taken.len() <= *room);
                handed_out.extend(shards(&taken));
            }
            let expected = rooms.iter().sum::<usize>().min(count as usize) as u32;
            prop_assert_eq!(handed_out, (0..expected).collect::<Vec<_>>());
        }

        #[test]
        fn who_takes_part_may_claim(start in any::<i64>(), opened in any::<i64>(), wait in any::<i64>(), score in any::<u16>(), jitter in 0u16..1_000) {
            if takes_part(Seconds(start), Seconds(opened), Seconds(wait), Bps(score)) {
                prop_assert!(claimable_at(Seconds(opened), Seconds(wait), Bps(score), jitter) <= Seconds(start));
            }
        }
    }
}
