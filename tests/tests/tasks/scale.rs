//! A shard costs what it costs, however many there are.

use lumora_interface::tasks::{self, MAX_SHARDS};
use lumora_tasks::instructions::CreateJobArguments;
use lumora_tests::{
    Sent,
    jobs::{self, Board, Finding},
};

use super::HERE;

/// Compute units and lamports of rent of what happens to a shard of two replicas: claims, commitments, reveals, settlement.
struct Cost {
    units: [u64; 4],
    rent: u64,
}

/// Works on a shard of a job with so many, in which its addresses take as many attempts to derive as in any other.
fn shard_of(shard_count: u32) -> Cost {
    let mut board = Board::empty();
    let terms = CreateJobArguments {
        price: 1_000,
        ..jobs::terms(&board.world)
    };
    board.create(shard_count, terms).unwrap();
    let attempts = |shard: &u32| -> u32 {
        let bump = |replica| tasks::assignment_address(&board.job, *shard, replica).1;
        [0, 1].map(|replica| u32::from(255 - bump(replica))).into_iter().sum()
    };
    let shard = (0..shard_count).rev().find(|shard| attempts(shard) == 2).unwrap();
    let team = ["a", "b"].map(|name| board.executor(name, HERE));
    let finding = Finding::new(1, 1);
    let sum = |sent: &[Sent]| sent.iter().map(|sent| sent.compute_units).sum::<u64>();
    let claims = [0, 1].map(|member| board.claim(&team[member], shard, member as u8));
    let commits = [0, 1].map(|member| board.commit(&team[member], shard, member as u8, &finding));
    let reveals = [0, 1].map(|member| board.reveal(&team[member], shard, member as u8, &finding));
    let settle = board.settle_among(shard, &[&team[0], &team[1]]);
    let settled = board.world.must(&[settle], &[]);
    Cost {
        units: [sum(&claims), sum(&commits), sum(&reveals), settled.compute_units],
        rent: claims.iter().map(|claim| claim.rent_lamports).sum(),
    }
}

#[test]
fn a_shard_of_the_largest_job_costs_what_one_of_a_small_job_costs() {
    let (small, large) = (shard_of(16), shard_of(MAX_SHARDS));
    for (step, (small, large)) in ["claims", "commitments", "reveals", "settlement"]
        .iter()
        .zip(small.units.iter().zip(large.units))
    {
        println!("{step} of a shard with two replicas: {small} units among 16 shards, {large} among 8,192");
        assert!(large * 100 <= small * 103, "{step}: {large} against {small}");
    }
    println!("rent while it is worked on: {} and {} lamports", small.rent, large.rent);
    assert_eq!(small.rent, large.rent);
    // What a job pays once, per shard: it falls with their number.
    let world = Board::empty().world;
    let per_shard = |shards: u32| {
        let rent = world.svm.minimum_balance_for_rent_exemption(tasks::Job::space(shards));
        rent / u64::from(shards)
    };
    println!(
        "rent of the job per shard: {} and {} lamports",
        per_shard(16),
        per_shard(MAX_SHARDS)
    );
    assert!(per_shard(MAX_SHARDS) <= per_shard(16));
}
