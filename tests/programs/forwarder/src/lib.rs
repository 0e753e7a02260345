//! Slashes a bond as `tasks` and `bandwidth` do, so that tests can stand a program in their place.
//!
//! It has no id of its own, unlike a program of the framework, and signs as the slasher of whatever address it was
//! deployed at.

use anchor_lang::prelude::*;
use lumora_interface::registry::{self, Network, Node, cpi::Slash};

#[cfg(not(feature = "no-entrypoint"))]
anchor_lang::pinocchio::default_allocator!();
#[cfg(not(feature = "no-entrypoint"))]
anchor_lang::pinocchio::default_panic_handler!();
#[cfg(not(feature = "no-entrypoint"))]
anchor_lang::pinocchio::program_entrypoint!(forward, 10);

/// Takes the accounts of [`Slash`] in their order; the data is the amount (`u64`) and the slasher's bump. Answers with the
/// bonds of the network and of the node before and after, as `u64` each.
///
/// Network and node are held as the framework's accounts during the call, as programs hold them.
pub fn forward(_program: &Address, accounts: &mut [AccountView], data: &[u8]) -> ProgramResult {
    let [
        slasher,
        network,
        node,
        mint,
        vault,
        reporter,
        injured,
        token_program,
        event_authority,
        registry_program,
    ] = accounts
    else {
        return Err(Error::NotEnoughAccountKeys);
    };
    let (amount, bump) = data.split_first_chunk().ok_or(Error::InvalidInstructionData)?;
    let [bump] = bump else {
        return Err(Error::InvalidInstructionData);
    };
    #[allow(unsafe_code, reason = "accounts are loaded by hand here")]
    // SAFETY: nothing else holds the network or the node.
    let (held_network, held_node) = unsafe {
        (
            Account::<Network>::load_mut(*network)?,
            // A node that was closed is no account of the registry any more.
            Account::<Node>::load_mut(*node).ok(),
        )
    };
    let bonds = || {
        let node = held_node.as_ref().map_or(0, |node| node.bond);
        [held_network.bonded, node].map(u64::to_le_bytes)
    };
    let before = bonds();
    registry::cpi::slash(
        Slash {
            slasher,
            network,
            node,
            mint,
            vault,
            reporter,
            injured,
            token_program,
            event_authority,
            registry_program,
        },
        u64::from_le_bytes(*amount),
        *bump,
    )?;
    let answer = [before, bonds()];
    anchor_lang::pinocchio::cpi::set_return_data(answer.as_flattened().as_flattened());
    Ok(())
}
