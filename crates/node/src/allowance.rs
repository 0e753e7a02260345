//! Keeps to the hours, the volume and the kind of link that the node's owner allows: counts, warns, stops and goes on.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Local};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::{
    agent::Agent,
    config::Limits,
    error::Result,
    event::Event,
    link::{default_interface, metering},
    plan::allowance::{GIGABYTE, Metering, Month, Stop, month, opens_at, warning},
    state::State,
    status::Usage,
};

/// How often limits are looked at, and what was moved is put on disk: so much is forgotten by a kill.
const EVERY: Duration = Duration::from_secs(2);
/// How often it is asked whether the link is metered.
const METERING_EVERY: Duration = Duration::from_secs(60);
/// How often the report is renewed while nothing happens.
const REPORT_EVERY: Duration = Duration::from_secs(15);

/// What the limits say now. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Allowance {
    limits: Arc<Limits>,
    standing: Arc<Mutex<Standing>>,
}

#[derive(Clone, Copy)]
struct Standing {
    month: Month,
    used: u64,
    metered: Option<Metering>,
    stop: Option<Stop>,
}

impl Allowance {
    /// As things stand at Unix time `now`.
    pub async fn new(limits: Limits, now: i64, state: &State) -> Result<Self> {
        let month = month(now, offset(&limits, now), limits.month_begins);
        let mut standing = Standing {
            month,
            used: state.volume(month.first_day)?,
            metered: metered(&limits).await,
            stop: None,
        };
        standing.stop = standing.judge(&limits, now);
        Ok(Self {
            limits: Arc::new(limits),
            standing: Arc::new(Mutex::new(standing)),
        })
    }

    /// Why the node may take no work and not be measured now.
    pub fn stop(&self) -> Option<Stop> {
        self.standing().stop
    }

    /// Adds what was moved to the month's volume.
    pub fn count(&self, agent: &Agent, bytes: u64) -> Result<()> {
        if bytes > 0 {
            agent.state.add_volume(self.standing().month.first_day, bytes)?;
        }
        Ok(())
    }

    fn standing(&self) -> Standing {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn allowed(&self) -> Option<u64> {
        self.limits.monthly_gb.map(|gigabytes| u64::from(gigabytes) * GIGABYTE)
    }

    fn usage(&self, agent: &Agent) -> Usage {
        let standing = self.standing();
        Usage {
            at: agent.clock.now(),
            stop: standing.stop,
            used_bytes: standing.used,
            allowed_bytes: self.allowed(),
            month_ends_at: standing.month.ends_at,
            link: agent.link.view(),
        }
    }
}

impl Standing {
    fn judge(&self, limits: &Limits, now: i64) -> Option<Stop> {
        let allowed = limits.monthly_gb.map(|gigabytes| u64::from(gigabytes) * GIGABYTE);
        if let Some(by) = self.metered {
            return Some(Stop::MeteredLink { by });
        }
        if let Some(allowed) = allowed.filter(|allowed| self.used >= *allowed) {
            return Some(Stop::VolumeUsedUp {
                used: self.used,
                allowed,
                turns_at: self.month.ends_at,
            });
        }
        opens_at(&limits.hours, now, offset(limits, now)).map(|opens_at| Stop::OutsideHours { opens_at })
    }
}

/// Seconds east of Greenwich at Unix time `now`: summer time has its own.
fn offset(limits: &Limits, now: i64) -> i32 {
    let local = || DateTime::from_timestamp(now, 0).map(|at| at.with_timezone(&Local).offset().local_minus_utc());
    match limits.utc_offset {
        Some(offset) => offset.seconds,
        None => local().unwrap_or(0),
    }
}

async fn metered(limits: &Limits) -> Option<Metering> {
    match limits.metered {
        Some(true) => Some(Metering::Configured),
        Some(false) => None,
        None => metering(&limits.interface.clone().or_else(default_interface)?).await,
    }
}

/// Follows the link and the limits, as long as the node runs.
pub(crate) async fn run(agent: Agent) -> Result<()> {
    tokio::select! {
        () = agent.link.follow() => Ok(()),
        result = watch(&agent) => result,
    }
}

async fn watch(agent: &Agent) -> Result<()> {
    let allowance = &agent.allowance;
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut written, mut told) = (0u64, None);
    let (mut asked, mut reported) = (Instant::now(), None::<Instant>);
    loop {
        tick.tick().await;
        let now = agent.clock.now();
        let mut standing = allowance.standing();
        let month = month(now, offset(&allowance.limits, now), allowance.limits.month_begins);
        if month != standing.month {
            standing.used = agent.state.volume(month.first_day)?;
            standing.month = month;
        }
        let (received, sent) = agent.link.moved();
        let moved = received.saturating_add(sent);
        // What a connection had not read when it was closed may be counted a moment later: never less than before.
        let more = moved.saturating_sub(written);
        if more > 0 {
            written = moved;
            let before = standing.used;
            standing.used = agent.state.add_volume(month.first_day, more)?;
            warn(agent, before, &standing);
        }
        if asked.elapsed() >= METERING_EVERY {
            asked = Instant::now();
            standing.metered = metered(&allowance.limits).await;
        }
        standing.stop = standing.judge(&allowance.limits, now);
        *allowance.standing.lock().unwrap_or_else(PoisonError::into_inner) = standing;

        let name = standing.stop.map(|stop| stop.code());
        if name != told {
            agent.events.emit(&match standing.stop {
                Some(stop) => Event::Paused {
                    sentence: stop.sentence(),
                    stop,
                },
                None => Event::Resumed,
            });
        }
        if name != told || reported.is_none_or(|at| at.elapsed() >= REPORT_EVERY) {
            reported = Some(Instant::now());
            let usage = allowance.usage(agent);
            agent.notes.change(|notes| notes.usage = Some(usage));
        }
        told = name;
    }
}

fn warn(agent: &Agent, before: u64, standing: &Standing) {
    let Some(allowed) = agent.allowance.allowed() else {
        return;
    };
    if let Some(percent) = warning(before, standing.used, allowed) {
        agent.events.emit(&Event::VolumeWarning {
            percent,
            used: standing.used,
            allowed,
            turns_at: standing.month.ends_at,
        });
    }
}
