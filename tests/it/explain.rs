//! The life of a booking as a person asks for it, in every state that it can be in.

use serde_json::Value;
use slotbridge_sim::{Booking, Edit, Hand as _, Inspect as _};

use crate::support::{Stage, at};

const SECRETS: [&str; 3] = ["Пробная", "+79000001000", "by the window"];

fn explain(stage: &Stage, asked: &str, more: &[&str]) -> Value {
    let ran = stage.run(&[&["explain", asked, "--format", "json"], more].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let mut told: Value = serde_json::from_str(&ran.stdout).unwrap();
    let lives = told["bookings"].as_array_mut().unwrap();
    assert_eq!(lives.len(), 1, "{lives:#?}");
    lives.remove(0)
}

fn whats(life: &Value) -> Vec<&str> {
    let events = life["events"].as_array().unwrap();
    let at = |event: &Value| {
        event["at"]
            .as_str()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .unwrap()
    };
    assert!(events.is_sorted_by_key(at), "{events:#?}");
    events
        .iter()
        .map(|event| event["what"].as_str().unwrap())
        .collect()
}

fn waits(life: &Value) -> String {
    life["waits"].to_string()
}

#[test]
fn a_booking_is_found_by_every_name_and_tells_what_was_seen_and_sent() {
    let stage = Stage::empty();
    let [record, ..] = stage.book_haircuts(1)[..] else {
        panic!("one booking")
    };
    let comment = Edit {
        comment: Some("by the window".to_owned()),
        ..Edit::default()
    };
    stage.world.yclients.edit(record, &comment).unwrap();
    stage.settle(4);
    let copy = stage.world.rubitime.live()[0].id.to_string();
    let calls = stage.world.yclients.calls().len();
    let life = explain(&stage, &format!("salon:{record}"), &[]);
    let id = life["booking"].as_str().unwrap().to_owned();
    for name in [record.to_string(), format!("site:{copy}"), id.clone()] {
        assert_eq!(
            explain(&stage, &name, &[])["booking"],
            id.as_str(),
            "{name}"
        );
    }
    let whats = whats(&life);
    for what in ["first_seen", "known", "sent", "applied", "seen"] {
        assert!(whats.contains(&what), "{what}: {whats:?}");
    }
    let states: Vec<&Value> = life["platforms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|place| &place["state"])
        .collect();
    assert_eq!(states, ["live", "live"]);
    assert_eq!(
        (waits(&life), &life["next"]),
        ("[]".to_owned(), &Value::Array(vec![]))
    );
    // It asks no platform, and shows a client only to those who ask for that.
    assert_eq!(stage.world.yclients.calls().len(), calls);
    let shown = explain(&stage, &id, &["--show-clients"]).to_string();
    for format in ["text", "json", "markdown"] {
        let hidden = stage.run(&["explain", &id, "--format", format]);
        assert_eq!(hidden.code, Some(0), "{hidden:?}");
        for secret in SECRETS {
            assert!(
                !hidden.stdout.contains(secret),
                "{secret}: {}",
                hidden.stdout
            );
            assert!(shown.contains(secret), "{secret}: {shown}");
        }
    }
}

#[test]
fn what_waits_says_why() {
    let stage = Stage::empty();
    stage.change_config("name = \"main\"\n", "name = \"main\"\nconflict = \"ask\"\n");
    let [shared, ..] = stage.book_haircuts(1)[..] else {
        panic!("one booking")
    };
    stage.settle(4);
    let copy = stage.world.rubitime.live()[0].id;
    let comment = |text: &str| Edit {
        comment: Some(text.to_owned()),
        ..Edit::default()
    };
    stage.world.yclients.edit(shared, &comment("one")).unwrap();
    stage
        .world
        .rubitime
        .edit(copy, &comment("another"))
        .unwrap();
    stage.world.yclients.add_service(999, "Маникюр", 60, 1000);
    let book = |staff, service, day| {
        stage
            .world
            .yclients
            .book(&Booking::new(staff, service, at(day, 15), 60))
    };
    let unmapped = book(8886, 999, 3);
    let far = book(8886, 331, 100);
    let rival = stage.world.yclients.book(&Booking::new(
        8886,
        331,
        at(1, 10) + jiff::SignedDuration::from_mins(30),
        60,
    ));
    stage.reconcile(&[]);
    for (record, says) in [
        (shared, "conflict 1 about comment waits for you"),
        (unmapped, "service 999 is not mapped"),
        (rival, "came later and is held back"),
    ] {
        let life = explain(&stage, &format!("salon:{record}"), &[]);
        assert!(waits(&life).contains(says), "{says}: {life:#}");
    }
    // Decided, and told in the order in which it happened.
    let decided = stage.run(&["conflicts", "resolve", "1", "--take", "site"]);
    assert_eq!(decided.code, Some(0), "{decided:?}");
    stage.reconcile(&[]);
    let life = explain(&stage, &format!("salon:{shared}"), &[]);
    let whats = whats(&life);
    let position = |what| whats.iter().position(|one| *one == what);
    assert!(position("conflict") < position("decision"), "{whats:?}");
    assert!(position("decision") < position("ended"), "{whats:?}");
    assert!(!waits(&life).contains("conflict"), "{life:#}");
    // What lies beyond the window was never looked at.
    let unseen = stage.run(&["explain", &format!("salon:{far}")]);
    assert_eq!(unseen.code, Some(2), "{unseen:?}");
    assert!(
        unseen.stderr.contains("nothing is known of"),
        "{}",
        unseen.stderr
    );
}

#[test]
fn a_booking_that_is_gone_keeps_its_story() {
    let stage = Stage::empty();
    let [record, ..] = stage.book_haircuts(1)[..] else {
        panic!("one booking")
    };
    stage.settle(4);
    stage.world.yclients.cancel(record).unwrap();
    stage.settle(4);
    let life = explain(&stage, &format!("salon:{record}"), &[]);
    assert_eq!(life["live"], false);
    let sent: Vec<&Value> = life["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["what"] == "sent")
        .map(|event| &event["operation"]["op"])
        .collect();
    assert_eq!(sent, ["create", "remove"]);
    let text = stage.run(&["explain", &format!("salon:{record}")]);
    assert!(
        text.stdout.contains("slot.start: ") && text.stdout.contains(" 10:00\n"),
        "{}",
        text.stdout
    );
    assert!(
        text.stdout.contains(", gone, bridge main)"),
        "{}",
        text.stdout
    );
}
