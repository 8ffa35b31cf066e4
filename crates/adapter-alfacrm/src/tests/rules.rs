//! Recurring rules: the time of lessons that are not made yet.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{date, time};
use serde_json::{Value, json};
use slotbridge_core::model::{Field, RemoteId};
use slotbridge_core::record::{Coverage, Listing, Reading, Support, Window};
use slotbridge_platform::platform::{Edit, Priority, Query};
use slotbridge_platform::{Contacts, ErrorKind, Platform as _};
use slotbridge_sim::alfacrm::{Card, Options, Recurring};
use slotbridge_sim::{Fault, Hand as _, Inspect as _, Which};

use super::bench::SimBench;
use super::support::{at, draft, moscow};
use crate::rules::{Rule, RuleDay};

fn month() -> Window {
    Window {
        from: at("2031-05-06T00:00:00Z"),
        to: at("2031-06-06T00:00:00Z"),
    }
}

/// A rule for Wednesdays, 16:30 to 17:15, as the platform shows it, changed.
fn row(change: &Value) -> Value {
    let mut row = json!({
        "id": 12, "branch_id": 2, "lesson_type_id": 1, "related_class": "Customer", "related_id": 3105,
        "subject_id": 6, "teacher_ids": [17], "room_id": null, "day": "3", "days": null,
        "time_from_v": "16:30", "time_to_v": "17:15", "b_date": "2031-05-01", "e_date": "",
    });
    row.as_object_mut()
        .unwrap()
        .extend(change.as_object().unwrap().clone());
    row
}

fn days(change: &Value) -> Vec<String> {
    let rule = Rule::read(2, &row(change)).unwrap().unwrap();
    let records = rule.records(month(), &BTreeMap::new(), &moscow());
    records
        .iter()
        .map(|record| record.id.as_str().to_owned())
        .collect()
}

#[test]
fn a_rule_meets_once_a_week_between_its_bounds() {
    let wednesdays = [
        "rule:12@2031-05-07@17",
        "rule:12@2031-05-14@17",
        "rule:12@2031-05-21@17",
        "rule:12@2031-05-28@17",
        "rule:12@2031-06-04@17",
    ];
    assert_eq!(days(&json!({})), wednesdays);
    assert_eq!(
        days(&json!({"day": 3, "id": "12", "teacher_ids": ["17"], "e_date": null})),
        wednesdays
    );
    assert_eq!(
        days(&json!({"b_date": "14.05.2031", "e_date": "2031-05-28"})),
        wednesdays[1..4]
    );
    assert_eq!(
        days(&json!({"b_date": null, "b_date_v": "21.05.2031"})),
        wednesdays[2..]
    );
    let sundays = [
        "rule:12@2031-05-11@17",
        "rule:12@2031-05-18@17",
        "rule:12@2031-05-25@17",
        "rule:12@2031-06-01@17",
    ];
    // One source counts Sunday as 0 (alfacrm contract, 7.1).
    assert_eq!(days(&json!({"day": 7})), sundays);
    assert_eq!(days(&json!({"day": "0"})), sundays);
    assert_eq!(days(&json!({"teacher_ids": []})), Vec::<String>::new());
    assert_eq!(
        days(&json!({"teacher_ids": [17, 18], "b_date": "2031-06-01"})),
        ["rule:12@2031-06-04@17", "rule:12@2031-06-04@18"]
    );
}

#[test]
fn a_rule_that_cannot_be_read_says_why_and_one_of_another_branch_is_none() {
    for (change, said) in [
        (json!({"id": null}), "without an id"),
        (json!({"day": null}), "without a day"),
        (json!({"day": 8}), "unknown day"),
        (json!({"time_from_v": null}), "without a start"),
        (json!({"time_to_v": "late"}), "without an end"),
        (json!({"e_date": "soon"}), "unreadable date"),
        (json!({"teacher_ids": ["x"]}), "list of ids"),
    ] {
        let why = Rule::read(2, &row(&change)).unwrap_err();
        assert!(why.contains(said), "{said}: {why}");
    }
    assert_eq!(Rule::read(2, &row(&json!({"branch_id": 3}))), Ok(None));
    assert!(Rule::read(2, &json!("text")).is_err());
}

#[test]
fn the_time_of_a_rule_is_that_of_the_branchs_clocks() {
    let rule = Rule::read(
        2,
        &row(&json!({"time_from_v": "23:30:00", "time_to_v": "00:14:59"})),
    )
    .unwrap()
    .unwrap();
    let record = rule.records(month(), &BTreeMap::new(), &moscow()).remove(0);
    assert_eq!(record.start, at("2031-05-07T20:30:00Z"));
    assert_eq!(record.end, Some(at("2031-05-07T21:15:00Z")));
    assert_eq!(
        record.support,
        Support::Occupancy {
            why: "a recurring rule"
        }
    );
}

#[test]
fn ids_of_rules_have_one_spelling() {
    let day = RuleDay {
        rule: 12,
        date: date(2031, 5, 7),
        teacher: 17,
    };
    assert_eq!(RuleDay::parse(&day.id()), Some(day));
    for odd in [
        "rule:12@2031-05-07",
        "rule:012@2031-05-07@17",
        "rule:12@2031-5-7@17",
        "rule:12@2031-05-07@17@1",
        "12@17",
        "9001",
    ] {
        assert_eq!(RuleDay::parse(&RemoteId::new(odd)), None, "{odd}");
    }
}

/// A branch with one rule on Wednesdays.
fn with_rule(options: &Options) -> (SimBench, u64) {
    let bench = SimBench::in_process(&moscow(), Contacts::Real, options);
    let customer = bench
        .sim
        .add_customer(&Card::new("Постоянный", "+79000000030"));
    let rule = bench.sim.add_rule(&Recurring {
        teacher: 17,
        customer,
        subject: 6,
        day: 3,
        from: time(16, 30, 0, 0),
        to: time(17, 15, 0, 0),
        first: date(2031, 5, 1),
        last: None,
    });
    (bench, rule)
}

async fn list(bench: &SimBench) -> Listing {
    bench
        .platform
        .list(&Query::Window(month()), Priority::Poll)
        .await
        .unwrap()
}

fn ids(listing: &Listing) -> BTreeSet<String> {
    listing
        .records
        .iter()
        .map(|record| record.id.as_str().to_owned())
        .collect()
}

// R40
#[tokio::test(start_paused = true)]
async fn a_rule_speaks_behind_its_last_lesson_and_the_reading_agrees_with_the_census() {
    let (bench, rule) = with_rule(&Options {
        odd_spellings: Some(3),
        ..Options::default()
    });
    let first = bench.sim.make_lesson(rule, date(2031, 5, 7)).unwrap();
    let second = bench.sim.make_lesson(rule, date(2031, 5, 14)).unwrap();
    bench.sim.cancel(second).unwrap();
    let listing = list(&bench).await;
    assert_eq!(listing.coverage, Coverage::Complete(month()));
    let day = |day: &str| format!("rule:{rule}@2031-{day}@17");
    let expected = [
        first.to_string(),
        second.to_string(),
        day("05-21"),
        day("05-28"),
        day("06-04"),
    ];
    assert_eq!(ids(&listing), BTreeSet::from(expected));
    for record in &listing.records {
        assert_ne!(record.support, Support::Full, "{record:?}");
        let read = bench
            .platform
            .read(&record.id, Priority::Hint)
            .await
            .unwrap();
        assert_eq!(read, Reading::Found(Box::new(record.clone())));
    }
    // Days that were made into lessons are missing as days of the rule, cancelled lessons among them.
    for made in ["05-07", "05-14"] {
        let read = bench
            .platform
            .read(&RemoteId::new(day(made)), Priority::Hint)
            .await
            .unwrap();
        assert_eq!(read, Reading::Missing, "{made}");
    }
    bench.sim.remove_rule(rule);
    let read = bench
        .platform
        .read(&RemoteId::new(day("05-21")), Priority::Hint)
        .await
        .unwrap();
    assert_eq!(read, Reading::Missing);
    assert_eq!(list(&bench).await.records.len(), 2);
}

// R40
#[tokio::test(start_paused = true)]
async fn neither_a_rule_nor_its_lessons_are_written() {
    let (bench, rule) = with_rule(&Options::default());
    bench.sim.make_lesson(rule, date(2031, 5, 7)).unwrap();
    let before = bench.sim.fingerprint();
    for record in list(&bench).await.records {
        let edit = Edit {
            desired: draft(),
            fields: BTreeSet::from(Field::ALL),
            expected: None,
        };
        assert_eq!(
            bench
                .platform
                .update(&record.id, &edit)
                .await
                .unwrap_err()
                .kind,
            ErrorKind::Refused
        );
        assert_eq!(
            bench.platform.remove(&record.id).await.unwrap_err().kind,
            ErrorKind::Refused
        );
    }
    assert_eq!(bench.sim.fingerprint(), before);
}

#[tokio::test(start_paused = true)]
async fn rules_that_are_closed_to_the_role_are_done_without() {
    let (bench, _) = with_rule(&Options::default());
    bench.sim.close_section("regular-lesson");
    let listing = list(&bench).await;
    assert_eq!(
        (listing.coverage, listing.records.len()),
        (Coverage::Complete(month()), 0)
    );
}

#[tokio::test(start_paused = true)]
async fn rules_that_fail_make_the_census_partial() {
    let (bench, _) = with_rule(&Options::default());
    bench.sim.faults().add(
        "down",
        "regular-lesson.index",
        Which::Every,
        Fault::ErrorBefore { status: 500 },
    );
    assert!(matches!(
        list(&bench).await.coverage,
        Coverage::Partial { .. }
    ));
}

#[tokio::test(start_paused = true)]
async fn rules_are_not_asked_for_where_they_are_switched_off() {
    let config = crate::AlfacrmConfig {
        regular_lessons: false,
        ..crate::AlfacrmConfig::new(2, "sync@example.com", "demo-alfacrm-key".to_owned().into())
    };
    let bench = SimBench::configured(&moscow(), Contacts::Real, &Options::default(), config);
    list(&bench).await;
    assert_eq!(bench.sim.count("regular-lesson.index"), 0);
}
