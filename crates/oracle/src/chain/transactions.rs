//! Transactions of the past, for those who work out what happened.

use futures_util::{StreamExt, TryStreamExt, stream};
use lumora_client::history::{self, Entry, PAGE};
use lumora_interface::{Address, market::Listing};

use super::Chain;
use crate::error::Result;

/// Transactions that are asked for at the same time.
const AT_ONCE: usize = 8;

impl Chain {
    /// Every dataset for sale, or once for sale.
    pub async fn listings(&self) -> Result<Vec<Listing>> {
        let listings = self.connection.fetch_all::<Listing>(&[]).await?;
        Ok(listings.into_iter().map(|(_, listing)| listing).collect())
    }

    /// The transactions that name an account, those after `latest`, oldest first; `None` where there are more than `most`.
    pub async fn signatures_since(
        &self,
        address: &Address,
        latest: Option<&str>,
        most: usize,
    ) -> Result<Option<Vec<String>>> {
        let mut signatures: Vec<String> = Vec::new();
        loop {
            let before = signatures.last().map(String::as_str);
            let page = history::listing(&self.connection, address, before, latest).await?;
            let is_last = page.len() < PAGE;
            signatures.extend(page.into_iter().map(|it| it.signature));
            if signatures.len() > most {
                return Ok(None);
            }
            if is_last {
                signatures.reverse();
                return Ok(Some(signatures));
            }
        }
    }

    /// These transactions, in their order.
    pub async fn transactions(&self, signatures: impl Iterator<Item = String>) -> Result<Vec<Entry>> {
        let read = |signature: String| async move {
            let entry = history::transaction(&self.connection, &signature).await?;
            let lost = || format!("the node lists transaction {signature} and does not have it");
            entry.ok_or_else(|| lumora_client::Error::Unexpected(lost()))
        };
        Ok(stream::iter(signatures.map(read))
            .buffered(AT_ONCE)
            .try_collect()
            .await?)
    }
}
