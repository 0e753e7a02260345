//! Who was paid for how many shards of a job, and what the job's ratings take off them.

use std::collections::{BTreeMap, HashMap};

use lumora_client::history::Entry;
use lumora_core::reputation::{self, Ratings};
use lumora_interface::{
    Address,
    market::Listing,
    tasks::{JobCreated, MAX_REPLICAS, ShardClaimed, ShardSettled},
};

/// What a job's transactions say of who worked on it.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    client: Option<Address>,
    /// Who took each replica of a shard last.
    places: HashMap<(u32, u8), Address>,
    /// Replicas for which each node was paid.
    paid: BTreeMap<Address, u64>,
}

impl Ledger {
    /// Takes in the next transaction that names the job. Any program's transaction may; what counts are the events of the
    /// job itself.
    pub fn take(&mut self, job: &Address, entry: &Entry) {
        for created in entry.events::<JobCreated>().filter(|it| it.job == *job) {
            self.client = Some(created.client);
        }
        for claimed in entry.events::<ShardClaimed>().filter(|it| it.job == *job) {
            self.places.insert((claimed.shard, claimed.replica), claimed.node);
        }
        for settled in entry.events::<ShardSettled>().filter(|it| it.job == *job) {
            for replica in 0..MAX_REPLICAS {
                let node = self.places.remove(&(settled.shard, replica));
                if let Some(node) = node.filter(|_| settled.winners >> replica & 1 == 1) {
                    *self.paid.entry(node).or_default() += 1;
                }
            }
        }
    }
}

/// The ratings of each job that has any, all its listings together, by the seller whose listings they are.
pub fn by_job(listings: impl IntoIterator<Item = Listing>) -> BTreeMap<Address, BTreeMap<Address, Ratings>> {
    let mut jobs: BTreeMap<Address, BTreeMap<Address, Ratings>> = BTreeMap::new();
    for listing in listings {
        if listing.ratings == 0 || listing.job == Address::default() {
            continue;
        }
        let own = Ratings {
            count: listing.ratings,
            sum: listing.rating_sum,
        };
        let rated = jobs.entry(listing.job).or_default().entry(listing.seller).or_default();
        *rated = rated.and(own);
    }
    jobs
}

/// What the ratings take off each node, in parts of 10,000 of a shard. Only what the job's own client sells counts: a
/// listing may name any job.
pub fn marred<'a>(
    rated: &BTreeMap<Address, BTreeMap<Address, Ratings>>,
    ledger_of: impl Fn(&Address) -> Option<&'a Ledger>,
) -> BTreeMap<Address, u64> {
    let mut marred: BTreeMap<Address, u64> = BTreeMap::new();
    for (job, sellers) in rated {
        let Some(ledger) = ledger_of(job) else { continue };
        let Some(ratings) = ledger.client.and_then(|client| sellers.get(&client)) else {
            continue;
        };
        for (node, shards) in &ledger.paid {
            let off = reputation::marred(*shards, *ratings);
            if off > 0 {
                let sum = marred.entry(*node).or_default();
                *sum = sum.saturating_add(off);
            }
        }
    }
    marred
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;
    use lumora_client::history::RecordedEvent;
    use lumora_interface::{Event, tasks};
    use solana_signature::Signature;

    use super::*;

    const JOB: u8 = 1;
    const CLIENT: u8 = 2;

    fn address(seed: u8) -> Address {
        Address::new_from_array([seed; 32])
    }

    fn entry<E: Event>(event: E) -> Entry {
        let data = [E::DISCRIMINATOR.as_slice(), bytemuck::bytes_of(&event)].concat();
        Entry {
            signature: Signature::default(),
            slot: 1,
            time: None,
            succeeded: true,
            events: vec![RecordedEvent {
                program: tasks::ID,
                data,
            }],
            instructions: vec![],
            writes: vec![],
            refusal: None,
        }
    }

    fn created(job: u8) -> Entry {
        entry(JobCreated {
            job: address(job),
            client: address(CLIENT),
            ..JobCreated::zeroed()
        })
    }

    fn claimed(job: u8, shard: u32, replica: u8, node: u8) -> Entry {
        entry(ShardClaimed {
            job: address(job),
            shard,
            replica,
            node: address(node),
            ..ShardClaimed::zeroed()
        })
    }

    fn settled(job: u8, shard: u32, winners: u8) -> Entry {
        entry(ShardSettled {
            job: address(job),
            shard,
            winners,
            ..ShardSettled::zeroed()
        })
    }

    fn listing(job: u8, seller: u8, ratings: &[u64]) -> Listing {
        Listing {
            job: address(job),
            seller: address(seller),
            ratings: ratings.len() as u64,
            rating_sum: ratings.iter().sum(),
            ..Listing::zeroed()
        }
    }

    /// Two shards: nodes 11 and 12 were paid for the first, 11 alone for the second, where 13 took the place of 12, who let it
    /// expire, and lost.
    fn ledgers() -> HashMap<Address, Ledger> {
        let mut ledger = Ledger::default();
        for entry in [
            created(JOB),
            claimed(JOB, 0, 0, 11),
            claimed(JOB, 0, 1, 12),
            claimed(JOB, 1, 0, 11),
            claimed(JOB, 1, 1, 12),
            claimed(JOB, 1, 1, 13),
            // Of another job, in a transaction that names this one.
            claimed(9, 0, 0, 14),
            settled(9, 0, 1),
            settled(JOB, 0, 0b11),
            settled(JOB, 1, 0b01),
        ] {
            ledger.take(&address(JOB), &entry);
        }
        HashMap::from([(address(JOB), ledger)])
    }

    fn off(listings: &[Listing]) -> BTreeMap<Address, u64> {
        let ledgers = ledgers();
        marred(&by_job(listings.iter().copied()), |job| ledgers.get(job))
    }

    #[test]
    fn bad_ratings_take_off_those_who_were_paid_for_the_data_by_what_they_were_paid_for() {
        let expected = BTreeMap::from([(address(11), 2_000), (address(12), 1_000)]);
        assert_eq!(off(&[listing(JOB, CLIENT, &[1, 1])]), expected);
        // However the buyers are spread over the client's listings of the job.
        assert_eq!(off(&[listing(JOB, CLIENT, &[1]), listing(JOB, CLIENT, &[1])]), expected);
        assert_eq!(off(&[listing(JOB, CLIENT, &[5, 4, 4])]), BTreeMap::new());
    }

    #[test]
    fn only_what_the_jobs_client_sells_counts() {
        assert_eq!(off(&[listing(JOB, 7, &[1, 1, 1, 1])]), BTreeMap::new());
        // Nor does a stranger's listing dilute or worsen what the client's buyers said.
        let both = [listing(JOB, CLIENT, &[1, 1]), listing(JOB, 7, &[5, 5, 5, 5, 5])];
        assert_eq!(off(&both), off(&both[..1]));
    }

    #[test]
    fn listings_without_a_job_or_of_an_unknown_one_take_nothing_off() {
        let nowhere = Listing {
            job: Address::default(),
            ..listing(JOB, CLIENT, &[1, 1])
        };
        assert_eq!(off(&[nowhere, listing(8, CLIENT, &[1, 1])]), BTreeMap::new());
    }
}
