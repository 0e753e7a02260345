//! What must hold after every step.

use std::collections::BTreeSet;

use lumora_core::units::Seconds;
use lumora_interface::{
    bandwidth::{self, Attestation, Epoch, epoch_state},
    registry,
    rewards::{self, Reward},
};
use lumora_tests::tokens::associated_account;
use solana_address::Address;

use crate::cast::Run;

impl Run {
    /// Checks every invariant against the accounts as they are.
    pub fn audit(&self) {
        self.supply_is_within_the_schedule();
        self.vaults_hold_what_is_written_down();
        self.nothing_is_paid_twice();
        self.only_what_honest_oracles_signed_is_attested();
    }

    fn supply_is_within_the_schedule(&self) {
        let emission = self.emission();
        let now = self.world.now();
        let allowed = emission
            .schedule()
            .epoch_at(Seconds(now))
            .map_or(0, |epoch| emission.schedule().cumulative(epoch).0);
        assert!(
            emission.minted <= allowed,
            "minted beyond the schedule; {}",
            self.story()
        );
        let supply = self.world.supply();
        assert!(
            supply + emission.burned <= emission.early_minted + emission.minted,
            "LMR out of nowhere; {}",
            self.story()
        );
        let vaults = [
            registry::BOND_VAULT,
            bandwidth::BOND_VAULT,
            rewards::POOL,
            rewards::EARLY_POOL,
            rewards::FEES,
        ];
        // A hostile caller can have LMR granted to an address that is nobody's wallet.
        let granted = self
            .grants
            .iter()
            .map(|(recipient, _)| associated_account(recipient, &rewards::MINT))
            .filter(|account| self.exists(account));
        let accounts: BTreeSet<Address> = self
            .parties()
            .map(|party| party.tokens)
            .chain(vaults)
            .chain(granted)
            .collect();
        let held: u64 = accounts.iter().map(|account| self.world.balance(account)).sum();
        assert_eq!(held, supply, "LMR went somewhere unknown; {}", self.story());
    }

    /// The vaults, with what their programs say is in them.
    fn vaults(&self) -> [(Address, u64); 4] {
        let (network, set, emission) = (self.network(), self.set(), self.emission());
        let released = emission.early_granted - emission.early_outstanding;
        [
            (registry::BOND_VAULT, network.bonded),
            (bandwidth::BOND_VAULT, set.bonded),
            (rewards::POOL, emission.minted - emission.claimed),
            (rewards::EARLY_POOL, emission.early_minted - released),
        ]
    }

    /// Takes note of LMR that a reporter had paid into a vault.
    pub fn note_gifts(&mut self) {
        for (vault, recorded) in self.vaults() {
            let gift = self.world.balance(&vault) - recorded;
            let known = self.gifts.insert(vault, gift).unwrap_or(0);
            assert!(known <= gift, "a gift was paid out; {}", self.story());
        }
    }

    fn vaults_hold_what_is_written_down(&self) {
        for (vault, recorded) in self.vaults() {
            let gift = self.gifts.get(&vault).copied().unwrap_or(0);
            assert_eq!(
                self.world.balance(&vault),
                recorded + gift,
                "vault {vault}; {}",
                self.story()
            );
        }
        let nodes: u64 = self.nodes().iter().map(|(_, _, address)| self.node(address).bond).sum();
        assert_eq!(self.network().bonded, nodes, "bonds of nodes; {}", self.story());
        let set = self.set();
        assert_eq!(
            set.bonded,
            set.bonds.iter().sum::<u64>(),
            "bonds of oracles; {}",
            self.story()
        );
        for (_, _, address) in self.nodes() {
            let node = self.node(&address);
            assert!(
                node.unbonding <= node.bond,
                "more asked back than there is; {}",
                self.story()
            );
        }
    }

    fn nothing_is_paid_twice(&self) {
        let mut sum = 0;
        for address in self.lifetimes.keys() {
            let reward = rewards::reward_address(address).0;
            if !self.exists(&reward) {
                continue;
            }
            let claimed = self.world.read::<Reward>(&reward).claimed;
            let attested = self
                .world
                .read::<Attestation>(&bandwidth::attestation_address(address).0)
                .cumulative_reward;
            assert!(claimed <= attested, "claimed more than attested; {}", self.story());
            sum += claimed;
        }
        assert_eq!(sum, self.emission().claimed, "sum of claims; {}", self.story());
    }

    fn only_what_honest_oracles_signed_is_attested(&self) {
        for (number, honest) in &self.honest {
            let address = bandwidth::epoch_address(*number).0;
            if !self.exists(&address) {
                continue;
            }
            let epoch: Epoch = self.world.read(&address);
            if epoch.state == epoch_state::ATTESTED {
                assert_eq!(
                    epoch.root,
                    honest.arguments.root,
                    "a minority attested; {}",
                    self.story()
                );
                assert!(epoch.signers.count_ones() >= u32::from(epoch.quorum));
            }
        }
    }
}
