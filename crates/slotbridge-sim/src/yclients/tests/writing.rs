//! Creates, updates and deletes, and what they leave behind.

use serde_json::{Value, json};

use super::{ask, branch, branch_in, created, form, get, with};
use crate::person::{Booking, Edit, Hand, Inspect};
use crate::testing::at;
use crate::yclients::{ClientCard, CreateReply, DeletedGet, Marks};

#[tokio::test(start_paused = true)]
async fn a_created_record_reads_back_in_the_forms_of_the_contract() {
    let sim = branch();
    let id = created(&sim, &form("2031-05-07 10:30:00")).await;
    let record = get(&sim, &format!("/record/7001/{id}")).await.data();
    assert_eq!(record["date"], "2031-05-07 10:30:00");
    assert_eq!(record["datetime"], "2031-05-07T10:30:00+03:00");
    assert_eq!(record["create_date"], "2031-05-06T10:00:00+0300");
    assert_eq!(record["last_change_date"], "2031-05-06T10:00:00+0300");
    assert_eq!(record["client"]["phone"], "+79000000002");
    assert_eq!(record["services"][0]["title"], "Массаж");
    assert_eq!(record["api_id"], "018f-1");
    assert_eq!(record["deleted"], false);
    assert_eq!(record["custom_fields"], json!([]));
    let seen = sim.seen(id).unwrap();
    assert_eq!(
        (seen.start, seen.end),
        (at("2031-05-07T07:30:00Z"), at("2031-05-07T08:30:00Z"))
    );
    assert_eq!(seen.marker.as_deref(), Some("018f-1"));
}

#[tokio::test(start_paused = true)]
async fn a_start_may_carry_its_own_offset_and_a_doubled_hour_takes_the_earlier_one() {
    let sim = branch_in("Europe/Berlin");
    let id = created(&sim, &form("2031-05-07T10:30:00+05:00")).await;
    assert_eq!(sim.seen(id).unwrap().start, at("2031-05-07T05:30:00Z"));
    let id = created(&sim, &form("2031-10-26 02:30:00")).await;
    let record = get(&sim, &format!("/record/7001/{id}")).await.data();
    assert_eq!(record["datetime"], "2031-10-26T02:30:00+02:00");
    assert_eq!(sim.seen(id).unwrap().start, at("2031-10-26T00:30:00Z"));
}

#[tokio::test(start_paused = true)]
async fn the_answer_to_a_create_has_four_shapes() {
    let sim = branch();
    for (reply, list, full) in [
        (CreateReply::Array, true, true),
        (CreateReply::Object, false, true),
        (CreateReply::Reduced, false, false),
        (CreateReply::ReducedArray, true, false),
    ] {
        sim.configure(|options| options.create_reply = reply);
        let body = with(form("2031-05-07 10:30:00"), &json!({"save_if_busy": true}));
        let data = ask(&sim, "POST", "/records/7001", &body).await.data();
        assert_eq!(data.is_array(), list);
        let record = if list { &data[0] } else { &data };
        assert!(record["id"].is_u64());
        assert_eq!(record.get("last_change_date").is_some(), full);
        assert_eq!(record.get("staff_id").is_some(), full);
    }
}

#[tokio::test(start_paused = true)]
async fn every_required_field_that_is_left_out_is_named() {
    let sim = branch();
    let before = sim.fingerprint();
    let id = created(&sim, &form("2031-05-07 10:30:00")).await;
    assert_ne!(sim.fingerprint(), before);
    let before = sim.fingerprint();
    for field in [
        "staff_id",
        "services",
        "client",
        "datetime",
        "seance_length",
        "save_if_busy",
        "send_sms",
    ] {
        let body = with(form("2031-05-08 10:30:00"), &json!({field: null}));
        for (verb, path) in [
            ("POST", "/records/7001".to_owned()),
            ("PUT", format!("/record/7001/{id}")),
        ] {
            let answer = ask(&sim, verb, &path, &body).await;
            assert_eq!(answer.status, 422, "{verb} without {field}");
            assert!(
                answer.json()["meta"]["errors"][field].is_array(),
                "{}",
                answer.text
            );
        }
    }
    let not_json = ask(&sim, "POST", "/records/7001", &Value::Null).await;
    assert_eq!(not_json.status, 400);
    assert_eq!(sim.fingerprint(), before);
}

#[tokio::test(start_paused = true)]
async fn a_put_resets_what_it_leaves_out_and_keeps_what_it_sends_back() {
    let sim = branch();
    let booking = Booking::new(310, 42, at("2031-05-07T07:30:00Z"), 60);
    let id = sim.book(
        &booking
            .client("Проба", "+79000000002")
            .comment("не звонить")
            .status(2),
    );
    let marks = Marks {
        labels: vec!["9".to_owned()],
        color: "f44336".to_owned(),
        custom_fields: json!({"source": "реклама"}).as_object().unwrap().clone(),
        sms_remain_hours: 6,
        email_remain_hours: 24,
        agreements: json!({"is_newsletter_allowed": false, "is_personal_data_processing_allowed": true}),
        prices: vec![(2000, 20)],
    };
    sim.mark(id, &marks).unwrap();

    let path = format!("/record/7001/{id}");
    let record = get(&sim, &path).await.data();
    let everything = json!({
        "staff_id": record["staff_id"], "client": record["client"], "datetime": "2031-05-07 12:00:00",
        "seance_length": record["length"], "save_if_busy": false, "send_sms": false,
        "services": [{"id": 42, "first_cost": 2500, "discount": 20, "cost": 2000}],
        "comment": record["comment"], "attendance": record["attendance"], "api_id": "018f-2",
        "custom_color": record["custom_color"], "custom_fields": record["custom_fields"],
        "record_labels": [record["record_labels"][0]["id"]],
        "sms_remain_hours": 6, "email_remain_hours": 24, "client_agreements": record["client_agreements"],
    });
    assert_eq!(ask(&sim, "PUT", &path, &everything).await.status, 201);
    assert_eq!(sim.marks(id), Some(marks));
    let seen = sim.seen(id).unwrap();
    assert_eq!((seen.comment.as_str(), seen.status), ("не звонить", 2));
    assert_eq!(seen.start, at("2031-05-07T09:00:00Z"));
    assert_eq!(
        sim.reminders_set(),
        [],
        "what the owner had set is not ours"
    );

    sim.configure(|options| options.put_status = 200);
    let least = with(
        form("2031-05-07 12:00:00"),
        &json!({"services": [{"id": 42}], "api_id": null}),
    );
    assert_eq!(ask(&sim, "PUT", &path, &least).await.status, 200);
    let reset = Marks {
        prices: vec![(2500, 0)],
        ..Marks::default()
    };
    assert_eq!(sim.marks(id), Some(reset));
    let seen = sim.seen(id).unwrap();
    assert_eq!(
        (seen.comment.as_str(), seen.status, seen.marker),
        ("", 0, None)
    );
}

#[tokio::test(start_paused = true)]
async fn labels_are_written_as_ids_and_not_as_they_were_read() {
    let sim = branch();
    let id = created(&sim, &form("2031-05-07 10:30:00")).await;
    for (labels, status) in [
        (json!([{"id": "9"}]), 422),
        (json!(["9", "77"]), 201),
        (json!([9]), 201),
    ] {
        let body = with(
            form("2031-05-07 10:30:00"),
            &json!({"record_labels": labels}),
        );
        assert_eq!(
            ask(&sim, "PUT", &format!("/record/7001/{id}"), &body)
                .await
                .status,
            status
        );
    }
    assert_eq!(sim.marks(id).unwrap().labels, ["9"]);
}

#[tokio::test(start_paused = true)]
async fn a_delete_is_soft_and_shows_only_where_it_is_asked_for() {
    let sim = branch();
    let id = created(&sim, &form("2031-05-07 10:30:00")).await;
    let path = format!("/record/7001/{id}");
    tokio::time::advance(std::time::Duration::from_secs(90)).await;
    let gone = ask(&sim, "DELETE", &path, &Value::Null).await;
    assert_eq!((gone.status, gone.text.as_str()), (204, ""));
    assert_eq!(ask(&sim, "DELETE", &path, &Value::Null).await.status, 404);
    assert_eq!(
        ask(&sim, "PUT", &path, &form("2031-05-07 10:30:00"))
            .await
            .status,
        404
    );
    assert_eq!(get(&sim, &path).await.status, 404);
    assert_eq!(
        get(&sim, "/records/7001").await.json()["meta"]["total_count"],
        0
    );
    let listed = get(&sim, "/records/7001?with_deleted=1").await.data();
    assert_eq!(listed[0]["deleted"], true);
    assert_eq!(listed[0]["last_change_date"], "2031-05-06T10:01:30+0300");
    sim.configure(|options| options.deleted_get = DeletedGet::Shown);
    assert_eq!(get(&sim, &path).await.data()["deleted"], true);
    assert_eq!(ask(&sim, "DELETE", &path, &Value::Null).await.status, 404);
    assert_eq!(sim.live(), []);
}

#[tokio::test(start_paused = true)]
async fn a_busy_time_is_refused_unless_it_is_forced() {
    let sim = branch();
    let first = created(&sim, &form("2031-05-07 10:30:00")).await;
    let body = form("2031-05-07 11:00:00");
    let refused = ask(&sim, "POST", "/records/7001", &body).await;
    assert_eq!(refused.status, 422);
    assert!(
        refused.json()["meta"]["message"]
            .as_str()
            .unwrap()
            .contains("Лида")
    );
    sim.configure(|options| options.busy_status = 409);
    assert_eq!(ask(&sim, "POST", "/records/7001", &body).await.status, 409);
    assert_eq!(sim.double_bookings(), []);

    // Its own time is not in the way, a neighbour's end is not, and another's time is not.
    let path = format!("/record/7001/{first}");
    assert_eq!(ask(&sim, "PUT", &path, &body).await.status, 201);
    created(&sim, &form("2031-05-07 12:00:00")).await;
    created(&sim, &with(body.clone(), &json!({"staff_id": 311}))).await;
    assert_eq!(sim.double_bookings(), []);

    let forced = created(&sim, &with(body, &json!({"save_if_busy": true}))).await;
    assert_eq!(sim.double_bookings(), [(first, forced)]);
    sim.cancel(first).unwrap();
    assert_eq!(sim.double_bookings(), []);
}

#[tokio::test(start_paused = true)]
async fn a_time_outside_working_hours_counts_as_busy() {
    let sim = branch();
    let (open, close) = (
        jiff::civil::time(9, 0, 0, 0),
        jiff::civil::time(20, 0, 0, 0),
    );
    sim.add_staff(312, "Нина", Some((open, close)));
    for (start, status) in [
        ("08:59", 422),
        ("09:00", 201),
        ("19:00", 201),
        ("19:30", 422),
    ] {
        let body = with(
            form(&format!("2031-05-07 {start}:00")),
            &json!({"staff_id": 312}),
        );
        assert_eq!(
            ask(&sim, "POST", "/records/7001", &body).await.status,
            status,
            "{start}"
        );
    }
    assert!(!sim.is_free(312, at("2031-05-07T05:00:00Z"), 60));
    assert!(sim.is_free(312, at("2031-05-07T09:00:00Z"), 60));
}

#[tokio::test(start_paused = true)]
async fn messages_and_reminders_that_a_write_asks_for_are_counted() {
    let sim = branch();
    let id = created(&sim, &form("2031-05-07 10:30:00")).await;
    assert_eq!(
        (sim.messages_sent().len(), sim.reminders_set().len()),
        (0, 0)
    );
    let loud = json!({"send_sms": true, "email_remain_hours": 24});
    let body = with(form("2031-05-07 10:30:00"), &loud);
    assert_eq!(
        ask(&sim, "PUT", &format!("/record/7001/{id}"), &body)
            .await
            .status,
        201
    );
    assert_eq!(sim.messages_sent()[0].record, id);
    assert_eq!(
        (
            sim.reminders_set()[0].sms_hours,
            sim.reminders_set()[0].email_hours
        ),
        (0, 24)
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_is_known_by_the_phone_in_any_spelling() {
    let sim = branch();
    let mother = sim.book(
        &Booking::new(311, 42, at("2031-05-07T07:30:00Z"), 60).client("Мария", "8 (900) 000-00-02"),
    );
    let stamp = sim.seen(mother).unwrap().changed_at;
    tokio::time::advance(std::time::Duration::from_mins(1)).await;
    let body = with(
        form("2031-05-07 10:30:00"),
        &json!({"client": {"phone": "+7 900 0000002", "name": "Анна"}}),
    );
    created(&sim, &body).await;
    let seen = sim.seen(mother).unwrap();
    assert_eq!(seen.name, "Анна", "the card is one, and so its name");
    assert_eq!(
        seen.changed_at, stamp,
        "a renamed card is no change of a record"
    );
    sim.configure(|options| options.client_card = ClientCard::Kept);
    let body = with(
        form("2031-05-08 10:30:00"),
        &json!({"client": {"phone": "79000000002", "name": "Ольга", "email": "o@example.com"}}),
    );
    created(&sim, &body).await;
    let seen = sim.seen(mother).unwrap();
    assert_eq!(
        (seen.name.as_str(), seen.email.as_str()),
        ("Анна", "o@example.com")
    );
    let nobody = with(form("2031-05-09 10:30:00"), &json!({"client": {}}));
    let id = created(&sim, &nobody).await;
    assert_eq!(
        get(&sim, &format!("/record/7001/{id}")).await.data()["client"],
        Value::Null
    );
}

#[tokio::test(start_paused = true)]
async fn unknown_staff_services_and_rubbish_are_refused() {
    let sim = branch();
    sim.fire_staff(311);
    let before = sim.fingerprint();
    for (change, status) in [
        (json!({"staff_id": 999}), 404),
        (json!({"staff_id": 311}), 404),
        (json!({"services": [{"id": 999}]}), 404),
        (json!({"services": [{}]}), 422),
        (json!({"datetime": "завтра"}), 422),
        (json!({"attendance": 3}), 422),
        (json!({"technical_break_duration": 100}), 422),
        (json!({"activity_id": 5}), 404),
    ] {
        let answer = ask(
            &sim,
            "POST",
            "/records/7001",
            &with(form("2031-05-07 10:30:00"), &change),
        )
        .await;
        assert_eq!(answer.status, status, "{change}");
    }
    sim.configure(|options| options.unknown_status = 422);
    let body = with(form("2031-05-07 10:30:00"), &json!({"staff_id": 999}));
    assert_eq!(ask(&sim, "POST", "/records/7001", &body).await.status, 422);
    assert_eq!(sim.fingerprint(), before);
}

#[tokio::test(start_paused = true)]
async fn a_marker_on_two_live_records_is_remembered_after_it_is_mended() {
    let sim = branch();
    let first = created(&sim, &form("2031-05-07 10:30:00")).await;
    sim.cancel(first).unwrap();
    let second = created(&sim, &form("2031-05-07 10:30:00")).await;
    assert_eq!(sim.duplicates_ever(), []);
    let body = with(
        form("2031-05-08 10:30:00"),
        &json!({"api_id": "", "comment": "да\nsb:018f-1"}),
    );
    let third = created(&sim, &body).await;
    sim.cancel(third).unwrap();
    let found = sim.duplicates_ever();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].marker.as_str(), &found[0].ids),
        ("018f-1", &vec![second, third])
    );
}

#[tokio::test(start_paused = true)]
async fn a_comment_is_trimmed_and_cut_where_the_platform_does_so() {
    let sim = branch();
    let body = with(
        form("2031-05-07 10:30:00"),
        &json!({"comment": "  привет, мир  "}),
    );
    let id = created(&sim, &body).await;
    assert_eq!(sim.seen(id).unwrap().comment, "  привет, мир  ");
    sim.configure(|options| {
        options.comment_trim = true;
        options.comment_max = Some(6);
    });
    assert_eq!(
        ask(&sim, "PUT", &format!("/record/7001/{id}"), &body)
            .await
            .status,
        201
    );
    assert_eq!(sim.seen(id).unwrap().comment, "привет");
}

#[tokio::test(start_paused = true)]
async fn a_persons_hand_moves_edits_and_cancels_and_each_is_a_change_and_a_webhook() {
    let sim = branch();
    let id = sim.book(
        &Booking::new(310, 42, at("2031-05-07T07:30:00Z"), 60).client("Проба", "+79000000002"),
    );
    let mut stamp = sim.seen(id).unwrap().changed_at;
    let mut later = async || {
        tokio::time::advance(std::time::Duration::from_mins(1)).await;
        let now = sim.seen(id).unwrap().changed_at;
        let moved = now > stamp;
        stamp = now;
        moved
    };
    tokio::time::advance(std::time::Duration::from_mins(1)).await;
    sim.move_to(id, at("2031-05-07T09:00:00Z")).unwrap();
    assert!(later().await);
    let edit = Edit {
        staff: Some(311),
        services: Some(vec![43, 42]),
        minutes: Some(90),
        name: Some("Проба Пера".to_owned()),
        phone: Some("+79000000003".to_owned()),
        status: Some(1),
        ..Edit::default()
    };
    sim.edit(id, &edit).unwrap();
    assert!(later().await);
    let seen = sim.seen(id).unwrap();
    assert_eq!(
        (seen.staff, &seen.services, seen.status),
        (311, &vec![43, 42], 1)
    );
    assert_eq!(
        (seen.start, seen.end),
        (at("2031-05-07T09:00:00Z"), at("2031-05-07T10:30:00Z"))
    );
    assert_eq!(
        (seen.name.as_str(), seen.phone.as_str()),
        ("Проба Пера", "+79000000003")
    );
    sim.cancel(id).unwrap();
    assert!(later().await);
    assert!(!later().await);
    assert!(sim.cancel(id).is_err() && sim.move_to(id, at("2031-05-07T09:00:00Z")).is_err());
    let hooks = sim.take_webhooks();
    let events: Vec<&Value> = hooks.iter().map(|hook| &hook["status"]).collect();
    assert_eq!(events, ["create", "update", "update", "delete"]);
    assert_eq!(hooks[3]["data"]["deleted"], true);
    assert_eq!(sim.take_webhooks(), [] as [Value; 0]);
}

#[tokio::test(start_paused = true)]
async fn writes_by_api_are_echoed_as_webhooks_unless_that_is_off() {
    let sim = branch();
    let mut subscribed = sim.webhooks().subscribe();
    created(&sim, &form("2031-05-07 10:30:00")).await;
    assert_eq!(sim.take_webhooks().len(), 1);
    sim.configure(|options| options.webhook_echo = false);
    created(&sim, &form("2031-05-08 10:30:00")).await;
    assert_eq!(sim.take_webhooks().len(), 0);
    assert_eq!(subscribed.try_recv().unwrap()["resource"], "record");
    assert!(subscribed.try_recv().is_err());
}
