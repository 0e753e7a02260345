//! Who was paid for how many shards of a job, and what that cost its client.

use std::collections::BTreeMap;

use lumora_client::{history::Entry, tasks::paid_works};
use lumora_core::reputation::{self, Ratings};
use lumora_interface::{
    Address,
    tasks::{JobCreated, ShardSettled},
};

/// What a job's transactions say of who worked on it. Both events that it is read from are self-calls: they cannot be missing
/// from a log that was cut off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    client: Option<Address>,
    /// Replicas for which each node was paid, by the node's record of work.
    paid: BTreeMap<Address, u64>,
    /// LMR base units spent on them, fees included.
    cost: u64,
}

impl Ledger {
    /// Whose job it is; `None` until its creation was read.
    pub fn client(&self) -> Option<Address> {
        self.client
    }

    /// Takes in the next transaction that names the job. Any program's transaction may; what counts are the events of the
    /// job itself.
    pub fn take(&mut self, job: &Address, entry: &Entry) {
        for created in entry.events::<JobCreated>().filter(|it| it.job == *job) {
            self.client = Some(created.client);
        }
        for (settled, accounts) in entry.events_with_accounts::<ShardSettled>() {
            if settled.job != *job {
                continue;
            }
            for work in paid_works(&settled, accounts) {
                *self.paid.entry(*work).or_default() += 1;
                self.cost = self.cost.saturating_add(settled.paid_each);
            }
            self.cost = self.cost.saturating_add(settled.fees);
        }
    }

    /// Adds to `marred` what these ratings take off those who were paid; see [`reputation::marred`].
    pub fn mar(&self, ratings: Ratings, marred: &mut BTreeMap<Address, u64>) {
        for (work, shards) in &self.paid {
            let off = reputation::marred(*shards, ratings, self.cost);
            if off > 0 {
                let sum = marred.entry(*work).or_default();
                *sum = sum.saturating_add(off);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;
    use lumora_client::{
        history::RecordedEvent,
        tasks::{Assigned, settle_shard},
    };
    use lumora_interface::{
        Event,
        tasks::{self, work_address},
    };
    use solana_signature::Signature;

    use super::*;

    const PRICE: u64 = 100;

    fn address(seed: u8) -> Address {
        Address::new_from_array([seed; 32])
    }

    fn entry<E: Event>(event: E, accounts: Vec<Address>) -> Entry {
        let data = [E::DISCRIMINATOR.as_slice(), bytemuck::bytes_of(&event)].concat();
        Entry {
            signature: Signature::default(),
            slot: 1,
            time: None,
            succeeded: true,
            events: vec![RecordedEvent {
                program: tasks::ID,
                data,
                accounts,
            }],
            instructions: vec![],
            writes: vec![],
            refusal: None,
        }
    }

    fn created(job: u8, client: u8) -> Entry {
        let event = JobCreated {
            job: address(job),
            client: address(client),
            ..JobCreated::zeroed()
        };
        entry(event, vec![])
    }

    /// `nodes`: who holds each replica, and whether it is among those who agree.
    fn settled(job: u8, shard: u32, nodes: &[(u8, u8, bool)]) -> Entry {
        let assigned = nodes.iter().map(|(replica, node, _)| Assigned {
            replica: *replica,
            node: address(*node),
            owner: address(0),
            rent_payer: address(0),
        });
        let instruction = settle_shard(&address(job), &address(0), shard, &assigned.collect::<Vec<_>>());
        let accounts = instruction.accounts.iter().map(|it| it.pubkey).collect();
        let winners = nodes.iter().filter(|(_, _, agrees)| *agrees);
        let event = ShardSettled {
            job: address(job),
            shard,
            assigned: nodes.iter().fold(0, |map, (replica, ..)| map | 1 << replica),
            winners: winners.clone().fold(0, |map, (replica, ..)| map | 1 << replica),
            paid_each: PRICE - 5,
            fees: 5 * winners.count() as u64,
            ..ShardSettled::zeroed()
        };
        entry(event, accounts)
    }

    fn ledger(entries: &[Entry]) -> Ledger {
        let mut ledger = Ledger::default();
        for entry in entries {
            ledger.take(&address(1), entry);
        }
        ledger
    }

    #[test]
    fn those_who_were_paid_are_marred_by_what_they_were_paid_for() {
        let ledger = ledger(&[
            created(1, 2),
            settled(1, 0, &[(0, 11, true), (1, 12, true)]),
            // 13 lost; 14 was paid in the place of whoever let it expire.
            settled(1, 1, &[(0, 11, true), (1, 13, false), (2, 14, true)]),
            // Nobody agreed.
            settled(1, 2, &[(0, 12, false), (1, 13, false)]),
            // Of another job, in a transaction that names this one.
            created(9, 3),
            settled(9, 0, &[(0, 15, true)]),
        ]);
        assert_eq!(ledger.client(), Some(address(2)));
        assert_eq!(ledger.cost, 4 * PRICE);
        let bad = Ratings {
            volume: 4 * PRICE,
            weighted: 4 * PRICE,
        };
        let mut marred = BTreeMap::new();
        ledger.mar(bad, &mut marred);
        let work = |node| work_address(&address(node)).0;
        let expected = BTreeMap::from([(work(11), 2 * 1_666), (work(12), 1_666), (work(14), 1_666)]);
        assert_eq!(marred, expected);
        ledger.mar(bad, &mut marred);
        assert_eq!(marred[&work(11)], 4 * 1_666);
    }

    #[test]
    fn good_ratings_and_jobs_without_winners_mar_nobody() {
        let mut marred = BTreeMap::new();
        let paid = ledger(&[created(1, 2), settled(1, 0, &[(0, 11, true)])]);
        paid.mar(
            Ratings {
                volume: PRICE,
                weighted: 5 * PRICE,
            },
            &mut marred,
        );
        let unpaid = ledger(&[created(1, 2), settled(1, 0, &[(0, 11, false), (1, 12, false)])]);
        unpaid.mar(
            Ratings {
                volume: PRICE,
                weighted: PRICE,
            },
            &mut marred,
        );
        assert_eq!(marred, BTreeMap::new());
    }
}
