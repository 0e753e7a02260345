//! Events in virtual time: jobs open, nodes wait, claim, work, sleep and leave.

mod alone;
mod claims;
mod turns;
mod work;

use std::collections::BinaryHeap;

use lumora_core::{
    adaptation::Figures as Observed,
    geo::UnitVector,
    hash::{Hash, sha256},
    units::{Bps, Seconds},
};
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Exp, LogNormal};
use rand_pcg::Pcg64;

use crate::{
    Error,
    figures::{Figures, Recorder},
    idle::{Idle, Ranking},
    network::Network,
    settings::{Policy, Settings},
};

/// Milliseconds since the beginning.
type Millis = u64;

const SECOND: Millis = 1_000;
const HOUR: f64 = 3_600.0;
/// A simulation that takes so many times as long as the work does is given up: nodes race for shards, or hold shards whose
/// other replicas nobody has room for.
const PATIENCE: f64 = 4.0;
/// A round trip between a node and a site, ms: where the mean time for which a replica is held is guessed at first.
const TYPICAL_TRIP: f64 = 40.0;
/// Pause of a node that looks for itself after it was refused.
const REST: Millis = 2 * SECOND;

/// A shard of an opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ShardId {
    opening: u32,
    shard: u32,
}

#[derive(Debug)]
enum Event {
    /// A client creates a job.
    Job,
    /// A round begins: nodes that take turns send what falls to them.
    Round,
    /// The next nodes of a job's ranking have waited long enough.
    Entitled(u32),
    /// A node sends a claim.
    Send(Claim),
    /// A claim is executed.
    Land(Claim),
    /// Everybody sees that a replica is taken.
    Seen(ShardId, u8),
    /// A node learns that its claim failed.
    Refused(u32),
    /// A node's claim succeeded: it may have use for more shards.
    Won(u32),
    /// A node seeks again after a refusal.
    Seek(u32),
    /// Everybody sees that a node holds one shard less.
    Freed(u32),
    /// The work on a shard is done, unless it was given up since.
    Settle(ShardId, Millis),
    Sleep(u32),
    Wake(u32),
    Leave(u32),
    /// The deadline of a replica whose node left.
    Expire(ShardId, u8),
}

/// A claim under way.
#[derive(Clone, Copy, Debug)]
struct Claim {
    node: u32,
    score: u16,
    id: ShardId,
    replica: u8,
    /// The shard's replicas as the node saw them when it sent the claim.
    seen: u8,
    /// The best node that could have sent the claim instead: score and index.
    best: (u16, u32),
}

impl Claim {
    fn new(node: u32, score: u16, id: ShardId, replica: u8) -> Self {
        Self {
            node,
            score,
            id,
            replica,
            seen: 0,
            best: (score, node),
        }
    }
}

/// A replica that is taken.
#[derive(Clone, Copy, Debug)]
struct Holder {
    node: u32,
    replica: u8,
    since: Millis,
    ready: Millis,
    gone: bool,
    /// The claim among those that are observed.
    observed: Option<usize>,
}

#[derive(Debug, Default)]
struct Shard {
    taken: u8,
    seen: u8,
    holders: Vec<Holder>,
    /// Claims on their way: score and node.
    rivals: Vec<(u16, u32)>,
    /// Where it went when it was opened anew.
    moved: Option<ShardId>,
}

/// Shards that opened together: a job's, or one that was given up.
struct Opening {
    target: UnitVector,
    proximity: Vec<u16>,
    opened_at: i64,
    slot_hash: Hash,
    shards: Vec<Shard>,
    /// Shards that seem to have a free replica, in the common order.
    visible: Vec<u32>,
    /// The nodes that have not waited long enough, where they look for themselves.
    ranking: Option<Ranking>,
    counted: bool,
}

#[derive(Clone, Debug, Default)]
struct State {
    awake: bool,
    gone: bool,
    /// Shards held, as everybody sees.
    visible: u16,
    active: u16,
    /// Shards that it claims now.
    in_flight: u16,
    /// Let its turn pass and was not seen to act since.
    missed: bool,
    holds: Vec<ShardId>,
    /// Awake milliseconds, and shard-milliseconds held in them, up to `accounted`.
    awake_for: u64,
    held_for: u64,
    accounted: Millis,
}

/// An event in the queue: the earliest is the greatest, of equals the one that was queued first.
struct Queued {
    at: Millis,
    number: u64,
    event: Event,
}

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}
impl Eq for Queued {}
impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Queued {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

/// What is drawn while the simulation runs.
struct Draws {
    rng: Pcg64,
    work: LogNormal<f64>,
    awake: Exp<f64>,
    asleep: Exp<f64>,
}

struct Simulation<'a> {
    settings: &'a Settings,
    network: Network,
    draws: Draws,
    now: Millis,
    queue: BinaryHeap<Queued>,
    queued: u64,
    states: Vec<State>,
    openings: Vec<Opening>,
    /// Openings with visible shards, oldest first.
    open: Vec<u32>,
    /// Every node.
    all: Idle,
    /// Nodes with room as far as is known, or that know better themselves.
    known: Idle,
    /// Nodes with room that are awake: any of them could claim.
    able: Idle,
    /// Mean time for which a replica is held, ms.
    mean_hold: f64,
    /// Capacity of the nodes that may work at all.
    capacity: u64,
    opened: u32,
    warm_up: u32,
    give_up_at: Millis,
    recorder: Recorder,
}

/// Runs a simulation to its end.
pub fn simulate(settings: &Settings) -> Result<Figures, Error> {
    Ok(observe(settings)?.0)
}

/// Runs a simulation to its end; with it, what oracles would see of it in the chain's history.
pub fn observe(settings: &Settings) -> Result<(Figures, Observed), Error> {
    settings.check()?;
    let mut rng = Pcg64::seed_from_u64(settings.seed);
    let network = Network::draw(settings, &mut rng)?;
    let work = LogNormal::new(settings.work.0.ln(), settings.work.1)?;
    let (awake, asleep) = settings.awake_asleep;
    let exp =
        |mean: f64| Exp::new(1.0 / (mean * SECOND as f64)).map_err(|error| Error::Distribution(error.to_string()));
    let draws = Draws {
        rng,
        work,
        awake: exp(awake)?,
        asleep: exp(asleep)?,
    };
    let capacity = network
        .nodes
        .iter()
        .filter(|node| node.allowed > 0)
        .map(|node| u64::from(node.capacity))
        .sum();
    if capacity == 0 {
        return Err(Error::Settings("no node may work"));
    }
    let held = settings.utilisation * capacity as f64 / f64::from(settings.replicas);
    let warm_up = (settings.warm_up * held) as u32;
    let mean_hold = 1.5 * (settings.work.0 * SECOND as f64 + settings.trips * TYPICAL_TRIP);
    let turnovers = f64::from(warm_up.saturating_add(settings.shards)) / held;
    let longest_wait = f64::from(settings.max_wait) * SECOND as f64;
    let mut all = Idle::new(&network);
    for node in 0..settings.nodes {
        all.set(&network, node, true);
    }
    let mut simulation = Simulation {
        settings,
        states: vec![State::default(); network.nodes.len()],
        known: Idle::new(&network),
        able: Idle::new(&network),
        all,
        network,
        draws,
        now: 0,
        queue: BinaryHeap::new(),
        queued: 0,
        openings: Vec::new(),
        open: Vec::new(),
        mean_hold,
        capacity,
        opened: 0,
        warm_up,
        give_up_at: (PATIENCE * (turnovers * mean_hold + longest_wait)) as Millis,
        recorder: Recorder::new(settings),
    };
    simulation.start();
    simulation.run();
    Ok(simulation.finish())
}

impl Simulation<'_> {
    fn start(&mut self) {
        let (awake, asleep) = self.settings.awake_asleep;
        let leaving = self.settings.leaving_per_hour / (HOUR * SECOND as f64);
        for node in 0..self.settings.nodes {
            let is_awake = self.draws.rng.random_bool(awake / (awake + asleep));
            self.states[node as usize].awake = is_awake;
            self.refresh(node);
            if is_awake {
                let at = self.draws.awake.sample(&mut self.draws.rng) as Millis;
                self.at(at, Event::Sleep(node));
            } else {
                let at = self.draws.asleep.sample(&mut self.draws.rng) as Millis;
                self.at(at, Event::Wake(node));
            }
            if leaving > 0.0
                && let Ok(leave) = Exp::new(leaving)
            {
                let at = leave.sample(&mut self.draws.rng) as Millis;
                self.at(at, Event::Leave(node));
            }
        }
        self.at(0, Event::Job);
        if self.settings.policy == Policy::Turns {
            self.at(0, Event::Round);
        }
    }

    fn at(&mut self, at: Millis, event: Event) {
        self.queued += 1;
        self.queue.push(Queued {
            at,
            number: self.queued,
            event,
        });
    }

    fn run(&mut self) {
        while let Some(Queued { at, event, .. }) = self.queue.pop() {
            self.now = at;
            match event {
                Event::Job => self.create_job(),
                Event::Round => self.round(),
                Event::Entitled(opening) => self.entitled(opening),
                Event::Send(claim) => self.send(claim),
                Event::Land(claim) => self.land(claim),
                Event::Seen(id, replica) => self.seen(id, replica),
                Event::Refused(node) => self.refused(node),
                Event::Won(node) => self.won(node),
                Event::Seek(node) => self.seek(node),
                Event::Freed(node) => self.freed(node),
                Event::Settle(id, ready) => self.settle(id, ready),
                Event::Sleep(node) => self.sleep(node),
                Event::Wake(node) => self.wake(node),
                Event::Leave(node) => self.leave(node),
                Event::Expire(id, replica) => self.expire(id, replica),
            }
            if self.recorder.is_complete() || self.now > self.give_up_at {
                break;
            }
        }
    }

    fn finish(mut self) -> (Figures, Observed) {
        for node in 0..self.states.len() {
            self.account(node as u32);
        }
        let loads = self
            .network
            .nodes
            .iter()
            .zip(&self.states)
            .filter(|(node, state)| node.allowed > 0 && !state.gone)
            .map(|(node, state)| {
                (
                    state.held_for,
                    state.awake_for * u64::from(node.capacity),
                    node.capacity,
                )
            });
        self.recorder.figures(self.settings, loads)
    }

    fn create_job(&mut self) {
        let (fewest, most) = self.settings.shards_per_job;
        let (low, high) = (f64::from(fewest).ln(), f64::from(most).ln());
        let shards = self.draws.rng.random_range(low..=high).exp().round() as u32;
        let target = self
            .network
            .draw_target(self.settings.hosting_share, &mut self.draws.rng);
        let counted = self.opened >= self.warm_up && self.recorder.expects_more();
        if counted && !self.recorder.has_begun() {
            self.begin_counting();
        }
        if counted {
            self.recorder.expect(u64::from(shards), self.settings.replicas);
        }
        self.opened += shards;
        let shards = (0..shards).map(|_| Shard::default()).collect();
        self.open(target, shards, counted);

        let mean_shards = f64::from(most - fewest) / (high - low);
        let held = self.settings.utilisation * self.capacity as f64 * self.awake_share();
        let jobs_per_millisecond = held / (self.mean_hold * f64::from(self.settings.replicas) * mean_shards);
        if let Ok(gap) = Exp::new(jobs_per_millisecond) {
            let wait = gap.sample(&mut self.draws.rng).round() as Millis;
            self.at(self.now + wait, Event::Job);
        }
    }

    fn awake_share(&self) -> f64 {
        let (awake, asleep) = self.settings.awake_asleep;
        awake / (awake + asleep)
    }

    fn begin_counting(&mut self) {
        self.recorder.begin(self.now);
        for state in &mut self.states {
            state.accounted = self.now;
            state.awake_for = 0;
            state.held_for = 0;
        }
    }

    fn open(&mut self, target: UnitVector, shards: Vec<Shard>, counted: bool) {
        let index = self.openings.len() as u32;
        let proximity = self.network.proximity(target);
        let ranking = (self.settings.policy != Policy::Turns).then(|| self.all.ranking(&proximity));
        self.openings.push(Opening {
            target,
            ranking,
            proximity,
            opened_at: (self.now / SECOND) as i64,
            slot_hash: sha256(&[
                b"lumora sim slot",
                &self.settings.seed.to_le_bytes(),
                &index.to_le_bytes(),
            ]),
            visible: (0..shards.len() as u32).collect(),
            shards,
            counted,
        });
        self.open.push(index);
        self.await_next(index);
    }

    fn max_wait(&self) -> Seconds {
        Seconds(i64::from(self.settings.max_wait))
    }

    /// When a node with this score has waited long enough, but for jitter and rounding.
    fn entitled_at(&self, opening: &Opening, score: u16) -> Millis {
        let wait = Bps(score).complement().of(u64::from(self.settings.max_wait) * SECOND);
        opening.opened_at as u64 * SECOND + wait
    }
}
