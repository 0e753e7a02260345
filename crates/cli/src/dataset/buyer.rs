//! The buyer's side: pay, wait for the key, open, verify, rate.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use lumora_client::{Connection, Sender, market, token};
use lumora_core::delivery::dalek::{BuyerSecret, open};
use lumora_data::{
    dataset::{self, Card, Progress, Verification},
    key::ContentKey,
    store::Store,
};
use lumora_interface::{
    Address,
    market::{BuyArguments, Listing, Purchase, purchase_address, purchase_state},
    registry::{NETWORK, Network},
};
use solana_keypair::Keypair;
use solana_signer::Signer as _;

use super::{
    entropy, listed,
    secrets::{load_buyer_secret, save_secret},
};
use crate::job::Settlement;

/// Pays for a copy. The one-time secret is on disk before any money moves: without it, the delivery cannot be opened.
pub async fn buy(
    sender: &Sender,
    buyer: &Keypair,
    listing_address: &Address,
    index: u32,
    secret_path: &Path,
) -> anyhow::Result<Address> {
    let connection = sender.connection();
    let listing: Listing = connection.fetch(listing_address).await?;
    let network: Network = connection.fetch(&NETWORK).await?;
    ensure!(
        listing.network_id == network.network_id,
        "the listing belongs to another network"
    );
    let secret = BuyerSecret::from_entropy(&entropy()?);
    save_secret(secret_path, &secret.to_bytes())?;
    let arguments = BuyArguments {
        revision: listing.revision,
        price: listing.price,
        buyer_key: secret.public().0,
    };
    let instructions = [
        token::create_lmr_account(&sender.payer_address(), &buyer.pubkey()),
        market::buy(&buyer.pubkey(), listing_address, index, &arguments),
    ];
    sender
        .send(&instructions, &[buyer])
        .await
        .context("the dataset could not be bought")?;
    Ok(purchase_address(listing_address, &buyer.pubkey(), index).0)
}

/// Waits until a purchase is delivered.
pub async fn await_delivery(
    connection: &Connection,
    purchase: &Address,
    patience: Duration,
) -> anyhow::Result<Purchase> {
    let deadline = tokio::time::Instant::now() + patience;
    loop {
        let Some(found) = connection.fetch_optional::<Purchase>(purchase).await? else {
            bail!("the purchase was refunded: the seller did not deliver in time");
        };
        if found.state == purchase_state::DELIVERED {
            return Ok(found);
        }
        ensure!(
            tokio::time::Instant::now() < deadline,
            "the seller has not delivered yet; after Unix time {} anybody can refund the purchase",
            found.deadline
        );
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// A dataset that was opened.
pub struct Opened {
    /// What was promised.
    pub listing: Listing,
    /// The data card.
    pub card: Card,
    /// What was verified against the listing.
    pub verification: Verification,
    /// Verified rows whose shard's result root is one that the chain saw settled.
    pub rows_from_settled_shards: u64,
}

/// Downloads, decrypts and verifies what was bought, and writes its rows to `path` as JSON Lines.
pub async fn download(
    connection: &Connection,
    store: &Store,
    listing: &Address,
    purchase: &Purchase,
    secret_path: &Path,
    path: &Path,
) -> anyhow::Result<Opened> {
    download_with(connection, store, listing, purchase, secret_path, path, |_| ()).await
}

/// As [`download`], reporting progress.
pub async fn download_with(
    connection: &Connection,
    store: &Store,
    listing: &Address,
    purchase: &Purchase,
    secret_path: &Path,
    path: &Path,
    progress: impl FnMut(Progress) + Send + 'static,
) -> anyhow::Result<Opened> {
    let listing: Listing = connection.fetch(listing).await?;
    let key = content_key(&listing, purchase, secret_path)?;
    let (card, verification) = dataset::download(&listed(&listing), &key, store, path, progress).await?;
    opened(connection, listing, card, verification).await
}

/// Verifies the rows of an earlier download in `path` again.
pub async fn verify(
    connection: &Connection,
    store: &Store,
    listing: &Address,
    purchase: &Purchase,
    secret_path: &Path,
    path: &Path,
    progress: impl FnMut(Progress) + Send + 'static,
) -> anyhow::Result<Opened> {
    let listing: Listing = connection.fetch(listing).await?;
    let key = content_key(&listing, purchase, secret_path)?;
    let (card, verification) = dataset::verify(&listed(&listing), &key, store, path, progress).await?;
    opened(connection, listing, card, verification).await
}

fn content_key(listing: &Listing, purchase: &Purchase, secret_path: &Path) -> anyhow::Result<ContentKey> {
    let (ephemeral, sealed) = purchase.delivery().context("the purchase is not delivered yet")?;
    let shared = match open(&load_buyer_secret(secret_path)?, &ephemeral, &sealed) {
        Ok(shared) => shared,
        Err(error) => bail!("the delivery does not open with this secret: {error}"),
    };
    Ok(ContentKey::from(shared.content_key(&listing.dataset_id)))
}

async fn opened(
    connection: &Connection,
    listing: Listing,
    card: Card,
    verification: Verification,
) -> anyhow::Result<Opened> {
    let rows_from_settled_shards = settled_rows(connection, &verification).await?;
    Ok(Opened {
        listing,
        card,
        verification,
        rows_from_settled_shards,
    })
}

/// Rows whose shard claims a root that its job's log shows as revealed by a winner.
async fn settled_rows(connection: &Connection, verification: &Verification) -> anyhow::Result<u64> {
    let mut settlements: BTreeMap<[u8; 32], Settlement> = BTreeMap::new();
    let mut rows = 0;
    for claim in &verification.shards {
        if let Entry::Vacant(unread) = settlements.entry(claim.job) {
            let settlement = Settlement::read(connection, &Address::new_from_array(claim.job)).await?;
            unread.insert(settlement);
        }
        let settled = settlements.get(&claim.job).is_some_and(|settlement| {
            settlement
                .winners(claim.shard)
                .any(|won| won.result_root == claim.result_root && won.node.to_bytes() == claim.node)
        });
        if settled {
            rows += claim.rows;
        }
    }
    Ok(rows)
}

/// Rates what was bought, once; 1 to 5.
pub async fn rate(
    sender: &Sender,
    buyer: &Keypair,
    listing: &Address,
    purchase: &Address,
    rating: u8,
) -> anyhow::Result<()> {
    sender
        .send(&[market::rate(&buyer.pubkey(), listing, purchase, rating)], &[buyer])
        .await
        .context("the rating was refused")?;
    Ok(())
}
