//! The report as one JSON object, for programs. Its keys are part of the outside contract; new ones may be added.
//!
//! Client data (`client.*`, `comment`) are replaced by `‹hidden›` where there is content, and are null where there is
//! none, so that a change shows and its content does not.

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use slotbridge_core::merge::{Claim, Stamp, Subject};
use slotbridge_core::model::{Booking, Field, PlatformName, RemoteId};
use slotbridge_engine::report::{
    AmbiguousReport, BridgeReport, ConflictReport, GuardReport, LeftAloneReport, OperationReport,
    OverlapReport, PersonReport, PlatformReport, Report, UnmappedReport, WaitingReport,
};

use super::{Showing, words};

/// The version of the shape.
pub(crate) const SCHEMA: u32 = 1;

#[derive(Debug, Serialize)]
struct ReportRow {
    schema: u32,
    run: String,
    generated_at: String,
    dry_run: bool,
    cancelled: bool,
    totals: Totals,
    bridges: Vec<BridgeRow>,
}

/// What a run came to, by name.
#[derive(Debug)]
pub(crate) struct Totals(Vec<(&'static str, u64)>);

impl Totals {
    /// Counts a report.
    pub(crate) fn of(report: &Report) -> Self {
        Self(report.totals())
    }

    /// One of the numbers.
    pub(crate) fn get(&self, name: &str) -> u64 {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map_or(0, |(_, number)| *number)
    }
}

impl Serialize for Totals {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

#[derive(Debug, Serialize)]
struct BridgeRow {
    name: String,
    /// The fingerprint of all that is wanted; `slotbridge apply` goes by it.
    plan: String,
    guard: Option<GuardRow>,
    guards: Vec<GuardRow>,
    platforms: Vec<PlatformRow>,
    operations: Vec<OperationRow>,
    adopted: u64,
    conflicts: Vec<ConflictRow>,
    overlaps: Vec<OverlapRow>,
    ambiguous: Vec<AmbiguousRow>,
    unmapped: Vec<UnmappedRow>,
    unsupported: Vec<LeftAloneRow>,
    unreadable: Vec<LeftAloneRow>,
    waiting: Vec<WaitingRow>,
}

#[derive(Debug, Serialize)]
struct GuardRow {
    platform: String,
    what: String,
    limit: u64,
    planned: u64,
    plan: String,
}

#[derive(Debug, Serialize)]
struct PlatformRow {
    name: String,
    records: u64,
    coverage: &'static str,
    partial_because: Option<String>,
    requests: u64,
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct OperationRow {
    op: &'static str,
    platform: String,
    remote_id: Option<String>,
    booking: String,
    resource: Option<String>,
    start: Option<String>,
    end: Option<String>,
    because: Vec<RecordRow>,
    changes: Vec<ChangeRow>,
    parking: bool,
    rebooks: bool,
    held: bool,
    outcome: &'static str,
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct RecordRow {
    platform: String,
    remote_id: String,
}

/// One field that an operation writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ChangeRow {
    pub(crate) field: &'static str,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
}

#[derive(Debug, Serialize)]
struct ConflictRow {
    id: Option<String>,
    booking: String,
    resource: Option<String>,
    start: Option<String>,
    field: &'static str,
    values: Vec<ValueRow>,
    decided: Option<DecidedRow>,
    /// Whether a person decided it over values that have changed since.
    void: bool,
}

#[derive(Debug, Serialize)]
struct ValueRow {
    platform: String,
    value: Option<String>,
    changed_at: String,
    stamp: &'static str,
}

#[derive(Debug, Serialize)]
struct DecidedRow {
    by: &'static str,
    platform: Option<String>,
    /// What a person chose: `take`, `set` or `keep`.
    choice: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct OverlapRow {
    resource: String,
    bookings: Vec<OverlapEntryRow>,
}

#[derive(Debug, Serialize)]
struct OverlapEntryRow {
    booking: String,
    start: String,
    end: String,
    first_seen: SeenRow,
}

#[derive(Debug, Serialize)]
struct SeenRow {
    platform: String,
    at: String,
}

#[derive(Debug, Serialize)]
struct AmbiguousRow {
    platform: String,
    remote_id: Option<String>,
    candidates: Vec<RecordRow>,
    why: String,
}

#[derive(Debug, Serialize)]
struct UnmappedRow {
    platform: String,
    remote_id: Option<String>,
    what: &'static str,
    id: String,
    title: Option<String>,
}

#[derive(Debug, Serialize)]
struct LeftAloneRow {
    platform: String,
    remote_id: Option<String>,
    why: String,
}

#[derive(Debug, Serialize)]
struct WaitingRow {
    platform: String,
    booking: String,
    resource: Option<String>,
    start: Option<String>,
    end: Option<String>,
    why: String,
    needs_person: bool,
}

/// Writes a report.
pub(crate) fn report(report: &Report, showing: &Showing) -> String {
    let row = ReportRow {
        schema: SCHEMA,
        run: report.run.clone(),
        generated_at: whole_seconds(report.generated_at),
        dry_run: report.dry_run,
        cancelled: report.cancelled,
        totals: Totals::of(report),
        bridges: report
            .bridges
            .iter()
            .map(|bridge| bridge_row(bridge, showing.clients))
            .collect(),
    };
    to_text(&row)
}

/// An instant without fractions of a second.
fn whole_seconds(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second())
        .unwrap_or(at)
        .to_string()
}

/// Writes any value that is made of plain rows.
pub(crate) fn to_text(row: &impl Serialize) -> String {
    let mut text =
        serde_json::to_string_pretty(row).expect("plain rows with text keys always serialise");
    text.push('\n');
    text
}

fn bridge_row(bridge: &BridgeReport, clients: bool) -> BridgeRow {
    BridgeRow {
        name: bridge.name.to_string(),
        plan: bridge.plan.clone(),
        guard: bridge.guards.first().map(guard_row),
        guards: bridge.guards.iter().map(guard_row).collect(),
        platforms: bridge.platforms.iter().map(platform_row).collect(),
        operations: bridge
            .operations
            .iter()
            .map(|operation| operation_row(operation, clients))
            .collect(),
        adopted: bridge.adopted,
        conflicts: bridge
            .conflicts
            .iter()
            .map(|conflict| conflict_row(conflict, clients))
            .collect(),
        overlaps: bridge.overlaps.iter().map(overlap_row).collect(),
        ambiguous: bridge.ambiguous.iter().map(ambiguous_row).collect(),
        unmapped: bridge.unmapped.iter().map(unmapped_row).collect(),
        unsupported: bridge.unsupported.iter().map(left_alone_row).collect(),
        unreadable: bridge.unreadable.iter().map(left_alone_row).collect(),
        waiting: bridge.waiting.iter().map(waiting_row).collect(),
    }
}

fn guard_row(guard: &GuardReport) -> GuardRow {
    GuardRow {
        platform: guard.platform.to_string(),
        what: guard.what.clone(),
        limit: guard.limit,
        planned: guard.planned,
        plan: guard.plan.clone(),
    }
}

fn platform_row(platform: &PlatformReport) -> PlatformRow {
    PlatformRow {
        name: platform.name.to_string(),
        records: platform.records,
        coverage: platform.coverage,
        partial_because: platform.partial_because.clone(),
        requests: platform.requests,
        error: platform.error.clone(),
    }
}

fn operation_row(operation: &OperationReport, clients: bool) -> OperationRow {
    let place = operation.place();
    OperationRow {
        op: operation.op,
        platform: operation.platform.to_string(),
        remote_id: text_of(operation.remote_id.as_ref()),
        booking: operation.booking.to_string(),
        resource: place.map(|(resource, _)| resource.to_string()),
        start: place.map(|(_, slot)| slot.start().to_string()),
        end: place.map(|(_, slot)| slot.end().to_string()),
        because: operation.because.iter().map(record_row).collect(),
        changes: changes(operation, clients),
        parking: operation.parking,
        rebooks: operation.rebooks,
        held: operation.held,
        outcome: operation.outcome.as_str(),
        error: operation.error.clone(),
    }
}

fn text_of(id: Option<&RemoteId>) -> Option<String> {
    id.map(ToString::to_string)
}

fn record_row((platform, id): &(PlatformName, RemoteId)) -> RecordRow {
    RecordRow {
        platform: platform.to_string(),
        remote_id: id.to_string(),
    }
}

/// What an operation writes, field by field: for an update the fields that it names, else all that hold something.
/// Start and end of the slot are told apart.
pub(crate) fn changes(operation: &OperationReport, clients: bool) -> Vec<ChangeRow> {
    let (before, after) = (operation.before.as_ref(), operation.after.as_ref());
    let update = before.is_some() && after.is_some();
    let mut rows = Vec::new();
    for field in Field::ALL {
        if update && !operation.fields.contains(&field) {
            continue;
        }
        if field == Field::Slot {
            rows.extend(slot_changes(before, after, update));
            continue;
        }
        let value = |booking: Option<&Booking>| {
            booking.and_then(|booking| {
                words::value(&booking.field(field), field.is_client_data(), clients)
            })
        };
        let (from, to) = (value(before), value(after));
        if from.is_some() || to.is_some() {
            rows.push(ChangeRow {
                field: field.as_str(),
                from,
                to,
            });
        }
    }
    rows
}

fn slot_changes(before: Option<&Booking>, after: Option<&Booking>, update: bool) -> Vec<ChangeRow> {
    let start = |booking: &Booking| booking.slot.start().to_string();
    let end = |booking: &Booking| booking.slot.end().to_string();
    let row = |field, from: Option<String>, to: Option<String>| ChangeRow { field, from, to };
    let mut rows = vec![
        row("slot.start", before.map(start), after.map(start)),
        row("slot.end", before.map(end), after.map(end)),
    ];
    rows.retain(|row| !update || row.from != row.to);
    rows
}

fn conflict_row(report: &ConflictReport, clients: bool) -> ConflictRow {
    let conflict = &report.conflict;
    ConflictRow {
        id: report.id.clone(),
        booking: report.booking.to_string(),
        resource: report
            .place
            .as_ref()
            .map(|(resource, _)| resource.to_string()),
        start: report
            .place
            .as_ref()
            .map(|(_, slot)| slot.start().to_string()),
        field: conflict.subject.as_str(),
        values: conflict
            .claims
            .iter()
            .map(|claim| ValueRow {
                platform: claim.platform.to_string(),
                value: claimed(claim, conflict.subject, clients),
                changed_at: claim.changed_at.to_string(),
                stamp: stamp(claim),
            })
            .collect(),
        decided: decided(report),
        void: report.person == Some(PersonReport::Void),
    }
}

/// Whose word the time of a claim is.
pub(crate) fn stamp(claim: &Claim) -> &'static str {
    match claim.stamp {
        Stamp::Platform => "platform",
        Stamp::FirstSeen => "first_seen",
    }
}

fn decided(report: &ConflictReport) -> Option<DecidedRow> {
    let platform = report.conflict.decided.as_ref().map(ToString::to_string);
    match &report.person {
        Some(PersonReport::Applied(choice)) => Some(DecidedRow {
            by: "person",
            platform,
            choice: Some(choice.as_str()),
        }),
        Some(PersonReport::Void) | None => platform.map(|platform| DecidedRow {
            by: "policy",
            platform: Some(platform),
            choice: None,
        }),
    }
}

/// A claim's value; of a removal conflict the edited text could be anything, so it counts as client data.
pub(crate) fn claimed(claim: &Claim, subject: Subject, clients: bool) -> Option<String> {
    let client_data = match subject {
        Subject::Field(field) => field.is_client_data(),
        Subject::Removal => matches!(
            claim.value,
            Some(slotbridge_core::model::FieldValue::Text(_))
        ),
    };
    claim
        .value
        .as_ref()
        .and_then(|value| words::value(value, client_data, clients))
}

fn overlap_row(overlap: &OverlapReport) -> OverlapRow {
    OverlapRow {
        resource: overlap.resource.to_string(),
        bookings: overlap
            .bookings
            .iter()
            .map(|entry| OverlapEntryRow {
                booking: entry.booking.to_string(),
                start: entry.slot.start().to_string(),
                end: entry.slot.end().to_string(),
                first_seen: SeenRow {
                    platform: entry.platform.to_string(),
                    at: entry.at.to_string(),
                },
            })
            .collect(),
    }
}

fn ambiguous_row(ambiguous: &AmbiguousReport) -> AmbiguousRow {
    AmbiguousRow {
        platform: ambiguous.platform.to_string(),
        remote_id: text_of(ambiguous.remote_id.as_ref()),
        candidates: ambiguous.candidates.iter().map(record_row).collect(),
        why: ambiguous.why.clone(),
    }
}

fn unmapped_row(unmapped: &UnmappedReport) -> UnmappedRow {
    UnmappedRow {
        platform: unmapped.platform.to_string(),
        remote_id: text_of(unmapped.remote_id.as_ref()),
        what: unmapped.what,
        id: unmapped.id.clone(),
        title: unmapped.title.clone(),
    }
}

fn left_alone_row(left: &LeftAloneReport) -> LeftAloneRow {
    LeftAloneRow {
        platform: left.platform.to_string(),
        remote_id: text_of(left.remote_id.as_ref()),
        why: left.why.clone(),
    }
}

fn waiting_row(waiting: &WaitingReport) -> WaitingRow {
    WaitingRow {
        platform: waiting.platform.to_string(),
        booking: waiting.booking.to_string(),
        resource: waiting
            .place
            .as_ref()
            .map(|(resource, _)| resource.to_string()),
        start: waiting
            .place
            .as_ref()
            .map(|(_, slot)| slot.start().to_string()),
        end: waiting
            .place
            .as_ref()
            .map(|(_, slot)| slot.end().to_string()),
        why: waiting.why.clone(),
        needs_person: waiting.needs_person,
    }
}
