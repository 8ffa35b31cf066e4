//! Tokens: got once, got again when they end, and never asked for in vain.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use slotbridge_core::model::RemoteId;
use slotbridge_core::record::Reading;
use slotbridge_platform::conformance::Bench as _;
use slotbridge_platform::platform::Priority;
use slotbridge_platform::testing::Scene;
use slotbridge_platform::{Contacts, ErrorKind, Platform as _, Retry};
use slotbridge_sim::alfacrm::Options;
use slotbridge_sim::{Inspect as _, Which};

use super::bench::SimBench;
use super::support::{LOGGED_IN, draft, moscow, scripted};

const NONE: Scene = Scene::Reply(200, r#"{"total":0,"count":0,"page":0,"items":[]}"#);
const EXPIRED: Scene = Scene::Reply(
    401,
    r#"{"name":"Unauthorized","message":"","code":0,"status":401}"#,
);
const DENIED: Scene = Scene::Reply(
    403,
    r#"{"name":"Forbidden","message":"","code":0,"status":403}"#,
);

fn id() -> RemoteId {
    RemoteId::new("9001")
}

#[tokio::test(start_paused = true)]
async fn many_calls_at_once_make_one_login() {
    let bench = SimBench::usual();
    let ids: Vec<RemoteId> = (1..=6).map(|n| RemoteId::new(n.to_string())).collect();
    let [one, two, three, four, five, six] = &ids[..] else {
        panic!("six ids")
    };
    let read = |id| bench.platform.read(id, Priority::Poll);
    let all = tokio::join!(
        read(one),
        read(two),
        read(three),
        read(four),
        read(five),
        read(six)
    );
    assert!(matches!(all.0, Ok(Reading::Missing)) && matches!(all.5, Ok(Reading::Missing)));
    assert_eq!(bench.sim.count("auth.login"), 1);
    // All of them are refused at once now, and still one login is enough.
    bench.sim.revoke_tokens();
    let all = tokio::join!(
        read(one),
        read(two),
        read(three),
        read(four),
        read(five),
        read(six)
    );
    assert!(matches!(all.0, Ok(Reading::Missing)) && matches!(all.5, Ok(Reading::Missing)));
    assert_eq!(bench.sim.count("auth.login"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_before_it_expires_and_after_it_was_revoked() {
    for expired_status in [401, 403] {
        let options = Options {
            expired_status,
            ..Options::default()
        };
        let bench = SimBench::in_process(&moscow(), Contacts::Real, &options);
        let nobody = RemoteId::new("1");
        let read = || bench.platform.read(&nobody, Priority::Poll);
        for round in 1..=4 {
            read().await.unwrap();
            assert_eq!(bench.sim.count("auth.login"), round);
            tokio::time::advance(Duration::from_mins(14)).await;
        }
        let refused = |call: &slotbridge_sim::Call| call.status == Some(expired_status);
        assert!(
            !bench.sim.calls().iter().any(refused),
            "a token was used until it was refused"
        );
        bench.sim.revoke_tokens();
        read().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_ends_in_the_middle_of_anything_is_not_noticed() {
    let options = Options {
        token_ttl: SignedDuration::from_secs(1),
        ..Options::default()
    };
    let bench = SimBench::in_process(&moscow(), Contacts::Real, &options);
    for n in 0..3 {
        let draft = slotbridge_platform::platform::Draft {
            slot: slotbridge_core::model::Slot::new(
                draft().slot.start() + SignedDuration::from_hours(n),
                draft().slot.end() + SignedDuration::from_hours(n),
            )
            .unwrap(),
            ..draft()
        };
        let written = bench.platform.create(&draft).await.unwrap();
        assert!(matches!(
            bench.platform.read(&written.id, Priority::Hint).await,
            Ok(Reading::Found(_))
        ));
        bench.platform.remove(&written.id).await.unwrap();
    }
    assert!(bench.sim.count("auth.login") > 3, "no token ever ended");
    assert_eq!(bench.sim.all().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_refused_login_is_told_and_left_alone_for_a_while() {
    for login_refusal in [401, 403] {
        let options = Options {
            login_refusal,
            ..Options::default()
        };
        let bench = SimBench::in_process(&moscow(), Contacts::Real, &options);
        bench
            .sim
            .configure(|options| options.api_key = "another".to_owned());
        for _ in 0..3 {
            let error = bench
                .platform
                .read(&id(), Priority::Poll)
                .await
                .unwrap_err();
            assert_eq!(
                (error.kind, error.retry),
                (ErrorKind::Unauthenticated, Retry::Never)
            );
            assert!(!format!("{error:?}").contains("demo-alfacrm-key"));
        }
        assert_eq!(bench.sim.count("auth.login"), 1);
        let findings = bench.platform.check().await.unwrap();
        let [finding] = findings.as_slice() else {
            panic!("{findings:?}")
        };
        assert!(finding.message.contains("api_key"), "{}", finding.message);
        tokio::time::advance(Duration::from_mins(3)).await;
        bench
            .sim
            .configure(|options| options.api_key = Options::default().api_key);
        bench.platform.read(&id(), Priority::Poll).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_right_that_is_missing_costs_one_login_and_not_one_for_each_call() {
    let bench = SimBench::usual();
    bench.sim.close_section("lesson");
    for _ in 0..4 {
        let error = bench
            .platform
            .read(&id(), Priority::Poll)
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, error.retry),
            (ErrorKind::Forbidden, Retry::Never)
        );
    }
    assert_eq!(bench.sim.count("auth.login"), 2);
    // What was closed may be opened again.
    bench.sim.configure(|options| options.closed.clear());
    assert!(bench.platform.read(&id(), Priority::Poll).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_token_that_no_login_makes_valid_is_given_up() {
    let (platform, script) = scripted([LOGGED_IN, EXPIRED, LOGGED_IN, EXPIRED]);
    for _ in 0..2 {
        let error = platform.read(&id(), Priority::Poll).await.unwrap_err();
        assert_eq!(
            (error.kind, error.retry),
            (ErrorKind::Unauthenticated, Retry::Never)
        );
    }
    assert_eq!(script.requests().len(), 4, "it went on trying");
}

#[tokio::test(start_paused = true)]
async fn the_repeated_call_carries_the_new_token() {
    let second = Scene::Reply(200, r#"{"token":"a-second-token"}"#);
    let (platform, script) = scripted([LOGGED_IN, DENIED, second, NONE, NONE, NONE, NONE]);
    assert_eq!(
        platform.read(&id(), Priority::Poll).await.unwrap(),
        Reading::Missing
    );
    let tokens: Vec<_> = script
        .requests()
        .iter()
        .filter_map(|request| {
            Some(
                request
                    .headers()
                    .get("x-alfacrm-token")?
                    .to_str()
                    .unwrap()
                    .to_owned(),
            )
        })
        .collect();
    assert_eq!(tokens[0], "0123456789abcdef0123456789abcdef");
    assert!(
        tokens.len() == 5 && tokens[1..].iter().all(|token| token == "a-second-token"),
        "{tokens:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_login_without_a_token_makes_no_sense() {
    for body in [
        "{}",
        r#"{"token":""}"#,
        "<html></html>",
        r#"{"token":null}"#,
    ] {
        let (platform, _) = scripted([Scene::Reply(200, body)]);
        let error = platform.read(&id(), Priority::Poll).await.unwrap_err();
        assert_eq!(
            (error.kind, error.retry),
            (ErrorKind::BadReply, Retry::Later),
            "{body}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_platforms_own_limit_is_never_met() {
    let bench = SimBench::usual();
    // More work than the queue would take at once, from several sides.
    for _ in 0..12 {
        bench.book(&draft());
    }
    let window = slotbridge_core::record::Window {
        from: super::support::at("2031-05-01T00:00:00Z"),
        to: super::support::at("2031-06-01T00:00:00Z"),
    };
    let query = slotbridge_platform::platform::Query::Window(window);
    let platform = Arc::clone(&bench.platform);
    let list = || platform.list(&query, Priority::Poll);
    let lists = tokio::join!(list(), list(), list(), list(), list(), list());
    assert!(lists.0.is_ok() && lists.5.is_ok());
    assert!(
        bench.sim.calls().len() > 30,
        "{} calls are no test",
        bench.sim.calls().len()
    );
    assert_eq!(bench.sim.quota_violations(), []);
}

// R35
#[tokio::test(start_paused = true)]
async fn a_throttle_with_a_page_for_people_is_waited_out() {
    let bench = SimBench::usual();
    bench.sim.faults().add(
        "full",
        "*",
        Which::Next(2),
        slotbridge_sim::Fault::TooManyRequests { retry_after: None },
    );
    assert_eq!(
        bench.platform.read(&id(), Priority::Poll).await.unwrap(),
        Reading::Missing
    );
    assert_eq!(bench.sim.faults().fired("full"), Some(2));
}
