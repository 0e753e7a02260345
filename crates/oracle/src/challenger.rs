//! Measures nodes: those, and in those rounds, that the epoch's seed drew this oracle for.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use lumora_client::rounds;
use lumora_core::{
    hash::Hash,
    schedule::{self, NetworkTag, PASSES},
};
use lumora_interface::{
    Address,
    bandwidth::{Epoch, OracleSet},
    registry::Node,
};
use lumora_pob::{Challenger, Claim, Decision, Network, Permit, Reason, SignedReceipt, chunk};
use tokio::{sync::mpsc, time::Instant};

use crate::{config::Measurement, event::Event, oracle::Oracle};

/// Seconds by which a node may be early or late for its round: the chain's clock, as two machines see it, differs by that.
const SLACK: i64 = 2;
/// Seconds by which this machine's clock and the chain's may differ; by more, this machine's is taken to be wrong.
const CLOCK_SLACK: i64 = 10;

/// How much earlier than its instant a node is told to come: for the handshake, milliseconds.
const LEAD_MILLIS: i64 = 700;
/// How early a node may be and is kept waiting, milliseconds; less than [`lumora_pob::LONGEST_HOLD`].
const HOLD_MILLIS: i64 = 1_700;
/// How late a node may be and is measured with its network still, milliseconds.
const LATE_MILLIS: i64 = 250;

/// Measures until the endpoint is closed.
pub async fn serve(oracle: Arc<Oracle>, challenger: &Challenger) {
    let (sender, mut receipts) = mpsc::channel::<SignedReceipt>(64);
    let policy = {
        let oracle = Arc::clone(&oracle);
        move |claim: Claim| {
            let oracle = Arc::clone(&oracle);
            async move { decide(&oracle, claim).await }
        }
    };
    // Waiting for the disk must not keep nodes waiting at the door.
    let keeping = tokio::spawn(async move {
        while let Some(signed) = receipts.recv().await {
            keep(&oracle, &signed);
        }
    });
    challenger.serve(policy, sender).await;
    // Fails only when the runtime is going down.
    let _ = keeping.await;
}

fn keep(oracle: &Oracle, signed: &SignedReceipt) {
    let receipt = signed.receipt;
    if let Err(error) = oracle.store.add_receipt(signed) {
        oracle.trouble(format!("a receipt is lost: {error}"));
    }
    oracle.tell(Event::Measured {
        epoch: receipt.epoch,
        round: receipt.round,
        node: Address::new_from_array(receipt.node),
        down_kbps: receipt.down.kbps,
        up_kbps: receipt.up.kbps,
        rtt_us: receipt.min_rtt_us,
        bytes: chunk::total(receipt.down.chunks) + chunk::total(receipt.up.chunks),
        reason: receipt.reason,
        sentence: Reason::from_code(receipt.reason)
            .map_or("", Reason::sentence)
            .to_owned(),
    });
}

async fn decide(oracle: &Oracle, claim: Claim) -> Decision {
    let network = tag(&oracle.network_salt, claim.address.ip(), &claim.node);
    if let Some(address) = oracle.front.elsewhere(&network) {
        return Decision::Elsewhere { address };
    }
    let decided = match admit(oracle, &claim).await {
        Ok(admitted) => when(oracle, &claim, network, &admitted),
        Err(refusal) => Err(refusal),
    };
    match decided {
        Ok(decision) => decision,
        Err((reason, sentence)) => {
            let node = Address::new_from_array(claim.node);
            let why = format!(
                "{node} was not measured in epoch {}, round {}: {sentence}",
                claim.epoch, claim.round
            );
            oracle.tell(Event::MeasurementFailed { why });
            Decision::Refuse {
                reason: reason as u8,
                sentence,
            }
        }
    }
}

/// A node that this oracle measures in this round.
struct Admitted {
    limit_kbps: u32,
    /// The seed of the epoch, and when the round begins and ends, Unix milliseconds.
    seed: Hash,
    round: (i64, i64),
    /// Place of this oracle in the node's list of challengers, and their number.
    order: (usize, usize),
    /// This machine's clock or, where that is wrong, the chain's: Unix milliseconds.
    now: i64,
}

/// At once where a node is alone on its network; at the network's next instant where it is not.
fn when(
    oracle: &Oracle,
    claim: &Claim,
    network: NetworkTag,
    admitted: &Admitted,
) -> Result<Decision, (Reason, String)> {
    let mut permit = Permit {
        network,
        ..Permit::up_to(admitted.limit_kbps)
    };
    if oracle.crowd.meet(claim.epoch, network, claim.node) {
        match turn(admitted, claim.round, &network) {
            Turn::AtOnce => {}
            Turn::At { pass, millis } => permit.instant = Some((pass, Instant::now() + Duration::from_millis(millis))),
            Turn::Later { millis } => return Ok(Decision::Later { millis }),
            Turn::Over => {
                let sentence = "The nodes of its network have been measured in this round: come in the next one.";
                return Err((Reason::RoundsMissed, sentence.into()));
            }
        }
    }
    Ok(Decision::Allow(permit))
}

/// Tells which network an address belongs to. Loopback is no network: every node there is on its own.
fn tag(salt: &[u8; 32], address: IpAddr, node: &Hash) -> NetworkTag {
    if address.to_canonical().is_loopback() {
        schedule::network_tag(salt, node)
    } else {
        schedule::network_tag(salt, Network::of(address).prefix())
    }
}

/// When a node of a shared network is measured.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    /// The round is too short for instants.
    AtOnce,
    /// In so many milliseconds.
    At { pass: u8, millis: u64 },
    /// It is to come again in so many milliseconds.
    Later { millis: u32 },
    /// Not in this round any more.
    Over,
}

fn turn(admitted: &Admitted, round: u32, network: &NetworkTag) -> Turn {
    let ((begin, end), (order, count)) = (admitted.round, admitted.order);
    for pass in 0..PASSES {
        let offset = schedule::instant_millis(&admitted.seed, round, network, pass, order, count, end - begin);
        let Some(offset) = offset else { return Turn::AtOnce };
        let early = begin + offset - admitted.now;
        if early > HOLD_MILLIS {
            let millis = u32::try_from(early - LEAD_MILLIS).unwrap_or(u32::MAX);
            return Turn::Later { millis };
        }
        if early >= -LATE_MILLIS {
            let millis = early.max(0).unsigned_abs();
            return Turn::At { pass, millis };
        }
    }
    Turn::Over
}

/// This machine's clock, which is steady and common to all that set theirs; the chain's, in whole seconds, where they
/// disagree.
fn now_millis(chain: i64) -> i64 {
    let machine = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|elapsed| i64::try_from(elapsed.as_millis()).ok())
        .unwrap_or_default();
    let chain = chain.saturating_mul(1_000);
    if machine.abs_diff(chain) <= CLOCK_SLACK.unsigned_abs() * 1_000 {
        machine
    } else {
        chain
    }
}

async fn admit(oracle: &Oracle, claim: &Claim) -> Result<Admitted, (Reason, String)> {
    let mut view = oracle.view();
    // A node may learn of a new epoch, or of its seed, before this oracle does.
    let is_undrawn = view.epochs.get(&claim.epoch).is_some_and(|epoch| !epoch.is_drawn());
    if claim.epoch == view.set.next_epoch || is_undrawn {
        oracle.renewed_view().await;
        view = oracle.view();
    }
    let epoch = view.epochs.get(&claim.epoch).ok_or_else(|| {
        let sentence = format!("Epoch {} is not one of the latest on chain.", claim.epoch);
        (Reason::RoundsMissed, sentence)
    })?;
    let own = oracle.index_in(&view);
    is_scheduled(
        &view.set,
        epoch,
        view.now,
        &oracle.measurement,
        own,
        &claim.node,
        claim.round,
    )
    .map_err(|sentence| (Reason::RoundsMissed, sentence))?;
    match oracle.store.is_measured(claim.epoch, claim.round, &claim.node) {
        Ok(false) => {}
        Ok(true) => {
            return Err((
                Reason::RoundsMissed,
                "This node has been measured in this round already.".into(),
            ));
        }
        Err(error) => return Err((Reason::Aborted, error.to_string())),
    }
    let address = Address::new_from_array(claim.node);
    let node = oracle
        .chain
        .node(&address)
        .await
        .map_err(|error| {
            (
                Reason::Aborted,
                format!("The challenger cannot look the node up: {error}"),
            )
        })?
        .ok_or((
            Reason::Aborted,
            format!("There is no node at {address}: register it first."),
        ))?;
    is_entitled(&node, epoch, &claim.prover_key)?;
    let Measurement {
        rounds_per_epoch,
        challengers_per_round,
        ..
    } = oracle.measurement;
    let (begin, end) = rounds::window(epoch, claim.round, rounds_per_epoch);
    let challengers = rounds::challengers(&view.set, epoch, claim.round, &claim.node, challengers_per_round);
    let order = challengers.iter().position(|member| *member == own).unwrap_or_default();
    Ok(Admitted {
        limit_kbps: node.limit_kbps.min(oracle.limit_kbps),
        seed: epoch.seed,
        round: (begin.saturating_mul(1_000), end.saturating_mul(1_000)),
        order: (order, challengers.len()),
        now: now_millis(view.now),
    })
}

/// Whether member `own` measures this node in this round, and now. The sentence says why not.
fn is_scheduled(
    set: &OracleSet,
    epoch: &Epoch,
    now: i64,
    measurement: &Measurement,
    own: usize,
    node: &Hash,
    round: u32,
) -> Result<(), String> {
    if round >= measurement.rounds_per_epoch {
        return Err(format!(
            "An epoch has {} rounds: check `measurement`.",
            measurement.rounds_per_epoch
        ));
    }
    let (begin, end) = rounds::window(epoch, round, measurement.rounds_per_epoch);
    if now < begin - SLACK || now >= end + SLACK || now >= epoch.ends_at {
        return Err(format!(
            "Round {round} is from {begin} to {end}, and it is {now} on the chain's clock."
        ));
    }
    if !epoch.is_drawn() {
        return Err("The epoch's seed is not drawn yet: nobody knows who measures whom.".into());
    }
    if !rounds::challengers(set, epoch, round, node, measurement.challengers_per_round).contains(&own) {
        return Err("This oracle was not drawn to measure this node in this round.".into());
    }
    Ok(())
}

fn is_entitled(node: &Node, epoch: &Epoch, prover_key: &Hash) -> Result<(), (Reason, String)> {
    if !rounds::takes_part(epoch, node.registered_at) {
        let sentence = "The node registered when this epoch had begun: it is measured from the next one on.";
        return Err((Reason::RoundsMissed, sentence.into()));
    }
    if node.transport_key != *prover_key {
        let sentence = "The key of the handshake is not the transport key of the node's account: update the node.";
        return Err((Reason::Aborted, sentence.into()));
    }
    if !node.is_active() {
        return Err((Reason::Paused, Reason::Paused.sentence().into()));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use bytemuck::Zeroable;

    use super::*;

    const MEASUREMENT: Measurement = Measurement {
        rounds_per_epoch: 2,
        challengers_per_round: 2,
        nodes_per_network: 8,
        nodes_per_owner: 8,
    };

    fn network() -> (OracleSet, Epoch, Node) {
        let (mut set, mut epoch, mut node) = (OracleSet::zeroed(), Epoch::zeroed(), Node::zeroed());
        for index in 0..4u8 {
            set.keys[usize::from(index)] = Address::new_from_array([index + 1; 32]);
        }
        (set.count, epoch.members) = (4, 0b1111);
        (epoch.starts_at, epoch.ends_at, epoch.seed) = (1_000, 1_020, [5; 32]);
        node.transport_key = [7; 32];
        (set, epoch, node)
    }

    #[test]
    fn only_drawn_challengers_measure_and_only_in_the_round() {
        let (set, epoch, _) = network();
        let node = [9; 32];
        let drawn = rounds::challengers(&set, &epoch, 1, &node, 2);
        for own in 0..4 {
            let answer = |now, round| is_scheduled(&set, &epoch, now, &MEASUREMENT, own, &node, round);
            assert_eq!(answer(1_012, 1).is_ok(), drawn.contains(&own));
            for now in [1_000, 1_007, 1_020, 1_030] {
                assert!(answer(now, 1).is_err(), "{now}");
            }
            assert!(answer(1_012, 2).unwrap_err().contains("2 rounds"));
        }
        let undrawn = Epoch { seed: [0; 32], ..epoch };
        let refused = is_scheduled(&set, &undrawn, 1_012, &MEASUREMENT, drawn[0], &node, 1);
        assert!(refused.unwrap_err().contains("not drawn"));
    }

    #[test]
    fn neighbours_begin_at_one_instant_whoever_measures_them_and_whenever_they_come() {
        let (network, round) = ([4; 8], (1_000_000, 1_020_000));
        let admitted = |order, now| Admitted {
            limit_kbps: 1,
            seed: [5; 32],
            round,
            order: (order, 3),
            now,
        };
        for order in 0..3 {
            let mut begun = BTreeSet::new();
            let mut now = round.0;
            while now < round.1 {
                match turn(&admitted(order, now), 1, &network) {
                    Turn::At { pass, millis } if millis > 0 => {
                        begun.insert((pass, now + millis as i64));
                        now += 10;
                    }
                    Turn::Later { millis } => {
                        assert!(millis > 0);
                        now += i64::from(millis);
                    }
                    Turn::At { .. } => now += 10,
                    Turn::Over => break,
                    Turn::AtOnce => panic!("a round of twenty seconds has instants"),
                }
            }
            assert_eq!(begun.iter().map(|(pass, _)| *pass).collect::<Vec<_>>(), [0, 1]);
        }
        assert_eq!(turn(&admitted(0, round.1), 1, &network), Turn::Over);
        let short = Admitted {
            round: (0, 2),
            ..admitted(0, 0)
        };
        assert_eq!(turn(&short, 1, &network), Turn::AtOnce);
    }

    #[test]
    fn loopback_is_no_network() {
        let tag = |address: &str, node| tag(&[1; 32], address.parse().unwrap(), &[node; 32]);
        assert_eq!(tag("192.0.2.1", 1), tag("192.0.2.9", 2));
        assert_eq!(tag("192.0.2.1", 1), tag("::ffff:192.0.2.9", 2));
        assert_ne!(tag("192.0.2.1", 1), tag("192.0.3.1", 1));
        assert_ne!(tag("127.0.0.1", 1), tag("127.0.0.1", 2));
    }

    #[test]
    fn only_the_nodes_own_key_is_measured_and_only_while_it_is_active() {
        let (_, epoch, mut node) = network();
        assert!(is_entitled(&node, &epoch, &[7; 32]).is_ok());
        let stranger = is_entitled(&node, &epoch, &[8; 32]);
        assert!(stranger.unwrap_err().1.contains("transport key"));
        node.registered_at = epoch.starts_at;
        let late = is_entitled(&node, &epoch, &[7; 32]);
        assert!(late.unwrap_err().1.contains("from the next one on"));
        node.registered_at -= 1;
        node.status = lumora_interface::registry::status::PAUSED;
        assert_eq!(is_entitled(&node, &epoch, &[7; 32]).unwrap_err().0, Reason::Paused);
    }
}
