//! The delivery protocol between a seller, a buyer and a verifier, and the vectors that TypeScript checks as well.
#![allow(clippy::unwrap_used)]

use curve25519_dalek::{
    RistrettoPoint, Scalar as DalekScalar, constants::RISTRETTO_BASEPOINT_POINT, ristretto::CompressedRistretto,
};
use lumora_core::delivery::{
    BASE_POINT, Delivery, DeliveryError, Point, Proof, SECOND_GENERATOR, SECOND_GENERATOR_SEED, Sale, Scalar,
    dalek::{BuyerSecret, Dalek, ListingSecret, open, prove},
    verify,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256, Sha512};

struct Parties {
    seller: ListingSecret,
    buyer: BuyerSecret,
    listing_key: Point,
    buyer_key: Point,
    addresses: [[u8; 32]; 5],
}

impl Parties {
    fn new(seed: u8) -> Self {
        let seller = ListingSecret::from_entropy(&[seed; 64]);
        let buyer = BuyerSecret::from_entropy(&[seed ^ 0xff; 64]);
        let (listing_key, buyer_key) = (seller.public(), buyer.public());
        let addresses = core::array::from_fn(|index| [seed.wrapping_add(index as u8).wrapping_mul(7); 32]);
        Self {
            seller,
            buyer,
            listing_key,
            buyer_key,
            addresses,
        }
    }

    fn sale(&self) -> Sale<'_> {
        let [network, program, listing, purchase, buyer] = &self.addresses;
        Sale {
            network,
            program,
            listing,
            purchase,
            buyer,
            listing_key: &self.listing_key,
            buyer_key: &self.buyer_key,
        }
    }

    fn deliver(&self) -> Delivery {
        prove(&self.seller, &self.sale(), &[9; 32]).unwrap()
    }
}

#[test]
fn the_generators_are_what_they_say() {
    let h = RistrettoPoint::hash_from_bytes::<Sha512>(SECOND_GENERATOR_SEED).compress();
    assert_eq!(hex::encode(SECOND_GENERATOR.0), hex::encode(h.to_bytes()));
    assert_eq!(
        BASE_POINT.0,
        curve25519_dalek::constants::RISTRETTO_BASEPOINT_COMPRESSED.to_bytes()
    );
}

#[test]
fn the_buyer_opens_what_the_verifier_accepts_and_nobody_else_does() {
    let parties = Parties::new(1);
    let delivery = parties.deliver();
    assert_eq!(verify::<Dalek>(&parties.sale(), &delivery), Ok(()));
    let opened = open(&parties.buyer, &delivery.ephemeral, &delivery.sealed).unwrap();
    assert_eq!(opened.as_bytes(), parties.seller.shared().as_bytes());
    assert_eq!(
        *opened.content_key(&[3; 32]),
        *parties.seller.shared().content_key(&[3; 32])
    );
    assert_ne!(*opened.content_key(&[3; 32]), *opened.content_key(&[4; 32]));

    let stranger = BuyerSecret::from_entropy(&[77; 64]);
    let wrong = open(&stranger, &delivery.ephemeral, &delivery.sealed).unwrap();
    assert_ne!(wrong.as_bytes(), opened.as_bytes());
}

#[test]
fn every_flipped_bit_is_refused() {
    let parties = Parties::new(2);
    let delivery = parties.deliver();
    let mut bytes = [0u8; 144];
    bytes[..32].copy_from_slice(&delivery.ephemeral.0);
    bytes[32..64].copy_from_slice(&delivery.sealed.0);
    bytes[64..].copy_from_slice(&delivery.proof.to_bytes());
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes;
        flipped[bit / 8] ^= 1 << (bit % 8);
        let tampered = Delivery {
            ephemeral: Point(flipped[..32].try_into().unwrap()),
            sealed: Point(flipped[32..64].try_into().unwrap()),
            proof: Proof::from_bytes(flipped[64..].try_into().unwrap()),
        };
        assert!(verify::<Dalek>(&parties.sale(), &tampered).is_err(), "bit {bit}");
    }
}

#[test]
fn a_proof_is_bound_to_everything_in_its_sale() {
    let parties = Parties::new(3);
    let delivery = parties.deliver();
    for part in 0..5 {
        let mut other = Parties::new(3);
        other.addresses[part][31] ^= 1;
        assert_eq!(
            verify::<Dalek>(&other.sale(), &delivery),
            Err(DeliveryError::WrongProof),
            "address {part}"
        );
    }
    let mut other = Parties::new(3);
    other.listing_key = Parties::new(4).listing_key;
    assert_eq!(
        verify::<Dalek>(&other.sale(), &delivery),
        Err(DeliveryError::WrongProof)
    );
    let mut other = Parties::new(3);
    other.buyer_key = Parties::new(4).buyer_key;
    assert_eq!(
        verify::<Dalek>(&other.sale(), &delivery),
        Err(DeliveryError::WrongProof)
    );
}

#[test]
fn a_seller_without_the_secret_cannot_prove() {
    let parties = Parties::new(5);
    let impostor = ListingSecret::from_entropy(&[50; 64]);
    assert_eq!(
        prove(&impostor, &parties.sale(), &[0; 32]),
        Err(DeliveryError::WrongProof)
    );
}

#[test]
fn identities_and_second_encodings_are_refused() {
    let parties = Parties::new(6);
    let good = parties.deliver();
    let refused = |delivery: Delivery| verify::<Dalek>(&parties.sale(), &delivery).unwrap_err();

    assert_eq!(
        refused(Delivery {
            ephemeral: Point::IDENTITY,
            ..good
        }),
        DeliveryError::IdentityPoint
    );
    assert_eq!(
        refused(Delivery {
            sealed: Point::IDENTITY,
            ..good
        }),
        DeliveryError::IdentityPoint
    );
    assert_eq!(
        refused(Delivery {
            sealed: Point([0xff; 32]),
            ..good
        }),
        DeliveryError::InvalidPoint
    );
    // The order of the group plus the response: the same number, written differently.
    let order: [u8; 32] = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
        .unwrap()
        .try_into()
        .unwrap();
    let mut sum = [0u8; 32];
    let mut carry = 0u16;
    for (index, byte) in sum.iter_mut().enumerate() {
        let total = u16::from(good.proof.secret_response.0[index]) + u16::from(order[index]) + carry;
        *byte = total as u8;
        carry = total >> 8;
    }
    let malleable = Proof {
        secret_response: Scalar(sum),
        ..good.proof
    };
    assert_eq!(
        refused(Delivery {
            proof: malleable,
            ..good
        }),
        DeliveryError::NonCanonicalScalar
    );

    let mut nobody = Parties::new(6);
    nobody.buyer_key = Point::IDENTITY;
    assert_eq!(
        prove(&nobody.seller, &nobody.sale(), &[0; 32]),
        Err(DeliveryError::IdentityPoint)
    );
    assert!(!Point::IDENTITY.is_key::<Dalek>());
    assert!(!Point([0xff; 32]).is_key::<Dalek>());
    assert!(parties.buyer_key.is_key::<Dalek>());
}

#[test]
fn equal_entropy_for_two_sales_does_not_repeat_a_nonce() {
    let mut parties = Parties::new(7);
    let first = parties.deliver();
    parties.addresses[3][0] ^= 1;
    assert_ne!(first.ephemeral, parties.deliver().ephemeral);
}

#[test]
fn stored_secrets_come_back_and_bad_ones_do_not() {
    let secret = ListingSecret::from_entropy(&[8; 64]);
    assert_eq!(
        ListingSecret::from_bytes(&secret.to_bytes()).unwrap().public(),
        secret.public()
    );
    assert!(ListingSecret::from_bytes(&[0; 32]).is_none());
    assert!(ListingSecret::from_bytes(&[0xff; 32]).is_none());
}

/// The scalars r, a and k of a delivery, hashed as docs/delivery.md says.
fn nonces(parties: &Parties, entropy: &[u8; 32]) -> [DalekScalar; 3] {
    [0u8, 1, 2].map(|label| {
        let mut hasher = Sha512::new();
        hasher.update(b"lumora delivery nonce v1");
        hasher.update([label]);
        hasher.update(*parties.seller.to_bytes());
        hasher.update(entropy);
        for part in &parties.addresses {
            hasher.update(part);
        }
        hasher.update(parties.listing_key.0);
        hasher.update(parties.buyer_key.0);
        DalekScalar::from_hash(hasher)
    })
}

fn scalar(bytes: &[u8; 32]) -> DalekScalar {
    Option::from(DalekScalar::from_canonical_bytes(*bytes)).unwrap()
}

/// T1, T2 and T3 as the verifier computes them.
fn commitments(parties: &Parties, delivery: &Delivery) -> [RistrettoPoint; 3] {
    let point = |point: &Point| CompressedRistretto(point.0).decompress().unwrap();
    let (z1, z2) = (
        scalar(&delivery.proof.secret_response.0),
        scalar(&delivery.proof.ephemeral_response.0),
    );
    let c = DalekScalar::from(u128::from_le_bytes(delivery.proof.challenge));
    [
        z1 * point(&BASE_POINT) - c * point(&parties.listing_key),
        z2 * point(&BASE_POINT) - c * point(&delivery.ephemeral),
        z1 * point(&SECOND_GENERATOR) + z2 * point(&parties.buyer_key) - c * point(&delivery.sealed),
    ]
}

/// All that the challenge is hashed of, in its order.
fn transcript(parties: &Parties, delivery: &Delivery) -> Vec<u8> {
    let mut bytes = b"lumora delivery proof v1".to_vec();
    for part in &parties.addresses {
        bytes.extend(part);
    }
    for point in [
        parties.listing_key,
        delivery.ephemeral,
        parties.buyer_key,
        delivery.sealed,
    ] {
        bytes.extend(point.0);
    }
    for commitment in commitments(parties, delivery) {
        bytes.extend(commitment.compress().to_bytes());
    }
    bytes
}

/// What the argument for soundness rests on: a prover that can answer two challenges to one commitment knows s and r. It is
/// also why a seller must never use its nonces twice.
#[test]
fn two_answers_to_one_commitment_give_the_secrets_away() {
    let parties = Parties::new(20);
    let (s, [r, a, k]) = (scalar(&parties.seller.to_bytes()), nonces(&parties, &[9; 32]));
    let delivery = parties.deliver();
    let first = DalekScalar::from(u128::from_le_bytes(delivery.proof.challenge));
    // Another challenge, answered with the same a and k.
    let second = first + DalekScalar::from(7u8);
    let answers = [a + second * s, k + second * r];
    let extract = |ours: &Scalar, theirs: DalekScalar| (theirs - scalar(&ours.0)) * (second - first).invert();
    assert_eq!(extract(&delivery.proof.secret_response, answers[0]), s);
    assert_eq!(extract(&delivery.proof.ephemeral_response, answers[1]), r);
}

/// What the argument for zero knowledge rests on: who may choose the challenge first makes a conversation that holds,
/// without any secret, and even for a sealed key that is wrong. Only the hash ties the challenge to what was committed to.
#[test]
fn a_conversation_without_secrets_holds_but_for_its_challenge() {
    let parties = Parties::new(21);
    let simulated = Delivery {
        ephemeral: ListingSecret::from_entropy(&[1; 64]).public(),
        sealed: ListingSecret::from_entropy(&[2; 64]).public(),
        proof: Proof {
            challenge: [3; 16],
            secret_response: Scalar(DalekScalar::from(5u8).to_bytes()),
            ephemeral_response: Scalar(DalekScalar::from(6u8).to_bytes()),
        },
    };
    // The three equations hold for these commitments by their construction, so all that is left to check is the challenge.
    let hash = Sha256::digest(transcript(&parties, &simulated));
    assert_ne!(hash[..16], simulated.proof.challenge);
    assert_eq!(
        verify::<Dalek>(&parties.sale(), &simulated),
        Err(DeliveryError::WrongProof)
    );
}

/// One worked delivery; byte strings in hexadecimal.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Vector {
    name: String,
    listing_secret: String,
    buyer_secret: String,
    entropy: String,
    /// r, a and k.
    nonces: [String; 3],
    network: String,
    program: String,
    listing: String,
    purchase: String,
    buyer: String,
    listing_key: String,
    buyer_key: String,
    ephemeral: String,
    sealed: String,
    /// T1, T2 and T3.
    commitments: [String; 3],
    /// What the challenge is hashed of.
    transcript: String,
    proof: String,
    shared_secret: String,
    dataset_id: String,
    content_key: String,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Vectors {
    about: String,
    base_point: String,
    second_generator: String,
    second_generator_seed: String,
    deliveries: Vec<Vector>,
}

fn vectors() -> Vectors {
    let deliveries = (10..14u8)
        .map(|seed| {
            let parties = Parties::new(seed);
            let delivery = prove(&parties.seller, &parties.sale(), &[seed; 32]).unwrap();
            let dataset_id = [seed.wrapping_mul(3); 32];
            let nonces = nonces(&parties, &[seed; 32]);
            let r_times_base = (nonces[0] * RISTRETTO_BASEPOINT_POINT).compress();
            assert_eq!(
                delivery.ephemeral.0,
                r_times_base.to_bytes(),
                "the nonces are as documented"
            );
            let transcript = transcript(&parties, &delivery);
            assert_eq!(Sha256::digest(&transcript)[..16], delivery.proof.challenge);
            let [network, program, listing, purchase, buyer] = parties.addresses.map(hex::encode);
            Vector {
                name: format!("delivery {seed}"),
                listing_secret: hex::encode(*parties.seller.to_bytes()),
                buyer_secret: hex::encode(*parties.buyer.to_bytes()),
                entropy: hex::encode([seed; 32]),
                nonces: nonces.map(|nonce| hex::encode(nonce.to_bytes())),
                network,
                program,
                listing,
                purchase,
                buyer,
                listing_key: hex::encode(parties.listing_key.0),
                buyer_key: hex::encode(parties.buyer_key.0),
                ephemeral: hex::encode(delivery.ephemeral.0),
                sealed: hex::encode(delivery.sealed.0),
                commitments: commitments(&parties, &delivery).map(|point| hex::encode(point.compress().to_bytes())),
                transcript: hex::encode(transcript),
                proof: hex::encode(delivery.proof.to_bytes()),
                shared_secret: hex::encode(parties.seller.shared().as_bytes()),
                dataset_id: hex::encode(dataset_id),
                content_key: hex::encode(*parties.seller.shared().content_key(&dataset_id)),
            }
        })
        .collect();
    Vectors {
        about: "Deliveries of the market, made by crates/core/src/delivery. Byte strings in hexadecimal.".into(),
        base_point: hex::encode(BASE_POINT.0),
        second_generator: hex::encode(SECOND_GENERATOR.0),
        second_generator_seed: String::from_utf8(SECOND_GENERATOR_SEED.to_vec()).unwrap(),
        deliveries,
    }
}

/// `LUMORA_WRITE_VECTORS=1 cargo t -p lumora-core` writes the file anew after a deliberate change of the protocol.
#[test]
fn the_shared_vectors_are_reproduced() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/delivery.json");
    let made = vectors();
    if std::env::var_os("LUMORA_WRITE_VECTORS").is_some() {
        std::fs::write(path, serde_json::to_string_pretty(&made).unwrap() + "\n").unwrap();
    }
    let stored: Vectors = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(stored, made);
    assert!(CompressedRistretto(SECOND_GENERATOR.0).decompress().is_some());
}
