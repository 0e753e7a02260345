//! Secrets on disk: the seller's of a listing, locked, and the buyer's of a purchase.

use std::{io::Write as _, path::Path};

use anyhow::Context as _;
use lumora_core::delivery::dalek::{BuyerSecret, ListingSecret};
use lumora_data::locked::{self, Lock};
use zeroize::Zeroizing;

/// Environment variable with the passphrase of a locked secret.
const PASSPHRASE: &str = "LUMORA_PASSPHRASE";

/// The lock of a listing's secret: the passphrase in the environment, or else the key file.
pub fn lock(key_file: &Path) -> anyhow::Result<Lock> {
    match std::env::var(PASSPHRASE) {
        Ok(passphrase) => Ok(Lock::passphrase(passphrase)?),
        Err(_) => Ok(Lock::key_file(key_file)?),
    }
}

/// Keeps a listing's secret in a new file, encrypted. Losing it means that no copy can be delivered any more.
pub fn keep_listing_secret(path: &Path, secret: &ListingSecret, lock: &Lock) -> anyhow::Result<()> {
    locked::save(path, &secret.to_bytes(), lock).context("the listing's secret cannot be kept")
}

/// Reads what [`keep_listing_secret`] kept.
pub fn load_listing_secret(path: &Path, lock: &Lock) -> anyhow::Result<ListingSecret> {
    ListingSecret::from_bytes(&*locked::load(path, lock)?)
        .with_context(|| format!("{} holds no valid secret", path.display()))
}

/// Writes a purchase's one-time secret to a new file that only its owner can read. It opens one copy of one dataset.
pub fn save_secret(path: &Path, secret: &[u8; 32]) -> anyhow::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let text = Zeroizing::new(hex::encode(secret));
    options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .with_context(|| format!("the secret cannot be kept in {}", path.display()))
}

/// Reads what [`save_secret`] wrote.
pub(super) fn load_buyer_secret(path: &Path) -> anyhow::Result<BuyerSecret> {
    let text = Zeroizing::new(
        std::fs::read_to_string(path).with_context(|| format!("the secret {} cannot be read", path.display()))?,
    );
    let mut secret = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text.trim(), secret.as_mut())
        .with_context(|| format!("{} does not hold a secret: 64 hexadecimal digits", path.display()))?;
    BuyerSecret::from_bytes(&secret).with_context(|| format!("{} holds no valid secret", path.display()))
}
