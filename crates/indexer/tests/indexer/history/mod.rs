//! A chain that a test writes: accounts and real event bytes, made up at random but consistent as the programs keep them.
//! What became of jobs, purchases and money is kept beside, by the rules of the programs and not by what an indexer makes of
//! the events.

mod network;
mod trade;
mod work;

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
    bandwidth::{self, OracleSet, member},
    registry::{self, Network},
    rewards::{self, Emission},
    tasks,
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use tokio::sync::mpsc;

/// Unix time of slot 0; a slot takes a second, so that times are easy to check.
pub const GENESIS: i64 = 1_800_000_000;

/// What became of a job, as its account or its last event has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobFacts {
    pub state: &'static str,
    pub max_replicas: u8,
    pub settled: u32,
    pub live: u32,
    pub tombstones: u32,
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
    pub penalty: u64,
    pub dataset_id: [u8; 32],
    pub rating: u8,
    pub closed_at: Option<i64>,
}

/// LMR base units in the token accounts of the programs, and what left them for whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Money {
    /// By job.
    pub escrows: BTreeMap<Address, u64>,
    /// By purchase.
    pub vaults: BTreeMap<Address, u64>,
    /// By listing.
    pub bonds: BTreeMap<Address, u64>,
    pub to_executors: u64,
    /// Of jobs that are closed.
    pub to_clients: u64,
    pub to_late_buyers: u64,
    pub sold: u64,
    /// From the bonds of nodes: to reporters, to the injured, burned.
    pub slashed: [u64; 3],
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
    pub money: Money,
    /// Results that oracles rejected.
    pub rejected: u64,
    /// Assignments for which their node was slashed.
    pub slashed_assignments: u64,
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
            0..8 => self.register_node(ledger, &mut draft),
            8..14 => self.update_node(ledger, &mut draft),
            14..21 => self.prove_node(ledger, &mut draft),
            21..27 => self.epoch(ledger, &mut draft),
            27..28 => self.parameters(ledger, &mut draft),
            28..34 => self.create_job(ledger, &mut draft),
            34..35 => self.jobs_that_come_and_go(ledger, &mut draft),
            35..49 => self.claim_shard(ledger, &mut draft),
            49..59 => self.advance(ledger, &mut draft),
            59..62 => self.expire(ledger, &mut draft),
            62..65 => self.reject(ledger, &mut draft),
            65..70 => self.settle(ledger, &mut draft),
            70..74 => self.slash(ledger, &mut draft),
            74..75 => self.close_assignment(ledger, &mut draft),
            75..79 => self.end_job(ledger, &mut draft),
            79..83 => self.create_listing(ledger, &mut draft),
            83..86 => self.change_listing(ledger, &mut draft),
            86..90 => self.buy(ledger, &mut draft),
            90..91 => self.purchases_that_come_and_go(ledger, &mut draft),
            91..95 => self.conclude_purchase(ledger, &mut draft),
            95..97 => self.claim_rewards(ledger, &mut draft),
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
        one_of != 0 && asked.is_multiple_of(one_of)
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
