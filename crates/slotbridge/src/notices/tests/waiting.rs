//! In virtual time: what stands, what is tried again, what is held back, and what a restart remembers.

use super::*;

/// Lets everything that is ready happen.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

const STOP: Duration = Duration::from_mins(1);

#[tokio::test(start_paused = true)]
async fn what_a_sweep_finds_is_told_once_and_a_restart_does_not_tell_it_again() {
    let store = troubled_store().await;
    let hosts = Hosts::new([("owner", &[Does::Answers(200)])]);
    let notices = start(
        &config(vec![webhook("owner")]),
        parts(&store, virtual_means(&hosts)),
    );
    notices.listener().hear(&swept());
    settle().await;
    let mut kinds = hosts.kinds("owner");
    kinds.sort();
    assert_eq!(kinds, ["conflict", "guard", "overlap"]);
    notices.listener().hear(&swept());
    notices.listener().hear(&ran(RunCause::Polled, |_| {}));
    notices.stop(STOP).await;
    assert_eq!(hosts.kinds("owner").len(), 3);
    // The next process.
    let notices = start(
        &config(vec![webhook("owner")]),
        parts(&store, virtual_means(&hosts)),
    );
    notices.listener().hear(&swept());
    settle().await;
    assert_eq!(hosts.kinds("owner").len(), 3, "told again after a restart");
    assert_eq!(store.notices().await.unwrap().len(), 3);
    // Somebody dealt with all of it.
    let approved = Change::GuardApproved {
        bridge: bridge(),
        plan: "p".to_owned(),
        at: at("2026-11-28T11:00:00Z"),
    };
    let gone = Change::ConflictGone {
        bridge: bridge(),
        booking: BookingId::from_u128(1),
        subject: Subject::Field(Field::ClientPhone),
        at: at("2026-11-28T12:00:00Z"),
    };
    store.apply(vec![approved, gone]).await.unwrap();
    notices.listener().hear(&ran(RunCause::Swept, |_| {}));
    settle().await;
    assert_eq!(store.notices().await.unwrap(), []);
    // And it came back.
    notices.listener().hear(&swept());
    notices.stop(STOP).await;
    assert_eq!(hosts.kinds("owner")[3..], ["overlap"]);
}

#[tokio::test(start_paused = true)]
async fn what_stands_is_told_again_a_day_later() {
    let store = troubled_store().await;
    let hosts = Hosts::new([("owner", &[Does::Answers(200)])]);
    let notices = start(
        &config(vec![webhook("owner")]),
        parts(&store, virtual_means(&hosts)),
    );
    notices.listener().hear(&swept());
    tokio::time::sleep(Duration::from_mins(24 * 60 - 1)).await;
    assert_eq!(hosts.kinds("owner").len(), 3);
    tokio::time::sleep(Duration::from_mins(2)).await;
    let bodies = hosts.bodies("owner");
    assert_eq!(bodies.len(), 6);
    assert!(bodies[..3].iter().all(|body| body["reminder"] == false));
    assert!(bodies[3..].iter().all(|body| body["reminder"] == true));
    notices.stop(STOP).await;
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_and_a_partial_pass_end_nothing() {
    let store = troubled_store().await;
    let hosts = Hosts::new([("owner", &[Does::Answers(200)])]);
    let notices = start(
        &config(vec![webhook("owner")]),
        parts(&store, virtual_means(&hosts)),
    );
    notices.listener().hear(&swept());
    settle().await;
    let quiet = [
        ran(RunCause::Hinted, |_| {}),
        // A platform was down in it.
        ran(RunCause::Swept, |report| {
            report.platforms[0].error = Some("down".to_owned());
        }),
        // It was stopped before it began.
        ran(RunCause::Swept, |report| report.platforms.clear()),
    ];
    for event in &quiet {
        notices.listener().hear(event);
    }
    if let Event::Ran {
        dry_run, report, ..
    } = &mut ran(RunCause::Swept, |_| {})
    {
        *dry_run = true;
        let report = Arc::clone(report);
        notices.listener().hear(&Event::Ran {
            bridge: bridge(),
            cause: RunCause::Swept,
            at: at("2026-11-28T10:00:00Z"),
            took: Duration::ZERO,
            dry_run: true,
            report,
        });
    }
    settle().await;
    assert_eq!(store.notices().await.unwrap().len(), 3);
    notices.stop(STOP).await;
}

#[tokio::test(start_paused = true)]
async fn down_silent_up_and_complete() {
    let store = Store::in_memory().unwrap();
    let hosts = Hosts::new([
        ("owner", &[Does::Answers(200)]),
        ("picky", &[Does::Answers(200)]),
    ]);
    let picky = Target {
        only: BTreeSet::from([Kind::PlatformDown]),
        ..webhook("picky")
    };
    let config = config(vec![webhook("owner"), picky]);
    let notices = start(&config, parts(&store, virtual_means(&hosts)));
    let listener = notices.listener();
    listener.hear(&down());
    settle().await;
    // It was down for an hour already.
    assert_eq!(hosts.kinds("owner"), ["platform_down"]);
    assert!(
        hosts.bodies("owner")[0]["text"]
            .as_str()
            .unwrap()
            .contains("28 Nov 2026 12:00 (Europe/Moscow): connection refused")
    );
    // `site` cannot list: a sweep over what is known is a pass there, a near look is not.
    tokio::time::sleep(Duration::from_hours(2)).await;
    listener.hear(&Event::Up {
        platform: platform("salon"),
        down_since: at("2026-11-28T09:00:00Z"),
        at: at("2026-11-28T12:00:00Z"),
    });
    listener.hear(&looked(LookKind::Near, false));
    tokio::time::sleep(Duration::from_hours(25)).await;
    assert_eq!(
        hosts.kinds("owner"),
        [
            "platform_down",
            "platform_up",
            "no_complete_pass",
            "no_complete_pass"
        ]
    );
    listener.hear(&looked(LookKind::Far, false));
    settle().await;
    assert_eq!(
        hosts.kinds("owner").len(),
        4,
        "salon lists: a look that proved nothing is no pass"
    );
    listener.hear(&looked(LookKind::Far, true));
    notices.stop(STOP).await;
    assert_eq!(hosts.kinds("owner")[4..], ["complete_pass"]);
    assert_eq!(hosts.kinds("picky"), ["platform_down", "platform_up"]);
}

#[tokio::test(start_paused = true)]
async fn a_platform_without_a_listing_is_complete_after_a_sweep_of_what_is_known() {
    let store = Store::in_memory().unwrap();
    let means = virtual_means(&Hosts::new([]));
    let parts = parts(&store, means);
    let gather = Gather {
        store: &parts.store,
        zones: &parts.zones,
        platforms: &parts.platforms,
    };
    for (name, look, complete, is_pass) in [
        ("salon", LookKind::Sweep, true, true),
        ("salon", LookKind::Sweep, false, false),
        ("salon", LookKind::Near, true, true),
        ("site", LookKind::Sweep, false, true),
        ("site", LookKind::Far, false, true),
        ("site", LookKind::Near, false, false),
        ("site", LookKind::Hint, false, false),
    ] {
        let Event::Looked {
            at, took, trouble, ..
        } = looked(look, complete)
        else {
            unreachable!()
        };
        let event = Event::Looked {
            platform: platform(name),
            look,
            at,
            took,
            calls: 0,
            changed: 0,
            complete,
            trouble,
        };
        let inputs = gather.inputs(&event).await;
        let complete = Input::Complete {
            platform: name.to_owned(),
        };
        assert_eq!(inputs.contains(&complete), is_pass, "{event:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_fails_is_tried_again_and_holds_up_nobody() {
    let store = troubled_store().await;
    let hosts = Hosts::new([
        (
            "ailing",
            &[
                Does::RefusesConnections,
                Does::Answers(500),
                Does::SaysNothing,
                Does::Answers(429),
                Does::Answers(200),
            ],
        ),
        ("healthy", &[Does::Answers(200)]),
    ]);
    let targets = vec![webhook("ailing"), webhook("healthy")];
    let notices = start(&config(targets), parts(&store, virtual_means(&hosts)));
    notices.listener().hear(&swept());
    settle().await;
    assert_eq!(hosts.kinds("healthy").len(), 3);
    assert_eq!(hosts.attempts("ailing"), 1);
    assert_eq!(hosts.kinds("ailing").len(), 0);
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert_eq!(hosts.kinds("ailing"), hosts.kinds("healthy"));
    assert_eq!(hosts.attempts("ailing"), 7);
    notices.stop(STOP).await;
}

#[tokio::test(start_paused = true)]
async fn a_target_that_refuses_is_not_asked_again() {
    let store = troubled_store().await;
    let hosts = Hosts::new([("strict", &[Does::Answers(404)])]);
    let notices = start(
        &config(vec![webhook("strict")]),
        parts(&store, virtual_means(&hosts)),
    );
    notices.listener().hear(&swept());
    tokio::time::sleep(Duration::from_hours(5)).await;
    assert_eq!(hosts.attempts("strict"), 3, "one attempt for each notice");
    notices.stop(STOP).await;
}

#[tokio::test(start_paused = true)]
async fn trying_ends_and_the_target_hears_later_that_there_was_more() {
    let store = troubled_store().await;
    let mut script = vec![Does::RefusesConnections; 14];
    script.push(Does::Answers(200));
    let hosts = Hosts::new([("away", &script)]);
    let notices = start(
        &config(vec![webhook("away")]),
        parts(&store, virtual_means(&hosts)),
    );
    notices.listener().hear(&swept());
    tokio::time::sleep(Duration::from_hours(3)).await;
    // The first one took all the failures with it; the others came after the word that there was one more.
    let kinds = hosts.kinds("away");
    assert_eq!(kinds.first().map(String::as_str), Some("more"), "{kinds:?}");
    assert_eq!(kinds.len(), 3, "{kinds:?}");
    assert_eq!(hosts.bodies("away")[0]["details"]["count"], "1");
    notices.stop(STOP).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_over_the_rate_comes_as_one() {
    let store = troubled_store().await;
    let hosts = Hosts::new([("owner", &[Does::Answers(200)])]);
    let modest = Target {
        max_per_hour: 1,
        ..webhook("owner")
    };
    let notices = start(&config(vec![modest]), parts(&store, virtual_means(&hosts)));
    notices.listener().hear(&swept());
    tokio::time::sleep(Duration::from_mins(59)).await;
    // The worst first.
    let first = hosts.kinds("owner");
    assert!(first == ["overlap"] || first == ["guard"], "{first:?}");
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert_eq!(hosts.kinds("owner")[1..], ["more"]);
    assert_eq!(hosts.bodies("owner")[1]["details"]["count"], "2");
    notices.stop(STOP).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_tells_what_waits_and_does_not_wait_for_ever() {
    let store = troubled_store().await;
    let hosts = Hosts::new([
        ("owner", &[Does::Answers(200)]),
        ("away", &[Does::RefusesConnections]),
        ("mute", &[Does::SaysNothing]),
    ]);
    let mute = Target {
        timeout: Duration::from_hours(1),
        ..webhook("mute")
    };
    let targets = vec![webhook("owner"), webhook("away"), mute];
    let notices = start(&config(targets), parts(&store, virtual_means(&hosts)));
    notices.listener().hear(&swept());
    let listener = notices.listener();
    let before = tokio::time::Instant::now();
    notices.stop(Duration::from_secs(5)).await;
    assert_eq!(hosts.kinds("owner").len(), 3);
    assert!(hosts.attempts("away") >= 1);
    assert_eq!(before.elapsed(), Duration::from_secs(5));
    // Late events are for nobody.
    listener.hear(&down());
}

#[tokio::test(start_paused = true)]
async fn whoever_tells_never_waits_and_the_oldest_goes() {
    let ear = Ear {
        queue: Queue::new(2),
        dropped: AtomicU64::new(0),
    };
    for _ in 0..5 {
        ear.hear(&down());
    }
    assert_eq!(ear.dropped.load(Ordering::Relaxed), 3);
    // What says nothing of trouble takes no room.
    ear.hear(&Event::Hinted {
        platform: platform("salon"),
    });
    assert_eq!(ear.dropped.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn without_a_target_nothing_is_done() {
    let store = troubled_store().await;
    let hosts = Hosts::new([]);
    let notices = start(&config(Vec::new()), parts(&store, virtual_means(&hosts)));
    notices.listener().hear(&swept());
    settle().await;
    assert_eq!(store.notices().await.unwrap(), []);
    notices.stop(STOP).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_client_and_no_token_is_in_what_is_told_or_printed() {
    let store = troubled_store().await;
    let hosts = Hosts::new([
        ("owner", &[Does::Answers(200)]),
        ("trusted", &[Does::Answers(200)]),
    ]);
    let trusted = Target {
        show_clients: true,
        ..webhook("trusted")
    };
    let config = config(vec![webhook("owner"), trusted]);
    assert_private(&format!("{config:?}"));
    let notices = start(&config, parts(&store, virtual_means(&hosts)));
    notices.listener().hear(&swept());
    notices.stop(STOP).await;
    let told = serde_json::to_string(&hosts.bodies("owner")).unwrap();
    assert_private(&told);
    assert!(told.contains("is booked twice"), "{told}");
    // Where it may be shown, it is; but for what nobody needs.
    let told = serde_json::to_string(&hosts.bodies("trusted")).unwrap();
    for shown in [CLIENT[0], CLIENT[1], CLIENT[2], "+79000000888"] {
        assert!(told.contains(shown), "{shown} is not in {told}");
    }
    assert!(!told.contains(TOKEN) && !told.contains(CLIENT[3]));
}

#[tokio::test(start_paused = true)]
async fn a_failure_names_neither_address_nor_answer() {
    let hosts = Hosts::new([("owner", &[Does::Answers(401)])]);
    let means = virtual_means(&hosts);
    let notice = Notice::of_moment(Kind::Test, means.seam.now(), words::test("owner"));
    let failure = webhook("owner").bring(&notice, &means).await.unwrap_err();
    assert_eq!(
        failure.why,
        "the answer was 401; the token or password is not accepted"
    );
    // A test shows the answer, without the token that it says back.
    assert_eq!(failure.reply.as_deref(), Some("said ‹secret› back"));
}

#[tokio::test(start_paused = true)]
async fn a_damaged_database_is_told() {
    let store = Store::in_memory().unwrap();
    let hosts = Hosts::new([("owner", &[Does::Answers(200)])]);
    let notices = start(
        &config(vec![webhook("owner")]),
        parts(&store, virtual_means(&hosts)),
    );
    let checked = notices.checked();
    checked(Vec::new());
    settle().await;
    assert_eq!(hosts.kinds("owner").len(), 0);
    checked(vec!["booking: row 3 missing from an index".to_owned()]);
    notices.stop(STOP).await;
    assert_eq!(hosts.kinds("owner"), ["database"]);
}
