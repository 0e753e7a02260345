//! Which replicas to claim now: what falls to this node in its turn, and of jobs that nobody takes what it may claim by the
//! rule of `core::score`, in an order in which a group of nodes never blocks itself.

use std::collections::BTreeSet;

use lumora_core::{
    allocation::shards_allowed,
    geo::chord_distance,
    hash::sha256,
    result::WORDS,
    score::{self, Figures},
    units::{Bps, Kbps, Micros, Seconds},
};
use lumora_interface::{
    Address,
    bandwidth::Attestation,
    registry::{Network, Node, pause},
    tasks::{Job, assignment_address},
};

use super::{JobView, NoTask, Plan, Round, Seated, Step, World, is_open};
use crate::event::ShardName;

/// Claims out of turn on their way at the same time. More would race against the same neighbours for the same shards. What
/// falls to the node is its own, and claimed at once.
const CLAIMS_AT_ONCE: usize = 3;

/// Seconds by which a shard's time may lie ahead and the shard still come before later ones. Nodes take shards in one
/// common order, so that a shard's replicas fill up together: if each took another shard first, all could end up with
/// committed results that wait for replicas which nobody has room for.
const PATIENCE_SECONDS: i64 = 1;

/// The score of a node for a job, as the program computes it.
pub fn score(network: &Network, node: &Node, attestation: &Attestation, job: &Job) -> Bps {
    score::score(
        &network.scoring(),
        &Figures {
            attested: Kbps(attestation.down_kbps),
            limit: Kbps(node.limit_kbps),
            distance: chord_distance(node.unit_vector(), job.target_vector()),
            rtt: Micros(attestation.rtt_us),
            reputation: Bps(attestation.reputation_bps),
        },
    )
}

/// Unix time from which a node with this score may claim a shard of the job, as the program computes it. `since`: when the
/// replica became free.
pub fn claimable_at(network: &Network, node: &Address, job: &Job, score: Bps, shard: u32, since: Seconds) -> i64 {
    let jitter = score::jitter_millis(&job.slot_hash, node.as_array(), shard);
    let max_wait = Seconds(i64::from(network.max_wait_seconds));
    score::claimable_at(since, max_wait, score, jitter).0
}

/// Open shards that a node may have as far as the chain is concerned: a new one only while those that are open fill less
/// than the network's share of its capacity.
pub(super) fn allowed(network: &Network, node: &Node) -> u32 {
    u32::from(shards_allowed(node.shard_capacity, Bps(network.capacity_share)))
}

/// Why the node may take no shard at all, whatever the job; else how many more it may take.
pub(super) fn room(world: &World<'_>) -> Result<u32, NoTask> {
    if let Some(stop) = world.stop {
        return Err(NoTask::Limits(stop));
    }
    // For what expired or was rejected the bond stands until the node is slashed.
    let held: BTreeSet<ShardName> = world
        .assignments
        .values()
        .filter(|assignment| assignment.node == world.address && assignment.slashed == 0)
        .map(super::name)
        .collect();
    // A claim that has landed stands among the assignments, though its step may still be in flight.
    let claiming = world
        .in_flight
        .iter()
        .filter(|step| matches!(step, Step::Claim(name) if !held.contains(name)));
    let open = u32::try_from(held.len().saturating_add(claiming.count())).unwrap_or(u32::MAX);
    let allowed = allowed(world.network, world.node).min(u32::from(world.shard_limit));
    room_of(world.network, world.node, world.attestation, open, allowed, world.now)
}

/// Why a node may take no shard at all at this time, whatever the job; else how many more it may take. `open`: shards that
/// it has; `allowed`: shards that it may have.
pub(super) fn room_of(
    network: &Network,
    node: &Node,
    attestation: Option<&Attestation>,
    open: u32,
    allowed: u32,
    now: i64,
) -> Result<u32, NoTask> {
    if network.is_paused(pause::CLAIMING_WORK) {
        return Err(NoTask::NetworkPaused);
    }
    if !node.is_active() {
        return Err(NoTask::NodePaused);
    }
    let attestation = attestation.ok_or(NoTask::NotAttested)?;
    if attestation.measured_at <= node.located_at {
        return Err(NoTask::Moved);
    }
    let age = now.saturating_sub(attestation.measured_at);
    let fresh_for = network.attestation_max_age_seconds;
    if age > i64::from(fresh_for) {
        return Err(NoTask::AttestationStale {
            age,
            allowed: fresh_for,
        });
    }
    let free = allowed.saturating_sub(open);
    if free == 0 {
        return Err(NoTask::Full { open, allowed });
    }
    let covered = |more: u32| {
        let shards = u64::from(open).saturating_add(u64::from(more));
        network.shard_bond.saturating_mul(shards).max(network.minimum_bond)
    };
    let bond = node.free_bond();
    match (1..=free).rev().find(|more| covered(*more) <= bond) {
        Some(more) => Ok(more),
        None => Err(NoTask::BondTooSmall {
            bond,
            needed: covered(1),
        }),
    }
}

/// Whether the job is that of the node's owner: a client that pays itself would buy reputation.
pub(super) fn is_client(node: &Node, job: &Job) -> bool {
    job.client == node.owner || job.client == node.operator
}

/// A replica that may be claimed now or soon.
struct Candidate {
    name: ShardName,
    at: i64,
    score: Bps,
}

/// Adds the claims to make now.
pub(super) fn plan(world: &World<'_>, plan: &mut Plan) {
    let room = match room(world) {
        Ok(room) => usize::try_from(room).unwrap_or(usize::MAX),
        Err(reason) => {
            plan.no_task = Some(reason);
            return;
        }
    };
    let open: Vec<(&Address, &JobView)> = world
        .jobs
        .iter()
        .filter(|(_, view)| is_open(&view.job, world.now))
        .collect();
    let foreign: Vec<(&Address, &JobView)> = open
        .iter()
        .filter(|(_, view)| !is_client(world.node, &view.job))
        .copied()
        .collect();
    if foreign.is_empty() {
        plan.no_task = Some(if open.is_empty() {
            NoTask::NoJob
        } else {
            NoTask::OwnJobs
        });
        return;
    }
    plan.wake(Round::next_start(world.now));

    let is_claim = |step: &&Step| matches!(step, Step::Claim(_));
    let in_flight = world.in_flight.iter().filter(is_claim).count();
    let ours = in_turn(world);
    for candidate in ours.iter().take(room) {
        plan.push_at(world, candidate.at, Step::Claim(candidate.name));
    }
    let left = room
        .min(CLAIMS_AT_ONCE.saturating_sub(in_flight))
        .saturating_sub(ours.len());
    let overdue = foreign.iter().filter(|(job, _)| world.round.is_overdue(job));
    let soon = world.now.saturating_add(PATIENCE_SECONDS);
    let out_of_turn: Vec<Candidate> = overdue
        .flat_map(|(job, view)| candidates(world, **job, view))
        .filter(|candidate| candidate.at <= soon && ours.iter().all(|other| !other.is_of_shard_of(candidate)))
        .take(left)
        .collect();
    for candidate in &out_of_turn {
        plan.push_at(world, candidate.at, Step::Claim(candidate.name));
    }
    if in_flight == 0 && ours.is_empty() && out_of_turn.is_empty() {
        plan.no_task = Some(why_not(world, &foreign));
    }
}

/// What falls to this node in this round and is still free.
fn in_turn(world: &World<'_>) -> Vec<Candidate> {
    // Whoever takes less than its account says stands aside: the others begin shards in the belief that it has room.
    if u32::from(world.shard_limit) < allowed(world.network, world.node) {
        return Vec::new();
    }
    let still_free = |name: &ShardName| {
        let view = world.jobs.get(&name.job).filter(|view| is_open(&view.job, world.now))?;
        let free = free_to_us(world, name.job, view, name.shard)?;
        let (_, since) = free.into_iter().find(|(replica, _)| *replica == name.replica)?;
        Candidate::new(world, *name, &view.job, since)
    };
    world.round.ours(world.now).iter().filter_map(still_free).collect()
}

/// Why nothing of these jobs is claimed.
fn why_not(world: &World<'_>, jobs: &[(&Address, &JobView)]) -> NoTask {
    let first = jobs
        .iter()
        .flat_map(|(job, view)| candidates(world, **job, view))
        .min_by_key(|candidate| candidate.at);
    match (first, world.round.behind()) {
        (None, _) => NoTask::AllTaken,
        (Some(first), Some(behind)) if first.at <= world.now => NoTask::Behind {
            rank: behind.rank,
            score: behind.score.0,
            served: behind.served.0,
        },
        (Some(first), _) => NoTask::Waiting {
            until: if first.at > world.now {
                first.at
            } else {
                Round::next_start(world.now)
            },
            score: first.score.0,
        },
    }
}

impl Candidate {
    fn new(world: &World<'_>, name: ShardName, job: &Job, since: Seconds) -> Option<Self> {
        let score = score(world.network, world.node, world.attestation?, job);
        let at = claimable_at(world.network, &world.address, job, score, name.shard, since);
        Some(Self { name, at, score })
    }

    fn is_of_shard_of(&self, other: &Self) -> bool {
        (self.name.job, self.name.shard) == (other.name.job, other.name.shard)
    }
}

/// The replicas of a job that this node may claim by itself, one for each shard, in the order of the shards.
fn candidates<'a>(world: &'a World<'a>, job: Address, view: &'a JobView) -> impl Iterator<Item = Candidate> + 'a {
    (0u32..).zip(&view.shards).filter_map(move |(shard, _)| {
        let free = free_to_us(world, job, view, shard)?;
        // Nodes of different owners prefer different replicas, so that two that come at the same time both get one.
        let digest = sha256(&[
            b"lumora replica v1",
            world.address.as_ref(),
            job.as_ref(),
            &shard.to_le_bytes(),
        ]);
        let (replica, since) = *free.get(usize::from(digest[0]).checked_rem(free.len())?)?;
        Candidate::new(world, ShardName { job, shard, replica }, &view.job, since)
    })
}

/// The replicas of a shard of which this node may claim one, and since when each has been free.
fn free_to_us(world: &World<'_>, job: Address, view: &JobView, shard: u32) -> Option<Vec<(u8, Seconds)>> {
    let ours = |step: &Step| matches!(step, Step::Claim(name) if name.job == job && name.shard == shard);
    if view.shard(shard)?.is_settled() || world.in_flight.iter().any(ours) {
        return None;
    }
    let seated = Seated::of(world, job, shard)?;
    // The chain refuses a second replica to one owner: that would be agreeing with oneself.
    if seated.nodes.iter().any(|held| held.owner == world.node.owner) {
        return None;
    }
    Some(free_replicas(world, job, shard, &seated))
}

/// Replicas of a shard that nobody works on, that this node may take, and that were not just lost to somebody; and since
/// when each has been free.
fn free_replicas(world: &World<'_>, job: Address, shard: u32, seated: &Seated<'_>) -> Vec<(u8, Seconds)> {
    let opened_at = Seconds(seated.view.job.opened_at);
    let extra = seated.shard.next_extra();
    let is_taken = |replica: u8| seated.nodes.iter().any(|held| held.replica == replica);
    let places = (0..seated.shard.standing().slots())
        .filter(|replica| !is_taken(*replica))
        .map(|replica| (replica, opened_at))
        .chain(extra.map(|replica| (replica, opened_at.max(seated.shard.shown_at()))));
    places
        .filter_map(|(replica, since)| {
            let former = world.assignments.get(&assignment_address(&job, shard, replica).0);
            let (shown, ended_at) = match former {
                // It is slashed first, and never takes the same replica again.
                Some(former) if former.slashed == 0 || former.node == world.address => return None,
                Some(former) => ((former.joined, former.seat().shown), Seconds(former.ended_at)),
                None => ((0, 0), opened_at),
            };
            let step = Step::Claim(ShardName { job, shard, replica });
            let is_open = usize::from(seated.shard.copyable(shown)) < WORDS
                && world.not_before.get(&step).is_none_or(|at| *at <= world.now);
            is_open.then_some((replica, since.max(ended_at)))
        })
        .collect()
}
