//! What a seller and a buyer do: list a dataset that a job collected, deliver its key to whoever paid, buy, download, open
//! and verify.

use std::{collections::BTreeMap, io::Write as _, path::Path, time::Duration};

use anyhow::{Context as _, bail, ensure};
use lumora_client::{Connection, Filter, Sender, market, token};
use lumora_core::{
    delivery::{
        Sale,
        dalek::{BuyerSecret, ListingSecret, open, prove},
    },
    hash::sha256,
    units::Bps,
};
use lumora_data::{
    cid::Cid,
    dataset::{self, Build, Card, Listed, Verification},
    key::ContentKey,
    manifest::Manifest,
    segment::SEGMENT_SIZE,
    shard::ShardResult,
    store::Store,
};
use lumora_interface::{
    Address,
    market::{
        BuyArguments, CreateListingArguments, DeliverArguments, ID, Listing, Purchase, Share, listing_address,
        purchase_address, purchase_state,
    },
    registry::{NETWORK, Network, Node},
};
use solana_keypair::Keypair;
use solana_signer::Signer as _;
use zeroize::Zeroizing;

use crate::job::Settlement;

/// Rows of the free sample in the data card.
const SAMPLE_ROWS: usize = 5;
/// Payees of a listing besides the seller.
const MAX_EXECUTORS: usize = 7;

/// The terms of a listing.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    /// The seller's own number of it.
    pub id: u64,
    /// LMR base units for a copy.
    pub price: u64,
    /// Seconds in which a sale is delivered, or refunded.
    pub delivery_seconds: u32,
    /// Job that collected the rows.
    pub job: Address,
    /// What those who collected the rows get of each sale, together, basis points.
    pub executors_bps: u16,
}

/// Builds a dataset of the results, encrypts and stores it, and puts it up for sale. Returns the listing and the secret that
/// its key is derived from.
pub async fn list(
    sender: &Sender,
    seller: &Keypair,
    manifest: &Manifest,
    results: &[ShardResult],
    settlement: &Settlement,
    offer: &Offer,
    store: &Store,
) -> anyhow::Result<(Address, ListingSecret)> {
    let secret = ListingSecret::from_entropy(&entropy()?);
    let dataset_id = sha256(&[b"lumora dataset v1", offer.job.as_ref(), &entropy::<32>()?]);
    let key = ContentKey::from_bytes(*secret.shared().content_key(&dataset_id));
    let dataset = dataset::build(Build {
        dataset_id,
        manifest,
        shards: results,
        sample_rows: SAMPLE_ROWS,
    })?;
    ensure!(
        !dataset.records.is_empty(),
        "no shard gave a row, so there is nothing to sell"
    );
    let packaged = dataset::package(&dataset, &key, SEGMENT_SIZE, store).await?;
    let index = &packaged.index;

    let shares = shares(sender.connection(), seller, results, settlement, offer).await?;
    let arguments = CreateListingArguments {
        price: offer.price,
        delivery_seconds: offer.delivery_seconds,
        listing_key: secret.public().0,
        dataset_id,
        metadata_hash: *index.card.digest(),
        uri_hash: sha256(&[format!("ipfs://{}", packaged.index_cid).as_bytes()]),
        content_hash: *packaged.index_cid.digest(),
        ciphertext_root: index.ciphertext_root,
        plaintext_root: index.plaintext_root,
        provenance_root: index.provenance_root,
        job: offer.job,
        rows: index.rows,
        size_bytes: index.bytes.saturating_add(16 * index.segments.len() as u64),
        segments: u32::try_from(index.segments.len()).context("the dataset has too many segments")?,
    };
    let create = market::create_listing(&seller.pubkey(), offer.id, &arguments, &shares);
    sender
        .send(&[create], &[seller])
        .await
        .context("the dataset could not be listed")?;
    Ok((listing_address(&seller.pubkey(), offer.id).0, secret))
}

/// Who is paid for a sale: the seller, and the executors in proportion to their rows. The largest few are named, for a
/// listing has room for eight payees; what the others would get stays with the seller.
async fn shares(
    connection: &Connection,
    seller: &Keypair,
    results: &[ShardResult],
    settlement: &Settlement,
    offer: &Offer,
) -> anyhow::Result<Vec<Share>> {
    let mut rows: BTreeMap<Address, u64> = BTreeMap::new();
    for result in results {
        for winner in settlement.winners(result.work.shard) {
            let node: Node = connection.fetch(&winner.node).await?;
            *rows.entry(node.owner).or_default() += u64::from(winner.records);
        }
    }
    let total: u64 = rows.values().sum();
    let mut executors: Vec<(Address, u64)> = rows.into_iter().collect();
    executors.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
    let mut shares: Vec<Share> = executors
        .into_iter()
        .take(MAX_EXECUTORS)
        .map(|(payee, rows)| Share {
            payee,
            basis_points: Bps::ratio(rows, total).of(u64::from(offer.executors_bps)) as u16,
        })
        .filter(|share| share.basis_points > 0)
        .collect();
    let given: u16 = shares.iter().map(|share| share.basis_points).sum();
    shares.insert(
        0,
        Share {
            payee: seller.pubkey(),
            basis_points: Bps(given).complement().0,
        },
    );
    Ok(shares)
}

/// Writes a secret to a new file that only its owner can read.
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

fn load_secret(path: &Path) -> anyhow::Result<Zeroizing<[u8; 32]>> {
    let text = Zeroizing::new(
        std::fs::read_to_string(path).with_context(|| format!("the secret {} cannot be read", path.display()))?,
    );
    let mut secret = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text.trim(), secret.as_mut())
        .with_context(|| format!("{} does not hold a secret: 64 hexadecimal digits", path.display()))?;
    Ok(secret)
}

/// The seller's secret of a listing.
pub fn load_listing_secret(path: &Path) -> anyhow::Result<ListingSecret> {
    let secret = load_secret(path)?;
    ListingSecret::from_bytes(&secret).with_context(|| format!("{} holds no valid secret", path.display()))
}

/// Delivers the key to everybody who paid for `listing` and waits for it. Returns the purchases that were delivered.
/// Running twice at the same time is harmless: the program takes one delivery of each purchase.
pub async fn deliver_due(
    sender: &Sender,
    listing_address: &Address,
    secret: &ListingSecret,
) -> anyhow::Result<Vec<Address>> {
    let connection = sender.connection();
    let listing: Listing = connection.fetch(listing_address).await?;
    let of_listing = Filter::field(std::mem::offset_of!(Purchase, listing), listing_address.as_ref());
    let open_ones = connection.fetch_all::<Purchase>(&[of_listing]).await?;
    let now = connection.unix_timestamp().await?;
    let mut delivered = Vec::new();
    for (address, purchase) in open_ones {
        if purchase.state != purchase_state::OPEN || now > purchase.deadline {
            continue;
        }
        let sale = Sale {
            network: &listing.network_id,
            program: ID.as_array(),
            listing: listing_address.as_array(),
            purchase: address.as_array(),
            buyer: purchase.buyer.as_array(),
            listing_key: &listing.key(),
            buyer_key: &purchase.key(),
        };
        let delivery = prove(secret, &sale, &entropy()?)
            .map_err(|error| anyhow::anyhow!("no delivery can be made for {address}: {error:?}"))?;
        let arguments = DeliverArguments {
            ephemeral: delivery.ephemeral.0,
            sealed: delivery.sealed.0,
            proof: delivery.proof.to_bytes(),
        };
        let deliver = market::deliver(
            listing_address,
            &address,
            &purchase.buyer,
            &listing.treasury,
            listing.payees(),
            &arguments,
        );
        let is_done = || async {
            Ok(connection
                .fetch_optional::<Purchase>(&address)
                .await?
                .is_none_or(|p| p.state != purchase_state::OPEN))
        };
        sender
            .send_unless(is_done, &[deliver], &[])
            .await
            .context("the delivery was refused")?;
        delivered.push(address);
    }
    Ok(delivered)
}

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
    listing_address: &Address,
    purchase: &Purchase,
    secret_path: &Path,
    path: &Path,
) -> anyhow::Result<Opened> {
    let listing: Listing = connection.fetch(listing_address).await?;
    let (ephemeral, sealed) = purchase.delivery().context("the purchase is not delivered yet")?;
    let secret = BuyerSecret::from_bytes(&*load_secret(secret_path)?).context("the secret is not a valid one")?;
    let shared = open(&secret, &ephemeral, &sealed)
        .map_err(|error| anyhow::anyhow!("the delivery does not open with this secret: {error:?}"))?;
    let key = ContentKey::from_bytes(*shared.content_key(&listing.dataset_id));
    let listed = Listed {
        dataset_id: listing.dataset_id,
        ciphertext_root: listing.ciphertext_root,
        plaintext_root: listing.plaintext_root,
        provenance_root: listing.provenance_root,
    };
    let file = std::fs::File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut out = std::io::BufWriter::new(file);
    let index = Cid::from_digest(listing.content_hash);
    let (card, verification) = dataset::open(&index, &listed, &key, store, &mut out).await?;
    out.flush()
        .with_context(|| format!("cannot write {}", path.display()))?;
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
        if !settlements.contains_key(&claim.job) {
            let settlement = Settlement::read(connection, &Address::new_from_array(claim.job)).await?;
            settlements.insert(claim.job, settlement);
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

fn entropy<const LENGTH: usize>() -> anyhow::Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness from the operating system: {error}"))?;
    Ok(bytes)
}
