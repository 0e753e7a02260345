//! The oracle set, epochs, and Proof-of-Bandwidth attestations.

pub mod constants;
pub mod error;
pub mod events;
pub mod instructions;
mod signed;
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

    /// Adds an oracle, which counts from the next epoch on if it has its bond by then; only the network's authority may.
    #[discrim = 1]
    pub fn add_oracle(ctx: &mut Context<AddOracle>, arguments: AddOracleArguments) -> Result<()> {
        instructions::add_oracle::handler(ctx, arguments)
    }

    /// Opens the next epoch once it is due, and names the slot that its seed will come from; anybody may.
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

    /// Draws the seed of an epoch from the slot that was named for it; anybody may.
    #[discrim = 6]
    pub fn draw_seed(ctx: &mut Context<DrawSeed>) -> Result<()> {
        instructions::draw_seed::handler(ctx)
    }

    /// Creates the token account that will hold the oracles' bonds; anybody may pay for it.
    #[discrim = 7]
    pub fn create_oracle_vault(ctx: &mut Context<CreateOracleVault>) -> Result<()> {
        instructions::create_oracle_vault::handler(ctx)
    }

    /// Adds LMR to the bond of an oracle; anybody may.
    #[discrim = 8]
    pub fn deposit_oracle_bond(
        ctx: &mut Context<DepositOracleBond>,
        arguments: DepositOracleBondArguments,
    ) -> Result<()> {
        instructions::deposit_oracle_bond::handler(ctx, arguments)
    }

    /// Changes where an oracle is reached; only its owner may.
    #[discrim = 9]
    pub fn update_oracle(ctx: &mut Context<UpdateOracle>, arguments: UpdateOracleArguments) -> Result<()> {
        instructions::update_oracle::handler(ctx, arguments)
    }

    /// Removes an oracle from the epochs that are not open yet; the network's authority may, and its owner.
    #[discrim = 10]
    pub fn remove_oracle(ctx: &mut Context<RemoveOracle>, arguments: RemoveOracleArguments) -> Result<()> {
        instructions::remove_oracle::handler(ctx, arguments)
    }

    /// Pays the bond of a removed oracle back to its owner once the unbonding time is over.
    #[discrim = 11]
    pub fn withdraw_oracle_bond(
        ctx: &mut Context<WithdrawOracleBond>,
        arguments: WithdrawOracleBondArguments,
    ) -> Result<()> {
        instructions::withdraw_oracle_bond::handler(ctx, arguments)
    }

    /// Jails an oracle that signed two statements about one epoch and takes its bond; anybody may, and earns a part of it.
    /// The two signatures are verified by the two ed25519 instructions just before this one.
    #[discrim = 12]
    pub fn report_equivocation(
        ctx: &mut Context<ReportEquivocation>,
        first: SubmitAttestationArguments,
        second: SubmitAttestationArguments,
    ) -> Result<()> {
        instructions::report_equivocation::handler(ctx, [first, second])
    }

    /// Has part of the bond of a node slashed whose latest proven figures say that it forged answers; anybody may.
    #[discrim = 13]
    pub fn slash_node(ctx: &mut Context<SlashNode>) -> Result<()> {
        instructions::slash_node::handler(ctx)
    }

    /// Closes the account of an epoch that nobody needs any more; anybody may, and its rent goes to who paid it.
    #[discrim = 14]
    pub fn close_epoch(ctx: &mut Context<CloseEpoch>) -> Result<()> {
        instructions::close_epoch::handler(ctx)
    }

    /// Brings an oracle set of layout 1 to the present one; anybody may pay for it.
    #[discrim = 15]
    pub fn migrate_oracle_set(ctx: &mut Context<MigrateOracleSet>) -> Result<()> {
        instructions::migrate_oracle_set::handler(ctx)
    }

    /// Sets what an oracle must have at stake to count in later epochs; only the network's authority may.
    #[discrim = 16]
    pub fn set_minimum_bond(ctx: &mut Context<SetMinimumBond>, arguments: SetMinimumBondArguments) -> Result<()> {
        instructions::set_minimum_bond::handler(ctx, arguments)
    }

    /// Counts oracles' signatures under an adaptation of the ranking, verified by the ed25519 instruction just before this
    /// one; with the quorum, `registry` makes it, within bounds of its own.
    #[discrim = 17]
    pub fn adapt_ranking(ctx: &mut Context<AdaptRanking>, arguments: AdaptRankingArguments) -> Result<()> {
        instructions::adapt_ranking::handler(ctx, arguments)
    }

    /// Closes the account that counted signatures under an adaptation which cannot find its quorum any more; anybody may,
    /// and its rent goes to who paid it.
    #[discrim = 18]
    pub fn close_adaptation(ctx: &mut Context<CloseAdaptation>) -> Result<()> {
        instructions::close_adaptation::handler(ctx)
    }
}
