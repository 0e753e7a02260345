//! What can happen in one step: an honest call, a call by the wrong caller, or an honest call with something exchanged.

use std::{collections::BTreeMap, fmt};

use lumora_interface::{
    bandwidth::{self, Epoch, epoch_state},
    registry::{self, NetworkParameters},
    rewards,
};
use lumora_tests::{
    instructions,
    oracles::{Figures, signed_by},
    world::{LMR, keypair},
};
use rand::{RngExt, seq::IndexedRandom};
use solana_address::Address;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::cast::{Lifetime, NODES_PER_OWNER, Run};

/// Place of the recipient among the accounts of `grant`.
const GRANT_RECIPIENT: usize = 4;

/// How often each kind of step was tried and landed.
#[derive(Default)]
pub struct Tally(BTreeMap<&'static str, (u64, u64)>);

impl Tally {
    fn count(&mut self, what: &'static str, landed: bool) {
        let (tried, done) = self.0.entry(what).or_default();
        *tried += 1;
        *done += u64::from(landed);
    }

    /// A sequence in which nothing ever lands would prove nothing.
    pub fn assert_everything_happened(&self) {
        let steps: u64 = self.0.values().map(|(tried, _)| tried).sum();
        if steps < 50_000 {
            return;
        }
        for (what, (tried, landed)) in &self.0 {
            assert!(
                *landed > 0 || what.starts_with('('),
                "{what} never landed in {tried} attempts"
            );
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, (tried, landed)) in &self.0 {
            writeln!(f, "{what:<24} {landed:>8} of {tried}")?;
        }
        Ok(())
    }
}

/// An instruction that somebody sends, with who signs it.
struct Call {
    what: &'static str,
    instructions: Vec<Instruction>,
    signers: Vec<Keypair>,
}

impl Call {
    fn new(what: &'static str, instruction: Instruction, signer: &Keypair) -> Self {
        Self::all(what, vec![instruction], &[signer])
    }

    fn by_anybody(what: &'static str, instruction: Instruction) -> Self {
        Self::all(what, vec![instruction], &[])
    }

    fn all(what: &'static str, instructions: Vec<Instruction>, signers: &[&Keypair]) -> Self {
        Self {
            what,
            instructions,
            signers: signers.iter().map(|key| key.insecure_clone()).collect(),
        }
    }
}

impl Run {
    /// One random step.
    pub fn step(&mut self, tally: &mut Tally) {
        let kind = self.random.random_range(0..100);
        if kind < 8 {
            // Mostly a moment, sometimes long enough for what was asked back to fall due.
            let most = if self.random.random_ratio(1, 20) { 5_000 } else { 45 };
            let seconds = self.random.random_range(0..most);
            self.world.pass(seconds);
            return;
        }
        let call = match kind {
            8..30 => self.registry_call(),
            30..66 => self.bandwidth_call(),
            66..88 => self.rewards_call(),
            _ => self.authority_call(),
        };
        let Some(mut call) = call else { return };
        if self.random.random_ratio(1, 4) {
            self.bend(&mut call);
            let landed = self.attempt_call(&call);
            // Whoever reports an offence may have the reward paid to any LMR account, a vault among them: a gift.
            if landed && ["slash", "slash_node", "report_equivocation"].contains(&call.what) {
                self.note_gifts();
            }
            tally.count("(bent)", true);
            return;
        }
        let landed = self.attempt_call(&call);
        tally.count(call.what, landed);
    }

    fn attempt_call(&mut self, call: &Call) -> bool {
        let signers: Vec<&Keypair> = call.signers.iter().collect();
        let landed = self.attempt(call.what, &call.instructions, &signers);
        if landed && call.what == "grant" {
            // As it was sent, which need not be as it was meant.
            let [grant] = &call.instructions[..] else {
                unreachable!("one instruction")
            };
            let index = grant.data[1..5].try_into().map(u32::from_le_bytes).expect("four bytes");
            self.grants.push((grant.accounts[GRANT_RECIPIENT].pubkey, index));
        }
        landed
    }

    /// Exchanges an account, a flag, a byte or the signer of an honest call.
    fn bend(&mut self, call: &mut Call) {
        let thief = self.thief.key.insecure_clone();
        let place = self.random.random_range(0..call.instructions.len());
        let instruction = &mut call.instructions[place];
        match self.random.random_range(0..5) {
            0 | 1 if !instruction.accounts.is_empty() => {
                let account = self.random.random_range(0..instruction.accounts.len());
                let meta = &mut instruction.accounts[account];
                if let Some(other) = self.known.choose(&mut self.random) {
                    meta.pubkey = *other;
                }
                meta.is_signer = false;
            }
            2 if !instruction.accounts.is_empty() => {
                let account = self.random.random_range(0..instruction.accounts.len());
                let meta = &mut instruction.accounts[account];
                meta.is_writable = !meta.is_writable;
            }
            3 if !instruction.data.is_empty() => {
                let byte = self.random.random_range(0..instruction.data.len());
                instruction.data[byte] ^= 1 << self.random.random_range(0..8u32);
            }
            // The thief signs in place of whoever should.
            _ => {
                for meta in &mut instruction.accounts {
                    if meta.is_signer && meta.pubkey != self.world.payer.pubkey() {
                        meta.pubkey = thief.pubkey();
                    }
                }
            }
        }
        // Sign with whoever is still named as a signer and whose key is known.
        let mut signers = vec![thief];
        signers.extend(call.signers.iter().map(Keypair::insecure_clone));
        let named: Vec<Address> = call
            .instructions
            .iter()
            .flat_map(|instruction| &instruction.accounts)
            .filter(|meta| meta.is_signer)
            .map(|meta| meta.pubkey)
            .collect();
        signers.retain(|key| named.contains(&key.pubkey()));
        signers.dedup_by_key(|key| key.pubkey());
        call.signers = signers;
        let known: Vec<Address> = call.signers.iter().map(|key| key.pubkey()).collect();
        let payer = self.world.payer.pubkey();
        for instruction in &mut call.instructions {
            for meta in &mut instruction.accounts {
                meta.is_signer = meta.is_signer && (meta.pubkey == payer || known.contains(&meta.pubkey));
            }
        }
    }

    fn registry_call(&mut self) -> Option<Call> {
        let place = self.random.random_range(0..self.owners.len());
        let index = self.random.random_range(0..NODES_PER_OWNER);
        let owner = self.owners[place].key.insecure_clone();
        let tokens = self.owners[place].tokens;
        let node = registry::node_address(&owner.pubkey(), index).0;
        let amount = self.amount();
        Some(match self.random.random_range(0..8) {
            0 => {
                let mut arguments = instructions::node_arguments(&keypair("operator", place as u8).pubkey());
                arguments.index = index;
                Call::new(
                    "register_node",
                    instructions::register_node(&owner.pubkey(), arguments),
                    &owner,
                )
            }
            1 | 2 => Call::new(
                "deposit_bond",
                instructions::deposit_bond(&owner.pubkey(), &node, &tokens, amount),
                &owner,
            ),
            3 | 4 => {
                let amount = match self.random.random_range(0..3) {
                    0 if self.exists(&node) => self.node(&node).bond,
                    _ => amount,
                };
                Call::new(
                    "request_unbond",
                    instructions::request_unbond(&owner.pubkey(), &node, amount),
                    &owner,
                )
            }
            5 => Call::new(
                "withdraw_bond",
                instructions::withdraw_bond(&owner.pubkey(), &node, &tokens),
                &owner,
            ),
            6 => {
                // A node whose reward the oracles have not settled yet is registered again later.
                Call::new(
                    "close_node",
                    instructions::close_node(&owner.pubkey(), &node, &tokens),
                    &owner,
                )
            }
            _ => Call::by_anybody(
                "slash",
                instructions::forward_slash(
                    &lumora_interface::tasks::ID,
                    &node,
                    &self.thief.tokens,
                    &self.owners[0].tokens,
                    amount,
                ),
            ),
        })
    }

    /// The latest epoch, if one was opened.
    pub fn current_epoch(&self) -> Option<(u64, Epoch)> {
        let number = self.set().next_epoch.checked_sub(1)?;
        let address = bandwidth::epoch_address(number).0;
        self.exists(&address).then(|| (number, self.world.read(&address)))
    }

    fn bandwidth_call(&mut self) -> Option<Call> {
        let payer = self.world.payer.pubkey();
        let next = self.set().next_epoch;
        let seat = self.random.random_range(0..self.world.oracles.len());
        let oracle = self.world.oracles[seat].insecure_clone();
        let owner = &self.oracle_owners[seat % self.oracle_owners.len()];
        let (owner_key, owner_tokens) = (owner.key.insecure_clone(), owner.tokens);
        Some(match self.random.random_range(0..24) {
            0 | 1 => Call::by_anybody("open_epoch", instructions::open_epoch(&payer, next)),
            2 | 3 => {
                let (number, epoch) = self.current_epoch()?;
                // Sometimes the network has not come to the slot yet, sometimes it has left it far behind.
                let newest = self.world.slot().saturating_sub(1);
                match self.random.random_range(0..4) {
                    0 => {}
                    1 => self.world.set_slot_hashes(&[newest.max(epoch.seed_slot + 600)]),
                    _ if newest > epoch.seed_slot => self.world.set_slot_hashes(&[newest, epoch.seed_slot]),
                    _ => self.world.set_slot_hashes(&[epoch.seed_slot]),
                }
                Call::by_anybody("draw_seed", instructions::draw_seed(number))
            }
            4..9 => {
                let (number, _) = self.current_epoch()?;
                let root = lumora_core::merkle::leaf_hash(&[seat as u8]);
                Call::new(
                    "commit_bundle",
                    instructions::commit_bundle(&oracle.pubkey(), number, root, 3),
                    &oracle,
                )
            }
            9..14 => self.submission()?,
            14 => self.lie(seat)?,
            15 => self.report()?,
            16 | 17 => self.proof()?,
            18 => {
                let epoch = self.random.random_range(0..next.max(1));
                Call::by_anybody("close_epoch", instructions::close_epoch(epoch, &payer))
            }
            19 if self.random.random_ratio(1, 4) => Call::new(
                "remove_oracle (resigns)",
                instructions::remove_oracle(&owner_key.pubkey(), &oracle.pubkey()),
                &owner_key,
            ),
            20 => Call::new(
                "withdraw_oracle_bond",
                instructions::withdraw_oracle_bond(&owner_key.pubkey(), &oracle.pubkey(), &owner_tokens),
                &owner_key,
            ),
            21 => {
                let amount = self.amount();
                Call::new(
                    "deposit_oracle_bond",
                    instructions::deposit_oracle_bond(&owner_key.pubkey(), &oracle.pubkey(), &owner_tokens, amount),
                    &owner_key,
                )
            }
            22 => {
                let (_, _, node) = *self.nodes().choose(&mut self.random)?;
                Call::by_anybody("slash_node", instructions::slash_node(&node, &self.thief.tokens))
            }
            _ => {
                // A new oracle takes the place of one that left.
                let active = self
                    .set()
                    .states
                    .iter()
                    .filter(|state| **state == bandwidth::member::ACTIVE)
                    .count();
                if active >= 5 || self.world.oracles.len() > 200 {
                    return None;
                }
                self.admit();
                return None;
            }
        })
    }

    fn admit(&mut self) {
        let seed = self.world.oracles.len() as u8;
        let key = keypair("oracle", seed);
        let owner = &self.oracle_owners[usize::from(seed) % self.oracle_owners.len()];
        let (owner_key, source) = (owner.key.insecure_clone(), owner.tokens);
        let authority = self.authority.key.insecure_clone();
        let add = instructions::add_oracle(&authority.pubkey(), &key.pubkey(), &owner_key.pubkey());
        if self.attempt("add_oracle", &[add], &[&authority]) {
            self.world.oracles.push(key.insecure_clone());
            let bond = instructions::deposit_oracle_bond(&owner_key.pubkey(), &key.pubkey(), &source, LMR);
            self.attempt("deposit_oracle_bond", &[bond], &[&owner_key]);
        }
    }

    /// The honest figures of the current epoch, drawn once: the same bytes for every honest oracle.
    fn honest_figures(&mut self, number: u64, epoch: &Epoch) -> Option<()> {
        self.settle_lifetimes();
        // A reopened predecessor changes what this epoch builds on.
        let base = self.set().cumulative_reward;
        let stale = self.honest.get(&number).is_some_and(|figures| {
            let arguments = &figures.arguments;
            arguments.bundles & !epoch.committed != 0 || arguments.cumulative_reward - arguments.epoch_reward != base
        });
        if !self.honest.contains_key(&number) || stale {
            let leaves = self.draw_leaves(number);
            if leaves.is_empty() {
                return None;
            }
            let mut figures = self.world.figures(number, leaves);
            figures.arguments.expires_at = i64::MAX;
            self.honest.insert(number, figures);
        }
        Some(())
    }

    /// Some members submit their signatures over the honest figures.
    fn submission(&mut self) -> Option<Call> {
        let (number, epoch) = self.current_epoch()?;
        if epoch.state != epoch_state::OPEN || !epoch.is_committed(self.world.now()) {
            return None;
        }
        self.honest_figures(number, &epoch)?;
        let figures = &self.honest[&number];
        let set = self.set();
        let digest = self.world.digest(figures);
        let content = epoch.statement(self.world.network_id, &figures.arguments).content();
        let mut signers: Vec<Keypair> = Vec::new();
        for key in &self.world.oracles {
            let Some(seat) = set.index_of(&key.pubkey()) else {
                continue;
            };
            let may = epoch.members >> seat & 1 == 1 && epoch.signed[seat] != content;
            if may && epoch.signed[seat] == [0; 32] && signers.len() < 4 {
                signers.push(key.insecure_clone());
            }
        }
        let count = self.random.random_range(1..=signers.len().max(1));
        signers.truncate(count);
        let keys: Vec<&Keypair> = signers.iter().collect();
        let verify = signed_by(&keys, &digest);
        let submit = instructions::submit_attestation(number, &self.honest[&number].arguments);
        Some(Call::all("submit_attestation", vec![verify, submit], &[]))
    }

    /// One member, never two, signs figures that give the thief's friends everything, and submits them.
    fn lie(&mut self, seat: usize) -> Option<Call> {
        let (number, epoch) = self.current_epoch()?;
        let liars_here = self.false_figures.iter().filter(|(at, _, _)| *at == number).count();
        let is_due = epoch.state == epoch_state::OPEN && epoch.is_committed(self.world.now());
        // A set of one is its own quorum.
        if !is_due || liars_here > 0 || epoch.quorum < 2 {
            return None;
        }
        self.honest_figures(number, &epoch)?;
        let honest = &self.honest[&number];
        let mut leaves = honest.leaves.clone();
        leaves.first_mut()?.down_kbps ^= 1;
        let mut figures: Figures = self.world.figures(number, leaves);
        figures.arguments.expires_at = i64::MAX;
        let oracle = self.world.oracles[seat].insecure_clone();
        let submission = self.world.submission(&figures, &[&oracle]);
        self.false_figures.push((number, seat, figures));
        Some(Call::all("submit_attestation (false)", submission.into(), &[]))
    }

    /// Both signatures of a member that signed the honest and the false figures, or that might have.
    fn report(&mut self) -> Option<Call> {
        let place = self.random.random_range(0..self.false_figures.len().max(1));
        let (number, seat, lie) = self.false_figures.get(place)?;
        let honest = self.honest.get(number)?;
        if !self.exists(&bandwidth::epoch_address(*number).0) {
            return None;
        }
        let oracle = &self.world.oracles[*seat];
        // The liar's own signatures: it signed both, which only it can.
        let instructions = self.world.report(oracle, [honest, lie], &self.thief.tokens);
        Some(Call::all("report_equivocation", instructions.into(), &[]))
    }

    /// Proves one leaf of an attested epoch.
    fn proof(&mut self) -> Option<Call> {
        let number = *self
            .honest
            .keys()
            .copied()
            .collect::<Vec<_>>()
            .choose(&mut self.random)?;
        let figures = &self.honest[&number];
        let leaf = self.random.random_range(0..figures.leaves.len() as u32);
        Some(Call::by_anybody("prove", self.world.proof(figures, leaf)))
    }

    fn rewards_call(&mut self) -> Option<Call> {
        let payer = self.world.payer.pubkey();
        let nodes = self.nodes();
        Some(match self.random.random_range(0..10) {
            0..3 => {
                let next = self.set().next_epoch;
                let epoch = self.random.random_range(next.saturating_sub(3)..next.max(1));
                Call::by_anybody("fund_epoch", instructions::fund_epoch(epoch))
            }
            3..7 => {
                let (place, _, node) = *nodes.choose(&mut self.random)?;
                let owner = &self.owners[place];
                Call::by_anybody(
                    "claim",
                    instructions::claim(&payer, &node, &owner.address(), &owner.tokens),
                )
            }
            7 => {
                let groups: Vec<(Address, Address)> = nodes
                    .iter()
                    .filter(|(_, _, node)| self.exists(&rewards::reward_address(node).0))
                    .map(|(place, _, node)| (*node, self.owners[*place].tokens))
                    .collect();
                Call::by_anybody("claim_many", instructions::claim_many(&groups))
            }
            8 => {
                let (recipient, index) = *self.grants.choose(&mut self.random)?;
                Call::by_anybody(
                    "release",
                    instructions::release(&recipient, index, &self.authority.address()),
                )
            }
            _ => Call::by_anybody("burn_fees", instructions::burn_fees(&self.authority.address())),
        })
    }

    fn authority_call(&mut self) -> Option<Call> {
        let authority = self.authority.key.insecure_clone();
        let signer = if self.random.random_ratio(1, 5) {
            self.thief.key.insecure_clone()
        } else {
            authority.insecure_clone()
        };
        let by = signer.pubkey();
        Some(match self.random.random_range(0..9) {
            0 => {
                let guardian = self.guardian.key.insecure_clone();
                let bits = self.random.random_range(0..8);
                Call::new("pause", instructions::pause(&guardian.pubkey(), bits), &guardian)
            }
            1 => Call::new("unpause", instructions::unpause(&by, registry::pause::ALL), &signer),
            2 => {
                let current = self.network().parameters();
                let parameters = NetworkParameters {
                    minimum_bond: self.random.random_range(0..=4 * LMR),
                    expiry_slash: self.random.random_range(0..=10_000),
                    ..current
                };
                Call::new(
                    "announce_parameters",
                    instructions::announce_parameters(&by, &parameters),
                    &signer,
                )
            }
            3 => Call::by_anybody("apply_parameters", instructions::apply_parameters()),
            4 => {
                let party = self.random.random_range(0..self.owners.len());
                let recipient = self.owners[party].address();
                let index = self.random.random_range(0..1_000);
                let amount = self.amount().min(10 * LMR);
                Call::new("grant", instructions::grant(&by, &recipient, index, amount), &signer)
            }
            5 => {
                let limit = self.amount().saturating_mul(1_000);
                let seconds = self.random.random_range(0..90_000);
                Call::new("set_breaker", instructions::set_breaker(&by, limit, seconds), &signer)
            }
            6 => {
                // Fees arrive as they do from the programs that take them: as LMR in the vault.
                let owner = self.owners.choose(&mut self.random)?;
                let (key, tokens) = (owner.key.insecure_clone(), owner.tokens);
                if self.world.balance(&tokens) >= LMR {
                    let amount = self.random.random_range(0..LMR);
                    self.world.pay_fees(&key, amount);
                }
                return None;
            }
            7 if self.random.random_ratio(1, 10) => {
                let seat = self.random.random_range(0..self.world.oracles.len());
                let oracle = self.world.oracles[seat].pubkey();
                Call::new("remove_oracle", instructions::remove_oracle(&by, &oracle), &signer)
            }
            _ => {
                let thief = self.thief.key.insecure_clone();
                Call::new(
                    "(accept_authority)",
                    instructions::accept_authority(&thief.pubkey()),
                    &thief,
                )
            }
        })
    }

    /// Once an epoch is attested, what its leaves say is what the next one builds on; what a reopened one said is not.
    pub fn settle_lifetimes(&mut self) {
        let set = self.set();
        let attested = set.attestable_from.checked_sub(1);
        for lifetime in self.lifetimes.values_mut() {
            *lifetime = Lifetime::default();
        }
        let Some(figures) = attested.and_then(|number| self.honest.get(&number)) else {
            return;
        };
        for leaf in &figures.leaves {
            let lifetime = self.lifetimes.entry(Address::new_from_array(leaf.node)).or_default();
            lifetime.contribution = leaf.cumulative_contribution;
            lifetime.reward = leaf.cumulative_reward;
        }
    }
}
