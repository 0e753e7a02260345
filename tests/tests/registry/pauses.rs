//! What a pause stops, and what it never does.

use lumora_core::delivery::dalek::BuyerSecret;
use lumora_interface::{
    bandwidth,
    market::MarketError,
    registry::{self, Network, PauseChanged, RegistryError, pause},
};
use lumora_tests::{
    World, instructions,
    oracles::leaf,
    sales::{self, DELIVERY_SECONDS, Shop},
    world::{LMR, keypair},
};
use solana_signer::Signer;

fn paused(world: &World) -> u32 {
    world.read::<Network>(&registry::NETWORK).paused
}

#[test]
fn the_guardian_pauses_and_only_the_authority_lifts_it() {
    let mut world = World::new(0);
    let (authority, guardian) = (world.authority.insecure_clone(), world.wallet("guardian"));
    let by_guardian = |bits| instructions::pause(&guardian.pubkey(), bits);
    let lift = |bits| instructions::unpause(&authority.pubkey(), bits);

    let sent = world.must(&[by_guardian(pause::REGISTERING | pause::BUYING)], &[&guardian]);
    let event: PauseChanged = sent.event();
    assert_eq!(
        (event.paused, event.by),
        (pause::REGISTERING | pause::BUYING, guardian.pubkey())
    );
    // Whoever comes second changes nothing, and succeeds.
    world.must(
        &[instructions::pause(&authority.pubkey(), pause::BUYING)],
        &[&authority],
    );
    assert_eq!(paused(&world), pause::REGISTERING | pause::BUYING);
    let lift_by_guardian = instructions::unpause(&guardian.pubkey(), pause::BUYING);
    world.refused(&[lift_by_guardian], &[&guardian], RegistryError::NotAuthority.code());
    world.must(&[lift(pause::BUYING)], &[&authority]);
    assert_eq!(paused(&world), pause::REGISTERING, "the other bit stays");
    world.must(&[lift(pause::ALL)], &[&authority]);
    assert_eq!(paused(&world), 0);

    for bits in [0, pause::ALL + 1, u32::MAX] {
        world.refused(&[by_guardian(bits)], &[&guardian], RegistryError::PauseBits.code());
        world.refused(&[lift(bits)], &[&authority], RegistryError::PauseBits.code());
    }
    let thief = world.wallet("thief");
    let by_thief = instructions::pause(&thief.pubkey(), pause::ALL);
    world.refused(&[by_thief], &[&thief], RegistryError::NotGuardian.code());
}

#[test]
fn registering_can_be_paused() {
    let mut world = World::new(0);
    let (authority, owner) = (world.authority.insecure_clone(), world.wallet("provider"));
    let arguments = instructions::node_arguments(&keypair("provider", 1).pubkey());
    let register = [instructions::register_node(&owner.pubkey(), arguments)];
    world.must(
        &[instructions::pause(&authority.pubkey(), pause::REGISTERING)],
        &[&authority],
    );
    world.refused(&register, &[&owner], RegistryError::Paused.code());
    world.must(
        &[instructions::unpause(&authority.pubkey(), pause::REGISTERING)],
        &[&authority],
    );
    world.must(&register, &[&owner]);
}

#[test]
fn a_provider_leaves_with_its_rewards_and_its_bond_while_all_is_paused() {
    let mut world = World::new(4);
    let (owner, node) = world.register("provider");
    let (guardian, key) = (world.wallet("guardian"), owner.pubkey());
    let tokens = world.grant(&key, 10 * LMR);
    world.must(&[instructions::deposit_bond(&key, &node, &tokens, 10 * LMR)], &[&owner]);
    let figures = world.attest(|epoch| vec![leaf(&node, epoch, 1_000, 5 * LMR)]);
    world.must(&[instructions::pause(&guardian.pubkey(), pause::ALL)], &[&guardian]);

    world.prove(&figures, 0);
    world.must(&[instructions::fund_epoch(figures.epoch)], &[]);
    let payer = world.payer.pubkey();
    world.must(&[instructions::claim(&payer, &node, &owner.pubkey(), &tokens)], &[]);
    assert_eq!(world.balance(&tokens), 5 * LMR);

    world.must(&[instructions::request_unbond(&key, &node, 10 * LMR)], &[&owner]);
    world.pass(3_600);
    world.must(&[instructions::withdraw_bond(&key, &node, &tokens)], &[&owner]);
    world.must(&[instructions::close_node(&key, &node, &tokens)], &[&owner]);
    assert_eq!(world.balance(&tokens), 15 * LMR);
    assert!(
        world
            .svm
            .get_account(&bandwidth::attestation_address(&node).0)
            .is_some()
    );
}

#[test]
fn buying_can_be_paused_while_deliveries_and_refunds_go_on() {
    let mut shop = Shop::new(2);
    let secret = BuyerSecret::from_entropy(&[1; 64]);
    let (delivered, refunded) = (shop.buy(0, &secret), shop.buy(1, &secret));
    let guardian = shop.world.wallet("guardian");
    shop.world
        .must(&[instructions::pause(&guardian.pubkey(), pause::ALL)], &[&guardian]);
    let (buy, buyer) = (shop.buy_instruction(2, &secret), shop.buyer.insecure_clone());
    shop.world.refused(&[buy], &[&buyer], MarketError::Paused.code());
    let delivery = shop.prove(&delivered);
    let deliver = shop.deliver_instruction(&delivered, &delivery);
    shop.world.must(&[deliver], &[]);
    shop.world.pass(DELIVERY_SECONDS + 1);
    let refund = sales::refund(&shop.listing, &refunded, &buyer.pubkey());
    shop.world.must(&[refund], &[]);
}
