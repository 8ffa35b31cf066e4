//! Laws, over invented bookings and over garbage.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use slotbridge_core::model::{
    Booking, BookingId, Client, Field, Kind, Private, ResourceKey, ResourceName, ServiceKey,
    ServiceName, Slot, Status,
};
use slotbridge_core::normalise;
use slotbridge_core::record::{Record, RecordState};
use slotbridge_platform::ErrorKind;
use slotbridge_platform::platform::{Draft, Edit};

use super::{data, sink, terms, terms_with_field};
use crate::convert::{MarkerHome, Terms};
use crate::request::{CREATE, Fields, UPDATE, build};
use crate::wire::Row;
use crate::{PROJECTION, webhook};

/// From 2010 on, so that Moscow's last changes of the clocks are among them.
fn slots() -> impl Strategy<Value = Slot> {
    (21_000_000_i64..33_000_000, 1_i64..2000).prop_map(|(start, minutes)| {
        let start = Timestamp::from_second(start * 60).unwrap();
        Slot::new(start, start + SignedDuration::from_mins(minutes)).unwrap()
    })
}

fn texts() -> impl Strategy<Value = Private> {
    prop_oneof![
        Just(String::new()),
        "[а-яёa-z0-9 \n\"\\\\{}\\[\\]:-]{1,40}",
        any::<String>()
    ]
    .prop_map(|text| normalise::text(&text))
}

fn clients() -> impl Strategy<Value = Client> {
    let phone = proptest::option::of("\\+7900[0-9]{7}");
    let email = proptest::option::of("[a-z]{1,8}@example\\.com");
    ("[А-ЯЁа-яё]{1,9}( [А-ЯЁа-яё]{1,9}){0,2}", phone, email).prop_map(|(name, phone, email)| {
        Client {
            name: Private::new(name),
            phone: phone.map(Private::new),
            email: email.map(Private::new),
        }
    })
}

fn statuses() -> impl Strategy<Value = Status> {
    proptest::sample::select(&Status::ALL[..])
}

fn drafts() -> impl Strategy<Value = Draft> {
    let ids = (
        1_u64..90_000,
        proptest::collection::vec(1_u64..90_000, 1..3),
        any::<u128>(),
    );
    (ids, slots(), clients(), statuses(), texts(), any::<bool>()).prop_map(
        |((resource, services, booking), slot, client, status, comment, block)| Draft {
            booking: BookingId::from_u128(booking),
            resource: ResourceKey::new(resource.to_string()),
            services: services
                .into_iter()
                .map(|id| ServiceKey::new(id.to_string()))
                .collect(),
            slot,
            client: if block { Client::default() } else { client },
            status,
            comment,
            kind: if block {
                Kind::Block
            } else {
                Kind::Appointment
            },
            force: false,
        },
    )
}

fn bookings() -> impl Strategy<Value = Booking> {
    let seconds = (1_200_000_000_i64..2_000_000_000, 0_i64..100_000);
    (
        seconds,
        clients(),
        statuses(),
        texts(),
        proptest::collection::vec("[a-z]{1,6}", 0..4),
    )
        .prop_map(
            |((start, length), client, status, comment, services)| Booking {
                resource: ResourceName::new("anna").unwrap(),
                services: services
                    .into_iter()
                    .map(|name| ServiceName::new(name).unwrap())
                    .collect(),
                slot: Slot::new(
                    Timestamp::from_second(start).unwrap(),
                    Timestamp::from_second(start + length).unwrap(),
                )
                .unwrap(),
                client,
                status,
                comment,
                kind: Kind::Appointment,
            },
        )
}

/// Any JSON, with the keys that records and webhooks have more often than not.
fn json_values() -> impl Strategy<Value = Value> {
    let keys = proptest::sample::select(vec![
        "id",
        "record",
        "status",
        "cooperator_id",
        "service_id",
        "branch_id",
        "duration",
        "name",
        "phone",
        "email",
        "comment",
        "event",
        "data",
        "available",
        "updated_at",
        "parent_record",
        "custom_field3",
        "2031-05-06",
        "10:00",
    ])
    .prop_map(str::to_owned);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        proptest::sample::select(vec![
            "2031-05-06 10:30:00",
            "60",
            "4",
            "event-update-record"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 8, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(keys.clone(), inner, 0..12)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// What a server that keeps what it is sent would show.
fn kept(action: crate::request::Action, fields: &Fields) -> Map<String, Value> {
    let request = build(
        "http://127.0.0.1:1",
        &SecretString::from("key"),
        action,
        fields,
    )
    .unwrap();
    match serde_json::from_slice(request.body()).unwrap() {
        Value::Object(fields) => fields,
        other => panic!("{other}"),
    }
}

fn shown(terms: &Terms, fields: Map<String, Value>) -> Record {
    let row = Row::from_value(Value::Object(fields)).unwrap();
    terms
        .record(&row)
        .unwrap_or_else(|unreadable| panic!("{}", unreadable.why))
}

proptest! {
    #[test]
    fn a_projected_booking_is_its_own_projection(booking in bookings()) {
        let once = PROJECTION.project(&booking);
        prop_assert_eq!(PROJECTION.project(&once), once);
    }

    #[test]
    fn what_is_written_is_read_back(draft in drafts(), with_field in any::<bool>()) {
        let terms = if with_field { terms_with_field() } else { terms() };
        let fields = match terms.create(&draft) {
            Ok(fields) => fields,
            Err(error) => {
                prop_assert_eq!(error.kind, ErrorKind::Unrepresentable);
                prop_assert!(error.message.contains("twice"), "{}", error);
                return Ok(());
            }
        };
        let mut row = kept(CREATE, &fields);
        row.insert("id".to_owned(), json!("7000456"));
        let record = shown(&terms, row);
        prop_assert_eq!((record.start, record.end), (draft.slot.start(), Some(draft.slot.end())));
        prop_assert_eq!(record.resource, draft.resource);
        prop_assert_eq!(record.services, draft.services[..1].to_vec());
        prop_assert_eq!(record.client, draft.client);
        prop_assert_eq!(record.status, PROJECTION.status(draft.status));
        prop_assert_eq!(record.state == RecordState::Cancelled, draft.status == Status::Cancelled);
        prop_assert_eq!(record.comment.expose(), draft.comment.expose());
        prop_assert_eq!(record.marker, Some(draft.booking));
        prop_assert_eq!(record.is_block, draft.kind == Kind::Block);
    }

    #[test]
    fn an_update_changes_its_fields_and_leaves_everything_else(
        desired in drafts(),
        fields in proptest::sample::subsequence(Field::ALL.to_vec(), 0..=8),
    ) {
        let Value::Object(before) = data("record/whole.json") else { panic!("no record") };
        let old = shown(&terms(), before.clone());
        let desired = Draft { kind: Kind::Appointment, ..desired };
        let fields: BTreeSet<Field> = fields.into_iter().collect();
        let edit = Edit { desired: desired.clone(), fields: fields.clone(), expected: None };
        let Ok(update) = terms().update(7_000_123, &edit, MarkerHome::Comment) else { return Ok(()) };
        let mut after = before;
        for (key, value) in kept(UPDATE, &update) {
            after.insert(key, value);
        }
        let new = shown(&terms(), after);
        let has = |field| fields.contains(&field);
        prop_assert_eq!(new.resource, if has(Field::Resource) { desired.resource } else { old.resource });
        prop_assert_eq!(new.services, if has(Field::Services) { desired.services[..1].to_vec() } else { old.services });
        let slot = (desired.slot.start(), Some(desired.slot.end()));
        prop_assert_eq!((new.start, new.end), if has(Field::Slot) { slot } else { (old.start, old.end) });
        prop_assert_eq!(new.client.name, if has(Field::ClientName) { desired.client.name } else { old.client.name });
        prop_assert_eq!(new.client.phone, if has(Field::ClientPhone) { desired.client.phone } else { old.client.phone });
        prop_assert_eq!(new.client.email, if has(Field::ClientEmail) { desired.client.email } else { old.client.email });
        let status = PROJECTION.status(desired.status);
        prop_assert_eq!(new.status, if has(Field::Status) { status } else { old.status });
        let marker = has(Field::Comment).then_some(desired.booking);
        prop_assert_eq!(new.comment, if has(Field::Comment) { desired.comment } else { old.comment });
        prop_assert_eq!(new.marker, marker);
    }

    #[test]
    fn any_bytes_are_a_webhook_or_an_error(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(webhook::read(&terms(), &body).map_or(true, |hints| hints.is_empty()));
    }

    #[test]
    fn any_json_is_read_without_harm(value in json_values(), event in "event-(create|update|remove|delete)-record") {
        let terms = Terms { contacts: sink(), ..terms_with_field() };
        if let Ok(cells) = terms.cells(&value) {
            prop_assert!(cells.is_sorted_by(|one, other| one.start < other.start));
        }
        if let Some(row) = Row::from_value(value.clone())
            && let Ok(record) = terms.record(&row)
        {
            prop_assert_eq!(record.status == Status::Cancelled, record.state == RecordState::Cancelled);
        }
        let body = json!({"event": event, "data": value}).to_string();
        for hint in webhook::read(&terms, body.as_bytes()).unwrap_or_default() {
            prop_assert!(hint.record.is_none_or(|record| record.id == hint.id && record.state == RecordState::Live));
        }
    }
}
