//! What an event changes besides being one more event: sums, and the rows of what outlives its account. Pure.

use lumora_core::{
    adaptation::{WaitReason, WeightsReason},
    reason::Reason,
};
use lumora_interface::{
    Event as _,
    market::{DatasetBought, DatasetDelivered, PenaltyPaid, PurchaseClosed, PurchaseRated, PurchaseRefunded},
    registry::{BondSlashed, RankingAdapted},
    rewards::{EpochFunded, Granted, RewardClaimed, RewardsClaimed},
    tasks::{
        AssignmentExpired, AssignmentSlashed, JobClosed, JobCreated, ResultRejected, ShardClaimed, ShardSettled,
        assignment_state,
    },
};

use crate::{
    catalog::CATALOG,
    chain::{RecordedEvent, Refusal},
};

/// An increment of a sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// The metric, as named in the contract.
    pub metric: &'static str,
    /// Values of its labels, in the contract's order.
    pub labels: Vec<String>,
    /// By how much it grows.
    pub by: u64,
}

/// A change of something that outlives its account.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A job was created.
    JobCreated(Box<JobCreated>),
    /// A job ended.
    JobClosed(Box<JobClosed>),
    /// A copy was paid for.
    Bought(Box<DatasetBought>),
    /// Its key was delivered.
    Delivered(Box<DatasetDelivered>),
    /// The money went back.
    Refunded(Box<PurchaseRefunded>),
    /// The buyer was paid out of the seller's bond.
    Penalized(Box<PenaltyPaid>),
    /// The buyer rated it.
    Rated(PurchaseRated),
    /// The buyer closed the account of a delivered purchase.
    PurchaseClosed(PurchaseClosed),
    /// A replica of a shard was claimed.
    Claimed(ShardClaimed),
    /// A shard was settled.
    Settled(Box<ShardSettled>),
}

/// Metrics that sum up events. The names are those of the contract; a test compares.
pub mod metric {
    /// Events, by program and name.
    pub const EVENTS: &str = "lumora_events_total";
    /// Transactions that a program refused, by program and error.
    pub const REFUSALS: &str = "lumora_refused_transactions_total";
    /// LMR base units claimed by nodes.
    pub const REWARDS_CLAIMED: &str = "lumora_rewards_claimed_base_units_total";
    /// LMR base units minted for epochs.
    pub const EMITTED: &str = "lumora_emission_minted_base_units_total";
    /// LMR base units granted from the early-participant pool.
    pub const GRANTED: &str = "lumora_early_pool_granted_base_units_total";
    /// Shards settled, by outcome.
    pub const SHARDS_SETTLED: &str = "lumora_shards_settled_total";
    /// LMR base units paid to executors.
    pub const TASKS_PAID: &str = "lumora_tasks_paid_base_units_total";
    /// Assignments that ran out of time, by the state in which they were.
    pub const EXPIRED: &str = "lumora_assignments_expired_total";
    /// Results that the oracles rejected, by reason.
    pub const REJECTED: &str = "lumora_results_rejected_total";
    /// Assignments for which their node was slashed, by how they had ended.
    pub const ASSIGNMENTS_SLASHED: &str = "lumora_assignments_slashed_total";
    /// LMR base units taken from the bonds of nodes, by who received them.
    pub const BONDS_SLASHED: &str = "lumora_bonds_slashed_base_units_total";
    /// LMR base units of the escrow of jobs that went back to clients.
    pub const TASKS_REFUNDED: &str = "lumora_tasks_refunded_base_units_total";
    /// Seconds from the moment at which a node was entitled to a replica to its claim.
    pub const CLAIM_DELAY: &str = "lumora_claim_delay_seconds";
    /// Seconds from a shard's first claim to its settlement.
    pub const COMPLETION: &str = "lumora_shard_completion_seconds";
    /// Adaptations of the ranking, by the reasons for its wait and for its weights.
    pub const RANKING_ADAPTED: &str = "lumora_ranking_adapted_total";
    /// Copies delivered.
    pub const SALES: &str = "lumora_sales_total";
    /// LMR base units paid out for them.
    pub const SALES_VOLUME: &str = "lumora_sales_base_units_total";
    /// Purchases refunded.
    pub const REFUNDS: &str = "lumora_refunds_total";
    /// LMR base units paid to buyers out of the bonds of sellers.
    pub const PENALTIES: &str = "lumora_penalties_base_units_total";
    /// Ratings, by number of stars.
    pub const RATINGS: &str = "lumora_ratings_total";
    /// Transactions that no node had any more.
    pub const UNAVAILABLE: &str = "lumora_indexer_unavailable_transactions_total";
}

/// Upper bounds of the buckets of both durations, in seconds.
pub const SECONDS_BUCKETS: [i64; 12] = [1, 5, 15, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 86_400];

/// Labels of a histogram's sum, as kept among the counters.
pub const SUM: &str = "sum";
/// Label of a histogram's bucket above all bounds.
pub const BEYOND: &str = "+Inf";

/// What one event changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    /// Sums that grow.
    pub counts: Vec<Count>,
    /// What else changes.
    pub change: Option<Change>,
}

/// The effects of an event of one of Lumora's programs.
pub fn of_event(event: &RecordedEvent) -> Effects {
    let mut effects = Effects::default();
    let Some(program) = CATALOG.program(&event.program) else {
        return effects;
    };
    let name = program
        .event(&event.data)
        .map_or(UNKNOWN, |layout| layout.name.as_str());
    effects.count(metric::EVENTS, [program.name.as_str(), name], 1);
    // A name is of one program alone, which the discriminator and the program's own list of events have settled.
    let data = event.data.as_slice();
    match name {
        "JobCreated" => effects.change = JobCreated::from_event_data(data).map(|it| Change::JobCreated(it.into())),
        "JobClosed" => {
            if let Some(it) = JobClosed::from_event_data(data) {
                // All of it, be it now or before.
                effects.count(metric::TASKS_REFUNDED, [], it.refunded);
                effects.change = Some(Change::JobClosed(it.into()));
            }
        }
        "ShardClaimed" => {
            if let Some(it) = ShardClaimed::from_event_data(data) {
                effects.observe(metric::CLAIM_DELAY, it.claimed_at.saturating_sub(it.claimable_at));
                effects.change = Some(Change::Claimed(it));
            }
        }
        "ShardSettled" => {
            if let Some(it) = ShardSettled::from_event_data(data) {
                let outcome = if it.winners == 0 { "no majority" } else { "agreed" };
                effects.count(metric::SHARDS_SETTLED, [outcome], 1);
                let paid = it.paid_each.saturating_mul(it.winners.count_ones().into());
                effects.count(metric::TASKS_PAID, [], paid);
                effects.change = Some(Change::Settled(it.into()));
            }
        }
        "AssignmentExpired" => {
            if let Some(it) = AssignmentExpired::from_event_data(data) {
                effects.count(metric::EXPIRED, [assignment_state_name(it.state)], 1);
            }
        }
        "ResultRejected" => {
            if let Some(it) = ResultRejected::from_event_data(data) {
                effects.count(metric::REJECTED, [reason_name(it.reason).as_str()], 1);
            }
        }
        "AssignmentSlashed" => {
            if let Some(it) = AssignmentSlashed::from_event_data(data) {
                effects.count(metric::ASSIGNMENTS_SLASHED, [assignment_state_name(it.state)], 1);
            }
        }
        "BondSlashed" => {
            if let Some(it) = BondSlashed::from_event_data(data) {
                for (to, amount) in [
                    ("reporter", it.to_reporter),
                    ("injured", it.to_injured),
                    ("burned", it.burned),
                ] {
                    effects.count(metric::BONDS_SLASHED, [to], amount);
                }
            }
        }
        "RankingAdapted" => {
            if let Some(it) = RankingAdapted::from_event_data(data) {
                let wait = WaitReason::from_code(it.wait_reason).map(|reason| format!("{reason:?}"));
                let weights = WeightsReason::from_code(it.weights_reason).map(|reason| format!("{reason:?}"));
                let wait = wait.unwrap_or_else(|| it.wait_reason.to_string());
                let weights = weights.unwrap_or_else(|| it.weights_reason.to_string());
                effects.count(metric::RANKING_ADAPTED, [wait.as_str(), weights.as_str()], 1);
            }
        }
        "EpochFunded" => {
            if let Some(it) = EpochFunded::from_event_data(data) {
                effects.count(metric::EMITTED, [], it.amount);
            }
        }
        "RewardClaimed" => {
            if let Some(it) = RewardClaimed::from_event_data(data) {
                effects.count(metric::REWARDS_CLAIMED, [], it.amount);
            }
        }
        "RewardsClaimed" => {
            if let Some(it) = RewardsClaimed::from_event_data(data) {
                let paid = it.claims().fold(0u64, |sum, claim| sum.saturating_add(claim.amount));
                effects.count(metric::REWARDS_CLAIMED, [], paid);
            }
        }
        "Granted" => {
            if let Some(it) = Granted::from_event_data(data) {
                effects.count(metric::GRANTED, [], it.amount);
            }
        }
        "DatasetBought" => effects.change = DatasetBought::from_event_data(data).map(|it| Change::Bought(it.into())),
        "DatasetDelivered" => {
            if let Some(it) = DatasetDelivered::from_event_data(data) {
                effects.count(metric::SALES, [], 1);
                effects.count(metric::SALES_VOLUME, [], it.amount);
                effects.change = Some(Change::Delivered(it.into()));
            }
        }
        "PurchaseRefunded" => {
            if let Some(it) = PurchaseRefunded::from_event_data(data) {
                effects.count(metric::REFUNDS, [], 1);
                effects.change = Some(Change::Refunded(it.into()));
            }
        }
        "PenaltyPaid" => {
            if let Some(it) = PenaltyPaid::from_event_data(data) {
                effects.count(metric::PENALTIES, [], it.amount);
                effects.change = Some(Change::Penalized(it.into()));
            }
        }
        "PurchaseClosed" => effects.change = PurchaseClosed::from_event_data(data).map(Change::PurchaseClosed),
        "PurchaseRated" => {
            if let Some(it) = PurchaseRated::from_event_data(data) {
                effects.count(metric::RATINGS, [it.rating.to_string().as_str()], 1);
                effects.change = Some(Change::Rated(it));
            }
        }
        _ => {}
    }
    effects
}

/// Name under which an event is kept that the program's description does not have: it is of a newer program.
pub const UNKNOWN: &str = "Unknown";

/// The effects of a refusal. Names of errors come from the programs' descriptions alone, so that nobody can make up
/// labels without end.
pub fn of_refusal(refusal: &Refusal) -> Effects {
    let program = refusal.program.and_then(|address| CATALOG.program(&address));
    let (program, error) = match (program, refusal.program) {
        (Some(program), _) => {
            let error = refusal
                .code
                .and_then(|code| program.error(code))
                .unwrap_or("another error");
            (program.name.as_str(), error)
        }
        (None, Some(_)) => ("another program", "another error"),
        (None, None) => ("runtime", "another error"),
    };
    let mut effects = Effects::default();
    effects.count(metric::REFUSALS, [program, error], 1);
    effects
}

/// How long a shard took from its first claim to its settlement.
pub fn of_completion(seconds: i64) -> Effects {
    let mut effects = Effects::default();
    effects.observe(metric::COMPLETION, seconds);
    effects
}

/// Name of a state of `Assignment::state`.
pub fn assignment_state_name(state: u8) -> &'static str {
    match state {
        assignment_state::CLAIMED => "claimed",
        assignment_state::COMMITTED => "committed",
        assignment_state::REVEALED => "revealed",
        assignment_state::EXPIRED => "expired",
        assignment_state::REJECTED => "rejected",
        _ => "unknown",
    }
}

/// Name of a reason code; the code itself where this version does not know it.
pub fn reason_name(code: u8) -> String {
    Reason::from_code(code).map_or_else(|| code.to_string(), |reason| format!("{reason:?}"))
}

impl Effects {
    fn count<const N: usize>(&mut self, metric: &'static str, labels: [&str; N], by: u64) {
        self.counts.push(Count {
            metric,
            labels: labels.map(str::to_owned).into(),
            by,
        });
    }

    /// Clocks of validators may run back a little: a negative duration counts as none.
    fn observe(&mut self, metric: &'static str, seconds: i64) {
        let seconds = seconds.max(0);
        let bound = SECONDS_BUCKETS.iter().find(|bound| seconds <= **bound);
        let bound = bound.map_or_else(|| BEYOND.to_owned(), ToString::to_string);
        self.count(metric, [bound.as_str()], 1);
        self.count(metric, [SUM], seconds.unsigned_abs());
    }
}
