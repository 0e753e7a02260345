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
                WrongNetwork = "The account is not the network: pass the one at the registry's fixed address",
                TotalFell = "The epoch's cumulative reward is below what earlier epochs minted: its attestation is wrong",
                VestingInvalid = "The cliff must not be longer than the vesting time",
                BreakerInvalid = "A window has 60 to 86,400 seconds, and its limit must be at least twice what the schedule mints in it; a limit of zero switches the breaker off",
                BreakerTripped = "The circuit breaker lets nothing more out of the pool in this window: come back when the window is over",
                NothingVested = "Nothing more of this grant has vested yet: come back later",
                WrongRentPayer = "The account that gets the rent back is not the one that paid it",
                WrongOwner = "The wallet is not the node's owner",
                GroupsInvalid = "Pass one to sixteen nodes, each as its attestation, its reward account and a token account",
                OwnerUnknown = "The reward account does not name the node's owner yet: claim this node once with `claim`",
                NoFees = "The fees' token account is empty: there is nothing to burn or to pay",
                MetadataProgramMissing = "The Token Metadata program is not on this network, or another program was passed",
                WrongMetadata = "The account is not at the metadata address of the LMR mint",
                MetadataExists = "The LMR mint has metadata already: its update authority may change it through the Token Metadata program",
                MetadataInvalid = "The name has at most 32 bytes, the symbol 10 and the URI 200, and none of them is empty",
                Overflow = "An amount left the range of 64 bits: check the amounts passed",
                Invariant = "The account would have become inconsistent: report this with the transaction",
            }
        }
    };
}

rewards_errors!(plain_error);
