//! What each platform can hold, by the auditor's own table (docs/platforms/capabilities.md).

use crate::person::Seen;
use crate::simulation::cast;
use crate::world::Place;

/// A field of a booking that people change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// Who.
    Staff,
    /// When.
    Slot,
    /// What.
    Services,
    /// The client's phone.
    Phone,
    /// The client's e-mail.
    Email,
    /// The comment.
    Comment,
    /// How far it has come.
    Status,
}

impl Field {
    /// Every field.
    pub const ALL: [Self; 7] = [
        Self::Staff,
        Self::Slot,
        Self::Services,
        Self::Phone,
        Self::Email,
        Self::Comment,
        Self::Status,
    ];
}

/// How many characters of a comment AlfaCRM keeps beside the marker.
const NOTE_MAX: usize = 208;

/// What a record shows of a field, in the auditor's spelling.
pub(crate) fn shown(place: Place, field: Field, seen: &Seen) -> String {
    match field {
        Field::Staff => cast::staff_number(place, seen.staff)
            .map_or_else(|| format!("?{}", seen.staff), cast::staff_name),
        Field::Slot => slot(seen.start.as_second(), seen.end.as_second()),
        Field::Services => {
            let names: Vec<&str> = seen
                .services
                .iter()
                .map(|id| cast::service_name(place, *id).unwrap_or("?"))
                .collect();
            names.join("+")
        }
        Field::Phone => digits(&seen.phone),
        Field::Email => seen.email.trim().to_lowercase(),
        Field::Comment => without_marker(&seen.comment),
        Field::Status => status(place, seen.status).to_owned(),
    }
}

/// The spelling of a slot.
pub(crate) fn slot(start: i64, end: i64) -> String {
    format!("{start}/{end}")
}

/// The start and end of a slot.
pub(crate) fn slot_times(text: &str) -> Option<(i64, i64)> {
    let (start, end) = text.split_once('/')?;
    Some((start.parse().ok()?, end.parse().ok()?))
}

/// How a platform shows a value; none where it holds no such thing.
pub(crate) fn held(place: Place, field: Field, value: &str, sink: bool) -> Option<String> {
    let contacts_real = place != Place::Simplybook || !sink;
    match field {
        Field::Staff | Field::Slot => Some(value.to_owned()),
        Field::Services => match place {
            Place::Yclients => Some(value.to_owned()),
            Place::Rubitime | Place::Simplybook | Place::Alfacrm => {
                Some(value.split('+').next().unwrap_or_default().to_owned())
            }
        },
        Field::Phone | Field::Email => contacts_real.then(|| value.to_owned()),
        Field::Comment => match place {
            Place::Alfacrm => {
                let cut: String = value.chars().take(NOTE_MAX).collect();
                Some(cut.trim().to_owned())
            }
            Place::Yclients | Place::Rubitime | Place::Simplybook => Some(value.to_owned()),
        },
        Field::Status => {
            let word = match (place, value) {
                (Place::Yclients, word) => word,
                (Place::Rubitime, "arrived") => "arrived",
                // On AlfaCRM a lesson is held only by a person's hand, since that charges the client.
                _ => "booked",
            };
            Some(word.to_owned())
        }
    }
}

/// Whether a platform that shows this may be said to hold the value.
pub(crate) fn fits(place: Place, field: Field, value: &str, shown: &str, sink: bool) -> bool {
    let Some(held) = held(place, field, value, sink) else {
        return true;
    };
    if held == shown {
        return true;
    }
    // What a person cut off or a platform trimmed at its limit.
    field == Field::Comment
        && place == Place::Alfacrm
        && value.chars().count() > NOTE_MAX
        && !shown.is_empty()
        && value.starts_with(shown.trim_end_matches('…'))
}

fn digits(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    match digits.strip_prefix('8') {
        Some(rest) if digits.len() == 11 => format!("7{rest}"),
        _ => digits,
    }
}

/// A comment without the lines that hold a bridge's marker.
fn without_marker(comment: &str) -> String {
    let lines: Vec<&str> = comment
        .lines()
        .map(|line| line.split_once("[sb").map_or(line, |(before, _)| before))
        .collect();
    lines.join("\n").trim().to_owned()
}

/// A platform's status as a word.
fn status(place: Place, code: i64) -> &'static str {
    match (place, code) {
        (Place::Yclients, 2) => "confirmed",
        (Place::Yclients | Place::Rubitime, 1) | (Place::Rubitime, 2) => "arrived",
        (Place::Yclients, -1) => "no-show",
        _ => "booked",
    }
}

/// The statuses that a person may set on a platform.
pub(crate) const fn statuses(place: Place) -> &'static [i64] {
    match place {
        Place::Yclients => &[0, 1, 2, -1],
        Place::Rubitime => &[0, 2],
        Place::Simplybook | Place::Alfacrm => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_that_of_the_capabilities_page() {
        for (place, field, value, sink, held_as) in [
            (
                Place::Yclients,
                Field::Services,
                "haircut+beard",
                false,
                Some("haircut+beard"),
            ),
            (
                Place::Rubitime,
                Field::Services,
                "haircut+beard",
                false,
                Some("haircut"),
            ),
            (Place::Simplybook, Field::Phone, "79001", true, None),
            (
                Place::Simplybook,
                Field::Phone,
                "79001",
                false,
                Some("79001"),
            ),
            (
                Place::Yclients,
                Field::Status,
                "no-show",
                false,
                Some("no-show"),
            ),
            (
                Place::Rubitime,
                Field::Status,
                "no-show",
                false,
                Some("booked"),
            ),
            (
                Place::Rubitime,
                Field::Status,
                "arrived",
                false,
                Some("arrived"),
            ),
            (
                Place::Simplybook,
                Field::Status,
                "arrived",
                false,
                Some("booked"),
            ),
            (
                Place::Alfacrm,
                Field::Status,
                "confirmed",
                false,
                Some("booked"),
            ),
        ] {
            assert_eq!(
                held(place, field, value, sink).as_deref(),
                held_as,
                "{place:?} {field:?} {value}"
            );
        }
        let long = "я".repeat(300);
        let kept = held(Place::Alfacrm, Field::Comment, &long, false).unwrap();
        assert_eq!(kept.chars().count(), 208);
    }

    #[test]
    fn a_marker_is_no_part_of_a_comment_and_phones_are_digits() {
        assert_eq!(without_marker("код 12\n[sb:018f]"), "код 12");
        assert_eq!(without_marker("[sb-busy:018f]"), "");
        assert_eq!(digits("8 (900) 000-00-17"), "79000000017");
    }
}
