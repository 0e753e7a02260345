//! LMR token accounts: every wallet holds LMR in its associated token account.

use {
    crate::{Connection, Error},
    lumora_core::units::Lmr,
    lumora_interface::rewards,
    solana_address::Address,
    solana_instruction::Instruction,
    spl_associated_token_account_interface::{
        address::get_associated_token_address_with_program_id, instruction::create_associated_token_account_idempotent,
    },
};

/// The token program that owns the LMR mint.
pub const TOKEN_PROGRAM: Address = Address::from_str_const("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");
/// The program that gives every wallet one token account for each mint.
pub const ASSOCIATED_TOKEN_PROGRAM: Address = spl_associated_token_account_interface::program::ID;

/// Where the amount stands in a token account: mint and owner come first.
const AMOUNT_OFFSET: usize = 64;

/// The token account in which `owner` holds LMR.
pub fn lmr_account(owner: &Address) -> Address {
    associated_account(owner, &rewards::MINT)
}

/// The associated token account of any mint of the token program.
pub fn associated_account(owner: &Address, mint: &Address) -> Address {
    get_associated_token_address_with_program_id(owner, mint, &TOKEN_PROGRAM)
}

/// Creates the wallet's LMR account if it does not exist; costs its rent, paid by `payer`, only then.
pub fn create_lmr_account(payer: &Address, owner: &Address) -> Instruction {
    create_associated_token_account_idempotent(payer, owner, &rewards::MINT, &TOKEN_PROGRAM)
}

/// Moves LMR between two token accounts. `amount` in base units.
pub fn transfer(from: &Address, to: &Address, owner: &Address, amount: u64) -> Instruction {
    /// `TokenInstruction::TransferChecked`
    const TRANSFER_CHECKED: u8 = 12;
    let mut data = vec![TRANSFER_CHECKED];
    data.extend(amount.to_le_bytes());
    data.push(Lmr::DECIMALS);
    let accounts = vec![
        crate::instruction::writable(*from),
        crate::instruction::readonly(rewards::MINT),
        crate::instruction::writable(*to),
        crate::instruction::readonly_signer(*owner),
    ];
    Instruction {
        program_id: TOKEN_PROGRAM,
        accounts,
        data,
    }
}

/// Amount of a token account's data in base units.
pub fn amount(data: &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(
        data.get(AMOUNT_OFFSET..AMOUNT_OFFSET + 8)?.try_into().ok()?,
    ))
}

impl Connection {
    /// LMR that a wallet holds, in base units; zero if it has no LMR account yet.
    pub async fn lmr_balance(&self, owner: &Address) -> Result<u64, Error> {
        self.token_balance(&lmr_account(owner)).await
    }

    /// What a token account holds, in base units; zero if it does not exist.
    pub async fn token_balance(&self, account: &Address) -> Result<u64, Error> {
        let Some(found) = self.account(account).await? else {
            return Ok(0);
        };
        let wrong = |reason: &str| Error::WrongAccount {
            kind: "token account",
            address: *account,
            reason: reason.to_owned(),
        };
        if found.owner != TOKEN_PROGRAM {
            return Err(wrong("the token program does not own it"));
        }
        amount(&found.data).ok_or_else(|| wrong("it is too short"))
    }
}
