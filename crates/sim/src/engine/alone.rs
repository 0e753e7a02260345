//! Nodes that look for themselves, as soon as their wait is over.

use lumora_core::{
    score::{claimable_at, jitter_millis},
    units::{Bps, Seconds},
};
use rand::RngExt;

use super::{Claim, Event, SECOND, ShardId, Simulation};
use crate::{idle::Ranking, settings::Policy};

impl Simulation<'_> {
    pub(super) fn await_next(&mut self, index: u32) {
        let opening = &self.openings[index as usize];
        if let Some(ranking) = &opening.ranking
            && let Some((score, _)) = ranking.peek()
            && !opening.visible.is_empty()
        {
            let at = self.entitled_at(opening, score).max(self.now);
            self.at(at, Event::Entitled(index));
        }
    }

    pub(super) fn entitled(&mut self, index: u32) {
        loop {
            let opening = &self.openings[index as usize];
            let Some((score, node)) = opening.ranking.as_ref().and_then(Ranking::peek) else {
                return;
            };
            if opening.visible.is_empty() {
                return;
            }
            if self.entitled_at(opening, score) > self.now {
                break;
            }
            let opening = &mut self.openings[index as usize];
            if let Some(ranking) = &mut opening.ranking {
                ranking.advance(&self.all, &self.network, &opening.proximity);
            }
            self.choose(node, &[(index, score)]);
        }
        self.await_next(index);
    }

    /// A node looks at every opening for which it has waited long enough.
    pub(super) fn seek(&mut self, node: u32) {
        if self.settings.policy == Policy::Turns || self.room(node) == 0 {
            return;
        }
        let drawn = &self.network.nodes[node as usize];
        let mut entitled = Vec::new();
        for index in &self.open {
            let opening = &self.openings[*index as usize];
            let score = drawn.base + opening.proximity[drawn.place as usize];
            if self.entitled_at(opening, score) <= self.now {
                entitled.push((*index, score));
            }
        }
        self.choose(node, &entitled);
    }

    /// Sends as many claims as the node may, on shards of these openings.
    fn choose(&mut self, node: u32, entitled: &[(u32, u16)]) {
        let mut claims = Vec::new();
        for (id, score) in self.pick(node, entitled) {
            let opening = &self.openings[id.opening as usize];
            let jitter = jitter_millis(&opening.slot_hash, &self.network.nodes[node as usize].key, id.shard);
            let at = claimable_at(Seconds(opening.opened_at), self.max_wait(), Bps(score), jitter);
            let seen = opening.shards[id.shard as usize].seen;
            let free: Vec<u8> = (0..self.settings.replicas)
                .filter(|replica| seen >> replica & 1 == 0)
                .collect();
            // Nodes prefer different replicas.
            let Some(replica) = free.get(node as usize % free.len().max(1)) else {
                continue;
            };
            self.states[node as usize].in_flight += 1;
            let at = (at.0 as u64 * SECOND).max(self.now);
            claims.push((at, Claim::new(node, score, id, *replica)));
        }
        self.refresh(node);
        for (at, mut claim) in claims {
            self.compare(&mut claim);
            self.at(at, Event::Send(claim));
        }
    }

    /// Shards to claim, as the policy has it.
    fn pick(&mut self, node: u32, entitled: &[(u32, u16)]) -> Vec<(ShardId, u16)> {
        let in_flight = u32::from(self.states[node as usize].in_flight);
        let most = self
            .settings
            .claims_at_once
            .saturating_sub(in_flight)
            .min(u32::from(self.room(node))) as usize;
        let visible: Vec<usize> = entitled
            .iter()
            .map(|(index, _)| self.openings[*index as usize].visible.len())
            .collect();
        let total: usize = visible.iter().sum();
        let mut picked: Vec<(ShardId, u16)> = Vec::new();
        // A node that meets its own shards only gives up soon.
        for attempt in 0..total.min(4 * most + 8) {
            if picked.len() == most {
                break;
            }
            let mut at = match self.settings.policy {
                Policy::First => attempt,
                Policy::Spread | Policy::Turns => self.draws.rng.random_range(0..total),
            };
            for ((index, score), visible) in entitled.iter().zip(&visible) {
                if at >= *visible {
                    at -= visible;
                    continue;
                }
                let opening = &self.openings[*index as usize];
                let shard = opening.visible[at];
                let id = ShardId { opening: *index, shard };
                let it = &opening.shards[shard as usize];
                let is_own = it.holders.iter().any(|holder| holder.node == node)
                    || it.rivals.iter().any(|(_, rival)| *rival == node)
                    || picked.iter().any(|(other, _)| *other == id);
                if !is_own {
                    picked.push((id, *score));
                }
                break;
            }
        }
        picked
    }
}
