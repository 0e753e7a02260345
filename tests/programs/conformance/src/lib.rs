//! first light
use anchor_lang::prelude::*;

declare_id!("2it7WinPXkY5afq6WNHnX8SwDJ6tr3tMMT5mTqmBE3Km");

#[derive(Accounts)]
pub struct Caller {
    pub caller: Signer,
}

#[program]
pub mod conformance {
    use super::*;

    #[discrim = 1]
    pub fn multiply(_ctx: &mut Context<Caller>, left: u64, right: u64) -> Result<u64> {
        Ok(left * right)
    }
}
