//! The one account that configures the network.

use lumora_core::{
    adaptation::{self, Tuning},
    hash::Hash,
    parameters::{self, Ranking},
    score::{Scoring, Weights},
    units::{Bps, Kbps, Kilometres, Lmr, Micros, Seconds},
};

use crate::Address;

/// Declares [`NetworkParameters`].
#[macro_export]
macro_rules! network_parameters {
    ($(#[$attribute:meta])*) => {
        /// The parameters that may change after the network was created, by an announcement and at most one step at a time.
        $(#[$attribute])*
        pub struct NetworkParameters {
            /// LMR base units a node must have deposited to take work.
            pub minimum_bond: u64,
            /// LMR base units of bond that each open shard needs.
            pub shard_bond: u64,
            /// Seconds between asking for a bond back and receiving it.
            pub unbonding_seconds: i64,
            /// Weights of bandwidth, proximity, latency and reputation in basis points; they sum to 10,000.
            pub weights: [u16; 4],
            /// Rate from which on more does not count, in kbit/s.
            pub reference_kbps: u32,
            /// Distance at which proximity counts half, in kilometres.
            pub half_distance_km: u32,
            /// Round-trip time at which latency counts half, in microseconds.
            pub half_latency_us: u32,
            /// Seconds that a node with a score of zero waits.
            pub max_wait_seconds: u32,
            /// Seconds after which an attestation no longer makes a node eligible.
            pub attestation_max_age_seconds: u32,
            /// Share of a node's capacity that shards may fill, in basis points.
            pub capacity_share: u16,
            /// Share of `shard_bond` lost when a deadline passes, in basis points.
            pub expiry_slash: u16,
            /// Share of each payment that the protocol keeps, in basis points.
            pub protocol_fee: u16,
            /// Share of the protocol's fee that is burned, in basis points.
            pub burn_share: u16,
            /// Zero.
            pub _padding: [u8; 4],
        }
    };
}

/// Declares [`Network`].
#[macro_export]
macro_rules! network_account {
    ($(#[$attribute:meta])*) => {
        /// Authorities, what is paused, and the parameters that the other programs read.
        $(#[$attribute])*
        pub struct Network {
            /// Layout version.
            pub version: u8,
            /// Bump of this account's address.
            pub bump: u8,
            /// Bump of the bond vault's address.
            pub bond_bump: u8,
            /// Zero.
            pub _padding: u8,
            /// Bits of `pause`: which new commitments are stopped.
            pub paused: u32,
            /// May change parameters and oracles, and name its successor; the incinerator's address when nobody may any more.
            pub authority: Address,
            /// Successor that has not accepted yet; zero when there is none.
            pub pending_authority: Address,
            /// May pause, nothing else; zero when nobody but the authority may.
            pub guardian: Address,
            /// The LMR mint.
            pub lmr_mint: Address,
            /// Bound into every signed message, so that a signature of one network is void on another.
            pub network_id: [u8; 32],
            /// May slash bonds: the signing addresses of `tasks` and of `bandwidth`.
            pub slashers: [Address; 2],
            /// LMR base units a node must have deposited to take work.
            pub minimum_bond: u64,
            /// LMR base units of bond that each open shard needs.
            pub shard_bond: u64,
            /// Seconds between asking for a bond back and receiving it.
            pub unbonding_seconds: i64,
            /// Score: weight of attested bandwidth, in basis points. The four weights sum to 10,000.
            pub weight_bandwidth: u16,
            /// Score: weight of nearness to where the data lives.
            pub weight_proximity: u16,
            /// Score: weight of the round-trip time.
            pub weight_latency: u16,
            /// Score: weight of reputation.
            pub weight_reputation: u16,
            /// Score: rate from which on more does not count, in kbit/s.
            pub reference_kbps: u32,
            /// Score: distance at which proximity counts half, in kilometres.
            pub half_distance_km: u32,
            /// Score: round-trip time at which latency counts half, in microseconds.
            pub half_latency_us: u32,
            /// Seconds that a node with a score of zero waits before it may claim a shard.
            pub max_wait_seconds: u32,
            /// Seconds after which an attestation no longer makes a node eligible for work.
            pub attestation_max_age_seconds: u32,
            /// Share of a node's attested capacity that shards may fill, in basis points.
            pub capacity_share: u16,
            /// Share of `shard_bond` lost by a node that lets a deadline pass, in basis points.
            pub expiry_slash: u16,
            /// Share of each payment for work or data that the protocol keeps, in basis points.
            pub protocol_fee: u16,
            /// Share of the protocol's fee that is burned, in basis points.
            pub burn_share: u16,
            /// Zero.
            pub _padding_2: [u8; 4],
            /// Not used. Registrations were counted here, which made all of them wait for one account.
            pub _retired: u64,
            /// LMR base units of bond in the vault.
            pub bonded: u64,
            /// Unix time of initialisation.
            pub initialized_at: i64,
            /// Unix time of the last change of a parameter.
            pub changed_at: i64,
            /// Unix time from which announced parameters take effect; zero when none are announced.
            pub announced_for: i64,
            /// Parameters that take effect from then on; zero when none are announced.
            pub announced: NetworkParameters,
            /// Seconds between announcing parameters and their taking effect; zero, in networks that were created without
            /// one, counts as a day.
            pub notice_seconds: u32,
            /// How often the oracles adapted the ranking, in the life of the network.
            pub adaptations: u32,
            /// Unix time of the last adaptation; zero before the first.
            pub adapted_at: i64,
            /// Weights from which the oracles' adaptations started, in basis points: those that the authority set last. Zero
            /// while there was none since; then they are the weights that hold.
            pub base_weights: [u16; 4],
            /// Longest wait, in seconds, from which they started; it has a meaning only where `base_weights` are not zero.
            pub base_max_wait_seconds: u32,
            /// 1 while the oracles may not adapt anything.
            pub adaptation_frozen: u8,
            /// Zero.
            pub _padding_3: [u8; 3],
            /// The first epoch whose figures may be evidence for the next adaptation.
            pub adaptable_from: u64,
            /// Room for later fields; zero.
            pub _reserved: [u8; 152],
        }
    };
}

network_parameters!(
    #[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
    #[cfg_attr(feature = "borsh", derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
    #[repr(C)]
);
network_account!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
account!(
    Network,
    owner = super::ID,
    discriminator = [51, 5, 209, 183, 60, 99, 156, 251]
);

impl NetworkParameters {
    /// The same as the rule in `core` takes them.
    pub fn rules(&self) -> parameters::Parameters {
        let [bandwidth, proximity, latency, reputation] = self.weights.map(Bps);
        parameters::Parameters {
            minimum_bond: Lmr(self.minimum_bond),
            shard_bond: Lmr(self.shard_bond),
            unbonding: Seconds(self.unbonding_seconds),
            ranking: Ranking {
                scoring: Scoring {
                    weights: Weights {
                        bandwidth,
                        proximity,
                        latency,
                        reputation,
                    },
                    reference: Kbps(self.reference_kbps),
                    half_distance: Kilometres(self.half_distance_km),
                    half_latency: Micros(self.half_latency_us),
                },
                max_wait: Seconds(i64::from(self.max_wait_seconds)),
            },
            attestation_max_age: Seconds(i64::from(self.attestation_max_age_seconds)),
            capacity_share: Bps(self.capacity_share),
            expiry_slash: Bps(self.expiry_slash),
            protocol_fee: Bps(self.protocol_fee),
            burn_share: Bps(self.burn_share),
        }
    }
}

impl Network {
    /// The parameters that hold now.
    pub fn parameters(&self) -> NetworkParameters {
        NetworkParameters {
            minimum_bond: self.minimum_bond,
            shard_bond: self.shard_bond,
            unbonding_seconds: self.unbonding_seconds,
            weights: [
                self.weight_bandwidth,
                self.weight_proximity,
                self.weight_latency,
                self.weight_reputation,
            ],
            reference_kbps: self.reference_kbps,
            half_distance_km: self.half_distance_km,
            half_latency_us: self.half_latency_us,
            max_wait_seconds: self.max_wait_seconds,
            attestation_max_age_seconds: self.attestation_max_age_seconds,
            capacity_share: self.capacity_share,
            expiry_slash: self.expiry_slash,
            protocol_fee: self.protocol_fee,
            burn_share: self.burn_share,
            _padding: [0; 4],
        }
    }

    /// Replaces the parameters that hold now.
    pub fn set_parameters(&mut self, parameters: &NetworkParameters) {
        self.minimum_bond = parameters.minimum_bond;
        self.shard_bond = parameters.shard_bond;
        self.unbonding_seconds = parameters.unbonding_seconds;
        [
            self.weight_bandwidth,
            self.weight_proximity,
            self.weight_latency,
            self.weight_reputation,
        ] = parameters.weights;
        self.reference_kbps = parameters.reference_kbps;
        self.half_distance_km = parameters.half_distance_km;
        self.half_latency_us = parameters.half_latency_us;
        self.max_wait_seconds = parameters.max_wait_seconds;
        self.attestation_max_age_seconds = parameters.attestation_max_age_seconds;
        self.capacity_share = parameters.capacity_share;
        self.expiry_slash = parameters.expiry_slash;
        self.protocol_fee = parameters.protocol_fee;
        self.burn_share = parameters.burn_share;
    }

    /// Parameters that were announced, and the Unix time from which anybody may apply them.
    pub fn announcement(&self) -> Option<(NetworkParameters, i64)> {
        (self.announced_for != 0).then_some((self.announced, self.announced_for))
    }

    /// Seconds between announcing parameters and their taking effect.
    pub fn notice(&self) -> u32 {
        match self.notice_seconds {
            0 => super::DEFAULT_NOTICE_SECONDS,
            seconds => seconds,
        }
    }

    /// The part of the parameters that the oracles may adapt, as it holds now.
    pub fn tuning(&self) -> Tuning {
        Tuning::of(&self.parameters().rules().ranking)
    }

    /// The same as the authority set it last: adaptations stay near it.
    pub fn base_tuning(&self) -> Tuning {
        if self.base_weights == [0; 4] {
            return self.tuning();
        }
        Tuning::new(
            self.base_weights.map(Bps),
            Seconds(i64::from(self.base_max_wait_seconds)),
        )
    }

    /// Hash of the ranking that holds now: what an adaptation starts from.
    pub fn ranking_hash(&self) -> Hash {
        adaptation::ranking_hash(&self.parameters().rules().ranking)
    }

    /// Unix time from which the oracles may adapt the ranking, as far as the last adaptation is concerned.
    pub fn adaptable_at(&self) -> i64 {
        match self.adaptations {
            0 => 0,
            _ => {
                let pause = adaptation::cool_down(Seconds(i64::from(self.notice())));
                self.adapted_at.saturating_add(pause.0)
            }
        }
    }

    /// The parameters of the score as the rule in `core` takes them.
    pub fn scoring(&self) -> Scoring {
        self.parameters().rules().ranking.scoring
    }

    /// LMR base units that one call of `slash` may take at most. What an offence costs is at most the bond of a shard, or
    /// the bond that lets a node take part at all; a fault in a slashing program must not be able to take all there is.
    pub fn slash_limit(&self) -> u64 {
        self.shard_bond.max(self.minimum_bond)
    }

    /// Whether any of the given bits of [`pause`](super::pause) is set.
    pub fn is_paused(&self, what: u32) -> bool {
        self.paused & what != 0
    }
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;

    use super::*;

    #[test]
    fn parameters_that_were_set_are_those_that_hold() {
        let parameters = NetworkParameters {
            minimum_bond: 1,
            shard_bond: 2,
            unbonding_seconds: 3,
            weights: [4, 5, 6, 7],
            reference_kbps: 8,
            half_distance_km: 9,
            half_latency_us: 10,
            max_wait_seconds: 11,
            attestation_max_age_seconds: 12,
            capacity_share: 13,
            expiry_slash: 14,
            protocol_fee: 15,
            burn_share: 16,
            _padding: [0; 4],
        };
        let mut network = Network::zeroed();
        network.set_parameters(&parameters);
        assert_eq!(network.parameters(), parameters);
        assert_eq!(network.scoring(), parameters.rules().ranking.scoring);
        assert_eq!(network.announcement(), None);
    }

    #[test]
    fn a_network_that_was_never_adapted_is_its_own_base() {
        let mut network = Network::zeroed();
        network.set_parameters(&NetworkParameters {
            weights: [1, 2, 3, 4],
            max_wait_seconds: 5,
            ..NetworkParameters::zeroed()
        });
        assert_eq!(network.base_tuning(), network.tuning());
        assert_eq!(network.adaptable_at(), 0);
        network.base_weights = [4, 3, 2, 1];
        network.base_max_wait_seconds = 6;
        assert_eq!(network.base_tuning(), Tuning::new([4, 3, 2, 1].map(Bps), Seconds(6)));
        (network.adaptations, network.adapted_at) = (1, 1_000);
        assert_eq!(network.adaptable_at(), 1_000 + 86_400 / 4);
    }
}
