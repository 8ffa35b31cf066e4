//! Nothing of a client and no secret is in anything that the binary says, however much it is asked to say.

use std::collections::BTreeSet;

use slotbridge_sim::{Edit, Fault, Hand as _, Inspect as _, Which};

use crate::support::{Ran, Stage};

/// Everything on the platforms that tells who a client is, and the secrets of the config.
fn forbidden(stage: &Stage) -> BTreeSet<String> {
    let mut texts = BTreeSet::new();
    let all = stage
        .world
        .yclients
        .all()
        .into_iter()
        .chain(stage.world.rubitime.all());
    for seen in all {
        let digits: String = seen.phone.chars().filter(char::is_ascii_digit).collect();
        texts.extend([seen.name, seen.phone, seen.email, digits]);
        // A comment may carry our marker, which is no secret.
        texts.extend(seen.comment.split('\n').next().map(str::to_owned));
    }
    texts.extend(
        [
            "demo-partner-token",
            "demo-user-token",
            "demo-rubitime-key",
            "demo-webhook-token",
        ]
        .map(str::to_owned),
    );
    texts.retain(|text| text.trim().chars().count() > 3 && text != "Busy");
    texts
}

fn assert_silent(stage: &Stage, what: &str, ran: &Ran) {
    for text in forbidden(stage) {
        assert!(
            !ran.stdout.contains(&text),
            "{what}: {text} on standard output:\n{}",
            ran.stdout
        );
        assert!(
            !ran.stderr.contains(&text),
            "{what}: {text} on standard error:\n{}",
            ran.stderr
        );
    }
}

fn person(stage: &Stage) {
    let (here, there) = stage.world.both[0];
    let edit = |word: &str| Edit {
        name: Some(format!("Скрытная {word}")),
        email: Some(format!("{word}@example.com")),
        comment: Some(format!("код домофона {word}")),
        ..Edit::default()
    };
    stage
        .world
        .yclients
        .edit(here, &edit("planted-one"))
        .unwrap();
    stage
        .world
        .rubitime
        .edit(there, &edit("planted-two"))
        .unwrap();
}

// R42
#[test]
fn reports_and_logs_of_every_level_keep_clients_and_secrets_to_themselves() {
    let stage = Stage::week();
    person(&stage);
    for arguments in [
        &["check", "-vvv"][..],
        &["reconcile", "--dry-run", "-vvv"],
        &[
            "reconcile",
            "--dry-run",
            "--format",
            "markdown",
            "-vvv",
            "--log-format",
            "json",
        ],
        &["reconcile", "-vvv", "--format", "json"],
        &["reconcile", "-vvv"],
        &["status", "-vvv"],
        &["check", "--format", "json", "-vvv", "--log-format", "json"],
    ] {
        let ran = stage.run(arguments);
        assert_silent(&stage, &arguments.join(" "), &ran);
    }
    // The platforms were really spoken to at that level.
    let ran = stage.run(&["reconcile", "-vvv"]);
    assert!(ran.stderr.contains("records.list"), "{}", ran.stderr);
}

// R42
#[test]
fn errors_quote_neither_what_was_sent_nor_what_came_back() {
    for fault in [
        Fault::Garbage,
        Fault::ErrorBefore { status: 422 },
        Fault::ErrorAfter { status: 500 },
        Fault::Truncated,
        Fault::HtmlError { status: 500 },
        Fault::ReplyLost,
    ] {
        let stage = Stage::week();
        person(&stage);
        let what = format!("{fault:?}");
        stage
            .world
            .yclients
            .faults()
            .add("odd", "records.create", Which::Every, fault.clone());
        stage
            .world
            .rubitime
            .faults()
            .add("odd", "create-record", Which::Every, fault);
        let ran = stage.run(&["reconcile", "-vvv"]);
        assert_silent(&stage, &what, &ran);
        assert!(
            stage.world.yclients.faults().fired("odd") > Some(0),
            "{what} never struck"
        );
    }
}

#[test]
fn json_log_lines_are_json() {
    let stage = Stage::week();
    let ran = stage.run(&["reconcile", "-vv", "--log-format", "json"]);
    assert!(!ran.stderr.is_empty());
    for line in ran.stderr.lines() {
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(line);
        assert!(parsed.is_ok_and(|line| line["level"].is_string()), "{line}");
    }
}
