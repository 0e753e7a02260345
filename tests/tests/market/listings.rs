//! Listings: what is refused at creation, what a seller may change later, and how they end.

use lumora_interface::market::{
    ListingClosed, ListingUpdated, ListingWithdrawn, MAX_DELIVERY_SECONDS, RATING_SECONDS, listing_address,
};
use lumora_market::instructions::{CreateListingArguments, UpdateListingArguments};
use lumora_tests::world::keypair;

use super::*;

/// Seconds from the withdrawal of a listing with sales in which nobody may close it.
const KEPT_SECONDS: i64 = MAX_DELIVERY_SECONDS as i64 + RATING_SECONDS;

fn update() -> UpdateListingArguments {
    UpdateListingArguments {
        price: 2 * PRICE,
        delivery_seconds: 2 * DELIVERY_SECONDS,
        metadata_hash: [12; 32],
        uri_hash: [13; 32],
    }
}

#[test]
fn a_listing_that_could_not_be_sold_is_refused() {
    let mut shop = Shop::empty(2);
    let good = sales::terms(&shop.secret);
    let [a, b] = [shop.payees[0].0, shop.payees[1].0];
    let halves = [(a, 5_000), (b, 5_000)];
    let nine: Vec<_> = (0..9).map(|index| (keypair("payee", index).pubkey(), 1_000)).collect();
    // Two more than the field's prime: not reduced.
    let mut unreduced = [0xff; 32];
    (unreduced[0], unreduced[31]) = (0xef, 0x7f);
    let bent = |change: fn(&mut CreateListingArguments)| {
        let mut arguments = good;
        change(&mut arguments);
        arguments
    };
    let mut cases = vec![
        (bent(|terms| terms.price = 0), halves.to_vec(), MarketError::PriceZero),
        (
            bent(|terms| terms.delivery_seconds = 0),
            halves.to_vec(),
            MarketError::DeliveryTimeRange,
        ),
        (
            bent(|terms| terms.delivery_seconds = MAX_DELIVERY_SECONDS + 1),
            halves.to_vec(),
            MarketError::DeliveryTimeRange,
        ),
        (
            bent(|terms| terms.dataset_id = [0; 32]),
            halves.to_vec(),
            MarketError::HashMissing,
        ),
        (
            bent(|terms| terms.metadata_hash = [0; 32]),
            halves.to_vec(),
            MarketError::HashMissing,
        ),
        (
            bent(|terms| terms.content_hash = [0; 32]),
            halves.to_vec(),
            MarketError::HashMissing,
        ),
        (
            bent(|terms| terms.ciphertext_root = [0; 32]),
            halves.to_vec(),
            MarketError::HashMissing,
        ),
        (
            bent(|terms| terms.plaintext_root = [0; 32]),
            halves.to_vec(),
            MarketError::HashMissing,
        ),
        (
            bent(|terms| terms.provenance_root = [0; 32]),
            halves.to_vec(),
            MarketError::HashMissing,
        ),
        (bent(|terms| terms.rows = 0), halves.to_vec(), MarketError::EmptyDataset),
        (
            bent(|terms| terms.segments = 0),
            halves.to_vec(),
            MarketError::EmptyDataset,
        ),
        (good, vec![], MarketError::PayeeCount),
        (good, nine, MarketError::PayeeCount),
        (good, vec![(a, 10_000), (b, 1)], MarketError::SharesSum),
        (good, vec![(a, 9_999)], MarketError::SharesSum),
        (good, vec![(a, 10_000), (b, 0)], MarketError::SharesSum),
        // 65,536 more than one: the sum must not be taken in 16 bits.
        (
            good,
            (0..8).map(|index| (keypair("payee", index).pubkey(), 9_442)).collect(),
            MarketError::SharesSum,
        ),
        (good, vec![(a, 5_000), (a, 5_000)], MarketError::PayeeMissing),
        (good, vec![(Address::default(), 10_000)], MarketError::PayeeMissing),
    ];
    for listing_key in [[0; 32], [0xff; 32], unreduced] {
        let arguments = CreateListingArguments { listing_key, ..good };
        cases.push((arguments, halves.to_vec(), MarketError::ListingKeyInvalid));
    }
    let seller = shop.seller.insecure_clone();
    for (arguments, payees, error) in cases {
        let create = sales::create_listing(&seller.pubkey(), 0, arguments, &payees);
        shop.world.refused(&[create], &[&seller], error.code());
    }
    shop.list(good, &halves).unwrap();
    let create = sales::create_listing(&seller.pubkey(), 0, good, &halves);
    shop.world.refused_with(&[create], &[&seller], "already in use");
}

#[test]
fn the_seller_changes_the_terms_for_later_sales_and_nothing_else() {
    let mut shop = Shop::new(2);
    let before = shop.terms();
    let seller = shop.seller.insecure_clone();
    shop.world.pass(5);
    let sent = shop.world.must(
        &[sales::update_listing(&seller.pubkey(), &shop.listing, update())],
        &[&seller],
    );
    let changed = Listing {
        revision: 2,
        price: 2 * PRICE,
        delivery_seconds: 2 * DELIVERY_SECONDS,
        metadata_hash: [12; 32],
        uri_hash: [13; 32],
        updated_at: shop.world.now(),
        ..before
    };
    assert_eq!(shop.terms(), changed);
    let event: ListingUpdated = sent.event();
    assert_eq!(
        (event.listing, event.revision, event.price),
        (shop.listing, 2, 2 * PRICE)
    );
    assert_eq!((event.metadata_hash, event.uri_hash), ([12; 32], [13; 32]));

    // What is bought from now on has the new terms.
    let account = shop.buy(0, &secret(1));
    let purchase: Purchase = shop.world.read(&account);
    assert_eq!((purchase.amount, purchase.revision), (2 * PRICE, 2));
    assert_eq!(purchase.deadline, shop.world.now() + i64::from(2 * DELIVERY_SECONDS));
}

#[test]
fn a_change_of_terms_that_is_not_the_sellers_or_makes_no_sense_is_refused() {
    let mut shop = Shop::new(1);
    let seller = shop.seller.insecure_clone();
    let cases = [
        (UpdateListingArguments { price: 0, ..update() }, MarketError::PriceZero),
        (
            UpdateListingArguments {
                delivery_seconds: 0,
                ..update()
            },
            MarketError::DeliveryTimeRange,
        ),
        (
            UpdateListingArguments {
                delivery_seconds: MAX_DELIVERY_SECONDS + 1,
                ..update()
            },
            MarketError::DeliveryTimeRange,
        ),
        (
            UpdateListingArguments {
                metadata_hash: [0; 32],
                ..update()
            },
            MarketError::HashMissing,
        ),
    ];
    for (arguments, error) in cases {
        let change = sales::update_listing(&seller.pubkey(), &shop.listing, arguments);
        shop.world.refused(&[change], &[&seller], error.code());
    }
    let stranger = shop.world.wallet("stranger");
    let foreign = sales::update_listing(&stranger.pubkey(), &shop.listing, update());
    shop.world
        .refused(&[foreign], &[&stranger], MarketError::NotSeller.code());
    // Nor in the seller's name without its signature.
    let mut unsigned = sales::update_listing(&seller.pubkey(), &shop.listing, update());
    unsigned.accounts[0].is_signer = false;
    shop.world.refused_with(&[unsigned], &[], "MissingRequiredSignature");
    shop.withdraw();
    let late = sales::update_listing(&seller.pubkey(), &shop.listing, update());
    shop.world
        .refused(&[late], &[&seller], MarketError::ListingWithdrawn.code());
}

#[test]
fn a_change_of_terms_does_not_touch_what_was_bought() {
    let mut shop = Shop::new(3);
    shop.bond(PRICE);
    let (delivered, late) = (shop.buy(0, &secret(1)), shop.buy(1, &secret(2)));
    let seller = shop.seller.insecure_clone();
    let mut change = update();
    (change.price, change.delivery_seconds) = (1, MAX_DELIVERY_SECONDS);
    shop.world.must(
        &[sales::update_listing(&seller.pubkey(), &shop.listing, change)],
        &[&seller],
    );
    // The price, its split and the deadline are those of the time of the purchase, and so is what a rating weighs.
    let payees: u64 = shop.payee_tokens.iter().map(|tokens| shop.world.balance(tokens)).sum();
    shop.deliver(&delivered);
    let paid: u64 = shop.payee_tokens.iter().map(|tokens| shop.world.balance(tokens)).sum();
    assert_eq!(paid - payees, PRICE * 99 / 100);
    let buyer = shop.buyer.insecure_clone();
    shop.world
        .must(&[sales::rate(&buyer.pubkey(), &shop.listing, &delivered, 2)], &[&buyer]);
    let rated = shop.terms();
    assert_eq!((rated.rated_volume, rated.weighted_ratings), (PRICE, 2 * PRICE));
    shop.world.pass(DELIVERY_SECONDS + 1);
    let instruction = shop.deliver_instruction(&late, &shop.prove(&late));
    shop.world
        .refused(&[instruction], &[], MarketError::DeliveryLate.code());
    // So is the penalty.
    let before = shop.world.balance(&shop.buyer_tokens);
    let refund = sales::refund(&shop.listing, &late, &shop.buyer.pubkey());
    shop.world.must(&[refund], &[]);
    assert_eq!(shop.world.balance(&shop.buyer_tokens), before + PRICE + PRICE / 10);
}

#[test]
fn a_buyer_who_was_overtaken_by_a_change_pays_nothing() {
    let mut shop = Shop::new(1);
    let (buyer, seller) = (shop.buyer.insecure_clone(), shop.seller.insecure_clone());
    let signed_before = shop.buy_instruction(0, &secret(1));
    // Even one that leaves the price alone: what is promised of the data may be another thing now.
    let mut change = update();
    change.price = PRICE;
    shop.world.must(
        &[sales::update_listing(&seller.pubkey(), &shop.listing, change)],
        &[&seller],
    );
    shop.world.refused(
        std::slice::from_ref(&signed_before),
        &[&buyer],
        MarketError::RevisionChanged.code(),
    );
    // The same in one transaction of a seller that goes first.
    let change = sales::update_listing(&seller.pubkey(), &shop.listing, update());
    let current = shop.buy_instruction(0, &secret(1));
    shop.world.refused(
        &[change, current],
        &[&buyer, &seller],
        MarketError::RevisionChanged.code(),
    );
}

#[test]
fn a_listing_is_withdrawn_once_and_by_its_seller() {
    let mut shop = Shop::new(1);
    let (seller, stranger) = (shop.seller.insecure_clone(), shop.world.wallet("stranger"));
    shop.buy(0, &secret(1));
    let foreign = sales::withdraw_listing(&stranger.pubkey(), &shop.listing);
    shop.world
        .refused(&[foreign], &[&stranger], MarketError::NotSeller.code());
    let withdraw = sales::withdraw_listing(&seller.pubkey(), &shop.listing);
    let sent = shop.world.must(std::slice::from_ref(&withdraw), &[&seller]);
    let event: ListingWithdrawn = sent.event();
    assert_eq!((event.listing, event.open_purchases), (shop.listing, 1));
    // A second withdrawal would set the time from which the account may be closed anew.
    shop.world
        .refused(&[withdraw], &[&seller], MarketError::ListingWithdrawn.code());
}

#[test]
fn a_listing_without_sales_closes_at_once_and_gives_its_rent_back() {
    let mut shop = Shop::empty(1);
    let seller = shop.seller.insecure_clone();
    let lamports = shop.world.svm.get_balance(&seller.pubkey()).unwrap();
    let (terms, payees) = (sales::terms(&shop.secret), shop.payees.clone());
    shop.list(terms, &payees).unwrap();
    let close = sales::close_listing(&seller.pubkey(), &shop.listing);
    shop.world
        .refused(std::slice::from_ref(&close), &[], MarketError::ListingActive.code());
    shop.withdraw();
    let thief = shop.world.wallet("thief");
    shop.world.refused(
        &[with(&close, 1, thief.pubkey())],
        &[],
        MarketError::WrongRentPayer.code(),
    );
    // Nobody signs but who pays for the transaction.
    let sent = shop.world.must(&[close], &[]);
    let event: ListingClosed = sent.event();
    assert_eq!(
        (event.listing, event.seller, event.sales),
        (shop.listing, seller.pubkey(), 0)
    );
    assert!(is_gone(&shop, &shop.listing));
    assert_eq!(shop.world.svm.get_balance(&seller.pubkey()).unwrap(), lamports);
}

#[test]
fn a_listing_with_sales_stays_until_its_buyers_can_no_longer_rate() {
    let mut shop = Shop::new(1);
    let (buyer, seller) = (shop.buyer.insecure_clone(), shop.seller.insecure_clone());
    let (purchase, open) = (shop.buy(0, &secret(1)), shop.buy(1, &secret(2)));
    shop.deliver(&purchase);
    shop.withdraw();
    let close = sales::close_listing(&seller.pubkey(), &shop.listing);
    shop.world
        .refused(std::slice::from_ref(&close), &[], MarketError::OpenPurchases.code());
    shop.world.pass(DELIVERY_SECONDS);
    shop.deliver(&open);
    shop.world.pass(KEPT_SECONDS - i64::from(DELIVERY_SECONDS));
    shop.world
        .refused(std::slice::from_ref(&close), &[], MarketError::BuyersMayRate.code());
    shop.world.pass(1);
    shop.world.must(&[close], &[]);

    // The delivery outlives the listing: the buyer's secret and the purchase give the content key.
    let account: Purchase = shop.world.read(&purchase);
    let (ephemeral, sealed) = account.delivery().unwrap();
    let opened = lumora_core::delivery::dalek::open(&secret(1), &ephemeral, &sealed).unwrap();
    assert_eq!(
        *opened.content_key(&account.dataset_id),
        *shop.secret.shared().content_key(&[1; 32])
    );

    // A new listing at that address does not inherit the buyers of the old one.
    let (terms, payees) = (sales::terms(&shop.secret), shop.payees.clone());
    shop.list(terms, &payees).unwrap();
    let rate = sales::rate(&buyer.pubkey(), &shop.listing, &purchase, 1);
    shop.world.refused(&[rate], &[&buyer], MarketError::RatingLate.code());
    let listing = shop.terms();
    assert_eq!((listing.sales, listing.ratings, listing.revision), (0, 0, 1));
    // Nor can a copy of the old one be paid for again by mistake: its account is there.
    let again = shop.buy_instruction(0, &secret(1));
    shop.world.refused_with(&[again], &[&buyer], "already in use");
}

#[test]
fn what_was_bought_at_the_last_moment_can_be_rated_before_the_listing_closes() {
    let mut shop = Shop::empty(1);
    let (mut terms, payees) = (sales::terms(&shop.secret), shop.payees.clone());
    terms.delivery_seconds = MAX_DELIVERY_SECONDS;
    shop.list(terms, &payees).unwrap();
    let buyer = shop.buyer.insecure_clone();
    let purchase = shop.buy(0, &secret(1));
    shop.withdraw();
    shop.world.pass(MAX_DELIVERY_SECONDS);
    shop.deliver(&purchase);
    shop.world.pass(RATING_SECONDS);
    let close = sales::close_listing(&shop.seller.pubkey(), &shop.listing);
    shop.world
        .refused(std::slice::from_ref(&close), &[], MarketError::BuyersMayRate.code());
    let rate = sales::rate(&buyer.pubkey(), &shop.listing, &purchase, 3);
    shop.world.must(&[rate], &[&buyer]);
    shop.world.pass(1);
    shop.world.must(&[close], &[]);
}

#[test]
fn two_listings_of_one_seller_and_one_secret_do_not_mix() {
    let mut shop = Shop::new(1);
    let seller = shop.seller.insecure_clone();
    let (terms, payees) = (sales::terms(&shop.secret), shop.payees.clone());
    shop.world.must(
        &[sales::create_listing(&seller.pubkey(), 1, terms, &payees)],
        &[&seller],
    );
    let other = listing_address(&seller.pubkey(), 1).0;
    let purchase = shop.buy(0, &secret(1));
    let delivery = shop.prove(&purchase);
    let deliver = with(&shop.deliver_instruction(&purchase, &delivery), 0, other);
    shop.world.refused(&[deliver], &[], MarketError::WrongListing.code());
    shop.world.pass(DELIVERY_SECONDS + 1);
    let refund = with(&sales::refund(&shop.listing, &purchase, &shop.buyer.pubkey()), 0, other);
    shop.world.refused(&[refund], &[], MarketError::WrongListing.code());
}
