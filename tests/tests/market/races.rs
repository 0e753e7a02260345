//! Delivery against refund: whichever comes first wins, and time decides which of them can.

use lumora_tests::tokens::transfer;

use super::*;

/// An open purchase with what would deliver it and what would refund it, `seconds` after it was bought.
fn contested(seconds: u32) -> (Shop, Address, Instruction, Instruction) {
    let mut shop = Shop::new(2);
    shop.bond(PRICE);
    let purchase = shop.buy(0, &secret(1));
    let deliver = shop.deliver_instruction(&purchase, &shop.prove(&purchase));
    let refund = sales::refund(&shop.listing, &purchase, &shop.buyer.pubkey());
    shop.world.pass(seconds);
    (shop, purchase, deliver, refund)
}

#[test]
fn until_the_deadline_a_purchase_is_delivered_and_cannot_be_refunded() {
    let (mut shop, purchase, deliver, refund) = contested(DELIVERY_SECONDS);
    // In one transaction, in both orders.
    shop.world.refused(
        &[refund.clone(), deliver.clone()],
        &[],
        MarketError::TooEarlyToRefund.code(),
    );
    shop.world
        .refused(&[deliver.clone(), refund.clone()], &[], MarketError::NotOpen.code());
    // In two transactions of one slot.
    let slot = shop.world.slot();
    shop.world
        .refused(std::slice::from_ref(&refund), &[], MarketError::TooEarlyToRefund.code());
    shop.world.must(&[deliver], &[]);
    shop.world.refused(&[refund], &[], MarketError::NotOpen.code());
    assert_eq!(shop.world.slot(), slot);
    let account: Purchase = shop.world.read(&purchase);
    assert_eq!(account.state, purchase_state::DELIVERED);
}

#[test]
fn after_the_deadline_a_purchase_is_refunded_and_cannot_be_delivered() {
    let (mut shop, purchase, deliver, refund) = contested(DELIVERY_SECONDS + 1);
    shop.world.refused(
        &[deliver.clone(), refund.clone()],
        &[],
        MarketError::DeliveryLate.code(),
    );
    // The refund closes the purchase, so the delivery finds none.
    shop.world.refused_with(&[refund.clone(), deliver.clone()], &[], GONE);
    let slot = shop.world.slot();
    shop.world
        .refused(std::slice::from_ref(&deliver), &[], MarketError::DeliveryLate.code());
    shop.world.must(&[refund], &[]);
    shop.world.refused_with(&[deliver], &[], GONE);
    assert_eq!(shop.world.slot(), slot);
    assert!(is_gone(&shop, &purchase));
}

#[test]
fn a_refunded_purchase_cannot_be_revived_within_the_transaction() {
    let (mut shop, purchase, deliver, refund) = contested(DELIVERY_SECONDS + 1);
    let payer = shop.world.payer.pubkey();
    // Lamports keep the account alive to the end of the transaction, without its owner and its data.
    let revive = solana_system_interface::instruction::transfer(&payer, &purchase, 10_000_000);
    for again in [deliver, refund.clone()] {
        shop.world
            .refused_with(&[refund.clone(), revive.clone(), again], &[], GONE);
    }
}

#[test]
fn a_refund_is_made_once_even_within_one_transaction() {
    let (mut shop, _, _, refund) = contested(DELIVERY_SECONDS + 1);
    shop.world.refused_with(&[refund.clone(), refund], &[], GONE);
}

#[test]
fn a_delivery_is_made_once_even_within_one_transaction() {
    let (mut shop, _, deliver, _) = contested(0);
    shop.world
        .refused(&[deliver.clone(), deliver], &[], MarketError::NotOpen.code());
}

#[test]
fn what_is_bought_and_delivered_in_one_transaction_is_a_sale_like_any_other() {
    let mut shop = Shop::new(1);
    // Buyer and seller can agree on a point beforehand, so that the delivery is ready with the payment.
    let purchase = shop.buy(0, &secret(1));
    let delivery = shop.prove(&purchase);
    let deliver = shop.deliver_instruction(&purchase, &delivery);
    shop.world.pass(DELIVERY_SECONDS + 1);
    let refund = sales::refund(&shop.listing, &purchase, &shop.buyer.pubkey());
    shop.world.must(&[refund], &[]);
    // The same purchase is made again with the same point: the delivery that came too late the first time is right for it,
    // and carries the same key to the same buyer.
    let buy = shop.buy_instruction(0, &secret(1));
    let buyer = shop.buyer.insecure_clone();
    shop.world.must(&[buy, deliver], &[&buyer]);
    let account: Purchase = shop.world.read(&purchase);
    assert_eq!(account.sealed, delivery.sealed.0);
}

#[test]
fn dust_on_the_way_changes_no_winner() {
    let (mut shop, purchase, deliver, _) = contested(DELIVERY_SECONDS);
    let buyer = shop.buyer.insecure_clone();
    let vault = market::vault_address(&purchase).0;
    let dust = transfer(&shop.buyer_tokens, &vault, &buyer.pubkey(), 1);
    let fees = shop.world.balance(&shop.treasury);
    shop.world.must(&[dust, deliver], &[&buyer]);
    assert_eq!(shop.world.balance(&shop.treasury), fees + PRICE - PRICE * 99 / 100 + 1);
}
