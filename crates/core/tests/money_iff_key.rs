//! Money moves if and only if the key opens: what the verifier says of honest, damaged and hostile deliveries, beside
//! what the buyer gets out of them. The cases are written to a file that the TypeScript client is held to as well.
#![allow(clippy::unwrap_used)]

use curve25519_dalek::{RistrettoPoint, Scalar as DalekScalar, constants::RISTRETTO_BASEPOINT_POINT as G};
use lumora_core::{
    delivery::{
        Delivery, DeliveryError, Point, Proof, SECOND_GENERATOR, Sale, Scalar,
        dalek::{BuyerSecret, Dalek, ListingSecret, open, prove},
        verify,
    },
    hash::sha256,
};
use serde::{Deserialize, Serialize};

/// Randomness that is the same in every run.
struct Draws(u64);

impl Draws {
    fn bytes(&mut self) -> [u8; 32] {
        self.0 += 1;
        sha256(&[b"money iff key", &self.0.to_le_bytes()])
    }

    fn wide(&mut self) -> [u8; 64] {
        let mut wide = [0; 64];
        wide[..32].copy_from_slice(&self.bytes());
        wide[32..].copy_from_slice(&self.bytes());
        wide
    }

    fn below(&mut self, limit: usize) -> usize {
        u64::from_le_bytes(self.bytes()[..8].try_into().unwrap()) as usize % limit
    }

    fn scalar(&mut self) -> DalekScalar {
        DalekScalar::from_bytes_mod_order_wide(&self.wide())
    }

    fn point(&mut self) -> Point {
        encode(self.scalar() * G)
    }
}

fn encode(point: RistrettoPoint) -> Point {
    Point(point.compress().to_bytes())
}

fn decode(point: &Point) -> RistrettoPoint {
    curve25519_dalek::ristretto::CompressedRistretto(point.0)
        .decompress()
        .unwrap()
}

/// The bytes of a sale: network, program, listing, purchase, buyer, P, B.
type SaleBytes = [[u8; 32]; 7];
/// Place of P and B among them.
const P: usize = 5;
const B: usize = 6;

/// One listing and one purchase of it.
struct Parties {
    seller: ListingSecret,
    buyer: BuyerSecret,
    sale: SaleBytes,
}

impl Parties {
    fn draw(draws: &mut Draws) -> Self {
        let seller = ListingSecret::from_entropy(&draws.wide());
        let buyer = BuyerSecret::from_entropy(&draws.wide());
        let mut sale: SaleBytes = std::array::from_fn(|_| draws.bytes());
        sale[P] = seller.public().0;
        sale[B] = buyer.public().0;
        Self { seller, buyer, sale }
    }

    fn deliver(&self, draws: &mut Draws) -> Delivery {
        with_sale(&self.sale, |sale| prove(&self.seller, sale, &draws.bytes())).unwrap()
    }
}

fn with_sale<T>(bytes: &SaleBytes, then: impl FnOnce(&Sale) -> T) -> T {
    let [network, program, listing, purchase, buyer, listing_key, buyer_key] = bytes;
    then(&Sale {
        network,
        program,
        listing,
        purchase,
        buyer,
        listing_key: &Point(*listing_key),
        buyer_key: &Point(*buyer_key),
    })
}

fn delivery_bytes(delivery: &Delivery) -> [u8; 144] {
    let mut bytes = [0; 144];
    bytes[..32].copy_from_slice(&delivery.ephemeral.0);
    bytes[32..64].copy_from_slice(&delivery.sealed.0);
    bytes[64..].copy_from_slice(&delivery.proof.to_bytes());
    bytes
}

fn read_delivery(bytes: &[u8; 144]) -> Delivery {
    Delivery {
        ephemeral: Point(bytes[..32].try_into().unwrap()),
        sealed: Point(bytes[32..64].try_into().unwrap()),
        proof: Proof::from_bytes(bytes[64..].try_into().unwrap()),
    }
}

/// A listing, and the purchase of it whose buyer opens.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct StoredParties {
    /// Network, program, listing, purchase, buyer, P, B.
    sale: String,
    buyer_secret: String,
    /// What the buyer must get.
    shared_secret: String,
}

/// A delivery that is brought for a sale.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Case {
    what: String,
    parties: usize,
    /// The sale that the chain has, where it is not the parties' own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sale: Option<String>,
    /// R, E, proof.
    delivery: String,
    /// `accepted`, or the reason for which it is not.
    verdict: String,
    /// Whether the buyer opens R and E to the key of the listing.
    opens: bool,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Vectors {
    about: String,
    parties: Vec<StoredParties>,
    cases: Vec<Case>,
}

struct Cases {
    draws: Draws,
    all: Vec<Parties>,
    cases: Vec<Case>,
}

impl Cases {
    fn bring(&mut self, what: &str, parties: usize, sale: &SaleBytes, delivery: &Delivery) {
        let bytes = delivery_bytes(delivery);
        assert_eq!(read_delivery(&bytes), *delivery);
        let verdict = match with_sale(sale, |sale| verify::<Dalek>(sale, delivery)) {
            Ok(()) => "accepted",
            Err(DeliveryError::IdentityPoint) => "IdentityPoint",
            Err(DeliveryError::InvalidPoint) => "InvalidPoint",
            Err(DeliveryError::NonCanonicalScalar) => "NonCanonicalScalar",
            Err(DeliveryError::WrongProof) => "WrongProof",
        };
        let Parties {
            seller,
            buyer,
            sale: own,
        } = &self.all[parties];
        let opens = open(buyer, &delivery.ephemeral, &delivery.sealed)
            .is_ok_and(|shared| shared.as_bytes() == seller.shared().as_bytes());
        self.cases.push(Case {
            what: what.to_owned(),
            parties,
            sale: (sale != own).then(|| hex::encode(sale.as_flattened())),
            delivery: hex::encode(bytes),
            verdict: verdict.to_owned(),
            opens,
        });
    }

    /// Brings a delivery for the parties' own sale.
    fn try_on(&mut self, what: &str, parties: usize, delivery: &Delivery) {
        let sale = self.all[parties].sale;
        self.bring(what, parties, &sale, delivery);
    }

    fn honest(&mut self, parties: usize) -> Delivery {
        self.all[parties].deliver(&mut self.draws)
    }
}

/// The order of the group and the field's prime, little-endian.
const ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
const PRIME: &str = "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";

/// Encodings that RFC 9496, A.2 lists as bad: not canonical field elements, negative ones, not squares, negative x*y,
/// and s = -1 with y = 0.
const BAD_ENCODINGS: [&str; 10] = [
    "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    PRIME,
    "0100000000000000000000000000000000000000000000000000000000000000",
    "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20",
    "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
    "4eac077a713c57b4f4397629a4145982c661f48044dd3f96427d40b147d9742f",
    "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

fn bytes_of(text: &str) -> [u8; 32] {
    hex::decode(text).unwrap().try_into().unwrap()
}

/// The same number with the order of the group added: a second encoding.
fn plus_order(scalar: &Scalar) -> Scalar {
    let mut carry = 0;
    let order = bytes_of(ORDER);
    Scalar(std::array::from_fn(|index| {
        let total = u16::from(scalar.0[index]) + u16::from(order[index]) + carry;
        carry = total >> 8;
        total as u8
    }))
}

fn vectors() -> Vectors {
    let mut draws = Draws(0);
    let all = (0..6).map(|_| Parties::draw(&mut draws)).collect();
    let cases = Vec::new();
    let mut made = Cases { draws, all, cases };
    honest_and_damaged(&mut made);
    other_sales(&mut made);
    hostile_sellers(&mut made);
    bad_encodings(&mut made);
    let stored = |parties: &Parties| StoredParties {
        sale: hex::encode(parties.sale.as_flattened()),
        buyer_secret: hex::encode(*parties.buyer.to_bytes()),
        shared_secret: hex::encode(parties.seller.shared().as_bytes()),
    };
    Vectors {
        about: "Deliveries, what the program says of them and whether the buyer can open them, made by \
                crates/core/tests/money_iff_key.rs. Byte strings in hexadecimal."
            .to_owned(),
        parties: made.all.iter().map(stored).collect(),
        cases: made.cases,
    }
}

fn honest_and_damaged(made: &mut Cases) {
    for turn in 0..24 {
        let parties = turn % 6;
        let delivery = made.honest(parties);
        made.try_on("honest", parties, &delivery);
    }
    // Each of the five parts (R, E, c, z1, z2), many times over.
    for (part, start, length) in [
        ("R", 0, 32),
        ("E", 32, 32),
        ("c", 64, 16),
        ("z1", 80, 32),
        ("z2", 112, 32),
    ] {
        for _ in 0..18 {
            let parties = made.draws.below(6);
            let mut bytes = delivery_bytes(&made.honest(parties));
            let bit = start * 8 + made.draws.below(length * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            made.try_on(&format!("one bit of {part} flipped"), parties, &read_delivery(&bytes));
        }
    }
}

fn other_sales(made: &mut Cases) {
    let names = [
        "network",
        "program",
        "listing",
        "purchase",
        "buyer",
        "listing key",
        "buyer key",
    ];
    for (field, name) in names.into_iter().enumerate() {
        for parties in 0..4 {
            let delivery = made.honest(parties);
            let mut sale = made.all[parties].sale;
            sale[field] = match field {
                P | B => made.draws.point().0,
                _ => {
                    let bit = made.draws.below(256);
                    let mut bytes = sale[field];
                    bytes[bit / 8] ^= 1 << (bit % 8);
                    bytes
                }
            };
            made.bring(&format!("made for another {name}"), parties, &sale, &delivery);
        }
    }
    for parties in 0..6 {
        let delivery = made.honest((parties + 1) % 6);
        made.try_on("made for another sale altogether", parties, &delivery);
        let (own, other) = (made.honest(parties), made.honest(parties));
        made.try_on(
            "points of one delivery, proof of another",
            parties,
            &Delivery {
                proof: other.proof,
                ..own
            },
        );
        made.try_on(
            "R of one delivery, E of another",
            parties,
            &Delivery {
                ephemeral: other.ephemeral,
                ..own
            },
        );
    }
}

fn hostile_sellers(made: &mut Cases) {
    let h = decode(&SECOND_GENERATOR);
    for parties in 0..6 {
        let good = made.honest(parties);
        let (random_r, random_e) = (made.draws.point(), made.draws.point());
        made.try_on(
            "a random R",
            parties,
            &Delivery {
                ephemeral: random_r,
                ..good
            },
        );
        made.try_on(
            "a random E",
            parties,
            &Delivery {
                sealed: random_e,
                ..good
            },
        );

        // Knows s, and seals another key: all of the proof but its third equation can be had.
        let sale = made.all[parties].sale;
        let secret = DalekScalar::from_canonical_bytes(*made.all[parties].seller.to_bytes()).unwrap();
        let other = made.draws.scalar();
        let seals_another = forge(&mut made.draws, &sale, secret, other, h);
        made.try_on("a proof for the key, and another key sealed", parties, &seals_another);

        // Sells what somebody else listed: a proof for a secret of its own.
        let impostor = Parties::draw(&mut made.draws);
        let mut own_sale = sale;
        own_sale[P] = impostor.sale[P];
        let for_own = with_sale(&own_sale, |sale| {
            prove(&impostor.seller, sale, &made.draws.bytes()).unwrap()
        });
        made.try_on("a seller with another secret", parties, &for_own);

        // Sealed for the seller's own key, with a proof that holds for that key.
        let mut to_self = sale;
        to_self[B] = made.draws.point().0;
        let for_self = with_sale(&to_self, |sale| {
            prove(&made.all[parties].seller, sale, &made.draws.bytes()).unwrap()
        });
        made.try_on("sealed for another buyer", parties, &for_self);

        let zeros = Proof::from_bytes(&[0; Proof::LENGTH]);
        made.try_on("a proof of zeros", parties, &Delivery { proof: zeros, ..good });
        let swapped = Proof {
            secret_response: good.proof.ephemeral_response,
            ephemeral_response: good.proof.secret_response,
            ..good.proof
        };
        made.try_on("responses swapped", parties, &Delivery { proof: swapped, ..good });
        let points = Delivery {
            ephemeral: good.sealed,
            sealed: good.ephemeral,
            ..good
        };
        made.try_on("points swapped", parties, &points);
    }
}

/// The honest prover's steps with `sealed_secret` in E and `secret` everywhere else.
fn forge(
    draws: &mut Draws,
    sale: &SaleBytes,
    secret: DalekScalar,
    sealed_secret: DalekScalar,
    h: RistrettoPoint,
) -> Delivery {
    let buyer_key = decode(&Point(sale[B]));
    let (r, a, k) = (draws.scalar(), draws.scalar(), draws.scalar());
    let (ephemeral, sealed) = (encode(r * G), encode(sealed_secret * h + r * buyer_key));
    let commitments = [encode(a * G), encode(k * G), encode(a * h + k * buyer_key)];
    let [network, program, listing, purchase, buyer, listing_key, buyer_key] = sale;
    let hash = sha256(&[
        b"lumora delivery proof v1",
        network,
        program,
        listing,
        purchase,
        buyer,
        listing_key,
        &ephemeral.0,
        buyer_key,
        &sealed.0,
        &commitments[0].0,
        &commitments[1].0,
        &commitments[2].0,
    ]);
    let challenge: [u8; 16] = hash[..16].try_into().unwrap();
    let c = DalekScalar::from(u128::from_le_bytes(challenge));
    Delivery {
        ephemeral,
        sealed,
        proof: Proof {
            challenge,
            secret_response: Scalar((a + c * secret).to_bytes()),
            ephemeral_response: Scalar((k + c * r).to_bytes()),
        },
    }
}

fn bad_encodings(made: &mut Cases) {
    for (number, bad) in BAD_ENCODINGS.into_iter().enumerate() {
        let parties = number % 6;
        let (good, bad) = (made.honest(parties), Point(bytes_of(bad)));
        made.try_on("R is no canonical point", parties, &Delivery { ephemeral: bad, ..good });
        made.try_on("E is no canonical point", parties, &Delivery { sealed: bad, ..good });
        let mut sale = made.all[parties].sale;
        sale[B] = bad.0;
        made.bring("B is no canonical point", parties, &sale, &good);
    }
    for parties in 0..4 {
        let good = made.honest(parties);
        let identity = Point::IDENTITY;
        made.try_on(
            "R is the identity",
            parties,
            &Delivery {
                ephemeral: identity,
                ..good
            },
        );
        made.try_on(
            "E is the identity",
            parties,
            &Delivery {
                sealed: identity,
                ..good
            },
        );
        for field in [P, B] {
            let mut sale = made.all[parties].sale;
            sale[field] = identity.0;
            made.bring("P or B is the identity", parties, &sale, &good);
        }
        let scalars: [fn(&Scalar) -> Scalar; 3] = [plus_order, |_| Scalar(bytes_of(ORDER)), |_| Scalar([0xff; 32])];
        for change in scalars {
            let mut z1 = good;
            z1.proof.secret_response = change(&good.proof.secret_response);
            made.try_on("z1 is not below the order", parties, &z1);
            let mut z2 = good;
            z2.proof.ephemeral_response = change(&good.proof.ephemeral_response);
            made.try_on("z2 is not below the order", parties, &z2);
            // Which reason is named when there are several.
            z2.sealed = Point(bytes_of(PRIME));
            made.try_on("z2 is not below the order and E is no point", parties, &z2);
            z2.ephemeral = identity;
            made.try_on("z2 is not below the order and R is the identity", parties, &z2);
        }
    }
}

#[test]
fn money_moves_if_and_only_if_the_key_opens() {
    let made = vectors();
    assert!(made.cases.len() >= 200, "{} cases", made.cases.len());
    for case in &made.cases {
        let is_accepted = case.verdict == "accepted";
        assert!(!is_accepted || case.opens, "paid for nothing: {}", case.what);
        assert_eq!(is_accepted, case.what == "honest", "{}", case.what);
        let is_no_point = case.what.ends_with("is no canonical point");
        assert!(!is_no_point || case.verdict == "InvalidPoint", "{}", case.what);
    }
    for reason in ["IdentityPoint", "InvalidPoint", "NonCanonicalScalar", "WrongProof"] {
        assert!(made.cases.iter().any(|case| case.verdict == reason), "{reason}");
    }
    assert!(
        made.cases
            .iter()
            .any(|case| !case.opens && case.verdict == "WrongProof")
    );
}

/// `LUMORA_WRITE_VECTORS=1 cargo test -p lumora-core` writes the file anew after a deliberate change of the protocol.
#[test]
fn the_shared_vectors_are_reproduced() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/money_iff_key.json");
    let made = vectors();
    if std::env::var_os("LUMORA_WRITE_VECTORS").is_some() {
        let file = format!(
            "{{\n  \"about\": {},\n  \"parties\": {},\n  \"cases\": {}\n}}\n",
            serde_json::to_string(&made.about).unwrap(),
            lines(&made.parties),
            lines(&made.cases)
        );
        std::fs::write(path, file).unwrap();
    }
    let stored: Vectors = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(stored, made);
}

/// A line for each value: compact, and a change shows as one line.
fn lines<T: Serialize>(values: &[T]) -> String {
    let lines: Vec<String> = values
        .iter()
        .map(|value| serde_json::to_string(value).unwrap())
        .collect();
    format!("[\n    {}\n  ]", lines.join(",\n    "))
}
