//! What a shard costs among 16 and among 8,192, on the embedded network.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::example;
use crate::workspace::Workspace;

/// Runs the example of `tests/network` that works through both jobs and writes bench/jobs.json. It needs the built programs.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    // Of the whole workspace: the embedded network, built with other features, would be built once more.
    let status = Command::new(example(workspace, "job_scale", &["--workspace", "--all-targets"])?)
        .arg(workspace.deploy_directory())
        .arg(workspace.root().join("bench/jobs.json"))
        .status()
        .context("the example could not be run")?;
    ensure!(status.success(), "the bench of large jobs failed");
    Ok(())
}
