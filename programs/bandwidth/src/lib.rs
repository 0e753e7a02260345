//! The oracle set, epochs, and Proof-of-Bandwidth attestations.

pub mod constants;
pub mod error;
pub mod events;
pub mod instructions;
pub mod state;

use anchor_lang::prelude::*;
use instructions::*;

declare_id!("DvHz6Rqo98xzcN3whVGx9kTVBb6jhsEp3YarYdoQGQp5");

#[cfg(not(feature = "no-entrypoint"))]
solana_security_txt::security_txt! {
    name: "Lumora bandwidth",
    project_url: "https://github.com/lumora-network/lumora",
    contacts: "link:https://github.com/lumora-network/lumora/security/advisories/new",
    policy: "https://github.com/lumora-network/lumora/blob/main/SECURITY.md",
    source_code: "https://github.com/lumora-network/lumora/tree/main/programs/bandwidth"
}

#[program]
pub mod bandwidth {
    use super::*;

    /// Creates the oracle set; only the network's authority may.
    #[discrim = 0]
    pub fn initialize(ctx: &mut Context<Initialize>, arguments: InitializeOraclesArguments) -> Result<()> {
        instructions::initialize::handler(ctx, arguments)
    }

    /// Adds an oracle, which counts from the next epoch on; only the network's authority may.
    #[discrim = 1]
    pub fn add_oracle(ctx: &mut Context<AddOracle>, arguments: AddOracleArguments) -> Result<()> {
        instructions::add_oracle::handler(ctx, arguments)
    }

    /// Opens the next epoch once it is due; anybody may.
    #[discrim = 2]
    pub fn open_epoch(ctx: &mut Context<OpenEpoch>) -> Result<()> {
        instructions::open_epoch::handler(ctx)
    }

    /// Commits the signing oracle to its receipts of an epoch, before the cut-off.
    #[discrim = 3]
    pub fn commit_bundle(ctx: &mut Context<CommitBundle>, arguments: CommitBundleArguments) -> Result<()> {
        instructions::commit_bundle::handler(ctx, arguments)
    }

    /// Counts oracles' signatures over an epoch's figures, verified by the ed25519 instruction just before this one.
    #[discrim = 4]
    pub fn submit_attestation(
        ctx: &mut Context<SubmitAttestation>,
        arguments: SubmitAttestationArguments,
    ) -> Result<()> {
        instructions::submit_attestation::handler(ctx, arguments)
    }

    /// Proves one node's figures against a final epoch's root; anybody may pay.
    #[discrim = 5]
    pub fn prove(ctx: &mut Context<Prove>, arguments: ProveArguments, path: &[[u8; 32]]) -> Result<()> {
        instructions::prove::handler(ctx, arguments, path)
    }
}
