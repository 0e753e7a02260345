//! Writes the configuration of each oracle and node and starts it as a process of its own.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use lumora_node::config::{Fetching, Limits, NodeConfig, OracleEndpoint, Place};
use lumora_oracle::{OracleConfig, Peer, Verdicts};
use serde::Serialize;
use tokio::process::Command;
use url::Url;

use super::{cast::Cast, links::Links, supervisor::Supervisor};

/// Bond of each node in LMR base units: covers the shards that it works on at the same time.
pub const BOND: u64 = 200_000_000;
/// Shards that a node works on at the same time.
const SHARDS_AT_ONCE: u16 = 2;

/// Where an oracle listens.
#[derive(Clone, Copy, Debug)]
pub struct OracleAddress {
    /// Where nodes are measured (UDP).
    pub measure: SocketAddr,
    /// Where it answers questions (TCP).
    pub http: SocketAddr,
}

/// Addresses of the network as everybody reaches it.
#[derive(Clone, Debug)]
pub struct Endpoints {
    /// JSON-RPC.
    pub rpc: String,
    /// WebSocket.
    pub websocket: String,
}

/// Folders of the demo.
#[derive(Clone, Debug)]
pub struct Folders {
    /// All else lies in here.
    pub root: PathBuf,
    /// The content-addressed store that all share.
    pub store: PathBuf,
    /// What the processes write to their standard error.
    pub logs: PathBuf,
}

impl Folders {
    /// Makes the folders below `root`.
    pub fn create(root: PathBuf) -> anyhow::Result<Self> {
        let folders = Self {
            store: root.join("store"),
            logs: root.join("logs"),
            root,
        };
        for folder in [&folders.root, &folders.store, &folders.logs] {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        Ok(folders)
    }

    fn write_config<T: Serialize>(&self, name: &str, config: &T) -> anyhow::Result<PathBuf> {
        let path = self.root.join(format!("{name}.config.json"));
        std::fs::write(&path, serde_json::to_vec_pretty(config)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

/// Free ports for every oracle at `ip`.
pub fn oracle_addresses(cast: &Cast, ip: IpAddr) -> anyhow::Result<Vec<OracleAddress>> {
    let free = |_| {
        // The port is free again as soon as the socket is dropped; the oracle takes it a moment later.
        let measure = UdpSocket::bind((ip, 0)).and_then(|socket| socket.local_addr())?;
        let http = TcpListener::bind((ip, 0)).and_then(|socket| socket.local_addr())?;
        Ok(OracleAddress { measure, http })
    };
    cast.oracles
        .iter()
        .map(free)
        .collect::<std::io::Result<_>>()
        .with_context(|| format!("no free ports at {ip}"))
}

fn base_url(address: SocketAddr) -> anyhow::Result<Url> {
    Url::parse(&format!("http://{address}")).context("an address makes a URL")
}

/// Starts all oracles.
pub fn start_oracles(
    supervisor: &mut Supervisor,
    cast: &Cast,
    addresses: &[OracleAddress],
    endpoints: &Endpoints,
    sites: &[SocketAddr],
    folders: &Folders,
) -> anyhow::Result<()> {
    let store = folders.store.to_str().context("the path of the store is not Unicode")?;
    for (index, oracle) in cast.oracles.iter().enumerate() {
        let address = addresses.get(index).context("there is an address for every oracle")?;
        let peers = cast
            .oracles
            .iter()
            .zip(addresses)
            .filter(|(other, _)| other.key.address() != oracle.key.address())
            .map(|(other, address)| {
                Ok(Peer {
                    key: other.key.address(),
                    http: base_url(address.http)?,
                })
            })
            .collect::<anyhow::Result<_>>()?;
        let config = OracleConfig {
            rpc_url: endpoints.rpc.clone(),
            ws_url: Some(endpoints.websocket.clone()),
            key: oracle.key.path.clone(),
            data_dir: folders.root.join(&oracle.name),
            measure: address.measure,
            http: address.http,
            peers,
            measurement: lumora_oracle::Measurement::default(),
            network_salt: None,
            limit_kbps: 1_000_000,
            // One at a time: on one machine, measurements would share its processors.
            concurrent_measurements: 1,
            front: None,
            workers: vec![],
            verdicts: Some(Verdicts {
                private_addresses: sites.to_vec(),
                ..Verdicts::new(store)
            }),
            archive: None,
            adaptation: true,
            poll_ms: 300,
            stagger_ms: 1_000,
            peer_timeout_ms: 2_000,
            keep_epochs: 1_000,
        };
        let path = folders.write_config(&oracle.name, &config)?;
        let mut command = Command::new(own_executable()?);
        command.args(["oracle", "run", "--config"]).arg(path);
        supervisor.start(&oracle.name, command, &folders.logs)?;
    }
    Ok(())
}

/// Starts all nodes, each behind its link.
pub fn start_nodes(
    supervisor: &mut Supervisor,
    cast: &Cast,
    links: &mut Links,
    addresses: &[OracleAddress],
    endpoints: &Endpoints,
    sites: &[SocketAddr],
    folders: &Folders,
) -> anyhow::Result<()> {
    for (index, node) in cast.nodes.iter().enumerate() {
        let oracles = cast
            .oracles
            .iter()
            .zip(addresses)
            .map(|(oracle, address)| {
                Ok(OracleEndpoint {
                    key: oracle.key.address(),
                    measure: links.measured_at(index, address.measure)?,
                    http: base_url(address.http)?,
                })
            })
            .collect::<anyhow::Result<_>>()?;
        let config = NodeConfig {
            rpc_url: endpoints.rpc.clone(),
            ws_url: Some(endpoints.websocket.clone()),
            owner_key: Some(node.owner.path.clone()),
            owner: None,
            operator_key: node.operator.path.clone(),
            transport_key: node.transport.path.clone(),
            index: 0,
            data_dir: folders.root.join(&node.name),
            store: folders.store.display().to_string(),
            location: Place {
                latitude: node.place.latitude,
                longitude: node.place.longitude,
            },
            limits: Limits::new(node.limit_kbps, SHARDS_AT_ONCE),
            bond: BOND,
            oracles,
            measurement: lumora_node::config::Measurement::default(),
            fetching: Fetching {
                private_addresses: sites.to_vec(),
            },
            minimum_claim: 1,
            poll_seconds: 2,
        };
        let path = folders.write_config(&node.name, &config)?;
        let mut command = links.command(index, &own_executable()?);
        command.args(["node", "run", "--config"]).arg(path);
        supervisor.start(&node.name, command, &folders.logs)?;
    }
    Ok(())
}

/// Starts the seller's daemon, which delivers what is bought.
pub fn start_seller(
    supervisor: &mut Supervisor,
    key: &Path,
    secret: &Path,
    listing: &str,
    endpoints: &Endpoints,
    folders: &Folders,
) -> anyhow::Result<()> {
    let mut command = Command::new(own_executable()?);
    command.args([
        "dataset",
        "serve",
        "--url",
        &endpoints.rpc,
        "--websocket",
        &endpoints.websocket,
    ]);
    command
        .arg("--key")
        .arg(key)
        .arg("--secret")
        .arg(secret)
        .arg("--listing")
        .arg(listing);
    supervisor.start("seller", command, &folders.logs)
}

/// The running `lumora`.
fn own_executable() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("the path of the running program is not known")
}

/// Loopback, for servers that no node needs to reach.
pub const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
