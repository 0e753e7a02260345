//! The curve25519 system calls that a sale's proof is verified with. On the host the test uses a library instead.
#![allow(unsafe_code)] // System calls take addresses.

#[cfg(target_os = "solana")]
use anchor_lang::pinocchio::syscalls;

#[cfg(target_os = "solana")]
const RISTRETTO: u64 = 1;

#[cfg(target_os = "solana")]
pub fn multiply(scalars: &[[u8; 32]; 2], points: &[[u8; 32]; 2]) -> Option<[u8; 32]> {
    let mut result = [0; 32];
    // SAFETY: both arrays hold two elements of 32 bytes, and the result has room for one.
    let status = unsafe {
        syscalls::sol_curve_multiscalar_mul(
            RISTRETTO,
            scalars.as_ptr().cast(),
            points.as_ptr().cast(),
            2,
            result.as_mut_ptr(),
        )
    };
    (status == 0).then_some(result)
}

#[cfg(target_os = "solana")]
pub fn is_valid(point: &[u8; 32]) -> bool {
    // SAFETY: the point has 32 bytes; the system call writes no result for this curve operation.
    unsafe { syscalls::sol_curve_validate_point(RISTRETTO, point.as_ptr(), core::ptr::null_mut()) == 0 }
}

#[cfg(not(target_os = "solana"))]
pub fn multiply(_scalars: &[[u8; 32]; 2], _points: &[[u8; 32]; 2]) -> Option<[u8; 32]> {
    unreachable!("the test computes this with curve25519-dalek")
}

#[cfg(not(target_os = "solana"))]
pub fn is_valid(_point: &[u8; 32]) -> bool {
    unreachable!("the test computes this with curve25519-dalek")
}
