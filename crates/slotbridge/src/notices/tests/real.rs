//! Over real sockets on this machine.

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use slotbridge_platform::reqwest_transport::ReqwestTransport;
use slotbridge_platform::system_seam::SystemSeam;
use tokio::sync::mpsc;

use super::*;
use crate::notices::target::FieldValue;
use crate::notices::template::Template;

type Posted = (String, HeaderMap, serde_json::Value);

/// A target on a port of this machine, and what it is sent.
async fn listening() -> (String, mpsc::UnboundedReceiver<Posted>) {
    async fn take(
        State(posted): State<mpsc::UnboundedSender<Posted>>,
        uri: http::Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> &'static str {
        let body = serde_json::from_slice(&body).unwrap();
        posted.send((uri.to_string(), headers, body)).unwrap();
        "ok"
    }
    let (sender, posted) = mpsc::unbounded_channel();
    let router = Router::new()
        .route("/{*rest}", post(take))
        .with_state(sender);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, posted)
}

fn means() -> Means {
    Means {
        seam: Arc::new(SystemSeam::new()),
        transport: Arc::new(ReqwestTransport::new().unwrap()),
    }
}

#[tokio::test]
async fn a_webhook_gets_the_whole_notice_as_json() {
    let (url, mut posted) = listening().await;
    let store = troubled_store().await;
    let target = target(
        "tickets",
        Way::Webhook(endpoint(&format!("{url}/hook?key={TOKEN}"))),
    );
    let notices = start(&config(vec![target]), parts(&store, means()));
    notices.listener().hear(&swept());
    let mut bodies = BTreeMap::new();
    for _ in 0..3 {
        let (uri, headers, body) = posted.recv().await.unwrap();
        assert_eq!(uri, format!("/hook?key={TOKEN}"));
        assert_eq!(headers["content-type"], "application/json");
        assert_eq!(headers["authorization"], format!("Bearer {TOKEN}").as_str());
        bodies.insert(body["kind"].as_str().unwrap().to_owned(), body);
    }
    notices.stop(Duration::from_secs(10)).await;
    let overlap = &bodies["overlap"];
    assert_eq!(overlap["schema"], 1);
    assert_eq!(overlap["severity"], "critical");
    assert_eq!(overlap["bridge"], "main");
    assert_eq!(overlap["platform"], serde_json::Value::Null);
    assert_eq!(overlap["since"], "2026-11-28T10:00:00Z");
    assert_eq!(overlap["reminder"], false);
    assert_eq!(overlap["details"]["resource"], "anna");
    assert_eq!(overlap["details"]["start"], "2026-12-01T09:00:00Z");
    assert_eq!(overlap["details"]["end"], "2026-12-01T10:30:00Z");
    assert_eq!(overlap.get("clients"), None);
    // By the bridge's clock, three hours ahead.
    assert_eq!(
        overlap["text"],
        "main: anna is booked twice: Tue 1 Dec 2026 12:00–13:00 (first seen on salon) and \
         Tue 1 Dec 2026 12:30–13:30 (first seen on site). One of them has to be moved or cancelled."
    );
    let guard = &bodies["guard"];
    assert_eq!(guard["platform"], "site");
    assert_eq!(guard["details"]["planned"], "21");
    assert!(
        guard["text"]
            .as_str()
            .unwrap()
            .contains("slotbridge approve main")
    );
    let conflict = &bodies["conflict"];
    assert_eq!(conflict["severity"], "warning");
    assert_eq!(conflict["details"]["about"], "client.phone");
    assert_eq!(conflict["details"]["platforms"], "salon,site");
    assert_private(&serde_json::to_string(&bodies).unwrap());
}

#[tokio::test]
async fn a_message_is_one_field_of_the_body_beside_the_users_own() {
    let (url, mut posted) = listening().await;
    let way = Way::Message {
        endpoint: endpoint(&format!("{url}/bot{TOKEN}/sendMessage")),
        text_field: "text".to_owned(),
        template: Template::new("{{ title }}!\n{{ text }}", |_| true).unwrap(),
        fields: BTreeMap::from([
            ("chat_id".to_owned(), FieldValue::Text("123456789".into())),
            ("disable_notification".to_owned(), FieldValue::Flag(false)),
            ("thread".to_owned(), FieldValue::Number(7)),
        ]),
    };
    let means = means();
    let notice = Notice::of_moment(Kind::Test, means.seam.now(), words::test("owner"));
    target("owner", way).bring(&notice, &means).await.unwrap();
    let (uri, _, body) = posted.recv().await.unwrap();
    assert_eq!(uri, format!("/bot{TOKEN}/sendMessage"));
    assert_eq!(
        body,
        serde_json::json!({
            "chat_id": "123456789",
            "disable_notification": false,
            "thread": 7,
            "text": "a test!\nThis is a test: notices to owner arrive.",
        })
    );
}

#[tokio::test]
async fn a_target_that_is_not_there_is_named_without_its_address() {
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/{TOKEN}", listener.local_addr().unwrap());
    drop(listener);
    let means = means();
    let notice = Notice::of_moment(Kind::Test, means.seam.now(), words::test("owner"));
    let target = target("owner", Way::Webhook(endpoint(&url)));
    let failure = target.bring(&notice, &means).await.unwrap_err();
    assert!(failure.why.starts_with("no connection"), "{}", failure.why);
    assert_private(&format!("{failure:?} {target:?}"));
}
