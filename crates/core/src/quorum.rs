//! How many oracles make an attestation.

/// Most members an oracle set can have; a bitmap of them fits 32 bits.
pub const MAX_ORACLES: usize = 32;

/// Signatures needed of `members` oracles: more than two thirds, so that two quorums of one set always share an honest
/// oracle while fewer than a third lie.
pub fn required(members: u32) -> u32 {
    // floor(2n/3) + 1, without the multiplication that could overflow.
    let thirds = members / 3;
    let rest = members % 3;
    thirds
        .saturating_mul(2)
        .saturating_add(rest.saturating_mul(2) / 3)
        .saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_two_thirds() {
        let expected = [
            (1, 1),
            (2, 2),
            (3, 3),
            (4, 3),
            (5, 4),
            (6, 5),
            (7, 5),
            (31, 21),
            (32, 22),
        ];
        for (members, quorum) in expected {
            assert_eq!(required(members), quorum, "{members} members");
            assert!(3 * required(members) > 2 * members);
        }
    }
}
