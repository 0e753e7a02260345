//! What of an account is searched and summed up by: pure functions from its bytes to a row of its table.

use lumora_interface::{
    Account as _, Address,
    bandwidth::{Attestation, Epoch, epoch_state},
    market::{Listing, Purchase, listing_state, purchase_state},
    registry::Node,
    rewards::Reward,
    tasks::{Assignment, Job, Work},
};

use crate::database::Value;

/// A row of a table, by the account's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The table.
    pub table: &'static str,
    /// The columns after `address`.
    pub columns: &'static [&'static str],
    /// Their values.
    pub values: Vec<Value>,
}

/// What an account is to others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Projection {
    /// The account that it belongs to.
    pub parent: Option<Address>,
    /// Its row, if accounts of its kind are searched.
    pub row: Option<Row>,
}

macro_rules! row {
    ($table:literal, $($column:ident = $value:expr),+ $(,)?) => {
        Some(Row {
            table: $table,
            columns: &[$(stringify!($column)),+],
            values: vec![$($value.into()),+],
        })
    };
}

/// The projection of account data of this kind, written at `slot`.
pub fn project(kind: &str, data: &[u8], slot: u64) -> Projection {
    let none = Projection::default();
    match kind {
        "Node" => Node::from_account_data(data).map_or(none, |node| Projection {
            parent: None,
            row: of_node(&node),
        }),
        "Attestation" => Attestation::from_account_data(data).map_or(none, |it| Projection {
            parent: Some(it.node),
            row: of_attestation(&it),
        }),
        "Work" => Work::from_account_data(data).map_or(none, |work| Projection {
            parent: Some(work.node),
            row: None,
        }),
        "Reward" => Reward::from_account_data(data).map_or(none, |it| Projection {
            parent: Some(it.node),
            row: None,
        }),
        "Job" => Job::from_account_data(data).map_or(none, |job| Projection {
            parent: None,
            row: of_job(&job, slot),
        }),
        "Assignment" => Assignment::from_account_data(data).map_or(none, |it| Projection {
            parent: Some(it.job),
            row: of_assignment(&it),
        }),
        "Epoch" => Epoch::from_account_data(data).map_or(none, |epoch| Projection {
            parent: None,
            row: row!(
                "epochs",
                epoch = epoch.epoch,
                attested = (epoch.state == epoch_state::ATTESTED)
            ),
        }),
        "Listing" => Listing::from_account_data(data).map_or(none, |listing| Projection {
            parent: None,
            row: of_listing(&listing),
        }),
        "Purchase" => Purchase::from_account_data(data).map_or(none, |purchase| Projection {
            parent: Some(purchase.listing),
            row: of_purchase(&purchase, slot),
        }),
        _ => none,
    }
}

/// The table of accounts of this kind, if they are searched.
pub fn table(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "Node" => "nodes",
        "Attestation" => "attestations",
        "Job" => "jobs",
        "Assignment" => "assignments",
        "Epoch" => "epochs",
        "Listing" => "listings",
        "Purchase" => "purchases",
        _ => return None,
    })
}

fn of_node(node: &Node) -> Option<Row> {
    row!(
        "nodes",
        owner = text(&node.owner),
        operator = text(&node.operator),
        active = node.is_active(),
        region = region(node.h3_cell),
        limit_kbps = node.limit_kbps,
        shard_capacity = node.shard_capacity,
        bond = node.bond,
        slashed = node.slashed,
        registered_at = node.registered_at,
    )
}

fn of_attestation(it: &Attestation) -> Option<Row> {
    row!(
        "attestations",
        node = text(&it.node),
        epoch = it.epoch,
        reason = it.reason,
        down_kbps = it.down_kbps,
        up_kbps = it.up_kbps,
        rtt_us = it.rtt_us,
        reputation_bps = it.reputation_bps,
        measured_at = it.measured_at,
    )
}

fn of_job(job: &Job, slot: u64) -> Option<Row> {
    let state = if job.cancelled != 0 {
        job_state::CANCELLED
    } else if job.settled_shards == job.shard_count {
        job_state::SETTLED
    } else {
        job_state::OPEN
    };
    row!(
        "jobs",
        slot = slot,
        observed = true,
        state = state,
        client = text(&job.client),
        manifest_hash = hex::encode(job.manifest_hash),
        replicas = job.replicas,
        max_replicas = job.most_replicas(),
        shard_count = job.shard_count,
        settled_shards = job.settled_shards,
        live_assignments = job.live_assignments,
        tombstones = job.tombstones,
        fee_bps = job.fee_bps,
        price = job.price,
        escrowed = job.escrowed,
        paid = job.paid,
        fees = job.fees,
        refunded = job.refunded,
        opened_at = job.opened_at,
        deadline = job.deadline,
        closed_at = None::<i64>,
    )
}

fn of_assignment(it: &Assignment) -> Option<Row> {
    row!(
        "assignments",
        job = text(&it.job),
        shard = it.shard,
        replica = it.replica,
        node = text(&it.node),
        state = it.state,
        live = it.is_live(),
    )
}

fn of_listing(listing: &Listing) -> Option<Row> {
    row!(
        "listings",
        seller = text(&listing.seller),
        active = (listing.state == listing_state::ACTIVE),
        job = text(&listing.job),
        bond = listing.bond,
        open_penalties = listing.open_penalties,
        created_at = listing.created_at,
    )
}

fn of_purchase(purchase: &Purchase, slot: u64) -> Option<Row> {
    let delivered = purchase.state == purchase_state::DELIVERED;
    row!(
        "purchases",
        slot = slot,
        observed = true,
        state = if delivered {
            sale_state::DELIVERED
        } else {
            sale_state::OPEN
        },
        listing = text(&purchase.listing),
        buyer = text(&purchase.buyer),
        number = purchase.index,
        buyer_key = hex::encode(purchase.buyer_key),
        ephemeral = delivered.then(|| hex::encode(purchase.ephemeral)),
        sealed = delivered.then(|| hex::encode(purchase.sealed)),
        dataset_id = (purchase.dataset_id != [0; 32]).then(|| hex::encode(purchase.dataset_id)),
        amount = purchase.amount,
        penalty = purchase.penalty,
        rating = purchase.rating,
        bought_at = purchase.bought_at,
        deadline = purchase.deadline,
        delivered_at = delivered.then_some(purchase.delivered_at),
        rated_at = (purchase.rating != 0).then_some(purchase.rated_at),
        closed_at = None::<i64>,
    )
}

/// States of a job.
pub mod job_state {
    /// Shards may be claimed or are being worked on.
    pub const OPEN: &str = "open";
    /// Its client stopped claims.
    pub const CANCELLED: &str = "cancelled";
    /// Every shard is settled.
    pub const SETTLED: &str = "settled";
    /// Its account is gone, and what was left of the escrow went back.
    pub const CLOSED: &str = "closed";
    /// All of them.
    pub const ALL: [&str; 4] = [OPEN, CANCELLED, SETTLED, CLOSED];
}

/// States of a purchase.
pub mod sale_state {
    /// Paid; the key is awaited.
    pub const OPEN: &str = "open";
    /// The key was delivered and the money paid out.
    pub const DELIVERED: &str = "delivered";
    /// The money went back.
    pub const REFUNDED: &str = "refunded";
    /// All of them.
    pub const ALL: [&str; 3] = [OPEN, DELIVERED, REFUNDED];
}

/// An H3 cell as H3's own tools write it.
pub fn region(h3_cell: u64) -> String {
    format!("{h3_cell:x}")
}

fn text(address: &Address) -> String {
    address.to_string()
}
