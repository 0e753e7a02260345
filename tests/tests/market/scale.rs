//! Many buyers at once.

use std::collections::BTreeSet;

use lumora_tests::world::keypair;

use super::*;

const BUYERS: u8 = 100;

fn writable(instruction: &Instruction) -> BTreeSet<Address> {
    instruction
        .accounts
        .iter()
        .filter(|meta| meta.is_writable)
        .map(|meta| meta.pubkey)
        .collect()
}

/// What all of them lock for writing.
fn shared(instructions: &[Instruction]) -> BTreeSet<Address> {
    let mut sets = instructions.iter().map(writable);
    let first = sets.next().unwrap();
    sets.fold(first, |shared, set| &shared & &set)
}

#[test]
fn a_hundred_buyers_in_one_slot_all_pay_and_all_get_the_key() {
    let mut shop = Shop::new(3);
    shop.bond(u64::from(BUYERS) * (PRICE / 10));
    let buyers: Vec<_> = (0..BUYERS).map(|index| keypair("one of many", index)).collect();
    for buyer in &buyers {
        shop.world.svm.airdrop(&buyer.pubkey(), 1_000_000_000).unwrap();
        shop.world.gift(&buyer.pubkey(), PRICE);
    }
    let slot = shop.world.slot();
    // All have seen the same terms before any of them pays.
    let instructions: Vec<_> = (1u8..)
        .zip(&buyers)
        .map(|(index, buyer)| shop.buy_instruction_of(&buyer.pubkey(), 0, &secret(index)))
        .collect();
    assert_eq!(shared(&instructions), BTreeSet::from([shop.listing]));
    for (buyer, instruction) in buyers.iter().zip(&instructions) {
        shop.world.must(std::slice::from_ref(instruction), &[buyer]);
    }
    let listing = shop.terms();
    assert_eq!(listing.open_purchases, u32::from(BUYERS));
    assert_eq!(listing.free_bond(), 0, "every one of them has its penalty set aside");

    let purchases: Vec<_> = buyers
        .iter()
        .map(|buyer| market::purchase_address(&shop.listing, &buyer.pubkey(), 0).0)
        .collect();
    let deliveries: Vec<_> = purchases
        .iter()
        .map(|purchase| shop.deliver_instruction(purchase, &shop.prove(purchase)))
        .collect();
    let mut paid: BTreeSet<Address> = shop.payee_tokens.iter().copied().collect();
    paid.extend([shop.listing, shop.treasury]);
    assert_eq!(
        shared(&deliveries),
        paid,
        "those who are paid every time, and nobody else"
    );
    // In another order than they were bought in.
    for instruction in deliveries.iter().rev() {
        shop.world.must(std::slice::from_ref(instruction), &[]);
    }
    assert_eq!(shop.world.slot(), slot, "all of it in one slot");

    let key = shop.secret.shared().content_key(&[1; 32]);
    for (index, purchase) in (1u8..).zip(&purchases) {
        let account: Purchase = shop.world.read(purchase);
        let (ephemeral, sealed) = account.delivery().unwrap();
        let opened = lumora_core::delivery::dalek::open(&secret(index), &ephemeral, &sealed).unwrap();
        assert_eq!(*opened.content_key(&account.dataset_id), *key);
    }
    let listing = shop.terms();
    assert_eq!(
        (listing.sales, listing.open_purchases, listing.open_penalties),
        (u64::from(BUYERS), 0, 0)
    );
    assert_eq!(listing.volume, u64::from(BUYERS) * PRICE);
    assert_eq!(
        shop.payee_tokens
            .iter()
            .map(|tokens| shop.world.balance(tokens))
            .sum::<u64>(),
        u64::from(BUYERS) * (PRICE * 99 / 100)
    );
}
