//! Writes the interface description (IDL) of every program to idl/, or checks that it is current.
//!
//! The IDL comes out of the programs themselves: Anchor's macros add a test that prints it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anchor_lang_idl::build::IdlBuilder;
use anyhow::{Context, Result, bail};
use clap::Args;

use crate::workspace::{Program, Workspace};

#[derive(Args)]
pub(crate) struct Options {
    /// Only these programs (repeat the option for several); without it, all of them.
    #[arg(long = "program", value_name = "NAME")]
    pub(crate) programs: Vec<String>,

    /// Write nothing; fail if a committed IDL differs from its program.
    #[arg(long)]
    pub(crate) check: bool,
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    prepare_environment(workspace)?;
    let programs: Vec<Program> = workspace
        .select_programs(&options.programs)?
        .into_iter()
        .filter(|program| !program.for_tests)
        .collect();
    let directory = workspace.root().join("idl");
    fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
    let mut problems = Vec::new();
    for program in &programs {
        let start = Instant::now();
        let file = directory.join(format!("{}.json", program.name));
        let checked = build(program).and_then(|text| {
            if options.check {
                compare(&file, &text)
            } else {
                write(&file, &text)
            }
        });
        match checked {
            Ok(()) => eprintln!("idl/{}.json: ok ({:.1} s)", program.name, start.elapsed().as_secs_f64()),
            Err(error) => {
                eprintln!("{}: {error:#}", program.name);
                problems.push(program.name.as_str());
            }
        }
    }
    if !problems.is_empty() {
        bail!("no current IDL for: {}", problems.join(", "));
    }
    Ok(())
}

/// The builder runs cargo, and takes its settings from the environment.
fn prepare_environment(workspace: &Workspace) -> Result<()> {
    let target = match env::var_os("CARGO_TARGET_DIR") {
        Some(target) => PathBuf::from(target),
        None => workspace.cache_directory()?.join("target-idl"),
    };
    #[allow(unsafe_code)]
    // SAFETY: nothing else runs in this process yet that could read the environment at the same time.
    unsafe {
        // The builder would pass the literal `+{toolchain}` to cargo.
        env::remove_var("RUSTUP_TOOLCHAIN");
        env::set_var("CARGO_TARGET_DIR", target);
    }
    Ok(())
}

fn build(program: &Program) -> Result<String> {
    let idl = IdlBuilder::new()
        .program_path(program.directory.clone())
        .cargo_args(vec!["--lib".into(), "--locked".into(), "--ignore-rust-version".into()])
        .build()
        .context("the IDL could not be built; `ANCHOR_LOG=1` shows what the program printed")?;
    // By way of `Value`, whose maps are sorted: the order must not depend on the builder's version.
    let value = serde_json::to_value(&idl).context("the IDL is not JSON")?;
    Ok(serde_json::to_string_pretty(&value).context("the IDL is not JSON")? + "\n")
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

fn compare(file: &Path, text: &str) -> Result<()> {
    let committed = fs::read_to_string(file)
        .with_context(|| format!("cannot read {}; `cargo xtask idl` writes it", file.display()))?;
    if committed == text {
        return Ok(());
    }
    let differing = committed.lines().zip(text.lines()).position(|(old, new)| old != new);
    let line = differing.unwrap_or_else(|| committed.lines().count().min(text.lines().count()));
    bail!(
        "{} does not describe the program as it is. First difference in line {}:\n  committed: {}\n  program:   {}\n\
         `cargo xtask idl` writes it anew; look at `git diff idl/` before you commit it.",
        file.display(),
        line + 1,
        committed.lines().nth(line).unwrap_or("(end)").trim(),
        text.lines().nth(line).unwrap_or("(end)").trim(),
    )
}
