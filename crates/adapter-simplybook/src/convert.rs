//! Between the platform's rows and the domain's records.
//!
//! Dropped on the way in: `text`, `code`, prices, payments, promotions, location, invoice parts and the owner's status
//! (which has names of the owner's own); dropped on the way out: nothing but what the projection drops.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use slotbridge_core::marker::Marker;
use slotbridge_core::model::{
    BookingId, Client, Field, Kind, Private, RemoteId, ResourceKey, ServiceKey, Slot, Status,
};
use slotbridge_core::record::{Record, RecordState, Support, Unreadable};
use slotbridge_core::{normalise, zone};
use slotbridge_platform::platform::Draft;
use slotbridge_platform::{Contacts, ErrorKind, PlatformError, Retry};

use crate::company::Company;
use crate::request::Times;
use crate::wire::{self, Object};

/// What reading and writing one account's bookings rests on.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) country: String,
    pub(crate) contacts: Contacts,
    pub(crate) busy_name: String,
    pub(crate) marker_field: Option<String>,
    pub(crate) intake: Vec<(String, String)>,
    /// Whether comments and markers can be held at all.
    pub(crate) comments: bool,
}

/// Where the marker of one booking stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MarkerHome {
    /// At the end of the comment.
    Comment,
    /// In its field.
    Field,
    /// Nowhere.
    None,
}

/// A booking as it was read, with what writing it back needs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shown {
    pub(crate) record: Record,
    pub(crate) client_id: Option<u64>,
    /// Name and contacts as the platform has them, a sink's and a block's included.
    pub(crate) card: Card,
    pub(crate) hash: Option<String>,
    /// The marker, blocks told apart, and where it stands.
    pub(crate) marker: Option<Marker>,
    pub(crate) home: MarkerHome,
    /// The intake fields by key, as they must be sent again.
    pub(crate) additional: Map<String, Value>,
    /// The wall-clock times, as they must be sent again.
    pub(crate) times: Times,
    /// The whole comment, a marker in it included.
    pub(crate) comment: String,
}

impl Terms {
    /// Reads a row of the listing, the details of a booking, or an element of the reply to `book`: the same things
    /// under different names (simplybook contract, 10.2).
    ///
    /// # Errors
    /// [`Unreadable`] with the reason.
    pub(crate) fn shown(
        &self,
        row: &Value,
        company: &Company,
        comment: Option<&str>,
    ) -> Result<Shown, Unreadable> {
        let Some(row) = row.as_object() else {
            return Err(Unreadable {
                id: None,
                why: "a booking is no JSON object".to_owned(),
            });
        };
        let Some(id) = wire::first_id(row, &["id", "booking_id"]) else {
            return Err(Unreadable {
                id: None,
                why: "a booking has no id".to_owned(),
            });
        };
        let unreadable = |why: &str| Unreadable {
            id: Some(remote_id(id)),
            why: why.to_owned(),
        };
        let resource = wire::first_id(row, &["unit_id", "unit_group_id"])
            .ok_or_else(|| unreadable("it names no provider"))?;
        let event =
            wire::first_id(row, &["event_id"]).ok_or_else(|| unreadable("it names no service"))?;
        let status = status(row).ok_or_else(|| unreadable("it does not say whether it stands"))?;
        let times = times(row).ok_or_else(|| unreadable("a time is missing or unreadable"))?;
        let (start, end) = instants(times, &company.zone).map_err(|why| unreadable(&why))?;
        let own = comment
            .map(str::to_owned)
            .or_else(|| row.get("comment").and_then(wire::raw))
            .unwrap_or_default();
        let additional = additional(row);
        let marked = self.marked(&own, &additional);
        let block = match marked.marker {
            Some(ours) => ours.block,
            None => self.is_anonymous(row),
        };
        let record = Record {
            id: remote_id(id),
            state: if status == Status::Cancelled {
                RecordState::Cancelled
            } else {
                RecordState::Live
            },
            resource: ResourceKey::new(resource.to_string()),
            services: vec![ServiceKey::new(event.to_string())],
            start,
            end: Some(end),
            client: if block {
                Client::default()
            } else {
                self.client(row)
            },
            status,
            comment: Private::new(if self.comments {
                marked.comment
            } else {
                String::new()
            }),
            marker: marked.marker.map(|marker| marker.booking),
            is_block: block,
            // No row tells when it was changed (simplybook contract, 6.2).
            changed_at: None,
            created_at: wire::filled(row, &["record_date"])
                .and_then(|text| wire::local(&text))
                .and_then(|at| zone::to_instant(at, &company.zone).ok()),
            resource_title: wire::filled(row, &["unit_name", "unit"]),
            service_title: wire::filled(row, &["event_name", "event"]),
            group: None,
            support: Support::Full,
        };
        Ok(Shown {
            record,
            client_id: wire::first_id(row, &["client_id"]),
            card: self.raw_card(row),
            hash: wire::filled(row, &["hash", "booking_hash"]),
            marker: marked.marker,
            home: marked.home,
            additional,
            times,
            comment: own,
        })
    }

    fn marked(&self, comment: &str, additional: &Map<String, Value>) -> Marked {
        let (comment, in_comment) = Marker::take_from(comment);
        let field = self
            .marker_field
            .as_ref()
            .and_then(|field| additional.get(field))
            .and_then(wire::text);
        let in_field = field.as_deref().and_then(Marker::from_text);
        let home = match (in_field, in_comment) {
            (Some(_), _) => MarkerHome::Field,
            (None, Some(_)) => MarkerHome::Comment,
            (None, None) => MarkerHome::None,
        };
        Marked {
            comment,
            marker: in_field.or(in_comment),
            home,
        }
    }

    /// Whether a booking without marker is a block of ours, by its client: where no marker can stand, the placeholder
    /// must tell.
    fn is_anonymous(&self, row: &Object) -> bool {
        if self.comments || self.marker_field.is_some() {
            return false;
        }
        let card = self.raw_card(row);
        let sunk = match &self.contacts {
            Contacts::Sink { email: sink, .. } => card
                .email
                .is_some_and(|email| is_sink(email.expose(), sink.expose())),
            Contacts::Real => card.email.is_none() && card.phone.is_none(),
        };
        sunk && self.is_placeholder(&card.name)
    }

    /// Whether a name stands for nobody.
    fn is_placeholder(&self, name: &Private) -> bool {
        normalise::name_key(name.expose()) == normalise::name_key(&self.busy_name)
    }

    fn raw_card(&self, row: &Object) -> Card {
        Card {
            name: normalise::name(
                &wire::filled(row, &["client_name", "client", "name"]).unwrap_or_default(),
            ),
            phone: wire::filled(row, &["client_phone", "phone"])
                .and_then(|raw| normalise::phone(&raw, &self.country)),
            email: wire::filled(row, &["client_email", "email"])
                .and_then(|raw| normalise::email(&raw)),
        }
    }

    /// The client of a booking. A sink's contacts are nobody's, and a name that only stands in for a missing one is none.
    fn client(&self, row: &Object) -> Client {
        let Card { name, phone, email } = self.raw_card(row);
        let (phone, email) = match &self.contacts {
            Contacts::Real => (phone, email),
            Contacts::Sink {
                email: sink_email,
                phone: sink_phone,
            } => {
                let sink_phone = normalise::phone(sink_phone.expose(), &self.country);
                (
                    phone.filter(|phone| Some(phone) != sink_phone.as_ref()),
                    email.filter(|email| !is_sink(email.expose(), sink_email.expose())),
                )
            }
        };
        let nobody = phone.is_none() && email.is_none() && self.is_placeholder(&name);
        let name = if nobody { Private::default() } else { name };
        Client { name, phone, email }
    }

    /// Name and contacts as the platform gets them.
    pub(crate) fn card(&self, draft: &Draft) -> Card {
        let anonymous = draft.kind == Kind::Block;
        let name = if anonymous || draft.client.name.is_blank() {
            self.busy_name.as_str()
        } else {
            draft.client.name.expose()
        };
        let (phone, email) = match &self.contacts {
            Contacts::Sink { email, phone } => (Some(phone.clone()), Some(email.clone())),
            Contacts::Real if anonymous => (None, None),
            Contacts::Real => (draft.client.phone.clone(), draft.client.email.clone()),
        };
        Card {
            name: normalise::name(name),
            phone,
            email,
        }
    }

    /// The same for a booking that is there: a client who booked here keeps the contacts that they gave here.
    pub(crate) fn card_after(&self, desired: &Draft, shown: &Card) -> Card {
        let card = self.card(desired);
        let Contacts::Sink { email: sink, .. } = &self.contacts else {
            return card;
        };
        match &shown.email {
            Some(email) if is_sink(email.expose(), sink.expose()) => card,
            None if shown.phone.is_none() || shown.phone == card.phone => card,
            Some(_) | None => Card {
                phone: shown.phone.clone(),
                email: shown.email.clone(),
                ..card
            },
        }
    }

    /// The intake fields of a booking that we make.
    pub(crate) fn new_additional(&self, booking: BookingId, kind: Kind) -> Map<String, Value> {
        let mut additional: Map<String, Value> = self
            .intake
            .iter()
            .map(|(field, value)| (field.clone(), json!(value)))
            .collect();
        if let Some(field) = &self.marker_field {
            additional.insert(field.clone(), json!(marker(booking, kind).to_text()));
        }
        additional
    }

    /// The comment of a booking that we make, with its marker where there is no field for it.
    pub(crate) fn new_comment(&self, draft: &Draft) -> String {
        match &self.marker_field {
            Some(_) => normalise::text(draft.comment.expose()).expose().to_owned(),
            None => marker(draft.booking, draft.kind).append_to(draft.comment.expose()),
        }
    }
}

impl Company {
    /// A draft's slot on the platform's clocks.
    ///
    /// # Errors
    /// [`ErrorKind::Unrepresentable`] when the clocks cannot spell it or the company has no such start.
    pub(crate) fn times(
        &self,
        operation: &'static str,
        slot: Slot,
    ) -> Result<Times, PlatformError> {
        let cannot = |why: String| {
            PlatformError::new(ErrorKind::Unrepresentable, Retry::Never, operation, why)
        };
        let start =
            zone::to_civil(slot.start(), &self.zone).map_err(|error| cannot(error.to_string()))?;
        let end = self.zone.to_datetime(slot.end());
        let times = Times { start, end };
        if instants(times, &self.zone) != Ok((slot.start(), slot.end())) {
            return Err(cannot(format!(
                "the end {} cannot be written: the clocks show it twice",
                slot.end()
            )));
        }
        if !self.has_start(start) {
            let frame = self.timeframe.unwrap_or(1);
            return Err(cannot(format!(
                "the company has no start at {}: its starts are {frame} minutes apart; set timeframe = {frame} so that such bookings are rounded",
                start.time()
            )));
        }
        Ok(times)
    }
}

struct Marked {
    comment: String,
    marker: Option<Marker>,
    home: MarkerHome,
}

/// Whom a booking is for, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Card {
    pub(crate) name: Private,
    pub(crate) phone: Option<Private>,
    pub(crate) email: Option<Private>,
}

impl Card {
    /// As `book` and `addClient` take it.
    pub(crate) fn to_json(&self) -> Map<String, Value> {
        let mut data = Map::new();
        data.insert("name".to_owned(), json!(self.name.expose()));
        for (key, value) in [("email", &self.email), ("phone", &self.phone)] {
            if let Some(value) = value {
                data.insert(key.to_owned(), json!(value.expose()));
            }
        }
        data
    }
}

/// The marker of a booking.
pub(crate) fn marker(booking: BookingId, kind: Kind) -> Marker {
    Marker {
        booking,
        block: kind == Kind::Block,
    }
}

/// Whether an address is the sink's, also with a tag of ours behind a plus sign.
pub(crate) fn is_sink(address: &str, sink: &str) -> bool {
    let address = normalise::email_key(address);
    let sink = normalise::email_key(sink);
    let untagged = address.split_once('@').and_then(|(local, domain)| {
        let (local, _tag) = local.rsplit_once("+sb")?;
        Some(format!("{local}@{domain}"))
    });
    address == sink || untagged.is_some_and(|untagged| untagged == sink)
}

/// A booking's id in the domain.
pub(crate) fn remote_id(id: u64) -> RemoteId {
    RemoteId::new(id.to_string())
}

/// Whether a booking stands (simplybook contract, 6.6).
///
/// Not confirmed is cancelled, unless the approval feature still waits for somebody to look at it: then it holds its
/// time. What waits for a payment is not told from what was cancelled, and counts as cancelled until it is confirmed.
pub(crate) fn status(row: &Object) -> Option<Status> {
    let approval = wire::filled(row, &["approve_status"])
        .unwrap_or_default()
        .to_lowercase();
    let confirmed = ["is_confirm", "is_confirmed"]
        .iter()
        .find_map(|name| row.get(*name).and_then(wire::flag))?;
    Some(match approval.as_str() {
        "cancelled" | "canceled" | "declined" => Status::Cancelled,
        "new" => Status::Booked,
        _ if confirmed => Status::Booked,
        _ => Status::Cancelled,
    })
}

fn times(row: &Object) -> Option<Times> {
    let at = |names: &[&str]| wire::local(&wire::filled(row, names)?);
    Some(Times {
        start: at(&["start_date_time", "start_datetime", "start_date"])?,
        end: at(&["end_date_time", "end_datetime", "end_date"])?,
    })
}

/// The instants of a booking's wall-clock times: the earlier start of two, and the first end that follows it. An end that
/// the clocks skip is one that was counted from the start; the length is what was meant.
pub(crate) fn instants(times: Times, tz: &TimeZone) -> Result<(Timestamp, Timestamp), String> {
    let start = zone::to_instant(times.start, tz).map_err(|gap| gap.to_string())?;
    let end = match zone::to_instant(times.end, tz) {
        Ok(end) => end,
        Err(gap) => {
            let length = times.end.duration_since(times.start);
            let counted = start.checked_add(length).ok();
            counted
                .filter(|end| *end > start)
                .ok_or_else(|| gap.to_string())?
        }
    };
    if end > start {
        return Ok((start, end));
    }
    // A booking that runs into the second of a doubled hour; also one that ends when the clocks show its start again.
    let later = tz
        .to_ambiguous_timestamp(times.end)
        .later()
        .map_err(|_out_of_range| "the end is out of range".to_owned())?;
    if later >= start {
        Ok((start, later))
    } else {
        Err("it ends before it starts".to_owned())
    }
}

/// The intake fields of the details (simplybook contract, 6.4); a list row has none.
fn additional(row: &Object) -> Map<String, Value> {
    let fields = row
        .get("additional_fields")
        .and_then(wire::elements)
        .unwrap_or_default();
    let mut additional = Map::new();
    for field in fields.into_iter().filter_map(Value::as_object) {
        if let Some(name) = wire::filled(field, &["field_name", "name"]) {
            let value = field.get("value").cloned().unwrap_or(Value::Null);
            additional.insert(name, value);
        }
    }
    additional
}

/// The id of a mapped resource or service.
///
/// # Errors
/// [`ErrorKind::NotFound`] when it is none of this platform's.
pub(crate) fn key(operation: &'static str, what: &str, key: &str) -> Result<u64, PlatformError> {
    let number = key.trim().parse().ok().filter(|id| *id > 0);
    number.ok_or_else(|| {
        PlatformError::new(
            ErrorKind::Refused,
            Retry::Never,
            operation,
            format!("{what} {key:?} is not an id: want a number"),
        )
    })
}

/// The draft's first service; a booking has exactly one.
pub(crate) fn event(operation: &'static str, draft: &Draft) -> Result<u64, PlatformError> {
    let service = draft.services.first().ok_or_else(|| {
        PlatformError::new(
            ErrorKind::Refused,
            Retry::Never,
            operation,
            "a booking needs a service, and none is mapped",
        )
    })?;
    key(operation, "service", service.as_str())
}

/// Whether any of the fields is among those that changed.
pub(crate) fn touches(fields: &std::collections::BTreeSet<Field>, any: &[Field]) -> bool {
    any.iter().any(|field| fields.contains(field))
}
