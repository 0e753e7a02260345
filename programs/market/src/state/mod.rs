//! The accounts of this program.

mod config;
mod listing;
mod purchase;

pub use config::*;
pub use listing::*;
pub use purchase::*;

/// Gives a program's account the methods of its plain layout, which has the same fields in the same places.
macro_rules! plain_layout {
    ($name:ident) => {
        const _: () = assert!(size_of::<$name>() == size_of::<lumora_interface::market::$name>());

        impl core::ops::Deref for $name {
            type Target = lumora_interface::market::$name;

            fn deref(&self) -> &Self::Target {
                bytemuck::cast_ref(self)
            }
        }
    };
}
use plain_layout;
