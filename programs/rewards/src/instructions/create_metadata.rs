//! Gives the LMR mint a name, a symbol and a URI.

extern crate alloc;

use alloc::vec::Vec;

use anchor_lang::{
    Id,
    cpi::{CpiSigner, InstructionAccount, InstructionView},
    pinocchio::cpi::invoke_signed,
    prelude::*,
};
use anchor_spl::mint::Mint;
use lumora_interface::{
    registry::{self, Network},
    rewards as interface,
};

use crate::{constants::VERSION, error::RewardsError, events::MetadataCreated, state::Emission};

/// What the Token Metadata program takes at most, in bytes.
const MAX_NAME: usize = 32;
const MAX_SYMBOL: usize = 10;
const MAX_URI: usize = 200;

/// Accounts of `create_metadata`.
#[derive(Accounts)]
pub struct CreateMetadata {
    /// The network's authority; pays, and may change the metadata later.
    #[account(mut, address = network.authority @ RewardsError::NotAuthority)]
    pub authority: Signer,
    /// The network.
    #[account(address = registry::NETWORK @ RewardsError::WrongNetwork)]
    pub network: Account<Network>,
    /// The emission: the mint's authority, without which nobody can give it metadata.
    #[account(seeds = [b"emission"], bump)]
    pub emission: Account<Emission>,
    /// The LMR mint.
    #[account(address = interface::MINT @ RewardsError::WrongMint)]
    pub mint: Account<Mint>,
    /// The account that the Token Metadata program creates.
    /// CHECK: a fixed address.
    #[account(mut, address = interface::METADATA @ RewardsError::WrongMetadata)]
    pub metadata: UncheckedAccount,
    /// The Token Metadata program.
    /// CHECK: a fixed address, and executable: some networks do not have it.
    #[account(address = interface::TOKEN_METADATA @ RewardsError::MetadataProgramMissing)]
    pub metadata_program: UncheckedAccount,
    /// Creates the account.
    pub system_program: Program<System>,
}

pub(crate) fn handler(ctx: &mut Context<CreateMetadata>, name: &str, symbol: &str, uri: &str) -> Result<()> {
    let accounts = &ctx.accounts;
    require!(
        accounts.metadata_program.account().executable(),
        RewardsError::MetadataProgramMissing
    );
    require!(
        accounts.metadata.account().owned_by(&System::id()),
        RewardsError::MetadataExists
    );
    let fits = |text: &str, most: usize| !text.is_empty() && text.len() <= most;
    require!(
        fits(name, MAX_NAME) && fits(symbol, MAX_SYMBOL) && fits(uri, MAX_URI),
        RewardsError::MetadataInvalid
    );
    let bump = [accounts.emission.bump];
    invoke_signed(
        &InstructionView {
            program_id: &interface::TOKEN_METADATA,
            accounts: &[
                InstructionAccount::writable(accounts.metadata.address()),
                InstructionAccount::readonly(accounts.mint.address()),
                InstructionAccount::readonly_signer(accounts.emission.address()),
                InstructionAccount::writable_signer(accounts.authority.address()),
                InstructionAccount::readonly_signer(accounts.authority.address()),
                InstructionAccount::readonly(accounts.system_program.address()),
            ],
            data: &create_metadata_account_v3(name, symbol, uri),
        },
        &[
            accounts.metadata.account(),
            accounts.mint.account(),
            accounts.emission.account(),
            accounts.authority.account(),
            accounts.authority.account(),
            accounts.system_program.account(),
        ],
        &[CpiSigner::from(&Emission::signer_seeds(&bump))],
    )?;
    emit!(MetadataCreated {
        version: VERSION,
        _padding: [0; 7],
        mint: interface::MINT,
        metadata: interface::METADATA,
        update_authority: *accounts.authority.address(),
    });
    Ok(())
}

/// Data of the instruction `CreateMetadataAccountV3` for a fungible token: borsh, as the Token Metadata program's IDL
/// describes it.
fn create_metadata_account_v3(name: &str, symbol: &str, uri: &str) -> Vec<u8> {
    const CREATE_METADATA_ACCOUNT_V3: u8 = 33;
    const NONE: u8 = 0;
    const TRUE: u8 = 1;
    let mut data = Vec::with_capacity(1 + 3 * 4 + name.len() + symbol.len() + uri.len() + 7);
    data.push(CREATE_METADATA_ACCOUNT_V3);
    for text in [name, symbol, uri] {
        data.extend_from_slice(&(text.len() as u32).to_le_bytes());
        data.extend_from_slice(text.as_bytes());
    }
    // The seller's fee, in basis points: there is no royalty on a currency.
    data.extend_from_slice(&0u16.to_le_bytes());
    // Creators, collection, uses; whether the update authority may change it; details of a collection.
    data.extend_from_slice(&[NONE, NONE, NONE, TRUE, NONE]);
    data
}
