//! What the tests of both platforms share: a client that calls a router in process.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use jiff::Timestamp;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::gate::ConnectionLost;

/// A Tuesday, 10:00 in Moscow.
pub(crate) const NOW: &str = "2031-05-06T07:00:00Z";

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
    pub(crate) retry_after: Option<String>,
    pub(crate) lost: bool,
}

impl Answer {
    /// The body as JSON; null if it isn't JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub(crate) fn data(&self) -> Value {
        self.json()["data"].clone()
    }
}

/// Calls a router with a JSON body, or none if it is null.
pub(crate) async fn call(
    router: &Router,
    verb: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Answer {
    let mut request = Request::builder().method(verb).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let response = router
        .clone()
        .oneshot(request.body(Body::from(body)).unwrap())
        .await
        .unwrap();
    let retry_after = response.headers().get(header::RETRY_AFTER);
    let retry_after = retry_after.map(|value| value.to_str().unwrap().to_owned());
    let lost = response.extensions().get::<ConnectionLost>().is_some();
    let status = response.status().as_u16();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Answer {
        status,
        text,
        retry_after,
        lost,
    }
}
