//! Checks the results of jobs with one replica: visits the pages of a shard again, and signs that a result is rejected
//! where two visits found the same and not what the node showed.
//!
//! - [`docket`] says what is due: pure, from what is on chain.
//! - [`visit`] goes through the pages of a shard, as politely as a node.
//! - [`check`] visits as often as the rule in `core::verdict` asks for; in doubt the result stands.
//! - [`clerk`] does what is due, beside the epochs and without ever holding them up.
//!
//! The chain says which results are open, the oracle's store which of them it has decided: a restart goes on from there.

mod check;
mod clerk;
mod docket;
mod visit;

use std::{future::pending, path::Path, sync::Arc, time::Duration};

use lumora_core::units::Bps;
use tokio::task::JoinSet;

pub use docket::{Case, Docket};

use self::{check::Times, visit::Visitor};
use crate::{config::Verdicts, error::Result, oracle::Oracle};

/// What an oracle checks results with.
pub struct Desk {
    visitor: Visitor,
    /// Share of the results that are checked.
    share: Bps,
    /// Results that are checked at the same time.
    at_once: usize,
    /// How long a check may take, but for the time that is left to reject the result.
    times: Times,
}

impl Desk {
    /// As configured; `data_dir`: folder of the oracle's state.
    pub fn open(config: &Verdicts, data_dir: &Path) -> Result<Self> {
        Ok(Self {
            visitor: Visitor::open(&config.store, data_dir.join("verdicts"), &config.private_addresses)?,
            share: Bps(config.share),
            at_once: config.at_once,
            times: Times {
                pause: Duration::from_secs(config.pause_seconds),
                visit: Duration::from_secs(config.visit_seconds),
                ..Times::default()
            },
        })
    }
}

/// Checks results for ever. Returns only with an error that trying again does not mend; never where there is no desk.
pub async fn follow(oracle: Arc<Oracle>, desk: Option<Desk>) -> Result<()> {
    let Some(desk) = desk else {
        tracing::info!("results of jobs with one replica are not checked: the configuration has no `verdicts`");
        return pending().await;
    };
    // A task of its own, which ends with this future: however long it works, epochs are not kept waiting.
    let mut task = JoinSet::new();
    task.spawn(clerk::work(Arc::clone(&oracle), desk));
    match task.join_next().await {
        Some(Ok(result)) => result,
        Some(Err(error)) => {
            oracle.trouble(format!("results are not checked any more: {error}"));
            pending().await
        }
        None => pending().await,
    }
}
