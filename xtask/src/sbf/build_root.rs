//! The folder with a Debian system in it that the programs are compiled in, where platform-tools are not installed.
//!
//! Rust's upstream compiler can emit BPF, and sbpf-linker turns that into sBPF; it needs an LLVM 23, which Debian has in
//! "sid" only. Nothing is installed on the machine itself, except mmdebstrap, which makes such folders.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{self, Command},
};

use anyhow::{Context, Result, bail, ensure};

use super::{
    fingerprint::Fingerprint,
    progress::{output_of, run, step},
    std_source,
};

const SUITE: &str = "sid";
const PACKAGES: &str = "rustc,cargo,rust-src,llvm-23-dev,libpolly-23-dev,zlib1g-dev,libzstd-dev,libxml2-dev,\
                        gcc,g++,libc6-dev,pkg-config,ca-certificates";
const LLVM_PREFIX: &str = "/usr/lib/llvm-23";
const LINKER_VERSION: &str = "0.2.6";
const LINKER_FEATURES: &str = "bpf-linker/llvm-23";

/// Our own files in the build root: name, contents, whether it is run.
const SUPPORT_FILES: &[(&str, &str, bool)] = &[
    ("builtins.ll", include_str!("support/builtins.ll"), false),
    ("sbpf-v3.json", include_str!("support/sbpf-v3.json"), false),
    ("link.sh", include_str!("support/link.sh"), true),
];

/// What a machine without platform-tools can do if it cannot have a build root either.
const ALTERNATIVES: &str = "Instead, either\n\
    - install Solana's platform-tools, so that `cargo build-sbf` works, or\n\
    - run the build as root in a Debian container, which needs the right to mount, for example:\n\
      docker run --rm -it --privileged -v \"$PWD\":/lumora -v lumora-cache:/root/.cache/lumora -w /lumora \\\n\
      rust:1.95-bookworm cargo xtask build-sbf";

pub(super) struct BuildRoot {
    path: PathBuf,
}

/// Identifies everything that the compiled programs depend on besides their sources.
pub(super) fn fingerprint() -> Fingerprint {
    let mut fingerprint = std_source::fingerprint();
    fingerprint
        .add(SUITE)
        .add(PACKAGES)
        .add(LINKER_VERSION)
        .add(LINKER_FEATURES);
    for (name, text, _) in SUPPORT_FILES {
        fingerprint.add(name).add(text);
    }
    fingerprint.add(super::package_build::settings());
    fingerprint
}

/// Makes whatever is missing or out of date.
pub(super) fn prepare(cache: &Path) -> Result<BuildRoot> {
    check_machine()?;
    let root = BuildRoot {
        path: cache.join("root"),
    };
    root.debian(cache)?;
    root.linker()?;
    root.library()?;
    root.support_files()?;
    Ok(root)
}

fn check_machine() -> Result<()> {
    ensure!(
        cfg!(target_os = "linux") && Path::new("/usr/bin/apt-get").exists(),
        "platform-tools (`cargo build-sbf`) are not installed, and building without them needs Debian or Ubuntu.\n{ALTERNATIVES}"
    );
    let user = output_of(Command::new("id").arg("-u"))?;
    ensure!(
        user == "0",
        "platform-tools (`cargo build-sbf`) are not installed, and building without them needs root, to make and enter a \
         Debian system in a folder of the cache.\n{ALTERNATIVES}"
    );
    Ok(())
}

impl BuildRoot {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A path inside the build root, as seen from outside.
    fn inside(&self, path: &str) -> PathBuf {
        self.path.join(path.trim_start_matches('/'))
    }

    fn debian(&self, cache: &Path) -> Result<()> {
        let recipe = Fingerprint::new().add(SUITE).add(PACKAGES).finish();
        if self.has("debian", &recipe) {
            return Ok(());
        }
        install_mmdebstrap()?;
        remove_partial_roots(cache)?;
        // Built beside its place and moved there whole, so that an interrupted run leaves no half of a system.
        let partial = cache.join(format!("root.partial-{}", process::id()));
        step(
            format_args!(
                "Debian {SUITE} with Rust and LLVM 23 (2.5 GB) into {}",
                self.path.display()
            ),
            || {
                run(Command::new("mmdebstrap")
                    .args(["--variant=essential", "--quiet"])
                    // A mirror may lag behind the date that its index says it is good for.
                    .arg("--aptopt=Acquire::Check-Valid-Until \"false\"")
                    .arg(format!("--include={PACKAGES}"))
                    .arg(SUITE)
                    .arg(&partial))
                .context(
                    "making the Debian system failed: look at the messages above; it needs a network and 3 GB of room",
                )
            },
        )?;
        if self.path.exists() {
            fs::remove_dir_all(&self.path).with_context(|| format!("cannot remove {}", self.path.display()))?;
        }
        fs::rename(&partial, &self.path).with_context(|| format!("cannot move {} into place", partial.display()))?;
        self.done("debian", &recipe)?;
        let rustc = output_of(Command::new("chroot").arg(&self.path).args(["rustc", "--version"]))?;
        eprintln!("  {rustc}");
        Ok(())
    }

    fn linker(&self) -> Result<()> {
        let recipe = Fingerprint::new().add(LINKER_VERSION).add(LINKER_FEATURES).finish();
        if self.has("linker", &recipe) {
            return Ok(());
        }
        step(
            format_args!("sbpf-linker {LINKER_VERSION}, compiled in the build root"),
            || {
                run(self
                    .enter(&[])?
                    .arg(format!("LLVM_PREFIX={LLVM_PREFIX}"))
                    .args([
                        "cargo",
                        "install",
                        "--quiet",
                        "--locked",
                        "--force",
                        "--no-default-features",
                    ])
                    .args(["--features", LINKER_FEATURES, "--root", "/toolchain/linker"])
                    .args(["--target-dir", "/tmp/sbpf-linker-target"])
                    .arg(format!("sbpf-linker@{LINKER_VERSION}")))
            },
        )?;
        let leftovers = self.inside("/tmp/sbpf-linker-target");
        fs::remove_dir_all(&leftovers).with_context(|| format!("cannot remove {}", leftovers.display()))?;
        self.done("linker", &recipe)
    }

    fn library(&self) -> Result<()> {
        let recipe = std_source::fingerprint().finish();
        if self.has("library", &recipe) {
            return Ok(());
        }
        step("Rust's standard library, edited for Solana", || {
            let library = self.inside("/toolchain/library");
            if library.exists() {
                fs::remove_dir_all(&library).with_context(|| format!("cannot remove {}", library.display()))?;
            }
            run(Command::new("cp").arg("-a").arg(self.debian_library()?).arg(&library))?;
            std_source::edit(&library)
        })?;
        self.done("library", &recipe)
    }

    /// Debian has the source under a folder named after the version.
    fn debian_library(&self) -> Result<PathBuf> {
        let sources = self.inside("/usr/src");
        for entry in fs::read_dir(&sources).with_context(|| format!("cannot list {}", sources.display()))? {
            let library = entry?.path().join("library");
            if library.join("std/src/lib.rs").exists() {
                return Ok(library);
            }
        }
        bail!("Debian's package rust-src no longer has the standard library under /usr/src/rustc-*/library")
    }

    fn support_files(&self) -> Result<()> {
        for (name, text, is_run) in SUPPORT_FILES {
            let path = self.inside("/toolchain").join(name);
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            if *is_run {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
                    .with_context(|| format!("cannot make {} executable", path.display()))?;
            }
        }
        Ok(())
    }

    /// A command that runs `env` inside the build root: the caller appends variables (`NAME=value`), then the command.
    /// `visible` lists further folders and the place where each appears inside; the checkout is not among them by itself.
    ///
    /// The mounts live in a mount namespace of their own, which ends with the command however that ends. Nothing is
    /// left behind for a later run to clean up, and builds do not see each other's mounts.
    pub(super) fn enter(&self, visible: &[Visible]) -> Result<Command> {
        let cargo_home = host_cargo_home()?;
        self.share_network_settings()?;
        let mut script = String::from("root=$1; shift\n");
        let mut mounts = vec![
            Visible {
                outside: PathBuf::from("/dev"),
                inside: "/dev",
                writable: true,
            },
            Visible {
                outside: PathBuf::from("/proc"),
                inside: "/proc",
                writable: true,
            },
            // Crates that the machine has fetched already are not fetched again.
            Visible {
                outside: cargo_home,
                inside: "/cargo",
                writable: true,
            },
        ];
        mounts.extend_from_slice(visible);
        for mount in &mounts {
            let place = self.inside(mount.inside);
            fs::create_dir_all(&place).with_context(|| format!("cannot create {}", place.display()))?;
            script.push_str(&format!("mount --rbind \"$1\" \"$root{}\"\n", mount.inside));
            if !mount.writable {
                script.push_str(&format!("mount -o remount,bind,ro \"$root{}\"\n", mount.inside));
            }
            script.push_str("shift\n");
        }
        script.push_str("exec chroot \"$root\" /usr/bin/env -i \"$@\"\n");

        let mut command = Command::new("unshare");
        command.args([
            "--mount",
            "--propagation",
            "private",
            "/bin/sh",
            "-eu",
            "-c",
            &script,
            "enter-build-root",
        ]);
        command.arg(&self.path);
        command.args(mounts.iter().map(|mount| &mount.outside));
        command.args([
            "PATH=/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME=/root",
            "CARGO_HOME=/cargo",
            "CARGO_BUILD_RUSTC_WRAPPER=",
        ]);
        command.arg("SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt");
        command.args(
            env::vars()
                .filter(|(name, _)| is_network_setting(name))
                .map(|(name, value)| format!("{name}={value}")),
        );
        Ok(command)
    }

    /// Name resolution and certificate authorities, as the machine has them (it may sit behind a proxy).
    fn share_network_settings(&self) -> Result<()> {
        let certificates = env::var("SSL_CERT_FILE").unwrap_or_else(|_| "/etc/ssl/certs/ca-certificates.crt".into());
        for (from, to) in [
            ("/etc/resolv.conf", "/etc/resolv.conf"),
            (&certificates, "/etc/ssl/certs/ca-certificates.crt"),
        ] {
            if Path::new(from).exists() {
                let to = self.inside(to);
                fs::copy(from, &to).with_context(|| format!("cannot copy {from} to {}", to.display()))?;
            }
        }
        Ok(())
    }

    fn has(&self, part: &str, recipe: &str) -> bool {
        fs::read_to_string(self.record(part)).is_ok_and(|record| record == recipe)
    }

    fn done(&self, part: &str, recipe: &str) -> Result<()> {
        let record = self.record(part);
        fs::create_dir_all(self.inside("/toolchain"))?;
        fs::write(&record, recipe).with_context(|| format!("cannot write {}", record.display()))
    }

    /// Holds what the part was made from, once it is complete.
    fn record(&self, part: &str) -> PathBuf {
        self.inside("/toolchain").join(format!("{part}.made-from"))
    }
}

/// A folder of the machine that is visible inside the build root.
#[derive(Clone)]
pub(super) struct Visible {
    pub(super) outside: PathBuf,
    pub(super) inside: &'static str,
    pub(super) writable: bool,
}

fn install_mmdebstrap() -> Result<()> {
    if Path::new("/usr/bin/mmdebstrap").exists() {
        return Ok(());
    }
    step("mmdebstrap, installed on this machine with apt-get", || {
        // The index may be absent (containers) or outdated; if it cannot be renewed, the install says why.
        let _ = Command::new("apt-get").args(["-qq", "update"]).status();
        run(Command::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args([
            "-qq",
            "install",
            "--yes",
            "--no-install-recommends",
            "mmdebstrap",
            "debian-archive-keyring",
        ]))
        .with_context(|| format!("mmdebstrap cannot be installed; install it by hand.\n{ALTERNATIVES}"))
    })
}

/// What an interrupted run left.
fn remove_partial_roots(cache: &Path) -> Result<()> {
    for entry in fs::read_dir(cache).with_context(|| format!("cannot list {}", cache.display()))? {
        let path = entry?.path();
        if path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("root.partial-"))
        {
            fs::remove_dir_all(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

fn host_cargo_home() -> Result<PathBuf> {
    let home = match env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => PathBuf::from(env::var_os("HOME").context("set HOME or CARGO_HOME")?).join(".cargo"),
    };
    fs::create_dir_all(&home).with_context(|| format!("cannot create {}", home.display()))?;
    Ok(home)
}

fn is_network_setting(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    matches!(name.as_str(), "HTTP_PROXY" | "HTTPS_PROXY" | "ALL_PROXY" | "NO_PROXY")
        || ["CARGO_HTTP_", "CARGO_NET_", "CARGO_SOURCE_", "CARGO_REGISTRIES_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
}
