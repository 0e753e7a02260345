//! Which replicas to claim now: the rule of `core::score`, and an order in which a group of nodes never blocks itself.

use std::collections::BTreeSet;

use lumora_core::{
    geo::chord_distance,
    hash::sha256,
    score::{self, Figures},
    units::{Bps, Kbps, Micros, Seconds},
};
use lumora_interface::{
    Address,
    bandwidth::Attestation,
    registry::{Network, Node, pause},
    tasks::{Job, ShardState},
};

use super::{JobView, NoTask, Plan, Step, World, is_open, replicas};
use crate::event::ShardName;

/// Claims on their way at the same time. More would race against the same neighbours for the same shards.
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

/// Unix time from which a node with this score may claim a shard of the job, as the program computes it.
pub fn claimable_at(network: &Network, node: &Address, job: &Job, score: Bps, shard: u32) -> i64 {
    let jitter = score::jitter_millis(&job.slot_hash, node.as_array(), shard);
    let max_wait = Seconds(i64::from(network.max_wait_seconds));
    score::claimable_at(Seconds(job.opened_at), max_wait, score, jitter).0
}

/// Open shards that the node may have: within its owner's limit, and a new one only while those that are open fill less
/// than the network's share of its capacity.
fn allowed(world: &World<'_>) -> u32 {
    let share = u32::from(world.node.shard_capacity).saturating_mul(u32::from(world.network.capacity_share));
    share.div_ceil(u32::from(Bps::ONE.0)).min(u32::from(world.shard_limit))
}

/// Why the node may take no shard at all, whatever the job; else how many more it may take.
fn room(world: &World<'_>) -> Result<u32, NoTask> {
    if world.network.is_paused(pause::CLAIMING_WORK) {
        return Err(NoTask::NetworkPaused);
    }
    if !world.node.is_active() {
        return Err(NoTask::NodePaused);
    }
    let attestation = world.attestation.ok_or(NoTask::NotAttested)?;
    let age = world.now.saturating_sub(attestation.measured_at);
    let fresh_for = world.network.attestation_max_age_seconds;
    if age > i64::from(fresh_for) {
        return Err(NoTask::AttestationStale {
            age,
            allowed: fresh_for,
        });
    }
    let held: BTreeSet<ShardName> = world
        .assignments
        .values()
        .filter(|assignment| assignment.node == world.address)
        .map(|held| ShardName {
            job: held.job,
            shard: held.shard,
            replica: held.replica,
        })
        .collect();
    // A claim that has landed stands among the assignments, though its step may still be in flight.
    let claiming = world
        .in_flight
        .iter()
        .filter(|step| matches!(step, Step::Claim(name) if !held.contains(name)));
    let open = u32::try_from(held.len().saturating_add(claiming.count())).unwrap_or(u32::MAX);
    let allowed = allowed(world);
    let free = allowed.saturating_sub(open);
    if free == 0 {
        return Err(NoTask::Full { open, allowed });
    }
    let covered = |more: u32| {
        let shards = u64::from(open).saturating_add(u64::from(more));
        world
            .network
            .shard_bond
            .saturating_mul(shards)
            .max(world.network.minimum_bond)
    };
    let bond = world.node.bond.saturating_sub(world.node.unbonding);
    match (1..=free).rev().find(|more| covered(*more) <= bond) {
        Some(more) => Ok(more),
        None => Err(NoTask::BondTooSmall {
            bond,
            needed: covered(1),
        }),
    }
}

/// Whether the job is the node's owner's: a client that pays itself would buy reputation.
fn is_own(world: &World<'_>, job: &Job) -> bool {
    job.client == world.node.owner || job.client == world.node.operator
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
        Ok(room) => room,
        Err(reason) => {
            plan.no_task = Some(reason);
            return;
        }
    };
    let in_flight = world
        .in_flight
        .iter()
        .filter(|step| matches!(step, Step::Claim(_)))
        .count();
    let most = usize::try_from(room)
        .unwrap_or(usize::MAX)
        .min(CLAIMS_AT_ONCE.saturating_sub(in_flight));
    let Some(attestation) = world.attestation else { return };

    let open: Vec<(&Address, &JobView)> = world
        .jobs
        .iter()
        .filter(|(_, view)| is_open(&view.job, world.now))
        .collect();
    let foreign: Vec<(&Address, &JobView)> = open
        .iter()
        .filter(|(_, view)| !is_own(world, &view.job))
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

    let mut candidates: Vec<Candidate> = Vec::new();
    for (job, view) in foreign {
        let score = score(world.network, world.node, attestation, &view.job);
        candidates.extend(claimable(world, *job, view).map(|name| Candidate {
            name,
            at: claimable_at(world.network, &world.address, &view.job, score, name.shard),
            score,
        }));
    }
    let Some(first) = candidates
        .iter()
        .min_by_key(|candidate| candidate.at)
        .map(|first| (first.at, first.score))
    else {
        plan.no_task = Some(NoTask::AllTaken);
        return;
    };

    let mut taken = 0;
    let soon = world.now.saturating_add(PATIENCE_SECONDS);
    for candidate in candidates.iter().filter(|candidate| candidate.at <= soon).take(most) {
        plan.push_at(world, candidate.at, Step::Claim(candidate.name));
        taken += 1;
    }
    if taken == 0 && most > 0 {
        plan.wake(first.0);
        plan.no_task = Some(NoTask::Waiting {
            until: first.0,
            score: first.1.0,
        });
    }
}

/// The replicas of a job that this node may claim, one for each shard, in the order of the shards.
fn claimable<'a>(world: &'a World<'a>, job: Address, view: &'a JobView) -> impl Iterator<Item = ShardName> + 'a {
    (0u32..).zip(&view.shards).filter_map(move |(shard, state)| {
        let ours = |step: &Step| matches!(step, Step::Claim(name) if name.job == job && name.shard == shard);
        if world.in_flight.iter().any(ours) {
            return None;
        }
        let free = free_replicas(world, job, shard, *state, view.job.replicas);
        // Nodes of different owners prefer different replicas, so that two that come at the same time both get one.
        let digest = sha256(&[
            b"lumora replica v1",
            world.address.as_ref(),
            job.as_ref(),
            &shard.to_le_bytes(),
        ]);
        let replica = *free.get(usize::from(digest[0]).checked_rem(free.len())?)?;
        // The chain refuses a second replica to one owner: that would be agreeing with oneself.
        let held = replicas(world, view, job, shard)
            .into_iter()
            .flatten()
            .any(|held| held.owner == world.node.owner);
        (!held).then_some(ShardName { job, shard, replica })
    })
}

/// Replicas of a shard that nobody works on and that were not just lost to somebody.
fn free_replicas(world: &World<'_>, job: Address, shard: u32, state: ShardState, replicas: u8) -> Vec<u8> {
    if state.is_settled() {
        return Vec::new();
    }
    (0..replicas)
        .filter(|replica| !state.has(*replica))
        .filter(|replica| {
            let step = Step::Claim(ShardName {
                job,
                shard,
                replica: *replica,
            });
            world.not_before.get(&step).is_none_or(|at| *at <= world.now)
        })
        .collect()
}
