//! Totals, regions, and any account by its address.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use lumora_interface::{
    bandwidth::{OracleSet, member},
    registry::{self, NetworkParameters, pause},
    rewards::Emission,
};
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use utoipa::{IntoParams, ToSchema};

use super::{
    Answers, Page, Problem,
    page::{Place, limit},
    problem::{Answer, Ask, At},
    text::{Amount, optional},
};
use crate::{
    catalog::CATALOG,
    database::{select, unsigned},
    totals::{self, Region},
};

/// Regions of which the totals are made; there are fewer cells of resolution 3 on Earth.
const ALL_REGIONS: u32 = 50_000;

/// The network as a whole.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Network {
    /// Slot of the chain up to which the answer is complete.
    pub slot: u64,
    /// Its parameters; `null` before it is initialised.
    pub parameters: Option<Parameters>,
    /// The oracles and the clock of epochs; `null` before they are initialised.
    pub oracles: Option<Oracles>,
    /// What was minted and claimed; `null` before the mint exists.
    pub emission: Option<EmissionTotals>,
    /// What the programs hold for work and for data.
    pub held: Held,
    /// Nodes and bandwidth.
    pub bandwidth: Bandwidth,
    /// Jobs by state.
    pub jobs: BTreeMap<String, u64>,
    /// Listings by state.
    pub listings: BTreeMap<String, u64>,
    /// Purchases by state.
    pub purchases: BTreeMap<String, u64>,
}

/// What the authority has set.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Parameters {
    /// Bound into every signed message.
    pub network_id: String,
    /// May change parameters and oracles.
    pub authority: String,
    /// Successor that has not accepted yet.
    pub pending_authority: Option<String>,
    /// May pause, nothing else.
    pub guardian: String,
    /// The LMR mint.
    pub lmr_mint: String,
    /// New commitments that are stopped: `registering`, `claiming work`, `buying`.
    pub paused: Vec<&'static str>,
    /// Seconds between announcing figures and their taking effect.
    pub notice_seconds: u32,
    /// How the oracles have adapted weights and longest wait to what they measured. `/v1/events?name=RankingAdapted` is its history.
    pub adaptation: Adaptation,
    /// Figures that were announced; `null` when none are.
    pub announced: Option<Announced>,
    /// The figures that hold now.
    #[serde(flatten)]
    pub figures: Figures,
}

/// How the oracles have adapted weights and longest wait.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Adaptation {
    /// Adaptations so far.
    pub count: u32,
    /// Unix time of the last one; `null` before the first.
    pub last_at: Option<i64>,
    /// Whether the authority or the guardian has frozen it.
    pub frozen: bool,
    /// What the authority set last: adaptations stay near it.
    pub base: Base,
}

/// Weights and longest wait as the authority set them.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Base {
    /// Weights of bandwidth, proximity, latency and reputation in the score, in basis points.
    pub weights_bps: [u16; 4],
    /// Seconds that a node with a score of zero waits before it may claim a shard.
    pub max_wait_seconds: i64,
}

/// Figures that replace those that hold now.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Announced {
    /// Unix time from which anybody may apply them.
    pub from: i64,
    /// The figures.
    #[serde(flatten)]
    pub figures: Figures,
}

/// Figures that the authority may change after announcing them.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Figures {
    /// LMR base units that a node must have deposited to take work.
    pub minimum_bond: Amount,
    /// LMR base units of bond that each open shard needs.
    pub shard_bond: Amount,
    /// Seconds between asking for a bond back and receiving it.
    pub unbonding_seconds: i64,
    /// Weights of bandwidth, proximity, latency and reputation in the score, in basis points.
    pub weights_bps: [u16; 4],
    /// Rate from which on more does not count in the score, kbit/s.
    pub reference_kbps: u32,
    /// Distance at which proximity counts half in the score, kilometres.
    pub half_distance_km: u32,
    /// Round-trip time at which latency counts half in the score, microseconds.
    pub half_latency_us: u32,
    /// Seconds that a node with a score of zero waits before it may claim a shard.
    pub max_wait_seconds: u32,
    /// Seconds after which an attestation no longer makes a node eligible for work.
    pub attestation_max_age_seconds: u32,
    /// Share of a node's attested capacity that shards may fill, in basis points.
    pub capacity_share_bps: u16,
    /// Share of `shard_bond` that a node loses for an assignment that expired or was rejected, in basis points.
    pub expiry_slash_bps: u16,
    /// Share of each payment that the protocol keeps, in basis points.
    pub protocol_fee_bps: u16,
    /// Share of that fee that is burned, in basis points.
    pub burn_share_bps: u16,
}

/// The oracles and the clock of epochs.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Oracles {
    /// Keys of the members that count.
    pub active: Vec<String>,
    /// Number of the epoch that will be opened next.
    pub next_epoch: Amount,
    /// Least seconds between the starts of two epochs.
    pub epoch_seconds: u32,
    /// Sum of all contributions attested so far, kbit.
    pub cumulative_contribution: Amount,
    /// Sum of all rewards attested so far, LMR base units.
    pub cumulative_reward: Amount,
}

/// LMR base units minted, claimed and burned so far.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EmissionTotals {
    /// Most that all epochs together may mint.
    pub cap: Amount,
    /// Minted for epochs.
    pub minted: Amount,
    /// Claimed by nodes.
    pub claimed: Amount,
    /// Minted into the early-participant pool at genesis.
    pub early_minted: Amount,
    /// Granted from that pool.
    pub early_granted: Amount,
    /// Of what was granted, not released yet.
    pub early_outstanding: Amount,
    /// Burned of fees.
    pub burned: Amount,
}

/// LMR base units that the programs hold for work and for data.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Held {
    /// In the escrows of jobs.
    pub work: Amount,
    /// In the vaults of purchases that are neither delivered nor refunded.
    pub data: Amount,
    /// Bonds of sellers.
    pub listing_bonds: Amount,
    /// Set aside in these for purchases that may still be late.
    pub open_penalties: Amount,
}

impl From<totals::Held> for Held {
    fn from(held: totals::Held) -> Self {
        Self {
            work: Amount(held.work),
            data: Amount(held.data),
            listing_bonds: Amount(held.listing_bonds),
            open_penalties: Amount(held.open_penalties),
        }
    }
}

/// Nodes and bandwidth, of the network or of a region. Rates are of active nodes.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Bandwidth {
    /// H3 cell of resolution 3; absent in totals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Nodes registered.
    pub nodes: u64,
    /// Those of them that are active.
    pub active_nodes: u64,
    /// Rates that they are willing to share, kbit/s.
    pub offered_kbps: Amount,
    /// Attested rates towards them, kbit/s.
    pub attested_down_kbps: Amount,
    /// Attested rates from them, kbit/s.
    pub attested_up_kbps: Amount,
    /// The part of the attested rates towards them that is at work, by the shards that they work on, kbit/s.
    pub in_use_kbps: Amount,
    /// Shards that they are willing to work on at the same time.
    pub shard_capacity: u64,
    /// Assignments that are worked on or wait for their settlement.
    pub active_assignments: u64,
    /// Mean attested round-trip time, microseconds; `null` in totals, and where nothing is attested.
    pub mean_rtt_us: Option<u64>,
}

impl From<Region> for Bandwidth {
    fn from(region: Region) -> Self {
        Self {
            region: Some(region.region).filter(|region| !region.is_empty()),
            nodes: region.nodes,
            active_nodes: region.active_nodes,
            offered_kbps: Amount(region.offered_kbps),
            attested_down_kbps: Amount(region.attested_down_kbps),
            attested_up_kbps: Amount(region.attested_up_kbps),
            in_use_kbps: Amount(region.in_use_kbps),
            shard_capacity: region.shard_capacity,
            active_assignments: region.active_assignments,
            mean_rtt_us: region.mean_rtt_us,
        }
    }
}

/// The network as a whole.
#[utoipa::path(get, path = "/v1/network", responses((status = 200, body = Network)))]
pub(super) async fn totals(State(answers): State<Answers>) -> Answer<Json<Network>> {
    let (mut step, slot) = answers.view().await?;
    let singles = totals::singles(&mut step).await?;
    let regions = totals::regions(&mut step, "", ALL_REGIONS).await?;
    Ok(Json(Network {
        slot,
        parameters: singles.network.as_ref().map(parameters),
        oracles: singles.oracles.as_deref().map(oracles),
        emission: singles.emission.as_ref().map(emission),
        held: totals::held(&mut step).await?.into(),
        bandwidth: totals::sum(&regions).into(),
        jobs: totals::jobs(&mut step).await?.into_iter().collect(),
        listings: totals::listings(&mut step).await?.into_iter().collect(),
        purchases: totals::purchases(&mut step).await?.into_iter().collect(),
    }))
}

/// Which regions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RegionsQuery {
    /// Items of the page, 1 to 500; 50 by default.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Regions in which there are nodes, in alphabetical order.
#[utoipa::path(get, path = "/v1/regions", params(RegionsQuery), responses(
    (status = 200, body = Page<Bandwidth>),
    (status = 400, body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn regions(
    State(answers): State<Answers>,
    Ask(asked): Ask<RegionsQuery>,
) -> Answer<Json<Page<Bandwidth>>> {
    let limit = limit(asked.limit)?;
    let after = Place::read("regions", asked.cursor.as_deref())?
        .map(|place| place.text)
        .unwrap_or_default();
    let (mut step, slot) = answers.view().await?;
    let mut regions = totals::regions(&mut step, &after, limit + 1).await?;
    let more = regions.len() > limit as usize;
    regions.truncate(limit as usize);
    let last = regions.last().filter(|_| more).map(|last| Place {
        number: 0,
        text: last.region.clone(),
    });
    Ok(Json(Page {
        slot,
        items: regions.into_iter().map(Bandwidth::from).collect(),
        next: last.map(|place| place.cursor("regions")),
    }))
}

/// An account of one of the programs.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AnyAccount {
    /// Its address.
    pub address: String,
    /// Name of the program that owns it.
    pub program: String,
    /// Name of its type.
    pub kind: String,
    /// Slot that it is of.
    pub slot: u64,
    /// Whether it exists: of one that was closed, nothing but this is known.
    pub exists: bool,
    /// Its fields as named in the program's IDL. Integers of 64 bits are texts, times excepted; bytes are hexadecimal.
    #[schema(value_type = Object)]
    pub fields: serde_json::Map<String, serde_json::Value>,
}

/// Any account of the programs.
#[utoipa::path(get, path = "/v1/accounts/{address}", params(("address" = String, Path, description = "The account")),
    responses(
        (status = 200, body = AnyAccount),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn account(State(answers): State<Answers>, At(address): At) -> Answer<Json<AnyAccount>> {
    let (mut step, _) = answers.view().await?;
    let sql = "SELECT program, kind, slot, data FROM accounts WHERE address = $1";
    let rows = select(&mut step, sql, vec![address.to_string().into()]).await?;
    let row = rows.first().ok_or_else(|| {
        Problem::missing(format!(
            "{address} is not an account of one of Lumora's programs, as far as is known here"
        ))
    })?;
    let program: String = row.try_get("program")?;
    let data: Option<Vec<u8>> = row.try_get("data")?;
    let fields = data.as_deref().and_then(|data| {
        let layout = CATALOG.program_named(&program)?.account(data)?;
        Some(layout.decode(data))
    });
    Ok(Json(AnyAccount {
        address: address.to_string(),
        kind: row.try_get("kind")?,
        slot: unsigned(row, "slot")?,
        exists: data.is_some(),
        fields: fields.unwrap_or_default(),
        program,
    }))
}

fn parameters(network: &registry::Network) -> Parameters {
    let bits = [
        (pause::REGISTERING, "registering"),
        (pause::CLAIMING_WORK, "claiming work"),
        (pause::BUYING, "buying"),
    ];
    let paused = bits
        .into_iter()
        .filter(|(bit, _)| network.is_paused(*bit))
        .map(|(_, name)| name);
    Parameters {
        network_id: hex::encode(network.network_id),
        authority: network.authority.to_string(),
        pending_authority: optional(&network.pending_authority),
        guardian: network.guardian.to_string(),
        lmr_mint: network.lmr_mint.to_string(),
        paused: paused.collect(),
        notice_seconds: network.notice(),
        adaptation: adaptation(network),
        announced: network.announcement().map(|(announced, from)| Announced {
            from,
            figures: figures(&announced),
        }),
        figures: figures(&network.parameters()),
    }
}

fn adaptation(network: &registry::Network) -> Adaptation {
    let base = network.base_tuning();
    Adaptation {
        count: network.adaptations,
        last_at: (network.adaptations > 0).then_some(network.adapted_at),
        frozen: network.adaptation_frozen != 0,
        base: Base {
            weights_bps: base.weights().map(|weight| weight.0),
            max_wait_seconds: base.max_wait.0,
        },
    }
}

fn figures(parameters: &NetworkParameters) -> Figures {
    Figures {
        minimum_bond: Amount(parameters.minimum_bond),
        shard_bond: Amount(parameters.shard_bond),
        unbonding_seconds: parameters.unbonding_seconds,
        weights_bps: parameters.weights,
        reference_kbps: parameters.reference_kbps,
        half_distance_km: parameters.half_distance_km,
        half_latency_us: parameters.half_latency_us,
        max_wait_seconds: parameters.max_wait_seconds,
        attestation_max_age_seconds: parameters.attestation_max_age_seconds,
        capacity_share_bps: parameters.capacity_share,
        expiry_slash_bps: parameters.expiry_slash,
        protocol_fee_bps: parameters.protocol_fee,
        burn_share_bps: parameters.burn_share,
    }
}

fn oracles(set: &OracleSet) -> Oracles {
    let members = set.keys.iter().zip(set.states).take(usize::from(set.count));
    let active = members
        .filter(|(_, state)| *state == member::ACTIVE)
        .map(|(key, _)| key.to_string());
    Oracles {
        active: active.collect(),
        next_epoch: Amount(set.next_epoch),
        epoch_seconds: set.epoch_seconds,
        cumulative_contribution: Amount(set.cumulative_contribution),
        cumulative_reward: Amount(set.cumulative_reward),
    }
}

fn emission(emission: &Emission) -> EmissionTotals {
    EmissionTotals {
        cap: Amount(emission.cap),
        minted: Amount(emission.minted),
        claimed: Amount(emission.claimed),
        early_minted: Amount(emission.early_minted),
        early_granted: Amount(emission.early_granted),
        early_outstanding: Amount(emission.early_outstanding),
        burned: Amount(emission.burned),
    }
}
