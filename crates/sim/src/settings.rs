//! What a simulation assumes. Everything is stated, and printed with the figures.

use lumora_core::{
    adaptation::Tuning,
    score::{Scoring, Weights},
    units::{Bps, Kbps, Kilometres, Micros, Seconds},
};
use serde::Serialize;

use crate::Error;

/// Terms of the score, in basis points, as the network's account holds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct WeightSettings {
    /// Attested bandwidth.
    pub bandwidth: u16,
    /// Nearness to where the data lives.
    pub proximity: u16,
    /// Round-trip time to the challengers.
    pub latency: u16,
    /// Reputation.
    pub reputation: u16,
}

/// How nodes choose among the shards that they may claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// Each for itself: the first ones in one common order.
    First,
    /// Each for itself: any of them, by hash.
    Spread,
    /// In turn, see [`lumora_core::turn`].
    Turns,
}

/// How many shards a node's share of its capacity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CapacityRule {
    /// As many as fit, see [`lumora_core::allocation::shards_allowed`].
    RoundedDown,
    /// One more is allowed as long as those that are held are fewer than the share.
    RoundedUp,
}

/// A part of the world from which nodes are gone, between two meridians and two parallels, in degrees east and north.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Desertion {
    /// Degrees east: from, to.
    pub longitude: (f64, f64),
    /// Degrees north: from, to.
    pub latitude: (f64, f64),
    /// One node in so many is gone; with 1, all of them.
    pub one_in: u32,
}

/// What a simulation assumes. Times are seconds unless the name says otherwise.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Settings {
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// Nodes of the network.
    pub nodes: u32,
    /// Shards that are counted, after those of the warm-up.
    pub shards: u32,
    /// Nodes that do each shard.
    pub replicas: u8,
    /// Shards of a job: log-uniform between these.
    pub shards_per_job: (u32, u32),
    /// Share of all capacity that is held by shards.
    pub utilisation: f64,
    /// Shards that run before counting begins, as a multiple of those that are held at once.
    pub warm_up: f64,
    /// How much each term of the score counts.
    pub weights: WeightSettings,
    /// Rate from which on more does not count, kbit/s.
    pub reference_kbps: u32,
    /// Distance at which proximity counts half, km.
    pub half_distance_km: u32,
    /// Round-trip time at which latency counts half, microseconds.
    pub half_latency_us: u32,
    /// Longest wait.
    pub max_wait: u32,
    /// Share of a node's capacity up to which it may claim, basis points.
    pub capacity_share: u16,
    /// How that share becomes a number of shards.
    pub capacity_rule: CapacityRule,
    /// How nodes choose.
    pub policy: Policy,
    /// Claims that a node has on their way at once, where it looks for itself.
    pub claims_at_once: u32,
    /// Share of the jobs whose data lives in one of the twelve hosting cities; the others' follows population.
    pub hosting_share: f64,
    /// Rates: log-normal with this median (kbit/s) and this deviation of the logarithm.
    pub rate: (f64, f64),
    /// Last mile's round-trip time: log-normal with this median (ms) and this deviation of the logarithm.
    pub last_mile: (f64, f64),
    /// Kilobit per second of a node's limit for each shard that it is willing to hold; at least 2 shards, at most 64.
    pub kbps_per_shard: u32,
    /// How much longer a path is than light in fibre along the chord.
    pub path_stretch: f64,
    /// Most milliseconds between the beginning of a round and sending a claim.
    pub sending_ms: u32,
    /// Milliseconds between sending a claim and its execution: uniform between these.
    pub landing_ms: (u32, u32),
    /// Milliseconds between the execution of a claim and everybody's seeing it: uniform between these.
    pub seeing_ms: (u32, u32),
    /// Work on a shard: log-normal with this median and this deviation of the logarithm.
    pub work: (f64, f64),
    /// Round trips to the site that the work on a shard takes besides: a slow site has many.
    pub trips: f64,
    /// Where nodes are gone for good, if anywhere.
    pub deserted: Option<Desertion>,
    /// Mean time for which a node is awake, and asleep: exponential. It finishes what it holds before it sleeps.
    pub awake_asleep: (f64, f64),
    /// Share of the nodes that leave for good in an hour, with shards in their hands.
    pub leaving_per_hour: f64,
    /// Seconds from a claim after which anybody may take the shard back from who left.
    pub commit_seconds: u32,
    /// Share of the nodes whose attestation is too old.
    pub stale: f64,
    /// Share of the nodes whose bond covers fewer shards than their capacity.
    pub thin_bond: f64,
}

impl Settings {
    /// The network of `migrations/devnet.toml` at the size for which it is meant.
    pub fn full() -> Self {
        Self {
            seed: 1,
            nodes: 100_000,
            shards: 1_000_000,
            replicas: 2,
            shards_per_job: (8, 512),
            utilisation: 0.6,
            warm_up: 2.0,
            weights: WeightSettings {
                bandwidth: 4_000,
                proximity: 3_000,
                latency: 2_000,
                reputation: 1_000,
            },
            reference_kbps: 1_000_000,
            half_distance_km: 1_000,
            half_latency_us: 50_000,
            max_wait: 120,
            capacity_share: 8_000,
            capacity_rule: CapacityRule::RoundedDown,
            policy: Policy::Turns,
            claims_at_once: 3,
            hosting_share: 0.5,
            rate: (100_000.0, 1.0),
            last_mile: (6.0, 0.6),
            kbps_per_shard: 10_000,
            path_stretch: 1.5,
            sending_ms: 200,
            landing_ms: (400, 1_200),
            seeing_ms: (400, 800),
            work: (240.0, 0.5),
            trips: 0.0,
            deserted: None,
            awake_asleep: (7_200.0, 800.0),
            leaving_per_hour: 0.02,
            commit_seconds: 900,
            stale: 0.03,
            thin_bond: 0.1,
        }
    }

    /// Whether the settings describe a network that can be simulated.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let refuse = |what: &'static str| Err(Error::Settings(what));
        if self.nodes == 0 || self.shards == 0 {
            return refuse("there must be nodes and shards");
        }
        if !(1..=7).contains(&self.replicas) {
            return refuse("a shard has 1 to 7 replicas");
        }
        if !(self.utilisation > 0.0 && self.utilisation < f64::from(self.capacity_share) / 10_000.0) {
            return refuse("the utilisation must lie between 0 and the share of the capacity that nodes may fill");
        }
        if self.shards_per_job.0 == 0 || self.shards_per_job.0 >= self.shards_per_job.1 {
            return refuse("the fewest shards of a job must be at least one and fewer than the most");
        }
        if self.max_wait == 0 || self.kbps_per_shard == 0 || self.claims_at_once == 0 {
            return refuse("longest wait, rate per shard and claims at once must be at least one");
        }
        if self.landing_ms.0 > self.landing_ms.1 || self.seeing_ms.0 > self.seeing_ms.1 {
            return refuse("a range of delays must not end before it begins");
        }
        let (awake, asleep) = self.awake_asleep;
        let are_times = [awake, asleep, awake + asleep]
            .iter()
            .all(|time| *time > 0.0 && time.is_finite());
        if !are_times || !(0.0..).contains(&self.leaving_per_hour) {
            return refuse("times awake and asleep must be longer than none, and no less than none may leave");
        }
        if !(self.trips >= 0.0 && self.trips.is_finite()) || self.deserted.is_some_and(|it| it.one_in == 0) {
            return refuse("the round trips must be a number of at least zero, and at most all nodes can be gone");
        }
        if !self.scoring().weights.is_normalised() {
            return refuse("the weights must sum to 10,000 basis points");
        }
        let shares = [self.hosting_share, self.stale, self.thin_bond];
        if !shares.iter().all(|share| (0.0..=1.0).contains(share)) {
            return refuse("a share must lie between 0 and 1");
        }
        Ok(())
    }

    /// Weights and longest wait, as the rule of adaptation takes them.
    pub fn tuning(&self) -> Tuning {
        Tuning {
            weights: self.scoring().weights,
            max_wait: Seconds(i64::from(self.max_wait)),
        }
    }

    /// The same network with another tuning; a wait that no clock shows is cut off.
    pub fn tuned(&self, tuning: &Tuning) -> Self {
        let [bandwidth, proximity, latency, reputation] = tuning.weights().map(|weight| weight.0);
        Self {
            weights: WeightSettings {
                bandwidth,
                proximity,
                latency,
                reputation,
            },
            max_wait: u32::try_from(tuning.max_wait.0).unwrap_or(u32::MAX),
            ..self.clone()
        }
    }

    /// The scoring parameters as `core` takes them.
    pub fn scoring(&self) -> Scoring {
        let WeightSettings {
            bandwidth,
            proximity,
            latency,
            reputation,
        } = self.weights;
        Scoring {
            weights: Weights {
                bandwidth: Bps(bandwidth),
                proximity: Bps(proximity),
                latency: Bps(latency),
                reputation: Bps(reputation),
            },
            reference: Kbps(self.reference_kbps),
            half_distance: Kilometres(self.half_distance_km),
            half_latency: Micros(self.half_latency_us),
        }
    }
}
