//! In which round a shard is: who has to show what, who may still join, and when it is decided.
//!
//! A shard is worked on by `replicas` nodes, and by more, up to a maximum, while those that there are do not agree. Each
//! shows the words of its sketch in their order (see [`result`](crate::result)), and nothing is shown before every node
//! of the shard has committed. A node that joins after words were shown could have copied them, so from then on the shard
//! is decided by the word after those: everybody shows that one as well. Hence, with nothing stored but what each node
//! shows:
//!
//! - the words that are *due* are as many as anybody has shown, and at least one more than had been shown when the last
//!   node joined;
//! - a shard is *complete* when all its nodes have shown all words due; they agree, or do not, by the last of them;
//! - a shard that is complete without agreement takes one more node, if there are words left and the maximum is not
//!   reached;
//! - a node that lets the others wait can be expired, and another takes its place.
//!
//! Each of these holds at once and for whoever looks, so that the program, the nodes and clients never disagree.

use crate::{
    agreement::{MAX_REPLICAS, Revealed, Tolerance, majority},
    result::WORDS,
    units::Seconds,
};

/// How far the node of one replica is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seat {
    /// The replica, below [`MAX_REPLICAS`].
    pub replica: u8,
    /// Whether it has committed to a result.
    pub is_committed: bool,
    /// Words that others had shown when it joined; it is judged by a later one.
    pub joined: u8,
    /// Words that it has shown.
    pub shown: u8,
    /// When its commitment is late.
    pub commit_deadline: Seconds,
    /// When it committed.
    pub committed_at: Seconds,
    /// When it showed its last word.
    pub shown_at: Seconds,
    /// The last word that it has shown, and the number of its records.
    pub revealed: Revealed,
}

/// The rules that a job sets for its shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Nodes that each shard needs.
    pub replicas: u8,
    /// Nodes that a shard may have while its results do not agree.
    pub max_replicas: u8,
    /// How far results may lie apart and still agree.
    pub tolerance: Tolerance,
    /// How long words may be awaited after the last commitment.
    pub reveal_seconds: Seconds,
}

/// What follows from how far the nodes of a shard are together.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    slots: u8,
    seated: u8,
    all_committed: bool,
    words_due: u8,
}

impl Standing {
    /// A shard that needs so many nodes and has none.
    pub fn new(replicas: u8) -> Self {
        Self {
            slots: replicas,
            seated: 0,
            all_committed: true,
            words_due: 1,
        }
    }

    /// Takes in one more node.
    #[inline(always)]
    pub fn add(&mut self, seat: &Seat) {
        self.slots = self.slots.max(seat.replica.saturating_add(1));
        self.seated = self.seated.saturating_add(1);
        self.all_committed &= seat.is_committed;
        self.words_due = self.words_due.max(seat.joined.saturating_add(1)).max(seat.shown);
    }

    /// Replicas that the shard has now, taken or not: those that it needs, and the further ones that were opened.
    pub fn slots(&self) -> u8 {
        self.slots
    }

    /// Whether no replica is free.
    pub fn is_full(&self) -> bool {
        self.seated == self.slots
    }

    /// Whether every node has committed.
    pub fn all_committed(&self) -> bool {
        self.all_committed
    }

    /// Words that every node has to show.
    pub fn words_due(&self) -> u8 {
        self.words_due
    }

    /// Whether words may be shown: nobody can copy them any more and be judged by them. `is_closed`: the job takes no more
    /// claims, so that a free replica stays free.
    pub fn may_show(&self, is_closed: bool) -> bool {
        self.all_committed() && (is_closed || self.is_full())
    }
}

/// The nodes that work on a shard now.
#[derive(Clone, Copy, Debug)]
pub struct Shard {
    rules: Rules,
    standing: Standing,
    /// By replica, as many as are seated.
    seats: [Seat; MAX_REPLICAS],
}

impl Shard {
    /// A shard with these nodes.
    pub fn new(rules: Rules, seats: impl IntoIterator<Item = Seat>) -> Self {
        let mut shard = Self {
            rules,
            standing: Standing::new(rules.replicas),
            seats: [Seat::default(); MAX_REPLICAS],
        };
        for seat in seats {
            shard.put(seat);
        }
        shard
    }

    /// Puts a node onto its seat. One whose replica cannot be, or is taken already, is not looked at.
    pub fn put(&mut self, seat: Seat) {
        let is_known = usize::from(seat.replica) < MAX_REPLICAS;
        if !is_known || self.seats().any(|other| other.replica == seat.replica) {
            return;
        }
        let place = self.seats().take_while(|other| other.replica < seat.replica).count();
        if let Some(places) = self.seats.get_mut(place..=usize::from(self.standing.seated)) {
            places.rotate_right(1);
        }
        if let Some(place) = self.seats.get_mut(place) {
            *place = seat;
        }
        self.standing.add(&seat);
    }

    /// The nodes, lowest replica first.
    pub fn seats(&self) -> impl Iterator<Item = &Seat> + Clone {
        self.seats.iter().take(usize::from(self.standing.seated))
    }

    /// What follows from how far they are together.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Whether every replica is taken and every node has shown all words due.
    pub fn is_complete(&self) -> bool {
        let due = self.standing.words_due;
        self.standing.may_show(false) && self.seats().all(|seat| seat.shown >= due)
    }

    /// The replicas whose last word due agrees, if they are more than half of all replicas; a bitmap, zero when there are
    /// none.
    pub fn winners(&self) -> u8 {
        let due = self.standing.words_due;
        let shown = self.seats().filter(|seat| seat.shown >= due);
        let results = shown.clone().map(|seat| &seat.revealed);
        let group = majority(results, usize::from(self.standing.slots), self.rules.tolerance).unwrap_or(0);
        shown
            .enumerate()
            .filter(|(index, _)| group >> index & 1 == 1)
            .fold(0, |winners, (_, seat)| winners | 1 << seat.replica)
    }

    /// The next further replica, if the shard may have one more: it is complete, its results do not agree, and there is a
    /// word left that nobody has shown.
    pub fn next_extra(&self) -> Option<u8> {
        let Standing { slots, words_due, .. } = self.standing;
        let is_room = slots < self.rules.max_replicas && usize::from(words_due) < WORDS;
        (is_room && self.is_complete() && self.winners() == 0).then_some(slots)
    }

    /// Words that a node which takes a replica now could have copied: it is judged by a later one, so it cannot join where
    /// these are all [`WORDS`]. `former` is the last node on the same replica: words joined at and shown.
    ///
    /// What a former node has shown is known to the one that takes its place. Words that were shown before by nodes which
    /// are gone from *other* replicas come back when those are taken, before anything more is shown.
    pub fn copyable(&self, former: (u8, u8)) -> u8 {
        self.seats()
            .map(|seat| seat.shown)
            .fold(former.0.max(former.1), u8::max)
    }

    /// When the last word was shown.
    pub fn shown_at(&self) -> Seconds {
        self.seats().map(|seat| seat.shown_at).max().unwrap_or_default()
    }

    /// From when on a node can be expired: its commitment is late, or all have committed and it lets the others wait for a
    /// word. `None` while it is on time for good.
    pub fn expirable_after(&self, seat: &Seat) -> Option<Seconds> {
        if !seat.is_committed {
            return Some(seat.commit_deadline);
        }
        let owes = seat.shown < self.standing.words_due && self.standing.may_show(false);
        let last = self.seats().map(|seat| seat.committed_at).max()?;
        owes.then(|| Seconds(last.0.saturating_add(self.rules.reveal_seconds.0)))
    }

    /// The winners, once the shard is decided; `None` while it is not. `is_closed`: the job takes no more claims;
    /// `is_final`: nobody can be at work any more.
    pub fn decision(&self, is_closed: bool, is_final: bool) -> Option<u8> {
        let winners = self.winners();
        if self.is_complete() {
            let may_go_on = !is_closed && self.next_extra().is_some();
            (winners != 0 || !may_go_on).then_some(winners)
        } else {
            is_final.then_some(winners)
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::{sketch::Sketch, units::Bps};

    const RULES: Rules = Rules {
        replicas: 2,
        max_replicas: 4,
        tolerance: Tolerance {
            bits: 3,
            count: Bps(500),
        },
        reveal_seconds: Seconds(100),
    };

    fn claimed(replica: u8, joined: u8) -> Seat {
        Seat {
            replica,
            joined,
            commit_deadline: Seconds(50),
            ..Seat::default()
        }
    }

    fn committed(replica: u8, joined: u8) -> Seat {
        Seat {
            is_committed: true,
            committed_at: Seconds(10 + i64::from(replica)),
            ..claimed(replica, joined)
        }
    }

    fn shown(replica: u8, joined: u8, shown: u8, word: u64) -> Seat {
        Seat {
            shown,
            shown_at: Seconds(20),
            revealed: Revealed {
                sketch: Sketch([word, 0, 0, 0]),
                records: 10,
            },
            ..committed(replica, joined)
        }
    }

    fn shard(seats: &[Seat]) -> Shard {
        Shard::new(RULES, seats.iter().copied())
    }

    #[test]
    fn nothing_is_shown_before_all_have_committed() {
        assert!(
            !shard(&[committed(0, 0)]).standing().may_show(false),
            "a replica is free"
        );
        assert!(
            shard(&[committed(0, 0)]).standing().may_show(true),
            "nobody can come any more"
        );
        assert!(!shard(&[committed(0, 0), claimed(1, 0)]).standing().may_show(true));
        assert!(shard(&[committed(0, 0), committed(1, 0)]).standing().may_show(false));
    }

    #[test]
    fn those_who_agree_win() {
        let agreed = shard(&[shown(0, 0, 1, 0), shown(1, 0, 1, 1)]);
        assert_eq!(agreed.decision(false, false), Some(0b11));
        let waiting = shard(&[shown(0, 0, 1, 0), committed(1, 0)]);
        assert_eq!(waiting.decision(false, false), None);
        assert_eq!(waiting.decision(true, true), Some(0), "half is not more than half");
    }

    #[test]
    fn disagreement_opens_one_more_replica_and_another_word() {
        let torn = shard(&[shown(0, 0, 1, 0), shown(1, 0, 1, u64::MAX)]);
        assert_eq!(torn.next_extra(), Some(2));
        assert_eq!(torn.decision(false, false), None);
        assert_eq!(torn.decision(true, false), Some(0), "nobody may come any more");
        assert_eq!(torn.copyable((0, 0)), 1);

        let joined = shard(&[shown(0, 0, 1, 0), shown(1, 0, 1, u64::MAX), committed(2, 1)]);
        assert_eq!((joined.standing().words_due(), joined.standing().slots()), (2, 3));
        assert!(joined.standing().may_show(false));
        assert_eq!(joined.next_extra(), None);
        assert_eq!(joined.expirable_after(&committed(2, 1)), Some(Seconds(112)));
        assert_eq!(joined.expirable_after(&shown(0, 0, 1, 0)), Some(Seconds(112)));

        // The copier repeats word 0 of its victim and cannot know word 1.
        let decided = shard(&[shown(0, 0, 2, 5), shown(1, 0, 2, u64::MAX), shown(2, 1, 2, 4)]);
        assert_eq!(decided.decision(false, false), Some(0b101));
    }

    #[test]
    fn a_place_that_is_taken_again_is_judged_by_a_new_word() {
        // One has shown its first word, the other was expired.
        let left = shard(&[shown(0, 0, 1, 0)]);
        assert_eq!(left.copyable((0, 0)), 1);
        let again = shard(&[shown(0, 0, 1, 0), committed(1, 1)]);
        assert_eq!(again.standing().words_due(), 2);
        // Both are gone, after words 0 and 1 were shown.
        assert_eq!(shard(&[]).copyable((0, 2)), 2);
        assert_eq!(shard(&[claimed(0, 2)]).copyable((1, 0)), 1);
        assert_eq!(shard(&[committed(0, 2), committed(1, 1)]).standing().words_due(), 3);
    }

    #[test]
    fn rounds_end_when_the_words_do() {
        let torn = shard(&[shown(0, 3, 4, 0), shown(1, 0, 4, u64::MAX)]);
        assert_eq!(torn.next_extra(), None);
        assert_eq!(torn.decision(false, false), Some(0));
        assert_eq!(usize::from(torn.copyable((0, 0))), WORDS);
    }

    #[test]
    fn who_waits_for_others_is_not_late() {
        let half = shard(&[committed(0, 0)]);
        assert_eq!(half.expirable_after(&committed(0, 0)), None);
        let other_is_late = shard(&[committed(0, 0), claimed(1, 0)]);
        assert_eq!(other_is_late.expirable_after(&committed(0, 0)), None);
        assert_eq!(other_is_late.expirable_after(&claimed(1, 0)), Some(Seconds(50)));
        let done = shard(&[shown(0, 0, 1, 0), committed(1, 0)]);
        assert_eq!(done.expirable_after(&shown(0, 0, 1, 0)), None);
    }

    prop_compose! {
        fn any_seat()(
            replica in 0u8..8, is_committed: bool, joined in 0u8..4, shown in 0u8..5, word in 0u64..4, times: [u8; 3],
        ) -> Seat {
            Seat {
                replica,
                is_committed,
                joined,
                shown: if is_committed { shown } else { 0 },
                commit_deadline: Seconds(times[0].into()),
                committed_at: Seconds(times[1].into()),
                shown_at: Seconds(times[2].into()),
                revealed: Revealed { sketch: Sketch([if word == 3 { u64::MAX } else { word }, 0, 0, 0]), records: 10 },
            }
        }
    }

    proptest! {
        /// Whatever the nodes did: winners are seated, more than half, and have shown what was due; a decision that was
        /// taken is not taken otherwise later, and in the end there is one.
        #[test]
        fn decisions_are_sound(
            seats in prop::collection::vec(any_seat(), 0..9), replicas in 1u8..8, more in 0u8..4,
        ) {
            let rules = Rules { replicas, max_replicas: replicas.saturating_add(more).min(7), ..RULES };
            let shard = Shard::new(rules, seats);
            let winners = shard.winners();
            prop_assert!(winners == 0 || winners.count_ones() * 2 > u32::from(shard.standing().slots()));
            for replica in (0..8u8).filter(|replica| winners >> replica & 1 == 1) {
                let seat = shard.seats().find(|seat| seat.replica == replica).copied();
                prop_assert!(seat.is_some_and(|seat| seat.shown >= shard.standing().words_due()));
            }
            if let Some(decided) = shard.decision(false, false) {
                prop_assert_eq!(shard.decision(true, false), Some(decided));
                prop_assert_eq!(shard.decision(true, true), Some(decided));
                prop_assert_eq!(shard.next_extra(), None);
            }
            prop_assert!(shard.decision(true, true).is_some());
            // Whoever can be expired for a word owes it, and nobody who is done can be.
            for seat in shard.seats().filter(|seat| seat.is_committed) {
                if shard.expirable_after(seat).is_some() {
                    prop_assert!(seat.shown < shard.standing().words_due() && shard.standing().may_show(false));
                }
            }
        }

        /// No order of joining, showing and leaving lets a node be judged by a word that was shown before it joined.
        #[test]
        fn nobody_is_judged_by_a_word_it_could_have_copied(steps in prop::collection::vec((0u8..3, 0u8..5), 1..200)) {
            let rules = Rules { replicas: 2, max_replicas: 3, ..RULES };
            let mut seats: Vec<Seat> = Vec::new();
            let mut former = [(0u8, 0u8); 3];
            // How many words of the shard are public, and how many were when each node joined.
            let (mut public, mut known) = (0u8, [0u8; 3]);
            for (replica, action) in steps {
                let place = usize::from(replica);
                let shard = Shard::new(rules, seats.iter().copied());
                let index = seats.iter().position(|seat| seat.replica == replica);
                match (action, index) {
                    (0 | 1, None) => {
                        let is_open = replica < shard.standing().slots() || shard.next_extra() == Some(replica);
                        let joined = shard.copyable(former[place]);
                        if is_open && usize::from(joined) < WORDS {
                            seats.push(claimed(replica, joined));
                            known[place] = public;
                        }
                    }
                    (1, Some(index)) => seats[index].is_committed = true,
                    (2 | 3, Some(index)) if shard.standing().may_show(false) && seats[index].shown < shard.standing().words_due() => {
                        seats[index].shown += 1;
                        // Nodes never agree here, so that every way goes on.
                        seats[index].revealed = Revealed { sketch: Sketch([u64::MAX << (replica * 20), 0, 0, 0]), records: 10 };
                        public = public.max(seats[index].shown);
                    }
                    (4, Some(index)) => {
                        let seat = seats[index];
                        if shard.expirable_after(&seat).is_some() {
                            former[place] = (seat.joined, seat.shown);
                            seats.remove(index);
                        }
                    }
                    _ => {}
                }
                let shard = Shard::new(rules, seats.iter().copied());
                if shard.is_complete() {
                    for seat in &seats {
                        prop_assert!(shard.standing().words_due() > known[usize::from(seat.replica)], "{:?} {:?}", shard, known);
                    }
                }
            }
        }
    }
}
