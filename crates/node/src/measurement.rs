//! Being measured: dials the scheduled challengers, and keeps their receipts.

use std::{
    net::{Ipv6Addr, SocketAddr},
    time::{Duration, Instant},
};

use lumora_client::{rounds, watch};
use lumora_interface::{
    Address,
    bandwidth::{Epoch, ORACLE_SET, OracleSet, epoch_address},
    registry::Node,
};
use lumora_pob::{PobError, Request, SignedReceipt};

use crate::{
    agent::Agent,
    backoff::Backoff,
    error::{Error, Result},
    event::Event,
    plan::measurement::{Next, Progress, Schedule, next},
    status::{Measured, Told},
};

/// Between the pause of fetching and the measurement: what is on its way arrives in this time.
const QUIET: Duration = Duration::from_millis(150);
/// Longest measurement; a challenger that drags it out must not cost the round's others their turn.
const LONGEST: Duration = Duration::from_secs(8);

/// Until it is looked again whether what delays a measurement is over.
const AGAIN: Duration = Duration::from_millis(500);
/// Measurements that are told by `status`.
const REMEMBERED: usize = 5;

/// The epoch being measured and what was done in it.
struct Current {
    set: OracleSet,
    epoch: Epoch,
    progress: Progress,
    /// Unix time at which the node registered.
    registered_at: i64,
    /// The round that was told last to be delayed, and by what.
    delayed: Option<(u32, Told)>,
}

/// Is measured, round after round.
pub(crate) async fn run(agent: Agent) -> Result<()> {
    let mut changes = watch::account::<OracleSet>(&agent.connection, ORACLE_SET);
    let mut current: Option<Current> = None;
    let mut backoff = Backoff::new();
    loop {
        let wait = match turn(&agent, &mut current).await {
            Ok(wait) => {
                backoff.reset();
                wait
            }
            Err(error) => {
                if backoff.is_news(&error) {
                    agent.failed("measurement", &error);
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

/// Looks, and dials at most one challenger. Returns how long nothing is to be done.
async fn turn(agent: &Agent, current: &mut Option<Current>) -> Result<Duration> {
    let poll = Duration::from_secs(agent.config.poll_seconds);
    let set: OracleSet = agent.connection.fetch(&ORACLE_SET).await?;
    let Some(number) = set.next_epoch.checked_sub(1) else {
        return Ok(poll);
    };
    let epoch: Epoch = agent.connection.fetch(&epoch_address(number).0).await?;
    let (progress, registered_at, delayed) = match current.take() {
        Some(before) if before.epoch.epoch == number => (before.progress, before.registered_at, before.delayed),
        _ => {
            agent.clock.look().await?;
            let progress = Progress {
                done: agent.state.measured(number)?,
                ..Progress::default()
            };
            let node: Node = agent.connection.fetch(&agent.node).await?;
            (progress, node.registered_at, None)
        }
    };
    let current = current.insert(Current {
        set,
        epoch,
        progress,
        registered_at,
        delayed,
    });
    let schedule = Schedule {
        set: &current.set,
        epoch: &current.epoch,
        spread: agent.config.measurement,
        node: &agent.node,
        registered_at: current.registered_at,
    };
    match next(&schedule, &current.progress, agent.clock.now_millis()) {
        Next::Dial { round, .. } if delay(agent).is_some() => {
            let delayed = delay(agent).map(|told| (round, told));
            if let Some((round, told)) = delayed.clone().filter(|_| delayed != current.delayed) {
                agent.events.emit(&Event::MeasurementDelayed {
                    epoch: number,
                    round,
                    reason: told.code.clone(),
                    sentence: told.sentence.clone(),
                });
                agent.notes.change(|notes| notes.not_measured = Some(told));
            }
            current.delayed = delayed;
            Ok(AGAIN)
        }
        Next::Dial { round, member, oracle } => {
            agent.notes.change(|notes| notes.not_measured = None);
            dial(agent, current, round, member, oracle).await?;
            Ok(Duration::ZERO)
        }
        Next::At(millis) => {
            let wait = millis
                .saturating_sub(agent.clock.now_millis())
                .clamp(0, 60_000)
                .unsigned_abs();
            Ok(Duration::from_millis(wait).min(poll))
        }
        Next::Done => Ok(poll),
    }
}

/// Why the link is not to be measured now.
fn delay(agent: &Agent) -> Option<Told> {
    if let Some(stop) = agent.allowance.stop() {
        return Some(Told::new(stop.code(), stop.sentence()));
    }
    let used = agent.link.in_use()?;
    // No figure among the words: what is the same reason is told once.
    tracing::debug!(kbps = used, "the owner uses the link");
    Some(Told::new(
        "link_in_use",
        "The owner's own traffic needs the link. The measurement waits for it, as long as its round lasts.".to_owned(),
    ))
}

async fn dial(agent: &Agent, current: &mut Current, round: u32, member: usize, oracle: Address) -> Result<()> {
    let epoch = current.epoch.epoch;
    let target = agent
        .config
        .oracle(&oracle)
        .map_or_else(|| endpoint(&current.set, member), |known| known.measure);
    let request = Request {
        network_id: agent.network_id,
        node: agent.node.to_bytes(),
        epoch,
        round,
        limit_kbps: agent.config.limits.rate_kbps,
        background: agent.link.meter(),
        ..Request::default()
    };
    let (_, end) = rounds::window(&current.epoch, round, agent.config.measurement.rounds_per_epoch);
    let left = end
        .saturating_mul(1_000)
        .saturating_sub(agent.clock.now_millis())
        .max(0)
        .unsigned_abs();
    let longest = LONGEST.min(Duration::from_millis(left));

    let measuring = agent.link.measure();
    tokio::time::sleep(QUIET).await;
    let started = Instant::now();
    let measurement = lumora_pob::measure(target, oracle.to_bytes(), &agent.keys.transport, request);
    let result = tokio::time::timeout(longest, measurement).await;
    drop(measuring);

    let error = match result {
        Ok(Ok(signed)) => {
            agent
                .state
                .keep_measurement(epoch, round, &oracle, Some(&signed.encode()))?;
            current.progress.done.insert((round, oracle));
            let receipt = &signed.receipt;
            agent
                .link
                .on_measurement(receipt.down.kbps, receipt.up.kbps, agent.config.limits.rate_kbps);
            remember(
                agent,
                Measured {
                    epoch,
                    round,
                    oracle,
                    at: agent.clock.now(),
                    down_kbps: receipt.down.kbps,
                    up_kbps: receipt.up.kbps,
                    rtt_us: receipt.min_rtt_us,
                    error: None,
                },
            );
            agent.events.emit(&Event::Measured {
                epoch,
                round,
                oracle,
                down_kbps: receipt.down.kbps,
                up_kbps: receipt.up.kbps,
                rtt_us: receipt.min_rtt_us,
                bytes: receipt.down.counted_bytes.saturating_add(receipt.up.counted_bytes),
                millis: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            });
            return Ok(());
        }
        Ok(Err(PobError::Later { millis })) => {
            current
                .progress
                .postpone(round, oracle, millis, agent.clock.now_millis());
            return Ok(());
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("the measurement was not over after {longest:?}; the link or the challenger is too slow"),
    };
    let again = current.progress.fail(round, oracle, agent.clock.now_millis());
    if !again {
        agent.state.keep_measurement(epoch, round, &oracle, None)?;
    }
    remember(
        agent,
        Measured {
            epoch,
            round,
            oracle,
            at: agent.clock.now(),
            down_kbps: 0,
            up_kbps: 0,
            rtt_us: 0,
            error: Some(error.clone()),
        },
    );
    agent.events.emit(&Event::MeasurementFailed {
        epoch,
        round,
        oracle,
        error,
        again,
    });
    Ok(())
}

/// Keeps it among the latest ones, for `status`.
fn remember(agent: &Agent, measured: Measured) {
    agent.notes.change(|notes| {
        notes.measured.push(measured);
        let old = notes.measured.len().saturating_sub(REMEMBERED);
        notes.measured.drain(..old);
    });
}

/// What one measurement by hand came to, at one oracle.
pub(crate) type Attempt = (Address, Result<SignedReceipt, String>);

/// Asks the oracles one after the other for a measurement in the round that is going on, until one measures.
///
/// `only`: no other oracle. The agent must not run beside this: both together could pass the limit.
pub(crate) async fn by_hand(agent: &Agent, only: Option<Address>) -> Result<(u64, u32, Vec<Attempt>)> {
    let set: OracleSet = agent.connection.fetch(&ORACLE_SET).await?;
    let number = set
        .next_epoch
        .checked_sub(1)
        .ok_or_else(|| Error::NotMeasurable("The network has no epoch yet: nobody measures.".into()))?;
    let epoch: Epoch = agent.connection.fetch(&epoch_address(number).0).await?;
    let now = agent.clock.now();
    let round = rounds::round_at(&epoch, now, agent.config.measurement.rounds_per_epoch).ok_or_else(|| {
        Error::NotMeasurable(format!(
            "Epoch {number} has no round at this time (Unix time {now}): wait for the next one."
        ))
    })?;
    if let Some(told) = delay(agent) {
        return Err(Error::NotMeasurable(told.sentence));
    }
    if let Some(key) = only
        && agent.config.oracle(&key).is_none()
    {
        return Err(Error::UnknownOracle(key));
    }
    let mut attempts = Vec::new();
    for oracle in agent
        .config
        .oracles
        .iter()
        .filter(|oracle| only.is_none_or(|key| key == oracle.key))
    {
        let request = Request {
            network_id: agent.network_id,
            node: agent.node.to_bytes(),
            epoch: number,
            round,
            limit_kbps: agent.config.limits.rate_kbps,
            background: agent.link.meter(),
            ..Request::default()
        };
        let measurement = lumora_pob::measure(oracle.measure, oracle.key.to_bytes(), &agent.keys.transport, request);
        let result = match tokio::time::timeout(LONGEST, measurement).await {
            Ok(result) => result.map_err(|error| error.to_string()),
            Err(_) => Err(format!("it was not over after {LONGEST:?}")),
        };
        if let Ok(signed) = &result {
            agent
                .state
                .keep_measurement(number, round, &oracle.key, Some(&signed.encode()))?;
        }
        let is_measured = result.is_ok();
        attempts.push((oracle.key, result));
        if is_measured {
            break;
        }
    }
    let (received, sent) = agent.link.moved();
    agent.allowance.count(agent, received.saturating_add(sent))?;
    Ok((number, round, attempts))
}

/// Where the chain says that an oracle measures: an IPv6 address (IPv4 mapped) and a port, both big endian.
fn endpoint(set: &OracleSet, member: usize) -> SocketAddr {
    let bytes = set.endpoints.get(member).copied().unwrap_or_default();
    let mut address = [0; 16];
    address.copy_from_slice(&bytes[..16]);
    SocketAddr::new(
        Ipv6Addr::from(address).to_canonical(),
        u16::from_be_bytes([bytes[16], bytes[17]]),
    )
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;

    use super::*;

    #[test]
    fn endpoints_on_chain_are_read_as_their_kind() {
        let mut set = OracleSet::zeroed();
        set.endpoints[1] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 77, 1, 1, 27, 89];
        set.endpoints[2][..2].copy_from_slice(&[0x20, 0x01]);
        assert_eq!(endpoint(&set, 1), SocketAddr::from(([10, 77, 1, 1], 7001)));
        assert!(endpoint(&set, 2).is_ipv6());
    }
}
