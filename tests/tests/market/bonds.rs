//! The bond of a listing: what it promises, what it pays, and how it comes back.

use lumora_interface::market::{
    LATE_PENALTY, ListingBondAdded, ListingBondWithdrawn, PenaltyPaid, bond_vault_address, listing_address,
};
use lumora_tests::tokens::transfer;

use super::*;

/// What a late sale costs the seller: a tenth of the price, rounded down.
const PENALTY: u64 = PRICE / 10;

fn vault(shop: &Shop) -> Address {
    bond_vault_address(&shop.listing).0
}

#[test]
fn a_late_sale_costs_the_seller_a_tenth_of_the_price_and_the_buyer_gets_it() {
    assert_eq!(LATE_PENALTY.of(PRICE), PENALTY);
    let mut shop = Shop::new(2);
    shop.bond(3 * PENALTY);
    let (late, delivered) = (shop.buy(0, &secret(1)), shop.buy(1, &secret(2)));
    let listing = shop.terms();
    assert_eq!((listing.open_penalties, listing.free_bond()), (2 * PENALTY, PENALTY));
    shop.deliver(&delivered);
    assert_eq!(shop.terms().open_penalties, PENALTY, "what was in time costs nothing");

    shop.world.pass(DELIVERY_SECONDS + 1);
    let before = shop.world.balance(&shop.buyer_tokens);
    let refund = sales::refund(&shop.listing, &late, &shop.buyer.pubkey());
    let sent = shop.world.must(&[refund], &[]);
    assert_eq!(shop.world.balance(&shop.buyer_tokens), before + PRICE + PENALTY);
    assert_eq!(shop.world.balance(&vault(&shop)), 2 * PENALTY);
    let listing = shop.terms();
    assert_eq!(
        (listing.bond, listing.open_penalties, listing.open_purchases),
        (2 * PENALTY, 0, 0)
    );
    let event: PenaltyPaid = sent.event();
    assert_eq!((event.purchase, event.buyer), (late, shop.buyer.pubkey()));
    assert_eq!((event.amount, event.bond), (PENALTY, 2 * PENALTY));
    assert_eq!(sent.event::<PurchaseRefunded>().amount, PRICE);
}

#[test]
fn nothing_is_sold_that_the_bond_does_not_cover() {
    let mut shop = Shop::new(1);
    // One base unit too little for two.
    shop.bond(2 * PENALTY - 1);
    let buyer = shop.buyer.insecure_clone();
    let first = shop.buy(0, &secret(1));
    let second = shop.buy_instruction(1, &secret(2));
    shop.world.refused(
        std::slice::from_ref(&second),
        &[&buyer],
        MarketError::BondTooSmall.code(),
    );
    // A delivery frees what was set aside; so does more bond.
    shop.deliver(&first);
    shop.world.must(&[second], &[&buyer]);
    let third = shop.buy_instruction(2, &secret(3));
    shop.world.refused(
        std::slice::from_ref(&third),
        &[&buyer],
        MarketError::BondTooSmall.code(),
    );
    shop.bond(1);
    shop.world.must(&[third], &[&buyer]);
    assert_eq!(shop.terms().free_bond(), 0);
}

#[test]
fn a_bond_that_is_used_up_does_not_turn_into_sales_without_a_penalty() {
    let mut shop = Shop::new(1);
    shop.bond(PENALTY);
    let purchase = shop.buy(0, &secret(1));
    shop.world.pass(DELIVERY_SECONDS + 1);
    let refund = sales::refund(&shop.listing, &purchase, &shop.buyer.pubkey());
    shop.world.must(&[refund], &[]);
    assert_eq!(shop.terms().bond, 0);
    let buyer = shop.buyer.insecure_clone();
    let again = shop.buy_instruction(0, &secret(1));
    shop.world.refused(
        std::slice::from_ref(&again),
        &[&buyer],
        MarketError::BondTooSmall.code(),
    );
    shop.bond(PENALTY);
    shop.world.must(&[again], &[&buyer]);
}

#[test]
fn a_listing_without_a_bond_promises_no_penalty() {
    let mut shop = Shop::new(1);
    let account = shop.buy(0, &secret(1));
    assert_eq!(shop.world.read::<Purchase>(&account).penalty, 0);
    // A bond that comes later does not change what this buyer was promised.
    shop.bond(PRICE);
    shop.world.pass(DELIVERY_SECONDS + 1);
    let before = shop.world.balance(&shop.buyer_tokens);
    let refund = sales::refund(&shop.listing, &account, &shop.buyer.pubkey());
    shop.world.must(&[refund], &[]);
    assert_eq!(shop.world.balance(&shop.buyer_tokens), before + PRICE);
    assert_eq!(shop.terms().bond, PRICE);
}

#[test]
fn a_seller_that_buys_from_itself_to_be_late_gains_nothing() {
    let mut shop = Shop::new(1);
    let seller = shop.seller.insecure_clone();
    shop.bond(5 * PENALTY);
    shop.world.gift(&seller.pubkey(), PRICE);
    let tokens = lumora_tests::tokens::associated_account(&seller.pubkey(), &lumora_interface::rewards::MINT);
    let before = shop.world.balance(&tokens);
    let buy = shop.buy_instruction_of(&seller.pubkey(), 0, &secret(1));
    shop.world.must(&[buy], &[&seller]);
    let purchase = market::purchase_address(&shop.listing, &seller.pubkey(), 0).0;
    shop.world.pass(DELIVERY_SECONDS + 1);
    let refund = sales::refund(&shop.listing, &purchase, &seller.pubkey());
    shop.world.must(&[refund], &[]);
    // What it takes out of its bond is its own, and what others were promised was set aside for them.
    assert_eq!(shop.world.balance(&tokens) + shop.terms().bond, before + 5 * PENALTY);
}

#[test]
fn only_the_seller_adds_bond_out_of_its_own_account() {
    let mut shop = Shop::new(2);
    let (seller, stranger) = (shop.seller.insecure_clone(), shop.world.wallet("stranger"));
    for wallet in [&seller, &stranger] {
        shop.world.gift(&wallet.pubkey(), PRICE);
    }
    let good = sales::add_bond(&seller.pubkey(), &shop.listing, PENALTY);
    // A stranger's base unit would make the listing a bonded one, whose bond covers nothing.
    let foreign = sales::add_bond(&stranger.pubkey(), &shop.listing, 1);
    shop.world
        .refused(&[foreign], &[&stranger], MarketError::NotSeller.code());
    let nothing = sales::add_bond(&seller.pubkey(), &shop.listing, 0);
    shop.world
        .refused(&[nothing], &[&seller], MarketError::AmountZero.code());
    let victim = with(&good, 4, shop.buyer_tokens);
    shop.world
        .refused(&[victim], &[&seller], MarketError::WrongTokenAccount.code());
    let foreign_mint = shop.world.foreign_mint(&seller.pubkey());
    shop.world.refused(
        &[with(&good, 3, foreign_mint)],
        &[&seller],
        MarketError::WrongMint.code(),
    );
    let other_vault = bond_vault_address(&listing_address(&seller.pubkey(), 1).0).0;
    for first in [true, false] {
        for wrong in [other_vault, market::vault_address(&shop.listing).0] {
            shop.world
                .refused(&[with(&good, 2, wrong)], &[&seller], MarketError::WrongBondVault.code());
        }
        let sent = shop.world.must(std::slice::from_ref(&good), &[&seller]);
        let event: ListingBondAdded = sent.event();
        let bond = if first { PENALTY } else { 2 * PENALTY };
        assert_eq!((event.listing, event.amount, event.bond), (shop.listing, PENALTY, bond));
        assert_eq!((shop.terms().bond, shop.world.balance(&vault(&shop))), (bond, bond));
    }
    // From the vault into itself, the bond would grow out of nothing.
    shop.world
        .refused_with(&[with(&good, 4, vault(&shop))], &[&seller], DUPLICATE);
    let too_much = sales::add_bond(&seller.pubkey(), &shop.listing, u64::MAX);
    assert!(shop.world.send(&[too_much], &[&seller]).is_err());
    shop.withdraw();
    shop.world
        .refused(&[good], &[&seller], MarketError::ListingWithdrawn.code());
}

#[test]
fn the_bond_comes_back_when_nothing_is_for_sale_and_nothing_is_open() {
    let mut shop = Shop::new(1);
    let seller = shop.seller.insecure_clone();
    let withdraw = sales::withdraw_bond(&seller.pubkey(), &shop.listing);
    shop.bond(PRICE);
    let lamports = shop.world.svm.get_balance(&seller.pubkey()).unwrap();
    let rent = shop.world.svm.get_balance(&vault(&shop)).unwrap();
    let purchase = shop.buy(0, &secret(1));
    shop.world
        .refused(std::slice::from_ref(&withdraw), &[], MarketError::ListingActive.code());
    shop.withdraw();
    shop.world
        .refused(std::slice::from_ref(&withdraw), &[], MarketError::OpenPurchases.code());
    shop.deliver(&purchase);
    let close = sales::close_listing(&seller.pubkey(), &shop.listing);
    shop.world.refused(&[close], &[], MarketError::BondHeld.code());

    let thief = shop.world.wallet("thief").pubkey();
    let thief_tokens = shop.world.lmr_account(&thief);
    for (place, wrong, error) in [
        (1, market::vault_address(&purchase).0, MarketError::WrongBondVault),
        (2, thief, MarketError::NotSeller),
        (3, thief_tokens, MarketError::WrongTokenAccount),
        (3, vault(&shop), MarketError::WrongTokenAccount),
    ] {
        let bent = with(&withdraw, place, wrong);
        if wrong == vault(&shop) {
            shop.world.refused_with(&[bent], &[], DUPLICATE);
        } else {
            shop.world.refused(&[bent], &[], error.code());
        }
    }
    // Whatever somebody sent to the vault comes back too, since it could not be closed otherwise.
    let buyer = shop.buyer.insecure_clone();
    let gift = transfer(&shop.buyer_tokens, &vault(&shop), &buyer.pubkey(), 3);
    shop.world.must(&[gift], &[&buyer]);
    let before = shop.world.balance(&shop.payee_tokens[0]);
    // Nobody signs but who pays for the transaction.
    let sent = shop.world.must(std::slice::from_ref(&withdraw), &[]);
    assert_eq!(shop.world.balance(&shop.payee_tokens[0]), before + PRICE + 3);
    assert_eq!(sent.event::<ListingBondWithdrawn>().amount, PRICE + 3);
    assert_eq!(shop.world.svm.get_balance(&seller.pubkey()).unwrap(), lamports + rent);
    assert!(is_gone(&shop, &vault(&shop)));
    let listing = shop.terms();
    assert_eq!((listing.bond, listing.is_bonded()), (0, false));
    shop.world.refused(&[withdraw], &[], MarketError::NotBonded.code());
}

#[test]
fn a_penalty_is_paid_out_of_the_bond_of_its_own_listing() {
    let mut shop = Shop::new(1);
    let seller = shop.seller.insecure_clone();
    shop.bond(PRICE);
    let (terms, payees) = (sales::terms(&shop.secret), shop.payees.clone());
    let other = listing_address(&seller.pubkey(), 1).0;
    shop.world.gift(&seller.pubkey(), PRICE);
    shop.world.must(
        &[
            sales::create_listing(&seller.pubkey(), 1, terms, &payees),
            sales::add_bond(&seller.pubkey(), &other, PRICE),
        ],
        &[&seller],
    );
    let purchase = shop.buy(0, &secret(1));
    shop.world.pass(DELIVERY_SECONDS + 1);
    let good = sales::refund(&shop.listing, &purchase, &shop.buyer.pubkey());
    for wrong in [bond_vault_address(&other).0, shop.payee_tokens[0], shop.treasury] {
        shop.world
            .refused(&[with(&good, 5, wrong)], &[], MarketError::WrongBondVault.code());
    }
    // The vault of the price in place of the bond's, and the buyer's own account.
    for twice in [market::vault_address(&purchase).0, shop.buyer_tokens] {
        shop.world.refused_with(&[with(&good, 5, twice)], &[], DUPLICATE);
    }
    shop.world.must(&[good], &[]);
}

#[test]
fn an_address_that_was_funded_beforehand_does_not_stop_a_bond() {
    let mut shop = Shop::new(1);
    let vault = vault(&shop);
    shop.world.svm.airdrop(&vault, 1_000_000).unwrap();
    shop.bond(PENALTY);
    assert_eq!(shop.world.balance(&vault), PENALTY);
}

#[test]
fn a_listing_and_its_bond_fit_into_one_transaction() {
    let mut shop = Shop::empty(8);
    let seller = shop.seller.insecure_clone();
    shop.world.gift(&seller.pubkey(), PRICE);
    let create = sales::create_listing(&seller.pubkey(), 0, sales::terms(&shop.secret), &shop.payees);
    let bond = sales::add_bond(&seller.pubkey(), &shop.listing, PRICE);
    let sent = shop.world.must(&[create, bond], &[&seller]);
    assert!(sent.transaction_bytes <= 1_232, "{} bytes", sent.transaction_bytes);
    assert_eq!(shop.terms().bond, PRICE);
}
