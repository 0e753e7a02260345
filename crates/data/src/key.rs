//! Keys: the content key of a dataset or shard result, and wrapping one for a recipient.

use aes_gcm::{
    Aes256Gcm, Nonce,
    aead::{Aead, KeyInit, Payload},
};
use curve25519_dalek::{
    constants::RISTRETTO_BASEPOINT_TABLE as G,
    ristretto::{CompressedRistretto, RistrettoPoint},
    scalar::Scalar,
    traits::IsIdentity,
};
use hkdf::Hkdf;
use rand::TryRng;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::{Error, Result};

const SEALED_KEY_INFO: &[u8] = b"lumora sealed key v1";
const RESULTS_KEY_INFO: &[u8] = b"lumora results key v1";

/// A 256-bit key under which the segments of one dataset or shard result are encrypted. Erased from memory on drop.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct ContentKey([u8; 32]);

impl ContentKey {
    /// A key from the operating system's random numbers.
    pub fn random() -> Result<Self> {
        random_bytes().map(Self)
    }

    /// A key from its bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key's bytes: for a key file of the owner, nothing else.
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What `lumora_core::delivery` derives from the secret that seller and buyer share.
impl From<Zeroizing<[u8; 32]>> for ContentKey {
    fn from(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(*bytes)
    }
}

/// Keys do not appear in logs.
impl std::fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ContentKey(..)")
    }
}

/// Bytes from the operating system's random numbers.
pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    rand::rngs::SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| Error::NoRandomness { why: error.to_string() })?;
    Ok(bytes)
}

/// HKDF-SHA256 to 32 bytes.
pub(crate) fn derive(secret: &[u8], salt: &[u8], info: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    // RFC 5869 allows up to 255 * 32 bytes of output.
    Hkdf::<Sha256>::new(Some(salt), secret)
        .expand(info, &mut key)
        .expect("32 bytes are within the limit of HKDF");
    key
}

/// Where shard results are sent: the client's point in the ristretto group, the group of the market's deliveries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ResultsPublicKey(CompressedRistretto);

/// The scalar behind a [`ResultsPublicKey`]. Erased from memory on drop.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct ResultsSecretKey(Scalar);

impl ResultsSecretKey {
    /// A key from the operating system's random numbers.
    pub fn random() -> Result<Self> {
        Ok(Self::from_seed(&random_bytes()?))
    }

    /// The key that belongs to `seed`, a secret of 32 random bytes (a wallet's seed, say: the derivation is one-way and
    /// has a label of its own).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let mut wide = Zeroizing::new([0; 64]);
        Hkdf::<Sha256>::new(None, seed)
            .expand(RESULTS_KEY_INFO, wide.as_mut_slice())
            .expect("64 bytes are within the limit of HKDF");
        Self(Scalar::from_bytes_mod_order_wide(&wide))
    }

    /// The public key.
    pub fn public(&self) -> ResultsPublicKey {
        ResultsPublicKey((G * &self.0).compress())
    }
}

impl ResultsPublicKey {
    /// Reads a compressed point, refusing the identity and anything that is not the canonical encoding of a point.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self> {
        let compressed = CompressedRistretto(bytes);
        match compressed.decompress() {
            Some(point) if !point.is_identity() => Ok(Self(compressed)),
            _ => Err(Error::NotAPoint),
        }
    }

    /// The compressed point.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    fn point(&self) -> Result<RistrettoPoint> {
        self.0.decompress().ok_or(Error::NotAPoint)
    }
}

impl std::str::FromStr for ResultsPublicKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| Error::NotAPoint)?;
        Self::from_bytes(bytes)
    }
}

impl std::fmt::Display for ResultsPublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0.as_bytes()))
    }
}

impl Serialize for ResultsPublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ResultsPublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A content key that only one recipient can read: hashed ElGamal (ECIES) over ristretto255.
///
/// The sender draws e and sends R = e*G. Both sides know the point e*P = p*R; HKDF-SHA256 of it, salted with R and P,
/// is a key that is used once, for AES-256-GCM of the content key. `context` (what the key is for) is authenticated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SealedKey {
    ephemeral: [u8; 32],
    /// 32 bytes of key and the 16 of the tag.
    wrapped: [u8; 48],
}

impl SealedKey {
    /// Wraps `key` for `recipient`.
    pub fn seal(key: &ContentKey, recipient: &ResultsPublicKey, context: &[u8]) -> Result<Self> {
        let ephemeral = ResultsSecretKey::random()?;
        let sent = ephemeral.public();
        let shared = Zeroizing::new((recipient.point()? * ephemeral.0).compress().to_bytes());
        let wrapped = wrapping_cipher(&shared, &sent, recipient)
            .encrypt(
                &single_use_nonce(),
                Payload {
                    msg: key.expose(),
                    aad: context,
                },
            )
            .ok()
            .and_then(|wrapped| wrapped.try_into().ok())
            .expect("AES-GCM encrypts any 32 bytes to 48");
        Ok(Self {
            ephemeral: *sent.as_bytes(),
            wrapped,
        })
    }

    /// Unwraps the key, or says that it was sealed for somebody else, for something else, or was changed.
    pub fn open(&self, secret: &ResultsSecretKey, context: &[u8]) -> Result<ContentKey> {
        let sent = ResultsPublicKey::from_bytes(self.ephemeral)?;
        let shared = Zeroizing::new((sent.point()? * secret.0).compress().to_bytes());
        let key = wrapping_cipher(&shared, &sent, &secret.public())
            .decrypt(
                &single_use_nonce(),
                Payload {
                    msg: &self.wrapped,
                    aad: context,
                },
            )
            .map_err(|_| Error::NotSealedForUs)?;
        let key = Zeroizing::new(key);
        Ok(ContentKey(
            key.as_slice().try_into().map_err(|_| Error::NotSealedForUs)?,
        ))
    }
}

fn wrapping_cipher(shared: &[u8; 32], sent: &ResultsPublicKey, recipient: &ResultsPublicKey) -> Aes256Gcm {
    let mut salt = [0; 64];
    salt[..32].copy_from_slice(sent.as_bytes());
    salt[32..].copy_from_slice(recipient.as_bytes());
    let key = Zeroizing::new(derive(shared, &salt, SEALED_KEY_INFO));
    Aes256Gcm::new(&(*key).into())
}

/// The wrapping key depends on a fresh ephemeral point and encrypts one message, so a fixed nonce never repeats.
fn single_use_nonce() -> Nonce<aes_gcm::aead::consts::U12> {
    Nonce::default()
}

impl Serialize for SealedKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{}{}", hex::encode(self.ephemeral), hex::encode(self.wrapped)))
    }
}

impl<'de> Deserialize<'de> for SealedKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let mut bytes = [0; 80];
        hex::decode_to_slice(String::deserialize(deserializer)?, &mut bytes)
            .map_err(|_| de::Error::custom("a sealed key is 80 bytes in hexadecimal"))?;
        let mut sealed = Self {
            ephemeral: [0; 32],
            wrapped: [0; 48],
        };
        sealed.ephemeral.copy_from_slice(&bytes[..32]);
        sealed.wrapped.copy_from_slice(&bytes[32..]);
        Ok(sealed)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_the_recipient_opens_and_only_in_context() {
        let client = ResultsSecretKey::random().unwrap();
        let key = ContentKey::random().unwrap();
        let sealed = SealedKey::seal(&key, &client.public(), b"job 1, shard 2").unwrap();
        assert!(sealed.open(&client, b"job 1, shard 2").unwrap() == key);
        assert!(matches!(
            sealed.open(&client, b"job 1, shard 3"),
            Err(Error::NotSealedForUs)
        ));
        let other = ResultsSecretKey::random().unwrap();
        assert!(matches!(
            sealed.open(&other, b"job 1, shard 2"),
            Err(Error::NotSealedForUs)
        ));

        let text = serde_json::to_string(&sealed).unwrap();
        let read: SealedKey = serde_json::from_str(&text).unwrap();
        assert_eq!(read, sealed);
        for index in 0..80 {
            let mut bent = sealed.clone();
            if index < 32 {
                bent.ephemeral[index] ^= 1
            } else {
                bent.wrapped[index - 32] ^= 1
            }
            assert!(bent.open(&client, b"job 1, shard 2").is_err(), "byte {index}");
        }
    }

    #[test]
    fn the_identity_and_wild_points_are_refused() {
        // With the identity as recipient everybody knows the shared point.
        assert!(matches!(ResultsPublicKey::from_bytes([0; 32]), Err(Error::NotAPoint)));
        assert!(matches!(
            ResultsPublicKey::from_bytes([0xff; 32]),
            Err(Error::NotAPoint)
        ));
        assert!("abcd".parse::<ResultsPublicKey>().is_err());
        let public = ResultsSecretKey::from_seed(&[7; 32]).public();
        assert_eq!(public.to_string().parse::<ResultsPublicKey>().unwrap(), public);
    }

    #[test]
    fn keys_are_not_printed() {
        assert_eq!(format!("{:?}", ContentKey::from_bytes([7; 32])), "ContentKey(..)");
    }
}
