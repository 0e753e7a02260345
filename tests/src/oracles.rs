//! What oracles do in a test: open an epoch, commit, sign, submit, prove.

use lumora_core::{
    attestation::Leaf,
    merkle::{self, Tree},
    reason::Reason,
};
use lumora_interface::{
    bandwidth::{self, AdaptRankingArguments, Epoch, OracleSet, SubmitAttestationArguments, signatures},
    registry::{self, Network},
};
use solana_address::Address;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::{
    Sent, World, instructions,
    world::{DISPUTE_SECONDS, EPOCH_SECONDS, LMR, keypair, oracle_owner},
};

/// An epoch's figures as the oracles agreed on them.
pub struct Figures {
    /// Number of the epoch.
    pub epoch: u64,
    /// The leaves, in the order of the tree.
    pub leaves: Vec<Leaf>,
    /// The tree over them.
    pub tree: Tree,
    /// What is submitted with the signatures.
    pub arguments: SubmitAttestationArguments,
}

impl Figures {
    /// The path of leaf `index`.
    pub fn path(&self, index: u32) -> Vec<[u8; 32]> {
        self.tree.path(u64::from(index)).expect("the leaf exists")
    }
}

/// A leaf with plausible figures for `node`.
pub fn leaf(node: &Address, epoch: u64, contribution: u64, cumulative_reward: u64) -> Leaf {
    Leaf {
        node: node.to_bytes(),
        epoch,
        down_kbps: 50_000,
        up_kbps: 20_000,
        rtt_us: 12_000,
        uptime_bps: 10_000,
        reputation_bps: 10_000,
        reason: 0,
        contribution,
        cumulative_contribution: contribution * (epoch + 1),
        cumulative_reward,
    }
}

/// The ed25519 instruction with these keys' signatures over `digest`.
pub fn signed_by(keys: &[&Keypair], digest: &[u8; 32]) -> Instruction {
    let pairs: Vec<(Address, [u8; 64])> = keys
        .iter()
        .map(|key| (key.pubkey(), key.sign_message(digest).into()))
        .collect();
    Instruction {
        program_id: signatures::PROGRAM,
        accounts: vec![],
        data: signatures::instruction_data(digest, &pairs),
    }
}

/// LMR base units of the bond of [`forger`]'s node.
pub const FORGER_BOND: u64 = 1_000 * LMR;

/// A network that asks for a bond, a node with one, and an LMR account for whoever reports the node.
pub fn forger() -> (World, Address, Address) {
    let mut world = World::new(4);
    // The tests' network asks for none.
    let mut account = world.svm.get_account(&registry::NETWORK).expect("the network exists");
    let network = Network {
        minimum_bond: FORGER_BOND,
        ..world.read(&registry::NETWORK)
    };
    account.data[8..].copy_from_slice(bytemuck::bytes_of(&network));
    world
        .svm
        .set_account(registry::NETWORK, account)
        .expect("the account can be set");
    let (owner, node) = world.register("node");
    let source = world.grant(&owner.pubkey(), FORGER_BOND);
    let deposit = instructions::deposit_bond(&owner.pubkey(), &node, &source, FORGER_BOND);
    world.must(&[deposit], &[&owner]);
    let reward = world.lmr_account(&keypair("reporter", 0).pubkey());
    (world, node, reward)
}

impl World {
    /// Adds to the bond of the oracle derived from `seed`, out of the pocket of its owner.
    pub fn bond_oracle(&mut self, seed: u8, amount: u64) {
        let owner = oracle_owner(seed);
        let source = self.grant(&owner.pubkey(), amount);
        let oracle = keypair("oracle", seed).pubkey();
        self.must(
            &[instructions::deposit_oracle_bond(
                &owner.pubkey(),
                &oracle,
                &source,
                amount,
            )],
            &[&owner],
        );
    }

    /// Opens the next epoch as soon as it is due, draws its seed, and gives its number.
    pub fn open_epoch(&mut self) -> u64 {
        let epoch = self.open_undrawn();
        self.draw_seed(epoch);
        epoch
    }

    /// Lets the chain produce the slot that was named for an epoch's seed, and draws it.
    pub fn draw_seed(&mut self, epoch: u64) -> Sent {
        let state: Epoch = self.read(&bandwidth::epoch_address(epoch).0);
        let newest = self.slot().saturating_sub(1);
        if newest > state.seed_slot {
            self.set_slot_hashes(&[newest, state.seed_slot]);
        } else {
            self.set_slot_hashes(&[state.seed_slot]);
        }
        self.must(&[instructions::draw_seed(epoch)], &[])
    }

    /// Opens the next epoch as soon as it is due and gives its number.
    pub fn open_undrawn(&mut self) -> u64 {
        let set: OracleSet = self.read(&bandwidth::ORACLE_SET);
        let due = set.opened_at + i64::from(EPOCH_SECONDS);
        if set.next_epoch > 0 && self.now() < due {
            let wait = due - self.now();
            self.pass(wait);
        }
        let payer = self.payer.pubkey();
        self.must(&[instructions::open_epoch(&payer, set.next_epoch)], &[]);
        set.next_epoch
    }

    /// Lets every oracle commit a bundle.
    pub fn commit_bundles(&mut self, epoch: u64) {
        for (index, oracle) in self
            .oracles
            .iter()
            .map(Keypair::insecure_clone)
            .enumerate()
            .collect::<Vec<_>>()
        {
            let root = merkle::leaf_hash(&[index as u8]);
            self.must(
                &[instructions::commit_bundle(&oracle.pubkey(), epoch, root, 3)],
                &[&oracle],
            );
        }
    }

    /// Figures over these leaves that the chain will accept.
    pub fn figures(&self, epoch: u64, leaves: Vec<Leaf>) -> Figures {
        let tree = Tree::new(leaves.iter().map(Leaf::hash).collect());
        self.figures_of_tree(epoch, leaves, tree)
    }

    /// The same, over a tree that holds more than the given leaves.
    pub fn figures_of_tree(&self, epoch: u64, leaves: Vec<Leaf>, tree: Tree) -> Figures {
        let set: OracleSet = self.read(&bandwidth::ORACLE_SET);
        let state: Epoch = self.read(&bandwidth::epoch_address(epoch).0);
        let cumulative: u64 = leaves.iter().map(|leaf| leaf.cumulative_reward).sum();
        let arguments = SubmitAttestationArguments {
            root: tree.root(),
            leaf_count: tree.len() as u32,
            total_contribution: leaves.iter().map(|leaf| leaf.contribution).sum(),
            epoch_reward: cumulative - set.cumulative_reward,
            cumulative_reward: cumulative,
            bundles: state.committed,
            expires_at: self.now() + 600,
        };
        Figures {
            epoch,
            leaves,
            tree,
            arguments,
        }
    }

    /// What the oracles sign for these figures.
    pub fn digest(&self, figures: &Figures) -> [u8; 32] {
        let epoch: Epoch = self.read(&bandwidth::epoch_address(figures.epoch).0);
        epoch.statement(self.network_id, &figures.arguments).digest()
    }

    /// The three instructions that report that `liar` signed both figures; the reward goes to `reporter_tokens`.
    pub fn report(&self, liar: &Keypair, figures: [&Figures; 2], reporter_tokens: &Address) -> [Instruction; 3] {
        [
            signed_by(&[liar], &self.digest(figures[0])),
            signed_by(&[liar], &self.digest(figures[1])),
            instructions::report_equivocation(
                figures[0].epoch,
                reporter_tokens,
                figures.map(|figures| &figures.arguments),
            ),
        ]
    }

    /// The two instructions that submit these oracles' signatures.
    pub fn submission(&self, figures: &Figures, signers: &[&Keypair]) -> [Instruction; 2] {
        [
            signed_by(signers, &self.digest(figures)),
            instructions::submit_attestation(figures.epoch, &figures.arguments),
        ]
    }

    /// A whole epoch over these leaves: opened, committed, signed by all oracles, final.
    pub fn attest(&mut self, leaves: impl FnOnce(u64) -> Vec<Leaf>) -> Figures {
        let epoch = self.open_epoch();
        self.commit_bundles(epoch);
        let figures = self.figures(epoch, leaves(epoch));
        let oracles: Vec<Keypair> = self.oracles.iter().map(Keypair::insecure_clone).collect();
        let submission = self.submission(&figures, &oracles.iter().collect::<Vec<_>>());
        self.must(&submission, &[]);
        self.pass(DISPUTE_SECONDS);
        figures
    }

    /// A whole epoch over the figures of one node: evidence for an adaptation. Gives its number.
    pub fn attest_one(&mut self, node: &Address) -> u64 {
        let so_far = self.read::<OracleSet>(&bandwidth::ORACLE_SET).cumulative_reward;
        self.attest(|epoch| vec![leaf(node, epoch, 1, so_far + 1)]).epoch
    }

    /// What the oracles sign to adapt the ranking to these weights and this wait, with the figures of `epoch`.
    pub fn adaptation(&self, epoch: u64, weights: [u16; 4], max_wait_seconds: u32) -> AdaptRankingArguments {
        let arguments = AdaptRankingArguments {
            digest: [0; 32],
            weights,
            max_wait_seconds,
            reasons: [2, 3],
            expires_at: self.now() + 600,
        };
        self.sealed(epoch, arguments)
    }

    /// The same arguments with the digest that belongs to them as things are now.
    pub fn sealed(&self, epoch: u64, arguments: AdaptRankingArguments) -> AdaptRankingArguments {
        let network: Network = self.read(&registry::NETWORK);
        let epoch: Epoch = self.read(&bandwidth::epoch_address(epoch).0);
        let digest = bandwidth::adaptation(&network, &epoch, &arguments).digest();
        AdaptRankingArguments { digest, ..arguments }
    }

    /// The two instructions that bring these oracles' signatures under an adaptation; the payer pays the rent.
    pub fn adapting(&self, epoch: u64, arguments: &AdaptRankingArguments, signers: &[&Keypair]) -> [Instruction; 2] {
        let payer = self.payer.pubkey();
        [
            signed_by(signers, &arguments.digest),
            instructions::adapt_ranking(&payer, &payer, epoch, arguments),
        ]
    }

    /// Adapts the ranking with the signatures of all oracles.
    pub fn adapt(&mut self, epoch: u64, weights: [u16; 4], max_wait_seconds: u32) -> Sent {
        let arguments = self.adaptation(epoch, weights, max_wait_seconds);
        let oracles: Vec<Keypair> = self.oracles.iter().map(Keypair::insecure_clone).collect();
        let sent = self.adapting(epoch, &arguments, &oracles.iter().collect::<Vec<_>>());
        self.must(&sent, &[])
    }

    /// A whole epoch in which a node's figures have this reason, and the proof of them.
    pub fn attest_reason(&mut self, node: &Address, reason: Reason) {
        let figures = self.attest(|epoch| {
            vec![Leaf {
                reason: reason as u8,
                ..leaf(node, epoch, 1, (epoch + 1) * LMR)
            }]
        });
        self.prove(&figures, 0);
    }

    /// The instruction that proves leaf `index`.
    pub fn proof(&self, figures: &Figures, index: u32) -> Instruction {
        let leaf = figures.leaves[index as usize];
        instructions::prove(
            &self.payer.pubkey(),
            figures.epoch,
            &Address::new_from_array(leaf.node),
            &leaf,
            index,
            figures.path(index),
        )
    }

    /// Proves leaf `index`.
    pub fn prove(&mut self, figures: &Figures, index: u32) -> Sent {
        let proof = self.proof(figures, index);
        self.must(&[proof], &[])
    }
}
