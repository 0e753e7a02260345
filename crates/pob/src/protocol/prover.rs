//! The prover's machine: from Hello to the checked receipt.

use std::net::Ipv6Addr;

use sha2::{Digest, Sha256};

use super::punctuality::Punctuality;
use super::sender::Sender;
use super::{Action, DIRECTION_TIMEOUT_US, Due, Event, Machine, Moment, PEER_TIMEOUT_US, VERSION, Violation};
use crate::chunk;
use crate::frame::Frame;
use crate::identity::Identity;
use crate::keystream::Direction;
use crate::receipt::{self, Context, Receipt, ReceiptError, SignedReceipt};
use crate::transcript::{self, Transcript};
use crate::wire::{self, Micros};

/// What the node asks for.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub context: Context,
    /// The node's own limit, kbit/s.
    pub limit_kbps: u32,
    /// The node's wall clock.
    pub unix_timestamp: i64,
}

/// How far the two clocks may be apart, in seconds. A receipt with a wrong time could be put into another epoch.
const CLOCK_TOLERANCE: i64 = 600;
/// Grace of the limit check: a burst of so many bytes is nobody's fault.
const LIMIT_GRACE_BYTES: u64 = 262_144;

enum State {
    Start,
    AwaitCommit,
    Down,
    Up(Box<Sender>),
    AwaitReceipt,
    AwaitReveal(Box<SignedReceipt>),
    Done,
}

/// The prover's side of one measurement.
pub struct Prover {
    identity: Identity,
    asked: Asked,
    state: State,
    due: Due,
    terms: Option<Terms>,
    down: Option<Down>,
    up: Option<UpOver>,
    /// Bytes received for others when Down began, and during Down once that is over.
    background_down: u64,
    /// Bytes sent for others when Up began.
    background_up: u64,
    signed: Option<SignedReceipt>,
}

/// What the challenger committed itself to.
#[derive(Clone, Copy)]
struct Terms {
    commitment: [u8; 32],
    limit_kbps: u32,
    unix_timestamp: i64,
}

/// Down as it comes in.
struct Down {
    transcript: Transcript,
    hasher: Sha256,
    /// Bytes of the current chunk that are in the hasher.
    filled: u32,
    /// When the first payload came, and the counter then.
    started: Option<(Micros, u64)>,
    /// Set when it is over: how many chunks count.
    chunks: Option<u32>,
    punctuality: Punctuality,
}

impl Down {
    /// Whether payload has come and more is due.
    fn is_running(&self) -> bool {
        self.started.is_some() && self.chunks.is_none()
    }
}

/// Up when it is over.
struct UpOver {
    chunks: u32,
    hash: [u8; 32],
}

impl Prover {
    pub fn new(identity: Identity, asked: Asked) -> Self {
        Self {
            identity,
            asked,
            state: State::Start,
            due: Due::within("the start", 0, 0),
            terms: None,
            down: None,
            up: None,
            background_down: 0,
            background_up: 0,
            signed: None,
        }
    }

    /// The receipt that both have signed, replayed and found right.
    pub fn into_signed(self) -> Option<SignedReceipt> {
        self.signed
    }

    fn expect_within(&mut self, expected: &'static str, now: Micros, time: Micros) {
        self.due = Due::within(expected, now, time);
    }

    fn on_commit(&mut self, terms: Terms, signature: &[u8; 64], moment: &Moment) -> Result<(), Violation> {
        if !receipt::verify_commitment(&self.asked.context, &terms.commitment, signature) {
            return Err(Violation::CommitmentSignature);
        }
        if terms.limit_kbps == 0 || terms.limit_kbps > self.asked.limit_kbps {
            return Err(Violation::BadTerms("its limit is zero or above the node's own"));
        }
        if terms.unix_timestamp.abs_diff(self.asked.unix_timestamp) > CLOCK_TOLERANCE as u64 {
            return Err(Violation::BadTerms(
                "its clock and this machine's are more than ten minutes apart: set the clock",
            ));
        }
        self.terms = Some(terms);
        self.down = Some(Down {
            transcript: Transcript::new(Direction::Down, &terms.commitment),
            hasher: Sha256::new(),
            filled: 0,
            started: None,
            chunks: None,
            punctuality: Punctuality::default(),
        });
        self.state = State::Down;
        self.expect_within("Down", moment.now, PEER_TIMEOUT_US);
        Ok(())
    }

    fn on_down_payload(
        &mut self,
        moment: &Moment,
        mut bytes: &[u8],
        actions: &mut Vec<Action>,
    ) -> Result<(), Violation> {
        let (Some(terms), Some(down)) = (self.terms, &mut self.down) else {
            return Err(Violation::UnexpectedPayload);
        };
        if down.chunks.is_some() {
            return Ok(());
        }
        if down.started.is_none() {
            self.background_down = moment.background.0;
            self.due = Due::within("the end of Down", moment.now, DIRECTION_TIMEOUT_US + PEER_TIMEOUT_US);
        }
        down.punctuality.look(moment.now);
        let (started, counter) = *down.started.get_or_insert((moment.now, moment.wire.received));
        // The cap is the node's word to its user: a challenger that breaks it is cut off.
        let received = moment.wire.received.saturating_sub(counter);
        let elapsed = moment.now.saturating_sub(started);
        let allowed = wire::bytes_per_second(terms.limit_kbps) * elapsed / 1_000_000;
        if received > allowed + allowed / 10 + LIMIT_GRACE_BYTES {
            let kbps = wire::kbps(received, elapsed.max(1));
            return Err(Violation::LimitExceeded {
                kbps,
                limit_kbps: terms.limit_kbps,
            });
        }
        while !bytes.is_empty() {
            let chunk = chunk::length(down.transcript.chunks());
            let take = bytes.len().min((chunk - down.filled) as usize);
            let (now, later) = bytes.split_at(take);
            down.hasher.update(now);
            down.filled += take as u32;
            bytes = later;
            if down.filled == chunk {
                let digest = std::mem::take(&mut down.hasher).finalize();
                down.filled = 0;
                actions.push(Action::Send(Frame::Answer {
                    running: down.transcript.push(&digest.into()),
                }));
            }
        }
        Ok(())
    }

    fn on_up_start(
        &mut self,
        key: &[u8; 32],
        min_rtt_us: u32,
        moment: &Moment,
        actions: &mut Vec<Action>,
    ) -> Result<(), Violation> {
        let (Some(terms), true) = (self.terms, self.down.as_ref().is_some_and(|down| down.chunks.is_some())) else {
            return Err(Violation::Unexpected {
                frame: "UpStart",
                expected: "Down",
            });
        };
        let mut sender = Sender::new(
            key,
            Direction::Up,
            &terms.commitment,
            terms.limit_kbps,
            min_rtt_us.into(),
        );
        sender.poll(moment, actions);
        self.background_up = moment.background.1;
        self.state = State::Up(Box::new(sender));
        self.expect_within(
            "the end of Up",
            moment.now,
            DIRECTION_TIMEOUT_US + PEER_TIMEOUT_US + 8 * Micros::from(min_rtt_us),
        );
        Ok(())
    }

    fn on_receipt(
        &mut self,
        receipt: Receipt,
        signature: [u8; 64],
        now: Micros,
        actions: &mut Vec<Action>,
    ) -> Result<(), Violation> {
        self.check_receipt(&receipt)?;
        let prover_signature = receipt.sign(&self.identity);
        actions.push(Action::Send(Frame::Countersign {
            signature: prover_signature,
        }));
        self.state = State::AwaitReveal(Box::new(SignedReceipt {
            receipt,
            challenger_signature: signature,
            prover_signature: Some(prover_signature),
            seed: [0; 32],
        }));
        self.expect_within("Reveal", now, PEER_TIMEOUT_US);
        Ok(())
    }

    /// Signs nothing that is not about what has just happened here.
    fn check_receipt(&self, receipt: &Receipt) -> Result<(), Violation> {
        receipt.check()?;
        let (Some(terms), Some(down), Some(up)) = (self.terms, &self.down, &self.up) else {
            return Err(ReceiptError::OtherMeasurement.into());
        };
        let same = receipt.context() == self.asked.context
            && receipt.seed_commitment == terms.commitment
            && receipt.limit_kbps == terms.limit_kbps
            && receipt.unix_timestamp == terms.unix_timestamp
            && receipt.is_measured();
        if !same {
            return Err(ReceiptError::OtherMeasurement.into());
        }
        let down_chunks = down.chunks.unwrap_or(0);
        let down_hash = down
            .transcript
            .after(down_chunks)
            .ok_or(Violation::NoSuchChunk(down_chunks))?;
        let root = transcript::root(down_chunks, &down_hash, up.chunks, &up.hash);
        if (receipt.down.chunks, receipt.up.chunks, receipt.transcript_root) != (down_chunks, up.chunks, root) {
            return Err(ReceiptError::Transcript.into());
        }
        Ok(())
    }
}

impl Machine for Prover {
    fn handle(&mut self, moment: &Moment, event: Event<'_>, actions: &mut Vec<Action>) -> Result<(), Violation> {
        let now = moment.now;
        if !matches!(self.state, State::Start | State::Done) {
            self.due.check(now)?;
        }
        match (&mut self.state, event) {
            (_, Event::Frame(Frame::Refuse { reason, sentence })) => Err(Violation::Refused { reason, sentence }),
            (State::AwaitCommit, Event::Frame(Frame::Elsewhere { address, port })) => {
                let address = Ipv6Addr::from(address).to_canonical();
                Err(Violation::Elsewhere((address, port).into()))
            }
            (State::AwaitCommit, Event::Frame(Frame::Later { millis })) => Err(Violation::Later { millis }),
            (State::Done, _) => Ok(()),
            (State::Start, _) => {
                let Context {
                    network_id,
                    epoch,
                    round,
                    node,
                    ..
                } = self.asked.context;
                let limit_kbps = self.asked.limit_kbps;
                actions.push(Action::Send(Frame::Hello {
                    version: VERSION,
                    network_id,
                    epoch,
                    round,
                    node,
                    limit_kbps,
                }));
                self.state = State::AwaitCommit;
                self.expect_within("Commit", now, PEER_TIMEOUT_US);
                Ok(())
            }
            (
                State::AwaitCommit,
                Event::Frame(Frame::Commit {
                    seed_commitment: commitment,
                    signature,
                    limit_kbps,
                    unix_timestamp,
                }),
            ) => self.on_commit(
                Terms {
                    commitment,
                    limit_kbps,
                    unix_timestamp,
                },
                &signature,
                moment,
            ),
            (State::Down, Event::Frame(Frame::Ping { nonce })) => {
                actions.push(Action::Send(Frame::Pong { nonce }));
                Ok(())
            }
            // After Down has ended, what is still on its way is let through unread.
            (State::Down | State::Up(_), Event::Payload(bytes)) => self.on_down_payload(moment, bytes, actions),
            (State::Down, Event::Frame(Frame::DownEnd { chunks })) => {
                let Some(down) = &mut self.down else { return Ok(()) };
                if down.transcript.after(chunks).is_none() {
                    return Err(Violation::NoSuchChunk(chunks));
                }
                down.chunks = Some(chunks);
                self.background_down = moment.background.0.saturating_sub(self.background_down);
                self.expect_within("UpStart", now, PEER_TIMEOUT_US);
                Ok(())
            }
            (State::Down, Event::Frame(Frame::UpStart { key, min_rtt_us })) => {
                self.on_up_start(&key, min_rtt_us, moment, actions)
            }
            (State::Up(sender), Event::Frame(Frame::Received { chunks })) => {
                if chunks > sender.chunks_answered() + sender.chunks_unanswered() {
                    return Err(Violation::NoSuchChunk(chunks));
                }
                while sender.chunks_answered() < chunks {
                    let before = sender.steady_since();
                    sender.answered(moment)?;
                    if let Some(chunk) = sender.steady_since()
                        && before != Some(chunk)
                    {
                        actions.push(Action::Send(Frame::Steady { chunk }));
                    }
                }
                sender.poll(moment, actions);
                Ok(())
            }
            (State::Up(sender), Event::Frame(Frame::UpEnd { chunks })) => {
                if chunks > sender.chunks_answered() + sender.chunks_unanswered() {
                    return Err(Violation::NoSuchChunk(chunks));
                }
                let hash = sender
                    .transcript()
                    .after(chunks)
                    .ok_or(Violation::NoSuchChunk(chunks))?;
                let late = |punctuality: &Punctuality| u32::try_from(punctuality.lateness().0).unwrap_or(u32::MAX);
                let late_up_us = late(sender.punctuality());
                self.up = Some(UpOver { chunks, hash });
                actions.push(Action::EndPayload);
                actions.push(Action::Send(Frame::Report {
                    background_down_bytes: self.background_down,
                    background_up_bytes: moment.background.1.saturating_sub(self.background_up),
                    late_down_us: self.down.as_ref().map_or(0, |down| late(&down.punctuality)),
                    late_up_us,
                }));
                self.state = State::AwaitReceipt;
                self.expect_within("Receipt", now, PEER_TIMEOUT_US);
                Ok(())
            }
            (State::Up(sender), Event::Tick) => {
                sender.poll(moment, actions);
                Ok(())
            }
            (State::AwaitReceipt, Event::Frame(Frame::Received { .. }) | Event::Payload(_)) => Ok(()),
            (State::AwaitReceipt, Event::Frame(Frame::Receipt { receipt, signature })) => {
                self.on_receipt(receipt, signature, now, actions)
            }
            (State::AwaitReveal(signed), Event::Frame(Frame::Reveal { seed })) => {
                signed.seed = seed;
                signed.verify()?;
                receipt::replay(&signed.receipt, &seed)?;
                self.signed = Some((**signed).clone());
                self.state = State::Done;
                actions.push(Action::Finish);
                Ok(())
            }
            (State::Down, Event::Tick) => {
                if let Some(down) = self.down.as_mut().filter(|down| down.is_running()) {
                    down.punctuality.look(now);
                }
                Ok(())
            }
            (_, Event::Tick) => Ok(()),
            (_, Event::Frame(frame)) => Err(Violation::Unexpected {
                frame: frame.name(),
                expected: self.due.expected,
            }),
            (_, Event::Payload(_)) => Err(Violation::UnexpectedPayload),
        }
    }

    fn deadline(&self) -> Micros {
        match &self.state {
            // At once; and the pacer, and the watch on this process's own lateness, want to be asked as often as timers allow.
            State::Start | State::Up(_) => 0,
            State::Down if self.down.as_ref().is_some_and(Down::is_running) => 0,
            State::Done => Micros::MAX,
            _ => self.due.at,
        }
    }
}
