//! The rules of a measurement, as two state machines without sockets, clocks or randomness: time and bytes in, actions
//! out. The shells in `challenger` and `prover` carry the actions out over QUIC.
//!
//! ```text
//! prover                                     challenger
//!   Hello (node, epoch, round, limit) ------>
//!                                     <------ Commit (SHA-256(seed), signed; limit)
//!   Pong                       <-- 4 times --> Ping
//!   Answer per chunk           <------------- Down: keystream; DownEnd
//!                                     <------ UpStart (key of the second keystream)
//!   keystream, Steady          -------------> Received per chunk; UpEnd
//!   Report (background bytes)         ------>
//!                                     <------ Receipt, signed
//!   Countersign                       ------>
//!                                     <------ Reveal (seed)
//! ```
//!
//! **What counts.** Both rates are taken by the challenger's clock. *Down*: a chunk counts when the right answer is
//! back; the rate is the slope of the answers from the first one of the steady state on ([`estimate`](crate::estimate)).
//! A node that holds its first answers back would make that time look shorter, so time also runs, at the latest,
//! from a round trip plus the pacer's queue plus [`START_ALLOWANCE_US`] after the first counted chunk was sent; the slower
//! rate stands.
//! *Up*: a chunk counts when it came in whole and is the right keystream; the rate is the slope of the IP-layer bytes
//! that came in. Bytes are those of the IP layer: what QUIC sent (and did not lose) or received in the window.
//! Ramp-up does not count, and neither does the burst of a token bucket, because the steady state begins
//! with a queue in front of the link.
//!
//! **What a lying node gains.** A delay of D us that is pretended in all round trips and dropped during the window, and
//! Q us of pretended queue (18 ms, up to 33 ms on a busy challenger), add to the window's W at most: a factor of
//! 1 + (D + Q) / W.

mod challenger;
mod prover;
mod receiver;
mod sender;
#[cfg(test)]
mod tests;

use bytes::Bytes;

use crate::frame::Frame;
use crate::keystream::Direction;
use crate::wire::{Micros, WireCounters};
use lumora_core::reason::Reason;

pub use challenger::{Challenger, Terms};
pub use prover::{Asked, Prover};

/// The protocol's version, as in its ALPN.
pub const VERSION: u16 = 1;
/// Application-layer protocol name in the TLS handshake.
pub const ALPN: &[u8] = b"lumora-pob/1";
/// A peer that is silent for so long has failed.
pub const PEER_TIMEOUT_US: Micros = 3_000_000;
/// Longest time that one direction may take, round trips (times eight) not included.
pub const DIRECTION_TIMEOUT_US: Micros = 3_000_000;
/// An answer to the first counted chunk that comes later than the queue which the pacer aims at, by more than this, is
/// no longer believed to be due to the link.
pub const START_ALLOWANCE_US: Micros = 3_000;
/// Headers and the like may add an eighth to the payload at most (packets of 600 bytes); more does not count, so that
/// padding brings nothing.
pub const MOST_OVERHEAD: u64 = 8;
/// Chunks that a window must have.
pub const LEAST_CHUNKS: u32 = 8;

/// What a machine may know of the world when something happens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    pub now: Micros,
    pub wire: WireCounters,
    /// Bytes that the node has received and sent for others so far (prover only).
    pub background: (u64, u64),
}

/// What happens to a machine.
#[derive(Debug)]
pub enum Event<'a> {
    Frame(Frame),
    /// The next bytes of the payload stream.
    Payload(&'a [u8]),
    /// Time has passed.
    Tick,
}

/// What a machine wants done.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    Send(Frame),
    /// Bytes for the payload stream.
    SendPayload(Bytes),
    /// No more payload is sent; what is unsent may be dropped.
    EndPayload,
    /// No more payload is wanted.
    RefusePayload,
    /// The machine has its result.
    Finish,
}

/// A side of the protocol.
pub trait Machine {
    /// Takes in what happened; says what to do. After an error the machine is of no further use.
    fn handle(&mut self, moment: &Moment, event: Event<'_>, actions: &mut Vec<Action>) -> Result<(), Violation>;
    /// When [`Event::Tick`] is due at the latest.
    fn deadline(&self) -> Micros;
}

/// What the peer did that ends the measurement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    #[error("the peer sent a frame of {0} bytes, longer than any frame")]
    FrameTooLong(usize),
    #[error("the peer sent bytes that are no frame")]
    MalformedFrame,
    #[error("the peer sent {frame} while {expected} was due")]
    Unexpected {
        frame: &'static str,
        expected: &'static str,
    },
    #[error("the peer speaks version {0} of the protocol, this side version {VERSION}: update the older one")]
    Version(u16),
    #[error("nothing came for {seconds} s while {expected} was due")]
    TimedOut { expected: &'static str, seconds: u64 },
    #[error("the answer to chunk {0} is wrong")]
    WrongDigest(u32),
    #[error("an answer came before chunk {0} was sent whole")]
    EarlyAnswer(u32),
    #[error("the payload of chunk {0} is not the keystream")]
    WrongPayload(u32),
    #[error("payload came where none was due")]
    UnexpectedPayload,
    #[error("a ping was answered with another number than it had")]
    WrongPong,
    #[error("{0:?}: too little came through for an estimate. Is the link up, and faster than 0.2 Mbit/s?")]
    TooSlow(Direction),
    #[error("the challenger sent {kbps} kbit/s, above the limit of {limit_kbps} kbit/s")]
    LimitExceeded { kbps: u32, limit_kbps: u32 },
    #[error("the peer named a chunk ({0}) that does not exist yet")]
    NoSuchChunk(u32),
    #[error("the challenger's terms make no sense: {0}")]
    BadTerms(&'static str),
    #[error("the commitment's signature is wrong")]
    CommitmentSignature,
    #[error("the prover did not sign the receipt as it stands")]
    Countersignature,
    #[error("the peer ended the measurement: {sentence}")]
    Refused { reason: u8, sentence: String },
    #[error("the receipt does not hold: {0}")]
    Receipt(#[from] crate::receipt::ReceiptError),
}

impl Violation {
    /// The reason code under which the challenger records it.
    pub fn reason(&self) -> Reason {
        match self {
            Self::WrongDigest(_) | Self::EarlyAnswer(_) | Self::WrongPayload(_) => Reason::WrongDigest,
            _ => Reason::Aborted,
        }
    }
}

/// Waits for something with a deadline.
#[derive(Clone, Copy, Debug)]
struct Due {
    expected: &'static str,
    at: Micros,
    time: Micros,
}

impl Due {
    fn within(expected: &'static str, now: Micros, time: Micros) -> Self {
        Self {
            expected,
            at: now + time,
            time,
        }
    }

    fn check(&self, now: Micros) -> Result<(), Violation> {
        if now < self.at {
            return Ok(());
        }
        Err(Violation::TimedOut {
            expected: self.expected,
            seconds: self.time / 1_000_000,
        })
    }
}
