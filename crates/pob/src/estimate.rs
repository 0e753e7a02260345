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
        let (this, that) = (
            u128::from(self.bytes) * u128::from(other.duration_us),
            u128::from(other.bytes) * u128::from(self.duration_us),
        );
        if that < this { other } else { self }
    }
}

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

/// The slope of the thirds, or the rate since `latest_start` when that is slower: whoever delays the first points shortens
/// the time between the points, but not the time since then.
pub fn slope_with_latest_start(points: &[Point], latest_start: Micros) -> Option<Span> {
    let slope = slope_of_thirds(points)?;
    let (first, last) = (points.first()?, points.last()?);
    let since_start = last.at.saturating_sub(latest_start).max(1);
    Some(slope.slower(Span {
        bytes: last.bytes - first.bytes,
        duration_us: since_start,
    }))
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
    fn first_points_held_back_gain_nothing_beyond_the_start() {
        let honest = line(300);
        assert_eq!(rate(slope_with_latest_start(&honest, 50_000).unwrap()), 80_000);
        for held in [50_000, 100_000, 200_000] {
            let cheat: Vec<Point> = honest
                .iter()
                .map(|point| Point {
                    at: point.at.max(50_000 + held),
                    ..*point
                })
                .collect();
            assert!(
                rate(slope_of_thirds(&cheat).unwrap()) > 84_000,
                "{held}: the cheat must work without the rule"
            );
            let counted = rate(slope_with_latest_start(&cheat, 50_000).unwrap());
            assert!(counted <= 80_000, "{held}: {counted}");
        }
    }

    proptest! {
        /// Whatever the times, nothing overflows, and the rate is at most that since the latest start.
        #[test]
        fn any_points_are_taken(mut times in prop::collection::vec(any::<u32>(), 0..40), start: u32) {
            times.sort_unstable();
            let points: Vec<Point> =
                (0u64..).zip(&times).map(|(index, at)| Point { at: u64::from(*at), bytes: index * 65_536 }).collect();
            if let Some(span) = slope_with_latest_start(&points, u64::from(start)) {
                let last = points.last().unwrap();
                let since = last.at.saturating_sub(u64::from(start)).max(1);
                prop_assert!(u128::from(span.bytes) * u128::from(since) <= u128::from(last.bytes) * u128::from(span.duration_us));
            }
        }
    }
}
