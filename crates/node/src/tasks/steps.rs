//! Carrying out one step of the plan. Each is safe to repeat: the chain is asked whether it happened already.

use std::time::Duration;

use lumora_client::{
    Error as ClientError, Outcome as Sent,
    tasks::{self as build, Assigned, Replica},
    token,
};
use lumora_core::{
    score::jitter_millis,
    units::{Bps, Seconds},
};
use lumora_interface::{
    Address,
    registry::{NETWORK, Network},
    tasks::{Assignment, ID, RevealResultArguments, ShardState, TasksError, assignment_address, assignment_state},
};

use super::{
    material::{Library, MaterialError},
    mirror::{self, Seen},
    shard,
};
use crate::{
    agent::Agent,
    error::{Error, Result},
    event::{Event, Outcome, ShardName},
    plan::tasks::{JobView, Ready, Step, claimable_at},
    rewards::signature,
};

/// Part of the jitter of a second by which claims of one round are spread: within a quarter of a second, lest all nodes ask
/// their endpoints at one instant.
const SPREAD: u16 = 4;

/// What a step did.
#[derive(Default)]
pub(super) struct Done {
    /// Accounts as they are now.
    pub seen: Seen,
    /// A result that is on disk now.
    pub ready: Option<(Address, Ready)>,
}

/// Why a step was not done.
pub(super) enum StepError {
    /// There is nothing left to do.
    Pointless,
    /// Somebody else was faster.
    Lost { reason: String, seen: Seen },
    /// The chain's clock is not where it was thought to be.
    TooEarly,
    /// The job cannot be worked on.
    Unfit { job: Address, error: MaterialError },
    /// Anything else: tried again later.
    Failed(Error),
}

impl<E: Into<Error>> From<E> for StepError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// What is said when a step fails.
pub(super) fn name(step: &Step) -> &'static str {
    match step {
        Step::Claim(_) => "claiming a shard",
        Step::Run(_) => "working on a shard",
        Step::Commit(_) => "committing to a result",
        Step::Reveal(_) => "revealing a result",
        Step::Settle { .. } => "settling a shard",
        Step::Expire(_) => "expiring an assignment",
        Step::Slash(_) => "slashing a node",
        Step::Close(_) => "closing what an assignment left behind",
    }
}

/// Carries it out.
pub(super) async fn carry_out(agent: &Agent, library: &Library, step: Step) -> Result<Done, StepError> {
    match step {
        Step::Claim(name) => claim(agent, library, name).await,
        Step::Run(name) => {
            let ready = shard::run(agent, library, name).await?;
            Ok(Done {
                ready: Some((address(&name), ready)),
                ..Done::default()
            })
        }
        Step::Commit(name) => commit(agent, name).await,
        Step::Reveal(name) => reveal(agent, name).await,
        Step::Settle { job, shard } => settle(agent, job, shard).await,
        Step::Expire(name) => expire(agent, name).await,
        Step::Slash(name) => slash(agent, name).await,
        Step::Close(name) => close(agent, name).await,
    }
}

/// How an assignment of this node that is gone, or `left` behind, ended; `left` may be another node's by now.
pub(super) async fn outcome(agent: &Agent, name: &ShardName, left: Option<&Assignment>) -> Result<Outcome> {
    if let Some(left) = left.filter(|left| left.node == agent.node && left.state == assignment_state::REJECTED) {
        let by_oracles = left.reason != 0;
        return Ok(if by_oracles {
            Outcome::Rejected
        } else {
            Outcome::NotAgreed
        });
    }
    let state = mirror::job(agent, &name.job)
        .await?
        .and_then(|view| view.shard(name.shard));
    Ok(match state {
        None => Outcome::Closed,
        Some(state) if left.is_some() || !state.is_settled() => Outcome::Expired,
        Some(state) if state.has(name.replica) => Outcome::Won,
        Some(_) => Outcome::NotAgreed,
    })
}

fn address(name: &ShardName) -> Address {
    assignment_address(&name.job, name.shard, name.replica).0
}

fn replica(name: &ShardName) -> Replica {
    Replica {
        job: name.job,
        shard: name.shard,
        replica: name.replica,
    }
}

async fn assignment(agent: &Agent, name: &ShardName) -> Result<Option<Assignment>, ClientError> {
    agent.connection.fetch_optional(&address(name)).await
}

async fn job(agent: &Agent, address: &Address) -> Result<JobView, StepError> {
    mirror::job(agent, address).await?.ok_or(StepError::Pointless)
}

/// The job and all assignments of a shard, as they are now.
async fn seen(agent: &Agent, job: Address, shard: u32) -> Result<Seen> {
    let view = mirror::job(agent, &job).await?;
    let replicas = view.as_ref().map_or(0, |view| view.job.most_replicas());
    let addresses: Vec<Address> = (0..replicas)
        .map(|replica| assignment_address(&job, shard, replica).0)
        .collect();
    let found = agent.connection.fetch_many(&addresses).await?;
    Ok(Seen {
        job: Some((job, view)),
        assignments: addresses.into_iter().zip(found).collect(),
    })
}

async fn done(agent: &Agent, job: Address, shard: u32) -> Result<Done, StepError> {
    Ok(Done {
        seen: seen(agent, job, shard).await?,
        ready: None,
    })
}

/// Whether the program `tasks` refused with one of these errors.
fn refused(error: &ClientError, reasons: &[TasksError]) -> bool {
    reasons.iter().any(|reason| error.is_refusal_of(&ID, reason.code()))
}

async fn claim(agent: &Agent, library: &Library, name: ShardName) -> Result<Done, StepError> {
    let spread = jitter_millis(name.job.as_array(), agent.node.as_array(), name.shard) / SPREAD;
    tokio::time::sleep(Duration::from_millis(u64::from(spread))).await;
    let view = job(agent, &name.job).await?;
    let state = view.shard(name.shard).ok_or(StepError::Pointless)?;
    // A shard whose manifest cannot be had would only cost the node its bond.
    library
        .material(agent, name.job, &view.job)
        .await
        .map_err(|error| StepError::Unfit { job: name.job, error })?;
    let is_ours = || async {
        Ok(assignment(agent, &name)
            .await?
            .is_some_and(|found| found.node == agent.node && found.is_live()))
    };
    let former = assignment(agent, &name).await?;
    let rent_payer = former.map(|former| former.rent_payer);
    let instruction = build::claim_shard(&agent.operator(), &agent.node, replica(&name), state, rent_payer);
    let sent = match agent.sender.send_unless(is_ours, &[instruction], &[]).await {
        Ok(sent) => sent,
        Err(error) if refused(&error, &[TasksError::TooEarly]) => return Err(StepError::TooEarly),
        Err(error) => return Err(lost_or_failed(agent, name, error).await?),
    };
    let Some(found) = assignment(agent, &name).await? else {
        return Err(StepError::Pointless);
    };
    let network: Network = agent.connection.fetch(&NETWORK).await?;
    let free_since = Seconds(former.map_or(0, |former| former.ended_at).max(view.job.opened_at));
    agent.events.emit(&Event::ShardClaimed {
        shard: name,
        score: found.score,
        claimable_at: claimable_at(
            &network,
            &agent.node,
            &view.job,
            Bps(found.score),
            name.shard,
            free_since,
        ),
        signature: signature(&sent),
    });
    done(agent, name.job, name.shard).await
}

/// Whether a refused claim was a race that somebody else won.
async fn lost_or_failed(agent: &Agent, name: ShardName, error: ClientError) -> Result<StepError, StepError> {
    let race = [
        TasksError::ShardSettled,
        TasksError::ReplicaTaken,
        TasksError::JobClosedForClaims,
        TasksError::SiblingMissing,
        TasksError::WrongSibling,
        TasksError::OwnerHoldsReplica,
        TasksError::ReplicaOutOfRange,
        TasksError::SlashFirst,
        TasksError::GivenUpBefore,
        TasksError::WordsUsedUp,
        TasksError::WrongRentPayer,
    ];
    let taken = assignment(agent, &name).await?.is_some_and(|found| found.is_live());
    if error.refusal().is_some() && (taken || refused(&error, &race)) {
        let seen = seen(agent, name.job, name.shard).await?;
        return Ok(StepError::Lost {
            reason: error.to_string(),
            seen,
        });
    }
    Ok(StepError::Failed(error.into()))
}

/// The result on disk that belongs to this very assignment.
fn prepared(agent: &Agent, name: &ShardName, claimed_at: i64) -> Result<crate::state::Prepared, StepError> {
    let mut results = agent.state.results()?;
    results
        .remove(&address(name))
        .filter(|result| result.claimed_at == claimed_at)
        .ok_or(StepError::Pointless)
}

async fn commit(agent: &Agent, name: ShardName) -> Result<Done, StepError> {
    let found = assignment(agent, &name).await?.ok_or(StepError::Pointless)?;
    let result = prepared(agent, &name, found.claimed_at)?;
    let is_committed = || async {
        let found = assignment(agent, &name).await?;
        Ok(found.is_some_and(|found| found.node == agent.node && found.commitment == result.commitment))
    };
    let instruction = build::commit_result(&agent.operator(), replica(&name), &result.commitment);
    let sent = agent.sender.send_unless(is_committed, &[instruction], &[]).await?;
    agent.events.emit(&Event::Committed {
        shard: name,
        signature: signature(&sent),
    });
    done(agent, name.job, name.shard).await
}

async fn reveal(agent: &Agent, name: ShardName) -> Result<Done, StepError> {
    let found = assignment(agent, &name).await?.ok_or(StepError::Pointless)?;
    let result = prepared(agent, &name, found.claimed_at)?;
    let view = job(agent, &name.job).await?;
    let shown = found.seat().shown;
    let opening = result.opening(shown).ok_or(StepError::Pointless)?;
    let arguments = RevealResultArguments {
        result_root: result.result_root,
        records: result.records,
        word: opening.word.0,
        salt: opening.salt,
        rest: opening.rest,
    };
    let is_revealed = || async {
        let now = assignment(agent, &name).await?;
        // Gone or over: it was settled in the meantime, or expired.
        Ok(now.is_none_or(|now| now.node != agent.node || !now.is_live() || now.seat().shown > shown))
    };
    let state = view.shard(name.shard).ok_or(StepError::Pointless)?;
    let instruction = build::reveal_result(&agent.operator(), replica(&name), state, &arguments);
    let not_yet = [
        TasksError::OthersNotCommitted,
        TasksError::NothingToShow,
        TasksError::SiblingMissing,
    ];
    let sent = match agent.sender.send_unless(is_revealed, &[instruction], &[]).await {
        Ok(sent) => sent,
        Err(error) if refused(&error, &not_yet) => return Err(StepError::TooEarly),
        Err(error) => return Err(error.into()),
    };
    agent.events.emit(&Event::Revealed {
        shard: name,
        signature: signature(&sent),
    });
    done(agent, name.job, name.shard).await
}

async fn settle(agent: &Agent, address: Address, shard: u32) -> Result<Done, StepError> {
    let seen_before = seen(agent, address, shard).await?;
    let Some((_, Some(view))) = &seen_before.job else {
        return Err(StepError::Pointless);
    };
    let state = view.shard(shard).ok_or(StepError::Pointless)?;
    if state.is_settled() {
        return Ok(Done {
            seen: seen_before,
            ready: None,
        });
    }
    let assigned: Vec<Assigned> = seen_before
        .assignments
        .iter()
        .filter_map(|(_, found)| found.as_ref())
        .filter(|found| state.has(found.replica))
        .map(|found| Assigned {
            replica: found.replica,
            node: found.node,
            owner: found.owner,
            rent_payer: found.rent_payer,
        })
        .collect();
    let is_settled = || async {
        let found = agent.connection.job(&address).await?;
        let index = usize::try_from(shard).unwrap_or(usize::MAX);
        Ok(found.is_none_or(|(_, states)| states.get(index).copied().is_some_and(ShardState::is_settled)))
    };
    let mut instructions = Vec::new();
    // Whoever is to be paid must have an account for it, or the shard would stay open for its sake.
    for one in &assigned {
        if agent
            .connection
            .account(&token::lmr_account(&one.owner))
            .await?
            .is_none()
        {
            instructions.push(token::create_lmr_account(&agent.operator(), &one.owner));
        }
    }
    instructions.push(build::settle_shard(&address, &view.job.treasury, shard, &assigned));
    match agent.sender.send_unless(is_settled, &instructions, &[]).await {
        Ok(sent) => {
            if matches!(sent, Sent::Landed(_)) {
                agent.events.emit(&Event::Settled {
                    job: address,
                    shard,
                    signature: signature(&sent),
                });
            }
            done(agent, address, shard).await
        }
        Err(error) if refused(&error, &[TasksError::NotSettleable, TasksError::ChallengeOpen]) => {
            Err(StepError::TooEarly)
        }
        Err(error) => Err(error.into()),
    }
}

async fn expire(agent: &Agent, name: ShardName) -> Result<Done, StepError> {
    let Some(found) = assignment(agent, &name).await? else {
        return done(agent, name.job, name.shard).await;
    };
    let view = job(agent, &name.job).await?;
    let is_gone = || async {
        let now = assignment(agent, &name).await?;
        Ok(now.is_none_or(|now| !is_same(&now, &found) || !now.is_live()))
    };
    let state = view.shard(name.shard).ok_or(StepError::Pointless)?;
    let instruction = build::expire_assignment(replica(&name), state, &found.node);
    match agent.sender.send_unless(is_gone, &[instruction], &[]).await {
        Ok(sent) => {
            if let Sent::Landed(landed) = sent {
                let signature = landed.signature.to_string();
                agent.events.emit(&Event::Expired {
                    shard: name,
                    late: found.node,
                    signature,
                });
            }
            done(agent, name.job, name.shard).await
        }
        Err(error) if refused(&error, &[TasksError::NotExpired, TasksError::WrongState]) => Err(StepError::TooEarly),
        Err(error) => Err(error.into()),
    }
}

/// Whether an account still holds the same assignment of the same node.
fn is_same(now: &Assignment, then: &Assignment) -> bool {
    now.node == then.node && now.claimed_at == then.claimed_at
}

async fn slash(agent: &Agent, name: ShardName) -> Result<Done, StepError> {
    let found = assignment(agent, &name).await?;
    let Some(found) = found.filter(|found| found.is_tombstone() && found.slashed == 0) else {
        return done(agent, name.job, name.shard).await;
    };
    let view = job(agent, &name.job).await?;
    let is_slashed = || async {
        let now = assignment(agent, &name).await?;
        Ok(now.is_none_or(|now| !is_same(&now, &found) || now.slashed != 0))
    };
    let reporter = token::lmr_account(&agent.keys.owner_address);
    let instruction = build::slash_assignment(replica(&name), &found.node, &view.job.client, &reporter);
    let sent = agent.sender.send_unless(is_slashed, &[instruction], &[]).await?;
    if let Sent::Landed(landed) = sent {
        agent.events.emit(&Event::Slashed {
            shard: name,
            slashed: found.node,
            signature: landed.signature.to_string(),
        });
    }
    done(agent, name.job, name.shard).await
}

async fn close(agent: &Agent, name: ShardName) -> Result<Done, StepError> {
    let Some(found) = assignment(agent, &name).await?.filter(Assignment::is_tombstone) else {
        return done(agent, name.job, name.shard).await;
    };
    let is_closed = || async {
        let now = assignment(agent, &name).await?;
        Ok(now.is_none_or(|now| !is_same(&now, &found)))
    };
    let instruction = build::close_assignment(replica(&name), &found.rent_payer);
    match agent.sender.send_unless(is_closed, &[instruction], &[]).await {
        Ok(sent) => {
            if let Sent::Landed(landed) = sent {
                agent.events.emit(&Event::Cleared {
                    shard: name,
                    signature: landed.signature.to_string(),
                });
            }
            done(agent, name.job, name.shard).await
        }
        Err(error) if refused(&error, &[TasksError::TombstoneNeeded]) => Err(StepError::TooEarly),
        Err(error) => Err(error.into()),
    }
}
