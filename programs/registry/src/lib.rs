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

    /// Creates the network; its signer, who must be the program's upgrade authority, becomes the network's authority.
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

    /// Adds LMR of a node's owner to its bond.
    #[discrim = 4]
    pub fn deposit_bond(ctx: &mut Context<DepositBond>, arguments: DepositBondArguments) -> Result<()> {
        instructions::deposit_bond::handler(ctx, arguments)
    }

    /// Proposes who shall be the authority; the zero address withdraws a proposal. CAN be followed by the end of all
    /// authority, if the incinerator is proposed; CANNOT change who the authority is.
    #[discrim = 5]
    pub fn propose_authority(ctx: &mut Context<ProposeAuthority>, proposed: Address) -> Result<()> {
        instructions::propose_authority::handler(ctx, proposed)
    }

    /// Makes the signer, who must have been proposed, the authority of all five programs.
    #[discrim = 6]
    pub fn accept_authority(ctx: &mut Context<AcceptAuthority>) -> Result<()> {
        instructions::accept_authority::handler(ctx)
    }

    /// Names who may pause besides the authority; the zero address names nobody.
    #[discrim = 7]
    pub fn set_guardian(ctx: &mut Context<SetGuardian>, guardian: Address) -> Result<()> {
        instructions::set_guardian::handler(ctx, guardian)
    }

    /// Gives the authority up. CANNOT be undone: afterwards no parameter, oracle, guardian or pause of any of the five
    /// programs can change. The incinerator must have been proposed, nothing may be paused, and nothing announced.
    #[discrim = 8]
    pub fn renounce_authority(ctx: &mut Context<RenounceAuthority>) -> Result<()> {
        instructions::renounce_authority::handler(ctx)
    }

    /// Stops new commitments: registering, claiming work, buying. CAN be done by the guardian. CANNOT stop anything that
    /// lets somebody out: unbonding, closing, settling, refunds and claims go on. Pausing what is paused already changes
    /// nothing and succeeds: whoever reacts second must not be told that something is wrong.
    #[discrim = 9]
    pub fn pause(ctx: &mut Context<Pause>, bits: u32) -> Result<()> {
        instructions::pause::handler(ctx, bits)
    }

    /// Allows commitments again. CANNOT be done by the guardian, who may be a machine.
    #[discrim = 10]
    pub fn unpause(ctx: &mut Context<Unpause>, bits: u32) -> Result<()> {
        instructions::unpause::handler(ctx, bits)
    }

    /// Announces parameters, at most one step from those that hold, for when the notice has passed. Replaces what was
    /// announced before, with the whole notice. CANNOT change anything before that: not even the length of the notice.
    #[discrim = 11]
    pub fn announce_parameters(
        ctx: &mut Context<AnnounceParameters>,
        parameters: state::NetworkParameters,
    ) -> Result<()> {
        instructions::announce_parameters::handler(ctx, parameters)
    }

    /// Withdraws announced parameters, also when they are due but not applied.
    #[discrim = 12]
    pub fn withdraw_announcement(ctx: &mut Context<WithdrawAnnouncement>) -> Result<()> {
        instructions::withdraw_announcement::handler(ctx)
    }

    /// Makes announced parameters hold once the notice has passed; anybody may call it. From then on they are what the
    /// oracles' adaptations stay near.
    #[discrim = 13]
    pub fn apply_parameters(ctx: &mut Context<ApplyParameters>) -> Result<()> {
        instructions::apply_parameters::handler(ctx)
    }

    /// Asks for this much of a node's bond, in all: more than before starts the wait again, less keeps it, zero asks for
    /// nothing. The amount stays at risk until it is withdrawn, and no longer counts for new work. The wait is that of the
    /// network now: a later change does not touch it.
    #[discrim = 14]
    pub fn request_unbond(ctx: &mut Context<RequestUnbond>, amount: u64) -> Result<()> {
        instructions::request_unbond::handler(ctx, amount)
    }

    /// Pays the bond that was asked back to its owner, once it is due. Nothing and nobody can pause it.
    #[discrim = 15]
    pub fn withdraw_bond(ctx: &mut Context<WithdrawBond>) -> Result<()> {
        instructions::withdraw_bond::handler(ctx)
    }

    /// Takes up to this much of a node's bond; one of the network's slashing programs must sign. CAN take what was asked
    /// back and not yet withdrawn. CANNOT take more at once than the bond of a shard or of a node, nor choose who gets it: a
    /// tenth is the reporter's, half the injured party's, and the rest is burned, as is the part of whoever cannot receive.
    #[discrim = 16]
    pub fn slash(ctx: &mut Context<Slash>, amount: u64) -> Result<()> {
        instructions::slash::handler(ctx, amount)
    }

    /// Closes a node that has no bond, or whose whole bond was asked back and is due: that is paid out first. The rent goes
    /// to who paid it. The same owner and index can be registered again at the same address, and its lifetime figures go
    /// on, since attestation, reward and record of work live with other programs.
    #[discrim = 17]
    pub fn close_node(ctx: &mut Context<CloseNode>) -> Result<()> {
        instructions::close_node::handler(ctx)
    }

    /// Adapts the weights of the score and the longest wait to what was measured; program `bandwidth` must sign, for a quorum
    /// of oracles. CAN move a weight by 200 basis points and the wait by a tenth, once in a quarter of the notice. CANNOT
    /// bring a weight farther than 1,500 basis points, or the wait below half or above double, of what the authority set
    /// last; nor change anything while it is frozen, or while parameters are announced.
    #[discrim = 18]
    pub fn adapt(ctx: &mut Context<Adapt>, arguments: AdaptArguments) -> Result<()> {
        instructions::adapt::handler(ctx, arguments)
    }

    /// Keeps the oracles from adapting the ranking, which stays as it is. CAN be done by the guardian. Freezing what is frozen
    /// already changes nothing and succeeds.
    #[discrim = 19]
    pub fn freeze_adaptation(ctx: &mut Context<FreezeAdaptation>) -> Result<()> {
        instructions::freeze_adaptation::handler(ctx)
    }

    /// Lets the oracles adapt the ranking again. CANNOT be done by the guardian, who may be a machine.
    #[discrim = 20]
    pub fn unfreeze_adaptation(ctx: &mut Context<UnfreezeAdaptation>) -> Result<()> {
        instructions::unfreeze_adaptation::handler(ctx)
    }
}
