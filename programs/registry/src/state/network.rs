//! The one account that configures the network.

use anchor_lang::prelude::*;
use lumora_core::units::Bps;
use lumora_interface::registry as interface;

use crate::error::RegistryError;

lumora_interface::network_account!(#[account]);

const _: () = assert!(8 + size_of::<Network>() == 600);

impl Network {
    /// The same account as everybody else sees it, with the rules that all share.
    pub fn plain(&self) -> &interface::Network {
        bytemuck::cast_ref(self)
    }

    /// Must hold after every change: weights that sum to one, shares within one, divisors above zero.
    pub fn invariant(&self) -> Result<()> {
        let weights = self.plain().scoring().weights;
        require!(weights.is_normalised(), RegistryError::WeightsSum);
        let shares = [
            self.capacity_share,
            self.expiry_slash,
            self.protocol_fee,
            self.burn_share,
        ];
        require!(
            shares.iter().all(|share| *share <= Bps::ONE.0),
            RegistryError::ShareRange
        );
        let divisors = [
            self.reference_kbps,
            self.half_distance_km,
            self.half_latency_us,
            self.attestation_max_age_seconds,
        ];
        require!(
            divisors.iter().all(|value| *value > 0) && self.unbonding_seconds > 0,
            RegistryError::ParameterRange
        );
        require!(self.network_id != [0; 32], RegistryError::NetworkIdZero);
        Ok(())
    }
}
