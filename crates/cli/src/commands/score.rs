//! `lumora score`: the score of a node for a job and the waiting time it earns, by the rule that the program enforces;
//! or the raw public formula with `--raw`.

use clap::Args;
use lumora_core::{
    allocation::{self, Candidate, RawWeights},
    score::{self, Figures, Scoring, Weights},
    units::{Bps, Kbps, Kilometres, Micros, Seconds},
};
use serde::Serialize;

use crate::output::{Format, table};

// The worked example of the public formula.
const EXAMPLE: &str = "Example: lumora score --raw --weights 4000,4000,2000 --node 10:15:100 --node 20:10:150 \
                       --node 15:20:80\ngives 0.26 > 0.20 > 0.1533.";

#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub struct Arguments {
    /// Attested rate of the node, kbit/s.
    #[arg(long, default_value_t = 100_000)]
    attested_kbps: u32,
    /// The provider's own limit, kbit/s; the attested rate if not given.
    #[arg(long)]
    limit_kbps: Option<u32>,
    /// Distance between the node and the job's target, km.
    #[arg(long, default_value_t = 0)]
    distance_km: u32,
    /// Attested round-trip time, microseconds.
    #[arg(long, default_value_t = 0)]
    rtt_us: u32,
    /// Attested reputation, basis points.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u16).range(0..=10_000))]
    reputation_bps: u16,
    /// Weights in basis points that sum to 10,000: bandwidth,proximity,latency,reputation; with --raw: alpha,beta,gamma.
    #[arg(long, value_delimiter = ',')]
    weights: Option<Vec<u16>>,
    /// Rate from which on more does not count, kbit/s.
    #[arg(long, default_value_t = 100_000)]
    reference_kbps: u32,
    /// Distance at which proximity counts half, km.
    #[arg(long, default_value_t = 1_000)]
    half_distance_km: u32,
    /// Round-trip time at which latency counts half, microseconds.
    #[arg(long, default_value_t = 50_000)]
    half_latency_us: u32,
    /// Longest waiting time of the job, seconds.
    #[arg(long, default_value_t = 30)]
    max_wait_seconds: u32,
    /// Use the raw public formula alpha/P + beta/L + gamma C/Cmax over the --node candidates.
    #[arg(long, requires = "node")]
    raw: bool,
    /// A candidate of the raw formula: P:L:C (milliseconds, milliseconds, tasks).
    #[arg(long, value_parser = parse_candidate, requires = "raw")]
    node: Vec<Candidate>,
    /// Tasks to hand out among the candidates in the order of their raw scores.
    #[arg(long, default_value_t = 500, requires = "raw")]
    total: u64,
}

fn parse_candidate(text: &str) -> Result<Candidate, String> {
    let parts: Vec<u32> = text
        .split(':')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .map_err(|_| format!("`{text}` is not P:L:C, three whole numbers such as 10:15:100"))?;
    match parts.as_slice() {
        [proximity_ms, latency_ms, capacity] if *proximity_ms > 0 && *latency_ms > 0 => Ok(Candidate {
            proximity_ms: *proximity_ms,
            latency_ms: *latency_ms,
            capacity: *capacity,
        }),
        [_, _, _] => Err("P and L must be at least 1: the formula divides by them".to_owned()),
        _ => Err(format!(
            "`{text}` has {} parts; give P:L:C such as 10:15:100",
            parts.len()
        )),
    }
}

#[derive(Serialize)]
struct Bounded {
    bandwidth_bps: u16,
    proximity_bps: u16,
    latency_bps: u16,
    reputation_bps: u16,
    score_bps: u16,
    /// Whole seconds between a shard's opening and the node's turn, without jitter.
    wait_seconds: i64,
}

#[derive(Serialize)]
struct Raw {
    /// Scores in millionths, in the order of the candidates.
    scores_millionths: Vec<u64>,
    tasks: Vec<u64>,
    unallocated: u64,
}

/// Runs the command.
pub fn run(arguments: &Arguments, format: Format) -> anyhow::Result<()> {
    if arguments.raw {
        raw(arguments, format)
    } else {
        bounded(arguments, format)
    }
}

fn bounded(arguments: &Arguments, format: Format) -> anyhow::Result<()> {
    let weights = match arguments.weights.as_deref() {
        None => [3_000, 3_000, 2_000, 2_000],
        Some(weights) => <[u16; 4]>::try_from(weights)
            .map_err(|_| anyhow::anyhow!("--weights takes four numbers: bandwidth,proximity,latency,reputation"))?,
    }
    .map(Bps);
    let [bandwidth, proximity, latency, reputation] = weights;
    let weights = Weights {
        bandwidth,
        proximity,
        latency,
        reputation,
    };
    anyhow::ensure!(weights.is_normalised(), "--weights must sum to 10,000 basis points");
    let scoring = Scoring {
        weights,
        reference: Kbps(arguments.reference_kbps),
        half_distance: Kilometres(arguments.half_distance_km),
        half_latency: Micros(arguments.half_latency_us),
    };
    let figures = Figures {
        attested: Kbps(arguments.attested_kbps),
        limit: Kbps(arguments.limit_kbps.unwrap_or(arguments.attested_kbps)),
        distance: Kilometres(arguments.distance_km),
        rtt: Micros(arguments.rtt_us),
        reputation: Bps(arguments.reputation_bps),
    };
    let terms = score::terms(&scoring, &figures);
    let score = score::score(&scoring, &figures);
    let wait = score::claimable_at(Seconds(0), Seconds(i64::from(arguments.max_wait_seconds)), score, 0);
    let result = Bounded {
        bandwidth_bps: terms.bandwidth.0,
        proximity_bps: terms.proximity.0,
        latency_bps: terms.latency.0,
        reputation_bps: terms.reputation.0,
        score_bps: score.0,
        wait_seconds: wait.0,
    };
    format.print(&result, |result| {
        let row = |name: &str, term: u16, weight: Bps| vec![name.to_owned(), term.to_string(), weight.0.to_string()];
        format!(
            "{}\n\n  score {} of 10,000 bp: may claim {} s after a shard opens, plus at most one second of jitter",
            table(
                &["term", "bp", "weight bp"],
                &[
                    row("bandwidth", result.bandwidth_bps, weights.bandwidth),
                    row("proximity", result.proximity_bps, weights.proximity),
                    row("latency", result.latency_bps, weights.latency),
                    row("reputation", result.reputation_bps, weights.reputation),
                ]
            ),
            result.score_bps,
            result.wait_seconds
        )
    })
}

fn raw(arguments: &Arguments, format: Format) -> anyhow::Result<()> {
    let weights = arguments.weights.clone().unwrap_or_else(|| vec![4_000, 4_000, 2_000]);
    let [alpha, beta, gamma] = <[u16; 3]>::try_from(weights)
        .map_err(|_| anyhow::anyhow!("--weights takes three numbers with --raw: alpha,beta,gamma"))?
        .map(Bps);
    let scores = allocation::raw_scores(RawWeights { alpha, beta, gamma }, &arguments.node);
    let allocation = allocation::by_rank(arguments.total, &scores, &arguments.node);
    let result = Raw {
        scores_millionths: scores,
        tasks: allocation.tasks,
        unallocated: allocation.unallocated,
    };
    format.print(&result, |result| {
        let rows: Vec<Vec<String>> = arguments
            .node
            .iter()
            .zip(result.scores_millionths.iter().zip(&result.tasks))
            .enumerate()
            .map(|(index, (node, (score, tasks)))| {
                vec![
                    format!("N{}", index + 1),
                    node.proximity_ms.to_string(),
                    node.latency_ms.to_string(),
                    node.capacity.to_string(),
                    format!("0.{score:06}"),
                    tasks.to_string(),
                ]
            })
            .collect();
        format!(
            "{}\n\n  {} tasks are left over",
            table(&["node", "P ms", "L ms", "C", "score", "tasks"], &rows),
            result.unallocated
        )
    })
}
