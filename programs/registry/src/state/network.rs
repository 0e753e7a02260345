//! The one account that configures the network.

use anchor_lang::{cpi::CpiSeed, prelude::*};
use lumora_interface::{
    registry::{self as interface, pause},
    rewards,
    tokens::{self, Payment},
};

use crate::{constants::NETWORK, error::RegistryError, instructions::AdaptArguments};

lumora_interface::network_parameters!(
    #[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
    #[repr(C)]
);
lumora_interface::network_account!(#[account]);

const _: () = assert!(8 + size_of::<Network>() == 600);

impl Network {
    /// The same account as everybody else sees it, with the rules that all share.
    pub fn plain(&self) -> &interface::Network {
        bytemuck::cast_ref(self)
    }

    /// Replaces the parameters that hold now.
    pub fn set_parameters(&mut self, parameters: &NetworkParameters) {
        let network: &mut interface::Network = bytemuck::cast_mut(self);
        network.set_parameters(bytemuck::cast_ref(parameters));
    }

    /// Makes the tuning hold that a quorum of oracles agreed on, if it is one small step away and near the base.
    pub fn adapt(&mut self, arguments: &AdaptArguments, now: i64) -> Result<()> {
        let arguments: &interface::AdaptArguments = &arguments.plain();
        let (from, base, to) = (self.plain().tuning(), self.plain().base_tuning(), arguments.tuning());
        from.admit(&base, &to).map_err(RegistryError::from)?;
        if self.base_weights == [0; 4] {
            let parameters = self.plain().parameters();
            self.base_weights = parameters.weights;
            self.base_max_wait_seconds = parameters.max_wait_seconds;
        }
        [
            self.weight_bandwidth,
            self.weight_proximity,
            self.weight_latency,
            self.weight_reputation,
        ] = arguments.weights;
        self.max_wait_seconds = arguments.max_wait_seconds;
        self.adaptations = self.adaptations.checked_add(1).ok_or(RegistryError::Overflow)?;
        self.adaptable_from = arguments.epoch.checked_add(1).ok_or(RegistryError::Overflow)?;
        self.adapted_at = now;
        Ok(())
    }

    /// Makes what holds now the base of adaptations: the authority has just set it.
    pub fn rebase(&mut self) {
        self.base_weights = [0; 4];
        self.base_max_wait_seconds = 0;
    }

    /// Must hold after every change of parameters: weights that sum to one, shares and times within their ranges, divisors
    /// above zero.
    pub fn invariant(&self) -> Result<()> {
        self.plain().parameters().rules().check().map_err(RegistryError::from)?;
        require!(self.network_id != [0; 32], RegistryError::NetworkIdZero);
        Ok(())
    }

    /// Refuses parameters that are not valid, or that are more than one step from those that hold now.
    pub fn admit(&self, parameters: &NetworkParameters) -> Result<()> {
        let next = parameters.plain().rules();
        next.check().map_err(RegistryError::from)?;
        self.plain()
            .parameters()
            .rules()
            .step(&next)
            .map_err(RegistryError::from)?;
        Ok(())
    }

    /// Refuses bits that name nothing, or nothing known.
    pub fn check_pause_bits(bits: u32) -> Result<()> {
        require!(bits != 0 && bits & !pause::ALL == 0, RegistryError::PauseBits);
        Ok(())
    }

    /// What the network signs with, as authority of the bond vault.
    pub fn signer_seeds(bump: &[u8; 1]) -> [CpiSeed<'_>; 2] {
        [CpiSeed::from(NETWORK), CpiSeed::from(bump)]
    }

    /// Takes note of bond that leaves the vault.
    pub fn release(&mut self, amount: u64) -> Result<()> {
        self.bonded = self.bonded.checked_sub(amount).ok_or(RegistryError::Invariant)?;
        Ok(())
    }

    /// Clears what is announced; gives the time from which it could have been applied.
    pub fn clear_announcement(&mut self) -> i64 {
        self.announced = bytemuck::Zeroable::zeroed();
        core::mem::take(&mut self.announced_for)
    }
}

impl AdaptArguments {
    /// The same arguments as everybody else sees them.
    fn plain(&self) -> interface::AdaptArguments {
        interface::AdaptArguments {
            weights: self.weights,
            max_wait_seconds: self.max_wait_seconds,
            reasons: self.reasons,
            epoch: self.epoch,
        }
    }
}

impl NetworkParameters {
    /// The same parameters as everybody else sees them.
    pub fn plain(&self) -> &interface::NetworkParameters {
        bytemuck::cast_ref(self)
    }
}

/// Whether this is the vault, controlled by the network, with all bonds in it: one that the vault did not hold would be
/// paid from other nodes' bonds.
pub fn check_vault(vault: &AccountView, network: &Account<Network>) -> Result<()> {
    require!(
        anchor_lang::address_eq(vault.address(), &interface::BOND_VAULT)
            && tokens::is_token_account_of(vault, &rewards::MINT, network.address()),
        RegistryError::WrongVault
    );
    require!(tokens::amount(vault) >= network.bonded, RegistryError::Invariant);
    Ok(())
}

/// Pays bond out of the vault. The caller has taken it off the node, and answers for whose token account it goes to.
pub fn pay_bond(
    network: &mut Account<Network>,
    vault: &AccountView,
    destination: &AccountView,
    amount: u64,
) -> Result<()> {
    check_vault(vault, network)?;
    network.release(amount)?;
    let bump = [network.bump];
    let payment = Payment {
        to: destination,
        amount,
    };
    tokens::pay_out(
        vault,
        network.account(),
        &Network::signer_seeds(&bump),
        &[payment],
        None,
    )?;
    check_vault(vault, network)
}
