//! What a migration did, for people and for tests.

use std::{fmt, time::Duration};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The chain was changed; in words, what was done.
    Changed(String),
    /// The chain was as it should be.
    AlreadyDone,
}

impl Outcome {
    /// From a list of what was done, empty when nothing was missing.
    pub(crate) fn of(done: Vec<String>) -> Self {
        if done.is_empty() {
            Self::AlreadyDone
        } else {
            Self::Changed(done.join(", "))
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(what) => formatter.write_str(what),
            Self::AlreadyDone => formatter.write_str("already done"),
        }
    }
}

/// One step's result.
#[derive(Clone, Debug)]
pub struct Report {
    pub step: &'static str,
    pub outcome: Outcome,
    pub took: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}: {} ({:.1} s)",
            self.step,
            self.outcome,
            self.took.as_secs_f64()
        )
    }
}

/// How far a step has come: `done` of `total` pieces of work.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub step: &'static str,
    pub done: usize,
    pub total: usize,
}
