//! The loader's record of a program: who may upgrade it.

use anchor_lang::prelude::Address;

/// Value of the first field, `u32`, of a ProgramData account.
const PROGRAM_DATA: u32 = 3;
/// Where the optional authority begins: after that field and the slot of the last deployment, `u64`.
const AUTHORITY: usize = 12;

/// Who may upgrade the program that this ProgramData account belongs to: `None` if it is not such an account,
/// `Some(None)` if nobody may any more.
pub fn upgrade_authority(data: &[u8]) -> Option<Option<Address>> {
    let kind = data.first_chunk::<4>()?;
    if u32::from_le_bytes(*kind) != PROGRAM_DATA {
        return None;
    }
    let (present, rest) = data.get(AUTHORITY..)?.split_first()?;
    match present {
        0 => Some(None),
        1 => rest.first_chunk::<32>().map(|key| Some(Address::new_from_array(*key))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(kind: u32, present: u8) -> Vec<u8> {
        let mut data = kind.to_le_bytes().to_vec();
        data.extend(77u64.to_le_bytes());
        data.push(present);
        data.extend([7; 32]);
        data.extend(b"code");
        data
    }

    #[test]
    fn the_authority_is_read_where_there_is_one() {
        let authority = Address::new_from_array([7; 32]);
        assert_eq!(upgrade_authority(&account(3, 1)), Some(Some(authority)));
        assert_eq!(upgrade_authority(&account(3, 0)), Some(None));
    }

    #[test]
    fn anything_else_is_no_program_data() {
        // A buffer, an unknown option, data that ends early.
        assert_eq!(upgrade_authority(&account(1, 1)), None);
        assert_eq!(upgrade_authority(&account(3, 2)), None);
        assert_eq!(upgrade_authority(&account(3, 1)[..44]), None);
        assert_eq!(upgrade_authority(&[]), None);
    }
}
