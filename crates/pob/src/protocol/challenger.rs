//! The challenger's machine: from the commitment to the countersigned receipt.

use lumora_core::reason::Reason;
use lumora_core::schedule::NetworkTag;

use super::punctuality::{self, Punctuality};
use super::receiver::Receiver;
use super::sender::Sender;
use super::{
    Action, DIRECTION_TIMEOUT_US, Due, Event, LEAST_CHUNKS, Machine, Moment, PEER_TIMEOUT_US, Progress, Side, Violation,
};
use crate::estimate::Span;
use crate::frame::Frame;
use crate::identity::Identity;
use crate::keystream::{self, Direction};
use crate::receipt::{self, Context, DirectionResult, RTT_SAMPLES, Receipt, SignedReceipt};
use crate::transcript;
use crate::wire::{self, Micros};

/// What is measured and how; drawn and decided by the shell.
#[derive(Clone, Debug)]
pub struct Terms {
    pub context: Context,
    /// The lower of the node's limit and what the policy allows, kbit/s.
    pub limit_kbps: u32,
    /// Fresh randomness.
    pub seed: [u8; 32],
    /// The wall clock.
    pub unix_timestamp: i64,
    /// Which network the node dials from; see [`Receipt::network`].
    pub network: NetworkTag,
    /// See [`Receipt::pass`].
    pub pass: u8,
    /// How long the steady state is watched.
    pub window_us: Micros,
}

enum State {
    Start,
    Pinging {
        due: Due,
        /// When each ping was sent.
        sent: Vec<Micros>,
    },
    Down {
        due: Due,
    },
    Up {
        due: Due,
    },
    AwaitReport {
        due: Due,
    },
    AwaitCountersignature {
        due: Due,
        receipt: Box<Receipt>,
        signature: [u8; 64],
    },
    Done,
}

/// The challenger's side of one measurement.
pub struct Challenger {
    identity: Identity,
    terms: Terms,
    commitment: [u8; 32],
    state: State,
    round_trips: Vec<u32>,
    down: Option<Sender>,
    down_result: Option<Counted>,
    up: Option<Receiver>,
    up_result: Option<Counted>,
    signed: Option<SignedReceipt>,
    progress: Progress,
    /// When the direction that runs began.
    began: Micros,
}

/// A direction that is over.
#[derive(Clone, Copy)]
struct Counted {
    chunks: u32,
    first_counted_chunk: u32,
    span: Span,
    /// How long the direction took, ramp-up included.
    took: Micros,
    punctuality: Punctuality,
}

impl Counted {
    /// Of the bytes that the node moved for others in the whole direction, those that fall to the time that counts.
    fn background(&self, bytes: u64) -> u64 {
        let share = u128::from(bytes) * u128::from(self.span.duration_us) / u128::from(self.took.max(1));
        u64::try_from(share).unwrap_or(u64::MAX)
    }

    /// Whether both machines did their part of it; the prover says by how much it was late.
    fn check(&self, direction: Direction, prover_late_us: u32) -> Result<(), Violation> {
        let (own, time) = self.punctuality.lateness();
        for (side, late) in [(Side::Challenger, own), (Side::Prover, prover_late_us.into())] {
            if punctuality::is_spoilt(late, time) {
                return Err(Violation::Starved {
                    direction,
                    side,
                    late_ms: late / 1_000,
                    time_ms: time / 1_000,
                });
            }
        }
        Ok(())
    }
}

/// What is left of a direction's time when neighbours are no longer waited for.
const NEIGHBOUR_RESERVE_US: Micros = 1_200_000;
/// Between two pings, unless the answer to the first comes before that.
const PING_INTERVAL_US: Micros = 3_000;

impl Challenger {
    pub fn new(identity: Identity, terms: Terms) -> Self {
        let commitment = keystream::commitment(&terms.seed);
        Self {
            identity,
            terms,
            commitment,
            state: State::Start,
            round_trips: Vec::new(),
            down: None,
            down_result: None,
            up: None,
            up_result: None,
            signed: None,
            progress: Progress::DownBegins,
            began: 0,
        }
    }

    /// The receipt that both have signed.
    pub fn into_signed(self) -> Option<SignedReceipt> {
        self.signed
    }

    /// A receipt that says only that the measurement failed and why; signed by the challenger alone.
    pub fn failure(&self, reason: Reason) -> SignedReceipt {
        let receipt = Receipt {
            reason: reason as u8,
            down: DirectionResult::default(),
            up: DirectionResult::default(),
            rtt_samples_us: [0; RTT_SAMPLES],
            min_rtt_us: 0,
            transcript_root: [0; 32],
            ..self.blank()
        };
        let challenger_signature = receipt.sign(&self.identity);
        SignedReceipt {
            receipt,
            challenger_signature,
            prover_signature: None,
            seed: self.terms.seed,
        }
    }

    fn blank(&self) -> Receipt {
        let context = &self.terms.context;
        Receipt {
            version: Receipt::VERSION,
            network_id: context.network_id,
            epoch: context.epoch,
            round: context.round,
            node: context.node,
            prover_key: context.prover_key,
            challenger_key: context.challenger_key,
            limit_kbps: self.terms.limit_kbps,
            down: DirectionResult::default(),
            up: DirectionResult::default(),
            rtt_samples_us: [0; RTT_SAMPLES],
            min_rtt_us: 0,
            transcript_root: [0; 32],
            seed_commitment: self.commitment,
            unix_timestamp: self.terms.unix_timestamp,
            network: self.terms.network,
            pass: self.terms.pass,
            reason: Reason::Aborted as u8,
        }
    }

    /// Sends the next ping, if there is one. A node that knew the number could answer early; it comes from the secret
    /// seed, so it cannot.
    fn ping(&mut self, now: Micros, actions: &mut Vec<Action>) {
        let State::Pinging { sent, .. } = &mut self.state else {
            return;
        };
        if sent.len() < RTT_SAMPLES {
            let nonce = keystream::ping_nonce(&self.terms.seed, sent.len() as u64);
            actions.push(Action::Send(Frame::Ping { nonce }));
            sent.push(now);
        }
    }

    /// Takes in the answer to the oldest ping that has none yet.
    fn pong(&mut self, moment: &Moment, returned: u64, actions: &mut Vec<Action>) -> Result<(), Violation> {
        let State::Pinging { sent, .. } = &self.state else {
            return Ok(());
        };
        let number = self.round_trips.len();
        let Some(sent_at) = sent.get(number) else {
            return Err(Violation::WrongPong);
        };
        if returned != keystream::ping_nonce(&self.terms.seed, number as u64) {
            return Err(Violation::WrongPong);
        }
        let round_trip = moment.now.saturating_sub(*sent_at);
        self.round_trips
            .push(u32::try_from(round_trip).unwrap_or(u32::MAX).max(1));
        if self.round_trips.len() == RTT_SAMPLES {
            self.start_down(moment, actions);
        } else if self.round_trips.len() == sent.len() {
            self.ping(moment.now, actions);
        }
        Ok(())
    }

    fn min_round_trip(&self) -> u32 {
        self.round_trips.iter().copied().min().unwrap_or(0)
    }

    fn direction_due(&self, direction: &'static str, now: Micros) -> Due {
        Due::within(
            direction,
            now,
            DIRECTION_TIMEOUT_US + 8 * Micros::from(self.min_round_trip()),
        )
    }

    fn key(&self, direction: Direction) -> [u8; 32] {
        keystream::direction_key(&self.terms.seed, &self.terms.context, direction)
    }

    fn start_down(&mut self, moment: &Moment, actions: &mut Vec<Action>) {
        let mut sender = Sender::new(
            &self.key(Direction::Down),
            Direction::Down,
            &self.commitment,
            self.terms.limit_kbps,
            self.min_round_trip().into(),
        );
        sender.poll(moment, actions);
        self.began = moment.now;
        self.down = Some(sender);
        self.state = State::Down {
            due: self.direction_due("answers to Down", moment.now),
        };
    }

    fn poll_down(&mut self, moment: &Moment, due: Due, actions: &mut Vec<Action>) -> Result<(), Violation> {
        let Some(sender) = &mut self.down else { return Ok(()) };
        let neighbours = patient_neighbour(moment, due).unwrap_or(Progress::UpEnough);
        if neighbours < Progress::DownSteady {
            sender.wait_for_neighbours();
        }
        let out_of_time = due.check(moment.now).is_err();
        let has_enough = sender.has_enough(self.terms.window_us);
        self.progress = match (has_enough, sender.is_steady()) {
            (true, _) => Progress::DownEnough,
            (false, true) => Progress::DownSteady,
            (false, false) => Progress::DownBegins,
        };
        let is_over = out_of_time || has_enough && neighbours >= Progress::DownEnough;
        if !is_over {
            sender.poll(moment, actions);
            return Ok(());
        }
        if sender.chunks_answered() == 0 {
            return due.check(moment.now);
        }
        let (Some(first_counted_chunk), Some(span)) = (sender.steady_since(), sender.measured(&moment.wire)) else {
            return Err(no_estimate(Direction::Down, sender.chunks_answered()));
        };
        let chunks = sender.chunks_answered();
        self.down_result = Some(Counted {
            chunks,
            first_counted_chunk,
            span,
            took: moment.now.saturating_sub(self.began),
            punctuality: *sender.punctuality(),
        });
        actions.push(Action::EndPayload);
        actions.push(Action::Send(Frame::DownEnd { chunks }));

        self.progress = Progress::UpBegins;
        self.began = moment.now;
        let key = self.key(Direction::Up);
        self.up = Some(Receiver::new(&key, &self.commitment));
        actions.push(Action::Send(Frame::UpStart {
            key,
            min_rtt_us: self.min_round_trip(),
        }));
        self.state = State::Up {
            due: self.direction_due("Up payload", moment.now),
        };
        Ok(())
    }

    fn poll_up(&mut self, moment: &Moment, due: Due, actions: &mut Vec<Action>) -> Result<(), Violation> {
        let Some(receiver) = &mut self.up else { return Ok(()) };
        receiver.look(moment.now);
        // One whose Down is not over yet began too late to be waited for.
        let neighbours = match patient_neighbour(moment, due) {
            Some(progress) if progress >= Progress::DownEnough => progress,
            _ => Progress::UpEnough,
        };
        if neighbours < Progress::UpSteady {
            receiver.wait_for_neighbours();
        }
        let out_of_time = due.check(moment.now).is_err();
        let has_enough = receiver.has_enough(self.terms.window_us);
        self.progress = match (has_enough, receiver.is_steady()) {
            (true, _) => Progress::UpEnough,
            (false, true) => Progress::UpSteady,
            (false, false) => Progress::UpBegins,
        };
        let is_over = out_of_time || has_enough && neighbours >= Progress::UpEnough;
        if !is_over {
            return Ok(());
        }
        if receiver.chunks() == 0 {
            return due.check(moment.now);
        }
        let (Some(first_counted_chunk), Some(span)) = (receiver.first_counted(), receiver.measured()) else {
            return Err(no_estimate(Direction::Up, receiver.chunks()));
        };
        let chunks = receiver.chunks();
        self.up_result = Some(Counted {
            chunks,
            first_counted_chunk,
            span,
            took: moment.now.saturating_sub(self.began),
            punctuality: *receiver.punctuality(),
        });
        actions.push(Action::Send(Frame::UpEnd { chunks }));
        actions.push(Action::RefusePayload);
        self.state = State::AwaitReport {
            due: Due::within("Report", moment.now, PEER_TIMEOUT_US),
        };
        Ok(())
    }

    fn answer(&mut self, moment: &Moment, running: [u8; 32]) -> Result<(), Violation> {
        let Some(sender) = &mut self.down else { return Ok(()) };
        let chunk = sender.answered(moment)?;
        // The hash after this chunk: entry 0 is the start.
        if sender.transcript().after(chunk + 1) != Some(running) {
            return Err(Violation::WrongDigest(chunk));
        }
        Ok(())
    }

    fn has_late_answers(&self) -> bool {
        self.down.as_ref().is_some_and(|sender| sender.chunks_unanswered() > 0)
    }

    fn write_receipt(
        &mut self,
        now: Micros,
        background: (u64, u64),
        late_us: (u32, u32),
        actions: &mut Vec<Action>,
    ) -> Result<(), Violation> {
        let (Some(down), Some(up)) = (self.down_result, self.up_result) else {
            return Err(Violation::Unexpected {
                frame: "Report",
                expected: "payload",
            });
        };
        down.check(Direction::Down, late_us.0)?;
        up.check(Direction::Up, late_us.1)?;
        let hash = |transcript: Option<&transcript::Transcript>, chunks| {
            transcript.and_then(|transcript| transcript.after(chunks))
        };
        let (Some(down_hash), Some(up_hash)) = (
            hash(self.down.as_ref().map(Sender::transcript), down.chunks),
            hash(self.up.as_ref().map(Receiver::transcript), up.chunks),
        ) else {
            return Err(Violation::NoSuchChunk(down.chunks.max(up.chunks)));
        };
        let limit_kbps = self.terms.limit_kbps;
        let result = |counted: Counted, background| DirectionResult {
            kbps: wire::kbps(counted.span.bytes, counted.span.duration_us).min(limit_kbps),
            chunks: counted.chunks,
            first_counted_chunk: counted.first_counted_chunk,
            counted_bytes: counted.span.bytes,
            duration_us: counted.span.duration_us,
            background_bytes: counted.background(background),
        };
        let (down_result, up_result) = (result(down, background.0), result(up, background.1));
        // Within 1.5 % of the limit it is the limit that was measured, not the link.
        let at_limit = [down_result, up_result]
            .iter()
            .any(|result| result.kbps >= limit_kbps - limit_kbps / 64);
        let mut rtt_samples_us = [0; RTT_SAMPLES];
        rtt_samples_us.copy_from_slice(&self.round_trips);
        let receipt = Receipt {
            down: down_result,
            up: up_result,
            rtt_samples_us,
            min_rtt_us: self.min_round_trip(),
            transcript_root: transcript::root(down.chunks, &down_hash, up.chunks, &up_hash),
            reason: if at_limit { Reason::AtLimit } else { Reason::None } as u8,
            ..self.blank()
        };
        receipt.check()?;
        let signature = receipt.sign(&self.identity);
        actions.push(Action::Send(Frame::Receipt { receipt, signature }));
        self.state = State::AwaitCountersignature {
            due: Due::within("Countersign", now, PEER_TIMEOUT_US),
            receipt: Box::new(receipt),
            signature,
        };
        Ok(())
    }
}

impl Machine for Challenger {
    fn handle(&mut self, moment: &Moment, event: Event<'_>, actions: &mut Vec<Action>) -> Result<(), Violation> {
        let now = moment.now;
        if let Event::Frame(Frame::Refuse { reason, sentence }) = event {
            return Err(Violation::Refused { reason, sentence });
        }
        match (&mut self.state, event) {
            (State::Start, Event::Tick) => {
                actions.push(Action::Send(Frame::Commit {
                    seed_commitment: self.commitment,
                    signature: receipt::sign_commitment(&self.identity, &self.terms.context, &self.commitment),
                    limit_kbps: self.terms.limit_kbps,
                    unix_timestamp: self.terms.unix_timestamp,
                }));
                self.state = State::Pinging {
                    due: Due::within("Pong", now, PEER_TIMEOUT_US),
                    sent: Vec::new(),
                };
                self.ping(now, actions);
                Ok(())
            }
            (State::Pinging { due, sent }, event) => match event {
                Event::Frame(Frame::Pong { nonce }) => self.pong(moment, nonce, actions),
                Event::Tick => {
                    due.check(now)?;
                    if sent.last().is_some_and(|last| now >= last + PING_INTERVAL_US) {
                        self.ping(now, actions);
                    }
                    Ok(())
                }
                other => Err(unexpected(&other, "Pong")),
            },
            (State::Down { due }, event) => {
                let due = *due;
                match event {
                    Event::Frame(Frame::Answer { running }) => self.answer(moment, running)?,
                    Event::Tick => {}
                    other => return Err(unexpected(&other, "Answer")),
                }
                self.poll_down(moment, due, actions)
            }
            (State::Up { due }, event) => {
                let due = *due;
                match event {
                    Event::Payload(bytes) => {
                        let Some(receiver) = &mut self.up else { return Ok(()) };
                        if receiver.payload(moment, bytes)? {
                            actions.push(Action::Send(Frame::Received {
                                chunks: receiver.chunks(),
                            }));
                        }
                    }
                    Event::Frame(Frame::Steady { chunk }) => {
                        if let Some(receiver) = &mut self.up {
                            receiver.steady(chunk)?;
                        }
                    }
                    // Answers that were on their way when Down ended.
                    Event::Frame(Frame::Answer { running }) if self.has_late_answers() => {
                        self.answer(moment, running)?
                    }
                    Event::Tick => {}
                    other => return Err(unexpected(&other, "payload")),
                }
                self.poll_up(moment, due, actions)
            }
            (State::AwaitReport { due }, event) => match event {
                Event::Frame(Frame::Report {
                    background_down_bytes,
                    background_up_bytes,
                    late_down_us,
                    late_up_us,
                }) => {
                    let background = (background_down_bytes, background_up_bytes);
                    self.write_receipt(now, background, (late_down_us, late_up_us), actions)
                }
                Event::Frame(Frame::Steady { .. }) | Event::Payload(_) => Ok(()),
                Event::Tick => due.check(now),
                other => Err(unexpected(&other, "Report")),
            },
            (
                State::AwaitCountersignature {
                    due,
                    receipt,
                    signature,
                },
                event,
            ) => match event {
                Event::Frame(Frame::Countersign {
                    signature: prover_signature,
                }) => {
                    let signed = SignedReceipt {
                        receipt: **receipt,
                        challenger_signature: *signature,
                        prover_signature: Some(prover_signature),
                        seed: self.terms.seed,
                    };
                    signed.verify().map_err(|_| Violation::Countersignature)?;
                    actions.push(Action::Send(Frame::Reveal { seed: self.terms.seed }));
                    actions.push(Action::Finish);
                    self.signed = Some(signed);
                    self.state = State::Done;
                    Ok(())
                }
                Event::Payload(_) => Ok(()),
                Event::Tick => due.check(now),
                other => Err(unexpected(&other, "Countersign")),
            },
            (State::Done, _) => Ok(()),
            (State::Start, other) => Err(unexpected(&other, "nothing")),
        }
    }

    fn progress(&self) -> Option<Progress> {
        Some(self.progress)
    }

    fn deadline(&self) -> Micros {
        match &self.state {
            // At once; and the pacer, and the watch on this process's own lateness, want to be asked as often as timers allow.
            State::Start | State::Down { .. } | State::Up { .. } => 0,
            State::Pinging { due, sent } => match sent.last() {
                Some(last) if sent.len() < RTT_SAMPLES => last + PING_INTERVAL_US,
                _ => due.at,
            },
            State::Done => Micros::MAX,
            State::AwaitReport { due } | State::AwaitCountersignature { due, .. } => due.at,
        }
    }
}

/// The slowest neighbour, while there is time to wait for it. One that dawdles on purpose must not spoil the measurement.
fn patient_neighbour(moment: &Moment, due: Due) -> Option<Progress> {
    (moment.now + NEIGHBOUR_RESERVE_US < due.at)
        .then_some(moment.slowest_neighbour)
        .flatten()
}

/// Why time ran out.
fn no_estimate(direction: Direction, chunks: u32) -> Violation {
    if chunks < 4 * LEAST_CHUNKS {
        Violation::TooSlow(direction)
    } else {
        Violation::Unsteady(direction)
    }
}

fn unexpected(event: &Event<'_>, expected: &'static str) -> Violation {
    match event {
        Event::Frame(frame) => Violation::Unexpected {
            frame: frame.name(),
            expected,
        },
        Event::Payload(_) => Violation::UnexpectedPayload,
        Event::Tick => Violation::Unexpected {
            frame: "Tick",
            expected,
        },
    }
}
