//! The receiving side of Up at the challenger: checks the payload against the keystream and notes what came when.

use sha2::{Digest, Sha256};

use super::punctuality::Punctuality;
use super::{LEAST_CHUNKS, MOST_OVERHEAD, Moment, SHORTEST_WINDOW_US, Violation};
use crate::chunk;
use crate::estimate::{Point, Span, is_plausible, is_settled, slope_of_thirds};
use crate::keystream::{Direction, Keystream};
use crate::transcript::Transcript;
use crate::wire::Micros;

pub(super) struct Receiver {
    keystream: Keystream,
    transcript: Transcript,
    /// The chunk that is coming in: what it must be, and how much of it has come.
    expected: Vec<u8>,
    matched: usize,
    arrivals: Vec<Arrival>,
    /// The first chunk since which the prover calls the link full.
    steady_since: Option<u32>,
    /// The first chunk that came after all neighbours had filled the link.
    alone_until: u32,
    /// Since the window opened.
    punctuality: Punctuality,
}

/// When a chunk was complete.
struct Arrival {
    at: Micros,
    /// IP-layer bytes received by then.
    wire: u64,
}

impl Receiver {
    pub(super) fn new(key: &[u8; 32], commitment: &[u8; 32]) -> Self {
        Self {
            keystream: Keystream::new(key),
            transcript: Transcript::new(Direction::Up, commitment),
            expected: Vec::new(),
            matched: 0,
            arrivals: Vec::new(),
            steady_since: None,
            alone_until: 0,
            punctuality: Punctuality::default(),
        }
    }

    /// Takes in payload; true when a chunk was completed.
    pub(super) fn payload(&mut self, moment: &Moment, mut bytes: &[u8]) -> Result<bool, Violation> {
        let before = self.arrivals.len();
        while !bytes.is_empty() {
            if self.expected.is_empty() {
                self.expected = self.keystream.take(chunk::length(self.chunks()) as usize);
                self.matched = 0;
            }
            let due = &self.expected[self.matched..];
            let (now, later) = bytes.split_at(bytes.len().min(due.len()));
            if now != &due[..now.len()] {
                return Err(Violation::WrongPayload(self.chunks()));
            }
            self.matched += now.len();
            bytes = later;
            if self.matched == self.expected.len() {
                self.transcript.push(&Sha256::digest(&self.expected).into());
                self.expected.clear();
                self.arrivals.push(Arrival {
                    at: moment.now,
                    wire: moment.wire.received,
                });
            }
        }
        Ok(self.arrivals.len() > before)
    }

    /// The prover says that the link is full since this chunk; later it may find that the window has to begin anew.
    pub(super) fn steady(&mut self, chunk: u32) -> Result<(), Violation> {
        if chunk >= self.chunks() {
            return Err(Violation::NoSuchChunk(chunk));
        }
        if self.steady_since < Some(chunk) {
            self.steady_since = Some(chunk);
            self.punctuality.restart();
        }
        Ok(())
    }

    /// Neighbours have not filled the link yet: what comes in now is more than this node's share of it.
    pub(super) fn wait_for_neighbours(&mut self) {
        self.alone_until = self.chunks();
        self.punctuality.restart();
    }

    /// Whether the prover calls the link full.
    pub(super) fn is_steady(&self) -> bool {
        self.steady_since.is_some()
    }

    /// Time passes; must be called at every chance.
    pub(super) fn look(&mut self, now: Micros) {
        self.punctuality.look(now);
    }

    /// Whether this process was scheduled as it should have been, since the window opened.
    pub(super) fn punctuality(&self) -> &Punctuality {
        &self.punctuality
    }

    pub(super) fn chunks(&self) -> u32 {
        self.arrivals.len() as u32
    }

    /// The first chunk that counts.
    pub(super) fn first_counted(&self) -> Option<u32> {
        let first = self.steady_since?.max(self.alone_until);
        (first < self.chunks()).then_some(first)
    }

    pub(super) fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// Whether the window is long enough: the estimate has settled, or has had `longest_us` to do so.
    pub(super) fn has_enough(&self, longest_us: Micros) -> bool {
        let (Some(first), Some(last)) = (self.first_counted(), self.arrivals.last()) else {
            return false;
        };
        if self.chunks() <= first + LEAST_CHUNKS {
            return false;
        }
        let counted = &self.arrivals[first as usize..];
        let window = last.at.saturating_sub(counted[0].at);
        window >= SHORTEST_WINDOW_US
            && (window >= longest_us || (!self.punctuality.is_bad() && is_settled(&wire_points(counted))))
    }

    /// IP-layer bytes and the time that they took, by the rule in [`super`].
    ///
    /// Arrivals of whole chunks alone would be open to a trick: withhold one packet, send on, release it, and half a
    /// second's chunks are complete at once. The bytes on the wire in that time tell.
    pub(super) fn measured(&self) -> Option<Span> {
        let first = self.first_counted()?;
        let counted = &self.arrivals[first as usize..];
        let before = chunk::total(first + 1);
        let payload: Vec<Point> = (first..)
            .zip(counted)
            .map(|(index, arrival)| {
                let bytes = chunk::total(index + 1) - before;
                Point {
                    at: arrival.at,
                    bytes: bytes + bytes / MOST_OVERHEAD,
                }
            })
            .collect();
        let wire = wire_points(counted);
        if !is_plausible(&wire) {
            return None;
        }
        let span = slope_of_thirds(&wire)?.slower(slope_of_thirds(&payload)?);
        (span.bytes > 0).then_some(span)
    }
}

fn wire_points(arrivals: &[Arrival]) -> Vec<Point> {
    arrivals
        .iter()
        .map(|arrival| Point {
            at: arrival.at,
            bytes: arrival.wire,
        })
        .collect()
}
