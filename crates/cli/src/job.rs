//! What a client does for a job: publish the manifest, put up the escrow, watch, cancel, fetch the results that were
//! settled, and end it.

use std::{collections::BTreeMap, io::Write};

use anyhow::{Context as _, bail};
use lumora_client::{
    Connection, Filter, Sender,
    history::history,
    tasks::{self, Replica},
    token,
};
use lumora_core::{agreement::DEFAULT_TOLERANCE, geo::UnitVector, hash::sha256};
use lumora_data::{
    cid::Cid,
    key::ResultsSecretKey,
    manifest::Manifest,
    shard::{self, ShardResult},
    store::Store,
};
use lumora_interface::{
    Address,
    tasks::{
        Assignment, CreateJobArguments, Job, ResultRevealed, ShardSettled, ShardState, assignment_state, job_address,
    },
};
use serde::Serialize;
use solana_keypair::Keypair;
use solana_signer::Signer as _;

/// The terms on which nodes work.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Shards that the pages are split into.
    pub shards: u32,
    /// Nodes that do each shard.
    pub replicas: u8,
    /// Nodes that may do a shard while its results do not agree; the escrow covers all of them.
    pub max_replicas: u8,
    /// LMR base units for one replica of one shard.
    pub price: u64,
    /// Seconds from now on in which shards can be claimed.
    pub open_seconds: u32,
    /// Seconds from a claim in which a result must be committed to.
    pub commit_seconds: u32,
    /// Seconds from the last commitment in which results must be shown.
    pub reveal_seconds: u32,
    /// Seconds from the reveal in which the oracles may reject the only result of a shard; zero if there are more.
    pub challenge_seconds: u32,
    /// Where the data lives.
    pub target: UnitVector,
}

/// Stores the manifest and the list of pages, creates the job and puts up its escrow. Returns the job's address.
pub async fn create(
    sender: &Sender,
    client: &Keypair,
    id: u64,
    manifest: &Manifest,
    url_list: Option<String>,
    store: &Store,
    terms: &Terms,
) -> anyhow::Result<Address> {
    manifest.validate()?;
    let cid = store.put(manifest.canonical()).await?;
    if let Some(list) = url_list {
        store.put(list).await?;
    }
    let (job, _) = job_address(&client.pubkey(), id);
    let now = sender.connection().unix_timestamp().await?;
    let UnitVector { x, y, z } = terms.target;
    let arguments = CreateJobArguments {
        manifest_hash: manifest.hash(),
        uri_hash: sha256(&[format!("ipfs://{cid}").as_bytes()]),
        target: [x, y, z],
        replicas: terms.replicas,
        max_replicas: terms.max_replicas,
        tolerance_bits: DEFAULT_TOLERANCE.bits,
        tolerance_count: DEFAULT_TOLERANCE.count.0,
        price: terms.price,
        deadline: now.saturating_add(i64::from(terms.open_seconds)),
        commit_seconds: terms.commit_seconds,
        reveal_seconds: terms.reveal_seconds,
        challenge_seconds: terms.challenge_seconds,
    };
    let instructions = [
        token::create_lmr_account(&sender.payer_address(), &client.pubkey()),
        tasks::create_job(&client.pubkey(), id, terms.shards, &arguments),
    ];
    sender
        .send(&instructions, &[client])
        .await
        .context("the job could not be created")?;
    Ok(job)
}

/// Stops further claims and takes back what can no longer be spent. What nodes have begun is still judged and paid.
pub async fn cancel(sender: &Sender, job: &Address, client: &Keypair) -> anyhow::Result<()> {
    let instructions = [
        tasks::cancel_job(&client.pubkey(), job),
        token::create_lmr_account(&sender.payer_address(), &client.pubkey()),
        tasks::refund_job(job, &client.pubkey()),
    ];
    sender
        .send(&instructions, &[client])
        .await
        .context("the job could not be cancelled")?;
    Ok(())
}

/// The assignments of a job that exist now, those that expired or were rejected included.
pub async fn assignments(connection: &Connection, job: &Address) -> anyhow::Result<Vec<Assignment>> {
    let of_job = Filter::field(std::mem::offset_of!(Assignment, job), job.as_ref());
    let found = connection.fetch_all::<Assignment>(&[of_job]).await?;
    Ok(found.into_iter().map(|(_, assignment)| assignment).collect())
}

/// Clears away what expired and rejected assignments left behind: their nodes are slashed, which pays the client its part
/// and the reporter's, and their accounts are closed.
async fn clear(sender: &Sender, job: &Address, client: &Address) -> anyhow::Result<()> {
    let connection = sender.connection();
    for left in assignments(connection, job)
        .await?
        .iter()
        .filter(|left| left.is_tombstone())
    {
        let replica = Replica {
            job: *job,
            shard: left.shard,
            replica: left.replica,
        };
        let mut instructions = Vec::new();
        if left.slashed == 0 {
            instructions.push(token::create_lmr_account(&sender.payer_address(), client));
            let reporter = token::lmr_account(client);
            instructions.push(tasks::slash_assignment(replica, &left.node, client, &reporter));
        }
        instructions.push(tasks::close_assignment(replica, &left.rent_payer));
        let address = replica.assignment();
        // Its node may clear it away at the same time.
        let is_done = || async { Ok(connection.account(&address).await?.is_none()) };
        sender
            .send_unless(is_done, &instructions, &[])
            .await
            .with_context(|| format!("what shard {} left behind could not be cleared away", left.shard))?;
    }
    Ok(())
}

/// Ends a job whose shards are all settled, or which takes no more claims: what is left of the escrow goes back to the
/// client.
pub async fn close(sender: &Sender, job: &Address, client: &Address) -> anyhow::Result<()> {
    clear(sender, job, client).await?;
    let connection = sender.connection();
    let is_done = || async { Ok(connection.account(job).await?.is_none()) };
    sender
        .send_unless(is_done, &[tasks::close_job(job, client)], &[])
        .await
        .context("the job could not be closed")?;
    Ok(())
}

/// How far a job is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Shards of the job.
    pub shards: u32,
    /// Shards with at least one node at work.
    pub in_work: u32,
    /// Shards that are settled.
    pub settled: u32,
}

impl Standing {
    /// Counts the states of a job's shards.
    pub fn of(states: &[ShardState]) -> Self {
        let count = |wanted: fn(&ShardState) -> bool| {
            u32::try_from(states.iter().filter(|state| wanted(state)).count()).unwrap_or(u32::MAX)
        };
        Self {
            shards: u32::try_from(states.len()).unwrap_or(u32::MAX),
            in_work: count(|state| !state.is_settled() && state.replicas() != 0),
            settled: count(|state| state.is_settled()),
        }
    }
}

/// A job's standing, or `None` once it is closed.
pub async fn standing(connection: &Connection, job: &Address) -> anyhow::Result<Option<(Job, Standing)>> {
    Ok(connection
        .job(job)
        .await?
        .map(|(job, states)| (job, Standing::of(&states))))
}

/// What a node does for a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The shard.
    pub shard: u32,
    /// The replica.
    pub replica: u8,
    /// Address of the node's account.
    pub node: String,
    /// Score with which it claimed, basis points.
    pub score: u16,
    /// How far it is.
    pub state: &'static str,
    /// Unix time after which it is late; nothing while it waits for others or is done.
    pub deadline: Option<i64>,
}

/// What nodes do for a job now, by shard and replica.
pub fn rows(job: &Job, assignments: &[Assignment]) -> Vec<Row> {
    let mut shards: BTreeMap<u32, Vec<&Assignment>> = BTreeMap::new();
    for assignment in assignments {
        shards.entry(assignment.shard).or_default().push(assignment);
    }
    let mut rows = Vec::new();
    for (shard, mut nodes) in shards {
        nodes.sort_unstable_by_key(|assignment| assignment.replica);
        let live = nodes.iter().filter(|assignment| assignment.is_live());
        let seated = job.shard(live.map(|assignment| assignment.seat()));
        for assignment in nodes {
            let deadline = seated.expirable_after(&assignment.seat());
            rows.push(Row {
                shard,
                replica: assignment.replica,
                node: assignment.node.to_string(),
                score: assignment.score,
                state: state_name(assignment),
                deadline: deadline.filter(|_| assignment.is_live()).map(|deadline| deadline.0),
            });
        }
    }
    rows
}

fn state_name(assignment: &Assignment) -> &'static str {
    match (assignment.state, assignment.slashed) {
        (assignment_state::CLAIMED, _) => "working",
        (assignment_state::COMMITTED, _) => "committed",
        (assignment_state::REVEALED, _) => "revealed",
        (assignment_state::EXPIRED, 0) => "expired",
        (assignment_state::REJECTED, 0) => "rejected",
        (assignment_state::EXPIRED, _) => "expired, slashed",
        (assignment_state::REJECTED, _) => "rejected, slashed",
        _ => "unknown",
    }
}

/// What was settled, from the job's log on chain.
#[derive(Debug, Default)]
pub struct Settlement {
    /// Settled shards: which replicas won, and what the lowest of them revealed.
    pub shards: BTreeMap<u32, ShardSettled>,
    /// What was revealed, by shard and replica; of a replica that was done twice, the last.
    pub reveals: BTreeMap<(u32, u8), ResultRevealed>,
}

impl Settlement {
    /// Reads the log of a job.
    pub async fn read(connection: &Connection, job: &Address) -> anyhow::Result<Self> {
        let mut settlement = Self::default();
        for entry in history(connection, job).await? {
            for event in entry.events::<ResultRevealed>().filter(|event| event.job == *job) {
                settlement.reveals.insert((event.shard, event.replica), event);
            }
            for event in entry.events::<ShardSettled>().filter(|event| event.job == *job) {
                settlement.shards.insert(event.shard, event);
            }
        }
        Ok(settlement)
    }

    /// The winners of a shard: who revealed what.
    pub fn winners(&self, shard: u32) -> impl Iterator<Item = &ResultRevealed> {
        let winners = self.shards.get(&shard).map_or(0, |settled| settled.winners);
        (0..8u8)
            .filter(move |replica| winners >> replica & 1 == 1)
            .filter_map(move |replica| self.reveals.get(&(shard, replica)))
    }
}

/// Downloads and opens one result of each shard that was settled with a winner, and checks it against what that node
/// revealed on chain. Shards without a winner are left out; of several winners the first whose result can be had counts.
pub async fn fetch(
    settlement: &Settlement,
    job: &Address,
    secret: &ResultsSecretKey,
    store: &Store,
) -> anyhow::Result<Vec<ShardResult>> {
    let mut results = Vec::new();
    for shard in settlement.shards.keys().copied() {
        let mut problem = None;
        let mut found = None;
        for revealed in settlement.winners(shard) {
            match fetch_one(revealed, job, secret, store).await {
                Ok(result) => {
                    found = Some(result);
                    break;
                }
                Err(error) => problem = Some(error),
            }
        }
        match (found, problem) {
            (Some(result), _) => results.push(result),
            (None, Some(problem)) => {
                return Err(problem.context(format!("no winner's result of shard {shard} is usable")));
            }
            (None, None) => {}
        }
    }
    Ok(results)
}

async fn fetch_one(
    revealed: &ResultRevealed,
    job: &Address,
    secret: &ResultsSecretKey,
    store: &Store,
) -> anyhow::Result<ShardResult> {
    let name = shard::result_name(&job.to_bytes(), revealed.shard, &revealed.node.to_bytes());
    let cid: Cid = store
        .resolve(&name)
        .await?
        .with_context(|| format!("the store has no {name}"))?;
    let result = shard::open(&cid, secret, store).await?;
    if result.result_root != revealed.result_root || result.work.node != revealed.node.to_bytes() {
        bail!("what node {} stored is not what it revealed on chain", revealed.node);
    }
    Ok(result)
}

/// Writes the records of all results as JSON Lines, in the order of the shards; gives their number.
pub fn write_records(results: &[ShardResult], out: &mut impl Write) -> std::io::Result<u64> {
    let mut written = 0;
    for record in results.iter().flat_map(|result| &result.records) {
        out.write_all(record.bytes())?;
        out.write_all(b"\n")?;
        written += 1;
    }
    out.flush()?;
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assignment(shard: u32, replica: u8, state: u8) -> Assignment {
        Assignment {
            shard,
            replica,
            state,
            commit_deadline: 50,
            committed_at: 20,
            ..bytemuck::Zeroable::zeroed()
        }
    }

    #[test]
    fn rows_say_who_is_late_when() {
        let job = Job {
            replicas: 2,
            shard_count: 3,
            reveal_seconds: 100,
            ..bytemuck::Zeroable::zeroed()
        };
        let assignments = [
            assignment(2, 1, assignment_state::COMMITTED),
            assignment(0, 0, assignment_state::CLAIMED),
            assignment(2, 0, assignment_state::COMMITTED),
            assignment(1, 0, assignment_state::EXPIRED),
            assignment(1, 1, assignment_state::COMMITTED),
        ];
        let told: Vec<_> = rows(&job, &assignments)
            .into_iter()
            .map(|row| (row.shard, row.replica, row.state, row.deadline))
            .collect();
        assert_eq!(
            told,
            vec![
                (0, 0, "working", Some(50)),
                (1, 0, "expired", None),
                (1, 1, "committed", None),
                (2, 0, "committed", Some(120)),
                (2, 1, "committed", Some(120)),
            ]
        );
    }
}
