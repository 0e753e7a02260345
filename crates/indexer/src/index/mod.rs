//! What is written: listings, transactions with their events, accounts. Each step is one SQL transaction that moves the
//! cursor and writes the rows together, so a kill at any moment loses nothing and doubles nothing.

mod accounts;
mod listing;
mod record;

pub use accounts::{Observed, Reconciled};
pub use listing::{Cursor, Listing};
pub use record::{Batch, Recorded};

use crate::{
    database::{self, Database},
    error::Result,
};

/// The writing side of a database.
#[derive(Clone, Debug)]
pub struct Index {
    database: Database,
}

impl Index {
    /// Writes to this database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Everything up to this slot is here.
    pub async fn indexed_slot(&self) -> Result<u64> {
        database::mark(&mut self.database.read().await?, "indexed_slot").await
    }

    /// The number of the latest event.
    pub async fn latest_event(&self) -> Result<u64> {
        let next = database::mark(&mut self.database.read().await?, "next_seq").await?;
        Ok(next.saturating_sub(1))
    }

    /// Says that everything up to `slot` is here. Never goes back.
    pub async fn set_indexed_slot(&self, slot: u64) -> Result<()> {
        let mut step = self.database.write().await?;
        if database::mark(&mut step, "indexed_slot").await? < slot {
            database::set_mark(&mut step, "indexed_slot", slot).await?;
            step.commit().await?;
        }
        Ok(())
    }
}
