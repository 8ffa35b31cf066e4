//! Reports against small expectations that were written by hand from what a person or a program should get.

use jiff::Timestamp;
use slotbridge_core::merge::{Claim, Conflict, Stamp, Subject};
use slotbridge_core::model::{
    Booking, BookingId, BridgeName, Client, Field, FieldValue, Kind, PlatformName, Private,
    RemoteId, ResourceName, ServiceName, Slot, Status,
};
use slotbridge_engine::report::{
    AmbiguousReport, BridgeReport, ConflictReport, GuardReport, LeftAloneReport, OperationReport,
    OutcomeWord, OverlapEntry, OverlapReport, PlatformReport, Report, UnmappedReport,
    WaitingReport,
};

use super::*;

pub(crate) fn platform(name: &str) -> PlatformName {
    PlatformName::new(name).unwrap()
}

pub(crate) fn anna() -> ResourceName {
    ResourceName::new("anna").unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn slot(start: &str, end: &str) -> Slot {
    Slot::new(at(start), at(end)).unwrap()
}

pub(crate) fn booking() -> Booking {
    Booking {
        resource: anna(),
        services: vec![ServiceName::new("haircut").unwrap()],
        slot: slot("2026-12-01T09:00:00Z", "2026-12-01T10:00:00Z"),
        client: Client {
            name: Private::new("Вера Пробная"),
            phone: Some(Private::new("+79000000101")),
            email: None,
        },
        status: Status::Booked,
        comment: Private::new("zebra yesterday"),
        kind: Kind::Appointment,
    }
}

pub(crate) fn operation(outcome: OutcomeWord) -> OperationReport {
    OperationReport {
        op: "create",
        platform: platform("site"),
        remote_id: None,
        booking: BookingId::from_u128(7),
        before: None,
        after: Some(booking()),
        fields: Vec::new(),
        because: vec![(platform("salon"), RemoteId::new("501"))],
        parking: false,
        rebooks: false,
        held: false,
        outcome,
        error: None,
    }
}

fn update() -> OperationReport {
    let mut after = booking();
    after.slot = slot("2026-12-01T09:00:00Z", "2026-12-01T10:30:00Z");
    after.comment = Private::new("zebra tomorrow");
    after.client.phone = Some(Private::new("+79000000999"));
    OperationReport {
        op: "update",
        remote_id: Some(RemoteId::new("7000123")),
        before: Some(booking()),
        after: Some(after),
        fields: vec![Field::Slot, Field::ClientPhone, Field::Comment],
        outcome: OutcomeWord::Refused,
        error: Some("the day is closed\u{1b}[31m".to_owned()),
        ..operation(OutcomeWord::Planned)
    }
}

fn remove() -> OperationReport {
    let mut before = booking();
    before.slot = slot("2026-12-02T20:30:00Z", "2026-12-02T21:30:00Z");
    OperationReport {
        op: "remove",
        platform: platform("salon"),
        remote_id: Some(RemoteId::new("502")),
        before: Some(before),
        after: None,
        because: Vec::new(),
        outcome: OutcomeWord::Applied,
        ..operation(OutcomeWord::Planned)
    }
}

pub(crate) fn bridge_report() -> BridgeReport {
    let row = |name: &str, records, coverage, requests| PlatformReport {
        name: platform(name),
        records,
        coverage,
        partial_because: None,
        requests,
        error: None,
    };
    BridgeReport {
        name: BridgeName::new("main").unwrap(),
        plan: "0123456789abcdef".to_owned(),
        guards: Vec::new(),
        platforms: vec![row("salon", 4, "complete", 1), row("site", 12, "none", 3)],
        operations: Vec::new(),
        adopted: 0,
        conflicts: Vec::new(),
        overlaps: Vec::new(),
        ambiguous: Vec::new(),
        unmapped: Vec::new(),
        unsupported: Vec::new(),
        unreadable: Vec::new(),
        waiting: Vec::new(),
    }
}

pub(crate) fn report_of(bridges: Vec<BridgeReport>) -> Report {
    Report {
        run: "018f0000-0000-7000-8000-000000000001".to_owned(),
        generated_at: at("2026-11-22T03:30:00.123456Z"),
        dry_run: false,
        cancelled: false,
        bridges,
    }
}

fn moscow() -> Showing {
    let zone = TimeZone::get("Europe/Moscow").unwrap();
    Showing {
        clients: false,
        zones: [(BridgeName::new("main").unwrap(), zone)].into(),
    }
}

fn with_clients() -> Showing {
    Showing {
        clients: true,
        ..moscow()
    }
}

/// A bridge with one of everything.
fn eventful() -> BridgeReport {
    let salon = |id: &str| (platform("salon"), RemoteId::new(id));
    let claim = |name: &str, value: Option<FieldValue>, changed_at| Claim {
        platform: platform(name),
        value,
        changed_at: at(changed_at),
        stamp: Stamp::Platform,
    };
    let entry = |id, start, end, name: &str| OverlapEntry {
        booking: BookingId::from_u128(id),
        slot: slot(start, end),
        platform: platform(name),
        at: at("2026-11-20T08:00:00Z"),
    };
    BridgeReport {
        guards: vec![GuardReport {
            platform: platform("site"),
            what: "removals_max".to_owned(),
            limit: 20,
            planned: 25,
            plan: "beef".to_owned(),
        }],
        operations: vec![operation(OutcomeWord::Applied), update(), remove()],
        adopted: 2,
        conflicts: vec![ConflictReport {
            id: Some("9".to_owned()),
            booking: BookingId::from_u128(7),
            place: Some((anna(), booking().slot)),
            conflict: Conflict {
                subject: Subject::Field(Field::ClientPhone),
                claims: vec![
                    claim(
                        "salon",
                        Some(FieldValue::Text(Some(Private::new("+79000000101")))),
                        "2026-11-21T08:00:00Z",
                    ),
                    claim(
                        "site",
                        Some(FieldValue::Text(Some(Private::new("+79000000102")))),
                        "2026-11-21T09:00:00Z",
                    ),
                ],
                decided: Some(platform("site")),
            },
            person: None,
        }],
        overlaps: vec![OverlapReport {
            resource: anna(),
            bookings: vec![
                entry(1, "2026-12-01T09:00:00Z", "2026-12-01T10:00:00Z", "salon"),
                entry(2, "2026-12-01T09:30:00Z", "2026-12-01T10:30:00Z", "site"),
            ],
        }],
        ambiguous: vec![AmbiguousReport {
            platform: platform("site"),
            remote_id: Some(RemoteId::new("7000200")),
            candidates: vec![salon("601"), salon("602")],
            why: "two bookings of the same time".to_owned(),
        }],
        unmapped: vec![
            UnmappedReport {
                platform: platform("salon"),
                remote_id: Some(RemoteId::new("700")),
                what: "service",
                id: "999".to_owned(),
                title: Some("Маникюр".to_owned()),
            },
            UnmappedReport {
                platform: platform("salon"),
                remote_id: Some(RemoteId::new("701")),
                what: "service",
                id: "999".to_owned(),
                title: Some("Маникюр".to_owned()),
            },
        ],
        unsupported: vec![LeftAloneReport {
            platform: platform("salon"),
            remote_id: Some(RemoteId::new("800")),
            why: "a group event".to_owned(),
        }],
        unreadable: vec![LeftAloneReport {
            platform: platform("salon"),
            remote_id: None,
            why: "no date".to_owned(),
        }],
        waiting: vec![WaitingReport {
            platform: platform("site"),
            booking: BookingId::from_u128(8),
            place: Some((anna(), booking().slot)),
            why: "the platform could not be read".to_owned(),
            needs_person: false,
        }],
        ..bridge_report()
    }
}

fn plain(report: &Report, showing: &Showing) -> String {
    anstream::adapter::strip_str(&text::report(report, showing)).to_string()
}

#[test]
fn the_text_report_tells_a_person_each_operation_by_day_in_local_time() {
    let report = report_of(vec![eventful()]);
    let expected = "\
Bridge main  times in Europe/Moscow

  Tue 1 Dec 2026
    + create on site  12:00–13:00  anna  haircut  done
        because of salon 501
    ~ update on site 7000123  12:00–13:30  anna  haircut  refused: the day is closed\u{fffd}[31m
        end: 13:00 → 13:30
        client.phone: changed (--show-clients shows it)
        comment: changed (--show-clients shows it)
        because of salon 501

  Wed 2 Dec 2026
    - remove on salon 502  23:30–Thu 3 Dec 2026 00:30  anna  haircut  done

  Held by a guard (1)
    site: removals_max is 20, and 25 were planned; nothing of that was written
    → look at what is held; if it is meant, run `slotbridge approve main` and then reconcile again

  Conflicts (1)
    Tue 1 Dec 2026 12:00–13:00 anna, client.phone: salon has ‹hidden› since Sat 21 Nov 2026 11:00, site has ‹hidden› since Sat 21 Nov 2026 12:00; site wins by the bridge's policy

  Double bookings (1)
    anna: Tue 1 Dec 2026 12:00–13:00 (first seen on salon, Fri 20 Nov 2026 11:00) and Tue 1 Dec 2026 12:30–13:30 (first seen on site, Fri 20 Nov 2026 11:00)
    → move or cancel one of them on the platform where it was made

  Not told apart, left alone (1)
    site 7000200: two bookings of the same time (salon 601, salon 602)

  Waiting (1)
    site: the platform could not be read
        Tue 1 Dec 2026 12:00–13:00  anna

  Not mapped (1)
    salon: service 999 (Маникюр), 2 bookings
    → add a [[bridge.resource]] or [[bridge.service]] row to bring them in

  Left as they are (1)
    salon: a group event
        salon 800

  Not readable, left alone (1)
    salon: no date
    → look at the record on the platform; it is never taken for removed

  platform  records  coverage  calls
  salon           4  complete      1
  site           12  none          3

Run finished: 2 of 3 writes done (1 to create, 1 to update, 1 to remove), 1 refused, 2 bookings linked without a write.
To take it back: slotbridge undo 018f0000-0000-7000-8000-000000000001
";
    let text = plain(&report, &moscow());
    assert_eq!(text, expected);
}

#[test]
fn with_clients_shown_a_text_is_compared_word_by_word() {
    let text = plain(&report_of(vec![eventful()]), &with_clients());
    assert!(
        text.contains("comment: zebra [-yesterday-]{+tomorrow+}\n"),
        "{text}"
    );
    assert!(
        text.contains("client.phone: +79000000101 → +79000000999\n"),
        "{text}"
    );
    assert!(text.contains("anna  haircut  Вера Пробная  done"), "{text}");
}

#[test]
fn nothing_of_a_client_is_in_any_report_that_was_not_asked_to_show_it() {
    let report = report_of(vec![eventful()]);
    for format in [Format::Text, Format::Json, Format::Markdown] {
        let text = super::report(&report, format, &moscow());
        for secret in ["Вера", "+79000000", "zebra", "yesterday", "tomorrow"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        let shown = super::report(&report, format, &with_clients());
        assert!(shown.contains("79000000101"), "{shown}");
    }
}

#[test]
fn a_report_is_safe_for_a_terminal() {
    let text = plain(&report_of(vec![eventful()]), &with_clients());
    assert!(
        !text.chars().any(|c| c.is_control() && c != '\n'),
        "{text:?}"
    );
    for (raw, clean) in [
        ("a\nb", "a⏎b"),
        ("a\tb", "a b"),
        ("\u{1b}]0;title\u{7}", "\u{fffd}]0;title\u{fffd}"),
        ("\u{202e}evil", "\u{fffd}evil"),
        ("Маникюр 💅", "Маникюр 💅"),
    ] {
        assert_eq!(words::clean(raw), clean);
    }
}

#[test]
fn a_quiet_run_says_so_in_one_line() {
    let text = plain(&report_of(vec![bridge_report()]), &moscow());
    assert!(
        text.ends_with("\nRun finished: nothing to write.\n"),
        "{text}"
    );
    let dry = Report {
        dry_run: true,
        ..report_of(vec![eventful()])
    };
    let text = plain(&dry, &moscow());
    assert!(
        text.ends_with("Dry run, nothing was written: 1 to create, 1 to update, 1 to remove, 1 refused, 2 bookings to link without a write.\n"),
        "{text}"
    );
}

#[test]
fn what_a_guard_held_and_what_was_not_tried_are_told_apart() {
    let held = OperationReport {
        held: true,
        ..operation(OutcomeWord::Planned)
    };
    let bridge = BridgeReport {
        operations: vec![held, operation(OutcomeWord::Planned)],
        ..bridge_report()
    };
    let real = plain(&report_of(vec![bridge.clone()]), &moscow());
    assert!(
        real.contains("haircut  held by a guard\n") && real.contains("haircut  not tried\n"),
        "{real}"
    );
    let dry = Report {
        dry_run: true,
        ..report_of(vec![bridge])
    };
    let dry = plain(&dry, &moscow());
    assert!(
        dry.contains("haircut  held by a guard\n") && dry.contains("haircut  planned\n"),
        "{dry}"
    );
}

#[test]
fn the_json_report_has_the_keys_and_values_of_the_contract() {
    let json: serde_json::Value =
        serde_json::from_str(&json::report(&report_of(vec![eventful()]), &moscow())).unwrap();
    let expected: serde_json::Value = serde_json::from_str(
        r#"{"schema": 1, "run": "018f0000-0000-7000-8000-000000000001", "generated_at": "2026-11-22T03:30:00Z",
            "dry_run": false, "cancelled": false,
            "totals": {"create": 1, "update": 1, "remove": 1, "adopted": 2, "conflicts": 1, "overlaps": 1,
                       "ambiguous": 1, "unmapped": 2, "failed": 0, "refused": 1, "unknown": 0}}"#,
    )
    .unwrap();
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&json[key], value, "{key}");
    }
    let bridge = &json["bridges"][0];
    assert_eq!(bridge["name"], "main");
    let guard = serde_json::json!({"platform": "site", "what": "removals_max", "limit": 20, "planned": 25, "plan": "beef"});
    assert_eq!(bridge["guard"], guard);
    assert_eq!(bridge["guards"], serde_json::json!([guard]));
    assert_eq!(
        bridge["platforms"][0],
        serde_json::json!({"name": "salon", "records": 4, "coverage": "complete", "partial_because": null, "requests": 1, "error": null})
    );
    assert_eq!(
        bridge["operations"][0],
        serde_json::json!({
            "op": "create", "platform": "site", "remote_id": null, "booking": "00000000-0000-0000-0000-000000000007",
            "resource": "anna", "start": "2026-12-01T09:00:00Z", "end": "2026-12-01T10:00:00Z",
            "because": [{"platform": "salon", "remote_id": "501"}],
            "changes": [
                {"field": "resource", "from": null, "to": "anna"},
                {"field": "services", "from": null, "to": "haircut"},
                {"field": "slot.start", "from": null, "to": "2026-12-01T09:00:00Z"},
                {"field": "slot.end", "from": null, "to": "2026-12-01T10:00:00Z"},
                {"field": "client.name", "from": null, "to": "‹hidden›"},
                {"field": "client.phone", "from": null, "to": "‹hidden›"},
                {"field": "status", "from": null, "to": "booked"},
                {"field": "comment", "from": null, "to": "‹hidden›"}
            ],
            "parking": false, "rebooks": false, "held": false, "outcome": "applied", "error": null
        })
    );
    assert_eq!(
        bridge["operations"][1]["changes"],
        serde_json::json!([
            {"field": "slot.end", "from": "2026-12-01T10:00:00Z", "to": "2026-12-01T10:30:00Z"},
            {"field": "client.phone", "from": "‹hidden›", "to": "‹hidden›"},
            {"field": "comment", "from": "‹hidden›", "to": "‹hidden›"}
        ])
    );
    assert_eq!(bridge["operations"][2]["end"], "2026-12-02T21:30:00Z");
    assert_eq!(
        bridge["conflicts"][0],
        serde_json::json!({
            "id": "9", "booking": "00000000-0000-0000-0000-000000000007", "resource": "anna",
            "start": "2026-12-01T09:00:00Z", "field": "client.phone",
            "values": [
                {"platform": "salon", "value": "‹hidden›", "changed_at": "2026-11-21T08:00:00Z", "stamp": "platform"},
                {"platform": "site", "value": "‹hidden›", "changed_at": "2026-11-21T09:00:00Z", "stamp": "platform"}
            ],
            "decided": {"by": "policy", "platform": "site", "choice": null}, "void": false
        })
    );
    assert_eq!(bridge["plan"], "0123456789abcdef");
    assert_eq!(
        bridge["overlaps"][0]["bookings"][1],
        serde_json::json!({"booking": "00000000-0000-0000-0000-000000000002", "start": "2026-12-01T09:30:00Z",
            "end": "2026-12-01T10:30:00Z", "first_seen": {"platform": "site", "at": "2026-11-20T08:00:00Z"}})
    );
    assert_eq!(
        bridge["ambiguous"][0],
        serde_json::json!({"platform": "site", "remote_id": "7000200", "why": "two bookings of the same time",
            "candidates": [{"platform": "salon", "remote_id": "601"}, {"platform": "salon", "remote_id": "602"}]})
    );
    assert_eq!(
        bridge["unmapped"][0],
        serde_json::json!({"platform": "salon", "remote_id": "700", "what": "service", "id": "999", "title": "Маникюр"})
    );
    let quiet: serde_json::Value =
        serde_json::from_str(&json::report(&report_of(vec![bridge_report()]), &moscow())).unwrap();
    assert_eq!(quiet["bridges"][0]["guard"], serde_json::Value::Null);
}

#[test]
fn markdown_takes_the_meaning_out_of_what_platforms_say() {
    let mut bridge = eventful();
    bridge.unsupported[0].why = "<b>*group* [event](http://x)|".to_owned();
    let text = markdown::report(&report_of(vec![bridge]), &moscow());
    assert!(
        text.contains(r"\<b\>\*group\* \[event\](http://x)\|"),
        "{text}"
    );
    assert!(
        text.contains("- **create on site** 12:00–13:00  anna  haircut: done\n"),
        "{text}"
    );
    assert!(text.contains("| salon | 4 | complete | 1 |  |\n"), "{text}");
}

#[test]
fn what_became_of_a_persons_decision_is_told_in_every_format() {
    use slotbridge_core::merge::Choice;
    use slotbridge_engine::report::PersonReport;
    let take = Choice::Take(platform("site"));
    let set = Choice::Set(FieldValue::Text(Some(Private::new("+79000000109"))));
    for (decided, person, says, choice, void) in [
        (
            Some("site"),
            PersonReport::Applied(take),
            "you decided: as site has it",
            "take",
            false,
        ),
        (
            None,
            PersonReport::Applied(set),
            "you decided: a value of your own",
            "set",
            false,
        ),
        (
            None,
            PersonReport::Applied(Choice::Keep),
            "you decided: as the bridge has it",
            "keep",
            false,
        ),
        (
            None,
            PersonReport::Void,
            "decide again (conflict 9)",
            "",
            true,
        ),
    ] {
        let mut bridge = eventful();
        let conflict = &mut bridge.conflicts[0];
        conflict.conflict.decided = decided.map(platform);
        conflict.person = Some(person);
        assert_eq!(conflict.is_open(), void, "{says}");
        let report = report_of(vec![bridge]);
        let text = plain(&report, &moscow());
        assert!(text.contains(says), "{says}: {text}");
        assert!(!text.contains("+79000000109"), "{text}");
        let row: serde_json::Value =
            serde_json::from_str(&super::report(&report, Format::Json, &moscow())).unwrap();
        let row = &row["bridges"][0]["conflicts"][0];
        assert_eq!(row["void"], void);
        if void {
            assert!(row["decided"].is_null(), "{row:#}");
        } else {
            let expected =
                serde_json::json!({"by": "person", "platform": decided, "choice": choice});
            assert_eq!(row["decided"], expected);
        }
    }
}
