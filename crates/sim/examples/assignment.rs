//! The figures of the assignment: the full network, and smaller ones in which one thing is different. Writes
//! `assignment.json` and `assignment.svg`.
//!
//! `assignment <output folder>`

use std::{env, fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use lumora_sim::{CapacityRule, Figures, Policy, Settings, WeightSettings, simulate};
use serde::Serialize;

#[path = "support/plot.rs"]
mod plot;

/// What is asked of the full network.
const GOALS: Goals = Goals {
    best_winner_share: 0.99,
    load_max_over_mean: 1.5,
    wasted_share: 0.1,
};

#[derive(Clone, Copy, Serialize)]
struct Goals {
    best_winner_share: f64,
    load_max_over_mean: f64,
    wasted_share: f64,
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    figures: Figures,
    goals: Goals,
    settings: Settings,
    /// Each differs from the first of them in what its name says.
    variants: Vec<Variant>,
}

#[derive(Serialize)]
struct Variant {
    name: &'static str,
    figures: Figures,
    settings: Settings,
}

fn main() -> Result<()> {
    let output = env::args_os().nth(1).context("give a folder for the figures")?;
    let output = Path::new(&output);
    let settings = Settings::full();
    let figures = simulate(&settings)?;
    let variants = variants().into_iter().map(|(name, settings)| {
        let figures = simulate(&settings)?;
        eprintln!(
            "{name}: best {:.2} %, wasted {:.2} %, load {:.2}{}",
            100.0 * figures.best_winner_share,
            100.0 * figures.wasted_share,
            figures.load_max_over_mean,
            if figures.is_complete { "" } else { ", given up" }
        );
        Ok(Variant {
            name,
            figures,
            settings,
        })
    });
    let report = Report {
        goals: GOALS,
        variants: variants.collect::<Result<_>>()?,
        settings,
        figures,
    };
    let text = serde_json::to_string_pretty(&report)? + "\n";
    fs::write(output.join("assignment.json"), text).context("cannot write assignment.json")?;
    draw(&output.join("assignment.svg"), &report.variants)?;
    let Figures {
        best_winner_share,
        load_max_over_mean,
        wasted_share,
        ..
    } = report.figures;
    println!(
        "{:.2} % of the claims are won by the best node, the fullest node has {load_max_over_mean:.2} times the mean load, \
         {:.2} % of the claims are wasted.",
        100.0 * best_winner_share,
        100.0 * wasted_share
    );
    ensure!(
        best_winner_share >= GOALS.best_winner_share
            && load_max_over_mean <= GOALS.load_max_over_mean
            && wasted_share <= GOALS.wasted_share,
        "a goal is missed"
    );
    Ok(())
}

/// A network of a twentieth of the size, and others that differ from it in what their names say.
fn variants() -> Vec<(&'static str, Settings)> {
    let base = Settings {
        nodes: 5_000,
        shards: 60_000,
        ..Settings::full()
    };
    let weights = |bandwidth, proximity, latency, reputation| WeightSettings {
        bandwidth,
        proximity,
        latency,
        reputation,
    };
    let with = |change: &dyn Fn(&mut Settings)| {
        let mut settings = base.clone();
        change(&mut settings);
        settings
    };
    vec![
        ("a twentieth of the size", base.clone()),
        ("another seed", with(&|it| it.seed = 2)),
        ("each for itself, any shard", with(&|it| it.policy = Policy::Spread)),
        // They race without end; in a larger network that takes hours to compute.
        (
            "a hundredth of the size",
            with(&|it| (it.nodes, it.shards) = (1_000, 5_000)),
        ),
        (
            "a hundredth of the size, each for itself, the first shard",
            with(&|it| (it.nodes, it.shards, it.policy) = (1_000, 5_000, Policy::First)),
        ),
        (
            "capacity rounded up",
            with(&|it| it.capacity_rule = CapacityRule::RoundedUp),
        ),
        ("nobody leaves", with(&|it| it.leaving_per_hour = 0.0)),
        ("a tenth leaves in an hour", with(&|it| it.leaving_per_hour = 0.1)),
        ("a third asleep", with(&|it| it.awake_asleep = (1_600.0, 800.0))),
        ("20 % utilisation", with(&|it| it.utilisation = 0.2)),
        ("40 % utilisation", with(&|it| it.utilisation = 0.4)),
        ("65 % utilisation", with(&|it| it.utilisation = 0.65)),
        ("proximity alone", with(&|it| it.weights = weights(0, 10_000, 0, 0))),
        ("bandwidth alone", with(&|it| it.weights = weights(10_000, 0, 0, 0))),
        ("no proximity", with(&|it| it.weights = weights(5_000, 0, 3_000, 2_000))),
        ("30 s of longest wait", with(&|it| it.max_wait = 30)),
        ("600 s of longest wait", with(&|it| it.max_wait = 600)),
        ("one replica", with(&|it| it.replicas = 1)),
        ("three replicas", with(&|it| it.replicas = 3)),
    ]
}

/// Best winners and wasted claims over utilisation.
fn draw(file: &Path, variants: &[Variant]) -> Result<()> {
    let base = variants.first().context("there are variants")?;
    let mut over: Vec<&Variant> = variants.iter().filter(|it| it.name.ends_with("utilisation")).collect();
    over.push(base);
    over.sort_by(|a, b| a.settings.utilisation.total_cmp(&b.settings.utilisation));
    let line = |name, share: fn(&Figures) -> f64| plot::Line {
        name,
        points: over
            .iter()
            .map(|it| (100.0 * it.settings.utilisation, 100.0 * share(&it.figures)))
            .collect(),
    };
    plot::draw(
        file,
        "Assignment over utilisation, 5,000 nodes",
        ["capacity in use, %", "share of the claims, %"],
        plot::Legend::MiddleRight,
        &[
            line("won by the best", |figures| figures.best_winner_share),
            line("won by exactly the best", |figures| figures.strictly_best_share),
            line("wasted", |figures| figures.wasted_share),
        ],
    )
}
