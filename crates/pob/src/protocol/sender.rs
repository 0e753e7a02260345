//! The sending side of one direction: keystream chunks at the pacer's rate, and when each was sent and answered.

use bytes::{Buf, Bytes};
use sha2::{Digest, Sha256};

use super::punctuality::Punctuality;
use super::{Action, LEAST_CHUNKS, MOST_OVERHEAD, Moment, Violation, least_window};
use crate::chunk;
use crate::estimate::{Point, Span, ceiling, is_plausible, is_settled, slope_of_thirds};
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
    /// The first chunk that counts.
    steady_since: Option<u32>,
    /// The first chunk that was answered after all neighbours had filled the link.
    alone_until: u32,
    /// Since the window opened.
    punctuality: Punctuality,
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
            steady_since: None,
            alone_until: 0,
            punctuality: Punctuality::default(),
        }
    }

    /// Neighbours have not filled the link yet: what is measured now is more than this node's share of it.
    pub(super) fn wait_for_neighbours(&mut self) {
        self.alone_until = self.chunks_answered();
        self.steady_since = None;
    }

    /// Whether the link is full, as far as this sender can tell.
    pub(super) fn is_steady(&self) -> bool {
        self.pacer.steady_since().is_some()
    }

    /// Sends what may be sent now.
    pub(super) fn poll(&mut self, moment: &Moment, actions: &mut Vec<Action>) {
        self.punctuality.look(moment.now);
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
        let steady_since = self.pacer.steady_since().map(|first| first.max(self.alone_until));
        if steady_since != self.steady_since {
            self.punctuality.restart();
            self.steady_since = steady_since;
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
        self.steady_since
    }

    /// Whether this process was scheduled as it should have been, since the window opened.
    pub(super) fn punctuality(&self) -> &Punctuality {
        &self.punctuality
    }

    /// Whether the window is long enough: the estimate has settled, or has had `longest_us` to do so.
    pub(super) fn has_enough(&self, longest_us: Micros) -> bool {
        let (Some(first), Some(last)) = (self.steady_since, self.answered_at.last()) else {
            return false;
        };
        if self.chunks_answered() <= first + LEAST_CHUNKS {
            return false;
        }
        let began = match self.pacer.filling_since() {
            Some(filling) if self.alone_until == 0 => filling,
            _ => self.sent_at[first as usize],
        };
        let window = last.saturating_sub(began);
        let least = least_window(self.pacer.round_trip());
        window >= least
            && (window >= longest_us.max(least)
                || (!self.punctuality.is_bad() && is_settled(&self.answers_since(first))))
    }

    /// The answers from chunk `first` on, with all bytes up to theirs.
    fn answers_since(&self, first: u32) -> Vec<Point> {
        points(&self.answered_at, first)
    }

    /// IP-layer bytes and the time that they took, by the rule in [`super`].
    pub(super) fn measured(&self, wire: &WireCounters) -> Option<Span> {
        let first = self.steady_since?;
        let answers = self.answers_since(first);
        if !is_plausible(&answers) {
            return None;
        }
        let departures = points(&self.sent_at[..=first as usize], 0);
        let last_third = &answers[answers.len() - answers.len() / 3..];
        let span = slope_of_thirds(&answers)?.slower(ceiling(&departures, last_third, self.pacer.round_trip())?);

        // Over the whole direction: what QUIC still held back when the window opened would count as headers in the window.
        let payload = self.payload_sent;
        let wire = wire
            .delivered()
            .saturating_sub(self.wire_at_start?.delivered())
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

/// What had been sent or answered when, from chunk `first` on.
fn points(times: &[Micros], first: u32) -> Vec<Point> {
    (first..)
        .zip(&times[first as usize..])
        .map(|(index, at)| Point {
            at: *at,
            bytes: chunk::total(index + 1),
        })
        .collect()
}
