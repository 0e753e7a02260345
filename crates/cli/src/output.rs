//! What every command prints: a text for people, or with `--json` one JSON document for scripts.

use std::io::Write as _;

use serde::Serialize;

/// How to print a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Lines for people.
    Text,
    /// One JSON document.
    Json,
}

impl Format {
    /// Prints `result`: as JSON, or as the text that `describe` makes of it.
    pub fn print<T: Serialize>(self, result: &T, describe: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        let text = match self {
            Self::Text => describe(result),
            Self::Json => serde_json::to_string_pretty(result)?,
        };
        match writeln!(std::io::stdout(), "{text}") {
            // Whoever reads has seen enough, as `head` does.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            written => Ok(written?),
        }
    }
}

/// An amount of LMR base units as people write it: `1,234.500000`.
pub fn lmr(base_units: u64) -> String {
    format!("{}.{:06}", thousands(base_units / 1_000_000), base_units % 1_000_000)
}

/// A number with its thousands set apart.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        // Digits are ASCII, so every cut is a character boundary.
        .filter_map(|group| std::str::from_utf8(group).ok())
        .collect();
    groups.join(",")
}

/// Lines up `rows` under `headings`; columns of numbers to the right.
pub fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .chain(headings.get(column).map(|heading| heading.chars().count()))
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let numeric: Vec<bool> = (0..headings.len())
        .map(|column| {
            let mut cells = rows
                .iter()
                .filter_map(|row| row.get(column))
                .filter(|cell| !cell.is_empty())
                .peekable();
            cells.peek().is_some() && cells.all(|cell| cell.starts_with(|c: char| c.is_ascii_digit() || c == '-'))
        })
        .collect();
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> = cells
            .iter()
            .zip(widths.iter().zip(&numeric))
            .map(|(cell, (width, right))| {
                if *right {
                    format!("{cell:>width$}")
                } else {
                    format!("{cell:<width$}")
                }
            })
            .collect();
        format!("  {}", padded.join("  ")).trim_end().to_owned()
    };
    let mut lines = vec![line(headings.to_vec()), line(widths.iter().map(|_| "").collect())];
    lines[1] = format!(
        "  {}",
        widths
            .iter()
            .map(|width| "-".repeat(*width))
            .collect::<Vec<_>>()
            .join("  ")
    );
    lines.extend(rows.iter().map(|row| line(row.iter().map(String::as_str).collect())));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_well() {
        assert_eq!(lmr(1_234_500_000), "1,234.500000");
        assert_eq!(lmr(7), "0.000007");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_000_000), "1,000,000");
    }

    #[test]
    fn columns_line_up() {
        let text = table(
            &["node", "LMR"],
            &[vec!["a".into(), "1.5".into()], vec!["bcdef".into(), "10.5".into()]],
        );
        assert_eq!(text, "  node    LMR\n  -----  ----\n  a       1.5\n  bcdef  10.5");
    }
}
