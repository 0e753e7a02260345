//! Accounts as earlier releases wrote them: each is read right, or refused; none is misread. See docs/upgrades.md.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on must stop"
)]

use base64::{Engine, engine::general_purpose::STANDARD};
use lumora_interface::{
    Account, AccountError,
    bandwidth::{Attestation, Epoch, OracleSet, epoch_state, member},
    market::{Listing, MarketConfig, Purchase, listing_state, purchase_state},
    registry::{Network, Node},
    rewards::{Emission, Reward},
};
use lumora_tests::{
    sales::{DELIVERY_SECONDS, PRICE},
    world::{FIRST_AMOUNT, LMR, START, keypair},
};
use serde::Deserialize;
use solana_address::Address;
use solana_signer::Signer;

/// An account as it was on a chain.
#[derive(Deserialize)]
struct Fixture {
    owner: String,
    data: String,
}

impl Fixture {
    fn load(name: &str) -> (Address, Vec<u8>) {
        let path = format!("{}/fixtures/accounts/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let fixture: Self = serde_json::from_str(&text).unwrap();
        (fixture.owner.parse().unwrap(), STANDARD.decode(fixture.data).unwrap())
    }

    fn read<T: Account>(name: &str) -> Result<T, AccountError> {
        let (owner, data) = Self::load(name);
        T::from_account(&owner, &data)
    }
}

#[test]
fn a_network_of_layout_1_is_read() {
    let network: Network = Fixture::read("network_v1").unwrap();
    assert_eq!(network.version, 1);
    assert_eq!(network.authority, keypair("authority", 0).pubkey());
    assert_eq!(network.network_id, [7; 32]);
    assert_eq!(network.shard_bond, LMR);
    assert_eq!(network.bonded, 4 * LMR);
    assert!(network.scoring().weights.is_normalised());
    // Nothing was announced, and there was no notice to keep: a notice of zero is what its absence means.
    assert_eq!(network.announced_for, 0);
}

#[test]
fn a_node_of_layout_1_is_read() {
    let node: Node = Fixture::read("node_v1").unwrap();
    assert_eq!(node.owner, keypair("provider", 0).pubkey());
    assert_eq!((node.bond, node.unbonding, node.slashed), (4 * LMR, 0, 0));
    assert_eq!((node.limit_kbps, node.shard_capacity), (50_000, 4));
    // Where it stood when there was no such field: since ever.
    assert_eq!(node.located_at, 0);
}

#[test]
fn an_oracle_set_of_layout_1_is_refused_until_it_is_migrated() {
    assert_eq!(Fixture::read::<OracleSet>("oracle_set_v1"), Err(AccountError::Size));
    // What both layouts have lies in the same places, so an older reader of a newer account is right too.
    let (_, data) = Fixture::load("oracle_set_v1");
    let mut grown = data.clone();
    grown.resize(OracleSet::SPACE, 0);
    let set = OracleSet::from_account_data(&grown).unwrap();
    assert_eq!((set.count, set.next_epoch, set.attestable_from), (4, 1, 1));
    assert_eq!(set.cumulative_reward, 100 * LMR);
    assert_eq!(
        set.states[..5],
        [
            member::ACTIVE,
            member::ACTIVE,
            member::ACTIVE,
            member::ACTIVE,
            member::EMPTY
        ]
    );
    assert_eq!(set.keys[3], keypair("oracle", 3).pubkey());
}

#[test]
fn an_epoch_of_layout_1_is_read() {
    let epoch: Epoch = Fixture::read("epoch_v1").unwrap();
    assert_eq!((epoch.epoch, epoch.state, epoch.quorum), (0, epoch_state::ATTESTED, 3));
    assert_eq!(
        (epoch.members, epoch.committed, epoch.signers),
        (0b1111, 0b1111, 0b1111)
    );
    assert_eq!(epoch.cumulative_reward, 100 * LMR);
    assert_ne!(epoch.seed, [0; 32]);
}

#[test]
fn an_attestation_of_layout_1_is_read() {
    let attestation: Attestation = Fixture::read("attestation_v1").unwrap();
    assert_eq!(
        (attestation.epoch, attestation.down_kbps, attestation.up_kbps),
        (0, 50_000, 20_000)
    );
    assert_eq!(attestation.cumulative_reward, 100 * LMR);
}

#[test]
fn an_emission_of_layout_1_is_read() {
    let emission: Emission = Fixture::read("emission_v1").unwrap();
    assert_eq!((emission.genesis, emission.first_amount), (START, FIRST_AMOUNT));
    assert_eq!((emission.minted, emission.claimed), (100 * LMR, 100 * LMR));
    // What came later means what it meant before: grants vest at once, and there is no circuit breaker.
    assert_eq!((emission.vesting_cliff_seconds, emission.vesting_seconds), (0, 0));
    assert_eq!(emission.breaker_limit, 0);
}

#[test]
fn a_reward_of_layout_1_is_read() {
    let reward: Reward = Fixture::read("reward_v1").unwrap();
    assert_eq!(reward.claimed, 100 * LMR);
}

#[test]
fn a_listing_of_layout_1_is_read() {
    let listing: Listing = Fixture::read("listing_v1").unwrap();
    assert_eq!(listing.seller, keypair("seller", 0).pubkey());
    assert_eq!((listing.state, listing.revision), (listing_state::ACTIVE, 1));
    assert_eq!((listing.price, listing.delivery_seconds), (PRICE, DELIVERY_SECONDS));
    assert_eq!((listing.open_purchases, listing.sales, listing.volume), (1, 1, PRICE));
    assert_eq!((listing.mean_rating(), listing.payees().len()), (Some(400), 3));
    // There were no bonds: its sales are made without a penalty, as they were then.
    assert_eq!((listing.bond, listing.open_penalties, listing.penalty()), (0, 0, 0));
    assert!(!listing.is_bonded());
    assert_eq!(listing.closable_from(), None);
}

#[test]
fn purchases_of_layout_1_are_read() {
    let open: Purchase = Fixture::read("purchase_v1").unwrap();
    assert_eq!((open.state, open.index, open.amount), (purchase_state::OPEN, 1, PRICE));
    assert_eq!(open.deadline, START + i64::from(DELIVERY_SECONDS));
    assert_eq!(open.delivery(), None);
    let delivered: Purchase = Fixture::read("purchase_delivered_v1").unwrap();
    assert_eq!((delivered.state, delivered.rating), (purchase_state::DELIVERED, 4));
    assert!(delivered.delivery().is_some());
    // No penalty was promised, and the id of the dataset is in the listing alone.
    for purchase in [open, delivered] {
        assert_eq!((purchase.penalty, purchase.dataset_id), (0, [0; 32]));
    }
}

#[test]
fn a_market_config_of_layout_1_is_read() {
    let config: MarketConfig = Fixture::read("market_config_v1").unwrap();
    assert_ne!(config.treasury, Address::default());
}

/// Every prefix and every wrong owner or discriminator of every fixture is refused.
#[test]
fn what_is_cut_off_or_of_another_type_is_refused() {
    fn check<T: Account + std::fmt::Debug + PartialEq>(name: &str) {
        let (owner, data) = Fixture::load(name);
        for length in 0..data.len().min(T::SPACE) {
            assert!(
                T::from_account(&owner, &data[..length]).is_err(),
                "{name} cut to {length} bytes"
            );
        }
        assert_eq!(T::from_account(&Address::default(), &data), Err(AccountError::Owner));
        let mut other = data;
        other[0] ^= 1;
        assert_eq!(
            T::from_account(&owner, &other),
            Err(AccountError::Discriminator),
            "{name}"
        );
    }
    check::<Network>("network_v1");
    check::<Node>("node_v1");
    check::<OracleSet>("oracle_set_v1");
    check::<Epoch>("epoch_v1");
    check::<Attestation>("attestation_v1");
    check::<Emission>("emission_v1");
    check::<Reward>("reward_v1");
    check::<Listing>("listing_v1");
    check::<Purchase>("purchase_v1");
    check::<Purchase>("purchase_delivered_v1");
    check::<MarketConfig>("market_config_v1");
}
