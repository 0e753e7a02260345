//! What all parts of a running oracle share, and how they are put together.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use lumora_client::{Connection, Error as ChainError, keys};
use lumora_core::hash::sha256;
use lumora_interface::{
    Address,
    registry::{NETWORK, Network},
};
use lumora_pob::{Challenger, Identity};
use solana_keypair::Keypair;
use solana_signer::Signer;
use tokio::{
    net::TcpListener,
    sync::watch::{Receiver, Sender, channel},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{
    adaptation::{self, Board},
    archive::{self, Archive},
    chain::{Chain, View},
    challenger, closing,
    config::{Measurement, OracleConfig},
    cranks,
    crowd::Crowd,
    epoch,
    error::{Error, Result},
    event::Event,
    feedback::{self, Feedback},
    front::Front,
    http::{self, Present, Published},
    peers::Peers,
    store::Store,
    verdicts::{self, Desk},
    watch, worker,
};

/// How long a network may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running oracle.
pub(crate) struct Oracle {
    pub key: Arc<Keypair>,
    pub network_id: [u8; 32],
    pub chain: Chain,
    pub store: Store,
    pub peers: Peers,
    pub board: Board,
    pub feedback: Feedback,
    pub measurement: Measurement,
    pub network_salt: [u8; 32],
    pub crowd: Arc<Crowd>,
    pub front: Arc<Front>,
    pub limit_kbps: u32,
    pub keep_epochs: u64,
    /// Whether attested epochs are archived, and must not be forgotten before.
    archives: bool,
    poll: Duration,
    stagger: Duration,
    views: Receiver<Arc<View>>,
    observer: Observer,
}

/// Is told what the oracle does.
type Observer = Arc<dyn Fn(Event) + Send + Sync>;

impl Oracle {
    /// Its key in the oracle set.
    pub fn address(&self) -> Address {
        self.key.pubkey()
    }

    /// Its index in the oracle set; one that no member can have while it is not in it.
    pub fn index_in(&self, view: &View) -> usize {
        view.set.index_of(&self.address()).unwrap_or(usize::MAX)
    }

    /// What the chain said last.
    pub fn view(&self) -> Arc<View> {
        self.views.borrow().clone()
    }

    /// What the chain says, as it changes.
    pub fn views(&self) -> Receiver<Arc<View>> {
        self.views.clone()
    }

    /// What others are told of this moment.
    fn present(&self) -> Present {
        let view = self.view();
        Present {
            current_epoch: view.current().map(|epoch| epoch.epoch),
            standing: Some(view.standing(&self.address())),
            epochs: view
                .epochs
                .iter()
                .map(|(number, epoch)| (*number, view.figures(epoch)))
                .collect(),
            peers: self.peers.status(),
        }
    }

    /// Waits for a view that was asked for after this call: the one on its way now may be older.
    pub async fn renewed_view(&self) {
        let mut views = self.views.clone();
        views.mark_unchanged();
        for _ in 0..2 {
            if tokio::time::timeout(self.poll * 20, views.changed()).await.is_err() {
                return;
            }
        }
    }

    /// Until it is worth looking again.
    pub async fn pause(&self) {
        tokio::time::sleep(self.poll).await;
    }

    /// How long an oracle with `before` others before it waits before it does what anybody may do.
    pub fn patience(&self, before: u32) -> Duration {
        self.stagger.saturating_mul(before)
    }

    /// The first attested epoch whose evidence must be kept until it is archived.
    pub fn first_unarchived(&self) -> Result<Option<u64>> {
        if self.archives {
            Ok(self.store.unarchived()?.first().copied())
        } else {
            Ok(None)
        }
    }

    /// Tells whoever watches.
    pub fn tell(&self, event: Event) {
        (self.observer)(event);
    }

    /// Something is wrong that will be tried again.
    pub fn trouble(&self, what: String) {
        tracing::warn!("{what}");
        self.tell(Event::Trouble { what });
    }
}

/// Runs an oracle until it is told to stop, and tells `observer` what it does.
pub async fn run_observed(
    config: OracleConfig,
    shutdown: CancellationToken,
    observer: impl Fn(Event) + Send + Sync + 'static,
) -> Result<()> {
    let observer: Observer = Arc::new(observer);
    tokio::select! {
        () = shutdown.cancelled() => {}
        result = live(config, shutdown.clone(), Arc::clone(&observer)) => result?,
    }
    observer(Event::Stopped {});
    Ok(())
}

/// Starts everything, and lives until something fails that trying again does not mend.
async fn live(config: OracleConfig, shutdown: CancellationToken, observer: Observer) -> Result<()> {
    let key = Arc::new(keys::load(&config.key)?);
    let store = Store::open(&config.data_dir)?;
    let checking = config.verdicts.as_ref().filter(|verdicts| verdicts.enabled);
    let desk = checking
        .map(|verdicts| Desk::open(verdicts, &config.data_dir))
        .transpose()?;
    let archive = config
        .archive
        .as_deref()
        .map(|place| Archive::open(place, &config.data_dir.join("archive")))
        .transpose()?;
    let connection = match &config.ws_url {
        Some(ws_url) => Connection::with_websocket(&config.rpc_url, ws_url)?,
        None => Connection::new(&config.rpc_url)?,
    };
    connection.wait_until_ready(PATIENCE).await?;
    let network = network(&connection, &observer, config.poll()).await?;
    let network_id = network.network_id;
    // A network that was begun anew under the same id is another one: its epoch 0 is not the epoch 0 that was signed.
    store.belong_to(&sha256(&[&network_id, &network.initialized_at.to_le_bytes()]))?;

    let chain = Chain::new(connection, Arc::clone(&key));
    let view = first_view(&chain, &key.pubkey(), &observer, config.poll()).await?;
    let (view_sender, views) = channel(Arc::new(view));

    let identity = Identity::from_secret(*key.secret_bytes());
    let measuring = lumora_pob::Config {
        network_id,
        concurrent: config.concurrent_measurements,
        ..lumora_pob::Config::default()
    };
    let endpoint = Challenger::bind(config.measure, identity, measuring)?;
    // However this ends, connections that are still open end too: a stopped oracle answers nobody, and lets its state go.
    let stop = shutdown.child_token();
    let _stop_when_dropped = stop.clone().drop_guard();
    let (crowd, front) = (Arc::<Crowd>::default(), Arc::new(Front::new(config.workers.clone())));
    let oracle = Arc::new(Oracle {
        peers: Peers::new(&config, network_id, &key.pubkey())?,
        board: Board::default(),
        feedback: Feedback::default(),
        key: Arc::clone(&key),
        network_id,
        chain,
        store: store.clone(),
        measurement: config.measurement,
        // Checked when the configuration was read.
        network_salt: config.network_salt().unwrap_or_default(),
        crowd,
        front,
        limit_kbps: config.limit_kbps,
        keep_epochs: config.keep_epochs,
        archives: archive.is_some(),
        poll: config.poll(),
        stagger: Duration::from_millis(config.stagger_ms),
        views,
        observer,
    });
    if let Some(door) = &config.front {
        let (own, measure) = (oracle.address(), endpoint.local_addr()?);
        oracle.tell(Event::WorkerStarted { oracle: own, measure });
        return tokio::select! {
            () = watch_chain(&oracle, view_sender) => Ok(()),
            () = challenger::serve(Arc::clone(&oracle), &endpoint) => Ok(()),
            result = worker::hand_over(Arc::clone(&oracle), door.http.clone(), door.measured_at) => result,
        };
    }
    let bind = |source| Error::Bind {
        address: config.http,
        source,
    };
    let listener = TcpListener::bind(config.http).await.map_err(bind)?;
    let http = listener.local_addr().map_err(bind)?;
    oracle.tell(Event::Started {
        oracle: oracle.address(),
        measure: endpoint.local_addr()?,
        http,
    });
    let asked = Arc::clone(&oracle);
    let published = Arc::new(Published {
        key,
        network_id,
        store,
        measurement: config.measurement,
        crowd: Arc::clone(&oracle.crowd),
        front: Arc::clone(&oracle.front),
        board: oracle.board.clone(),
        present: Box::new(move || asked.present()),
    });
    // Whichever ends, ends the oracle; only the epochs and the verdicts can, with an error that no further attempt mends.
    tokio::select! {
        () = watch_chain(&oracle, view_sender) => Ok(()),
        () = http::serve(listener, published, stop) => Ok(()),
        () = challenger::serve(Arc::clone(&oracle), &endpoint) => Ok(()),
        () = cranks::turn(Arc::clone(&oracle)) => Ok(()),
        () = archive::keep(Arc::clone(&oracle), archive) => Ok(()),
        () = closing::clear(Arc::clone(&oracle)) => Ok(()),
        () = watch::keep(Arc::clone(&oracle)) => Ok(()),
        () = adaptation::follow(Arc::clone(&oracle), config.adaptation) => Ok(()),
        () = feedback::follow(Arc::clone(&oracle)) => Ok(()),
        result = verdicts::follow(Arc::clone(&oracle), desk) => result,
        result = follow_epochs(&oracle) => result,
    }
}

/// The network's configuration, once there is one.
async fn network(connection: &Connection, observer: &Observer, pause: Duration) -> Result<Network> {
    loop {
        match connection.fetch(&NETWORK).await {
            Err(ChainError::NotFound { .. }) => {
                let what = "the network is not initialised yet: run its migrations".to_owned();
                observer(Event::Trouble { what });
            }
            other => return Ok(other?),
        }
        tokio::time::sleep(pause).await;
    }
}

/// The first view in which this oracle is in the set.
async fn first_view(chain: &Chain, own: &Address, observer: &Observer, pause: Duration) -> Result<View> {
    let mut was_told = false;
    loop {
        match chain.view().await {
            Ok(view) if view.set.index_of(own).is_some() => return Ok(view),
            Ok(_) if !was_told => {
                was_told = true;
                observer(Event::NotMember { oracle: *own });
            }
            Ok(_) => {}
            Err(error) => observer(Event::Trouble {
                what: error.to_string(),
            }),
        }
        tokio::time::sleep(pause).await;
    }
}

async fn watch_chain(oracle: &Oracle, views: Sender<Arc<View>>) {
    loop {
        match oracle.chain.view().await {
            Ok(view) => {
                views.send_replace(Arc::new(view));
            }
            Err(error) => oracle.trouble(format!("looking at the chain: {error}")),
        }
        oracle.pause().await;
    }
}

/// Follows every epoch that is not over: attested ones too while they can be reopened.
async fn follow_epochs(oracle: &Arc<Oracle>) -> Result<()> {
    let mut followed = BTreeSet::new();
    let mut courses = JoinSet::new();
    let mut views = oracle.views();
    loop {
        let view = views.borrow_and_update().clone();
        let from = view.set.attestable_from.saturating_sub(1);
        for (number, epoch) in view.epochs.range(from..) {
            let is_over = epoch.is_final(view.now) && oracle.store.attested(*number)?.is_some();
            if followed.insert(*number) && !is_over {
                courses.spawn(epoch::follow(Arc::clone(oracle), *epoch));
            }
        }
        tokio::select! {
            _ = views.changed() => {}
            Some(course) = courses.join_next() => match course {
                Ok(result) => result?,
                Err(error) => oracle.trouble(format!("an epoch was given up: {error}")),
            },
        }
    }
}
