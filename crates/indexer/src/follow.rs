//! Following the chain: list what is new, read it in order, write it; compare with the chain now and then.
//!
//! A subscription only says that something happened. So a socket that drops, a notification that is lost or one that comes
//! twice changes when a round begins, and not what it finds.

use std::{collections::HashMap, sync::Arc, time::Duration};

use lumora_interface::Address;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    catalog::CATALOG,
    chain::{Chain, ChainError, Hint, Listed, Outcome, Transaction},
    error::Result,
    index::{Batch, Index},
    status::Status,
};

/// Transactions that are read and written together.
const BATCH: u32 = 256;
/// Rounds in which a listed transaction may be missing before it counts as lost. Nodes behind one address differ a little
/// in what they have.
const PATIENCE: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How soon after a hint to look a second time: it may come before the node lists what it hints at.
const ECHO: Duration = Duration::from_secs(1);
/// Slots that each comparison lists once more.
const OVERLAP_SLOTS: u64 = 150;
/// Slots after which nothing as old can arrive any more.
const MEMORY_SLOTS: u64 = 10_000;

/// When to look.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Longest time between two looks, should the subscription be silent.
    pub poll: Duration,
    /// Time between two comparisons of all accounts.
    pub reconcile: Duration,
}

/// Follows a chain.
pub struct Follower<C> {
    chain: C,
    index: Index,
    status: Arc<Status>,
    pace: Pace,
    /// Up to which slot all accounts were read, by the latest comparison.
    compared: u64,
    next_comparison: Option<Instant>,
    missing: HashMap<String, u32>,
}

impl<C: Chain> Follower<C> {
    /// Follows `chain` into `index`.
    pub fn new(chain: C, index: Index, status: Arc<Status>, pace: Pace) -> Self {
        Self {
            chain,
            index,
            status,
            pace,
            compared: 0,
            next_comparison: None,
            missing: HashMap::new(),
        }
    }

    /// Follows until told to stop. What fails is tried again; what was written stays written.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut hints = self.chain.hints(&CATALOG.addresses());
        let mut pause = FIRST_PAUSE;
        let mut poll = self.pace.poll;
        let stopped = shutdown.clone();
        let follow = async {
            loop {
                match self.round().await {
                    Ok(()) => {
                        pause = FIRST_PAUSE;
                        let hinted = wait(&mut hints, poll, &self.status).await;
                        poll = if hinted {
                            self.pace.poll.min(ECHO)
                        } else {
                            self.pace.poll
                        };
                    }
                    Err(error) => {
                        self.status.failed();
                        tracing::warn!(%error, "a round failed, trying again");
                        tokio::time::sleep(pause).await;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                    }
                }
            }
        };
        // A round that is cut off leaves no trace: what it had not committed is begun anew.
        tokio::select! {
            () = follow => {}
            () = stopped.cancelled() => {}
        }
    }

    /// One look: compares if it is time, then lists, reads and writes everything up to the chain's present slot.
    pub async fn round(&mut self) -> Result<()> {
        if self.next_comparison.is_none_or(|at| Instant::now() >= at) {
            self.compare().await?;
            self.next_comparison = Some(Instant::now() + self.pace.reconcile);
        }
        // Read first: every transaction up to here is in the listings that follow.
        let slot = self.chain.slot().await?;
        self.status.saw_slot(slot);
        for program in CATALOG.addresses() {
            self.list(&program).await?;
        }
        loop {
            let batch = self.index.pending(slot, BATCH).await?;
            if batch.is_empty() {
                break;
            }
            self.read(batch).await?;
        }
        self.index.set_indexed_slot(slot).await?;
        // Another indexer may write to the same database.
        self.status.recorded(self.index.latest_event().await?);
        self.status.completed_round();
        Ok(())
    }

    /// Lists a program's transactions down to those that are listed already.
    async fn list(&self, program: &Address) -> Result<()> {
        loop {
            let cursor = self.index.cursor(program).await?;
            let (before, until) = cursor.request();
            let listing = cursor.advance(self.chain.list(program, before, until).await?);
            if !listing.found.is_empty() || listing.cursor != cursor {
                self.index.keep_listing(program, &listing, cursor.listed).await?;
            }
            if listing.complete {
                return Ok(());
            }
        }
    }

    /// Reads listed transactions and the accounts that they touched, and writes both.
    async fn read(&mut self, listed: Vec<Listed>) -> Result<()> {
        let signatures: Vec<String> = listed.iter().map(|it| it.signature.clone()).collect();
        let found = self.chain.transactions(&signatures).await?;
        let mut batch = Batch::default();
        let mut waiting = 0;
        for (listed, found) in listed.into_iter().zip(found) {
            match found {
                // What comes after one that is missing waits too: events are numbered in the order of the chain.
                Some(_) if waiting > 0 => {}
                Some(transaction) => {
                    self.missing.remove(&listed.signature);
                    batch.transactions.push(transaction);
                }
                None if waiting > 0 => {}
                None => {
                    let asked = self.missing.entry(listed.signature.clone()).or_default();
                    *asked += 1;
                    if *asked >= PATIENCE {
                        tracing::warn!(signature = listed.signature, "no node has this transaction any more");
                        self.missing.remove(&listed.signature);
                        batch.unavailable.push(listed);
                    } else {
                        waiting += 1;
                    }
                }
            }
        }
        let touched = touched(&batch.transactions, self.compared);
        if let Some(slot) = batch.transactions.iter().map(|it| it.slot).max()
            && !touched.is_empty()
        {
            let accounts = self.chain.accounts(&touched, slot).await?;
            if accounts.slot < slot {
                return Err(ChainError::new("the node answered with accounts of an older slot than asked for").into());
            }
            batch.accounts = Some(crate::chain::AtSlot {
                slot: accounts.slot,
                value: touched.into_iter().zip(accounts.value).collect(),
            });
        }
        let recorded = self.index.record(&batch).await?;
        self.status.recorded(recorded.latest);
        if waiting > 0 {
            return Err(ChainError::new("a listed transaction cannot be read yet").into());
        }
        Ok(())
    }

    /// Compares every account with the chain, and covers the latest slots of each listing once more.
    async fn compare(&mut self) -> Result<()> {
        let first = self.next_comparison.is_none();
        let mut compared = u64::MAX;
        for program in CATALOG.programs() {
            let snapshot = self.chain.accounts_of(&program.address).await?;
            compared = compared.min(snapshot.slot);
            let reconciled = self.index.reconcile(program, snapshot).await?;
            if !first {
                self.status.put_right(reconciled.differences);
                self.index.list_again(&program.address, OVERLAP_SLOTS).await?;
            }
            tracing::debug!(program = program.name, ?reconciled, "compared with the chain");
        }
        self.compared = self.compared.max(compared);
        self.index.forget_gone(compared.saturating_sub(MEMORY_SLOTS)).await
    }
}

/// Accounts that transactions after `compared` may have changed, each once.
fn touched(transactions: &[Transaction], compared: u64) -> Vec<Address> {
    let changing = transactions
        .iter()
        .filter(|it| it.slot > compared && matches!(it.outcome, Outcome::Succeeded(_)));
    let mut touched: Vec<Address> = changing.flat_map(|it| it.writes.iter().copied()).collect();
    touched.sort_unstable();
    touched.dedup();
    touched
}

/// Until something happened, or until it is time to look anyway. Gives whether something happened.
async fn wait(hints: &mut mpsc::Receiver<Hint>, poll: Duration, status: &Status) -> bool {
    let note = |hint| {
        if hint == Hint::Connected {
            status.subscribed();
        }
    };
    let hinted = match tokio::time::timeout(poll, hints.recv()).await {
        Ok(Some(hint)) => {
            note(hint);
            true
        }
        // The subscription is gone for good: the clock alone decides.
        Ok(None) => {
            tokio::time::sleep(poll).await;
            false
        }
        Err(_) => false,
    };
    while let Ok(hint) = hints.try_recv() {
        note(hint);
    }
    hinted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Refusal;

    #[test]
    fn only_what_was_changed_since_the_comparison_is_read() {
        let address = |number| Address::new_from_array([number; 32]);
        let transaction = |slot: u64, succeeded, writes: &[u8]| Transaction {
            signature: slot.to_string(),
            slot,
            time: None,
            outcome: if succeeded {
                Outcome::Succeeded(Vec::new())
            } else {
                Outcome::Refused(Refusal {
                    program: None,
                    code: None,
                })
            },
            writes: writes.iter().map(|number| address(*number)).collect(),
        };
        let transactions = [
            transaction(10, true, &[1]),
            transaction(11, true, &[3, 2]),
            transaction(12, false, &[4]),
            transaction(13, true, &[3]),
        ];
        assert_eq!(touched(&transactions, 10), [address(2), address(3)]);
    }
}
