//! What can be written: one value per fact, several of them per transaction.

use std::fmt;

use jiff::Timestamp;
use slotbridge_core::merge::{Choice, Conflict, Presence, Shadow, Subject};
use slotbridge_core::model::{BookingId, BridgeName, PlatformName, RemoteId, ResourceKey};
use slotbridge_core::plan::Operation;
use slotbridge_core::record::{Record, Window};

use crate::ids::{OpId, RunId};

/// The bytes of a webhook. They may hold client data, so they print as their length only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Body(Vec<u8>);

impl Body {
    /// The bytes themselves.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "‹{} bytes›", self.0.len())
    }
}

/// How an operation came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The platform confirmed it.
    Applied,
    /// The platform refused it.
    Refused,
    /// It certainly did not happen, for a reason that may pass.
    Failed,
    /// Nobody knows whether it happened. The entry stays open.
    Unknown,
    /// It was unknown; looking proved that it did not happen.
    Abandoned,
    /// It was unknown; looking proved that it did.
    SettledApplied,
    /// It was unknown; something takes exactly the time that it asked for, and is presumed to be it.
    SettledPresumed,
}

/// One fact to be written. The changes of one [`crate::Store::apply`] take effect in their order.
///
/// A change that states how things are ([`Change::Unlink`], [`Change::MirrorMissing`], [`Change::ConflictGone`],
/// [`Change::DecisionApplied`], [`Change::DecisionVoid`], [`Change::GuardReleased`], [`Change::InboxDone`],
/// [`Change::NoticeOver`]) may be repeated and may find nothing to do.
/// A change that continues something ([`Change::RunEnded`], [`Change::Outcome`], [`Change::GuardApproved`],
/// [`Change::Decision`]) needs it to be there, or the whole `apply` is refused with
/// [`crate::StoreError::NoSuch`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A run begins. Comes before the intents of the run.
    RunBegan {
        /// Which run.
        run: RunId,
        /// Why: `scheduled`, `hinted`, `reconcile`.
        kind: String,
        /// When.
        at: Timestamp,
    },
    /// A run is over.
    RunEnded {
        /// Which run.
        run: RunId,
        /// When.
        at: Timestamp,
        /// What the process would exit with.
        exit_code: u8,
        /// The report's totals, in their order.
        totals: Vec<(String, u64)>,
    },
    /// A platform shows a record. A row that differs in nothing but the time only gets a new `seen_at`, which is kept
    /// apart from the content, so that a pass without changes writes next to nothing. `noticed_at` moves only when
    /// more than a title has changed.
    MirrorSeen {
        /// Where.
        platform: PlatformName,
        /// What.
        record: Record,
        /// When.
        at: Timestamp,
    },
    /// A look shows a record. Like [`Change::MirrorSeen`], unless the record was seen, or proven to be gone, after the look
    /// was begun: then the look may be the older word, and is left.
    MirrorListed {
        /// Where.
        platform: PlatformName,
        /// What.
        record: Record,
        /// When the look was begun.
        begun_at: Timestamp,
        /// When it was there.
        at: Timestamp,
    },
    /// A record is proven to be gone. Its row stays as a tombstone, with its last content and
    /// [`slotbridge_core::record::RecordState::Deleted`]; the proof counts as having seen it. A record that was never
    /// mirrored leaves no row.
    MirrorMissing {
        /// Where.
        platform: PlatformName,
        /// Which.
        id: RemoteId,
        /// When that was proven.
        at: Timestamp,
    },
    /// A row could not be read. The mirror keeps its last good content; the reason goes when the row is read or proven
    /// to be gone, and, where the row has no id, with the next [`Change::PlatformSeen`] that is complete and later.
    MirrorUnreadable {
        /// Where.
        platform: PlatformName,
        /// Which, if that much could be read.
        id: Option<RemoteId>,
        /// Why, without content.
        why: String,
        /// When.
        at: Timestamp,
    },
    /// A platform was read. What is `None` stays as it was.
    PlatformSeen {
        /// Which.
        platform: PlatformName,
        /// Where the next incremental listing starts.
        cursor: Option<String>,
        /// The window over which the reading was proven to be complete.
        complete: Option<Window>,
        /// When.
        at: Timestamp,
        /// The IANA zone in which the account's times were read.
        time_zone: Option<String>,
    },
    /// A listing has shown every live mirrored record that starts in this window; those that had changed were noted one
    /// by one. It counts as the latest sight of each of them.
    WindowShown {
        /// Of which platform.
        platform: PlatformName,
        /// Which window.
        window: Window,
        /// When it was there.
        at: Timestamp,
    },
    /// A platform's cursor is no longer to be used.
    CursorDropped {
        /// Which platform.
        platform: PlatformName,
    },
    /// What a booking should be, new or changed. Comes before its links. A booking that goes loses its content and
    /// keeps its slot. Repeating what is there changes nothing, `changed_at` neither.
    Booking {
        /// Of which bridge.
        bridge: BridgeName,
        /// Which booking.
        id: BookingId,
        /// What it should be.
        canonical: Presence,
        /// When that was decided.
        at: Timestamp,
    },
    /// A booking's record on a platform, new or changed. A record id that is replaced goes to the past links.
    Link {
        /// Of which bridge.
        bridge: BridgeName,
        /// Of which booking.
        booking: BookingId,
        /// Where.
        platform: PlatformName,
        /// The record; `None` while it is only presumed to be there.
        remote_id: Option<RemoteId>,
        /// What the platform kept and what was wanted there when the bridge last agreed.
        shadow: Shadow,
        /// When that was.
        at: Timestamp,
    },
    /// A booking has nothing to do with its record any more. The pair goes to the past links: what we ever linked can
    /// be told from what we never saw. A link whose record or booking is gone is *not* unlinked: it is the tombstone
    /// that keeps the booking from coming back.
    Unlink {
        /// Of which bridge.
        bridge: BridgeName,
        /// Of which booking.
        booking: BookingId,
        /// Where.
        platform: PlatformName,
        /// When.
        at: Timestamp,
    },
    /// An operation is about to be sent.
    Intent {
        /// Which operation.
        op: OpId,
        /// In which run.
        run: RunId,
        /// Of which bridge.
        bridge: BridgeName,
        /// All of it, so that a crash can be settled and a run taken back.
        operation: Operation,
        /// What the operation rests on, for recognising that nothing has changed.
        fingerprint: String,
        /// When.
        at: Timestamp,
    },
    /// An operation came out. Only an entry that is open (intended or unknown) takes an outcome.
    Outcome {
        /// Which operation.
        op: OpId,
        /// How.
        outcome: Outcome,
        /// The record that it made or touched.
        remote_id: Option<RemoteId>,
        /// The platform's reason, without client data.
        error: Option<String>,
        /// When.
        at: Timestamp,
    },
    /// Platforms disagree. The claims of an undecided conflict over the same subject are replaced (its id stays); a
    /// conflict that stands there already with the same claims is not stored again.
    Conflict {
        /// Of which bridge.
        bridge: BridgeName,
        /// Over which booking.
        booking: BookingId,
        /// What.
        conflict: Conflict,
        /// When it was found.
        at: Timestamp,
    },
    /// A person decided an open conflict, over the claims that are stored. The next run takes it over; an earlier
    /// decision that still waits is replaced.
    Decision {
        /// Which conflict.
        conflict: i64,
        /// How it is to end.
        choice: Choice,
        /// When.
        at: Timestamp,
    },
    /// A person's decision was taken over: the conflict is decided.
    DecisionApplied {
        /// Of which conflict.
        conflict: i64,
        /// What was taken over.
        choice: Choice,
        /// When.
        at: Timestamp,
    },
    /// A decision that waits says nothing any more, because the claims have changed since. Its conflict stays open.
    DecisionVoid {
        /// Of which conflict.
        conflict: i64,
        /// When.
        at: Timestamp,
    },
    /// An undecided conflict has solved itself; a decision that waits for it is void.
    ConflictGone {
        /// Of which bridge.
        bridge: BridgeName,
        /// Over which booking.
        booking: BookingId,
        /// About what.
        subject: Subject,
        /// When.
        at: Timestamp,
    },
    /// How often in a row each start time of a resource was seen taken without a known reason. Replaces what was known
    /// of the resource.
    Sightings {
        /// Where.
        platform: PlatformName,
        /// Whose times.
        resource: ResourceKey,
        /// Start times with their counts.
        cells: Vec<(Timestamp, u32)>,
    },
    /// A guard tripped and latches. Another plan than the latched one makes an earlier approval void.
    Guard {
        /// Of which bridge.
        bridge: BridgeName,
        /// Against which platform.
        platform: PlatformName,
        /// What it limits.
        what: String,
        /// The limit.
        limit: u64,
        /// What was planned.
        planned: u64,
        /// The fingerprint of the held plan.
        plan: String,
        /// When.
        at: Timestamp,
    },
    /// A person approved the held plan; every guard of the bridge that holds exactly this plan is approved.
    GuardApproved {
        /// Of which bridge.
        bridge: BridgeName,
        /// The fingerprint of the plan.
        plan: String,
        /// When.
        at: Timestamp,
    },
    /// A guard is armed again.
    GuardReleased {
        /// Of which bridge.
        bridge: BridgeName,
        /// Against which platform.
        platform: PlatformName,
        /// What it limits.
        what: String,
    },
    /// A webhook came in. The same body, while it waits, is not kept twice, but gets a new row number: a run that is
    /// at work on the older row cannot mark the newer delivery as done.
    Inbox {
        /// From which platform.
        platform: PlatformName,
        /// The record that it is about, if that is known.
        id: Option<RemoteId>,
        /// BLAKE3 of the body.
        body_hash: [u8; 32],
        /// The body.
        body: Body,
        /// When.
        at: Timestamp,
    },
    /// Webhooks were worked off; their rows are deleted.
    InboxDone {
        /// The rows.
        rows: Vec<i64>,
    },
    /// People were told of something that stands, for the first time or again.
    NoticeTold {
        /// What kind of thing.
        kind: String,
        /// Which one, in names and ids of ours.
        subject: String,
        /// Since when it stands.
        since: Timestamp,
        /// When they were told.
        at: Timestamp,
    },
    /// Something that people were told of does not stand any more.
    NoticeOver {
        /// What kind of thing.
        kind: String,
        /// Which one.
        subject: String,
    },
    /// A schedule was worked off up to this due time. An earlier one than what is stored changes nothing.
    ScheduleDone {
        /// Which schedule.
        name: String,
        /// The due time.
        at: Timestamp,
    },
}
