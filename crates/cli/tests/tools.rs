//! The small tools for scripts: their worked examples, their exit codes, their errors.

#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

use serde_json::{Value, json};

fn lumora(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lumora"))
        .args(arguments)
        .output()
        .unwrap()
}

fn answer(arguments: &[&str]) -> Value {
    let output = lumora(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn allocate_gives_the_worked_example() {
    let answer = answer(&[
        "allocate", "--total", "1000", "--node", "100:80", "--node", "120:100", "--node", "50:50", "--json",
    ]);
    assert_eq!(answer["tasks"], json!([348, 435, 217]));
}

#[test]
fn score_gives_the_worked_example_and_the_waiting_time() {
    let nodes = ["--node", "10:15:100", "--node", "20:10:150", "--node", "15:20:80"];
    let raw = answer(&[&["score", "--raw", "--json"], nodes.as_slice()].concat());
    assert_eq!(raw["scores_millionths"], json!([200_000, 260_000, 153_333]));
    assert_eq!(raw["unallocated"], 170);

    let best = answer(&["score", "--json"]);
    assert_eq!((&best["score_bps"], &best["wait_seconds"]), (&json!(10_000), &json!(0)));
    let worst = answer(&[
        "score",
        "--attested-kbps",
        "0",
        "--reputation-bps",
        "0",
        "--json",
        "--max-wait-seconds",
        "100",
    ]);
    assert_eq!(
        (&worst["score_bps"], &worst["wait_seconds"]),
        (&json!(5_000), &json!(50))
    );
}

#[test]
fn robots_check_says_which_rule_decides_and_exits_with_3_when_forbidden() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("robots.txt");
    std::fs::write(
        &file,
        "User-agent: *\nDisallow: /private\nAllow: /private/open\nCrawl-delay: 2\n",
    )
    .unwrap();
    let check = |url| {
        lumora(&[
            "robots",
            "check",
            "--robots",
            file.to_str().unwrap(),
            "--agent",
            "LumoraBot",
            "--url",
            url,
            "--json",
        ])
    };
    for (url, allowed, code) in [
        ("https://example.org/", true, 0),
        ("https://example.org/private/a", false, 3),
        ("https://example.org/private/open/a", true, 0),
    ] {
        let output = check(url);
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            (&answer["allowed"], output.status.code()),
            (&json!(allowed), Some(code)),
            "{url}"
        );
        assert_eq!(answer["crawl_delay"], json!(2.0), "{url}");
    }
}

#[test]
fn bad_input_is_answered_with_what_to_write_instead() {
    for (arguments, hint) in [
        (vec!["allocate", "--total", "10", "--node", "100"], "100:80"),
        (vec!["score", "--weights", "1,2,3,4"], "10,000"),
        (vec!["score", "--raw", "--node", "0:1:1"], "at least 1"),
        (
            vec!["pob", "measure", "127.0.0.1:9", "--key", "zz"],
            "64 hexadecimal digits",
        ),
        (
            vec!["node", "run", "--config", "/nonexistent/node.toml"],
            "/nonexistent/node.toml",
        ),
    ] {
        let output = lumora(&arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(hint), "{arguments:?}: {said}");
    }
}

#[test]
fn a_measurement_by_hand_gives_a_receipt_that_verifies_and_a_bent_one_that_does_not() {
    use std::io::{BufRead, BufReader};
    let mut challenger = Command::new(env!("CARGO_BIN_EXE_lumora"))
        .args(["pob", "serve", "--listen", "127.0.0.1:47391", "--limit-kbps", "20000"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(challenger.stdout.take().unwrap()).lines();
    let key = lines.next().unwrap().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let receipt = folder.path().join("receipt");
    let path = receipt.to_str().unwrap();
    let measured = answer(&[
        "pob",
        "measure",
        "127.0.0.1:47391",
        "--key",
        &key,
        "--receipt",
        path,
        "--json",
    ]);
    assert_eq!(measured["limit_kbps"], 20_000);
    let down = measured["down_kbps"].as_u64().unwrap();
    assert!((19_000..=20_000).contains(&down), "{measured}");
    assert_eq!(answer(&["pob", "verify", path, "--json"])["down_kbps"], down);

    let mut bytes = std::fs::read(&receipt).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&receipt, bytes).unwrap();
    let refused = lumora(&["pob", "verify", path]);
    assert!(
        !refused.status.success(),
        "{}",
        String::from_utf8_lossy(&refused.stdout)
    );
    challenger.kill().unwrap();
    challenger.wait().unwrap();
}

#[test]
fn a_node_is_set_up_once_and_its_limits_are_changed_without_a_network() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let init = [
        "node",
        "init",
        "--folder",
        path,
        "--latitude",
        "52.5",
        "--longitude",
        "-13.4",
        "--json",
    ];
    let made = answer(&init);
    let config = made["config"].as_str().unwrap();
    let owner = std::fs::read(folder.path().join("owner.json")).unwrap();

    let again = lumora(&init);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("exists already"));
    // Keys that are there are used, and stay as they are.
    std::fs::remove_file(config).unwrap();
    assert_eq!(answer(&init)["owner"], made["owner"]);
    assert_eq!(std::fs::read(folder.path().join("owner.json")).unwrap(), owner);

    let set = answer(&[
        "node",
        "limits",
        "set",
        "--config",
        config,
        "--offline",
        "--json",
        "--rate-kbps",
        "7000",
        "--monthly-gb",
        "300",
        "--hours",
        "mon-fri 22:00-07:00",
        "--hours",
        "sun 00:00-24:00",
    ]);
    assert_eq!(set["changed_on_chain"], Value::Null);
    let shown = answer(&["node", "limits", "show", "--config", config, "--json"]);
    assert_eq!(shown, set["limits"]);
    assert_eq!(
        (&shown["rate_kbps"], &shown["monthly_gb"]),
        (&json!(7_000), &json!(300))
    );
    assert_eq!(
        shown["hours"],
        json!(["mon,tue,wed,thu,fri 22:00-07:00", "sun 00:00-24:00"])
    );

    for (arguments, named) in [
        (vec!["--hours", "at night"], "mon-fri 22:00-07:00"),
        (vec!["--rate-kbps", "0"], "rate_kbps"),
        (vec![], "limits set --help"),
    ] {
        let refused = lumora(
            &[
                &["node", "limits", "set", "--offline", "--config", config],
                arguments.as_slice(),
            ]
            .concat(),
        );
        assert_eq!(refused.status.code(), Some(1));
        let error = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(error.contains(named), "{error}");
    }
    let missing = lumora(&["node", "status", "--config", "/nowhere/node.toml"]);
    assert!(String::from_utf8_lossy(&missing.stderr).contains("lumora node init"));
}
