//! What waits for a person, and the person's decision, from the command line to the platforms.

use std::process::Stdio;

use serde_json::Value;
use slotbridge_sim::{Booking, Edit, Hand as _, Inspect as _};

use crate::support::{Stage, at, signal, wait_until};

const SECRET: &str = "+79000000444";

/// One booking with two phones: the salon's and the site's, and a person is asked.
fn disputed() -> Stage {
    let stage = Stage::empty();
    stage.change_config("name = \"main\"\n", "name = \"main\"\nconflict = \"ask\"\n");
    let [first, ..] = stage.book_haircuts(1)[..] else {
        panic!("one booking")
    };
    stage.settle(4);
    let copy = stage.world.rubitime.live()[0].id;
    let phone = |phone: &str| Edit {
        comment: Some(phone.to_owned()),
        ..Edit::default()
    };
    stage.world.yclients.edit(first, &phone("one")).unwrap();
    stage.world.rubitime.edit(copy, &phone(SECRET)).unwrap();
    let (code, _) = stage.reconcile(&[]);
    assert_eq!(code, 4);
    stage
}

fn conflicts(stage: &Stage, more: &[&str]) -> (i32, Value) {
    let ran = stage.run(&[&["conflicts", "--format", "json"], more].concat());
    let found = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
    (ran.code.unwrap(), found)
}

fn comments(stage: &Stage) -> (String, String) {
    let salon = stage.world.yclients.live()[0].comment.clone();
    let site = stage.world.rubitime.live()[0].comment.clone();
    (salon, site)
}

#[test]
fn a_conflict_is_listed_decided_written_once_and_stays_decided() {
    let stage = disputed();
    let (code, found) = conflicts(&stage, &[]);
    let conflict = &found["bridges"][0]["conflicts"][0];
    assert_eq!((code, &conflict["field"]), (4, &"comment".into()));
    assert_eq!(conflict["values"].as_array().unwrap().len(), 2);
    assert!(!found.to_string().contains(SECRET), "{found:#}");
    let (_, shown) = conflicts(&stage, &["--show-clients"]);
    assert!(shown.to_string().contains(SECRET), "{shown:#}");
    let id = conflict["id"].as_str().unwrap();

    let text = stage.run(&["conflicts"]);
    assert_eq!(text.code, Some(4));
    assert!(
        text.stdout
            .contains(&format!("conflicts resolve {id} --take")),
        "{}",
        text.stdout
    );
    let decided = stage.run(&["conflicts", "resolve", id, "--take", "site"]);
    assert_eq!(decided.code, Some(0), "{decided:?}");
    assert!(
        decided.stdout.contains("The next run of bridge main"),
        "{decided:?}"
    );
    // Decided, and nobody is waited for any more.
    let (code, found) = conflicts(&stage, &[]);
    let decision = &found["bridges"][0]["conflicts"][0]["decision"];
    assert_eq!(
        (code, &decision["state"], &decision["platform"]),
        (0, &"waiting".into(), &"site".into())
    );

    let writes = stage.writes();
    let (code, report) = stage.reconcile(&[]);
    assert_eq!(code, 0, "{report:#}");
    let told = &report["bridges"][0]["conflicts"][0]["decided"];
    assert_eq!(
        (&told["by"], &told["platform"]),
        (&"person".into(), &"site".into())
    );
    let (salon, site) = comments(&stage);
    assert!(
        salon.contains(SECRET) && site.contains(SECRET),
        "{salon:?} {site:?}"
    );
    assert_eq!(stage.writes(), writes + 1);
    let (code, report) = stage.reconcile(&[]);
    assert_eq!((code, stage.writes()), (0, writes + 1), "{report:#}");

    let (code, found) = conflicts(&stage, &["--all"]);
    let conflict = &found["bridges"][0]["conflicts"][0];
    assert_eq!((code, &conflict["decided"]["by"]), (0, &"person".into()));
    let again = stage.run(&["conflicts", "resolve", id, "--keep"]);
    assert_eq!(again.code, Some(2), "{again:?}");
    assert!(again.stderr.contains("decided already"), "{again:?}");
}

#[test]
fn a_value_of_the_persons_own_goes_to_every_platform() {
    let stage = disputed();
    let decided = stage.run(&[
        "conflicts",
        "resolve",
        "1",
        "--set",
        "comment=by the window",
    ]);
    assert_eq!(decided.code, Some(0), "{decided:?}");
    let (code, report) = stage.reconcile(&[]);
    assert_eq!(code, 0, "{report:#}");
    let (salon, site) = comments(&stage);
    assert!(salon.starts_with("by the window"), "{salon:?}");
    assert!(site.starts_with("by the window"), "{site:?}");
}

#[test]
fn what_the_bridge_has_is_kept_against_both() {
    let stage = disputed();
    let decided = stage.run(&["conflicts", "resolve", "1", "--keep"]);
    assert_eq!(decided.code, Some(0), "{decided:?}");
    let writes = stage.writes();
    let (code, report) = stage.reconcile(&[]);
    assert_eq!((code, stage.writes()), (0, writes + 2), "{report:#}");
    let (salon, site) = comments(&stage);
    for comment in [salon, site] {
        assert!(
            !comment.contains(SECRET) && !comment.contains("one"),
            "{comment:?}"
        );
    }
    let (code, report) = stage.reconcile(&[]);
    assert_eq!((code, stage.writes()), (0, writes + 2), "{report:#}");
}

#[test]
fn a_conflict_shows_who_says_what_since_when() {
    let stage = disputed();
    let (_, found) = conflicts(&stage, &["--show-clients"]);
    let conflict = &found["bridges"][0]["conflicts"][0];
    let mut said: Vec<(&str, &str)> = Vec::new();
    for value in conflict["values"].as_array().unwrap() {
        let at: jiff::Timestamp = value["changed_at"].as_str().unwrap().parse().unwrap();
        assert!(
            jiff::Timestamp::now().duration_since(at).as_secs() < 600,
            "{value:#}"
        );
        said.push((
            value["platform"].as_str().unwrap(),
            value["value"].as_str().unwrap(),
        ));
    }
    assert_eq!(said, [("salon", "one"), ("site", SECRET)]);
    assert_eq!(
        (&conflict["resource"], conflict["booking"].is_string()),
        (&"anna".into(), true)
    );
    let text = stage.run(&["conflicts", "--show-clients"]);
    for says in [
        "salon",
        "site",
        "one",
        SECRET,
        "anna",
        "--set FIELD=VALUE",
        "--keep",
    ] {
        assert!(text.stdout.contains(says), "{says}: {}", text.stdout);
    }
}

// R7
#[test]
fn removed_here_and_edited_there_is_decided_either_way() {
    for (take, left) in [("salon", 0), ("site", 1)] {
        let stage = Stage::empty();
        stage.change_config(
            "name = \"main\"\n",
            "name = \"main\"\non_removed_and_edited = \"ask\"\n",
        );
        let [booking, ..] = stage.book_haircuts(1)[..] else {
            panic!("one booking")
        };
        stage.settle(4);
        let copy = stage.world.rubitime.live()[0].id;
        stage.world.yclients.cancel(booking).unwrap();
        stage.world.rubitime.move_to(copy, at(2, 15)).unwrap();
        let (code, report) = stage.reconcile(&[]);
        assert_eq!(code, 4, "{report:#}");
        let (_, found) = conflicts(&stage, &[]);
        assert_eq!(
            found["bridges"][0]["conflicts"][0]["field"], "removal",
            "{found:#}"
        );
        let text = stage.run(&["conflicts"]);
        assert!(
            text.stdout.contains("removed it") && text.stdout.contains("edited it"),
            "{}",
            text.stdout
        );
        let decided = stage.run(&["conflicts", "resolve", "1", "--take", take]);
        assert_eq!(decided.code, Some(0), "{decided:?}");
        stage.settle(4);
        stage.assert_in_step();
        assert_eq!(stage.world.rubitime.live().len(), left, "{take}");
    }
}

#[test]
fn a_decision_over_values_that_changed_since_is_void_and_told() {
    let stage = disputed();
    let decided = stage.run(&["conflicts", "resolve", "1", "--take", "site"]);
    assert_eq!(decided.code, Some(0), "{decided:?}");
    let record = stage.world.yclients.live()[0].id;
    let later = Edit {
        comment: Some("three".to_owned()),
        ..Edit::default()
    };
    stage.world.yclients.edit(record, &later).unwrap();
    let writes = stage.writes();
    let ran = stage.run(&["reconcile"]);
    assert_eq!((ran.code, stage.writes()), (Some(4), writes), "{ran:?}");
    assert!(ran.stdout.contains("no longer fits"), "{}", ran.stdout);
    let text = stage.run(&["conflicts"]);
    assert!(text.stdout.contains("no longer fits"), "{}", text.stdout);
    assert_eq!(text.code, Some(4));
}

#[test]
fn wrong_wishes_say_what_would_be_right() {
    let stage = disputed();
    for (arguments, says) in [
        (&["7", "--keep"][..], "there is no conflict 7"),
        (&["1", "--take", "nowhere"], "these do: "),
        (
            &["1", "--set", "slot=2026-12-01 12:00-13:00"],
            "about comment",
        ),
        (&["1", "--set", "comment"], "FIELD=VALUE"),
        (&["1"], "--take"),
        (&["1", "--keep", "--take", "site"], "cannot be used with"),
        (&["one", "--keep"], "invalid value"),
    ] {
        let ran = stage.run(&[&["conflicts", "resolve"], arguments].concat());
        assert_eq!(ran.code, Some(2), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(says), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn a_double_booking_is_listed_with_who_came_first() {
    let stage = Stage::empty();
    stage.book_haircuts(1);
    stage.settle(4);
    let half_past = at(1, 10) + jiff::SignedDuration::from_mins(30);
    let rival = Booking::new(1702, 3925, half_past, 60);
    let rival = stage
        .world
        .rubitime
        .book(&rival.client("Тестов Иван", "+79000000222"));
    stage.change_config(
        "branch_id = 1013\n",
        &format!("branch_id = 1013\nknown_records = [{rival}]\n"),
    );
    stage.reconcile(&[]);
    let (code, found) = conflicts(&stage, &[]);
    assert_eq!(code, 4, "{found:#}");
    let overlap = &found["bridges"][0]["overlaps"][0];
    let first_seen = |nth: usize| overlap["bookings"][nth]["first_seen"]["platform"].clone();
    assert_eq!(
        (first_seen(0), first_seen(1)),
        ("salon".into(), "site".into())
    );
    let text = stage.run(&["conflicts"]);
    for says in ["first", "call the client: move or cancel"] {
        assert!(text.stdout.contains(says), "{says}: {}", text.stdout);
    }
    let text = stage.run(&["conflicts", "--format", "markdown"]);
    assert!(
        text.stdout.contains("## Double bookings"),
        "{}",
        text.stdout
    );
    assert!(
        text.stdout.contains(&format!("site {rival}")),
        "{}",
        text.stdout
    );
}

#[test]
fn a_running_daemon_is_asked_and_applies_it_at_once() {
    let stage = disputed();
    let mut daemon = stage.command(&["run"]);
    let mut daemon = daemon.stderr(Stdio::null()).spawn().unwrap();
    let socket = stage.folder.path().join("slotbridge.db.sock");
    wait_until("the daemon listens", || socket.exists());
    let decided = stage.run(&["conflicts", "resolve", "1", "--take", "site"]);
    assert_eq!(decided.code, Some(0), "{decided:?}");
    assert!(decided.stdout.contains("running daemon"), "{decided:?}");
    let record = |stage: &Stage| stage.world.yclients.live()[0].comment.clone();
    wait_until("the decision has arrived", || {
        record(&stage).contains(SECRET)
    });
    let wrong = stage.run(&["conflicts", "resolve", "99", "--keep"]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    signal(&daemon, "TERM");
    assert!(daemon.wait().unwrap().success());
}
