//! The delivery proof as the program checks it: only the seller's own, for this very purchase, and only once.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_COMPRESSED;
use lumora_core::delivery::{
    Delivery, Point, Proof, Scalar,
    dalek::{BuyerSecret, open},
};
use lumora_interface::market::{MarketError, Purchase, purchase_state};
use lumora_tests::sales::Shop;

fn buyer_secret(seed: u8) -> BuyerSecret {
    BuyerSecret::from_entropy(&[seed; 64])
}

#[test]
fn the_chain_accepts_the_delivery_and_the_buyer_gets_the_key() {
    let mut shop = Shop::new(3);
    let secret = buyer_secret(1);
    let purchase = shop.buy(0, &secret);
    let delivery = shop.prove(&purchase);
    let instruction = shop.deliver_instruction(&purchase, &delivery);
    shop.world.must(&[instruction], &[]);

    let account: Purchase = shop.world.read(&purchase);
    assert_eq!(account.state, purchase_state::DELIVERED);
    let (ephemeral, sealed) = account.delivery().unwrap();
    let opened = open(&secret, &ephemeral, &sealed).unwrap();
    assert_eq!(
        *opened.content_key(&[1; 32]),
        *shop.secret.shared().content_key(&[1; 32])
    );
}

#[test]
fn every_changed_byte_is_refused() {
    let mut shop = Shop::new(1);
    let purchase = shop.buy(0, &buyer_secret(1));
    let delivery = shop.prove(&purchase);
    let good = shop.deliver_instruction(&purchase, &delivery);
    let allowed = [
        MarketError::ProofWrong,
        MarketError::ProofInvalidPoint,
        MarketError::ProofScalar,
        MarketError::ProofIdentityPoint,
    ];
    // One byte of discriminator, then R, E and the proof.
    assert_eq!(good.data.len(), 1 + 144);
    for byte in 1..good.data.len() {
        for flip in [0x01, 0x80] {
            let mut bad = good.clone();
            bad.data[byte] ^= flip;
            let refused = shop.world.send(&[bad], &[]).unwrap_err();
            let error = refused.code.and_then(MarketError::from_code);
            assert!(
                error.is_some_and(|error| allowed.contains(&error)),
                "byte {byte}: {}",
                refused.text
            );
        }
    }
    let account: Purchase = shop.world.read(&purchase);
    assert_eq!(account.state, purchase_state::OPEN);
    shop.world.must(&[good], &[]);
}

#[test]
fn the_proof_of_another_purchase_is_worth_nothing() {
    let mut shop = Shop::new(1);
    // The same buyer, the same point, another purchase: all but the purchase's address is equal.
    let (first, second) = (shop.buy(0, &buyer_secret(1)), shop.buy(1, &buyer_secret(1)));
    let delivery = shop.prove(&first);
    let swapped = shop.deliver_instruction(&second, &delivery);
    shop.world.refused(&[swapped], &[], MarketError::ProofWrong.code());
    let right = shop.deliver_instruction(&first, &delivery);
    shop.world.must(&[right], &[]);
}

#[test]
fn a_delivery_cannot_be_replayed() {
    let mut shop = Shop::new(1);
    let purchase = shop.buy(0, &buyer_secret(1));
    let delivery = shop.prove(&purchase);
    let instruction = shop.deliver_instruction(&purchase, &delivery);
    shop.world.must(std::slice::from_ref(&instruction), &[]);
    shop.world.refused(&[instruction], &[], MarketError::NotOpen.code());
}

#[test]
fn wrong_points_are_named() {
    let mut shop = Shop::new(1);
    let purchase = shop.buy(0, &buyer_secret(1));
    let good = shop.prove(&purchase);
    let other_point = Point(RISTRETTO_BASEPOINT_COMPRESSED.to_bytes());
    let cases = [
        (
            Delivery {
                ephemeral: Point::IDENTITY,
                ..good
            },
            MarketError::ProofIdentityPoint,
        ),
        (
            Delivery {
                sealed: Point::IDENTITY,
                ..good
            },
            MarketError::ProofIdentityPoint,
        ),
        (
            Delivery {
                sealed: Point([0xff; 32]),
                ..good
            },
            MarketError::ProofInvalidPoint,
        ),
        (
            Delivery {
                ephemeral: other_point,
                ..good
            },
            MarketError::ProofWrong,
        ),
        (
            Delivery {
                sealed: other_point,
                ..good
            },
            MarketError::ProofWrong,
        ),
        (
            Delivery {
                ephemeral: good.sealed,
                sealed: good.ephemeral,
                ..good
            },
            MarketError::ProofWrong,
        ),
        (
            Delivery {
                proof: Proof {
                    secret_response: Scalar([0xff; 32]),
                    ..good.proof
                },
                ..good
            },
            MarketError::ProofScalar,
        ),
    ];
    for (delivery, error) in cases {
        let instruction = shop.deliver_instruction(&purchase, &delivery);
        shop.world.refused(&[instruction], &[], error.code());
    }
}

#[test]
fn the_chain_and_dalek_agree_on_many_deliveries() {
    let mut shop = Shop::new(1);
    for seed in 1..9 {
        let purchase = shop.buy(u32::from(seed), &buyer_secret(seed));
        let delivery = shop.prove(&purchase);
        let instruction = shop.deliver_instruction(&purchase, &delivery);
        shop.world.must(&[instruction], &[]);
    }
}
