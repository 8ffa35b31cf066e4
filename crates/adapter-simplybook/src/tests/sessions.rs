//! Tokens, roles and listings against the simulated company.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use slotbridge_core::model::RemoteId;
use slotbridge_core::record::{Coverage, Reading, Window};
use slotbridge_platform::conformance::Bench as _;
use slotbridge_platform::platform::{Draft, Level, Priority, Query};
use slotbridge_platform::{Contacts, ErrorKind, Platform as _, Retry};
use slotbridge_sim::person::Booking;
use slotbridge_sim::simplybook::{Options, User};
use slotbridge_sim::{Fault, Hand as _, Inspect as _, Which};

use super::bench::SimBench;
use super::support::{COMPANY, MARKER_FIELD, NOW, admin, at, draft, public, sink, zone};
use crate::{Mode, SimplybookConfig};

fn bench(mode: Mode, options: &Options) -> SimBench {
    let mut config = SimplybookConfig::new(COMPANY, mode);
    config.marker_field = Some(MARKER_FIELD.to_owned());
    SimBench::in_process(&zone("Europe/London"), sink(), config, options)
}

fn week() -> Query {
    Query::Window(Window {
        from: at(NOW),
        to: at(NOW) + SignedDuration::from_hours(24 * 7),
    })
}

#[tokio::test(start_paused = true)]
async fn a_token_that_expires_in_the_middle_is_renewed_once_for_everybody() {
    let bench = bench(admin(), &Options::default());
    bench.platform.list(&week(), Priority::Poll).await.unwrap();
    assert_eq!(bench.sim.count("login.getUserToken"), 1);
    bench.sim.expire_tokens();
    let calls = (0..4).map(|_| {
        let platform = Arc::clone(&bench.platform);
        tokio::spawn(async move {
            platform
                .list(&week(), Priority::Poll)
                .await
                .map(|listing| listing.coverage)
        })
    });
    for call in calls.collect::<Vec<_>>() {
        assert!(matches!(call.await.unwrap(), Ok(Coverage::Complete(_))));
    }
    assert_eq!(bench.sim.count("login.getUserToken"), 2);
    assert_eq!(bench.sim.quota_violations(), []);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_before_it_expires() {
    let bench = bench(admin(), &Options::default());
    bench.platform.list(&week(), Priority::Poll).await.unwrap();
    tokio::time::sleep(Duration::from_mins(56)).await;
    bench.platform.list(&week(), Priority::Poll).await.unwrap();
    assert_eq!(bench.sim.count("login.getUserToken"), 2);
    assert_eq!(
        bench.sim.count("admin.getBookings"),
        2,
        "no call was refused"
    );
}

#[tokio::test(start_paused = true)]
async fn an_unknown_company_starts_no_login_loop() {
    let config = SimplybookConfig::new("elsewhere", public());
    let bench = SimBench::in_process(&zone("Europe/London"), sink(), config, &Options::default());
    for _ in 0..3 {
        let error = bench.platform.catalogue().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Forbidden, "{error}");
    }
    assert_eq!(
        bench.sim.count("login.getToken"),
        1,
        "the refusal stands for a while"
    );
    let findings = bench.platform.check().await.unwrap();
    assert!(
        findings
            .iter()
            .any(|finding| finding.level == Level::Problem && finding.what == "credentials"),
        "{findings:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_is_tried_once_and_told_without_it() {
    let mode = Mode::Admin {
        user: "sync@example.com".to_owned(),
        password: "wrong-and-secret".into(),
    };
    let bench = bench(mode, &Options::default());
    for _ in 0..3 {
        let error = bench
            .platform
            .list(&week(), Priority::Poll)
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unauthenticated);
        assert!(!format!("{error:?}").contains("wrong-and-secret"));
    }
    assert_eq!(bench.sim.count("login.getUserToken"), 1);
}

fn user(role: &str, unit: Option<u64>) -> Options {
    let users = vec![User {
        login: "sync@example.com".to_owned(),
        password: "demo-password".to_owned(),
        role: role.to_owned(),
        unit,
        blocked: false,
    }];
    Options {
        users,
        ..Options::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_narrow_role_proves_nothing_and_check_says_so() {
    for (role, partial, level) in [
        ("admin", false, Level::Fine),
        ("shop_user", false, Level::Fine),
        ("viewer", false, Level::Problem),
        ("station_user", true, Level::Problem),
        ("janitor", true, Level::Problem),
        ("", true, Level::Notice),
    ] {
        let bench = bench(admin(), &user(role, Some(2)));
        let coverage = bench
            .platform
            .list(&week(), Priority::Poll)
            .await
            .unwrap()
            .coverage;
        assert_eq!(
            matches!(coverage, Coverage::Partial { .. }),
            partial,
            "{role}: {coverage:?}"
        );
        let findings = bench.platform.check().await.unwrap();
        let rights: Vec<_> = findings
            .iter()
            .filter(|finding| finding.what == "rights")
            .map(|finding| finding.level)
            .collect();
        assert!(rights.contains(&level), "{role}: {findings:?}");
    }
}

fn fill(bench: &SimBench, bookings: i64, minutes: i64) {
    for n in 0..bookings {
        let start = at(NOW) + SignedDuration::from_mins(minutes * n);
        let booking = Booking::new(2, 4, start, minutes).client("Mock", "+79000000001");
        bench.sim.book(&booking);
    }
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_looks_capped_is_halved_until_it_does_not() {
    // Bookings, minutes between them, the platform's cap; whether all are shown and proven, and after how many calls.
    for (rows, minutes, cap, complete, calls) in [
        (100, 10, None, true, 9),
        (120, 10, None, true, 1),
        (150, 10, Some(100), true, 9),
        (200, 4, Some(100), false, 9),
    ] {
        let options = Options {
            rows_max: cap,
            ..Options::default()
        };
        let bench = bench(admin(), &options);
        fill(&bench, rows, minutes);
        let listing = bench.platform.list(&week(), Priority::Poll).await.unwrap();
        let proven = matches!(listing.coverage, Coverage::Complete(_));
        assert_eq!(proven, complete, "{rows}: {:?}", listing.coverage);
        let all = i64::try_from(listing.records.len()) == Ok(rows);
        assert_eq!(all, complete, "{rows}: {}", listing.records.len());
        assert!(bench.sim.count("admin.getBookings") <= calls, "{rows}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_round_number_that_was_proven_costs_one_call_from_then_on() {
    let bench = bench(admin(), &Options::default());
    fill(&bench, 100, 60);
    bench.platform.list(&week(), Priority::Poll).await.unwrap();
    let calls = bench.sim.count("admin.getBookings");
    assert!(calls > 1, "a round number is not believed at once");
    bench.platform.list(&week(), Priority::Poll).await.unwrap();
    assert_eq!(bench.sim.count("admin.getBookings"), calls + 1);
}

// R2
#[tokio::test(start_paused = true)]
async fn a_filter_that_is_not_honoured_proves_nothing() {
    let bench = bench(
        admin(),
        &Options {
            filter_ignored: true,
            ..Options::default()
        },
    );
    let far = at(NOW) + SignedDuration::from_hours(24 * 40);
    bench
        .sim
        .book(&Booking::new(2, 4, far, 60).client("Mock", "+79000000001"));
    let listing = bench.platform.list(&week(), Priority::Poll).await.unwrap();
    assert!(
        matches!(listing.coverage, Coverage::Partial { .. }),
        "{:?}",
        listing.coverage
    );
    assert_eq!(listing.records, []);
}

#[tokio::test(start_paused = true)]
async fn the_last_day_is_listed_whether_or_not_the_filter_includes_it() {
    for date_to_excluded in [false, true] {
        let bench = bench(
            admin(),
            &Options {
                date_to_excluded,
                ..Options::default()
            },
        );
        let last = at("2031-05-13T06:00:00Z");
        bench
            .sim
            .book(&Booking::new(2, 4, last, 60).client("Mock", "+79000000001"));
        let after = at("2031-05-13T08:00:00Z");
        bench
            .sim
            .book(&Booking::new(2, 4, after, 60).client("Mock", "+79000000001"));
        let listing = bench.platform.list(&week(), Priority::Poll).await.unwrap();
        let starts: Vec<_> = listing.records.iter().map(|record| record.start).collect();
        assert_eq!(starts, [last]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_poll_without_changes_costs_one_call() {
    let bench = bench(admin(), &Options::default());
    bench.platform.create(&draft()).await.unwrap();
    bench
        .sim
        .book(&Booking::new(3, 4, at("2031-05-08T09:00:00Z"), 60).client("Mock", "+79000000001"));
    bench.platform.list(&week(), Priority::Poll).await.unwrap();
    let before = bench.sim.calls().len();
    let listing = bench.platform.list(&week(), Priority::Poll).await.unwrap();
    assert_eq!(bench.sim.calls().len() - before, 1);
    let markers: Vec<_> = listing
        .records
        .iter()
        .filter_map(|record| record.marker)
        .collect();
    assert_eq!(markers, [draft().booking]);
}

#[tokio::test(start_paused = true)]
async fn a_second_booking_of_a_client_makes_no_second_card_and_no_search() {
    let bench = bench(admin(), &Options::default());
    bench.platform.create(&draft()).await.unwrap();
    let (cards, calls) = (bench.sim.clients(), bench.sim.calls().len());
    let other = Draft {
        slot: bench
            .samples()
            .starts
            .first()
            .map(|start| {
                slotbridge_core::model::Slot::new(*start, *start + SignedDuration::from_hours(1))
                    .unwrap()
            })
            .unwrap(),
        ..draft()
    };
    bench.platform.create(&other).await.unwrap();
    assert_eq!(bench.sim.clients(), cards);
    // The booking and its comment.
    assert_eq!(bench.sim.calls().len() - calls, 2);
}

#[tokio::test(start_paused = true)]
async fn a_mirrored_booking_uses_the_owners_card_as_it_is() {
    let mut config = SimplybookConfig::new(COMPANY, admin());
    config.marker_field = Some(MARKER_FIELD.to_owned());
    let bench = SimBench::in_process(
        &zone("Europe/London"),
        Contacts::Real,
        config,
        &Options::default(),
    );
    bench
        .sim
        .add_client("П. Пера (VIP)", "old@example.com", "8 900 000 00 03");
    // The search of the platform looks at what is written: other digits, other groups.
    bench
        .sim
        .add_client("П. Пера (VIP)", "proba.pera@example.com", "+79000000003");
    let cards = bench.sim.clients();
    let written = bench.platform.create(&draft()).await.unwrap();
    assert_eq!(bench.sim.clients(), cards);
    let Reading::Found(record) = bench
        .platform
        .read(&written.id, Priority::Write)
        .await
        .unwrap()
    else {
        panic!("it is there")
    };
    assert_eq!(record.client.name.expose(), "П. Пера (VIP)");
}

#[tokio::test(start_paused = true)]
async fn a_lost_create_without_marker_field_is_found_again_and_marked() {
    let config = SimplybookConfig::new(COMPANY, admin());
    let bench = SimBench::in_process(&zone("Europe/London"), sink(), config, &Options::default());
    bench
        .sim
        .faults()
        .add("lost", "admin.book", Which::Nth(1), Fault::ReplyLost);
    let written = bench.platform.create(&draft()).await.unwrap();
    assert_eq!(bench.sim.faults().fired("lost"), Some(1));
    assert_eq!(bench.sim.live().len(), 1);
    assert_eq!(bench.sim.duplicates_ever(), []);
    let Reading::Found(record) = bench
        .platform
        .read(&written.id, Priority::Write)
        .await
        .unwrap()
    else {
        panic!("it is there")
    };
    assert_eq!(
        (record.marker, record.comment.expose()),
        (Some(draft().booking), "позвонить заранее")
    );
}

#[tokio::test(start_paused = true)]
async fn ids_of_another_shape_are_of_no_booking() {
    let bench = bench(admin(), &Options::default());
    for id in ["", "x", "9012:abc", "-1", "09012"] {
        let reading = bench
            .platform
            .read(&RemoteId::new(id), Priority::Hint)
            .await
            .unwrap();
        assert_eq!(reading, Reading::Missing, "{id}");
    }
    assert_eq!(bench.sim.count("admin.getBookingDetails"), 0);
}

#[tokio::test(start_paused = true)]
async fn required_intake_fields_are_sent_again_with_every_change() {
    let mut config = SimplybookConfig::new(COMPANY, admin());
    config.intake = vec![("aa11".to_owned(), "from slotbridge".to_owned())];
    let bench = SimBench::in_process(&zone("Europe/London"), sink(), config, &Options::default());
    bench
        .sim
        .add_intake_field("aa11", "How did you hear of us?", true);
    let written = bench.platform.create(&draft()).await.unwrap();
    bench
        .sim
        .set_intake(written.id.as_str().parse().unwrap(), "aa11", "a friend")
        .unwrap();
    let desired = Draft {
        resource: slotbridge_core::model::ResourceKey::new("3"),
        ..draft()
    };
    let fields = [slotbridge_core::model::Field::Resource]
        .into_iter()
        .collect();
    let edit = slotbridge_platform::platform::Edit {
        desired,
        fields,
        expected: None,
    };
    bench.platform.update(&written.id, &edit).await.unwrap();
    let seen = bench.sim.live().remove(0);
    assert_eq!((seen.staff, seen.fields["aa11"].as_str()), (3, "a friend"));
}

#[tokio::test(start_paused = true)]
async fn two_calls_at_once_are_never_exceeded() {
    let bench = bench(admin(), &Options::default());
    let slow = Fault::SlowAnswer {
        delay: Duration::from_secs(2),
    };
    bench
        .sim
        .faults()
        .add("slow", "admin.getBookings", Which::Every, slow);
    let calls = (0..6).map(|_| {
        let platform = Arc::clone(&bench.platform);
        tokio::spawn(async move { platform.list(&week(), Priority::Poll).await.is_ok() })
    });
    for call in calls.collect::<Vec<_>>() {
        assert!(call.await.unwrap());
    }
    assert_eq!(bench.sim.quota_violations(), []);
    assert_eq!(bench.sim.faults().fired("slow"), Some(6));
}

#[tokio::test(start_paused = true)]
async fn one_odd_answer_about_the_role_is_not_believed_for_hours() {
    let bench = bench(admin(), &Options::default());
    bench.sim.faults().add(
        "odd",
        "admin.getCurrentUserDetails",
        Which::Next(1),
        Fault::Garbage,
    );
    let mut coverages = Vec::new();
    for _ in 0..2 {
        let listing = bench.platform.list(&week(), Priority::Poll).await.unwrap();
        coverages.push(listing.coverage);
        tokio::time::sleep(Duration::from_mins(10)).await;
    }
    assert!(
        matches!(
            coverages[..],
            [Coverage::Partial { .. }, Coverage::Complete(_)]
        ),
        "{coverages:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_sinks_card_that_cannot_be_read_is_tried_again_and_not_taken_for_anothers() {
    let bench = bench(admin(), &Options::default());
    bench
        .sim
        .faults()
        .add("odd", "admin.getClient", Which::Every, Fault::Garbage);
    let error = bench.platform.create(&draft()).await.unwrap_err();
    assert_eq!(error.retry, Retry::Later, "{error:?}");
    bench.sim.faults().clear();
    bench.platform.create(&draft()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_list_of_clients_that_is_none_makes_no_new_card() {
    let bench = bench(admin(), &Options::default());
    let clients = "admin.getClientList";
    bench
        .sim
        .faults()
        .add("odd", clients, Which::Nth(1), Fault::Garbage);
    let error = bench.platform.create(&draft()).await.unwrap_err();
    assert_eq!(
        (error.kind, error.retry),
        (ErrorKind::BadReply, Retry::Later)
    );
    assert_eq!(bench.sim.count("admin.addClient"), 0);
    bench.platform.create(&draft()).await.unwrap();
    assert_eq!(bench.sim.live().len(), 1);
}
