//! Program `market`: who may list, buy, deliver, refund and rate, and where the money goes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on must stop"
)]

#[path = "market/accounts.rs"]
mod accounts;
#[path = "market/bonds.rs"]
mod bonds;
#[path = "market/exits.rs"]
mod exits;
#[path = "market/listings.rs"]
mod listings;
#[path = "market/races.rs"]
mod races;
#[path = "market/scale.rs"]
mod scale;
#[path = "market/sequences.rs"]
mod sequences;

use lumora_core::delivery::dalek::BuyerSecret;
use lumora_interface::market::{
    self, DatasetBought, DatasetDelivered, Listing, MarketError, Purchase, PurchaseRefunded, listing_state,
    purchase_state,
};
use lumora_market::instructions::BuyArguments;
use lumora_tests::sales::{self, DELIVERY_SECONDS, PRICE, Shop};
use solana_address::Address;
use solana_instruction::Instruction;
use solana_signer::Signer;

/// The framework's refusal of an account that is passed twice.
const DUPLICATE: &str = "Custom(2040)";

/// The framework's refusal of an account that was closed.
const GONE: &str = "AccountDataTooSmall";

fn secret(seed: u8) -> BuyerSecret {
    BuyerSecret::from_entropy(&[seed; 64])
}

/// The instruction with another account in one place.
fn with(instruction: &Instruction, place: usize, address: Address) -> Instruction {
    let mut bent = instruction.clone();
    bent.accounts[place].pubkey = address;
    bent
}

/// Whether there is no account at this address.
fn is_gone(shop: &Shop, address: &Address) -> bool {
    shop.world
        .svm
        .get_account(address)
        .is_none_or(|account| account.lamports == 0)
}

#[test]
fn a_sale_pays_every_payee_and_the_fee_to_the_last_base_unit() {
    let mut shop = Shop::new(3);
    let total = shop.total();
    let secret = secret(1);
    let instruction = shop.buy_instruction(0, &secret);
    let buyer = shop.buyer.insecure_clone();
    let sent = shop.world.must(&[instruction], &[&buyer]);
    let purchase = market::purchase_address(&shop.listing, &buyer.pubkey(), 0).0;
    let vault = market::vault_address(&purchase).0;
    assert_eq!(shop.world.balance(&vault), PRICE);
    assert_eq!(shop.total() + PRICE, total);
    let bought: DatasetBought = sent.event();
    assert_eq!((bought.amount, bought.purchase), (PRICE, purchase));

    let delivery = shop.prove(&purchase);
    let instruction = shop.deliver_instruction(&purchase, &delivery);
    let lamports = shop.world.svm.get_balance(&buyer.pubkey()).unwrap();
    let sent = shop.world.must(&[instruction], &[]);
    assert_eq!(shop.total(), total, "what left the buyer arrived");
    let net = PRICE * 99 / 100;
    let fee = PRICE - net;
    assert_eq!(shop.world.balance(&shop.treasury), fee);
    let thirds = [3_333, 3_333, 3_334].map(|share| net * share / 10_000);
    let dust = net - thirds.iter().sum::<u64>();
    assert_eq!(shop.world.balance(&shop.payee_tokens[0]), thirds[0] + dust);
    assert_eq!(shop.world.balance(&shop.payee_tokens[1]), thirds[1]);
    assert_eq!(shop.world.balance(&shop.payee_tokens[2]), thirds[2]);
    assert!(is_gone(&shop, &vault));
    assert!(
        shop.world.svm.get_balance(&buyer.pubkey()).unwrap() > lamports,
        "the vault's rent came back"
    );
    let delivered: DatasetDelivered = sent.event();
    assert_eq!((delivered.amount, delivered.fee), (PRICE, fee));

    let listing: Listing = shop.world.read(&shop.listing);
    assert_eq!((listing.sales, listing.volume, listing.open_purchases), (1, PRICE, 0));
}

#[test]
fn a_purchase_that_is_not_delivered_is_refunded_by_anybody_but_not_early() {
    let mut shop = Shop::new(3);
    let before = shop.world.balance(&shop.buyer_tokens);
    let lamports = shop.world.svm.get_balance(&shop.buyer.pubkey()).unwrap();
    let purchase = shop.buy(0, &secret(1));
    let refund = sales::refund(&shop.listing, &purchase, &shop.buyer.pubkey());

    shop.world
        .refused(std::slice::from_ref(&refund), &[], MarketError::TooEarlyToRefund.code());
    shop.world.pass(DELIVERY_SECONDS);
    shop.world
        .refused(std::slice::from_ref(&refund), &[], MarketError::TooEarlyToRefund.code());
    shop.world.pass(1);
    let delivery = shop.prove(&purchase);
    let late = shop.deliver_instruction(&purchase, &delivery);
    shop.world.refused(&[late], &[], MarketError::DeliveryLate.code());

    let sent = shop.world.must(std::slice::from_ref(&refund), &[]);
    assert_eq!(shop.world.balance(&shop.buyer_tokens), before);
    assert_eq!(
        shop.world.svm.get_balance(&shop.buyer.pubkey()).unwrap(),
        lamports,
        "all rent came back"
    );
    assert_eq!(sent.event::<PurchaseRefunded>().amount, PRICE);
    let listing: Listing = shop.world.read(&shop.listing);
    assert_eq!((listing.refunds, listing.open_purchases, listing.sales), (1, 0, 0));
    assert!(shop.world.send(&[refund], &[]).is_err(), "it cannot be refunded twice");
}

#[test]
fn a_delivered_purchase_cannot_be_refunded() {
    let mut shop = Shop::new(1);
    let purchase = shop.buy(0, &secret(1));
    let delivery = shop.prove(&purchase);
    let instruction = shop.deliver_instruction(&purchase, &delivery);
    shop.world.must(&[instruction], &[]);
    shop.world.pass(DELIVERY_SECONDS + 1);
    let refund = sales::refund(&shop.listing, &purchase, &shop.buyer.pubkey());
    shop.world.refused(&[refund], &[], MarketError::NotOpen.code());
}

#[test]
fn dust_sent_to_a_vault_stops_neither_delivery_nor_refund() {
    let mut shop = Shop::new(2);
    for (index, deliver) in [(0, true), (1, false)] {
        let purchase = shop.buy(index, &secret(1));
        let vault = market::vault_address(&purchase).0;
        let mut account = shop.world.svm.get_account(&vault).unwrap();
        account.data[64..72].copy_from_slice(&(PRICE + 1).to_le_bytes());
        shop.world.svm.set_account(vault, account).unwrap();
        if deliver {
            let delivery = shop.prove(&purchase);
            let instruction = shop.deliver_instruction(&purchase, &delivery);
            shop.world.must(&[instruction], &[]);
        } else {
            shop.world.pass(DELIVERY_SECONDS + 1);
            let refund = sales::refund(&shop.listing, &purchase, &shop.buyer.pubkey());
            shop.world.must(&[refund], &[]);
        }
    }
}

#[test]
fn a_buyer_pays_only_what_it_agreed_to_for_what_it_has_seen() {
    let mut shop = Shop::new(1);
    let buyer = shop.buyer.insecure_clone();
    let good = BuyArguments {
        revision: 1,
        price: PRICE,
        buyer_key: secret(1).public().0,
    };
    let cases = [
        (
            BuyArguments {
                price: PRICE - 1,
                ..good
            },
            MarketError::PriceChanged,
        ),
        (
            BuyArguments {
                price: PRICE + 1,
                ..good
            },
            MarketError::PriceChanged,
        ),
        (BuyArguments { revision: 2, ..good }, MarketError::RevisionChanged),
        (
            BuyArguments {
                buyer_key: [0; 32],
                ..good
            },
            MarketError::BuyerKeyInvalid,
        ),
        (
            BuyArguments {
                buyer_key: [0xff; 32],
                ..good
            },
            MarketError::BuyerKeyInvalid,
        ),
    ];
    for (arguments, error) in cases {
        let instruction = sales::buy(&buyer.pubkey(), &shop.listing, 0, arguments);
        shop.world.refused(&[instruction], &[&buyer], error.code());
    }
    let seller = shop.seller.insecure_clone();
    shop.world
        .must(&[sales::withdraw_listing(&seller.pubkey(), &shop.listing)], &[&seller]);
    let instruction = sales::buy(&buyer.pubkey(), &shop.listing, 0, good);
    shop.world
        .refused(&[instruction], &[&buyer], MarketError::ListingWithdrawn.code());
}

#[test]
fn a_withdrawn_listing_still_delivers_what_was_bought() {
    let mut shop = Shop::new(1);
    let purchase = shop.buy(0, &secret(1));
    let stranger = shop.world.wallet("stranger");
    let seller = shop.seller.insecure_clone();
    shop.world.refused(
        &[sales::withdraw_listing(&stranger.pubkey(), &shop.listing)],
        &[&stranger],
        MarketError::NotSeller.code(),
    );
    shop.world
        .must(&[sales::withdraw_listing(&seller.pubkey(), &shop.listing)], &[&seller]);
    let listing: Listing = shop.world.read(&shop.listing);
    assert_eq!(listing.state, listing_state::WITHDRAWN);
    let delivery = shop.prove(&purchase);
    let instruction = shop.deliver_instruction(&purchase, &delivery);
    shop.world.must(&[instruction], &[]);
}

#[test]
fn only_the_buyer_rates_once_and_after_delivery() {
    let mut shop = Shop::new(1);
    let buyer = shop.buyer.insecure_clone();
    let purchase = shop.buy(0, &secret(1));
    let rate = |rating| sales::rate(&buyer.pubkey(), &shop.listing, &purchase, rating);
    let (early, zero, six, five, one) = (rate(5), rate(0), rate(6), rate(5), rate(1));
    shop.world
        .refused(&[early], &[&buyer], MarketError::NotDelivered.code());
    let delivery = shop.prove(&purchase);
    let instruction = shop.deliver_instruction(&purchase, &delivery);
    shop.world.must(&[instruction], &[]);
    shop.world.refused(&[zero], &[&buyer], MarketError::RatingRange.code());
    shop.world.refused(&[six], &[&buyer], MarketError::RatingRange.code());
    let stranger = shop.world.wallet("stranger");
    let foreign = sales::rate(&stranger.pubkey(), &shop.listing, &purchase, 1);
    shop.world
        .refused(&[foreign], &[&stranger], MarketError::NotBuyer.code());
    shop.world.must(&[five], &[&buyer]);
    shop.world.refused(&[one], &[&buyer], MarketError::RatedAlready.code());
    let listing: Listing = shop.world.read(&shop.listing);
    assert_eq!(
        (listing.ratings, listing.rating_sum, listing.mean_rating()),
        (1, 5, Some(500))
    );
    assert_eq!((listing.rated_volume, listing.weighted_ratings), (PRICE, 5 * PRICE));

    let other = shop.buy(1, &secret(2));
    let delivery = shop.prove(&other);
    let instruction = shop.deliver_instruction(&other, &delivery);
    shop.world.must(&[instruction], &[]);
    shop.world.pass(market::RATING_SECONDS + 1);
    let late = sales::rate(&buyer.pubkey(), &shop.listing, &other, 1);
    shop.world.refused(&[late], &[&buyer], MarketError::RatingLate.code());
}

#[test]
fn an_address_that_was_funded_beforehand_does_not_stop_a_purchase() {
    let mut shop = Shop::new(1);
    let purchase = market::purchase_address(&shop.listing, &shop.buyer.pubkey(), 0).0;
    let vault = market::vault_address(&purchase).0;
    shop.world.svm.airdrop(&purchase, 1_000_000).unwrap();
    shop.world.svm.airdrop(&vault, 1_000_000).unwrap();
    shop.buy(0, &secret(1));
    assert_eq!(shop.world.balance(&vault), PRICE);
    let account: Purchase = shop.world.read(&purchase);
    assert_eq!(account.state, purchase_state::OPEN);
}
