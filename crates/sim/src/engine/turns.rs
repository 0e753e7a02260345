//! Nodes that take turns, by the rule of `core::turn`.

use lumora_core::{
    turn::{Open, ROUND, Turns, takes_part},
    units::{Bps, Seconds},
};
use rand::RngExt;

use super::{Claim, Event, Millis, SECOND, ShardId, Simulation};

impl Simulation<'_> {
    pub(super) fn round(&mut self) {
        let start = Seconds((self.now / SECOND) as i64);
        let mut claims: Vec<(Millis, Claim)> = Vec::new();
        let mut absent: Vec<(u32, u16)> = Vec::new();
        for index in self.open.clone() {
            self.round_of(index, start, &mut claims, &mut absent);
        }
        for (at, mut claim) in claims {
            self.compare(&mut claim);
            self.at(at, Event::Send(claim));
        }
        for (node, passed) in absent {
            let state = &mut self.states[node as usize];
            state.in_flight -= passed;
            state.missed = true;
            self.refresh(node);
        }
        self.at(self.now + ROUND.0 as u64 * SECOND, Event::Round);
    }

    /// Hands out a job's replicas, to nodes that are there and to nodes that only seem to be.
    fn round_of(
        &mut self,
        index: u32,
        start: Seconds,
        claims: &mut Vec<(Millis, Claim)>,
        absent: &mut Vec<(u32, u16)>,
    ) {
        let replicas = self.settings.replicas;
        let opening = &self.openings[index as usize];
        let opened_at = Seconds(opening.opened_at);
        let best = self.known.best(&opening.proximity, |_| false);
        if !best.is_some_and(|(score, _)| takes_part(start, opened_at, self.max_wait(), Bps(score))) {
            return;
        }
        let mut turns = Turns::new(opening.visible.iter().filter_map(|shard| {
            let seen = opening.shards[*shard as usize].seen;
            let replica = (0..replicas).find(|replica| seen >> replica & 1 == 0)?;
            Some(Open { shard: *shard, replica })
        }));
        let mut ranking = self.known.ranking(&opening.proximity);
        while !turns.is_over() {
            let opening = &self.openings[index as usize];
            let Some((score, node)) = ranking.advance(&self.known, &self.network, &opening.proximity) else {
                return;
            };
            if !takes_part(start, opened_at, self.max_wait(), Bps(score)) {
                return;
            }
            let state = &self.states[node as usize];
            let is_there = state.awake && !state.gone;
            let room = usize::from(self.known_room(node));
            let holds = |shard: u32| {
                let holders = &opening.shards[shard as usize].holders;
                holders.iter().any(|holder| holder.node == node)
            };
            let falls_to_it = if state.missed {
                turns.offer(room, holds)
            } else {
                turns.take(room, holds)
            };
            self.states[node as usize].in_flight += falls_to_it.len() as u16;
            self.refresh(node);
            if !is_there {
                absent.push((node, falls_to_it.len() as u16));
                continue;
            }
            for Open { shard, replica } in falls_to_it {
                let id = ShardId { opening: index, shard };
                let delay = Millis::from(self.draws.rng.random_range(0..=self.settings.sending_ms));
                claims.push((self.now + delay, Claim::new(node, score, id, replica)));
            }
        }
    }
}
