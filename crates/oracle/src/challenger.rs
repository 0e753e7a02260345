//! Measures nodes: those, and in those rounds, that the epoch's seed drew this oracle for.

use std::sync::Arc;

use lumora_client::rounds;
use lumora_core::hash::Hash;
use lumora_interface::{
    Address,
    bandwidth::{Epoch, OracleSet},
    registry::Node,
};
use lumora_pob::{Challenger, Claim, Decision, Reason, SignedReceipt, chunk};
use tokio::sync::mpsc;

use crate::{config::Measurement, event::Event, oracle::Oracle};

/// Seconds by which a node may be early or late for its round: the chain's clock, as two machines see it, differs by that.
const SLACK: i64 = 2;

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
    match admit(oracle, &claim).await {
        Ok(limit_kbps) => Decision::Allow { limit_kbps },
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

async fn admit(oracle: &Oracle, claim: &Claim) -> Result<u32, (Reason, String)> {
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
    Ok(node.limit_kbps.min(oracle.limit_kbps))
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
    use bytemuck::Zeroable;

    use super::*;

    const MEASUREMENT: Measurement = Measurement {
        rounds_per_epoch: 2,
        challengers_per_round: 2,
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
