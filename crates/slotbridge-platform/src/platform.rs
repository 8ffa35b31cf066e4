//! The trait that every adapter implements.

use std::collections::BTreeSet;
use std::fmt;

use async_trait::async_trait;
use jiff::SignedDuration;
use slotbridge_core::model::{
    BookingId, Client, Field, Kind, PlatformName, Private, RemoteId, ResourceKey, ServiceKey, Slot,
    Status,
};
use slotbridge_core::normalise;
use slotbridge_core::projection::Projection;
use slotbridge_core::record::{Grid, Listing, Reading, Record, Window};

use crate::capabilities::Capabilities;
use crate::error::PlatformError;
use crate::webhook::{Hint, WebhookError};

/// How urgent a call is at the quota gate; the first waiting one of the highest rank goes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// A write, and the reads that it needs.
    Write,
    /// Reading a record that a webhook or a doubtful outcome points at.
    Hint,
    /// Looking for changes.
    Poll,
    /// A full pass.
    Sweep,
}

/// What to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// Everything that starts inside the window, deleted records included where the platform shows them.
    Window(Window),
    /// What changed since the cursor of an earlier listing, removals included.
    Since(String),
    /// Whether anything has changed inside the window, asked again and again. Where less than everything tells that,
    /// less is listed, and the coverage is [`Coverage::Incremental`]; else it is as [`Query::Window`].
    ///
    /// [`Coverage::Incremental`]: slotbridge_core::record::Coverage::Incremental
    Watch(Window),
}

/// A record to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Which booking; goes into the record as its marker.
    pub booking: BookingId,
    /// Who or what.
    pub resource: ResourceKey,
    /// What is done.
    pub services: Vec<ServiceKey>,
    /// When.
    pub slot: Slot,
    /// For whom.
    pub client: Client,
    /// How far it has come.
    pub status: Status,
    /// Free text, without marker.
    pub comment: Private,
    /// Appointment, or a block without client data.
    pub kind: Kind,
    /// Whether a busy time is accepted.
    pub force: bool,
}

/// A change to an existing record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The record's content after the change.
    pub desired: Draft,
    /// What differs; everything else stays as the owner has it.
    pub fields: BTreeSet<Field>,
    /// The record as it was when the change was planned. An adapter that reads before it writes refuses with
    /// [`crate::ErrorKind::Stale`] when the platform now shows something else ([`Edit::is_overtaken`]).
    pub expected: Option<Box<Record>>,
}

impl Edit {
    /// Whether the record, as the platform shows it now, is no longer what the change was planned over: another slot,
    /// resource, client or state, or another value of what would be overwritten.
    pub fn is_overtaken(&self, now: &Record) -> bool {
        self.expected.as_ref().is_some_and(|expected| {
            let basis = |record: &Record| {
                let Record {
                    state, start, end, ..
                } = *record;
                (state, start, end)
            };
            basis(expected) != basis(now)
                || expected.resource != now.resource
                || expected.client != now.client
                || self.fields.iter().any(|field| match field {
                    Field::Services => expected.services != now.services,
                    Field::Status => expected.status != now.status,
                    Field::Comment => {
                        let text = |record: &Record| normalise::text(record.comment.expose());
                        text(expected) != text(now)
                    }
                    Field::Resource
                    | Field::Slot
                    | Field::ClientName
                    | Field::ClientPhone
                    | Field::ClientEmail => false,
                })
        })
    }
}

/// A write that the platform confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The record's id.
    pub id: RemoteId,
    /// What the platform kept, where its reply shows the whole record; else the caller reads it.
    pub record: Option<Box<Record>>,
}

/// One thing that `slotbridge check` has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What was looked at: `credentials`, `rights`, `zone`, `reachability`, `silence`, `webhook`.
    pub what: &'static str,
    /// In words, with the way out.
    pub message: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Fine,
    /// Works, but the user should know.
    Notice,
    /// Does not work.
    Problem,
}

/// One entry of a catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueEntry {
    /// The platform's id, as a mapping spells it.
    pub key: String,
    /// The platform's title.
    pub title: String,
    /// How long a service takes.
    pub duration: Option<SignedDuration>,
    /// What a service costs, in minor units of the account's currency.
    pub price_minor: Option<i64>,
    /// Whether it can be booked now; people who left and services switched off stay listed.
    pub active: bool,
}

/// What an account offers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// Who or what can be booked.
    pub resources: Vec<CatalogueEntry>,
    /// What can be done.
    pub services: Vec<CatalogueEntry>,
    /// The account's IANA zone, where the platform tells it.
    pub time_zone: Option<String>,
}

/// One account on a booking platform.
///
/// No method has a default body: a wrapper must forward every one of them.
/// Every method may be dropped at any point; a dropped write has an unknown outcome.
/// Methods wait at the quota gate as long as they must; only a wait that is known to outlast
/// [`crate::gate::PATIENCE`] is refused instead, as [`crate::ErrorKind::RateLimited`].
#[async_trait]
pub trait Platform: Send + Sync + fmt::Debug {
    /// The user's name of the account.
    fn name(&self) -> &PlatformName;

    /// The kind, such as `yclients`.
    fn kind(&self) -> &'static str;

    /// What this account can do.
    fn capabilities(&self) -> &Capabilities;

    /// What its records can hold.
    fn projection(&self) -> &Projection;

    /// Proves credentials, rights, zone and reachability with reads only.
    ///
    /// # Errors
    /// Only when nothing could be found out at all; a refused credential is a finding.
    async fn check(&self) -> Result<Vec<Finding>, PlatformError>;

    /// Reads resources and services.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unsupported`] where the platform has no catalogue.
    async fn catalogue(&self) -> Result<Catalogue, PlatformError>;

    /// Lists records.
    ///
    /// Needs [`crate::capabilities::Discovery::List`]; [`Query::Since`] needs
    /// [`crate::capabilities::ChangeFeed::SinceCursor`]; else [`crate::ErrorKind::Unsupported`].
    /// `Ok` with [`slotbridge_core::record::Coverage::Complete`] proves that every record of the window was shown;
    /// a listing that fails midway returns what it has as `Partial`; only a failure on the very first page is an error.
    async fn list(&self, query: &Query, priority: Priority) -> Result<Listing, PlatformError>;

    /// Reads one record. `Missing` is the platform's word that it knows no such record.
    async fn read(&self, id: &RemoteId, priority: Priority) -> Result<Reading, PlatformError>;

    /// Reads the free and busy start times of one resource for one service.
    ///
    /// Needs [`crate::capabilities::OccupancyView::Grid`].
    async fn occupancy(
        &self,
        resource: &ResourceKey,
        service: &ServiceKey,
        service_length: SignedDuration,
        priority: Priority,
    ) -> Result<Grid, PlatformError>;

    /// Makes a record, silently, with our marker in it. Never repeated by the adapter once it may have been seen.
    ///
    /// # Errors
    /// [`crate::Retry::AfterObserving`] when it may have landed; [`crate::ErrorKind::SlotTaken`] on a busy time.
    async fn create(&self, draft: &Draft) -> Result<Written, PlatformError>;

    /// Changes a record, silently, and leaves everything that is not in [`Edit::fields`] as the owner has it.
    async fn update(&self, id: &RemoteId, edit: &Edit) -> Result<Written, PlatformError>;

    /// Cancels a record, silently, in the way that this platform keeps best. Succeeds when it is gone already.
    async fn remove(&self, id: &RemoteId) -> Result<(), PlatformError>;

    /// Reads a webhook body. Pure; the URL's token was checked before.
    ///
    /// # Errors
    /// [`WebhookError`] when the body is not this platform's; an event that concerns no record gives no hint.
    fn webhook(&self, body: &[u8]) -> Result<Vec<Hint>, WebhookError>;
}
