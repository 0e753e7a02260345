//! Transactions, their events and what these change, written together with the accounts they touched.

use std::collections::{BTreeMap, HashSet};

use lumora_interface::{
    Address,
    tasks::{JobCreated, ShardClaimed},
};
use sqlx::Row as _;

use super::{
    Index,
    accounts::{self, Observed},
};
use crate::{
    catalog::CATALOG,
    chain::{Listed, Outcome, RecordedEvent, Transaction},
    database::{Step, Value, execute, for_each_in, insert, mark, select, set_mark},
    effects::{Change, Count, UNKNOWN, metric, of_completion, of_event, of_refusal},
    error::Result,
    project::{job_state, sale_state},
};

/// Transactions in the order of the chain, and the accounts that they touched as they are now.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The transactions.
    pub transactions: Vec<Transaction>,
    /// Those that no node has any more.
    pub unavailable: Vec<Listed>,
    /// The accounts.
    pub accounts: Option<Observed>,
}

/// What recording a batch has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Events that are new.
    pub events: usize,
    /// Number of the latest event.
    pub latest: u64,
}

impl Index {
    /// Records a batch. Transactions that are recorded already are left as they are.
    pub async fn record(&self, batch: &Batch) -> Result<Recorded> {
        let mut step = self.database.write().await?;
        let first = mark(&mut step, "next_seq").await?;
        let mut next = first;
        let new = new_transactions(&mut step, batch).await?;
        let mut sums = Sums::default();
        for _ in batch
            .unavailable
            .iter()
            .filter(|listed| new.contains(&listed.signature))
        {
            sums.add(&Count {
                metric: metric::UNAVAILABLE,
                labels: Vec::new(),
                by: 1,
            });
        }
        let mut events = Vec::new();
        for transaction in batch.transactions.iter().filter(|it| new.contains(&it.signature)) {
            match &transaction.outcome {
                Outcome::Refused(refusal) => sums.add_all(&of_refusal(refusal).counts),
                Outcome::Succeeded(recorded) => {
                    for (event, ordinal) in recorded.iter().zip(0u32..) {
                        events.push(Numbered {
                            seq: next,
                            ordinal,
                            transaction,
                            event,
                        });
                        next += 1;
                    }
                }
            }
        }
        write_events(&mut step, &events).await?;
        let mut claims = Claims::default();
        for numbered in &events {
            let effects = of_event(numbered.event);
            sums.add_all(&effects.counts);
            if let Some(change) = effects.change {
                apply(&mut step, &change, numbered.transaction, &mut claims, &mut sums).await?;
            }
        }
        claims.write(&mut step).await?;
        sums.write(&mut step).await?;
        if let Some(observed) = &batch.accounts {
            accounts::apply(&mut step, observed).await?;
        }
        let transactions = batch.transactions.iter().map(|it| it.signature.clone());
        let done: Vec<String> = transactions
            .chain(batch.unavailable.iter().map(|it| it.signature.clone()))
            .collect();
        for_each_in(&mut step, "DELETE FROM pending WHERE signature", &done, "").await?;
        set_mark(&mut step, "next_seq", next).await?;
        step.commit().await?;
        Ok(Recorded {
            events: events.len(),
            latest: next.saturating_sub(1),
        })
    }
}

/// An event on its way into the database.
struct Numbered<'a> {
    seq: u64,
    ordinal: u32,
    transaction: &'a Transaction,
    event: &'a RecordedEvent,
}

/// Writes the transactions, and gives the signatures of those that were not there.
async fn new_transactions(step: &mut Step, batch: &Batch) -> Result<HashSet<String>> {
    let read = batch.transactions.iter().map(|it| {
        vec![
            it.signature.as_str().into(),
            it.slot.into(),
            it.time.into(),
            true.into(),
        ]
    });
    let unavailable = batch.unavailable.iter().map(|it| {
        let time: Value = None::<i64>.into();
        vec![it.signature.as_str().into(), it.slot.into(), time, false.into()]
    });
    insert(
        step,
        "INSERT INTO transactions (signature, slot, time, available)",
        read.chain(unavailable).collect(),
        "ON CONFLICT (signature) DO NOTHING RETURNING signature",
    )
    .await?
    .iter()
    .map(|row| Ok(row.try_get("signature")?))
    .collect()
}

async fn write_events(step: &mut Step, events: &[Numbered<'_>]) -> Result<()> {
    let mut rows = Vec::with_capacity(events.len());
    let mut addresses = Vec::new();
    for numbered in events {
        let Some(program) = CATALOG.program(&numbered.event.program) else {
            continue;
        };
        let layout = program.event(&numbered.event.data);
        rows.push(vec![
            numbered.seq.into(),
            numbered.transaction.signature.as_str().into(),
            numbered.ordinal.into(),
            numbered.transaction.slot.into(),
            numbered.transaction.time.into(),
            program.name.as_str().into(),
            layout.map_or(UNKNOWN, |layout| layout.name.as_str()).into(),
            numbered.event.data.clone().into(),
        ]);
        let named = layout
            .map(|layout| layout.addresses(&numbered.event.data))
            .unwrap_or_default();
        addresses.extend(
            named
                .iter()
                .map(|address| vec![address.to_string().into(), numbered.seq.into()]),
        );
    }
    insert(
        step,
        "INSERT INTO events (seq, signature, ordinal, slot, time, program, name, data)",
        rows,
        "",
    )
    .await?;
    insert(step, "INSERT INTO event_addresses (address, seq)", addresses, "").await?;
    Ok(())
}

/// Applies what outlives its account. An event is older than an account that was read since, so it fills in what is
/// missing and says how things ended, and overwrites nothing that is newer.
async fn apply(
    step: &mut Step,
    change: &Change,
    transaction: &Transaction,
    claims: &mut Claims,
    sums: &mut Sums,
) -> Result<()> {
    let slot = transaction.slot;
    match change {
        Change::Claimed(claimed) => claims.first(claimed),
        Change::Settled(settled) => {
            let began = claims.settle(step, settled.job.to_string(), settled.shard).await?;
            if let Some((began, now)) = began.zip(transaction.time) {
                sums.add_all(&of_completion(now.saturating_sub(began)).counts);
            }
        }
        Change::JobCreated(job) => {
            let row: Vec<Value> = vec![
                job.job.to_string().into(),
                slot.into(),
                false.into(),
                job_state::OPEN.into(),
                job.client.to_string().into(),
                hex::encode(job.manifest_hash).into(),
                job.replicas.into(),
                most_replicas(job).into(),
                job.shard_count.into(),
                0u64.into(),
                0u64.into(),
                0u64.into(),
                job.fee_bps.into(),
                job.price.into(),
                job.escrowed.into(),
                0u64.into(),
                0u64.into(),
                0u64.into(),
                transaction.time.unwrap_or_default().into(),
                job.deadline.into(),
                None::<i64>.into(),
            ];
            insert(step, INSERT_JOB, vec![row], JOB_ANEW).await?;
        }
        Change::JobClosed(job) => {
            claims.close(step, job.job.to_string()).await?;
            let sql = format!(
                "UPDATE jobs SET state = '{closed}', settled_shards = $1, live_assignments = 0, tombstones = 0, \
                 escrowed = $2, paid = $3, fees = $4, refunded = $5, closed_at = $6, \
                 slot = $7, observed = 0 WHERE address = $8 AND {older}",
                closed = job_state::CLOSED,
                older = is_older("$7"),
            );
            let values = vec![
                job.settled_shards.into(),
                job.escrowed.into(),
                job.paid.into(),
                job.fees.into(),
                job.refunded.into(),
                transaction.time.into(),
                slot.into(),
                job.job.to_string().into(),
            ];
            execute(step, sql, values).await?;
        }
        Change::Bought(bought) => {
            let row: Vec<Value> = vec![
                bought.purchase.to_string().into(),
                slot.into(),
                false.into(),
                sale_state::OPEN.into(),
                bought.listing.to_string().into(),
                bought.buyer.to_string().into(),
                bought.index.into(),
                hex::encode(bought.buyer_key).into(),
                None::<String>.into(),
                None::<String>.into(),
                None::<String>.into(),
                bought.amount.into(),
                None::<i64>.into(),
                0u64.into(),
                transaction.time.unwrap_or_default().into(),
                bought.deadline.into(),
                None::<i64>.into(),
                None::<i64>.into(),
                None::<i64>.into(),
            ];
            insert(step, INSERT_PURCHASE, vec![row], PURCHASE_ANEW).await?;
        }
        Change::Delivered(delivered) => {
            let set = format!(
                "state = '{}', ephemeral = $1, sealed = $2, delivered_at = $3",
                sale_state::DELIVERED
            );
            let values = vec![
                hex::encode(delivered.ephemeral).into(),
                hex::encode(delivered.sealed).into(),
                transaction.time.into(),
            ];
            change_purchase(step, &delivered.purchase, slot, &set, values).await?;
        }
        Change::Refunded(refunded) => {
            // What it promised beyond that is paid in the same transaction, and told by the event after this one.
            let set = format!(
                "state = '{}', penalty = COALESCE(penalty, 0), closed_at = $1",
                sale_state::REFUNDED
            );
            change_purchase(step, &refunded.purchase, slot, &set, vec![transaction.time.into()]).await?;
        }
        Change::Penalized(paid) => {
            change_purchase(step, &paid.purchase, slot, "penalty = $1", vec![paid.amount.into()]).await?;
        }
        Change::PurchaseClosed(closed) => {
            let values = vec![transaction.time.into()];
            change_purchase(step, &closed.purchase, slot, "closed_at = $1", values).await?;
        }
        Change::Rated(rated) => {
            let values = vec![rated.rating.into(), transaction.time.into()];
            change_purchase(step, &rated.purchase, slot, "rating = $1, rated_at = $2", values).await?;
        }
    }
    Ok(())
}

/// Most replicas of a shard, which the event does not name: the escrow is the price of as many for each shard.
fn most_replicas(job: &JobCreated) -> u64 {
    let of_one_each = job.price.saturating_mul(job.shard_count.into());
    job.escrowed.checked_div(of_one_each).unwrap_or(job.replicas.into())
}

/// Whether a row is older than an event of this slot: an account that was read at a slot has seen all events of it, and
/// events of one slot follow one another.
fn is_older(slot: &str) -> String {
    format!("(slot < {slot} OR (slot = {slot} AND observed = 0))")
}

/// Changes a purchase by an event of this slot. `set` takes the values.
async fn change_purchase(
    step: &mut Step,
    purchase: &Address,
    slot: u64,
    set: &str,
    mut values: Vec<Value>,
) -> Result<()> {
    values.push(slot.into());
    let of = format!("${}", values.len());
    values.push(purchase.to_string().into());
    let sql = format!(
        "UPDATE purchases SET {set}, slot = {of}, observed = 0 WHERE address = ${} AND {}",
        values.len(),
        is_older(&of)
    );
    execute(step, sql, values).await?;
    Ok(())
}

// An address is used again once what was there is closed, which may be in the same slot.
const INSERT_JOB: &str = "INSERT INTO jobs (address, slot, observed, state, client, manifest_hash, replicas, max_replicas, \
     shard_count, settled_shards, live_assignments, tombstones, fee_bps, price, escrowed, paid, fees, refunded, \
     opened_at, deadline, closed_at)";
const JOB_ANEW: &str = "ON CONFLICT (address) DO UPDATE SET slot = excluded.slot, observed = 0, state = excluded.state, \
     client = excluded.client, manifest_hash = excluded.manifest_hash, replicas = excluded.replicas, \
     max_replicas = excluded.max_replicas, shard_count = excluded.shard_count, settled_shards = 0, \
     live_assignments = 0, tombstones = 0, fee_bps = excluded.fee_bps, price = excluded.price, \
     escrowed = excluded.escrowed, paid = 0, fees = 0, refunded = 0, opened_at = excluded.opened_at, \
     deadline = excluded.deadline, closed_at = NULL \
     WHERE jobs.slot < excluded.slot OR (jobs.slot = excluded.slot AND jobs.observed = 0 AND jobs.state = 'closed')";
const INSERT_PURCHASE: &str = "INSERT INTO purchases (address, slot, observed, state, listing, buyer, number, buyer_key, \
     ephemeral, sealed, dataset_id, amount, penalty, rating, bought_at, deadline, delivered_at, rated_at, closed_at)";
const PURCHASE_ANEW: &str = "ON CONFLICT (address) DO UPDATE SET slot = excluded.slot, observed = 0, state = excluded.state, \
     listing = excluded.listing, buyer = excluded.buyer, number = excluded.number, buyer_key = excluded.buyer_key, \
     ephemeral = NULL, sealed = NULL, dataset_id = NULL, amount = excluded.amount, penalty = NULL, rating = 0, \
     bought_at = excluded.bought_at, deadline = excluded.deadline, delivered_at = NULL, rated_at = NULL, \
     closed_at = NULL \
     WHERE purchases.slot < excluded.slot \
     OR (purchases.slot = excluded.slot AND purchases.observed = 0 AND purchases.closed_at IS NOT NULL)";

/// When shards were first claimed: what this batch adds, and what earlier ones wrote.
#[derive(Default)]
struct Claims {
    new: BTreeMap<(String, u32), i64>,
}

impl Claims {
    fn first(&mut self, claimed: &ShardClaimed) {
        let key = (claimed.job.to_string(), claimed.shard);
        self.new.entry(key).or_insert(claimed.claimed_at);
    }

    /// When the shard was first claimed. It is settled now, so the answer is forgotten.
    async fn settle(&mut self, step: &mut Step, job: String, shard: u32) -> Result<Option<i64>> {
        let values = vec![job.as_str().into(), shard.into()];
        let sql = "DELETE FROM first_claims WHERE job = $1 AND shard = $2 RETURNING claimed_at";
        let earlier = select(step, sql, values).await?;
        let new = self.new.remove(&(job, shard));
        Ok(match earlier.first() {
            Some(row) => Some(row.try_get("claimed_at")?),
            None => new,
        })
    }

    async fn close(&mut self, step: &mut Step, job: String) -> Result<()> {
        self.new.retain(|(claimed, _), _| *claimed != job);
        execute(step, "DELETE FROM first_claims WHERE job = $1", vec![job.into()]).await?;
        Ok(())
    }

    async fn write(self, step: &mut Step) -> Result<()> {
        let rows = self
            .new
            .into_iter()
            .map(|((job, shard), at)| vec![job.into(), shard.into(), at.into()]);
        let tail = "ON CONFLICT (job, shard) DO NOTHING";
        insert(
            step,
            "INSERT INTO first_claims (job, shard, claimed_at)",
            rows.collect(),
            tail,
        )
        .await?;
        Ok(())
    }
}

/// Sums that grow with this batch.
#[derive(Default)]
struct Sums {
    by: BTreeMap<(&'static str, String), u64>,
}

impl Sums {
    fn add(&mut self, count: &Count) {
        // Labels are kept as a JSON array, in the order in which the contract names them.
        let labels = serde_json::Value::from(count.labels.clone()).to_string();
        let sum = self.by.entry((count.metric, labels)).or_default();
        *sum = sum.saturating_add(count.by);
    }

    fn add_all(&mut self, counts: &[Count]) {
        counts.iter().for_each(|count| self.add(count));
    }

    async fn write(self, step: &mut Step) -> Result<()> {
        let rows = self
            .by
            .into_iter()
            .map(|((metric, labels), by)| vec![metric.into(), labels.into(), by.into()]);
        insert(
            step,
            "INSERT INTO counters (metric, labels, value)",
            rows.collect(),
            "ON CONFLICT (metric, labels) DO UPDATE SET value = counters.value + excluded.value",
        )
        .await?;
        Ok(())
    }
}
