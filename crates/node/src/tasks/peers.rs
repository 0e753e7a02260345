//! What this node knows of all others: kept up to date beside the task loop, which a change of another node is no reason
//! to wake.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lumora_client::watch::{self, Change};
use lumora_interface::{bandwidth::Attestation, registry::Node};
use tokio::time::Instant;

use crate::{agent::Agent, backoff::Backoff, error::Result, plan::tasks::Peers};

/// Everything is read again after this time, should a subscription have lost a change without a word. Every node of the
/// network is an answer of tens of megabytes, so not often.
const READ_EVERY: Duration = Duration::from_secs(30 * 60);

/// All nodes, once they were read. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Roll(Arc<Mutex<Option<Peers>>>);

impl Roll {
    /// Looks at all nodes; `None` while they are not known.
    pub fn look<T>(&self, look: impl FnOnce(&Peers) -> Option<T>) -> Option<T> {
        let peers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        look(peers.as_ref()?)
    }

    fn change(&self, change: impl FnOnce(&mut Option<Peers>)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn hear_of_node(&self, change: Change<Node>) {
        self.change(|peers| match (peers, change) {
            (Some(peers), Change::Account { address, account, .. }) => {
                peers.nodes.insert(address, account);
            }
            (Some(peers), Change::Closed { address, .. }) => {
                peers.nodes.remove(&address);
            }
            _ => {}
        });
    }

    fn hear_of_attestation(&self, change: Change<Attestation>) {
        // They are never closed, but grow old.
        self.change(|peers| {
            if let (Some(peers), Change::Account { account, .. }) = (peers, change) {
                peers.attestations.insert(account.node, account);
            }
        });
    }

    async fn read(&self, agent: &Agent) -> Result<()> {
        let nodes = agent.connection.fetch_all::<Node>(&[]).await?.into_iter().collect();
        let attestations = agent.connection.fetch_all::<Attestation>(&[]).await?;
        let by_node = |(_, attestation): (_, Attestation)| (attestation.node, attestation);
        self.change(|peers| {
            *peers = Some(Peers {
                nodes,
                attestations: attestations.into_iter().map(by_node).collect(),
            });
        });
        Ok(())
    }

    /// Keeps it up to date. Never returns.
    pub async fn follow(self, agent: Agent) -> std::convert::Infallible {
        let mut nodes = watch::accounts::<Node>(&agent.connection, Vec::new());
        let mut attestations = watch::accounts::<Attestation>(&agent.connection, Vec::new());
        let mut backoff = Backoff::new();
        let mut read_at = Instant::now();
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(read_at) => {
                    read_at = Instant::now() + match self.read(&agent).await {
                        Ok(()) => {
                            backoff.reset();
                            READ_EVERY
                        }
                        Err(error) => {
                            if backoff.is_news(&error) {
                                agent.failed("reading the nodes of the network", &error);
                            }
                            // To race is better than to stand still.
                            self.change(|peers| {
                                peers.get_or_insert_default();
                            });
                            backoff.next()
                        }
                    };
                }
                Some(change) = nodes.recv() => match change {
                    Change::Connected => read_at = Instant::now(),
                    change => self.hear_of_node(change),
                },
                Some(change) = attestations.recv() => match change {
                    Change::Connected => read_at = Instant::now(),
                    change => self.hear_of_attestation(change),
                },
            }
        }
    }
}
