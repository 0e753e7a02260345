//! What the indexer makes good by itself: updates that it missed, transactions that are gone, connections that end.

use std::time::Duration;

use bytemuck::Zeroable as _;
use lumora_indexer::{
    Database, IndexerConfig,
    catalog::CATALOG,
    chain::{AtSlot, RawAccount},
    index::Index,
    run_on,
};
use lumora_interface::{Account as _, Address, registry::Node};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    history::Author,
    postgres::Postgres,
    served::{ALWAYS, ONCE, Served, sqlite},
};

#[tokio::test]
async fn a_comparison_puts_right_what_was_missed() {
    let folder = tempfile::tempdir().unwrap();
    let mut author = Author::new(41);
    for _ in 0..30 {
        author.slot(8);
    }
    let served = Served::open(&sqlite(&folder)).await;
    let mut follower = served.follow(author.chain(), ALWAYS);
    follower.round().await.unwrap();
    assert_eq!(
        served.status.differences(),
        0,
        "the first comparison finds a beginning, not a mistake"
    );

    // One account appears, one changes and one goes, and no transaction says so.
    let new = Address::new_from_array([77; 32]);
    let (changed, gone) = {
        let mut ledger = author.ledger.lock().unwrap();
        ledger.slot += 1;
        let nodes = ledger.all::<Node>();
        let (changed, gone) = (nodes[0].0, nodes[1].0);
        let data = |node: &Node| [Node::DISCRIMINATOR.as_slice(), bytemuck::bytes_of(node)].concat();
        let account = |data| RawAccount {
            owner: Node::OWNER,
            data,
        };
        ledger.accounts.insert(new, account(data(&Node::zeroed())));
        let richer = Node {
            bond: 123_456_789,
            ..nodes[0].1
        };
        ledger.accounts.insert(changed, account(data(&richer)));
        ledger.accounts.remove(&gone);
        (changed, gone)
    };
    follower.round().await.unwrap();
    assert_eq!(served.status.differences(), 3);
    assert_eq!(served.get(&format!("/v1/nodes/{changed}")).await["bond"], "123456789");
    assert_eq!(served.get(&format!("/v1/nodes/{new}")).await["bond"], "0");
    served.refused(&format!("/v1/nodes/{gone}"), 404).await;
    let account = served.get(&format!("/v1/accounts/{gone}")).await;
    assert_eq!((&account["exists"], &account["fields"]), (&json!(false), &json!({})));
    follower.round().await.unwrap();
    assert_eq!(served.status.differences(), 3, "what is right is left alone");
}

#[tokio::test]
async fn a_transaction_that_is_gone_everywhere_is_given_up_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut author = Author::new(42);
    for _ in 0..30 {
        author.slot(8);
    }
    let chain = author.chain();
    let lost = author.ledger.lock().unwrap().transactions[100].signature.clone();
    *chain.faults.lost.lock().unwrap() = Some(lost.clone());
    let served = Served::open(&sqlite(&folder)).await;
    let mut follower = served.follow(chain, ONCE);
    let mut failed = 0;
    while follower.round().await.is_err() {
        // Nothing that came after it is told before it is given up: numbers follow the chain.
        let told = served.all("/v1/events", 500).await;
        assert!(told.len() < 110, "{} events", told.len());
        failed += 1;
        assert!(failed < 20, "it is waited for without end");
    }
    assert!(failed >= 5, "it may be there a moment later");
    assert_eq!(
        served.metric("lumora_indexer_unavailable_transactions_total", "").await,
        1.0
    );
    let events = served.all("/v1/events?order=oldest", 500).await;
    let others = author
        .ledger
        .lock()
        .unwrap()
        .events()
        .iter()
        .filter(|(signature, ..)| *signature != lost)
        .count();
    assert_eq!(events.len(), others);
}

#[tokio::test]
async fn what_is_older_never_replaces_what_is_newer() {
    let folder = tempfile::tempdir().unwrap();
    let postgres = Postgres::start();
    for database in [sqlite(&folder), postgres.database("older")] {
        let served = Served::open(&database).await;
        let index = Index::new(served.database.clone());
        let registry = CATALOG.program_named("registry").unwrap();
        let node = Address::new_from_array([5; 32]);
        let account = |bond| RawAccount {
            owner: Node::OWNER,
            data: [
                Node::DISCRIMINATOR.as_slice(),
                bytemuck::bytes_of(&Node { bond, ..Node::zeroed() }),
            ]
            .concat(),
        };
        let at = |slot, value| AtSlot { slot, value };
        let bond = async || served.get(&format!("/v1/nodes/{node}")).await["bond"].clone();
        index
            .reconcile(registry, at(10, vec![(node, account(1))]))
            .await
            .unwrap();
        assert_eq!(bond().await, "1");
        // An account that differs, and one that is missing, on a node that is behind.
        let older = index
            .reconcile(registry, at(9, vec![(node, account(2))]))
            .await
            .unwrap();
        assert_eq!((older.differences, bond().await), (0, json!("1")));
        let older = index.reconcile(registry, at(9, vec![])).await.unwrap();
        assert_eq!((older.differences, bond().await), (0, json!("1")));
        // It is gone, and a node that is behind still has it.
        assert_eq!(index.reconcile(registry, at(12, vec![])).await.unwrap().differences, 1);
        let older = index
            .reconcile(registry, at(11, vec![(node, account(1))]))
            .await
            .unwrap();
        assert_eq!(older.differences, 0);
        served.refused(&format!("/v1/nodes/{node}"), 404).await;
        // It comes again.
        index
            .reconcile(registry, at(13, vec![(node, account(3))]))
            .await
            .unwrap();
        assert_eq!(bond().await, "3");
    }
}

#[tokio::test]
async fn two_indexers_on_one_database_double_nothing() {
    let postgres = Postgres::start();
    let url = postgres.database("shared");
    let mut author = Author::new(45);
    for _ in 0..40 {
        author.slot(10);
    }
    let (first, second) = (Served::open(&url).await, Served::open(&url).await);
    let mut followers = [first.follow(author.chain(), ONCE), second.follow(author.chain(), ONCE)];
    for _ in 0..10 {
        author.slot(30);
        let [one, other] = &mut followers;
        let (one, other) = tokio::join!(one.round(), other.round());
        one.unwrap();
        other.unwrap();
    }
    let happened = author.ledger.lock().unwrap().events().len();
    for served in [&first, &second] {
        assert_eq!(served.all("/v1/events", 500).await.len(), happened);
        assert_eq!(*served.status.events().borrow(), happened as u64);
    }
    let claimed = first
        .metric("lumora_events_total", "program=\"tasks\",event=\"ShardClaimed\"")
        .await;
    assert_eq!(
        first.all("/v1/events?name=ShardClaimed", 500).await.len() as f64,
        claimed
    );
}

/// Asks until the answer is as wanted.
async fn eventually(url: &str, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..1_000 {
        if let Ok(answer) = reqwest::get(format!("{url}{path}")).await
            && let Ok(value) = answer.json::<Value>().await
            && wanted(&value)
        {
            return value;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{path} never answers as wanted");
}

#[tokio::test]
async fn the_whole_indexer_follows_serves_stops_and_begins_again_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut author = Author::new(43);
    for _ in 0..30 {
        author.slot(8);
    }
    let chain = author.chain();
    chain.faults.errors.store(40, std::sync::atomic::Ordering::Relaxed);
    let mut told = 0;
    for _ in 0..2 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let config = IndexerConfig {
            database: sqlite(&folder),
            poll_ms: 20,
            ..IndexerConfig::default()
        };
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(run_on(config, chain.clone(), listener, shutdown.clone()));
        for _ in 0..3 {
            author.slot(20);
            let slot = author.ledger.lock().unwrap().slot;
            eventually(&url, "/health", |health| {
                health["indexed_slot"] == slot && health["status"] == "ok"
            })
            .await;
            let newest = eventually(&url, "/v1/events?limit=1", |page| page["slot"] == slot).await;
            let happened = author.ledger.lock().unwrap().events_since(0);
            assert_eq!(newest["items"][0]["seq"], happened.to_string());
            assert!(happened > told);
            told = happened;
        }
        shutdown.cancel();
        tokio::time::timeout(Duration::from_secs(10), running)
            .await
            .expect("it stops")
            .unwrap()
            .unwrap();
    }
}

#[tokio::test]
async fn a_database_of_another_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(Served::open(&sqlite(&folder)).await);
    let database = sqlx::AnyPool::connect(&sqlite(&folder)).await.unwrap();
    sqlx::query("UPDATE _sqlx_migrations SET checksum = x'00'")
        .execute(&database)
        .await
        .unwrap();
    let error = Database::open(&sqlite(&folder), 1).await.unwrap_err().to_string();
    assert!(error.contains("name a new database"), "{error}");
}

#[tokio::test]
async fn what_cannot_work_is_said_before_anything_runs() {
    let listener = || async { TcpListener::bind("127.0.0.1:0").await.unwrap() };
    let chain = Author::new(44).chain();
    for (database, sentence) in [
        ("index.db".to_owned(), "sqlite://"),
        ("sqlite:///nowhere/at/all/index.db".to_owned(), "cannot be opened"),
        ("postgres://me:secret@127.0.0.1:1/none".to_owned(), "cannot be opened"),
    ] {
        let config = IndexerConfig {
            database,
            ..IndexerConfig::default()
        };
        let ran = run_on(config, chain.clone(), listener().await, CancellationToken::new()).await;
        let error = ran.unwrap_err().to_string();
        assert!(error.contains(sentence), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}
