//! Settings, reads, the quota and the check over a transport that follows a script.

use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use slotbridge_core::model::{Field, RemoteId, ResourceKey, ServiceKey};
use slotbridge_core::projection::TextHeld;
use slotbridge_core::record::{Reading, Window};
use slotbridge_platform::platform::{Level, Priority, Query};
use slotbridge_platform::testing::Scene;
use slotbridge_platform::transport::TransportFailure;
use slotbridge_platform::{Account, ErrorKind, Platform as _, Retry};

use super::scripted::{Bench, KEY, bench, config, edit, id, reply};
use super::{at, draft, sink};
use crate::{MarkerField, RubitimeConfig, RubitimePlatform};

#[tokio::test(start_paused = true)]
async fn a_setting_that_cannot_work_is_named() {
    let bench = bench([]);
    let new = |account: &Account, config: RubitimeConfig| {
        RubitimePlatform::new(account.clone(), config)
            .map(|_| ())
            .unwrap_err()
            .key
    };
    let homeless = Account {
        time_zone: None,
        ..bench.account.clone()
    };
    assert_eq!(new(&homeless, config()), "time_zone");
    assert_eq!(
        new(
            &bench.account,
            RubitimeConfig {
                branch_id: 0,
                ..config()
            }
        ),
        "branch_id"
    );
    assert_eq!(
        new(
            &bench.account,
            RubitimeConfig {
                api_key: SecretString::from(" \n"),
                ..config()
            }
        ),
        "api_key"
    );
    for wrong in [
        "",
        "custom_field",
        "custom_field0",
        "custom_field21",
        "custom_field03",
        "Custom_field3",
        "comment",
    ] {
        let error = wrong.parse::<MarkerField>().unwrap_err();
        assert_eq!(error.key, "marker_field", "{wrong}");
    }
    for number in 1..=20 {
        let name = format!("custom_field{number}");
        assert_eq!(
            name.parse::<MarkerField>().map(|field| field.to_string()),
            Ok(name)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_key_and_the_client_stay_out_of_output_and_errors() {
    let echo = format!(
        r#"{{"status":"error","message":"{KEY} is bad for Проба Пера, +79000000003, proba.pera@example.com","data":[]}}"#
    );
    let bench = bench([Scene::Response(http::Response::new(Bytes::from(echo)))]);
    let platform = bench.platform();
    let error = platform.create(&draft()).await.unwrap_err();
    assert!(error.message.contains("is bad for"), "{error}");
    let shown = format!("{error} {error:?} {platform:?} {:?}", bench.config);
    for private in [KEY, "Проба", "Пера", "9000000003", "proba.pera"] {
        assert!(!shown.contains(private), "{private} in {shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_is_read_by_its_id() {
    let bench = bench([reply("record/whole.json")]);
    let Reading::Found(record) = bench.platform().read(&id(), Priority::Poll).await.unwrap() else {
        panic!("it is there")
    };
    assert_eq!(
        (record.id, record.start),
        (id(), at("2031-05-06T07:30:00Z"))
    );
    assert_eq!(bench.sent(), [r#"get-record {"id":7000123}"#]);
}

#[tokio::test(start_paused = true)]
async fn a_record_is_missing_only_by_the_platforms_word() {
    let missing = bench([reply("error/record_not_found.json")]);
    assert_eq!(
        missing
            .platform()
            .read(&id(), Priority::Poll)
            .await
            .unwrap(),
        Reading::Missing
    );
    for (path, kind) in [
        ("reply/nothing.json", ErrorKind::BadReply),
        ("reply/null.json", ErrorKind::BadReply),
        ("reply/words.json", ErrorKind::BadReply),
        ("error/invalid_key.json", ErrorKind::Unauthenticated),
        ("error/branch_not_found.json", ErrorKind::Refused),
    ] {
        let error = bench([reply(path)])
            .platform()
            .read(&id(), Priority::Poll)
            .await
            .unwrap_err();
        assert_eq!(error.kind, kind, "{path}");
    }
    let other = bench([reply("record/whole.json")]);
    let error = other
        .platform()
        .read(&RemoteId::new("7000124"), Priority::Poll)
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::BadReply, "another record came back");
}

#[tokio::test(start_paused = true)]
async fn a_row_without_an_id_stays_known_by_the_one_that_was_asked_for() {
    let bench = bench([reply("unreadable/no_id.json")]);
    let Reading::Unreadable(unreadable) =
        bench.platform().read(&id(), Priority::Poll).await.unwrap()
    else {
        panic!("it cannot be read")
    };
    assert_eq!(unreadable.id, Some(id()));
}

#[tokio::test(start_paused = true)]
async fn an_id_of_another_platform_is_never_asked_for() {
    let bench = bench([]);
    let platform = bench.platform();
    let foreign = RemoteId::new("ab-17");
    let kinds = [
        platform
            .read(&foreign, Priority::Poll)
            .await
            .unwrap_err()
            .kind,
        platform
            .update(&foreign, &edit(&[Field::Slot], None))
            .await
            .unwrap_err()
            .kind,
        platform.remove(&foreign).await.unwrap_err().kind,
    ];
    assert_eq!(kinds, [ErrorKind::Unrepresentable; 3]);
    assert!(bench.sent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_read_is_made_again_after_trouble_and_a_write_is_not() {
    let trouble = || {
        [
            Scene::Reply(503, "<html>"),
            Scene::Failure(TransportFailure::NoReply),
        ]
    };
    let reads = bench(trouble().into_iter().chain([reply("record/whole.json")]));
    assert!(reads.platform().read(&id(), Priority::Poll).await.is_ok());
    assert_eq!(reads.sent().len(), 3);
    for scene in trouble() {
        let writes = bench([scene]);
        let error = writes.platform().create(&draft()).await.unwrap_err();
        assert_eq!(error.retry, Retry::AfterObserving);
        assert_eq!(writes.sent().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_throttle_is_a_normal_event_and_costs_a_wait() {
    let bench = bench([reply("error/too_fast.json"), reply("reply/created.json")]);
    let begun = tokio::time::Instant::now();
    assert!(bench.platform().create(&draft()).await.is_ok());
    // Two exchanges of a second, and the wait between them.
    assert!(
        begun.elapsed() >= Duration::from_millis(7500),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(bench.sent().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_gap_is_kept_from_the_end_of_a_call() {
    let bench = bench([
        reply("record/whole.json"),
        reply("record/whole.json"),
        reply("record/whole.json"),
    ]);
    let platform = bench.platform();
    let begun = tokio::time::Instant::now();
    for _ in 0..3 {
        platform.read(&id(), Priority::Poll).await.unwrap();
    }
    // Three exchanges of a second and two gaps; a gap from the start of a call would be a second shorter.
    assert!(
        begun.elapsed() >= Duration::from_secs(14),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_grid_names_its_resource_and_length_and_a_broken_one_is_an_error() {
    let bench_with = |path| bench([reply(path)]);
    let ask = async |bench: &Bench| {
        let (resource, service) = (ResourceKey::new("1702"), ServiceKey::new("3925"));
        bench
            .platform()
            .occupancy(
                &resource,
                &service,
                SignedDuration::from_mins(60),
                Priority::Sweep,
            )
            .await
    };
    let whole = bench_with("schedule/whole.json");
    let grid = ask(&whole).await.unwrap();
    assert_eq!(
        (grid.resource.as_str(), grid.service_slot, grid.cells.len()),
        ("1702", SignedDuration::from_mins(60), 3)
    );
    assert_eq!(
        whole.sent(),
        [r#"get-schedule {"branch_id":1013,"cooperator_id":1702,"service_id":3925}"#]
    );
    let error = ask(&bench_with("schedule/broken_available_null.json"))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.retry),
        (ErrorKind::BadReply, Retry::Later)
    );
}

#[tokio::test(start_paused = true)]
async fn what_rubitime_cannot_do_is_refused_without_a_call() {
    let bench = bench([]);
    let platform = bench.platform();
    let window = Window {
        from: Timestamp::UNIX_EPOCH,
        to: at("2031-05-06T00:00:00Z"),
    };
    let kinds = [
        platform
            .list(&Query::Window(window), Priority::Poll)
            .await
            .unwrap_err()
            .kind,
        platform
            .list(&Query::Since("0".to_owned()), Priority::Poll)
            .await
            .unwrap_err()
            .kind,
        platform.catalogue().await.unwrap_err().kind,
    ];
    assert_eq!(kinds, [ErrorKind::Unsupported; 3]);
    assert!(bench.sent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_check_proves_what_it_can_and_says_what_it_cannot() {
    let levels = async |bench: &Bench| {
        let findings = bench.platform().check().await.unwrap();
        let told: Vec<_> = findings.iter().map(|finding| finding.what).collect();
        assert_eq!(told[1..], ["zone", "silence", "webhook"]);
        assert!(findings[1].message.contains("Europe/Moscow"));
        assert!(findings[3].message.contains("/webhooks/site/"));
        (
            findings[0].what,
            findings[0].level,
            findings[0].message.clone(),
        )
    };
    let (what, level, message) = levels(&bench([])).await;
    assert_eq!((what, level), ("credentials", Level::Notice));
    assert!(message.contains("not tried"), "{message}");
    for (path, what, level, words) in [
        (
            "schedule/whole.json",
            "credentials",
            Level::Fine,
            "3 start times",
        ),
        (
            "schedule/empty_list.json",
            "credentials",
            Level::Notice,
            "is empty",
        ),
        (
            "error/invalid_key.json",
            "credentials",
            Level::Problem,
            "copy the current one",
        ),
        (
            "error/branch_not_found.json",
            "rights",
            Level::Problem,
            "compare the ids",
        ),
    ] {
        let mut bench = bench([reply(path)]);
        bench.config.probe = Some((ResourceKey::new("1702"), ServiceKey::new("3925")));
        let (found, at_level, message) = levels(&bench).await;
        assert_eq!((found, at_level), (what, level), "{path}");
        assert!(message.contains(words), "{path}: {message}");
        assert_eq!(bench.sent().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_of_a_platform_that_is_down_is_an_error() {
    let mut bench = bench((0..4).map(|_| Scene::Reply(503, "<html>")));
    bench.config.probe = Some((ResourceKey::new("1702"), ServiceKey::new("3925")));
    assert_eq!(
        bench.platform().check().await.unwrap_err().kind,
        ErrorKind::Unavailable
    );
}

#[tokio::test(start_paused = true)]
async fn behind_a_sink_the_clients_contacts_are_not_held() {
    let mut bench = bench([]);
    bench.account.contacts = sink();
    let projection = bench.platform().projection().clone();
    assert_eq!(
        (projection.phone, projection.email, projection.name),
        (TextHeld::Not, TextHeld::Not, TextHeld::Whole)
    );
}
