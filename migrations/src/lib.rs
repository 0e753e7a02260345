//! Numbered, idempotent steps that bring any Solana network to a working Lumora.
