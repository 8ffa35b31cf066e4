//! Cron lines, by the clock of a zone. Pure.
//!
//! The library reads a line and finds the next or the last wall-clock time that it names; which instant that is, is
//! decided here. A time that the clock skips in spring comes as much later; one that it shows twice in autumn counts
//! once, the first time.

use chrono::{DateTime, Datelike as _, NaiveDate, Timelike as _, Utc};
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::civil;
use jiff::tz::TimeZone;

/// How often the next candidate is tried, when the clock's jumps make the first ones useless.
const CANDIDATES_MAX: usize = 200;

/// One cron line: minute, hour, day of the month, month, day of the week.
#[derive(Debug, Clone)]
pub(crate) struct Cron(croner::Cron);

impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Cron {
    /// Reads a line.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let expected = |why: &str| {
            format!(
                "{text:?} is not a cron line ({why}); expected minute, hour, day of the month, month and day of the \
                 week, such as \"30 3 * * *\" for every night at half past three"
            )
        };
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let cron = parser
            .parse(text)
            .map(Self)
            .map_err(|error| expected(error.to_string().trim_end_matches('.')))?;
        // The 30th of February can be written, and never comes.
        let start = civil::date(2024, 1, 1).at(0, 0, 0, 0);
        if cron.civil_after(start).is_none() {
            return Err(expected("it names a day that never comes"));
        }
        Ok(cron)
    }

    /// The first time after `after` that the line names.
    pub(crate) fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        // From an hour and a half before: the clock may have been set back since.
        let mut candidate = back(zone.to_datetime(after))?;
        for _ in 0..CANDIDATES_MAX {
            candidate = self.civil_after(candidate)?;
            let instant = instant(candidate, zone)?;
            if instant > after {
                return Some(instant);
            }
        }
        None
    }

    /// The last time at or before `at` that the line names.
    pub(crate) fn last(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        // From an hour and a half later: the clock may have been set forward just before.
        let mut candidate = forth(zone.to_datetime(at))?;
        for _ in 0..CANDIDATES_MAX {
            candidate = self.civil_before(candidate)?;
            let instant = instant(candidate, zone)?;
            if instant <= at {
                return Some(instant);
            }
        }
        None
    }

    fn civil_after(&self, after: civil::DateTime) -> Option<civil::DateTime> {
        let found = self.0.find_next_occurrence(&to_chrono(after)?, false);
        found.ok().and_then(from_chrono)
    }

    fn civil_before(&self, before: civil::DateTime) -> Option<civil::DateTime> {
        let found = self.0.find_previous_occurrence(&to_chrono(before)?, false);
        found.ok().and_then(from_chrono)
    }
}

/// Longer than any clock is set by when summer comes or goes.
const SLACK_MINUTES: i64 = 121;

fn back(at: civil::DateTime) -> Option<civil::DateTime> {
    let slack = jiff::SignedDuration::from_mins(SLACK_MINUTES);
    at.checked_sub(slack).ok()
}

fn forth(at: civil::DateTime) -> Option<civil::DateTime> {
    let slack = jiff::SignedDuration::from_mins(SLACK_MINUTES);
    at.checked_add(slack).ok()
}

fn instant(at: civil::DateTime, zone: &TimeZone) -> Option<Timestamp> {
    zone.to_ambiguous_timestamp(at).compatible().ok()
}

/// A wall-clock time as the library takes one; that it is called UTC there means nothing.
fn to_chrono(at: civil::DateTime) -> Option<DateTime<Utc>> {
    let unsigned = |number: i8| u32::try_from(number).ok();
    let date = NaiveDate::from_ymd_opt(
        i32::from(at.year()),
        unsigned(at.month())?,
        unsigned(at.day())?,
    )?;
    let time = date.and_hms_opt(
        unsigned(at.hour())?,
        unsigned(at.minute())?,
        unsigned(at.second())?,
    )?;
    Some(time.and_utc())
}

fn from_chrono(at: DateTime<Utc>) -> Option<civil::DateTime> {
    let signed = |number: u32| i8::try_from(number).ok();
    civil::DateTime::new(
        i16::try_from(at.year()).ok()?,
        signed(at.month())?,
        signed(at.day())?,
        signed(at.hour())?,
        signed(at.minute())?,
        signed(at.second())?,
        0,
    )
    .ok()
}
