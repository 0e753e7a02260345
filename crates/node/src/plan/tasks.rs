//! Which shard to take, run, commit, reveal, settle, expire or clear away next.
//!
//! The chain is the truth about assignments; this node adds only the results that it has on disk. So a decision depends
//! on nothing that a crash could lose, and after a restart the same function goes on where the process was killed. Who let
//! a turn pass is remembered, and learnt anew after a restart: it decides nothing but when this node claims.

mod claim;
mod reason;
mod turns;

use std::collections::{BTreeMap, BTreeSet};

use lumora_core::{rounds::Shard, units::Seconds};
use lumora_interface::{
    Address,
    bandwidth::Attestation,
    registry::{Network, Node},
    tasks::{Assignment, Job, MAX_REPLICAS, ShardState, assignment_address, assignment_state},
};

pub use claim::{claimable_at, score};
pub use reason::NoTask;
pub use turns::{Behind, Peers, Round, next as next_round};

use crate::{event::ShardName, plan::allowance::Stop};

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
    /// Why its owner's limits let it take nothing new.
    pub stop: Option<Stop>,
    /// Whose turn it is.
    pub round: &'a Round,
}

/// One thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Claim this replica; it is the node's turn, or its own time has come and nobody takes theirs.
    Claim(ShardName),
    /// Fetch, extract, seal, store.
    Run(ShardName),
    /// Commit to the result on disk.
    Commit(ShardName),
    /// Show the next word of the result that was committed to.
    Reveal(ShardName),
    /// Settle the shard.
    Settle {
        /// The job.
        job: Address,
        /// The shard.
        shard: u32,
    },
    /// Expire an assignment that ran out of time.
    Expire(ShardName),
    /// Slash the node of one that expired or was rejected, so that its replica can be claimed anew.
    Slash(ShardName),
    /// Close what one of this node's left behind.
    Close(ShardName),
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

/// The name of an assignment.
fn name(assignment: &Assignment) -> ShardName {
    ShardName {
        job: assignment.job,
        shard: assignment.shard,
        replica: assignment.replica,
    }
}

/// The next step of an assignment of this node.
fn plan_own(world: &World<'_>, address: &Address, assignment: &Assignment, plan: &mut Plan) {
    let name = name(assignment);
    let result = world
        .results
        .get(address)
        .filter(|result| result.claimed_at == assignment.claimed_at);
    match (assignment.state, result) {
        // Too late to commit: what is left is to be expired.
        (assignment_state::CLAIMED, _) if world.now > assignment.commit_deadline => {}
        (assignment_state::CLAIMED, Some(_)) => plan.push(world, Step::Commit(name)),
        (assignment_state::CLAIMED, None) => plan.push(world, Step::Run(name)),
        (assignment_state::COMMITTED, Some(result)) if result.commitment != assignment.commitment => {}
        (assignment_state::COMMITTED | assignment_state::REVEALED, Some(_)) => {
            let Some(seated) = Seated::of(world, assignment.job, assignment.shard) else {
                return;
            };
            let standing = seated.shard.standing();
            if assignment.seat().shown >= standing.words_due() {
                return;
            }
            let is_closed = seated.view.job.is_closed_for_claims(Seconds(world.now));
            if standing.may_show(is_closed) {
                plan.push(world, Step::Reveal(name));
            } else if standing.all_committed() {
                // A replica is free, and nobody can take it any more from then on.
                plan.wake(seated.view.job.deadline);
            }
        }
        // Committed to something that is not on this disk, or over: settlement, expiry and slashing decide.
        _ => {}
    }
}

/// A shard and the nodes at work on it.
struct Seated<'a> {
    view: &'a JobView,
    nodes: Vec<&'a Assignment>,
    shard: Shard,
}

impl<'a> Seated<'a> {
    /// `None` where one of its assignments is not known here: what it means for the others cannot be said.
    fn of(world: &World<'a>, job: Address, shard: u32) -> Option<Self> {
        let view = world.jobs.get(&job)?;
        let state = view.shard(shard).filter(|state| !state.is_settled())?;
        let nodes: Vec<&Assignment> = (0..MAX_REPLICAS)
            .filter(|replica| state.has(*replica))
            .map(|replica| {
                let found = world.assignments.get(&assignment_address(&job, shard, replica).0);
                found.filter(|assignment| assignment.is_live())
            })
            .collect::<Option<_>>()?;
        Some(Self {
            view,
            shard: view.job.shard(nodes.iter().map(|assignment| assignment.seat())),
            nodes,
        })
    }

    /// Whether a node is at work on it.
    fn has(&self, node: &Address) -> bool {
        self.nodes.iter().any(|assignment| assignment.node == *node)
    }
}

/// Whether the job takes claims at `now`.
fn is_open(job: &Job, now: i64) -> bool {
    !job.is_closed_for_claims(Seconds(now)) && job.settled_shards < job.shard_count
}

/// Seconds that this node leaves to others before it does what anybody may do, so that not all pay for the same: fewer
/// if it has an interest in the shard.
fn courtesy(world: &World<'_>, job: &Address, shard: u32, concerned: bool) -> i64 {
    let turn = lumora_core::score::jitter_millis(&job.to_bytes(), world.address.as_array(), shard);
    let turn = i64::from(turn) / 250;
    if concerned { turn / 2 } else { turn.saturating_add(4) }
}

/// What anybody may do: settle shards that are due, expire what ran out of time, slash those who let it.
fn plan_housekeeping(world: &World<'_>, plan: &mut Plan) {
    let mut shards = BTreeSet::new();
    for assignment in world.assignments.values() {
        if assignment.is_tombstone() {
            plan_tombstone(world, assignment, plan);
        } else {
            shards.insert((assignment.job, assignment.shard));
        }
    }
    for (job, shard) in shards {
        let Some(seated) = Seated::of(world, job, shard) else {
            continue;
        };
        let pause = courtesy(world, &job, shard, seated.has(&world.address));
        for assignment in &seated.nodes {
            if let Some(deadline) = seated.shard.expirable_after(&assignment.seat()) {
                let at = deadline.0.saturating_add(1).saturating_add(pause);
                plan.push_at(world, at, Step::Expire(name(assignment)));
            }
        }
        let from = seated.view.job.settle_from(&seated.shard);
        let at = from.max(seated.shard.shown_at()).0.saturating_add(pause);
        plan.push_at(world, at, Step::Settle { job, shard });
    }
}

/// What is left of an assignment that expired or was rejected: whoever slashes its node keeps a part, and the rent is its
/// own concern.
fn plan_tombstone(world: &World<'_>, assignment: &Assignment, plan: &mut Plan) {
    let Some(view) = world.jobs.get(&assignment.job) else {
        return;
    };
    let own = assignment.node == world.address;
    if assignment.slashed == 0 {
        let concerned =
            own || Seated::of(world, assignment.job, assignment.shard).is_some_and(|seated| seated.has(&world.address));
        let pause = courtesy(world, &assignment.job, assignment.shard, concerned);
        let at = assignment.ended_at.saturating_add(pause);
        plan.push_at(world, at, Step::Slash(name(assignment)));
    } else if own {
        match view.shard(assignment.shard).is_some_and(ShardState::is_settled) {
            true => plan.push(world, Step::Close(name(assignment))),
            false => plan.push_at(world, view.job.deadline, Step::Close(name(assignment))),
        }
    }
}

#[cfg(test)]
mod tests;
