//! Reads, concludes, signs, and brings a quorum's signatures to the chain. Beside the epochs, and without holding them up.

use std::{collections::BTreeMap, future::pending, sync::Arc, time::Duration};

use lumora_client::oracle_api::{AdaptationReport, SignedAdaptation};
use lumora_core::adaptation::{Figures, Proposal, propose};
use lumora_interface::{
    bandwidth::{AdaptRankingArguments, adaptation},
    registry::Network,
};
use tokio::{task::JoinSet, time::sleep};

use super::{
    figures::figures,
    window::{Standing, Window},
};
use crate::{error::Result, event::Event, oracle::Oracle};

/// After something failed, or was sent, it is looked again so much later.
const REST: Duration = Duration::from_secs(5);

/// Where the others do not say the same (yet), they are asked again so much later.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// Follows what is measured for ever; never where it is not wanted.
pub(crate) async fn follow(oracle: Arc<Oracle>, enabled: bool) {
    if !enabled {
        tracing::info!("the score is not adapted by this oracle: the configuration has `adaptation = false`");
        return pending().await;
    }
    // A task of its own, which ends with this future: however long it reads, epochs are not kept waiting.
    let mut task = JoinSet::new();
    task.spawn(work(Arc::clone(&oracle)));
    if let Some(Err(error)) = task.join_next().await {
        oracle.trouble(format!("the score is not adapted any more: {error}"));
    }
    pending().await
}

/// What was measured in an epoch; it is read once.
struct Measured {
    epoch: u64,
    figures: Figures,
}

async fn work(oracle: Arc<Oracle>) {
    let mut measured = None;
    let mut views = oracle.views();
    loop {
        if let Err(error) = look(&oracle, &mut measured).await {
            oracle.trouble(format!("adapting the score: {error}"));
            sleep(REST).await;
        }
        if views.changed().await.is_err() {
            return;
        }
    }
}

/// One look: whether there is a window, what its figures are, what follows, and whether enough others say the same.
async fn look(oracle: &Oracle, measured: &mut Option<Measured>) -> Result<()> {
    let view = oracle.view();
    let Some(window) = Window::of(&view) else { return Ok(()) };
    let network = oracle.chain.network().await?;
    if Standing::of(&network, &window, view.now) != Standing::Open {
        return Ok(());
    }
    let epoch = window.epoch.epoch;
    if measured.as_ref().is_none_or(|it| it.epoch != epoch) {
        if !window.is_rooted(oracle.chain.slot().await?) {
            return Ok(());
        }
        let entries = oracle.chain.work_in(&window.slots).await?;
        let figures = figures(&entries, network.max_wait_seconds);
        tell(oracle, &network, epoch, &figures);
        clear_away(oracle, &network).await;
        *measured = Some(Measured { epoch, figures });
    }
    let Some(Measured { figures, .. }) = measured else {
        return Ok(());
    };
    let Some(arguments) = conclude(&network, &window, figures) else {
        return Ok(());
    };
    let own = SignedAdaptation::sign(&oracle.key, &arguments);
    if let Some(report) = oracle.board.read().filter(|report| report.signed != Some(own)) {
        oracle.board.put(AdaptationReport {
            signed: Some(own),
            ..report
        });
    }
    let signed = collect(oracle, &window, own).await;
    if signed.len() < usize::from(window.epoch.quorum) {
        // Others may read more slowly.
        sleep(ASK_AGAIN).await;
        return Ok(());
    }
    submit(oracle, &window, network.adaptations, &arguments, &signed).await
}

fn proposal(network: &Network, figures: &Figures) -> Proposal {
    propose(&network.base_tuning(), &network.tuning(), figures)
}

/// What there is to sign about these figures; `None` where nothing is to change.
fn conclude(network: &Network, window: &Window, figures: &Figures) -> Option<AdaptRankingArguments> {
    let proposal = proposal(network, figures);
    if proposal.to == network.tuning() {
        return None;
    }
    let unsigned = AdaptRankingArguments {
        digest: [0; 32],
        weights: proposal.to.weights().map(|weight| weight.0),
        max_wait_seconds: u32::try_from(proposal.to.max_wait.0).ok()?,
        reasons: proposal.reasons(),
        expires_at: window.expires_at(),
    };
    let digest = adaptation(network, &window.epoch, &unsigned).digest();
    Some(AdaptRankingArguments { digest, ..unsigned })
}

/// Says what was concluded, to whoever watches and whoever asks.
fn tell(oracle: &Oracle, network: &Network, epoch: u64, figures: &Figures) {
    let proposal = proposal(network, figures);
    let report = AdaptationReport::new(epoch, figures, &network.tuning(), &proposal);
    oracle.tell(Event::RankingJudged {
        epoch,
        claims: figures.claims,
        weights: report.to.weights,
        max_wait_seconds: report.to.max_wait_seconds,
        changes: report.to != report.from,
        wait_reason: report.wait_reason.clone(),
        weights_reason: report.weights_reason.clone(),
    });
    oracle.board.put(report);
}

/// The signatures of the epoch's members under what came out here, this oracle's own among them, by seat.
async fn collect(oracle: &Oracle, window: &Window, own: SignedAdaptation) -> BTreeMap<usize, SignedAdaptation> {
    let view = oracle.view();
    let others = oracle.peers.adaptations(&own.digest).await;
    let mut signed = BTreeMap::new();
    for one in others.into_iter().chain([own]) {
        let seat = view.set.index_of(&one.oracle);
        let is_member =
            |seat: &usize| window.epoch.members >> seat & 1 == 1 && view.set.serves(*seat, window.epoch.epoch);
        if let Some(seat) = seat.filter(is_member) {
            signed.insert(seat, one);
        }
    }
    signed
}

/// Brings the signatures to the chain, unless another oracle does when its turn comes before.
async fn submit(
    oracle: &Oracle,
    window: &Window,
    sequence: u32,
    arguments: &AdaptRankingArguments,
    signed: &BTreeMap<usize, SignedAdaptation>,
) -> Result<()> {
    let view = oracle.view();
    sleep(oracle.patience(view.turn(oracle.index_in(&view), window.epoch.epoch))).await;
    let landed = oracle
        .chain
        .adapt(window.epoch.epoch, sequence, arguments, signed)
        .await?;
    if let Some(signature) = landed {
        oracle.tell(Event::RankingAdapted {
            epoch: window.epoch.epoch,
            weights: arguments.weights,
            max_wait_seconds: arguments.max_wait_seconds,
            signature,
        });
    }
    oracle.renewed_view().await;
    Ok(())
}

/// Closes the accounts of adaptations that found no quorum, where it is this oracle's turn; their rent goes to who paid it.
async fn clear_away(oracle: &Oracle, network: &Network) {
    let view = oracle.view();
    if view.turn(oracle.index_in(&view), view.set.next_epoch) != 0 {
        return;
    }
    match oracle.chain.close_void_adaptations(network, view.now).await {
        Ok(signatures) => {
            for signature in signatures {
                oracle.tell(Event::AdaptationClosed { signature });
            }
        }
        Err(error) => oracle.trouble(format!("closing the account of an adaptation: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;
    use lumora_interface::{bandwidth::Epoch, registry::NetworkParameters};

    use super::*;

    fn network() -> Network {
        let mut network = Network::zeroed();
        network.set_parameters(&NetworkParameters {
            weights: [4_000, 3_000, 2_000, 1_000],
            max_wait_seconds: 60,
            ..NetworkParameters::zeroed()
        });
        network
    }

    fn window() -> Window {
        Window {
            epoch: Epoch {
                epoch: 7,
                set_version: 3,
                final_at: 100,
                ..Epoch::zeroed()
            },
            slots: 1..2,
        }
    }

    #[test]
    fn what_is_signed_follows_from_the_chain_and_the_figures_alone() {
        let racing = Figures {
            claims: 100,
            refused: 20,
            ..Figures::default()
        };
        let calm = Figures { refused: 7, ..racing };
        assert_eq!(conclude(&network(), &window(), &calm), None);
        let signed =
            conclude(&network(), &window(), &racing).map(|it| (it.max_wait_seconds, it.reasons, it.expires_at));
        assert_eq!(signed, Some((66, [2, 0], 160)));
        let digest = |network: &Network, window: &Window| conclude(network, window, &racing).map(|it| it.digest);
        let base = digest(&network(), &window());
        assert_eq!(digest(&network(), &window()), base);
        let mut adapted = network();
        adapted.adaptations = 1;
        assert_ne!(digest(&adapted, &window()), base);
        let mut later = window();
        later.epoch.epoch = 8;
        assert_ne!(digest(&network(), &later), base);
    }
}
