//! What can be read: one plain struct per kind of row, in the core's types.

use jiff::Timestamp;
use slotbridge_core::merge::{Choice, Claim, Conflict, Presence, Shadow};
use slotbridge_core::model::{BookingId, BridgeName, PlatformName, RemoteId, Slot};
use slotbridge_core::plan::Operation;
use slotbridge_core::record::{Record, RecordState, Window};

use crate::change::{Body, Outcome};
use crate::encode::RecordRow;
use crate::ids::{OpId, RunId};

/// A mirrored record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorRow {
    /// The record as it was last read.
    pub record: Record,
    /// When it was first seen.
    pub first_seen_at: Timestamp,
    /// When it was first seen as it is now, titles aside.
    pub noticed_at: Timestamp,
    /// When it was last shown by the platform.
    pub seen_at: Timestamp,
    /// Why it cannot be read now, if so; the record is then its last good content.
    pub unreadable: Option<String>,
    /// Whether its client data were erased, and have not come back since.
    pub is_erased: bool,
}

/// What tells whether a record is as it is mirrored, without its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordHash(pub(crate) [u8; 32]);

impl RecordHash {
    /// The hash of a record as a platform shows it. A mirrored record with the same hash is the same in everything, or was
    /// until its client's data were erased.
    pub fn of(record: &Record) -> Self {
        Self(RecordRow::of(record).hash())
    }
}

/// A mirrored record without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorKey {
    /// Which record.
    pub id: RemoteId,
    /// When it starts.
    pub start: Timestamp,
    /// Whether it holds its slot.
    pub state: RecordState,
    /// What it says.
    pub hash: RecordHash,
}

/// A live mirrored record, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveSight {
    /// Which record.
    pub id: RemoteId,
    /// When it starts.
    pub start: Timestamp,
    /// When it was last shown by itself: read, changed or written.
    pub seen_at: Timestamp,
}

/// A record of no booking of a bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unlinked {
    /// Which record.
    pub id: RemoteId,
    /// Whether it holds its slot.
    pub state: RecordState,
}

/// A booking with its links and, of each link's record, what is mirrored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// The booking.
    pub booking: BookingRow,
    /// Its links, in order of platform.
    pub links: Vec<BoundLink>,
}

/// A link with its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundLink {
    /// Where.
    pub platform: PlatformName,
    /// The record; `None` while it is only presumed to be there.
    pub remote_id: Option<RemoteId>,
    /// The base of the merge.
    pub base: Base,
    /// The record as it was last read; `None` where it is not mirrored, or only presumed.
    pub record: Option<Record>,
    /// Whether client data of the link or of the record were erased, and have not come back since.
    pub is_erased: bool,
}

/// The base of a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// The platform kept, and the bridge wanted there, exactly what the booking is. So it nearly always is, and then it is
    /// not worth reading.
    Booking,
    /// Something else.
    Other(Box<Shadow>),
}

/// How far a walk over a bridge's bookings has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub(crate) ends_at: i64,
    pub(crate) seq: i64,
}

/// A quarantined row of a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableRow {
    /// Its id, if that much could be read.
    pub id: Option<RemoteId>,
    /// What is wrong with it.
    pub why: String,
    /// Since when.
    pub first_at: Timestamp,
    /// When it was last met.
    pub at: Timestamp,
}

/// What is known of a platform as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlatformState {
    /// Where the next incremental listing starts.
    pub cursor: Option<String>,
    /// When that cursor was stored.
    pub cursor_at: Option<Timestamp>,
    /// The window of the last complete reading.
    pub complete: Option<Window>,
    /// When that was.
    pub complete_at: Option<Timestamp>,
    /// When the platform was last read at all.
    pub seen_at: Option<Timestamp>,
    /// The IANA zone in which its times were read.
    pub time_zone: Option<String>,
}

/// A booking of a bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookingRow {
    /// Which booking.
    pub id: BookingId,
    /// What the bridge last agreed it should be.
    pub canonical: Presence,
    /// When it was first stored.
    pub created_at: Timestamp,
    /// When `canonical` last changed.
    pub changed_at: Timestamp,
    /// Its slot, or the one that it had when it last lived.
    pub last_slot: Option<Slot>,
    /// Whether its client data were erased.
    pub is_erased: bool,
}

/// A booking's record on a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRow {
    /// Which booking.
    pub booking: BookingId,
    /// Where.
    pub platform: PlatformName,
    /// Which record; `None` while it is only presumed to be there.
    pub remote_id: Option<RemoteId>,
    /// The base of the merge.
    pub shadow: Shadow,
    /// Since when record and shadow are so.
    pub at: Timestamp,
    /// Whether the client data in the shadow were erased.
    pub is_erased: bool,
}

/// A pair that was linked once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastLinkRow {
    /// Which booking.
    pub booking: BookingId,
    /// Where.
    pub platform: PlatformName,
    /// Which record; `None` if it was only ever presumed to be there.
    pub remote_id: Option<RemoteId>,
    /// When it was unlinked or replaced.
    pub until: Timestamp,
}

/// Bookings of a bridge with all their links.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BridgeState {
    /// In order of their ids.
    pub bookings: Vec<BookingRow>,
    /// In order of booking and platform.
    pub links: Vec<LinkRow>,
}

/// Where an operation of the journal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum JournalState {
    /// It was about to be sent; whether it was, only looking can tell.
    Intended,
    /// It came out so.
    Done(Outcome),
}

impl JournalState {
    /// Whether it still has to be settled.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Intended | Self::Done(Outcome::Unknown))
    }
}

/// An entry of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRow {
    /// Which operation.
    pub op: OpId,
    /// In which run.
    pub run: RunId,
    /// Of which bridge.
    pub bridge: BridgeName,
    /// Where it stands.
    pub state: JournalState,
    /// All of it.
    pub operation: Operation,
    /// What it rested on.
    pub fingerprint: String,
    /// When the intent was written.
    pub at: Timestamp,
    /// When the last outcome was written.
    pub outcome_at: Option<Timestamp>,
    /// The record that it made or touched.
    pub remote_id: Option<RemoteId>,
    /// The platform's reason.
    pub error: Option<String>,
    /// Whether its client data were erased; what is left of the operation is who, where and when.
    pub is_erased: bool,
}

/// A booking or record of a client that has not ended: the platforms still hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToCome {
    /// Where it lives.
    pub platforms: Vec<String>,
    /// When it starts.
    pub starts_at: Timestamp,
}

/// What was erased, and what was not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Erased {
    /// Bookings.
    pub bookings: u64,
    /// Mirrored records.
    pub records: u64,
    /// Entries of the journal.
    pub operations: u64,
    /// Conflicts.
    pub conflicts: u64,
    /// Webhooks that waited.
    pub webhooks: u64,
    /// What has not ended, erased or not, in order of time.
    pub to_come: Vec<ToCome>,
    /// What was left because its outcome is not known yet, or because it was not worked off yet.
    pub open: u64,
}

impl Erased {
    /// Whether there was nothing to erase.
    pub fn is_nothing(&self) -> bool {
        self.bookings + self.records + self.operations + self.conflicts + self.webhooks == 0
    }

    /// Adds up.
    pub fn add(&mut self, other: Self) {
        self.bookings += other.bookings;
        self.records += other.records;
        self.operations += other.operations;
        self.conflicts += other.conflicts;
        self.webhooks += other.webhooks;
        self.to_come.extend(other.to_come);
        self.open += other.open;
    }
}

/// Operations by what they do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records made.
    pub create: u64,
    /// Records changed.
    pub update: u64,
    /// Records removed.
    pub remove: u64,
}

/// Who decided a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decider {
    /// The bridge's policy.
    Policy,
    /// A person.
    Person,
}

/// Where a person's decision stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DecisionState {
    /// The next run takes it over.
    Waiting,
    /// It was taken over.
    Applied,
    /// What it was made over has changed since.
    Void,
}

/// What a person decided about a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionRow {
    /// How it is to end.
    pub choice: Choice,
    /// What everybody claimed when it was decided.
    pub claims: Vec<Claim>,
    /// When it was decided.
    pub at: Timestamp,
    /// Where the decision stands.
    pub state: DecisionState,
    /// Since when.
    pub state_at: Timestamp,
}

/// A conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictRow {
    /// A short number that never changes and is never used again.
    pub id: i64,
    /// Of which bridge.
    pub bridge: BridgeName,
    /// Over which booking.
    pub booking: BookingId,
    /// What, with every claim; `decided` says whose value was taken.
    pub conflict: Conflict,
    /// Who decided; `None` while it is open, and when it solved itself.
    pub decided_by: Option<Decider>,
    /// Whether it solved itself before anybody decided.
    pub closed: bool,
    /// What a person decided last, applied or not.
    pub decision: Option<DecisionRow>,
    /// When it was found.
    pub at: Timestamp,
    /// When it was last changed: newer claims, or the decision.
    pub changed_at: Timestamp,
}

/// A latched guard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardRow {
    /// Against which platform.
    pub platform: PlatformName,
    /// What it limits.
    pub what: String,
    /// The limit.
    pub limit: u64,
    /// What was planned.
    pub planned: u64,
    /// The fingerprint of the held plan.
    pub plan: String,
    /// When it tripped.
    pub tripped_at: Timestamp,
    /// When a person approved that plan.
    pub approved_at: Option<Timestamp>,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Which run.
    pub id: RunId,
    /// Why it was made.
    pub kind: String,
    /// When it began.
    pub began_at: Timestamp,
    /// When it ended; `None` while it works, and for ever if it was killed.
    pub ended_at: Option<Timestamp>,
    /// What the process would exit with.
    pub exit_code: Option<u8>,
    /// The report's totals.
    pub totals: Vec<(String, u64)>,
}

/// A webhook that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxRow {
    /// Its row number.
    pub id: i64,
    /// The record that it is about, if that is known.
    pub remote_id: Option<RemoteId>,
    /// BLAKE3 of the body.
    pub body_hash: [u8; 32],
    /// The body.
    pub body: Body,
    /// When it came.
    pub at: Timestamp,
}

/// The database at a glance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Every platform of which anything is stored, by name.
    pub platforms: Vec<PlatformSummary>,
    /// Every bridge of which anything is stored, by name.
    pub bridges: Vec<BridgeSummary>,
}

/// A platform at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformSummary {
    /// Which one.
    pub platform: PlatformName,
    /// Mirrored records, tombstones included.
    pub records: u64,
    /// Those that take their slot.
    pub live: u64,
    /// Rows in quarantine.
    pub unreadable: u64,
    /// Webhooks that wait.
    pub inbox: u64,
    /// Cursor, last complete pass, zone.
    pub state: PlatformState,
}

/// A bridge at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BridgeSummary {
    /// Which one.
    pub bridge: BridgeName,
    /// Bookings, gone ones included.
    pub bookings: u64,
    /// Those that live.
    pub live: u64,
    /// Links.
    pub links: u64,
    /// Links whose record is only presumed.
    pub presumed: u64,
    /// Journal entries that are not settled.
    pub journal_open: u64,
    /// When the oldest of these was written.
    pub journal_oldest: Option<Timestamp>,
    /// Conflicts that wait for a person.
    pub conflicts_open: u64,
    /// Latched guards, approved or not.
    pub guards_latched: u64,
}

/// What a clean-up removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Runs that wrote nothing.
    pub runs: u64,
    /// Settled entries of the journal.
    pub journal: u64,
    /// Conflicts that are closed.
    pub conflicts: u64,
    /// What people were told of and nobody has seen since.
    pub notices: u64,
}

/// Something that people were told of and that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeRow {
    /// What kind of thing.
    pub kind: String,
    /// Which one.
    pub subject: String,
    /// Since when it stands.
    pub since: Timestamp,
    /// When they were last told.
    pub told_at: Timestamp,
}

/// What looking after the database came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Upkeep {
    /// What SQLite found damaged, without content; empty when all is well.
    pub damage: Vec<String>,
    /// Whether the write-ahead log was folded into the file; not while somebody reads an older state.
    pub folded: bool,
    /// Bytes of the file afterwards.
    pub bytes: u64,
    /// Bytes of it that are free for what comes.
    pub free: u64,
    /// Bytes by which the file was made smaller.
    pub given_back: u64,
}
