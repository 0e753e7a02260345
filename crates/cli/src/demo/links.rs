//! The links between the nodes and everybody else: network namespaces where the machine allows it, relays elsewhere.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
};

use anyhow::Context as _;
use lumora_pob::lab::{Link, Relay, Shape, cleanup_stale};
use tokio::process::Command;

/// One link for each node.
pub enum Links {
    /// Each node in a network namespace of its own, behind a veth pair that `tc tbf` shapes.
    Namespaces(Vec<Link>),
    /// Nodes share the machine's network; what they are measured through is shaped in this process.
    Relays {
        /// The rates, kbit/s.
        rates: Vec<u32>,
        /// One relay for each node and oracle; they end when dropped.
        running: Vec<Relay>,
    },
}

impl Links {
    /// Relays, whatever the machine could do: nodes in namespaces would reach this machine alone, and no site elsewhere.
    pub fn relays<'a>(lines: impl Iterator<Item = (&'a str, u32)>) -> Self {
        Self::Relays {
            rates: lines.map(|(_, rate)| rate).collect(),
            running: Vec::new(),
        }
    }

    /// Makes the links: `lines` are names and rates in kbit/s.
    pub fn create<'a>(lines: impl Iterator<Item = (&'a str, u32)> + Clone) -> anyhow::Result<Self> {
        match Link::is_available() {
            Ok(()) => {
                // What a killed demo left behind.
                cleanup_stale()?;
                let links = lines
                    .map(|(name, rate)| Link::create_any(name, rate))
                    .collect::<Result<_, _>>()?;
                Ok(Self::Namespaces(links))
            }
            Err(reason) => {
                tracing::info!(%reason, "links are shaped by relays in user space");
                Ok(Self::relays(lines))
            }
        }
    }

    /// How the links are made, in words.
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Namespaces(_) => "network namespaces behind veth and tc tbf",
            Self::Relays { .. } => "relays in user space",
        }
    }

    /// The address at which all nodes reach servers of this process and of the oracles.
    pub fn hub(&self) -> IpAddr {
        match self {
            // The kernel answers on every link for every address of the host; one must do for all, since pages have one URL.
            Self::Namespaces(links) => links.first().map_or(Ipv4Addr::LOCALHOST.into(), |link| link.host_ip),
            Self::Relays { .. } => Ipv4Addr::LOCALHOST.into(),
        }
    }

    /// A command that runs `program` where node number `index` is.
    pub fn command(&self, index: usize, program: &Path) -> Command {
        match self {
            Self::Namespaces(links) => links
                .get(index)
                .map_or_else(|| Command::new(program), |l| l.command(program).into()),
            Self::Relays { .. } => Command::new(program),
        }
    }

    /// Where node number `index` dials to be measured by the oracle at `oracle`.
    pub fn measured_at(&mut self, index: usize, oracle: SocketAddr) -> anyhow::Result<SocketAddr> {
        match self {
            Self::Namespaces(_) => Ok(oracle),
            Self::Relays { rates, running } => {
                let rate = *rates.get(index).context("there is a rate for every node")?;
                let relay = Relay::start(oracle, Shape::rate(rate), Shape::rate(rate))?;
                let address = relay.address();
                running.push(relay);
                Ok(address)
            }
        }
    }
}
