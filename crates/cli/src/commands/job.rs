//! `lumora job`: have pages scraped, watch, cancel, fetch the records, end the job.

use std::{
    io::{BufWriter, IsTerminal as _, Write as _},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use lumora_client::{Connection, Sender, keys, location::Location};
use lumora_data::{key::ResultsSecretKey, manifest::Manifest, store::Store};
use lumora_interface::{Address, tasks::Job};
use serde::Serialize;
use solana_keypair::Keypair;
use solana_signer::Signer as _;

use super::dataset::Network;
use crate::{
    job::{self, Row, Settlement, Standing, Terms},
    output::{Format, lmr, table, thousands},
};

#[derive(Subcommand)]
pub enum Command {
    /// Stores the manifest, creates the job and puts up its escrow.
    Create(Box<Create>),
    /// Shows who works on what until all shards are settled or the job is closed.
    Watch {
        #[command(flatten)]
        network: Network,
        /// Address of the job.
        job: Address,
        /// Shows it once and ends.
        #[arg(long)]
        once: bool,
        /// Seconds between two looks.
        #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3_600))]
        every: u64,
    },
    /// Stops further claims and takes back what can no longer be spent.
    Cancel {
        #[command(flatten)]
        wallet: Wallet,
        /// Address of the job.
        job: Address,
    },
    /// Downloads the settled results, verifies them against what was revealed on chain, and writes the records.
    Fetch {
        #[command(flatten)]
        wallet: Wallet,
        /// Address of the job.
        job: Address,
        /// The content-addressed store with the results, as for `create`.
        #[arg(long)]
        store: String,
        /// File for the records, as JSON Lines.
        #[arg(long)]
        out: PathBuf,
    },
    /// Clears away what failed assignments left behind and takes back the rest of the escrow and the rent.
    Close {
        #[command(flatten)]
        wallet: Wallet,
        /// Address of the job.
        job: Address,
    },
}

/// Who pays.
#[derive(Args)]
pub struct Wallet {
    #[command(flatten)]
    network: Network,
    /// Keypair file of the client's wallet. Results are sealed for a key that follows from it.
    #[arg(long)]
    key: PathBuf,
}

impl Wallet {
    fn open(&self) -> anyhow::Result<(Sender, Keypair)> {
        let client = keys::load(&self.key)?;
        let sender = Sender::new(self.network.connect()?, client.insecure_clone());
        Ok((sender, client))
    }
}

/// Terms of a new job.
#[derive(Args)]
pub struct Create {
    #[command(flatten)]
    wallet: Wallet,
    /// File with the manifest: what to fetch and what to keep of it.
    #[arg(long)]
    manifest: PathBuf,
    /// File with the list of pages, if the manifest names one.
    #[arg(long)]
    url_list: Option<PathBuf>,
    /// The content-addressed store that nodes read: a folder, `s3://bucket/prefix` (with AWS_ENDPOINT and keys in the
    /// environment), or the address of a web server with a store's folder.
    #[arg(long)]
    store: String,
    /// LMR base units for one replica of one shard, the protocol's fee included (1 LMR is 1,000,000).
    #[arg(long)]
    price: u64,
    /// Nodes that do each shard.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=7))]
    replicas: u8,
    /// Nodes that may do a shard while its results do not agree; by default one more than the replicas, if there are two or
    /// more. The escrow covers all of them; what is not spent comes back.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=7))]
    max_replicas: Option<u8>,
    /// Shards that the pages are split into.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=8_192))]
    shards: u32,
    /// Seconds from now on in which shards can be claimed.
    #[arg(long, default_value_t = 86_400)]
    deadline: u32,
    /// Seconds from a claim in which a node must commit to its result.
    #[arg(long, default_value_t = 3_600)]
    commit_seconds: u32,
    /// Seconds from the last commitment in which results must be shown.
    #[arg(long, default_value_t = 600)]
    reveal_seconds: u32,
    /// Seconds in which the oracles may reject a result that has no other beside it; for one replica only.
    #[arg(long, default_value_t = 3_600)]
    challenge_seconds: u32,
    /// Where the data lives: degrees north.
    #[arg(long, allow_hyphen_values = true)]
    latitude: f64,
    /// Where the data lives: degrees east.
    #[arg(long, allow_hyphen_values = true)]
    longitude: f64,
    /// Your own number of this job; by default the time in seconds.
    #[arg(long)]
    id: Option<u64>,
}

impl Create {
    fn terms(&self) -> anyhow::Result<Terms> {
        let single = self.replicas == 1;
        let by_default = if single {
            1
        } else {
            self.replicas.saturating_add(1).min(7)
        };
        Ok(Terms {
            shards: self.shards,
            replicas: self.replicas,
            max_replicas: self.max_replicas.unwrap_or(by_default),
            price: self.price,
            open_seconds: self.deadline,
            commit_seconds: self.commit_seconds,
            reveal_seconds: self.reveal_seconds,
            challenge_seconds: if single { self.challenge_seconds } else { 0 },
            target: Location::from_degrees(self.latitude, self.longitude)?.centre,
        })
    }
}

#[derive(Serialize)]
struct Created {
    job: String,
    escrow: u64,
}

#[derive(Serialize)]
struct Watched {
    settled: u32,
    in_work: u32,
    shards: u32,
    paid: u64,
    assignments: Vec<Row>,
}

#[derive(Serialize)]
struct Fetched {
    shards: usize,
    records: u64,
    file: String,
}

#[derive(Serialize)]
struct Done {
    job: String,
}

/// Runs the command.
pub async fn run(command: &Command, format: Format) -> anyhow::Result<()> {
    match command {
        Command::Create(arguments) => create(arguments, format).await,
        Command::Watch {
            network,
            job,
            once,
            every,
        } => watch(&network.connect()?, job, *once, Duration::from_secs(*every), format).await,
        Command::Cancel { wallet, job } => {
            let (sender, client) = wallet.open()?;
            job::cancel(&sender, job, &client).await?;
            let done = Done { job: job.to_string() };
            format.print(&done, |done| format!("{} takes no more claims", done.job))
        }
        Command::Fetch {
            wallet,
            job,
            store,
            out,
        } => fetch(wallet, job, store, out, format).await,
        Command::Close { wallet, job } => {
            let (sender, client) = wallet.open()?;
            job::close(&sender, job, &client.pubkey()).await?;
            let done = Done { job: job.to_string() };
            format.print(&done, |done| format!("{} is closed", done.job))
        }
    }
}

/// The key for which the results of a client's jobs are sealed.
fn results_key(client: &Keypair) -> ResultsSecretKey {
    ResultsSecretKey::from_seed(client.secret_bytes())
}

async fn create(arguments: &Create, format: Format) -> anyhow::Result<()> {
    let (sender, client) = arguments.wallet.open()?;
    let text = std::fs::read(&arguments.manifest)
        .with_context(|| format!("the manifest {} cannot be read", arguments.manifest.display()))?;
    let mut manifest = Manifest::from_json(&text)?;
    let own = results_key(&client).public();
    match &manifest.results_key {
        None => manifest.results_key = Some(own),
        Some(key) if *key == own => {}
        Some(_) => bail!("the manifest's `results_key` is not that of this wallet: leave it out"),
    }
    let list = arguments.url_list.as_ref().map(std::fs::read_to_string).transpose();
    let list = list.context("the list of pages cannot be read")?;
    let store = Store::open(&arguments.store)?;
    let id = match arguments.id {
        Some(id) => id,
        None => u64::try_from(sender.connection().unix_timestamp().await?)?,
    };
    let job = job::create(&sender, &client, id, &manifest, list, &store, &arguments.terms()?).await?;
    let account: Job = sender.connection().fetch(&job).await?;
    let created = Created {
        job: job.to_string(),
        escrow: account.escrowed,
    };
    format.print(&created, |created| {
        format!("{}\n  {} LMR in escrow", created.job, lmr(created.escrow))
    })
}

async fn watch(
    connection: &Connection,
    address: &Address,
    once: bool,
    every: Duration,
    format: Format,
) -> anyhow::Result<()> {
    let shutdown = crate::shutdown::on_signal()?;
    let redraw = !once && format == Format::Text && std::io::stdout().is_terminal();
    loop {
        let Some((job, states)) = connection.job(address).await? else {
            bail!("there is no job {address}, or it is closed");
        };
        let standing = Standing::of(&states);
        let watched = Watched {
            settled: standing.settled,
            in_work: standing.in_work,
            shards: standing.shards,
            paid: job.paid,
            assignments: job::rows(&job, &job::assignments(connection, address).await?),
        };
        if redraw {
            // Clears the screen and begins at its top.
            print!("\x1b[2J\x1b[H");
        }
        let now = connection.unix_timestamp().await?;
        format.print(&watched, |watched| describe(watched, now))?;
        if once || standing.settled == standing.shards {
            return Ok(());
        }
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = tokio::time::sleep(every) => {}
        }
    }
}

fn describe(watched: &Watched, now: i64) -> String {
    let rows: Vec<Vec<String>> = watched
        .assignments
        .iter()
        .map(|row| {
            let left = row.deadline.map(|deadline| deadline.saturating_sub(now));
            vec![
                row.shard.to_string(),
                row.replica.to_string(),
                row.node.clone(),
                row.score.to_string(),
                row.state.to_owned(),
                left.map_or_else(String::new, |left| format!("{left} s")),
            ]
        })
        .collect();
    format!(
        "{} of {} shards settled, {} in work, {} LMR paid\n{}",
        thousands(watched.settled.into()),
        thousands(watched.shards.into()),
        thousands(watched.in_work.into()),
        lmr(watched.paid),
        table(&["shard", "replica", "node", "score", "state", "time left"], &rows)
    )
}

async fn fetch(
    wallet: &Wallet,
    address: &Address,
    store: &str,
    out: &std::path::Path,
    format: Format,
) -> anyhow::Result<()> {
    let (sender, client) = wallet.open()?;
    let store = Store::open(store)?;
    let settlement = Settlement::read(sender.connection(), address).await?;
    let results = job::fetch(&settlement, address, &results_key(&client), &store).await?;
    let file = std::fs::File::create(out).with_context(|| format!("{} cannot be written", out.display()))?;
    let mut file = BufWriter::new(file);
    let records = job::write_records(&results, &mut file)?;
    file.flush()?;
    let fetched = Fetched {
        shards: results.len(),
        records,
        file: out.display().to_string(),
    };
    format.print(&fetched, |fetched| {
        format!(
            "{} records of {} shards in {}",
            thousands(fetched.records),
            thousands(fetched.shards as u64),
            fetched.file
        )
    })
}
