//! Nodes, measurement, rewards and parameters.

use bytemuck::Zeroable;
use lumora_interface::{
    Address,
    bandwidth::{
        self, Attestation, Epoch, EpochAttested, EpochClosed, EpochOpened, EpochReopened, NodeProven, OracleSet,
        SeedDrawn, SeedPostponed, epoch_state,
    },
    registry::{
        self, BondDeposited, Network, Node, NodeRegistered, NodeUpdated, ParametersAnnounced, ParametersApplied,
        RankingAdapted, status,
    },
    rewards::{self, Emission, EpochFunded, Reward, RewardClaimed, RewardsClaimed},
};
use rand::{RngExt as _, seq::IndexedRandom as _};

use super::{Author, Draft, Ledger};

impl Author {
    pub(super) fn register_node(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let owner = self.pick_wallet();
        let index = ledger
            .all::<Node>()
            .iter()
            .filter(|(_, node)| node.owner == owner)
            .count() as u16;
        let (address, bump) = registry::node_address(&owner, index);
        let node = Node {
            version: 1,
            bump,
            index,
            owner,
            operator: self.address(),
            shard_capacity: self.random.random_range(1..5),
            h3_cell: *self.regions.choose(&mut self.random).expect("there are regions"),
            limit_kbps: self.random.random_range(1_000..1_000_000),
            registered_at: ledger.now(),
            updated_at: ledger.now(),
            rent_payer: owner,
            ..Node::zeroed()
        };
        draft.write(ledger, address, &node, &[]);
        draft.event(
            registry::ID,
            NodeRegistered {
                version: 1,
                index,
                limit_kbps: node.limit_kbps,
                node: address,
                owner,
                h3_cell: node.h3_cell,
                ..NodeRegistered::zeroed()
            },
        );
    }

    pub(super) fn update_node(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let Some((address, mut node)) = self.pick(ledger.all::<Node>()) else {
            return;
        };
        if self.random.random() {
            node.status = if node.is_active() {
                status::PAUSED
            } else {
                status::ACTIVE
            };
            node.limit_kbps = self.random.random_range(1_000..1_000_000);
            draft.event(
                registry::ID,
                NodeUpdated {
                    version: 1,
                    status: node.status,
                    shard_capacity: node.shard_capacity,
                    limit_kbps: node.limit_kbps,
                    node: address,
                    h3_cell: node.h3_cell,
                },
            );
        } else {
            let amount = self.random.random_range(1..10_000_000);
            node.bond += amount;
            draft.event(
                registry::ID,
                BondDeposited {
                    version: 1,
                    node: address,
                    amount,
                    bond: node.bond,
                    ..BondDeposited::zeroed()
                },
            );
        }
        node.updated_at = ledger.now();
        draft.write(ledger, address, &node, &[]);
    }

    pub(super) fn prove_node(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let Some((node, _)) = self.pick(ledger.all::<Node>()) else {
            return;
        };
        let address = bandwidth::attestation_address(&node).0;
        let before: Attestation = ledger.get(&address).unwrap_or(Attestation::zeroed());
        let contribution = self.random.random_range(0..1_000_000);
        let attestation = Attestation {
            version: 1,
            reason: self.random.random_range(0..9),
            uptime_bps: self.random.random_range(0..=10_000),
            reputation_bps: self.random.random_range(0..=10_000),
            node,
            epoch: before.epoch + 1,
            down_kbps: self.random.random_range(0..1_000_000),
            up_kbps: self.random.random_range(0..1_000_000),
            rtt_us: self.random.random_range(0..300_000),
            contribution,
            cumulative_contribution: before.cumulative_contribution + contribution,
            cumulative_reward: before.cumulative_reward + self.random.random_range(0..1_000_000),
            measured_at: ledger.now() - 5,
            proven_at: ledger.now(),
            ..Attestation::zeroed()
        };
        draft.write(ledger, address, &attestation, &[]);
        draft.event(
            bandwidth::ID,
            NodeProven {
                version: 1,
                reason: attestation.reason,
                reputation_bps: attestation.reputation_bps,
                down_kbps: attestation.down_kbps,
                up_kbps: attestation.up_kbps,
                rtt_us: attestation.rtt_us,
                node,
                epoch: attestation.epoch,
                contribution,
                cumulative_reward: attestation.cumulative_reward,
            },
        );
    }

    /// The next step of the latest epoch, or a new one.
    pub(super) fn epoch(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let latest = ledger.all::<Epoch>().into_iter().max_by_key(|(_, epoch)| epoch.epoch);
        match latest {
            Some((address, epoch)) if !epoch.is_drawn() => self.draw(ledger, draft, address, epoch),
            Some((address, epoch)) if epoch.state == epoch_state::OPEN => self.attest(ledger, draft, address, epoch),
            Some((address, epoch)) if epoch.final_at > ledger.now() && self.random.random_range(0..4) == 0 => {
                self.reopen(ledger, draft, address, epoch);
            }
            _ => self.open_epoch(ledger, draft),
        }
    }

    fn open_epoch(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let mut set: OracleSet = ledger.get(&bandwidth::ORACLE_SET).expect("it was initialised");
        let epoch = Epoch {
            version: 1,
            quorum: 3,
            members: 0b111,
            epoch: set.next_epoch,
            seed_slot: ledger.slot + 3,
            starts_at: ledger.now(),
            ends_at: ledger.now() + 60,
            cutoff_at: ledger.now() + 90,
            ..Epoch::zeroed()
        };
        set.next_epoch += 1;
        draft.write(ledger, bandwidth::ORACLE_SET, &set, &[]);
        draft.write(ledger, bandwidth::epoch_address(epoch.epoch).0, &epoch, &[]);
        draft.event(
            bandwidth::ID,
            EpochOpened {
                version: 1,
                quorum: 3,
                members: epoch.members,
                epoch: epoch.epoch,
                seed_slot: epoch.seed_slot,
                ends_at: epoch.ends_at,
                cutoff_at: epoch.cutoff_at,
                ..EpochOpened::zeroed()
            },
        );
        // What was attested long ago is not kept.
        let old = ledger
            .all::<Epoch>()
            .into_iter()
            .find(|(_, it)| it.epoch + 4 < epoch.epoch);
        if let Some((address, old)) = old {
            draft.close(ledger, address);
            draft.event(
                bandwidth::ID,
                EpochClosed {
                    version: 1,
                    epoch: old.epoch,
                    rent_payer: old.rent_payer,
                    ..EpochClosed::zeroed()
                },
            );
        }
    }

    fn draw(&mut self, ledger: &mut Ledger, draft: &mut Draft, address: Address, mut epoch: Epoch) {
        if self.random.random_range(0..3) == 0 {
            epoch.seed_slot = ledger.slot + 3;
            draft.event(
                bandwidth::ID,
                SeedPostponed {
                    version: 1,
                    epoch: epoch.epoch,
                    seed_slot: epoch.seed_slot,
                    ..SeedPostponed::zeroed()
                },
            );
        } else {
            epoch.seed = self.random.random();
            epoch.seed_slot += 1;
            draft.event(
                bandwidth::ID,
                SeedDrawn {
                    version: 1,
                    epoch: epoch.epoch,
                    slot: epoch.seed_slot,
                    seed: epoch.seed,
                    ..SeedDrawn::zeroed()
                },
            );
        }
        draft.write(ledger, address, &epoch, &[]);
    }

    fn attest(&mut self, ledger: &mut Ledger, draft: &mut Draft, address: Address, mut epoch: Epoch) {
        epoch.state = epoch_state::ATTESTED;
        epoch.attested_at = ledger.now();
        epoch.final_at = ledger.now() + 10;
        epoch.committed = epoch.members;
        epoch.signers = 0b011;
        epoch.epoch_reward = self.random.random_range(1..1_000_000_000);
        epoch.root = self.random.random();
        let mut set: OracleSet = ledger.get(&bandwidth::ORACLE_SET).expect("it was initialised");
        set.cumulative_reward += epoch.epoch_reward;
        epoch.cumulative_reward = set.cumulative_reward;
        draft.write(ledger, bandwidth::ORACLE_SET, &set, &[]);
        draft.write(ledger, address, &epoch, &[]);
        draft.event(
            bandwidth::ID,
            EpochAttested {
                version: 1,
                signers: epoch.signers,
                epoch: epoch.epoch,
                root: epoch.root,
                epoch_reward: epoch.epoch_reward,
                final_at: epoch.final_at,
                ..EpochAttested::zeroed()
            },
        );
        let mut emission: Emission = ledger.get(&rewards::EMISSION).expect("it was initialised");
        let amount = set.cumulative_reward.saturating_sub(emission.minted);
        emission.minted += amount;
        draft.write(ledger, rewards::EMISSION, &emission, &[]);
        draft.event(
            rewards::ID,
            EpochFunded {
                version: 1,
                epoch: epoch.epoch,
                amount,
                minted: emission.minted,
                ..EpochFunded::zeroed()
            },
        );
    }

    /// Takes back what was attested.
    fn reopen(&mut self, ledger: &mut Ledger, draft: &mut Draft, address: Address, mut epoch: Epoch) {
        let mut set: OracleSet = ledger.get(&bandwidth::ORACLE_SET).expect("it was initialised");
        set.cumulative_reward -= epoch.epoch_reward;
        draft.write(ledger, bandwidth::ORACLE_SET, &set, &[]);
        draft.event(
            bandwidth::ID,
            EpochReopened {
                version: 1,
                signers: epoch.signers,
                epoch: epoch.epoch,
                root: epoch.root,
                ..EpochReopened::zeroed()
            },
        );
        epoch = Epoch {
            state: epoch_state::OPEN,
            attested_at: 0,
            final_at: 0,
            signers: 0,
            root: [0; 32],
            epoch_reward: 0,
            cumulative_reward: 0,
            ..epoch
        };
        draft.write(ledger, address, &epoch, &[]);
    }

    /// Announces other parameters, applies those that were announced, or adapts the ranking.
    pub(super) fn parameters(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let mut network: Network = ledger.get(&registry::NETWORK).expect("it was initialised");
        if let Some((parameters, _)) = network.announcement() {
            network.set_parameters(&parameters);
            (network.base_weights, network.base_max_wait_seconds) = ([0; 4], 0);
            network.announced_for = 0;
            network.announced = Zeroable::zeroed();
            draft.event(
                registry::ID,
                ParametersApplied {
                    version: 1,
                    parameters,
                    ..ParametersApplied::zeroed()
                },
            );
        } else if network.base_weights == [0; 4] {
            self.adapt(ledger, draft, &mut network);
        } else {
            network.announced = network.parameters();
            network.announced.minimum_bond = self.random.random_range(1..10_000_000);
            network.announced_for = ledger.now() + 100;
            draft.event(
                registry::ID,
                ParametersAnnounced {
                    version: 1,
                    announced_for: network.announced_for,
                    parameters: network.announced,
                    ..ParametersAnnounced::zeroed()
                },
            );
        }
        draft.write(ledger, registry::NETWORK, &network, &[]);
    }

    fn adapt(&mut self, ledger: &Ledger, draft: &mut Draft, network: &mut Network) {
        let before = network.parameters();
        if network.base_weights == [0; 4] {
            (network.base_weights, network.base_max_wait_seconds) = (before.weights, before.max_wait_seconds);
        }
        network.max_wait_seconds += 1;
        network.adaptations += 1;
        network.adapted_at = ledger.now();
        draft.event(
            registry::ID,
            RankingAdapted {
                version: 1,
                wait_reason: 2,
                adaptations: network.adaptations,
                from_weights: before.weights,
                to_weights: before.weights,
                from_max_wait_seconds: before.max_wait_seconds,
                to_max_wait_seconds: network.max_wait_seconds,
                ..RankingAdapted::zeroed()
            },
        );
    }

    /// Pays one node, or several at once.
    pub(super) fn claim_rewards(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let count = self.random.random_range(1..4);
        let mut attestations = ledger.all::<Attestation>();
        let mut claims = Vec::new();
        while claims.len() < count && !attestations.is_empty() {
            let index = self.random.random_range(0..attestations.len());
            let (_, attestation) = attestations.swap_remove(index);
            let node: Node = ledger.get(&attestation.node).expect("an attestation has a node");
            let address = rewards::reward_address(&attestation.node).0;
            let mut reward: Reward = ledger.get(&address).unwrap_or(Reward {
                version: 1,
                node: attestation.node,
                ..Reward::zeroed()
            });
            let amount = attestation.cumulative_reward - reward.claimed;
            reward.claimed += amount;
            draft.write(ledger, address, &reward, &[]);
            claims.push(RewardClaimed {
                version: 1,
                node: attestation.node,
                owner: node.owner,
                amount,
                claimed: reward.claimed,
                epoch: attestation.epoch,
                ..RewardClaimed::zeroed()
            });
        }
        match claims.as_slice() {
            [] => {}
            [claim] => draft.event(rewards::ID, *claim),
            claims => {
                let mut all = RewardsClaimed {
                    version: 1,
                    count: claims.len() as u8,
                    ..RewardsClaimed::zeroed()
                };
                for (index, claim) in claims.iter().enumerate() {
                    all.nodes[index] = claim.node;
                    all.owners[index] = claim.owner;
                    all.amounts[index] = claim.amount;
                    all.claimed[index] = claim.claimed;
                    all.epochs[index] = claim.epoch;
                }
                draft.event(rewards::ID, all);
            }
        }
    }
}
