//! Jobs, the closed ones included.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use sqlx::{Row as _, any::AnyRow};
use utoipa::{IntoParams, ToSchema};

use super::{
    Answers, Page, Problem,
    page::{Search, limit},
    problem::{Answer, Ask, At, optional_address, optional_word},
    text::Amount,
};
use crate::{
    database::{select, unsigned},
    project::job_state,
};

/// A job.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Job {
    /// Address of its account.
    pub address: String,
    /// `open`, `cancelled` (nothing more can be claimed), `settled` (every shard is) or `closed` (its account is gone and
    /// what was left of the escrow went back).
    pub state: String,
    /// Wallet that pays.
    pub client: String,
    /// SHA-256 of the manifest.
    pub manifest_hash: String,
    /// Nodes that each shard needs.
    pub replicas: u64,
    /// Nodes that a shard may have while their results do not agree.
    pub max_replicas: u64,
    /// Number of shards.
    pub shard_count: u64,
    /// Shards that are settled, with or without a winner.
    pub settled_shards: u64,
    /// Assignments that are worked on or wait for their settlement.
    pub live_assignments: u64,
    /// Assignments that expired or were rejected, and whose accounts still exist: the job can be closed when there are none.
    pub tombstones: u64,
    /// Share of each payment that the protocol keeps, in basis points.
    pub fee_bps: u64,
    /// LMR base units for one replica of one shard, the fee included.
    pub price: Amount,
    /// LMR base units put into escrow.
    pub escrowed: Amount,
    /// LMR base units paid to executors.
    pub paid: Amount,
    /// LMR base units paid as fees.
    pub fees: Amount,
    /// LMR base units that went back to the client so far, before it was closed included.
    pub refunded: Amount,
    /// Unix time from which waiting counts; of a job that was closed before it was indexed, of its creation.
    pub opened_at: i64,
    /// Unix time from which nothing more can be claimed.
    pub deadline: i64,
    /// Unix time at which it was closed.
    pub closed_at: Option<i64>,
}

/// Which jobs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct JobsQuery {
    /// Only those that this wallet pays for.
    client: Option<String>,
    /// Only `open`, `cancelled`, `settled` or `closed` ones.
    state: Option<String>,
    /// Items of the page, 1 to 500; 50 by default.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

const SELECT: &str = "SELECT address, state, client, manifest_hash, replicas, max_replicas, \
     shard_count, settled_shards, live_assignments, tombstones, fee_bps, price, escrowed, paid, fees, refunded, opened_at, deadline, closed_at FROM jobs";

/// Jobs, the latest opened first.
#[utoipa::path(get, path = "/v1/jobs", params(JobsQuery), responses(
    (status = 200, body = Page<Job>),
    (status = 400, body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(State(answers): State<Answers>, Ask(asked): Ask<JobsQuery>) -> Answer<Json<Page<Job>>> {
    let limit = limit(asked.limit)?;
    let search = Search::new("jobs", SELECT, "opened_at", "address")
        .only("client", optional_address(asked.client.as_deref())?)
        .only(
            "state",
            optional_word("state of a job", asked.state.as_deref(), &job_state::ALL)?,
        );
    let (mut step, slot) = answers.view().await?;
    let (rows, next) = search.page(&mut step, asked.cursor.as_deref(), limit).await?;
    let items = rows.iter().map(view).collect::<Answer<_>>()?;
    Ok(Json(Page { slot, items, next }))
}

/// One job.
#[utoipa::path(get, path = "/v1/jobs/{address}", params(("address" = String, Path, description = "The job's account")),
    responses(
        (status = 200, body = Job),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn one(State(answers): State<Answers>, At(address): At) -> Answer<Json<Job>> {
    let (mut step, _) = answers.view().await?;
    let rows = select(
        &mut step,
        format!("{SELECT} WHERE address = $1"),
        vec![address.to_string().into()],
    )
    .await?;
    let row = rows
        .first()
        .ok_or_else(|| Problem::missing(format!("there is no job at {address}")))?;
    view(row).map(Json)
}

fn view(row: &AnyRow) -> Answer<Job> {
    let amount = |column| Ok::<_, Problem>(Amount(unsigned(row, column)?));
    Ok(Job {
        address: row.try_get("address")?,
        state: row.try_get("state")?,
        client: row.try_get("client")?,
        manifest_hash: row.try_get("manifest_hash")?,
        replicas: unsigned(row, "replicas")?,
        max_replicas: unsigned(row, "max_replicas")?,
        shard_count: unsigned(row, "shard_count")?,
        settled_shards: unsigned(row, "settled_shards")?,
        live_assignments: unsigned(row, "live_assignments")?,
        tombstones: unsigned(row, "tombstones")?,
        fee_bps: unsigned(row, "fee_bps")?,
        price: amount("price")?,
        escrowed: amount("escrowed")?,
        paid: amount("paid")?,
        fees: amount("fees")?,
        refunded: amount("refunded")?,
        opened_at: row.try_get("opened_at")?,
        deadline: row.try_get("deadline")?,
        closed_at: row.try_get("closed_at")?,
    })
}
