//! The ed25519 key with which a prover or a challenger proves who it is, in the handshake and on the receipt.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

/// A transport key pair.
#[derive(Clone)]
pub struct Identity {
    signing: SigningKey,
}

impl Identity {
    /// From the 32-byte ed25519 secret key (the seed of RFC 8032; the first half of a Solana key pair's 64 bytes).
    pub fn from_secret(secret: [u8; 32]) -> Self {
        Self {
            signing: SigningKey::from_bytes(&secret),
        }
    }

    /// A fresh key from the operating system's randomness.
    pub fn generate() -> Self {
        Self::from_secret(rand::random())
    }

    pub fn public(&self) -> [u8; 32] {
        self.signing.verifying_key().to_bytes()
    }

    pub(crate) fn secret(&self) -> [u8; 32] {
        self.signing.to_bytes()
    }

    /// Signs SHA-256(`domain` || `message`). The domain keeps a signature from being taken for one of another kind.
    pub fn sign(&self, domain: &[u8], message: &[u8]) -> [u8; 64] {
        self.signing.sign(&digest(domain, message)).to_bytes()
    }
}

/// The secret never reaches a log.
impl std::fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Identity({})", hex::encode(self.public()))
    }
}

/// Whether `signature` is `key`'s over SHA-256(`domain` || `message`). Strict (RFC 8032 with small-order keys
/// refused), so that every verifier answers the same.
pub fn verify(key: &[u8; 32], domain: &[u8], message: &[u8], signature: &[u8; 64]) -> bool {
    VerifyingKey::from_bytes(key).is_ok_and(|key| {
        key.verify_strict(&digest(domain, message), &Signature::from_bytes(signature))
            .is_ok()
    })
}

fn digest(domain: &[u8], message: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update(domain)
        .chain_update(message)
        .finalize()
        .into()
}
