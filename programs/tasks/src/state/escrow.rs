//! Money out of a job's escrow: always the job's own, always signed for by the job.

use anchor_lang::{
    cpi::{CpiSeed, verify_program_address},
    prelude::*,
};
use lumora_interface::tokens::{self, Payment};

use super::Job;
use crate::error::TasksError;

/// A job's escrow, checked: there is no other way to pay out of one.
pub struct Escrow<'a> {
    job: &'a Account<Job>,
    vault: &'a AccountView,
}

impl<'a> Escrow<'a> {
    /// The escrow of this job; refuses any other account.
    pub fn of(job: &'a Account<Job>, vault: &'a AccountView, program_id: &Address) -> Result<Self> {
        let seeds: &[&[u8]] = &[b"escrow", job.address().as_ref(), &[job.escrow_bump]];
        verify_program_address(seeds, program_id, vault.address()).map_err(|_| TasksError::WrongEscrow)?;
        Ok(Self { job, vault })
    }

    /// LMR base units in it.
    pub fn amount(&self) -> u64 {
        tokens::amount(self.vault)
    }

    /// Pays; closes it if an account is given for its rent.
    pub fn pay(&self, payments: &[Payment<'a>], rent_to: Option<&'a AccountView>) -> Result<()> {
        let (client, id) = (self.job.client, self.job.id.to_le_bytes());
        tokens::pay_out(
            self.vault,
            self.job.account(),
            &[
                CpiSeed::from(b"job".as_slice()),
                CpiSeed::from(client.as_array()),
                CpiSeed::from(&id),
                CpiSeed::from(&[self.job.bump]),
            ],
            payments,
            rent_to,
        )
    }
}
