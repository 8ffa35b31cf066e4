//! Every code and every shape of a reply, and what it means.

use serde_json::{Value, json};
use slotbridge_platform::client::Judgement;
use slotbridge_platform::{ErrorKind, Retry};

use super::support::{fixture, json as parsed, names, reply};
use crate::error;
use crate::request::{self, Ask};
use crate::{Mode, SimplybookConfig};

fn read() -> Ask {
    request::booking_details(9012)
}

fn write() -> Ask {
    request::admin_cancel(9012)
}

/// Kind and retry, or the other judgements as words.
fn word(judgement: &Judgement) -> String {
    match judgement {
        Judgement::Accept => "accept".to_owned(),
        Judgement::Throttled { .. } => "throttled".to_owned(),
        Judgement::Unavailable(_) => "unavailable".to_owned(),
        Judgement::Fail(error) => format!("{:?} {:?}", error.kind, error.retry),
    }
}

#[test]
fn every_code_has_its_meaning() {
    use ErrorKind::{Forbidden, NotFound, Refused, SlotTaken, Unauthenticated, Unsupported};
    let meanings: [(i64, ErrorKind); 37] = [
        (-32001, Forbidden),
        (-32010, Refused),
        (-32011, Refused),
        (-32012, NotFound),
        (-32015, Refused),
        (-32020, Forbidden),
        (-32030, Refused),
        (-32031, Refused),
        (-32032, Refused),
        (-32033, Refused),
        (-32034, Refused),
        (-32035, Refused),
        (-32036, Refused),
        (-32051, Refused),
        (-32052, Refused),
        (-32053, SlotTaken),
        (-32054, SlotTaken),
        (-32055, SlotTaken),
        (-32056, SlotTaken),
        (-32061, Refused),
        (-32062, Refused),
        (-32063, Refused),
        (-32070, Refused),
        (-32080, NotFound),
        (-32085, Refused),
        (-32090, Forbidden),
        (-32095, NotFound),
        (-32097, Refused),
        (-32099, Refused),
        (-32601, Unsupported),
        (-32602, Refused),
        (-3264, Refused),
        (-33001, Forbidden),
        (-33002, Unauthenticated),
        (-33003, Unauthenticated),
        (-33004, Forbidden),
        (-33005, Forbidden),
    ];
    let codes = parsed("codes.json");
    let mut seen = 0;
    for entry in codes.as_array().unwrap() {
        let code = entry["code"].as_i64().unwrap();
        let body = json!({"jsonrpc": "2.0", "id": 1, "error": entry}).to_string();
        for ask in [read(), write()] {
            let judged = word(&error::judge(&ask, 1, &reply(200, &body)));
            if code == -32603 {
                assert_eq!(judged, "unavailable", "{code}");
                continue;
            }
            let kind = meanings
                .iter()
                .find(|(known, _)| *known == code)
                .map(|(_, kind)| kind);
            assert_eq!(
                Some(judged),
                kind.map(|kind| format!("{kind:?} Never")),
                "{code}"
            );
            seen += 1;
        }
    }
    assert_eq!(
        seen,
        meanings.len() * 2,
        "a code of the table has no fixture"
    );
}

#[test]
fn what_is_no_booking_is_never_told_as_a_booking_that_is_gone() {
    for ask in [
        request::client(77),
        request::units(request::Service::Admin),
        request::current_user(),
    ] {
        let body = json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32080, "message": "gone"}})
            .to_string();
        let judged = error::judge(&ask, 1, &reply(200, &body));
        assert_eq!(word(&judged), "Refused Never", "{}", ask.method);
    }
}

#[test]
fn every_shape_of_a_reply_is_read() {
    // The judgement of a read and of a write.
    let table: [(&str, u16, &str, &str); 19] = [
        ("success_id_as_text", 200, "accept", "accept"),
        ("success_id_as_number_error_null", 200, "accept", "accept"),
        ("result_null", 200, "accept", "accept"),
        ("empty_map_as_list", 200, "accept", "accept"),
        ("error_result_null", 200, "NotFound Never", "NotFound Never"),
        (
            "error_code_as_text",
            200,
            "SlotTaken Never",
            "SlotTaken Never",
        ),
        (
            "error_without_code",
            200,
            "SlotTaken Never",
            "SlotTaken Never",
        ),
        ("error_with_data", 200, "Refused Never", "Refused Never"),
        ("error_with_data", 500, "Refused Never", "Refused Never"),
        (
            "access_denied",
            200,
            "Unauthenticated Never",
            "Unauthenticated Never",
        ),
        ("company_unknown", 200, "Forbidden Never", "Forbidden Never"),
        ("too_many_requests", 200, "throttled", "throttled"),
        (
            "service_description",
            200,
            "BadReply Later",
            "BadReply Later",
        ),
        (
            "id_of_another",
            200,
            "BadReply Later",
            "BadReply AfterObserving",
        ),
        (
            "id_missing",
            200,
            "BadReply Later",
            "BadReply AfterObserving",
        ),
        ("neither", 200, "BadReply Later", "BadReply AfterObserving"),
        ("no_json", 200, "BadReply Later", "BadReply AfterObserving"),
        ("no_json", 429, "throttled", "throttled"),
        ("no_json", 503, "unavailable", "unavailable"),
    ];
    for (name, status, as_read, as_write) in table {
        let reply = reply(status, &fixture(&format!("replies/{name}.json")));
        assert_eq!(
            word(&error::judge(&read(), 1, &reply)),
            as_read,
            "{name}, read"
        );
        assert_eq!(
            word(&error::judge(&write(), 1, &reply)),
            as_write,
            "{name}, write"
        );
    }
    for name in names("replies") {
        let stem = name.strip_suffix(".json").unwrap();
        assert!(
            table.iter().any(|(known, ..)| *known == stem),
            "no table has {name}"
        );
    }
}

#[test]
fn statuses_without_a_reply_of_the_protocol_have_their_meaning() {
    for (status, told) in [
        (401, "Unauthenticated Never"),
        (403, "throttled"),
        (404, "Forbidden Never"),
        (405, "Forbidden Never"),
        (500, "unavailable"),
        (302, "BadReply Later"),
    ] {
        assert_eq!(
            word(&error::judge(&read(), 1, &reply(status, ""))),
            told,
            "{status}"
        );
    }
}

#[test]
fn an_error_tells_the_card_that_is_there() {
    let reply = reply(200, &fixture("replies/error_with_data.json"));
    let Judgement::Fail(error) =
        error::judge(&request::add_client(serde_json::Map::new()), 1, &reply)
    else {
        panic!("it is an error")
    };
    assert!(
        error.context.contains(&(error::EXISTING, "77".to_owned())),
        "{error}"
    );
    assert_eq!(error.retry, Retry::Never);
}

#[test]
fn settings_that_cannot_work_are_refused_and_named() {
    let config = |change: fn(&mut SimplybookConfig)| {
        let mut config = SimplybookConfig::new("acme", super::support::admin());
        change(&mut config);
        config.validate().err().map(|error| error.key)
    };
    assert_eq!(config(|_| {}), None);
    assert_eq!(
        config(|config| config.company = " ".to_owned()),
        Some("company")
    );
    assert_eq!(
        config(|config| config.company = "acme.example/x".to_owned()),
        Some("company")
    );
    assert_eq!(
        config(|config| config.timeframe = Some(25)),
        Some("timeframe")
    );
    assert_eq!(config(|config| config.timeframe = Some(30)), None);
    assert_eq!(
        config(|config| config.mode = Mode::Admin {
            user: String::new(),
            password: "x".into()
        }),
        Some("user")
    );
    assert_eq!(
        config(|config| config.mode = Mode::Public {
            api_key: "x".into(),
            secret_key: " ".into()
        }),
        Some("secret_key")
    );
    let shown = format!(
        "{:?}",
        SimplybookConfig::new("acme", super::support::public())
    );
    assert!(!shown.contains("demo-simplybook"), "{shown}");
}

#[test]
fn prices_and_ids_are_read_from_text_without_rounding() {
    for (text, minor) in [
        ("42.0000", Some(4200)),
        ("42.5", Some(4250)),
        ("0.05", Some(5)),
        ("42", Some(4200)),
        ("42.005", None),
        ("-", None),
        ("", None),
    ] {
        assert_eq!(crate::wire::minor(text), minor, "{text}");
    }
    let id = |value: Value| crate::wire::id(&value);
    assert_eq!(id(json!("9012")), Some(9012));
    assert_eq!(id(json!(9012)), Some(9012));
    assert_eq!(id(json!("0")), None);
    assert_eq!(id(json!("9012x")), None);
}
