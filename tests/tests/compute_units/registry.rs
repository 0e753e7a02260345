//! What the instructions of `registry` cost.

use lumora_interface::registry;
use lumora_registry::instructions::UpdateNodeArguments;
use lumora_tests::{
    World,
    compute::measure,
    instructions,
    world::{LMR, keypair},
};
use solana_signer::Signer;

use crate::average_wallet;

#[test]
fn registry_costs() {
    let mut world = World::bare();
    let authority = world.authority.insecure_clone();
    let initialize = instructions::initialize_registry(&authority.pubkey(), world.network_id);
    let sent = world.must(&[initialize], &[&authority]);
    measure("registry", "initialize", "", &sent, 8_000);
    world.must(&[instructions::initialize_rewards(&authority.pubkey())], &[&authority]);
    let sent = world.must(&[instructions::create_vault(&authority.pubkey())], &[&authority]);
    measure("registry", "create_vault", "", &sent, 8_000);

    let owner = world.wallet(&average_wallet(|owner| registry::node_address(owner, 0).1));
    let arguments = instructions::node_arguments(&keypair("operator", 0).pubkey());
    let sent = world.must(&[instructions::register_node(&owner.pubkey(), arguments)], &[&owner]);
    measure("registry", "register_node", "creates the account", &sent, 6_000);

    let node = registry::node_address(&owner.pubkey(), 0).0;
    let update = UpdateNodeArguments {
        operator: keypair("operator", 1).pubkey(),
        transport_key: [6; 32],
        h3_cell: instructions::BERLIN,
        location: [0, 0, i16::MAX],
        limit_kbps: 9_000,
        shard_capacity: 2,
        status: 0,
    };
    let sent = world.must(&[instructions::update_node(&owner.pubkey(), &node, update)], &[&owner]);
    measure("registry", "update_node", "", &sent, 1_200);

    let source = world.grant(&owner.pubkey(), 10 * LMR);
    let sent = world.must(
        &[instructions::deposit_bond(&owner.pubkey(), &node, &source, LMR)],
        &[&owner],
    );
    measure("registry", "deposit_bond", "", &sent, 8_000);
}
