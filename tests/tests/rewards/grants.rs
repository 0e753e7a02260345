//! Grants from the early-participant pool: allocated by the authority, released to the recipient as they vest.

use lumora_interface::rewards::{Grant, GrantReleased, Granted, grant_address};

use super::*;

const DAY: u32 = 86_400;
const CLIFF: u32 = 90 * DAY;
const WHOLE: u32 = 730 * DAY;

/// A world in which grants vest over two years, after a cliff of 90 days, and a recipient with an LMR account.
fn vesting_world() -> (World, Keypair, Address) {
    let mut world = world_with(|schedule| {
        schedule.vesting_cliff_seconds = CLIFF;
        schedule.vesting_seconds = WHOLE;
    });
    let recipient = world.wallet("recipient");
    let account = world.lmr_account(&recipient.pubkey());
    (world, recipient, account)
}

#[test]
fn a_grant_is_released_as_it_vests_and_then_closed() {
    let (mut world, recipient, account) = vesting_world();
    let authority = world.authority.insecure_clone();
    let amount = 730 * LMR;
    let sent = world.must(
        &[instructions::grant(&authority.pubkey(), &recipient.pubkey(), 3, amount)],
        &[&authority],
    );
    let event = events::<Granted>(&sent)[0];
    assert_eq!((event.recipient, event.index), (recipient.pubkey(), 3));
    assert_eq!((event.amount, event.granted), (amount, amount));
    assert_eq!(world.balance(&account), 0, "a grant pays nothing by itself");
    let address = grant_address(&recipient.pubkey(), 3).0;
    let grant: Grant = world.read(&address);
    assert_eq!(
        (grant.amount, grant.released, grant.starts_at),
        (amount, 0, world.now())
    );

    let release = instructions::release(&recipient.pubkey(), 3, &authority.pubkey());
    let too_early = RewardsError::NothingVested.code();
    world.refused(&[release.clone()], &[], too_early);
    world.pass(CLIFF - 1);
    world.refused(&[release.clone()], &[], too_early);
    // At the cliff, what would have vested until then does so at once; then a LMR a day.
    world.pass(1);
    world.must(&[release.clone()], &[]);
    assert_eq!(world.balance(&account), 90 * LMR);
    world.refused(&[release.clone()], &[], too_early);
    world.pass(10 * DAY);
    let sent = world.must(&[release.clone()], &[]);
    let event = events::<GrantReleased>(&sent)[0];
    assert_eq!((event.recipient, event.index), (recipient.pubkey(), 3));
    assert_eq!((event.amount, event.outstanding), (10 * LMR, 630 * LMR));
    assert_eq!(world.read::<Emission>(&rewards::EMISSION).early_outstanding, 630 * LMR);

    world.pass(WHOLE);
    let rent = world.svm.get_balance(&address).unwrap();
    let before = world.svm.get_balance(&authority.pubkey()).unwrap();
    let sent = world.must(&[release], &[]);
    assert_eq!(events::<GrantReleased>(&sent)[0].outstanding, 0);
    assert_eq!(world.balance(&account), amount);
    assert_eq!(world.svm.get_balance(&authority.pubkey()).unwrap(), before + rent);
    assert!(
        world
            .svm
            .get_account(&address)
            .is_none_or(|account| account.lamports == 0)
    );
    let emission: Emission = world.read(&rewards::EMISSION);
    assert_eq!((emission.early_granted, emission.early_outstanding), (amount, 0));
    assert_eq!(world.balance(&rewards::EARLY_POOL), rewards::EARLY_POOL_AMOUNT - amount);
}

#[test]
fn without_a_schedule_a_grant_is_released_in_the_transaction_that_makes_it() {
    let mut world = World::new(0);
    let friend = world.wallet("friend");
    for total in [5 * LMR, 10 * LMR] {
        // The second takes the address that the first has left.
        let account = world.grant(&friend.pubkey(), 5 * LMR);
        assert_eq!(world.balance(&account), total);
    }
    assert_eq!(world.read::<Emission>(&rewards::EMISSION).early_granted, 10 * LMR);
}

#[test]
fn only_the_authority_grants_and_only_what_the_pool_has_not_promised() {
    let (mut world, recipient, _) = vesting_world();
    let authority = world.authority.insecure_clone();
    let grant = |index, amount| instructions::grant(&authority.pubkey(), &recipient.pubkey(), index, amount);

    let own = instructions::grant(&recipient.pubkey(), &recipient.pubkey(), 0, LMR);
    world.refused(&[own.clone()], &[&recipient], RewardsError::NotAuthority.code());
    let mut on_foreign = own;
    on_foreign.accounts[1].pubkey = foreign_network(&mut world, &recipient.pubkey());
    world.refused(&[on_foreign], &[&recipient], RewardsError::WrongNetwork.code());
    world.refused(&[grant(0, 0)], &[&authority], RewardsError::AmountZero.code());
    for wrong in [rewards::POOL, rewards::FEES] {
        let mut bent = grant(0, LMR);
        bent.accounts[3].pubkey = wrong;
        world.refused(&[bent], &[&authority], RewardsError::WrongPool.code());
    }
    let mut another_index = grant(0, LMR);
    another_index.accounts[5].pubkey = grant_address(&recipient.pubkey(), 1).0;
    world.refused_with(&[another_index], &[&authority], "InvalidSeeds");

    // What is granted is in the pool until it vests; it cannot be granted twice.
    let too_much = RewardsError::EarlyPoolShort.code();
    world.refused(&[grant(0, rewards::EARLY_POOL_AMOUNT + 1)], &[&authority], too_much);
    world.must(&[grant(0, rewards::EARLY_POOL_AMOUNT - LMR)], &[&authority]);
    assert_eq!(world.balance(&rewards::EARLY_POOL), rewards::EARLY_POOL_AMOUNT);
    world.refused(&[grant(1, LMR + 1)], &[&authority], too_much);
    // Nor can a grant be replaced by another of the same index.
    world
        .send(&[grant(0, LMR)], &[&authority])
        .expect_err("the grant exists");
    world.must(&[grant(1, LMR)], &[&authority]);
    world.refused(&[grant(2, 1)], &[&authority], too_much);
}

#[test]
fn a_release_pays_the_recipient_and_nobody_else() {
    let (mut world, recipient, account) = vesting_world();
    let authority = world.authority.insecure_clone();
    let thief = world.wallet("thief");
    let stolen = world.lmr_account(&thief.pubkey());
    world.must(
        &[instructions::grant(
            &authority.pubkey(),
            &recipient.pubkey(),
            0,
            730 * LMR,
        )],
        &[&authority],
    );
    world.pass(CLIFF);
    let good = instructions::release(&recipient.pubkey(), 0, &authority.pubkey());
    let with = |index: usize, address: Address| {
        let mut bent = good.clone();
        bent.accounts[index].pubkey = address;
        bent
    };
    let wrong_account = RewardsError::WrongTokenAccount.code();
    let foreign_mint = world.foreign_mint(&thief.pubkey());
    let mut foreign = world.svm.get_account(&account).unwrap();
    foreign.data[..32].copy_from_slice(foreign_mint.as_ref());
    let in_foreign = keypair("foreign account", 0).pubkey();
    world.svm.set_account(in_foreign, foreign).unwrap();
    for wrong in [stolen, in_foreign, recipient.pubkey(), keypair("nobody", 0).pubkey()] {
        world.refused(&[with(4, wrong)], &[], wrong_account);
    }
    world.refused(&[with(2, foreign_mint)], &[], RewardsError::WrongMint.code());
    world.refused(&[with(3, rewards::POOL)], &[], RewardsError::WrongPool.code());
    world.refused(&[with(5, thief.pubkey())], &[], RewardsError::WrongRentPayer.code());
    // A grant that another program wrote.
    let mut forged = world.svm.get_account(&good.accounts[0].pubkey).unwrap();
    forged.owner = registry::ID;
    let at = keypair("forged grant", 0).pubkey();
    world.svm.set_account(at, forged).unwrap();
    world.refused_with(&[with(0, at)], &[], "IllegalOwner");
    world.refused_with(&[with(4, rewards::EARLY_POOL)], &[], DUPLICATE);
    world.refused_with(&[with(7, thief.pubkey())], &[], "InvalidSeeds");

    world.must(&[good], &[]);
    assert_eq!(world.balance(&account), 90 * LMR);
}

#[test]
fn a_closed_token_account_does_not_hold_up_a_grant() {
    let (mut world, _, _) = vesting_world();
    let authority = world.authority.insecure_clone();
    let newcomer = world.wallet("newcomer").pubkey();
    world.must(
        &[instructions::grant(&authority.pubkey(), &newcomer, 0, 730 * LMR)],
        &[&authority],
    );
    world.pass(WHOLE);
    let release = instructions::release(&newcomer, 0, &authority.pubkey());
    world.refused(&[release.clone()], &[], RewardsError::WrongTokenAccount.code());
    // Whoever wants it released opens the account.
    let account = world.lmr_account(&newcomer);
    world.must(&[release], &[]);
    assert_eq!(world.balance(&account), 730 * LMR);
}
