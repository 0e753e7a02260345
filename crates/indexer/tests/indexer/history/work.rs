//! Jobs and the work on them.

use bytemuck::Zeroable as _;
use lumora_core::reason::Reason;
use lumora_interface::{
    Address,
    registry::{self, BondSlashed, Node},
    tasks::{
        self, Assignment, AssignmentExpired, AssignmentSlashed, Job, JobCancelled, JobClosed, JobCreated, JobRefunded,
        ResultCommitted, ResultRejected, ResultRevealed, ShardClaimed, ShardSettled, ShardState, Verdict, Work,
        assignment_state,
    },
};
use rand::{RngExt as _, seq::IndexedRandom as _};

use super::{Author, Draft, JobFacts, Ledger};

const FEE_BPS: u16 = 500;
/// LMR base units that a node loses for an assignment that it did not do.
const PENALTY: u64 = 200_000;

impl Author {
    pub(super) fn create_job(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let client = self.pick_wallet();
        // A client's numbers are few, so that jobs that were closed come again at the same address.
        let id = self.random.random_range(0..6);
        if !ledger.accounts.contains_key(&tasks::job_address(&client, id).0) {
            self.create_job_at(ledger, draft, client, id);
        }
    }

    fn create_job_at(&mut self, ledger: &mut Ledger, draft: &mut Draft, client: Address, id: u64) {
        let (address, bump) = tasks::job_address(&client, id);
        let replicas = self.random.random_range(1..=3);
        let most = replicas + self.random.random_range(0..3);
        let shard_count = self.random.random_range(1..6);
        let price = self.random.random_range(100..1_000_000);
        let job = Job {
            version: 1,
            bump,
            replicas,
            // Zero is how jobs say it that are older than the field.
            max_replicas: if most == replicas { 0 } else { most },
            shard_count,
            fee_bps: FEE_BPS,
            client,
            id,
            manifest_hash: self.random.random(),
            price,
            escrowed: price * u64::from(shard_count) * u64::from(most),
            opened_at: ledger.now(),
            deadline: ledger.now() + self.random.random_range(20..200),
            commit_seconds: 10,
            reveal_seconds: 10,
            challenge_seconds: if replicas == 1 { 10 } else { 0 },
            ..Job::zeroed()
        };
        draft.write(ledger, address, &job, &vec![0; shard_count as usize]);
        draft.event(
            tasks::ID,
            JobCreated {
                version: 1,
                replicas,
                fee_bps: FEE_BPS,
                shard_count,
                job: address,
                client,
                manifest_hash: job.manifest_hash,
                price,
                escrowed: job.escrowed,
                deadline: job.deadline,
            },
        );
        ledger.money.escrows.insert(address, job.escrowed);
        ledger.jobs.insert(
            address,
            JobFacts {
                state: "open",
                max_replicas: most,
                settled: 0,
                live: 0,
                tombstones: 0,
                paid: 0,
                fees: 0,
                refunded: 0,
                closed_at: None,
            },
        );
    }

    /// A job that is created, cancelled and closed in one transaction, and perhaps another one at the same address.
    pub(super) fn jobs_that_come_and_go(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let client = self.pick_wallet();
        let id = self.random.random_range(0..6);
        let address = tasks::job_address(&client, id).0;
        if ledger.accounts.contains_key(&address) {
            return;
        }
        self.create_job_at(ledger, draft, client, id);
        cancel(ledger, draft, address);
        close(ledger, draft, address);
        if self.random.random() {
            self.create_job_at(ledger, draft, client, id);
        }
    }

    pub(super) fn claim_shard(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let now = ledger.now();
        let jobs = ledger.all::<Job>().into_iter();
        let jobs = jobs.filter(|(_, job)| !is_closed_for_claims(job, now)).collect();
        let (Some((address, mut job)), Some((node_address, node))) = (self.pick(jobs), self.pick(ledger.all::<Node>()))
        else {
            return;
        };
        let mut states = shard_states(ledger, &address);
        let shard = self.random.random_range(0..job.shard_count);
        let state = ShardState(states[shard as usize]);
        let seated = live_of(ledger, &address, shard);
        let most = ledger.jobs[&address].max_replicas;
        let is_complete = seated.len() >= usize::from(job.replicas)
            && seated.iter().all(|(_, it)| it.state == assignment_state::REVEALED);
        // A further replica opens when all have shown what they have.
        let slots = (0..most)
            .filter(|replica| state.has(*replica))
            .map(|replica| replica + 1)
            .max();
        let slots = slots.unwrap_or(0).max(job.replicas);
        let free = (0..slots).find(|replica| !state.has(*replica));
        let extra = Some(slots).filter(|slots| is_complete && *slots < most);
        let Some(replica) = free.or(extra).filter(|_| !state.is_settled()) else {
            return;
        };
        let place = tasks::assignment_address(&address, shard, replica).0;
        let former: Option<Assignment> = ledger.get(&place);
        if former.is_some_and(|former| former.slashed == 0 || former.node == node_address) {
            return;
        }
        job.tombstones -= u32::from(former.is_some());
        job.live_assignments += 1;
        states[shard as usize] = state.with(replica).0;
        write_job(ledger, draft, address, &job, &states);
        let assignment = Assignment {
            version: 1,
            state: assignment_state::CLAIMED,
            replica,
            shard,
            job: address,
            node: node_address,
            owner: node.owner,
            operator: node.operator,
            score: self.random.random_range(0..=10_000),
            claimed_at: now,
            commit_deadline: now + 60,
            ..Assignment::zeroed()
        };
        draft.write(ledger, place, &assignment, &[]);
        change_work(ledger, draft, node_address, |work| work.active += 1);
        draft.event(
            tasks::ID,
            ShardClaimed {
                version: 1,
                replica,
                score: assignment.score,
                shard,
                job: address,
                node: node_address,
                claimable_at: now - self.random.random_range(0..400),
                claimed_at: now,
                ..ShardClaimed::zeroed()
            },
        );
        ledger.first_claims.entry((address, shard)).or_insert(now);
    }

    /// A node commits to its result, or shows it.
    pub(super) fn advance(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let waiting = ledger.all::<Assignment>().into_iter();
        let waiting =
            waiting.filter(|(_, it)| matches!(it.state, assignment_state::CLAIMED | assignment_state::COMMITTED));
        let Some((place, mut it)) = self.pick(waiting.collect()) else {
            return;
        };
        if it.state == assignment_state::CLAIMED {
            it.state = assignment_state::COMMITTED;
            it.commitment = self.random.random();
            it.committed_at = ledger.now();
            draft.event(
                tasks::ID,
                ResultCommitted {
                    version: 1,
                    replica: it.replica,
                    shard: it.shard,
                    job: it.job,
                    node: it.node,
                    commitment: it.commitment,
                    ..ResultCommitted::zeroed()
                },
            );
        } else {
            it.state = assignment_state::REVEALED;
            it.result_root = self.random.random();
            it.shown = 1;
            it.revealed_at = ledger.now();
            draft.event(
                tasks::ID,
                ResultRevealed {
                    version: 1,
                    replica: it.replica,
                    shown: it.shown,
                    shard: it.shard,
                    job: it.job,
                    node: it.node,
                    result_root: it.result_root,
                    ..ResultRevealed::zeroed()
                },
            );
        }
        draft.write(ledger, place, &it, &[]);
    }

    pub(super) fn expire(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let live = ledger.all::<Assignment>().into_iter().filter(|(_, it)| is_live(it));
        let Some((place, it)) = self.pick(live.collect()) else {
            return;
        };
        draft.event(
            tasks::ID,
            AssignmentExpired {
                version: 1,
                replica: it.replica,
                state: it.state,
                shard: it.shard,
                job: it.job,
                node: it.node,
                expired_at: ledger.now(),
                ..AssignmentExpired::zeroed()
            },
        );
        give_up(ledger, draft, place, &it, assignment_state::EXPIRED);
        change_work(ledger, draft, it.node, |work| work.expired += 1);
    }

    /// Oracles sign against the only result of a shard; with enough signatures it is rejected.
    pub(super) fn reject(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let shown = ledger.all::<Assignment>().into_iter().filter(|(_, it)| {
            it.state == assignment_state::REVEALED && ledger.get::<Job>(&it.job).is_some_and(|job| job.replicas == 1)
        });
        let Some((place, mut it)) = self.pick(shown.collect()) else {
            return;
        };
        let digest = it.result_root;
        let address = tasks::verdict_address(&digest).0;
        if self.random.random_range(0..3) == 0 {
            let verdict = Verdict {
                version: 1,
                signers: 1,
                digest,
                assignment: place,
                expires_at: ledger.now() + 50,
                ..Verdict::zeroed()
            };
            draft.write(ledger, address, &verdict, &[]);
            return;
        }
        if ledger.accounts.contains_key(&address) {
            draft.close(ledger, address);
        }
        it.reason = *Reason::VERDICTS.choose(&mut self.random).expect("there are reasons") as u8;
        draft.event(
            tasks::ID,
            ResultRejected {
                version: 1,
                replica: it.replica,
                reason: it.reason,
                shard: it.shard,
                job: it.job,
                node: it.node,
                result_root: it.result_root,
                set_version: 1,
                signers: 0b111,
                ..ResultRejected::zeroed()
            },
        );
        give_up(ledger, draft, place, &it, assignment_state::REJECTED);
        change_work(ledger, draft, it.node, |work| work.failed += 1);
        ledger.rejected += 1;
    }

    /// Settles a shard with whoever works on it, or one of a job that takes no more claims with nobody.
    pub(super) fn settle(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let (address, shard) = if self.random.random_range(0..4) == 0 {
            let over = ledger.all::<Job>().into_iter();
            let over = over.filter(|(_, job)| is_closed_for_claims(job, ledger.now()));
            let Some((address, job)) = self.pick(over.collect()) else {
                return;
            };
            (address, self.random.random_range(0..job.shard_count))
        } else {
            let live = ledger.all::<Assignment>().into_iter().filter(|(_, it)| is_live(it));
            let Some((_, it)) = self.pick(live.collect()) else {
                return;
            };
            (it.job, it.shard)
        };
        let mut states = shard_states(ledger, &address);
        if ShardState(states[shard as usize]).is_settled() {
            return;
        }
        let mut job: Job = ledger.get(&address).expect("it was picked");
        let assigned = live_of(ledger, &address, shard);
        let bits = |of: &[(Address, Assignment)]| of.iter().fold(0u8, |bits, (_, it)| bits | 1 << it.replica);
        // Those who have shown agree, or they do not; some of those who have not are late.
        let (shown, behind): (Vec<_>, Vec<_>) = assigned
            .iter()
            .copied()
            .partition(|(_, it)| it.state == assignment_state::REVEALED);
        let (winners, rejected) = match self.random.random_range(0..4) {
            0 => (Vec::new(), Vec::new()),
            1 if shown.len() > 2 => (shown[1..].to_vec(), shown[..1].to_vec()),
            _ => (shown, Vec::new()),
        };
        let expired: Vec<_> = behind.into_iter().filter(|_| self.random.random()).collect();
        let losers = [rejected.as_slice(), &expired].concat();
        // A fee account that was closed receives nothing.
        let paid_each = job.price - job.price * u64::from(FEE_BPS) / 10_000;
        let fee_each = if self.random.random_range(0..8) == 0 {
            0
        } else {
            job.price - paid_each
        };
        let number = winners.len() as u64;
        job.live_assignments -= assigned.len() as u32;
        job.tombstones += losers.len() as u32;
        job.settled_shards += 1;
        job.paid += paid_each * number;
        job.fees += fee_each * number;
        *ledger.money.escrows.get_mut(&address).expect("it has an escrow") -= (paid_each + fee_each) * number;
        ledger.money.to_executors += paid_each * number;
        states[shard as usize] = ShardState::settled(bits(&winners)).0;
        write_job(ledger, draft, address, &job, &states);
        for (place, it) in &assigned {
            let state = if bits(&rejected) >> it.replica & 1 == 1 {
                assignment_state::REJECTED
            } else {
                assignment_state::EXPIRED
            };
            if bits(&losers) >> it.replica & 1 == 1 {
                bury(ledger, draft, *place, it, state);
            } else {
                draft.close(ledger, *place);
            }
            change_work(ledger, draft, it.node, |work| {
                if bits(&losers) >> it.replica & 1 == 0 {
                    work.active -= 1;
                } else if state == assignment_state::REJECTED {
                    work.failed += 1;
                } else {
                    work.expired += 1;
                }
                if bits(&winners) >> it.replica & 1 == 1 {
                    work.completed += 1;
                    work.earned += paid_each;
                }
            });
        }
        draft.event(
            tasks::ID,
            ShardSettled {
                version: 1,
                assigned: bits(&assigned),
                winners: bits(&winners),
                losers: bits(&losers),
                shard,
                job: address,
                paid_each: if winners.is_empty() { 0 } else { paid_each },
                fees: fee_each * number,
                ..ShardSettled::zeroed()
            },
        );
        if let Some(began) = ledger.first_claims.remove(&(address, shard)) {
            ledger.completions.push(ledger.now() - began);
        }
    }

    /// Takes the bond of a node for an assignment that it did not do.
    pub(super) fn slash(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let due = ledger.all::<Assignment>().into_iter();
        let due = due.filter(|(_, it)| !is_live(it) && it.slashed == 0);
        let Some((place, mut it)) = self.pick(due.collect()) else {
            return;
        };
        let mut node: Node = ledger.get(&it.node).expect("nodes are not closed");
        let taken = node.bond.min(PENALTY);
        if taken > 0 {
            node.bond -= taken;
            node.slashed += taken;
            draft.write(ledger, it.node, &node, &[]);
            let [to_reporter, to_injured] = [taken / 10, taken / 2];
            let burned = taken - to_reporter - to_injured;
            let parts = [to_reporter, to_injured, burned];
            for (sum, part) in ledger.money.slashed.iter_mut().zip(parts) {
                *sum += part;
            }
            draft.event(
                registry::ID,
                BondSlashed {
                    version: 1,
                    node: it.node,
                    slasher: self.pick_wallet(),
                    reporter: self.pick_wallet(),
                    injured: self.pick_wallet(),
                    to_reporter,
                    to_injured,
                    burned,
                    bond: node.bond,
                    ..BondSlashed::zeroed()
                },
            );
        }
        it.slashed = 1;
        draft.write(ledger, place, &it, &[]);
        change_work(ledger, draft, it.node, |work| work.active -= 1);
        draft.event(
            tasks::ID,
            AssignmentSlashed {
                version: 1,
                replica: it.replica,
                state: it.state,
                shard: it.shard,
                job: it.job,
                node: it.node,
                owed: PENALTY,
                taken,
                ..AssignmentSlashed::zeroed()
            },
        );
        ledger.slashed_assignments += 1;
    }

    /// Removes what a slashed assignment left behind, where nobody needs it any more. There is no event.
    pub(super) fn close_assignment(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let jobs: Vec<_> = ledger.all::<Job>();
        let Some((address, _)) = self.pick(jobs) else {
            return;
        };
        close_tombstones(ledger, draft, address);
    }

    /// Cancels a job, gives back what it cannot spend any more, or closes it.
    pub(super) fn end_job(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let Some((address, job)) = self.pick(ledger.all::<Job>()) else {
            return;
        };
        let is_over = is_closed_for_claims(&job, ledger.now());
        close_tombstones(ledger, draft, address);
        if is_closable(ledger, address) && self.random.random() {
            close(ledger, draft, address);
        } else if is_over && self.random.random() {
            refund(ledger, draft, address);
        } else if job.cancelled == 0 && self.random.random_range(0..3) == 0 {
            cancel(ledger, draft, address);
        }
    }
}

fn is_live(it: &Assignment) -> bool {
    !matches!(it.state, assignment_state::EXPIRED | assignment_state::REJECTED)
}

fn is_closed_for_claims(job: &Job, now: i64) -> bool {
    job.cancelled == 1 || now >= job.deadline
}

fn shard_states(ledger: &Ledger, job: &Address) -> Vec<u8> {
    Job::shard_states(&ledger.accounts[job].data).to_vec()
}

fn live_of(ledger: &Ledger, job: &Address, shard: u32) -> Vec<(Address, Assignment)> {
    let mut live = ledger.all::<Assignment>();
    live.retain(|(_, it)| is_live(it) && it.job == *job && it.shard == shard);
    live.sort_by_key(|(_, it)| it.replica);
    live
}

/// Writes a job, and what is to be known of it.
fn write_job(ledger: &mut Ledger, draft: &mut Draft, address: Address, job: &Job, states: &[u8]) {
    draft.write(ledger, address, job, states);
    let facts = ledger.jobs.get_mut(&address).expect("it was created");
    *facts = JobFacts {
        state: if job.cancelled == 1 {
            "cancelled"
        } else if job.settled_shards == job.shard_count {
            "settled"
        } else {
            "open"
        },
        settled: job.settled_shards,
        live: job.live_assignments,
        tombstones: job.tombstones,
        paid: job.paid,
        fees: job.fees,
        refunded: job.refunded,
        ..*facts
    };
}

fn change_work(ledger: &mut Ledger, draft: &mut Draft, node: Address, change: impl FnOnce(&mut Work)) {
    let address = tasks::work_address(&node).0;
    let mut work: Work = ledger.get(&address).unwrap_or(Work {
        version: 1,
        node,
        ..Work::zeroed()
    });
    change(&mut work);
    draft.write(ledger, address, &work, &[]);
}

/// Leaves a tombstone of an assignment.
fn bury(ledger: &mut Ledger, draft: &mut Draft, place: Address, it: &Assignment, state: u8) {
    let ended = Assignment {
        state,
        ended_at: ledger.now(),
        ..*it
    };
    draft.write(ledger, place, &ended, &[]);
}

/// The same for one whose replica is free again.
fn give_up(ledger: &mut Ledger, draft: &mut Draft, place: Address, it: &Assignment, state: u8) {
    bury(ledger, draft, place, it, state);
    let mut job: Job = ledger.get(&it.job).expect("an assignment has a job");
    let mut states = shard_states(ledger, &it.job);
    let shard = it.shard as usize;
    states[shard] = ShardState(states[shard]).without(it.replica).0;
    job.live_assignments -= 1;
    job.tombstones += 1;
    write_job(ledger, draft, it.job, &job, &states);
}

fn close_tombstones(ledger: &mut Ledger, draft: &mut Draft, address: Address) {
    let mut job: Job = ledger.get(&address).expect("it was picked");
    let states = shard_states(ledger, &address);
    let is_over = is_closed_for_claims(&job, ledger.now());
    let left = ledger.all::<Assignment>().into_iter().filter(|(_, it)| {
        it.job == address && it.slashed == 1 && (is_over || ShardState(states[it.shard as usize]).is_settled())
    });
    for (place, _) in left.collect::<Vec<_>>() {
        draft.close(ledger, place);
        job.tombstones -= 1;
    }
    write_job(ledger, draft, address, &job, &states);
}

fn cancel(ledger: &mut Ledger, draft: &mut Draft, address: Address) {
    let mut job: Job = ledger.get(&address).expect("it was picked");
    job.cancelled = 1;
    job.deadline = job.deadline.min(ledger.now());
    let states = shard_states(ledger, &address);
    write_job(ledger, draft, address, &job, &states);
    draft.event(
        tasks::ID,
        JobCancelled {
            version: 1,
            settled_shards: job.settled_shards,
            job: address,
            ..JobCancelled::zeroed()
        },
    );
}

/// Gives back what is in the escrow beyond what those at work may still earn.
fn refund(ledger: &mut Ledger, draft: &mut Draft, address: Address) {
    let mut job: Job = ledger.get(&address).expect("it was picked");
    let escrow = ledger.money.escrows.get_mut(&address).expect("it has an escrow");
    let amount = *escrow - job.price * u64::from(job.live_assignments);
    if amount == 0 {
        return;
    }
    *escrow -= amount;
    job.refunded += amount;
    let states = shard_states(ledger, &address);
    write_job(ledger, draft, address, &job, &states);
    draft.event(
        tasks::ID,
        JobRefunded {
            version: 1,
            live_assignments: job.live_assignments,
            job: address,
            amount,
            ..JobRefunded::zeroed()
        },
    );
}

fn is_closable(ledger: &Ledger, address: Address) -> bool {
    let job: Job = ledger.get(&address).expect("it was picked");
    let is_done = job.settled_shards == job.shard_count || ledger.now() >= job.deadline;
    is_done && job.live_assignments == 0 && job.tombstones == 0
}

fn close(ledger: &mut Ledger, draft: &mut Draft, address: Address) {
    let job: Job = ledger.get(&address).expect("it was picked");
    draft.close(ledger, address);
    let refunded = job.refunded + ledger.money.escrows.remove(&address).expect("it has an escrow");
    ledger.money.to_clients += refunded;
    draft.event(
        tasks::ID,
        JobClosed {
            version: 1,
            settled_shards: job.settled_shards,
            job: address,
            escrowed: job.escrowed,
            paid: job.paid,
            fees: job.fees,
            refunded,
            ..JobClosed::zeroed()
        },
    );
    ledger.first_claims.retain(|(claimed, _), _| *claimed != address);
    let now = ledger.now();
    let facts = ledger.jobs.get_mut(&address).expect("it was created");
    facts.state = "closed";
    facts.refunded = refunded;
    facts.closed_at = Some(now);
}
