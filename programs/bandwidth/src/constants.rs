//! What the accounts' constraints and signatures need: the seeds, as the interface declares them.

pub use lumora_interface::{VERSION, bandwidth::seed::*};

// The framework reads the id from the text in lib.rs, everybody else from the interface: they must be the same.
const _: () = assert!(const_eq(
    crate::ID.as_array(),
    lumora_interface::bandwidth::ID.as_array()
));

const fn const_eq(a: &[u8; 32], b: &[u8; 32]) -> bool {
    let mut i = 0;
    while i < 32 {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}
