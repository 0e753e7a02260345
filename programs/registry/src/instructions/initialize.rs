//! Creates the network.

use anchor_lang::prelude::*;
use lumora_interface::{registry as interface, rewards};

use crate::{
    constants::VERSION,
    error::RegistryError,
    events::NetworkInitialized,
    state::{Network, NetworkParameters, upgrade_authority},
};

lumora_interface::initialize_registry_arguments!(#[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy)]);

/// Accounts of `initialize`.
#[derive(Accounts)]
pub struct Initialize {
    /// Who may upgrade this program; becomes the network's authority; pays.
    #[account(mut)]
    pub authority: Signer,
    /// The network.
    #[account(init, payer = authority, seeds = [b"network"], bump)]
    pub network: Account<Network>,
    /// The loader's record of this program, which names who may upgrade it.
    /// CHECK: the address is fixed; owner and content are read in the handler.
    #[account(address = interface::PROGRAM_DATA @ RegistryError::WrongProgramData)]
    pub program_data: UncheckedAccount,
    /// Creates the account.
    pub system_program: Program<System>,
}

pub(crate) fn handler(ctx: &mut Context<Initialize>, arguments: InitializeRegistryArguments) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let authority = *ctx.accounts.authority.address();
    check_upgrade_authority(ctx.accounts.program_data.account(), &authority)?;
    require!(
        (1..=interface::NOTICE_SECONDS_MAX).contains(&arguments.notice_seconds),
        RegistryError::NoticeRange
    );
    let network = &mut *ctx.accounts.network;
    network.version = VERSION;
    network.bump = ctx.bumps.network;
    network.authority = authority;
    network.guardian = arguments.guardian;
    network.lmr_mint = rewards::MINT;
    network.network_id = arguments.network_id;
    network.slashers = interface::SLASHERS;
    network.notice_seconds = arguments.notice_seconds;
    network.set_parameters(&arguments.parameters());
    network.initialized_at = now;
    network.changed_at = now;
    network.invariant()?;
    emit!(NetworkInitialized {
        version: VERSION,
        _padding: [0; 7],
        authority,
        network_id: arguments.network_id,
    });
    Ok(())
}

/// Whoever called first would own the network of a program that was just deployed: so only its deployer may.
fn check_upgrade_authority(program_data: &AccountView, authority: &Address) -> Result<()> {
    require!(
        program_data.owned_by(&interface::UPGRADEABLE_LOADER),
        RegistryError::WrongProgramData
    );
    let data = program_data.try_borrow()?;
    let upgrade_authority = upgrade_authority(&data).ok_or(RegistryError::WrongProgramData)?;
    require!(
        upgrade_authority == Some(*authority),
        RegistryError::NotUpgradeAuthority
    );
    Ok(())
}
