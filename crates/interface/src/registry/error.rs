//! Errors of program `registry`.

/// Lists the errors of program `registry` to the macro that it is given.
#[macro_export]
macro_rules! registry_errors {
    ($($callback:tt)+) => {
        $($callback)+! {
            /// Why program `registry` refused an instruction. Codes start at 6000.
            RegistryError {
                Paused = "Registering is paused: try again when the network's guardian has lifted the pause",
                NotOwner = "Only the wallet that owns the node may do this: sign with the owner's key",
                WeightsSum = "The four weights of the score must sum to 10,000 basis points",
                ShareRange = "A share must be at most 10,000 basis points",
                ParameterRange = "Reference rate, half distance, half latency, unbonding time and attestation age must be above zero",
                NetworkIdZero = "The network id must not be zero: draw 32 random bytes",
                KeyMissing = "A key is zero: pass the node's own ed25519 public keys",
                OperatorIsOwner = "The operator key must differ from the owner's: it lives on the node and must not control funds",
                LocationLength = "The location must be a unit vector scaled to 32,767: use the centre of the H3 cell",
                LocationResolution = "The H3 cell must be a cell of resolution 3: coarser or finer ones are not accepted",
                LimitZero = "The shared rate must be above zero: pause the node instead",
                CapacityZero = "The shard capacity must be above zero: pause the node instead",
                StatusUnknown = "The status must be 0 (active) or 1 (paused)",
                AmountZero = "The amount must be above zero",
                WrongMint = "The mint is not the network's LMR mint",
                WrongTokenAccount = "The token account must hold LMR and belong to the signer",
                WrongVault = "The account is not the network's bond vault",
                Overflow = "An amount left the range of 64 bits: check the amounts passed",
                Invariant = "The account would have become inconsistent: report this with the transaction",
            }
        }
    };
}

registry_errors!(plain_error);
