//! Has part of the bond of a node slashed that forged answers.

use anchor_lang::prelude::*;
use lumora_core::{reason::Reason, units::Bps};
use lumora_interface::{
    registry::{
        self, Network, Node,
        cpi::{self, Slash},
    },
    rewards,
};

use crate::{constants::VERSION, error::BandwidthError, events::NodePunished, state::Attestation};

/// Accounts of `slash_node`. Nobody signs: what the node loses, and to whom it goes, is fixed by a quorum and by rules.
#[derive(Accounts)]
pub struct SlashNode {
    /// Signs for this program.
    /// CHECK: the seeds are checked.
    #[account(seeds = [b"slasher"], bump)]
    pub slasher: UncheckedAccount,
    /// The network.
    #[account(mut, address = registry::NETWORK)]
    pub network: Account<Network>,
    /// The node.
    #[account(mut)]
    pub node: Account<Node>,
    /// The node's latest figures.
    #[account(mut, constraint = attestation.node == *node.address() @ BandwidthError::WrongNode)]
    pub attestation: Account<Attestation>,
    /// The LMR mint.
    /// CHECK: the address is checked.
    #[account(mut, address = rewards::MINT @ BandwidthError::WrongMint)]
    pub mint: UncheckedAccount,
    /// The vault of the nodes' bonds.
    /// CHECK: the address is checked.
    #[account(mut, address = registry::BOND_VAULT @ BandwidthError::WrongVault)]
    pub vault: UncheckedAccount,
    /// LMR account for the reporter's part; where it is none, that part is burned.
    /// CHECK: read by `registry`.
    #[account(mut)]
    pub reporter_tokens: UncheckedAccount,
    /// Moves and burns the LMR.
    pub token_program: Program<Token>,
    /// Under which `registry` records what it took.
    /// CHECK: checked by `registry`.
    pub registry_event_authority: UncheckedAccount,
    /// The program that holds the bonds.
    /// CHECK: the address is checked.
    #[account(address = registry::ID)]
    pub registry_program: UncheckedAccount,
}

pub(crate) fn handler(ctx: &mut Context<SlashNode>) -> Result<()> {
    let accounts = &mut ctx.accounts;
    require!(
        accounts.attestation.reason == Reason::Forged as u8,
        BandwidthError::NotForged
    );
    let epoch = accounts.attestation.epoch;
    let punished = epoch.checked_add(1).ok_or(BandwidthError::Overflow)?;
    // Once for each epoch's figures, whoever asks and however often.
    require!(accounts.attestation.punished < punished, BandwidthError::NodePunished);
    accounts.attestation.punished = punished;
    let amount = Bps(accounts.network.expiry_slash).of(accounts.network.minimum_bond);
    if amount > 0 {
        cpi::slash(
            Slash {
                slasher: accounts.slasher.account(),
                network: accounts.network.account(),
                node: accounts.node.account(),
                mint: accounts.mint.account(),
                vault: accounts.vault.account(),
                reporter: accounts.reporter_tokens.account(),
                // Nobody's in particular: the slasher holds no tokens.
                injured: accounts.slasher.account(),
                token_program: accounts.token_program.account(),
                event_authority: accounts.registry_event_authority.account(),
                registry_program: accounts.registry_program.account(),
            },
            amount,
            ctx.bumps.slasher,
        )?;
    }
    let node = *ctx.accounts.node.address();
    // What was taken is recorded by `registry`, in a call that no indexer can miss.
    emit!(NodePunished {
        version: VERSION,
        _padding: [0; 7],
        node,
        epoch,
        amount,
    });
    Ok(())
}
