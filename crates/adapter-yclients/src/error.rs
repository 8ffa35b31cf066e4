//! What the platform's replies mean: status and body in, a judgement out, pure.
//!
//! The text of a refusal is in the branch's language and no contract; what is branched on is the status, the few known
//! codes, and only where these do not tell enough a word of the text (yclients contract, 1.2 and 5).

use std::time::Duration;

use http::header;
use serde_json::Value;
use slotbridge_platform::client::{Judgement, Repeat, Reply};
use slotbridge_platform::{ErrorKind, PlatformError, Retry};

use crate::wire::{self, Envelope, Object};

/// The most of the platform's own words that an error carries.
const QUOTE_CHARS_MAX: usize = 300;

/// Judges a reply to one call.
pub(crate) fn judge(operation: &'static str, repeat: Repeat, reply: &Reply) -> Judgement {
    let body = wire::envelope(&reply.body);
    let refusal = Refusal::read(body.as_ref());
    let status = reply.status.as_u16();
    if reply.status.is_success() {
        return success(operation, repeat, reply, body.as_ref(), &refusal);
    }
    let fail = |kind, retry, why: &str| {
        Judgement::Fail(
            PlatformError::new(kind, retry, operation, refusal.quoted(why)).with("status", status),
        )
    };
    match status {
        429 => Judgement::Throttled {
            after: wait(reply, &refusal),
        },
        401 => fail(
            ErrorKind::Unauthenticated,
            Retry::Never,
            "a token is not accepted, or the application is not connected to the branch",
        ),
        408 | 425 | 500..=599 => {
            Judgement::Unavailable(refusal.quoted(&format!("answered with {status}")))
        }
        // A gateway's page and not the platform's word: least of all is it the word that a record is gone.
        400..=499 if body.is_none() => Judgement::Fail(senseless(
            operation,
            repeat,
            &format!("an answer with status {status} that is not the platform's"),
        )),
        402 => fail(
            ErrorKind::Forbidden,
            Retry::Never,
            "the branch's licence has run out",
        ),
        400 | 403..=499 => {
            let (kind, why) = refused(status, operation, &refusal);
            fail(kind, Retry::Never, why)
        }
        _ => Judgement::Fail(senseless(
            operation,
            repeat,
            &format!("an answer with status {status}"),
        )),
    }
}

/// A reply that says nothing that can be understood; a write may have landed all the same.
pub(crate) fn senseless(operation: &'static str, repeat: Repeat, why: &str) -> PlatformError {
    let error = PlatformError::new(ErrorKind::BadReply, Retry::Later, operation, why);
    match repeat {
        Repeat::Safe => error,
        Repeat::Once => error.may_have_landed(),
    }
}

fn success(
    operation: &'static str,
    repeat: Repeat,
    reply: &Reply,
    body: Option<&Envelope>,
    refusal: &Refusal,
) -> Judgement {
    match body {
        // A removal is answered with nothing (yclients contract, 1.1); a page for people says nothing of it.
        None if operation == "records.remove" && reply.body.trim_ascii().is_empty() => {
            Judgement::Accept
        }
        None if reply.body.trim_ascii().is_empty() => {
            Judgement::Fail(senseless(operation, repeat, "an empty answer"))
        }
        None => Judgement::Fail(senseless(
            operation,
            repeat,
            "an answer that is no JSON object",
        )),
        // Possible beside a good status, and then a failure (yclients contract, 1.1).
        Some(body) if body.success == Some(false) || refusal.error_form => {
            let error = PlatformError::new(
                ErrorKind::Refused,
                Retry::Never,
                operation,
                refusal.quoted("a success by status that calls itself a failure"),
            );
            Judgement::Fail(match repeat {
                Repeat::Safe => error,
                Repeat::Once => error.may_have_landed(),
            })
        }
        Some(_) => Judgement::Accept,
    }
}

/// The kinds of a 4xx that is neither about tokens nor about quotas.
fn refused(status: u16, operation: &'static str, refusal: &Refusal) -> (ErrorKind, &'static str) {
    match refusal.code {
        Some(431) => return (ErrorKind::Refused, "the client's phone is not accepted"),
        Some(432) => {
            return (
                ErrorKind::Refused,
                "a code from a text message is asked for",
            );
        }
        Some(433) => return (ErrorKind::SlotTaken, "the time is taken"),
        Some(434) => {
            return (
                ErrorKind::Refused,
                "the client is on the branch's blacklist",
            );
        }
        Some(435) => return (ErrorKind::Refused, "the client's name is missing"),
        Some(436) => return (ErrorKind::SlotTaken, "nobody is free at that time"),
        Some(437) => {
            return (
                ErrorKind::SlotTaken,
                "the time overlaps another part of the same booking",
            );
        }
        Some(438) => return (ErrorKind::NotFound, "the service is gone"),
        Some(_) | None => {}
    }
    let says = |words: &[&str]| words.iter().any(|word| refusal.folded.contains(word));
    let creates = operation == "records.create";
    match status {
        403 => (ErrorKind::Forbidden, "the user lacks a right in the branch"),
        404 if says(&["филиал", "company", "location", "salon"]) => (
            // Not `NotFound`: a branch out of sight must never look like a record that is gone.
            ErrorKind::Forbidden,
            "the branch is not there or not visible to this user; check company_id",
        ),
        404 | 422
            if says(&[
                "сотрудник не найден",
                "staff not found",
                "услуга не найдена",
                "service not found",
            ]) =>
        {
            // The record that an update is about was read a moment ago.
            let kind = if creates {
                ErrorKind::NotFound
            } else {
                ErrorKind::Refused
            };
            (kind, "the member of staff or the service is not there")
        }
        404 | 410 => (ErrorKind::NotFound, "not there"),
        409 => (ErrorKind::SlotTaken, "the time is taken"),
        422 if says_taken(&refusal.folded) => (
            ErrorKind::SlotTaken,
            "the time is taken or outside the working hours",
        ),
        400 => (ErrorKind::Refused, "the request is not accepted"),
        _ => (ErrorKind::Refused, "refused"),
    }
}

/// Whether the words say that the time cannot be had. Whole words, because «занятие» is a lesson and not a refusal.
fn says_taken(folded: &str) -> bool {
    const WORDS: [&str; 7] = [
        "занят",
        "занята",
        "заняты",
        "занято",
        "нерабочим",
        "нерабочее",
        "busy",
    ];
    const PHRASES: [&str; 4] = [
        "не работает",
        "нельзя записаться",
        "non-working",
        "not available",
    ];
    folded
        .split(|letter: char| !letter.is_alphabetic())
        .any(|word| WORDS.contains(&word))
        || PHRASES.iter().any(|phrase| folded.contains(phrase))
}

/// How long to stay away: the header where there is one, else the number in the text (yclients contract, 9).
fn wait(reply: &Reply, refusal: &Refusal) -> Option<Duration> {
    let header = reply
        .headers
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok());
    let seconds = header
        .and_then(|text| text.trim().parse::<u64>().ok())
        .or_else(|| {
            let (_, after) = refusal
                .folded
                .split_once("через ")
                .or_else(|| refusal.folded.split_once("after "))?;
            let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        })?;
    // "Through 0 seconds" was seen, and coming back at once only earns the next refusal.
    Some(Duration::from_secs(seconds.clamp(1, 3600)))
}

/// What an error body says, in whichever of its forms.
#[derive(Debug, Default)]
struct Refusal {
    /// The platform's words, with the names of wrong fields but never their values.
    words: String,
    /// The same, lower case.
    folded: String,
    /// One of the business codes 431 to 438.
    code: Option<i64>,
    /// Whether the body has the company methods' error form, which knows no `success`.
    error_form: bool,
}

impl Refusal {
    fn read(body: Option<&Envelope>) -> Self {
        let Some(body) = body else {
            return Self::default();
        };
        let top = wire::object(body.beside.get("errors"));
        let errors = body.meta.get("errors");
        let mut parts: Vec<String> = Vec::new();
        let messages = [
            body.meta.get("message"),
            top.and_then(|top| top.get("message")),
            body.beside.get("message"),
        ];
        for message in messages {
            add(&mut parts, message.and_then(Value::as_str));
        }
        fields(&mut parts, errors);
        let codes = [
            body.meta.get("code"),
            top.and_then(|top| top.get("code")),
            body.beside.get("code"),
        ];
        let listed = wire::list(errors).unwrap_or_default();
        let code = codes
            .into_iter()
            .chain([wire::object(errors).and_then(|errors| errors.get("code"))])
            .chain(listed.into_iter().map(|entry| entry.get("code")))
            .filter_map(wire::int)
            .find(|code| (431..=438).contains(code));
        let words: String = parts.join("; ").chars().take(QUOTE_CHARS_MAX).collect();
        Self {
            folded: words.to_lowercase(),
            words,
            code,
            error_form: top.is_some(),
        }
    }

    /// Our words, with the platform's after them.
    fn quoted(&self, ours: &str) -> String {
        if self.words.is_empty() {
            ours.to_owned()
        } else {
            format!("{ours} («{}»)", self.words)
        }
    }
}

fn add(parts: &mut Vec<String>, text: Option<&str>) {
    let text = text
        .unwrap_or_default()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    if !text.is_empty() && !parts.contains(&text) {
        parts.push(text);
    }
}

/// `{field: [message]}`, `[{field: message}]` and `[{field_name, field_value, error_message}]`. The value is the
/// client's and is left out.
fn fields(parts: &mut Vec<String>, errors: Option<&Value>) {
    match errors {
        Some(Value::Object(errors)) => by_field(parts, errors),
        Some(Value::Array(errors)) => {
            for entry in errors {
                let Some(entry) = entry.as_object() else {
                    add(parts, entry.as_str());
                    continue;
                };
                match entry.get("error_message").and_then(Value::as_str) {
                    Some(message) => {
                        let field = entry
                            .get("field_name")
                            .and_then(Value::as_str)
                            .unwrap_or("?");
                        add(parts, Some(&format!("{field}: {message}")));
                    }
                    None => by_field(parts, entry),
                }
            }
        }
        _ => {}
    }
}

fn by_field(parts: &mut Vec<String>, errors: &Object) {
    for (field, said) in errors {
        let said = match said {
            Value::Array(said) => said
                .iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join(", "),
            Value::String(said) => said.clone(),
            _ => continue,
        };
        add(parts, Some(&format!("{field}: {said}")));
    }
}
