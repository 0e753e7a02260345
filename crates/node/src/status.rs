//! How a node stands, and why what is zero is zero.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use lumora_client::keys;
use lumora_interface::{
    Address,
    bandwidth::{Attestation, attestation_address},
    registry::{Node, node_address},
    rewards::{Reward, reward_address},
    tasks::{Work, work_address},
};
use serde::{Deserialize, Serialize};
use solana_signer::Signer;

use crate::{
    config::NodeConfig,
    error::{Error, Result},
    event::ShardName,
    rewards::sentence,
};

/// What the running agent leaves for others to read, in `status.json` of its folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// Why no shard is claimed, if none is.
    pub no_task: Option<String>,
    /// Why there is nothing to claim, if there is nothing.
    pub no_reward: Option<String>,
    /// Shards that the node holds.
    pub open_shards: Vec<ShardName>,
}

/// Keeps the report on disk. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Notes {
    path: Arc<PathBuf>,
    report: Arc<Mutex<Report>>,
}

impl Notes {
    pub fn new(path: PathBuf) -> Self {
        Self {
            path: Arc::new(path),
            report: Arc::default(),
        }
    }

    /// Changes the report, and writes it if it differs. A report that cannot be written stops nothing.
    pub fn change(&self, change: impl FnOnce(&mut Report)) {
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = report.clone();
        change(&mut changed);
        if *report == changed {
            return;
        }
        *report = changed;
        if let Err(error) = write(&self.path, &report) {
            tracing::debug!(%error, path = %self.path.display(), "the report could not be written");
        }
    }
}

/// Whole or not at all, for somebody may read it at any time.
fn write(path: &Path, report: &Report) -> std::io::Result<()> {
    let fresh = path.with_extension("json.new");
    std::fs::write(&fresh, serde_json::to_vec_pretty(report)?)?;
    std::fs::rename(fresh, path)
}

/// How a node stands. Amounts are LMR base units, rates kbit/s.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Address of the node's account.
    #[serde(with = "crate::text")]
    pub node: Address,
    /// Wallet that owns it.
    #[serde(with = "crate::text")]
    pub owner: Address,
    /// What the registry says; absent while it is not registered.
    pub registration: Option<Registration>,
    /// Figures of the latest proven epoch.
    pub attested: Option<Attested>,
    /// Claimed in the node's lifetime.
    pub claimed: u64,
    /// Proven and not claimed.
    pub unclaimed: u64,
    /// Its work on shards.
    pub work: Option<WorkDone>,
    /// What the agent said last; absent if it never ran here.
    pub agent: Option<Report>,
    /// A sentence for everything that is zero.
    pub explanations: Vec<String>,
}

/// What the registry says of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct Registration {
    pub active: bool,
    pub limit_kbps: u32,
    pub shard_capacity: u16,
    pub bond: u64,
    pub registered_at: i64,
}

/// Proven figures. Units are those of the interface's `Attestation`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct Attested {
    pub epoch: u64,
    pub down_kbps: u32,
    pub up_kbps: u32,
    pub rtt_us: u32,
    pub uptime_bps: u16,
    pub reputation_bps: u16,
    pub reason: u8,
    pub sentence: String,
    pub contribution: u64,
    pub cumulative_reward: u64,
}

/// How a node's assignments ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct WorkDone {
    pub active: u32,
    pub completed: u64,
    pub failed: u64,
    pub expired: u64,
    pub earned: u64,
}

/// Reads how the node of this configuration stands. The agent need not run.
pub async fn status(config: &NodeConfig) -> Result<Status> {
    let owner = match (&config.owner_key, config.owner) {
        (_, Some(owner)) => owner,
        (Some(path), None) => keys::load(path)?.pubkey(),
        (None, None) => return Err(Error::Settings("give `owner_key` or `owner`".into())),
    };
    let connection = crate::connect(config)?;
    let node = node_address(&owner, config.index).0;
    let account: Option<Node> = connection.fetch_optional(&node).await?;
    let attestation: Option<Attestation> = connection.fetch_optional(&attestation_address(&node).0).await?;
    let reward: Option<Reward> = connection.fetch_optional(&reward_address(&node).0).await?;
    let work: Option<Work> = connection.fetch_optional(&work_address(&node).0).await?;
    let agent = std::fs::read(config.data_dir.join("status.json")).ok();
    let agent = agent.and_then(|text| serde_json::from_slice(&text).ok());
    Ok(summary(
        node,
        owner,
        account.as_ref(),
        attestation.as_ref(),
        reward.as_ref(),
        work.as_ref(),
        agent,
    ))
}

/// The status that these accounts and this report make.
fn summary(
    node: Address,
    owner: Address,
    account: Option<&Node>,
    attestation: Option<&Attestation>,
    reward: Option<&Reward>,
    work: Option<&Work>,
    agent: Option<Report>,
) -> Status {
    let claimed = reward.map_or(0, |reward| reward.claimed);
    let attested = attestation.map(|figures| Attested {
        epoch: figures.epoch,
        down_kbps: figures.down_kbps,
        up_kbps: figures.up_kbps,
        rtt_us: figures.rtt_us,
        uptime_bps: figures.uptime_bps,
        reputation_bps: figures.reputation_bps,
        reason: figures.reason,
        sentence: sentence(figures.reason).to_owned(),
        contribution: figures.contribution,
        cumulative_reward: figures.cumulative_reward,
    });
    let mut status = Status {
        node,
        owner,
        registration: account.map(|account| Registration {
            active: account.is_active(),
            limit_kbps: account.limit_kbps,
            shard_capacity: account.shard_capacity,
            bond: account.bond,
            registered_at: account.registered_at,
        }),
        claimed,
        unclaimed: attestation.map_or(0, |figures| figures.cumulative_reward.saturating_sub(claimed)),
        attested,
        work: work.map(|work| WorkDone {
            active: work.active,
            completed: work.completed,
            failed: work.failed,
            expired: work.expired,
            earned: work.earned,
        }),
        agent,
        explanations: Vec::new(),
    };
    status.explanations = explain(&status);
    status
}

/// A sentence for everything that is zero.
fn explain(status: &Status) -> Vec<String> {
    let mut sentences = Vec::new();
    match &status.registration {
        None => sentences
            .push("The node is not registered. Start it once with `owner_key` in its configuration.".to_owned()),
        Some(registration) if !registration.active => sentences.push(sentence(7).to_owned()),
        Some(_) => {}
    }
    let report = status.agent.clone().unwrap_or_default();
    if status.agent.is_none() {
        sentences
            .push("The agent has not run with this folder yet, so it measures and earns nothing. Start it.".to_owned());
    }
    let idle = status
        .attested
        .as_ref()
        .is_none_or(|attested| attested.contribution == 0);
    if let Some(attested) = status.attested.as_ref().filter(|_| idle) {
        sentences.push(format!(
            "No contribution in epoch {}: {}",
            attested.epoch, attested.sentence
        ));
    }
    if status.unclaimed == 0 || status.attested.is_none() {
        sentences.extend(report.no_reward);
    }
    if status.work.as_ref().is_none_or(|work| work.active == 0) {
        sentences.extend(report.no_task.map(|reason| format!("No shard at the moment: {reason}")));
    }
    sentences
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "node       {} of {}", self.node, self.owner)?;
        if let Some(registration) = &self.registration {
            let Registration {
                active,
                limit_kbps,
                shard_capacity,
                bond,
                ..
            } = registration;
            let state = if *active { "active" } else { "paused" };
            writeln!(
                f,
                "registered {state}, shares {limit_kbps} kbit/s and {shard_capacity} shards, bond {}",
                lmr(*bond)
            )?;
        }
        if let Some(attested) = &self.attested {
            let Attested {
                epoch,
                down_kbps,
                up_kbps,
                rtt_us,
                uptime_bps,
                reputation_bps,
                ..
            } = attested;
            writeln!(
                f,
                "attested   epoch {epoch}: {down_kbps} kbit/s down, {up_kbps} up, {rtt_us} us, uptime {}.{:02} %, reputation {}.{:02} %",
                uptime_bps / 100,
                uptime_bps % 100,
                reputation_bps / 100,
                reputation_bps % 100
            )?;
        }
        writeln!(
            f,
            "rewards    {} claimed, {} to be claimed",
            lmr(self.claimed),
            lmr(self.unclaimed)
        )?;
        if let Some(work) = &self.work {
            let WorkDone {
                active,
                completed,
                failed,
                expired,
                earned,
            } = work;
            writeln!(
                f,
                "shards     {active} open, {completed} paid, {failed} not agreed with, {expired} expired; {} earned",
                lmr(*earned)
            )?;
        }
        for sentence in &self.explanations {
            writeln!(f, "- {sentence}")?;
        }
        Ok(())
    }
}

/// Base units as LMR.
fn lmr(amount: u64) -> String {
    format!("{}.{:06} LMR", amount / 1_000_000, amount % 1_000_000)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bytemuck::Zeroable;
    use lumora_core::reason::Reason;
    use lumora_interface::registry::status::PAUSED;

    use super::*;

    const NODE: Address = Address::new_from_array([1; 32]);
    const OWNER: Address = Address::new_from_array([2; 32]);

    #[test]
    fn every_zero_has_its_sentence() {
        let report = Report {
            no_task: Some("No job.".into()),
            no_reward: Some("Nothing attested.".into()),
            ..Report::default()
        };
        let told = summary(NODE, OWNER, None, None, None, None, None).explanations;
        assert!(
            told[0].contains("not registered") && told[1].contains("has not run"),
            "{told:?}"
        );

        let paused = Node {
            status: PAUSED,
            ..Node::zeroed()
        };
        let told = summary(NODE, OWNER, Some(&paused), None, None, None, Some(report.clone())).explanations;
        assert_eq!(
            told,
            [
                Reason::Paused.sentence(),
                "Nothing attested.",
                "No shard at the moment: No job."
            ]
        );

        let missed = Attestation {
            reason: Reason::NoMeasurement as u8,
            epoch: 4,
            ..Attestation::zeroed()
        };
        let told = summary(
            NODE,
            OWNER,
            Some(&Node::zeroed()),
            Some(&missed),
            None,
            None,
            Some(report),
        )
        .explanations;
        assert!(
            told[0].contains("epoch 4") && told[0].contains(Reason::NoMeasurement.sentence()),
            "{told:?}"
        );
    }

    #[test]
    fn a_node_that_earns_needs_no_excuse() {
        let figures = Attestation {
            contribution: 5,
            cumulative_reward: 1_500_000,
            ..Attestation::zeroed()
        };
        let work = Work {
            active: 1,
            ..Work::zeroed()
        };
        let reward = Reward {
            claimed: 1_000_000,
            ..Reward::zeroed()
        };
        let node = Node::zeroed();
        let status = summary(
            NODE,
            OWNER,
            Some(&node),
            Some(&figures),
            Some(&reward),
            Some(&work),
            Some(Report::default()),
        );
        assert_eq!(status.explanations, Vec::<String>::new());
        assert_eq!((status.claimed, status.unclaimed), (1_000_000, 500_000));
        assert!(
            status
                .to_string()
                .contains("1.000000 LMR claimed, 0.500000 LMR to be claimed")
        );
    }

    #[test]
    fn the_report_is_read_back_by_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("status.json");
        let notes = Notes::new(path.clone());
        notes.change(|report| report.no_task = Some("No job.".into()));
        let read: Report = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(read.no_task.as_deref(), Some("No job."));
    }
}
