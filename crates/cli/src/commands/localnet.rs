//! `lumora localnet`: an embedded Solana network with everything deployed and funded.

use std::path::PathBuf;

use clap::Args;
use lumora_localnet::{Localnet, Options, keys};
use solana_signer::Signer as _;

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
}

/// Runs the command.
pub async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let shutdown = crate::shutdown::on_signal()?;
    let programs = arguments.programs.clone().map_or_else(crate::programs::folder, Ok)?;
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
    if let Some(folder) = &arguments.keys {
        keys::write(folder)?;
    }
    if let Some(path) = &arguments.env {
        localnet.write_environment(path)?;
    }
    eprintln!("\nCtrl-C stops the network.");
    shutdown.cancelled().await;
    localnet.stop().await?;
    Ok(())
}
