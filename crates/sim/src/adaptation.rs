//! A network whose oracles adapt its score, period by period, and the same network without.
//!
//! Each period is a simulation of its own, with the tuning that the period before has led to. Of the oracles some may lie:
//! they all sign the same lie, the farthest that the program would admit. What a quorum signs is made if the program admits
//! it; the rules for both are those of [`lumora_core`].

use lumora_core::{
    adaptation::{Figures as Observed, Tuning, WEIGHT_REACH, WEIGHT_STEP, propose},
    quorum,
    units::{Bps, Seconds},
};
use serde::Serialize;

use crate::{Error, Figures, Settings, WeightSettings, observe};

/// Who signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Oracles {
    /// All of them; none keeps the tuning as it is.
    pub all: u32,
    /// Of these, who lies.
    pub liars: u32,
}

/// One period.
#[derive(Clone, Debug, Serialize)]
pub struct Period {
    /// Weights in it.
    pub weights: WeightSettings,
    /// Longest wait in it, seconds.
    pub max_wait: u32,
    /// 99th percentile of the nodes' loads over their mean.
    pub load_p99_over_mean: f64,
    /// Median seconds from when a shard was free to its settlement.
    pub completed_p50_s: i64,
    /// 95th percentile of the same.
    pub completed_p95_s: i64,
    /// Share of the claims that were refused because another was first, basis points.
    pub refused_bps: u16,
    /// Part of the time to completion that the rule imposed, basis points.
    pub held_back_bps: u16,
    /// By how much longer the farther half of the shards took, basis points.
    pub far_costs_bps: u16,
    /// Share of the claims that the busiest tenth of the nodes took, basis points.
    pub busiest_bps: u16,
    /// Assignments that were given up, of 10,000 claims.
    pub failed_bps: u16,
    /// What the honest oracles concluded about the wait.
    pub wait_reason: &'static str,
    /// What they concluded about the weights.
    pub weights_reason: &'static str,
}

/// Runs periods one after the other, each with these settings but for weights and wait, which are those of the first one
/// (the base) and then what the oracles make of them.
pub fn run(periods: &[Settings], oracles: Oracles) -> Result<Vec<Period>, Error> {
    let Some(first) = periods.first() else {
        return Ok(Vec::new());
    };
    let base = first.tuning();
    let mut now = base;
    let mut run = Vec::with_capacity(periods.len());
    for settings in periods {
        let settings = settings.tuned(&now);
        let (figures, observed) = observe(&settings)?;
        let proposal = propose(&base, &now, &observed);
        run.push(period(
            &settings,
            &figures,
            &observed,
            proposal.wait.sentence(),
            proposal.weights.sentence(),
        ));
        now = signed(oracles, &base, &now, proposal.to);
    }
    Ok(run)
}

/// What holds after the oracles have signed: what a quorum agrees on, if the program admits it.
fn signed(oracles: Oracles, base: &Tuning, now: &Tuning, honest: Tuning) -> Tuning {
    let Oracles { all, liars } = oracles;
    let votes = [(all.saturating_sub(liars), honest), (liars, lie(base, now))];
    votes
        .into_iter()
        .filter(|(signers, _)| all > 0 && *signers >= quorum::required(all))
        .map(|(_, to)| to)
        .find(|to| now.admit(base, to).is_ok())
        .unwrap_or(*now)
}

/// The farthest step that would be admitted towards what serves liars best: a long wait, and scores that only reputation
/// makes.
fn lie(base: &Tuning, now: &Tuning) -> Tuning {
    let [bandwidth, proximity, latency, reputation] = now.weights();
    let reached = reputation.0.saturating_sub(base.weights.reputation.0);
    let step = WEIGHT_STEP
        .0
        .min(bandwidth.0)
        .min(WEIGHT_REACH.0.saturating_sub(reached));
    let weights = [Bps(bandwidth.0 - step), proximity, latency, Bps(reputation.0 + step)];
    let max_wait = Seconds(now.max_wait.0 + (now.max_wait.0 / 10).max(1)).min(Seconds(2 * base.max_wait.0));
    Tuning::new(weights, max_wait)
}

fn period(
    settings: &Settings,
    figures: &Figures,
    observed: &Observed,
    wait_reason: &'static str,
    weights_reason: &'static str,
) -> Period {
    Period {
        weights: settings.weights,
        max_wait: settings.max_wait,
        load_p99_over_mean: figures.load_p99_over_mean,
        completed_p50_s: observed.completed.median.0,
        completed_p95_s: observed.completed.p95.0,
        refused_bps: observed.refused_share().0,
        held_back_bps: observed.held_back_share().0,
        far_costs_bps: observed.far_costs().0,
        busiest_bps: observed.busiest_share.0,
        failed_bps: observed.failed_share().0,
        wait_reason,
        weights_reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Tuning {
        Settings::full().tuning()
    }

    #[test]
    fn a_lying_minority_moves_nothing_and_stops_nothing() {
        for all in 1..=32 {
            let honest = Tuning {
                max_wait: Seconds(108),
                ..base()
            };
            for liars in 0..=(all - 1) / 3 {
                let oracles = Oracles { all, liars };
                assert_eq!(signed(oracles, &base(), &base(), honest), honest, "{oracles:?}");
            }
            // As many as two thirds, and still no quorum: nothing moves.
            let oracles = Oracles {
                all,
                liars: quorum::required(all) - 1,
            };
            let after = signed(oracles, &base(), &base(), honest);
            assert!([base(), honest].contains(&after), "{oracles:?}");
        }
    }

    #[test]
    fn even_a_lying_quorum_stays_within_reach_of_the_base() {
        let oracles = Oracles { all: 4, liars: 4 };
        let mut now = base();
        for _ in 0..100 {
            now = signed(oracles, &base(), &now, now);
        }
        assert_ne!(now, base());
        for (base, now) in base().weights().iter().zip(now.weights()) {
            assert!(base.0.abs_diff(now.0) <= WEIGHT_REACH.0);
        }
        assert_eq!(now.max_wait, Seconds(2 * base().max_wait.0));
    }
}
