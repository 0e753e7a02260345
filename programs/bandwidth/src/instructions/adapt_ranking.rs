//! Counts oracles' signatures under an adaptation of the ranking; the one that completes the quorum has it made.

#![allow(
    unused_variables,
    reason = "the framework's expansion decodes the arguments also where no seed needs them"
)]

use anchor_lang::{AccountClose, prelude::*};
use lumora_interface::{
    bandwidth as interface,
    registry::{self, Network, cpi},
};

use crate::{
    constants::VERSION,
    error::BandwidthError,
    signed::Verified,
    state::{AdaptationCount, Epoch, OracleSet},
};

lumora_interface::adapt_ranking_arguments!(#[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy)]);

/// Accounts of `adapt_ranking`. Nobody signs but the oracles, in the ed25519 instruction just before it, and who pays.
#[derive(Accounts)]
#[instruction(arguments: AdaptRankingArguments)]
pub struct AdaptRanking {
    /// Pays the rent while the signatures are no quorum; it may be the `rent_payer` as well.
    #[account(mut, unsafe(dup))]
    pub payer: Signer,
    /// Signs for this program.
    /// CHECK: the seeds are checked.
    #[account(seeds = [b"adapter"], bump)]
    pub adapter: UncheckedAccount,
    /// The network, whose ranking is adapted.
    #[account(mut, address = registry::NETWORK)]
    pub network: Account<Network>,
    /// The oracle set.
    #[account(seeds = [b"oracles"], bump)]
    pub oracle_set: Account<OracleSet>,
    /// The epoch attested last, in which the figures were measured. Its members sign.
    pub epoch: Account<Epoch>,
    /// Counts the signatures; it is closed once they are a quorum.
    #[account(init_if_needed, payer = payer, seeds = [b"adaptation", &arguments.digest], bump)]
    pub adaptation: Account<AdaptationCount>,
    /// Who paid the rent of the account that counts: the payer, or whoever brought the first signatures.
    /// CHECK: the address that the account names; it receives lamports and nothing else.
    #[account(mut, unsafe(dup))]
    pub rent_payer: UncheckedAccount,
    /// The transaction's instructions.
    pub instructions: Sysvar<SysvarInstructions>,
    /// The program that holds the ranking.
    /// CHECK: the address is checked.
    #[account(address = registry::ID)]
    pub registry_program: UncheckedAccount,
    /// Creates the account.
    pub system_program: Program<System>,
}

pub(crate) fn handler(ctx: &mut Context<AdaptRanking>, arguments: AdaptRankingArguments) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    check(&ctx.accounts, &arguments, now)?;
    let (bump, adapter_bump) = (ctx.bumps.adaptation, ctx.bumps.adapter);
    let accounts = &mut ctx.accounts;
    let (payer, epoch) = (*accounts.payer.address(), accounts.epoch.epoch);
    let sequence = accounts.network.adaptations;
    let count = &mut *accounts.adaptation;
    if count.version == 0 {
        count.version = VERSION;
        count.bump = bump;
        count.digest = arguments.digest;
        count.rent_payer = payer;
        count.epoch = epoch;
        count.expires_at = arguments.expires_at;
        count.sequence = sequence;
    }
    require!(
        count.rent_payer == *accounts.rent_payer.address(),
        BandwidthError::WrongRentPayer
    );
    count_signatures(
        count,
        &accounts.epoch,
        &accounts.oracle_set,
        &accounts.instructions,
        &arguments.digest,
    )?;
    // One that was jailed since it signed counts no more.
    let serves = |seat: &usize| count.signers >> seat & 1 == 1 && accounts.oracle_set.plain().serves(*seat, epoch);
    let signers = (0..u32::BITS as usize).filter(serves).count();
    if signers < usize::from(accounts.epoch.quorum) {
        return Ok(());
    }
    cpi::adapt(
        accounts.adapter.account(),
        accounts.network.account(),
        &arguments.plain().adapt(epoch),
        adapter_bump,
    );
    let rent_payer = *accounts.rent_payer.account();
    accounts.adaptation.close(rent_payer)?;
    Ok(())
}

/// What must hold of an adaptation whoever signed it. Its bounds are `registry`'s to enforce.
fn check(accounts: &AdaptRanking, arguments: &AdaptRankingArguments, now: i64) -> Result<()> {
    let AdaptRanking {
        network,
        oracle_set,
        epoch,
        ..
    } = accounts;
    require!(epoch.plain().is_final(now), BandwidthError::NotFinal);
    // Oracles of long ago must not decide with figures of long ago.
    require!(
        epoch.epoch.checked_add(1) == Some(oracle_set.attestable_from),
        BandwidthError::EvidenceSuperseded
    );
    require!(now <= arguments.expires_at, BandwidthError::StatementExpired);
    let digest = interface::adaptation(network, epoch.plain(), &arguments.plain()).digest();
    require!(arguments.digest == digest, BandwidthError::WrongAdaptation);
    Ok(())
}

/// Records who signed, as the ed25519 program has verified in the instruction just before this one.
fn count_signatures(
    count: &mut AdaptationCount,
    epoch: &Epoch,
    set: &OracleSet,
    instructions: &SysvarInstructions,
    digest: &[u8; 32],
) -> Result<()> {
    for key in Verified::before(instructions, 1)?.signers(digest)? {
        let key = Address::new_from_array(*key);
        let seat = epoch.member(set, &key, BandwidthError::SignerNotOracle)?;
        require!(count.signers >> seat & 1 == 0, BandwidthError::SignerTwice);
        count.signers |= 1 << seat;
    }
    Ok(())
}

impl AdaptRankingArguments {
    /// The same arguments as everybody else sees them.
    fn plain(&self) -> interface::AdaptRankingArguments {
        interface::AdaptRankingArguments {
            digest: self.digest,
            weights: self.weights,
            max_wait_seconds: self.max_wait_seconds,
            reasons: self.reasons,
            expires_at: self.expires_at,
        }
    }
}
