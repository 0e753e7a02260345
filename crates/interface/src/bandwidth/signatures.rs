//! The one layout of an instruction of the ed25519 program that `submit_attestation` accepts.
//!
//! Header (count, padding), 14 bytes of offsets for each signature, key and signature of each, then the 32 bytes that
//! all of them signed, once. Nothing is left to choose: a layout in which offsets may point anywhere is how other
//! programs came to count one signature twice, or a signature over something else.

use alloc::vec::Vec;

use lumora_core::hash::Hash;

use super::BandwidthError;
use crate::Address;

/// Address of the native program that verifies ed25519 signatures.
pub const PROGRAM: Address = Address::from_str_const("Ed25519SigVerify111111111111111111111111111");

const HEADER_LEN: usize = 2;
const OFFSETS_LEN: usize = 14;
const KEY_LEN: usize = 32;
const SIGNATURE_LEN: usize = 64;
const PAIR_LEN: usize = KEY_LEN + SIGNATURE_LEN;
const MESSAGE_LEN: usize = 32;

/// The instruction's data for these signatures over `digest`. At most 32 signatures, as many as there can be oracles.
pub fn instruction_data(digest: &Hash, signatures: &[(Address, [u8; 64])]) -> Vec<u8> {
    let layout = Layout::new(signatures.len());
    let mut data = Vec::with_capacity(layout.len());
    data.extend([layout.count as u8, 0]);
    for index in 0..layout.count {
        for field in layout.offsets(index) {
            data.extend(field.to_le_bytes());
        }
    }
    for (key, signature) in signatures {
        data.extend(key.as_ref());
        data.extend(signature);
    }
    data.extend(digest);
    data
}

/// The keys whose signatures over `digest` an instruction of the ed25519 program with this data has verified.
///
/// `own_index` is that instruction's index in the transaction: offsets may name it instead of "this instruction".
pub fn signers<'a>(
    data: &'a [u8],
    own_index: u16,
    digest: &Hash,
) -> Result<impl Iterator<Item = &'a [u8; 32]> + use<'a>, BandwidthError> {
    let count = usize::from(*data.first().ok_or(BandwidthError::SignaturesMissing)?);
    if count == 0 {
        return Err(BandwidthError::SignaturesMissing);
    }
    let layout = Layout::new(count);
    // An exact length leaves no room for a second set of keys, signatures or messages.
    if data.len() != layout.len() {
        return Err(BandwidthError::SignatureLayout);
    }
    let (header, body) = data.split_at(layout.body());
    for (index, offsets) in header[HEADER_LEN..].chunks_exact(OFFSETS_LEN).enumerate() {
        for ((field, bytes), expected) in offsets.chunks_exact(2).enumerate().zip(layout.offsets(index)) {
            let value = u16::from_le_bytes([bytes[0], bytes[1]]);
            // Fields 1, 3 and 6 name the instruction that holds the bytes: any but this one could hold others.
            let names_own = matches!(field, 1 | 3 | 6) && value == own_index;
            if value != expected && !names_own {
                return Err(BandwidthError::SignatureLayout);
            }
        }
    }
    let (pairs, message) = body.split_at(body.len() - MESSAGE_LEN);
    if message != digest {
        return Err(BandwidthError::SignatureMessage);
    }
    Ok(pairs
        .chunks_exact(PAIR_LEN)
        .filter_map(|pair| pair.first_chunk::<KEY_LEN>()))
}

/// Where things lie for a number of signatures. The count is one byte, so that no sum below overflows.
struct Layout {
    count: usize,
}

impl Layout {
    fn new(count: usize) -> Self {
        Self { count: count.min(255) }
    }

    fn body(&self) -> usize {
        HEADER_LEN + self.count * OFFSETS_LEN
    }

    fn message(&self) -> usize {
        self.body() + self.count * PAIR_LEN
    }

    fn len(&self) -> usize {
        self.message() + MESSAGE_LEN
    }

    /// Signature offset and instruction, key offset and instruction, message offset, size and instruction.
    fn offsets(&self, index: usize) -> [u16; 7] {
        let key = self.body() + index * PAIR_LEN;
        // At most 2 + 255 * 110 + 32, which fits.
        [
            (key + KEY_LEN) as u16,
            u16::MAX,
            key as u16,
            u16::MAX,
            self.message() as u16,
            MESSAGE_LEN as u16,
            u16::MAX,
        ]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::vec;

    use super::*;

    const DIGEST: Hash = [9; 32];

    fn data() -> Vec<u8> {
        instruction_data(
            &DIGEST,
            &[
                (Address::new_from_array([1; 32]), [2; 64]),
                (Address::new_from_array([3; 32]), [4; 64]),
            ],
        )
    }

    fn read(data: &[u8]) -> Result<Vec<[u8; 32]>, BandwidthError> {
        signers(data, 0, &DIGEST).map(|keys| keys.copied().collect())
    }

    #[test]
    fn what_is_written_is_read_back() {
        assert_eq!(read(&data()), Ok(vec![[1; 32], [3; 32]]));
    }

    #[test]
    fn any_other_layout_is_refused() {
        let good = data();
        assert_eq!(read(&[]), Err(BandwidthError::SignaturesMissing));
        assert_eq!(read(&[0, 0]), Err(BandwidthError::SignaturesMissing));
        assert_eq!(read(&good[..good.len() - 1]), Err(BandwidthError::SignatureLayout));
        assert_eq!(
            read(&[good.clone(), vec![0]].concat()),
            Err(BandwidthError::SignatureLayout)
        );
        // Each byte of the offsets, bent: pointing elsewhere, into another instruction, at a longer message.
        for at in HEADER_LEN..HEADER_LEN + 2 * OFFSETS_LEN {
            let mut bent = good.clone();
            bent[at] ^= 0x10;
            assert_eq!(read(&bent), Err(BandwidthError::SignatureLayout), "byte {at}");
        }
        let mut other = good;
        *other.last_mut().unwrap() ^= 1;
        assert_eq!(read(&other), Err(BandwidthError::SignatureMessage));
    }

    #[test]
    fn offsets_may_name_the_instruction_itself() {
        let mut named = data();
        for signature in 0..2 {
            for field in [1, 3, 6] {
                let at = HEADER_LEN + signature * OFFSETS_LEN + field * 2;
                named[at..at + 2].copy_from_slice(&5u16.to_le_bytes());
            }
        }
        assert!(signers(&named, 5, &DIGEST).is_ok());
        assert!(matches!(
            signers(&named, 4, &DIGEST),
            Err(BandwidthError::SignatureLayout)
        ));
    }
}
