//! The table of compute units: measured by a test, compared with ceilings and with the committed figures.
//!
//! `tests/tests/compute_units.rs` appends one JSON object per line to the file named by `LUMORA_CU_LOG`, with the fields
//! of [`Row`]. The figures are deterministic, so they may be compared exactly.

use std::{
    collections::BTreeMap,
    env,
    fmt::Write as _,
    fs,
    path::Path,
    process::{self, Command},
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::workspace::Workspace;

/// A figure may grow by this much, in percent, before it has to be committed on purpose.
const TOLERATED_GROWTH_PERCENT: u64 = 3;

#[derive(Args)]
pub(crate) struct Options {
    /// Write nothing; fail if a ceiling is passed or a figure has grown by more than 3 %.
    #[arg(long)]
    check: bool,
}

/// One measured instruction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Row {
    program: String,
    instruction: String,
    /// What is particular about this measurement, such as `3 replicas`; may be empty.
    case: String,
    /// Compute units; of an instruction that serves many nodes, per node.
    cu: u64,
    /// Size of the whole transaction.
    tx_bytes: u64,
    writable_accounts: u64,
    /// What the accounts that it creates cost.
    rent_lamports: u64,
    /// Size of the program.
    so_bytes: u64,
}

/// A limit of bench/ceilings.json.
#[derive(Clone, Debug, Deserialize)]
struct Ceiling {
    program: String,
    instruction: String,
    /// The case that the limit is for; absent: every case without a limit of its own.
    case: Option<String>,
    cu: u64,
    /// What another network spends on the like.
    peer: Option<String>,
}

type Key = (String, String, String);

impl Row {
    fn key(&self) -> Key {
        (self.program.clone(), self.instruction.clone(), self.case.clone())
    }

    fn label(&self) -> String {
        let case = if self.case.is_empty() {
            String::new()
        } else {
            format!(" ({})", self.case)
        };
        format!("{}.{}{case}", self.program, self.instruction)
    }
}

impl Ceiling {
    fn label(&self) -> String {
        let case = self.case.as_ref().map(|case| format!(" ({case})")).unwrap_or_default();
        format!("{}.{}{case}", self.program, self.instruction)
    }

    fn is_for(&self, row: &Row) -> bool {
        self.program == row.program && self.instruction == row.instruction
    }
}

/// The limit for a row: that of its case, or else the instruction's.
fn ceiling_of<'a>(row: &Row, ceilings: &'a [Ceiling]) -> Option<&'a Ceiling> {
    let candidates = || ceilings.iter().filter(|ceiling| ceiling.is_for(row));
    candidates()
        .find(|ceiling| ceiling.case.as_ref() == Some(&row.case))
        .or_else(|| candidates().find(|ceiling| ceiling.case.is_none()))
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let directory = workspace.root().join("bench");
    let committed_file = directory.join("cu.json");
    let ceilings: Vec<Ceiling> = read_json(&directory.join("ceilings.json"))?;
    let rows = measure(workspace)?;
    if !options.check {
        fs::write(&committed_file, serde_json::to_string_pretty(&rows)? + "\n")
            .context("cannot write bench/cu.json")?;
        fs::write(directory.join("cu.md"), table(&rows, &ceilings)).context("cannot write bench/cu.md")?;
        eprintln!("Wrote {} rows to bench/cu.json and bench/cu.md", rows.len());
    }
    for ceiling in unmeasured(&rows, &ceilings) {
        eprintln!("not measured, although it has a ceiling: {}", ceiling.label());
    }
    let mut problems = passed_ceilings(&rows, &ceilings);
    if options.check {
        let committed: Vec<Row> = read_json(&committed_file)?;
        problems.extend(changes(&committed, &rows));
    }
    if !problems.is_empty() {
        bail!("{}", problems.join("\n"));
    }
    eprintln!("{} figures, none above its ceiling", rows.len());
    Ok(())
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not what it should be", path.display()))
}

/// Runs the measuring test, and sorts what it wrote.
fn measure(workspace: &Workspace) -> Result<Vec<Row>> {
    let log = env::temp_dir().join(format!("lumora-compute-units-{}.jsonl", process::id()));
    fs::write(&log, "").with_context(|| format!("cannot write {}", log.display()))?;
    let status = Command::new("cargo")
        // With --workspace, for the features, and so the builds, of `make test`.
        .args([
            "test",
            "--ignore-rust-version",
            "--workspace",
            "--test",
            "compute_units",
        ])
        .env("LUMORA_CU_LOG", &log)
        .current_dir(workspace.root())
        .status()
        .context("cannot run cargo test")?;
    ensure!(
        status.success(),
        "the measuring test failed (tests/tests/compute_units.rs)"
    );
    let text = fs::read_to_string(&log).with_context(|| format!("cannot read {}", log.display()))?;
    fs::remove_file(&log).with_context(|| format!("cannot remove {}", log.display()))?;
    let rows = parse_rows(&text)?;
    ensure!(
        !rows.is_empty(),
        "the measuring test wrote no rows to the file named by LUMORA_CU_LOG"
    );
    Ok(rows)
}

fn parse_rows(text: &str) -> Result<Vec<Row>> {
    let mut rows: BTreeMap<Key, Row> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let row: Row = serde_json::from_str(line).with_context(|| format!("not a row of figures: {line}"))?;
        if let Some(earlier) = rows.insert(row.key(), row.clone()) {
            ensure!(
                earlier == row,
                "two measurements of {} differ; give them different cases",
                row.label()
            );
        }
    }
    Ok(rows.into_values().collect())
}

fn passed_ceilings(rows: &[Row], ceilings: &[Ceiling]) -> Vec<String> {
    rows.iter()
        .filter_map(|row| Some((row, ceiling_of(row, ceilings)?)))
        .filter(|(row, ceiling)| row.cu > ceiling.cu)
        .map(|(row, ceiling)| {
            format!(
                "{} takes {} compute units; its ceiling is {}",
                row.label(),
                row.cu,
                ceiling.cu
            )
        })
        .collect()
}

/// Ceilings of instructions that are planned, or that the test has forgotten.
fn unmeasured<'a>(rows: &[Row], ceilings: &'a [Ceiling]) -> Vec<&'a Ceiling> {
    let applies = |ceiling: &Ceiling| {
        rows.iter()
            .any(|row| ceiling_of(row, ceilings).is_some_and(|it| std::ptr::eq(it, ceiling)))
    };
    ceilings.iter().filter(|ceiling| !applies(ceiling)).collect()
}

fn changes(committed: &[Row], measured: &[Row]) -> Vec<String> {
    let measured: BTreeMap<Key, &Row> = measured.iter().map(|row| (row.key(), row)).collect();
    let mut problems = Vec::new();
    for old in committed {
        let Some(new) = measured.get(&old.key()) else {
            problems.push(format!("{} is in bench/cu.json and is no longer measured", old.label()));
            continue;
        };
        let figures = [
            ("compute units", old.cu, new.cu),
            ("transaction bytes", old.tx_bytes, new.tx_bytes),
            ("writable accounts", old.writable_accounts, new.writable_accounts),
            ("lamports of rent", old.rent_lamports, new.rent_lamports),
            ("program bytes", old.so_bytes, new.so_bytes),
        ];
        for (unit, before, after) in figures {
            if after.saturating_mul(100) > before.saturating_mul(100 + TOLERATED_GROWTH_PERCENT) {
                problems.push(format!(
                    "{} grew from {before} to {after} {unit}; if that is intended, commit what `cargo xtask bench cu` writes",
                    old.label()
                ));
            }
        }
    }
    problems
}

fn table(rows: &[Row], ceilings: &[Ceiling]) -> String {
    let mut text = String::from(
        "# Compute units\n\nWritten by `cargo xtask bench cu`; the limits are in ceilings.json. Figures of instructions that serve many nodes are per node.\n\n\
         | instruction | case | compute units | ceiling | transaction (bytes) | writable accounts | rent (lamports) | a peer's figure |\n\
         |---|---|---:|---:|---:|---:|---:|---|\n",
    );
    for row in rows {
        let ceiling = ceiling_of(row, ceilings);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {}.{} | {} | {} | {} | {} | {} | {} | {} |",
            row.program,
            row.instruction,
            row.case,
            row.cu,
            ceiling.map(|it| it.cu.to_string()).unwrap_or_default(),
            row.tx_bytes,
            row.writable_accounts,
            row.rent_lamports,
            ceiling.and_then(|it| it.peer.clone()).unwrap_or_default(),
        );
    }
    for ceiling in unmeasured(rows, ceilings) {
        let case = ceiling.case.as_deref().unwrap_or_default();
        let peer = ceiling.peer.as_deref().unwrap_or_default();
        let _ = writeln!(
            text,
            "| {}.{} | {case} | not measured | {} | | | | {peer} |",
            ceiling.program, ceiling.instruction, ceiling.cu
        );
    }
    text.push_str("\n| program | size (bytes) |\n|---|---:|\n");
    let sizes: BTreeMap<&str, u64> = rows.iter().map(|row| (row.program.as_str(), row.so_bytes)).collect();
    for (program, bytes) in sizes {
        let _ = writeln!(text, "| {program} | {bytes} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(case: &str, cu: u64) -> Row {
        Row {
            program: "tasks".into(),
            instruction: "settle_shard".into(),
            case: case.into(),
            cu,
            tx_bytes: 500,
            writable_accounts: 4,
            rent_lamports: 0,
            so_bytes: 60_000,
        }
    }

    fn ceiling(case: Option<&str>, cu: u64) -> Ceiling {
        Ceiling {
            program: "tasks".into(),
            instruction: "settle_shard".into(),
            case: case.map(Into::into),
            cu,
            peer: None,
        }
    }

    #[test]
    fn ceiling_is_inclusive_and_a_case_has_its_own() {
        assert!(passed_ceilings(&[row("3 replicas", 14_000)], &[ceiling(None, 14_000)]).is_empty());
        assert_eq!(
            passed_ceilings(&[row("3 replicas", 14_001)], &[ceiling(None, 14_000)]).len(),
            1
        );
        let ceilings = [ceiling(None, 14_000), ceiling(Some("5 replicas"), 20_000)];
        assert!(passed_ceilings(&[row("5 replicas", 20_000)], &ceilings).is_empty());
        assert_eq!(
            passed_ceilings(&[row("5 replicas", 20_001), row("", 14_001)], &ceilings).len(),
            2
        );
    }

    #[test]
    fn unmeasured_ceilings_are_listed() {
        assert_eq!(unmeasured(&[], &[ceiling(None, 1)]).len(), 1);
        assert_eq!(
            unmeasured(&[row("5 replicas", 1)], &[ceiling(Some("3 replicas"), 1)]).len(),
            1
        );
        assert!(unmeasured(&[row("3 replicas", 1)], &[ceiling(Some("3 replicas"), 1)]).is_empty());
        // Only one case is measured, and that has its own limit.
        assert_eq!(
            unmeasured(&[row("a", 1)], &[ceiling(None, 1), ceiling(Some("a"), 1)]).len(),
            1
        );
    }

    #[test]
    fn growth_beyond_three_percent_and_lost_rows_are_problems() {
        assert!(changes(&[row("", 1_000)], &[row("", 1_030)]).is_empty());
        assert_eq!(changes(&[row("", 1_000)], &[row("", 1_031)]).len(), 1);
        assert_eq!(changes(&[row("", 1_000)], &[]).len(), 1);
    }

    #[test]
    fn rows_are_sorted_and_contradictions_refused() -> Result<()> {
        let line = |row: &Row| serde_json::to_string(row);
        let text = format!("{}\n{}\n", line(&row("b", 2))?, line(&row("a", 1))?);
        assert_eq!(parse_rows(&text)?, vec![row("a", 1), row("b", 2)]);
        let text = format!("{}\n{}\n", line(&row("a", 2))?, line(&row("a", 1))?);
        assert!(parse_rows(&text).is_err());
        Ok(())
    }
}
