//! What a person can do on a platform, and what a person would see there; the same on every platform.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::fmt::{self, Write as _};
use std::hash::Hasher as _;

use jiff::Timestamp;

use crate::calls::Call;
use crate::faults::Faults;
use crate::marker::Duplicate;

/// A booking that a person makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    /// The member of staff (Rubitime: cooperator).
    pub staff: u64,
    /// The services; Rubitime holds exactly one and takes the first.
    pub services: Vec<u64>,
    /// When it starts.
    pub start: Timestamp,
    /// How long it lasts, in minutes.
    pub minutes: i64,
    /// The client's name.
    pub name: String,
    /// The client's phone, in any spelling.
    pub phone: String,
    /// The client's e-mail.
    pub email: String,
    /// The comment.
    pub comment: String,
    /// The platform's own status: attendance on YCLIENTS, the status code on Rubitime.
    pub status: i64,
}

impl Booking {
    /// Makes a booking without a client.
    pub fn new(staff: u64, service: u64, start: Timestamp, minutes: i64) -> Self {
        Self {
            staff,
            services: vec![service],
            start,
            minutes,
            name: String::new(),
            phone: String::new(),
            email: String::new(),
            comment: String::new(),
            status: 0,
        }
    }

    /// Adds the client.
    #[must_use]
    pub fn client(mut self, name: &str, phone: &str) -> Self {
        name.clone_into(&mut self.name);
        phone.clone_into(&mut self.phone);
        self
    }

    /// Adds the client's e-mail.
    #[must_use]
    pub fn email(mut self, email: &str) -> Self {
        email.clone_into(&mut self.email);
        self
    }

    /// Adds the comment.
    #[must_use]
    pub fn comment(mut self, comment: &str) -> Self {
        comment.clone_into(&mut self.comment);
        self
    }

    /// Gives it a status other than 0.
    #[must_use]
    pub const fn status(mut self, status: i64) -> Self {
        self.status = status;
        self
    }
}

/// What a person changes in a booking; what is none stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edit {
    /// Another member of staff.
    pub staff: Option<u64>,
    /// Other services.
    pub services: Option<Vec<u64>>,
    /// Another length.
    pub minutes: Option<i64>,
    /// Another name.
    pub name: Option<String>,
    /// Another phone.
    pub phone: Option<String>,
    /// Another e-mail.
    pub email: Option<String>,
    /// Another comment.
    pub comment: Option<String>,
    /// Another status, in the platform's own numbers.
    pub status: Option<i64>,
}

/// There is no such record, or it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no live record {0}")]
pub struct NoSuchRecord(pub u64);

/// A person's hand on a platform: it needs no token, passes no quota and meets no fault.
pub trait Hand {
    /// Books, also over a busy time, and gives the record's id.
    fn book(&self, booking: &Booking) -> u64;
    /// Moves a booking to another start and keeps its length.
    fn move_to(&self, id: u64, start: Timestamp) -> Result<(), NoSuchRecord>;
    /// Changes what `edit` names.
    fn edit(&self, id: u64, edit: &Edit) -> Result<(), NoSuchRecord>;
    /// Cancels in the platform's usual way: YCLIENTS deletes softly, Rubitime sets status 4.
    fn cancel(&self, id: u64) -> Result<(), NoSuchRecord>;
    /// Removes: YCLIENTS deletes softly, Rubitime for good.
    fn remove(&self, id: u64) -> Result<(), NoSuchRecord>;
    /// Tells whether a member of staff has nothing then.
    fn is_free(&self, staff: u64, start: Timestamp, minutes: i64) -> bool;
}

/// One record as the platform holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The record's id.
    pub id: u64,
    /// The member of staff.
    pub staff: u64,
    /// The services in order.
    pub services: Vec<u64>,
    /// When it starts.
    pub start: Timestamp,
    /// When it ends.
    pub end: Timestamp,
    /// The client's name.
    pub name: String,
    /// The client's phone as the platform keeps it.
    pub phone: String,
    /// The client's e-mail.
    pub email: String,
    /// The comment.
    pub comment: String,
    /// The platform's own status: attendance on YCLIENTS, the status code on Rubitime.
    pub status: i64,
    /// The bridge's marker in it, wherever it stands.
    pub marker: Option<String>,
    /// The account's own fields by name.
    pub fields: BTreeMap<String, String>,
    /// The group event it belongs to, 0 for none.
    pub activity: u64,
    /// Whether it is deleted (YCLIENTS) or cancelled (Rubitime status 4).
    pub deleted: bool,
    /// When it was last changed by anybody.
    pub changed_at: Timestamp,
}

/// What a test can see of a simulated platform without asking over HTTP.
pub trait Inspect {
    /// Every record, in the order of ids; cancelled ones included.
    fn all(&self) -> Vec<Seen>;
    /// One record.
    fn seen(&self, id: u64) -> Option<Seen>;
    /// A hash of everything the platform holds; calls that change nothing leave it as it is.
    fn fingerprint(&self) -> u64;
    /// Whenever a write by API left one marker on two live records.
    fn duplicates_ever(&self) -> Vec<Duplicate>;
    /// Every call so far.
    fn calls(&self) -> Vec<Call>;
    /// The calls from this place in the log on.
    fn calls_from(&self, place: usize) -> Vec<Call>;
    /// How many calls there were so far, those that were forgotten among them.
    fn call_count(&self) -> usize;
    /// Forgets the calls so far but for those that were refused because the quota was used up; their places stay theirs.
    fn forget_calls(&self);
    /// How many calls there were of a method.
    fn count(&self, method: &str) -> usize;
    /// The calls that were refused because the quota was used up.
    fn quota_violations(&self) -> Vec<Call>;
    /// The fault rules.
    fn faults(&self) -> &Faults;

    /// The records that take up time, in the order of ids.
    fn live(&self) -> Vec<Seen> {
        let mut all = self.all();
        all.retain(|seen| !seen.deleted);
        all
    }

    /// Pairs of live records of one member of staff whose times intersect, other than in one group event.
    fn double_bookings(&self) -> Vec<(u64, u64)> {
        let mut live = self.live();
        live.sort_by_key(|seen| (seen.staff, seen.start, seen.id));
        let mut pairs = Vec::new();
        for (place, one) in live.iter().enumerate() {
            let later = live.iter().skip(place + 1);
            for other in later.take_while(|other| other.staff == one.staff && other.start < one.end)
            {
                let one_event = one.activity != 0 && one.activity == other.activity;
                if !one_event && other.end > one.start {
                    pairs.push((one.id.min(other.id), one.id.max(other.id)));
                }
            }
        }
        pairs.sort_unstable();
        pairs
    }
}

/// Hashes a text without building it.
pub(crate) fn fingerprint(text: fmt::Arguments<'_>) -> u64 {
    struct Sink(DefaultHasher);
    impl fmt::Write for Sink {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.write(text.as_bytes());
            Ok(())
        }
    }
    let mut sink = Sink(DefaultHasher::new());
    sink.write_fmt(text).expect("a hasher takes any text");
    sink.0.finish()
}
