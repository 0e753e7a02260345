//! Takes a part of a node's bond.

use anchor_lang::prelude::*;
use lumora_core::{slash::split, units::Lmr};
use lumora_interface::{
    registry as interface, rewards, self_call,
    tokens::{self, Payment},
};

use crate::{
    constants::VERSION,
    error::RegistryError,
    events::BondSlashed,
    state::{Network, Node, check_vault},
};

/// Accounts of `slash`.
#[event_cpi]
#[derive(Accounts)]
pub struct Slash {
    /// Address of `tasks` or of `bandwidth` under which that program signs: no wallet, and no other program, can.
    #[account(constraint = network.slashers.contains(slasher.address()) @ RegistryError::NotSlasher)]
    pub slasher: Signer,
    /// The network; it is the vault's authority.
    #[account(mut, seeds = [b"network"], bump)]
    pub network: Account<Network>,
    /// The node.
    #[account(mut)]
    pub node: Account<Node>,
    /// The LMR mint.
    /// CHECK: the address is fixed, and the Token program burns of the vault's own mint alone.
    #[account(mut, address = rewards::MINT @ RegistryError::WrongMint)]
    pub mint: UncheckedAccount,
    /// The bond vault.
    /// CHECK: the address is fixed; mint and authority are read before it pays.
    #[account(mut, address = interface::BOND_VAULT @ RegistryError::WrongVault)]
    pub vault: UncheckedAccount,
    /// LMR token account of whoever reported the offence. Any other account stands for nobody, such as this program: not
    /// marked as writable, since such an account is not.
    /// CHECK: read here; the slasher answers for whose it is.
    pub reporter: UncheckedAccount,
    /// LMR token account of whom the offence harmed; any other account stands for nobody.
    /// CHECK: read here; the slasher answers for whose it is.
    pub injured: UncheckedAccount,
    /// Moves and burns the LMR.
    pub token_program: Program<Token>,
}

pub(crate) fn handler(ctx: &mut Context<Slash>, amount: u64) -> Result<()> {
    let accounts = &mut ctx.accounts;
    // A fault in a slashing program must not be able to take all there is at once.
    require!(
        amount <= accounts.network.plain().slash_limit(),
        RegistryError::SlashTooLarge
    );
    let amount = amount.min(accounts.node.bond);
    // The caller has its own state to bring on: a bond that is gone already must not stop it.
    if amount == 0 {
        return Ok(());
    }
    let receives = |account: &AccountView| tokens::is_token_account(account, &rewards::MINT);
    let (reporter, injured) = (accounts.reporter.account(), accounts.injured.account());
    let parts = split(Lmr(amount), receives(reporter), receives(injured));

    check_vault(accounts.vault.account(), &accounts.network)?;
    accounts.node.lose(amount)?;
    accounts.network.release(amount)?;
    let bump = [accounts.network.bump];
    tokens::pay_out_and_burn(
        accounts.vault.account(),
        accounts.network.account(),
        &Network::signer_seeds(&bump),
        &[
            Payment {
                to: reporter,
                amount: parts.reporter.0,
            },
            Payment {
                to: injured,
                amount: parts.injured.0,
            },
        ],
        accounts.mint.account(),
        parts.burned.0,
    )?;
    check_vault(accounts.vault.account(), &accounts.network)?;

    let event = BondSlashed {
        version: VERSION,
        _padding: [0; 7],
        node: *accounts.node.address(),
        slasher: *accounts.slasher.address(),
        reporter: *reporter.address(),
        injured: *injured.address(),
        to_reporter: parts.reporter.0,
        to_injured: parts.injured.0,
        burned: parts.burned.0,
        bond: accounts.node.bond,
    };
    self_call::record(
        &event,
        ctx.accounts.event_authority.account(),
        ctx.bumps.event_authority,
        ctx.program_id,
    )
}
