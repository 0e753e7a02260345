//! The signed result of one measurement, and how a third party checks it.
//!
//! The encoding that is signed is borsh in the order of the fields; [`Receipt::VERSION`] changes with any of them.

use borsh::{BorshDeserialize, BorshSerialize};
use lumora_core::reason::Reason;
use lumora_core::schedule::{self, NetworkTag};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::chunk;
use crate::identity::{self, Identity};
use crate::keystream::{self, Direction, Keystream};
use crate::transcript::{self, Transcript};
use crate::wire;

const RECEIPT_DOMAIN: &[u8] = b"lumora-pob/1 receipt\0";
const COMMITMENT_DOMAIN: &[u8] = b"lumora-pob/1 commitment\0";

/// Pings before the payload.
pub const RTT_SAMPLES: usize = 4;

/// Most bytes of one direction that [`replay`] makes again (20 s at 1 Gbit/s): a forged count must not cost the
/// verifier hours.
pub const REPLAY_LIMIT: u64 = 2_500_000_000;

/// Who is measured by whom, and when: what makes a measurement different from every other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize)]
pub struct Context {
    /// Genesis hash or program id that tells networks apart; zero for a measurement by hand.
    pub network_id: [u8; 32],
    pub epoch: u64,
    pub round: u32,
    /// Address of the node's account.
    pub node: [u8; 32],
    /// The node's transport key.
    pub prover_key: [u8; 32],
    /// The oracle's transport key.
    pub challenger_key: [u8; 32],
}

impl Context {
    pub fn digest(&self) -> [u8; 32] {
        Sha256::new()
            .chain_update(b"lumora-pob/1 context\0")
            .chain_update(encode(self))
            .finalize()
            .into()
    }
}

/// One direction's result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct DirectionResult {
    /// The rate: `counted_bytes` over `duration_us`, at most the limit. kbit/s of the IP layer.
    pub kbps: u32,
    /// Chunks in the transcript, ramp-up included; their lengths are fixed ([`chunk`]).
    pub chunks: u32,
    /// The first chunk that counts: the link was full when it was answered.
    pub first_counted_chunk: u32,
    /// IP-layer bytes that count.
    pub counted_bytes: u64,
    /// Microseconds in which they came.
    pub duration_us: u64,
    /// What the node says it received and sent for others in that time, in bytes.
    pub background_bytes: u64,
}

impl DirectionResult {
    /// What the link carried in all if the node tells the truth about its background traffic, of which at most a quarter
    /// of the whole counts (the bound of FlashFlow, arXiv 2004.09583: a liar gains a third). For people to read: it is the
    /// node's word, so it is never attested. A node that wants its whole link counted keeps it free for half a second.
    pub fn kbps_with_background(&self) -> u32 {
        let background = self.background_bytes.min(self.counted_bytes / 3);
        wire::kbps(self.counted_bytes + background, self.duration_us)
    }
}

/// What both sides sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Receipt {
    pub version: u8,
    #[serde(serialize_with = "as_hex")]
    pub network_id: [u8; 32],
    pub epoch: u64,
    pub round: u32,
    #[serde(serialize_with = "as_hex")]
    pub node: [u8; 32],
    #[serde(serialize_with = "as_hex")]
    pub prover_key: [u8; 32],
    #[serde(serialize_with = "as_hex")]
    pub challenger_key: [u8; 32],
    /// Above this, nothing was sent: the lower of the node's limit and the challenger's. kbit/s of the IP layer.
    pub limit_kbps: u32,
    pub down: DirectionResult,
    pub up: DirectionResult,
    pub rtt_samples_us: [u32; RTT_SAMPLES],
    pub min_rtt_us: u32,
    #[serde(serialize_with = "as_hex")]
    pub transcript_root: [u8; 32],
    /// SHA-256 of the seed.
    #[serde(serialize_with = "as_hex")]
    pub seed_commitment: [u8; 32],
    /// The challenger's clock at the start.
    pub unix_timestamp: i64,
    /// Tells which measurements came from behind one network ([`schedule::network_tag`]); zero where nobody asks.
    #[serde(serialize_with = "as_hex")]
    pub network: NetworkTag,
    /// In which pass of the round it began at the instant of its network; [`Receipt::UNSCHEDULED`] where it began when the
    /// node came.
    pub pass: u8,
    /// A [`Reason`]'s code: why the figures are what they are.
    pub reason: u8,
}

impl Receipt {
    pub const VERSION: u8 = 2;
    /// The pass of a measurement that was not tied to an instant.
    pub const UNSCHEDULED: u8 = u8::MAX;

    pub fn context(&self) -> Context {
        Context {
            network_id: self.network_id,
            epoch: self.epoch,
            round: self.round,
            node: self.node,
            prover_key: self.prover_key,
            challenger_key: self.challenger_key,
        }
    }

    /// The bytes that are signed.
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// Whether something was measured, as against a failure that the challenger recorded.
    pub fn is_measured(&self) -> bool {
        self.reason == Reason::None as u8 || self.reason == Reason::AtLimit as u8
    }

    pub fn sign(&self, identity: &Identity) -> [u8; 64] {
        identity.sign(RECEIPT_DOMAIN, &self.encode())
    }

    /// The rules that a receipt keeps by itself, whoever signed it.
    pub fn check(&self) -> Result<(), ReceiptError> {
        if self.version != Self::VERSION {
            return Err(ReceiptError::Version(self.version));
        }
        if Reason::from_code(self.reason).is_none() {
            return Err(ReceiptError::UnknownReason(self.reason));
        }
        if self.pass >= schedule::PASSES && self.pass != Self::UNSCHEDULED {
            return Err(ReceiptError::UnknownPass(self.pass));
        }
        for (direction, result) in [(Direction::Down, &self.down), (Direction::Up, &self.up)] {
            if !self.is_measured() {
                if *result != DirectionResult::default() {
                    return Err(ReceiptError::FailedButCounted(direction));
                }
                continue;
            }
            let rate = wire::kbps(result.counted_bytes, result.duration_us).min(self.limit_kbps);
            let transcript_bytes = chunk::total(result.chunks);
            if rate != result.kbps {
                return Err(ReceiptError::Rate {
                    direction,
                    stated: result.kbps,
                    computed: rate,
                });
            }
            if result.kbps == 0 || result.first_counted_chunk >= result.chunks {
                return Err(ReceiptError::NothingCounted(direction));
            }
            // Packet headers may add an eighth at most (see `protocol::MOST_OVERHEAD`).
            if result.counted_bytes > transcript_bytes + transcript_bytes / 8 {
                return Err(ReceiptError::MoreCountedThanSent(direction));
            }
        }
        if self.is_measured() && self.rtt_samples_us.iter().min() != Some(&self.min_rtt_us) {
            return Err(ReceiptError::RoundTrip);
        }
        Ok(())
    }
}

/// A receipt with its signatures and the revealed seed.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct SignedReceipt {
    pub receipt: Receipt,
    #[serde(serialize_with = "as_hex")]
    pub challenger_signature: [u8; 64],
    /// Absent when the measurement failed: then the receipt says only that the challenger tried.
    #[serde(serialize_with = "as_optional_hex")]
    pub prover_signature: Option<[u8; 64]>,
    /// Revealed after both have signed.
    #[serde(serialize_with = "as_hex")]
    pub seed: [u8; 32],
}

impl SignedReceipt {
    /// Signatures, commitment and arithmetic. Cheap; [`replay`] adds the transcript.
    pub fn verify(&self) -> Result<(), ReceiptError> {
        let receipt = &self.receipt;
        receipt.check()?;
        let bytes = receipt.encode();
        if !identity::verify(
            &receipt.challenger_key,
            RECEIPT_DOMAIN,
            &bytes,
            &self.challenger_signature,
        ) {
            return Err(ReceiptError::ChallengerSignature);
        }
        match &self.prover_signature {
            Some(signature) if identity::verify(&receipt.prover_key, RECEIPT_DOMAIN, &bytes, signature) => {}
            None if !receipt.is_measured() => {}
            _ => return Err(ReceiptError::ProverSignature),
        }
        if keystream::commitment(&self.seed) != receipt.seed_commitment {
            return Err(ReceiptError::Commitment);
        }
        Ok(())
    }

    /// The canonical bytes for bundles.
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// From [`Self::encode`]; trailing bytes are refused.
    pub fn decode(bytes: &[u8]) -> Result<Self, ReceiptError> {
        borsh::from_slice(bytes).map_err(|_| ReceiptError::Encoding)
    }
}

/// Makes the payload again from the seed and checks that the receipt's transcript is that of this payload.
pub fn replay(receipt: &Receipt, seed: &[u8; 32]) -> Result<(), ReceiptError> {
    if keystream::commitment(seed) != receipt.seed_commitment {
        return Err(ReceiptError::Commitment);
    }
    let context = receipt.context();
    let hash = |direction, result: &DirectionResult| {
        let bytes = chunk::total(result.chunks);
        if bytes > REPLAY_LIMIT {
            return Err(ReceiptError::TooLongToReplay(bytes));
        }
        let mut keystream = Keystream::new(&keystream::direction_key(seed, &context, direction));
        let mut transcript = Transcript::new(direction, &receipt.seed_commitment);
        let mut last = transcript.after(0);
        for index in 0..result.chunks {
            last = Some(transcript.push(&Sha256::digest(keystream.take(chunk::length(index) as usize)).into()));
        }
        last.ok_or(ReceiptError::Transcript)
    };
    let down = hash(Direction::Down, &receipt.down)?;
    let up = hash(Direction::Up, &receipt.up)?;
    if transcript::root(receipt.down.chunks, &down, receipt.up.chunks, &up) != receipt.transcript_root {
        return Err(ReceiptError::Transcript);
    }
    Ok(())
}

/// The challenger's signature under its seed commitment, given before any payload.
pub(crate) fn sign_commitment(identity: &Identity, context: &Context, commitment: &[u8; 32]) -> [u8; 64] {
    identity.sign(COMMITMENT_DOMAIN, &[context.digest(), *commitment].concat())
}

pub(crate) fn verify_commitment(context: &Context, commitment: &[u8; 32], signature: &[u8; 64]) -> bool {
    let message = [context.digest(), *commitment].concat();
    identity::verify(&context.challenger_key, COMMITMENT_DOMAIN, &message, signature)
}

/// Why a receipt is not to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    #[error("its bytes are not a receipt")]
    Encoding,
    #[error("its version is {0}, and only version {version} is known here", version = Receipt::VERSION)]
    Version(u8),
    #[error("its reason code {0} is unknown")]
    UnknownReason(u8),
    #[error("a round has no pass {0}")]
    UnknownPass(u8),
    #[error("it says that the measurement failed, and yet counts bytes ({0:?})")]
    FailedButCounted(Direction),
    #[error("{direction:?}: it states {stated} kbit/s where its bytes and time give {computed}")]
    Rate {
        direction: Direction,
        stated: u32,
        computed: u32,
    },
    #[error("{0:?}: it counts nothing")]
    NothingCounted(Direction),
    #[error("{0:?}: it counts more bytes than its chunks hold")]
    MoreCountedThanSent(Direction),
    #[error("its smallest round trip is not the smallest of its samples")]
    RoundTrip,
    #[error("the challenger's signature is wrong")]
    ChallengerSignature,
    #[error("the prover's signature is missing or wrong")]
    ProverSignature,
    #[error("the revealed seed is not the committed one")]
    Commitment,
    #[error("the transcript is not that of the payload which the seed gives")]
    Transcript,
    #[error("{0} bytes are more than a replay makes")]
    TooLongToReplay(u64),
    #[error("it is about another measurement than the one asked for")]
    OtherMeasurement,
}

fn encode(value: &impl BorshSerialize) -> Vec<u8> {
    borsh::to_vec(value).expect("fixed-size fields cannot fail to be written to a vector")
}

fn as_hex<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex::encode(bytes))
}

fn as_optional_hex<S: serde::Serializer>(bytes: &Option<[u8; 64]>, serializer: S) -> Result<S::Ok, S::Error> {
    match bytes {
        Some(bytes) => serializer.serialize_some(&hex::encode(bytes)),
        None => serializer.serialize_none(),
    }
}
