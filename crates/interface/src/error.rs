//! The two shapes that a program's list of errors takes: an enum of the framework in the program, a plain one here.

/// Expands a list of errors inside the program: `lumora_interface::registry_errors!(lumora_interface::program_error);`.
#[macro_export]
macro_rules! program_error {
    ($(#[$docs:meta])* $name:ident { $($variant:ident = $message:tt,)+ }) => {
        $(#[$docs])*
        #[anchor_lang::error_code]
        #[derive(Debug, PartialEq, Eq)]
        pub enum $name {
            $(
                #[doc = $message]
                #[msg($message)]
                $variant,
            )+
        }
    };
}

/// Expands a list of errors as plain data.
macro_rules! plain_error {
    ($(#[$docs:meta])* $name:ident { $($variant:ident = $message:tt,)+ }) => {
        $(#[$docs])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u32)]
        pub enum $name {
            $(
                #[doc = $message]
                $variant,
            )+
        }

        impl $name {
            /// All errors, in the order of their codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The custom error code that a failed transaction carries.
            pub const fn code(self) -> u32 {
                6_000 + self as u32
            }

            /// Name of the variant, as in the program's IDL.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($variant),)+
                }
            }

            /// What happened and what to do about it.
            pub const fn message(self) -> &'static str {
                match self {
                    $(Self::$variant => $message,)+
                }
            }

            /// The error behind a custom code, if it is one of this program's.
            pub fn from_code(code: u32) -> Option<Self> {
                let index = usize::try_from(code.checked_sub(6_000)?).ok()?;
                Self::ALL.get(index).copied()
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.message())
            }
        }

        impl core::error::Error for $name {}
    };
}
