//! What becomes of nodes and of the shards that they hold.

use lumora_core::turn::LAG;
use rand_distr::Distribution;

use super::{Event, Millis, SECOND, Shard, ShardId, Simulation};

impl Simulation<'_> {
    pub(super) fn settle(&mut self, id: ShardId, ready: Millis) {
        let now = self.now;
        let it = &mut self.openings[id.opening as usize].shards[id.shard as usize];
        let due = it.holders.iter().map(|holder| holder.ready).max();
        if due != Some(ready) || it.holders.iter().any(|holder| holder.gone) {
            return;
        }
        let holders = std::mem::take(&mut it.holders);
        for holder in holders {
            self.recorder.completed(holder.observed, (now - holder.since) / SECOND);
            self.account(holder.node);
            let state = &mut self.states[holder.node as usize];
            state.active -= 1;
            state.holds.retain(|held| *held != id);
            let held_for = (now - holder.since) as f64;
            self.mean_hold += (held_for - self.mean_hold) / 20_000.0;
            self.at(now + LAG.0 as u64 * SECOND, Event::Freed(holder.node));
            self.seek(holder.node);
        }
    }

    pub(super) fn freed(&mut self, node: u32) {
        self.states[node as usize].visible -= 1;
        self.refresh(node);
    }

    /// Brings a node's load up to date.
    pub(super) fn account(&mut self, node: u32) {
        let now = self.now;
        let state = &mut self.states[node as usize];
        let elapsed = now - state.accounted;
        if state.awake && !state.gone {
            state.awake_for += elapsed;
            state.held_for += elapsed * u64::from(state.active);
        }
        state.accounted = now;
    }

    pub(super) fn sleep(&mut self, node: u32) {
        self.account(node);
        self.states[node as usize].awake = false;
        self.refresh(node);
        let asleep = self.draws.asleep.sample(&mut self.draws.rng) as Millis;
        self.at(self.now + asleep, Event::Wake(node));
    }

    pub(super) fn wake(&mut self, node: u32) {
        self.account(node);
        self.states[node as usize].awake = true;
        self.refresh(node);
        let awake = self.draws.awake.sample(&mut self.draws.rng) as Millis;
        self.at(self.now + awake, Event::Sleep(node));
        self.seek(node);
    }

    pub(super) fn leave(&mut self, node: u32) {
        self.account(node);
        self.recorder.left();
        let state = &mut self.states[node as usize];
        state.gone = true;
        let holds = std::mem::take(&mut state.holds);
        self.refresh(node);
        let commit = Millis::from(self.settings.commit_seconds) * SECOND;
        for id in holds {
            let it = &mut self.openings[id.opening as usize].shards[id.shard as usize];
            if let Some(holder) = it.holders.iter_mut().find(|holder| holder.node == node) {
                holder.gone = true;
                let (at, replica) = (holder.since + commit, holder.replica);
                self.at(at.max(self.now), Event::Expire(id, replica));
            }
        }
    }

    /// Anybody takes a shard back from a node that left; it opens anew for the replica that is missing.
    pub(super) fn expire(&mut self, id: ShardId, replica: u8) {
        let opening = &mut self.openings[id.opening as usize];
        let (target, counted) = (opening.target, opening.counted);
        let it = &mut opening.shards[id.shard as usize];
        if let Some(there) = it.moved {
            self.at(self.now, Event::Expire(there, replica));
            return;
        }
        let mut it = std::mem::replace(
            it,
            Shard {
                taken: u8::MAX,
                seen: u8::MAX,
                ..Shard::default()
            },
        );
        it.holders.retain(|holder| holder.replica != replica);
        it.taken &= !(1 << replica);
        it.seen = it.taken;
        it.rivals.clear();
        let there = ShardId {
            opening: self.openings.len() as u32,
            shard: 0,
        };
        for holder in &it.holders {
            for held in &mut self.states[holder.node as usize].holds {
                if *held == id {
                    *held = there;
                }
            }
        }
        self.openings[id.opening as usize].shards[id.shard as usize].moved = Some(there);
        self.hide(id);
        self.recorder.reopened(counted);
        self.open(target, vec![it], counted);
    }
}
