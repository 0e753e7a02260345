//! `lumora oracle`: measure nodes, agree with the other oracles, attest; and look at what oracles say.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::{Args, Subcommand};
use lumora_client::Connection;
use lumora_interface::Address;
use lumora_oracle::OracleConfig;
use url::Url;

use crate::{
    oracle::{
        audit::{self, Epochs},
        epoch, status,
    },
    output::Format,
};

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
    /// Shows how an oracle stands: its epoch, what is attested, its bond, which others it reaches.
    Status {
        #[command(flatten)]
        asked: Asked,
    },
    /// Shows an epoch's figures, or how one node's came about, and holds them against the root on chain.
    Epoch {
        /// Number of the epoch.
        number: u64,
        /// Address of a node: explains its figures.
        #[arg(long, value_name = "NODE")]
        explain: Option<Address>,
        #[command(flatten)]
        asked: Asked,
    },
    /// Works attested epochs out again from an archive: receipts, bundles, leaves, totals. Fails where something differs.
    Audit {
        /// The archive: a folder, s3://bucket/prefix (endpoint, region and keys in the environment) or https://...
        #[arg(long, value_name = "PLACE")]
        archive: String,
        /// Which epochs: the first and the last one, as 7..12, or one.
        #[arg(long, value_name = "N..M")]
        epoch: Epochs,
        /// JSON-RPC address of the network; without one, the archive is held against itself only.
        #[arg(long, env = "LUMORA_RPC_URL")]
        rpc: Option<String>,
    },
}

/// Which oracle is asked, and which network its answers are held against.
#[derive(Args)]
pub struct Asked {
    /// HTTP address of any oracle of the network, as http://127.0.0.1:7002.
    #[arg(long, required_unless_present = "config")]
    oracle: Option<Url>,
    /// Configuration of an oracle on this machine: its `http` is asked, and its `rpc_url` is the network's.
    #[arg(long)]
    config: Option<PathBuf>,
    /// JSON-RPC address of the network; without one, the oracle's word is not checked.
    #[arg(long, env = "LUMORA_RPC_URL")]
    rpc: Option<String>,
}

impl Asked {
    fn resolve(&self) -> anyhow::Result<(Url, Option<Connection>)> {
        let config = self.config.as_deref().map(OracleConfig::read).transpose()?;
        let oracle = match (&self.oracle, &config) {
            (Some(url), _) => url.clone(),
            (None, Some(config)) => local(config)?,
            (None, None) => bail!("name an oracle with --oracle, or its configuration with --config"),
        };
        let configured = config.as_ref().map(|config| config.rpc_url.as_str());
        let connection = self.rpc.as_deref().or(configured).map(Connection::new).transpose()?;
        Ok((oracle, connection))
    }
}

/// Where an oracle on this machine is asked: one that listens on all addresses answers on loopback.
fn local(config: &OracleConfig) -> anyhow::Result<Url> {
    let mut address = config.http;
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() {
            std::net::Ipv4Addr::LOCALHOST.into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        });
    }
    Ok(format!("http://{address}").parse()?)
}

/// Runs the command.
pub async fn run(command: &Command, format: Format) -> anyhow::Result<()> {
    match command {
        Command::Run { config } => start(config).await,
        Command::Status { asked } => {
            let (oracle, connection) = asked.resolve()?;
            let status = status::look(oracle, connection).await?;
            format.print(&status, status::describe)
        }
        Command::Epoch { number, explain, asked } => {
            let (oracle, connection) = asked.resolve()?;
            let shown = epoch::look(oracle, connection, *number, explain.as_ref()).await?;
            format.print(&shown, epoch::describe)?;
            shown.verdict()
        }
        Command::Audit { archive, epoch, rpc } => {
            let connection = rpc.as_deref().map(Connection::new).transpose()?;
            let found = audit::look(archive, epoch, connection).await?;
            format.print(&found, audit::describe)?;
            audit::verdict(&found)
        }
    }
}

async fn start(config: &Path) -> anyhow::Result<()> {
    lumora_oracle::run(OracleConfig::read(config)?, crate::shutdown::on_signal()?).await?;
    Ok(())
}
