//! `lumora demo`: the whole flow on an embedded network, on real pages, with every party a process of its own.

mod cast;
mod collect;
mod links;
mod options;
mod pages;
mod processes;
mod stages;
mod summary;
mod supervisor;

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use anyhow::{Context as _, bail};
use lumora_client::{Connection, Sender, location::Location, rewards};
use lumora_data::{
    address::is_public,
    fetch::{FetchOptions, Fetcher, MAX_PUBLIC_RATE},
    key::ResultsSecretKey,
    locked::Lock,
    store::Store,
};
use lumora_interface::{
    Address,
    bandwidth::{Attestation, attestation_address},
    registry::node_address,
};
use lumora_localnet::Localnet;
use lumora_migrations::{Oracle, Settings};
use solana_signer::Signer as _;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

pub use self::options::Options;
use self::{
    cast::Cast,
    collect::Tally,
    links::Links,
    pages::Sites,
    processes::{Endpoints, Folders},
    stages::Stages,
    summary::{Dataset, Summary},
    supervisor::{Notice, Supervisor},
};
use crate::{
    dataset::{self, Made},
    job,
    output::Format,
    web::{self, Web},
};

const LMR: u64 = 1_000_000;
/// What the client and the buyer get from the early-participant pool, and what each provider gets for its bond.
const CLIENT_LMR: u64 = 1_000 * LMR;
const BUYER_LMR: u64 = 500 * LMR;
/// Price of one replica of one shard, and of the dataset.
const SHARD_PRICE: u64 = 2 * LMR;
const DATASET_PRICE: u64 = 120 * LMR;
/// How long each wait may last before the demo gives up and says where to look.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long the block that chooses the free sample may take to be final.
const FINALITY_PATIENCE: Duration = Duration::from_secs(60);

/// Runs the demo.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let folders = Folders::create(match &options.folder {
        Some(folder) => std::path::absolute(folder).context("the folder's path cannot be made absolute")?,
        None => std::env::temp_dir().join(format!("lumora-demo-{}", std::process::id())),
    })?;
    let (mut supervisor, mut notices) = Supervisor::new();
    let flow = Flow {
        options: &options,
        folders: &folders,
    };
    let shutdown = crate::shutdown::on_signal()?;
    let outcome = tokio::select! {
        outcome = flow.run(&mut supervisor, &mut notices) => outcome,
        () = shutdown.cancelled() => Err(anyhow::anyhow!("interrupted; run it again at any time")),
    };
    let outcome = match outcome {
        Ok(finished) if options.keep => finished.keep(&folders, &supervisor, &shutdown).await,
        Ok(_) => Ok(()),
        Err(error) => Err(error.context(format!(
            "the demo did not finish; logs are in {}",
            folders.logs.display()
        ))),
    };
    supervisor.stop().await;
    outcome
}

struct Flow<'a> {
    options: &'a Options,
    folders: &'a Folders,
}

/// What is still running when the flow is through.
struct Finished {
    localnet: Localnet,
    cast: Cast,
    sites: Option<Sites>,
    _links: Links,
}

impl Finished {
    async fn keep(
        &self,
        folders: &Folders,
        supervisor: &Supervisor,
        shutdown: &CancellationToken,
    ) -> anyhow::Result<()> {
        println!(
            "\nStill running; Ctrl-C stops it all.\n\n{}",
            self.localnet.environment()
        );
        if let Some(sites) = &self.sites {
            println!("site      {}", sites.main.url());
        }
        for (name, pid) in supervisor.children() {
            println!("{name:<9} process {pid}");
        }
        for (name, key) in [("client", &self.cast.client), ("buyer", &self.cast.buyer)] {
            println!("{name:<9} {}  {}", key.address(), key.path.display());
        }
        let web = self.serve(folders).await?;
        match &web {
            Some(web) => println!("indexer   {}\nweb app   {}", web.indexer_url(), web.url()),
            None => println!(
                "web app   not built: `npm install` in app/client, then `npm install && npm run build` in app/web"
            ),
        }
        shutdown.cancelled().await;
        if let Some(web) = web {
            web.stop().await;
        }
        Ok(())
    }

    /// The web app on this network, if it is built.
    async fn serve(&self, folders: &Folders) -> anyhow::Result<Option<Web>> {
        let Ok(app) = web::folder() else {
            return Ok(None);
        };
        let web = Web::start(web::Options {
            app,
            store: folders.store.clone(),
            database: folders.root.join("index.db"),
            port: 0,
            indexer_port: 0,
            rpc_url: self.localnet.rpc_url().to_owned(),
            websocket_url: self.localnet.websocket_url().to_owned(),
        })
        .await?;
        Ok(Some(web))
    }
}

impl Flow<'_> {
    async fn run(
        &self,
        supervisor: &mut Supervisor,
        notices: &mut UnboundedReceiver<Notice>,
    ) -> anyhow::Result<Finished> {
        let mut stages = Stages::new();
        let cast = Cast::create(&self.folders.root, self.options)?;

        let bar = stages.begin("Shaping links");
        let lines = cast.nodes.iter().map(|node| (node.name.as_str(), node.link_kbps));
        let mut links = if self.options.site.is_some() {
            Links::relays(lines)
        } else {
            Links::create(lines)?
        };
        bar.set_message(format!("{} links, {}", cast.nodes.len(), links.describe()));
        let hub = links.hub();
        let addresses = processes::oracle_addresses(&cast, hub)?;

        let bar = stages.begin("Starting the network");
        let localnet = self.start_network(&cast, &addresses, &bar).await?;
        let endpoints = endpoints(&localnet, hub).await?;
        let sender = localnet.sender();
        self.fund(&localnet, &sender, &cast).await?;
        bar.set_message(format!(
            "5 programs deployed, {} migrations, {}",
            localnet.migrations().len(),
            localnet.rpc_url()
        ));

        let bar = stages.begin("Serving pages");
        let site = self.start_site(hub).await?;
        bar.set_message(site.describe());

        let bar = stages.begin("Measuring bandwidth");
        processes::start_oracles(supervisor, &cast, &addresses, &endpoints, &site.addresses, self.folders)?;
        processes::start_nodes(
            supervisor,
            &cast,
            &mut links,
            &addresses,
            &endpoints,
            &site.addresses,
            self.folders,
        )?;
        let mut tally = Tally::new(&cast);
        let measured = self
            .await_attestations(&localnet, &cast, notices, &mut tally, &bar)
            .await?;

        let bar = stages.begin("Scraping");
        let store = Store::local(&self.folders.store)?;
        let secret = ResultsSecretKey::random()?;
        let urls = site.urls;
        let listed = urls.len();
        let (manifest, list) = pages::manifest(urls, secret.public());
        let terms = job::Terms {
            shards: self.options.shards,
            replicas: self.options.replicas,
            max_replicas: self.options.replicas,
            price: SHARD_PRICE,
            open_seconds: 240,
            commit_seconds: 45,
            reveal_seconds: 20,
            challenge_seconds: if self.options.replicas == 1 { 10 } else { 0 },
            target: Location::from_degrees(cast::TARGET.latitude, cast::TARGET.longitude)?.centre,
        };
        let client = &cast.client.keypair;
        let job = job::create(&sender, client, 1, &manifest, Some(list), &store, &terms).await?;
        self.await_job(&localnet, &job, notices, &mut tally, &bar).await?;

        let bar = stages.begin("Building the dataset");
        let settlement = job::Settlement::read(localnet.connection(), &job).await?;
        let results = job::fetch(&settlement, &job, &secret, &store).await?;
        job::close(&sender, &job, &client.pubkey()).await?;
        let offer = dataset::Offer {
            id: 1,
            price: DATASET_PRICE,
            delivery_seconds: 120,
            job,
            // The seller keeps 70 %; the executors of the shards share 30 % in proportion to their rows.
            executors_bps: 3_000,
        };
        let made = dataset::make(&job, &manifest, &results, &store, &self.folders.root.join("dataset")).await?;
        let shards = results.iter().map(|result| result.work.shard);
        let listing = dataset::offer(
            &sender,
            client,
            &made.packaged,
            &made.secret,
            shards,
            &settlement,
            &offer,
        )
        .await?;
        let secret_path = self.folders.root.join("listing.secret");
        dataset::keep_listing_secret(&secret_path, &made.secret, &Lock::key_file(&cast.client.path)?)?;
        bar.set_message(format!("{} results fetched, listed as {listing}", results.len()));

        let bar = stages.begin("Selling the dataset");
        processes::start_seller(
            supervisor,
            &cast.client.path,
            &secret_path,
            &listing.to_string(),
            &endpoints,
            self.folders,
        )?;
        // The block that chooses the sample is final a while after the listing: meanwhile a copy is sold.
        let (sold, sample_rows) = tokio::try_join!(
            self.sell(&localnet, &cast, &listing, &store),
            publish_sample(localnet.connection(), &listing, &made, &store),
        )?;
        let sold = Dataset { sample_rows, ..sold };
        bar.set_message(format!("{} rows decrypted and verified", sold.rows_verified));

        let bar = stages.begin("Collecting figures");
        bar.set_message("reading the chain");
        tally.drain(notices);
        let figures = collect::Figures::read(localnet.connection(), &cast, &job, &settlement, &measured).await?;
        stages.end();

        let (wall_seconds, stages) = stages.finish();
        let summary = Summary {
            wall_seconds,
            stages,
            links: links.describe().to_owned(),
            nodes: figures.nodes,
            epochs: figures.epochs,
            pages: tally.pages(listed, site.sites.as_ref()),
            shards: figures.shards,
            escrow: figures.escrow,
            dataset: sold,
            compute: figures.compute,
            endings: supervisor.endings(),
            takeovers: figures.takeovers,
        };
        self.report(&summary)?;
        Ok(Finished {
            localnet,
            cast,
            sites: site.sites,
            _links: links,
        })
    }

    fn report(&self, summary: &Summary) -> anyhow::Result<()> {
        Format::Text.print(summary, Summary::describe)?;
        if let Some(path) = &self.options.json_file {
            std::fs::write(path, serde_json::to_vec_pretty(summary)?)
                .with_context(|| format!("cannot write {}", path.display()))?;
            println!("\n  the same as JSON: {}", path.display());
        }
        Ok(())
    }

    async fn start_network(
        &self,
        cast: &Cast,
        addresses: &[processes::OracleAddress],
        bar: &indicatif::ProgressBar,
    ) -> anyhow::Result<Localnet> {
        let mut options = lumora_localnet::Options::new(crate::programs::folder()?);
        let everybody = cast
            .nodes
            .iter()
            .flat_map(|node| [node.owner.address(), node.operator.address()])
            .chain(cast.oracles.iter().map(|oracle| oracle.key.address()))
            .chain([cast.client.address(), cast.buyer.address()]);
        options.funded = everybody.collect();
        self.adjust(&mut options.settings, cast, addresses);
        let localnet = Localnet::start_with_progress(options, |progress| {
            bar.set_message(format!("{} {}/{}", progress.step, progress.done, progress.total));
        })
        .await?;
        Ok(localnet)
    }

    /// The settings of a local network, with the demo's oracles and its short epochs.
    fn adjust(&self, settings: &mut Settings, cast: &Cast, addresses: &[processes::OracleAddress]) {
        settings.oracles.epoch_seconds = self.options.epoch_seconds;
        settings.oracles.commit_seconds = 8;
        settings.oracles.dispute_seconds = 1;
        settings.oracles.members = cast
            .oracles
            .iter()
            .zip(addresses)
            .map(|(oracle, address)| Oracle {
                key: oracle.key.address().into(),
                endpoint: address.measure,
                owner: None,
            })
            .collect();
        settings.network.minimum_bond = processes::BOND / 2;
        // The fastest link of the cast counts fully.
        settings.network.reference_kbps = 100_000;
    }

    async fn fund(&self, localnet: &Localnet, sender: &Sender, cast: &Cast) -> anyhow::Result<()> {
        let authority = localnet.authority().pubkey();
        let mut grants = vec![(cast.client.address(), CLIENT_LMR), (cast.buyer.address(), BUYER_LMR)];
        grants.extend(cast.nodes.iter().map(|node| (node.owner.address(), processes::BOND)));
        for (recipient, amount) in grants {
            sender
                .send(&rewards::grant_at_once(&authority, &recipient, amount), &[])
                .await
                .with_context(|| format!("no LMR could be granted to {recipient}"))?;
        }
        Ok(())
    }

    async fn start_site(&self, hub: std::net::IpAddr) -> anyhow::Result<SiteOfJob> {
        let count = usize::try_from(self.options.pages).unwrap_or(usize::MAX);
        if let Some(site) = &self.options.site {
            let secret = ResultsSecretKey::random()?;
            let (mut manifest, _) = pages::manifest(vec![site.clone()], secret.public());
            manifest.pages = lumora_data::manifest::Pages::Urls(vec![site.clone()]);
            manifest.requests_per_second = MAX_PUBLIC_RATE;
            let addresses = private_address(site).into_iter().collect();
            let options = FetchOptions {
                allow_private_addresses: private_address(site).is_some(),
                ..FetchOptions::for_manifest(&manifest)
            };
            let fetcher = Fetcher::new(options)?;
            let urls = lumora_data::discover::discover(&fetcher, &manifest, count, |_| ()).await;
            if urls.is_empty() {
                bail!(
                    "no page could be found on {site}: is it reachable, and does its robots.txt allow {}?",
                    pages::AGENT
                );
            }
            return Ok(SiteOfJob {
                sites: None,
                urls,
                addresses,
            });
        }
        let folder = pages::folder(self.options.dir.as_deref())?;
        let sites = Sites::start(&folder, hub).await?;
        let urls = sites.choose(&folder, count)?;
        Ok(SiteOfJob {
            addresses: sites.addresses(),
            sites: Some(sites),
            urls,
        })
    }

    /// Waits until every node that is alive has proven figures of an epoch on chain; returns the first of each.
    async fn await_attestations(
        &self,
        localnet: &Localnet,
        cast: &Cast,
        notices: &mut UnboundedReceiver<Notice>,
        tally: &mut Tally,
        bar: &indicatif::ProgressBar,
    ) -> anyhow::Result<BTreeMap<Address, Attestation>> {
        let nodes: Vec<Address> = cast
            .nodes
            .iter()
            .map(|node| node_address(&node.owner.address(), 0).0)
            .collect();
        let attestations: Vec<Address> = nodes.iter().map(|node| attestation_address(node).0).collect();
        let mut measured = BTreeMap::new();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            tally.drain(notices);
            for (node, found) in nodes
                .iter()
                .zip(localnet.connection().fetch_many::<Attestation>(&attestations).await?)
            {
                if let Some(attestation) = found {
                    // A rate of zero is no measurement: the node came too late for that epoch.
                    if attestation.down_kbps > 0 {
                        measured.entry(*node).or_insert(attestation);
                    }
                }
            }
            let alive = cast
                .nodes
                .iter()
                .zip(&nodes)
                .filter(|(node, _)| !tally.has_ended(&node.name));
            let waiting = alive.filter(|(_, node)| !measured.contains_key(*node)).count();
            bar.set_message(format!(
                "{}; {} of {} nodes attested",
                tally.latest(),
                measured.len(),
                nodes.len()
            ));
            if waiting == 0 {
                bar.set_message(format!(
                    "{} nodes attested by {} oracles",
                    measured.len(),
                    cast.oracles.len()
                ));
                return Ok(measured);
            }
            if tokio::time::Instant::now() >= deadline {
                bail!("{waiting} nodes were not attested within {} s", PATIENCE.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    async fn await_job(
        &self,
        localnet: &Localnet,
        job: &Address,
        notices: &mut UnboundedReceiver<Notice>,
        tally: &mut Tally,
        bar: &indicatif::ProgressBar,
    ) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + PATIENCE + Duration::from_secs(60);
        loop {
            tally.drain(notices);
            let Some((_, standing)) = job::standing(localnet.connection(), job).await? else {
                return Ok(());
            };
            bar.set_message(format!(
                "{} of {} shards settled, {} in work, {} pages fetched",
                standing.settled,
                standing.shards,
                standing.in_work,
                tally.pages_done()
            ));
            if standing.settled == standing.shards {
                return Ok(());
            }
            if tokio::time::Instant::now() >= deadline {
                bail!(
                    "only {} of {} shards were settled in time",
                    standing.settled,
                    standing.shards
                );
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    async fn sell(
        &self,
        localnet: &Localnet,
        cast: &Cast,
        listing: &Address,
        store: &Store,
    ) -> anyhow::Result<Dataset> {
        let connection = localnet.connection();
        let buyer = &cast.buyer.keypair;
        let sender = localnet.sender();
        let secret_path = self.folders.root.join("purchase.secret");
        let bought = tokio::time::Instant::now();
        let purchase = dataset::buy(&sender, buyer, listing, 0, &secret_path).await?;
        let delivered = dataset::await_delivery(connection, &purchase, PATIENCE).await?;
        let delivery_seconds = bought.elapsed().as_secs_f64();
        let path = self.folders.root.join("dataset.jsonl");
        let opened = dataset::download(connection, store, listing, &delivered, &secret_path, &path).await?;
        Ok(Dataset {
            listing: listing.to_string(),
            rows_listed: opened.listing.rows,
            rows_bought: opened.card.rows,
            rows_decrypted: opened.verification.rows,
            rows_verified: opened.rows_from_settled_shards,
            ciphertext_bytes: opened.listing.size_bytes,
            price: delivered.amount,
            delivery_seconds,
            file: path.display().to_string(),
            ..Dataset::default()
        })
    }
}

/// Publishes the free sample as soon as its rows can be chosen: how many they are.
async fn publish_sample(connection: &Connection, listing: &Address, made: &Made, store: &Store) -> anyhow::Result<u64> {
    let started = tokio::time::Instant::now();
    loop {
        match dataset::publish(connection, listing, &made.built, &made.packaged, &made.secret, store).await {
            Ok((sample, _)) => return Ok(sample.rows.len() as u64),
            Err(error) if started.elapsed() > FINALITY_PATIENCE => {
                return Err(error.context("no free sample was published"));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
        }
    }
}

/// The job's pages, and the sites that serve them if they are ours.
struct SiteOfJob {
    sites: Option<Sites>,
    urls: Vec<url::Url>,
    addresses: Vec<SocketAddr>,
}

impl SiteOfJob {
    fn describe(&self) -> String {
        match &self.sites {
            Some(sites) => format!("{} pages at {}", self.urls.len(), sites.main.url()),
            None => format!("{} pages found", self.urls.len()),
        }
    }
}

/// Where a site is, if its URL names an address that is not public: nodes must be told that they may fetch from there.
fn private_address(site: &url::Url) -> Option<SocketAddr> {
    let ip = site.host_str()?.trim_matches(['[', ']']).parse().ok()?;
    let address = SocketAddr::new(ip, site.port_or_known_default()?);
    (!is_public(ip)).then_some(address)
}

/// The network's addresses as nodes reach them.
async fn endpoints(localnet: &Localnet, hub: std::net::IpAddr) -> anyhow::Result<Endpoints> {
    if hub.is_loopback() {
        return Ok(Endpoints {
            rpc: localnet.rpc_url().to_owned(),
            websocket: localnet.websocket_url().to_owned(),
        });
    }
    let at = |url: &str| -> anyhow::Result<SocketAddr> {
        let url = url::Url::parse(url)?;
        let port = url.port().context("the embedded network has a port")?;
        Ok(SocketAddr::new(processes::LOOPBACK, port))
    };
    let from = SocketAddr::new(hub, 0);
    let reach = async |url: &str| -> anyhow::Result<SocketAddr> {
        let listening = lumora_pob::lab::forward(from, at(url)?).await;
        listening.with_context(|| format!("cannot listen on {hub}"))
    };
    let rpc = reach(localnet.rpc_url()).await?;
    let websocket = reach(localnet.websocket_url()).await?;
    Ok(Endpoints {
        rpc: format!("http://{rpc}"),
        websocket: format!("ws://{websocket}"),
    })
}
