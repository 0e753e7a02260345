//! A hundred nodes claim and a hundred others register in one slot; and which accounts they have to share for it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use std::{collections::BTreeSet, path::Path, time::Duration};

use lumora_client::{Batch, Connection, bandwidth, registry, rewards, token};
use lumora_core::{attestation::Leaf, hash::sha256, merkle::Tree};
use lumora_interface::{
    bandwidth::{
        CommitBundleArguments, Epoch, ORACLE_SET, OracleSet, ProveArguments, SubmitAttestationArguments, epoch_address,
    },
    registry::{NETWORK, Network, RegisterNodeArguments, node_address},
    rewards::{EMISSION, POOL},
};
use lumora_localnet::{Localnet, Options, keys};
use lumora_migrations::Oracle;
use solana_address::Address;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;
use solana_system_interface::instruction::transfer;

/// Claims, and as many registrations.
const EACH: u16 = 100;
/// Long enough that all of them fit between two blocks, also in a debug build on a busy machine.
const SLOT_TIME: Duration = Duration::from_secs(3);
const REWARD: u64 = 1_000_000;
/// For the rent of a node and the fees.
const LAMPORTS: u64 = 100_000_000;

fn wallet(group: &str, index: u16) -> Keypair {
    Keypair::new_from_array(sha256(&[
        b"lumora parallel test",
        group.as_bytes(),
        &index.to_le_bytes(),
    ]))
}

fn registration(owner: &Address) -> Instruction {
    let arguments = RegisterNodeArguments {
        index: 0,
        operator: Keypair::new().pubkey(),
        transport_key: Keypair::new().pubkey().to_bytes(),
        h3_cell: lumora_tests::instructions::BERLIN,
        location: [i16::MAX, 0, 0],
        limit_kbps: 50_000,
        shard_capacity: 4,
    };
    registry::register_node(owner, &arguments)
}

/// Accounts that all of the instructions write.
fn written_by_all(instructions: &[Instruction]) -> BTreeSet<Address> {
    instructions
        .iter()
        .map(|instruction| {
            instruction
                .accounts
                .iter()
                .filter(|meta| meta.is_writable)
                .map(|meta| meta.pubkey)
                .collect::<BTreeSet<_>>()
        })
        .reduce(|common, accounts| &common & &accounts)
        .unwrap_or_default()
}

#[test]
fn registrations_share_nothing_and_claims_the_pool_and_its_account_of_what_left_it() {
    let registrations: Vec<Instruction> = (0..EACH)
        .map(|index| registration(&wallet("new", index).pubkey()))
        .collect();
    assert_eq!(written_by_all(&registrations), BTreeSet::new());

    let claims: Vec<Instruction> = (0..EACH)
        .map(|index| {
            let owner = wallet("old", index).pubkey();
            rewards::claim(&owner, &node_address(&owner, 0).0, &owner)
        })
        .collect();
    // The pool is the token account that pays. The emission bounds the outflow per window, for which it must see every
    // claim; a claim takes a few thousand compute units, so that the two admit thousands of claims per block.
    assert_eq!(written_by_all(&claims), BTreeSet::from([EMISSION, POOL]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_claims_and_a_hundred_registrations_land_in_one_slot() {
    let mut options = Options::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/deploy"));
    options.funded = vec![keys::oracle(0).pubkey()];
    options.settings.oracles.minimum_bond = 0;
    options.settings.oracles.members = vec![Oracle {
        key: keys::oracle(0).pubkey().into(),
        endpoint: "127.0.0.1:4430".parse().unwrap(),
        owner: None,
    }];
    options.slot_time = SLOT_TIME;
    let localnet = Localnet::start(options).await.unwrap();
    nodes_have_earned(&localnet).await;

    let connection = localnet.connection();
    let mut transactions = Vec::new();
    for index in 0..EACH {
        let old = wallet("old", index);
        let node = node_address(&old.pubkey(), 0).0;
        transactions.push((rewards::claim(&old.pubkey(), &node, &old.pubkey()), old));
        let new = wallet("new", index);
        transactions.push((registration(&new.pubkey()), new));
    }
    let slots = send_at_once(connection, &transactions).await;
    println!("{} transactions in slot {slots:?}", transactions.len());
    assert_eq!(slots.len(), 1, "they landed in several slots: {slots:?}");

    for index in 0..EACH {
        let owner = wallet("old", index).pubkey();
        assert_eq!(connection.lmr_balance(&owner).await.unwrap(), REWARD);
        let new = node_address(&wallet("new", index).pubkey(), 0).0;
        assert!(connection.account(&new).await.unwrap().is_some());
    }
    localnet.stop().await.unwrap();
}

/// Signs all with one blockhash, sends them right after a block, and says in which slots they landed.
async fn send_at_once(connection: &Connection, transactions: &[(Instruction, Keypair)]) -> BTreeSet<u64> {
    let blockhash = connection.rpc().get_latest_blockhash().await.unwrap();
    let signed: Vec<_> = transactions
        .iter()
        .map(|(instruction, payer)| {
            solana_transaction::Transaction::new_signed_with_payer(
                std::slice::from_ref(instruction),
                Some(&payer.pubkey()),
                &[payer],
                blockhash,
            )
        })
        .collect();
    let before = connection.slot().await.unwrap();
    while connection.slot().await.unwrap() == before {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let unchecked = solana_rpc_client_api::config::RpcSendTransactionConfig {
        skip_preflight: true,
        ..Default::default()
    };
    let sends = signed
        .iter()
        .map(|transaction| connection.rpc().send_transaction_with_config(transaction, unchecked));
    let signatures = futures_util::future::try_join_all(sends).await.unwrap();

    let mut slots = BTreeSet::new();
    for chunk in signatures.chunks(100) {
        loop {
            let statuses = connection.rpc().get_signature_statuses(chunk).await.unwrap().value;
            if statuses.iter().all(Option::is_some) {
                for status in statuses.into_iter().flatten() {
                    assert_eq!(status.err, None);
                    slots.insert(status.slot);
                }
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    slots
}

/// A hundred registered nodes whose rewards are attested, proven and funded.
async fn nodes_have_earned(localnet: &Localnet) {
    let (sender, connection) = (localnet.sender(), localnet.connection());
    let authority = localnet.authority().pubkey();
    let owners: Vec<Keypair> = (0..EACH).map(|index| wallet("old", index)).collect();
    let set_up = Batch {
        transactions: owners
            .iter()
            .map(|owner| {
                let fund = transfer(&authority, &owner.pubkey(), LAMPORTS);
                let open = token::create_lmr_account(&authority, &owner.pubkey());
                vec![fund, registration(&owner.pubkey()), open]
            })
            .chain((0..EACH).map(|index| vec![transfer(&authority, &wallet("new", index).pubkey(), LAMPORTS)]))
            .collect(),
        compute_units: None,
    };
    let keys: Vec<&Keypair> = owners.iter().collect();
    sender.send_batch(&set_up, &keys, |_| ()).await.unwrap();

    let oracle = keys::oracle(0);
    sender.send(&[bandwidth::open_epoch(&authority, 0)], &[]).await.unwrap();
    while sender.send(&[bandwidth::draw_seed(0)], &[]).await.is_err() {
        tokio::time::sleep(SLOT_TIME).await;
    }
    let commit = CommitBundleArguments {
        root: [1; 32],
        count: 1,
    };
    sender
        .send(&[bandwidth::commit_bundle(&oracle.pubkey(), 0, &commit)], &[&oracle])
        .await
        .unwrap();

    let leaves: Vec<Leaf> = owners
        .iter()
        .map(|owner| Leaf {
            node: node_address(&owner.pubkey(), 0).0.to_bytes(),
            contribution: 1,
            cumulative_contribution: 1,
            cumulative_reward: REWARD,
            ..Leaf::default()
        })
        .collect();
    let tree = Tree::new(leaves.iter().map(Leaf::hash).collect());
    let reward = REWARD * u64::from(EACH);
    let figures = SubmitAttestationArguments {
        root: tree.root(),
        leaf_count: u32::from(EACH),
        total_contribution: u64::from(EACH),
        epoch_reward: reward,
        cumulative_reward: reward,
        bundles: 1,
        expires_at: i64::MAX,
    };
    let epoch: Epoch = connection.fetch(&epoch_address(0).0).await.unwrap();
    let network: Network = connection.fetch(&NETWORK).await.unwrap();
    let digest = epoch.statement(network.network_id, &figures).digest();
    let signed = [(oracle.pubkey(), oracle.sign_message(&digest))];
    sender
        .send(&bandwidth::submit_attestation(0, &figures, &digest, &signed), &[])
        .await
        .unwrap();
    let set: OracleSet = connection.fetch(&ORACLE_SET).await.unwrap();
    localnet
        .advance_clock(Duration::from_secs(u64::from(set.dispute_seconds) + 1))
        .await
        .unwrap();

    sender.send(&[rewards::fund_epoch(0)], &[]).await.unwrap();
    let proofs = leaves
        .iter()
        .zip(0u32..)
        .map(|(leaf, index)| {
            let arguments = ProveArguments {
                index,
                down_kbps: 0,
                up_kbps: 0,
                rtt_us: 0,
                uptime_bps: 0,
                reputation_bps: 0,
                reason: 0,
                contribution: leaf.contribution,
                cumulative_contribution: leaf.cumulative_contribution,
                cumulative_reward: leaf.cumulative_reward,
            };
            let node = Address::new_from_array(leaf.node);
            let path = tree.path(u64::from(index)).unwrap();
            vec![bandwidth::prove(&authority, 0, &node, &arguments, &path)]
        })
        .collect();
    let proofs = Batch {
        transactions: proofs,
        compute_units: None,
    };
    sender.send_batch(&proofs, &[], |_| ()).await.unwrap();
}
