//! Buyers' ratings on their way into reputation: what those who paid for data thought of it, for those who collected it.
//!
//! A listing names the job that its rows come from, and has the ratings; the job's history says who was paid for which
//! shards. [`ledger`] puts both together, by the rule in `core::reputation`; what comes out is part of what an oracle saw of
//! each node, and the median of all oracles counts.
//!
//! It is read once an epoch, beside everything else: an oracle that cannot read it says of each node what it knew last, or
//! zero since its start, and goes on. Nothing is kept on disk, because all of it is on chain.

pub mod ledger;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    future::pending,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use lumora_core::reputation::Ratings;
use lumora_interface::Address;
use tokio::{task::JoinSet, time::sleep};

use self::ledger::{Ledger, by_job, marred};
use crate::{error::Result, oracle::Oracle};

/// After something failed, it is tried again so much later.
const REST: Duration = Duration::from_secs(5);

/// Most jobs whose ratings are looked at, those with most ratings first.
const MOST_JOBS: usize = 256;

/// What buyers' ratings take off each node, as this oracle knows it.
#[derive(Clone, Default)]
pub struct Feedback(Arc<RwLock<Arc<BTreeMap<Address, u64>>>>);

impl Feedback {
    /// By node, in parts of 10,000 of a shard.
    pub fn marred(&self) -> Arc<BTreeMap<Address, u64>> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, marred: BTreeMap<Address, u64>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(marred);
    }
}

/// What was read of a job.
#[derive(Default)]
struct Known {
    ledger: Ledger,
    /// The latest transaction in it.
    latest: Option<String>,
    /// It has more transactions than are read: its ratings count for nothing.
    is_too_long: bool,
}

/// Follows the ratings for ever.
pub(crate) async fn follow(oracle: Arc<Oracle>) {
    // A task of its own, which ends with this future: however long it reads, epochs are not kept waiting.
    let mut task = JoinSet::new();
    task.spawn(work(Arc::clone(&oracle)));
    if let Some(Err(error)) = task.join_next().await {
        oracle.trouble(format!("buyers' ratings are not read any more: {error}"));
    }
    pending().await
}

async fn work(oracle: Arc<Oracle>) {
    let mut jobs = HashMap::new();
    let mut read_in = None;
    let mut views = oracle.views();
    loop {
        let epoch = oracle.view().current().map(|epoch| epoch.epoch);
        if epoch.is_some() && epoch != read_in {
            match look(&oracle, &mut jobs).await {
                Ok(()) => read_in = epoch,
                Err(error) => {
                    oracle.trouble(format!("reading buyers' ratings: {error}"));
                    sleep(REST).await;
                }
            }
        }
        if views.changed().await.is_err() {
            return;
        }
    }
}

/// Reads what is new, and puts the outcome where the next bundle takes it from.
async fn look(oracle: &Oracle, jobs: &mut HashMap<Address, Known>) -> Result<()> {
    let mut rated = by_job(oracle.chain.listings().await?);
    keep_most_rated(&mut rated);
    jobs.retain(|job, _| rated.contains_key(job));
    for job in rated.keys() {
        let known = jobs.entry(*job).or_default();
        if known.is_too_long {
            continue;
        }
        match oracle.chain.since(job, known.latest.as_deref()).await? {
            Some(entries) => {
                for entry in &entries {
                    known.ledger.take(job, entry);
                }
                if let Some(last) = entries.last() {
                    known.latest = Some(last.signature.to_string());
                }
            }
            None => {
                oracle.trouble(format!(
                    "the ratings of job {job} count for nothing: it has too many transactions"
                ));
                known.is_too_long = true;
            }
        }
    }
    let ledger_of = |job: &Address| {
        jobs.get(job)
            .filter(|known| !known.is_too_long)
            .map(|known| &known.ledger)
    };
    oracle.feedback.put(marred(&rated, ledger_of));
    Ok(())
}

fn keep_most_rated(rated: &mut BTreeMap<Address, BTreeMap<Address, Ratings>>) {
    let count = |sellers: &BTreeMap<Address, Ratings>| sellers.values().map(|it| it.count).max().unwrap_or_default();
    let mut order: Vec<(Reverse<u64>, Address)> = rated
        .iter()
        .map(|(job, sellers)| (Reverse(count(sellers)), *job))
        .collect();
    order.sort_unstable();
    for (_, job) in order.drain(..).skip(MOST_JOBS) {
        rated.remove(&job);
    }
}
