//! Working on a shard: fetch, extract, seal for the client, store, and put the result on disk.

use std::time::{Duration, Instant};

use lumora_core::result::{Secret, WORDS};
use lumora_data::shard::{Progress, Work, result_name, run_shard, seal};
use lumora_interface::tasks::{Assignment, assignment_address};

use super::{material::Library, mirror, steps::StepError};
use crate::{
    agent::Agent,
    event::{Event, Pages, ShardName},
    plan::tasks::Ready,
    state::Prepared,
};

/// Progress is told at most this often.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// Runs the shard. The result is stored and on disk when this returns; nothing was said on chain yet.
pub(super) async fn run(agent: &Agent, library: &Library, name: ShardName) -> Result<Ready, StepError> {
    let address = assignment_address(&name.job, name.shard, name.replica).0;
    let assignment: Assignment = agent.connection.fetch(&address).await?;
    let view = mirror::job(agent, &name.job).await?.ok_or(StepError::Pointless)?;
    if assignment.node != agent.node {
        return Err(StepError::Pointless);
    }
    let material = library
        .material(agent, name.job, &view.job)
        .await
        .map_err(|error| StepError::Unfit { job: name.job, error })?;
    let index = usize::try_from(name.shard).unwrap_or(usize::MAX);
    let urls = material.shards.get(index).ok_or(StepError::Pointless)?;

    let pages = urls.len() as u64;
    agent.events.emit(&Event::ShardStarted { shard: name, pages });
    let started = Instant::now();
    let work = Work {
        job: name.job.to_bytes(),
        shard: name.shard,
        node: agent.node.to_bytes(),
        manifest: view.job.manifest_hash,
    };
    let mut told = Instant::now();
    let events = agent.events.clone();
    let on_page = move |progress: Progress<'_>| {
        if told.elapsed() >= PROGRESS_EVERY {
            told = Instant::now();
            events.emit(&Event::ShardProgress {
                shard: name,
                done: progress.done as u64,
                pages,
            });
        }
    };
    let journal = library.journal(&address);
    let (fetcher, manifest) = (material.fetcher.clone(), material.manifest.clone());
    let result = run_shard(fetcher, manifest, urls, work, &journal, on_page).await?;
    let sealed = seal(&result, &material.results_key, &library.store).await?;

    let secret = Secret {
        words: result.sketch,
        salts: [(); WORDS].map(|()| rand::random()),
    };
    let prepared = Prepared::new(
        &assignment.slot(&agent.network_id),
        assignment.claimed_at,
        result.result_root,
        result.count(),
        &secret,
        *sealed.digest(),
    );
    library
        .store
        .point(&result_name(&work.job, name.shard, &work.node), &sealed)
        .await?;
    agent.state.keep_result(&address, &prepared)?;
    // From here on the result is never worked out again, so what it was made of can go.
    library.forget(&address);

    let skipped = result
        .counts
        .skipped_by
        .iter()
        .map(|(reason, count)| (reason_name(reason), *count))
        .collect();
    agent.events.emit(&Event::ShardRun {
        shard: name,
        records: result.count(),
        pages: Pages {
            fetched: result.counts.fetched,
            skipped,
            bytes: result.counts.bytes,
        },
        result: sealed.to_string(),
        millis: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    });
    Ok(Ready {
        claimed_at: prepared.claimed_at,
        commitment: prepared.commitment,
    })
}

/// `robots_disallowed` for `RobotsDisallowed`, as it is serialised everywhere.
fn reason_name(reason: &lumora_data::fetch::SkipReason) -> String {
    match serde_json::to_value(reason) {
        Ok(serde_json::Value::String(name)) => name,
        _ => format!("{reason:?}"),
    }
}
