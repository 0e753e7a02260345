//! Which epoch's figures count, and whether the ranking may be adapted with them.

use std::ops::Range;

use lumora_interface::{bandwidth::Epoch, registry::Network};

use crate::chain::View;

/// Slots after the end of a window from which on nothing of it changes: a chain is rooted 32 slots deep.
const ROOTED: u64 = 32;

/// The epoch attested last, once it is final, and the slots from its seed to the next one's.
#[derive(Clone, Debug)]
pub struct Window {
    /// The epoch.
    pub epoch: Epoch,
    /// Its slots.
    pub slots: Range<u64>,
}

impl Window {
    /// That of what the chain says; `None` while the epoch attested last is not final, or its end is not known.
    pub fn of(view: &View) -> Option<Self> {
        let epoch = view.latest_attested().filter(|epoch| epoch.is_final(view.now))?;
        let next = view.epochs.get(&epoch.epoch.checked_add(1)?)?;
        (next.is_drawn() && epoch.seed_slot < next.seed_slot).then_some(Self {
            epoch: *epoch,
            slots: epoch.seed_slot..next.seed_slot,
        })
    }

    /// Whether nothing that happened in it can change any more, with the chain at this slot.
    pub fn is_rooted(&self, slot: u64) -> bool {
        slot > self.slots.end.saturating_add(ROOTED)
    }

    /// Unix time after which nobody's signature about it counts: two epochs and a minute after the epoch was final. All
    /// oracles must compute the same.
    pub fn expires_at(&self) -> i64 {
        let length = self.epoch.ends_at.saturating_sub(self.epoch.starts_at);
        self.epoch
            .final_at
            .saturating_add(length.saturating_mul(2))
            .saturating_add(60)
    }
}

/// Whether the ranking may be adapted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may.
    Open,
    /// The authority or the guardian has frozen it.
    Frozen,
    /// Parameters are announced.
    Announced,
    /// It was adapted a short while ago.
    Cooling,
    /// The epoch was not measured under the ranking that holds now.
    OtherRanking,
    /// Nobody's signature would count any more.
    Expired,
}

impl Standing {
    /// As `registry` will see it, and what figures mean: those of another ranking say nothing about this one.
    pub fn of(network: &Network, window: &Window, now: i64) -> Self {
        if network.adaptation_frozen != 0 {
            Self::Frozen
        } else if network.announced_for != 0 {
            Self::Announced
        } else if now < network.adaptable_at() {
            Self::Cooling
        } else if window.epoch.epoch < network.adaptable_from
            || window.epoch.starts_at < network.adapted_at.max(network.changed_at)
        {
            Self::OtherRanking
        } else if now > window.expires_at() {
            Self::Expired
        } else {
            Self::Open
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Instant};

    use bytemuck::Zeroable;
    use lumora_interface::{
        bandwidth::{OracleSet, epoch_state},
        rewards::Emission,
    };

    use super::*;

    fn epoch(number: u64) -> Epoch {
        Epoch {
            epoch: number,
            state: epoch_state::ATTESTED,
            seed: [1; 32],
            seed_slot: 1_000 + 100 * number,
            starts_at: 10_000 + 60 * number as i64,
            ends_at: 10_060 + 60 * number as i64,
            final_at: 10_100 + 60 * number as i64,
            ..Epoch::zeroed()
        }
    }

    fn view() -> View {
        let open = Epoch {
            state: epoch_state::OPEN,
            ..epoch(5)
        };
        View {
            looked_at: Instant::now(),
            now: 10_340,
            set: OracleSet {
                attestable_from: 5,
                next_epoch: 6,
                ..OracleSet::zeroed()
            },
            epochs: BTreeMap::from([(4, epoch(4)), (5, open)]),
            emission: Emission::zeroed(),
        }
    }

    #[test]
    fn a_window_lies_between_the_seeds_of_the_epoch_attested_last_and_of_the_next() {
        let window = Window::of(&view());
        assert_eq!(
            window.as_ref().map(|it| (it.epoch.epoch, it.slots.clone())),
            Some((4, 1_400..1_500))
        );
        assert_eq!(window.as_ref().map(Window::expires_at), Some(10_340 + 120 + 60));
        assert_eq!(
            window.map(|it| (it.is_rooted(1_532), it.is_rooted(1_533))),
            Some((false, true))
        );
        let changes: [fn(&mut View); 4] = [
            |it| it.now -= 1,
            |it| it.set.attestable_from = 0,
            |it| it.epochs.retain(|number, _| *number != 5),
            |it| it.epochs.values_mut().for_each(|epoch| epoch.seed = [0; 32]),
        ];
        for change in changes {
            let mut other = view();
            change(&mut other);
            assert!(Window::of(&other).is_none());
        }
    }

    #[test]
    fn the_ranking_is_left_alone_where_registry_would_refuse_and_where_the_figures_are_of_another_one() {
        let window = Window {
            epoch: epoch(4),
            slots: 1_400..1_500,
        };
        let standing = |change: fn(&mut Network)| {
            let mut network = Network {
                notice_seconds: 400,
                ..Network::zeroed()
            };
            change(&mut network);
            Standing::of(&network, &window, 10_400)
        };
        assert_eq!(standing(|_| {}), Standing::Open);
        assert_eq!(standing(|it| it.adaptation_frozen = 1), Standing::Frozen);
        assert_eq!(standing(|it| it.announced_for = 1), Standing::Announced);
        assert_eq!(
            standing(|it| (it.adaptations, it.adapted_at) = (1, 10_301)),
            Standing::Cooling
        );
        assert_eq!(
            standing(|it| (it.adaptations, it.adapted_at) = (1, 10_300)),
            Standing::OtherRanking
        );
        assert_eq!(
            standing(|it| (it.adaptations, it.adapted_at) = (1, 10_240)),
            Standing::Open
        );
        assert_eq!(standing(|it| it.changed_at = 10_241), Standing::OtherRanking);
        assert_eq!(standing(|it| it.adaptable_from = 5), Standing::OtherRanking);
        assert_eq!(Standing::of(&Network::zeroed(), &window, 10_521), Standing::Expired);
    }
}
