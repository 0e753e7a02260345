//! Subscriptions that survive a dropped socket: each is a task that connects again and says so, because whatever changed
//! in between was missed and must be fetched.

use {
    crate::{
        Connection, Error, Filter,
        fetch::{account_config, decode, program_accounts_config},
    },
    futures_util::StreamExt,
    lumora_interface::Account,
    solana_address::Address,
    solana_commitment_config::CommitmentConfig,
    solana_pubsub_client::nonblocking::pubsub_client::PubsubClient,
    solana_rpc_client_api::{
        config::{RpcTransactionLogsConfig, RpcTransactionLogsFilter},
        response::{RpcKeyedAccount, RpcLogsResponse},
    },
    std::{future::Future, time::Duration},
    tokio::sync::mpsc,
};

/// Changes that may wait for a slow reader before the subscription waits for it.
const BUFFERED: usize = 1_024;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What a subscription tells.
#[derive(Clone, Debug)]
pub enum Change<T> {
    /// The subscription stands, for the first time or again: fetch now what it is about, changes up to here were missed.
    Connected,
    /// An account was written.
    Account { address: Address, account: T, slot: u64 },
    /// An account was closed, or is not of its type any more.
    Closed { address: Address, slot: u64 },
}

/// What a transaction logged.
#[derive(Clone, Debug)]
pub enum Log {
    /// As [`Change::Connected`].
    Connected,
    Transaction {
        signature: String,
        slot: u64,
        failed: bool,
        lines: Vec<String>,
    },
}

/// Follows every account of a type that passes the filters. The subscription ends when the receiver is dropped.
pub fn accounts<T: Account + Send>(connection: &Connection, filters: Vec<Filter>) -> mpsc::Receiver<Change<T>> {
    let connection = connection.clone();
    follow(connection, move |client, changes| {
        let config = program_accounts_config::<T>(&filters);
        async move {
            let (mut notifications, _unsubscribe) = client.program_subscribe(&T::OWNER, Some(config)).await?;
            if changes.send(Change::Connected).await.is_err() {
                return Ok(());
            }
            while let Some(notification) = next(&mut notifications, &changes).await {
                let RpcKeyedAccount { pubkey, account } = notification.value;
                let Ok(address) = pubkey.parse::<Address>() else {
                    continue;
                };
                let change = change(address, account.to_account(), notification.context.slot);
                if changes.send(change).await.is_err() {
                    break;
                }
            }
            Ok(())
        }
    })
}

/// Follows one account. The subscription ends when the receiver is dropped.
pub fn account<T: Account + Send>(connection: &Connection, address: Address) -> mpsc::Receiver<Change<T>> {
    let connection = connection.clone();
    follow(connection, move |client, changes| async move {
        let (mut notifications, _unsubscribe) = client.account_subscribe(&address, Some(account_config())).await?;
        if changes.send(Change::Connected).await.is_err() {
            return Ok(());
        }
        while let Some(notification) = next(&mut notifications, &changes).await {
            let change = change(address, notification.value.to_account(), notification.context.slot);
            if changes.send(change).await.is_err() {
                break;
            }
        }
        Ok(())
    })
}

/// Follows the logs of every transaction that mentions an address, for instance a program's. Ends when the receiver is dropped.
pub fn logs(connection: &Connection, mentioned: Address) -> mpsc::Receiver<Log> {
    let connection = connection.clone();
    follow(connection, move |client, lines| async move {
        let filter = RpcTransactionLogsFilter::Mentions(vec![mentioned.to_string()]);
        let config = RpcTransactionLogsConfig {
            commitment: Some(CommitmentConfig::confirmed()),
        };
        let (mut notifications, _unsubscribe) = client.logs_subscribe(filter, config).await?;
        if lines.send(Log::Connected).await.is_err() {
            return Ok(());
        }
        while let Some(notification) = next(&mut notifications, &lines).await {
            let RpcLogsResponse { signature, err, logs } = notification.value;
            let slot = notification.context.slot;
            if lines
                .send(Log::Transaction {
                    signature,
                    slot,
                    failed: err.is_some(),
                    lines: logs,
                })
                .await
                .is_err()
            {
                break;
            }
        }
        Ok(())
    })
}

fn change<T: Account>(address: Address, account: Option<solana_account::Account>, slot: u64) -> Change<T> {
    match account.and_then(|account| decode(&address, &account).ok()) {
        Some(account) => Change::Account { address, account, slot },
        None => Change::Closed { address, slot },
    }
}

/// The next notification, or nothing once the socket is gone or nobody listens any more.
async fn next<N, T>(notifications: &mut (impl StreamExt<Item = N> + Unpin), receiver: &mpsc::Sender<T>) -> Option<N> {
    tokio::select! {
        notification = notifications.next() => notification,
        () = receiver.closed() => None,
    }
}

type Subscribed = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Keeps a subscription alive: connects, hands over to `subscribe`, and connects again when that returns.
fn follow<T, F, Task>(connection: Connection, subscribe: F) -> mpsc::Receiver<T>
where
    T: Send + 'static,
    F: Fn(std::sync::Arc<PubsubClient>, mpsc::Sender<T>) -> Task + Send + Sync + 'static,
    Task: Future<Output = Subscribed> + Send,
{
    let (sender, receiver) = mpsc::channel(BUFFERED);
    tokio::spawn(async move {
        let mut pause = FIRST_PAUSE;
        while !sender.is_closed() {
            let started = tokio::time::Instant::now();
            if let Err(error) = connect(&connection, &subscribe, &sender).await {
                tracing::debug!(%error, "subscription lost, connecting again");
            }
            // A subscription that stood for a while starts over with a short pause.
            pause = if started.elapsed() > LONGEST_PAUSE {
                FIRST_PAUSE
            } else {
                (pause * 2).min(LONGEST_PAUSE)
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = sender.closed() => {}
            }
        }
    });
    receiver
}

async fn connect<T, F, Task>(connection: &Connection, subscribe: &F, sender: &mpsc::Sender<T>) -> Result<(), Error>
where
    F: Fn(std::sync::Arc<PubsubClient>, mpsc::Sender<T>) -> Task,
    Task: Future<Output = Subscribed>,
{
    let url = connection.websocket_url();
    let failed = |reason: String| Error::Subscription {
        url: url.to_owned(),
        reason,
    };
    let client = PubsubClient::new(url)
        .await
        .map_err(|error| failed(error.to_string()))?;
    subscribe(std::sync::Arc::new(client), sender.clone())
        .await
        .map_err(|error| failed(error.to_string()))
}
