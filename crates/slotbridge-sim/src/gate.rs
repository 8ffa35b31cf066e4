//! The way of a request through a simulated platform: log, quota, fault rules, the platform, the answer.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::Value;
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::io::ReaderStream;

use crate::calls::{Call, CallLog};
use crate::clock::SimClock;
use crate::faults::{Fault, Faults};
use crate::quota::Quota;

/// The largest request body that a simulated platform reads.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Marks a response that a client never gets: the connection was closed instead.
///
/// A transport that calls the router in process looks for it in the response's extensions and
/// reports a lost connection; [`crate::serve()`] closes the socket without a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLost;

/// Whoever waits for the answer to a request; a transport that calls the router in process puts it into the request's
/// extensions.
///
/// A platform goes on working for one that has gone, and nobody outside can know for how long.
#[derive(Debug, Clone)]
pub struct Asker(Weak<()>);

impl Asker {
    /// The one who waits as long as this is kept.
    pub fn of(waiting: &Arc<()>) -> Self {
        Self(Arc::downgrade(waiting))
    }

    /// Whether nobody waits any more.
    pub fn is_gone(&self) -> bool {
        self.0.strong_count() == 0
    }
}

/// Whether a platform answers more requests at the same time than it allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crowd {
    /// There is room.
    Room,
    /// There would be, but for requests whose askers have gone.
    OfTheGone,
    /// There is none.
    Full,
}

/// A request, read in full.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) verb: Method,
    pub(crate) target: String,
    pub(crate) segments: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Incoming {
    async fn read(request: Request) -> Self {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, BODY_BYTES_MAX).await;
        let query = parts.uri.query().unwrap_or_default();
        Self {
            verb: parts.method,
            target: parts.uri.to_string(),
            segments: parts
                .uri
                .path()
                .split('/')
                .filter(|segment| !segment.is_empty())
                .map(str::to_owned)
                .collect(),
            query: form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
            headers: parts.headers,
            body: body.unwrap_or_default(),
        }
    }

    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A platform's answer before it becomes bytes.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Content,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) landed: bool,
}

#[derive(Debug)]
pub(crate) enum Content {
    Empty,
    Json(Value),
    /// JSON that was written before.
    Text(Bytes),
    Html,
    /// No answer at all: the connection is closed.
    Lost,
}

impl Reply {
    pub(crate) const fn json(status: u16, value: Value) -> Self {
        Self {
            status,
            body: Content::Json(value),
            retry_after: None,
            landed: false,
        }
    }

    /// A success whose JSON was written before.
    pub(crate) const fn text(body: Bytes) -> Self {
        Self {
            status: 200,
            body: Content::Text(body),
            retry_after: None,
            landed: false,
        }
    }

    pub(crate) const fn empty(status: u16) -> Self {
        Self {
            status,
            body: Content::Empty,
            retry_after: None,
            landed: false,
        }
    }

    pub(crate) const fn landed(mut self) -> Self {
        self.landed = true;
        self
    }

    /// A page for people.
    pub(crate) const fn html(status: u16) -> Self {
        Self {
            status,
            body: Content::Html,
            retry_after: None,
            landed: false,
        }
    }

    fn into_response(self, truncated: bool) -> Response {
        let mut builder = Response::builder()
            .status(StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
        if let Some(after) = self.retry_after {
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            builder = builder.header(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        let json = Some("application/json; charset=utf-8");
        let (kind, bytes) = match self.body {
            Content::Lost => return lost(),
            Content::Empty => (None, Bytes::new()),
            Content::Json(value) => (json, Bytes::from(value.to_string())),
            Content::Text(bytes) => (json, bytes),
            Content::Html => (
                Some("text/html; charset=utf-8"),
                Bytes::from_static(
                    "<!DOCTYPE html><html><body><h1>Сервис временно недоступен</h1></body></html>"
                        .as_bytes(),
                ),
            ),
        };
        if let Some(kind) = kind {
            builder = builder.header(header::CONTENT_TYPE, kind);
        }
        let body = if truncated {
            // The header promises it all: a server closes the connection in mid-body.
            builder = builder.header(header::CONTENT_LENGTH, bytes.len());
            Body::from_stream(ReaderStream::new(BrokenOff {
                rest: bytes.slice(..bytes.len() / 2),
                paused: false,
            }))
        } else {
            Body::from(bytes)
        };
        builder
            .body(body)
            .expect("status and headers are valid by construction")
    }
}

/// What every simulated platform keeps at its front desk; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    pub(crate) clock: SimClock,
    pub(crate) calls: CallLog,
    pub(crate) faults: Faults,
    pub(crate) quota: Quota,
}

/// What differs between platforms.
pub(crate) trait Backend: Clone + Send + Sync + 'static {
    fn desk(&self) -> &Desk;
    /// Names the method that a request is for.
    fn method_of(&self, incoming: &Incoming) -> &'static str;
    /// Whether more requests are being answered at the same time than the platform allows.
    fn crowd(&self) -> Crowd {
        Crowd::Room
    }
    /// Carries the request out.
    fn answer(&self, method: &'static str, incoming: &Incoming) -> Reply;
    /// Refuses for the quota; `wait` is how long until a call would be admitted, if that is known.
    fn limit_reply(&self, wait: Option<Duration>) -> Reply;
    /// Refuses because the credentials aren't valid.
    fn credentials_reply(&self, method: &'static str) -> Reply;
    /// Refuses for an inner reason.
    fn error_reply(&self, status: u16) -> Reply;
    /// Leaves the first `keep` rows of a listing, and its told total unless `honest`.
    fn shorten(&self, body: &mut Value, keep: usize, honest: bool);
    /// Gives a success of a shape that nobody expects.
    fn garbage(&self, incoming: &Incoming) -> Value;
}

pub(crate) fn router<B: Backend>(backend: B) -> Router {
    Router::new().fallback(move |request: Request| handle(backend.clone(), request))
}

async fn handle<B: Backend>(backend: B, request: Request) -> Response {
    let incoming = Incoming::read(request).await;
    let method = backend.method_of(&incoming);
    let desk = backend.desk();
    let place = desk.calls.arrive(Call {
        at: desk.clock.now(),
        method,
        target: incoming.target.clone(),
        body: incoming.body.clone(),
        status: None,
        fault: None,
        over_quota: false,
        is_foreseeable: true,
        landed: false,
    });
    let admitted = desk.quota.admit();
    let wait = admitted.err();
    let crowd = backend.crowd();
    if wait.is_some() || crowd != Crowd::Room {
        let reply = backend.limit_reply(wait);
        desk.calls.note(place, |call| {
            call.over_quota = true;
            call.is_foreseeable = wait.is_some() || crowd == Crowd::Full;
            call.status = Some(reply.status);
        });
        return reply.into_response(false);
    }
    if let Ok(queued) = admitted
        && !queued.is_zero()
    {
        tokio::time::sleep(queued).await;
    }
    let Some((name, fault)) = desk.faults.pick(method) else {
        return carry_out(&backend, method, &incoming, place, None).await;
    };
    desk.calls.note(place, |call| call.fault = Some(name));
    if let Fault::Slow { delay } = fault {
        // In a task of its own: a platform goes on working when the client has hung up.
        let late = tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            carry_out(&backend, method, &incoming, place, None).await
        });
        return late
            .await
            .unwrap_or_else(|_| Reply::empty(500).into_response(false));
    }
    carry_out(&backend, method, &incoming, place, Some(fault)).await
}

async fn carry_out<B: Backend>(
    backend: &B,
    method: &'static str,
    incoming: &Incoming,
    place: usize,
    fault: Option<Fault>,
) -> Response {
    let calls = &backend.desk().calls;
    let do_it = || {
        let reply = backend.answer(method, incoming);
        calls.note(place, |call| call.landed = reply.landed);
        reply
    };
    let mut truncated = false;
    let reply = match fault {
        None | Some(Fault::Slow { .. }) => do_it(),
        Some(Fault::ReplyLost) => {
            do_it();
            return lost();
        }
        Some(Fault::DropBefore) => return lost(),
        Some(Fault::ErrorBefore { status }) => backend.error_reply(status),
        Some(Fault::ErrorAfter { status }) => {
            do_it();
            backend.error_reply(status)
        }
        Some(Fault::TooManyRequests { retry_after }) => Reply {
            retry_after,
            ..backend.limit_reply(None)
        },
        Some(Fault::SlowAnswer { delay }) => {
            let reply = do_it();
            tokio::time::sleep(delay).await;
            reply
        }
        Some(Fault::Truncated) => {
            truncated = true;
            do_it()
        }
        Some(Fault::ListingCut { keep }) => {
            reshaped(do_it(), |body| backend.shorten(body, keep, false))
        }
        Some(Fault::EmptyListing) => reshaped(do_it(), |body| backend.shorten(body, 0, true)),
        Some(Fault::HtmlError { status }) => Reply::html(status),
        Some(Fault::ExpiredToken) => backend.credentials_reply(method),
        Some(Fault::Garbage) => {
            do_it();
            Reply::json(200, backend.garbage(incoming))
        }
    };
    calls.note(place, |call| call.status = Some(reply.status));
    reply.into_response(truncated)
}

fn reshaped(mut reply: Reply, change: impl FnOnce(&mut Value)) -> Reply {
    if let Content::Text(bytes) = &reply.body {
        reply.body = Content::Json(serde_json::from_slice(bytes).unwrap_or_default());
    }
    if let Content::Json(body) = &mut reply.body {
        change(body);
    }
    reply
}

fn lost() -> Response {
    let mut response = Reply::empty(502).into_response(false);
    response.extensions_mut().insert(ConnectionLost);
    response
}

/// Gives its bytes and ends, with a pause before the end in which a server sends them out.
#[derive(Debug)]
struct BrokenOff {
    rest: Bytes,
    paused: bool,
}

impl AsyncRead for BrokenOff {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.rest.is_empty() && !self.paused {
            self.paused = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let now = self.rest.len().min(buf.remaining());
        buf.put_slice(&self.rest.split_to(now));
        Poll::Ready(Ok(()))
    }
}
