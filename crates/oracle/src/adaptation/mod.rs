//! Adapts the score to what is measured, by the rule in `core::adaptation`.
//!
//! - [`window`] says which epoch's figures count, and whether the ranking may be adapted: pure, from what is on chain.
//! - [`figures`] makes the figures of what happened in that window: pure, from the transactions of the window.
//! - [`service`] reads, concludes, signs, and brings a quorum's signatures to the chain.
//!
//! # How honest oracles come to the same
//! The window lies between two slots that are on chain and over, those from which the seeds of two epochs were drawn, and
//! what happened in it is the chain's history, which no longer changes. All else that is signed is on chain or follows
//! from it. An oracle whose RPC node leaves something out concludes something else, signs that alone, and holds nobody up;
//! what another proposes is never signed, only what came out here.

mod figures;
mod service;
mod window;

use std::sync::{Arc, PoisonError, RwLock};

use lumora_client::oracle_api::AdaptationReport;

pub use self::figures::figures;
pub(crate) use self::service::follow;

/// What this oracle concluded last, for whoever asks.
#[derive(Clone, Default)]
pub struct Board(Arc<RwLock<Option<AdaptationReport>>>);

impl Board {
    /// What was concluded last.
    pub fn read(&self) -> Option<AdaptationReport> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts up something new.
    pub fn put(&self, report: AdaptationReport) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(report);
    }
}
