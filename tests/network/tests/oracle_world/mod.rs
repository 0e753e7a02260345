//! Oracles on an embedded network, as tasks of a test; nodes are accounts on chain that the test plays itself.

#![allow(dead_code, reason = "each test that includes this uses part of it")]

use std::{
    net::{SocketAddr, TcpListener, UdpSocket},
    path::{Path, PathBuf},
    time::Duration,
};

use lumora_client::{Connection, keys as key_files, oracle_api::OracleClient, registry};
use lumora_interface::{
    Address,
    registry::{RegisterNodeArguments, node_address},
};
use lumora_localnet::{Localnet, Options, keys};
use lumora_migrations::Oracle as Member;
use lumora_oracle::{Event, OracleConfig, Peer};
use solana_keypair::Keypair;
use solana_signer::Signer;
use tempfile::TempDir;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

/// Which oracle did what.
pub type Events = mpsc::UnboundedReceiver<(u16, Event)>;

/// Where an oracle is reached.
#[derive(Clone, Copy)]
pub struct Place {
    pub measure: SocketAddr,
    pub http: SocketAddr,
}

impl Place {
    pub fn free() -> Self {
        let measure = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let http = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Self { measure, http }
    }
}

/// How the network of a test differs from others.
pub struct Setting {
    pub oracles: u16,
    pub epoch_seconds: u32,
    pub commit_seconds: u32,
    pub retention_seconds: u32,
}

pub struct World {
    pub localnet: Localnet,
    pub folder: TempDir,
    pub places: Vec<Place>,
    pub events: mpsc::UnboundedSender<(u16, Event)>,
}

impl World {
    pub async fn start(setting: &Setting) -> (Self, Events) {
        let (events, receiver) = mpsc::unbounded_channel();
        let places: Vec<Place> = (0..setting.oracles).map(|_| Place::free()).collect();
        let mut options = Options::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/deploy"));
        options.funded = (0..setting.oracles).map(|index| keys::oracle(index).pubkey()).collect();
        options.funded.push(keys::wallet(0).pubkey());
        let oracles = &mut options.settings.oracles;
        (oracles.epoch_seconds, oracles.commit_seconds) = (setting.epoch_seconds, setting.commit_seconds);
        (oracles.dispute_seconds, oracles.retention_seconds) = (0, setting.retention_seconds);
        oracles.members = (0..setting.oracles)
            .map(|index| Member {
                key: keys::oracle(index).pubkey().into(),
                endpoint: places[usize::from(index)].measure,
                owner: None,
            })
            .collect();
        let world = Self {
            localnet: Localnet::start(options).await.unwrap(),
            folder: tempfile::tempdir().unwrap(),
            places,
            events,
        };
        (world, receiver)
    }

    pub fn connection(&self) -> &Connection {
        self.localnet.connection()
    }

    pub fn key_file(&self, name: &str, key: &Keypair) -> PathBuf {
        let path = self.folder.path().join(format!("{name}.json"));
        if !path.exists() {
            key_files::save(&path, key).unwrap();
        }
        path
    }

    /// An oracle's configuration, without peers; `more` is added to the file.
    pub fn config(&self, index: u16, more: &str) -> OracleConfig {
        let place = self.places[usize::from(index)];
        let name = format!("oracle-{index}");
        let text = format!(
            "rpc_url = {:?}\nkey = {:?}\ndata_dir = {:?}\nmeasure = \"{}\"\nhttp = \"{}\"\npoll_ms = 300\nstagger_ms = 700\n\
             measurement = {{ rounds_per_epoch = 1, challengers_per_round = 3 }}\n{more}",
            self.localnet.rpc_url(),
            self.key_file(&name, &keys::oracle(index)),
            self.folder.path().join(&name),
            place.measure,
            place.http,
        );
        let path = self.folder.path().join(format!("{name}.toml"));
        std::fs::write(&path, text).unwrap();
        OracleConfig::read(&path).unwrap()
    }

    pub fn peer(&self, index: u16) -> Peer {
        Peer {
            key: keys::oracle(index).pubkey(),
            http: address(self.places[usize::from(index)].http),
        }
    }

    /// Runs an oracle until the task is aborted.
    pub fn run(&self, index: u16, config: OracleConfig) -> JoinHandle<()> {
        let events = self.events.clone();
        tokio::spawn(async move {
            let observer = move |event| {
                eprintln!("oracle {index}: {}", serde_json::to_string(&event).unwrap());
                let _ = events.send((index, event));
            };
            lumora_oracle::run_observed(config, CancellationToken::new(), observer)
                .await
                .unwrap();
        })
    }

    pub fn client(&self, oracle: u16) -> OracleClient {
        OracleClient::new(address(self.places[usize::from(oracle)].http), Duration::from_secs(5)).unwrap()
    }

    /// Registers a node of wallet 0 and returns its address.
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
        self.localnet
            .sender()
            .paid_by(keys::wallet(0))
            .send(&[registry::register_node(&owner.pubkey(), &arguments)], &[])
            .await
            .unwrap();
        node_address(&owner.pubkey(), index).0
    }
}

pub fn address(socket: SocketAddr) -> url::Url {
    format!("http://{socket}").parse().unwrap()
}

/// Waits for an event that `wanted` takes; two minutes at most.
pub async fn wait_for<T>(events: &mut Events, mut wanted: impl FnMut(u16, &Event) -> Option<T>) -> T {
    let wait = async {
        loop {
            let (oracle, event) = events.recv().await.unwrap();
            if let Some(found) = wanted(oracle, &event) {
                return found;
            }
        }
    };
    timeout(Duration::from_secs(120), wait).await.unwrap()
}
