//! Rows and details as records, drafts as calls, and the laws of both.

use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};
use slotbridge_core::model::{
    Booking, BookingId, Client, Kind, Private, ResourceKey, ResourceName, ServiceKey, ServiceName,
    Slot, Status,
};
use slotbridge_core::record::RecordState;
use slotbridge_platform::{Contacts, ErrorKind};

use super::support::{MARKER_FIELD, at, company, draft, json as parsed, names, sink, terms, zone};
use crate::company::{Company, zone_of};
use crate::convert::{self, Terms, is_sink};
use crate::{PROJECTION_ADMIN, PROJECTION_PUBLIC, request, wire};

#[test]
fn every_spelling_of_a_booking_is_the_same_booking() {
    let terms = Terms {
        marker_field: Some(MARKER_FIELD.to_owned()),
        ..terms()
    };
    let files = names("rows");
    assert!(files.len() > 20, "the fixtures are gone");
    for name in files {
        let fixture = parsed(&format!("rows/{name}"));
        let expect = &fixture["expect"];
        let shown = terms.shown(&fixture["row"], &company(), None);
        if expect["unreadable"] == true {
            let unreadable = shown.expect_err(&name);
            assert!(
                !unreadable.why.contains("Проба"),
                "{name}: {}",
                unreadable.why
            );
            assert_eq!(unreadable.id.is_none(), name == "bad_no_id.json", "{name}");
            continue;
        }
        let record = shown
            .unwrap_or_else(|why| panic!("{name}: {}", why.why))
            .record;
        let text = |key: &str, usual: &str| match expect.get(key) {
            None => Some(usual.to_owned()),
            Some(value) => value.as_str().map(str::to_owned),
        };
        let instant = |key: &str, usual: &str| at(&text(key, usual).unwrap());
        let is_block = expect["block"] == true;
        assert_eq!(record.id.as_str(), "9012", "{name}");
        assert_eq!(record.resource.as_str(), "2", "{name}");
        assert_eq!(record.services, [ServiceKey::new("4")], "{name}");
        assert_eq!(
            record.start,
            instant("start", "2031-05-07T09:30:00Z"),
            "{name}"
        );
        assert_eq!(
            record.end,
            Some(instant("end", "2031-05-07T10:30:00Z")),
            "{name}"
        );
        assert_eq!(
            record.state == RecordState::Cancelled,
            expect["state"] == "Cancelled",
            "{name}"
        );
        assert_eq!(
            record.status == Status::Cancelled,
            expect["state"] == "Cancelled",
            "{name}"
        );
        assert_eq!(
            Some(record.comment.expose().to_owned()),
            text("comment", "позвонить заранее"),
            "{name}"
        );
        assert_eq!(
            record.marker,
            (expect["marker"] == true).then_some(BookingId::from_u128(10)),
            "{name}"
        );
        assert_eq!(record.is_block, is_block, "{name}");
        let exposed = |text: &Option<Private>| text.as_ref().map(|text| text.expose().to_owned());
        if is_block {
            assert_eq!(record.client, Client::default(), "{name}");
        } else {
            assert_eq!(record.client.name.expose(), "Проба Пера", "{name}");
            assert_eq!(
                exposed(&record.client.phone),
                text("phone", "+79000000003"),
                "{name}"
            );
            assert_eq!(
                exposed(&record.client.email),
                text("email", "proba.pera@example.com"),
                "{name}"
            );
        }
        assert_eq!(record.resource_title.as_deref(), Some("Room B"), "{name}");
        assert_eq!(
            record.service_title.as_deref(),
            Some("Short consult"),
            "{name}"
        );
        assert_eq!(
            record.created_at,
            Some(at("2031-05-01T07:15:42Z")),
            "{name}"
        );
    }
}

#[test]
fn a_sink_is_never_read_back_and_a_clients_own_contacts_are() {
    let terms = Terms {
        contacts: sink(),
        ..terms()
    };
    let mut row = parsed("rows/list.json")["row"].clone();
    let client = |row: &Value| terms.shown(row, &company(), None).unwrap().record.client;
    assert_eq!(client(&row).phone, Some(Private::new("+79000000003")));
    for email in [
        "sink@example.com",
        "Sink@Example.com",
        "sink+sb0a1b2c3d@example.com",
    ] {
        row["client_email"] = json!(email);
        row["client_phone"] = json!("8 900 000-00-99");
        let shown = client(&row);
        assert_eq!((shown.phone, shown.email), (None, None), "{email}");
        assert_eq!(shown.name.expose(), "Проба Пера");
    }
    assert!(!is_sink("sink+friend@example.com", "sink@example.com"));
    assert!(!is_sink("other@example.com", "sink@example.com"));
}

#[test]
fn a_sink_stands_in_for_new_bookings_and_not_for_who_booked_here() {
    let terms = Terms {
        contacts: sink(),
        ..terms()
    };
    let card = terms.card(&draft());
    let text = |value: &str| Some(Private::new(value));
    assert_eq!(
        (card.name.expose(), card.email.clone(), card.phone.clone()),
        ("Проба Пера", text("sink@example.com"), text("+79000000099"))
    );
    let own = convert::Card {
        name: Private::new("Old"),
        phone: text("+79000000005"),
        email: text("own@example.com"),
    };
    let kept = terms.card_after(&draft(), &own);
    assert_eq!(
        (kept.name.expose(), kept.phone, kept.email),
        ("Проба Пера", own.phone, own.email)
    );
    assert_eq!(terms.card_after(&draft(), &card), card);
    let block = terms.card(&slotbridge_platform::platform::Draft {
        kind: Kind::Block,
        ..draft()
    });
    assert_eq!(block.name.expose(), "Busy");
}

#[test]
fn where_no_marker_can_stand_a_block_is_known_by_its_placeholder() {
    let public = Terms {
        contacts: sink(),
        comments: false,
        ..terms()
    };
    let mut row = parsed("rows/details.json")["row"].clone();
    row["client_name"] = json!("busy");
    row["client_email"] = json!("sink@example.com");
    assert!(
        public
            .shown(&row, &company(), Some(""))
            .unwrap()
            .record
            .is_block
    );
    row["client_email"] = json!("a.person@example.com");
    assert!(
        !public
            .shown(&row, &company(), Some(""))
            .unwrap()
            .record
            .is_block,
        "somebody may be called that"
    );
}

#[test]
fn a_placeholder_without_contacts_of_its_own_is_nobody() {
    let terms = Terms {
        contacts: sink(),
        ..terms()
    };
    let mut row = parsed("rows/details.json")["row"].clone();
    row["client_name"] = json!("busy");
    row["client_phone"] = json!("8 900 000-00-99");
    let mut name = |email: &str| {
        row["client_email"] = json!(email);
        let shown = terms.shown(&row, &company(), Some("")).unwrap().record;
        shown.client.name.expose().to_owned()
    };
    assert_eq!(name("sink@example.com"), "");
    assert_eq!(
        name("a.person@example.com"),
        "busy",
        "somebody may be called that"
    );
}

#[test]
fn times_that_cannot_be_written_are_refused_and_never_moved() {
    let slot = |from: &str, to: &str| Slot::new(at(from), at(to)).unwrap();
    let kind = |from: &str, to: &str| {
        company()
            .times("x", slot(from, to))
            .map_err(|error| error.kind)
    };
    let times = kind("2031-05-07T09:30:00Z", "2031-05-07T10:45:00Z").unwrap();
    assert_eq!(
        (times.start.to_string(), times.end.to_string()),
        (
            "2031-05-07T10:30:00".to_owned(),
            "2031-05-07T11:45:00".to_owned()
        )
    );
    // Off the company's half hours.
    assert_eq!(
        kind("2031-05-07T09:40:00Z", "2031-05-07T10:45:00Z"),
        Err(ErrorKind::Unrepresentable)
    );
    // The second half past one of the night in which the clocks go back; into it a booking may run.
    assert_eq!(
        kind("2031-10-26T01:30:00Z", "2031-10-26T02:30:00Z"),
        Err(ErrorKind::Unrepresentable)
    );
    assert_eq!(
        kind("2031-10-26T00:30:00Z", "2031-10-26T01:15:00Z").map(|times| times.end.to_string()),
        Ok("2031-10-26T01:15:00".to_owned())
    );
    assert_eq!(
        kind("2031-10-26T00:00:00Z", "2031-10-26T01:15:00Z").map(|times| times.end.to_string()),
        Err(ErrorKind::Unrepresentable)
    );
}

#[test]
fn a_booking_that_ends_when_the_clocks_show_its_start_again_lasts_an_hour() {
    let london = zone("Europe/London");
    let wall = |text: &str| text.parse::<jiff::civil::DateTime>().unwrap();
    let read = |start: &str, end: &str| {
        let times = request::Times {
            start: wall(start),
            end: wall(end),
        };
        convert::instants(times, &london).unwrap()
    };
    assert_eq!(
        read("2031-10-26T01:00:00", "2031-10-26T01:00:00"),
        (at("2031-10-26T00:00:00Z"), at("2031-10-26T01:00:00Z"))
    );
    // On any other day it lasts no time at all.
    assert_eq!(
        read("2031-10-27T01:00:00", "2031-10-27T01:00:00"),
        (at("2031-10-27T01:00:00Z"), at("2031-10-27T01:00:00Z"))
    );
}

#[test]
fn an_end_that_the_clocks_skip_is_counted_from_the_start() {
    let berlin = zone("Europe/Berlin");
    let wall = |text: &str| text.parse::<jiff::civil::DateTime>().unwrap();
    let read = |start: &str, end: &str| {
        let times = request::Times {
            start: wall(start),
            end: wall(end),
        };
        convert::instants(times, &berlin)
    };
    // An hour from half past one, by somebody who counts without looking at the clocks.
    assert_eq!(
        read("2031-03-30T01:30:00", "2031-03-30T02:30:00"),
        Ok((at("2031-03-30T00:30:00Z"), at("2031-03-30T01:30:00Z")))
    );
    for (start, end) in [
        // Nobody can come at a time that is none.
        ("2031-03-30T02:30:00", "2031-03-30T03:30:00"),
        ("2031-03-30T04:30:00", "2031-03-30T02:30:00"),
    ] {
        let why = read(start, end).unwrap_err();
        assert!(why.contains("does not exist"), "{why}");
    }
}

#[test]
fn zones_are_known_with_spaces_for_slashes() {
    for (spelled, name) in [
        ("Europe London", Some("Europe/London")),
        ("Europe/London", Some("Europe/London")),
        ("America New York", Some("America/New_York")),
        ("America/New York", Some("America/New_York")),
        (
            "America Argentina Buenos Aires",
            Some("America/Argentina/Buenos_Aires"),
        ),
        ("UTC", Some("UTC")),
        ("Middle Earth", None),
        ("", None),
    ] {
        let zone = zone_of(spelled);
        assert_eq!(
            zone.as_ref().and_then(|zone| zone.iana_name()),
            name,
            "{spelled}"
        );
    }
}

fn named(projection: &slotbridge_core::projection::Projection, booking: &Booking) -> Booking {
    projection.project(booking)
}

prop_compose! {
    fn booking()(
        hour in 0_i64..200_000,
        minutes in 0_i64..600,
        seconds in 0_i64..60,
        name in "[А-Яа-яA-Z ]{0,40}",
        comment in "\\PC{0,60}",
        phone in proptest::option::of("\\+7900000[0-9]{4}"),
        email in proptest::option::of("[a-z]{1,8}@example\\.com"),
        services in proptest::collection::vec("[a-z]{1,5}", 0..3),
        status in 0_usize..5,
    ) -> Booking {
        let start = at("2030-01-01T00:00:00Z") + SignedDuration::from_hours(hour) + SignedDuration::from_secs(seconds);
        Booking {
            resource: ResourceName::new("anna").unwrap(),
            services: services.into_iter().map(|name| ServiceName::new(name).unwrap()).collect(),
            slot: Slot::new(start, start + SignedDuration::from_mins(minutes)).unwrap(),
            client: Client { name: Private::new(name), phone: phone.map(Private::new), email: email.map(Private::new) },
            status: Status::ALL[status],
            comment: Private::new(comment),
            kind: Kind::Appointment,
        }
    }
}

proptest! {
    #[test]
    fn a_projection_of_a_projection_is_that_projection(booking in booking()) {
        for projection in [PROJECTION_ADMIN, PROJECTION_PUBLIC] {
            let once = named(&projection, &booking);
            prop_assert_eq!(named(&projection, &once), once);
        }
    }

    #[test]
    fn what_is_written_is_read_back(
        half_hours in 0_i64..100_000,
        minutes in 1_i64..300,
        name in "[A-Z][a-z]{1,8}( [A-Z][a-z]{1,8})?",
        comment in "[a-zA-Zа-я0-9 .,!?\n]{0,80}",
        phone in proptest::option::of("\\+7900000[0-9]{4}"),
        email in proptest::option::of("[a-z]{1,8}@example\\.com"),
        block in any::<bool>(),
        field in any::<bool>(),
        london in any::<bool>(),
    ) {
        let company = Company { zone: zone(if london { "Europe/London" } else { "Asia/Kathmandu" }), ..company() };
        let company = Company { timeframe: None, ..company };
        let terms = Terms { marker_field: field.then(|| MARKER_FIELD.to_owned()), contacts: Contacts::Real, ..terms() };
        let start = at("2030-01-01T00:00:00Z") + SignedDuration::from_mins(30 * half_hours);
        let draft = slotbridge_platform::platform::Draft {
            slot: Slot::new(start, start + SignedDuration::from_mins(minutes)).unwrap(),
            client: Client { name: Private::new(name), phone: phone.map(Private::new), email: email.map(Private::new) },
            comment: slotbridge_core::normalise::text(&comment),
            kind: if block { Kind::Block } else { Kind::Appointment },
            resource: ResourceKey::new("2"),
            ..draft()
        };
        let Ok(times) = company.times("x", draft.slot) else {
            // Only in the second of a doubled hour.
            return Ok(());
        };
        let card = terms.card(&draft);
        let exposed = |text: &Option<Private>| text.as_ref().map(|text| text.expose().to_owned());
        let fields: Vec<Value> = terms
            .new_additional(draft.booking, draft.kind)
            .into_iter()
            .map(|(name, value)| json!({"field_name": name, "value": value}))
            .collect();
        let row = json!({
            "id": "9012", "event_id": "4", "unit_id": "2", "client_id": "77", "is_confirm": "1",
            "start_date": format!("{} {}", request::date(times.start), request::time(times.start)),
            "end_date": format!("{} {}", request::date(times.end), request::time(times.end)),
            "client": card.name.expose(), "client_phone": exposed(&card.phone), "client_email": exposed(&card.email),
            "comment": terms.new_comment(&draft), "additional_fields": fields,
        });
        let record = terms.shown(&row, &company, None).unwrap().record;
        prop_assert_eq!((record.start, record.end), (draft.slot.start(), Some(draft.slot.end())));
        prop_assert_eq!(record.marker, Some(draft.booking));
        prop_assert_eq!(record.is_block, block);
        prop_assert_eq!(record.comment, draft.comment.clone());
        if !block {
            prop_assert_eq!(record.client, draft.client.clone());
        }
    }

    #[test]
    fn no_value_makes_reading_panic(text in "\\PC{0,40}", number in any::<i64>()) {
        for value in [json!(text), json!(number), json!([text]), json!({"a": text}), Value::Null] {
            let mut row = parsed("rows/details.json")["row"].clone();
            for key in ["id", "start_date_time", "end_date_time", "is_confirmed", "additional_fields", "client_phone", "unit_id"] {
                row[key] = value.clone();
                // Any outcome but a panic will do.
                let outcome = terms().shown(&row, &company(), None);
                prop_assert!(outcome.is_ok() || outcome.is_err());
            }
            prop_assert_eq!(wire::local(&text).is_some_and(|at| at.year() > 9999), false);
        }
    }
}
