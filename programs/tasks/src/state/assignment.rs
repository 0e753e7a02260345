//! A node's work on one replica of one shard.

use anchor_lang::{address_eq, prelude::*};
use lumora_interface::tasks;

use super::{Job, plain_layout};
use crate::error::TasksError;

lumora_interface::assignment_account!(#[account]);
plain_layout!(Assignment);
const _: () = assert!(size_of::<Assignment>() == 336);

impl Assignment {
    /// Whether the key may act for the node: the hot key with which it claimed, or the wallet that owns it.
    pub fn may_act(&self, key: &Address) -> bool {
        address_eq(key, &self.operator) || address_eq(key, &self.owner)
    }

    /// Ends it in a way for which its node is slashed.
    pub fn bury(&mut self, state: u8, now: i64) {
        self.state = state;
        self.ended_at = now;
    }
}

/// Reads the assignment of one replica of a shard from an account that was passed after the declared ones.
///
/// The program creates one account per job, shard and replica, so these three identify it and its address need not be
/// derived again.
pub fn read_sibling<'a>(
    account: Option<&'a AccountView>,
    job: &Address,
    shard: u32,
    replica: u8,
) -> Result<&'a Assignment> {
    const DISCRIMINATOR: [u8; 8] = <tasks::Assignment as lumora_interface::Account>::DISCRIMINATOR;
    let account = account.ok_or(TasksError::SiblingMissing)?;
    require!(address_eq(account.owner(), &crate::ID), TasksError::WrongSibling);
    #[allow(
        unsafe_code,
        reason = "the framework's own way of loading costs as much again as all checks of a sibling"
    )]
    // SAFETY: what is read is let go before anything is written. The one assignment that an instruction declares is
    // another account, or it is refused below: its replica is not the one expected.
    let data = unsafe { account.borrow_unchecked() };
    let sibling: &Assignment = data
        .split_first_chunk()
        .filter(|(discriminator, _)| **discriminator == DISCRIMINATOR)
        .and_then(|(_, fields)| bytemuck::try_from_bytes(fields.get(..size_of::<Assignment>())?).ok())
        .ok_or(TasksError::WrongSibling)?;
    require!(
        sibling.replica == replica && sibling.shard == shard && address_eq(&sibling.job, job),
        TasksError::WrongSibling
    );
    Ok(sibling)
}

/// Reads the assignments of those replicas of a shard that are in the bitmap. They are the next of `accounts`, lowest
/// replica first.
pub fn for_each_sibling<'a>(
    job: &Account<Job>,
    shard: u32,
    replicas: u8,
    accounts: &mut impl Iterator<Item = &'a AccountView>,
    mut look: impl FnMut(&Assignment),
) -> Result<()> {
    let mut left = replicas;
    while left != 0 {
        let replica = left.trailing_zeros() as u8;
        look(read_sibling(accounts.next(), job.address(), shard, replica)?);
        left &= left.wrapping_sub(1);
    }
    Ok(())
}
