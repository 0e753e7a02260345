//! From wherever the random sequence led: everybody gets out with what is theirs, while everything that can be paused is.

use lumora_interface::{
    bandwidth::{self, epoch_state, member},
    registry::{self, pause},
    rewards,
};
use lumora_tests::{instructions, world::keypair};
use solana_signer::Signer;

use crate::cast::{NODES_PER_OWNER, Run};

impl Run {
    /// Claims, releases, withdraws and closes everything, and checks that nothing is left behind.
    pub fn everybody_leaves(&mut self) {
        self.a_last_epoch_is_attested();
        self.everything_is_paused();
        self.rewards_are_claimed();
        self.grants_are_released();
        self.nodes_close();
        self.oracles_leave();
        let burn = instructions::burn_fees(&self.authority.address());
        if self.world.balance(&rewards::FEES) > 0 {
            self.world.must(&[burn], &[]);
        }
        self.audit();
        for (vault, what) in [
            (registry::BOND_VAULT, "bonds"),
            (bandwidth::BOND_VAULT, "bonds of oracles"),
            (rewards::POOL, "rewards"),
            (rewards::FEES, "fees"),
        ] {
            let gift = self.gifts.get(&vault).copied().unwrap_or(0);
            assert_eq!(self.world.balance(&vault), gift, "{what} left behind; {}", self.story());
        }
        self.epochs_close();
    }

    /// Oracles that serve, of whatever is left of the set.
    fn a_last_epoch_is_attested(&mut self) {
        // Whoever has earned something must be registered to prove it; a closed node registers again.
        let unpause = instructions::unpause(&self.authority.address(), pause::ALL);
        let authority = self.authority.key.insecure_clone();
        self.attempt("unpause", &[unpause], &[&authority]);
        for place in 0..self.owners.len() {
            for index in 0..NODES_PER_OWNER {
                let owner = self.owners[place].key.insecure_clone();
                let node = registry::node_address(&owner.pubkey(), index).0;
                if !self.exists(&node) && self.lifetimes.contains_key(&node) {
                    let mut arguments = instructions::node_arguments(&keypair("operator", place as u8).pubkey());
                    arguments.index = index;
                    let register = instructions::register_node(&owner.pubkey(), arguments);
                    self.world.must(&[register], &[&owner]);
                }
            }
        }
        let key = keypair("oracle", 250);
        let owner = self.oracle_owners[0].key.insecure_clone();
        let source = self.oracle_owners[0].tokens;
        let minimum = self.set().minimum_bond;
        let add = instructions::add_oracle(&authority.pubkey(), &key.pubkey(), &owner.pubkey());
        let active: Vec<_> = self
            .world
            .oracles
            .iter()
            .filter(|oracle| {
                let set = self.set();
                set.index_of(&oracle.pubkey())
                    .is_some_and(|seat| set.states[seat] == member::ACTIVE && set.bonds[seat] >= minimum)
            })
            .map(|oracle| oracle.insecure_clone())
            .collect();
        if active.is_empty() {
            let bond = instructions::deposit_oracle_bond(&owner.pubkey(), &key.pubkey(), &source, minimum);
            let mut steps = vec![add];
            if minimum > 0 {
                steps.push(bond);
            }
            self.world.must(&steps, &[&authority, &owner]);
            self.world.oracles.push(key.insecure_clone());
        }
        let serving = if active.is_empty() { vec![key] } else { active };

        self.world.pass(100_000);
        let epoch = self.world.open_epoch();
        for oracle in &serving {
            let commit = instructions::commit_bundle(&oracle.pubkey(), epoch, [9; 32], 1);
            self.world.must(&[commit], &[oracle]);
        }
        self.world.pass(100_000);
        self.settle_lifetimes();
        let leaves = self.draw_leaves(epoch);
        if leaves.is_empty() {
            return;
        }
        let mut figures = self.world.figures(epoch, leaves);
        figures.arguments.expires_at = i64::MAX;
        for some in serving.chunks(4) {
            let keys: Vec<_> = some.iter().collect();
            let submission = self.world.submission(&figures, &keys);
            let state = self
                .world
                .read::<bandwidth::Epoch>(&bandwidth::epoch_address(epoch).0)
                .state;
            if state == epoch_state::OPEN {
                self.world.must(&submission, &[]);
            }
        }
        self.world.pass(100_000);
        for leaf in 0..figures.leaves.len() as u32 {
            let proof = self.world.proof(&figures, leaf);
            self.world.must(&[proof], &[]);
        }
        self.honest.insert(epoch, figures);
        self.world.must(&[instructions::fund_epoch(epoch)], &[]);
    }

    fn everything_is_paused(&mut self) {
        let guardian = self.guardian.key.insecure_clone();
        let stop = instructions::pause(&guardian.pubkey(), pause::ALL);
        self.attempt("pause", &[stop], &[&guardian]);
        assert_eq!(self.network().paused, pause::ALL);
    }

    /// The circuit breaker may spread them over several windows; it never refuses for good.
    fn rewards_are_claimed(&mut self) {
        let payer = self.world.payer.pubkey();
        for _ in 0..1_000 {
            let emission = self.emission();
            if emission.claimed == emission.minted {
                return;
            }
            for (place, _, node) in self.nodes() {
                let claim =
                    instructions::claim(&payer, &node, &self.owners[place].address(), &self.owners[place].tokens);
                self.attempt("claim", &[claim], &[]);
            }
            self.world.pass(86_400);
        }
        panic!("rewards are stuck; {}", self.story());
    }

    fn grants_are_released(&mut self) {
        let payer = self.authority.address();
        for (recipient, index) in self.grants.clone() {
            let address = rewards::grant_address(&recipient, index).0;
            if self.exists(&address) {
                self.world.lmr_account(&recipient);
                let release = instructions::release(&recipient, index, &payer);
                self.world.must(&[release], &[]);
                assert!(!self.exists(&address), "a grant is left behind; {}", self.story());
            }
        }
        assert_eq!(self.emission().early_outstanding, 0, "grants; {}", self.story());
    }

    fn nodes_close(&mut self) {
        for (place, _, node) in self.nodes() {
            let owner = self.owners[place].key.insecure_clone();
            let bond = self.node(&node).bond;
            let ask = instructions::request_unbond(&owner.pubkey(), &node, bond);
            self.world.must(&[ask], &[&owner]);
        }
        let wait = self.network().unbonding_seconds;
        self.world.pass(wait);
        for (place, _, node) in self.nodes() {
            let owner = self.owners[place].key.insecure_clone();
            let close = instructions::close_node(&owner.pubkey(), &node, &self.owners[place].tokens);
            self.world.must(&[close], &[&owner]);
        }
        assert!(self.nodes().is_empty());
    }

    fn oracles_leave(&mut self) {
        let set = self.set();
        let seats: Vec<usize> = (0..usize::from(set.count))
            .filter(|seat| set.states[*seat] != member::EMPTY)
            .collect();
        let owner_of = |run: &Self, seat: usize| {
            run.oracle_owners
                .iter()
                .find(|owner| owner.address() == set.owners[seat])
                .map(|owner| (owner.key.insecure_clone(), owner.tokens))
        };
        for seat in &seats {
            let Some((owner, _)) = owner_of(self, *seat) else {
                continue;
            };
            if set.states[*seat] == member::ACTIVE {
                let leave = instructions::remove_oracle(&owner.pubkey(), &set.keys[*seat]);
                self.world.must(&[leave], &[&owner]);
            }
        }
        self.world.pass(set.unbonding_seconds);
        for seat in &seats {
            let Some((owner, tokens)) = owner_of(self, *seat) else {
                continue;
            };
            if self.set().bonds[*seat] > 0 {
                let withdraw = instructions::withdraw_oracle_bond(&owner.pubkey(), &set.keys[*seat], &tokens);
                self.world.must(&[withdraw], &[&owner]);
            }
        }
    }

    /// Superseded epochs give their rent back; the latest attested one stays provable.
    fn epochs_close(&mut self) {
        let set = self.set();
        self.world.pass(i64::from(set.retention_seconds));
        let payer = self.world.payer.pubkey();
        for number in 0..set.next_epoch {
            let address = bandwidth::epoch_address(number).0;
            if self.exists(&address) && number + 1 < set.attestable_from {
                self.world.must(&[instructions::close_epoch(number, &payer)], &[]);
                assert!(!self.exists(&address));
            }
        }
    }
}
