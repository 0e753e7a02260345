//! Errors of program `tasks`.

/// Lists the errors of program `tasks` to the macro that it is given.
#[macro_export]
macro_rules! tasks_errors {
    ($($callback:tt)+) => {
        $($callback)+! {
            /// Why program `tasks` refused an instruction. Codes start at 6000.
            TasksError {
                NotAuthority = "Only the network's authority may do this: sign with its key",
                Paused = "Creating jobs and claiming shards is paused: try again when the guardian has lifted the pause",
                WrongMint = "The mint is not the network's LMR mint",
                WrongTokenAccount = "The token account must hold LMR and belong to the wallet that pays or is paid",
                WrongTreasury = "The account is not the treasury of this job",
                WrongEscrow = "The account is not the escrow of this job",
                ManifestMissing = "The hash of the manifest must not be zero: store the manifest and pass its SHA-256",
                TargetLength = "The target must be a unit vector scaled to 32,767: use the centre of an H3 cell",
                ShardCountRange = "A job has between 1 and 8,192 shards: split a larger one into several jobs",
                ReplicasRange = "A shard has between 1 and 7 replicas",
                ToleranceRange = "The tolerance is at most 63 bits and 10,000 basis points",
                PriceZero = "The price of a shard must be above zero",
                DeadlineRange = "The deadline must lie in the future",
                WindowZero = "The times for committing and revealing must be at least one second",
                JobClosedForClaims = "The job takes no more claims: it was cancelled or its deadline has passed",
                ShardOutOfRange = "The job has no such shard",
                ReplicaOutOfRange = "The job has no such replica",
                ShardSettled = "The shard is settled already: there is nothing left to do",
                ReplicaTaken = "Another node works on this replica: claim another one",
                NodePaused = "The node is paused by its owner: resume it to take work",
                NotOperator = "Only the node's operator key may do this, or the wallet that owns the node",
                WrongAttestation = "The attestation is not this node's",
                AttestationStale = "The node's attestation is too old: prove a newer epoch first",
                BondTooSmall = "The node's bond does not cover its open shards and this one: deposit more or finish some first",
                CapacityExhausted = "The node's open shards fill the allowed share of its capacity: finish some first",
                OwnJob = "A client's own nodes may not work on its job",
                OwnerHoldsReplica = "Another node of this owner works on this shard already: leave it to others",
                TooEarly = "Better placed nodes may claim this shard first: wait until the node's own time has come",
                SiblingMissing = "Pass the assignments of the shard's other assigned replicas, lowest replica first",
                WrongSibling = "An account passed is not the assignment of the replica that is expected in its place",
                WrongJob = "The account is not the job of this assignment",
                WrongState = "The assignment is not in the state that this step needs",
                CommitLate = "The time to commit is over: the replica can be expired and claimed anew",
                CommitmentZero = "A commitment must not be zero",
                OthersNotCommitted = "Another replica has not committed yet: showing a result now would let it be copied",
                WrongReveal = "What is shown is not what was committed to",
                NotSettleable = "Not all replicas are revealed yet, and they may still be",
                WrongWork = "The account is not the record of work of this node",
                WrongRentPayer = "The rent goes back to whoever paid it: pass that account",
                NotExpired = "The deadline has not passed yet",
                NotClient = "Only the job's client may do this: sign with its key",
                JobNotDone = "The job still has assignments, or shards that may still be claimed: settle or expire them first",
                SlotHashMissing = "No slot hash is available: try again in the next slot",
                Overflow = "An amount left the range of 64 bits: check the amounts passed",
                Invariant = "The account would have become inconsistent: report this with the transaction",
            }
        }
    };
}

tasks_errors!(plain_error);
