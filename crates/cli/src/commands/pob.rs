//! `lumora pob`: Proof-of-Bandwidth by hand, between two machines without a chain.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use lumora_pob::{Challenger, Claim, Config, Decision, Identity, Permit, Request, SignedReceipt, measure};
use serde::Serialize;
use tokio::sync::mpsc;

use crate::output::{Format, thousands};

/// Receipts that may wait to be printed.
const RECEIPTS: usize = 64;

#[derive(Subcommand)]
pub enum Command {
    /// Measures everybody who dials, until Ctrl-C; prints its key first, then a line for each measurement.
    Serve {
        /// UDP address to listen on.
        #[arg(long, default_value = "0.0.0.0:7001")]
        listen: SocketAddr,
        /// Upper bound for the rate, kbit/s.
        #[arg(long, default_value_t = 1_000_000)]
        limit_kbps: u32,
    },
    /// Has the link to a challenger measured, both ways; checks the receipt that both signed.
    Measure {
        /// The challenger's UDP address.
        challenger: SocketAddr,
        /// The challenger's key, as `serve` prints it.
        #[arg(long, value_parser = parse_key)]
        key: [u8; 32],
        /// Never go above this rate, kbit/s.
        #[arg(long, default_value_t = 1_000_000)]
        limit_kbps: u32,
        /// Keeps the signed receipt in this file, for `verify`.
        #[arg(long, value_name = "FILE")]
        receipt: Option<PathBuf>,
    },
    /// Checks a kept receipt: signatures, seed commitment, and every digest, replayed from the seed.
    Verify {
        /// The file that `measure --receipt` wrote.
        receipt: PathBuf,
    },
}

#[derive(Serialize)]
struct Measured {
    down_kbps: u32,
    up_kbps: u32,
    min_rtt_us: u32,
    bytes: u64,
    milliseconds: u64,
    limit_kbps: u32,
    verified: bool,
}

fn parse_key(text: &str) -> Result<[u8; 32], String> {
    let mut key = [0; 32];
    hex::decode_to_slice(text, &mut key).map_err(|_| "a key is 64 hexadecimal digits".to_owned())?;
    Ok(key)
}

/// Runs the command.
pub async fn run(command: &Command, format: Format) -> anyhow::Result<()> {
    match command {
        Command::Serve { listen, limit_kbps } => serve(*listen, *limit_kbps, format).await,
        Command::Measure {
            challenger,
            key,
            limit_kbps,
            receipt,
        } => {
            let request = Request {
                limit_kbps: *limit_kbps,
                ..Request::default()
            };
            let signed = measure(*challenger, *key, &Identity::generate(), request).await?;
            if let Some(path) = receipt {
                std::fs::write(path, signed.encode()).with_context(|| format!("cannot write {}", path.display()))?;
            }
            print(&signed, format)
        }
        Command::Verify { receipt } => {
            let bytes = std::fs::read(receipt).with_context(|| format!("cannot read {}", receipt.display()))?;
            print(&SignedReceipt::decode(&bytes)?, format)
        }
    }
}

async fn serve(listen: SocketAddr, limit_kbps: u32, format: Format) -> anyhow::Result<()> {
    let shutdown = crate::shutdown::on_signal()?;
    let challenger = Challenger::bind(listen, Identity::generate(), Config::default())?;
    println!("{}", hex::encode(challenger.key()));
    eprintln!("listening on {}; Ctrl-C stops it", challenger.local_addr()?);
    let (sender, mut receipts) = mpsc::channel(RECEIPTS);
    let allow = move |_: Claim| async move { Decision::Allow(Permit::up_to(limit_kbps)) };
    let printing = async {
        while let Some(signed) = receipts.recv().await {
            print(&signed, format)?;
        }
        anyhow::Ok(())
    };
    tokio::select! {
        () = challenger.serve(allow, sender) => Ok(()),
        printed = printing => printed,
        () = shutdown.cancelled() => Ok(()),
    }
}

fn print(signed: &SignedReceipt, format: Format) -> anyhow::Result<()> {
    signed.verify()?;
    let receipt = &signed.receipt;
    let measured = Measured {
        down_kbps: receipt.down.kbps,
        up_kbps: receipt.up.kbps,
        min_rtt_us: receipt.min_rtt_us,
        bytes: receipt.down.counted_bytes + receipt.up.counted_bytes,
        milliseconds: (receipt.down.duration_us + receipt.up.duration_us) / 1_000,
        limit_kbps: receipt.limit_kbps,
        verified: true,
    };
    format.print(&measured, |measured| {
        format!(
            "down {} kbit/s, up {} kbit/s, round trip {} us; {} bytes in {} ms counted; receipt verified",
            thousands(u64::from(measured.down_kbps)),
            thousands(u64::from(measured.up_kbps)),
            thousands(u64::from(measured.min_rtt_us)),
            thousands(measured.bytes),
            thousands(measured.milliseconds)
        )
    })
}
