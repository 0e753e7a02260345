//! What a node is told by its owner: where the network is, which keys it uses, where it stands, what it may use.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use lumora_client::location::Location;
use lumora_core::allocation::LEAST_CAPACITY;
use lumora_interface::Address;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    error::{Error, Result},
    plan::allowance::{Hours, UtcOffset},
};

/// Configuration of a node, as read from a TOML or JSON file. Relative paths count from the working directory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// JSON-RPC address of the Solana network, as `http://127.0.0.1:8899`.
    pub rpc_url: String,
    /// WebSocket address of the network; by default that which follows from `rpc_url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ws_url: Option<String>,

    /// Key file of the wallet that owns the node. Needed to register, to bond and to change limits, location and keys; a
    /// node that is registered runs without it when `owner` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_key: Option<PathBuf>,
    /// Address of the wallet that owns the node, where its key is kept elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::text::optional")]
    pub owner: Option<Address>,
    /// Key file of the operator: claims, commits, reveals and pays the fees (it needs SOL), and never moves LMR.
    pub operator_key: PathBuf,
    /// Key file of the identity that the node proves in its QUIC handshakes.
    pub transport_key: PathBuf,
    /// Which of its owner's nodes this is.
    #[serde(default)]
    pub index: u16,

    /// Folder for the node's state; made when it is missing.
    pub data_dir: PathBuf,
    /// The content-addressed store that manifests come from and results go to: a folder, or `s3://bucket/prefix` (endpoint
    /// and keys in the environment, as `AWS_ENDPOINT`).
    pub store: String,

    /// Where the node stands. Only the H3 cell of resolution 3 around it becomes public.
    pub location: Place,
    /// What the node may use.
    pub limits: Limits,
    /// LMR base units that the node's bond is filled up to from the owner's wallet; 0 leaves the bond alone.
    #[serde(default)]
    pub bond: u64,

    /// The oracles, as this node reaches them.
    #[serde(default)]
    pub oracles: Vec<OracleEndpoint>,
    /// How measurement is spread over an epoch; the same for all oracles and nodes of a network.
    #[serde(default)]
    pub measurement: Measurement,
    /// How pages are fetched.
    #[serde(default)]
    pub fetching: Fetching,
    /// Least LMR base units of unclaimed reward worth the fee of a claim.
    #[serde(default = "one")]
    pub minimum_claim: u64,
    /// Seconds between two looks at the whole chain; changes in between arrive over the WebSocket.
    #[serde(default = "default_poll_seconds")]
    pub poll_seconds: u64,
}

/// A point on the Earth in degrees, north and east positive.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Between -90 and 90.
    pub latitude: f64,
    /// Between -180 and 180.
    pub longitude: f64,
}

/// The provider's own limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Rate that the provider is willing to share, kbit/s; measurements stay below it too.
    pub rate_kbps: u32,
    /// Shards worked on at the same time.
    pub shards: u16,
    /// Hours in which the node takes work and is measured, as `["mon-fri 22:00-07:00", "sat,sun 00:00-24:00"]`; always, if
    /// there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hours: Vec<Hours>,
    /// The offset from UTC that the hours and the month go by, as `+02:00`; by default the machine's time zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utc_offset: Option<UtcOffset>,
    /// Gigabytes (10^9 bytes, both directions) that the node may move in a month; as many as it likes, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly_gb: Option<u32>,
    /// Day of the month, 1 to 28, on which the volume starts anew.
    #[serde(default = "first")]
    pub month_begins: u8,
    /// Whether the link is paid for by volume; then the node leaves it alone. By default it finds out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metered: Option<bool>,
    /// The network interface that the owner's traffic goes over; by default that of the default route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
}

impl Limits {
    /// A rate and a number of shards at a time, at all hours.
    pub fn new(rate_kbps: u32, shards: u16) -> Self {
        Self {
            rate_kbps,
            shards,
            hours: Vec::new(),
            utc_offset: None,
            monthly_gb: None,
            month_begins: first(),
            metered: None,
            interface: None,
        }
    }
}

/// An oracle, as this node reaches it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OracleEndpoint {
    /// Key with which it signs and which it proves in its QUIC handshake.
    #[serde(with = "crate::text")]
    pub key: Address,
    /// Where it measures (UDP).
    pub measure: SocketAddr,
    /// Base address of its HTTP interface.
    pub http: Url,
}

/// How measurement is spread over an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measurement {
    /// Rounds of measurement in an epoch.
    pub rounds_per_epoch: u32,
    /// Oracles that measure a node in a round.
    pub challengers_per_round: u32,
}

impl Default for Measurement {
    fn default() -> Self {
        Self {
            rounds_per_epoch: 2,
            challengers_per_round: 3,
        }
    }
}

/// How pages are fetched, beyond what a job's manifest says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fetching {
    /// Sites on loopback, private or link-local addresses that jobs may fetch from, as `10.77.0.1:8080`. For tests and
    /// demonstrations: everything private is refused otherwise, so that no job can look into a provider's home network.
    pub private_addresses: Vec<SocketAddr>,
}

fn first() -> u8 {
    1
}

fn one() -> u64 {
    1
}

fn default_poll_seconds() -> u64 {
    3
}

impl NodeConfig {
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

    /// The H3 cell around the configured place.
    pub fn cell(&self) -> Result<Location> {
        Ok(Location::from_degrees(self.location.latitude, self.location.longitude)?)
    }

    /// The oracle with this key, if the configuration says how to reach it.
    pub fn oracle(&self, key: &Address) -> Option<&OracleEndpoint> {
        self.oracles.iter().find(|oracle| oracle.key == *key)
    }

    /// The first thing that cannot be right, as a sentence.
    pub fn check(&self) -> std::result::Result<(), String> {
        if self.owner_key.is_none() && self.owner.is_none() {
            return Err("give `owner_key` (a key file) or, for a node that is registered, `owner` (an address)".into());
        }
        if self.limits.rate_kbps == 0 {
            return Err("`limits.rate_kbps` must be above zero: pause the node instead".into());
        }
        if self.limits.shards < LEAST_CAPACITY {
            return Err(
                "`limits.shards` must be at least 2: a node fills a part of what it states, and 2 lets it work on one"
                    .into(),
            );
        }
        if !(1..=28).contains(&self.limits.month_begins) {
            return Err("`limits.month_begins` is a day that every month has: 1 to 28".into());
        }
        if self.limits.monthly_gb == Some(0) {
            return Err("`limits.monthly_gb` must be above zero: leave it out for no bound, or pause the node".into());
        }
        if self.measurement.rounds_per_epoch == 0 || self.measurement.challengers_per_round == 0 {
            return Err("`measurement` needs at least one round and one challenger".into());
        }
        if self.poll_seconds == 0 {
            return Err("`poll_seconds` must be above zero".into());
        }
        let mut keys: Vec<&Address> = self.oracles.iter().map(|oracle| &oracle.key).collect();
        keys.sort_unstable();
        if let Some(pair) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("the oracle {} is listed twice", pair[0]));
        }
        self.cell().map_err(|error| error.to_string())?;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const MINIMAL: &str = r#"
        rpc_url = "http://127.0.0.1:8899"
        owner_key = "owner.json"
        operator_key = "operator.json"
        transport_key = "transport.json"
        data_dir = "node"
        store = "store"
        location = { latitude = 52.52, longitude = 13.4 }
        limits = { rate_kbps = 50000, shards = 2 }
    "#;

    fn written(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn a_short_file_is_enough_and_json_says_the_same() {
        let (_toml_folder, path) = written("node.toml", MINIMAL);
        let config = NodeConfig::read(&path).unwrap();
        assert_eq!(
            (
                config.limits.shards,
                config.measurement.rounds_per_epoch,
                config.minimum_claim
            ),
            (2, 2, 1)
        );
        let (_json_folder, path) = written("node.json", &serde_json::to_string(&config).unwrap());
        assert_eq!(NodeConfig::read(&path).unwrap(), config);
    }

    #[test]
    fn oracles_are_read_with_their_addresses() {
        let text = format!(
            "{MINIMAL}\n[[oracles]]\nkey = \"{}\"\nmeasure = \"10.77.1.1:7001\"\nhttp = \"http://10.77.1.1:7002\"\n",
            lumora_interface::registry::ID
        );
        let (_folder, path) = written("node.toml", &text);
        let config = NodeConfig::read(&path).unwrap();
        assert_eq!(
            config.oracle(&lumora_interface::registry::ID).unwrap().measure.port(),
            7001
        );
        assert!(config.oracle(&lumora_interface::tasks::ID).is_none());
    }

    #[test]
    fn what_cannot_be_right_is_named() {
        for (from, to, named) in [
            ("rate_kbps = 50000", "rate_kbps = 0", "rate_kbps"),
            ("shards = 2", "shards = 0", "shards"),
            ("shards = 2", "shards = 2, month_begins = 31", "month_begins"),
            ("shards = 2", "shards = 2, monthly_gb = 0", "monthly_gb"),
            ("shards = 2", "shards = 2, hours = [\"all day\"]", "mon-fri 22:00-07:00"),
            ("shards = 2", "shards = 2, utc_offset = \"CET\"", "+02:00"),
            ("owner_key = \"owner.json\"", "", "owner_key"),
            ("latitude = 52.52", "latitude = 152.52", "latitude"),
            ("data_dir", "datadir", "datadir"),
        ] {
            let (_folder, path) = written("node.toml", &MINIMAL.replace(from, to));
            let text = NodeConfig::read(&path).unwrap_err().to_string();
            assert!(text.contains(named) && text.contains("node.toml"), "{text}");
        }
    }
}
