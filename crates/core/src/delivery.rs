//! The proof that a buyer gets the right key in the step in which the money moves.
//!
//! Group: ristretto255 with base point G and a second generator H whose discrete logarithm nobody knows.
//! The seller's secret is s and P = s*G is in the listing; the content key is derived from s*H. The buyer
//! locked B = b*G. A delivery is R = r*G, E = s*H + r*B and a proof of knowledge of (s, r) such that P, R and E
//! all hold at once: a conjunction of Schnorr proofs with one challenge (Okamoto's and Maurer's generalised
//! sigma protocol), made non-interactive by hashing everything that it is bound to (Fiat-Shamir, strong form).
//! Only who knows b can take r*B off E, so the chain may publish E and R.
//!
//! The program calls [`verify`] with Solana's curve syscalls; the seller, the buyer and tests use [`dalek`].

#[cfg(feature = "dalek")]
pub mod dalek;
mod scalar;

use crate::hash::{Hash, sha256};

pub use scalar::Scalar;

/// First bytes of every transcript. A change of the protocol changes this text.
const TRANSCRIPT_DOMAIN: &[u8] = b"lumora delivery proof v1";

/// The text that [`SECOND_GENERATOR`] is hashed from: SHA-512, then ristretto255's one-way map (RFC 9496, 4.3.4).
pub const SECOND_GENERATOR_SEED: &[u8] = b"lumora delivery second generator v1";

/// G, the standard base point of ristretto255 (RFC 9496, A.1).
pub const BASE_POINT: Point = Point([
    0xe2, 0xf2, 0xae, 0x0a, 0x6a, 0xbc, 0x4e, 0x71, 0xa8, 0x84, 0xa9, 0x61, 0xc5, 0x00, 0x51, 0x5f, 0x58, 0xe3, 0x0b,
    0x6a, 0xa5, 0x82, 0xdd, 0x8d, 0xb6, 0xa6, 0x59, 0x45, 0xe0, 0x8d, 0x2d, 0x76,
]);

/// H. Made from [`SECOND_GENERATOR_SEED`], so that nobody knows its logarithm to the base G; a test repeats it.
pub const SECOND_GENERATOR: Point = Point([
    0x10, 0x25, 0x99, 0x25, 0x58, 0xd6, 0x59, 0xb3, 0x82, 0x56, 0x4b, 0x66, 0x69, 0xcf, 0x8f, 0x71, 0x93, 0xf8, 0x33,
    0x5c, 0x98, 0x4e, 0x62, 0xfa, 0xe3, 0xe0, 0x0f, 0x72, 0x50, 0x28, 0xa0, 0x45,
]);

/// A ristretto255 element in its canonical 32-byte encoding. Not checked by itself: see [`Point::is_key`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Point(pub [u8; 32]);

impl Point {
    /// The identity has exactly one canonical encoding: zeros.
    pub const IDENTITY: Self = Self([0; 32]);

    /// Whether this can be somebody's public key: a canonical encoding of an element other than the identity.
    pub fn is_key<G: Ristretto>(&self) -> bool {
        *self != Self::IDENTITY && G::is_canonical(self)
    }
}

/// The operations that [`verify`] needs of ristretto255: syscalls on chain, curve25519-dalek elsewhere.
pub trait Ristretto {
    /// Whether the bytes are the canonical encoding of an element.
    fn is_canonical(point: &Point) -> bool;

    /// The sum of scalar times point. `None` when a point or a scalar is not canonical. Both slices have the same
    /// length. May take variable time: it only ever sees public values.
    fn multiscalar(scalars: &[Scalar], points: &[Point]) -> Option<Point>;
}

/// What a delivery is bound to, so that a proof made for one purchase is worth nothing for another.
#[derive(Clone, Copy, Debug)]
pub struct Sale<'a> {
    /// Network id of the registry: keeps a proof made on a test network off the real one.
    pub network: &'a [u8; 32],
    /// Address of the market program.
    pub program: &'a [u8; 32],
    /// Address of the listing account.
    pub listing: &'a [u8; 32],
    /// Address of the purchase account.
    pub purchase: &'a [u8; 32],
    /// Wallet that pays.
    pub buyer: &'a [u8; 32],
    /// P, from the listing.
    pub listing_key: &'a Point,
    /// B, from the purchase.
    pub buyer_key: &'a Point,
}

/// What the seller sends. The program stores the two points; the proof is not needed once it was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// R = r*G.
    pub ephemeral: Point,
    /// E = s*H + r*B.
    pub sealed: Point,
    /// That these two are right.
    pub proof: Proof,
}

/// The challenge and the two responses of the sigma protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// c: the first 128 bits of the transcript's SHA-256, little-endian when read as a number.
    pub challenge: [u8; 16],
    /// z1 = a + c*s.
    pub secret_response: Scalar,
    /// z2 = k + c*r.
    pub ephemeral_response: Scalar,
}

impl Proof {
    /// Length of [`Self::to_bytes`].
    pub const LENGTH: usize = 80;

    /// challenge, secret_response, ephemeral_response.
    pub fn to_bytes(&self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes[..16].copy_from_slice(&self.challenge);
        bytes[16..48].copy_from_slice(&self.secret_response.0);
        bytes[48..].copy_from_slice(&self.ephemeral_response.0);
        bytes
    }

    /// The reverse of [`Self::to_bytes`]; whether the scalars are canonical is checked by [`verify`].
    pub fn from_bytes(bytes: &[u8; Self::LENGTH]) -> Self {
        let mut proof = Self {
            challenge: [0; 16],
            secret_response: Scalar([0; 32]),
            ephemeral_response: Scalar([0; 32]),
        };
        proof.challenge.copy_from_slice(&bytes[..16]);
        proof.secret_response.0.copy_from_slice(&bytes[16..48]);
        proof.ephemeral_response.0.copy_from_slice(&bytes[48..]);
        proof
    }
}

/// Why a delivery was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryError {
    /// P, B, R or E is the identity, which would make the key public or the proof empty.
    IdentityPoint,
    /// P, B, R or E is not the canonical encoding of a ristretto255 element.
    InvalidPoint,
    /// A response is not below the order of the group: the same proof in a second encoding.
    NonCanonicalScalar,
    /// Well-formed, but not a proof of this statement.
    WrongProof,
}

impl core::fmt::Display for DeliveryError {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str(match self {
            Self::IdentityPoint => "a point of the delivery is the identity; draw new randomness and prove again",
            Self::InvalidPoint => "a point of the delivery is not a canonical ristretto255 encoding",
            Self::NonCanonicalScalar => "a response of the proof is not below the group order; reduce it",
            Self::WrongProof => "the proof does not hold for this listing, purchase, buyer and these points",
        })
    }
}

impl core::error::Error for DeliveryError {}

/// Accepts a delivery only if it gives the buyer of `sale`, and nobody else, the key of the listing.
pub fn verify<G: Ristretto>(sale: &Sale, delivery: &Delivery) -> Result<(), DeliveryError> {
    let (p, b) = (*sale.listing_key, *sale.buyer_key);
    let (r, e) = (delivery.ephemeral, delivery.sealed);
    if [p, b, r, e].contains(&Point::IDENTITY) {
        return Err(DeliveryError::IdentityPoint);
    }
    let Proof {
        challenge,
        secret_response: z1,
        ephemeral_response: z2,
    } = delivery.proof;
    if !z1.is_canonical() || !z2.is_canonical() {
        return Err(DeliveryError::NonCanonicalScalar);
    }
    let minus_c = Scalar::minus_challenge(&challenge);
    let commitments = [
        G::multiscalar(&[z1, minus_c], &[BASE_POINT, p]),
        G::multiscalar(&[z2, minus_c], &[BASE_POINT, r]),
        G::multiscalar(&[z1, z2, minus_c], &[SECOND_GENERATOR, b, e]),
    ];
    let [Some(t1), Some(t2), Some(t3)] = commitments else {
        return Err(DeliveryError::InvalidPoint);
    };
    if challenge_of(sale, &r, &e, &[t1, t2, t3]) == challenge {
        Ok(())
    } else {
        Err(DeliveryError::WrongProof)
    }
}

/// c. Every part has a fixed length, so the concatenation can be read in one way only.
fn challenge_of(sale: &Sale, r: &Point, e: &Point, commitments: &[Point; 3]) -> [u8; 16] {
    let hash: Hash = sha256(&[
        TRANSCRIPT_DOMAIN,
        sale.network,
        sale.program,
        sale.listing,
        sale.purchase,
        sale.buyer,
        &sale.listing_key.0,
        &r.0,
        &sale.buyer_key.0,
        &e.0,
        &commitments[0].0,
        &commitments[1].0,
        &commitments[2].0,
    ]);
    let mut challenge = [0; 16];
    challenge.copy_from_slice(&hash[..16]);
    challenge
}
