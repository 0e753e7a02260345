//! One site as seen by one node: whose turn it is, when the next request may start, what robots.txt says.

use std::time::Duration;

use tokio::{
    sync::{Mutex, Semaphore, SemaphorePermit},
    time::{Instant, sleep_until},
};

use super::throttle::{Throttle, Turn};
use crate::robots::Rules;

/// How long a robots.txt is used (RFC 9309, section 2.4: not longer than 24 hours).
const ROBOTS_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a site whose robots.txt could not be read is left alone.
const UNREACHABLE_LIFETIME: Duration = Duration::from_secs(5 * 60);

/// What was learned about robots.txt, and until when it holds.
pub(super) struct KnownRules {
    pub rules: Rules,
    until: Instant,
}

impl KnownRules {
    pub fn read(rules: Rules) -> Self {
        Self {
            rules,
            until: Instant::now() + ROBOTS_LIFETIME,
        }
    }

    pub fn unreachable() -> Self {
        Self {
            rules: Rules::unreachable(),
            until: Instant::now() + UNREACHABLE_LIFETIME,
        }
    }

    pub fn is_fresh(&self) -> bool {
        Instant::now() < self.until
    }
}

pub(super) struct Host {
    connections: Semaphore,
    next_start: Mutex<Instant>,
    /// Locked while robots.txt is fetched, so that it is fetched once.
    pub robots: Mutex<Option<KnownRules>>,
}

impl Host {
    pub fn new(connections: usize) -> Self {
        Self {
            connections: Semaphore::new(connections.max(1)),
            next_start: Mutex::new(Instant::now()),
            robots: Mutex::new(None),
        }
    }

    /// Waits for a free connection, for the throttle, and for the time that the last request's `interval` leaves. The
    /// connection is taken until the turn is dropped.
    ///
    /// The interval counts from when the request may really start: counted from when it was its turn, a request that was
    /// held up by a pause would be followed at once by the next.
    pub async fn turn(&self, interval: Duration, throttle: &Throttle) -> (SemaphorePermit<'_>, Turn) {
        let connection = self.connections.acquire().await.expect("the semaphore is never closed");
        loop {
            // Given back while this site is waited for: others have use for it.
            let turn = throttle.turn().await;
            let start = {
                let mut next_start = self.next_start.lock().await;
                let now = Instant::now();
                if *next_start <= now {
                    *next_start = now + interval;
                    return (connection, turn);
                }
                *next_start
            };
            drop(turn);
            sleep_until(start).await;
        }
    }

    /// No request starts before `wait` has passed.
    pub async fn pause(&self, wait: Duration) {
        let mut next_start = self.next_start.lock().await;
        *next_start = (*next_start).max(Instant::now() + wait);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pause_does_not_eat_up_the_interval() {
        let host = Host::new(1);
        let interval = Duration::from_secs(1);
        let throttle = Throttle::unlimited();
        let paused = throttle.pause();
        let resume = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            drop(paused);
        };
        let turns = async {
            drop(host.turn(interval, &throttle).await);
            let first = Instant::now();
            drop(host.turn(interval, &throttle).await);
            first.elapsed()
        };
        let ((), between) = tokio::join!(resume, turns);
        assert!(between >= interval, "{between:?}");
    }
}
