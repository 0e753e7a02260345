//! Claims: who has room, what is sent, what comes first, and who sees it.

use lumora_core::{
    adaptation::Claim as Observation,
    units::{Bps, Seconds},
};
use rand::RngExt;
use rand_distr::Distribution;

use super::{Claim, Event, Holder, Millis, REST, SECOND, ShardId, Simulation};
use crate::figures::Claimed;

/// Whole seconds, as the chain shows them.
fn seconds(millis: Millis) -> Seconds {
    Seconds((millis / SECOND) as i64)
}

impl Simulation<'_> {
    /// Shards that a node may claim now.
    pub(super) fn room(&self, node: u32) -> u16 {
        let state = &self.states[node as usize];
        if !state.awake || state.gone {
            return 0;
        }
        let allowed = self.network.nodes[node as usize].allowed;
        allowed.saturating_sub(state.active + state.in_flight)
    }

    /// The same as others see it, whether it is awake or not.
    pub(super) fn known_room(&self, node: u32) -> u16 {
        let state = &self.states[node as usize];
        let allowed = self.network.nodes[node as usize].allowed;
        allowed.saturating_sub(state.visible + state.in_flight)
    }

    /// Brings the indexes up to date after a node changed.
    pub(super) fn refresh(&mut self, node: u32) {
        let state = &self.states[node as usize];
        let is_there = state.awake && !state.gone;
        let has_room = self.known_room(node) > 0;
        let is_known = has_room && (is_there || !state.missed);
        self.known.set(&self.network, node, is_known);
        self.able.set(&self.network, node, has_room && is_there);
    }

    pub(super) fn send(&mut self, mut claim: Claim) {
        let opening = &mut self.openings[claim.id.opening as usize];
        let it = &mut opening.shards[claim.id.shard as usize];
        if it.seen >> claim.replica & 1 == 1 || !self.states[claim.node as usize].awake {
            self.refused(claim.node);
            return;
        }
        claim.seen = it.seen;
        it.rivals.push((claim.score, claim.node));
        let (from, to) = self.settings.landing_ms;
        let delay = self.draws.rng.random_range(from..=to);
        self.at(self.now + Millis::from(delay), Event::Land(claim));
    }

    pub(super) fn land(&mut self, mut claim: Claim) {
        let (from, to) = self.settings.seeing_ms;
        let seen = self.now + Millis::from(self.draws.rng.random_range(from..=to));
        let work = (self.draws.work.sample(&mut self.draws.rng) * SECOND as f64) as Millis;
        let target = self.openings[claim.id.opening as usize].target;
        let work = work + (self.settings.trips * self.network.round_trip(claim.node, target)) as Millis;
        let opening = &mut self.openings[claim.id.opening as usize];
        let it = &mut opening.shards[claim.id.shard as usize];
        it.rivals.retain(|(_, rival)| *rival != claim.node);
        // The program reads the assignments of the replicas that are taken; a claim built on an older view lacks one.
        if it.taken != claim.seen || it.moved.is_some() {
            self.recorder.wasted(opening.counted);
            self.at(seen, Event::Refused(claim.node));
            return;
        }
        let after = self.now - opening.opened_at as u64 * SECOND;
        let observed = opening.counted.then(|| {
            let held_back = Bps(claim.score).complement().of(u64::from(self.settings.max_wait));
            self.recorder.observe(Observation {
                node: claim.node,
                distance: self.network.distance(claim.node, target),
                waited: seconds(after),
                held_back: Seconds(held_back as i64),
                worked: Some(seconds(work)),
                completed: None,
            })
        });
        it.taken |= 1 << claim.replica;
        it.holders.push(Holder {
            node: claim.node,
            replica: claim.replica,
            since: self.now,
            ready: self.now + work,
            gone: false,
            observed: observed.flatten(),
        });
        for rival in &it.rivals {
            claim.best = claim.best.max(*rival);
        }
        let complete = it.holders.len() == usize::from(self.settings.replicas);
        let ready = it.holders.iter().map(|holder| holder.ready).max().unwrap_or(self.now);
        let any_gone = it.holders.iter().any(|holder| holder.gone);
        if opening.counted {
            self.recorder.claimed(&Claimed {
                after,
                short_by: claim.best.0 - claim.score,
                distance: self.network.distance(claim.node, target).0,
                best_distance: self.network.distance(claim.best.1, target).0,
                round_trip: self.network.round_trip(claim.node, target),
                best_round_trip: self.network.round_trip(claim.best.1, target),
            });
        }
        self.account(claim.node);
        let state = &mut self.states[claim.node as usize];
        state.in_flight -= 1;
        state.active += 1;
        state.visible += 1;
        state.holds.push(claim.id);
        debug_assert!(state.active <= self.network.nodes[claim.node as usize].allowed);
        self.at(seen, Event::Seen(claim.id, claim.replica));
        self.at(seen, Event::Won(claim.node));
        if complete && !any_gone {
            self.at(ready, Event::Settle(claim.id, ready));
        }
    }

    pub(super) fn won(&mut self, node: u32) {
        self.states[node as usize].missed = false;
        self.refresh(node);
        self.seek(node);
    }

    /// A claim failed, or its node saw before sending it that it would.
    pub(super) fn refused(&mut self, node: u32) {
        let state = &mut self.states[node as usize];
        state.in_flight -= 1;
        // A failed transaction is seen as well.
        state.missed = false;
        self.refresh(node);
        self.at(self.now + REST, Event::Seek(node));
    }

    pub(super) fn seen(&mut self, id: ShardId, replica: u8) {
        let all = (1u8 << self.settings.replicas) - 1;
        let it = &mut self.openings[id.opening as usize].shards[id.shard as usize];
        it.seen |= 1 << replica;
        if it.seen == all {
            self.hide(id);
        }
    }

    /// Takes a shard from those that seem open; an opening without any is closed.
    pub(super) fn hide(&mut self, id: ShardId) {
        let opening = &mut self.openings[id.opening as usize];
        if let Ok(position) = opening.visible.binary_search(&id.shard) {
            opening.visible.remove(position);
        }
        if opening.visible.is_empty()
            && let Ok(position) = self.open.binary_search(&id.opening)
        {
            self.open.remove(position);
        }
    }

    /// Notes the best node that could make the claim instead, now that it is decided.
    pub(super) fn compare(&self, claim: &mut Claim) {
        let opening = &self.openings[claim.id.opening as usize];
        let holders = &opening.shards[claim.id.shard as usize].holders;
        let holds = |node: u32| holders.iter().any(|holder| holder.node == node);
        if let Some(best) = self.able.best(&opening.proximity, holds) {
            claim.best = claim.best.max(best);
        }
    }
}
