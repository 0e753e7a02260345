//! An indexer under test: a database, whoever fills it, and its HTTP server.

use std::{sync::Arc, time::Duration};

use lumora_indexer::{
    Database, IndexerConfig, Status,
    api::{self, Answers},
    follow::{Follower, Pace},
    index::Index,
};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::history::Played;

/// A database and its server.
pub struct Served {
    pub url: String,
    pub status: Arc<Status>,
    pub database: Database,
    client: reqwest::Client,
    _shutdown: DropGuard,
}

/// Comparisons with the chain at every round, and none but the first.
pub const ALWAYS: Duration = Duration::ZERO;
pub const ONCE: Duration = Duration::from_secs(3_600);

impl Served {
    pub async fn open(database: &str) -> Self {
        Self::open_with(IndexerConfig {
            database: database.to_owned(),
            ..IndexerConfig::default()
        })
        .await
    }

    pub async fn open_with(config: IndexerConfig) -> Self {
        let database = Database::open(&config.database, config.connections).await.unwrap();
        let status = Arc::new(Status::default());
        let shutdown = CancellationToken::new();
        let answers = Answers::new(database.clone(), status.clone(), &config, shutdown.clone());
        let router = api::router(answers, &config).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let served = axum::serve(listener, router).with_graceful_shutdown(shutdown.clone().cancelled_owned());
        tokio::spawn(async move { served.await.unwrap() });
        Self {
            url,
            status,
            database,
            client: reqwest::Client::new(),
            _shutdown: shutdown.drop_guard(),
        }
    }

    /// Fills the database from a chain.
    pub fn follow(&self, chain: Played, reconcile: Duration) -> Follower<Played> {
        let pace = Pace {
            poll: Duration::from_millis(10),
            reconcile,
        };
        Follower::new(chain, Index::new(self.database.clone()), self.status.clone(), pace)
    }

    /// Status, content type and body of an answer.
    pub async fn ask(&self, path: &str) -> (u16, String, String) {
        let answer = self.client.get(format!("{}{path}", self.url)).send().await.unwrap();
        let status = answer.status().as_u16();
        let kind = answer
            .headers()
            .get("content-type")
            .map(|kind| kind.to_str().unwrap().to_owned());
        (status, kind.unwrap_or_default(), answer.text().await.unwrap())
    }

    /// Whether one more event stream may be opened; it is closed at once.
    pub async fn status_of_stream(&self) -> u16 {
        let answer = self
            .client
            .get(format!("{}/v1/events/stream", self.url))
            .send()
            .await
            .unwrap();
        answer.status().as_u16()
    }

    /// A document that must be there.
    pub async fn get(&self, path: &str) -> Value {
        let (status, kind, body) = self.ask(path).await;
        assert_eq!((status, kind.as_str()), (200, "application/json"), "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// The sentence of a refusal.
    pub async fn refused(&self, path: &str, status: u16) -> String {
        let (answered, kind, body) = self.ask(path).await;
        assert_eq!(
            (answered, kind.as_str()),
            (status, "application/problem+json"),
            "{path}: {body}"
        );
        let problem: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(problem["status"], status);
        problem["detail"].as_str().unwrap().to_owned()
    }

    /// Every item of a list, page by page.
    pub async fn all(&self, path: &str, limit: u32) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let separator = if path.contains('?') { '&' } else { '?' };
            let page = self.get(&format!("{path}{separator}limit={limit}{cursor}")).await;
            let found = page["items"].as_array().unwrap();
            assert!(found.len() <= limit as usize);
            items.extend(found.iter().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }

    /// The value of a metric with these labels, as written in the exported text.
    pub async fn metric(&self, name: &str, labels: &str) -> f64 {
        let (status, _, text) = self.ask("/metrics").await;
        assert_eq!(status, 200, "{text}");
        let start = if labels.is_empty() {
            format!("{name} ")
        } else {
            format!("{name}{{{labels}}} ")
        };
        let line = text.lines().find_map(|line| line.strip_prefix(&start));
        line.map_or(0.0, |value| value.parse().unwrap())
    }

    /// The sum of a metric over all its labels.
    pub async fn metric_sum(&self, name: &str) -> f64 {
        let (status, _, text) = self.ask("/metrics").await;
        assert_eq!(status, 200, "{text}");
        let start = format!("{name}{{");
        let samples = text.lines().filter(|line| line.starts_with(&start));
        samples
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum()
    }
}

/// The address of a database in a file of this folder.
pub fn sqlite(folder: &tempfile::TempDir) -> String {
    format!("sqlite://{}", folder.path().join("index.db").display())
}
