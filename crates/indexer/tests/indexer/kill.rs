//! An indexer that is killed while it backfills: what it wrote is whole, and the next one goes on from there.

use std::{
    env, fs,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use lumora_indexer::{
    Database, Status,
    follow::{Follower, Pace},
    index::Index,
};

use crate::{
    history::Author,
    served::{ONCE, Served, sqlite},
};

/// Names the database to the process that is killed.
const DATABASE: &str = "LUMORA_INDEXER_KILLED_DATABASE";
const SEED: u64 = 21;

fn history() -> Author {
    let mut author = Author::new(SEED);
    for _ in 0..900 {
        author.slot(5);
    }
    author
}

/// Not a test of its own: what [`a_kill_during_the_backfill_loses_and_doubles_nothing`] runs as a process, and kills.
#[tokio::test]
async fn backfill_until_killed() {
    let Ok(url) = env::var(DATABASE) else {
        return;
    };
    let database = Database::open(&url, 2).await.unwrap();
    let pace = Pace {
        poll: Duration::from_millis(10),
        reconcile: ONCE,
    };
    let chain = history().chain();
    let mut follower = Follower::new(chain, Index::new(database), Arc::new(Status::default()), pace);
    follower.round().await.unwrap();
}

#[tokio::test]
async fn a_kill_during_the_backfill_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite(&folder);
    let author = history();
    let expected = author.ledger.lock().unwrap().events().len();
    let index = Index::new(Database::open(&url, 2).await.unwrap());
    let mut interrupted = 0;
    // Each process gets a little further than the one before, and is killed wherever it is then.
    for attempt in 0u64..40 {
        let before = index.latest_event().await.unwrap();
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["kill::backfill_until_killed", "--exact"])
            .env(DATABASE, &url)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // From its first sign of work on, another moment each time.
        let deadline = Instant::now() + Duration::from_secs(60);
        while index.latest_event().await.unwrap() == before
            && child.try_wait().unwrap().is_none()
            && Instant::now() < deadline
        {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        tokio::time::sleep(Duration::from_millis(attempt * 7 % 40)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        let after = index.latest_event().await.unwrap();
        if before < after && (after as usize) < expected {
            interrupted += 1;
        }
        if after as usize == expected {
            break;
        }
    }
    assert!(interrupted >= 3, "only {interrupted} processes were killed at work");

    let served = Served::open(&url).await;
    served.follow(author.chain(), ONCE).round().await.unwrap();
    let told = served.all("/v1/events?order=oldest", 500).await;
    let told: Vec<String> = told
        .iter()
        .map(|it| format!("{} {}", it["signature"], it["name"]))
        .collect();
    let happened: Vec<String> = {
        let ledger = author.ledger.lock().unwrap();
        let name = |program, data| {
            let program = lumora_indexer::catalog::CATALOG.program(&program).unwrap();
            program.event(data).unwrap().name.clone()
        };
        let events = ledger.events().into_iter();
        events
            .map(|(signature, program, data)| format!("\"{signature}\" \"{}\"", name(program, data)))
            .collect()
    };
    assert_eq!(told.len(), happened.len());
    assert_eq!(told, happened);
    // Sums are written with the events that they are of, so they can be off only if a batch was torn apart.
    let claimed = happened
        .iter()
        .filter(|event| event.ends_with("\"RewardClaimed\""))
        .count();
    let counted = served
        .metric("lumora_events_total", "program=\"rewards\",event=\"RewardClaimed\"")
        .await;
    assert_eq!(counted, claimed as f64);
    assert!(fs::metadata(folder.path().join("index.db")).unwrap().len() > 0);
}
