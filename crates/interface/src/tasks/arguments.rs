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
        }
    };
}

/// Declares [`RevealResultArguments`].
#[macro_export]
macro_rules! reveal_result_arguments {
    ($(#[$attribute:meta])*) => {
        /// Arguments of `reveal_result`: what the commitment was made of.
        $(#[$attribute])*
        pub struct RevealResultArguments {
            /// Merkle root of the canonical records.
            pub result_root: [u8; 32],
            /// Similarity sketch of the records.
            pub sketch: u64,
            /// Number of records.
            pub records: u32,
            /// Random bytes that keep a commitment from being guessed.
            pub salt: [u8; 32],
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
plain!(create_job_arguments, reveal_result_arguments);
