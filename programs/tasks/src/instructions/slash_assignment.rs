//! Takes a part of the bond of a node whose assignment expired or was rejected.

use anchor_lang::prelude::*;
use anchor_spl::{associated_token::get_associated_token_address, token::Token};
use lumora_core::units::Bps;
use lumora_interface::{
    Account as _,
    registry::{self, Network, Node, cpi},
    self_call, tokens,
};

use crate::{
    constants::VERSION,
    error::TasksError,
    events::AssignmentSlashed,
    state::{Assignment, Job, Work},
};

/// Accounts of `slash_assignment`. Nobody signs: whoever sends it names the account that receives the reporter's part.
#[event_cpi]
#[derive(Accounts)]
pub struct SlashAssignment {
    /// The job.
    #[account(mut, address = assignment.job @ TasksError::WrongJob)]
    pub job: Account<Job>,
    /// The assignment.
    #[account(mut)]
    pub assignment: Account<Assignment>,
    /// The node's record of work.
    #[account(mut, constraint = work.node == assignment.node @ TasksError::WrongWork)]
    pub work: Account<Work>,
    /// The node. It may have been closed: then nothing is taken.
    /// CHECK: the address that the assignment names; `registry` checks the rest.
    #[account(mut, address = assignment.node @ TasksError::WrongNode)]
    pub node: UncheckedAccount,
    /// The network: how much is taken.
    #[account(mut)]
    pub network: Account<Network>,
    /// The address under which this program slashes.
    /// CHECK: its address; it holds nothing.
    #[account(seeds = [b"slasher"], bump)]
    pub slasher: UncheckedAccount,
    /// The LMR mint: what nobody receives is burned.
    /// CHECK: `registry` checks it.
    #[account(mut)]
    pub lmr_mint: UncheckedAccount,
    /// Token account with all bonds.
    /// CHECK: `registry` checks it.
    #[account(mut)]
    pub bond_vault: UncheckedAccount,
    /// LMR token account that receives the reporter's part; any other account for nobody. May be the client's as well.
    /// CHECK: the caller's choice; nothing is read from it or written to it here.
    #[account(mut, unsafe(dup))]
    pub reporter: UncheckedAccount,
    /// LMR token account of the job's client, whose shard was held up.
    /// CHECK: in the handler; nothing is written to it here.
    #[account(mut, unsafe(dup))]
    pub injured: UncheckedAccount,
    /// Moves the LMR.
    pub token_program: Program<Token>,
    /// Under which `registry` records the event.
    /// CHECK: `registry` checks it.
    pub registry_event_authority: UncheckedAccount,
    /// Holds the bonds.
    /// CHECK: its address.
    #[account(address = registry::ID)]
    pub registry_program: UncheckedAccount,
}

pub(crate) fn handler(ctx: &mut Context<SlashAssignment>) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let accounts = &mut ctx.accounts;
    require!(accounts.assignment.is_tombstone(), TasksError::NotSlashable);
    require!(accounts.assignment.slashed == 0, TasksError::AlreadySlashed);
    require!(is_injured(accounts), TasksError::WrongInjured);

    let network = &accounts.network;
    let owed = Bps(network.expiry_slash)
        .of(network.shard_bond)
        .min(network.slash_limit());
    let bond_before = bond(accounts.node.account());
    cpi::slash(
        cpi::Slash {
            slasher: accounts.slasher.account(),
            network: accounts.network.account(),
            node: accounts.node.account(),
            mint: accounts.lmr_mint.account(),
            vault: accounts.bond_vault.account(),
            reporter: accounts.reporter.account(),
            injured: accounts.injured.account(),
            token_program: accounts.token_program.account(),
            event_authority: accounts.registry_event_authority.account(),
            registry_program: accounts.registry_program.account(),
        },
        owed,
        ctx.bumps.slasher,
    )?;
    let taken = bond_before.saturating_sub(bond(accounts.node.account()));

    let assignment = &mut *accounts.assignment;
    assignment.slashed = 1;
    let event = AssignmentSlashed {
        version: VERSION,
        replica: assignment.replica,
        state: assignment.state,
        _padding: 0,
        shard: assignment.shard,
        job: assignment.job,
        node: assignment.node,
        owed,
        taken,
    };
    accounts.work.release(now);
    let record = accounts.job.record(&event);
    accounts.job.invariant()?;
    self_call::send(
        &record,
        ctx.accounts.event_authority.account(),
        ctx.bumps.event_authority,
        ctx.program_id,
    )
}

/// Whether the injured party is the job's client, and is passed if it can be paid. Otherwise whoever sends the transaction
/// could have its part burned.
fn is_injured(accounts: &SlashAssignment) -> bool {
    let SlashAssignment { job, injured, .. } = accounts;
    tokens::is_token_account_of(injured.account(), &job.lmr_mint, &job.client)
        || *injured.address() == get_associated_token_address(&job.client, &job.lmr_mint)
}

/// LMR base units of a node's bond; zero for a node that is closed.
fn bond(node: &AccountView) -> u64 {
    if !node.owned_by(&registry::ID) {
        return 0;
    }
    node.try_borrow()
        .ok()
        .and_then(|data| Node::from_account_data(&data).ok())
        .map_or(0, |node| node.bond)
}
