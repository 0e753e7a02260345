//! What an oracle did, as JSON lines on standard output, for people and programs that watch it.

use std::net::SocketAddr;

use lumora_interface::Address;
use serde::{Deserialize, Serialize};

use crate::text::{base58, hexadecimal, hexadecimals};

/// Something that an oracle did or saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Event {
    /// It listens.
    Started {
        #[serde(with = "base58")]
        oracle: Address,
        measure: SocketAddr,
        http: SocketAddr,
    },
    /// The chain knows its key as that of no member: it waits to be added.
    NotMember {
        #[serde(with = "base58")]
        oracle: Address,
    },
    /// It measures for an oracle whose main process runs elsewhere.
    WorkerStarted {
        #[serde(with = "base58")]
        oracle: Address,
        measure: SocketAddr,
    },
    /// A worker handed receipts over to the main process.
    HandedOver { receipts: u32 },
    /// It opened an epoch on chain.
    EpochOpened { epoch: u64, signature: String },
    /// It had an epoch's seed drawn, or another slot named for it where nobody did in time.
    SeedDrawn { epoch: u64, signature: String },
    /// An epoch is being measured.
    EpochBegun { epoch: u64, ends_at: i64, cutoff_at: i64 },
    /// It measured a node. Rates in kbit/s, zero where it failed; `reason` is a code of `core::reason`.
    Measured {
        epoch: u64,
        round: u32,
        #[serde(with = "base58")]
        node: Address,
        down_kbps: u32,
        up_kbps: u32,
        rtt_us: u32,
        bytes: u64,
        reason: u8,
        sentence: String,
    },
    /// A measurement was refused, or broke off before there was a receipt.
    MeasurementFailed { why: String },
    /// Its bundle stands, and its root is on chain.
    BundleCommitted {
        epoch: u64,
        #[serde(with = "hexadecimal")]
        root: [u8; 32],
        receipts: u32,
        entries: u32,
        signature: Option<String>,
    },
    /// It holds another oracle's bundle.
    BundleFetched {
        epoch: u64,
        #[serde(with = "base58")]
        author: Address,
        receipts: u32,
    },
    /// It worked out the epoch's figures. `bundles` has bit i set for member i of the oracle set.
    Aggregated {
        epoch: u64,
        #[serde(with = "hexadecimal")]
        root: [u8; 32],
        leaves: u32,
        bundles: u32,
        measurements: u32,
        dropped_receipts: u32,
        total_contribution: u64,
        epoch_reward: u64,
    },
    /// It signed a statement about the epoch, the only one it will ever sign.
    Signed {
        epoch: u64,
        #[serde(with = "hexadecimal")]
        digest: [u8; 32],
    },
    /// It refused to sign a second statement about an epoch. Contents of the one it signed and of the other.
    EquivocationRefused {
        epoch: u64,
        #[serde(with = "hexadecimal")]
        signed: [u8; 32],
        #[serde(with = "hexadecimal")]
        refused: [u8; 32],
    },
    /// It put a quorum's signatures on chain.
    AttestationSubmitted {
        epoch: u64,
        signers: u32,
        signatures: Vec<String>,
        compute_units: u64,
    },
    /// The epoch is attested, and it holds the leaves of the attested root.
    EpochAttested {
        epoch: u64,
        #[serde(with = "hexadecimal")]
        root: [u8; 32],
        signers: u32,
        bundles: u32,
        epoch_reward: u64,
        /// Whether this oracle came to the same figures by itself; nothing where it did not work them out.
        agreed: Option<bool>,
    },
    /// The epoch was attested, but lost its quorum when a signer was jailed: it is to be attested anew.
    EpochReopened { epoch: u64 },
    /// The epoch will never be attested.
    EpochLost { epoch: u64, why: String },
    /// It had the epoch's rewards minted.
    EpochFunded { epoch: u64, signature: String },
    /// It saw that an oracle signed two statements about one epoch; both are kept until the chain has them. Contents of
    /// the two.
    EquivocationSeen {
        epoch: u64,
        #[serde(with = "base58")]
        oracle: Address,
        #[serde(with = "hexadecimals")]
        contents: [[u8; 32]; 2],
    },
    /// It reported an oracle that signed two statements: that oracle is jailed and has lost its bond, of which the reporter
    /// gets a part.
    EquivocationReported {
        epoch: u64,
        #[serde(with = "base58")]
        oracle: Address,
        signature: String,
    },
    /// An offence needs no report any more: the oracle is jailed, or it left before it could be.
    EquivocationSettled {
        epoch: u64,
        #[serde(with = "base58")]
        oracle: Address,
        jailed: bool,
    },
    /// The evidence behind an epoch is in the archive. Zero receipts and bytes: another oracle had put it there.
    EpochArchived { epoch: u64, receipts: u64, bytes: u64 },
    /// The evidence behind an epoch will never be in the archive: nobody holds all of it any more.
    EpochNotArchived { epoch: u64, why: String },
    /// It closed the accounts of old epochs; their rent went back to who had paid it.
    EpochsClosed { first: u64, last: u64, signature: String },
    /// It decided about the only result of a shard. `outcome`: `agrees`, `wrong`, `changing`, `unread`, `too_long` or
    /// `not_drawn`; only a wrong one is to be rejected.
    ResultChecked {
        #[serde(with = "base58")]
        job: Address,
        shard: u32,
        #[serde(with = "base58")]
        node: Address,
        outcome: String,
        sentence: String,
    },
    /// A result could not be checked yet; it tries again while the result can be rejected.
    CheckFailed {
        #[serde(with = "base58")]
        job: Address,
        shard: u32,
        #[serde(with = "base58")]
        node: Address,
        why: String,
    },
    /// It put its signature under the verdict on a result on chain. `reason` is a code of `core::reason`.
    VerdictSigned {
        #[serde(with = "base58")]
        job: Address,
        shard: u32,
        #[serde(with = "base58")]
        node: Address,
        reason: u8,
        sentence: String,
        signature: String,
    },
    /// With its signature there was a quorum: the result is rejected.
    ResultRejected {
        #[serde(with = "base58")]
        job: Address,
        shard: u32,
        #[serde(with = "base58")]
        node: Address,
    },
    /// It had the node of a rejected result slashed.
    NodeSlashed {
        #[serde(with = "base58")]
        job: Address,
        shard: u32,
        #[serde(with = "base58")]
        node: Address,
        signature: String,
    },
    /// It closed the account of a verdict that could not find its quorum any more; its rent went back to who had paid it.
    VerdictClosed {
        #[serde(with = "base58")]
        verdict: Address,
        signature: String,
    },
    /// It judged by the figures of an epoch whether the score should be adapted, and why.
    RankingJudged {
        epoch: u64,
        claims: u32,
        weights: [u16; 4],
        max_wait_seconds: i64,
        changes: bool,
        wait_reason: String,
        weights_reason: String,
    },
    /// It brought the signatures with which a quorum adapted the ranking.
    RankingAdapted {
        epoch: u64,
        weights: [u16; 4],
        max_wait_seconds: u32,
        signature: String,
    },
    /// It closed an account of signatures that were no quorum; its rent went back to who had paid it.
    AdaptationClosed { signature: String },
    /// Something is wrong that it goes on trying.
    Trouble { what: String },
    /// It was asked to stop.
    Stopped {},
}

impl Event {
    /// Prints the event as one line of JSON on standard output.
    pub fn print(&self) {
        use std::io::Write;
        let line = serde_json::to_string(self).expect("an event is made of plain fields, which JSON can always hold");
        let mut out = std::io::stdout().lock();
        // Nobody reads any more: that is no reason to stop measuring.
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }
}
