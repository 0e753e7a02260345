//! Keys of a local network, each derived from a public text.

use {
    lumora_client::{
        Error,
        keys::{from_public_text, localnet_program, save},
    },
    solana_keypair::Keypair,
    std::path::Path,
};

const PROGRAMS: [&str; 5] = ["registry", "bandwidth", "rewards", "tasks", "market"];

/// Deploys the programs, may change the network's parameters, and pays for the migrations.
pub fn authority() -> Keypair {
    from_public_text("lumora localnet authority")
}

/// May pause the network.
pub fn guardian() -> Keypair {
    from_public_text("lumora localnet guardian")
}

/// A funded wallet for whoever develops against the network; `index` from 0.
pub fn wallet(index: u16) -> Keypair {
    from_public_text(&format!("lumora localnet wallet {index}"))
}

/// The signing key of an oracle; `index` from 0.
pub fn oracle(index: u16) -> Keypair {
    from_public_text(&format!("lumora localnet oracle {index}"))
}

/// Writes the authority's keypair (`authority.json`) and those of the programs (`lumora_<name>-keypair.json`) to a folder, for tools that
/// want files, such as `anchor program deploy`. Files that are there already are left alone.
pub fn write(folder: &Path) -> Result<(), Error> {
    let programs = PROGRAMS.map(|name| (format!("lumora_{name}-keypair.json"), localnet_program(name)));
    for (name, keypair) in programs.into_iter().chain([("authority.json".to_owned(), authority())]) {
        let path = folder.join(name);
        if !path.exists() {
            save(&path, &keypair)?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use {super::*, lumora_client::keys::load, lumora_interface::registry, solana_signer::Signer};

    #[test]
    fn the_files_hold_the_keys_that_the_programs_were_built_for() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        write(folder.path()).unwrap();
        assert_eq!(
            load(&folder.path().join("lumora_registry-keypair.json"))
                .unwrap()
                .pubkey(),
            registry::ID
        );
        assert_eq!(
            load(&folder.path().join("authority.json")).unwrap().pubkey(),
            authority().pubkey()
        );
    }

    #[test]
    fn no_two_roles_share_a_key() {
        let mut all = vec![authority().pubkey(), guardian().pubkey()];
        all.extend((0..3).flat_map(|index| [wallet(index).pubkey(), oracle(index).pubkey()]));
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
