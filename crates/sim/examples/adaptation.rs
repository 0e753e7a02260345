//! The figures of adaptation: after a shift, a network whose oracles adapt the score beside the same network without. Writes
//! `adaptation.json` and `adaptation.svg`.
//!
//! `adaptation <output folder>`

use std::{env, fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use lumora_sim::{
    Desertion, Settings,
    adaptation::{Oracles, Period, run},
};
use serde::Serialize;

#[path = "support/plot.rs"]
mod plot;

/// Periods before the shift, and after it.
const BEFORE: usize = 4;
const AFTER: usize = 20;
/// Periods at the end of which the figures are the mean.
const LAST: usize = 10;

/// Oracles, of which as many lie as may without a quorum being able to.
const ORACLES: Oracles = Oracles { all: 7, liars: 2 };
const NONE: Oracles = Oracles { all: 0, liars: 0 };

#[derive(Serialize)]
struct Report {
    oracles: Oracles,
    periods_before: usize,
    periods_after: usize,
    scenarios: Vec<Scenario>,
}

#[derive(Serialize)]
struct Scenario {
    name: &'static str,
    /// Most of the time to completion that may be left of that without adaptation.
    goal: f64,
    /// Mean over the last periods of the median seconds to completion.
    completed_p50_s: Outcome,
    /// The same of the 95th percentile.
    completed_p95_s: Outcome,
    /// The same of the share of refused claims, basis points.
    refused_bps: Outcome,
    before: Settings,
    after: Settings,
    fixed: Vec<Period>,
    adapted: Vec<Period>,
}

/// With the tuning as it was, and as the oracles adapted it.
#[derive(Clone, Copy, Serialize)]
struct Outcome {
    fixed: f64,
    adapted: f64,
}

fn main() -> Result<()> {
    let output = env::args_os().nth(1).context("give a folder for the figures")?;
    let output = Path::new(&output);
    let scenarios: Vec<Scenario> = shifts()
        .into_iter()
        .map(|(name, goal, before, after)| scenario(name, goal, before, after))
        .collect::<Result<_>>()?;
    draw(&output.join("adaptation.svg"), &scenarios)?;
    for Scenario {
        name,
        completed_p50_s: Outcome { fixed, adapted },
        ..
    } in &scenarios
    {
        println!("{name}: {fixed:.0} s to completion in the median without adaptation, {adapted:.0} s with it.");
    }
    let missed: Vec<&str> = scenarios
        .iter()
        .filter(|it| it.completed_p50_s.adapted > it.goal * it.completed_p50_s.fixed)
        .map(|it| it.name)
        .collect();
    let report = Report {
        oracles: ORACLES,
        periods_before: BEFORE,
        periods_after: AFTER,
        scenarios,
    };
    let text = serde_json::to_string_pretty(&report)? + "\n";
    fs::write(output.join("adaptation.json"), text).context("cannot write adaptation.json")?;
    ensure!(missed.is_empty(), "the goal is missed: {}", missed.join(", "));
    Ok(())
}

/// What shifts: name, goal, before, after. All but the first begin at rest.
fn shifts() -> Vec<(&'static str, f64, Settings, Settings)> {
    // Shards that take a minute: of those that take hours, the wait for a node is no part that matters.
    let base = Settings {
        nodes: 3_000,
        shards: 40_000,
        utilisation: 0.4,
        work: (60.0, 0.5),
        max_wait: 36,
        ..Settings::full()
    };
    let guessed = Settings {
        max_wait: 120,
        ..base.clone()
    };
    let europe = Desertion {
        longitude: (-12.0, 45.0),
        latitude: (35.0, 70.0),
        one_in: 2,
    };
    let deserted = Settings {
        deserted: Some(europe),
        ..base.clone()
    };
    let slow = Settings {
        trips: 2_000.0,
        ..base.clone()
    };
    vec![
        ("a wait guessed too long", 0.85, guessed.clone(), guessed),
        // The nearest that are left are near enough: there is nothing to gain, and nothing may be lost.
        ("half of the nodes of Europe leave", 1.02, base.clone(), deserted),
        ("sites become slow", 0.9, base, slow),
    ]
}

fn scenario(name: &'static str, goal: f64, before: Settings, after: Settings) -> Result<Scenario> {
    let periods: Vec<Settings> = (0..BEFORE + AFTER)
        .map(|period| Settings {
            seed: period as u64 + 1,
            ..if period < BEFORE { before.clone() } else { after.clone() }
        })
        .collect();
    let (fixed, adapted) = (run(&periods, NONE)?, run(&periods, ORACLES)?);
    for (period, (fixed, adapted)) in fixed.iter().zip(&adapted).enumerate() {
        eprintln!(
            "{name}, period {period}: {} s, adapted {} s (wait {} s, {:?}; refused {} bp, held back {} bp, far {} bp, busiest \
             {} bp, failed {} bp). {} {}",
            fixed.completed_p50_s,
            adapted.completed_p50_s,
            adapted.max_wait,
            adapted.weights,
            adapted.refused_bps,
            adapted.held_back_bps,
            adapted.far_costs_bps,
            adapted.busiest_bps,
            adapted.failed_bps,
            adapted.wait_reason,
            adapted.weights_reason,
        );
    }
    let outcome = |of: fn(&Period) -> f64| Outcome {
        fixed: late_mean(&fixed, of),
        adapted: late_mean(&adapted, of),
    };
    Ok(Scenario {
        name,
        goal,
        completed_p50_s: outcome(|it| it.completed_p50_s as f64),
        completed_p95_s: outcome(|it| it.completed_p95_s as f64),
        refused_bps: outcome(|it| f64::from(it.refused_bps)),
        before,
        after,
        fixed,
        adapted,
    })
}

fn late_mean(periods: &[Period], of: impl Fn(&Period) -> f64) -> f64 {
    let late = &periods[periods.len() - LAST..];
    late.iter().map(of).sum::<f64>() / late.len() as f64
}

/// Median time to completion over the periods.
fn draw(file: &Path, scenarios: &[Scenario]) -> Result<()> {
    let points = |periods: &[Period]| {
        let each = periods.iter().enumerate();
        each.map(|(period, it)| (period as f64, it.completed_p50_s as f64))
            .collect()
    };
    let names = [
        ["sites become slow, fixed", "sites become slow, adapted"],
        ["wait guessed too long, fixed", "wait guessed too long, adapted"],
    ];
    // Of the one with nothing to gain, both lines lie on each other.
    let shown = scenarios.iter().rev().filter(|it| it.goal < 1.0);
    let lines: Vec<plot::Line> = shown
        .zip(names)
        .flat_map(|(scenario, [fixed, adapted])| {
            [
                plot::Line {
                    name: fixed,
                    points: points(&scenario.fixed),
                },
                plot::Line {
                    name: adapted,
                    points: points(&scenario.adapted),
                },
            ]
        })
        .collect();
    plot::draw(
        file,
        "Time to completion, the shift after four periods",
        ["period", "median seconds to completion"],
        plot::Legend::LowerRight,
        &lines,
    )
}
