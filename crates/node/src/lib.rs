//! The node agent: is measured, proves and claims rewards, takes shards, works on them, and settles what is due.
//!
//! - [`run`] is the agent; [`status`] says how a node stands and explains every zero.
//! - [`NodeConfig`] is what its owner tells it, [`Event`] what it tells the outside.
//! - [`link`] keeps the node within its limit and out of its owner's way.
//! - [`owner`] holds single steps on the owner's command: limits, claim, measure, withdraw.
//! - [`plan`] holds the decisions, pure; [`state`] what must not be forgotten. Everything else carries decisions out.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod config;
pub mod event;
pub mod link;
pub mod owner;
pub mod plan;
pub mod state;
pub mod status;

mod agent;
mod allowance;
mod backoff;
mod clock;
mod error;
mod measurement;
mod registration;
mod rewards;
mod tasks;
mod text;

use std::time::Duration;

use lumora_client::Connection;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use config::NodeConfig;
pub use error::{Error, Result};
pub use event::{Event, Events};
pub use status::{Status, status};

use agent::Agent;

/// A network that is still starting gets this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a node until `shutdown` is cancelled. Events go to standard output, one JSON object a line.
///
/// May be killed at any time: the next run goes on where this one stopped.
pub async fn run(config: NodeConfig, shutdown: CancellationToken) -> Result<()> {
    run_with(config, Events::stdout(), shutdown).await
}

/// [`run`] with events going elsewhere.
pub async fn run_with(config: NodeConfig, events: Events, shutdown: CancellationToken) -> Result<()> {
    config.check().map_err(Error::Settings)?;
    let connection = connect(&config)?;
    tokio::select! {
        () = shutdown.cancelled() => return Ok(()),
        ready = connection.wait_until_ready(PATIENCE) => ready?,
    }
    let agent = Agent::new(config, connection, events).await?;
    agent.events.emit(&Event::Started {
        node: agent.node,
        owner: agent.keys.owner_address,
        resumed: agent.state.results()?.len(),
    });
    registration::ensure(&agent).await?;

    let stop = shutdown.child_token();
    let mut parts = JoinSet::new();
    parts.spawn(until(stop.clone(), allowance::run(agent.clone())));
    parts.spawn(until(stop.clone(), measurement::run(agent.clone())));
    parts.spawn(until(stop.clone(), rewards::run(agent.clone())));
    parts.spawn(until(stop.clone(), tasks::run(agent.clone())));
    let mut result = Ok(());
    while let Some(part) = parts.join_next().await {
        // A node that does half of its work would look healthy and earn nothing: one part that ends, ends all.
        stop.cancel();
        if let Err(error) = part.map_err(Error::from).and_then(|part| part) {
            result = result.and(Err(error));
        }
    }
    agent.events.emit(&Event::Stopped);
    result
}

/// Runs a part until the node stops. The part is dropped wherever it stands, as a kill would do: what must not be lost is
/// on disk by then.
async fn until(stop: CancellationToken, part: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::select! {
        () = stop.cancelled() => Ok(()),
        result = part => result,
    }
}

fn connect(config: &NodeConfig) -> Result<Connection> {
    Ok(match &config.ws_url {
        Some(ws_url) => Connection::with_websocket(&config.rpc_url, ws_url)?,
        None => Connection::new(&config.rpc_url)?,
    })
}
