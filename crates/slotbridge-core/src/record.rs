//! What a platform showed: its own rows in its own ids, and how far the showing can be trusted.

use jiff::Timestamp;

use crate::model::{BookingId, Client, Private, RemoteId, ResourceKey, ServiceKey, Slot, Status};

/// A platform's own row for a booking, in the platform's ids and in instants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The platform's id of the row.
    pub id: RemoteId,
    /// Whether it holds its slot.
    pub state: RecordState,
    /// Who or what is booked.
    pub resource: ResourceKey,
    /// What is done, in the platform's order.
    pub services: Vec<ServiceKey>,
    /// First instant.
    pub start: Timestamp,
    /// First free instant after it; `None` where the platform names no duration.
    pub end: Option<Timestamp>,
    /// For whom; a sink's contacts and a block's placeholder already taken out.
    pub client: Client,
    /// How far it has come. [`Status::Cancelled`] only when `state` is not live.
    pub status: Status,
    /// Free text, without our marker.
    pub comment: Private,
    /// Our booking id, if the record carries one. A hint, never a proof: people copy records, markers and all.
    pub marker: Option<BookingId>,
    /// Whether the record was made by us as an anonymous block.
    pub is_block: bool,
    /// When the platform says that it last changed.
    pub changed_at: Option<Timestamp>,
    /// When the platform says that it was made.
    pub created_at: Option<Timestamp>,
    /// What the platform calls the resource, for reports and for learning a catalogue.
    pub resource_title: Option<String>,
    /// What the platform calls the first service.
    pub service_title: Option<String>,
    /// Key shared by rows that the platform treats as one visit; two live rows with one key are left untouched.
    pub group: Option<String>,
    /// Whether slotbridge may write it.
    pub support: Support,
}

/// Whether a record holds its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordState {
    /// It takes its slot.
    Live,
    /// It is kept, but cancelled.
    Cancelled,
    /// It is deleted; the platform still shows that.
    Deleted,
}

/// Whether a record can be synced as a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Support {
    /// A booking like any other.
    Full,
    /// It takes its slot, but is never edited: a group event, one part of a longer visit.
    Occupancy {
        /// Why, in a few words for the report.
        why: &'static str,
    },
}

/// A row that could not be read. It is left alone, and never taken for gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The row's id, when at least that could be read.
    pub id: Option<RemoteId>,
    /// What was wrong with it, without its content.
    pub why: String,
}

/// A half-open stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    /// First instant inside.
    pub from: Timestamp,
    /// First instant after it.
    pub to: Timestamp,
}

impl Window {
    /// Whether a record that starts then belongs to the window.
    pub fn contains(self, instant: Timestamp) -> bool {
        self.from <= instant && instant < self.to
    }
}

/// What the absence of a record from a listing means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Coverage {
    /// Every record that starts inside the window was shown, and that was proven: absence means something.
    Complete(Window),
    /// Something is missing or may be: absence means nothing.
    Partial {
        /// What was wrong, for the report.
        why: String,
    },
    /// Only what changed since a cursor was asked for.
    Incremental,
    /// Nothing was listed: the platform cannot, or was not asked.
    None,
}

impl Coverage {
    /// The word used in reports.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Complete(_) => "complete",
            Self::Partial { .. } => "partial",
            Self::Incremental => "incremental",
            Self::None => "none",
        }
    }
}

/// What a listing brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The rows that could be read, each id once.
    pub records: Vec<Record>,
    /// The rows that could not.
    pub unreadable: Vec<Unreadable>,
    /// What absence means.
    pub coverage: Coverage,
    /// Where the next incremental listing starts, in the platform's own spelling.
    pub cursor: Option<String>,
}

/// What reading one record by its id brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// The record; it may be cancelled or deleted.
    Found(Box<Record>),
    /// The platform knows no such record.
    Missing,
    /// It is there, but cannot be read.
    Unreadable(Unreadable),
}

/// What a platform says of one start time of one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GridCell {
    /// The start time.
    pub start: Timestamp,
    /// Whether a client could book it.
    pub available: bool,
}

/// The start times of one resource for one service, in order of time. Where the platform has no list endpoint, this is
/// how a booking that we know nothing else of can be noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid {
    /// Whose times.
    pub resource: ResourceKey,
    /// How long a booking started in a cell would last.
    pub service_slot: jiff::SignedDuration,
    /// The cells, ascending.
    pub cells: Vec<GridCell>,
}

impl Record {
    /// The slot, with `fallback` as its length where the platform names none.
    pub fn slot(&self, fallback: Option<jiff::SignedDuration>) -> Option<Slot> {
        let end = match (self.end, fallback) {
            (Some(end), _) => end,
            (None, Some(length)) => self.start.checked_add(length).ok()?,
            (None, None) => return None,
        };
        Slot::new(self.start, end).ok()
    }
}
