//! A node that forged answers loses part of its bond, once for each epoch in which a quorum says so.

use lumora_core::{reason::Reason, slash, units::Bps};
use lumora_interface::{
    bandwidth::{self, Attestation, BandwidthError},
    registry::{self, Network, Node},
};
use lumora_tests::{
    World, instructions,
    oracles::{FORGER_BOND, forger},
    world::keypair,
};
use solana_address::Address;
use solana_signer::Signer;

fn bond(world: &World, node: &Address) -> u64 {
    world.read::<Node>(node).bond
}

#[test]
fn a_forger_loses_its_part_once_for_each_epoch() {
    let (mut world, node, reward) = forger();
    let network: Network = world.read(&registry::NETWORK);
    let loss = Bps(network.expiry_slash).of(network.minimum_bond);
    assert!(loss > 0 && 2 * loss <= FORGER_BOND);
    let slash_node = instructions::slash_node(&node, &reward);

    world.attest_reason(&node, Reason::None);
    world.refused(&[slash_node.clone()], &[], BandwidthError::NotForged.code());
    world.attest_reason(&node, Reason::Forged);
    let supply = world.supply();
    world.must(&[slash_node.clone()], &[]);
    let part = slash::REPORTER_SHARE.of(loss);
    assert_eq!(bond(&world, &node), FORGER_BOND - loss);
    assert_eq!(world.balance(&reward), part);
    assert_eq!(world.supply(), supply - (loss - part));
    world.refused(&[slash_node.clone()], &[], BandwidthError::NodePunished.code());

    // It forges again.
    world.attest_reason(&node, Reason::Forged);
    world.must(&[slash_node.clone()], &[]);
    assert_eq!(bond(&world, &node), FORGER_BOND - 2 * loss);
    let attestation: Attestation = world.read(&bandwidth::attestation_address(&node).0);
    assert_eq!(attestation.punished, attestation.epoch + 1);
    // And not when it is honest again.
    world.attest_reason(&node, Reason::None);
    world.refused(&[slash_node], &[], BandwidthError::NotForged.code());
}

#[test]
fn nobody_is_slashed_for_another_node_or_out_of_another_vault() {
    let (mut world, node, reward) = forger();
    let (_, other) = world.register("honest");
    world.attest_reason(&node, Reason::Forged);
    let foreign = world.foreign_mint(&world.payer.pubkey());
    let another_vault = world.lmr_account(&keypair("other", 0).pubkey());
    for (position, wrong, error) in [
        (2, other, BandwidthError::WrongNode),
        (4, foreign, BandwidthError::WrongMint),
        (5, another_vault, BandwidthError::WrongVault),
    ] {
        let mut bent = instructions::slash_node(&node, &reward);
        bent.accounts[position].pubkey = wrong;
        world.refused(&[bent], &[], error.code());
    }
    // Nobody else signs for this program, and nothing else is called.
    for (position, text) in [(0, "InvalidSeeds"), (9, "Custom(2012)")] {
        let mut bent = instructions::slash_node(&node, &reward);
        bent.accounts[position].pubkey = instructions::SYSTEM_PROGRAM;
        world.refused_with(&[bent], &[], text);
    }
    world.must(&[instructions::slash_node(&node, &reward)], &[]);
}

#[test]
fn a_reporter_without_an_account_for_lmr_gets_nothing_and_the_node_loses_the_same() {
    let (mut world, node, _) = forger();
    world.attest_reason(&node, Reason::Forged);
    let network: Network = world.read(&registry::NETWORK);
    let loss = Bps(network.expiry_slash).of(network.minimum_bond);
    let supply = world.supply();
    let nobody = keypair("nobody", 0).pubkey();
    world.must(&[instructions::slash_node(&node, &nobody)], &[]);
    assert_eq!(
        (bond(&world, &node), world.supply()),
        (FORGER_BOND - loss, supply - loss)
    );
}
