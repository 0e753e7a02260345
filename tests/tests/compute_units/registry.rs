//! What the instructions of `registry` cost.

use lumora_interface::{
    registry::{self, Network, pause},
    tasks,
};
use lumora_registry::instructions::UpdateNodeArguments;
use lumora_tests::{
    World,
    compute::measure,
    instructions,
    world::{LMR, keypair},
};
use solana_address::Address;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
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

#[test]
fn governing_costs() {
    let mut world = World::new(0);
    let (authority, successor) = (world.authority.insecure_clone(), world.wallet("successor"));
    let (key, next) = (authority.pubkey(), successor.pubkey());
    let parameters = world.read::<Network>(&registry::NETWORK).parameters();
    let mut row = |name: &str, instruction: Instruction, signer: &Keypair, ceiling| {
        let sent = world.must(&[instruction], &[signer]);
        measure("registry", name, "", &sent, ceiling);
    };
    row("pause", instructions::pause(&key, pause::ALL), &authority, 1_500);
    row("unpause", instructions::unpause(&key, pause::ALL), &authority, 1_500);
    row(
        "set_guardian",
        instructions::set_guardian(&key, &next),
        &authority,
        1_500,
    );
    row(
        "freeze_adaptation",
        instructions::freeze_adaptation(&key),
        &authority,
        1_500,
    );
    row(
        "unfreeze_adaptation",
        instructions::unfreeze_adaptation(&key),
        &authority,
        1_500,
    );
    let announce = || instructions::announce_parameters(&key, &parameters);
    row("announce_parameters", announce(), &authority, 3_000);
    let withdraw = instructions::withdraw_announcement(&key);
    row("withdraw_announcement", withdraw, &authority, 1_500);
    let propose = |proposed: &Address| instructions::propose_authority(&key, proposed);
    row("propose_authority", propose(&next), &authority, 1_500);
    row(
        "accept_authority",
        instructions::accept_authority(&next),
        &successor,
        1_500,
    );

    world.must(&[instructions::announce_parameters(&next, &parameters)], &[&successor]);
    world.pass(600);
    let sent = world.must(&[instructions::apply_parameters()], &[]);
    measure("registry", "apply_parameters", "", &sent, 3_000);
    let incinerator = instructions::propose_authority(&next, &registry::INCINERATOR);
    world.must(&[incinerator], &[&successor]);
    let sent = world.must(&[instructions::renounce_authority(&next)], &[&successor]);
    measure("registry", "renounce_authority", "", &sent, 1_500);
}

#[test]
fn leaving_costs() {
    let mut world = World::new(0);
    world.deploy(tasks::ID, "forwarder");
    let (owner, node) = world.register("provider");
    let key = owner.pubkey();
    let tokens = world.grant(&key, 10 * LMR);
    world.must(&[instructions::deposit_bond(&key, &node, &tokens, 10 * LMR)], &[&owner]);
    let client = world.wallet("client").pubkey();
    let injured = world.lmr_account(&client);
    // With what it costs the caller: an instruction of its own, and the call.
    let slash = instructions::forward_slash(&tasks::ID, &node, &tokens, &injured, LMR);
    let sent = world.must(&[slash], &[]);
    measure(
        "registry",
        "slash",
        "called by a program, both parties paid",
        &sent,
        9_000,
    );

    let sent = world.must(&[instructions::request_unbond(&key, &node, 4 * LMR)], &[&owner]);
    measure("registry", "request_unbond", "", &sent, 1_500);
    world.pass(3_600);
    let sent = world.must(&[instructions::withdraw_bond(&key, &node, &tokens)], &[&owner]);
    measure("registry", "withdraw_bond", "", &sent, 7_000);
    world.must(&[instructions::request_unbond(&key, &node, 5 * LMR)], &[&owner]);
    world.pass(3_600);
    let sent = world.must(&[instructions::close_node(&key, &node, &tokens)], &[&owner]);
    measure("registry", "close_node", "pays out the bond", &sent, 8_000);
    let (owner, node) = world.register("another provider");
    let sent = world.must(&[instructions::close_node(&owner.pubkey(), &node, &tokens)], &[&owner]);
    measure("registry", "close_node", "without a bond", &sent, 5_000);
}
