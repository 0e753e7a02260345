//! Points and scalars that are not what their bytes say, in every place where the program takes one.

use lumora_core::delivery::{BASE_POINT, Scalar};
use lumora_interface::market;
use lumora_market::instructions::{BuyArguments, CreateListingArguments};
use lumora_tests::sales;

use super::*;

/// The invalid encodings of RFC 9496, A.2.
const INVALID: [&str; 29] = [
    // Not reduced.
    "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    // Negative.
    "0100000000000000000000000000000000000000000000000000000000000000",
    "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20",
    "c34c4e1826e5d403b78e246e88aa051c36ccf0aafebffe137d148a2bf9104562",
    "c940e5a4404157cfb1628b108db051a8d439e1a421394ec4ebccb9ec92a8ac78",
    "47cfc5497c53dc8e61c91d17fd626ffb1c49e2bca94eed052281b510b1117a24",
    "f1c6165d33367351b0da8f6e4511010c68174a03b6581212c71c0e1d026c3c72",
    "87260f7a2f12495118360f02c26a470f450dadf34a413d21042b43b9d93e1309",
    // x squared is no square.
    "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
    "4eac077a713c57b4f4397629a4145982c661f48044dd3f96427d40b147d9742f",
    "de6a7b00deadc788eb6b6c8d20c0ae96c2f2019078fa604fee5b87d6e989ad87",
    "bcab477be20861e01e4a0e295284146a510150d9817763caf1a6f4b422d67042",
    "2a292df7e32cababbd9de088d1d1abec9fc0440f637ed2fba145094dc14bea08",
    "f4a9e534fc0d216c44b218fa0c42d99635a0127ee2e53c712f70609649fdff22",
    "8268436f8c4126196cf64b3c7ddbda90746a378625f9813dd9b8457077256731",
    "2810e5cbc2cc4d4eece54f61c6f69758e289aa7ab440b3cbeaa21995c2f4232b",
    // x times y is negative.
    "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e",
    "a45fdc55c76448c049a1ab33f17023edfb2be3581e9c7aade8a6125215e04220",
    "d483fe813c6ba647ebbfd3ec41adca1c6130c2beeee9d9bf065c8d151c5f396e",
    "8a2e1d30050198c65a54483123960ccc38aef6848e1ec8f5f780e8523769ba32",
    "32888462f8b486c68ad7dd9610be5192bbeaf3b443951ac1a8118419d9fa097b",
    "227142501b9d4355ccba290404bde41575b037693cef1f438c47f8fbf35d1165",
    "5c37cc491da847cfeb9281d407efc41e15144c876e0170b499a96a22ed31e01e",
    "445425117cb8c90edcbc7c1cc0e74f747f2c1efa5630a967c64f287792a48a4b",
    // y is zero.
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

fn invalid() -> impl Iterator<Item = [u8; 32]> {
    INVALID
        .iter()
        .map(|text| core::array::from_fn(|byte| u8::from_str_radix(&text[2 * byte..2 * byte + 2], 16).unwrap()))
}

#[test]
fn a_point_with_an_invalid_encoding_is_refused_wherever_it_is_passed() {
    let mut shop = Shop::new(1);
    let (buyer, seller) = (shop.buyer.insecure_clone(), shop.seller.insecure_clone());
    let purchase = shop.buy(0, &buyer_secret(1));
    let good = shop.prove(&purchase);
    for bytes in invalid() {
        for bad in [
            Delivery {
                ephemeral: Point(bytes),
                ..good
            },
            Delivery {
                sealed: Point(bytes),
                ..good
            },
        ] {
            let instruction = shop.deliver_instruction(&purchase, &bad);
            shop.world
                .refused(&[instruction], &[], MarketError::ProofInvalidPoint.code());
        }
        let arguments = BuyArguments {
            revision: 1,
            price: PRICE,
            buyer_key: bytes,
        };
        let buy = sales::buy(&buyer.pubkey(), &shop.listing, 1, arguments);
        shop.world
            .refused(&[buy], &[&buyer], MarketError::BuyerKeyInvalid.code());
        let terms = CreateListingArguments {
            listing_key: bytes,
            ..sales::terms(&shop.secret)
        };
        let create = sales::create_listing(&seller.pubkey(), 1, terms, &shop.payees);
        shop.world
            .refused(&[create], &[&seller], MarketError::ListingKeyInvalid.code());
    }
}

#[test]
fn the_identity_is_refused_wherever_it_is_passed() {
    let mut shop = Shop::new(1);
    let buyer = shop.buyer.insecure_clone();
    let purchase = shop.buy(0, &buyer_secret(1));
    let good = shop.prove(&purchase);
    for bad in [
        Delivery {
            ephemeral: Point::IDENTITY,
            ..good
        },
        Delivery {
            sealed: Point::IDENTITY,
            ..good
        },
    ] {
        let instruction = shop.deliver_instruction(&purchase, &bad);
        shop.world
            .refused(&[instruction], &[], MarketError::ProofIdentityPoint.code());
    }
    // With the identity for B, E would be s*H itself, for everybody to read.
    let arguments = BuyArguments {
        revision: 1,
        price: PRICE,
        buyer_key: [0; 32],
    };
    let buy = sales::buy(&buyer.pubkey(), &shop.listing, 1, arguments);
    shop.world
        .refused(&[buy], &[&buyer], MarketError::BuyerKeyInvalid.code());
}

#[test]
fn a_valid_point_that_is_another_one_is_refused() {
    let mut shop = Shop::new(1);
    let purchase = shop.buy(0, &buyer_secret(1));
    let good = shop.prove(&purchase);
    let account: Purchase = shop.world.read(&purchase);
    for point in [
        BASE_POINT,
        lumora_core::delivery::SECOND_GENERATOR,
        account.key(),
        shop.secret.public(),
        good.sealed,
        good.ephemeral,
    ] {
        for bad in [
            Delivery {
                ephemeral: point,
                ..good
            },
            Delivery { sealed: point, ..good },
        ] {
            if bad == good {
                continue;
            }
            let instruction = shop.deliver_instruction(&purchase, &bad);
            shop.world.refused(&[instruction], &[], MarketError::ProofWrong.code());
        }
    }
}

#[test]
fn a_response_that_is_not_below_the_group_order_is_refused() {
    /// Of the group, little-endian.
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut shop = Shop::new(1);
    let purchase = shop.buy(0, &buyer_secret(1));
    let good = shop.prove(&purchase);
    // The same number, written differently: accepted, there would be two transactions for one delivery.
    let second_form = |response: Scalar| {
        let mut carry = 0;
        Scalar(core::array::from_fn(|byte| {
            let sum = u16::from(response.0[byte]) + u16::from(ORDER[byte]) + carry;
            carry = sum >> 8;
            sum as u8
        }))
    };
    let bent = |change: &dyn Fn(&mut Proof)| {
        let mut delivery = good;
        change(&mut delivery.proof);
        delivery
    };
    for delivery in [
        bent(&|proof| proof.secret_response = second_form(proof.secret_response)),
        bent(&|proof| proof.ephemeral_response = second_form(proof.ephemeral_response)),
        bent(&|proof| proof.secret_response = Scalar(ORDER)),
        bent(&|proof| proof.ephemeral_response = Scalar([0xff; 32])),
    ] {
        let instruction = shop.deliver_instruction(&purchase, &delivery);
        shop.world.refused(&[instruction], &[], MarketError::ProofScalar.code());
    }
    // Zeros and a challenge of zero are canonical, and wrong.
    for delivery in [
        bent(&|proof| proof.challenge = [0; 16]),
        bent(&|proof| proof.secret_response = Scalar([0; 32])),
        bent(&|proof| *proof = Proof::from_bytes(&[0; 80])),
    ] {
        let instruction = shop.deliver_instruction(&purchase, &delivery);
        shop.world.refused(&[instruction], &[], MarketError::ProofWrong.code());
    }
    assert_eq!(
        shop.world.read::<Purchase>(&purchase).state,
        market::purchase_state::OPEN
    );
}
