//! Measurements whose figures are committed to bench/.

mod cu;
mod indexer;
mod jobs;
mod market;
mod oracle;
mod pob;
mod simulation;

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use clap::Subcommand;
use serde_json::{Value, json};

use crate::workspace::Workspace;

#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Compute units, sizes and rent of every instruction.
    Cu(cu::Options),
    /// What a shard costs among 16 and among 8,192, on the embedded network (minutes).
    Jobs,
    /// Events per second, lateness and memory of the indexer, on SQLite and PostgreSQL (minutes).
    Indexer(indexer::Options),
    /// Building, encrypting and opening a dataset of ten million records (an hour).
    Market(market::Options),
    /// How near measurements come to a link's rate, beside iperf3, in network namespaces; as root (minutes).
    Pob(pob::Options),
    /// What the end of an epoch of up to a million nodes costs an oracle (half an hour).
    Oracle(oracle::Options),
    /// Who gets a shard, in a simulated network of 100,000 nodes (minutes).
    Assignment,
    /// What adapting the score gains after a shift, in simulated networks of 3,000 nodes (minutes).
    Adaptation,
    /// Whether honest replicas agree and tampered ones are rejected, on the pages of Rust's documentation (minutes).
    Agreement,
}

pub(crate) fn run(workspace: &Workspace, bench: &Bench) -> Result<()> {
    match bench {
        Bench::Cu(options) => cu::run(workspace, options),
        Bench::Jobs => jobs::run(workspace),
        Bench::Indexer(options) => indexer::run(workspace, options),
        Bench::Market(options) => market::run(workspace, options),
        Bench::Pob(options) => pob::run(workspace, options),
        Bench::Oracle(options) => oracle::run(workspace, options),
        Bench::Assignment => simulation::assignment(workspace),
        Bench::Adaptation => simulation::adaptation(workspace),
        Bench::Agreement => simulation::agreement(workspace),
    }
}

/// What was measured on.
fn machine() -> Value {
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown", |(_, model)| model);
    json!({
        "processor": model,
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
    })
}

/// Builds an example with these options of cargo, and says where the program is.
fn example(workspace: &Workspace, name: &str, options: &[&str]) -> Result<PathBuf> {
    let output = Command::new("cargo")
        .args(["build", "--ignore-rust-version", "--example", name])
        .args(options)
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(workspace.root())
        .stderr(Stdio::inherit())
        .output()
        .context("cargo could not be run")?;
    ensure!(output.status.success(), "the example {name} could not be built");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .context("cargo did not say where the example is")
}
