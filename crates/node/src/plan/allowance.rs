//! When a node may take work and be measured: the hours, the monthly volume and the kind of link that its owner allows.
//! Pure: the time, the offset from UTC and what was used come in.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Datelike, Days, Months, NaiveDate};
use serde::{Deserialize, Serialize};

const MINUTES_A_DAY: u32 = 24 * 60;
const MINUTES_A_WEEK: u32 = 7 * MINUTES_A_DAY;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// Bytes of a gigabyte as data plans count it.
pub const GIGABYTE: u64 = 1_000_000_000;

/// Hours of a week, as `mon-fri 22:00-07:00` or `sat,sun 00:00-24:00`. An end before the beginning is on the next day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hours {
    /// Days on which they begin, Monday first.
    days: [bool; 7],
    /// Minutes after midnight.
    from: u32,
    /// Minutes after midnight of the day on which they began.
    to: u32,
}

impl Hours {
    /// Minutes of the week at which they begin, and how long they last.
    fn spans(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let length = self.to.saturating_sub(self.from);
        (0u32..)
            .zip(self.days)
            .filter_map(move |(day, on)| on.then_some((day * MINUTES_A_DAY + self.from, length)))
    }

    fn holds(&self, minute: u32) -> bool {
        self.spans()
            .any(|(start, length)| (minute + MINUTES_A_WEEK - start) % MINUTES_A_WEEK < length)
    }
}

impl FromStr for Hours {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fail = || format!("`{text}` are no hours: write them as `mon-fri 22:00-07:00` or `sat,sun 00:00-24:00`");
        let (days, times) = text.trim().split_once(' ').ok_or_else(fail)?;
        let (from, to) = times.trim().split_once('-').ok_or_else(fail)?;
        let (from, to) = (clock(from).ok_or_else(fail)?, clock(to).ok_or_else(fail)?);
        if from >= MINUTES_A_DAY {
            return Err(fail());
        }
        let mut on = [false; 7];
        for part in days.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (weekday(first).ok_or_else(fail)?, weekday(last).ok_or_else(fail)?);
            // `fri-mon` goes over the weekend.
            let count = (last + 7 - first) % 7;
            (0..=count).for_each(|day| on[(first + day) % 7] = true);
        }
        let to = if to <= from { to + MINUTES_A_DAY } else { to };
        Ok(Self { days: on, from, to })
    }
}

impl TryFrom<String> for Hours {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Hours> for String {
    fn from(hours: Hours) -> Self {
        hours.to_string()
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days: Vec<&str> = DAYS
            .iter()
            .zip(self.days)
            .filter_map(|(name, on)| on.then_some(*name))
            .collect();
        let time = |minutes: u32| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        let to = if self.to > MINUTES_A_DAY {
            self.to - MINUTES_A_DAY
        } else {
            self.to
        };
        write!(f, "{} {}-{}", days.join(","), time(self.from), time(to))
    }
}

fn weekday(name: &str) -> Option<usize> {
    let name = name.trim().to_ascii_lowercase();
    DAYS.iter().position(|day| *day == name)
}

/// Minutes after midnight; 24:00 is the next one.
fn clock(text: &str) -> Option<u32> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let total = hours.checked_mul(60)?.checked_add(minutes)?;
    (minutes < 60 && total <= MINUTES_A_DAY).then_some(total)
}

/// A fixed offset from UTC, as `+02:00`; otherwise the machine's own time zone holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UtcOffset {
    /// Seconds east of Greenwich.
    pub seconds: i32,
}

impl TryFrom<String> for UtcOffset {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let fail = || format!("`{text}` is no offset from UTC: write it as `+02:00`, or leave it out for local time");
        let (sign, rest) = match text.trim().split_at_checked(1) {
            Some(("+", rest)) => (1, rest),
            Some(("-", rest)) => (-1, rest),
            _ => return Err(fail()),
        };
        let minutes = clock(rest).filter(|minutes| *minutes <= 14 * 60).ok_or_else(fail)?;
        let minutes = i32::try_from(minutes).map_err(|_| fail())?;
        Ok(Self {
            seconds: sign * minutes * 60,
        })
    }
}

impl From<UtcOffset> for String {
    fn from(offset: UtcOffset) -> Self {
        let minutes = offset.seconds.abs() / 60;
        let sign = if offset.seconds < 0 { '-' } else { '+' };
        format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

/// What tells that a link is paid for by volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metering {
    /// The owner said so.
    Configured,
    /// It is a mobile modem or a dialled connection.
    Modem,
    /// It is the hotspot of a phone at the end of a cable or of Bluetooth.
    Phone,
    /// NetworkManager says so.
    NetworkManager,
}

/// Why a node neither takes work nor is measured at the moment. What it holds it finishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Stop {
    /// Its owner lets it work at other hours.
    OutsideHours {
        /// Unix time at which they begin.
        opens_at: i64,
    },
    /// The month's volume is used up.
    VolumeUsedUp {
        /// Bytes moved this month.
        used: u64,
        /// Bytes allowed.
        allowed: u64,
        /// Unix time at which the next month begins.
        turns_at: i64,
    },
    /// The link is paid for by volume.
    MeteredLink {
        /// What tells.
        by: Metering,
    },
}

impl Stop {
    /// Its name in events and reports.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OutsideHours { .. } => "outside_hours",
            Self::VolumeUsedUp { .. } => "volume_used_up",
            Self::MeteredLink { .. } => "metered_link",
        }
    }

    /// What it means and what to do about it.
    pub fn sentence(&self) -> String {
        match self {
            Self::OutsideHours { opens_at } => format!(
                "It is outside the hours in which this node works (`limits.hours`); they begin at {}.",
                utc(*opens_at)
            ),
            Self::VolumeUsedUp {
                used,
                allowed,
                turns_at,
            } => format!(
                "{} GB of this month's {} GB are used up. The node goes on at {}, or as soon as `limits.monthly_gb` is raised.",
                gigabytes(*used),
                gigabytes(*allowed),
                utc(*turns_at)
            ),
            Self::MeteredLink { by } => {
                let why = match by {
                    Metering::Configured => "the configuration says that it is metered (`limits.metered`)",
                    Metering::Modem => "it is a mobile modem or a dialled connection",
                    Metering::Phone => "it is the hotspot of a phone",
                    Metering::NetworkManager => "NetworkManager has it as metered",
                };
                format!(
                    "The link may cost by the gigabyte: {why}. The node waits for another link; if this one is free, write `metered = false` under `[limits]`."
                )
            }
        }
    }
}

/// A Unix time as people read it.
fn utc(at: i64) -> String {
    DateTime::from_timestamp(at, 0).map_or_else(|| at.to_string(), |at| at.format("%Y-%m-%d %H:%M UTC").to_string())
}

/// Bytes as gigabytes with one decimal.
pub fn gigabytes(bytes: u64) -> String {
    format!("{}.{}", bytes / GIGABYTE, bytes % GIGABYTE / (GIGABYTE / 10))
}

/// A month of the owner's data plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Month {
    /// Its first day, as days since 1970: names the month for good.
    pub first_day: i64,
    /// Unix time at which it is over.
    pub ends_at: i64,
}

/// The month at Unix time `now`, where months begin on `first_day` (1 to 28) at midnight `offset` seconds east of Greenwich.
pub fn month(now: i64, offset: i32, first_day: u8) -> Month {
    let local = now.saturating_add(offset.into());
    let today = DateTime::from_timestamp(local, 0).map_or(NaiveDate::default(), |at| at.date_naive());
    let day = u32::from(first_day.clamp(1, 28));
    let back = if today.day() < day {
        Months::new(1)
    } else {
        Months::new(0)
    };
    // Every month has a 28th, so none of these leaves the calendar but at its end.
    let first = today
        .with_day(day)
        .and_then(|date| date.checked_sub_months(back))
        .unwrap_or(today);
    let next = first
        .checked_add_months(Months::new(1))
        .or_else(|| first.checked_add_days(Days::new(28)))
        .unwrap_or(first);
    let days = |date: NaiveDate| date.signed_duration_since(NaiveDate::default()).num_days();
    Month {
        first_day: days(first),
        ends_at: days(next).saturating_mul(86_400).saturating_sub(offset.into()),
    }
}

/// When the next of these hours begin, if `now` is in none of them. No hours at all: always.
pub fn opens_at(hours: &[Hours], now: i64, offset: i32) -> Option<i64> {
    let local = now.saturating_add(offset.into());
    // 1970 began on a Thursday, three days into its week.
    let second = local
        .saturating_add(3 * 86_400)
        .rem_euclid(i64::from(MINUTES_A_WEEK) * 60);
    let minute = u32::try_from(second / 60).unwrap_or(0);
    if hours.is_empty() || hours.iter().any(|hours| hours.holds(minute)) {
        return None;
    }
    let wait = hours
        .iter()
        .flat_map(Hours::spans)
        .map(|(start, _)| (start + MINUTES_A_WEEK - minute) % MINUTES_A_WEEK)
        .min()?;
    Some(now.saturating_sub(second % 60).saturating_add(i64::from(wait) * 60))
}

/// A share of the month's volume at which the owner is told, percent.
pub const WARNINGS: [u64; 2] = [85, 100];

/// The highest warning that is due between having used `before` and having used `after`.
pub fn warning(before: u64, after: u64, allowed: u64) -> Option<u64> {
    let reached = |used: u64, percent: u64| u128::from(used) * 100 >= u128::from(allowed) * u128::from(percent);
    WARNINGS
        .into_iter()
        .rev()
        .find(|percent| !reached(before, *percent) && reached(after, *percent))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Monday, 2 November 2026, 00:00 UTC.
    const MONDAY: i64 = 1_793_577_600;
    const HOUR: i64 = 3_600;

    fn hours(texts: &[&str]) -> Vec<Hours> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn hours_over_midnight_end_on_the_next_day() {
        let night = hours(&["mon-fri 22:00-07:00"]);
        let opens = |after_monday: i64| opens_at(&night, MONDAY + after_monday, 0);
        assert_eq!(opens(22 * HOUR), None);
        assert_eq!(opens(24 * HOUR + 7 * HOUR - 1), None);
        assert_eq!(opens(24 * HOUR + 7 * HOUR), Some(MONDAY + 46 * HOUR));
        // Friday's night ends on Saturday; Sunday's would be Monday's morning, and is not among them.
        assert_eq!(opens(5 * 24 * HOUR + 6 * HOUR), None);
        assert_eq!(opens(6 * HOUR), Some(MONDAY + 22 * HOUR));
        assert_eq!(
            opens(5 * 24 * HOUR + 8 * HOUR),
            Some(MONDAY + 7 * 24 * HOUR + 22 * HOUR)
        );
    }

    #[test]
    fn an_offset_moves_the_hours() {
        let day = hours(&["mon 08:00-09:00"]);
        assert_eq!(opens_at(&day, MONDAY + 6 * HOUR, 2 * 3_600), None);
        assert_eq!(
            opens_at(&day, MONDAY + 8 * HOUR, 2 * 3_600),
            Some(MONDAY + 7 * 24 * HOUR + 6 * HOUR)
        );
        assert_eq!(opens_at(&[], MONDAY, 0), None);
    }

    #[test]
    fn texts_that_are_no_hours_are_refused() {
        for text in [
            "",
            "mon",
            "mon 8-9",
            "mon 25:00-26:00",
            "moon 08:00-09:00",
            "mon 24:00-25:00",
            "mon 08:60-09:00",
        ] {
            let error = text.parse::<Hours>().unwrap_err();
            assert!(error.contains("mon-fri 22:00-07:00"), "{error}");
        }
        for text in ["2", "+2", "02:00", "+15:00", "+02:61"] {
            assert!(UtcOffset::try_from(text.to_owned()).is_err(), "{text}");
        }
        let offset = UtcOffset::try_from("-03:30".to_owned()).unwrap();
        assert_eq!((offset.seconds, String::from(offset)), (-12_600, "-03:30".to_owned()));
    }

    #[test]
    fn a_month_turns_on_its_day_at_local_midnight() {
        let date = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().timestamp();
        let of = |text: &str, offset, day| month(date(text), offset, day);
        assert_eq!(of("2026-11-02T00:00:00Z", 0, 1).ends_at, date("2026-12-01T00:00:00Z"));
        assert_eq!(of("2026-11-14T23:59:59Z", 0, 15).ends_at, date("2026-11-15T00:00:00Z"));
        assert_eq!(of("2026-11-15T00:00:00Z", 0, 15).ends_at, date("2026-12-15T00:00:00Z"));
        assert_eq!(of("2026-02-28T12:00:00Z", 0, 28).ends_at, date("2026-03-28T00:00:00Z"));
        // In Berlin it is December already.
        assert_eq!(
            of("2026-11-30T23:30:00Z", 3_600, 1).ends_at,
            date("2026-12-31T23:00:00Z")
        );
        assert_ne!(
            of("2026-11-30T22:30:00Z", 3_600, 1).first_day,
            of("2026-11-30T23:30:00Z", 3_600, 1).first_day
        );
    }

    #[test]
    fn each_warning_comes_once() {
        let of = |before, after| warning(before, after, 1_000);
        assert_eq!([of(0, 849), of(0, 850), of(850, 999)], [None, Some(85), None]);
        assert_eq!(
            [of(999, 1_000), of(0, 5_000), of(1_000, 5_000)],
            [Some(100), Some(100), None]
        );
    }

    #[test]
    fn every_reason_says_what_to_do() {
        let volume = Stop::VolumeUsedUp {
            used: 100_040_000_000,
            allowed: 100 * GIGABYTE,
            turns_at: MONDAY,
        };
        assert!(volume.sentence().starts_with("100.0 GB of this month's 100.0 GB"));
        assert!(volume.sentence().contains("2026-11-02 00:00 UTC"));
        let metered = Stop::MeteredLink { by: Metering::Phone };
        assert!(metered.sentence().contains("metered = false"));
    }

    proptest! {
        #[test]
        fn hours_are_written_as_they_are_read(days in prop::array::uniform7(any::<bool>()), from in 0u32..1_440, length in 1u32..=1_440) {
            prop_assume!(days.iter().any(|on| *on));
            let hours = Hours { days, from, to: from + length };
            prop_assert_eq!(hours.to_string().parse::<Hours>().unwrap(), hours);
        }

        /// Outside the hours the answer is the first minute inside them; whatever the offset.
        #[test]
        fn the_hours_begin_when_it_says(
            days in prop::array::uniform7(any::<bool>()),
            from in 0u32..1_440,
            length in 1u32..=1_440,
            now in 0i64..4_000_000_000,
            offset in -50_400i32..=50_400,
        ) {
            prop_assume!(days.iter().any(|on| *on));
            let hours = [Hours { days, from, to: from + length }];
            if let Some(at) = opens_at(&hours, now, offset) {
                prop_assert!(at > now && at - now <= 7 * 86_400);
                prop_assert_eq!(opens_at(&hours, at, offset), None);
                prop_assert!(opens_at(&hours, at - 1, offset).is_some());
            }
        }

        #[test]
        fn months_follow_each_other_without_a_gap(now in 0i64..4_000_000_000, offset in -50_400i32..=50_400, day in 1u8..=28) {
            let this = month(now, offset, day);
            prop_assert!(this.ends_at > now && this.ends_at - now <= 31 * 86_400);
            prop_assert_eq!(month(this.ends_at - 1, offset, day), this);
            let next = month(this.ends_at, offset, day);
            prop_assert_eq!(next.first_day * 86_400 - i64::from(offset), this.ends_at);
        }
    }
}
