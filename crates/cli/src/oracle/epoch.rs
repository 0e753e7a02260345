//! An epoch's figures and how one node's came about, held against the chain.

use anyhow::bail;
use lumora_client::{
    Connection,
    oracle_api::{EpochFigures, EpochState, Explanation, LeafProof, OracleClient},
};
use lumora_core::{reason::Reason, units::Bps};
use lumora_interface::{
    Address,
    bandwidth::{Epoch, epoch_address},
};
use serde::Serialize;
use url::Url;

use crate::output::{lmr, table, thousands};

/// What is shown about an epoch.
#[derive(Serialize)]
pub struct Shown {
    epoch: EpochFigures,
    /// How the oracle's word compares with the chain's.
    chain: Check,
    node: Option<NodeShown>,
}

/// What is shown about a node.
#[derive(Serialize)]
struct NodeShown {
    node: String,
    /// How its figures came about, where this oracle worked them out.
    explanation: Option<Explanation>,
    /// Its leaf, where the epoch is attested.
    leaf: Option<LeafProof>,
    /// How the leaf compares with the root on chain.
    chain: Check,
}

/// How an oracle's word compares with the chain's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Check {
    /// The chain says the same.
    Holds,
    /// The chain says otherwise.
    Differs,
    /// The chain was not asked.
    NotAsked,
    /// The epoch has no attested root on chain.
    NotAttested,
    /// The epoch's account is closed, or was never opened.
    NoAccount,
    /// The oracle has nothing to check.
    Nothing,
}

impl Shown {
    /// An error where the oracle's word is not the chain's, so that scripts notice.
    pub fn verdict(&self) -> anyhow::Result<()> {
        let differs = |check| check == Check::Differs;
        if differs(self.chain) || self.node.as_ref().is_some_and(|node| differs(node.chain)) {
            bail!("the oracle's word is not what the oracles attested on chain: do not rely on this oracle");
        }
        Ok(())
    }
}

/// Asks the oracle, and the chain where there is a connection.
pub async fn look(
    oracle: Url,
    connection: Option<Connection>,
    number: u64,
    node: Option<&Address>,
) -> anyhow::Result<Shown> {
    let client = super::client(oracle)?;
    let Some(epoch) = client.epoch(number).await? else {
        bail!(
            "the oracle at {} knows nothing of epoch {number}. Ask another, or for one of the latest epochs (`lumora oracle \
             status` says which)",
            client.base()
        );
    };
    let account: Option<Epoch> = match &connection {
        Some(connection) => connection.fetch_optional(&epoch_address(number).0).await?,
        None => None,
    };
    let chain = chain_word(connection.is_some(), account.as_ref());
    let node = match node {
        Some(node) => Some(look_at_node(&client, number, node, chain).await?),
        None => None,
    };
    Ok(Shown {
        chain: check_figures(&epoch, chain),
        epoch,
        node,
    })
}

async fn look_at_node(
    client: &OracleClient,
    number: u64,
    node: &Address,
    chain: Result<&Epoch, Check>,
) -> anyhow::Result<NodeShown> {
    let explanation = client.explain(number, node).await?;
    let leaf = client.leaf(number, node).await?;
    if explanation.is_none() && leaf.is_none() {
        bail!(
            "the oracle at {} has no figures of node {node} in epoch {number}",
            client.base()
        );
    }
    Ok(NodeShown {
        node: node.to_string(),
        chain: check_leaf(node, leaf.as_ref(), chain),
        explanation,
        leaf,
    })
}

/// The attested epoch on chain, or why there is none to compare with.
fn chain_word(was_asked: bool, account: Option<&Epoch>) -> Result<&Epoch, Check> {
    match account {
        _ if !was_asked => Err(Check::NotAsked),
        None => Err(Check::NoAccount),
        Some(epoch) if epoch.leaf_count == 0 => Err(Check::NotAttested),
        Some(epoch) => Ok(epoch),
    }
}

fn check_figures(figures: &EpochFigures, chain: Result<&Epoch, Check>) -> Check {
    let chain = match chain {
        Ok(chain) => chain,
        Err(check) => return check,
    };
    let said = (
        figures.root,
        figures.leaf_count,
        figures.total_contribution,
        figures.epoch_reward,
        figures.cumulative_reward,
    );
    let is_so = (
        chain.root,
        chain.leaf_count,
        chain.total_contribution,
        chain.epoch_reward,
        chain.cumulative_reward,
    );
    match (figures.state, said == is_so) {
        (_, true) => Check::Holds,
        // It has not seen the attestation yet.
        (EpochState::Open, false) => Check::Nothing,
        (_, false) => Check::Differs,
    }
}

fn check_leaf(node: &Address, leaf: Option<&LeafProof>, chain: Result<&Epoch, Check>) -> Check {
    match (leaf, chain) {
        (None, _) => Check::Nothing,
        (_, Err(check)) => check,
        (Some(leaf), Ok(chain)) => {
            let is_the_nodes = leaf.figures.node == *node && leaf.figures.epoch == chain.epoch;
            if is_the_nodes && leaf.is_under(&chain.root, chain.leaf_count) {
                Check::Holds
            } else {
                Check::Differs
            }
        }
    }
}

/// For people.
pub fn describe(shown: &Shown) -> String {
    let epoch = &shown.epoch;
    let state = match epoch.state {
        EpochState::Open => "open",
        EpochState::Attested => "attested, and can still be disputed",
        EpochState::Final => "final",
    };
    let mut lines = vec![format!("Epoch {}: {state}", epoch.epoch)];
    if epoch.state != EpochState::Open {
        lines.extend([
            format!("  root          {}", hex::encode(epoch.root)),
            format!("  leaves        {}", thousands(u64::from(epoch.leaf_count))),
            format!("  contribution  {} kbit", thousands(epoch.total_contribution)),
            format!(
                "  rewards       {} LMR, {} LMR since the first epoch",
                lmr(epoch.epoch_reward),
                lmr(epoch.cumulative_reward)
            ),
            format!(
                "  signers       {} of {}, {} needed",
                epoch.signers(),
                epoch.members.len(),
                epoch.quorum
            ),
        ]);
    }
    lines.push(format!("  on chain      {}", figures_sentence(shown.chain)));
    let rows: Vec<Vec<String>> = epoch.members.iter().map(member_row).collect();
    lines.push(table(&["seat", "oracle", "bundle", "used", "signed"], &rows));
    if let Some(node) = &shown.node {
        lines.push(String::new());
        lines.extend(describe_node(node));
    }
    lines.join("\n")
}

fn member_row(member: &lumora_client::oracle_api::EpochMember) -> Vec<String> {
    let yes = |it: bool| if it { "yes" } else { "no" }.to_owned();
    vec![
        member.seat.to_string(),
        member.oracle.to_string(),
        if member.bundle_root == [0; 32] {
            "none".to_owned()
        } else {
            "committed".to_owned()
        },
        yes(member.used),
        yes(member.signed),
    ]
}

fn figures_sentence(check: Check) -> &'static str {
    match check {
        Check::Holds => "the same root and totals",
        Check::Differs => "ANOTHER root or other totals: this oracle is wrong or lies",
        Check::NotAsked => "not checked: name the network with --rpc",
        Check::NotAttested => "not attested",
        Check::NoAccount => "not checked: the epoch's account is closed or was never opened",
        Check::Nothing => "attested in the meantime: ask again",
    }
}

fn leaf_sentence(check: Check) -> &'static str {
    match check {
        Check::Holds => "its leaf is under the root on chain",
        Check::Differs => "its leaf is NOT under the root on chain: this oracle is wrong or lies",
        Check::NotAsked => "its leaf was not checked: name the network with --rpc",
        Check::NotAttested => "the epoch is not attested",
        Check::NoAccount => "its leaf cannot be checked: the epoch's account is closed or was never opened",
        Check::Nothing => "there is no leaf yet: the epoch is not attested",
    }
}

/// Where the reputation comes from: how assignments ended, and what buyers thought of their data.
fn reputation_line(explanation: &Explanation) -> String {
    let Explanation {
        completed,
        failed,
        expired,
        marred,
        ..
    } = *explanation;
    let ratings = match marred {
        0 => "buyers' ratings take nothing off".to_owned(),
        _ => format!(
            "buyers' ratings of data that it was paid for take off {}.{:02} of the paid ones",
            thousands(marred / 10_000),
            marred % 10_000 / 100
        ),
    };
    format!(
        "Reputation: {} of its assignments paid, {} not agreed with, {} expired; {ratings}.",
        thousands(completed),
        thousands(failed),
        thousands(expired)
    )
}

fn describe_node(node: &NodeShown) -> Vec<String> {
    let mut lines = vec![format!("Node {}: {}", node.node, leaf_sentence(node.chain))];
    match (&node.explanation, &node.leaf) {
        (Some(explanation), _) => lines.extend(describe_explanation(explanation)),
        (None, Some(leaf)) => {
            let figures = &leaf.figures;
            lines.push(format!(
                "  {} kbit/s down, {} kbit/s up. This oracle did not work the figures out itself: ask another how they came about",
                thousands(u64::from(figures.down_kbps)),
                thousands(u64::from(figures.up_kbps))
            ));
        }
        (None, None) => {}
    }
    lines
}

fn describe_explanation(explanation: &Explanation) -> Vec<String> {
    let figures = &explanation.figures;
    let mut lines = vec![table(&RATES_WITH_ROUND, &measurement_rows(explanation))];
    if !explanation.challengers.is_empty() {
        lines.push("Each oracle counts once, with the lower median of what it measured:".to_owned());
        lines.push(table(
            &["seat", "oracle", "down kbit/s", "up kbit/s", "rtt us"],
            &challenger_rows(explanation),
        ));
    }
    let rate = thousands(u64::from(figures.down_kbps));
    let limit = thousands(u64::from(explanation.limit_kbps));
    lines.extend([
        format!(
            "The trimmed lower median of these: {rate} kbit/s down, {} kbit/s up, {} us of round trip.",
            thousands(u64::from(figures.up_kbps)),
            thousands(u64::from(figures.rtt_us))
        ),
        format!(
            "Uptime: {} of {} rounds answered, {}; that is {} of {} seconds.",
            explanation.answered_rounds,
            explanation.counted_rounds,
            percent(figures.uptime_bps),
            thousands(u64::from(explanation.available_seconds)),
            thousands(u64::from(explanation.epoch_seconds))
        ),
        format!(
            "Contribution: {rate} kbit/s, at most the limit of {limit} kbit/s, in these seconds: {} kbit of {} kbit in all.",
            thousands(figures.contribution),
            thousands(explanation.total_contribution)
        ),
        reputation_line(explanation),
        format!(
            "Reward: that part of {} LMR, times a reputation of {}: {} LMR; {} LMR since the first epoch.",
            lmr(explanation.amount),
            percent(figures.reputation_bps),
            lmr(explanation.reward),
            lmr(figures.cumulative_reward)
        ),
        format!("Reason: {}", explanation.sentence),
    ]);
    lines
}

const RATES_WITH_ROUND: [&str; 6] = [
    "round",
    "seat",
    "down kbit/s",
    "up kbit/s",
    "rtt us",
    "what became of it",
];

/// Measurements, then what was dropped, by round.
fn measurement_rows(explanation: &Explanation) -> Vec<Vec<String>> {
    let mut rows: Vec<(u32, u8, Vec<String>)> = Vec::new();
    for measurement in &explanation.measurements {
        let fate = match Reason::from_code(measurement.reason) {
            Some(Reason::None) => "counted".to_owned(),
            Some(Reason::AtLimit) => "counted; the node's own limit".to_owned(),
            Some(reason) => format!("failed: {}", reason.sentence()),
            None => format!("failed for the unknown reason {}", measurement.reason),
        };
        let cells =
            [measurement.down_kbps, measurement.up_kbps, measurement.rtt_us].map(|figure| thousands(u64::from(figure)));
        let [down, up, rtt] = cells;
        let (round, seat) = (measurement.round.to_string(), measurement.member.to_string());
        rows.push((
            measurement.round,
            measurement.member,
            vec![round, seat, down, up, rtt, fate],
        ));
    }
    for dropped in &explanation.dropped {
        let (round, seat) = (dropped.round.to_string(), dropped.member.to_string());
        let blank = String::new;
        let fate = format!("dropped: {}", dropped.why);
        rows.push((
            dropped.round,
            dropped.member,
            vec![round, seat, blank(), blank(), blank(), fate],
        ));
    }
    rows.sort();
    rows.into_iter().map(|(_, _, row)| row).collect()
}

fn challenger_rows(explanation: &Explanation) -> Vec<Vec<String>> {
    let row = |challenger: &lumora_client::oracle_api::ExplainedChallenger| {
        vec![
            challenger.member.to_string(),
            challenger.oracle.to_string(),
            thousands(u64::from(challenger.down_kbps)),
            thousands(u64::from(challenger.up_kbps)),
            thousands(u64::from(challenger.rtt_us)),
        ]
    };
    explanation.challengers.iter().map(row).collect()
}

fn percent(bps: u16) -> String {
    let Bps(one) = Bps::ONE;
    format!("{}.{:02} %", bps / (one / 100), bps % (one / 100))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bytemuck::Zeroable;
    use lumora_client::oracle_api::{ExplainedChallenger, ExplainedDrop, ExplainedMeasurement, LeafFigures};
    use lumora_core::{attestation::Leaf, merkle::Tree};

    use super::*;

    fn leaves() -> Vec<Leaf> {
        (1..4)
            .map(|node| Leaf {
                node: [node; 32],
                epoch: 5,
                down_kbps: 8_000,
                uptime_bps: 5_000,
                ..Leaf::default()
            })
            .collect()
    }

    fn proof(index: usize) -> LeafProof {
        let leaves = leaves();
        LeafProof {
            figures: leaves[index].into(),
            index: index as u32,
            count: 3,
            path: tree().path(index as u64).unwrap(),
        }
    }

    fn tree() -> Tree {
        Tree::new(leaves().iter().map(Leaf::hash).collect())
    }

    #[test]
    fn only_a_leaf_under_the_root_on_chain_holds() {
        let mut chain = Epoch::zeroed();
        (chain.epoch, chain.root, chain.leaf_count) = (5, tree().root(), 3);
        let node = Address::new_from_array([2; 32]);
        assert_eq!(check_leaf(&node, Some(&proof(1)), Ok(&chain)), Check::Holds);
        // Another node's leaf, however right, is no answer.
        assert_eq!(check_leaf(&node, Some(&proof(0)), Ok(&chain)), Check::Differs);
        let mut richer = proof(1);
        richer.figures.cumulative_reward += 1;
        assert_eq!(check_leaf(&node, Some(&richer), Ok(&chain)), Check::Differs);
        assert_eq!(
            check_leaf(&node, Some(&proof(1)), Err(Check::NotAsked)),
            Check::NotAsked
        );
        chain.leaf_count = 0;
        assert_eq!(chain_word(true, Some(&chain)), Err(Check::NotAttested));
    }

    #[test]
    fn every_step_from_measurement_to_reward_is_told() {
        let explanation = Explanation {
            figures: LeafFigures::from(leaves()[1]),
            sentence: Reason::RoundsMissed.sentence().to_owned(),
            counted_rounds: 2,
            answered_rounds: 1,
            measurements: vec![ExplainedMeasurement {
                round: 1,
                member: 2,
                down_kbps: 8_000,
                up_kbps: 4_000,
                rtt_us: 900,
                reason: 0,
            }],
            challengers: vec![ExplainedChallenger {
                member: 2,
                oracle: Address::new_from_array([9; 32]),
                down_kbps: 8_000,
                up_kbps: 4_000,
                rtt_us: 900,
            }],
            dropped: vec![ExplainedDrop {
                round: 0,
                member: 1,
                why: "the prover's signature is missing or wrong".into(),
            }],
            limit_kbps: 16_000,
            completed: 40,
            failed: 2,
            expired: 1,
            marred: 12_500,
            epoch_seconds: 60,
            available_seconds: 30,
            total_contribution: 480_000,
            amount: 1_000_000_000,
            reward: 500_000_000,
        };
        let text = describe_explanation(&explanation).join("\n");
        for part in [
            "dropped: the prover's signature",
            "counted",
            "8,000 kbit/s down",
            "1 of 2 rounds answered, 50.00 %; that is 30 of 60 seconds",
            "at most the limit of 16,000 kbit/s",
            "1,000.000000 LMR",
            "500.000000 LMR",
            "40 of its assignments paid, 2 not agreed with, 1 expired",
            "take off 1.25 of the paid ones",
            "Some measurement rounds were missed",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
    }
}
