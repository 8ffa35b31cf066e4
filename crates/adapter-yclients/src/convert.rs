//! From the platform's record to ours.
//!
//! Not taken over, because a booking has no place for it: prices, goods, payments, labels, colours, custom fields,
//! reminders, the visitor who is not the client (`comer`), documents. An update keeps them all (see [`crate::form`]).

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::{Offset, TimeZone};
use serde_json::Value;
use slotbridge_core::marker::Marker;
use slotbridge_core::model::{Client, Private, RemoteId, ResourceKey, ServiceKey, Status};
use slotbridge_core::record::{Record, RecordState, Support, Unreadable};
use slotbridge_core::{normalise, zone};
use slotbridge_platform::Contacts;

use crate::wire::{self, Object};

/// A row in our words.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) record: Record,
    /// Whether the row's offset contradicts the branch's zone: the branch is set up for another zone than its clocks
    /// show (yclients contract, 11).
    pub(crate) zone_doubt: bool,
}

/// What a row is read with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) zone: &'a TimeZone,
    pub(crate) country: &'a str,
    pub(crate) contacts: &'a Contacts,
}

impl Reader<'_> {
    /// Reads one row of a listing, or the whole of a single record.
    pub(crate) fn record(&self, row: &Value) -> Result<Read, Unreadable> {
        let Some(row) = row.as_object() else {
            return Err(Unreadable {
                id: None,
                why: "a row that is no object".to_owned(),
            });
        };
        let Some(id) = wire::id(row.get("id")) else {
            return Err(Unreadable {
                id: None,
                why: "a row without an id".to_owned(),
            });
        };
        let id = RemoteId::new(id.to_string());
        self.fields(id.clone(), row)
            .map_err(|why| Unreadable { id: Some(id), why })
    }

    fn fields(&self, id: RemoteId, row: &Object) -> Result<Read, String> {
        let staff = wire::object(row.get("staff"));
        let staff_id = wire::id(row.get("staff_id")).or_else(|| wire::id(staff?.get("id")));
        let staff_id = staff_id.ok_or("no member of staff is named")?;
        let (start, zone_doubt) = self.start(row)?;
        let length = length(row);
        let end = match length {
            Some(seconds) => Some(
                start
                    .checked_add(jiff::SignedDuration::from_secs(seconds))
                    .map_err(|_out_of_range| "the length makes no sense")?,
            ),
            None => None,
        };
        let services = services(row);
        let marker = wire::text(row.get("api_id")).and_then(|text| Marker::from_text(&text));
        let is_block = marker.is_some_and(|marker| marker.block);
        let (state, status) = state(row)?;
        let title = |value: Option<&Value>| wire::filled(value).map(|text| text.trim().to_owned());
        let record = Record {
            id,
            state,
            resource: ResourceKey::new(staff_id.to_string()),
            service_title: services
                .first()
                .and_then(|(_, line)| title(line.get("title"))),
            services: services
                .iter()
                .map(|(id, _)| ServiceKey::new(id.to_string()))
                .collect(),
            start,
            end,
            client: if is_block {
                Client::default()
            } else {
                self.client(wire::object(row.get("client")))
            },
            status,
            comment: normalise::text(&wire::text(row.get("comment")).unwrap_or_default()),
            marker: marker.map(|marker| marker.booking),
            is_block,
            changed_at: moment(row.get("last_change_date"), self.zone),
            created_at: moment(row.get("create_date"), self.zone),
            resource_title: staff.and_then(|staff| title(staff.get("name"))),
            group: wire::id(row.get("visit_id")).map(|visit| visit.to_string()),
            support: support(row),
        };
        Ok(Read { record, zone_doubt })
    }

    /// The start: `date` is the wall clock that staff see; `datetime` says which hour of a doubled one is meant, and
    /// stands in where there is no `date` (yclients contract, 11).
    fn start(&self, row: &Object) -> Result<(Timestamp, bool), String> {
        let full = row.get("datetime").and_then(written);
        let civil = match row.get("date").and_then(written) {
            Some(Written::Civil(civil) | Written::Offset(civil, _)) => civil,
            Some(Written::Instant(instant)) => return Ok((instant, false)),
            None => match full {
                Some(Written::Civil(civil) | Written::Offset(civil, _)) => civil,
                Some(Written::Instant(instant)) => return Ok((instant, false)),
                None => return Err("the start cannot be read".to_owned()),
            },
        };
        let start = match full {
            Some(Written::Offset(same, offset)) if same == civil => {
                zone::to_instant_with_offset(civil, offset, self.zone)
            }
            _ => zone::to_instant(civil, self.zone),
        };
        let start = start.map_err(|error| error.to_string())?;
        let doubt = match full {
            Some(Written::Offset(civil, offset)) => offset.to_timestamp(civil).ok() != Some(start),
            Some(Written::Instant(instant)) => instant != start,
            Some(Written::Civil(other)) => other != civil,
            None => false,
        };
        Ok((start, doubt))
    }

    /// The client; a sink's contacts are nobody's.
    fn client(&self, client: Option<&Object>) -> Client {
        let Some(client) = client else {
            return Client::default();
        };
        let phone = normalise::phone(
            &wire::text(client.get("phone")).unwrap_or_default(),
            self.country,
        );
        let email = normalise::email(&wire::text(client.get("email")).unwrap_or_default());
        let (phone, email) = match self.contacts {
            Contacts::Real => (phone, email),
            Contacts::Sink {
                phone: sink_phone,
                email: sink_email,
            } => {
                let sink_phone = normalise::phone(sink_phone.expose(), self.country);
                let sink_email = normalise::email_key(sink_email.expose());
                (
                    phone.filter(|phone| Some(phone) != sink_phone.as_ref()),
                    email.filter(|email| normalise::email_key(email.expose()) != sink_email),
                )
            }
        };
        Client {
            name: full_name(client),
            phone,
            email,
        }
    }
}

/// The client's names as one: first name, patronymic, surname, as one addresses a person. `display_name` stands in
/// where the parts are empty, as they are on a card without a name.
pub(crate) fn full_name(client: &Object) -> Private {
    let parts = ["name", "patronymic", "surname"];
    let parts: Vec<_> = parts
        .iter()
        .filter_map(|part| wire::filled(client.get(*part)))
        .collect();
    if parts.is_empty() {
        return normalise::name(&wire::text(client.get("display_name")).unwrap_or_default());
    }
    normalise::name(&parts.join(" "))
}

/// The services in their order, with the lines that they stand in. A line without an id is one whose service was taken
/// out of the catalogue.
fn services(row: &Object) -> Vec<(u64, &Value)> {
    let lines = wire::list(row.get("services")).unwrap_or_default();
    lines
        .into_iter()
        .filter_map(|line| Some((wire::id(line.get("id"))?, line)))
        .collect()
}

/// The booked length in seconds.
pub(crate) fn length(row: &Object) -> Option<i64> {
    let given = |name: &str| wire::int(row.get(name)).filter(|seconds| *seconds > 0);
    given("seance_length").or_else(|| given("length"))
}

/// Whether the record holds its slot, and how far it has come (yclients contract, 4.3).
fn state(row: &Object) -> Result<(RecordState, Status), String> {
    if is_deleted(row) {
        return Ok((RecordState::Deleted, Status::Cancelled));
    }
    let attendance = [row.get("attendance"), row.get("visit_attendance")]
        .into_iter()
        .find_map(wire::int);
    let status = match attendance {
        None => Status::Booked,
        Some(code) => status_of(code).ok_or_else(|| format!("an unknown attendance {code}"))?,
    };
    Ok((RecordState::Live, status))
}

/// Whether a record is deleted; every record that is readable at all says so somehow.
pub(crate) fn is_deleted(row: &Object) -> bool {
    wire::flag(row.get("deleted")).unwrap_or(false)
}

/// What an attendance means.
pub(crate) fn status_of(attendance: i64) -> Option<Status> {
    match attendance {
        -1 => Some(Status::NoShow),
        0 => Some(Status::Booked),
        1 => Some(Status::Arrived),
        2 => Some(Status::Confirmed),
        _ => None,
    }
}

/// The attendance of a status. A cancelled booking has none: its record is deleted.
pub(crate) fn attendance_of(status: Status) -> Option<i64> {
    match status {
        Status::Booked => Some(0),
        Status::Confirmed => Some(2),
        Status::Arrived => Some(1),
        Status::NoShow => Some(-1),
        Status::Cancelled => None,
    }
}

/// Whether the record is one booking of one client.
fn support(row: &Object) -> Support {
    if wire::id(row.get("activity_id")).is_some() {
        return Support::Occupancy {
            why: "part of a group event",
        };
    }
    if wire::int(row.get("clients_count")).is_some_and(|seats| seats > 1) {
        return Support::Occupancy {
            why: "several seats in one record",
        };
    }
    Support::Full
}

/// Whether a reply shows a record with everything that we read of one, and not one of the short forms (yclients
/// contract, 4.4).
pub(crate) fn is_whole(row: &Object) -> bool {
    const NEEDED: [&str; 6] = [
        "staff_id",
        "date",
        "seance_length",
        "attendance",
        "deleted",
        "last_change_date",
    ];
    NEEDED.iter().all(|key| row.contains_key(*key))
}

/// A stamp such as `last_change_date`; one without an offset is by the branch's clocks. Nothing rests on it that would
/// justify refusing a record.
fn moment(value: Option<&Value>, tz: &TimeZone) -> Option<Timestamp> {
    match written(value?)? {
        Written::Instant(instant) => Some(instant),
        Written::Offset(civil, offset) => offset.to_timestamp(civil).ok(),
        Written::Civil(civil) => tz.to_ambiguous_timestamp(civil).compatible().ok(),
    }
}

/// A time as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Civil(DateTime),
    Offset(DateTime, Offset),
    /// In Unix seconds, or with a `Z`.
    Instant(Timestamp),
}

/// Reads a time in any of the platform's spellings: `2031-05-06 10:30:00`, `2031-05-06T10:30:00+03:00`, the same with
/// `+0300` or fractions of seconds, and Unix seconds as number or text.
fn written(value: &Value) -> Option<Written> {
    let text = wire::filled(Some(value))?;
    let text = text.trim();
    if let Ok(seconds) = text.parse::<i64>() {
        return (seconds > 0)
            .then(|| Timestamp::from_second(seconds).ok())
            .flatten()
            .map(Written::Instant);
    }
    for format in [
        "%Y-%m-%dT%H:%M:%S%.f%:z",
        "%Y-%m-%dT%H:%M:%S%.f%z",
        "%Y-%m-%d %H:%M:%S%.f%:z",
        "%Y-%m-%d %H:%M:%S%.f%z",
    ] {
        if let Ok(parsed) = strtime::parse(format, text)
            && let (Ok(civil), Some(offset)) = (parsed.to_datetime(), parsed.offset())
        {
            return Some(Written::Offset(civil, offset));
        }
    }
    if let Some(utc) = text.strip_suffix('Z') {
        return Some(Written::Instant(
            Offset::UTC.to_timestamp(utc.parse().ok()?).ok()?,
        ));
    }
    // A day alone is no time.
    text.contains(':')
        .then(|| text.parse::<DateTime>().ok())
        .flatten()
        .map(Written::Civil)
}
