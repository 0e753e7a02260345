//! The build with Solana's own toolchain, where somebody has installed it.

use std::{env, process::Command};

use anyhow::{Context, Result};

use super::{Built, fingerprint::Fingerprint, progress};
use crate::workspace::{Program, Workspace};

pub(super) fn installed() -> bool {
    env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|directory| directory.join("cargo-build-sbf").is_file()))
}

pub(super) fn fingerprint() -> Result<Fingerprint> {
    let version = progress::output_of(Command::new("cargo").args(["build-sbf", "--version"]))
        .context("platform-tools are not usable; `--toolchain packages` builds without them")?;
    let mut fingerprint = Fingerprint::new();
    fingerprint.add("platform-tools").add(version);
    Ok(fingerprint)
}

/// Compiles each program by itself, and goes on when one of them fails.
pub(super) fn compile(workspace: &Workspace, programs: &[Program]) -> Result<Vec<Built>> {
    let output = workspace.root().join("target/sbf-out");
    let mut built = Vec::new();
    for program in programs {
        let compiled = progress::step(format_args!("{} with platform-tools", program.name), || {
            progress::run(
                Command::new("cargo")
                    .arg("build-sbf")
                    .arg("--manifest-path")
                    .arg(program.directory.join("Cargo.toml"))
                    .arg("--sbf-out-dir")
                    .arg(&output)
                    .args(["--", "--locked", "--ignore-rust-version"]),
            )
        });
        match compiled {
            Ok(()) => built.push(Built {
                program: program.clone(),
                file: output.join(format!("{}.so", program.library)),
            }),
            Err(error) => eprintln!("  {}: {error:#}", program.name),
        }
    }
    Ok(built)
}
