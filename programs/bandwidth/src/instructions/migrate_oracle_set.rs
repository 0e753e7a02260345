//! Brings an oracle set of layout 1 to the present one.

use anchor_lang::{cpi::realloc_account, prelude::*};
use lumora_interface::bandwidth::{self as interface, ORACLE_SET_SPACE_V1, ORACLE_SET_VERSION, migrated};

use crate::{constants::VERSION, error::BandwidthError, events::OracleSetMigrated, state::OracleSet};

/// Accounts of `migrate_oracle_set`. Whoever pays has nothing to choose.
#[derive(Accounts)]
pub struct MigrateOracleSet {
    /// Pays the rent of what the account grows by.
    #[account(mut)]
    pub payer: Signer,
    /// The oracle set. Every other instruction refuses it for its size until this one has run.
    /// CHECK: owner, discriminator, size and version are checked in the handler.
    #[account(mut, address = interface::ORACLE_SET @ BandwidthError::NothingToMigrate)]
    pub oracle_set: UncheckedAccount,
    /// Moves the rent.
    pub system_program: Program<System>,
}

pub(crate) fn handler(ctx: &mut Context<MigrateOracleSet>) -> Result<()> {
    let mut account = *ctx.accounts.oracle_set.account();
    let is_layout_1 = account.owned_by(ctx.program_id) && {
        let data = account.try_borrow()?;
        data.len() == ORACLE_SET_SPACE_V1 && data.starts_with(OracleSet::DISCRIMINATOR) && data.get(8) == Some(&1)
    };
    require!(is_layout_1, BandwidthError::NothingToMigrate);
    realloc_account(
        &mut account,
        <interface::OracleSet as lumora_interface::Account>::SPACE,
        ctx.accounts.payer.account(),
        true,
    )?;
    let mut data = account.try_borrow_mut()?;
    let set = data
        .get_mut(8..)
        .and_then(|fields| bytemuck::try_from_bytes_mut::<OracleSet>(fields).ok())
        .ok_or(BandwidthError::Invariant)?;
    // Zero is right for whatever is not set here: an epoch attested under layout 1 cannot be reopened, as it could not before.
    set.version = ORACLE_SET_VERSION;
    let seats = usize::from(set.count).min(set.until.len());
    set.until[..seats].fill(u64::MAX);
    set.minimum_bond = migrated::MINIMUM_BOND;
    set.unbonding_seconds = migrated::UNBONDING_SECONDS;
    set.retention_seconds = migrated::RETENTION_SECONDS;
    emit!(OracleSetMigrated {
        version: VERSION,
        to: ORACLE_SET_VERSION,
    });
    Ok(())
}
