//! Answers over HTTP: REST with cursors, server-sent events, metrics, and a description of all of it at `/openapi.json`.

mod epochs;
mod events;
mod jobs;
mod market;
mod network;
mod nodes;
mod page;
mod problem;
mod service;
mod shards;
mod text;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    http::{HeaderValue, Method, StatusCode, header},
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::{
    cors::{AllowOrigin, CorsLayer},
    timeout::TimeoutLayer,
};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

pub use page::{DEFAULT_LIMIT, MAX_LIMIT, Page};
pub use problem::Problem;
pub use text::Amount;

use self::problem::Answer;
use crate::{
    config::IndexerConfig,
    database::{Database, Step},
    error::{Error, Result},
    metrics::Exporter,
    status::Status,
};

/// Longest time that an answer may take to begin.
const PATIENCE: Duration = Duration::from_secs(30);

/// What answers are made from.
#[derive(Clone)]
pub struct Answers(Arc<Inner>);

struct Inner {
    database: Database,
    status: Arc<Status>,
    exporter: Exporter,
    streams: Arc<Semaphore>,
    shutdown: CancellationToken,
    healthy_lag_slots: u64,
}

impl Answers {
    /// Answers from a database and the status of whoever fills it.
    pub fn new(database: Database, status: Arc<Status>, config: &IndexerConfig, shutdown: CancellationToken) -> Self {
        Self(Arc::new(Inner {
            exporter: Exporter::new(database.clone(), status.clone(), config.node_metrics),
            database,
            status,
            streams: Arc::new(Semaphore::new(config.streams)),
            shutdown,
            healthy_lag_slots: config.healthy_lag_slots,
        }))
    }

    /// A consistent view of everything, and the slot up to which it is complete.
    async fn view(&self) -> Answer<(Step, u64)> {
        let mut step = self.0.database.read().await?;
        let slot = crate::database::mark(&mut step, "indexed_slot").await?;
        Ok((step, slot))
    }
}

#[derive(OpenApi)]
#[openapi(info(
    title = "Lumora indexer",
    description = "What the Lumora programs say on Solana. Amounts are texts of LMR base units (six decimals), 64-bit \
                   counts are texts, rates are kbit/s, latencies microseconds, shares basis points (1/10,000), times Unix \
                   seconds of the chain's clock, hashes and keys hexadecimal, addresses and signatures base58, regions H3 \
                   cells of resolution 3. `slot` is the slot of the chain up to which an answer is complete. Refusals are \
                   problem documents (RFC 9457)."
))]
struct Description;

/// The routes, and their description.
fn described() -> (Router<Answers>, utoipa::openapi::OpenApi) {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(nodes::list))
        .routes(routes!(nodes::one))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::one))
        .routes(routes!(shards::list))
        .routes(routes!(market::listings))
        .routes(routes!(market::listing))
        .routes(routes!(market::purchases))
        .routes(routes!(market::purchase))
        .routes(routes!(epochs::list))
        .routes(routes!(epochs::one))
        .routes(routes!(network::totals))
        .routes(routes!(network::regions))
        .routes(routes!(network::account))
        .routes(routes!(events::list))
        .routes(routes!(events::stream))
        .routes(routes!(service::health))
        .routes(routes!(service::metrics))
        .routes(routes!(service::openapi))
        .split_for_parts()
}

/// The description that is served at `/openapi.json`.
pub fn openapi() -> utoipa::openapi::OpenApi {
    described().1
}

/// Everything that is served.
pub fn router(answers: Answers, config: &IndexerConfig) -> Result<Router> {
    Ok(described()
        .0
        .fallback(problem::no_such_route)
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            PATIENCE,
        ))
        .layer(cors(&config.cors_origins)?)
        .with_state(answers))
}

fn cors(origins: &[String]) -> Result<CorsLayer> {
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        let origins = origins.iter().map(|origin| {
            let is_origin = url::Url::parse(origin).is_ok_and(|url| url.origin().ascii_serialization() == *origin);
            let value = HeaderValue::from_str(origin).ok().filter(|_| is_origin);
            value.ok_or_else(|| Error::Setting {
                name: "cors_origins",
                reason: format!("`{origin}` is not an origin: give scheme and host alone, as https://example.org"),
            })
        });
        AllowOrigin::list(origins.collect::<Result<Vec<_>>>()?)
    };
    Ok(CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET])
        .allow_headers([header::ACCEPT, header::HeaderName::from_static("last-event-id")]))
}
