//! Keys of a local network, each derived from a public text.

use {lumora_client::keys::from_public_text, solana_keypair::Keypair};

/// Deploys the programs, may change the network's parameters, and pays for the migrations.
pub fn authority() -> Keypair {
    from_public_text("lumora localnet authority")
}

/// May pause the network.
pub fn guardian() -> Keypair {
    from_public_text("lumora localnet guardian")
}

/// A funded wallet for whoever develops against the network; `index` from 0.
pub fn wallet(index: u16) -> Keypair {
    from_public_text(&format!("lumora localnet wallet {index}"))
}

/// The signing key of an oracle; `index` from 0.
pub fn oracle(index: u16) -> Keypair {
    from_public_text(&format!("lumora localnet oracle {index}"))
}
