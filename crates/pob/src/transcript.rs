//! The running hash over the chunks of one direction. A node answers a chunk with the hash so far, so an answer binds
//! the chunk's SHA-256 and all before it.

use sha2::{Digest, Sha256};

use crate::keystream::Direction;

/// The running hash, and what it was after every chunk.
pub struct Transcript {
    /// Entry n is the hash after n chunks.
    history: Vec<[u8; 32]>,
}

impl Transcript {
    pub fn new(direction: Direction, commitment: &[u8; 32]) -> Self {
        let start = Sha256::new()
            .chain_update(b"lumora-pob/1 transcript\0")
            .chain_update(direction.tag())
            .chain_update(commitment)
            .finalize();
        Self {
            history: vec![start.into()],
        }
    }

    /// Takes in the SHA-256 of the next chunk; returns the hash so far.
    pub fn push(&mut self, chunk_digest: &[u8; 32]) -> [u8; 32] {
        let next: [u8; 32] = Sha256::new()
            .chain_update(self.last())
            .chain_update(chunk_digest)
            .finalize()
            .into();
        self.history.push(next);
        next
    }

    /// How many chunks were taken in.
    pub fn chunks(&self) -> u32 {
        (self.history.len() - 1) as u32
    }

    /// The hash after `chunks` chunks; `None` when so many were never taken in.
    pub fn after(&self, chunks: u32) -> Option<[u8; 32]> {
        self.history.get(chunks as usize).copied()
    }

    fn last(&self) -> [u8; 32] {
        *self
            .history
            .last()
            .expect("the history starts with one entry and never shrinks")
    }
}

/// What the receipt holds: both directions' hashes with their lengths.
pub fn root(down_chunks: u32, down: &[u8; 32], up_chunks: u32, up: &[u8; 32]) -> [u8; 32] {
    Sha256::new()
        .chain_update(b"lumora-pob/1 transcript root\0")
        .chain_update(down_chunks.to_le_bytes())
        .chain_update(down)
        .chain_update(up_chunks.to_le_bytes())
        .chain_update(up)
        .finalize()
        .into()
}
