//! What the services' replies mean: status and body in, a judgement out, pure.
//!
//! Errors of the protocol come with status 200; what is branched on is the code, and the text only where one code has
//! several meanings (simplybook contract, 2.3 and 4).

use std::time::Duration;

use http::header;
use serde_json::Value;
use slotbridge_platform::client::{Judgement, Repeat, Reply};
use slotbridge_platform::{ErrorKind, PlatformError, Retry};

use crate::request::{Ask, Service};
use crate::wire::{self, Envelope};

/// The context under which an error names the id that its data hold. One of those that are shown as they are.
pub(crate) const EXISTING: &str = "record";

/// The most of the platform's own words that an error carries.
const QUOTE_CHARS_MAX: usize = 160;

/// Judges the reply to one call.
pub(crate) fn judge(ask: &Ask, id: u64, reply: &Reply) -> Judgement {
    let status = reply.status.as_u16();
    let body = wire::envelope(&reply.body, id);
    if let Some(Envelope::Failed {
        code,
        message,
        about,
    }) = &body
    {
        return failed(ask, *code, message, *about);
    }
    let fail = |kind, why: &str| {
        Judgement::Fail(
            PlatformError::new(kind, Retry::Never, ask.operation, why).with("status", status),
        )
    };
    match status {
        200..=299 => match body {
            Some(Envelope::Done(_)) => Judgement::Accept,
            // The request was not taken for one, so nothing came of it (simplybook contract, 1.3).
            Some(Envelope::Description) => Judgement::Fail(PlatformError::new(
                ErrorKind::BadReply,
                Retry::Later,
                ask.operation,
                "the service described itself instead of answering; check base_url",
            )),
            Some(Envelope::OfAnother) => {
                Judgement::Fail(senseless(ask, "the answer does not name this request"))
            }
            Some(Envelope::Odd | Envelope::Failed { .. }) => Judgement::Fail(senseless(
                ask,
                "an answer with neither a result nor an error",
            )),
            None => Judgement::Fail(senseless(ask, "an answer that is no JSON object")),
        },
        // What the platform answers when a limit is passed is not documented; these two were guessed by others
        // (simplybook contract, 3).
        403 | 429 => Judgement::Throttled { after: wait(reply) },
        401 => fail(ErrorKind::Unauthenticated, "the token is not accepted"),
        404 | 405 | 410 => fail(
            ErrorKind::Forbidden,
            "there is no such service at this address; check base_url",
        ),
        408 | 425 | 500..=599 => Judgement::Unavailable(format!("answered with {status}")),
        _ => Judgement::Fail(senseless(ask, &format!("an answer with status {status}"))),
    }
}

/// The result of an accepted reply.
pub(crate) fn result(id: u64, reply: &Reply) -> Value {
    match wire::envelope(&reply.body, id) {
        Some(Envelope::Done(result)) => result,
        _ => Value::Null,
    }
}

/// A reply that says nothing that can be understood; a write may have landed all the same.
pub(crate) fn senseless(ask: &Ask, why: &str) -> PlatformError {
    let error = PlatformError::new(ErrorKind::BadReply, Retry::Later, ask.operation, why);
    match ask.repeat {
        Repeat::Safe => error,
        Repeat::Once => error.may_have_landed(),
    }
}

fn failed(ask: &Ask, code: i64, message: &str, about: Option<u64>) -> Judgement {
    let folded = message.to_lowercase();
    if folded.contains("too many requests") || folded.contains("limit of requests") {
        return Judgement::Throttled { after: None };
    }
    let quoted: String = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let quoted: String = quoted.chars().take(QUOTE_CHARS_MAX).collect();
    if code == -32603 {
        return Judgement::Unavailable(format!("an internal error («{quoted}»)"));
    }
    let (kind, why) = meaning(ask, code, &folded);
    let message = format!("{why} («{quoted}»)");
    let error = PlatformError::new(kind, Retry::Never, ask.operation, message).with("code", code);
    Judgement::Fail(match about {
        Some(id) => error.with(EXISTING, id),
        None => error,
    })
}

/// What a code means (simplybook contract, 2.4 and 4).
fn meaning(ask: &Ask, code: i64, folded: &str) -> (ErrorKind, &'static str) {
    if folded.contains("selected time") && folded.contains("not available") {
        return (ErrorKind::SlotTaken, "the time is not available");
    }
    // A client or a service that is gone must never look like a booking that is gone.
    let missing = if ask.operation.starts_with("records.") && code != -3264 {
        ErrorKind::NotFound
    } else {
        ErrorKind::Refused
    };
    match code {
        -32600 if folded.contains("access denied") => (
            ErrorKind::Unauthenticated,
            "the token or key is not accepted",
        ),
        -32600 if folded.contains("company") => (
            ErrorKind::Forbidden,
            "the company is not known at this address; check company and base_url",
        ),
        -33001 => (
            ErrorKind::Forbidden,
            "the company is not known at this address; check company and base_url",
        ),
        -33002 => (
            ErrorKind::Unauthenticated,
            "the API key is wrong; check api_key",
        ),
        -33003 => (
            ErrorKind::Unauthenticated,
            "the user is not known or the password is wrong; check user and password",
        ),
        -33004 => (ErrorKind::Forbidden, "the user is blocked"),
        -33005 => (
            ErrorKind::Forbidden,
            "the company's HIPAA feature does not let this login in; use an API User Key",
        ),
        -32001 => (ErrorKind::Forbidden, "a custom feature is not switched on"),
        -32020 => (ErrorKind::Forbidden, "the user lacks a right"),
        -32090 => (
            ErrorKind::Forbidden,
            "this kind of key may not confirm bookings",
        ),
        -32012 | -32080 | -32095 => (missing, "no such booking"),
        -32085 => (
            ErrorKind::Refused,
            "the signature is not accepted: the secret_key is wrong or the booking's hash has changed",
        ),
        -32051 => (ErrorKind::Refused, "the service is not available"),
        -32052 => (
            ErrorKind::Refused,
            "the provider is not available for the service",
        ),
        -32053 => (ErrorKind::SlotTaken, "the day is not available"),
        -32054 => (ErrorKind::SlotTaken, "the time is not available"),
        -32055 => (ErrorKind::SlotTaken, "one of the times is not available"),
        -32056 => (
            ErrorKind::SlotTaken,
            "bookings are not allowed at that time",
        ),
        -32061 => (ErrorKind::Refused, "the client's name is not accepted"),
        -32062 => (
            ErrorKind::Refused,
            "the client's e-mail is missing or not accepted; the company's settings say what a client needs",
        ),
        -32063 => (
            ErrorKind::Refused,
            "the client's phone is missing or not accepted; the company's settings say what a client needs",
        ),
        -32070 => (
            ErrorKind::Refused,
            "an intake field is missing or not accepted; name values for the required ones as intake",
        ),
        -32036..=-32030 => (ErrorKind::Refused, "a promotion code is not accepted"),
        -32097 | -32099 => (ErrorKind::Refused, "the payment is not accepted"),
        -3264 => (ErrorKind::Refused, "no such client"),
        -32601 => (ErrorKind::Unsupported, "the service has no such method"),
        -32010 | -32011 | -32015 | -32602 => (ErrorKind::Refused, "the request is not accepted"),
        _ if ask.service == Service::Login => (ErrorKind::Unauthenticated, "the login is refused"),
        _ => (ErrorKind::Refused, "refused"),
    }
}

fn wait(reply: &Reply) -> Option<Duration> {
    let header = reply.headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    Some(Duration::from_secs(
        header.trim().parse::<u64>().ok()?.clamp(1, 3600),
    ))
}
