//! The shared HTTP client of the adapters: quota gate, retries, redaction and request log around one exchange.
//!
//! # Flow
//! [`Api::call`] waits at the gate, sends the request, and lets the adapter judge the reply.
//! What failed is repeated only where that is harmless:
//!
//! | what happened | [`Repeat::Safe`] | [`Repeat::Once`] |
//! | --- | --- | --- |
//! | [`Judgement::Throttled`] | again, up to 6 waits | again, up to 6 waits |
//! | no connection came about | again, up to 4 tries | again, up to 4 tries |
//! | no reply, or none in time | again, up to 4 tries | [`Retry::AfterObserving`] |
//! | [`Judgement::Unavailable`] | again, up to 4 tries | [`Retry::AfterObserving`] |
//! | the reply was refused | [`Retry::Later`] | [`Retry::AfterObserving`] |
//! | [`Judgement::Fail`] | as the adapter says | as the adapter says |
//!
//! # Guarantees
//! - Every try passes the gate, and is noted there before it is sent.
//! - No error and no log line holds a secret of the account, a body, a header, a query value, or what the request said
//!   about a client; foreign text in errors is scrubbed.
//! - Dropping the future ends the call for the gate; the fate of a write is then unknown.
//!
//! [`Retry::Later`]: crate::Retry::Later
//! [`Retry::AfterObserving`]: crate::Retry::AfterObserving

mod report;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};
use slotbridge_core::model::PlatformName;
use tracing::Instrument;

use crate::error::PlatformError;
use crate::gate::{EXCHANGE_MAX, Gate, PATIENCE};
use crate::platform::Priority;
use crate::redact::{CHARS_MAX, Redactor};
use crate::seam::Seam;
use crate::transport::{Limits, Transport, TransportError, TransportFailure};
use report::Attempt;

/// How often a call is tried again after a failed exchange or a server error.
const RETRIES_MAX: usize = 3;
/// How often a call waits out a throttle.
const THROTTLES_MAX: u32 = 6;
const RETRY_DELAY_MIN: Duration = Duration::from_millis(500);
const RETRY_DELAY_MAX: Duration = Duration::from_secs(10);
/// Header values from the config that are at least this long are taken for keys.
const HEADER_SECRET_BYTES_MIN: usize = 12;

/// The most bytes of one decoded reply.
pub const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;

/// What an [`Api`] is made of.
pub struct ApiParts {
    /// The user's name of the account.
    pub platform: PlatformName,
    /// What carries an exchange.
    pub transport: Arc<dyn Transport>,
    /// The quota gate of the account's scope.
    pub gate: Arc<Gate>,
    /// Clock, waiting and random numbers.
    pub seam: Arc<dyn Seam>,
    /// Where the platform is, a valid `http` or `https` URL without a slash at its end.
    pub base_url: String,
    /// How long one exchange may take; at most [`EXCHANGE_MAX`].
    pub timeout: Duration,
    /// Extra request headers from the config; what the adapter sets itself stays.
    pub headers: http::HeaderMap,
    /// Texts that must never reach a log or an error.
    pub secrets: Vec<SecretString>,
}

/// One account's way to its platform. Shared as `Arc<Api>`.
pub struct Api {
    platform: PlatformName,
    transport: Arc<dyn Transport>,
    gate: Arc<Gate>,
    seam: Arc<dyn Seam>,
    base_url: String,
    limits: Limits,
    headers: http::HeaderMap,
    redactor: Redactor,
}

/// One call to make.
pub struct Call<'a> {
    /// The adapter's name of the call, such as `records.list`.
    pub operation: &'static str,
    /// The request with its absolute URL and the adapter's headers.
    pub request: http::Request<Bytes>,
    /// Whether it may be made twice.
    pub repeat: Repeat,
    /// How urgent it is.
    pub priority: Priority,
    /// What the adapter makes of a reply.
    pub judge: &'a (dyn Fn(&Reply) -> Judgement + Send + Sync),
}

/// Whether a call may be made twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Repeat {
    /// A read: made again after a failed exchange, a server error and a throttle.
    Safe,
    /// A write: made again only when it certainly had no effect.
    Once,
}

/// A whole reply, whatever its status.
#[derive(Clone)]
pub struct Reply {
    /// The status.
    pub status: http::StatusCode,
    /// The headers.
    pub headers: http::HeaderMap,
    /// The decoded body.
    pub body: Bytes,
}

/// What an adapter makes of a reply.
#[derive(Debug)]
pub enum Judgement {
    /// It is what was asked for.
    Accept,
    /// Too many calls; this one had no effect. It waits, slows the scope down and tries again.
    Throttled {
        /// How long the platform wants us to wait, if it says so.
        after: Option<Duration>,
    },
    /// It failed for good. For a write whose fate is unclear the adapter says so with
    /// [`PlatformError::may_have_landed`].
    Fail(PlatformError),
    /// The platform is in trouble, in its own words: a read is made again; a write may have landed.
    Unavailable(String),
}

impl Api {
    /// Puts the parts together.
    pub fn new(parts: ApiParts) -> Self {
        let redactor = Redactor::default();
        parts
            .secrets
            .iter()
            .for_each(|secret| redactor.add_secret(secret.expose_secret()));
        let header_texts = parts
            .headers
            .values()
            .filter_map(|value| value.to_str().ok());
        header_texts
            .filter(|text| text.len() >= HEADER_SECRET_BYTES_MIN)
            .for_each(|text| redactor.add_secret(text));
        Self {
            platform: parts.platform,
            transport: parts.transport,
            gate: parts.gate,
            seam: parts.seam,
            base_url: parts.base_url,
            limits: Limits {
                timeout: parts.timeout.min(EXCHANGE_MAX),
                body_bytes_max: BODY_BYTES_MAX,
            },
            headers: parts.headers,
            redactor,
        }
    }

    /// Where the platform is, without a slash at the end.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Clock, waiting and random numbers.
    pub fn seam(&self) -> &Arc<dyn Seam> {
        &self.seam
    }

    /// The quota gate of the account's scope.
    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Adds a secret learned later, such as the token of a login.
    pub fn add_secret(&self, secret: &str) {
        self.redactor.add_secret(secret);
    }

    /// A foreign text as it may be shown: secrets and what looks private replaced, on one line, at most 200 characters.
    /// For findings and the reasons of unreadable rows; errors of [`Api::call`] are scrubbed already.
    pub fn scrub(&self, text: &str) -> String {
        self.redactor.scrub(text, &[], CHARS_MAX)
    }

    /// Makes a call.
    ///
    /// # Errors
    /// What the adapter's judge says, scrubbed; and what happens on the way there, by the table of this module.
    pub async fn call(&self, call: Call<'_>) -> Result<Reply, PlatformError> {
        let span =
            tracing::debug_span!("call", platform = %self.platform, operation = call.operation);
        self.try_until_settled(call).instrument(span).await
    }

    async fn try_until_settled(&self, mut call: Call<'_>) -> Result<Reply, PlatformError> {
        self.add_headers(&mut call.request);
        let ticket = self.gate.ticket();
        let mut delays = self.retry_delays();
        let (mut tries, mut throttles) = (0, 0);
        loop {
            let pass = self
                .gate
                .admit(call.priority, ticket)
                .await
                .map_err(|closed| self.not_let_through(&call, &closed))?;
            tries += 1;
            let begun = self.seam.elapsed();
            let outcome = self.exchange(call.request.clone()).await;
            let attempt = Attempt {
                call: &call,
                tries,
                lasted: self.seam.elapsed().saturating_sub(begun),
            };
            self.log(&attempt, &outcome);
            let (failure, may_repeat) = match outcome {
                Ok(reply) => match (call.judge)(&reply) {
                    Judgement::Accept => {
                        pass.went_through();
                        return Ok(reply);
                    }
                    Judgement::Fail(error) => {
                        pass.went_through();
                        return Err(self.judged(&attempt, reply.status, error));
                    }
                    Judgement::Throttled { after } => {
                        let pause = pass.throttled(after);
                        throttles += 1;
                        if throttles > THROTTLES_MAX || pause > PATIENCE {
                            return Err(self.throttled(&attempt, reply.status, pause));
                        }
                        // The gate keeps the pause.
                        continue;
                    }
                    Judgement::Unavailable(why) => {
                        drop(pass);
                        (
                            self.unavailable(&attempt, reply.status, &why),
                            call.repeat == Repeat::Safe,
                        )
                    }
                },
                Err(error) => {
                    drop(pass);
                    (
                        self.broken(&attempt, &error),
                        may_repeat(call.repeat, error.failure),
                    )
                }
            };
            let Some(delay) = delays.next().filter(|_| may_repeat) else {
                return Err(failure);
            };
            self.seam.sleep(delay).await;
        }
    }

    async fn exchange(&self, request: http::Request<Bytes>) -> Result<Reply, TransportError> {
        crate::tally::note();
        // The gate counts on the timeout, whatever the transport makes of it.
        let response = tokio::select! {
            biased;
            response = self.transport.exchange(request, self.limits) => response?,
            () = self.seam.sleep(self.limits.timeout) => {
                let why = format!("nothing within {} s", self.limits.timeout.as_secs());
                return Err(TransportError { failure: TransportFailure::TimedOut, why });
            }
        };
        let (head, body) = response.into_parts();
        Ok(Reply {
            status: head.status,
            headers: head.headers,
            body,
        })
    }

    fn add_headers(&self, request: &mut http::Request<Bytes>) {
        for name in self.headers.keys() {
            if !request.headers().contains_key(name) {
                for value in self.headers.get_all(name) {
                    request.headers_mut().append(name.clone(), value.clone());
                }
            }
        }
    }

    fn retry_delays(&self) -> ExponentialBackoff {
        ExponentialBuilder::new()
            .with_min_delay(RETRY_DELAY_MIN)
            .with_max_delay(RETRY_DELAY_MAX)
            .with_max_times(RETRIES_MAX)
            .with_jitter()
            .with_jitter_seed(self.seam.random())
            .build()
    }
}

/// Whether a call may be made again after its exchange failed like that.
fn may_repeat(repeat: Repeat, failure: TransportFailure) -> bool {
    match (repeat, failure) {
        (_, TransportFailure::NotSent)
        | (Repeat::Safe, TransportFailure::NoReply | TransportFailure::TimedOut) => true,
        (Repeat::Once, TransportFailure::NoReply | TransportFailure::TimedOut)
        | (_, TransportFailure::ReplyRefused) => false,
    }
}

impl fmt::Debug for ApiParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers of the config hold keys.
        f.debug_struct("ApiParts")
            .field("platform", &self.platform)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("platform", &self.platform)
            .field("gate", &self.gate.status())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("operation", &self.operation)
            .field("method", self.request.method())
            .field("repeat", &self.repeat)
            .field("priority", &self.priority)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
