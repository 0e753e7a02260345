//! Every operation of every integer type that the programs might use, checked, wrapping and saturating.

/// What one type's operations gave, in the order of [`OPERATIONS`]: 17 bytes each, whether there is a result, and the
/// result (sign-extended, little-endian).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    bytes: [u8; Answer::CAPACITY],
    length: usize,
}

impl Answer {
    /// What fits in a transaction's return data.
    pub const CAPACITY: usize = 1024;
    pub const ENTRY: usize = 17;

    fn new() -> Self {
        Self {
            bytes: [0; Self::CAPACITY],
            length: 0,
        }
    }

    fn put(&mut self, result: Option<u128>) {
        self.bytes[self.length] = u8::from(result.is_some());
        self.bytes[self.length + 1..self.length + Self::ENTRY]
            .copy_from_slice(&result.unwrap_or_default().to_le_bytes());
        self.length += Self::ENTRY;
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// The types, in the order of their number in the instruction.
pub const KINDS: [&str; 10] = ["u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "u128", "i128"];

/// The names of the entries of an [`Answer`].
pub const OPERATIONS: [&str; 48] = [
    "checked_add",
    "checked_sub",
    "checked_mul",
    "checked_div",
    "checked_rem",
    "checked_div_euclid",
    "checked_rem_euclid",
    "checked_neg",
    "checked_shl",
    "checked_shr",
    "checked_pow",
    "wrapping_add",
    "wrapping_sub",
    "wrapping_mul",
    "wrapping_neg",
    "wrapping_shl",
    "wrapping_shr",
    "overflowing_mul (value)",
    "overflowing_mul (flag)",
    "overflowing_add (flag)",
    "overflowing_sub (flag)",
    "saturating_add",
    "saturating_sub",
    "saturating_mul",
    "saturating_pow",
    "rotate_left",
    "rotate_right",
    "leading_zeros",
    "trailing_zeros",
    "count_ones",
    "swap_bytes",
    "reverse_bits",
    "bitand",
    "bitor",
    "bitxor",
    "not",
    "abs_diff",
    "less",
    "equal",
    "minimum",
    "as u64",
    "as i64",
    "as u32",
    "as u8",
    "isqrt or abs",
    "ilog2",
    "ilog10",
    "is_power_of_two or signum",
];

/// Everything but the four operations that differ between signed and unsigned.
macro_rules! common {
    ($type:ty, $left:expr, $right:expr, $answer:expr) => {{
        let (left, right, answer): ($type, $type, &mut Answer) = ($left, $right, $answer);
        let bits = right as u32;
        let exponent = bits % 9;
        answer.put(left.checked_add(right).map(|it| it as u128));
        answer.put(left.checked_sub(right).map(|it| it as u128));
        answer.put(left.checked_mul(right).map(|it| it as u128));
        answer.put(left.checked_div(right).map(|it| it as u128));
        answer.put(left.checked_rem(right).map(|it| it as u128));
        answer.put(left.checked_div_euclid(right).map(|it| it as u128));
        answer.put(left.checked_rem_euclid(right).map(|it| it as u128));
        answer.put(left.checked_neg().map(|it| it as u128));
        answer.put(left.checked_shl(bits).map(|it| it as u128));
        answer.put(left.checked_shr(bits).map(|it| it as u128));
        answer.put(left.checked_pow(exponent).map(|it| it as u128));
        answer.put(Some(left.wrapping_add(right) as u128));
        answer.put(Some(left.wrapping_sub(right) as u128));
        answer.put(Some(left.wrapping_mul(right) as u128));
        answer.put(Some(left.wrapping_neg() as u128));
        answer.put(Some(left.wrapping_shl(bits) as u128));
        answer.put(Some(left.wrapping_shr(bits) as u128));
        let (product, overflowed) = left.overflowing_mul(right);
        answer.put(Some(product as u128));
        answer.put(Some(u128::from(overflowed)));
        answer.put(Some(u128::from(left.overflowing_add(right).1)));
        answer.put(Some(u128::from(left.overflowing_sub(right).1)));
        answer.put(Some(left.saturating_add(right) as u128));
        answer.put(Some(left.saturating_sub(right) as u128));
        answer.put(Some(left.saturating_mul(right) as u128));
        answer.put(Some(left.saturating_pow(exponent) as u128));
        answer.put(Some(left.rotate_left(bits) as u128));
        answer.put(Some(left.rotate_right(bits) as u128));
        answer.put(Some(u128::from(left.leading_zeros())));
        answer.put(Some(u128::from(left.trailing_zeros())));
        answer.put(Some(u128::from(left.count_ones())));
        answer.put(Some(left.swap_bytes() as u128));
        answer.put(Some(left.reverse_bits() as u128));
        answer.put(Some((left & right) as u128));
        answer.put(Some((left | right) as u128));
        answer.put(Some((left ^ right) as u128));
        answer.put(Some(!left as u128));
        answer.put(Some(left.abs_diff(right) as u128));
        answer.put(Some(u128::from(left < right)));
        answer.put(Some(u128::from(left == right)));
        answer.put(Some(left.min(right) as u128));
        answer.put(Some(u128::from(left as u64)));
        answer.put(Some(left as i64 as u128));
        answer.put(Some(u128::from(left as u32)));
        answer.put(Some(u128::from(left as u8)));
    }};
}

macro_rules! unsigned {
    ($name:ident, $type:ty) => {
        #[inline(never)]
        fn $name(left: u128, right: u128, answer: &mut Answer) {
            let (left, right) = (left as $type, right as $type);
            common!($type, left, right, answer);
            answer.put(Some(left.isqrt() as u128));
            answer.put(left.checked_ilog2().map(u128::from));
            answer.put(left.checked_ilog10().map(u128::from));
            answer.put(Some(u128::from(left.is_power_of_two())));
        }
    };
}

macro_rules! signed {
    ($name:ident, $type:ty) => {
        #[inline(never)]
        fn $name(left: u128, right: u128, answer: &mut Answer) {
            let (left, right) = (left as $type, right as $type);
            common!($type, left, right, answer);
            answer.put(left.checked_abs().map(|it| it as u128));
            answer.put(left.checked_ilog2().map(u128::from));
            answer.put(left.checked_ilog10().map(u128::from));
            answer.put(Some(left.signum() as u128));
        }
    };
}

unsigned!(operations_u8, u8);
signed!(operations_i8, i8);
unsigned!(operations_u16, u16);
signed!(operations_i16, i16);
unsigned!(operations_u32, u32);
signed!(operations_i32, i32);
unsigned!(operations_u64, u64);
signed!(operations_i64, i64);
unsigned!(operations_u128, u128);
signed!(operations_i128, i128);

/// All operations of the type with this number ([`KINDS`]) on the operands, cut to its width.
pub fn evaluate(kind: u8, left: u128, right: u128) -> Answer {
    let mut answer = Answer::new();
    match kind {
        0 => operations_u8(left, right, &mut answer),
        1 => operations_i8(left, right, &mut answer),
        2 => operations_u16(left, right, &mut answer),
        3 => operations_i16(left, right, &mut answer),
        4 => operations_u32(left, right, &mut answer),
        5 => operations_i32(left, right, &mut answer),
        6 => operations_u64(left, right, &mut answer),
        7 => operations_i64(left, right, &mut answer),
        8 => operations_u128(left, right, &mut answer),
        9 => operations_i128(left, right, &mut answer),
        _ => {}
    }
    answer
}
