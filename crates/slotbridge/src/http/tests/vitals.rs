//! `/healthz`, `/readyz` and `/metrics` as they are answered.

use jiff::Timestamp;

use super::*;

#[tokio::test(start_paused = true)]
async fn the_daemon_is_healthy_while_its_loop_turns() {
    let stage = stage();
    assert_eq!(stage.get("/healthz").await, (200, "ok\n".to_owned()));
    tokio::time::advance(Duration::from_secs(59)).await;
    assert_eq!(stage.get("/healthz").await.0, 200);
    tokio::time::advance(Duration::from_secs(2)).await;
    let still = (503, "the loop has not turned for 61 s\n".to_owned());
    assert_eq!(stage.get("/healthz").await, still);
    stage.parts.handle.say(|health| health.turns += 1);
    assert_eq!(stage.get("/healthz").await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn the_daemon_is_ready_once_every_platform_was_read() {
    let stage = stage();
    let (status, reason) = stage.get("/readyz").await;
    assert_eq!((status, &*reason), (503, "no platform was looked at yet\n"));
    stage.parts.handle.say(|health| {
        health.platforms = vec![platform_health(salon())];
        health.bridges = vec![bridge_health(
            slotbridge_core::model::BridgeName::new("main").unwrap(),
        )];
    });
    let (status, reason) = stage.get("/readyz").await;
    assert_eq!(
        (status, &*reason),
        (503, "platform salon was not read yet\n")
    );
    let now: Timestamp = stage.parts.seam.now();
    stage
        .parts
        .handle
        .say(|health| health.platforms[0].read_at = Some(now));
    assert_eq!(stage.get("/readyz").await, (200, "ready\n".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn the_figures_show_what_waits_and_neither_token_nor_client() {
    let stage = stage();
    stage
        .parts
        .handle
        .say(|health| health.platforms = vec![platform_health(salon())]);
    for record in [1, 2] {
        stage.hook(about(record)).await;
    }
    stage.post("/webhooks/salon/planted-guess", about(3)).await;
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let (status, headers, body) = shape(stage.ask(request).await).await;
    assert_eq!(status, StatusCode::OK);
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert!(
        headers.contains(&("content-type".to_owned(), content_type.to_owned())),
        "{headers:?}"
    );
    let page = String::from_utf8(body).unwrap();
    let line = r#"slotbridge_inbox_waiting{platform="salon"} 2.0"#;
    assert!(page.lines().any(|found| found == line), "{page}");
    for secret in ["planted", "Planted", "79990001122"] {
        assert!(!page.contains(secret), "{secret} in\n{page}");
    }
}
