//! What the instructions of `rewards` cost.

use lumora_interface::{registry, rewards};
use lumora_tests::{World, compute::measure, instructions, oracles::leaf, world::LMR};
use solana_signer::Signer;

use crate::average_wallet;

#[test]
fn rewards_costs() {
    let mut world = World::new(4);
    let (owner, node) = world.register(&average_wallet(|owner| {
        rewards::reward_address(&registry::node_address(owner, 0).0).1
    }));
    let destination = world.lmr_account(&owner.pubkey());
    let payer = world.payer.pubkey();
    for (case, reward) in [("creates the account", 100), ("existing account", 300)] {
        let figures = world.attest(|epoch| vec![leaf(&node, epoch, 1_000, reward * LMR)]);
        world.prove(&figures, 0);
        let sent = world.must(&[instructions::fund_epoch(figures.epoch)], &[]);
        if reward == 300 {
            measure("rewards", "fund_epoch", "", &sent, 8_000);
        }
        let claim = instructions::claim(&payer, &node, &destination);
        let sent = world.must(&[claim], &[]);
        let ceiling = if reward == 300 { 6_000 } else { 10_000 };
        measure("rewards", "claim", case, &sent, ceiling);
    }
    let nothing = world.must(&[instructions::claim(&payer, &node, &destination)], &[]);
    measure("rewards", "claim", "nothing due", &nothing, 6_000);
    let authority = world.authority.insecure_clone();
    let sent = world.must(
        &[instructions::grant(&authority.pubkey(), &destination, LMR)],
        &[&authority],
    );
    measure("rewards", "grant", "", &sent, 8_000);
    assert_eq!(world.balance(&rewards::POOL), 0);
}
