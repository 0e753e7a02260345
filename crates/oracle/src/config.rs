//! What an oracle is told by its operator.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use lumora_core::units::Bps;
use lumora_interface::Address;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    error::{Error, Result},
    text,
};

/// Configuration of an oracle, as read from a TOML or JSON file. Relative paths count from the working directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OracleConfig {
    /// JSON-RPC address of the Solana network, as `http://127.0.0.1:8899`.
    pub rpc_url: String,
    /// WebSocket address of the network; by default that which follows from `rpc_url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ws_url: Option<String>,

    /// Key file: the oracle's identity in the set. It signs statements, proves itself in QUIC handshakes, and pays the fees
    /// (so it needs SOL).
    pub key: PathBuf,
    /// Folder for the oracle's state; made when it is missing. Two processes cannot share one, and the same key must
    /// never run with two: what it has signed is remembered here.
    pub data_dir: PathBuf,

    /// UDP address on which nodes are measured.
    #[serde(default = "default_measure")]
    pub measure: SocketAddr,
    /// TCP address on which nodes and other oracles ask.
    #[serde(default = "default_http")]
    pub http: SocketAddr,
    /// The other oracles. One that is not listed here is not asked.
    #[serde(default)]
    pub peers: Vec<Peer>,

    /// How measurement is spread over an epoch; the same for all oracles and nodes of a network.
    #[serde(default)]
    pub measurement: Measurement,
    /// 32 bytes in hexadecimal that the oracles of a network share and nobody else knows. Receipts say which nodes dialled from
    /// one network, by a hash of its address with this; without it, whoever reads receipts can try all addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_salt: Option<String>,
    /// Upper bound for the rate of a measurement, kbit/s: what this machine's own link bears.
    #[serde(default = "default_limit")]
    pub limit_kbps: u32,
    /// Measurements at the same time; more are told to come again in a moment.
    #[serde(default = "default_concurrency")]
    pub concurrent_measurements: usize,

    /// Where this process hands its receipts over, if it only measures for an oracle whose main process runs elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub front: Option<FrontDoor>,
    /// Where other processes of this oracle measure, as nodes reach them (each with a `front`): networks are
    /// spread evenly over them and this process.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workers: Vec<SocketAddr>,

    /// How the results of jobs with one replica are checked; they are not where this is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdicts: Option<Verdicts>,

    /// Where the evidence behind attested epochs is kept for good: a folder, `s3://bucket/prefix` (endpoint, region and keys in
    /// the environment) or `https://...`. Oracles may share one. Without it, evidence is forgotten after `keep_epochs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<String>,

    /// Whether this oracle takes part in adapting the score to what is measured. It is on by default: a quorum needs most
    /// oracles, and what a quorum can do is bounded by the program, announced by events, and frozen by the network's
    /// authority, not by single operators. It reads the transactions of program `tasks` of each epoch that counts, which an
    /// RPC node with little history may not have; then it takes no part, and is in nobody's way.
    #[serde(default = "default_enabled")]
    pub adaptation: bool,

    /// Milliseconds between two looks at the chain and at the other oracles.
    #[serde(default = "default_poll")]
    pub poll_ms: u64,
    /// Milliseconds that each oracle waits longer than the one whose turn is before it, so that what anybody may do on
    /// chain is rarely tried by two.
    #[serde(default = "default_stagger")]
    pub stagger_ms: u64,
    /// Milliseconds after which a request to another oracle is given up.
    #[serde(default = "default_peer_timeout")]
    pub peer_timeout_ms: u64,
    /// Epochs whose receipts, bundles and leaves are kept.
    #[serde(default = "default_keep")]
    pub keep_epochs: u64,
}

/// Another oracle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Key with which it signs.
    #[serde(with = "text::base58")]
    pub key: Address,
    /// Base address of its HTTP interface.
    pub http: Url,
}

/// The main process of an oracle, as another process finds it that measures for it. Both have the oracle's key, and each a
/// `data_dir` of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrontDoor {
    /// Base address of the main process' HTTP interface.
    pub http: Url,
    /// Where this process measures, as the main process lists it among its `workers`.
    pub measured_at: SocketAddr,
}

/// How measurement is spread over an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measurement {
    /// Rounds of measurement in an epoch.
    pub rounds_per_epoch: u32,
    /// Oracles that measure a node in a round.
    pub challengers_per_round: u32,
    /// Nodes behind one network (a /24 of IPv4, a /48 of IPv6) that can earn.
    #[serde(default = "default_nodes_per_network")]
    pub nodes_per_network: u32,
    /// Nodes of one owner that can earn.
    #[serde(default = "default_nodes_per_owner")]
    pub nodes_per_owner: u32,
}

impl Default for Measurement {
    fn default() -> Self {
        Self {
            rounds_per_epoch: 2,
            challengers_per_round: 3,
            nodes_per_network: default_nodes_per_network(),
            nodes_per_owner: default_nodes_per_owner(),
        }
    }
}

fn default_nodes_per_network() -> u32 {
    8
}

fn default_nodes_per_owner() -> u32 {
    1_000
}

/// How the results of jobs with one replica are checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdicts {
    /// `false` leaves it to the other oracles.
    #[serde(default = "default_enabled")]
    pub enabled: bool,
    /// The content-addressed store that manifests come from: the folder that clients and nodes use, or where it can be read
    /// as `s3://bucket/prefix` or `https://example.org/store`.
    pub store: String,
    /// Share of the results that is checked, in basis points; the same for all oracles of a network, or their signatures do
    /// not add up. By default all of them, for an invented result must not pay: where a node that is caught loses `b` times
    /// the price of a shard, at least `1 / (1 + b)` has to be checked, and prices are the clients' affair. Where bonds are
    /// large and oracles busy it can be lowered.
    #[serde(default = "default_share")]
    pub share: u16,
    /// Results that are checked at the same time. Each site is asked at its own pace all the same, but they share this
    /// machine's link with the measurements.
    #[serde(default = "default_at_once")]
    pub at_once: usize,
    /// Seconds between two visits to the pages of a result that is not what the first one found; at most a quarter of the
    /// time that is left.
    #[serde(default = "default_pause_seconds")]
    pub pause_seconds: u64,
    /// Longest time for one visit to the pages of a shard, seconds. Results whose pages take longer stand unchecked: they
    /// would keep others waiting.
    #[serde(default = "default_visit_seconds")]
    pub visit_seconds: u64,
    /// Sites on loopback, private or link-local addresses that jobs may have, as `10.77.0.1:8080`. For tests and
    /// demonstrations: everything private is refused otherwise, so that no job can look into the oracle's own network.
    #[serde(default)]
    pub private_addresses: Vec<SocketAddr>,
}

impl Verdicts {
    /// The defaults, with this store.
    pub fn new(store: impl Into<String>) -> Self {
        Self {
            enabled: default_enabled(),
            store: store.into(),
            share: default_share(),
            at_once: default_at_once(),
            pause_seconds: default_pause_seconds(),
            visit_seconds: default_visit_seconds(),
            private_addresses: Vec::new(),
        }
    }
}

fn default_enabled() -> bool {
    true
}

fn default_share() -> u16 {
    Bps::ONE.0
}

fn default_at_once() -> usize {
    1
}

fn default_pause_seconds() -> u64 {
    30
}

fn default_visit_seconds() -> u64 {
    1_800
}

fn default_measure() -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0], 7001))
}

fn default_http() -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0], 7002))
}

fn default_limit() -> u32 {
    1_000_000
}

fn default_concurrency() -> usize {
    4
}

fn default_poll() -> u64 {
    500
}

fn default_stagger() -> u64 {
    1_500
}

fn default_peer_timeout() -> u64 {
    2_000
}

fn default_keep() -> u64 {
    1_000
}

impl OracleConfig {
    /// Reads a file: JSON if it is called so, TOML otherwise.
    pub fn read(path: &Path) -> Result<Self> {
        let fail = |reason: String| Error::Config {
            path: path.to_owned(),
            reason,
        };
        let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
        let config: Self = if path.extension().is_some_and(|extension| extension == "json") {
            serde_json::from_str(&text).map_err(|error| fail(error.to_string()))?
        } else {
            toml::from_str(&text).map_err(|error| fail(error.to_string()))?
        };
        config.check().map_err(fail)?;
        Ok(config)
    }

    /// The first thing that cannot be right, as a sentence.
    pub fn check(&self) -> std::result::Result<(), String> {
        if self.measurement.rounds_per_epoch == 0 || self.measurement.challengers_per_round == 0 {
            return Err("`measurement` needs at least one round and one challenger".into());
        }
        if self.measurement.nodes_per_network == 0 || self.measurement.nodes_per_owner == 0 {
            return Err("`measurement.nodes_per_network` and `measurement.nodes_per_owner` must be above zero".into());
        }
        self.network_salt()?;
        if self.limit_kbps == 0 || self.concurrent_measurements == 0 {
            return Err("`limit_kbps` and `concurrent_measurements` must be above zero".into());
        }
        if self.poll_ms == 0 || self.peer_timeout_ms == 0 || self.keep_epochs == 0 {
            return Err("`poll_ms`, `peer_timeout_ms` and `keep_epochs` must be above zero".into());
        }
        if let Some(verdicts) = &self.verdicts {
            if verdicts.at_once == 0 || verdicts.visit_seconds == 0 {
                return Err(
                    "`verdicts.at_once` and `verdicts.visit_seconds` must be above zero: to check nothing, set \
                     `verdicts.enabled` to false"
                        .into(),
                );
            }
            if verdicts.share > Bps::ONE.0 {
                return Err("`verdicts.share` is in basis points: 10000 is all results".into());
            }
        }
        if self.front.is_some() && !self.workers.is_empty() {
            return Err(
                "a process with a `front` has no `workers`: list them where the main process is configured".into(),
            );
        }
        let mut keys: Vec<&Address> = self.peers.iter().map(|peer| &peer.key).collect();
        keys.sort_unstable();
        match keys.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("the peer {} is listed twice", pair[0])),
            None => Ok(()),
        }
    }

    /// The salt of network tags, as bytes; zeros where there is none.
    pub(crate) fn network_salt(&self) -> std::result::Result<[u8; 32], String> {
        let mut salt = [0; 32];
        if let Some(text) = &self.network_salt {
            hex::decode_to_slice(text, &mut salt)
                .map_err(|_| "`network_salt` is 64 hexadecimal digits: make some with `openssl rand -hex 32`")?;
        }
        Ok(salt)
    }

    pub(crate) fn poll(&self) -> Duration {
        Duration::from_millis(self.poll_ms)
    }

    pub(crate) fn peer_timeout(&self) -> Duration {
        Duration::from_millis(self.peer_timeout_ms)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SHORT: &str = r#"
        rpc_url = "http://127.0.0.1:8899"
        key = "oracle.json"
        data_dir = "oracle"
        [[peers]]
        key = "DvHz6Rqo98xzcN3whVGx9kTVBb6jhsEp3YarYdoQGQp5"
        http = "http://127.0.0.1:7012"
    "#;

    fn read(name: &str, text: &str) -> Result<OracleConfig> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        OracleConfig::read(&path)
    }

    #[test]
    fn a_short_file_is_enough_and_json_says_the_same() {
        let config = read("oracle.toml", SHORT).unwrap();
        assert_eq!(
            (config.measure.port(), config.http.port(), config.peers.len()),
            (7001, 7002, 1)
        );
        assert_eq!(
            read("oracle.json", &serde_json::to_string(&config).unwrap()).unwrap(),
            config
        );
    }

    #[test]
    fn results_are_checked_where_a_store_is_named_and_all_of_them() {
        assert_eq!(read("oracle.toml", SHORT).unwrap().verdicts, None);
        let config = read("oracle.toml", &format!("{SHORT}\n[verdicts]\nstore = \"store\"")).unwrap();
        let verdicts = config.verdicts.unwrap();
        assert!(verdicts.enabled);
        assert_eq!(
            (verdicts.share, verdicts.at_once, verdicts.pause_seconds),
            (10_000, 1, 30)
        );
    }

    #[test]
    fn what_cannot_be_right_is_named() {
        for (text, named) in [
            (SHORT.replace("data_dir", "datadir"), "datadir"),
            (SHORT.replace("127.0.0.1:7012", ""), "empty host"),
            (SHORT.replace("DvHz", "0"), "base58"),
            (format!("poll_ms = 0\n{SHORT}"), "poll_ms"),
            (format!("network_salt = \"12\"\n{SHORT}"), "64 hexadecimal"),
            (
                format!("measurement = {{ rounds_per_epoch = 0, challengers_per_round = 1 }}\n{SHORT}"),
                "measurement",
            ),
            (
                format!(
                    "workers = [\"10.0.0.1:7001\"]\nfront = {{ http = \"http://10.0.0.2:7002\", measured_at = \"10.0.0.1:7001\" }}\n{SHORT}"
                ),
                "no `workers`",
            ),
            (format!("{SHORT}\n[verdicts]\nshare = 100"), "store"),
            (
                format!("{SHORT}\n[verdicts]\nstore = \"s\"\nshare = 10001"),
                "verdicts.share",
            ),
            (
                format!("{SHORT}\n[verdicts]\nstore = \"s\"\nat_once = 0"),
                "verdicts.at_once",
            ),
            (
                format!("{SHORT}\n[verdicts]\nstore = \"s\"\nvisit_seconds = 0"),
                "verdicts.visit_seconds",
            ),
            (format!("{SHORT}\n{}", &SHORT[SHORT.find("[[").unwrap()..]), "twice"),
        ] {
            let error = read("oracle.toml", &text).unwrap_err().to_string();
            assert!(
                error.contains(named) && error.contains("oracle.toml"),
                "{named}: {error}"
            );
        }
    }
}
