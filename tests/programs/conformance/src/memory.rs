//! Heap, collections, formatting, tables of pointers, and what the compiler turns into calls of memcpy and its like.

use core::hint::black_box;
use std::collections::{BTreeMap, HashMap, VecDeque};

trait Shape {
    fn area(&self) -> u64;
    fn name(&self) -> &'static str;
}

struct Square(u64);
struct Oblong(u64, u64);

impl Shape for Square {
    fn area(&self) -> u64 {
        self.0.wrapping_mul(self.0)
    }
    fn name(&self) -> &'static str {
        "square"
    }
}

impl Shape for Oblong {
    fn area(&self) -> u64 {
        self.0.wrapping_mul(self.1)
    }
    fn name(&self) -> &'static str {
        "oblong"
    }
}

/// A table of functions in read-only data.
static STEPS: [fn(u64) -> u64; 4] = [
    |x| x.rotate_left(3),
    |x| x.wrapping_mul(0x100_0000_01B3),
    |x| !x,
    |x| x ^ (x >> 29),
];

/// A table of texts, so pointers to read-only data within read-only data.
static WORDS: [&str; 6] = ["provider", "executor", "oracle", "challenger", "buyer", "seller"];

/// Becomes a table of numbers or of addresses.
#[inline(never)]
fn letter(n: u64) -> u8 {
    match n % 9 {
        0 => b'a',
        1 => b'q',
        2 => b'z',
        3 => b'.',
        4 => b'7',
        5 => b'-',
        6 => b'K',
        7 => b'_',
        _ => b'!',
    }
}

/// A value whose copies are of a size that is not a multiple of eight.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(C, packed)]
struct Packed {
    flag: u8,
    amount: u64,
    share: u16,
    bytes: [u8; 37],
}

/// The same on the host and on chain; `size` bounds the collections. Each part has a stack frame of its own.
pub fn run(seed: u64, size: u16) -> Vec<u8> {
    let mut state = seed | 1;
    let numbers: Vec<u64> = (0..size)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        })
        .collect();
    let mut out = Vec::new();
    sorted(&numbers, &mut out);
    tree(&numbers, &mut out);
    table(&numbers, &mut out);
    queue(&numbers, &mut out);
    shapes(&numbers, &mut out);
    let stepped = steps(seed, &numbers, &mut out);
    text(seed, stepped, &mut out);
    packed(seed, stepped, &mut out);
    copies(seed, &mut out);
    out
}

#[inline(never)]
fn sorted(numbers: &[u64], out: &mut Vec<u8>) {
    let mut values = numbers.to_vec();
    values.sort_unstable();
    let found = numbers.first().map(|it| values.binary_search(it).is_ok());
    out.push(u8::from(found.unwrap_or_default()));
    put(
        out,
        values
            .iter()
            .fold(0, |sum: u64, value| sum.wrapping_mul(3).wrapping_add(*value)),
    );
}

#[inline(never)]
fn tree(numbers: &[u64], out: &mut Vec<u8>) {
    let mut tree = BTreeMap::new();
    for (i, value) in numbers.iter().enumerate() {
        tree.insert(value % 97, i as u64);
    }
    put(
        out,
        tree.iter()
            .fold(0, |sum: u64, (key, i)| sum.wrapping_mul(5) ^ key ^ i << 32),
    );
}

/// The order of a hash table differs between host and chain, its contents do not.
#[inline(never)]
fn table(numbers: &[u64], out: &mut Vec<u8>) {
    let mut table = HashMap::new();
    for value in numbers {
        table.insert(value % 61, *value);
    }
    put(
        out,
        (0..61)
            .filter_map(|key| table.get(&key))
            .fold(table.len() as u64, |sum, value| sum.wrapping_add(*value)),
    );
}

#[inline(never)]
fn queue(numbers: &[u64], out: &mut Vec<u8>) {
    let mut queue: VecDeque<u64> = numbers.iter().copied().collect();
    queue.rotate_left(numbers.len() / 3);
    put(
        out,
        queue
            .iter()
            .fold(0, |sum: u64, value| sum.wrapping_mul(7).wrapping_add(*value)),
    );
}

#[inline(never)]
fn shapes(numbers: &[u64], out: &mut Vec<u8>) {
    let shapes: Vec<Box<dyn Shape>> = numbers
        .iter()
        .map(|n| {
            if n % 2 == 0 {
                Box::new(Square(n >> 32)) as Box<dyn Shape>
            } else {
                Box::new(Oblong(n >> 40, n % 1_000))
            }
        })
        .collect();
    for shape in shapes.iter().take(4) {
        put(out, shape.area());
        out.extend_from_slice(shape.name().as_bytes());
    }
}

#[inline(never)]
fn steps(seed: u64, numbers: &[u64], out: &mut Vec<u8>) -> u64 {
    let stepped = numbers.iter().fold(seed, |value, n| STEPS[(n % 4) as usize](value));
    put(out, stepped);
    out.extend(numbers.iter().take(12).map(|n| letter(*n)));
    out.extend_from_slice(WORDS[(stepped % 6) as usize].as_bytes());
    stepped
}

#[inline(never)]
fn text(seed: u64, stepped: u64, out: &mut Vec<u8>) {
    let wide = u128::from(stepped) << 64 | u128::from(seed);
    let text = format!(
        "{wide} {} {:#x} {:>12}|{:?}",
        wide as i128,
        stepped,
        seed % 1_000,
        WORDS[2]
    );
    out.extend_from_slice(text.as_bytes());
}

#[inline(never)]
fn packed(seed: u64, stepped: u64, out: &mut Vec<u8>) {
    let mut packed = Packed {
        flag: 1,
        amount: stepped,
        share: seed as u16,
        bytes: [seed as u8; 37],
    };
    let copies = [packed; 3];
    packed.bytes[(seed % 37) as usize] ^= 0x55;
    black_box(&mut packed);
    out.push(copies.iter().filter(|copy| **copy < packed).count() as u8);
}

/// Overlapping copies in both directions, of odd lengths and at odd offsets.
#[inline(never)]
fn copies(seed: u64, out: &mut Vec<u8>) {
    let mut bytes: Vec<u8> = (0..256u64).map(|i| (i.wrapping_mul(seed | 1) >> 3) as u8).collect();
    let shift = (seed % 19) as usize;
    bytes.copy_within(3..130, 3 + shift);
    bytes.copy_within(40 + shift..220, 41);
    bytes[200..231].fill(seed as u8);
    let (left, right) = bytes.split_at(128);
    out.push((left.cmp(right) as i8).to_le_bytes()[0]);
    put(
        out,
        bytes
            .iter()
            .fold(0, |sum: u64, byte| sum.wrapping_mul(131).wrapping_add(u64::from(*byte))),
    );
    let unaligned = bytes
        .get(shift..shift + 8)
        .map(|it| u64::from_le_bytes(it.try_into().unwrap_or_default()));
    put(out, unaligned.unwrap_or_default());
}

fn put(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}
