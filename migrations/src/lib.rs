//! Numbered, idempotent steps that bring any Solana network to a working Lumora. Each looks at the chain first and does only what is
//! missing, so a run that was killed is finished by the next one, and a run on a finished network changes nothing.
//!
//! A step is never edited once a public network has run it: a later step changes what it did.

mod error;
mod report;
mod settings;

/// Deploys and upgrades programs through the upgradeable loader.
pub mod loader;

#[path = "0001_deploy.rs"]
mod s0001_deploy;
#[path = "0002_registry.rs"]
mod s0002_registry;
#[path = "0003_lmr_and_emission.rs"]
mod s0003_lmr_and_emission;
#[path = "0004_oracles.rs"]
mod s0004_oracles;
#[path = "0005_tasks.rs"]
mod s0005_tasks;
#[path = "0006_market.rs"]
mod s0006_market;

pub use error::Error;
pub use report::{Outcome, Progress, Report};
pub use settings::{Emission, Keypairs, Network, Oracle, Oracles, Programs, Settings};

use {lumora_client::Sender, std::time::Instant};

/// What every step is given.
pub(crate) struct Context<'a> {
    /// Pays, deploys, and is the network's authority.
    pub(crate) sender: &'a Sender,
    pub(crate) settings: &'a Settings,
    progress: &'a (dyn Fn(Progress) + Send + Sync),
    step: &'static str,
}

impl Context<'_> {
    /// Tells how far the step has come.
    pub(crate) fn progress(&self, done: usize, total: usize) {
        (self.progress)(Progress {
            step: self.step,
            done,
            total,
        });
    }
}

/// Runs every step in order. The sender's payer becomes (and must afterwards be) the network's authority.
pub async fn run(
    sender: &Sender,
    settings: &Settings,
    progress: impl Fn(Progress) + Send + Sync,
) -> Result<Vec<Report>, Error> {
    settings.check()?;
    let mut reports = Vec::new();
    macro_rules! steps {
        ($($module:ident = $name:literal,)+) => { $({
            let context = Context { sender, settings, progress: &progress, step: $name };
            context.progress(0, 1);
            let started = Instant::now();
            let outcome = $module::run(&context).await.map_err(|error| error.in_step($name))?;
            tracing::info!(step = $name, %outcome, took = ?started.elapsed(), "migration");
            reports.push(Report { step: $name, outcome, took: started.elapsed() });
        })+ };
    }
    steps! {
        s0001_deploy = "0001_deploy",
        s0002_registry = "0002_registry",
        s0003_lmr_and_emission = "0003_lmr_and_emission",
        s0004_oracles = "0004_oracles",
        s0005_tasks = "0005_tasks",
        s0006_market = "0006_market",
    }
    Ok(reports)
}
