//! Compiles programs inside the build root, from LLVM bitcode to an sBPF v3 shared object.
//!
//! Only v3: the compiler passes a seventh argument and aggregates on the stack in a way that older versions of sBPF
//! place in the gap between two stack frames. platform-tools build the older ones.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, ensure};
use cargo_metadata::{Message, TargetKind};

use super::{
    Built,
    build_root::{BuildRoot, Visible},
    checkout_directory, progress,
};
use crate::workspace::{Program, Workspace};

/// `lower-atomic`: there is one thread, and sBPF has no atomic instructions.
/// `static`: otherwise LLVM makes tables of relative addresses, which sBPF has no relocation for.
/// The stack size is that of an sBPF v3 frame; the linker is told the same.
/// `linker-messages`: the linker warns with every program that a crate is missing, whose place support/builtins.ll takes.
const RUSTFLAGS: &str = "-C target-cpu=v4 -C relocation-model=static -C passes=lower-atomic -C llvm-args=-bpf-stack-size=4096 -C linker=/toolchain/link.sh -A linker-messages";

/// std is built along: Rust has no std for this target.
const CARGO_ARGUMENTS: &[&str] = &[
    "build",
    "--release",
    "--locked",
    "--ignore-rust-version",
    "--keep-going",
    "--manifest-path=/lumora/Cargo.toml",
    "--target=/toolchain/sbpf-v3.json",
    "-Zjson-target-spec",
    "-Zbuild-std=std,panic_abort",
    "-Zbuild-std-features=compiler-builtins-mem,optimize_for_size",
    "--message-format=json-render-diagnostics",
];

/// RUSTC_BOOTSTRAP allows the -Z options on a stable compiler; the second makes std usable on a target that Rust does
/// not know; the third names the source of std.
const ENVIRONMENT: &[&str] = &[
    "RUSTC_BOOTSTRAP=1",
    "RUSTC_BOOTSTRAP_SYNTHETIC_TARGET=1",
    "__CARGO_TESTS_ONLY_SRC_ROOT=/toolchain/library",
    "CARGO_TARGET_DIR=/target",
];

/// All settings that the result depends on, as text.
pub(super) fn settings() -> String {
    [&[RUSTFLAGS], CARGO_ARGUMENTS, ENVIRONMENT].concat().join("\n")
}

/// Compiles the programs, and returns those that compiled; what is wrong with the others is on the terminal.
pub(super) fn compile(
    workspace: &Workspace,
    cache: &Path,
    root: &BuildRoot,
    programs: &[Program],
) -> Result<Vec<Built>> {
    let target = target_directory(workspace, cache)?;
    let visible = [
        // Read-only: a build does not change the checkout.
        Visible {
            outside: workspace.root().to_owned(),
            inside: "/lumora",
            writable: false,
        },
        Visible {
            outside: target.clone(),
            inside: "/target",
            writable: true,
        },
    ];
    let mut command = root.enter(&visible)?;
    command.args(ENVIRONMENT).arg(format!("RUSTFLAGS={RUSTFLAGS}"));
    command.arg("cargo").args(CARGO_ARGUMENTS);
    for program in programs {
        command.args(["--package", &program.package]);
    }
    let files = progress::step(
        format_args!("cargo in {}, results in {}", root.path().display(), target.display()),
        || {
            let mut child = command
                .stdout(Stdio::piped())
                .spawn()
                .context("cannot enter the build root")?;
            let output = child.stdout.take().context("cargo has no output to read")?;
            let files = shared_objects(std::io::BufReader::new(output))?;
            let status = child.wait().context("cannot wait for cargo")?;
            ensure!(
                status.success() || status.code() == Some(101),
                "the build root could not be entered ({status})"
            );
            Ok(files)
        },
    )?;
    Ok(programs
        .iter()
        .filter_map(|program| {
            let file = files.get(&program.library)?;
            Some(Built {
                program: program.clone(),
                file: target.join(file.strip_prefix("/target").ok()?),
            })
        })
        .collect())
}

/// Reads cargo's report: library name -> shared object, as a path inside the build root.
fn shared_objects(report: impl std::io::BufRead) -> Result<BTreeMap<String, PathBuf>> {
    let mut files = BTreeMap::new();
    for message in Message::parse_stream(report) {
        if let Message::CompilerArtifact(artifact) = message.context("cannot read cargo's report")?
            && artifact.target.kind.contains(&TargetKind::CDyLib)
            && let Some(file) = artifact.filenames.iter().find(|file| file.extension() == Some("so"))
        {
            files.insert(artifact.target.name.replace('-', "_"), file.clone().into());
        }
    }
    Ok(files)
}

/// One folder per toolchain, since cargo does not know about the linker and the edited std. Older ones are removed.
fn target_directory(workspace: &Workspace, cache: &Path) -> Result<PathBuf> {
    let checkout = checkout_directory(workspace, cache);
    let name = format!("target-{}", &super::build_root::fingerprint().finish()[..12]);
    let target = checkout.join(&name);
    fs::create_dir_all(&target).with_context(|| format!("cannot create {}", target.display()))?;
    for entry in fs::read_dir(&checkout).with_context(|| format!("cannot list {}", checkout.display()))? {
        let entry = entry?;
        let other = entry.file_name().to_string_lossy().into_owned();
        if other.starts_with("target-") && other != name {
            fs::remove_dir_all(entry.path()).with_context(|| format!("cannot remove {}", entry.path().display()))?;
        }
    }
    Ok(target)
}
