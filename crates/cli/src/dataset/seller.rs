//! The seller's side: build, list, deliver.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};
use lumora_client::{Connection, Filter, Sender, market};
use lumora_core::{
    delivery::{
        Sale,
        dalek::{ListingSecret, prove},
    },
    hash::sha256,
    units::Bps,
};
use lumora_data::{
    cid::Cid,
    dataset::{self, Build, BuildProgress, Built, Packaged, Progress, Shards},
    journal::Journal,
    key::{ContentKey, ResultsSecretKey},
    manifest::Manifest,
    segment::SEGMENT_SIZE,
    shard::{self, ShardResult, ShardRows, Work, result_name},
    store::Store,
};
use lumora_interface::{
    Address,
    market::{CreateListingArguments, DeliverArguments, ID, Listing, Purchase, Share, listing_address, purchase_state},
    registry::Node,
    tasks::ResultRevealed,
};
use serde::{Deserialize, Serialize};
use solana_keypair::Keypair;
use solana_signer::Signer as _;
use tokio::{runtime::Handle, task::spawn_blocking};

use super::entropy;
use crate::job::Settlement;

/// Payees of a listing besides the seller.
const MAX_EXECUTORS: usize = 7;
/// Seconds after which a delivery that the chain does not show is sent again: what was sent then has expired.
const RESEND_SECONDS: i64 = 90;

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

/// The id of a dataset: of a job's rows under one key, so that building again after a kill gives the same.
fn dataset_id(job: &Address, secret: &ListingSecret) -> [u8; 32] {
    sha256(&[b"lumora dataset v2", job.as_ref(), &secret.public().0])
}

fn content_key(secret: &ListingSecret, dataset_id: &[u8; 32]) -> ContentKey {
    ContentKey::from(secret.shared().content_key(dataset_id))
}

/// A dataset that is encrypted and stored, and what its seller keeps.
pub struct Made {
    /// What its key is derived from.
    pub secret: ListingSecret,
    pub built: Built,
    pub packaged: Packaged,
}

/// Builds a dataset of a job's results that are in memory in `folder`, encrypts it and stores it.
pub async fn make(
    job: &Address,
    manifest: &Manifest,
    results: &[ShardResult],
    store: &Store,
    folder: &Path,
) -> anyhow::Result<Made> {
    let secret = ListingSecret::from_entropy(&entropy()?);
    let id = dataset_id(job, &secret);
    let built = dataset::build(&Build::new(id, manifest, results), folder, |_| ())?;
    let packaged = dataset::package(&built, &content_key(&secret, &id), SEGMENT_SIZE, store, |_| ()).await?;
    Ok(Made {
        secret,
        built,
        packaged,
    })
}

/// Fetches the settled results of a job, builds a dataset of them in `folder`, encrypts it and stores it. Goes on where a
/// killed call stopped.
#[expect(
    clippy::too_many_arguments,
    reason = "each is another thing that the caller has at hand"
)]
pub async fn build(
    settlement: &Settlement,
    job: &Address,
    results_key: &ResultsSecretKey,
    manifest: Manifest,
    secret: &ListingSecret,
    store: &Store,
    folder: &Path,
    mut on_build: impl FnMut(BuildProgress) + Send + 'static,
    on_upload: impl FnMut(Progress),
) -> anyhow::Result<(Built, Packaged)> {
    let id = dataset_id(job, secret);
    let shards = SettledShards::find(settlement, job, results_key, &manifest, store).await?;
    let work = folder.to_owned();
    let built = spawn_blocking(move || dataset::build(&Build::new(id, &manifest, &shards), &work, &mut on_build))
        .await
        .context("the build stopped")??;
    let packaged = dataset::package(&built, &content_key(secret, &id), SEGMENT_SIZE, store, on_upload).await?;
    Ok((built, packaged))
}

/// The results of a job that were settled, fetched when they are needed.
struct SettledShards {
    runtime: Handle,
    store: Store,
    key: ResultsSecretKey,
    shards: Vec<SettledShard>,
}

struct SettledShard {
    work: Work,
    sealed: Cid,
    revealed: ResultRevealed,
}

impl SettledShards {
    /// Finds a sealed result of each shard that was settled with a winner. Of several winners the first that stored one
    /// counts.
    async fn find(
        settlement: &Settlement,
        job: &Address,
        key: &ResultsSecretKey,
        manifest: &Manifest,
        store: &Store,
    ) -> anyhow::Result<Self> {
        let mut shards = Vec::new();
        for number in settlement.shards.keys().copied() {
            let mut winners = settlement.winners(number).peekable();
            if winners.peek().is_none() {
                continue;
            }
            let mut found = None;
            for revealed in winners {
                let work = Work {
                    job: job.to_bytes(),
                    shard: number,
                    node: revealed.node.to_bytes(),
                    manifest: manifest.hash(),
                };
                let name = result_name(&work.job, number, &work.node);
                if let Some(sealed) = store.resolve(&name).await?
                    && store.has(&sealed).await?
                {
                    found = Some(SettledShard {
                        work,
                        sealed,
                        revealed: *revealed,
                    });
                    break;
                }
            }
            shards.push(found.with_context(|| {
                format!("the store has no result of shard {number}, which was settled: point to the nodes' store")
            })?);
        }
        Ok(Self {
            runtime: Handle::current(),
            store: store.clone(),
            key: key.clone(),
            shards,
        })
    }
}

impl Shards for SettledShards {
    fn works(&self) -> Vec<Work> {
        self.shards.iter().map(|shard| shard.work).collect()
    }

    fn load(&self, number: usize) -> lumora_data::Result<ShardRows> {
        // Numbers are positions in `works`, which is as long.
        let SettledShard { work, sealed, revealed } = &self.shards[number];
        let rows = self
            .runtime
            .block_on(shard::open_rows(sealed, &self.key, &self.store))?;
        if rows.result_root == revealed.result_root {
            Ok(rows)
        } else {
            Err(lumora_data::Error::InconsistentShard {
                shard: work.shard,
                why: "its node stored something else than it revealed on chain".to_owned(),
            })
        }
    }
}

/// Puts a packaged dataset up for sale. Returns the address of the listing.
pub async fn offer(
    sender: &Sender,
    seller: &Keypair,
    packaged: &Packaged,
    secret: &ListingSecret,
    shards: impl IntoIterator<Item = u32>,
    settlement: &Settlement,
    terms: &Offer,
) -> anyhow::Result<Address> {
    ensure!(packaged.rows > 0, "no shard gave a row, so there is nothing to sell");
    ensure!(
        packaged.dataset_id == dataset_id(&terms.job, secret),
        "the dataset was built for another job or with another secret"
    );
    let shares = shares(sender.connection(), seller, shards, settlement, terms).await?;
    let arguments = CreateListingArguments {
        price: terms.price,
        delivery_seconds: terms.delivery_seconds,
        listing_key: secret.public().0,
        dataset_id: packaged.dataset_id,
        metadata_hash: *packaged.card_cid.digest(),
        uri_hash: sha256(&[format!("ipfs://{}", packaged.card_cid).as_bytes()]),
        content_hash: *packaged.package_cid.digest(),
        ciphertext_root: packaged.ciphertext_root,
        plaintext_root: packaged.plaintext_root,
        provenance_root: packaged.provenance_root,
        job: terms.job,
        rows: packaged.rows,
        size_bytes: packaged.ciphertext_bytes,
        segments: packaged.segments,
    };
    let create = market::create_listing(&seller.pubkey(), terms.id, &arguments, &shares);
    sender
        .send(&[create], &[seller])
        .await
        .context("the dataset could not be listed")?;
    Ok(listing_address(&seller.pubkey(), terms.id).0)
}

/// Who is paid for a sale: the seller, and the executors in proportion to their rows. The largest few are named, for a
/// listing has room for eight payees; what the others would get stays with the seller.
async fn shares(
    connection: &Connection,
    seller: &Keypair,
    shards: impl IntoIterator<Item = u32>,
    settlement: &Settlement,
    terms: &Offer,
) -> anyhow::Result<Vec<Share>> {
    let mut rows: BTreeMap<Address, u64> = BTreeMap::new();
    for shard in shards {
        for winner in settlement.winners(shard) {
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
            basis_points: Bps::ratio(rows, total).of(u64::from(terms.executors_bps)) as u16,
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

/// What was sent to whom, across restarts. The chain is the truth about what was delivered; this keeps a daemon that was
/// just restarted, or whose network node lags behind, from sending twice what is already on its way.
pub struct Deliveries {
    journal: Journal,
    sent: BTreeMap<[u8; 32], i64>,
}

/// A line of the journal.
#[derive(Serialize, Deserialize)]
struct Sent {
    #[serde(with = "hex::serde")]
    purchase: [u8; 32],
    /// Unix time.
    at: i64,
}

/// What one look at the open purchases led to.
#[derive(Debug, Default)]
pub struct Round {
    /// Purchases that were delivered.
    pub delivered: Vec<Address>,
    /// Purchases that could not be delivered this time, and why.
    pub failed: Vec<(Address, anyhow::Error)>,
}

impl Deliveries {
    /// Opens the record beside a listing's secret.
    pub fn open(secret: &Path, listing: &Address) -> anyhow::Result<Self> {
        let mut path = secret.as_os_str().to_owned();
        path.push(".deliveries");
        let (journal, entries) = Journal::open::<Sent>(&PathBuf::from(path), &listing.to_string())?;
        Ok(Self {
            journal,
            sent: entries.into_iter().map(|sent| (sent.purchase, sent.at)).collect(),
        })
    }

    /// Delivers the key to everybody who paid for `listing` and waits for it, those first whose deadline is near. One
    /// purchase that cannot be delivered does not keep the others from it.
    ///
    /// Running twice at the same time is harmless: the program takes one delivery of each purchase.
    pub async fn deliver_due(
        &mut self,
        sender: &Sender,
        listing_address: &Address,
        secret: &ListingSecret,
    ) -> anyhow::Result<Round> {
        let connection = sender.connection();
        let listing: Listing = connection.fetch(listing_address).await?;
        ensure!(
            listing.listing_key == secret.public().0,
            "this is not the secret of listing {listing_address}"
        );
        let of_listing = Filter::field(std::mem::offset_of!(Purchase, listing), listing_address.as_ref());
        let mut purchases = connection.fetch_all::<Purchase>(&[of_listing]).await?;
        purchases.sort_by_key(|(address, purchase)| (purchase.deadline, *address));
        let mut round = Round::default();
        for (address, purchase) in purchases {
            let now = connection.unix_timestamp().await?;
            let is_under_way = self
                .sent
                .get(&address.to_bytes())
                .is_some_and(|at| now < at.saturating_add(RESEND_SECONDS));
            if purchase.state != purchase_state::OPEN || now > purchase.deadline || is_under_way {
                continue;
            }
            // Before it is sent: a kill in between costs a wait, not a second delivery.
            self.journal.append(&Sent {
                purchase: address.to_bytes(),
                at: now,
            })?;
            self.sent.insert(address.to_bytes(), now);
            match deliver(sender, listing_address, &listing, &address, &purchase, secret).await {
                Ok(()) => round.delivered.push(address),
                Err(error) => round.failed.push((address, error)),
            }
        }
        Ok(round)
    }
}

async fn deliver(
    sender: &Sender,
    listing_address: &Address,
    listing: &Listing,
    address: &Address,
    purchase: &Purchase,
    secret: &ListingSecret,
) -> anyhow::Result<()> {
    let sale = Sale {
        network: &listing.network_id,
        program: ID.as_array(),
        listing: listing_address.as_array(),
        purchase: address.as_array(),
        buyer: purchase.buyer.as_array(),
        listing_key: &listing.key(),
        buyer_key: &purchase.key(),
    };
    let delivery = match prove(secret, &sale, &entropy()?) {
        Ok(delivery) => delivery,
        Err(error) => bail!("no delivery can be made: {error}"),
    };
    let arguments = DeliverArguments {
        ephemeral: delivery.ephemeral.0,
        sealed: delivery.sealed.0,
        proof: delivery.proof.to_bytes(),
    };
    let deliver = market::deliver(
        listing_address,
        address,
        &purchase.buyer,
        &listing.treasury,
        listing.payees(),
        &arguments,
    );
    let connection = sender.connection();
    let is_done = || async {
        Ok(connection
            .fetch_optional::<Purchase>(address)
            .await?
            .is_none_or(|purchase| purchase.state != purchase_state::OPEN))
    };
    sender
        .send_unless(is_done, &[deliver], &[])
        .await
        .context("the delivery was refused")?;
    Ok(())
}
