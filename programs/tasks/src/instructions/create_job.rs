//! Creates a job and funds its escrow in full.

#![allow(
    unused_variables,
    reason = "the framework's expansion decodes the arguments also where no seed needs them"
)]

use anchor_lang::{cpi::find_and_verify_program_address, pinocchio::sysvars::slot_hashes, prelude::*};
use anchor_spl::token::Token;
use lumora_core::{agreement::WIDEST_TOLERANCE, geo::UnitVector, units::Bps};
use lumora_interface::{
    registry::{Network, pause},
    self_call,
    tasks::{Job as PlainJob, MAX_REPLICAS, MAX_SHARDS},
    tokens::{self, Funding},
};

use crate::{
    constants::VERSION,
    error::TasksError,
    events::JobCreated,
    state::{Job, TasksConfig},
};

lumora_interface::create_job_arguments!(#[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy)]);

/// Accounts of `create_job`.
#[event_cpi]
#[derive(Accounts)]
#[instruction(id: u64, shard_count: u32)]
pub struct CreateJob {
    /// Pays the escrow and the rent.
    #[account(mut)]
    pub client: Signer,
    /// The network: fee, mint, what is paused.
    #[account(constraint = network.paused & pause::CLAIMING_WORK == 0 @ TasksError::Paused)]
    pub network: Account<Network>,
    /// Names the treasury.
    #[account(seeds = [b"config"], bump)]
    pub config: Account<TasksConfig>,
    /// The job.
    #[account(
        init,
        payer = client,
        space = PlainJob::space(shard_count.min(MAX_SHARDS)),
        seeds = [b"job", client.address().as_ref(), &id.to_le_bytes()],
        bump,
    )]
    pub job: Account<Job>,
    /// Token account that will hold the job's LMR; its address is derived from `escrow` and the job's.
    /// CHECK: derived and created in the handler.
    #[account(mut)]
    pub escrow: UncheckedAccount,
    /// The LMR mint.
    /// CHECK: its address is all that is needed; the Token program reads it.
    #[account(address = network.lmr_mint @ TasksError::WrongMint)]
    pub lmr_mint: UncheckedAccount,
    /// The client's LMR.
    /// CHECK: read here.
    #[account(
        mut,
        constraint = tokens::is_token_account_of(client_tokens.account(), &network.lmr_mint, client.address())
            @ TasksError::WrongTokenAccount,
    )]
    pub client_tokens: UncheckedAccount,
    /// Creates the escrow's token account and moves the LMR.
    pub token_program: Program<Token>,
    /// Creates the accounts.
    pub system_program: Program<System>,
}

pub(crate) fn handler(
    ctx: &mut Context<CreateJob>,
    id: u64,
    shard_count: u32,
    arguments: CreateJobArguments,
) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    validate(shard_count, &arguments, now)?;
    let escrowed = arguments
        .price
        .checked_mul(u64::from(shard_count))
        .and_then(|amount| amount.checked_mul(u64::from(arguments.max_replicas)))
        .ok_or(TasksError::Overflow)?;

    let accounts = &mut ctx.accounts;
    let (client, address) = (*accounts.client.address(), *accounts.job.address());
    let escrow_bump = find_and_verify_program_address(
        &[b"escrow", address.as_ref()],
        ctx.program_id,
        accounts.escrow.address(),
    )
    .map_err(|_| TasksError::WrongEscrow)?;
    tokens::open(
        accounts.escrow.account(),
        accounts.lmr_mint.account(),
        &address,
        &[b"escrow", address.as_ref(), &[escrow_bump]],
        Funding {
            payer: accounts.client.account(),
            tokens: accounts.client_tokens.account(),
            amount: escrowed,
        },
    )?;

    let event = JobCreated {
        version: VERSION,
        replicas: arguments.replicas,
        fee_bps: accounts.network.protocol_fee,
        shard_count,
        job: address,
        client,
        manifest_hash: arguments.manifest_hash,
        price: arguments.price,
        escrowed,
        deadline: arguments.deadline,
    };
    let job = &mut *accounts.job;
    job.version = VERSION;
    job.bump = ctx.bumps.job;
    job.escrow_bump = escrow_bump;
    job.replicas = arguments.replicas;
    job.tolerance_bits = arguments.tolerance_bits;
    job.tolerance_count = arguments.tolerance_count;
    job.shard_count = shard_count;
    job.fee_bps = accounts.network.protocol_fee;
    job.target = arguments.target;
    job.client = client;
    job.id = id;
    job.lmr_mint = accounts.network.lmr_mint;
    job.treasury = accounts.config.treasury;
    job.network_id = accounts.network.network_id;
    job.manifest_hash = arguments.manifest_hash;
    job.uri_hash = arguments.uri_hash;
    job.slot_hash = latest_slot_hash()?;
    job.price = arguments.price;
    job.escrowed = escrowed;
    job.opened_at = now;
    job.deadline = arguments.deadline;
    job.commit_seconds = arguments.commit_seconds;
    job.reveal_seconds = arguments.reveal_seconds;
    job.challenge_seconds = arguments.challenge_seconds;
    job.max_replicas = arguments.max_replicas;
    // A node could take its bond back before anybody can say that it did not do its work.
    require!(
        job.work_seconds().0 <= accounts.network.unbonding_seconds,
        TasksError::BondOutlived
    );
    let record = job.record(&event);
    job.invariant()?;
    self_call::send(
        &record,
        ctx.accounts.event_authority.account(),
        ctx.bumps.event_authority,
        ctx.program_id,
    )
}

fn validate(shard_count: u32, arguments: &CreateJobArguments, now: i64) -> Result<()> {
    let [x, y, z] = arguments.target;
    require!((1..=MAX_SHARDS).contains(&shard_count), TasksError::ShardCountRange);
    require!(
        (1..=MAX_REPLICAS).contains(&arguments.replicas),
        TasksError::ReplicasRange
    );
    require!(
        (arguments.replicas..=PlainJob::replicas_limit(arguments.replicas)).contains(&arguments.max_replicas),
        TasksError::MaxReplicasRange
    );
    require!(
        (arguments.replicas == 1) == (arguments.challenge_seconds > 0),
        TasksError::ChallengeRange
    );
    require!(
        arguments.tolerance_bits <= WIDEST_TOLERANCE && arguments.tolerance_count <= Bps::ONE.0,
        TasksError::ToleranceRange
    );
    require!(arguments.price > 0, TasksError::PriceZero);
    require!(arguments.manifest_hash != [0; 32], TasksError::ManifestMissing);
    // A vector longer than one would bring some node nearer than it is.
    require!(UnitVector { x, y, z }.is_unit(), TasksError::TargetLength);
    require!(arguments.deadline > now, TasksError::DeadlineRange);
    require!(
        arguments.commit_seconds > 0 && arguments.reveal_seconds > 0,
        TasksError::WindowZero
    );
    Ok(())
}

/// The newest slot hash: nobody can choose it when writing the job, so nobody can aim for the front of the queue.
fn latest_slot_hash() -> Result<[u8; 32]> {
    const HASH: usize = 16;
    let mut head = [0; 48];
    let entries = slot_hashes::raw::fetch_into(&mut head, 0).map_err(|_| TasksError::SlotHashMissing)?;
    require!(entries > 0, TasksError::SlotHashMissing);
    let mut hash = [0; 32];
    hash.copy_from_slice(&head[HASH..]);
    Ok(hash)
}
