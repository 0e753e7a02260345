//! Arguments of the instructions, in the order in which they are serialised (borsh).

/// Declares [`InitializeRewardsArguments`].
#[macro_export]
macro_rules! initialize_rewards_arguments {
    ($(#[$attribute:meta])*) => {
        /// Arguments of `initialize`: the emission schedule, how grants vest, and the circuit breaker. Amounts are LMR base
        /// units.
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
            /// Seconds after a grant during which nothing of it vests.
            pub vesting_cliff_seconds: u32,
            /// Seconds after which all of a grant has vested; zero: at once. At least the cliff.
            pub vesting_seconds: u32,
            /// Circuit breaker: most that may be claimed in one window; zero switches it off.
            pub breaker_limit: u64,
            /// Circuit breaker: seconds of a window.
            pub breaker_seconds: u32,
        }
    };
}

/// Declares [`GrantArguments`].
#[macro_export]
macro_rules! grant_arguments {
    ($(#[$attribute:meta])*) => {
        /// Arguments of `grant`, after the index of the recipient's grant, u32 little endian.
        $(#[$attribute])*
        pub struct GrantArguments {
            /// LMR base units.
            pub amount: u64,
        }
    };
}

/// Declares [`SetBreakerArguments`].
#[macro_export]
macro_rules! set_breaker_arguments {
    ($(#[$attribute:meta])*) => {
        /// Arguments of `set_breaker`.
        $(#[$attribute])*
        pub struct SetBreakerArguments {
            /// Most LMR base units that may be claimed in one window; zero switches the breaker off.
            pub limit: u64,
            /// Seconds of a window.
            pub seconds: u32,
        }
    };
}

plain_arguments!(initialize_rewards_arguments, grant_arguments, set_breaker_arguments);
