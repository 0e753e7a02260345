//! How the network's score follows what is measured: from the figures of a window of time and the tuning that holds to
//! the tuning that a quorum of oracles proposes.
//!
//! The score's weights and the longest wait are guesses until there is a network. Whoever set them gave a *base*; from
//! there the oracles may move them, in small steps and never far, as long as nobody freezes them. All oracles must come
//! to the same proposal, so that everything here is integers and a function of what is on chain.
//!
//! | figure | one step | never farther from the base than |
//! |---|---|---|
//! | weights | [`WEIGHT_STEP`], from one weight to another | [`WEIGHT_REACH`] each |
//! | longest wait | [`WAIT_STEP`] of it, at least a second | half to double |
//!
//! # What is answered with what
//!
//! | seen | answer | because |
//! |---|---|---|
//! | many claims refused since another was first | longer wait | scores that lie near each other are let in within the same second; a longer wait pulls them apart |
//! | few refused, and the wait is a large part of the time to completion | shorter wait | shards lie idle for an order that hardly anybody contests |
//! | many assignments expired or rejected | reputation counts more | those who let shards lie are let in later |
//! | shards that are far from their node take longer to do | proximity counts more | where distance costs time, the near are the better choice |
//! | few nodes do most of the work | proximity counts more, bandwidth less | the fastest are the same for every job, the nearest are not |
//! | none of these, clearly | one step back towards the base | what was answered is over |
//!
//! Between "many" and "few" nothing changes: the gap is wider than what one step moves, so that it does not swing. Of the
//! weights one pair moves at a time, the first in the table that applies.

use alloc::vec::Vec;

use crate::{
    hash::{Hash, sha256},
    parameters::Ranking,
    score::Weights,
    units::{Bps, Kilometres, Seconds},
};

/// By how much a weight may move at once.
pub const WEIGHT_STEP: Bps = Bps(200);

/// How far from its base a weight may ever be.
pub const WEIGHT_REACH: Bps = Bps(1_500);

/// By how much of itself the longest wait may move at once; by a second in any case.
pub const WAIT_STEP: Bps = Bps(1_000);

/// Claims without which nothing is changed.
pub const LEAST_CLAIMS: u32 = 100;

/// Figures about shards that were finished need so many of them.
pub const LEAST_FINISHED: u32 = 50;

/// Of the nearer shards, and of the farther ones, there must be so many before they are compared.
pub const LEAST_HALF: usize = 25;

/// How the work is spread is not judged among fewer nodes.
pub const LEAST_NODES: usize = 10;

/// Share of refused claims from which on the wait grows.
pub const MANY_REFUSED: Bps = Bps(1_000);

/// Share of refused claims up to which it may shrink.
pub const FEW_REFUSED: Bps = Bps(500);

/// Share of the time to completion from which on the wait that the rule imposes is too long.
pub const LONG_WAIT: Bps = Bps(2_500);

/// Share of assignments that ended badly from which on reputation counts more.
pub const MANY_FAILED: Bps = Bps(500);

/// Share up to which it may count less again.
pub const FEW_FAILED: Bps = Bps(100);

/// By how much longer the farther half of the shards takes, from which on proximity counts more.
pub const FAR_COSTS: Bps = Bps(2_500);

/// Up to which it may count less again.
pub const FAR_COSTS_LITTLE: Bps = Bps(1_000);

/// Share of the claims that the busiest tenth of the nodes took, from which on bandwidth counts less.
pub const CROWDED: Bps = Bps(6_000);

/// Up to which it may count more again.
pub const SPREAD_OUT: Bps = Bps(5_000);

/// Least time between two adaptations: a quarter of the notice that the authority itself has to give, so that whoever
/// watches sees where things are going.
pub fn cool_down(notice: Seconds) -> Seconds {
    Seconds((notice.0 / 4).max(1))
}

/// The part of a [`Ranking`] that follows what is measured. Reference rate and half-way figures do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// How much each term of the score counts.
    pub weights: Weights,
    /// How long a node with a score of zero waits.
    pub max_wait: Seconds,
}

/// Which bound a change of the tuning breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The weights do not sum to 10,000 bp.
    WeightsSum,
    /// It changes nothing.
    Nothing,
    /// A weight or the wait moves by more than one step.
    Step,
    /// A weight or the wait would be too far from the base.
    Reach,
}

impl core::fmt::Display for Fault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::WeightsSum => "the four weights must sum to 10,000 basis points",
            Self::Nothing => "an adaptation must change a weight or the wait",
            Self::Step => "a weight may move by 200 basis points at once, the wait by a tenth of itself",
            Self::Reach => "a weight may be 1,500 basis points from its base, the wait half to double of it",
        })
    }
}

impl core::error::Error for Fault {}

impl Tuning {
    /// That of a ranking.
    pub fn of(ranking: &Ranking) -> Self {
        Self {
            weights: ranking.scoring.weights,
            max_wait: ranking.max_wait,
        }
    }

    /// The four weights, in the order of the account: bandwidth, proximity, latency, reputation.
    pub fn weights(&self) -> [Bps; 4] {
        let Weights {
            bandwidth,
            proximity,
            latency,
            reputation,
        } = self.weights;
        [bandwidth, proximity, latency, reputation]
    }

    /// Of these weights, in the same order.
    pub fn new([bandwidth, proximity, latency, reputation]: [Bps; 4], max_wait: Seconds) -> Self {
        Self {
            weights: Weights {
                bandwidth,
                proximity,
                latency,
                reputation,
            },
            max_wait,
        }
    }

    /// Whether the oracles may go from here to `to`, given the base that the authority set. This is what the program
    /// enforces, whoever has signed: a quorum that lies can do no more than that.
    pub fn admit(&self, base: &Self, to: &Self) -> Result<(), Fault> {
        ensure(to.weights.is_normalised(), Fault::WeightsSum)?;
        ensure(to != self, Fault::Nothing)?;
        let moved = self.weights().into_iter().zip(to.weights());
        ensure(
            moved
                .into_iter()
                .all(|(from, to)| from.0.abs_diff(to.0) <= WEIGHT_STEP.0),
            Fault::Step,
        )?;
        ensure(
            self.max_wait.0.abs_diff(to.max_wait.0) <= wait_step(self.max_wait),
            Fault::Step,
        )?;
        let far = base.weights().into_iter().zip(to.weights());
        ensure(
            far.into_iter()
                .all(|(base, to)| base.0.abs_diff(to.0) <= WEIGHT_REACH.0),
            Fault::Reach,
        )?;
        let (shortest, longest) = wait_range(base.max_wait);
        ensure((shortest..=longest).contains(&to.max_wait), Fault::Reach)
    }
}

fn ensure(holds: bool, fault: Fault) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(fault) }
}

/// Seconds by which a wait may move at once.
fn wait_step(wait: Seconds) -> u64 {
    WAIT_STEP.of(u64::try_from(wait.0).unwrap_or(0)).max(1)
}

/// Shortest and longest wait with this base.
fn wait_range(base: Seconds) -> (Seconds, Seconds) {
    let base = base.0.max(0);
    (Seconds(base.saturating_add(1) / 2), Seconds(base.saturating_mul(2)))
}

/// Hash of a whole ranking: what a proposal starts from.
pub fn ranking_hash(ranking: &Ranking) -> Hash {
    let scoring = &ranking.scoring;
    let mut weights = [0; 8];
    for (bytes, weight) in weights.chunks_exact_mut(2).zip(Tuning::of(ranking).weights()) {
        bytes.copy_from_slice(&weight.0.to_le_bytes());
    }
    sha256(&[
        b"lumora ranking v1",
        &weights,
        &scoring.reference.0.to_le_bytes(),
        &scoring.half_distance.0.to_le_bytes(),
        &scoring.half_latency.0.to_le_bytes(),
        &ranking.max_wait.0.to_le_bytes(),
    ])
}

/// What a quorum of oracles signs. Everything that could make the same signature mean something else is bound: the
/// network, the program, the oracles, the ranking that is changed and how often it was changed before, the evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adaptation {
    /// The network's id.
    pub network_id: [u8; 32],
    /// Address of the bandwidth program.
    pub program: [u8; 32],
    /// Version of the oracle set that signs.
    pub set_version: u32,
    /// Adaptations of the network before this one.
    pub sequence: u32,
    /// [Hash](ranking_hash) of the ranking that is changed.
    pub from: Hash,
    /// What it is changed to.
    pub to: Tuning,
    /// Why: codes of [`WaitReason`] and [`WeightsReason`].
    pub reasons: [u8; 2],
    /// The epoch in which the figures were measured.
    pub epoch: u64,
    /// Unix time after which the signatures are void.
    pub expires_at: i64,
}

impl Adaptation {
    /// The 32 bytes that are signed.
    pub fn digest(&self) -> Hash {
        let [bandwidth, proximity, latency, reputation] = self.to.weights().map(|weight| weight.0.to_le_bytes());
        sha256(&[
            b"lumora adaptation v1",
            &self.network_id,
            &self.program,
            &self.set_version.to_le_bytes(),
            &self.sequence.to_le_bytes(),
            &self.from,
            &bandwidth,
            &proximity,
            &latency,
            &reputation,
            &self.to.max_wait.0.to_le_bytes(),
            &self.reasons,
            &self.epoch.to_le_bytes(),
            &self.expires_at.to_le_bytes(),
        ])
    }
}

/// One claim of the window, and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Which node it was, by any number of its own.
    pub node: u32,
    /// Distance of the node to the data.
    pub distance: Kilometres,
    /// From when the shard was free to the claim.
    pub waited: Seconds,
    /// As much of it as the rule imposed on this node: `max_wait x (1 - score)`.
    pub held_back: Seconds,
    /// From the claim to the commitment, if there was one.
    pub worked: Option<Seconds>,
    /// From when the shard was free to its settlement, if there was one.
    pub completed: Option<Seconds>,
}

/// The middle of some durations, and what 19 of 20 do not exceed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Lower median; zero where there are none.
    pub median: Seconds,
    /// 95th percentile.
    pub p95: Seconds,
}

/// What was measured in a window of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Claims that succeeded.
    pub claims: u32,
    /// Claims that were refused because another was first.
    pub refused: u32,
    /// Assignments that expired or were rejected.
    pub failed: u32,
    /// Claims whose shard was settled.
    pub finished: u32,
    /// From when a shard was free to its claim.
    pub waited: Times,
    /// Median of what the rule imposed of that.
    pub held_back: Seconds,
    /// From when a shard was free to its settlement.
    pub completed: Times,
    /// Median time from claim to commitment of the nearer shards; zero where there are too few to compare.
    pub near_work: Seconds,
    /// The same of the farther ones.
    pub far_work: Seconds,
    /// Share of the claims that the busiest tenth of the nodes took; zero where there are too few nodes to judge.
    pub busiest_share: Bps,
}

impl Figures {
    /// Those of these claims. The order of the claims does not matter.
    pub fn of(claims: &[Claim], refused: u32, failed: u32) -> Self {
        let durations = |of: fn(&Claim) -> Option<Seconds>| -> Vec<Seconds> { claims.iter().filter_map(of).collect() };
        let completed = durations(|claim| claim.completed);
        let (near_work, far_work) = by_distance(claims);
        Self {
            claims: count(claims.len()),
            refused,
            failed,
            finished: count(completed.len()),
            waited: times(durations(|claim| Some(claim.waited))),
            held_back: times(durations(|claim| Some(claim.held_back))).median,
            completed: times(completed),
            near_work,
            far_work,
            busiest_share: busiest_share(claims),
        }
    }

    /// Share of the claims that were refused because another was first.
    pub fn refused_share(&self) -> Bps {
        let (refused, claims) = (u64::from(self.refused), u64::from(self.claims));
        Bps::ratio(refused, refused.saturating_add(claims))
    }

    /// Assignments that ended badly, as a share of the claims.
    pub fn failed_share(&self) -> Bps {
        Bps::ratio(u64::from(self.failed), u64::from(self.claims))
    }

    /// By how much longer the farther shards took, as a share; one where it is twice as long or more.
    pub fn far_costs(&self) -> Bps {
        let (near, far) = (seconds(self.near_work), seconds(self.far_work));
        Bps::ratio(far.saturating_sub(near), near)
    }

    /// How much of the time to completion the rule imposed, as a share.
    pub fn held_back_share(&self) -> Bps {
        Bps::ratio(seconds(self.held_back), seconds(self.completed.median))
    }
}

/// A count that a window cannot exceed in practice.
fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// A duration as a magnitude: clocks of validators may run back a little.
fn seconds(duration: Seconds) -> u64 {
    u64::try_from(duration.0).unwrap_or(0)
}

fn times(mut durations: Vec<Seconds>) -> Times {
    durations.sort_unstable();
    let last = durations.len().saturating_sub(1);
    let at = |index: usize| durations.get(index).copied().unwrap_or_default();
    Times {
        median: at(last / 2),
        p95: at(last.saturating_mul(19) / 20),
    }
}

/// Median times of work on shards that are nearer, and on those that are farther, than the median distance. What lies at
/// the median itself belongs to neither: where all nodes stand in one place there is nothing to compare.
fn by_distance(claims: &[Claim]) -> (Seconds, Seconds) {
    let worked = || claims.iter().filter_map(|claim| Some((claim.distance, claim.worked?)));
    let mut distances: Vec<Kilometres> = worked().map(|(distance, _)| distance).collect();
    distances.sort_unstable();
    let Some(middle) = distances.get(distances.len() / 2).copied() else {
        return (Seconds(0), Seconds(0));
    };
    let of = |belongs: fn(Kilometres, Kilometres) -> bool| -> Vec<Seconds> {
        let some = worked().filter(|(distance, _)| belongs(*distance, middle));
        some.map(|(_, worked)| worked).collect()
    };
    let (near, far) = (
        of(|distance, middle| distance < middle),
        of(|distance, middle| distance > middle),
    );
    if near.len().min(far.len()) < LEAST_HALF {
        return (Seconds(0), Seconds(0));
    }
    (times(near).median, times(far).median)
}

/// Share of the claims that the busiest tenth of the nodes took.
fn busiest_share(claims: &[Claim]) -> Bps {
    let mut nodes: Vec<u32> = claims.iter().map(|claim| claim.node).collect();
    nodes.sort_unstable();
    let mut each: Vec<usize> = nodes.chunk_by(|a, b| a == b).map(<[u32]>::len).collect();
    if each.len() < LEAST_NODES {
        return Bps(0);
    }
    each.sort_unstable_by(|a, b| b.cmp(a));
    let busiest = each.len().div_ceil(10);
    let taken = each
        .iter()
        .take(busiest)
        .fold(0usize, |sum, of| sum.saturating_add(*of));
    Bps::ratio(taken as u64, claims.len() as u64)
}

macro_rules! reasons {
    ($(#[$docs:meta])* $name:ident { $($variant:ident = $code:literal: $sentence:literal,)+ }) => {
        $(#[$docs])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum $name {
            $(
                #[doc = $sentence]
                $variant = $code,
            )+
        }

        impl $name {
            /// The reason behind a code, if this version knows it.
            pub fn from_code(code: u8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// What was seen and what follows from it.
            pub fn sentence(self) -> &'static str {
                match self {
                    $(Self::$variant => $sentence,)+
                }
            }
        }
    };
}

reasons!(
    /// Why the longest wait changes, or stays.
    WaitReason {
        Steady = 0: "The wait is neither so short that nodes race nor so long that shards lie idle.",
        LittleData = 1: "There were too few claims to judge the wait by.",
        Races = 2: "Many claims were refused because another was first: a longer wait pulls nodes apart.",
        HeldBack = 3: "Shards waited long for nodes that hardly contest them: the wait is shortened.",
        AtBound = 4: "The wait is as far from its base as it may be.",
    }
);

reasons!(
    /// Why the weights change, or stay.
    WeightsReason {
        Steady = 0: "Nothing that was measured asks for other weights.",
        LittleData = 1: "There were too few claims to judge the weights by.",
        Unreliable = 2: "Many assignments expired or were rejected: reputation counts more.",
        FarCosts = 3: "Shards far from their node took longer: proximity counts more.",
        Crowded = 4: "Few nodes did most of the work: bandwidth counts less and proximity more.",
        BackToBase = 5: "What was answered before is over: the weights go back towards their base.",
        AtBound = 6: "The weights are as far from their base as they may be.",
    }
);

/// What an oracle proposes, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The tuning; the present one where nothing is to change.
    pub to: Tuning,
    /// Why its wait is what it is.
    pub wait: WaitReason,
    /// Why its weights are what they are.
    pub weights: WeightsReason,
}

impl Proposal {
    /// The codes of both reasons, as they are signed.
    pub fn reasons(&self) -> [u8; 2] {
        [self.wait as u8, self.weights as u8]
    }
}

/// What follows from the figures of a window for the tuning that holds now. Whatever is proposed, other than to stay, is
/// [admitted](Tuning::admit) if `now` is within reach of `base`.
pub fn propose(base: &Tuning, now: &Tuning, figures: &Figures) -> Proposal {
    if figures.claims < LEAST_CLAIMS {
        return Proposal {
            to: *now,
            wait: WaitReason::LittleData,
            weights: WeightsReason::LittleData,
        };
    }
    let (max_wait, wait) = next_wait(base.max_wait, now.max_wait, figures);
    let (weights, why) = next_weights(&base.weights(), &now.weights(), figures);
    Proposal {
        to: Tuning::new(weights, max_wait),
        wait,
        weights: why,
    }
}

fn next_wait(base: Seconds, now: Seconds, figures: &Figures) -> (Seconds, WaitReason) {
    let (shortest, longest) = wait_range(base);
    // A tenth of what a clock of 63 bits shows.
    let step = i64::try_from(wait_step(now)).unwrap_or(0);
    let refused = figures.refused_share();
    let (next, reason) = if refused >= MANY_REFUSED {
        (Seconds(now.0.saturating_add(step)).min(longest), WaitReason::Races)
    } else if refused <= FEW_REFUSED && figures.finished >= LEAST_FINISHED && figures.held_back_share() >= LONG_WAIT {
        (Seconds(now.0.saturating_sub(step)).max(shortest), WaitReason::HeldBack)
    } else {
        return (now, WaitReason::Steady);
    };
    if next == now {
        (now, WaitReason::AtBound)
    } else {
        (next, reason)
    }
}

/// Places of the weights in the account.
const BANDWIDTH: usize = 0;
const PROXIMITY: usize = 1;
const LATENCY: usize = 2;
const REPUTATION: usize = 3;

fn next_weights(base: &[Bps; 4], now: &[Bps; 4], figures: &Figures) -> ([Bps; 4], WeightsReason) {
    let answer = if figures.failed_share() >= MANY_FAILED {
        Some((
            REPUTATION,
            [BANDWIDTH, LATENCY, PROXIMITY].as_slice(),
            WeightsReason::Unreliable,
        ))
    } else if figures.far_costs() >= FAR_COSTS {
        Some((PROXIMITY, [BANDWIDTH, LATENCY].as_slice(), WeightsReason::FarCosts))
    } else if figures.busiest_share >= CROWDED {
        Some((PROXIMITY, [BANDWIDTH].as_slice(), WeightsReason::Crowded))
    } else {
        None
    };
    if let Some((to, donors, reason)) = answer {
        return match shift(base, now, to, donors) {
            Some(next) => (next, reason),
            None => (*now, WeightsReason::AtBound),
        };
    }
    let is_over = figures.failed_share() <= FEW_FAILED
        && figures.far_costs() <= FAR_COSTS_LITTLE
        && figures.busiest_share <= SPREAD_OUT;
    match back(base, now).filter(|_| is_over) {
        Some(next) => (next, WeightsReason::BackToBase),
        None => (*now, WeightsReason::Steady),
    }
}

/// One step from the largest of the donors to `to`; `None` where no donor can give, or `to` cannot take.
fn shift(base: &[Bps; 4], now: &[Bps; 4], to: usize, donors: &[usize]) -> Option<[Bps; 4]> {
    let weight = |of: &[Bps; 4], index: usize| of.get(index).map_or(0, |weight| weight.0);
    let most = weight(base, to).saturating_add(WEIGHT_REACH.0).min(Bps::ONE.0);
    let takes = most.saturating_sub(weight(now, to));
    let gives = |index: &usize| {
        let least = weight(base, *index).saturating_sub(WEIGHT_REACH.0);
        weight(now, *index).saturating_sub(least)
    };
    // The first of equals.
    let from = donors.iter().filter(|donor| gives(donor) > 0).rev();
    let from = from.max_by_key(|donor| weight(now, **donor))?;
    moved(now, *from, to, WEIGHT_STEP.0.min(takes).min(gives(from)))
}

/// One step from the weight that is farthest above its base to the one that is farthest below.
fn back(base: &[Bps; 4], now: &[Bps; 4]) -> Option<[Bps; 4]> {
    let off = |(base, now): (&Bps, &Bps)| i32::from(now.0).saturating_sub(i32::from(base.0));
    let off: Vec<i32> = base.iter().zip(now).map(off).collect();
    let places = || off.iter().copied().enumerate();
    let (from, above) = places().max_by_key(|(_, off)| *off)?;
    let (to, below) = places().min_by_key(|(_, off)| *off)?;
    let amount = above.min(below.saturating_neg()).min(i32::from(WEIGHT_STEP.0));
    moved(now, from, to, u16::try_from(amount).ok()?)
}

fn moved(now: &[Bps; 4], from: usize, to: usize, amount: u16) -> Option<[Bps; 4]> {
    if amount == 0 {
        return None;
    }
    let mut next = *now;
    let giver = next.get_mut(from)?;
    giver.0 = giver.0.checked_sub(amount)?;
    let taker = next.get_mut(to)?;
    taker.0 = taker.0.checked_add(amount)?;
    Some(next)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        score::Scoring,
        units::{Kbps, Micros},
    };

    const BASE: Tuning = Tuning {
        weights: Weights {
            bandwidth: Bps(4_000),
            proximity: Bps(3_000),
            latency: Bps(2_000),
            reputation: Bps(1_000),
        },
        max_wait: Seconds(60),
    };

    /// Figures that ask for nothing.
    const QUIET: Figures = Figures {
        claims: 1_000,
        refused: 70,
        failed: 20,
        finished: 1_000,
        waited: Times {
            median: Seconds(20),
            p95: Seconds(60),
        },
        held_back: Seconds(20),
        completed: Times {
            median: Seconds(200),
            p95: Seconds(600),
        },
        near_work: Seconds(100),
        far_work: Seconds(115),
        busiest_share: Bps(5_500),
    };

    fn with(change: impl FnOnce(&mut Figures)) -> Figures {
        let mut figures = QUIET;
        change(&mut figures);
        figures
    }

    fn bps(weights: [u16; 4]) -> [Bps; 4] {
        weights.map(Bps)
    }

    #[test]
    fn each_trouble_has_its_answer() {
        type Change = fn(&mut Figures);
        let table: [(Change, [u16; 4], i64, WaitReason, WeightsReason); 8] = [
            (
                |_| {},
                [4_000, 3_000, 2_000, 1_000],
                60,
                WaitReason::Steady,
                WeightsReason::Steady,
            ),
            (
                |it| it.refused = 112,
                [4_000, 3_000, 2_000, 1_000],
                66,
                WaitReason::Races,
                WeightsReason::Steady,
            ),
            (
                |it| (it.refused, it.held_back) = (50, Seconds(50)),
                [4_000, 3_000, 2_000, 1_000],
                54,
                WaitReason::HeldBack,
                WeightsReason::Steady,
            ),
            (
                |it| it.failed = 50,
                [3_800, 3_000, 2_000, 1_200],
                60,
                WaitReason::Steady,
                WeightsReason::Unreliable,
            ),
            (
                |it| it.far_work = Seconds(125),
                [3_800, 3_200, 2_000, 1_000],
                60,
                WaitReason::Steady,
                WeightsReason::FarCosts,
            ),
            (
                |it| it.busiest_share = Bps(6_000),
                [3_800, 3_200, 2_000, 1_000],
                60,
                WaitReason::Steady,
                WeightsReason::Crowded,
            ),
            // Both move at once where both are asked for.
            (
                |it| (it.refused, it.failed) = (500, 500),
                [3_800, 3_000, 2_000, 1_200],
                66,
                WaitReason::Races,
                WeightsReason::Unreliable,
            ),
            (
                |it| (it.claims, it.refused, it.failed) = (99, 99, 99),
                [4_000, 3_000, 2_000, 1_000],
                60,
                WaitReason::LittleData,
                WeightsReason::LittleData,
            ),
        ];
        for (change, weights, wait, why_wait, why_weights) in table {
            let figures = with(change);
            let expected = Proposal {
                to: Tuning::new(bps(weights), Seconds(wait)),
                wait: why_wait,
                weights: why_weights,
            };
            assert_eq!(propose(&BASE, &BASE, &figures), expected, "{figures:?}");
        }
    }

    #[test]
    fn what_is_over_goes_back_to_the_base_and_no_further() {
        let calm = with(|it| (it.failed, it.far_work, it.busiest_share) = (10, Seconds(110), Bps(5_000)));
        let mut now = Tuning::new(bps([3_700, 3_000, 2_000, 1_300]), Seconds(60));
        for weights in [[3_900, 3_000, 2_000, 1_100], [4_000, 3_000, 2_000, 1_000]] {
            let proposal = propose(&BASE, &now, &calm);
            assert_eq!(
                (proposal.to.weights(), proposal.weights),
                (bps(weights), WeightsReason::BackToBase)
            );
            now = proposal.to;
        }
        assert_eq!(propose(&BASE, &now, &calm).weights, WeightsReason::Steady);
        // While it is not clearly over, nothing moves.
        let away = Tuning::new(bps([3_700, 3_000, 2_000, 1_300]), Seconds(60));
        assert_eq!(propose(&BASE, &away, &QUIET).to, away);
        type Change = fn(&mut Figures);
        let lingering: [Change; 3] = [
            |it| it.failed = 11,
            |it| it.far_work = Seconds(111),
            |it| it.busiest_share = Bps(5_001),
        ];
        for change in lingering {
            let mut figures = calm;
            change(&mut figures);
            assert_eq!(propose(&BASE, &away, &figures).to, away, "{figures:?}");
        }
    }

    #[test]
    fn the_bounds_are_reached_and_named() {
        let bad = with(|it| (it.refused, it.failed) = (1_000, 1_000));
        let mut now = BASE;
        for _ in 0..40 {
            now = propose(&BASE, &now, &bad).to;
        }
        assert_eq!(now.max_wait, Seconds(120));
        assert_eq!(now.weights()[REPUTATION], Bps(2_500));
        let last = propose(&BASE, &now, &bad);
        assert_eq!((last.wait, last.weights), (WaitReason::AtBound, WeightsReason::AtBound));
    }

    #[test]
    fn the_program_refuses_what_goes_too_far() {
        let to = |weights, wait| Tuning::new(bps(weights), Seconds(wait));
        let cases = [
            (to([3_800, 3_200, 2_000, 1_000], 66), Ok(())),
            (to([3_800, 2_800, 2_200, 1_200], 54), Ok(())),
            (BASE, Err(Fault::Nothing)),
            (to([3_999, 3_000, 2_000, 1_000], 60), Err(Fault::WeightsSum)),
            (to([3_799, 3_201, 2_000, 1_000], 60), Err(Fault::Step)),
            (to([4_000, 3_000, 2_000, 1_000], 67), Err(Fault::Step)),
            (to([4_000, 3_000, 2_000, 1_000], 53), Err(Fault::Step)),
            (to([4_000, 3_000, 2_000, 1_000], i64::MIN), Err(Fault::Step)),
        ];
        for (to, expected) in cases {
            assert_eq!(BASE.admit(&BASE, &to), expected, "{to:?}");
        }
        let edge = to([2_600, 4_400, 2_000, 1_000], 118);
        assert_eq!(edge.admit(&BASE, &to([2_500, 4_500, 2_000, 1_000], 120)), Ok(()));
        assert_eq!(
            edge.admit(&BASE, &to([2_499, 4_501, 2_000, 1_000], 118)),
            Err(Fault::Reach)
        );
        assert_eq!(
            edge.admit(&BASE, &to([2_600, 4_400, 2_000, 1_000], 121)),
            Err(Fault::Reach)
        );
        let short = to([4_000, 3_000, 2_000, 1_000], 31);
        assert_eq!(short.admit(&BASE, &to([4_000, 3_000, 2_000, 1_000], 30)), Ok(()));
        let shorter = to([4_000, 3_000, 2_000, 1_000], 30);
        assert_eq!(
            shorter.admit(&BASE, &to([4_000, 3_000, 2_000, 1_000], 29)),
            Err(Fault::Reach)
        );
    }

    fn claim(node: u32, distance: u32, worked: i64) -> Claim {
        Claim {
            node,
            distance: Kilometres(distance),
            waited: Seconds(10 + i64::from(node)),
            held_back: Seconds(10),
            worked: Some(Seconds(worked)),
            completed: Some(Seconds(20 + worked)),
        }
    }

    #[test]
    fn figures_are_those_of_the_claims() {
        let mut claims: Vec<Claim> = (0..100)
            .map(|index| claim(index % 20, 100 * index, 50 + i64::from(index)))
            .collect();
        // One node took ten more, of which nothing came.
        claims.extend((0..10).map(|_| Claim {
            worked: None,
            completed: None,
            ..claim(3, 9_999, 0)
        }));
        let figures = Figures::of(&claims, 10, 10);
        assert_eq!((figures.claims, figures.finished), (110, 100));
        assert_eq!((figures.near_work, figures.far_work), (Seconds(74), Seconds(125)));
        assert_eq!(figures.completed.median, Seconds(119));
        assert_eq!(figures.completed.p95, Seconds(164));
        // Two of twenty nodes: 15 and 5 of 110 claims.
        assert_eq!(figures.busiest_share, Bps(1_818));
        assert_eq!((figures.refused_share(), figures.failed_share()), (Bps(833), Bps(909)));
        claims.reverse();
        assert_eq!(Figures::of(&claims, 10, 10), figures);
        assert_eq!(Figures::of(&[], 0, 0), Figures::default());
    }

    #[test]
    fn a_few_nodes_are_no_crowd() {
        let share = |nodes: u32| {
            let claims: Vec<Claim> = (0..990).map(|index| claim(index % nodes, 500, 1)).collect();
            Figures::of(&claims, 0, 0).busiest_share
        };
        assert_eq!((share(1), share(9), share(10)), (Bps(0), Bps(0), Bps(1_000)));
    }

    #[test]
    fn where_all_nodes_are_equally_far_distance_is_not_judged() {
        let claims: Vec<Claim> = (0..200).map(|index| claim(index, 500, i64::from(index))).collect();
        assert_eq!(Figures::of(&claims, 0, 0).far_costs(), Bps(0));
    }

    #[test]
    fn every_field_changes_what_is_signed() {
        let ranking = Ranking {
            scoring: Scoring {
                weights: BASE.weights,
                reference: Kbps(1),
                half_distance: Kilometres(2),
                half_latency: Micros(3),
            },
            max_wait: BASE.max_wait,
        };
        type Change = fn(&mut Ranking);
        let changes: [Change; 8] = [
            |it| it.scoring.weights.bandwidth.0 += 1,
            |it| it.scoring.weights.proximity.0 += 1,
            |it| it.scoring.weights.latency.0 += 1,
            |it| it.scoring.weights.reputation.0 += 1,
            |it| it.scoring.reference.0 += 1,
            |it| it.scoring.half_distance.0 += 1,
            |it| it.scoring.half_latency.0 += 1,
            |it| it.max_wait.0 += 1,
        ];
        for change in changes {
            let mut other = ranking;
            change(&mut other);
            assert_ne!(ranking_hash(&other), ranking_hash(&ranking), "{other:?}");
        }
        let adaptation = Adaptation {
            network_id: [1; 32],
            program: [2; 32],
            set_version: 3,
            sequence: 4,
            from: [5; 32],
            to: BASE,
            reasons: [6, 7],
            epoch: 8,
            expires_at: 9,
        };
        type Bend = fn(&mut Adaptation);
        let bends: [Bend; 13] = [
            |it| it.network_id[31] ^= 1,
            |it| it.program[0] ^= 1,
            |it| it.set_version += 1,
            |it| it.sequence += 1,
            |it| it.from[0] ^= 1,
            |it| it.to.weights.bandwidth.0 += 1,
            |it| it.to.weights.proximity.0 += 1,
            |it| it.to.weights.latency.0 += 1,
            |it| it.to.weights.reputation.0 += 1,
            |it| it.to.max_wait.0 += 1,
            |it| it.reasons[1] += 1,
            |it| it.epoch += 1,
            |it| it.expires_at += 1,
        ];
        for bend in bends {
            let mut other = adaptation;
            bend(&mut other);
            assert_ne!(other.digest(), adaptation.digest(), "{other:?}");
        }
    }

    #[test]
    fn the_cool_down_is_a_quarter_of_the_notice() {
        assert_eq!(cool_down(Seconds(86_400)), Seconds(21_600));
        assert_eq!(cool_down(Seconds(1)), Seconds(1));
        assert_eq!(cool_down(Seconds(i64::MIN)), Seconds(1));
    }

    fn base() -> impl Strategy<Value = Tuning> {
        ((0u16..=10_000, 0u16..=10_000, 0u16..=10_000), 0i64..100_000).prop_map(|((a, b, c), wait)| {
            let mut cuts = [a, b, c];
            cuts.sort_unstable();
            let weights = [cuts[0], cuts[1] - cuts[0], cuts[2] - cuts[1], 10_000 - cuts[2]];
            Tuning::new(weights.map(Bps), Seconds(wait))
        })
    }

    fn figures() -> impl Strategy<Value = Figures> {
        (any::<[u32; 4]>(), any::<[i64; 5]>(), 0u16..=10_000).prop_map(|(counts, times, busiest)| Figures {
            claims: counts[0] % 2_000,
            refused: counts[1] % 400,
            failed: counts[2] % 200,
            finished: counts[3] % 2_000,
            waited: Times::default(),
            held_back: Seconds(times[0] % 200),
            completed: Times {
                median: Seconds(times[1] % 400),
                p95: Seconds(times[2]),
            },
            near_work: Seconds(times[3] % 300),
            far_work: Seconds(times[4] % 400),
            busiest_share: Bps(busiest),
        })
    }

    /// With so much taken from bandwidth, as far as there is any, and given to reputation.
    fn shifted(now: &Tuning, step: u16) -> Tuning {
        let [bandwidth, proximity, latency, reputation] = now.weights();
        let step = step.min(bandwidth.0);
        let weights = [Bps(bandwidth.0 - step), proximity, latency, Bps(reputation.0 + step)];
        Tuning::new(weights, now.max_wait)
    }

    proptest! {
        #[test]
        fn whatever_is_measured_the_program_admits_what_is_proposed(base in base(), windows in prop::collection::vec(figures(), 1..40)) {
            let mut now = base;
            for figures in windows {
                let proposal = propose(&base, &now, &figures);
                if proposal.to != now {
                    prop_assert_eq!(now.admit(&base, &proposal.to), Ok(()), "{:?}", proposal);
                }
                prop_assert!(proposal.to.weights.is_normalised());
                now = proposal.to;
            }
        }

        #[test]
        fn steady_input_comes_to_rest(base in base(), figures in figures()) {
            let mut now = base;
            // A wait doubles in eight steps and halves in seven, but for small ones that move by seconds; a weight goes
            // its way in eight, one pair after the other.
            for _ in 0..60 {
                now = propose(&base, &now, &figures).to;
            }
            prop_assert_eq!(propose(&base, &now, &figures).to, now);
        }

        #[test]
        fn more_races_never_shorten_the_wait(base in base(), figures in figures(), more in 0u32..1_000) {
            let racing = Figures { refused: figures.refused + more, ..figures };
            prop_assert!(propose(&base, &base, &racing).to.max_wait >= propose(&base, &base, &figures).to.max_wait);
        }

        #[test]
        fn longer_idle_waits_never_lengthen_the_wait(base in base(), figures in figures(), more in 0i64..1_000) {
            let idle = Figures { held_back: Seconds(figures.held_back.0 + more), ..figures };
            prop_assert!(propose(&base, &base, &idle).to.max_wait <= propose(&base, &base, &figures).to.max_wait);
        }

        #[test]
        fn more_failures_never_make_reputation_count_less(base in base(), figures in figures(), more in 0u32..1_000) {
            let worse = Figures { failed: figures.failed + more, ..figures };
            let reputation = |figures| propose(&base, &base, figures).to.weights.reputation;
            prop_assert!(reputation(&worse) >= reputation(&figures));
        }

        #[test]
        fn costlier_distance_never_makes_proximity_count_less(base in base(), figures in figures(), more in 0i64..1_000) {
            let worse = Figures { far_work: Seconds(figures.far_work.0 + more), ..figures };
            let proximity = |figures| propose(&base, &base, figures).to.weights.proximity;
            prop_assert!(proximity(&worse) >= proximity(&figures));
        }

        #[test]
        fn a_quorum_of_liars_stays_within_reach_of_the_base(base in base(), lies in prop::collection::vec((base(), 0i64..200_000), 1..60)) {
            let mut now = base;
            for (weights, wait) in lies {
                let lie = Tuning { max_wait: Seconds(wait), ..weights };
                // The lie itself, and the farthest steps that change the wait alone, or reputation alone.
                let longer = Tuning { max_wait: Seconds(now.max_wait.0 + wait_step(now.max_wait) as i64), ..now };
                let trusting = shifted(&now, WEIGHT_STEP.0);
                for to in [lie, longer, trusting] {
                    if now.admit(&base, &to).is_ok() {
                        now = to;
                    }
                }
                for (base, now) in base.weights().iter().zip(now.weights()) {
                    prop_assert!(base.0.abs_diff(now.0) <= WEIGHT_REACH.0);
                }
                prop_assert!(now.max_wait.0 <= 2 * base.max_wait.0 && 2 * now.max_wait.0 >= base.max_wait.0);
            }
        }

        #[test]
        fn no_input_panics(a in any::<([u16; 4], i64)>(), b in any::<([u16; 4], i64)>(), c in any::<([u16; 4], i64)>(), figures in figures(), counts in any::<[u32; 4]>(), times in any::<[i64; 5]>()) {
            let tuning = |(weights, wait): ([u16; 4], i64)| Tuning::new(weights.map(Bps), Seconds(wait));
            let (a, b, c) = (tuning(a), tuning(b), tuning(c));
            let _ = a.admit(&b, &c);
            let wild = Figures {
                claims: counts[0], refused: counts[1], failed: counts[2], finished: counts[3],
                held_back: Seconds(times[0]), near_work: Seconds(times[1]), far_work: Seconds(times[2]),
                completed: Times { median: Seconds(times[3]), p95: Seconds(times[4]) },
                ..figures
            };
            propose(&a, &b, &wild);
            Figures::of(&[Claim { node: 0, distance: Kilometres(counts[0]), waited: Seconds(times[0]), held_back: Seconds(times[1]), worked: Some(Seconds(times[2])), completed: Some(Seconds(times[3])) }], counts[1], counts[2]);
        }
    }
}
