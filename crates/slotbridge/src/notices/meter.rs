//! How much a target is told: so many notices in any hour, and the rest in one. Pure; time is an argument.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::notice::{Kind, Notice};
use super::words;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Counts what a target was told, and what it was not.
#[derive(Debug)]
pub(crate) struct Meter {
    per_hour: usize,
    /// When the notices of the last hour were told.
    told: VecDeque<Timestamp>,
    /// What was held back since the last sum.
    held: BTreeMap<Kind, u64>,
}

impl Meter {
    /// A target that wants at most so many in an hour; at least one.
    pub(crate) fn new(per_hour: usize) -> Self {
        Self {
            per_hour: per_hour.max(1),
            told: VecDeque::new(),
            held: BTreeMap::new(),
        }
    }

    /// Whether this notice may go out now; else it is counted. While something is held back, everything else is too,
    /// so that the sum comes first.
    pub(crate) fn admit(&mut self, kind: Kind, now: Timestamp) -> bool {
        self.forget(now);
        let admitted = self.held.is_empty() && self.told.len() < self.per_hour;
        if admitted {
            self.told.push_back(now);
        } else {
            self.hold(kind);
        }
        admitted
    }

    /// Counts a notice that cannot go out at all.
    pub(crate) fn hold(&mut self, kind: Kind) {
        *self.held.entry(kind).or_default() += 1;
    }

    /// When the sum of what was held back may go out.
    pub(crate) fn next_wake(&self) -> Option<Timestamp> {
        if self.held.is_empty() {
            return None;
        }
        if self.told.len() < self.per_hour {
            return Some(Timestamp::MIN);
        }
        let first = self.told.front()?;
        Some(first.saturating_add(HOUR).unwrap_or(Timestamp::MAX))
    }

    /// The sum of what was held back, once it may go out.
    pub(crate) fn sum(&mut self, now: Timestamp) -> Option<Notice> {
        self.forget(now);
        if self.held.is_empty() || self.told.len() >= self.per_hour {
            return None;
        }
        self.told.push_back(now);
        self.take(now)
    }

    /// The sum of what was held back, whether it may go out or not: nobody is there later to tell it.
    pub(crate) fn take(&mut self, now: Timestamp) -> Option<Notice> {
        if self.held.is_empty() {
            return None;
        }
        let held = std::mem::take(&mut self.held);
        Some(Notice::of_moment(Kind::More, now, words::more(&held)))
    }

    fn forget(&mut self, now: Timestamp) {
        // A clock that was set back must not keep a target quiet for longer than an hour.
        self.told.retain(|at| now.duration_since(*at).abs() < HOUR);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(n: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + n * 60).unwrap()
    }

    #[test]
    fn what_is_over_the_limit_comes_as_one_notice_when_the_hour_is_over() {
        let mut meter = Meter::new(2);
        assert!(meter.admit(Kind::Guard, minute(0)));
        assert!(meter.admit(Kind::Overlap, minute(10)));
        assert_eq!(meter.next_wake(), None);
        for n in 20..23 {
            assert!(!meter.admit(Kind::Overlap, minute(n)));
        }
        assert!(!meter.admit(Kind::Conflict, minute(30)));
        assert_eq!(meter.next_wake(), Some(minute(60)));
        assert_eq!(meter.sum(minute(59)), None);
        // Before the sum is told nothing overtakes it.
        assert!(!meter.admit(Kind::Guard, minute(60)));
        let sum = meter.sum(minute(60)).unwrap();
        assert_eq!(sum.kind, Kind::More);
        assert_eq!(sum.content.details["count"], "5");
        for part in ["5 more", "3 × overlap", "1 × conflict", "1 × guard"] {
            assert!(sum.content.text.contains(part), "{}", sum.content.text);
        }
        assert_eq!(meter.next_wake(), None);
        // The sum counts too: one was told at 10, the sum at 60.
        assert!(!meter.admit(Kind::Guard, minute(69)));
        assert_eq!(meter.next_wake(), Some(minute(70)));
        assert!(meter.sum(minute(70)).is_some());
        assert!(!meter.admit(Kind::Guard, minute(100)));
        assert!(meter.sum(minute(120)).is_some());
        assert!(!meter.admit(Kind::Guard, minute(129)));
    }

    #[test]
    fn what_was_dropped_is_said_at_once_when_there_is_room() {
        let mut meter = Meter::new(2);
        meter.hold(Kind::Conflict);
        assert_eq!(meter.next_wake(), Some(Timestamp::MIN));
        assert_eq!(meter.sum(minute(0)).unwrap().content.details["count"], "1");
        assert!(meter.admit(Kind::Guard, minute(0)));
    }

    #[test]
    fn a_clock_that_goes_back_does_not_keep_a_target_quiet() {
        let mut meter = Meter::new(1);
        assert!(meter.admit(Kind::Guard, minute(10_000)));
        assert!(meter.admit(Kind::Guard, minute(0)));
    }

    #[test]
    fn at_the_end_the_sum_is_not_kept() {
        let mut meter = Meter::new(1);
        assert!(meter.admit(Kind::Guard, minute(0)));
        assert!(!meter.admit(Kind::Guard, minute(1)));
        assert!(meter.take(minute(1)).is_some());
        assert_eq!(meter.take(minute(1)), None);
    }
}
