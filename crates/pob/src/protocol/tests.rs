//! Both machines against each other in simulated time over a simulated link, honest and not.
#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::frame::Decoder;
use crate::identity::Identity;
use crate::receipt::{self, Context, Receipt, ReceiptError, SignedReceipt};
use crate::wire::kbps;

const MEGABIT: u64 = 125_000;

/// What is on its way.
#[derive(Clone, Debug)]
enum Message {
    Frame(Frame),
    Payload(Bytes),
}

/// What the adversary does with a message: pass it on (perhaps changed), delay it, drop it, add others.
type Tamper<'a> = Box<dyn FnMut(Micros, Message) -> Vec<(Micros, Message)> + 'a>;

fn pass(_: Micros, message: Message) -> Vec<(Micros, Message)> {
    vec![(0, message)]
}

/// One way of the link.
struct Way<'a> {
    bytes_per_second: u64,
    delay: Micros,
    free_at: Micros,
    queue: VecDeque<(Micros, Message, u64)>,
    sent: u64,
    received: u64,
    tamper: Tamper<'a>,
}

impl<'a> Way<'a> {
    fn new(bytes_per_second: u64, delay: Micros, tamper: Tamper<'a>) -> Self {
        Self {
            bytes_per_second,
            delay,
            free_at: 0,
            queue: VecDeque::new(),
            sent: 0,
            received: 0,
            tamper,
        }
    }

    fn send(&mut self, now: Micros, message: Message) {
        for (later, message) in (self.tamper)(now, message) {
            // Packets of 1,400 bytes of payload with 60 bytes of headers.
            let bytes = match &message {
                Message::Frame(frame) => frame.encode().len() as u64 + 60,
                Message::Payload(bytes) => bytes.len() as u64 + bytes.len() as u64 * 60 / 1_400,
            };
            self.sent += bytes;
            self.free_at = self.free_at.max(now) + bytes * 1_000_000 / self.bytes_per_second;
            // Streams are in order: what is held back holds back what comes after it.
            let arrives = (self.free_at + self.delay + later).max(self.queue.back().map_or(0, |last| last.0));
            self.queue.push_back((arrives, message, bytes));
        }
    }

    fn take(&mut self, now: Micros) -> Option<Message> {
        if self.queue.front()?.0 > now {
            return None;
        }
        let (_, message, bytes) = self.queue.pop_front()?;
        self.received += bytes;
        Some(message)
    }
}

struct Setup<'a> {
    down: u64,
    up: u64,
    delay: Micros,
    limit_kbps: u32,
    seed: [u8; 32],
    round: u32,
    /// How far a measurement behind the same link is, by the time.
    neighbour: fn(Micros) -> Option<Progress>,
    to_prover: Tamper<'a>,
    to_challenger: Tamper<'a>,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self {
            down: 100 * MEGABIT,
            up: 20 * MEGABIT,
            delay: 5_000,
            limit_kbps: 1_000_000,
            seed: [7; 32],
            round: 3,
            neighbour: |_| None,
            to_prover: Box::new(pass),
            to_challenger: Box::new(pass),
        }
    }
}

#[derive(Debug)]
struct Outcome {
    /// When both had ended.
    ended: Micros,
    challenger: Result<SignedReceipt, Violation>,
    prover: Result<SignedReceipt, Violation>,
    /// The receipt that the challenger makes of its failure.
    failure: Option<SignedReceipt>,
}

fn challenger_identity() -> Identity {
    Identity::from_secret([1; 32])
}

fn prover_identity() -> Identity {
    Identity::from_secret([2; 32])
}

fn context(round: u32) -> Context {
    Context {
        network_id: [9; 32],
        epoch: 5,
        round,
        node: [8; 32],
        prover_key: prover_identity().public(),
        challenger_key: challenger_identity().public(),
    }
}

fn machines(setup: &Setup<'_>) -> (Challenger, Prover) {
    let context = context(setup.round);
    let (limit_kbps, unix_timestamp) = (setup.limit_kbps, 1_700_000_000);
    let terms = Terms {
        context,
        limit_kbps,
        seed: setup.seed,
        unix_timestamp,
        network: [7; 8],
        pass: 1,
        window_us: LONGEST_WINDOW_US,
    };
    let asked = Asked {
        context,
        limit_kbps,
        unix_timestamp,
    };
    (
        Challenger::new(challenger_identity(), terms),
        Prover::new(prover_identity(), asked),
    )
}

/// Runs a measurement to its end (or for 30 simulated seconds).
fn run(setup: Setup<'_>) -> Outcome {
    let (mut challenger, mut prover) = machines(&setup);
    let neighbour = setup.neighbour;
    let mut down = Way::new(setup.down, setup.delay, setup.to_prover);
    let mut up = Way::new(setup.up, setup.delay, setup.to_challenger);
    let (mut challenger_result, mut prover_result) = (None, None);
    let mut admitted = false;
    let mut ended = 0;
    for now in (0..30_000_000).step_by(200) {
        ended = now;
        // The shell takes Hello and asks the policy before there is a machine.
        if !admitted {
            admitted = matches!(up.take(now), Some(Message::Frame(Frame::Hello { .. })));
        } else if challenger_result.is_none() {
            challenger_result = step(&mut challenger, now, neighbour(now), &mut up, &mut down);
        }
        if prover_result.is_none() {
            prover_result = step(&mut prover, now, None, &mut down, &mut up);
        }
        if challenger_result.is_some() && prover_result.is_some() {
            break;
        }
    }
    let never = Violation::TimedOut {
        expected: "the end of the simulation",
        seconds: 30,
    };
    let (challenger_result, prover_result) = (
        challenger_result.unwrap_or(Err(never.clone())),
        prover_result.unwrap_or(Err(never)),
    );
    let failure = challenger_result
        .as_ref()
        .err()
        .map(|violation| challenger.failure(violation.reason()));
    Outcome {
        ended,
        challenger: challenger_result.map(|()| challenger.into_signed().unwrap()),
        prover: prover_result.map(|()| prover.into_signed().unwrap()),
        failure,
    }
}

/// Hands a machine what has arrived, ticks it when due, and sends what it wants sent. Some when it has ended.
fn step(
    machine: &mut impl Machine,
    now: Micros,
    slowest_neighbour: Option<Progress>,
    incoming: &mut Way<'_>,
    outgoing: &mut Way<'_>,
) -> Option<Result<(), Violation>> {
    let mut actions = Vec::new();
    let mut handle = |event: Event<'_>, received, sent| {
        let moment = Moment {
            now,
            wire: WireCounters {
                sent,
                lost: 0,
                received,
            },
            slowest_neighbour,
            ..Moment::default()
        };
        machine.handle(&moment, event, &mut actions)
    };
    while let Some(message) = incoming.take(now) {
        let outcome = match message {
            Message::Frame(frame) => handle(Event::Frame(frame), incoming.received, outgoing.sent),
            Message::Payload(bytes) => handle(Event::Payload(&bytes), incoming.received, outgoing.sent),
        };
        if let Err(violation) = outcome {
            return Some(Err(violation));
        }
    }
    if now.is_multiple_of(1_000)
        && let Err(violation) = handle(Event::Tick, incoming.received, outgoing.sent)
    {
        return Some(Err(violation));
    }
    let mut finished = None;
    for action in actions {
        match action {
            Action::Send(frame) => outgoing.send(now, Message::Frame(frame)),
            Action::SendPayload(bytes) => outgoing.send(now, Message::Payload(bytes)),
            Action::EndPayload => outgoing
                .queue
                .retain(|(_, message, _)| matches!(message, Message::Frame(_))),
            Action::RefusePayload => {}
            Action::Finish => finished = Some(Ok(())),
        }
    }
    finished
}

fn assert_close(measured: u32, bytes_per_second: u64) {
    let rate = f64::from(kbps(bytes_per_second, 1_000_000));
    assert!(
        (f64::from(measured) / rate - 1.0).abs() < 0.02,
        "{measured} kbit/s instead of {rate}"
    );
}

#[test]
fn an_honest_measurement_finds_both_rates_and_leaves_the_same_receipt_on_both_sides() {
    for (down, up, delay) in [(100, 20, 5_000), (20, 100, 200), (300, 300, 10_000), (5, 2, 20_000)] {
        let outcome = run(Setup {
            down: down * MEGABIT,
            up: up * MEGABIT,
            delay,
            ..Setup::default()
        });
        let signed = outcome.challenger.unwrap();
        assert_eq!(signed, outcome.prover.unwrap());
        signed.verify().unwrap();
        receipt::replay(&signed.receipt, &signed.seed).unwrap();
        assert_close(signed.receipt.down.kbps, down * MEGABIT);
        assert_close(signed.receipt.up.kbps, up * MEGABIT);
        let rtt = u64::from(signed.receipt.min_rtt_us);
        assert!((2 * delay..2 * delay + 2_000).contains(&rtt), "{rtt}");
        println!(
            "{down}/{up} Mbit/s, {} ms away: over after {} ms",
            delay / 500,
            outcome.ended / 1_000
        );
    }
}

#[test]
fn the_limit_is_what_is_measured_when_the_link_is_faster() {
    let signed = run(Setup {
        limit_kbps: 10_000,
        ..Setup::default()
    })
    .challenger
    .unwrap();
    for result in [signed.receipt.down, signed.receipt.up] {
        assert!((9_700..=10_000).contains(&result.kbps), "{}", result.kbps);
    }
    assert_eq!(signed.receipt.reason, Reason::AtLimit as u8);
}

/// Changes the `n`th frame that `pick` picks.
fn change<'a>(mut n: usize, mut pick: impl FnMut(&mut Frame) -> bool + 'a) -> Tamper<'a> {
    Box::new(move |_, mut message| {
        if let Message::Frame(frame) = &mut message {
            let mut changed = frame.clone();
            if pick(&mut changed) {
                if n == 0 {
                    *frame = changed;
                }
                n = n.wrapping_sub(1);
            }
        }
        vec![(0, message)]
    })
}

#[test]
fn a_wrong_digest_ends_the_measurement_and_is_recorded() {
    let wrong = change(20, |frame| {
        let Frame::Answer { running } = frame else { return false };
        running[31] ^= 1;
        true
    });
    let outcome = run(Setup {
        to_challenger: wrong,
        ..Setup::default()
    });
    assert_eq!(outcome.challenger, Err(Violation::WrongDigest(20)));
    let failure = outcome.failure.unwrap();
    failure.verify().unwrap();
    assert_eq!(
        (failure.receipt.reason, failure.receipt.down.kbps),
        (Reason::WrongDigest as u8, 0)
    );
}

#[test]
fn an_answer_before_the_chunk_is_refused() {
    // The cheater answers as soon as the last pong is out, before anything can have come.
    let mut pongs = 0;
    let eager: Tamper<'_> = Box::new(move |_, message| {
        pongs += usize::from(matches!(message, Message::Frame(Frame::Pong { .. })));
        let last = pongs == receipt::RTT_SAMPLES;
        pongs += usize::from(last);
        let early = Message::Frame(Frame::Answer { running: [0; 32] });
        if last {
            vec![(0, message), (0, early)]
        } else {
            vec![(0, message)]
        }
    });
    let outcome = run(Setup {
        to_challenger: eager,
        ..Setup::default()
    });
    assert_eq!(outcome.challenger, Err(Violation::EarlyAnswer(0)));
    assert_eq!(outcome.failure.unwrap().receipt.reason, Reason::WrongDigest as u8);
}

#[test]
fn answers_learnt_under_the_same_seed_in_another_round_are_worthless() {
    let mut learnt = Vec::new();
    let spy: Tamper<'_> = Box::new(|_, message| {
        if let Message::Frame(Frame::Answer { running }) = &message {
            learnt.push(*running);
        }
        vec![(0, message)]
    });
    run(Setup {
        to_challenger: spy,
        ..Setup::default()
    })
    .challenger
    .unwrap();
    assert!(learnt.len() > 50);
    let mut next = learnt.into_iter();
    let parrot: Tamper<'_> = Box::new(move |_, mut message| {
        if let Message::Frame(Frame::Answer { running }) = &mut message {
            *running = next.next().unwrap();
        }
        vec![(0, message)]
    });
    let outcome = run(Setup {
        to_challenger: parrot,
        round: 4,
        ..Setup::default()
    });
    assert_eq!(outcome.challenger, Err(Violation::WrongDigest(0)));
}

#[test]
fn payload_that_is_not_the_keystream_is_refused() {
    let zeros: Tamper<'_> = Box::new(|_, message| {
        let message = match message {
            Message::Payload(bytes) => Message::Payload(vec![0; bytes.len()].into()),
            other => other,
        };
        vec![(0, message)]
    });
    let outcome = run(Setup {
        to_challenger: zeros,
        ..Setup::default()
    });
    assert_eq!(outcome.challenger, Err(Violation::WrongPayload(0)));
}

#[test]
fn holding_answers_back_gains_at_most_the_allowance() {
    // Slow, then fast: from some chunk on, answers are kept for a while and then come all at once. Whenever the
    // cheater begins, the slope of the answers alone would look far steeper than the link.
    let mut measured = 0;
    for began_after in [20, 40, 60, 80] {
        for held in [20_000, 50_000, 150_000] {
            let mut answers = 0;
            let mut release = None;
            let cheat: Tamper<'_> = Box::new(move |now, message| {
                let mut later = 0;
                if matches!(message, Message::Frame(Frame::Answer { .. })) {
                    answers += 1;
                    if answers >= began_after {
                        later = release.get_or_insert(now + held).saturating_sub(now);
                    }
                }
                vec![(later, message)]
            });
            let outcome = run(Setup {
                down: 50 * MEGABIT,
                delay: 500,
                to_challenger: cheat,
                ..Setup::default()
            });
            // That it fails or is taken for slow is the cheater's own loss.
            if let Ok(signed) = outcome.challenger {
                let kbps = signed.receipt.down.kbps;
                assert!(
                    kbps < 50_000 * 105 / 100,
                    "held {held} us after {began_after}: {kbps} kbit/s"
                );
                measured += 1;
            }
        }
    }
    assert!(
        measured > 6,
        "the cheats must get through for this to test anything: {measured}"
    );
}

#[test]
fn answers_that_catch_up_during_the_window_gain_at_most_the_allowance() {
    // Pings are answered at once, chunks late at first and then less and less late: the slope of the answers promises a
    // link that is faster than it is.
    let mut measured = 0;
    for held in [50_000, 100_000, 150_000] {
        for constant_for in [100_000, 300_000, 450_000] {
            let mut began = None;
            let cheat: Tamper<'_> = Box::new(move |now, message| {
                let mut later = 0;
                if matches!(message, Message::Frame(Frame::Answer { .. })) {
                    let since = now - *began.get_or_insert(now);
                    let caught_up = since.saturating_sub(constant_for) * held / 400_000;
                    later = held.saturating_sub(caught_up);
                }
                vec![(later, message)]
            });
            let outcome = run(Setup {
                down: 50 * MEGABIT,
                delay: 500,
                to_challenger: cheat,
                ..Setup::default()
            });
            // That it fails or is taken for slow is the cheater's own loss.
            if let Ok(signed) = outcome.challenger {
                let kbps = signed.receipt.down.kbps;
                assert!(
                    kbps < 50_000 * 105 / 100,
                    "held {held} us for {constant_for} us: {kbps} kbit/s"
                );
                measured += 1;
            }
        }
    }
    assert!(
        measured > 3,
        "the cheats must get through for this to test anything: {measured}"
    );
}

#[test]
fn a_pretended_round_trip_gains_at_most_a_twenty_third() {
    // Pongs and answers are late all along, and from some time on less and less so: the one lie that the times of a single
    // challenger cannot tell from the truth. It must gain something, or this tests nothing, and no more than the bound.
    let mut largest = 0;
    for (pretended, delay) in [
        (5_000u64, 500),
        (20_000, 500),
        (60_000, 500),
        (20_000, 10_000),
        (200_000, 10_000),
    ] {
        for (kept_up, over) in [
            (60_000, 100_000),
            (60_000, 400_000),
            (200_000, 400_000),
            (400_000, 300_000),
        ] {
            let mut began = None;
            let cheat: Tamper<'_> = Box::new(move |now, message| {
                let late = match &message {
                    Message::Frame(Frame::Pong { .. }) => pretended,
                    Message::Frame(Frame::Answer { .. }) => {
                        let since = now - *began.get_or_insert(now);
                        pretended.saturating_sub(since.saturating_sub(kept_up) * pretended / over)
                    }
                    _ => 0,
                };
                vec![(late, message)]
            });
            let outcome = run(Setup {
                down: 50 * MEGABIT,
                delay,
                to_challenger: cheat,
                ..Setup::default()
            });
            if let Ok(signed) = outcome.challenger {
                let kbps = signed.receipt.down.kbps;
                largest = largest.max(kbps);
                // The simulation counts headers as the link does, to within 0.3 %.
                assert!(
                    kbps <= 50_000 * 1_047 / 1_000,
                    "{pretended} us pretended on a path of {delay} us, dropped after {kept_up} us over {over} us: {kbps} kbit/s"
                );
            }
        }
    }
    assert!(largest > 50_500, "the cheat must gain something: {largest} kbit/s");
}

#[test]
fn what_is_counted_begins_when_the_neighbours_are_ready_and_ends_when_they_have_enough() {
    // The neighbour fills the link half a second late, and has enough 200 ms later; the same in Up.
    let outcome = run(Setup {
        neighbour: |now| {
            Some(match now {
                0..500_000 => Progress::DownBegins,
                500_000..700_000 => Progress::DownSteady,
                700_000..1_200_000 => Progress::UpBegins,
                1_200_000..1_400_000 => Progress::UpSteady,
                _ => Progress::UpEnough,
            })
        },
        ..Setup::default()
    });
    let ended = outcome.ended;
    let signed = outcome.challenger.unwrap();
    // 100 Mbit/s for half a second are more than 5 MB.
    let before = crate::chunk::total(signed.receipt.down.first_counted_chunk);
    assert!(before > 4_000_000, "{before} bytes before the window");
    let before = crate::chunk::total(signed.receipt.up.first_counted_chunk);
    assert!(before > 800_000, "{before} bytes before the window");
    assert!((1_400_000..1_700_000).contains(&ended), "{ended}");
    assert_close(signed.receipt.down.kbps, 100 * MEGABIT);
    assert_close(signed.receipt.up.kbps, 20 * MEGABIT);
}

#[test]
fn a_neighbour_that_dawdles_delays_but_does_not_prevent() {
    let outcome = run(Setup {
        neighbour: |_| Some(Progress::DownBegins),
        ..Setup::default()
    });
    let signed = outcome.challenger.unwrap();
    assert_close(signed.receipt.down.kbps, 100 * MEGABIT);
    assert_close(signed.receipt.up.kbps, 20 * MEGABIT);
}

#[test]
fn a_side_that_was_not_scheduled_makes_the_measurement_inconclusive() {
    let late: fn(&mut Frame) -> bool = |frame| {
        let Frame::Report { late_up_us, .. } = frame else {
            return false;
        };
        *late_up_us = 90_000;
        true
    };
    let outcome = run(Setup {
        to_challenger: change(0, late),
        ..Setup::default()
    });
    assert!(
        matches!(
            outcome.challenger,
            Err(Violation::Starved {
                direction: Direction::Up,
                side: Side::Prover,
                late_ms: 90,
                ..
            })
        ),
        "{:?}",
        outcome.challenger
    );
    let failure = outcome.failure.unwrap();
    failure.verify().unwrap();
    assert_eq!(failure.receipt.reason, Reason::Inconclusive as u8);
}

#[test]
fn withholding_a_piece_of_payload_gains_nothing() {
    // Everything behind the withheld piece is read at once when it comes, but the wire has counted.
    let mut measured = 0;
    for held in [50_000, 200_000] {
        let mut bytes_so_far = 0;
        let mut release = None;
        let cheat: Tamper<'_> = Box::new(move |now, message| {
            let mut later = 0;
            if let Message::Payload(bytes) = &message {
                bytes_so_far += bytes.len();
                if bytes_so_far > 400_000 {
                    later = release.get_or_insert(now + held).saturating_sub(now);
                }
            }
            vec![(later, message)]
        });
        let outcome = run(Setup {
            up: 20 * MEGABIT,
            delay: 500,
            to_challenger: cheat,
            ..Setup::default()
        });
        if let Ok(signed) = outcome.challenger {
            assert!(
                signed.receipt.up.kbps < 21_500,
                "held {held} us: {} kbit/s",
                signed.receipt.up.kbps
            );
            measured += 1;
        }
    }
    assert!(measured > 0, "the cheat must get through for this to test anything");
}

#[test]
fn a_prover_signs_no_receipt_but_the_right_one() {
    type Falsify = fn(&mut Receipt);
    let falsifications: [(&str, Falsify); 9] = [
        ("rate", |receipt| receipt.down.kbps /= 2),
        ("rate with its bytes", |receipt| {
            receipt.down.counted_bytes = 0;
            receipt.down.kbps = 0;
        }),
        ("chunks", |receipt| receipt.up.chunks += 1),
        ("transcript", |receipt| receipt.transcript_root[0] ^= 1),
        ("node", |receipt| receipt.node[0] ^= 1),
        ("epoch", |receipt| receipt.epoch += 1),
        ("time", |receipt| receipt.unix_timestamp += 1),
        ("commitment", |receipt| receipt.seed_commitment[0] ^= 1),
        ("limit", |receipt| receipt.limit_kbps += 1),
    ];
    for (name, falsify) in falsifications {
        let forge = change(0, move |frame| {
            let Frame::Receipt { receipt, .. } = frame else {
                return false;
            };
            falsify(receipt);
            true
        });
        let outcome = run(Setup {
            to_prover: forge,
            ..Setup::default()
        });
        assert!(
            matches!(outcome.prover, Err(Violation::Receipt(_))),
            "{name}: {:?}",
            outcome.prover
        );
        assert!(outcome.challenger.is_err(), "{name}");
    }
}

#[test]
fn a_seed_other_than_the_committed_one_is_found_out() {
    let swap = change(0, |frame| {
        let Frame::Reveal { seed } = frame else { return false };
        seed[0] ^= 1;
        true
    });
    let outcome = run(Setup {
        to_prover: swap,
        ..Setup::default()
    });
    assert_eq!(outcome.prover, Err(ReceiptError::Commitment.into()));
}

#[test]
fn a_forged_commitment_ends_it_before_any_payload() {
    let forge = change(0, |frame| {
        let Frame::Commit { seed_commitment, .. } = frame else {
            return false;
        };
        seed_commitment[0] ^= 1;
        true
    });
    let outcome = run(Setup {
        to_prover: forge,
        ..Setup::default()
    });
    assert_eq!(outcome.prover, Err(Violation::CommitmentSignature));
}

#[test]
fn a_key_that_does_not_belong_to_the_seed_is_found_out_by_replay() {
    // The challenger has another keystream sent upwards than its seed gives: the prover cannot know until the reveal.
    let signed = run(Setup::default()).challenger.unwrap();
    let mut forged = signed.receipt;
    forged.transcript_root = crate::transcript::root(forged.down.chunks, &[1; 32], forged.up.chunks, &[2; 32]);
    let challenger_signature = forged.sign(&challenger_identity());
    let prover_signature = Some(forged.sign(&prover_identity()));
    let forged = SignedReceipt {
        receipt: forged,
        challenger_signature,
        prover_signature,
        seed: signed.seed,
    };
    // Both have signed, so only the replay shows it.
    forged.verify().unwrap();
    assert_eq!(
        receipt::replay(&forged.receipt, &forged.seed),
        Err(ReceiptError::Transcript)
    );
}

#[test]
fn a_challenger_that_exceeds_the_limit_is_cut_off() {
    let setup = Setup {
        limit_kbps: 5_000,
        ..Setup::default()
    };
    let (_, mut prover) = machines(&setup);
    let (mut challenger, _) = machines(&setup);
    let mut actions = Vec::new();
    challenger
        .handle(&Moment::default(), Event::Tick, &mut actions)
        .unwrap();
    let Some(Action::Send(commit)) = actions.first().cloned_send() else {
        panic!("no commitment")
    };
    let mut ignored = Vec::new();
    prover.handle(&Moment::default(), Event::Tick, &mut ignored).unwrap();
    prover
        .handle(&Moment::default(), Event::Frame(commit), &mut ignored)
        .unwrap();
    let mut outcome = Ok(());
    for millisecond in 0..1_000 {
        // 20 Mbit/s.
        let received = millisecond * 2_500;
        let wire = WireCounters {
            received,
            ..WireCounters::default()
        };
        let moment = Moment {
            now: millisecond * 1_000,
            wire,
            ..Moment::default()
        };
        outcome = prover.handle(&moment, Event::Payload(&[0; 2_400]), &mut ignored);
        if outcome.is_err() {
            break;
        }
    }
    assert!(
        matches!(outcome, Err(Violation::LimitExceeded { limit_kbps: 5_000, .. })),
        "{outcome:?}"
    );
}

trait ClonedSend {
    fn cloned_send(&self) -> Option<Action>;
}

impl ClonedSend for Option<&Action> {
    fn cloned_send(&self) -> Option<Action> {
        match self {
            Some(Action::Send(frame)) => Some(Action::Send(frame.clone())),
            _ => None,
        }
    }
}

#[test]
fn a_peer_that_falls_silent_times_out_and_the_error_says_where() {
    let stages: [(fn(&Frame) -> bool, &str); 4] = [
        (|frame| matches!(frame, Frame::Pong { .. }), "Pong"),
        (|frame| matches!(frame, Frame::Answer { .. }), "answers to Down"),
        (|frame| matches!(frame, Frame::Report { .. }), "Report"),
        (|frame| matches!(frame, Frame::Countersign { .. }), "Countersign"),
    ];
    for (swallowed, expected) in stages {
        let silence: Tamper<'_> = Box::new(move |_, message| match &message {
            Message::Frame(frame) if swallowed(frame) => vec![],
            _ => vec![(0, message)],
        });
        let outcome = run(Setup {
            to_challenger: silence,
            ..Setup::default()
        });
        let Err(Violation::TimedOut {
            expected: named,
            seconds: 3,
        }) = outcome.challenger
        else {
            panic!("{expected}: {:?}", outcome.challenger)
        };
        assert_eq!(named, expected);
        assert!(
            matches!(outcome.prover, Err(Violation::TimedOut { .. })),
            "{:?}",
            outcome.prover
        );
        assert_eq!(outcome.failure.unwrap().receipt.reason, Reason::Aborted as u8);
    }
}

#[test]
fn any_changed_bit_spoils_a_signed_receipt() {
    let signed = run(Setup::default()).challenger.unwrap();
    let bytes = signed.encode();
    assert_eq!(SignedReceipt::decode(&bytes).unwrap(), signed);
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let accepted = SignedReceipt::decode(&changed).is_ok_and(|receipt| receipt.verify().is_ok());
        assert!(!accepted, "bit {bit}");
    }
    assert!(
        SignedReceipt::decode(&[&bytes[..], &[0]].concat()).is_err(),
        "trailing bytes"
    );
    let failed_but_unsigned = SignedReceipt {
        prover_signature: None,
        ..signed.clone()
    };
    assert_eq!(failed_but_unsigned.verify(), Err(ReceiptError::ProverSignature));
    let swapped = SignedReceipt {
        prover_signature: Some(signed.challenger_signature),
        ..signed
    };
    assert_eq!(swapped.verify(), Err(ReceiptError::ProverSignature));
}

fn any_frame() -> impl Strategy<Value = Frame> {
    let bytes = any::<[u8; 32]>;
    let signature = || prop::array::uniform32(any::<u8>()).prop_map(|half| [half, half].concat().try_into().unwrap());
    prop_oneof![
        (any::<u16>(), any::<u64>(), any::<u32>()).prop_map(|(version, epoch, limit_kbps)| Frame::Hello {
            version,
            network_id: [9; 32],
            epoch,
            round: 3,
            node: [8; 32],
            limit_kbps
        }),
        (any::<u8>(), ".{0,40}").prop_map(|(reason, sentence)| Frame::Refuse { reason, sentence }),
        any::<u32>().prop_map(|millis| Frame::Later { millis }),
        (any::<std::net::SocketAddr>()).prop_map(Frame::elsewhere),
        (bytes(), signature(), any::<u32>(), any::<i64>()).prop_map(
            |(seed_commitment, signature, limit_kbps, unix_timestamp)| {
                Frame::Commit {
                    seed_commitment,
                    signature,
                    limit_kbps,
                    unix_timestamp,
                }
            }
        ),
        any::<u64>().prop_map(|nonce| Frame::Ping { nonce }),
        any::<u64>().prop_map(|nonce| Frame::Pong { nonce }),
        bytes().prop_map(|running| Frame::Answer { running }),
        any::<u32>().prop_map(|chunks| Frame::DownEnd { chunks }),
        (0u32..40).prop_map(|chunks| Frame::DownEnd { chunks }),
        (bytes(), any::<u32>()).prop_map(|(key, min_rtt_us)| Frame::UpStart { key, min_rtt_us }),
        any::<u32>().prop_map(|chunks| Frame::Received { chunks }),
        (0u32..40).prop_map(|chunks| Frame::Received { chunks }),
        any::<u32>().prop_map(|chunk| Frame::Steady { chunk }),
        (0u32..40).prop_map(|chunk| Frame::Steady { chunk }),
        any::<u32>().prop_map(|chunks| Frame::UpEnd { chunks }),
        (0u32..40).prop_map(|chunks| Frame::UpEnd { chunks }),
        (any::<u64>(), any::<u64>(), any::<u32>()).prop_map(|(background_down_bytes, background_up_bytes, late)| {
            Frame::Report {
                background_down_bytes,
                background_up_bytes,
                late_down_us: late,
                late_up_us: late / 3,
            }
        }),
        signature().prop_map(|signature| Frame::Countersign { signature }),
        bytes().prop_map(|seed| Frame::Reveal { seed }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// A hostile peer replaces frames at will, at any point of an otherwise honest measurement: whatever happens is an error,
    /// never a panic, and never a receipt that does not verify.
    #[test]
    fn no_frames_at_any_point_make_a_machine_panic(
        at in 0usize..200,
        frames in prop::collection::vec(any_frame(), 1..6),
        towards_prover: bool,
    ) {
        let mut count = 0;
        let hostile: Tamper<'_> = Box::new(move |_, message| {
            count += 1;
            let mut messages = vec![(0, message)];
            if count == at {
                messages.extend(frames.iter().map(|frame| (0, Message::Frame(frame.clone()))));
            }
            messages
        });
        let mut setup = Setup { down: 20 * MEGABIT, ..Setup::default() };
        if towards_prover { setup.to_prover = hostile } else { setup.to_challenger = hostile }
        let outcome = run(setup);
        if let Ok(signed) = outcome.challenger {
            signed.verify().unwrap();
        }
    }

    /// The decoder takes any bytes in any pieces.
    #[test]
    fn the_decoder_survives_anything(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..32)) {
        let mut decoder = Decoder::default();
        for piece in pieces {
            decoder.push(&piece);
            while let Ok(Some(_)) = decoder.next_frame() {}
        }
    }

    /// What is encoded comes back, however it is cut.
    #[test]
    fn frames_survive_the_wire(frames in prop::collection::vec(any_frame(), 1..10), cut in 1usize..50) {
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
        let mut decoder = Decoder::default();
        let mut decoded = Vec::new();
        for piece in bytes.chunks(cut) {
            decoder.push(piece);
            while let Some(frame) = decoder.next_frame().unwrap() {
                decoded.push(frame);
            }
        }
        prop_assert_eq!(decoded, frames);
    }
}

#[test]
fn an_oversize_frame_is_refused_before_it_is_buffered() {
    let mut decoder = Decoder::default();
    decoder.push(&[0xff, 0xff]);
    assert_eq!(decoder.next_frame(), Err(Violation::FrameTooLong(65_535)));
    let longest = Frame::refuse(4, &"ö".repeat(10_000));
    assert!(longest.encode().len() <= 2 + crate::frame::MAXIMUM_BODY);
}
