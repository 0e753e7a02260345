//! What a client pays for, and the state of each of its shards.

use anchor_lang::prelude::*;
use lumora_core::log;
use lumora_interface::{Account as _, SELF_CALL_TAG, self_call, tasks::ShardState};

use super::plain_layout;
use crate::error::TasksError;

lumora_interface::job_account!(#[account]);
plain_layout!(Job);
const _: () = assert!(size_of::<Job>() == 424);

impl Job {
    /// What holds after every instruction: what went out of the escrow and what may yet be earned was put in.
    pub fn invariant(&self) -> Result<()> {
        require!(
            self.unspendable().is_some() && self.settled_shards <= self.shard_count,
            TasksError::Invariant
        );
        Ok(())
    }

    /// A live assignment ended; `tombstone`: its account stays.
    pub fn end_assignment(&mut self, tombstone: bool) -> Result<()> {
        self.live_assignments = self.live_assignments.checked_sub(1).ok_or(TasksError::Invariant)?;
        if tombstone {
            self.tombstones = self.tombstones.checked_add(1).ok_or(TasksError::Overflow)?;
        }
        Ok(())
    }

    /// The account of an assignment that expired or was rejected is closed, or used for another.
    pub fn drop_tombstone(&mut self) -> Result<()> {
        self.tombstones = self.tombstones.checked_sub(1).ok_or(TasksError::Invariant)?;
        Ok(())
    }

    /// Adds an event to the job's hash chain and to the transaction's logs.
    pub fn log(&mut self, event: &impl Event) {
        let bytes = event.data();
        self.extend_log(&bytes);
        sol_log_data(&[&bytes]);
    }

    /// Adds an event to the job's hash chain; gives the data with which the program calls itself to record it.
    pub fn record<E: Event + bytemuck::Pod>(&mut self, event: &E) -> Vec<u8> {
        let data = self_call::encode(event);
        self.extend_log(&data[SELF_CALL_TAG.len()..]);
        data
    }

    fn extend_log(&mut self, event: &[u8]) {
        self.log_head = log::extend(&self.log_head, event);
        self.log_length = self.log_length.saturating_add(1);
    }
}

/// The state of a shard.
pub fn shard_state(job: &Account<Job>, shard: u32) -> Result<ShardState> {
    require!(shard < job.shard_count, TasksError::ShardOutOfRange);
    let offset = shard_offset(shard);
    #[allow(
        unsafe_code,
        reason = "the framework has no view of the bytes behind an account's fields"
    )]
    // SAFETY: `job` is borrowed here, so nobody holds its data mutably; the slice does not outlive this function.
    let data = unsafe { job.account().borrow_unchecked() };
    data.get(offset)
        .map(|byte| ShardState(*byte))
        .ok_or_else(|| TasksError::ShardOutOfRange.into())
}

/// Changes the state of a shard.
pub fn set_shard_state(job: &mut Account<Job>, shard: u32, state: ShardState) -> Result<()> {
    require!(shard < job.shard_count, TasksError::ShardOutOfRange);
    // Panics unless the account is writable and was declared so: the framework's own check, which the raw bytes below
    // would pass by.
    let _: &mut Job = &mut *job;
    let mut view = *job.account();
    #[allow(
        unsafe_code,
        reason = "the framework has no view of the bytes behind an account's fields"
    )]
    // SAFETY: `job` is borrowed exclusively, and the bytes behind its fields are reached in this way alone.
    let data = unsafe { view.borrow_unchecked_mut() };
    let byte = data.get_mut(shard_offset(shard)).ok_or(TasksError::ShardOutOfRange)?;
    *byte = state.0;
    Ok(())
}

fn shard_offset(shard: u32) -> usize {
    lumora_interface::tasks::Job::SPACE + shard as usize
}
