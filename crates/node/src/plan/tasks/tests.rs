//! A chain in miniature that refuses what the program refuses, and nodes that follow their plans on it: with kills at
//! every step, work is done, nothing is done twice, and no rule is ever broken.
#![allow(clippy::unwrap_used)]

use bytemuck::Zeroable;
use lumora_core::{score as rule, units::Seconds};
use lumora_interface::registry::status;
use proptest::prelude::*;

use super::*;

const SHARD_BOND: u64 = 10;
const MAX_WAIT: u32 = 20;
const COMMIT_SECONDS: u32 = 30;
const REVEAL_SECONDS: u32 = 20;

fn network() -> Network {
    Network {
        weight_bandwidth: 3_000,
        weight_proximity: 3_000,
        weight_latency: 2_000,
        weight_reputation: 2_000,
        reference_kbps: 100_000,
        half_distance_km: 1_000,
        half_latency_us: 50_000,
        max_wait_seconds: MAX_WAIT,
        attestation_max_age_seconds: 10_000,
        capacity_share: 8_000,
        shard_bond: SHARD_BOND,
        ..Network::zeroed()
    }
}

fn address(kind: u8, number: u8) -> Address {
    let mut bytes = [0; 32];
    bytes[0] = kind;
    bytes[1] = number;
    Address::new_from_array(bytes)
}

/// A node with what it has in memory and on disk.
struct Agent {
    address: Address,
    node: Node,
    attestation: Attestation,
    shard_limit: u16,
    results: BTreeMap<Address, Ready>,
    not_before: BTreeMap<Step, i64>,
    in_flight: BTreeSet<Step>,
    /// Runs end at these times.
    running: BTreeMap<ShardName, i64>,
    dead: bool,
    commits: BTreeSet<(Address, i64)>,
}

impl Agent {
    fn new(number: u8, kbps: u32, capacity: u16, shard_limit: u16) -> Self {
        let node = Node {
            owner: address(2, number),
            location: [i16::MAX, 0, 0],
            limit_kbps: kbps,
            shard_capacity: capacity,
            status: status::ACTIVE,
            bond: SHARD_BOND * 100,
            ..Node::zeroed()
        };
        let attestation = Attestation {
            down_kbps: kbps,
            rtt_us: 10_000,
            reputation_bps: 10_000,
            ..Attestation::zeroed()
        };
        Self {
            address: address(1, number),
            node,
            attestation,
            shard_limit,
            results: BTreeMap::new(),
            not_before: BTreeMap::new(),
            in_flight: BTreeSet::new(),
            running: BTreeMap::new(),
            dead: false,
            commits: BTreeSet::new(),
        }
    }

    /// What a kill takes: all memory; the disk stays.
    fn restart(&mut self) {
        self.not_before.clear();
        self.in_flight.clear();
        self.running.clear();
    }
}

/// The chain: enforces the program's rules by panicking where it would refuse something that a plan must never try, and
/// by an error where others may have been faster.
struct Chain {
    now: i64,
    network: Network,
    jobs: BTreeMap<Address, JobView>,
    assignments: BTreeMap<Address, Assignment>,
    expired: usize,
    paid: BTreeMap<Address, u32>,
}

impl Chain {
    fn new(shards: u32, replicas: u8) -> Self {
        let job = Job {
            replicas,
            shard_count: shards,
            target: [i16::MAX, 0, 0],
            client: address(9, 9),
            slot_hash: [5; 32],
            opened_at: 100,
            deadline: 100_000,
            commit_seconds: COMMIT_SECONDS,
            reveal_seconds: REVEAL_SECONDS,
            ..Job::zeroed()
        };
        let view = JobView {
            job,
            shards: vec![ShardState::default(); shards as usize],
        };
        Self {
            now: 95,
            network: network(),
            jobs: BTreeMap::from([(address(3, 0), view)]),
            assignments: BTreeMap::new(),
            expired: 0,
            paid: BTreeMap::new(),
        }
    }

    fn settled(&self) -> usize {
        self.jobs
            .values()
            .flat_map(|view| &view.shards)
            .filter(|state| state.is_settled())
            .count()
    }

    fn plan(&self, agent: &Agent) -> Plan {
        plan(&World {
            now: self.now,
            network: &self.network,
            address: agent.address,
            node: &agent.node,
            attestation: Some(&agent.attestation),
            jobs: &self.jobs,
            assignments: &self.assignments,
            results: &agent.results,
            in_flight: &agent.in_flight,
            not_before: &agent.not_before,
            shard_limit: agent.shard_limit,
        })
    }

    fn shard_mut(&mut self, name: &ShardName) -> &mut ShardState {
        &mut self.jobs.get_mut(&name.job).unwrap().shards[name.shard as usize]
    }

    fn claim(&mut self, agent: &Agent, name: ShardName) -> Result<(), ()> {
        let view = &self.jobs[&name.job];
        let score = claim::score(&self.network, &agent.node, &agent.attestation, &view.job);
        let jitter = rule::jitter_millis(&view.job.slot_hash, agent.address.as_array(), name.shard);
        let from = rule::claimable_at(Seconds(view.job.opened_at), Seconds(i64::from(MAX_WAIT)), score, jitter).0;
        assert!(self.now >= from, "claimed before its time: {} < {from}", self.now);
        let state = view.shards[name.shard as usize];
        if state.is_settled() || state.has(name.replica) {
            return Err(());
        }
        let held: Vec<_> = self
            .assignments
            .values()
            .filter(|held| held.node == agent.address)
            .collect();
        let open = held.len() as u32;
        let full = open * 10_000 >= u32::from(agent.node.shard_capacity) * u32::from(self.network.capacity_share);
        assert!(
            !full && open < u32::from(agent.shard_limit),
            "more shards than the node may have"
        );
        assert!(
            agent.node.bond >= SHARD_BOND * u64::from(open + 1),
            "the bond does not cover another shard"
        );
        let twice = held.iter().any(|held| held.job == name.job && held.shard == name.shard);
        assert!(!twice, "a second replica of one shard");
        *self.shard_mut(&name) = state.with(name.replica);
        let assignment = Assignment {
            state: assignment_state::CLAIMED,
            job: name.job,
            shard: name.shard,
            replica: name.replica,
            node: agent.address,
            owner: agent.node.owner,
            claimed_at: self.now,
            commit_deadline: self.now + i64::from(COMMIT_SECONDS),
            ..Assignment::zeroed()
        };
        self.assignments
            .insert(assignment_address(&name.job, name.shard, name.replica).0, assignment);
        Ok(())
    }

    fn own(&mut self, agent: &Agent, name: &ShardName) -> &mut Assignment {
        let found = self
            .assignments
            .get_mut(&assignment_address(&name.job, name.shard, name.replica).0)
            .unwrap();
        assert_eq!(found.node, agent.address);
        found
    }

    fn commit(&mut self, agent: &mut Agent, name: ShardName, commitment: [u8; 32]) {
        let now = self.now;
        let assignment = self.own(agent, &name);
        assert_eq!(assignment.state, assignment_state::CLAIMED, "committed twice");
        assert!(now <= assignment.commit_deadline, "committed too late");
        assignment.state = assignment_state::COMMITTED;
        assignment.commitment = commitment;
        assignment.committed_at = now;
        let claimed_at = assignment.claimed_at;
        let first = agent
            .commits
            .insert((assignment_address(&name.job, name.shard, name.replica).0, claimed_at));
        assert!(first, "two commitments to one assignment");
    }

    fn reveal(&mut self, agent: &Agent, name: ShardName, commitment: [u8; 32]) {
        let now = self.now;
        let replicas = self.jobs[&name.job].job.replicas;
        let others: Vec<_> = (0..replicas)
            .map(|replica| {
                self.assignments
                    .get(&assignment_address(&name.job, name.shard, replica).0)
                    .copied()
            })
            .collect();
        assert!(
            others
                .iter()
                .all(|other| other.is_some_and(|other| other.state != assignment_state::CLAIMED)),
            "shown while another could copy it"
        );
        let assignment = self.own(agent, &name);
        assert_eq!(assignment.state, assignment_state::COMMITTED);
        assert_eq!(assignment.commitment, commitment, "not what was committed to");
        assignment.state = assignment_state::REVEALED;
        assignment.revealed_at = now;
    }

    /// Whoever revealed is paid, if they are a majority.
    fn settle(&mut self, job: Address, shard: u32) -> Result<(), ()> {
        let view = self.jobs.get_mut(&job).unwrap();
        if view.shards[shard as usize].is_settled() {
            return Err(());
        }
        let (replicas, mut winners) = (view.job.replicas, 0);
        let addresses: Vec<_> = (0..replicas)
            .map(|replica| assignment_address(&job, shard, replica).0)
            .collect();
        let found: Vec<_> = addresses.iter().map(|address| self.assignments.get(address)).collect();
        let all_shown = found
            .iter()
            .all(|a| a.is_some_and(|a| a.state == assignment_state::REVEALED));
        assert!(all_shown || self.now >= view.job.final_at().0, "settled too early");
        for (replica, assignment) in found.iter().enumerate() {
            if assignment.is_some_and(|a| a.state == assignment_state::REVEALED) {
                winners |= 1 << replica;
                *self.paid.entry(assignment.unwrap().node).or_default() += 1;
            }
        }
        view.shards[shard as usize] = ShardState::settled(winners);
        for address in addresses {
            self.assignments.remove(&address);
        }
        Ok(())
    }

    fn expire(&mut self, name: ShardName) -> Result<(), ()> {
        let address = assignment_address(&name.job, name.shard, name.replica).0;
        let Some(assignment) = self.assignments.get(&address) else {
            return Err(());
        };
        let job = &self.jobs[&name.job].job;
        let deadline = if assignment.state == assignment_state::CLAIMED {
            assignment.commit_deadline
        } else {
            assert_eq!(assignment.state, assignment_state::COMMITTED);
            let siblings = (0..job.replicas).map(|replica| {
                self.assignments
                    .get(&assignment_address(&name.job, name.shard, replica).0)
            });
            let committed = |sibling: Option<&Assignment>| {
                let sibling = sibling.expect("expired while a replica was free");
                assert_ne!(
                    sibling.state,
                    assignment_state::CLAIMED,
                    "expired while another was at work"
                );
                sibling.committed_at
            };
            siblings.map(committed).max().unwrap() + i64::from(REVEAL_SECONDS)
        };
        assert!(self.now > deadline, "expired before its deadline");
        self.assignments.remove(&address);
        let state = self.shard_mut(&name);
        *state = state.without(name.replica);
        self.expired += 1;
        Ok(())
    }

    /// One second of one agent.
    fn turn(&mut self, agent: &mut Agent, run_seconds: i64, mut killed: impl FnMut() -> bool) {
        if agent.dead {
            return;
        }
        let ended: Vec<_> = agent
            .running
            .iter()
            .filter(|(_, at)| **at <= self.now)
            .map(|(name, _)| *name)
            .collect();
        for name in ended {
            agent.running.remove(&name);
            agent.in_flight.remove(&Step::Run(name));
            let address = assignment_address(&name.job, name.shard, name.replica).0;
            if let Some(assignment) = self
                .assignments
                .get(&address)
                .filter(|found| found.node == agent.address)
            {
                // A fresh salt each time: running twice would give another commitment.
                let commitment = lumora_core::hash::sha256(&[address.as_ref(), &self.now.to_le_bytes()]);
                agent.results.insert(
                    address,
                    Ready {
                        claimed_at: assignment.claimed_at,
                        commitment,
                    },
                );
            }
            if killed() {
                return agent.restart();
            }
        }
        for step in self.plan(agent).steps {
            if killed() {
                return agent.restart();
            }
            let lost = match step {
                Step::Claim(name) => self.claim(agent, name).is_err(),
                Step::Run(name) => {
                    assert!(
                        agent.running.insert(name, self.now + run_seconds).is_none(),
                        "run twice at a time"
                    );
                    agent.in_flight.insert(step);
                    false
                }
                Step::Commit(name) => {
                    let ready = agent.results[&assignment_address(&name.job, name.shard, name.replica).0];
                    self.commit(agent, name, ready.commitment);
                    false
                }
                Step::Reveal(name) => {
                    let ready = agent.results[&assignment_address(&name.job, name.shard, name.replica).0];
                    self.reveal(agent, name, ready.commitment);
                    false
                }
                Step::Settle { job, shard } => self.settle(job, shard).is_err(),
                Step::Expire(name) => self.expire(name).is_err(),
            };
            if lost {
                agent.not_before.insert(step, self.now + 2);
            }
            // Landed, but killed before anything was noted.
            if killed() {
                return agent.restart();
            }
        }
    }

    /// Runs until all shards are settled; the seconds it took.
    fn run(&mut self, agents: &mut [Agent], run_seconds: i64, mut killed: impl FnMut(i64) -> bool) -> i64 {
        let shards: usize = self.jobs.values().map(|view| view.shards.len()).sum();
        let start = self.now;
        while self.settled() < shards {
            assert!(
                self.now - start < 3_000,
                "stuck with {} of {shards} shards settled",
                self.settled()
            );
            self.now += 1;
            let now = self.now;
            for agent in &mut *agents {
                self.turn(agent, run_seconds, || killed(now));
            }
        }
        self.now - start
    }
}

fn agents(count: u8, capacity: u16, limit: u16) -> Vec<Agent> {
    (0..count)
        .map(|number| Agent::new(number, 100_000 / (u32::from(number) + 1), capacity, limit))
        .collect()
}

#[test]
fn four_nodes_finish_a_job_of_two_replicas() {
    let (mut chain, mut agents) = (Chain::new(20, 2), agents(4, 5, 4));
    chain.run(&mut agents, 3, |_| false);
    assert_eq!(chain.paid.values().sum::<u32>(), 40);
    assert_eq!(chain.expired, 0);
    assert_eq!(chain.paid.len(), 4, "everybody got work: {:?}", chain.paid);
    assert!(chain.assignments.is_empty());
}

#[test]
fn a_node_with_room_for_one_shard_does_not_block_the_others() {
    // Each could hold another shard and wait for ever for a second replica.
    let (mut chain, mut agents) = (Chain::new(12, 2), agents(4, 2, 1));
    chain.run(&mut agents, 3, |_| false);
    assert_eq!(chain.paid.values().sum::<u32>(), 24);
}

#[test]
fn the_best_placed_node_comes_first() {
    let mut chain = Chain::new(1, 1);
    let mut agents = agents(3, 5, 4);
    agents[0].attestation.down_kbps = 0;
    agents[2].attestation.down_kbps = 100_000;
    agents[2].node.limit_kbps = 100_000;
    chain.run(&mut agents, 3, |_| false);
    assert_eq!(chain.paid, BTreeMap::from([(address(1, 2), 1)]));
}

#[test]
fn a_dead_nodes_shards_are_done_by_others() {
    let (mut chain, mut agents) = (Chain::new(10, 2), agents(4, 5, 4));
    while !chain.assignments.values().any(|held| held.node == agents[0].address) {
        chain.now += 1;
        for agent in &mut agents {
            chain.turn(agent, 5, || false);
        }
    }
    agents[0].dead = true;
    chain.run(&mut agents, 5, |_| false);
    assert!(chain.expired > 0);
    assert_eq!(chain.paid.values().sum::<u32>(), 20);
}

#[test]
fn a_node_that_dies_between_commitment_and_reveal_holds_nobody_up() {
    let (mut chain, mut agents) = (Chain::new(4, 2), agents(2, 5, 4));
    while !chain
        .assignments
        .values()
        .any(|held| held.node == agents[0].address && held.state == assignment_state::COMMITTED)
    {
        chain.now += 1;
        for agent in &mut agents {
            chain.turn(agent, 5, || false);
        }
    }
    agents[0].dead = true;
    agents.push(Agent::new(7, 50_000, 5, 4));
    agents.push(Agent::new(8, 50_000, 5, 4));
    chain.run(&mut agents, 5, |_| false);
}

#[test]
fn the_reasons_for_no_task_are_told_apart() {
    let chain = Chain::new(2, 2);
    let told = |change: &dyn Fn(&mut Chain, &mut Agent)| {
        let (mut chain, mut agent) = (Chain::new(2, 2), Agent::new(0, 100_000, 5, 4));
        chain.now = 200;
        change(&mut chain, &mut agent);
        chain.plan(&agent).no_task
    };
    assert!(
        chain
            .plan(&Agent::new(0, 0, 5, 4))
            .no_task
            .is_some_and(|reason| matches!(reason, NoTask::Waiting { .. }))
    );
    assert_eq!(told(&|_, _| {}), None);
    assert_eq!(
        told(&|chain, _| chain.network.paused = u32::MAX),
        Some(NoTask::NetworkPaused)
    );
    assert_eq!(
        told(&|_, agent| agent.node.status = status::PAUSED),
        Some(NoTask::NodePaused)
    );
    assert_eq!(
        told(&|chain, _| chain.now = 10_200),
        Some(NoTask::AttestationStale {
            age: 10_200,
            allowed: 10_000
        })
    );
    assert_eq!(
        told(&|_, agent| agent.node.bond = 9),
        Some(NoTask::BondTooSmall { bond: 9, needed: 10 })
    );
    assert_eq!(
        told(&|_, agent| agent.shard_limit = 0),
        Some(NoTask::Full { open: 0, allowed: 0 })
    );
    assert_eq!(told(&|chain, _| chain.jobs.clear()), Some(NoTask::NoJob));
    assert_eq!(
        told(&|_, agent| agent.node.owner = address(9, 9)),
        Some(NoTask::OwnJobs)
    );
    let all_settled = |chain: &mut Chain, _: &mut Agent| {
        chain
            .jobs
            .values_mut()
            .for_each(|view| view.shards.fill(ShardState::settled(3)));
    };
    assert_eq!(told(&all_settled), Some(NoTask::AllTaken));
}

#[test]
fn a_lost_disk_is_not_made_worse() {
    // Committed, but the result is gone: another commitment or a reveal of something else would be refused and slashed.
    let (mut chain, mut agents) = (Chain::new(1, 1), agents(1, 5, 4));
    while !chain
        .assignments
        .values()
        .any(|held| held.state == assignment_state::COMMITTED)
    {
        chain.now += 1;
        chain.turn(&mut agents[0], 3, || false);
        if chain
            .assignments
            .values()
            .any(|held| held.state == assignment_state::COMMITTED)
        {
            break;
        }
    }
    agents[0].results.clear();
    let steps = chain.plan(&agents[0]).steps;
    assert!(steps.is_empty(), "{steps:?}");
}

#[test]
fn a_result_of_an_earlier_claim_is_not_used_for_a_later_one() {
    let (mut chain, mut agents) = (Chain::new(1, 1), agents(1, 5, 4));
    while chain.assignments.is_empty() {
        chain.now += 1;
        chain.turn(&mut agents[0], 3, || false);
    }
    agents[0].restart();
    let (address, assignment) = chain.assignments.iter_mut().next().unwrap();
    agents[0].results.insert(
        *address,
        Ready {
            claimed_at: assignment.claimed_at - 50,
            commitment: [1; 32],
        },
    );
    assert!(matches!(chain.plan(&agents[0]).steps[..], [Step::Run(_)]));
}

#[test]
fn it_wakes_for_its_own_turn() {
    let chain = Chain::new(1, 1);
    let agent = Agent::new(0, 10_000, 5, 4);
    let Plan {
        steps,
        wake_at,
        no_task,
    } = chain.plan(&agent);
    assert!(steps.is_empty());
    let Some(NoTask::Waiting { until, .. }) = no_task else {
        panic!("{no_task:?}")
    };
    assert_eq!(wake_at, Some(until));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    /// Kills at any step of any node; the chain panics on whatever a plan must never try.
    #[test]
    fn whatever_is_killed_the_job_is_finished_and_no_rule_is_broken(
        shards in 1u32..12, replicas in 1u8..4, nodes in 3u8..6, capacity in 2u16..8, limit in 1u16..5,
        run_seconds in 1i64..20, kills in prop::collection::vec(any::<u8>(), 64), calm_after in 100i64..600,
    ) {
        let mut chain = Chain::new(shards, replicas.min(nodes));
        let mut agents = agents(nodes, capacity, limit);
        let mut count = 0usize;
        chain.run(&mut agents, run_seconds, |now| {
            count += 1;
            now < calm_after && kills[count % kills.len()] < 30
        });
        prop_assert!(chain.assignments.is_empty());
    }
}
