//! Runs a machine over a QUIC connection: carries out its actions, tells it what comes in and how late it is.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use quinn::{Connection, ReadError, RecvStream, SendStream, VarInt, WriteError};
use tokio::time::Instant;

use crate::error::PobError;
use crate::frame::{Decoder, Frame};
use crate::neighbours::Membership;
use crate::protocol::{Action, Event, Machine, Moment, PEER_TIMEOUT_US, Progress, Violation};
use crate::prover::Background;
use crate::transport;
use crate::wire::Micros;

/// Application close codes.
pub(crate) const CLOSE_DONE: VarInt = VarInt::from_u32(0);
pub(crate) const CLOSE_FAILED: VarInt = VarInt::from_u32(1);

/// Shortest sleep. The machines ask for "at once" while they send; tokio's timer rounds up to whole milliseconds.
const TICK: Duration = Duration::from_micros(500);
/// A peer that takes no bytes for so long has failed; else it could hold this side up by closing its window.
const WRITE_TIMEOUT: Duration = Duration::from_micros(PEER_TIMEOUT_US);
/// Segments that are taken from QUIC at once.
const SEGMENTS: usize = 32;

/// The control stream: frames both ways.
pub(crate) struct Control {
    pub(crate) sender: SendStream,
    pub(crate) receiver: RecvStream,
    pub(crate) decoder: Decoder,
}

impl Control {
    pub(crate) fn new((sender, receiver): (SendStream, RecvStream)) -> Self {
        Self {
            sender,
            receiver,
            decoder: Decoder::default(),
        }
    }

    /// Waits for one frame.
    pub(crate) async fn next_frame(&mut self) -> Result<Frame, PobError> {
        loop {
            if let Some(frame) = self.decoder.next_frame()? {
                return Ok(frame);
            }
            self.fill().await?;
        }
    }

    pub(crate) async fn send(&mut self, frame: &Frame) -> Result<(), PobError> {
        within(self.sender.write_all(&frame.encode())).await
    }

    /// Cancel-safe.
    async fn fill(&mut self) -> Result<(), PobError> {
        match self.receiver.read_chunk(16 * 1_024, true).await {
            Ok(Some(chunk)) => {
                self.decoder.push(&chunk.bytes);
                Ok(())
            }
            Ok(None) => Err(PobError::Connection("the peer closed the control stream".into())),
            Err(error) => Err(PobError::Connection(error.to_string())),
        }
    }
}

/// What goes on around a measurement.
pub(crate) trait Surroundings {
    /// Bytes received and sent for others so far.
    fn background(&self) -> (u64, u64) {
        (0, 0)
    }

    /// How far the slowest measurement of the same network is.
    fn slowest_neighbour(&self) -> Option<Progress> {
        None
    }

    /// How far this one is.
    fn tell(&self, _progress: Progress) {}

    /// It has received and sent so many more bytes.
    fn moved(&self, _received: u64, _sent: u64) {}
}

impl Surroundings for Membership {
    fn slowest_neighbour(&self) -> Option<Progress> {
        self.slowest_neighbour()
    }

    fn tell(&self, progress: Progress) {
        self.tell(progress);
    }
}

impl Surroundings for &dyn Background {
    fn background(&self) -> (u64, u64) {
        self.bytes()
    }

    fn moved(&self, received: u64, sent: u64) {
        Background::moved(*self, received, sent);
    }
}

/// Runs `machine` to its end. The peer is told why when it fails.
pub(crate) async fn run<M: Machine>(
    connection: &Connection,
    control: &mut Control,
    machine: &mut M,
    surroundings: impl Surroundings,
) -> Result<(), PobError> {
    let result = run_to_end(connection, control, machine, surroundings).await;
    if let Err(PobError::Violation(violation)) = &result
        && !matches!(
            violation,
            Violation::Refused { .. } | Violation::Later { .. } | Violation::Elsewhere(_)
        )
    {
        let frame = Frame::refuse(violation.reason() as u8, &violation.to_string());
        // The peer may be gone; then there is nobody to tell.
        let _ = control.send(&frame).await;
        let _ = control.sender.finish();
    }
    match result {
        Err(PobError::Violation(Violation::Refused { reason, sentence })) => {
            Err(PobError::Refused { reason, sentence })
        }
        Err(PobError::Violation(Violation::Elsewhere(address))) => Err(PobError::Elsewhere(address)),
        Err(PobError::Violation(Violation::Later { millis })) => Err(PobError::Later { millis }),
        other => other,
    }
}

async fn run_to_end<M: Machine>(
    connection: &Connection,
    control: &mut Control,
    machine: &mut M,
    surroundings: impl Surroundings,
) -> Result<(), PobError> {
    let start = Instant::now();
    let (told_received, told_sent) = (AtomicU64::new(0), AtomicU64::new(0));
    let moment = || {
        let wire = transport::counters(connection);
        let received = wire.received.saturating_sub(told_received.swap(wire.received, Relaxed));
        let sent = wire.sent.saturating_sub(told_sent.swap(wire.sent, Relaxed));
        surroundings.moved(received, sent);
        Moment {
            now: start.elapsed().as_micros() as Micros,
            wire,
            background: surroundings.background(),
            slowest_neighbour: surroundings.slowest_neighbour(),
        }
    };
    let mut payload = Payload::default();
    let mut actions = Vec::new();
    let mut segments: [Bytes; SEGMENTS] = std::array::from_fn(|_| Bytes::new());
    machine.handle(&moment(), Event::Tick, &mut actions)?;
    loop {
        for action in actions.drain(..) {
            match action {
                Action::Send(frame) => control.send(&frame).await?,
                Action::SendPayload(bytes) => payload.send(connection, bytes).await?,
                Action::EndPayload => payload.end(),
                Action::RefusePayload => payload.refuse(),
                Action::Finish => return Ok(()),
            }
        }
        if let Some(progress) = machine.progress() {
            surroundings.tell(progress);
        }
        let due = start + Duration::from_micros(machine.deadline().min(3_600_000_000));
        let wake = due.max(Instant::now() + TICK);
        tokio::select! {
            filled = control.fill() => {
                filled?;
                let moment = moment();
                while let Some(frame) = control.decoder.next_frame()? {
                    machine.handle(&moment, Event::Frame(frame), &mut actions)?;
                }
                // A busy control stream must not keep the pacer waiting.
                machine.handle(&moment, Event::Tick, &mut actions)?;
            }
            received = payload.receive(connection, &mut segments) => {
                let moment = moment();
                for segment in &segments[..received?] {
                    machine.handle(&moment, Event::Payload(segment), &mut actions)?;
                }
            }
            () = tokio::time::sleep_until(wake) => machine.handle(&moment(), Event::Tick, &mut actions)?,
        }
    }
}

/// The payload streams of a connection: one out, one in, each opened when first used.
#[derive(Default)]
struct Payload {
    sender: Option<SendStream>,
    receiver: Option<RecvStream>,
    ended: bool,
}

impl Payload {
    async fn send(&mut self, connection: &Connection, bytes: Bytes) -> Result<(), PobError> {
        let sender = match &mut self.sender {
            Some(sender) => sender,
            None => {
                let opened = within(connection.open_uni()).await?;
                // Below the control stream, so that frames do not queue behind payload.
                let _ = opened.set_priority(-1);
                self.sender.insert(opened)
            }
        };
        match tokio::time::timeout(WRITE_TIMEOUT, sender.write_chunk(bytes)).await {
            // The receiver has had enough; the frame that says so is on its way.
            Ok(Ok(()) | Err(WriteError::Stopped(_))) => Ok(()),
            Ok(Err(error)) => Err(PobError::Connection(error.to_string())),
            Err(_) => Err(Violation::TimedOut {
                expected: "room for payload",
                seconds: WRITE_TIMEOUT.as_secs(),
            }
            .into()),
        }
    }

    fn end(&mut self) {
        if let Some(mut sender) = self.sender.take() {
            let _ = sender.reset(CLOSE_DONE);
        }
    }

    fn refuse(&mut self) {
        if let Some(mut receiver) = self.receiver.take() {
            let _ = receiver.stop(CLOSE_DONE);
        }
        self.ended = true;
    }

    /// Fills `segments`; returns how many. Cancel-safe. Never returns once the stream is over.
    async fn receive(&mut self, connection: &Connection, segments: &mut [Bytes]) -> Result<usize, PobError> {
        if self.ended {
            return std::future::pending().await;
        }
        let receiver = match &mut self.receiver {
            Some(receiver) => receiver,
            None => {
                let accepted = connection
                    .accept_uni()
                    .await
                    .map_err(|error| PobError::Connection(error.to_string()))?;
                self.receiver.insert(accepted)
            }
        };
        match receiver.read_chunks(segments).await {
            Ok(Some(count)) => Ok(count),
            Ok(None) | Err(ReadError::Reset(_)) => {
                self.ended = true;
                Ok(0)
            }
            Err(error) => Err(PobError::Connection(error.to_string())),
        }
    }
}

/// Bounds a write or an opening in time.
async fn within<T, E: std::fmt::Display>(future: impl Future<Output = Result<T, E>>) -> Result<T, PobError> {
    match tokio::time::timeout(WRITE_TIMEOUT, future).await {
        Ok(result) => result.map_err(|error| PobError::Connection(error.to_string())),
        Err(_) => Err(Violation::TimedOut {
            expected: "room to write",
            seconds: WRITE_TIMEOUT.as_secs(),
        }
        .into()),
    }
}
