//! A delivery with anything in it changed.

use super::*;

#[test]
fn every_changed_bit_is_refused() {
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
    let flips: Vec<u8> = (0..8).map(|bit| 1 << bit).chain([0x55, 0xaa, 0xff]).collect();
    let mut tried = 0;
    for byte in 1..good.data.len() {
        for flip in &flips {
            let mut bad = good.clone();
            bad.data[byte] ^= flip;
            let refused = shop.world.send(&[bad], &[]).unwrap_err();
            let error = refused.code.and_then(MarketError::from_code);
            assert!(
                error.is_some_and(|error| allowed.contains(&error)),
                "byte {byte}: {}",
                refused.text
            );
            tried += 1;
        }
    }
    assert_eq!(tried, 144 * 11);
    let account: Purchase = shop.world.read(&purchase);
    assert_eq!(account.state, purchase_state::OPEN);
    shop.world.must(&[good], &[]);
}

#[test]
fn parts_of_two_good_deliveries_do_not_make_a_third() {
    let mut shop = Shop::new(1);
    let purchase = shop.buy(0, &buyer_secret(1));
    let (a, b) = (
        shop.prove_with(&purchase, &[1; 32]),
        shop.prove_with(&purchase, &[2; 32]),
    );
    for mix in 1..31u8 {
        let pick = |bit: u8| if mix >> bit & 1 == 1 { &b } else { &a };
        let mixed = Delivery {
            ephemeral: pick(0).ephemeral,
            sealed: pick(1).sealed,
            proof: Proof {
                challenge: pick(2).proof.challenge,
                secret_response: pick(3).proof.secret_response,
                ephemeral_response: pick(4).proof.ephemeral_response,
            },
        };
        let instruction = shop.deliver_instruction(&purchase, &mixed);
        shop.world.refused(&[instruction], &[], MarketError::ProofWrong.code());
    }
    let instruction = shop.deliver_instruction(&purchase, &b);
    shop.world.must(&[instruction], &[]);
}
