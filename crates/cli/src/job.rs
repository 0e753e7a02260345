//! What a client does for a job: publish the manifest, put up the escrow, watch, and fetch the results that were settled.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use lumora_client::{Connection, Sender, history::history, tasks, token};
use lumora_core::{geo::UnitVector, hash::sha256};
use lumora_data::{
    cid::Cid,
    key::ResultsSecretKey,
    manifest::Manifest,
    shard::{self, ShardResult},
    store::Store,
};
use lumora_interface::{
    Address,
    tasks::{CreateJobArguments, Job, ResultRevealed, ShardSettled, ShardState, job_address},
};
use solana_keypair::Keypair;
use solana_signer::Signer as _;

/// The terms on which nodes work.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Shards that the pages are split into.
    pub shards: u32,
    /// Nodes that do each shard.
    pub replicas: u8,
    /// LMR base units for one replica of one shard.
    pub price: u64,
    /// Seconds from now on in which shards can be claimed.
    pub open_seconds: u32,
    /// Seconds from a claim in which a result must be committed to.
    pub commit_seconds: u32,
    /// Seconds from the last commitment in which results must be shown.
    pub reveal_seconds: u32,
    /// Where the data lives.
    pub target: UnitVector,
}

/// Most bits in which the sketches of two agreeing results differ. Visits to the same pages differ by 0 to 9 bits, results of
/// different pages by more than 20 (seen on documentation pages with a line that changes between visits).
const TOLERANCE_BITS: u8 = 12;
/// Largest difference of the counts of two agreeing results, basis points.
const TOLERANCE_COUNT: u16 = 500;

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
        tolerance_bits: TOLERANCE_BITS,
        tolerance_count: TOLERANCE_COUNT,
        price: terms.price,
        deadline: now.saturating_add(i64::from(terms.open_seconds)),
        commit_seconds: terms.commit_seconds,
        reveal_seconds: terms.reveal_seconds,
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

/// Ends a job whose shards are all settled: what is left of the escrow goes back to the client.
pub async fn close(sender: &Sender, job: &Address, client: &Address) -> anyhow::Result<()> {
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
