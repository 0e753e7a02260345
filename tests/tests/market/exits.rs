//! Whoever closes an account, pauses the network or wrote an account long ago: what is due is delivered, refunded and
//! given back.

use lumora_interface::{
    market::{PurchaseClosed, bond_vault_address, vault_address},
    registry::pause,
    rewards,
};
use lumora_tests::{
    fixtures::fixture,
    instructions,
    tokens::{associated_account, close_account, create_associated_account, transfer},
    world::keypair,
};
use solana_keypair::Keypair;

use super::*;

/// Empties a wallet's LMR account into the treasury and closes it.
fn close_tokens(shop: &mut Shop, owner: &Keypair) -> Address {
    let tokens = associated_account(&owner.pubkey(), &rewards::MINT);
    let balance = shop.world.balance(&tokens);
    shop.world.must(
        &[
            transfer(&tokens, &rewards::FEES, &owner.pubkey(), balance),
            close_account(&tokens, &owner.pubkey()),
        ],
        &[owner],
    );
    tokens
}

#[test]
fn a_payee_without_an_account_stops_no_delivery_and_its_part_goes_to_the_treasury() {
    let mut shop = Shop::new(3);
    let purchase = shop.buy(0, &secret(1));
    let payee = keypair("payee", 1);
    shop.world.svm.airdrop(&payee.pubkey(), 1_000_000_000).unwrap();
    close_tokens(&mut shop, &payee);
    let deliver = shop.deliver_instruction(&purchase, &shop.prove(&purchase));
    // Not its associated account: who delivers would choose who goes without.
    for wrong in [keypair("nobody", 0).pubkey(), payee.pubkey(), shop.buyer_tokens] {
        shop.world
            .refused(&[with(&deliver, 9, wrong)], &[], MarketError::WrongTokenAccount.code());
    }
    let (first, third, fees) = (
        shop.world.balance(&shop.payee_tokens[0]),
        shop.world.balance(&shop.payee_tokens[2]),
        shop.world.balance(&shop.treasury),
    );
    let sent = shop.world.must(&[deliver], &[]);
    let net = PRICE * 99 / 100;
    let [a, b, c] = [3_333, 3_333, 3_334].map(|share| net * share / 10_000);
    let dust = net - a - b - c;
    assert_eq!(shop.world.balance(&shop.payee_tokens[0]), first + a + dust);
    assert_eq!(shop.world.balance(&shop.payee_tokens[2]), third + c);
    assert_eq!(shop.world.balance(&shop.treasury), fees + PRICE - net + b);
    let event: DatasetDelivered = sent.event();
    assert_eq!((event.payees, event.unpaid, event.fee), (3, 0b010, PRICE - net));
}

#[test]
fn a_payee_that_gave_its_account_away_is_not_paid_there() {
    const SET_AUTHORITY: u8 = 6;
    const ACCOUNT_OWNER: u8 = 2;
    let mut shop = Shop::new(2);
    let purchase = shop.buy(0, &secret(1));
    let (payee, other) = (keypair("payee", 1), keypair("other", 0).pubkey());
    let mut give_away = close_account(&shop.payee_tokens[1], &payee.pubkey());
    give_away.accounts.remove(1);
    give_away.data = [&[SET_AUTHORITY, ACCOUNT_OWNER, 1][..], other.as_ref()].concat();
    shop.world.must(&[give_away], &[&payee]);
    let sent = shop.deliver(&purchase);
    assert_eq!(sent.event::<DatasetDelivered>().unpaid, 0b10);
    assert_eq!(shop.world.balance(&shop.payee_tokens[1]), 0);
}

#[test]
fn when_no_payee_has_an_account_the_buyer_still_gets_the_key() {
    let mut shop = Shop::new(2);
    let purchase = shop.buy(0, &secret(1));
    let seller = shop.seller.insecure_clone();
    let payee = keypair("payee", 1);
    shop.world.svm.airdrop(&payee.pubkey(), 1_000_000_000).unwrap();
    for owner in [&seller, &payee] {
        close_tokens(&mut shop, owner);
    }
    let fees = shop.world.balance(&shop.treasury);
    let sent = shop.deliver(&purchase);
    assert_eq!(sent.event::<DatasetDelivered>().unpaid, 0b11);
    assert_eq!(shop.world.balance(&shop.treasury), fees + PRICE);
}

#[test]
fn a_payee_may_be_paid_into_any_account_of_its_own() {
    let mut shop = Shop::new(2);
    let purchase = shop.buy(0, &secret(1));
    let spare = keypair("spare account", 0).pubkey();
    let mut account = shop.world.svm.get_account(&shop.payee_tokens[1]).unwrap();
    account.data[64..72].fill(0);
    shop.world.svm.set_account(spare, account).unwrap();
    let deliver = shop.deliver_instruction(&purchase, &shop.prove(&purchase));
    let sent = shop.world.must(&[with(&deliver, 9, spare)], &[]);
    assert_eq!(sent.event::<DatasetDelivered>().unpaid, 0);
    assert_eq!(shop.world.balance(&spare), PRICE * 99 / 100 / 2);
}

#[test]
fn a_buyer_without_an_account_is_refunded_by_whoever_opens_one_for_it() {
    let mut shop = Shop::new(1);
    shop.bond(PRICE);
    let purchase = shop.buy(0, &secret(1));
    let buyer = shop.buyer.insecure_clone();
    let tokens = close_tokens(&mut shop, &buyer);
    shop.world.pass(DELIVERY_SECONDS + 1);
    let refund = sales::refund(&shop.listing, &purchase, &buyer.pubkey());
    shop.world.refused(
        std::slice::from_ref(&refund),
        &[],
        MarketError::WrongTokenAccount.code(),
    );
    // It can be for the seller, who waits for its bond. Nobody needs the buyer.
    let payer = shop.world.payer.pubkey();
    let open = create_associated_account(&payer, &buyer.pubkey(), &rewards::MINT);
    shop.world.must(&[open, refund], &[]);
    assert_eq!(shop.world.balance(&tokens), PRICE + PRICE / 10);
}

#[test]
fn a_delivery_does_not_need_the_buyers_account() {
    let mut shop = Shop::new(1);
    let purchase = shop.buy(0, &secret(1));
    let buyer = shop.buyer.insecure_clone();
    close_tokens(&mut shop, &buyer);
    shop.deliver(&purchase);
}

#[test]
fn a_pause_stops_no_exit() {
    let mut shop = Shop::new(1);
    shop.bond(PRICE);
    let (delivered, late) = (shop.buy(0, &secret(1)), shop.buy(1, &secret(2)));
    let (authority, buyer, seller) = (
        shop.world.authority.insecure_clone(),
        shop.buyer.insecure_clone(),
        shop.seller.insecure_clone(),
    );
    let stop = instructions::pause(&authority.pubkey(), pause::ALL);
    shop.world.must(&[stop], &[&authority]);
    let buy = shop.buy_instruction(2, &secret(3));
    shop.world.refused(&[buy], &[&buyer], MarketError::Paused.code());
    let create = sales::create_listing(&seller.pubkey(), 1, sales::terms(&shop.secret), &shop.payees);
    shop.world.refused(&[create], &[&seller], MarketError::Paused.code());

    shop.deliver(&delivered);
    let rate = sales::rate(&buyer.pubkey(), &shop.listing, &delivered, 4);
    shop.world.must(&[rate], &[&buyer]);
    shop.world.pass(DELIVERY_SECONDS + 1);
    let refund = sales::refund(&shop.listing, &late, &buyer.pubkey());
    shop.world.must(&[refund], &[]);
    shop.withdraw();
    let bond = sales::withdraw_bond(&seller.pubkey(), &shop.listing);
    shop.world.must(&[bond], &[]);
    let close = sales::close_purchase(&buyer.pubkey(), &delivered);
    shop.world.must(&[close], &[&buyer]);
    shop.world.pass(40 * 24 * 3_600);
    let close = sales::close_listing(&seller.pubkey(), &shop.listing);
    shop.world.must(&[close], &[]);
}

#[test]
fn a_buyer_closes_what_was_delivered_and_nobody_else_does() {
    let mut shop = Shop::new(1);
    let (buyer, stranger) = (shop.buyer.insecure_clone(), shop.world.wallet("stranger"));
    let lamports = shop.world.svm.get_balance(&buyer.pubkey()).unwrap();
    let purchase = shop.buy(0, &secret(1));
    let close = sales::close_purchase(&buyer.pubkey(), &purchase);
    shop.world.refused(
        std::slice::from_ref(&close),
        &[&buyer],
        MarketError::NotDelivered.code(),
    );
    let deliver = shop.deliver_instruction(&purchase, &shop.prove(&purchase));
    shop.world.must(std::slice::from_ref(&deliver), &[]);
    for other in [&stranger, &shop.seller.insecure_clone()] {
        let foreign = sales::close_purchase(&other.pubkey(), &purchase);
        shop.world.refused(&[foreign], &[other], MarketError::NotBuyer.code());
    }
    let sent = shop.world.must(std::slice::from_ref(&close), &[&buyer]);
    let event: PurchaseClosed = sent.event();
    assert_eq!((event.purchase, event.buyer), (purchase, buyer.pubkey()));
    assert_eq!(
        shop.world.svm.get_balance(&buyer.pubkey()).unwrap(),
        lamports,
        "all rent came back"
    );
    shop.world.refused_with(&[close], &[&buyer], GONE);
    let rate = sales::rate(&buyer.pubkey(), &shop.listing, &purchase, 5);
    shop.world.refused_with(&[rate], &[&buyer], GONE);

    // The number is free again. Whoever buys the same with the same point pays again, and the delivery that everybody has
    // seen is right again: money moves, and the buyer has the key.
    shop.buy(0, &secret(1));
    shop.world.must(&[deliver], &[]);
    assert_eq!(shop.terms().sales, 2);
}

/// A shop whose listing and purchases are accounts that an earlier release wrote, with the open purchase's vault.
fn old_shop() -> (Shop, Address, Address) {
    let mut shop = Shop::empty(3);
    for name in [
        "market_config_v1",
        "listing_v1",
        "purchase_v1",
        "purchase_delivered_v1",
        "purchase_vault_v1",
    ] {
        let (address, account) = fixture(name);
        shop.world.svm.set_account(address, account).unwrap();
    }
    let buyer = shop.buyer.pubkey();
    let [delivered, open] = [0, 1].map(|index| market::purchase_address(&shop.listing, &buyer, index).0);
    // That release let any LMR account be the treasury.
    shop.treasury = shop.terms().treasury;
    let owner = keypair("treasury", 0).pubkey();
    assert_eq!(shop.world.lmr_account(&owner), shop.treasury);
    (shop, open, delivered)
}

#[test]
fn an_old_purchase_is_delivered() {
    let (mut shop, open, _) = old_shop();
    shop.deliver(&open);
    let listing = shop.terms();
    assert_eq!(
        (listing.sales, listing.open_purchases, listing.open_penalties),
        (2, 0, 0)
    );
    assert!(is_gone(&shop, &vault_address(&open).0));
}

#[test]
fn an_old_purchase_is_refunded_without_a_penalty() {
    let (mut shop, open, _) = old_shop();
    shop.bond(PRICE);
    let before = shop.world.balance(&shop.buyer_tokens);
    shop.world.pass(DELIVERY_SECONDS + 1);
    let refund = sales::refund(&shop.listing, &open, &shop.buyer.pubkey());
    shop.world.must(&[refund], &[]);
    assert_eq!(shop.world.balance(&shop.buyer_tokens), before + PRICE);
    assert_eq!(shop.world.balance(&bond_vault_address(&shop.listing).0), PRICE);
}

#[test]
fn an_old_listing_is_bought_changed_bonded_and_ended() {
    let (mut shop, open, delivered) = old_shop();
    let (buyer, seller) = (shop.buyer.insecure_clone(), shop.seller.insecure_clone());
    let without = shop.buy(2, &secret(3));
    shop.bond(PRICE);
    let bonded = shop.buy(3, &secret(4));
    for purchase in [open, without, bonded] {
        shop.deliver(&purchase);
    }
    let rate = sales::rate(&buyer.pubkey(), &shop.listing, &open, 2);
    shop.world.must(&[rate], &[&buyer]);
    assert_eq!(shop.terms().mean_rating(), Some(300));
    shop.withdraw();
    let bond = sales::withdraw_bond(&seller.pubkey(), &shop.listing);
    shop.world.must(&[bond], &[]);
    let close = sales::close_purchase(&buyer.pubkey(), &delivered);
    shop.world.must(&[close], &[&buyer]);
    shop.world.pass(38 * 24 * 3_600);
    let close = sales::close_listing(&seller.pubkey(), &shop.listing);
    shop.world.must(&[close], &[]);
}
