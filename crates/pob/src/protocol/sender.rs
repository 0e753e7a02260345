//! The sending side of one direction: keystream chunks at the pacer's rate, and when each was sent and answered.

use bytes::{Buf, Bytes};
use sha2::{Digest, Sha256};

use super::{Action, LEAST_CHUNKS, MOST_OVERHEAD, Moment, START_ALLOWANCE_US, Violation};
use crate::chunk;
use crate::estimate::{Point, Span, slope_with_latest_start};
use crate::keystream::{Direction, Keystream};
use crate::pacer::Pacer;
use crate::transcript::Transcript;
use crate::wire::{Micros, WireCounters};

pub(super) struct Sender {
    keystream: Keystream,
    transcript: Transcript,
    pacer: Pacer,
    /// What is left of the chunk that is being sent.
    rest: Bytes,
    /// When each chunk was sent whole, and when it was answered.
    sent_at: Vec<Micros>,
    answered_at: Vec<Micros>,
    payload_sent: u64,
    wire_at_start: Option<WireCounters>,
    window: Option<WindowStart>,
}

/// The counters when the steady state was reached.
struct WindowStart {
    first_chunk: u32,
    opened: Micros,
    wire: WireCounters,
    payload_sent: u64,
}

impl Sender {
    pub(super) fn new(
        key: &[u8; 32],
        direction: Direction,
        commitment: &[u8; 32],
        limit_kbps: u32,
        round_trip: Micros,
    ) -> Self {
        Self {
            keystream: Keystream::new(key),
            transcript: Transcript::new(direction, commitment),
            pacer: Pacer::new(limit_kbps, round_trip),
            rest: Bytes::new(),
            sent_at: Vec::new(),
            answered_at: Vec::new(),
            payload_sent: 0,
            wire_at_start: None,
            window: None,
        }
    }

    /// Sends what may be sent now.
    pub(super) fn poll(&mut self, moment: &Moment, actions: &mut Vec<Action>) {
        let start = *self.wire_at_start.get_or_insert(moment.wire);
        self.pacer
            .observe_overhead(moment.wire.sent - start.sent, self.payload_sent);
        let mut allowed = self.pacer.allowance(moment.now);
        while allowed > 0 {
            if self.rest.is_empty() {
                let length = chunk::length(self.transcript.chunks());
                let chunk = self.keystream.take(length as usize);
                self.pacer.on_chunk_started(length);
                self.transcript.push(&Sha256::digest(&chunk).into());
                self.rest = chunk.into();
            }
            let bytes = allowed.min(self.rest.len() as u64);
            let piece = self.rest.slice(..bytes as usize);
            self.rest.advance(bytes as usize);
            actions.push(Action::SendPayload(piece));
            self.pacer.on_sent(bytes);
            self.payload_sent += bytes;
            allowed -= bytes;
            if self.rest.is_empty() {
                self.pacer.on_chunk_sent(moment.now);
                self.sent_at.push(moment.now);
            }
        }
    }

    /// The next chunk was answered; returns its number. It must have been sent whole.
    pub(super) fn answered(&mut self, moment: &Moment) -> Result<u32, Violation> {
        let chunk = self.chunks_answered();
        if !self.pacer.on_answer(moment.now) {
            return Err(Violation::EarlyAnswer(chunk));
        }
        self.answered_at.push(moment.now);
        // A steady state that was lost and found again opens a new window.
        let steady_since = self.pacer.steady_since();
        if steady_since != self.steady_since() {
            self.window = steady_since.map(|first_chunk| WindowStart {
                first_chunk,
                opened: moment.now,
                wire: moment.wire,
                payload_sent: self.payload_sent,
            });
        }
        Ok(chunk)
    }

    pub(super) fn chunks_answered(&self) -> u32 {
        self.answered_at.len() as u32
    }

    /// Chunks sent whole but not answered yet.
    pub(super) fn chunks_unanswered(&self) -> u32 {
        (self.sent_at.len() - self.answered_at.len()) as u32
    }

    pub(super) fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// The first chunk that counts, once there is one.
    pub(super) fn steady_since(&self) -> Option<u32> {
        self.window.as_ref().map(|window| window.first_chunk)
    }

    /// Whether the window is long enough.
    pub(super) fn has_enough(&self, now: Micros, window_us: Micros) -> bool {
        self.window.as_ref().is_some_and(|window| {
            now >= window.opened + window_us && self.chunks_answered() > window.first_chunk + LEAST_CHUNKS
        })
    }

    /// IP-layer bytes and the time that they took, by the rule in [`super`].
    pub(super) fn measured(&self, wire: &WireCounters) -> Option<Span> {
        let window = self.window.as_ref()?;
        let first = window.first_chunk as usize;
        let before = chunk::total(window.first_chunk + 1);
        let points: Vec<Point> = (window.first_chunk..)
            .zip(&self.answered_at[first..])
            .map(|(index, at)| Point {
                at: *at,
                bytes: chunk::total(index + 1) - before,
            })
            .collect();
        let latest_start =
            self.sent_at[first] + self.pacer.round_trip() + self.pacer.target_queue() + START_ALLOWANCE_US;
        let span = slope_with_latest_start(&points, latest_start)?;

        let payload = self.payload_sent.saturating_sub(window.payload_sent);
        let wire = wire
            .delivered()
            .saturating_sub(window.wire.delivered())
            .min(payload + payload / MOST_OVERHEAD);
        let bytes = (u128::from(span.bytes) * u128::from(wire)).checked_div(u128::from(payload))?;
        let bytes = if bytes == 0 {
            return None;
        } else {
            u64::try_from(bytes).ok()?
        };
        Some(Span {
            bytes,
            duration_us: span.duration_us,
        })
    }
}
