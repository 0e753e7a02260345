//! Which shard to take, run, commit, reveal, settle or expire next.
//!
//! The chain is the truth about assignments; this node adds only the results that it has on disk. So a decision depends
//! on nothing that a crash could lose, and after a restart the same function goes on where the process was killed.

mod claim;
mod reason;

use std::collections::{BTreeMap, BTreeSet};

use lumora_interface::{
    Address,
    bandwidth::Attestation,
    registry::{Network, Node},
    tasks::{Assignment, Job, ShardState, assignment_address, assignment_state},
};

pub use claim::{claimable_at, score};
pub use reason::NoTask;

use crate::event::ShardName;

/// A job and the state of each of its shards.
#[derive(Clone, Debug)]
pub struct JobView {
    /// The fixed part of the account.
    pub job: Job,
    /// One state for each shard.
    pub shards: Vec<ShardState>,
}

impl JobView {
    /// The state of a shard, if the job has it.
    pub fn shard(&self, shard: u32) -> Option<ShardState> {
        self.shards.get(usize::try_from(shard).ok()?).copied()
    }
}

/// What a result on disk is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// When its assignment was claimed: tells it from an earlier one of the same replica, which expired.
    pub claimed_at: i64,
    /// What is, or was, committed to.
    pub commitment: [u8; 32],
}

/// Everything that the decision rests on.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// The chain's clock, Unix seconds.
    pub now: i64,
    /// Parameters.
    pub network: &'a Network,
    /// Address of this node's account.
    pub address: Address,
    /// This node.
    pub node: &'a Node,
    /// Its proven figures, if any.
    pub attestation: Option<&'a Attestation>,
    /// Jobs on chain.
    pub jobs: &'a BTreeMap<Address, JobView>,
    /// Assignments on chain, by address; this node's and their siblings at least.
    pub assignments: &'a BTreeMap<Address, Assignment>,
    /// Results on disk, by the address of their assignment.
    pub results: &'a BTreeMap<Address, Ready>,
    /// Steps that are being carried out; they are not planned again.
    pub in_flight: &'a BTreeSet<Step>,
    /// Steps that failed, and the Unix time before which they are not planned again.
    pub not_before: &'a BTreeMap<Step, i64>,
    /// Shards that the owner lets the node work on at the same time.
    pub shard_limit: u16,
}

/// One thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Claim this replica; the node's own time has come.
    Claim(ShardName),
    /// Fetch, extract, seal, store.
    Run(ShardName),
    /// Commit to the result on disk.
    Commit(ShardName),
    /// Show the result that was committed to.
    Reveal(ShardName),
    /// Settle the shard.
    Settle {
        /// The job.
        job: Address,
        /// The shard.
        shard: u32,
    },
    /// Expire an assignment that ran out of time, so that its replica can be claimed anew.
    Expire(ShardName),
}

/// What to do, and when to ask again.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// To be begun now, in this order; they do not wait for each other.
    pub steps: Vec<Step>,
    /// Unix time at which the answer may change although nothing on chain did.
    pub wake_at: Option<i64>,
    /// Why nothing is claimed, if nothing is.
    pub no_task: Option<NoTask>,
}

impl Plan {
    fn push(&mut self, world: &World<'_>, step: Step) {
        match world.not_before.get(&step) {
            Some(at) if *at > world.now => self.wake(*at),
            _ if world.in_flight.contains(&step) => {}
            _ => self.steps.push(step),
        }
    }

    fn wake(&mut self, at: i64) {
        self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
    }

    /// Pushes the step if its time has come, else asks to be woken then.
    fn push_at(&mut self, world: &World<'_>, at: i64, step: Step) {
        if world.now >= at {
            self.push(world, step)
        } else {
            self.wake(at)
        }
    }
}

/// The decision.
pub fn plan(world: &World<'_>) -> Plan {
    let mut plan = Plan::default();
    for (address, assignment) in world
        .assignments
        .iter()
        .filter(|(_, assignment)| assignment.node == world.address)
    {
        plan_own(world, address, assignment, &mut plan);
    }
    plan_housekeeping(world, &mut plan);
    claim::plan(world, &mut plan);
    plan
}

/// The next step of an assignment of this node.
fn plan_own(world: &World<'_>, address: &Address, assignment: &Assignment, plan: &mut Plan) {
    let name = ShardName {
        job: assignment.job,
        shard: assignment.shard,
        replica: assignment.replica,
    };
    let result = world
        .results
        .get(address)
        .filter(|result| result.claimed_at == assignment.claimed_at);
    match (assignment.state, result) {
        // Too late to commit: what is left is to be expired.
        (assignment_state::CLAIMED, _) if world.now > assignment.commit_deadline => {}
        (assignment_state::CLAIMED, Some(_)) => plan.push(world, Step::Commit(name)),
        (assignment_state::CLAIMED, None) => plan.push(world, Step::Run(name)),
        (assignment_state::COMMITTED, Some(result)) if result.commitment == assignment.commitment => {
            let Some(view) = world.jobs.get(&assignment.job) else {
                return;
            };
            if all_committed(&replicas(world, view, assignment.job, assignment.shard)) {
                plan.push(world, Step::Reveal(name));
            }
        }
        // Revealed, or committed to something that is not on this disk: settlement decides.
        _ => {}
    }
}

/// Assignments of a shard by replica; `None` where there is none, or it is not known here.
fn replicas<'a>(world: &World<'a>, view: &JobView, job: Address, shard: u32) -> Vec<Option<&'a Assignment>> {
    let state = view.shard(shard).unwrap_or_default();
    (0..view.job.replicas)
        .map(|replica| {
            state
                .has(replica)
                .then(|| world.assignments.get(&assignment_address(&job, shard, replica).0))
                .flatten()
        })
        .collect()
}

/// Whether the job takes claims at `now`.
fn is_open(job: &Job, now: i64) -> bool {
    job.cancelled == 0 && now < job.deadline
}

/// Whether every replica has committed: only then may a result be shown, for nobody can copy it any more.
fn all_committed(replicas: &[Option<&Assignment>]) -> bool {
    replicas
        .iter()
        .all(|replica| replica.is_some_and(|assignment| assignment.state != assignment_state::CLAIMED))
}

/// From when a shard may be settled: at once when every replica is revealed, else when nobody can be at work on it.
fn settle_from(view: &JobView, replicas: &[Option<&Assignment>]) -> i64 {
    let revealed = |assignment: &Assignment| assignment.state == assignment_state::REVEALED;
    if replicas.iter().all(|replica| replica.is_some_and(revealed)) {
        i64::MIN
    } else {
        view.job.final_at().0
    }
}

/// From when an assignment may be expired: its time to commit is over, or its time to reveal, which runs from the last
/// commitment of the shard. `None` while it has no deadline.
fn expire_from(assignment: &Assignment, view: &JobView, replicas: &[Option<&Assignment>]) -> Option<i64> {
    let deadline = match assignment.state {
        assignment_state::CLAIMED => assignment.commit_deadline,
        assignment_state::COMMITTED if all_committed(replicas) => {
            let last = replicas
                .iter()
                .flatten()
                .map(|assignment| assignment.committed_at)
                .max()?;
            last.saturating_add(i64::from(view.job.reveal_seconds))
        }
        _ => return None,
    };
    Some(deadline.saturating_add(1))
}

/// Seconds that this node leaves to others before it does what anybody may do, so that not all pay for the same: fewer
/// if it has an interest in the shard.
fn courtesy(world: &World<'_>, job: &Address, shard: u32, concerned: bool) -> i64 {
    let turn = lumora_core::score::jitter_millis(&job.to_bytes(), world.address.as_array(), shard);
    let turn = i64::from(turn) / 250;
    if concerned { turn / 2 } else { turn.saturating_add(4) }
}

/// What anybody may do: settle shards that are due, expire what ran out of time.
fn plan_housekeeping(world: &World<'_>, plan: &mut Plan) {
    let mut shards = BTreeSet::new();
    for assignment in world.assignments.values() {
        let Some(view) = world.jobs.get(&assignment.job) else {
            continue;
        };
        shards.insert((assignment.job, assignment.shard));
        let replicas = replicas(world, view, assignment.job, assignment.shard);
        if let Some(from) = expire_from(assignment, view, &replicas) {
            let name = ShardName {
                job: assignment.job,
                shard: assignment.shard,
                replica: assignment.replica,
            };
            let own = replicas
                .iter()
                .flatten()
                .any(|assignment| assignment.node == world.address);
            let at = from.saturating_add(courtesy(world, &assignment.job, assignment.shard, own));
            plan.push_at(world, at, Step::Expire(name));
        }
    }
    for (job, shard) in shards {
        let Some(view) = world.jobs.get(&job) else { continue };
        if view.shard(shard).is_none_or(ShardState::is_settled) {
            continue;
        }
        let replicas = replicas(world, view, job, shard);
        let own = replicas
            .iter()
            .flatten()
            .any(|assignment| assignment.node == world.address);
        let shown = replicas
            .iter()
            .flatten()
            .map(|assignment| assignment.revealed_at)
            .max()
            .unwrap_or(0);
        let at = settle_from(view, &replicas)
            .max(shown)
            .saturating_add(courtesy(world, &job, shard, own));
        plan.push_at(world, at, Step::Settle { job, shard });
    }
}

#[cfg(test)]
mod tests;
