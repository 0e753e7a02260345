//! Takes the node's attested figures to the chain and claims what they earned.

use std::{collections::BTreeSet, time::Duration};

use lumora_client::{
    Outcome, bandwidth as build,
    oracle_api::{LeafProof, OracleClient},
    rewards as build_rewards, watch,
};
use lumora_core::reason::Reason;
use lumora_interface::{
    bandwidth::{Attestation, Epoch, ORACLE_SET, OracleSet, attestation_address, epoch_address, epoch_state},
    rewards::{EMISSION, Emission, Reward, reward_address},
};

use crate::{
    agent::Agent,
    backoff::Backoff,
    error::Result,
    event::Event,
    plan::rewards::{Next, next},
    registration::top_up_bond,
    status::Told,
};

/// Epochs before the latest one that are looked at: while the latest may be disputed, an earlier one can be proven.
const LOOK_BACK: u64 = 8;
/// An oracle gets this long for an answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Oracles have their leaves ready this long after the attestation; no leaf later than this means none, seconds.
const LEAF_GRACE_SECONDS: i64 = 15;

/// Proves and claims, epoch after epoch.
pub(crate) async fn run(agent: Agent) -> Result<()> {
    let mut changes = watch::account::<OracleSet>(&agent.connection, ORACLE_SET);
    let mut unlisted = BTreeSet::new();
    let mut backoff = Backoff::new();
    let poll = Duration::from_secs(agent.config.poll_seconds);
    loop {
        let step = async {
            top_up_bond(&agent).await?;
            turn(&agent, &mut unlisted).await
        };
        let wait = match step.await {
            Ok(true) => {
                backoff.reset();
                Duration::ZERO
            }
            Ok(false) => {
                backoff.reset();
                poll
            }
            Err(error) => {
                if backoff.is_news(&error) {
                    agent.failed("rewards", &error);
                }
                backoff.next()
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            Some(_) = changes.recv() => {}
        }
    }
}

/// Does all that can be done now.
pub(crate) async fn settle(agent: &Agent) -> Result<()> {
    let mut unlisted = BTreeSet::new();
    // Each turn proves one epoch or claims: there are no more than these to prove.
    for _ in 0..=LOOK_BACK.saturating_add(2) {
        if !turn(agent, &mut unlisted).await? {
            break;
        }
    }
    Ok(())
}

/// Does one thing. Whether something was done, and so more may be due.
async fn turn(agent: &Agent, unlisted: &mut BTreeSet<u64>) -> Result<bool> {
    let connection = &agent.connection;
    let set: OracleSet = connection.fetch(&ORACLE_SET).await?;
    let emission: Emission = connection.fetch(&EMISSION).await?;
    let attestation: Option<Attestation> = connection.fetch_optional(&attestation_address(&agent.node).0).await?;
    let reward: Option<Reward> = connection.fetch_optional(&reward_address(&agent.node).0).await?;
    let epochs = attested_epochs(agent, &set, attestation.as_ref()).await?;
    let decision = next(
        agent.clock.now(),
        &epochs,
        |epoch| unlisted.contains(&epoch),
        attestation.as_ref(),
        reward.as_ref(),
        &emission,
        agent.config.minimum_claim,
    );
    match decision {
        Next::Prove { epoch } => {
            let Some(epoch) = epochs.iter().find(|known| known.epoch == epoch) else {
                return Ok(false);
            };
            prove(agent, epoch, unlisted).await
        }
        Next::Claim { amount } => claim(agent, reward.map_or(0, |reward| reward.claimed), amount).await,
        Next::Nothing(why) => {
            agent
                .notes
                .change(|notes| notes.no_reward = Some(Told::new(why.code(), why.sentence())));
            Ok(false)
        }
    }
}

/// The latest attested epochs that are newer than what is proven, or the latest one.
async fn attested_epochs(agent: &Agent, set: &OracleSet, proven: Option<&Attestation>) -> Result<Vec<Epoch>> {
    let Some(latest) = set.attestable_from.checked_sub(1) else {
        return Ok(Vec::new());
    };
    let first = proven
        .map_or(0, |proven| proven.epoch.saturating_add(1))
        .max(latest.saturating_sub(LOOK_BACK));
    let addresses: Vec<_> = (first.min(latest)..=latest)
        .map(|epoch| epoch_address(epoch).0)
        .collect();
    let found = agent.connection.fetch_many::<Epoch>(&addresses).await?;
    Ok(found
        .into_iter()
        .flatten()
        .filter(|epoch| epoch.state == epoch_state::ATTESTED)
        .collect())
}

/// What the oracles say about this node's leaf.
enum Leaf {
    Found(Box<LeafProof>),
    /// Every oracle that answered has none.
    Missing,
    /// None answered with anything that is under the attested root.
    Unknown(String),
}

async fn leaf(agent: &Agent, epoch: &Epoch) -> Leaf {
    let mut missing = 0;
    let mut problem = "no oracle is configured".to_owned();
    for oracle in &agent.config.oracles {
        let answer = async {
            OracleClient::new(oracle.http.clone(), TIMEOUT)?
                .leaf(epoch.epoch, &agent.node)
                .await
        };
        match answer.await {
            Ok(Some(proof)) => {
                // An oracle is not believed: a wrong leaf would cost the fee of a proof that is refused.
                let ours = proof.figures.node == agent.node && proof.figures.epoch == epoch.epoch;
                if ours && proof.is_under(&epoch.root, epoch.leaf_count) {
                    return Leaf::Found(Box::new(proof));
                }
                problem = format!("the leaf that {} serves is not under the attested root", oracle.http);
            }
            Ok(None) => missing += 1,
            Err(error) => problem = error.to_string(),
        }
    }
    if missing > 0 {
        Leaf::Missing
    } else {
        Leaf::Unknown(problem)
    }
}

async fn prove(agent: &Agent, epoch: &Epoch, unlisted: &mut BTreeSet<u64>) -> Result<bool> {
    let proof = match leaf(agent, epoch).await {
        Leaf::Found(proof) => proof,
        Leaf::Missing => {
            if agent.clock.now() > epoch.attested_at.saturating_add(LEAF_GRACE_SECONDS) {
                unlisted.insert(epoch.epoch);
                return Ok(true);
            }
            return Ok(false);
        }
        Leaf::Unknown(problem) => {
            tracing::warn!(epoch = epoch.epoch, problem, "no oracle serves this node's figures");
            let sentence = format!("The figures could not be fetched: {problem}");
            agent
                .notes
                .change(|notes| notes.no_reward = Some(Told::new("figures_unknown", sentence)));
            return Ok(false);
        }
    };
    let address = attestation_address(&agent.node).0;
    let is_proven = || async {
        let known: Option<Attestation> = agent.connection.fetch_optional(&address).await?;
        Ok(known.is_some_and(|known| known.epoch >= epoch.epoch))
    };
    let instruction = build::prove(
        &agent.operator(),
        epoch.epoch,
        &agent.node,
        &proof.arguments(),
        &proof.path,
    );
    let outcome = agent.sender.send_unless(is_proven, &[instruction], &[]).await?;
    let figures = &proof.figures;
    agent.events.emit(&Event::Proven {
        epoch: figures.epoch,
        down_kbps: figures.down_kbps,
        up_kbps: figures.up_kbps,
        rtt_us: figures.rtt_us,
        uptime_bps: figures.uptime_bps,
        reputation_bps: figures.reputation_bps,
        reason: figures.reason,
        sentence: sentence(figures.reason).to_owned(),
        cumulative_reward: figures.cumulative_reward,
        signature: signature(&outcome),
    });
    Ok(true)
}

async fn claim(agent: &Agent, claimed: u64, amount: u64) -> Result<bool> {
    let address = reward_address(&agent.node).0;
    let lifetime = claimed.saturating_add(amount);
    let is_claimed = || async {
        let known: Option<Reward> = agent.connection.fetch_optional(&address).await?;
        Ok(known.is_some_and(|known| known.claimed >= lifetime))
    };
    let (operator, owner) = (agent.operator(), agent.keys.owner_address);
    // It opens the owner's token account, should the owner have closed it since the node was started.
    let instructions = [build_rewards::claim(&operator, &agent.node, &owner)];
    let outcome = agent.sender.send_unless(is_claimed, &instructions, &[]).await?;
    if let Outcome::Landed(landed) = outcome {
        // What the circuit breaker let out in the end: others may have claimed in the meantime.
        let lifetime = agent.connection.fetch::<Reward>(&address).await?.claimed;
        agent.events.emit(&Event::RewardClaimed {
            amount: lifetime.saturating_sub(claimed),
            lifetime,
            signature: landed.signature.to_string(),
        });
    }
    Ok(true)
}

/// The signature, unless it had happened before.
pub(crate) fn signature(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Landed(landed) => Some(landed.signature.to_string()),
        Outcome::AlreadyDone => None,
    }
}

/// What a reason code means.
pub(crate) fn sentence(reason: u8) -> &'static str {
    Reason::from_code(reason).map_or(
        "The reason is unknown to this version: update lumora.",
        Reason::sentence,
    )
}
