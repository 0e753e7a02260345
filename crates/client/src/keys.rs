//! Keypair files in Solana's format: a JSON array of 64 bytes, secret half first, readable by their owner only.

use {
    crate::Error,
    lumora_core::hash::sha256,
    solana_keypair::Keypair,
    std::{
        fs::{self, OpenOptions},
        io::Write,
        path::Path,
    },
    zeroize::Zeroizing,
};

/// Reads a keypair. A file that others may read is refused: whoever can read it can spend what it holds.
pub fn load(path: &Path) -> Result<Keypair, Error> {
    let fail = |reason: String| Error::KeyFile {
        path: path.to_owned(),
        reason,
    };
    let metadata = fs::metadata(path).map_err(|error| fail(format!("cannot be read: {error}")))?;
    check_mode(&metadata).map_err(fail)?;
    let text = Zeroizing::new(fs::read_to_string(path).map_err(|error| fail(format!("cannot be read: {error}")))?);
    let bytes: Zeroizing<Vec<u8>> = Zeroizing::new(serde_json::from_str(&text).map_err(|error| {
        fail(format!(
            "is not a JSON array of 64 bytes as solana-keygen writes it: {error}"
        ))
    })?);
    // `try_from` also checks that the public half belongs to the secret half.
    Keypair::try_from(bytes.as_slice()).map_err(|error| fail(format!("does not hold a keypair: {error}")))
}

/// Writes a keypair to a new file of mode 0600. Never overwrites: a lost key cannot be had back.
pub fn save(path: &Path, keypair: &Keypair) -> Result<(), Error> {
    let fail = |reason: String| Error::KeyFile {
        path: path.to_owned(),
        reason,
    };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(|error| fail(format!("cannot be written: {error}")))?;
    }
    let bytes = Zeroizing::new(keypair.to_bytes());
    let text = Zeroizing::new(format!("{:?}", bytes.as_slice()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            fail("exists already; move it away first, keys are never overwritten".into())
        }
        _ => fail(format!("cannot be written: {error}")),
    })?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| fail(format!("cannot be written: {error}")))
}

/// Reads the keypair, or makes a new one if there is no file.
pub fn load_or_create(path: &Path) -> Result<Keypair, Error> {
    if path.exists() {
        return load(path);
    }
    let keypair = Keypair::new();
    save(path, &keypair)?;
    Ok(keypair)
}

/// The keypair whose secret is the SHA-256 of a text. For keys that anybody may know: those of a local network.
pub fn from_public_text(text: &str) -> Keypair {
    Keypair::new_from_array(sha256(&[text.as_bytes()]))
}

/// The keypair under which a program is deployed on a local network; `program` as in `registry`.
/// Its address is what `lumora_interface` declares as the program's id.
pub fn localnet_program(program: &str) -> Keypair {
    from_public_text(&format!("lumora localnet program {program}"))
}

#[cfg(unix)]
fn check_mode(metadata: &fs::Metadata) -> Result<(), String> {
    let mode = std::os::unix::fs::MetadataExt::mode(metadata) & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(format!(
        "may be read or written by others (mode {mode:03o}); run `chmod 600` on it"
    ))
}

#[cfg(not(unix))]
fn check_mode(_: &fs::Metadata) -> Result<(), String> {
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use {super::*, solana_signer::Signer, tempfile::tempdir};

    #[test]
    fn a_saved_key_is_read_back_and_never_overwritten() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("keys/owner.json");
        let keypair = Keypair::new();
        save(&path, &keypair).unwrap();
        assert_eq!(load(&path).unwrap().pubkey(), keypair.pubkey());
        assert!(
            save(&path, &Keypair::new())
                .unwrap_err()
                .to_string()
                .contains("exists already")
        );
        assert_eq!(load_or_create(&path).unwrap().pubkey(), keypair.pubkey());
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempdir().unwrap();
        let path = folder.path().join("owner.json");
        save(&path, &Keypair::new()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(load(&path).unwrap_err().to_string().contains("chmod 600"));
    }

    #[test]
    fn a_damaged_key_is_named_and_not_used() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("owner.json");
        let mut bytes = Keypair::new().to_bytes().to_vec();
        bytes[40] ^= 1;
        for text in [format!("{bytes:?}"), "[1,2,3]".into(), "{}".into(), String::new()] {
            fs::write(&path, text).unwrap();
            #[cfg(unix)]
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
            assert!(load(&path).unwrap_err().to_string().contains("owner.json"));
        }
    }
}
