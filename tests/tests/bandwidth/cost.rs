//! What an epoch costs in fees, divided by the nodes that it attests.

use lumora_interface::bandwidth::{self, OracleSet};
use lumora_tests::{
    World, instructions,
    oracles::leaf,
    world::{DISPUTE_SECONDS, ORACLES, SOL, keypair},
};
use solana_address::Address;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

const NODES: u64 = 10_000;

/// Lamports that a transaction costs the wallet that pays for it and signs it alone.
fn cost(world: &mut World, wallet: &Keypair, instructions: &[Instruction]) -> i64 {
    let balance = |world: &World| i64::try_from(world.svm.get_balance(&wallet.pubkey()).unwrap()).unwrap();
    let payer = std::mem::replace(&mut world.payer, wallet.insecure_clone());
    let before = balance(world);
    world.must(instructions, &[]);
    world.payer = payer;
    before - balance(world)
}

/// Seven oracles, as many as the published networks begin with; ten thousand nodes in one tree.
#[test]
fn lamports_for_each_node_and_epoch() {
    let mut world = World::new(7);
    let oracles: Vec<Keypair> = world.oracles.iter().map(Keypair::insecure_clone).collect();
    for oracle in &oracles {
        world.svm.airdrop(&oracle.pubkey(), SOL).unwrap();
    }
    let opener = &oracles[0];

    let rent_and_fee = cost(&mut world, opener, &[instructions::open_epoch(&opener.pubkey(), 0)]);
    let epoch = super::epoch_of(&world, 0);
    world.set_slot_hashes(&[epoch.seed_slot]);
    let draw = cost(&mut world, opener, &[instructions::draw_seed(0)]);
    let mut commits = 0;
    for (index, oracle) in oracles.iter().enumerate() {
        let commit = instructions::commit_bundle(&oracle.pubkey(), 0, [index as u8 + 1; 32], 1);
        commits += cost(&mut world, oracle, &[commit]);
    }
    let leaves = (0..NODES)
        .map(|node| {
            let mut address = [0; 32];
            address[..8].copy_from_slice(&node.to_le_bytes());
            leaf(&Address::new_from_array(address), 0, 1_000, 1_000)
        })
        .collect();
    let figures = world.figures(0, leaves);
    assert_eq!(u64::from(figures.arguments.leaf_count), NODES);
    let submission = world.submission(&figures, &oracles.iter().take(5).collect::<Vec<_>>());
    let submit = cost(&mut world, opener, &submission);

    // Long after, the account is closed and its rent is back.
    world.pass(DISPUTE_SECONDS);
    let next = world.open_epoch();
    world.commit_bundles(next);
    let node = keypair("node", 0).pubkey();
    let reward = world.read::<OracleSet>(&bandwidth::ORACLE_SET).cumulative_reward;
    let newer = world.figures(next, vec![leaf(&node, next, 1, reward)]);
    let submission = world.submission(&newer, &oracles.iter().take(5).collect::<Vec<_>>());
    world.must(&submission, &[]);
    world.pass(i64::from(ORACLES.retention_seconds));
    let close = cost(&mut world, opener, &[instructions::close_epoch(0, &opener.pubkey())]);

    let total = rent_and_fee + draw + commits + submit + close;
    let open = 5_000;
    println!(
        "lamports: opening {open}, drawing {draw}, committing {commits}, submitting {submit}, closing {} and rent 0: {total} in all, {:.1} \
         for each of {NODES} nodes",
        total - open - draw - commits - submit,
        total as f64 / NODES as f64,
    );
    // A lamport is not divisible, and neither is a signature's fee of 5,000: an epoch of seven oracles costs sixteen of them,
    // of which the commitments are seven and the quorum's verification five. That is 8 lamports for each of 10,000 nodes, and
    // below 3 from 26,667 nodes on.
    assert_eq!((draw, commits, submit), (5_000, 7 * 5_000, (1 + 5) * 5_000));
    assert_eq!(total, 16 * 5_000);
    assert!(total as u64 <= 8 * NODES && (total as u64).div_ceil(3) <= 26_667);
}
