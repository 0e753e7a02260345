//! What is due and anybody may do: opening the next epoch, drawing its seed, having a final epoch's rewards minted. Each oracle waits for its
//! turn, so that two rarely try; where two do, one finds it done.

use std::{sync::Arc, time::Duration};

use lumora_client::Outcome;
use lumora_interface::bandwidth::OracleSet;
use tokio::time::Instant;

use crate::{
    chain::{View, is_fundable},
    event::Event,
    oracle::Oracle,
};

/// What was refused once will be refused again a moment later.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(3);

/// Something that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Opening(u64),
    Drawing { epoch: u64, seed_slot: u64 },
    Funding(u64),
}

impl Due {
    fn number(self) -> u64 {
        match self {
            Self::Opening(number) | Self::Funding(number) => number,
            Self::Drawing { epoch, .. } => epoch,
        }
    }
}

/// Turns the cranks for ever.
pub async fn turn(oracle: Arc<Oracle>) {
    tokio::join!(
        turn_one(&oracle, opening),
        turn_one(&oracle, drawing),
        turn_one(&oracle, funding)
    );
}

async fn turn_one(oracle: &Oracle, what_is_due: impl Fn(&View) -> Option<Due>) {
    let mut views = oracle.views();
    // What is waited for, and since when.
    let mut waiting: Option<(Due, Instant)> = None;
    loop {
        let view = views.borrow_and_update().clone();
        match (what_is_due(&view), waiting) {
            (None, _) => waiting = None,
            (Some(due), Some((same, since))) if due == same => {
                let patience = oracle.patience(view.turn(oracle.index_in(&view), due.number()));
                if since.elapsed() >= patience {
                    attempt(oracle, due).await;
                    waiting = None;
                }
            }
            (Some(due), _) => {
                waiting = Some((due, Instant::now()));
                continue;
            }
        }
        // A view that does not change is still a reason to look at the clock.
        let _ = tokio::time::timeout(Duration::from_millis(100), views.changed()).await;
    }
}

fn opening(view: &View) -> Option<Due> {
    is_due(&view.set, view.now).then_some(Due::Opening(view.set.next_epoch))
}

fn is_due(set: &OracleSet, now: i64) -> bool {
    set.next_epoch == 0 || now >= set.opened_at.saturating_add(i64::from(set.epoch_seconds))
}

fn drawing(view: &View) -> Option<Due> {
    view.current()
        .filter(|epoch| !epoch.is_drawn())
        .map(|epoch| Due::Drawing {
            epoch: epoch.epoch,
            seed_slot: epoch.seed_slot,
        })
}

fn funding(view: &View) -> Option<Due> {
    view.latest_attested()
        .filter(|epoch| is_fundable(view, epoch))
        .map(|epoch| Due::Funding(epoch.epoch))
}

async fn attempt(oracle: &Oracle, due: Due) {
    let result = match due {
        Due::Opening(number) => oracle.chain.open_epoch(number).await,
        Due::Drawing { epoch, seed_slot } => oracle.chain.draw_seed(epoch, seed_slot).await,
        Due::Funding(number) => oracle.chain.fund_epoch(number).await,
    };
    match (result, due) {
        (Ok(Outcome::Landed(landed)), Due::Opening(epoch)) => {
            oracle.tell(Event::EpochOpened {
                epoch,
                signature: landed.signature.to_string(),
            });
        }
        (Ok(Outcome::Landed(landed)), Due::Drawing { epoch, .. }) => {
            oracle.tell(Event::SeedDrawn {
                epoch,
                signature: landed.signature.to_string(),
            });
        }
        (Ok(Outcome::Landed(landed)), Due::Funding(epoch)) => {
            oracle.tell(Event::EpochFunded {
                epoch,
                signature: landed.signature.to_string(),
            });
        }
        (Ok(Outcome::AlreadyDone), _) => {}
        (Err(error), _) => {
            let what = match due {
                Due::Opening(number) => format!("opening epoch {number}"),
                Due::Drawing { epoch, .. } => format!("drawing the seed of epoch {epoch}"),
                Due::Funding(number) => format!("funding epoch {number}"),
            };
            oracle.trouble(format!("{what}: {error}"));
            tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
        }
    }
    // What was done shows in the next view; until then it would look due still.
    oracle.renewed_view().await;
}
