//! Nothing of a client and no secret is in anything that the daemon says, however much it is asked to say.

use std::collections::BTreeSet;

use slotbridge_sim::world::{PLACES, Place};
use slotbridge_sim::{Edit, Fault, Which};

use super::methods::{create_of, read_of, writes_of};
use super::process::{Daemon, post};
use super::rig::{OFTEN, Rig, forbidden, token};
use crate::support::wait_until;

fn assert_silent(texts: &BTreeSet<String>, what: &str, said: &str) {
    for text in texts {
        assert!(
            !said.contains(text.as_str()),
            "{what} holds {text}:\n{said}"
        );
    }
}

/// A person gives clients names and comments that cannot be there by chance.
fn person(rig: &Rig) {
    for (number, side) in rig.world.sides().iter().enumerate() {
        let live = side.view.live();
        for (place, seen) in live.iter().take(3).enumerate() {
            let word = format!("planted-{number}-{place}");
            let edit = Edit {
                name: Some(format!("Скрытная {word}")),
                email: Some(format!("{word}@example.com")),
                comment: Some(format!("код домофона {word}")),
                ..Edit::default()
            };
            side.hand.edit(seen.id, &edit).unwrap();
        }
    }
}

fn keeps_it_to_itself(log_format: &str) {
    let rig = Rig::week(OFTEN);
    person(&rig);
    let strange = "/webhooks/salon/guessed-token-4711";
    let faults = [
        Fault::Garbage,
        Fault::ErrorAfter { status: 500 },
        Fault::Truncated,
        Fault::HtmlError { status: 500 },
        Fault::ReplyLost,
        Fault::ErrorBefore { status: 422 },
    ];
    for place in PLACES {
        for (nth, fault) in (1..).zip(faults.clone()) {
            rig.fault(
                place,
                "odd",
                create_of(place),
                Which::Nth(nth),
                fault.clone(),
            );
            rig.fault(place, "odd", read_of(place), Which::Nth(nth * 2), fault);
        }
        for method in &writes_of(place)[1..] {
            rig.fault(place, "odd", method, Which::Nth(1), Fault::Garbage);
        }
    }
    let mut daemon = Daemon::start(rig.command(&["-vvv", "--log-format", log_format]));
    rig.send_webhooks(&mut daemon);
    let address = daemon.address.unwrap();
    wait_until("faults have struck everywhere", || {
        rig.world
            .sides()
            .iter()
            .all(|side| side.view.faults().fired("odd") >= Some(2))
    });
    person(&rig);
    // A body with a client in it that makes no sense, and an address that somebody has guessed.
    let body = r#"{"resource": "record", "data": {"client": {"name": "Скрытная planted-hook", "phone": "+79009998877"}}}"#;
    assert_eq!(
        post(
            address,
            &format!("/webhooks/salon/{}", token(Place::Yclients)),
            body
        ),
        200
    );
    assert_eq!(post(address, strange, body), 404);
    wait_until("what went wrong is told", || {
        let log = daemon.log();
        PLACES.iter().all(|place| {
            let name = place.name();
            log.contains(&format!("platform={name} "))
                || log.contains(&format!("\"platform\":\"{name}\""))
        })
    });

    let mut texts = forbidden(&rig);
    texts.extend(["planted-hook", "79009998877", "guessed-token-4711"].map(str::to_owned));
    let pages: Vec<String> = ["/metrics", "/readyz", "/healthz", strange]
        .map(|path| daemon.get(path).1)
        .into();
    for arguments in [
        &["status"][..],
        &["status", "--format", "json"],
        &["reconcile", "--wait", "10ms"],
    ] {
        let ran = rig.run(arguments);
        assert_silent(
            &texts,
            &arguments.join(" "),
            &format!("{}{}", ran.stdout, ran.stderr),
        );
    }
    daemon.signal("TERM");
    let (status, shown, said) = daemon.end();
    assert_eq!(status.code(), Some(0), "{said}");
    // It was really asked to say everything.
    assert!(said.contains("DEBUG"), "{said}");
    assert!(pages[0].contains("slotbridge_webhooks_total"));
    texts.extend(forbidden(&rig));
    assert_silent(&texts, "the log", &said);
    assert_silent(&texts, "standard output", &shown);
    for page in pages {
        assert_silent(&texts, "a page", &page);
    }
}

// R42
#[test]
fn the_log_as_text_and_every_page_keep_clients_and_secrets_to_themselves() {
    keeps_it_to_itself("text");
}

#[test]
fn the_log_as_json_keeps_clients_and_secrets_to_itself() {
    keeps_it_to_itself("json");
}
