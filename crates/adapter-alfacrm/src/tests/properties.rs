//! Laws, over invented bookings and over garbage.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use slotbridge_core::model::{
    Booking, BookingId, Client, Kind, Private, ResourceKey, ResourceName, ServiceName, Slot, Status,
};
use slotbridge_core::normalise;
use slotbridge_platform::client::Reply;
use slotbridge_platform::platform::Draft;

use super::support::{BRANCH, json, moscow, reader};
use crate::form::Writer;
use crate::{PROJECTION, PROJECTION_SINK, error, request, rules, service_key, webhook, wire};

/// From 2010 on, so that Moscow's last changes of the clocks are among them.
fn slots() -> impl Strategy<Value = Slot> {
    (21_000_000_i64..33_000_000, 1_i64..1000).prop_map(|(start, minutes)| {
        let start = Timestamp::from_second(start * 60).unwrap();
        Slot::new(start, start + SignedDuration::from_mins(minutes)).unwrap()
    })
}

fn texts() -> impl Strategy<Value = Private> {
    prop_oneof![
        Just(String::new()),
        "[а-яёa-z0-9 \n\"\\\\{}\\[\\]:-]{1,300}",
        any::<String>()
    ]
    .prop_map(|text| normalise::text(&text))
}

fn bookings() -> impl Strategy<Value = Booking> {
    let client = (
        "[А-ЯЁа-яё ]{0,80}",
        proptest::option::of("\\+7900[0-9]{7}"),
        proptest::option::of("[a-z]{1,8}@example\\.com"),
    );
    let status = proptest::sample::select(&Status::ALL[..]);
    (slots(), 0_i64..60, client, status, texts(), 0_usize..3).prop_map(
        |(slot, seconds, (name, phone, email), status, comment, services)| Booking {
            resource: ResourceName::new("anna").unwrap(),
            services: ["piano", "voice"]
                .into_iter()
                .take(services)
                .map(|name| ServiceName::new(name).unwrap())
                .collect(),
            slot: Slot::new(
                slot.start() + SignedDuration::from_secs(seconds),
                slot.end() + SignedDuration::from_secs(seconds * 2),
            )
            .unwrap(),
            client: Client {
                name: Private::new(name),
                phone: phone.map(Private::new),
                email: email.map(Private::new),
            },
            status,
            comment,
            kind: Kind::Appointment,
        },
    )
}

/// The row that a platform which keeps everything would show of what was written.
fn kept(body: &Value) -> Value {
    let text = |key: &str| body[key].as_str().unwrap().to_owned();
    let day = jiff::fmt::strtime::parse("%d.%m.%Y", text("lesson_date"))
        .unwrap()
        .to_date()
        .unwrap();
    let clock = jiff::fmt::strtime::parse("%H:%M", text("time_from"))
        .unwrap()
        .to_time()
        .unwrap();
    let start = day.to_datetime(clock);
    let end = start + SignedDuration::from_mins(body["duration"].as_i64().unwrap());
    let mut row = json("lesson.json");
    let fields = row.as_object_mut().unwrap();
    for key in [
        "lesson_type_id",
        "subject_id",
        "teacher_ids",
        "customer_ids",
        "status",
        "note",
    ] {
        fields.insert(key.to_owned(), body[key].clone());
    }
    fields.insert("date".to_owned(), json!(day.to_string()));
    fields.insert(
        "time_from".to_owned(),
        json!(start.strftime("%Y-%m-%d %H:%M:01").to_string()),
    );
    fields.insert(
        "time_to".to_owned(),
        json!(end.strftime("%Y-%m-%d %H:%M:%S").to_string()),
    );
    row
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[0-9:. TZ+-]{0,20}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-z_]{1,12}", inner, 0..4)
                .prop_map(|map| Value::Object(Map::from_iter(map))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back_as_projected(booking in bookings(), id in any::<u128>(), block in any::<bool>()) {
        let writer = Writer { zone: moscow(), room: None, busy_subject: None };
        for projection in [&PROJECTION, &PROJECTION_SINK] {
            let wanted = projection.project(&booking);
            let draft = Draft {
                booking: BookingId::from_u128(id),
                resource: ResourceKey::new("17"),
                services: vec![service_key(6, 1)],
                slot: wanted.slot,
                client: wanted.client.clone(),
                status: wanted.status,
                comment: wanted.comment.clone(),
                kind: if block { Kind::Block } else { Kind::Appointment },
                force: false,
            };
            // Unsayable: the second of a doubled hour, and a start in the seconds of a skipped one.
            let Ok(form) = writer.form(&draft) else { continue };
            let record = reader().lesson(&kept(&writer.create(&form, 3105))).unwrap().record;
            prop_assert_eq!(record.start, wanted.slot.start());
            prop_assert_eq!(record.end, Some(wanted.slot.end()));
            prop_assert_eq!(record.marker, Some(draft.booking));
            prop_assert_eq!(record.is_block, block);
            let without_markers = slotbridge_core::marker::Marker::take_from(wanted.comment.expose()).0;
            prop_assert_eq!(record.comment.expose(), without_markers);
        }
    }

    #[test]
    fn projecting_twice_changes_nothing_more(booking in bookings()) {
        for projection in [&PROJECTION, &PROJECTION_SINK, &PROJECTION.busy()] {
            let once = projection.project(&booking);
            prop_assert_eq!(projection.project(&once), once.clone());
            prop_assert_eq!(projection.differing(&once, &booking), vec![]);
        }
    }

    #[test]
    fn a_note_never_outgrows_the_platform_and_never_loses_its_marker(comment in texts(), id in any::<u128>()) {
        let writer = Writer { zone: moscow(), room: None, busy_subject: None };
        let draft = Draft { booking: BookingId::from_u128(id), comment, ..super::support::draft() };
        let body = writer.create(&writer.form(&draft).unwrap(), 1);
        let note = body["note"].as_str().unwrap();
        prop_assert!(note.chars().count() <= 255);
        let (_, marker) = slotbridge_core::marker::Marker::take_from(note);
        prop_assert_eq!(marker.map(|marker| marker.booking), Some(draft.booking));
    }

    #[test]
    fn no_row_whatever_it_holds_breaks_the_reader(key in 0_usize..20, value in values(), row in values()) {
        let mut odd = json("lesson.json");
        let fields = odd.as_object_mut().unwrap();
        let name = fields.keys().nth(key % fields.len()).unwrap().clone();
        fields.insert(name, value.clone());
        // Whatever comes of them is fine, as long as something does.
        for row in [&odd, &row] {
            drop(reader().lesson(row));
            drop(rules::Rule::read(BRANCH, row));
        }
        for bytes in [odd.to_string(), row.to_string(), value.to_string()] {
            drop(webhook::hints(BRANCH, bytes.as_bytes()));
            drop(wire::page(bytes.as_bytes()));
            let reply = Reply { status: StatusCode::OK, headers: HeaderMap::new(), body: Bytes::from(bytes) };
            for ask in [request::list_branches(request::Part::ONE), request::create_lesson(BRANCH, json!({}))] {
                drop(error::judge(&ask, &reply));
            }
        }
    }
}
