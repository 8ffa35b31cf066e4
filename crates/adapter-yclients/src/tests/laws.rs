//! What must hold for every booking.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Map, Value};
use slotbridge_core::model::{
    BookingId, Client, Field, Kind, Private, ResourceKey, ServiceKey, Slot, Status,
};
use slotbridge_platform::platform::{Draft, Edit};
use slotbridge_platform::{Contacts, ErrorKind};

use super::support::{at, plain, zone};
use crate::convert::Reader;
use crate::form::Writer;

/// What the platform makes of a create: the reading form of what was written.
fn kept(body: &Value) -> Map<String, Value> {
    let mut row = plain();
    let civil = body["datetime"].as_str().unwrap();
    row.insert("date".to_owned(), civil.into());
    row.remove("datetime");
    for key in [
        "staff_id",
        "services",
        "seance_length",
        "comment",
        "attendance",
        "api_id",
        "client",
    ] {
        row.insert(key.to_owned(), body[key].clone());
    }
    if let Some(phone) = body["client"]["phone"]
        .as_str()
        .filter(|phone| !phone.is_empty())
    {
        row["client"]["phone"] = format!("+{phone}").into();
    }
    row
}

fn any_draft() -> impl Strategy<Value = Draft> {
    let name = "[А-Яа-я]{1,8}( [А-Яа-я]{1,8}){0,2}";
    let phone =
        proptest::option::of((0_u32..10_000).prop_map(|n| Private::new(format!("+7900000{n:04}"))));
    let email = proptest::option::of("[a-z]{1,8}@example\\.com".prop_map(Private::new));
    let comment = "[а-яa-z0-9,.!]{0,12}(\n[а-яa-z]{1,9}){0,2}";
    let services = proptest::collection::btree_set(1_u64..500, 0..4);
    let status = proptest::sample::select(vec![
        Status::Booked,
        Status::Confirmed,
        Status::Arrived,
        Status::NoShow,
    ]);
    // Seconds of a year in a zone that changes its clocks.
    let slot = (0_i64..31_000_000, 1_i64..90_000);
    (
        name,
        phone,
        email,
        comment,
        services,
        status,
        slot,
        1_u64..1_000_000,
        any::<u128>(),
    )
        .prop_map(
            |(name, phone, email, comment, services, status, (from, seconds), staff, booking)| {
                let start = at("2031-01-01T00:00:00Z") + jiff::SignedDuration::from_secs(from);
                Draft {
                    booking: BookingId::from_u128(booking),
                    resource: ResourceKey::new(staff.to_string()),
                    services: services
                        .into_iter()
                        .map(|id| ServiceKey::new(id.to_string()))
                        .collect(),
                    slot: Slot::new(start, start + jiff::SignedDuration::from_secs(seconds))
                        .unwrap(),
                    client: Client {
                        name: Private::new(name),
                        phone,
                        email,
                    },
                    status,
                    comment: Private::new(comment),
                    kind: Kind::Appointment,
                    force: false,
                }
            },
        )
}

proptest! {
    #[test]
    fn what_is_created_is_read_back_as_it_was(draft in any_draft()) {
        let berlin = zone("Europe/Berlin");
        let writer = Writer { zone: &berlin, country: "RU", contacts: &Contacts::Real, busy_name: "Busy" };
        let body = match writer.create(&draft) {
            Ok(body) => body,
            Err(error) => {
                prop_assert_eq!(error.kind, ErrorKind::Unrepresentable);
                let second_hour = at("2031-10-26T01:00:00Z")..at("2031-10-26T02:00:00Z");
                prop_assert!(second_hour.contains(&draft.slot.start()));
                return Ok(());
            }
        };
        let reader = Reader { zone: &berlin, country: "RU", contacts: &Contacts::Real };
        let record = reader.record(&Value::Object(kept(&body))).unwrap().record;
        prop_assert_eq!(record.resource, draft.resource);
        prop_assert_eq!(record.services, draft.services);
        prop_assert_eq!((record.start, record.end), (draft.slot.start(), Some(draft.slot.end())));
        prop_assert_eq!(record.client, draft.client);
        prop_assert_eq!(record.status, draft.status);
        prop_assert_eq!(record.comment, draft.comment);
        prop_assert_eq!(record.marker, Some(draft.booking));
        prop_assert!(!record.is_block);
    }

    #[test]
    fn an_update_to_the_draft_itself_reads_back_the_same(draft in any_draft(), fields in proptest::sample::subsequence(Field::ALL.to_vec(), 0..8)) {
        let berlin = zone("Europe/Berlin");
        let writer = Writer { zone: &berlin, country: "RU", contacts: &Contacts::Real, busy_name: "Busy" };
        let Ok(created) = writer.create(&draft) else { return Ok(()) };
        let row = kept(&created);
        let edit = Edit { desired: draft, fields: fields.into_iter().collect::<BTreeSet<_>>(), expected: None };
        let updated = kept(&writer.update(&row, &edit).unwrap());
        let reader = Reader { zone: &berlin, country: "RU", contacts: &Contacts::Real };
        let read = |row: Map<String, Value>| reader.record(&Value::Object(row)).unwrap().record;
        prop_assert_eq!(read(updated), read(row));
    }
}
