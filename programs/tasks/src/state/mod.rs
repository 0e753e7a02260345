//! The accounts of this program.

mod assignment;
mod config;
mod escrow;
mod job;
mod verdict;
mod work;

pub use assignment::*;
pub use config::*;
pub use escrow::*;
pub use job::*;
pub use verdict::*;
pub use work::*;

/// Gives a program's account the methods of its plain layout, which has the same fields in the same places.
macro_rules! plain_layout {
    ($name:ident) => {
        const _: () = assert!(size_of::<$name>() == size_of::<lumora_interface::tasks::$name>());

        impl core::ops::Deref for $name {
            type Target = lumora_interface::tasks::$name;

            fn deref(&self) -> &Self::Target {
                bytemuck::cast_ref(self)
            }
        }
    };
}
use plain_layout;
