//! How a node stands, and why what is zero is zero, or less than it could be.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lumora_client::{keys, oracle_api::OracleClient};
use lumora_core::{median::trimmed_lower_median, reason::Reason};
use lumora_interface::{
    Address,
    bandwidth::{Attestation, attestation_address},
    registry::{Node, node_address},
    rewards::{Reward, reward_address},
    tasks::{Work, work_address},
};
use serde::{Deserialize, Serialize};
use solana_signer::Signer;
use tokio::task::JoinSet;

use crate::{
    config::{Limits, NodeConfig},
    error::{Error, Result},
    event::ShardName,
    plan::{
        allowance::{Stop, gigabytes},
        link::View,
    },
    rewards::sentence,
};

/// Oracles that do not answer within this time are not waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the running agent leaves for others to read, in `status.json` of its folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// Why no shard is claimed, if none is.
    pub no_task: Option<Told>,
    /// Why there is nothing to claim, if there is nothing.
    pub no_reward: Option<Told>,
    /// Why a measurement that was due was not begun, if the latest was not.
    pub not_measured: Option<Told>,
    /// Shards that the node holds.
    pub open_shards: Vec<ShardName>,
    /// How much of the limits is used.
    pub usage: Option<Usage>,
    /// The latest measurements, the last one at the end.
    pub measured: Vec<Measured>,
}

/// A reason: its name for scripts and its sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The name, as `no_job`; of reasons on chain, as `attested_3`.
    pub code: String,
    /// What it means and what to do about it.
    pub sentence: String,
}

impl Told {
    pub(crate) fn new(code: &str, sentence: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            sentence: sentence.into(),
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.sentence, self.code)
    }
}

/// How much of the owner's limits is used. Bytes count both directions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Unix time of these figures.
    pub at: i64,
    /// What stops the node, if something does.
    pub stop: Option<Stop>,
    /// Moved this month.
    pub used_bytes: u64,
    /// Allowed a month, if that is limited.
    pub allowed_bytes: Option<u64>,
    /// Unix time at which the month is over.
    pub month_ends_at: i64,
    /// The link, and who uses it.
    pub link: View,
}

/// A measurement. Rates in kbit/s, zero where it failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Measured {
    pub epoch: u64,
    pub round: u32,
    #[serde(with = "crate::text")]
    pub oracle: Address,
    /// Unix time.
    pub at: i64,
    pub down_kbps: u32,
    pub up_kbps: u32,
    pub rtt_us: u32,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

/// Keeps the report on disk. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Notes {
    /// `None`: kept in memory only.
    path: Option<Arc<PathBuf>>,
    report: Arc<Mutex<Report>>,
}

impl Notes {
    /// The measurements of an earlier run stay; the rest is told anew.
    pub fn new(path: PathBuf) -> Self {
        let measured = read(&path).map(|report| report.measured).unwrap_or_default();
        Self {
            path: Some(Arc::new(path)),
            report: Arc::new(Mutex::new(Report {
                measured,
                ..Report::default()
            })),
        }
    }

    /// Kept in memory only.
    pub fn nowhere() -> Self {
        Self {
            path: None,
            report: Arc::default(),
        }
    }

    /// As it stands.
    pub fn report(&self) -> Report {
        self.report.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
        let Some(path) = &self.path else { return };
        if let Err(error) = write(path, &report) {
            tracing::debug!(%error, path = %path.display(), "the report could not be written");
        }
    }
}

/// What the agent left, if it can be read.
fn read(path: &Path) -> Option<Report> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
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
    /// The limits as configured.
    pub limits: Limits,
    /// What the agent said last; absent if it never ran here.
    pub agent: Option<Report>,
    /// A reason for everything that is zero, or less than it could be.
    pub explanations: Vec<Told>,
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
    /// What buyers' ratings take off the reputation, in parts of 10,000 of a paid shard; absent where no oracle says it.
    pub marred: Option<u64>,
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
    let attestation: Option<Attestation> = connection.fetch_optional(&attestation_address(&node).0).await?;
    let found = Found {
        account: connection.fetch_optional(&node).await?,
        attestation,
        marred: match attestation {
            Some(figures) => marred(config, figures.epoch, node).await,
            None => None,
        },
        reward: connection.fetch_optional(&reward_address(&node).0).await?,
        work: connection.fetch_optional(&work_address(&node).0).await?,
        agent: read(&config.data_dir.join("status.json")),
    };
    Ok(summary(node, owner, &config.limits, found))
}

/// What buyers' ratings took off the node in an epoch: the middle of what the oracles say, for none of them has to be
/// believed.
async fn marred(config: &NodeConfig, epoch: u64, node: Address) -> Option<u64> {
    let mut asked = JoinSet::new();
    for oracle in &config.oracles {
        let url = oracle.http.clone();
        asked.spawn(async move {
            OracleClient::new(url, PATIENCE)
                .ok()?
                .explain(epoch, &node)
                .await
                .ok()?
        });
    }
    let said = asked.join_all().await;
    let mut said: Vec<u64> = said
        .into_iter()
        .flatten()
        .map(|explanation| explanation.marred)
        .collect();
    trimmed_lower_median(&mut said)
}

/// What is known of a node.
#[derive(Default)]
struct Found {
    account: Option<Node>,
    attestation: Option<Attestation>,
    /// See [`Attested::marred`].
    marred: Option<u64>,
    reward: Option<Reward>,
    work: Option<Work>,
    agent: Option<Report>,
}

/// The status that this makes.
fn summary(node: Address, owner: Address, limits: &Limits, found: Found) -> Status {
    let claimed = found.reward.map_or(0, |reward| reward.claimed);
    let attestation = found.attestation;
    let attested = attestation.map(|figures| Attested {
        epoch: figures.epoch,
        down_kbps: figures.down_kbps,
        up_kbps: figures.up_kbps,
        rtt_us: figures.rtt_us,
        uptime_bps: figures.uptime_bps,
        reputation_bps: figures.reputation_bps,
        marred: found.marred,
        reason: figures.reason,
        sentence: sentence(figures.reason).to_owned(),
        contribution: figures.contribution,
        cumulative_reward: figures.cumulative_reward,
    });
    let mut status = Status {
        node,
        owner,
        registration: found.account.map(|account| Registration {
            active: account.is_active(),
            limit_kbps: account.limit_kbps,
            shard_capacity: account.shard_capacity,
            bond: account.bond,
            registered_at: account.registered_at,
        }),
        claimed,
        unclaimed: attestation.map_or(0, |figures| figures.cumulative_reward.saturating_sub(claimed)),
        attested,
        work: found.work.map(|work| WorkDone {
            active: work.active,
            completed: work.completed,
            failed: work.failed,
            expired: work.expired,
            earned: work.earned,
        }),
        limits: limits.clone(),
        agent: found.agent,
        explanations: Vec::new(),
    };
    status.explanations = explain(&status);
    status
}

/// A reason for everything that is zero, or less than it could be.
fn explain(status: &Status) -> Vec<Told> {
    let mut told = Vec::new();
    match &status.registration {
        None => told.push(Told::new(
            "not_registered",
            "The node is not registered. Start it once with `owner_key` in its configuration.",
        )),
        Some(registration) if !registration.active => told.push(attested_reason(Reason::Paused as u8, "")),
        Some(_) => {}
    }
    let report = status.agent.clone().unwrap_or_default();
    if status.agent.is_none() {
        told.push(Told::new(
            "never_run",
            "The agent has not run with this folder yet, so it measures and earns nothing. Start it.",
        ));
    }
    if let Some(stop) = report.usage.as_ref().and_then(|usage| usage.stop) {
        told.push(Told::new(stop.code(), stop.sentence()));
    }
    let is_news = |reason: &Told, told: &[Told]| told.iter().all(|other| other.code != reason.code);
    told.extend(
        report
            .not_measured
            .filter(|reason| is_news(reason, &told))
            .map(|reason| Told {
                sentence: format!("Not measured: {}", reason.sentence),
                ..reason
            }),
    );
    let idle = |attested: &&Attested| attested.contribution == 0;
    if let Some(attested) = status.attested.as_ref().filter(idle) {
        let what = format!("No contribution in epoch {}: ", attested.epoch);
        told.push(attested_reason(attested.reason, &what));
    }
    let marred = status.attested.as_ref().and_then(|attested| attested.marred);
    told.extend(marred.filter(|marred| *marred > 0).map(rated_badly));
    if status.unclaimed == 0 || status.attested.is_none() {
        told.extend(report.no_reward);
    }
    if status.work.as_ref().is_none_or(|work| work.active == 0) {
        told.extend(
            report
                .no_task
                .filter(|reason| is_news(reason, &told))
                .map(|reason| Told {
                    sentence: format!("No shard at the moment: {}", reason.sentence),
                    ..reason
                }),
        );
    }
    told
}

/// What buyers' ratings cost, and what to do about it. Parts of 10,000 of a paid shard.
fn rated_badly(marred: u64) -> Told {
    Told::new(
        "rated_badly",
        format!(
            "Buyers rated data badly that this node was paid for: its reputation counts {}.{:02} paid shards less. Every shard \
             that is paid makes up for a part of it; see \"What ratings do\" in docs/market.md.",
            marred / 10_000,
            marred % 10_000 / 100
        ),
    )
}

/// A reason that oracles attest, behind what it is the reason of.
fn attested_reason(code: u8, of: &str) -> Told {
    Told::new(&format!("attested_{code}"), format!("{of}{}", sentence(code)))
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
        self.fmt_limits(f)?;
        for told in &self.explanations {
            writeln!(f, "- {told}")?;
        }
        Ok(())
    }
}

impl Status {
    fn fmt_limits(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Limits { rate_kbps, hours, .. } = &self.limits;
        write!(f, "limits     {rate_kbps} kbit/s")?;
        match hours.as_slice() {
            [] => writeln!(f, ", at all hours")?,
            hours => {
                let texts: Vec<String> = hours.iter().map(ToString::to_string).collect();
                writeln!(f, ", {}", texts.join(" and "))?;
            }
        }
        let Some(report) = &self.agent else { return Ok(()) };
        if let Some(usage) = &report.usage {
            write!(f, "this month {} GB moved", gigabytes(usage.used_bytes))?;
            match usage.allowed_bytes {
                Some(allowed) => writeln!(
                    f,
                    " of {} GB ({} %)",
                    gigabytes(allowed),
                    u128::from(usage.used_bytes) * 100 / u128::from(allowed.max(1))
                )?,
                None => writeln!(f, ", without a bound")?,
            }
            let link = &usage.link;
            writeln!(
                f,
                "link       {}: others use {} kbit/s down and {} up, the node may use {}",
                link.interface.as_deref().unwrap_or("no interface found"),
                link.others_down_kbps,
                link.others_up_kbps,
                link.rate_kbps
            )?;
        }
        for measured in &report.measured {
            write!(f, "measured   epoch {} round {}: ", measured.epoch, measured.round)?;
            match &measured.error {
                None => writeln!(f, "{} kbit/s down, {} up", measured.down_kbps, measured.up_kbps)?,
                Some(error) => writeln!(f, "{error}")?,
            }
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
    use lumora_interface::registry::status::PAUSED;

    use super::*;

    const NODE: Address = Address::new_from_array([1; 32]);
    const OWNER: Address = Address::new_from_array([2; 32]);

    #[test]
    fn every_zero_has_its_sentence() {
        let report = Report {
            no_task: Some(Told::new("no_job", "No job.")),
            no_reward: Some(Told::new("nothing_attested", "Nothing attested.")),
            ..Report::default()
        };
        let limits = Limits::new(1_000, 2);
        let codes = |told: &[Told]| told.iter().map(|told| told.code.clone()).collect::<Vec<_>>();
        let told = summary(NODE, OWNER, &limits, Found::default()).explanations;
        assert_eq!(codes(&told), ["not_registered", "never_run"]);

        let paused = Node {
            status: PAUSED,
            ..Node::zeroed()
        };
        let found = Found {
            account: Some(paused),
            agent: Some(report.clone()),
            ..Found::default()
        };
        let told = summary(NODE, OWNER, &limits, found).explanations;
        assert_eq!(codes(&told), ["attested_7", "nothing_attested", "no_job"]);
        assert_eq!(told[0].sentence, Reason::Paused.sentence());
        assert_eq!(told[2].to_string(), "No shard at the moment: No job. [no_job]");

        let missed = Attestation {
            reason: Reason::NoMeasurement as u8,
            epoch: 4,
            ..Attestation::zeroed()
        };
        let found = Found {
            account: Some(Node::zeroed()),
            attestation: Some(missed),
            agent: Some(report),
            ..Found::default()
        };
        let told = summary(NODE, OWNER, &limits, found).explanations;
        assert!(
            told[0].sentence.contains("epoch 4") && told[0].sentence.contains(Reason::NoMeasurement.sentence()),
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
        let found = |marred| Found {
            account: Some(Node::zeroed()),
            attestation: Some(figures),
            marred,
            reward: Some(reward),
            work: Some(work),
            agent: Some(Report::default()),
        };
        let limits = Limits::new(1_000, 2);
        for marred in [None, Some(0)] {
            let status = summary(NODE, OWNER, &limits, found(marred));
            assert_eq!(status.explanations, Vec::new());
        }
        let status = summary(NODE, OWNER, &limits, found(Some(12_345)));
        let [told] = &status.explanations[..] else {
            panic!("{:?}", status.explanations)
        };
        assert_eq!(told.code, "rated_badly");
        assert!(told.sentence.contains("counts 1.23 paid shards less"), "{told}");
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
        let measured = Measured {
            epoch: 1,
            round: 0,
            oracle: NODE,
            at: 5,
            down_kbps: 7,
            up_kbps: 7,
            rtt_us: 7,
            error: None,
        };
        notes.change(|report| {
            report.no_task = Some(Told::new("no_job", "No job."));
            report.measured.push(measured.clone());
        });
        assert_eq!(read(&path).unwrap().no_task.unwrap().code, "no_job");
        // What was measured is still so after a restart.
        Notes::new(path.clone()).change(|report| report.no_reward = Some(Told::new("x", "y")));
        assert_eq!(read(&path).unwrap().measured, [measured]);
    }

    #[test]
    fn what_stops_the_node_is_told_once_and_with_what_is_used() {
        let stop = Stop::VolumeUsedUp {
            used: 90_000_000_000,
            allowed: 90_000_000_000,
            turns_at: 0,
        };
        let report = Report {
            usage: Some(Usage {
                at: 0,
                stop: Some(stop),
                used_bytes: 90_000_000_000,
                allowed_bytes: Some(90_000_000_000),
                month_ends_at: 0,
                link: View::default(),
            }),
            no_task: Some(Told::new(stop.code(), stop.sentence())),
            not_measured: Some(Told::new(stop.code(), stop.sentence())),
            ..Report::default()
        };
        let found = Found {
            account: Some(Node::zeroed()),
            agent: Some(report),
            ..Found::default()
        };
        let status = summary(NODE, OWNER, &Limits::new(1_000, 2), found);
        let codes: Vec<_> = status.explanations.iter().map(|told| told.code.as_str()).collect();
        assert_eq!(
            codes.iter().filter(|code| **code == "volume_used_up").count(),
            1,
            "{codes:?}"
        );
        assert!(
            status.to_string().contains("90.0 GB moved of 90.0 GB (100 %)"),
            "{status}"
        );
    }
}
