//! The client under a scripted transport and virtual time: what is repeated, what is told, what is kept silent.

mod privacy;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderValue};
use jiff::Timestamp;
use secrecy::SecretString;
use slotbridge_core::model::PlatformName;

use super::{Api, ApiParts, Call, Judgement, Repeat, Reply};
use crate::error::{ErrorKind, PlatformError, Retry};
use crate::gate::{EXCHANGE_MAX, Gate, GateSettings};
use crate::platform::Priority;
use crate::seam::Seam;
use crate::testing::{MemoryCallLog, Scene, ScriptedTransport, VirtualSeam};
use crate::transport::{Transport, TransportFailure};

use Repeat::{Once, Safe};
use TransportFailure::{NoReply, NotSent, ReplyRefused, TimedOut};

const SCOPE: &str = "scope";
const SECRET: &str = "tok-5ecret/+key=";

struct World {
    seam: Arc<VirtualSeam>,
    transport: Arc<ScriptedTransport>,
    log: MemoryCallLog,
    api: Api,
}

fn world(scenes: impl IntoIterator<Item = Scene>) -> World {
    with_transport(ScriptedTransport::new(scenes))
}

fn with_transport(transport: Arc<ScriptedTransport>) -> World {
    let seam = Arc::new(VirtualSeam::new(
        "2026-12-01T09:00:00Z".parse::<Timestamp>().unwrap(),
        1,
    ));
    let log = MemoryCallLog::knowing(SCOPE);
    let settings = GateSettings {
        scope: SCOPE.to_owned(),
        quotas: Vec::new(),
        parallel: 4,
    };
    let gate = Gate::open(settings, Arc::clone(&seam) as _, Arc::new(log.clone())).unwrap();
    let mut headers = http::HeaderMap::new();
    headers.insert("x-extra", HeaderValue::from_static("from the config"));
    headers.insert(
        AUTHORIZATION,
        HeaderValue::from_static("from the config too"),
    );
    let api = Api::new(ApiParts {
        platform: PlatformName::new("salon").unwrap(),
        transport: Arc::clone(&transport) as Arc<dyn Transport>,
        gate,
        seam: Arc::clone(&seam) as _,
        base_url: "https://api.example.com".to_owned(),
        timeout: Duration::from_secs(30),
        headers,
        secrets: vec![SecretString::from(SECRET)],
    });
    World {
        seam,
        transport,
        log,
        api,
    }
}

fn request(target: &str, body: &'static str) -> http::Request<Bytes> {
    let builder = http::Request::post(format!("https://api.example.com{target}"))
        .header(AUTHORIZATION, format!("Bearer {SECRET}"));
    builder.body(Bytes::from_static(body.as_bytes())).unwrap()
}

/// Judges as an adapter would: by the status.
fn by_status(reply: &Reply) -> Judgement {
    let text = || String::from_utf8_lossy(&reply.body).into_owned();
    match reply.status.as_u16() {
        200 => Judgement::Accept,
        429 => Judgement::Throttled {
            after: reply.body.parse_seconds(),
        },
        500.. => Judgement::Unavailable(text()),
        _ => Judgement::Fail(PlatformError::new(
            ErrorKind::Refused,
            Retry::Never,
            "records.list",
            text(),
        )),
    }
}

trait ParseSeconds {
    fn parse_seconds(&self) -> Option<Duration>;
}

impl ParseSeconds for Bytes {
    fn parse_seconds(&self) -> Option<Duration> {
        std::str::from_utf8(self)
            .ok()?
            .parse()
            .ok()
            .map(Duration::from_secs)
    }
}

async fn call(world: &World, repeat: Repeat) -> Result<Reply, PlatformError> {
    let request = request("/api/v1/records/4564?page=2", "{}");
    let call = Call {
        operation: "records.list",
        request,
        repeat,
        priority: Priority::Poll,
        judge: &by_status,
    };
    world.api.call(call).await
}

fn repeated(scene: impl Fn() -> Scene, times: usize) -> Vec<Scene> {
    (0..times).map(|_| scene()).collect()
}

/// The scenes that a text like `not-sent*3 200` stands for.
fn scenes(text: &str) -> Vec<Scene> {
    let scene = |word: &str| match word {
        "not-sent" => Scene::Failure(NotSent),
        "no-reply" => Scene::Failure(NoReply),
        "timed-out" => Scene::Failure(TimedOut),
        "refused" => Scene::Failure(ReplyRefused),
        status => Scene::Reply(status.parse().unwrap(), "so says the platform"),
    };
    let counted = text
        .split(' ')
        .map(|part| part.split_once('*').unwrap_or((part, "1")));
    counted
        .flat_map(|(word, times)| (0..times.parse().unwrap()).map(move |_| scene(word)))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn only_what_is_harmless_is_repeated() {
    // Every scene is one try, and none may be left over or missing.
    let rows = [
        ("200", Safe, "200"),
        ("200", Once, "200"),
        // Certainly not seen: both kinds.
        ("not-sent*3 200", Safe, "200"),
        ("not-sent*3 200", Once, "200"),
        ("not-sent*4", Safe, "Transport Later"),
        ("not-sent*4", Once, "Transport Later"),
        // Perhaps seen: reads alone.
        ("no-reply*3 200", Safe, "200"),
        ("timed-out*3 200", Safe, "200"),
        ("no-reply*4", Safe, "Transport Later"),
        ("no-reply timed-out 503 not-sent", Safe, "Transport Later"),
        ("no-reply", Once, "Transport AfterObserving"),
        ("timed-out", Once, "Transport AfterObserving"),
        ("not-sent no-reply", Once, "Transport AfterObserving"),
        // Seen, and no better the next time.
        ("refused", Safe, "Transport Later"),
        ("refused", Once, "Transport AfterObserving"),
        // The platform's own trouble.
        ("503*3 200", Safe, "200"),
        ("503*4", Safe, "Unavailable Later"),
        ("500", Once, "Unavailable AfterObserving"),
        // A no is a no.
        ("422", Safe, "Refused Never"),
        ("422", Once, "Refused Never"),
        // A throttle had no effect: both kinds.
        ("429*6 200", Safe, "200"),
        ("429*6 200", Once, "200"),
        ("429 502", Once, "Unavailable AfterObserving"),
        ("429*3 no-reply*3 429*3 200", Safe, "200"),
    ];
    for (text, repeat, expected) in rows {
        let row = format!("{text} for {repeat:?}");
        let world = world(scenes(text));
        let told = match call(&world, repeat).await {
            Ok(reply) => reply.status.as_u16().to_string(),
            Err(error) => format!("{:?} {:?}", error.kind, error.retry),
        };
        assert_eq!(told, expected, "{row}");
        assert_eq!(world.transport.scenes_left(), 0, "{row}");
        let tries = scenes(text).len();
        assert_eq!(world.transport.requests().len(), tries, "{row}");
        assert_eq!(world.log.calls(SCOPE).len(), tries, "{row}: each is noted");
    }
}

#[tokio::test(start_paused = true)]
async fn a_throttle_is_waited_out_for_as_long_as_the_platform_says() {
    let world = world([
        Scene::Reply(429, "7"),
        Scene::Reply(429, "3"),
        Scene::Reply(200, ""),
    ]);
    call(&world, Once).await.unwrap();
    assert_eq!(world.seam.elapsed(), Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn replies_that_are_no_throttle_bring_the_rate_back() {
    let world = world(scenes("429 200*5 422*5 429 503*20"));
    call(&world, Once).await.unwrap();
    assert_eq!(world.api.gate().status().halvings, 1);
    for _ in 0..9 {
        drop(call(&world, Once).await);
    }
    assert_eq!(world.api.gate().status().halvings, 0);
    // A platform in trouble says nothing of its quota.
    for _ in 0..20 {
        drop(call(&world, Once).await);
    }
    assert_eq!(world.api.gate().status().halvings, 1);
}

// R33
#[tokio::test(start_paused = true)]
async fn throttles_without_end_are_told_as_throttles() {
    let world = world(repeated(|| Scene::Reply(429, "2"), 7));
    let error = call(&world, Once).await.unwrap_err();
    assert_eq!(
        (error.kind, error.retry),
        (
            ErrorKind::RateLimited {
                after: Some(Duration::from_secs(2))
            },
            Retry::Later
        )
    );
    assert!(error.to_string().contains("too many"), "{error}");
    assert!(!error.to_string().contains("password"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_pause_of_hours_is_told_and_not_sat_out() {
    let world = world([Scene::Reply(429, "7200")]);
    let error = call(&world, Safe).await.unwrap_err();
    let hours = Some(Duration::from_hours(2));
    assert_eq!(
        (error.kind, error.retry),
        (ErrorKind::RateLimited { after: hours }, Retry::Later)
    );
    // The next call finds the scope closed, and is not sent.
    let error = call(&world, Safe).await.unwrap_err();
    assert_eq!(
        (error.kind, error.retry),
        (ErrorKind::RateLimited { after: hours }, Retry::Later)
    );
    assert_eq!(world.transport.requests().len(), 1);
    assert_eq!(world.seam.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn retries_wait_longer_and_longer_and_not_all_alike() {
    let mut waits = Vec::new();
    for _ in 0..2 {
        let world = world(repeated(|| Scene::Failure(NotSent), 4));
        world.seam.random();
        call(&world, Safe).await.unwrap_err();
        waits.push(world.seam.elapsed());
    }
    // 0.5 + 1 + 2 s, and up to as much again of jitter; the same seed gives the same.
    assert!((3_500..7_010).contains(&waits[0].as_millis()), "{waits:?}");
    assert_eq!(waits[0], waits[1]);
    let other = world(repeated(|| Scene::Failure(NotSent), 4));
    call(&other, Safe).await.unwrap_err();
    assert_ne!(other.seam.elapsed(), waits[0]);
}

#[tokio::test(start_paused = true)]
async fn a_silent_transport_is_given_up_at_the_timeout() {
    let world = with_transport(ScriptedTransport::lasting(
        EXCHANGE_MAX * 10,
        [Scene::Reply(200, "late")],
    ));
    let error = call(&world, Once).await.unwrap_err();
    assert_eq!(
        (error.kind, error.retry),
        (ErrorKind::Transport, Retry::AfterObserving)
    );
    assert_eq!(world.seam.elapsed(), Duration::from_secs(30));
    assert!(
        error.to_string().contains("did not answer in time"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_cannot_be_counted_is_not_made() {
    let world = world([Scene::Reply(200, "")]);
    world.log.set_broken(true);
    let error = call(&world, Once).await.unwrap_err();
    assert_eq!(
        (error.kind, error.retry),
        (ErrorKind::Unavailable, Retry::Later)
    );
    assert!(error.to_string().contains("the disk is full"), "{error}");
    assert!(world.transport.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_leaves_the_gate() {
    let world = with_transport(ScriptedTransport::lasting(
        Duration::from_secs(10),
        [Scene::Reply(200, "")],
    ));
    let dropped = tokio::time::timeout(Duration::from_secs(1), call(&world, Once)).await;
    assert!(dropped.is_err());
    let status = world.api.gate().status();
    assert_eq!((status.waiting, status.in_flight), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_configs_headers_are_added_and_the_adapters_own_stay() {
    let world = world([Scene::Reply(200, "")]);
    call(&world, Safe).await.unwrap();
    let requests = world.transport.requests();
    assert_eq!(requests[0].headers()["x-extra"], "from the config");
    assert_eq!(
        requests[0].headers()[AUTHORIZATION],
        format!("Bearer {SECRET}").as_str()
    );
    assert_eq!(
        requests[0].headers().get_all(AUTHORIZATION).iter().count(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn an_error_names_operation_platform_status_cause_and_next_step() {
    let rows: [(Vec<Scene>, Repeat, &[&str]); 4] = [
        (
            vec![Scene::Reply(422, "no such service")],
            Once,
            &["records.list", "salon", "422", "no such service"],
        ),
        (
            repeated(|| Scene::Reply(503, "maintenance"), 4),
            Safe,
            &[
                "salon",
                "503",
                "maintenance",
                "tried again later",
                "tries 4",
            ],
        ),
        (
            vec![Scene::Failure(NoReply)],
            Once,
            &[
                "salon",
                "connection broke",
                "so says the script",
                "looked at before anything is repeated",
            ],
        ),
        (
            repeated(|| Scene::Failure(NotSent), 4),
            Safe,
            &[
                "salon",
                "cannot be reached",
                "check the network and base_url",
            ],
        ),
    ];
    for (scenes, repeat, expected) in rows {
        let error = call(&world(scenes), repeat).await.unwrap_err().to_string();
        for part in expected {
            assert!(error.contains(part), "{error:?} does not name {part:?}");
        }
    }
}
