//! A job of 16 shards and one of 8,192, from creation to close on the embedded network: what a shard costs.
//!
//! `job_scale <folder of the built programs> <output file>`

use std::{collections::BTreeMap, env, fs, path::Path, time::Instant};

use anyhow::{Context as _, Result, ensure};
use lumora_client::{
    Batch, Connection, Sender, bandwidth,
    history::history,
    registry, rewards,
    tasks::{self, Assigned, Replica},
};
use lumora_core::{
    attestation::Leaf,
    hash::sha256,
    merkle::Tree,
    result::{Secret, WORDS},
    sketch::Sketch,
};
use lumora_interface::{
    Address,
    bandwidth::{CommitBundleArguments, Epoch, ProveArguments, SubmitAttestationArguments, epoch_address},
    registry::{NETWORK, Network, RegisterNodeArguments, node_address},
    tasks::{
        Assignment, CreateJobArguments, Job, MAX_SHARDS, RevealResultArguments, ShardState, assignment_address,
        job_address,
    },
};
use lumora_localnet::{Localnet, Options, keys};
use lumora_migrations::Oracle;
use serde_json::{Value, json};
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

const LMR: u64 = 1_000_000;
/// LMR base units for a replica of a shard.
const PRICE: u64 = 1_000;
/// Shards that are worked on at the same time.
const AT_ONCE: u32 = 512;
/// Shards of each job whose compute units are read from the chain.
const SAMPLE: usize = 64;
/// More than any instruction here takes.
const UNITS: u32 = 30_000;
/// What is asked for: a shard of the largest job against one of a small job.
const MOST_EXTRA: f64 = 0.03;

/// A node's owner, who operates it too.
struct Member {
    sender: Sender,
    key: Keypair,
    node: Address,
}

impl Member {
    fn new(connection: Connection, key: Keypair) -> Self {
        Self {
            sender: Sender::new(connection, key.insecure_clone()),
            node: node_address(&key.pubkey(), 0).0,
            key,
        }
    }

    /// One transaction for each instruction.
    async fn send(&self, instructions: impl Iterator<Item = Instruction>) -> Result<()> {
        let batch = Batch {
            transactions: instructions.map(|instruction| vec![instruction]).collect(),
            compute_units: Some(UNITS),
        };
        Ok(self.sender.send_batch(&batch, &[], |_| ()).await?)
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = env::args_os().skip(1);
    let (programs, output) = (arguments.next(), arguments.next());
    let (programs, output) = programs
        .zip(output)
        .context("give the folder of the programs and a file")?;
    let [client, a, b] = ["client", "a", "b"].map(|name| Keypair::new_from_array(sha256(&[name.as_bytes()])));
    let mut options = Options::new(Path::new(&programs));
    options.funded = vec![client.pubkey(), a.pubkey(), b.pubkey(), keys::oracle(0).pubkey()];
    options.settings.network.unbonding_seconds = 86_400;
    options.settings.oracles.minimum_bond = 0;
    options.settings.oracles.members = vec![Oracle {
        key: keys::oracle(0).pubkey().into(),
        endpoint: "127.0.0.1:4430".parse()?,
        owner: None,
    }];
    let localnet = Localnet::start(options).await?;
    let member = |key: Keypair| Member::new(localnet.connection().clone(), key);
    let (client, team) = (member(client), [a, b].map(member));
    prepare(&localnet, &client, &team).await?;

    let mut rows = Vec::new();
    for (id, shards) in [(0, 16), (1, MAX_SHARDS)] {
        let started = Instant::now();
        let row = job(&localnet, &client, &team, id, shards).await?;
        eprintln!("{shards} shards in {:.0?}: {row}", started.elapsed());
        rows.push(row);
    }
    let extra = |name: &str| -> Option<f64> { Some(rows[1][name].as_f64()? / rows[0][name].as_f64()? - 1.0) };
    let (units, lamports) = extra("units_per_shard")
        .zip(extra("lamports_per_shard"))
        .context("there are figures")?;
    let report = json!({
        "jobs": rows,
        "extra_units": units,
        "extra_lamports": lamports,
        "goal": MOST_EXTRA,
        "replicas": team.len(),
        "sampled_shards": SAMPLE,
    });
    fs::write(output, serde_json::to_string_pretty(&report)? + "\n")?;
    println!(
        "A shard among {MAX_SHARDS} costs {:+.2} % compute units and {:+.2} % lamports.",
        100.0 * units,
        100.0 * lamports
    );
    ensure!(
        units <= MOST_EXTRA && lamports <= MOST_EXTRA,
        "the largest job costs more per shard"
    );
    localnet.stop().await?;
    Ok(())
}

/// Gives everybody LMR, registers the nodes, has one oracle attest them, and proves their figures.
async fn prepare(localnet: &Localnet, client: &Member, team: &[Member; 2]) -> Result<()> {
    let (sender, authority) = (localnet.sender(), localnet.authority().pubkey());
    for member in team.iter().chain([client]) {
        sender
            .send(
                &rewards::grant_at_once(&authority, &member.key.pubkey(), 100_000 * LMR),
                &[],
            )
            .await?;
    }
    for member in team {
        let owner = member.key.pubkey();
        let arguments = RegisterNodeArguments {
            index: 0,
            operator: Keypair::new().pubkey(),
            transport_key: Keypair::new().pubkey().to_bytes(),
            h3_cell: lumora_tests::instructions::BERLIN,
            location: [i16::MAX, 0, 0],
            limit_kbps: 50_000,
            shard_capacity: u16::MAX,
        };
        let bond = registry::deposit_bond(&owner, &member.node, 50_000 * LMR);
        member
            .sender
            .send(&[registry::register_node(&owner, &arguments), bond], &[])
            .await?;
    }

    let oracle = keys::oracle(0);
    sender.send(&[bandwidth::open_epoch(&authority, 0)], &[]).await?;
    while sender.send(&[bandwidth::draw_seed(0)], &[]).await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    let bundle = CommitBundleArguments {
        root: [1; 32],
        count: 1,
    };
    sender
        .send(&[bandwidth::commit_bundle(&oracle.pubkey(), 0, &bundle)], &[&oracle])
        .await?;
    let leaves: Vec<Leaf> = team
        .iter()
        .map(|member| Leaf {
            node: member.node.to_bytes(),
            down_kbps: 50_000,
            up_kbps: 50_000,
            rtt_us: 1_000,
            uptime_bps: 10_000,
            reputation_bps: 10_000,
            ..Leaf::default()
        })
        .collect();
    let tree = Tree::new(leaves.iter().map(Leaf::hash).collect());
    let figures = SubmitAttestationArguments {
        root: tree.root(),
        leaf_count: leaves.len() as u32,
        total_contribution: 0,
        epoch_reward: 0,
        cumulative_reward: 0,
        bundles: 1,
        expires_at: i64::MAX,
    };
    let connection = localnet.connection();
    let epoch: Epoch = connection.fetch(&epoch_address(0).0).await?;
    let network: Network = connection.fetch(&NETWORK).await?;
    let digest = epoch.statement(network.network_id, &figures).digest();
    let signed = [(oracle.pubkey(), oracle.sign_message(&digest))];
    sender
        .send(&bandwidth::submit_attestation(0, &figures, &digest, &signed), &[])
        .await?;
    localnet.advance_clock(std::time::Duration::from_secs(60)).await?;
    for (index, leaf) in (0u32..).zip(&leaves) {
        let arguments = ProveArguments {
            index,
            down_kbps: leaf.down_kbps,
            up_kbps: leaf.up_kbps,
            rtt_us: leaf.rtt_us,
            uptime_bps: leaf.uptime_bps,
            reputation_bps: leaf.reputation_bps,
            reason: 0,
            contribution: 0,
            cumulative_contribution: 0,
            cumulative_reward: 0,
        };
        let path = tree.path(u64::from(index)).context("the tree has the leaf")?;
        let prove = bandwidth::prove(&authority, 0, &Address::new_from_array(leaf.node), &arguments, &path);
        sender.send(&[prove], &[]).await?;
    }
    Ok(())
}

/// A job from creation to close; what one of its shards costs.
async fn job(localnet: &Localnet, client: &Member, team: &[Member; 2], id: u64, shards: u32) -> Result<Value> {
    let connection = localnet.connection();
    let lamports = || async {
        let mut sum = 0u64;
        for member in team.iter().chain([client]) {
            sum += connection.rpc().get_balance(&member.key.pubkey()).await?;
        }
        anyhow::Ok(sum)
    };
    let before = lamports().await?;
    let arguments = CreateJobArguments {
        manifest_hash: [1; 32],
        uri_hash: [2; 32],
        target: [i16::MAX, 0, 0],
        replicas: 2,
        max_replicas: 2,
        tolerance_bits: 42,
        tolerance_count: 500,
        price: PRICE,
        deadline: connection.unix_timestamp().await? + 7_200,
        commit_seconds: 3_600,
        reveal_seconds: 600,
        challenge_seconds: 0,
    };
    let owner = client.key.pubkey();
    client
        .sender
        .send(&[tasks::create_job(&owner, id, shards, &arguments)], &[])
        .await?;
    let address = job_address(&owner, id).0;
    let account: Job = connection.fetch(&address).await?;
    // Everybody has waited long enough, whatever the score.
    localnet.advance_clock(std::time::Duration::from_secs(60)).await?;
    for first in (0..shards).step_by(AT_ONCE as usize) {
        let last = shards.min(first + AT_ONCE);
        work(connection, team, &account, address, first..last).await?;
    }
    client.sender.send(&[tasks::close_job(&address, &owner)], &[]).await?;
    let spent = before - lamports().await?;

    let mut units = 0;
    let step = (shards as usize).div_ceil(SAMPLE);
    let sampled: Vec<u32> = (0..shards).step_by(step).collect();
    for shard in &sampled {
        units += units_of(connection, &address, *shard).await?;
    }
    Ok(json!({
        "shards": shards,
        "units_per_shard": units as f64 / sampled.len() as f64,
        "lamports_per_shard": spent as f64 / f64::from(shards),
    }))
}

/// Claims, commits, reveals and settles some shards.
async fn work(
    connection: &Connection,
    team: &[Member; 2],
    job: &Job,
    address: Address,
    shards: std::ops::Range<u32>,
) -> Result<()> {
    let network_id = connection.fetch::<Network>(&NETWORK).await?.network_id;
    let replica = |shard, replica| Replica {
        job: address,
        shard,
        replica,
    };
    let both = ShardState::default().with(0).with(1);
    let secret = Secret {
        words: [Sketch([7; 4]); WORDS],
        salts: [[9; 32]; WORDS],
    };
    for (number, member) in (0u8..).zip(team) {
        let state = if number == 0 {
            ShardState::default()
        } else {
            ShardState::default().with(0)
        };
        let claims = shards
            .clone()
            .map(|shard| tasks::claim_shard(&member.key.pubkey(), &member.node, replica(shard, number), state, None));
        member.send(claims).await.context("claims")?;
    }
    for (number, member) in (0u8..).zip(team) {
        let commits = shards.clone().map(|shard| {
            let assignment = Assignment {
                job: address,
                node: member.node,
                shard,
                replica: number,
                ..bytemuck::Zeroable::zeroed()
            };
            let commitment = secret.commitment(&assignment.slot(&network_id), &[1; 32], 10);
            tasks::commit_result(&member.key.pubkey(), replica(shard, number), &commitment)
        });
        member.send(commits).await.context("commitments")?;
    }
    let opening = secret.opening(0).context("there is a first word")?;
    let arguments = RevealResultArguments {
        result_root: [1; 32],
        records: 10,
        word: opening.word.0,
        salt: opening.salt,
        rest: opening.rest,
    };
    for (number, member) in (0u8..).zip(team) {
        let reveals = shards
            .clone()
            .map(|shard| tasks::reveal_result(&member.key.pubkey(), replica(shard, number), both, &arguments));
        member.send(reveals).await.context("reveals")?;
    }
    let assigned: Vec<Assigned> = (0u8..)
        .zip(team)
        .map(|(replica, member)| Assigned {
            replica,
            node: member.node,
            owner: member.key.pubkey(),
            rent_payer: member.key.pubkey(),
        })
        .collect();
    let settlements = shards.map(|shard| tasks::settle_shard(&address, &job.treasury, shard, &assigned));
    team[0].send(settlements).await.context("settlements")
}

/// Compute units of all that happened to a shard.
async fn units_of(connection: &Connection, job: &Address, shard: u32) -> Result<u64> {
    let mut units = BTreeMap::new();
    for replica in 0..2 {
        for entry in history(connection, &assignment_address(job, shard, replica).0).await? {
            let spent: u64 = entry
                .instructions
                .iter()
                .map(|instruction| instruction.compute_units)
                .sum();
            units.insert(entry.signature, spent);
        }
    }
    // Two claims, commitments and reveals, and the settlement.
    ensure!(units.len() == 7, "shard {shard} has {} transactions", units.len());
    Ok(units.values().sum())
}
