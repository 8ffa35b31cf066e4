//! How long a refusal stands.
//!
//! A refused operation is not tried again as long as everything that the answer may have rested on is as it was: that is
//! its fingerprint. What was in the way can also go without our seeing it, and some platforms answer a trouble that
//! passes in the words of a refusal. So a refusal ages: it is tried again after a while, and each time it is refused
//! again it stands twice as long. The number of refusals in a row is kept behind the fingerprint.

use jiff::{SignedDuration, Timestamp};
use slotbridge_store::JournalRow;

/// How long the first refusal stands.
const STANDS_MIN: SignedDuration = SignedDuration::from_mins(15);

/// How long any refusal stands at most.
const STANDS_MAX: SignedDuration = SignedDuration::from_hours(24);

/// What separates the fingerprint from the number of refusals before it.
const MARK: char = '#';

/// The fingerprint and the number of refusals before that one.
fn split(stored: &str) -> (&str, u32) {
    stored
        .rsplit_once(MARK)
        .and_then(|(basis, count)| Some((basis, count.parse().ok()?)))
        .unwrap_or((stored, 0))
}

/// Whether an operation that rests on `basis` need not be tried now, because it was refused and nothing has changed.
pub(crate) fn stands(refused: &JournalRow, basis: &str, now: Timestamp) -> bool {
    let at = refused.outcome_at.unwrap_or(refused.at);
    is_standing(&refused.fingerprint, basis, now.duration_since(at))
}

fn is_standing(stored: &str, basis: &str, age: SignedDuration) -> bool {
    let (before, count) = split(stored);
    let lasts = (0..count.min(16)).fold(STANDS_MIN, |lasts, _| {
        lasts.saturating_add(lasts).min(STANDS_MAX)
    });
    // By a clock that went back it is from the future: then nobody knows how old it is.
    before == basis && !age.is_negative() && age < lasts
}

/// What the journal keeps of an operation that rests on `basis`; `refused` is the last answer to its like.
pub(crate) fn fingerprint(basis: &str, refused: Option<&JournalRow>) -> String {
    counted(basis, refused.map(|row| row.fingerprint.as_str()))
}

fn counted(basis: &str, stored: Option<&str>) -> String {
    let count = stored
        .map(split)
        .filter(|(before, _)| *before == basis)
        .map_or(0, |(_, count)| count.saturating_add(1));
    format!("{basis}{MARK}{count}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_stands_twice_as_long_each_time_and_never_longer_than_a_day() {
        for (stored, minutes, stands) in [
            ("x|1,2#0", 14, true),
            ("x|1,2#0", 15, false),
            ("x|1,2#1", 29, true),
            ("x|1,2#1", 30, false),
            ("x|1,2#3", 119, true),
            ("x|1,2#3", 120, false),
            ("x|1,2#99", 24 * 60 - 1, true),
            ("x|1,2#99", 24 * 60, false),
            // As it was kept before refusals were counted.
            ("x|1,2", 14, true),
            ("x|1,2", 15, false),
            // Something else is about.
            ("x|1#0", 1, false),
            // The clock went back.
            ("x|1,2#0", -1, false),
        ] {
            let age = SignedDuration::from_mins(minutes);
            assert_eq!(
                is_standing(stored, "x|1,2", age),
                stands,
                "{stored} {minutes}"
            );
        }
    }

    #[test]
    fn refusals_are_counted_as_long_as_nothing_changes() {
        assert_eq!(counted("x|1", None), "x|1#0");
        assert_eq!(counted("x|1", Some("x|1#0")), "x|1#1");
        assert_eq!(counted("x|1", Some("x|1#1")), "x|1#2");
        assert_eq!(counted("x|", Some("x|1#2")), "x|#0");
    }
}
