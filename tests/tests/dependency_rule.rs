//! Who may depend on whom: rules do not know the chain, the chain does not know who uses it, and nothing that runs off
//! chain contains a program.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeSet, path::Path};

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// A group of packages, and the workspace's packages that its members may use.
struct Layer {
    /// Folders, or beginnings of folders that end in `/`.
    folders: &'static [&'static str],
    may_use: &'static [&'static str],
    /// Whether a member may use the program framework: `Optional` is a feature that is off unless a program turns it on.
    framework: Framework,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Framework {
    Never,
    Optional,
    Freely,
}

const FRAMEWORK: &[&str] = &["anchor-lang", "anchor-spl", "pinocchio"];

const PROGRAMS: &[&str] = &[
    "lumora-registry",
    "lumora-bandwidth",
    "lumora-rewards",
    "lumora-tasks",
    "lumora-market",
];

const LAYERS: &[Layer] = &[
    Layer {
        folders: &["crates/core"],
        may_use: &[],
        framework: Framework::Never,
    },
    Layer {
        folders: &["crates/interface"],
        may_use: &["lumora-core"],
        framework: Framework::Optional,
    },
    Layer {
        folders: &["programs/"],
        may_use: &["lumora-core", "lumora-interface"],
        framework: Framework::Freely,
    },
    Layer {
        folders: &["crates/client"],
        may_use: &["lumora-core", "lumora-interface"],
        framework: Framework::Never,
    },
    Layer {
        folders: &["crates/pob", "crates/data", "crates/sim"],
        may_use: &["lumora-core"],
        framework: Framework::Never,
    },
    Layer {
        folders: &["crates/node", "crates/oracle"],
        may_use: &[
            "lumora-core",
            "lumora-interface",
            "lumora-client",
            "lumora-pob",
            "lumora-data",
        ],
        framework: Framework::Never,
    },
    Layer {
        folders: &["crates/indexer", "migrations"],
        may_use: &["lumora-core", "lumora-interface", "lumora-client"],
        framework: Framework::Never,
    },
    Layer {
        folders: &["crates/localnet"],
        may_use: &["lumora-core", "lumora-interface", "lumora-client", "lumora-migrations"],
        framework: Framework::Never,
    },
    Layer {
        folders: &["crates/cli"],
        may_use: &[
            "lumora-core",
            "lumora-interface",
            "lumora-client",
            "lumora-pob",
            "lumora-data",
            "lumora-node",
            "lumora-oracle",
            "lumora-indexer",
            "lumora-localnet",
            "lumora-migrations",
            "lumora-sim",
        ],
        framework: Framework::Never,
    },
    // Programs that only tests load: each stands for itself, or for a program that calls another.
    Layer {
        folders: &["tests/programs/"],
        may_use: &["lumora-interface"],
        framework: Framework::Freely,
    },
];

/// Those that may use everything.
const UNBOUND: &[&str] = &["tests", "tests/network", "xtask"];

/// One use of a package by another.
#[derive(Debug)]
struct Use {
    folder: String,
    user: String,
    used: String,
    optional: bool,
}

fn layer_of(folder: &str) -> Option<&'static Layer> {
    let is_in = |pattern: &&str| {
        if pattern.ends_with('/') {
            folder.starts_with(*pattern)
        } else {
            folder == *pattern
        }
    };
    LAYERS.iter().find(|layer| layer.folders.iter().any(&is_in))
}

/// What is wrong with a use, if anything.
fn violation(it: &Use, ours: &BTreeSet<String>) -> Option<String> {
    if UNBOUND.contains(&it.folder.as_str()) {
        return None;
    }
    let Some(layer) = layer_of(&it.folder) else {
        return Some(format!(
            "{} ({}) has no place in the layers: give it one in this test",
            it.user, it.folder
        ));
    };
    // A package may use itself with other features in its own tests.
    if ours.contains(&it.used) && it.used != it.user && !layer.may_use.contains(&it.used.as_str()) {
        return Some(format!("{} may not use {}", it.user, it.used));
    }
    if FRAMEWORK.contains(&it.used.as_str()) {
        let allowed = match layer.framework {
            Framework::Never => false,
            Framework::Optional => it.optional,
            Framework::Freely => true,
        };
        if !allowed {
            return Some(format!("{} may not use the program framework ({})", it.user, it.used));
        }
    }
    None
}

fn folder_of(package: &Package, root: &Path) -> String {
    let folder = package.manifest_path.parent().unwrap().as_std_path();
    folder.strip_prefix(root).unwrap().to_str().unwrap().to_owned()
}

#[test]
fn every_package_uses_only_what_lies_below_it() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec().unwrap();
    let root = metadata.workspace_root.as_std_path();
    let packages = metadata.workspace_packages();
    let ours: BTreeSet<String> = packages.iter().map(|package| package.name.to_string()).collect();
    for program in PROGRAMS {
        assert!(ours.contains(*program), "{program} is not in the workspace");
    }
    let mut uses = 0;
    let mut violations = Vec::new();
    for package in packages {
        let folder = folder_of(package, root);
        if layer_of(&folder).is_none() && !UNBOUND.contains(&folder.as_str()) {
            violations.push(format!(
                "{} ({folder}) has no place in the layers: give it one in this test",
                package.name
            ));
        }
        for dependency in &package.dependencies {
            // What a package's own tests use does not end up in what is built from it.
            if dependency.kind == DependencyKind::Development && !PROGRAMS.contains(&dependency.name.as_str()) {
                continue;
            }
            uses += 1;
            let it = Use {
                folder: folder.clone(),
                user: package.name.to_string(),
                used: dependency.name.clone(),
                optional: dependency.optional,
            };
            violations.extend(violation(&it, &ours));
        }
    }
    assert!(uses > 100, "only {uses} dependencies were looked at");
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

#[test]
fn forbidden_uses_are_noticed() {
    let ours: BTreeSet<String> = [
        "lumora-core",
        "lumora-client",
        "lumora-node",
        "lumora-registry",
        "lumora-tasks",
    ]
    .map(String::from)
    .into();
    let case = |folder: &str, user: &str, used: &str, optional| {
        violation(
            &Use {
                folder: folder.into(),
                user: user.into(),
                used: used.into(),
                optional,
            },
            &ours,
        )
        .is_some()
    };
    assert!(case("crates/core", "lumora-core", "lumora-client", false));
    assert!(case("crates/node", "lumora-node", "lumora-registry", false));
    assert!(case("programs/tasks", "lumora-tasks", "lumora-registry", false));
    assert!(case("crates/core", "lumora-core", "anchor-lang", true));
    assert!(case("crates/interface", "lumora-interface", "anchor-lang", false));
    assert!(case("crates/newcomer", "lumora-newcomer", "serde", false));

    assert!(!case("crates/interface", "lumora-interface", "anchor-lang", true));
    assert!(!case("crates/client", "lumora-client", "lumora-core", false));
    assert!(!case("tests", "lumora-tests", "lumora-registry", false));
    assert!(!case("crates/core", "lumora-core", "sha2", false));
}
