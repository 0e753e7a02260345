//! Why a node has no task, in words.

use crate::plan::allowance::Stop;

/// Why nothing is claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoTask {
    /// The limits of the node's owner.
    Limits(Stop),
    /// The guardian stopped new work.
    NetworkPaused,
    /// The owner paused the node.
    NodePaused,
    /// Nothing was proven about the node yet.
    NotAttested,
    /// What was proven is too old.
    AttestationStale {
        /// Seconds since it was measured.
        age: i64,
        /// Seconds that are allowed.
        allowed: u32,
    },
    /// What was proven was measured before the node moved.
    Moved,
    /// The bond does not cover another shard.
    BondTooSmall {
        /// LMR base units deposited.
        bond: u64,
        /// LMR base units needed.
        needed: u64,
    },
    /// The node has as many open shards as it may.
    Full {
        /// Open now.
        open: u32,
        /// Allowed.
        allowed: u32,
    },
    /// No job takes claims.
    NoJob,
    /// All jobs that take claims are those of the node's owner.
    OwnJobs,
    /// All replicas are taken, or the owner holds one of each shard already.
    AllTaken,
    /// Better placed nodes come first.
    Waiting {
        /// Unix time from which the node may claim.
        until: i64,
        /// Score of the node for that job, bp.
        score: u16,
    },
    /// The node may claim, but what is open falls to others in this round.
    Behind {
        /// Which one it is in the order of those who want a shard of the job.
        rank: u32,
        /// Score of the node for that job, bp.
        score: u16,
        /// Score of the last one to whom something falls, bp.
        served: u16,
    },
}

impl NoTask {
    /// Its name in reports.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Limits(stop) => stop.code(),
            Self::NetworkPaused => "network_paused",
            Self::NodePaused => "node_paused",
            Self::NotAttested => "not_attested",
            Self::AttestationStale { .. } => "attestation_stale",
            Self::Moved => "moved",
            Self::BondTooSmall { .. } => "bond_too_small",
            Self::Full { .. } => "full",
            Self::NoJob => "no_job",
            Self::OwnJobs => "own_jobs",
            Self::AllTaken => "all_taken",
            Self::Waiting { .. } => "waiting",
            Self::Behind { .. } => "behind",
        }
    }

    /// What it means and what to do about it.
    pub fn sentence(&self) -> String {
        match self {
            Self::Limits(stop) => stop.sentence(),
            Self::NetworkPaused => "The network's guardian has paused new work. Nothing to do but wait.".into(),
            Self::NodePaused => "The node is paused by its owner. Resume it to take work.".into(),
            Self::NotAttested => {
                "No epoch of this node is proven yet: work is given by attested bandwidth. Keep the node running for an \
                 epoch."
                    .into()
            }
            Self::AttestationStale { age, allowed } => format!(
                "The latest proven epoch is {age} s old, at most {allowed} s are allowed. Check that the node is \
                 measured and that its proofs land."
            ),
            Self::Moved => {
                "The latest proven epoch was measured before this node moved. Keep it running until the next one is proven."
                    .into()
            }
            Self::BondTooSmall { bond, needed } => format!(
                "The bond is {bond} base units, another shard needs {needed}. Deposit more, or wait until a shard is \
                 settled."
            ),
            Self::Full { open, allowed } => {
                format!("{open} of {allowed} shards are open already. The next one is claimed when one is settled.")
            }
            Self::NoJob => "No job takes claims at the moment.".into(),
            Self::OwnJobs => "The only open jobs are those of this node's owner, who may not work for itself.".into(),
            Self::AllTaken => "Every replica that this node may work on is taken.".into(),
            Self::Waiting { until, score } => format!(
                "Better placed nodes come first: with a score of {score} bp this node may claim from Unix time {until}."
            ),
            Self::Behind { rank, score, served } => format!(
                "Others come first in this round: with a score of {score} bp this node is number {rank} in line, and shards \
                 last until a score of {served} bp. It stays in line while there is an open job; more bandwidth or a \
                 better reputation move it up."
            ),
        }
    }
}
