//! Oracles and a node on the embedded network: measured over QUIC, agreed on over HTTP, attested, proven and claimed on
//! chain; and all that goes on when an oracle dies.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use std::{
    net::{SocketAddr, TcpListener, UdpSocket},
    path::Path,
    time::Duration,
};

use lumora_client::{Connection, keys as key_files, oracle_api::OracleClient};
use lumora_core::quorum;
use lumora_interface::{
    Address,
    bandwidth::{Attestation, Epoch, ORACLE_SET, OracleSet, attestation_address, epoch_address, epoch_state},
    registry::node_address,
    rewards::{EMISSION, Emission, Reward, reward_address},
};
use lumora_localnet::{Localnet, Options, keys};
use lumora_migrations::Oracle as Member;
use lumora_node::NodeConfig;
use lumora_oracle::{Event, OracleConfig, Peer};
use solana_keypair::Keypair;
use solana_signer::Signer;
use tempfile::TempDir;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

const ORACLES: u16 = 4;
const LIMIT_KBPS: u32 = 16_000;
const EPOCH_SECONDS: u32 = 10;

/// Where an oracle is reached.
#[derive(Clone, Copy)]
struct Place {
    measure: SocketAddr,
    http: SocketAddr,
}

impl Place {
    fn free() -> Self {
        let measure = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let http = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Self { measure, http }
    }
}

struct World {
    localnet: Localnet,
    folder: TempDir,
    places: Vec<Place>,
    events: mpsc::UnboundedSender<(u16, Event)>,
}

impl World {
    async fn start(events: mpsc::UnboundedSender<(u16, Event)>) -> Self {
        let places: Vec<Place> = (0..ORACLES).map(|_| Place::free()).collect();
        let mut options = Options::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/deploy"));
        options.funded = (0..ORACLES).map(|index| keys::oracle(index).pubkey()).collect();
        options
            .funded
            .extend([keys::wallet(0).pubkey(), keys::wallet(1).pubkey()]);
        let oracles = &mut options.settings.oracles;
        (oracles.epoch_seconds, oracles.commit_seconds, oracles.dispute_seconds) = (EPOCH_SECONDS, 6, 0);
        oracles.members = (0..ORACLES)
            .map(|index| Member {
                key: keys::oracle(index).pubkey().into(),
                endpoint: places[usize::from(index)].measure,
                owner: None,
            })
            .collect();
        let localnet = Localnet::start(options).await.unwrap();
        Self {
            localnet,
            folder: tempfile::tempdir().unwrap(),
            places,
            events,
        }
    }

    fn connection(&self) -> &Connection {
        self.localnet.connection()
    }

    fn key_file(&self, name: &str, key: &Keypair) -> std::path::PathBuf {
        let path = self.folder.path().join(format!("{name}.json"));
        if !path.exists() {
            key_files::save(&path, key).unwrap();
        }
        path
    }

    fn oracle(&self, index: u16) -> JoinHandle<()> {
        let place = self.places[usize::from(index)];
        let peer = |other: u16| Peer {
            key: keys::oracle(other).pubkey(),
            http: format!("http://{}", self.places[usize::from(other)].http)
                .parse()
                .unwrap(),
        };
        let name = format!("oracle-{index}");
        let text = format!(
            "rpc_url = {:?}\nkey = {:?}\ndata_dir = {:?}\nmeasure = \"{}\"\nhttp = \"{}\"\npoll_ms = 300\nstagger_ms = 700\n\
             measurement = {{ rounds_per_epoch = 1, challengers_per_round = 3 }}",
            self.localnet.rpc_url(),
            self.key_file(&name, &keys::oracle(index)),
            self.folder.path().join(&name),
            place.measure,
            place.http,
        );
        let path = self.folder.path().join(format!("{name}.toml"));
        std::fs::write(&path, text).unwrap();
        let config = OracleConfig {
            peers: (0..ORACLES).map(peer).collect(),
            ..OracleConfig::read(&path).unwrap()
        };
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

    fn node(&self) -> (Address, JoinHandle<()>) {
        let (owner, transport) = (keys::wallet(0), Keypair::new());
        let mut text = format!(
            "rpc_url = {:?}\nowner_key = {:?}\noperator_key = {:?}\ntransport_key = {:?}\ndata_dir = {:?}\nstore = {:?}\n\
             location = {{ latitude = 52.52, longitude = 13.4 }}\nlimits = {{ rate_kbps = {LIMIT_KBPS}, shards = 2 }}\n\
             measurement = {{ rounds_per_epoch = 1, challengers_per_round = 3 }}\n",
            self.localnet.rpc_url(),
            self.key_file("owner", &owner),
            self.key_file("operator", &keys::wallet(1)),
            self.key_file("transport", &transport),
            self.folder.path().join("node"),
            self.folder.path().join("store"),
        );
        for (index, place) in self.places.iter().enumerate() {
            let key = keys::oracle(index as u16).pubkey();
            let Place { measure, http } = place;
            text += &format!("[[oracles]]\nkey = \"{key}\"\nmeasure = \"{measure}\"\nhttp = \"http://{http}\"\n");
        }
        let path = self.folder.path().join("node.toml");
        std::fs::write(&path, text).unwrap();
        let config = NodeConfig::read(&path).unwrap();
        let running = tokio::spawn(async move { lumora_node::run(config, CancellationToken::new()).await.unwrap() });
        (node_address(&owner.pubkey(), 0).0, running)
    }

    fn client(&self, oracle: u16) -> OracleClient {
        let url = format!("http://{}", self.places[usize::from(oracle)].http)
            .parse()
            .unwrap();
        OracleClient::new(url, Duration::from_secs(5)).unwrap()
    }
}

/// The next epoch in which a node earned something and which `oracle` helped to attest.
async fn next_paid(events: &mut mpsc::UnboundedReceiver<(u16, Event)>, oracle: u16) -> u64 {
    let wait = async {
        loop {
            match events.recv().await.unwrap() {
                (
                    from,
                    Event::EpochAttested {
                        epoch,
                        epoch_reward,
                        agreed,
                        ..
                    },
                ) => {
                    assert_ne!(
                        agreed,
                        Some(false),
                        "oracle {from} came to other figures for epoch {epoch}"
                    );
                    if from == oracle && agreed == Some(true) && epoch_reward > 0 {
                        return epoch;
                    }
                }
                (from, Event::EquivocationRefused { epoch, .. }) => {
                    panic!("oracle {from} wanted to sign twice about epoch {epoch}")
                }
                _ => {}
            }
        }
    };
    timeout(Duration::from_secs(120), wait).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_measured_attested_and_paid_though_an_oracle_dies() {
    let (sender, mut events) = mpsc::unbounded_channel();
    let world = World::start(sender).await;
    let oracles: Vec<JoinHandle<()>> = (0..ORACLES).map(|index| world.oracle(index)).collect();
    let (node, _running) = world.node();

    let first = next_paid(&mut events, 0).await;
    let epoch: Epoch = world.connection().fetch(&epoch_address(first).0).await.unwrap();
    assert_eq!(epoch.state, epoch_state::ATTESTED);
    assert!(epoch.signers.count_ones() >= quorum::required(u32::from(ORACLES)));
    let proof = world.client(0).leaf(first, &node).await.unwrap().unwrap();
    assert!(proof.is_under(&epoch.root, epoch.leaf_count));
    // How near to the link's rate it comes is another test's matter: here the machine runs everything else as well.
    let down = proof.figures.down_kbps;
    assert!(
        down > 0 && down <= LIMIT_KBPS,
        "{down} kbit/s of a limit of {LIMIT_KBPS}"
    );

    // The last oracle is gone, in the middle of an epoch; the rest are a quorum still.
    oracles[3].abort();
    let mut latest = first;
    for _ in 0..2 {
        latest = next_paid(&mut events, 1).await;
    }
    let set: OracleSet = world.connection().fetch(&ORACLE_SET).await.unwrap();
    assert!(set.attestable_from > latest && latest > first);
    let epoch: Epoch = world.connection().fetch(&epoch_address(latest).0).await.unwrap();
    assert_eq!(
        (epoch.committed >> 3, epoch.signers >> 3),
        (0, 0),
        "a dead oracle neither commits nor signs"
    );

    // The node proves and claims for itself.
    let paid = async {
        loop {
            let reward: Option<Reward> = world
                .connection()
                .fetch_optional(&reward_address(&node).0)
                .await
                .unwrap();
            if let Some(reward) = reward.filter(|reward| reward.claimed > 0) {
                return reward;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    let reward = timeout(Duration::from_secs(60), paid).await.unwrap();
    let attestation: Attestation = world.connection().fetch(&attestation_address(&node).0).await.unwrap();
    let emission: Emission = world.connection().fetch(&EMISSION).await.unwrap();
    assert!(reward.claimed <= attestation.cumulative_reward && reward.claimed <= emission.minted);
    assert_eq!(
        world.connection().lmr_balance(&keys::wallet(0).pubkey()).await.unwrap(),
        reward.claimed
    );

    // An oracle that comes back goes on with what it had on disk.
    while events.try_recv().is_ok() {}
    let back = world.oracle(3);
    let again = next_paid(&mut events, 3).await;
    let epoch: Epoch = world.connection().fetch(&epoch_address(again).0).await.unwrap();
    assert_eq!(epoch.state, epoch_state::ATTESTED);
    assert!(!back.is_finished(), "the oracle that came back stopped again");
}
