//! Figures that several instructions share. Seeds are written as literals where they are used, because the framework
//! computes the bumps of literal seeds ahead of time and names them in the IDL; `lumora_interface::market::seed` lists
//! them for clients, and every test on chain derives addresses from that list.

pub use lumora_interface::VERSION;

// The framework reads the id from the text in lib.rs, everybody else from the interface: they must be the same.
const _: () = assert!(const_eq(crate::ID.as_array(), lumora_interface::market::ID.as_array()));

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
