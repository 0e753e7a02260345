//! `lumora indexer`: what the chain says, in SQL, over REST and server-sent events, and as metrics.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Subcommand};
use lumora_indexer::IndexerConfig;

/// Indexes the chain and answers questions about it.
#[derive(Subcommand)]
pub enum Command {
    /// Runs the indexer until Ctrl-C. Flags override the configuration file.
    Run(Box<Run>),
    /// Prints the description of the REST interface (OpenAPI), for making a client.
    Openapi,
}

/// What `lumora indexer run` is told.
#[derive(Args)]
pub struct Run {
    /// Configuration, TOML or JSON.
    #[arg(long)]
    config: Option<PathBuf>,
    /// JSON-RPC address of the network [default: http://127.0.0.1:8899].
    #[arg(long, env = "LUMORA_RPC_URL")]
    rpc_url: Option<String>,
    /// WebSocket address of the network [default: follows from the JSON-RPC address].
    #[arg(long, env = "LUMORA_WEBSOCKET_URL")]
    ws_url: Option<String>,
    /// sqlite://FILE or postgres://USER:PASSWORD@HOST/NAME [default: sqlite://lumora-index.db].
    #[arg(long, env = "LUMORA_DATABASE", hide_env_values = true)]
    database: Option<String>,
    /// TCP address on which questions are answered [default: 127.0.0.1:8890].
    #[arg(long)]
    listen: Option<SocketAddr>,
}

/// Runs the command.
pub async fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Openapi => {
            let description = lumora_indexer::api::openapi();
            crate::output::Format::Json.print(&description, |_| String::new())
        }
        Command::Run(run) => {
            let config = run.configuration()?;
            eprintln!(
                "Answers at http://{}; /openapi.json describes them. Ctrl-C stops the indexer.",
                config.listen
            );
            lumora_indexer::run(config, crate::shutdown::on_signal()?).await?;
            Ok(())
        }
    }
}

impl Run {
    fn configuration(&self) -> anyhow::Result<IndexerConfig> {
        let mut config = self
            .config
            .as_deref()
            .map_or_else(|| Ok(IndexerConfig::default()), IndexerConfig::read)?;
        if let Some(rpc_url) = &self.rpc_url {
            config.rpc_url.clone_from(rpc_url);
            // The file's WebSocket address is that of the file's network.
            config.ws_url = None;
        }
        config.ws_url = self.ws_url.clone().or(config.ws_url);
        if let Some(database) = &self.database {
            config.database.clone_from(database);
        }
        config.listen = self.listen.unwrap_or(config.listen);
        Ok(config)
    }
}
