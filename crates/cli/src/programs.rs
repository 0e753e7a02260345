//! Where the built programs are.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// The folder with the programs' `.so` files: below the working directory, or in the checkout that this was built from.
pub fn folder() -> anyhow::Result<PathBuf> {
    let candidates = [
        PathBuf::from("target/deploy"),
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/deploy"),
    ];
    candidates
        .into_iter()
        .find(|folder| folder.join("lumora_market.so").is_file())
        .context(
            "the programs are not built: run `cargo xtask build-sbf` in the checkout, or name a folder with --programs",
        )
}
