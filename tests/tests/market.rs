//! Program `market`: who may list, buy, deliver, refund and rate, and where the money goes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use lumora_core::delivery::dalek::BuyerSecret;
use lumora_interface::{
    Event,
    market::{
        self, DatasetBought, DatasetDelivered, Listing, MarketError, Purchase, PurchaseRefunded, listing_state,
        purchase_state,
    },
    rewards,
};
use lumora_market::instructions::{BuyArguments, CreateListingArguments};
use lumora_tests::{
    Sent, World,
    sales::{self, DELIVERY_SECONDS, PRICE, Shop},
    world::{LMR, keypair},
};
use solana_signer::Signer;

fn secret(seed: u8) -> BuyerSecret {
    BuyerSecret::from_entropy(&[seed; 64])
}

fn event<T: Event>(sent: &Sent) -> T {
    sent.inner
        .iter()
        .find_map(|data| T::from_event_data(data))
        .expect("the event was recorded")
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
    let bought: DatasetBought = event(&sent);
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
    assert!(
        shop.world
            .svm
            .get_account(&vault)
            .is_none_or(|account| account.lamports == 0)
    );
    assert!(
        shop.world.svm.get_balance(&buyer.pubkey()).unwrap() > lamports,
        "the vault's rent came back"
    );
    let delivered: DatasetDelivered = event(&sent);
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
    assert_eq!(event::<PurchaseRefunded>(&sent).amount, PRICE);
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
fn a_delivery_pays_the_listed_payees_and_nobody_else() {
    let mut shop = Shop::new(2);
    let purchase = shop.buy(0, &secret(1));
    let delivery = shop.prove(&purchase);
    let thief = keypair("thief", 0).pubkey();
    let thief_tokens = shop.world.lmr_account(&thief);
    let good = shop.deliver_instruction(&purchase, &delivery);
    let first_payee = good.accounts.len() - 2;

    let mut stolen = good.clone();
    stolen.accounts[first_payee].pubkey = thief_tokens;
    shop.world
        .refused(&[stolen], &[], MarketError::WrongTokenAccount.code());
    let mut swapped = good.clone();
    swapped.accounts.swap(first_payee, first_payee + 1);
    shop.world
        .refused(&[swapped], &[], MarketError::WrongTokenAccount.code());
    let mut short = good.clone();
    short.accounts.pop();
    shop.world
        .refused(&[short], &[], MarketError::PayeeAccountMissing.code());
    let mut fee_to_thief = good.clone();
    fee_to_thief.accounts[4].pubkey = thief_tokens;
    shop.world
        .refused(&[fee_to_thief], &[], MarketError::WrongTreasury.code());
    let mut rent_to_thief = good.clone();
    rent_to_thief.accounts[3].pubkey = thief;
    shop.world.refused(&[rent_to_thief], &[], MarketError::NotBuyer.code());

    // A vault of another purchase of the same listing and buyer.
    let other = shop.buy(1, &secret(2));
    let mut other_vault = good.clone();
    other_vault.accounts[2].pubkey = market::vault_address(&other).0;
    shop.world.refused(&[other_vault], &[], MarketError::WrongVault.code());
    shop.world.must(&[good], &[]);
}

#[test]
fn a_delivery_through_another_listing_is_refused() {
    let mut shop = Shop::new(1);
    let seller = shop.seller.insecure_clone();
    let payees = shop.payees.clone();
    let terms = sales::terms(&shop.secret);
    shop.world.must(
        &[sales::create_listing(&seller.pubkey(), 1, terms, &payees)],
        &[&seller],
    );
    let purchase = shop.buy(0, &secret(1));
    let delivery = shop.prove(&purchase);
    let mut instruction = shop.deliver_instruction(&purchase, &delivery);
    instruction.accounts[0].pubkey = market::listing_address(&seller.pubkey(), 1).0;
    shop.world
        .refused(&[instruction], &[], MarketError::WrongListing.code());
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

    let other = shop.buy(1, &secret(2));
    let delivery = shop.prove(&other);
    let instruction = shop.deliver_instruction(&other, &delivery);
    shop.world.must(&[instruction], &[]);
    shop.world.pass(market::RATING_SECONDS + 1);
    let late = sales::rate(&buyer.pubkey(), &shop.listing, &other, 1);
    shop.world.refused(&[late], &[&buyer], MarketError::RatingLate.code());
}

#[test]
fn a_listing_that_could_not_be_sold_is_refused() {
    let mut shop = Shop::empty(2);
    let good = sales::terms(&shop.secret);
    let [a, b] = [shop.payees[0].0, shop.payees[1].0];
    let halves = [(a, 5_000), (b, 5_000)];
    let cases: Vec<(CreateListingArguments, Vec<(solana_address::Address, u16)>, MarketError)> = vec![
        (
            CreateListingArguments { price: 0, ..good },
            halves.to_vec(),
            MarketError::PriceZero,
        ),
        (
            CreateListingArguments {
                delivery_seconds: 0,
                ..good
            },
            halves.to_vec(),
            MarketError::DeliveryTimeRange,
        ),
        (
            CreateListingArguments {
                delivery_seconds: market::MAX_DELIVERY_SECONDS + 1,
                ..good
            },
            halves.to_vec(),
            MarketError::DeliveryTimeRange,
        ),
        (
            CreateListingArguments {
                listing_key: [0; 32],
                ..good
            },
            halves.to_vec(),
            MarketError::ListingKeyInvalid,
        ),
        (
            CreateListingArguments {
                listing_key: [0xff; 32],
                ..good
            },
            halves.to_vec(),
            MarketError::ListingKeyInvalid,
        ),
        (
            CreateListingArguments {
                plaintext_root: [0; 32],
                ..good
            },
            halves.to_vec(),
            MarketError::HashMissing,
        ),
        (
            CreateListingArguments { rows: 0, ..good },
            halves.to_vec(),
            MarketError::EmptyDataset,
        ),
        (good, vec![], MarketError::PayeeCount),
        (good, vec![(a, 10_000), (b, 1)], MarketError::SharesSum),
        (good, vec![(a, 9_999)], MarketError::SharesSum),
        (good, vec![(a, 10_000), (b, 0)], MarketError::SharesSum),
        (good, vec![(a, 5_000), (a, 5_000)], MarketError::PayeeMissing),
        (
            good,
            vec![(solana_address::Address::default(), 10_000)],
            MarketError::PayeeMissing,
        ),
    ];
    for (arguments, payees, error) in cases {
        let refused = shop.list(arguments, &payees).unwrap_err();
        assert_eq!(refused.code, Some(error.code()), "{error:?}: {}", refused.text);
    }
    let nine: Vec<_> = (0..9).map(|index| (keypair("payee", index).pubkey(), 1_000)).collect();
    let refused = shop.list(good, &nine).unwrap_err();
    assert_eq!(refused.code, Some(MarketError::PayeeCount.code()), "{}", refused.text);
    shop.list(good, &halves).unwrap();
}

#[test]
fn only_the_authority_names_the_treasury_and_it_must_hold_lmr() {
    let mut world = World::new(0);
    world.deploy(market::ID, "market");
    let treasury = world.lmr_account(&keypair("treasury", 0).pubkey());
    let stranger = world.wallet("stranger");
    let foreign = sales::initialize(&stranger.pubkey(), &treasury);
    world.refused(&[foreign], &[&stranger], MarketError::NotAuthority.code());
    let authority = world.authority.insecure_clone();
    let no_account = sales::initialize(&authority.pubkey(), &stranger.pubkey());
    world.refused(&[no_account], &[&authority], MarketError::WrongTreasury.code());
    world.must(&[sales::initialize(&authority.pubkey(), &treasury)], &[&authority]);
    let again = sales::initialize(&authority.pubkey(), &treasury);
    assert!(world.send(&[again], &[&authority]).is_err());
}

#[test]
fn a_purchase_is_paid_in_lmr_out_of_the_buyers_own_account() {
    let mut shop = Shop::new(1);
    let buyer = shop.buyer.insecure_clone();
    let good = shop.buy_instruction(0, &secret(1));
    let victim = keypair("victim", 0).pubkey();
    let mut stolen = good.clone();
    stolen.accounts[6].pubkey = shop.world.grant(&victim, 100 * LMR);
    shop.world
        .refused(&[stolen], &[&buyer], MarketError::WrongTokenAccount.code());
    let mut foreign = good.clone();
    foreign.accounts[5].pubkey = shop.world.foreign_mint(&buyer.pubkey());
    shop.world.refused(&[foreign], &[&buyer], MarketError::WrongMint.code());
    let mut wrong_vault = good.clone();
    wrong_vault.accounts[4].pubkey = market::vault_address(&rewards::MINT).0;
    shop.world
        .refused(&[wrong_vault], &[&buyer], MarketError::WrongVault.code());
    shop.world.must(&[good], &[&buyer]);
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
