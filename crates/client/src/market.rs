//! Instructions of program `market`.

use {
    crate::{
        instruction::{build, event_accounts, readonly, readonly_signer, writable, writable_signer},
        token::{TOKEN_PROGRAM, lmr_account},
    },
    lumora_interface::{
        Address,
        market::{
            AddBondArguments, BuyArguments, CreateListingArguments, DeliverArguments, ID, Share,
            UpdateListingArguments, bond_vault_address, config_address, instruction, listing_address, purchase_address,
            vault_address,
        },
        registry, rewards,
    },
    solana_instruction::Instruction,
    solana_sdk_ids::system_program,
};

/// Names the token account that receives the fees: [`rewards::FEES`].
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

/// Hands over the sealed key and pays out the vault. `treasury` as in the listing; `payees`: the wallets of its shares, in its
/// order. The part of one whose LMR account does not exist goes to the treasury. Anybody may submit it.
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

/// Gives the buyer the money back when the deadline has passed, and the penalty. Anybody may call it. The buyer's LMR account
/// must exist: put [`create_lmr_account`](crate::token::create_lmr_account) in front where it may not.
pub fn refund(listing: &Address, purchase: &Address, buyer: &Address) -> Instruction {
    let mut accounts = vec![
        writable(*listing),
        writable(*purchase),
        writable(vault_address(purchase).0),
        writable(*buyer),
        writable(lmr_account(buyer)),
        writable(bond_vault_address(listing).0),
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

/// Changes price, time to deliver and data card for later sales.
pub fn update_listing(seller: &Address, listing: &Address, arguments: &UpdateListingArguments) -> Instruction {
    build(
        ID,
        instruction::UPDATE_LISTING,
        arguments,
        vec![readonly_signer(*seller), writable(*listing)],
    )
}

/// Puts up LMR of the seller that buyers are paid from when it delivers late. From the first time on, each sale sets a
/// penalty aside, or is refused.
pub fn add_bond(seller: &Address, listing: &Address, arguments: &AddBondArguments) -> Instruction {
    let mut accounts = vec![
        writable_signer(*seller),
        writable(*listing),
        writable(bond_vault_address(listing).0),
        readonly(rewards::MINT),
        writable(lmr_account(seller)),
        readonly(TOKEN_PROGRAM),
        readonly(system_program::ID),
    ];
    accounts.extend(event_accounts(ID));
    build(ID, instruction::ADD_BOND, arguments, accounts)
}

/// Gives the bond of a withdrawn listing without open purchases back to its seller. Anybody may call it.
pub fn withdraw_bond(seller: &Address, listing: &Address) -> Instruction {
    let mut accounts = vec![
        writable(*listing),
        writable(bond_vault_address(listing).0),
        writable(*seller),
        writable(lmr_account(seller)),
        readonly(TOKEN_PROGRAM),
    ];
    accounts.extend(event_accounts(ID));
    build(ID, instruction::WITHDRAW_BOND, &(), accounts)
}

/// Ends a withdrawn listing's account. `rent_payer` as in the listing. Anybody may call it, from
/// [`Listing::closable_from`](lumora_interface::market::Listing::closable_from) on.
pub fn close_listing(rent_payer: &Address, listing: &Address) -> Instruction {
    build(
        ID,
        instruction::CLOSE_LISTING,
        &(),
        vec![writable(*listing), writable(*rent_payer)],
    )
}

/// Ends a delivered purchase's account. The delivery goes with it: derive the content key first.
pub fn close_purchase(buyer: &Address, purchase: &Address) -> Instruction {
    build(
        ID,
        instruction::CLOSE_PURCHASE,
        &(),
        vec![writable_signer(*buyer), writable(*purchase)],
    )
}
