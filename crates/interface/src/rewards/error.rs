//! Errors of program `rewards`.

/// Lists the errors of program `rewards` to the macro that it is given.
#[macro_export]
macro_rules! rewards_errors {
    ($($callback:tt)+) => {
        $($callback)+! {
            /// Why program `rewards` refused an instruction. Codes start at 6000.
            RewardsError {
                NotAuthority = "Only the network's authority may do this: sign with its key",
                ScheduleInvalid = "Epoch length, epochs per cycle and first amount must be above zero, the decay at most 10,000 basis points",
                CapExceeded = "The schedule's cap and the early-participant pool together exceed the supply cap",
                NotFinal = "The epoch is not attested, or may still be disputed: wait until it is final",
                EpochFunded = "This epoch, or a later one that includes it, is funded already",
                EpochAhead = "The epoch's number is ahead of the emission's clock: it cannot be funded yet",
                ScheduleExceeded = "The rewards attested so far exceed what the schedule allows up to this epoch",
                WrongEpoch = "The account is not an epoch of the bandwidth program",
                WrongAttestation = "The attestation belongs to another node: pass the one at the address derived from the node",
                WrongReward = "The reward account belongs to another node: pass the one at the address derived from the node",
                WrongMint = "The mint is not the LMR mint",
                WrongPool = "The token account is not the program's own",
                WrongTokenAccount = "The token account must hold LMR and belong to the wallet that is to be paid",
                RewardFell = "The attested lifetime reward is below what was claimed: the attestation is stale or wrong",
                PoolShort = "The pool holds less than is due: fund the latest final epoch first",
                AmountZero = "The amount must be above zero",
                EarlyPoolShort = "The early-participant pool holds less than that",
                Overflow = "An amount left the range of 64 bits: check the amounts passed",
                Invariant = "The account would have become inconsistent: report this with the transaction",
            }
        }
    };
}

rewards_errors!(plain_error);
