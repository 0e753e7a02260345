//! Watches the other oracles: who signs two statements about one epoch loses its bond.
//!
//! A liar shows different statements to different oracles. So each keeps what it has seen others sign and shows it to
//! everybody, and each compares. What contradicts is kept on disk until the chain has it; whose turn it is reports it, and
//! gets the reporter's part of the bond.
//!
//! - [`offence`] decides: pure.
//! - [`note`] takes a statement in, from wherever it comes: a peer, another oracle's memory, a stranger, the chain.

pub mod offence;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use lumora_client::{
    Outcome,
    oracle_api::{EpochFigures, SignedStatement},
};
use lumora_core::hash::Hash;
use lumora_interface::{Address, bandwidth::Epoch};
use tokio::time::Instant;

use self::offence::{Offence, Prospect, asked_about, binds, contradicted_on_chain, prospect};
use crate::{chain::View, error::Result, event::Event, oracle::Oracle, store::Store};

/// The others are asked at most this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What was refused is tried again after so long.
const REST: Duration = Duration::from_secs(3);

/// Takes in what somebody is said to have signed about an epoch. Whether it is a statement that binds its author: if it
/// contradicts one that is kept, both stay on disk until the chain has them.
pub fn note(store: &Store, network_id: &[u8; 32], epoch: &EpochFigures, signed: &SignedStatement) -> Result<bool> {
    let (key, content) = (signed.oracle.to_bytes(), signed.statement().content());
    let is_known = store
        .seen_of(epoch.epoch, &key)?
        .iter()
        .any(|seen| seen.statement().content() == content);
    if is_known {
        return Ok(true);
    }
    // Before it costs a place on disk: anybody can send anything.
    if !binds(signed, network_id, epoch) {
        return Ok(false);
    }
    store.see(signed)?;
    Ok(true)
}

/// Watches for ever.
pub(crate) async fn keep(oracle: Arc<Oracle>) {
    tokio::join!(look(&oracle), report(&oracle));
}

/// Asks the others, pass after pass.
async fn look(oracle: &Oracle) {
    // What the chain counted and was looked up; once is enough, for what a member signed never changes there.
    let mut looked_up = BTreeSet::new();
    for pass in 0u64.. {
        let view = oracle.view();
        let over: Vec<u64> = view
            .epochs
            .values()
            .filter(|epoch| view.now >= epoch.ends_at)
            .map(|epoch| epoch.epoch)
            .collect();
        for number in asked_about(&over, pass) {
            if let Some(epoch) = view.epochs.get(&number)
                && let Err(error) = look_at(oracle, &view, epoch, &mut looked_up).await
            {
                oracle.trouble(format!("watching what oracles sign about epoch {number}: {error}"));
            }
        }
        looked_up.retain(|(number, _)| over.contains(number));
        tokio::time::sleep(LOOK_EVERY).await;
        oracle.pause().await;
    }
}

async fn look_at(oracle: &Oracle, view: &View, epoch: &Epoch, looked_up: &mut BTreeSet<(u64, Address)>) -> Result<()> {
    let number = epoch.epoch;
    let figures = view.figures(epoch);
    let (own, seen) = tokio::join!(oracle.peers.signatures(number), oracle.peers.seen_signatures(number));
    for signed in own.iter().chain(&seen) {
        note(&oracle.store, &oracle.network_id, &figures, signed)?;
    }
    let kept = kept(oracle.store.seen(number)?);
    let hidden: Vec<Address> = contradicted_on_chain(&view.set, epoch, &kept)
        .into_iter()
        .filter(|key| !looked_up.contains(&(number, *key)))
        .collect();
    if !hidden.is_empty() {
        for signed in oracle.chain.submitted(oracle.network_id, epoch).await? {
            note(&oracle.store, &oracle.network_id, &figures, &signed)?;
        }
        looked_up.extend(hidden.into_iter().map(|key| (number, key)));
    }
    Ok(())
}

/// The contents kept of each member.
fn kept(seen: Vec<SignedStatement>) -> Vec<(Address, BTreeSet<Hash>)> {
    let mut contents: BTreeMap<Address, BTreeSet<Hash>> = BTreeMap::new();
    for signed in seen {
        let content = signed.statement().content();
        contents.entry(signed.oracle).or_default().insert(content);
    }
    contents.into_iter().collect()
}

/// Reports what is kept, each when its turn has come, until the chain has it.
async fn report(oracle: &Oracle) {
    // Since when each is known here, as long as this process runs.
    let mut known: BTreeMap<(u64, Address), Instant> = BTreeMap::new();
    loop {
        match oracle.store.offences() {
            Ok(offences) => {
                for offence in offences {
                    pursue(oracle, &offence, &mut known).await;
                }
            }
            Err(error) => oracle.trouble(format!("reading the evidence against oracles: {error}")),
        }
        oracle.pause().await;
    }
}

async fn pursue(oracle: &Oracle, offence: &Offence, known: &mut BTreeMap<(u64, Address), Instant>) {
    let (epoch, liar) = (offence.epoch(), offence.oracle());
    let since = *known.entry((epoch, liar)).or_insert_with(|| {
        oracle.tell(Event::EquivocationSeen {
            epoch,
            oracle: liar,
            contents: offence.contents(),
        });
        Instant::now()
    });
    let view = oracle.view();
    let account = match view.epochs.get(&epoch) {
        Some(account) => Some(*account),
        None => match oracle.chain.old_epoch(epoch).await {
            Ok(account) => account,
            Err(error) => return oracle.trouble(format!("looking for epoch {epoch}: {error}")),
        },
    };
    match prospect(offence, &view.set, account.as_ref()) {
        Prospect::Open => {}
        settled => {
            if let Err(error) = oracle.store.settle(epoch, &liar.to_bytes()) {
                return oracle.trouble(format!("forgetting evidence that is not needed any more: {error}"));
            }
            known.remove(&(epoch, liar));
            return oracle.tell(Event::EquivocationSettled {
                epoch,
                oracle: liar,
                jailed: settled == Prospect::Done,
            });
        }
    }
    // Reporting oneself would bring part of the bond back: it is for the others.
    let is_due = since.elapsed() >= oracle.patience(view.turn(oracle.index_in(&view), epoch));
    if liar == oracle.address() || !is_due {
        return;
    }
    match oracle.chain.report_equivocation(offence).await {
        Ok(Outcome::Landed(landed)) => oracle.tell(Event::EquivocationReported {
            epoch,
            oracle: liar,
            signature: landed.signature.to_string(),
        }),
        Ok(Outcome::AlreadyDone) => {}
        Err(error) => {
            oracle.trouble(format!(
                "reporting oracle {liar} for what it signed about epoch {epoch}: {error}"
            ));
            tokio::time::sleep(REST).await;
        }
    }
    oracle.renewed_view().await;
}
