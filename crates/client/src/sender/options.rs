//! How hard and how expensively the sender tries.

use {solana_commitment_config::CommitmentConfig, std::time::Duration};

/// What is offered per compute unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriorityFee {
    /// Micro-lamports per compute unit.
    Fixed(u64),
    /// What recent blocks took on the accounts that the transaction writes, at most `ceiling` micro-lamports.
    Recent { ceiling: u64 },
}

#[derive(Clone, Debug)]
pub struct SenderOptions {
    /// When a transaction counts as landed.
    pub commitment: CommitmentConfig,
    pub priority_fee: PriorityFee,
    /// Pause between sending the same transaction again.
    pub resend_every: Duration,
    /// First pause between asking whether it landed; grows to `resend_every`.
    pub poll_every: Duration,
    /// Pause between asking how much of a batch landed: to ask about hundreds of transactions costs a node more than to land a
    /// few, and nothing changes before the next block.
    pub batch_poll_every: Duration,
    /// How often a transaction may be signed with a new blockhash before giving up.
    pub signings: u32,
    /// Transactions of a batch on their way at the same time.
    pub concurrency: usize,
}

impl SenderOptions {
    /// What one transaction may use at most (the runtime's limit).
    pub const MAX_COMPUTE_UNITS: u32 = 1_400_000;

    /// For a network on this machine: nobody bids, answers come at once.
    pub fn local() -> Self {
        Self {
            priority_fee: PriorityFee::Fixed(0),
            poll_every: Duration::from_millis(40),
            ..Self::default()
        }
    }

    /// The simulated use and a margin: a program's way through its branches may differ a little by the time it lands.
    pub(crate) fn compute_limit(&self, used: u64) -> u32 {
        let with_margin = used.saturating_add(used / 5).saturating_add(2_000);
        u32::try_from(with_margin)
            .unwrap_or(u32::MAX)
            .min(Self::MAX_COMPUTE_UNITS)
    }
}

impl Default for SenderOptions {
    fn default() -> Self {
        Self {
            commitment: CommitmentConfig::confirmed(),
            priority_fee: PriorityFee::Recent { ceiling: 1_000_000 },
            resend_every: Duration::from_secs(2),
            poll_every: Duration::from_millis(300),
            batch_poll_every: Duration::from_millis(500),
            signings: 4,
            concurrency: 32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_has_a_margin_and_an_end() {
        let options = SenderOptions::default();
        assert_eq!(options.compute_limit(10_000), 14_000);
        assert_eq!(options.compute_limit(1_399_000), SenderOptions::MAX_COMPUTE_UNITS);
        assert_eq!(options.compute_limit(u64::MAX), SenderOptions::MAX_COMPUTE_UNITS);
    }
}
