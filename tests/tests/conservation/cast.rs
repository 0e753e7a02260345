//! Who acts in the random sequences, and what they know that the chain does not.

use std::collections::{BTreeMap, VecDeque};

use lumora_core::{attestation::Leaf, reason::Reason};
use lumora_interface::{
    bandwidth::{self, OracleSet},
    registry::{self, Network, Node},
    rewards::{self, Emission},
};
use lumora_tests::{
    World, instructions,
    oracles::Figures,
    world::{LMR, SOL, keypair},
};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use solana_address::Address;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

/// Wallets that own nodes.
const OWNERS: u8 = 5;
/// Nodes that each may have.
pub const NODES_PER_OWNER: u16 = 2;
/// Members of the set at first: a quorum is four, so one may lie.
const ORACLES: u8 = 5;
/// What is remembered for the message of a failure.
const MEMORY: usize = 25;

/// A wallet and its LMR account.
pub struct Party {
    pub key: Keypair,
    pub tokens: Address,
}

impl Party {
    pub fn address(&self) -> Address {
        self.key.pubkey()
    }
}

/// What a node has earned according to the oracles.
#[derive(Clone, Copy, Default)]
pub struct Lifetime {
    pub contribution: u64,
    pub reward: u64,
}

/// A network and everybody in it.
pub struct Run {
    pub world: World,
    pub random: StdRng,
    pub seed: u64,
    pub owners: Vec<Party>,
    /// Wallets that control the oracles' bonds, in the order of `world.oracles`.
    pub oracle_owners: Vec<Party>,
    pub guardian: Party,
    pub authority: Party,
    /// Owns nothing and wants everything.
    pub thief: Party,
    pub lifetimes: BTreeMap<Address, Lifetime>,
    /// What the honest oracles agreed on, of epochs that may still matter.
    pub honest: BTreeMap<u64, Figures>,
    /// False figures that an oracle has signed: epoch, index of the oracle, figures.
    pub false_figures: Vec<(u64, usize, Figures)>,
    /// Recipients and numbers of the grants made.
    pub grants: Vec<(Address, u32)>,
    /// LMR that somebody gave to a vault, which nobody asked for and nobody counts on.
    pub gifts: BTreeMap<Address, u64>,
    /// Addresses that a hostile caller may put in place of others.
    pub known: Vec<Address>,
    pub history: VecDeque<String>,
}

impl Run {
    pub fn new(seed: u64) -> Self {
        let mut world = World::new(0);
        world.deploy(lumora_interface::tasks::ID, "forwarder");
        let party = |world: &mut World, name: &str, index: u8| {
            let key = keypair(name, index);
            world.svm.airdrop(&key.pubkey(), 1_000 * SOL).unwrap();
            let tokens = world.lmr_account(&key.pubkey());
            Party { key, tokens }
        };
        let owners: Vec<Party> = (0..OWNERS).map(|index| party(&mut world, "owner", index)).collect();
        let oracle_owners: Vec<Party> = (0..ORACLES)
            .map(|index| party(&mut world, "oracle owner", index))
            .collect();
        let guardian = party(&mut world, "guardian", 0);
        let thief = party(&mut world, "thief", 0);
        let authority = Party {
            tokens: world.lmr_account(&world.authority.pubkey()),
            key: world.authority.insecure_clone(),
        };
        for party in owners.iter().chain(&oracle_owners) {
            world.grant(&party.address(), 1_000 * LMR);
        }
        let mut run = Self {
            world,
            random: StdRng::seed_from_u64(seed),
            seed,
            owners,
            oracle_owners,
            guardian,
            authority,
            thief,
            lifetimes: BTreeMap::new(),
            honest: BTreeMap::new(),
            false_figures: Vec::new(),
            grants: Vec::new(),
            gifts: BTreeMap::new(),
            known: Vec::new(),
            history: VecDeque::new(),
        };
        for index in 0..usize::from(ORACLES) {
            run.admit_oracle(index as u8);
        }
        run.known = run.addresses();
        run
    }

    /// Adds an oracle with a bond.
    pub fn admit_oracle(&mut self, seed: u8) {
        let key = keypair("oracle", seed);
        let owner = &self.oracle_owners[usize::from(seed) % self.oracle_owners.len()];
        let (owner_key, source) = (owner.key.insecure_clone(), owner.tokens);
        let authority = self.authority.key.insecure_clone();
        let add = instructions::add_oracle(&authority.pubkey(), &key.pubkey(), &owner_key.pubkey());
        let bond = instructions::deposit_oracle_bond(&owner_key.pubkey(), &key.pubkey(), &source, 50 * LMR);
        self.world.must(&[add, bond], &[&authority, &owner_key]);
        self.world.oracles.push(key);
    }

    fn addresses(&self) -> Vec<Address> {
        let mut known = vec![
            registry::NETWORK,
            registry::BOND_VAULT,
            bandwidth::ORACLE_SET,
            bandwidth::BOND_VAULT,
            rewards::EMISSION,
            rewards::MINT,
            rewards::POOL,
            rewards::EARLY_POOL,
            rewards::FEES,
            instructions::TOKEN_PROGRAM,
            instructions::SYSTEM_PROGRAM,
        ];
        for party in self.parties() {
            known.extend([party.address(), party.tokens]);
        }
        for owner in &self.owners {
            for index in 0..NODES_PER_OWNER {
                let node = registry::node_address(&owner.address(), index).0;
                known.extend([
                    node,
                    bandwidth::attestation_address(&node).0,
                    rewards::reward_address(&node).0,
                ]);
            }
        }
        known.extend((0..4).map(|epoch| bandwidth::epoch_address(epoch).0));
        known
    }

    /// Everybody with a wallet.
    pub fn parties(&self) -> impl Iterator<Item = &Party> {
        self.owners
            .iter()
            .chain(&self.oracle_owners)
            .chain([&self.guardian, &self.authority, &self.thief])
    }

    /// Addresses of the nodes that exist, with the place of their owner.
    pub fn nodes(&self) -> Vec<(usize, u16, Address)> {
        let mut nodes = Vec::new();
        for (place, owner) in self.owners.iter().enumerate() {
            for index in 0..NODES_PER_OWNER {
                let address = registry::node_address(&owner.address(), index).0;
                if self.exists(&address) {
                    nodes.push((place, index, address));
                }
            }
        }
        nodes
    }

    pub fn exists(&self, address: &Address) -> bool {
        self.world
            .svm
            .get_account(address)
            .is_some_and(|account| account.lamports > 0 && !account.data.is_empty())
    }

    pub fn network(&self) -> Network {
        self.world.read(&registry::NETWORK)
    }

    pub fn node(&self, address: &Address) -> Node {
        self.world.read(address)
    }

    pub fn set(&self) -> OracleSet {
        self.world.read(&bandwidth::ORACLE_SET)
    }

    pub fn emission(&self) -> Emission {
        self.world.read(&rewards::EMISSION)
    }

    /// An amount that is often small, sometimes zero, and sometimes absurd.
    pub fn amount(&mut self) -> u64 {
        match self.random.random_range(0..10) {
            0 => 0,
            1 => self.random.next_u64(),
            2..6 => self.random.random_range(1..=LMR),
            _ => self.random.random_range(1..=20 * LMR),
        }
    }

    /// Sends what may well be refused; whether it landed.
    pub fn attempt(&mut self, what: &str, instructions: &[Instruction], signers: &[&Keypair]) -> bool {
        let outcome = self.world.send(instructions, signers);
        let text = match &outcome {
            Ok(_) => "landed".to_owned(),
            Err(refused) => refused.text.lines().next().unwrap_or_default().to_owned(),
        };
        self.history.push_back(format!("{what}: {text}"));
        if self.history.len() > MEMORY {
            self.history.pop_front();
        }
        outcome.is_ok()
    }

    /// What led here, for the message of a failure.
    pub fn story(&self) -> String {
        let steps: Vec<&str> = self.history.iter().map(String::as_str).collect();
        format!("seed {}; the last steps:\n  {}", self.seed, steps.join("\n  "))
    }

    /// What the honest oracles attest of the nodes that exist: as much as the schedule allows at most.
    pub fn draw_leaves(&mut self, epoch: u64) -> Vec<Leaf> {
        let schedule = self.emission().schedule();
        let set = self.set();
        let allowed = schedule.cumulative(epoch).0.saturating_sub(set.cumulative_reward);
        for (_, _, address) in self.nodes() {
            self.lifetimes.entry(address).or_default();
        }
        let share = allowed / (self.lifetimes.len().max(1) as u64);
        let mut leaves = Vec::new();
        for (address, lifetime) in &self.lifetimes {
            let contribution = self.random.random_range(0..1_000_000);
            let reward = self.random.random_range(0..=share);
            leaves.push(Leaf {
                node: address.to_bytes(),
                epoch,
                down_kbps: self.random.random_range(0..100_000),
                up_kbps: self.random.random_range(0..100_000),
                rtt_us: self.random.random_range(0..100_000),
                uptime_bps: self.random.random_range(0..=10_000),
                reputation_bps: self.random.random_range(0..=10_000),
                reason: if self.random.random_ratio(1, 3) {
                    Reason::Forged as u8
                } else {
                    0
                },
                contribution,
                cumulative_contribution: lifetime.contribution + contribution,
                cumulative_reward: lifetime.reward + reward,
            });
        }
        leaves
    }
}
