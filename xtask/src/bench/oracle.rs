//! What the end of an epoch costs an oracle, by the number of nodes: receipts checked, figures worked out, signed.

use std::{fs, process::Command};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};

use super::{example, machine};
use crate::workspace::Workspace;

#[derive(Args)]
pub(crate) struct Options {
    /// Numbers of nodes; each is measured seven times. A million takes 5 GB on disk while it runs.
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000, 1_000_000])]
    nodes: Vec<u32>,
}

/// Measures, and writes bench/oracle.json.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let program = example(workspace, "epoch_scale", &["--release", "--package", "lumora-oracle"])?;
    let mut rows = Vec::new();
    for nodes in &options.nodes {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let run = |what: &str| -> Result<Vec<u8>> {
            let output = Command::new(&program)
                .arg(what)
                .arg(folder.path())
                .arg(nodes.to_string())
                .stderr(std::process::Stdio::inherit())
                .output()
                .context("cannot run the example epoch_scale")?;
            ensure!(output.status.success(), "epoch_scale {what} failed");
            Ok(output.stdout)
        };
        eprintln!("Making the bundles of {nodes} nodes.");
        run("make")?;
        let row: Value = serde_json::from_slice(&run("work")?).context("epoch_scale printed no JSON")?;
        println!("{row}");
        rows.push(row);
    }
    let document = json!({ "machine": machine(), "rows": rows });
    let path = workspace.root().join("bench/oracle.json");
    fs::write(&path, serde_json::to_string_pretty(&document)? + "\n")
        .with_context(|| format!("cannot write {}", path.display()))
}
