//! Writes what was attested to the archive, epoch by epoch, until it is there.

use std::{sync::Arc, time::Duration};

use lumora_client::oracle_api::{EpochFigures, EpochMember};
use lumora_core::units::Lmr;
use lumora_interface::Address;

use super::{Archive, Record};
use crate::{aggregate::EpochRules, bundle::Bundle, chain::View, error::Result, event::Event, oracle::Oracle};

/// Pause after an epoch that could not be written.
const REST: Duration = Duration::from_secs(5);

/// Seconds by which an epoch must have been final: its account and the clock were not read at one moment.
const SETTLED: i64 = 2;

/// Keeps the archive for ever; never returns where there is none.
pub(crate) async fn keep(oracle: Arc<Oracle>, archive: Option<Archive>) {
    let Some(archive) = archive else {
        return std::future::pending().await;
    };
    loop {
        let rest = match step(&oracle, &archive).await {
            Ok(true) => Duration::ZERO,
            Ok(false) => REST,
            Err(error) => {
                oracle.trouble(format!("reading what is to be archived: {error}"));
                REST
            }
        };
        oracle.pause().await;
        tokio::time::sleep(rest).await;
    }
}

/// Writes all epochs that can be. Whether all went well: one that cannot be written does not keep the others from it.
async fn step(oracle: &Oracle, archive: &Archive) -> Result<bool> {
    let view = oracle.view();
    let mut is_well = true;
    catch_up(oracle, &view).await?;
    for number in oracle.store.unarchived()? {
        let Some(figures) = settled(oracle, &view, number)? else {
            continue;
        };
        match write(oracle, archive, &view, &figures).await {
            Ok(event) => {
                oracle.store.mark_archived(number)?;
                oracle.tell(event);
            }
            Err(error) if number.saturating_add(oracle.keep_epochs) < view.set.next_epoch => {
                // By now the others have forgotten its bundles too.
                oracle.store.mark_archived(number)?;
                let why = error.to_string();
                oracle.tell(Event::EpochNotArchived { epoch: number, why });
            }
            Err(error) => {
                is_well = false;
                oracle.trouble(format!("archiving epoch {number}: {error}"));
            }
        }
    }
    Ok(is_well)
}

/// Takes the leaves of epochs from the others that were attested while this oracle was away, as far as it sees back. The one
/// attested last is followed anyway.
async fn catch_up(oracle: &Oracle, view: &View) -> Result<()> {
    let settled = view.now.saturating_sub(SETTLED);
    for (number, epoch) in view.epochs.iter().filter(|(_, epoch)| epoch.is_final(settled)) {
        let is_followed = number.saturating_add(1) >= view.set.attestable_from;
        if is_followed || oracle.store.record(*number)?.is_some() {
            continue;
        }
        if let Some(leaves) = oracle.peers.leaves(*number, &epoch.root).await {
            oracle.store.put_attested(*number, &leaves)?;
            oracle.store.put_record(*number, &view.figures(epoch))?;
        }
    }
    Ok(())
}

/// What was attested about an epoch, once nothing about it can change.
fn settled(oracle: &Oracle, view: &View, number: u64) -> Result<Option<EpochFigures>> {
    match view.epochs.get(&number) {
        Some(epoch) if epoch.is_final(view.now.saturating_sub(SETTLED)) => Ok(Some(view.figures(epoch))),
        Some(_) => Ok(None),
        None => oracle.store.record(number),
    }
}

async fn write(oracle: &Oracle, archive: &Archive, view: &View, figures: &EpochFigures) -> Result<Event> {
    let number = figures.epoch;
    let already = Event::EpochArchived {
        epoch: number,
        receipts: 0,
        bytes: 0,
    };
    // The chain's word first: while this oracle was away, epochs may have been attested that it knows nothing of.
    let previous = match oracle.chain.attested_before(number).await? {
        Some(previous) => Some(previous),
        None => oracle.store.attested_before(number)?,
    };
    let record = Record::new(figures, &rules(oracle, view, figures), previous);
    if archive.record(number).await?.as_ref() == Some(&record) {
        return Ok(already);
    }
    for member in figures.members.iter().filter(|member| member.used) {
        fetch(oracle, figures, member).await?;
    }
    let leaves = oracle.store.attested(number)?.unwrap_or_default();
    let (store, network_id) = (oracle.store.clone(), oracle.network_id);
    let authors: Vec<EpochMember> = figures.members.clone();
    let bundle = move |seat: u8| {
        let author = authors.iter().find(|member| member.seat == seat);
        let author = author.map(|member| member.oracle.to_bytes()).unwrap_or_default();
        let sealed = store.bundle(number, &author)?.unwrap_or_default();
        Ok(Bundle::open(&sealed, &network_id, number, &author)?)
    };
    let written = archive.write(&record, leaves, bundle).await?;
    Ok(Event::EpochArchived {
        epoch: number,
        receipts: written.receipts,
        bytes: written.bytes,
    })
}

/// Sees to it that the bundle of a member whose root is on chain is here.
async fn fetch(oracle: &Oracle, figures: &EpochFigures, member: &EpochMember) -> Result<()> {
    let (number, author) = (figures.epoch, member.oracle.to_bytes());
    let held = oracle.store.bundle_roots(number)?;
    if held.contains(&(author, member.bundle_root)) {
        return Ok(());
    }
    let holders: Vec<Address> = figures.members.iter().map(|member| member.oracle).collect();
    let root = Some(&member.bundle_root);
    if let Some(fetched) = oracle.peers.bundle(number, &member.oracle, &holders, root).await {
        oracle
            .store
            .replace_bundle(number, &author, &fetched.root, &fetched.sealed)?;
    }
    Ok(())
}

fn rules(oracle: &Oracle, view: &View, figures: &EpochFigures) -> EpochRules {
    let Lmr(amount) = view.emission.schedule().amount(figures.epoch);
    EpochRules {
        network_id: oracle.network_id,
        epoch: figures.epoch,
        seed: figures.seed,
        members: figures
            .members
            .iter()
            .map(|member| (member.seat, member.oracle.to_bytes()))
            .collect(),
        rounds: oracle.measurement.rounds_per_epoch,
        challengers_per_round: oracle.measurement.challengers_per_round,
        seconds: u32::try_from(figures.ends_at.saturating_sub(figures.starts_at)).unwrap_or_default(),
        amount: Lmr(amount),
        nodes_per_network: oracle.measurement.nodes_per_network,
        nodes_per_owner: oracle.measurement.nodes_per_owner,
    }
}
