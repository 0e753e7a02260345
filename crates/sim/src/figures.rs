//! What a simulation found.

use lumora_core::{
    adaptation::{Claim as Observation, Figures as Observed},
    units::Seconds,
};
use serde::Serialize;

use crate::settings::Settings;

/// One claim that was executed.
pub(crate) struct Claimed {
    /// Milliseconds since the shard opened.
    pub after: u64,
    /// Basis points by which the score of the best node with room was higher.
    pub short_by: u16,
    pub distance: u32,
    pub best_distance: u32,
    pub round_trip: f64,
    pub best_round_trip: f64,
}

/// What a simulation found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Nodes of the network.
    pub nodes: u32,
    /// Shards that were counted.
    pub shards: u64,
    /// Claims that were executed.
    pub claims: u64,
    /// Whether all the shards were claimed; else the figures are of those that were when it was given up.
    pub is_complete: bool,
    /// Share of the claims won by the best node that was awake and had room, or one that scores less by no more than
    /// `resolution_bps`.
    pub best_winner_share: f64,
    /// Share of the claims won by exactly the best.
    pub strictly_best_share: f64,
    /// Score that two seconds of waiting are worth: one of jitter, one of the chain's clock.
    pub resolution_bps: u32,
    /// Kilometres between winner and target.
    pub p50_km: u32,
    /// Kilometres between winner and target.
    pub p99_km: u32,
    /// Kilometres by which the winner was farther than the best; negative: nearer.
    pub p50_extra_km: i64,
    /// Kilometres by which the winner was farther than the best.
    pub p99_extra_km: i64,
    /// Round trip between winner and target, ms.
    pub p50_rtt_ms: f64,
    /// Round trip between winner and target, ms.
    pub p99_rtt_ms: f64,
    /// Milliseconds by which the winner's round trip was longer than the best's.
    pub p50_extra_rtt_ms: f64,
    /// Milliseconds by which the winner's round trip was longer than the best's.
    pub p99_extra_rtt_ms: f64,
    /// Seconds from opening to claim.
    pub p50_claim_s: f64,
    /// Seconds from opening to claim.
    pub p99_claim_s: f64,
    /// Claims that failed because another was first, for each that did not.
    pub wasted_share: f64,
    /// Mean of the nodes' loads: share of capacity held, over the time awake.
    pub load_mean: f64,
    /// Largest load over the mean.
    pub load_max_over_mean: f64,
    /// 99th percentile of the load over the mean.
    pub load_p99_over_mean: f64,
    /// 10th percentile of the load over the mean.
    pub load_p10_over_mean: f64,
    /// Nodes that left with shards in their hands while it was counted.
    pub left: u64,
    /// Replicas that opened anew because their node left.
    pub reopened: u64,
}

/// Claims of which what oracles see is kept: as many as they read of a window.
const MOST_OBSERVED: usize = 20_000;

/// Collects what [`Figures`] is made of.
pub(crate) struct Recorder {
    wanted: u64,
    begun: Option<u64>,
    shards: u64,
    claims_expected: u64,
    wasted: u64,
    left: u64,
    reopened: u64,
    after: Vec<u32>,
    short_by: Vec<u16>,
    distance: Vec<u32>,
    extra_distance: Vec<i32>,
    round_trip: Vec<f32>,
    extra_round_trip: Vec<f32>,
    observed: Vec<Observation>,
}

impl Recorder {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            wanted: u64::from(settings.shards),
            begun: None,
            shards: 0,
            claims_expected: 0,
            wasted: 0,
            left: 0,
            reopened: 0,
            after: Vec::new(),
            short_by: Vec::new(),
            distance: Vec::new(),
            extra_distance: Vec::new(),
            round_trip: Vec::new(),
            extra_round_trip: Vec::new(),
            observed: Vec::new(),
        }
    }

    pub(crate) fn expects_more(&self) -> bool {
        self.shards < self.wanted
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.begun.is_some()
    }

    pub(crate) fn begin(&mut self, now: u64) {
        self.begun = Some(now);
    }

    pub(crate) fn expect(&mut self, shards: u64, replicas: u8) {
        self.shards += shards;
        self.claims_expected += shards * u64::from(replicas);
    }

    /// Whether every claim that counts was made, but for the one in a thousand that waits for a node that left.
    pub(crate) fn is_complete(&self) -> bool {
        let claims = self.after.len() as u64;
        !self.expects_more() && claims * 1_000 >= self.claims_expected * 999
    }

    pub(crate) fn claimed(&mut self, claimed: &Claimed) {
        self.after.push(claimed.after as u32);
        self.short_by.push(claimed.short_by);
        self.distance.push(claimed.distance);
        self.extra_distance
            .push(claimed.distance as i32 - claimed.best_distance as i32);
        self.round_trip.push(claimed.round_trip as f32);
        self.extra_round_trip
            .push((claimed.round_trip - claimed.best_round_trip) as f32);
    }

    /// Keeps what oracles see of a claim; gives its place.
    pub(crate) fn observe(&mut self, claim: Observation) -> Option<usize> {
        (self.observed.len() < MOST_OBSERVED).then(|| {
            self.observed.push(claim);
            self.observed.len() - 1
        })
    }

    /// The shard of a claim was settled, so many seconds after it.
    pub(crate) fn completed(&mut self, place: Option<usize>, after: u64) {
        if let Some(claim) = place.and_then(|place| self.observed.get_mut(place)) {
            claim.completed = Some(Seconds(claim.waited.0 + after as i64));
        }
    }

    /// What oracles make of it. Refusals and failures are scaled to the claims that were kept.
    fn observed(&self) -> Observed {
        let of = |count: u64| count * self.observed.len() as u64 / (self.after.len() as u64).max(1);
        Observed::of(&self.observed, of(self.wasted) as u32, of(self.reopened) as u32)
    }

    pub(crate) fn wasted(&mut self, counted: bool) {
        self.wasted += u64::from(counted);
    }

    pub(crate) fn left(&mut self) {
        self.left += u64::from(self.has_begun());
    }

    pub(crate) fn reopened(&mut self, counted: bool) {
        self.reopened += u64::from(counted);
        self.claims_expected += u64::from(counted);
    }

    /// `loads`: shard-milliseconds held, shard-milliseconds of capacity, and capacity, of each node.
    pub(crate) fn figures(
        mut self,
        settings: &Settings,
        loads: impl Iterator<Item = (u64, u64, u16)>,
    ) -> (Figures, Observed) {
        let observed = self.observed();
        let claims = self.after.len() as u64;
        let is_complete = self.is_complete();
        let resolution = (2 * 10_000u32).div_ceil(settings.max_wait.max(1));
        let share = |count: usize| count as f64 / claims.max(1) as f64;
        let within = self
            .short_by
            .iter()
            .filter(|short| u32::from(**short) <= resolution)
            .count();
        let strictly = self.short_by.iter().filter(|short| **short == 0).count();
        let (mut held, mut possible) = (0u64, 0u64);
        let mut each: Vec<f64> = loads
            .filter(|(_, possible, _)| *possible > 0)
            .map(|(held_for, possible_for, _)| {
                held += held_for;
                possible += possible_for;
                held_for as f64 / possible_for as f64
            })
            .collect();
        let mean = held as f64 / possible.max(1) as f64;
        each.sort_by(f64::total_cmp);
        let load = |percentile: f64| rounded(percentile_of(&each, percentile).copied().unwrap_or(0.0) / mean);
        self.after.sort_unstable();
        self.distance.sort_unstable();
        self.extra_distance.sort_unstable();
        self.round_trip.sort_by(f32::total_cmp);
        self.extra_round_trip.sort_by(f32::total_cmp);
        let seconds = |percentile| rounded(f64::from(*percentile_of(&self.after, percentile).unwrap_or(&0)) / 1_000.0);
        let kilometres = |percentile| *percentile_of(&self.distance, percentile).unwrap_or(&0);
        let extra = |percentile| i64::from(*percentile_of(&self.extra_distance, percentile).unwrap_or(&0));
        let rtt = |values: &[f32], percentile| rounded(f64::from(*percentile_of(values, percentile).unwrap_or(&0.0)));
        let figures = Figures {
            nodes: settings.nodes,
            shards: self.shards,
            claims,
            is_complete,
            best_winner_share: rounded(share(within)),
            strictly_best_share: rounded(share(strictly)),
            resolution_bps: resolution,
            p50_km: kilometres(0.5),
            p99_km: kilometres(0.99),
            p50_extra_km: extra(0.5),
            p99_extra_km: extra(0.99),
            p50_rtt_ms: rtt(&self.round_trip, 0.5),
            p99_rtt_ms: rtt(&self.round_trip, 0.99),
            p50_extra_rtt_ms: rtt(&self.extra_round_trip, 0.5),
            p99_extra_rtt_ms: rtt(&self.extra_round_trip, 0.99),
            p50_claim_s: seconds(0.5),
            p99_claim_s: seconds(0.99),
            wasted_share: rounded(self.wasted as f64 / claims.max(1) as f64),
            load_mean: rounded(mean),
            load_max_over_mean: load(1.0),
            load_p99_over_mean: load(0.99),
            load_p10_over_mean: load(0.1),
            left: self.left,
            reopened: self.reopened,
        };
        (figures, observed)
    }
}

fn rounded(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

fn percentile_of<T>(sorted: &[T], percentile: f64) -> Option<&T> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((percentile * last as f64).round() as usize)
}
