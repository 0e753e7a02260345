//! One epoch, from the end of its measurement to its attested leaves. Every step can be repeated: an oracle that is killed
//! begins anew and finds on disk and on chain what it has done.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use lumora_client::{Outcome, oracle_api::SignedStatement};
use lumora_core::{
    attestation::{Leaf, Statement},
    hash::Hash,
};
use lumora_interface::{
    Address,
    bandwidth::{self, Epoch, epoch_state},
};

use crate::{
    aggregate::{self, Carried, EpochRules, aggregate},
    agreement::{self, Claim, Patience},
    bundle::{Bundle, BundleError},
    chain::{View, expires_at},
    error::Result,
    event::Event,
    evidence::evidence_from,
    explain::explanations,
    oracle::Oracle,
    store::Promise,
    watch,
};

/// Seconds after the end of measurement in which a receipt may still come in.
const GRACE: i64 = 1;

/// Seconds after the cut-off in which oracles wait for a bundle that was committed and cannot be had: as long as bundles
/// could be committed, and at least this. Then they close their lists, and after as long again leave it out.
const LEAST_WAIT: i64 = 5;

/// How an epoch ends.
enum End {
    /// It is attested.
    Attested,
    /// It never will be.
    Lost(&'static str),
}

/// Takes part in an epoch until it is final and its leaves are here, or it is lost.
pub async fn follow(oracle: Arc<Oracle>, seen: Epoch) -> Result<()> {
    let number = seen.epoch;
    let mut course = Course {
        oracle: &oracle,
        number,
        seen,
        claims: BTreeMap::new(),
    };
    loop {
        let end = match course.take_part().await? {
            Some(end) => end,
            None => course.wait_for_attestation().await,
        };
        match end {
            End::Attested => {
                course.keep_leaves().await?;
                if course.becomes_final().await {
                    break;
                }
                oracle.tell(Event::EpochReopened { epoch: number });
            }
            End::Lost(why) => {
                oracle.tell(Event::EpochLost {
                    epoch: number,
                    why: why.into(),
                });
                break;
            }
        }
    }
    // The leaves attested last stay however old they are: the next figures start from them.
    let attested = oracle.store.latest_attested()?.unwrap_or_default();
    let unarchived = oracle.first_unarchived()?.unwrap_or(u64::MAX);
    oracle
        .store
        .forget_before(number.saturating_sub(oracle.keep_epochs).min(attested).min(unarchived))
}

struct Course<'a> {
    oracle: &'a Oracle,
    number: u64,
    /// The epoch as it was when it was first seen.
    seen: Epoch,
    /// What each member says it holds, the latest that was heard of it.
    claims: BTreeMap<u8, Claim>,
}

impl Course<'_> {
    /// Commits, agrees, signs and submits. `None` where this oracle is no member, or can do no more than wait.
    async fn take_part(&mut self) -> Result<Option<End>> {
        let (view, epoch) = self.latest();
        let own = self.oracle.index_in(&view);
        if own >= 32 || epoch.members >> own & 1 == 0 || !view.set.serves(own, self.number) {
            return Ok(None);
        }
        // What was signed stands, whatever happens to the epoch.
        if let Some(given) = self.oracle.store.statement(self.number)?
            && let Some(signed) = self.promise(&given)?
        {
            return self.submit(own, signed).await.map(Some);
        }
        if epoch.state == epoch_state::OPEN && view.now < epoch.ends_at {
            let (ends_at, cutoff_at) = (epoch.ends_at, epoch.cutoff_at);
            self.oracle.tell(Event::EpochBegun {
                epoch: self.number,
                ends_at,
                cutoff_at,
            });
        }
        self.until(|view, epoch| view.now >= epoch.ends_at.saturating_add(GRACE))
            .await;
        if let Some(end) = self.end() {
            return Ok(Some(end));
        }
        self.bundle_up().await?;
        self.commit(own).await?;
        let used = match self.agree(own).await? {
            Ok(used) => used,
            Err(end) => return Ok(Some(end)),
        };
        let carried = match self.carried().await? {
            Ok(carried) => carried,
            Err(end) => return Ok(Some(end)),
        };
        let Some(statement) = self.work_out(used, carried).await? else {
            return Ok(None);
        };
        // What this key signed before its folder was lost binds it as much as what the folder remembers.
        let (_, epoch) = self.latest();
        let (counted, content) = (epoch.signed[own], statement.content());
        if counted != [0; 32] && counted != content {
            tell_refused(self.oracle, self.number, counted, content);
            return Ok(None);
        }
        match self.promise(&statement)? {
            Some(signed) => self.submit(own, signed).await.map(Some),
            None => Ok(None),
        }
    }

    /// Makes this oracle's bundle, once.
    async fn bundle_up(&self) -> Result<()> {
        let oracle = self.oracle;
        let own = oracle.address().to_bytes();
        if oracle.store.bundle(self.number, &own)?.is_some() {
            return Ok(());
        }
        let sightings = loop {
            match oracle.chain.sightings(&self.seen, &oracle.feedback.marred()).await {
                Ok(sightings) => break sightings,
                Err(error) => oracle.trouble(format!(
                    "reading the nodes for the bundle of epoch {}: {error}",
                    self.number
                )),
            }
            if self.end().is_some() {
                return Ok(());
            }
            oracle.pause().await;
        };
        let receipts = oracle.store.receipts(self.number)?;
        let bundle = Bundle::new(oracle.network_id, self.number, own, receipts, sightings);
        if bundle.entries() > 0 {
            oracle
                .store
                .put_bundle(self.number, &own, &bundle.root(), &bundle.seal(&oracle.key))?;
        }
        Ok(())
    }

    /// Commits to the bundle: once a quorum holds it, so that it outlives this oracle; or when half of the time is over,
    /// for others that are slow must not cost this one's measurements.
    async fn commit(&mut self, own: usize) -> Result<()> {
        let oracle = self.oracle;
        let own_key = oracle.address().to_bytes();
        // An index in the set is below 32.
        let own_index = own as u8;
        loop {
            // A peer that hangs must not cost the time that is left for committing.
            tokio::time::timeout(self.commit_window() / 6, self.exchange(own_index))
                .await
                .unwrap_or(Ok(()))?;
            let (view, epoch) = self.latest();
            if epoch.committed >> own & 1 == 1 || epoch.is_committed(view.now) || self.end().is_some() {
                return Ok(());
            }
            let Some(sealed) = oracle.store.bundle(self.number, &own_key)? else {
                return Ok(());
            };
            let bundle = Bundle::open(&sealed, &oracle.network_id, self.number, &own_key)?;
            let (root, entries) = (bundle.root(), bundle.entries());
            let half_time = epoch.ends_at.midpoint(epoch.cutoff_at);
            let holders = agreement::holders(&self.claims, own_index, &root);
            if holders >= usize::from(epoch.quorum) || view.now >= half_time {
                match oracle.chain.commit_bundle(self.number, own, root, entries).await {
                    Ok(outcome) => {
                        let signature = match outcome {
                            Outcome::Landed(landed) => Some(landed.signature.to_string()),
                            Outcome::AlreadyDone => None,
                        };
                        let receipts = u32::try_from(bundle.receipts().len()).unwrap_or(u32::MAX);
                        oracle.tell(Event::BundleCommitted {
                            epoch: self.number,
                            root,
                            receipts,
                            entries,
                            signature,
                        });
                        oracle.renewed_view().await;
                        return Ok(());
                    }
                    Err(error) => oracle.trouble(format!("committing the bundle of epoch {}: {error}", self.number)),
                }
            }
            oracle.pause().await;
        }
    }

    /// How long bundles can be committed.
    fn commit_window(&self) -> Duration {
        let seconds = self.seen.cutoff_at.saturating_sub(self.seen.ends_at);
        Duration::from_secs(u64::try_from(seconds).unwrap_or_default()).max(Duration::from_secs(3))
    }

    /// Waits until it is clear which bundles are used, and all of them are here.
    async fn agree(&mut self, own: usize) -> Result<std::result::Result<BTreeSet<u8>, End>> {
        let oracle = self.oracle;
        loop {
            if let Some(end) = self.end() {
                return Ok(Err(end));
            }
            self.exchange(own as u8).await?;
            let (view, epoch) = self.latest();
            if epoch.is_committed(view.now) {
                let wait = epoch.cutoff_at.saturating_sub(epoch.ends_at).max(LEAST_WAIT);
                let patience = if view.now > epoch.cutoff_at.saturating_add(wait.saturating_mul(2)) {
                    Patience::LastCall
                } else {
                    Patience::Waiting
                };
                if view.now > epoch.cutoff_at.saturating_add(wait) && !oracle.store.is_closed(self.number)? {
                    oracle.store.close_holding(self.number)?;
                }
                let committed = View::committed(&epoch);
                let used = agreement::used(&committed, &self.claims, usize::from(epoch.quorum), patience);
                if let Some(used) = used
                    && self.are_here(&view, &committed, &used)?
                {
                    return Ok(Ok(used));
                }
            }
            oracle.pause().await;
        }
    }

    /// Whether the bundles that are used are held, those that were committed. Each was opened before it was kept.
    fn are_here(&self, view: &View, committed: &BTreeMap<u8, Hash>, used: &BTreeSet<u8>) -> Result<bool> {
        let held: BTreeMap<Hash, Hash> = self.oracle.store.bundle_roots(self.number)?.into_iter().collect();
        Ok(used.iter().all(|member| {
            let author = view.set.keys[usize::from(*member)].to_bytes();
            let root = held.get(&author);
            root.is_some() && root == committed.get(member)
        }))
    }

    /// Asks the others what they hold, and fetches what is missing here.
    async fn exchange(&mut self, own: u8) -> Result<()> {
        let oracle = self.oracle;
        let (view, epoch) = self.latest();
        let members: BTreeMap<Hash, u8> = view
            .members(&epoch)
            .into_iter()
            .map(|(index, key)| (key, index))
            .collect();
        // Who holds which bundle, by author.
        let mut offers: BTreeMap<Hash, Vec<Address>> = BTreeMap::new();
        for holding in oracle.peers.holdings(self.number).await {
            let Some(holder) = members.get(holding.oracle.as_array()) else {
                continue;
            };
            let mut claim = Claim {
                bundles: BTreeMap::new(),
                closed: holding.closed,
            };
            for bundle in holding.bundles {
                let Some(author) = members.get(bundle.oracle.as_array()) else {
                    continue;
                };
                claim.bundles.insert(*author, bundle.root);
                offers.entry(bundle.oracle.to_bytes()).or_default().push(holding.oracle);
            }
            self.claims.insert(*holder, claim);
        }
        let committed = View::committed(&epoch);
        let closed = oracle.store.is_closed(self.number)?;
        let held: BTreeMap<Hash, Hash> = oracle.store.bundle_roots(self.number)?.into_iter().collect();
        for (author, holders) in offers {
            let Some(index) = members.get(&author) else { continue };
            let root = committed.get(index);
            let is_here = held
                .get(&author)
                .is_some_and(|held| root.is_none_or(|root| held == root));
            // After closing, only what a quorum holds is taken: it will be used.
            let is_wanted = !closed
                || root.is_some_and(|root| agreement::holders(&self.claims, *index, root) >= usize::from(epoch.quorum));
            if is_here || !is_wanted {
                continue;
            }
            let address = Address::new_from_array(author);
            let Some(fetched) = oracle.peers.bundle(self.number, &address, &holders, root).await else {
                continue;
            };
            let is_new = if root.is_some() {
                oracle
                    .store
                    .replace_bundle(self.number, &author, &fetched.root, &fetched.sealed)?;
                true
            } else {
                oracle
                    .store
                    .put_bundle(self.number, &author, &fetched.root, &fetched.sealed)?
            };
            if is_new {
                let receipts = fetched.receipts;
                oracle.tell(Event::BundleFetched {
                    epoch: self.number,
                    author: address,
                    receipts,
                });
            }
        }
        let held = oracle.store.bundle_roots(self.number)?;
        let held = held
            .into_iter()
            .filter_map(|(author, root)| Some((*members.get(&author)?, root)));
        self.claims.insert(
            own,
            Claim {
                bundles: held.collect(),
                closed,
            },
        );
        Ok(())
    }

    /// The lifetime figures that this epoch starts from: those of the epoch attested last, once no epoch in between can
    /// be attested any more. Whoever started from another one would sign figures that do not add up.
    async fn carried(&self) -> Result<std::result::Result<BTreeMap<Hash, Carried>, End>> {
        let oracle = self.oracle;
        let mut seen_final = None;
        loop {
            if let Some(end) = self.end() {
                return Ok(Err(end));
            }
            let (view, _) = self.latest();
            let open = (view.set.attestable_from..self.number)
                .filter_map(|number| view.epochs.get(&number))
                .any(|earlier| !view.is_lost(earlier));
            if !open {
                let Some(base) = view.latest_attested() else {
                    return Ok(Ok(BTreeMap::new()));
                };
                // While it can be reopened, nothing may be signed upon it: other figures would have to be signed then, and
                // that is an offence. Once it is seen final it is looked at again, since what reopened it may have come
                // between reading its account and the clock.
                if !base.is_final(view.now) || seen_final != Some(base.root) {
                    seen_final = base.is_final(view.now).then_some(base.root);
                    oracle.renewed_view().await;
                    continue;
                }
                match self.leaves_of(base).await? {
                    Some(leaves) => {
                        let carry = |leaf: &Leaf| {
                            let carried = Carried {
                                contribution: leaf.cumulative_contribution,
                                reward: leaf.cumulative_reward,
                            };
                            (leaf.node, carried)
                        };
                        return Ok(Ok(leaves.iter().map(carry).collect()));
                    }
                    None => oracle.trouble(format!("no oracle has the leaves of epoch {} yet", base.epoch)),
                }
            }
            oracle.pause().await;
        }
    }

    /// The leaves under an attested root: those here, else from another oracle.
    async fn leaves_of(&self, attested: &Epoch) -> Result<Option<Vec<Leaf>>> {
        let store = &self.oracle.store;
        let is_right = |leaves: &Vec<Leaf>| aggregate::tree(leaves).root() == attested.root;
        if let Some(leaves) = store.attested(attested.epoch)?.filter(is_right) {
            return Ok(Some(leaves));
        }
        let leaves = match store.computed(attested.epoch)?.filter(is_right) {
            Some(leaves) => Some(leaves),
            None => self.oracle.peers.leaves(attested.epoch, &attested.root).await,
        };
        if let Some(leaves) = &leaves {
            store.put_attested(attested.epoch, leaves)?;
        }
        Ok(leaves)
    }

    /// Works out the figures from the bundles used. `None` where there is not one node to say something about.
    async fn work_out(&self, used: BTreeSet<u8>, carried: BTreeMap<Hash, Carried>) -> Result<Option<Statement>> {
        let oracle = self.oracle;
        let (view, epoch) = self.latest();
        let rules = self.rules(&view, &epoch);
        let bits = used.iter().fold(0u32, |bits, member| bits | 1 << member);
        let (store, number) = (oracle.store.clone(), self.number);
        let worked_out = tokio::task::spawn_blocking(move || {
            let authors: BTreeMap<u8, Hash> = rules.members.iter().copied().collect();
            let read = |member: u8| -> Result<Bundle> {
                let author = authors.get(&member).ok_or(BundleError::OtherBundle)?;
                let sealed = store.bundle(number, author)?.ok_or(BundleError::OtherBundle)?;
                Ok(Bundle::open(&sealed, &rules.network_id, number, author)?)
            };
            let members: Vec<u8> = used.iter().copied().collect();
            let mut evidence = evidence_from(&rules, &members, read)?;
            let result = aggregate(&rules, &used, &evidence.nodes, &mut evidence.measurements, &carried);
            Result::Ok((rules, evidence, result))
        });
        let (rules, evidence, result) = worked_out.await.expect("aggregation is total: it does not panic")?;
        for dropped in &evidence.dropped {
            let node = Address::new_from_array(dropped.node);
            tracing::warn!(member = dropped.member, round = dropped.round, %node, why = %dropped.why, "a receipt was dropped");
        }
        if result.leaves.is_empty() {
            return Ok(None);
        }
        let program = bandwidth::ID.to_bytes();
        let Some(statement) = result.statement(&rules, program, epoch.set_version, bits, expires_at(&epoch)) else {
            oracle.trouble(format!("epoch {} has more nodes than the chain can count", self.number));
            return Ok(None);
        };
        oracle.crowd.meet_all(self.number, &evidence.measurements);
        oracle.store.put_computed(self.number, &result.leaves)?;
        let explanations = explanations(&rules, &result, &evidence).map(|(node, explanation)| {
            let json = serde_json::to_vec(&explanation).expect("figures and text, which JSON can always hold");
            (node, json)
        });
        oracle.store.put_explanations(self.number, explanations)?;
        oracle.tell(Event::Aggregated {
            epoch: self.number,
            root: statement.root,
            leaves: statement.leaf_count,
            bundles: bits,
            measurements: u32::try_from(evidence.measurements.len()).unwrap_or(u32::MAX),
            dropped_receipts: u32::try_from(evidence.dropped.len()).unwrap_or(u32::MAX),
            total_contribution: statement.total_contribution,
            epoch_reward: statement.epoch_reward,
        });
        Ok(Some(statement))
    }

    fn rules(&self, view: &View, epoch: &Epoch) -> EpochRules {
        EpochRules {
            network_id: self.oracle.network_id,
            epoch: self.number,
            seed: epoch.seed,
            members: view.members(epoch),
            rounds: self.oracle.measurement.rounds_per_epoch,
            challengers_per_round: self.oracle.measurement.challengers_per_round,
            seconds: u32::try_from(epoch.ends_at.saturating_sub(epoch.starts_at)).unwrap_or_default(),
            amount: view.emission.schedule().amount(self.number),
            nodes_per_network: self.oracle.measurement.nodes_per_network,
            nodes_per_owner: self.oracle.measurement.nodes_per_owner,
        }
    }

    /// The signed statement; from here on, others can fetch it. Where this oracle signed something else about the epoch
    /// before, it stays with that.
    fn promise(&self, statement: &Statement) -> Result<Option<SignedStatement>> {
        let oracle = self.oracle;
        let statement = match oracle.store.promise(statement)? {
            Promise::Kept => *statement,
            Promise::Given(given) => {
                tell_refused(oracle, self.number, given.content(), statement.content());
                given
            }
        };
        if statement.network_id != oracle.network_id || statement.program != bandwidth::ID.to_bytes() {
            return Ok(None);
        }
        oracle.tell(Event::Signed {
            epoch: self.number,
            digest: statement.digest(),
        });
        Ok(Some(SignedStatement::sign(&oracle.key, &statement)))
    }

    /// Collects signatures of the same statement, and puts a quorum of them on chain when it is this oracle's turn.
    async fn submit(&self, own: usize, signed: SignedStatement) -> Result<End> {
        let oracle = self.oracle;
        let digest = signed.statement().digest();
        let mut equal = BTreeMap::from([(own as u8, signed)]);
        let mut quorum_since = None;
        loop {
            let (view, epoch) = self.latest();
            if let Some(end) = self.end() {
                return Ok(end);
            }
            let members: BTreeMap<Hash, u8> = view
                .members(&epoch)
                .into_iter()
                .map(|(index, key)| (key, index))
                .collect();
            for other in oracle.peers.signatures(self.number).await {
                let Some(index) = members.get(other.oracle.as_array()) else {
                    continue;
                };
                if other.statement().digest() == digest {
                    equal.insert(*index, other);
                } else {
                    tracing::warn!(oracle = %other.oracle, epoch = self.number, "another oracle came to other figures");
                }
                // It may show it to nobody else.
                watch::note(&oracle.store, &oracle.network_id, &view.figures(&epoch), &other)?;
            }
            // The chain refuses a whole transaction for the signature of one that was jailed.
            equal.retain(|index, _| view.set.serves(usize::from(*index), self.number));
            if equal.len() >= usize::from(epoch.quorum) {
                let since = *quorum_since.get_or_insert_with(tokio::time::Instant::now);
                if since.elapsed() >= oracle.patience(view.turn(own, self.number)) {
                    match oracle.chain.submit(&equal).await {
                        Ok(outcomes) => self.tell_submitted(&equal, &outcomes),
                        Err(error) => oracle.trouble(format!("attesting epoch {}: {error}", self.number)),
                    }
                    oracle.renewed_view().await;
                }
            }
            oracle.pause().await;
        }
    }

    fn tell_submitted(&self, signed: &BTreeMap<u8, SignedStatement>, outcomes: &[Outcome]) {
        let landed: Vec<_> = outcomes
            .iter()
            .filter_map(|outcome| match outcome {
                Outcome::Landed(landed) => Some(landed),
                Outcome::AlreadyDone => None,
            })
            .collect();
        if landed.is_empty() {
            return;
        }
        self.oracle.tell(Event::AttestationSubmitted {
            epoch: self.number,
            signers: signed.keys().fold(0, |bits, member| bits | 1 << member),
            signatures: landed.iter().map(|landed| landed.signature.to_string()).collect(),
            compute_units: landed.iter().map(|landed| landed.compute_units).sum(),
        });
    }

    /// Keeps the leaves of the attested root, from wherever they can be had.
    async fn keep_leaves(&self) -> Result<()> {
        let oracle = self.oracle;
        loop {
            let (_, epoch) = self.latest();
            let own = oracle
                .store
                .computed(self.number)?
                .map(|leaves| aggregate::tree(&leaves).root());
            let signed = oracle.store.statement(self.number)?.map(|statement| statement.root);
            let agreed = own.or(signed).map(|root| root == epoch.root);
            if self.leaves_of(&epoch).await?.is_some() {
                let (view, _) = self.latest();
                oracle.store.put_record(self.number, &view.figures(&epoch))?;
                oracle.tell(Event::EpochAttested {
                    epoch: self.number,
                    root: epoch.root,
                    signers: epoch.signers,
                    bundles: epoch.bundles,
                    epoch_reward: epoch.epoch_reward,
                    agreed,
                });
                return Ok(());
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Waits until the attested epoch is final. `false` if it was reopened instead.
    async fn becomes_final(&self) -> bool {
        let mut was_final = false;
        loop {
            let view = self.oracle.view();
            let Some(epoch) = view.epochs.get(&self.number) else {
                // So long ago that it is not watched any more.
                return true;
            };
            if epoch.state == epoch_state::OPEN {
                return false;
            }
            // Twice, for the reason given in `carried`.
            let is_final = epoch.is_final(view.now);
            if is_final && was_final {
                return true;
            }
            was_final = is_final;
            self.oracle.renewed_view().await;
        }
    }

    async fn wait_for_attestation(&self) -> End {
        loop {
            if let Some(end) = self.end() {
                return end;
            }
            self.oracle.pause().await;
        }
    }

    /// How the epoch has ended, if it has.
    fn end(&self) -> Option<End> {
        let (view, epoch) = self.latest();
        if epoch.state == epoch_state::ATTESTED {
            Some(End::Attested)
        } else if epoch.epoch < view.set.attestable_from {
            Some(End::Lost("a later epoch was attested first"))
        } else if epoch.committed == 0 && view.now > epoch.cutoff_at {
            Some(End::Lost("no oracle committed a bundle"))
        } else if view.now > expires_at(&epoch) {
            Some(End::Lost("there was no quorum in time"))
        } else {
            None
        }
    }

    async fn until(&self, condition: impl Fn(&View, &Epoch) -> bool) {
        loop {
            let (view, epoch) = self.latest();
            if condition(&view, &epoch) || self.end().is_some() {
                return;
            }
            self.oracle.pause().await;
        }
    }

    /// The latest view, and this epoch in it; as it was first seen where the view does not reach back that far any more.
    fn latest(&self) -> (Arc<View>, Epoch) {
        let view = self.oracle.view();
        let epoch = view.epochs.get(&self.number).copied().unwrap_or(self.seen);
        (view, epoch)
    }
}

/// Tells that another statement about an epoch was not signed. Both are named by their contents.
fn tell_refused(oracle: &Oracle, epoch: u64, signed: Hash, refused: Hash) {
    oracle.tell(Event::EquivocationRefused { epoch, signed, refused });
}
