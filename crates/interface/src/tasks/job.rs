//! What a client pays for, and the state of each of its shards.

use lumora_core::{
    agreement::Tolerance,
    geo::UnitVector,
    result::WORDS,
    rounds::{Rules, Seat, Shard},
    units::{Bps, Seconds},
};

use crate::{Account, Address};

/// Declares [`Job`].
#[macro_export]
macro_rules! job_account {
    ($(#[$attribute:meta])*) => {
        /// What a client pays for. The account holds these fields and then one byte per shard; see `ShardState`.
        $(#[$attribute])*
        pub struct Job {
            /// Layout version.
            pub version: u8,
            /// Bump of this account's address.
            pub bump: u8,
            /// Bump of the escrow's address.
            pub escrow_bump: u8,
            /// 1 when the client cancelled the job: nothing more can be claimed.
            pub cancelled: u8,
            /// Nodes that each shard needs.
            pub replicas: u8,
            /// Most bits in which the sketches of two agreeing results differ.
            pub tolerance_bits: u8,
            /// Largest difference of the counts of two agreeing results, in basis points of the larger one.
            pub tolerance_count: u16,
            /// Number of shards.
            pub shard_count: u32,
            /// Shards that are settled, with or without a winner.
            pub settled_shards: u32,
            /// Assignments that are worked on or wait for their settlement: each may yet be paid.
            pub live_assignments: u32,
            /// Share of each payment that the protocol keeps, in basis points; fixed at creation.
            pub fee_bps: u16,
            /// Unit vector of where the data lives, components scaled to 32,767.
            pub target: [i16; 3],
            /// Assignments that expired or were rejected, and whose accounts still exist.
            pub tombstones: u32,
            /// Wallet that pays; gets what is left of the escrow, and the rent.
            pub client: Address,
            /// The client's own number of this job; part of its address.
            pub id: u64,
            /// The LMR mint.
            pub lmr_mint: Address,
            /// Token account that receives the protocol's fees; fixed at creation.
            pub treasury: Address,
            /// The network's id, bound into every commitment.
            pub network_id: [u8; 32],
            /// SHA-256 of the manifest: what to fetch and extract.
            pub manifest_hash: [u8; 32],
            /// SHA-256 of the text of the URI where the manifest is.
            pub uri_hash: [u8; 32],
            /// A slot hash from the moment of creation: tells nodes with equal scores apart.
            pub slot_hash: [u8; 32],
            /// Head of the hash chain over all that happened to this job; see `core::log`.
            pub log_head: [u8; 32],
            /// Events in that chain.
            pub log_length: u64,
            /// LMR base units for one replica of one shard, the protocol's fee included.
            pub price: u64,
            /// LMR base units put into escrow.
            pub escrowed: u64,
            /// LMR base units paid to executors.
            pub paid: u64,
            /// LMR base units paid as fees.
            pub fees: u64,
            /// Unix time from which waiting counts.
            pub opened_at: i64,
            /// Unix time from which nothing more can be claimed.
            pub deadline: i64,
            /// Seconds from a claim in which a result must be committed to.
            pub commit_seconds: u32,
            /// Seconds from the last commitment of a shard in which results must be shown.
            pub reveal_seconds: u32,
            /// LMR base units that went back to the client before the end.
            pub refunded: u64,
            /// Seconds from the reveal in which the oracles may reject the only result of a shard; zero if there are more.
            pub challenge_seconds: u32,
            /// Nodes that a shard may have while their results do not agree; zero means as many as `replicas`.
            pub max_replicas: u8,
            /// Room for later fields; zero.
            pub _reserved: [u8; 51],
        }
    };
}

job_account!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
account!(
    Job,
    owner = super::ID,
    discriminator = [75, 124, 80, 203, 161, 180, 202, 80]
);

impl Job {
    /// Bytes of account data of a job with so many shards.
    pub const fn space(shard_count: u32) -> usize {
        <Self as Account>::SPACE + shard_count as usize
    }

    /// Where the data lives, as the rules in `core` take it.
    pub fn target_vector(&self) -> UnitVector {
        let [x, y, z] = self.target;
        UnitVector { x, y, z }
    }

    /// How far results may lie apart and still agree.
    pub fn tolerance(&self) -> Tolerance {
        Tolerance {
            bits: self.tolerance_bits,
            count: Bps(self.tolerance_count),
        }
    }

    /// When a shard may be settled although some of its results are missing: nobody can be at work on it any more.
    ///
    /// The last claim comes before the deadline, its commitment `commit_seconds` later at most. Further words are asked for
    /// by claims alone, so however many there are, all of them can be shown within `reveal_seconds` of that commitment.
    pub fn final_at(&self) -> Seconds {
        let grace = i64::from(self.commit_seconds)
            .saturating_add(i64::from(self.reveal_seconds))
            .saturating_add(i64::from(self.challenge_seconds));
        Seconds(self.deadline.saturating_add(grace))
    }

    /// Longest time for which a node may be at work after its shard's last claim, each word in a round of its own: its bond
    /// must stay for so long.
    pub fn work_seconds(&self) -> Seconds {
        let rounds = i64::from(self.most_replicas().saturating_sub(self.replicas)).saturating_add(1);
        let showing = i64::from(self.reveal_seconds).saturating_mul(rounds);
        Seconds(
            i64::from(self.commit_seconds)
                .saturating_add(showing)
                .saturating_add(i64::from(self.challenge_seconds)),
        )
    }

    /// Whether the job takes no more claims.
    pub fn is_closed_for_claims(&self, now: Seconds) -> bool {
        self.cancelled != 0 || now.0 >= self.deadline
    }

    /// Most nodes of a shard.
    pub fn most_replicas(&self) -> u8 {
        self.max_replicas.max(self.replicas)
    }

    /// Most replicas that a job may name as its maximum: each further one needs a word of its own.
    pub fn replicas_limit(replicas: u8) -> u8 {
        replicas.saturating_add(WORDS as u8 - 1).min(super::MAX_REPLICAS)
    }

    /// A shard with these nodes, as the rules in `core` take it.
    pub fn shard(&self, seats: impl IntoIterator<Item = Seat>) -> Shard {
        let rules = Rules {
            replicas: self.replicas,
            max_replicas: self.most_replicas(),
            tolerance: self.tolerance(),
            reveal_seconds: Seconds(i64::from(self.reveal_seconds)),
        };
        Shard::new(rules, seats)
    }

    /// From when on a shard with these nodes can be settled, if none of them does anything more.
    pub fn settle_from(&self, shard: &Shard) -> Seconds {
        let (from, winners) = [(false, false, i64::MIN), (true, false, self.deadline)]
            .into_iter()
            .find_map(|(is_closed, is_final, from)| Some((from, shard.decision(is_closed, is_final)?)))
            .unwrap_or((self.final_at().0, shard.winners()));
        match winners {
            0 => Seconds(from),
            // Oracles may still challenge what would win.
            _ => Seconds(from.max(shard.shown_at().0.saturating_add(i64::from(self.challenge_seconds)))),
        }
    }

    /// Whether a result that was shown at this time may still be rejected by the oracles.
    pub fn is_challengeable(&self, shown_at: Seconds, now: Seconds) -> bool {
        now.0 < shown_at.0.saturating_add(i64::from(self.challenge_seconds))
    }

    /// LMR base units of the escrow that cannot be spent any more, once no further claims are possible: neither paid out
    /// nor needed for those who may yet win.
    pub fn unspendable(&self) -> Option<u64> {
        let at_stake = self.price.checked_mul(u64::from(self.live_assignments))?;
        let left = self.escrowed.checked_sub(self.paid)?.checked_sub(self.fees)?;
        left.checked_sub(self.refunded)?.checked_sub(at_stake)
    }

    /// The states of the shards, from the data of a job's account.
    pub fn shard_states(data: &[u8]) -> &[u8] {
        data.get(<Self as Account>::SPACE..).unwrap_or_default()
    }
}

/// The state byte of a shard: bits 0 to 6 are its replicas, bit 7 says whether it is settled. Before settlement a
/// replica's bit says that it is assigned; afterwards, that it won and was paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardState(pub u8);

impl ShardState {
    const SETTLED: u8 = 1 << 7;

    /// The state of a shard whose winners are in this bitmap.
    pub const fn settled(winners: u8) -> Self {
        Self(Self::SETTLED | winners)
    }

    /// Whether the shard is settled.
    pub const fn is_settled(self) -> bool {
        self.0 & Self::SETTLED != 0
    }

    /// Bitmap of the replicas that are assigned, or that won.
    pub const fn replicas(self) -> u8 {
        self.0 & !Self::SETTLED
    }

    /// Whether this replica is assigned, or won.
    pub const fn has(self, replica: u8) -> bool {
        replica < super::MAX_REPLICAS && self.0 >> replica & 1 == 1
    }

    /// The same with this replica assigned.
    pub const fn with(self, replica: u8) -> Self {
        Self(self.0 | 1 << replica)
    }

    /// The same with this replica free again.
    pub const fn without(self, replica: u8) -> Self {
        Self(self.0 & !(1 << replica))
    }

    /// The lowest of so many replicas that nobody works on; none of a shard that is settled.
    pub fn first_free(self, replicas: u8) -> Option<u8> {
        (0..replicas).find(|replica| !self.is_settled() && !self.has(*replica))
    }
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;
    use lumora_core::{agreement::Revealed, sketch::Sketch};

    use super::*;

    fn seat(replica: u8, shown: u8, word: u64) -> Seat {
        Seat {
            replica,
            is_committed: true,
            shown,
            commit_deadline: Seconds(50),
            committed_at: Seconds(30),
            shown_at: Seconds(if shown > 0 { 40 + i64::from(replica) } else { 0 }),
            revealed: Revealed {
                sketch: Sketch([word; 4]),
                records: 10,
            },
            ..Seat::default()
        }
    }

    #[test]
    fn a_shard_can_be_settled_from_when_it_says() {
        for (replicas, max_replicas, challenge_seconds) in [(1, 1, 25), (2, 2, 0), (2, 3, 0), (3, 3, 0)] {
            let job = Job {
                replicas,
                max_replicas,
                challenge_seconds,
                deadline: 60,
                commit_seconds: 10,
                reveal_seconds: 15,
                ..Job::zeroed()
            };
            // Each of three nodes is absent, has committed, or has shown one of two words.
            for combination in 0..64 {
                let nodes = (0..replicas).filter_map(|replica| match combination >> (2 * replica) & 3 {
                    0 => None,
                    1 => Some(seat(replica, 0, 0)),
                    2 => Some(seat(replica, 1, 0)),
                    _ => Some(seat(replica, 1, u64::MAX)),
                });
                let shard = job.shard(nodes);
                let from = job.settle_from(&shard);
                for now in (0..150).map(Seconds) {
                    let decision = shard.decision(job.is_closed_for_claims(now), now >= job.final_at());
                    let is_settleable =
                        decision.is_some_and(|winners| winners == 0 || !job.is_challengeable(shard.shown_at(), now));
                    assert_eq!(is_settleable, now >= from, "{now}: {from}, {shard:?}");
                }
            }
        }
    }
}
