//! Quantities that carry their unit, so that mixing them does not compile.

macro_rules! quantity {
    ($(#[$docs:meta])* $name:ident($inner:ty), $unit:literal) => {
        $(#[$docs])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $name(pub $inner);

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, concat!("{} ", $unit), self.0)
            }
        }
    };
}

quantity!(
    /// A data rate in kilobits (1,000 bits) per second, counted at the IP layer.
    Kbps(u32), "kbit/s"
);
quantity!(
    /// A share of a whole in basis points: 10,000 is all of it.
    Bps(u16), "bp"
);
quantity!(
    /// An amount of the LMR token in base units; 1 LMR is 1,000,000 of them.
    Lmr(u64), "base units"
);
quantity!(
    /// A duration in microseconds.
    Micros(u32), "us"
);
quantity!(
    /// A point in time (Unix) or a duration, in seconds.
    Seconds(i64), "s"
);
quantity!(
    /// A distance in kilometres.
    Kilometres(u32), "km"
);

impl Bps {
    /// All of it.
    pub const ONE: Self = Self(10_000);

    /// This share of `amount`, rounded down; a share above one counts as one.
    pub fn of(self, amount: u64) -> u64 {
        let share = u64::from(self.0.min(Self::ONE.0));
        // Exactly amount * share / 10,000, without the 128-bit division that is dear on chain.
        let (whole, rest) = (amount / 10_000, amount % 10_000);
        whole
            .saturating_mul(share)
            .saturating_add(rest.saturating_mul(share) / 10_000)
    }

    /// `part / whole` as a share, rounded down, at most one. A whole of zero gives zero.
    pub fn ratio(part: u64, whole: u64) -> Self {
        if whole == 0 {
            return Self(0);
        }
        let part = part.min(whole);
        // 128-bit division is dear on chain: only where 64 bits do not hold the product.
        let share = match part.checked_mul(10_000) {
            Some(product) => product / whole,
            None => (u128::from(part).saturating_mul(10_000) / u128::from(whole)) as u64,
        };
        Self(share as u16)
    }

    /// What is missing to one.
    pub fn complement(self) -> Self {
        Self(Self::ONE.0.saturating_sub(self.0))
    }
}

impl Lmr {
    /// Decimals of the mint.
    pub const DECIMALS: u8 = 6;
    /// Base units in one LMR.
    pub const ONE: Self = Self(1_000_000);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_round_down_and_never_exceed_the_whole() {
        assert_eq!(Bps(2_500).of(7), 1);
        assert_eq!(Bps(20_000).of(u64::MAX), u64::MAX);
        assert_eq!(Bps::ratio(1, 3), Bps(3_333));
        assert_eq!(Bps::ratio(5, 0), Bps(0));
        assert_eq!(Bps::ratio(9, 3), Bps::ONE);
    }
}
