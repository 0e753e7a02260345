//! An embedded network with oracles and nodes as processes of their own, which can be killed and started again.

#![allow(dead_code, reason = "each test uses its part")]

use std::{
    collections::BTreeMap,
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use lumora_client::{Connection, keys as key_files, oracle_api::OracleClient};
use lumora_interface::{Address, bandwidth::Epoch, bandwidth::epoch_address, registry::node_address};
use lumora_localnet::{Localnet, Options, keys};
use lumora_migrations::Oracle as Member;
use solana_keypair::Keypair;
use solana_signer::Signer;
use tempfile::TempDir;

/// Seconds of an epoch, and in which bundles can be committed after it.
pub const EPOCH_SECONDS: u32 = 10;
pub const COMMIT_SECONDS: u32 = 6;

/// Where an oracle listens.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub measure: SocketAddr,
    pub http: SocketAddr,
}

impl Place {
    pub fn at(address: IpAddr, measure: u16, http: u16) -> Self {
        Self {
            measure: (address, measure).into(),
            http: (address, http).into(),
        }
    }

    /// On loopback, on ports that are free now.
    pub fn free() -> Self {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let measure = std::net::UdpSocket::bind((loopback, 0)).unwrap().local_addr().unwrap();
        let http = std::net::TcpListener::bind((loopback, 0))
            .unwrap()
            .local_addr()
            .unwrap();
        Self { measure, http }
    }
}

/// The network and its processes; all end when this is dropped.
pub struct Fleet {
    pub localnet: Localnet,
    pub folder: TempDir,
    pub oracles: Vec<Place>,
    /// How measurement is spread over an epoch, in the words of both configurations.
    measurement: String,
    running: BTreeMap<String, Child>,
}

impl Fleet {
    /// The network alone, with a seat for each oracle; three measure a node. `nodes`: how many can be started.
    pub async fn new(oracles: Vec<Place>, nodes: u16) -> Self {
        Self::with_epochs(oracles, nodes, EPOCH_SECONDS, COMMIT_SECONDS, 3).await
    }

    /// As [`Fleet::new`], with epochs of other lengths and this many challengers.
    pub async fn with_epochs(
        oracles: Vec<Place>,
        nodes: u16,
        epoch_seconds: u32,
        commit_seconds: u32,
        challengers: u32,
    ) -> Self {
        let members = u16::try_from(oracles.len()).unwrap();
        let mut options = Options::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/deploy"));
        options.funded = (0..members).map(|index| keys::oracle(index).pubkey()).collect();
        options
            .funded
            .extend((0..2 * nodes).map(|index| keys::wallet(index).pubkey()));
        let settings = &mut options.settings.oracles;
        (
            settings.epoch_seconds,
            settings.commit_seconds,
            settings.dispute_seconds,
        ) = (epoch_seconds, commit_seconds, 0);
        settings.members = (0..members)
            .map(|index| Member {
                key: keys::oracle(index).pubkey().into(),
                endpoint: oracles[usize::from(index)].measure,
                owner: None,
            })
            .collect();
        Self {
            localnet: Localnet::start(options).await.unwrap(),
            folder: tempfile::tempdir().unwrap(),
            oracles,
            measurement: format!("{{ rounds_per_epoch = 1, challengers_per_round = {challengers} }}"),
            running: BTreeMap::new(),
        }
    }

    pub fn connection(&self) -> &Connection {
        self.localnet.connection()
    }

    pub async fn epoch(&self, number: u64) -> Epoch {
        self.connection().fetch(&epoch_address(number).0).await.unwrap()
    }

    pub fn client(&self, oracle: usize) -> OracleClient {
        let url = format!("http://{}", self.oracles[oracle].http).parse().unwrap();
        OracleClient::new(url, Duration::from_secs(5)).unwrap()
    }

    pub fn key_file(&self, name: &str, key: &Keypair) -> PathBuf {
        let path = self.folder.path().join(format!("{name}.json"));
        if !path.exists() {
            key_files::save(&path, key).unwrap();
        }
        path
    }

    /// Writes the configuration of an oracle; `rpc` and `websocket` as it reaches the chain.
    pub fn oracle_config(&self, index: usize, rpc: &str, websocket: &str, more: &str) -> PathBuf {
        let name = format!("oracle-{index}");
        let place = self.oracles[index];
        let mut text = format!(
            "rpc_url = {rpc:?}\nws_url = {websocket:?}\nkey = {:?}\ndata_dir = {:?}\nmeasure = \"{}\"\nhttp = \"{}\"\n\
             poll_ms = 300\nstagger_ms = 700\nmeasurement = {}\n{more}\n",
            self.key_file(&name, &keys::oracle(index as u16)),
            self.folder.path().join(&name),
            place.measure,
            place.http,
            self.measurement,
        );
        for (other, place) in self.oracles.iter().enumerate().filter(|(other, _)| *other != index) {
            let key = keys::oracle(other as u16).pubkey();
            text += &format!("[[peers]]\nkey = \"{key}\"\nhttp = \"http://{}\"\n", place.http);
        }
        self.write(&name, &text)
    }

    /// Writes the configuration of a node, and says what its account's address will be.
    pub fn node_config(&self, index: u16, rate_kbps: u32) -> (PathBuf, Address) {
        self.node_config_at(index, rate_kbps, self.localnet.rpc_url(), self.localnet.websocket_url())
    }

    /// As [`Fleet::node_config`], with the chain as the node reaches it.
    pub fn node_config_at(&self, index: u16, rate_kbps: u32, rpc: &str, websocket: &str) -> (PathBuf, Address) {
        let name = format!("node-{index}");
        let (owner, operator) = (keys::wallet(2 * index), keys::wallet(2 * index + 1));
        let mut text = format!(
            "rpc_url = {:?}\nws_url = {:?}\nowner_key = {:?}\noperator_key = {:?}\ntransport_key = {:?}\ndata_dir = {:?}\n\
             store = {:?}\nlocation = {{ latitude = 52.52, longitude = 13.4 }}\n\
             limits = {{ rate_kbps = {rate_kbps}, shards = 2 }}\nmeasurement = {}\n",
            rpc,
            websocket,
            self.key_file(&format!("{name}-owner"), &owner),
            self.key_file(&format!("{name}-operator"), &operator),
            self.key_file(&format!("{name}-transport"), &Keypair::new()),
            self.folder.path().join(&name),
            self.folder.path().join("store"),
            self.measurement,
        );
        for (oracle, Place { measure, http }) in self.oracles.iter().enumerate() {
            let key = keys::oracle(oracle as u16).pubkey();
            text += &format!("[[oracles]]\nkey = \"{key}\"\nmeasure = \"{measure}\"\nhttp = \"http://{http}\"\n");
        }
        (self.write(&name, &text), node_address(&owner.pubkey(), 0).0)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(format!("{name}.toml"));
        fs::write(&path, text).unwrap();
        path
    }

    /// Starts a process under this name; what it prints goes to a file that [`Fleet::said`] reads.
    pub fn start(&mut self, name: &str, mut command: Command) {
        let log = || {
            let path = self.folder.path().join(format!("{name}.log"));
            fs::File::options().create(true).append(true).open(path).unwrap()
        };
        let child = command
            .env("RUST_LOG", "warn,lumora=info")
            .stdin(Stdio::null())
            .stdout(log())
            .stderr(log())
            .spawn()
            .unwrap();
        let before = self.running.insert(name.to_owned(), child);
        assert!(before.is_none(), "{name} runs already");
    }

    /// What `kill -9` does.
    pub fn kill(&mut self, name: &str) {
        let mut child = self.running.remove(name).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    pub fn is_running(&mut self, name: &str) -> bool {
        self.running
            .get_mut(name)
            .is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// The last lines of what a process printed.
    pub fn said(&self, name: &str) -> String {
        let text = fs::read_to_string(self.folder.path().join(format!("{name}.log"))).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(25)..].join("\n")
    }

    /// Whether a process printed something that holds all of these.
    pub fn has_said(&self, name: &str, parts: &[&str]) -> bool {
        let text = fs::read_to_string(self.folder.path().join(format!("{name}.log"))).unwrap_or_default();
        text.lines().any(|line| parts.iter().all(|part| line.contains(part)))
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for name in self.running.keys() {
                eprintln!("--- the last that {name} said:\n{}", self.said(name));
            }
        }
        for child in self.running.values_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The built command.
pub fn lumora() -> Command {
    Command::new(env!("CARGO_BIN_EXE_lumora"))
}

/// Looks until it is found, or panics after so long.
pub async fn wait_for<T>(what: &str, patience: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(began.elapsed() < patience, "{what} did not happen within {patience:?}");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}
