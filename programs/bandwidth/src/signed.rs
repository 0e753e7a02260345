//! Signatures that the ed25519 program has verified in an earlier instruction of the same transaction.

use anchor_lang::{pinocchio::sysvars::instructions::IntrospectedInstruction, prelude::*};
use lumora_interface::bandwidth::signatures;

use crate::error::BandwidthError;

/// The instruction that stands `distance` before the one that runs, which must be one of the ed25519 program.
pub(crate) struct Verified<'a> {
    instruction: IntrospectedInstruction<'a>,
    index: u16,
}

impl<'a> Verified<'a> {
    /// Looks it up. The sysvar's address was checked by the framework: a forged one could claim anything.
    pub(crate) fn before(instructions: &'a SysvarInstructions, distance: u16) -> Result<Self> {
        let index = instructions
            .load_current_index()
            .checked_sub(distance)
            .ok_or(BandwidthError::SignaturesMissing)?;
        let instruction = instructions.load_instruction_at(usize::from(index))?;
        require!(
            anchor_lang::address_eq(instruction.get_program_id(), &signatures::PROGRAM),
            BandwidthError::SignaturesMissing
        );
        Ok(Self { instruction, index })
    }

    /// The keys whose signatures over `digest` it has verified.
    pub(crate) fn signers(&self, digest: &[u8; 32]) -> Result<impl Iterator<Item = &[u8; 32]> + use<'_>> {
        let signers = signatures::signers(self.instruction.get_instruction_data(), self.index, digest);
        signers.map_err(|error| ProgramError::Custom(error.code()))
    }
}
