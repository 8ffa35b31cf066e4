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
    let seam = Arc::new(VirtualSeam::new("2026-12-01T09:00:00Z".parse::<Timestamp>().unwrap(), 1));
    let log = MemoryCallLog::knowing(SCOPE);
    let settings = GateSettings { scope: SCOPE.to_owned(), quotas: Vec::new(), parallel: 4 };
    let gate = Gate::open(settings, Arc::clone(&seam) as _, Arc::new(log.clone())).unwrap();
    let mut headers = http::HeaderMap::new();
    headers.insert("x-extra", HeaderValue::from_static("from the config"));
    headers.insert(AUTHORIZATION, HeaderValue::from_static("from the config too"));
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
    World { seam, transport, log, api }
}

fn request(target: &str, body: &'static str) -> http::Request<Bytes> {
    let builder = http::Request::post(format!("https://api.example.com{target}")).header(AUTHORIZATION, format!("Bearer {SECRET}"));
    builder.body(Bytes::from_static(body.as_bytes())).unwrap()
}

/// Judges as an adapter would: by the status.
fn by_status(reply: &Reply) -> Judgement {
    let text = || String::from_utf8_lossy(&reply.body).into_owned();
    match reply.status.as_u16() {
        200 => Judgement::Accept,
        429 => Judgement::Throttled { after: reply.body.parse_seconds() },
        500.. => Judgement::Unavailable(text()),
        _ => Judgement::Fail(PlatformError::new(ErrorKind::Refused, Retry::Never, "records.list", text())),
    }
}

trait ParseSeconds {
    fn parse_seconds(&self) -> Option<Duration>;
}

impl ParseSeconds for Bytes {
    fn parse_seconds(&self) -> Option<Duration> {
        std::str::from_utf8(self).ok()?.parse().ok().map(Duration::from_secs)
    }
}

async fn call(world: &World, repeat: Repeat) -> Result<Reply, PlatformError> {
    let request = request("/api/v1/records/4564?page=2", "{}");
    let call = Call { operation: "records.list", request, repeat, priority: Priority::Poll, judge: &by_status };
    world.api.call(call).await
}

fn repeated(scene: impl Fn() -> Scene, times: usize) -> Vec<Scene> {
    (0..times).map(|_| scene()).collect()
}

#[tokio::test(start_paused = true)]
async fn only_what_is_harmless_is_repeated() {
    let fails = |failure| move || Scene::Failure(failure);
    let trouble = || Scene::Reply(503, "down for a moment");
    type Row = (Vec<Scene>, Repeat, usize, Result<u16, (ErrorKind, Retry)>);
    let transport = |retry| Err((ErrorKind::Transport, retry));
    let unavailable = |retry| Err((ErrorKind::Unavailable, retry));
    let then_fine = |mut scenes: Vec<Scene>| {
        scenes.push(Scene::Reply(200, "fine"));
        scenes
    };
    let rows: Vec<Row> = vec![
        (vec![Scene::Reply(200, "fine")], Safe, 1, Ok(200)),
        (vec![Scene::Reply(200, "fine")], Once, 1, Ok(200)),
        // Certainly not seen: both kinds.
        (then_fine(repeated(fails(NotSent), 3)), Safe, 4, Ok(200)),
        (then_fine(repeated(fails(NotSent), 3)), Once, 4, Ok(200)),
        (repeated(fails(NotSent), 4), Safe, 4, transport(Retry::Later)),
        (repeated(fails(NotSent), 4), Once, 4, transport(Retry::Later)),
        // Perhaps seen: reads alone.
        (then_fine(repeated(fails(NoReply), 3)), Safe, 4, Ok(200)),
        (then_fine(repeated(fails(TimedOut), 3)), Safe, 4, Ok(200)),
        (repeated(fails(NoReply), 4), Safe, 4, transport(Retry::Later)),
        (vec![Scene::Failure(NoReply)], Once, 1, transport(Retry::AfterObserving)),
        (vec![Scene::Failure(TimedOut)], Once, 1, transport(Retry::AfterObserving)),
        // Certainly seen, and no better the next time.
        (vec![Scene::Failure(ReplyRefused)], Safe, 1, transport(Retry::Later)),
        (vec![Scene::Failure(ReplyRefused)], Once, 1, transport(Retry::AfterObserving)),
        // The platform's own trouble.
        (then_fine(repeated(trouble, 3)), Safe, 4, Ok(200)),
        (repeated(trouble, 4), Safe, 4, unavailable(Retry::Later)),
        (vec![Scene::Reply(500, "oops")], Once, 1, unavailable(Retry::AfterObserving)),
        // Not sent at first, then of unknown fate.
        (vec![Scene::Failure(NotSent), Scene::Failure(NoReply)], Once, 2, transport(Retry::AfterObserving)),
        // A no is a no.
        (vec![Scene::Reply(422, "no such service")], Safe, 1, Err((ErrorKind::Refused, Retry::Never))),
        (vec![Scene::Reply(422, "no such service")], Once, 1, Err((ErrorKind::Refused, Retry::Never))),
        // A throttle had no effect: both kinds.
        (then_fine(repeated(|| Scene::Reply(429, ""), 6)), Safe, 7, Ok(200)),
        (then_fine(repeated(|| Scene::Reply(429, ""), 6)), Once, 7, Ok(200)),
        (vec![Scene::Reply(429, "1"), Scene::Reply(502, "")], Once, 2, unavailable(Retry::AfterObserving)),
    ];
    for (number, (scenes, repeat, tries, expected)) in rows.into_iter().enumerate() {
        let world = world(scenes);
        let outcome = call(&world, repeat).await;
        let outcome = outcome.map(|reply| reply.status.as_u16()).map_err(|error| (error.kind, error.retry));
        assert_eq!(outcome, expected, "row {number}");
        assert_eq!(world.transport.requests().len(), tries, "row {number}");
        assert_eq!(world.log.calls(SCOPE).len(), tries, "row {number}: every try is noted");
        assert_eq!(world.transport.scenes_left(), 0, "row {number}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_throttle_is_waited_out_for_as_long_as_the_platform_says() {
    let world = world([Scene::Reply(429, "7"), Scene::Reply(429, "3"), Scene::Reply(200, "")]);
    call(&world, Once).await.unwrap();
    assert_eq!(world.seam.elapsed(), Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn throttles_without_end_are_told_as_throttles() {
    let world = world(repeated(|| Scene::Reply(429, "2"), 7));
    let error = call(&world, Once).await.unwrap_err();
    assert_eq!((error.kind, error.retry), (ErrorKind::RateLimited { after: Some(Duration::from_secs(2)) }, Retry::Later));
    assert!(error.to_string().contains("too many"), "{error}");
    assert!(!error.to_string().contains("password"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_pause_of_hours_is_told_and_not_sat_out() {
    let world = world([Scene::Reply(429, "7200")]);
    let error = call(&world, Safe).await.unwrap_err();
    let hours = Some(Duration::from_secs(7200));
    assert_eq!((error.kind, error.retry), (ErrorKind::RateLimited { after: hours }, Retry::Later));
    // The next call finds the scope closed, and is not sent.
    let error = call(&world, Safe).await.unwrap_err();
    assert_eq!((error.kind, error.retry), (ErrorKind::RateLimited { after: hours }, Retry::Later));
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
    let world = with_transport(ScriptedTransport::lasting(EXCHANGE_MAX * 10, [Scene::Reply(200, "late")]));
    let error = call(&world, Once).await.unwrap_err();
    assert_eq!((error.kind, error.retry), (ErrorKind::Transport, Retry::AfterObserving));
    assert_eq!(world.seam.elapsed(), Duration::from_secs(30));
    assert!(error.to_string().contains("did not answer in time"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_cannot_be_counted_is_not_made() {
    let world = world([Scene::Reply(200, "")]);
    world.log.set_broken(true);
    let error = call(&world, Once).await.unwrap_err();
    assert_eq!((error.kind, error.retry), (ErrorKind::Unavailable, Retry::Later));
    assert!(error.to_string().contains("the disk is full"), "{error}");
    assert!(world.transport.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_leaves_the_gate() {
    let world = with_transport(ScriptedTransport::lasting(Duration::from_secs(10), [Scene::Reply(200, "")]));
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
    assert_eq!(requests[0].headers()[AUTHORIZATION], format!("Bearer {SECRET}").as_str());
    assert_eq!(requests[0].headers().get_all(AUTHORIZATION).iter().count(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_error_names_operation_platform_status_cause_and_next_step() {
    let rows: [(Vec<Scene>, Repeat, &[&str]); 4] = [
        (vec![Scene::Reply(422, "no such service")], Once, &["records.list", "salon", "422", "no such service"]),
        (repeated(|| Scene::Reply(503, "maintenance"), 4), Safe, &["salon", "503", "maintenance", "tried again later", "tries 4"]),
        (vec![Scene::Failure(NoReply)], Once, &["salon", "connection broke", "so says the script", "looked at before anything is repeated"]),
        (repeated(|| Scene::Failure(NotSent), 4), Safe, &["salon", "cannot be reached", "check the network and base_url"]),
    ];
    for (scenes, repeat, expected) in rows {
        let error = call(&world(scenes), repeat).await.unwrap_err().to_string();
        for part in expected {
            assert!(error.contains(part), "{error:?} does not name {part:?}");
        }
    }
}
