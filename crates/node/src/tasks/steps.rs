//! Carrying out one step of the plan. Each is safe to repeat: the chain is asked whether it happened already.

use lumora_client::{
    Error as ClientError, Outcome as Sent,
    tasks::{self as build, Assigned, Replica},
    token,
};
use lumora_core::units::Bps;
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
    }
}

/// How an assignment that is gone ended. `taken`: another node works on the replica now.
pub(super) async fn outcome(agent: &Agent, name: &ShardName, taken: bool) -> Result<Outcome> {
    let state = mirror::job(agent, &name.job)
        .await?
        .and_then(|view| view.shard(name.shard));
    Ok(match state {
        None => Outcome::Closed,
        Some(state) if taken || !state.is_settled() => Outcome::Expired,
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
    let replicas = view.as_ref().map_or(0, |view| view.job.replicas);
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
            .is_some_and(|found| found.node == agent.node))
    };
    let instruction = build::claim_shard(&agent.operator(), &agent.node, replica(&name), state);
    let sent = match agent.sender.send_unless(is_ours, &[instruction], &[]).await {
        Ok(sent) => sent,
        Err(error) if refused(&error, &[TasksError::TooEarly]) => return Err(StepError::TooEarly),
        Err(error) => return Err(lost_or_failed(agent, name, error).await?),
    };
    let Some(found) = assignment(agent, &name).await? else {
        return Err(StepError::Pointless);
    };
    let network: Network = agent.connection.fetch(&NETWORK).await?;
    agent.events.emit(&Event::ShardClaimed {
        shard: name,
        score: found.score,
        claimable_at: claimable_at(&network, &agent.node, &view.job, Bps(found.score), name.shard),
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
    ];
    let taken = assignment(agent, &name).await?.is_some();
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
    let arguments = RevealResultArguments {
        result_root: result.result_root,
        sketch: result.sketch,
        records: result.records,
        salt: result.salt,
    };
    let is_revealed = || async {
        let found = assignment(agent, &name).await?;
        // Gone: it was settled in the meantime, so it had been revealed.
        Ok(found.is_none_or(|found| found.node != agent.node || found.state == assignment_state::REVEALED))
    };
    let instruction = build::reveal_result(&agent.operator(), replica(&name), view.job.replicas, &arguments);
    let sent = agent.sender.send_unless(is_revealed, &[instruction], &[]).await?;
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
        Err(error) if refused(&error, &[TasksError::NotSettleable]) => Err(StepError::TooEarly),
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
        Ok(now.is_none_or(|now| now.node != found.node || now.claimed_at != found.claimed_at))
    };
    let instruction = build::expire_assignment(replica(&name), view.job.replicas, &found.node, &found.rent_payer);
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
