//! What a network is like: the parameters that the migrations set. `localnet.toml` and `devnet.toml` are built in; any other network
//! is described by a file of the same shape.

use {
    crate::Error,
    lumora_client::keys,
    lumora_core::{
        emission::{Breaker, Schedule},
        hash::sha256,
        units::{Bps, Lmr, Seconds},
    },
    lumora_interface::{
        Address,
        bandwidth::InitializeOraclesArguments,
        registry::{InitializeRegistryArguments, NOTICE_SECONDS_MAX},
        rewards::{self, InitializeRewardsArguments},
    },
    serde::Deserialize,
    solana_keypair::Keypair,
    std::{
        net::{IpAddr, SocketAddr},
        path::{Path, PathBuf},
    },
};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub programs: Programs,
    pub network: Network,
    pub emission: Emission,
    pub oracles: Oracles,
}

/// Which code is deployed, and under which keys.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Programs {
    /// Folder with `lumora_<name>.so`.
    pub folder: PathBuf,
    pub keypairs: Keypairs,
    /// Room for the code to grow without an extension, in basis points of its size. It costs rent.
    pub headroom_bps: u16,
}

/// Where the programs' keypairs come from.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keypairs {
    /// Derived from public texts: for local networks only, since anybody can derive them.
    Localnet,
    /// A folder with `lumora_<name>-keypair.json`.
    Folder(PathBuf),
}

/// Parameters of the registry. Amounts in LMR base units (1 LMR = 1,000,000), shares in basis points.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Any text that names this network; its SHA-256 is bound into every signed message.
    pub name: String,
    /// May pause; without it, the authority.
    pub guardian: Option<AddressText>,
    /// Seconds between announcing other parameters and their taking effect; it can never be changed.
    pub notice_seconds: u32,
    pub minimum_bond: u64,
    pub shard_bond: u64,
    pub unbonding_seconds: i64,
    /// Weights of bandwidth, proximity, latency and reputation; they sum to 10,000.
    pub weights_bps: [u16; 4],
    pub reference_kbps: u32,
    pub half_distance_km: u32,
    pub half_latency_us: u32,
    pub max_wait_seconds: u32,
    pub attestation_max_age_seconds: u32,
    pub capacity_share_bps: u16,
    pub expiry_slash_bps: u16,
    pub protocol_fee_bps: u16,
    pub burn_share_bps: u16,
}

/// The emission schedule, and what bounds how LMR leaves the pools. Amounts in LMR base units.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Emission {
    /// Unix time at which epoch 0 begins; without it, when the migration runs.
    pub genesis: Option<i64>,
    pub epochs_per_cycle: u32,
    pub first_amount: u64,
    pub decay_bps: u16,
    pub cap: u64,
    /// Seconds after a grant from the early-participant pool during which nothing of it vests.
    pub vesting_cliff_seconds: u32,
    /// Seconds after which all of a grant has vested; zero: at once.
    pub vesting_seconds: u32,
    /// Circuit breaker: seconds of a window.
    pub breaker_seconds: u32,
    /// Circuit breaker: how many times what the schedule mints at most in a window may be claimed in one; zero: any amount.
    pub breaker_multiple: u64,
    /// Where wallets find the token's description, a JSON document.
    pub metadata_uri: String,
}

/// The oracle set and the clock of epochs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oracles {
    pub epoch_seconds: u32,
    pub commit_seconds: u32,
    pub dispute_seconds: u32,
    /// What an oracle must have at stake to count, LMR base units.
    pub minimum_bond: u64,
    /// At least the three times above together.
    pub unbonding_seconds: i64,
    /// How long an epoch's account stays after its end.
    pub retention_seconds: u32,
    #[serde(default)]
    pub members: Vec<Oracle>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oracle {
    pub key: AddressText,
    /// Where nodes reach it, as `203.0.113.7:4433`.
    pub endpoint: SocketAddr,
    /// The wallet that controls its bond and may have it resign; without it, the authority.
    pub owner: Option<AddressText>,
}

/// An address, written in base 58 in a settings file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressText(pub Address);

impl<'de> Deserialize<'de> for AddressText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let address = text
            .parse()
            .map_err(|_| serde::de::Error::custom(format!("{text:?} is not an address in base 58")))?;
        Ok(Self(address))
    }
}

impl From<Address> for AddressText {
    fn from(address: Address) -> Self {
        Self(address)
    }
}

impl Settings {
    /// A network on this machine: short epochs, small bonds.
    pub fn localnet() -> Self {
        Self::parse(include_str!("../localnet.toml")).expect("a test reads the file that is built in")
    }

    /// The public test network.
    pub fn devnet() -> Self {
        Self::parse(include_str!("../devnet.toml")).expect("a test reads the file that is built in")
    }

    /// Reads a settings file.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::Settings(format!("{} cannot be read: {error}", path.display())))?;
        Self::parse(&text).map_err(|error| Error::Settings(format!("{}: {error}", path.display())))
    }

    pub fn parse(text: &str) -> Result<Self, Error> {
        let settings: Self = toml::from_str(text).map_err(|error| Error::Settings(error.to_string()))?;
        settings.check()?;
        Ok(settings)
    }

    /// What the programs would refuse, said before anything is sent.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.registry_arguments(Address::default())
            .parameters()
            .rules()
            .check()
            .map_err(|fault| Error::Settings(format!("network: {fault}")))?;
        if !(1..=NOTICE_SECONDS_MAX).contains(&self.network.notice_seconds) {
            return Err(Error::Settings(format!(
                "network.notice_seconds must be between 1 and {NOTICE_SECONDS_MAX}"
            )));
        }
        let most = rewards::SUPPLY_CAP - rewards::EARLY_POOL_AMOUNT;
        if self.emission.cap > most {
            return Err(Error::Settings(format!(
                "emission.cap must be at most {most} base units"
            )));
        }
        if self.emission.vesting_cliff_seconds > self.emission.vesting_seconds {
            return Err(Error::Settings(
                "emission.vesting_cliff_seconds must not be above emission.vesting_seconds".into(),
            ));
        }
        if !Breaker::is_valid(self.breaker_limit(), self.emission.breaker_seconds, &self.schedule()) {
            return Err(Error::Settings(format!(
                "emission.breaker_seconds must be {} to {}, and emission.breaker_multiple zero or at least {}",
                Breaker::MIN_SECONDS,
                Breaker::MAX_SECONDS,
                Breaker::MIN_MULTIPLE
            )));
        }
        if self.oracles.members.len() > 32 {
            return Err(Error::Settings("there can be at most 32 oracles".into()));
        }
        let oracles = &self.oracles;
        let course =
            i64::from(oracles.epoch_seconds) + i64::from(oracles.commit_seconds) + i64::from(oracles.dispute_seconds);
        if oracles.unbonding_seconds < course {
            return Err(Error::Settings(format!(
                "oracles.unbonding_seconds must be at least {course}, an epoch with its commit time and its dispute window"
            )));
        }
        Ok(())
    }

    /// Arguments of the registry's `initialize`, without a guardian: the authority.
    pub(crate) fn registry_arguments(&self, authority: Address) -> InitializeRegistryArguments {
        let network = &self.network;
        InitializeRegistryArguments {
            guardian: network.guardian.map_or(authority, |guardian| guardian.0),
            network_id: self.network_id(),
            notice_seconds: network.notice_seconds,
            minimum_bond: network.minimum_bond,
            shard_bond: network.shard_bond,
            unbonding_seconds: network.unbonding_seconds,
            weights: network.weights_bps,
            reference_kbps: network.reference_kbps,
            half_distance_km: network.half_distance_km,
            half_latency_us: network.half_latency_us,
            max_wait_seconds: network.max_wait_seconds,
            attestation_max_age_seconds: network.attestation_max_age_seconds,
            capacity_share: network.capacity_share_bps,
            expiry_slash: network.expiry_slash_bps,
            protocol_fee: network.protocol_fee_bps,
            burn_share: network.burn_share_bps,
        }
    }

    /// What is bound into every message that is signed for this network.
    pub fn network_id(&self) -> [u8; 32] {
        sha256(&[b"lumora network ", self.network.name.as_bytes()])
    }

    /// Arguments of the rewards' `initialize`; `now` is the chain's time.
    pub(crate) fn rewards_arguments(&self, now: i64) -> InitializeRewardsArguments {
        let emission = &self.emission;
        InitializeRewardsArguments {
            genesis: emission.genesis.unwrap_or(now),
            epoch_seconds: self.oracles.epoch_seconds,
            epochs_per_cycle: emission.epochs_per_cycle,
            first_amount: emission.first_amount,
            decay: emission.decay_bps,
            cap: emission.cap,
            vesting_cliff_seconds: emission.vesting_cliff_seconds,
            vesting_seconds: emission.vesting_seconds,
            breaker_limit: self.breaker_limit().0,
            breaker_seconds: emission.breaker_seconds,
        }
    }

    /// The schedule as the rules in `core` take it; when it begins does not matter to what they are asked here.
    fn schedule(&self) -> Schedule {
        let emission = &self.emission;
        Schedule {
            genesis: Seconds(0),
            epoch_seconds: self.oracles.epoch_seconds,
            first_amount: Lmr(emission.first_amount),
            epochs_per_cycle: emission.epochs_per_cycle,
            decay: Bps(emission.decay_bps),
            cap: Lmr(emission.cap),
        }
    }

    /// Most that may be claimed in a window; a multiple, so that it follows when the length of an epoch is changed.
    fn breaker_limit(&self) -> Lmr {
        let minted = self.schedule().most_within(self.emission.breaker_seconds);
        Lmr(minted.0.saturating_mul(self.emission.breaker_multiple))
    }

    /// Arguments of the bandwidth program's `initialize`.
    pub(crate) fn oracles_arguments(&self) -> InitializeOraclesArguments {
        let Oracles {
            epoch_seconds,
            commit_seconds,
            dispute_seconds,
            minimum_bond,
            unbonding_seconds,
            retention_seconds,
            ..
        } = self.oracles;
        InitializeOraclesArguments {
            epoch_seconds,
            commit_seconds,
            dispute_seconds,
            minimum_bond,
            unbonding_seconds,
            retention_seconds,
        }
    }
}

impl Oracle {
    /// The endpoint as the chain holds it: IPv6 address (IPv4 mapped), then port, both big endian.
    pub fn endpoint_bytes(&self) -> [u8; 18] {
        endpoint_bytes(self.endpoint)
    }
}

/// An endpoint as the chain holds it: IPv6 address (IPv4 mapped), then port, both big endian.
fn endpoint_bytes(endpoint: SocketAddr) -> [u8; 18] {
    let address = match endpoint.ip() {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    let mut bytes = [0; 18];
    bytes[..16].copy_from_slice(&address.octets());
    bytes[16..].copy_from_slice(&endpoint.port().to_be_bytes());
    bytes
}

impl Programs {
    /// The keypair under which a program is deployed; `name` as in `registry`.
    pub(crate) fn keypair(&self, name: &str) -> Result<Keypair, Error> {
        match &self.keypairs {
            Keypairs::Localnet => Ok(keys::localnet_program(name)),
            Keypairs::Folder(folder) => Ok(keys::load(&folder.join(format!("lumora_{name}-keypair.json")))?),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_settings_are_valid() {
        assert_ne!(Settings::localnet().network_id(), Settings::devnet().network_id());
    }

    #[test]
    fn a_mistake_is_named() {
        let text = include_str!("../localnet.toml");
        let wrong = |from: &str, to: &str| {
            assert!(text.contains(from), "{from}");
            Settings::parse(&text.replace(from, to)).unwrap_err().to_string()
        };
        assert!(wrong("weights_bps = [4_000,", "weights_bps = [5_000,").contains("must sum to 10,000"));
        assert!(wrong("protocol_fee_bps = 500", "protocol_fee_bps = 2_001").contains("at most 2,000"));
        assert!(wrong("unbonding_seconds = 120", "unbonding_seconds = 59").contains("one minute"));
        assert!(wrong("notice_seconds = 60", "notice_seconds = 0").contains("notice_seconds"));
        assert!(wrong("minimum_bond", "minimun_bond").contains("minimun_bond"));
        assert!(wrong("dispute_seconds = 5", "dispute_seconds = 50_000").contains("must be at least 50080"));
        assert!(wrong("vesting_cliff_seconds = 0", "vesting_cliff_seconds = 1").contains("vesting_seconds"));
        assert!(wrong("breaker_multiple = 10", "breaker_multiple = 1").contains("breaker_multiple"));
        assert!(wrong("breaker_seconds = 3_600", "breaker_seconds = 59").contains("breaker_seconds"));
    }

    #[test]
    fn an_endpoint_is_an_ipv6_address_and_a_port() {
        let mut expected = [0u8; 18];
        expected[10..].copy_from_slice(&[0xff, 0xff, 203, 0, 113, 7, 0x11, 0x51]);
        assert_eq!(endpoint_bytes("203.0.113.7:4433".parse().unwrap()), expected);
        assert_eq!(endpoint_bytes("[2001:db8::1]:1".parse().unwrap())[..2], [0x20, 0x01]);
    }
}
