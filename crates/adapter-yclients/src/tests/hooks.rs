//! Webhook bodies.

use std::collections::BTreeSet;

use slotbridge_core::model::RemoteId;
use slotbridge_platform::webhook::{Hint, HintKind};

use super::support::{COMPANY, fixture, json, names};
use crate::webhook::hints;

const EVENTS: &[(&str, Option<HintKind>)] = &[
    ("record_create", Some(HintKind::Created)),
    ("record_update_partial", Some(HintKind::Updated)),
    ("record_delete", Some(HintKind::Removed)),
    ("record_quirks", Some(HintKind::Updated)),
    ("record_without_data", Some(HintKind::Updated)),
    ("record_elsewhere", None),
    ("client_update", None),
];

#[test]
fn an_event_points_at_its_record_and_says_nothing_more() {
    for (name, kind) in EVENTS {
        let expected: Vec<Hint> = kind
            .iter()
            .map(|kind| Hint {
                id: RemoteId::new("880011"),
                kind: *kind,
                record: None,
            })
            .collect();
        assert_eq!(
            hints(
                COMPANY,
                fixture(&format!("webhooks/{name}.json")).as_bytes()
            ),
            Ok(expected),
            "{name}"
        );
    }
    let tabled: BTreeSet<String> = EVENTS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(tabled, names("webhooks"));
}

#[test]
fn events_about_anything_but_records_give_no_hint() {
    for resource in [
        "company",
        "service_category",
        "service",
        "staff",
        "client",
        "good",
        "goods_operations_sale",
        "goods_operations_receipt",
        "goods_operations_consumable",
        "goods_operations_stolen",
        "goods_operations_move",
        "finances_operation",
        "something_new",
    ] {
        let mut event = json("webhooks/record_create.json");
        event["resource"] = resource.into();
        assert_eq!(
            hints(COMPANY, event.to_string().as_bytes()),
            Ok(Vec::new()),
            "{resource}"
        );
    }
}

#[test]
fn what_is_no_event_is_refused_without_quoting_it() {
    for body in [
        "",
        "null",
        "[]",
        "{}",
        "resource=record&name=Пётр",
        r#"{"resource": "", "name": "Пётр"}"#,
        r#"{"resource": "record", "name": "Пётр"}"#,
        r#"{"resource": "record", "resource_id": 0}"#,
        r#"{"resource": "record", "resource_id": "12; DROP"}"#,
    ] {
        let error = hints(COMPANY, body.as_bytes()).expect_err(body);
        assert!(!error.to_string().contains("Пётр"), "{error}");
    }
}
