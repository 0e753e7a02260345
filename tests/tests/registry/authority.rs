//! Who may govern the network, and how that passes on or ends.

use lumora_interface::registry::{self, AuthorityChanged, Network, RegistryError, pause};
use lumora_tests::{World, instructions, world::keypair};
use solana_address::Address;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::parameters::current;

fn network(world: &World) -> Network {
    world.read(&registry::NETWORK)
}

#[test]
fn the_authority_passes_on_when_its_successor_signs() {
    let mut world = World::new(0);
    let (authority, successor) = (world.authority.insecure_clone(), world.wallet("successor"));
    let propose = instructions::propose_authority(&authority.pubkey(), &successor.pubkey());
    world.must(&[propose], &[&authority]);
    assert_eq!(network(&world).authority, authority.pubkey());
    assert_eq!(network(&world).pending_authority, successor.pubkey());

    world.must(&[instructions::accept_authority(&successor.pubkey())], &[&successor]);
    assert_eq!(network(&world).authority, successor.pubkey());
    assert_eq!(network(&world).pending_authority, Address::default());

    // The old one is nobody now, also to the other programs; a proposal is accepted once.
    let pause = instructions::unpause(&authority.pubkey(), pause::ALL);
    world.refused(&[pause], &[&authority], RegistryError::NotAuthority.code());
    let oracle = instructions::add_oracle(&authority.pubkey(), &keypair("oracle", 9).pubkey(), &authority.pubkey());
    assert!(world.send(&[oracle], &[&authority]).is_err());
    let again = instructions::accept_authority(&successor.pubkey());
    world.refused(&[again], &[&successor], RegistryError::NotProposed.code());
}

#[test]
fn nobody_but_the_proposed_accepts_and_a_proposal_can_be_withdrawn() {
    let mut world = World::new(0);
    let (authority, successor) = (world.authority.insecure_clone(), world.wallet("successor"));
    let propose = |proposed: Address| instructions::propose_authority(&authority.pubkey(), &proposed);
    world.must(&[propose(successor.pubkey())], &[&authority]);
    let thief = world.wallet("thief");
    for signer in [&thief, &authority] {
        let accept = instructions::accept_authority(&signer.pubkey());
        world.refused(&[accept], &[signer], RegistryError::NotProposed.code());
    }
    world.must(&[propose(Address::default())], &[&authority]);
    let accept = instructions::accept_authority(&successor.pubkey());
    world.refused(&[accept], &[&successor], RegistryError::NotProposed.code());
    // Nor by naming the proposed without its signature.
    world.must(&[propose(successor.pubkey())], &[&authority]);
    let mut unsigned = instructions::accept_authority(&successor.pubkey());
    unsigned.accounts[0].is_signer = false;
    world.refused_with(&[unsigned], &[], "MissingRequiredSignature");
}

#[test]
fn what_the_authority_may_nobody_else_may() {
    let mut world = World::new(0);
    let (thief, guardian) = (world.wallet("thief"), world.wallet("guardian"));
    let parameters = current(&world);
    for signer in [&thief, &guardian] {
        let key = signer.pubkey();
        for instruction in [
            instructions::propose_authority(&key, &key),
            instructions::set_guardian(&key, &key),
            instructions::renounce_authority(&key),
            instructions::unpause(&key, pause::ALL),
            instructions::announce_parameters(&key, &parameters),
            instructions::withdraw_announcement(&key),
        ] {
            world.refused(&[instruction], &[signer], RegistryError::NotAuthority.code());
        }
    }
    // The authority named, but not signing.
    let mut unsigned = instructions::set_guardian(&world.authority.pubkey(), &thief.pubkey());
    unsigned.accounts[0].is_signer = false;
    world.refused_with(&[unsigned], &[], "MissingRequiredSignature");
}

#[test]
fn the_authority_is_given_up_in_two_steps_and_for_good() {
    let mut world = World::new(0);
    let authority = world.authority.insecure_clone();
    let key = authority.pubkey();
    let renounce = |world: &mut World, error: RegistryError| {
        let authority = world.authority.insecure_clone();
        world.refused(
            &[instructions::renounce_authority(&authority.pubkey())],
            &[&authority],
            error.code(),
        );
    };
    renounce(&mut world, RegistryError::RenounceNotProposed);
    let other = instructions::propose_authority(&key, &keypair("successor", 0).pubkey());
    world.must(&[other], &[&authority]);
    renounce(&mut world, RegistryError::RenounceNotProposed);
    let incinerator = instructions::propose_authority(&key, &registry::INCINERATOR);
    world.must(&[incinerator], &[&authority]);

    world.must(&[instructions::pause(&key, pause::BUYING)], &[&authority]);
    renounce(&mut world, RegistryError::RenouncePaused);
    world.must(&[instructions::unpause(&key, pause::BUYING)], &[&authority]);
    let announce = instructions::announce_parameters(&key, &current(&world));
    world.must(&[announce], &[&authority]);
    renounce(&mut world, RegistryError::RenounceAnnounced);
    world.must(&[instructions::withdraw_announcement(&key)], &[&authority]);

    let sent = world.must(&[instructions::renounce_authority(&key)], &[&authority]);
    let event: AuthorityChanged = sent.event();
    assert_eq!((event.previous, event.authority), (key, registry::INCINERATOR));
    let after = network(&world);
    assert_eq!(after.authority, registry::INCINERATOR);
    assert_eq!(
        (after.pending_authority, after.guardian),
        (Address::default(), Address::default())
    );
    // The guardian could pause for ever.
    let guardian = world.wallet("guardian");
    for signer in [&authority, &guardian] {
        let pause = instructions::pause(&signer.pubkey(), pause::ALL);
        world.refused(&[pause], &[signer], RegistryError::NotGuardian.code());
    }
    let grant_back = instructions::propose_authority(&key, &key);
    world.refused(&[grant_back], &[&authority], RegistryError::NotAuthority.code());
}

#[test]
fn the_guardian_can_be_replaced_or_left_out() {
    let mut world = World::new(0);
    let (authority, old, new) = (
        world.authority.insecure_clone(),
        world.wallet("guardian"),
        world.wallet("new guardian"),
    );
    let set = |guardian: Address| instructions::set_guardian(&authority.pubkey(), &guardian);
    let pause = |by: &Keypair| instructions::pause(&by.pubkey(), pause::BUYING);
    world.must(&[set(new.pubkey())], &[&authority]);
    world.refused(&[pause(&old)], &[&old], RegistryError::NotGuardian.code());
    world.must(&[pause(&new)], &[&new]);
    world.must(&[set(Address::default())], &[&authority]);
    world.refused(&[pause(&new)], &[&new], RegistryError::NotGuardian.code());
    assert_eq!(network(&world).guardian, Address::default());
}
