//! What the platform's replies mean: status and body in, a judgement out, pure.
//!
//! Messages are Russian free text without codes (alfacrm contract, 3.3), so what is branched on is the status, the
//! shape of the body, the field that an error stands at, and only for a taken time a word of the text.

use std::time::Duration;

use http::header::RETRY_AFTER;
use slotbridge_platform::client::{Judgement, Repeat, Reply};
use slotbridge_platform::{ErrorKind, PlatformError, Retry};

use crate::request::{Ask, Shape};
use crate::wire::{self, Outcome};

/// The most of the platform's own words that an error carries.
const QUOTE_CHARS_MAX: usize = 200;
/// The longest wait that a throttle is believed.
const WAIT_SECS_MAX: u64 = 600;

/// Judges the reply to a call.
pub(crate) fn judge(ask: &Ask, reply: &Reply) -> Judgement {
    let status = reply.status.as_u16();
    let fail = |kind, why: String| {
        Judgement::Fail(
            PlatformError::new(kind, Retry::Never, ask.operation, why).with("status", status),
        )
    };
    match status {
        200..=299 => success(ask, reply),
        429 => Judgement::Throttled {
            after: retry_after(reply),
        },
        401 => fail(
            ErrorKind::Unauthenticated,
            said(reply, "the token is not valid"),
        ),
        403 if ask.shape == Shape::Login => fail(
            ErrorKind::Unauthenticated,
            said(reply, "the login was refused"),
        ),
        403 => fail(
            ErrorKind::Forbidden,
            said(
                reply,
                "access denied: the role of the API's user lacks v2api, this section or the branch",
            ),
        ),
        // A page for people is somebody else's word: it must not make a lesson look gone.
        404 if wire::body(&reply.body).is_some() => {
            fail(ErrorKind::NotFound, said(reply, "not found"))
        }
        404 => Judgement::Fail(senseless(
            ask,
            "an answer with status 404 that is not the API's",
        )),
        408 | 425 | 500..=599 => Judgement::Unavailable(said(reply, "the platform is in trouble")),
        // Also the complaints of a write that come with such a status (alfacrm contract, 3.3).
        400..=499 => {
            let complaints = wire::outcome(&reply.body).map(|outcome| outcome.errors);
            let error = match complaints {
                Some(complaints) if !complaints.is_empty() => refusal(ask, &complaints),
                _ => PlatformError::new(
                    ErrorKind::Refused,
                    Retry::Never,
                    ask.operation,
                    said(reply, "refused"),
                ),
            };
            Judgement::Fail(error.with("status", status))
        }
        _ => Judgement::Fail(senseless(ask, "an answer with an unexpected status")),
    }
}

fn success(ask: &Ask, reply: &Reply) -> Judgement {
    match ask.shape {
        // What a login brought is looked at where the token is taken out.
        Shape::Login => Judgement::Accept,
        Shape::Rows if wire::page(&reply.body).is_some() => Judgement::Accept,
        Shape::Rows => match wire::outcome(&reply.body) {
            // A read that is refused in the words of a write.
            Some(outcome) if is_refused(&outcome) => Judgement::Fail(refusal(ask, &outcome.errors)),
            _ => Judgement::Fail(senseless(ask, "an answer that is no list")),
        },
        Shape::Outcome => match wire::outcome(&reply.body) {
            Some(outcome) if is_refused(&outcome) => Judgement::Fail(refusal(ask, &outcome.errors)),
            Some(outcome)
                if outcome
                    .model
                    .as_ref()
                    .is_some_and(|model| wire::id(model.get("id")).is_some()) =>
            {
                Judgement::Accept
            }
            Some(_) => Judgement::Fail(senseless(ask, "a success that names no record")),
            None => Judgement::Fail(senseless(ask, "an answer that says nothing")),
        },
    }
}

/// Any complaint is a refusal, whatever else is said.
fn is_refused(outcome: &Outcome) -> bool {
    outcome.success == Some(false) || !outcome.errors.is_empty()
}

/// A write that the platform did not take.
fn refusal(ask: &Ask, complaints: &[(String, String)]) -> PlatformError {
    let taken = complaints.iter().any(|(field, text)| {
        let about_time = ["room", "teacher", "customer", "time", "date"]
            .iter()
            .any(|word| field.contains(word))
            || field.is_empty();
        let text = text.to_lowercase();
        about_time && (text.contains("занят") || text.contains("busy") || text.contains("occupied"))
            // `занятие` is a lesson, and stands in most complaints.
            && !only_lessons(&text)
    });
    let kind = if taken {
        ErrorKind::SlotTaken
    } else {
        ErrorKind::Refused
    };
    let words: Vec<String> = complaints
        .iter()
        .map(|(field, text)| match (field.is_empty(), text.is_empty()) {
            (true, _) => text.clone(),
            (false, true) => field.clone(),
            (false, false) => format!("{field}: {text}"),
        })
        .collect();
    let words = if words.is_empty() {
        "without a reason".to_owned()
    } else {
        words.join("; ")
    };
    PlatformError::new(
        kind,
        Retry::Never,
        ask.operation,
        format!("refused: {}", short(&words)),
    )
}

/// Whether every `занят…` of the text belongs to the word for a lesson.
fn only_lessons(text: &str) -> bool {
    let busy_elsewhere = text.contains("busy") || text.contains("occupied");
    !busy_elsewhere
        && text
            .match_indices("занят")
            .all(|(at, word)| text.split_at(at + word.len()).1.starts_with('и'))
}

/// A reply that says nothing that can be understood; a write may have landed all the same.
pub(crate) fn senseless(ask: &Ask, why: &str) -> PlatformError {
    let error = PlatformError::new(ErrorKind::BadReply, Retry::Later, ask.operation, why);
    match ask.repeat {
        Repeat::Safe => error,
        Repeat::Once => error.may_have_landed(),
    }
}

/// What was wrong, with the platform's words where it has some.
fn said(reply: &Reply, why: &str) -> String {
    let body = wire::body(&reply.body);
    let message = body.and_then(|body| {
        wire::filled(body.get("message")).or_else(|| {
            let complaints = wire::complaints(body.get("errors"));
            complaints.into_iter().map(|(_, text)| text).next()
        })
    });
    match message {
        Some(message) => format!("{why} ({})", short(&message)),
        None => why.to_owned(),
    }
}

fn short(text: &str) -> String {
    text.chars().take(QUOTE_CHARS_MAX).collect()
}

fn retry_after(reply: &Reply) -> Option<Duration> {
    let seconds: u64 = reply
        .headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds.min(WAIT_SECS_MAX)))
}
