//! A small network on paper: oracles, a node, and receipts that hold.

use std::collections::BTreeMap;

use lumora_core::{hash::Hash, units::Lmr};
use lumora_oracle::{
    aggregate::EpochRules,
    bundle::{Bundle, Sighting},
};
use lumora_pob::{
    DirectionResult, Identity, Reason, Receipt, SignedReceipt, chunk,
    keystream::{self, Direction, Keystream},
    transcript::{self, Transcript},
};
use sha2::{Digest, Sha256};
use solana_keypair::Keypair;
use solana_signer::Signer;

pub const NETWORK: [u8; 32] = [1; 32];
pub const EPOCH: u64 = 7;
pub const NODE: Hash = [9; 32];

pub struct Net {
    pub oracles: Vec<Keypair>,
    pub node: Identity,
    pub rules: EpochRules,
}

impl Net {
    pub fn new(oracles: u8) -> Self {
        let oracles: Vec<Keypair> = (1..=oracles).map(|seed| Keypair::new_from_array([seed; 32])).collect();
        let members = oracles
            .iter()
            .enumerate()
            .map(|(index, key)| (index as u8, key.pubkey().to_bytes()))
            .collect();
        let rules = EpochRules {
            network_id: NETWORK,
            epoch: EPOCH,
            seed: [2; 32],
            members,
            rounds: 2,
            challengers_per_round: 3,
            nodes_per_network: 8,
            nodes_per_owner: 8,
            seconds: 60,
            amount: Lmr(1_000_000),
        };
        Self {
            oracles,
            node: Identity::from_secret([99; 32]),
            rules,
        }
    }

    pub fn key(&self, member: u8) -> Hash {
        self.oracles[usize::from(member)].pubkey().to_bytes()
    }

    pub fn sighting(&self) -> Sighting {
        Sighting {
            node: NODE,
            transport_key: self.node.public(),
            owner: [7; 32],
            limit_kbps: 100_000,
            paused: false,
            completed: 0,
            failed: 0,
            expired: 0,
            marred: 0,
        }
    }

    /// What both sides would sign; `kbps` a multiple of 80, so that it comes out whole.
    pub fn receipt(&self, member: u8, round: u32, kbps: u32) -> (Receipt, [u8; 32]) {
        let seed = Sha256::digest([member, round as u8]).into();
        let commitment = keystream::commitment(&seed);
        let counted_bytes = u64::from(kbps) * 100 / 8;
        let chunks = (1..).find(|chunks| chunk::total(*chunks) >= counted_bytes).unwrap();
        let direction = DirectionResult {
            kbps,
            chunks,
            first_counted_chunk: 0,
            counted_bytes,
            duration_us: 100_000,
            background_bytes: 0,
        };
        let mut receipt = Receipt {
            version: Receipt::VERSION,
            network_id: NETWORK,
            epoch: EPOCH,
            round,
            node: NODE,
            prover_key: self.node.public(),
            challenger_key: self.key(member),
            limit_kbps: 1_000_000,
            down: direction,
            up: direction,
            rtt_samples_us: [5_000, 4_000, 6_000, 7_000],
            min_rtt_us: 4_000,
            transcript_root: [0; 32],
            seed_commitment: commitment,
            unix_timestamp: 1_000,
            network: [6; 8],
            pass: Receipt::UNSCHEDULED,
            reason: Reason::None as u8,
        };
        let [down, up] = [Direction::Down, Direction::Up].map(|direction| {
            let mut payload = Keystream::new(&keystream::direction_key(&seed, &receipt.context(), direction));
            let mut transcript = Transcript::new(direction, &commitment);
            for index in 0..chunks {
                transcript.push(&Sha256::digest(payload.take(chunk::length(index) as usize)).into());
            }
            transcript.after(chunks).unwrap()
        });
        receipt.transcript_root = transcript::root(chunks, &down, chunks, &up);
        (receipt, seed)
    }

    pub fn sign(&self, member: u8, receipt: Receipt, seed: [u8; 32]) -> SignedReceipt {
        let challenger = Identity::from_secret(*self.oracles[usize::from(member)].secret_bytes());
        SignedReceipt {
            receipt,
            challenger_signature: receipt.sign(&challenger),
            prover_signature: Some(receipt.sign(&self.node)),
            seed,
        }
    }

    /// The receipts of a member's scheduled measurements of the node.
    pub fn receipts(&self, member: u8, kbps: u32) -> Vec<SignedReceipt> {
        (0..self.rules.rounds)
            .filter(|round| self.rules.challengers(*round, &NODE).contains(&member))
            .map(|round| {
                let (receipt, seed) = self.receipt(member, round, kbps);
                self.sign(member, receipt, seed)
            })
            .collect()
    }

    pub fn bundle(&self, member: u8, kbps: u32) -> Bundle {
        Bundle::new(
            NETWORK,
            EPOCH,
            self.key(member),
            self.receipts(member, kbps),
            vec![self.sighting()],
        )
    }

    pub fn bundles(&self, kbps: u32) -> BTreeMap<u8, Bundle> {
        self.rules
            .members
            .iter()
            .map(|(member, _)| (*member, self.bundle(*member, kbps)))
            .collect()
    }
}
