//! What can be asked of the demo.

use std::path::PathBuf;

use clap::Args;

/// Runs the whole flow on an embedded network: nodes are measured and paid, a job scrapes real pages, a dataset is sold.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Oracles to run, each a process of its own. A quorum is floor(2n/3) + 1 of them.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(3..=16))]
    pub oracles: u8,
    /// Nodes to run, each a process of its own behind a link of its own.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(4..=16))]
    pub nodes: u8,
    /// Folder of HTML pages to serve and scrape; by default the documentation that ships with the Rust toolchain.
    #[arg(long, conflicts_with = "site")]
    pub dir: Option<PathBuf>,
    /// Site to scrape instead of serving one: its sitemap or page links are followed within its scope, politely.
    #[arg(long, value_name = "URL")]
    pub site: Option<url::Url>,
    /// Pages of the job.
    #[arg(long, default_value_t = 2_000)]
    pub pages: u32,
    /// Shards of the job.
    #[arg(long, default_value_t = 24)]
    pub shards: u32,
    /// Nodes that do each shard.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=7))]
    pub replicas: u8,
    /// Seconds of an epoch.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(10..=600))]
    pub epoch_seconds: u32,
    /// Writes the summary to this file as JSON.
    #[arg(long = "json", value_name = "FILE")]
    pub json_file: Option<PathBuf>,
    /// Leaves everything running at the end and prints addresses and keys; stop it with Ctrl-C.
    #[arg(long)]
    pub keep: bool,
    /// Folder for keys, logs and data; a new one under the system's temporary folder by default.
    #[arg(long)]
    pub folder: Option<PathBuf>,
}
