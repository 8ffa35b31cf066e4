//! Callbacks in every spelling.

use serde_json::json;
use slotbridge_platform::webhook::HintKind;

use crate::webhook::{Callback, read};

const HASH: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";

fn callback(kind: HintKind) -> Callback {
    Callback {
        id: 9012,
        hash: Some(HASH.to_owned()),
        kind,
    }
}

#[test]
fn every_kind_of_callback_points_at_its_booking() {
    for (word, kind) in [
        ("create", HintKind::Created),
        ("change", HintKind::Updated),
        ("cancel", HintKind::Removed),
        ("notify", HintKind::Updated),
        ("something_new", HintKind::Updated),
    ] {
        let body = json!({"booking_id": "9012", "booking_hash": HASH, "company": "acme", "notification_type": word});
        assert_eq!(
            read("acme", body.to_string().as_bytes()),
            Ok(Some(callback(kind))),
            "{word}"
        );
        let form =
            format!("booking_id=9012&booking_hash={HASH}&company=ACME&notification_type={word}");
        assert_eq!(
            read("acme", form.as_bytes()),
            Ok(Some(callback(kind))),
            "{word}, as a form"
        );
    }
    let newer = json!({"booking_id": 9012, "booking_hash": HASH, "company": "acme", "notification_type": "create",
                       "webhook_timestamp": 1_763_000_000, "signature_algo": "sha256"});
    assert_eq!(
        read("acme", newer.to_string().as_bytes()),
        Ok(Some(callback(HintKind::Created)))
    );
}

#[test]
fn what_is_about_no_booking_gives_no_hint() {
    for word in ["new_client", "create_invoice"] {
        let body = json!({"company": "acme", "notification_type": word}).to_string();
        assert_eq!(read("acme", body.as_bytes()), Ok(None));
    }
}

#[test]
fn what_is_no_callback_of_this_company_is_refused() {
    for body in [
        String::new(),
        "[]".to_owned(),
        "42".to_owned(),
        json!({"booking_id": "9012", "company": "acme"}).to_string(),
        json!({"booking_id": "x", "company": "acme", "notification_type": "create"}).to_string(),
        json!({"booking_id": "9012", "company": "other", "notification_type": "create"})
            .to_string(),
    ] {
        assert!(read("acme", body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn a_hash_that_is_none_is_dropped() {
    for hash in ["../../etc", "a b", &"f".repeat(65)] {
        let body = json!({"booking_id": "9012", "booking_hash": hash, "company": "acme", "notification_type": "create"});
        let read = read("acme", body.to_string().as_bytes()).unwrap().unwrap();
        assert_eq!(read.hash, None, "{hash}");
    }
}
