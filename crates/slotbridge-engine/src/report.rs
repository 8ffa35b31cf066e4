//! What a run found and did, as plain data. Rendering it, and hiding client data in it, is the binary's work.

use jiff::Timestamp;
use slotbridge_core::merge::{Choice, Conflict};
use slotbridge_core::model::{
    Booking, BookingId, BridgeName, Field, PlatformName, RemoteId, ResourceName, Slot,
};
use slotbridge_core::plan::Operation;

/// One run over some bridges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The run's id.
    pub run: String,
    /// When it ended.
    pub generated_at: Timestamp,
    /// Whether it was a dry run.
    pub dry_run: bool,
    /// Whether it was stopped before its end.
    pub cancelled: bool,
    /// One entry per bridge.
    pub bridges: Vec<BridgeReport>,
}

/// One bridge's part of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BridgeReport {
    /// The bridge.
    pub name: BridgeName,
    /// The fingerprint of all that is wanted, held or not, with what it rests on ([`slotbridge_core::guard::basis_hash`]).
    pub plan: String,
    /// What a guard held, if one tripped.
    pub guards: Vec<GuardReport>,
    /// What each platform showed.
    pub platforms: Vec<PlatformReport>,
    /// Every operation that was wanted, held ones included.
    pub operations: Vec<OperationReport>,
    /// Bookings linked without a write.
    pub adopted: u64,
    /// What platforms disagreed on.
    pub conflicts: Vec<ConflictReport>,
    /// Double bookings.
    pub overlaps: Vec<OverlapReport>,
    /// Records that could be more than one booking's.
    pub ambiguous: Vec<AmbiguousReport>,
    /// Records and bookings that the mapping has no word for.
    pub unmapped: Vec<UnmappedReport>,
    /// Records that slotbridge leaves untouched, with the reason.
    pub unsupported: Vec<LeftAloneReport>,
    /// Records that could not be read, with the reason.
    pub unreadable: Vec<LeftAloneReport>,
    /// Wishes that wait: why, and where.
    pub waiting: Vec<WaitingReport>,
}

/// One platform's part of a bridge's run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformReport {
    /// The platform.
    pub name: PlatformName,
    /// Live records seen or known in the window.
    pub records: u64,
    /// `complete`, `partial`, `incremental` or `none`.
    pub coverage: &'static str,
    /// Why the coverage is only partial.
    pub partial_because: Option<String>,
    /// Calls made to it in this run.
    pub requests: u64,
    /// Why it could not be read or written, scrubbed.
    pub error: Option<String>,
}

/// What became of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OutcomeWord {
    /// Not tried: a dry run, a guard, or a stopped run.
    Planned,
    /// The platform confirmed it.
    Applied,
    /// The platform refused it.
    Refused,
    /// It certainly had no effect; it is tried again.
    Failed,
    /// It may have had an effect; the next run looks before anything else.
    Unknown,
}

impl OutcomeWord {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Applied => "applied",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationReport {
    /// `create`, `update` or `remove`.
    pub op: &'static str,
    /// Where.
    pub platform: PlatformName,
    /// The record, once it is known.
    pub remote_id: Option<RemoteId>,
    /// The booking.
    pub booking: BookingId,
    /// What the platform shows before; `None` for a create.
    pub before: Option<Booking>,
    /// What it shows after; `None` for a remove.
    pub after: Option<Booking>,
    /// The fields that an update writes.
    pub fields: Vec<Field>,
    /// The records that the wish comes from.
    pub because: Vec<(PlatformName, RemoteId)>,
    /// Whether this is only a stop on the way of a swap.
    pub parking: bool,
    /// Whether the platform cannot edit, so that the update cancels the record and books again under a new id.
    pub rebooks: bool,
    /// Whether a guard held it.
    pub held: bool,
    /// What became of it.
    pub outcome: OutcomeWord,
    /// What the platform said, scrubbed.
    pub error: Option<String>,
}

impl OperationReport {
    /// An operation that came out so, by the journal or by what is planned.
    pub fn of(operation: &Operation, outcome: OutcomeWord) -> Self {
        crate::steps::operation_report(operation, outcome)
    }

    /// The booking's resource and slot after the operation, or before it where it goes.
    pub fn place(&self) -> Option<(&ResourceName, Slot)> {
        self.after
            .as_ref()
            .or(self.before.as_ref())
            .map(|booking| (&booking.resource, booking.slot))
    }
}

/// A guard that tripped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardReport {
    /// On which platform.
    pub platform: PlatformName,
    /// What was over the limit, such as `removals_max`.
    pub what: String,
    /// The limit.
    pub limit: u64,
    /// What was planned.
    pub planned: u64,
    /// The plan that an approval would be for.
    pub plan: String,
}

/// A conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictReport {
    /// Its id, once it is stored.
    pub id: Option<String>,
    /// Which booking.
    pub booking: BookingId,
    /// Where it stands in the calendar.
    pub place: Option<(ResourceName, Slot)>,
    /// What everybody wants.
    pub conflict: Conflict,
    /// What became of a person's decision about it, if there was one.
    pub person: Option<PersonReport>,
}

impl ConflictReport {
    /// Whether a person still has to decide it.
    pub fn is_open(&self) -> bool {
        match self.person {
            Some(PersonReport::Applied(_)) => false,
            Some(PersonReport::Void) | None => self.conflict.decided.is_none(),
        }
    }
}

/// What became of a person's decision about a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PersonReport {
    /// The run took it over.
    Applied(Choice),
    /// It says nothing any more: what it was made over has changed since.
    Void,
}

/// One booking of a double booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverlapEntry {
    /// Which booking.
    pub booking: BookingId,
    /// When.
    pub slot: Slot,
    /// Where it was first seen.
    pub platform: PlatformName,
    /// When it was first seen.
    pub at: Timestamp,
}

/// Live bookings of one resource whose slots meet, the earliest seen first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverlapReport {
    /// Whose time.
    pub resource: ResourceName,
    /// The bookings.
    pub bookings: Vec<OverlapEntry>,
}

/// A record that could not be told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmbiguousReport {
    /// Where.
    pub platform: PlatformName,
    /// Which record.
    pub remote_id: Option<RemoteId>,
    /// What it could be.
    pub candidates: Vec<(PlatformName, RemoteId)>,
    /// Why it was left alone, and what a person can do.
    pub why: String,
}

/// A record or a wish that the mapping has no word for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmappedReport {
    /// Where.
    pub platform: PlatformName,
    /// The record; `None` when a booking has no counterpart to be written to.
    pub remote_id: Option<RemoteId>,
    /// `resource` or `service`.
    pub what: &'static str,
    /// The id on the platform, or the name in the bridge.
    pub id: String,
    /// The platform's title.
    pub title: Option<String>,
}

/// A record that was left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftAloneReport {
    /// Where.
    pub platform: PlatformName,
    /// Which record.
    pub remote_id: Option<RemoteId>,
    /// Why.
    pub why: String,
}

/// Something that is wanted and waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingReport {
    /// Where.
    pub platform: PlatformName,
    /// Which booking.
    pub booking: BookingId,
    /// Where it stands in the calendar.
    pub place: Option<(ResourceName, Slot)>,
    /// Why, and what a person can do.
    pub why: String,
    /// Whether only a person can end the waiting.
    pub needs_person: bool,
}

impl Report {
    /// Counts over all bridges, by the names of the JSON report.
    pub fn totals(&self) -> Vec<(&'static str, u64)> {
        let operations = || self.bridges.iter().flat_map(|bridge| &bridge.operations);
        let op = |name: &str| count(operations().filter(|one| one.op == name));
        let outcome = |word: OutcomeWord| count(operations().filter(|one| one.outcome == word));
        let sum = |of: fn(&BridgeReport) -> usize| {
            self.bridges
                .iter()
                .map(|bridge| u64::try_from(of(bridge)).unwrap_or(u64::MAX))
                .sum()
        };
        vec![
            ("create", op("create")),
            ("update", op("update")),
            ("remove", op("remove")),
            (
                "adopted",
                self.bridges.iter().map(|bridge| bridge.adopted).sum(),
            ),
            ("conflicts", sum(|bridge| bridge.conflicts.len())),
            ("overlaps", sum(|bridge| bridge.overlaps.len())),
            ("ambiguous", sum(|bridge| bridge.ambiguous.len())),
            ("unmapped", sum(|bridge| bridge.unmapped.len())),
            ("failed", outcome(OutcomeWord::Failed)),
            ("refused", outcome(OutcomeWord::Refused)),
            ("unknown", outcome(OutcomeWord::Unknown)),
        ]
    }

    /// The exit code that the run earned: 3 a guard stopped it; 1 something failed, was refused or could
    /// not be read; 4 something waits for a person; 5 a dry run has changes pending; 0 all is in step. With several,
    /// the first of 3, 1, 4, 5.
    pub fn exit_code(&self) -> u8 {
        exit_code(&self.bridges, self.dry_run, self.cancelled)
    }

    /// The exit code of one bridge's part.
    pub fn exit_code_of(bridge: &BridgeReport, dry_run: bool) -> u8 {
        exit_code(std::slice::from_ref(bridge), dry_run, false)
    }
}

fn exit_code(bridges: &[BridgeReport], dry_run: bool, cancelled: bool) -> u8 {
    let any = |test: fn(&BridgeReport) -> bool| bridges.iter().any(test);
    if any(|bridge| !bridge.guards.is_empty()) {
        3
    } else if cancelled || any(BridgeReport::has_failed) {
        1
    } else if any(BridgeReport::waits_for_person) {
        4
    } else if dry_run && any(|bridge| !bridge.operations.is_empty()) {
        5
    } else {
        0
    }
}

impl BridgeReport {
    fn has_failed(&self) -> bool {
        self.platforms
            .iter()
            .any(|platform| platform.error.is_some())
            || self.operations.iter().any(|one| match one.outcome {
                OutcomeWord::Refused | OutcomeWord::Failed | OutcomeWord::Unknown => true,
                OutcomeWord::Planned | OutcomeWord::Applied => false,
            })
    }

    fn waits_for_person(&self) -> bool {
        !self.overlaps.is_empty()
            || !self.ambiguous.is_empty()
            || self.conflicts.iter().any(ConflictReport::is_open)
            || self.waiting.iter().any(|waiting| waiting.needs_person)
    }

    /// Brings everything into the order of the calendar, so that two runs that say the same look the same.
    pub(crate) fn sort(&mut self) {
        self.operations.sort_by_key(|one| {
            let place = one.place().map(|(resource, slot)| (slot, resource.clone()));
            (place, one.platform.clone(), one.booking)
        });
        self.conflicts.sort_by_key(|one| {
            (
                one.place.as_ref().map(|(_, slot)| *slot),
                one.booking,
                one.conflict.subject,
            )
        });
        self.overlaps.sort_by_key(|one| {
            one.bookings
                .first()
                .map(|entry| (entry.slot, entry.booking))
        });
        self.ambiguous
            .sort_by_key(|one| (one.platform.clone(), one.remote_id.clone()));
        self.unmapped.sort_by_key(|one| {
            (
                one.platform.clone(),
                one.what,
                one.id.clone(),
                one.remote_id.clone(),
            )
        });
        self.unmapped.dedup();
        self.waiting.sort_by_key(|one| {
            (
                one.place.as_ref().map(|(_, slot)| *slot),
                one.booking,
                one.platform.clone(),
            )
        });
    }
}

fn count<T>(items: impl Iterator<Item = T>) -> u64 {
    u64::try_from(items.count()).unwrap_or(u64::MAX)
}
