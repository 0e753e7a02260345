//! Nodes with what was attested of them, their work and their rewards.

use std::collections::HashMap;

use axum::{Json, extract::State};
use lumora_interface::{Account as _, bandwidth::Attestation, registry, rewards::Reward, tasks::Work};
use serde::{Deserialize, Serialize};
use sqlx::{Row as _, any::AnyRow};
use utoipa::{IntoParams, ToSchema};

use super::{
    Answers, Page, Problem,
    page::{Search, limit},
    problem::{Answer, Ask, At, optional_address, optional_word, shortened},
    text::{Amount, reason_text, time},
};
use crate::{
    database::{Step, for_each_in},
    project::region,
};

/// A node.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Node {
    /// Address of its account.
    pub address: String,
    /// Wallet that owns it.
    pub owner: String,
    /// Hot key of its software.
    pub operator: String,
    /// Which of its owner's nodes this is.
    pub index: u16,
    /// Whether its owner lets it be measured and take work.
    pub active: bool,
    /// H3 cell of resolution 3 in which it stands.
    pub region: String,
    /// Centre of that cell as a unit vector (0° N 0° E, 0° N 90° E, the north pole), components scaled to 32,767.
    pub location: [i16; 3],
    /// Rate that its owner is willing to share, kbit/s.
    pub limit_kbps: u32,
    /// Shards that it is willing to work on at the same time.
    pub shard_capacity: u16,
    /// LMR base units of bond.
    pub bond: Amount,
    /// LMR base units asked back, still at risk.
    pub unbonding: Amount,
    /// Unix time from which these may be withdrawn.
    pub unbonds_at: Option<i64>,
    /// LMR base units ever lost of the bond.
    pub slashed: Amount,
    /// Unix time of registration.
    pub registered_at: i64,
    /// Unix time of the last change by its owner.
    pub updated_at: i64,
    /// LMR base units of rewards claimed in its lifetime.
    pub claimed: Amount,
    /// Its latest proven figures.
    pub attestation: Option<NodeAttestation>,
    /// How its assignments ended.
    pub work: Option<NodeWork>,
}

/// A node's latest proven figures.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NodeAttestation {
    /// Epoch that they are of.
    pub epoch: Amount,
    /// Code of why they are what they are.
    pub reason: u8,
    /// The same as a sentence.
    pub reason_text: &'static str,
    /// Share of the scheduled rounds that it answered, in basis points.
    pub uptime_bps: u16,
    /// Reputation, in basis points.
    pub reputation_bps: u16,
    /// Rate towards it, kbit/s.
    pub down_kbps: u32,
    /// Rate from it, kbit/s.
    pub up_kbps: u32,
    /// Round-trip time, microseconds.
    pub rtt_us: u32,
    /// Contribution of that epoch, kbit.
    pub contribution: Amount,
    /// Contribution of its lifetime, kbit.
    pub cumulative_contribution: Amount,
    /// Reward of its lifetime, LMR base units.
    pub cumulative_reward: Amount,
    /// Unix time at which the epoch's measurement ended.
    pub measured_at: i64,
    /// Unix time of the proof.
    pub proven_at: i64,
}

/// How a node's assignments ended.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NodeWork {
    /// Assignments for which a part of its bond stands: those that it works on, and those that expired or were rejected and
    /// for which it was not slashed yet.
    pub active: u32,
    /// Assignments that were in the agreeing majority, and paid.
    pub completed: Amount,
    /// Assignments whose result the majority, or a quorum of oracles, did not agree with.
    pub failed: Amount,
    /// Assignments that ran out of time.
    pub expired: Amount,
    /// LMR base units earned.
    pub earned: Amount,
}

/// Which nodes.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct NodesQuery {
    /// Only those of this wallet.
    owner: Option<String>,
    /// Only those with this operator key.
    operator: Option<String>,
    /// Only those in this H3 cell of resolution 3.
    region: Option<String>,
    /// Only `active` or `paused` ones.
    state: Option<String>,
    /// Items of the page, 1 to 500; 50 by default.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Nodes, the latest registered first.
#[utoipa::path(get, path = "/v1/nodes", params(NodesQuery), responses(
    (status = 200, body = Page<Node>),
    (status = 400, body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(State(answers): State<Answers>, Ask(asked): Ask<NodesQuery>) -> Answer<Json<Page<Node>>> {
    let limit = limit(asked.limit)?;
    let state = optional_word("state of a node", asked.state.as_deref(), &["active", "paused"])?;
    let search = Search::new(
        "nodes",
        "SELECT address, registered_at FROM nodes",
        "registered_at",
        "address",
    )
    .only("owner", optional_address(asked.owner.as_deref())?)
    .only("operator", optional_address(asked.operator.as_deref())?)
    .only("region", optional_region(asked.region.as_deref())?)
    .only("active", state.map(|state| state == "active"));
    let (mut step, slot) = answers.view().await?;
    let (rows, next) = search.page(&mut step, asked.cursor.as_deref(), limit).await?;
    let addresses = rows
        .iter()
        .map(|row| row.try_get("address"))
        .collect::<Result<Vec<_>, _>>()?;
    let items = nodes(&mut step, &addresses).await?;
    Ok(Json(Page { slot, items, next }))
}

/// One node.
#[utoipa::path(get, path = "/v1/nodes/{address}", params(("address" = String, Path, description = "The node's account")),
    responses(
        (status = 200, body = Node),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn one(State(answers): State<Answers>, At(address): At) -> Answer<Json<Node>> {
    let (mut step, _) = answers.view().await?;
    let found = nodes(&mut step, &[address.to_string()]).await?.pop();
    found
        .map(Json)
        .ok_or_else(|| Problem::missing(format!("there is no node at {address}")))
}

/// Reads a region that may be missing.
pub(super) fn optional_region(text: Option<&str>) -> Answer<Option<String>> {
    let read = |text: &str| {
        u64::from_str_radix(text, 16).map(region).map_err(|_| {
            Problem::malformed(format!(
                "`{}` is not an H3 cell: 15 hexadecimal digits",
                shortened(text)
            ))
        })
    };
    text.map(read).transpose()
}

/// These nodes with all that belongs to them, in the order of the addresses; those that do not exist are left out.
async fn nodes(step: &mut Step, addresses: &[String]) -> Answer<Vec<Node>> {
    let accounts = for_each_in(
        step,
        "SELECT address, data FROM accounts WHERE kind = 'Node' AND data IS NOT NULL AND address",
        addresses,
        "",
    )
    .await?;
    let belonging = for_each_in(
        step,
        "SELECT parent, kind, data FROM accounts WHERE data IS NOT NULL AND parent",
        addresses,
        "",
    )
    .await?;
    let mut by_node: HashMap<String, Vec<&AnyRow>> = HashMap::new();
    for row in &belonging {
        by_node.entry(row.try_get("parent")?).or_default().push(row);
    }
    let mut found = HashMap::new();
    for row in &accounts {
        let address: String = row.try_get("address")?;
        let data: Vec<u8> = row.try_get("data")?;
        let Ok(node) = registry::Node::from_account_data(&data) else {
            continue;
        };
        let mut node = view(address.clone(), &node);
        for row in by_node.get(&address).into_iter().flatten() {
            let data: Vec<u8> = row.try_get("data")?;
            match row.try_get::<String, _>("kind")?.as_str() {
                "Attestation" => node.attestation = Attestation::from_account_data(&data).ok().map(|it| attested(&it)),
                "Work" => node.work = Work::from_account_data(&data).ok().map(|it| worked(&it)),
                "Reward" => {
                    node.claimed = Amount(Reward::from_account_data(&data).map_or(0, |reward| reward.claimed));
                }
                _ => {}
            }
        }
        found.insert(address, node);
    }
    Ok(addresses.iter().filter_map(|address| found.remove(address)).collect())
}

fn view(address: String, node: &registry::Node) -> Node {
    Node {
        address,
        owner: node.owner.to_string(),
        operator: node.operator.to_string(),
        index: node.index,
        active: node.is_active(),
        region: region(node.h3_cell),
        location: node.location,
        limit_kbps: node.limit_kbps,
        shard_capacity: node.shard_capacity,
        bond: Amount(node.bond),
        unbonding: Amount(node.unbonding),
        unbonds_at: time(node.unbonds_at),
        slashed: Amount(node.slashed),
        registered_at: node.registered_at,
        updated_at: node.updated_at,
        claimed: Amount(0),
        attestation: None,
        work: None,
    }
}

fn attested(it: &Attestation) -> NodeAttestation {
    NodeAttestation {
        epoch: Amount(it.epoch),
        reason: it.reason,
        reason_text: reason_text(it.reason),
        uptime_bps: it.uptime_bps,
        reputation_bps: it.reputation_bps,
        down_kbps: it.down_kbps,
        up_kbps: it.up_kbps,
        rtt_us: it.rtt_us,
        contribution: Amount(it.contribution),
        cumulative_contribution: Amount(it.cumulative_contribution),
        cumulative_reward: Amount(it.cumulative_reward),
        measured_at: it.measured_at,
        proven_at: it.proven_at,
    }
}

fn worked(work: &Work) -> NodeWork {
    NodeWork {
        active: work.active,
        completed: Amount(work.completed),
        failed: Amount(work.failed),
        expired: Amount(work.expired),
        earned: Amount(work.earned),
    }
}
