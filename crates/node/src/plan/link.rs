//! How much of the link a node may use: its owner's own traffic comes first. Pure: counters and times come in.
//!
//! What the link carries is what the interface counts; what is not the node's is its owner's. While that is next to nothing
//! the node may use its limit; otherwise it leaves the owner as much again as the owner uses, so that a download that has
//! just begun can double before the next look, as TCP does. Yielding is immediate; the way back is gradual.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Milliseconds between two looks at the counters.
pub const TICK_MILLIS: u64 = 100;
/// Milliseconds over which rates are averaged: short enough to yield within a second.
const WINDOW_MILLIS: u64 = 300;
/// A peak has to last so long to say something about the link, milliseconds.
const PEAK_MILLIS: u64 = 300;
/// After yielding, so long until the way back begins, milliseconds.
const CALM_MILLIS: u64 = 1_000;
/// Steps of the way back to the limit, one each look: five seconds.
const STEPS_BACK: u64 = 50;
/// The owner's traffic below which nobody is disturbed: percent of the link, and kbit/s.
const QUIET_PERCENT: u64 = 2;
const QUIET_KBPS: u64 = 256;
/// Percent of the link that is left free while the owner uses it.
const HEADROOM_PERCENT: u64 = 10;
/// Percent of a link whose rate is known that a node fills while its owner does not use it.
const FULL_PERCENT: u64 = 95;
/// What a node that yields keeps, percent of the link, so that the pages under way are not lost; and the least of it.
const KEPT_PERCENT: u64 = 2;
const KEPT_KBPS: u64 = 64;
/// A measurement of less than this much of the limit says what the link can do; of more, only that it can do as much.
const CAPPED_PERCENT: u64 = 95;

/// What the interface has counted in one direction, and what of it was the node's. Bytes as the interface counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Everything.
    pub total: u64,
    /// The node's own.
    pub own: u64,
}

/// The rate of a link in one direction, as far as known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capacity {
    kbps: u64,
    exact: bool,
}

impl Capacity {
    /// A measurement under the node's limit gave so much.
    pub fn on_measurement(&mut self, kbps: u32, limit_kbps: u32) {
        let (kbps, limit) = (u64::from(kbps), u64::from(limit_kbps));
        if kbps == 0 {
            return;
        }
        if kbps * 100 < limit * CAPPED_PERCENT {
            // Lower than before is believed too: links get slower.
            *self = Self { kbps, exact: true };
        } else {
            self.on_peak(kbps);
        }
    }

    /// So much went over the link for a while.
    fn on_peak(&mut self, kbps: u64) {
        if kbps > self.kbps {
            // Faster than what was thought to be exact: the bursts of a shaper, or a link that became faster.
            self.kbps = kbps;
        }
    }

    /// kbit/s, or zero while nothing is known.
    pub fn kbps(&self) -> u64 {
        self.kbps
    }
}

/// What is going on in one direction of the link.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    /// What the link can carry.
    pub capacity: Capacity,
    looks: VecDeque<(u64, Counted)>,
    others_kbps: u64,
}

impl Traffic {
    /// Takes in the counters at `now` (milliseconds of any clock).
    pub fn look(&mut self, now: u64, counted: Counted) {
        // Counters that went back belong to another interface.
        if self.looks.back().is_some_and(|(_, last)| counted.total < last.total) {
            self.forget();
        }
        self.looks.push_back((now, counted));
        while self.looks.len() > 2 && self.looks.get(1).is_some_and(|(at, _)| *at + WINDOW_MILLIS <= now) {
            self.looks.pop_front();
        }
        let Some((from, first)) = self.looks.front().copied() else {
            return;
        };
        let millis = now.saturating_sub(from);
        if millis == 0 {
            return;
        }
        let total = counted.total.saturating_sub(first.total);
        let others = total.saturating_sub(counted.own.saturating_sub(first.own));
        self.others_kbps = kbps(others, millis);
        if millis >= PEAK_MILLIS {
            self.capacity.on_peak(kbps(total, millis));
        }
    }

    /// Begins anew, for what was counted is not comparable: what others use stays as it was known.
    pub fn forget(&mut self) {
        self.looks.clear();
    }

    /// What others than the node use, kbit/s.
    pub fn others_kbps(&self) -> u64 {
        self.others_kbps
    }

    /// Whether the owner uses the link.
    pub fn is_used(&self) -> bool {
        self.others_kbps > (self.capacity.kbps * QUIET_PERCENT / 100).max(QUIET_KBPS)
    }

    /// What is left for the node, kbit/s; `None` where nothing is known that would set a bound.
    pub fn spare_kbps(&self) -> Option<u64> {
        let Capacity { kbps, exact } = self.capacity;
        match (self.is_used(), exact) {
            (true, _) => Some((kbps * (100 - HEADROOM_PERCENT) / 100).saturating_sub(2 * self.others_kbps)),
            (false, true) => Some(kbps * FULL_PERCENT / 100),
            (false, false) => None,
        }
    }

    /// Whether a measurement at the limit leaves the owner alone.
    pub fn bears_measurement(&self, limit_kbps: u32) -> bool {
        !self.is_used() || self.spare_kbps().is_some_and(|spare| spare >= limit_kbps.into())
    }
}

/// The rate at which the node may fetch.
#[derive(Clone, Debug)]
pub struct Share {
    limit_kbps: u64,
    rate_kbps: u64,
    /// When it last had to yield, milliseconds.
    yielded: Option<u64>,
}

impl Share {
    /// All of the limit, to begin with.
    pub fn new(limit_kbps: u32) -> Self {
        Self {
            limit_kbps: limit_kbps.into(),
            rate_kbps: limit_kbps.into(),
            yielded: None,
        }
    }

    /// The rate as it was decided last, kbit/s.
    pub fn rate_kbps(&self) -> u32 {
        u32::try_from(self.rate_kbps).unwrap_or(u32::MAX)
    }

    /// The rate from now on, kbit/s: never above the limit.
    pub fn decide(&mut self, now: u64, traffic: &Traffic) -> u32 {
        let kept = (traffic.capacity.kbps() * KEPT_PERCENT / 100).max(KEPT_KBPS);
        let wanted = traffic.spare_kbps().map_or(self.limit_kbps, |spare| spare.max(kept));
        let wanted = wanted.min(self.limit_kbps);
        if wanted < self.rate_kbps {
            self.rate_kbps = wanted;
            self.yielded = Some(now);
        } else if self.yielded.is_none_or(|at| at.saturating_add(CALM_MILLIS) <= now) {
            let step = (self.limit_kbps / STEPS_BACK).max(1);
            self.rate_kbps = self.rate_kbps.saturating_add(step).min(wanted);
        }
        self.rate_kbps()
    }
}

/// How things stand, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct View {
    /// The network interface whose counters are read; absent where there is none.
    pub interface: Option<String>,
    /// What the link carries towards the node, kbit/s, as far as known.
    pub capacity_down_kbps: u64,
    /// What it carries from the node.
    pub capacity_up_kbps: u64,
    /// What others than the node use, towards this machine.
    pub others_down_kbps: u64,
    /// What others use, from this machine.
    pub others_up_kbps: u64,
    /// The rate at which the node may fetch.
    pub rate_kbps: u32,
}

fn kbps(bytes: u64, millis: u64) -> u64 {
    // Bits in milliseconds are kilobits in seconds.
    (bytes * 8).checked_div(millis).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A link, a node that uses what it may, and an owner who uses what they like and can.
    struct World {
        traffic: Traffic,
        share: Share,
        now: u64,
        counted: Counted,
        /// What the owner got in the last tick, kbit/s.
        owner: u64,
        rate: u64,
    }

    const LINK: u64 = 100_000;

    impl World {
        fn new(limit: u32) -> Self {
            Self {
                traffic: Traffic::default(),
                share: Share::new(limit),
                now: 0,
                counted: Counted::default(),
                owner: 0,
                rate: limit.into(),
            }
        }

        /// The owner's download grows like TCP: it doubles, as far as the link has room, and beyond that takes its part.
        fn tick(&mut self, owner_wants: u64) {
            let room = LINK.saturating_sub(self.rate).max(LINK / 10);
            self.owner = owner_wants.min((2 * self.owner).max(1_000)).min(room);
            let own = self.rate.min(LINK - self.owner);
            self.counted.own += own * TICK_MILLIS / 8;
            self.counted.total += (own + self.owner) * TICK_MILLIS / 8;
            self.now += TICK_MILLIS;
            self.traffic.look(self.now, self.counted);
            self.rate = self.share.decide(self.now, &self.traffic).into();
        }
    }

    #[test]
    fn a_download_of_the_owner_has_the_link_within_a_second_and_the_node_comes_back_gradually() {
        let mut world = World::new(100_000);
        (0..20).for_each(|_| world.tick(0));
        assert_eq!(world.rate, 100_000);
        (0..10).for_each(|_| world.tick(LINK));
        assert!(
            world.owner >= 90_000 && world.rate <= 2_100,
            "{} {}",
            world.owner,
            world.rate
        );
        (0..100).for_each(|_| world.tick(LINK));
        assert!(world.rate <= 2_100);

        let mut rates = vec![world.rate];
        for _ in 0..100 {
            world.tick(0);
            rates.push(world.rate);
        }
        assert!(
            rates
                .windows(2)
                .all(|pair| pair[1] >= pair[0] && pair[1] - pair[0] <= 2_000),
            "{rates:?}"
        );
        assert_eq!(world.rate, 100_000);
    }

    #[test]
    fn an_owner_who_leaves_enough_is_not_yielded_to() {
        let mut world = World::new(20_000);
        world.traffic.capacity.on_measurement(100_000, 1_000_000);
        (0..50).for_each(|_| world.tick(5_000));
        assert_eq!((world.rate, world.owner), (20_000, 5_000));
        assert!(world.traffic.bears_measurement(20_000) && !world.traffic.bears_measurement(90_000));
    }

    #[test]
    fn a_measurement_below_the_limit_is_the_link_and_one_at_the_limit_a_lower_bound() {
        let mut capacity = Capacity::default();
        capacity.on_measurement(20_000, 20_000);
        assert_eq!(
            capacity,
            Capacity {
                kbps: 20_000,
                exact: false
            }
        );
        capacity.on_peak(60_000);
        capacity.on_measurement(20_000, 20_000);
        assert_eq!(capacity.kbps(), 60_000);
        capacity.on_measurement(40_000, 80_000);
        assert_eq!(
            capacity,
            Capacity {
                kbps: 40_000,
                exact: true
            }
        );
        capacity.on_measurement(0, 80_000);
        assert_eq!(capacity.kbps(), 40_000);
    }

    #[test]
    fn counters_that_begin_anew_are_no_traffic() {
        let mut traffic = Traffic::default();
        traffic.look(0, Counted { total: 1 << 40, own: 0 });
        traffic.look(100, Counted { total: 5_000, own: 0 });
        traffic.look(200, Counted { total: 5_000, own: 0 });
        assert_eq!((traffic.others_kbps(), traffic.capacity.kbps()), (0, 0));
    }

    proptest! {
        /// Whatever is counted, even nonsense.
        #[test]
        fn the_rate_is_never_above_the_limit_and_never_nothing(
            limit in 1u32..2_000_000,
            looks in prop::collection::vec((0u64..500, 0u64..100_000_000, 0u64..100_000_000), 1..80),
        ) {
            let (mut traffic, mut share, mut now, mut counted) = (Traffic::default(), Share::new(limit), 0, Counted::default());
            for (millis, total, own) in looks {
                now += millis;
                counted = Counted { total: counted.total + total, own: counted.own + own };
                traffic.look(now, counted);
                let rate = share.decide(now, &traffic);
                prop_assert!(rate <= limit && rate > 0);
            }
        }

        /// From the moment at which the owner wants all of it, whatever the limit and whatever went before.
        #[test]
        fn it_yields_within_a_second(limit in 10_000u32..=100_000, before in prop::collection::vec(0u64..100_000, 0..60)) {
            let mut world = World::new(limit);
            // What the link can do has been seen at some time.
            world.traffic.capacity.on_peak(LINK);
            before.into_iter().for_each(|wants| world.tick(wants));
            (0..10).for_each(|_| world.tick(LINK));
            prop_assert!(world.rate <= LINK / 20, "{} left to the node, {} to its owner", world.rate, world.owner);
        }
    }
}
