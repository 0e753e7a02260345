//! Buyers' ratings on their way into reputation: what those who paid for data thought of it, for those who collected it.
//!
//! A listing names the job that its rows come from, and has the ratings; the job's history says who was paid for which
//! shards, and what that cost. [`jobs`] and [`ledger`] put it together, by the rule in `core::reputation`; what comes out is
//! part of what an oracle saw of each node, and the median of all oracles counts.
//!
//! It is read once an epoch, beside everything else. Of a job that cannot be read an oracle says what it knew last, and goes
//! on with the others. Nothing is kept on disk, because all of it is on chain.

pub mod jobs;
pub mod ledger;

use std::{
    collections::BTreeMap,
    future::pending,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use lumora_interface::Address;
use tokio::{task::JoinSet, time::sleep};

use self::jobs::Jobs;
use crate::{error::Result, oracle::Oracle};

/// After the listings could not be read, they are tried again so much later.
const REST: Duration = Duration::from_secs(5);

/// Transactions that are read at a time: what was read is not lost when the next ones cannot be read.
const CHUNK: usize = 256;

/// So many jobs that cannot be read say that no other can be: the rest is left for the next epoch.
const MOST_FAILURES: usize = 8;

/// What buyers' ratings take off each node, as this oracle knows it.
#[derive(Clone, Default)]
pub struct Feedback(Arc<RwLock<Arc<BTreeMap<Address, u64>>>>);

impl Feedback {
    /// By the node's record of work, in parts of 10,000 of a shard.
    pub fn marred(&self) -> Arc<BTreeMap<Address, u64>> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, marred: BTreeMap<Address, u64>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(marred);
    }
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
    let mut jobs = Jobs::default();
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
async fn look(oracle: &Oracle, jobs: &mut Jobs) -> Result<()> {
    jobs.begin(oracle.chain.listings().await?);
    let mut failures = 0;
    for job in jobs.due() {
        if let Err(error) = read(oracle, jobs, &job).await {
            oracle.trouble(format!(
                "reading the history of job {job}, whose data was rated: {error}"
            ));
            failures += 1;
            if failures == MOST_FAILURES {
                break;
            }
        }
    }
    oracle.feedback.put(jobs.marred());
    Ok(())
}

/// Reads what is new of a job.
async fn read(oracle: &Oracle, jobs: &mut Jobs, job: &Address) -> Result<()> {
    let known = jobs.open(job);
    let listed = oracle.chain.signatures_since(job, known.latest(), known.room());
    let Some(signatures) = listed.await? else {
        known.give_up();
        oracle.trouble(format!(
            "the ratings of job {job} count for nothing: it has more than {} transactions",
            jobs::MOST_TRANSACTIONS
        ));
        return Ok(());
    };
    for some in signatures.chunks(CHUNK) {
        let entries = oracle.chain.transactions(some.iter().cloned()).await?;
        jobs.open(job).take(job, &entries);
        if !jobs.may_count(job) {
            return Ok(());
        }
    }
    jobs.open(job).end();
    Ok(())
}
