//! The payload: AES-256-CTR keystream, which cannot be compressed, guessed or had without receiving it, and which
//! anybody can make again once the seed is revealed.

use aes::Aes256;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use sha2::{Digest, Sha256};

use crate::receipt::Context;

/// Which way the payload flows, as the node sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Challenger to node.
    Down,
    /// Node to challenger.
    Up,
}

impl Direction {
    pub(crate) fn tag(self) -> &'static [u8] {
        match self {
            Self::Down => b"down",
            Self::Up => b"up",
        }
    }
}

/// What the challenger publishes before any payload: SHA-256(seed).
pub fn commitment(seed: &[u8; 32]) -> [u8; 32] {
    Sha256::digest(seed).into()
}

/// The AES-256 key of one direction. It depends on who is measured by whom and when, so that a seed used twice (the
/// replayed-seed attack) gives an unrelated keystream the second time; and the key of one direction does not
/// give away the other's.
pub fn direction_key(seed: &[u8; 32], context: &Context, direction: Direction) -> [u8; 32] {
    Sha256::new()
        .chain_update(b"lumora-pob/1 keystream\0")
        .chain_update(context.digest())
        .chain_update(direction.tag())
        .chain_update(seed)
        .finalize()
        .into()
}

/// The number in the n-th ping: the node cannot know it before it comes.
pub(crate) fn ping_nonce(seed: &[u8; 32], number: u64) -> u64 {
    let hash = Sha256::new()
        .chain_update(b"lumora-pob/1 ping\0")
        .chain_update(seed)
        .chain_update(number.to_le_bytes());
    u64::from_le_bytes(*hash.finalize().first_chunk::<8>().expect("a SHA-256 has 32 bytes"))
}

/// The keystream of one direction, from its first byte on.
pub struct Keystream {
    cipher: Ctr128BE<Aes256>,
}

impl Keystream {
    pub fn new(key: &[u8; 32]) -> Self {
        // A key is used for one stream only, so the counter may start at zero.
        Self {
            cipher: Ctr128BE::<Aes256>::new(&(*key).into(), &[0u8; 16].into()),
        }
    }

    /// The next `length` bytes.
    pub fn take(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0u8; length];
        self.cipher.apply_keystream(&mut bytes);
        bytes
    }
}
