//! The chain's clock, estimated between two looks at it. Every deadline is compared with it, never with this machine's
//! clock, which may be off by minutes.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use lumora_client::Connection;

/// Looks that are remembered.
const SAMPLES: usize = 8;
/// A difference that is no error of the estimate any more: somebody set a clock, milliseconds.
const JUMP_MILLIS: i64 = 3_000;

/// Cheap to clone; all clones know what one of them learns.
#[derive(Clone)]
pub struct Clock {
    connection: Connection,
    /// Chain minus this machine, milliseconds, at the latest looks.
    offsets: Arc<Mutex<VecDeque<i64>>>,
}

impl Clock {
    /// A clock that has looked once.
    pub async fn new(connection: Connection) -> Result<Self, lumora_client::Error> {
        let clock = Self {
            connection,
            offsets: Arc::default(),
        };
        clock.look().await?;
        Ok(clock)
    }

    /// Looks at the chain's clock.
    pub async fn look(&self) -> Result<(), lumora_client::Error> {
        let chain = self.connection.unix_timestamp().await?;
        let mut offsets = self.offsets.lock().unwrap_or_else(PoisonError::into_inner);
        learn(
            &mut offsets,
            chain.saturating_mul(1_000).saturating_sub(machine_millis()),
        );
        Ok(())
    }

    /// The chain's time, Unix milliseconds.
    pub fn now_millis(&self) -> i64 {
        let offsets = self.offsets.lock().unwrap_or_else(PoisonError::into_inner);
        machine_millis().saturating_add(estimate(&offsets))
    }

    /// The chain's time, whole Unix seconds.
    pub fn now(&self) -> i64 {
        self.now_millis().div_euclid(1_000)
    }
}

/// The chain shows whole seconds, so each look is late by up to one: the largest of the latest offsets is the nearest.
fn estimate(offsets: &VecDeque<i64>) -> i64 {
    offsets.iter().copied().max().unwrap_or(0)
}

fn learn(offsets: &mut VecDeque<i64>, offset: i64) {
    if offset.abs_diff(estimate(offsets)) > JUMP_MILLIS.unsigned_abs() {
        offsets.clear();
    }
    if offsets.len() == SAMPLES {
        offsets.pop_front();
    }
    offsets.push_back(offset);
}

fn machine_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_clock_that_is_set_is_followed_at_once() {
        let mut offsets = VecDeque::new();
        [0, -900, -400]
            .into_iter()
            .for_each(|offset| learn(&mut offsets, offset));
        assert_eq!(estimate(&offsets), 0);
        learn(&mut offsets, 60_000);
        assert_eq!(estimate(&offsets), 60_000);
        learn(&mut offsets, -60_000);
        assert_eq!(estimate(&offsets), -60_000);
    }

    proptest! {
        #[test]
        fn the_estimate_is_never_ahead_and_less_than_a_second_behind(ahead in -1_000_000i64..1_000_000, looks in prop::collection::vec(0i64..1_000, 1..30)) {
            // Each look sees the true offset less the fraction of the second that the chain does not show.
            let mut offsets = VecDeque::new();
            looks.iter().for_each(|fraction| learn(&mut offsets, ahead - fraction));
            prop_assert!((0..1_000).contains(&(ahead - estimate(&offsets))));
        }
    }
}
