//! No secret and nothing about a client gets into an error or a log line.

use std::cell::RefCell;
use std::io::Write;
use std::sync::OnceLock;

use bytes::Bytes;
use proptest::prelude::*;
use tracing_subscriber::fmt::format::FmtSpan;

use super::{Call, Judgement, Once, Reply, SECRET, Safe, Scene, World, request, world};
use crate::error::{ErrorKind, PlatformError, Retry};
use crate::platform::Priority;
use crate::transport::TransportFailure;

thread_local! {
    /// Everything that this thread has logged since it began to capture.
    static LOGGED: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Writes what a thread logs into its own buffer.
struct PerThread;

impl Write for PerThread {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOGGED.with_borrow_mut(|logged| {
            logged
                .as_mut()
                .map(|logged| logged.extend_from_slice(bytes))
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// From now on keeps what this thread logs.
fn capture() {
    // One subscriber for the process: with one per test, a thread without any could switch a log line off for all.
    static SUBSCRIBER: OnceLock<()> = OnceLock::new();
    SUBSCRIBER.get_or_init(|| {
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_span_events(FmtSpan::FULL)
            .with_writer(|| PerThread)
            .init();
        tracing::callsite::rebuild_interest_cache();
    });
    LOGGED.set(Some(Vec::new()));
}

/// What this thread has logged since it began to capture.
fn captured() -> String {
    String::from_utf8(LOGGED.take().expect("capturing has begun")).expect("logs are text")
}

fn reply(status: u16, body: String) -> Scene {
    let mut response = http::Response::new(Bytes::from(body));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
    Scene::Response(response)
}

/// A careless adapter: it puts the platform's words everywhere that an error has room for.
fn careless(reply: &Reply) -> Judgement {
    let words = String::from_utf8_lossy(&reply.body).into_owned();
    match reply.status.as_u16() {
        200 => Judgement::Accept,
        503 => Judgement::Unavailable(words),
        429 => Judgement::Throttled { after: None },
        _ => {
            let mut error = PlatformError::new(
                ErrorKind::Refused,
                Retry::Never,
                "records.create",
                format!("refused: {words}"),
            );
            error.source = Some(Box::new(std::io::Error::other(words.clone())));
            Judgement::Fail(error.with("record", "501").with("said", words))
        }
    }
}

async fn told(world: &World, target: &str, body: &'static str, repeat: super::Repeat) -> String {
    let request = request(target, body);
    let call = Call {
        operation: "records.create",
        request,
        repeat,
        priority: Priority::Write,
        judge: &careless,
    };
    match world.api.call(call).await {
        Ok(reply) => format!("{reply:?}"),
        Err(error) => format!(
            "{error} {error:?} {:?}",
            std::error::Error::source(&error).map(ToString::to_string)
        ),
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_line_names_the_call_and_holds_no_query_header_or_body() {
    capture();
    let world = world([
        Scene::Failure(TransportFailure::NotSent),
        Scene::Reply(200, "a reply about Anna Petrova"),
    ]);
    let target = format!("/api/v1/record/4564/501?phone=79000000001&key={SECRET}");
    told(&world, &target, r#"{"fullname": "Anna Petrova"}"#, Once).await;
    let log = captured();
    for expected in [
        "salon",
        "records.create",
        "POST",
        "/api/v1/record/4564/501",
        "status=200",
        "bytes=26",
        "attempt=2",
        "NotSent",
    ] {
        assert!(log.contains(expected), "{expected} is missing in {log}");
    }
    for private in [
        SECRET,
        "5ecret",
        "79000000001",
        "phone=",
        "Anna",
        "Bearer",
        "from the config",
    ] {
        assert!(!log.contains(private), "{private} is in {log}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_echoes_its_input_brings_nothing_of_it_into_an_error() {
    const BODY: &str = r#"{"client": {"name": "Анна Петрова", "phone": "+79000000001", "email": "anna@example.com"}, "comment": "a cake for the dog"}"#;
    let echoes = [
        BODY,
        "имя АННА неверно; Петрова, Анна",
        "phone 8 (900) 000-00-01 / 7 900 000 00 01 is blocked",
        "write to anna@example.com about “a cake for the dog”",
        "token tok-5ecret/+key= or tok-5ecret%2F%2Bkey%3D is wrong",
        "tok-5ecret/\u{200b}+key=",
    ];
    for echo in echoes {
        for (status, repeat) in [(422, Once), (422, Safe), (503, Once)] {
            capture();
            let world = world([reply(status, echo.to_owned())]);
            let told = told(&world, "/records?q=Mirabella", BODY, repeat).await;
            let said = format!("{told} {}", captured()).to_lowercase();
            for private in [
                "анна",
                "петрова",
                "000-00-01",
                "000 00 01",
                "79000000001",
                "anna@example.com",
                "cake",
                "5ecret",
            ] {
                assert!(
                    !said.contains(private),
                    "{private} of {echo:?} is in {said}"
                );
            }
            assert!(
                told.contains("501") || status == 503,
                "the record's id is of use and harmless: {told}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_parsers_error_keeps_its_place_and_loses_what_it_quotes() {
    let world = world([Scene::Reply(422, r#"{"visit": "Anna Petrova"}"#)]);
    let judge = |reply: &Reply| {
        #[derive(Debug)]
        struct Wrapped(serde_json::Error);
        impl std::fmt::Display for Wrapped {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "at visit: {}", self.0)
            }
        }
        impl std::error::Error for Wrapped {}
        let parsed = || {
            serde_json::from_slice::<std::collections::BTreeMap<String, u64>>(&reply.body)
                .unwrap_err()
        };
        let mut error = PlatformError::new(
            ErrorKind::BadReply,
            Retry::Later,
            "records.list",
            "not a list of records",
        );
        error.source = if reply.status == 422 {
            Some(Box::new(parsed()))
        } else {
            Some(Box::new(Wrapped(parsed())))
        };
        Judgement::Fail(error)
    };
    let call = |repeat| Call {
        operation: "records.list",
        request: request("/records", ""),
        repeat,
        priority: Priority::Poll,
        judge: &judge,
    };
    let error = world.api.call(call(Safe)).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "Data error in JSON at line 1 column 24");
    let world = super::world([Scene::Reply(400, r#"{"visit": "Anna \"Nana\" Petrova"}"#)]);
    let error = world.api.call(call(Safe)).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(
        source.starts_with("at visit: invalid type: string …, expected u64"),
        "{source}"
    );
}

/// A phone in one of the ways that people and platforms write it.
fn spelt(digits: &str, way: usize) -> String {
    let (area, rest) = digits.split_at(3);
    let (first, last) = rest.split_at(3);
    match way % 6 {
        0 => format!("+7{digits}"),
        1 => format!("8 ({area}) {first}-{last}"),
        2 => format!("7-{area}-{first}-{last}"),
        3 => format!("+7 {area}.{first}.{last}"),
        4 => format!("{area}\u{a0}{first}\u{2011}{last}"),
        _ => format!("tel:{digits}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_planted_secret_or_phone_survives_anywhere(
        secret in "[!-~]{6,40}",
        digits in "9[0-9]{9}",
        way in 0..6_usize,
        around in "[ -~а-яё\\n\\t]{0,60}",
        status in prop_oneof![Just(200_u16), Just(400), Just(403), Just(422), Just(429), Just(503)],
        once in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let said = runtime.block_on(async {
            capture();
            let phone = spelt(&digits, way);
            let words = format!("{around} {secret} {around}; {phone}; {around}");
            let world = world((0..8).map(|_| reply(status, words.clone())));
            world.api.add_secret(&secret);
            let encoded: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
            let target = format!("/records/{encoded}?token={encoded}&phone={digits}");
            let told = told(&world, &target, "", if once { Once } else { Safe }).await;
            format!("{told} {}", captured())
        });
        // What the words around happen to hold proves nothing.
        if !around.contains(&secret) {
            prop_assert!(!said.contains(&secret), "the secret is in {}", said);
        }
        let (area, rest) = digits.split_at(3);
        prop_assert!(!said.contains(rest) && !said.contains(&digits), "the phone is in {}", said);
        let (first, last) = rest.split_at(3);
        for between in [" ", "-", ".", ") ", "\u{a0}"] {
            prop_assert!(!said.contains(&format!("{area}{between}{first}")), "the phone is in {}", said);
            prop_assert!(!said.contains(&format!("{first}{between}{last}")), "the phone is in {}", said);
        }
    }
}
