//! The mint's name, symbol and URI, created by the Token Metadata program itself.

use lumora_interface::rewards::{TOKEN_NAME, TOKEN_SYMBOL};

use super::*;

const URI: &str = "https://example.org/lmr.json";

fn world_with_metadata_program() -> (World, Keypair) {
    let mut world = World::new(0);
    world.add_token_metadata_program();
    let authority = world.authority.insecure_clone();
    (world, authority)
}

/// The strings of a metadata account are padded with zeros to their greatest length.
fn text<'a>(data: &mut &'a [u8]) -> &'a str {
    let (length, rest) = data.split_at(4);
    let (bytes, rest) = rest.split_at(u32::from_le_bytes(length.try_into().unwrap()) as usize);
    *data = rest;
    std::str::from_utf8(bytes).unwrap().trim_end_matches('\0')
}

#[test]
fn the_mint_is_named_once_by_the_authority() {
    let (mut world, authority) = world_with_metadata_program();
    let create = instructions::create_metadata(&authority.pubkey(), TOKEN_NAME, TOKEN_SYMBOL, URI);
    world.must(&[create.clone()], &[&authority]);

    let account = world.svm.get_account(&rewards::METADATA).unwrap();
    assert_eq!(account.owner, rewards::TOKEN_METADATA);
    const METADATA_V1: u8 = 4;
    assert_eq!(account.data[0], METADATA_V1);
    assert_eq!(account.data[1..33], authority.pubkey().to_bytes(), "update authority");
    assert_eq!(account.data[33..65], rewards::MINT.to_bytes());
    let mut rest = &account.data[65..];
    assert_eq!(
        (text(&mut rest), text(&mut rest), text(&mut rest)),
        (TOKEN_NAME, TOKEN_SYMBOL, URI)
    );
    // No royalty, no creators, not sold yet, and the update authority may change it.
    assert_eq!(rest[..5], [0, 0, 0, 0, 1]);

    world.refused(&[create], &[&authority], RewardsError::MetadataExists.code());
}

#[test]
fn nobody_else_names_the_mint_and_nothing_else_is_named() {
    let (mut world, authority) = world_with_metadata_program();
    let thief = world.wallet("thief");
    let own = instructions::create_metadata(&thief.pubkey(), TOKEN_NAME, TOKEN_SYMBOL, URI);
    world.refused(&[own.clone()], &[&thief], RewardsError::NotAuthority.code());
    let mut on_foreign = own;
    on_foreign.accounts[1].pubkey = foreign_network(&mut world, &thief.pubkey());
    world.refused(&[on_foreign], &[&thief], RewardsError::WrongNetwork.code());

    let good = instructions::create_metadata(&authority.pubkey(), TOKEN_NAME, TOKEN_SYMBOL, URI);
    let with = |index: usize, address: Address| {
        let mut bent = good.clone();
        bent.accounts[index].pubkey = address;
        bent
    };
    let foreign_mint = world.foreign_mint(&thief.pubkey());
    world.refused(&[with(3, foreign_mint)], &[&authority], RewardsError::WrongMint.code());
    world.refused(
        &[with(4, keypair("elsewhere", 0).pubkey())],
        &[&authority],
        RewardsError::WrongMetadata.code(),
    );
    world.refused(
        &[with(5, registry::ID)],
        &[&authority],
        RewardsError::MetadataProgramMissing.code(),
    );
    let long = |length: usize| "x".repeat(length);
    for (name, symbol, uri) in [
        (long(33), "LMR".to_owned(), URI.to_owned()),
        ("Lumora".to_owned(), long(11), URI.to_owned()),
        ("Lumora".to_owned(), "LMR".to_owned(), long(201)),
        (String::new(), "LMR".to_owned(), URI.to_owned()),
        ("Lumora".to_owned(), String::new(), URI.to_owned()),
        ("Lumora".to_owned(), "LMR".to_owned(), String::new()),
    ] {
        let instruction = instructions::create_metadata(&authority.pubkey(), &name, &symbol, &uri);
        world.refused(&[instruction], &[&authority], RewardsError::MetadataInvalid.code());
    }
    // The longest that are taken are those that the Token Metadata program takes.
    let longest = instructions::create_metadata(&authority.pubkey(), &long(32), &long(10), &long(200));
    world.must(&[longest], &[&authority]);
}

#[test]
fn a_network_without_the_metadata_program_says_so() {
    let mut world = World::new(0);
    let authority = world.authority.insecure_clone();
    world.refused(
        &[instructions::create_metadata(
            &authority.pubkey(),
            TOKEN_NAME,
            TOKEN_SYMBOL,
            URI,
        )],
        &[&authority],
        RewardsError::MetadataProgramMissing.code(),
    );
}
