//! A running local network: what it offers to those who use it.

use {
    crate::{
        Error,
        engine::{Configuration, Engine, free_ports},
        keys,
    },
    lumora_client::{Connection, Sender},
    lumora_migrations::{Progress, Report, Settings},
    solana_address::Address,
    solana_keypair::Keypair,
    solana_signer::Signer,
    std::{path::PathBuf, sync::Arc, time::Duration},
};

/// Lamports of the authority and of each wallet that is funded from the start: 10,000 SOL.
const START_LAMPORTS: u64 = 10_000_000_000_000;
const READY_PATIENCE: Duration = Duration::from_secs(20);
const AIRDROP_PATIENCE: Duration = Duration::from_secs(10);

/// How a local network is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Port of the JSON-RPC server; the WebSocket is on the next one. `None` takes two free ports.
    pub rpc_port: Option<u16>,
    /// Pace of the slots. A blockhash lasts 150 of them, the slot hashes 512.
    pub slot_time: Duration,
    /// Wallets that hold 10,000 SOL from the first slot on, besides the authority.
    pub funded: Vec<Address>,
    /// What is deployed, and the network's parameters.
    pub settings: Settings,
}

impl Options {
    /// Free ports, slots of 200 ms, the settings of a local network, and programs from this folder.
    pub fn new(programs: impl Into<PathBuf>) -> Self {
        let mut settings = Settings::localnet();
        settings.programs.folder = programs.into();
        Self {
            rpc_port: None,
            slot_time: Duration::from_millis(200),
            funded: Vec::new(),
            settings,
        }
    }
}

/// An embedded network. It ends when this is dropped; nothing of it is kept.
pub struct Localnet {
    engine: Engine,
    connection: Connection,
    authority: Arc<Keypair>,
    migrations: Vec<Report>,
}

impl Localnet {
    /// Starts the network and runs the migrations.
    pub async fn start(options: Options) -> Result<Self, Error> {
        Self::start_with_progress(options, |_| ()).await
    }

    /// As [`Localnet::start`], telling how far the migrations have come.
    pub async fn start_with_progress(
        options: Options,
        progress: impl Fn(Progress) + Send + Sync,
    ) -> Result<Self, Error> {
        let settings = options.settings.clone();
        let mut localnet = Self::start_empty(options).await?;
        localnet.migrations = lumora_migrations::run(&localnet.sender(), &settings, progress).await?;
        Ok(localnet)
    }

    /// Starts the network without programs.
    pub async fn start_empty(options: Options) -> Result<Self, Error> {
        let (rpc_port, websocket_port) = match options.rpc_port {
            Some(port) => {
                let next = port.checked_add(1).ok_or(Error::NoFreePorts)?;
                (port, next)
            }
            None => free_ports()?,
        };
        let authority = Arc::new(keys::authority());
        let mut funded = vec![authority.pubkey()];
        funded.extend(options.funded.iter().filter(|address| **address != authority.pubkey()));
        let configuration = Configuration {
            rpc_port,
            websocket_port,
            slot_time: options.slot_time,
            funded,
            lamports: START_LAMPORTS,
        };
        // Starting waits for the engine's thread, so it must not hold up this runtime.
        let engine = tokio::task::spawn_blocking(move || Engine::start(&configuration))
            .await
            .map_err(|error| Error::Start(error.to_string()))??;
        let connection = Connection::with_websocket(
            &format!("http://127.0.0.1:{rpc_port}"),
            &format!("ws://127.0.0.1:{websocket_port}"),
        )?;
        connection.wait_until_ready(READY_PATIENCE).await?;
        // The first block that our clock asked for: from here on the chain has this machine's time.
        let slot = connection.slot().await?;
        while connection.slot().await? == slot {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(Self {
            engine,
            connection,
            authority,
            migrations: Vec::new(),
        })
    }

    pub fn rpc_url(&self) -> &str {
        self.connection.url()
    }

    pub fn websocket_url(&self) -> &str {
        self.connection.websocket_url()
    }

    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Deployed the programs, may change the network's parameters and grant LMR.
    pub fn authority(&self) -> &Keypair {
        &self.authority
    }

    /// Lands transactions that the authority pays for.
    pub fn sender(&self) -> Sender {
        Sender::new(self.connection.clone(), self.authority.clone())
    }

    /// What each migration did and how long it took.
    pub fn migrations(&self) -> &[Report] {
        &self.migrations
    }

    /// Lamports out of nowhere, as on any test network.
    pub async fn airdrop(&self, address: &Address, lamports: u64) -> Result<(), Error> {
        let before = self.connection.balance(address).await?;
        let failed = |_| Error::Airdrop { lamports };
        self.connection
            .rpc()
            .request_airdrop(address, lamports)
            .await
            .map_err(failed)?;
        let deadline = tokio::time::Instant::now() + AIRDROP_PATIENCE;
        while self.connection.balance(address).await? < before.saturating_add(lamports) {
            if tokio::time::Instant::now() >= deadline {
                return Err(Error::Airdrop { lamports });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// LMR base units from the early-participant pool, whose grants vest at once on this network.
    pub async fn grant_lmr(&self, address: &Address, amount: u64) -> Result<(), Error> {
        let authority = self.authority.pubkey();
        let instructions = lumora_client::rewards::grant_at_once(&authority, address, amount);
        self.sender().send(&instructions, &[]).await?;
        Ok(())
    }

    /// Lets the chain's clock jump forward: deadlines pass at once. It goes on from there at the usual pace.
    pub async fn advance_clock(&self, by: Duration) -> Result<(), Error> {
        let seconds = i64::try_from(by.as_secs()).unwrap_or(i64::MAX);
        let target = self.connection.unix_timestamp().await?.saturating_add(seconds);
        self.engine.advance_clock(by);
        while self.connection.unix_timestamp().await? < target {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Stops the network and frees its ports. Dropping does the same, without saying whether it worked.
    pub async fn stop(mut self) -> Result<(), Error> {
        tokio::task::spawn_blocking(move || self.engine.stop())
            .await
            .map_err(|error| Error::Start(error.to_string()))?
    }
}
