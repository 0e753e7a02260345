//! Money moves if and only if the buyer can derive the key that opens what was listed, whatever a seller sends.
//!
//! `LUMORA_STEPS` sets the number of deliveries that are tried, `LUMORA_SEED` where the randomness starts.

use curve25519_dalek::{RistrettoPoint, Scalar as DalekScalar};
use lumora_core::delivery::{SECOND_GENERATOR, Sale, dalek::ListingSecret};
use lumora_interface::market::{self, Listing};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use sha2::{Digest, Sha256};
use solana_address::Address;

use super::{
    prover::{Witness, decode, encode},
    *,
};

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}

fn scalar(random: &mut StdRng) -> DalekScalar {
    let wide: [u8; 64] = random.random();
    DalekScalar::from_bytes_mod_order_wide(&wide)
}

fn point(random: &mut StdRng) -> RistrettoPoint {
    let wide: [u8; 64] = random.random();
    RistrettoPoint::from_uniform_bytes(&wide)
}

fn secret_scalar(secret: &ListingSecret) -> DalekScalar {
    Option::from(DalekScalar::from_canonical_bytes(*secret.to_bytes())).expect("a canonical scalar")
}

/// What the header of the encrypted segments says of their key.
fn commitment(content_key: &[u8; 32]) -> [u8; 32] {
    Sha256::new()
        .chain_update(b"commitment of the test's package")
        .chain_update(content_key)
        .finalize()
        .into()
}

/// What a seller sends, some of it honest.
const KINDS: u32 = 14;

struct Hostile<'a> {
    shop: &'a Shop,
    random: &'a mut StdRng,
    /// Deliveries that were made before, for whatever purchase.
    earlier: &'a [Delivery],
}

impl Hostile<'_> {
    fn delivery(&mut self, kind: u32, sale: &Sale) -> Delivery {
        let s = secret_scalar(&self.shop.secret);
        let r = scalar(self.random);
        let nonces = [scalar(self.random), scalar(self.random)];
        let honest = Witness::honest(s, r, nonces);
        let other = scalar(self.random);
        let mut sent = honest.prove(sale);
        match kind {
            0..3 => {}
            // Another secret altogether.
            3 => sent = Witness::honest(other, r, nonces).prove(sale),
            // The right secret is proved, and E carries another one.
            4 => {
                sent = Witness {
                    sealed_secret: other,
                    ..honest
                }
                .prove(sale)
            }
            // E carries the right one, under a seal that R does not open.
            5 => {
                sent = Witness {
                    sealing: other,
                    ..honest
                }
                .prove(sale)
            }
            // Off by one only.
            6 => {
                sent = Witness {
                    sealed_secret: s + DalekScalar::ONE,
                    ..honest
                }
                .prove(sale)
            }
            7 => {
                sent = Witness {
                    sealing: r + DalekScalar::ONE,
                    ..honest
                }
                .prove(sale)
            }
            // Random elements with an honest proof of something else.
            8 => sent.sealed = encode(&point(self.random)),
            9 => sent.ephemeral = encode(&point(self.random)),
            // A cut of the key is sold to somebody else: E moved by a known amount.
            10 => sent.sealed = encode(&(decode(&sent.sealed) + decode(&SECOND_GENERATOR))),
            // R and E moved together, which a buyer could still open.
            11 => {
                sent.ephemeral =
                    encode(&(decode(&sent.ephemeral) + other * decode(&lumora_core::delivery::BASE_POINT)));
                sent.sealed = encode(&(decode(&sent.sealed) + other * decode(sale.buyer_key)));
            }
            // What was right for another purchase.
            12 if !self.earlier.is_empty() => {
                sent = self.earlier[self.random.random_range(0..self.earlier.len())];
            }
            // Random bytes for a proof.
            _ => {
                let mut bytes = [0; 80];
                self.random.fill(&mut bytes[..]);
                (bytes[47], bytes[79]) = (bytes[47] & 0x0f, bytes[79] & 0x0f);
                sent.proof = Proof::from_bytes(&bytes);
            }
        }
        sent
    }
}

/// Whether the purchase as it is on the chain gives the buyer the key that the listing is committed to.
fn derives(shop: &Shop, purchase: &Address, secret: &BuyerSecret) -> bool {
    let account: Purchase = shop.world.read(purchase);
    let listing: Listing = shop.world.read(&shop.listing);
    open(secret, &Point(account.ephemeral), &Point(account.sealed))
        .is_ok_and(|shared| commitment(&shared.content_key(&listing.dataset_id)) == listing.content_hash)
}

#[test]
fn money_moves_if_and_only_if_the_buyer_can_derive_the_listed_key() {
    let (steps, seed) = (number("LUMORA_STEPS", 400), number("LUMORA_SEED", 0));
    let mut random = StdRng::seed_from_u64(seed);
    let mut shop = Shop::empty(2);
    let mut terms = lumora_tests::sales::terms(&shop.secret);
    terms.content_hash = commitment(&shop.secret.shared().content_key(&terms.dataset_id));
    let payees = shop.payees.clone();
    shop.list(terms, &payees).unwrap();
    let buyer = shop.buyer.insecure_clone();
    shop.world.gift(&buyer.pubkey(), 50_000 * PRICE);

    let mut earlier = Vec::new();
    let mut delivered = [0u64; 2];
    let (mut index, mut open_purchase): (u32, Option<(Address, BuyerSecret)>) = (0, None);
    for _ in 0..steps {
        let (purchase, secret) = open_purchase.take().unwrap_or_else(|| {
            // Sometimes with a point that was used before.
            let entropy = [random.random_range(1..=u8::MAX); 64];
            let secret = BuyerSecret::from_entropy(&entropy);
            index += 1;
            (shop.buy(index, &secret), secret)
        });
        let vault = market::vault_address(&purchase).0;
        let kind = random.random_range(0..KINDS);
        let (p, b, wallet) = (shop.secret.public(), secret.public(), buyer.pubkey());
        let sale = Sale {
            network: &shop.world.network_id,
            program: market::ID.as_array(),
            listing: shop.listing.as_array(),
            purchase: purchase.as_array(),
            buyer: wallet.as_array(),
            listing_key: &p,
            buyer_key: &b,
        };
        let sent = Hostile {
            shop: &shop,
            random: &mut random,
            earlier: &earlier,
        }
        .delivery(kind, &sale);
        let instruction = shop.deliver_instruction(&purchase, &sent);
        let total = shop.total();
        let landed = shop.world.send(&[instruction], &[]).is_ok();

        let moved = shop.total() - total;
        assert_eq!(moved, if landed { PRICE } else { 0 }, "kind {kind}, seed {seed}");
        assert_eq!(
            landed,
            derives(&shop, &purchase, &secret),
            "kind {kind}, seed {seed}: money and key did not change hands together"
        );
        assert_eq!(landed, kind < 3, "kind {kind}, seed {seed}");
        delivered[usize::from(landed)] += 1;
        if landed {
            let gone = shop
                .world
                .svm
                .get_account(&vault)
                .is_none_or(|account| account.lamports == 0);
            assert!(gone, "the vault is empty and closed");
            earlier.push(sent);
        } else {
            assert_eq!(shop.world.balance(&vault), PRICE);
            open_purchase = Some((purchase, secret));
        }
    }
    println!("{} refused, {} delivered", delivered[0], delivered[1]);
    assert!(delivered.iter().all(|count| steps < 100 || *count > steps / 20));
}
