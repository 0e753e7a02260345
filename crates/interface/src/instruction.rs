//! Numbers and names of a program's instructions.

/// Declares module `instruction`: a constant for the first byte of each instruction's data, and all of them with their
/// names.
macro_rules! instructions {
    ($($constant:ident = $number:literal, $name:ident;)+) => {
        /// First byte of each instruction's data.
        pub mod instruction {
            $(
                #[doc = concat!("`", stringify!($name), "`")]
                pub const $constant: u8 = $number;
            )+

            /// Numbers and names of all instructions.
            pub const NAMES: &[(u8, &str)] = &[$(($number, stringify!($name))),+];
        }
    };
}
