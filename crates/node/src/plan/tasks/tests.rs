//! A chain in miniature that refuses what the program refuses, and nodes that follow their plans on it: with kills at
//! every step, work is done, nothing is done twice, and no rule is ever broken.
#![allow(clippy::unwrap_used)]

use bytemuck::Zeroable;
use lumora_core::{result::WORDS, score as rule};
use lumora_interface::registry::status;
use proptest::prelude::*;

use super::*;

const SHARD_BOND: u64 = 10;
const MAX_WAIT: u32 = 20;
const COMMIT_SECONDS: u32 = 30;
const REVEAL_SECONDS: u32 = 20;
const DEADLINE: i64 = 2_500;

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
    round: Round,
    /// Runs end at these times.
    running: BTreeMap<ShardName, i64>,
    dead: bool,
    /// What it finds, in each word.
    word: u64,
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
            measured_at: 1,
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
            round: Round::default(),
            running: BTreeMap::new(),
            dead: false,
            word: 0,
            commits: BTreeSet::new(),
        }
    }

    /// What a kill takes: all memory; the disk stays.
    fn restart(&mut self) {
        self.not_before.clear();
        self.in_flight.clear();
        self.round = Round::default();
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
    peers: Peers,
    expired: usize,
    paid: BTreeMap<Address, u32>,
}

impl Chain {
    fn new(shards: u32, replicas: u8) -> Self {
        Self::growing(shards, replicas, replicas)
    }

    fn growing(shards: u32, replicas: u8, max_replicas: u8) -> Self {
        let job = Job {
            replicas,
            max_replicas,
            tolerance_count: 500,
            shard_count: shards,
            target: [i16::MAX, 0, 0],
            client: address(9, 9),
            slot_hash: [5; 32],
            opened_at: 100,
            deadline: DEADLINE,
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
            peers: Peers::default(),
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

    fn register(&mut self, agents: &[Agent]) {
        for agent in agents {
            self.peers.nodes.insert(agent.address, agent.node);
            self.peers.attestations.insert(agent.address, agent.attestation);
        }
    }

    fn world<'a>(&'a self, agent: &'a Agent) -> World<'a> {
        World {
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
            stop: None,
            shard_limit: agent.shard_limit,
            round: &agent.round,
        }
    }

    fn plan(&self, agent: &Agent) -> Plan {
        let world = self.world(agent);
        match next_round(&world, &self.peers) {
            Some(round) => plan(&World { round: &round, ..world }),
            None => plan(&world),
        }
    }

    fn shard_mut(&mut self, name: &ShardName) -> &mut ShardState {
        &mut self.jobs.get_mut(&name.job).unwrap().shards[name.shard as usize]
    }

    fn seated(&self, job: &Address, shard: u32) -> Shard {
        let here = |held: &&Assignment| held.job == *job && held.shard == shard && held.is_live();
        let nodes = self.assignments.values().filter(here);
        self.jobs[job].job.shard(nodes.map(|held| held.seat()))
    }

    fn claim(&mut self, agent: &Agent, name: ShardName) -> Result<(), ()> {
        let view = &self.jobs[&name.job];
        let state = view.shards[name.shard as usize];
        let seated = self.seated(&name.job, name.shard);
        let address = assignment_address(&name.job, name.shard, name.replica).0;
        let is_extra = name.replica >= seated.standing().slots();
        if state.is_settled() || state.has(name.replica) || is_extra && seated.next_extra() != Some(name.replica) {
            return Err(());
        }
        let former = self.assignments.get(&address);
        if let Some(former) = former {
            if former.slashed == 0 {
                return Err(());
            }
            assert_ne!(former.node, agent.address, "it gave this replica up before");
        }
        let joined = seated.copyable(former.map_or((0, 0), |former| (former.joined, former.shown)));
        assert!(usize::from(joined) < WORDS, "no word is left");
        let freed = former.map_or(0, |former| former.ended_at);
        let since = view
            .job
            .opened_at
            .max(freed)
            .max(if is_extra { seated.shown_at().0 } else { 0 });
        let score = claim::score(&self.network, &agent.node, &agent.attestation, &view.job);
        let jitter = rule::jitter_millis(&view.job.slot_hash, agent.address.as_array(), name.shard);
        let from = rule::claimable_at(Seconds(since), Seconds(i64::from(MAX_WAIT)), score, jitter).0;
        assert!(self.now >= from, "claimed before its time: {} < {from}", self.now);
        assert!(self.now < view.job.deadline, "claimed after the deadline");
        let held: Vec<_> = self
            .assignments
            .values()
            .filter(|held| held.node == agent.address && held.slashed == 0)
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
        let twice = |held: &&&Assignment| held.is_live() && held.job == name.job && held.shard == name.shard;
        assert!(!held.iter().any(|held| twice(&held)), "a second replica of one shard");
        *self.shard_mut(&name) = state.with(name.replica);
        let assignment = Assignment {
            state: assignment_state::CLAIMED,
            job: name.job,
            shard: name.shard,
            replica: name.replica,
            node: agent.address,
            owner: agent.node.owner,
            joined,
            claimed_at: self.now,
            commit_deadline: self.now + i64::from(COMMIT_SECONDS),
            ..Assignment::zeroed()
        };
        self.assignments.insert(address, assignment);
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
        let seated = self.seated(&name.job, name.shard);
        let is_closed = now >= self.jobs[&name.job].job.deadline;
        assert!(
            seated.standing().may_show(is_closed),
            "shown while another could copy it"
        );
        let due = seated.standing().words_due();
        let assignment = self.own(agent, &name);
        assert!(assignment.shown < due, "a word that nobody asked for");
        if assignment.state == assignment_state::COMMITTED {
            assert_eq!(assignment.commitment, commitment, "not what was committed to");
        } else {
            assert_eq!(assignment.state, assignment_state::REVEALED);
        }
        assignment.state = assignment_state::REVEALED;
        assignment.shown += 1;
        assignment.sketch = [agent.word; 4];
        assignment.revealed_at = now;
    }

    fn settle(&mut self, job: Address, shard: u32) -> Result<(), ()> {
        let seated = self.seated(&job, shard);
        let view = self.jobs.get_mut(&job).unwrap();
        if view.shards[shard as usize].is_settled() {
            return Err(());
        }
        let is_closed = self.now >= view.job.deadline;
        let Some(winners) = seated.decision(is_closed, self.now >= view.job.final_at().0) else {
            panic!("settled too early: {seated:?}");
        };
        view.shards[shard as usize] = ShardState::settled(winners);
        view.job.settled_shards += 1;
        for seat in seated.seats() {
            let address = assignment_address(&job, shard, seat.replica).0;
            let held = self.assignments.get_mut(&address).unwrap();
            let is_late = seated
                .expirable_after(seat)
                .is_some_and(|deadline| self.now > deadline.0);
            held.ended_at = self.now;
            if winners >> seat.replica & 1 == 1 {
                *self.paid.entry(held.node).or_default() += 1;
                self.assignments.remove(&address);
            } else if seat.shown >= seated.standing().words_due() && winners != 0 {
                held.state = assignment_state::REJECTED;
            } else if seat.shown < seated.standing().words_due() && is_late {
                held.state = assignment_state::EXPIRED;
            } else {
                self.assignments.remove(&address);
            }
        }
        Ok(())
    }

    fn expire(&mut self, name: ShardName) -> Result<(), ()> {
        let address = assignment_address(&name.job, name.shard, name.replica).0;
        let seated = self.seated(&name.job, name.shard);
        let now = self.now;
        let Some(assignment) = self.assignments.get_mut(&address).filter(|held| held.is_live()) else {
            return Err(());
        };
        let deadline = seated.expirable_after(&assignment.seat());
        assert!(
            deadline.is_some_and(|deadline| now > deadline.0),
            "expired before its deadline: {deadline:?}"
        );
        assignment.state = assignment_state::EXPIRED;
        assignment.ended_at = now;
        let state = self.shard_mut(&name);
        *state = state.without(name.replica);
        self.expired += 1;
        Ok(())
    }

    fn slash(&mut self, name: ShardName) -> Result<(), ()> {
        let address = assignment_address(&name.job, name.shard, name.replica).0;
        match self.assignments.get_mut(&address).filter(|held| held.slashed == 0) {
            Some(held) => {
                assert!(held.is_tombstone(), "slashed while it is at work");
                held.slashed = 1;
                Ok(())
            }
            None => Err(()),
        }
    }

    fn close(&mut self, agent: &Agent, name: ShardName) {
        let view = &self.jobs[&name.job];
        let is_over = view.shards[name.shard as usize].is_settled() || self.now >= view.job.deadline;
        let held = *self.own(agent, &name);
        assert!(
            held.is_tombstone() && held.slashed == 1 && is_over,
            "closed while it is needed"
        );
        self.assignments
            .remove(&assignment_address(&name.job, name.shard, name.replica).0);
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
        if let Some(round) = next_round(&self.world(agent), &self.peers) {
            agent.round = round;
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
                Step::Slash(name) => self.slash(name).is_err(),
                Step::Close(name) => {
                    self.close(agent, name);
                    false
                }
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

    /// Runs until all shards are settled, or nobody can be at work on them any more, and all who live have cleared away; the
    /// seconds it took.
    fn run(&mut self, agents: &mut [Agent], run_seconds: i64, mut killed: impl FnMut(i64) -> bool) -> i64 {
        let shards: usize = self.jobs.values().map(|view| view.shards.len()).sum();
        let start = self.now;
        self.register(agents);
        let is_left = |chain: &Self, agents: &[Agent]| {
            let lives = |node: &Address| agents.iter().any(|agent| !agent.dead && agent.address == *node);
            chain.assignments.values().any(|held| lives(&held.node))
        };
        let end = self.jobs.values().map(|view| view.job.final_at().0).max().unwrap();
        while self.settled() < shards && self.now < end || is_left(self, agents) {
            assert!(
                self.now - start < 4_000,
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
    chain.register(&agents);
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
    assert!(
        chain.assignments.values().all(|left| left.slashed == 1),
        "somebody takes the reporter's part"
    );
}

#[test]
fn a_node_that_finds_something_else_is_outvoted_by_a_third_and_slashed() {
    let (mut chain, mut agents) = (Chain::growing(6, 2, 3), agents(4, 5, 4));
    agents[0].word = u64::MAX;
    chain.run(&mut agents, 3, |_| false);
    assert_eq!(chain.paid.get(&agents[0].address), None);
    assert_eq!(chain.paid.values().sum::<u32>(), 12, "each shard has two that agree");
    assert!(chain.now < DEADLINE);
}

#[test]
fn a_node_that_dies_between_commitment_and_reveal_holds_nobody_up() {
    let (mut chain, mut agents) = (Chain::new(4, 2), agents(2, 5, 4));
    chain.register(&agents);
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
        chain.now = 199;
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
            age: 10_199,
            allowed: 10_000
        })
    );
    assert_eq!(told(&|_, agent| agent.node.located_at = 1), Some(NoTask::Moved));
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
fn outside_its_hours_a_node_finishes_what_it_holds_and_takes_nothing_new() {
    let (mut chain, mut agents) = (Chain::new(2, 1), agents(1, 5, 4));
    while chain.assignments.is_empty() {
        chain.now += 1;
        chain.turn(&mut agents[0], 3, || false);
    }
    agents[0].restart();
    let stop = Stop::OutsideHours { opens_at: 9_999 };
    let decision = plan(&World {
        stop: Some(stop),
        ..chain.world(&agents[0])
    });
    assert_eq!(decision.no_task, Some(NoTask::Limits(stop)));
    let goes_on = decision.steps.iter().all(|step| matches!(step, Step::Run(_)));
    assert!(goes_on && !decision.steps.is_empty(), "{:?}", decision.steps);
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
fn it_wakes_for_the_next_round() {
    let chain = Chain::new(1, 1);
    let agent = Agent::new(0, 10_000, 5, 4);
    let Plan {
        steps,
        wake_at,
        no_task,
    } = chain.plan(&agent);
    assert!(steps.is_empty());
    assert!(
        matches!(no_task, Some(NoTask::Waiting { until, .. }) if until > 100),
        "{no_task:?}"
    );
    assert_eq!(wake_at, Some(96), "a round begins");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    /// Kills at any step of any node; the chain panics on whatever a plan must never try.
    #[test]
    fn whatever_is_killed_the_job_is_finished_and_no_rule_is_broken(
        shards in 1u32..12, replicas in 1u8..4, more in 0u8..2, nodes in 3u8..6, liar: bool, capacity in 2u16..8, limit in 1u16..5,
        run_seconds in 1i64..20, kills in prop::collection::vec(any::<u8>(), 64), calm_after in 100i64..600,
    ) {
        // One more than are needed: whoever gave a replica up does not take it again.
        let replicas = replicas.min(nodes - 1);
        let mut chain = Chain::growing(shards, replicas, replicas + more);
        let mut agents = agents(nodes, capacity, limit);
        agents[0].word = if liar { u64::MAX } else { 0 };
        let mut count = 0usize;
        chain.run(&mut agents, run_seconds, |now| {
            count += 1;
            now < calm_after && kills[count % kills.len()] < 30
        });
        prop_assert!(chain.assignments.is_empty());
        // Where results differ a third node may have no room, for as long as the two wait for it: until the deadline.
        prop_assert!(liar && more > 0 || chain.settled() == shards as usize, "{} of {shards}", chain.settled());
    }
}
