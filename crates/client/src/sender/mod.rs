//! Lands transactions. Never a bare send-and-confirm: a transaction that was sent may land at any time until its
//! blockhash expires, so it is signed anew only when it provably cannot land any more, and only so many times.
//!
//! Simulate, set the compute limit from what it used and the price from recent fees on the accounts it writes, sign, send, send again
//! until it lands or its blockhash expires.

mod batch;
mod broadcast;
mod compose;
mod options;
#[cfg(test)]
mod tests;

pub use {
    batch::Batch,
    options::{PriorityFee, SenderOptions},
};

use {
    crate::{Connection, Error, Refusal, fees, lookup::LookupTable},
    compose::Composed,
    solana_address::Address,
    solana_instruction::Instruction,
    solana_keypair::Keypair,
    solana_rpc_client_api::config::RpcSimulateTransactionConfig,
    solana_signature::Signature,
    solana_signer::Signer,
    std::{future::Future, sync::Arc},
};

/// A transaction that is on the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Landed {
    pub signature: Signature,
    pub slot: u64,
    /// Compute units that the simulation used.
    pub compute_units: u64,
    /// Micro-lamports paid per compute unit of the limit.
    pub price: u64,
    /// How often it had to be signed.
    pub signings: u32,
}

/// What became of something that is to happen once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Landed(Landed),
    /// The chain showed that it had happened before, so nothing was sent (again).
    AlreadyDone,
}

/// Lands transactions that one wallet pays for. Cheap to clone; may be used from many tasks at once.
#[derive(Clone)]
pub struct Sender {
    connection: Connection,
    payer: Arc<Keypair>,
    options: Arc<SenderOptions>,
    tables: Arc<[LookupTable]>,
}

impl Sender {
    /// With the options that suit the network: those of a local one if it runs on this machine.
    pub fn new(connection: Connection, payer: impl Into<Arc<Keypair>>) -> Self {
        let options = if connection.is_local() {
            SenderOptions::local()
        } else {
            SenderOptions::default()
        };
        Self::with_options(connection, payer, options)
    }

    pub fn with_options(connection: Connection, payer: impl Into<Arc<Keypair>>, options: SenderOptions) -> Self {
        Self {
            connection,
            payer: payer.into(),
            options: Arc::new(options),
            tables: Arc::new([]),
        }
    }

    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The wallet that pays fees and rent.
    pub fn payer(&self) -> &Keypair {
        &self.payer
    }

    pub fn payer_address(&self) -> Address {
        self.payer.pubkey()
    }

    /// The same network and options, paid by another wallet.
    pub fn paid_by(&self, payer: impl Into<Arc<Keypair>>) -> Self {
        Self {
            payer: payer.into(),
            ..self.clone()
        }
    }

    /// The same, taking addresses from these lookup tables wherever a transaction has one that they hold.
    pub fn with_lookup_tables(&self, tables: impl Into<Arc<[LookupTable]>>) -> Self {
        Self {
            tables: tables.into(),
            ..self.clone()
        }
    }

    /// Lands the instructions in one transaction. `signers`: whoever must sign besides the payer.
    pub async fn send(&self, instructions: &[Instruction], signers: &[&Keypair]) -> Result<Landed, Error> {
        match self.send_unless(|| async { Ok(false) }, instructions, signers).await? {
            Outcome::Landed(landed) => Ok(landed),
            Outcome::AlreadyDone => Err(Error::Unexpected(
                "a transaction was taken for done that was never sent".into(),
            )),
        }
    }

    /// Lands the instructions unless `is_done` sees on the chain that their effect is there already, be it from an earlier run
    /// that was killed or from somebody else. Asked before each signing, and once more when the chain refuses.
    pub async fn send_unless<F, Answer>(
        &self,
        is_done: F,
        instructions: &[Instruction],
        signers: &[&Keypair],
    ) -> Result<Outcome, Error>
    where
        F: Fn() -> Answer,
        Answer: Future<Output = Result<bool, Error>>,
    {
        if is_done().await? {
            return Ok(Outcome::AlreadyDone);
        }
        let result = self.land(&is_done, instructions, signers).await;
        match result {
            Err(Error::Refused(refusal)) if is_done().await? => {
                tracing::debug!(%refusal, "refused because it had happened already");
                Ok(Outcome::AlreadyDone)
            }
            other => other,
        }
    }

    async fn land<F, Answer>(
        &self,
        is_done: &F,
        instructions: &[Instruction],
        signers: &[&Keypair],
    ) -> Result<Outcome, Error>
    where
        F: Fn() -> Answer,
        Answer: Future<Output = Result<bool, Error>>,
    {
        let compute_units = self.simulate(instructions, signers).await?;
        let price = self.price(instructions).await;
        let limit = self.options.compute_limit(compute_units);
        let mut sent = Vec::new();
        for signing in 1..=self.options.signings {
            let blockhash = self.blockhash().await?;
            let composed = Composed::new(
                &self.payer,
                instructions,
                Some(limit),
                price,
                blockhash.hash,
                &self.tables,
            )?;
            let transaction = composed.sign(&self.payer, signers)?;
            sent.push(transaction.signatures[0]);
            if let Some((signature, slot)) = self
                .broadcast(&composed, &transaction, &sent, blockhash.last_valid_block_height)
                .await?
            {
                return Ok(Outcome::Landed(Landed {
                    signature,
                    slot,
                    compute_units,
                    price,
                    signings: signing,
                }));
            }
            tracing::debug!(signing, "the blockhash expired before the transaction landed");
            if is_done().await? {
                return Ok(Outcome::AlreadyDone);
            }
        }
        let last = sent.last().copied().unwrap_or_default();
        Err(Error::Expired {
            signings: self.options.signings,
            last,
        })
    }

    /// Runs the instructions without sending them: the compute units they use, or why the chain would refuse them.
    pub async fn simulate(&self, instructions: &[Instruction], signers: &[&Keypair]) -> Result<u64, Error> {
        // The limit instruction is there so that the simulation's size and cost are those of what is sent.
        let composed = Composed::new(
            &self.payer,
            instructions,
            Some(SenderOptions::MAX_COMPUTE_UNITS),
            1,
            Default::default(),
            &self.tables,
        )?;
        composed.check_signers(&self.payer, signers)?;
        let transaction = composed.unsigned();
        let config = RpcSimulateTransactionConfig {
            sig_verify: false,
            replace_recent_blockhash: true,
            commitment: Some(self.options.commitment),
            ..Default::default()
        };
        let result = self
            .connection
            .read("simulating a transaction", || {
                self.connection
                    .rpc()
                    .simulate_transaction_with_config(&transaction, config.clone())
            })
            .await?
            .value;
        match result.err {
            None => Ok(result
                .units_consumed
                .unwrap_or(u64::from(SenderOptions::MAX_COMPUTE_UNITS))),
            Some(error) => {
                let logs = result.logs.unwrap_or_default();
                let refusal = Refusal::decode(
                    &error.into(),
                    &composed.instructions,
                    composed.added,
                    logs,
                    &self.payer_address(),
                );
                Err(refusal.into())
            }
        }
    }

    async fn price(&self, instructions: &[Instruction]) -> u64 {
        match self.options.priority_fee {
            PriorityFee::Fixed(price) => price,
            PriorityFee::Recent { ceiling } => fees::recent_price(&self.connection, instructions, ceiling).await,
        }
    }
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = formatter.debug_struct("Sender");
        debug
            .field("connection", &self.connection)
            .field("payer", &self.payer_address())
            .finish_non_exhaustive()
    }
}
