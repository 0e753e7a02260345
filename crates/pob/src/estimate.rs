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
