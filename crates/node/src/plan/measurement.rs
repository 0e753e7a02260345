//! Which challenger to dial next.

use std::collections::{BTreeMap, BTreeSet};

use lumora_client::rounds;
use lumora_core::hash::sha256;
use lumora_interface::{
    Address,
    bandwidth::{Epoch, OracleSet, epoch_state},
};

use crate::config::Measurement;

/// A measurement takes at most about this long; none is begun later than this before the end of its round, milliseconds.
const TAIL_MILLIS: i64 = 1_500;
/// Times that a challenger is dialled in a round.
pub const ATTEMPTS: u32 = 2;
/// Pause before it is looked again whether an epoch's seed is drawn, milliseconds.
pub const SEED_MILLIS: i64 = 500;
/// Pause before a challenger is dialled again, milliseconds.
pub const RETRY_MILLIS: i64 = 1_000;
/// Shortest pause when it says itself when to come.
const SHORTEST_MILLIS: i64 = 100;

/// The epoch being measured, and who this node is.
#[derive(Clone, Copy)]
pub struct Schedule<'a> {
    /// The oracles.
    pub set: &'a OracleSet,
    /// The latest epoch.
    pub epoch: &'a Epoch,
    /// How measurement is spread over it.
    pub spread: Measurement,
    /// Address of the node's account.
    pub node: &'a Address,
    /// Unix time at which it registered.
    pub registered_at: i64,
}

/// What is known of this epoch's measurements.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Rounds and challengers that are done with.
    pub done: BTreeSet<(u32, Address)>,
    /// Failed attempts, and when (Unix milliseconds) the latest one ended.
    pub failed: BTreeMap<(u32, Address), (u32, i64)>,
    /// Challengers that said when it is this node's turn, and that time, Unix milliseconds.
    pub later: BTreeMap<(u32, Address), i64>,
}

impl Progress {
    /// Takes note that a challenger wants to be dialled again in so many milliseconds.
    pub fn postpone(&mut self, round: u32, oracle: Address, millis: u32, now_millis: i64) {
        let at = now_millis.saturating_add(i64::from(millis).max(SHORTEST_MILLIS));
        self.later.insert((round, oracle), at);
    }

    /// Counts a failed attempt. Whether the challenger is to be dialled again in this round.
    pub fn fail(&mut self, round: u32, oracle: Address, now_millis: i64) -> bool {
        let entry = self.failed.entry((round, oracle)).or_default();
        *entry = (entry.0.saturating_add(1), now_millis);
        entry.0 < ATTEMPTS
    }
}

/// What to do about measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Dial this member of the oracle set.
    Dial {
        /// Round of the epoch.
        round: u32,
        /// Index in the oracle set.
        member: usize,
        /// Its key.
        oracle: Address,
    },
    /// Nothing to do before this time, Unix milliseconds.
    At(i64),
    /// Nothing more to do in this epoch.
    Done,
}

/// The next measurement of this node. `now_millis` is the chain's clock, Unix milliseconds.
///
/// One challenger at a time, in the order of the schedule. Each node begins its round a little later than others, by its
/// hash, so that not every node dials in the first second; what fails is tried again while the round lasts.
pub fn next(schedule: &Schedule<'_>, progress: &Progress, now_millis: i64) -> Next {
    let Schedule {
        set,
        epoch,
        spread,
        node,
        registered_at,
    } = *schedule;
    if epoch.state != epoch_state::OPEN || !rounds::takes_part(epoch, registered_at) {
        return Next::Done;
    }
    if !epoch.is_drawn() {
        let is_running = now_millis < epoch.ends_at.saturating_mul(1_000);
        return if is_running {
            Next::At(now_millis.saturating_add(SEED_MILLIS))
        } else {
            Next::Done
        };
    }
    for round in 0..spread.rounds_per_epoch {
        let (begin, end) = rounds::window(epoch, round, spread.rounds_per_epoch);
        let (begin, end) = (begin.saturating_mul(1_000), end.saturating_mul(1_000));
        if now_millis > end.saturating_sub(TAIL_MILLIS) {
            continue;
        }
        let begin = begin.saturating_add(stagger(epoch, round, node, end.saturating_sub(begin)));
        if now_millis < begin {
            return Next::At(begin);
        }
        let attempts = |oracle: &Address| progress.failed.get(&(round, *oracle)).copied().unwrap_or_default();
        let due = |oracle: &Address| {
            progress
                .later
                .get(&(round, *oracle))
                .copied()
                .filter(|at| *at > now_millis)
        };
        // Who said when to come is dialled then. One that failed comes after those that were not asked yet: it may be down,
        // and waiting for it costs seconds.
        let waiting = rounds::challengers(set, epoch, round, node.as_array(), spread.challengers_per_round)
            .into_iter()
            .filter_map(|member| Some((member, *set.keys.get(member)?)))
            .filter(|(_, oracle)| !progress.done.contains(&(round, *oracle)) && attempts(oracle).0 < ATTEMPTS)
            .min_by_key(|(_, oracle)| (due(oracle), attempts(oracle)));
        match waiting {
            None => continue,
            Some((_, oracle)) if let Some(at) = due(&oracle) => return Next::At(at),
            Some((member, oracle)) => {
                let (failures, at) = attempts(&oracle);
                let again = at.saturating_add(RETRY_MILLIS);
                if failures > 0 && now_millis < again {
                    return Next::At(again);
                }
                return Next::Dial { round, member, oracle };
            }
        }
    }
    Next::Done
}

/// By how much a node begins its round later: up to an eighth of the round, in which nodes of a shared network ask when it is
/// their turn.
fn stagger(epoch: &Epoch, round: u32, node: &Address, length_millis: i64) -> i64 {
    let digest = sha256(&[b"lumora stagger v1", &epoch.seed, &round.to_le_bytes(), node.as_ref()]);
    let part = i64::from(u16::from_le_bytes([digest[0], digest[1]]));
    length_millis.max(0) / 8 * part / i64::from(u16::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bytemuck::Zeroable;
    use proptest::prelude::*;

    use super::*;

    const NODE: Address = Address::new_from_array([77; 32]);
    const SPREAD: Measurement = Measurement {
        rounds_per_epoch: 3,
        challengers_per_round: 2,
    };

    fn set() -> OracleSet {
        let mut set = OracleSet {
            count: 4,
            ..OracleSet::zeroed()
        };
        for index in 0..4u8 {
            set.keys[usize::from(index)] = Address::new_from_array([index + 1; 32]);
        }
        set
    }

    fn epoch(seed: u8) -> Epoch {
        Epoch {
            members: 0b1111,
            starts_at: 1_000,
            ends_at: 1_030,
            seed: [seed; 32],
            epoch: 5,
            ..Epoch::zeroed()
        }
    }

    /// Runs an epoch; `succeeds` says what becomes of each dial. Returns the dials with their times.
    fn run(epoch: &Epoch, start: i64, mut succeeds: impl FnMut(u32) -> bool) -> Vec<(i64, u32, Address, bool)> {
        let set = set();
        let schedule = Schedule {
            set: &set,
            epoch,
            spread: SPREAD,
            node: &NODE,
            registered_at: 0,
        };
        let (mut progress, mut now, mut dials) = (Progress::default(), start, Vec::new());
        for count in 0.. {
            match next(&schedule, &progress, now) {
                Next::Done => return dials,
                Next::At(at) => {
                    assert!(at > now, "waiting until {at} at {now} would spin");
                    now = at;
                }
                Next::Dial { round, oracle, .. } => {
                    let good = succeeds(count);
                    dials.push((now, round, oracle, good));
                    now += 300;
                    if good {
                        progress.done.insert((round, oracle));
                    } else {
                        progress.fail(round, oracle, now);
                    }
                }
            }
        }
        unreachable!("the loop ends with `Done`")
    }

    #[test]
    fn every_round_is_measured_by_its_challengers_once() {
        let epoch = epoch(1);
        let dials = run(&epoch, 0, |_| true);
        assert_eq!(dials.len(), 6);
        for (now, round, oracle, _) in dials {
            let scheduled = rounds::challengers(&set(), &epoch, round, NODE.as_array(), 2);
            assert!(scheduled.iter().any(|member| set().keys[*member] == oracle));
            assert_eq!(rounds::round_at(&epoch, now / 1_000, 3), Some(round));
        }
    }

    #[test]
    fn an_epoch_that_is_attested_or_began_before_the_node_registered_is_left_alone() {
        let (open, set) = (epoch(1), set());
        let attested = Epoch {
            state: epoch_state::ATTESTED,
            ..open
        };
        for (epoch, registered_at) in [(&attested, 0), (&open, open.starts_at)] {
            let schedule = Schedule {
                set: &set,
                epoch,
                spread: SPREAD,
                node: &NODE,
                registered_at,
            };
            assert_eq!(next(&schedule, &Progress::default(), 1_005_000), Next::Done);
        }
    }

    #[test]
    fn nobody_is_dialled_before_the_seed_is_drawn() {
        let (epoch, set) = (epoch(0), set());
        let schedule = Schedule {
            set: &set,
            epoch: &epoch,
            spread: SPREAD,
            node: &NODE,
            registered_at: 0,
        };
        let at = |now| next(&schedule, &Progress::default(), now);
        assert_eq!(at(1_000_000), Next::At(1_000_000 + SEED_MILLIS));
        assert_eq!(at(1_030_000), Next::Done);
    }

    #[test]
    fn a_challenger_is_dialled_when_it_said_and_the_others_meanwhile() {
        let (epoch, set) = (epoch(1), set());
        let schedule = Schedule {
            set: &set,
            epoch: &epoch,
            spread: SPREAD,
            node: &NODE,
            registered_at: 0,
        };
        let now = 1_002_000;
        let mut progress = Progress::default();
        let mut dial = |now: i64, later: &[(Address, u32)]| {
            for (oracle, millis) in later {
                progress.postpone(0, *oracle, *millis, now);
            }
            next(&schedule, &progress, now)
        };
        let Next::Dial { oracle: first, .. } = dial(now, &[]) else {
            panic!("it is time")
        };
        let Next::Dial { oracle: second, .. } = dial(now, &[(first, 3_000)]) else {
            panic!("there is another")
        };
        assert_ne!(first, second);
        assert_eq!(dial(now, &[(second, 1_000)]), Next::At(now + 1_000));
        assert!(matches!(dial(now + 1_000, &[]), Next::Dial { oracle, .. } if oracle == second));
        assert_eq!(dial(now + 1_000, &[(second, 0)]), Next::At(now + 1_100));
        assert!(matches!(dial(now + 3_000, &[(second, 9_000)]), Next::Dial { oracle, .. } if oracle == first));
    }

    proptest! {
        #[test]
        fn whatever_fails_and_whenever_the_node_starts(seed in 1..=u8::MAX, start in 990_000i64..1_035_000, outcomes in any::<u64>()) {
            let epoch = epoch(seed);
            let dials = run(&epoch, start, |count| outcomes >> (count % 64) & 1 == 1);
            for (now, round, oracle, good) in &dials {
                // Only while the round lasts, and never again after success.
                prop_assert_eq!(rounds::round_at(&epoch, now / 1_000, 3), Some(*round));
                let same: Vec<_> = dials.iter().filter(|(_, r, o, _)| r == round && o == oracle).collect();
                prop_assert!(same.len() <= ATTEMPTS as usize);
                prop_assert!(!good || same.iter().filter(|(.., good)| *good).count() == 1);
            }
        }
    }
}
