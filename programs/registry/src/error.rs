//! Errors of this program, as the interface lists them.

use lumora_core::{adaptation, parameters::Fault};

lumora_interface::registry_errors!(lumora_interface::program_error);

impl From<Fault> for RegistryError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::WeightsSum => Self::WeightsSum,
            Fault::ShareRange => Self::ShareRange,
            Fault::FeeRange => Self::FeeRange,
            Fault::Zero => Self::ParameterRange,
            Fault::UnbondingRange => Self::UnbondingRange,
            Fault::BondStep => Self::BondStep,
            Fault::ScaleStep => Self::ScaleStep,
            Fault::ShareStep => Self::ShareStep,
        }
    }
}

impl From<adaptation::Fault> for RegistryError {
    fn from(fault: adaptation::Fault) -> Self {
        match fault {
            adaptation::Fault::WeightsSum => Self::WeightsSum,
            adaptation::Fault::Nothing => Self::AdaptationNothing,
            adaptation::Fault::Step => Self::AdaptationStep,
            adaptation::Fault::Reach => Self::AdaptationReach,
        }
    }
}
