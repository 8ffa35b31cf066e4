//! A transport that calls the simulated platform's router without a socket.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::header;
use serde_json::{Value, json};
use slotbridge_platform::transport::{Limits, Transport, TransportError, TransportFailure};
use slotbridge_sim::ConnectionLost;
use tower::ServiceExt as _;

/// Calls the simulated platform's router, and shows some records with an impossible start.
#[derive(Debug)]
pub(super) struct InProcess {
    pub(super) router: Router,
    /// The records that are shown like that.
    pub(super) spoilt: Arc<Mutex<BTreeSet<u64>>>,
}

#[async_trait]
impl Transport for InProcess {
    async fn exchange(
        &self,
        request: http::Request<Bytes>,
        _limits: Limits,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let lost = |why: &str| TransportError {
            failure: TransportFailure::NoReply,
            why: why.to_owned(),
        };
        let response = self
            .router
            .clone()
            .oneshot(request.map(Body::from))
            .await
            .map_err(|never| match never {})?;
        if response.extensions().get::<ConnectionLost>().is_some() {
            return Err(lost("the connection was closed without an answer"));
        }
        let (head, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX)
            .await
            .map_err(|error| lost(&error.to_string()))?;
        let promised = head
            .headers
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        if promised.is_some_and(|promised: usize| promised != body.len()) {
            return Err(lost("the answer stopped in the middle"));
        }
        Ok(http::Response::from_parts(head, self.spoil(body)))
    }
}

impl InProcess {
    fn spoil(&self, body: Bytes) -> Bytes {
        let spoilt = self.spoilt.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(mut reply) = serde_json::from_slice::<Value>(&body) else {
            return body;
        };
        if spoilt.is_empty() {
            return body;
        }
        let data = reply.get_mut("data");
        let rows = match data {
            Some(Value::Array(rows)) => rows.iter_mut().collect(),
            Some(row) => vec![row],
            None => Vec::new(),
        };
        for row in rows {
            if row
                .get("id")
                .and_then(Value::as_u64)
                .is_some_and(|id| spoilt.contains(&id))
            {
                row["date"] = json!({"year": "soon"});
                row["datetime"] = json!(["tomorrow"]);
            }
        }
        reply.to_string().into()
    }
}
