//! `lumora localnet`: an embedded Solana network with everything deployed and funded.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use lumora_localnet::{Localnet, Options, keys};
use solana_signer::Signer as _;

use crate::web::{self, Web};

/// Runs an embedded Solana network until Ctrl-C: the programs deployed through the real loader, everything initialised.
/// Nothing is kept: each start is a new network.
#[derive(Args)]
pub struct Arguments {
    /// Port of the JSON-RPC server; the WebSocket is on the next one.
    #[arg(long, default_value_t = 8899)]
    port: u16,
    /// Folder with the built programs.
    #[arg(long)]
    programs: Option<PathBuf>,
    /// Funded wallets to print.
    #[arg(long, default_value_t = 3)]
    wallets: u16,
    /// Writes the authority's and the programs' keypairs to this folder, for tools such as `anchor program deploy`.
    #[arg(long, value_name = "FOLDER")]
    keys: Option<PathBuf>,
    /// Writes the addresses to this file, as lines of NAME=value.
    #[arg(long, value_name = "FILE")]
    env: Option<PathBuf>,
    /// Serves the built web app, by default app/web/dist, and runs an indexer beside it.
    #[arg(long, value_name = "FOLDER", num_args = 0..=1)]
    web: Option<Option<PathBuf>>,
    /// Port of the web app; any free one for 0.
    #[arg(long, default_value_t = 8891, requires = "web")]
    web_port: u16,
    /// Port of the indexer beside the web app; any free one for 0.
    #[arg(long, default_value_t = 8890, requires = "web")]
    indexer_port: u16,
    /// Folder of the store that the web app reads and writes; a new one, gone at the end, where nothing else is given.
    #[arg(long, value_name = "FOLDER", requires = "web")]
    store: Option<PathBuf>,
}

/// Runs the command.
pub async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let shutdown = crate::shutdown::on_signal()?;
    let programs = arguments.programs.clone().map_or_else(crate::programs::folder, Ok)?;
    // Before the network is started, for it may be missing.
    let app = arguments
        .web
        .clone()
        .map(|folder| folder.map_or_else(web::folder, Ok))
        .transpose()?;
    let wallets: Vec<_> = (0..arguments.wallets).map(keys::wallet).collect();
    let mut options = Options::new(programs);
    options.rpc_port = Some(arguments.port);
    options.funded = wallets.iter().map(|wallet| wallet.pubkey()).collect();
    let localnet = Localnet::start(options).await?;
    for report in localnet.migrations() {
        eprintln!("{report}");
    }
    println!("{}", localnet.environment());
    for wallet in &wallets {
        println!(
            "# wallet {} with 10,000 SOL; secret {}",
            wallet.pubkey(),
            wallet.to_base58_string()
        );
    }
    let scratch = Scratch::create()?;
    let web = match app {
        Some(app) => Some(serve(app, arguments, &localnet, &scratch).await?),
        None => None,
    };
    if let Some(folder) = &arguments.keys {
        keys::write(folder)?;
    }
    if let Some(path) = &arguments.env {
        localnet.write_environment(path)?;
    }
    eprintln!("\nCtrl-C stops the network.");
    shutdown.cancelled().await;
    if let Some(web) = web {
        web.stop().await;
    }
    localnet.stop().await?;
    Ok(())
}

async fn serve(app: PathBuf, arguments: &Arguments, localnet: &Localnet, scratch: &Scratch) -> anyhow::Result<Web> {
    let web = Web::start(web::Options {
        app,
        store: arguments.store.clone().unwrap_or_else(|| scratch.0.join("store")),
        database: scratch.0.join("index.db"),
        port: arguments.web_port,
        indexer_port: arguments.indexer_port,
        rpc_url: localnet.rpc_url().to_owned(),
        websocket_url: localnet.websocket_url().to_owned(),
    })
    .await?;
    println!("LUMORA_INDEXER_URL={}\n# web app at {}", web.indexer_url(), web.url());
    Ok(web)
}

/// A folder that is gone when the command ends.
struct Scratch(PathBuf);

impl Scratch {
    fn create() -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("lumora-localnet-{}", std::process::id()));
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed stays in the system's temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
