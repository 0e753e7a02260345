//! How an oracle stands, what became of an epoch, and how one node's figures came about: for people, and for programs that
//! watch oracles.

use lumora_core::hash::Hash;
use lumora_interface::Address;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{LeafFigures, base58, hex_bytes};

/// What the chain says about an oracle, as it saw it last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Seconds since it looked. More than a few: it cannot reach the chain, or is too busy.
    pub looked_seconds_ago: u64,
    /// The chain's clock then, Unix seconds.
    pub chain_time: i64,
    /// Number of the epoch that is opened next.
    pub next_epoch: u64,
    /// Lowest epoch that can still be attested: the one before was attested last.
    pub attestable_from: u64,
    /// Its seat in the oracle set; `None` where it has none.
    pub seat: Option<u8>,
    /// State of the seat, a code of `bandwidth::member`.
    pub state: u8,
    /// What it has at stake, LMR base units.
    pub bond: u64,
    /// What it needs to have at stake, LMR base units.
    pub minimum_bond: u64,
}

/// Another oracle, as seen from one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerStatus {
    /// Key with which it signs.
    #[serde(with = "base58")]
    pub oracle: Address,
    /// Where it is asked.
    pub http: Url,
    /// Seconds since it answered; `None` where it never has.
    pub answered_seconds_ago: Option<u64>,
}

/// How far an epoch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EpochState {
    /// It is measured, or waits for its quorum.
    Open,
    /// It has its quorum, and could be reopened.
    Attested,
    /// Nothing about it can change any more.
    Final,
}

/// What became of an epoch: its account on chain, as an oracle saw it. Root, totals and bitmaps are zero while it is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct EpochFigures {
    pub epoch: u64,
    pub state: EpochState,
    /// Unix times.
    pub starts_at: i64,
    pub ends_at: i64,
    pub cutoff_at: i64,
    /// Decides who measures whom; zero until it is drawn.
    #[serde(with = "hex_bytes")]
    pub seed: Hash,
    pub set_version: u32,
    /// Signatures needed.
    pub quorum: u8,
    #[serde(with = "hex_bytes")]
    pub root: Hash,
    pub leaf_count: u32,
    /// kbit.
    pub total_contribution: u64,
    /// LMR base units.
    pub epoch_reward: u64,
    /// LMR base units.
    pub cumulative_reward: u64,
    /// The oracles of the epoch, by seat.
    pub members: Vec<EpochMember>,
}

impl EpochFigures {
    /// How many members signed the attested figures.
    pub fn signers(&self) -> usize {
        self.members.iter().filter(|member| member.signed).count()
    }
}

/// One oracle's part in an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochMember {
    /// Its seat in the oracle set.
    pub seat: u8,
    /// Key with which it signs.
    #[serde(with = "base58")]
    pub oracle: Address,
    /// Root of the bundle that it committed to; zero where it did not.
    #[serde(with = "hex_bytes")]
    pub bundle_root: Hash,
    /// Whether the attested figures rest on its bundle.
    pub used: bool,
    /// Whether it signed the attested figures.
    pub signed: bool,
}

/// How a node's figures came about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The result.
    pub figures: LeafFigures,
    /// The reason in words.
    pub sentence: String,
    /// Rounds that counted: at least one of their challengers' bundles was used.
    pub counted_rounds: u32,
    /// Rounds that the node answered.
    pub answered_rounds: u32,
    /// What was measured and held, by round and challenger. Failures are listed with their reason.
    pub measurements: Vec<ExplainedMeasurement>,
    /// What each challenger says in all: the lower median of what it measured. The node's rate is the trimmed lower median
    /// of these.
    #[serde(default)]
    pub challengers: Vec<ExplainedChallenger>,
    /// Receipts that did not count, and why.
    #[serde(default)]
    pub dropped: Vec<ExplainedDrop>,
    /// Rate that the provider is willing to share, kbit/s: more does not count.
    #[serde(default)]
    pub limit_kbps: u32,
    /// Assignments in the node's lifetime: those that were paid, those whose result the majority did not agree with, and those
    /// that ran out of time.
    #[serde(default)]
    pub completed: u64,
    /// See `completed`.
    #[serde(default)]
    pub failed: u64,
    /// See `completed`.
    #[serde(default)]
    pub expired: u64,
    /// What buyers' ratings take off its reputation, in parts of 10,000 of a completed assignment.
    #[serde(default)]
    pub marred: u64,
    /// Seconds of the epoch, and of these those that the node counts as available.
    #[serde(default)]
    pub epoch_seconds: u32,
    /// See `epoch_seconds`.
    #[serde(default)]
    pub available_seconds: u32,
    /// Sum of all nodes' contributions, kbit.
    #[serde(default)]
    pub total_contribution: u64,
    /// What the emission schedule gives for the epoch, LMR base units.
    #[serde(default)]
    pub amount: u64,
    /// What of it the node earned, LMR base units.
    #[serde(default)]
    pub reward: u64,
}

/// One measurement behind a node's figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ExplainedMeasurement {
    pub round: u32,
    /// Seat of the challenger in the oracle set.
    pub member: u8,
    pub down_kbps: u32,
    pub up_kbps: u32,
    pub rtt_us: u32,
    /// Why it is what it is: a code of `core::reason`.
    pub reason: u8,
}

/// What one challenger says in all about a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ExplainedChallenger {
    /// Seat of the challenger in the oracle set.
    pub member: u8,
    /// Key with which it signs.
    #[serde(with = "base58")]
    pub oracle: Address,
    pub down_kbps: u32,
    pub up_kbps: u32,
    pub rtt_us: u32,
}

/// A receipt that did not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedDrop {
    /// Its round.
    pub round: u32,
    /// Seat of the oracle in whose bundle it stands.
    pub member: u8,
    /// What is wrong with it.
    pub why: String,
}
