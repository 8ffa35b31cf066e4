//! What the last look at a stretch of days showed, so that the next one can do with less.
//!
//! What people do with lessons to come shows in the list of the planned ones: a new or changed lesson stands in it, one
//! that was cancelled, held, moved away or deleted is missing from it. As long as none is missing, the lists of the
//! cancelled and the held ones and the recurring rules need not be read, which is a quarter of the calls.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::civil::Date;

/// After how long everything is looked at all the same: a held lesson may have been edited, and a rule changed.
const WHOLE_EVERY: Duration = Duration::from_mins(1);

/// The last look.
#[derive(Debug, Default)]
pub(crate) struct Watched(Mutex<Option<Last>>);

/// What it showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Last {
    /// The first and the last day.
    pub(crate) days: (Date, Date),
    /// The planned lessons.
    pub(crate) planned: BTreeSet<u64>,
    /// When everything was looked at, on the steady clock.
    pub(crate) whole_at: Duration,
}

impl Watched {
    /// When everything was looked at, if that is enough: no lesson that was planned is missing from what is planned now.
    pub(crate) fn is_enough(
        &self,
        days: (Date, Date),
        planned: &BTreeSet<u64>,
        now: Duration,
    ) -> Option<Duration> {
        let last = self.lock();
        let last = last.as_ref().filter(|last| last.days == days)?;
        let recent = now.saturating_sub(last.whole_at) < WHOLE_EVERY;
        (recent && last.planned.is_subset(planned)).then_some(last.whole_at)
    }

    /// Notes a look; none where it proved nothing.
    pub(crate) fn note(&self, last: Option<Last>) {
        *self.lock() = last;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Last>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    const DAYS: (Date, Date) = (date(2031, 5, 5), date(2031, 5, 8));

    #[test]
    fn the_planned_lessons_are_enough_while_none_is_missing_and_everything_was_seen_lately() {
        let seconds = Duration::from_secs;
        let watched = Watched::default();
        let ids = |ids: &[u64]| ids.iter().copied().collect::<BTreeSet<u64>>();
        let enough =
            |days, planned: &[u64], at| watched.is_enough(days, &ids(planned), seconds(at));
        assert_eq!(enough(DAYS, &[1, 2], 10), None, "nothing was seen yet");
        watched.note(Some(Last {
            days: DAYS,
            planned: ids(&[1, 2]),
            whole_at: seconds(10),
        }));
        let other_days = (DAYS.0, date(2031, 5, 9));
        for (days, planned, at, expected) in [
            (DAYS, &[1, 2][..], 11, true),
            // A new one stands in the list itself.
            (DAYS, &[1, 2, 3], 11, true),
            (DAYS, &[1], 11, false),
            (DAYS, &[1, 3], 11, false),
            (other_days, &[1, 2], 11, false),
            (DAYS, &[1, 2], 69, true),
            (DAYS, &[1, 2], 70, false),
        ] {
            let found = enough(days, planned, at);
            assert_eq!(
                found,
                expected.then_some(seconds(10)),
                "{days:?} {planned:?} {at}"
            );
        }
        watched.note(None);
        assert_eq!(
            enough(DAYS, &[1, 2], 11),
            None,
            "a look that proved nothing"
        );
    }
}
