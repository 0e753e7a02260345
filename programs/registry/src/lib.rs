//! The network's configuration, the nodes, and their bonds.

pub mod constants;
pub mod error;
pub mod events;
pub mod instructions;
pub mod state;

use anchor_lang::prelude::*;
use instructions::*;

declare_id!("5zXseGSzfx69H6Vqdkww3KCHJiWcqtZiDc3yFFwWwRL7");

#[cfg(not(feature = "no-entrypoint"))]
solana_security_txt::security_txt! {
    name: "Lumora registry",
    project_url: "https://github.com/lumora-network/lumora",
    contacts: "link:https://github.com/lumora-network/lumora/security/advisories/new",
    policy: "https://github.com/lumora-network/lumora/blob/main/SECURITY.md",
    source_code: "https://github.com/lumora-network/lumora/tree/main/programs/registry"
}

#[program]
pub mod registry {
    use super::*;

    /// Creates the network; its signer becomes the authority.
    #[discrim = 0]
    pub fn initialize(ctx: &mut Context<Initialize>, arguments: InitializeRegistryArguments) -> Result<()> {
        instructions::initialize::handler(ctx, arguments)
    }

    /// Registers a node of the signer, who pays its rent.
    #[discrim = 1]
    pub fn register_node(ctx: &mut Context<RegisterNode>, arguments: RegisterNodeArguments) -> Result<()> {
        instructions::register_node::handler(ctx, arguments)
    }

    /// Changes a node's keys, location, limits or status; only its owner may.
    #[discrim = 2]
    pub fn update_node(ctx: &mut Context<UpdateNode>, arguments: UpdateNodeArguments) -> Result<()> {
        instructions::update_node::handler(ctx, arguments)
    }

    /// Creates the token account that will hold all bonds; anybody may pay for it, once the LMR mint exists.
    #[discrim = 3]
    pub fn create_vault(ctx: &mut Context<CreateVault>) -> Result<()> {
        instructions::create_vault::handler(ctx)
    }

    /// Adds LMR of the signer to a node's bond.
    #[discrim = 4]
    pub fn deposit_bond(ctx: &mut Context<DepositBond>, arguments: DepositBondArguments) -> Result<()> {
        instructions::deposit_bond::handler(ctx, arguments)
    }
}
