//! Program `registry`: the network's configuration, nodes and their bonds.

mod arguments;
#[cfg(feature = "anchor")]
pub mod cpi;
mod error;
mod events;
mod network;
mod node;

pub use arguments::{
    AdaptArguments, DepositBondArguments, InitializeRegistryArguments, RegisterNodeArguments, UpdateNodeArguments,
};
pub use error::RegistryError;
pub use events::{
    AdaptationFreezeChanged, AnnouncementWithdrawn, AuthorityChanged, AuthorityProposed, BondDeposited, BondSlashed,
    BondWithdrawn, GuardianChanged, NetworkInitialized, NodeClosed, NodeRegistered, NodeUpdated, ParametersAnnounced,
    ParametersApplied, PauseChanged, RankingAdapted, UnbondRequested,
};
pub use network::{Network, NetworkParameters};
pub use node::Node;

use crate::Address;

/// Address of the program.
pub const ID: Address = Address::from_str_const("5zXseGSzfx69H6Vqdkww3KCHJiWcqtZiDc3yFFwWwRL7");

/// Address of the one [`Network`].
pub const NETWORK: Address = Address::from_str_const("J731TDhVSFB72p3d5ArBi3gB3N1UaWCNBeqVuPdqW73x");

/// Address of the token account that holds all bonds.
pub const BOND_VAULT: Address = Address::from_str_const("8f3SbgoH7d55UF3m9xQ1FoUdLes2APQSeoneTDBBL1dt");

/// Who may slash bonds: the addresses derived from [`seed::SLASHER`] in `tasks` and in `bandwidth`.
pub const SLASHERS: [Address; 2] = [
    Address::from_str_const("5xWst1sMiG4msmyb129AfEsYYpr78fJVxamEAhM9gpJb"),
    Address::from_str_const("94k6yyzFgD7F8CYd5xHfi2e55kfhbqvk4qouDrpmfmqP"),
];

/// Who may adapt the ranking: the address derived from [`seed::ADAPTER`] in `bandwidth`.
pub const ADAPTER: Address = Address::from_str_const("7zddjHxKPMFJm6FLAGHsKGA6fATkieXQnXo3YDFbXpYa");

/// Account of the loader that names who may upgrade the program: it may create the network, nobody else.
pub const PROGRAM_DATA: Address = Address::from_str_const("6GCaoLUy8sL5UvPZwxzSK2jd2saHia6AVmW8JwN58Q89");

/// The loader of programs that can be upgraded: owner of [`PROGRAM_DATA`].
pub const UPGRADEABLE_LOADER: Address = Address::from_str_const("BPFLoaderUpgradeab1e11111111111111111111111");

/// Stands for "nobody" as [`Network::authority`]: an address under which nobody can sign.
pub const INCINERATOR: Address = Address::from_str_const("1nc1nerator11111111111111111111111111111111");

/// Notice of networks that were created without one: a day.
pub const DEFAULT_NOTICE_SECONDS: u32 = 86_400;

/// Longest notice: 60 days. A longer one would make parameters as good as unchangeable.
pub const NOTICE_SECONDS_MAX: u32 = 60 * 86_400;

/// First seed of each derived address.
pub mod seed {
    /// The one [`Network`](super::Network).
    pub const NETWORK: &[u8] = b"network";
    /// A [`Node`](super::Node); followed by its owner and its index.
    pub const NODE: &[u8] = b"node";
    /// The token account that holds all bonds.
    pub const BOND: &[u8] = b"bond";
    /// Under which `tasks` and `bandwidth` sign when they slash a bond.
    pub const SLASHER: &[u8] = b"slasher";
    /// Under which `bandwidth` signs when a quorum of oracles adapts the ranking.
    pub const ADAPTER: &[u8] = b"adapter";
}

instructions! {
    INITIALIZE = 0, initialize;
    REGISTER_NODE = 1, register_node;
    UPDATE_NODE = 2, update_node;
    CREATE_VAULT = 3, create_vault;
    DEPOSIT_BOND = 4, deposit_bond;
    PROPOSE_AUTHORITY = 5, propose_authority;
    ACCEPT_AUTHORITY = 6, accept_authority;
    SET_GUARDIAN = 7, set_guardian;
    RENOUNCE_AUTHORITY = 8, renounce_authority;
    PAUSE = 9, pause;
    UNPAUSE = 10, unpause;
    ANNOUNCE_PARAMETERS = 11, announce_parameters;
    WITHDRAW_ANNOUNCEMENT = 12, withdraw_announcement;
    APPLY_PARAMETERS = 13, apply_parameters;
    REQUEST_UNBOND = 14, request_unbond;
    WITHDRAW_BOND = 15, withdraw_bond;
    SLASH = 16, slash;
    CLOSE_NODE = 17, close_node;
    ADAPT = 18, adapt;
    FREEZE_ADAPTATION = 19, freeze_adaptation;
    UNFREEZE_ADAPTATION = 20, unfreeze_adaptation;
}

/// Bits of [`Network::paused`]: what new commitments are stopped. Exits are never stopped.
pub mod pause {
    /// Registering nodes.
    pub const REGISTERING: u32 = 1;
    /// Creating jobs and claiming shards.
    pub const CLAIMING_WORK: u32 = 1 << 1;
    /// Listing and buying datasets.
    pub const BUYING: u32 = 1 << 2;
    /// All of them.
    pub const ALL: u32 = REGISTERING | CLAIMING_WORK | BUYING;
}

/// Values of [`Node::status`].
pub mod status {
    /// Takes work and is measured.
    pub const ACTIVE: u8 = 0;
    /// Its owner keeps it from being measured and from taking work.
    pub const PAUSED: u8 = 1;
}

/// Address and bump of the `index`th node of `owner`.
pub fn node_address(owner: &Address, index: u16) -> (Address, u8) {
    Address::find_program_address(&[seed::NODE, owner.as_ref(), &index.to_le_bytes()], &ID)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_addresses_are_those_of_their_seeds() {
        let derived = |seed, program| Address::find_program_address(&[seed], program).0;
        assert_eq!(NETWORK, derived(seed::NETWORK, &ID));
        assert_eq!(BOND_VAULT, derived(seed::BOND, &ID));
        assert_eq!(SLASHERS[0], derived(seed::SLASHER, &crate::tasks::ID));
        assert_eq!(SLASHERS[1], derived(seed::SLASHER, &crate::bandwidth::ID));
        assert_eq!(ADAPTER, derived(seed::ADAPTER, &crate::bandwidth::ID));
        let program_data = Address::find_program_address(&[ID.as_ref()], &UPGRADEABLE_LOADER).0;
        assert_eq!(PROGRAM_DATA, program_data);
    }

    #[test]
    fn discriminators_are_those_the_framework_computes() {
        assert_discriminators!("account", crate::Account, Network, Node);
        assert_discriminators!(
            "event",
            crate::Event,
            NetworkInitialized,
            NodeRegistered,
            NodeUpdated,
            BondDeposited,
            AuthorityProposed,
            AuthorityChanged,
            GuardianChanged,
            PauseChanged,
            ParametersAnnounced,
            AnnouncementWithdrawn,
            ParametersApplied,
            UnbondRequested,
            BondWithdrawn,
            BondSlashed,
            NodeClosed,
            RankingAdapted,
            AdaptationFreezeChanged
        );
    }
}
