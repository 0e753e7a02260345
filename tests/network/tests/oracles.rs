//! Oracles and a node on the embedded network: measured over QUIC, agreed on over HTTP, attested, proven and claimed on
//! chain; and all that goes on when an oracle dies.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod world;

use std::time::Duration;

use lumora_core::quorum;
use lumora_interface::{
    bandwidth::{Attestation, Epoch, ORACLE_SET, OracleSet, attestation_address, epoch_address, epoch_state},
    rewards::{EMISSION, Emission, Reward, reward_address},
};
use lumora_oracle::Event;
use tokio::{task::JoinHandle, time::timeout};
use world::{BOND, EventsToCome, World, one_round};

const ORACLES: u16 = 4;
const LIMIT_KBPS: u32 = 16_000;

/// The next epoch in which a node earned something and which `oracle` helped to attest.
async fn next_paid(events: &mut EventsToCome, oracle: u16) -> u64 {
    let paid = |from, event: &Event| match event {
        Event::EpochAttested {
            epoch,
            epoch_reward,
            agreed,
            ..
        } => {
            assert_ne!(
                *agreed,
                Some(false),
                "oracle {from} came to other figures for epoch {epoch}"
            );
            (from == oracle && *agreed == Some(true) && *epoch_reward > 0).then_some(*epoch)
        }
        Event::EquivocationRefused { epoch, .. } => {
            panic!("oracle {from} wanted to sign twice about epoch {epoch}")
        }
        _ => None,
    };
    events.wait_for(paid).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_measured_attested_and_paid_though_an_oracle_dies() {
    let world = World::start(ORACLES, |options| {
        let oracles = &mut options.settings.oracles;
        (oracles.epoch_seconds, oracles.commit_seconds) = (10, 6);
    })
    .await;
    let mut events = world.events();
    let run = |index| world.run(index, world.config(index, one_round()));
    let oracles: Vec<JoinHandle<()>> = (0..ORACLES).map(run).collect();
    let mut provider = world.provider("node").await;
    provider.config.limits.rate_kbps = LIMIT_KBPS;
    provider.config.minimum_claim = 1;
    provider.config.measurement = serde_json::from_value(one_round()["measurement"].clone()).unwrap();
    provider.start();
    let node = provider.node;

    let first = next_paid(&mut events, 0).await;
    let epoch: Epoch = world.connection().fetch(&epoch_address(first).0).await.unwrap();
    assert_eq!(epoch.state, epoch_state::ATTESTED);
    assert!(epoch.signers.count_ones() >= quorum::required(u32::from(ORACLES)));
    let proof = world.client(0).leaf(first, &node).await.unwrap().unwrap();
    assert!(proof.is_under(&epoch.root, epoch.leaf_count));
    // How near to the link's rate it comes is another test's matter: here the machine runs everything else as well.
    let down = proof.figures.down_kbps;
    assert!(
        down > 0 && down <= LIMIT_KBPS,
        "{down} kbit/s of a limit of {LIMIT_KBPS}"
    );

    // The last oracle is gone, in the middle of an epoch; the rest are a quorum still.
    oracles[3].abort();
    let mut latest = first;
    for _ in 0..2 {
        latest = next_paid(&mut events, 1).await;
    }
    let set: OracleSet = world.connection().fetch(&ORACLE_SET).await.unwrap();
    assert!(set.attestable_from > latest && latest > first);
    let epoch: Epoch = world.connection().fetch(&epoch_address(latest).0).await.unwrap();
    assert_eq!(
        (epoch.committed >> 3, epoch.signers >> 3),
        (0, 0),
        "a dead oracle neither commits nor signs"
    );

    // The node proves and claims for itself.
    let paid = async {
        loop {
            let reward: Option<Reward> = world
                .connection()
                .fetch_optional(&reward_address(&node).0)
                .await
                .unwrap();
            if let Some(reward) = reward.filter(|reward| reward.claimed > 0) {
                return reward;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    let reward = timeout(Duration::from_secs(60), paid).await.unwrap();
    let attestation: Attestation = world.connection().fetch(&attestation_address(&node).0).await.unwrap();
    let emission: Emission = world.connection().fetch(&EMISSION).await.unwrap();
    assert!(reward.claimed <= attestation.cumulative_reward && reward.claimed <= emission.minted);
    assert_eq!(
        world.connection().lmr_balance(&provider.owner).await.unwrap(),
        BOND + reward.claimed
    );

    // An oracle that comes back goes on with what it had on disk.
    let mut events = world.events();
    let back = run(3);
    let again = next_paid(&mut events, 3).await;
    let epoch: Epoch = world.connection().fetch(&epoch_address(again).0).await.unwrap();
    assert_eq!(epoch.state, epoch_state::ATTESTED);
    assert!(!back.is_finished(), "the oracle that came back stopped again");
}
