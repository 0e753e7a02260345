//! Accounts as earlier releases wrote them, from `fixtures/accounts`.

use std::path::Path;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Deserialize;
use solana_account::Account;
use solana_address::Address;

/// The layout of a file.
#[derive(Deserialize)]
struct Fixture {
    address: String,
    /// In base 64.
    data: String,
    lamports: u64,
    owner: String,
}

/// The account in `<name>.json`, and its address.
pub fn fixture(name: &str) -> (Address, Account) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/accounts")
        .join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let fixture: Fixture = serde_json::from_str(&text).expect("a fixture has these fields");
    let account = Account {
        lamports: fixture.lamports,
        data: BASE64_STANDARD
            .decode(fixture.data)
            .expect("a fixture's data is in base 64"),
        owner: fixture.owner.parse().expect("an owner is an address"),
        executable: false,
        rent_epoch: u64::MAX,
    };
    (fixture.address.parse().expect("an address in base 58"), account)
}
