//! The table of refusals: which constraint of which instruction was seen to refuse, and in which test.
//!
//! While tests run with `LUMORA_REFUSALS=FILE`, each asserted refusal is appended to that file as a line of JSON with the
//! fields of [`Refusal`]. Every error that a program declares must be among them, or be excused here with the reason.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Deserialize;

use crate::workspace::Workspace;

/// Errors that no transaction can provoke, each with the reason.
const UNREACHABLE: &[(&str, &str)] = &[
    (
        "Overflow",
        "the amounts that would overflow cannot exist: the supply is capped",
    ),
    (
        "Invariant",
        "a second line of defence behind the checks that are tested",
    ),
];

#[derive(Args)]
pub(crate) struct Options {
    /// What the tests wrote: the file that LUMORA_REFUSALS named.
    file: PathBuf,
    /// Programs for which missing tests are named without failing.
    #[arg(long, value_delimiter = ',')]
    allow_missing: Vec<String>,
}

/// One asserted refusal.
#[derive(Debug, Deserialize)]
struct Refusal {
    program: String,
    instruction: String,
    error: String,
    test: String,
}

/// The errors of an IDL.
#[derive(Deserialize)]
struct Idl {
    errors: Vec<IdlError>,
}

#[derive(Deserialize)]
struct IdlError {
    name: String,
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let text = fs::read_to_string(&options.file).with_context(|| {
        format!(
            "cannot read {}: run the tests with LUMORA_REFUSALS naming it",
            options.file.display()
        )
    })?;
    let refusals = parse(&text)?;
    print!("{}", table(&refusals));
    let mut missing = Vec::new();
    for program in workspace.programs().into_iter().filter(|program| !program.for_tests) {
        let program = program.name;
        let path = workspace.root().join("idl").join(format!("{program}.json"));
        let idl: Idl = serde_json::from_str(
            &fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?,
        )
        .with_context(|| format!("{} is not an IDL", path.display()))?;
        let unseen = unseen(&program, &idl, &refusals);
        if !unseen.is_empty() {
            println!("{program}: no test provokes {}", unseen.join(", "));
            if !options.allow_missing.contains(&program) {
                missing.push(program);
            }
        }
    }
    if !missing.is_empty() {
        bail!("errors without a test in: {}", missing.join(", "));
    }
    Ok(())
}

fn parse(text: &str) -> Result<Vec<Refusal>> {
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| serde_json::from_str(line).with_context(|| format!("not a refusal: {line}")))
        .collect()
}

/// One row per instruction and constraint, with the tests that saw it refuse.
fn table(refusals: &[Refusal]) -> String {
    let mut rows: BTreeMap<(&str, &str, &str), BTreeSet<&str>> = BTreeMap::new();
    for refusal in refusals {
        rows.entry((&refusal.program, &refusal.instruction, &refusal.error))
            .or_default()
            .insert(&refusal.test);
    }
    let mut text = String::from("\nwhat the programs were seen to refuse (instruction, constraint, tests)\n");
    for ((program, instruction, error), tests) in &rows {
        let tests: Vec<&str> = tests.iter().copied().collect();
        text += &format!("  {program}.{instruction:<24} {error:<24} {}\n", tests.join(", "));
    }
    text + &format!("{} constraints of instructions, each by its name\n", rows.len())
}

fn unseen(program: &str, idl: &Idl, refusals: &[Refusal]) -> Vec<String> {
    let seen: BTreeSet<&str> = refusals
        .iter()
        .filter(|refusal| refusal.program == program)
        .map(|refusal| refusal.error.as_str())
        .collect();
    idl.errors
        .iter()
        .map(|error| error.name.clone())
        .filter(|name| !seen.contains(name.as_str()) && !UNREACHABLE.iter().any(|(known, _)| known == name))
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_no_test_provokes_is_named() {
        let refusals =
            parse(r#"{"program":"registry","instruction":"update_node","error":"NotOwner","test":"a"}"#).unwrap();
        let idl = Idl {
            errors: ["NotOwner", "Paused", "Overflow"]
                .map(|name| IdlError { name: name.to_owned() })
                .into(),
        };
        assert_eq!(unseen("registry", &idl, &refusals), ["Paused"]);
        assert_eq!(unseen("market", &idl, &refusals), ["NotOwner", "Paused"]);
        assert!(table(&refusals).contains("registry.update_node"));
    }

    #[test]
    fn a_line_that_is_no_refusal_is_an_error() {
        assert!(parse("{}").is_err());
    }
}
