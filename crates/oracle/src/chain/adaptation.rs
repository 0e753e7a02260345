//! What adapting the score reads from the chain and sends to it.

use std::{collections::BTreeMap, ops::Range};

use lumora_client::{
    Outcome, bandwidth as instructions,
    history::{self, Entry, PAGE},
    oracle_api::SignedAdaptation,
};
use lumora_interface::{
    bandwidth::{AdaptRankingArguments, AdaptationCount, BandwidthError, ID, adaptation_address},
    registry::{NETWORK, Network},
    tasks,
};

use super::Chain;
use crate::error::Result;

/// Most transactions of a window that are read, the latest of it. The same for all oracles, or they would come to
/// different figures.
const MOST_TRANSACTIONS: usize = 20_000;

/// Signatures that fit into one transaction beside the adaptation.
const SIGNATURES_PER_TRANSACTION: usize = 4;

/// How often signatures are sent anew because another oracle brought the first ones in between.
const ATTEMPTS: u32 = 5;

impl Chain {
    /// The network's configuration.
    pub async fn network(&self) -> Result<Network> {
        Ok(self.connection.fetch(&NETWORK).await?)
    }

    /// The latest slot.
    pub async fn slot(&self) -> Result<u64> {
        Ok(self.connection.slot().await?)
    }

    /// What was sent to program `tasks` in these slots, oldest first; of very much, the latest.
    pub async fn work_in(&self, slots: &Range<u64>) -> Result<Vec<Entry>> {
        let mut listed = Vec::new();
        let mut before: Option<String> = None;
        loop {
            let page = history::listing(&self.connection, &tasks::ID, before.as_deref(), None).await?;
            let is_last = page.len() < PAGE || page.last().is_none_or(|oldest| oldest.slot < slots.start);
            before = page.last().map(|oldest| oldest.signature.clone());
            listed.extend(page.into_iter().filter(|it| slots.contains(&it.slot)));
            if is_last || listed.len() >= MOST_TRANSACTIONS {
                break;
            }
        }
        listed.truncate(MOST_TRANSACTIONS);
        self.transactions(listed.into_iter().rev().map(|it| it.signature)).await
    }

    /// Puts signatures of the adaptation that comes after `sequence` others on chain, in as many transactions as they need,
    /// until the ranking is adapted. Those (by seat) that were counted are left out. Gives the signature of the transaction
    /// that did it, if it was one of these.
    pub async fn adapt(
        &self,
        epoch: u64,
        sequence: u32,
        arguments: &AdaptRankingArguments,
        signed: &BTreeMap<usize, SignedAdaptation>,
    ) -> Result<Option<String>> {
        let (own, address) = (self.sender.payer_address(), adaptation_address(&arguments.digest).0);
        let mut latest = None;
        let mut attempt = 0;
        loop {
            if self.network().await?.adaptations != sequence {
                return Ok(latest);
            }
            let counted: Option<AdaptationCount> = self.connection.fetch_optional(&address).await?;
            let signers = counted.map_or(0, |counted| counted.signers);
            let missing: Vec<_> = signed
                .iter()
                .filter(|(seat, _)| signers >> **seat & 1 == 0)
                .map(|(_, signed)| (signed.oracle, signed.signature))
                .take(SIGNATURES_PER_TRANSACTION)
                .collect();
            if missing.is_empty() {
                return Ok(None);
            }
            let rent_payer = counted.map_or(own, |counted| counted.rent_payer);
            let both = instructions::adapt_ranking(&own, &rent_payer, epoch, arguments, &missing);
            let is_done = || async {
                let network: Network = self.connection.fetch(&NETWORK).await?;
                let now: Option<AdaptationCount> = self.connection.fetch_optional(&address).await?;
                Ok(network.adaptations != sequence || now.is_some_and(|now| now.signers != signers))
            };
            attempt += 1;
            match self.sender.send_unless(is_done, &both, &[]).await {
                Ok(Outcome::Landed(landed)) => latest = Some(landed.signature.to_string()),
                Ok(Outcome::AlreadyDone) => latest = None,
                Err(error) if attempt < ATTEMPTS && brought_by_another(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Closes what counted signatures of adaptations that are void; gives the signatures of the transactions.
    pub async fn close_void_adaptations(&self, network: &Network, now: i64) -> Result<Vec<String>> {
        let mut closed = Vec::new();
        for (address, count) in self.connection.fetch_all::<AdaptationCount>(&[]).await? {
            if !count.is_void(network, now) {
                continue;
            }
            let instruction = instructions::close_adaptation(&count.digest, &count.rent_payer);
            let is_done = || async { Ok(self.connection.account(&address).await?.is_none()) };
            if let Outcome::Landed(landed) = self.sender.send_unless(is_done, &[instruction], &[]).await? {
                closed.push(landed.signature.to_string());
            }
        }
        Ok(closed)
    }
}

/// Whether what was refused was right a moment ago.
fn brought_by_another(error: &lumora_client::Error) -> bool {
    let late = [
        BandwidthError::WrongRentPayer,
        BandwidthError::SignerTwice,
        BandwidthError::WrongAdaptation,
    ];
    late.iter().any(|late| error.is_refusal_of(&ID, late.code()))
}
