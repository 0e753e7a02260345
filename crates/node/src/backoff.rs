//! How long to wait after something failed, and whether the failure is worth telling again.

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

const LONGEST: Duration = Duration::from_secs(30);
/// The same failure is told again after this long.
const REPEAT: Duration = Duration::from_secs(60);

/// Grows with each failure in a row.
pub(crate) struct Backoff {
    failures: u32,
    told: Option<(String, Instant)>,
}

impl Backoff {
    pub fn new() -> Self {
        Self {
            failures: 0,
            told: None,
        }
    }

    /// It worked.
    pub fn reset(&mut self) {
        self.failures = 0;
        self.told = None;
    }

    /// The pause after another failure: 1, 2, 4, ... seconds.
    pub fn next(&mut self) -> Duration {
        let pause = pause(self.failures);
        self.failures = self.failures.saturating_add(1);
        pause
    }

    /// Whether this is another failure than the one told last, or that was long ago.
    pub fn is_news(&mut self, error: &dyn Display) -> bool {
        let text = error.to_string();
        let known = self
            .told
            .as_ref()
            .is_some_and(|(told, at)| *told == text && at.elapsed() < REPEAT);
        if !known {
            self.told = Some((text, Instant::now()));
        }
        !known
    }
}

/// The pause after so many failures in a row.
pub(crate) fn pause(failures: u32) -> Duration {
    Duration::from_secs(1 << failures.min(6)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_bound_and_start_over() {
        let mut backoff = Backoff::new();
        let pauses: Vec<u64> = (0..8).map(|_| backoff.next().as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30, 30]);
        backoff.reset();
        assert_eq!(backoff.next().as_secs(), 1);
    }

    #[test]
    fn the_same_failure_is_told_once() {
        let mut backoff = Backoff::new();
        assert!(backoff.is_news(&"away"));
        assert!(!backoff.is_news(&"away"));
        assert!(backoff.is_news(&"refused"));
        backoff.reset();
        assert!(backoff.is_news(&"refused"));
    }
}
