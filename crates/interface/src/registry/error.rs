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
                ParameterRange = "Reference rate, half distance, half latency and attestation age must be above zero",
                NetworkIdZero = "The network id must not be zero: draw 32 random bytes",
                KeyMissing = "A key is zero: pass the node's own ed25519 public keys",
                OperatorIsOwner = "The operator key must differ from the owner's: it lives on the node and must not control funds",
                LocationLength = "The location must be a unit vector scaled to 32,767: use the centre of the H3 cell",
                LocationResolution = "The H3 cell must be a cell of resolution 3: coarser or finer ones are not accepted",
                LimitZero = "The shared rate must be above zero: pause the node instead",
                CapacityTooSmall = "The shard capacity must be at least 2: a node fills a part of what it states, and 2 lets it work on one",
                StatusUnknown = "The status must be 0 (active) or 1 (paused)",
                AmountZero = "The amount must be above zero",
                WrongMint = "The mint is not the network's LMR mint",
                WrongTokenAccount = "The token account must hold LMR and belong to the signer",
                WrongVault = "The account is not the network's bond vault",
                Overflow = "An amount left the range of 64 bits: check the amounts passed",
                Invariant = "The account would have become inconsistent: report this with the transaction",
                WrongProgramData = "The account is not the loader's record of this program: pass the program's ProgramData address",
                NotUpgradeAuthority = "Only the program's upgrade authority may create the network: sign with its key, before giving it up",
                NoticeRange = "The notice must be between one second and 60 days",
                FeeRange = "The protocol's fee must be at most 2,000 basis points",
                UnbondingRange = "The time to unbond must be between one minute and 60 days",
                BondStep = "A bond may at most double or halve at once; from zero it may rise to 1,000 LMR, to zero it may fall from 1 LMR",
                ScaleStep = "A duration, rate or distance may at most double or halve at once: announce a nearer figure first",
                ShareStep = "A weight or share may move by at most 1,000 basis points at once: announce a nearer figure first",
                NotAuthority = "Only the network's authority may do this: sign with its key",
                NotGuardian = "Only the network's authority or its guardian may pause: sign with either key",
                NotProposed = "Only the proposed authority may accept: ask the authority to propose this wallet",
                PauseBits = "The bits must be one or more of 1 (registering), 2 (claiming work) and 4 (buying)",
                RenounceNotProposed = "Propose the incinerator's address as authority first: giving up takes two steps",
                RenouncePaused = "Something is paused, and nobody could lift it any more: unpause it first",
                RenounceAnnounced = "Parameters are announced, and nobody could withdraw them any more: apply or withdraw them first",
                NothingAnnounced = "No parameters are announced: announce them first",
                NoticeRunning = "The notice still runs: try again when the announced time has come",
                UnbondTooLarge = "The node has less bond than was asked back: ask for its bond at most",
                NothingUnbonding = "No bond is asked back: request it first",
                UnbondingRunning = "The bond that was asked back is not due yet: try again when its time has come",
                NotSlasher = "Only the programs that the network names may slash a bond",
                SlashTooLarge = "One slash takes at most the bond of a shard or of a node, whichever is larger: ask for less",
                BondHeld = "The node still has a bond: ask all of it back, and close the node when it is due",
                WrongRentPayer = "The rent goes back to who paid it: pass the address that the node names",
                NotAdapter = "Only the program of the oracles may adapt the ranking, for a quorum of them",
                AdaptationFrozen = "Adaptation is frozen: the network's authority can allow it again",
                AdaptationAnnounced = "Parameters are announced: the ranking stays as it is until they are applied or withdrawn",
                AdaptationCooling = "The ranking was adapted a short while ago: try again when a quarter of the notice has passed since",
                AdaptationEvidence = "The ranking was adapted after that epoch: take the figures of a later one",
                AdaptationNothing = "An adaptation must change a weight or the wait",
                AdaptationStep = "A weight may move by 200 basis points at once, the longest wait by a tenth of itself or a second",
                AdaptationReach = "A weight may be at most 1,500 basis points from what the authority set, the wait half to double of it",
            }
        }
    };
}

registry_errors!(plain_error);
