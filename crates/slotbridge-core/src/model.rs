//! The words of the domain as types: bookings, slots, clients, and the names that things go by.
//!
//! Nothing here derives serde: the store, the wire and the reports have shapes of their own.

mod value;

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use uuid::Uuid;

/// A name that the user chose is empty or holds a character that would break reports or keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {value:?} is not a name: use letters, digits, `-`, `_` or `.`, at most 64 of them")]
pub struct InvalidName {
    /// Which kind of name was meant, for the message.
    pub what: &'static str,
    /// What was given.
    pub value: String,
}

macro_rules! user_name {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Checks and takes a name.
            ///
            /// # Errors
            /// [`InvalidName`] when it is empty, longer than 64 characters, or holds anything but letters, digits,
            /// `-`, `_` and `.`.
            pub fn new(value: impl Into<String>) -> Result<Self, InvalidName> {
                let value = value.into();
                let fits = !value.is_empty()
                    && value.chars().count() <= 64
                    && value.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
                if fits { Ok(Self(value)) } else { Err(InvalidName { what: $what, value }) }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }
    };
}

user_name!(
    /// The user's name for one account on an external booking system.
    PlatformName,
    "platform"
);
user_name!(
    /// The user's name for a set of platforms kept in step.
    BridgeName,
    "bridge"
);
user_name!(
    /// The user's name for who or what is booked.
    ResourceName,
    "resource"
);
user_name!(
    /// The user's name for what is done.
    ServiceName,
    "service"
);

macro_rules! remote_key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Takes the platform's own spelling.
            pub fn new(value: impl Into<String>) -> Self {
                Self(value.into())
            }

            /// The platform's own spelling.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }
    };
}

remote_key!(
    /// The id under which a platform knows a record.
    RemoteId
);
remote_key!(
    /// The id under which a platform knows a resource.
    ResourceKey
);
remote_key!(
    /// The id under which a platform knows a service; several ids are joined as `name=value;name=value`.
    ServiceKey
);

/// The id of a booking, the same on every platform of the bridge; also what a marker carries.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BookingId(Uuid);

impl BookingId {
    /// Builds an id that sorts by time, from a clock reading and random bytes that the caller drew.
    pub fn from_parts(now: Timestamp, random: [u8; 10]) -> Self {
        let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// The id as a number, for tests and for storage.
    pub fn as_u128(self) -> u128 {
        self.0.as_u128()
    }

    /// The id with exactly this number.
    pub const fn from_u128(value: u128) -> Self {
        Self(Uuid::from_u128(value))
    }
}

impl fmt::Display for BookingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for BookingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A text that is not a booking id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a booking id")]
pub struct InvalidBookingId;

impl FromStr for BookingId {
    type Err = InvalidBookingId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Only the hyphenated form counts: a marker found in free text must not be mistaken.
        if text.len() != 36 {
            return Err(InvalidBookingId);
        }
        Uuid::try_parse(text)
            .map(Self)
            .map_err(|_not_a_uuid| InvalidBookingId)
    }
}

/// Text about a client. It prints as its length only, so that it cannot slip into a log.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Private(String);

impl Private {
    /// Takes the text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself; for the wire, the database and reports that were asked to show it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing but white space.
    pub fn is_blank(&self) -> bool {
        self.0.trim().is_empty()
    }
}

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "‹{} characters›", self.0.chars().count())
    }
}

/// Start and end of a booking, as instants; the end is never before the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    start: Timestamp,
    end: Timestamp,
}

/// A slot whose end lies before its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a slot from {start} cannot end at {end}")]
pub struct InvalidSlot {
    start: Timestamp,
    end: Timestamp,
}

impl Slot {
    /// Checks and takes a start and an end.
    ///
    /// # Errors
    /// [`InvalidSlot`] when the end lies before the start.
    pub fn new(start: Timestamp, end: Timestamp) -> Result<Self, InvalidSlot> {
        if end < start {
            Err(InvalidSlot { start, end })
        } else {
            Ok(Self { start, end })
        }
    }

    /// The first instant.
    pub fn start(self) -> Timestamp {
        self.start
    }

    /// The first instant that is free again.
    pub fn end(self) -> Timestamp {
        self.end
    }

    /// Whether the two share any instant. A slot without length shares none.
    pub fn intersects(self, other: Self) -> bool {
        self.start < other.end
            && other.start < self.end
            && self.start < self.end
            && other.start < other.end
    }
}

/// Who is coming. Prints without content.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Client {
    /// Full name as the platform has it, white space folded; blank when unknown.
    pub name: Private,
    /// Phone in E.164 where it could be read as one, else as written; `None` when unknown or hidden.
    pub phone: Option<Private>,
    /// E-mail, trimmed; `None` when unknown or hidden.
    pub email: Option<Private>,
}

/// How far a booking has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// The slot is taken.
    Booked,
    /// The client has confirmed.
    Confirmed,
    /// The client is or was there.
    Arrived,
    /// The client did not come.
    NoShow,
    /// The slot is free again.
    Cancelled,
}

impl Status {
    /// Every status, in the order of the tables.
    pub const ALL: [Self; 5] = [
        Self::Booked,
        Self::Confirmed,
        Self::Arrived,
        Self::NoShow,
        Self::Cancelled,
    ];

    /// The word used in reports, the database and the config.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Booked => "booked",
            Self::Confirmed => "confirmed",
            Self::Arrived => "arrived",
            Self::NoShow => "no_show",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status that goes by this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// What a booking stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A client's appointment.
    Appointment,
    /// An anonymous busy interval.
    Block,
}

impl Kind {
    /// The word used in reports and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Appointment => "appointment",
            Self::Block => "block",
        }
    }

    /// The kind that goes by this word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Appointment, Self::Block]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}

/// The platform-independent appointment. A booking that exists as a value is live: cancelled ones are known by their
/// absence ([`crate::merge::Presence::Gone`]).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Booking {
    /// Who or what is booked.
    pub resource: ResourceName,
    /// What is done, in order, without repeats.
    pub services: Vec<ServiceName>,
    /// When.
    pub slot: Slot,
    /// For whom.
    pub client: Client,
    /// How far it has come; never [`Status::Cancelled`] in a live booking.
    pub status: Status,
    /// Free text, without our marker.
    pub comment: Private,
    /// Appointment or anonymous block.
    pub kind: Kind,
}

/// The parts of a booking that are merged and written one by one. The slot is one part: half of one person's move and
/// half of another's would be a time that nobody asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// [`Booking::resource`]
    Resource,
    /// [`Booking::services`]
    Services,
    /// [`Booking::slot`]
    Slot,
    /// [`Client::name`]
    ClientName,
    /// [`Client::phone`]
    ClientPhone,
    /// [`Client::email`]
    ClientEmail,
    /// [`Booking::status`]
    Status,
    /// [`Booking::comment`]
    Comment,
}

impl Field {
    /// Every field, in the order of reports.
    pub const ALL: [Self; 8] = [
        Self::Resource,
        Self::Services,
        Self::Slot,
        Self::ClientName,
        Self::ClientPhone,
        Self::ClientEmail,
        Self::Status,
        Self::Comment,
    ];

    /// The word used in reports and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resource => "resource",
            Self::Services => "services",
            Self::Slot => "slot",
            Self::ClientName => "client.name",
            Self::ClientPhone => "client.phone",
            Self::ClientEmail => "client.email",
            Self::Status => "status",
            Self::Comment => "comment",
        }
    }

    /// The field that goes by this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == word)
    }

    /// Whether the field says who the client is or what was written about them.
    pub fn is_client_data(self) -> bool {
        match self {
            Self::ClientName | Self::ClientPhone | Self::ClientEmail | Self::Comment => true,
            Self::Resource | Self::Services | Self::Slot | Self::Status => false,
        }
    }

    /// Whether an empty value means "not known here" rather than "cleared". A platform that hides phones from a user
    /// without the right, or a client card that was erased, must not wipe the contacts everywhere else.
    pub fn empty_means_unknown(self) -> bool {
        match self {
            Self::ClientName | Self::ClientPhone | Self::ClientEmail => true,
            Self::Resource | Self::Services | Self::Slot | Self::Status | Self::Comment => false,
        }
    }
}

/// The value of one field of a booking.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FieldValue {
    /// Value of [`Field::Resource`].
    Resource(ResourceName),
    /// Value of [`Field::Services`].
    Services(Vec<ServiceName>),
    /// Value of [`Field::Slot`].
    Slot(Slot),
    /// Value of [`Field::ClientName`], [`Field::ClientPhone`], [`Field::ClientEmail`] or [`Field::Comment`]; `None`
    /// when unknown.
    Text(Option<Private>),
    /// Value of [`Field::Status`].
    Status(Status),
}

impl FieldValue {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.as_ref().is_none_or(Private::is_blank),
            Self::Services(services) => services.is_empty(),
            Self::Resource(_) | Self::Slot(_) | Self::Status(_) => false,
        }
    }
}

impl Booking {
    /// The value of one field.
    pub fn field(&self, field: Field) -> FieldValue {
        match field {
            Field::Resource => FieldValue::Resource(self.resource.clone()),
            Field::Services => FieldValue::Services(self.services.clone()),
            Field::Slot => FieldValue::Slot(self.slot),
            Field::ClientName => FieldValue::Text(Some(self.client.name.clone())),
            Field::ClientPhone => FieldValue::Text(self.client.phone.clone()),
            Field::ClientEmail => FieldValue::Text(self.client.email.clone()),
            Field::Status => FieldValue::Status(self.status),
            Field::Comment => FieldValue::Text(Some(self.comment.clone())),
        }
    }

    /// Whether there is nothing in one field: as [`FieldValue::is_empty`] says, without taking the value out.
    pub fn is_field_empty(&self, field: Field) -> bool {
        let blank = |text: &Option<Private>| text.as_ref().is_none_or(Private::is_blank);
        match field {
            Field::Services => self.services.is_empty(),
            Field::ClientName => self.client.name.is_blank(),
            Field::ClientPhone => blank(&self.client.phone),
            Field::ClientEmail => blank(&self.client.email),
            Field::Comment => self.comment.is_blank(),
            Field::Resource | Field::Slot | Field::Status => false,
        }
    }

    /// Takes one field over from another booking.
    pub fn take_field(&mut self, field: Field, from: &Self) {
        match field {
            Field::Resource => self.resource.clone_from(&from.resource),
            Field::Services => self.services.clone_from(&from.services),
            Field::Slot => self.slot = from.slot,
            Field::ClientName => self.client.name.clone_from(&from.client.name),
            Field::ClientPhone => self.client.phone.clone_from(&from.client.phone),
            Field::ClientEmail => self.client.email.clone_from(&from.client.email),
            Field::Status => self.status = from.status,
            Field::Comment => self.comment.clone_from(&from.comment),
        }
    }
}
