//! Events of program `registry`.

use super::NetworkParameters;
use crate::Address;

/// Declares [`NetworkInitialized`].
#[macro_export]
macro_rules! network_initialized_event {
    ($(#[$attribute:meta])*) => {
        /// The network exists.
        $(#[$attribute])*
        pub struct NetworkInitialized {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// May change parameters.
            pub authority: Address,
            /// Bound into every signed message.
            pub network_id: [u8; 32],
        }
    };
}

/// Declares [`NodeRegistered`].
#[macro_export]
macro_rules! node_registered_event {
    ($(#[$attribute:meta])*) => {
        /// A node was registered.
        $(#[$attribute])*
        pub struct NodeRegistered {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: u8,
            /// Which of its owner's nodes this is.
            pub index: u16,
            /// Rate that the provider is willing to share, in kbit/s.
            pub limit_kbps: u32,
            /// The node's account.
            pub node: Address,
            /// Wallet that owns it.
            pub owner: Address,
            /// H3 cell in which it stands.
            pub h3_cell: u64,
        }
    };
}

/// Declares [`NodeUpdated`].
#[macro_export]
macro_rules! node_updated_event {
    ($(#[$attribute:meta])*) => {
        /// A node's owner changed its limits, location, keys or status.
        $(#[$attribute])*
        pub struct NodeUpdated {
            /// Layout version.
            pub version: u8,
            /// Active or paused.
            pub status: u8,
            /// Shards that it is willing to work on at the same time.
            pub shard_capacity: u16,
            /// Rate that the provider is willing to share, in kbit/s.
            pub limit_kbps: u32,
            /// The node's account.
            pub node: Address,
            /// H3 cell in which it stands.
            pub h3_cell: u64,
        }
    };
}

/// Declares [`BondDeposited`].
#[macro_export]
macro_rules! bond_deposited_event {
    ($(#[$attribute:meta])*) => {
        /// A bond grew.
        $(#[$attribute])*
        pub struct BondDeposited {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// The node's account.
            pub node: Address,
            /// LMR base units added.
            pub amount: u64,
            /// LMR base units of bond that the node has now.
            pub bond: u64,
        }
    };
}

/// Declares [`AuthorityProposed`].
#[macro_export]
macro_rules! authority_proposed_event {
    ($(#[$attribute:meta])*) => {
        /// A successor of the authority was proposed, or the proposal withdrawn.
        $(#[$attribute])*
        pub struct AuthorityProposed {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// The authority.
            pub authority: Address,
            /// Who may accept; zero when the proposal was withdrawn.
            pub proposed: Address,
        }
    };
}

/// Declares [`AuthorityChanged`].
#[macro_export]
macro_rules! authority_changed_event {
    ($(#[$attribute:meta])*) => {
        /// The authority passed on, or was given up for good.
        $(#[$attribute])*
        pub struct AuthorityChanged {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// Who had it.
            pub previous: Address,
            /// Who has it; the incinerator's address when nobody does.
            pub authority: Address,
        }
    };
}

/// Declares [`GuardianChanged`].
#[macro_export]
macro_rules! guardian_changed_event {
    ($(#[$attribute:meta])*) => {
        /// The authority named another guardian.
        $(#[$attribute])*
        pub struct GuardianChanged {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// Who could pause.
            pub previous: Address,
            /// Who can pause now; zero when nobody but the authority can.
            pub guardian: Address,
        }
    };
}

/// Declares [`PauseChanged`].
#[macro_export]
macro_rules! pause_changed_event {
    ($(#[$attribute:meta])*) => {
        /// New commitments were stopped, or allowed again.
        $(#[$attribute])*
        pub struct PauseChanged {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 3],
            /// Bits of what is paused now.
            pub paused: u32,
            /// Who asked for it.
            pub by: Address,
        }
    };
}

/// Declares [`ParametersAnnounced`].
#[macro_export]
macro_rules! parameters_announced_event {
    ($(#[$attribute:meta])*) => {
        /// Parameters were announced; they replace whatever was announced before.
        $(#[$attribute])*
        pub struct ParametersAnnounced {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// Unix time from which anybody may apply them.
            pub announced_for: i64,
            /// The figures.
            pub parameters: NetworkParameters,
        }
    };
}

/// Declares [`AnnouncementWithdrawn`].
#[macro_export]
macro_rules! announcement_withdrawn_event {
    ($(#[$attribute:meta])*) => {
        /// Announced parameters were withdrawn before they took effect.
        $(#[$attribute])*
        pub struct AnnouncementWithdrawn {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// Unix time from which they could have been applied.
            pub announced_for: i64,
        }
    };
}

/// Declares [`ParametersApplied`].
#[macro_export]
macro_rules! parameters_applied_event {
    ($(#[$attribute:meta])*) => {
        /// Announced parameters took effect.
        $(#[$attribute])*
        pub struct ParametersApplied {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// The figures.
            pub parameters: NetworkParameters,
        }
    };
}

/// Declares [`UnbondRequested`].
#[macro_export]
macro_rules! unbond_requested_event {
    ($(#[$attribute:meta])*) => {
        /// A node's owner asked bond back, changed the amount, or asks nothing back any more.
        $(#[$attribute])*
        pub struct UnbondRequested {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// The node's account.
            pub node: Address,
            /// LMR base units asked back now.
            pub amount: u64,
            /// Unix time from which they may be withdrawn; zero when nothing is asked back.
            pub unbonds_at: i64,
        }
    };
}

/// Declares [`BondWithdrawn`].
#[macro_export]
macro_rules! bond_withdrawn_event {
    ($(#[$attribute:meta])*) => {
        /// Bond that was asked back was paid out.
        $(#[$attribute])*
        pub struct BondWithdrawn {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// The node's account.
            pub node: Address,
            /// Wallet that received it.
            pub owner: Address,
            /// LMR base units paid.
            pub amount: u64,
            /// LMR base units of bond that the node has left.
            pub bond: u64,
        }
    };
}

/// Declares [`BondSlashed`].
#[macro_export]
macro_rules! bond_slashed_event {
    ($(#[$attribute:meta])*) => {
        /// A part of a node's bond was taken.
        $(#[$attribute])*
        pub struct BondSlashed {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// The node's account.
            pub node: Address,
            /// Which program took it: one of the network's slashers.
            pub slasher: Address,
            /// Token account of whoever reported the offence; any address if it received nothing.
            pub reporter: Address,
            /// Token account of whom it harmed; any address if it received nothing.
            pub injured: Address,
            /// LMR base units for the reporter.
            pub to_reporter: u64,
            /// LMR base units for the injured party.
            pub to_injured: u64,
            /// LMR base units burned. The three sum to what was taken.
            pub burned: u64,
            /// LMR base units of bond that the node has left.
            pub bond: u64,
        }
    };
}

/// Declares [`NodeClosed`].
#[macro_export]
macro_rules! node_closed_event {
    ($(#[$attribute:meta])*) => {
        /// A node's account was closed.
        $(#[$attribute])*
        pub struct NodeClosed {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// The account.
            pub node: Address,
            /// Wallet that owned it.
            pub owner: Address,
            /// LMR base units of bond paid out with it.
            pub paid: u64,
        }
    };
}

/// Declares [`RankingAdapted`].
#[macro_export]
macro_rules! ranking_adapted_event {
    ($(#[$attribute:meta])*) => {
        /// A quorum of oracles adapted who may take a shard, and from when, to what was measured.
        $(#[$attribute])*
        pub struct RankingAdapted {
            /// Layout version.
            pub version: u8,
            /// Why the wait is what it is: a code of `core::adaptation::WaitReason`.
            pub wait_reason: u8,
            /// Why the weights are what they are: a code of `core::adaptation::WeightsReason`.
            pub weights_reason: u8,
            /// Zero.
            pub _padding: u8,
            /// Adaptations of the network up to and with this one.
            pub adaptations: u32,
            /// The epoch in which the figures were measured.
            pub epoch: u64,
            /// Weights of bandwidth, proximity, latency and reputation before, in basis points.
            pub from_weights: [u16; 4],
            /// The same from now on.
            pub to_weights: [u16; 4],
            /// Longest wait before, in seconds.
            pub from_max_wait_seconds: u32,
            /// The same from now on.
            pub to_max_wait_seconds: u32,
        }
    };
}

/// Declares [`AdaptationFreezeChanged`].
#[macro_export]
macro_rules! adaptation_freeze_changed_event {
    ($(#[$attribute:meta])*) => {
        /// The oracles may not adapt the ranking any more, or may again.
        $(#[$attribute])*
        pub struct AdaptationFreezeChanged {
            /// Layout version.
            pub version: u8,
            /// 1 if it is frozen now.
            pub frozen: u8,
            /// Zero.
            pub _padding: [u8; 6],
            /// Who asked for it.
            pub by: Address,
        }
    };
}

network_initialized_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
node_registered_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
node_updated_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
bond_deposited_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
authority_proposed_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
authority_changed_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
guardian_changed_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
pause_changed_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
parameters_announced_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
announcement_withdrawn_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
parameters_applied_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
unbond_requested_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
bond_withdrawn_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
bond_slashed_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
node_closed_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
ranking_adapted_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
adaptation_freeze_changed_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
event!(NetworkInitialized, discriminator = [248, 98, 167, 253, 2, 186, 222, 90]);
event!(NodeRegistered, discriminator = [15, 57, 183, 59, 93, 55, 157, 195]);
event!(NodeUpdated, discriminator = [3, 8, 87, 251, 118, 64, 24, 70]);
event!(BondDeposited, discriminator = [210, 149, 47, 232, 72, 128, 248, 153]);
event!(AuthorityProposed, discriminator = [244, 117, 94, 112, 53, 151, 35, 89]);
event!(AuthorityChanged, discriminator = [31, 19, 174, 152, 4, 82, 215, 226]);
event!(GuardianChanged, discriminator = [152, 239, 217, 24, 162, 189, 236, 143]);
event!(PauseChanged, discriminator = [238, 188, 213, 78, 134, 209, 178, 218]);
event!(
    ParametersAnnounced,
    discriminator = [112, 85, 97, 56, 188, 77, 120, 144]
);
event!(
    AnnouncementWithdrawn,
    discriminator = [119, 194, 124, 250, 157, 25, 175, 56]
);
event!(
    ParametersApplied,
    discriminator = [117, 106, 48, 235, 196, 194, 103, 85]
);
event!(UnbondRequested, discriminator = [237, 10, 226, 141, 212, 122, 234, 197]);
event!(BondWithdrawn, discriminator = [111, 192, 154, 231, 58, 115, 130, 103]);
event!(BondSlashed, discriminator = [59, 7, 252, 195, 234, 156, 42, 54]);
event!(NodeClosed, discriminator = [191, 85, 142, 188, 15, 189, 76, 109]);
event!(RankingAdapted, discriminator = [23, 216, 73, 204, 53, 85, 93, 212]);
event!(
    AdaptationFreezeChanged,
    discriminator = [171, 188, 230, 92, 234, 24, 9, 31]
);
