//! The figure that oracles agree on when some of the measurements lie.

/// The trimmed lower median: of `k` values, floor((k-1)/3) are dropped at each end and the lower middle one of the rest
/// is taken. While fewer than a third of the values are lies it lies between two honest values, and it errs downwards.
/// `None` where there are no values. Sorts `values`.
pub fn trimmed_lower_median(values: &mut [u64]) -> Option<u64> {
    values.sort_unstable();
    let trim = values.len().saturating_sub(1) / 3;
    let kept = values.get(trim..values.len().saturating_sub(trim))?;
    kept.get(kept.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_the_lower_middle() {
        assert_eq!(trimmed_lower_median(&mut []), None);
        assert_eq!(trimmed_lower_median(&mut [9]), Some(9));
        assert_eq!(trimmed_lower_median(&mut [9, 5]), Some(5));
        assert_eq!(trimmed_lower_median(&mut [9, 1, 5]), Some(5));
        assert_eq!(trimmed_lower_median(&mut [4, 3, 2, 1]), Some(2));
    }

    proptest! {
        #[test]
        fn a_lying_minority_cannot_leave_the_honest_range(
            honest in prop::collection::vec(900u64..1_100, 1..20),
            lies in prop::collection::vec(any::<u64>(), 0..9),
        ) {
            let tolerated = honest.len().saturating_sub(1) / 2;
            let mut all: Vec<u64> = honest.iter().copied().chain(lies.into_iter().take(tolerated)).collect();
            let figure = trimmed_lower_median(&mut all).unwrap();
            prop_assert!((900..1_100).contains(&figure), "{figure} of {all:?}");
        }
    }
}
