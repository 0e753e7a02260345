//! How fast events come through the indexer, how late they are at a thousand a second, and what memory it takes; on SQLite
//! and on PostgreSQL. The events are real bytes of a made-up history, the chain is in this process: what is measured is
//! everything from the listing to the commit, and not a network.
//!
//! `cargo run --release -p lumora-indexer --no-default-features --example throughput -- [transactions] [seconds]` prints
//! one JSON document.
#![allow(clippy::expect_used, clippy::unwrap_used, dead_code)]

#[path = "../tests/indexer/history/mod.rs"]
mod history;
#[path = "../tests/indexer/postgres.rs"]
mod postgres;

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use history::Author;
use lumora_indexer::{
    Database, Status,
    follow::{Follower, Pace},
    index::Index,
};
use tokio_util::sync::CancellationToken;

/// Events a second at which lateness is measured.
const RATE: f64 = 1_000.0;
/// Transactions before the clock runs, so that jobs, nodes and listings are there.
const WARM_UP: usize = 2_000;

const PACE: Pace = Pace {
    poll: Duration::from_millis(5),
    reconcile: Duration::from_secs(3_600),
};

/// Figures of one database.
#[derive(serde::Serialize)]
struct Figures {
    events: usize,
    events_s: f64,
    lag_ms_p50: f64,
    lag_ms_p99: f64,
    peak_mb: f64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let transactions = usize::try_from(arguments.next().transpose()?.unwrap_or(30_000))?;
    let seconds = arguments.next().transpose()?.unwrap_or(20);
    let folder = tempfile::tempdir()?;
    let sqlite = |name: &str| format!("sqlite://{}/{name}.db", folder.path().display());
    let on_sqlite = measure(&sqlite("throughput"), &sqlite("lag"), transactions, seconds).await?;
    let server = postgres::Postgres::start();
    let on_postgres = measure(
        &server.database("throughput"),
        &server.database("lag"),
        transactions,
        seconds,
    )
    .await?;
    let document = serde_json::json!({
        "events_s_sqlite": on_sqlite.events_s,
        "events_s_postgres": on_postgres.events_s,
        "lag_ms_p99": on_sqlite.lag_ms_p99.max(on_postgres.lag_ms_p99),
        "peak_mb": on_sqlite.peak_mb.max(on_postgres.peak_mb),
        "sqlite": on_sqlite,
        "postgres": on_postgres,
    });
    println!("{document}");
    Ok(())
}

async fn measure(throughput: &str, lag: &str, transactions: usize, seconds: u64) -> anyhow::Result<Figures> {
    let (events, events_s, peak_mb) = catch_up(throughput, transactions).await?;
    let lags = follow(lag, seconds).await?;
    let quantile = |part: usize| lags[(lags.len() - 1) * part / 100].as_secs_f64() * 1_000.0;
    Ok(Figures {
        events,
        events_s: events_s.round(),
        lag_ms_p50: rounded(quantile(50)),
        lag_ms_p99: rounded(quantile(99)),
        peak_mb: rounded(peak_mb),
    })
}

fn rounded(figure: f64) -> f64 {
    (figure * 10.0).round() / 10.0
}

/// Catches up with a history that happened while the indexer was away, the accounts that it touched included.
async fn catch_up(database: &str, transactions: usize) -> anyhow::Result<(usize, f64, f64)> {
    let mut author = Author::new(1);
    let index = Index::new(Database::open(database, 4).await?);
    let mut follower = Follower::new(author.chain(), index.clone(), Arc::new(Status::default()), PACE);
    follower.round().await?;
    let before = index.latest_event().await?;
    for _ in 0..transactions / 10 {
        author.slot(10);
    }
    // From here on, the peak is what the indexer adds to the history that this process keeps.
    fs::write("/proc/self/clear_refs", "5").context("the peak of memory cannot be reset")?;
    let resting = memory("VmRSS")?;
    let started = Instant::now();
    follower.round().await?;
    let elapsed = started.elapsed();
    let peak = memory("VmHWM")? - resting;
    let events = usize::try_from(index.latest_event().await? - before)?;
    Ok((events, events as f64 / elapsed.as_secs_f64(), peak))
}

/// Follows a history that goes on at a fixed rate; how late each event was, in order.
async fn follow(database: &str, seconds: u64) -> anyhow::Result<Vec<Duration>> {
    let mut author = Author::new(2);
    for _ in 0..WARM_UP / 10 {
        author.slot(10);
    }
    let index = Index::new(Database::open(database, 4).await?);
    let status = Arc::new(Status::default());
    let mut news = status.events();
    let mut follower = Follower::new(author.chain(), index.clone(), status, PACE);
    follower.round().await?;
    let mut known = index.latest_event().await?;
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(follower.run(shutdown.clone()));
    let watching = tokio::spawn(async move {
        // When which number was first known to be written.
        let mut written = Vec::new();
        while news.changed().await.is_ok() {
            written.push((*news.borrow_and_update(), Instant::now()));
        }
        written
    });
    let happened = tokio::task::spawn_blocking(move || {
        let started = Instant::now();
        let mut happened = Vec::new();
        let first = author.ledger.lock().unwrap().events().len();
        let mut count = first;
        while started.elapsed() < Duration::from_secs(seconds) {
            let before = author.ledger.lock().unwrap().transactions.len();
            author.slot(1);
            let now = Instant::now();
            // A slot may be empty: what the author thought of could not happen.
            let added = author.ledger.lock().unwrap().events_since(before);
            happened.extend(std::iter::repeat_n(now, added));
            count += added;
            let due = started + Duration::from_secs_f64((count - first) as f64 / RATE);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        happened
    })
    .await?;
    let last = known + happened.len() as u64;
    while index.latest_event().await? < last {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    shutdown.cancel();
    running.await?;
    let mut written = watching.await?.into_iter().peekable();
    let mut lags = Vec::with_capacity(happened.len());
    for at in happened {
        known += 1;
        while written.next_if(|(latest, _)| *latest < known).is_some() {}
        let (_, when) = written.peek().context("every event was written")?;
        lags.push(when.saturating_duration_since(at));
    }
    lags.sort_unstable();
    Ok(lags)
}

/// A figure of this process's memory, in megabytes.
fn memory(name: &str) -> anyhow::Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kilobytes: f64 = line.context("no such figure")?.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes / 1_024.0)
}
