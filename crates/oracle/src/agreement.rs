//! Which bundles an epoch's figures rest on.
//!
//! The chain decides it where it can: what was committed before the cut-off is used. An honest oracle commits only once a
//! quorum holds its bundle, so that a bundle whose author dies afterwards can still be had from others. Only a bundle
//! that was committed and withheld makes the oracles wait; after a while they close their lists, and what no quorum
//! holds is left out.

use std::collections::{BTreeMap, BTreeSet};

use lumora_core::hash::Hash;

/// What one oracle says it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// Members whose bundle it holds, with the bundle's root.
    pub bundles: BTreeMap<u8, Hash>,
    /// Whether it takes no more.
    pub closed: bool,
}

/// How far the wait for bundles has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Every committed bundle is waited for.
    Waiting,
    /// What a quorum of closed lists lacks is left out.
    LastCall,
}

/// The members whose bundles are used, or `None` while that is open.
///
/// `committed` holds what the chain says: the members that committed, with their roots; `claims` one entry per oracle.
/// A member counts as held where at least `quorum` oracles hold a bundle of the committed root.
pub fn used(
    committed: &BTreeMap<u8, Hash>,
    claims: &BTreeMap<u8, Claim>,
    quorum: usize,
    patience: Patience,
) -> Option<BTreeSet<u8>> {
    let held: BTreeSet<u8> = committed
        .iter()
        .filter(|(member, root)| holders(claims, **member, root) >= quorum)
        .map(|(member, _)| *member)
        .collect();
    let closed = claims.values().filter(|claim| claim.closed).count();
    let is_settled = held.len() == committed.len() || (patience == Patience::LastCall && closed >= quorum);
    (is_settled && !held.is_empty()).then_some(held)
}

/// How many oracles hold the bundle of `member` with this root.
pub fn holders(claims: &BTreeMap<u8, Claim>, member: u8, root: &Hash) -> usize {
    claims
        .values()
        .filter(|claim| claim.bundles.get(&member) == Some(root))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn committed(members: &[u8]) -> BTreeMap<u8, Hash> {
        members.iter().map(|member| (*member, [*member; 32])).collect()
    }

    fn claim(members: &[u8], closed: bool) -> Claim {
        Claim {
            bundles: committed(members),
            closed,
        }
    }

    #[test]
    fn what_the_chain_says_is_used_once_a_quorum_holds_it() {
        let chain = committed(&[0, 1, 2, 3]);
        let mut claims = BTreeMap::from([(0, claim(&[0, 1, 2, 3], false)), (1, claim(&[0, 1, 2, 3], false))]);
        assert_eq!(used(&chain, &claims, 3, Patience::Waiting), None);
        claims.insert(2, claim(&[0, 1, 2], false));
        assert_eq!(used(&chain, &claims, 3, Patience::Waiting), None);
        // The fourth is dead, and yet its bundle counts: the others hold it.
        claims.insert(2, claim(&[0, 1, 2, 3], false));
        assert_eq!(
            used(&chain, &claims, 3, Patience::Waiting),
            Some(BTreeSet::from([0, 1, 2, 3]))
        );
    }

    #[test]
    fn who_committed_nothing_is_not_waited_for() {
        let chain = committed(&[0, 1, 2]);
        let claims = (0..3).map(|member| (member, claim(&[0, 1, 2], false))).collect();
        assert_eq!(
            used(&chain, &claims, 3, Patience::Waiting),
            Some(BTreeSet::from([0, 1, 2]))
        );
    }

    #[test]
    fn a_withheld_bundle_is_left_out_only_at_the_last_call_and_by_a_quorum() {
        let chain = committed(&[0, 1, 2, 3]);
        let mut claims: BTreeMap<u8, Claim> = (0..2).map(|member| (member, claim(&[0, 1, 2], true))).collect();
        assert_eq!(used(&chain, &claims, 3, Patience::LastCall), None);
        claims.insert(2, claim(&[0, 1, 2], true));
        assert_eq!(used(&chain, &claims, 3, Patience::Waiting), None);
        assert_eq!(
            used(&chain, &claims, 3, Patience::LastCall),
            Some(BTreeSet::from([0, 1, 2]))
        );
    }

    #[test]
    fn a_bundle_of_another_root_is_not_held() {
        let chain = committed(&[0]);
        let other = Claim {
            bundles: BTreeMap::from([(0, [9; 32])]),
            closed: true,
        };
        let claims = (0..4).map(|member| (member, other.clone())).collect();
        assert_eq!(used(&chain, &claims, 3, Patience::LastCall), None);
    }
}
