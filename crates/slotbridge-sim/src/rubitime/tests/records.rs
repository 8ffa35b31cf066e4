//! Records: how they are written, read, removed, and told in webhooks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use super::{account, ask, created, done, form, refused};
use crate::person::{Booking, Edit, Hand, Inspect};
use crate::quota::{Limit, Quota};
use crate::rubitime::UpdateReply;
use crate::testing::{at, call};

#[tokio::test(start_paused = true)]
async fn a_created_record_reads_back_as_it_was_typed() {
    let sim = account();
    let id = created(&sim, &form("2031-05-07 10:30")).await;
    let record = done(&sim, "get-record", &json!({"id": id})).await;
    assert_eq!(record["record"], "2031-05-07 10:30:00");
    assert_eq!(record["phone"], "8 900 000-00-03");
    assert_eq!(record["created_at"], "2031-05-06 10:00:00");
    assert_eq!(record["updated_at"], Value::Null);
    assert_eq!(
        (&record["status"], &record["status_title"]),
        (&json!(0), &json!("Записан"))
    );
    assert_eq!(
        (&record["cooperator_id"], &record["cooperator_title"]),
        (&json!(31), &json!("Лида"))
    );
    assert_eq!(
        (&record["price"], &record["duration"]),
        (&json!("2000"), &json!("60"))
    );
    assert_eq!(
        (&record["source"], &record["reminder"]),
        (&json!("api"), &Value::Null)
    );
    assert_eq!(
        (&record["custom_field3"], &record["custom_field10"]),
        (&json!("sb:018f-1"), &Value::Null)
    );
    assert_eq!(record.get("custom_field11"), None);
    let seen = sim.seen(id).unwrap();
    assert_eq!(
        (seen.start, seen.end),
        (at("2031-05-07T07:30:00Z"), at("2031-05-07T08:30:00Z"))
    );
    assert_eq!(seen.marker.as_deref(), Some("018f-1"));
}

#[tokio::test(start_paused = true)]
async fn an_update_changes_only_what_it_names() {
    let sim = account();
    let id = created(&sim, &form("2031-05-07 10:30")).await;
    let before = sim.seen(id).unwrap();
    tokio::time::advance(Duration::from_mins(1)).await;
    done(
        &sim,
        "update-record",
        &json!({"id": id, "record": "2031-05-08 11:00:00", "duration": 90}),
    )
    .await;
    let seen = sim.seen(id).unwrap();
    assert_eq!(
        (seen.start, seen.end),
        (at("2031-05-08T08:00:00Z"), at("2031-05-08T09:30:00Z"))
    );
    assert_eq!(
        (&seen.name, &seen.phone, &seen.marker),
        (&before.name, &before.phone, &before.marker)
    );
    let record = done(&sim, "get-record", &json!({"id": id})).await;
    assert_eq!(record["updated_at"], "2031-05-06 10:01:00");
    done(
        &sim,
        "update-record",
        &json!({"id": id, "comment": "позже", "custom_field3": "", "custom_field11": "x"}),
    )
    .await;
    let seen = sim.seen(id).unwrap();
    assert_eq!(
        (seen.comment.as_str(), seen.marker, seen.fields.len()),
        ("позже", None, 0)
    );
    sim.configure(|options| options.custom_fields = 20);
    done(
        &sim,
        "update-record",
        &json!({"id": id, "custom_field11": "x"}),
    )
    .await;
    assert_eq!(sim.seen(id).unwrap().fields["custom_field11"], "x");
}

#[tokio::test(start_paused = true)]
async fn an_update_answers_in_three_shapes() {
    let sim = account();
    let id = created(&sim, &form("2031-05-07 10:30")).await;
    let change = json!({"id": id, "status": 5});
    assert_eq!(
        done(&sim, "update-record", &change).await["status_title"],
        "Ожидает подтверждения"
    );
    sim.configure(|options| options.update_reply = UpdateReply::Id);
    assert_eq!(
        done(&sim, "update-record", &change).await,
        json!({"id": id})
    );
    sim.configure(|options| options.update_reply = UpdateReply::Nothing);
    assert_eq!(done(&sim, "update-record", &change).await, json!([]));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_record_stays_and_a_removed_one_is_gone() {
    let sim = account();
    let id = created(&sim, &form("2031-05-07 10:30")).await;
    done(&sim, "update-record", &json!({"id": id, "status": "4"})).await;
    assert_eq!(
        done(&sim, "get-record", &json!({"id": id})).await["status_title"],
        "Отменён"
    );
    assert_eq!((sim.all().len(), sim.live().len()), (1, 0));
    assert_eq!(
        done(&sim, "remove-record", &json!({"id": id})).await,
        json!([])
    );
    for method in ["get-record", "update-record", "remove-record"] {
        assert_eq!(
            refused(&sim, method, &json!({"id": id})).await,
            "Record not found"
        );
    }
    assert_eq!(sim.all(), []);
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_or_wrong_is_refused_at_200_and_changes_nothing() {
    let sim = account();
    let before = sim.fingerprint();
    for field in [
        "branch_id",
        "cooperator_id",
        "service_id",
        "status",
        "record",
    ] {
        let mut fields = form("2031-05-07 10:30");
        fields.as_object_mut().unwrap().remove(field);
        let message = refused(&sim, "create-record", &fields).await;
        assert_eq!(message, format!("Field \"{field}\" is required"));
    }
    for (field, value, message) in [
        ("branch_id", json!(12), "Branch not found"),
        ("cooperator_id", json!(33), "Cooperator not found"),
        ("service_id", json!("23"), "Service not found"),
        ("record", json!("07.05.2031"), "Field \"record\" is invalid"),
        ("status", json!(8), "Field \"status\" is invalid"),
    ] {
        let mut fields = form("2031-05-07 10:30");
        fields
            .as_object_mut()
            .unwrap()
            .insert(field.to_owned(), value);
        assert_eq!(refused(&sim, "create-record", &fields).await, message);
    }
    for method in ["get-record", "update-record", "remove-record"] {
        assert_eq!(
            refused(&sim, method, &json!({})).await,
            "Field \"id\" is required"
        );
    }
    assert_eq!(
        refused(&sim, "get-record", &json!({"rk": "x", "id": 1})).await,
        "Invalid API key"
    );
    assert_eq!(
        refused(&sim, "get-record", &json!({"rk": ""})).await,
        "Field \"rk\" is required"
    );
    assert_eq!(
        refused(&sim, "get-records", &json!({})).await,
        "Method not found"
    );
    let not_json = call(&sim.router(), "POST", "/api2/get-record", &[], &json!("rk")).await;
    assert_eq!(not_json.json()["message"], "Field \"rk\" is required");
    assert_eq!(sim.fingerprint(), before);
}

#[tokio::test(start_paused = true)]
async fn a_busy_time_is_accepted_unless_the_account_refuses_it() {
    let sim = account();
    let one = created(&sim, &form("2031-05-07 10:00")).await;
    let mut other = form("2031-05-07 10:30");
    other["custom_field3"] = json!("sb:018f-2");
    let two = created(&sim, &other).await;
    assert_eq!(sim.double_bookings(), [(one, two)]);
    sim.remove(two).unwrap();
    sim.configure(|options| options.refuse_busy = true);
    assert_eq!(
        refused(&sim, "create-record", &other).await,
        "This time is already taken"
    );
    // Its own time is not in the way, and a cancelled record is in nobody's.
    done(
        &sim,
        "update-record",
        &json!({"id": one, "record": "2031-05-07 10:30"}),
    )
    .await;
    done(&sim, "update-record", &json!({"id": one, "status": 4})).await;
    created(&sim, &other).await;
    assert_eq!(
        refused(&sim, "update-record", &json!({"id": one, "status": 0})).await,
        "This time is already taken"
    );
}

#[tokio::test(start_paused = true)]
async fn calls_need_their_gap_and_a_refused_one_restarts_it() {
    let sim = account().with_quota(Quota::rubitime(Duration::from_secs(5)));
    let id = sim.book(&Booking::new(31, 21, at("2031-05-07T07:30:00Z"), 60));
    let limit = "Limit on the number of consecutive requests: 5 seconds";
    let fields = json!({"id": id});
    done(&sim, "get-record", &fields).await;
    tokio::time::advance(Duration::from_millis(4999)).await;
    assert_eq!(refused(&sim, "get-schedule", &json!({})).await, limit);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(refused(&sim, "get-record", &fields).await, limit);
    tokio::time::advance(Duration::from_secs(5)).await;
    done(&sim, "get-record", &fields).await;
    assert_eq!(sim.quota_violations().len(), 2);
    sim.quota()
        .set([Limit::new(1, Duration::from_secs(5))], false);
    tokio::time::advance(Duration::from_secs(4)).await;
    assert_eq!(refused(&sim, "get-record", &fields).await, limit);
    tokio::time::advance(Duration::from_secs(1)).await;
    done(&sim, "get-record", &fields).await;
}

#[tokio::test(start_paused = true)]
async fn every_odd_spelling_turns_up_and_none_changes_the_platform() {
    let sim = account();
    let id = created(&sim, &form("2031-05-07 10:30")).await;
    let before = sim.fingerprint();
    sim.configure(|options| options.odd_spellings = Some(5));
    let mut spellings: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for _ in 0..60 {
        let record = done(&sim, "get-record", &json!({"id": id})).await;
        for field in [
            "status",
            "price",
            "duration",
            "email",
            "custom_field1",
            "custom_field3",
            "service_id",
        ] {
            let spelling = record
                .get(field)
                .map_or_else(|| "missing".to_owned(), Value::to_string);
            spellings.entry(field).or_default().insert(spelling);
        }
    }
    let of = |field: &str| {
        spellings[field]
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
    };
    assert_eq!(of("status"), ["\"0\"", "0"]);
    assert_eq!(of("price"), ["\"2000\"", "2000"]);
    assert_eq!(of("duration"), ["\"60\"", "60"]);
    assert_eq!(of("email"), ["\"\"", "null"]);
    assert_eq!(of("service_id"), ["\"21\"", "21"]);
    assert_eq!(of("custom_field1"), ["\"\"", "missing", "null"]);
    assert_eq!(of("custom_field3"), ["\"sb:018f-1\""]);
    assert_eq!(sim.fingerprint(), before);
    sim.configure(|options| options.chatty = true);
    let answer = ask(&sim, "get-record", &json!({"id": id.to_string()})).await;
    assert_eq!(answer.json()["message"], format!("Record {id} found"));
}

#[tokio::test(start_paused = true)]
async fn webhooks_tell_what_a_person_did_and_what_the_api_did() {
    let sim = account();
    let id = sim.book(
        &Booking::new(31, 21, at("2031-05-07T07:30:00Z"), 60).client("Проба", "+79000000003"),
    );
    let edit = Edit {
        comment: Some("позже".to_owned()),
        ..Edit::default()
    };
    sim.edit(id, &edit).unwrap();
    sim.cancel(id).unwrap();
    done(&sim, "update-record", &json!({"id": id, "status": 0})).await;
    sim.remove(id).unwrap();
    let hooks = sim.take_webhooks();
    let told: Vec<_> = hooks
        .iter()
        .map(|hook| {
            (
                hook["event"].as_str().unwrap(),
                hook["data"]["status"].clone(),
            )
        })
        .collect();
    let update = "event-update-record";
    assert_eq!(
        told,
        [
            ("event-create-record", json!(0)),
            (update, json!(0)),
            (update, json!(4)),
            (update, json!(0)),
            ("event-remove-record", json!(0)),
        ]
    );
    assert!(
        hooks
            .iter()
            .all(|hook| hook["from"] == "user" && hook["data"]["id"] == id)
    );
    sim.configure(|options| {
        options.webhook_echo = false;
        options.remove_webhook_id_only = true;
    });
    let id = created(&sim, &form("2031-05-07 10:30")).await;
    assert_eq!(sim.take_webhooks().len(), 0);
    sim.remove(id).unwrap();
    assert_eq!(sim.take_webhooks()[0]["data"], json!({"id": id}));
    assert!(sim.remove(id).is_err());
}

#[tokio::test(start_paused = true)]
async fn reminders_that_a_write_leaves_on_are_counted() {
    let sim = account();
    let id = created(&sim, &form("2031-05-07 10:30")).await;
    assert_eq!(sim.reminders_set(), []);
    sim.remind(id, Some(120)).unwrap();
    done(
        &sim,
        "update-record",
        &json!({"id": id, "comment": "позже"}),
    )
    .await;
    assert_eq!(sim.reminders_set(), [], "the owner's own");
    assert_eq!(
        done(&sim, "get-record", &json!({"id": id})).await["reminder"],
        "2031-05-07 08:30:00"
    );
    done(
        &sim,
        "update-record",
        &json!({"id": id, "reminder_minutes": 60}),
    )
    .await;
    assert_eq!(sim.reminders_set()[0].at.to_string(), "2031-05-07T09:30:00");
    sim.configure(|options| options.default_reminder_minutes = Some(30));
    created(&sim, &form("2031-05-08 10:30")).await;
    assert_eq!(sim.reminders_set().len(), 2);
    let mut silent = form("2031-05-09 10:30");
    silent["reminder"] = json!("");
    created(&sim, &silent).await;
    assert_eq!(sim.reminders_set().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_marker_on_two_live_records_is_remembered_after_it_is_mended() {
    let sim = account();
    let one = created(&sim, &form("2031-05-07 10:30")).await;
    done(&sim, "update-record", &json!({"id": one, "status": 4})).await;
    let two = created(&sim, &form("2031-05-07 10:30")).await;
    assert_eq!(sim.duplicates_ever(), []);
    done(&sim, "update-record", &json!({"id": one, "status": 0})).await;
    done(&sim, "remove-record", &json!({"id": two})).await;
    let found = sim.duplicates_ever();
    assert_eq!((found.len(), &found[0].ids), (1, &vec![one, two]));
    sim.configure(|options| options.marker_field = Some(5));
    let mut own = form("2031-05-09 10:30");
    own["custom_field5"] = json!("a raw id");
    let three = created(&sim, &own).await;
    assert_eq!(sim.seen(three).unwrap().marker.as_deref(), Some("a raw id"));
}
