//! The shards of jobs that exist, with who works on them. Of a closed job, its events tell.

use std::collections::{HashMap, HashSet};

use axum::{Json, extract::State};
use lumora_interface::{
    Account as _,
    tasks::{Assignment, Job, MAX_REPLICAS, ShardState},
};
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use utoipa::{IntoParams, ToSchema};

use super::{
    Answers, Page, Problem,
    page::{Place, limit},
    problem::{Answer, Ask, optional_address, optional_word},
    text::{reason_text, time},
};
use crate::{
    database::{Step, Value, for_each_in, select},
    effects::assignment_state_name,
};

/// Jobs that one request looks through: shards of a rare state are found over several pages.
const JOBS_PER_REQUEST: usize = 64;

/// A shard of a job.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Shard {
    /// Address of the job.
    pub job: String,
    /// Its number.
    pub shard: u32,
    /// `open` (a replica is free, while the job takes claims), `assigned` (all replicas are taken; a further one opens when
    /// their results do not agree) or `settled`.
    pub state: &'static str,
    /// Replicas that agreed and were paid; empty until it is settled, and when there was no majority.
    pub winners: Vec<u8>,
    /// Who works on it, and whose work expired or was rejected and is not done with yet.
    pub assignments: Vec<ShardAssignment>,
}

/// A node's work on one replica.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ShardAssignment {
    /// The replica.
    pub replica: u8,
    /// Address of the node.
    pub node: String,
    /// `claimed`, `committed` or `revealed`; `expired` or `rejected` once it ended so. Its replica may be taken by another
    /// node then, which closes this one.
    pub state: &'static str,
    /// Score with which it was claimed, in basis points.
    pub score: u16,
    /// Unix time of the claim.
    pub claimed_at: i64,
    /// Unix time after which the commitment is late.
    pub commit_deadline: i64,
    /// Unix time of the commitment.
    pub committed_at: Option<i64>,
    /// Unix time at which the last word was shown.
    pub revealed_at: Option<i64>,
    /// Words of the result that it has shown.
    pub shown: u8,
    /// Unix time at which it expired or was rejected.
    pub ended_at: Option<i64>,
    /// Whether its node was slashed for that.
    pub slashed: bool,
    /// Why the oracles rejected it, as a sentence; `null` if they did not.
    pub reason_text: Option<&'static str>,
}

/// Which shards.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ShardsQuery {
    /// Only those of this job.
    job: Option<String>,
    /// Only those on which this node works, or did while its assignment is not done with yet.
    node: Option<String>,
    /// Only `open`, `assigned` or `settled` ones.
    state: Option<String>,
    /// Most items of the page, 1 to 500; 50 by default. A page may hold fewer although others follow.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

const OPEN: &str = "open";
const ASSIGNED: &str = "assigned";
const SETTLED: &str = "settled";

/// Shards of the jobs that exist, job by job.
#[utoipa::path(get, path = "/v1/shards", params(ShardsQuery), responses(
    (status = 200, body = Page<Shard>),
    (status = 400, body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(State(answers): State<Answers>, Ask(asked): Ask<ShardsQuery>) -> Answer<Json<Page<Shard>>> {
    let limit = limit(asked.limit)? as usize;
    let job = optional_address(asked.job.as_deref())?;
    let node = optional_address(asked.node.as_deref())?;
    let state = optional_word("state of a shard", asked.state.as_deref(), &[OPEN, ASSIGNED, SETTLED])?;
    let place = Place::read("shards", asked.cursor.as_deref())?;
    let (mut step, slot) = answers.view().await?;
    let jobs = jobs(&mut step, job, node.as_deref(), place.as_ref()).await?;
    let last_job = jobs
        .last()
        .map(|(address, _)| address.clone())
        .filter(|_| jobs.len() == JOBS_PER_REQUEST);
    let worked_on = match &node {
        Some(node) => Some(worked_on(&mut step, node).await?),
        None => None,
    };
    let mut items = Vec::new();
    'jobs: for (address, data) in jobs {
        let Ok(job) = Job::from_account_data(&data) else {
            continue;
        };
        // Where the page before ended within this job.
        let after = place
            .as_ref()
            .filter(|place| place.text == address)
            .map(|place| place.number);
        for (state_of, shard) in Job::shard_states(&data).iter().zip(0u32..) {
            let is_wanted = after.is_none_or(|after| i64::from(shard) > after)
                && worked_on
                    .as_ref()
                    .is_none_or(|set| set.contains(&(address.clone(), shard)));
            let shard = view(address.clone(), shard, ShardState(*state_of), job.replicas);
            if is_wanted && state.as_deref().is_none_or(|state| state == shard.state) {
                items.push(shard);
                if items.len() > limit {
                    break 'jobs;
                }
            }
        }
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let next = match items.last().filter(|_| more) {
        Some(shard) => Some(place_of(&shard.job, shard.shard)),
        None => last_job.map(|job| place_of(&job, u32::MAX)),
    };
    assignments(&mut step, &mut items).await?;
    Ok(Json(Page { slot, items, next }))
}

fn place_of(job: &str, shard: u32) -> String {
    let place = Place {
        number: shard.into(),
        text: job.to_owned(),
    };
    place.cursor("shards")
}

/// Addresses and data of the jobs to look through.
async fn jobs(
    step: &mut Step,
    job: Option<String>,
    node: Option<&str>,
    from: Option<&Place>,
) -> Answer<Vec<(String, Vec<u8>)>> {
    let mut conditions = vec!["kind = 'Job' AND data IS NOT NULL".to_owned()];
    let mut values: Vec<Value> = Vec::new();
    let mut only = |condition: &str, value: Option<Value>| {
        if let Some(value) = value {
            values.push(value);
            conditions.push(condition.replace('?', &format!("${}", values.len())));
        }
    };
    only("address = ?", job.map(Value::from));
    only("address >= ?", from.map(|place| place.text.as_str().into()));
    only(
        "address IN (SELECT job FROM assignments WHERE node = ?)",
        node.map(Value::from),
    );
    let sql = format!(
        "SELECT address, data FROM accounts WHERE {} ORDER BY address LIMIT {JOBS_PER_REQUEST}",
        conditions.join(" AND ")
    );
    let rows = select(step, sql, values).await?;
    rows.iter()
        .map(|row| Ok((row.try_get("address")?, row.try_get("data")?)))
        .collect()
}

/// The shards in which a node has an assignment.
async fn worked_on(step: &mut Step, node: &str) -> Answer<HashSet<(String, u32)>> {
    let rows = select(
        step,
        "SELECT job, shard FROM assignments WHERE node = $1",
        vec![node.into()],
    )
    .await?;
    rows.iter()
        .map(|row| {
            let shard: i64 = row.try_get("shard")?;
            Ok((row.try_get("job")?, u32::try_from(shard).unwrap_or(u32::MAX)))
        })
        .collect()
}

fn view(job: String, shard: u32, state: ShardState, replicas: u8) -> Shard {
    let settled = state.is_settled();
    Shard {
        job,
        shard,
        state: if settled {
            SETTLED
        } else if state.first_free(opened(state, replicas)).is_some() {
            OPEN
        } else {
            ASSIGNED
        },
        winners: if settled {
            super::text::bits(state.replicas().into())
        } else {
            Vec::new()
        },
        assignments: Vec::new(),
    }
}

/// Replicas that a shard has: those that it needs, and further ones that were opened.
fn opened(state: ShardState, replicas: u8) -> u8 {
    let highest = (0..MAX_REPLICAS).rev().find(|replica| state.has(*replica));
    highest.map_or(replicas, |highest| replicas.max(highest.saturating_add(1)))
}

/// Fills in who works on these shards.
async fn assignments(step: &mut Step, shards: &mut [Shard]) -> Answer<()> {
    let mut jobs: Vec<String> = shards.iter().map(|shard| shard.job.clone()).collect();
    jobs.dedup();
    let numbers = || shards.iter().map(|shard| shard.shard);
    let (Some(least), Some(most)) = (numbers().min(), numbers().max()) else {
        return Ok(());
    };
    let rows = for_each_in(
        step,
        "SELECT data FROM assignments JOIN accounts ON accounts.address = assignments.address \
         WHERE data IS NOT NULL AND job",
        &jobs,
        &format!("AND shard BETWEEN {least} AND {most} ORDER BY replica"),
    )
    .await?;
    let places: HashMap<(String, u32), usize> = shards
        .iter()
        .zip(0..)
        .map(|(shard, place)| ((shard.job.clone(), shard.shard), place))
        .collect();
    for row in &rows {
        let data: Vec<u8> = row.try_get("data")?;
        let Ok(it) = Assignment::from_account_data(&data) else {
            continue;
        };
        let shard = places
            .get(&(it.job.to_string(), it.shard))
            .and_then(|place| shards.get_mut(*place));
        if let Some(shard) = shard {
            shard.assignments.push(ShardAssignment {
                replica: it.replica,
                node: it.node.to_string(),
                state: assignment_state_name(it.state),
                score: it.score,
                claimed_at: it.claimed_at,
                commit_deadline: it.commit_deadline,
                committed_at: time(it.committed_at),
                revealed_at: time(it.revealed_at),
                shown: it.shown,
                ended_at: time(it.ended_at),
                slashed: it.slashed != 0,
                reason_text: (it.reason != 0).then(|| reason_text(it.reason)),
            });
        }
    }
    Ok(())
}
