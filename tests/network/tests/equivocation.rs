//! An oracle that signs two roots and shows them to different peers: found out by what the others tell each other, jailed
//! on chain, and the honest root stands. Old epochs are closed on the way.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod world;

use std::{net::SocketAddr, sync::Arc};

use axum::{Json, Router, extract::Path, http::StatusCode, routing::get};
use lumora_client::{
    bandwidth,
    oracle_api::{OracleClient, SignedStatement},
    rewards, statements,
};
use lumora_core::attestation::Statement;
use lumora_interface::{
    bandwidth::{Epoch, ORACLE_SET, OracleSet, VOID, epoch_address, epoch_state, member},
    registry::{NETWORK, Network},
};
use lumora_localnet::keys;
use lumora_oracle::{Event, OracleConfig, Peer};
use solana_signer::Signer;
use tokio::net::TcpListener;
use world::{World, one_round};

const HONEST: u16 = 3;
/// Index of the oracle that lies, and its seat.
const LIAR: u16 = 3;
const BOND: u64 = 1_000_000_000;

/// One of the liar's faces: it signs what an honest oracle signed, with another root if it is told to.
async fn face(honest: OracleClient, lies: bool) -> SocketAddr {
    let signature = move |Path(epoch): Path<u64>| {
        let honest = honest.clone();
        async move {
            let signed = honest
                .signature(epoch)
                .await
                .ok()
                .flatten()
                .ok_or(StatusCode::NOT_FOUND)?;
            let statement = signed.statement();
            let root = if lies { [0xbb; 32] } else { statement.root };
            Ok::<_, StatusCode>(Json(SignedStatement::sign(
                &keys::oracle(LIAR),
                &Statement { root, ..statement },
            )))
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let socket = listener.local_addr().unwrap();
    let router = Router::new().route("/v1/epochs/{epoch}/signature", get(signature));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    socket
}

async fn give_bond(world: &World) {
    let (sender, authority) = (world.localnet.sender(), world.localnet.authority().pubkey());
    let liar = Arc::new(keys::oracle(LIAR));
    sender
        .send(&rewards::grant_at_once(&authority, &liar.pubkey(), BOND), &[])
        .await
        .unwrap();
    let deposit = bandwidth::deposit_oracle_bond(&liar.pubkey(), &liar.pubkey(), BOND);
    sender.paid_by(liar).send(&[deposit], &[]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oracle_that_shows_two_roots_to_two_peers_is_jailed_and_the_honest_root_stands() {
    let world = World::start(HONEST + 1, |options| {
        let oracles = &mut options.settings.oracles;
        (oracles.epoch_seconds, oracles.commit_seconds, oracles.retention_seconds) = (10, 6, 30);
    })
    .await;
    let mut events = world.events();
    give_bond(&world).await;
    // A leaf needs a node, measured or not.
    world.register_node(0, [7; 32], 10_000).await;
    let [honest_face, lying_face] = [face(world.client(0), false).await, face(world.client(0), true).await];
    for index in 0..HONEST {
        let shown = if index == 1 { lying_face } else { honest_face };
        let liar = Peer {
            key: keys::oracle(LIAR).pubkey(),
            http: format!("http://{shown}").parse().unwrap(),
        };
        let config = OracleConfig {
            peers: (0..HONEST).map(|other| world.peer(other)).chain([liar]).collect(),
            ..world.config(index, one_round())
        };
        world.run(index, config);
    }

    let mut attested = Vec::new();
    let (reporter, epoch) = events
        .wait_for(|oracle, event| match event {
            Event::EquivocationReported {
                epoch, oracle: liar, ..
            } => {
                assert_eq!(*liar, keys::oracle(LIAR).pubkey());
                Some((oracle, *epoch))
            }
            Event::EpochAttested { epoch, agreed, .. } => {
                assert_ne!(*agreed, Some(false), "oracle {oracle} came to other figures");
                attested.push(*epoch);
                None
            }
            _ => None,
        })
        .await;

    let connection = world.connection();
    let set: OracleSet = connection.fetch(&ORACLE_SET).await.unwrap();
    let seat = usize::from(LIAR);
    assert_eq!((set.states[seat], set.bonds[seat], set.bonded), (member::JAILED, 0, 0));
    let paid = connection.lmr_balance(&keys::oracle(reporter).pubkey()).await.unwrap();
    assert!(paid > 0 && paid < BOND, "the reporter got {paid} of {BOND}");
    let account: Epoch = connection.fetch(&epoch_address(epoch).0).await.unwrap();
    assert_eq!(account.signed[seat], VOID);

    // Honest oracles never lose their place, and the epoch lied about has the root that they agreed on.
    assert!((0..HONEST).all(|index| set.states[usize::from(index)] == member::ACTIVE));
    if !attested.contains(&epoch) {
        events
            .wait_for(|_, event| match event {
                Event::EpochAttested { epoch: of, agreed, .. } if *of == epoch => {
                    assert_ne!(*agreed, Some(false));
                    Some(())
                }
                _ => None,
            })
            .await;
    }
    let account: Epoch = connection.fetch(&epoch_address(epoch).0).await.unwrap();
    let honest = world.client(0).signature(epoch).await.unwrap().unwrap();
    assert_eq!((account.state, account.root), (epoch_state::ATTESTED, honest.root));

    // What was submitted can be read back from the chain with its signatures, by whoever saw nothing of it.
    let network: Network = connection.fetch(&NETWORK).await.unwrap();
    let submitted = statements::submitted(connection, network.network_id, &account)
        .await
        .unwrap();
    assert!(
        submitted.iter().any(|signed| signed.root == account.root),
        "{submitted:?}"
    );
    assert!(submitted.iter().all(SignedStatement::is_authentic));

    // The evidence is gone from disk, each oracle goes on, and epochs that nobody needs any more are closed.
    let mut settled = std::collections::BTreeSet::new();
    let closed = events
        .wait_for(|oracle, event| match event {
            Event::EquivocationSettled { jailed, .. } => {
                assert!(jailed);
                settled.insert(oracle);
                None
            }
            Event::EpochsClosed { first, .. } => Some(*first),
            _ => None,
        })
        .await;
    assert!(!settled.is_empty());
    assert_eq!(
        connection
            .fetch_optional::<Epoch>(&epoch_address(closed).0)
            .await
            .unwrap(),
        None
    );
}
