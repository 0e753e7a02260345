//! When two statements are an offence, and whether it can still be reported: pure.

use std::collections::BTreeSet;

use lumora_client::oracle_api::{EpochFigures, SignedStatement};
use lumora_core::hash::Hash;
use lumora_interface::{
    Address,
    bandwidth::{self, Epoch, OracleSet, VOID, member},
};
use serde::{Deserialize, Serialize};

/// Two statements of one oracle about one epoch with different contents, both signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offence {
    /// What was seen first.
    pub first: SignedStatement,
    /// What contradicts it.
    pub second: SignedStatement,
}

impl Offence {
    /// Whose offence it is.
    pub fn oracle(&self) -> Address {
        self.first.oracle
    }

    /// The epoch that both are about.
    pub fn epoch(&self) -> u64 {
        self.first.epoch
    }

    /// What the two say.
    pub fn contents(&self) -> [Hash; 2] {
        [self.first, self.second].map(|signed| signed.statement().content())
    }
}

/// Whether a statement is one that the chain would hold its author to: signed by a member of the epoch, for this network
/// and program and under the epoch's set. Whatever else a key signs is no statement about the epoch.
pub fn binds(signed: &SignedStatement, network_id: &[u8; 32], epoch: &EpochFigures) -> bool {
    signed.network_id == *network_id
        && signed.program == bandwidth::ID
        && signed.epoch == epoch.epoch
        && signed.set_version == epoch.set_version
        && epoch.members.iter().any(|member| member.oracle == signed.oracle)
        && signed.is_authentic()
}

/// What a statement is, given those kept of the same oracle and epoch, of which one per content is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Nothing new: the same content is kept, or two that contradict each other, which are enough.
    Nothing,
    /// The first of its oracle.
    First,
    /// It contradicts the one that is kept.
    Offence(Offence),
}

/// Compares a statement with those kept. The same figures signed anew with a later expiry are no offence.
pub fn compare(kept: &[SignedStatement], new: &SignedStatement) -> News {
    let content = new.statement().content();
    match kept {
        [] => News::First,
        [first] if first.statement().content() != content => News::Offence(Offence {
            first: *first,
            second: *new,
        }),
        _ => News::Nothing,
    }
}

/// What can be done about an offence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prospect {
    /// It can be reported.
    Open,
    /// The chain has it: the oracle is jailed.
    Done,
    /// It cannot be reported any more: the oracle left in time, or the epoch's account is closed.
    Barred,
}

/// What can be done about an offence, by what the program asks for. `epoch`: its account, if there is one.
pub fn prospect(offence: &Offence, set: &OracleSet, epoch: Option<&Epoch>) -> Prospect {
    let Some(seat) = set.index_of(&offence.oracle()) else {
        return Prospect::Barred;
    };
    if set.states[seat] == member::JAILED {
        return Prospect::Done;
    }
    match epoch {
        Some(epoch) if epoch.signed[seat] == VOID => Prospect::Done,
        Some(epoch) if epoch.members >> seat & 1 == 1 && set.serves(seat, offence.epoch()) => Prospect::Open,
        _ => Prospect::Barred,
    }
}

/// Members of whom the chain counted another content than all that are kept of theirs: what they submitted is worth
/// reading from its transaction. `kept`: a member's key, and the contents kept of it.
pub fn contradicted_on_chain(set: &OracleSet, epoch: &Epoch, kept: &[(Address, BTreeSet<Hash>)]) -> Vec<Address> {
    let is_contradicted = |(key, contents): &&(Address, BTreeSet<Hash>)| {
        let counted = set.index_of(key).map(|seat| epoch.signed[seat]);
        counted.is_some_and(|counted| {
            counted != [0; 32] && counted != VOID && contents.len() == 1 && !contents.contains(&counted)
        })
    };
    kept.iter().filter(is_contradicted).map(|(key, _)| *key).collect()
}

/// Epochs whose statements are asked for in pass number `pass`: those of the latest that are over, and in turn one of the
/// older ones, for a second statement may come to light at any time. `over`: epochs whose measurement is over, ascending.
pub fn asked_about(over: &[u64], pass: u64) -> Vec<u64> {
    const LATEST: usize = 3;
    let (older, latest) = over.split_at(over.len().saturating_sub(LATEST));
    let turn = usize::try_from(pass).unwrap_or_default().checked_rem(older.len());
    let older = turn.and_then(|turn| older.get(turn));
    older.into_iter().chain(latest).copied().collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bytemuck::Zeroable;
    use lumora_client::oracle_api::{EpochMember, EpochState};
    use lumora_core::attestation::Statement;
    use solana_keypair::Keypair;
    use solana_signer::Signer;

    use super::*;

    const NETWORK: [u8; 32] = [7; 32];

    fn statement(root: u8) -> Statement {
        Statement {
            network_id: NETWORK,
            program: bandwidth::ID.to_bytes(),
            epoch: 4,
            set_version: 2,
            root: [root; 32],
            leaf_count: 3,
            total_contribution: 4,
            epoch_reward: 5,
            cumulative_reward: 6,
            bundles: 1,
            expires_at: 100,
        }
    }

    fn epoch(members: &[Address]) -> EpochFigures {
        let member = |(seat, oracle): (usize, &Address)| EpochMember {
            seat: seat as u8,
            oracle: *oracle,
            bundle_root: [0; 32],
            used: false,
            signed: false,
        };
        EpochFigures {
            epoch: 4,
            state: EpochState::Open,
            starts_at: 0,
            ends_at: 10,
            cutoff_at: 20,
            seed: [1; 32],
            set_version: 2,
            quorum: 1,
            root: [0; 32],
            leaf_count: 0,
            total_contribution: 0,
            epoch_reward: 0,
            cumulative_reward: 0,
            members: members.iter().enumerate().map(member).collect(),
        }
    }

    #[test]
    fn two_contents_are_an_offence_and_a_later_expiry_is_none() {
        let key = Keypair::new();
        let first = SignedStatement::sign(&key, &statement(1));
        assert_eq!(compare(&[], &first), News::First);
        assert_eq!(compare(&[first], &first), News::Nothing);
        let renewed = SignedStatement::sign(
            &key,
            &Statement {
                expires_at: 200,
                ..statement(1)
            },
        );
        assert_eq!(compare(&[first], &renewed), News::Nothing);
        let second = SignedStatement::sign(&key, &statement(2));
        assert_eq!(compare(&[first], &second), News::Offence(Offence { first, second }));
        let third = SignedStatement::sign(&key, &statement(3));
        assert_eq!(compare(&[first, second], &third), News::Nothing);
    }

    #[test]
    fn only_what_the_chain_would_hold_a_member_to_is_kept() {
        let key = Keypair::new();
        let (figures, signed) = (epoch(&[key.pubkey()]), SignedStatement::sign(&key, &statement(1)));
        assert!(binds(&signed, &NETWORK, &figures));
        assert!(!binds(&signed, &[8; 32], &figures));
        assert!(!binds(&signed, &NETWORK, &epoch(&[Keypair::new().pubkey()])));
        assert!(!binds(
            &SignedStatement {
                root: [9; 32],
                ..signed
            },
            &NETWORK,
            &figures
        ));
        // Of another set, the program would compute another digest: nobody could be held to it.
        let other_set = SignedStatement::sign(
            &key,
            &Statement {
                set_version: 3,
                ..statement(1)
            },
        );
        assert!(!binds(&other_set, &NETWORK, &figures));
    }

    #[test]
    fn an_offence_is_reported_until_the_oracle_is_jailed_or_gone() {
        let key = Keypair::new();
        let offence = Offence {
            first: SignedStatement::sign(&key, &statement(1)),
            second: SignedStatement::sign(&key, &statement(2)),
        };
        let (mut set, mut epoch) = (OracleSet::zeroed(), Epoch::zeroed());
        (set.count, set.keys[0], set.states[0], set.until[0]) = (1, key.pubkey(), member::ACTIVE, u64::MAX);
        (epoch.epoch, epoch.members) = (4, 1);
        assert_eq!(prospect(&offence, &set, Some(&epoch)), Prospect::Open);
        assert_eq!(prospect(&offence, &set, None), Prospect::Barred);
        let left = OracleSet { until: [4; 32], ..set };
        assert_eq!(prospect(&offence, &left, Some(&epoch)), Prospect::Barred);
        let jailed = OracleSet {
            states: [member::JAILED; 32],
            ..set
        };
        assert_eq!(prospect(&offence, &jailed, Some(&epoch)), Prospect::Done);
        epoch.signed[0] = VOID;
        assert_eq!(prospect(&offence, &set, Some(&epoch)), Prospect::Done);
        set.count = 0;
        assert_eq!(prospect(&offence, &set, Some(&epoch)), Prospect::Barred);
    }

    #[test]
    fn a_content_counted_on_chain_that_nobody_showed_is_looked_up() {
        let key = Keypair::new().pubkey();
        let (mut set, mut epoch) = (OracleSet::zeroed(), Epoch::zeroed());
        (set.count, set.keys[0]) = (1, key);
        let kept = |contents: &[u8]| vec![(key, contents.iter().map(|content| [*content; 32]).collect())];
        assert!(contradicted_on_chain(&set, &epoch, &kept(&[1])).is_empty());
        epoch.signed[0] = [2; 32];
        assert_eq!(contradicted_on_chain(&set, &epoch, &kept(&[1])), [key]);
        assert!(contradicted_on_chain(&set, &epoch, &kept(&[2])).is_empty());
        // Two are enough already.
        assert!(contradicted_on_chain(&set, &epoch, &kept(&[1, 3])).is_empty());
        epoch.signed[0] = VOID;
        assert!(contradicted_on_chain(&set, &epoch, &kept(&[1])).is_empty());
    }

    #[test]
    fn every_epoch_is_asked_about_in_turn_and_the_latest_always() {
        assert!(asked_about(&[], 5).is_empty());
        assert_eq!(asked_about(&[1, 2], 5), [1, 2]);
        let over: Vec<u64> = (0..6).collect();
        let asked: BTreeSet<u64> = (0..3).flat_map(|pass| asked_about(&over, pass)).collect();
        assert_eq!(asked, over.iter().copied().collect());
        assert!((0..9).all(|pass| asked_about(&over, pass).ends_with(&[3, 4, 5])));
    }
}
