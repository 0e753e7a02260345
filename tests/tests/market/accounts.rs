//! Each instruction with another account in each place: none takes it for the right one.

use lumora_interface::{
    market::{bond_vault_address, config_address, listing_address, vault_address},
    registry, rewards,
};
use lumora_tests::{World, world::keypair};
use solana_keypair::Keypair;

use super::*;

/// The framework's refusals: of an account of another type, of one that is shorter, of one that another program owns, of a
/// program that is not the named one, of a derived address.
const WRONG_TYPE: &str = "InvalidAccountData";
const TOO_SHORT: &str = "AccountDataTooSmall";
const WRONG_OWNER: &str = "IllegalOwner";
const WRONG_PROGRAM: &str = "IncorrectProgramId";
const WRONG_SEEDS: &str = "InvalidSeeds";

/// How an account in the wrong place is refused.
enum By {
    /// By an error of ours.
    Us(MarketError),
    /// By the framework or the runtime, with this text.
    Others(&'static str),
}
use By::{Others, Us};

/// Tries each exchange; the instruction as it was lands afterwards.
fn exchange(world: &mut World, good: &Instruction, signers: &[&Keypair], cases: &[(usize, Address, By)]) {
    for (place, address, by) in cases {
        let bent = with(good, *place, *address);
        match by {
            Us(error) => world.refused(&[bent], signers, error.code()),
            Others(text) => world.refused_with(&[bent], signers, text),
        }
    }
    world.must(std::slice::from_ref(good), signers);
}

/// A copy of an account that a stranger's program owns.
fn copy(world: &mut World, address: &Address) -> Address {
    let mut account = world.svm.get_account(address).unwrap();
    account.owner = keypair("program of a thief", 0).pubkey();
    let place = keypair("copy of a thief", address.as_array()[0]).pubkey();
    world.svm.set_account(place, account).unwrap();
    place
}

/// A second account of program `registry` that looks like the network.
fn foreign_network(world: &mut World) -> Address {
    let account = world.svm.get_account(&registry::NETWORK).unwrap();
    let address = keypair("foreign network", 0).pubkey();
    world.svm.set_account(address, account).unwrap();
    address
}

/// A second listing of the seller, and a second open purchase of the first.
fn others(shop: &mut Shop) -> (Address, Address) {
    let seller = shop.seller.insecure_clone();
    let create = sales::create_listing(&seller.pubkey(), 1, sales::terms(&shop.secret), &shop.payees);
    shop.world.must(&[create], &[&seller]);
    (listing_address(&seller.pubkey(), 1).0, shop.buy(9, &secret(9)))
}

#[test]
fn initialize() {
    let mut world = World::new(0);
    world.deploy(market::ID, "market");
    let (authority, stranger) = (world.authority.insecure_clone(), world.wallet("stranger"));
    let foreign = sales::initialize(&stranger.pubkey(), &rewards::FEES);
    world.refused(&[foreign], &[&stranger], MarketError::NotAuthority.code());
    let good = sales::initialize(&authority.pubkey(), &rewards::FEES);
    let network = foreign_network(&mut world);
    // Somebody could close it, and with it every delivery.
    let closable = world.lmr_account(&authority.pubkey());
    exchange(
        &mut world,
        &good,
        &[&authority],
        &[
            (1, network, Us(MarketError::WrongNetwork)),
            (1, rewards::EMISSION, Others(WRONG_OWNER)),
            (2, closable, Us(MarketError::WrongTreasury)),
            (2, rewards::POOL, Us(MarketError::WrongTreasury)),
            (2, stranger.pubkey(), Us(MarketError::WrongTreasury)),
            (3, keypair("other", 0).pubkey(), Others(WRONG_SEEDS)),
        ],
    );
    world.refused_with(&[good], &[&authority], "already in use");
}

#[test]
fn create_listing() {
    let mut shop = Shop::empty(2);
    let seller = shop.seller.insecure_clone();
    let good = sales::create_listing(&seller.pubkey(), 0, sales::terms(&shop.secret), &shop.payees);
    let network = foreign_network(&mut shop.world);
    let config = copy(&mut shop.world, &config_address().0);
    let other = listing_address(&seller.pubkey(), 1).0;
    exchange(
        &mut shop.world,
        &good,
        &[&seller],
        &[
            (1, network, Us(MarketError::WrongNetwork)),
            (2, config, Others(WRONG_OWNER)),
            (2, registry::NETWORK, Others(WRONG_OWNER)),
            (3, other, Others(WRONG_SEEDS)),
        ],
    );
}

#[test]
fn buy() {
    let mut shop = Shop::new(1);
    let buyer = shop.buyer.insecure_clone();
    let good = shop.buy_instruction(0, &secret(1));
    let (other_listing, other_purchase) = others(&mut shop);
    let network = foreign_network(&mut shop.world);
    let mint = shop.world.foreign_mint(&buyer.pubkey());
    let victim = shop.world.grant(&keypair("victim", 0).pubkey(), PRICE);
    let listing = copy(&mut shop.world, &shop.listing);
    exchange(
        &mut shop.world,
        &good,
        &[&buyer],
        &[
            (1, network, Us(MarketError::WrongNetwork)),
            (2, other_listing, Others(WRONG_SEEDS)),
            (2, listing, Others(WRONG_OWNER)),
            (2, other_purchase, Others(TOO_SHORT)),
            (3, other_purchase, Others(WRONG_SEEDS)),
            (4, vault_address(&other_purchase).0, Us(MarketError::WrongVault)),
            (4, keypair("other", 0).pubkey(), Us(MarketError::WrongVault)),
            (5, mint, Us(MarketError::WrongMint)),
            (6, victim, Us(MarketError::WrongTokenAccount)),
            (6, buyer.pubkey(), Others(DUPLICATE)),
            (7, registry::ID, Others(WRONG_PROGRAM)),
        ],
    );
}

#[test]
fn deliver() {
    let mut shop = Shop::new(2);
    let purchase = shop.buy(0, &secret(1));
    let good = shop.deliver_instruction(&purchase, &shop.prove(&purchase));
    let (other_listing, other_purchase) = others(&mut shop);
    let thief = shop.world.wallet("thief").pubkey();
    let thief_tokens = shop.world.lmr_account(&thief);
    let mint = shop.world.foreign_mint(&thief);
    // An account of the payee for another mint.
    let foreign = keypair("foreign tokens", 0).pubkey();
    let mut account = shop.world.svm.get_account(&shop.payee_tokens[0]).unwrap();
    account.data[..32].copy_from_slice(mint.as_ref());
    shop.world.svm.set_account(foreign, account).unwrap();
    let listing = copy(&mut shop.world, &shop.listing);
    let bought = copy(&mut shop.world, &purchase);
    let swapped = {
        let mut bent = good.clone();
        bent.accounts.swap(8, 9);
        bent
    };
    shop.world
        .refused(&[swapped], &[], MarketError::WrongTokenAccount.code());
    for count in [8, 9] {
        let mut short = good.clone();
        short.accounts.truncate(count);
        shop.world
            .refused(&[short], &[], MarketError::PayeeAccountMissing.code());
    }
    let mut long = good.clone();
    long.accounts
        .push(solana_instruction::AccountMeta::new(thief_tokens, false));
    shop.world
        .refused(&[long], &[], MarketError::PayeeAccountMissing.code());
    exchange(
        &mut shop.world,
        &good,
        &[],
        &[
            (0, other_listing, Us(MarketError::WrongListing)),
            (0, listing, Others(WRONG_OWNER)),
            (0, other_purchase, Others(TOO_SHORT)),
            (1, other_listing, Others(WRONG_TYPE)),
            // Right in every way but the one that it was proved for.
            (1, other_purchase, Us(MarketError::ProofWrong)),
            (1, bought, Others(WRONG_OWNER)),
            (2, vault_address(&other_purchase).0, Us(MarketError::WrongVault)),
            (2, thief_tokens, Us(MarketError::WrongVault)),
            (3, thief, Us(MarketError::NotBuyer)),
            (4, thief_tokens, Us(MarketError::WrongTreasury)),
            (4, rewards::POOL, Us(MarketError::WrongTreasury)),
            (5, registry::ID, Others(WRONG_PROGRAM)),
            (8, thief_tokens, Us(MarketError::WrongTokenAccount)),
            (8, foreign, Us(MarketError::WrongTokenAccount)),
            (8, thief, Us(MarketError::WrongTokenAccount)),
            (9, vault_address(&purchase).0, Others(DUPLICATE)),
        ],
    );
}

#[test]
fn refund() {
    let mut shop = Shop::new(1);
    shop.bond(PRICE);
    let purchase = shop.buy(0, &secret(1));
    let good = sales::refund(&shop.listing, &purchase, &shop.buyer.pubkey());
    let (other_listing, other_purchase) = others(&mut shop);
    let thief = shop.world.wallet("thief").pubkey();
    let thief_tokens = shop.world.lmr_account(&thief);
    let bought = copy(&mut shop.world, &purchase);
    let vault = bond_vault_address(&shop.listing).0;
    shop.world.pass(DELIVERY_SECONDS + 1);
    exchange(
        &mut shop.world,
        &good,
        &[],
        &[
            (0, other_listing, Us(MarketError::WrongListing)),
            (1, bought, Others(WRONG_OWNER)),
            (1, shop.listing, Others(DUPLICATE)),
            (1, other_purchase, Us(MarketError::WrongVault)),
            (2, vault_address(&other_purchase).0, Us(MarketError::WrongVault)),
            // The bond in place of the price, and a thief's money in place of both.
            (2, vault, Others(DUPLICATE)),
            (2, thief_tokens, Us(MarketError::WrongVault)),
            (3, thief, Us(MarketError::NotBuyer)),
            (4, thief_tokens, Us(MarketError::WrongTokenAccount)),
            (4, rewards::FEES, Us(MarketError::WrongTokenAccount)),
            (5, thief_tokens, Us(MarketError::WrongBondVault)),
        ],
    );
}

#[test]
fn rate() {
    let mut shop = Shop::new(1);
    let buyer = shop.buyer.insecure_clone();
    let purchase = shop.buy(0, &secret(1));
    shop.deliver(&purchase);
    let (other_listing, other_purchase) = others(&mut shop);
    let bought = copy(&mut shop.world, &purchase);
    let good = sales::rate(&buyer.pubkey(), &shop.listing, &purchase, 5);
    exchange(
        &mut shop.world,
        &good,
        &[&buyer],
        &[
            (1, other_listing, Us(MarketError::WrongListing)),
            (2, other_purchase, Us(MarketError::NotDelivered)),
            (2, bought, Others(WRONG_OWNER)),
        ],
    );
}

#[test]
fn an_instruction_with_cut_off_or_unknown_data_does_nothing() {
    let mut shop = Shop::new(1);
    let purchase = shop.buy(0, &secret(1));
    let good = shop.deliver_instruction(&purchase, &shop.prove(&purchase));
    for length in [0, 1, 2, 33, 64, 144] {
        let mut short = good.clone();
        short.data.truncate(length);
        assert!(shop.world.send(&[short], &[]).is_err(), "{length} bytes");
    }
    for number in 12..=u8::MAX {
        let mut unknown = good.clone();
        unknown.data[0] = number;
        assert!(shop.world.send(&[unknown], &[]).is_err(), "instruction {number}");
    }
    shop.world.must(&[good], &[]);
}
