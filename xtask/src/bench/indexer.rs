//! How fast the indexer is: events per second, lateness and memory, on SQLite and PostgreSQL.

use std::{fs, process::Command};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Map, Value};

use super::machine;
use crate::workspace::Workspace;

#[derive(Args)]
pub(crate) struct Options {
    /// Transactions of which the throughput is measured.
    #[arg(long, default_value_t = 30_000)]
    transactions: u64,
    /// Seconds for which events come at a thousand a second.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
}

/// Measures, and writes bench/indexer.json. The figures are of one machine: they are compared with nothing.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let output = Command::new("cargo")
        .args([
            "run",
            "--quiet",
            "--release",
            "--ignore-rust-version",
            "--package",
            "lumora-indexer",
            "--no-default-features",
            "--example",
            "throughput",
            "--",
        ])
        .args([options.transactions.to_string(), options.seconds.to_string()])
        // Optimising across crates takes long and changes little: most of the time goes to the databases.
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .current_dir(workspace.root())
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    ensure!(
        output.status.success(),
        "the measurement failed (crates/indexer/examples/throughput.rs)"
    );
    let mut figures: Map<String, Value> =
        serde_json::from_slice(&output.stdout).context("the measurement did not print a JSON document")?;
    figures.insert("machine".into(), machine());
    let path = workspace.root().join("bench/indexer.json");
    let text = serde_json::to_string_pretty(&figures)? + "\n";
    fs::write(&path, &text).with_context(|| format!("cannot write {}", path.display()))?;
    print!("{text}");
    Ok(())
}
