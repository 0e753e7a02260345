//! The demo from outside: it finishes although a node and an oracle are killed in the middle, and its figures hold.
//!
//! Needs the built programs (`cargo xtask build-sbf`) and the documentation of the Rust toolchain.

#![allow(clippy::unwrap_used)]

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(420);

/// The running demo; killed when a test gives up on it.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_for(what: &str, since: Instant, mut found: impl FnMut() -> bool) {
    while !found() {
        assert!(since.elapsed() < PATIENCE, "{what} did not happen in time");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What `kill -9` does to a child of the demo.
fn kill(folder: &Path, name: &str) {
    let pid = std::fs::read_to_string(folder.join(format!("logs/{name}.pid"))).unwrap();
    assert!(
        Command::new("kill")
            .args(["-9", pid.trim()])
            .status()
            .unwrap()
            .success(),
        "{name} was not running"
    );
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is not a number"))
}

#[test]
fn finishes_although_a_node_and_an_oracle_are_killed() {
    let started = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let summary = folder.path().join("summary.json");
    let output = std::fs::File::create(folder.path().join("output.txt")).unwrap();
    let mut demo = Demo(
        Command::new(env!("CARGO_BIN_EXE_lumora"))
            .args(["demo", "--pages", "600", "--shards", "20", "--epoch-seconds", "15"])
            .arg("--folder")
            .arg(folder.path())
            .arg("--json")
            .arg(&summary)
            .stdin(Stdio::null())
            .stderr(output.try_clone().unwrap())
            .stdout(output)
            .spawn()
            .unwrap(),
    );
    // The first result in the store: nodes are at work on the job.
    let results = folder.path().join("store/names/results");
    wait_for("the first result", started, || {
        assert!(demo.0.try_wait().unwrap().is_none(), "{}", said(folder.path()));
        results.exists()
    });
    kill(folder.path(), "node-2");
    kill(folder.path(), "oracle-2");
    let mut status = None;
    wait_for("the end of the demo", started, || {
        status = demo.0.try_wait().unwrap();
        status.is_some()
    });
    assert!(status.unwrap().success(), "{}", said(folder.path()));

    let summary: Value = serde_json::from_slice(&std::fs::read(&summary).unwrap()).unwrap();
    let endings: Vec<&str> = summary["endings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|ending| ending["name"].as_str().unwrap())
        .collect();
    assert_eq!(endings.len(), 2, "{endings:?}");
    assert!(
        endings.contains(&"node-2") && endings.contains(&"oracle-2"),
        "{endings:?}"
    );

    for node in summary["nodes"].as_array().unwrap() {
        assert!(
            number(&node["error_bps"]) <= 500,
            "measured too far from the link's rate: {node}"
        );
        assert!(number(&node["bandwidth_lmr"]) > 0, "{node}");
    }
    let pages = &summary["pages"];
    assert_eq!(number(&pages["forbidden_requests"]), 0);
    assert!(
        number(&pages["skipped"]["robots disallowed"]) > 0,
        "nothing was forbidden, so nothing was shown: {pages}"
    );
    let delay = &pages["crawl_delay"];
    assert!(number(&delay["requests"]) > 0, "{pages}");
    // Two thirds of what is asked for would be a broken rule; a little less is the site's clock.
    assert!(
        delay["shortest_ms"].is_null() || number(&delay["shortest_ms"]) >= 950,
        "{pages}"
    );

    let escrow = &summary["escrow"];
    assert_eq!(
        number(&escrow["funded"]),
        number(&escrow["paid"]) + number(&escrow["fees"]) + number(&escrow["refunded"]),
        "{escrow}"
    );
    assert!(number(&escrow["paid"]) > 0);
    assert_eq!(summary["shards"].as_array().unwrap().len(), 20);
    let dataset = &summary["dataset"];
    let bought = number(&dataset["rows_bought"]);
    assert!(bought > 100, "{dataset}");
    for rows in ["rows_listed", "rows_decrypted", "rows_verified"] {
        assert_eq!(number(&dataset[rows]), bought, "{dataset}");
    }
    assert_eq!(number(&dataset["sample_rows"]), 10, "{dataset}");
}

fn said(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("output.txt")).unwrap_or_default()
}
