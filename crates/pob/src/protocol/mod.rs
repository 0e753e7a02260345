//! The rules of a measurement, as two state machines without sockets, clocks or randomness: time and bytes in, actions
//! out. The shells in `challenger` and `prover` carry the actions out over QUIC.
//!
//! ```text
//! prover                                     challenger
//!   Hello (node, epoch, round, limit) ------>
//!                                     <------ (Later, and it ends here: it is not the node's turn yet)
//!                                     <------ Commit (SHA-256(seed), signed; limit)
//!   Pong                       <-- 4 times --> Ping (no waiting for the pong before)
//!   Answer per chunk           <------------- Down: keystream; DownEnd
//!                                     <------ UpStart (key of the second keystream)
//!   keystream, Steady          -------------> Received per chunk; UpEnd
//!   Report (background, lateness)     ------>
//!                                     <------ Receipt, signed
//!   Countersign                       ------>
//!                                     <------ Reveal (seed)
//! ```
//!
//! **What counts.** Both rates are taken by the challenger's clock. *Down*: a chunk counts when the right answer is
//! back; the rate is the slope of the answers from the first one of the steady state on ([`estimate`](crate::estimate)).
//! *Up*: a chunk counts when it came in whole and is the right keystream; the rate is the slope of the IP-layer bytes
//! that came in. Bytes are those of the IP layer: what QUIC sent (and did not lose) or received in the window.
//! Ramp-up does not count, and neither does the burst of a token bucket, because the steady state begins
//! with a queue in front of the link.
//!
//! **When it stops.** As soon as both halves of the window agree, but not before [`SHORTEST_WINDOW_US`]; and at the
//! latest when the challenger's own window is over. Down also lasts [`MOST_ROUND_TRIP_PART`] round trips where that is
//! longer, up to [`LONGEST_WINDOW_US`].
//!
//! **What a lying node gains.** Nothing in Up, where only the arrival of unpredictable bytes counts. In Down, a node that
//! answers late in all round trips and stops doing so during the window looks exactly like one on a longer and faster
//! path: no challenger alone can tell them apart. What a link can have carried since a chunk was sent bounds it
//! ([`ceiling`](crate::estimate::ceiling)): a round trip, true or pretended, is taken off that time only up to its 24th
//! part. The gain is at most 1 / (1 - 1/24), and the window is made so long that honest nodes lose nothing by that up to
//! round trips of 33 ms; on longer paths they are taken for slower than they are.
//!
//! **Neighbours.** Measurements of one network at one time by one challenger are watched together: each counts from when
//! all have filled the link, and goes on until all have enough. So their rates add up to the link's.
//!
//! Where they have different challengers, the policy has them begin at the same instant, and holds a node that comes early.
//!
//! **What is not attested.** A window whose halves differ by more than a sixth: the link was not full all the time. Or one
//! during which a side was not scheduled when it should have sent or received (it says by how much): a busy machine
//! would pass for a slow link. Both are inconclusive.

mod challenger;
mod prover;
mod punctuality;
mod receiver;
mod sender;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use bytes::Bytes;

use crate::estimate::{MINIMUM_POINTS, MOST_ROUND_TRIP_PART};
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
/// The steady state is watched for so long at least.
pub const SHORTEST_WINDOW_US: Micros = 120_000;
/// And for no longer than that, whatever the round trip.
pub const LONGEST_WINDOW_US: Micros = 800_000;
/// Headers and the like may add an eighth to the payload at most (packets of 600 bytes); more does not count, so that
/// padding brings nothing.
pub const MOST_OVERHEAD: u64 = 8;
/// Chunks that a window must have: each of its halves needs enough points for a slope.
pub const LEAST_CHUNKS: u32 = 2 * MINIMUM_POINTS as u32;

/// What a machine may know of the world when something happens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    pub now: Micros,
    pub wire: WireCounters,
    /// Bytes that the node has received and sent for others so far (prover only).
    pub background: (u64, u64),
    /// Of the other measurements that share the node's network, how far the slowest is (challenger only).
    pub slowest_neighbour: Option<Progress>,
}

/// How far a measurement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Progress {
    /// Down has not filled the link yet.
    DownBegins,
    /// It has, and is being watched.
    DownSteady,
    /// For long enough.
    DownEnough,
    UpBegins,
    UpSteady,
    UpEnough,
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
    /// How far the measurement is, for others that share the link (challenger only).
    fn progress(&self) -> Option<Progress> {
        None
    }
}

/// One of the two machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Prover,
    Challenger,
}

impl std::fmt::Display for Side {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Prover => "the node's machine",
            Self::Challenger => "the challenger's machine",
        })
    }
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
    #[error(
        "{direction:?}: {side} had too much else to do ({late_ms} ms late in {time_ms} ms), so this says nothing about the \
         link. Try again when that machine is less busy"
    )]
    Starved {
        direction: Direction,
        side: Side,
        late_ms: u64,
        time_ms: u64,
    },
    #[error("{0:?}: too little came through for an estimate. Is the link up, and faster than 0.2 Mbit/s?")]
    TooSlow(Direction),
    #[error(
        "{0:?}: the link did not stay full for long enough for an estimate. Does its rate change, or is it shared?"
    )]
    Unsteady(Direction),
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
    #[error("it is not this node's turn yet: dial again in {millis} ms")]
    Later { millis: u32 },
    #[error("this node is measured at {0}: dial there")]
    Elsewhere(SocketAddr),
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
            Self::Starved { .. } | Self::Unsteady(_) => Reason::Inconclusive,
            _ => Reason::Aborted,
        }
    }
}

/// How long Down is watched at least at this round trip: what is taken off for it must not matter to honest nodes.
fn least_window(round_trip: Micros) -> Micros {
    (MOST_ROUND_TRIP_PART * round_trip).clamp(SHORTEST_WINDOW_US, LONGEST_WINDOW_US)
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
