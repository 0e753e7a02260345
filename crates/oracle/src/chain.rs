//! The chain as the oracle sees it: one view that is renewed all the time, and the things that it sends.

mod adaptation;
mod transactions;
mod verdicts;
mod watch;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use lumora_client::{
    Connection, Outcome, Sender, bandwidth as instructions,
    oracle_api::{EpochFigures, EpochMember, EpochState, SignedStatement, Standing},
    rewards, rounds,
};
use lumora_core::{hash::Hash, units::Seconds};
use lumora_interface::{
    Address,
    bandwidth::{
        CommitBundleArguments, Epoch, ORACLE_SET, OracleSet, SubmitAttestationArguments, epoch_address, epoch_state,
        member,
    },
    registry::Node,
    rewards::{EMISSION, Emission},
    tasks::Work,
};
use solana_keypair::Keypair;

use crate::{bundle::Sighting, error::Result};

/// Epochs before the next that are watched, besides the one attested last.
const WATCHED: u64 = 16;

/// Signatures that fit into one transaction beside the attestation.
const SIGNATURES_PER_TRANSACTION: usize = 6;

/// Pause before it is looked again whether a slot has come.
const SLOT_PAUSE: Duration = Duration::from_millis(200);

/// What the chain says at one time.
#[derive(Clone)]
pub struct View {
    /// When it was looked at, by this machine's clock.
    pub looked_at: Instant,
    /// The chain's clock, Unix seconds.
    pub now: i64,
    /// The oracles.
    pub set: OracleSet,
    /// The latest epochs, and the one attested last.
    pub epochs: BTreeMap<u64, Epoch>,
    /// The emission schedule and what was minted.
    pub emission: Emission,
}

impl View {
    /// The epoch being measured.
    pub fn current(&self) -> Option<&Epoch> {
        self.epochs
            .values()
            .next_back()
            .filter(|epoch| self.now < epoch.ends_at)
    }

    /// The epoch attested last.
    pub fn latest_attested(&self) -> Option<&Epoch> {
        self.epochs.get(&self.set.attestable_from.checked_sub(1)?)
    }

    /// Roots of the bundles committed in an epoch, by member.
    pub fn committed(epoch: &Epoch) -> BTreeMap<u8, Hash> {
        (0u8..32)
            .filter(|index| epoch.committed >> index & 1 == 1)
            .map(|index| (index, epoch.bundle_roots[usize::from(index)]))
            .collect()
    }

    /// Members of an epoch, with their keys, by index.
    pub fn members(&self, epoch: &Epoch) -> Vec<(u8, Hash)> {
        (0u8..32)
            .filter(|index| epoch.members >> index & 1 == 1)
            .map(|index| (index, self.set.keys[usize::from(index)].to_bytes()))
            .collect()
    }

    /// What became of an epoch, to tell others.
    pub fn figures(&self, epoch: &Epoch) -> EpochFigures {
        let state = match (epoch.state, epoch.is_final(self.now)) {
            (_, true) => EpochState::Final,
            (epoch_state::ATTESTED, false) => EpochState::Attested,
            _ => EpochState::Open,
        };
        let member = |(seat, key): (u8, Hash)| EpochMember {
            seat,
            oracle: Address::new_from_array(key),
            bundle_root: epoch.bundle_roots[usize::from(seat)],
            used: epoch.bundles >> seat & 1 == 1,
            signed: epoch.signers >> seat & 1 == 1,
        };
        EpochFigures {
            epoch: epoch.epoch,
            state,
            starts_at: epoch.starts_at,
            ends_at: epoch.ends_at,
            cutoff_at: epoch.cutoff_at,
            seed: epoch.seed,
            set_version: epoch.set_version,
            quorum: epoch.quorum,
            root: epoch.root,
            leaf_count: epoch.leaf_count,
            total_contribution: epoch.total_contribution,
            epoch_reward: epoch.epoch_reward,
            cumulative_reward: epoch.cumulative_reward,
            members: self.members(epoch).into_iter().map(member).collect(),
        }
    }

    /// How an oracle stands.
    pub fn standing(&self, oracle: &Address) -> Standing {
        let index = self.set.index_of(oracle);
        Standing {
            looked_seconds_ago: self.looked_at.elapsed().as_secs(),
            chain_time: self.now,
            next_epoch: self.set.next_epoch,
            attestable_from: self.set.attestable_from,
            // A set has 32 seats.
            seat: index.map(|index| index as u8),
            state: index.map_or(member::EMPTY, |index| self.set.states[index]),
            bond: index.map_or(0, |index| self.set.bonds[index]),
            minimum_bond: self.set.minimum_bond,
        }
    }

    /// Whether an epoch that is not attested never will be.
    pub fn is_lost(&self, epoch: &Epoch) -> bool {
        let nothing_committed = epoch.committed == 0 && self.now > epoch.cutoff_at;
        epoch.state == epoch_state::OPEN
            && (epoch.epoch < self.set.attestable_from || nothing_committed || self.now > expires_at(epoch))
    }

    /// Whether the signature of a seat under a verdict counts now: that of an active member, bonded, which may sign about
    /// the latest epoch.
    pub fn is_judge(&self, seat: usize) -> bool {
        let latest = self.set.next_epoch.saturating_sub(1);
        self.set.states.get(seat) == Some(&member::ACTIVE)
            && self.set.serves(seat, latest)
            && self
                .set
                .bonds
                .get(seat)
                .is_some_and(|bond| *bond >= self.set.minimum_bond)
    }

    /// How many oracles come before this one when it is about something that anybody may do; a different one is first
    /// each time.
    pub fn turn(&self, own: usize, what: u64) -> u32 {
        let active: Vec<usize> = (0..usize::from(self.set.count))
            .filter(|index| self.set.states[*index] == member::ACTIVE)
            .collect();
        let Some(place) = active.iter().position(|index| *index == own) else {
            return u32::MAX;
        };
        let count = active.len() as u64;
        ((place as u64 + count - what % count) % count) as u32
    }
}

/// Unix time after which nobody's signature about an epoch counts: four epochs and a minute after its cut-off. All oracles
/// must compute the same, and a signature cannot be renewed; an epoch that has no quorum by then is lost, and the next
/// one goes on without it.
pub fn expires_at(epoch: &Epoch) -> i64 {
    let length = epoch.ends_at.saturating_sub(epoch.starts_at);
    epoch
        .cutoff_at
        .saturating_add(length.saturating_mul(4))
        .saturating_add(60)
}

/// The chain, and the oracle's wallet.
pub struct Chain {
    connection: Connection,
    sender: Sender,
}

impl Chain {
    /// `key` pays for everything.
    pub fn new(connection: Connection, key: Arc<Keypair>) -> Self {
        Self {
            sender: Sender::new(connection.clone(), key),
            connection,
        }
    }

    /// What the chain says now.
    pub async fn view(&self) -> Result<View> {
        let looked_at = Instant::now();
        let set: OracleSet = self.connection.fetch(&ORACLE_SET).await?;
        let emission: Emission = self.connection.fetch(&EMISSION).await?;
        let latest = set.next_epoch.saturating_sub(WATCHED)..set.next_epoch;
        let base = set.attestable_from.checked_sub(1).filter(|base| !latest.contains(base));
        let numbers: Vec<u64> = base.into_iter().chain(latest).collect();
        let addresses: Vec<Address> = numbers.iter().map(|number| epoch_address(*number).0).collect();
        let epochs = self.connection.fetch_many::<Epoch>(&addresses).await?;
        let epochs = numbers
            .into_iter()
            .zip(epochs)
            .filter_map(|(number, epoch)| Some((number, epoch?)))
            .collect();
        // The clock last: what is past in the accounts is past on the clock too.
        let now = self.connection.unix_timestamp().await?;
        Ok(View {
            looked_at,
            now,
            set,
            epochs,
            emission,
        })
    }

    /// Every node.
    pub async fn nodes(&self) -> Result<Vec<(Address, Node)>> {
        Ok(self.connection.fetch_all::<Node>(&[]).await?)
    }

    /// One node, if there is such an account.
    pub async fn node(&self, address: &Address) -> Result<Option<Node>> {
        Ok(self.connection.fetch_optional::<Node>(address).await?)
    }

    /// What a bundle says of every node that takes part in an epoch. The others have no leaf in it, since most oracles do
    /// not list them, whatever a few of them measured. `marred`: what buyers' ratings take off each node, by its record of
    /// work.
    pub async fn sightings(&self, epoch: &Epoch, marred: &BTreeMap<Address, u64>) -> Result<Vec<Sighting>> {
        let mut nodes = self.nodes().await?;
        nodes.retain(|(_, node)| rounds::takes_part(epoch, node.registered_at));
        let work = self.connection.fetch_all::<Work>(&[]).await?;
        let work: BTreeMap<Address, (Address, Work)> = work
            .into_iter()
            .map(|(record, work)| (work.node, (record, work)))
            .collect();
        let sighting = |(address, node): (Address, Node)| {
            let (record, work) = work.get(&address).copied().unzip();
            let [completed, failed, expired] = work.map_or([0; 3], |work| [work.completed, work.failed, work.expired]);
            Sighting {
                node: address.to_bytes(),
                transport_key: node.transport_key,
                owner: node.owner.to_bytes(),
                limit_kbps: node.limit_kbps,
                paused: !node.is_active(),
                completed,
                failed,
                expired,
                marred: record
                    .and_then(|record| marred.get(&record).copied())
                    .unwrap_or_default(),
            }
        };
        Ok(nodes.into_iter().map(sighting).collect())
    }

    /// Opens the next epoch, unless somebody did.
    pub async fn open_epoch(&self, number: u64) -> Result<Outcome> {
        let instruction = instructions::open_epoch(&self.sender.payer_address(), number);
        let is_done = || async {
            let set: OracleSet = self.connection.fetch(&ORACLE_SET).await?;
            Ok(set.next_epoch > number)
        };
        Ok(self.sender.send_unless(is_done, &[instruction], &[]).await?)
    }

    /// Draws an epoch's seed as soon as there is a block at the slot named for it, unless somebody did. Where that slot is no
    /// longer on record, another is named.
    pub async fn draw_seed(&self, number: u64, named_slot: u64) -> Result<Outcome> {
        while self.connection.slot().await? <= named_slot {
            tokio::time::sleep(SLOT_PAUSE).await;
        }
        let is_done = || async { Ok(self.epoch(number).await?.is_drawn()) };
        Ok(self
            .sender
            .send_unless(is_done, &[instructions::draw_seed(number)], &[])
            .await?)
    }

    /// Commits this oracle, member `index`, to a bundle, unless it has.
    pub async fn commit_bundle(&self, number: u64, index: usize, root: Hash, count: u32) -> Result<Outcome> {
        let arguments = CommitBundleArguments { root, count };
        let instruction = instructions::commit_bundle(&self.sender.payer_address(), number, &arguments);
        let is_done = || async { Ok(self.epoch(number).await?.committed >> index & 1 == 1) };
        Ok(self.sender.send_unless(is_done, &[instruction], &[]).await?)
    }

    /// Puts signatures of one statement on chain, in as many transactions as they need, until the epoch is attested.
    /// Those of members (by index) whose signature is there already are left out.
    pub async fn submit(&self, signed: &BTreeMap<u8, SignedStatement>) -> Result<Vec<Outcome>> {
        let Some(first) = signed.values().next() else {
            return Ok(vec![]);
        };
        let number = first.epoch;
        let arguments = SubmitAttestationArguments {
            root: first.root,
            leaf_count: first.leaf_count,
            total_contribution: first.total_contribution,
            epoch_reward: first.epoch_reward,
            cumulative_reward: first.cumulative_reward,
            bundles: first.bundles,
            expires_at: first.expires_at,
        };
        let digest = first.statement().digest();
        let mut outcomes = Vec::new();
        loop {
            let epoch = self.epoch(number).await?;
            let missing: Vec<(u8, &SignedStatement)> = signed
                .iter()
                .filter(|(index, _)| epoch.signed[usize::from(**index)] == [0; 32])
                .map(|(index, signed)| (*index, signed))
                .take(SIGNATURES_PER_TRANSACTION)
                .collect();
            if epoch.state == epoch_state::ATTESTED || missing.is_empty() {
                return Ok(outcomes);
            }
            let signatures: Vec<_> = missing
                .iter()
                .map(|(_, signed)| (signed.oracle, signed.signature))
                .collect();
            let both = instructions::submit_attestation(number, &arguments, &digest, &signatures);
            let is_done = || async {
                let epoch = self.epoch(number).await?;
                let is_counted = |index: u8| epoch.signed[usize::from(index)] != [0; 32];
                Ok(epoch.state == epoch_state::ATTESTED || missing.iter().any(|(index, _)| is_counted(*index)))
            };
            outcomes.push(self.sender.send_unless(is_done, &both, &[]).await?);
        }
    }

    /// Has a final epoch's rewards minted, unless somebody did.
    pub async fn fund_epoch(&self, number: u64) -> Result<Outcome> {
        let is_done = || async {
            let emission: Emission = self.connection.fetch(&EMISSION).await?;
            Ok(emission.fundable_from > number)
        };
        Ok(self
            .sender
            .send_unless(is_done, &[rewards::fund_epoch(number)], &[])
            .await?)
    }

    async fn epoch(&self, number: u64) -> std::result::Result<Epoch, lumora_client::Error> {
        self.connection.fetch(&epoch_address(number).0).await
    }
}

/// Whether an epoch's rewards can be minted now, and there is something to mint.
pub fn is_fundable(view: &View, epoch: &Epoch) -> bool {
    epoch.is_final(view.now)
        && epoch.epoch >= view.emission.fundable_from
        && epoch.cumulative_reward > view.emission.minted
        && view
            .emission
            .schedule()
            .epoch_at(Seconds(view.now))
            .is_some_and(|current| epoch.epoch <= current)
}
