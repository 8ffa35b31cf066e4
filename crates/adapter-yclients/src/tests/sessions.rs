//! Tokens and logins.

use std::sync::Arc;
use std::time::Duration;

use slotbridge_core::model::RemoteId;
use slotbridge_core::record::Reading;
use slotbridge_platform::platform::Priority;
use slotbridge_platform::testing::Scene;
use slotbridge_platform::{ErrorKind, Platform, Retry};

use super::support::{
    PARTNER, PASSWORD, Scripted, Setup, USER, answer, draft, json, plain, replies, single,
};

fn record() -> Scene {
    answer(200, single(&plain()))
}

fn refused() -> Scene {
    replies(401, "errors/401.json")
}

async fn read(scripted: &Scripted) -> Result<Reading, slotbridge_platform::PlatformError> {
    scripted
        .platform
        .read(&RemoteId::new("880011"), Priority::Poll)
        .await
}

#[tokio::test(start_paused = true)]
async fn a_configured_token_goes_with_every_call_and_is_never_replaced() {
    let scripted = Setup::default().play([record(), refused()]);
    assert!(matches!(read(&scripted).await, Ok(Reading::Found(_))));
    let error = read(&scripted).await.expect_err("refused");
    assert_eq!(
        (error.kind, error.retry),
        (ErrorKind::Unauthenticated, Retry::Never)
    );
    assert_eq!(
        scripted.authorization(0),
        format!("Bearer {PARTNER}, User {USER}")
    );
    assert_eq!(
        scripted.asked(),
        ["GET /record/7001/880011", "GET /record/7001/880011"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_login_is_made_once_wherever_its_token_stands() {
    for (status, path) in [
        (201, "replies/auth_top_level.json"),
        (200, "replies/auth_top_level.json"),
        (201, "replies/auth_in_data.json"),
        (200, "replies/auth_old.json"),
    ] {
        let scripted = Setup::logging_in().play([replies(status, path), record(), record()]);
        for _ in 0..2 {
            assert!(
                matches!(read(&scripted).await, Ok(Reading::Found(_))),
                "{path}"
            );
        }
        assert_eq!(
            scripted.asked(),
            [
                "POST /auth",
                "GET /record/7001/880011",
                "GET /record/7001/880011"
            ]
        );
        assert_eq!(scripted.authorization(0), format!("Bearer {PARTNER}"));
        assert_eq!(
            scripted.body(0),
            serde_json::json!({"login": "sync@example.com", "password": PASSWORD})
        );
        assert_eq!(
            scripted.authorization(2),
            format!("Bearer {PARTNER}, User fresh-user-token")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn many_callers_share_one_login() {
    let scripted = Setup::logging_in().play([
        replies(201, "replies/auth_top_level.json"),
        record(),
        record(),
        record(),
    ]);
    let scripted = Arc::new(scripted);
    let callers: Vec<_> = (0..3)
        .map(|_| {
            let scripted = Arc::clone(&scripted);
            tokio::spawn(async move { read(&scripted).await.is_ok() })
        })
        .collect();
    for caller in callers {
        assert!(caller.await.unwrap());
    }
    assert_eq!(
        scripted
            .asked()
            .iter()
            .filter(|line| *line == "POST /auth")
            .count(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_is_replaced_once_and_the_call_repeated() {
    let mut second = json("replies/auth_top_level.json");
    second["user_token"] = "second-user-token".into();
    let scripted = Setup::logging_in().play([
        replies(201, "replies/auth_top_level.json"),
        record(),
        refused(),
        answer(201, second.to_string()),
        answer(201, single(&plain())),
    ]);
    assert!(read(&scripted).await.is_ok());
    tokio::time::sleep(Duration::from_hours(1)).await;
    // A write too: a refused call had no effect.
    let written = scripted.platform.create(&draft()).await.unwrap();
    assert_eq!(written.id, RemoteId::new("880011"));
    assert_eq!(
        scripted.asked()[2..],
        ["POST /records/7001", "POST /auth", "POST /records/7001"]
    );
    assert_eq!(
        scripted.authorization(4),
        format!("Bearer {PARTNER}, User second-user-token")
    );
    assert_eq!(scripted.body(2), scripted.body(4));
}

#[tokio::test(start_paused = true)]
async fn where_a_new_token_is_refused_too_the_login_is_left_alone() {
    let login = || replies(201, "replies/auth_top_level.json");
    let scripted = Setup::logging_in().play([
        login(),
        refused(),
        login(),
        refused(),
        refused(),
        refused(),
        login(),
        record(),
    ]);
    for _ in 0..2 {
        let error = read(&scripted).await.expect_err("refused");
        assert_eq!(
            (error.kind, error.operation),
            (ErrorKind::Unauthenticated, "records.read")
        );
    }
    assert_eq!(
        scripted
            .asked()
            .iter()
            .filter(|line| *line == "POST /auth")
            .count(),
        2
    );
    tokio::time::sleep(Duration::from_secs(601)).await;
    assert!(read(&scripted).await.is_ok());
    assert_eq!(scripted.transport.scenes_left(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_no_header_can_carry_is_a_bad_reply() {
    let scripted = Setup::logging_in().play([answer(201, r#"{"user_token": "a\nb"}"#)]);
    assert_eq!(
        read(&scripted).await.expect_err("no token").kind,
        ErrorKind::BadReply
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_login_is_left_alone_for_a_while() {
    let scripted = Setup::logging_in().play([
        refused(),
        replies(201, "replies/auth_top_level.json"),
        record(),
    ]);
    for _ in 0..3 {
        let error = read(&scripted).await.expect_err("refused");
        assert_eq!(
            (error.kind, error.operation),
            (ErrorKind::Unauthenticated, "auth")
        );
    }
    assert_eq!(scripted.asked(), ["POST /auth"]);
    tokio::time::sleep(Duration::from_secs(601)).await;
    assert!(read(&scripted).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_second_factor_says_what_to_do() {
    let scripted = Setup::logging_in().play([replies(200, "replies/auth_second_factor.json")]);
    let error = read(&scripted).await.expect_err("a code is asked for");
    assert_eq!(
        (error.kind, error.retry),
        (ErrorKind::SecondFactor, Retry::Never)
    );
    for word in ["user_token", "system user"] {
        assert!(error.to_string().contains(word), "{error}");
    }
    assert!(read(&scripted).await.is_err());
    assert_eq!(scripted.asked(), ["POST /auth"]);
}

#[tokio::test(start_paused = true)]
async fn a_login_answered_without_a_token_is_no_login() {
    let scripted = Setup::logging_in().play([
        replies(200, "replies/auth_tokenless.json"),
        replies(200, "replies/garbage.json"),
    ]);
    for _ in 0..2 {
        let error = read(&scripted).await.expect_err("no token");
        assert_eq!(
            (error.kind, error.retry),
            (ErrorKind::BadReply, Retry::Later)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_the_platform_echoes_reaches_no_error() {
    let echo = |token: &str| {
        answer(
            400,
            format!(
                r#"{{"success": false, "data": null, "meta": {{"message": "bad token {token}"}}}}"#
            ),
        )
    };
    let scripted = Setup::logging_in().play([
        replies(201, "replies/auth_top_level.json"),
        echo("fresh-user-token"),
        echo(PARTNER),
        echo(PASSWORD),
    ]);
    for secret in ["fresh-user-token", PARTNER, PASSWORD] {
        let error = read(&scripted).await.expect_err("refused");
        assert!(error.message.contains("bad token"), "{error}");
        assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
    }
}
