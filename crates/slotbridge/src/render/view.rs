//! A bridge's part of a report in words for a person, before it is laid out as text or markdown.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use similar::{ChangeTag, TextDiff};
use slotbridge_core::merge::{Claim, Subject};
use slotbridge_core::model::{Booking, Field, FieldValue, PlatformName, RemoteId, ResourceName, Slot};
use slotbridge_engine::report::{
    BridgeReport, ConflictReport, GuardReport, OperationReport, OutcomeWord, OverlapReport, WaitingReport,
};

use super::words::{self, clean};
use super::{Showing, json};

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mark {
    Create,
    Update,
    Remove,
}

/// How something went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mood {
    /// As it should.
    Good,
    /// It will come, or somebody should look.
    Open,
    /// It did not work.
    Bad,
}

/// One bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BridgeView {
    pub(crate) name: String,
    pub(crate) zone: String,
    pub(crate) days: Vec<DayView>,
    pub(crate) sections: Vec<Section>,
    pub(crate) platforms: Vec<PlatformView>,
}

/// The operations of one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DayView {
    pub(crate) heading: String,
    pub(crate) operations: Vec<OperationView>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OperationView {
    pub(crate) mark: Mark,
    /// The operation and where: `create on site`.
    pub(crate) what: String,
    /// When and who: `12:00–13:00  anna, haircut`.
    pub(crate) place: String,
    pub(crate) outcome: String,
    pub(crate) mood: Mood,
    pub(crate) changes: Vec<ChangeView>,
    pub(crate) why: Option<String>,
}

/// One field before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChangeView {
    pub(crate) field: &'static str,
    pub(crate) pieces: Vec<Piece>,
}

/// A piece of a field's change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Same(String),
    Old(String),
    New(String),
}

/// A list of findings with the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) title: String,
    pub(crate) mood: Mood,
    pub(crate) advice: Option<String>,
    pub(crate) items: Vec<String>,
}

/// One platform's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlatformView {
    pub(crate) name: String,
    pub(crate) records: String,
    pub(crate) coverage: String,
    pub(crate) calls: String,
    pub(crate) trouble: Option<String>,
}

/// Puts a bridge's part of a report into words.
pub(crate) fn bridge(report: &BridgeReport, dry_run: bool, showing: &Showing) -> BridgeView {
    let zone = showing.zone(&report.name);
    BridgeView {
        name: report.name.to_string(),
        zone: words::zone_name(&zone).to_owned(),
        days: days(&report.operations, dry_run, showing.clients, &zone),
        sections: sections(report, showing.clients, &zone),
        platforms: platforms(report),
    }
}

fn days(operations: &[OperationReport], dry_run: bool, clients: bool, zone: &TimeZone) -> Vec<DayView> {
    let mut days: BTreeMap<_, Vec<&OperationReport>> = BTreeMap::new();
    for operation in operations {
        let date = operation
            .place()
            .map(|(_, slot)| zone.to_datetime(slot.start()).date());
        days.entry(date).or_default().push(operation);
    }
    let days = days.into_values().map(|mut operations| {
        // Stable: operations of one time keep the order in which they are made.
        operations.sort_by_key(|operation| operation.place().map(|(_, slot)| slot));
        let heading = operations
            .first()
            .and_then(|operation| operation.place())
            .map_or_else(|| "Without a time".to_owned(), |(_, slot)| words::day(slot.start(), zone));
        DayView {
            heading,
            operations: operations
                .into_iter()
                .map(|operation| operation_view(operation, dry_run, clients, zone))
                .collect(),
        }
    });
    days.collect()
}

fn operation_view(operation: &OperationReport, dry_run: bool, clients: bool, zone: &TimeZone) -> OperationView {
    let mark = match operation.op {
        "create" => Mark::Create,
        "remove" => Mark::Remove,
        _ => Mark::Update,
    };
    let mut what = format!("{} on {}", operation.op, operation.platform);
    if let Some(id) = &operation.remote_id {
        what.push(' ');
        what.push_str(&clean(id.as_str()));
    }
    let (outcome, mood) = outcome(operation, dry_run);
    OperationView {
        mark,
        what,
        place: booking_place(operation, clients, zone),
        outcome,
        mood,
        changes: match (&operation.before, &operation.after) {
            (Some(before), Some(after)) => operation
                .fields
                .iter()
                .flat_map(|field| change(*field, before, after, clients, zone))
                .collect(),
            _ => Vec::new(),
        },
        why: why(operation),
    }
}

fn booking_place(operation: &OperationReport, clients: bool, zone: &TimeZone) -> String {
    // An update names the booking by what it was: the change lines tell what it becomes.
    let Some(booking) = operation.before.as_ref().or(operation.after.as_ref()) else {
        return String::new();
    };
    let mut parts = vec![words::times(booking.slot, zone), booking.resource.to_string()];
    if !booking.services.is_empty() {
        parts.push(words::join(&booking.services));
    }
    if booking.kind == slotbridge_core::model::Kind::Block {
        parts.push("busy time without a client".to_owned());
    }
    if clients && !booking.client.name.is_blank() {
        parts.push(clean(booking.client.name.expose()));
    }
    parts.join("  ")
}

fn outcome(operation: &OperationReport, dry_run: bool) -> (String, Mood) {
    let said = |words: &str| match &operation.error {
        Some(error) => format!("{words}: {}", clean(error)),
        None => words.to_owned(),
    };
    match operation.outcome {
        OutcomeWord::Planned if operation.held => ("held by a guard".to_owned(), Mood::Open),
        OutcomeWord::Planned if dry_run => ("planned".to_owned(), Mood::Open),
        OutcomeWord::Planned => (said("not tried"), Mood::Open),
        OutcomeWord::Applied => ("done".to_owned(), Mood::Good),
        OutcomeWord::Refused => (said("refused"), Mood::Bad),
        OutcomeWord::Failed => (said("failed, tried again in the next run"), Mood::Bad),
        OutcomeWord::Unknown => (said("unknown, the next run looks first"), Mood::Bad),
    }
}

fn why(operation: &OperationReport) -> Option<String> {
    let records: Vec<String> = operation.because.iter().map(record).collect();
    let mut why = if records.is_empty() {
        String::new()
    } else {
        format!("because of {}", records.join(", "))
    };
    if operation.parking {
        let parking = "only a stop on the way: two bookings change places";
        why = if why.is_empty() { parking.to_owned() } else { format!("{why}; {parking}") };
    }
    Some(why).filter(|why| !why.is_empty())
}

fn record((platform, id): &(PlatformName, RemoteId)) -> String {
    format!("{platform} {}", clean(id.as_str()))
}

fn change(field: Field, before: &Booking, after: &Booking, clients: bool, zone: &TimeZone) -> Vec<ChangeView> {
    let (old, new) = (before.field(field), after.field(field));
    if let (FieldValue::Slot(old), FieldValue::Slot(new)) = (&old, &new) {
        return slot_change(*old, *new, zone);
    }
    let view = |pieces| vec![ChangeView { field: field.as_str(), pieces }];
    if field.is_client_data() && !clients {
        let what = match (old.is_empty(), new.is_empty()) {
            (true, false) => "filled in",
            (false, true) => "cleared",
            _ => "changed",
        };
        return view(vec![Piece::Same(format!("{what} (--show-clients shows it)"))]);
    }
    let text = |value: &FieldValue| words::value(value, false, true).map(|text| clean(&text)).unwrap_or_default();
    match (&old, &new) {
        (FieldValue::Text(_), FieldValue::Text(_)) => view(diff(&text(&old), &text(&new))),
        _ => view(old_and_new(&text(&old), &text(&new))),
    }
}

fn slot_change(old: Slot, new: Slot, zone: &TimeZone) -> Vec<ChangeView> {
    let mut changes = Vec::new();
    let same_day = |one, other| zone.to_datetime(one).date() == zone.to_datetime(other).date();
    let short = same_day(old.start(), new.start()) && same_day(old.end(), new.end());
    let spell = |at| if short { words::time(at, zone) } else { words::moment(at, zone) };
    if old.start() != new.start() {
        changes.push(ChangeView {
            field: "start",
            pieces: old_and_new(&spell(old.start()), &spell(new.start())),
        });
    }
    if old.end() != new.end() {
        changes.push(ChangeView {
            field: "end",
            pieces: old_and_new(&spell(old.end()), &spell(new.end())),
        });
    }
    changes
}

fn old_and_new(old: &str, new: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    if !old.is_empty() {
        pieces.push(Piece::Old(old.to_owned()));
        pieces.push(Piece::Same(" → ".to_owned()));
    }
    pieces.push(if new.is_empty() {
        Piece::Same("nothing".to_owned())
    } else {
        Piece::New(new.to_owned())
    });
    pieces
}

/// The words that changed within a text.
fn diff(old: &str, new: &str) -> Vec<Piece> {
    if old.is_empty() || new.is_empty() {
        return old_and_new(old, new);
    }
    let mut pieces: Vec<Piece> = Vec::new();
    for change in TextDiff::from_words(old, new).iter_all_changes() {
        let text = change.value();
        match (change.tag(), pieces.last_mut()) {
            (ChangeTag::Equal, Some(Piece::Same(last)))
            | (ChangeTag::Delete, Some(Piece::Old(last)))
            | (ChangeTag::Insert, Some(Piece::New(last))) => last.push_str(text),
            (ChangeTag::Equal, _) => pieces.push(Piece::Same(text.to_owned())),
            (ChangeTag::Delete, _) => pieces.push(Piece::Old(text.to_owned())),
            (ChangeTag::Insert, _) => pieces.push(Piece::New(text.to_owned())),
        }
    }
    pieces
}

fn sections(report: &BridgeReport, clients: bool, zone: &TimeZone) -> Vec<Section> {
    let mut sections = vec![
        guards(report),
        Section {
            title: "Conflicts".to_owned(),
            mood: Mood::Open,
            advice: undecided(report).then(|| {
                "make the platforms agree by hand, or choose another `conflict` policy for the bridge".to_owned()
            }),
            items: report
                .conflicts
                .iter()
                .map(|conflict| conflict_words(conflict, clients, zone))
                .collect(),
        },
        Section {
            title: "Double bookings".to_owned(),
            mood: Mood::Bad,
            advice: Some("move or cancel one of them on the platform where it was made".to_owned()),
            items: report
                .overlaps
                .iter()
                .map(|overlap| overlap_words(overlap, zone))
                .collect(),
        },
        Section {
            title: "Not told apart, left alone".to_owned(),
            mood: Mood::Open,
            advice: None,
            items: report
                .ambiguous
                .iter()
                .map(|ambiguous| {
                    let who = match &ambiguous.remote_id {
                        Some(id) => format!("{} {}", ambiguous.platform, clean(id.as_str())),
                        None => ambiguous.platform.to_string(),
                    };
                    let candidates: Vec<String> = ambiguous.candidates.iter().map(record).collect();
                    format!("{who}: {} ({})", clean(&ambiguous.why), candidates.join(", "))
                })
                .collect(),
        },
    ];
    sections.extend(waiting(&report.waiting, zone));
    sections.push(Section {
        title: "Not mapped".to_owned(),
        mood: Mood::Open,
        advice: Some("add a [[bridge.resource]] or [[bridge.service]] row to bring them in".to_owned()),
        items: unmapped(report),
    });
    let left_alone = |list: &[slotbridge_engine::report::LeftAloneReport]| {
        list.iter()
            .map(|left| match &left.remote_id {
                Some(id) => format!("{} {}: {}", left.platform, clean(id.as_str()), clean(&left.why)),
                None => format!("{}: {}", left.platform, clean(&left.why)),
            })
            .collect()
    };
    sections.push(Section {
        title: "Left as they are".to_owned(),
        mood: Mood::Good,
        advice: None,
        items: left_alone(&report.unsupported),
    });
    sections.push(Section {
        title: "Not readable, left alone".to_owned(),
        mood: Mood::Bad,
        advice: Some("look at the record on the platform; it is never taken for removed".to_owned()),
        items: left_alone(&report.unreadable),
    });
    sections.retain(|section| !section.items.is_empty());
    sections
}

fn undecided(report: &BridgeReport) -> bool {
    report
        .conflicts
        .iter()
        .any(|conflict| conflict.conflict.decided.is_none())
}

fn guards(report: &BridgeReport) -> Section {
    let words = |guard: &GuardReport| {
        format!(
            "{}: {} is {}, and {} were planned; nothing of that was written",
            guard.platform, guard.what, guard.limit, guard.planned
        )
    };
    Section {
        title: "Held by a guard".to_owned(),
        mood: Mood::Bad,
        advice: Some(format!(
            "look at what is held; if it is meant, run `slotbridge approve {}` and then reconcile again",
            report.name
        )),
        items: report.guards.iter().map(words).collect(),
    }
}

fn conflict_words(report: &ConflictReport, clients: bool, zone: &TimeZone) -> String {
    let conflict = &report.conflict;
    let values: Vec<String> = conflict
        .claims
        .iter()
        .map(|claim| claim_words(claim, conflict.subject, clients, zone))
        .collect();
    let decided = match &conflict.decided {
        Some(platform) => format!("{platform} wins by the bridge's policy"),
        None => "nobody wins until you decide".to_owned(),
    };
    format!(
        "{}{}: {}; {decided}",
        place_words(report.place.as_ref(), zone),
        conflict.subject.as_str(),
        values.join(", ")
    )
}

fn claim_words(claim: &Claim, subject: Subject, clients: bool, zone: &TimeZone) -> String {
    let value = match (subject, &claim.value) {
        (Subject::Removal, None) => "removed it".to_owned(),
        (Subject::Removal, Some(_)) => "edited it".to_owned(),
        (Subject::Field(_), Some(FieldValue::Slot(slot))) => {
            format!("has {} {}", words::day(slot.start(), zone), words::times(*slot, zone))
        }
        (Subject::Field(_), _) => match json::claimed(claim, subject, clients) {
            Some(value) => format!("has {}", clean(&value)),
            None => "has nothing".to_owned(),
        },
    };
    format!("{} {value} since {}", claim.platform, words::moment(claim.changed_at, zone))
}

fn overlap_words(overlap: &OverlapReport, zone: &TimeZone) -> String {
    let bookings: Vec<String> = overlap
        .bookings
        .iter()
        .map(|entry| {
            format!(
                "{} {} (first seen on {}, {})",
                words::day(entry.slot.start(), zone),
                words::times(entry.slot, zone),
                entry.platform,
                words::moment(entry.at, zone)
            )
        })
        .collect();
    format!("{}: {}", overlap.resource, bookings.join(" and "))
}

fn place_words(place: Option<&(ResourceName, Slot)>, zone: &TimeZone) -> String {
    place.map_or_else(String::new, |(resource, slot)| {
        format!("{} {} {resource}, ", words::day(slot.start(), zone), words::times(*slot, zone))
    })
}

/// What waits for a person, and what waits by itself.
fn waiting(waiting: &[WaitingReport], zone: &TimeZone) -> [Section; 2] {
    let items = |needs_person: bool| {
        waiting
            .iter()
            .filter(|waiting| waiting.needs_person == needs_person)
            .map(|waiting| {
                format!(
                    "{}{}: {}",
                    place_words(waiting.place.as_ref(), zone),
                    waiting.platform,
                    clean(&waiting.why)
                )
            })
            .collect()
    };
    [
        Section {
            title: "Waiting for you".to_owned(),
            mood: Mood::Bad,
            advice: None,
            items: items(true),
        },
        Section {
            title: "Waiting".to_owned(),
            mood: Mood::Open,
            advice: None,
            items: items(false),
        },
    ]
}

/// One line per id, with how many records it concerns.
fn unmapped(report: &BridgeReport) -> Vec<String> {
    let mut counted: BTreeMap<(String, &str, String, Option<String>), u64> = BTreeMap::new();
    for unmapped in &report.unmapped {
        let key = (
            unmapped.platform.to_string(),
            unmapped.what,
            unmapped.id.clone(),
            unmapped.title.clone(),
        );
        *counted.entry(key).or_default() += 1;
    }
    counted
        .into_iter()
        .map(|((platform, what, id, title), number)| {
            let title = title.map_or_else(String::new, |title| format!(" ({})", clean(&title)));
            format!("{platform}: {what} {}{title}, {}", clean(&id), words::count(number, "booking", "bookings"))
        })
        .collect()
}

fn platforms(report: &BridgeReport) -> Vec<PlatformView> {
    report
        .platforms
        .iter()
        .map(|platform| PlatformView {
            name: platform.name.to_string(),
            records: platform.records.to_string(),
            coverage: platform.coverage.to_owned(),
            calls: platform.requests.to_string(),
            trouble: platform
                .error
                .as_ref()
                .or(platform.partial_because.as_ref())
                .map(|text| clean(text)),
        })
        .collect()
}
