//! What an indexer is told by its operator.

use std::{net::SocketAddr, path::Path};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Configuration of an indexer, as read from a TOML or JSON file. Everything has a default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IndexerConfig {
    /// JSON-RPC address of the Solana network.
    pub rpc_url: String,
    /// WebSocket address of the network; by default that which follows from `rpc_url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ws_url: Option<String>,
    /// Where everything is kept: `sqlite://FILE` or `postgres://USER:PASSWORD@HOST/NAME`.
    pub database: String,
    /// Connections to the database.
    pub connections: u32,
    /// TCP address on which questions are answered.
    pub listen: SocketAddr,
    /// Web origins whose pages may ask, as `https://example.org`; `*` for all. What is told is public.
    pub cors_origins: Vec<String>,
    /// Event streams that may be open at the same time.
    pub streams: usize,
    /// Milliseconds after which the chain is looked at although the subscription is silent.
    pub poll_ms: u64,
    /// Seconds between two comparisons of all accounts with the chain.
    pub reconcile_seconds: u64,
    /// Requests to the RPC node at the same time.
    pub requests: usize,
    /// Slots behind the chain from which on `/health` says so with status 503.
    pub healthy_lag_slots: u64,
    /// Nodes that have metrics of their own, the busiest first.
    pub node_metrics: u32,
}

impl Default for IndexerConfig {
    fn default() -> Self {
        Self {
            rpc_url: "http://127.0.0.1:8899".into(),
            ws_url: None,
            database: "sqlite://lumora-index.db".into(),
            connections: 8,
            listen: SocketAddr::from(([127, 0, 0, 1], 8890)),
            cors_origins: vec!["*".into()],
            streams: 1_000,
            poll_ms: 2_000,
            reconcile_seconds: 600,
            requests: 8,
            healthy_lag_slots: 150,
            node_metrics: 50,
        }
    }
}

impl IndexerConfig {
    /// Reads a file: JSON if it is called so, TOML otherwise.
    pub fn read(path: &Path) -> Result<Self> {
        let fail = |reason: String| Error::Config {
            path: path.to_owned(),
            reason,
        };
        let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
        if path.extension().is_some_and(|extension| extension == "json") {
            serde_json::from_str(&text).map_err(|error| fail(error.to_string()))
        } else {
            toml::from_str(&text).map_err(|error| fail(error.to_string()))
        }
    }

    /// Says what cannot be right.
    pub fn check(&self) -> Result<()> {
        let above_zero: [(&'static str, u64); 6] = [
            ("connections", self.connections.into()),
            ("streams", self.streams as u64),
            ("poll_ms", self.poll_ms),
            ("reconcile_seconds", self.reconcile_seconds),
            ("requests", self.requests as u64),
            ("healthy_lag_slots", self.healthy_lag_slots),
        ];
        match above_zero.into_iter().find(|(_, value)| *value == 0) {
            Some((name, _)) => Err(Error::Setting {
                name,
                reason: "it must be above zero".into(),
            }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_is_a_configuration_and_a_misspelt_one_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("indexer.toml");
        std::fs::write(&path, "").unwrap();
        assert_eq!(IndexerConfig::read(&path).unwrap(), IndexerConfig::default());
        std::fs::write(&path, "databse = 'sqlite://x.db'").unwrap();
        let error = IndexerConfig::read(&path).unwrap_err().to_string();
        assert!(error.contains("indexer.toml") && error.contains("databse"), "{error}");
        let error = IndexerConfig::read(&folder.path().join("none.toml"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("none.toml"), "{error}");
    }

    #[test]
    fn what_was_written_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("indexer.json");
        let config = IndexerConfig {
            ws_url: Some("ws://127.0.0.1:8900".into()),
            ..IndexerConfig::default()
        };
        std::fs::write(&path, serde_json::to_string(&config).unwrap()).unwrap();
        assert_eq!(IndexerConfig::read(&path).unwrap(), config);
    }

    #[test]
    fn zero_is_no_setting() {
        let config = IndexerConfig {
            poll_ms: 0,
            ..IndexerConfig::default()
        };
        assert!(config.check().unwrap_err().to_string().contains("poll_ms"));
        IndexerConfig::default().check().unwrap();
    }
}
