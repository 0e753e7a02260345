//! A prover that can lie, written from docs/delivery.md and not from the code, so that it checks that too.

use curve25519_dalek::{
    RistrettoPoint, Scalar as DalekScalar, constants::RISTRETTO_BASEPOINT_POINT as G, ristretto::CompressedRistretto,
};
use lumora_core::delivery::{SECOND_GENERATOR, Sale, Scalar};
use sha2::{Digest, Sha256};

use super::*;

/// What goes into a delivery. An honest seller's `secret` and `sealed_secret` are one, and so are the two ephemerals.
#[derive(Clone, Copy)]
pub(super) struct Witness {
    /// What is proved to be the secret behind P.
    pub secret: DalekScalar,
    /// What E carries.
    pub sealed_secret: DalekScalar,
    /// What R is made of.
    pub ephemeral: DalekScalar,
    /// What E is sealed with.
    pub sealing: DalekScalar,
    /// a and k.
    pub nonces: [DalekScalar; 2],
}

impl Witness {
    pub fn honest(secret: DalekScalar, ephemeral: DalekScalar, nonces: [DalekScalar; 2]) -> Self {
        Self {
            secret,
            sealed_secret: secret,
            ephemeral,
            sealing: ephemeral,
            nonces,
        }
    }

    /// A delivery that is right in every respect in which this witness is.
    pub fn prove(&self, sale: &Sale) -> Delivery {
        let (h, b) = (decode(&SECOND_GENERATOR), decode(sale.buyer_key));
        let [a, k] = self.nonces;
        let ephemeral = encode(&(self.ephemeral * G));
        let sealed = encode(&(self.sealed_secret * h + self.sealing * b));
        let mut hasher = Sha256::new();
        hasher.update(b"lumora delivery proof v1");
        for part in [sale.network, sale.program, sale.listing, sale.purchase, sale.buyer] {
            hasher.update(part);
        }
        for point in [*sale.listing_key, ephemeral, *sale.buyer_key, sealed] {
            hasher.update(point.0);
        }
        for commitment in [a * G, k * G, a * h + k * b] {
            hasher.update(encode(&commitment).0);
        }
        let challenge: [u8; 16] = hasher.finalize()[..16].try_into().unwrap();
        let c = DalekScalar::from(u128::from_le_bytes(challenge));
        Delivery {
            ephemeral,
            sealed,
            proof: Proof {
                challenge,
                secret_response: Scalar((a + c * self.secret).to_bytes()),
                ephemeral_response: Scalar((k + c * self.ephemeral).to_bytes()),
            },
        }
    }
}

pub(super) fn encode(point: &RistrettoPoint) -> Point {
    Point(point.compress().to_bytes())
}

pub(super) fn decode(point: &Point) -> RistrettoPoint {
    CompressedRistretto(point.0).decompress().expect("a valid encoding")
}
