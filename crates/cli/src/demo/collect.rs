//! The figures of the summary: from what the processes said and, wherever it can be had, from the chain.

use std::collections::{BTreeMap, BTreeSet};

use lumora_client::{Connection, history::history};
use lumora_core::reason::Reason;
use lumora_interface::{
    Address, bandwidth,
    bandwidth::{Attestation, attestation_address},
    market, registry,
    registry::node_address,
    rewards,
    rewards::{Reward, reward_address},
    tasks,
    tasks::{AssignmentExpired, JobClosed, JobCreated, ShardClaimed, Work, work_address},
};
use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;

use super::{
    cast::Cast,
    pages::{AGENT, SLOW_SECONDS, Sites},
    summary::{Compute, CrawlDelay, Epoch, Escrow, Node, Pages, Replica, Shard},
    supervisor::Notice,
};
use crate::job::Settlement;

/// What the processes said.
pub struct Tally {
    names: BTreeMap<String, String>,
    /// Pages done so far, by process, job, shard and replica.
    done: BTreeMap<String, u64>,
    fetched: u64,
    bytes: u64,
    skipped: BTreeMap<String, u64>,
    ended: BTreeSet<String>,
    latest: String,
}

impl Tally {
    /// Of these processes.
    pub fn new(cast: &Cast) -> Self {
        let names = cast
            .nodes
            .iter()
            .map(|node| (node_address(&node.owner.address(), 0).0.to_string(), node.name.clone()))
            .collect();
        Self {
            names,
            done: BTreeMap::new(),
            fetched: 0,
            bytes: 0,
            skipped: BTreeMap::new(),
            ended: BTreeSet::new(),
            latest: "waiting for the first epoch".to_owned(),
        }
    }

    /// Takes in all that was said since.
    pub fn drain(&mut self, notices: &mut UnboundedReceiver<Notice>) {
        while let Ok(notice) = notices.try_recv() {
            self.take(&notice);
        }
    }

    fn take(&mut self, notice: &Notice) {
        let event = &notice.event;
        let number = |field: &str| event.get(field).and_then(Value::as_u64).unwrap_or(0);
        match event.get("event").and_then(Value::as_str) {
            Some("ended") => {
                self.ended.insert(notice.from.clone());
            }
            Some("epoch_begun") => self.latest = format!("epoch {} is measured", number("epoch")),
            Some("epoch_attested") => self.latest = format!("epoch {} is attested", number("epoch")),
            Some("measured") => {
                let node = event
                    .get("node")
                    .and_then(Value::as_str)
                    .and_then(|node| self.names.get(node));
                let name = node.unwrap_or(&notice.from);
                self.latest = format!(
                    "epoch {}: {name} {} Mbit/s",
                    number("epoch"),
                    number("down_kbps") / 1_000
                );
            }
            Some("shard_progress") => {
                self.done.insert(replica_key(notice), number("done"));
            }
            Some("shard_run") => self.take_shard(notice),
            _ => {}
        }
    }

    fn take_shard(&mut self, notice: &Notice) {
        let Some(pages) = notice.event.get("pages") else { return };
        let number = |field: &str| pages.get(field).and_then(Value::as_u64).unwrap_or(0);
        self.fetched += number("fetched");
        self.bytes += number("bytes");
        let mut done = number("fetched");
        for (reason, count) in pages.get("skipped").and_then(Value::as_object).into_iter().flatten() {
            let count = count.as_u64().unwrap_or(0);
            done += count;
            *self.skipped.entry(reason.replace('_', " ")).or_default() += count;
        }
        self.done.insert(replica_key(notice), done);
    }

    /// Whether a process ended before it was asked to.
    pub fn has_ended(&self, name: &str) -> bool {
        self.ended.contains(name)
    }

    /// The last thing of note.
    pub fn latest(&self) -> &str {
        &self.latest
    }

    /// Pages that are done, by all replicas.
    pub fn pages_done(&self) -> u64 {
        self.done.values().sum()
    }

    /// What became of the pages.
    pub fn pages(&self, listed: usize, sites: Option<&Sites>) -> Pages {
        let slow = sites.and_then(|sites| sites.slow.as_ref());
        Pages {
            listed: listed as u64,
            fetched: self.fetched,
            bytes: self.bytes,
            skipped: self.skipped.clone(),
            forbidden_requests: sites.map(|sites| sites.main.forbidden_requests(AGENT).values().sum()),
            crawl_delay: slow.and_then(|slow| {
                let requests = slow.requests();
                Some(CrawlDelay {
                    path: slow.url().to_string(),
                    asked_ms: SLOW_SECONDS * 1_000,
                    requests: requests
                        .iter()
                        .filter(|(path, _)| *path != "/robots.txt")
                        .map(|(_, count)| count)
                        .sum(),
                    shortest_ms: u64::try_from(slow.shortest_pause()?.as_millis()).unwrap_or(u64::MAX),
                })
            }),
        }
    }
}

fn replica_key(notice: &Notice) -> String {
    let part = |field: &str| notice.event.get(field).map(Value::to_string).unwrap_or_default();
    format!("{} {} {} {}", notice.from, part("job"), part("shard"), part("replica"))
}

/// What the chain says.
pub struct Figures {
    /// One entry a node.
    pub nodes: Vec<Node>,
    /// Attested epochs.
    pub epochs: Vec<Epoch>,
    /// Shards of the job.
    pub shards: Vec<Shard>,
    /// The job's money.
    pub escrow: Escrow,
    /// Compute units by instruction.
    pub compute: Vec<Compute>,
    /// Assignments that ran out of time and were freed for others.
    pub takeovers: u32,
}

impl Figures {
    /// Reads everything. `measured` are the first figures of each node.
    pub async fn read(
        connection: &Connection,
        cast: &Cast,
        job: &Address,
        settlement: &Settlement,
        measured: &BTreeMap<Address, Attestation>,
    ) -> anyhow::Result<Self> {
        let names: BTreeMap<Address, String> = cast
            .nodes
            .iter()
            .map(|node| (node_address(&node.owner.address(), 0).0, node.name.clone()))
            .collect();
        let mut escrow = Escrow::default();
        let mut scores = BTreeMap::new();
        let mut takeovers = 0;
        for entry in history(connection, job).await? {
            for event in entry.events::<JobCreated>().filter(|event| event.job == *job) {
                escrow.funded = event.escrowed;
            }
            for event in entry.events::<ShardClaimed>().filter(|event| event.job == *job) {
                scores.insert((event.shard, event.replica), (event.node, event.score));
            }
            takeovers += u32::try_from(
                entry
                    .events::<AssignmentExpired>()
                    .filter(|event| event.job == *job)
                    .count(),
            )?;
            for event in entry.events::<JobClosed>().filter(|event| event.job == *job) {
                (escrow.paid, escrow.fees, escrow.refunded) = (event.paid, event.fees, event.refunded);
            }
        }
        let shards = settlement
            .shards
            .values()
            .map(|settled| Shard {
                shard: settled.shard,
                state: if settled.winners == 0 {
                    "without a majority"
                } else {
                    "agreed"
                }
                .to_owned(),
                replicas: settlement
                    .winners(settled.shard)
                    .map(|revealed| Replica {
                        node: names
                            .get(&revealed.node)
                            .cloned()
                            .unwrap_or_else(|| revealed.node.to_string()),
                        score_bps: scores
                            .get(&(settled.shard, revealed.replica))
                            .map_or(0, |(_, score)| *score),
                        records: revealed.records,
                    })
                    .collect(),
            })
            .collect();
        Ok(Self {
            nodes: nodes(connection, cast, measured).await?,
            epochs: epochs(connection).await?,
            shards,
            escrow,
            compute: compute(connection).await?,
            takeovers,
        })
    }
}

async fn nodes(
    connection: &Connection,
    cast: &Cast,
    measured: &BTreeMap<Address, Attestation>,
) -> anyhow::Result<Vec<Node>> {
    let mut nodes = Vec::new();
    for part in &cast.nodes {
        let address = node_address(&part.owner.address(), 0).0;
        let first = measured.get(&address);
        let latest = connection
            .fetch_optional::<Attestation>(&attestation_address(&address).0)
            .await?;
        let reward = connection.fetch_optional::<Reward>(&reward_address(&address).0).await?;
        let work = connection.fetch_optional::<Work>(&work_address(&address).0).await?;
        // What the link and the provider's limit together allow.
        let possible = part.link_kbps.min(part.limit_kbps);
        let off = |kbps: u32| kbps.abs_diff(possible).saturating_mul(10_000) / possible.max(1);
        let reason = latest.map_or(Reason::NoMeasurement, |a| {
            Reason::from_code(a.reason).unwrap_or(Reason::None)
        });
        nodes.push(Node {
            name: part.name.clone(),
            address: address.to_string(),
            place: part.place.name.to_owned(),
            link_kbps: part.link_kbps,
            limit_kbps: part.limit_kbps,
            down_kbps: first.map_or(0, |attestation| attestation.down_kbps),
            up_kbps: first.map_or(0, |attestation| attestation.up_kbps),
            error_bps: first.map(|attestation| off(attestation.down_kbps).max(off(attestation.up_kbps))),
            contribution: latest.map_or(0, |attestation| attestation.cumulative_contribution),
            bandwidth_lmr: reward.map_or(0, |reward| reward.claimed),
            shards_lmr: work.map_or(0, |work| work.earned),
            reason: reason.sentence().to_owned(),
        });
    }
    Ok(nodes)
}

async fn epochs(connection: &Connection) -> anyhow::Result<Vec<Epoch>> {
    let mut epochs: Vec<Epoch> = connection
        .fetch_all::<bandwidth::Epoch>(&[])
        .await?
        .into_iter()
        .filter(|(_, epoch)| epoch.state == bandwidth::epoch_state::ATTESTED)
        .map(|(_, epoch)| Epoch {
            epoch: epoch.epoch,
            root: epoch.root.iter().map(|byte| format!("{byte:02x}")).collect(),
            signers: epoch.signers.count_ones(),
            bundles: epoch.bundles.count_ones(),
            nodes: epoch.leaf_count,
            reward: epoch.epoch_reward,
        })
        .collect();
    epochs.sort_by_key(|epoch| epoch.epoch);
    Ok(epochs)
}

/// Every transaction that names one of the programs, each counted once.
async fn compute(connection: &Connection) -> anyhow::Result<Vec<Compute>> {
    let programs = [
        ("registry", registry::ID),
        ("bandwidth", bandwidth::ID),
        ("rewards", rewards::ID),
        ("tasks", tasks::ID),
        ("market", market::ID),
    ];
    let mut sums: BTreeMap<(usize, u8), (u64, u64)> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (_, program) in &programs {
        for entry in history(connection, program).await? {
            if !entry.succeeded || !seen.insert(entry.signature) {
                continue;
            }
            for instruction in entry.instructions {
                if let Some(index) = programs.iter().position(|(_, id)| *id == instruction.program) {
                    let sum = sums.entry((index, instruction.discriminator)).or_default();
                    sum.0 += 1;
                    sum.1 += instruction.compute_units;
                }
            }
        }
    }
    let compute = sums.into_iter().filter_map(|((index, discriminator), (calls, units))| {
        let (name, program) = programs.get(index)?;
        Some(Compute {
            program: (*name).to_owned(),
            instruction: instruction_name(program, discriminator).unwrap_or("?").to_owned(),
            calls,
            units,
        })
    });
    Ok(compute.collect())
}

fn instruction_name(program: &Address, discriminator: u8) -> Option<&'static str> {
    let names: &[(u8, &str)] = match *program {
        registry::ID => registry::instruction::NAMES,
        bandwidth::ID => bandwidth::instruction::NAMES,
        rewards::ID => rewards::instruction::NAMES,
        tasks::ID => tasks::instruction::NAMES,
        market::ID => market::instruction::NAMES,
        _ => return None,
    };
    names
        .iter()
        .find(|(number, _)| *number == discriminator)
        .map(|(_, name)| *name)
}
