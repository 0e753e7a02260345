//! What is due: results to check, verdicts to sign, nodes to slash, accounts to close. From what is on chain alone.

use std::collections::BTreeMap;

use lumora_client::tasks::Replica;
use lumora_core::{
    agreement::{Revealed, Tolerance},
    hash::{Hash, sha256},
    rounds::Standing,
    sketch::Sketch,
    units::Seconds,
    verdict::{self, Verdict},
};
use lumora_interface::{
    Address,
    tasks::{Assignment, ID, Job, Verdict as VerdictAccount, assignment_state},
};

/// A single result that may still be rejected.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Address of the assignment.
    pub address: Address,
    /// The assignment, as it was revealed.
    pub assignment: Assignment,
    /// Its job.
    pub job: Job,
}

impl Case {
    /// The case of an assignment, if its result is complete, and single, and can be rejected at `now`.
    fn of(address: Address, assignment: Assignment, job: Job, now: Seconds) -> Option<Self> {
        let seat = assignment.seat();
        let mut standing = Standing::new(job.replicas);
        standing.add(&seat);
        // A node that came after another shows words that could have been copied before those that count.
        let is_complete = assignment.state == assignment_state::REVEALED && seat.shown >= standing.words_due();
        let is_open = job.replicas == 1 && job.is_challengeable(Seconds(assignment.revealed_at), now);
        (is_complete && is_open).then_some(Self {
            address,
            assignment,
            job,
        })
    }

    /// Tells this result from all others, also from those of nodes that had or will have the same replica.
    pub fn id(&self) -> Hash {
        let assignment = &self.assignment;
        sha256(&[
            self.address.as_ref(),
            assignment.node.as_ref(),
            &assignment.claimed_at.to_le_bytes(),
            &[assignment.shown],
            &assignment.result_root,
        ])
    }

    /// Whether the assignment is still as it was when this result was revealed.
    pub fn is_of(&self, now: &Assignment) -> bool {
        let then = &self.assignment;
        now.state == assignment_state::REVEALED
            && (now.node, now.claimed_at, now.shown) == (then.node, then.claimed_at, then.shown)
    }

    /// The replica.
    pub fn replica(&self) -> Replica {
        Replica {
            job: self.assignment.job,
            shard: self.assignment.shard,
            replica: self.assignment.replica,
        }
    }

    /// When it can no longer be rejected.
    pub fn closes_at(&self) -> Seconds {
        verdict::expires_at(Seconds(self.assignment.revealed_at), self.job.challenge_seconds)
    }

    /// What the node showed last.
    pub fn shown(&self) -> Revealed {
        Revealed {
            sketch: Sketch(self.assignment.sketch),
            records: self.assignment.records,
        }
    }

    /// Which word of the sketch that is, from 0.
    pub fn word(&self) -> usize {
        usize::from(self.assignment.shown.saturating_sub(1))
    }

    /// How far two results may lie apart.
    pub fn tolerance(&self) -> Tolerance {
        self.job.tolerance()
    }

    /// The statement that it must be rejected, the same for all oracles of the set with this version.
    pub fn verdict(&self, set_version: u32) -> Verdict {
        let assignment = &self.assignment;
        Verdict {
            network_id: self.job.network_id,
            program: ID.to_bytes(),
            job: assignment.job.to_bytes(),
            shard: assignment.shard,
            replica: assignment.replica,
            node: assignment.node.to_bytes(),
            result_root: assignment.result_root,
            reason: verdict::reason(&self.shown()) as u8,
            set_version,
            expires_at: self.closes_at().0,
        }
    }
}

/// What was read from the chain. The verdicts first: an assignment that was revealed before its verdict was read and is
/// not when it is read itself, will not be again.
#[derive(Default)]
pub struct Docket {
    /// The verdicts that have no quorum.
    pub verdicts: Vec<(Address, VerdictAccount)>,
    /// The assignments that are revealed.
    pub revealed: BTreeMap<Address, Assignment>,
    /// The assignments that were rejected.
    pub rejected: BTreeMap<Address, Assignment>,
    /// The jobs with one replica.
    pub jobs: BTreeMap<Address, Job>,
}

/// A node to be slashed for a rejected result.
#[derive(Clone, Copy, Debug)]
pub struct Rejected {
    /// Address of the assignment.
    pub address: Address,
    /// What is left of it.
    pub assignment: Assignment,
    /// The job's client, who receives a part.
    pub client: Address,
}

impl Docket {
    /// The results that may still be rejected. Those that can be paid first come first, so that all oracles, if there are
    /// more than they can check, check the same.
    pub fn cases(&self, now: Seconds) -> Vec<Case> {
        let mut cases: Vec<Case> = self
            .revealed
            .iter()
            .filter_map(|(address, assignment)| Case::of(*address, *assignment, *self.jobs.get(&assignment.job)?, now))
            .collect();
        cases.sort_by_key(|case| (case.closes_at(), case.address));
        cases
    }

    /// The nodes that the oracles' verdicts, not other replicas, have to be slashed for.
    pub fn to_slash(&self) -> impl Iterator<Item = Rejected> {
        self.rejected.iter().filter_map(|(address, assignment)| {
            let job = self.jobs.get(&assignment.job)?;
            (assignment.reason != 0 && assignment.slashed == 0).then_some(Rejected {
                address: *address,
                assignment: *assignment,
                client: job.client,
            })
        })
    }

    /// The verdicts that cannot find their quorum any more.
    pub fn void(&self, now: Seconds) -> impl Iterator<Item = (Address, VerdictAccount)> {
        self.verdicts
            .iter()
            .filter(move |(_, verdict)| now.0 > verdict.expires_at || !self.revealed.contains_key(&verdict.assignment))
            .copied()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use bytemuck::Zeroable;

    use super::*;

    pub fn address(seed: u8) -> Address {
        Address::new_from_array([seed; 32])
    }

    /// Shown at 100, can be rejected until 125.
    pub fn case() -> Case {
        let job = Job {
            replicas: 1,
            challenge_seconds: 25,
            client: address(3),
            tolerance_bits: 40,
            tolerance_count: 500,
            ..Job::zeroed()
        };
        let assignment = Assignment {
            state: assignment_state::REVEALED,
            job: address(2),
            node: address(4),
            claimed_at: 80,
            revealed_at: 100,
            shown: 1,
            records: 7,
            result_root: [5; 32],
            ..Assignment::zeroed()
        };
        Case {
            address: address(1),
            assignment,
            job,
        }
    }

    fn docket(case: Case) -> Docket {
        Docket {
            revealed: BTreeMap::from([(case.address, case.assignment)]),
            jobs: BTreeMap::from([(case.assignment.job, case.job)]),
            ..Docket::default()
        }
    }

    fn is_open(change: impl FnOnce(&mut Case), now: i64) -> bool {
        let mut case = case();
        change(&mut case);
        docket(case).cases(Seconds(now)).len() == 1
    }

    #[test]
    fn a_case_is_a_single_result_that_is_complete_and_in_time() {
        assert!(is_open(|_| {}, 124));
        assert!(!is_open(|_| {}, 125), "it can be paid");
        assert!(!is_open(|case| case.job.replicas = 2, 124), "others judge it");
        for state in [
            assignment_state::CLAIMED,
            assignment_state::COMMITTED,
            assignment_state::EXPIRED,
            assignment_state::REJECTED,
        ] {
            assert!(!is_open(|case| case.assignment.state = state, 124), "{state}");
        }
        // One word was shown before it joined: the second one counts.
        assert!(!is_open(|case| case.assignment.joined = 1, 124));
        let second = |case: &mut Case| (case.assignment.joined, case.assignment.shown) = (1, 2);
        assert!(is_open(second, 124));
        let mut orphan = docket(case());
        orphan.jobs.clear();
        assert!(orphan.cases(Seconds(124)).is_empty(), "of a job with more replicas");
    }

    #[test]
    fn what_can_be_paid_first_is_checked_first() {
        let mut docket = docket(case());
        for (seed, revealed_at) in [(11, 110), (12, 90), (10, 110)] {
            let assignment = Assignment {
                revealed_at,
                ..case().assignment
            };
            docket.revealed.insert(address(seed), assignment);
        }
        let order: Vec<Address> = docket.cases(Seconds(111)).iter().map(|case| case.address).collect();
        assert_eq!(order, [12, 1, 10, 11].map(address));
    }

    #[test]
    fn another_result_is_another_case() {
        let base = case();
        let ids: Vec<Hash> = [
            |_: &mut Case| {},
            |case: &mut Case| case.address = address(9),
            |case: &mut Case| case.assignment.node = address(9),
            |case: &mut Case| case.assignment.claimed_at = 9,
            |case: &mut Case| case.assignment.shown = 2,
            |case: &mut Case| case.assignment.result_root = [9; 32],
        ]
        .into_iter()
        .map(|change| {
            let mut case = base;
            change(&mut case);
            case.id()
        })
        .collect();
        for (index, id) in ids.iter().enumerate() {
            assert!(!ids[..index].contains(id), "{index}");
        }
        assert!(base.is_of(&base.assignment));
        for change in [
            |assignment: &mut Assignment| assignment.state = assignment_state::REJECTED,
            |assignment: &mut Assignment| assignment.node = address(9),
            |assignment: &mut Assignment| assignment.claimed_at = 9,
            |assignment: &mut Assignment| assignment.shown = 2,
        ] {
            let mut now = base.assignment;
            change(&mut now);
            assert!(!base.is_of(&now), "{now:?}");
        }
    }

    #[test]
    fn all_oracles_of_a_set_sign_the_same_bytes() {
        let verdict = case().verdict(6);
        assert_eq!((verdict.set_version, verdict.expires_at, verdict.reason), (6, 125, 10));
        assert_eq!((verdict.job, verdict.node), ([2; 32], [4; 32]));
        let mut empty = case();
        empty.assignment.records = 0;
        assert_eq!(empty.verdict(6).reason, 11);
    }

    #[test]
    fn only_nodes_that_oracles_rejected_are_slashed_here_and_once() {
        let tombstone = Assignment {
            state: assignment_state::REJECTED,
            reason: 10,
            ..case().assignment
        };
        let due = |assignment: Assignment| {
            let mut docket = docket(case());
            docket.rejected.insert(address(1), assignment);
            docket.to_slash().count()
        };
        assert_eq!(due(tombstone), 1);
        assert_eq!(
            due(Assignment {
                slashed: 1,
                ..tombstone
            }),
            0
        );
        assert_eq!(due(Assignment { reason: 0, ..tombstone }), 0);
    }

    #[test]
    fn a_verdict_is_void_when_its_result_was_judged_or_can_be_paid() {
        let mut docket = docket(case());
        let verdict = VerdictAccount {
            assignment: address(1),
            expires_at: 125,
            ..VerdictAccount::zeroed()
        };
        docket.verdicts.push((address(7), verdict));
        assert_eq!(docket.void(Seconds(125)).count(), 0);
        assert_eq!(docket.void(Seconds(126)).count(), 1);
        docket.revealed.clear();
        assert_eq!(docket.void(Seconds(125)).count(), 1);
    }
}
