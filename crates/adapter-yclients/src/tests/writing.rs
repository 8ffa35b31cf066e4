//! What goes into a create and an update, and what is made of the replies.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use slotbridge_core::model::{
    BookingId, Client, Field, Kind, Private, RemoteId, ResourceKey, ServiceKey, Slot, Status,
};
use slotbridge_core::record::{Reading, Record};
use slotbridge_platform::platform::{Draft, Edit, Priority};
use slotbridge_platform::{Contacts, ErrorKind, Platform, PlatformError, Retry};

use super::support::{
    PHONE, Setup, answer, at, draft, fixture, page, plain, replies, single, sink, slot, text, zone,
};
use crate::convert::Reader;
use crate::form::Writer;

fn create(draft: &Draft, contacts: &Contacts) -> Result<Value, PlatformError> {
    let zone = zone("Europe/Moscow");
    Writer {
        zone: &zone,
        country: "RU",
        contacts,
        busy_name: "Busy",
    }
    .create(draft)
}

fn update(current: &Map<String, Value>, desired: Draft, fields: &[Field]) -> Value {
    update_behind(&Contacts::Real, current, desired, fields).unwrap()
}

fn update_behind(
    contacts: &Contacts,
    current: &Map<String, Value>,
    desired: Draft,
    fields: &[Field],
) -> Result<Value, PlatformError> {
    let zone = zone("Europe/Moscow");
    let edit = Edit {
        desired,
        fields: fields.iter().copied().collect(),
        expected: None,
    };
    Writer {
        zone: &zone,
        country: "RU",
        contacts,
        busy_name: "Busy",
    }
    .update(current, &edit)
}

fn read(row: &Map<String, Value>) -> Record {
    let zone = zone("Europe/Moscow");
    let reader = Reader {
        zone: &zone,
        country: "RU",
        contacts: &Contacts::Real,
    };
    reader.record(&Value::Object(row.clone())).unwrap().record
}

#[test]
fn a_create_is_whole_silent_and_marked() {
    let body = create(&draft(), &Contacts::Real).unwrap();
    let expected = json!({
        "staff_id": 310,
        "services": [{"id": 42}],
        "client": {"name": "Пётр", "phone": "79000000002", "email": "petr@example.com"},
        "save_if_busy": false,
        "datetime": "2031-05-06 10:30:00",
        "seance_length": 3600,
        "send_sms": false,
        "sms_remain_hours": 0,
        "email_remain_hours": 0,
        "comment": "у окна",
        "attendance": 0,
        "api_id": "sb:01890000-0000-7000-8000-000000000001",
    });
    assert_eq!(body, expected);
}

#[test]
fn a_create_says_what_the_draft_says() {
    let body = |change: fn(&mut Draft)| {
        let mut draft = draft();
        change(&mut draft);
        create(&draft, &Contacts::Real).unwrap()
    };
    assert_eq!(body(|d| d.force = true)["save_if_busy"], true);
    assert_eq!(
        body(|d| d.services = vec![ServiceKey::new("43"), ServiceKey::new("42")])["services"],
        json!([{"id": 43}, {"id": 42}])
    );
    assert_eq!(body(|d| d.services.clear())["services"], json!([]));
    for (status, code) in [
        (Status::Booked, 0),
        (Status::Confirmed, 2),
        (Status::Arrived, 1),
        (Status::NoShow, -1),
    ] {
        let draft = Draft { status, ..draft() };
        assert_eq!(create(&draft, &Contacts::Real).unwrap()["attendance"], code);
    }
    assert_eq!(body(|d| d.client = Client::default())["client"], json!({}));
    assert_eq!(
        body(|d| d.client.phone = text("112"))["client"]["phone"],
        "112"
    );
    assert_eq!(
        body(|d| d.slot = slot("2031-05-06T07:30:00Z", "2031-05-06T07:30:00.5Z"))["seance_length"],
        1
    );
}

#[test]
fn a_block_has_a_placeholder_and_a_marker_of_its_own() {
    let block = Draft {
        kind: Kind::Block,
        client: Client::default(),
        comment: Private::default(),
        ..draft()
    };
    let body = create(&block, &Contacts::Real).unwrap();
    assert_eq!(body["client"], json!({"name": "Busy"}));
    assert_eq!(
        body["api_id"],
        "sb-busy:01890000-0000-7000-8000-000000000001"
    );
    let body = create(&block, &sink()).unwrap();
    assert_eq!(
        body["client"],
        json!({"name": "Busy", "phone": "79000000099", "email": "sink@example.com"})
    );
}

#[test]
fn behind_a_sink_the_clients_contacts_stay_home() {
    let body = create(&draft(), &sink()).unwrap();
    assert_eq!(
        body["client"],
        json!({"name": "Пётр", "email": "sink@example.com"})
    );
    let desired = Draft {
        client: Client {
            name: Private::new("Анна"),
            phone: text("+79000000003"),
            email: text("anna@example.com"),
        },
        ..draft()
    };
    let fields = [Field::ClientName, Field::ClientPhone, Field::ClientEmail];
    let body = update_behind(&sink(), &plain(), desired, &fields).unwrap();
    assert_eq!(body["client"]["name"], "Анна");
    assert_eq!(
        (&body["client"]["phone"], &body["client"]["email"]),
        (&json!("79000000002"), &json!("petr@example.com"))
    );
}

#[test]
fn what_cannot_be_spelled_is_refused_before_any_call() {
    let table: [(fn(&mut Draft), &str); 6] = [
        (|d| d.status = Status::Cancelled, "removed"),
        (
            |d| d.resource = ResourceKey::new("anna"),
            "resource \"anna\"",
        ),
        (|d| d.resource = ResourceKey::new("0"), "resource \"0\""),
        (
            |d| d.services = vec![ServiceKey::new("haircut")],
            "service \"haircut\"",
        ),
        (
            |d| d.slot = slot("2031-05-06T07:30:00Z", "2031-05-06T07:30:00Z"),
            "without length",
        ),
        (|d| d.resource = ResourceKey::new("../1"), "resource"),
    ];
    for (change, word) in table {
        let mut draft = draft();
        change(&mut draft);
        let error = create(&draft, &Contacts::Real).expect_err(word);
        assert_eq!(
            (error.kind, error.retry),
            (ErrorKind::Unrepresentable, Retry::Never),
            "{word}"
        );
        assert!(error.message.contains(word), "{error}");
    }
}

#[test]
fn the_second_of_a_doubled_hour_is_refused_and_the_first_is_written() {
    let berlin = zone("Europe/Berlin");
    let writer = Writer {
        zone: &berlin,
        country: "DE",
        contacts: &Contacts::Real,
        busy_name: "Busy",
    };
    let at_hour = |start, end| {
        writer.create(&Draft {
            slot: slot(start, end),
            ..draft()
        })
    };
    assert_eq!(
        at_hour("2031-10-26T00:30:00Z", "2031-10-26T02:30:00Z").unwrap()["datetime"],
        "2031-10-26 02:30:00"
    );
    // Two hours pass, whatever the clocks show at their end.
    assert_eq!(
        at_hour("2031-10-26T00:30:00Z", "2031-10-26T02:30:00Z").unwrap()["seance_length"],
        7200
    );
    let error =
        at_hour("2031-10-26T01:30:00Z", "2031-10-26T02:30:00Z").expect_err("the second hour");
    assert_eq!(error.kind, ErrorKind::Unrepresentable);
}

/// The record of an owner who uses everything that a record has.
fn marked_by_the_owner() -> Map<String, Value> {
    let mut row = plain();
    row.extend(
        json!({
            "services": [
                {"id": 42, "title": "Стрижка", "cost": "2250.00", "first_cost": 2500.5, "discount": 10, "amount": 1},
                {"id": "43", "title": "Укладка", "cost": 900, "first_cost": 1000, "discount": "10", "amount": 2},
            ],
            "record_labels": [{"id": "67345", "title": "VIP", "color": "#26c6da"}, {"id": 104_474, "title": "Новый"}],
            "custom_color": "#f44336",
            "custom_fields": {"source": "flyer", "wishes": ["tea", "quiet"]},
            "client_agreements": {"client_id": 5550, "company_id": 7001, "is_newsletter_allowed": false, "is_personal_data_processing_allowed": true},
            "technical_break_duration": 600,
            "sms_remain_hours": 6,
            "email_remain_hours": 24,
            "attendance": 2,
            "api_id": "crm-777",
            "master_request": 1,
            "resource_instance_ids": [9],
            "sms_now": 1,
            "paid_full": 1,
            "fast_payment": 1,
        })
        .as_object()
        .unwrap()
        .clone(),
    );
    row["client"]["surname"] = "Пробный".into();
    row["client"]["patronymic"] = "Ильич".into();
    row
}

#[test]
fn an_update_of_nothing_sends_everything_as_the_owner_has_it() {
    let expected = json!({
        "staff_id": 310,
        "services": [
            {"id": 42, "first_cost": 2500.5, "discount": 10, "cost": 2250},
            {"id": 43, "first_cost": 1000, "discount": 10, "cost": 900, "amount": 2},
        ],
        "client": {"id": 5550, "name": "Пётр", "surname": "Пробный", "patronymic": "Ильич", "phone": "79000000002", "email": "petr@example.com"},
        "save_if_busy": true,
        "datetime": "2031-05-06 10:30:00",
        "seance_length": 3600,
        "send_sms": false,
        "comment": "у окна",
        "attendance": 2,
        "api_id": "crm-777",
        "custom_color": "f44336",
        "record_labels": ["67345", "104474"],
        "custom_fields": {"source": "flyer", "wishes": ["tea", "quiet"]},
        "client_agreements": {"is_newsletter_allowed": false, "is_personal_data_processing_allowed": true},
        "technical_break_duration": 600,
        "sms_remain_hours": 6,
        "email_remain_hours": 24,
        "master_request": 1,
        "resource_instance_ids": [9],
    });
    assert_eq!(update(&marked_by_the_owner(), draft(), &[]), expected);
}

/// One field, and what is other in the body than in an update of nothing.
#[test]
fn an_update_of_one_field_changes_that_alone() {
    let desired = Draft {
        resource: ResourceKey::new("311"),
        services: vec![ServiceKey::new("43"), ServiceKey::new("44")],
        slot: slot("2031-05-06T09:00:00Z", "2031-05-06T09:30:00Z"),
        client: Client {
            name: Private::new("Анна Ивановна Пробная"),
            phone: text("+79000000003"),
            email: text("anna@example.com"),
        },
        status: Status::Arrived,
        comment: Private::new("с собакой"),
        ..draft()
    };
    let table = [
        (
            Field::Resource,
            json!({"staff_id": 311, "save_if_busy": false}),
        ),
        (
            Field::Services,
            json!({"services": [{"id": 43, "first_cost": 1000, "discount": 10, "cost": 900, "amount": 2}, {"id": 44}]}),
        ),
        (
            Field::Slot,
            json!({"datetime": "2031-05-06 12:00:00", "seance_length": 1800, "save_if_busy": false}),
        ),
        (
            Field::ClientName,
            json!({"client": {"id": 5550, "name": "Анна", "surname": "Пробная", "patronymic": "Ивановна", "phone": "79000000002", "email": "petr@example.com"}}),
        ),
        (
            // Another card: the old one keeps its number.
            Field::ClientPhone,
            json!({"client": {"name": "Пётр", "surname": "Пробный", "patronymic": "Ильич", "phone": "79000000003", "email": "petr@example.com"}}),
        ),
        (
            Field::ClientEmail,
            json!({"client": {"id": 5550, "name": "Пётр", "surname": "Пробный", "patronymic": "Ильич", "phone": "79000000002", "email": "anna@example.com"}}),
        ),
        (Field::Status, json!({"attendance": 1})),
        (Field::Comment, json!({"comment": "с собакой"})),
    ];
    assert_eq!(table.len(), Field::ALL.len());
    let unchanged = update(&marked_by_the_owner(), desired.clone(), &[]);
    for (field, changes) in table {
        let mut expected = unchanged.as_object().unwrap().clone();
        expected.extend(changes.as_object().unwrap().clone());
        let body = update(&marked_by_the_owner(), desired.clone(), &[field]);
        assert_eq!(body, Value::Object(expected), "{field:?}");
    }
}

#[test]
fn a_new_name_is_read_back_as_it_was_written() {
    for (surname, patronymic) in [
        ("", ""),
        ("Пробный", ""),
        ("Пробный", "Ильич"),
        ("", "Ильич"),
    ] {
        for name in [
            "Анна",
            "Анна Пробная",
            "Анна Ивановна Пробная",
            "Анна Мария Ивановна Пробная",
        ] {
            let mut row = plain();
            row["client"]["surname"] = surname.into();
            row["client"]["patronymic"] = patronymic.into();
            let desired = Draft {
                client: Client {
                    name: Private::new(name),
                    ..Client::default()
                },
                ..draft()
            };
            let written = update(&row, desired, &[Field::ClientName])["client"].clone();
            assert_eq!(
                crate::convert::full_name(written.as_object().unwrap()),
                Private::new(name),
                "{surname} {patronymic}"
            );
        }
    }
}

#[test]
fn what_is_not_known_elsewhere_clears_nothing_here() {
    let fields = [Field::ClientName, Field::ClientPhone, Field::ClientEmail];
    let unchanged = update(&plain(), draft(), &[])["client"].clone();
    let desired = Draft {
        client: Client::default(),
        ..draft()
    };
    assert_eq!(update(&plain(), desired, &fields)["client"], unchanged);
    // Neither does the same client in another spelling.
    let desired = Draft {
        client: Client {
            name: Private::new(" Пётр "),
            phone: text(PHONE),
            email: text("petr@example.com"),
        },
        ..draft()
    };
    assert_eq!(update(&plain(), desired, &fields)["client"], unchanged);
}

#[test]
fn a_record_without_a_client_stays_so_until_one_is_named() {
    for client in [Value::Null, json!([])] {
        let mut row = plain();
        row.insert("client".to_owned(), client);
        assert_eq!(
            update(&row, draft(), &[Field::Comment])["client"],
            json!({})
        );
        let named = update(&row, draft(), &[Field::ClientName])["client"].clone();
        assert_eq!(
            named,
            json!({"name": "Пётр", "phone": "79000000002", "email": "petr@example.com"})
        );
    }
}

#[test]
fn an_address_shown_as_stars_is_never_written_back() {
    let mut row = plain();
    row["client"]["email"] = "p***@example.com".into();
    let client = update(&row, draft(), &[Field::Comment])["client"].clone();
    assert_eq!(client.get("email"), None);
    assert_eq!(client["phone"], "79000000002");
}

#[test]
fn our_marker_takes_a_free_place_only() {
    let ours = "sb:01890000-0000-7000-8000-000000000001";
    for (standing, kept) in [
        (json!(""), ours),
        (json!("0"), ours),
        (json!(null), ours),
        (json!("sb:01890000-0000-7000-8000-00000000ffff"), ours),
        (json!("crm-777"), "crm-777"),
        (json!(777), "777"),
    ] {
        let mut row = plain();
        row.insert("api_id".to_owned(), standing.clone());
        assert_eq!(update(&row, draft(), &[])["api_id"], kept, "{standing}");
    }
}

#[test]
fn no_body_ever_asks_for_a_message_or_a_payment() {
    let mut owners = marked_by_the_owner();
    owners.insert("send_sms".to_owned(), true.into());
    for body in [
        create(&draft(), &Contacts::Real).unwrap(),
        update(&owners, draft(), &Field::ALL),
    ] {
        assert_eq!(body["send_sms"], false);
        for key in [
            "fast_payment",
            "notify_by_sms",
            "notify_by_email",
            "sms_now",
            "email_now",
        ] {
            assert_eq!(body.get(key), None, "{key}");
        }
    }
}

fn edit(fields: &[Field], expected: &Record) -> Edit {
    let desired = Draft {
        comment: Private::new("с собакой"),
        ..draft()
    };
    Edit {
        desired,
        fields: fields.iter().copied().collect(),
        expected: Some(Box::new(expected.clone())),
    }
}

fn id() -> RemoteId {
    RemoteId::new("880011")
}

#[tokio::test(start_paused = true)]
async fn an_update_reads_first_and_takes_the_whole_reply_for_the_record() {
    let mut after = plain();
    after.insert("comment".to_owned(), "с собакой".into());
    let scripted = Setup::default().play([
        answer(200, single(plain())),
        answer(201, single(after.clone())),
    ]);
    let written = scripted
        .platform
        .update(&id(), &edit(&[Field::Comment], &read(&plain())))
        .await
        .unwrap();
    assert_eq!(written.record.as_deref(), Some(&read(&after)));
    assert_eq!(
        scripted.asked(),
        ["GET /record/7001/880011", "PUT /record/7001/880011"]
    );
    assert_eq!(scripted.body(1)["comment"], "с собакой");
}

#[tokio::test(start_paused = true)]
async fn a_reduced_or_odd_reply_leaves_the_record_to_be_read() {
    for (status, body) in [
        (200, fixture("replies/record_reduced.json")),
        (201, fixture("replies/garbage.json")),
        (200, single(Map::new())),
    ] {
        let scripted = Setup::default().play([answer(200, single(plain())), answer(status, body)]);
        let written = scripted
            .platform
            .update(&id(), &edit(&[Field::Comment], &read(&plain())))
            .await
            .unwrap();
        assert_eq!((written.id, written.record), (id(), None));
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_is_stale_when_what_it_rests_on_has_moved() {
    let table: [(fn(&mut Map<String, Value>), bool); 9] = [
        (
            |row| drop(row.insert("date".to_owned(), "2031-05-06 11:00:00".into())),
            true,
        ),
        (
            |row| drop(row.insert("seance_length".to_owned(), 1800.into())),
            true,
        ),
        (
            |row| drop(row.insert("staff_id".to_owned(), 311.into())),
            true,
        ),
        (
            |row| drop(row.insert("deleted".to_owned(), true.into())),
            true,
        ),
        (|row| row["client"]["name"] = "Анна".into(), true),
        (|row| row["client"]["phone"] = "+79000000003".into(), true),
        (
            |row| row["client"]["email"] = "anna@example.com".into(),
            true,
        ),
        (
            |row| drop(row.insert("comment".to_owned(), "другое".into())),
            false,
        ),
        (
            |row| drop(row.insert("custom_color".to_owned(), "f44336".into())),
            false,
        ),
    ];
    for (place, (change, stale)) in table.into_iter().enumerate() {
        let mut now = plain();
        change(&mut now);
        let scripted =
            Setup::default().play([answer(200, single(now)), answer(201, single(plain()))]);
        match scripted
            .platform
            .update(&id(), &edit(&[Field::Comment], &read(&plain())))
            .await
        {
            Ok(_) => assert!(!stale, "{place}"),
            Err(error) => assert_eq!(
                (error.kind, error.retry, stale),
                (ErrorKind::Stale, Retry::Later, true),
                "{place}"
            ),
        }
        assert_eq!(scripted.asked().len(), if stale { 1 } else { 2 }, "{place}");
    }
}

#[tokio::test(start_paused = true)]
async fn records_that_are_not_ours_to_write_are_refused_without_a_write() {
    let table: [(fn(&mut Map<String, Value>), &str); 4] = [
        (
            |row| drop(row.insert("deleted".to_owned(), true.into())),
            "deleted",
        ),
        (
            |row| drop(row.insert("activity_id".to_owned(), 61001.into())),
            "group event",
        ),
        (
            |row| drop(row.insert("clients_count".to_owned(), 2.into())),
            "several seats",
        ),
        (
            |row| drop(row.insert("attendance".to_owned(), 7.into())),
            "cannot be read",
        ),
    ];
    for (change, word) in table {
        let mut now = plain();
        change(&mut now);
        let scripted = Setup::default().play([answer(200, single(now))]);
        let edit = Edit {
            expected: None,
            ..edit(&[Field::Comment], &read(&plain()))
        };
        let error = scripted
            .platform
            .update(&id(), &edit)
            .await
            .expect_err(word);
        assert_eq!(
            (error.kind, error.retry),
            (ErrorKind::Refused, Retry::Never),
            "{word}"
        );
        assert!(error.message.contains(word), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_of_a_record_that_is_gone_finds_nothing() {
    let scripted = Setup::default().play([replies(404, "errors/404_record.json")]);
    let error = scripted
        .platform
        .update(&id(), &edit(&[Field::Comment], &read(&plain())))
        .await
        .expect_err("gone");
    assert_eq!(
        (error.kind, error.retry),
        (ErrorKind::NotFound, Retry::Never)
    );
}

#[tokio::test(start_paused = true)]
async fn a_record_whose_phone_is_hidden_is_not_written_back() {
    let with_phone = |phone: &str| {
        let mut row = plain();
        row["client"]["phone"] = phone.into();
        answer(200, single(row))
    };
    let comment = || Edit {
        expected: None,
        ..edit(&[Field::Comment], &read(&plain()))
    };
    // Stars tell by themselves.
    let scripted = Setup::default().play([with_phone("+7900***02")]);
    assert_eq!(
        scripted
            .platform
            .update(&id(), &comment())
            .await
            .expect_err("stars")
            .kind,
        ErrorKind::Forbidden
    );
    // An empty phone may be one that is not shown: the rights tell, and are asked once.
    let scripted = Setup::default().play([
        with_phone(""),
        replies(200, "replies/permissions_poor.json"),
        with_phone(""),
    ]);
    for _ in 0..2 {
        let error = scripted
            .platform
            .update(&id(), &comment())
            .await
            .expect_err("hidden");
        assert_eq!(
            (error.kind, error.retry),
            (ErrorKind::Forbidden, Retry::Never)
        );
        assert!(error.message.contains("timetable_phones_access"), "{error}");
    }
    // With the right, it is a client without a phone.
    let scripted = Setup::default().play([
        with_phone(""),
        replies(200, "replies/permissions.json"),
        answer(200, single(plain())),
    ]);
    assert!(scripted.platform.update(&id(), &comment()).await.is_ok());
    // And once any phone was seen, nothing is asked.
    let scripted = Setup::default().play([
        with_phone(PHONE),
        with_phone(""),
        answer(200, single(plain())),
    ]);
    assert!(matches!(
        scripted.platform.read(&id(), Priority::Poll).await,
        Ok(Reading::Found(_))
    ));
    assert!(scripted.platform.update(&id(), &comment()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_create_takes_the_reply_in_any_of_its_shapes() {
    let whole = read(&plain());
    let list = page(&[Value::Object(plain())], 1);
    for (body, record) in [
        (single(plain()), true),
        (list, true),
        (fixture("replies/record_reduced.json"), false),
    ] {
        let scripted = Setup::default().play([answer(201, body)]);
        let written = scripted.platform.create(&draft()).await.unwrap();
        assert_eq!(written.record.as_deref(), record.then_some(&whole));
        assert_eq!(
            written.id.as_str(),
            if record { "880011" } else { "880012" }
        );
        assert_eq!(scripted.asked(), ["POST /records/7001"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_without_a_usable_reply_may_have_landed() {
    let two = page(&[Value::Object(plain()), Value::Object(plain())], 2);
    for body in [
        fixture("replies/garbage.json"),
        two,
        page(&[], 0),
        single(Map::new()),
    ] {
        let scripted = Setup::default().play([answer(201, body)]);
        let error = scripted.platform.create(&draft()).await.expect_err("no id");
        assert_eq!(
            (error.kind, error.retry),
            (ErrorKind::BadReply, Retry::AfterObserving)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_removal_succeeds_when_the_record_is_gone_already() {
    let mut deleted = plain();
    deleted.insert("deleted".to_owned(), true.into());
    let not_found = || replies(404, "errors/404_record.json");
    for (scenes, outcome) in [
        (vec![answer(204, "")], Ok(())),
        (vec![not_found(), not_found()], Ok(())),
        (vec![not_found(), answer(200, single(deleted))], Ok(())),
        (
            vec![not_found(), answer(200, single(plain()))],
            Err(ErrorKind::NotFound),
        ),
        (
            vec![replies(404, "errors/404_branch.json")],
            Err(ErrorKind::Forbidden),
        ),
        (
            vec![not_found(), replies(404, "errors/404_branch.json")],
            Err(ErrorKind::Forbidden),
        ),
        (
            vec![replies(403, "errors/403_rights.json")],
            Err(ErrorKind::Forbidden),
        ),
    ] {
        let scripted = Setup::default().play(scenes);
        let removed = scripted
            .platform
            .remove(&id())
            .await
            .map_err(|error| error.kind);
        assert_eq!(removed, outcome);
        assert_eq!(scripted.transport.scenes_left(), 0);
        assert_eq!(scripted.asked()[0], "DELETE /record/7001/880011");
    }
}

#[tokio::test(start_paused = true)]
async fn reading_tells_found_missing_and_unreadable_apart() {
    let mut bad = plain();
    bad.insert("attendance".to_owned(), 7.into());
    let read_one = async |scene| {
        Setup::default()
            .play([scene])
            .platform
            .read(&id(), Priority::Hint)
            .await
    };
    assert_eq!(
        read_one(answer(200, single(plain()))).await.unwrap(),
        Reading::Found(Box::new(read(&plain())))
    );
    assert_eq!(
        read_one(replies(404, "errors/404_record.json"))
            .await
            .unwrap(),
        Reading::Missing
    );
    assert!(
        matches!(read_one(answer(200, single(bad))).await.unwrap(), Reading::Unreadable(row) if row.id == Some(id()))
    );
    // A branch out of sight must not make its records look gone.
    assert_eq!(
        read_one(replies(404, "errors/404_branch.json"))
            .await
            .expect_err("branch")
            .kind,
        ErrorKind::Forbidden
    );
    assert_eq!(
        read_one(replies(200, "replies/garbage.json"))
            .await
            .expect_err("garbage")
            .kind,
        ErrorKind::BadReply
    );
    let scripted = Setup::default().play([]);
    let unknown = RemoteId::new("../records/7001");
    assert_eq!(
        scripted
            .platform
            .read(&unknown, Priority::Hint)
            .await
            .unwrap(),
        Reading::Missing
    );
    assert!(scripted.asked().is_empty());
}

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
