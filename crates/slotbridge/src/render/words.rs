//! Values in words: instants as local times, fields of bookings, counts, and texts made safe for a terminal.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use slotbridge_core::model::{FieldValue, Slot};

/// What stands for content that is not shown.
pub(crate) const HIDDEN: &str = "‹hidden›";

/// A text on one line, without anything that could steer a terminal or turn the reading order round.
pub(crate) fn clean(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\n' => '⏎',
            '\t' => ' ',
            // Marks that reverse or embed a reading direction.
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                '\u{fffd}'
            }
            control if control.is_control() => '\u{fffd}',
            other => other,
        })
        .collect()
}

/// `Tue 1 Dec 2026`
pub(crate) fn day(instant: Timestamp, zone: &TimeZone) -> String {
    zone.to_datetime(instant)
        .strftime("%a %-d %b %Y")
        .to_string()
}

/// `12:00`, with seconds only where there are some.
pub(crate) fn time(instant: Timestamp, zone: &TimeZone) -> String {
    let civil = zone.to_datetime(instant);
    let format = if civil.second() == 0 {
        "%H:%M"
    } else {
        "%H:%M:%S"
    };
    civil.strftime(format).to_string()
}

/// `Tue 1 Dec 2026 12:00`
pub(crate) fn moment(instant: Timestamp, zone: &TimeZone) -> String {
    format!("{} {}", day(instant, zone), time(instant, zone))
}

/// `12:00–13:00`, with the day of the end where it is another one.
pub(crate) fn times(slot: Slot, zone: &TimeZone) -> String {
    let (start, end) = (zone.to_datetime(slot.start()), zone.to_datetime(slot.end()));
    if start.date() == end.date() {
        format!("{}–{}", time(slot.start(), zone), time(slot.end(), zone))
    } else {
        format!("{}–{}", time(slot.start(), zone), moment(slot.end(), zone))
    }
}

/// The name of a zone for a heading.
pub(crate) fn zone_name(zone: &TimeZone) -> &str {
    zone.iana_name().unwrap_or("UTC")
}

/// A field's value for a program: text, or nothing. A slot is `start/end`.
pub(crate) fn value(value: &FieldValue, client_data: bool, show_clients: bool) -> Option<String> {
    if value.is_empty() {
        return None;
    }
    if client_data && !show_clients {
        return Some(HIDDEN.to_owned());
    }
    match value {
        FieldValue::Resource(name) => Some(name.to_string()),
        FieldValue::Services(names) => Some(join(names)),
        FieldValue::Slot(slot) => Some(format!("{}/{}", slot.start(), slot.end())),
        FieldValue::Text(text) => text.as_ref().map(|text| text.expose().to_owned()),
        FieldValue::Status(status) => Some(status.as_str().to_owned()),
    }
}

/// Names with commas between them.
pub(crate) fn join<T: ToString>(names: &[T]) -> String {
    names
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

/// `1 record`, `2 records`
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Why a guard tripped, from the key of its limit.
pub(crate) fn guard(what: &str, limit: u64, planned: u64) -> String {
    let held = count(planned, "write", "writes");
    match what {
        "ids_all_new" => format!("none of the known records is there any more; {held} held"),
        "suddenly_empty" => match planned {
            1 => "the one record that is known is not shown any more, nor any other".to_owned(),
            many => format!("none of the {many} known records is shown any more, nor any other"),
        },
        "clock_went_back" => {
            format!("this machine's clock has gone back since the last run; {held} held")
        }
        "zone_changed" => format!("the account's time zone has changed; {held} held"),
        percent if percent.ends_with("_percent") => {
            format!(
                "{} is {limit} %, and {planned} % were planned",
                clean(percent)
            )
        }
        other => format!("{} is {limit}, and {planned} were planned", clean(other)),
    }
}

/// Appends to a `&mut String` as `format!` would write it.
macro_rules! put {
    ($out:expr, $($argument:tt)*) => {
        std::fmt::Write::write_fmt($out, format_args!($($argument)*)).expect("a string takes any text")
    };
}

pub(crate) use put;
