//! Oracles and nodes as tasks of a test, on an embedded network.

#![allow(dead_code, reason = "each test that includes this uses part of it")]

use std::{
    io::Write,
    net::{SocketAddr, TcpListener, UdpSocket},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use lumora_client::{Connection, Sender, keys::save, oracle_api::OracleClient, registry};
use lumora_interface::{
    Address,
    registry::{RegisterNodeArguments, node_address},
};
use lumora_localnet::{Localnet, Options, keys};
use lumora_migrations::Oracle;
use lumora_node::{
    Events, NodeConfig,
    config::{Fetching, Limits, Measurement, OracleEndpoint, Place},
};
use lumora_oracle::{Event, OracleConfig, Peer};
use serde_json::{Value, json};
use solana_keypair::Keypair;
use solana_signer::Signer;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(300);

/// What each node has as bond, LMR base units; its owner has as much again.
pub const BOND: u64 = 200_000_000;

/// Where an oracle is reached.
#[derive(Clone, Copy)]
struct Endpoint {
    measure: SocketAddr,
    http: SocketAddr,
}

impl Endpoint {
    fn free() -> Self {
        let measure = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let http = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Self { measure, http }
    }
}

/// For configurations of oracles and nodes: what is measured in an epoch is over soon.
pub fn one_round() -> Value {
    json!({ "measurement": { "rounds_per_epoch": 1, "challengers_per_round": 3 } })
}

/// The network, and where its oracles are.
pub struct World {
    pub localnet: Localnet,
    pub folder: TempDir,
    endpoints: Vec<Endpoint>,
    told: Arc<Mutex<Vec<(u16, Event)>>>,
}

impl World {
    /// With seats for so many oracles, none of which runs yet. Epochs are final at once unless `settle` has it otherwise.
    pub async fn start(oracles: u16, settle: impl FnOnce(&mut Options)) -> Self {
        let endpoints: Vec<Endpoint> = (0..oracles).map(|_| Endpoint::free()).collect();
        let mut options = Options::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/deploy"));
        options.funded = (0..oracles).map(|index| keys::oracle(index).pubkey()).collect();
        options.funded.push(keys::wallet(0).pubkey());
        let settings = &mut options.settings.oracles;
        settings.dispute_seconds = 0;
        settings.members = (0..oracles)
            .map(|index| Oracle {
                key: keys::oracle(index).pubkey().into(),
                endpoint: endpoints[usize::from(index)].measure,
                owner: None,
            })
            .collect();
        settle(&mut options);
        Self {
            localnet: Localnet::start(options).await.unwrap(),
            folder: tempfile::tempdir().unwrap(),
            endpoints,
            told: Arc::default(),
        }
    }

    pub fn connection(&self) -> &Connection {
        self.localnet.connection()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A sender that this key pays for.
    pub fn sender_of(&self, key: &Keypair) -> Sender {
        self.localnet
            .sender()
            .paid_by(Keypair::new_from_array(*key.secret_bytes()))
    }

    pub fn peer(&self, index: u16) -> Peer {
        Peer {
            key: keys::oracle(index).pubkey(),
            http: url(self.endpoints[usize::from(index)].http),
        }
    }

    pub fn client(&self, oracle: u16) -> OracleClient {
        OracleClient::new(self.peer(oracle).http, Duration::from_secs(5)).unwrap()
    }

    /// An oracle's configuration, with all others as its peers; `more` is added to it.
    pub fn config(&self, index: u16, more: Value) -> OracleConfig {
        let name = format!("oracle-{index}");
        let key = self.key_file(&name, &keys::oracle(index));
        let Endpoint { measure, http } = self.endpoints[usize::from(index)];
        let others = (0..self.endpoints.len() as u16).filter(|other| *other != index);
        let mut config = json!({
            "rpc_url": self.localnet.rpc_url(),
            "ws_url": self.localnet.websocket_url(),
            "key": key,
            "data_dir": self.path(&name),
            "measure": measure,
            "http": http,
            "peers": others.map(|other| self.peer(other)).collect::<Vec<_>>(),
            "poll_ms": 300,
            "stagger_ms": 500,
        });
        for (name, value) in more.as_object().unwrap() {
            config[name] = value.clone();
        }
        serde_json::from_value(config).unwrap()
    }

    /// Runs an oracle until the task is aborted.
    pub fn run(&self, index: u16, config: OracleConfig) -> JoinHandle<()> {
        let told = Arc::clone(&self.told);
        tokio::spawn(async move {
            let observer = move |event| {
                eprintln!("oracle {index}: {}", serde_json::to_string(&event).unwrap());
                told.lock().unwrap().push((index, event));
            };
            lumora_oracle::run_observed(config, CancellationToken::new(), observer)
                .await
                .unwrap();
        })
    }

    /// Which oracle did what, so far.
    pub fn told(&self) -> Vec<(u16, Event)> {
        self.told.lock().unwrap().clone()
    }

    /// What oracles will do.
    pub fn events(&self) -> EventsToCome {
        EventsToCome {
            told: Arc::clone(&self.told),
            next: self.told.lock().unwrap().len(),
        }
    }

    /// A node in Berlin, with wallets that have what they need. It does not run yet; change its configuration before.
    pub async fn provider(&self, name: &str) -> Provider {
        let [owner, operator, transport] = [(); 3].map(|()| Keypair::new());
        for address in [owner.pubkey(), operator.pubkey()] {
            self.localnet.airdrop(&address, 10_000_000_000).await.unwrap();
        }
        self.localnet.grant_lmr(&owner.pubkey(), 2 * BOND).await.unwrap();
        let endpoint = |(index, endpoint): (usize, &Endpoint)| OracleEndpoint {
            key: keys::oracle(index as u16).pubkey(),
            measure: endpoint.measure,
            http: url(endpoint.http),
        };
        let key = |part: &str, key: &Keypair| self.key_file(&format!("{name}-{part}"), key);
        let config = NodeConfig {
            rpc_url: self.localnet.rpc_url().to_owned(),
            ws_url: Some(self.localnet.websocket_url().to_owned()),
            owner_key: Some(key("owner", &owner)),
            owner: None,
            operator_key: key("operator", &operator),
            transport_key: key("transport", &transport),
            index: 0,
            data_dir: self.path(name),
            store: self.path("store").display().to_string(),
            location: Place {
                latitude: 52.52,
                longitude: 13.40,
            },
            limits: Limits::new(20_000, 4),
            bond: BOND,
            oracles: self.endpoints.iter().enumerate().map(endpoint).collect(),
            measurement: Measurement::default(),
            fetching: Fetching {
                private_addresses: Vec::new(),
            },
            minimum_claim: u64::MAX,
            poll_seconds: 1,
        };
        Provider {
            config,
            owner: owner.pubkey(),
            operator,
            node: node_address(&owner.pubkey(), 0).0,
            log: Log::default(),
            running: None,
        }
    }

    /// Registers a node of wallet 0 that the test plays itself, and returns its address.
    pub async fn register_node(&self, index: u16, transport_key: [u8; 32], limit_kbps: u32) -> Address {
        let owner = keys::wallet(0);
        let arguments = RegisterNodeArguments {
            index,
            operator: Keypair::new().pubkey(),
            transport_key,
            h3_cell: lumora_tests::instructions::BERLIN,
            location: [i16::MAX, 0, 0],
            limit_kbps,
            shard_capacity: 2,
        };
        let register = registry::register_node(&owner.pubkey(), &arguments);
        self.sender_of(&owner).send(&[register], &[]).await.unwrap();
        node_address(&owner.pubkey(), index).0
    }

    fn key_file(&self, name: &str, key: &Keypair) -> PathBuf {
        let path = self.path(&format!("{name}.json"));
        if !path.exists() {
            save(&path, key).unwrap();
        }
        path
    }
}

fn url(socket: SocketAddr) -> url::Url {
    format!("http://{socket}").parse().unwrap()
}

/// Waits until something is so.
pub async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// What oracles tell from a moment on.
pub struct EventsToCome {
    told: Arc<Mutex<Vec<(u16, Event)>>>,
    next: usize,
}

impl EventsToCome {
    /// Waits for an event that `wanted` takes. What came before it is not looked at again.
    pub async fn wait_for<T>(&mut self, mut wanted: impl FnMut(u16, &Event) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let new = self.told.lock().unwrap()[self.next..].to_vec();
            for (oracle, event) in new {
                self.next += 1;
                if let Some(found) = wanted(oracle, &event) {
                    return found;
                }
            }
            assert!(Instant::now() < deadline, "waited in vain for an event");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// What a node tells.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<lumora_node::Event>>>);

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        eprint!("{}", String::from_utf8_lossy(line));
        self.0.lock().unwrap().push(serde_json::from_slice(line)?);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A node that can be killed, with the keys that a test needs to act for it.
pub struct Provider {
    pub config: NodeConfig,
    pub owner: Address,
    pub operator: Keypair,
    pub node: Address,
    log: Log,
    running: Option<JoinHandle<lumora_node::Result<()>>>,
}

impl Provider {
    pub fn start(&mut self) {
        let (config, events) = (self.config.clone(), Events::to(self.log.clone()));
        self.running = Some(tokio::spawn(lumora_node::run_with(
            config,
            events,
            CancellationToken::new(),
        )));
    }

    /// Drops everything that it is doing, wherever it stands.
    pub async fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            assert!(!running.is_finished(), "a node stopped by itself: {:?}", running.await);
            running.abort();
            let _ = running.await;
        }
        // The parts that ran beside it end a moment later; a killed process would have released its lock at once.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }

    pub fn is_running(&self) -> bool {
        self.running.as_ref().is_some_and(|running| !running.is_finished())
    }

    pub fn events(&self) -> Vec<lumora_node::Event> {
        self.log.0.lock().unwrap().clone()
    }

    pub fn has(&self, wanted: impl Fn(&lumora_node::Event) -> bool) -> bool {
        self.events().iter().any(wanted)
    }
}
