//! A bridge's part of a report in words for a person, before it is laid out as text or markdown.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use similar::{ChangeTag, TextDiff};
use slotbridge_core::model::{Booking, Field, FieldValue, PlatformName, RemoteId, Slot};
use slotbridge_engine::report::{BridgeReport, OperationReport, OutcomeWord};

use super::Showing;
use super::sections::{Section, is_busy_time, sections};
use super::words::{self, clean};

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
    /// Whether old and new words stand within one text, where only marks tell them apart.
    pub(crate) woven: bool,
}

/// A piece of a field's change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Same(String),
    Old(String),
    New(String),
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

fn days(
    operations: &[OperationReport],
    dry_run: bool,
    clients: bool,
    zone: &TimeZone,
) -> Vec<DayView> {
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
            .map_or_else(
                || "Without a time".to_owned(),
                |(_, slot)| words::day(slot.start(), zone),
            );
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

fn operation_view(
    operation: &OperationReport,
    dry_run: bool,
    clients: bool,
    zone: &TimeZone,
) -> OperationView {
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
    let Some(booking) = operation.after.as_ref().or(operation.before.as_ref()) else {
        return String::new();
    };
    let mut parts = vec![
        words::times(booking.slot, zone),
        booking.resource.to_string(),
    ];
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
    let because = (!records.is_empty()).then(|| format!("because of {}", records.join(", ")));
    let parking = operation
        .parking
        .then(|| "only a stop on the way: two bookings change places".to_owned());
    let rebooks = operation
        .rebooks
        .then(|| "by cancelling and booking again: this platform cannot edit".to_owned());
    let why: Vec<String> = [because, parking, rebooks].into_iter().flatten().collect();
    (!why.is_empty()).then(|| why.join("; "))
}

/// A record by platform and id.
pub(crate) fn record((platform, id): &(PlatformName, RemoteId)) -> String {
    if is_busy_time(id) {
        format!("a busy time on {platform}")
    } else {
        format!("{platform} {}", clean(id.as_str()))
    }
}

fn change(
    field: Field,
    before: &Booking,
    after: &Booking,
    clients: bool,
    zone: &TimeZone,
) -> Vec<ChangeView> {
    let (old, new) = (before.field(field), after.field(field));
    if let (FieldValue::Slot(old), FieldValue::Slot(new)) = (&old, &new) {
        return slot_change(*old, *new, zone);
    }
    let view = |pieces, woven| {
        vec![ChangeView {
            field: field.as_str(),
            pieces,
            woven,
        }]
    };
    if field.is_client_data() && !clients {
        let what = match (old.is_empty(), new.is_empty()) {
            (true, false) => "filled in",
            (false, true) => "cleared",
            _ => "changed",
        };
        let hidden = Piece::Same(format!("{what} (--show-clients shows it)"));
        return view(vec![hidden], false);
    }
    let text = |value: &FieldValue| {
        words::value(value, false, true)
            .map(|text| clean(&text))
            .unwrap_or_default()
    };
    let (old, new) = (text(&old), text(&new));
    if field == Field::Comment && !old.is_empty() && !new.is_empty() {
        return view(diff(&old, &new), true);
    }
    view(old_and_new(&old, &new), false)
}

fn slot_change(old: Slot, new: Slot, zone: &TimeZone) -> Vec<ChangeView> {
    let mut changes = Vec::new();
    let same_day = |one, other| zone.to_datetime(one).date() == zone.to_datetime(other).date();
    let short = same_day(old.start(), new.start()) && same_day(old.end(), new.end());
    let spell = |at| {
        if short {
            words::time(at, zone)
        } else {
            words::moment(at, zone)
        }
    };
    if old.start() != new.start() {
        changes.push(ChangeView {
            field: "start",
            pieces: old_and_new(&spell(old.start()), &spell(new.start())),
            woven: false,
        });
    }
    if old.end() != new.end() {
        changes.push(ChangeView {
            field: "end",
            pieces: old_and_new(&spell(old.end()), &spell(new.end())),
            woven: false,
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
