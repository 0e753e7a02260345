//! Whether this process ran when it had to. A machine with too much to do leaves the link idle between its turns and
//! reads the link's rate too low; such a reading says something about the machine, not about the link.

use crate::wire::Micros;

/// Between two looks at the clock, so much is normal: timers are a millisecond coarse, and the queue in front of the link
/// bridges a few.
const TOLERATED_GAP_US: Micros = 4_000;
/// Lateness beyond this part of the time spoils a measurement.
const SPOILING_PART: Micros = 8;

/// Adds up by how much a process was late while traffic ran.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Punctuality {
    began: Option<Micros>,
    last: Option<Micros>,
    late: Micros,
}

impl Punctuality {
    /// Must be called at every chance: what lies between two calls is the lateness.
    pub(super) fn look(&mut self, now: Micros) {
        self.began.get_or_insert(now);
        let gap = now.saturating_sub(self.last.unwrap_or(now));
        self.late += gap.saturating_sub(TOLERATED_GAP_US);
        self.last = Some(now);
    }

    /// Forgets what was; the time since the last look still counts.
    pub(super) fn restart(&mut self) {
        *self = Self {
            began: self.last,
            last: self.last,
            late: 0,
        };
    }

    /// The lateness so far, and the time in which it came together.
    pub(super) fn lateness(&self) -> (Micros, Micros) {
        let time = self.last.unwrap_or(0).saturating_sub(self.began.unwrap_or(0));
        (self.late, time)
    }

    /// Whether what was measured meanwhile is spoilt.
    pub(super) fn is_bad(&self) -> bool {
        let (late, time) = self.lateness();
        is_spoilt(late, time)
    }
}

/// Whether `late` of `time` is too much.
pub(super) fn is_spoilt(late: Micros, time: Micros) -> bool {
    late > time / SPOILING_PART
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(gaps: &[Micros]) -> Punctuality {
        let mut punctuality = Punctuality::default();
        let mut now = 1_000_000;
        punctuality.look(now);
        for gap in gaps {
            now += gap;
            punctuality.look(now);
        }
        punctuality
    }

    #[test]
    fn coarse_timers_and_single_pauses_are_tolerated() {
        assert_eq!(looks(&[1_000; 200]).lateness(), (0, 200_000));
        assert_eq!(looks(&[4_000; 50]).lateness(), (0, 200_000));
        let mut gaps = [1_000; 200];
        gaps[70] = 25_000;
        assert!(!looks(&gaps).is_bad());
    }

    #[test]
    fn a_process_that_is_mostly_not_scheduled_is_found_out() {
        assert!(looks(&[20_000; 10]).is_bad());
        let mut gaps = [1_000; 200];
        gaps[70] = 60_000;
        assert!(looks(&gaps).is_bad());
    }

    #[test]
    fn what_lies_before_a_new_start_is_forgotten_but_the_gap_across_it_is_not() {
        let mut punctuality = looks(&[100_000]);
        punctuality.restart();
        assert_eq!(punctuality.lateness(), (0, 0));
        punctuality.look(1_100_000 + 50_000);
        assert_eq!(punctuality.lateness(), (46_000, 50_000));
    }
}
