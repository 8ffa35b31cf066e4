//! What an adapter gives the suite: a fresh server, a person's hand on it, faults, and a view of what it holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use slotbridge_core::model::{
    BookingId, Client, Private, RemoteId, ResourceKey, ServiceKey, Status,
};

use crate::platform::{Draft, Platform};

/// An adapter under test.
#[async_trait]
pub trait Subject: Send + Sync {
    /// The name in the report, such as the adapter's kind.
    fn name(&self) -> &str;

    /// The cases that are known to fail, each with its reason. A case listed here that passes is a failure too.
    fn profile(&self) -> Vec<Deviation>;

    /// Whether the adapter gets itself a new token when the platform says that the old one has expired.
    fn renews_tokens(&self) -> bool;

    /// A fresh, empty server and a platform connected to it; every case asks for its own.
    ///
    /// With a zone the account lives there; `None` when the server cannot be put there.
    /// Without one the answer must be `Some`.
    async fn bench(&self, zone: Option<&TimeZone>) -> Option<Box<dyn Bench>>;
}

/// One fresh server and what can be done to it behind the platform's back.
///
/// A person's hand passes no quota, needs no token and meets no fault. Methods may panic when the server refuses what
/// a person could do: that is a fault of the test bench.
pub trait Bench: Send + Sync {
    /// The platform under test; the same one at every call.
    fn platform(&self) -> Arc<dyn Platform>;
    /// Values that are valid on this server.
    fn samples(&self) -> Samples;

    /// Arms a fault; `false` when this server has no such fault, which skips the case.
    fn arm(&self, target: Target, fault: Fault, strikes: Strikes) -> bool;
    /// Takes all faults away.
    fn disarm(&self);
    /// How often an armed fault struck. A case whose fault never struck has shown nothing, and fails.
    fn struck(&self) -> u64;

    /// A person books; also over a busy time. The record carries no marker.
    fn book(&self, draft: &Draft) -> RemoteId;
    /// A person moves a record to another start and keeps its length.
    fn move_to(&self, id: &RemoteId, start: Timestamp);
    /// A person rewrites the comment, and leaves a marker in it alone.
    fn comment(&self, id: &RemoteId, comment: &str);
    /// A person cancels in the platform's usual way.
    fn cancel(&self, id: &RemoteId);
    /// The owner sets what only the owner sets (colour, labels, own fields, reminders, prices); it shows in
    /// [`Seen::extras`] from then on. `false` when there is no such thing.
    fn set_extras(&self, id: &RemoteId) -> bool;
    /// From now on the server shows this record with one value of an impossible shape. `false` when it cannot.
    fn spoil(&self, id: &RemoteId) -> bool;

    /// Every record, cancelled and deleted ones included.
    fn records(&self) -> Vec<Seen>;
    /// How many calls that write reached the server, whatever became of them.
    fn writes(&self) -> u64;
    /// What the platform would have sent to clients so far, in any wording.
    fn messages(&self) -> Vec<String>;
}

/// A case that is known to fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deviation {
    /// The case's name.
    pub case: String,
    /// Why it fails, and since when that is known.
    pub reason: String,
}

/// Values that are valid on a server. Every combination of them must be bookable.
#[derive(Debug, Clone)]
pub struct Samples {
    /// At least one resource; two or more let a change of resource be tested.
    pub resources: Vec<ResourceKey>,
    /// At least one service with its length; two or more let a change of services be tested.
    pub services: Vec<(ServiceKey, SignedDuration)>,
    /// At least eight starts, ascending, in the future, inside the opening hours and far enough from each other for
    /// the longest service.
    pub starts: Vec<Timestamp>,
    /// At least two clients with everything that the platform holds of one.
    pub clients: Vec<Client>,
    /// The account's zone.
    pub time_zone: TimeZone,
    /// An id of the right shape that no record has.
    pub unknown_id: RemoteId,
    /// How many rows fit on one page of a listing, if it has pages.
    pub page_rows: Option<usize>,
    /// Bodies of webhooks, each with the id that it points at, if it points at one.
    pub webhooks: Vec<(Vec<u8>, Option<RemoteId>)>,
}

/// Which calls a fault is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// The listing.
    List,
    /// Reading one record.
    Read,
    /// The write of a create; not the reads around it.
    Create,
    /// The write of an update; not the reads around it.
    Update,
    /// The write of a removal; not the reads around it.
    Remove,
}

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// It is carried out and the connection closes without an answer.
    ReplyLost,
    /// A server error, and nothing happened.
    ErrorBefore,
    /// It is carried out and answered with a server error all the same.
    ErrorAfter,
    /// Too many calls, and nothing happened.
    TooManyRequests,
    /// It is carried out and the answer's body stops in the middle.
    Truncated,
    /// A page for people, and nothing happened.
    Html,
    /// It is carried out and answered with success and a body of an unexpected shape.
    Garbage,
    /// The token is not valid any more, and nothing happened.
    ExpiredToken,
    /// A listing holds fewer rows than it says.
    ListingCut,
    /// A listing is empty and says so.
    EmptyListing,
}

/// Which of the target's calls a fault strikes, counted from the arming.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strikes {
    /// The next one.
    First,
    /// Every one.
    All,
    /// Every one after so many.
    AllAfter(u64),
}

/// One record as the server holds it, in neutral terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The record's id.
    pub id: RemoteId,
    /// Whether it takes its slot.
    pub live: bool,
    /// Our booking id in it, wherever it stands.
    pub marker: Option<BookingId>,
    /// Who or what.
    pub resource: ResourceKey,
    /// What is done.
    pub services: Vec<ServiceKey>,
    /// First instant.
    pub start: Timestamp,
    /// First free instant after it, where the server holds one.
    pub end: Option<Timestamp>,
    /// For whom, as the server holds it: a placeholder and a sink's contacts are in here.
    pub client: Client,
    /// How far it has come.
    pub status: Status,
    /// Free text without our marker.
    pub comment: Private,
    /// Everything else that the owner can set, by name.
    pub extras: BTreeMap<String, String>,
}
