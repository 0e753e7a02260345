//! What the indexer asks of a chain. The real one is `rpc::Network`; tests bring their own.
//!
//! The contract leans on little: listings are newest first, a transaction that was listed can be read (perhaps only a
//! moment later), and accounts come with the slot that they are of. Hints say *that* something happened; *what* is always
//! asked for, so a hint that is lost costs time and nothing else.

use std::future::Future;

use lumora_interface::Address;
use thiserror::Error;
use tokio::sync::mpsc;

/// The chain did not answer, or not in a way that is understood. Asking again later may help.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct ChainError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl ChainError {
    /// From whatever the way to the chain failed with.
    pub fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

/// A transaction in a program's listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its first signature, in base58.
    pub signature: String,
    /// Slot of its block.
    pub slot: u64,
    /// Its place in the block, where the node tells.
    pub index: Option<u32>,
}

/// A transaction that is on the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Its first signature, in base58.
    pub signature: String,
    /// Slot of its block.
    pub slot: u64,
    /// Unix time of its block; `None` where the node does not know it any more.
    pub time: Option<i64>,
    /// What it did, or why it did nothing.
    pub outcome: Outcome,
    /// Accounts that it was allowed to write.
    pub writes: Vec<Address>,
}

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did what it was meant to; these are the events that Lumora's programs recorded, in order.
    Succeeded(Vec<RecordedEvent>),
    /// It was refused and changed nothing.
    Refused(Refusal),
}

/// An event as a program recorded it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedEvent {
    /// The program that recorded it: not one that merely appears in the same transaction.
    pub program: Address,
    /// Discriminator and fields.
    pub data: Vec<u8>,
}

/// Why a transaction was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The program that said no; `None` when the runtime did.
    pub program: Option<Address>,
    /// The program's own error code, if it gave one.
    pub code: Option<u32>,
}

/// An account as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawAccount {
    /// Program that owns it.
    pub owner: Address,
    /// Its data, the discriminator included.
    pub data: Vec<u8>,
}

/// What was read, and the slot that it is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtSlot<T> {
    /// The slot.
    pub slot: u64,
    /// What it was then.
    pub value: T,
}

/// What a subscription tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// It stands, for the first time or again: anything may have happened before.
    Connected,
    /// Something happened.
    Activity,
}

/// A chain as the indexer needs it.
pub trait Chain: Send + Sync + 'static {
    /// The latest slot whose effects the other methods show.
    fn slot(&self) -> impl Future<Output = Result<u64, ChainError>> + Send;

    /// Transactions that name `program`, newest first: those older than `before`, down to and without `until`, at most
    /// [`PAGE`]. A page that is not full is the last one.
    fn list(
        &self,
        program: &Address,
        before: Option<&str>,
        until: Option<&str>,
    ) -> impl Future<Output = Result<Vec<Listed>, ChainError>> + Send;

    /// These transactions, in the order asked for; `None` for one that the node does not have.
    fn transactions(
        &self,
        signatures: &[String],
    ) -> impl Future<Output = Result<Vec<Option<Transaction>>, ChainError>> + Send;

    /// These accounts, in the order asked for; `None` for one that does not exist. Not from before slot `at_least`.
    fn accounts(
        &self,
        addresses: &[Address],
        at_least: u64,
    ) -> impl Future<Output = Result<AtSlot<Vec<Option<RawAccount>>>, ChainError>> + Send;

    /// Every account that `program` owns.
    fn accounts_of(
        &self,
        program: &Address,
    ) -> impl Future<Output = Result<AtSlot<Vec<(Address, RawAccount)>>, ChainError>> + Send;

    /// Says when something happened that concerns one of these programs. Lives as long as its receiver.
    fn hints(&self, programs: &[Address]) -> mpsc::Receiver<Hint>;
}

/// Transactions in a full page of a listing.
pub const PAGE: usize = 1_000;
