//! From arrivals to a rate. Integers only: the receipt's figures can be checked by anybody.

use crate::wire::Micros;

/// How many bytes had arrived by when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    pub at: Micros,
    pub bytes: u64,
}

/// Bytes in a time: a rate that has not been divided yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub bytes: u64,
    pub duration_us: u64,
}

impl Span {
    /// The slower of two rates.
    pub fn slower(self, other: Self) -> Self {
        if other.is_slower_than(self) { other } else { self }
    }

    /// The faster of two rates.
    pub fn faster(self, other: Self) -> Self {
        if self.is_slower_than(other) { other } else { self }
    }

    fn is_slower_than(self, other: Self) -> bool {
        u128::from(self.bytes) * u128::from(other.duration_us) < u128::from(other.bytes) * u128::from(self.duration_us)
    }
}

/// The part of the time by which the halves of a settled estimate may differ.
const SETTLED_PART: u128 = 50;
/// And those of one that had all the time it may have.
const PLAUSIBLE_PART: u128 = 6;
/// A round trip is taken off up to this part of the time. A liar gains 1 / (1 - 1/24), which is 4.3 %.
pub const MOST_ROUND_TRIP_PART: u64 = 24;
/// Fewest points from which a rate is taken.
pub const MINIMUM_POINTS: usize = 6;

/// The slope between the centre of the first third of the points and the centre of the last third (Bartlett's method
/// for a line whose both coordinates are noisy). A process that is scheduled late for a few milliseconds moves
/// single points, which the centres average away; the ends of the window alone would not.
///
/// `None` for fewer than [`MINIMUM_POINTS`], or when no time passed.
pub fn slope_of_thirds(points: &[Point]) -> Option<Span> {
    if points.len() < MINIMUM_POINTS {
        return None;
    }
    let third = points.len() / 3;
    let (first, last) = (&points[..third], &points[points.len() - third..]);
    let sum = |points: &[Point]| {
        points.iter().fold((0u128, 0u128), |(at, bytes), point| {
            (at + u128::from(point.at), bytes + u128::from(point.bytes))
        })
    };
    let ((first_at, first_bytes), (last_at, last_bytes)) = (sum(first), sum(last));
    let mean = |later: u128, earlier: u128| u64::try_from(later.checked_sub(earlier)? / third as u128).ok();
    let span = Span {
        bytes: mean(last_bytes, first_bytes)?,
        duration_us: mean(last_at, first_at)?,
    };
    (span.duration_us > 0).then_some(span)
}

/// Whether the two halves of the points agree to within 2 %: then more of them would change little.
pub fn is_settled(points: &[Point]) -> bool {
    halves_agree(points, SETTLED_PART)
}

/// Whether the two halves of the points agree to within a sixth: else something other than the link decided.
pub fn is_plausible(points: &[Point]) -> bool {
    halves_agree(points, PLAUSIBLE_PART)
}

fn halves_agree(points: &[Point], part: u128) -> bool {
    let (first, second) = points.split_at(points.len() / 2);
    let (Some(first), Some(second)) = (slope_of_thirds(first), slope_of_thirds(second)) else {
        return false;
    };
    let one = u128::from(first.bytes) * u128::from(second.duration_us);
    let other = u128::from(second.bytes) * u128::from(first.duration_us);
    one.abs_diff(other) <= one.min(other) / part
}

/// The highest rate that the times of sending allow a link to have. What was sent after a moment and has been
/// answered took at most the time between, less a round trip. Each pair of a departure and an answer gives such a
/// bound; the highest stands, because on an honest link most are too low (a queue stood before the departure, or the answer
/// was late), and on none can they be higher than the link, but for the round trip.
///
/// Whoever answers late all along and stops doing so at the end pretends a round trip that is longer than the true one,
/// and nothing in the times can tell. So no more than one part in [`MOST_ROUND_TRIP_PART`] of the time is taken off,
/// which bounds what that brings.
pub fn ceiling(departures: &[Point], answers: &[Point], round_trip: Micros) -> Option<Span> {
    let mut highest: Option<Span> = None;
    for departure in departures {
        for answer in answers {
            let time = answer.at.saturating_sub(departure.at);
            let span = Span {
                bytes: answer.bytes.saturating_sub(departure.bytes),
                duration_us: time - round_trip.min(time / MOST_ROUND_TRIP_PART),
            };
            if span.duration_us > 0 {
                highest = Some(highest.map_or(span, |highest| highest.faster(span)));
            }
        }
    }
    highest
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::kbps;

    /// `count` points a millisecond apart, 10,000 bytes each: 80 Mbit/s.
    fn line(count: u64) -> Vec<Point> {
        (0..count)
            .map(|index| Point {
                at: 50_000 + index * 1_000,
                bytes: index * 10_000,
            })
            .collect()
    }

    fn rate(span: Span) -> u32 {
        kbps(span.bytes, span.duration_us)
    }

    #[test]
    fn a_line_has_its_own_slope() {
        for count in [6, 7, 8, 100, 301] {
            assert_eq!(rate(slope_of_thirds(&line(count)).unwrap()), 80_000);
        }
        assert_eq!(slope_of_thirds(&line(5)), None);
        assert_eq!(slope_of_thirds(&[Point { at: 5, bytes: 5 }; 20]), None);
    }

    #[test]
    fn a_late_end_moves_the_slope_little() {
        let mut points = line(300);
        points.last_mut().unwrap().at += 30_000;
        let off = f64::from(rate(slope_of_thirds(&points).unwrap())) / 80_000.0;
        // 30 ms at the end alone would be 9 %.
        assert!((0.995..1.0).contains(&off), "{off}");
    }

    #[test]
    fn halves_that_disagree_are_not_settled() {
        assert!(is_settled(&line(30)));
        assert!(!is_settled(&line(11)), "too few points for two halves");
        let mut points = line(200);
        for (index, point) in points.iter_mut().enumerate().skip(100) {
            point.at += (index as u64 - 100) * 50;
        }
        assert!(!is_settled(&points), "5 % slower in the second half");
        assert!(is_plausible(&points));
        for (index, point) in points.iter_mut().enumerate().skip(100) {
            point.at += (index as u64 - 100) * 200;
        }
        assert!(!is_plausible(&points), "25 % slower in the second half");
    }

    /// A link of 10,000 bytes a millisecond with a round trip of `round_trip`; chunks leave a queue of 15 ms.
    fn link(round_trip: Micros, chunks: u64) -> (Vec<Point>, Vec<Point>) {
        let at = |delay: u64| {
            (0..chunks)
                .map(|index| Point {
                    at: 1_000_000 + (index * 1_000).saturating_sub(15_000) + delay,
                    bytes: (index + 1) * 10_000,
                })
                .collect::<Vec<_>>()
        };
        let departures = at(0);
        let answers = (0..chunks)
            .map(|index| Point {
                at: 1_000_000 + (index + 1) * 1_000 + round_trip,
                bytes: (index + 1) * 10_000,
            })
            .collect();
        (departures, answers)
    }

    #[test]
    fn the_ceiling_of_an_honest_link_is_its_rate() {
        for (round_trip, chunks) in [(400, 150), (5_000, 150), (20_000, 480)] {
            let (departures, answers) = link(round_trip, chunks);
            let span = ceiling(&departures[..20], &answers[answers.len() * 2 / 3..], round_trip).unwrap();
            assert!((79_000..=80_100).contains(&rate(span)), "{round_trip}: {}", rate(span));
        }
    }

    #[test]
    fn a_pretended_round_trip_gains_at_most_a_twenty_third() {
        for pretended in [5_000, 50_000, 500_000] {
            let (departures, answers) = link(400, 300);
            let span = ceiling(&departures[..20], &answers[200..], 400 + pretended).unwrap();
            assert!(rate(span) <= 80_000 * 105 / 100, "{pretended}: {}", rate(span));
        }
    }

    proptest! {
        /// Whatever the times, nothing overflows, and no rate is higher than the bytes over 23/24 of the shortest time.
        #[test]
        fn any_times_are_taken(
            mut sent in prop::collection::vec(any::<u32>(), 1..30),
            mut answered in prop::collection::vec(any::<u32>(), 1..30),
            round_trip: u32,
        ) {
            sent.sort_unstable();
            answered.sort_unstable();
            let points = |times: &[u32]| -> Vec<Point> {
                (0u64..).zip(times).map(|(index, at)| Point { at: u64::from(*at), bytes: index * 65_536 }).collect()
            };
            let (departures, answers) = (points(&sent), points(&answered));
            let _ = is_settled(&answers);
            if let Some(span) = ceiling(&departures, &answers, u64::from(round_trip)) {
                let shortest = departures.iter().flat_map(|d| answers.iter().map(|a| a.at.saturating_sub(d.at)))
                    .filter(|time| *time > 0).min().unwrap();
                prop_assert!(span.duration_us >= shortest - shortest / MOST_ROUND_TRIP_PART);
                prop_assert!(span.bytes <= answers.last().unwrap().bytes);
            }
        }
    }
}
