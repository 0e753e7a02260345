//! The free sample of a listing, and the block whose hash chooses it.

use anyhow::{Context as _, ensure};
use lumora_client::{Connection, history::history};
use lumora_core::delivery::dalek::ListingSecret;
use lumora_data::{
    cid::Cid,
    dataset::{Built, Packaged, Sample},
    key::ContentKey,
    store::Store,
};
use lumora_interface::{
    Address,
    market::{Listing, ListingCreated},
};
use serde_json::{Value, json};
use solana_rpc_client_api::request::RpcRequest;

/// The hash of the first block after the one in which the dataset was listed.
pub async fn beacon(connection: &Connection, listing: &Address) -> anyhow::Result<[u8; 32]> {
    // Transactions may name the address before the listing is there.
    let created = history(connection, listing)
        .await?
        .into_iter()
        .find(|entry| entry.events::<ListingCreated>().any(|event| event.listing == *listing))
        .with_context(|| format!("the network node does not know any more when {listing} was created"))?;
    let rpc = connection.rpc();
    let after = json!([created.slot.saturating_add(1), 1, {"commitment": "finalized"}]);
    let slots: Vec<u64> = rpc.send(RpcRequest::GetBlocksWithLimit, after).await?;
    let slot = slots
        .first()
        .context("the block that chooses the sample is not final yet; try again in a minute")?;
    let options = json!({
        "commitment": "finalized", "transactionDetails": "none", "rewards": false, "maxSupportedTransactionVersion": 1,
    });
    let block: Value = rpc.send(RpcRequest::GetBlock, json!([slot, options])).await?;
    let hash: Option<Address> = block["blockhash"].as_str().and_then(|hash| hash.parse().ok());
    Ok(hash.context("the network node's block has no hash")?.to_bytes())
}

/// Publishes the sample of a dataset that was built here.
pub async fn publish(
    connection: &Connection,
    address: &Address,
    built: &Built,
    packaged: &Packaged,
    secret: &ListingSecret,
    store: &Store,
) -> anyhow::Result<(Sample, Cid)> {
    let listing: Listing = connection.fetch(address).await?;
    ensure!(
        listing.provenance_root == packaged.provenance_root,
        "listing {address} is of another dataset than the folder's"
    );
    let key = ContentKey::from(secret.shared().content_key(&packaged.dataset_id));
    let beacon = beacon(connection, address).await?;
    let sample = Sample::new(built, packaged, &key, &address.to_bytes(), &beacon)?;
    let cid = sample.publish(store).await?;
    Ok((sample, cid))
}
