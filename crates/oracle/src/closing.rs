//! Closes the accounts of epochs that nobody needs any more; their rent goes back to whoever paid it.

use std::{sync::Arc, time::Duration};

use lumora_client::Outcome;
use lumora_interface::{
    Address,
    bandwidth::{Epoch, OracleSet, epoch_state},
};

use crate::{chain::View, error::Result, event::Event, oracle::Oracle};

/// Epochs that are closed in one transaction.
const AT_ONCE: u64 = 8;

/// Pause when nothing can be closed: nothing hurries.
const REST: Duration = Duration::from_secs(10);

/// Closes old epochs for ever, in order.
pub async fn clear(oracle: Arc<Oracle>) {
    let mut oldest = None;
    loop {
        let rest = match step(&oracle, &mut oldest).await {
            Ok(true) => Duration::ZERO,
            Ok(false) => REST,
            Err(error) => {
                oracle.trouble(format!("closing old epochs: {error}"));
                REST
            }
        };
        tokio::time::sleep(rest).await;
        oracle.pause().await;
    }
}

/// Closes what can be closed next, given the lowest epoch that may have an account. Whether to go on at once.
async fn step(oracle: &Oracle, oldest: &mut Option<u64>) -> Result<bool> {
    let view = oracle.view();
    let end = view.set.next_epoch;
    let from = match *oldest {
        Some(from) => from,
        None => first_account(oracle, end).await?,
    };
    let numbers: Vec<u64> = (from..from.saturating_add(AT_ONCE).min(end)).collect();
    let accounts = oracle.chain.old_epochs(&numbers).await?;
    let gone = accounts.iter().take_while(|account| account.is_none()).count();
    *oldest = Some(from + gone as u64);
    if gone > 0 {
        return Ok(true);
    }
    let closable = leading_closable(&view.set, view.now, &accounts);
    let Some((first, _)) = closable.first().copied() else {
        return Ok(false);
    };
    tokio::time::sleep(oracle.patience(turn(oracle, &view, first))).await;
    let last = closable.last().map_or(first, |(number, _)| *number);
    if let Outcome::Landed(landed) = oracle.chain.close_epochs(&closable).await? {
        oracle.tell(Event::EpochsClosed {
            first,
            last,
            signature: landed.signature.to_string(),
        });
    }
    Ok(true)
}

/// Turns are taken by what is closed together; an oracle outside the set leaves it to the others.
fn turn(oracle: &Oracle, view: &View, first: u64) -> u32 {
    view.turn(oracle.index_in(view), first / AT_ONCE).min(32)
}

/// The lowest epoch with an account, found by halving: epochs are closed in order. One that was left behind by somebody who
/// closed out of order is not found; it costs its rent and nothing else.
async fn first_account(oracle: &Oracle, end: u64) -> Result<u64> {
    let (mut low, mut high) = (0, end);
    while low < high {
        let middle = low.midpoint(high);
        if oracle.chain.old_epoch(middle).await?.is_some() {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(low)
}

/// Of epochs that follow each other, those from the first on that can be closed, each with who gets its rent.
fn leading_closable(set: &OracleSet, now: i64, accounts: &[Option<Epoch>]) -> Vec<(u64, Address)> {
    accounts
        .iter()
        .map_while(|account| account.as_ref().filter(|epoch| is_closable(set, epoch, now)))
        .map(|epoch| (epoch.epoch, epoch.rent_payer))
        .collect()
}

/// Whether `close_epoch` would take it. The program decides; asking it in vain would cost a simulation each time.
fn is_closable(set: &OracleSet, epoch: &Epoch, now: i64) -> bool {
    let kept_until = epoch.ends_at.saturating_add(i64::from(set.retention_seconds));
    let needed_from = set.unsettled_from(now);
    let is_needed = if epoch.state == epoch_state::ATTESTED {
        epoch.epoch.saturating_add(1) >= needed_from
    } else {
        epoch.epoch >= needed_from
    };
    now >= kept_until && !is_needed
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;

    use super::*;

    fn epoch(number: u64, state: u8) -> Epoch {
        let mut epoch = Epoch::zeroed();
        (epoch.epoch, epoch.ends_at, epoch.state) = (number, 100 * number as i64, state);
        epoch.rent_payer = Address::new_from_array([number as u8; 32]);
        epoch
    }

    #[test]
    fn old_epochs_are_closed_in_order_and_the_one_attested_last_stays() {
        let mut set = OracleSet::zeroed();
        (set.retention_seconds, set.attestable_from) = (50, 4);
        let accounts = [1, 2, 3].map(|number| Some(epoch(number, epoch_state::ATTESTED)));
        let closed = |now| {
            let closable = leading_closable(&set, now, &accounts);
            closable.into_iter().map(|(number, _)| number).collect::<Vec<_>>()
        };
        assert!(closed(149).is_empty());
        assert_eq!(closed(150), [1]);
        assert_eq!(closed(10_000), [1, 2]);
        // A lost epoch is needed while it could be attested.
        assert!(is_closable(&set, &epoch(3, epoch_state::OPEN), 10_000));
        assert!(!is_closable(&set, &epoch(4, epoch_state::OPEN), 10_000));
    }
}
