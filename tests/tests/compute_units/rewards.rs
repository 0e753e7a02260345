//! What the instructions of `rewards` cost.

use lumora_interface::{
    Account, registry,
    registry::Network,
    rewards::{self, MAX_CLAIMS},
};
use lumora_tests::{
    Sent, World,
    compute::measure,
    instructions,
    oracles::leaf,
    tokens::associated_account,
    world::{LMR, keypair},
};
use solana_address::Address;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::average_wallet;

/// A name whose node 0 has a reward account with an average address.
fn average_provider() -> String {
    average_wallet(|owner| rewards::reward_address(&registry::node_address(owner, 0).0).1)
}

#[test]
fn rewards_costs() {
    let mut world = World::new(4);
    let (owner, node) = world.register(&average_provider());
    let destination = world.lmr_account(&owner.pubkey());
    let payer = world.payer.pubkey();
    let claim = || instructions::claim(&payer, &node, &owner.pubkey(), &destination);
    for (case, reward) in [("creates the account", 100), ("existing account", 300)] {
        let figures = world.attest(|epoch| vec![leaf(&node, epoch, 1_000, reward * LMR)]);
        world.prove(&figures, 0);
        let sent = world.must(&[instructions::fund_epoch(figures.epoch)], &[]);
        if reward == 300 {
            measure("rewards", "fund_epoch", "", &sent, 8_000);
        }
        let sent = world.must(&[claim()], &[]);
        let ceiling = if reward == 300 { 6_000 } else { 10_000 };
        measure("rewards", "claim", case, &sent, ceiling);
    }
    let nothing = world.must(&[claim()], &[]);
    measure("rewards", "claim", "nothing due", &nothing, 6_000);
    assert_eq!(world.balance(&rewards::POOL), 0);
}

#[test]
fn a_claim_that_opens_the_owners_token_account() {
    let mut world = World::new(4);
    let (owner, node) = world.register(&average_provider());
    let payer = world.payer.pubkey();
    let figures = world.attest(|epoch| vec![leaf(&node, epoch, 1_000, LMR)]);
    world.prove(&figures, 0);
    world.must(&[instructions::fund_epoch(figures.epoch)], &[]);
    let destination = associated_account(&owner.pubkey(), &rewards::MINT);
    let claim = instructions::claim(&payer, &node, &owner.pubkey(), &destination);
    let sent = world.must(&[claim], &[]);
    measure(
        "rewards",
        "claim",
        "creates the account and the owner's token account",
        &sent,
        30_000,
    );
}

/// Lets these nodes claim once, and then earn a LMR each; each comes with its owner and the token account to be paid.
fn earn_twice(world: &mut World, nodes: &[(Address, Address, Address)]) -> Vec<(Address, Address)> {
    let payer = world.payer.pubkey();
    for lifetime in [LMR, 2 * LMR] {
        let figures = world.attest(|epoch| {
            nodes
                .iter()
                .map(|(node, ..)| leaf(node, epoch, 1_000, lifetime))
                .collect()
        });
        for index in 0..nodes.len() {
            world.prove(&figures, index as u32);
        }
        world.must(&[instructions::fund_epoch(figures.epoch)], &[]);
        if lifetime == LMR {
            for (node, owner, destination) in nodes {
                world.must(&[instructions::claim(&payer, node, owner, destination)], &[]);
            }
        }
    }
    nodes
        .iter()
        .map(|(node, _, destination)| (*node, *destination))
        .collect()
}

/// A row of the table holds what one node costs.
fn per_node(sent: Sent, nodes: usize) -> Sent {
    Sent {
        compute_units: sent.compute_units.div_ceil(nodes as u64),
        ..sent
    }
}

#[test]
fn claims_of_many() {
    const FLEET: usize = 10;
    let mut world = World::new(4);
    let owner = world.wallet("fleet");
    let destination = world.lmr_account(&owner.pubkey());
    let nodes: Vec<_> = (0..FLEET as u16)
        .map(|index| {
            let mut arguments = instructions::node_arguments(&keypair("fleet", 1).pubkey());
            arguments.index = index;
            world.must(&[instructions::register_node(&owner.pubkey(), arguments)], &[&owner]);
            let node = registry::node_address(&owner.pubkey(), index).0;
            (node, owner.pubkey(), destination)
        })
        .collect();
    let pairs = earn_twice(&mut world, &nodes);
    let sent = world.must(&[instructions::claim_many(&pairs)], &[]);
    measure(
        "rewards",
        "claim_many",
        "10 nodes of one owner",
        &per_node(sent, FLEET),
        4_000,
    );

    let mut world = World::new(4);
    let nodes: Vec<_> = (0..MAX_CLAIMS)
        .map(|index| {
            let (owner, node) = world.register(&format!("owner {index}"));
            let destination = world.lmr_account(&owner.pubkey());
            (node, owner.pubkey(), destination)
        })
        .collect();
    let pairs = earn_twice(&mut world, &nodes);
    let mut claim = |count: usize, case: &str| {
        let instruction = instructions::claim_many(&pairs[..count]);
        let table = world.lookup_table(instruction.accounts.iter().map(|meta| meta.pubkey).collect());
        let before = world.svm.clone();
        let sent = world
            .send_with_tables(&[instruction], &[], &[table])
            .expect("the claims are paid");
        world.svm = before;
        measure("rewards", "claim_many", case, &per_node(sent, count), 4_000);
    };
    claim(10, "10 nodes of 10 owners, lookup table");
    claim(MAX_CLAIMS, "16 nodes of 16 owners, lookup table");
}

#[test]
fn grants() {
    let mut world = World::new(0);
    let authority = world.authority.insecure_clone();
    let name = average_wallet(|recipient| rewards::grant_address(recipient, 0).1);
    let recipient = keypair(&name, 0).pubkey();
    world.lmr_account(&recipient);
    let sent = world.must(
        &[instructions::grant(&authority.pubkey(), &recipient, 0, LMR)],
        &[&authority],
    );
    measure("rewards", "grant", "", &sent, 8_000);
    let release = instructions::release(&recipient, 0, &authority.pubkey());
    let sent = world.must(&[release], &[]);
    measure("rewards", "release", "closes the grant", &sent, 8_000);
}

#[test]
fn what_the_authority_does() {
    let mut world = World::bare();
    let authority = world.authority.insecure_clone();
    let network_id = world.network_id;
    world.must(
        &[instructions::initialize_registry(&authority.pubkey(), network_id)],
        &[&authority],
    );
    let sent = world.must(&[instructions::initialize_rewards(&authority.pubkey())], &[&authority]);
    measure("rewards", "initialize", "", &sent, 30_000);
    let set = instructions::set_breaker(&authority.pubkey(), 1_000_000 * LMR, 3_600);
    let sent = world.must(&[set], &[&authority]);
    measure("rewards", "set_breaker", "", &sent, 3_000);
    let sent = name_the_mint(&mut world, &authority);
    measure("rewards", "create_metadata", "", &sent, 60_000);
}

fn name_the_mint(world: &mut World, authority: &Keypair) -> Sent {
    world.add_token_metadata_program();
    let create = instructions::create_metadata(
        &authority.pubkey(),
        rewards::TOKEN_NAME,
        rewards::TOKEN_SYMBOL,
        "https://example.org/lmr.json",
    );
    world.must(&[create], &[authority])
}

#[test]
fn fees_are_burned() {
    let mut world = World::new(0);
    let authority = world.authority.insecure_clone();
    world.lmr_account(&authority.pubkey());
    let mut network: Network = world.read(&registry::NETWORK);
    network.burn_share = 5_000;
    let mut account = world.svm.get_account(&registry::NETWORK).expect("it exists");
    account.data[size_of_val(&Network::DISCRIMINATOR)..].copy_from_slice(bytemuck::bytes_of(&network));
    world
        .svm
        .set_account(registry::NETWORK, account)
        .expect("it is rent-exempt");
    let payer = world.wallet("who pays fees");
    world.grant(&payer.pubkey(), LMR);
    world.pay_fees(&payer, LMR);
    let sent = world.must(&[instructions::burn_fees(&authority.pubkey())], &[]);
    measure("rewards", "burn_fees", "", &sent, 6_000);
}
