//! Fleets of nodes, each with its own late view of a chain in miniature that refuses what the program refuses.
#![allow(clippy::unwrap_used)]

use bytemuck::Zeroable;
use lumora_core::hash::sha256;
use lumora_interface::{
    registry::status,
    tasks::{ShardState, assignment_address, assignment_state},
};
use proptest::prelude::*;

use super::{
    super::{Plan, Step, plan},
    *,
};

const MAX_WAIT: u32 = 12;
const OPENED_AT: i64 = 100;

fn address(kind: u8, number: u32) -> Address {
    let mut bytes = [kind; 32];
    bytes[..4].copy_from_slice(&sha256(&[&[kind], &number.to_le_bytes()])[..4]);
    Address::new_from_array(bytes)
}

fn network() -> Network {
    Network {
        weight_bandwidth: 6_000,
        weight_latency: 4_000,
        reference_kbps: 100_000,
        half_distance_km: 1_000,
        half_latency_us: 50_000,
        max_wait_seconds: MAX_WAIT,
        attestation_max_age_seconds: 10_000,
        capacity_share: 8_000,
        shard_bond: 10,
        ..Network::zeroed()
    }
}

/// Numbers that look drawn and follow from a seed.
#[derive(Clone)]
struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 += 1;
        let digest = sha256(&[b"fleet", &self.0.to_le_bytes()]);
        u64::from_le_bytes(digest[..8].try_into().unwrap()) % bound
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

struct Member {
    address: Address,
    node: Node,
    attestation: Attestation,
    round: Round,
    in_flight: BTreeSet<Step>,
    not_before: BTreeMap<Step, i64>,
    /// Asleep before that; `i64::MAX` if it is dead.
    wakes_at: i64,
}

/// A claim on its way.
struct Flying {
    member: usize,
    name: ShardName,
    /// The shard as its sender saw it: the siblings that it names.
    seen: ShardState,
    lands_at: i64,
}

struct Fleet {
    draws: Draws,
    seed: u64,
    now: i64,
    network: Network,
    jobs: BTreeMap<Address, JobView>,
    assignments: BTreeMap<Address, Assignment>,
    peers: Peers,
    members: Vec<Member>,
    flying: Vec<Flying>,
    /// Seconds until a claim lands, equally likely.
    landing: [i64; 8],
    /// Seconds of work on a shard, if it ends.
    work: Option<i64>,
    landed: usize,
    wasted: usize,
}

impl Fleet {
    /// `per_owner`: nodes of each owner.
    fn new(seed: u64, members: u32, per_owner: u32, jobs: u32, shards: u32, replicas: u8) -> Self {
        let mut draws = Draws(seed << 32);
        let members: Vec<Member> = (0..members)
            .map(|number| {
                let node = Node {
                    owner: address(2, number / per_owner),
                    limit_kbps: 1_000_000,
                    shard_capacity: 2 + draws.below(8) as u16,
                    status: status::ACTIVE,
                    bond: 10_000,
                    ..Node::zeroed()
                };
                let attestation = Attestation {
                    down_kbps: draws.below(100_000) as u32,
                    rtt_us: draws.below(100_000) as u32,
                    measured_at: 1,
                    ..Attestation::zeroed()
                };
                Member {
                    address: address(1, number),
                    node,
                    attestation,
                    round: Round::default(),
                    in_flight: BTreeSet::new(),
                    not_before: BTreeMap::new(),
                    wakes_at: 0,
                }
            })
            .collect();
        let view = |number: u32| {
            let job = Job {
                replicas,
                max_replicas: replicas,
                shard_count: shards,
                client: address(9, number),
                slot_hash: [number as u8; 32],
                opened_at: OPENED_AT + i64::from(number),
                deadline: 9_000,
                commit_seconds: 3_000,
                reveal_seconds: 3_000,
                ..Job::zeroed()
            };
            JobView {
                job,
                shards: vec![ShardState::default(); shards as usize],
            }
        };
        Self {
            seed,
            now: OPENED_AT - 7,
            network: network(),
            jobs: (0..jobs).map(|number| (address(3, number), view(number))).collect(),
            assignments: BTreeMap::new(),
            peers: Peers {
                nodes: members.iter().map(|member| (member.address, member.node)).collect(),
                attestations: members
                    .iter()
                    .map(|member| (member.address, member.attestation))
                    .collect(),
            },
            members,
            flying: Vec::new(),
            landing: [0, 0, 0, 0, 1, 1, 1, 1],
            work: None,
            landed: 0,
            wasted: 0,
            draws,
        }
    }

    fn score(&self, member: &Member) -> Bps {
        let job = &self.jobs.values().next().unwrap().job;
        claim::score(&self.network, &member.node, &member.attestation, job)
    }

    fn allowed(&self, member: &Member) -> usize {
        claim::allowed(&self.network, &member.node) as usize
    }

    fn held(&self, member: &Member) -> usize {
        let is_its = |held: &&Assignment| held.node == member.address;
        self.assignments.values().filter(is_its).count()
    }

    /// What a member sees: its own claims, all that was executed more than a second ago, and some of what was executed since.
    fn view(&self, member: usize) -> (BTreeMap<Address, JobView>, BTreeMap<Address, Assignment>) {
        let is_seen = |address: &Address, held: &Assignment| {
            let coin = sha256(&[&self.seed.to_le_bytes(), address.as_ref(), &member.to_le_bytes()])[0];
            held.node == self.members[member].address || held.claimed_at <= self.now - 2 || coin & 1 == 0
        };
        let mut jobs = self.jobs.clone();
        jobs.retain(|_, view| view.job.opened_at < self.now);
        let mut assignments = self.assignments.clone();
        assignments.retain(|address, held| {
            let is_seen = is_seen(address, held);
            if let (false, Some(view)) = (is_seen, jobs.get_mut(&held.job)) {
                let state = &mut view.shards[held.shard as usize];
                *state = state.without(held.replica);
            }
            is_seen
        });
        (jobs, assignments)
    }

    /// One plan of a member that is awake.
    fn look(&mut self, member: usize) -> Plan {
        let (jobs, assignments) = self.view(member);
        let it = &self.members[member];
        let world = World {
            now: self.now,
            network: &self.network,
            address: it.address,
            node: &it.node,
            attestation: Some(&it.attestation),
            jobs: &jobs,
            assignments: &assignments,
            results: &BTreeMap::new(),
            in_flight: &it.in_flight,
            not_before: &it.not_before,
            stop: None,
            shard_limit: it.node.shard_capacity,
            round: &it.round,
        };
        let round = next(&world, &self.peers);
        let plan = plan(&World {
            round: round.as_ref().unwrap_or(&it.round),
            ..world
        });
        let claims = plan.steps.iter().filter_map(|step| match step {
            Step::Claim(name) => Some(*name),
            _ => None,
        });
        for name in claims {
            self.flying.push(Flying {
                member,
                name,
                seen: jobs[&name.job].shards[name.shard as usize],
                lands_at: self.now + self.landing[self.draws.below(8) as usize],
            });
            self.members[member].in_flight.insert(Step::Claim(name));
        }
        if let Some(round) = round {
            self.members[member].round = round;
        }
        plan
    }

    /// Executes a claim as the program would.
    fn land(&mut self, claim: Flying) {
        let Flying { member, name, seen, .. } = claim;
        let member = &mut self.members[member];
        member.in_flight.remove(&Step::Claim(name));
        let view = self.jobs.get_mut(&name.job).unwrap();
        let state = view.shards[name.shard as usize];
        if state.is_settled() || state.has(name.replica) || state != seen {
            self.wasted += 1;
            member.not_before.insert(Step::Claim(name), self.now + 2);
            return;
        }
        let score = claim::score(&self.network, &member.node, &member.attestation, &view.job);
        let opened_at = Seconds(view.job.opened_at);
        let from = claim::claimable_at(&self.network, &member.address, &view.job, score, name.shard, opened_at);
        assert!(self.now >= from, "claimed before its time");
        let siblings = self.assignments.values();
        let twice =
            |held: &&Assignment| (held.job, held.shard) == (name.job, name.shard) && held.owner == member.node.owner;
        assert_eq!(siblings.filter(twice).count(), 0, "an owner with two replicas");
        view.shards[name.shard as usize] = state.with(name.replica);
        self.landed += 1;
        let assignment = Assignment {
            state: assignment_state::CLAIMED,
            job: name.job,
            shard: name.shard,
            replica: name.replica,
            node: member.address,
            owner: member.node.owner,
            claimed_at: self.now,
            commit_deadline: 9_000,
            ..Assignment::zeroed()
        };
        let address = assignment_address(&name.job, name.shard, name.replica).0;
        self.assignments.insert(address, assignment);
        let member = &self.members[claim.member];
        assert!(self.held(member) <= self.allowed(member), "more than it may have");
    }

    /// Ends the work on shards that are full.
    fn settle(&mut self) {
        let Some(work) = self.work else { return };
        for (job, view) in &mut self.jobs {
            for (shard, state) in (0u32..).zip(&mut view.shards) {
                let of_shard = |held: &Assignment| (held.job, held.shard) == (*job, shard);
                let full = (1u8 << view.job.replicas) - 1;
                let last = self.assignments.values().filter(|held| of_shard(held));
                let last = last.map(|held| held.claimed_at).max();
                if *state == ShardState(full) && last.is_some_and(|last| last + work <= self.now) {
                    *state = ShardState::settled(full);
                    view.job.settled_shards += 1;
                    self.assignments.retain(|_, held| !of_shard(held));
                }
            }
        }
    }

    /// One second: plans in any order, then what lands in it, in any order.
    fn second(&mut self) {
        self.now += 1;
        self.settle();
        let mut awake: Vec<usize> = (0..self.members.len())
            .filter(|member| self.members[*member].wakes_at <= self.now)
            .collect();
        self.draws.shuffle(&mut awake);
        for member in awake {
            self.look(member);
        }
        let (mut landing, flying) = std::mem::take(&mut self.flying)
            .into_iter()
            .partition(|claim: &Flying| claim.lands_at <= self.now);
        self.flying = flying;
        self.draws.shuffle::<Flying>(&mut landing);
        for claim in landing {
            self.land(claim);
        }
    }

    fn is_claimed(&self) -> bool {
        self.jobs.values().all(|view| {
            let full = (1u8 << view.job.replicas) - 1;
            view.shards.iter().all(|state| state.replicas() == full)
        })
    }

    /// Runs until everything is claimed; how many rounds it took from when the last node's waiting time was over, at least.
    fn run(&mut self) -> i64 {
        while !self.is_claimed() {
            assert!(
                self.now < OPENED_AT + 900,
                "stuck: {} claimed, {} wasted",
                self.landed,
                self.wasted
            );
            self.second();
        }
        (self.now - OPENED_AT - i64::from(MAX_WAIT)).max(0) / ROUND.0
    }

    /// Takes back what not everybody has seen when the round begins.
    fn rewind(&mut self) {
        let start = turn::round_start(Seconds(self.now));
        let jobs = &mut self.jobs;
        self.assignments.retain(|_, held| {
            let is_known = turn::is_known(start, Seconds(held.claimed_at));
            if !is_known {
                let state = &mut jobs.get_mut(&held.job).unwrap().shards[held.shard as usize];
                *state = state.without(held.replica);
            }
            is_known
        });
    }
}

/// What falls to each member, if all see the same.
fn falls(fleet: &Fleet) -> Vec<(usize, ShardName)> {
    let mut all = Vec::new();
    for (index, it) in fleet.members.iter().enumerate() {
        let world = World {
            now: fleet.now,
            network: &fleet.network,
            address: it.address,
            node: &it.node,
            attestation: Some(&it.attestation),
            jobs: &fleet.jobs,
            assignments: &fleet.assignments,
            results: &BTreeMap::new(),
            in_flight: &BTreeSet::new(),
            not_before: &BTreeMap::new(),
            stop: None,
            shard_limit: it.node.shard_capacity,
            round: &it.round,
        };
        if let Some(round) = next(&world, &fleet.peers) {
            all.extend(round.ours.into_iter().map(|name| (index, name)));
        }
    }
    all
}

#[test]
fn no_claim_is_lost_and_the_best_placed_nodes_get_the_work() {
    for seed in 0..6 {
        let mut fleet = Fleet::new(seed, 30, 1, 1, 60, 1);
        fleet.run();
        assert_eq!((fleet.landed, fleet.wasted), (60, 0), "seed {seed}");
        let (full, rest): (Vec<&Member>, Vec<&Member>) = fleet
            .members
            .iter()
            .partition(|member| fleet.held(member) == fleet.allowed(member));
        let least = full.iter().map(|member| fleet.score(member)).min().unwrap();
        // Of those who are not full the best may have taken what was left.
        let mut rest: Vec<&Member> = rest;
        rest.sort_by_key(|member| Reverse(fleet.score(member)));
        assert!(fleet.score(rest[0]) <= least, "seed {seed}");
        assert!(rest[1..].iter().all(|member| fleet.held(member) == 0), "seed {seed}");
    }
}

#[test]
fn replicas_owners_and_several_jobs_are_no_reason_to_race() {
    for (seed, per_owner, jobs, replicas) in [(1, 1, 1, 2), (2, 3, 1, 2), (3, 2, 3, 2), (4, 1, 2, 3), (5, 5, 4, 1)] {
        let mut fleet = Fleet::new(seed, 30, per_owner, jobs, 12, replicas);
        fleet.run();
        assert_eq!(fleet.wasted, 0, "seed {seed}");
        assert_eq!(fleet.landed, 12 * jobs as usize * usize::from(replicas));
    }
}

#[test]
fn the_dead_and_the_sleeping_cost_a_few_rounds_and_races() {
    let (mut landed, mut wasted) = (0, 0);
    for seed in 0..4 {
        let mut fleet = Fleet::new(seed, 36, 1, 3, 20, 2);
        fleet.work = Some(9);
        // Some so late that not everybody sees them before the next round.
        fleet.landing[7] = 2;
        for (number, member) in fleet.members.iter_mut().enumerate() {
            member.wakes_at = match number % 6 {
                0 | 1 => i64::MAX,
                2 => OPENED_AT + 20,
                _ => 0,
            };
        }
        let rounds = fleet.run();
        assert!(rounds <= 20, "seed {seed}: {rounds} rounds");
        (landed, wasted) = (landed + fleet.landed, wasted + fleet.wasted);
    }
    assert!(wasted * 10 <= landed, "{wasted} of {landed} claims were lost");
}

#[test]
fn whoever_is_alone_does_not_wait_for_the_others() {
    // Nobody else is registered, or all others are asleep for as long as this one remembers.
    for members in [1, 5] {
        let mut fleet = Fleet::new(3, members, 1, 1, 1, 1);
        let others = fleet.members[1..].iter_mut();
        others.for_each(|member| member.wakes_at = i64::MAX);
        let absent = fleet.members[1..].iter().map(|member| (member.address, Seconds(0)));
        fleet.members[0].round.absent = absent.collect();
        assert!(fleet.run() <= 2, "{members} members");
    }
}

#[test]
fn a_job_that_nobody_takes_is_left_to_the_waiting_times() {
    // Whoever is served first never claims, as if its account were the only one that works for it.
    let mut fleet = Fleet::new(3, 40, 1, 1, 1, 1);
    for member in &mut fleet.members[1..] {
        member.wakes_at = i64::MAX;
    }
    let worst = &mut fleet.members[0];
    (worst.attestation.down_kbps, worst.attestation.rtt_us) = (0, 1_000_000);
    fleet.peers.attestations.insert(worst.address, worst.attestation);
    let rounds = fleet.run();
    assert!(rounds <= i64::from(OVERDUE) + 2, "{rounds} rounds");
}

#[test]
fn a_view_within_the_lag_does_not_change_what_falls_to_whom() {
    let mut fleet = Fleet::new(8, 30, 1, 1, 80, 2);
    while fleet.now % ROUND.0 != 0 || fleet.assignments.len() < 20 {
        fleet.second();
    }
    fleet
        .members
        .iter_mut()
        .for_each(|member| member.round = Round::default());
    let (all, before) = (falls(&fleet), fleet.assignments.len());
    assert!(!all.is_empty());
    fleet.rewind();
    assert!(fleet.assignments.len() < before, "nothing was claimed within the lag");
    assert_eq!(falls(&fleet), all);
}

#[test]
fn who_cannot_take_part_has_no_turn() {
    type Change = fn(&mut Node, &mut Attestation);
    let changes: [(&str, Change); 6] = [
        ("paused", |node, _| node.status = status::PAUSED),
        ("stale", |_, attestation| attestation.measured_at = -20_000),
        ("moved", |node, _| node.located_at = 5),
        ("no bond", |node, _| node.bond = 9),
        ("bond asked back", |node, _| node.unbonding = 9_991),
        ("client", |node, _| node.owner = address(9, 0)),
    ];
    for (what, change) in changes {
        let mut fleet = Fleet::new(1, 5, 1, 1, 3, 1);
        fleet.now = OPENED_AT + 2 * i64::from(MAX_WAIT);
        let best = (0..5).max_by_key(|index| fleet.score(&fleet.members[*index])).unwrap();
        assert!(falls(&fleet).iter().any(|(member, _)| *member == best));
        let address = fleet.members[best].address;
        let node = fleet.peers.nodes.get_mut(&address).unwrap();
        change(node, fleet.peers.attestations.get_mut(&address).unwrap());
        (fleet.members[best].node, fleet.members[best].attestation) = (*node, fleet.peers.attestations[&address]);
        let all = falls(&fleet);
        assert_eq!(all.len(), 3, "{what}: it goes to the others");
        assert!(all.iter().all(|(member, _)| *member != best), "{what}");
    }
}

#[test]
fn a_replica_that_is_free_again_goes_to_who_has_waited_from_then_on() {
    let mut fleet = Fleet::new(1, 8, 1, 1, 1, 2);
    fleet.now = OPENED_AT + 900;
    let job = *fleet.jobs.keys().next().unwrap();
    let ended_at = fleet.now - 4;
    let mut by_score: Vec<usize> = (0..8).collect();
    by_score.sort_by_key(|index| Reverse(fleet.score(&fleet.members[*index])));
    let tombstone = |slashed: u8| Assignment {
        state: assignment_state::EXPIRED,
        job,
        node: fleet.members[by_score[0]].address,
        claimed_at: OPENED_AT + 50,
        ended_at,
        slashed,
        ..Assignment::zeroed()
    };
    // Replica 1 is at work.
    let other = Assignment {
        state: assignment_state::CLAIMED,
        replica: 1,
        node: fleet.members[by_score[1]].address,
        owner: fleet.members[by_score[1]].node.owner,
        ..tombstone(0)
    };
    fleet.jobs.get_mut(&job).unwrap().shards[0] = ShardState(2);
    let addresses = [0, 1].map(|replica| assignment_address(&job, 0, replica).0);
    fleet.assignments = [(addresses[0], tombstone(0)), (addresses[1], other)].into();
    assert_eq!(falls(&fleet), [], "its node is slashed first");
    fleet.assignments.insert(addresses[0], tombstone(1));

    let name = ShardName {
        job,
        shard: 0,
        replica: 0,
    };
    let third = &fleet.members[by_score[2]];
    let wait = claim::claimable_at(
        &fleet.network,
        &third.address,
        &fleet.jobs[&job].job,
        fleet.score(third),
        0,
        Seconds(0),
    );
    let mut waited = 0;
    let who = loop {
        if let Some(who) = falls(&fleet).pop() {
            break who;
        }
        (fleet.now, waited) = (fleet.now + 1, waited + 1);
        assert!(waited < 100);
    };
    // Neither the one that gave it up nor the one that has the other replica.
    assert_eq!(who, (by_score[2], name));
    let from = ended_at + wait;
    assert!((from..from + 2 + ROUND.0).contains(&fleet.now), "{from} {}", fleet.now);
}

#[test]
fn one_who_lets_a_turn_pass_is_passed_over_until_it_claims() {
    let mut fleet = Fleet::new(2, 4, 1, 1, 2, 1);
    fleet.now = OPENED_AT + 3 * i64::from(MAX_WAIT);
    let mut by_score: Vec<usize> = (0..4).collect();
    by_score.sort_by_key(|index| Reverse(fleet.score(&fleet.members[*index])));
    let [best, second, ..] = by_score[..] else {
        unreachable!()
    };
    fleet.members[best].node.shard_capacity = 9;
    fleet
        .peers
        .nodes
        .insert(fleet.members[best].address, fleet.members[best].node);
    let absent = |fleet: &Fleet| {
        fleet.members[second]
            .round
            .absent
            .contains_key(&fleet.members[best].address)
    };

    assert!(fleet.look(second).steps.is_empty());
    assert!(!absent(&fleet));
    fleet.now += ROUND.0;
    assert_eq!(fleet.look(second).steps.len(), 2, "it was passed over");
    assert!(absent(&fleet));

    // It claims a shard after all, which everybody sees a round later.
    fleet.flying.clear();
    fleet.members[second].in_flight.clear();
    let name = ShardName {
        job: *fleet.jobs.keys().next().unwrap(),
        shard: 0,
        replica: 0,
    };
    let late = Flying {
        member: best,
        name,
        seen: ShardState::default(),
        lands_at: fleet.now,
    };
    fleet.land(late);
    fleet.now += ROUND.0;
    assert!(
        fleet.look(second).steps.is_empty(),
        "the other shard falls to the one that is back"
    );
    assert!(!absent(&fleet));
}

#[test]
fn a_provider_learns_where_its_node_stands() {
    let mut fleet = Fleet::new(2, 6, 1, 1, 1, 1);
    fleet.now = OPENED_AT + 3 * i64::from(MAX_WAIT);
    let mut by_score: Vec<usize> = (0..6).collect();
    by_score.sort_by_key(|index| Reverse(fleet.score(&fleet.members[*index])));
    let plan = fleet.look(by_score[3]);
    assert_eq!(
        plan.no_task,
        Some(super::super::NoTask::Behind {
            rank: 4,
            score: fleet.score(&fleet.members[by_score[3]]).0,
            served: fleet.score(&fleet.members[by_score[0]]).0,
        })
    );
    assert_eq!(plan.wake_at, Some(Round::next_start(fleet.now)));
}

#[test]
fn nothing_is_claimed_late_in_a_round() {
    let mut fleet = Fleet::new(2, 1, 1, 1, 1, 1);
    fleet.now = 3 * OPENED_AT + 2;
    assert_eq!(fleet.now % ROUND.0, 2);
    let plan = fleet.look(0);
    assert!(
        plan.steps.is_empty(),
        "it would not be seen by all when the next round begins"
    );
    assert_eq!(plan.wake_at, Some(fleet.now + 1));
    fleet.now += 1;
    assert_eq!(fleet.look(0).steps.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn equal_views_give_every_replica_to_one_node_and_keep_nothing_back(
        seed in 0u64..1 << 20, members in 1u32..20, per_owner in 1u32..4, jobs in 1u32..4, shards in 1u32..30, replicas in 1u8..4,
        seconds in 10i64..60,
    ) {
        let mut fleet = Fleet::new(seed, members, per_owner, jobs, shards, replicas);
        fleet.work = Some(20);
        for _ in 0..seconds {
            fleet.second();
        }
        fleet.members.iter_mut().for_each(|member| member.round = Round::default());
        fleet.rewind();
        let all = falls(&fleet);
        prop_assert_eq!(&all, &falls(&fleet));
        let names: BTreeSet<ShardName> = all.iter().map(|(_, name)| *name).collect();
        let shards: BTreeSet<(Address, u32)> = names.iter().map(|name| (name.job, name.shard)).collect();
        prop_assert_eq!((names.len(), shards.len()), (all.len(), all.len()), "{:?}", all);
        if replicas > 1 {
            // Shards may be left alone for want of room for all of their replicas.
            return Ok(());
        }
        let start = turn::round_start(Seconds(fleet.now));
        for (index, member) in fleet.members.iter().enumerate() {
            let held = fleet.held(member);
            let takes = all.iter().filter(|(other, _)| *other == index).count();
            prop_assert!(held + takes <= fleet.allowed(member));
            let waited = |view: &JobView| {
                turn::takes_part(start, Seconds(view.job.opened_at), Seconds(i64::from(MAX_WAIT)), fleet.score(member))
            };
            for (job, view) in &fleet.jobs {
                let is_left = |shard: u32| {
                    view.shards[shard as usize] == ShardState::default() && !shards.contains(&(*job, shard))
                };
                let is_kept_back = waited(view) && (0..view.job.shard_count).any(is_left);
                prop_assert!(held + takes == fleet.allowed(member) || !is_kept_back, "{} could take more", index);
            }
        }
    }
}
