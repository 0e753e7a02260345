//! Does what is due: reads the chain, begins checks, signs, has nodes slashed and accounts closed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use lumora_client::Outcome as Sent;
use lumora_core::{hash::Hash, reason::Reason, units::Seconds, verdict::Finding};
use lumora_interface::{Address, tasks::Verdict as VerdictAccount};
use solana_signer::Signer;
use tokio::{
    task::{AbortHandle, JoinError, JoinSet},
    time::{Instant, sleep, timeout},
};

use super::{
    Desk,
    check::{self, Outcome},
    docket::{Case, Docket, Rejected},
};
use crate::{
    chain::View,
    error::{Error, Result},
    event::Event,
    oracle::Oracle,
};

/// The chain is read at least this often; reveals are heard of before.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What was done or failed, and is due still, is not begun again for so long.
const REST: Duration = Duration::from_secs(10);

/// What was decided is remembered for so many seconds after it could be paid: the chain's clock may seem to go back.
const REMEMBERED: i64 = 600;

/// Something that is due.
enum Duty {
    Check(Case),
    Sign(Case),
    Slash(Rejected),
    Close(Address, VerdictAccount),
}

/// What a duty is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    Check(Hash),
    Sign(Hash),
    Slash(Address),
    Close(Address),
}

impl Duty {
    fn name(&self, view: &View) -> Name {
        match self {
            Self::Check(case) => Name::Check(case.id()),
            // Under another set it is another signature.
            Self::Sign(case) => Name::Sign(case.verdict(view.set.set_version).digest()),
            Self::Slash(rejected) => Name::Slash(rejected.address),
            Self::Close(address, _) => Name::Close(*address),
        }
    }
}

impl Name {
    /// What the turns are taken by.
    fn number(&self) -> u64 {
        let bytes = match self {
            Self::Check(hash) | Self::Sign(hash) => hash,
            Self::Slash(address) | Self::Close(address) => address.as_array(),
        };
        bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    /// What is said when it fails.
    fn what(&self) -> &'static str {
        match self {
            Self::Check(_) => "checking a result",
            Self::Sign(_) => "signing a verdict",
            Self::Slash(_) => "slashing a node for a rejected result",
            Self::Close(_) => "closing the account of a verdict",
        }
    }
}

struct Clerk {
    oracle: Arc<Oracle>,
    desk: Arc<Desk>,
    tasks: JoinSet<(Name, Result<()>)>,
    running: BTreeMap<Name, AbortHandle>,
    resting: BTreeMap<Name, Instant>,
}

/// Works for ever, unless the oracle's state cannot be read or written any more.
pub async fn work(oracle: Arc<Oracle>, desk: Desk) -> Result<()> {
    let mut reveals = oracle.chain.reveals();
    let mut clerk = Clerk {
        oracle,
        desk: Arc::new(desk),
        tasks: JoinSet::new(),
        running: BTreeMap::new(),
        resting: BTreeMap::new(),
    };
    loop {
        match clerk.oracle.chain.docket().await {
            Ok(docket) => clerk.take_up(&docket)?,
            Err(error) => clerk.oracle.trouble(format!("reading what is to be checked: {error}")),
        }
        // However many results are revealed, the chain is not read more often than for the epochs.
        clerk.oracle.pause().await;
        let next = async {
            tokio::select! {
                Some(_) = reveals.recv() => None,
                Some(done) = clerk.tasks.join_next() => Some(done),
                else => None,
            }
        };
        let mut next = timeout(LOOK_EVERY, next).await.unwrap_or(None);
        while let Some(done) = next {
            clerk.finish(done)?;
            next = clerk.tasks.try_join_next();
        }
        while reveals.try_recv().is_ok() {}
    }
}

impl Clerk {
    /// Begins what is due, and ends checks that no longer are.
    fn take_up(&mut self, docket: &Docket) -> Result<()> {
        let view = self.oracle.view();
        let cases = docket.cases(Seconds(view.now));
        let finding = |case: &Case| self.oracle.store.finding(case.closes_at().0, &case.id());
        let due = due(&view, self.oracle.index_in(&view), docket, &cases, finding)?;
        let names: BTreeSet<Name> = due.iter().map(|duty| duty.name(&view)).collect();
        // Others were a quorum, or it is too late: the sites are left alone. What sends transactions finds out by itself.
        for (name, task) in &self.running {
            if matches!(name, Name::Check(_)) && !names.contains(name) {
                task.abort();
            }
        }
        self.resting.retain(|_, until| *until > Instant::now());
        self.desk.visitor.keep_only(&cases);
        let forgotten = view.now.saturating_sub(REMEMBERED);
        self.oracle.store.forget_findings_before(forgotten)?;
        for duty in due {
            let name = duty.name(&view);
            let checking = self
                .running
                .keys()
                .filter(|name| matches!(name, Name::Check(_)))
                .count();
            let is_too_many = matches!(name, Name::Check(_)) && checking >= self.desk.at_once;
            if is_too_many || self.running.contains_key(&name) || self.resting.contains_key(&name) {
                continue;
            }
            let (oracle, desk) = (Arc::clone(&self.oracle), Arc::clone(&self.desk));
            let task = self
                .tasks
                .spawn(async move { (name, carry_out(&oracle, &desk, duty, name).await) });
            self.running.insert(name, task);
        }
        Ok(())
    }

    /// What failed is tried again after a rest; only a state that cannot be used is the end.
    fn finish(&mut self, done: std::result::Result<(Name, Result<()>), JoinError>) -> Result<()> {
        let (name, result) = match done {
            Ok(done) => done,
            Err(error) => {
                if error.is_panic() {
                    self.oracle.trouble(format!("a check broke off: {error}"));
                }
                let resting = Instant::now() + REST;
                for (name, _) in self.running.extract_if(.., |_, task| task.is_finished()) {
                    self.resting.insert(name, resting);
                }
                return Ok(());
            }
        };
        self.running.remove(&name);
        self.resting.insert(name, Instant::now() + REST);
        match result {
            Err(error @ Error::Store { .. }) => Err(error),
            Err(error) => {
                self.oracle.trouble(format!("{}: {error}", name.what()));
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }
}

/// What is due for the oracle on this seat. `finding`: what it decided about a result.
fn due(
    view: &View,
    own: usize,
    docket: &Docket,
    cases: &[Case],
    finding: impl Fn(&Case) -> Result<Option<bool>>,
) -> Result<Vec<Duty>> {
    let mut due = Vec::new();
    // Nobody counts the signature of one that has no seat.
    for case in cases.iter().filter(|_| view.is_judge(own)) {
        match finding(case)? {
            None => due.push(Duty::Check(*case)),
            Some(true) => due.push(Duty::Sign(*case)),
            Some(false) => {}
        }
    }
    if view.turn(own, 0) != u32::MAX {
        due.extend(docket.to_slash().map(Duty::Slash));
        let void = docket.void(Seconds(view.now));
        due.extend(void.map(|(address, verdict)| Duty::Close(address, verdict)));
    }
    Ok(due)
}

async fn carry_out(oracle: &Oracle, desk: &Desk, duty: Duty, name: Name) -> Result<()> {
    match duty {
        Duty::Check(case) => check(oracle, desk, &case).await,
        Duty::Sign(case) => sign(oracle, &case, name).await,
        Duty::Slash(rejected) => slash(oracle, &rejected, name).await,
        Duty::Close(address, verdict) => close(oracle, address, &verdict, name).await,
    }
}

async fn check(oracle: &Oracle, desk: &Desk, case: &Case) -> Result<()> {
    let (job, shard, node) = (case.assignment.job, case.assignment.shard, case.assignment.node);
    let outcome = match check::check(oracle, desk, case).await {
        Ok(outcome) => outcome,
        // Not for good: a manifest may arrive in the store yet.
        Err(why) => {
            let why = why.to_string();
            oracle.tell(Event::CheckFailed { job, shard, node, why });
            return Ok(());
        }
    };
    let is_wrong = outcome == Outcome::Found(Finding::Wrong);
    oracle.store.keep_finding(case.closes_at().0, &case.id(), is_wrong)?;
    oracle.tell(Event::ResultChecked {
        job,
        shard,
        node,
        outcome: outcome.name().to_owned(),
        sentence: outcome.sentence().to_owned(),
    });
    Ok(())
}

async fn sign(oracle: &Oracle, case: &Case, name: Name) -> Result<()> {
    let left = check::time_left(case, Seconds(oracle.view().now));
    sleep(turn(oracle, name).min(left / 8)).await;
    let view = oracle.view();
    let verdict = case.verdict(view.set.set_version);
    let signature = oracle.key.sign_message(&verdict.digest());
    let sent = oracle
        .chain
        .sign_verdict(case, &verdict, signature, oracle.index_in(&view))
        .await?;
    let Sent::Landed(landed) = sent else { return Ok(()) };
    let (job, shard, node) = (case.assignment.job, case.assignment.shard, case.assignment.node);
    oracle.tell(Event::VerdictSigned {
        job,
        shard,
        node,
        reason: verdict.reason,
        sentence: Reason::from_code(verdict.reason)
            .map_or("", Reason::sentence)
            .to_owned(),
        signature: landed.signature.to_string(),
    });
    if !oracle.chain.is_revealed(case).await? {
        oracle.tell(Event::ResultRejected { job, shard, node });
    }
    Ok(())
}

async fn slash(oracle: &Oracle, rejected: &Rejected, name: Name) -> Result<()> {
    sleep(turn(oracle, name)).await;
    let view = oracle.view();
    // The reporter's part pays for the visits. Where the seat has no owner, there may be nobody to receive it.
    let owner = view.set.owners.get(oracle.index_in(&view)).copied().unwrap_or_default();
    let (address, assignment) = (&rejected.address, &rejected.assignment);
    let sent = oracle
        .chain
        .slash_rejected(address, assignment, &rejected.client, &owner)
        .await?;
    if let Sent::Landed(landed) = sent {
        oracle.tell(Event::NodeSlashed {
            job: assignment.job,
            shard: assignment.shard,
            node: assignment.node,
            signature: landed.signature.to_string(),
        });
    }
    Ok(())
}

async fn close(oracle: &Oracle, address: Address, verdict: &VerdictAccount, name: Name) -> Result<()> {
    sleep(turn(oracle, name)).await;
    if let Sent::Landed(landed) = oracle.chain.close_verdict(&address, verdict).await? {
        oracle.tell(Event::VerdictClosed {
            verdict: address,
            signature: landed.signature.to_string(),
        });
    }
    Ok(())
}

/// How long this oracle leaves to those whose turn comes before: two rarely send the same.
fn turn(oracle: &Oracle, name: Name) -> Duration {
    let view = oracle.view();
    oracle.patience(view.turn(oracle.index_in(&view), name.number()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bytemuck::Zeroable;
    use lumora_interface::{
        bandwidth::{OracleSet, member},
        rewards::Emission,
        tasks::{Assignment, assignment_state},
    };

    use super::{
        super::docket::tests::{address, case},
        *,
    };

    /// Two oracles that serve, a third that left.
    fn view() -> View {
        let mut set = OracleSet {
            count: 3,
            minimum_bond: 5,
            ..OracleSet::zeroed()
        };
        for seat in 0..3u8 {
            let index = usize::from(seat);
            set.keys[index] = address(seat + 1);
            (set.states[index], set.bonds[index], set.until[index]) = (member::ACTIVE, 5, u64::MAX);
        }
        set.states[2] = member::REMOVED;
        View {
            now: 124,
            set,
            epochs: BTreeMap::new(),
            emission: Emission::zeroed(),
            looked_at: std::time::Instant::now(),
        }
    }

    /// One result to be checked, one tombstone, one void verdict.
    fn docket() -> Docket {
        let case = case();
        let tombstone = Assignment {
            state: assignment_state::REJECTED,
            reason: 10,
            ..case.assignment
        };
        Docket {
            verdicts: vec![(address(7), VerdictAccount::zeroed())],
            revealed: BTreeMap::from([(case.address, case.assignment)]),
            rejected: BTreeMap::from([(address(8), tombstone)]),
            jobs: BTreeMap::from([(case.assignment.job, case.job)]),
        }
    }

    fn names(view: &View, own: usize, finding: Option<bool>) -> Vec<Name> {
        let docket = docket();
        let cases = docket.cases(Seconds(view.now));
        let due = due(view, own, &docket, &cases, |_| Ok(finding)).unwrap();
        due.iter().map(|duty| duty.name(view)).collect()
    }

    #[test]
    fn what_is_not_decided_is_checked_and_what_is_wrong_is_signed() {
        let (view, case) = (view(), case());
        let housekeeping = [Name::Slash(address(8)), Name::Close(address(7))];
        assert_eq!(names(&view, 0, None)[0], Name::Check(case.id()));
        assert_eq!(names(&view, 0, Some(true))[0], Name::Sign(case.verdict(0).digest()));
        assert_eq!(names(&view, 0, Some(false)), housekeeping);
        assert_eq!(names(&view, 0, None)[1..], housekeeping);
    }

    #[test]
    fn under_another_set_a_verdict_is_signed_anew() {
        let (mut later, first) = (view(), view());
        later.set.set_version += 1;
        assert_ne!(names(&first, 0, Some(true))[0], names(&later, 0, Some(true))[0]);
    }

    #[test]
    fn only_oracles_whose_signature_counts_visit_anything() {
        let checks = |view: &View, own| names(view, own, None).contains(&Name::Check(case().id()));
        let view = view();
        assert!(checks(&view, 0) && checks(&view, 1));
        assert!(names(&view, 2, None).is_empty(), "it left");
        assert!(names(&view, usize::MAX, None).is_empty(), "it never was in the set");
        let mut poor = view.clone();
        poor.set.bonds[0] = 4;
        assert!(!checks(&poor, 0) && checks(&poor, 1));
        let mut new = view;
        (new.set.next_epoch, new.set.since[0]) = (3, 3);
        assert!(!checks(&new, 0) && checks(&new, 1));
    }
}
