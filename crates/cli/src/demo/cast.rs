//! Who takes part in the demo: names, places, links and keys. Keys are kept in the demo's folder, so that `--keep` leaves
//! something to go on with.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use lumora_client::keys;
use solana_keypair::Keypair;
use solana_signer::Signer as _;

use super::options::Options;

/// Where the job's data lives.
pub const TARGET: Place = Place {
    name: "Frankfurt",
    latitude: 50.11,
    longitude: 8.68,
};

/// Nodes stand here, with a link of this rate in Mbit/s: near ones and far ones, fast ones and slow ones. The last figure
/// is the provider's own limit, where it is below the link.
const NODES: [(Place, u32, Option<u32>); 8] = [
    (
        Place {
            name: "Berlin",
            latitude: 52.52,
            longitude: 13.40,
        },
        100,
        None,
    ),
    (
        Place {
            name: "Paris",
            latitude: 48.86,
            longitude: 2.35,
        },
        50,
        None,
    ),
    (
        Place {
            name: "Warsaw",
            latitude: 52.23,
            longitude: 21.01,
        },
        200,
        Some(60),
    ),
    (
        Place {
            name: "Madrid",
            latitude: 40.42,
            longitude: -3.70,
        },
        80,
        None,
    ),
    (
        Place {
            name: "New York",
            latitude: 40.71,
            longitude: -74.01,
        },
        150,
        None,
    ),
    (
        Place {
            name: "Singapore",
            latitude: 1.35,
            longitude: 103.82,
        },
        100,
        None,
    ),
    (
        Place {
            name: "Nairobi",
            latitude: -1.29,
            longitude: 36.82,
        },
        20,
        None,
    ),
    (
        Place {
            name: "Sao Paulo",
            latitude: -23.55,
            longitude: -46.63,
        },
        40,
        None,
    ),
];

/// A point on the Earth.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Name of the nearest city.
    pub name: &'static str,
    /// Degrees, north positive.
    pub latitude: f64,
    /// Degrees, east positive.
    pub longitude: f64,
}

/// A node of the demo.
pub struct NodePart {
    /// Name of its process.
    pub name: String,
    /// Where it says that it stands.
    pub place: Place,
    /// Rate that its link is set to, kbit/s.
    pub link_kbps: u32,
    /// The provider's own limit, kbit/s.
    pub limit_kbps: u32,
    /// Wallet that owns it.
    pub owner: KeyFile,
    /// Its hot key.
    pub operator: KeyFile,
    /// Its QUIC identity.
    pub transport: KeyFile,
}

/// An oracle of the demo.
pub struct OraclePart {
    /// Name of its process.
    pub name: String,
    /// Key with which it signs, measures and pays.
    pub key: KeyFile,
}

/// Everybody.
pub struct Cast {
    /// The oracles.
    pub oracles: Vec<OraclePart>,
    /// The nodes.
    pub nodes: Vec<NodePart>,
    /// Pays for the job, then sells the dataset.
    pub client: KeyFile,
    /// Buys the dataset.
    pub buyer: KeyFile,
}

/// A keypair and the file it is in.
pub struct KeyFile {
    /// The file.
    pub path: PathBuf,
    /// The keypair.
    pub keypair: Keypair,
}

impl KeyFile {
    fn create(folder: &Path, name: &str) -> anyhow::Result<Self> {
        let path = folder.join(format!("{name}.json"));
        let keypair = Keypair::new();
        keys::save(&path, &keypair).with_context(|| format!("cannot keep the key of {name}"))?;
        Ok(Self { path, keypair })
    }

    /// Its public address.
    pub fn address(&self) -> lumora_interface::Address {
        self.keypair.pubkey()
    }
}

impl Cast {
    /// Draws new keys for everybody and writes them below `folder`.
    pub fn create(folder: &Path, options: &Options) -> anyhow::Result<Self> {
        let keys = folder.join("keys");
        std::fs::create_dir_all(&keys).with_context(|| format!("cannot make {}", keys.display()))?;
        let key = |name: &str| KeyFile::create(&keys, name);
        let oracles = (1..=options.oracles)
            .map(|number| {
                let name = format!("oracle-{number}");
                Ok(OraclePart { key: key(&name)?, name })
            })
            .collect::<anyhow::Result<_>>()?;
        let nodes = NODES
            .iter()
            .cycle()
            .take(usize::from(options.nodes))
            .zip(1..)
            .map(|((place, link_mbps, limit_mbps), number)| {
                let name = format!("node-{number}");
                Ok(NodePart {
                    place: *place,
                    link_kbps: link_mbps * 1_000,
                    limit_kbps: limit_mbps.unwrap_or(2 * link_mbps) * 1_000,
                    owner: key(&format!("{name}-owner"))?,
                    operator: key(&format!("{name}-operator"))?,
                    transport: key(&format!("{name}-transport"))?,
                    name,
                })
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(Self {
            oracles,
            nodes,
            client: key("client")?,
            buyer: key("buyer")?,
        })
    }
}
