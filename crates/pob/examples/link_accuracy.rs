//! Measures links of known rates and prints a table: set against measured, both ways.
//!
//! `cargo run -p lumora-pob --example link_accuracy --features lab -- [runs] [kbit/s ...]`. With root the links are veth
//! pairs into network namespaces shaped by `tc tbf`, and the prover is a process of its own; else a relay on loopback.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use lumora_pob::chunk;
use lumora_pob::lab::{Link, Relay, Shape, cleanup_stale};
use lumora_pob::{Challenger, Claim, Config, Decision, Identity, Request, SignedReceipt, measure};
use tokio::sync::mpsc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, target, key] = &arguments[..]
        && mode == "prover"
    {
        let key: [u8; 32] = hex::decode(key)?
            .try_into()
            .map_err(|_| anyhow::anyhow!("a key has 32 bytes"))?;
        measure(target.parse()?, key, &Identity::generate(), Request::default()).await?;
        return Ok(());
    }
    let mut numbers = arguments.iter().map(|argument| argument.parse::<u32>());
    let runs = numbers.next().transpose()?.unwrap_or(10);
    let mut rates = numbers.collect::<Result<Vec<_>, _>>()?;
    if rates.is_empty() {
        rates = vec![5_000, 20_000, 100_000, 300_000];
    }
    let namespaces = std::env::var_os("LUMORA_RELAY").is_none() && Link::is_available().is_ok();
    cleanup_stale().ok();
    println!(
        "links: {}",
        if namespaces {
            "network namespaces, tc tbf"
        } else {
            "relay in user space"
        }
    );
    println!(
        "{:>9}  {:^37}  {:^37}  {:>8} {:>7}",
        "set", "down kbit/s", "up kbit/s", "MB", "wall ms"
    );
    println!(
        "{:>9}  {:>9} {:>8} {:>8} {:>9}  {:>9} {:>8} {:>8} {:>9}",
        "kbit/s", "median", "error", "worst", "ms", "median", "error", "worst", "ms"
    );
    for rate in rates {
        let mut receipts = Vec::new();
        let mut walls = Vec::new();
        for _ in 0..runs {
            let started = Instant::now();
            let receipt = if namespaces {
                over_link(rate).await
            } else {
                over_relay(rate).await
            };
            match receipt {
                Ok((receipt, wall)) => {
                    receipts.push(receipt);
                    walls.push(wall.as_millis());
                }
                Err(error) => println!(
                    "{rate:>9}  failed after {} ms: {error:#}",
                    started.elapsed().as_millis()
                ),
            }
        }
        if receipts.is_empty() {
            continue;
        }
        let column = |figures: Vec<(u32, u64)>| {
            let mut rates: Vec<u32> = figures.iter().map(|figure| figure.0).collect();
            rates.sort_unstable();
            let error = |measured: u32| (f64::from(measured) / f64::from(rate) - 1.0) * 100.0;
            let median = rates[rates.len() / 2];
            let worst = rates
                .iter()
                .map(|rate| error(*rate))
                .max_by(|a, b| a.abs().total_cmp(&b.abs()))
                .unwrap_or(0.0);
            let time = figures.iter().map(|figure| figure.1).sum::<u64>() / figures.len() as u64 / 1_000;
            format!("{median:>9} {:>7.2}% {worst:>7.2}% {time:>9}", error(median))
        };
        let down = column(
            receipts
                .iter()
                .map(|receipt| (receipt.down.kbps, receipt.down.duration_us))
                .collect(),
        );
        let up = column(
            receipts
                .iter()
                .map(|receipt| (receipt.up.kbps, receipt.up.duration_us))
                .collect(),
        );
        let bytes: u64 = receipts
            .iter()
            .map(|receipt| chunk::total(receipt.down.chunks) + chunk::total(receipt.up.chunks))
            .sum();
        println!(
            "{rate:>9}  {down}  {up}  {:>8.2} {:>7}",
            bytes as f64 / receipts.len() as f64 / 1e6,
            walls.iter().sum::<u128>() / walls.len() as u128
        );
    }
    Ok(())
}

type Measured = (lumora_pob::Receipt, Duration);

async fn over_link(rate: u32) -> anyhow::Result<Measured> {
    let link = Link::create_any("accuracy", rate)?;
    let (address, key, mut receipts) = serve(SocketAddr::new(link.host_ip, 0))?;
    let started = Instant::now();
    let mut command = tokio::process::Command::from(link.command(std::env::current_exe()?));
    let prover = command
        .args(["prover", &address.to_string(), &hex::encode(key)])
        .stdout(Stdio::null())
        .kill_on_drop(true);
    let status = prover.status().await?;
    anyhow::ensure!(status.success(), "the prover failed");
    let receipt = receipts.recv().await.ok_or_else(|| anyhow::anyhow!("no receipt"))?;
    receipt.verify()?;
    Ok((receipt.receipt, started.elapsed()))
}

async fn over_relay(rate: u32) -> anyhow::Result<Measured> {
    let (address, key, mut receipts) = serve(([127, 0, 0, 1], 0).into())?;
    let relay = Relay::start(address, Shape::rate(rate), Shape::rate(rate))?;
    let started = Instant::now();
    measure(relay.address(), key, &Identity::generate(), Request::default()).await?;
    let receipt = receipts.recv().await.ok_or_else(|| anyhow::anyhow!("no receipt"))?;
    Ok((receipt.receipt, started.elapsed()))
}

fn serve(address: SocketAddr) -> anyhow::Result<(SocketAddr, [u8; 32], mpsc::Receiver<SignedReceipt>)> {
    let challenger = Challenger::bind(address, Identity::generate(), Config::default())?;
    let (address, key) = (challenger.local_addr()?, challenger.key());
    let (sender, receiver) = mpsc::channel(4);
    let everybody = |_: Claim| async { Decision::Allow { limit_kbps: u32::MAX } };
    tokio::spawn(async move { challenger.serve(everybody, sender).await });
    Ok((address, key, receiver))
}
