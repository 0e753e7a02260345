//! What must hold before a commit and is quick to find out.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{idl, workspace::Workspace};

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let checks: [(&str, fn(&Workspace) -> Result<()>); 2] =
        [("formatting (cargo fmt)", formatting), ("idl/", descriptions)];
    let mut failed = Vec::new();
    for (name, check) in checks {
        match check(workspace) {
            Ok(()) => eprintln!("checked: {name}"),
            Err(error) => {
                eprintln!("FAILED: {name}: {error:#}");
                failed.push(name);
            }
        }
    }
    if !failed.is_empty() {
        bail!(
            "{} of {} checks failed: {}",
            failed.len(),
            checks.len(),
            failed.join(", ")
        );
    }
    eprintln!("Not checked here: lints (cargo c), tests (cargo t), compute units (cargo xtask bench cu --check).");
    Ok(())
}

fn formatting(workspace: &Workspace) -> Result<()> {
    let status = Command::new("cargo")
        .args(["fmt", "--all", "--check"])
        .current_dir(workspace.root())
        .status()
        .context("cannot run cargo fmt")?;
    if !status.success() {
        bail!("some files are not formatted; `cargo fmt --all` formats them");
    }
    Ok(())
}

fn descriptions(workspace: &Workspace) -> Result<()> {
    idl::run(
        workspace,
        &idl::Options {
            programs: Vec::new(),
            check: true,
        },
    )
}
