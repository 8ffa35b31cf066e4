//! What a call says of itself: its errors, in words with the next step, and its line in the request log.

use std::fmt;
use std::time::Duration;

use super::{Api, Call, Repeat, Reply};
use crate::error::{ErrorKind, PlatformError, Retry};
use crate::gate::Closed;
use crate::redact::{self, CHARS_MAX};
use crate::transport::{TransportError, TransportFailure};

/// An adapter's own words and a platform's together.
const MESSAGE_CHARS_MAX: usize = 400;
/// Context whose values are ids and numbers, which would be taken for phones.
const PLAIN_KEYS: [&str; 7] = [
    "platform", "status", "tries", "page", "record", "line", "column",
];

const LOOKED_AT_FIRST: &str =
    "it may have landed, so the record is looked at before anything is repeated";
const LATER: &str = "it is tried again later";

/// One try of a call.
pub(super) struct Attempt<'a> {
    pub(super) call: &'a Call<'a>,
    pub(super) tries: u32,
    pub(super) lasted: Duration,
}

impl Api {
    pub(super) fn log(&self, attempt: &Attempt<'_>, outcome: &Result<Reply, TransportError>) {
        let call = attempt.call;
        let path = self.redactor.without_secrets(call.request.uri().path());
        let (status, bytes, failure) = match outcome {
            Ok(reply) => (Some(reply.status.as_u16()), Some(reply.body.len()), None),
            Err(error) => (None, None, Some(error.failure)),
        };
        // Platform and operation are named here too: a reader may not show spans.
        tracing::debug!(
            platform = %self.platform,
            operation = call.operation,
            method = %call.request.method(),
            path,
            status,
            bytes,
            failure = failure.map(tracing::field::debug),
            ms = u64::try_from(attempt.lasted.as_millis()).unwrap_or(u64::MAX),
            attempt = attempt.tries,
            "Called the platform."
        );
    }

    /// The gate let the call not through, so nothing was sent this time.
    pub(super) fn not_let_through(&self, call: &Call<'_>, closed: &Closed) -> PlatformError {
        let (kind, message) = match closed {
            Closed::Log(error) => {
                let why = self.redactor.scrub(&error.to_string(), &[], CHARS_MAX);
                (
                    ErrorKind::Unavailable,
                    format!(
                        "not called, because calls cannot be counted: {why}; check the database's disk space and rights"
                    ),
                )
            }
            Closed::TooLong { after } => {
                let seconds = after.as_secs();
                (
                    ErrorKind::RateLimited {
                        after: Some(*after),
                    },
                    format!(
                        "not called, because the quota leaves no room for another {seconds} s; {LATER}"
                    ),
                )
            }
        };
        PlatformError::new(kind, Retry::Later, call.operation, message)
            .with("platform", &self.platform)
    }

    /// The exchange broke.
    pub(super) fn broken(&self, attempt: &Attempt<'_>, error: &TransportError) -> PlatformError {
        let why = self.scrubbed(attempt, &error.why, CHARS_MAX);
        let what = match error.failure {
            TransportFailure::NotSent => "the platform cannot be reached",
            TransportFailure::NoReply => "the connection broke before the reply was complete",
            TransportFailure::TimedOut => "the platform did not answer in time",
            TransportFailure::ReplyRefused => "the platform's reply is not accepted",
        };
        let (retry, next) = match (attempt.call.repeat, error.failure) {
            (_, TransportFailure::NotSent) => (
                Retry::Later,
                "check the network and base_url; it is tried again later",
            ),
            (Repeat::Safe, _) => (Retry::Later, LATER),
            (Repeat::Once, _) => (Retry::AfterObserving, LOOKED_AT_FIRST),
        };
        self.told(
            attempt,
            PlatformError::new(
                ErrorKind::Transport,
                retry,
                attempt.call.operation,
                format!("{what}: {why}; {next}"),
            ),
        )
    }

    /// The platform is in trouble.
    pub(super) fn unavailable(
        &self,
        attempt: &Attempt<'_>,
        status: http::StatusCode,
        why: &str,
    ) -> PlatformError {
        let (retry, next) = match attempt.call.repeat {
            Repeat::Safe => (Retry::Later, LATER),
            Repeat::Once => (Retry::AfterObserving, LOOKED_AT_FIRST),
        };
        let why = self.scrubbed(attempt, why, CHARS_MAX);
        let message = if why.is_empty() {
            format!("the platform has trouble; {next}")
        } else {
            format!("the platform has trouble: {why}; {next}")
        };
        self.told(
            attempt,
            PlatformError::new(
                ErrorKind::Unavailable,
                retry,
                attempt.call.operation,
                message,
            ),
        )
        .with("status", status.as_u16())
    }

    /// The platform goes on refusing calls as too many.
    pub(super) fn throttled(
        &self,
        attempt: &Attempt<'_>,
        status: http::StatusCode,
        pause: Duration,
    ) -> PlatformError {
        let seconds = pause.as_secs();
        let message = format!(
            "the platform refuses calls as too many and wants a pause of {seconds} s; another program may use the same \
             key or address; it had no effect and is tried again later"
        );
        let kind = ErrorKind::RateLimited { after: Some(pause) };
        self.told(
            attempt,
            PlatformError::new(kind, Retry::Later, attempt.call.operation, message),
        )
        .with("status", status.as_u16())
    }

    /// The adapter says that it failed for good.
    pub(super) fn judged(
        &self,
        attempt: &Attempt<'_>,
        status: http::StatusCode,
        error: PlatformError,
    ) -> PlatformError {
        let mut error = error;
        error.message = self.scrubbed(attempt, &error.message, MESSAGE_CHARS_MAX);
        for (key, value) in &mut error.context {
            *value = if PLAIN_KEYS.contains(key) {
                self.redactor.without_secrets(value)
            } else {
                self.scrubbed(attempt, value, CHARS_MAX)
            };
        }
        error.source = error
            .source
            .take()
            .map(|source| Box::new(self.scrubbed_source(attempt, source.as_ref())) as _);
        if !error.context.iter().any(|(key, _)| *key == "status") {
            error = error.with("status", status.as_u16());
        }
        self.told(attempt, error)
    }

    fn told(&self, attempt: &Attempt<'_>, error: PlatformError) -> PlatformError {
        let error = error.with("platform", &self.platform);
        if attempt.tries > 1 {
            error.with("tries", attempt.tries)
        } else {
            error
        }
    }

    fn scrubbed(&self, attempt: &Attempt<'_>, text: &str, chars_max: usize) -> String {
        self.redactor
            .scrub(text, &redact::carried_by(&attempt.call.request), chars_max)
    }

    fn scrubbed_source(
        &self,
        attempt: &Attempt<'_>,
        source: &(dyn std::error::Error + Send + Sync + 'static),
    ) -> Underneath {
        // What serde quotes in its message is the reply's content; where it stands is not.
        let text = match source.downcast_ref::<serde_json::Error>() {
            Some(json) => format!(
                "{:?} error in JSON at line {} column {}",
                json.classify(),
                json.line(),
                json.column()
            ),
            None => self.scrubbed(
                attempt,
                &redact::without_quoted(&source.to_string()),
                CHARS_MAX,
            ),
        };
        Underneath(text)
    }
}

/// The scrubbed text of what was underneath an error.
struct Underneath(String);

impl fmt::Display for Underneath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Underneath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Underneath {}
