//! The accuracy of Proof-of-Bandwidth: runs the bench of crates/pob over shaped links, and turns its figures into tables
//! and a plot.
//!
//! `bench/pob.md` keeps its prose; what stands between its markers is written here.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::workspace::Workspace;

const BEGIN: &str = "<!-- figures: written by `cargo xtask bench pob` -->";
const END: &str = "<!-- end of figures -->";

#[derive(Args)]
pub(crate) struct Options {
    /// Measurements of each link without delay; others get a fifth of them.
    #[arg(long, default_value_t = 50)]
    runs: usize,
    /// Measure only the rows whose figures in bench/pob.json were taken while others used the machine.
    #[arg(long)]
    again: bool,
    /// Measure nothing; write the tables and the plot from bench/pob.json and bench/cheats.json.
    #[arg(long)]
    render: bool,
    /// Only these parts: rows, limit, starved, cheats, oracles (the cheats of oracles, on the embedded network).
    parts: Vec<String>,
}

#[derive(Deserialize)]
struct Figures {
    machine: BTreeMap<String, String>,
    rows: Vec<Row>,
    limit: Option<Limit>,
    starved: Option<Starved>,
}

#[derive(Clone, Deserialize)]
struct Row {
    rate_mbit: u32,
    direction: String,
    delay_ms: u32,
    loss_pct: u32,
    background_mbit: u32,
    flows: u32,
    runs: usize,
    median_error: f64,
    worst_error: f64,
    bytes: u64,
    ms: u64,
    worst_ms: u64,
    iperf_bytes: Option<u64>,
    iperf_error: Option<f64>,
    inconclusive: usize,
    rejected: usize,
    load: f64,
    others: f64,
}

impl Row {
    fn is_plain(&self) -> bool {
        self.delay_ms == 0 && self.loss_pct == 0 && self.background_mbit == 0 && self.flows == 1
    }
}

#[derive(Deserialize)]
struct Limit {
    link_mbit: u32,
    limit_mbit: u32,
    measurements: u32,
    highest_second_down_mbit: f64,
    highest_second_up_mbit: f64,
}

#[derive(Deserialize)]
struct Starved {
    spinning_threads: usize,
    runs: usize,
    inconclusive: usize,
    median_error: f64,
    worst_error: f64,
}

#[derive(Deserialize, Serialize)]
struct Cheat {
    cheat: String,
    gain: String,
    answer: String,
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let directory = workspace.root().join("bench");
    if !options.render {
        let (of_oracles, parts): (Vec<&String>, Vec<&String>) =
            options.parts.iter().partition(|part| *part == "oracles");
        if options.parts.is_empty() || !parts.is_empty() {
            measure(workspace, &directory, options, &parts)?;
        }
        // The cheats of links are written anew, without those of oracles.
        if options.parts.is_empty() || !of_oracles.is_empty() || parts.iter().any(|part| *part == "cheats") {
            cheats_of_oracles(workspace, &directory.join("cheats.json"))?;
        }
    }
    let figures: Figures = read_json(&directory.join("pob.json"))?;
    let cheats: Vec<Cheat> = read_json(&directory.join("cheats.json"))?;
    let page = directory.join("pob.md");
    let text = fs::read_to_string(&page).context("cannot read bench/pob.md")?;
    fs::write(&page, with_figures(&text, &tables(&figures, &cheats))?).context("cannot write bench/pob.md")?;
    fs::write(directory.join("pob.svg"), plot(&figures.rows)).context("cannot write bench/pob.svg")?;
    eprintln!("Wrote the tables of bench/pob.md and bench/pob.svg");
    Ok(())
}

fn measure(workspace: &Workspace, directory: &Path, options: &Options, parts: &[&String]) -> Result<()> {
    let installed = Command::new("iperf3").arg("--version").stdout(Stdio::null()).status();
    if !installed.is_ok_and(|status| status.success()) {
        let status = Command::new("apt-get")
            .args(["install", "--yes", "iperf3"])
            .status()
            .context("iperf3 is missing, and apt-get is too: install iperf3 by hand")?;
        ensure!(
            status.success(),
            "iperf3 is missing and could not be installed: install it by hand"
        );
    }
    let mut command = Command::new("cargo");
    command
        .args([
            "run",
            "--release",
            "--package",
            "lumora-pob",
            "--example",
            "pob_bench",
            "--",
        ])
        .arg("figures")
        .arg(directory)
        .arg(options.runs.to_string());
    if options.again {
        command.arg("--again");
    }
    let status = command
        .args(parts)
        .current_dir(workspace.root())
        .status()
        .context("cannot run cargo")?;
    ensure!(
        status.success(),
        "the bench failed; it needs root, for network namespaces"
    );
    Ok(())
}

/// What becomes of oracles that cheat: the test that runs seven of them says it, and its rows are added to the table.
fn cheats_of_oracles(workspace: &Workspace, table: &Path) -> Result<()> {
    let output = Command::new("cargo")
        .args([
            "test",
            "--ignore-rust-version",
            "--workspace",
            "--test",
            "byzantine",
            "--",
            "--nocapture",
        ])
        .current_dir(workspace.root())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "the test of cheating oracles failed:\n{text}");
    let told: Vec<Cheat> = text
        .lines()
        .filter_map(|line| line.split_once("cheat: "))
        .map(|(_, row)| serde_json::from_str(row).context("the test printed a row that is none"))
        .collect::<Result<_>>()?;
    ensure!(
        !told.is_empty(),
        "the test of cheating oracles did not run; it needs root"
    );
    let mut rows: Vec<Cheat> = read_json(table)?;
    rows.retain(|row| told.iter().all(|new| new.cheat != row.cheat));
    rows.extend(told);
    let text = serde_json::to_string_pretty(&rows)? + "\n";
    fs::write(table, text).with_context(|| format!("cannot write {}", table.display()))
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not what it should be", path.display()))
}

/// The page with what stands between the markers replaced.
fn with_figures(page: &str, figures: &str) -> Result<String> {
    let (before, rest) = page
        .split_once(BEGIN)
        .context("bench/pob.md has no marker for its figures")?;
    let (_, after) = rest
        .split_once(END)
        .context("bench/pob.md has no marker for the end of its figures")?;
    Ok(format!("{before}{BEGIN}\n\n{figures}\n{END}{after}"))
}

fn percent(share: f64) -> String {
    format!("{:+.2} %", share * 100.0)
}

fn largest(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.fold(0.0, |largest, number| {
        if number.abs() > f64::abs(largest) {
            number
        } else {
            largest
        }
    })
}

/// From `1.050x for all ten together`.
fn factor(gain: &str) -> Option<f64> {
    gain.split_once('x')?.0.parse().ok()
}

fn tables(figures: &Figures, cheats: &[Cheat]) -> String {
    let rows = &figures.rows;
    let machine: Vec<&str> = ["processor", "cores", "kernel"]
        .iter()
        .filter_map(|key| Some(figures.machine.get(*key)?.as_str()))
        .collect();
    let mut text = format!("Machine: {} (processor, cores, kernel).\n\n", machine.join(", "));
    text.push_str(&goals(rows, cheats, figures.limit.as_ref()));
    text.push_str("\n### Links without delay\n\n");
    text.push_str(&table(rows.iter().filter(|row| row.is_plain()), true));
    text.push_str("\n### Delay (of a round trip, added in user space)\n\n");
    text.push_str(&table(
        rows.iter().filter(|row| row.delay_ms > 0 && row.loss_pct == 0),
        false,
    ));
    text.push_str("\n### Loss\n\n");
    text.push_str(&table(rows.iter().filter(|row| row.loss_pct > 0), false));
    text.push_str(
        "\n### Background traffic (up to a quarter of the whole counted, for people to read; never attested)\n\n",
    );
    text.push_str(&table(rows.iter().filter(|row| row.background_mbit > 0), false));
    text.push_str("\n### Several nodes behind one link at once (errors of the sum)\n\n");
    text.push_str(&table(rows.iter().filter(|row| row.flows > 1), true));
    if let Some(limit) = &figures.limit {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n### A provider's limit\n\n{} Mbit/s on a link of {} Mbit/s, {} measurements one after another: the highest second \
             at the link's counters, Ethernet headers included, was {:.2} Mbit/s down and {:.2} Mbit/s up.\n",
            limit.limit_mbit,
            limit.link_mbit,
            limit.measurements,
            limit.highest_second_down_mbit,
            limit.highest_second_up_mbit
        );
    }
    if let Some(starved) = &figures.starved {
        let _ = write!(
            text,
            "\n### A starved machine\n\n{} threads that spin beside it: {} of {} measurements of 100 Mbit/s were inconclusive; \
             the others were off by {} in the median and by {} at worst.\n",
            starved.spinning_threads,
            starved.inconclusive,
            starved.runs,
            percent(starved.median_error),
            percent(starved.worst_error)
        );
    }
    text.push_str("\n### Cheats\n\n| cheat | gain | answer |\n|---|---|---|\n");
    for row in cheats {
        let _ = writeln!(text, "| {} | {} | {} |", row.cheat, row.gain, row.answer);
    }
    text
}

/// Each goal beside what was measured.
fn goals(rows: &[Row], cheats: &[Cheat], limit: Option<&Limit>) -> String {
    let plain: Vec<&Row> = rows.iter().filter(|row| row.is_plain()).collect();
    let median = largest(plain.iter().map(|row| row.median_error));
    let worst = largest(plain.iter().map(|row| row.worst_error));
    let ratio = plain
        .iter()
        .filter_map(|row| Some(row.bytes as f64 / row.iperf_bytes? as f64))
        .fold(0.0, f64::max);
    let slowest = |delay_ms| {
        let rows = rows
            .iter()
            .filter(|row| row.delay_ms == delay_ms && row.loss_pct == 0 && row.flows == 1 && row.background_mbit == 0);
        rows.map(|row| row.ms).max().unwrap_or(0)
    };
    let gain = cheats
        .iter()
        .filter(|row| !row.cheat.starts_with("one link"))
        .filter_map(|row| factor(&row.gain))
        .fold(1.0, f64::max);
    let ten = largest(rows.iter().filter(|row| row.flows == 10).map(|row| row.worst_error));
    let (rejected, inconclusive, measured) =
        rows.iter()
            .filter(|row| row.direction == "down")
            .fold((0, 0, 0), |(rejected, inconclusive, measured), row| {
                (
                    rejected + row.rejected,
                    inconclusive + row.inconclusive,
                    measured + row.runs,
                )
            });
    let all = (rejected + inconclusive + measured).max(1) as f64;
    let mut text = String::from("| figure | goal | measured | anchor | |\n|---|---|---|---|---|\n");
    let mut line = |figure: &str, goal: &str, measured: String, anchor: &str, met: bool| {
        let met = if met { "met" } else { "**missed**" };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| {figure} | {goal} | {measured} | {anchor} | {met} |");
    };
    line(
        "error against the link's rate, 5 to 900 Mbit/s",
        "median <= 2 %, worst <= 5 %",
        format!("{}, {}", percent(median), percent(worst)),
        "< 8 % (Proof of Backhaul)",
        median.abs() <= 0.02 && worst.abs() <= 0.05,
    );
    line(
        "bytes, of those of ten seconds of iperf3",
        "<= 1/20",
        format!("1/{:.0}", 1.0 / ratio.max(1e-9)),
        "",
        ratio <= 0.05,
    );
    for (delay_ms, goal) in [(0, 500), (1, 500), (20, 500), (80, 980)] {
        let slowest = slowest(delay_ms);
        line(
            &format!("wall time from dialling to the checked receipt, both directions, round trip {delay_ms} ms"),
            &format!("<= {goal} ms"),
            format!("{slowest} ms (median of the slowest rate)"),
            "100 ms (Proof of Backhaul, one direction, without handshake and receipt)",
            slowest > 0 && slowest <= goal,
        );
    }
    line(
        "largest inflation that a cheating node reached",
        "<= 1.05x",
        format!("{gain:.3}x"),
        "1.33x (FlashFlow)",
        gain <= 1.05,
    );
    line(
        "ten nodes behind one link, together",
        "<= 1.05x",
        format!("{:.3}x", 1.0 + ten),
        "unbounded elsewhere",
        ten <= 0.05,
    );
    line(
        "honest node wrongly rejected",
        "< 1 %",
        format!(
            "{:.2} % ({rejected}; {inconclusive} inconclusive, of {all})",
            rejected as f64 * 100.0 / all
        ),
        "",
        rejected as f64 / all < 0.01,
    );
    if let Some(limit) = limit {
        let highest = limit.highest_second_down_mbit.max(limit.highest_second_up_mbit);
        line(
            "highest second under a limit of 20 Mbit/s",
            "<= 20.4 Mbit/s",
            format!("{highest:.2} Mbit/s"),
            "",
            highest <= 20.4,
        );
    }
    text
}

fn table<'a>(rows: impl Iterator<Item = &'a Row>, with_iperf: bool) -> String {
    let mut text = String::from(
        "| Mbit/s | | round trip + | loss | background | nodes | runs | median error | worst error | bytes | ms (median, longest) | \
         inconclusive | failed | load, others |",
    );
    text.push_str(if with_iperf { " iperf3: bytes, error |\n" } else { "\n" });
    text.push_str("|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    text.push_str(if with_iperf { "---:|\n" } else { "\n" });
    for row in rows {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "| {} | {} | {} ms | {} % | {} | {} | {} | {} | {} | {} | {}, {} | {} | {} | {:.1}, {:.0} % |",
            row.rate_mbit,
            row.direction,
            row.delay_ms,
            row.loss_pct,
            row.background_mbit,
            row.flows,
            row.runs,
            percent(row.median_error),
            percent(row.worst_error),
            row.bytes,
            row.ms,
            row.worst_ms,
            row.inconclusive,
            row.rejected,
            row.load,
            row.others * 100.0,
        );
        if with_iperf {
            let iperf = row.iperf_bytes.zip(row.iperf_error);
            let _ = write!(
                text,
                " {} |",
                iperf
                    .map(|(bytes, error)| format!("{bytes}, {}", percent(error)))
                    .unwrap_or_default()
            );
        }
        text.push('\n');
    }
    text
}

/// Error by rate: a bar from the median to the worst run, down and up, on links without delay.
fn plot(rows: &[Row]) -> String {
    const WIDTH: f64 = 720.0;
    const HEIGHT: f64 = 320.0;
    const LEFT: f64 = 60.0;
    const HIGHEST: f64 = 8.0;
    let mut rates: Vec<u32> = rows
        .iter()
        .filter(|row| row.is_plain())
        .map(|row| row.rate_mbit)
        .collect();
    rates.sort_unstable();
    rates.dedup();
    let x = |index: usize| LEFT + (WIDTH - LEFT) * (index as f64 + 0.5) / rates.len().max(1) as f64;
    let y = |error: f64| HEIGHT / 2.0 - (error * 100.0).clamp(-HIGHEST, HIGHEST) / HIGHEST * (HEIGHT / 2.0 - 30.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"16\">Error of the measured rate: median (dot) and worst run (end of the line); down blue, up orange</text>\n"
    );
    for (error, colour) in [
        (0.0, "#333"),
        (0.02, "#aaa"),
        (-0.02, "#aaa"),
        (0.05, "#c66"),
        (-0.05, "#c66"),
    ] {
        let at = y(error);
        // Writing to a String cannot fail.
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"{colour}\"/>\
             <text x=\"6\" y=\"{:.1}\">{:+.0} %</text>",
            at + 4.0,
            error * 100.0
        );
    }
    for (index, rate) in rates.iter().enumerate() {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{rate} Mbit/s</text>",
            x(index),
            HEIGHT - 8.0
        );
        for (direction, colour, shift) in [("down", "#1f6fb5", -8.0), ("up", "#d9782d", 8.0)] {
            let found = rows
                .iter()
                .find(|row| row.is_plain() && row.rate_mbit == *rate && row.direction == direction);
            let Some(row) = found else { continue };
            let at = x(index) + shift;
            let (median, worst) = (y(row.median_error), y(row.worst_error));
            let _ = writeln!(
                svg,
                "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{median:.1}\" y2=\"{worst:.1}\" stroke=\"{colour}\" stroke-width=\"3\"/>\
                 <circle cx=\"{at:.1}\" cy=\"{median:.1}\" r=\"5\" fill=\"{colour}\"/>"
            );
        }
    }
    svg.push_str("</svg>\n");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_markers_is_replaced() -> Result<()> {
        let page = format!("prose\n{BEGIN}\nold\n{END}\nmore prose\n");
        let replaced = with_figures(&page, "new")?;
        assert!(replaced.starts_with("prose\n") && replaced.ends_with("\nmore prose\n"));
        assert!(replaced.contains("new") && !replaced.contains("old"));
        assert_eq!(with_figures(&replaced, "new")?, replaced);
        assert!(with_figures("prose", "new").is_err());
        Ok(())
    }

    #[test]
    fn gains_are_read_as_factors() {
        assert_eq!(factor("1.050x for all ten together"), Some(1.05));
        assert_eq!(factor("none: no receipt"), None);
        assert_eq!(largest([0.5, -2.0, 1.0].into_iter()), -2.0);
    }
}
