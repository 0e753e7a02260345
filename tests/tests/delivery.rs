//! The delivery proof as the program checks it: only the seller's own, for this very purchase, and only once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on must stop"
)]

#[path = "delivery/encodings.rs"]
mod encodings;
#[path = "delivery/equivalence.rs"]
mod equivalence;
#[path = "delivery/keys.rs"]
mod keys;
#[path = "delivery/mutations.rs"]
mod mutations;
#[path = "delivery/prover.rs"]
mod prover;

use lumora_core::delivery::{
    Delivery, Point, Proof,
    dalek::{BuyerSecret, open},
};
use lumora_interface::market::{MarketError, Purchase, purchase_state};
use lumora_tests::sales::{PRICE, Shop};
use solana_signer::Signer;

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
fn the_chain_and_dalek_agree_on_many_deliveries() {
    let mut shop = Shop::new(1);
    for seed in 1..9 {
        let purchase = shop.buy(u32::from(seed), &buyer_secret(seed));
        let delivery = shop.prove(&purchase);
        let instruction = shop.deliver_instruction(&purchase, &delivery);
        shop.world.must(&[instruction], &[]);
    }
}

#[test]
fn anybody_may_bring_a_delivery_that_is_valid() {
    let mut shop = Shop::new(1);
    let purchase = shop.buy(0, &buyer_secret(1));
    let deliver = shop.deliver_instruction(&purchase, &shop.prove(&purchase));
    assert!(deliver.accounts.iter().all(|meta| !meta.is_signer));
    // The stranger pays for the transaction, and gets nothing for it.
    let stranger = shop.world.wallet("stranger");
    let lamports = shop.world.svm.get_balance(&stranger.pubkey()).unwrap();
    shop.world.payer = stranger.insecure_clone();
    shop.world.must(&[deliver], &[]);
    assert!(shop.world.svm.get_balance(&stranger.pubkey()).unwrap() < lamports);
    assert_eq!(shop.world.balance(&shop.payee_tokens[0]), PRICE * 99 / 100);
}

#[test]
fn a_proof_is_worth_nothing_for_another_buyer_listing_or_network() {
    use lumora_interface::{market, market::Listing, registry};
    use lumora_tests::{sales, world::keypair};

    let mut shop = Shop::new(1);
    // Another buyer with the same point, the same number and the same terms.
    let other = keypair("other buyer", 0);
    shop.world.svm.airdrop(&other.pubkey(), 1_000_000_000).unwrap();
    shop.world.gift(&other.pubkey(), PRICE);
    let first = shop.buy(0, &buyer_secret(1));
    let buy = shop.buy_instruction_of(&other.pubkey(), 0, &buyer_secret(1));
    shop.world.must(&[buy], &[&other]);
    let second = market::purchase_address(&shop.listing, &other.pubkey(), 0).0;
    let delivery = shop.prove(&first);
    let swapped = shop.deliver_instruction(&second, &delivery);
    shop.world.refused(&[swapped], &[], MarketError::ProofWrong.code());

    // Another listing of the same seller with the same secret.
    let seller = shop.seller.insecure_clone();
    let create = sales::create_listing(&seller.pubkey(), 1, sales::terms(&shop.secret), &shop.payees);
    shop.world.must(&[create], &[&seller]);
    let here = shop.listing;
    shop.listing = market::listing_address(&seller.pubkey(), 1).0;
    let third = shop.buy(0, &buyer_secret(1));
    let swapped = shop.deliver_instruction(&third, &delivery);
    shop.world.refused(&[swapped], &[], MarketError::ProofWrong.code());
    shop.listing = here;

    // The same addresses on a network with another id.
    shop.world.network_id[0] ^= 1;
    let foreign = shop.prove(&first);
    shop.world.network_id[0] ^= 1;
    let instruction = shop.deliver_instruction(&first, &foreign);
    shop.world.refused(&[instruction], &[], MarketError::ProofWrong.code());
    let network: registry::Network = shop.world.read(&registry::NETWORK);
    assert_eq!(shop.world.read::<Listing>(&here).network_id, network.network_id);
    let right = shop.deliver_instruction(&first, &delivery);
    shop.world.must(&[right], &[]);
}
