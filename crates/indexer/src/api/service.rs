//! Questions about the indexer itself.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Answers, Problem, problem::Answer};
use crate::{metrics::CONTENT_TYPE, totals};

/// How the indexer is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Health {
    /// `ok`, `starting` (the chain has not been read through yet) or `behind`.
    pub status: &'static str,
    /// Everything up to this slot is here.
    pub indexed_slot: u64,
    /// The chain's latest slot that was seen.
    pub chain_slot: u64,
    /// Slots between the two.
    pub lag_slots: u64,
    /// Transactions that are listed and not yet read.
    pub pending_transactions: u64,
    /// Seconds since the chain was last read through; `null` before the first time.
    pub seconds_since_read: Option<u64>,
}

/// How the indexer is; with status 503 while it starts or is behind.
#[utoipa::path(get, path = "/health", responses((status = 200, body = Health), (status = 503, body = Health)))]
pub(super) async fn health(State(answers): State<Answers>) -> Answer<Response> {
    let (mut step, indexed_slot) = answers.view().await?;
    let pending_transactions = totals::pending(&mut step).await?;
    let status = &answers.0.status;
    let chain_slot = status.chain_slot();
    let lag_slots = chain_slot.saturating_sub(indexed_slot);
    let silence = status.silence();
    // A chain that does not answer has no new slots: silence counts as lag, at the chain's 400 ms a slot.
    let silent_slots = silence.map_or(0, |silence| silence.as_millis() / 400);
    let is_behind = u128::from(lag_slots).max(silent_slots) >= u128::from(answers.0.healthy_lag_slots);
    let word = match (silence, is_behind) {
        (None, _) => "starting",
        (_, true) => "behind",
        (_, false) => "ok",
    };
    let health = Health {
        status: word,
        indexed_slot,
        chain_slot,
        lag_slots,
        pending_transactions,
        seconds_since_read: silence.map(|silence| silence.as_secs()),
    };
    let code = if word == "ok" {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    Ok((code, Json(health)).into_response())
}

/// Metrics in the text format of OpenMetrics, which Prometheus reads.
#[utoipa::path(get, path = "/metrics", responses(
    (status = 200, body = String, content_type = "application/openmetrics-text"),
))]
pub(super) async fn metrics(State(answers): State<Answers>) -> Answer<Response> {
    let text = answers.0.exporter.export().await.map_err(Problem::from)?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}

/// This description.
#[utoipa::path(get, path = "/openapi.json", responses((status = 200, body = Object)))]
pub(super) async fn openapi() -> Json<utoipa::openapi::OpenApi> {
    Json(super::openapi())
}
