//! A process that measures for an oracle whose main process runs elsewhere: it has the oracle's key and a state of its own,
//! and hands over every receipt. It neither agrees nor signs: that is the main process' alone.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};

use lumora_client::oracle_api::{Delivery, OracleClient};
use lumora_core::hash::Hash;
use url::Url;

use crate::{error::Result, event::Event, front::unix_seconds, oracle::Oracle};

/// Between two deliveries. Each is a sign of life too.
const PAUSE: Duration = Duration::from_millis(500);
/// Receipts in a delivery: some 500 bytes each.
const PER_DELIVERY: usize = 1_000;
/// Epochs before the latest whose receipts are still handed over.
const EPOCHS: u64 = 2;

/// Hands receipts over for ever. `own`: where this worker measures, as the main process' configuration has it.
pub(crate) async fn hand_over(oracle: Arc<Oracle>, front: Url, own: SocketAddr) -> Result<()> {
    let client = OracleClient::new(front, Duration::from_secs(5))?;
    let mut handed: BTreeSet<(u64, u32, Hash, bool)> = BTreeSet::new();
    let mut was_reached = true;
    loop {
        let latest = oracle.view().set.next_epoch.saturating_sub(1);
        let from = latest.saturating_sub(EPOCHS);
        handed.retain(|(epoch, ..)| *epoch >= from);
        let mut fresh = Vec::new();
        for epoch in from..=latest {
            fresh.extend(oracle.store.receipts(epoch)?);
        }
        let name = |signed: &lumora_pob::SignedReceipt| {
            let receipt = &signed.receipt;
            (receipt.epoch, receipt.round, receipt.node, receipt.is_measured())
        };
        fresh.retain(|signed| !handed.contains(&name(signed)));
        fresh.truncate(PER_DELIVERY);
        let receipts = fresh.iter().map(lumora_pob::SignedReceipt::encode).collect();
        let delivery = Delivery::sign(&oracle.key, own, unix_seconds(), receipts);
        match client.deliver(&delivery).await {
            Ok(answer) => {
                was_reached = true;
                oracle.crowd.learn(latest, &answer.shared);
                if !fresh.is_empty() {
                    let receipts = u32::try_from(fresh.len()).unwrap_or(u32::MAX);
                    oracle.tell(Event::HandedOver { receipts });
                }
                handed.extend(fresh.iter().map(name));
                // What is older is with the main process, or will never be wanted.
                oracle.store.forget_before(from)?;
            }
            Err(error) if was_reached => {
                was_reached = false;
                oracle.trouble(format!("handing receipts over: {error}"));
            }
            Err(_) => {}
        }
        if fresh.len() < PER_DELIVERY {
            tokio::time::sleep(PAUSE).await;
        }
    }
}
