//! Encrypted segments: AES-256-GCM in the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár, 2015).
//!
//! The plaintext is cut into segments of equal size. Segment i is encrypted under the nonce prefix (7 bytes) || i (32
//! bits, big endian) || last (1 byte), so that segments cannot be reordered, dropped from the end or appended without
//! notice, and any of them can be opened by itself. Key and prefix are derived for each stream from the content key and
//! a salt, so one content key may encrypt several streams. AES-GCM does not commit to its key: a ciphertext can
//! be made that opens differently under two keys. The header therefore carries a commitment to the key, and is
//! authenticated with every segment.

use aead_stream::{NewStream, StreamBE32, StreamPrimitive};
use aes_gcm::{Aes256Gcm, KeyInit};
use lumora_core::hash::{Hash, sha256};
use zeroize::Zeroizing;

use crate::{
    error::{Error, Result},
    key::{ContentKey, derive, random_bytes},
};

/// Plaintext bytes in a segment, where nothing else is asked for: 1 MiB.
pub const SEGMENT_SIZE: u32 = 1 << 20;
/// Bytes by which a segment grows in encryption.
pub const TAG_SIZE: u32 = 16;
/// Largest segment that is made or opened, 16 MiB. The size comes from a header that somebody else may have written, and
/// decides how much memory opening takes.
pub const MAX_SEGMENT_SIZE: u32 = 1 << 24;

const VERSION: u8 = 1;
const ENCRYPTION_INFO: &[u8] = b"lumora segment encryption v1";
const NONCE_INFO: &[u8] = b"lumora segment nonce v1";
const COMMITMENT_INFO: &[u8] = b"lumora key commitment v1";

/// What is known of a stream before its segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Different for each stream: random, or a hash of the plaintext under the key.
    pub salt: [u8; 32],
    /// Plaintext bytes in each segment but the last.
    pub segment_size: u32,
    /// Plaintext bytes in all.
    pub plaintext_len: u64,
    /// Derived from key and salt: tells a wrong key, and keeps one ciphertext to one key.
    pub commitment: [u8; 32],
}

impl Header {
    /// Length of an encoded header: version, salt, segment size, plaintext length, commitment.
    pub const ENCODED_LEN: usize = 1 + 32 + 4 + 8 + 32;

    /// The header's bytes, numbers in little endian.
    pub fn encode(&self) -> [u8; Self::ENCODED_LEN] {
        let mut bytes = [0; Self::ENCODED_LEN];
        bytes[0] = VERSION;
        bytes[1..33].copy_from_slice(&self.salt);
        bytes[33..37].copy_from_slice(&self.segment_size.to_le_bytes());
        bytes[37..45].copy_from_slice(&self.plaintext_len.to_le_bytes());
        bytes[45..].copy_from_slice(&self.commitment);
        bytes
    }

    /// Reads a header.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let malformed = |why: &str| Error::Malformed {
            what: "the segment header",
            why: why.to_owned(),
        };
        let bytes: &[u8; Self::ENCODED_LEN] = bytes.try_into().map_err(|_| malformed("it does not have 77 bytes"))?;
        if bytes[0] != VERSION {
            return Err(malformed("it has a version this program does not know"));
        }
        let field = |range: std::ops::Range<usize>| bytes.get(range).unwrap_or_default();
        let header = Self {
            salt: field(1..33).try_into().map_err(|_| malformed("salt"))?,
            segment_size: u32::from_le_bytes(field(33..37).try_into().map_err(|_| malformed("segment size"))?),
            plaintext_len: u64::from_le_bytes(field(37..45).try_into().map_err(|_| malformed("length"))?),
            commitment: field(45..77).try_into().map_err(|_| malformed("commitment"))?,
        };
        if header.segment_size == 0 || header.segment_size > MAX_SEGMENT_SIZE {
            return Err(malformed("segments must have between 1 byte and 16 MiB"));
        }
        header.segment_count().map(|_| header)
    }

    /// Number of segments. Empty data has one, empty, so that its absence is noticed too.
    pub fn segment_count(&self) -> Result<u32> {
        let segments = self.plaintext_len.div_ceil(u64::from(self.segment_size.max(1))).max(1);
        u32::try_from(segments).map_err(|_| Error::TooManySegments {
            bytes: self.plaintext_len,
            segment_size: self.segment_size,
        })
    }

    /// Bytes of segment `index` before encryption.
    pub fn plaintext_len_of(&self, index: u32) -> u64 {
        let size = u64::from(self.segment_size);
        let before = size.saturating_mul(u64::from(index));
        self.plaintext_len.saturating_sub(before).min(size)
    }

    /// Bytes of segment `index` after encryption.
    pub fn ciphertext_len_of(&self, index: u32) -> u64 {
        self.plaintext_len_of(index) + u64::from(TAG_SIZE)
    }
}

/// The cipher of one stream.
struct Stream {
    cipher: StreamBE32<Aes256Gcm>,
    header_hash: Hash,
    segments: u32,
}

impl Stream {
    fn new(key: &ContentKey, header: &Header) -> Result<Self> {
        let encryption_key = Zeroizing::new(derive(key.expose(), &header.salt, ENCRYPTION_INFO));
        let nonce = derive(key.expose(), &header.salt, NONCE_INFO);
        let prefix: [u8; 7] = std::array::from_fn(|i| nonce[i]);
        Ok(Self {
            cipher: StreamBE32::from_aead(Aes256Gcm::new(&(*encryption_key).into()), &prefix.into()),
            header_hash: sha256(&[&header.encode()]),
            segments: header.segment_count()?,
        })
    }

    fn is_last(&self, index: u32) -> bool {
        index.checked_add(1) == Some(self.segments)
    }
}

/// Encrypted data: the header and the segments.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// What the reader needs first.
    pub header: Header,
    /// Ciphertext segments, in order.
    pub segments: Vec<Vec<u8>>,
}

/// Encrypts segments, one at a time and in any order.
pub struct Encryptor {
    stream: Stream,
    header: Header,
}

impl Encryptor {
    /// Prepares to encrypt `plaintext_len` bytes. One key must never see the same salt with two different plaintexts:
    /// `salt` is either random or a hash of the plaintext under the key.
    pub fn new(key: &ContentKey, salt: [u8; 32], segment_size: u32, plaintext_len: u64) -> Result<Self> {
        let header = Header {
            salt,
            segment_size: segment_size.clamp(1, MAX_SEGMENT_SIZE),
            plaintext_len,
            commitment: derive(key.expose(), &salt, COMMITMENT_INFO),
        };
        Ok(Self {
            stream: Stream::new(key, &header)?,
            header,
        })
    }

    /// What the reader needs first.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Encrypts segment `index` in place. Each index is to be used for one plaintext only.
    pub fn seal(&self, index: u32, mut segment: Vec<u8>) -> Result<Vec<u8>> {
        if index >= self.stream.segments || segment.len() as u64 != self.header.plaintext_len_of(index) {
            // A stream that is longer or shorter than was said would not open.
            return Err(Error::SegmentLength { index });
        }
        self.stream
            .cipher
            .encrypt_in_place(
                index,
                self.stream.is_last(index),
                &self.stream.header_hash,
                &mut segment,
            )
            .expect("a segment is far below the 64 GiB that AES-GCM encrypts at most");
        Ok(segment)
    }
}

/// Encrypts `plaintext` with a fresh salt.
pub fn encrypt(key: &ContentKey, plaintext: &[u8], segment_size: u32) -> Result<Sealed> {
    encrypt_with_salt(key, random_bytes()?, plaintext, segment_size)
}

fn encrypt_with_salt(key: &ContentKey, salt: [u8; 32], plaintext: &[u8], segment_size: u32) -> Result<Sealed> {
    let encryptor = Encryptor::new(key, salt, segment_size, plaintext.len() as u64)?;
    let plain = plain_segments(plaintext, encryptor.header.segment_size);
    let segments = (0u32..)
        .zip(plain)
        .map(|(index, segment)| {
            let mut buffer = Vec::with_capacity(segment.len() + TAG_SIZE as usize);
            buffer.extend_from_slice(segment);
            encryptor.seal(index, buffer)
        })
        .collect::<Result<_>>()?;
    Ok(Sealed {
        header: encryptor.header,
        segments,
    })
}

fn plain_segments(plaintext: &[u8], segment_size: u32) -> Vec<&[u8]> {
    if plaintext.is_empty() {
        vec![plaintext]
    } else {
        plaintext.chunks(segment_size as usize).collect()
    }
}

/// Opens segments, one at a time and in any order.
pub struct Decryptor {
    stream: Stream,
    header: Header,
}

impl Decryptor {
    /// Checks that `key` is the one the header commits to.
    pub fn new(key: &ContentKey, header: &Header) -> Result<Self> {
        if derive(key.expose(), &header.salt, COMMITMENT_INFO) != header.commitment {
            return Err(Error::WrongKey);
        }
        Ok(Self {
            stream: Stream::new(key, header)?,
            header: *header,
        })
    }

    /// Number of segments.
    pub fn segment_count(&self) -> u32 {
        self.stream.segments
    }

    /// Decrypts segment `index`.
    pub fn open(&self, index: u32, segment: &[u8]) -> Result<Vec<u8>> {
        let tampered = Error::TamperedSegment { index };
        if index >= self.stream.segments || segment.len() as u64 != self.header.ciphertext_len_of(index) {
            return Err(tampered);
        }
        let mut buffer = segment.to_vec();
        let last = self.stream.is_last(index);
        match self
            .stream
            .cipher
            .decrypt_in_place(index, last, &self.stream.header_hash, &mut buffer)
        {
            Ok(()) => Ok(buffer),
            Err(_) => Err(tampered),
        }
    }
}

/// Decrypts all of a stream.
pub fn decrypt<S: AsRef<[u8]>>(key: &ContentKey, header: &Header, segments: &[S]) -> Result<Vec<u8>> {
    let decryptor = Decryptor::new(key, header)?;
    let expected = u64::from(decryptor.segment_count());
    let found = segments.len() as u64;
    if found != expected {
        return Err(Error::SegmentCount { expected, found });
    }
    let mut plaintext = Vec::new();
    for (index, segment) in (0u32..).zip(segments) {
        plaintext.extend(decryptor.open(index, segment.as_ref())?);
    }
    Ok(plaintext)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use aes_gcm::{
        Nonce,
        aead::{Aead, Payload},
    };
    use proptest::prelude::*;

    use super::*;

    fn key() -> ContentKey {
        ContentKey::from_bytes([42; 32])
    }

    fn sample() -> (Vec<u8>, Sealed) {
        let plaintext: Vec<u8> = (0..1_000u32).map(|i| (i % 251) as u8).collect();
        let sealed = encrypt(&key(), &plaintext, 64).unwrap();
        (plaintext, sealed)
    }

    #[test]
    fn the_segment_is_plain_aes_gcm_under_the_documented_nonce() {
        let sealed = encrypt_with_salt(&key(), [9; 32], b"abcdef", 4).unwrap();
        let cipher = Aes256Gcm::new(&derive(&[42; 32], &[9; 32], ENCRYPTION_INFO).into());
        let prefix = &derive(&[42; 32], &[9; 32], NONCE_INFO)[..7];
        let nonce: [u8; 12] = [prefix, &[0, 0, 0, 1, 1]].concat().try_into().unwrap();
        let aad = sha256(&[&sealed.header.encode()]);
        let expected = cipher
            .encrypt(&Nonce::from(nonce), Payload { msg: b"ef", aad: &aad })
            .unwrap();
        assert_eq!(sealed.segments[1], expected);
        assert_eq!(sealed.segments.len(), 2);
    }

    #[test]
    fn the_same_data_twice_looks_different() {
        let (plaintext, first) = sample();
        let second = encrypt(&key(), &plaintext, 64).unwrap();
        assert_ne!(first.segments[0], second.segments[0]);
    }

    #[test]
    fn a_wrong_key_is_told_before_anything_is_opened() {
        let (_, sealed) = sample();
        let other = ContentKey::from_bytes([43; 32]);
        assert!(matches!(
            decrypt(&other, &sealed.header, &sealed.segments),
            Err(Error::WrongKey)
        ));
        // A header that claims another key's commitment passes that check, and the tags stop it.
        let mut forged = sealed.header;
        forged.commitment = derive(other.expose(), &forged.salt, COMMITMENT_INFO);
        assert!(matches!(
            decrypt(&other, &forged, &sealed.segments),
            Err(Error::TamperedSegment { index: 0 })
        ));
    }

    #[test]
    fn truncation_extension_and_reordering_are_noticed() {
        let (_, sealed) = sample();
        let count = sealed.segments.len();
        assert_eq!(count, 16);

        let cut = &sealed.segments[..count - 1];
        assert!(matches!(
            decrypt(&key(), &sealed.header, cut),
            Err(Error::SegmentCount {
                expected: 16,
                found: 15
            })
        ));
        // The same with a header made to fit: the last flag (and the header's hash) give it away.
        let mut shorter = sealed.header;
        shorter.plaintext_len = 15 * 64;
        assert!(matches!(
            decrypt(&key(), &shorter, cut),
            Err(Error::TamperedSegment { .. })
        ));

        let mut longer = sealed.segments.clone();
        longer.push(longer[0].clone());
        assert!(matches!(
            decrypt(&key(), &sealed.header, &longer),
            Err(Error::SegmentCount { .. })
        ));

        let mut swapped = sealed.segments.clone();
        swapped.swap(2, 3);
        assert!(matches!(
            decrypt(&key(), &sealed.header, &swapped),
            Err(Error::TamperedSegment { index: 2 })
        ));

        let mut short_last = sealed.segments.clone();
        short_last[count - 1].pop();
        assert!(matches!(
            decrypt(&key(), &sealed.header, &short_last),
            Err(Error::TamperedSegment { index: 15 })
        ));
    }

    #[test]
    fn a_stream_is_as_long_as_was_said() {
        let encryptor = Encryptor::new(&key(), [1; 32], 4, 6).unwrap();
        assert_eq!(encryptor.seal(0, b"abcd".to_vec()).unwrap().len(), 20);
        for (index, segment) in [(0, &b"abc"[..]), (1, b"efg"), (2, b"")] {
            let refused = encryptor.seal(index, segment.to_vec());
            assert!(
                matches!(refused, Err(Error::SegmentLength { index: named }) if named == index),
                "{refused:?}"
            );
        }
    }

    #[test]
    fn headers_of_other_versions_and_absurd_sizes_are_refused() {
        let (_, sealed) = sample();
        let bytes = sealed.header.encode();
        assert_eq!(Header::decode(&bytes).unwrap(), sealed.header);
        assert!(Header::decode(&bytes[..76]).is_err());
        let mut version = bytes;
        version[0] = 2;
        assert!(Header::decode(&version).is_err());
        for size in [0, u32::MAX] {
            let header = Header {
                segment_size: size,
                ..sealed.header
            };
            assert!(Header::decode(&header.encode()).is_err());
        }
        let endless = Header {
            plaintext_len: u64::MAX,
            ..sealed.header
        };
        assert!(matches!(
            Header::decode(&endless.encode()),
            Err(Error::TooManySegments { .. })
        ));
    }

    proptest! {
        /// Headers come from strangers: whatever they hold, reading them neither panics nor promises more than is there.
        #[test]
        fn any_bytes_are_a_header_or_an_error(bytes in prop::collection::vec(any::<u8>(), 70..84), version in any::<bool>()) {
            let mut bytes = bytes;
            if version {
                bytes[0] = VERSION;
            }
            if let Ok(header) = Header::decode(&bytes) {
                prop_assert_eq!(&header.encode()[..], &bytes[..]);
                prop_assert!(header.segment_size <= MAX_SEGMENT_SIZE);
                let last = header.segment_count().unwrap() - 1;
                prop_assert!(header.ciphertext_len_of(last) <= u64::from(MAX_SEGMENT_SIZE + TAG_SIZE));
            }
        }

        #[test]
        fn what_goes_in_comes_out(plaintext in prop::collection::vec(any::<u8>(), 0..2_000), size in 1u32..300) {
            let sealed = encrypt(&key(), &plaintext, size).unwrap();
            prop_assert_eq!(sealed.segments.len(), plaintext.len().div_ceil(size as usize).max(1));
            prop_assert_eq!(decrypt(&key(), &sealed.header, &sealed.segments).unwrap(), plaintext);
        }

        #[test]
        fn any_flipped_bit_is_noticed(segment in 0usize..16, position in any::<usize>(), bit in 0u8..8) {
            let (_, mut sealed) = sample();
            let length = sealed.segments[segment].len();
            sealed.segments[segment][position % length] ^= 1 << bit;
            let opened = decrypt(&key(), &sealed.header, &sealed.segments);
            let noticed = matches!(opened, Err(Error::TamperedSegment { index }) if index as usize == segment);
            prop_assert!(noticed, "segment {} was accepted", segment);
        }
    }
}
