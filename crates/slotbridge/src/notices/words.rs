//! What there is to say of each thing: its text, and the same in values. Pure.
//!
//! Client data goes into [`Content::clients`] and nowhere else.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use slotbridge_core::merge::Subject;
use slotbridge_core::model::{Booking, BookingId, BridgeName, Kind as BookingKind, Private, Slot};
use slotbridge_engine::report::{BridgeReport, OverlapReport};
use slotbridge_store::{ConflictRow, GuardRow};

use super::notice::{Content, Kind};
use crate::render::json::claimed;
use crate::render::words::{self as said, HIDDEN, clean, count};

/// Bookings by their ids, as the bridge last agreed on them.
pub(crate) type Bookings = BTreeMap<BookingId, Booking>;

fn content<const N: usize>(text: String, details: [(&'static str, String); N]) -> Content {
    Content {
        bridge: None,
        platform: None,
        text,
        details: BTreeMap::from(details),
        clients: Vec::new(),
    }
}

/// A conflict that waits for a person.
pub(crate) fn conflict(row: &ConflictRow, bookings: &Bookings, zone: &TimeZone) -> Content {
    let booking = bookings.get(&row.booking);
    let platforms: Vec<&str> = row
        .conflict
        .claims
        .iter()
        .map(|claim| claim.platform.as_str())
        .collect();
    let subject = row.conflict.subject;
    let about = match subject {
        Subject::Field(field) => format!("the {}", field.as_str()),
        Subject::Removal => "whether it is removed".to_owned(),
    };
    let place = booking.map_or_else(
        || format!("booking {}", row.booking),
        |booking| {
            format!(
                "the booking of {} on {}",
                booking.resource,
                span(booking.slot, zone)
            )
        },
    );
    let text = format!(
        "{}: {} disagree on {about} of {place}. A person has to decide (conflict {}).",
        row.bridge,
        platforms.join(" and "),
        row.id
    );
    let slot = |of: fn(Slot) -> Timestamp| {
        booking.map_or_else(String::new, |booking| of(booking.slot).to_string())
    };
    let mut clients: Vec<Private> = booking.map(|one| client(one, zone)).into_iter().collect();
    clients.extend(row.conflict.claims.iter().map(|claim| {
        let value = claimed(claim, subject, true);
        let value = clean(value.as_deref().unwrap_or("nothing"));
        Private::new(format!("{}: {value}", claim.platform))
    }));
    Content {
        bridge: Some(row.bridge.to_string()),
        clients,
        ..content(
            text,
            [
                ("conflict", row.id.to_string()),
                ("booking", row.booking.to_string()),
                (
                    "resource",
                    booking.map_or_else(String::new, |booking| booking.resource.to_string()),
                ),
                ("start", slot(Slot::start)),
                ("end", slot(Slot::end)),
                ("about", subject.as_str().to_owned()),
                ("platforms", platforms.join(",")),
            ],
        )
    }
}

/// A double booking.
pub(crate) fn overlap(
    bridge: &BridgeName,
    overlap: &OverlapReport,
    bookings: &Bookings,
    zone: &TimeZone,
) -> Content {
    let times: Vec<String> = overlap
        .bookings
        .iter()
        .map(|entry| {
            format!(
                "{} (first seen on {})",
                span(entry.slot, zone),
                entry.platform
            )
        })
        .collect();
    let often = match overlap.bookings.len() {
        0..=2 => "twice".to_owned(),
        more => format!("{more} times"),
    };
    let slots = || overlap.bookings.iter().map(|entry| entry.slot);
    let text = |instant: Option<Timestamp>| instant.map_or_else(String::new, |at| at.to_string());
    let ids: Vec<String> = overlap
        .bookings
        .iter()
        .map(|entry| entry.booking.to_string())
        .collect();
    Content {
        bridge: Some(bridge.to_string()),
        clients: overlap
            .bookings
            .iter()
            .filter_map(|entry| Some(client(bookings.get(&entry.booking)?, zone)))
            .collect(),
        ..content(
            format!(
                "{bridge}: {} is booked {often}: {}. One of them has to be moved or cancelled.",
                overlap.resource,
                times.join(" and ")
            ),
            [
                ("resource", overlap.resource.to_string()),
                ("bookings", ids.join(",")),
                ("start", text(slots().map(Slot::start).min())),
                ("end", text(slots().map(Slot::end).max())),
            ],
        )
    }
}

/// What else waits for a person; `None` when nothing does.
pub(crate) fn unclear(report: &BridgeReport) -> Option<Content> {
    let waiting = report.waiting.iter().filter(|one| one.needs_person).count();
    let ambiguous = report.ambiguous.len();
    if waiting + ambiguous == 0 {
        return None;
    }
    let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let text = format!(
        "{}: {} could be more than one booking's, and {} for a person. \
         `slotbridge reconcile --dry-run --bridge {}` lists them with what can be done.",
        report.name,
        count(number(ambiguous), "record", "records"),
        count(number(waiting), "change waits", "changes wait"),
        report.name
    );
    Some(Content {
        bridge: Some(report.name.to_string()),
        ..content(
            text,
            [
                ("ambiguous", ambiguous.to_string()),
                ("waiting", waiting.to_string()),
            ],
        )
    })
}

/// A latched guard.
pub(crate) fn guard(bridge: &BridgeName, guard: &GuardRow) -> Content {
    let text = format!(
        "{bridge}: a guard stopped writes on {}: {}. Look at them with `slotbridge reconcile --dry-run --bridge \
         {bridge}`; if they are right, `slotbridge approve {bridge}`.",
        guard.platform,
        said::guard(&guard.what, guard.limit, guard.planned)
    );
    Content {
        bridge: Some(bridge.to_string()),
        platform: Some(guard.platform.to_string()),
        ..content(
            text,
            [
                ("what", guard.what.clone()),
                ("limit", guard.limit.to_string()),
                ("planned", guard.planned.to_string()),
            ],
        )
    }
}

/// A platform that cannot be used.
pub(crate) fn down(platform: &str, since: Timestamp, why: &str, zone: &TimeZone) -> Content {
    let why = clean(why);
    let text = format!(
        "{platform} cannot be used since {}: {why}. Its bookings are not kept in step until it can.",
        moment(since, zone)
    );
    of_platform(
        platform,
        content(text, [("since", since.to_string()), ("why", why)]),
    )
}

/// A platform that can be used again.
pub(crate) fn up(platform: &str, since: Timestamp, now: Timestamp, zone: &TimeZone) -> Content {
    let text = format!(
        "{platform} can be used again at {}. It could not since {}.",
        moment(now, zone),
        moment(since, zone)
    );
    of_platform(platform, content(text, [("since", since.to_string())]))
}

/// A platform that was not read completely for too long.
pub(crate) fn no_complete_pass(platform: &str, since: Timestamp, zone: &TimeZone) -> Content {
    let text = format!(
        "{platform} was not read completely since {}. Changes and removals there may go unnoticed; \
         `slotbridge status` shows how it stands.",
        moment(since, zone)
    );
    of_platform(platform, content(text, [("since", since.to_string())]))
}

/// A platform that was read completely again.
pub(crate) fn complete(
    platform: &str,
    since: Timestamp,
    now: Timestamp,
    zone: &TimeZone,
) -> Content {
    let text = format!(
        "{platform} was read completely again at {}, for the first time since {}.",
        moment(now, zone),
        moment(since, zone)
    );
    of_platform(platform, content(text, [("since", since.to_string())]))
}

/// A damaged database.
pub(crate) fn database(damage: &[String]) -> Content {
    let damage: Vec<String> = damage.iter().map(|line| clean(line)).collect();
    let first = damage.first().map_or("", String::as_str);
    let text = format!(
        "The database is damaged ({}; the first: {first}). Stop slotbridge and put back a copy, or move the file away \
         and run `slotbridge reconcile`, which finds the pairs again by their markers.",
        count(
            u64::try_from(damage.len()).unwrap_or(u64::MAX),
            "finding",
            "findings"
        )
    );
    content(text, [("damage", damage.join("; "))])
}

/// The sum of what a target was not told one by one.
pub(crate) fn more(held: &BTreeMap<Kind, u64>) -> Content {
    let total: u64 = held.values().sum();
    let kinds: Vec<String> = held
        .iter()
        .map(|(kind, number)| format!("{number} × {}", kind.as_str()))
        .collect();
    let kinds = kinds.join(", ");
    let text = format!(
        "And {total} more: {kinds}. They were not told one by one; `slotbridge status` shows how everything stands."
    );
    content(text, [("count", total.to_string()), ("kinds", kinds)])
}

/// A test.
pub(crate) fn test(target: &str) -> Content {
    content(
        format!("This is a test: notices to {target} arrive."),
        [("target", target.to_owned())],
    )
}

/// Something to say of each kind, with every detail that this kind has. Templates are tried on it.
pub(crate) fn sample(kind: Kind) -> Content {
    let some = |names: &[&'static str]| Content {
        bridge: Some("main".to_owned()),
        platform: Some("salon".to_owned()),
        text: "Something happened.".to_owned(),
        details: names
            .iter()
            .map(|name| (*name, HIDDEN.to_owned()))
            .collect(),
        clients: Vec::new(),
    };
    match kind {
        Kind::Conflict => some(&[
            "conflict",
            "booking",
            "resource",
            "start",
            "end",
            "about",
            "platforms",
        ]),
        Kind::Overlap => some(&["resource", "bookings", "start", "end"]),
        Kind::Unclear => some(&["ambiguous", "waiting"]),
        Kind::Guard => some(&["what", "limit", "planned"]),
        Kind::PlatformDown => some(&["since", "why"]),
        Kind::PlatformUp | Kind::NoCompletePass | Kind::CompletePass => some(&["since"]),
        Kind::Database => some(&["damage"]),
        Kind::More => some(&["count", "kinds"]),
        Kind::Test => some(&["target"]),
    }
}

fn of_platform(platform: &str, content: Content) -> Content {
    Content {
        platform: Some(platform.to_owned()),
        ..content
    }
}

/// Who is behind a booking.
fn client(booking: &Booking, zone: &TimeZone) -> Private {
    let when = span(booking.slot, zone);
    if booking.kind == BookingKind::Block {
        return Private::new(format!(
            "{when}: a busy time; who is behind it is not known"
        ));
    }
    let client = &booking.client;
    let known = [
        Some(&client.name),
        client.phone.as_ref(),
        client.email.as_ref(),
    ];
    let known: Vec<String> = known
        .into_iter()
        .flatten()
        .filter(|text| !text.is_blank())
        .map(|text| clean(text.expose()))
        .collect();
    Private::new(format!("{when}: {}", known.join(", ")))
}

fn span(slot: Slot, zone: &TimeZone) -> String {
    format!(
        "{} {}",
        said::day(slot.start(), zone),
        said::times(slot, zone)
    )
}

/// An instant with its zone, so that a reader elsewhere is not misled.
fn moment(at: Timestamp, zone: &TimeZone) -> String {
    format!("{} ({})", said::moment(at, zone), said::zone_name(zone))
}
