//! Keys that are used again, copied, or chosen to do harm.

use curve25519_dalek::Scalar as DalekScalar;
use lumora_core::delivery::{BASE_POINT, SECOND_GENERATOR};
use lumora_interface::market;
use lumora_market::instructions::BuyArguments;
use lumora_tests::{sales, world::keypair};

use super::{
    prover::{decode, encode},
    *,
};

#[test]
fn a_buyer_that_uses_a_point_twice_tells_others_nothing() {
    let mut shop = Shop::new(1);
    let secret = buyer_secret(1);
    let purchases = [shop.buy(0, &secret), shop.buy(1, &secret)];
    let [first, second] = purchases.map(|purchase| {
        shop.deliver(&purchase);
        let account: Purchase = shop.world.read(&purchase);
        account.delivery().unwrap()
    });
    let shared = shop.secret.shared();
    for (ephemeral, sealed) in [first, second] {
        assert_eq!(
            open(&secret, &ephemeral, &sealed).unwrap().as_bytes(),
            shared.as_bytes()
        );
    }
    // The seller draws a new r for each, so the two deliveries have nothing in common to look at.
    assert_ne!(first.0, second.0);
    assert_ne!(first.1, second.1);
    // What everybody can compute of the two: b times a public point. The key is not in it.
    let difference = decode(&first.1) - decode(&second.1);
    let b = Option::<DalekScalar>::from(DalekScalar::from_canonical_bytes(*secret.to_bytes())).unwrap();
    assert_eq!(difference, b * (decode(&first.0) - decode(&second.0)));
    let key = decode(&Point(*shared.as_bytes()));
    for guess in [
        difference,
        decode(&first.1) + decode(&second.1),
        decode(&first.1) - decode(&second.0),
        decode(&first.1) - decode(&first.0),
    ] {
        assert_ne!(guess, key);
    }
}

#[test]
fn a_buyer_that_copies_anothers_point_pays_for_what_only_the_other_can_open() {
    let mut shop = Shop::new(1);
    let victim = buyer_secret(1);
    let theirs = shop.buy(0, &victim);
    let copier = keypair("copier", 0);
    shop.world.svm.airdrop(&copier.pubkey(), 1_000_000_000).unwrap();
    shop.world.gift(&copier.pubkey(), PRICE);
    let buy = shop.buy_instruction_of(&copier.pubkey(), 0, &victim);
    shop.world.must(&[buy], &[&copier]);
    let copied = market::purchase_address(&shop.listing, &copier.pubkey(), 0).0;
    shop.deliver(&copied);
    shop.deliver(&theirs);
    let (ephemeral, sealed) = shop.world.read::<Purchase>(&copied).delivery().unwrap();
    let shared = shop.secret.shared();
    for seed in 2..20 {
        let opened = open(&buyer_secret(seed), &ephemeral, &sealed).unwrap();
        assert_ne!(opened.as_bytes(), shared.as_bytes());
    }
    assert_eq!(
        open(&victim, &ephemeral, &sealed).unwrap().as_bytes(),
        shared.as_bytes()
    );
}

#[test]
fn a_point_without_a_known_secret_does_not_help_a_buyer() {
    let mut shop = Shop::new(1);
    let buyer = shop.buyer.insecure_clone();
    let p = shop.secret.public();
    let minus_h = encode(&-decode(&SECOND_GENERATOR));
    let hp = encode(&(decode(&SECOND_GENERATOR) + decode(&p)));
    // H, -H, P, H + P: of none of them does the buyer know the logarithm, and E is sealed all the same.
    for (index, point) in (0u32..).zip([SECOND_GENERATOR, minus_h, p, hp]) {
        let arguments = BuyArguments {
            revision: 1,
            price: PRICE,
            buyer_key: point.0,
        };
        let buy = sales::buy(&buyer.pubkey(), &shop.listing, index, arguments);
        shop.world.must(&[buy], &[&buyer]);
        let purchase = market::purchase_address(&shop.listing, &buyer.pubkey(), index).0;
        shop.deliver(&purchase);
        let (ephemeral, sealed) = shop.world.read::<Purchase>(&purchase).delivery().unwrap();
        let key = decode(&Point(*shop.secret.shared().as_bytes()));
        let (e, r) = (decode(&sealed), decode(&ephemeral));
        for guess in [e, -e, r, -r, e - r, e + r, e - decode(&p), e - decode(&point)] {
            assert_ne!(guess, key);
        }
    }
    // With G for B, b is one, and everybody can open what this buyer pays for: its own choice, like telling b.
    let arguments = BuyArguments {
        revision: 1,
        price: PRICE,
        buyer_key: BASE_POINT.0,
    };
    let buy = sales::buy(&buyer.pubkey(), &shop.listing, 9, arguments);
    shop.world.must(&[buy], &[&buyer]);
    let purchase = market::purchase_address(&shop.listing, &buyer.pubkey(), 9).0;
    shop.deliver(&purchase);
    let (ephemeral, sealed) = shop.world.read::<Purchase>(&purchase).delivery().unwrap();
    assert_eq!(
        encode(&(decode(&sealed) - decode(&ephemeral))).0,
        *shop.secret.shared().as_bytes()
    );
}
