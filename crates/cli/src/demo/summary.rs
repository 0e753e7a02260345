//! What the demo found, for people as tables and for scripts as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::supervisor::Ending;
use crate::output::{lmr, table, thousands};

/// All that the demo measured; amounts are LMR base units, rates kbit/s.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Seconds from start to end.
    pub wall_seconds: f64,
    /// Seconds of each stage.
    pub stages: Vec<Stage>,
    /// How links were shaped.
    pub links: String,
    /// One entry a node.
    pub nodes: Vec<Node>,
    /// Epochs attested, and by how many oracles.
    pub epochs: Vec<Epoch>,
    /// Pages of the job.
    pub pages: Pages,
    /// Shards of the job.
    pub shards: Vec<Shard>,
    /// The job's money.
    pub escrow: Escrow,
    /// The dataset that was sold.
    pub dataset: Dataset,
    /// Compute units by program and instruction.
    pub compute: Vec<Compute>,
    /// Processes that ended before they were asked to.
    pub endings: Vec<Ending>,
    /// Work that a process left behind and others took over.
    pub takeovers: u32,
}

/// A stage of the demo.
#[derive(Debug, Serialize)]
pub struct Stage {
    /// What was done.
    pub name: String,
    /// How long it took.
    pub seconds: f64,
}

/// A node.
#[derive(Debug, Serialize)]
pub struct Node {
    /// Name of its process.
    pub name: String,
    /// Address of its account.
    pub address: String,
    /// Where it stands, in words.
    pub place: String,
    /// Rate its link was set to.
    pub link_kbps: u32,
    /// The provider's own limit.
    pub limit_kbps: u32,
    /// Attested rate towards the node: the agreed figure of the first attested epoch.
    pub down_kbps: u32,
    /// Attested rate from the node.
    pub up_kbps: u32,
    /// How far the attested rates lie from what the link and the limit allow, basis points; the worse of the two.
    pub error_bps: Option<u32>,
    /// Attested contribution of its lifetime, kbit.
    pub contribution: u64,
    /// Earned for bandwidth and claimed.
    pub bandwidth_lmr: u64,
    /// Earned for shards.
    pub shards_lmr: u64,
    /// Why a figure is what it is.
    pub reason: String,
}

/// An attested epoch.
#[derive(Debug, Serialize)]
pub struct Epoch {
    /// Its number.
    pub epoch: u64,
    /// Attested root.
    pub root: String,
    /// Oracles that signed it.
    pub signers: u32,
    /// Oracles whose bundles were used.
    pub bundles: u32,
    /// Nodes attested.
    pub nodes: u32,
    /// What it added to the rewards.
    pub reward: u64,
}

/// What became of the job's pages, over all replicas.
#[derive(Debug, Default, Serialize)]
pub struct Pages {
    /// Pages that the manifest names.
    pub listed: u64,
    /// Pages fetched.
    pub fetched: u64,
    /// Bytes of the pages fetched.
    pub bytes: u64,
    /// Pages skipped, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Requests that the site saw for pages that its robots.txt forbids; `None` where the site is not the demo's own.
    pub forbidden_requests: Option<u64>,
    /// Pages of the path with a Crawl-delay, and the shortest time between two requests of one node for them.
    pub crawl_delay: Option<CrawlDelay>,
}

/// How a Crawl-delay was kept.
#[derive(Debug, Serialize)]
pub struct CrawlDelay {
    /// Path that it holds for.
    pub path: String,
    /// What robots.txt asks for, milliseconds.
    pub asked_ms: u64,
    /// Requests that the site saw there.
    pub requests: u64,
    /// Shortest time between two of one visitor's requests, milliseconds.
    pub shortest_ms: u64,
}

/// A shard's assignment.
#[derive(Debug, Serialize)]
pub struct Shard {
    /// Number of the shard.
    pub shard: u32,
    /// Its replicas: node and score in basis points.
    pub replicas: Vec<Replica>,
    /// How it ended.
    pub state: String,
}

/// A replica of a shard.
#[derive(Debug, Serialize)]
pub struct Replica {
    /// Name of the node's process.
    pub node: String,
    /// Score with which it took the shard.
    pub score_bps: u16,
    /// Records that it found.
    pub records: u32,
}

/// Where the job's money went.
#[derive(Debug, Default, Serialize)]
pub struct Escrow {
    /// Paid in by the client.
    pub funded: u64,
    /// Paid to executors.
    pub paid: u64,
    /// Kept by the protocol.
    pub fees: u64,
    /// Returned to the client.
    pub refunded: u64,
}

impl Escrow {
    /// Whether every base unit is accounted for.
    pub fn is_conserved(&self) -> bool {
        u128::from(self.funded) == u128::from(self.paid) + u128::from(self.fees) + u128::from(self.refunded)
    }
}

/// The dataset.
#[derive(Debug, Default, Serialize)]
pub struct Dataset {
    /// Address of the listing.
    pub listing: String,
    /// Rows that the listing promises.
    pub rows_listed: u64,
    /// Rows of it that anybody may see for nothing.
    pub sample_rows: u64,
    /// Rows of the purchase.
    pub rows_bought: u64,
    /// Rows that the buyer decrypted.
    pub rows_decrypted: u64,
    /// Rows whose provenance was verified down to a settled shard.
    pub rows_verified: u64,
    /// Bytes of ciphertext.
    pub ciphertext_bytes: u64,
    /// What the buyer paid.
    pub price: u64,
    /// Seconds from the purchase to the delivery of the key.
    pub delivery_seconds: f64,
    /// Where the buyer has it in clear, as JSON Lines.
    pub file: String,
}

/// Compute units of one instruction.
#[derive(Debug, Serialize)]
pub struct Compute {
    /// Program.
    pub program: String,
    /// Instruction.
    pub instruction: String,
    /// How often it ran.
    pub calls: u64,
    /// Units of all calls.
    pub units: u64,
}

impl Summary {
    /// The summary as text.
    pub fn describe(&self) -> String {
        let sections = [
            (
                "Nodes: measured against the link, attested, earned",
                self.describe_nodes(),
            ),
            ("Epochs: agreed on by the oracles", self.describe_epochs()),
            ("Pages: fetched and skipped, over all replicas", self.describe_pages()),
            ("Shards: by node", self.describe_shards()),
            ("Escrow of the job, LMR", self.describe_escrow()),
            ("Dataset", self.describe_dataset()),
            ("Compute units", self.describe_compute()),
            ("What happened", self.describe_happenings()),
        ];
        sections.map(|(title, body)| format!("{title}\n\n{body}")).join("\n\n")
    }

    fn describe_nodes(&self) -> String {
        let mbit = |kbps: u32| format!("{:.1}", f64::from(kbps) / 1_000.0);
        let rows: Vec<Vec<String>> = self
            .nodes
            .iter()
            .map(|node| {
                vec![
                    node.name.clone(),
                    node.place.clone(),
                    mbit(node.link_kbps),
                    mbit(node.limit_kbps),
                    mbit(node.down_kbps),
                    mbit(node.up_kbps),
                    node.error_bps
                        .map_or_else(String::new, |error| format!("{:.1} %", f64::from(error) / 100.0)),
                    thousands(node.contribution),
                    lmr(node.bandwidth_lmr),
                    lmr(node.shards_lmr),
                ]
            })
            .collect();
        let mut text = table(
            &[
                "node",
                "place",
                "link",
                "limit",
                "down",
                "up",
                "off by",
                "contributed kbit",
                "LMR bandwidth",
                "LMR shards",
            ],
            &rows,
        );
        text.push_str(&format!("\n  rates in Mbit/s; links: {}", self.links));
        for node in self.nodes.iter().filter(|node| node.bandwidth_lmr == 0) {
            text.push_str(&format!(
                "\n  {} earned nothing for bandwidth: {}",
                node.name, node.reason
            ));
        }
        text
    }

    fn describe_epochs(&self) -> String {
        let rows: Vec<Vec<String>> = self
            .epochs
            .iter()
            .map(|epoch| {
                vec![
                    epoch.epoch.to_string(),
                    epoch.signers.to_string(),
                    epoch.bundles.to_string(),
                    epoch.nodes.to_string(),
                    lmr(epoch.reward),
                    epoch.root.chars().take(16).collect(),
                ]
            })
            .collect();
        table(&["epoch", "signers", "bundles", "nodes", "LMR", "root"], &rows)
    }

    fn describe_pages(&self) -> String {
        let pages = &self.pages;
        let mut lines = vec![
            format!("  listed     {}", thousands(pages.listed)),
            format!(
                "  fetched    {}  ({} kB)",
                thousands(pages.fetched),
                thousands(pages.bytes / 1_000)
            ),
        ];
        lines.extend(
            pages
                .skipped
                .iter()
                .map(|(reason, count)| format!("  skipped    {}  {reason}", thousands(*count))),
        );
        if let Some(requests) = pages.forbidden_requests {
            lines.push(format!("  forbidden pages that the site was asked for: {requests}"));
        }
        if let Some(delay) = &pages.crawl_delay {
            lines.push(format!(
                "  {} asks for {} ms between requests: {} requests, shortest pause {} ms",
                delay.path, delay.asked_ms, delay.requests, delay.shortest_ms
            ));
        }
        lines.join("\n")
    }

    fn describe_shards(&self) -> String {
        let mut by_node: BTreeMap<&str, (u32, u64, u64)> = BTreeMap::new();
        for replica in self.shards.iter().flat_map(|shard| &shard.replicas) {
            let entry = by_node.entry(&replica.node).or_default();
            entry.0 += 1;
            entry.1 += u64::from(replica.score_bps);
            entry.2 += u64::from(replica.records);
        }
        let rows: Vec<Vec<String>> = by_node
            .into_iter()
            .map(|(node, (replicas, scores, records))| {
                let mean = scores / u64::from(replicas.max(1));
                vec![
                    node.to_owned(),
                    replicas.to_string(),
                    thousands(mean),
                    thousands(records),
                ]
            })
            .collect();
        let mut states: BTreeMap<&str, u32> = BTreeMap::new();
        for shard in &self.shards {
            *states.entry(&shard.state).or_default() += 1;
        }
        let states: Vec<String> = states
            .into_iter()
            .map(|(state, count)| format!("{count} {state}"))
            .collect();
        format!(
            "{}\n  {} shards: {}",
            table(&["node", "replicas", "mean score bp", "records"], &rows),
            self.shards.len(),
            states.join(", ")
        )
    }

    fn describe_escrow(&self) -> String {
        let escrow = &self.escrow;
        let verdict = if escrow.is_conserved() {
            "in = out, to the base unit"
        } else {
            "IN AND OUT DIFFER"
        };
        let rows = [
            ("in: escrowed by the client", escrow.funded),
            ("out: paid to executors", escrow.paid),
            ("out: protocol fees", escrow.fees),
            ("out: refunded to the client", escrow.refunded),
        ]
        .map(|(what, amount)| vec![what.to_owned(), lmr(amount)]);
        format!("{}\n  {verdict}", table(&["", "LMR"], &rows))
    }

    fn describe_dataset(&self) -> String {
        let dataset = &self.dataset;
        let rows = [
            ("listed", dataset.rows_listed),
            ("in the free sample", dataset.sample_rows),
            ("bought", dataset.rows_bought),
            ("decrypted", dataset.rows_decrypted),
            ("verified down to a settled shard", dataset.rows_verified),
        ]
        .map(|(what, rows)| vec![what.to_owned(), thousands(rows)]);
        format!(
            "{}\n  {} bytes of ciphertext, {} LMR, key delivered {:.1} s after the purchase\n  listing {}\n  rows in clear: {}",
            table(&["", "rows"], &rows),
            thousands(dataset.ciphertext_bytes),
            lmr(dataset.price),
            dataset.delivery_seconds,
            dataset.listing,
            dataset.file
        )
    }

    fn describe_compute(&self) -> String {
        let rows: Vec<Vec<String>> = self
            .compute
            .iter()
            .map(|entry| {
                vec![
                    entry.program.clone(),
                    entry.instruction.clone(),
                    thousands(entry.calls),
                    thousands(entry.units.checked_div(entry.calls).unwrap_or(0)),
                    thousands(entry.units),
                ]
            })
            .collect();
        table(&["program", "instruction", "calls", "mean", "units"], &rows)
    }

    fn describe_happenings(&self) -> String {
        let mut lines: Vec<String> = self
            .endings
            .iter()
            .map(|ending| format!("  {} ended early: {}", ending.name, ending.how))
            .collect();
        if lines.is_empty() {
            lines.push("  every process ran to the end".to_owned());
        }
        if self.takeovers > 0 {
            lines.push(format!(
                "  {} shard replicas were taken over by other nodes",
                self.takeovers
            ));
        }
        let stages: Vec<String> = self
            .stages
            .iter()
            .map(|stage| format!("{} {:.0} s", stage.name, stage.seconds))
            .collect();
        lines.push(format!("  {:.0} s in all: {}", self.wall_seconds, stages.join(", ")));
        lines.join("\n")
    }
}
