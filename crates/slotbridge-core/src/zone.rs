//! Between wall-clock times, which platforms write, and instants, which the bridge thinks in.
//!
//! A zone's clocks skip an hour and repeat another; both are decided here, so that every adapter decides alike.

#[cfg(test)]
mod tests;

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::record::Window;

/// A wall-clock time that the zone's clocks never show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{civil} does not exist in {zone}: the clocks skip it")]
pub struct NoSuchTime {
    /// The time.
    pub civil: DateTime,
    /// The zone.
    pub zone: String,
}

/// An instant that no wall-clock time of the zone names without doubt: it lies in the second of a doubled hour, and
/// reading its wall-clock time back would give the first.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{instant} cannot be written as a time in {zone}: its clocks show {civil} twice, and the first is meant then"
)]
pub struct CannotSpell {
    /// The instant.
    pub instant: Timestamp,
    /// What the clocks show then.
    pub civil: DateTime,
    /// The zone.
    pub zone: String,
}

/// The instant of a wall-clock time; of the two instants in a doubled hour, the earlier one.
///
/// # Errors
/// [`NoSuchTime`] when the clocks skip it.
pub fn to_instant(civil: DateTime, tz: &TimeZone) -> Result<Timestamp, NoSuchTime> {
    match tz.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
            at(civil, offset, tz)
        }
        AmbiguousOffset::Gap { .. } => Err(no_such_time(civil, tz)),
    }
}

/// The instant of a wall-clock time whose record also names an offset.
///
/// The offset chooses between the two instants of a doubled hour. It does nothing else: an offset that the zone does
/// not have at that time comes from a wrongly configured account, where staff go by the wall clock (yclients contract,
/// time).
///
/// # Errors
/// [`NoSuchTime`] when the clocks skip it.
pub fn to_instant_with_offset(
    civil: DateTime,
    offset: Offset,
    tz: &TimeZone,
) -> Result<Timestamp, NoSuchTime> {
    match tz.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Fold { after, .. } if after == offset => at(civil, after, tz),
        AmbiguousOffset::Unambiguous { .. }
        | AmbiguousOffset::Fold { .. }
        | AmbiguousOffset::Gap { .. } => to_instant(civil, tz),
    }
}

/// The wall-clock time that names an instant; [`to_instant`] reads it back as the same instant.
///
/// # Errors
/// [`CannotSpell`] in the second of a doubled hour: it is refused, never written an hour off.
pub fn to_civil(instant: Timestamp, tz: &TimeZone) -> Result<DateTime, CannotSpell> {
    let civil = tz.to_datetime(instant);
    if to_instant(civil, tz) == Ok(instant) {
        Ok(civil)
    } else {
        Err(CannotSpell {
            instant,
            civil,
            zone: name_of(tz),
        })
    }
}

/// The first and the last day, both included, that cover the window by the zone's clocks.
pub fn window_days(window: Window, tz: &TimeZone) -> (Date, Date) {
    let last = window
        .to
        .checked_sub(SignedDuration::from_nanos(1))
        .unwrap_or(window.to)
        .max(window.from);
    (
        tz.to_datetime(window.from).date(),
        tz.to_datetime(last).date(),
    )
}

fn at(civil: DateTime, offset: Offset, tz: &TimeZone) -> Result<Timestamp, NoSuchTime> {
    // Fails only at the ends of representable time, where no calendar lies.
    offset
        .to_timestamp(civil)
        .map_err(|_out_of_range| no_such_time(civil, tz))
}

fn no_such_time(civil: DateTime, tz: &TimeZone) -> NoSuchTime {
    NoSuchTime {
        civil,
        zone: name_of(tz),
    }
}

fn name_of(tz: &TimeZone) -> String {
    tz.iana_name().unwrap_or("the account's zone").to_owned()
}
