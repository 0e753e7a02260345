//! What the instructions of `market` cost.

use lumora_core::delivery::dalek::BuyerSecret;
use lumora_interface::market;
use lumora_market::instructions::UpdateListingArguments;
use lumora_tests::{
    compute::measure,
    sales::{self, DELIVERY_SECONDS, PRICE, Shop},
};
use solana_account::Account;
use solana_signer::Signer;

fn secret() -> BuyerSecret {
    BuyerSecret::from_entropy(&[1; 64])
}

#[test]
fn create_listing() {
    let mut shop = Shop::empty(3);
    let (terms, payees) = (sales::terms(&shop.secret), shop.payees.clone());
    let sent = shop.list(terms, &payees).expect("the listing is created");
    measure("market", "create_listing", "three payees", &sent, 9_000);
}

#[test]
fn buy() {
    let mut shop = Shop::new(3);
    let buyer = shop.buyer.insecure_clone();
    // Two addresses are derived, each in two attempts on average; one more attempt costs some 300 units.
    let index = (0..)
        .find(|index| {
            let (purchase, bump) = market::purchase_address(&shop.listing, &buyer.pubkey(), *index);
            usize::from(255 - bump) + usize::from(255 - market::vault_address(&purchase).1) == 2
        })
        .expect("every eighth number is one");
    let instruction = shop.buy_instruction(index, &secret());
    let sent = shop.world.must(std::slice::from_ref(&instruction), &[&buyer]);
    measure("market", "buy", "purchase and vault created", &sent, 9_000);

    let mut shop = Shop::new(3);
    shop.bond(PRICE);
    let sent = shop.world.must(&[instruction], &[&buyer]);
    measure("market", "buy", "penalty set aside", &sent, 9_000);
}

#[test]
fn deliver() {
    for (payees, case, ceiling) in [
        (1, "proof verified, one payee and the fee", 18_000),
        (3, "proof verified, three payees and the fee", 18_000),
        (8, "proof verified, eight payees and the fee", 20_000),
    ] {
        let mut shop = Shop::new(payees);
        let purchase = shop.buy(0, &secret());
        let delivery = shop.prove(&purchase);
        let instruction = shop.deliver_instruction(&purchase, &delivery);
        let sent = shop.world.must(&[instruction], &[]);
        measure("market", "deliver", case, &sent, ceiling);
    }

    // Payees whose accounts are gone: their addresses are derived, in two attempts each on average.
    let mut shop = Shop::new(8);
    let purchase = shop.buy(0, &secret());
    for tokens in &shop.payee_tokens {
        shop.world.svm.set_account(*tokens, Account::default()).unwrap();
    }
    let sent = shop.deliver(&purchase);
    measure("market", "deliver", "eight payees without an account", &sent, 30_000);
}

#[test]
fn refund() {
    let mut shop = Shop::new(3);
    let purchase = shop.buy(0, &secret());
    shop.world.pass(DELIVERY_SECONDS + 1);
    let refund = sales::refund(&shop.listing, &purchase, &shop.buyer.pubkey());
    let sent = shop.world.must(&[refund], &[]);
    measure("market", "refund", "purchase and vault closed", &sent, 5_000);

    let mut shop = Shop::new(3);
    shop.bond(PRICE);
    let purchase = shop.buy(0, &secret());
    shop.world.pass(DELIVERY_SECONDS + 1);
    let refund = sales::refund(&shop.listing, &purchase, &shop.buyer.pubkey());
    let sent = shop.world.must(&[refund], &[]);
    measure("market", "refund", "penalty paid", &sent, 8_000);
}

#[test]
fn bonds() {
    let mut shop = Shop::new(1);
    let seller = shop.seller.insecure_clone();
    shop.world.gift(&seller.pubkey(), 2 * PRICE);
    let add = sales::add_bond(&seller.pubkey(), &shop.listing, PRICE);
    let sent = shop.world.must(std::slice::from_ref(&add), &[&seller]);
    measure("market", "add_bond", "vault created", &sent, 7_000);
    let sent = shop.world.must(&[add], &[&seller]);
    measure("market", "add_bond", "existing vault", &sent, 5_000);
    shop.withdraw();
    let withdraw = sales::withdraw_bond(&seller.pubkey(), &shop.listing);
    let sent = shop.world.must(&[withdraw], &[]);
    measure("market", "withdraw_bond", "vault closed", &sent, 5_000);
}

#[test]
fn update_listing() {
    let mut shop = Shop::new(1);
    let seller = shop.seller.insecure_clone();
    let arguments = UpdateListingArguments {
        price: 2 * PRICE,
        delivery_seconds: 1,
        metadata_hash: [8; 32],
        uri_hash: [9; 32],
    };
    let update = sales::update_listing(&seller.pubkey(), &shop.listing, arguments);
    let sent = shop.world.must(&[update], &[&seller]);
    measure("market", "update_listing", "all terms", &sent, 1_500);
}

#[test]
fn closing() {
    let mut shop = Shop::new(1);
    let buyer = shop.buyer.insecure_clone();
    let purchase = shop.buy(0, &secret());
    shop.deliver(&purchase);
    let close = sales::close_purchase(&buyer.pubkey(), &purchase);
    let sent = shop.world.must(&[close], &[&buyer]);
    measure("market", "close_purchase", "delivered", &sent, 1_500);
    shop.withdraw();
    shop.world.pass(38 * 24 * 3_600);
    let close = sales::close_listing(&shop.seller.pubkey(), &shop.listing);
    let sent = shop.world.must(&[close], &[]);
    measure("market", "close_listing", "with sales", &sent, 1_500);
}

#[test]
fn rate() {
    let mut shop = Shop::new(1);
    let buyer = shop.buyer.insecure_clone();
    let purchase = shop.buy(0, &secret());
    let delivery = shop.prove(&purchase);
    let instruction = shop.deliver_instruction(&purchase, &delivery);
    shop.world.must(&[instruction], &[]);
    let rate = sales::rate(&buyer.pubkey(), &shop.listing, &purchase, 5);
    let sent = shop.world.must(&[rate], &[&buyer]);
    measure("market", "rate", "first rating", &sent, 1_500);
}

#[test]
fn withdraw_listing() {
    let mut shop = Shop::new(1);
    let seller = shop.seller.insecure_clone();
    let withdraw = sales::withdraw_listing(&seller.pubkey(), &market::listing_address(&seller.pubkey(), 0).0);
    let sent = shop.world.must(&[withdraw], &[&seller]);
    measure("market", "withdraw_listing", "active listing", &sent, 1_500);
}
