//! A real network, over the SDK.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use lumora_client::{Connection, history, watch};
use lumora_interface::Address;
use tokio::sync::mpsc;

use crate::{
    chain::{AtSlot, Chain, ChainError, Hint, Listed, Outcome, RawAccount, RecordedEvent, Refusal, Transaction},
    error::Result,
};

/// A page of the SDK is a page here.
const _: () = assert!(history::PAGE == crate::chain::PAGE);

/// Hints that may wait: one says as much as many.
const BUFFERED: usize = 16;

/// A network, reached over JSON-RPC and WebSocket.
#[derive(Clone, Debug)]
pub struct Network {
    connection: Connection,
    requests: usize,
}

impl Network {
    /// Reaches a network with at most so many requests at the same time.
    pub fn connect(rpc_url: &str, websocket_url: Option<&str>, requests: usize) -> Result<Self> {
        let connection = match websocket_url {
            Some(websocket_url) => Connection::with_websocket(rpc_url, websocket_url),
            None => Connection::new(rpc_url),
        };
        let connection = connection.map_err(ChainError::new)?;
        Ok(Self { connection, requests })
    }
}

impl Chain for Network {
    async fn slot(&self) -> std::result::Result<u64, ChainError> {
        self.connection.slot().await.map_err(ChainError::new)
    }

    async fn list(
        &self,
        program: &Address,
        before: Option<&str>,
        until: Option<&str>,
    ) -> std::result::Result<Vec<Listed>, ChainError> {
        let listing = history::listing(&self.connection, program, before, until).await;
        let listed = listing.map_err(ChainError::new)?.into_iter().map(|listed| Listed {
            signature: listed.signature,
            slot: listed.slot,
            index: listed.index,
        });
        Ok(listed.collect())
    }

    async fn transactions(&self, signatures: &[String]) -> std::result::Result<Vec<Option<Transaction>>, ChainError> {
        // Owned, so that the requests outlive no borrow.
        let signatures = signatures.to_vec();
        let requests = signatures.into_iter().map(|signature| {
            let connection = self.connection.clone();
            async move {
                let entry = history::transaction(&connection, &signature).await?;
                Ok(entry.map(|entry| read(signature, entry)))
            }
        });
        stream::iter(requests)
            .buffered(self.requests.max(1))
            .try_collect()
            .await
            .map_err(|error: lumora_client::Error| ChainError::new(error))
    }

    async fn accounts(
        &self,
        addresses: &[Address],
        at_least: u64,
    ) -> std::result::Result<AtSlot<Vec<Option<RawAccount>>>, ChainError> {
        let read = self.connection.accounts_at(addresses, at_least).await;
        let (slot, accounts) = read.map_err(ChainError::new)?;
        let value = accounts.into_iter().map(|account| {
            account.map(|account| RawAccount {
                owner: account.owner,
                data: account.data,
            })
        });
        Ok(AtSlot {
            slot,
            value: value.collect(),
        })
    }

    async fn accounts_of(
        &self,
        program: &Address,
    ) -> std::result::Result<AtSlot<Vec<(Address, RawAccount)>>, ChainError> {
        let (slot, accounts) = self.connection.accounts_of(program).await.map_err(ChainError::new)?;
        let value = accounts.into_iter().map(|(address, account)| {
            let account = RawAccount {
                owner: account.owner,
                data: account.data,
            };
            (address, account)
        });
        Ok(AtSlot {
            slot,
            value: value.collect(),
        })
    }

    fn hints(&self, programs: &[Address]) -> mpsc::Receiver<Hint> {
        let (sender, receiver) = mpsc::channel(BUFFERED);
        for program in programs {
            let mut logs = watch::logs(&self.connection, *program);
            let sender = sender.clone();
            tokio::spawn(async move {
                while let Some(log) = logs.recv().await {
                    let hint = match log {
                        watch::Log::Connected => Hint::Connected,
                        watch::Log::Transaction { .. } => Hint::Activity,
                    };
                    match sender.try_send(hint) {
                        Ok(()) => {}
                        // Enough hints wait for a reader who is at work.
                        Err(mpsc::error::TrySendError::Full(_)) => {}
                        Err(mpsc::error::TrySendError::Closed(_)) => return,
                    }
                }
            });
        }
        receiver
    }
}

fn read(signature: String, entry: history::Entry) -> Transaction {
    let outcome = if entry.succeeded {
        Outcome::Succeeded(
            entry
                .events
                .into_iter()
                .map(|event| RecordedEvent {
                    program: event.program,
                    data: event.data,
                })
                .collect(),
        )
    } else {
        Outcome::Refused(Refusal {
            program: entry.refusal.map(|refusal| refusal.program),
            code: entry.refusal.and_then(|refusal| refusal.code),
        })
    };
    Transaction {
        signature,
        slot: entry.slot,
        time: entry.time,
        outcome,
        writes: entry.writes,
    }
}
