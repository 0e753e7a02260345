//! The benches that are examples of crates/sim: run in release, they write their figures and plots to bench/ and fail if a
//! goal is missed.

use std::{ffi::OsStr, path::PathBuf, process::Command};

use anyhow::{Context, Result, ensure};

use crate::workspace::Workspace;

pub(crate) fn assignment(workspace: &Workspace) -> Result<()> {
    example(workspace, "assignment", &[])
}

pub(crate) fn adaptation(workspace: &Workspace) -> Result<()> {
    example(workspace, "adaptation", &[])
}

pub(crate) fn agreement(workspace: &Workspace) -> Result<()> {
    let pages = PathBuf::from(rustc("--print=sysroot")?).join("share/doc/rust/html");
    ensure!(
        pages.is_dir(),
        "{} is missing; `rustup component add rust-docs` installs it",
        pages.display()
    );
    // `rustc 1.95.0 (59807616e 2026-04-14)`
    let version = rustc("--version")?;
    let version = version.split(' ').nth(1).unwrap_or_default();
    let source = format!("documentation of Rust {version}");
    example(workspace, "agreement", &[pages.as_os_str(), OsStr::new(&source)])
}

fn rustc(argument: &str) -> Result<String> {
    let output = Command::new("rustc")
        .arg(argument)
        .output()
        .context("cannot run rustc")?;
    ensure!(output.status.success(), "rustc {argument} failed");
    Ok(String::from_utf8(output.stdout)
        .context("rustc printed no text")?
        .trim()
        .to_owned())
}

/// Runs an example; its last argument is the folder for what it writes.
fn example(workspace: &Workspace, name: &str, arguments: &[&OsStr]) -> Result<()> {
    let status = Command::new("cargo")
        .args([
            "run",
            "--ignore-rust-version",
            "--release",
            "--package",
            "lumora-sim",
            "--example",
            name,
            "--",
        ])
        .args(arguments)
        .arg(workspace.root().join("bench"))
        .current_dir(workspace.root())
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "the bench {name} failed");
    Ok(())
}
