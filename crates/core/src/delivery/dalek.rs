//! Both ends of a delivery off chain: the seller proves, the buyer opens. Secrets are wiped when dropped, and all
//! arithmetic on them takes constant time.

use curve25519_dalek::{
    RistrettoPoint, Scalar as DalekScalar, constants::RISTRETTO_BASEPOINT_TABLE, ristretto::CompressedRistretto,
    traits::VartimeMultiscalarMul,
};
use hkdf::Hkdf;
use sha2::{Digest, Sha256, Sha512};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{Delivery, DeliveryError, Point, Proof, Ristretto, SECOND_GENERATOR, Sale, Scalar, challenge_of, verify};

/// Separates the hash that draws the prover's randomness from every other use of the secret.
const NONCE_DOMAIN: &[u8] = b"lumora delivery nonce v1";

/// HKDF's info for the content key of a dataset.
const CONTENT_KEY_INFO: &[u8] = b"lumora content key v1";

/// ristretto255 by curve25519-dalek.
pub struct Dalek;

impl Ristretto for Dalek {
    fn is_canonical(point: &Point) -> bool {
        CompressedRistretto(point.0).decompress().is_some()
    }

    fn multiscalar(scalars: &[Scalar], points: &[Point]) -> Option<Point> {
        let mut canonical = alloc::vec::Vec::with_capacity(scalars.len());
        for scalar in scalars {
            canonical.push(Option::<DalekScalar>::from(DalekScalar::from_canonical_bytes(
                scalar.0,
            ))?);
        }
        let points = points.iter().map(|point| CompressedRistretto(point.0).decompress());
        Some(encode(&RistrettoPoint::optional_multiscalar_mul(canonical, points)?))
    }
}

/// The seller's secret s of one dataset. Losing it means that no copy of the dataset can be sold any more.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct ListingSecret(DalekScalar);

/// The buyer's secret b of one purchase. Losing it means that the delivery cannot be opened.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct BuyerSecret(DalekScalar);

/// s*H: what the content key is derived from.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SharedSecret([u8; 32]);

macro_rules! secret {
    ($name:ident) => {
        impl $name {
            /// A secret from 64 bytes of the operating system's randomness.
            pub fn from_entropy(entropy: &[u8; 64]) -> Self {
                Self(DalekScalar::from_bytes_mod_order_wide(entropy))
            }

            /// A stored secret. `None` when the bytes are not a canonical scalar or are zero.
            pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
                let scalar = Option::<DalekScalar>::from(DalekScalar::from_canonical_bytes(*bytes))?;
                (scalar != DalekScalar::ZERO).then_some(Self(scalar))
            }

            /// For storing it. The copy is wiped when dropped.
            pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
                Zeroizing::new(self.0.to_bytes())
            }

            /// The public point: the secret times G.
            pub fn public(&self) -> Point {
                encode(&(&self.0 * RISTRETTO_BASEPOINT_TABLE))
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                formatter.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}
secret!(ListingSecret);
secret!(BuyerSecret);

impl ListingSecret {
    /// s*H, from which the dataset is encrypted in the first place.
    pub fn shared(&self) -> SharedSecret {
        SharedSecret((self.0 * second_generator()).compress().to_bytes())
    }
}

impl SharedSecret {
    /// The AES-256 key of the dataset with this id: HKDF-SHA256 (RFC 5869) of s*H, salted with the id.
    pub fn content_key(&self, dataset_id: &[u8; 32]) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(Some(dataset_id), &self.0)
            .expand(CONTENT_KEY_INFO, key.as_mut())
            .expect("32 bytes are far below HKDF-SHA256's limit of 8,160");
        key
    }

    /// The 32-byte encoding of the point.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Makes the delivery for one sale. `entropy` is 32 bytes of randomness; the nonces are hashed from it together with
/// the secret and the sale, so that a weak random generator cannot give the secret away (RFC 6979's idea, hedged).
pub fn prove(secret: &ListingSecret, sale: &Sale, entropy: &[u8; 32]) -> Result<Delivery, DeliveryError> {
    let buyer_key = decode(sale.buyer_key)?;
    let nonce = |label: u8| Zeroizing::new(draw_nonce(secret, sale, entropy, label));
    let (r, a, k) = (nonce(0), nonce(1), nonce(2));

    let ephemeral = encode(&(&*r * RISTRETTO_BASEPOINT_TABLE));
    let sealed = encode(&(secret.0 * second_generator() + *r * buyer_key));
    let commitments = [
        encode(&(&*a * RISTRETTO_BASEPOINT_TABLE)),
        encode(&(&*k * RISTRETTO_BASEPOINT_TABLE)),
        encode(&(*a * second_generator() + *k * buyer_key)),
    ];
    let challenge = challenge_of(sale, &ephemeral, &sealed, &commitments);
    let c = DalekScalar::from(u128::from_le_bytes(challenge));
    let delivery = Delivery {
        ephemeral,
        sealed,
        proof: Proof {
            challenge,
            secret_response: Scalar((*a + c * secret.0).to_bytes()),
            ephemeral_response: Scalar((*k + c * *r).to_bytes()),
        },
    };
    // Catches a secret that is not the listing's, before a transaction is paid for.
    verify::<Dalek>(sale, &delivery)?;
    Ok(delivery)
}

/// Takes the seal off: s*H = E - b*R.
pub fn open(secret: &BuyerSecret, ephemeral: &Point, sealed: &Point) -> Result<SharedSecret, DeliveryError> {
    let shared = decode(sealed)? - secret.0 * decode(ephemeral)?;
    Ok(SharedSecret(shared.compress().to_bytes()))
}

fn draw_nonce(secret: &ListingSecret, sale: &Sale, entropy: &[u8; 32], label: u8) -> DalekScalar {
    let mut hasher = Sha512::new();
    hasher.update(NONCE_DOMAIN);
    hasher.update([label]);
    hasher.update(secret.to_bytes().as_slice());
    hasher.update(entropy);
    for part in [sale.network, sale.program, sale.listing, sale.purchase, sale.buyer] {
        hasher.update(part);
    }
    hasher.update(sale.listing_key.0);
    hasher.update(sale.buyer_key.0);
    let mut wide = Zeroizing::new([0; 64]);
    wide.copy_from_slice(&hasher.finalize());
    DalekScalar::from_bytes_mod_order_wide(&wide)
}

fn second_generator() -> RistrettoPoint {
    CompressedRistretto(SECOND_GENERATOR.0)
        .decompress()
        .expect("the constant is a canonical encoding; a test checks it")
}

fn decode(point: &Point) -> Result<RistrettoPoint, DeliveryError> {
    if *point == Point::IDENTITY {
        return Err(DeliveryError::IdentityPoint);
    }
    CompressedRistretto(point.0)
        .decompress()
        .ok_or(DeliveryError::InvalidPoint)
}

fn encode(point: &RistrettoPoint) -> Point {
    Point(point.compress().to_bytes())
}
