//! The protocol's fees: a share of them is burned, the rest goes to the network's authority.

use lumora_interface::{registry::Network, rewards::FeesBurned};

use super::*;

/// A world with this much LMR in fees, burning this share.
fn with_fees(fees: u64, burn_share: u16) -> (World, Keypair) {
    let mut world = World::new(0);
    forge::<Network>(&mut world, &registry::NETWORK, |network| {
        network.burn_share = burn_share
    });
    let payer = world.wallet("who pays fees");
    world.grant(&payer.pubkey(), 100 * LMR);
    world.pay_fees(&payer, fees);
    let authority = world.authority.insecure_clone();
    (world, authority)
}

#[test]
fn a_share_is_burned_and_the_rest_goes_to_the_authority() {
    let (mut world, authority) = with_fees(7, 5_000);
    let account = world.lmr_account(&authority.pubkey());
    let supply = world.supply();
    let burn = instructions::burn_fees(&authority.pubkey());
    // Nobody signs but who pays for the transaction.
    let sent = world.must(&[burn.clone()], &[]);
    assert_eq!(world.supply(), supply - 4, "the odd unit is burned");
    assert_eq!((world.balance(&account), world.balance(&rewards::FEES)), (3, 0));
    let event = events::<FeesBurned>(&sent)[0];
    assert_eq!((event.authority, event.burned), (authority.pubkey(), 4));
    assert_eq!((event.paid, event.total_burned), (3, 4));

    world.refused(&[burn.clone()], &[], RewardsError::NoFees.code());
    let payer = world.wallet("who pays fees");
    world.pay_fees(&payer, 10 * LMR);
    world.must(&[burn], &[]);
    assert_eq!(world.read::<Emission>(&rewards::EMISSION).burned, 5 * LMR + 4);
    assert_eq!(world.balance(&account), 5 * LMR + 3);
}

#[test]
fn a_network_that_burns_all_fees_needs_no_account_of_the_authority() {
    let (mut world, authority) = with_fees(10, 10_000);
    let supply = world.supply();
    world.must(&[instructions::burn_fees(&authority.pubkey())], &[]);
    assert_eq!((world.supply(), world.balance(&rewards::FEES)), (supply - 10, 0));
}

#[test]
fn a_renounced_network_burns_all_fees() {
    let (mut world, _) = with_fees(10, 2_000);
    forge::<Network>(&mut world, &registry::NETWORK, |network| {
        network.authority = rewards::INCINERATOR;
    });
    let supply = world.supply();
    world.must(&[instructions::burn_fees(&rewards::INCINERATOR)], &[]);
    assert_eq!((world.supply(), world.balance(&rewards::FEES)), (supply - 10, 0));
}

#[test]
fn fees_go_to_nobody_but_the_authority() {
    let (mut world, authority) = with_fees(10 * LMR, 5_000);
    let account = world.lmr_account(&authority.pubkey());
    let thief = world.wallet("thief");
    let stolen = world.lmr_account(&thief.pubkey());
    let foreign_mint = world.foreign_mint(&thief.pubkey());
    let good = instructions::burn_fees(&authority.pubkey());
    let with = |index: usize, address: Address| {
        let mut bent = good.clone();
        bent.accounts[index].pubkey = address;
        bent
    };
    let network = foreign_network(&mut world, &thief.pubkey());
    let mut on_foreign = with(0, network);
    on_foreign.accounts[4].pubkey = stolen;
    world.refused(&[on_foreign], &[], RewardsError::WrongNetwork.code());
    world.refused(&[with(2, foreign_mint)], &[], RewardsError::WrongMint.code());
    for wrong in [rewards::POOL, rewards::EARLY_POOL, stolen] {
        world.refused(&[with(3, wrong)], &[], RewardsError::WrongPool.code());
    }
    for wrong in [stolen, thief.pubkey()] {
        world.refused(&[with(4, wrong)], &[], RewardsError::WrongTokenAccount.code());
    }
    world.refused_with(&[with(4, rewards::FEES)], &[], DUPLICATE);
    world.refused_with(&[with(6, thief.pubkey())], &[], "InvalidSeeds");
    world.must(&[good], &[]);
    assert_eq!(world.balance(&account), 5 * LMR);
}
