//! `lumora dataset`: sell a dataset's key, buy one, open what was bought.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use lumora_client::{Connection, Sender, keys};
use lumora_data::store::Store;
use lumora_interface::{
    Address,
    market::{Listing, Purchase, listing_state},
};
use serde::Serialize;

use crate::{
    dataset,
    output::{Format, lmr, table, thousands},
};

/// How long `buy` waits for the key.
const DELIVERY_PATIENCE: Duration = Duration::from_secs(600);
/// Pause between two looks for new purchases.
const SERVE_PAUSE: Duration = Duration::from_millis(500);

#[derive(Subcommand)]
pub enum Command {
    /// Lists what is for sale.
    Search {
        #[command(flatten)]
        network: Network,
    },
    /// Delivers the key to everybody who pays for a listing, until Ctrl-C.
    Serve {
        #[command(flatten)]
        network: Network,
        /// Keypair file of the wallet that pays the fees.
        #[arg(long)]
        key: PathBuf,
        /// File with the listing's secret.
        #[arg(long)]
        secret: PathBuf,
        /// Address of the listing.
        #[arg(long)]
        listing: Address,
    },
    /// Buys a dataset, waits for its key, downloads, decrypts and verifies it.
    Buy {
        #[command(flatten)]
        network: Network,
        /// Keypair file of the wallet that pays.
        #[arg(long)]
        key: PathBuf,
        /// Address of the listing.
        #[arg(long)]
        listing: Address,
        /// Your own number of this purchase: another one for another copy.
        #[arg(long, default_value_t = 0)]
        index: u32,
        /// File for the purchase's secret. Without it, what was bought cannot be opened.
        #[arg(long)]
        secret: PathBuf,
        /// The content-addressed store with the dataset: a folder.
        #[arg(long)]
        store: PathBuf,
        /// File for the rows, as JSON Lines.
        #[arg(long)]
        out: PathBuf,
    },
}

/// Which network.
#[derive(Args)]
pub struct Network {
    /// JSON-RPC address of the network.
    #[arg(long, default_value = "http://127.0.0.1:8899")]
    url: String,
    /// WebSocket address, where it does not follow from the JSON-RPC address.
    #[arg(long)]
    websocket: Option<String>,
}

impl Network {
    fn connect(&self) -> Result<Connection, lumora_client::Error> {
        match &self.websocket {
            Some(websocket) => Connection::with_websocket(&self.url, websocket),
            None => Connection::new(&self.url),
        }
    }
}

#[derive(Serialize)]
struct Found {
    listing: String,
    price: u64,
    rows: u64,
    bytes: u64,
    sales: u64,
    /// Hundredths, 100 to 500.
    rating: Option<u64>,
}

#[derive(Serialize)]
struct Bought {
    purchase: String,
    rows: u64,
    rows_verified: u64,
    rows_from_settled_shards: u64,
    problems: Vec<String>,
    file: String,
}

/// Runs the command.
pub async fn run(command: &Command, format: Format) -> anyhow::Result<()> {
    match command {
        Command::Search { network } => search(&network.connect()?, format).await,
        Command::Serve {
            network,
            key,
            secret,
            listing,
        } => serve(Sender::new(network.connect()?, keys::load(key)?), secret, listing).await,
        Command::Buy {
            network,
            key,
            listing,
            index,
            secret,
            store,
            out,
        } => {
            let sender = Sender::new(network.connect()?, keys::load(key)?);
            let store = Store::local(store)?;
            let buyer = sender.payer().insecure_clone();
            let purchase = dataset::buy(&sender, &buyer, listing, *index, secret).await?;
            eprintln!("paid; waiting for the key");
            let delivered: Purchase =
                dataset::await_delivery(sender.connection(), &purchase, DELIVERY_PATIENCE).await?;
            let opened = dataset::download(sender.connection(), &store, listing, &delivered, secret, out).await?;
            let bought = Bought {
                purchase: purchase.to_string(),
                rows: opened.verification.rows,
                rows_verified: opened.verification.rows_verified,
                rows_from_settled_shards: opened.rows_from_settled_shards,
                problems: opened.verification.problems,
                file: out.display().to_string(),
            };
            format.print(&bought, |bought| {
                format!(
                    "{} rows in {}\n  {} carry a provenance that leads to the listed root\n  {} come from shards that the \
                     chain saw settled",
                    thousands(bought.rows),
                    bought.file,
                    thousands(bought.rows_verified),
                    thousands(bought.rows_from_settled_shards)
                )
            })
        }
    }
}

async fn search(connection: &Connection, format: Format) -> anyhow::Result<()> {
    let found: Vec<Found> = connection
        .fetch_all::<Listing>(&[])
        .await?
        .into_iter()
        .filter(|(_, listing)| listing.state == listing_state::ACTIVE)
        .map(|(address, listing)| Found {
            listing: address.to_string(),
            price: listing.price,
            rows: listing.rows,
            bytes: listing.size_bytes,
            sales: listing.sales,
            rating: listing.mean_rating(),
        })
        .collect();
    format.print(&found, |found| {
        let rows: Vec<Vec<String>> = found
            .iter()
            .map(|one| {
                let rating = one
                    .rating
                    .map_or_else(String::new, |rating| format!("{:.2}", rating as f64 / 100.0));
                vec![
                    one.listing.clone(),
                    lmr(one.price),
                    thousands(one.rows),
                    thousands(one.bytes),
                    thousands(one.sales),
                    rating,
                ]
            })
            .collect();
        table(&["listing", "LMR", "rows", "bytes", "sales", "rating"], &rows)
    })
}

async fn serve(sender: Sender, secret: &std::path::Path, listing: &Address) -> anyhow::Result<()> {
    let secret = dataset::load_listing_secret(secret)?;
    let shutdown = crate::shutdown::on_signal()?;
    loop {
        match dataset::deliver_due(&sender, listing, &secret).await {
            Ok(delivered) => {
                for purchase in delivered {
                    println!(
                        "{}",
                        serde_json::json!({ "event": "delivered", "purchase": purchase.to_string() })
                    );
                }
            }
            // The network may be away for a while: whoever paid is still owed the key.
            Err(error) => tracing::warn!("{error:#}"),
        }
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = tokio::time::sleep(SERVE_PAUSE) => {}
        }
    }
}
