//! The indexer: what the chain says, in SQL, over REST and server-sent events, and as metrics.
//!
//! - [`chain`] is what is asked of a network; [`follow`] asks it, and [`index`] writes what was answered.
//! - [`catalog`] knows every account, event and error of the programs; [`project`] and [`effects`] are the pure rules that
//!   turn them into rows and sums.
//! - [`api`] answers questions; [`metrics`] is the contract that the exporter and the dashboards keep.
//!
//! # Order and safety
//! A program's transactions are listed back to where the last listing began, kept as pending, and read oldest first across
//! all programs. Rows, sums and the removal from pending are one SQL transaction, so a kill at any moment loses nothing and
//! doubles nothing. Everything in the database can be made again from the chain.

pub mod api;
pub mod catalog;
pub mod chain;
mod config;
mod database;
pub mod effects;
mod error;
pub mod follow;
pub mod index;
pub mod metrics;
pub mod project;
#[cfg(feature = "rpc")]
pub mod rpc;
mod status;
pub mod totals;

pub use config::IndexerConfig;
pub use database::Database;
pub use error::{Error, Result};
pub use status::Status;

use std::{sync::Arc, time::Duration};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    api::Answers,
    chain::Chain,
    follow::{Follower, Pace},
    index::Index,
};

/// Indexes the configured network and answers questions until told to stop.
#[cfg(feature = "rpc")]
pub async fn run(config: IndexerConfig, shutdown: CancellationToken) -> Result<()> {
    let chain = rpc::Network::connect(&config.rpc_url, config.ws_url.as_deref(), config.requests)?;
    let listener = bind(&config).await?;
    run_on(config, chain, listener, shutdown).await
}

/// Takes the TCP address on which questions are answered.
pub async fn bind(config: &IndexerConfig) -> Result<TcpListener> {
    let address = config.listen;
    TcpListener::bind(address)
        .await
        .map_err(|source| Error::Bind { address, source })
}

/// As [`run`], with any chain and a listener that is bound already.
pub async fn run_on<C: Chain>(
    config: IndexerConfig,
    chain: C,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> Result<()> {
    config.check()?;
    let database = Database::open(&config.database, config.connections).await?;
    let index = Index::new(database.clone());
    let status = Arc::new(Status::default());
    status.recorded(index.latest_event().await?);
    let router = api::router(
        Answers::new(database.clone(), status.clone(), &config, shutdown.clone()),
        &config,
    )?;
    let pace = Pace {
        poll: Duration::from_millis(config.poll_ms),
        reconcile: Duration::from_secs(config.reconcile_seconds),
    };
    let follower = Follower::new(chain, index, status, pace).run(shutdown.clone());
    let server = axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned());
    let ((), served) = tokio::join!(follower, server);
    database.close().await;
    if let Err(error) = served {
        tracing::error!(%error, "the HTTP server stopped");
    }
    Ok(())
}
