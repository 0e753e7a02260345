//! How an amount splits among payees to the last base unit.

use crate::units::Bps;

/// Fills `parts` with the shares of `amount`, each rounded down; what rounding leaves goes to the first payee. Returns
/// `None`, and leaves `parts` alone, unless the shares sum to exactly one and there are as many parts as shares.
pub fn by_basis_points(amount: u64, shares: &[Bps], parts: &mut [u64]) -> Option<()> {
    let sum = shares
        .iter()
        .fold(0u32, |sum, share| sum.saturating_add(u32::from(share.0)));
    if sum != u32::from(Bps::ONE.0) || shares.len() != parts.len() {
        return None;
    }
    let mut left = amount;
    for (part, share) in parts.iter_mut().zip(shares) {
        *part = share.of(amount);
        left = left.saturating_sub(*part);
    }
    let first = parts.first_mut()?;
    *first = first.saturating_add(left);
    Some(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use alloc::{vec, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_dust_goes_to_the_first() {
        let mut parts = [0; 3];
        by_basis_points(100, &[Bps(3_333), Bps(3_333), Bps(3_334)], &mut parts).unwrap();
        assert_eq!(parts, [34, 33, 33]);
        assert!(by_basis_points(100, &[Bps(9_999)], &mut [0]).is_none());
        assert!(by_basis_points(100, &[], &mut []).is_none());
    }

    proptest! {
        #[test]
        fn nothing_is_lost(amount in any::<u64>(), cuts in prop::collection::vec(0u16..=10_000, 0..7)) {
            let mut cuts: Vec<u16> = cuts;
            cuts.extend([0, 10_000]);
            cuts.sort_unstable();
            let shares: Vec<Bps> = cuts.windows(2).map(|pair| Bps(pair[1] - pair[0])).collect();
            let mut parts = vec![0; shares.len()];
            by_basis_points(amount, &shares, &mut parts).unwrap();
            prop_assert_eq!(parts.iter().map(|p| u128::from(*p)).sum::<u128>(), u128::from(amount));
        }
    }
}
