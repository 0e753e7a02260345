//! SHA-256: the syscall on chain, the `sha2` crate elsewhere.

/// A SHA-256 digest.
pub type Hash = [u8; 32];

/// SHA-256 of the parts, one after the other.
///
/// The parts are not delimited: callers hash fixed-length parts, or put a length in front.
pub fn sha256(parts: &[&[u8]]) -> Hash {
    solana_sha256_hasher::hashv(parts).to_bytes()
}
