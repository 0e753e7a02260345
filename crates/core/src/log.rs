//! A job's log as a hash chain: what happened, in order, and not to be edited, for 32 bytes of rent.

use crate::hash::{Hash, sha256};

/// The new head of the log after `event`: SHA-256(domain, head, event).
pub fn extend(head: &Hash, event: &[u8]) -> Hash {
    sha256(&[b"lumora log v1", head, event])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_content_matter() {
        let start = [0; 32];
        let ab = extend(&extend(&start, b"a"), b"b");
        assert_ne!(ab, extend(&extend(&start, b"b"), b"a"));
        assert_ne!(ab, extend(&start, b"ab"));
    }
}
