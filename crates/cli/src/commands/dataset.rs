//! `lumora dataset`: build and sell a dataset; look for one, buy, download, verify and rate it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use lumora_client::{Connection, Sender, keys};
use lumora_core::delivery::dalek::ListingSecret;
use lumora_data::{
    dataset::{self as data, BuildProgress, Built, Card, Formulas, Packaged, Sample, Statements},
    key::{ContentKey, ResultsSecretKey},
    manifest::Manifest,
    segment::SEGMENT_SIZE,
    store::Store,
};
use lumora_interface::{
    Address,
    market::{Listing, Purchase, listing_state, purchase_address},
};
use serde::Serialize;
use solana_signer::Signer as _;

use crate::{
    dataset::{self, Deliveries, Offer, Opened},
    job::Settlement,
    output::{Format, lmr, table, thousands},
};

/// How long `buy` waits for the key.
const DELIVERY_PATIENCE: Duration = Duration::from_secs(600);
/// Pause between two looks for new purchases.
const SERVE_PAUSE: Duration = Duration::from_millis(500);
/// Longer texts of a sample are cut on the screen.
const SHOWN_CHARACTERS: usize = 200;

#[derive(Subcommand)]
pub enum Command {
    /// Builds a dataset of a job's settled results: merges, removes duplicates, encrypts, uploads. Run it again if it was
    /// stopped.
    Build {
        #[command(flatten)]
        network: Network,
        #[command(flatten)]
        seller: Seller,
        /// Address of the job.
        #[arg(long)]
        job: Address,
        /// The job's manifest.
        #[arg(long)]
        manifest: PathBuf,
        #[command(flatten)]
        place: Place,
        /// Folder to work in. Keep it for `list` and `sample`.
        #[arg(long)]
        work: PathBuf,
    },
    /// Puts up for sale what `build` built.
    List {
        #[command(flatten)]
        network: Network,
        #[command(flatten)]
        seller: Seller,
        /// Address of the job.
        #[arg(long)]
        job: Address,
        #[command(flatten)]
        place: Place,
        /// Folder that `build` worked in.
        #[arg(long)]
        work: PathBuf,
        /// Your own number of this listing: another one for another listing.
        #[arg(long, default_value_t = 0)]
        id: u64,
        /// LMR base units (millionths) for a copy.
        #[arg(long)]
        price: u64,
        /// Seconds in which you deliver, or the buyer is refunded.
        #[arg(long, default_value_t = 3_600)]
        delivery_seconds: u32,
        /// What those who collected the rows get of each sale, together, in basis points.
        #[arg(long, default_value_t = 3_000)]
        executors_bps: u16,
    },
    /// Publishes the free sample of a listing: rows that the hash of the block after it chose.
    Sample {
        #[command(flatten)]
        network: Network,
        #[command(flatten)]
        seller: Seller,
        /// Address of the listing.
        #[arg(long)]
        listing: Address,
        #[command(flatten)]
        place: Place,
        /// Folder that `build` worked in.
        #[arg(long)]
        work: PathBuf,
    },
    /// Delivers the key to everybody who pays for a listing, until Ctrl-C. Start it again at will.
    Serve {
        #[command(flatten)]
        network: Network,
        #[command(flatten)]
        seller: Seller,
        /// Address of the listing.
        #[arg(long)]
        listing: Address,
    },
    /// Lists what is for sale.
    Search {
        #[command(flatten)]
        network: Network,
    },
    /// Shows a listing's data card and free sample, both checked against the chain. Needs no wallet.
    Show {
        #[command(flatten)]
        network: Network,
        /// Address of the listing.
        #[arg(long)]
        listing: Address,
        #[command(flatten)]
        place: Place,
    },
    /// Buys a dataset, waits for its key, downloads, decrypts and verifies it.
    Buy {
        #[command(flatten)]
        network: Network,
        #[command(flatten)]
        copy: Copy,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
    },
    /// Downloads, decrypts and verifies what was bought, going on where an earlier download stopped.
    Download {
        #[command(flatten)]
        network: Network,
        #[command(flatten)]
        copy: Copy,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
    },
    /// Verifies rows that were downloaded earlier (JSON Lines) again.
    Verify {
        #[command(flatten)]
        network: Network,
        #[command(flatten)]
        copy: Copy,
        #[command(flatten)]
        place: Place,
        /// File with the rows.
        #[arg(long)]
        file: PathBuf,
    },
    #[command(flatten)]
    Listing(super::listing::Command),
    /// Rates what was bought, once.
    Rate {
        #[command(flatten)]
        network: Network,
        /// Keypair file of the wallet that paid.
        #[arg(long)]
        key: PathBuf,
        /// Address of the listing.
        #[arg(long)]
        listing: Address,
        /// Your own number of the purchase.
        #[arg(long, default_value_t = 0)]
        index: u32,
        /// 1 (useless) to 5 (excellent).
        #[arg(long, value_parser = clap::value_parser!(u8).range(1..=5))]
        rating: u8,
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
    pub(super) fn connect(&self) -> Result<Connection, lumora_client::Error> {
        match &self.websocket {
            Some(websocket) => Connection::with_websocket(&self.url, websocket),
            None => Connection::new(&self.url),
        }
    }

    fn sender(&self, key: &Path) -> anyhow::Result<Sender> {
        Ok(Sender::new(self.connect()?, keys::load(key)?))
    }
}

/// Who sells.
#[derive(Args)]
pub struct Seller {
    /// Keypair file of your wallet: it pays the fees, and opens the results that nodes sealed for it.
    #[arg(long)]
    key: PathBuf,
    /// File with the listing's secret, encrypted under the passphrase in LUMORA_PASSPHRASE, or else under the key file.
    /// `build` makes it. Without it no copy can be delivered: keep another copy elsewhere.
    #[arg(long)]
    secret: PathBuf,
    /// File that the secret is encrypted under; the wallet's where nothing is named.
    #[arg(long)]
    key_file: Option<PathBuf>,
}

impl Seller {
    fn lock(&self) -> anyhow::Result<lumora_data::locked::Lock> {
        dataset::lock(self.key_file.as_deref().unwrap_or(&self.key))
    }

    fn secret(&self) -> anyhow::Result<ListingSecret> {
        dataset::load_listing_secret(&self.secret, &self.lock()?)
    }
}

/// Which copy.
#[derive(Args)]
pub struct Copy {
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
}

impl Copy {
    async fn delivered(&self, sender: &Sender) -> anyhow::Result<Purchase> {
        let (purchase, _) = purchase_address(&self.listing, &sender.payer_address(), self.index);
        Ok(sender.connection().fetch(&purchase).await?)
    }
}

/// Which store.
#[derive(Args)]
pub struct Place {
    /// Where the dataset's objects are: a folder, `s3://bucket/prefix` (with AWS_ENDPOINT and keys in the environment), or
    /// the address of a web server with a store's folder.
    #[arg(long)]
    store: String,
}

impl Place {
    fn open(&self) -> lumora_data::Result<Store> {
        Store::open(&self.store)
    }
}

/// Where the rows go.
#[derive(Args)]
pub struct Output {
    /// File for the rows.
    #[arg(long)]
    out: PathBuf,
    /// Format of that file. Only JSON Lines can be verified again later.
    #[arg(long, value_enum, default_value = "jsonl")]
    format: FileFormat,
    /// In CSV, leave texts that a spreadsheet would take for formulas as they are, instead of putting an apostrophe in
    /// front: for programs that read CSV.
    #[arg(long)]
    keep_formulas: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FileFormat {
    Jsonl,
    Csv,
    Parquet,
}

impl Output {
    fn format(&self) -> data::Format {
        match self.format {
            FileFormat::Jsonl => data::Format::JsonLines,
            FileFormat::Csv if self.keep_formulas => data::Format::Csv(Formulas::Kept),
            FileFormat::Csv => data::Format::Csv(Formulas::Defused),
            FileFormat::Parquet => data::Format::Parquet,
        }
    }

    /// Where the rows are downloaded to.
    fn rows(&self) -> PathBuf {
        match self.format {
            FileFormat::Jsonl => self.out.clone(),
            _ => {
                let mut path = self.out.clone().into_os_string();
                path.push(".jsonl");
                path.into()
            }
        }
    }

    /// Writes the format that was asked for.
    async fn convert(&self, card: Card) -> anyhow::Result<()> {
        if self.format == FileFormat::Jsonl {
            return Ok(());
        }
        let (rows, format, out) = (self.rows(), self.format(), self.out.clone());
        tokio::task::spawn_blocking(move || -> anyhow::Result<()> {
            data::export(&rows, &card, format, &out)?;
            std::fs::remove_file(&rows).with_context(|| format!("cannot remove {}", rows.display()))
        })
        .await
        .context("the conversion stopped")?
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
struct Shown {
    listing: String,
    price: u64,
    delivery_seconds: u32,
    sales: u64,
    refunds: u64,
    /// Hundredths, 100 to 500.
    rating: Option<u64>,
    card: Card,
    /// What is to be thought of the free sample.
    sample_verdict: String,
    sample: Option<Sample>,
}

#[derive(Serialize)]
struct Received {
    purchase: String,
    rows: u64,
    rows_verified: u64,
    rows_from_settled_shards: u64,
    problems: Vec<String>,
    #[serde(flatten)]
    statements: Statements,
    file: String,
}

#[derive(Serialize)]
struct BuiltDataset {
    rows: u64,
    bytes: u64,
    duplicates_removed: u64,
    shards: usize,
    package: String,
    card: String,
    work: String,
}

/// Runs the command.
pub async fn run(command: &Command, format: Format) -> anyhow::Result<()> {
    match command {
        Command::Build {
            network,
            seller,
            job,
            manifest,
            place,
            work,
        } => build(network, seller, job, manifest, place, work, format).await,
        Command::List {
            network,
            seller,
            job,
            place,
            work,
            id,
            price,
            delivery_seconds,
            executors_bps,
        } => {
            let offer = Offer {
                id: *id,
                price: *price,
                delivery_seconds: *delivery_seconds,
                job: *job,
                executors_bps: *executors_bps,
            };
            list(network, seller, place, work, &offer, format).await
        }
        Command::Sample {
            network,
            seller,
            listing,
            place,
            work,
        } => {
            let secret = seller.secret()?;
            let store = place.open()?;
            let (built, packaged) = reopen(work, &secret, &store).await?;
            let (sample, cid) =
                dataset::publish(&network.connect()?, listing, &built, &packaged, &secret, &store).await?;
            format.print(&sample, |sample| {
                format!("{} rows published as {cid}", sample.rows.len())
            })
        }
        Command::Serve {
            network,
            seller,
            listing,
        } => serve(network.sender(&seller.key)?, seller, listing).await,
        Command::Search { network } => search(&network.connect()?, format).await,
        Command::Show {
            network,
            listing,
            place,
        } => show(&network.connect()?, listing, &place.open()?, format).await,
        Command::Buy {
            network,
            copy,
            place,
            output,
        } => {
            let sender = network.sender(&copy.key)?;
            let store = place.open()?;
            let buyer = sender.payer().insecure_clone();
            // What is for sale must be there before it is paid for.
            let terms: Listing = sender.connection().fetch(&copy.listing).await?;
            data::describe(&dataset::listed(&terms), &store).await?;
            let purchase = dataset::buy(&sender, &buyer, &copy.listing, copy.index, &copy.secret).await?;
            eprintln!("paid; waiting for the key");
            let delivered = dataset::await_delivery(sender.connection(), &purchase, DELIVERY_PATIENCE).await?;
            download(&sender, copy, &delivered, &store, output, format).await
        }
        Command::Download {
            network,
            copy,
            place,
            output,
        } => {
            let sender = network.sender(&copy.key)?;
            let delivered = copy.delivered(&sender).await?;
            download(&sender, copy, &delivered, &place.open()?, output, format).await
        }
        Command::Verify {
            network,
            copy,
            place,
            file,
        } => {
            let sender = network.sender(&copy.key)?;
            let delivered = copy.delivered(&sender).await?;
            let (connection, store) = (sender.connection(), place.open()?);
            let progress = segments_bar("verifying");
            let opened = dataset::verify(
                connection,
                &store,
                &copy.listing,
                &delivered,
                &copy.secret,
                file,
                progress,
            )
            .await?;
            report(&sender, copy, opened, file, format)
        }
        Command::Listing(command) => super::listing::run(command, format).await,
        Command::Rate {
            network,
            key,
            listing,
            index,
            rating,
        } => {
            let sender = network.sender(key)?;
            let buyer = sender.payer().insecure_clone();
            let (purchase, _) = purchase_address(listing, &buyer.pubkey(), *index);
            dataset::rate(&sender, &buyer, listing, &purchase, *rating).await?;
            format.print(&purchase.to_string(), |purchase| {
                format!("rated purchase {purchase} with {rating}")
            })
        }
    }
}

async fn build(
    network: &Network,
    seller: &Seller,
    job: &Address,
    manifest: &Path,
    place: &Place,
    work: &Path,
    format: Format,
) -> anyhow::Result<()> {
    let (connection, store) = (network.connect()?, place.open()?);
    let text = std::fs::read(manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
    let mut manifest = Manifest::from_json(&text)?;
    let results_key = ResultsSecretKey::from_seed(keys::load(&seller.key)?.secret_bytes());
    // As `lumora job create` does with a manifest that names none.
    manifest.results_key.get_or_insert(results_key.public());
    ensure!(
        manifest.results_key == Some(results_key.public()),
        "the manifest's results were sealed for another key: its `results_key` would have to be {} for this wallet",
        results_key.public()
    );
    let lock = seller.lock()?;
    if !seller.secret.exists() {
        let secret = ListingSecret::from_entropy(&dataset::entropy()?);
        dataset::keep_listing_secret(&seller.secret, &secret, &lock)?;
    }
    let secret = dataset::load_listing_secret(&seller.secret, &lock)?;
    let settlement = Settlement::read(&connection, job).await?;
    let bar = ProgressBar::new(0).with_style(ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}")?);
    let shown = bar.clone();
    let on_build = move |progress| {
        let (message, done, total) = match progress {
            BuildProgress::Shards { done, total } => ("taking shards", done as u64, total as u64),
            BuildProgress::Compared(records) => ("looking for duplicates", records, records),
            BuildProgress::Rows { done, total } => ("writing rows", done, total),
        };
        shown.set_message(message);
        shown.set_length(total);
        shown.set_position(done);
    };
    let on_upload = segments_bar("uploading");
    let (built, packaged) = dataset::build(
        &settlement,
        job,
        &results_key,
        manifest,
        &secret,
        &store,
        work,
        on_build,
        on_upload,
    )
    .await?;
    bar.finish_and_clear();
    let summary = BuiltDataset {
        rows: packaged.rows,
        bytes: built.card().bytes,
        duplicates_removed: built.card().duplicates_removed,
        shards: built.origins().len(),
        package: packaged.package_cid.to_string(),
        card: packaged.card_cid.to_string(),
        work: work.display().to_string(),
    };
    format.print(&summary, |built| {
        format!(
            "{} rows ({} bytes) of {} shards, {} duplicates left out\n  package {}\n  card    {}\nPut it up for sale with \
             `lumora dataset list --work {}`.",
            thousands(built.rows),
            thousands(built.bytes),
            built.shards,
            thousands(built.duplicates_removed),
            built.package,
            built.card,
            built.work
        )
    })
}

/// What `build` left in its folder.
async fn reopen(work: &Path, secret: &ListingSecret, store: &Store) -> anyhow::Result<(Built, Packaged)> {
    let built = Built::open(work)?.with_context(|| {
        format!(
            "{} holds no finished dataset: run `lumora dataset build` first",
            work.display()
        )
    })?;
    let key = ContentKey::from(secret.shared().content_key(&built.card().dataset_id));
    // Finds everything done.
    let packaged = data::package(&built, &key, SEGMENT_SIZE, store, |_| ()).await?;
    Ok((built, packaged))
}

async fn list(
    network: &Network,
    seller: &Seller,
    place: &Place,
    work: &Path,
    offer: &Offer,
    format: Format,
) -> anyhow::Result<()> {
    let sender = network.sender(&seller.key)?;
    let secret = seller.secret()?;
    let (built, packaged) = reopen(work, &secret, &place.open()?).await?;
    let settlement = Settlement::read(sender.connection(), &offer.job).await?;
    let shards = built.origins().iter().map(|origin| origin.shard);
    let wallet = sender.payer().insecure_clone();
    let listing = dataset::offer(&sender, &wallet, &packaged, &secret, shards, &settlement, offer).await?;
    format.print(&listing.to_string(), |listing| {
        format!(
            "listed as {listing}\nDeliver what is bought with `lumora dataset serve --listing {listing}`, and publish the free \
             sample with `lumora dataset sample --listing {listing}`."
        )
    })
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
                vec![
                    one.listing.clone(),
                    lmr(one.price),
                    thousands(one.rows),
                    thousands(one.bytes),
                    thousands(one.sales),
                    stars(one.rating),
                ]
            })
            .collect();
        table(&["listing", "LMR", "rows", "bytes", "sales", "rating"], &rows)
    })
}

fn stars(rating: Option<u64>) -> String {
    rating.map_or_else(String::new, |rating| format!("{:.2}", rating as f64 / 100.0))
}

async fn show(connection: &Connection, address: &Address, store: &Store, format: Format) -> anyhow::Result<()> {
    let listing: Listing = connection.fetch(address).await?;
    let listed = dataset::listed(&listing);
    let card = data::describe(&listed, store).await?.card;
    let (sample, sample_verdict) = match Sample::find(&address.to_bytes(), store).await {
        Ok(None) => (None, "the seller has not published the free sample".to_owned()),
        Ok(Some(sample)) => match dataset::beacon(connection, address).await {
            Ok(beacon) => match sample.verify(&listed, &address.to_bytes(), &beacon) {
                Ok(()) => (
                    Some(sample),
                    "rows that the block after the listing chose; all verified".to_owned(),
                ),
                Err(error) => (None, error.to_string()),
            },
            Err(error) => (None, format!("the free sample could not be checked: {error:#}")),
        },
        Err(error) => (None, error.to_string()),
    };
    let shown = Shown {
        listing: address.to_string(),
        price: listing.price,
        delivery_seconds: listing.delivery_seconds,
        sales: listing.sales,
        refunds: listing.refunds,
        rating: listing.mean_rating(),
        card,
        sample_verdict,
        sample,
    };
    format.print(&shown, describe)
}

fn describe(shown: &Shown) -> String {
    let card = &shown.card;
    let mut lines = vec![
        card.name.clone(),
        card.description.clone(),
        String::new(),
        format!(
            "  price      {} LMR, delivered within {} s",
            lmr(shown.price),
            shown.delivery_seconds
        ),
        format!("  sold       {} times, refunded {} times", shown.sales, shown.refunds),
        format!(
            "  rating     {}",
            shown
                .rating
                .map_or_else(|| "none yet".to_owned(), |rating| stars(Some(rating)))
        ),
        format!("  licence    {}", card.licence),
        format!(
            "  rows       {} ({} bytes), {} duplicates left out",
            thousands(card.rows),
            thousands(card.bytes),
            thousands(card.duplicates_removed)
        ),
        format!(
            "  robots.txt {} pages allowed, {} on sites without rules, {} forbidden and not fetched",
            thousands(card.robots.allowed),
            thousands(card.robots.no_rules),
            thousands(card.robots.forbidden)
        ),
        String::new(),
    ];
    let columns: Vec<Vec<String>> = card
        .schema
        .iter()
        .map(|field| {
            vec![
                field.name.clone(),
                format!("{:?}", field.kind),
                thousands(field.present),
            ]
        })
        .collect();
    lines.push(table(&["column", "kind", "not null"], &columns));
    let sources: Vec<Vec<String>> = card
        .sources
        .iter()
        .map(|source| vec![source.site.clone(), thousands(source.rows)])
        .collect();
    lines.push(String::new());
    lines.push(table(&["site", "rows"], &sources));
    lines.push(format!("\nFree sample: {}", shown.sample_verdict));
    for row in shown.sample.iter().flat_map(|sample| &sample.rows) {
        let text: String = row.record.chars().take(SHOWN_CHARACTERS).collect();
        lines.push(format!("  row {}: {text}", row.number));
    }
    // What a stranger wrote must not steer the terminal.
    lines
        .join("\n")
        .chars()
        .filter(|character| *character == '\n' || !character.is_control())
        .collect()
}

async fn download(
    sender: &Sender,
    copy: &Copy,
    delivered: &Purchase,
    store: &Store,
    output: &Output,
    format: Format,
) -> anyhow::Result<()> {
    let rows = output.rows();
    let progress = segments_bar("downloading");
    let opened = dataset::download_with(
        sender.connection(),
        store,
        &copy.listing,
        delivered,
        &copy.secret,
        &rows,
        progress,
    )
    .await?;
    output.convert(opened.card.clone()).await?;
    report(sender, copy, opened, &output.out, format)
}

fn report(sender: &Sender, copy: &Copy, opened: Opened, file: &Path, format: Format) -> anyhow::Result<()> {
    let (purchase, _) = purchase_address(&copy.listing, &sender.payer_address(), copy.index);
    let settled = opened.rows_from_settled_shards;
    let received = Received {
        purchase: purchase.to_string(),
        rows: opened.verification.rows,
        rows_verified: opened.verification.rows_verified,
        rows_from_settled_shards: settled,
        statements: opened.verification.statements(Some(settled)),
        problems: opened.verification.problems,
        file: file.display().to_string(),
    };
    format.print(&received, |received| {
        let mut lines = vec![format!("{} rows in {}", thousands(received.rows), received.file)];
        lines.push("verified:".to_owned());
        lines.extend(received.statements.verified.iter().map(|line| format!("  {line}")));
        lines.push("not verified:".to_owned());
        lines.extend(received.statements.not_verified.iter().map(|line| format!("  {line}")));
        lines.join("\n")
    })
}

/// Shows segments on standard error, if that is a terminal.
fn segments_bar(message: &'static str) -> impl FnMut(data::Progress) + Send + 'static {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} segments {eta}");
    let bar = ProgressBar::new(0).with_message(message);
    let bar = match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    };
    move |progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
        if progress.done == progress.total {
            bar.finish_and_clear();
        }
    }
}

async fn serve(sender: Sender, seller: &Seller, listing: &Address) -> anyhow::Result<()> {
    let secret = seller.secret()?;
    let mut deliveries = Deliveries::open(&seller.secret, listing)?;
    let shutdown = crate::shutdown::on_signal()?;
    loop {
        match deliveries.deliver_due(&sender, listing, &secret).await {
            Ok(round) => {
                for purchase in round.delivered {
                    println!(
                        "{}",
                        serde_json::json!({ "event": "delivered", "purchase": purchase.to_string() })
                    );
                }
                for (purchase, error) in round.failed {
                    tracing::warn!("purchase {purchase} is not delivered yet: {error:#}");
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
