//! Errors of program `bandwidth`.

/// Lists the errors of program `bandwidth` to the macro that it is given.
#[macro_export]
macro_rules! bandwidth_errors {
    ($($callback:tt)+) => {
        $($callback)+! {
            /// Why program `bandwidth` refused an instruction. Codes start at 6000.
            BandwidthError {
                NotAuthority = "Only the network's authority may do this: sign with its key",
                DurationZero = "The length of an epoch must be above zero",
                OracleSetFull = "The set has its 32 oracles: remove one first",
                OracleKeyInvalid = "The oracle's key is zero: pass the ed25519 public key that it signs with",
                OracleKnown = "This key is in the oracle set already",
                NoOracles = "The oracle set has no active member: add oracles first",
                TooEarly = "The next epoch is not due yet: wait until an epoch's length after the latest one was opened",
                SlotHashMissing = "The account is not the slot hashes sysvar: pass SysvarS1otHashes111111111111111111111111111",
                NotOracle = "The signer is not an oracle of this epoch",
                CutoffPassed = "The cut-off for bundles is over: what was not committed does not count in this epoch",
                BundleCommitted = "This oracle has committed its bundle already: a commitment is final",
                BundleEmpty = "A bundle needs at least one receipt and a root that is not zero",
                CutoffOpen = "Bundles may still be committed: submit when the cut-off is over or all oracles have committed",
                EpochAttested = "The epoch is attested already: nothing more is to be submitted",
                EpochSuperseded = "A later epoch is attested already: this one can no longer be",
                StatementExpired = "The oracles' signatures have expired: collect new ones",
                BundleNotCommitted = "The statement uses a bundle that was not committed in time",
                TotalsMismatch = "The cumulative reward must be the one attested before plus this epoch's reward",
                LeavesMissing = "A statement needs at least one leaf",
                SignaturesMissing = "The instruction before this one must be the ed25519 program's with at least one signature",
                SignatureLayout = "The ed25519 instruction must hold its own keys, signatures and 32-byte messages, in order and nothing else",
                SignatureMessage = "A signature is over another message than the digest of this statement",
                SignerNotOracle = "A signature is of a key that is not an oracle of this epoch",
                SignerTwice = "A signature of this oracle is counted already, or it is in this instruction twice",
                Equivocation = "This oracle has signed another statement about this epoch: report it with both signatures",
                NotFinal = "The epoch is not attested, or may still be disputed: wait until it is final",
                ProofMalformed = "The Merkle path must be whole hashes of 32 bytes, at most 32 of them",
                ProofInvalid = "The figures are not those of the attested root: take leaf, index and path from one and the same epoch",
                NotNewer = "Figures of this epoch or a later one are proven already",
                CumulativeFell = "A cumulative figure is below the one proven before: cumulative figures never fall",
                WrongNode = "The account is not a node of the registry, or not the one the attestation belongs to",
                Overflow = "A figure left the range of 64 bits",
                Invariant = "The account would have become inconsistent: report this with the transaction",
                UnbondingShort = "The unbonding time must be at least an epoch, its commit time and its dispute window together",
                OracleUnknown = "No seat of the oracle set has this key",
                OracleInactive = "The oracle was removed or jailed: only one that serves can do this",
                OracleJailed = "The oracle is jailed for signing two statements about one epoch: nothing that it signs counts",
                OracleServes = "The oracle still serves: remove it before its bond is withdrawn",
                OwnerMissing = "The seat has no owner who could withdraw its bond: name one when adding the oracle",
                NotOwner = "Only the wallet that owns the oracle's seat may do this: sign with the owner's key",
                NotOwnerOrAuthority = "Only the wallet that owns the oracle's seat or the network's authority may do this",
                AmountZero = "The amount must be above zero",
                BondEmpty = "The oracle has no bond to withdraw",
                BondLocked = "The bond is locked until the unbonding time after the removal is over",
                WrongMint = "The mint is not the network's LMR mint",
                WrongTokenAccount = "The token account must hold LMR and belong to whoever pays or receives, and not be the vault",
                WrongVault = "The account is not the oracles' bond vault",
                SeedNotDrawn = "The epoch's seed is not drawn yet: draw it first",
                SeedDrawn = "The epoch's seed is drawn already: it never changes",
                SeedTooEarly = "The slot named for the seed has no block yet: try again a moment later",
                PredecessorDisputable = "The epoch attested last may still be disputed: wait until it is final",
                SignersDiffer = "The two signatures must be one each, of one and the same oracle",
                ContentsEqual = "The two statements say the same: only different ones about one epoch are an offence",
                NotForged = "The node's latest proven figures do not say that it forged answers",
                NodePunished = "The node was slashed for the figures of this epoch already",
                RetentionRunning = "The epoch's account must stay for the retention time after its end",
                EpochNeeded = "The epoch may still be attested, or is the one attested last: its account must stay",
                WrongRentPayer = "The rent goes back to whoever paid it: pass that wallet",
                NothingToMigrate = "The account is not an oracle set of layout 1",
                EvidenceSuperseded = "The evidence must be the epoch attested last: sign with its figures",
                WrongAdaptation = "The digest is not of this adaptation of the ranking as it is now: sign anew",
                AdaptationOpen = "The adaptation may still find its quorum: close it when it has expired or another was made",
            }
        }
    };
}

bandwidth_errors!(plain_error);
