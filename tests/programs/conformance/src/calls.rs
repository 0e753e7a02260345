//! Functions with more arguments than argument registers (five), wide results, and large stack frames.

use core::hint::black_box;

/// A result too large for registers, so it is returned through memory.
#[derive(Clone, Copy)]
pub struct Wide {
    pub first: u64,
    pub second: i128,
    pub third: u32,
}

#[inline(never)]
fn six(a: u64, b: u64, c: u64, d: u64, e: u64, f: u64) -> u64 {
    // Locals that must not lie where the sixth argument arrives.
    let mut locals = [a, b, c, d, e, f, a ^ f, b ^ e];
    black_box(&mut locals);
    locals.iter().enumerate().fold(0u64, |sum, (i, value)| {
        sum.wrapping_mul(31).wrapping_add(value.rotate_left(i as u32))
    })
}

#[inline(never)]
#[allow(clippy::too_many_arguments)]
fn nine(a: u64, b: u32, c: u128, d: u8, e: i64, f: &[u8], g: i128, h: bool, i: u16) -> Wide {
    let folded = f.iter().fold(u64::from(i), |sum, byte| {
        sum.wrapping_mul(257).wrapping_add(u64::from(*byte))
    });
    let mut wide = Wide {
        first: a ^ folded,
        second: g.wrapping_sub(c as i128),
        third: b.wrapping_add(u32::from(d)),
    };
    black_box(&mut wide);
    wide.second = wide.second.wrapping_mul(i128::from(e) | 1);
    if h {
        wide
    } else {
        Wide {
            first: wide.third.into(),
            second: -(wide.first as i128),
            third: wide.second as u32,
        }
    }
}

/// 128-bit arguments and results across a call that is not inlined.
#[inline(never)]
fn scale(value: u128, numerator: u128, denominator: u128) -> Option<u128> {
    value.checked_mul(numerator)?.checked_div(denominator)
}

#[inline(never)]
fn signed_scale(value: i128, numerator: i64, denominator: i64) -> Option<i128> {
    value.checked_mul(numerator.into())?.checked_div(denominator.into())
}

/// Each level has a frame of its own, with a sixth argument in it.
#[inline(never)]
fn descend(depth: u64, a: u64, b: u64, c: u64, d: u64, e: u64) -> u64 {
    let mut frame = [a; 64];
    frame[(depth % 64) as usize] = e;
    black_box(&mut frame);
    if depth == 0 {
        return six(a, b, c, d, e, frame[0]);
    }
    let below = descend(depth - 1, b, c, d, e, a.wrapping_add(frame[(e % 64) as usize]));
    below.wrapping_add(frame[(depth % 64) as usize]).wrapping_add(frame[63])
}

/// Almost the whole of a 4 KiB frame.
#[inline(never)]
fn large_frame(seed: u64) -> u64 {
    let mut frame = [0u64; 440];
    let mut state = seed;
    for slot in &mut frame {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        *slot = state;
    }
    black_box(&mut frame);
    frame.iter().fold(0, |sum: u64, value| sum.rotate_left(7) ^ value)
}

#[cold]
#[inline(never)]
fn rarely(a: u64, b: u64, c: u64, d: u64, e: u64, f: u64, g: u64) -> u64 {
    six(g, f, e, d, c, b).wrapping_sub(six(a, c, e, g, b, d))
}

/// The same on the host and on chain, for every seed.
pub fn run(seed: u64, rare: bool) -> Vec<u8> {
    let n = |i: u64| {
        seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .rotate_left((i * 11) as u32)
            .wrapping_add(i)
    };
    let wide = |i: u64| u128::from(n(i)) << 64 | u128::from(n(i + 1));
    let mut out = Vec::new();
    out.extend_from_slice(&six(n(1), n(2), n(3), n(4), n(5), n(6)).to_le_bytes());
    for flag in [false, true] {
        let bytes = n(7).to_le_bytes();
        let it = nine(
            n(1),
            n(2) as u32,
            wide(3),
            n(4) as u8,
            n(5) as i64,
            &bytes,
            wide(8) as i128,
            flag,
            n(9) as u16,
        );
        out.extend_from_slice(&it.first.to_le_bytes());
        out.extend_from_slice(&it.second.to_le_bytes());
        out.extend_from_slice(&it.third.to_le_bytes());
    }
    for value in [u128::from(n(1)), wide(2), wide(3) >> 40] {
        let scaled = scale(value, u128::from(n(4) >> 20), u128::from(n(5) as u16));
        out.push(u8::from(scaled.is_some()));
        out.extend_from_slice(&scaled.unwrap_or_default().to_le_bytes());
        let scaled = signed_scale(value as i128 >> 30, n(6) as i64 >> 20, n(7) as i16 as i64);
        out.push(u8::from(scaled.is_some()));
        out.extend_from_slice(&scaled.unwrap_or_default().to_le_bytes());
    }
    out.extend_from_slice(&descend(20, n(1), n(2), n(3), n(4), n(5)).to_le_bytes());
    out.extend_from_slice(&large_frame(n(8)).to_le_bytes());
    if rare {
        out.extend_from_slice(&rarely(n(1), n(2), n(3), n(4), n(5), n(6), n(7)).to_le_bytes());
    }
    out
}
