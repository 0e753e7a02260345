//! What the programs do with LMR token accounts: recognise them, open one with a first deposit, pay out of one.
//!
//! Calling the Token program costs about ten times what it does per instruction, so all that one of our instructions
//! asks of it goes into one call of its `Batch` instruction.

use alloc::boxed::Box;
use core::mem::MaybeUninit;

use anchor_lang::{
    Error, Id, Result,
    cpi::{CpiSeed, CpiSigner, InstructionAccount, InstructionView, find_and_verify_program_address},
    pinocchio::{
        account::AccountView,
        cpi::{CpiAccount, invoke_signed_unchecked},
    },
    programs::Token,
};
use pinocchio_token::instructions::{Batch, Burn, CloseAccount, InitializeAccount3, IntoBatch, Transfer};

use crate::Address;

/// Bytes of a token account.
pub const TOKEN_ACCOUNT_SPACE: usize = 165;

/// Most payments of one [`pay_out`]: eight payees and the protocol.
pub const MAX_PAYMENTS: usize = 9;

/// An amount for a token account.
#[derive(Clone, Copy)]
pub struct Payment<'a> {
    /// Token account that receives it.
    pub to: &'a AccountView,
    /// Base units.
    pub amount: u64,
}

/// Whether this is an initialised token account of the Token program for that mint.
pub fn is_token_account(account: &AccountView, mint: &Address) -> bool {
    read(account, |data| data[..32] == *mint.as_array()).unwrap_or(false)
}

/// Whether this is an initialised token account of the Token program for that mint, and that wallet controls it.
pub fn is_token_account_of(account: &AccountView, mint: &Address, owner: &Address) -> bool {
    read(account, |data| {
        data[..32] == *mint.as_array() && data[32..64] == *owner.as_array()
    })
    .unwrap_or(false)
}

/// The associated token account program.
const ASSOCIATED_TOKEN_PROGRAM: Address = Address::from_str_const("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL");

/// Whether this is the address of that wallet's associated token account for that mint, whatever lies there. Some 300
/// compute units for each bump that is tried.
#[inline(never)]
pub fn is_associated_address(account: &AccountView, mint: &Address, owner: &Address) -> bool {
    find_and_verify_program_address(
        &[owner.as_ref(), Token::id().as_ref(), mint.as_ref()],
        &ASSOCIATED_TOKEN_PROGRAM,
        account.address(),
    )
    .is_ok()
}

/// Base units in a token account; zero for any other account.
pub fn amount(account: &AccountView) -> u64 {
    read(account, |data| {
        u64::from_le_bytes(core::array::from_fn(|byte| data[64 + byte]))
    })
    .unwrap_or(0)
}

fn read<T>(account: &AccountView, look: impl FnOnce(&[u8; TOKEN_ACCOUNT_SPACE]) -> T) -> Option<T> {
    const STATE: usize = 108;
    if !account.owned_by(&Token::id()) {
        return None;
    }
    let data = account.try_borrow().ok()?;
    let data: &[u8; TOKEN_ACCOUNT_SPACE] = (&*data).try_into().ok()?;
    (data[STATE] != 0).then(|| look(data))
}

/// Who pays the rent and the first deposit of a token account.
#[derive(Clone, Copy)]
pub struct Funding<'a> {
    /// Signer that pays the rent and controls the tokens.
    pub payer: &'a AccountView,
    /// Its token account.
    pub tokens: &'a AccountView,
    /// Base units to move.
    pub amount: u64,
}

/// Creates the token account at an address derived from `seeds` (bump included), gives control of it to `authority`, and
/// moves the first deposit into it.
#[inline(never)]
pub fn open<'a>(
    account: &'a AccountView,
    mint: &'a AccountView,
    authority: &'a Address,
    seeds: &[&[u8]],
    funding: Funding<'a>,
) -> Result<()> {
    anchor_lang::create_account_signed(funding.payer, account, TOKEN_ACCOUNT_SPACE, &Token::id(), seeds)?;
    let mut data = [const { MaybeUninit::<u8>::uninit() }; 1 + 2 + 33 + 2 + 9];
    let mut metas = [const { MaybeUninit::<InstructionAccount>::uninit() }; 5];
    let mut accounts = [const { MaybeUninit::<CpiAccount>::uninit() }; 5];
    let mut batch = Batch::new(&mut data, &mut metas, &mut accounts)?;
    InitializeAccount3::new(account, mint, authority).into_batch(&mut batch)?;
    Transfer::new(funding.tokens, account, funding.payer, funding.amount).into_batch(&mut batch)?;
    batch.invoke()
}

/// Makes all payments out of `from`, signing as its authority with `seeds` (bump included), then closes it if an account
/// for its rent is given. Payments of nothing are left out.
#[inline(never)]
pub fn pay_out<'a>(
    from: &'a AccountView,
    authority: &'a AccountView,
    seeds: &[CpiSeed],
    payments: &[Payment<'a>],
    rent_to: Option<&'a AccountView>,
) -> Result<()> {
    let close = rent_to.map(|to| CloseAccount::new(from, to, authority));
    batch(from, authority, seeds, payments, |batch| match close {
        Some(close) => close.into_batch(batch).map(|()| true),
        None => Ok(false),
    })
}

/// Makes all payments out of `from` and burns `burned` base units of the mint in it, signing as its authority with `seeds`
/// (bump included). Payments of nothing are left out.
#[inline(never)]
pub fn pay_out_and_burn<'a>(
    from: &'a AccountView,
    authority: &'a AccountView,
    seeds: &[CpiSeed],
    payments: &[Payment<'a>],
    mint: &'a AccountView,
    burned: u64,
) -> Result<()> {
    let burn = (burned > 0).then(|| Burn::new(from, mint, authority, burned));
    batch(from, authority, seeds, payments, |batch| match burn {
        Some(burn) => burn.into_batch(batch).map(|()| true),
        None => Ok(false),
    })
}

/// Like [`pay_out`] without its bound on the number of payments: what the call needs lies on the heap, since a frame of the
/// stack has no room for it.
#[inline(never)]
pub fn pay_out_many<'a>(
    from: &'a AccountView,
    authority: &'a AccountView,
    seeds: &[CpiSeed],
    payments: &[Payment<'a>],
) -> Result<()> {
    let mut data = Box::new_uninit_slice(1 + (2 + 9) * payments.len());
    let mut metas = Box::new_uninit_slice(3 * payments.len());
    let mut accounts = Box::new_uninit_slice(3 * payments.len());
    let mut batch = Batch::new(&mut data, &mut metas, &mut accounts)?;
    if !add_payments(&mut batch, from, authority, payments)? {
        return Ok(());
    }
    batch.invoke_signed(&[CpiSigner::from(seeds)])
}

/// Adds all payments but those of nothing, and says whether there were any.
#[inline(always)]
fn add_payments<'a>(
    batch: &mut Batch<'a, '_>,
    from: &'a AccountView,
    authority: &'a AccountView,
    payments: &[Payment<'a>],
) -> Result<bool> {
    let mut any = false;
    for payment in payments.iter().filter(|payment| payment.amount > 0) {
        Transfer::new(from, payment.to, authority, payment.amount).into_batch(batch)?;
        any = true;
    }
    Ok(any)
}

/// One call with all payments and what `last` adds, which says whether it added anything.
#[inline(always)]
fn batch<'a>(
    from: &'a AccountView,
    authority: &'a AccountView,
    seeds: &[CpiSeed],
    payments: &[Payment<'a>],
    last: impl FnOnce(&mut Batch<'a, '_>) -> core::result::Result<bool, anchor_lang::prelude::ProgramError>,
) -> Result<()> {
    if payments.len() > MAX_PAYMENTS {
        return Err(Error::InvalidArgument);
    }
    let mut data = [const { MaybeUninit::<u8>::uninit() }; 1 + (2 + 9) * (MAX_PAYMENTS + 1)];
    let mut metas = [const { MaybeUninit::<InstructionAccount>::uninit() }; 3 * (MAX_PAYMENTS + 1)];
    let mut accounts = [const { MaybeUninit::<CpiAccount>::uninit() }; 3 * (MAX_PAYMENTS + 1)];
    let mut batch = Batch::new(&mut data, &mut metas, &mut accounts)?;
    let paid = add_payments(&mut batch, from, authority, payments)?;
    if !last(&mut batch)? && !paid {
        return Ok(());
    }
    batch.invoke_signed(&[CpiSigner::from(seeds)])
}

/// Moves tokens between accounts that the framework holds as `Account`s: it marks those as borrowed for the whole
/// instruction, which every checked call refuses.
#[inline(never)]
pub fn transfer_checked(
    [from, mint, to, authority]: [&AccountView; 4],
    amount: u64,
    decimals: u8,
    signers: &[CpiSigner],
) -> Result<()> {
    const TRANSFER_CHECKED: u8 = 12;
    call(
        &[
            InstructionAccount::writable(from.address()),
            InstructionAccount::readonly(mint.address()),
            InstructionAccount::writable(to.address()),
            InstructionAccount::readonly_signer(authority.address()),
        ],
        &[from, mint, to, authority].map(CpiAccount::from),
        &checked_data(TRANSFER_CHECKED, amount, decimals),
        signers,
    );
    Ok(())
}

/// Mints tokens into an account that the framework holds as an `Account`; see [`transfer_checked`].
#[inline(never)]
pub fn mint_to_checked(
    [mint, to, authority]: [&AccountView; 3],
    amount: u64,
    decimals: u8,
    signers: &[CpiSigner],
) -> Result<()> {
    const MINT_TO_CHECKED: u8 = 14;
    call(
        &[
            InstructionAccount::writable(mint.address()),
            InstructionAccount::writable(to.address()),
            InstructionAccount::readonly_signer(authority.address()),
        ],
        &[mint, to, authority].map(CpiAccount::from),
        &checked_data(MINT_TO_CHECKED, amount, decimals),
        signers,
    );
    Ok(())
}

fn checked_data(instruction: u8, amount: u64, decimals: u8) -> [u8; 10] {
    let mut data = [0; 10];
    data[0] = instruction;
    data[1..9].copy_from_slice(&amount.to_le_bytes());
    data[9] = decimals;
    data
}

#[allow(
    unsafe_code,
    reason = "the framework's borrow marks are for Rust references, and none is alive here"
)]
fn call(metas: &[InstructionAccount], accounts: &[CpiAccount], data: &[u8], signers: &[CpiSigner]) {
    let program_id = Token::id();
    // SAFETY: the accounts are those of `metas`, in their order. What the Token program writes is read through raw
    // pointers by the framework's wrappers, and no reference into it is alive during the call. A failure ends the
    // instruction, so there is no result to look at.
    unsafe {
        invoke_signed_unchecked(
            &InstructionView {
                program_id: &program_id,
                accounts: metas,
                data,
            },
            accounts,
            signers,
        )
    }
}
