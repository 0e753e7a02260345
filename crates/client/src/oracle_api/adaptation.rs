//! What an oracle makes of the figures of an epoch: whether the score should be adapted to them.

use lumora_core::{
    adaptation::{Figures, Proposal, Times, Tuning},
    hash::Hash,
};
use lumora_interface::{Address, bandwidth::AdaptRankingArguments};
use serde::{Deserialize, Serialize};
use solana_keypair::Keypair;
use solana_signature::Signature;
use solana_signer::Signer;

use super::{base58, hex_bytes};

/// What an oracle measured in the epoch attested last, what it concludes, and its signature if that is to change anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdaptationReport {
    /// The epoch.
    pub epoch: u64,
    /// What was measured in it.
    pub figures: AdaptationFigures,
    /// What holds now.
    pub from: TuningFigures,
    /// What should hold; the same where nothing is to change.
    pub to: TuningFigures,
    /// Why the wait is to change or to stay.
    pub wait_reason: String,
    /// Why the weights are to change or to stay.
    pub weights_reason: String,
    /// The oracle's signature under the change; `None` where there is none to sign, or it may not be made now.
    pub signed: Option<SignedAdaptation>,
}

impl AdaptationReport {
    /// What follows from these figures, without a signature.
    pub fn new(epoch: u64, figures: &Figures, from: &Tuning, proposal: &Proposal) -> Self {
        Self {
            epoch,
            figures: figures.into(),
            from: from.into(),
            to: (&proposal.to).into(),
            wait_reason: proposal.wait.sentence().to_owned(),
            weights_reason: proposal.weights.sentence().to_owned(),
            signed: None,
        }
    }
}

/// Weights in basis points: bandwidth, proximity, latency, reputation; and the longest wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TuningFigures {
    /// Basis points; they sum to 10,000.
    pub weights: [u16; 4],
    /// Seconds.
    pub max_wait_seconds: i64,
}

impl From<&Tuning> for TuningFigures {
    fn from(tuning: &Tuning) -> Self {
        Self {
            weights: tuning.weights().map(|weight| weight.0),
            max_wait_seconds: tuning.max_wait.0,
        }
    }
}

/// The figures of a window, as JSON. Times in seconds, shares in basis points; see [`Figures`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct AdaptationFigures {
    pub claims: u32,
    pub refused: u32,
    pub refused_share: u16,
    pub failed: u32,
    pub failed_share: u16,
    pub finished: u32,
    pub waited_median: i64,
    pub waited_p95: i64,
    pub held_back_median: i64,
    pub completed_median: i64,
    pub completed_p95: i64,
    pub near_work_median: i64,
    pub far_work_median: i64,
    pub busiest_share: u16,
}

impl From<&Figures> for AdaptationFigures {
    fn from(figures: &Figures) -> Self {
        let Times { median, p95 } = figures.waited;
        Self {
            claims: figures.claims,
            refused: figures.refused,
            refused_share: figures.refused_share().0,
            failed: figures.failed,
            failed_share: figures.failed_share().0,
            finished: figures.finished,
            waited_median: median.0,
            waited_p95: p95.0,
            held_back_median: figures.held_back.0,
            completed_median: figures.completed.median.0,
            completed_p95: figures.completed.p95.0,
            near_work_median: figures.near_work.0,
            far_work_median: figures.far_work.0,
            busiest_share: figures.busiest_share.0,
        }
    }
}

/// An oracle's signature under an adaptation. What the digest stands for, each oracle works out for itself: nobody signs
/// what another says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedAdaptation {
    /// Who signed.
    #[serde(with = "base58")]
    pub oracle: Address,
    /// What was signed.
    #[serde(with = "hex_bytes")]
    pub digest: Hash,
    /// Weights of bandwidth, proximity, latency and reputation in basis points.
    pub weights: [u16; 4],
    /// Seconds that a node with a score of zero waits.
    pub max_wait_seconds: u32,
    /// Codes of the reasons.
    pub reasons: [u8; 2],
    /// Unix time after which the signature is void.
    pub expires_at: i64,
    /// ed25519 over the digest.
    #[serde(with = "base58")]
    pub signature: Signature,
}

impl SignedAdaptation {
    /// Signs an adaptation.
    pub fn sign(key: &Keypair, arguments: &AdaptRankingArguments) -> Self {
        Self {
            oracle: key.pubkey(),
            digest: arguments.digest,
            weights: arguments.weights,
            max_wait_seconds: arguments.max_wait_seconds,
            reasons: arguments.reasons,
            expires_at: arguments.expires_at,
            signature: key.sign_message(&arguments.digest),
        }
    }

    /// Whether the signature is its author's over this digest.
    pub fn is_of(&self, digest: &Hash) -> bool {
        self.digest == *digest && self.signature.verify(self.oracle.as_ref(), digest)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use lumora_core::{
        adaptation::propose,
        units::{Bps, Seconds},
    };

    use super::*;

    #[test]
    fn a_report_survives_json_and_its_signature_holds_for_its_digest_alone() {
        let key = Keypair::new();
        let arguments = AdaptRankingArguments {
            digest: [7; 32],
            weights: [1, 2, 3, 4],
            max_wait_seconds: 5,
            reasons: [2, 0],
            expires_at: 6,
        };
        let tuning = Tuning::new([4_000, 3_000, 2_000, 1_000].map(Bps), Seconds(60));
        let figures = Figures {
            claims: 100,
            refused: 20,
            ..Figures::default()
        };
        let proposal = propose(&tuning, &tuning, &figures);
        let report = AdaptationReport {
            signed: Some(SignedAdaptation::sign(&key, &arguments)),
            ..AdaptationReport::new(3, &figures, &tuning, &proposal)
        };
        let read: AdaptationReport = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
        assert_eq!(read, report);
        assert_eq!((read.from.max_wait_seconds, read.to.max_wait_seconds), (60, 66));
        let signed = read.signed.unwrap();
        assert!(signed.is_of(&[7; 32]));
        assert!(!signed.is_of(&[8; 32]));
        let stranger = SignedAdaptation {
            oracle: Keypair::new().pubkey(),
            ..signed
        };
        assert!(!stranger.is_of(&[7; 32]));
    }
}
