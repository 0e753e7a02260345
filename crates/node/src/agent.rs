//! What all parts of a running node share.

use std::sync::Arc;

use lumora_client::{Connection, Sender, keys};
use lumora_interface::{
    Address,
    registry::{self, Network},
};
use lumora_pob::Identity;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::{
    allowance::Allowance,
    clock::Clock,
    config::NodeConfig,
    error::{Error, Result},
    event::{Event, Events},
    link::Link,
    state::State,
    status::Notes,
};

/// The keys of a node.
pub(crate) struct Keys {
    /// Of the wallet that owns the node, where it is here.
    pub owner: Option<Arc<Keypair>>,
    /// Address of that wallet.
    pub owner_address: Address,
    /// Claims, commits, reveals, pays fees.
    pub operator: Arc<Keypair>,
    /// Proven in the QUIC handshake.
    pub transport: Identity,
}

impl Keys {
    /// Reads the key files that the configuration names.
    pub fn load(config: &NodeConfig) -> Result<Self> {
        let owner = config.owner_key.as_deref().map(keys::load).transpose()?.map(Arc::new);
        let owner_address = match (&owner, config.owner) {
            (Some(key), Some(address)) if key.pubkey() != address => {
                return Err(Error::Settings(format!(
                    "`owner` is {address}, but `owner_key` is the key of {}: remove one of them",
                    key.pubkey()
                )));
            }
            (Some(key), _) => key.pubkey(),
            (None, Some(address)) => address,
            (None, None) => return Err(Error::Settings("give `owner_key` or `owner`".into())),
        };
        let transport = keys::load(&config.transport_key)?;
        Ok(Self {
            owner,
            owner_address,
            operator: Arc::new(keys::load(&config.operator_key)?),
            transport: Identity::from_secret(*transport.secret_bytes()),
        })
    }
}

/// A node that runs. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Agent {
    pub config: Arc<NodeConfig>,
    pub connection: Connection,
    /// Pays with the operator's key.
    pub sender: Sender,
    pub keys: Arc<Keys>,
    /// Address of the node's account.
    pub node: Address,
    /// The network's id.
    pub network_id: [u8; 32],
    pub clock: Clock,
    pub state: State,
    pub events: Events,
    pub link: Link,
    pub allowance: Allowance,
    pub notes: Notes,
}

impl Agent {
    /// Reads keys and network, and opens the state.
    pub async fn new(config: NodeConfig, connection: Connection, events: Events) -> Result<Self> {
        let (folder, report) = (config.data_dir.clone(), config.data_dir.join("status.json"));
        let open = |network_id: &[u8; 32], node: &Address| State::open(&folder, network_id, node);
        Self::with_state(config, connection, events, open, Notes::new(report)).await
    }

    /// For single steps on the owner's command, beside an agent that may be running: leaves its folder alone.
    pub async fn by_hand(config: NodeConfig, connection: Connection) -> Result<Self> {
        let events = Events::to(std::io::sink());
        Self::with_state(config, connection, events, |_, _| State::in_memory(), Notes::nowhere()).await
    }

    async fn with_state(
        config: NodeConfig,
        connection: Connection,
        events: Events,
        open: impl FnOnce(&[u8; 32], &Address) -> Result<State>,
        notes: Notes,
    ) -> Result<Self> {
        let keys = Keys::load(&config)?;
        let (node, _) = registry::node_address(&keys.owner_address, config.index);
        let network: Network = connection.fetch(&registry::NETWORK).await?;
        let state = open(&network.network_id, &node)?;
        let clock = Clock::new(connection.clone()).await?;
        let link = Link::new(config.limits.rate_kbps, config.limits.interface.clone());
        Ok(Self {
            sender: Sender::new(connection.clone(), keys.operator.clone()),
            notes,
            allowance: Allowance::new(config.limits.clone(), clock.now(), &state).await?,
            clock,
            link,
            config: Arc::new(config),
            keys: Arc::new(keys),
            network_id: network.network_id,
            connection,
            node,
            state,
            events,
        })
    }

    pub fn operator(&self) -> Address {
        self.keys.operator.pubkey()
    }

    /// Tells that a step failed, on both outputs.
    pub fn failed(&self, step: &str, error: &dyn std::fmt::Display) {
        tracing::warn!(step, %error, "a step failed");
        self.events.emit(&Event::Failed {
            step: step.to_owned(),
            error: error.to_string(),
        });
    }
}
