//! One target: how a notice is brought to it, once.
//!
//! What failed is told without the target's address, its headers, what was sent and what came back: a token may stand
//! in any of them. Only a test, which holds nothing of anybody, shows the answer.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use slotbridge_platform::seam::Seam;
use slotbridge_platform::transport::{Limits, Transport, TransportError, TransportFailure};

use super::command;
use super::notice::{Kind, Notice};
use super::template::Template;
use crate::render::words::clean;

/// No answer of a target needs to be longer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// The most characters of an answer that a test shows.
const SHOWN_CHARS_MAX: usize = 300;
/// Secrets shorter than this are not looked for in an answer: they would be found in ordinary words.
const SECRET_CHARS_MIN: usize = 4;

/// Where notices go, and which.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// The user's name for it.
    pub(crate) name: String,
    /// How they get there.
    pub(crate) way: Way,
    /// The kinds that it wants; all when it is empty.
    pub(crate) only: BTreeSet<Kind>,
    /// Whether client data may go there.
    pub(crate) show_clients: bool,
    /// The most notices in an hour.
    pub(crate) max_per_hour: usize,
    /// How long one attempt may take.
    pub(crate) timeout: Duration,
}

/// How notices get to a target.
#[derive(Debug, Clone)]
pub(crate) enum Way {
    /// A command gets them on its standard input: as JSON, or in the user's own words.
    Command {
        /// The program and its arguments.
        argv: Vec<String>,
        /// The user's own words.
        template: Option<Template>,
    },
    /// They are posted as JSON.
    Webhook(Endpoint),
    /// A message in words is posted, in one field of a JSON body.
    Message {
        /// Where to.
        endpoint: Endpoint,
        /// The field that holds the message.
        text_field: String,
        /// The words.
        template: Template,
        /// The other fields.
        fields: BTreeMap<String, FieldValue>,
    },
}

/// Where something is posted.
#[derive(Clone)]
pub(crate) struct Endpoint {
    /// The address; a token may be part of it.
    pub(crate) url: SecretString,
    /// The host, for people.
    pub(crate) host: String,
    /// Extra headers.
    pub(crate) headers: HeaderMap,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

/// A field of a message's body.
#[derive(Debug, Clone)]
pub(crate) enum FieldValue {
    /// A text, which may be a secret.
    Text(SecretString),
    /// A number.
    Number(u64),
    /// True or false.
    Flag(bool),
}

/// Whether trying again could help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    /// It could.
    Yes,
    /// It would fail in the same way.
    No,
    /// It could, but not before so long.
    After(Duration),
}

/// Why a notice did not arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// In words, without secrets.
    pub(crate) why: String,
    /// Whether trying again could help.
    pub(crate) retry: Retry,
    /// What came back, for a test only; known secrets are taken out.
    pub(crate) reply: Option<String>,
}

impl Failure {
    /// One that trying again would not mend.
    pub(crate) fn lasting(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            retry: Retry::No,
            reply: None,
        }
    }
}

/// What it takes to bring a notice somewhere.
#[derive(Debug, Clone)]
pub(crate) struct Means {
    /// Clock, waiting and random numbers.
    pub(crate) seam: Arc<dyn Seam>,
    /// What carries exchanges.
    pub(crate) transport: Arc<dyn Transport>,
}

impl Target {
    /// Whether a kind of notice goes there.
    pub(crate) fn takes(&self, kind: Kind) -> bool {
        match kind.topic() {
            None => true,
            Some(topic) => self.only.is_empty() || self.only.contains(&topic),
        }
    }

    /// How it is reached, for people.
    pub(crate) fn shown(&self) -> String {
        match &self.way {
            Way::Command { argv, .. } => {
                format!("the command {}", argv.first().map_or("", String::as_str))
            }
            Way::Webhook(endpoint) => format!("a webhook on {}", endpoint.host),
            Way::Message { endpoint, .. } => format!("a message by {}", endpoint.host),
        }
    }

    /// Brings a notice there, once.
    pub(crate) async fn bring(&self, notice: &Notice, means: &Means) -> Result<(), Failure> {
        match &self.way {
            Way::Command { argv, template } => {
                let input = match template {
                    None => notice.json(self.show_clients) + "\n",
                    Some(template) => self.words(template, notice),
                };
                command::run(argv, input.as_bytes(), self.timeout, means.seam.as_ref()).await
            }
            Way::Webhook(endpoint) => {
                let body = notice.json(self.show_clients);
                self.post(endpoint, body, &[], means).await
            }
            Way::Message {
                endpoint,
                text_field,
                template,
                fields,
            } => {
                let mut body: serde_json::Map<String, Value> = fields
                    .iter()
                    .map(|(name, value)| (name.clone(), value.json()))
                    .collect();
                let words = self.words(template, notice);
                body.insert(text_field.clone(), Value::String(words));
                let secrets: Vec<&str> = fields.values().filter_map(FieldValue::text).collect();
                let body = Value::Object(body).to_string();
                self.post(endpoint, body, &secrets, means).await
            }
        }
    }

    /// The notice in the user's words, or in ours where theirs do not fit after all.
    fn words(&self, template: &Template, notice: &Notice) -> String {
        template
            .render(notice, self.show_clients)
            .unwrap_or_else(|error| {
                tracing::warn!(target = %self.name, kind = notice.kind.as_str(), %error, "The template does not fit; the notice goes out in plain words.");
                notice.text(self.show_clients)
            })
    }

    async fn post(
        &self,
        endpoint: &Endpoint,
        body: String,
        secrets: &[&str],
        means: &Means,
    ) -> Result<(), Failure> {
        let mut request = http::Request::builder()
            .method(Method::POST)
            .uri(endpoint.url.expose_secret())
            .body(Bytes::from(body))
            .map_err(|_quotes_the_address| Failure::lasting("the address cannot be used"))?;
        let headers = request.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        headers.extend(endpoint.headers.clone());
        let limits = Limits {
            timeout: self.timeout,
            body_bytes_max: ANSWER_BYTES_MAX,
        };
        let answer = means
            .transport
            .exchange(request, limits)
            .await
            .map_err(|error| not_answered(&error, self.timeout))?;
        if answer.status().is_success() {
            return Ok(());
        }
        let mut failure = refused(&answer);
        failure.reply = endpoint.answer(answer.body(), secrets);
        Err(failure)
    }
}

impl FieldValue {
    fn json(&self) -> Value {
        match self {
            Self::Text(text) => text.expose_secret().into(),
            Self::Number(number) => (*number).into(),
            Self::Flag(flag) => (*flag).into(),
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.expose_secret()),
            Self::Number(_) | Self::Flag(_) => None,
        }
    }
}

impl Endpoint {
    /// The beginning of an answer, without anything that was secret about the request.
    fn answer(&self, body: &[u8], secrets: &[&str]) -> Option<String> {
        let url = self.url.expose_secret();
        let mut hidden: Vec<&str> = url.split(['/', '?', '&', '=', ':']).collect();
        hidden.retain(|part| *part != self.host);
        hidden.extend(
            self.headers
                .values()
                .filter_map(|value| value.to_str().ok()),
        );
        hidden.extend(secrets);
        hidden.retain(|part| part.chars().count() >= SECRET_CHARS_MIN);
        hidden.sort_by_key(|part| std::cmp::Reverse(part.len()));
        let text = clean(String::from_utf8_lossy(body).trim());
        let text = hidden
            .into_iter()
            .fold(text, |text, secret| text.replace(secret, "‹secret›"));
        let text: String = text.chars().take(SHOWN_CHARS_MAX).collect();
        (!text.is_empty()).then_some(text)
    }
}

fn not_answered(error: &TransportError, timeout: Duration) -> Failure {
    let (why, retry) = match error.failure {
        TransportFailure::NotSent => (format!("no connection: {}", clean(&error.why)), Retry::Yes),
        TransportFailure::NoReply => (
            format!("the connection broke off: {}", clean(&error.why)),
            Retry::Yes,
        ),
        TransportFailure::TimedOut => (format!("no answer within {timeout:?}"), Retry::Yes),
        TransportFailure::ReplyRefused => (
            "it redirects to another address, which is not followed, or its answer is too long"
                .to_owned(),
            Retry::No,
        ),
    };
    Failure {
        why,
        retry,
        reply: None,
    }
}

fn refused(answer: &http::Response<Bytes>) -> Failure {
    let status = answer.status();
    let retry = match status.as_u16() {
        429 | 503 => answer
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map_or(Retry::Yes, |seconds| {
                Retry::After(Duration::from_secs(seconds))
            }),
        408 | 425 | 500..=599 => Retry::Yes,
        _ => Retry::No,
    };
    let hint = match status.as_u16() {
        401 | 403 => "; the token or password is not accepted",
        404 => "; the address or the token in it is wrong",
        _ => "",
    };
    Failure {
        why: format!("the answer was {}{hint}", status.as_u16()),
        retry,
        reply: None,
    }
}
