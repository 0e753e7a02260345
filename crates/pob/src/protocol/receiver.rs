//! The receiving side of Up at the challenger: checks the payload against the keystream and notes what came when.

use sha2::{Digest, Sha256};

use super::{LEAST_CHUNKS, MOST_OVERHEAD, Moment, Violation};
use crate::chunk;
use crate::estimate::{Point, Span, slope_of_thirds};
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
    first_counted: Option<u32>,
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
            first_counted: None,
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
        self.first_counted = self.first_counted.max(Some(chunk));
        Ok(())
    }

    pub(super) fn chunks(&self) -> u32 {
        self.arrivals.len() as u32
    }

    pub(super) fn first_counted(&self) -> Option<u32> {
        self.first_counted
    }

    pub(super) fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// Whether the window is long enough.
    pub(super) fn has_enough(&self, window_us: Micros) -> bool {
        let (Some(first), Some(last)) = (self.first_counted, self.arrivals.last()) else {
            return false;
        };
        last.at >= self.arrivals[first as usize].at + window_us && self.chunks() > first + LEAST_CHUNKS
    }

    /// IP-layer bytes and the time that they took, by the rule in [`super`].
    ///
    /// Arrivals of whole chunks alone would be open to a trick: withhold one packet, send on, release it, and half a
    /// second's chunks are complete at once. The bytes on the wire in that time tell.
    pub(super) fn measured(&self) -> Option<Span> {
        let first = self.first_counted?;
        let counted = &self.arrivals[first as usize..];
        let before = chunk::total(first + 1);
        let wire: Vec<Point> = counted
            .iter()
            .map(|arrival| Point {
                at: arrival.at,
                bytes: arrival.wire,
            })
            .collect();
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
        let span = slope_of_thirds(&wire)?.slower(slope_of_thirds(&payload)?);
        (span.bytes > 0).then_some(span)
    }
}
