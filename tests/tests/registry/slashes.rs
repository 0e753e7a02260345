//! Who may slash a bond, how much, and who gets it.

use lumora_interface::{
    Event, bandwidth,
    registry::{self, BondSlashed, Network, Node, RegistryError},
    tasks,
};
use lumora_tests::{
    Sent, instructions,
    world::{LMR, keypair},
};
use solana_address::Address;
use solana_instruction::Instruction;
use solana_signer::Signer;

use crate::bonds::Bonded;

/// A bonded node, programs that slash at the addresses of `tasks`, of `bandwidth` and of a stranger, and two wallets with
/// LMR accounts.
struct Court {
    bonded: Bonded,
    reporter: Address,
    injured: Address,
    stranger: Address,
}

impl Court {
    fn new() -> Self {
        let mut bonded = Bonded::new();
        let stranger = keypair("stranger", 0).pubkey();
        for program in [tasks::ID, bandwidth::ID, stranger] {
            bonded.world.deploy(program, "forwarder");
        }
        let mut account = |name: &str| {
            let wallet = bonded.world.wallet(name).pubkey();
            bonded.world.lmr_account(&wallet)
        };
        let (reporter, injured) = (account("reporter"), account("injured"));
        Self {
            bonded,
            reporter,
            injured,
            stranger,
        }
    }

    fn slash(&self, program: &Address, amount: u64) -> Instruction {
        instructions::forward_slash(program, &self.bonded.node, &self.reporter, &self.injured, amount)
    }

    fn must(&mut self, instruction: Instruction) -> Sent {
        self.bonded.world.must(&[instruction], &[])
    }

    /// Asserts that `slash`, called by the forwarder, refuses.
    fn refused(&mut self, instruction: Instruction, error: RegistryError) {
        let node = self.bonded.node;
        let called = instructions::slash(&registry::SLASHERS[0], &node, &self.reporter, &self.injured, 0);
        self.bonded
            .world
            .refused_inside(&[instruction], &[], error.code(), &[called]);
    }

    fn read(&self) -> (Node, Network) {
        (self.bonded.read(), self.bonded.world.read(&registry::NETWORK))
    }

    fn received(&self) -> (u64, u64) {
        let world = &self.bonded.world;
        (world.balance(&self.reporter), world.balance(&self.injured))
    }

    /// What the test's program saw of the bonds: network before, node before, network after, node after.
    fn seen(sent: &Sent) -> [u64; 4] {
        let returned = sent
            .logs
            .iter()
            .rev()
            .find_map(|log| log.strip_prefix("Program return: "))
            .and_then(|rest| rest.split(' ').nth(1))
            .unwrap();
        let bytes = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, returned).unwrap();
        std::array::from_fn(|index| u64::from_le_bytes(bytes[index * 8..][..8].try_into().unwrap()))
    }
}

#[test]
fn what_is_taken_goes_to_reporter_and_injured_and_the_rest_is_burned() {
    for program in [tasks::ID, bandwidth::ID] {
        let mut court = Court::new();
        let supply = court.bonded.world.supply();
        let sent = court.must(court.slash(&program, LMR - 1));
        // A tenth and a half, rounded down.
        assert_eq!(court.received(), (99_999, 499_999));
        assert_eq!(court.bonded.world.supply(), supply - 400_001);
        let (node, network) = court.read();
        assert_eq!(
            (node.bond, node.slashed, network.bonded),
            (9 * LMR + 1, LMR - 1, 9 * LMR + 1)
        );
        assert_eq!(court.bonded.world.balance(&registry::BOND_VAULT), 9 * LMR + 1);
        let event: BondSlashed = sent.event();
        assert_eq!((event.node, event.bond), (court.bonded.node, node.bond));
        assert_eq!(
            (event.reporter, event.injured, event.slasher),
            (
                court.reporter,
                court.injured,
                Address::find_program_address(&[registry::seed::SLASHER], &program).0
            )
        );
        assert_eq!(
            (event.to_reporter, event.to_injured, event.burned),
            (99_999, 499_999, 400_001)
        );
        // The caller sees at once what the call wrote, though it holds the account.
        assert_eq!(Court::seen(&sent), [10 * LMR, 10 * LMR, 9 * LMR + 1, 9 * LMR + 1]);
    }
}

#[test]
fn a_party_that_is_absent_or_cannot_receive_has_its_part_burned() {
    let mut court = Court::new();
    let supply = court.bonded.world.supply();
    court.injured = registry::ID;
    court.must(court.slash(&tasks::ID, LMR));
    assert_eq!(court.bonded.world.balance(&court.reporter), LMR / 10);
    assert_eq!(court.bonded.world.supply(), supply - LMR * 9 / 10);

    // An address without an account, a wallet, a token account of another mint.
    let wallet = court.bonded.world.wallet("wallet").pubkey();
    let foreign_mint = court.bonded.world.foreign_mint(&wallet);
    let mut foreign = court.bonded.world.svm.get_account(&court.reporter).unwrap();
    foreign.data[..32].copy_from_slice(foreign_mint.as_ref());
    let foreign_tokens = keypair("foreign tokens", 0).pubkey();
    court.bonded.world.svm.set_account(foreign_tokens, foreign).unwrap();
    let nothing = keypair("nothing", 0).pubkey();
    for party in [nothing, wallet, foreign_tokens] {
        (court.reporter, court.injured) = (party, party);
        let before = court.bonded.world.supply();
        court.must(court.slash(&tasks::ID, LMR));
        assert_eq!(court.bonded.world.supply(), before - LMR);
    }
    // One account for both.
    let (both, before) = (court.bonded.tokens, court.bonded.world.balance(&court.bonded.tokens));
    (court.reporter, court.injured) = (both, both);
    court.must(court.slash(&tasks::ID, LMR));
    assert_eq!(court.bonded.world.balance(&both), before + LMR * 6 / 10);
}

#[test]
fn a_party_that_can_receive_is_not_passed_over_by_marking_its_account_as_read_only() {
    let court = Court::new();
    for party in [5, 6] {
        let mut slash = court.slash(&tasks::ID, LMR);
        slash.accounts[party].is_writable = false;
        let mut world = Court::new().bonded.world;
        world.refused_with(&[slash], &[], "writable privilege escalated");
    }
}

#[test]
fn nobody_but_the_two_programs_slashes() {
    let mut court = Court::new();
    let stranger = court.slash(&court.stranger, LMR);
    court.refused(stranger, RegistryError::NotSlasher);
    let (authority, owner) = (
        court.bonded.world.authority.insecure_clone(),
        court.bonded.owner.insecure_clone(),
    );
    for signer in [&authority, &owner] {
        let slash = instructions::slash(
            &signer.pubkey(),
            &court.bonded.node,
            &court.reporter,
            &court.injured,
            LMR,
        );
        court
            .bonded
            .world
            .refused(&[slash], &[signer], RegistryError::NotSlasher.code());
    }
    // The right address without its signature, which no transaction can give.
    let mut unsigned = instructions::slash(
        &registry::SLASHERS[0],
        &court.bonded.node,
        &court.reporter,
        &court.injured,
        LMR,
    );
    unsigned.accounts[0].is_signer = false;
    court
        .bonded
        .world
        .refused_with(&[unsigned], &[], "MissingRequiredSignature");
    // A program cannot sign as another one's address.
    let mut forged = court.slash(&court.stranger, LMR);
    forged.accounts[0].pubkey = registry::SLASHERS[0];
    court
        .bonded
        .world
        .refused_with(&[forged], &[], "signer privilege escalated");
}

#[test]
fn one_slash_takes_at_most_the_larger_of_the_two_bonds() {
    let mut court = Court::new();
    let limit = court.read().1.slash_limit();
    assert_eq!(limit, LMR);
    let too_large = court.slash(&tasks::ID, limit + 1);
    court.refused(too_large, RegistryError::SlashTooLarge);
    court.must(court.slash(&tasks::ID, limit));
}

#[test]
fn a_slash_takes_what_there_is_and_then_nothing() {
    let mut court = Court::new();
    court.must(court.slash(&tasks::ID, 0));
    for _ in 0..9 {
        court.must(court.slash(&tasks::ID, LMR));
    }
    court.must(court.slash(&tasks::ID, LMR - 1));
    assert_eq!(court.read().0.bond, 1);
    let sent = court.must(court.slash(&tasks::ID, LMR));
    let event: BondSlashed = sent.event();
    assert_eq!((event.to_reporter, event.to_injured, event.burned), (0, 0, 1));
    let (node, network) = court.read();
    assert_eq!((node.bond, node.slashed, network.bonded), (0, 10 * LMR, 0));

    let sent = court.must(court.slash(&tasks::ID, LMR));
    assert!(
        sent.inner
            .iter()
            .all(|data| BondSlashed::from_event_data(data).is_none())
    );
    // Nor does a node that was closed stop who would have slashed it.
    let close = instructions::close_node(&court.bonded.owner.pubkey(), &court.bonded.node, &court.bonded.tokens);
    court.bonded.world.must(&[close], &[&court.bonded.owner]);
    let sent = court.must(court.slash(&tasks::ID, LMR));
    assert_eq!(Court::seen(&sent), [0; 4]);
}

#[test]
fn what_was_asked_back_is_at_risk_until_it_is_paid() {
    let mut court = Court::new();
    court.bonded.request(10 * LMR);
    let due = court.read().0.unbonds_at;
    court.must(court.slash(&tasks::ID, LMR));
    let node = court.read().0;
    assert_eq!((node.bond, node.unbonding, node.unbonds_at), (9 * LMR, 9 * LMR, due));
    court.bonded.request(LMR);
    for _ in 0..8 {
        court.must(court.slash(&bandwidth::ID, LMR));
    }
    assert_eq!(court.read().0.unbonding, LMR, "the rest did");
    court.must(court.slash(&bandwidth::ID, LMR));
    let node = court.read().0;
    assert_eq!((node.bond, node.unbonding, node.unbonds_at), (0, 0, 0));
}

#[test]
fn a_slash_names_the_networks_own_vault_and_mint() {
    let mut court = Court::new();
    let (mint, other) = (court.bonded.world.foreign_mint(&court.injured), court.bonded.tokens);
    for (index, address, error) in [
        (3, mint, RegistryError::WrongMint),
        (4, other, RegistryError::WrongVault),
    ] {
        let mut slash = court.slash(&tasks::ID, LMR);
        slash.accounts[index].pubkey = address;
        court.refused(slash, error);
    }
    // The vault as a party: what was burned would stay in it.
    let mut slash = court.slash(&tasks::ID, LMR);
    slash.accounts[5].pubkey = registry::BOND_VAULT;
    court.bonded.world.refused_with(&[slash], &[], "Custom(2040)");
}

#[test]
fn whatever_happens_the_vault_holds_what_the_nodes_were_promised() {
    let mut court = Court::new();
    let owners = [
        court.bonded.owner.insecure_clone(),
        court.bonded.world.wallet("another"),
    ];
    let nodes = [court.bonded.node, court.bonded.world.register("another").1];
    let tokens = owners
        .each_ref()
        .map(|owner| court.bonded.world.grant(&owner.pubkey(), 100 * LMR));
    let supply = court.bonded.world.supply();
    // The same steps in every run.
    let mut state = 1u64;
    let mut next = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let (mut landed, mut burned) = (0, 0);
    for _ in 0..300 {
        let which = next(2) as usize;
        let (owner, node, tokens) = (&owners[which], nodes[which], tokens[which]);
        let (key, amount) = (owner.pubkey(), next(2 * LMR));
        let (step, signers): (Instruction, &[&solana_keypair::Keypair]) = match next(5) {
            0 => (instructions::deposit_bond(&key, &node, &tokens, amount), &[owner]),
            1 => (instructions::request_unbond(&key, &node, amount), &[owner]),
            2 => (instructions::withdraw_bond(&key, &node, &tokens), &[owner]),
            3 => {
                court.bonded.node = node;
                (court.slash(&tasks::ID, amount), &[])
            }
            _ => {
                court.bonded.world.pass(next(2_000) as i64);
                continue;
            }
        };
        // Many are refused, which is half of what is tested.
        if let Ok(sent) = court.bonded.world.send(&[step], signers) {
            landed += 1;
            let slashed = sent.inner.iter().find_map(|data| BondSlashed::from_event_data(data));
            burned += slashed.map_or(0, |event| event.burned);
        }
        let world = &court.bonded.world;
        let promised: u64 = nodes.iter().map(|node| world.read::<Node>(node).bond).sum();
        assert_eq!(world.read::<Network>(&registry::NETWORK).bonded, promised);
        assert_eq!(world.balance(&registry::BOND_VAULT), promised);
        assert_eq!(world.supply(), supply - burned);
        for node in &nodes {
            let node: Node = world.read(node);
            assert!(node.unbonding <= node.bond && (node.unbonding == 0) == (node.unbonds_at == 0));
        }
    }
    assert!(landed > 100 && burned > 0, "{landed} steps, {burned} burned");
}
