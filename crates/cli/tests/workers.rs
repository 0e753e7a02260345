//! An oracle whose load three processes share: nodes dial the main one, are sent on to the one that measures them, and what
//! was measured there is attested. When a worker dies, the main process measures its nodes.
//!
//! Needs the built programs (`cargo xtask build-sbf`).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod fleet;

use std::{collections::BTreeSet, fs, time::Duration};

use fleet::{COMMIT_SECONDS, EPOCH_SECONDS, Fleet, Place, lumora, wait_for};
use lumora_interface::{
    Address,
    bandwidth::{ORACLE_SET, OracleSet, epoch_state},
};
use lumora_localnet::keys;

const NODES: u16 = 10;
const RATE: u32 = 3_000;
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn workers_measure_for_the_main_process_and_one_that_dies_is_stood_in_for() {
    let mut fleet = Fleet::with_epochs(vec![Place::free()], NODES, EPOCH_SECONDS, COMMIT_SECONDS, 1).await;
    let workers = [Place::free(), Place::free()];
    let (rpc, websocket) = (
        fleet.localnet.rpc_url().to_owned(),
        fleet.localnet.websocket_url().to_owned(),
    );
    let list = workers.map(|worker| format!("\"{}\"", worker.measure)).join(", ");
    let main = fleet.oracle_config(0, &rpc, &websocket, &format!("workers = [{list}]"));
    let start = |fleet: &mut Fleet, name: &str, config: &std::path::Path| {
        let mut command = lumora();
        command.args(["oracle", "run", "--config"]).arg(config);
        fleet.start(name, command);
    };
    start(&mut fleet, "oracle-0", &main);
    for (number, place) in workers.iter().enumerate() {
        let name = format!("worker-{number}");
        let text = format!(
            "rpc_url = {rpc:?}\nws_url = {websocket:?}\nkey = {:?}\ndata_dir = {:?}\nmeasure = \"{2}\"\n\
             measurement = {{ rounds_per_epoch = 1, challengers_per_round = 1 }}\npoll_ms = 300\n\
             front = {{ http = \"http://{3}\", measured_at = \"{2}\" }}\n",
            fleet.key_file("oracle-0", &keys::oracle(0)),
            fleet.folder.path().join(&name),
            place.measure,
            fleet.oracles[0].http,
        );
        let path = fleet.folder.path().join(format!("{name}.toml"));
        fs::write(&path, text).unwrap();
        start(&mut fleet, &name, &path);
    }
    let mut nodes = BTreeSet::new();
    for index in 0..NODES {
        let (config, address) = fleet.node_config(index, RATE);
        nodes.insert(address);
        let mut command = lumora();
        command.args(["node", "run", "--config"]).arg(config);
        fleet.start(&format!("node-{index}"), command);
    }

    // The first epochs may pass before the main process has heard of its workers.
    for worker in ["worker-0", "worker-1"] {
        let what = format!("a delivery of {worker}");
        wait_for(&what, PATIENCE, async || {
            fleet.has_said(worker, &["\"handed_over\""]).then_some(())
        })
        .await;
    }
    let latest: OracleSet = fleet.connection().fetch(&ORACLE_SET).await.unwrap();
    let together = all_earned(&fleet, &nodes, latest.next_epoch).await;
    for process in ["oracle-0", "worker-0", "worker-1"] {
        let measured = fleet.has_said(process, &["\"measured\"", &format!("\"epoch\":{together},")]);
        assert!(
            measured,
            "{process} measured nobody in epoch {together}:\n{}",
            fleet.said(process)
        );
    }
    fleet.kill("worker-1");
    let latest: OracleSet = fleet.connection().fetch(&ORACLE_SET).await.unwrap();
    // The epoch in which it died may be lost for its nodes.
    let alone = all_earned(&fleet, &nodes, latest.next_epoch).await;
    println!("all {NODES} nodes earned in epoch {together} with three processes, and in epoch {alone} with two");
}

/// The first attested epoch from this one on in which every node earned.
async fn all_earned(fleet: &Fleet, nodes: &BTreeSet<Address>, from: u64) -> u64 {
    wait_for("an epoch in which all earn", PATIENCE, async || {
        let set: OracleSet = fleet.connection().fetch(&ORACLE_SET).await.unwrap();
        for number in from..set.attestable_from {
            if fleet.epoch(number).await.state != epoch_state::ATTESTED {
                continue;
            }
            let Some(leaves) = fleet.client(0).leaves(number).await.unwrap() else {
                continue;
            };
            let earned = leaves.iter().filter(|leaf| leaf.contribution > 0);
            if earned.map(|leaf| leaf.node).collect::<BTreeSet<_>>() == *nodes {
                return Some(number);
            }
        }
        None
    })
    .await
}
