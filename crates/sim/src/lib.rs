//! The assignment of shards in virtual time: a hundred thousand nodes, a million shards, real cities, and the rules of
//! [`lumora_core`] that the program and the node use. Deterministic for a seed.
//!
//! # The model
//!
//! Nodes live in cities, as many as the city has people, and state a place as coarse as the chain's cells. Rates, last
//! miles, limits, reputations and bonds are drawn; round-trip times are those of light in fibre on a path longer than the
//! chord, and the last mile's. Jobs open as often as it takes to hold the stated share of all capacity; their data lives
//! in hosting cities or where people do. A claim is sent, executed after a delay, seen by everybody after another, and
//! refused if the shard's replicas are no longer those that its sender saw. A replica is held until all of its shard are
//! done. Nodes sleep and wake; some leave with shards in their hands, which open anew, with a wait of their own, when
//! their deadline has passed. [`Settings`] has every number.
//!
//! # Who is the best
//!
//! For each claim: the node with the highest score for the job among those that were awake and had room when the winner
//! decided, the winner among them, and that hold no other replica of the shard. Room that came free within the last
//! second does not count: nobody can have seen it. Scores that lie nearer together than two seconds of waiting are worth
//! (one of jitter, one of the chain's clock) count as one in `best_winner_share`, and do not in `strictly_best_share`.
//!
//! # What it leaves out
//!
//! Forks, fees and full blocks; nodes whose view lags behind everybody else's; nodes that claim out of turn.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod adaptation;
pub mod cities;
mod engine;
mod figures;
mod idle;
mod network;
mod settings;
#[cfg(test)]
mod tests;

pub use self::{
    engine::{observe, simulate},
    figures::Figures,
    settings::{CapacityRule, Desertion, Policy, Settings, WeightSettings},
};

/// Why a simulation cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings contradict themselves.
    #[error("the settings cannot be simulated: {0}")]
    Settings(&'static str),
    /// A distribution's parameters have no meaning.
    #[error("a distribution of the settings has impossible parameters: {0}")]
    Distribution(String),
}

impl From<rand_distr::NormalError> for Error {
    fn from(error: rand_distr::NormalError) -> Self {
        Self::Distribution(error.to_string())
    }
}

impl From<rand_distr::weighted::Error> for Error {
    fn from(error: rand_distr::weighted::Error) -> Self {
        Self::Distribution(error.to_string())
    }
}
