//! `lumora sim`: a large network in virtual time, by the rules that programs and nodes use.

use clap::{Args, Subcommand, ValueEnum};
use lumora_sim::{CapacityRule, Figures, Policy, Settings, WeightSettings, simulate};
use serde::Serialize;

use crate::output::{Format, table, thousands};

#[derive(Subcommand)]
pub enum Command {
    /// Who gets the shards: how near the winners are, how even the load is, how many claims are wasted.
    Assignment(Assignment),
}

#[derive(Args)]
pub struct Assignment {
    /// Nodes of the network.
    #[arg(long, default_value_t = 100_000)]
    nodes: u32,
    /// Shards to count, after those of the warm-up.
    #[arg(long, default_value_t = 1_000_000)]
    shards: u32,
    /// Nodes that do each shard.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=7))]
    replicas: u8,
    /// Share of all capacity that is held by shards, percent.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u8).range(1..=75))]
    utilisation: u8,
    /// Weights in basis points that sum to 10,000: bandwidth,proximity,latency,reputation.
    #[arg(long, value_delimiter = ',')]
    weights: Option<Vec<u16>>,
    /// Longest waiting time of a job, seconds.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..))]
    max_wait_seconds: u32,
    /// Share of the nodes that leave in an hour with shards in their hands, percent.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=100))]
    leaving_percent: u8,
    /// How nodes choose among the shards that they may claim.
    #[arg(long, value_enum, default_value_t = Choice::Turns)]
    choice: Choice,
    /// How a node's share of its capacity becomes a number of shards.
    #[arg(long, value_enum, default_value_t = Rounding::Down)]
    capacity: Rounding,
    /// Seed of everything that is drawn.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Choice {
    /// In turn: each works out what falls to it.
    Turns,
    /// Each for itself: any shard.
    Spread,
    /// Each for itself: the first shard.
    First,
}

#[derive(Clone, Copy, ValueEnum)]
enum Rounding {
    /// As many shards as fit.
    Down,
    /// One more as long as fewer than the share are held.
    Up,
}

#[derive(Serialize)]
struct Report {
    figures: Figures,
    settings: Settings,
}

/// Runs the command.
pub fn run(command: &Command, format: Format) -> anyhow::Result<()> {
    let Command::Assignment(arguments) = command;
    let settings = arguments.settings()?;
    let figures = simulate(&settings)?;
    format.print(&Report { figures, settings }, |report| describe(&report.figures))
}

impl Assignment {
    fn settings(&self) -> anyhow::Result<Settings> {
        let full = Settings::full();
        let weights = match &self.weights {
            None => full.weights,
            Some(weights) => {
                let [bandwidth, proximity, latency, reputation] =
                    <[u16; 4]>::try_from(weights.as_slice()).map_err(|_| {
                        anyhow::anyhow!("--weights takes four numbers: bandwidth,proximity,latency,reputation")
                    })?;
                WeightSettings {
                    bandwidth,
                    proximity,
                    latency,
                    reputation,
                }
            }
        };
        let settings = Settings {
            seed: self.seed,
            nodes: self.nodes,
            shards: self.shards,
            replicas: self.replicas,
            utilisation: f64::from(self.utilisation) / 100.0,
            weights,
            max_wait: self.max_wait_seconds,
            leaving_per_hour: f64::from(self.leaving_percent) / 100.0,
            policy: match self.choice {
                Choice::Turns => Policy::Turns,
                Choice::Spread => Policy::Spread,
                Choice::First => Policy::First,
            },
            capacity_rule: match self.capacity {
                Rounding::Down => CapacityRule::RoundedDown,
                Rounding::Up => CapacityRule::RoundedUp,
            },
            ..full
        };
        anyhow::ensure!(
            settings.scoring().weights.is_normalised(),
            "--weights must sum to 10,000 basis points"
        );
        Ok(settings)
    }
}

fn describe(figures: &Figures) -> String {
    let row = |name: &str, median: String, high: String| vec![name.to_owned(), median, high];
    let quantiles = table(
        &["of the winner", "median", "99th percentile"],
        &[
            row("distance, km", figures.p50_km.to_string(), figures.p99_km.to_string()),
            row(
                "farther than the best, km",
                figures.p50_extra_km.to_string(),
                figures.p99_extra_km.to_string(),
            ),
            row(
                "round trip, ms",
                format!("{:.1}", figures.p50_rtt_ms),
                format!("{:.1}", figures.p99_rtt_ms),
            ),
            row(
                "longer than the best's, ms",
                format!("{:.1}", figures.p50_extra_rtt_ms),
                format!("{:.1}", figures.p99_extra_rtt_ms),
            ),
            row(
                "time to claim, s",
                format!("{:.1}", figures.p50_claim_s),
                format!("{:.1}", figures.p99_claim_s),
            ),
        ],
    );
    let percent = |share: f64| format!("{:.2} %", 100.0 * share);
    format!(
        "{quantiles}\n\n  {} claims by {} nodes{}\n  {} won by the best node, or one within {} bp of it; {} by exactly the \
         best\n  {} wasted in races\n  mean load {}, the fullest node {:.2} times that\n  {} nodes left, {} replicas opened \
         anew",
        thousands(figures.claims),
        thousands(u64::from(figures.nodes)),
        if figures.is_complete {
            ""
        } else {
            "; given up: the others were not claimed in time"
        },
        percent(figures.best_winner_share),
        figures.resolution_bps,
        percent(figures.strictly_best_share),
        percent(figures.wasted_share),
        percent(figures.load_mean),
        figures.load_max_over_mean,
        figures.left,
        figures.reopened,
    )
}
