//! Listings, and purchases with their deliveries; refunded purchases included.

use std::collections::HashMap;

use axum::{Json, extract::State};
use lumora_interface::{
    Account as _,
    market::{self, listing_state},
};
use serde::{Deserialize, Serialize};
use sqlx::{Row as _, any::AnyRow};
use utoipa::{IntoParams, ToSchema};

use super::{
    Answers, Page, Problem,
    page::{Search, limit},
    problem::{Answer, Ask, At, optional_address, optional_word},
    text::{Amount, optional},
};
use crate::{
    database::{Step, for_each_in, optional_unsigned, select, unsigned},
    project::sale_state,
};

/// A dataset for sale.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Listing {
    /// Address of its account.
    pub address: String,
    /// `active` or `withdrawn`.
    pub state: &'static str,
    /// Wallet that sells.
    pub seller: String,
    /// The seller's own number of it.
    pub id: Amount,
    /// Grows with every change of what is sold or what it costs.
    pub revision: u32,
    /// LMR base units for one copy, the fee included.
    pub price: Amount,
    /// Share of each payment that the protocol keeps, in basis points.
    pub fee_bps: u16,
    /// Seconds in which a sale must be delivered.
    pub delivery_seconds: u32,
    /// The seller's key.
    pub listing_key: String,
    /// Id of the dataset.
    pub dataset_id: String,
    /// SHA-256 of the data card.
    pub metadata_hash: String,
    /// SHA-256 of the text of the URI where the data card is.
    pub uri_hash: String,
    /// SHA-256 of the package that names the encrypted segments.
    pub content_hash: String,
    /// Merkle root of the encrypted segments.
    pub ciphertext_root: String,
    /// Merkle root of the segments in clear.
    pub plaintext_root: String,
    /// Merkle root of the provenance of the records.
    pub provenance_root: String,
    /// Job that the records were collected by.
    pub job: Option<String>,
    /// Number of rows.
    pub rows: Amount,
    /// Bytes of all encrypted segments.
    pub size_bytes: Amount,
    /// Number of encrypted segments.
    pub segments: u32,
    /// Purchases that are paid and neither delivered nor refunded.
    pub open_purchases: u32,
    /// Copies delivered.
    pub sales: Amount,
    /// LMR base units paid out for them.
    pub volume: Amount,
    /// Purchases that were refunded.
    pub refunds: Amount,
    /// Whether the seller has put up a bond, from which buyers are paid when it delivers late.
    pub bonded: bool,
    /// LMR base units of that bond.
    pub bond: Amount,
    /// LMR base units of it that are set aside for purchases that may still be late.
    pub open_penalties: Amount,
    /// LMR base units that a purchase made now gets beyond its refund if it is late. If the rest of the bond does not cover
    /// them, nothing can be bought.
    pub penalty: Amount,
    /// Number of ratings.
    pub ratings: Amount,
    /// Mean rating in hundredths, 100 to 500.
    pub mean_rating: Option<u64>,
    /// Who is paid.
    pub payees: Vec<Payee>,
    /// Unix time of creation.
    pub created_at: i64,
    /// Unix time of the last change.
    pub updated_at: i64,
    /// Unix time from which its account may be closed; `null` while it is for sale.
    pub closable_from: Option<i64>,
}

/// Who is paid of each sale.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Payee {
    /// Wallet.
    pub wallet: String,
    /// Its part of what is left after the fee, in basis points.
    pub share_bps: u16,
}

/// A copy of a dataset that somebody paid for.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Purchase {
    /// Address of its account.
    pub address: String,
    /// `open` (the key is awaited), `delivered` or `refunded`.
    pub state: String,
    /// Address of the listing.
    pub listing: String,
    /// Wallet that paid.
    pub buyer: String,
    /// The buyer's own number of it.
    pub index: u64,
    /// The buyer's one-time key.
    pub buyer_key: String,
    /// R of the delivery.
    pub ephemeral: Option<String>,
    /// E of the delivery: opened with the buyer's secret, it gives the content key.
    pub sealed: Option<String>,
    /// Id of the dataset, with which the content key is derived; `null` where it is only in the listing.
    pub dataset_id: Option<String>,
    /// LMR base units paid.
    pub amount: Amount,
    /// LMR base units out of the seller's bond: what the buyer gets beyond a refund, or got of a refunded purchase; `null` of
    /// one whose account was closed before it was read.
    pub penalty: Option<Amount>,
    /// 1 to 5.
    pub rating: Option<u64>,
    /// Unix time of the payment.
    pub bought_at: i64,
    /// Unix time after which it can only be refunded.
    pub deadline: i64,
    /// Unix time of the delivery.
    pub delivered_at: Option<i64>,
    /// Unix time of the rating.
    pub rated_at: Option<i64>,
    /// Unix time at which its account was closed: by the refund, or after the delivery by the buyer.
    pub closed_at: Option<i64>,
}

/// Which listings.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListingsQuery {
    /// Only those of this wallet.
    seller: Option<String>,
    /// Only those whose records this job collected.
    job: Option<String>,
    /// Only `active` or `withdrawn` ones.
    state: Option<String>,
    /// Items of the page, 1 to 500; 50 by default.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Listings, the latest first.
#[utoipa::path(get, path = "/v1/listings", params(ListingsQuery), responses(
    (status = 200, body = Page<Listing>),
    (status = 400, body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn listings(
    State(answers): State<Answers>,
    Ask(asked): Ask<ListingsQuery>,
) -> Answer<Json<Page<Listing>>> {
    let limit = limit(asked.limit)?;
    let state = optional_word("state of a listing", asked.state.as_deref(), &["active", "withdrawn"])?;
    let search = Search::new(
        "listings",
        "SELECT address, created_at FROM listings",
        "created_at",
        "address",
    )
    .only("seller", optional_address(asked.seller.as_deref())?)
    .only("job", optional_address(asked.job.as_deref())?)
    .only("active", state.map(|state| state == "active"));
    let (mut step, slot) = answers.view().await?;
    let (rows, next) = search.page(&mut step, asked.cursor.as_deref(), limit).await?;
    let addresses = rows
        .iter()
        .map(|row| row.try_get("address"))
        .collect::<Result<Vec<_>, _>>()?;
    let items = read_listings(&mut step, &addresses).await?;
    Ok(Json(Page { slot, items, next }))
}

/// One listing.
#[utoipa::path(get, path = "/v1/listings/{address}",
    params(("address" = String, Path, description = "The listing's account")),
    responses(
        (status = 200, body = Listing),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn listing(State(answers): State<Answers>, At(address): At) -> Answer<Json<Listing>> {
    let (mut step, _) = answers.view().await?;
    let found = read_listings(&mut step, &[address.to_string()]).await?.pop();
    found
        .map(Json)
        .ok_or_else(|| Problem::missing(format!("there is no listing at {address}")))
}

/// Which purchases.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PurchasesQuery {
    /// Only those of this listing.
    listing: Option<String>,
    /// Only those of this wallet.
    buyer: Option<String>,
    /// Only `open`, `delivered` or `refunded` ones.
    state: Option<String>,
    /// Items of the page, 1 to 500; 50 by default.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

const SELECT_PURCHASES: &str = "SELECT address, state, listing, buyer, number, buyer_key, ephemeral, sealed, \
     dataset_id, amount, penalty, rating, bought_at, deadline, delivered_at, rated_at, closed_at FROM purchases";

/// Purchases, the latest first.
#[utoipa::path(get, path = "/v1/purchases", params(PurchasesQuery), responses(
    (status = 200, body = Page<Purchase>),
    (status = 400, body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn purchases(
    State(answers): State<Answers>,
    Ask(asked): Ask<PurchasesQuery>,
) -> Answer<Json<Page<Purchase>>> {
    let limit = limit(asked.limit)?;
    let search = Search::new("purchases", SELECT_PURCHASES, "bought_at", "address")
        .only("listing", optional_address(asked.listing.as_deref())?)
        .only("buyer", optional_address(asked.buyer.as_deref())?)
        .only(
            "state",
            optional_word("state of a purchase", asked.state.as_deref(), &sale_state::ALL)?,
        );
    let (mut step, slot) = answers.view().await?;
    let (rows, next) = search.page(&mut step, asked.cursor.as_deref(), limit).await?;
    let items = rows.iter().map(view_purchase).collect::<Answer<_>>()?;
    Ok(Json(Page { slot, items, next }))
}

/// One purchase.
#[utoipa::path(get, path = "/v1/purchases/{address}",
    params(("address" = String, Path, description = "The purchase's account")),
    responses(
        (status = 200, body = Purchase),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn purchase(State(answers): State<Answers>, At(address): At) -> Answer<Json<Purchase>> {
    let (mut step, _) = answers.view().await?;
    let sql = format!("{SELECT_PURCHASES} WHERE address = $1");
    let rows = select(&mut step, sql, vec![address.to_string().into()]).await?;
    let row = rows
        .first()
        .ok_or_else(|| Problem::missing(format!("there is no purchase at {address}")))?;
    view_purchase(row).map(Json)
}

/// These listings, in the order of the addresses; those that do not exist are left out.
async fn read_listings(step: &mut Step, addresses: &[String]) -> Answer<Vec<Listing>> {
    let rows = for_each_in(
        step,
        "SELECT address, data FROM accounts WHERE kind = 'Listing' AND data IS NOT NULL AND address",
        addresses,
        "",
    )
    .await?;
    let mut found = HashMap::new();
    for row in &rows {
        let data: Vec<u8> = row.try_get("data")?;
        if let Ok(listing) = market::Listing::from_account_data(&data) {
            let address: String = row.try_get("address")?;
            found.insert(address.clone(), view_listing(address, &listing));
        }
    }
    Ok(addresses.iter().filter_map(|address| found.remove(address)).collect())
}

fn view_listing(address: String, listing: &market::Listing) -> Listing {
    let payees = listing
        .payees()
        .iter()
        .zip(listing.shares)
        .map(|(wallet, share_bps)| Payee {
            wallet: wallet.to_string(),
            share_bps,
        });
    Listing {
        address,
        state: if listing.state == listing_state::ACTIVE {
            "active"
        } else {
            "withdrawn"
        },
        seller: listing.seller.to_string(),
        id: Amount(listing.id),
        revision: listing.revision,
        price: Amount(listing.price),
        fee_bps: listing.fee_bps,
        delivery_seconds: listing.delivery_seconds,
        listing_key: hex::encode(listing.listing_key),
        dataset_id: hex::encode(listing.dataset_id),
        metadata_hash: hex::encode(listing.metadata_hash),
        uri_hash: hex::encode(listing.uri_hash),
        content_hash: hex::encode(listing.content_hash),
        ciphertext_root: hex::encode(listing.ciphertext_root),
        plaintext_root: hex::encode(listing.plaintext_root),
        provenance_root: hex::encode(listing.provenance_root),
        job: optional(&listing.job),
        rows: Amount(listing.rows),
        size_bytes: Amount(listing.size_bytes),
        segments: listing.segments,
        open_purchases: listing.open_purchases,
        sales: Amount(listing.sales),
        volume: Amount(listing.volume),
        refunds: Amount(listing.refunds),
        bonded: listing.is_bonded(),
        bond: Amount(listing.bond),
        open_penalties: Amount(listing.open_penalties),
        penalty: Amount(listing.penalty()),
        ratings: Amount(listing.ratings),
        mean_rating: listing.mean_rating(),
        payees: payees.collect(),
        created_at: listing.created_at,
        updated_at: listing.updated_at,
        closable_from: listing.closable_from(),
    }
}

fn view_purchase(row: &AnyRow) -> Answer<Purchase> {
    Ok(Purchase {
        address: row.try_get("address")?,
        state: row.try_get("state")?,
        listing: row.try_get("listing")?,
        buyer: row.try_get("buyer")?,
        index: unsigned(row, "number")?,
        buyer_key: row.try_get("buyer_key")?,
        ephemeral: row.try_get("ephemeral")?,
        sealed: row.try_get("sealed")?,
        dataset_id: row.try_get("dataset_id")?,
        amount: Amount(unsigned(row, "amount")?),
        penalty: optional_unsigned(row, "penalty")?.map(Amount),
        rating: Some(unsigned(row, "rating")?).filter(|rating| *rating != 0),
        bought_at: row.try_get("bought_at")?,
        deadline: row.try_get("deadline")?,
        delivered_at: row.try_get("delivered_at")?,
        rated_at: row.try_get("rated_at")?,
        closed_at: row.try_get("closed_at")?,
    })
}
