//! `lumora oracle`: measure nodes, agree with the other oracles, attest.

use std::path::PathBuf;

use clap::Subcommand;
use lumora_oracle::OracleConfig;

/// Measures nodes, agrees with the other oracles and attests on chain.
#[derive(Subcommand)]
pub enum Command {
    /// Runs the oracle until Ctrl-C; what it does comes as JSON lines on standard output.
    Run {
        /// Configuration, TOML or JSON.
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
