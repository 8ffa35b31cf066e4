//! Writes, and what is shown of them.

use serde_json::{Value, json};

use super::super::Options;
use super::super::hand::Card;
use super::{account, ask, done, form, person, refused, rows, with};
use crate::person::{Booking, Edit, Hand as _, Inspect as _};
use crate::testing::at;

#[tokio::test(start_paused = true)]
async fn a_lesson_is_written_in_one_vocabulary_and_read_in_another() {
    let sim = account(Options::default());
    let customer = done(
        &sim,
        "2/customer/create",
        &person("Проба Пера", "+79000000003"),
    )
    .await["id"]
        .clone();
    let model = done(&sim, "2/lesson/create", &form(&customer)).await;
    assert_eq!(model["date"], "2031-05-07");
    assert_eq!(model["time_from"], "2031-05-07 16:30:01");
    assert_eq!(model["time_to"], "2031-05-07 17:15:00");
    assert_eq!(model["details"][0]["customer_id"], customer);
    assert_eq!(model["details"][0]["is_attend"], Value::Null);
    let listed = rows(&sim, "2/lesson/index", &json!({"status": 1})).await;
    assert_eq!(Value::from(listed), json!([model]));
    let seen = sim.seen(model["id"].as_u64().unwrap()).unwrap();
    assert_eq!(
        (seen.start, seen.end),
        (at("2031-05-07T13:30:00Z"), at("2031-05-07T14:15:00Z"))
    );
    assert_eq!(seen.marker.as_deref(), Some("018f-1"));
    assert_eq!(seen.phone, "+79000000003");
}

#[tokio::test(start_paused = true)]
async fn whatever_is_missing_or_wrong_is_named() {
    let sim = account(Options::default());
    let customer = done(
        &sim,
        "2/customer/create",
        &person("Проба Пера", "+79000000003"),
    )
    .await["id"]
        .clone();
    let elsewhere = sim.add_customer_elsewhere(&Card::new("Чужой", "+79000000009"));
    for (change, field) in [
        (
            json!({"lesson_date": null, "date": "07.05.2031"}),
            "lesson_date",
        ),
        (json!({"time_from": "half past four"}), "lesson_date"),
        (json!({"duration": null}), "duration"),
        (json!({"duration": 0}), "duration"),
        (json!({"lesson_type_id": null}), "lesson_type_id"),
        (json!({"subject_id": 60}), "subject_id"),
        (json!({"teacher_ids": []}), "teacher_ids"),
        (json!({"teacher_ids": [170]}), "teacher_ids"),
        (json!({"customer_ids": []}), "customer_ids"),
        (
            json!({"customer_ids": [customer, customer]}),
            "customer_ids",
        ),
        (json!({"customer_ids": [elsewhere]}), "customer_ids"),
        (json!({"group_ids": [1]}), "group_ids"),
        (json!({"lesson_type_id": 2}), "group_ids"),
        (json!({"status": 4}), "status"),
        (json!({"room_id": 50}), "room_id"),
        (json!({"note": "ё".repeat(256)}), "note"),
    ] {
        let named = refused(&sim, "2/lesson/create", &with(&form(&customer), &change)).await;
        assert_eq!(named, field, "{change}");
    }
    for (change, field) in [
        (json!({"name": " "}), "name"),
        (json!({"name": "ё".repeat(51)}), "name"),
        (json!({"is_study": null}), "is_study"),
        (json!({"legal_type": null}), "legal_type"),
    ] {
        let named = refused(
            &sim,
            "2/customer/create",
            &with(&person("Имя", "+79000000004"), &change),
        )
        .await;
        assert_eq!(named, field, "{change}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_a_room_is_looked_after_unless_people_are_too() {
    for people in [false, true] {
        let sim = account(Options {
            refuse_busy_people: people,
            ..Options::default()
        });
        let customer = done(
            &sim,
            "2/customer/create",
            &person("Проба Пера", "+79000000003"),
        )
        .await["id"]
            .clone();
        let first = with(&form(&customer), &json!({"room_id": 5}));
        done(&sim, "2/lesson/create", &first).await;
        assert_eq!(
            refused(
                &sim,
                "2/lesson/create",
                &with(&first, &json!({"teacher_ids": [18]}))
            )
            .await,
            "room_id"
        );
        let overlapping = with(&form(&customer), &json!({"time_from": "16:50"}));
        if people {
            assert_eq!(
                refused(&sim, "2/lesson/create", &overlapping).await,
                "teacher_ids"
            );
        } else {
            done(&sim, "2/lesson/create", &overlapping).await;
            assert_eq!(sim.double_bookings().len(), 1);
        }
        done(
            &sim,
            "2/lesson/create",
            &with(&first, &json!({"time_from": "17:15"})),
        )
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_changes_what_it_names_in_any_of_the_time_formats() {
    let sim = account(Options::default());
    let customer = done(
        &sim,
        "2/customer/create",
        &person("Проба Пера", "+79000000003"),
    )
    .await["id"]
        .clone();
    let id = done(&sim, "2/lesson/create", &form(&customer)).await["id"]
        .as_u64()
        .unwrap();
    sim.mark(id, "Гаммы", Some(5)).unwrap();
    let path = format!("2/lesson/update?id={id}");
    for (change, from, to) in [
        (
            json!({"time_from": "18:00", "time_to": "18:45", "duration": 45}),
            "18:00:01",
            "18:45:00",
        ),
        (json!({"time_from": "19:00:00"}), "19:00:01", "19:45:00"),
        (
            json!({"time_from": "2031-05-07 20:00:01", "time_to": "2031-05-07 20:30:00"}),
            "20:00:01",
            "20:30:00",
        ),
        (json!({"note": ""}), "20:00:01", "20:30:00"),
    ] {
        let model = done(&sim, &path, &change).await;
        let times = (
            model["time_from"].as_str().unwrap(),
            model["time_to"].as_str().unwrap(),
        );
        assert_eq!(
            times,
            (
                format!("2031-05-07 {from}").as_str(),
                format!("2031-05-07 {to}").as_str()
            ),
            "{change}"
        );
        assert_eq!(
            (model["topic"].as_str(), model["room_id"].as_u64()),
            (Some("Гаммы"), Some(5))
        );
    }
    assert_eq!(sim.seen(id).unwrap().comment, "");
}

#[tokio::test(start_paused = true)]
async fn a_status_goes_forward_and_holding_through_the_api_is_noticed() {
    let sim = account(Options::default());
    let customer = done(
        &sim,
        "2/customer/create",
        &person("Проба Пера", "+79000000003"),
    )
    .await["id"]
        .clone();
    let cancelled = done(&sim, "2/lesson/create", &form(&customer)).await["id"]
        .as_u64()
        .unwrap();
    let path = format!("2/lesson/update?id={cancelled}");
    done(&sim, &path, &json!({"status": "2"})).await;
    assert!(sim.seen(cancelled).unwrap().deleted);
    assert_eq!(refused(&sim, &path, &json!({"status": 1})).await, "status");
    sim.configure(|options| options.undo = true);
    done(&sim, &path, &json!({"status": 1})).await;
    assert_eq!(sim.held_by_api(), Vec::<u64>::new());
    done(&sim, &path, &json!({"status": 3})).await;
    assert_eq!(sim.held_by_api(), [cancelled]);
    // A lesson that nobody gives a status is one that was held.
    let model = done(
        &sim,
        "2/lesson/create",
        &with(&form(&customer), &json!({"status": null})),
    )
    .await;
    assert_eq!(model["status"], 3);
}

#[tokio::test(start_paused = true)]
async fn cancelling_is_told_from_updating_in_the_log() {
    let sim = account(Options::default());
    let id =
        sim.book(&Booking::new(17, 6, at("2031-05-07T13:30:00Z"), 45).client("А", "+79000000001"));
    let path = format!("2/lesson/update?id={id}");
    ask(&sim, &path, &json!({"topic": "x"})).await;
    ask(&sim, &path, &json!({"status": 2})).await;
    ask(&sim, "2/lesson/index", &json!({"status": 2, "id": id})).await;
    ask(&sim, "2/lesson/index", &json!({"status": 2})).await;
    for method in [
        "lesson.update",
        "lesson.cancel",
        "lesson.read",
        "lesson.index",
    ] {
        assert_eq!(sim.count(method), 1, "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_marker_on_two_live_lessons_is_a_duplicate() {
    let sim = account(Options::default());
    let customer = done(
        &sim,
        "2/customer/create",
        &person("Проба Пера", "+79000000003"),
    )
    .await["id"]
        .clone();
    let first = done(&sim, "2/lesson/create", &form(&customer)).await["id"]
        .as_u64()
        .unwrap();
    sim.cancel(first).unwrap();
    done(&sim, "2/lesson/create", &form(&customer)).await;
    assert_eq!(sim.duplicates_ever(), []);
    done(&sim, "2/lesson/create", &form(&customer)).await;
    assert_eq!(sim.duplicates_ever().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn webhooks_tell_what_changed_and_by_whom() {
    let sim = account(Options::default());
    let id =
        sim.book(&Booking::new(17, 6, at("2031-05-07T13:30:00Z"), 45).client("А", "+79000000001"));
    sim.edit(
        id,
        &Edit {
            comment: Some("слова".to_owned()),
            ..Edit::default()
        },
    )
    .unwrap();
    ask(
        &sim,
        &format!("2/lesson/update?id={id}"),
        &json!({"status": 2}),
    )
    .await;
    sim.remove(id).unwrap();
    let hooks = sim.take_webhooks();
    let told: Vec<_> = hooks
        .iter()
        .map(|hook| {
            (
                hook["entity"].as_str().unwrap(),
                hook["event"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("Customer", "create"),
            ("Lesson", "create"),
            ("Lesson", "update"),
            ("Lesson", "update"),
            ("Lesson", "delete")
        ]
    );
    assert_eq!(hooks[1]["fields_old"], json!([]));
    assert_eq!(hooks[2]["fields_new"], json!({"note": "слова"}));
    assert_eq!(
        (
            &hooks[3]["fields_old"],
            &hooks[3]["fields_new"],
            &hooks[3]["user_id"]
        ),
        (&json!({"status": 1}), &json!({"status": 2}), &json!(8))
    );
    assert_eq!(hooks[4]["datetime"], "2031-05-06 10:00:00");
    sim.configure(|options| (options.webhook_echo, options.webhook_texts) = (false, true));
    let id =
        sim.book(&Booking::new(17, 6, at("2031-05-07T13:30:00Z"), 45).client("А", "+79000000001"));
    ask(
        &sim,
        &format!("2/lesson/update?id={id}"),
        &json!({"status": 2}),
    )
    .await;
    let hooks = sim.take_webhooks();
    assert_eq!(hooks.len(), 1);
    assert_eq!(hooks[0]["entity_id"], id.to_string());
}
