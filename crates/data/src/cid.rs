//! Content identifiers: CIDv1 of raw bytes under SHA-256, written in base32 as IPFS does (`bafkrei...`).

use std::{fmt, str::FromStr};

use data_encoding::{BASE32_NOPAD, DecodeError};
use lumora_core::hash::{Hash, sha256};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// CID version 1, codec `raw` (0x55), multihash `sha2-256` (0x12) of 32 bytes (0x20).
const PREFIX: [u8; 4] = [0x01, 0x55, 0x12, 0x20];
/// The multibase letter of lower-case base32 without padding.
const BASE32_LOWER: char = 'b';

/// Names an object by the SHA-256 of its bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cid(Hash);

/// A text that is not a content identifier this network uses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a content identifier of ours ({why}): expected CIDv1, raw, SHA-256 in base32, which starts with \
     bafkrei and has 59 characters"
)]
pub struct CidError {
    text: String,
    why: &'static str,
}

impl Cid {
    /// The identifier of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha256(&[bytes]))
    }

    /// The identifier of the bytes whose SHA-256 is `digest` (as accounts on chain store it).
    pub const fn from_digest(digest: Hash) -> Self {
        Self(digest)
    }

    /// SHA-256 of the bytes.
    pub const fn digest(&self) -> &Hash {
        &self.0
    }

    /// Whether `bytes` are what this identifier names.
    pub fn names(&self, bytes: &[u8]) -> bool {
        Self::of(bytes) == *self
    }
}

impl fmt::Display for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(PREFIX.len() + self.0.len());
        bytes.extend_from_slice(&PREFIX);
        bytes.extend_from_slice(&self.0);
        write!(f, "{BASE32_LOWER}{}", BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())
    }
}

impl fmt::Debug for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Cid {
    type Err = CidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = |why| CidError {
            text: text.chars().take(80).collect(),
            why,
        };
        let base32 = text
            .strip_prefix(BASE32_LOWER)
            .ok_or_else(|| error("it is not lower-case base32"))?;
        // One object has one name: upper-case spellings are refused, not folded.
        if base32.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(error("it holds upper-case letters"));
        }
        let bytes = BASE32_NOPAD
            .decode(base32.to_ascii_uppercase().as_bytes())
            .map_err(|_: DecodeError| error("it is not base32"))?;
        let digest = bytes
            .strip_prefix(&PREFIX)
            .ok_or_else(|| error("another version, codec or hash"))?;
        Ok(Self(digest.try_into().map_err(|_| error("another length"))?))
    }
}

impl Serialize for Cid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_ipfs_gives() {
        // `printf 'hello world' | ipfs add --cid-version 1 --raw-leaves -Q`, and the well-known empty file.
        assert_eq!(
            Cid::of(b"hello world").to_string(),
            "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"
        );
        assert_eq!(
            Cid::of(b"").to_string(),
            "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
        );
    }

    #[test]
    fn text_reads_back_and_other_texts_are_refused() {
        let cid = Cid::of(b"lumora");
        assert_eq!(cid.to_string().parse::<Cid>().unwrap(), cid);
        for text in [
            "",
            "b",
            "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG",
            "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi",
            "bafkrei!",
        ] {
            assert!(text.parse::<Cid>().is_err(), "{text}");
        }
        assert!(
            cid.to_string()
                .to_uppercase()
                .replacen('B', "b", 1)
                .parse::<Cid>()
                .is_err()
        );
    }
}
