//! `lumora migrate`: deploys and initialises everything on any network; a rerun changes nothing.

use std::path::PathBuf;

use clap::Args;
use lumora_client::{Connection, Sender, keys};
use lumora_migrations::Settings;

/// Brings a Solana network to a working Lumora: deploys the programs, creates the mint, sets the parameters. Every step
/// looks at the chain first, so it can be run again at any time.
#[derive(Args)]
pub struct Arguments {
    /// JSON-RPC address of the network.
    #[arg(long)]
    url: String,
    /// Keypair file of the authority: pays, deploys, and owns the network's parameters.
    #[arg(long)]
    authority: PathBuf,
    /// Settings file; migrations/devnet.toml shows the shape.
    #[arg(long)]
    settings: PathBuf,
}

/// Runs the command.
pub async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let settings = Settings::load(&arguments.settings)?;
    let sender = Sender::new(Connection::new(&arguments.url)?, keys::load(&arguments.authority)?);
    let reports = lumora_migrations::run(&sender, &settings, |progress| {
        eprint!("\r{} {}/{}   ", progress.step, progress.done, progress.total);
    })
    .await?;
    eprintln!();
    for report in reports {
        println!("{report}");
    }
    Ok(())
}
