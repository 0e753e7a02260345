//! Calls of the sibling programs into `registry`.

use anchor_lang::{
    Result,
    cpi::{CpiSeed, CpiSigner, InstructionAccount, InstructionView},
    pinocchio::{
        account::AccountView,
        cpi::{CpiAccount, invoke_signed_unchecked},
    },
};

use super::{AdaptArguments, ID, instruction, seed};

/// Accounts of `slash`, in the order in which the program takes them.
///
/// The caller answers for `node` being the one that broke the rule, and for `reporter` and `injured` being the token
/// accounts of those who reported it and whom it harmed. Whatever is not an LMR token account counts as an absent party,
/// whose part is burned: a party that is owed its part must not be replaced by somebody who sends the transaction.
#[derive(Clone, Copy)]
pub struct Slash<'a> {
    /// The caller's address derived from [`seed::SLASHER`]; it signs this call.
    pub slasher: &'a AccountView,
    /// The network; written.
    pub network: &'a AccountView,
    /// The node; written.
    pub node: &'a AccountView,
    /// The LMR mint; written.
    pub mint: &'a AccountView,
    /// The bond vault; written.
    pub vault: &'a AccountView,
    /// LMR token account of whoever reported the offence, or any other account for nobody.
    pub reporter: &'a AccountView,
    /// LMR token account of whom it harmed, or any other account for nobody.
    pub injured: &'a AccountView,
    /// The Token program.
    pub token_program: &'a AccountView,
    /// Under which `registry` records the event.
    pub event_authority: &'a AccountView,
    /// `registry` itself.
    pub registry_program: &'a AccountView,
}

/// Takes up to `amount` LMR base units of a node's bond, signing as the calling program's slasher, whose bump is `bump`.
/// The node may have less, or may have been closed: then less, or nothing, is taken. Refused by name if `amount` is above
/// [`Network::slash_limit`](super::Network::slash_limit), which the caller should hold against its own figure first.
///
/// Accounts may be held as the framework's `Account`s: what the call writes is seen through them at once. No other
/// reference into the data of `network` or `node` may be alive.
#[inline(never)]
pub fn slash(accounts: Slash<'_>, amount: u64, bump: u8) -> Result<()> {
    // A node whose owner closed it has no bond, and no account that `registry` would take.
    if !accounts.node.owned_by(&ID) {
        return Ok(());
    }
    let mut data = [instruction::SLASH; 9];
    data[1..].copy_from_slice(&amount.to_le_bytes());
    // Writable if they came so: the call may not ask for more than the transaction gave.
    let party = |account: &'_ AccountView| account.is_writable();
    let [reporter, injured] = [party(accounts.reporter), party(accounts.injured)];
    let metas = [
        InstructionAccount::readonly_signer(accounts.slasher.address()),
        InstructionAccount::writable(accounts.network.address()),
        InstructionAccount::writable(accounts.node.address()),
        InstructionAccount::writable(accounts.mint.address()),
        InstructionAccount::writable(accounts.vault.address()),
        InstructionAccount::new(accounts.reporter.address(), reporter, false),
        InstructionAccount::new(accounts.injured.address(), injured, false),
        InstructionAccount::readonly(accounts.token_program.address()),
        InstructionAccount::readonly(accounts.event_authority.address()),
        InstructionAccount::readonly(accounts.registry_program.address()),
    ];
    let views = [
        accounts.slasher,
        accounts.network,
        accounts.node,
        accounts.mint,
        accounts.vault,
        accounts.reporter,
        accounts.injured,
        accounts.token_program,
        accounts.event_authority,
        accounts.registry_program,
    ];
    call(&metas, views, &data, [seed::SLASHER, &[bump]]);
    Ok(())
}

/// Has the ranking adapted, signing as the adapter of the calling program, whose bump is `bump`. `registry` holds what a
/// quorum wants against bounds of its own, and refuses by name.
///
/// `network`, which is written, may be held as the framework's `Account`; no other reference into its data may be alive.
#[inline(never)]
pub fn adapt(adapter: &AccountView, network: &AccountView, arguments: &AdaptArguments, bump: u8) {
    let mut data = [0; 23];
    data[0] = instruction::ADAPT;
    for (bytes, weight) in data[1..9].chunks_exact_mut(2).zip(arguments.weights) {
        bytes.copy_from_slice(&weight.to_le_bytes());
    }
    data[9..13].copy_from_slice(&arguments.max_wait_seconds.to_le_bytes());
    data[13..15].copy_from_slice(&arguments.reasons);
    data[15..].copy_from_slice(&arguments.epoch.to_le_bytes());
    let metas = [
        InstructionAccount::readonly_signer(adapter.address()),
        InstructionAccount::writable(network.address()),
    ];
    call(&metas, [adapter, network], &data, [seed::ADAPTER, &[bump]]);
}

/// Calls `registry`, signing as the address that the calling program derives from `seeds`.
#[allow(
    unsafe_code,
    reason = "the framework's borrow marks are for Rust references, and none is alive here"
)]
#[inline(always)]
fn call<const N: usize>(
    metas: &[InstructionAccount<'_>; N],
    accounts: [&AccountView; N],
    data: &[u8],
    seeds: [&[u8]; 2],
) {
    let views = accounts.map(CpiAccount::from);
    // SAFETY: the accounts are those of `metas`, in their order. What `registry` writes is read through raw pointers by
    // the framework's wrappers, and no reference into it is alive during the call. A failure ends the instruction, so
    // there is no result to look at.
    unsafe {
        invoke_signed_unchecked(
            &InstructionView {
                program_id: &ID,
                accounts: metas,
                data,
            },
            &views,
            &[CpiSigner::from(&seeds.map(CpiSeed::from))],
        )
    }
}
