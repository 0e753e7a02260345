//! Jails an oracle that signed two statements about one epoch, and takes its bond.

use anchor_lang::prelude::*;
use lumora_core::{
    attestation::Statement,
    slash::{self, Slashed},
    units::Lmr,
};
use lumora_interface::{
    bandwidth::{self, member},
    registry::{self, Network},
    rewards, self_call,
    tokens::{self, Payment},
};

use super::submit_attestation::{SubmitAttestationArguments, statement};
use crate::{
    constants::VERSION,
    error::BandwidthError,
    events::{EpochReopened, OracleJailed},
    signed::Verified,
    state::{Epoch, OracleSet},
};

/// Accounts of `report_equivocation`. Nobody signs but the oracle, twice, in the two ed25519 instructions.
#[event_cpi]
#[derive(Accounts)]
pub struct ReportEquivocation {
    /// The network.
    #[account(address = registry::NETWORK)]
    pub network: Account<Network>,
    /// The oracle set.
    #[account(mut, seeds = [b"oracles"], bump)]
    pub oracle_set: Account<OracleSet>,
    /// The epoch that both statements are about, whatever its state.
    #[account(mut)]
    pub epoch: Account<Epoch>,
    /// The LMR mint.
    /// CHECK: the address is checked.
    #[account(mut, address = rewards::MINT @ BandwidthError::WrongMint)]
    pub mint: UncheckedAccount,
    /// The bond vault.
    /// CHECK: read in the handler.
    #[account(mut, address = bandwidth::BOND_VAULT @ BandwidthError::WrongVault)]
    pub vault: UncheckedAccount,
    /// LMR account for the reporter's part of the bond.
    /// CHECK: read in the handler.
    #[account(mut)]
    pub reporter_tokens: UncheckedAccount,
    /// The transaction's instructions.
    pub instructions: Sysvar<SysvarInstructions>,
    /// Moves and burns the LMR.
    pub token_program: Program<Token>,
}

pub(crate) fn handler(ctx: &mut Context<ReportEquivocation>, figures: [SubmitAttestationArguments; 2]) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let network_id = ctx.accounts.network.network_id;
    let statements = figures.map(|figures| statement(&ctx.accounts.epoch, network_id, &figures));
    let contents = statements.map(|statement| statement.content());
    // The same figures signed anew with a later expiry are what an honest oracle may have to give.
    require!(contents[0] != contents[1], BandwidthError::ContentsEqual);
    let key = signer_of_both(&ctx.accounts.instructions, &statements)?;

    let set = &mut *ctx.accounts.oracle_set;
    let epoch = &mut *ctx.accounts.epoch;
    let index = epoch.member(set, &key, BandwidthError::SignerNotOracle)?;
    set.states[index] = member::JAILED;
    set.until[index] = set.until[index].min(set.next_epoch);
    let set_version = set.raise_version()?;
    let number = epoch.epoch;
    let is_reopened = epoch.strike_out(index, set.plain().is_disputable(number, now));
    if is_reopened {
        set.roll_back(epoch)?;
        emit!(EpochReopened {
            version: VERSION,
            _padding: [0; 3],
            signers: epoch.signers,
            epoch: number,
            root: epoch.root,
        });
        epoch.reopen();
    }
    epoch.invariant()?;

    let bond = Lmr(core::mem::take(&mut set.bonds[index]));
    set.bonded = set.bonded.checked_sub(bond.0).ok_or(BandwidthError::Invariant)?;
    let parts = slash::split(bond, true, false);
    if bond.0 > 0 {
        pay(&ctx.accounts, &parts)?;
    }
    self_call::record(
        &OracleJailed {
            version: VERSION,
            index: index as u8,
            reopened: u8::from(is_reopened),
            _padding: 0,
            set_version,
            epoch: number,
            reward: parts.reporter.0,
            burned: parts.burned.0,
            oracle: key,
            contents,
        },
        ctx.accounts.event_authority.account(),
        ctx.bumps.event_authority,
        ctx.program_id,
    )
}

/// The key whose signatures over the first and the second statement the ed25519 program has verified in the two instructions
/// before this one, in that order. One signature in each: whose the others are would be left to choose.
fn signer_of_both(instructions: &SysvarInstructions, statements: &[Statement; 2]) -> Result<Address> {
    let signer = |distance: u16, statement: &Statement| -> Result<Address> {
        let (verified, digest) = (Verified::before(instructions, distance)?, statement.digest());
        let mut signers = verified.signers(&digest)?;
        match (signers.next(), signers.next()) {
            (Some(key), None) => Ok(Address::new_from_array(*key)),
            _ => Err(BandwidthError::SignersDiffer.into()),
        }
    };
    let first = signer(2, &statements[0])?;
    let second = signer(1, &statements[1])?;
    require!(anchor_lang::address_eq(&first, &second), BandwidthError::SignersDiffer);
    Ok(first)
}

/// Pays the reporter and burns the rest, out of the vault and nowhere else.
fn pay(accounts: &ReportEquivocation, parts: &Slashed) -> Result<()> {
    let (vault, reporter) = (accounts.vault.account(), accounts.reporter_tokens.account());
    let set = &accounts.oracle_set;
    require!(
        tokens::is_token_account_of(vault, &rewards::MINT, set.address()),
        BandwidthError::WrongVault
    );
    // Paid to itself, the vault would keep what no seat is owed.
    require!(
        tokens::is_token_account(reporter, &rewards::MINT)
            && !anchor_lang::address_eq(reporter.address(), vault.address()),
        BandwidthError::WrongTokenAccount
    );
    let bump = [set.bump];
    tokens::pay_out_and_burn(
        vault,
        set.account(),
        &OracleSet::signer_seeds(&bump),
        &[Payment {
            to: reporter,
            amount: parts.reporter.0,
        }],
        accounts.mint.account(),
        parts.burned.0,
    )?;
    set.bonds_invariant(tokens::amount(vault))
}
