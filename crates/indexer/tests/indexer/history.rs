//! A chain that a test writes: accounts and real event bytes, made up at random but consistent as the programs keep them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use bytemuck::Zeroable as _;
use lumora_indexer::chain::{
    AtSlot, Chain, ChainError, Hint, Listed, Outcome, PAGE, RawAccount, RecordedEvent, Refusal, Transaction,
};
use lumora_interface::{
    Account, Address, Event,
    bandwidth::{self, Attestation, Epoch, EpochAttested, EpochOpened, NodeProven, OracleSet, epoch_state, member},
    market::{
        self, DatasetBought, DatasetDelivered, Listing, ListingCreated, ListingWithdrawn, Purchase, PurchaseRated,
        PurchaseRefunded, listing_state, purchase_state,
    },
    registry::{self, BondDeposited, Network, Node, NodeRegistered, NodeUpdated, status},
    rewards::{self, Emission, EpochFunded, Reward, RewardClaimed},
    tasks::{
        self, Assignment, AssignmentExpired, Job, JobClosed, JobCreated, ShardClaimed, ShardSettled, ShardState, Work,
        assignment_state,
    },
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use tokio::sync::mpsc;

/// Unix time of slot 0; a slot takes a second, so that times are easy to check.
pub const GENESIS: i64 = 1_800_000_000;

/// What became of a job, as its account or its last event has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobFacts {
    pub state: &'static str,
    pub settled: u32,
    pub paid: u64,
    pub fees: u64,
    pub refunded: u64,
    pub closed_at: Option<i64>,
}

/// What became of a purchase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurchaseFacts {
    pub state: &'static str,
    pub amount: u64,
    pub rating: u8,
}

/// The chain as it is now, and how it came to be.
#[derive(Default)]
pub struct Ledger {
    pub slot: u64,
    /// In the order of the chain.
    pub transactions: Vec<Transaction>,
    by_signature: HashMap<String, usize>,
    /// Places in `transactions`, by program.
    listings: HashMap<Address, Vec<usize>>,
    pub accounts: BTreeMap<Address, RawAccount>,
    pub jobs: BTreeMap<Address, JobFacts>,
    pub purchases: BTreeMap<Address, PurchaseFacts>,
    /// Seconds from first claim to settlement of every shard that was settled.
    pub completions: Vec<i64>,
    first_claims: HashMap<(Address, u32), i64>,
}

impl Ledger {
    pub fn now(&self) -> i64 {
        GENESIS + self.slot as i64
    }

    /// Accounts of one type.
    pub fn all<T: Account>(&self) -> Vec<(Address, T)> {
        let read = |(address, account): (&Address, &RawAccount)| {
            Some((*address, T::from_account(&account.owner, &account.data).ok()?))
        };
        self.accounts.iter().filter_map(read).collect()
    }

    pub fn get<T: Account>(&self, address: &Address) -> Option<T> {
        let account = self.accounts.get(address)?;
        T::from_account(&account.owner, &account.data).ok()
    }

    /// Every event in the order of the chain: signature, program, data.
    pub fn events(&self) -> Vec<(&str, Address, &[u8])> {
        let mut events = Vec::new();
        for transaction in &self.transactions {
            if let Outcome::Succeeded(recorded) = &transaction.outcome {
                events.extend(
                    recorded
                        .iter()
                        .map(|event| (transaction.signature.as_str(), event.program, event.data.as_slice())),
                );
            }
        }
        events
    }

    /// Number of events of the transactions from this one on.
    pub fn events_since(&self, transaction: usize) -> usize {
        let events = |transaction: &Transaction| match &transaction.outcome {
            Outcome::Succeeded(events) => events.len(),
            Outcome::Refused(_) => 0,
        };
        self.transactions.iter().skip(transaction).map(events).sum()
    }

    fn append(&mut self, transaction: Transaction, programs: &[Address]) {
        let place = self.transactions.len();
        self.by_signature.insert(transaction.signature.clone(), place);
        for program in programs {
            self.listings.entry(*program).or_default().push(place);
        }
        self.transactions.push(transaction);
    }
}

/// What one transaction is made of while it is being written.
#[derive(Default)]
struct Draft {
    events: Vec<RecordedEvent>,
    writes: Vec<Address>,
    programs: Vec<Address>,
}

impl Draft {
    fn event<E: Event>(&mut self, program: Address, event: E) {
        let mut data = E::DISCRIMINATOR.to_vec();
        data.extend_from_slice(bytemuck::bytes_of(&event));
        self.events.push(RecordedEvent { program, data });
        self.mention(program);
    }

    fn mention(&mut self, program: Address) {
        if !self.programs.contains(&program) {
            self.programs.push(program);
        }
    }

    fn write<T: Account>(&mut self, ledger: &mut Ledger, address: Address, account: &T, tail: &[u8]) {
        let mut data = T::DISCRIMINATOR.to_vec();
        data.extend_from_slice(bytemuck::bytes_of(account));
        data.extend_from_slice(tail);
        ledger.accounts.insert(address, RawAccount { owner: T::OWNER, data });
        self.writes.push(address);
        self.mention(T::OWNER);
    }

    fn close(&mut self, ledger: &mut Ledger, address: Address) {
        ledger.accounts.remove(&address);
        self.writes.push(address);
    }
}

/// Writes a history. The same seed writes the same one.
pub struct Author {
    random: StdRng,
    pub ledger: Arc<Mutex<Ledger>>,
    serial: u64,
    wallets: Vec<Address>,
    regions: Vec<u64>,
}

const REPLICAS: u8 = 3;
const FEE_BPS: u16 = 500;

impl Author {
    pub fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let wallets = (0..12).map(|_| Address::new_from_array(random.random())).collect();
        let mut author = Self {
            random,
            ledger: Arc::default(),
            serial: 0,
            wallets,
            regions: (0..4u64).map(|cell| 0x0831_f000_0000_0fff | cell << 20).collect(),
        };
        author.initialize();
        author
    }

    pub fn chain(&self) -> Played {
        Played {
            ledger: self.ledger.clone(),
            faults: Arc::default(),
        }
    }

    /// Adds a slot with so many transactions.
    pub fn slot(&mut self, transactions: usize) {
        self.ledger().slot += 1;
        for _ in 0..transactions {
            self.transaction();
        }
    }

    /// Adds a transaction to the present slot.
    pub fn transaction(&mut self) {
        let ledger = self.ledger.clone();
        let mut ledger = ledger.lock().expect("no test panics while it writes");
        let ledger = &mut *ledger;
        let mut draft = Draft::default();
        match self.random.random_range(0..100) {
            0..15 => self.register_node(ledger, &mut draft),
            15..22 => self.update_node(ledger, &mut draft),
            22..32 => self.prove_node(ledger, &mut draft),
            32..36 => self.epoch(ledger, &mut draft),
            36..44 => self.create_job(ledger, &mut draft),
            44..63 => self.claim_shard(ledger, &mut draft),
            63..65 => self.expire(ledger, &mut draft),
            65..71 => self.settle(ledger, &mut draft),
            71..74 => self.end_job(ledger, &mut draft),
            74..79 => self.create_listing(ledger, &mut draft),
            79..87 => self.buy(ledger, &mut draft),
            87..94 => self.conclude_purchase(ledger, &mut draft),
            94..97 => self.claim_reward(ledger, &mut draft),
            _ => {
                self.refuse(ledger);
                return;
            }
        }
        self.commit(ledger, draft);
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().expect("no test panics while it writes")
    }

    fn commit(&mut self, ledger: &mut Ledger, mut draft: Draft) {
        if draft.programs.is_empty() {
            return;
        }
        // Every transaction also writes accounts that are none of ours: the wallet that pays, token accounts.
        draft.writes.push(self.pick_wallet());
        let transaction = Transaction {
            signature: self.signature(),
            slot: ledger.slot,
            time: Some(ledger.now()),
            outcome: Outcome::Succeeded(draft.events),
            writes: draft.writes,
        };
        ledger.append(transaction, &draft.programs);
    }

    fn signature(&mut self) -> String {
        self.serial += 1;
        let [a, b] = [self.random.random::<u64>(), self.serial].map(u64::to_le_bytes);
        let mut bytes = [7; 32];
        bytes[..8].copy_from_slice(&a);
        bytes[8..16].copy_from_slice(&b);
        // Two addresses are as long as a signature; only its being unique matters here.
        format!("{}{}", Address::new_from_array(bytes), Address::new_from_array([1; 32]))
    }

    fn address(&mut self) -> Address {
        Address::new_from_array(self.random.random())
    }

    fn pick_wallet(&mut self) -> Address {
        *self.wallets.choose(&mut self.random).expect("there are wallets")
    }

    fn pick<T>(&mut self, of: Vec<T>) -> Option<T> {
        if of.is_empty() {
            return None;
        }
        let index = self.random.random_range(0..of.len());
        of.into_iter().nth(index)
    }

    fn initialize(&mut self) {
        let shared = self.ledger.clone();
        let mut ledger = shared.lock().expect("no test panics while it writes");
        let ledger = &mut *ledger;
        ledger.slot = 1;
        let mut draft = Draft::default();
        let network = Network {
            version: 1,
            authority: self.pick_wallet(),
            minimum_bond: 1_000_000,
            weight_bandwidth: 4_000,
            weight_proximity: 3_000,
            weight_latency: 2_000,
            weight_reputation: 1_000,
            network_id: [9; 32],
            ..Network::zeroed()
        };
        draft.write(ledger, registry::NETWORK, &network, &[]);
        let emission = Emission {
            version: 1,
            cap: 850_000_000_000_000,
            early_minted: rewards::EARLY_POOL_AMOUNT,
            ..Emission::zeroed()
        };
        draft.write(ledger, rewards::EMISSION, &emission, &[]);
        let mut set = OracleSet {
            version: 1,
            count: 4,
            epoch_seconds: 60,
            ..OracleSet::zeroed()
        };
        for index in 0..4 {
            set.keys[index] = self.wallets[index];
            set.states[index] = if index == 3 { member::REMOVED } else { member::ACTIVE };
        }
        draft.write(ledger, bandwidth::ORACLE_SET, &set, &[]);
        self.commit(ledger, draft);
    }

    fn register_node(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let owner = self.pick_wallet();
        let index = ledger
            .all::<Node>()
            .iter()
            .filter(|(_, node)| node.owner == owner)
            .count() as u16;
        let (address, bump) = registry::node_address(&owner, index);
        let node = Node {
            version: 1,
            bump,
            index,
            owner,
            operator: self.address(),
            shard_capacity: self.random.random_range(1..5),
            h3_cell: *self.regions.choose(&mut self.random).expect("there are regions"),
            limit_kbps: self.random.random_range(1_000..1_000_000),
            registered_at: ledger.now(),
            updated_at: ledger.now(),
            rent_payer: owner,
            ..Node::zeroed()
        };
        draft.write(ledger, address, &node, &[]);
        draft.event(
            registry::ID,
            NodeRegistered {
                version: 1,
                index,
                limit_kbps: node.limit_kbps,
                node: address,
                owner,
                h3_cell: node.h3_cell,
                ..NodeRegistered::zeroed()
            },
        );
    }

    fn update_node(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let Some((address, mut node)) = self.pick(ledger.all::<Node>()) else {
            return;
        };
        if self.random.random() {
            node.status = if node.is_active() {
                status::PAUSED
            } else {
                status::ACTIVE
            };
            node.limit_kbps = self.random.random_range(1_000..1_000_000);
            draft.event(
                registry::ID,
                NodeUpdated {
                    version: 1,
                    status: node.status,
                    shard_capacity: node.shard_capacity,
                    limit_kbps: node.limit_kbps,
                    node: address,
                    h3_cell: node.h3_cell,
                },
            );
        } else {
            let amount = self.random.random_range(1..10_000_000);
            node.bond += amount;
            draft.event(
                registry::ID,
                BondDeposited {
                    version: 1,
                    node: address,
                    amount,
                    bond: node.bond,
                    ..BondDeposited::zeroed()
                },
            );
        }
        node.updated_at = ledger.now();
        draft.write(ledger, address, &node, &[]);
    }

    fn prove_node(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let Some((node, _)) = self.pick(ledger.all::<Node>()) else {
            return;
        };
        // The address is the program's in truth; here it only has to be the same each time.
        let address = derived(&node, 1);
        let before: Attestation = ledger.get(&address).unwrap_or(Attestation::zeroed());
        let contribution = self.random.random_range(0..1_000_000);
        let attestation = Attestation {
            version: 1,
            reason: self.random.random_range(0..9),
            uptime_bps: self.random.random_range(0..=10_000),
            reputation_bps: self.random.random_range(0..=10_000),
            node,
            epoch: before.epoch + 1,
            down_kbps: self.random.random_range(0..1_000_000),
            up_kbps: self.random.random_range(0..1_000_000),
            rtt_us: self.random.random_range(0..300_000),
            contribution,
            cumulative_contribution: before.cumulative_contribution + contribution,
            cumulative_reward: before.cumulative_reward + self.random.random_range(0..1_000_000),
            measured_at: ledger.now() - 5,
            proven_at: ledger.now(),
            ..Attestation::zeroed()
        };
        draft.write(ledger, address, &attestation, &[]);
        draft.event(
            bandwidth::ID,
            NodeProven {
                version: 1,
                reason: attestation.reason,
                reputation_bps: attestation.reputation_bps,
                down_kbps: attestation.down_kbps,
                up_kbps: attestation.up_kbps,
                rtt_us: attestation.rtt_us,
                node,
                epoch: attestation.epoch,
                contribution,
                cumulative_reward: attestation.cumulative_reward,
            },
        );
    }

    fn epoch(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let open = ledger
            .all::<Epoch>()
            .into_iter()
            .find(|(_, epoch)| epoch.state == epoch_state::OPEN);
        if let Some((address, mut epoch)) = open {
            epoch.state = epoch_state::ATTESTED;
            epoch.attested_at = ledger.now();
            epoch.final_at = ledger.now() + 10;
            epoch.committed = epoch.members;
            epoch.signers = 0b011;
            epoch.epoch_reward = self.random.random_range(1..1_000_000_000);
            epoch.root = self.random.random();
            let mut set: OracleSet = ledger.get(&bandwidth::ORACLE_SET).expect("it was initialised");
            set.cumulative_reward += epoch.epoch_reward;
            epoch.cumulative_reward = set.cumulative_reward;
            draft.write(ledger, bandwidth::ORACLE_SET, &set, &[]);
            draft.write(ledger, address, &epoch, &[]);
            draft.event(
                bandwidth::ID,
                EpochAttested {
                    version: 1,
                    signers: epoch.signers,
                    epoch: epoch.epoch,
                    root: epoch.root,
                    epoch_reward: epoch.epoch_reward,
                    final_at: epoch.final_at,
                    ..EpochAttested::zeroed()
                },
            );
            draft.event(
                rewards::ID,
                EpochFunded {
                    version: 1,
                    epoch: epoch.epoch,
                    amount: epoch.epoch_reward,
                    minted: set.cumulative_reward,
                    ..EpochFunded::zeroed()
                },
            );
            let mut emission: Emission = ledger.get(&rewards::EMISSION).expect("it was initialised");
            emission.minted += epoch.epoch_reward;
            draft.write(ledger, rewards::EMISSION, &emission, &[]);
            return;
        }
        let mut set: OracleSet = ledger.get(&bandwidth::ORACLE_SET).expect("it was initialised");
        let epoch = Epoch {
            version: 1,
            quorum: 3,
            members: 0b111,
            epoch: set.next_epoch,
            seed: self.random.random(),
            starts_at: ledger.now(),
            ends_at: ledger.now() + 60,
            cutoff_at: ledger.now() + 90,
            ..Epoch::zeroed()
        };
        set.next_epoch += 1;
        draft.write(ledger, bandwidth::ORACLE_SET, &set, &[]);
        let address = Address::new_from_array([epoch.epoch as u8 ^ 0x55; 32]);
        draft.write(ledger, address, &epoch, &[]);
        draft.event(
            bandwidth::ID,
            EpochOpened {
                version: 1,
                quorum: 3,
                members: epoch.members,
                epoch: epoch.epoch,
                seed_slot: epoch.seed_slot,
                ends_at: epoch.ends_at,
                cutoff_at: epoch.cutoff_at,
                ..EpochOpened::zeroed()
            },
        );
    }

    fn create_job(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let client = self.pick_wallet();
        // A client's numbers are few, so that jobs that were closed come again at the same address.
        let id = self.random.random_range(0..6);
        let (address, bump) = tasks::job_address(&client, id);
        if ledger.accounts.contains_key(&address) {
            return;
        }
        let shard_count = self.random.random_range(1..6);
        let price = self.random.random_range(100..1_000_000);
        let job = Job {
            version: 1,
            bump,
            replicas: REPLICAS,
            shard_count,
            fee_bps: FEE_BPS,
            client,
            id,
            manifest_hash: self.random.random(),
            price,
            escrowed: price * u64::from(shard_count) * u64::from(REPLICAS),
            opened_at: ledger.now(),
            deadline: ledger.now() + 1_000,
            ..Job::zeroed()
        };
        draft.write(ledger, address, &job, &vec![0; shard_count as usize]);
        draft.event(
            tasks::ID,
            JobCreated {
                version: 1,
                replicas: REPLICAS,
                fee_bps: FEE_BPS,
                shard_count,
                job: address,
                client,
                manifest_hash: job.manifest_hash,
                price,
                escrowed: job.escrowed,
                deadline: job.deadline,
            },
        );
        ledger.jobs.insert(
            address,
            JobFacts {
                state: "open",
                settled: 0,
                paid: 0,
                fees: 0,
                refunded: 0,
                closed_at: None,
            },
        );
    }

    fn claim_shard(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let jobs = ledger
            .all::<Job>()
            .into_iter()
            .filter(|(_, job)| job.cancelled == 0)
            .collect();
        let (Some((address, mut job)), Some((node_address, node))) = (self.pick(jobs), self.pick(ledger.all::<Node>()))
        else {
            return;
        };
        let mut states = Job::shard_states(&ledger.accounts[&address].data).to_vec();
        let shard = self.random.random_range(0..job.shard_count);
        let state = ShardState(states[shard as usize]);
        let Some(replica) = state.first_free(REPLICAS) else {
            return;
        };
        states[shard as usize] = state.with(replica).0;
        job.live_assignments += 1;
        draft.write(ledger, address, &job, &states);
        let assignment = Assignment {
            version: 1,
            state: assignment_state::CLAIMED,
            replica,
            shard,
            job: address,
            node: node_address,
            owner: node.owner,
            operator: node.operator,
            score: self.random.random_range(0..=10_000),
            claimed_at: ledger.now(),
            commit_deadline: ledger.now() + 60,
            ..Assignment::zeroed()
        };
        let place = tasks::assignment_address(&address, shard, replica).0;
        draft.write(ledger, place, &assignment, &[]);
        self.work(ledger, draft, node_address, |work| work.active += 1);
        draft.event(
            tasks::ID,
            ShardClaimed {
                version: 1,
                replica,
                score: assignment.score,
                shard,
                job: address,
                node: node_address,
                claimable_at: ledger.now() - self.random.random_range(0..400),
                claimed_at: ledger.now(),
                ..ShardClaimed::zeroed()
            },
        );
        let now = ledger.now();
        ledger.first_claims.entry((address, shard)).or_insert(now);
    }

    fn work(&mut self, ledger: &mut Ledger, draft: &mut Draft, node: Address, change: impl FnOnce(&mut Work)) {
        let address = derived(&node, 2);
        let mut work: Work = ledger.get(&address).unwrap_or(Work {
            version: 1,
            node,
            ..Work::zeroed()
        });
        change(&mut work);
        draft.write(ledger, address, &work, &[]);
    }

    fn expire(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let Some((place, assignment)) = self.pick(ledger.all::<Assignment>()) else {
            return;
        };
        let mut job: Job = ledger.get(&assignment.job).expect("an assignment has a job");
        let mut states = Job::shard_states(&ledger.accounts[&assignment.job].data).to_vec();
        let shard = assignment.shard as usize;
        states[shard] = ShardState(states[shard]).without(assignment.replica).0;
        job.live_assignments -= 1;
        draft.write(ledger, assignment.job, &job, &states);
        draft.close(ledger, place);
        self.work(ledger, draft, assignment.node, |work| {
            work.active -= 1;
            work.expired += 1;
        });
        draft.event(
            tasks::ID,
            AssignmentExpired {
                version: 1,
                replica: assignment.replica,
                state: assignment.state,
                shard: assignment.shard,
                job: assignment.job,
                node: assignment.node,
                expired_at: ledger.now(),
                ..AssignmentExpired::zeroed()
            },
        );
    }

    fn settle(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let Some((_, picked)) = self.pick(ledger.all::<Assignment>()) else {
            return;
        };
        let (address, shard) = (picked.job, picked.shard);
        let mut job: Job = ledger.get(&address).expect("an assignment has a job");
        let assigned = ledger.all::<Assignment>();
        let assigned: Vec<_> = assigned
            .into_iter()
            .filter(|(_, it)| (it.job, it.shard) == (address, shard))
            .collect();
        let agreed = self.random.random_range(0..4) != 0;
        let winners = if agreed {
            assigned.iter().fold(0, |bits, (_, it)| bits | 1 << it.replica)
        } else {
            0
        };
        let fee = job.price * u64::from(FEE_BPS) / 10_000;
        let number = if agreed { assigned.len() as u64 } else { 0 };
        job.live_assignments -= assigned.len() as u32;
        job.settled_shards += 1;
        job.paid += (job.price - fee) * number;
        job.fees += fee * number;
        let mut states = Job::shard_states(&ledger.accounts[&address].data).to_vec();
        states[shard as usize] = ShardState::settled(winners).0;
        draft.write(ledger, address, &job, &states);
        for (place, it) in &assigned {
            draft.close(ledger, *place);
            self.work(ledger, draft, it.node, |work| {
                work.active -= 1;
                if agreed {
                    work.completed += 1;
                    work.earned += job.price - fee;
                } else {
                    work.failed += 1;
                }
            });
        }
        draft.event(
            tasks::ID,
            ShardSettled {
                version: 1,
                assigned: assigned.iter().fold(0, |bits, (_, it)| bits | 1 << it.replica),
                winners,
                shard,
                job: address,
                paid_each: job.price - fee,
                fees: fee * number,
                ..ShardSettled::zeroed()
            },
        );
        let began = ledger.first_claims.remove(&(address, shard)).expect("it was claimed");
        let completion = ledger.now() - began;
        ledger.completions.push(completion);
        let facts = ledger.jobs.get_mut(&address).expect("it was created");
        facts.settled = job.settled_shards;
        facts.paid = job.paid;
        facts.fees = job.fees;
        if job.settled_shards == job.shard_count && job.cancelled == 0 {
            facts.state = "settled";
        }
    }

    fn end_job(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let idle = ledger
            .all::<Job>()
            .into_iter()
            .filter(|(_, job)| job.live_assignments == 0)
            .collect();
        let Some((address, mut job)) = self.pick(idle) else {
            return;
        };
        if job.cancelled == 0 && self.random.random() {
            job.cancelled = 1;
            let states = Job::shard_states(&ledger.accounts[&address].data).to_vec();
            draft.write(ledger, address, &job, &states);
            draft.event(
                tasks::ID,
                tasks::JobCancelled {
                    version: 1,
                    settled_shards: job.settled_shards,
                    job: address,
                    ..tasks::JobCancelled::zeroed()
                },
            );
            ledger.jobs.get_mut(&address).expect("it was created").state = "cancelled";
            return;
        }
        draft.close(ledger, address);
        let refunded = job.escrowed - job.paid - job.fees;
        draft.event(
            tasks::ID,
            JobClosed {
                version: 1,
                settled_shards: job.settled_shards,
                job: address,
                escrowed: job.escrowed,
                paid: job.paid,
                fees: job.fees,
                refunded,
                ..JobClosed::zeroed()
            },
        );
        ledger.first_claims.retain(|(claimed, _), _| *claimed != address);
        let now = ledger.now();
        let facts = ledger.jobs.get_mut(&address).expect("it was created");
        facts.state = "closed";
        facts.refunded = refunded;
        facts.closed_at = Some(now);
    }

    fn create_listing(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        if let (true, Some((address, mut listing))) = (self.random.random(), self.pick(ledger.all::<Listing>())) {
            if listing.state == listing_state::WITHDRAWN {
                return;
            }
            listing.state = listing_state::WITHDRAWN;
            listing.updated_at = ledger.now();
            draft.write(ledger, address, &listing, &[]);
            draft.event(
                market::ID,
                ListingWithdrawn {
                    version: 1,
                    open_purchases: listing.open_purchases,
                    listing: address,
                    ..ListingWithdrawn::zeroed()
                },
            );
            return;
        }
        let seller = self.pick_wallet();
        let id = ledger.all::<Listing>().len() as u64;
        let (address, bump) = market::listing_address(&seller, id);
        // Nothing keeps a seller from asking for more than there is.
        let price = if self.random.random_range(0..10) == 0 {
            u64::MAX
        } else {
            self.random.random_range(1..1_000_000)
        };
        let listing = Listing {
            version: 1,
            bump,
            state: listing_state::ACTIVE,
            payee_count: 1,
            revision: 1,
            seller,
            id,
            price,
            metadata_hash: self.random.random(),
            rows: 10,
            segments: 1,
            created_at: ledger.now(),
            updated_at: ledger.now(),
            payees: [seller; 8],
            shares: [10_000, 0, 0, 0, 0, 0, 0, 0],
            ..Listing::zeroed()
        };
        draft.write(ledger, address, &listing, &[]);
        draft.event(
            market::ID,
            ListingCreated {
                version: 1,
                listing: address,
                seller,
                metadata_hash: listing.metadata_hash,
                price,
                rows: 10,
                ..ListingCreated::zeroed()
            },
        );
    }

    fn buy(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let affordable = ledger.all::<Listing>().into_iter();
        let affordable = affordable.filter(|(_, it)| it.state == listing_state::ACTIVE && it.price < u64::MAX);
        let Some((listing_address, mut listing)) = self.pick(affordable.collect()) else {
            return;
        };
        let buyer = self.pick_wallet();
        let index = self.random.random_range(0..3);
        let (address, bump) = market::purchase_address(&listing_address, &buyer, index);
        if ledger.accounts.contains_key(&address) {
            return;
        }
        let purchase = Purchase {
            version: 1,
            bump,
            state: purchase_state::OPEN,
            index,
            revision: 1,
            listing: listing_address,
            buyer,
            buyer_key: self.random.random(),
            amount: listing.price,
            bought_at: ledger.now(),
            deadline: ledger.now() + 100,
            ..Purchase::zeroed()
        };
        listing.open_purchases += 1;
        draft.write(ledger, listing_address, &listing, &[]);
        draft.write(ledger, address, &purchase, &[]);
        draft.event(
            market::ID,
            DatasetBought {
                version: 1,
                index,
                listing: listing_address,
                purchase: address,
                buyer,
                buyer_key: purchase.buyer_key,
                amount: purchase.amount,
                deadline: purchase.deadline,
                ..DatasetBought::zeroed()
            },
        );
        let facts = PurchaseFacts {
            state: "open",
            amount: purchase.amount,
            rating: 0,
        };
        ledger.purchases.insert(address, facts);
    }

    fn conclude_purchase(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let unrated = ledger
            .all::<Purchase>()
            .into_iter()
            .filter(|(_, it)| it.rating == 0)
            .collect();
        let Some((address, mut purchase)) = self.pick(unrated) else {
            return;
        };
        let mut listing: Listing = ledger.get(&purchase.listing).expect("a purchase has a listing");
        let facts = ledger.purchases.get_mut(&address).expect("it was bought");
        if purchase.state == purchase_state::DELIVERED {
            purchase.rating = self.random.random_range(1..=5);
            purchase.rated_at = GENESIS + ledger.slot as i64;
            facts.rating = purchase.rating;
            listing.ratings += 1;
            listing.rating_sum += u64::from(purchase.rating);
            draft.write(ledger, address, &purchase, &[]);
            draft.event(
                market::ID,
                PurchaseRated {
                    version: 1,
                    rating: purchase.rating,
                    listing: purchase.listing,
                    purchase: address,
                    ..PurchaseRated::zeroed()
                },
            );
        } else if self.random.random_range(0..3) == 0 {
            facts.state = "refunded";
            listing.open_purchases -= 1;
            listing.refunds += 1;
            draft.close(ledger, address);
            draft.event(
                market::ID,
                PurchaseRefunded {
                    version: 1,
                    listing: purchase.listing,
                    purchase: address,
                    buyer: purchase.buyer,
                    amount: purchase.amount,
                    ..PurchaseRefunded::zeroed()
                },
            );
        } else {
            facts.state = "delivered";
            purchase.state = purchase_state::DELIVERED;
            purchase.ephemeral = self.random.random();
            purchase.sealed = self.random.random();
            purchase.delivered_at = GENESIS + ledger.slot as i64;
            listing.open_purchases -= 1;
            listing.sales += 1;
            listing.volume += purchase.amount;
            draft.write(ledger, address, &purchase, &[]);
            draft.event(
                market::ID,
                DatasetDelivered {
                    version: 1,
                    payees: 1,
                    listing: purchase.listing,
                    purchase: address,
                    ephemeral: purchase.ephemeral,
                    sealed: purchase.sealed,
                    amount: purchase.amount,
                    ..DatasetDelivered::zeroed()
                },
            );
        }
        draft.write(ledger, purchase.listing, &listing, &[]);
    }

    fn claim_reward(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let Some((_, attestation)) = self.pick(ledger.all::<Attestation>()) else {
            return;
        };
        let node: Node = ledger.get(&attestation.node).expect("an attestation has a node");
        let address = derived(&attestation.node, 3);
        let mut reward: Reward = ledger.get(&address).unwrap_or(Reward {
            version: 1,
            node: attestation.node,
            ..Reward::zeroed()
        });
        let amount = attestation.cumulative_reward - reward.claimed;
        reward.claimed += amount;
        draft.write(ledger, address, &reward, &[]);
        draft.event(
            rewards::ID,
            RewardClaimed {
                version: 1,
                node: attestation.node,
                owner: node.owner,
                amount,
                claimed: reward.claimed,
                epoch: attestation.epoch,
                ..RewardClaimed::zeroed()
            },
        );
    }

    /// A transaction that a program said no to.
    fn refuse(&mut self, ledger: &mut Ledger) {
        let refusal = Refusal {
            program: Some(tasks::ID),
            code: Some(6_000 + self.random.random_range(0..3)),
        };
        let transaction = Transaction {
            signature: self.signature(),
            slot: ledger.slot,
            time: Some(ledger.now()),
            outcome: Outcome::Refused(refusal),
            writes: vec![self.pick_wallet()],
        };
        ledger.append(transaction, &[tasks::ID]);
    }
}

/// An address that belongs to another one.
fn derived(address: &Address, what: u8) -> Address {
    let mut bytes = address.to_bytes();
    bytes[31] ^= what;
    bytes[30] ^= 0xa5;
    Address::new_from_array(bytes)
}

/// What may go wrong with a chain.
#[derive(Default)]
pub struct Faults {
    /// One of so many answers is an error; zero for none.
    pub errors: AtomicU64,
    /// One of so many answers comes from a node that is some transactions behind; zero for none.
    pub behind: AtomicU64,
    /// Transactions cannot be read at all.
    pub unreadable: AtomicBool,
    /// This transaction is listed, and no node has it any more.
    pub lost: Mutex<Option<String>>,
    asked: AtomicU64,
}

impl Faults {
    fn strikes(&self, one_of: &AtomicU64) -> bool {
        let one_of = one_of.load(Ordering::Relaxed);
        // A count that is scrambled: no pattern of requests can dodge it, and each run is the same.
        let asked = self
            .asked
            .fetch_add(1, Ordering::Relaxed)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29);
        one_of != 0 && asked % one_of == 0
    }
}

/// The chain as an indexer meets it.
#[derive(Clone)]
pub struct Played {
    ledger: Arc<Mutex<Ledger>>,
    pub faults: Arc<Faults>,
}

impl Played {
    fn ledger(&self) -> Result<MutexGuard<'_, Ledger>, ChainError> {
        if self.faults.strikes(&self.faults.errors) {
            return Err(ChainError::new("the node is away"));
        }
        Ok(self.ledger.lock().expect("no test panics while it writes"))
    }
}

impl Chain for Played {
    async fn slot(&self) -> Result<u64, ChainError> {
        Ok(self.ledger()?.slot)
    }

    async fn list(
        &self,
        program: &Address,
        before: Option<&str>,
        until: Option<&str>,
    ) -> Result<Vec<Listed>, ChainError> {
        let behind = self.faults.strikes(&self.faults.behind);
        let ledger = self.ledger()?;
        let places = ledger.listings.get(program).map(Vec::as_slice).unwrap_or_default();
        let known = &places[..places.len().saturating_sub(if behind { 20 } else { 0 })];
        let place_of = |signature: Option<&str>| signature.and_then(|it| ledger.by_signature.get(it).copied());
        let before = place_of(before).unwrap_or(usize::MAX);
        // A node that does not know where to end does not end there.
        let until = place_of(until).filter(|place| known.last().is_some_and(|last| last >= place));
        let listed = known.iter().rev().filter(|place| **place < before);
        let listed = listed
            .take_while(|place| until.is_none_or(|until| **place > until))
            .take(PAGE);
        let listed = listed.map(|place| Listed {
            signature: ledger.transactions[*place].signature.clone(),
            slot: ledger.transactions[*place].slot,
            // Any number will do that rises within a slot.
            index: u32::try_from(*place).ok(),
        });
        Ok(listed.collect())
    }

    async fn transactions(&self, signatures: &[String]) -> Result<Vec<Option<Transaction>>, ChainError> {
        let behind = self.faults.strikes(&self.faults.behind);
        let ledger = self.ledger()?;
        if self.faults.unreadable.load(Ordering::Relaxed) {
            return Err(ChainError::new("the node reads nothing"));
        }
        let lost = self
            .faults
            .lost
            .lock()
            .expect("no test panics while it decides")
            .clone();
        let find = |signature: &String| {
            if Some(signature) == lost.as_ref() {
                return None;
            }
            let place = *ledger.by_signature.get(signature)?;
            let is_known = !behind || place + 3 < ledger.transactions.len();
            is_known.then(|| ledger.transactions[place].clone())
        };
        Ok(signatures.iter().map(find).collect())
    }

    async fn accounts(
        &self,
        addresses: &[Address],
        at_least: u64,
    ) -> Result<AtSlot<Vec<Option<RawAccount>>>, ChainError> {
        let behind = self.faults.strikes(&self.faults.behind);
        let ledger = self.ledger()?;
        // A node that is behind says so by its slot.
        let slot = if behind {
            at_least.saturating_sub(1)
        } else {
            ledger.slot
        };
        Ok(AtSlot {
            slot,
            value: addresses
                .iter()
                .map(|address| ledger.accounts.get(address).cloned())
                .collect(),
        })
    }

    async fn accounts_of(&self, program: &Address) -> Result<AtSlot<Vec<(Address, RawAccount)>>, ChainError> {
        let ledger = self.ledger()?;
        let owned = ledger.accounts.iter().filter(|(_, account)| account.owner == *program);
        Ok(AtSlot {
            slot: ledger.slot,
            value: owned.map(|(address, account)| (*address, account.clone())).collect(),
        })
    }

    fn hints(&self, _: &[Address]) -> mpsc::Receiver<Hint> {
        let (sender, receiver) = mpsc::channel(1);
        let _ = sender.try_send(Hint::Connected);
        receiver
    }
}
