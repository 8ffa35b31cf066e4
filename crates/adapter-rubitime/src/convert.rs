//! Rubitime's rows and schedules in the domain's words, and the terms of an account on which both ways rest.
//!
//! Not taken over from a row, because the domain has no word for it: `whom`, `price`, `status_title`, `url`, `coupon`,
//! `coupon_discount`, `source`, `cancelReason`, `prepayment`, `prepayment_date`, `prepayment_url`, `reminder`,
//! `branch_title`, and every custom field but the one that is set aside for our marker.
//! Updates leave all of these as they are.

use std::collections::BTreeMap;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use slotbridge_core::marker::Marker;
use slotbridge_core::model::{Client, Private, RemoteId, ResourceKey, ServiceKey, Status};
use slotbridge_core::record::{GridCell, Record, RecordState, Support, Unreadable};
use slotbridge_core::{normalise, zone};
use slotbridge_platform::Contacts;

use crate::config::MarkerField;
use crate::wire::{Cell, Row, truth, whole};

/// What reading and writing rest on beside the row itself.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    /// The branch that the account stands for.
    pub(crate) branch_id: u64,
    /// The zone of its wall-clock times.
    pub(crate) zone: TimeZone,
    /// Where phones without a country code are from.
    pub(crate) country: String,
    /// The field set aside for our marker.
    pub(crate) marker_field: Option<MarkerField>,
    /// Whose contacts the platform gets.
    pub(crate) contacts: Contacts,
    /// The client's name in a block.
    pub(crate) busy_name: String,
    /// The service of a block without one.
    pub(crate) busy_service: Option<ServiceKey>,
}

/// The keys without which a webhook's row might hide something: an absent comment is not an empty one.
const WHOLE: [&str; 10] = [
    "id",
    "record",
    "status",
    "cooperator_id",
    "service_id",
    "duration",
    "name",
    "phone",
    "email",
    "comment",
];

impl Terms {
    /// Whether the row is of this branch; the account's webhook tells of all branches (rubitime contract, 8.1).
    pub(crate) fn is_ours(&self, row: &Row) -> bool {
        let named = row.cell("branch_id");
        named.text().is_empty() || row.id("branch_id") == Some(self.branch_id)
    }

    /// Whether the row shows everything that a record is made of.
    pub(crate) fn is_whole(&self, row: &Row) -> bool {
        let own = self.marker_field.map(MarkerField::as_str);
        WHOLE
            .into_iter()
            .chain(own)
            .all(|key| row.cell(key).is_told())
    }

    /// The row as a record.
    ///
    /// # Errors
    /// [`Unreadable`] with the id, if there is one, and a reason without the row's content.
    pub(crate) fn record(&self, row: &Row) -> Result<Record, Unreadable> {
        let id = row.id("id");
        let unreadable = |why: String| Unreadable {
            id: id.map(remote_id),
            why,
        };
        let id = id.ok_or_else(|| unreadable("id is missing or no number".to_owned()))?;
        if !self.is_ours(row) {
            return Err(unreadable(format!(
                "it belongs to another branch than {}",
                self.branch_id
            )));
        }
        let start = self.start(row).map_err(unreadable)?;
        let end = end(row, start).map_err(unreadable)?;
        let status = status(row).map_err(unreadable)?;
        let resource = row
            .id("cooperator_id")
            .ok_or_else(|| unreadable("cooperator_id is missing or no number".to_owned()))?;
        let marked = self.marked(row);
        let block = marked.marker.is_some_and(|marker| marker.block);
        let created_at = self.stamp(&row.cell("created_at"));
        Ok(Record {
            id: remote_id(id),
            state: if status == Status::Cancelled {
                RecordState::Cancelled
            } else {
                RecordState::Live
            },
            resource: ResourceKey::new(resource.to_string()),
            services: row
                .id("service_id")
                .map(|id| ServiceKey::new(id.to_string()))
                .into_iter()
                .collect(),
            start,
            end,
            client: if block {
                Client::default()
            } else {
                self.client(row)
            },
            status,
            comment: Private::new(marked.comment),
            marker: marked.marker.map(|marker| marker.booking),
            is_block: block,
            // `updated_at` is null until the first change (rubitime contract, 3): it last changed when it was made.
            changed_at: self.stamp(&row.cell("updated_at")).or(created_at),
            created_at,
            resource_title: title(&row.cell("cooperator_title")),
            service_title: title(&row.cell("service_title")),
            // The first part of a longer visit has no parent; its own id is what the other parts name.
            group: Some(row.id("parent_record").unwrap_or(id).to_string()),
            support: Support::Full,
        })
    }

    /// Where the row carries our marker, and its comment without it.
    pub(crate) fn marked(&self, row: &Row) -> Marked {
        let (comment, in_comment) = Marker::take_from(row.cell("comment").raw());
        let field = self
            .marker_field
            .map(|field| row.cell(field.as_str()).text().to_owned());
        let in_field = field.as_deref().and_then(Marker::from_text);
        Marked {
            comment,
            marker: in_field.or(in_comment),
            home: match (field, in_field) {
                (Some(_), Some(_)) => MarkerHome::Elsewhere,
                (Some(text), None) if text.is_empty() => MarkerHome::EmptyField,
                // There is no such field, or it holds somebody's own text, which is never overwritten.
                (Some(_) | None, _) => MarkerHome::Comment,
            },
        }
    }

    fn start(&self, row: &Row) -> Result<Timestamp, String> {
        let cell = row.cell("record");
        if cell.text().is_empty() {
            return Err("record has no start".to_owned());
        }
        let civil = local(cell.text()).ok_or("the start is no local time")?;
        zone::to_instant(civil, &self.zone).map_err(|gap| gap.to_string())
    }

    /// A time stamp, for rough ordering only: the zone that it is written in is not documented (rubitime contract, 9).
    fn stamp(&self, cell: &Cell<'_>) -> Option<Timestamp> {
        zone::to_instant(local(cell.text())?, &self.zone).ok()
    }

    fn client(&self, row: &Row) -> Client {
        let phone = normalise::phone(row.cell("phone").text(), &self.country);
        let email = normalise::email(row.cell("email").text());
        let (phone, email) = match &self.contacts {
            Contacts::Real => (phone, email),
            Contacts::Sink {
                email: sink_email,
                phone: sink_phone,
            } => {
                let sink_phone = normalise::phone(sink_phone.expose(), &self.country);
                let sink_email = normalise::email_key(sink_email.expose());
                (
                    phone.filter(|phone| Some(phone) != sink_phone.as_ref()),
                    email.filter(|email| normalise::email_key(email.expose()) != sink_email),
                )
            }
        };
        Client {
            name: normalise::name(row.cell("name").text()),
            phone,
            email,
        }
    }

    /// A schedule's start times as cells, ascending.
    ///
    /// # Errors
    /// A reason, as soon as anything in it is not understood: half a grid would look like free or busy time.
    pub(crate) fn cells(&self, schedule: &Value) -> Result<Vec<GridCell>, String> {
        let mut cells = BTreeMap::new();
        for (date, times) in entries(schedule).ok_or("the schedule is no table of dates")? {
            let date =
                Date::strptime("%Y-%m-%d", date).map_err(|_unreadable| "a date is unreadable")?;
            for (time, cell) in entries(times).ok_or("a day is no table of times")? {
                let time = clock_time(time).ok_or("a time is unreadable")?;
                let available = cell
                    .get("available")
                    .and_then(truth)
                    .ok_or("a time is neither free nor busy")?;
                // A time that the clocks skip cannot be booked by anybody.
                let Ok(start) = zone::to_instant(date.to_datetime(time), &self.zone) else {
                    continue;
                };
                if cells
                    .insert(start, available)
                    .is_some_and(|before| before != available)
                {
                    return Err("a time is both free and busy".to_owned());
                }
            }
        }
        Ok(cells
            .into_iter()
            .map(|(start, available)| GridCell { start, available })
            .collect())
    }
}

/// What a row says of our marker.
pub(crate) struct Marked {
    /// The comment in normal form without a marker.
    pub(crate) comment: String,
    /// The marker, wherever it stands.
    pub(crate) marker: Option<Marker>,
    /// Where it belongs when the comment is written.
    pub(crate) home: MarkerHome,
}

/// Where the marker of one record belongs when its comment is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MarkerHome {
    /// At the end of the comment: there is no field for it, or somebody uses that for something else.
    Comment,
    /// Into the field set aside for it, which is empty.
    EmptyField,
    /// It stands in its field already, or the record has none: the comment is written without it.
    Elsewhere,
}

/// The status of a code; total (rubitime contract, 3.1).
///
/// Whatever waits for something (3 prepayment, 5 confirmation, 6 the cart, 7 a new time) holds its slot and is no more
/// than booked; so is a code that nobody knows yet.
pub(crate) fn status_of(code: i64) -> Status {
    match code {
        1 | 2 => Status::Arrived,
        4 => Status::Cancelled,
        _ => Status::Booked,
    }
}

/// The code of a status; total. Rubitime has no word for "confirmed" and none for "did not come".
pub(crate) fn code_of(status: Status) -> u8 {
    match status {
        Status::Booked | Status::Confirmed | Status::NoShow => 0,
        Status::Arrived => 2,
        Status::Cancelled => 4,
    }
}

/// A record's id in the domain.
pub(crate) fn remote_id(id: u64) -> RemoteId {
    RemoteId::new(id.to_string())
}

fn status(row: &Row) -> Result<Status, String> {
    whole(row.cell("status").text())
        .map(status_of)
        .ok_or_else(|| "status is missing or no code".to_owned())
}

/// The end by the row's own length; `None` where it has none and the service's applies (rubitime contract, 3).
fn end(row: &Row, start: Timestamp) -> Result<Option<Timestamp>, String> {
    let cell = row.cell("duration");
    let minutes = match cell {
        Cell::Absent | Cell::Null => return Ok(None),
        Cell::Text(_) if cell.text().is_empty() => return Ok(None),
        Cell::Text(_) | Cell::Odd => whole(cell.text()).filter(|minutes| *minutes >= 0),
    };
    let minutes = minutes.ok_or("duration is no number of minutes")?;
    if minutes == 0 {
        return Ok(None);
    }
    SignedDuration::try_from_mins(minutes)
        .and_then(|length| start.checked_add(length).ok())
        .map(Some)
        .ok_or_else(|| "duration is out of range".to_owned())
}

fn title(cell: &Cell<'_>) -> Option<String> {
    let text = cell.text();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A local time, with or without seconds.
fn local(text: &str) -> Option<DateTime> {
    let (date, time) = text.split_once([' ', 'T'])?;
    Some(
        Date::strptime("%Y-%m-%d", date)
            .ok()?
            .to_datetime(clock_time(time)?),
    )
}

fn clock_time(text: &str) -> Option<Time> {
    Time::strptime("%H:%M", text)
        .or_else(|_with_seconds| Time::strptime("%H:%M:%S", text))
        .ok()
}

/// The entries of a JSON object; an empty list and `null` are what PHP makes of an empty one.
fn entries(value: &Value) -> Option<Vec<(&String, &Value)>> {
    match value {
        Value::Object(entries) => Some(entries.iter().collect()),
        Value::Array(list) if list.is_empty() => Some(Vec::new()),
        Value::Null => Some(Vec::new()),
        Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}
