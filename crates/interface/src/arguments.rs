//! Expands the arguments of instructions as plain data, which clients can serialise under feature `borsh`.

/// Expands each of the given argument structs.
macro_rules! plain_arguments {
    ($($name:ident),+ $(,)?) => {
        $($name!(
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            #[cfg_attr(feature = "borsh", derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
        );)+
    };
}
