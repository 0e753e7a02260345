//! Which jobs are rated, what is known of each, and whose turn it is to be read.

use std::collections::{BTreeMap, HashMap};

use lumora_client::history::Entry;
use lumora_core::reputation::Ratings;
use lumora_interface::{Address, market::Listing};

use super::ledger::Ledger;

/// Most jobs that are read in one epoch. The others come in the next ones: whoever rates made-up jobs can delay, and not
/// displace.
const MOST_AT_ONCE: usize = 256;

/// Most transactions of one job that are read; with more, its ratings count for nothing.
pub const MOST_TRANSACTIONS: usize = 50_000;

/// What was read of a job.
#[derive(Default)]
pub struct Known {
    ledger: Ledger,
    /// The latest transaction in the ledger.
    latest: Option<String>,
    /// Transactions in the ledger.
    count: usize,
    /// The round in which it was last looked at; zero before the first.
    round: u64,
    /// All that was there when it was last looked at is in the ledger.
    is_whole: bool,
}

impl Known {
    /// The latest transaction that was read.
    pub fn latest(&self) -> Option<&str> {
        self.latest.as_deref()
    }

    /// How many more transactions may be read.
    pub fn room(&self) -> usize {
        MOST_TRANSACTIONS.saturating_sub(self.count)
    }

    /// Takes in transactions, in their order.
    pub fn take(&mut self, job: &Address, entries: &[Entry]) {
        for entry in entries {
            self.ledger.take(job, entry);
        }
        self.count += entries.len();
        if let Some(last) = entries.last() {
            self.latest = Some(last.signature.to_string());
        }
    }

    /// Nothing more is there.
    pub fn end(&mut self) {
        self.is_whole = true;
    }

    /// More is there than may be read: for those who read it now and for those who had read it before, it counts for
    /// nothing.
    pub fn give_up(&mut self) {
        self.is_whole = false;
        self.count = usize::MAX;
    }

    fn is_given_up(&self) -> bool {
        self.count == usize::MAX
    }
}

/// What the buyers of each seller's listings of a job said, all listings of the same seller together.
pub type Sellers = BTreeMap<Address, Ratings>;

/// The jobs that were rated.
#[derive(Default)]
pub struct Jobs {
    rated: BTreeMap<Address, Sellers>,
    known: HashMap<Address, Known>,
    round: u64,
}

impl Jobs {
    /// Begins a round with these listings.
    pub fn begin(&mut self, listings: impl IntoIterator<Item = Listing>) {
        self.round += 1;
        self.rated.clear();
        for listing in listings {
            if listing.rated_volume == 0 || listing.job == Address::default() {
                continue;
            }
            let own = Ratings {
                volume: listing.rated_volume,
                weighted: listing.weighted_ratings,
            };
            let sellers = self.rated.entry(listing.job).or_default();
            let rated = sellers.entry(listing.seller).or_default();
            *rated = rated.and(own);
        }
        self.known.retain(|job, _| self.rated.contains_key(job));
    }

    /// The jobs to read in this round: first those that nobody has looked at, those with most money behind their ratings
    /// before the others; then those that were looked at longest ago, and last those that no job was found for.
    pub fn due(&self) -> Vec<Address> {
        let mut due: Vec<_> = self
            .rated
            .iter()
            .filter(|(job, _)| self.may_count(job) && !self.known.get(job).is_some_and(Known::is_given_up))
            .map(|(job, sellers)| {
                let known = self.known.get(job);
                let round = known.map_or(0, |known| known.round);
                let is_found = known.is_none_or(|known| known.ledger.client().is_some());
                let money = sellers.values().map(|it| it.volume).max().unwrap_or_default();
                (!is_found, round, u64::MAX - money, *job)
            })
            .collect();
        due.sort_unstable();
        due.truncate(MOST_AT_ONCE);
        due.into_iter().map(|(.., job)| job).collect()
    }

    /// What is known of a job, to be added to in this round.
    pub fn open(&mut self, job: &Address) -> &mut Known {
        let known = self.known.entry(*job).or_default();
        known.round = self.round;
        known
    }

    /// Whether its client may be among those who sell its data: a listing may name any job.
    pub fn may_count(&self, job: &Address) -> bool {
        let client = self.known.get(job).and_then(|known| known.ledger.client());
        client.is_none_or(|client| self.rated.get(job).is_some_and(|sellers| sellers.contains_key(&client)))
    }

    /// What the ratings take off each node, by its record of work, in parts of 10,000 of a shard. Only what a job's own client
    /// sells counts.
    pub fn marred(&self) -> BTreeMap<Address, u64> {
        let mut marred = BTreeMap::new();
        for (job, sellers) in &self.rated {
            let Some(known) = self.known.get(job).filter(|known| known.is_whole) else {
                continue;
            };
            let ratings = known.ledger.client().and_then(|client| sellers.get(&client));
            if let Some(ratings) = ratings {
                known.ledger.mar(*ratings, &mut marred);
            }
        }
        marred
    }
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;
    use lumora_client::history::RecordedEvent;
    use lumora_interface::{
        Event,
        tasks::{self, JobCreated, ShardSettled, work_address},
    };
    use solana_signature::Signature;

    use super::*;

    const JOB: u8 = 1;
    const CLIENT: u8 = 2;
    const NODE: u8 = 11;
    const COST: u64 = 100;

    fn address(seed: u8) -> Address {
        Address::new_from_array([seed; 32])
    }

    fn work(node: u8) -> Address {
        work_address(&address(node)).0
    }

    fn listing(job: Address, seller: u8, ratings: &[(u64, u64)]) -> Listing {
        Listing {
            job,
            seller: address(seller),
            rated_volume: ratings.iter().map(|(_, paid)| paid).sum(),
            weighted_ratings: ratings.iter().map(|(rating, paid)| rating * paid).sum(),
            ..Listing::zeroed()
        }
    }

    fn entry(events: Vec<RecordedEvent>) -> Entry {
        Entry {
            signature: Signature::default(),
            slot: 1,
            time: None,
            succeeded: true,
            events,
            instructions: vec![],
            writes: vec![],
            refusal: None,
        }
    }

    fn event<E: Event>(event: E, accounts: Vec<Address>) -> RecordedEvent {
        RecordedEvent {
            program: tasks::ID,
            data: [E::DISCRIMINATOR.as_slice(), bytemuck::bytes_of(&event)].concat(),
            accounts,
        }
    }

    /// A job of one shard, for which one node was paid.
    fn worked(job: Address, client: u8) -> Vec<Entry> {
        let created = JobCreated {
            job,
            client: address(client),
            ..JobCreated::zeroed()
        };
        let settled = ShardSettled {
            job,
            assigned: 1,
            winners: 1,
            paid_each: COST,
            ..ShardSettled::zeroed()
        };
        let mut accounts = vec![Address::default(); 10];
        accounts[7] = work(NODE);
        vec![
            entry(vec![event(created, vec![])]),
            entry(vec![event(settled, accounts)]),
        ]
    }

    fn read(jobs: &mut Jobs, job: Address, entries: &[Entry]) {
        let known = jobs.open(&job);
        known.take(&job, entries);
        known.end();
    }

    fn off(listings: &[Listing]) -> BTreeMap<Address, u64> {
        let mut jobs = Jobs::default();
        jobs.begin(listings.iter().copied());
        for job in jobs.due() {
            read(&mut jobs, job, &worked(job, CLIENT));
        }
        jobs.marred()
    }

    #[test]
    fn only_what_the_jobs_client_sells_counts() {
        let bad = [(1, COST)];
        let clients = listing(address(JOB), CLIENT, &bad);
        let expected = BTreeMap::from([(work(NODE), 1_666)]);
        assert_eq!(off(&[clients]), expected);
        assert_eq!(off(&[listing(address(JOB), 7, &bad)]), BTreeMap::new());
        // Nor does a stranger's listing dilute or worsen what the client's buyers said.
        for rating in [1, 5] {
            assert_eq!(
                off(&[clients, listing(address(JOB), 7, &[(rating, 9 * COST)])]),
                expected
            );
        }
        // However the buyers are spread over the client's listings of the job.
        let half = listing(address(JOB), CLIENT, &[(1, COST / 2)]);
        assert_eq!(off(&[half, half]), expected);
    }

    #[test]
    fn listings_without_a_job_or_without_ratings_are_not_looked_at() {
        let mut jobs = Jobs::default();
        jobs.begin([
            listing(Address::default(), CLIENT, &[(1, COST)]),
            listing(address(JOB), CLIENT, &[]),
        ]);
        assert_eq!(jobs.due(), []);
    }

    #[test]
    fn what_was_not_read_to_its_end_or_is_too_long_counts_for_nothing() {
        let job = address(JOB);
        let mut jobs = Jobs::default();
        let listings = [listing(job, CLIENT, &[(1, COST)])];
        jobs.begin(listings);
        jobs.open(&job).take(&job, &worked(job, CLIENT));
        assert_eq!(jobs.marred(), BTreeMap::new());
        jobs.open(&job).end();
        assert_eq!(jobs.marred().len(), 1);
        assert_eq!(jobs.open(&job).room(), MOST_TRANSACTIONS - 2);
        jobs.open(&job).give_up();
        assert_eq!(jobs.marred(), BTreeMap::new());
        jobs.begin(listings);
        assert_eq!(jobs.due(), []);
    }

    #[test]
    fn a_job_of_somebody_else_is_not_read_on_until_its_client_sells_too() {
        let job = address(JOB);
        let mut jobs = Jobs::default();
        let strangers = listing(job, 7, &[(1, COST)]);
        jobs.begin([strangers]);
        read(&mut jobs, job, &worked(job, CLIENT)[..1]);
        assert!(!jobs.may_count(&job));
        jobs.begin([strangers]);
        assert_eq!(jobs.due(), []);
        jobs.begin([strangers, listing(job, CLIENT, &[(1, COST)])]);
        assert_eq!(jobs.due(), [job]);
    }

    #[test]
    fn made_up_jobs_delay_and_do_not_displace() {
        let job = address(JOB);
        let made_up = |index: u16| {
            let mut bytes = [77; 32];
            bytes[..2].copy_from_slice(&index.to_le_bytes());
            listing(Address::new_from_array(bytes), 7, &[(1, 50 * COST)])
        };
        let mut listings: Vec<Listing> = (0..2 * MOST_AT_ONCE as u16).map(made_up).collect();
        listings.push(listing(job, CLIENT, &[(1, COST)]));
        let mut jobs = Jobs::default();
        let mut reads_of_job = Vec::new();
        for round in 1..=5 {
            jobs.begin(listings.iter().copied());
            let due = jobs.due();
            assert_eq!(due.len(), MOST_AT_ONCE);
            if due.contains(&job) {
                reads_of_job.push(round);
            }
            for one in due {
                let history = match one {
                    one if one == job && reads_of_job.len() == 1 => worked(job, CLIENT),
                    _ => vec![],
                };
                read(&mut jobs, one, &history);
            }
        }
        // After all that had more money behind them; from then on before those that turned out to be made up.
        assert_eq!(reads_of_job, [3, 4, 5]);
        assert_eq!(jobs.marred().len(), 1);
    }
}
