//! Nodes that cheat, as real code against the real challenger: what a modified node could do to be measured as faster
//! than its link is. Each is the honest machine with its actions changed, delayed or added to.

use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::Bytes;

use crate::error::PobError;
use crate::frame::Frame;
use crate::identity::Identity;
use crate::protocol::{Action, Asked, Event, Machine, Moment, Prover, Violation};
use crate::prover::{self, Request};
use crate::receipt::{RTT_SAMPLES, SignedReceipt};
use crate::wire::Micros;

/// How a node cheats.
#[derive(Clone, Debug)]
pub enum Cheat {
    /// Not at all, but notes its answers.
    None,
    /// Answers a chunk when its first byte comes, before it can know the digest.
    EarlyAnswers,
    /// Gives the answers that were right in an earlier measurement.
    ReplayedAnswers(Vec<[u8; 32]>),
    /// Sends up what compresses well, in place of the keystream.
    CompressiblePayload,
    /// From some answer on keeps all answers back, and gives them at once after a while.
    SlowThenFast { from_answer: usize, held_us: Micros },
    /// Says everything late all along, and from some time on less and less so: the round trip seems longer and the link
    /// faster than they are.
    FalseRoundTrip {
        pretended_us: Micros,
        kept_up_us: Micros,
        dropped_over_us: Micros,
    },
    /// Sends nothing up for a while, so that the link's token bucket fills, and then claims that all since counts.
    SavedUpBurst { silent_us: Micros },
    /// Its clock is wrong by so many seconds, and it does not mind that the challenger's differs.
    SkewedClock { seconds: i64 },
}

/// What a cheat came to.
#[derive(Debug)]
pub struct Attempt {
    pub outcome: Result<SignedReceipt, PobError>,
    /// The answers that were given.
    pub answers: Vec<[u8; 32]>,
}

/// As [`measure`](crate::measure), cheating.
pub async fn attempt(
    target: SocketAddr,
    challenger_key: [u8; 32],
    identity: &Identity,
    request: Request,
    cheat: Cheat,
) -> Attempt {
    let mut answers = Vec::new();
    let outcome = prover::with_machine(target, challenger_key, identity, request, |asked| {
        let asked = match cheat {
            // It would refuse terms that differ from its own clock; a cheater makes its own the challenger's.
            Cheat::SkewedClock { seconds } => Asked {
                unix_timestamp: asked.unix_timestamp + seconds,
                ..asked
            },
            _ => asked,
        };
        Cheater::new(Prover::new(identity.clone(), asked), cheat, &mut answers)
    })
    .await;
    Attempt { outcome, answers }
}

struct Cheater<'a> {
    honest: Prover,
    cheat: Cheat,
    answers: &'a mut Vec<[u8; 32]>,
    /// What is to be done, and when. Streams are in order, so what is held back holds back what comes after it.
    held: VecDeque<(Micros, Action)>,
    first_answer: Option<Micros>,
    release: Option<Micros>,
    up_began: Option<Micros>,
    pongs: usize,
}

impl<'a> Cheater<'a> {
    fn new(honest: Prover, cheat: Cheat, answers: &'a mut Vec<[u8; 32]>) -> Self {
        Self {
            honest,
            cheat,
            answers,
            held: VecDeque::new(),
            first_answer: None,
            release: None,
            up_began: None,
            pongs: 0,
        }
    }

    /// How late an action is, and what becomes of it.
    fn tamper(&mut self, now: Micros, action: Action) -> (Micros, Action) {
        let is_answer = matches!(action, Action::Send(Frame::Answer { .. }));
        let is_pong = matches!(action, Action::Send(Frame::Pong { .. }));
        let number = self.answers.len();
        if is_answer {
            self.first_answer.get_or_insert(now);
        }
        self.pongs += usize::from(is_pong);
        match (&self.cheat, action) {
            (Cheat::ReplayedAnswers(known), Action::Send(Frame::Answer { running })) => {
                let running = known.get(number).copied().unwrap_or(running);
                (0, Action::Send(Frame::Answer { running }))
            }
            (Cheat::CompressiblePayload, Action::SendPayload(bytes)) => {
                (0, Action::SendPayload(Bytes::from(vec![0; bytes.len()])))
            }
            (Cheat::SlowThenFast { from_answer, held_us }, action) if is_answer && number >= *from_answer => {
                let release = *self.release.get_or_insert(now + held_us);
                (release.saturating_sub(now), action)
            }
            (
                Cheat::FalseRoundTrip {
                    pretended_us,
                    kept_up_us,
                    dropped_over_us,
                },
                action,
            ) if is_answer || is_pong => {
                let since = now - self.first_answer.unwrap_or(now);
                let dropped = since.saturating_sub(*kept_up_us) * pretended_us / (*dropped_over_us).max(1);
                (pretended_us.saturating_sub(dropped), action)
            }
            (_, action) => (0, action),
        }
    }

    /// Actions beyond the honest ones.
    fn add(&mut self, moment: &Moment, event: &Event<'_>, actions: &mut Vec<Action>) {
        if matches!(self.cheat, Cheat::EarlyAnswers)
            && matches!(event, Event::Payload(_))
            && self.pongs == RTT_SAMPLES
            && self.first_answer.is_none()
        {
            self.first_answer = Some(moment.now);
            actions.push(Action::Send(Frame::Answer { running: [0x5a; 32] }));
        }
    }

    /// Whether nothing is to happen now.
    fn is_silent(&mut self, now: Micros, event: &Event<'_>) -> bool {
        let Cheat::SavedUpBurst { silent_us } = self.cheat else {
            return false;
        };
        if matches!(event, Event::Frame(Frame::UpStart { .. })) {
            self.up_began = Some(now);
            return false;
        }
        let is_up = self
            .up_began
            .is_some_and(|began| (100_000..100_000 + silent_us).contains(&(now - began)));
        is_up && matches!(event, Event::Tick)
    }
}

impl Machine for Cheater<'_> {
    fn handle(&mut self, moment: &Moment, event: Event<'_>, actions: &mut Vec<Action>) -> Result<(), Violation> {
        if self.is_silent(moment.now, &event) {
            return Ok(());
        }
        let mut honest = Vec::new();
        self.add(moment, &event, &mut honest);
        let outcome = self.honest.handle(moment, event, &mut honest);
        for action in honest {
            let (later, action) = self.tamper(moment.now, action);
            if let Action::Send(Frame::Answer { running }) = &action {
                self.answers.push(*running);
            }
            let earliest = self.held.back().map_or(0, |last| last.0);
            self.held.push_back(((moment.now + later).max(earliest), action));
        }
        while self.held.front().is_some_and(|(due, _)| *due <= moment.now) {
            actions.extend(self.held.pop_front().map(|(_, action)| action));
        }
        outcome
    }

    fn deadline(&self) -> Micros {
        let held = self.held.front().map_or(Micros::MAX, |(due, _)| *due);
        self.honest.deadline().min(held)
    }
}

impl prover::Signing for Cheater<'_> {
    fn into_signed(self) -> Option<SignedReceipt> {
        self.honest.into_signed()
    }
}
