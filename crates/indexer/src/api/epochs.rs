//! Epochs: who measured, what was attested.

use axum::{
    Json,
    extract::{Path, State},
};
use lumora_interface::{
    Account as _,
    bandwidth::{self, epoch_state},
};
use serde::{Deserialize, Serialize};
use sqlx::{Row as _, any::AnyRow};
use utoipa::{IntoParams, ToSchema};

use super::{
    Answers, Page, Problem,
    page::{Search, limit},
    problem::{Answer, Ask, optional_word, shortened},
    text::{Amount, bits, time},
};
use crate::{database::select, error::Error};

/// One reward period. Oracles are named by their index in the oracle set.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Epoch {
    /// Its number.
    pub epoch: Amount,
    /// Address of its account.
    pub address: String,
    /// `open` or `attested`.
    pub state: &'static str,
    /// Members when it was opened.
    pub members: Vec<u8>,
    /// Signatures needed.
    pub quorum: u8,
    /// Decides who measures whom; `null` until it is drawn.
    pub seed: Option<String>,
    /// Slot that was named for the seed; once it is drawn, the slot that it comes from.
    pub seed_slot: u64,
    /// Unix time at which measurement begins.
    pub starts_at: i64,
    /// Unix time at which measurement ends.
    pub ends_at: i64,
    /// Unix time after which no bundle may be committed.
    pub cutoff_at: i64,
    /// Unix time at which the quorum was reached.
    pub attested_at: Option<i64>,
    /// Unix time from which the attestation is final.
    pub final_at: Option<i64>,
    /// Members that committed a bundle.
    pub committed: Vec<u8>,
    /// Members that signed the attested statement.
    pub signers: Vec<u8>,
    /// Members whose bundles the attested figures rest on.
    pub bundles: Vec<u8>,
    /// Root of the attested leaves.
    pub root: String,
    /// Number of attested leaves.
    pub leaf_count: u32,
    /// Sum of its contributions, kbit.
    pub total_contribution: Amount,
    /// What it adds to the rewards, LMR base units.
    pub epoch_reward: Amount,
    /// Sum of all rewards up to and with it, LMR base units.
    pub cumulative_reward: Amount,
}

/// Which epochs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EpochsQuery {
    /// Only `open` or `attested` ones.
    state: Option<String>,
    /// Items of the page, 1 to 500; 50 by default.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

const SELECT: &str = "SELECT address, epoch, data FROM (SELECT epochs.address AS address, epoch, attested, data \
     FROM epochs JOIN accounts ON accounts.address = epochs.address WHERE data IS NOT NULL) AS known";

/// Epochs, the latest first.
#[utoipa::path(get, path = "/v1/epochs", params(EpochsQuery), responses(
    (status = 200, body = Page<Epoch>),
    (status = 400, body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(State(answers): State<Answers>, Ask(asked): Ask<EpochsQuery>) -> Answer<Json<Page<Epoch>>> {
    let limit = limit(asked.limit)?;
    let state = optional_word("state of an epoch", asked.state.as_deref(), &["open", "attested"])?;
    let search = Search::new("epochs", SELECT, "epoch", "address").only("attested", state.map(|it| it == "attested"));
    let (mut step, slot) = answers.view().await?;
    let (rows, next) = search.page(&mut step, asked.cursor.as_deref(), limit).await?;
    let items = rows.iter().map(view).collect::<Answer<_>>()?;
    Ok(Json(Page { slot, items, next }))
}

/// One epoch.
#[utoipa::path(get, path = "/v1/epochs/{epoch}", params(("epoch" = u64, Path, description = "Its number")), responses(
    (status = 200, body = Epoch),
    (status = 400, body = Problem, content_type = "application/problem+json"),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn one(State(answers): State<Answers>, Path(number): Path<String>) -> Answer<Json<Epoch>> {
    let number: u64 = number
        .parse()
        .map_err(|_| Problem::malformed(format!("`{}` is not the number of an epoch", shortened(&number))))?;
    let (mut step, _) = answers.view().await?;
    let rows = select(&mut step, format!("{SELECT} WHERE epoch = $1"), vec![number.into()]).await?;
    let row = rows
        .first()
        .ok_or_else(|| Problem::missing(format!("there is no epoch {number} (yet)")))?;
    view(row).map(Json)
}

fn view(row: &AnyRow) -> Answer<Epoch> {
    let address: String = row.try_get("address")?;
    let data: Vec<u8> = row.try_get("data")?;
    let epoch = bandwidth::Epoch::from_account_data(&data)
        .map_err(|error| Error::Stored(format!("the epoch at {address}: {error}")))?;
    Ok(Epoch {
        epoch: Amount(epoch.epoch),
        address,
        state: if epoch.state == epoch_state::ATTESTED {
            "attested"
        } else {
            "open"
        },
        members: bits(epoch.members),
        quorum: epoch.quorum,
        seed: epoch.is_drawn().then(|| hex::encode(epoch.seed)),
        seed_slot: epoch.seed_slot,
        starts_at: epoch.starts_at,
        ends_at: epoch.ends_at,
        cutoff_at: epoch.cutoff_at,
        attested_at: time(epoch.attested_at),
        final_at: time(epoch.final_at),
        committed: bits(epoch.committed),
        signers: bits(epoch.signers),
        bundles: bits(epoch.bundles),
        root: hex::encode(epoch.root),
        leaf_count: epoch.leaf_count,
        total_contribution: Amount(epoch.total_contribution),
        epoch_reward: Amount(epoch.epoch_reward),
        cumulative_reward: Amount(epoch.cumulative_reward),
    })
}
