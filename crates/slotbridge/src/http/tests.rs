//! The server in process, under a virtual clock: every answer of it, and what stands in the database after it.

mod load;
mod sockets;
mod vitals;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use axum::response::Response;
use slotbridge_engine::daemon::{self, Health};
use slotbridge_engine::event::{Event, Listener};
use slotbridge_platform::testing::{ScriptedTransport, VirtualSeam};
use slotbridge_store::{CallJournal, OpenOptions};
use tempfile::TempDir;
use tokio::sync::mpsc::UnboundedReceiver;
use tower::ServiceExt as _;

use super::connections::Peer;
use super::*;
use crate::config::Config;
use crate::config::tests::{SMALL, surroundings};
use crate::control::testing::{bridge_health, platform_health};
use crate::registry;

pub(super) const TOKEN: &str = "planted-salon-hook";
const OTHER_TOKEN: &str = "planted-site-hook";

/// Keeps the names of platforms whose webhooks were heard of.
#[derive(Debug, Default)]
struct Heard(Mutex<Vec<String>>);

impl Listener for Heard {
    fn hear(&self, event: &Event) {
        let Event::Hinted { platform } = event else {
            panic!("the server tells {event:?}");
        };
        self.0.lock().unwrap().push(platform.to_string());
    }
}

pub(super) struct Stage {
    _folder: TempDir,
    pub(super) parts: Parts,
    pub(super) requests: UnboundedReceiver<daemon::Request>,
    heard: Arc<Heard>,
    app: Arc<App>,
}

/// How the database of a stage works: on threads as in production, or where it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Works {
    OnThreads,
    Inline,
}

/// The platforms of the small config, with webhook tokens.
fn targets(seam: &Arc<dyn Seam>) -> Vec<Target> {
    let text = SMALL
        .replace(
            "company_id = 4564",
            &format!("company_id = 4564\nwebhook_token = \"{TOKEN}\""),
        )
        .replace(
            "branch_id = 1013",
            &format!("branch_id = 1013\nwebhook_token = \"{OTHER_TOKEN}\""),
        );
    let surroundings = surroundings(&[("SALON_USER", "planted-user")]);
    let config = Config::parse(std::path::Path::new("test.toml"), &text, &surroundings).unwrap();
    let parts = registry::Parts {
        seam: Arc::clone(seam),
        transport: ScriptedTransport::new([]),
        calls: Arc::new(CallJournal::in_memory().unwrap()),
        listener: None,
    };
    let built = registry::platforms(&config, &parts).unwrap();
    config
        .platforms
        .iter()
        .map(|account| {
            let token = account.webhook_token.as_ref().unwrap();
            Target::new(token, Arc::clone(&built[&account.name].platform))
        })
        .collect()
}

pub(super) fn stage_with(limits: Limits, works: Works) -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("slotbridge.db");
    let options = OpenOptions {
        lock_wait: Duration::ZERO,
        holder: "slotbridge run".to_owned(),
    };
    let store = match works {
        Works::OnThreads => Store::open(&path, &options),
        Works::Inline => Store::open_inline(&path, &options),
    };
    let start = "2026-11-24T09:00:00Z".parse().unwrap();
    let seam: Arc<dyn Seam> = Arc::new(VirtualSeam::new(start, 1));
    let (handle, requests) = Handle::new();
    let heard = Arc::new(Heard::default());
    let parts = Parts {
        store: store.unwrap(),
        targets: Targets::new(targets(&seam)),
        handle,
        metrics: Arc::new(Metrics::new(start)),
        listener: Arc::clone(&heard) as Arc<dyn Listener>,
        seam,
        limits,
    };
    Stage {
        _folder: folder,
        app: App::new(parts.clone()),
        parts,
        requests,
        heard,
    }
}

fn stage() -> Stage {
    stage_with(Limits::default(), Works::Inline)
}

pub(super) fn salon() -> PlatformName {
    PlatformName::new("salon").unwrap()
}

/// A webhook of YCLIENTS about a record.
pub(super) fn about(record: u64) -> String {
    format!(
        r#"{{"company_id":4564,"resource":"record","resource_id":{record},"status":"update","data":{{"client":{{"name":"Planted Person","phone":"+79990001122"}}}}}}"#
    )
}

impl Stage {
    async fn ask(&self, request: Request<Body>) -> Response {
        self.ask_from("203.0.113.9", request).await
    }

    async fn ask_from(&self, peer: &str, mut request: Request<Body>) -> Response {
        request.extensions_mut().insert(Peer(peer.parse().unwrap()));
        let router = router(Arc::clone(&self.app));
        router.oneshot(request).await.unwrap()
    }

    async fn post(&self, to: &str, body: impl Into<Body>) -> Response {
        self.ask(Request::post(to).body(body.into()).unwrap()).await
    }

    async fn hook(&self, body: impl Into<Body>) -> Response {
        self.post(&format!("/webhooks/salon/{TOKEN}"), body).await
    }

    async fn get(&self, from: &str) -> (u16, String) {
        let reply = self
            .ask(Request::get(from).body(Body::empty()).unwrap())
            .await;
        let status = reply.status().as_u16();
        let body = axum::body::to_bytes(reply.into_body(), 1 << 20).await;
        (status, String::from_utf8(body.unwrap().to_vec()).unwrap())
    }

    /// How often webhooks of the salon came out so.
    pub(super) fn counted(&self, result: WebhookResult) -> u64 {
        self.counted_for("salon", result)
    }

    fn counted_for(&self, platform: &str, result: WebhookResult) -> u64 {
        let line = format!(
            "slotbridge_webhooks_total{{platform=\"{platform}\",result=\"{}\"}} ",
            result.as_str()
        );
        let page = self.parts.metrics.page(&Health::default());
        page.lines()
            .find_map(|found| found.strip_prefix(&line))
            .map_or(0, |count| count.parse().unwrap())
    }

    pub(super) async fn waiting(&self) -> Vec<String> {
        let rows = self.parts.store.inbox_pending(&salon()).await.unwrap();
        rows.iter()
            .map(|row| row.remote_id.as_ref().unwrap().to_string())
            .collect()
    }

    fn asked(&mut self) -> Vec<daemon::Request> {
        std::iter::from_fn(|| self.requests.try_recv().ok()).collect()
    }
}

use crate::metrics::WebhookResult;

/// Status, headers but the date, and body.
async fn shape(reply: Response) -> (StatusCode, Vec<(String, String)>, Vec<u8>) {
    let status = reply.status();
    let headers = reply
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    let body = axum::body::to_bytes(reply.into_body(), 1 << 20).await;
    (status, headers, body.unwrap().to_vec())
}

#[tokio::test(start_paused = true)]
async fn a_webhook_is_stored_then_answered_and_the_loop_is_told() {
    let mut stage = stage();
    let (status, _, body) = shape(stage.hook(about(501)).await).await;
    assert_eq!((status, body), (StatusCode::OK, Vec::new()));
    let [row] = stage
        .parts
        .store
        .inbox_pending(&salon())
        .await
        .unwrap()
        .try_into()
        .unwrap();
    assert_eq!(row.body.as_bytes(), about(501).as_bytes());
    assert_eq!(
        row.body_hash,
        *blake3::hash(about(501).as_bytes()).as_bytes()
    );
    assert_eq!(row.remote_id.unwrap().as_str(), "501");
    assert_eq!(row.at, stage.parts.seam.now());
    assert_eq!(stage.asked(), [daemon::Request::Hinted(salon())]);
    assert_eq!(*stage.heard.0.lock().unwrap(), ["salon"]);
    assert_eq!(stage.counted(WebhookResult::Stored), 1);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_platform_and_a_wrong_token_get_the_same_empty_answer_and_leave_nothing() {
    let mut stage = stage();
    let mut shapes = Vec::new();
    for to in [
        format!("/webhooks/salon/{OTHER_TOKEN}"),
        format!("/webhooks/nowhere/{TOKEN}"),
        "/webhooks/salon/x".to_owned(),
        "/webhooks/salon/%FF".to_owned(),
        "/webhooks/%FF/x".to_owned(),
        format!("/webhooks/site/{TOKEN}"),
    ] {
        shapes.push(shape(stage.post(&to, about(501)).await).await);
    }
    assert_eq!(shapes[0].0, StatusCode::NOT_FOUND);
    assert_eq!(shapes[0].2, b"");
    assert!(shapes.iter().all(|shape| *shape == shapes[0]), "{shapes:?}");
    assert_eq!(stage.waiting().await, [""; 0]);
    assert_eq!(stage.asked(), []);
    assert_eq!(stage.counted(WebhookResult::Forged), 2);
    assert_eq!(stage.counted_for("site", WebhookResult::Forged), 1);
    assert_eq!(stage.counted_for("unknown", WebhookResult::Forged), 3);
}

#[tokio::test(start_paused = true)]
async fn other_paths_and_methods_say_nothing_but_no() {
    let stage = stage();
    let hook = format!("/webhooks/salon/{TOKEN}");
    for (method, to, status) in [
        (Method::GET, &*hook, 405),
        (Method::PUT, &hook, 405),
        (Method::POST, "/healthz", 405),
        (Method::GET, "/", 404),
        (Method::POST, "/webhooks/salon", 404),
        (Method::POST, "/webhooks/salon/a/b", 404),
        (Method::GET, "/status", 404),
    ] {
        let request = Request::builder().method(&method).uri(to);
        let reply = stage.ask(request.body(Body::empty()).unwrap()).await;
        let (found, _, body) = shape(reply).await;
        assert_eq!(
            (found.as_u16(), body),
            (status, Vec::new()),
            "{method} {to}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_over_256_kib_is_refused_whether_it_says_so_or_not() {
    let stage = stage();
    let pad = |length: usize| {
        let mut body = about(501).into_bytes();
        body.resize(length, b' ');
        body
    };
    let most = 256 * 1024;
    assert_eq!(stage.hook(pad(most)).await.status(), StatusCode::OK);
    assert_eq!(
        stage.hook(pad(most + 1)).await.status(),
        StatusCode::PAYLOAD_TOO_LARGE
    );
    // A stream tells no length.
    let chunks = (0..5).map(|_| Ok::<_, std::io::Error>(vec![b' '; 64 * 1024]));
    let streamed = Body::from_stream(futures_util::stream::iter(chunks));
    assert_eq!(
        stage.hook(streamed).await.status(),
        StatusCode::PAYLOAD_TOO_LARGE
    );
    // A length that is announced is not waited for.
    let request = Request::post(format!("/webhooks/salon/{TOKEN}"))
        .header("content-length", most + 1)
        .body(Body::from_stream(futures_util::stream::pending::<
            Result<Vec<u8>, std::io::Error>,
        >()))
        .unwrap();
    assert_eq!(
        stage.ask(request).await.status(),
        StatusCode::PAYLOAD_TOO_LARGE
    );
    assert_eq!(stage.counted(WebhookResult::TooLarge), 3);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_not_waited_for_and_the_platform_is_looked_at() {
    let mut stage = stage();
    let before = stage.parts.seam.elapsed();
    let body = Body::from_stream(futures_util::stream::pending::<
        Result<Vec<u8>, std::io::Error>,
    >());
    assert_eq!(stage.hook(body).await.status(), StatusCode::REQUEST_TIMEOUT);
    let waited = stage.parts.seam.elapsed().saturating_sub(before);
    assert_eq!(waited.as_secs(), 10);
    assert_eq!(stage.counted(WebhookResult::BrokenOff), 1);
    assert_eq!(stage.asked(), [daemon::Request::LookAt(salon())]);
}

#[tokio::test(start_paused = true)]
async fn a_malformed_body_is_answered_ok_is_not_stored_and_makes_the_loop_look_but_not_too_often() {
    let mut stage = stage();
    for _ in 0..5 {
        let (status, _, body) = shape(stage.hook("no JSON").await).await;
        assert_eq!((status, body), (StatusCode::OK, Vec::new()));
    }
    assert_eq!(stage.waiting().await, [""; 0]);
    assert_eq!(stage.counted(WebhookResult::Malformed), 5);
    assert_eq!(stage.asked(), [daemon::Request::LookAt(salon())]);
    // The others are not forgotten: one more look, when it is due.
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(stage.asked(), [daemon::Request::LookAt(salon())]);
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(stage.asked(), []);
}

#[tokio::test(start_paused = true)]
async fn a_webhook_about_no_record_is_answered_ok_and_not_stored() {
    let mut stage = stage();
    let body = r#"{"company_id":4564,"resource":"client","resource_id":5,"status":"update"}"#;
    assert_eq!(stage.hook(body).await.status(), StatusCode::OK);
    assert_eq!(stage.waiting().await, [""; 0]);
    assert_eq!(stage.asked(), []);
    assert_eq!(stage.counted(WebhookResult::Ignored), 1);
}

#[tokio::test(start_paused = true)]
async fn the_same_body_again_is_counted_as_a_replay_and_acted_on_all_the_same() {
    let mut stage = stage();
    for _ in 0..2 {
        assert_eq!(stage.hook(about(501)).await.status(), StatusCode::OK);
    }
    tokio::time::advance(Duration::from_hours(1)).await;
    assert_eq!(stage.hook(about(501)).await.status(), StatusCode::OK);
    let counts = [WebhookResult::Stored, WebhookResult::Replayed].map(|one| stage.counted(one));
    assert_eq!(counts, [2, 1]);
    // Once is enough as long as the inbox was not read.
    assert_eq!(stage.asked(), [daemon::Request::Hinted(salon())]);
    // Nobody has worked it off, so it is there once.
    assert_eq!(stage.waiting().await, ["501"]);
}

#[tokio::test(start_paused = true)]
async fn a_full_inbox_refuses_with_a_time_to_come_again_until_the_loop_has_worked_it_off() {
    let limits = Limits {
        inbox_max: 2,
        ..Limits::default()
    };
    let mut stage = stage_with(limits, Works::Inline);
    for record in [1, 2] {
        assert_eq!(stage.hook(about(record)).await.status(), StatusCode::OK);
    }
    stage.asked();
    let (status, headers, body) = shape(stage.hook(about(3)).await).await;
    assert_eq!(
        (status, body),
        (StatusCode::SERVICE_UNAVAILABLE, Vec::new())
    );
    assert!(
        headers.contains(&("retry-after".to_owned(), "30".to_owned())),
        "{headers:?}"
    );
    assert_eq!(stage.counted(WebhookResult::Full), 1);
    assert_eq!(stage.asked(), [daemon::Request::LookAt(salon())]);
    assert_eq!(stage.waiting().await, ["1", "2"]);
    // The other platform has room of its own.
    let rows = stage.parts.store.inbox_pending(&salon()).await.unwrap();
    let done = slotbridge_store::Change::InboxDone {
        rows: rows.iter().map(|row| row.id).collect(),
    };
    stage.parts.store.apply(vec![done]).await.unwrap();
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(stage.hook(about(3)).await.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn what_waited_before_the_start_counts() {
    let limits = Limits {
        inbox_max: 1,
        ..Limits::default()
    };
    let mut stage = stage_with(limits, Works::Inline);
    assert_eq!(stage.hook(about(1)).await.status(), StatusCode::OK);
    // Another process of the same database.
    stage.app = App::new(stage.parts.clone());
    assert_eq!(
        stage.hook(about(2)).await.status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_database_does_not_take_is_never_answered_ok() {
    for works in [Works::Inline, Works::OnThreads] {
        let mut stage = stage_with(Limits::default(), works);
        assert_eq!(stage.hook(about(500)).await.status(), StatusCode::OK);
        stage.asked();
        stage.parts.store.clone().close().await.unwrap();
        // The count of the waiting ones is fresh, so that it is the write that fails.
        let (status, headers, _) = shape(stage.hook(about(501)).await).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(
            headers.contains(&("retry-after".to_owned(), "30".to_owned())),
            "{headers:?}"
        );
        // And later the count.
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(
            stage.hook(about(501)).await.status(),
            StatusCode::SERVICE_UNAVAILABLE
        );
        assert_eq!(stage.counted(WebhookResult::Unstored), 2);
        assert_eq!(stage.asked(), [daemon::Request::LookAt(salon())]);
        assert_eq!(stage.heard.0.lock().unwrap().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn guessing_is_slowed_down_per_source_and_a_good_sender_does_not_feel_it() {
    let stage = stage();
    let guess = |peer: &'static str| {
        let request = Request::post("/webhooks/salon/guess").body(Body::empty());
        stage.ask_from(peer, request.unwrap())
    };
    for _ in 0..20 {
        assert_eq!(guess("203.0.113.1").await.status(), StatusCode::NOT_FOUND);
    }
    assert_eq!(
        guess("203.0.113.1").await.status(),
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(guess("203.0.113.2").await.status(), StatusCode::NOT_FOUND);
    let request = Request::post(format!("/webhooks/salon/{TOKEN}")).body(about(1).into());
    let reply = stage.ask_from("203.0.113.1", request.unwrap()).await;
    assert_eq!(reply.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn one_source_may_send_thousands_a_second_but_not_without_end() {
    let limits = Limits {
        good_per_second: 3,
        ..Limits::default()
    };
    let mut stage = stage_with(limits, Works::Inline);
    for record in 1..=3 {
        assert_eq!(stage.hook(about(record)).await.status(), StatusCode::OK);
    }
    stage.asked();
    assert_eq!(
        stage.hook(about(4)).await.status(),
        StatusCode::TOO_MANY_REQUESTS
    );
    // What was turned away must still be found.
    assert_eq!(stage.asked(), [daemon::Request::LookAt(salon())]);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(stage.hook(about(4)).await.status(), StatusCode::OK);
    assert!(Limits::default().good_per_second >= 1_000);
}

#[tokio::test(start_paused = true)]
async fn a_reload_replaces_the_tokens_and_forgets_no_replay() {
    let stage = stage();
    assert_eq!(stage.hook(about(501)).await.status(), StatusCode::OK);
    let before = stage.parts.targets.current();
    let platform = Arc::clone(&before["salon"].platform);
    let fresh = SecretString::from("planted-fresh-hook");
    stage.parts.targets.replace([Target::new(&fresh, platform)]);
    assert_eq!(stage.hook(about(501)).await.status(), StatusCode::NOT_FOUND);
    let reply = stage
        .post("/webhooks/salon/planted-fresh-hook", about(501))
        .await;
    assert_eq!(reply.status(), StatusCode::OK);
    assert_eq!(stage.counted(WebhookResult::Replayed), 1);
    let gone = stage
        .post(&format!("/webhooks/site/{OTHER_TOKEN}"), "{}")
        .await;
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
}

#[test]
fn nothing_of_a_token_is_in_what_is_printed_of_the_parts() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let stage = stage();
        let text = format!("{:?} {:?}", stage.parts, stage.app);
        assert!(!text.contains("planted"), "{text}");
        let hash = blake3::hash(TOKEN.as_bytes()).to_hex();
        assert!(!text.contains(hash.as_str()), "{text}");
    });
}
