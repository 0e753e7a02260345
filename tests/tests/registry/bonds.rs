//! How a bond is deposited and comes back.

use lumora_interface::registry::{
    self, BondDeposited, BondWithdrawn, Network, Node, NodeClosed, RegistryError, UnbondRequested,
};
use lumora_tests::{
    World, instructions,
    tokens::associated_account,
    world::{LMR, keypair},
};
use solana_address::Address;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::parameters::current;

/// Seconds to unbond in tests.
const UNBONDING: i64 = 3_600;

/// A node with a bond of 10 LMR, and what its owner has.
pub struct Bonded {
    pub world: World,
    pub owner: Keypair,
    pub node: Address,
    /// The owner's LMR.
    pub tokens: Address,
}

impl Bonded {
    pub fn new() -> Self {
        let mut world = World::new(0);
        let (owner, node) = world.register("provider");
        let tokens = world.grant(&owner.pubkey(), 10 * LMR);
        let mut bonded = Self {
            world,
            owner,
            node,
            tokens,
        };
        bonded.deposit(10 * LMR);
        bonded
    }

    pub fn deposit(&mut self, amount: u64) {
        let deposit = instructions::deposit_bond(&self.owner.pubkey(), &self.node, &self.tokens, amount);
        self.world.must(&[deposit], &[&self.owner]);
    }

    pub fn request(&mut self, amount: u64) {
        let request = instructions::request_unbond(&self.owner.pubkey(), &self.node, amount);
        self.world.must(&[request], &[&self.owner]);
    }

    pub fn read(&self) -> Node {
        self.world.read(&self.node)
    }

    /// The amount asked back and when it is due, in seconds from now.
    fn asked_back(&self) -> (u64, i64) {
        let node = self.read();
        (node.unbonding, node.unbonds_at - self.world.now())
    }

    fn withdraw(&self) -> Instruction {
        instructions::withdraw_bond(&self.owner.pubkey(), &self.node, &self.tokens)
    }

    fn close(&self) -> Instruction {
        instructions::close_node(&self.owner.pubkey(), &self.node, &self.tokens)
    }

    fn bonded(&self) -> (u64, u64) {
        let network: Network = self.world.read(&registry::NETWORK);
        (network.bonded, self.world.balance(&registry::BOND_VAULT))
    }

    fn refused(&mut self, instruction: Instruction, error: RegistryError) {
        let owner = self.owner.insecure_clone();
        self.world.refused(&[instruction], &[&owner], error.code());
    }

    /// What the framework says of an account that is passed twice and written.
    fn refused_twice(&mut self, instruction: Instruction) {
        self.world.refused_with(&[instruction], &[&self.owner], "Custom(2040)");
    }
}

#[test]
fn a_bond_grows_by_what_reaches_the_vault() {
    let mut world = World::new(0);
    let (owner, address) = world.register("provider");
    let source = world.grant(&owner.pubkey(), 10 * LMR);
    let sent = world.must(
        &[instructions::deposit_bond(&owner.pubkey(), &address, &source, 4 * LMR)],
        &[&owner],
    );
    assert_eq!(world.read::<Node>(&address).bond, 4 * LMR);
    assert_eq!(world.read::<Network>(&registry::NETWORK).bonded, 4 * LMR);
    assert_eq!(world.balance(&registry::BOND_VAULT), 4 * LMR);
    assert_eq!(world.balance(&source), 6 * LMR);
    let event: BondDeposited = sent.event();
    assert_eq!((event.node, event.amount, event.bond), (address, 4 * LMR, 4 * LMR));
}

#[test]
fn a_bond_is_paid_in_lmr_of_the_owner_into_the_vault() {
    let mut world = World::new(0);
    let (owner, node) = world.register("provider");
    let source = world.grant(&owner.pubkey(), 10 * LMR);
    let other = world.wallet("other");
    let foreign_source = world.grant(&other.pubkey(), LMR);
    let deposit = |source: &Address, amount| instructions::deposit_bond(&owner.pubkey(), &node, source, amount);

    // Whoever could add to another's bond could keep its owner from ever having all of it back.
    let stranger = instructions::deposit_bond(&other.pubkey(), &node, &foreign_source, 1);
    world.refused(&[stranger], &[&other], RegistryError::NotOwner.code());
    world.refused(&[deposit(&source, 0)], &[&owner], RegistryError::AmountZero.code());
    world.refused(
        &[deposit(&foreign_source, LMR)],
        &[&owner],
        RegistryError::WrongTokenAccount.code(),
    );
    let mut into_own = deposit(&source, LMR);
    into_own.accounts[5].pubkey = foreign_source;
    world.refused(&[into_own], &[&owner], RegistryError::WrongVault.code());
    let mut mint = deposit(&source, LMR);
    mint.accounts[3].pubkey = world.foreign_mint(&owner.pubkey());
    world.refused(&[mint], &[&owner], RegistryError::WrongMint.code());
}

#[test]
fn bond_that_was_asked_back_is_paid_when_it_is_due() {
    let mut it = Bonded::new();
    let request = instructions::request_unbond(&it.owner.pubkey(), &it.node, 4 * LMR);
    let sent = it.world.must(&[request], &[&it.owner]);
    let due = it.world.now() + UNBONDING;
    let event: UnbondRequested = sent.event();
    assert_eq!((event.node, event.amount, event.unbonds_at), (it.node, 4 * LMR, due));
    assert_eq!(it.read().free_bond(), 6 * LMR, "it vouches for nothing new");

    it.world.pass(UNBONDING - 1);
    it.refused(it.withdraw(), RegistryError::UnbondingRunning);
    it.world.pass(1);
    let sent = it.world.must(&[it.withdraw()], &[&it.owner]);
    let event: BondWithdrawn = sent.event();
    assert_eq!(
        (event.node, event.owner, event.amount, event.bond),
        (it.node, it.owner.pubkey(), 4 * LMR, 6 * LMR)
    );
    let node = it.read();
    assert_eq!((node.bond, node.unbonding, node.unbonds_at), (6 * LMR, 0, 0));
    assert_eq!(it.bonded(), (6 * LMR, 6 * LMR));
    assert_eq!(it.world.balance(&it.tokens), 4 * LMR);
    it.refused(it.withdraw(), RegistryError::NothingUnbonding);
}

#[test]
fn asking_for_more_starts_the_wait_again_and_asking_for_less_does_not() {
    let mut it = Bonded::new();
    it.request(4 * LMR);
    it.world.pass(1_000);
    it.request(3 * LMR);
    assert_eq!(it.asked_back(), (3 * LMR, UNBONDING - 1_000));
    it.request(3 * LMR);
    assert_eq!(it.asked_back(), (3 * LMR, UNBONDING - 1_000));
    // A little that is due must not let out the rest.
    it.world.pass(UNBONDING);
    it.request(3 * LMR + 1);
    assert_eq!(it.asked_back(), (3 * LMR + 1, UNBONDING));
    it.refused(it.withdraw(), RegistryError::UnbondingRunning);
    it.request(0);
    let node = it.read();
    assert_eq!((node.bond, node.unbonding, node.unbonds_at), (10 * LMR, 0, 0));
    it.request(10 * LMR);
    assert_eq!(it.asked_back(), (10 * LMR, UNBONDING), "as if never asked before");

    let too_much = instructions::request_unbond(&it.owner.pubkey(), &it.node, 10 * LMR + 1);
    it.refused(too_much, RegistryError::UnbondTooLarge);
}

#[test]
fn a_wait_that_runs_is_not_lengthened() {
    let mut it = Bonded::new();
    it.request(10 * LMR);
    let due = it.read().unbonds_at;
    let authority = it.world.authority.insecure_clone();
    let mut parameters = current(&it.world);
    parameters.unbonding_seconds = 2 * UNBONDING;
    let announce = instructions::announce_parameters(&authority.pubkey(), &parameters);
    it.world.must(&[announce], &[&authority]);
    it.world.pass(600);
    it.world.must(&[instructions::apply_parameters()], &[]);
    assert_eq!(it.read().unbonds_at, due);
    it.world.pass(due - it.world.now());
    it.world.must(&[it.withdraw()], &[&it.owner]);
}

#[test]
fn only_the_owner_takes_the_bond_out_and_only_to_its_own_account() {
    let mut it = Bonded::new();
    it.request(10 * LMR);
    it.world.pass(UNBONDING);
    let thief = it.world.wallet("thief");
    let thief_tokens = it.world.grant(&thief.pubkey(), LMR);
    let operator = keypair("provider", 1);
    for signer in [&thief, &operator] {
        let key = signer.pubkey();
        for instruction in [
            instructions::request_unbond(&key, &it.node, 1),
            instructions::withdraw_bond(&key, &it.node, &it.tokens),
            instructions::close_node(&key, &it.node, &it.tokens),
        ] {
            it.world
                .refused(&[instruction], &[signer], RegistryError::NotOwner.code());
        }
    }
    let (owner, node) = (it.owner.pubkey(), it.node);
    for destination in [thief_tokens, thief.pubkey()] {
        let withdraw = instructions::withdraw_bond(&owner, &node, &destination);
        it.refused(withdraw, RegistryError::WrongTokenAccount);
        let close = instructions::close_node(&owner, &node, &destination);
        it.refused(close, RegistryError::WrongTokenAccount);
    }
    // Not into the vault, where it would be nobody's.
    let into_vault = instructions::withdraw_bond(&owner, &node, &registry::BOND_VAULT);
    it.refused_twice(into_vault);
    let into_vault = instructions::close_node(&owner, &node, &registry::BOND_VAULT);
    it.refused_twice(into_vault);
    let mut vault = it.withdraw();
    vault.accounts[3].pubkey = thief_tokens;
    it.refused(vault, RegistryError::WrongVault);
    let mut vault = it.close();
    vault.accounts[3].pubkey = thief_tokens;
    it.refused(vault, RegistryError::WrongVault);
    let mut rent = it.close();
    rent.accounts[5].pubkey = thief.pubkey();
    it.refused(rent, RegistryError::WrongRentPayer);
}

#[test]
fn a_node_without_a_bond_is_closed_and_its_rent_comes_back() {
    let mut world = World::new(0);
    let (owner, node) = world.register("provider");
    let rent = world.svm.get_balance(&node).unwrap();
    let before = world.svm.get_balance(&owner.pubkey()).unwrap();
    // The owner has no LMR account: it never had LMR.
    let tokens = associated_account(&owner.pubkey(), &lumora_interface::rewards::MINT);
    let sent = world.must(&[instructions::close_node(&owner.pubkey(), &node, &tokens)], &[&owner]);
    let event: NodeClosed = sent.event();
    assert_eq!((event.node, event.owner, event.paid), (node, owner.pubkey(), 0));
    assert_eq!(world.svm.get_balance(&owner.pubkey()).unwrap(), before + rent);
    assert!(world.svm.get_account(&node).is_none_or(|account| account.lamports == 0));

    // The same address again, with nothing left of before.
    world.pass(10);
    assert_eq!(world.register("provider").1, node);
    let again: Node = world.read(&node);
    assert_eq!((again.bond, again.slashed, again.registered_at), (0, 0, world.now()));
}

#[test]
fn a_node_is_closed_with_its_whole_bond_when_that_is_due_and_not_before() {
    let mut it = Bonded::new();
    it.refused(it.close(), RegistryError::BondHeld);
    it.request(9 * LMR);
    it.world.pass(UNBONDING);
    it.refused(it.close(), RegistryError::BondHeld);
    it.request(10 * LMR);
    it.refused(it.close(), RegistryError::UnbondingRunning);
    it.world.pass(UNBONDING);
    let sent = it.world.must(&[it.close()], &[&it.owner]);
    assert_eq!(sent.event::<NodeClosed>().paid, 10 * LMR);
    assert_eq!(it.world.balance(&it.tokens), 10 * LMR);
    assert_eq!(it.bonded(), (0, 0));
}
