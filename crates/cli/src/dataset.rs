//! What a seller and a buyer do with datasets: build, list, show a sample, deliver the key to whoever paid; look, buy,
//! download, open, verify and rate. Thin over `lumora_data::dataset`: here is what needs the chain.

mod buyer;
mod sample;
mod secrets;
mod seller;

use lumora_data::{cid::Cid, dataset::Listed};
use lumora_interface::market::Listing;

pub use buyer::{Opened, await_delivery, buy, download, download_with, rate, verify};
pub use sample::{beacon, publish};
pub use secrets::{keep_listing_secret, load_listing_secret, lock};
pub use seller::{Deliveries, Made, Offer, build, make, offer};

/// What a listing promises.
pub fn listed(listing: &Listing) -> Listed {
    Listed {
        dataset_id: listing.dataset_id,
        package: Cid::from_digest(listing.content_hash),
        card: Cid::from_digest(listing.metadata_hash),
        ciphertext_root: listing.ciphertext_root,
        plaintext_root: listing.plaintext_root,
        provenance_root: listing.provenance_root,
        rows: listing.rows,
        segments: listing.segments,
    }
}

/// Bytes from the operating system's random numbers.
pub fn entropy<const LENGTH: usize>() -> anyhow::Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness from the operating system: {error}"))?;
    Ok(bytes)
}
