//! `POST /webhooks/{platform}/{token}`: the token is looked at, the body is stored, and only then it is answered.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest as _, Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use slotbridge_core::model::{PlatformName, RemoteId};
use slotbridge_engine::daemon;
use slotbridge_engine::event::Event;
use slotbridge_store::{Body, Change};

use super::connections::Peer;
use super::door::{Door, When};
use super::{App, Target, answers, sources};
use crate::metrics::WebhookResult;

/// When a platform should come again with what could not be stored, in seconds.
const COME_AGAIN: u32 = 30;
/// When a source should come again that came too often, in seconds.
const SLOW_DOWN: u32 = 60;

/// Takes a webhook in.
pub(super) async fn receive(
    State(app): State<Arc<App>>,
    Extension(Peer(peer)): Extension<Peer>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Response {
    let source = sources::source(peer, request.headers());
    let Ok(Path((platform, token))) = path else {
        return forged(&app, None, source);
    };
    let (name, target) = match find(&app, &platform, &token) {
        Ok(found) => found,
        Err(known) => return forged(&app, known.as_ref(), source),
    };
    let count = |result| app.parts.metrics.webhook(Some(&name), result);
    if !app.sources.good(source) {
        count(WebhookResult::Limited);
        want_look(&app, &name, &app.door(&name));
        return answers::later(StatusCode::TOO_MANY_REQUESTS, 1);
    }
    let body = match read(&app, request).await {
        Ok(body) => body,
        Err((status, result)) => {
            count(result);
            want_look(&app, &name, &app.door(&name));
            return answers::bare(status);
        }
    };
    let hints = match target.platform.webhook(&body) {
        Ok(hints) => hints,
        Err(error) => {
            count(WebhookResult::Malformed);
            tracing::info!(platform = %name, why = %error.why, "A webhook made no sense; the platform is looked at instead.");
            want_look(&app, &name, &app.door(&name));
            // An error would make some platforms switch their webhooks off, and would not make this one any better.
            return answers::ok();
        }
    };
    let Some(hint) = hints.into_iter().next() else {
        count(WebhookResult::Ignored);
        return answers::ok();
    };
    taken(store(app, name, hint.id, body).await)
}

/// The target that platform and token lead to; else the platform's name, if there is such a one. Takes the same steps
/// whatever is wrong.
fn find(
    app: &App,
    platform: &str,
    token: &str,
) -> Result<(PlatformName, Target), Option<PlatformName>> {
    let shown = blake3::hash(token.as_bytes());
    let targets = app.parts.targets.current();
    let target = targets.get(platform);
    // Without a platform, the token is compared with something that it cannot be.
    let token = target.map_or_else(|| blake3::hash(shown.as_bytes()), |target| target.token);
    let right = token == shown;
    match target {
        Some(target) if right => Ok((target.platform.name().clone(), target.clone())),
        other => Err(other.map(|target| target.platform.name().clone())),
    }
}

fn forged(app: &App, platform: Option<&PlatformName>, source: IpAddr) -> Response {
    app.parts.metrics.webhook(platform, WebhookResult::Forged);
    if app.sources.forged(source) {
        answers::not_found()
    } else {
        answers::later(StatusCode::TOO_MANY_REQUESTS, SLOW_DOWN)
    }
}

/// Reads the body, which may be neither too long nor too slow.
async fn read(app: &App, request: Request) -> Result<Bytes, (StatusCode, WebhookResult)> {
    let limits = &app.parts.limits;
    let too_large = (StatusCode::PAYLOAD_TOO_LARGE, WebhookResult::TooLarge);
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limits.body_bytes_max) {
        return Err(too_large);
    }
    tokio::select! {
        body = Bytes::from_request(request, &()) => body.map_err(|rejection| {
            match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => too_large,
                _ => (StatusCode::BAD_REQUEST, WebhookResult::BrokenOff),
            }
        }),
        () = app.parts.seam.sleep(limits.body_timeout) => {
            Err((StatusCode::REQUEST_TIMEOUT, WebhookResult::BrokenOff))
        }
    }
}

/// Stores a webhook in a task of its own: a sender that hangs up must not keep the loop from hearing of what is stored.
async fn store(app: Arc<App>, name: PlatformName, id: RemoteId, body: Bytes) -> WebhookResult {
    let task = tokio::spawn(async move {
        let door = app.door(&name);
        let result = keep(&app, &name, &door, id, &body).await;
        app.parts.metrics.webhook(Some(&name), result);
        if matches!(result, WebhookResult::Full | WebhookResult::Unstored) {
            want_look(&app, &name, &door);
        }
        result
    });
    task.await.unwrap_or(WebhookResult::Unstored)
}

async fn keep(
    app: &App,
    name: &PlatformName,
    door: &Door,
    id: RemoteId,
    body: &[u8],
) -> WebhookResult {
    let parts = &app.parts;
    let due = door.open().waiting.is_due(parts.seam.elapsed());
    if due {
        match parts.store.inbox_waiting(name).await {
            Ok(stored) => door.open().waiting.counted(stored),
            Err(error) => {
                tracing::error!(platform = %name, %error, "A webhook could not be stored.");
                return WebhookResult::Unstored;
            }
        }
    }
    if !door.open().waiting.enter(parts.limits.inbox_max) {
        return WebhookResult::Full;
    }
    let body_hash = *blake3::hash(body).as_bytes();
    let stored = parts
        .store
        .apply(vec![Change::Inbox {
            platform: name.clone(),
            id: Some(id),
            body_hash,
            body: Body::from(body.to_vec()),
            at: parts.seam.now(),
        }])
        .await;
    door.open().waiting.settle(stored.is_ok());
    if let Err(error) = stored {
        tracing::error!(platform = %name, %error, "A webhook could not be stored.");
        return WebhookResult::Unstored;
    }
    let replayed = door.open().bodies.seen(body_hash, parts.seam.elapsed());
    // Where nobody hears it, the process is about to end; what is stored is found at the next start.
    let _heard: bool = parts.handle.ask(daemon::Request::Hinted(name.clone()));
    parts.listener.hear(&Event::Hinted {
        platform: name.clone(),
    });
    if replayed {
        WebhookResult::Replayed
    } else {
        WebhookResult::Stored
    }
}

fn taken(result: WebhookResult) -> Response {
    match result {
        WebhookResult::Stored | WebhookResult::Replayed => answers::ok(),
        _ => answers::later(StatusCode::SERVICE_UNAVAILABLE, COME_AGAIN),
    }
}

/// Asks for a look at the platform, because a webhook of it could not be used; not too often.
fn want_look(app: &Arc<App>, name: &PlatformName, door: &Door) {
    let when = door.open().look.want(app.parts.seam.elapsed());
    let request = daemon::Request::LookAt(name.clone());
    match when {
        When::Now => {
            let _heard: bool = app.parts.handle.ask(request);
        }
        When::After(pause) => {
            let app = Arc::clone(app);
            tokio::spawn(async move {
                app.parts.seam.sleep(pause).await;
                let _heard: bool = app.parts.handle.ask(request);
            });
        }
        When::Planned => {}
    }
}
