//! Instructions of `registry`, `bandwidth` and `rewards`, built with what the programs themselves generate: if the
//! interface and a program disagree about an argument or an account, tests fail here.

mod bandwidth;
mod registry;
mod rewards;

use anchor_lang::{InstructionData, ToAccountMetas};
use solana_address::Address;
use solana_instruction::Instruction;

pub use self::{bandwidth::*, registry::*, rewards::*};

/// Address of the token program.
pub const TOKEN_PROGRAM: Address = Address::from_str_const("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");
/// Address of the system program.
pub const SYSTEM_PROGRAM: Address = Address::from_str_const("11111111111111111111111111111111");
/// Address of the sysvar with a transaction's instructions.
pub const INSTRUCTIONS_SYSVAR: Address = Address::from_str_const("Sysvar1nstructions1111111111111111111111111");
/// Address of the sysvar with the hashes of recent slots.
pub const SLOT_HASHES_SYSVAR: Address = Address::from_str_const("SysvarS1otHashes111111111111111111111111111");
/// An H3 cell of resolution 3 (Berlin).
pub const BERLIN: u64 = 0x0831_f1df_ffff_ffff;

fn build(program: Address, accounts: impl ToAccountMetas, data: impl InstructionData) -> Instruction {
    Instruction {
        program_id: program,
        accounts: accounts.to_account_metas(None),
        data: data.data(),
    }
}
