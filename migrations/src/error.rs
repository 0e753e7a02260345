//! Why a migration stopped. Run it again after mending the cause: what was done stays done.

use {solana_address::Address, std::path::PathBuf, thiserror::Error};

#[derive(Debug, Error)]
pub enum Error {
    #[error("migration {step}: {source}")]
    Step { step: &'static str, source: Box<Error> },

    #[error("the settings are not valid: {0}")]
    Settings(String),

    #[error("the program file {path} could not be read: {source}. Build the programs with `cargo xtask build-sbf`")]
    ProgramFile { path: PathBuf, source: std::io::Error },

    #[error(
        "the keypair of program {program} has address {found}, but the programs were built for {expected}: set the ids in crates/interface and build again"
    )]
    ProgramKeypair {
        program: &'static str,
        found: Address,
        expected: Address,
    },

    #[error("{address} is taken by something that is not the program: {reason}")]
    NotAProgram { address: Address, reason: String },

    #[error("the program {address} may be upgraded by {authority} only: run with that key, or leave it as it is")]
    NotUpgradeAuthority { address: Address, authority: String },

    #[error("the network's authority is {authority}: run the migrations with its key")]
    NotAuthority { authority: Address },

    #[error(transparent)]
    Client(#[from] lumora_client::Error),
}

impl Error {
    pub(crate) fn in_step(self, step: &'static str) -> Self {
        Self::Step {
            step,
            source: Box::new(self),
        }
    }
}
