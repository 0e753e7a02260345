//! Lands many transactions at once whose cost is known beforehand, for instance the chunks of a program's code.

use {
    super::{Sender, broadcast::Blockhash, compose::Composed},
    crate::Error,
    futures_util::{StreamExt, TryStreamExt, stream},
    solana_instruction::Instruction,
    solana_keypair::Keypair,
    solana_transaction::versioned::VersionedTransaction,
    tokio::time::Instant,
};

/// The RPC method answers for no more signatures than this.
const STATUSES_PER_REQUEST: usize = 256;

/// Transactions that do not depend on each other's order. No two may be the same: they would have one signature.
#[derive(Clone, Debug)]
pub struct Batch {
    pub transactions: Vec<Vec<Instruction>>,
    /// Compute units that each may use; they are not simulated. `None` takes the runtime's default.
    pub compute_units: Option<u32>,
}

struct Pending {
    /// Position in the batch.
    index: usize,
    composed: Composed,
    transaction: VersionedTransaction,
}

impl Sender {
    /// Lands all transactions of the batch. `progress` is told how many have landed so far.
    pub async fn send_batch(
        &self,
        batch: &Batch,
        signers: &[&Keypair],
        progress: impl Fn(usize) + Send + Sync,
    ) -> Result<(), Error> {
        let total = batch.transactions.len();
        let all: Vec<_> = batch.transactions.iter().flatten().cloned().collect();
        let price = self.price(&all).await;
        let mut open: Vec<usize> = (0..total).collect();
        let mut last = Default::default();
        for _ in 0..self.options.signings {
            if open.is_empty() {
                return Ok(());
            }
            let blockhash = self.blockhash().await?;
            let pending = open
                .iter()
                .map(|&index| {
                    let instructions = &batch.transactions[index];
                    let composed = Composed::new(
                        &self.payer,
                        instructions,
                        batch.compute_units,
                        price,
                        blockhash.hash,
                        &self.tables,
                    )?;
                    let transaction = composed.sign(&self.payer, signers)?;
                    last = transaction.signatures[0];
                    Ok(Pending {
                        index,
                        composed,
                        transaction,
                    })
                })
                .collect::<Result<Vec<_>, Error>>()?;
            let before = total - open.len();
            open = self
                .broadcast_all(pending, &blockhash, |landed| progress(before + landed))
                .await?;
        }
        if open.is_empty() {
            Ok(())
        } else {
            Err(Error::Expired {
                signings: self.options.signings,
                last,
            })
        }
    }

    /// Sends until all have landed or the blockhash has expired: the positions of those that did not land.
    async fn broadcast_all(
        &self,
        mut pending: Vec<Pending>,
        blockhash: &Blockhash,
        progress: impl Fn(usize) + Send + Sync,
    ) -> Result<Vec<usize>, Error> {
        let total = pending.len();
        let mut send_at = Instant::now();
        loop {
            if Instant::now() >= send_at {
                stream::iter(pending.iter().map(Ok))
                    .try_for_each_concurrent(self.options.concurrency, |one| {
                        self.submit(&one.composed, &one.transaction)
                    })
                    .await?;
                send_at = Instant::now() + self.options.resend_every;
            }
            tokio::time::sleep(self.options.batch_poll_every).await;
            let expired = self.block_height().await? > blockhash.last_valid_block_height;
            pending = self.still_open(pending, expired).await?;
            progress(total - pending.len());
            if pending.is_empty() || expired {
                return Ok(pending.into_iter().map(|one| one.index).collect());
            }
        }
    }

    async fn still_open(&self, pending: Vec<Pending>, search_history: bool) -> Result<Vec<Pending>, Error> {
        let signatures: Vec<_> = pending.iter().map(|one| one.transaction.signatures[0]).collect();
        let statuses: Vec<_> = stream::iter(signatures.chunks(STATUSES_PER_REQUEST))
            .then(|chunk| self.statuses(chunk, search_history))
            .try_collect()
            .await?;
        let mut open = Vec::new();
        for (one, status) in pending.into_iter().zip(statuses.into_iter().flatten()) {
            match status {
                Some(status) if status.satisfies_commitment(self.options.commitment) => {
                    if let Some(error) = status.err {
                        let signature = one.transaction.signatures[0];
                        return Err(self.refusal(&one.composed, &signature, &error).await.into());
                    }
                }
                _ => open.push(one),
            }
        }
        Ok(open)
    }
}
