//! Why an instruction was refused.

use lumora_core::delivery::DeliveryError;

lumora_interface::market_errors!(lumora_interface::program_error);

impl From<DeliveryError> for MarketError {
    fn from(error: DeliveryError) -> Self {
        match error {
            DeliveryError::IdentityPoint => Self::ProofIdentityPoint,
            DeliveryError::InvalidPoint => Self::ProofInvalidPoint,
            DeliveryError::NonCanonicalScalar => Self::ProofScalar,
            DeliveryError::WrongProof => Self::ProofWrong,
        }
    }
}
