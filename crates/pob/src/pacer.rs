//! How fast to send: finds a link's rate within some ten steps and then keeps the link just full.
//!
//! *Ramp*: the rate doubles step by step until what is sent comes back late, which says that a queue has built up and
//! so that the link is full (a token bucket lets its burst pass without a queue, so a queue also says that the
//! burst is spent). *Hold*: the rate follows what gets delivered, so that a short queue stands in front
//! of the link all the time. As long as it stands, what is delivered per second is the link's rate, and a process
//! that is scheduled a few milliseconds late does no harm. Nothing ever goes faster than the limit.
//!
//! A general-purpose congestion controller is no measuring instrument: slow start alone takes eight round trips, and
//! it backs off on purpose.
//!
//! No clock and no I/O: time and events in, an allowance of bytes out. All bytes here are payload bytes.

use std::collections::VecDeque;

use crate::chunk;
use crate::wire::{self, Micros};

/// The queue that Hold keeps in front of the link. Long enough to bridge late scheduling, short enough for
/// the buffers of home routers.
pub const TARGET_QUEUE_US: Micros = 12_000;
/// A queue of this length says that the link is full.
const FULL_QUEUE_US: Micros = 6_000;
/// A backlog of this length ends the ramp in the middle of a step.
const OVERFULL_QUEUE_US: Micros = 25_000;
/// Below this, the link was perhaps idle at times.
const BUSY_QUEUE_US: Micros = 2_500;
const SHORTEST_STEP_US: Micros = 10_000;
/// Deviation of the queue from its target that changes the rate by 100 %.
const QUEUE_GAIN_US: i64 = 20_000;
/// Time over which Hold looks at what was delivered.
const DELIVERY_WINDOW_US: Micros = 100_000;
/// Longest time for which unused allowance is kept: bounds the burst after late scheduling.
const LONGEST_BURST_US: Micros = 8_000;
const HIGHEST_START_BYTES_PER_SECOND: u64 = 500_000;
const LOWEST_RATE_BYTES_PER_SECOND: u64 = 20_000;
/// Least that is worth a write: about a packet.
const SMALLEST_BURST: u64 = 1_150;
const PPM: u64 = 1_000_000;
/// IP-layer bytes per payload byte before it has been observed: packets of 1,200 bytes.
const FIRST_OVERHEAD_PPM: u64 = 1_056_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Ramp { step_ends: Option<Micros>, steps_at_limit: u8, hesitated: bool },
    Hold { since: Micros, busy_since: Micros },
}

#[derive(Clone, Copy, Debug)]
struct Answer {
    at: Micros,
    /// How long the chunk waited in the link's queue.
    queue: Micros,
    /// Payload bytes answered so far.
    total: u64,
}

#[derive(Clone, Copy, Debug)]
struct Outstanding {
    sent: Micros,
    total: u64,
}

/// The rate controller of one direction.
pub struct Pacer {
    limit_kbps: u32,
    limit: u64,
    rate: u64,
    /// The link's rate as delivered, once something is known about it.
    estimate: u64,
    round_trip: Micros,
    /// Of the chunk that is being sent.
    chunk_bytes: u64,
    phase: Phase,
    /// Bytes that may be sent, times a million.
    credit: u64,
    credited: Option<Micros>,
    sent: u64,
    answered: u64,
    outstanding: VecDeque<Outstanding>,
    recent: VecDeque<Answer>,
    /// When the last answered chunk was sent, and how much had been sent by then.
    last_answered: Option<Outstanding>,
    steady_since: Option<u32>,
    answered_chunks: u32,
}

impl Pacer {
    /// `limit_kbps`: IP-layer rate never to be exceeded. `round_trip`: smallest seen so far.
    pub fn new(limit_kbps: u32, round_trip: Micros) -> Self {
        let limit = payload_limit(limit_kbps, FIRST_OVERHEAD_PPM);
        let rate = (limit / 16).min(HIGHEST_START_BYTES_PER_SECOND).max(LOWEST_RATE_BYTES_PER_SECOND).min(limit.max(1));
        Self {
            limit_kbps,
            limit,
            rate,
            estimate: rate,
            round_trip,
            chunk_bytes: u64::from(chunk::FIRST),
            phase: Phase::Ramp { step_ends: None, steps_at_limit: 0, hesitated: false },
            credit: 0,
            credited: None,
            sent: 0,
            answered: 0,
            outstanding: VecDeque::new(),
            recent: VecDeque::new(),
            last_answered: None,
            steady_since: None,
            answered_chunks: 0,
        }
    }

    /// Tells how many IP-layer bytes carried how many payload bytes so far, so that the limit is kept on the wire.
    pub fn observe_overhead(&mut self, wire_bytes: u64, payload_bytes: u64) {
        if payload_bytes >= 65_536 {
            let ppm = (u128::from(wire_bytes) * u128::from(PPM) / u128::from(payload_bytes)) as u64;
            self.limit = payload_limit(self.limit_kbps, ppm.clamp(PPM, PPM + PPM / 8));
        }
    }

    /// How many payload bytes may be sent now.
    pub fn allowance(&mut self, now: Micros) -> u64 {
        self.advance(now);
        let rate = self.rate.min(self.limit);
        let elapsed = now.saturating_sub(self.credited.unwrap_or(now));
        self.credited = Some(now);
        let most = (rate * LONGEST_BURST_US).max(2 * SMALLEST_BURST * PPM);
        self.credit = self.credit.saturating_add(rate.saturating_mul(elapsed)).min(most);

        let unanswered = self.sent - self.answered;
        let room = self.most_unanswered().saturating_sub(unanswered);
        let allowed = (self.credit / PPM).min(room);
        // Small writes cost packets; half a millisecond's worth is as smooth as timers get.
        if allowed < (rate / 2_000).max(SMALLEST_BURST) { 0 } else { allowed }
    }

    /// A chunk of `bytes` is begun.
    pub fn on_chunk_started(&mut self, bytes: u32) {
        self.chunk_bytes = u64::from(bytes);
    }

    /// `bytes` were sent.
    pub fn on_sent(&mut self, bytes: u64) {
        self.sent += bytes;
        self.credit = self.credit.saturating_sub(bytes.saturating_mul(PPM));
    }

    /// The last byte of a chunk was sent.
    pub fn on_chunk_sent(&mut self, now: Micros) {
        self.outstanding.push_back(Outstanding { sent: now, total: self.sent });
    }

    /// The oldest unanswered chunk was answered. False when there is none.
    pub fn on_answer(&mut self, now: Micros) -> bool {
        let Some(chunk) = self.outstanding.pop_front() else { return false };
        let delay = now.saturating_sub(chunk.sent);
        self.round_trip = self.round_trip.min(delay);
        self.answered = chunk.total;
        self.answered_chunks += 1;
        self.last_answered = Some(chunk);
        let answer = Answer { at: now, queue: delay - self.round_trip, total: chunk.total };
        self.recent.push_back(answer);
        while self.recent.front().is_some_and(|oldest| oldest.at + DELIVERY_WINDOW_US < now) && self.recent.len() > 4 {
            self.recent.pop_front();
        }
        self.advance(now);
        self.look_for_steadiness(&answer);
        true
    }

    /// The first answered chunk of the steady state, once it is reached.
    pub fn steady_since(&self) -> Option<u32> {
        self.steady_since
    }

    /// What the link delivers, in payload bytes per second, as far as known.
    pub fn estimate(&self) -> u64 {
        self.estimate
    }

    /// The smallest delay seen between sending and answer.
    pub fn round_trip(&self) -> Micros {
        self.round_trip
    }

    fn advance(&mut self, now: Micros) {
        match self.phase {
            Phase::Ramp { step_ends: None, .. } => {
                self.phase = Phase::Ramp { step_ends: Some(now + self.step()), steps_at_limit: 0, hesitated: false };
            }
            Phase::Ramp { step_ends: Some(step_ends), steps_at_limit, hesitated } => {
                if self.overdue(now) > OVERFULL_QUEUE_US || self.queue(now) > FULL_QUEUE_US {
                    self.hold(now);
                } else if now >= step_ends && self.queue(now) > BUSY_QUEUE_US && !hesitated {
                    // Perhaps full: look again before doubling.
                    let step_ends = Some(now + self.step() / 2);
                    self.phase = Phase::Ramp { step_ends, steps_at_limit, hesitated: true };
                } else if now >= step_ends {
                    let at_limit = self.rate >= self.limit;
                    if at_limit && steps_at_limit >= 1 {
                        self.hold(now);
                        return;
                    }
                    self.rate = (self.rate * 2).min(self.limit);
                    let steps_at_limit = if at_limit { steps_at_limit + 1 } else { 0 };
                    self.phase = Phase::Ramp { step_ends: Some(now + self.step()), steps_at_limit, hesitated: false };
                }
            }
            Phase::Hold { busy_since, .. } => {
                if let Some(delivered) = self.delivered(now, busy_since) {
                    self.estimate = delivered;
                }
                let off = self.target_queue() as i64 - self.predicted_queue(now) as i64;
                let percent = (100 + off * 100 / QUEUE_GAIN_US).clamp(30, 125) as u64;
                self.rate = (self.estimate * percent / 100).clamp(LOWEST_RATE_BYTES_PER_SECOND, self.limit.max(1));
            }
        }
    }

    fn hold(&mut self, now: Micros) {
        // The run of late answers that ended the ramp: the link was busy since the first of them.
        let busy_since =
            self.recent.iter().rev().take_while(|answer| answer.queue > BUSY_QUEUE_US).last().map_or(now, |answer| answer.at);
        self.estimate = self.delivered(now, busy_since).unwrap_or(if self.rate >= self.limit && self.queue(now) < FULL_QUEUE_US {
            self.limit
        } else {
            // The step before did not fill the link.
            self.rate / 2
        });
        self.phase = Phase::Hold { since: now, busy_since };
    }

    /// Payload bytes per second that came through since `since`, over the delivery window.
    fn delivered(&self, now: Micros, since: Micros) -> Option<u64> {
        let since = since.max(now.saturating_sub(DELIVERY_WINDOW_US));
        let first = self.recent.iter().find(|answer| answer.at >= since)?;
        let last = self.recent.back()?;
        let (bytes, time) = (last.total - first.total, last.at - first.at);
        (time >= 5_000 && bytes >= 2 * self.chunk_bytes).then(|| bytes * PPM / time)
    }

    fn look_for_steadiness(&mut self, answer: &Answer) {
        let Phase::Hold { since, .. } = self.phase else { return };
        if self.steady_since.is_some() {
            return;
        }
        let at_limit = self.rate >= self.limit;
        let full = answer.queue >= BUSY_QUEUE_US || at_limit;
        let drained = answer.queue <= self.target_queue() + 2_000;
        let patience = 80_000 + 2 * self.round_trip;
        if (full && drained) || answer.at > since + patience {
            self.steady_since = Some(self.answered_chunks - 1);
        }
    }

    /// The shortest queue within the last half step: late scheduling lengthens single answers, a full link all of them.
    fn queue(&self, now: Micros) -> Micros {
        let half_step = now.saturating_sub(self.step() / 2);
        let recent = self.recent.iter().rev().take_while(|answer| answer.at >= half_step);
        let (count, shortest) = recent.fold((0, Micros::MAX), |(count, shortest), answer| (count + 1, shortest.min(answer.queue)));
        if count >= 2 { shortest } else { self.overdue(now) }
    }

    /// By how much the oldest unanswered chunk is late.
    fn overdue(&self, now: Micros) -> Micros {
        self.outstanding.front().map_or(0, |oldest| now.saturating_sub(oldest.sent).saturating_sub(self.round_trip))
    }

    /// At least two packets long, or sending by whole packets would look like a queue on slow links.
    fn target_queue(&self) -> Micros {
        TARGET_QUEUE_US.max(2 * SMALLEST_BURST * PPM / self.estimate.max(1))
    }

    /// The queue that a byte sent now will meet: what the last answered chunk met, plus what was sent since, minus what
    /// the link took away in that time.
    fn predicted_queue(&self, now: Micros) -> Micros {
        let (Some(last), Some(answer)) = (self.last_answered, self.recent.back()) else { return self.overdue(now) };
        let sent_since = (self.sent - last.total) * PPM / self.estimate.max(1);
        (answer.queue + sent_since).saturating_sub(now.saturating_sub(last.sent))
    }

    /// Sending stops when so much is unanswered: whatever happens to the answers, the link is not flooded.
    fn most_unanswered(&self) -> u64 {
        let (rate, time) = match self.phase {
            Phase::Ramp { .. } => (self.rate, self.round_trip + OVERFULL_QUEUE_US),
            Phase::Hold { .. } => (self.estimate, self.round_trip + 3 * self.target_queue()),
        };
        rate * time / PPM + 2 * self.chunk_bytes
    }

    fn step(&self) -> Micros {
        let chunk_time = self.chunk_bytes * PPM / self.rate.max(1);
        SHORTEST_STEP_US.max(self.round_trip + self.round_trip / 4 + chunk_time)
    }
}

fn payload_limit(limit_kbps: u32, overhead_ppm: u64) -> u64 {
    wire::bytes_per_second(limit_kbps) * PPM / overhead_ppm
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A link of `rate` bytes per second behind a token bucket of `burst` bytes: runs the pacer in simulated time and
    /// returns the rate delivered in 300 ms of steady state, the time when it began and the longest queue.
    fn run(rate: u64, burst: u64, round_trip: Micros, limit_kbps: u32) -> (u64, Micros, Micros) {
        let mut pacer = Pacer::new(limit_kbps, round_trip);
        let mut free_at = 0f64;
        let (mut total, mut chunks, mut chunk_left) = (0u64, 0u32, u64::from(chunk::length(0)));
        let mut answers: VecDeque<(Micros, u32)> = VecDeque::new();
        let mut first: Option<(Micros, u64)> = None;
        let (mut answered, mut longest_queue) = (0u64, 0);
        let bucket_us = burst as f64 * 1e6 / rate as f64;
        for now in (0..4_000_000).step_by(250) {
            while answers.front().is_some_and(|(at, _)| *at <= now) {
                let (at, chunk) = answers.pop_front().unwrap();
                assert!(pacer.on_answer(at));
                answered = chunk::total(chunk + 1);
                if pacer.steady_since().is_some() {
                    let (began, bytes) = *first.get_or_insert((at, answered));
                    if at >= began + 300_000 {
                        return ((answered - bytes) * PPM / (at - began), began, longest_queue);
                    }
                }
            }
            if now % 1_000 != 0 {
                continue;
            }
            let mut allowed = pacer.allowance(now);
            total += allowed;
            while allowed > 0 {
                let bytes = allowed.min(chunk_left);
                pacer.on_sent(bytes);
                (allowed, chunk_left) = (allowed - bytes, chunk_left - bytes);
                // The bucket lets what it has saved up pass at once.
                free_at = free_at.max(now as f64 - bucket_us) + bytes as f64 * 1e6 / rate as f64;
                longest_queue = longest_queue.max((free_at - now as f64).max(0.0) as u64);
                if chunk_left == 0 {
                    pacer.on_chunk_sent(now);
                    answers.push_back(((free_at.max(now as f64) as u64) + round_trip, chunks));
                    chunks += 1;
                    chunk_left = u64::from(chunk::length(chunks));
                    pacer.on_chunk_started(chunk::length(chunks));
                }
            }
        }
        panic!("no steady state after {total} bytes");
    }

    #[test]
    fn finds_links_from_2_to_900_megabit_and_keeps_them_just_full() {
        for megabit in [2u64, 5, 20, 50, 100, 300, 900] {
            for round_trip in [200, 5_000, 20_000, 80_000] {
                let rate = megabit * 125_000;
                let (delivered, began, queue) = run(rate, rate / 250 + 16_000, round_trip, 1_200_000);
                eprintln!("{megabit} Mbit/s rtt {round_trip} us: {:.2}% began {began} queue {queue}", (delivered as f64 / rate as f64 - 1.0) * 100.0);
                let error = (delivered as f64 / rate as f64 - 1.0).abs();
                if std::env::var("T").is_ok() { continue; }
                assert!(error < 0.02, "{megabit} Mbit/s, {round_trip} us: {delivered} against {rate}");
                assert!(began < 350_000 + 14 * round_trip, "{megabit} Mbit/s, {round_trip} us: began at {began}");
                assert!(queue < 50_000 + 2 * round_trip, "{megabit} Mbit/s, {round_trip} us: queue {queue}");
            }
        }
    }

    #[test]
    fn never_exceeds_the_limit() {
        for limit_kbps in [500u32, 8_000, 80_000] {
            let (delivered, ..) = run(125_000_000, 1_000_000, 10_000, limit_kbps);
            let limit = payload_limit(limit_kbps, FIRST_OVERHEAD_PPM);
            assert!(delivered <= limit + limit / 100, "{limit_kbps} kbit/s: {delivered} > {limit}");
            assert!(delivered >= limit - limit / 30, "{limit_kbps} kbit/s: {delivered} < {limit}");
        }
    }

    #[test]
    fn stops_when_nothing_is_answered() {
        let mut pacer = Pacer::new(1_000_000, 1_000);
        let mut sent = 0;
        for now in (0..10_000_000).step_by(1_000) {
            let allowed = pacer.allowance(now);
            pacer.on_sent(allowed);
            sent += allowed;
            if sent >= 2_048 && pacer.outstanding.is_empty() {
                pacer.on_chunk_sent(now);
            }
        }
        assert!(sent < 1_000_000, "{sent} bytes went into the void");
    }
}
