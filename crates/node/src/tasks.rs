//! The task loop: keeps a mirror of the chain's jobs and assignments, asks the plan what to do, and carries it out.

mod material;
mod mirror;
mod peers;
mod shard;
mod steps;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use lumora_client::watch::{self, Change};
use lumora_interface::{
    Address,
    tasks::{Assignment, Job, assignment_address},
};
use tokio::{sync::mpsc, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use self::{
    material::Library,
    mirror::Mirror,
    peers::Roll,
    steps::{Done, StepError},
};
use crate::{
    agent::Agent,
    backoff::{self, Backoff},
    error::Result,
    event::{Event, ShardName},
    plan::tasks::{Plan, Ready, Round, Step, World, next_round, plan},
    status::Told,
};

/// Changes that arrive together are looked at together.
const DEBOUNCE: Duration = Duration::from_millis(150);
/// A job whose manifest cannot be used is looked at again after this many seconds.
const UNFIT_SECONDS: i64 = 60;

/// Takes shards and works on them. Dropping it ends every step; transactions on their way are not called back, the next
/// start finds them landed or not.
pub(crate) async fn run(agent: Agent) -> Result<()> {
    let roll = Roll::default();
    tokio::select! {
        done = work(agent.clone(), roll.clone()) => done,
        never = roll.follow(agent) => match never {},
    }
}

async fn work(agent: Agent, roll: Roll) -> Result<()> {
    let mut jobs = watch::accounts::<Job>(&agent.connection, Vec::new());
    let mut assignments = watch::accounts::<Assignment>(&agent.connection, Vec::new());
    let mut worker = Worker::new(agent, roll)?;
    let mut backoff = Backoff::new();
    let poll = Duration::from_secs(worker.agent.config.poll_seconds);
    loop {
        let wait = match worker.turn(poll).await {
            Ok(wait) => {
                backoff.reset();
                wait
            }
            Err(error) => {
                if backoff.is_news(&error) {
                    worker.agent.failed("tasks", &error);
                }
                worker.look_at = Instant::now();
                backoff.next()
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            Some(done) = worker.steps.join_next() => worker.finish(done?),
            Some(change) = jobs.recv() => {
                worker.hear_of_job(change);
                drain(&mut jobs, |change| worker.hear_of_job(change)).await;
            }
            Some(change) = assignments.recv() => {
                worker.hear_of_assignment(change);
                drain(&mut assignments, |change| worker.hear_of_assignment(change)).await;
            }
        }
    }
}

/// Takes what has arrived within a moment.
async fn drain<T>(changes: &mut mpsc::Receiver<T>, mut hear: impl FnMut(T)) {
    tokio::time::sleep(DEBOUNCE).await;
    while let Ok(change) = changes.try_recv() {
        hear(change);
    }
}

/// A shard being worked on or waiting for its settlement.
#[derive(Clone, Copy)]
struct Held {
    name: ShardName,
    claimed_at: i64,
}

struct Worker {
    agent: Agent,
    library: Library,
    mirror: Option<Mirror>,
    roll: Roll,
    round: Round,
    /// When everything is read again.
    look_at: Instant,
    /// Jobs to be read again before that.
    stale_jobs: BTreeSet<Address>,
    results: BTreeMap<Address, Ready>,
    held: BTreeMap<Address, Held>,
    in_flight: BTreeSet<Step>,
    not_before: BTreeMap<Step, i64>,
    failures: BTreeMap<Step, u32>,
    /// Jobs that cannot be worked on, and until when they are not looked at.
    unfit: BTreeMap<Address, i64>,
    runs: BTreeMap<Address, CancellationToken>,
    steps: JoinSet<(Step, Result<Done, StepError>)>,
}

impl Worker {
    /// Goes on with what is on disk.
    fn new(agent: Agent, roll: Roll) -> Result<Self> {
        let mut worker = Self {
            library: Library::new(&agent)?,
            mirror: None,
            roll,
            round: Round::default(),
            look_at: Instant::now(),
            stale_jobs: BTreeSet::new(),
            results: BTreeMap::new(),
            held: BTreeMap::new(),
            in_flight: BTreeSet::new(),
            not_before: BTreeMap::new(),
            failures: BTreeMap::new(),
            unfit: BTreeMap::new(),
            runs: BTreeMap::new(),
            steps: JoinSet::new(),
            agent,
        };
        for (address, result) in worker.agent.state.results()? {
            let name = ShardName {
                job: result.job.into(),
                shard: result.shard,
                replica: result.replica,
            };
            worker.held.insert(
                address,
                Held {
                    name,
                    claimed_at: result.claimed_at,
                },
            );
            worker.results.insert(
                address,
                Ready {
                    claimed_at: result.claimed_at,
                    commitment: result.commitment,
                },
            );
        }
        Ok(worker)
    }

    /// Reads what is to be read, plans, begins the steps. Returns how long nothing is to be done.
    async fn turn(&mut self, poll: Duration) -> Result<Duration> {
        let everything = self.mirror.is_none() || Instant::now() >= self.look_at;
        self.look(everything).await?;
        if everything {
            self.look_at = Instant::now() + poll;
        }
        self.notice_ended().await?;
        let now = self.agent.clock.now();
        self.not_before.retain(|_, at| *at > now);
        self.unfit.retain(|_, until| *until > now);
        let Some(decision) = self.plan(now) else {
            return Ok(Duration::from_secs(1));
        };
        self.agent.notes.change(|notes| {
            notes.no_task = decision
                .no_task
                .map(|reason| Told::new(reason.code(), reason.sentence()));
            notes.open_shards = self.held.values().map(|held| held.name).collect();
        });
        for step in decision.steps {
            self.begin(step);
        }
        let wake_at = decision.wake_at.map_or(i64::MAX, |at| at.saturating_mul(1_000));
        let wait = wake_at
            .saturating_sub(self.agent.clock.now_millis())
            .clamp(20, 3_600_000);
        Ok(Duration::from_millis(wait.unsigned_abs()).min(self.look_at.saturating_duration_since(Instant::now())))
    }

    fn plan(&mut self, now: i64) -> Option<Plan> {
        let mirror = self.mirror.as_ref()?;
        let fit = || mirror.jobs.iter().filter(|(job, _)| !self.unfit.contains_key(*job));
        let jobs = match self.unfit.is_empty() {
            true => Cow::Borrowed(&mirror.jobs),
            false => Cow::Owned(fit().map(|(job, view)| (*job, view.clone())).collect()),
        };
        let world = World {
            now,
            network: &mirror.network,
            address: self.agent.node,
            node: &mirror.node,
            attestation: mirror.attestation.as_ref(),
            jobs: &jobs,
            assignments: &mirror.assignments,
            results: &self.results,
            in_flight: &self.in_flight,
            not_before: &self.not_before,
            shard_limit: self.agent.config.limits.shards,
            stop: self.agent.allowance.stop(),
            round: &self.round,
        };
        let Some(round) = self.roll.look(|peers| next_round(&world, peers)) else {
            return Some(plan(&world));
        };
        let decision = plan(&World { round: &round, ..world });
        self.round = round;
        Some(decision)
    }

    /// Brings the mirror up to date: everything, or the jobs that changed.
    async fn look(&mut self, everything: bool) -> Result<()> {
        if everything {
            self.agent.clock.look().await?;
            self.mirror = Some(Mirror::read(&self.agent).await?);
            self.stale_jobs.clear();
        }
        if let Some(mirror) = &mut self.mirror {
            for job in std::mem::take(&mut self.stale_jobs) {
                mirror.read_job(&self.agent, job).await?;
            }
            for (address, assignment) in mirror.own(&self.agent.node) {
                let name = ShardName {
                    job: assignment.job,
                    shard: assignment.shard,
                    replica: assignment.replica,
                };
                self.held.entry(address).or_insert(Held {
                    name,
                    claimed_at: assignment.claimed_at,
                });
            }
        }
        Ok(())
    }

    fn hear_of_job(&mut self, change: Change<Job>) {
        match change {
            Change::Connected => self.look_at = Instant::now(),
            // The account holds the states of the shards behind what the subscription decodes.
            Change::Account { address, .. } | Change::Closed { address, .. } => {
                self.stale_jobs.insert(address);
            }
        }
    }

    fn hear_of_assignment(&mut self, change: Change<Assignment>) {
        match (change, &mut self.mirror) {
            (Change::Account { address, account, .. }, Some(mirror)) => mirror.put(address, Some(account)),
            (Change::Closed { address, .. }, Some(mirror)) => mirror.put(address, None),
            (Change::Connected, _) | (_, None) => self.look_at = Instant::now(),
        }
    }

    /// Tells how assignments of this node ended, and forgets what was kept for them.
    async fn notice_ended(&mut self) -> Result<()> {
        let Some(mirror) = &self.mirror else { return Ok(()) };
        let is_held = |held: &Held, found: Option<&Assignment>| {
            let is_ours = |found: &Assignment| found.node == self.agent.node && found.claimed_at == held.claimed_at;
            found.is_some_and(|found| found.is_live() && is_ours(found))
        };
        let gone: Vec<(Address, Held)> = self
            .held
            .iter()
            .filter(|(address, held)| !is_held(held, mirror.assignments.get(*address)))
            .map(|(address, held)| (*address, *held))
            .collect();
        let mut ended = Vec::new();
        for (address, held) in gone {
            // An endpoint may lag behind another: what is thrown away here has to be gone for certain.
            let found = self.agent.connection.fetch_optional::<Assignment>(&address).await?;
            if is_held(&held, found.as_ref()) {
                if let Some(mirror) = &mut self.mirror {
                    mirror.put(address, found);
                }
                continue;
            }
            let outcome = steps::outcome(&self.agent, &held.name, found.as_ref()).await?;
            if let Some(mirror) = &mut self.mirror {
                mirror.put(address, found);
            }
            self.agent.events.emit(&Event::AssignmentEnded {
                shard: held.name,
                outcome,
            });
            self.stale_jobs.insert(held.name.job);
            ended.push(address);
        }
        for address in &ended {
            self.held.remove(address);
            self.results.remove(address);
            if let Some(run) = self.runs.remove(address) {
                run.cancel();
            }
            self.library.forget(address);
        }
        self.agent.state.drop_results(&ended)
    }

    fn begin(&mut self, step: Step) {
        if !self.in_flight.insert(step) {
            return;
        }
        let (agent, library) = (self.agent.clone(), self.library.clone());
        let cancelled = CancellationToken::new();
        if let Step::Run(name) = step {
            let address = assignment_address(&name.job, name.shard, name.replica).0;
            self.runs.insert(address, cancelled.clone());
        }
        self.steps.spawn(async move {
            let done = tokio::select! {
                () = cancelled.cancelled() => Err(StepError::Pointless),
                done = steps::carry_out(&agent, &library, step) => done,
            };
            (step, done)
        });
    }

    /// Takes in what a step did.
    fn finish(&mut self, (step, done): (Step, Result<Done, StepError>)) {
        self.in_flight.remove(&step);
        let now = self.agent.clock.now();
        if let Step::Run(name) = step {
            self.runs
                .remove(&assignment_address(&name.job, name.shard, name.replica).0);
        }
        match done {
            Ok(done) => {
                self.failures.remove(&step);
                if let Some(mirror) = &mut self.mirror {
                    mirror.take(done.seen);
                }
                if let Some((address, ready)) = done.ready {
                    self.results.insert(address, ready);
                }
            }
            Err(StepError::Pointless) => {}
            Err(StepError::Lost { reason, seen }) => {
                if let Step::Claim(shard) = step {
                    self.agent.events.emit(&Event::ClaimLost { shard, reason });
                }
                self.not_before.insert(step, now.saturating_add(2));
                if let Some(mirror) = &mut self.mirror {
                    mirror.take(seen);
                }
            }
            Err(StepError::TooEarly) => {
                self.not_before.insert(step, now.saturating_add(1));
            }
            Err(StepError::Unfit { job, error }) => {
                self.agent.failed("reading a job's manifest", &error);
                self.unfit.insert(job, now.saturating_add(UNFIT_SECONDS));
            }
            Err(StepError::Failed(error)) => {
                self.agent.failed(steps::name(&step), &error);
                let failures = self.failures.entry(step).or_default();
                let pause = i64::try_from(backoff::pause(*failures).as_secs()).unwrap_or(30);
                *failures = failures.saturating_add(1);
                self.not_before.insert(step, now.saturating_add(pause));
                if let Step::Claim(ShardName { job, .. })
                | Step::Settle { job, .. }
                | Step::Expire(ShardName { job, .. })
                | Step::Slash(ShardName { job, .. })
                | Step::Close(ShardName { job, .. }) = step
                {
                    self.stale_jobs.insert(job);
                }
            }
        }
    }
}
