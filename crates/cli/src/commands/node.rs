//! `lumora node`: share bandwidth and work on shards.

use std::path::PathBuf;

use clap::Subcommand;
use lumora_node::config::NodeConfig;

/// Shares bandwidth and works on shards.
#[derive(Subcommand)]
pub enum Command {
    /// Runs the node until Ctrl-C; what it does comes as JSON lines on standard output.
    Run {
        /// Configuration, TOML or JSON.
        #[arg(long)]
        config: PathBuf,
    },
}

/// Runs the command.
pub async fn run(command: &Command) -> anyhow::Result<()> {
    let Command::Run { config } = command;
    lumora_node::run(NodeConfig::read(config)?, crate::shutdown::on_signal()?).await?;
    Ok(())
}
