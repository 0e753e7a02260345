//! `lumora oracle`: measure nodes, agree with the other oracles, attest.

use std::path::PathBuf;

use clap::Subcommand;
use lumora_oracle::OracleConfig;

/// Measures nodes, agrees with the other oracles and attests on chain; checks the results of jobs with one replica.
#[derive(Subcommand)]
pub enum Command {
    /// Runs the oracle until Ctrl-C; what it does comes as JSON lines on standard output.
    Run {
        /// Configuration, TOML or JSON. Results of jobs with one replica are checked if it has a table `verdicts`, which
        /// needs `store`, where manifests come from; by default all of them are (`share`, in basis points), one at
        /// a time (`at_once`).
        #[arg(long)]
        config: PathBuf,
    },
}

/// Runs the command.
pub async fn run(command: &Command) -> anyhow::Result<()> {
    let Command::Run { config } = command;
    lumora_oracle::run(OracleConfig::read(config)?, crate::shutdown::on_signal()?).await?;
    Ok(())
}
