//! `lumora`: the one command for providers, clients, oracles and developers.

mod commands;
mod dataset;
mod demo;
mod job;
mod node_file;
mod oracle;
mod output;
mod programs;
mod shutdown;
mod web;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use self::output::Format;

/// Lumora turns idle internet bandwidth into datasets.
#[derive(Parser)]
#[command(version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

// A documentation comment here would replace the description of every command that it is flattened into.
#[derive(clap::Args, Clone, Copy)]
struct Json {
    /// Prints one JSON document instead of text.
    #[arg(long, global = true)]
    json: bool,
}

impl Json {
    fn format(self) -> Format {
        if self.json { Format::Json } else { Format::Text }
    }
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Options),
    Localnet(commands::localnet::Arguments),
    Migrate(commands::migrate::Arguments),
    /// Shares bandwidth and works on shards: init, run, status, limits, claim, withdraw, measure.
    Node {
        #[command(subcommand)]
        command: commands::node::Command,
        #[command(flatten)]
        json: Json,
    },
    /// Measures nodes, agrees with the other oracles and attests on chain: run; status, epoch, audit to look at oracles.
    Oracle {
        #[command(subcommand)]
        command: commands::oracle::Command,
        #[command(flatten)]
        json: Json,
    },
    #[command(subcommand)]
    Indexer(commands::indexer::Command),
    /// Has pages scraped by the network: create, watch, cancel, fetch, close.
    Job {
        #[command(subcommand)]
        command: commands::job::Command,
        #[command(flatten)]
        json: Json,
    },
    /// Sells and buys datasets: build, list, sample, serve, update, bond, withdraw, close; search, show, buy, download, verify,
    /// rate, refund.
    Dataset {
        #[command(subcommand)]
        command: commands::dataset::Command,
        #[command(flatten)]
        json: Json,
    },
    /// Measures bandwidth by hand, as oracles and nodes do: serve, measure, verify.
    Pob {
        #[command(subcommand)]
        command: commands::pob::Command,
        #[command(flatten)]
        json: Json,
    },
    /// Says whether a robots.txt (RFC 9309) lets an agent fetch a page.
    Robots {
        #[command(subcommand)]
        command: commands::robots::Command,
        #[command(flatten)]
        json: Json,
    },
    /// Computes the score that decides who may take a shard, and when.
    Score {
        #[command(flatten)]
        arguments: Box<commands::score::Arguments>,
        #[command(flatten)]
        json: Json,
    },
    /// Simulates a large network in virtual time, by the rules that programs and nodes use.
    Sim {
        #[command(subcommand)]
        command: commands::sim::Command,
        #[command(flatten)]
        json: Json,
    },
    /// Shares tasks out in proportion to bandwidth within the providers' limits.
    Allocate {
        #[command(flatten)]
        arguments: commands::allocate::Arguments,
        #[command(flatten)]
        json: Json,
    },
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn")))
        .with_writer(std::io::stderr)
        .init();
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime could not be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(cli.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Demo(options) => demo::run(options).await,
        Command::Localnet(arguments) => commands::localnet::run(&arguments).await,
        Command::Migrate(arguments) => commands::migrate::run(&arguments).await,
        Command::Node { command, json } => commands::node::run(&command, json.format()).await,
        Command::Oracle { command, json } => commands::oracle::run(&command, json.format()).await,
        Command::Job { command, json } => commands::job::run(&command, json.format()).await,
        Command::Indexer(command) => commands::indexer::run(&command).await,
        Command::Dataset { command, json } => commands::dataset::run(&command, json.format()).await,
        Command::Pob { command, json } => commands::pob::run(&command, json.format()).await,
        Command::Robots { command, json } => commands::robots::run(&command, json.format()),
        Command::Score { arguments, json } => commands::score::run(&arguments, json.format()),
        Command::Sim { command, json } => commands::sim::run(&command, json.format()),
        Command::Allocate { arguments, json } => commands::allocate::run(&arguments, json.format()),
    }
}
