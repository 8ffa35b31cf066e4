//! Webhooks as hints.

use slotbridge_core::model::{Private, Status};
use slotbridge_platform::webhook::{Hint, HintKind};

use super::{at, fixture, terms, terms_with_field};
use crate::convert::remote_id;
use crate::webhook;

/// The id, what happened, and the start of the record that came along.
type Expected = (u64, HintKind, Option<&'static str>);

/// Fixture, and its hints.
const HINTS: &[(&str, &[Expected])] = &[
    (
        "webhook/create.json",
        &[(7_000_456, HintKind::Created, Some("2031-05-06T07:30:00Z"))],
    ),
    (
        "webhook/update.json",
        &[(7_000_456, HintKind::Updated, Some("2031-05-06T09:00:00Z"))],
    ),
    (
        "webhook/prepaid_create.json",
        &[(7_000_456, HintKind::Created, Some("2031-05-06T07:30:00Z"))],
    ),
    (
        "webhook/prepaid_update.json",
        &[(7_000_456, HintKind::Updated, Some("2031-05-06T07:30:00Z"))],
    ),
    (
        "webhook/odd_spellings.json",
        &[(7_000_456, HintKind::Updated, Some("2031-05-06T07:30:00Z"))],
    ),
    (
        "webhook/from_another_sender.json",
        &[(7_000_456, HintKind::Created, Some("2031-05-06T07:30:00Z"))],
    ),
    (
        "webhook/nested.json",
        &[(7_000_456, HintKind::Updated, Some("2031-05-06T07:30:00Z"))],
    ),
    (
        "webhook/remove.json",
        &[(7_000_456, HintKind::Removed, None)],
    ),
    (
        "webhook/remove_id_only.json",
        &[(7_000_456, HintKind::Removed, None)],
    ),
    (
        "webhook/delete.json",
        &[(7_000_456, HintKind::Removed, None)],
    ),
    // A cancellation frees the slot like a removal, and is confirmed like one.
    (
        "webhook/cancelled.json",
        &[(7_000_456, HintKind::Removed, None)],
    ),
    (
        "webhook/update_id_only.json",
        &[(7_000_456, HintKind::Updated, None)],
    ),
    (
        "webhook/update_without_comment.json",
        &[(7_000_456, HintKind::Updated, None)],
    ),
    (
        "webhook/update_without_duration.json",
        &[(7_000_456, HintKind::Updated, None)],
    ),
    (
        "webhook/update_unreadable_start.json",
        &[(7_000_456, HintKind::Updated, None)],
    ),
    (
        "webhook/two_records.json",
        &[
            (7_000_456, HintKind::Removed, None),
            (7_000_457, HintKind::Removed, None),
        ],
    ),
    ("webhook/another_branch.json", &[]),
    ("webhook/about_a_client.json", &[]),
];

const BROKEN: &[(&str, &str)] = &[
    ("webhook/broken_no_event.json", "no event"),
    ("webhook/broken_no_data.json", "no data"),
    ("webhook/broken_data_is_text.json", "no record"),
    ("webhook/broken_no_id.json", "no id"),
    ("webhook/broken_id_is_a_word.json", "no id"),
    ("webhook/broken_list.json", "no JSON object"),
    ("webhook/broken_text.txt", "no JSON object"),
];

pub(super) fn fixtures() -> Vec<&'static str> {
    HINTS
        .iter()
        .map(|case| case.0)
        .chain(BROKEN.iter().map(|case| case.0))
        .collect()
}

fn read(path: &str) -> Vec<Hint> {
    webhook::read(&terms(), fixture(path).as_bytes())
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

// R24
#[test]
fn every_webhook_points_at_its_records() {
    for (path, expected) in HINTS {
        let shown: Vec<_> = read(path)
            .into_iter()
            .map(|hint| (hint.id, hint.kind, hint.record.map(|record| record.start)))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(id, kind, start)| (remote_id(*id), *kind, start.map(at)))
            .collect();
        assert_eq!(shown, expected, "{path}");
    }
}

#[test]
fn a_record_in_a_webhook_is_read_like_any_other() {
    let hints = read("webhook/odd_spellings.json");
    let record = hints[0].record.as_deref().unwrap();
    assert_eq!(record.end, Some(at("2031-05-06T08:30:00Z")));
    assert_eq!(record.client.phone, Some(Private::new("+79000000003")));
    assert_eq!(
        (record.client.email.as_ref(), record.comment.expose()),
        (None, "")
    );
    assert_eq!(record.changed_at, Some(at("2031-05-02T09:00:00Z")));
    assert_eq!((record.status, record.services.len()), (Status::Booked, 1));
}

#[test]
fn a_webhook_that_might_hide_the_marker_brings_no_record() {
    // The example has custom_field1 and no custom_field3.
    let body = fixture("webhook/create.json");
    let hints = webhook::read(&terms_with_field(), body.as_bytes()).unwrap();
    assert_eq!((hints.len(), hints[0].record.is_none()), (1, true));
    let with_field = body.replace("custom_field1", "custom_field3");
    assert!(
        webhook::read(&terms_with_field(), with_field.as_bytes()).unwrap()[0]
            .record
            .is_some()
    );
}

#[test]
fn a_body_that_is_no_webhook_is_refused_without_its_content() {
    for (path, why) in BROKEN {
        let error = webhook::read(&terms(), fixture(path).as_bytes()).unwrap_err();
        assert!(error.why.contains(why), "{path}: {error}");
        assert!(
            !error.why.contains("7000456") && !error.why.contains("Проба"),
            "{path}: {error}"
        );
    }
}
