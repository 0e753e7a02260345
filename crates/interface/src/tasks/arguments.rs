//! Arguments of the instructions, in the order in which they are serialised (borsh).

/// Declares [`CreateJobArguments`].
#[macro_export]
macro_rules! create_job_arguments {
    ($(#[$attribute:meta])*) => {
        /// Arguments of `create_job` after the job's number (u64) and its number of shards (u32).
        $(#[$attribute])*
        pub struct CreateJobArguments {
            /// SHA-256 of the manifest.
            pub manifest_hash: [u8; 32],
            /// SHA-256 of the text of the URI where the manifest is.
            pub uri_hash: [u8; 32],
            /// Unit vector of where the data lives, components scaled to 32,767.
            pub target: [i16; 3],
            /// Nodes that do the same shard, at most 7.
            pub replicas: u8,
            /// Nodes that may do the same shard while their results do not agree: at least `replicas`, at most three more
            /// and at most 7. The escrow covers all of them.
            pub max_replicas: u8,
            /// Most bits in which the sketches of two agreeing results differ.
            pub tolerance_bits: u8,
            /// Largest difference of the counts of two agreeing results, in basis points of the larger one.
            pub tolerance_count: u16,
            /// LMR base units for one replica of one shard, the protocol's fee included.
            pub price: u64,
            /// Unix time from which nothing more can be claimed.
            pub deadline: i64,
            /// Seconds from a claim in which a result must be committed to.
            pub commit_seconds: u32,
            /// Seconds from the last commitment of a shard in which results must be shown.
            pub reveal_seconds: u32,
            /// Seconds from the reveal in which the oracles may reject the only result of a shard. Above zero if there is
            /// one replica, else zero: then other results are what a result is held against.
            pub challenge_seconds: u32,
        }
    };
}

/// Declares [`RevealResultArguments`].
#[macro_export]
macro_rules! reveal_result_arguments {
    ($(#[$attribute:meta])*) => {
        /// Arguments of `reveal_result`: the next word of what was committed to; see `core::result`.
        $(#[$attribute])*
        pub struct RevealResultArguments {
            /// Merkle root of the canonical records; the same each time.
            pub result_root: [u8; 32],
            /// Number of records; the same each time.
            pub records: u32,
            /// The word.
            pub word: [u64; 4],
            /// Random bytes that kept the word from being guessed.
            pub salt: [u8; 32],
            /// What the following words are committed to with.
            pub rest: [u8; 32],
        }
    };
}

/// Declares [`RejectResultArguments`].
#[macro_export]
macro_rules! reject_result_arguments {
    ($(#[$attribute:meta])*) => {
        /// Arguments of `reject_result`: what the oracles signed besides what is on chain; see `core::verdict`.
        $(#[$attribute])*
        pub struct RejectResultArguments {
            /// Digest of the verdict; part of the address where its signatures are counted.
            pub digest: [u8; 32],
            /// Why; see `core::reason`.
            pub reason: u8,
            /// Version of the oracle set that signs.
            pub set_version: u32,
            /// Unix time after which the signatures are void.
            pub expires_at: i64,
        }
    };
}

macro_rules! plain {
    ($($name:ident),+) => {
        $($name!(
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            #[cfg_attr(feature = "borsh", derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
        );)+
    };
}
plain!(create_job_arguments, reveal_result_arguments, reject_result_arguments);
