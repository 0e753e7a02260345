//! A node's work on one replica of one shard.

use anchor_lang::{AnchorAccount, prelude::*};

use super::plain_layout;
use crate::error::TasksError;

lumora_interface::assignment_account!(#[account]);
plain_layout!(Assignment);
const _: () = assert!(size_of::<Assignment>() == 312);

impl Assignment {
    /// Whether the key may act for the node: the hot key with which it claimed, or the wallet that owns it.
    pub fn may_act(&self, key: &Address) -> bool {
        *key == self.operator || *key == self.owner
    }
}

/// Reads the assignment of one replica of a shard from an account that was passed after the declared ones.
///
/// The program creates one account per job, shard and replica, so these three identify it and its address need not be
/// derived again.
pub fn read_sibling(
    account: Option<&AccountView>,
    job: &Address,
    shard: u32,
    replica: u8,
) -> Result<Account<Assignment>> {
    let account = account.ok_or(TasksError::SiblingMissing)?;
    let sibling = Account::<Assignment>::load(*account).map_err(|_| TasksError::WrongSibling)?;
    require!(
        sibling.job == *job && sibling.shard == shard && sibling.replica == replica,
        TasksError::WrongSibling
    );
    Ok(sibling)
}
