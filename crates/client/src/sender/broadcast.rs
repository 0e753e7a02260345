//! Sends one signed transaction until it lands or cannot land any more.

use {
    super::{Sender, compose::Composed},
    crate::{Error, Refusal},
    solana_commitment_config::CommitmentConfig,
    solana_hash::Hash,
    solana_rpc_client_api::{
        client_error::Error as RpcFailure,
        config::{RpcSendTransactionConfig, RpcTransactionConfig},
    },
    solana_signature::Signature,
    solana_transaction::versioned::VersionedTransaction,
    solana_transaction_error::TransactionError,
    solana_transaction_status_client_types::{TransactionStatus, UiTransactionEncoding},
    tokio::time::Instant,
};

pub(super) struct Blockhash {
    pub(super) hash: Hash,
    /// Height of the last block that may include a transaction with this hash.
    pub(super) last_valid_block_height: u64,
}

impl Sender {
    pub(super) async fn blockhash(&self) -> Result<Blockhash, Error> {
        let rpc = self.connection.rpc();
        let (hash, last_valid_block_height) = self
            .connection
            .read("reading a recent blockhash", || {
                rpc.get_latest_blockhash_with_commitment(CommitmentConfig::confirmed())
            })
            .await?;
        Ok(Blockhash {
            hash,
            last_valid_block_height,
        })
    }

    /// Sends until one of the signatures `sent` so far (the last is this transaction's) is on the chain: then which, and its
    /// slot. `None` once the blockhash has expired and none of them is there.
    pub(super) async fn broadcast(
        &self,
        composed: &Composed,
        transaction: &VersionedTransaction,
        sent: &[Signature],
        last_valid_block_height: u64,
    ) -> Result<Option<(Signature, u64)>, Error> {
        let mut pause = self.options.poll_every;
        let mut send_at = Instant::now();
        loop {
            if Instant::now() >= send_at {
                self.submit(composed, transaction).await?;
                send_at = Instant::now() + self.options.resend_every;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(self.options.resend_every);
            // The height is read before the statuses: what expired at that height can only have landed before it.
            let expired = self.block_height().await? > last_valid_block_height;
            if let Some(landed) = self.landed(composed, sent, expired).await? {
                return Ok(Some(landed));
            }
            if expired {
                return Ok(None);
            }
        }
    }

    pub(super) async fn block_height(&self) -> Result<u64, Error> {
        self.connection
            .read("reading the block height", || self.connection.rpc().get_block_height())
            .await
    }

    /// Hands the transaction to the node. An answer other than a refusal is no reason to stop: it may have arrived all the same.
    pub(super) async fn submit(&self, composed: &Composed, transaction: &VersionedTransaction) -> Result<(), Error> {
        // It was simulated, and it is sent again from here: the node need do neither.
        let config = RpcSendTransactionConfig {
            skip_preflight: true,
            max_retries: Some(0),
            ..Default::default()
        };
        let Err(failure) = self
            .connection
            .rpc()
            .send_transaction_with_config(transaction, config)
            .await
        else {
            return Ok(());
        };
        match refused_at_once(&failure) {
            Some(error) => Err(Refusal::decode(
                &error,
                &composed.instructions,
                composed.added,
                vec![],
                &self.payer_address(),
            )
            .into()),
            None => {
                tracing::debug!(%failure, "the node did not take the transaction, sending it again");
                Ok(())
            }
        }
    }

    async fn landed(
        &self,
        composed: &Composed,
        sent: &[Signature],
        search_history: bool,
    ) -> Result<Option<(Signature, u64)>, Error> {
        let statuses = self.statuses(sent, search_history).await?;
        for (signature, status) in sent.iter().zip(statuses) {
            let Some(status) = status else { continue };
            if !status.satisfies_commitment(self.options.commitment) {
                continue;
            }
            return match status.err {
                None => Ok(Some((*signature, status.slot))),
                Some(error) => Err(self.refusal(composed, signature, &error).await.into()),
            };
        }
        Ok(None)
    }

    pub(super) async fn statuses(
        &self,
        signatures: &[Signature],
        search_history: bool,
    ) -> Result<Vec<Option<TransactionStatus>>, Error> {
        let rpc = self.connection.rpc();
        let response = self
            .connection
            .read("asking whether a transaction landed", || async {
                if search_history {
                    rpc.get_signature_statuses_with_history(signatures).await
                } else {
                    rpc.get_signature_statuses(signatures).await
                }
            })
            .await?;
        Ok(response.value)
    }

    pub(super) async fn refusal(
        &self,
        composed: &Composed,
        signature: &Signature,
        error: &TransactionError,
    ) -> Refusal {
        let logs = self.logs(signature).await;
        Refusal::decode(
            error,
            &composed.instructions,
            composed.added,
            logs,
            &self.payer_address(),
        )
    }

    /// What a landed transaction logged; empty if the node does not tell.
    async fn logs(&self, signature: &Signature) -> Vec<String> {
        let config = RpcTransactionConfig {
            encoding: Some(UiTransactionEncoding::Base64),
            commitment: Some(CommitmentConfig::confirmed()),
            max_supported_transaction_version: Some(1),
        };
        let answer = self
            .connection
            .rpc()
            .get_transaction_with_config(signature, config)
            .await;
        let meta = answer.ok().and_then(|transaction| transaction.transaction.meta);
        meta.and_then(|meta| Option::from(meta.log_messages))
            .unwrap_or_default()
    }
}

/// A refusal that will not go away by sending again. A blockhash that the node does not know yet may; a transaction that it has
/// already processed has landed.
fn refused_at_once(failure: &RpcFailure) -> Option<TransactionError> {
    match failure.get_transaction_error()? {
        TransactionError::AlreadyProcessed | TransactionError::BlockhashNotFound | TransactionError::AccountInUse => {
            None
        }
        error => Some(error),
    }
}
