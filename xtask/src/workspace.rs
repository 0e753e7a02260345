//! Where things are: the checkout, the cache, and which packages are programs.

use std::{
    collections::BTreeSet,
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use cargo_metadata::{Metadata, MetadataCommand, Package, TargetKind};

pub(crate) struct Workspace {
    root: PathBuf,
    metadata: Metadata,
}

/// A package that is compiled for Solana.
#[derive(Clone)]
pub(crate) struct Program {
    /// `registry`: the package name without the common prefix.
    pub(crate) name: String,
    /// `lumora-registry`.
    pub(crate) package: String,
    /// `lumora_registry`, the name of the `.so` without its ending.
    pub(crate) library: String,
    pub(crate) directory: PathBuf,
    /// Used only by tests, so it has no IDL.
    pub(crate) for_tests: bool,
}

impl Workspace {
    pub(crate) fn find() -> Result<Self> {
        let built_from = Path::new(env!("CARGO_MANIFEST_DIR"));
        // Two checkouts that share a CARGO_TARGET_DIR look alike to cargo. Ours carries files of the checkout that it was
        // built from (the toolchain's), so it must not build another one with them.
        if let Some(run_from) = env::var_os("CARGO_MANIFEST_DIR").filter(|path| Path::new(path) != built_from) {
            bail!(
                "this xtask was built from {}, and is run for {}; give each checkout a CARGO_TARGET_DIR of its own, or run \
                 `touch xtask/src/*.rs` and try again",
                built_from.display(),
                Path::new(&run_from).display()
            );
        }
        let manifest = built_from.with_file_name("Cargo.toml");
        let metadata = MetadataCommand::new()
            .manifest_path(&manifest)
            .no_deps()
            .exec()
            .with_context(|| format!("cannot read the workspace of {}", manifest.display()))?;
        Ok(Self {
            root: metadata.workspace_root.clone().into(),
            metadata,
        })
    }

    /// The folder that holds the workspace's Cargo.toml.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where programs are loaded from by tests, the local network and deployments.
    pub(crate) fn deploy_directory(&self) -> PathBuf {
        self.root.join("target/deploy")
    }

    /// `$LUMORA_CACHE`, or `~/.cache/lumora`: what is worth keeping between builds.
    pub(crate) fn cache_directory(&self) -> Result<PathBuf> {
        if let Some(cache) = env::var_os("LUMORA_CACHE").filter(|value| !value.is_empty()) {
            return std::path::absolute(cache).context("LUMORA_CACHE is not a usable path");
        }
        let home = env::var_os("HOME").context("set HOME, or LUMORA_CACHE to a folder to keep build results in")?;
        Ok(PathBuf::from(home).join(".cache/lumora"))
    }

    /// Every program, in a fixed order: those that are deployed, then those used in tests.
    pub(crate) fn programs(&self) -> Vec<Program> {
        let mut programs: Vec<Program> = self
            .metadata
            .workspace_packages()
            .into_iter()
            .filter_map(|package| {
                let library = package
                    .targets
                    .iter()
                    .find(|target| target.kind.contains(&TargetKind::CDyLib))?;
                let directory: PathBuf = package.manifest_path.parent()?.into();
                Some(Program {
                    name: package.name.trim_start_matches("lumora-").to_owned(),
                    package: package.name.to_string(),
                    library: library.name.replace('-', "_"),
                    for_tests: directory.starts_with(self.root.join("tests")),
                    directory,
                })
            })
            .collect();
        programs.sort_by(|left, right| (left.for_tests, &left.name).cmp(&(right.for_tests, &right.name)));
        programs
    }

    /// The programs with the given names (`registry` or `lumora-registry`), or all of them.
    pub(crate) fn select_programs(&self, names: &[String]) -> Result<Vec<Program>> {
        let all = self.programs();
        if names.is_empty() {
            return Ok(all);
        }
        if let Some(unknown) = names
            .iter()
            .find(|name| !all.iter().any(|program| program.is_called(name)))
        {
            let known: Vec<&str> = all.iter().map(|program| program.name.as_str()).collect();
            bail!(
                "there is no program {unknown:?}; the programs are: {}",
                known.join(", ")
            );
        }
        Ok(all
            .into_iter()
            .filter(|program| names.iter().any(|name| program.is_called(name)))
            .collect())
    }

    /// The program's folder and those of the workspace packages it is built from.
    pub(crate) fn source_directories(&self, program: &Program) -> BTreeSet<PathBuf> {
        let mut found = BTreeSet::new();
        let mut waiting = vec![program.directory.clone()];
        while let Some(directory) = waiting.pop() {
            if let Some(package) = self.package_in(&directory) {
                let normal = package
                    .dependencies
                    .iter()
                    .filter(|it| it.kind != cargo_metadata::DependencyKind::Development);
                waiting.extend(
                    normal
                        .filter_map(|it| it.path.as_ref())
                        .map(PathBuf::from)
                        .filter(|it| !found.contains(it)),
                );
            }
            found.insert(directory);
        }
        found
    }

    fn package_in(&self, directory: &Path) -> Option<&Package> {
        self.metadata
            .packages
            .iter()
            .find(|package| package.manifest_path.parent().is_some_and(|it| it == directory))
    }
}

impl Program {
    fn is_called(&self, name: &str) -> bool {
        self.name == name || self.package == name || self.library == name
    }
}
