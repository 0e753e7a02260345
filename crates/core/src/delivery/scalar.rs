//! The little arithmetic modulo the group order that a verifier needs: a comparison and a subtraction.

/// An integer modulo the order of ristretto255, 32 bytes little-endian. Canonical when below the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Scalar(pub [u8; 32]);

/// l = 2^252 + 27742317777372353535851937790883648493 (RFC 9496, 4), in little-endian 64-bit limbs.
const ORDER: [u64; 4] = [0x5812_631a_5cf5_d3ed, 0x14de_f9de_a2f7_9cd6, 0, 0x1000_0000_0000_0000];

impl Scalar {
    /// Whether this is below the group order.
    pub fn is_canonical(&self) -> bool {
        let limbs = limbs(&self.0);
        for index in (0..4).rev() {
            if limbs[index] != ORDER[index] {
                return limbs[index] < ORDER[index];
            }
        }
        false
    }

    /// -c modulo the order, for a 128-bit c.
    pub(super) fn minus_challenge(challenge: &[u8; 16]) -> Self {
        // Zero is its own negative; order - 0 would not be canonical.
        if *challenge == [0; 16] {
            return Self([0; 32]);
        }
        let mut wide = [0; 32];
        wide[..16].copy_from_slice(challenge);
        let subtrahend = limbs(&wide);
        let mut difference = [0; 32];
        let mut borrow = false;
        for index in 0..4 {
            let (first, under) = ORDER[index].overflowing_sub(subtrahend[index]);
            let (second, under_again) = first.overflowing_sub(u64::from(borrow));
            borrow = under || under_again;
            difference[index * 8..index * 8 + 8].copy_from_slice(&second.to_le_bytes());
        }
        Self(difference)
    }
}

fn limbs(bytes: &[u8; 32]) -> [u64; 4] {
    let mut limbs = [0; 4];
    for (limb, chunk) in limbs.iter_mut().zip(bytes.chunks_exact(8)) {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        *limb = u64::from_le_bytes(word);
    }
    limbs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order_bytes() -> [u8; 32] {
        let mut bytes = [0; 32];
        for (index, limb) in ORDER.iter().enumerate() {
            bytes[index * 8..index * 8 + 8].copy_from_slice(&limb.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn only_what_is_below_the_order_is_canonical() {
        let mut below = order_bytes();
        below[0] -= 1;
        let mut above = order_bytes();
        above[0] += 1;
        assert!(Scalar([0; 32]).is_canonical());
        assert!(Scalar(below).is_canonical());
        assert!(!Scalar(order_bytes()).is_canonical());
        assert!(!Scalar(above).is_canonical());
        assert!(!Scalar([0xff; 32]).is_canonical());
    }

    #[test]
    fn minus_zero_is_zero_and_minus_one_is_the_order_less_one() {
        assert_eq!(Scalar::minus_challenge(&[0; 16]), Scalar([0; 32]));
        let mut one = [0; 16];
        one[0] = 1;
        let mut expected = order_bytes();
        expected[0] -= 1;
        assert_eq!(Scalar::minus_challenge(&one).0, expected);
    }
}
