//! Shows the next word of the result that was committed to.

use anchor_lang::prelude::*;
use lumora_core::{
    result::{Opening, commitment},
    rounds::Standing,
    sketch::Sketch,
    units::Seconds,
};
use lumora_interface::tasks::assignment_state;

use crate::{
    constants::VERSION,
    error::TasksError,
    events::ResultRevealed,
    state::{Assignment, Job, for_each_sibling, shard_state},
};

lumora_interface::reveal_result_arguments!(#[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy)]);

/// Accounts of `reveal_result`. After them come the assignments of the shard's other assigned replicas, lowest first.
#[derive(Accounts)]
pub struct RevealResult {
    /// The node's operator key, or its owner.
    pub operator: Signer,
    /// The job.
    #[account(mut, address = assignment.job @ TasksError::WrongJob)]
    pub job: Account<Job>,
    /// The assignment.
    #[account(mut, constraint = assignment.may_act(operator.address()) @ TasksError::NotOperator)]
    pub assignment: Account<Assignment>,
}

pub(crate) fn handler(ctx: &mut Context<RevealResult>, arguments: RevealResultArguments) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let (shard, replica, state) = {
        let assignment = &ctx.accounts.assignment;
        (assignment.shard, assignment.replica, assignment.state)
    };
    require!(
        matches!(state, assignment_state::COMMITTED | assignment_state::REVEALED),
        TasksError::WrongState
    );
    let seat = ctx.accounts.assignment.seat();
    let mut standing = Standing::new(ctx.accounts.job.replicas);
    standing.add(&seat);
    let others = shard_state(&ctx.accounts.job, shard)?.without(replica).replicas();
    if others != 0 {
        let extra = ctx.remaining_accounts()?;
        for_each_sibling(&ctx.accounts.job, shard, others, &mut extra.iter(), |sibling| {
            standing.add(&sibling.seat());
        })?;
    }
    // Who has not committed yet, or is still to come, could commit to what is shown now.
    require!(
        standing.may_show(ctx.accounts.job.is_closed_for_claims(Seconds(now))),
        TasksError::OthersNotCommitted
    );
    // A word that is shown before its round is lost for whoever joins later.
    require!(seat.shown < standing.words_due(), TasksError::NothingToShow);

    let opening = Opening {
        word: Sketch(arguments.word),
        salt: arguments.salt,
        rest: arguments.rest,
    };
    let assignment = &mut *ctx.accounts.assignment;
    let is_opened = if seat.shown == 0 {
        let slot = assignment.slot(&ctx.accounts.job.network_id);
        commitment(&slot, &arguments.result_root, arguments.records, &opening) == assignment.commitment
    } else {
        opening.head() == assignment.commitment
            && arguments.result_root == assignment.result_root
            && arguments.records == assignment.records
    };
    require!(is_opened, TasksError::WrongReveal);
    assignment.state = assignment_state::REVEALED;
    assignment.commitment = arguments.rest;
    assignment.result_root = arguments.result_root;
    assignment.sketch = arguments.word;
    assignment.records = arguments.records;
    assignment.shown = seat.shown.checked_add(1).ok_or(TasksError::Overflow)?;
    assignment.revealed_at = now;
    let event = ResultRevealed {
        version: VERSION,
        replica,
        shown: assignment.shown,
        _padding: 0,
        shard,
        job: assignment.job,
        node: assignment.node,
        result_root: arguments.result_root,
        word: arguments.word,
        records: arguments.records,
        _padding_2: 0,
    };
    ctx.accounts.job.log(&event);
    Ok(())
}
