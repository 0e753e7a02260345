//! Shows the result that was committed to.

use anchor_lang::prelude::*;
use lumora_core::{agreement::Revealed, result::commitment, sketch::Sketch};
use lumora_interface::tasks::assignment_state;

use crate::{
    constants::VERSION,
    error::TasksError,
    events::ResultRevealed,
    state::{Assignment, Job, read_sibling},
};

lumora_interface::reveal_result_arguments!(#[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy)]);

/// Accounts of `reveal_result`. After them come the assignments of the shard's other replicas, lowest first.
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
    let (shard, replica) = (ctx.accounts.assignment.shard, ctx.accounts.assignment.replica);
    require!(
        ctx.accounts.assignment.state == assignment_state::COMMITTED,
        TasksError::WrongState
    );
    if ctx.accounts.job.replicas > 1 {
        let siblings = ctx.remaining_accounts()?;
        let mut siblings = siblings.iter();
        let job = ctx.accounts.job.address();
        for other in (0..ctx.accounts.job.replicas).filter(|other| *other != replica) {
            let sibling = read_sibling(siblings.next(), job, shard, other)?;
            // Who has not committed yet could commit to what is shown now.
            require!(
                sibling.state != assignment_state::CLAIMED,
                TasksError::OthersNotCommitted
            );
        }
    }

    let revealed = Revealed {
        sketch: Sketch(arguments.sketch),
        records: arguments.records,
    };
    let assignment = &mut *ctx.accounts.assignment;
    let slot = assignment.slot(&ctx.accounts.job.network_id);
    require!(
        commitment(&slot, &arguments.result_root, revealed, &arguments.salt) == assignment.commitment,
        TasksError::WrongReveal
    );
    assignment.state = assignment_state::REVEALED;
    assignment.result_root = arguments.result_root;
    assignment.sketch = arguments.sketch;
    assignment.records = arguments.records;
    assignment.revealed_at = now;
    let event = ResultRevealed {
        version: VERSION,
        replica,
        _padding: [0; 2],
        shard,
        job: assignment.job,
        node: assignment.node,
        result_root: arguments.result_root,
        sketch: arguments.sketch,
        records: arguments.records,
        _padding_2: 0,
    };
    ctx.accounts.job.log(&event);
    Ok(())
}
