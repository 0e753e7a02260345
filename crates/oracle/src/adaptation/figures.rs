//! The figures of a window, from its transactions.
//!
//! What happened to shards is in the events of program `tasks`. Races are in its refusals: a claim that came second is on
//! the chain as a transaction that failed. Anybody can make such transactions for next to nothing, so that only those
//! count whose payer has also won claims in the window, and of each payer at most as many as it has won: whoever wants to
//! look like a crowd has to do the work of one.

use std::collections::HashMap;

use lumora_client::history::Entry;
use lumora_core::{
    adaptation::{Claim, Figures},
    units::{Bps, Kilometres, Seconds},
};
use lumora_interface::{
    Address,
    tasks::{
        self, AssignmentExpired, ResultCommitted, ResultRejected, ShardClaimed, ShardSettled, TasksError, instruction,
    },
};

/// Refusals that say that another was first.
const RACES: [TasksError; 5] = [
    TasksError::ReplicaTaken,
    TasksError::ShardSettled,
    TasksError::SiblingMissing,
    TasksError::WrongSibling,
    TasksError::ReplicaOutOfRange,
];

/// The figures of these transactions, oldest first. `max_wait`: seconds that a node with a score of zero waits, in the
/// whole window.
pub fn figures(entries: &[Entry], max_wait: u32) -> Figures {
    let mut record = Record::default();
    for entry in entries {
        record.take(entry, max_wait);
    }
    let refused = record.payers.values().map(|payer| payer.refused.min(payer.won)).sum();
    Figures::of(&record.claims, refused, record.failed)
}

/// A replica of a shard.
type Place = (Address, u32, u8);

#[derive(Default)]
struct Payer {
    won: u32,
    refused: u32,
}

#[derive(Default)]
struct Record {
    claims: Vec<Claim>,
    /// The latest claim of each replica, and when it was made.
    latest: HashMap<Place, (usize, i64)>,
    nodes: HashMap<Address, u32>,
    payers: HashMap<Address, Payer>,
    failed: u32,
}

impl Record {
    fn take(&mut self, entry: &Entry, max_wait: u32) {
        // Who pays comes first of all accounts.
        let payer = entry.writes.first().copied().unwrap_or_default();
        if is_race(entry) {
            self.payers.entry(payer).or_default().refused += 1;
        }
        for claimed in entry.events::<ShardClaimed>() {
            self.payers.entry(payer).or_default().won += 1;
            self.claim(&claimed, max_wait);
        }
        if let Some(time) = entry.time {
            for committed in entry.events::<ResultCommitted>() {
                self.commit(&(committed.job, committed.shard, committed.replica), time);
            }
            for settled in entry.events::<ShardSettled>() {
                for replica in (0..8).filter(|replica| settled.assigned >> replica & 1 == 1) {
                    self.settle(&(settled.job, settled.shard, replica), time);
                }
            }
        }
        let ended = entry.events::<AssignmentExpired>().count() + entry.events::<ResultRejected>().count();
        self.failed = self.failed.saturating_add(u32::try_from(ended).unwrap_or(u32::MAX));
    }

    fn claim(&mut self, claimed: &ShardClaimed, max_wait: u32) {
        let next = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let node = *self.nodes.entry(claimed.node).or_insert(next);
        let held_back = Bps(claimed.score).complement().of(u64::from(max_wait));
        let held_back = Seconds(i64::try_from(held_back).unwrap_or(i64::MAX));
        let late = claimed.claimed_at.saturating_sub(claimed.claimable_at).max(0);
        let place = (claimed.job, claimed.shard, claimed.replica);
        self.latest.insert(place, (self.claims.len(), claimed.claimed_at));
        self.claims.push(Claim {
            node,
            distance: Kilometres(claimed.distance_km),
            waited: Seconds(held_back.0.saturating_add(late)),
            held_back,
            worked: None,
            completed: None,
        });
    }

    fn commit(&mut self, place: &Place, time: i64) {
        if let Some((claim, claimed_at)) = self.at(place) {
            claim.worked = Some(Seconds(time.saturating_sub(claimed_at).max(0)));
        }
    }

    fn settle(&mut self, place: &Place, time: i64) {
        if let Some((claim, claimed_at)) = self.at(place) {
            let since_claim = time.saturating_sub(claimed_at).max(0);
            claim.completed = Some(Seconds(claim.waited.0.saturating_add(since_claim)));
        }
    }

    fn at(&mut self, place: &Place) -> Option<(&mut Claim, i64)> {
        let (index, claimed_at) = *self.latest.get(place)?;
        Some((self.claims.get_mut(index)?, claimed_at))
    }
}

/// Whether a transaction is a claim that failed because another was first.
fn is_race(entry: &Entry) -> bool {
    let claims = |it: &lumora_client::history::ExecutedInstruction| {
        it.program == tasks::ID && it.discriminator == instruction::CLAIM_SHARD
    };
    let refused = entry.refusal.is_some_and(|refusal| {
        refusal.program == tasks::ID && RACES.iter().any(|race| refusal.code == Some(race.code()))
    });
    refused && entry.instructions.iter().any(claims)
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;
    use lumora_client::history::{ExecutedInstruction, ProgramRefusal, RecordedEvent};
    use lumora_interface::Event;
    use solana_signature::Signature;

    use super::*;

    fn address(seed: u8) -> Address {
        Address::new_from_array([seed; 32])
    }

    fn entry(payer: u8, time: i64) -> Entry {
        Entry {
            signature: Signature::default(),
            slot: 1,
            time: Some(time),
            succeeded: true,
            events: vec![],
            instructions: vec![ExecutedInstruction {
                program: tasks::ID,
                discriminator: instruction::CLAIM_SHARD,
                data: vec![instruction::CLAIM_SHARD],
                compute_units: 1,
            }],
            writes: vec![address(payer)],
            refusal: None,
        }
    }

    fn with<E: Event>(mut entry: Entry, event: E) -> Entry {
        let data = [E::DISCRIMINATOR.as_slice(), bytemuck::bytes_of(&event)].concat();
        entry.events.push(RecordedEvent {
            program: tasks::ID,
            data,
            accounts: vec![],
        });
        entry
    }

    fn claimed(node: u8, shard: u32, at: i64) -> Entry {
        let event = ShardClaimed {
            score: 7_500,
            shard,
            node: address(node),
            claimable_at: at - 4,
            claimed_at: at,
            distance_km: 300,
            ..ShardClaimed::zeroed()
        };
        with(entry(node, at), event)
    }

    fn refused(payer: u8, error: TasksError) -> Entry {
        Entry {
            succeeded: false,
            refusal: Some(ProgramRefusal {
                program: tasks::ID,
                code: Some(error.code()),
            }),
            ..entry(payer, 0)
        }
    }

    #[test]
    fn times_count_from_when_the_shard_was_free() {
        let committed = ResultCommitted {
            shard: 1,
            node: address(1),
            ..ResultCommitted::zeroed()
        };
        let settled = ShardSettled {
            shard: 1,
            assigned: 1,
            ..ShardSettled::zeroed()
        };
        let entries = [
            claimed(1, 1, 1_000),
            claimed(2, 2, 1_000),
            with(entry(1, 1_030), committed),
            with(entry(9, 1_050), settled),
        ];
        let figures = figures(&entries, 60);
        // A quarter of 60 seconds by the rule, and four in which nobody came.
        assert_eq!((figures.held_back, figures.waited.median), (Seconds(15), Seconds(19)));
        assert_eq!((figures.claims, figures.finished), (2, 1));
        assert_eq!(figures.completed.median, Seconds(15 + 4 + 50));
    }

    #[test]
    fn a_replica_that_was_given_up_counts_as_failed_and_from_then_on_for_the_next_node() {
        let expired = AssignmentExpired {
            shard: 1,
            ..AssignmentExpired::zeroed()
        };
        let settled = ShardSettled {
            shard: 1,
            assigned: 1,
            ..ShardSettled::zeroed()
        };
        let entries = [
            claimed(1, 1, 1_000),
            with(entry(9, 1_100), expired),
            claimed(2, 1, 1_120),
            with(entry(9, 1_150), settled),
        ];
        let figures = figures(&entries, 60);
        assert_eq!((figures.claims, figures.failed, figures.finished), (2, 1, 1));
        assert_eq!(figures.completed.median, Seconds(15 + 4 + 30));
    }

    #[test]
    fn races_are_claims_that_came_second_and_nobody_counts_for_more_than_it_has_won() {
        let mut entries: Vec<Entry> = (0..3).map(|shard| claimed(1, shard, 1_000)).collect();
        entries.push(claimed(2, 9, 1_000));
        for error in RACES {
            entries.push(refused(1, error));
        }
        entries.push(refused(2, TasksError::ReplicaTaken));
        // Others are no races, or of somebody who has done nothing.
        entries.push(refused(2, TasksError::TooEarly));
        entries.extend((0..1_000).map(|_| refused(3, TasksError::ReplicaTaken)));
        let mut elsewhere = refused(2, TasksError::ReplicaTaken);
        elsewhere.instructions.clear();
        entries.push(elsewhere);
        assert_eq!(figures(&entries, 60).refused, 3 + 1);
    }
}
