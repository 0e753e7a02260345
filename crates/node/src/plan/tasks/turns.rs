//! What falls to this node: whom a dispatcher would choose, worked out from what is public, by the convention of
//! [`lumora_core::turn`].
//!
//! Every node reckons the same from what everybody has seen. Where views differ none the less, somebody loses a race, and
//! no more: what falls to a node is a hint for its plan, the chain alone decides.
//!
//! What cannot be seen is who sleeps. A node that lets its turn pass is taken for absent until it claims something: what
//! falls to it falls to the next one as well. Only a claim counts: a node that works off what it has commits and reveals,
//! and may yet want nothing more. Nor does the reason count, be it a manifest that cannot be had: one who is taken for
//! absent loses nothing but certainty.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap},
};

use lumora_core::{
    result::WORDS,
    turn::{self, LAG, Open, ROUND, Turns, Vacant},
    units::{Bps, Seconds},
};
use lumora_interface::{
    Address,
    bandwidth::Attestation,
    registry::{Network, Node},
    tasks::{Assignment, Job, MAX_REPLICAS},
};

use super::{JobView, World, claim, is_open};
use crate::event::ShardName;

/// Rounds in a row in which nobody claimed anything of a job although this node could have: then it claims for itself,
/// as if there were no turns. Few enough that no shard waits long for a convention, and more than it takes to pass over
/// a handful of nodes that sleep.
pub(super) const OVERDUE: u32 = 4;

/// From the beginning of a round, how long claims are sent for it. One that is sent later may not be seen by everybody when
/// the next round begins.
const SENDING: Seconds = Seconds(ROUND.0 - LAG.0);

/// For how long after a round it can be told who let a turn pass. What was claimed in it is still there; later it may have
/// been settled and closed.
const MEMORY: Seconds = Seconds(4 * ROUND.0);

/// What the chain says of every node: its account and its latest proven figures, by the address of the node.
#[derive(Clone, Debug, Default)]
pub struct Peers {
    /// Accounts.
    pub nodes: BTreeMap<Address, Node>,
    /// Proven figures.
    pub attestations: BTreeMap<Address, Attestation>,
}

/// Where this node stands in a round that was over before its turn came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behind {
    /// How many are served before it, and one.
    pub rank: u32,
    /// Its score for the job, bp.
    pub score: Bps,
    /// Score of the last one that was served, bp.
    pub served: Bps,
}

/// A round as this node reckons it, and what it remembers of earlier ones.
#[derive(Clone, Debug, Default)]
pub struct Round {
    /// When it began; `None` if there was none yet.
    start: Option<Seconds>,
    /// What this node is to claim.
    ours: Vec<ShardName>,
    /// The first job of which nothing was left for it.
    behind: Option<Behind>,
    /// To whom something fell.
    served: BTreeSet<Address>,
    /// Who let a turn pass, and when the round of it began.
    absent: BTreeMap<Address, Seconds>,
    /// Jobs of which this node could claim something, and for how many rounds before this one nobody did.
    silent: BTreeMap<Address, u32>,
}

impl Round {
    /// When the next round begins.
    pub(super) fn next_start(now: i64) -> i64 {
        turn::round_start(Seconds(now)).0.saturating_add(ROUND.0)
    }

    /// What falls to this node, while it can be claimed in this round.
    pub(super) fn ours(&self, now: i64) -> &[ShardName] {
        let is_running = |start: Seconds| (start.0..start.0.saturating_add(SENDING.0)).contains(&now);
        match self.start {
            Some(start) if is_running(start) => &self.ours,
            _ => &[],
        }
    }

    /// Whether others had so many turns to claim of this job, and did not, that this node need not wait for its own.
    pub(super) fn is_overdue(&self, job: &Address) -> bool {
        self.silent.get(job).is_some_and(|rounds| *rounds >= OVERDUE)
    }

    /// Where this node stands, if others come before it.
    pub(super) fn behind(&self) -> Option<Behind> {
        self.behind
    }
}

/// The round that has begun, unless it is reckoned already or there is no job. `world.round` is the one before.
///
/// A node that has no room reckons as well: else it would not know, once it has, who let a turn pass.
pub fn next(world: &World<'_>, peers: &Peers) -> Option<Round> {
    let start = turn::round_start(Seconds(world.now));
    let jobs = jobs(world, start);
    if world.round.start == Some(start) || jobs.is_empty() {
        return None;
    }
    let known = Known::new(world, &jobs, start);
    let absent = absent(world.round, &known, peers, start);
    let jobs: Vec<Offers<'_>> = jobs
        .into_iter()
        .map(|(address, view)| Offers::new(address, view, &known, start))
        .collect();
    let candidates = match jobs.iter().all(|offers| offers.open.is_empty()) {
        true => Vec::new(),
        false => candidates(world, peers, &known, &absent, start),
    };
    let mut reckoning = Reckoning {
        world,
        start,
        candidates,
        pledged: jobs.iter().map(|offers| offers.pledged).sum(),
        round: Round {
            start: Some(start),
            absent,
            ..Round::default()
        },
    };
    for offers in &jobs {
        reckoning.watch(offers, &known);
        reckoning.hand_out(offers);
    }
    let mut round = reckoning.round;
    if claim::room(world).is_err() {
        // Should it have room in a second, the others will have reckoned without it.
        round.ours.clear();
    }
    Some(round)
}

/// Jobs with something left to do, in the order in which they are served.
fn jobs<'a>(world: &World<'a>, start: Seconds) -> Vec<(Address, &'a JobView)> {
    let mut jobs: Vec<(Address, &JobView)> = world
        .jobs
        .iter()
        .filter(|(_, view)| is_open(&view.job, start.0))
        .map(|(address, view)| (*address, view))
        .collect();
    jobs.sort_by_key(|(address, view)| (view.job.opened_at, *address));
    jobs
}

/// Who let a turn pass in the round before, or earlier, and was not seen to claim since.
fn absent(before: &Round, known: &Known<'_>, peers: &Peers, start: Seconds) -> BTreeMap<Address, Seconds> {
    let passed = before
        .start
        .into_iter()
        .filter(|before| start.0.saturating_sub(before.0) <= MEMORY.0)
        .flat_map(|start| before.served.iter().map(move |node| (*node, start)));
    let mut absent: BTreeMap<Address, Seconds> = passed.collect();
    // Who was absent before has been for longer.
    absent.extend(&before.absent);
    absent.retain(|node, since| {
        let claimed_at = known.claims.get(node);
        peers.nodes.contains_key(node) && claimed_at.is_none_or(|at| *at < since.0.saturating_sub(LAG.0))
    });
    absent
}

/// The assignments as everybody had seen them when the round began: what was claimed later counts as free.
struct Known<'a> {
    /// Shards that each node vouches for.
    held: HashMap<Address, u32>,
    /// When each node claimed last.
    claims: HashMap<Address, i64>,
    /// When something of each job was claimed last, even if not everybody has seen it.
    latest: HashMap<Address, i64>,
    /// By job and shard, with whatever was claimed later.
    shards: HashMap<(Address, u32), Vec<&'a Assignment>>,
}

impl<'a> Known<'a> {
    fn new(world: &World<'a>, jobs: &[(Address, &JobView)], start: Seconds) -> Self {
        let jobs: BTreeSet<Address> = jobs.iter().map(|(address, _)| *address).collect();
        let mut known = Self {
            held: HashMap::new(),
            claims: HashMap::new(),
            latest: HashMap::new(),
            shards: HashMap::new(),
        };
        for assignment in world.assignments.values() {
            let Assignment {
                job, node, claimed_at, ..
            } = *assignment;
            if turn::is_known(start, Seconds(claimed_at)) {
                // For what expired or was rejected the bond stands until the node is slashed.
                let held = known.held.entry(node).or_default();
                *held = held.saturating_add(u32::from(assignment.slashed == 0));
                let latest = known.claims.entry(node).or_insert(claimed_at);
                *latest = claimed_at.max(*latest);
            }
            if jobs.contains(&job) {
                let latest = known.latest.entry(job).or_insert(claimed_at);
                *latest = claimed_at.max(*latest);
                known
                    .shards
                    .entry((job, assignment.shard))
                    .or_default()
                    .push(assignment);
            }
        }
        known
    }
}

/// A node that has room.
struct Candidate<'a> {
    address: Address,
    node: &'a Node,
    attestation: &'a Attestation,
    /// Shards that it may take yet in this round.
    room: u32,
    is_absent: bool,
}

impl Candidate<'_> {
    fn score(&self, network: &Network, job: &Job) -> Bps {
        claim::score(network, self.node, self.attestation, job)
    }
}

/// Every node that has room, as everybody sees it; this one as it knows itself, for it may be registered just now.
fn candidates<'a>(
    world: &World<'a>,
    peers: &'a Peers,
    known: &Known<'_>,
    absent: &BTreeMap<Address, Seconds>,
    start: Seconds,
) -> Vec<Candidate<'a>> {
    let others = peers.attestations.iter().filter_map(|(address, attestation)| {
        let node = peers.nodes.get(address).filter(|_| *address != world.address)?;
        Some((*address, node, attestation))
    });
    let own = world
        .attestation
        .map(|attestation| (world.address, world.node, attestation));
    others
        .chain(own)
        .filter_map(|(address, node, attestation)| {
            let held = known.held.get(&address).copied().unwrap_or(0);
            let allowed = claim::allowed(world.network, node);
            let room = claim::room_of(world.network, node, Some(attestation), held, allowed, start.0).ok()?;
            Some(Candidate {
                address,
                node,
                attestation,
                room,
                is_absent: absent.contains_key(&address),
            })
        })
        .collect()
}

/// A replica that is open in a round.
struct Offer {
    vacant: Vacant,
    /// Since when it has been free.
    since: Seconds,
    /// Owners of the nodes that work on the shard: none may have two replicas.
    owners: Vec<Address>,
    /// Who gave the replica up, and cannot take it again.
    former: Option<Address>,
}

impl Offer {
    /// What is open of a shard, and how many nodes it misses, if somebody works on it.
    fn new(view: &JobView, shard: u32, found: &[&Assignment], start: Seconds) -> (Option<Self>, u64) {
        let state = view.shard(shard).unwrap_or_default();
        let live = |replica: u8| found.iter().find(|held| held.replica == replica && held.is_live());
        let is_complete = (0..MAX_REPLICAS).all(|replica| !state.has(replica) || live(replica).is_some());
        if state.is_settled() || !is_complete {
            return (None, 0);
        }
        let nodes = found
            .iter()
            .filter(|held| held.is_live() && turn::is_known(start, Seconds(held.claimed_at)));
        let seated = view.job.shard(nodes.clone().map(|held| held.seat()));
        let opened_at = Seconds(view.job.opened_at);
        let is_taken = |replica: u8| seated.seats().any(|seat| seat.replica == replica);
        let free = (0..seated.standing().slots())
            .filter(|replica| !is_taken(*replica))
            .map(|replica| (replica, opened_at))
            .chain(
                seated
                    .next_extra()
                    .map(|replica| (replica, opened_at.max(seated.shown_at()))),
            );
        let missing = free.clone().count() as u64;
        let is_begun = nodes.clone().next().is_some();
        let open = free.clone().find_map(|(replica, since)| {
            let former = found.iter().find(|held| held.replica == replica && held.is_tombstone());
            if former.is_some_and(|former| former.slashed == 0) {
                return None;
            }
            let since = since.max(Seconds(former.map_or(i64::MIN, |former| former.ended_at)));
            let shown = former.map_or((0, 0), |former| (former.joined, former.seat().shown));
            let can_be_judged = usize::from(seated.copyable(shown)) < WORDS;
            (can_be_judged && turn::is_known(start, since)).then(|| Self {
                vacant: Vacant {
                    open: Open { shard, replica },
                    needs: if is_begun { 0 } else { missing },
                },
                since,
                owners: nodes.clone().map(|held| held.owner).collect(),
                former: former.map(|former| former.node),
            })
        });
        (open, if is_begun { missing } else { 0 })
    }

    /// Whether a node with this score may not claim it, or not yet.
    fn is_barred(&self, candidate: &Candidate<'_>, score: Bps, start: Seconds, max_wait: Seconds) -> bool {
        self.owners.contains(&candidate.node.owner)
            || self.former == Some(candidate.address)
            || !turn::takes_part(start, self.since, max_wait, score)
    }
}

/// What is open of a job.
struct Offers<'a> {
    job: Address,
    view: &'a JobView,
    /// By shard.
    open: Vec<Offer>,
    /// Nodes that the shards which somebody works on miss.
    pledged: u64,
}

impl<'a> Offers<'a> {
    fn new(job: Address, view: &'a JobView, known: &Known<'_>, start: Seconds) -> Self {
        let mut offers = Self {
            job,
            view,
            open: Vec::new(),
            pledged: 0,
        };
        for (shard, _) in (0u32..).zip(&view.shards) {
            let found = known.shards.get(&(job, shard)).map_or(&[][..], Vec::as_slice);
            let (open, missing) = Offer::new(view, shard, found, start);
            offers.open.extend(open);
            offers.pledged = offers.pledged.saturating_add(missing);
        }
        offers
    }

    fn of(&self, shard: u32) -> Option<&Offer> {
        let index = self
            .open
            .binary_search_by_key(&shard, |offer| offer.vacant.open.shard)
            .ok()?;
        self.open.get(index)
    }

    /// Whether a node may not claim the shard, or not yet.
    fn is_barred(&self, shard: u32, candidate: &Candidate<'_>, score: Bps, start: Seconds, max_wait: Seconds) -> bool {
        self.of(shard)
            .is_none_or(|offer| offer.is_barred(candidate, score, start, max_wait))
    }
}

/// A round in the making.
struct Reckoning<'a, 'w> {
    world: &'a World<'w>,
    start: Seconds,
    candidates: Vec<Candidate<'a>>,
    /// Room that is needed for what was begun, here or in any job.
    pledged: u64,
    round: Round,
}

impl Reckoning<'_, '_> {
    fn max_wait(&self) -> Seconds {
        Seconds(i64::from(self.world.network.max_wait_seconds))
    }

    /// Notes whether this node could claim something of the job, and for how long nobody has.
    fn watch(&mut self, offers: &Offers<'_>, known: &Known<'_>) {
        let Some(own) = self.candidates.last().filter(|own| {
            let is_ours = own.address == self.world.address;
            is_ours && own.room > 0 && !claim::is_client(own.node, &offers.view.job)
        }) else {
            return;
        };
        let score = own.score(self.world.network, &offers.view.job);
        let can_claim = |offer: &Offer| !offer.is_barred(own, score, self.start, self.max_wait());
        if !offers.open.iter().any(can_claim) {
            return;
        }
        let before = self.world.round;
        let is_quiet = |start: Seconds| {
            let latest = known.latest.get(&offers.job);
            latest.is_none_or(|at| *at < start.0.saturating_sub(LAG.0))
        };
        let rounds = match (before.start, before.silent.get(&offers.job)) {
            (Some(start), Some(rounds)) if is_quiet(start) => rounds.saturating_add(1),
            _ => 0,
        };
        self.round.silent.insert(offers.job, rounds);
    }

    /// Lets one node after the other take what it has room for.
    fn hand_out(&mut self, offers: &Offers<'_>) {
        let Some(oldest) = offers.open.iter().map(|offer| offer.since).min() else {
            return;
        };
        let (start, max_wait, network) = (self.start, self.max_wait(), self.world.network);
        let mut room = 0u64;
        let mut ranking = Vec::new();
        for (index, candidate) in self.candidates.iter().enumerate() {
            if candidate.room == 0 || claim::is_client(candidate.node, &offers.view.job) {
                continue;
            }
            let is_ours = candidate.address == self.world.address;
            if !candidate.is_absent || is_ours {
                room = room.saturating_add(u64::from(candidate.room));
            }
            let score = candidate.score(network, &offers.view.job);
            if turn::takes_part(start, oldest, max_wait, score) {
                ranking.push((score, Reverse(candidate.address), index));
            }
        }
        let begun = turn::completable(
            offers.open.iter().map(|offer| offer.vacant),
            room.saturating_sub(self.pledged),
        );
        let begun: Vec<Vacant> = begun.collect();
        let newly_pledged = begun.iter().map(|vacant| vacant.needs).sum();
        self.pledged = self.pledged.saturating_add(newly_pledged);

        let mut turns = Turns::new(begun.into_iter().map(|vacant| vacant.open));
        let ours = ranking
            .iter()
            .copied()
            .find(|(_, Reverse(address), _)| *address == self.world.address);
        let mut ranking = BinaryHeap::from(ranking);
        let mut last = None;
        let mut rank = 0u32;
        while !turns.is_over() {
            let Some((score, _, index)) = ranking.pop() else { return };
            let Some(candidate) = self.candidates.get_mut(index) else {
                continue;
            };
            let barred = |shard: u32| offers.is_barred(shard, candidate, score, start, max_wait);
            let room = usize::try_from(candidate.room).unwrap_or(usize::MAX);
            let falls_to_it = match candidate.is_absent {
                true => turns.offer(room, barred),
                false => turns.take(room, barred),
            };
            rank = rank.saturating_add(1);
            if falls_to_it.is_empty() {
                continue;
            }
            last = Some(score);
            let count = u32::try_from(falls_to_it.len()).unwrap_or(u32::MAX);
            candidate.room = candidate.room.saturating_sub(count);
            if !candidate.is_absent {
                self.pledged = self.pledged.saturating_sub(u64::from(count));
            }
            self.round.served.insert(candidate.address);
            if candidate.address == self.world.address {
                // One claim shows the others that it is there; more would only race with the one that has its turn.
                let passed_over = match candidate.is_absent {
                    true => falls_to_it.len().saturating_sub(1),
                    false => 0,
                };
                let names = falls_to_it
                    .into_iter()
                    .skip(passed_over)
                    .map(|Open { shard, replica }| ShardName {
                        job: offers.job,
                        shard,
                        replica,
                    });
                self.round.ours.extend(names);
            }
        }
        let (Some(ours), Some(served)) = (ours, last) else {
            return;
        };
        let before_us = ranking.iter().filter(|other| **other > ours).count();
        if self.round.behind.is_none() && ranking.iter().any(|other| *other == ours) {
            self.round.behind = Some(Behind {
                rank: rank
                    .saturating_add(u32::try_from(before_us).unwrap_or(u32::MAX))
                    .saturating_add(1),
                score: ours.0,
                served,
            });
        }
    }
}

#[cfg(test)]
mod tests;
