//! What must end the transaction: overflow of the plain operators, division by zero, bad indices, exhausted memory.

use core::hint::black_box;

/// The faults, in the order of their number in the instruction.
pub const FAULTS: [&str; 26] = [
    "u64 add",
    "u64 sub",
    "u64 mul",
    "u64 div",
    "u64 rem",
    "u64 shl",
    "i64 add",
    "i64 sub",
    "i64 mul",
    "i64 div",
    "i64 neg",
    "u128 add",
    "u128 sub",
    "u128 mul",
    "u128 div",
    "u128 rem",
    "i128 add",
    "i128 sub",
    "i128 mul",
    "i128 div",
    "u32 mul",
    "u8 add",
    "index",
    "unwrap of None",
    "explicit panic",
    "heap exhausted",
];

/// Runs the operator with overflow checks; returns its result where the operands allow one.
pub fn run(fault: u8, left: u128, right: u128) -> u128 {
    let (left, right) = (black_box(left), black_box(right));
    let (left_u64, right_u64) = (left as u64, right as u64);
    let (left_i64, right_i64) = (left as i64, right as i64);
    let (left_i128, right_i128) = (left as i128, right as i128);
    match fault {
        0 => u128::from(left_u64 + right_u64),
        1 => u128::from(left_u64 - right_u64),
        2 => u128::from(left_u64 * right_u64),
        3 => u128::from(left_u64 / right_u64),
        4 => u128::from(left_u64 % right_u64),
        5 => u128::from(left_u64 << right_u64),
        6 => (left_i64 + right_i64) as u128,
        7 => (left_i64 - right_i64) as u128,
        8 => (left_i64 * right_i64) as u128,
        9 => (left_i64 / right_i64) as u128,
        10 => (-left_i64) as u128,
        11 => left + right,
        12 => left - right,
        13 => left * right,
        14 => left / right,
        15 => left % right,
        16 => (left_i128 + right_i128) as u128,
        17 => (left_i128 - right_i128) as u128,
        18 => (left_i128 * right_i128) as u128,
        19 => (left_i128 / right_i128) as u128,
        20 => u128::from(left as u32 * right as u32),
        21 => u128::from(left as u8 + right as u8),
        22 => u128::from([1u8, 2, 3, 4][left as usize]),
        23 => u128::from(left_u64.checked_sub(right_u64).expect("left is at least right")),
        24 => {
            if left > right {
                panic!("left is more than right: {left}")
            }
            left
        }
        _ => {
            // The heap ends at 256 KiB at most. The host has more, so the test asks for little there.
            let bytes = vec![1u8; left as usize];
            u128::from(bytes[right as usize])
        }
    }
}
