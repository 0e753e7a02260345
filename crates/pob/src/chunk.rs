//! How the payload is cut into chunks: small ones first, so that a slow link is answered often too, then larger ones,
//! so that a fast link is not drowned in answers. A chunk is 2 to 6 % of all before it, up to 64 KiB.

/// The first chunks' length in bytes.
pub const FIRST: u32 = 2 * 1_024;
/// The longest chunks' length in bytes.
pub const LONGEST: u32 = 64 * 1_024;
/// After so many chunks the length doubles.
const PER_LENGTH: u32 = 32;
/// How many lengths there are: 2, 4, 8, 16, 32 and 64 KiB.
const LENGTHS: u32 = 6;

/// Bytes of chunk `index`.
pub const fn length(index: u32) -> u32 {
    let doublings = index / PER_LENGTH;
    if doublings < LENGTHS {
        FIRST << doublings
    } else {
        LONGEST
    }
}

/// Bytes of the first `chunks` chunks.
pub const fn total(chunks: u32) -> u64 {
    let (whole, rest) = (chunks / PER_LENGTH, chunks % PER_LENGTH);
    if whole >= LENGTHS {
        let ramp = (LONGEST - FIRST) as u64 * PER_LENGTH as u64;
        return ramp + (chunks - PER_LENGTH * (LENGTHS - 1)) as u64 * LONGEST as u64;
    }
    let before = (FIRST as u64 * PER_LENGTH as u64) * ((1u64 << whole) - 1);
    before + rest as u64 * ((FIRST as u64) << whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_the_sums_of_the_lengths() {
        let mut sum = 0;
        for index in 0..500 {
            assert_eq!(total(index), sum, "{index}");
            sum += u64::from(length(index));
        }
        assert_eq!(
            (length(0), length(31), length(32), length(191), length(1_000)),
            (2_048, 2_048, 4_096, 65_536, 65_536)
        );
        assert_eq!(total(u32::MAX), total(192) + u64::from(u32::MAX - 192) * 65_536);
    }
}
