//! Builds the programs for Solana: with platform-tools where they are installed, else with Debian packages alone.

mod build_root;
mod fingerprint;
mod lock;
mod package_build;
mod platform_tools;
mod progress;
mod std_source;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::workspace::{Program, Workspace};
use fingerprint::Fingerprint;

#[derive(Args)]
pub(crate) struct Options {
    /// Build only these programs (repeat the option for several); without it, all of them.
    #[arg(long = "program", value_name = "NAME")]
    programs: Vec<String>,

    /// Build even what is up to date.
    #[arg(long)]
    force: bool,

    /// What to build with.
    #[arg(long, value_enum, default_value_t = Toolchain::Auto)]
    toolchain: Toolchain,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Toolchain {
    /// platform-tools if `cargo build-sbf` is installed, else Debian packages.
    Auto,
    /// Solana's own toolchain (`cargo build-sbf`), which deployments to public clusters use.
    PlatformTools,
    /// Debian packages and the crate registry; needs root on Debian or Ubuntu.
    Packages,
}

/// A program that was compiled, before it is copied to where programs are loaded from.
struct Built {
    program: Program,
    file: PathBuf,
}

pub(crate) fn build(workspace: &Workspace, options: &Options) -> Result<()> {
    let start = Instant::now();
    let programs = workspace.select_programs(&options.programs)?;
    let cache = workspace.cache_directory()?.join("sbpf");
    fs::create_dir_all(&cache).with_context(|| format!("cannot create the cache folder {}", cache.display()))?;
    let _lock = lock::exclusive(&cache.join("lock"))?;

    let with_platform_tools = match options.toolchain {
        Toolchain::Auto => platform_tools::installed(),
        Toolchain::PlatformTools => true,
        Toolchain::Packages => false,
    };
    let toolchain = if with_platform_tools {
        platform_tools::fingerprint()?
    } else {
        build_root::fingerprint()
    };
    let records = Records::open(workspace, &cache)?;
    let mut stale = Vec::new();
    for program in programs {
        let fingerprint = program_fingerprint(workspace, &program, &toolchain)?;
        if options.force || !records.is_current(&program, &fingerprint) {
            stale.push((program, fingerprint));
        }
    }
    if stale.is_empty() {
        eprintln!("Programs are up to date in {}", workspace.deploy_directory().display());
        return Ok(());
    }

    let wanted: Vec<Program> = stale.iter().map(|(program, _)| program.clone()).collect();
    let names: Vec<&str> = wanted.iter().map(|program| program.name.as_str()).collect();
    eprintln!("Building for sBPF: {}", names.join(", "));
    let built = if with_platform_tools {
        platform_tools::compile(workspace, &wanted)?
    } else {
        let root = build_root::prepare(&cache)?;
        package_build::compile(workspace, &cache, &root, &wanted)?
    };
    for Built { program, file } in &built {
        let fingerprint = stale
            .iter()
            .find(|(it, _)| it.name == program.name)
            .map(|(_, fingerprint)| fingerprint);
        records.deploy(
            program,
            file,
            fingerprint.context("a program was built that nobody asked for")?,
        )?;
    }
    let failed: Vec<&str> = names
        .into_iter()
        .filter(|name| !built.iter().any(|it| it.program.name == **name))
        .collect();
    if !failed.is_empty() {
        bail!(
            "{} of {} programs did not build: {}",
            failed.len(),
            wanted.len(),
            failed.join(", ")
        );
    }
    eprintln!(
        "Built {} program(s) in {:.1} s",
        built.len(),
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Changes whenever the program has to be built again.
fn program_fingerprint(workspace: &Workspace, program: &Program, toolchain: &Fingerprint) -> Result<String> {
    let mut fingerprint = toolchain.clone();
    for file in ["Cargo.toml", "Cargo.lock"] {
        fingerprint.add_file(&workspace.root().join(file))?;
    }
    for directory in workspace.source_directories(program) {
        fingerprint.add(
            directory
                .strip_prefix(workspace.root())
                .unwrap_or(&directory)
                .as_os_str()
                .as_encoded_bytes(),
        );
        fingerprint.add_directory(&directory)?;
    }
    Ok(fingerprint.finish())
}

/// Remembers from what each file in target/deploy was built.
struct Records {
    records: PathBuf,
    deploy: PathBuf,
}

impl Records {
    fn open(workspace: &Workspace, cache: &Path) -> Result<Self> {
        let deploy = workspace.deploy_directory();
        let records = checkout_directory(workspace, cache).join("records");
        for directory in [&deploy, &records] {
            fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))?;
        }
        Ok(Self { records, deploy })
    }

    fn deployed(&self, program: &Program) -> PathBuf {
        self.deploy.join(format!("{}.so", program.library))
    }

    /// The record names the sources and the resulting file, so that a file put there by other means is noticed.
    fn is_current(&self, program: &Program, fingerprint: &str) -> bool {
        let Ok(record) = fs::read_to_string(self.records.join(&program.name)) else {
            return false;
        };
        file_fingerprint(&self.deployed(program)).is_ok_and(|file| record == format!("{fingerprint} {file}"))
    }

    fn deploy(&self, program: &Program, built: &Path, fingerprint: &str) -> Result<()> {
        let deployed = self.deployed(program);
        // Renamed into place: a test that runs meanwhile reads the old program or the new one, never half of it.
        let partial = deployed.with_extension("so.partial");
        fs::copy(built, &partial)
            .with_context(|| format!("cannot copy {} to {}", built.display(), partial.display()))?;
        fs::rename(&partial, &deployed).with_context(|| format!("cannot write {}", deployed.display()))?;
        let size = fs::metadata(&deployed)?.len();
        eprintln!("  {} ({:.1} kB)", deployed.display(), size as f64 / 1000.0);
        let record = format!("{fingerprint} {}", file_fingerprint(&deployed)?);
        fs::write(self.records.join(&program.name), record).context("cannot record the build")
    }
}

fn file_fingerprint(path: &Path) -> Result<String> {
    Ok(Fingerprint::new().add_file(path)?.finish())
}

/// The part of the cache that belongs to this checkout alone: two checkouts must not take each other's results for theirs.
fn checkout_directory(workspace: &Workspace, cache: &Path) -> PathBuf {
    let root = workspace.root();
    let hash = Fingerprint::new().add(root.as_os_str().as_encoded_bytes()).finish();
    let name = root.file_name().unwrap_or_default().to_string_lossy().into_owned();
    cache.join("checkouts").join(format!("{name}-{}", &hash[..12]))
}
