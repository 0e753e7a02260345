//! The chores of this repository: building the programs, their IDL, checks and the table of compute units.

mod bench;
mod check;
mod idl;
mod refusals;
mod sbf;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The chores of this repository", version)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the programs for Solana (sBPF) into target/deploy.
    BuildSbf(sbf::Options),
    /// Write the interface description (IDL) of every program to idl/.
    Idl(idl::Options),
    /// Check formatting and whether idl/ is current.
    Check,
    /// Print which constraint of which instruction the tests saw refuse; fail for errors that no test provokes.
    Refusals(refusals::Options),
    /// Measure, and compare with the committed figures.
    #[command(subcommand)]
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let workspace = workspace::Workspace::find()?;
    match CommandLine::parse().command {
        Command::BuildSbf(options) => sbf::build(&workspace, &options),
        Command::Idl(options) => idl::run(&workspace, &options),
        Command::Check => check::run(&workspace),
        Command::Refusals(options) => refusals::run(&workspace, &options),
        Command::Bench(bench) => bench::run(&workspace, &bench),
    }
}
