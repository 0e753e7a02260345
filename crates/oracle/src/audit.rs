//! Works attested epochs out again from an archive, trusting nobody: signatures of receipts, roots of bundles, leaves,
//! totals, and the lifetime figures that go on from epoch to epoch. What the chain says is the measure where there is one.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::RangeInclusive,
};

use lumora_client::{Connection, history};
use lumora_core::{attestation::Leaf, hash::Hash};
use lumora_interface::{
    Address,
    bandwidth::{Epoch, EpochAttested, ORACLE_SET, OracleSet, epoch_address, epoch_state},
    rewards::{EMISSION, Emission},
};
use serde::Serialize;

use crate::{
    aggregate::{self, Aggregate, Carried, aggregate},
    archive::{Archive, ReceiptRow, Record, SightingRow},
    bundle::Bundle,
    error::Result,
    evidence::evidence,
};

/// What was found out about some epochs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// Those that are archived, or attested and not archived, in order.
    pub epochs: Vec<EpochAudit>,
}

impl Audit {
    /// Number of differences in all.
    pub fn differences(&self) -> usize {
        self.epochs.iter().map(|epoch| epoch.differences.len()).sum()
    }
}

/// What was found out about one epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EpochAudit {
    /// The epoch.
    pub epoch: u64,
    /// Receipts in the archive, and of them those that count.
    pub receipts: usize,
    /// See `receipts`.
    pub counted: usize,
    /// Leaves worked out.
    pub leaves: usize,
    /// Whether it was held against the chain.
    pub checked_on_chain: bool,
    /// What is not as it was attested; empty where all is.
    pub differences: Vec<Difference>,
}

/// Something that is not as it was attested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "difference", rename_all = "snake_case")]
pub enum Difference {
    /// The epoch was attested, and is not in the archive.
    Missing,
    /// An object of the archive cannot be read.
    Unreadable {
        /// Why.
        why: String,
    },
    /// A receipt does not hold, and is not what its oracle committed to either.
    Receipt {
        /// Seat of the oracle in whose bundle it stands.
        member: u8,
        /// Its round.
        round: u32,
        /// Its node.
        node: String,
        /// What is wrong with it.
        why: String,
    },
    /// The rows of a member are not the bundle that it committed to.
    Bundle {
        /// Seat of the oracle.
        member: u8,
    },
    /// A row of a member whose bundle was not used.
    Stranger {
        /// Seat that the row names.
        member: u8,
    },
    /// A figure of a node comes out otherwise.
    Node {
        /// The node.
        node: String,
        /// What the figure is called.
        figure: &'static str,
        /// As attested, zero where the node had no leaf.
        attested: u64,
        /// As worked out, zero where the node has no leaf.
        computed: u64,
    },
    /// A total, or the number of leaves, comes out otherwise.
    Total {
        /// What it is called.
        figure: &'static str,
        /// As attested.
        attested: u64,
        /// As worked out.
        computed: u64,
    },
    /// The root comes out otherwise.
    Root {
        /// As attested, hexadecimal.
        attested: String,
        /// As worked out, hexadecimal.
        computed: String,
    },
    /// The archive's record is not what the chain says.
    Chain {
        /// What it is about.
        what: &'static str,
    },
    /// The epoch does not go on from where the one before it ended.
    Base {
        /// Why.
        why: String,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => write!(out, "it was attested, and is not in the archive"),
            Self::Unreadable { why } => write!(out, "{why}"),
            Self::Receipt {
                member,
                round,
                node,
                why,
            } => write!(
                out,
                "the receipt of oracle {member} about node {node} in round {round} was changed: {why}"
            ),
            Self::Bundle { member } => write!(
                out,
                "the receipts and sightings of oracle {member} are not the bundle that it committed to"
            ),
            Self::Stranger { member } => write!(
                out,
                "there are rows of oracle {member}, whose bundle the attested figures do not rest on"
            ),
            Self::Node {
                node,
                figure,
                attested,
                computed,
            } => write!(
                out,
                "node {node}: its {figure} was attested as {attested} and comes out as {computed}"
            ),
            Self::Total {
                figure,
                attested,
                computed,
            } => write!(
                out,
                "the {figure} was attested as {attested} and comes out as {computed}"
            ),
            Self::Root { attested, computed } => {
                write!(out, "the root was attested as {attested} and comes out as {computed}")
            }
            Self::Chain { what } => write!(out, "the archive's {what} is not the one on chain"),
            Self::Base { why } => write!(out, "{why}"),
        }
    }
}

/// What the chain says about an attested epoch; of one whose account is closed, less.
struct ChainWord {
    root: Hash,
    leaf_count: u32,
    total_contribution: u64,
    epoch_reward: u64,
    bundles: u32,
    account: Option<Box<Epoch>>,
}

/// Where the chain is asked.
struct Chain<'a> {
    connection: &'a Connection,
    set: Box<OracleSet>,
    emission: Emission,
}

/// Works out a range of epochs again, and tells `progress` which one is next. Without a connection the archive is held
/// against itself only: whoever wrote it could have invented all of it.
pub async fn audit(
    archive: &Archive,
    epochs: RangeInclusive<u64>,
    connection: Option<&Connection>,
    mut progress: impl FnMut(u64),
) -> Result<Audit> {
    let chain = match connection {
        Some(connection) => Some(Chain {
            connection,
            set: Box::new(connection.fetch(&ORACLE_SET).await?),
            emission: connection.fetch(&EMISSION).await?,
        }),
        None => None,
    };
    let mut audits = Vec::new();
    // The epoch worked out last, with what it came to.
    let mut last: Option<(u64, BTreeMap<Hash, Carried>)> = None;
    for number in epochs {
        progress(number);
        let word = match &chain {
            Some(chain) => chain.word(number).await?,
            None => None,
        };
        let Some(record) = archive.record(number).await? else {
            if word.is_some() {
                audits.push(EpochAudit::of(number, true, vec![Difference::Missing]));
            }
            continue;
        };
        let mut differences = match (&chain, &word) {
            (Some(chain), Some(word)) => chain.compare(&record, word),
            (Some(_), None) => vec![Difference::Chain { what: "attestation" }],
            (None, _) => vec![],
        };
        let carried = match last.take() {
            Some((before, carried)) if record.previous == Some(before) => carried,
            _ => base(archive, &record, &mut differences).await?,
        };
        let (audit, carried) = recompute(archive, record, carried, word.is_some(), differences).await?;
        audits.push(audit);
        last = carried.map(|carried| (number, carried));
    }
    Ok(Audit { epochs: audits })
}

impl EpochAudit {
    fn of(epoch: u64, checked_on_chain: bool, differences: Vec<Difference>) -> Self {
        Self {
            epoch,
            receipts: 0,
            counted: 0,
            leaves: 0,
            checked_on_chain,
            differences,
        }
    }
}

impl Chain<'_> {
    /// What the chain says; `None` where the epoch was never attested. Of an account that is closed, its history speaks.
    async fn word(&self, number: u64) -> Result<Option<ChainWord>> {
        let address = epoch_address(number).0;
        if let Some(epoch) = self.connection.fetch_optional::<Epoch>(&address).await? {
            return Ok((epoch.state == epoch_state::ATTESTED).then(|| ChainWord {
                root: epoch.root,
                leaf_count: epoch.leaf_count,
                total_contribution: epoch.total_contribution,
                epoch_reward: epoch.epoch_reward,
                bundles: epoch.bundles,
                account: Some(Box::new(epoch)),
            }));
        }
        let history = history::history(self.connection, &address).await?;
        // Of an epoch that was reopened, the last word counts.
        let attested = history.iter().flat_map(|entry| entry.events::<EpochAttested>()).last();
        Ok(attested.map(|attested| ChainWord {
            root: attested.root,
            leaf_count: attested.leaf_count,
            total_contribution: attested.total_contribution,
            epoch_reward: attested.epoch_reward,
            bundles: attested.bundles,
            account: None,
        }))
    }

    /// Where the archive's record is not what the chain says: then what is worked out by it proves nothing.
    fn compare(&self, record: &Record, word: &ChainWord) -> Vec<Difference> {
        let used = record
            .used()
            .fold(0u32, |bits, member| bits | 1u32.unbounded_shl(u32::from(member.seat)));
        let mut checks = vec![
            ("root", record.root == word.root),
            ("number of leaves", record.leaf_count == word.leaf_count),
            (
                "total contribution",
                record.total_contribution == word.total_contribution,
            ),
            ("total reward", record.epoch_reward == word.epoch_reward),
            ("list of bundles used", used == word.bundles),
            (
                "emission",
                record.amount == self.emission.schedule().amount(record.epoch).0,
            ),
        ];
        if let Some(epoch) = &word.account {
            let seconds = epoch.ends_at.saturating_sub(epoch.starts_at);
            let members = record
                .members
                .iter()
                .fold(0u32, |bits, member| bits | 1u32.unbounded_shl(u32::from(member.seat)));
            checks.extend([
                ("seed", record.seed == epoch.seed),
                ("length", i64::from(record.seconds) == seconds),
                ("set version", record.set_version == epoch.set_version),
                ("sum of rewards", record.cumulative_reward == epoch.cumulative_reward),
                (
                    "list of members",
                    members == epoch.members && record.members.iter().all(|member| self.is_seated(epoch, member)),
                ),
                (
                    "list of committed bundles",
                    record
                        .used()
                        .all(|member| epoch.bundle_roots[usize::from(member.seat)] == member.bundle_root),
                ),
            ]);
        }
        let wrong = checks.into_iter().filter(|(_, is_right)| !is_right);
        wrong.map(|(what, _)| Difference::Chain { what }).collect()
    }

    /// Whether a seat is the one that the record says. A seat that was given to another since says nothing about then.
    fn is_seated(&self, epoch: &Epoch, member: &crate::archive::RecordedMember) -> bool {
        let seat = usize::from(member.seat);
        let is_another_by_now = self.set.since.get(seat).is_none_or(|since| *since > epoch.epoch);
        is_another_by_now || self.set.keys.get(seat) == Some(&member.oracle)
    }
}

/// The lifetime figures that an epoch starts from, where the one before it was not worked out just now.
async fn base(
    archive: &Archive,
    record: &Record,
    differences: &mut Vec<Difference>,
) -> Result<BTreeMap<Hash, Carried>> {
    let Some(previous) = record.previous else {
        if record.cumulative_reward != record.epoch_reward {
            let why = "it is archived as the first epoch, but rewards were paid before".to_owned();
            differences.push(Difference::Base { why });
        }
        return Ok(BTreeMap::new());
    };
    let Some(before) = archive.record(previous).await? else {
        let why = format!("epoch {previous}, from whose figures it goes on, is not in the archive");
        differences.push(Difference::Base { why });
        return Ok(BTreeMap::new());
    };
    let leaves = archive.leaves(previous).await?;
    let is_attested = aggregate::tree(&leaves).root() == before.root;
    if !is_attested || before.cumulative_reward != record.cumulative_reward.saturating_sub(record.epoch_reward) {
        let why = format!("the leaves of epoch {previous} in the archive are not those that it goes on from");
        differences.push(Difference::Base { why });
    }
    Ok(carry(&leaves))
}

fn carry(leaves: &[Leaf]) -> BTreeMap<Hash, Carried> {
    leaves
        .iter()
        .map(|leaf| {
            let carried = Carried {
                contribution: leaf.cumulative_contribution,
                reward: leaf.cumulative_reward,
            };
            (leaf.node, carried)
        })
        .collect()
}

/// Works one epoch out. Also what the next one starts from, where it came out as attested.
async fn recompute(
    archive: &Archive,
    record: Record,
    carried: BTreeMap<Hash, Carried>,
    checked_on_chain: bool,
    mut differences: Vec<Difference>,
) -> Result<(EpochAudit, Option<BTreeMap<Hash, Carried>>)> {
    let number = record.epoch;
    let read = async || -> std::result::Result<_, crate::archive::ArchiveError> {
        Ok((
            archive.receipts(number).await?,
            archive.sightings(number).await?,
            archive.leaves(number).await?,
        ))
    };
    let (receipts, sightings, leaves) = match read().await {
        Ok(rows) => rows,
        Err(error) => {
            let why = error.to_string();
            differences.push(Difference::Unreadable { why });
            return Ok((EpochAudit::of(number, checked_on_chain, differences), None));
        }
    };
    let count = receipts.len();
    let worked_out = tokio::task::spawn_blocking(move || {
        let bundles = bundles(&record, receipts, sightings, &mut differences);
        let rules = record.rules();
        let used: BTreeSet<u8> = bundles.keys().copied().collect();
        let mut evidence = evidence(&rules, &bundles);
        let result = aggregate(&rules, &used, &evidence.nodes, &mut evidence.measurements, &carried);
        compare(&record, &leaves, &result, &mut differences);
        (evidence.measurements.len(), result, differences, leaves)
    });
    let (counted, result, differences, leaves) = worked_out.await.expect("aggregation is total: it does not panic");
    let audit = EpochAudit {
        epoch: number,
        receipts: count,
        counted,
        leaves: result.leaves.len(),
        checked_on_chain,
        differences,
    };
    // Epochs are audited each by itself: one that differs must not make all that follow differ too.
    let is_as_attested = result.leaves == leaves;
    Ok((audit, is_as_attested.then(|| carry(&result.leaves))))
}

/// The bundles that the rows make up, by seat. Rows of a bundle that is not the committed one are looked at one by one.
fn bundles(
    record: &Record,
    receipts: Vec<ReceiptRow>,
    sightings: Vec<SightingRow>,
    differences: &mut Vec<Difference>,
) -> BTreeMap<u8, Bundle> {
    let mut rows: BTreeMap<u8, (Vec<_>, Vec<_>)> = BTreeMap::new();
    for row in receipts {
        rows.entry(row.member).or_default().0.push(row.signed);
    }
    for row in sightings {
        rows.entry(row.member).or_default().1.push(row.sighting);
    }
    let mut bundles = BTreeMap::new();
    for member in record.used() {
        let (receipts, sightings) = rows.remove(&member.seat).unwrap_or_default();
        let changed: Vec<Difference> = receipts
            .iter()
            .filter_map(|signed| {
                let why = why_not(record, &member.oracle, signed)?;
                Some(Difference::Receipt {
                    member: member.seat,
                    round: signed.receipt.round,
                    node: Address::new_from_array(signed.receipt.node).to_string(),
                    why,
                })
            })
            .collect();
        let bundle = Bundle::new(
            record.network_id,
            record.epoch,
            member.oracle.to_bytes(),
            receipts,
            sightings,
        );
        // A receipt that does not hold may well be what its oracle committed to: then it was dropped, rightly.
        if bundle.root() != member.bundle_root {
            differences.push(Difference::Bundle { member: member.seat });
            differences.extend(changed);
        }
        bundles.insert(member.seat, bundle);
    }
    differences.extend(rows.into_keys().map(|member| Difference::Stranger { member }));
    bundles
}

/// What is wrong with a receipt in itself.
fn why_not(record: &Record, oracle: &Address, signed: &lumora_pob::SignedReceipt) -> Option<String> {
    let receipt = &signed.receipt;
    if receipt.network_id != record.network_id || receipt.epoch != record.epoch {
        return Some("it is of another network or epoch".into());
    }
    if receipt.challenger_key != oracle.to_bytes() {
        return Some("its challenger is not the author of the bundle".into());
    }
    signed.verify().err().map(|error| error.to_string())
}

/// Compares what was attested with what comes out.
fn compare(record: &Record, attested: &[Leaf], result: &Aggregate, differences: &mut Vec<Difference>) {
    let by_node = |leaves: &[Leaf]| -> BTreeMap<Hash, Leaf> { leaves.iter().map(|leaf| (leaf.node, *leaf)).collect() };
    let (before, after) = (by_node(attested), by_node(&result.leaves));
    for node in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        let figures = |leaves: &BTreeMap<Hash, Leaf>| figures(&leaves.get(node).copied().unwrap_or_default());
        for ((figure, attested), (_, computed)) in figures(&before).into_iter().zip(figures(&after)) {
            if attested != computed {
                differences.push(Difference::Node {
                    node: Address::new_from_array(*node).to_string(),
                    figure,
                    attested,
                    computed,
                });
            }
        }
    }
    let totals = [
        (
            "number of leaves",
            u64::from(record.leaf_count),
            result.leaves.len() as u64,
        ),
        (
            "total contribution",
            record.total_contribution,
            result.total_contribution,
        ),
        ("total reward", record.epoch_reward, result.epoch_reward),
        ("sum of rewards", record.cumulative_reward, result.cumulative_reward),
    ];
    for (figure, attested, computed) in totals {
        if attested != computed {
            differences.push(Difference::Total {
                figure,
                attested,
                computed,
            });
        }
    }
    let root = result.tree().root();
    if root != record.root {
        differences.push(Difference::Root {
            attested: hex::encode(record.root),
            computed: hex::encode(root),
        });
    }
}

/// A leaf's figures with their names.
fn figures(leaf: &Leaf) -> [(&'static str, u64); 9] {
    [
        ("rate towards it (kbit/s)", leaf.down_kbps.into()),
        ("rate from it (kbit/s)", leaf.up_kbps.into()),
        ("round trip (us)", leaf.rtt_us.into()),
        ("uptime (bp)", leaf.uptime_bps.into()),
        ("reputation (bp)", leaf.reputation_bps.into()),
        ("reason", leaf.reason.into()),
        ("contribution (kbit)", leaf.contribution),
        ("lifetime contribution (kbit)", leaf.cumulative_contribution),
        ("lifetime reward (LMR base units)", leaf.cumulative_reward),
    ]
}
