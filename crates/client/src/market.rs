//! Instructions of program `market`.

use {
    crate::{
        instruction::{build, event_accounts, readonly, readonly_signer, writable, writable_signer},
        token::{TOKEN_PROGRAM, lmr_account},
    },
    lumora_interface::{
        Address,
        market::{
            BuyArguments, CreateListingArguments, DeliverArguments, ID, Share, config_address, instruction,
            listing_address, purchase_address, vault_address,
        },
        registry, rewards,
    },
    solana_instruction::Instruction,
    solana_sdk_ids::system_program,
};

/// Names the token account that receives the fees.
pub fn initialize(authority: &Address, treasury: &Address) -> Instruction {
    let accounts = vec![
        writable_signer(*authority),
        readonly(registry::NETWORK),
        readonly(*treasury),
        writable(config_address().0),
        readonly(system_program::ID),
    ];
    build(ID, instruction::INITIALIZE, &(), accounts)
}

/// Puts a dataset up for sale. `payees`: who shares each sale; their parts sum to 10,000.
pub fn create_listing(seller: &Address, id: u64, arguments: &CreateListingArguments, payees: &[Share]) -> Instruction {
    let accounts = vec![
        writable_signer(*seller),
        readonly(registry::NETWORK),
        readonly(config_address().0),
        writable(listing_address(seller, id).0),
        readonly(system_program::ID),
    ];
    build(ID, instruction::CREATE_LISTING, &(id, arguments, payees), accounts)
}

/// Pays for a copy into a vault of its own; `index` is the buyer's own number of this purchase.
pub fn buy(buyer: &Address, listing: &Address, index: u32, arguments: &BuyArguments) -> Instruction {
    let (purchase, _) = purchase_address(listing, buyer, index);
    let mut accounts = vec![
        writable_signer(*buyer),
        readonly(registry::NETWORK),
        writable(*listing),
        writable(purchase),
        writable(vault_address(&purchase).0),
        readonly(rewards::MINT),
        writable(lmr_account(buyer)),
        readonly(TOKEN_PROGRAM),
        readonly(system_program::ID),
    ];
    accounts.extend(event_accounts(ID));
    build(ID, instruction::BUY, &(index, arguments), accounts)
}

/// Hands over the sealed key and pays out the vault. `treasury` as in the listing; `payees`: the wallets of its shares, in its order,
/// whose LMR accounts must exist. Anybody may submit it.
pub fn deliver(
    listing: &Address,
    purchase: &Address,
    buyer: &Address,
    treasury: &Address,
    payees: &[Address],
    arguments: &DeliverArguments,
) -> Instruction {
    let mut accounts = vec![
        writable(*listing),
        writable(*purchase),
        writable(vault_address(purchase).0),
        writable(*buyer),
        writable(*treasury),
        readonly(TOKEN_PROGRAM),
    ];
    accounts.extend(event_accounts(ID));
    accounts.extend(payees.iter().map(|payee| writable(lmr_account(payee))));
    build(ID, instruction::DELIVER, arguments, accounts)
}

/// Gives the buyer the money back when the deadline has passed. Anybody may call it.
pub fn refund(listing: &Address, purchase: &Address, buyer: &Address) -> Instruction {
    let mut accounts = vec![
        writable(*listing),
        writable(*purchase),
        writable(vault_address(purchase).0),
        writable(*buyer),
        writable(lmr_account(buyer)),
        readonly(TOKEN_PROGRAM),
    ];
    accounts.extend(event_accounts(ID));
    build(ID, instruction::REFUND, &(), accounts)
}

/// Rates what was delivered, once; 1 to 5.
pub fn rate(buyer: &Address, listing: &Address, purchase: &Address, rating: u8) -> Instruction {
    let accounts = vec![readonly_signer(*buyer), writable(*listing), writable(*purchase)];
    build(ID, instruction::RATE, &rating, accounts)
}

/// Stops further sales.
pub fn withdraw_listing(seller: &Address, listing: &Address) -> Instruction {
    build(
        ID,
        instruction::WITHDRAW_LISTING,
        &(),
        vec![readonly_signer(*seller), writable(*listing)],
    )
}
