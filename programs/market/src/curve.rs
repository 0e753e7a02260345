//! ristretto255 by Solana's curve syscalls.

use lumora_core::delivery::{Point, Ristretto, Scalar};

/// The group that the syscalls call "curve 1".
#[cfg(target_os = "solana")]
const RISTRETTO: u64 = 1;

/// ristretto255 on chain.
pub struct Syscalls;

#[cfg(target_os = "solana")]
#[allow(unsafe_code, reason = "system calls")]
impl Ristretto for Syscalls {
    fn is_canonical(point: &Point) -> bool {
        use anchor_lang::pinocchio::syscalls::sol_curve_validate_point;

        // SAFETY: the call reads 32 bytes and writes nothing.
        unsafe { sol_curve_validate_point(RISTRETTO, point.0.as_ptr(), core::ptr::null_mut()) == 0 }
    }

    fn multiscalar(scalars: &[Scalar], points: &[Point]) -> Option<Point> {
        use anchor_lang::pinocchio::syscalls::sol_curve_multiscalar_mul;

        if scalars.len() != points.len() {
            return None;
        }
        let mut sum = Point::IDENTITY;
        // SAFETY: scalars and points are transparent over 32 bytes each, both slices have `points.len()` of them, and the
        // call writes 32 bytes. It returns 1 for a scalar or a point that is not canonical.
        let status = unsafe {
            sol_curve_multiscalar_mul(
                RISTRETTO,
                scalars.as_ptr().cast(),
                points.as_ptr().cast(),
                points.len() as u64,
                sum.0.as_mut_ptr(),
            )
        };
        (status == 0).then_some(sum)
    }
}

/// Off chain there are no syscalls: nothing is valid. Clients use `lumora_core::delivery::dalek`.
#[cfg(not(target_os = "solana"))]
impl Ristretto for Syscalls {
    fn is_canonical(_: &Point) -> bool {
        false
    }

    fn multiscalar(_: &[Scalar], _: &[Point]) -> Option<Point> {
        None
    }
}
