//! Arguments of the instructions, in the order in which they are serialised (borsh).

/// Declares [`InitializeRewardsArguments`].
#[macro_export]
macro_rules! initialize_rewards_arguments {
    ($(#[$attribute:meta])*) => {
        /// Arguments of `initialize`: the emission schedule. Amounts are LMR base units.
        $(#[$attribute])*
        pub struct InitializeRewardsArguments {
            /// Unix time at which epoch 0 begins.
            pub genesis: i64,
            /// Seconds of an epoch.
            pub epoch_seconds: u32,
            /// Epochs in a cycle.
            pub epochs_per_cycle: u32,
            /// What each epoch of the first cycle may mint.
            pub first_amount: u64,
            /// How much less each cycle mints than the one before, in basis points.
            pub decay: u16,
            /// Most that all epochs together may mint; with the early-participant pool at most the supply cap.
            pub cap: u64,
        }
    };
}

/// Declares [`GrantArguments`].
#[macro_export]
macro_rules! grant_arguments {
    ($(#[$attribute:meta])*) => {
        /// Arguments of `grant`.
        $(#[$attribute])*
        pub struct GrantArguments {
            /// LMR base units.
            pub amount: u64,
        }
    };
}

plain_arguments!(initialize_rewards_arguments, grant_arguments);
