//! Secrets at rest: 32 bytes in a file, encrypted under a passphrase or under a key file.
//!
//! A passphrase is stretched with Argon2id, a key file (a wallet's, say) goes through HKDF-SHA256; either gives an AES-256
//! key that is used for this one file. The file is JSON; only its owner can read it, and it is whole or absent.

use std::path::Path;

use aes_gcm::{
    Aes256Gcm, Nonce,
    aead::{Aead, KeyInit, Payload},
};
use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    error::{Error, Result},
    files,
    key::{derive, random_bytes},
};

const VERSION: u32 = 1;
const KEY_FILE_INFO: &[u8] = b"lumora locked secret, key file v1";
const ASSOCIATED_DATA: &[u8] = b"lumora locked secret v1";
/// Argon2id with 64 MiB, 3 passes, 1 lane: above OWASP's and near RFC 9106's second recommendation.
const MEMORY_KIB: u32 = 64 << 10;
const PASSES: u32 = 3;
/// What a file may ask for at most: it may not be ours.
const MAX_MEMORY_KIB: u32 = 1 << 20;
const MAX_PASSES: u32 = 64;
/// Shorter passphrases are found by trying.
const MIN_PASSPHRASE: usize = 12;
/// Shorter key files hold less than the key that is made of them.
const MIN_KEY_FILE: usize = 32;
/// Larger files are not keys.
const MAX_FILE: u64 = 1 << 20;

/// What opens a locked secret.
pub enum Lock {
    /// Something that a person remembers.
    Passphrase(Zeroizing<String>),
    /// Something that is on disk already, and secret.
    KeyFile(Zeroizing<Vec<u8>>),
}

impl Lock {
    /// A lock that this passphrase opens: twelve characters or more.
    pub fn passphrase(passphrase: impl Into<String>) -> Result<Self> {
        let passphrase = Zeroizing::new(passphrase.into());
        if passphrase.chars().count() < MIN_PASSPHRASE {
            return Err(Error::WeakLock {
                why: format!("a passphrase needs {MIN_PASSPHRASE} characters or more; several words are good"),
            });
        }
        Ok(Self::Passphrase(passphrase))
    }

    /// A lock that this file opens: any file of 32 secret bytes or more, such as a wallet's keypair file.
    pub fn key_file(path: &Path) -> Result<Self> {
        let failed = |source| Error::file("read the key file", path, source);
        let length = std::fs::metadata(path).map_err(failed)?.len();
        if length < MIN_KEY_FILE as u64 || length > MAX_FILE {
            return Err(Error::WeakLock {
                why: format!(
                    "the key file `{}` has {length} bytes; use one of 32 bytes to 1 MiB, all of them secret",
                    path.display()
                ),
            });
        }
        Ok(Self::KeyFile(Zeroizing::new(std::fs::read(path).map_err(failed)?)))
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Passphrase(_) => "passphrase",
            Self::KeyFile(_) => "key file",
        }
    }

    fn parameters(&self) -> Parameters {
        match self {
            Self::Passphrase(_) => Parameters::Argon2id {
                memory_kib: MEMORY_KIB,
                passes: PASSES,
            },
            Self::KeyFile(_) => Parameters::HkdfSha256,
        }
    }

    /// The key that this lock makes of the salt; `None` where the file was locked with the other kind.
    fn key(&self, parameters: Parameters, salt: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
        match (self, parameters) {
            (Self::Passphrase(passphrase), Parameters::Argon2id { memory_kib, passes })
                if memory_kib <= MAX_MEMORY_KIB && passes <= MAX_PASSES =>
            {
                let parameters = Params::new(memory_kib, passes, 1, Some(32)).ok()?;
                let mut key = Zeroizing::new([0; 32]);
                Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
                    .hash_password_into(passphrase.as_bytes(), salt, key.as_mut())
                    .ok()?;
                Some(key)
            }
            (Self::KeyFile(content), Parameters::HkdfSha256) => {
                Some(Zeroizing::new(derive(content, salt, KEY_FILE_INFO)))
            }
            _ => None,
        }
    }
}

/// Locks do not appear in logs.
impl std::fmt::Debug for Lock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lock({}, ..)", self.name())
    }
}

/// How the key is made.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "derivation")]
enum Parameters {
    Argon2id { memory_kib: u32, passes: u32 },
    HkdfSha256,
}

/// The file.
#[derive(Serialize, Deserialize)]
struct Locked {
    version: u32,
    #[serde(flatten)]
    parameters: Parameters,
    #[serde(with = "hex::serde")]
    salt: [u8; 32],
    /// 32 bytes of secret and the 16 of the tag.
    #[serde(with = "hex::serde")]
    sealed: Vec<u8>,
}

/// Locks `secret` into a new file at `path`. What is there already stays, and is an error: a secret is never replaced.
pub fn save(path: &Path, secret: &[u8; 32], lock: &Lock) -> Result<()> {
    let salt = random_bytes()?;
    let parameters = lock.parameters();
    let key = lock.key(parameters, &salt).ok_or_else(|| Error::WeakLock {
        why: "the lock makes no key".to_owned(),
    })?;
    let payload = Payload {
        msg: secret,
        aad: ASSOCIATED_DATA,
    };
    let sealed = Aes256Gcm::new(&(*key).into())
        .encrypt(&single_use_nonce(), payload)
        .expect("AES-GCM encrypts any 32 bytes");
    let locked = Locked {
        version: VERSION,
        parameters,
        salt,
        sealed,
    };
    let text = serde_json::to_vec(&locked).map_err(|error| Error::file("write", path, error.into()))?;
    files::write_durably(path, &text, true)
}

/// Unlocks the secret in the file at `path`.
pub fn load(path: &Path, lock: &Lock) -> Result<Zeroizing<[u8; 32]>> {
    let failed = |source| Error::file("read the secret", path, source);
    let malformed = |why: String| Error::Malformed {
        what: "the locked secret",
        why: format!("{}: {why}", path.display()),
    };
    let length = std::fs::metadata(path).map_err(failed)?.len();
    if length > MAX_FILE {
        return Err(malformed(format!("it has {length} bytes")));
    }
    let text = std::fs::read(path).map_err(failed)?;
    let locked: Locked = serde_json::from_slice(&text).map_err(|error| malformed(error.to_string()))?;
    if locked.version != VERSION {
        return Err(malformed(format!("it has version {}", locked.version)));
    }
    let wrong = || Error::WrongUnlock {
        path: path.to_owned(),
        lock: lock.name(),
    };
    let key = lock.key(locked.parameters, &locked.salt).ok_or_else(wrong)?;
    let payload = Payload {
        msg: &locked.sealed,
        aad: ASSOCIATED_DATA,
    };
    let secret = Aes256Gcm::new(&(*key).into())
        .decrypt(&single_use_nonce(), payload)
        .map(Zeroizing::new)
        .map_err(|_| wrong())?;
    secret.as_slice().try_into().map(Zeroizing::new).map_err(|_| wrong())
}

/// The key is made with a fresh salt for each file and encrypts once, so a fixed nonce never repeats.
fn single_use_nonce() -> Nonce<aes_gcm::aead::consts::U12> {
    Nonce::default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_secret_opens_with_its_own_lock_only_and_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let wallet = folder.path().join("wallet.json");
        std::fs::write(&wallet, [7; 64]).unwrap();
        let other_file = folder.path().join("other.json");
        std::fs::write(&other_file, [8; 64]).unwrap();
        let locks = || {
            [
                Lock::key_file(&wallet).unwrap(),
                Lock::passphrase("correct horse battery").unwrap(),
                Lock::key_file(&other_file).unwrap(),
                Lock::passphrase("correct horse batterz").unwrap(),
            ]
        };
        for (number, lock) in locks().iter().enumerate().take(2) {
            let path = folder.path().join(format!("new/folder/{number}.secret"));
            save(&path, &[42; 32], lock).unwrap();
            assert_eq!(*load(&path, lock).unwrap(), [42; 32]);
            for (other, wrong) in locks().iter().enumerate().filter(|(other, _)| *other != number) {
                assert!(
                    matches!(load(&path, wrong), Err(Error::WrongUnlock { .. })),
                    "{number} {other}"
                );
            }
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            }
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(!text.contains(&hex::encode([42; 32])));

            assert!(matches!(save(&path, &[1; 32], lock), Err(Error::File { .. })));
            assert_eq!(*load(&path, lock).unwrap(), [42; 32]);
        }
        // Nothing half-written is left beside them.
        assert_eq!(std::fs::read_dir(folder.path().join("new/folder")).unwrap().count(), 2);
    }

    #[test]
    fn weak_locks_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let short = folder.path().join("short");
        std::fs::write(&short, [1; 31]).unwrap();
        assert!(matches!(Lock::key_file(&short), Err(Error::WeakLock { .. })));
        assert!(matches!(Lock::passphrase("eleven char"), Err(Error::WeakLock { .. })));
        assert!(matches!(
            Lock::key_file(&folder.path().join("none")),
            Err(Error::File { .. })
        ));
        assert_eq!(
            format!("{:?}", Lock::passphrase("correct horse battery").unwrap()),
            "Lock(passphrase, ..)"
        );
    }

    #[test]
    fn a_file_cannot_ask_for_endless_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let text = format!(
            "{{\"version\":1,\"derivation\":\"argon2id\",\"memory_kib\":4294967295,\"passes\":1,\"salt\":\"{}\",\"sealed\":\"{}\"}}",
            "00".repeat(32),
            "00".repeat(48)
        );
        std::fs::write(&path, text).unwrap();
        let lock = Lock::passphrase("correct horse battery").unwrap();
        assert!(matches!(load(&path, &lock), Err(Error::WrongUnlock { .. })));
    }

    proptest! {
        #[test]
        fn a_damaged_file_does_not_open(at in any::<usize>(), bit in 0u8..8) {
            let folder = tempfile::tempdir().unwrap();
            let wallet = folder.path().join("wallet");
            std::fs::write(&wallet, [7; 64]).unwrap();
            let lock = Lock::key_file(&wallet).unwrap();
            let path = folder.path().join("secret");
            save(&path, &[42; 32], &lock).unwrap();
            let mut bytes = std::fs::read(&path).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            std::fs::write(&path, bytes).unwrap();
            if let Ok(secret) = load(&path, &lock) {
                // A digit's case, or a name that is not read.
                prop_assert_eq!(*secret, [42; 32]);
            }
        }
    }
}
